"""The core's sentences without what was entered.

At the bedside "A weight of 5800 kg is outside ..." helps; over HTTP an error may end in somebody's log, so there the
sentence names the field and the range, and not the value.
"""

from __future__ import annotations

from collections.abc import Mapping

from tdm.notation.refusal import Problem
from tdm.notation.sentence import Listed, Said, listed, say

# The templates that hold a value of the input, and what is said instead.
WITHOUT_VALUE: Mapping[str, str] = {
    "{quantity} of {value} {unit} is outside {accepted}.": "{quantity} is outside {accepted}.",
    "A date in the year {year} is outside {accepted}.": "The year of a date is outside {accepted}.",
    "{name} is given twice in one object.": "A key is given twice in one object.",
    "A level of {level} is below the limit of its method ({limit}); enter it as reported below a limit.": (
        "A level is below the limit of its method ({limit}); enter it as reported below a limit."
    ),
    "{value} {unit} is outside what the model {model} may be used for ({accepted}).": (
        "The value is outside what the model may be used for ({accepted})."
    ),
    "The typical half-life would be {half_life}; plausible are {accepted}. Check the units.": (
        "The typical half-life is not plausible; plausible are {accepted}. Check the units."
    ),
}


def unechoed(problem: Problem) -> Problem:
    """Return a problem whose sentence holds no value of the input."""
    return problem.model_copy(update={"message": _without_value(problem.message)})


def _without_value(text: str) -> Said:
    if not isinstance(text, Said):
        return Said(text)
    if isinstance(text, Listed):
        return listed([_without_value(part) for part in text.values.values()], text.template)
    if text.template in WITHOUT_VALUE:
        return say(WITHOUT_VALUE[text.template], **text.values)
    return text
