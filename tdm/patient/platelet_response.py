"""The response of the platelets: CR, R and NR by the International Working Group, its confirmation, and its loss.

Rodeghiero 2009, Blood 113:2386: CR is 100 x 10^9/L or more and no bleeding; R is 30 or more, at least twice the
baseline, and no bleeding; NR otherwise. CR and R are confirmed on two counts at least 7 days apart, NR and a loss of
response at least 1 day apart. Some papers print "or" for the "and" of R: it is a variant that a case may choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tdm.patient.timeline import Count

Response = Literal["CR", "R", "NR"]
Definition = Literal["and", "or"]
COMPLETE_10E9_L = 100.0
RESPONSE_10E9_L = 30.0
TIMES_BASELINE = 2.0
CONFIRM_RESPONSE_DAYS = 7.0
CONFIRM_NONE_DAYS = 1.0
SOURCE = "IWG: Rodeghiero 2009, Blood 113:2386"


@dataclass(frozen=True)
class ResponseFound:
    """The response at the last count, whether it is confirmed, whether one was lost, and the trials' PR; no units."""

    response: Response
    confirmed: bool
    lost: bool
    partial_by_trials: bool
    baseline_10e9_l: float
    last_10e9_l: float


def classified(count: Count, baseline_10e9_l: float, definition: Definition) -> Response:
    """Return the class (no unit) of one count against the baseline (10^9/L)."""
    enough, doubled = count.count_10e9_l >= RESPONSE_10E9_L, count.count_10e9_l >= TIMES_BASELINE * baseline_10e9_l
    if count.bleeding:
        return "NR"
    if count.count_10e9_l >= COMPLETE_10E9_L:
        return "CR"
    return "R" if (enough and doubled if definition == "and" else enough or doubled) else "NR"


def response_of(counts: Sequence[Count], definition: Definition) -> ResponseFound | None:
    """Return the response (no unit) of counts (10^9/L) in order of time, the first being the baseline.

    None without a count after the baseline.
    """
    if len(counts) < 2:
        return None
    baseline, last = counts[0].count_10e9_l, counts[-1]
    days = [one.time_h / 24.0 for one in counts[1:]]
    classes = [classified(one, baseline, definition) for one in counts[1:]]
    now = classes[-1]
    return ResponseFound(
        response=now,
        confirmed=_confirmed_at(classes, days, len(classes) - 1),
        lost=now == "NR" and any(c != "NR" and _confirmed_at(classes, days, i) for i, c in enumerate(classes)),
        partial_by_trials=last.count_10e9_l < COMPLETE_10E9_L and last.count_10e9_l >= TIMES_BASELINE * baseline,
        baseline_10e9_l=baseline,
        last_10e9_l=last.count_10e9_l,
    )


def _confirmed_at(classes: Sequence[Response], days: Sequence[float], last: int) -> bool:
    """Whether the class of a count is that of the unbroken row of counts before it, over long enough."""
    rank = {"NR": 0, "R": 1, "CR": 2}
    goal = classes[last]
    first = last
    while first > 0 and (classes[first - 1] == "NR" if goal == "NR" else rank[classes[first - 1]] >= rank[goal]):
        first -= 1
    needed = CONFIRM_NONE_DAYS if goal == "NR" else CONFIRM_RESPONSE_DAYS
    return days[last] - days[first] >= needed
