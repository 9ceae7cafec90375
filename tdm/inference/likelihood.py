"""The objective of estimation: residual error, censored levels (M3) and the prior of the random effects.

objective = sum over levels of (obs - pred)^2 / var + ln var, minus 2 ln of the probability of each censored level, plus
eta' omega^-1 eta; no constants. It is minus twice the log of the posterior density. With a log-normal residual error
observations and predictions enter as logarithms.

M3 (Beal 2001, J Pharmacokinet Pharmacodyn 28:481): a level below a limit contributes the probability of being below.

Low levels. Where the SD of a normal error grows with the prediction, var = (b pred)^2 + a^2, it never excludes a high
prediction: however low the level, (obs - pred)^2 / var stays below 1 / b^2, so that a lower level can lead to a higher
estimate. The mixed derivative of the log likelihood shows where: it is negative where pred exceeds p0 = obs +
sqrt(obs^2 + (a/b)^2), which is twice the level for a proportional error. With `low_tail` the squared distance goes on
from there along its tangent in ln(pred), whose slope is 1 / (2 b^2); the mixed derivative is zero, so that the
likelihood ratio is monotone: a lower level never speaks for a higher prediction. For a level below half its prediction
this is an exponential tail in ln(obs). Its mass does not depend on the prediction for a proportional error. For a
combined one it does, by less than 0.004 for b to 0.3 and 0.04 for b to 0.5; a constant for that is not carried, and a
function of the prediction alone would not change the mixed derivative. A censored level goes on along its own tangent,
which is how the probability of being below a limit falls under that tail, nearly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from tdm.inference.random_effects import Variability
from tdm.inference.residual_error import ResidualError
from tdm.knowledge.model import PARAMETERS
from tdm.pk.event_table import Course, of_patients, tiled
from tdm.pk.one_compartment import NG_ML_PER_MG_L, absorption_sums, at_samples, central_with_slopes, concentrations
from tdm.pk.superposition import Floats, Sums

# Draws times terms that are worked on at once; it bounds the memory, and nothing else.
MOST_AT_ONCE = 1_000_000

_CL, _V, _KA = (PARAMETERS.index(name) for name in ("cl", "v", "ka"))


@dataclass(frozen=True)
class Cohort:
    """What estimation sees of one patient or many: histories, typical values, levels, and how they vary.

    `ln_typical` (pieces, 3): ln CL (L/h), ln V (L), ln ka (1/h). `level_ng_ml` (samples,) holds the observed level or,
    where `censored`, the limit that it is below. `ln_f` (pieces,) is ln of the relative bioavailability of each piece's
    doses, None where it is 1 throughout, and `effects_on_f` (effects, pieces) how it changes along each of the last
    random effects. `ln_bias` and `ln_sd` (samples,), no unit, are ln of the factor by which a level lies above the
    curve, and how unsure that is (SD); None is nothing. `low_tail` is whether a level far below its prediction is
    believed as the module says.
    """

    course: Course
    ln_typical: Floats
    level_ng_ml: Floats
    censored: NDArray[np.bool_]
    residual: ResidualError
    variability: Variability
    ln_f: Floats | None = None
    effects_on_f: Floats | None = None
    ln_bias: Floats | None = None
    ln_sd: Floats | None = None
    low_tail: bool = False

    def patients(self, chosen: NDArray[np.bool_]) -> Cohort:
        """Return the cohort of the chosen patients (mask); units as before."""
        course, piece, sample = of_patients(self.course, chosen)
        return replace(
            self,
            course=course,
            ln_typical=self.ln_typical[piece],
            level_ng_ml=self.level_ng_ml[sample],
            censored=self.censored[sample],
            ln_f=None if self.ln_f is None else self.ln_f[piece],
            effects_on_f=None if self.effects_on_f is None else self.effects_on_f[:, piece],
            ln_bias=None if self.ln_bias is None else self.ln_bias[sample],
            ln_sd=None if self.ln_sd is None else self.ln_sd[sample],
        )

    def tiled(self, copies: int) -> Cohort:
        """Return the cohort with every patient `copies` times, copy after copy; units as before."""
        return replace(
            self,
            course=tiled(self.course, copies),
            ln_typical=np.tile(self.ln_typical, (copies, 1)),
            level_ng_ml=np.tile(self.level_ng_ml, copies),
            censored=np.tile(self.censored, copies),
            ln_f=None if self.ln_f is None else np.tile(self.ln_f, copies),
            effects_on_f=None if self.effects_on_f is None else np.tile(self.effects_on_f, copies),
            ln_bias=None if self.ln_bias is None else np.tile(self.ln_bias, copies),
            ln_sd=None if self.ln_sd is None else np.tile(self.ln_sd, copies),
        )

    @cached_property
    def error(self) -> ResidualError:
        """Return the residual error of each level (ng/mL; no unit), wider where its place on the curve is unsure."""
        return self.residual if self.ln_sd is None else self.residual.widened(self.ln_sd)

    def observed(self, curve_ng_ml: Floats) -> Floats:
        """Return what is expected to be measured (ng/mL) where the curve is at `curve_ng_ml`, shape (..., samples)."""
        return curve_ng_ml if self.ln_bias is None else np.asarray(curve_ng_ml * np.exp(self.ln_bias))

    @cached_property
    def at_fixed_ka(self) -> Sums | None:
        """Return the sums over doses (no unit, h) that depend on ka alone, where ka has no random effect."""
        return None if "ka" in self.variability.of else absorption_sums(self.course, np.exp(self.ln_typical[:, _KA]))

    @cached_property
    def tail(self) -> LowTail | None:
        """Return where each level is a low one (ng/mL), None where no level ever is."""
        error, level = self.error, self.level_ng_ml
        if not self.low_tail or error.log_sd is not None or not np.all(error.proportional):
            return None
        start = level + np.hypot(level, error.additive_ng_ml / error.proportional)
        distance = (level - start) / error.sd_ng_ml(start)
        by_distance, _ = _distance_slopes(error, start, distance)
        value = np.where(self.censored, -2.0 * log_ndtr(distance), distance**2)
        slope = np.where(self.censored, -2.0 * _hazard(distance), 2.0 * distance) * by_distance
        return LowTail(start, value, slope)

    @cached_property
    def on_ln(self) -> Floats:
        """Return how ln k, ln ka, -ln V and the effects on f change along the random effects, (3 + n, d), no unit."""
        on_cl, on_v, on_ka = (self.variability.effect_on(index) for index in (_CL, _V, _KA))
        effects = 0 if self.effects_on_f is None else len(self.effects_on_f)
        size = len(self.variability.of)
        return np.stack([on_cl - on_v, on_ka, -on_v, *np.eye(size)[size - effects :]])


class LowTail(NamedTuple):
    """Where a level is a low one: from which prediction on (ng/mL), and the misfit there with its slope (no unit).

    The misfit is the part of the objective without ln SD, the slope its derivative by ln(prediction); shape (samples,).
    """

    from_ng_ml: Floats
    value: Floats
    slope: Floats


class Rates(NamedTuple):
    """k (1/h), ka (1/h), V (L) and relative bioavailability f (no unit; None is 1), shape (..., pieces).

    A ka without a random effect comes without the leading axes.
    """

    k_per_h: Floats
    ka_per_h: Floats
    v_l: Floats
    f: Floats | None


def rates(cohort: Cohort, eta: Floats) -> Rates:
    """Return rates (1/h), volume (L) and bioavailability by piece for random effects of shape (..., patients, d)."""
    by_piece = eta if cohort.course.patients == 1 else np.take(eta, cohort.course.piece_patient, axis=-2)
    of = cohort.variability.of

    def individual(index: int) -> Floats:
        typical, name = cohort.ln_typical[:, index], PARAMETERS[index]
        return np.asarray(typical + by_piece[..., of.index(name)] if name in of else typical)

    ln_cl, ln_v, ln_ka = individual(_CL), individual(_V), individual(_KA)
    every = np.broadcast_shapes(by_piece.shape[:-1], cohort.ln_typical.shape[:1])
    k, v_l = np.broadcast_to(np.exp(ln_cl - ln_v), every), np.broadcast_to(np.exp(ln_v), every)
    return Rates(k, np.exp(ln_ka), v_l, _bioavailability(cohort, by_piece))


def _bioavailability(cohort: Cohort, by_piece: Floats) -> Floats | None:
    """The relative bioavailability of each piece for random effects by piece, shape (..., pieces, d)."""
    if cohort.ln_f is None:
        return None
    ln_f = cohort.ln_f
    if cohort.effects_on_f is not None:
        ln_f = ln_f + (by_piece[..., -len(cohort.effects_on_f) :] * cohort.effects_on_f.T).sum(axis=-1)
    return np.asarray(np.exp(ln_f))


def predictions(cohort: Cohort, eta: Floats) -> Floats:
    """Return the predicted concentrations (ng/mL) at the levels, shape (..., samples), for eta (..., patients, d)."""
    most = max(1, MOST_AT_ONCE // max(1, len(cohort.course.term_piece)))
    if eta.ndim > 2 and len(eta) > most:
        return np.concatenate([predictions(cohort, eta[i : i + most]) for i in range(0, len(eta), most)])
    return cohort.observed(concentrations(cohort.course, *rates(cohort, eta)))


def objective(cohort: Cohort, eta: Floats) -> Floats:
    """Return the objective (no unit) of each patient, shape (..., patients), for eta of shape (..., patients, d)."""
    return level_objective(cohort, predictions(cohort, eta)) + prior_objective(cohort.variability, eta)


def prior_objective(vary: Variability, eta: Floats) -> Floats:
    """Return eta' omega^-1 eta (no unit) for eta of shape (..., d): the squared Mahalanobis distance."""
    return np.asarray(((eta @ vary.precision) * eta).sum(axis=-1))


def level_objective(cohort: Cohort, prediction_ng_ml: Floats) -> Floats:
    """Return the levels' part of the objective (no unit), shape (..., patients), from predictions in ng/mL."""
    return _by_patient(cohort.course, _misfit(cohort, prediction_ng_ml))


def objective_with_slopes(cohort: Cohort, eta: Floats) -> tuple[Floats, Floats, Floats]:
    """Return objective (..., n), exact gradient (..., n, d) and expected information (..., n, d, d); no units.

    The information is that of half the objective, so its inverse is the covariance of eta.
    """
    k, ka, v_l, f = rates(cohort, eta)
    found = central_with_slopes(cohort.course, k, ka, cohort.at_fixed_ka, f, cohort.effects_on_f)
    prediction = cohort.observed(NG_ML_PER_MG_L * found.central_mg / at_samples(cohort.course, v_l))
    by_ln, information = _misfit_slopes(cohort, prediction)
    # ln(prediction) changes by these with ln k, ln ka (where it varies), -ln V and the effects on bioavailability
    ln_slopes: list[Floats | float] = [found.by_ln_k / found.central_mg, 1.0]
    on_ln = cohort.on_ln[[0, *range(2, len(cohort.on_ln))]]
    if found.by_ln_ka is not None:
        ln_slopes.insert(1, found.by_ln_ka / found.central_mg)
        on_ln = cohort.on_ln
    ln_slopes += [by_f / found.central_mg for by_f in found.by_f]
    slope = np.empty((*eta.shape[:-1], len(ln_slopes)))
    fisher = np.empty((*eta.shape[:-1], len(ln_slopes), len(ln_slopes)))
    for i, one in enumerate(ln_slopes):
        slope[..., i] = _by_patient(cohort.course, by_ln * one)
        informs = information * one
        for j, other in enumerate(ln_slopes[: i + 1]):
            fisher[..., i, j] = fisher[..., j, i] = _by_patient(cohort.course, informs * other)
    vary = cohort.variability
    value = level_objective(cohort, prediction) + prior_objective(vary, eta)
    return value, slope @ on_ln + 2.0 * eta @ vary.precision, on_ln.T @ fisher @ on_ln + vary.precision


def weighted_residuals(cohort: Cohort, prediction_ng_ml: Floats) -> Floats:
    """Return (obs - pred) / SD (no unit) at predictions in ng/mL, on the logarithm for a log-normal error.

    A censored level counts as its limit; the caller decides what that means.
    """
    if cohort.error.log_sd is not None:
        return np.asarray(np.log(cohort.level_ng_ml / prediction_ng_ml) / cohort.error.log_sd)
    with np.errstate(divide="ignore"):  # a prediction that underflows to zero leaves a proportional error without SD
        return np.asarray((cohort.level_ng_ml - prediction_ng_ml) / cohort.error.sd_ng_ml(prediction_ng_ml))


def _by_patient(course: Course, values: Floats) -> Floats:
    """Sum values per sample, shape (..., samples), over each patient; zero for a patient without samples."""
    if course.patients == 1:
        return np.asarray(values.sum(axis=-1, keepdims=True))
    present, start = course.sampled
    if len(present) == course.patients:
        return np.asarray(np.add.reduceat(values, start, axis=-1))
    total = np.zeros((*values.shape[:-1], course.patients))
    if len(present):
        total[..., present] = np.add.reduceat(values, start, axis=-1)
    return total


def _misfit(cohort: Cohort, prediction: Floats) -> Floats:
    """Each level's part of the objective."""
    error, censored, tail = cohort.error, cohort.censored, cohort.tail
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        distance = weighted_residuals(cohort, prediction)
        part = distance**2
        if np.any(censored):
            part = np.where(censored, -2.0 * log_ndtr(distance), part)
        if tail is not None:
            beyond = tail.value + tail.slope * np.log(prediction / tail.from_ng_ml)
            part = np.where(prediction > tail.from_ng_ml, beyond, part)
        ln_sd = np.log(error.log_sd if error.log_sd is not None else error.sd_ng_ml(prediction))
        return np.asarray(part + np.where(censored, 0.0, 2.0 * ln_sd))


def _misfit_slopes(cohort: Cohort, prediction: Floats) -> tuple[Floats, Floats]:
    """Derivative of each level's part by ln(prediction), and the expected information of half of it."""
    error, censored, tail = cohort.error, cohort.censored, cohort.tail
    distance = weighted_residuals(cohort, prediction)
    by_distance, ln_sd_slope = _distance_slopes(error, prediction, distance)
    slope = 2.0 * distance * by_distance
    # at its mean a normal observation informs by (d pred / sd)^2 and by twice (d ln sd)^2
    information = (by_distance + distance * ln_sd_slope) ** 2 + 2.0 * ln_sd_slope**2
    if np.any(censored):
        hazard = _hazard(distance)
        slope = np.where(censored, -2.0 * hazard * by_distance, slope)
        information = np.where(censored, hazard * (distance + hazard) * by_distance**2, information)
    if tail is not None:
        slope = np.where(prediction > tail.from_ng_ml, tail.slope, slope)
    return np.asarray(slope + np.where(censored, 0.0, 2.0 * ln_sd_slope)), np.asarray(information)


def _distance_slopes(error: ResidualError, prediction: Floats, distance: Floats) -> tuple[Floats, Floats]:
    """Derivatives of the weighted residual and of ln SD by ln(prediction)."""
    if error.log_sd is not None:
        return np.broadcast_to(-1.0 / np.asarray(error.log_sd), np.shape(prediction)), np.zeros(np.shape(prediction))
    sd = error.sd_ng_ml(prediction)
    ln_sd_slope = (error.proportional * prediction / sd) ** 2
    return np.asarray(-prediction / sd - distance * ln_sd_slope), np.asarray(ln_sd_slope)


def _hazard(distance: Floats) -> Floats:
    """The derivative of ln of the normal distribution function."""
    return np.asarray(np.exp(-0.5 * distance**2 - log_ndtr(distance)) / np.sqrt(2.0 * np.pi))
