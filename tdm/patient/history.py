"""What a case says against a model: which doses were given, which levels count, which covariates hold when.

What is a trough, which levels are fitted, which covariates are assumed, which limits hold. Times are hours on the
case's clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tdm.inference.lattice import MOST_DIMENSIONS
from tdm.knowledge.assay import method_of
from tdm.knowledge.label import LabelRules
from tdm.knowledge.liver import LIVER_SD
from tdm.knowledge.model import Parameter, PopulationModel
from tdm.notation.clock import Clock
from tdm.notation.quantities import range_in_words
from tdm.notation.refusal import Problem, Refused
from tdm.notation.sentence import entered, say
from tdm.patient.covariates import (
    DAYS_FORESEEN,
    CovariatePiece,
    Unstudied,
    check_typical,
    checked_limits,
    covariate_pieces,
    holding_at,
    modelled_comedications,
    with_liver,
)
from tdm.patient.dosing import (
    Dosing,
    begun_by,
    dosing_at,
    expected_until,
    given_until,
    regimen_changes,
)
from tdm.patient.drug_effects import Interaction, acting_between, adherence_of, followed, interactions_of
from tdm.patient.early_levels import AT_TROUGH, FITTED_FROM_H, Distribution, distribution_at
from tdm.patient.time_after_dose import Sampled, sampled_at
from tdm.patient.timeline import MeasuredLevel, Spell, Timeline
from tdm.pk.event_table import SAME_INSTANT_H, Runs

# Design rule: a drug that starts this soon is what the proposal is for.
DAYS_SOON = 7.0

# What a level does: it is fitted, it bounds the trough after it from above, or it is not used and why.
Role = Literal["fitted", "bound", "before_first_dose", "in_future", "superseded"]


@dataclass(frozen=True)
class DrawnLevel(Sampled):
    """A level as the history sees it: when (h), how long after which dose, and what it is used for.

    `epoch` numbers the stretches of one regimen. `distribution` is how far a level early after a dose lies above the
    curve.
    """

    index: int
    level: MeasuredLevel
    time_h: float
    epoch: int
    role: Role
    distribution: Distribution = AT_TROUGH

    @property
    def used(self) -> bool:
        """Return whether the level is fitted (no unit)."""
        return self.role == "fitted"

    @property
    def observed(self) -> bool:
        """Return whether the level was drawn by `now` (no unit), fitted or not."""
        return self.role != "in_future"

    @property
    def is_low_point(self) -> bool:
        """Return whether the level is near a trough (no unit): late in its interval, or long enough after its dose."""
        late = self.since_dose_h is not None and self.since_dose_h + SAME_INSTANT_H >= FITTED_FROM_H
        return self.is_trough_or_later or late

    @property
    def compared_h(self) -> float:
        """Return when the curve is compared with it (h): when it was drawn, or at the trough that it bounds."""
        if self.role != "bound" or self.since_dose_h is None or self.interval_h is None:
            return self.level.drawn_h
        return self.level.drawn_h - self.since_dose_h + self.interval_h


@dataclass(frozen=True)
class History:
    """A timeline read against a model; times in h on its clock, doses in mg.

    `pieces_ahead` are the changes that are foreseen after `now`. The decision is for what holds at `decided_h`: at
    `now`, or when a drug starts soon. What is proposed starts at `start_h`; `expected` are all doses until then.
    `undisturbed` is what would hold now without interactions and with a healthy liver.
    """

    timeline: Timeline
    given: Runs
    planned_doses: int
    levels: tuple[DrawnLevel, ...]
    dosing: Dosing
    pieces: tuple[CovariatePiece, ...]
    assumed: Mapping[str, float]
    unstudied: tuple[Unstudied, ...]
    late_changes: tuple[int, ...]
    interactions: tuple[Interaction, ...]
    pieces_ahead: tuple[CovariatePiece, ...]
    liver_sd: float
    decided_h: float
    start_h: float
    expected: Runs
    undisturbed: CovariatePiece

    @property
    def clock(self) -> Clock:
        """Return the clock that writes times (h) as the case writes them."""
        return self.timeline.clock

    @property
    def now_h(self) -> float:
        """Return the moment of the decision, h."""
        return self.timeline.now_h

    @property
    def spells(self) -> tuple[Spell, ...]:
        """Return the comedications of the case (h)."""
        return self.timeline.spells

    @property
    def first_dose_h(self) -> float | None:
        """Return when the first dose was given (h), if any was."""
        return float(self.given.start_h.min()) if len(self.given.count) else None

    @property
    def used(self) -> tuple[DrawnLevel, ...]:
        """Return the levels that are fitted, in order of time (ng/mL, h)."""
        return tuple(sorted((drawn for drawn in self.levels if drawn.used), key=lambda drawn: drawn.time_h))

    @property
    def bounds(self) -> tuple[DrawnLevel, ...]:
        """Return the levels that bound a trough from above, in order of time (ng/mL, h)."""
        return tuple(sorted((drawn for drawn in self.levels if drawn.role == "bound"), key=lambda drawn: drawn.time_h))

    @property
    def last_trough(self) -> DrawnLevel | None:
        """Return the last level that is fitted and a trough (ng/mL, h), if any."""
        troughs = [drawn for drawn in self.used if drawn.is_trough]
        return troughs[-1] if troughs else None

    @property
    def last_low_point(self) -> DrawnLevel | None:
        """Return the last fitted level near a trough or drawn later, as after a hold (ng/mL, h), if any."""
        late = [drawn for drawn in self.used if drawn.is_low_point]
        return late[-1] if late else None

    @property
    def drug_changes_h(self) -> tuple[float, ...]:
        """Return when drugs that act, or may act, on sirolimus started and stopped (h), up to what is decided for."""
        soon = max(self.decided_h, self.now_h)
        return tuple(
            sorted(
                time
                for spell in self.spells
                if spell.drug is None or spell.drug.effect != "none"
                for time in (spell.start_h, spell.stop_h)
                if time <= soon
            )
        )

    def with_newest(self, count: int) -> History:
        """Return the history that fits its newest levels alone (ng/mL); those before them are superseded."""
        older = {drawn.index for drawn in self.used[:-count]}
        levels = (replace(one, role="superseded") if one.index in older else one for one in self.levels)
        return replace(self, levels=tuple(levels))

    def drugs_change_after(self, hours: float) -> bool:
        """Return whether the effect of a drug steps after a time (h), by what the decision is for."""
        drugs = [one for one in self.interactions if any(spell.drug is not None for spell in one.spells)]
        return any(hours < time <= self.decided_h for one in drugs for time in one.change_times_h())

    def piece_at(self, hours: float) -> CovariatePiece:
        """Return what holds at a time (h), foreseen changes included."""
        return holding_at((*self.pieces, *self.pieces_ahead), hours)

    @property
    def covariates_now(self) -> Mapping[str, float]:
        """Return the values of the model's covariates at `now`, each in its own unit."""
        return self.pieces[-1].covariates


def read_history(timeline: Timeline, model: PopulationModel, label: LabelRules) -> History:
    """Return the history of a case under a model (h, mg); raise `Refused` for a hard limit or a missing covariate.

    `label` holds the changes of clearance with the liver.
    """
    _check_method_limits(timeline, label)
    now_h = timeline.now_h
    given, planned = given_until(timeline.declared, now_h)
    acting = acting_between(
        (*interactions_of(timeline.spells, modelled_comedications(model)), *adherence_of(timeline)),
        timeline.begin_h,
        now_h + 24.0 * DAYS_FORESEEN,
    )
    liver_sd = LIVER_SD if timeline.child_pugh else 0.0
    interactions = followed(acting, now_h, MOST_DIMENSIONS - len(own_effects(model, liver_sd)))
    declared = begun_by(timeline.declared, now_h)
    pieces, assumed, late = covariate_pieces(timeline, model)
    healthy = tuple(piece for piece in pieces if piece.start_h <= now_h + SAME_INSTANT_H)[-1]
    pieces = tuple(with_liver(piece, timeline.child_pugh, label) for piece in pieces)
    for piece in pieces:
        check_typical(model, piece.typical)
    pieces = _with_interactions(pieces, interactions, now_h)
    dosing = dosing_at(given, declared, now_h)
    decided_h = _decided_h(timeline.spells, now_h)
    start_h, expected = expected_until(given, dosing, decided_h)
    return History(
        timeline=timeline,
        given=given,
        planned_doses=planned,
        levels=_drawn_levels(timeline, model, given, declared),
        dosing=dosing,
        pieces=tuple(piece for piece in pieces if piece.start_h <= now_h + SAME_INSTANT_H),
        assumed=assumed,
        unstudied=checked_limits(timeline, model),
        late_changes=late,
        interactions=interactions,
        pieces_ahead=tuple(piece for piece in pieces if piece.start_h > now_h + SAME_INSTANT_H),
        liver_sd=liver_sd,
        decided_h=decided_h,
        start_h=start_h,
        expected=expected,
        undisturbed=replace(healthy, parts=(0.0,) * len(interactions)),
    )


def own_effects(model: PopulationModel, liver_sd: float) -> tuple[Parameter, ...]:
    """Return the parameters with a random effect of the patient's own (no unit).

    Where the model's clearance has none, what is unsure about the liver is one.
    """
    of = tuple(model.omega.of)
    return of if "cl" in of or not liver_sd else (*of, "cl")


def _drawn_levels(timeline: Timeline, model: PopulationModel, given: Runs, declared: Runs) -> tuple[DrawnLevel, ...]:
    changes = regimen_changes(given)
    sampled = sampled_at(declared, [level.drawn_h for level in timeline.levels])
    return tuple(
        DrawnLevel(
            drawn.since_dose_h,
            drawn.interval_h,
            level.index,
            level,
            level.time_h,
            int(np.searchsorted(changes, level.drawn_h - SAME_INSTANT_H)),
            _role(model, level.time_h, timeline.now_h, drawn),
            _distribution(model, drawn),
        )
        for level, drawn in zip(timeline.levels, sampled, strict=True)
    )


def _check_method_limits(timeline: Timeline, label: LabelRules) -> None:
    """Refuse a number below what its method can measure: that is a censored level."""
    problems = []
    for level in timeline.levels:
        method = method_of(level.assay)
        if level.censored or method is None or method.limit is None:
            continue
        limit = label.number(method.limit)
        if level.value_ng_ml < limit:
            sentence = say(
                "A level of {level} is below the limit of its method ({limit}); enter it as reported below a limit.",
                level=entered(f"{level.value_ng_ml:g} ng/mL"),
                limit=f"{limit:g} ng/mL",
            )
            accepted = range_in_words(limit, None, "ng/mL")
            pointer = f"/levels/{level.index}/{level.field}"
            problems.append(Problem(code="below_method_limit", pointer=pointer, message=sentence, accepted=accepted))
    if problems:
        raise Refused(problems)


def _role(model: PopulationModel, time: float, now_h: float, sampled: Sampled) -> Role:
    if time > now_h + SAME_INSTANT_H:
        return "in_future"
    if sampled.since_dose_h is None or sampled.interval_h is None:
        return "before_first_dose"
    explained_from_h = min(model.earliest_sample_fraction * sampled.interval_h, FITTED_FROM_H)
    return "fitted" if sampled.since_dose_h + SAME_INSTANT_H >= explained_from_h else "bound"


def _distribution(model: PopulationModel, sampled: Sampled) -> Distribution:
    if sampled.since_dose_h is None or sampled.interval_h is None:
        return AT_TROUGH
    return distribution_at(sampled.since_dose_h, model.earliest_sample_fraction * sampled.interval_h)


def _with_interactions(
    pieces: tuple[CovariatePiece, ...], interactions: tuple[Interaction, ...], now_h: float
) -> tuple[CovariatePiece, ...]:
    """The pieces cut where an interaction steps, as far as that is foreseen."""
    if not interactions:
        return pieces
    steps = {time for one in interactions for time in one.change_times_h() if time <= now_h + 24.0 * DAYS_FORESEEN}
    starts = sorted({piece.start_h for piece in pieces} | steps)
    return tuple(_with_parts(holding_at(pieces, start), start, interactions) for start in starts)


def _decided_h(spells: tuple[Spell, ...], now_h: float) -> float:
    """The time (h) that is decided for: `now`, or the first start of an interacting drug that is soon."""
    soon = [
        spell.start_h
        for spell in spells
        if spell.drug is not None and spell.drug.effect != "none" and now_h < spell.start_h <= now_h + 24.0 * DAYS_SOON
    ]
    return min(soon, default=now_h)


def _with_parts(piece: CovariatePiece, start_h: float, interactions: tuple[Interaction, ...]) -> CovariatePiece:
    parts = tuple(one.part_from(start_h) for one in interactions)
    ln_cl = sum(part * one.ln_cl for part, one in zip(parts, interactions, strict=True))
    ln_f = sum(part * one.ln_f for part, one in zip(parts, interactions, strict=True))
    typical = {**piece.typical, "cl": piece.typical["cl"] * math.exp(ln_cl)}
    return replace(piece, start_h=start_h, typical=typical, ln_f=ln_f, parts=parts)
