"""Problems without what was entered.

At the bedside "A weight of 5800 kg is outside ..." helps; over HTTP an error may end in somebody's log, so there an
ellipsis stands for every value that the core marks as entered.
"""

from __future__ import annotations

from tdm.notation.refusal import Problem
from tdm.notation.sentence import Entered, Listed, Said, listed, say

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def unechoed(problem: Problem) -> Problem:
    """Return a problem whose texts hold no value of the input; its pointer still says where the value stands."""
    accepted = None if problem.accepted is None else _without_entered(problem.accepted)
    return problem.model_copy(update={"message": _without_entered(problem.message), "accepted": accepted})


def _without_entered(text: str) -> Said:
    if isinstance(text, Entered):
        return Said(ELLIPSIS)
    if isinstance(text, Listed):
        return listed([_without_entered(part) for part in text.values.values()], text.template)
    if isinstance(text, Said) and text.values:
        return say(text.template, **{name: _without_entered(value) for name, value in text.values.items()})
    return text if isinstance(text, Said) else Said(text)
