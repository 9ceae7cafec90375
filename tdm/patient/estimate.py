"""What the levels say about one patient: the mode, the exact posterior and the fit of each level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tdm.inference.importance_sampling import Draws, quantiles, sample
from tdm.inference.likelihood import (
    MOST_AT_ONCE,
    Cohort,
    Rates,
    level_objective,
    objective,
    predictions,
    prior_objective,
    rates,
    weighted_residuals,
)
from tdm.inference.map_estimate import Modes, all_optima, fit_thoroughly, improved
from tdm.inference.random_effects import Variability, variability
from tdm.inference.residual_error import residual_error
from tdm.knowledge.model import PARAMETERS, PopulationModel
from tdm.patient.covariates import CovariatePiece
from tdm.patient.early_levels import AT_TROUGH
from tdm.patient.history import History, own_effects
from tdm.pk.event_table import Course, Runs, lay_out
from tdm.pk.one_compartment import NG_ML_PER_MG_L, Amounts, amounts, at_samples, unit_troughs
from tdm.pk.superposition import Floats

# Design rule: the relative standard errors that the sampler accepts for the quantiles of clearance, volume and trough.
TOLERANCES = (0.004, 0.004, 0.0012)
# The regimen whose steady-state trough the sampler watches, h.
WATCHED_INTERVAL_H = 24.0
# A draw whose objective is lower than the mode's by more than this shows that the mode was not the best.
MISSED_MODE = 1e-3


@dataclass(frozen=True)
class Individual:
    """Parameters of one individual, draw by draw, as they are at one time: CL (L/h), V (L), ka (1/h), shape (draws,).

    `f` is the bioavailability that an interaction leaves, relative to none (no unit). It and a ka without a random
    effect have shape (1,) where they are the same in all draws.
    """

    cl_l_per_h: Floats
    v_l: Floats
    ka_per_h: Floats
    f: Floats

    @property
    def apparent_cl_l_per_h(self) -> Floats:
        """Return the apparent clearance CL/F, L/h, shape (draws,), of the doses of that time."""
        return np.asarray(self.cl_l_per_h / self.f)

    @property
    def apparent_v_l(self) -> Floats:
        """Return the apparent volume V/F, L, shape (draws,), of the doses of that time."""
        return np.asarray(self.v_l / self.f)

    @property
    def k_per_h(self) -> Floats:
        """Return the elimination rate constant CL / V, 1/h, shape (draws,)."""
        return np.asarray(self.cl_l_per_h / self.v_l)

    @property
    def half_life_h(self) -> Floats:
        """Return the elimination half-life, h, shape (draws,)."""
        return np.asarray(np.log(2.0) / self.k_per_h)


@dataclass(frozen=True)
class Estimate:
    """The individual under one model: mode, posterior draws and what they rest on. Units as in the fields' names."""

    model: PopulationModel
    history: History
    cohort: Cohort
    modes: Modes
    draws: Draws

    @property
    def eta(self) -> dict[str, float]:
        """Return the mode of the random effects (no unit) by the name of what they act on."""
        return {name: float(value) for name, value in zip(self.cohort.variability.of, self.modes.eta[0], strict=True)}

    @property
    def objective(self) -> float:
        """Return the objective at the mode (no unit): minus twice the log posterior without constants."""
        return float(self.modes.objective[0])

    @property
    def covariance(self) -> Floats:
        """Return the covariance (d, d) of the random effects from the expected information, no unit."""
        return np.asarray(self.modes.covariance[0])

    @cached_property
    def individual(self) -> Individual:
        """Return the posterior draws of CL (L/h), V (L) and ka (1/h) at `now`."""
        return individual(self, self.draws.eta)

    @cached_property
    def decided(self) -> Individual:
        """Return the posterior draws of CL (L/h), V (L) and ka (1/h) for what the decision is for."""
        return self.individual_at(self.history.decided_h)

    @cached_property
    def individual_without(self) -> Individual:
        """Return the posterior draws of CL (L/h), V (L) and ka (1/h) as if no drug and no liver disease acted."""
        return individual_in(self, self.history.undisturbed, self.draws.eta)

    def individual_at(self, hours: float) -> Individual:
        """Return the posterior draws of CL (L/h), V (L) and ka (1/h) under what holds at a time (h)."""
        return individual_in(self, self.history.piece_at(hours), self.draws.eta)

    @cached_property
    def foreseen(self) -> Cohort:
        """Return the cohort with what is foreseen after `now` too, for predictions (h, mg, ng/mL)."""
        if not self.history.pieces_ahead:
            return self.cohort
        return _in_pieces(self.cohort, (*self.history.pieces, *self.history.pieces_ahead))

    @property
    def at_mode(self) -> Individual:
        """Return CL (L/h), V (L) and ka (1/h) at `now` at the mode, shape (1,)."""
        return individual(self, self.modes.eta)

    @property
    def typical(self) -> Individual:
        """Return the typical CL (L/h), V (L) and ka (1/h) at `now`, shape (1,)."""
        return individual(self, np.zeros_like(self.modes.eta))

    @cached_property
    def mode_at_levels(self) -> Floats:
        """Return the predictions (ng/mL) of the mode at levels fitted, then those that bound, shape (levels,)."""
        return predictions(self.cohort, self.modes.eta)

    @property
    def residuals_at_mode(self) -> Floats:
        """Return the weighted residuals (no unit) of the fitted levels; a censored one counts as its limit."""
        return weighted_residuals(self.cohort, self.mode_at_levels)[: len(self.history.used)]

    @cached_property
    def due(self) -> Amounts:
        """Return depot and central amount (mg), shape (draws,), of all draws when what is proposed starts."""
        found = amounts_at(self, self.draws.eta, np.array([self.history.start_h]))
        return Amounts(found.depot_mg[:, 0], found.central_mg[:, 0])

    @cached_property
    def trough_due_ng_ml(self) -> float:
        """Return the median individual trough (ng/mL): when the next dose is due, or at `now` where it is overdue."""
        dosing = self.history.dosing
        central = self.due.central_mg
        if dosing.trough_h < self.history.start_h:
            central = amounts_at(self, self.draws.eta, np.array([dosing.trough_h])).central_mg[:, 0]
        concentration = NG_ML_PER_MG_L * central / self.individual.v_l
        return float(quantiles(concentration, self.draws.weight, (0.5,))[0])

    @cached_property
    def at_levels(self) -> Floats:
        """Return the predictions (ng/mL) of all draws at the levels fitted, then those that bound, (draws, levels)."""
        return predictions(self.cohort, self.draws.eta[:, None, :])


def estimate_individual(model: PopulationModel, history: History) -> Estimate:
    """Return the estimate of one patient under a model (units in its fields); raise `NotConverged` without a mode."""
    cohort = cohort_of(model, history)
    modes, optima, covariances = all_optima(cohort, fit_thoroughly(cohort))

    def log_density(eta: Floats) -> Floats:
        return np.asarray(-0.5 * objective(cohort, eta[:, None, :])[:, 0])

    def watched(eta: Floats) -> Floats:
        one = _last(rates(cohort, eta[:, None, :]))
        trough = unit_troughs(1, WATCHED_INTERVAL_H, one.k_per_h, one.ka_per_h, one.apparent_v_l)[:, 0]
        return np.stack([one.apparent_cl_l_per_h, one.apparent_v_l, trough], axis=-1)

    draws = sample(log_density, optima, covariances, watched, np.array(TOLERANCES))
    if -2.0 * draws.peak_log_density < modes.objective[0] - MISSED_MODE:
        modes = improved(cohort, modes, draws.peak)
        optima, covariances = (np.concatenate(pair) for pair in ((modes.eta, optima), (modes.covariance, covariances)))
        draws = sample(log_density, optima, covariances, watched, np.array(TOLERANCES))
    return Estimate(model, history, cohort, modes, draws)


def cohort_of(model: PopulationModel, history: History) -> Cohort:
    """Return a history's fitted levels as a cohort of one patient (h, mg, ng/mL; ln of L/h, L, 1/h)."""
    compared, pieces = (*history.used, *history.bounds), history.pieces
    course = lay_out(
        history.given,
        np.zeros(len(compared), dtype=np.intp),
        np.array([drawn.compared_h for drawn in compared], dtype=float),
        np.zeros(len(pieces) - 1, dtype=np.intp),
        np.array([piece.start_h for piece in pieces[1:]], dtype=float),
        1,
    )
    cohort = Cohort(
        course=course,
        ln_typical=np.empty((0, len(PARAMETERS))),
        level_ng_ml=np.array([drawn.level.value_ng_ml for drawn in compared], dtype=float),
        censored=np.array([drawn.level.censored or drawn.role == "bound" for drawn in compared], dtype=bool),
        residual=residual_error(model.residual),
        variability=_variability(model, history),
        low_tail=model.citation is not None,
        **_distribution(history),
    )
    return _in_pieces(cohort, pieces)


def _distribution(history: History) -> dict[str, Floats]:
    """How far the levels early after a dose lie above the curve, ln of the factor and its SD; nothing without such."""
    fitted = [drawn.distribution for drawn in history.used]
    if all(one == AT_TROUGH for one in fitted):
        return {}
    every = [*fitted, *(AT_TROUGH for _ in history.bounds)]
    return {"ln_bias": np.array([one.ln_bias for one in every]), "ln_sd": np.array([one.ln_sd for one in every])}


def _in_pieces(cohort: Cohort, pieces: Sequence[CovariatePiece]) -> Cohort:
    """The cohort of one patient with the typical values (ln of L/h, L, 1/h) and interactions of these pieces."""
    acting = bool(pieces[0].parts)
    # the interactions with a random effect come first
    random = sum(name not in PARAMETERS for name in cohort.variability.of)
    return replace(
        cohort,
        ln_typical=np.log([[piece.typical[name] for name in PARAMETERS] for piece in pieces]),
        ln_f=np.array([piece.ln_f for piece in pieces]) if acting else None,
        effects_on_f=np.array([piece.parts[:random] for piece in pieces]).T if acting else None,
    )


def _variability(model: PopulationModel, history: History) -> Variability:
    """The model's variability, wider by what is unsure about the liver, and the random effects of interactions."""
    own, acting = variability(model.omega), [one for one in history.interactions if one.sd > 0.0]
    of = own_effects(model, history.liver_sd)
    size, added = len(own.of), len(acting)
    omega = np.zeros((len(of) + added, len(of) + added))
    omega[:size, :size] = own.omega
    if "cl" in of:
        omega[of.index("cl"), of.index("cl")] += history.liver_sd**2
    drugs = np.arange(len(of), len(of) + added)
    omega[drugs, drugs] = [one.sd**2 for one in acting]
    return Variability(omega, (*of, *(one.name for one in acting)))


def individual(estimate: Estimate, eta: Floats) -> Individual:
    """Return CL (L/h), V (L) and ka (1/h) at `now` for random effects of shape (draws, d)."""
    return _last(rates(estimate.cohort, eta[:, None, :]))


def individual_in(estimate: Estimate, piece: CovariatePiece, eta: Floats) -> Individual:
    """Return CL (L/h), V (L) and ka (1/h) under what holds in a piece, for random effects of shape (draws, d)."""
    return _last(rates(_in_pieces(estimate.cohort, (piece,)), eta[:, None, :]))


def _last(found: Rates) -> Individual:
    """The parameters of the last piece."""
    f = np.ones(1) if found.f is None else np.atleast_1d(found.f[..., -1])
    v_l = found.v_l[..., -1]
    return Individual(found.k_per_h[..., -1] * v_l, v_l, np.atleast_1d(found.ka_per_h[..., -1]), f)


def amounts_at(estimate: Estimate, eta: Floats, times_h: Floats) -> Amounts:
    """Return depot and central amount (mg), shape (draws, times), at times (h) of the dosing history."""
    course = _course_to(estimate, times_h)
    most = max(1, MOST_AT_ONCE // max(1, len(course.term_piece)))
    parts = []
    for start in range(0, len(eta), most):
        k, ka, _, f = rates(estimate.foreseen, eta[start : start + most, None, :])
        parts.append(amounts(course, k, ka, f))
    return parts[0] if len(parts) == 1 else Amounts(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def concentrations_at(estimate: Estimate, eta: Floats, times_h: Floats) -> Floats:
    """Return the concentrations (ng/mL), shape (draws, times), at times (h) of the dosing history."""
    v_l = rates(estimate.foreseen, eta[:, None, :]).v_l
    central = amounts_at(estimate, eta, times_h).central_mg
    return np.asarray(NG_ML_PER_MG_L * central / at_samples(_course_to(estimate, times_h), v_l))


def prior_eta(estimate: Estimate, white: Floats) -> Floats:
    """Return random effects (n, d), no unit, of the population for standard normal numbers of the same shape."""
    return np.asarray(white @ estimate.cohort.variability.cholesky.T)


def under_reading(estimate: Estimate, reading: PopulationModel) -> Floats:
    """Return the weights (draws,), no unit, sum one, that the same draws have under another omega or residual error."""
    vary = _variability(reading, estimate.history)
    other = replace(estimate.cohort, residual=residual_error(reading.residual), variability=vary)
    eta = estimate.draws.eta
    change = (
        level_objective(other, estimate.at_levels)[:, 0]
        + prior_objective(other.variability, eta)
        - level_objective(estimate.cohort, estimate.at_levels)[:, 0]
        - prior_objective(estimate.cohort.variability, eta)
    )
    possible = estimate.draws.weight > 0.0
    weight = np.zeros_like(change)
    weight[possible] = estimate.draws.weight[possible] * np.exp(-0.5 * (change[possible] - change[possible].min()))
    return np.asarray(weight / weight.sum())


def _course_to(estimate: Estimate, times_h: Floats) -> Course:
    return course_of(estimate.history, estimate.history.expected, times_h)


def course_of(history: History, doses: Runs, times_h: Floats) -> Course:
    """Return the course of a patient under doses (h, mg), with what is foreseen, seen at times (h)."""
    changes = [*history.pieces[1:], *history.pieces_ahead]
    return lay_out(
        doses,
        np.zeros(len(times_h), dtype=np.intp),
        times_h,
        np.zeros(len(changes), dtype=np.intp),
        np.array([piece.start_h for piece in changes], dtype=float),
        1,
    )
