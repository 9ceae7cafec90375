"""Tables that the authors of the shipped models published, against the shipped models.

Independent source of every expected value: the table or sentence of the publication named in each test. No random
numbers: the between-subject variability, the weights of a band and the residual error are integrated on grids. Every
comparison is two-sided. Doses in mg, times in h, levels in ng/mL.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from tdm.knowledge.model import PopulationModel
from tdm.knowledge.seeds import load_model
from tdm.pk.one_compartment import steady_state_troughs

Floats = NDArray[np.float64]


def closed_form_trough(
    dose_mg: float, cl: Floats, v: Floats, ka: float, at_h: float = 24.0, every_h: float = 24.0
) -> Floats:
    """Return the textbook steady-state concentration (ng/mL) `at_h` after a dose given every `every_h`."""
    k = cl / v
    slow = np.exp(-k * at_h) / (1 - np.exp(-k * every_h))
    fast = np.exp(-ka * at_h) / (1 - np.exp(-ka * every_h))
    return np.asarray(1000 * dose_mg * ka / (v * (ka - k)) * (slow - fast))


def typical_trough(model: PopulationModel, dose_mg: float, at_h: float = 24.0, **covariates: float) -> float:
    """Return the typical trough (ng/mL) once daily by the closed form; covariates in the units of their names."""
    typical = model.typical(covariates)
    cl, v = np.array([typical["cl"]]), np.array([typical["v"]])
    return float(closed_form_trough(dose_mg, cl, v, typical["ka"], at_h)[0])


def pattern_troughs(
    model: PopulationModel, pattern_mg: tuple[float, ...], eta: Floats, every_h: float = 24.0, **covariates: float
) -> Floats:
    """Return the simulator's pre-dose levels (ng/mL) of a pattern, shape (draws, doses), for etas (draws, effects)."""
    typical = model.typical(covariates)
    varied = {name: typical[name] * np.exp(eta[:, i]) for i, name in enumerate(model.random_effects)}
    cl, v, ka = (
        np.broadcast_to(varied.get(name, np.array(typical[name])), eta.shape[:1]) for name in ("cl", "v", "ka")
    )
    return steady_state_troughs(pattern_mg, every_h, cl / v, ka, v)


def normal_quantiles(count: int) -> Floats:
    """Return the midpoints (no unit) of `count` equally probable slices of the standard normal distribution."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((i + 0.5) / count) for i in range(count)])


def etas(model: PopulationModel, count: int) -> Floats:
    """Return equally probable etas (no unit), shape (draws, effects): a grid of `count` points for each effect."""
    axis = normal_quantiles(count)
    grid = np.stack(np.meshgrid(*[axis] * len(model.random_effects), indexing="ij"), axis=-1)
    return np.asarray(
        grid.reshape(-1, len(model.random_effects)) @ np.linalg.cholesky(np.array(model.omega.covariance)).T
    )


def test_the_simulator_agrees_with_the_textbook_closed_form() -> None:
    # the cross-check of the two ways to a trough that the tests below use
    model = load_model("chen-2021")
    for weight, dose in ((5.0, 0.35), (20.0, 0.8), (50.0, 1.5)):
        exact = typical_trough(model, dose, weight_kg=weight, oxcarbazepine=0)
        simulated = pattern_troughs(model, (dose,), np.zeros((1, 1)), weight_kg=weight, oxcarbazepine=0)[0, 0]
        assert simulated == pytest.approx(exact, rel=1e-10)


# Cheng 2020, Table 4: weight (kg, mid-band), total bilirubin (umol/L), initial daily dose (mg), and the typical trough
# 23.5 h after the dose (ng/mL).
CHENG_TABLE_4 = [
    (10, 11.29, 0.75, 7.32),
    (20, 11.29, 1.5, 9.27),
    (30, 11.29, 1.75, 8.10),
    (40, 11.29, 2.0, 7.43),
    (10, 25, 0.5, 6.66),
    (20, 25, 0.75, 6.50),
    (30, 25, 1.0, 6.63),
    (40, 25, 1.5, 8.15),
]


@pytest.mark.parametrize(("weight", "bilirubin", "dose", "published"), CHENG_TABLE_4)
def test_cheng_2020_initial_doses_give_the_published_troughs(
    weight: float, bilirubin: float, dose: float, published: float
) -> None:
    trough = typical_trough(
        load_model("cheng-2020"), dose, at_h=23.5, weight_kg=weight, total_bilirubin_umol_l=bilirubin
    )
    assert abs(trough - published) <= 0.01
    assert 5 <= trough <= 15


@pytest.mark.parametrize(("dose", "weight"), [(1.0, 27.0), (0.5, 10.0)])
def test_by_cheng_2020_the_childrens_maintenance_falls_below_5_where_the_protocol_says(
    dose: float, weight: float
) -> None:
    model = load_model("cheng-2020")
    lighter, heavier = (
        typical_trough(model, dose, weight_kg=w, total_bilirubin_umol_l=11.29) for w in (weight - 1, weight + 1)
    )
    assert heavier < 5 < lighter


# Chen 2021: percentage of steady-state troughs in 5-10 ng/mL by weight (kg); 0.01, 0.02 .. 0.10 mg/kg once daily, no
# oxcarbazepine. Between-subject variability only.
CHEN_2021_WITHIN_5_TO_10 = {
    5: (0, 0, 1.9, 15.0, 42.0, 64.0, 76.7, 77.8, 69.2, 56.1),
    10: (0, 0, 12.5, 48.9, 77.5, 81.2, 68.4, 50.8, 34.3, 19.6),
    20: (0, 3.5, 45.0, 82.0, 79.2, 54.9, 32.2, 14.7, 6.6, 3.1),
    30: (0, 9.7, 66.7, 85.9, 62.1, 33.2, 13.6, 4.6, 2.0, 0.5),
    40: (0, 17.8, 81.2, 80.2, 46.3, 17.5, 5.7, 2.1, 0.3, 0),
    50: (0, 27.7, 86.0, 71.9, 34.1, 11.2, 3.1, 0.5, 0, 0),
}
CHEN_2021_TOLERANCE_POINTS = 5.0


@pytest.mark.parametrize("weight", CHEN_2021_WITHIN_5_TO_10)
@pytest.mark.parametrize("column", range(10))
def test_chen_2021_share_of_troughs_in_5_to_10(weight: int, column: int) -> None:
    model = load_model("chen-2021")
    dose = weight * 0.01 * (column + 1)
    trough = pattern_troughs(model, (dose,), etas(model, 4000), weight_kg=weight, oxcarbazepine=0)
    share = 100 * float(np.mean((trough >= 5) & (trough <= 10)))
    assert abs(share - CHEN_2021_WITHIN_5_TO_10[weight][column]) <= CHEN_2021_TOLERANCE_POINTS


# Fan 2024, Table 4, once daily: band of weight (kg), dose (mg/kg/d), percentage below 5, within 5-15, above 15 ng/mL.
# Between-subject variability and residual error; the weight is taken as uniform in the band, the trough 24 h after the
# dose. The outer bands are open in the table ("< 10", ">= 50"); the studied range of 3.3-65 kg closes them. The shipped
# file refuses above 40 kg; its equations are evaluated here all the same.
FAN_TABLE_4 = [
    (3.3, 10, 0.06, 18.39, 72.83, 8.78),
    (10, 20, 0.07, 14.90, 75.05, 10.04),
    (20, 30, 0.07, 12.74, 75.38, 11.88),
    (30, 40, 0.08, 14.55, 76.32, 9.14),
    (40, 50, 0.08, 14.42, 78.18, 7.40),
    (50, 65, 0.09, 13.73, 77.24, 9.03),
]
FAN_WITHIN_TOLERANCE_POINTS, FAN_TAIL_TOLERANCE_POINTS = 6.0, 8.0


@pytest.mark.parametrize(("low", "high", "dose_per_kg", "below", "within", "above"), FAN_TABLE_4)
def test_fan_2024_shares_below_within_and_above_5_to_15(
    low: float, high: float, dose_per_kg: float, below: float, within: float, above: float
) -> None:
    model = load_model("fan-2024")
    assert model.residual.kind == "additive"
    error = normal_quantiles(400) * model.residual.additive_ng_ml
    weights = low + (high - low) * (np.arange(50) + 0.5) / 50
    trough = np.stack([pattern_troughs(model, (dose_per_kg * w,), etas(model, 200), weight_kg=w) for w in weights])
    measured = trough[..., None] + error
    shares = [
        100 * float(np.mean(where)) for where in (measured < 5, (measured >= 5) & (measured <= 15), measured > 15)
    ]
    assert abs(shares[0] - below) <= FAN_TAIL_TOLERANCE_POINTS
    assert abs(shares[1] - within) <= FAN_WITHIN_TOLERANCE_POINTS
    assert abs(shares[2] - above) <= FAN_TAIL_TOLERANCE_POINTS


@pytest.mark.parametrize(("hematocrit", "typical"), [(28, 3.6), (38, 5.0), (46, 6.1)])
def test_mao_2024_typical_trough_of_1_mg_by_haematocrit(hematocrit: float, typical: float) -> None:
    assert abs(typical_trough(load_model("mao-2024"), 1, hematocrit_percent=hematocrit) - typical) <= 0.05


def test_mao_2024_typical_trough_at_the_median_is_near_the_observed_median() -> None:
    # observed: median 5.26 ng/mL at a median of 1 mg/d and a haematocrit of 38 %; typical by the model 5.02
    trough = typical_trough(load_model("mao-2024"), 1, hematocrit_percent=38)
    assert abs(trough - 5.02) <= 0.005
    assert abs(trough - 5.26) <= 0.3


def mao_pre_dose(pattern_mg: tuple[float, ...], every_h: float) -> list[float]:
    troughs = pattern_troughs(load_model("mao-2024"), pattern_mg, np.zeros((1, 2)), every_h, hematocrit_percent=38)
    return [float(trough) for trough in troughs[0]]


@pytest.mark.parametrize(("pattern", "every_h"), [((1.0,), 24.0), ((2.0,), 48.0)])
def test_mao_2024_recommended_regimens_stand_in_4_to_8(pattern: tuple[float, ...], every_h: float) -> None:
    assert all(4 <= trough <= 8 for trough in mao_pre_dose(pattern, every_h))


def test_mao_2024_recommended_alternation_is_not_confirmed_by_its_own_model() -> None:
    # 0.5 mg alternating with 1 mg is recommended for 4-8 ng/mL as well, but its typical levels are 3.98 ng/mL before
    # the 0.5 mg and 3.55 before the 1 mg (closed form: each dose every 48 h). The seed file says so.
    cl, v = np.array([7.09]), np.array([496.0])
    (by_half_at_24,), (by_half_at_48,), (by_one_at_24,), (by_one_at_48,) = (
        closed_form_trough(dose, cl, v, 0.75, at, every_h=48.0) for dose in (0.5, 1.0) for at in (24.0, 48.0)
    )
    expected = [by_half_at_48 + by_one_at_24, by_one_at_48 + by_half_at_24]
    assert mao_pre_dose((0.5, 1.0), 24.0) == pytest.approx(expected, rel=1e-9)
    assert expected == pytest.approx([3.98, 3.55], abs=0.005)
    assert "alternating-regimen" in {ambiguity.id for ambiguity in load_model("mao-2024").ambiguities}


def test_mao_2024_one_mg_is_the_once_daily_dose_most_often_within_4_to_8() -> None:
    # the recommended once-daily tablet dose beats its neighbours in the model's own population
    model = load_model("mao-2024")
    eta = etas(model, 150)
    shares = {}
    for dose in (0.5, 1.0, 1.5, 2.0):
        trough = pattern_troughs(model, (dose,), eta, hematocrit_percent=38)
        shares[dose] = float(np.mean((trough >= 4) & (trough <= 8)))
    assert max(shares, key=lambda dose: shares[dose]) == 1.0
