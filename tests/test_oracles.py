"""The oracles checked against one another, against other programs and against closed forms."""

import json
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mpmath import mp
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import multivariate_t, norm

from tests.oracles import cases, exact, grid, ode, plain

Array = NDArray[np.float64]

REFERENCE = json.loads((Path(__file__).parent / "data" / "map_cases.json").read_text("utf-8"))
REFERENCE_ETA = 2e-5
"""Agreement of the three reference programs with one another, rounded up."""
REFERENCE_COVARIANCE = 5e-5
"""Relative; the reference differentiates a numerical solution of the model."""
INTEGRATION = 1e-9
"""Relative accuracy that the numerical integration of the model is good for."""
DOUBLE = 1e-12
"""Relative accuracy of plain double arithmetic on a sum of exponentials."""
TWO_OPTIMA = ["154-conflicting", "191-censored"]
"""Random cases in which BFGS from eta = 0 ends in the worse of two optima."""
FORTY_DIGITS = mp.mpf(10) ** -40
PIECES = [(0.0, 8.0, 300.0, 0.75), (100.3, 14.5, 520.0, 0.4), (250.0, 3.2, 110.0, 2.1)]


@cache
def random_cases() -> list[cases.OracleCase]:
    return cases.random_cases(200, seed=1)


def case_named(name: str) -> cases.OracleCase:
    return next(each for each in random_cases() if each.name == name)


def first_of_kind(kind: str) -> cases.OracleCase:
    return next(each for each in random_cases() if each.kind == kind)


def relative(value: Any, expected: Any) -> float:
    """Relative distance, worked out in 50 digits."""
    with mp.workdps(exact.DIGITS):
        return float(abs(mp.mpf(value) / mp.mpf(expected) - 1))


def random_doses(rng: np.random.Generator, count: int) -> list[tuple[float, float]]:
    """Doses (h, mg) at quarter hours of two weeks."""
    times = np.sort(rng.choice(4 * 24 * 14, count, replace=False)) / 4.0
    return [(float(time), float(rng.choice([0.5, 1.0, 2.5, 6.0]))) for time in times]


# Concentrations, steady states and gradients


@pytest.mark.parametrize("seed", range(12))
def test_exact_concentration_agrees_with_integration(seed: int) -> None:
    rng = np.random.default_rng(seed)
    doses = random_doses(rng, 9)
    for time in (float(rng.uniform(doses[1][0], 400)), doses[-1][0], 336.0):
        value = exact.concentration(doses, PIECES, time)
        assert relative(ode.concentration(doses, PIECES, time), value) < INTEGRATION


def test_exact_concentration_agrees_with_integration_at_equal_rates() -> None:
    doses = [(0.0, 2.0), (24.0, 1.0)]
    for ka in (0.5, 0.5 + 1e-15, 0.5 + 1e-8, 0.5 - 1e-4):
        pieces = [(0.0, 8.0, 16.0, ka)]
        value = exact.concentration(doses, pieces, 30.0)
        assert relative(ode.concentration(doses, pieces, 30.0), value) < INTEGRATION


def test_exact_concentration_at_equal_rates_is_the_limit() -> None:
    for time in (1e-9, 1.0, 40.0, 5000.0):
        value = exact.concentration([(0.0, 2.0)], [(0.0, 8.0, 16.0, 0.5)], time)
        with mp.workdps(exact.DIGITS):
            limit = 1000 * mp.mpf(2) / 16 * mp.mpf(time) / 2 * mp.exp(-mp.mpf(time) / 2)
            assert abs(value / limit - 1) < FORTY_DIGITS


def test_exact_concentration_is_continuous_across_the_two_ways_to_write_it() -> None:
    """ka - k passes the threshold between difference and expm1 without a step."""
    rates = [0.5 + exact.SMALL / 10.0 * factor for factor in (0.999999, 1.000001)]
    with mp.workdps(exact.DIGITS):
        below, above = (exact.concentration([(0.0, 1.0)], [(0.0, 8.0, 16.0, ka)], 10.0) for ka in rates)
        slope = exact.log_gradient([(0.0, 1.0)], [(0.0, 8.0, 16.0, rates[0])], 10.0)[2]
        expected = slope * mp.log(mp.mpf(rates[1]) / mp.mpf(rates[0]))
        assert abs((above - below) / expected - 1) < mp.mpf("1e-8")


def test_amounts_are_continuous_at_a_change_and_the_concentration_follows_the_volume() -> None:
    doses = [(0.0, 2.0), (12.0, 2.0)]
    pieces = [(0.0, 8.0, 300.0, 0.75), (20.0, 5.0, 450.0, 0.5)]
    before = exact.concentration(doses, pieces[:1], 20.0)
    at = exact.concentration(doses, pieces, 20.0)
    assert relative(at * 450, before * 300) < 1e-14
    assert relative(ode.concentration(doses, pieces, 20.0), at) < INTEGRATION


def test_first_piece_also_holds_before_its_start() -> None:
    doses = [(-48.0, 2.0), (-24.0, 2.0)]
    early = exact.concentration(doses, PIECES, -1.0)
    assert early == exact.concentration(doses, [(-100.0, *PIECES[0][1:])], -1.0)
    assert relative(ode.concentration(doses, PIECES, -1.0), early) < INTEGRATION


def test_a_dose_at_the_time_of_a_level_does_not_count() -> None:
    doses = [(0.0, 2.0), (24.0, 2.0)]
    trough = exact.concentration(doses[:1], PIECES, 24.0)
    assert exact.concentration(doses, PIECES, 24.0) == trough
    assert relative(ode.concentration(doses, PIECES, 24.0), trough) < INTEGRATION
    assert exact.concentration(doses, PIECES, 0.0) == 0
    assert ode.concentration(doses, PIECES, 0.0) == 0.0


@pytest.mark.parametrize("ka", [0.5, 0.5 * (1 + 2**-50), 0.500001, 0.03, 2.7])
@pytest.mark.parametrize("time", [7.0 + 1e-7, 31.0, 40.25, 5000.0])
def test_run_agrees_with_direct_summation(ka: float, time: float) -> None:
    closed = exact.run_concentration(1.5, 12.0, 7, 7.0, 8.0, 16.0, ka, time)
    doses = [(7.0 + 12.0 * i, 1.5) for i in range(7)]
    summed = exact.concentration(doses, [(0.0, 8.0, 16.0, ka)], time)
    with mp.workdps(exact.DIGITS):
        assert abs(closed / summed - 1) < FORTY_DIGITS


def test_run_of_a_million_doses_reaches_steady_state() -> None:
    (trough,) = exact.steady_state_troughs([2.0], 24.0, 10.0, 300.0, 0.75)
    run = exact.run_concentration(2.0, 24.0, 1_000_000, 0.0, 10.0, 300.0, 0.75, 24.0e6)
    with mp.workdps(exact.DIGITS):
        assert abs(run / trough - 1) < FORTY_DIGITS
    assert exact.run_concentration(2.0, 24.0, 5, 7.0, 10.0, 300.0, 0.75, 7.0) == 0


@pytest.mark.parametrize("pattern", [[2.0], [1.0, 2.0], [2.0, 0.5, 1.0]])
@pytest.mark.parametrize(("cl", "v", "ka"), [(10, 300, 0.75), (8, 16, 0.5), (2.5, 950, 0.3)])
def test_steady_state_is_the_end_of_a_long_run(pattern: list[float], cl: float, v: float, ka: float) -> None:
    troughs = exact.steady_state_troughs(pattern, 12.0, cl, v, ka)
    n, cycles = len(pattern), 1500
    for i, trough in enumerate(troughs):
        time = 12.0 * (n * (cycles - 1) + i)
        parts = [
            exact.run_concentration(dose, 12.0 * n, cycles, 12.0 * j, cl, v, ka, time) for j, dose in enumerate(pattern)
        ]
        with mp.workdps(exact.DIGITS):
            assert abs(mp.fsum(parts) / trough - 1) < mp.mpf("1e-17")
    integrated = ode.steady_state_troughs(pattern, 12.0, cl, v, ka)
    for value, trough in zip(integrated, troughs, strict=True):
        assert relative(value, trough) < INTEGRATION


def test_log_gradient_obeys_the_scaling_of_the_model() -> None:
    """C = f(CL / V, ka) / V, so its derivatives by ln CL and ln V add up to -C."""
    doses = random_doses(np.random.default_rng(3), 12)
    for time in (150.0, 300.0):
        by_cl, by_v, _ = exact.log_gradient(doses, PIECES, time)
        value = exact.concentration(doses, PIECES, time)
        with mp.workdps(exact.DIGITS):
            assert abs((by_cl + by_v) / value + 1) < FORTY_DIGITS


@pytest.mark.parametrize("ka", [0.3, 0.5, 0.5 + 1e-9, 2.0])
def test_log_gradient_agrees_with_complex_steps_of_plain(ka: float) -> None:
    doses = random_doses(np.random.default_rng(4), 12)
    elapsed = np.array([max(300.0 - time, 0.0) for time, _ in doses])
    amounts = np.array([dose for _, dose in doses])
    gradient = exact.log_gradient(doses, [(0.0, 8.0, 16.0, ka)], 300.0)
    for axis, expected in enumerate(gradient):
        turned = np.array([8.0, 16.0, ka], dtype=np.complex128)
        turned[axis] *= np.exp(1e-30j)
        value = np.sum(plain.bateman(amounts, elapsed, *turned)).imag / 1e-30
        assert relative(value, expected) < 1e-9


# The objective and its minima


def test_plain_predictions_agree_with_exact_concentrations() -> None:
    for each in random_cases()[:60]:
        typical = plain.typical_values(each.case)
        pieces = [(0.0, typical["cl"], typical["v"], typical["ka"])]
        doses = plain.single_doses(each.case)
        predicted = plain.predicted_ng_ml(each.case, {})
        for level, value in zip(each.case["levels"], predicted, strict=True):
            expected = exact.concentration(doses, pieces, level["time"])
            assert relative(value, expected) < DOUBLE


def test_covariate_effects_multiply_as_defined() -> None:
    few = first_of_kind("few").case
    effects = [
        {"on": "cl", "effect": "power", "covariate": "w", "reference": 70, "exponent": 0.75},
        {"on": "cl", "effect": "factor", "covariate": "f", "factor": 0.65},
        {"on": "v", "effect": "linear", "covariate": "w", "reference": 60, "coefficient": 0.01},
        {
            "on": "ka",
            "effect": "exponential",
            "covariate": "a",
            "reference": 9,
            "coefficient": -0.1,
        },
    ]
    case = {
        **few,
        "patient": {"w": 90.0, "f": True, "a": 12.0},
        "model": {**few["model"], "covariates": effects},
        "levels": [],
    }
    value = {name: entry["value"] for name, entry in few["model"]["parameters"].items()}
    expected = {
        "cl": value["cl"] * (9 / 7) ** 0.75 * 0.65,
        "v": value["v"] * 1.3,
        "ka": value["ka"] * np.exp(-0.3),
    }
    assert plain.typical_values(case) == pytest.approx(expected, rel=1e-12)
    posterior = grid.grid_posterior(case)
    for name, typical in expected.items():
        assert posterior.quantile(name, 0.5) == pytest.approx(typical, rel=1e-5)
    without = {**case, "patient": {**case["patient"], "f": False}}
    assert plain.typical_values(without)["cl"] == pytest.approx(expected["cl"] / 0.65, rel=1e-12)


def spelled_out(case: cases.Json, eta: dict[str, float]) -> float:
    """The objective level by level in scalar arithmetic, from integrated concentrations."""
    typical = plain.typical_values(case)
    cl, v, ka = (typical[name] * np.exp(eta.get(name, 0.0)) for name in ("cl", "v", "ka"))
    residual = case["model"]["residual"]
    total = 0.0
    for level in case["levels"]:
        mean = ode.concentration(plain.single_doses(case), [(0.0, cl, v, ka)], level["time"])
        observed = level.get("level_ng_ml", level.get("below_ng_ml"))
        if residual["kind"] == "log-normal":
            mean, observed, sd = np.log(mean), np.log(observed), residual["sd"]
        else:
            share = residual.get("proportional", 0.0) * mean
            sd = (share**2 + residual.get("additive_ng_ml", 0.0) ** 2) ** 0.5
        if "below_ng_ml" in level:
            total -= 2 * norm.logcdf((observed - mean) / sd)
        else:
            total += (observed - mean) ** 2 / sd**2 + np.log(sd**2)
    omega = case["model"]["omega"]
    vector = np.array([eta[name] for name in omega["of"]])
    return float(total + vector @ np.linalg.solve(np.array(omega["covariance"]), vector))


@pytest.mark.parametrize("kind", sorted(set(cases.SCHEDULE)))
def test_objectives_of_plain_grid_and_integration_agree(kind: str) -> None:
    case = first_of_kind(kind).case
    names = case["model"]["omega"]["of"]
    rng = np.random.default_rng(5)
    eta = {name: float(rng.normal(0, 0.4)) for name in names}
    origin = dict.fromkeys(names, 0.0)
    value, at_origin = plain.objective(case, eta), plain.objective(case, origin)
    assert value == pytest.approx(spelled_out(case, eta), rel=1e-8)
    posterior = grid.grid_posterior(case)
    difference = -2 * (posterior.log_density(eta) - posterior.log_density(origin))
    assert value - at_origin == pytest.approx(difference, rel=1e-7, abs=1e-7)


def test_grid_density_agrees_with_plain_on_all_cases() -> None:
    rng = np.random.default_rng(6)
    for each in random_cases():
        posterior = grid.grid_posterior(each.case)
        names = each.case["model"]["omega"]["of"]
        etas = [{name: float(rng.normal(0, 0.3)) for name in names} for _ in range(2)]
        by_plain = [plain.objective(each.case, eta) for eta in etas]
        by_grid = [-2 * posterior.log_density(eta) for eta in etas]
        assert by_plain[1] - by_plain[0] == pytest.approx(by_grid[1] - by_grid[0], rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("entry", REFERENCE, ids=[entry["id"] for entry in REFERENCE])
def test_plain_mode_agrees_with_the_reference_programs(entry: dict[str, Any]) -> None:
    modes = plain.global_mode(cases.from_reference(entry))
    assert len(modes) == 1
    for eta in entry["eta"].values():
        assert modes[0].eta == pytest.approx(eta, rel=0, abs=REFERENCE_ETA)
    covariance = np.array(entry["covariance_mapbayr"])
    assert modes[0].covariance == pytest.approx(covariance, rel=REFERENCE_COVARIANCE)


def test_reference_has_twelve_cases_and_thirty_three_solutions() -> None:
    assert len(REFERENCE) == 12
    programs = [program for entry in REFERENCE for program in entry["eta"]]
    assert {name: programs.count(name) for name in set(programs)} == {
        "mapbayr": 12,
        "posologyr": 10,
        "tucuxi": 11,
    }


@pytest.mark.slow
def test_mode_is_flat_and_lowest_nearby() -> None:
    rng = np.random.default_rng(7)
    for each in random_cases()[:15]:
        mode = plain.global_mode(each.case)[0]
        root = np.linalg.cholesky(mode.covariance)
        for _ in range(6):
            step = 0.05 * root @ rng.standard_normal(len(mode.eta))
            moved = {name: mode.eta[name] + d for name, d in zip(mode.eta, step, strict=True)}
            back = {name: mode.eta[name] - d for name, d in zip(mode.eta, step, strict=True)}
            rises = [plain.objective(each.case, eta) - mode.objective for eta in (moved, back)]
            quadratic = float(step @ np.linalg.solve(mode.covariance, step))
            assert min(rises) > 0
            assert sum(rises) / 2 == pytest.approx(quadratic, rel=0.05)


@pytest.mark.parametrize("name", TWO_OPTIMA)
def test_two_optima_are_found_where_one_descent_ends_in_the_worse(name: str) -> None:
    case = case_named(name).case
    better, worse = plain.global_mode(case)[:2]
    assert better.objective < worse.objective
    assert plain.bfgs(case).objective == pytest.approx(worse.objective, abs=1e-6)
    scan = [plain.objective(case, {"cl": cl, "v": v}) for cl, v in product(np.linspace(-2, 2, 41), repeat=2)]
    assert better.objective <= min(scan)
    assert min(scan) < worse.objective


# The posterior


def individual(case: cases.Json, eta: dict[str, float]) -> tuple[float, float, float]:
    typical = plain.typical_values(case)
    cl, v, ka = (float(typical[name] * np.exp(eta.get(name, 0.0))) for name in typical)
    return cl, v, ka


def far_troughs(pattern_mg: tuple[float, ...], every_h: float, cl: float, v: float, ka: float) -> Array:
    """Pre-dose concentrations (ng/mL) after 600 doses, by summing what each has left."""
    ago = np.arange(1, 601)
    left = plain.bateman(np.ones(len(ago)), ago * every_h, cl, v, ka)
    n = len(pattern_mg)
    return np.array([np.sum(np.take(pattern_mg, (j - ago) % n) * left) for j in range(n)])


def importance_sample(case: cases.Json, count: int, seed: int) -> tuple[list[Any], Array]:
    """Draws (cl, v, ka) and weights: from Student t around every optimum, and around the prior."""
    given = plain.problem(case)
    modes = plain.global_mode(case)
    best = modes[0].objective
    prior = given.omega_root @ given.omega_root.T
    around = [(list(m.eta.values()), 1.3 * m.covariance) for m in modes if m.objective < best + 30]
    parts = [multivariate_t(m, s, df=6) for m, s in [*around, (np.zeros(len(prior)), prior)]]
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([np.reshape(t.rvs(count // len(parts), random_state=rng), (-1, len(prior))) for t in parts])
    proposal = np.mean([np.reshape(t.pdf(drawn), -1) for t in parts], axis=0)
    target = np.array([plain.objective_at(given, eta) for eta in drawn])
    weights = np.exp(-(target - best) / 2) / proposal
    names = given.names
    draws = [individual(case, dict(zip(names, eta, strict=True))) for eta in drawn]
    return draws, weights / weights.sum()


def assert_share(inside: NDArray[np.bool_], weights: Array, probability: float) -> None:
    """The weighted share is the probability, within 4.5 standard errors of at most 0.025."""
    share = float(np.sum(weights[inside]))
    error = float(np.sqrt(np.sum(weights**2 * (inside - share) ** 2)))
    assert error < 0.025
    assert abs(share - probability) < 4.5 * error + 1e-4


MONTE_CARLO = [
    *(first_of_kind(kind).name for kind in sorted(set(cases.SCHEDULE) - {"one"})),
    *TWO_OPTIMA,
]


@pytest.mark.slow
@pytest.mark.parametrize("name", MONTE_CARLO)
def test_grid_agrees_with_monte_carlo(name: str) -> None:
    each = case_named(name)
    posterior = grid.grid_posterior(each.case)
    draws, weights = importance_sample(each.case, 4000, seed=8)
    cl, v, _ = np.array(draws).T
    troughs = np.array([far_troughs(each.pattern_mg, each.every_h, *draw) for draw in draws])
    asked: dict[int | grid.Summary, Array] = {0: troughs[:, 0]}
    if len(each.pattern_mg) > 1:
        asked |= {"lowest": troughs.min(axis=1), "highest": troughs.max(axis=1)}
        asked |= {len(each.pattern_mg) - 1: troughs[:, -1], "mean": troughs.mean(axis=1)}
    for p in (0.05, 0.9):
        assert_share(cl <= posterior.quantile("cl", p), weights, p)
        assert_share(v <= posterior.quantile("v", p), weights, p)
        for of, value in asked.items():
            limit = posterior.trough_quantile(each.pattern_mg, each.every_h, p, of)
            assert_share(value <= limit, weights, p)
    below, within, above = posterior.probabilities(each.pattern_mg, each.every_h, each.low_ng_ml, each.high_ng_ml)
    is_above = troughs.max(axis=1) > each.high_ng_ml
    is_below = ~is_above & (troughs.min(axis=1) < each.low_ng_ml)
    assert_share(is_above, weights, above)
    assert_share(is_below, weights, below)
    assert below + within + above == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", [each.name for each in random_cases() if each.kind == "one"][:4])
def test_grid_agrees_with_quadrature_in_one_dimension(name: str) -> None:
    """Clearance alone varies: every probability is the integral below one clearance."""
    each = case_named(name)
    posterior = grid.grid_posterior(each.case)
    mode = plain.global_mode(each.case)[0]
    sd = float(np.sqrt(mode.covariance[0, 0]))
    center = mode.eta["cl"]

    def density(eta: float) -> float:
        return float(np.exp((mode.objective - plain.objective(each.case, {"cl": eta})) / 2))

    def mass(low: float, high: float) -> float:
        cuts = [x for x in center + sd * np.arange(-12, 13) if low < x < high]
        edges = [low, *cuts, high]
        parts = [quad(density, a, b, epsabs=1e-13, epsrel=1e-11)[0] for a, b in pairwise(edges)]
        return float(sum(parts))

    first, last = center - 30 * sd, center + 30 * sd
    total = mass(first, last)
    typical = plain.typical_values(each.case)
    for p in (0.05, 0.5, 0.95):
        eta = float(np.log(posterior.quantile("cl", p) / typical["cl"]))
        assert mass(first, eta) / total == pytest.approx(p, abs=1e-5)
    assert posterior.quantile("v", 0.3) == pytest.approx(typical["v"], rel=1e-12)

    def first_trough(eta: float) -> Array:
        cl, v, ka = individual(each.case, {"cl": eta})
        return far_troughs(each.pattern_mg, each.every_h, cl, v, ka)

    def crossing(limit: float, extreme: Any) -> float:
        found = brentq(lambda eta: extreme(first_trough(eta)) - limit, first, last, xtol=1e-13)
        return float(found)

    from_high = crossing(each.high_ng_ml, np.max)
    from_low = max(crossing(each.low_ng_ml, np.min), from_high)
    below, within, above = posterior.probabilities(each.pattern_mg, each.every_h, each.low_ng_ml, each.high_ng_ml)
    assert above == pytest.approx(mass(first, from_high) / total, abs=1e-5)
    assert within == pytest.approx(mass(from_high, from_low) / total, abs=1e-5)
    assert below == pytest.approx(mass(from_low, last) / total, abs=1e-5)


PRIORS: dict[str, Any] = {
    "two": {"of": ["cl", "v"], "covariance": [[0.105, 0.0665], [0.0665, 0.182]]},
    "ridge": {"of": ["cl", "v"], "covariance": [[0.25, 0.247], [0.247, 0.25]]},
    "volume": {"of": ["v"], "covariance": [[0.3]]},
    "absorption": {"of": ["ka", "cl"], "covariance": [[0.3, 0.1], [0.1, 0.2]]},
    "three": {
        "of": ["ka", "v", "cl"],
        "covariance": [[0.36, 0.05, 0.0], [0.05, 0.25, 0.12], [0.0, 0.12, 0.16]],
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PRIORS)
def test_without_levels_the_grid_returns_the_log_normal_prior(name: str) -> None:
    omega = PRIORS[name]
    template = first_of_kind("few").case
    case = {**template, "model": {**template["model"], "omega": omega}, "levels": []}
    posterior = grid.grid_posterior(case)
    sd = dict(zip(omega["of"], np.sqrt(np.diag(omega["covariance"])), strict=True))
    typical = plain.typical_values(case)
    for parameter, p in (("cl", 0.01), ("v", 0.7), ("ka", 0.95)):
        expected = typical[parameter] * np.exp(norm.ppf(p) * sd.get(parameter, 0.0))
        assert posterior.quantile(parameter, p) == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_grid_follows_a_narrow_ridge() -> None:
    """One level with an error of 1 %: a needle, bent where ln CL / V turns from known to unknown.

    With u = ln(CL / V) and w = ln V, both from their typical values, ln pred = s(u) - w: given u
    the posterior of w is normal, and every probability is one integral over u.
    """
    few = first_of_kind("few").case
    variance, tau = 0.5, 0.01
    case = {
        **few,
        "model": {
            **few["model"],
            "residual": {"kind": "log-normal", "sd": tau},
            "omega": {"of": ["cl", "v"], "covariance": [[variance, 0.0], [0.0, variance]]},
        },
        "doses": [{"time": 0, "dose_mg": 6.0}],
        "levels": [{"time": 48.0, "level_ng_ml": 5.0}],
    }
    typical = plain.typical_values(case)
    cl, v, ka = typical["cl"], typical["v"], typical["ka"]
    u = np.linspace(-8, 8, 4001)
    dose, elapsed = np.array([6.0]), np.array([48.0])
    predicted = [plain.bateman(dose, elapsed, cl * np.exp(x), v, ka)[0] for x in u]
    shift = np.log(predicted) - np.log(5.0)
    precision = 2 / variance + 1 / tau**2
    linear = -u / variance + shift / tau**2
    log_mass = (linear**2 / precision - u**2 / variance - shift**2 / tau**2) / 2
    mass = np.exp(log_mass - log_mass.max())

    def share_below(limit: Array | float) -> float:
        below = norm.cdf((limit - linear / precision) * np.sqrt(precision))
        return float(np.sum(mass * below) / np.sum(mass))

    posterior = grid.grid_posterior(case)
    for p in (0.05, 0.5, 0.95):
        assert share_below(np.log(posterior.quantile("v", p) / v)) == pytest.approx(p, abs=5e-5)
        limit = np.log(posterior.quantile("cl", p) / cl) - u
        assert share_below(limit) == pytest.approx(p, abs=5e-5)


# The generator


def test_random_cases_are_reproducible_and_a_longer_list_starts_like_a_shorter_one() -> None:
    again = cases.random_cases(25, seed=1)
    assert again == random_cases()[:25]
    assert again != cases.random_cases(25, seed=2)
    assert json.loads(json.dumps([each.case for each in again])) == [each.case for each in again]


def test_random_cases_cover_what_they_promise() -> None:
    kinds = [each.kind for each in random_cases()]
    assert kinds.count("three") == 15
    assert min(kinds.count(kind) for kind in set(cases.SCHEDULE)) >= 15
    residuals = [each.case["model"]["residual"]["kind"] for each in random_cases()]
    assert min(residuals.count(kind) for kind in cases.RESIDUAL_KINDS) >= 30
    sizes = [len(each.case["levels"]) for each in random_cases()]
    assert (min(sizes), max(sizes)) == (1, 12)
    for each in random_cases():
        model, omega = each.case["model"], np.array(each.case["model"]["omega"]["covariance"])
        assert 2 <= model["parameters"]["cl"]["value"] <= 20
        assert 50 <= model["parameters"]["v"]["value"] <= 1000
        assert 0.3 <= model["parameters"]["ka"]["value"] <= 3
        assert np.all(np.abs(np.sqrt(np.diag(omega)) - 0.475) <= 0.3251)
        assert np.linalg.eigvalsh(omega)[0] > 0
        times = [time for time, _ in plain.single_doses(each.case)]
        assert len(times) == len(set(times))
        assert all(0.5 <= dose <= 6.0 for _, dose in plain.single_doses(each.case))
        assert all(level["time"] > min(times) for level in each.case["levels"])
        censored = ["below_ng_ml" in level for level in each.case["levels"]]
        assert any(censored) == (each.kind == "censored")
        assert each.low_ng_ml < each.high_ng_ml
