"""The one strict door for a case: bytes, text or a dict become a `Case`, or are refused with reasons."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from tdm.case.case import Case
from tdm.knowledge.seeds import load_model, load_protocol
from tdm.notation.refusal import refuse, refused_from
from tdm.notation.sentence import say
from tdm.notation.strict_text import check_texts, parse_json


def read_case(source: bytes | str | dict[str, Any]) -> Case:
    """Return the case that JSON (bytes or text) or a dict describes; units as in the names of its fields.

    Raises `Refused` with code, JSON Pointer and sentence of every problem; nothing is repaired, guessed or converted.
    """
    value = parse_json(source) if isinstance(source, (bytes, str)) else source
    check_texts(value)
    if not isinstance(value, dict):
        raise refuse("not_an_object", "", say("A case is a JSON object with named fields."))
    try:
        case = Case.model_validate(value)
    except ValidationError as error:
        raise refused_from(error) from None
    if isinstance(case.protocol, str):
        load_protocol(case.protocol)
    if isinstance(case.model, str):
        load_model(case.model)
    return case
