"""The languages of the page: the core's English sentences said in another one.

A sentence of the core knows its template and the values of its gaps (`tdm.notation.sentence`); a language is a table
from templates to templates. What is in no table (numbers, units, dates, ids, citations) stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tdm.notation.sentence import Listed, Said
from tdm.notation.strict_text import parse_toml
from tdm.review.findings import CATALOGUE

ENGLISH = "en"
CHINESE = "zh-CN"
TAGS = (ENGLISH, CHINESE)
_FOLDER = Path(__file__).resolve().parent / "languages"


@dataclass(frozen=True)
class Language:
    """A language by its BCP 47 `tag`, with its templates by the English ones."""

    tag: str
    templates: Mapping[str, str]
    separators: Mapping[str, str]

    def said(self, text: str) -> str:
        """Return a sentence of the core in this language; units, numbers and dates are not changed."""
        if not isinstance(text, Said):
            return self.templates.get(text, text)
        values = {name: self.said(value) for name, value in text.values.items()}
        if isinstance(text, Listed):
            return self.separators.get(text.template, text.template).join(values.values())
        template = self.templates.get(text.template)
        if template is not None:
            return template.format(**values)
        return text.template.format(**values) if values else str(text)


@cache
def language(tag: str) -> Language:
    """Return the language of a tag; KeyError for one that is not offered."""
    if tag == ENGLISH:
        return Language(ENGLISH, {}, {})
    if tag not in TAGS:
        raise KeyError(tag)
    table = parse_toml((_FOLDER / f"{tag}.toml").read_bytes())
    separators, findings = table.pop("separators"), table.pop("finding")
    templates = dict(_flat(table))
    for code, entry in findings.items():
        templates[CATALOGUE[code].message] = entry["message"]
        templates[CATALOGUE[code].action] = entry["action"]
    return Language(tag, templates, separators)


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The sentences of all sections; the sections only help to read the file."""
    for key, value in table.items():
        if isinstance(value, str):
            yield key, value
        else:
            yield from _flat(value)


def negotiated(accept_language: str | None) -> str:
    """Return the tag of the offered language that an Accept-Language header (RFC 9110) prefers; English by default."""
    best, weight = ENGLISH, 0.0
    for item in (accept_language or "").split(","):
        name, _, quality = item.partition(";")
        tag = _offered(name.strip().lower())
        preference = _quality(quality)
        if tag is not None and preference > weight:
            best, weight = tag, preference
    return best


def _offered(name: str) -> str | None:
    primary, _, rest = name.partition("-")
    if primary == "zh" and not {"hant", "tw", "hk", "mo"} & set(rest.split("-")):
        return CHINESE
    return ENGLISH if primary in ("en", "*") else None


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0
