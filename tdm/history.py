"""What a case says against a model: which doses were given, which levels count, which covariates hold when.

What is a trough, which levels are fitted, which covariates are assumed, which limits hold. Times are hours on the
case's clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tdm.case import Case, Level
from tdm.clock import Clock
from tdm.course import SAME_INSTANT_H, Runs
from tdm.dosing import (
    Dosing,
    begun_by,
    declared_runs,
    dosing_at,
    given_until,
    last_dose_h,
    regimen_changes,
)
from tdm.errors import Problem, Refused, refuse
from tdm.model import PLAUSIBLE_HALF_LIFE_H, Limit, Parameter, PopulationModel, half_life_h
from tdm.quantities import COMEDICATION_COVARIATES, NUMERIC_COVARIATES, range_in_words
from tdm.said import say, sentences
from tdm.sampling import Sampled, sampled_at

WhyUnused = Literal["before_first_dose", "in_future", "too_early"]


@dataclass(frozen=True)
class DrawnLevel(Sampled):
    """A level as the history sees it: when (h), how long after which dose, and whether it is fitted and a trough.

    `epoch` numbers the stretches of one regimen.
    """

    index: int
    level: Level
    time_h: float
    epoch: int
    why_unused: WhyUnused | None

    @property
    def used(self) -> bool:
        """Return whether the level is fitted (no unit)."""
        return self.why_unused is None


@dataclass(frozen=True)
class CovariatePiece:
    """The values of the model's covariates (own units) from `start_h` on, and the typical values (L/h, L, 1/h)."""

    start_h: float
    covariates: Mapping[str, float]
    typical: Mapping[Parameter, float]


@dataclass(frozen=True)
class Unstudied:
    """A covariate value, in its own unit, outside a model's studied range."""

    limit: Limit
    value: float


@dataclass(frozen=True)
class History:
    """A case read against a model; times in h on `clock`, doses in mg."""

    clock: Clock
    now_h: float
    given: Runs
    planned_doses: int
    levels: tuple[DrawnLevel, ...]
    dosing: Dosing
    pieces: tuple[CovariatePiece, ...]
    assumed: Mapping[str, float]
    unstudied: tuple[Unstudied, ...]
    late_changes: tuple[int, ...]

    @property
    def used(self) -> tuple[DrawnLevel, ...]:
        """Return the levels that are fitted, in order of time (ng/mL, h)."""
        return tuple(sorted((drawn for drawn in self.levels if drawn.used), key=lambda drawn: drawn.time_h))

    @property
    def last_trough(self) -> DrawnLevel | None:
        """Return the last level that is fitted and a trough (ng/mL, h), if any."""
        troughs = [drawn for drawn in self.used if drawn.is_trough]
        return troughs[-1] if troughs else None

    @property
    def last_low_point(self) -> DrawnLevel | None:
        """Return the last fitted level that is a trough or drawn later, as after a hold (ng/mL, h), if any."""
        late = [drawn for drawn in self.used if drawn.is_trough_or_later]
        return late[-1] if late else None

    @property
    def covariates_now(self) -> Mapping[str, float]:
        """Return the values of the model's covariates at `now`, each in its own unit."""
        return self.pieces[-1].covariates


def read_history(case: Case, model: PopulationModel) -> History:
    """Return the history of a case under a model (h, mg); raise `Refused` for a hard limit or a missing covariate."""
    clock = case.clock
    declared = declared_runs(case.doses, clock)
    now_h = _now(case, clock, declared)
    given, planned = given_until(declared, now_h)
    declared = begun_by(declared, now_h)
    pieces, assumed, late = _covariate_pieces(case, model, clock, now_h)
    return History(
        clock=clock,
        now_h=now_h,
        given=given,
        planned_doses=planned,
        levels=_drawn_levels(case, model, clock, given, declared, now_h),
        dosing=dosing_at(given, declared, now_h),
        pieces=pieces,
        assumed=assumed,
        unstudied=_checked_limits(case, model, clock, now_h),
        late_changes=late,
    )


def _now(case: Case, clock: Clock, declared: Runs) -> float:
    if case.now is not None:
        return clock.hours(case.now)
    last = [clock.hours(level.time) for level in case.levels]
    if len(declared.count):
        last.append(float(last_dose_h(declared).max()))
    return max(last, default=0.0)


def _drawn_levels(
    case: Case, model: PopulationModel, clock: Clock, given: Runs, declared: Runs, now_h: float
) -> tuple[DrawnLevel, ...]:
    changes = regimen_changes(given)
    times_h = [clock.hours(level.time) for level in case.levels]
    return tuple(
        DrawnLevel(
            sampled.since_dose_h,
            sampled.interval_h,
            index,
            case.levels[index],
            time,
            int(np.searchsorted(changes, time - SAME_INSTANT_H)),
            _why_unused(model, time, now_h, sampled),
        )
        for index, (time, sampled) in enumerate(zip(times_h, sampled_at(declared, times_h), strict=True))
    )


def _why_unused(model: PopulationModel, time: float, now_h: float, sampled: Sampled) -> WhyUnused | None:
    if time > now_h + SAME_INSTANT_H:
        return "in_future"
    if sampled.since_dose_h is None or sampled.interval_h is None:
        return "before_first_dose"
    if sampled.since_dose_h + SAME_INSTANT_H < model.earliest_sample_fraction * sampled.interval_h:
        return "too_early"
    return None


def _covariate_pieces(
    case: Case, model: PopulationModel, clock: Clock, now_h: float
) -> tuple[tuple[CovariatePiece, ...], Mapping[str, float], tuple[int, ...]]:
    values: dict[str, float] = {}
    assumed: dict[str, float] = {}
    missing = []
    for name in model.covariates_used:
        given = getattr(case.patient, name, None) if name not in COMEDICATION_COVARIATES else 0.0
        if given is not None:
            values[name] = float(given)
        elif name in model.assume:
            values[name] = assumed[name] = model.assume[name].value
        else:
            missing.append(_missing_covariate(model, name))
    if missing:
        raise Refused(missing)
    changes = _changes(case, model, clock)
    timely = [change for change in changes if change[0] <= now_h + SAME_INSTANT_H]
    late = tuple(sorted({index for time, index, _, _ in changes if time > now_h + SAME_INSTANT_H and index >= 0}))
    pieces = [CovariatePiece(-math.inf, dict(values), model.typical(values))]
    for time in sorted({change[0] for change in timely}):
        values.update({name: value for at, _, name, value in timely if at == time})
        pieces.append(CovariatePiece(time, dict(values), model.typical(values)))
    for piece in pieces:
        _check_typical(model, piece.typical)
    return tuple(pieces), assumed, late


def _check_typical(model: PopulationModel, typical: Mapping[Parameter, float]) -> None:
    """Refuse a patient for whom the model's equations leave what is plausible."""
    low, high = PLAUSIBLE_HALF_LIFE_H
    clearance, volume = typical["cl"], typical["v"]
    half_life = half_life_h(clearance, volume) if clearance > 0 else math.inf
    if not (low <= half_life <= high and typical["ka"] > 0):
        accepted = say("{low} to {high} {unit}", low=f"{low:g}", high=f"{high:g}", unit="h")
        sentence = say(
            "For this patient the equations of the model {model} give a typical half-life that is not plausible "
            "({accepted}).",
            model=model.id,
            accepted=accepted,
        )
        raise refuse("half_life_implausible", "/patient", sentence, accepted)


def _changes(case: Case, model: PopulationModel, clock: Clock) -> list[tuple[float, int, str, float]]:
    """Changes of the model's covariates: time (h), index in the case (or -1), name, value in its own unit."""
    found = [
        (clock.hours(change.time), index, name, float(getattr(change, name)))
        for index, change in enumerate(case.covariates)
        for name in model.covariates_used
        if getattr(change, name, None) is not None
    ]
    for name in COMEDICATION_COVARIATES:
        if name in model.covariates_used:
            found += _taken(case, clock, name)
    return found


def _taken(case: Case, clock: Clock, name: str) -> list[tuple[float, int, str, float]]:
    """When a comedication starts and ends to be taken, by any of its prescriptions."""
    spells = [
        (clock.hours(drug.start), math.inf if drug.stop is None else clock.hours(drug.stop))
        for drug in case.comedications
        if drug.name.strip().lower() == name
    ]
    times = sorted({time for spell in spells for time in spell if math.isfinite(time)})
    return [(time, -1, name, float(any(start <= time < stop for start, stop in spells))) for time in times]


def covariate_at(case: Case, clock: Clock, name: str, hours: float) -> float | None:
    """Return the value of a covariate of the case (own unit) at a time (h on the clock), if it was given by then."""
    value = getattr(case.patient, name, None)
    for change in sorted(case.covariates, key=lambda one: clock.hours(one.time)):
        later = getattr(change, name, None)
        if later is not None and clock.hours(change.time) <= hours + SAME_INSTANT_H:
            value = later
    return None if value is None else float(value)


def _missing_covariate(model: PopulationModel, name: str) -> Problem:
    accepted = NUMERIC_COVARIATES[name].accepted if name in NUMERIC_COVARIATES else say("true or false")
    sentence = say(
        "The model {model} needs this covariate, which is never assumed ({accepted}).",
        model=model.id,
        accepted=accepted,
    )
    return Problem(code="missing_covariate", pointer=f"/patient/{name}", message=sentence, accepted=accepted)


def _checked_limits(case: Case, model: PopulationModel, clock: Clock, now_h: float) -> tuple[Unstudied, ...]:
    """The values by `now` outside the studied range; raise `Refused` for one outside a hard limit."""
    unstudied, refused = [], []
    for limit in model.limits:
        for pointer, value in _values_of(case, limit.of, clock, now_h):
            if not limit.admits(value):
                refused.append(_beyond_hard_limit(model, limit, pointer, value))
            elif not limit.studied(value):
                unstudied.append(Unstudied(limit, value))
    if refused:
        raise Refused(refused)
    return tuple(unstudied)


def _values_of(case: Case, name: str, clock: Clock, now_h: float) -> list[tuple[str, float]]:
    start = getattr(case.patient, name, None)
    found = [(f"/patient/{name}", float(start))] if start is not None else []
    for index, change in enumerate(case.covariates):
        value = getattr(change, name, None)
        if value is not None and clock.hours(change.time) <= now_h + SAME_INSTANT_H:
            found.append((f"/covariates/{index}/{name}", float(value)))
    return found


def _beyond_hard_limit(model: PopulationModel, limit: Limit, pointer: str, value: float) -> Problem:
    unit = NUMERIC_COVARIATES[limit.of].unit
    accepted = range_in_words(limit.hard_low, limit.hard_high, unit)
    sentence = say(
        "{value} {unit} is outside what the model {model} may be used for ({accepted}).",
        value=f"{value:g}",
        unit=unit,
        model=model.id,
        accepted=accepted,
    )
    sentence = sentences([sentence, limit.reason]) if limit.reason else sentence
    return Problem(code="outside_hard_limit", pointer=pointer, message=sentence, accepted=accepted)
