"""What is due when: the visits of the protocol and the monthly tests as dates from the start of treatment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tdm.knowledge.protocol import Protocol
from tdm.notation.clock import Clock
from tdm.patient.timeline import Timeline
from tdm.pk.event_table import SAME_INSTANT_H

Status = Literal["done", "overdue", "due", "not in the case"]
Item = Literal["level", "blood count", "liver", "kidney", "lipids", "glucose"]
# Monthly blood count, liver, kidney, lipids and glucose (PMC10087965); a level at the protocol's visits.
MONTHLY: tuple[Item, ...] = ("blood count", "liver", "kidney", "lipids", "glucose")
# Design rules: a test counts for a visit within this many days of it, and a visit is overdue after as many.
NEAR_DAYS = 14.0
# A month where times are hours.
MONTH_H = 730.5
# Visits that are listed: so many of those past, so many of those to come.
LISTED_PAST, LISTED_AHEAD = 3, 2
DAYS_OF_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True)
class Visit:
    """A visit: months after the start, when (h on the case's clock), and the state of each test then (no unit)."""

    month: int
    time_h: float
    of_protocol: bool
    items: tuple[tuple[Item, Status], ...]


def visits(timeline: Timeline, protocol: Protocol, start_h: float | None) -> tuple[Visit, ...]:
    """Return the last visits and the next ones (h), monthly and the protocol's; none before the first dose."""
    if start_h is None:
        return ()
    planned, now_h = protocol.follow_up.months if protocol.follow_up else (), timeline.now_h
    month = 0
    found: list[Visit] = []
    while sum(visit.time_h > now_h for visit in found) < LISTED_AHEAD:
        month += 1
        found.append(_visit(timeline, month, month in planned, start_h))
    past = [visit for visit in found if visit.time_h <= now_h]
    return (*past[-LISTED_PAST:], *(visit for visit in found if visit.time_h > now_h))


def _visit(timeline: Timeline, month: int, of_protocol: bool, start_h: float) -> Visit:
    time, now_h = months_after(timeline.clock, start_h, month), timeline.now_h
    levels = [level.time_h for level in timeline.levels]
    counts = [count.time_h for count in timeline.counts]
    items: list[tuple[Item, Status]] = [("level", _status(levels, time, now_h))] if of_protocol else []
    items.append(("blood count", _status(counts, time, now_h)))
    unknown: Status = "not in the case" if time <= now_h else "due"
    items += [(item, unknown) for item in MONTHLY if item != "blood count"]
    return Visit(month, time, of_protocol, tuple(items))


def _status(done_h: Sequence[float], time_h: float, now_h: float) -> Status:
    near = 24.0 * NEAR_DAYS
    if any(abs(one - time_h) <= near and one <= now_h + SAME_INSTANT_H for one in done_h):
        return "done"
    return "overdue" if now_h > time_h + near else "due"


def months_after(clock: Clock, start_h: float, months: int) -> float:
    """Return the time (h) so many calendar months after a start: the same day, or the last of a shorter month."""
    start = clock.time(start_h)
    if not isinstance(start, datetime):
        return start_h + MONTH_H * months
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    leap = month == 1 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    day = min(start.day, DAYS_OF_MONTH[month] + leap)
    return clock.hours(start.replace(year=year, month=month + 1, day=day))
