"""What will be otherwise than at the decision: drugs that start or stop, covariates that change, anaemia that heals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tdm.knowledge.model import PopulationModel
from tdm.notation.quantities import NUMERIC_COVARIATES
from tdm.notation.sentence import Said, listed, say
from tdm.patient.covariates import CovariatePiece
from tdm.patient.drug_effects import Interaction
from tdm.patient.estimate import Estimate, Individual, individual_in
from tdm.patient.history import History

# Design rule: at 34 % the recovery to 38 % would raise the level by a tenth under mao-2024: (38/34)^0.901 = 1.105.
LOW_HEMATOCRIT_PERCENT = 34.0


@dataclass(frozen=True)
class Condition:
    """What will hold, from when on (h on the case's clock; None: some day), and the individual's parameters then.

    `started` says that it is the start of a drug, which will be a decision of its own.
    """

    what: Said
    time_h: float | None
    individual: Individual
    started: bool = False


def conditions(estimate: Estimate) -> tuple[Condition, ...]:
    """Return what will be otherwise (L/h, L, 1/h), in order of time; a recovered haematocrit comes last."""
    history = estimate.history
    timed = [
        Condition(what, time, individual_in(estimate, history.piece_at(time), estimate.draws.eta), started)
        for time, what, started in _foreseen(history)
    ]
    return (*timed, *_recovered(estimate))


def _foreseen(history: History) -> list[tuple[float, Said, bool]]:
    """When something changes after what is decided for (h), what it is, and whether a drug starts; in order of time."""
    last = max((piece.start_h for piece in history.pieces_ahead), default=history.now_h)
    found = [*_of_drugs(history), *_of_covariates(history)]
    return sorted((one for one in found if history.decided_h < one[0] <= last), key=lambda one: one[0])


def _of_drugs(history: History) -> list[tuple[float, Said, bool]]:
    found = []
    for one in history.interactions:
        for spell in one.spells:
            if spell.drug is None:
                continue
            found.append((*_taking_effect(one, spell.start_h, say("{drug} starts", drug=spell.name)), True))
            found.append((*_taking_effect(one, spell.stop_h, say("{drug} stops", drug=spell.name)), False))
    return [one for one in found if math.isfinite(one[0])]


def _taking_effect(one: Interaction, time_h: float, what: Said) -> tuple[float, Said]:
    """Inhibition changes at once; an inducer's effect has come or gone when its last step is made."""
    if not one.induction:
        return time_h, what
    return time_h + one.settling_h, say("{change}, and its induction settles", change=what)


def _of_covariates(history: History) -> list[tuple[float, Said, bool]]:
    found: list[tuple[float, Said, bool]] = []
    for change in history.timeline.changes:
        parts = [
            _becomes(name, change.values[name])
            for name in history.covariates_now
            if name in NUMERIC_COVARIATES and name in change.values
        ]
        if parts:
            found.append((change.time_h, listed(parts, ", "), False))
    return found


def _becomes(name: str, value: float) -> Said:
    quantity = NUMERIC_COVARIATES[name]
    return say("{quantity} becomes {value} {unit}", quantity=quantity.noun, value=f"{value:g}", unit=quantity.unit)


def low_hematocrit(history: History) -> float | None:
    """Return the haematocrit (%) at `now` if it is low, whether or not the model uses it."""
    value = history.timeline.covariate_at("hematocrit_percent", history.now_h)
    return value if value is not None and value < LOW_HEMATOCRIT_PERCENT else None


def normal_hematocrit(model: PopulationModel) -> float | None:
    """Return the haematocrit (%) at which the model's typical patient stands, if it is a covariate."""
    effects = [effect for effect in model.covariates if effect.covariate == "hematocrit_percent"]
    return next((float(effect.reference) for effect in effects if hasattr(effect, "reference")), None)


def _recovered(estimate: Estimate) -> list[Condition]:
    """The patient with a haematocrit that has recovered to that of the model's typical patient."""
    history, normal = estimate.history, normal_hematocrit(estimate.model)
    low = low_hematocrit(history)
    if low is None or normal is None:
        return []
    piece = history.piece_at(history.decided_h)
    healed = with_covariates(estimate.model, piece, {"hematocrit_percent": normal})
    what = say("at a haematocrit of {normal} instead of {low}", normal=f"{normal:g} %", low=f"{low:g} %")
    return [Condition(what, None, individual_in(estimate, healed, estimate.draws.eta))]


def with_covariates(model: PopulationModel, piece: CovariatePiece, values: Mapping[str, float]) -> CovariatePiece:
    """Return a piece with other values of covariates (own units); what drugs and liver do to it stays."""
    covariates = {**piece.covariates, **values}
    before, after = model.typical(piece.covariates), model.typical(covariates)
    typical = {name: value * after[name] / before[name] for name, value in piece.typical.items()}
    return replace(piece, covariates=covariates, typical=typical)
