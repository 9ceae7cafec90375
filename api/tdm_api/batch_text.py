"""The splitting of a batch into the texts of its cases, each left to the letter.

The strict door refuses a whole text for one doubtful character. A batch is therefore cut apart first: what is wrong
inside a case (a NaN, a key given twice, bytes that are not UTF-8) is that case's own problem and spoils no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tdm.notation.refusal import Refused, refuse
from tdm.notation.sentence import Said, say
from tdm.notation.strict_text import parse_json

MOST_CASES = 100
# A string (to the end of the text if it never ends), a bracket or a comma. Possessive, so that it is read once only.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[\]{},]', re.DOTALL)
_OPENING, _CLOSING = (b"[", b"{"), (b"]", b"}")


def split_cases(body: bytes) -> list[bytes]:
    """Return the text (bytes) of each case of `{"cases": [...]}`; raise `Refused` if the frame around them is wrong."""
    spans = _elements(body)
    frame = parse_json(_with_nulls(body, spans))
    if not isinstance(frame, dict):
        raise refuse("not_an_object", "", say("A batch is a JSON object with the field `cases`."))
    _check_fields(frame)
    return [body[start:end] for start, end in spans]


def _check_fields(frame: dict[str, object]) -> None:
    if "cases" not in frame:
        raise refuse("missing_field", "/cases", say("This field is required."))
    if len(frame) > 1:
        raise refuse("unknown_field", "", say("A batch has the field `cases` and no other."))
    cases = frame["cases"]
    if not isinstance(cases, list):
        raise refuse("not_a_list", "/cases", say("A list is expected here."))
    if not cases:
        raise refuse("too_few", "/cases", say("This list must not be empty."), _accepted())


def _elements(body: bytes) -> list[tuple[int, int]]:
    """The spans of what stands in a list directly inside the outermost object, without the blanks around it.

    Texts inside further fields are found too; the frame is refused for such fields anyway.
    """
    spans: list[tuple[int, int]] = []
    open_brackets: list[bytes] = []
    start = 0
    for token in _TOKEN.finditer(body):
        mark, inside = token[0], open_brackets == [b"{", b"["]
        if inside and mark in (b",", b"]"):
            spans += _stripped(body, start, token.start())
            start = token.end()
            _check_count(spans)
        if mark in _OPENING:
            open_brackets.append(mark)
            start = token.end() if open_brackets == [b"{", b"["] else start
        elif mark in _CLOSING and open_brackets:
            open_brackets.pop()
    return spans


def _stripped(body: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """The span without blanks, or none if nothing is left (the frame then shows the gap)."""
    text = body[start:end]
    begin = start + len(text) - len(text.lstrip(b" \t\r\n"))
    return [(begin, begin + len(text.strip(b" \t\r\n")))] if text.strip(b" \t\r\n") else []


def _with_nulls(body: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    """The frame: the text with null in the place of each case."""
    kept, last = [], 0
    for start, end in spans:
        kept += [body[last:start], b"null"]
        last = end
    return b"".join([*kept, body[last:]])


def _check_count(spans: list[tuple[int, int]]) -> None:
    if len(spans) > MOST_CASES:
        raise _too_many()


def _too_many() -> Refused:
    return refuse("too_many", "/cases", say("Too many entries: {accepted}.", accepted=_accepted()), _accepted())


def _accepted() -> Said:
    return say("1 to {bound} cases", bound=str(MOST_CASES))
