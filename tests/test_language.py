"""Every sentence that the core can say has a translation with the same gaps, and numbers stay as they are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from pydantic import BaseModel

import tdm
from tdm.answer import compose, summary
from tdm.decision import safety_rules
from tdm.knowledge import model, seeds
from tdm.notation import clock, quantities, refusal
from tdm.notation.sentence import Listed, Said, say
from tdm.review.findings import CATALOGUE
from tdm_api.language import CHINESE, ENGLISH, TAGS, Language, language, negotiated
from tests.bedside import answer
from tests.test_bad_input import EVERY as BAD
from tests.test_findings import TABLE

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = [language(tag) for tag in TAGS if tag != ENGLISH]
EACH = pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda one: one.tag)


def literal_templates() -> Iterator[str]:
    """Every template that stands as a literal in a call of `say`, or as one branch of it."""
    for path in (ROOT / "tdm").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
                texts = (one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant))
                yield from (text for text in texts if isinstance(text, str) and " " in text)


def quantities_of_the_core() -> list[quantities.Quantity]:
    return [one for one in vars(quantities).values() if isinstance(one, quantities.Quantity)]


def seed_texts() -> Iterator[str]:
    """The texts of the seeds that stand in sentences: reasons, borrowed diseases, other readings."""
    yield from (drug.handling for drug in seeds.load_interactions().drugs)
    yield from (seeds.load_label().texts[name] for name in compose.PRECAUTIONS)
    defaults = seeds.load_defaults()
    yield defaults.youngest_reason
    yield from (row.reason for row in defaults.rows)
    for model_id in seeds.model_ids():
        one = seeds.load_model(model_id)
        yield from (limit.reason for limit in one.limits if limit.reason)
        yield from (reading.label for ambiguity in one.ambiguities for reading in ambiguity.readings)
        if one.population and one.population.borrowed_from:
            yield one.population.borrowed_from


def templates() -> set[str]:
    """Everything that the core can say, but for the values that are data."""
    found = set(literal_templates()) | set(seed_texts())
    found |= {text for entry in CATALOGUE.values() for text in (entry.message, entry.action, entry.source)}
    found |= set(summary.ADVICE.values()) | {sentence for _, sentence in refusal._SENTENCES.values()}
    found |= set(refusal._BOUNDS.values()) | set(clock.KIND_IN_WORDS.values()) | set(model.WORDS.values())
    for one in quantities_of_the_core():
        found |= {text for text in (one.words, one.noun, one.below, one.beyond) if text}
    found |= {rule.sentence for rule in safety_rules.RULES}
    return found


def gaps(template: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def test_the_scan_finds_the_sentences() -> None:
    found = templates()
    assert len(found) > 200
    assert "No dose is advised." in found
    assert "{first} and {second} on alternate days" in found


@EACH
def test_every_sentence_has_a_translation_with_the_same_gaps(spoken: Language) -> None:
    missing = sorted(template for template in templates() if template not in spoken.templates)
    assert not missing, missing
    for template, other in spoken.templates.items():
        assert gaps(template) == gaps(other), template
        assert other.strip(), template


@EACH
def test_no_translation_is_left_over(spoken: Language) -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tdm").rglob("*.py"))
    known = templates()
    for template in spoken.templates:
        assert template in known or f'"{template}"' in source, template


def said_in(value: Any) -> Iterator[Said]:
    """Every sentence in an answer or a problem, the sentences within sentences too."""
    if isinstance(value, Said):
        yield value
        for part in value.values.values():
            yield from said_in(part if isinstance(part, Said) else Said(part))
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from said_in(getattr(value, name))
    elif isinstance(value, dict):
        yield from (one for part in value.values() for one in said_in(part))
    elif isinstance(value, (list, tuple)):
        yield from (one for part in value for one in said_in(part))


# What stays as it is in any language: equations, ids and names of fields, citations and texts of the protocols.
DATA = re.compile(
    r"[\d\s.,%<>=*/()^+:\[\]\-]*|.*(exp\(eta|\[L|L/h).*|[a-z0-9-]+( [\d.]+-[\d.]+ ng/mL)?|[\w./'-]+"
    r"|[-\d., ]+ ?(ng/mL|mg|h|%|umol/L|kg|L|L/h|x 10\^9/L)( .*)?"
)


def untranslated(spoken: Language, found: Any) -> set[str]:
    texts = {one for one in said_in(found) if not isinstance(one, Listed) and one.template not in spoken.templates}
    return {str(one) for one in texts if not DATA.fullmatch(one)}


DRUGS = " ".join(name for drug in seeds.load_interactions().drugs for name in drug.names)
DRUGS += " ".join(name.capitalize() for drug in seeds.load_interactions().drugs for name in drug.names)


@EACH
@pytest.mark.parametrize("edge", TABLE, ids=lambda edge: f"{edge.code}: {edge.rule}")
def test_the_answers_of_all_findings_are_translated(spoken: Language, edge: Any) -> None:
    found = answer(edge.case(edge.raises))
    texts = untranslated(spoken, found)
    protocol = {str(tdm.load_protocol(name).start) for name in seeds.protocol_ids()}
    published = " ".join(protocol) + found.basis.model_dump_json() + "some kit, EMIT, a drug that nobody knows" + DRUGS
    assert not {text for text in texts if text not in published}


@EACH
@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_the_problems_of_all_bad_inputs_are_translated(spoken: Language, bad: Any) -> None:
    with pytest.raises(tdm.Refused) as refused:
        tdm.recommend(tdm.read_case(bad.source))
    for problem in refused.value.problems:
        assert problem.message.template in spoken.templates or isinstance(problem.message, Listed), problem
        assert re.search(r"[\u4e00-\u9fff]", spoken.said(problem.message)), problem


def numbers(text: str) -> list[str]:
    return sorted(re.findall(r"\d+(?:\.\d+)?", text))


@EACH
@pytest.mark.parametrize("edge", TABLE, ids=lambda edge: f"{edge.code}: {edge.rule}")
def test_a_translation_has_the_numbers_of_the_sentence(spoken: Language, edge: Any) -> None:
    found = answer(edge.case(edge.raises))
    for text in (found.summary, *(one.message for one in found.findings), *(one.reason for one in found.options)):
        assert numbers(spoken.said(text)) == numbers(text)


def test_english_says_what_the_core_says() -> None:
    text = say("{dose} {often}", dose="1 mg", often="once daily")
    assert language(ENGLISH).said(text) == text == "1 mg once daily"


def test_a_sentence_is_said_in_chinese() -> None:
    one = tdm.recommend(tdm.read_case((ROOT / "examples" / "adult-ctd-low-trough.json").read_bytes()))
    spoken = language(CHINESE).said(one.summary)
    assert spoken == "建议加量至 2 mg 每日一次：谷浓度落在 6-15 ng/mL 的概率为 94 %；目前方案为 1 %。"


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        (None, ENGLISH),
        ("", ENGLISH),
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("zh", CHINESE),
        ("zh-Hans-SG", CHINESE),
        ("zh-TW,en;q=0.5", ENGLISH),
        ("en-GB,zh;q=0.9", ENGLISH),
        ("de,zh;q=0.4,en;q=0.3", CHINESE),
        ("fr", ENGLISH),
        ("zh;q=0", ENGLISH),
        ("zh;q=nonsense,;;,=", ENGLISH),
    ],
)
def test_the_language_follows_the_header(header: str | None, tag: str) -> None:
    assert negotiated(header) == tag


def test_a_sentence_is_a_text_like_any_other() -> None:
    text = say("{dose} {often}", dose="1 mg", often="once daily")
    assert isinstance(text, str)
    assert text.upper() == "1 MG ONCE DAILY"
    assert (text.template, dict(text.values)) == ("{dose} {often}", {"dose": "1 mg", "often": "once daily"})
