"""What surrounds the level: liver, assay, tolerance, response, adherence, visits; each check raises findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from tdm.knowledge.assay import method_of
from tdm.knowledge.label import LabelRules
from tdm.knowledge.liver import WORDS, liver_change
from tdm.knowledge.protocol import Window
from tdm.notation.formatting import when
from tdm.notation.sentence import Said, listed, say
from tdm.patient.follow_up import Visit
from tdm.patient.history import History
from tdm.patient.platelet_response import ResponseFound
from tdm.review.findings import Finding, finding


def review_care(
    history: History, label: LabelRules, response: ResponseFound | None, window: Window | None
) -> list[Finding]:
    """Return the findings on liver, assays, adherence and response; sentences carry their units."""
    return [
        *_liver(history, label),
        *_methods(history),
        *_adherence(history),
        *_response(history, response, window),
    ]


def review_visits(history: History, found: Sequence[Visit]) -> list[Finding]:
    """Return the findings on visits that are overdue (dates, or hours)."""
    overdue = []
    for visit in found:
        late = [say(item) for item, status in visit.items if status == "overdue"]
        if late:
            overdue.append(say("{what} of {time}", what=listed(late, ", "), time=when(history.clock, visit.time_h)))
    return [finding("visit_overdue", what=listed(overdue))] if overdue else []


def _liver(history: History, label: LabelRules) -> Iterator[Finding]:
    child_pugh = history.timeline.child_pugh
    if child_pugh is None:
        return
    word = WORDS[child_pugh]
    code = "liver_severe" if child_pugh == "C" else "liver_impaired"
    yield finding(
        code,
        child_pugh=child_pugh,
        change=f"{label.number(f'hepatic_{word}_clearance_change_percent'):g} %",
        reduction=say("one half") if child_pugh == "C" else say("one third"),
        clearance=f"{liver_change(child_pugh, label).cl:.3g}",
    )


def _methods(history: History) -> Iterator[Finding]:
    used = [drawn for drawn in history.used if drawn.level.assay]
    for before, after in pairwise(used):
        one, other = method_of(before.level.assay), method_of(after.level.assay)
        if one is not None and other is not None and one.family != other.family:
            yield finding(
                "assay_changed",
                time=when(history.clock, after.time_h),
                method=Said(after.level.assay or ""),
                before=Said(before.level.assay or ""),
            )


def _adherence(history: History) -> Iterator[Finding]:
    if any(order.taken == "prescribed" for order in history.timeline.orders):
        yield finding("doses_only_prescribed")
    timeline = history.timeline
    for event in timeline.events:
        over = event.end_h is not None and not timeline.is_ahead(event.end_h)
        if event.term == "diarrhoea" and not over and not timeline.is_ahead(event.time_h):
            yield finding("diarrhoea")


def _response(history: History, response: ResponseFound | None, window: Window | None) -> Iterator[Finding]:
    if response is None:
        return
    if response.lost:
        yield finding("response_lost", count=f"{response.last_10e9_l:g} x 10^9/L")
    trough = history.last_trough
    inside = (
        window is not None
        and trough is not None
        and not trough.level.censored
        and window.low_ng_ml <= trough.level.value_ng_ml <= window.high_ng_ml
    )
    if response.response == "NR" and inside and trough is not None:
        yield finding("level_not_the_reason", level=f"{trough.level.value_ng_ml:g} ng/mL", window=str(window))
