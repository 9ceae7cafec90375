"""The doses of a case: runs, single doses, intervals, and the regimen that covers a time.

The clinical reading of a dosing history: which doses form a run, what interval follows a dose, when the dosing changed,
what goes on at a time and when the next dose is due. Times are hours on the case's clock, doses mg.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tdm.case.entries import Dose
from tdm.case.regimen import MOST_DOSES_IN_A_CYCLE, Regimen
from tdm.notation.clock import SAME_MINUTE_H, Clock
from tdm.notation.quantities import INTERVAL
from tdm.pk.event_table import SAME_INSTANT_H, Runs, merge_equal_doses

# Design rules.
# Dosing is interrupted when no dose was given for this many intervals.
INTERRUPTED_AFTER_INTERVALS = 2.0
# The interval that is taken where a single dose states none.
USUAL_INTERVAL_H = 24.0
# Gaps within this part of a usual interval stand for it: nobody takes a dose to the minute.
USUAL_INTERVALS_H = (12.0, 24.0, 48.0)
# ... within this part of them.
INTERVAL_TOLERANCE = 0.25
# Without a regular regimen, mg per day are the mean of this long, h.
RECENT_H = 168.0


@dataclass(frozen=True)
class Dosing:
    """The dosing that covers `now`: its regimen if it is regular, since when, when the next dose is due (h), mg a day.

    `trough_h` is when the dose after the last one was due, or `now` where that is overdue. After an interruption there
    is no `regimen`; `last_regimen` and `daily_dose_mg` are those before it. `gaps_h` are the gaps of a cycle (h) where
    they are unequal and the regimen takes them as equal.
    """

    regimen: Regimen | None
    last_regimen: Regimen | None
    since_h: float | None
    last_dose_h: float | None
    next_due_h: float
    trough_h: float
    daily_dose_mg: float | None
    interrupted: bool
    gaps_h: tuple[float, ...] = ()


def declared_runs(doses: Sequence[Dose], clock: Clock) -> Runs:
    """Return all doses of a case (h, mg), given and planned, with equal single doses gathered into runs."""
    taken = [part for dose in doses for part in _taken(dose, clock)]
    runs = Runs(
        np.zeros(len(taken), dtype=np.intp), *(np.array([part[i] for part in taken], dtype=float) for i in range(4))
    )
    return merge_equal_doses(runs)


def _taken(dose: Dose, clock: Clock) -> list[tuple[float, float, float, float]]:
    """Start (h), interval (h), count and amount (mg) of the doses of a run between those that were missed."""
    start, every = clock.hours(dose.time), dose.every_h if dose.every_h is not None else math.nan
    missed = sorted({round((clock.hours(time) - start) / every) for time in dose.missed}) if dose.missed else []
    parts, first = [], 0
    for number in (*missed, dose.times):
        if number > first:
            begin = start + (every * first if first else 0.0)
            parts.append((begin, every, float(number - first), dose.dose_mg))
        first = number + 1
    return parts


def last_dose_h(runs: Runs) -> np.ndarray:
    """Return the time of the last dose of each run, h, shape (runs,)."""
    return np.asarray(runs.start_h + np.where(runs.count > 1.0, runs.every_h, 0.0) * (runs.count - 1.0))


def begun_by(declared: Runs, now_h: float) -> Runs:
    """Return the runs (h, mg) that had begun by `now_h`, with the doses that they still plan."""
    return declared.where(declared.start_h <= now_h + SAME_INSTANT_H)


def given_until(declared: Runs, now_h: float) -> tuple[Runs, int]:
    """Return the doses (h, mg) up to `now_h`, and the number of those after it."""
    runs = begun_by(declared, now_h)
    every = np.where(runs.count > 1.0, runs.every_h, 1.0)
    until_now = np.floor((now_h - runs.start_h + SAME_INSTANT_H) / every) + 1.0
    count = np.minimum(runs.count, until_now)
    planned = int(declared.count.sum() - count.sum())
    return Runs(runs.patient, runs.start_h, runs.every_h, count, runs.dose_mg), planned


def single_doses(runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """Return time (h) and run (an index) of every single dose, in order of time."""
    count = runs.count.astype(np.intp)
    run = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count)
    time = runs.start_h[run] + np.where(number > 0, runs.every_h[run], 0.0) * number
    order = np.argsort(time, kind="stable")
    return time[order], run[order]


def same_minute(time_h: float, instants_h: np.ndarray) -> float:
    """Return the instant (h, of some in order of time) that stands in the same minute as a time (h), or that time."""
    place = int(np.searchsorted(instants_h, time_h))
    near = instants_h[max(0, place - 1) : place + 1]
    nearest = min(near.tolist(), key=lambda instant: abs(instant - time_h), default=time_h)
    return nearest if abs(nearest - time_h) <= SAME_MINUTE_H else time_h


def nominal_interval(gap_h: float) -> float:
    """Return the usual dosing interval (h) that a gap between two doses stands for, or the gap if it is near none."""
    near = [usual for usual in USUAL_INTERVALS_H if abs(gap_h - usual) <= INTERVAL_TOLERANCE * usual]
    return near[0] if near else gap_h


def interval_after(runs: Runs, times: np.ndarray, owner: np.ndarray, position: int) -> float:
    """Return the dosing interval (h) that follows a dose: to the next dose that is due, by its own run or another's.

    Doses that were written one by one are given at about the same time of day: their gaps count as what they stand for.
    """
    time, run = float(times[position]), int(owner[position])
    first, last = runs.start_h, last_dose_h(runs)
    intervals = []
    for other in range(len(runs.count)):
        every = float(runs.every_h[other])
        if math.isnan(every):
            continue
        interleaved = other == run or (first[other] < time and last[other] > first[run])
        if interleaved and first[other] <= time + SAME_INSTANT_H:
            steps = math.floor((time - first[other] + SAME_INSTANT_H) / every) + 1
            intervals.append(float(first[other]) + steps * every - time)
    if position + 1 < len(times):
        intervals.append(nominal_interval(float(times[position + 1]) - time))
    elif regular := _nearly_regular(times, runs.dose_mg[owner]):
        # of two amounts in turn, the one with more doses looks like a run of twice the interval
        intervals.append(regular.every_h)
    if not intervals or math.isnan(float(runs.every_h[run])):
        intervals.append(nominal_interval(time - float(times[position - 1])) if position else USUAL_INTERVAL_H)
    return float(min(intervals))


def regimen_changes(given: Runs) -> np.ndarray:
    """Return the times (h) at which the dosing changed: starts of runs that go neither with nor after their like."""
    first, last = given.start_h, last_dose_h(given)
    changes: list[float] = []
    order = np.argsort(first, kind="stable")
    for place, run in enumerate(order):
        interleaves = any(first[other] < first[run] < last[other] for other in order if other != run)
        before = order[place - 1] if place else None
        resumes = before is not None and (
            given.dose_mg[before] == given.dose_mg[run]
            and not abs(given.every_h[before] - given.every_h[run]) > SAME_INSTANT_H
        )
        if not interleaves and not resumes:
            changes.append(float(first[run]))
    return np.array(changes)


def dosing_at(given: Runs, declared: Runs, now_h: float) -> Dosing:
    """Return the dosing (h, mg) that covers `now_h`, from the doses given and those declared."""
    times, owner = single_doses(given)
    if not len(times):
        return Dosing(None, None, None, None, now_h, now_h, None, False)
    last = float(times[-1])
    all_times, all_owner = single_doses(declared)
    position = int(np.searchsorted(all_times, last + SAME_INSTANT_H)) - 1
    interval = interval_after(declared, all_times, all_owner, position)
    doses = given.dose_mg[owner]
    regimen, gaps_h = _covering_regimen(declared, int(all_owner[position]), last)
    regimen = regimen or _nearly_regular(times, doses)
    interrupted = now_h - last > INTERRUPTED_AFTER_INTERVALS * interval + SAME_INSTANT_H
    daily = regimen.daily_dose_mg if regimen else _mean_daily_dose_mg(times, doses)
    due = last + interval
    trough = max(due, now_h)
    while due < now_h - SAME_INSTANT_H and not interrupted:
        due += interval
    since = float(regimen_changes(given)[-1])
    going_on = None if interrupted else regimen
    return Dosing(going_on, regimen, since, last, max(due, now_h), trough, daily, interrupted, gaps_h)


def daily_dose_at(given: Runs, hours: float) -> float | None:
    """Return the mg per day of the dosing that covers a time (h), None before the first dose."""
    before, _ = given_until(given, hours - 2.0 * SAME_INSTANT_H)
    return dosing_at(before, before, hours).daily_dose_mg


def resumptions(given: Runs) -> list[float]:
    """Return the times (h) of the doses that followed an interruption."""
    times, owner = single_doses(given)
    return [
        float(times[place + 1])
        for place in range(len(times) - 1)
        if times[place + 1] - times[place] > INTERRUPTED_AFTER_INTERVALS * interval_after(given, times, owner, place)
    ]


def expected_until(given: Runs, dosing: Dosing, decided_h: float) -> tuple[float, Runs]:
    """Return when a dose is due next at or after a time (h), and the doses given or expected (mg) before it."""
    due, regimen = dosing.next_due_h, dosing.regimen
    if decided_h <= due + SAME_INSTANT_H:
        return due, given
    if regimen is None:
        return decided_h, given
    slots = math.ceil((decided_h - due - SAME_INSTANT_H) / regimen.every_h)
    size = len(regimen.pattern_mg)
    runs = [
        (0, due + regimen.every_h * slot, regimen.cycle_h, float(math.ceil((slots - slot) / size)), dose)
        for slot, dose in enumerate(regimen.pattern_mg)
        if slot < slots
    ]
    added = Runs(
        np.zeros(len(runs), dtype=np.intp), *(np.array(column) for column in list(zip(*runs, strict=True))[1:])
    )
    return due + slots * regimen.every_h, joined(given, added)


def joined(first: Runs, second: Runs) -> Runs:
    """Return the doses (h, mg) of both."""
    return Runs(*(np.concatenate([a, b]) for a, b in zip(vars(first).values(), vars(second).values(), strict=True)))


def _nearly_regular(times: np.ndarray, doses: np.ndarray) -> Regimen | None:
    """The regimen of doses written one by one: the last ones repeat, at gaps that stand for one usual interval.

    One amount repeats with two doses; two amounts in turn with four, or with three where there are no more.
    """
    for size, least in ((1, 2), (2, 3)):
        amounts = doses[-2 * size :]
        if len(amounts) < least or np.any(amounts[:-size] != amounts[size:]):
            continue
        # three doses, where there are so many, so that one dose at an odd time makes no regimen of its own
        intervals = {nominal_interval(float(gap)) for gap in np.diff(times[-max(3, 2 * size) :])}
        if len(intervals) == 1 and intervals <= set(USUAL_INTERVALS_H):
            # the dose after the last one is that of a cycle before it
            return Regimen(pattern_mg=tuple(doses[-size:].tolist()), every_h=intervals.pop())
    return None


def _mean_daily_dose_mg(times: np.ndarray, doses: np.ndarray) -> float:
    """Mean mg per day of the last week up to the last dose; of a single dose, its own amount."""
    recent = times > times[-1] - RECENT_H
    span = float(times[-1] - times[recent][0])
    return float(doses[recent][:-1].sum() / span * 24.0) if span > 0 else float(doses[-1])


def _covering_regimen(declared: Runs, main: int, last_h: float) -> tuple[Regimen | None, tuple[float, ...]]:
    """The cyclic pattern of the run of the last dose and of those interleaved with it; None if it is not regular.

    Orders of one interval at unequal hours (08:00 and 14:00) are the pattern with equal gaps and the same mg per day;
    their true gaps (h) come with it.
    """
    if math.isnan(float(declared.every_h[main])) or declared.every_h[main] < INTERVAL.low:
        return None, ()
    first, last, every = declared.start_h, last_dose_h(declared), float(declared.every_h[main])
    together = [
        run
        for run in range(len(declared.count))
        if run == main
        or (
            not math.isnan(float(declared.every_h[run]))
            and first[run] <= last_h
            and last[run] > first[main]
            and last[run] + declared.every_h[run] > last_h + SAME_INSTANT_H
        )
    ]
    if any(abs(declared.every_h[run] - every) > SAME_INSTANT_H for run in together):
        return None, ()
    phase = {run: float((first[run] - first[main]) % every) for run in together}
    loose = np.isnan(declared.every_h) & (first <= last_h) & (first > last_h - every + SAME_INSTANT_H)
    if np.any(loose):
        return None, ()
    # rounding may put a phase of zero just below the interval
    phase = {run: 0.0 if every - value < SAME_INSTANT_H else value for run, value in phase.items()}
    ordered = sorted(together, key=lambda run: phase[run])
    step = every / len(ordered)
    if not INTERVAL.low <= step <= INTERVAL.high or len(ordered) > MOST_DOSES_IN_A_CYCLE:
        return None, ()
    hours = [phase[run] for run in ordered]
    uneven = any(abs(hour - slot * step) > SAME_INSTANT_H for slot, hour in enumerate(hours))
    gaps = [float(gap) for gap in np.diff([*hours, every])] if uneven else []
    # the run of the last dose comes first in the order; the dose that is due next begins the pattern
    due_first = [*ordered[1:], ordered[0]]
    regimen = Regimen(pattern_mg=tuple(float(declared.dose_mg[run]) for run in due_first), every_h=step)
    return regimen, (*gaps[1:], *gaps[:1])
