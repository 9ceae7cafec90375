"""The page's own words, one file per language with the same keys; the core's sentences come from `api.language`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tdm_api.language import Language

_FOLDER = Path(__file__).resolve().parent / "texts"
# The languages in which the page can be read, by tag, each named in itself.
NAMES: Mapping[str, str] = {"en": "English", "zh-CN": "中文"}


@dataclass(frozen=True)
class Texts:
    """The words of one language by their dotted keys; numbers in them are already text with their units."""

    tag: str
    words: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Return the words of a key with its gaps filled; raise KeyError for a missing key, a mistake of the page."""
        return self.words[key].format(**values) if values else self.words[key]

    def has(self, key: str) -> bool:
        """Return whether there are words for a key."""
        return key in self.words


@dataclass(frozen=True)
class Reader:
    """Who reads the page: the page's own words (`t`) and the core's sentences, in one language."""

    t: Texts
    language: Language

    def say(self, text: str) -> str:
        """Return a sentence of the core in the reader's language; units and numbers do not change."""
        return self.language.said(text)


@cache
def texts(tag: str) -> Texts:
    """Return the page's words in a language; any other tag than those of `NAMES` gets English."""
    known = tag if tag in NAMES else "en"
    table = tomllib.loads((_FOLDER / f"{known}.toml").read_text(encoding="utf-8"))
    return Texts(known, dict(_flat(table)))


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        found += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, str(value))]
    return found
