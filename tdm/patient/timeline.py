"""One timeline of a case: what was given, measured, seen and changed, in hours and ng/mL, read once.

What comes after works in hours. The case's clock is kept so that times can be written out as its user writes them (and
months counted on the calendar).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import numpy as np

from tdm.case.case import Case, drug_times, latest_fact
from tdm.case.entries import AFTER, CovariateChange, Dose, Level, Patient, Term
from tdm.knowledge.interactions import Drug, Interactions
from tdm.notation.clock import SAME_MINUTE_H, Clock
from tdm.notation.quantities import NUMERIC_COVARIATES, YES_NO_COVARIATES
from tdm.patient.dosing import USUAL_INTERVAL_H, declared_runs, same_minute, single_doses
from tdm.patient.time_after_dose import dose_just_before
from tdm.pk.event_table import SAME_INSTANT_H, Runs
from tdm.pk.superposition import Floats

# Design rule: doses that were observed for so long before a level leave no question about adherence, h.
OBSERVED_H = 168.0

Taken = Literal["observed", "reported", "prescribed"]
# Reads a time of the case in hours, to the minute.
Hours = Callable[[float | datetime], float]


@dataclass(frozen=True)
class MeasuredLevel:
    """A level: its place in the case, when (h), the value or the limit that it lies below (ng/mL), and its assay.

    `field` is the name of the field that holds it, in the unit of that name. `dose_h` is the dose that is charted
    shortly before it, if any (h), and `drawn_h` when it counts as drawn: as charted, or just before that dose.
    """

    index: int
    time_h: float
    dose_h: float | None
    drawn_h: float
    value_ng_ml: float
    censored: bool
    assay: str | None
    field: str


@dataclass(frozen=True)
class CovariatesGiven:
    """Covariates of one entry (by the models' names, in their units) from `time_h` on (h; -inf: at the start).

    `index` is its place among the changes of the case, None for the patient at the start; `fields` names the field of
    the case that holds each.
    """

    index: int | None
    time_h: float
    values: Mapping[str, float]
    fields: Mapping[str, str]

    @property
    def pointer(self) -> str:
        """Return the JSON Pointer (no unit) of the entry."""
        return "/patient" if self.index is None else f"/covariates/{self.index}"

    def pointer_to(self, name: str) -> str:
        """Return the JSON Pointer (no unit) of the field that holds a covariate."""
        return f"{self.pointer}/{self.fields[name]}"


@dataclass(frozen=True)
class Event:
    """An adverse event: its place in the case, from when to when (h; None: not over), its term and grade (no unit)."""

    index: int
    time_h: float
    end_h: float | None
    term: Term
    grade: int


@dataclass(frozen=True)
class Count:
    """A platelet count (10^9/L): its place in the case, when (h), and whether the patient bled."""

    index: int
    time_h: float
    count_10e9_l: float
    bleeding: bool


@dataclass(frozen=True)
class Spell:
    """A comedication: what it is known as, and from when to when (h; -inf: since before, inf: goes on).

    `entries` are its places in the case: more than one where an order was renewed.
    """

    entries: tuple[int, ...]
    name: str
    drug: Drug | None
    start_h: float
    stop_h: float

    @property
    def known_as(self) -> str:
        """Return what tells it from other drugs (no unit): the id of a known one, else its name."""
        return self.drug.id if self.drug is not None else self.name.strip().casefold()

    def taken_at(self, hours: float) -> bool:
        """Return whether it is taken at a time (h)."""
        return self.start_h <= hours < self.stop_h


@dataclass(frozen=True)
class Order:
    """A run of doses as it was entered: its place in the case, its doses (mg, h) and how they are known to be taken.

    `every_h` is None for a single dose; `last_h` is its last dose, `end_h` when the dose after that would be due.
    """

    index: int
    dose_mg: float
    every_h: float | None
    start_h: float
    last_h: float
    end_h: float
    taken: Taken | None

    @property
    def daily_dose_mg(self) -> float:
        """Return the mean dose per day, mg; of a single dose, its own amount."""
        return self.dose_mg * 24.0 / (self.every_h or USUAL_INTERVAL_H)

    def renews(self, other: Order) -> bool:
        """Return whether it begins amid another run and both go on, as a renewed order beside the old one does.

        Two runs that begin together, within one interval of each other, are one regimen (no unit).
        """
        if self.every_h is None or other.every_h is None:
            return False
        together = self.start_h - other.start_h <= max(self.every_h, other.every_h) + SAME_INSTANT_H
        return not together and other.last_h > self.start_h + SAME_INSTANT_H


@dataclass(frozen=True)
class Answered:
    """What the user answered to a finding (by its code), about which times (h; none: whatever the time)."""

    code: str
    times_h: tuple[float, ...]
    answer: str | None

    def is_about(self, *times_h: float) -> bool:
        """Return whether it is about one of these times (h), to the minute."""
        return not self.times_h or any(abs(own - time) <= SAME_MINUTE_H for own in self.times_h for time in times_h)


@dataclass(frozen=True)
class Timeline:
    """A case in hours, mg and ng/mL; entries in the order of the case, each with its place there.

    `declared` are all doses, given and planned, with equal single doses gathered into runs; `orders` the runs as they
    were entered.
    """

    clock: Clock
    now_h: float
    declared: Runs
    orders: tuple[Order, ...]
    levels: tuple[MeasuredLevel, ...]
    at_start: CovariatesGiven
    changes: tuple[CovariatesGiven, ...]
    events: tuple[Event, ...]
    counts: tuple[Count, ...]
    spells: tuple[Spell, ...]
    child_pugh: Literal["A", "B", "C"] | None
    answered: tuple[Answered, ...]

    def was_answered(self, code: str, *times_h: float) -> bool:
        """Return whether the user answered a question of the tool (by its code), about one of some times (h)."""
        return any(one.code == code and one.is_about(*times_h) for one in self.answered)

    def is_ahead(self, time_h: float) -> bool:
        """Return whether a time (h) lies after the decision."""
        return time_h > self.now_h + SAME_INSTANT_H

    @property
    def begin_h(self) -> float:
        """Return when the first dose is given, or the decision made, whichever is earlier (h)."""
        return float(min([self.now_h, *self.declared.start_h.tolist()]))

    @property
    def age_years(self) -> float:
        """Return the age of the patient, years."""
        return self.at_start.values["age_years"]

    def covariate_at(self, name: str, hours: float) -> float | None:
        """Return the value of a covariate (own unit) at a time (h), whether or not a model uses it, if it is given."""
        value = self.at_start.values.get(name)
        for change in sorted(self.changes, key=lambda one: one.time_h):
            if name in change.values and change.time_h <= hours + SAME_INSTANT_H:
                value = change.values[name]
        return value

    def were_observed(self, hours: float) -> bool:
        """Return whether somebody saw every dose of the last week before a time (h) being taken."""
        recent = [order for order in self.orders if order.start_h < hours and order.end_h > hours - OBSERVED_H]
        return bool(recent) and all(order.taken == "observed" for order in recent)

    def counts_by_now(self) -> tuple[Count, ...]:
        """Return the platelet counts (10^9/L) up to the decision, in order of time."""
        known = [count for count in self.counts if not self.is_ahead(count.time_h)]
        return tuple(sorted(known, key=lambda count: count.time_h))


def timeline_of(case: Case, known: Interactions) -> Timeline:
    """Return a case in hours, mg and ng/mL; `known` are the drugs that interact, by all their names."""
    clock, declared = case.clock, declared_runs(case.doses, case.clock)
    doses_h, _ = single_doses(declared)
    now_h = same_minute(_now_h(case, clock), doses_h)
    instants_h = np.sort(np.append(doses_h, now_h))

    def hours(time: float | datetime) -> float:
        return same_minute(clock.hours(time), instants_h)

    answered = tuple(Answered(one.code, tuple(map(hours, one.at)), one.answer) for one in case.confirmed)

    return Timeline(
        clock=clock,
        now_h=now_h,
        declared=declared,
        orders=tuple(_order(index, dose, hours) for index, dose in enumerate(case.doses)),
        levels=tuple(
            _level(index, level, hours(level.time), doses_h, answered) for index, level in enumerate(case.levels)
        ),
        at_start=_covariates(None, -math.inf, case.patient),
        changes=tuple(_covariates(index, hours(change.time), change) for index, change in enumerate(case.covariates)),
        events=tuple(
            Event(index, hours(event.time), None if event.end is None else hours(event.end), event.term, event.grade)
            for index, event in enumerate(case.adverse_events)
        ),
        counts=tuple(
            Count(index, hours(count.time), count.count_10e9_l, count.bleeding)
            for index, count in enumerate(case.platelets)
        ),
        spells=joined_spells(_spells(case, hours, known)),
        child_pugh=case.patient.child_pugh,
        answered=answered,
    )


def _level(index: int, level: Level, time_h: float, doses_h: Floats, answered: tuple[Answered, ...]) -> MeasuredLevel:
    dose_h = dose_just_before(time_h, doses_h)
    drawn_h = time_h if dose_h is None or _drawn_after(time_h, dose_h, answered) else dose_h
    return MeasuredLevel(index, time_h, dose_h, drawn_h, level.value_ng_ml, level.censored, level.assay, level.field)


def _drawn_after(time_h: float, dose_h: float, answered: tuple[Answered, ...]) -> bool:
    """Whether the user said that a level was really drawn after the dose that is charted shortly before it."""
    return any(
        one.code == "level_just_after_dose"
        and one.is_about(time_h, dose_h)
        and (one.answer or "").strip().casefold() == AFTER
        for one in answered
    )


def _now_h(case: Case, clock: Clock) -> float:
    """The moment of the decision (h): as given, or the latest observed fact, or the start."""
    if case.now is not None:
        return clock.hours(case.now)
    latest = latest_fact(case)
    return clock.hours(latest.time) if latest is not None else 0.0


def _covariates(index: int | None, time_h: float, entry: Patient | CovariateChange) -> CovariatesGiven:
    names = (*NUMERIC_COVARIATES, *YES_NO_COVARIATES)
    values = {name: value for name in names if (value := entry.covariate(name)) is not None}
    return CovariatesGiven(index, time_h, values, {name: entry.field_of(name) for name in values})


def _order(index: int, dose: Dose, hours: Hours) -> Order:
    start = hours(dose.time)
    last = start + (dose.every_h or 0.0) * (dose.times - 1)
    return Order(index, dose.dose_mg, dose.every_h, start, last, last + (dose.every_h or USUAL_INTERVAL_H), dose.taken)


def _spells(case: Case, hours: Hours, known: Interactions) -> tuple[Spell, ...]:
    return tuple(
        Spell(
            (index,),
            drug.name,
            known.named(drug.name),
            -math.inf if start is None else hours(start),
            math.inf if stop is None else hours(stop),
        )
        for index, (drug, (start, stop)) in enumerate(zip(case.comedications, drug_times(case), strict=True))
    )


def joined_spells(spells: Sequence[Spell]) -> tuple[Spell, ...]:
    """Return the comedications (h) with the spells of one drug that touch or overlap made one, named as the first is.

    An order that is renewed changes nothing for the patient.
    """
    joined: list[Spell] = []
    for spell in spells:
        same = [
            each
            for each in joined
            if each.known_as == spell.known_as
            and each.start_h <= spell.stop_h + SAME_MINUTE_H
            and spell.start_h <= each.stop_h + SAME_MINUTE_H
        ]
        together = [*same, spell]
        one = replace(
            together[0],
            entries=tuple(entry for each in together for entry in each.entries),
            start_h=min(each.start_h for each in together),
            stop_h=max(each.stop_h for each in together),
        )
        joined = [*(each for each in joined if each not in same), one]
    return tuple(sorted(joined, key=lambda each: each.entries))
