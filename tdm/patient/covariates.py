"""Which covariates hold when, and the typical values that a model gives for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tdm.case.case import Case
from tdm.knowledge.label import LabelRules
from tdm.knowledge.liver import liver_change
from tdm.knowledge.model import PLAUSIBLE_HALF_LIFE_H, Limit, Parameter, PopulationModel, half_life_h
from tdm.notation.clock import Clock
from tdm.notation.quantities import COMEDICATION_COVARIATES, NUMERIC_COVARIATES, range_in_words
from tdm.notation.refusal import Problem, Refused, refuse
from tdm.notation.sentence import say, sentences
from tdm.pk.event_table import SAME_INSTANT_H

# Design rules: changes that are planned this far after the decision are foreseen ...
DAYS_FORESEEN = 92.0


@dataclass(frozen=True)
class CovariatePiece:
    """What holds from `start_h` on: the model's covariates (own units) and the typical values (L/h, L, 1/h).

    `ln_f` is ln of the typical bioavailability that interactions leave, `parts` (0 to 1) how far each of the history's
    interactions has come.
    """

    start_h: float
    covariates: Mapping[str, float]
    typical: Mapping[Parameter, float]
    ln_f: float = 0.0
    parts: tuple[float, ...] = ()


@dataclass(frozen=True)
class Unstudied:
    """A covariate value, in its own unit, outside a model's studied range."""

    limit: Limit
    value: float


def covariate_pieces(
    case: Case, model: PopulationModel, clock: Clock, now_h: float
) -> tuple[tuple[CovariatePiece, ...], Mapping[str, float], tuple[int, ...]]:
    """Return what holds when (h; L/h, L, 1/h), the covariates assumed (own units), and the entries that come later."""
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
    foreseen_h = now_h + 24.0 * DAYS_FORESEEN
    changes = [change for change in _changes(case, model, clock) if change[0] <= foreseen_h]
    late = tuple(sorted({index for time, index, _, _ in changes if time > now_h + SAME_INSTANT_H and index >= 0}))
    pieces = [CovariatePiece(-math.inf, dict(values), model.typical(values))]
    for time in sorted({change[0] for change in changes}):
        values.update({name: value for at, _, name, value in changes if at == time})
        pieces.append(CovariatePiece(time, dict(values), model.typical(values)))
    return tuple(pieces), assumed, late


def with_liver(piece: CovariatePiece, case: Case, label: LabelRules) -> CovariatePiece:
    """The typical values with the liver's part: clearance, L/h, and volume, L, where the half-life was measured."""
    if case.patient.child_pugh is None:
        return piece
    change = liver_change(case.patient.child_pugh, label)
    typical = {**piece.typical, "cl": piece.typical["cl"] * change.cl, "v": piece.typical["v"] * change.v}
    return replace(piece, typical=typical)


def holding_at(pieces: tuple[CovariatePiece, ...], hours: float) -> CovariatePiece:
    """Return the piece that holds at a time (h)."""
    return next(piece for piece in reversed(pieces) if piece.start_h <= hours)


def check_typical(model: PopulationModel, typical: Mapping[Parameter, float]) -> None:
    """Refuse a patient for whom the model's equations leave what is plausible (half-life in h)."""
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


def modelled_comedications(model: PopulationModel) -> tuple[str, ...]:
    """Return the ids (no unit) of the comedications that are covariates of a model."""
    return tuple(name for name in COMEDICATION_COVARIATES if name in model.covariates_used)


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


def checked_limits(case: Case, model: PopulationModel, clock: Clock, now_h: float) -> tuple[Unstudied, ...]:
    """The values by `now_h` (h) outside the studied range; raise `Refused` for one outside a hard limit."""
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
