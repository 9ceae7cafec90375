"""Seeded random cases whose model fits tightly: little residual error, wide random effects, one to five levels.

Their posterior is a narrow curved ridge, or two that lie apart: the hard end of what a case may bring as its own model.
Half of them have levels that contradict one another, a quarter levels that have nothing to do with the patient. Times
in h, doses in mg, levels in ng/mL.
"""

from __future__ import annotations

import numpy as np

from tests.oracles import cases, exact, plain
from tests.oracles.cases import Json, OracleCase

PROPORTIONAL = (0.02, 0.08)
ADDITIVE_NG_ML = (0.1, 0.3)
OMEGA_SD = (0.3, 0.8)
EFFECTS = (("cl",), ("cl", "v"), ("cl", "v"), ("cl", "v"), ("cl", "v", "ka"))
MOST_LEVELS = 5
CONFLICT = (1.2, 3.0)
KINDS = ("agreeing", "conflicting", "conflicting", "unrelated")
UNRELATED_NG_ML = (1.0, 40.0)
ATTEMPTS = 1000


def tight_case(index: int, seed: int = 1) -> OracleCase:
    """The tight case of a number, with the question to ask about it."""
    rng = np.random.default_rng([20260401, seed, index])
    for _ in range(ATTEMPTS):
        case, eta = _without_levels(index, rng)
        true = np.array(plain.predicted_ng_ml(case, eta))
        if true.min() < cases.LOWEST_TRUE_LEVEL_NG_ML or true.max() > cases.HIGHEST_TRUE_LEVEL_NG_ML:
            continue
        level = true + plain.residual_sd(case["model"]["residual"], true) * rng.standard_normal(len(true))
        kind = str(rng.choice(KINDS))
        if kind == "unrelated":
            level = np.array([cases._log_uniform(rng, *UNRELATED_NG_ML) for _ in level])
        if kind == "conflicting":
            factor = rng.uniform(*CONFLICT)
            level[rng.integers(len(level))] *= rng.choice([factor, 1.0 / factor])
        if level.min() < cases.LOWEST_REPORTED_NG_ML or level.max() > cases.HIGHEST_TRUE_LEVEL_NG_ML:
            continue
        for entry, value in zip(case["levels"], level, strict=True):
            entry["level_ng_ml"] = cases._figures(float(value), 3)
        pattern, every, low, high = _question(case, eta, rng)
        case["target"] = {"low_ng_ml": low, "high_ng_ml": high}
        return OracleCase(f"{index:04d}-{kind}", kind, case, pattern, every, low, high)
    raise RuntimeError("no plausible case")


def _without_levels(index: int, rng: np.random.Generator) -> tuple[Json, dict[str, float]]:
    every = float(rng.choice([24.0, 24.0, 12.0]))
    count = int(rng.integers(2, 30))
    dose = float(rng.choice([0.5, 1.0, 2.0, 3.0, 4.0, 6.0]))
    doses: list[Json] = [{"time": 0.0, "dose_mg": dose, "every_h": every, "count": count}]
    end = count * every
    of = EFFECTS[index % len(EFFECTS)]
    sd = rng.uniform(*OMEGA_SD, len(of))
    correlation = np.eye(len(of))
    if len(of) > 1:
        correlation[0, 1] = correlation[1, 0] = rng.choice([0.0, 0.0, 0.5, -0.5])
    omega = correlation * np.outer(sd, sd)
    residual: Json = {"kind": "proportional", "proportional": round(float(rng.uniform(*PROPORTIONAL)), 3)}
    if rng.random() < 0.5:
        residual = {"kind": "additive", "additive_ng_ml": round(float(rng.uniform(*ADDITIVE_NG_ML)), 2)}
    model: Json = {
        "id": f"tight-{index:04d}",
        "parameters": cases._parameters(
            cases._log_uniform(rng, 2, 20), cases._log_uniform(rng, 50, 1000), cases._log_uniform(rng, 0.3, 3)
        ),
        "omega": {"of": list(of), "covariance": [[cases._figures(float(x), 6) for x in row] for row in omega]},
        "residual": residual,
    }
    wanted = int(rng.integers(1, MOST_LEVELS + 1))
    before = [0.0, 0.0, 12.0, 20.0, every - 2.0]
    early = {every * float(rng.integers(1, 4)) - float(rng.choice(before)) for _ in range(wanted)}
    late = {end + float(rng.choice([0.0, 0.0, -every, 24.0, 72.0])) for _ in range(wanted)}
    times = sorted(time for time in early | late if time > 0.5)
    times = sorted(rng.choice(times, min(wanted, len(times)), replace=False).tolist())
    white = rng.standard_normal(len(of))
    if rng.random() < 0.25:
        white[rng.integers(len(of))] = rng.choice([-1.0, 1.0]) * rng.uniform(2.0, 3.5)
    eta = np.linalg.cholesky(np.array(model["omega"]["covariance"])) @ white
    case = {
        "patient": {"weight_kg": 70.0, "age_years": 40},
        "model": model,
        "doses": doses,
        "levels": [{"time": float(time), "level_ng_ml": 1.0} for time in times],
    }
    return case, dict(zip(of, eta.tolist(), strict=True))


def _question(
    case: Json, eta: dict[str, float], rng: np.random.Generator
) -> tuple[tuple[float, ...], float, float, float]:
    """Pattern (mg), interval (h) and a window (ng/mL) whose limits lie where the posterior has its mass."""
    cl, v, ka = (x * np.exp(eta.get(name, 0.0)) for name, x in plain.typical_values(case).items())
    reached = 2.0 * float(exact.steady_state_troughs([1.0], 24.0, cl, v, ka)[0])
    low = reached * float(rng.uniform(0.6, 1.0))
    return (2.0,), 24.0, cases._figures(low, 3), cases._figures(low * float(rng.uniform(1.3, 2.5)), 3)
