"""Sentences that know how they were made, so that a page can say them in another language.

A `Said` is a text like any other. It remembers its English template, which is the id of the message, and the values
that filled its gaps; a catalogue has the templates of another language by these ids. Numbers, units, dates and ids are
values and stay as they are. A value that the user entered is marked: it is no message, and a log must not have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


class Said(str):
    """An English text (no unit of its own) with the `template` and the `values` that it was made from.

    `values` may be sentences themselves. A text that was not made from a template is its own template.
    """

    template: str
    values: Mapping[str, str]
    __slots__ = ("template", "values")

    def __new__(cls, text: str = "", template: str | None = None, values: Mapping[str, str] | None = None) -> Said:
        """Return the text; without a template it stands for itself."""
        made = super().__new__(cls, text)
        made.template = str(text) if template is None else template
        made.values = dict(values or {})
        return made

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A field of this type takes any text and is written as a plain one."""
        return core_schema.no_info_after_validator_function(
            lambda text: text if isinstance(text, Said) else Said(text),
            core_schema.union_schema([core_schema.is_instance_schema(cls), core_schema.str_schema()]),
            serialization=core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema()),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """In a JSON Schema it is a string."""
        return {"type": "string"}


class Entered(str):
    """A value as the user entered it (a number, a name, a text; a unit where the user gave one)."""

    __slots__ = ()


class Listed(Said):
    """Several texts in a row, with the separator between them in `template`."""

    __slots__ = ()


def say(template: str, /, **values: str) -> Said:
    """Return a template with its gaps filled (values come formatted, with their units)."""
    return Said(template.format(**values), template, values)


def entered(value: str) -> Entered:
    """Return a value of the input, already formatted (with its unit if it has one), marked as entered."""
    return Entered(value)


def listed(parts: Iterable[str], separator: str = "; ") -> Listed:
    """Return texts in a row (units as in the texts)."""
    row = tuple(parts)
    made = Listed.__new__(Listed, separator.join(row), separator, {str(place): part for place, part in enumerate(row)})
    assert isinstance(made, Listed)  # by its class
    return made


def sentences(parts: Iterable[str]) -> Listed:
    """Return sentences one after the other (units as in the sentences)."""
    return listed(parts, " ")
