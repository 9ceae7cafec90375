"""A level far below its prediction: the likelihood is monotone there, and so is the answer.

Expected: the definition written out here, numerical derivatives of it, and the order of the levels themselves. Times in
h, doses in mg, levels in ng/mL.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tdm
from tdm.inference import likelihood
from tdm.inference.importance_sampling import quantiles
from tdm.inference.likelihood import Cohort
from tdm.inference.random_effects import Variability
from tdm.inference.residual_error import ResidualError
from tdm.pk.event_table import Runs, lay_out
from tdm.pk.one_compartment import unit_troughs
from tests.bedside import Json, adult, censored, child, level, run

pytestmark = pytest.mark.slow

ERRORS = ((0.182, 0.0), (0.3, 0.0), (0.05, 0.0), (0.2, 0.5), (0.3, 2.0))
LEVELS = np.geomspace(0.05, 40.0, 60)
PREDICTIONS = np.geomspace(0.02, 200.0, 240)
MEASURED = (0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.16, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0)
ROUNDING = 1e-9
SAMPLED = 0.01
"""Relative error of a median that is allowed when two levels give nearly the same one."""
PATIENTS: dict[str, Json] = {
    "adult": adult(doses=[run(2, 14)], now=336.0),
    "with diltiazem": adult(doses=[run(2, 14)], now=336.0, comedications=[{"name": "diltiazem", "start": 0.0}]),
    "with voriconazole": adult(doses=[run(1, 14)], now=336.0, comedications=[{"name": "voriconazole", "start": 0.0}]),
    "with rifampicin": adult(doses=[run(4, 14)], now=336.0, comedications=[{"name": "rifampicin", "start": 0.0}]),
    "child": child(doses=[run(1, 14)], now=336.0),
}


def cohort(
    levels: NDArray[np.float64], error: tuple[float, float], low_tail: bool = True, limits: bool = False
) -> Cohort:
    """Levels or limits (ng/mL) of one patient under an error (proportional, additive ng/mL); doses do not matter."""
    of = np.zeros(len(levels), dtype=np.intp)
    none = np.zeros(0, dtype=np.intp)
    course = lay_out(
        Runs(np.zeros(1, dtype=np.intp), np.zeros(1), np.ones(1), np.full(1, 24.0), np.ones(1, dtype=np.intp)),
        of, np.full(len(levels), 24.0), none, np.zeros(0), 1,
    )  # fmt: skip
    return Cohort(
        course, np.zeros((1, 3)), levels, np.full(len(levels), limits), ResidualError(*error),
        Variability(np.eye(1), ("cl",)), low_tail=low_tail,
    )  # fmt: skip


def misfits(error: tuple[float, float], low_tail: bool = True) -> NDArray[np.float64]:
    """Minus twice the log likelihood, shape (predictions, levels)."""
    return likelihood._misfit(cohort(LEVELS, error, low_tail), PREDICTIONS[:, None])


@pytest.mark.parametrize("error", ERRORS)
def test_the_likelihood_ratio_is_monotone(error: tuple[float, float]) -> None:
    """A higher level never speaks less for a higher prediction than a lower one does; a normal error breaks this."""
    mixed = np.diff(np.diff(-0.5 * misfits(error), axis=0), axis=1)
    assert mixed.min() >= -ROUNDING
    assert np.diff(np.diff(-0.5 * misfits(error, low_tail=False), axis=0), axis=1).min() < -0.001


@pytest.mark.parametrize("error", ERRORS)
def test_it_is_the_normal_error_above_about_half_the_prediction(error: tuple[float, float]) -> None:
    same = misfits(error) == misfits(error, low_tail=False)
    assert same[LEVELS[None, :] > 0.5001 * PREDICTIONS[:, None]].all()
    low = LEVELS[None, :] < 0.499 * PREDICTIONS[:, None] - error[1] ** 2 / (2.0 * error[0] ** 2 * PREDICTIONS[:, None])
    assert not same[low].any()


@pytest.mark.parametrize("limits", [False, True])
@pytest.mark.parametrize("error", ERRORS)
def test_its_slope_is_exact_and_has_no_step(error: tuple[float, float], limits: bool) -> None:
    one, width = cohort(LEVELS, error, limits=limits), 1e-5
    slope, information = likelihood._misfit_slopes(one, PREDICTIONS[:, None])
    ahead, behind = (likelihood._misfit(one, PREDICTIONS[:, None] * np.exp(step)) for step in (width, -width))
    assert slope == pytest.approx((ahead - behind) / (2.0 * width), rel=1e-5, abs=1e-4 / error[0] ** 2)
    assert (information >= 0.0).all()
    start = LEVELS + np.sqrt(LEVELS**2 + (error[1] / error[0]) ** 2)
    left, right = (likelihood._misfit_slopes(one, start * side)[0] for side in (1.0 - 1e-9, 1.0 + 1e-9))
    assert left == pytest.approx(right, rel=1e-6)


def test_its_mass_does_not_depend_on_the_prediction() -> None:
    """A proportional error of 0.3 on a fine grid of levels: the mass below twice the prediction, at any prediction."""
    mass = []
    for prediction in (1.0, 7.0, 40.0):
        levels = np.linspace(0.0, 3.0 * prediction, 200_001)[1:]
        density = np.exp(-0.5 * likelihood._misfit(cohort(levels, (0.3, 0.0)), np.array([prediction])))
        mass.append(float(density.sum() * levels[0] / np.sqrt(2.0 * np.pi)))
    assert mass == pytest.approx([mass[0]] * 3, rel=1e-6)
    assert mass[0] == pytest.approx(1.0, abs=0.005)


def median_trough(case: Json) -> float:
    """The median steady-state trough (ng/mL) of 1 mg once daily."""
    estimate = tdm.estimate(tdm.read_case(case))
    one: Any = estimate.individual
    trough = unit_troughs(1, 24.0, one.k_per_h, one.ka_per_h, one.apparent_v_l)[:, 0]
    return float(quantiles(trough, estimate.draws.weight, (0.5,))[0])


@pytest.mark.parametrize("name", PATIENTS)
def test_a_lower_level_never_predicts_more(name: str) -> None:
    """One level of 0.2 to 12 ng/mL after 14 doses, all else equal: the median trough rises with it."""
    medians = [median_trough({**PATIENTS[name], "levels": [level(336.0, value)]}) for value in MEASURED]
    for lower, higher in pairwise(medians):
        assert lower <= higher * (1.0 + SAMPLED)
    assert medians[0] < 0.6 * medians[-1]


@pytest.mark.parametrize("name", PATIENTS)
def test_a_lower_limit_never_predicts_more(name: str) -> None:
    """One level reported as below 0.5 to 6 ng/mL: the same, and no more than a tenth above that of the limit itself."""
    limits = (0.5, 1.0, 1.5, 2.0, 3.5, 6.0)
    medians = [median_trough({**PATIENTS[name], "levels": [censored(336.0, value)]}) for value in limits]
    for lower, higher in pairwise(medians):
        assert lower <= higher * (1.0 + SAMPLED)
    for limit, median in zip(limits, medians, strict=True):
        assert median <= 1.1 * median_trough({**PATIENTS[name], "levels": [level(336.0, limit)]})


def test_diltiazem_and_half_a_nanogram_is_no_reason_to_decrease() -> None:
    """0.5 ng/mL led to "decrease" where 2.16 led to "increase"."""
    for value in (0.5, 2.16):
        case = {**PATIENTS["with diltiazem"], "levels": [level(336.0, value)]}
        assert tdm.recommend(tdm.read_case(case)).decision == "increase"
