"""Every sentence that the core can say has a translation with the same gaps, and numbers stay as they are."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import tdm
from tdm.knowledge import seeds
from tdm.notation.sentence import Listed, Said, entered, listed, say, sentences
from tdm_api.language import CHINESE, ENGLISH, FOLDER, LIST, TAGS, Language, language, locale_of, negotiated
from tests.bedside import answer
from tests.messages import (
    LOCALES,
    catalogue_of,
    compile_catalogue,
    complaints,
    extracted,
    path_of,
    sentences_of,
    update,
)
from tests.messages import messages as written
from tests.test_bad_input import EVERY as BAD
from tests.test_findings import TABLE

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = [language(tag) for tag in TAGS if tag != ENGLISH]
EACH = pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda one: one.tag)


WRITTEN = {tag: written(catalogue_of(locale_of(tag))) for tag in TAGS if tag != ENGLISH}


def knows(spoken: Language, text: str) -> bool:
    return (None, text) in WRITTEN[spoken.tag]


def test_the_scan_finds_the_sentences() -> None:
    found = written(extracted())
    assert len(found) > 450
    for text in (
        "No dose is advised.",
        "{first} and {second} on alternate days",
        "Decrease to",  # one branch of a condition
        "Keep {regimen}: {chance} chance of a trough of {window}.",
        "stomatitis",
        "Contraception until 12 weeks after stopping.",
        "haematocrit",
    ):
        assert (None, text) in found
    assert (LIST, "{0}; {1}") in found


@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_has_a_translation_with_the_same_gaps_and_none_is_left_over(locale: str) -> None:
    assert not complaints(locale)


def test_a_catalogue_that_is_behind_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (locale,) = LOCALES
    shutil.copytree(FOLDER / locale, tmp_path / locale)
    monkeypatch.setattr("tests.messages.FOLDER", tmp_path)
    assert not complaints(locale)
    po = path_of(locale, "po")
    whole = po.read_text(encoding="utf-8")
    po.write_text(whole.replace('"{dose} per day"', '"{dose} a day"', 1), encoding="utf-8")
    assert complaints(locale) == [
        "no longer said: {dose} a day",
        "not in the catalogue: {dose} per day",
        "the compiled catalogue is another one",
    ]
    update(locale)
    assert complaints(locale) == ["a guess: {dose} per day", "the compiled catalogue is another one"]
    compile_catalogue(locale)
    assert complaints(locale) == ["a guess: {dose} per day"]
    assert language(CHINESE).said(say("{dose} per day", dose="1 mg")) == "每日 1 mg"


def test_a_new_message_is_found_wherever_it_stands() -> None:
    source = b"""
say("One {a}.", a="x")
say("Two" if condition else "Three" if other else "Four")
say(TABLE[key])
listed(parts)
listed(parts, " and ")
sentences(parts)
"""
    found = {text for _, _, text, _ in sentences_of(BytesIO(source), (), (), {})}
    joined = {(LIST, "{0}; {1}"), (LIST, "{0} and {1}"), (LIST, "{0} {1}")}
    assert found == {"One {a}.", "Two", "Three", "Four", *joined}


def test_a_list_is_joined_and_what_was_entered_is_not_translated() -> None:
    spoken = language(CHINESE)
    assert spoken.said(listed(["stomatitis", entered("stomatitis"), "x"], ", ")) == "口腔炎、stomatitis、x"
    assert spoken.said(sentences([say("No dose is advised.")])) == "不给出剂量建议。"
    assert spoken.said("") == spoken.said(Said("")) == spoken.said(listed([])) == ""


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
    r"|[-\d., ]+ ?(ng/mL|mg/dL|mg|h|%|umol/L|kg|L|L/h|x 10\^9/L)( .*)?"
)


def untranslated(spoken: Language, found: Any) -> set[str]:
    texts = {one for one in said_in(found) if not isinstance(one, Listed) and not knows(spoken, one.template)}
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
        assert knows(spoken, problem.message.template) or isinstance(problem.message, Listed), problem
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
