"""What is doubtful about the fit of the levels: each check raises findings of the catalogue.

Every threshold here is a design rule.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import chdtrc

from tdm.case.regimen import Regimen
from tdm.inference.importance_sampling import PROBABILITY_ERROR
from tdm.inference.likelihood import prior_objective
from tdm.notation.formatting import age_in_words, percent, share, three_digits, when
from tdm.notation.sentence import say
from tdm.patient.agreement import UNEXPECTEDLY_LOW, contradiction, low_levels, outlier_sd
from tdm.patient.estimate import Estimate, individual
from tdm.patient.history import DrawnLevel
from tdm.pk.one_compartment import NG_ML_PER_MG_L, steady_state
from tdm.review.findings import Finding, finding

# An unusual patient is farther from the population than all but this part of its members.
UNUSUAL_P = 0.01
# The levels say little when they leave more than this part of the population's SD of ln clearance.
PRIOR_DOMINATES = 0.7
# A trough below this part of the steady state of the regimen is not yet at it.
STEADY_FROM = 0.9


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
    """Only the newest level asks for adherence first: an older low one was answered by what was measured since."""
    history, low = estimate.history, low_levels(estimate)
    for one in low:
        newest = one.drawn is history.used[-1]
        if one.chance is None:
            why = say("it was reported as below a limit")
        else:
            why = say(
                "fewer than {share} of such patients would be so low ({chance})",
                share=share(UNEXPECTEDLY_LOW),
                chance=percent(one.chance),
            )
        values = {
            "time": when(history.clock, one.drawn.time_h),
            "age": age_in_words(history.now_h - one.drawn.time_h),
            "level": _level_in_words(one.drawn),
        }
        if newest and history.timeline.were_observed(one.drawn.time_h):
            yield finding("low_level_observed", **values)
        else:
            yield finding("check_adherence" if newest else "low_level_past", why=why, **values)


def _contradictions(estimate: Estimate) -> Iterator[Finding]:
    found, clock = contradiction(estimate), estimate.history.clock
    if found is None:
        return
    if found.high is None or found.low is None:
        why = say("no patient of the model would give them together (p = {p})", p=f"{found.p:.2g}")
    else:
        why = say(
            "on one regimen that of {first} is {above} and that of {second} is {below} residual SD from the fit",
            first=when(clock, found.high.time_h),
            above=f"{found.high_residual:+.1f}",
            second=when(clock, found.low.time_h),
            below=f"{found.low_residual:+.1f}",
        )
    yield finding("levels_contradict", why=why)


def _outliers(estimate: Estimate) -> Iterator[Finding]:
    history = estimate.history
    for drawn, residual in zip(history.used, estimate.residuals_at_mode, strict=True):
        beyond = -residual if drawn.level.censored else abs(residual)
        if beyond > outlier_sd(len(history.used)):
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
