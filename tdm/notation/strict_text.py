"""The strict reading of JSON and TOML text: what is ambiguous, not finite, too deep or not Unicode is refused.

A stock JSON reader takes the last of two equal keys, NaN, 1e400 as infinity and lone surrogates; a dose is too serious
for that.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator
from typing import Any, NoReturn

from tdm.notation.refusal import Refused, refuse
from tdm.notation.sentence import Said, entered, say

# Design rules: no case of a patient comes near these.
MOST_BYTES = 1_048_576
DEEPEST_NESTING = 32


def parse_json(source: bytes | str) -> Any:
    """Return the Python value of a JSON text (no units); raise `Refused` for anything else than strict JSON."""
    text = _decoded(source)
    if not text.strip():
        raise refuse("empty_input", "", say("The input is empty; a JSON object is expected."))
    _check_nesting(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except json.JSONDecodeError as error:
        where = say("line {line}, column {column}", line=str(error.lineno), column=str(error.colno))
        sentence = say("This is not JSON: {reason} at {where}.", reason=error.msg, where=where)
        raise refuse("not_json", "", sentence) from None
    check_texts(value)
    return value


def check_texts(value: Any) -> None:
    """Raise `Refused` if a parsed value (no unit) holds half of a surrogate pair anywhere."""
    for found in _texts(value):
        if any("\ud800" <= character <= "\udfff" for character in found):
            sentence = say("A text holds half of a surrogate pair, which is no Unicode character.")
            raise refuse("not_unicode", "", sentence)


def parse_toml(source: bytes | str) -> dict[str, Any]:
    """Return the table of a TOML text (no units); raise `Refused` with the line where it cannot be read."""
    try:
        return tomllib.loads(_decoded(source))
    except tomllib.TOMLDecodeError as error:
        raise refuse("not_toml", "", say("This is not TOML: {reason}.", reason=entered(str(error)))) from None
    except RecursionError:
        raise _nested_too_deep() from None


def _decoded(source: bytes | str) -> str:
    if len(source) > MOST_BYTES:
        accepted = say("at most {bound} bytes", bound=str(MOST_BYTES))
        raise refuse("too_large", "", say("The input is longer than {bound} bytes.", bound=str(MOST_BYTES)), accepted)
    if isinstance(source, str):
        return source.removeprefix("\ufeff")
    try:
        # a byte order mark, which some editors write, says nothing about the content
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(
            "not_utf8",
            "",
            say("The input is not {accepted} (byte {place}).", accepted="UTF-8", place=str(error.start)),
            Said("UTF-8"),
        ) from None


def _check_nesting(text: str) -> None:
    depth, inside, escaped = 0, False, False
    for character in text:
        if inside:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                inside = False
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            if depth > DEEPEST_NESTING:
                raise _nested_too_deep()
        elif character in "]}":
            depth -= 1


def _nested_too_deep() -> Refused:
    depth = str(DEEPEST_NESTING)
    sentence = say("The input nests deeper than {depth} levels.", depth=depth)
    return refuse("nested_too_deep", "", sentence, say("at most {depth} levels", depth=depth))


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                name = entered(repr(key)) if key.isidentifier() and len(key) <= 40 else say("A key")
                raise refuse("duplicate_key", "", say("{name} is given twice in one object.", name=name))
            seen.add(key)
    return table


def _no_constant(name: str) -> NoReturn:
    sentence = say("{name} is not a number that can be used; every number must be finite.", name=entered(name))
    raise refuse("not_finite", "", sentence)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        sentence = say("A number is too large to be represented; every number must be finite.")
        raise refuse("not_finite", "", sentence)
    return value


def _whole(digits: str) -> int | float:
    # beyond 15 digits no quantity of a case is meant; the fields' own ranges refuse the float
    return int(digits) if len(digits) <= 16 else _finite(digits)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
