"""Simulation-based calibration: truth drawn from the population has uniform ranks among the draws of its posterior.

Patients are drawn from a model, their levels are simulated with residual error, and each is estimated as a case is.
Where the true value lies in its posterior, as a probability, is then uniform between 0 and 1, whatever the model and
whatever was measured (Cook, Gelman and Rubin 2006, J Comput Graph Stat 15:675). Expected values: the uniform
distribution (Kolmogorov-Smirnov test at alpha 0.001) and the binomial distribution of the coverage (central 99.9 %).
The simulation is written here, dose by dose, and shares nothing with the calculator. All random numbers are seeded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, kstest

import tdm
from tdm.patient.estimate import Estimate
from tdm.pk.one_compartment import steady_state_troughs

Floats = NDArray[np.float64]
Json = dict[str, Any]

PATIENTS = 400
ALPHA = 0.001
"""Of each test: distances above 0.097 from the uniform distribution, and coverages outside 339 to 378 of 400."""
INTERVAL = 0.9
REGIMEN_MG, REGIMEN_H = 2.0, 24.0
"""The steady-state trough whose rank is looked at."""
QUANTITIES = ("cl", "v", "trough")


@dataclass(frozen=True)
class Simulated:
    """A patient: the case that is known, and the true CL (L/h), V (L) and ka (1/h)."""

    case: Json
    cl: float
    v: float
    ka: float


def concentration(doses: list[tuple[float, float]], time: float, cl: float, v: float, ka: float) -> float:
    """Concentration (ng/mL) by the Bateman function, dose by dose (h, mg)."""
    k = cl / v
    total = sum(
        1000.0 * dose * ka / (v * (ka - k)) * (np.exp(-k * (time - given)) - np.exp(-ka * (time - given)))
        for given, dose in doses
        if given < time
    )
    return float(total)


def liver_patient(rng: np.random.Generator) -> Simulated:
    """A patient of the shipped model mao-2024, by the numbers of its publication, with one or two measured troughs."""
    hematocrit = float(rng.uniform(22.0, 48.0))
    eta = rng.multivariate_normal([0.0, 0.0], [[0.104976, 0.0665], [0.0665, 0.182329]])
    cl, v, ka = float(7.09 * (hematocrit / 38.0) ** -0.901 * np.exp(eta[0])), float(496.0 * np.exp(eta[1])), 0.75
    days = int(rng.integers(4, 40))
    dose = float(rng.choice([0.5, 1.0, 2.0]))
    doses = [(24.0 * day, dose) for day in range(days)]
    sampled = sorted(24.0 * rng.choice(np.arange(2, days + 1), rng.integers(1, 3), replace=False))
    true = [concentration(doses, time, cl, v, ka) for time in sampled]
    levels = [
        {"time": float(time), "level_ng_ml": float(value * (1.0 + 0.182 * rng.standard_normal()))}
        for time, value in zip(sampled, true, strict=True)
    ]
    case = {
        "patient": {"weight_kg": 65, "age_years": 50, "hematocrit_percent": hematocrit},
        "protocol": "itp-2024-adult",
        "model": "mao-2024",
        "doses": [{"time": 0.0, "dose_mg": dose, "every_h": 24.0, "count": days}],
        "levels": levels,
    }
    return Simulated(case, cl, v, ka)


INLINE_OMEGA = np.array([[0.16, 0.08, 0.0], [0.08, 0.2, 0.0], [0.0, 0.0, 0.3]])
LIMIT_NG_ML = 1.5
MODEL: Json = {
    "id": "calibration-three-effects",
    "parameters": {
        "cl": {"value": 11.0, "unit": "L/h"},
        "v": {"value": 330.0, "unit": "L"},
        "ka": {"value": 0.6, "unit": "1/h"},
    },
    "covariates": [
        {"on": "cl", "covariate": "weight_kg", "effect": "power", "reference": 70, "exponent": 0.75},
        {"on": "v", "covariate": "weight_kg", "effect": "power", "reference": 70, "exponent": 1.0},
    ],
    "omega": {"of": ["cl", "v", "ka"], "covariance": INLINE_OMEGA.tolist()},
    "residual": {"kind": "combined", "proportional": 0.15, "additive_ng_ml": 0.4},
}


def inline_patient(rng: np.random.Generator) -> Simulated:
    """A patient of a model with three random effects, with one or two levels; those below 1.5 ng/mL are censored."""
    weight = float(rng.uniform(40.0, 110.0))
    eta = rng.multivariate_normal(np.zeros(3), INLINE_OMEGA)
    cl = float(11.0 * (weight / 70.0) ** 0.75 * np.exp(eta[0]))
    v = float(330.0 * (weight / 70.0) * np.exp(eta[1]))
    ka = float(0.6 * np.exp(eta[2]))
    dose, count = float(rng.choice([1.0, 2.0, 3.0])), int(rng.integers(3, 40))
    doses = [(12.0 * slot, dose) for slot in range(count)]
    trough = 12.0 * int(rng.integers(2, count + 1))
    sampled = [trough] if rng.random() < 0.4 else [trough, trough + float(rng.choice([1.5, 3.0, 6.0]))]
    levels: list[Json] = []
    for time in sampled:
        true = concentration(doses, time, cl, v, ka)
        seen = float(true + np.hypot(0.15 * true, 0.4) * rng.standard_normal())
        levels.append(
            {"time": time, **({"level_ng_ml": seen} if seen >= LIMIT_NG_ML else {"below_ng_ml": LIMIT_NG_ML})}
        )
    case = {
        "patient": {"weight_kg": weight, "age_years": 50},
        "protocol": "itp-2024-adult",
        "model": MODEL,
        "doses": [{"time": 0.0, "dose_mg": dose, "every_h": 12.0, "count": count}],
        "levels": levels,
    }
    return Simulated(case, cl, v, ka)


def ranks(patient: Simulated, estimate: Estimate) -> list[float]:
    """Posterior probability of values below the true CL, V and steady-state trough."""
    one, weight = estimate.individual, estimate.draws.weight
    troughs = steady_state_troughs((REGIMEN_MG,), REGIMEN_H, one.k_per_h, one.ka_per_h, one.v_l)[:, 0]
    # what 399 daily doses leave out is below 1e-9 of the trough for half-lives of up to 300 h
    doses = [(-REGIMEN_H * day, REGIMEN_MG) for day in range(1, 400)]
    true_trough = concentration(doses, 0.0, patient.cl, patient.v, patient.ka)
    pairs = ((one.cl_l_per_h, patient.cl), (one.v_l, patient.v), (troughs, true_trough))
    return [float(weight[values < true].sum()) for values, true in pairs]


@pytest.fixture(scope="module", params=[liver_patient, inline_patient], ids=["mao-2024", "three random effects"])
def uniform(request: pytest.FixtureRequest) -> dict[str, Floats]:
    """The ranks of 400 patients of one model, by quantity.

    A simulated level that no laboratory reports (below 0.05 ng/mL) is drawn again with its patient. That is a condition
    on what was measured, and given what was measured the rank of the truth stays uniform.
    """
    rng = np.random.default_rng(20240117)
    rows: list[list[float]] = []
    while len(rows) < PATIENTS:
        patient = request.param(rng)
        if all(0.05 <= level.get("level_ng_ml", 1.0) <= 200.0 for level in patient.case["levels"]):
            rows.append(ranks(patient, tdm.estimate(tdm.read_case(patient.case))))
    return dict(zip(QUANTITIES, np.array(rows).T, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_ranks_are_uniform(uniform: dict[str, Floats], quantity: str) -> None:
    """Ranks of the true CL, V and steady-state trough: Kolmogorov-Smirnov, alpha 0.001."""
    result = kstest(uniform[quantity], "uniform")
    assert result.pvalue >= ALPHA, f"distance {result.statistic:.3f}, p {result.pvalue:.1e}"


@pytest.mark.slow
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_intervals_cover(uniform: dict[str, Floats], quantity: str) -> None:
    """The 90 % interval holds the truth as often as the binomial distribution allows: 339 to 378 of 400."""
    tail = 0.5 * (1.0 - INTERVAL)
    covered = int(np.count_nonzero((uniform[quantity] >= tail) & (uniform[quantity] <= 1.0 - tail)))
    low, high = (int(bound) for bound in binom.interval(1.0 - ALPHA, PATIENTS, INTERVAL))
    assert low <= covered <= high, f"{covered} of {PATIENTS}, allowed {low} to {high}"
