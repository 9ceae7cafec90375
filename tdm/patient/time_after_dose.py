"""When a level was drawn: how long after which dose, and whether that makes it a trough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tdm.case.entries import MOST_DOSES, MOST_RUNS_TIMES_LEVELS, Dose, Level
from tdm.notation.clock import Clock, kind_of
from tdm.notation.refusal import refuse
from tdm.notation.sentence import say
from tdm.patient.dosing import declared_runs, interval_after, same_minute, single_doses
from tdm.pk.event_table import SAME_INSTANT_H, Runs
from tdm.pk.superposition import Floats

# Design rules.
# A trough was drawn from this part of the dosing interval on ...
TROUGH_FROM = 0.8
# ... and not later than this part of it.
TROUGH_UNTIL = 1.2
# A level up to this long after a charted dose (h) was drawn before it: nobody draws on purpose while it is absorbed.
JUST_AFTER_H = 0.5


@dataclass(frozen=True)
class Sampled:
    """How long after a dose a level was drawn, and the dosing interval then, h; None before the first dose."""

    since_dose_h: float | None
    interval_h: float | None

    @property
    def is_trough_or_later(self) -> bool:
        """Return whether the level was drawn near the end of a dosing interval or after it (no unit)."""
        if self.since_dose_h is None or self.interval_h is None:
            return False
        return self.since_dose_h + SAME_INSTANT_H >= TROUGH_FROM * self.interval_h

    @property
    def is_trough(self) -> bool:
        """Return whether the level was drawn near the end of a dosing interval (no unit)."""
        if self.since_dose_h is None or self.interval_h is None:
            return False
        return self.is_trough_or_later and self.since_dose_h - SAME_INSTANT_H <= TROUGH_UNTIL * self.interval_h


def time_after_dose(doses: Sequence[Dose], levels: Sequence[Level]) -> tuple[Sampled, ...]:
    """Return when each level was drawn after its dose (h), in the order of the levels, as a form shows it.

    Doses and levels that do not make a case yet are enough. Raises `Refused` where their times are of different kinds
    or where there are more than a case may have.
    """
    times = [*(dose.time for dose in doses), *(level.time for level in levels)]
    if len({kind_of(time) for time in times}) > 1:
        raise refuse("mixed_times", "/doses", say("The times of doses and levels are of different kinds."))
    too_many = len(doses) * len(levels) > MOST_RUNS_TIMES_LEVELS or sum(dose.times for dose in doses) > MOST_DOSES
    if too_many:
        raise refuse("too_many", "/doses", say("There are too many doses for so many levels."))
    if not times:
        return ()
    clock = Clock(min(times))  # of one kind, see above
    declared = declared_runs(doses, clock)
    given_h, _ = single_doses(declared)
    charted = [same_minute(clock.hours(level.time), given_h) for level in levels]
    drawn = [dose if (dose := dose_just_before(time, given_h)) is not None else time for time in charted]
    return tuple(sampled_at(declared, drawn))


def dose_just_before(time_h: float, doses_h: Floats) -> float | None:
    """Return the dose (h) that is charted shortly before a level (h), so that the level may well be a trough."""
    position = int(np.searchsorted(doses_h, time_h - SAME_INSTANT_H)) - 1
    near = position >= 0 and time_h - float(doses_h[position]) <= JUST_AFTER_H + SAME_INSTANT_H
    return float(doses_h[position]) if near else None


def sampled_at(declared: Runs, times_h: Sequence[float]) -> list[Sampled]:
    """Return for each time (h) how long it lies after the dose before it, of the doses declared (h, mg)."""
    times, owner = single_doses(declared)
    found = []
    for time in times_h:
        # a level at the time of a dose was drawn before it
        position = int(np.searchsorted(times, time - SAME_INSTANT_H)) - 1
        if position < 0:
            found.append(Sampled(None, None))
        else:
            found.append(Sampled(time - float(times[position]), interval_after(declared, times, owner, position)))
    return found
