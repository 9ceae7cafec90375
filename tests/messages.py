"""The catalogues of the core's messages: `python -m tests.messages update`, `compile` or `check`.

The id of a message is its English template. Messages are found in the code (what `say` gets, and what joins the texts
of a list), in the core's tables, and in the texts of the seeds.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter
from typing import IO, Any, get_args

from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

from tdm.answer import compose, summary
from tdm.case import case, entries, regimen
from tdm.decision import safety_rules
from tdm.knowledge import model, seeds
from tdm.notation import clock, quantities, refusal
from tdm.patient import follow_up
from tdm.review.findings import CATALOGUE
from tdm_api.language import DOMAIN, FOLDER, LIST, TAGS, locale_of, pair_of

ROOT = Path(__file__).resolve().parents[1]
# Whose sentences a page shows: the core's, and what the service says of too much work.
SOURCES = (*sorted((ROOT / "tdm").rglob("*.py")), ROOT / "api" / "tdm_api" / "workload.py")
LOCALES = tuple(locale_of(tag) for tag in TAGS[1:])
# What Babel looks for: a template, or what joins two texts of a list, with its context.
KEYWORDS = {"say": (1,), "listed": ((1, "c"), 2)}
# What an extractor of Babel yields: line, keyword, message (a context before it) and comments.
Found = tuple[int, str, str | tuple[str, str], list[str]]


# --- finding them -----------------------------------------------------------------------------------------------------


def sentences_of(source: IO[bytes], keywords: Any, comment_tags: Any, options: Any) -> Iterator[Found]:
    """Extract for Babel: each template that `say` gets, in all branches of a condition, and what joins a list."""
    for node in ast.walk(ast.parse(source.read())):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "id", "")
        if called == "say":
            yield from ((node.lineno, "say", text, []) for text in _constants(node.args[0]))
        elif called in ("listed", "sentences"):
            given = [text for argument in node.args[1:] for text in _constants(argument)]
            usual = "; " if called == "listed" else " "
            yield from ((node.lineno, "listed", (LIST, pair_of(text)), []) for text in given or [usual])


EXTRACTOR: Any = sentences_of  # Babel's own type of it is of an invariant list


def _constants(expression: ast.expr) -> Iterator[str]:
    if isinstance(expression, ast.IfExp):
        yield from _constants(expression.body)
        yield from _constants(expression.orelse)
    elif isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        yield expression.value


def texts_of_tables() -> Iterator[tuple[str, str]]:
    """Where the core keeps templates in tables, and words that it says of what was typed: file and text."""
    for entry in CATALOGUE.values():
        yield from (("tdm/review/findings.py", text) for text in (entry.message, entry.action, entry.source))
    yield from (("tdm/answer/summary.py", text) for text in summary.ADVICE.values())
    yield from (("tdm/decision/safety_rules.py", rule.sentence) for rule in safety_rules.RULES)
    yield from (("tdm/notation/refusal.py", sentence) for _, sentence in refusal._SENTENCES.values())
    yield from (("tdm/notation/refusal.py", text) for text in refusal._BOUNDS.values())
    yield from (("tdm/notation/clock.py", text) for text in clock.KIND_IN_WORDS.values())
    yield from (("tdm/knowledge/model.py", text) for text in model.WORDS.values())
    yield from (("tdm/case/regimen.py", text) for text in regimen.USUAL_WORDS.values())
    yield from (("tdm/case/entries.py", term) for term in get_args(entries.Term))
    yield from (("tdm/case/case.py", kind) for kind in get_args(case.FactKind))
    yield from (("tdm/patient/follow_up.py", item) for item in get_args(follow_up.Item))
    for one in vars(quantities).values():
        if isinstance(one, quantities.Quantity):
            words = (one.words, one.noun, one.below, one.beyond)
            yield from (("tdm/notation/quantities.py", text) for text in words if text)


def texts_of_seeds() -> Iterator[tuple[str, str]]:
    """The texts of the seeds that stand in sentences: reasons, borrowed diseases, other readings."""
    yield from (("seeds/interactions.toml", drug.handling) for drug in seeds.load_interactions().drugs)
    yield from (("seeds/label.toml", seeds.load_label().texts[name]) for name in compose.PRECAUTIONS)
    defaults = seeds.load_defaults()
    reasons = (defaults.youngest_reason, *(row.reason for row in defaults.rows))
    yield from (("seeds/defaults.toml", text) for text in reasons)
    for model_id in seeds.model_ids():
        one, path = seeds.load_model(model_id), f"seeds/models/{model_id}.toml"
        yield from ((path, limit.reason) for limit in one.limits if limit.reason)
        yield from ((path, reading.label) for ambiguity in one.ambiguities for reading in ambiguity.readings)
        if one.population and one.population.borrowed_from:
            yield path, one.population.borrowed_from


def extracted() -> Catalog:
    """Return every message of the core, without translations."""
    found = Catalog(domain=DOMAIN)
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        for line, text, _, context in extract_from_file(EXTRACTOR, path, KEYWORDS):
            _add(found, name, line, text[-1] if isinstance(text, tuple) else text, context)
    for name, text in (*texts_of_tables(), *texts_of_seeds()):
        _add(found, name, 1, text, None)
    return found


def _add(catalog: Catalog, name: str, line: int, text: str, context: str | None) -> None:
    if text:
        catalog.add(text, locations=[(name, line)], context=context)


# --- the files --------------------------------------------------------------------------------------------------------


def path_of(locale: str, ending: str) -> Path:
    """Return where the catalogue of a locale is: `po` for people, `mo` for the program."""
    return FOLDER / locale / "LC_MESSAGES" / f"{DOMAIN}.{ending}"


def catalogue_of(locale: str) -> Catalog:
    """Return the catalogue of a locale as people write it."""
    path = path_of(locale, "po")
    if path.exists():
        with path.open("rb") as file:
            return read_po(file, locale, DOMAIN)
    return Catalog(
        locale,
        DOMAIN,
        header_comment=f"# The sentences of the calculator in {locale}; see ../../README.md.",
        project="sirolimus-tdm",
        version="0",
        last_translator="sirolimus-tdm",
        language_team=locale,
        creation_date=datetime(2026, 1, 1, tzinfo=UTC),
        revision_date=datetime(2026, 1, 1, tzinfo=UTC),
        fuzzy=False,
    )


def write(locale: str, catalog: Catalog) -> None:
    """Write a catalogue for people: without numbers of lines, which would change with every edit of the code."""
    for message in catalog:
        message.flags -= {"python-format"}  # "90 % interval" is no format
    path = path_of(locale, "po")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=0, ignore_obsolete=True, include_previous=True, include_lineno=False)


def update(locale: str) -> None:
    """Bring a catalogue up to date; the translation of a changed text stays beside it as a guess (`fuzzy`)."""
    catalog = catalogue_of(locale)
    catalog.update(extracted(), update_creation_date=False)
    write(locale, catalog)


def compile_catalogue(locale: str) -> None:
    """Write the catalogue that the program reads; guesses and gaps are left out."""
    with path_of(locale, "mo").open("wb") as file:
        write_mo(file, catalogue_of(locale))


def messages(catalog: Catalog) -> dict[tuple[str | None, str], Message]:
    """Return the messages of a catalogue by context and id, without its head."""
    return {(one.context, str(one.id)): one for one in catalog if one.id}


def gaps(template: str) -> list[str]:
    """Return the names of the gaps of a template."""
    return sorted(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def complaints(locale: str) -> list[str]:
    """Return what is wrong with the catalogue of a locale."""
    catalog, known = catalogue_of(locale), messages(extracted())
    written = messages(catalog)
    found = [f"not in the catalogue: {text}" for _, text in known.keys() - written.keys()]
    found += [f"no longer said: {text}" for _, text in written.keys() - known.keys()]
    found += [f"obsolete: {one}" for one in catalog.obsolete]
    for (_, text), one in written.items():
        if one.fuzzy:
            found.append(f"a guess: {text}")
        elif not one.string:
            found.append(f"not translated: {text}")
        elif gaps(str(one.string)) != gaps(text):
            found.append(f"other gaps: {text}")
    with path_of(locale, "mo").open("rb") as file:
        compiled = {key: one.string for key, one in messages(read_mo(file)).items()}
    if compiled != {key: one.string for key, one in written.items() if one.string and not one.fuzzy}:
        found.append("the compiled catalogue is another one")
    return sorted(found)


def main() -> int:
    """Run a command for every language; return 1 if there is something to complain about."""
    parser = argparse.ArgumentParser(prog="python -m tests.messages", description=__doc__)
    parser.add_argument("command", choices=["update", "compile", "check"])
    command = parser.parse_args().command
    found: list[str] = []
    for locale in LOCALES:
        if command == "update":
            update(locale)
        if command in ("update", "compile"):
            compile_catalogue(locale)
        found += [f"{locale}: {one}" for one in complaints(locale)]
    print("\n".join(found) or "every message is translated")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
