"""The languages of the page: the core's English sentences said in another one.

A sentence of the core knows its template, which is the id of the message, and the values of its gaps
(`tdm.notation.sentence`); the templates of a language are in its gettext catalogue. What is in no catalogue (numbers,
units, dates, ids, citations) and what the user entered stays as it is.
"""

from __future__ import annotations

import gettext
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path

from tdm.notation.sentence import Entered, Listed, Said

ENGLISH = "en"
CHINESE = "zh-CN"
TAGS = (ENGLISH, CHINESE)
FOLDER = Path(__file__).resolve().parent / "languages"
DOMAIN = "tdm"
# The context of the messages that join two texts of a list.
LIST = "list"


@dataclass(frozen=True)
class Language:
    """A language by its BCP 47 `tag`, with its catalogue of messages."""

    tag: str
    catalogue: gettext.NullTranslations

    def said(self, text: str) -> str:
        """Return a sentence of the core in this language; units, numbers and dates are not changed."""
        if not text or isinstance(text, Entered):
            return str(text)
        if not isinstance(text, Said):
            return self.catalogue.gettext(text)
        values = {name: self.said(value) for name, value in text.values.items()}
        if isinstance(text, Listed):
            pair = self.catalogue.pgettext(LIST, pair_of(text.template))
            return reduce(pair.format, values.values())
        template = self.catalogue.gettext(text.template)
        return template.format(**values) if values else template


@cache
def language(tag: str) -> Language:
    """Return the language of a tag; KeyError for one that is not offered."""
    if tag == ENGLISH:
        return Language(ENGLISH, gettext.NullTranslations())
    if tag not in TAGS:
        raise KeyError(tag)
    return Language(tag, gettext.translation(DOMAIN, FOLDER, [locale_of(tag)]))


def pair_of(separator: str) -> str:
    """Return the message that joins two texts of a list."""
    return f"{{0}}{separator}{{1}}"


def locale_of(tag: str) -> str:
    """Return the name of a language's folder, as gettext spells it."""
    return tag.replace("-", "_")


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
