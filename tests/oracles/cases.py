"""Seeded random cases in the form of the project's JSON, and the reference cases in that form.

Realistic for sirolimus: clearance 2-20 L/h, volume 50-1000 L, ka 0.3-3 1/h, doses 0.5-6 mg, SD of
the random effects 0.15-0.8. Times in h, doses in mg, levels in ng/mL, weight in kg, age in years.
Most patients are drawn from the model of their case; every seventh lies 2 to 3.5 prior SD away
from it in one direction, and the levels of the kind "conflicting" contradict one another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import exact, plain

_TURNS = (
    "few many censored correlated few conflicting many early three few"
    " tight censored many few one correlated early few censored conflicting"
    " many three few tight correlated censored one few many early"
    " few censored correlated tight conflicting three many one censored correlated"
)
SCHEDULE = _TURNS.split()
"""Kinds in turn: 40 entries, so that 200 cases hold 15 with three random effects."""

RESIDUAL_KINDS = ("proportional", "additive", "combined", "log-normal")
WINDOWS = ((3.0, 8.0), (4.0, 12.0), (5.0, 10.0), (5.0, 15.0), (6.0, 15.0), (8.0, 12.0))
DOSE_STEP_MG = 0.5
HIGHEST_DOSE_MG = 12.0
LIMITS_NG_ML = (1.0, 1.5, 2.0, 2.5, 3.0)
LOWEST_TRUE_LEVEL_NG_ML = 0.3
HIGHEST_TRUE_LEVEL_NG_ML = 120.0
LOWEST_REPORTED_NG_ML = 0.1
DISPLACED_EVERY = 7
ATTEMPTS = 1000

Json = dict[str, Any]


@dataclass(frozen=True)
class OracleCase:
    """A case with the question to ask about it."""

    name: str
    kind: str
    case: Json
    """Patient, target, model, doses, levels, regimens."""
    pattern_mg: tuple[float, ...]
    every_h: float
    low_ng_ml: float
    high_ng_ml: float


def random_cases(n: int = 200, seed: int = 1) -> list[OracleCase]:
    """``n`` cases; the first ones of a longer list are those of a shorter one."""
    return [_random_case(i, np.random.default_rng([seed, i])) for i in range(n)]


def from_reference(entry: Mapping[str, Any]) -> Json:
    """A case of ``tests/data/map_cases.json`` in the form of the project's JSON.

    The reference gives no age; no effect depends on it.
    """
    model = entry["model"]
    return {
        "patient": {"weight_kg": entry["weight_kg"], "age_years": 40},
        "model": {
            "id": entry["id"].replace("_", "-"),
            "parameters": _parameters(model["cl_l_per_h_at_70_kg"], model["v_l_at_70_kg"], model["ka_per_h"]),
            "covariates": [
                _weight_effect("cl", model["cl_weight_exponent"]),
                _weight_effect("v", model["v_weight_exponent"]),
            ],
            "omega": model["omega"],
            "residual": model["residual"],
        },
        "doses": entry["doses"],
        "levels": entry["levels"],
    }


def _random_case(index: int, rng: np.random.Generator) -> OracleCase:
    kind = SCHEDULE[index % len(SCHEDULE)]
    case, eta = _plausible(kind, index, rng)
    pattern, every, low, high = _question(case, eta, rng)
    case["target"] = {"low_ng_ml": low, "high_ng_ml": high}
    case["regimens"] = [{"pattern_mg": list(pattern), "every_h": every}]
    return OracleCase(f"{index:03d}-{kind}", kind, case, pattern, every, low, high)


def _question(
    case: Json, eta: Mapping[str, float], rng: np.random.Generator
) -> tuple[tuple[float, ...], float, float, float]:
    """Pattern (mg), interval (h) and window (ng/mL) of an open question.

    The dose aims near the window for the true parameters; where no dose of 0.5 to 12 mg comes
    near it, the window is put around what the dose reaches.
    """
    every = float(rng.choice([24.0, 24.0, 24.0, 12.0]))
    cl, v, ka = (x * np.exp(eta.get(name, 0.0)) for name, x in plain.typical_values(case).items())
    per_mg = float(exact.steady_state_troughs([1.0], every, cl, v, ka)[0])
    low, high = WINDOWS[rng.integers(len(WINDOWS))]
    wanted = np.sqrt(low * high) * rng.uniform(0.6, 1.7) / per_mg
    dose = float(np.clip(round(wanted / DOSE_STEP_MG), 1, HIGHEST_DOSE_MG / DOSE_STEP_MG))
    dose *= DOSE_STEP_MG
    if not 0.5 < dose / wanted < 2.0:
        reached = per_mg * dose * rng.uniform(0.8, 1.25)
        low, high = _figures(0.6 * reached, 2), _figures(1.6 * reached, 2)
    more = dose + DOSE_STEP_MG
    patterns = [(dose,), (dose,), (dose,), (dose, more), (dose, dose, more)]
    return patterns[rng.integers(len(patterns))], every, low, high


def _plausible(kind: str, index: int, rng: np.random.Generator) -> tuple[Json, dict[str, float]]:
    """A case whose true levels are such as a laboratory sees, and the true eta."""
    for _ in range(ATTEMPTS):
        case = _without_levels(kind, index, rng)
        eta = _true_eta(case, index, rng)
        true = np.array(plain.predicted_ng_ml(case, eta))
        if true.min() >= LOWEST_TRUE_LEVEL_NG_ML and true.max() <= HIGHEST_TRUE_LEVEL_NG_ML:
            reported = _reported(kind, case["model"]["residual"], true, rng)
            if reported is not None:
                case["levels"] = [
                    {"time": level["time"], **report} for level, report in zip(case["levels"], reported, strict=True)
                ]
                return case, eta
    raise RuntimeError(f"no plausible case of kind {kind} in {ATTEMPTS} attempts")


def _without_levels(kind: str, index: int, rng: np.random.Generator) -> Json:
    """A case whose levels have a time but a placeholder for the figure."""
    doses = _doses(kind, rng)
    return {
        "patient": {
            "weight_kg": round(float(rng.uniform(35, 110)), 1),
            "age_years": int(rng.integers(18, 80)),
        },
        "model": _model(kind, index, rng),
        "doses": doses,
        "levels": [{"time": t, "level_ng_ml": 1.0} for t in _sample_times(kind, doses, rng)],
    }


def _model(kind: str, index: int, rng: np.random.Generator) -> Json:
    cl = _log_uniform(rng, 2, 20)
    volume = _log_uniform(rng, 50, 1000)
    ka = _log_uniform(rng, 0.3, 3)
    weight = [_weight_effect("cl", 0.75), _weight_effect("v", 1.0)] if rng.random() < 0.5 else []
    return {
        "id": f"random-{index:03d}",
        "parameters": _parameters(cl, volume, ka),
        "covariates": weight,
        "omega": _omega(kind, rng),
        "residual": _residual(kind, index, rng),
    }


def _parameters(cl: float, v: float, ka: float) -> Json:
    return {
        "cl": {"value": cl, "unit": "L/h"},
        "v": {"value": v, "unit": "L"},
        "ka": {"value": ka, "unit": "1/h"},
    }


def _weight_effect(parameter: str, exponent: float) -> Json:
    return {
        "on": parameter,
        "covariate": "weight_kg",
        "effect": "power",
        "reference": 70,
        "exponent": exponent,
    }


def _omega(kind: str, rng: np.random.Generator) -> Json:
    names = {"one": ["cl"], "three": ["cl", "v", "ka"]}.get(kind, ["cl", "v"])
    sd = rng.uniform(0.15, 0.8, len(names))
    correlation = np.eye(len(names))
    usual, strong = [0.0, 0.0, 0.3, -0.3], [-0.7, 0.4, 0.6, 0.8, 0.95]
    rho = rng.choice(strong if kind == "correlated" else usual)
    if len(names) > 1:
        correlation[0, 1] = correlation[1, 0] = rho
    covariance = correlation * np.outer(sd, sd)
    return {"of": names, "covariance": [[_figures(x, 6) for x in row] for row in covariance]}


def _residual(kind: str, index: int, rng: np.random.Generator) -> Json:
    if kind == "tight":
        return {"kind": "proportional", "proportional": 0.03}
    form = RESIDUAL_KINDS[(index + index // len(SCHEDULE)) % len(RESIDUAL_KINDS)]
    fraction = round(float(rng.uniform(0.1, 0.35)), 3)
    additive = round(float(rng.uniform(0.3, 2.0)), 2)
    return {
        "proportional": {"kind": form, "proportional": fraction},
        "additive": {"kind": form, "additive_ng_ml": additive},
        "combined": {"kind": form, "proportional": fraction, "additive_ng_ml": additive},
        "log-normal": {"kind": form, "sd": fraction},
    }[form]


def _doses(kind: str, rng: np.random.Generator) -> list[Json]:
    """A run, sometimes after a loading dose, sometimes followed by a run of another dose."""
    every = float(rng.choice([24.0, 24.0, 24.0, 12.0]))
    count = int(rng.integers(1, 5)) if kind == "early" else int(rng.integers(6, 30))
    dose = float(rng.choice([0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0]))
    doses: list[Json] = [{"time": 0.0, "dose_mg": dose, "every_h": every, "count": count}]
    form = rng.random()
    if form < 0.2:
        doses.insert(0, {"time": -every, "dose_mg": min(6.0, 3 * dose)})
    elif form < 0.5 and kind != "early":
        after = int(rng.integers(4, 15))
        other = float(rng.choice([0.5, 1.0, 2.5, 4.0]))
        doses.append(
            {"time": count * every, "dose_mg": other, "every_h": every, "count": after},
        )
    return doses


def _sample_times(kind: str, doses: Sequence[Json], rng: np.random.Generator) -> list[float]:
    """Quarter hours between the first dose and some time after the last, some exactly at a dose."""
    last = doses[-1]
    first, every = doses[0]["time"], last["every_h"]
    end = last["time"] + last["count"] * every
    least, most = {
        "many": (6, 12),
        "tight": (2, 6),
        "conflicting": (2, 4),
        "censored": (2, 4),
        "three": (2, 8),
        "early": (1, 3),
    }.get(kind, (1, 3))
    wanted = int(rng.integers(least, most + 1))
    times: set[float] = set()
    while len(times) < wanted:
        if rng.random() < 0.5:
            slot = int(rng.integers(1, round((end - first) / every) + 1))
            times.add(first + slot * every)
        else:
            times.add(first + 0.25 * int(rng.integers(2, round(4 * (end - first + 12.0)))))
    return sorted(times)


def _true_eta(case: Json, index: int, rng: np.random.Generator) -> dict[str, float]:
    omega = case["model"]["omega"]
    white = rng.standard_normal(len(omega["of"]))
    if index % DISPLACED_EVERY == DISPLACED_EVERY - 1:
        white[rng.integers(len(white))] = rng.choice([-1.0, 1.0]) * rng.uniform(2.0, 3.5)
    eta = np.linalg.cholesky(np.array(omega["covariance"])) @ white
    return {name: float(value) for name, value in zip(omega["of"], eta, strict=True)}


def _reported(kind: str, residual: Json, true: np.ndarray[Any, Any], rng: np.random.Generator) -> list[Json] | None:
    """What the laboratory reports, with residual error; None if this is not of the kind."""
    sd = plain.residual_sd(residual, true)
    noise = sd * rng.standard_normal(len(true))
    level = true * np.exp(noise) if residual["kind"] == "log-normal" else true + noise
    if kind == "conflicting":
        factor = rng.uniform(2.0, 4.0)
        level[rng.integers(len(level))] *= rng.choice([factor, 1 / factor])
    if level.min() < LOWEST_REPORTED_NG_ML:
        return None
    measured: list[Json] = [{"level_ng_ml": _figures(value, 3)} for value in level]
    if kind != "censored":
        return measured
    limit = float(rng.choice(LIMITS_NG_ML))
    below = [value < limit for value in level]
    if not any(below) or (all(below) and rng.random() < 0.8):
        return None
    return [{"below_ng_ml": limit} if low else report for low, report in zip(below, measured, strict=True)]


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return _figures(float(np.exp(rng.uniform(np.log(low), np.log(high)))), 4)


def _figures(value: float, digits: int) -> float:
    """The value to so many significant digits."""
    return float(f"{value:.{digits}g}")
