"""The one way in which an input is refused.

An input that cannot be used raises `Refused`, with a stable code, the field and the accepted range for each problem.
A doubtful but computable one is answered with a finding instead (`tdm.review.findings`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import ErrorDetails, PydanticCustomError, ValidationError

from tdm.notation.sentence import Said, entered, say


class Problem(BaseModel):
    """One reason for a refusal: a stable `code`, the JSON Pointer of the field and one sentence.

    `accepted` states the accepted range with its unit, where there is one. The sentence never echoes more of the input
    than a single number or name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    pointer: str
    message: Said
    accepted: Said | None = None

    @property
    def says_accepted(self) -> bool:
        """Return whether the sentence itself states the accepted range (no unit)."""
        return any(value == self.accepted for value in _values_in(self.message))


def _values_in(text: str) -> Iterator[str]:
    """What stands in the gaps of a sentence and of the sentences within it."""
    for value in text.values.values() if isinstance(text, Said) else ():
        yield value
        yield from _values_in(value)


class Refused(Exception):
    """Raised instead of any answer when an input is malformed or outside a hard limit.

    `problems` is a non-empty tuple of `Problem`; numbers in their sentences carry their units.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.pointer or '(whole input)'}: {p.message}" for p in self.problems))


def refuse(code: str, pointer: str, message: Said, accepted: Said | None = None) -> Refused:
    """Return (not raise) a `Refused` with a single problem; units as in `message` and `accepted`."""
    return Refused([Problem(code=code, pointer=pointer, message=message, accepted=accepted)])


def problem_error(problems: Iterable[Problem]) -> PydanticCustomError:
    """Return the pydantic error that carries problems with pointers of their own through a validator (no units)."""
    found = tuple(problems)
    return PydanticCustomError("problems", "{summary}", {"summary": found[0].message, "problems": found})


def pointer_of(location: Iterable[str | int]) -> str:
    """Return the JSON Pointer (RFC 6901, no unit) of a path of keys and indices."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def refused_from(error: ValidationError, at: str = "") -> Refused:
    """Return the `Refused` that a pydantic validation error stands for; `at` is the pointer (no unit) of its root."""
    problems: dict[tuple[str, str], Problem] = {}
    for detail in error.errors(include_url=False):
        for problem in _problems_of(detail, at):
            problems.setdefault((problem.code, problem.pointer), problem)
    return Refused(problems.values())


# Sentences for the structural errors that pydantic finds by itself. Each names what is expected, never what was given.
_SENTENCES = {
    "missing": ("missing_field", "This field is required."),
    "extra_forbidden": ("unknown_field", "This field is unknown here; check its spelling."),
    "float_type": ("not_a_number", "A number is expected here."),
    "int_type": ("not_a_whole_number", "A whole number is expected here."),
    "int_from_float": ("not_a_whole_number", "A whole number is expected here."),
    "string_type": ("not_a_text", "A text is expected here."),
    "bool_type": ("not_yes_or_no", "true or false is expected here."),
    "tuple_type": ("not_a_list", "A list is expected here."),
    "list_type": ("not_a_list", "A list is expected here."),
    "model_type": ("not_an_object", "An object with named fields is expected here."),
    "model_attributes_type": ("not_an_object", "An object with named fields is expected here."),
    "dict_type": ("not_an_object", "An object with named fields is expected here."),
    "finite_number": ("not_finite", "A finite number is expected here."),
    "too_short": ("too_few", "This list must not be empty."),
    "string_too_short": ("empty_text", "This text must not be empty."),
    "string_unicode": ("not_unicode", "A text holds half of a surrogate pair, which is no Unicode character."),
    "string_too_long": ("too_long", "This text is too long."),
}


_BOUNDS = {
    "greater_than": "above {bound}",
    "greater_than_equal": "at least {bound}",
    "less_than": "below {bound}",
    "less_than_equal": "at most {bound}",
}
_BOUND_NAMES = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}


def _problems_of(detail: ErrorDetails, at: str) -> list[Problem]:
    context = detail.get("ctx", {})
    kind, pointer = detail["type"], at + pointer_of(_public(detail["loc"]))
    if kind == "problems":
        return [p.model_copy(update={"pointer": pointer + p.pointer}) for p in context["problems"]]
    if kind in _SENTENCES:
        code, sentence = _SENTENCES[kind]
        return [Problem(code=code, pointer=pointer, message=say(sentence))]
    if kind in _BOUNDS:
        accepted = say(_BOUNDS[kind], bound=f"{context[_BOUND_NAMES[kind]]:g}")
        sentence = say("Must be {accepted}.", accepted=accepted)
        return [Problem(code="out_of_range", pointer=pointer, message=sentence, accepted=accepted)]
    if kind == "too_long":
        accepted = say("at most {bound}", bound=str(context["max_length"]))
        sentence = say("Too many entries: {accepted}.", accepted=accepted)
        return [Problem(code="too_many", pointer=pointer, message=sentence, accepted=accepted)]
    if kind == "string_pattern_mismatch":
        sentence = say("An id has small letters, digits and hyphens, and begins with a letter or digit (at most 64).")
        return [Problem(code="bad_id", pointer=pointer, message=sentence)]
    if kind == "literal_error":
        return [_unknown_value(pointer, str(context["expected"]))]
    if kind == "union_tag_invalid":
        return [_unknown_value(f"{pointer}/{_discriminator(context)}", str(context["expected_tags"]))]
    if kind == "union_tag_not_found":
        sentence = say(_SENTENCES["missing"][1])
        return [Problem(code="missing_field", pointer=f"{pointer}/{_discriminator(context)}", message=sentence)]
    # the validator's own words may hold what was given
    sentence = say("This cannot be used: {reason}.", reason=entered(detail["msg"]))
    return [Problem(code=kind, pointer=pointer, message=sentence)]


def _unknown_value(pointer: str, known: str) -> Problem:
    accepted = say("{first} or {last}", first=known.rpartition(" or ")[0], last=known.rpartition(" or ")[2])
    accepted = accepted if " or " in known else Said(known)
    sentence = say("Expected {accepted}.", accepted=accepted)
    return Problem(code="unknown_value", pointer=pointer, message=sentence, accepted=accepted)


def _discriminator(context: Mapping[str, Any]) -> str:
    return str(context["discriminator"]).strip("'")


# Tags of tagged unions that pydantic adds to the path, by the key that holds the union.
_TAGS = {
    "residual": {"proportional", "additive", "combined", "log-normal"},
    "covariates": {"power", "exponential", "linear", "factor"},
}


def _public(location: tuple[int | str, ...]) -> list[int | str]:
    """Drop what pydantic adds to the path of the input: the tag after a tagged union, and the mark of a key."""
    path: list[int | str] = []
    holder = ""
    for part in location:
        if isinstance(part, str) and part in _TAGS.get(holder, ()):
            holder = ""
        elif part != "[key]":
            path.append(part)
            holder = part if isinstance(part, str) else holder
    return path
