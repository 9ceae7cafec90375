"""Which covariates hold when, and the typical values that a model gives for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tdm.knowledge.label import LabelRules
from tdm.knowledge.liver import liver_change
from tdm.knowledge.model import (
    PLAUSIBLE_CL_L_PER_H,
    PLAUSIBLE_HALF_LIFE_H,
    PLAUSIBLE_KA_PER_H,
    UNITS,
    WORDS,
    Limit,
    Parameter,
    PopulationModel,
    half_life_h,
)
from tdm.knowledge.seeds import mark_of
from tdm.notation.quantities import COMEDICATION_COVARIATES, NUMERIC_COVARIATES, range_in_words
from tdm.notation.refusal import Problem, Refused, refuse
from tdm.notation.sentence import Said, entered, say, sentences
from tdm.patient.timeline import Spell, Timeline

# Design rule: changes that are planned this far after the decision are foreseen.
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
    timeline: Timeline, model: PopulationModel
) -> tuple[tuple[CovariatePiece, ...], Mapping[str, float], tuple[int, ...]]:
    """Return what holds when (h; L/h, L, 1/h), the covariates assumed (own units), and the entries that come later."""
    values: dict[str, float] = {}
    assumed: dict[str, float] = {}
    missing = []
    for name in model.covariates_used:
        given = timeline.covariate_at(name, timeline.begin_h)
        if name in COMEDICATION_COVARIATES:
            given = _taken_at(timeline, name, -math.inf)
        if given is not None:
            values[name] = given
        elif name in model.assume:
            values[name] = assumed[name] = model.assume[name].value
        else:
            missing.append(_missing_covariate(model, name))
    if missing:
        raise Refused(missing)
    foreseen_h = timeline.now_h + 24.0 * DAYS_FORESEEN
    changes = [change for change in _changes(timeline, model) if change[0] <= foreseen_h]
    late = tuple(sorted({index for time, index, _, _ in changes if timeline.is_ahead(time) and index >= 0}))
    pieces = [CovariatePiece(-math.inf, dict(values), model.typical(values))]
    for time in sorted({change[0] for change in changes}):
        values.update({name: value for at, _, name, value in changes if at == time})
        pieces.append(CovariatePiece(time, dict(values), model.typical(values)))
    return tuple(pieces), assumed, late


def with_liver(piece: CovariatePiece, child_pugh: Literal["A", "B", "C"] | None, label: LabelRules) -> CovariatePiece:
    """The typical values with the liver's part: clearance, L/h, and volume, L, where the half-life was measured."""
    if child_pugh is None:
        return piece
    change = liver_change(child_pugh, label)
    typical = {**piece.typical, "cl": piece.typical["cl"] * change.cl, "v": piece.typical["v"] * change.v}
    return replace(piece, typical=typical)


def holding_at(pieces: tuple[CovariatePiece, ...], hours: float) -> CovariatePiece:
    """Return the piece that holds at a time (h)."""
    return next(piece for piece in reversed(pieces) if piece.start_h <= hours)


def check_typical(model: PopulationModel, typical: Mapping[Parameter, float]) -> None:
    """Refuse a patient for whom the model's equations leave what is plausible (h, L/h, 1/h)."""
    clearance, volume = typical["cl"], typical["v"]
    half_life = half_life_h(clearance, volume) if clearance > 0 else math.inf
    if not _plausible(half_life, PLAUSIBLE_HALF_LIFE_H):
        accepted = _in_words(PLAUSIBLE_HALF_LIFE_H, "h")
        sentence = say(
            "For this patient the equations of the model {model} give a typical half-life that is not plausible "
            "({accepted}).",
            model=mark_of(model)(model.id),
            accepted=accepted,
        )
        raise refuse("half_life_implausible", "/patient", sentence, accepted)
    others: dict[Parameter, tuple[float, float]] = {"cl": PLAUSIBLE_CL_L_PER_H, "ka": PLAUSIBLE_KA_PER_H}
    for name, bounds in others.items():
        if not _plausible(typical[name], bounds):
            accepted = _in_words(bounds, UNITS[name])
            sentence = say(
                "For this patient the equations of the model {model} give a typical {parameter} that is not plausible "
                "({accepted}).",
                model=mark_of(model)(model.id),
                parameter=WORDS[name],
                accepted=accepted,
            )
            raise refuse("parameter_implausible", "/patient", sentence, accepted)


def _plausible(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]  # false for a number that is none


def _in_words(bounds: tuple[float, float], unit: str) -> Said:
    return say("{low} to {high} {unit}", low=f"{bounds[0]:g}", high=f"{bounds[1]:g}", unit=unit)


def _changes(timeline: Timeline, model: PopulationModel) -> list[tuple[float, int, str, float]]:
    """Changes of the model's covariates: time (h), index in the case (or -1), name, value in its own unit."""
    found = [
        (change.time_h, index, name, change.values[name])
        for index, change in enumerate(timeline.changes)
        for name in model.covariates_used
        if name in change.values
    ]
    for name in modelled_comedications(model):
        found += _taken(timeline, name)
    return found


def _taken(timeline: Timeline, name: str) -> list[tuple[float, int, str, float]]:
    """When a comedication starts and ends to be taken, by any of its prescriptions."""
    switches = {time for spell in _spells_of(timeline, name) for time in (spell.start_h, spell.stop_h)}
    return [(time, -1, name, _taken_at(timeline, name, time)) for time in sorted(filter(math.isfinite, switches))]


def _taken_at(timeline: Timeline, name: str, hours: float) -> float:
    return float(any(spell.taken_at(hours) for spell in _spells_of(timeline, name)))


def _spells_of(timeline: Timeline, name: str) -> list[Spell]:
    return [spell for spell in timeline.spells if spell.drug is not None and spell.drug.id == name]


def modelled_comedications(model: PopulationModel) -> tuple[str, ...]:
    """Return the ids (no unit) of the comedications that are covariates of a model."""
    return tuple(name for name in COMEDICATION_COVARIATES if name in model.covariates_used)


def _missing_covariate(model: PopulationModel, name: str) -> Problem:
    accepted = NUMERIC_COVARIATES[name].accepted if name in NUMERIC_COVARIATES else say("true or false")
    sentence = say(
        "The model {model} needs this covariate, which is never assumed ({accepted}).",
        model=mark_of(model)(model.id),
        accepted=accepted,
    )
    return Problem(code="missing_covariate", pointer=f"/patient/{name}", message=sentence, accepted=accepted)


def checked_limits(timeline: Timeline, model: PopulationModel) -> tuple[Unstudied, ...]:
    """Return the values (own units) by `now` outside the studied range; raise `Refused` outside a hard limit."""
    unstudied, refused = [], []
    for limit in model.limits:
        for pointer, value in _values_of(timeline, limit.of):
            if not limit.admits(value):
                refused.append(_beyond_hard_limit(model, limit, pointer, value))
            elif not limit.studied(value):
                unstudied.append(Unstudied(limit, value))
    if refused:
        raise Refused(refused)
    return tuple(unstudied)


def _values_of(timeline: Timeline, name: str) -> list[tuple[str, float]]:
    entries = (timeline.at_start, *(change for change in timeline.changes if not timeline.is_ahead(change.time_h)))
    return [(entry.pointer_to(name), entry.values[name]) for entry in entries if name in entry.values]


def _beyond_hard_limit(model: PopulationModel, limit: Limit, pointer: str, value: float) -> Problem:
    unit, mark = NUMERIC_COVARIATES[limit.of].unit, mark_of(model)
    accepted = range_in_words(limit.hard_low, limit.hard_high, unit, mark)
    sentence = say(
        "{value} {unit} is outside what the model {model} may be used for ({accepted}).",
        value=entered(f"{value:g}"),
        unit=unit,
        model=mark(model.id),
        accepted=accepted,
    )
    sentence = sentences([sentence, mark(limit.reason)]) if limit.reason else sentence
    return Problem(code="outside_hard_limit", pointer=pointer, message=sentence, accepted=accepted)
