"""What is doubtful about the fit of the levels: each check raises findings of the catalogue.

Every threshold here is a design rule.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import chdtrc, gammaincc, ndtr, ndtri

from tdm.case.regimen import Regimen
from tdm.inference.importance_sampling import PROBABILITY_ERROR
from tdm.inference.lattice import lattice, shifted
from tdm.inference.likelihood import predictions, prior_objective, weighted_residuals
from tdm.notation.formatting import percent, share, three_digits, when
from tdm.notation.sentence import say
from tdm.patient.estimate import Estimate, individual, prior_eta
from tdm.patient.history import DrawnLevel
from tdm.pk.one_compartment import NG_ML_PER_MG_L, steady_state
from tdm.review.findings import Finding, finding

OUTLIER_SD = 3.0
UNUSUAL_P = 0.01
CONTRADICTION_P = 0.01
OPPOSITE_RESIDUALS_SD = 1.5
# A level this far down in what the model expects of such a patient asks for adherence first.
UNEXPECTEDLY_LOW = 0.05
# The levels say little when they leave more than this part of the population's SD of ln clearance.
PRIOR_DOMINATES = 0.7
STEADY_FROM = 0.9
PRIOR_POINTS = 1024


def review_fit(estimate: Estimate) -> list[Finding]:
    """Return the findings on the fit of the levels; sentences carry their units."""
    if not estimate.history.used:
        why = say("no level is fitted")
        return [finding("prior_dominates", why=why), *_numerics(estimate)]
    return [
        *_low_levels(estimate),
        *_contradictions(estimate),
        *_outliers(estimate),
        *_unusual(estimate),
        *_second_optimum(estimate),
        *_prior_dominates(estimate),
        *_steady_state(estimate),
        *_numerics(estimate),
    ]


def _low_levels(estimate: Estimate) -> Iterator[Finding]:
    history = estimate.history
    expected = prior_chance_below(estimate)
    for drawn, chance in zip(history.used, expected, strict=True):
        if drawn.level.censored:
            why = say("it was reported as below a limit")
        elif chance < UNEXPECTEDLY_LOW:
            why = say(
                "fewer than {share} of such patients would be so low ({chance})",
                share=share(UNEXPECTEDLY_LOW),
                chance=percent(float(chance)),
            )
        else:
            continue
        yield finding("check_adherence", time=when(history.clock, drawn.time_h), level=_level_in_words(drawn), why=why)


def prior_chance_below(estimate: Estimate) -> np.ndarray:
    """Return the probability (no unit), level by level, that the population with these covariates measures lower."""
    size = len(estimate.cohort.variability.of)
    points = shifted(lattice(PRIOR_POINTS, size), np.full(size, 0.5 / PRIOR_POINTS))
    eta = prior_eta(estimate, ndtri(points))
    return np.asarray(ndtr(weighted_residuals(estimate.cohort, predicted(estimate, eta))).mean(axis=0))


def predicted(estimate: Estimate, eta: np.ndarray) -> np.ndarray:
    """Return the predictions (ng/mL) at the fitted levels, shape (draws, levels), for random effects (draws, d)."""
    return predictions(estimate.cohort, eta[:, None, :])


def contradiction_p(estimate: Estimate) -> float:
    """Return the posterior predictive p-value (no unit) of the sum of squared weighted residuals.

    For given random effects replicated residuals are standard normal, so the tail is a chi-square's and the p-value its
    posterior mean (Gelman, Meng and Stern 1996, Statistica Sinica 6:733), without simulation. A censored level counts
    by how far the prediction exceeds its limit.
    """
    residual = weighted_residuals(estimate.cohort, estimate.at_levels)
    residual = np.where(estimate.cohort.censored, np.minimum(residual, 0.0), residual)
    discrepancy = (residual**2).sum(axis=1)
    return float((estimate.draws.weight * gammaincc(0.5 * residual.shape[1], 0.5 * discrepancy)).sum())


def _contradictions(estimate: Estimate) -> Iterator[Finding]:
    used = estimate.history.used
    if len(used) < 2:
        return
    p = contradiction_p(estimate)
    residual = estimate.residuals_at_mode
    opposite = _opposite_pair(used, residual)
    if p < CONTRADICTION_P:
        why = say("no patient of the model would give them together (p = {p})", p=f"{p:.2g}")
        yield finding("levels_contradict", why=why)
    elif opposite is not None:
        clock = estimate.history.clock
        high, low = (used[position] for position in opposite)
        why = say(
            "on one regimen that of {first} is {above} and that of {second} is {below} residual SD from the fit",
            first=when(clock, high.time_h),
            above=f"{residual[opposite[0]]:+.1f}",
            second=when(clock, low.time_h),
            below=f"{residual[opposite[1]]:+.1f}",
        )
        yield finding("levels_contradict", why=why)


def _opposite_pair(used: tuple[DrawnLevel, ...], residual: np.ndarray) -> tuple[int, int] | None:
    for high in range(len(used)):
        for low in range(len(used)):
            same = used[high].epoch == used[low].epoch
            if same and residual[high] > OPPOSITE_RESIDUALS_SD and residual[low] < -OPPOSITE_RESIDUALS_SD:
                return high, low
    return None


def _outliers(estimate: Estimate) -> Iterator[Finding]:
    history = estimate.history
    for drawn, residual in zip(history.used, estimate.residuals_at_mode, strict=True):
        beyond = -residual if drawn.level.censored else abs(residual)
        if beyond > OUTLIER_SD:
            yield finding(
                "outlier",
                time=when(history.clock, drawn.time_h),
                level=_level_in_words(drawn),
                residual=f"{residual:+.1f}",
            )


def _level_in_words(drawn: DrawnLevel) -> str:
    level = f"{drawn.level.value_ng_ml:g} ng/mL"
    return say("below {level}", level=level) if drawn.level.censored else level


def _unusual(estimate: Estimate) -> Iterator[Finding]:
    distance = float(prior_objective(estimate.cohort.variability, estimate.modes.eta)[0])
    p = float(chdtrc(len(estimate.cohort.variability.of), distance))
    if p < UNUSUAL_P:
        yield finding("unusual_patient", p=f"{p:.2g}")


def _second_optimum(estimate: Estimate) -> Iterator[Finding]:
    modes = estimate.modes
    if np.isfinite(modes.second_objective[0]):
        other = individual(estimate, modes.second_eta)
        yield finding(
            "second_optimum",
            clearance=f"{three_digits(float(other.apparent_cl_l_per_h[0]))} L/h",
            volume=f"{three_digits(float(other.apparent_v_l[0]))} L",
            difference=f"{float(modes.second_objective[0] - modes.objective[0]):.2g}",
        )


def _prior_dominates(estimate: Estimate) -> Iterator[Finding]:
    if "cl" not in estimate.cohort.variability.of:
        return
    position = estimate.cohort.variability.of.index("cl")
    eta, weight = estimate.draws.eta[:, position], estimate.draws.weight
    sd = float(np.sqrt((weight * (eta - (weight * eta).sum()) ** 2).sum()))
    left = sd / float(np.sqrt(estimate.cohort.variability.omega[position, position]))
    if left > PRIOR_DOMINATES:
        why = say("the levels leave {share} of the population's SD of ln clearance", share=share(left))
        yield finding("prior_dominates", why=why)


def _steady_state(estimate: Estimate) -> Iterator[Finding]:
    drawn = estimate.history.last_trough
    regimen = estimate.history.dosing.regimen
    if drawn is None or regimen is None or drawn.since_dose_h is None:
        return
    fraction = fraction_of_steady_state(estimate, drawn, regimen)
    if fraction < STEADY_FROM:
        yield finding("not_at_steady_state", time=when(estimate.history.clock, drawn.time_h), fraction=share(fraction))


def fraction_of_steady_state(estimate: Estimate, drawn: DrawnLevel, regimen: Regimen) -> float:
    """Return the concentration at a level as a part (no unit) of the steady state of a regimen, at the mode."""
    assert drawn.since_dose_h is not None  # it is a trough
    position = [one.index for one in estimate.history.used].index(drawn.index)
    concentration = float(estimate.mode_at_levels[position])
    one = estimate.at_mode
    steady = steady_state(regimen.pattern_mg, regimen.every_h, drawn.since_dose_h, one.k_per_h, one.ka_per_h).central_mg
    return concentration / float(NG_ML_PER_MG_L * steady.mean() / one.apparent_v_l[0])


def _numerics(estimate: Estimate) -> Iterator[Finding]:
    if not estimate.draws.certified:
        draws = estimate.draws
        times = max(draws.probability_error / PROBABILITY_ERROR, draws.quantile_error)
        yield finding("numerical_error", error=three_digits(times), exact=share(2.0 * draws.probability_error))
