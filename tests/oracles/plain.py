"""The objective in the most obvious way, and its minima by brute force.

Takes a case as JSON gives it: an inline model, times in h, constant covariates, no
co-medications. Levels in ng/mL, doses in mg, clearance in L/h, volume in L, ka in 1/h.

    objective(eta) = sum over measured levels of (obs - pred)^2 / var + ln var
                     - 2 sum over censored levels of ln Phi((limit - pred) / sd)
                     + eta' omega^-1 eta

(maximum a posteriori: Sheiner et al. 1979; censored levels by method M3: Beal 2001; for the
log-normal kind obs, pred and limit stand for their logarithms and var is sd^2). No constants.

Everything is also right for complex eta: the gradient is the imaginary part after a step of
1e-30 i (Squire and Trapp 1998), which subtracts nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr

PARAMETERS = {"cl": "L/h", "v": "L", "ka": "1/h"}
COMPLEX_STEP = 1e-30
SERIES_BELOW = 0.1
SERIES_TERMS = 12
HESSIAN_STEP = 1e-5
NEWTON_ITERATIONS = 100
POLISHED = 1e-10
"""The last Newton step, in eta, of a minimum that counts as found."""
DISTINCT = 1e-5
"""Minima closer than this, in eta, are one."""
SCAN_SD = 7.0
SCAN_POINTS = {1: 281, 2: 41, 3: 17}
RANDOM_STARTS = 12
START_SEED = 20240229

Array = NDArray[Any]
"""Real, or complex during a complex step."""
Case = Mapping[str, Any]


@dataclass(frozen=True)
class Mode:
    """A local minimum of the objective."""

    eta: dict[str, float]
    objective: float
    covariance: NDArray[np.float64]
    """Twice the inverse of the Hessian of the objective: the Laplace covariance of eta."""


@dataclass(frozen=True)
class Problem:
    """A case in plain arrays."""

    names: list[str]
    typical: dict[str, float]
    omega_inverse: NDArray[np.float64]
    omega_root: NDArray[np.float64]
    """Lower Cholesky factor of omega."""
    residual: Mapping[str, Any]
    dose_mg: NDArray[np.float64]
    elapsed_h: NDArray[np.float64]
    """One row per level, one column per dose: h since the dose, 0 for a dose not yet given."""
    level_ng_ml: NDArray[np.float64]
    """The level, or the limit of a censored one."""
    censored: NDArray[np.bool_]


def covariate_effect(effect: Mapping[str, Any], patient: Mapping[str, Any]) -> float:
    """The factor by which one covariate multiplies a typical value."""
    value = patient[effect["covariate"]]
    match effect["effect"]:
        case "power":
            return float((value / effect["reference"]) ** effect["exponent"])
        case "exponential":
            return float(np.exp(effect["coefficient"] * (value - effect["reference"])))
        case "linear":
            return float(1.0 + effect["coefficient"] * (value - effect["reference"]))
        case "factor":
            return float(effect["factor"]) if value else 1.0
        case unknown:
            raise ValueError(f"unknown covariate effect {unknown!r}")


def typical_values(case: Case) -> dict[str, float]:
    """CL (L/h), V (L) and ka (1/h) of the typical patient with these covariates."""
    model = case["model"]
    typical = {}
    for name, unit in PARAMETERS.items():
        if model["parameters"][name]["unit"] != unit:
            raise ValueError(f"{name} is expected in {unit}")
        typical[name] = float(model["parameters"][name]["value"])
    for effect in model.get("covariates", []):
        typical[effect["on"]] *= covariate_effect(effect, case["patient"])
    return typical


def single_doses(case: Case) -> list[tuple[float, float]]:
    """(time in h, dose in mg) of every dose, in order of time."""
    doses = []
    for run in case["doses"]:
        for i in range(run.get("count", 1)):
            doses.append((run["time"] + i * run.get("every_h", 0.0), run["dose_mg"]))
    return sorted(doses)


def problem(case: Case) -> Problem:
    """The case in arrays; refuses what this oracle does not know."""
    for field in ("covariates", "comedications"):
        if case.get(field):
            raise ValueError(f"this oracle knows no {field} of a case")
    omega = np.array(case["model"]["omega"]["covariance"], dtype=np.float64)
    doses = single_doses(case)
    levels = case["levels"]
    elapsed = [[max(level["time"] - time, 0.0) for time, _ in doses] for level in levels]
    return Problem(
        names=list(case["model"]["omega"]["of"]),
        typical=typical_values(case),
        omega_inverse=np.asarray(np.linalg.inv(omega), dtype=np.float64),
        omega_root=np.asarray(np.linalg.cholesky(omega), dtype=np.float64),
        residual=case["model"]["residual"],
        dose_mg=np.array([dose for _, dose in doses], dtype=np.float64),
        elapsed_h=np.array(elapsed, dtype=np.float64).reshape(len(levels), len(doses)),
        level_ng_ml=np.array(
            [level.get("level_ng_ml", level.get("below_ng_ml")) for level in levels],
            dtype=np.float64,
        ),
        censored=np.array(["below_ng_ml" in level for level in levels], dtype=np.bool_),
    )


def bateman(dose_mg: Array, elapsed_h: Array, cl: Any, v: Any, ka: Any) -> Array:
    """Concentration (ng/mL) ``elapsed_h`` after each dose (Bateman 1910).

    (exp(-k t) - exp(-ka t)) / (ka - k) is symmetric in k and ka; the slower of the two is taken
    out, so that nothing overflows, and what remains is t (1 - exp(-x)) / x with x > 0.
    """
    k = cl / v
    slow, fast = (k, ka) if k.real < ka.real else (ka, k)
    share = one_minus_exp_over((fast - slow) * elapsed_h)
    result: Array = 1000.0 * dose_mg * ka / v * elapsed_h * np.exp(-slow * elapsed_h) * share
    return result


def one_minus_exp_over(x: Array) -> Array:
    """(1 - exp(-x)) / x: near 0, where its derivative would cancel, by its series."""
    near = np.abs(x) < SERIES_BELOW
    away = np.where(near, 1.0, x)
    result: Array = -np.expm1(-away) / away
    small = x[near]
    series = np.ones_like(small)
    if np.any(small):
        for n in range(SERIES_TERMS, 1, -1):
            series = 1.0 - small / n * series
    result[near] = series
    return result


def predictions(given: Problem, eta: Array) -> Array:
    """Predicted level (ng/mL) of each sample."""
    parameters: dict[str, Any] = dict(given.typical)
    for name, deviation in zip(given.names, eta, strict=True):
        parameters[name] = parameters[name] * np.exp(deviation)
    cl, v, ka = (np.asarray(parameters[name])[()] for name in PARAMETERS)
    each = bateman(given.dose_mg, given.elapsed_h, cl, v, ka)
    result: Array = np.sum(each, axis=1)
    return result


def residual_sd(residual: Mapping[str, Any], predicted: Array) -> Array:
    """SD of the residual error: in ng/mL, or of the logarithm for the log-normal kind."""
    sd: Array
    match residual["kind"]:
        case "proportional":
            sd = residual["proportional"] * predicted
        case "additive":
            sd = residual["additive_ng_ml"] + 0.0 * predicted
        case "combined":
            variance = (residual["proportional"] * predicted) ** 2 + residual["additive_ng_ml"] ** 2
            sd = np.sqrt(variance)
        case "log-normal":
            sd = residual["sd"] + 0.0 * predicted
        case unknown:
            raise ValueError(f"unknown residual kind {unknown!r}")
    return sd


def objective_at(given: Problem, eta: Array) -> Any:
    """The objective at eta, in the order of the model's ``omega.of``; real or complex."""
    predicted = predictions(given, eta)
    sd = residual_sd(given.residual, predicted)
    observed = given.level_ng_ml
    if given.residual["kind"] == "log-normal":
        predicted, observed = np.log(predicted), np.log(observed)
    z = (observed - predicted) / sd
    measured = z**2 + 2.0 * np.log(sd)
    censored = -2.0 * log_ndtr(z)
    levels = np.sum(np.where(given.censored, censored, measured))
    return levels + eta @ given.omega_inverse @ eta


def objective(case: Case, eta: Mapping[str, float]) -> float:
    """The objective of a case at ``eta`` by name."""
    given = problem(case)
    return float(objective_at(given, np.array([eta[name] for name in given.names])))


def predicted_ng_ml(case: Case, eta: Mapping[str, float]) -> list[float]:
    """Predicted level (ng/mL) of each sample of a case at ``eta`` by name; absent names are 0."""
    given = problem(case)
    return [float(c) for c in predictions(given, np.array([eta.get(n, 0.0) for n in given.names]))]


def gradient_at(given: Problem, eta: Array) -> NDArray[np.float64]:
    """Gradient of the objective, by complex steps."""
    steps = COMPLEX_STEP * 1j * np.eye(len(eta))
    slopes = [objective_at(given, eta + step).imag / COMPLEX_STEP for step in steps]
    return np.array(slopes, dtype=np.float64)


def hessian_at(given: Problem, eta: Array) -> NDArray[np.float64]:
    """Hessian of the objective: central differences of the exact gradient."""
    steps = HESSIAN_STEP * np.eye(len(eta))
    columns = [(gradient_at(given, eta + step) - gradient_at(given, eta - step)) / (2 * HESSIAN_STEP) for step in steps]
    hessian = np.array(columns)
    return (hessian + hessian.T) / 2


def bfgs(case: Case) -> Mode:
    """One run of BFGS from eta = 0 with numerical gradients, not polished."""
    given = problem(case)
    with np.errstate(all="ignore"):
        found = minimize(lambda eta: objective_at(given, eta), np.zeros(len(given.names)))
    return _mode(given, found.x)


def global_mode(case: Case) -> list[Mode]:
    """All distinct local minima found, the global one first.

    BFGS from every local minimum of a grid of +-7 prior SD and from random points of twice the
    prior, each polished by Newton's method to 1e-10 in eta.
    """
    given = problem(case)
    minima: list[Mode] = []
    with np.errstate(all="ignore"):
        for start in _starts(given):
            eta = _polished(given, _descended(given, start))
            if eta is not None and not any(_same(given, eta, mode) for mode in minima):
                minima.append(_mode(given, eta))
    if not minima:
        raise ArithmeticError("no minimum of the objective was found")
    return sorted(minima, key=lambda mode: mode.objective)


def _mode(given: Problem, eta: Array) -> Mode:
    return Mode(
        eta={name: float(value) for name, value in zip(given.names, eta, strict=True)},
        objective=float(objective_at(given, eta)),
        covariance=np.asarray(2.0 * np.linalg.inv(hessian_at(given, eta)), dtype=np.float64),
    )


def _same(given: Problem, eta: Array, mode: Mode) -> bool:
    known = np.array([mode.eta[name] for name in given.names])
    return bool(np.max(np.abs(eta - known)) < DISTINCT)


def _starts(given: Problem) -> list[Array]:
    """Local minima of a whitened grid, the origin, and seeded random points."""
    d = len(given.names)
    axis = np.linspace(-SCAN_SD, SCAN_SD, SCAN_POINTS[d])
    points = np.array(list(product(axis, repeat=d))) @ given.omega_root.T
    values = np.array([objective_at(given, eta) for eta in points]).reshape((len(axis),) * d)
    lowest = _local_minima(np.nan_to_num(values, nan=np.inf)).ravel()
    random = np.random.default_rng(START_SEED).standard_normal((RANDOM_STARTS, d))
    return [*points[lowest], np.zeros(d), *(2.0 * random @ given.omega_root.T)]


def _local_minima(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """True where no neighbour along an axis or a diagonal is lower."""
    d = values.ndim
    padded = np.pad(values, 1, constant_values=np.inf)
    lowest = np.isfinite(values)
    for shift in product((-1, 0, 1), repeat=d):
        window = tuple(slice(1 + s, 1 + s + n) for s, n in zip(shift, values.shape, strict=True))
        lowest &= values <= padded[window]
    return lowest


def _descended(given: Problem, start: Sequence[float] | Array) -> Array:
    """The end of one BFGS run with the exact gradient."""
    found = minimize(lambda eta: objective_at(given, eta), start, jac=lambda eta: gradient_at(given, eta))
    return np.asarray(found.x, dtype=np.float64)


def _polished(given: Problem, eta: Array) -> Array | None:
    """Newton's method down to ``POLISHED``; None if this is not the way to a minimum."""
    for _ in range(NEWTON_ITERATIONS):
        gradient, hessian = gradient_at(given, eta), hessian_at(given, eta)
        if not (np.all(np.isfinite(gradient)) and np.all(np.isfinite(hessian))):
            return None
        if np.linalg.eigvalsh(hessian)[0] <= 0:
            return None
        step = np.linalg.solve(hessian, gradient)
        length = float(np.max(np.abs(step)))
        eta = eta - step * min(1.0, 0.5 / length) if length > 0 else eta
        if length < POLISHED:
            return eta
    return None
