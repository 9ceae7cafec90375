"""The mode of the random effects: other programs' estimates, the objective, certificates and the global optimum.

Sources of the expected values: the estimates of mapbayr, posologyr and Tucuxi in `tests/data/map_cases.json`;
`tests.oracles.plain`, which writes the objective dose by dose, differentiates by complex steps and finds all minima by
brute force; expectations over simulated observations by Gauss-Hermite quadrature. All random numbers are seeded.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tdm
from tdm.inference import map_estimate as mode
from tdm.inference.likelihood import Cohort, objective, objective_with_slopes, predictions
from tdm.inference.map_estimate import Modes, NotConverged, fit
from tdm.inference.random_effects import Variability
from tdm.inference.residual_error import ResidualError
from tdm.knowledge.model import PopulationModel
from tdm.knowledge.seeds import load_interactions, load_label
from tdm.patient.estimate import cohort_of
from tdm.patient.history import read_history
from tdm.patient.timeline import timeline_of
from tdm.pk.event_table import Runs, lay_out
from tests.bedside import estimate_of_all_levels
from tests.oracles import cases, plain
from tests.studies import size

Floats = NDArray[np.float64]
Json = dict[str, Any]

REFERENCE = json.loads((Path(__file__).parent / "data" / "map_cases.json").read_text("utf-8"))
REFERENCE_IDS = [entry["id"] for entry in REFERENCE]
MAPBAYR_ETA = 1e-6
OTHERS_ETA = 2e-5
"""posologyr and Tucuxi stop earlier: they agree with mapbayr to about this."""
MAPBAYR_CURVATURE = 2e-4
"""Relative to the largest entry: mapbayr differentiates a numerical solution of the model."""
RANDOM_CASES = 200
PATIENTS = 300
"""Patients fitted together and one by one, with and without a random effect on ka."""
HARSH_DESIGNS = size(240, 120)
MILDER_DESIGNS = size(60, 30)
CLOSE_SECOND = 6.0
"""A second optimum within this of the objective has more than a twentieth of the first one's density."""
CLOSE_SECONDS = (
    *(8, 39, 71, 72, 84, 95, 100, 112, 224, 246, 314, 356),
    *(384, 389, 437, 456, 463, 530, 580, 628, 636, 646, 655, 660),
)
"""All of the first 700 harsh designs with such a second optimum, by `tests.oracles.plain.global_mode`."""


def read(case: Json) -> tdm.Case:
    """A case of the oracles through the strict door, which wants a protocol; levels are drawn when they say."""
    drawn_after = [{"code": "level_just_after_dose", "answer": "after"}]
    asked = {key: value for key, value in case.items() if key != "target"}
    return tdm.read_case({"protocol": "itp-2024-adult", **asked, "confirmed": drawn_after})


def cohort_from(case: Json) -> Cohort:
    """A case as estimation sees it, but with the normal errors of its model down to the lowest level."""
    parsed = read(case)
    assert isinstance(parsed.model, PopulationModel)
    return cohort_of(parsed.model, read_history(timeline_of(parsed, load_interactions()), parsed.model, load_label()))


@cache
def random_cases() -> list[tuple[str, Json, Cohort, plain.Problem]]:
    """The oracles' random cases: name, case, as a cohort and in plain arrays."""
    return [
        (each.name, each.case, cohort_from(each.case), plain.problem(each.case))
        for each in cases.random_cases(RANDOM_CASES)
    ]


def random_etas(problem: plain.Problem, count: int, seed: list[int]) -> Floats:
    """Random effects of 1.5 times the prior's spread, shape (count, d)."""
    white = np.random.default_rng(seed).standard_normal((count, len(problem.names)))
    return np.asarray(1.5 * white @ problem.omega_root.T)


# Other programs


@pytest.mark.parametrize("entry", REFERENCE, ids=REFERENCE_IDS)
def test_mode_agrees_with_other_programs(entry: Json) -> None:
    """Expected: the estimates of mapbayr (1e-6), posologyr and Tucuxi (2e-5) in `tests/data/map_cases.json`."""
    eta = estimate_of_all_levels(read(cases.from_reference(entry))).eta
    for program, expected in entry["eta"].items():
        tolerance = MAPBAYR_ETA if program == "mapbayr" else OTHERS_ETA
        assert eta.keys() == expected.keys()
        for name, value in eta.items():
            assert abs(value - expected[name]) <= tolerance, f"{program}, {name}"


@pytest.mark.parametrize("entry", REFERENCE, ids=REFERENCE_IDS)
def test_an_answer_has_that_mode_unless_a_level_is_below_half_its_prediction(entry: Json) -> None:
    """Expected: the mode above. One reference case has such a level, at 0.43 of its prediction."""
    cohort = cohort_from(cases.from_reference(entry))
    expected = fit(cohort).eta
    ratio = cohort.level_ng_ml / predictions(cohort, expected)
    low = bool(np.any((ratio < 0.5) & ~cohort.censored)) and cohort.residual.proportional > 0.0
    assert low == (entry["id"] == "c16_high")
    found = np.array(list(tdm.estimate(read(cases.from_reference(entry))).eta.values()))
    assert np.abs(found - expected).max() <= (0.01 if low else MAPBAYR_ETA)


@pytest.mark.parametrize("entry", REFERENCE, ids=REFERENCE_IDS)
def test_curvature_agrees_with_mapbayr(entry: Json) -> None:
    """Expected: the inverse of the covariance that mapbayr reports."""
    found = fit(cohort_from(cases.from_reference(entry))).hessian[0]
    expected = np.linalg.inv(np.array(entry["covariance_mapbayr"]))
    assert np.abs(found - expected).max() <= MAPBAYR_CURVATURE * np.abs(expected).max()


# The objective and its derivatives


def test_objective() -> None:
    """At ten random points of each random case, all residual errors and censored levels: 1e-9.

    Expected: `tests.oracles.plain.objective_at`.
    """
    for index, (name, _, cohort, problem) in enumerate(random_cases()):
        etas = random_etas(problem, 10, [1, index])
        found = objective(cohort, etas[:, None, :])[:, 0]
        for value, eta in zip(found, etas, strict=True):
            expected = float(plain.objective_at(problem, eta))
            assert abs(value - expected) <= 1e-9 * max(1.0, abs(expected)), name


def test_gradient() -> None:
    """At five random points of each random case: 1e-9 of the largest slope.

    Expected: `tests.oracles.plain.gradient_at` (complex steps).
    """
    for index, (name, _, cohort, problem) in enumerate(random_cases()):
        for eta in random_etas(problem, 5, [2, index]):
            value, gradient, _ = objective_with_slopes(cohort, eta[None])
            expected = plain.gradient_at(problem, eta)
            assert np.abs(gradient[0] - expected).max() <= 1e-9 * max(1.0, np.abs(expected).max()), name
            assert value[0] == pytest.approx(float(plain.objective_at(problem, eta)), rel=1e-9, abs=1e-9)


@pytest.mark.slow
def test_covariance_is_the_inverse_of_the_expected_information() -> None:
    """The information of what could be observed at the mode, all residual errors, no level censored: 1e-9.

    Expected: the mean square of the score over observations, by Gauss-Hermite quadrature with 40 nodes.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    kinds = set()
    for name, _, cohort, problem in random_cases()[:60]:
        if np.any(problem.censored):
            continue
        modes = fit(cohort)
        eta = modes.eta[0]
        prior = 2.0 * problem.omega_inverse @ eta
        information = problem.omega_inverse.copy()
        predicted = plain.predictions(problem, eta)
        sd = plain.residual_sd(problem.residual, predicted)
        log_normal = problem.residual["kind"] == "log-normal"
        # the levels are independent: one quadrature moves all of them, and each is scored alone
        for level in range(len(predicted)):
            one = replace(
                problem, elapsed_h=problem.elapsed_h[[level]], censored=np.zeros(1, dtype=bool), level_ng_ml=np.ones(1)
            )
            for node, weight in zip(nodes, weights / weights.sum(), strict=True):
                noise = sd[level] * node
                seen = predicted[level] * np.exp(noise) if log_normal else predicted[level] + noise
                score = -0.5 * (plain.gradient_at(replace(one, level_ng_ml=np.array([seen])), eta) - prior)
                information += weight * np.outer(score, score)
        kinds.add(problem.residual["kind"])
        expected = np.linalg.inv(information)
        assert np.abs(modes.covariance[0] - expected).max() <= 1e-9 * np.abs(expected).max(), name
    assert kinds == set(cases.RESIDUAL_KINDS)


# Certificates


def is_minimum(problem: plain.Problem, eta: Floats) -> bool:
    """Whether the curvature is positive and the Newton decrement 1e-7 SD of the estimate at most."""
    gradient, hessian = plain.gradient_at(problem, eta), plain.hessian_at(problem, eta)
    if np.linalg.eigvalsh(hessian)[0] <= 0.0:
        return False
    return float(np.sqrt(0.5 * gradient @ np.linalg.solve(hessian, gradient))) <= 1e-7


@pytest.mark.slow
def test_every_mode_is_a_minimum() -> None:
    """Modes of 200 random cases: no slope left (Newton decrement 1e-7 SD of the estimate) and positive curvature.

    Expected: derivatives by `tests.oracles.plain`.
    """
    for name, _, cohort, problem in random_cases():
        modes = fit(cohort)
        assert is_minimum(problem, modes.eta[0]), name
        assert modes.objective[0] == pytest.approx(float(plain.objective_at(problem, modes.eta[0])), abs=1e-9, rel=1e-9)


def test_hessian_at_the_mode() -> None:
    """Half the objective's Hessian at the modes of 200 random cases: 1e-4 of its largest entry.

    Expected: `tests.oracles.plain.hessian_at` (central differences of complex-step gradients).
    """
    for name, _, cohort, problem in random_cases():
        modes = fit(cohort)
        expected = 0.5 * plain.hessian_at(problem, modes.eta[0])
        assert np.abs(modes.hessian[0] - expected).max() <= 1e-4 * np.abs(expected).max(), name


def test_without_levels_the_mode_is_the_population() -> None:
    """Nothing measured: eta is 0, the covariance omega, the objective 0."""
    _, case, _, problem = random_cases()[0]
    modes = fit(cohort_from({**case, "levels": [], "now": 2000.0}))
    np.testing.assert_allclose(modes.eta, 0.0, atol=1e-12)
    np.testing.assert_allclose(modes.covariance[0], np.linalg.inv(problem.omega_inverse), rtol=1e-12)
    np.testing.assert_allclose(modes.objective, 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("setting", "value"), [("MOST_NEWTON_STEPS", 0), ("MOST_NEWTON_STEPS", 1), ("CERTIFIED_DECREMENT", -1.0)]
)
def test_a_mode_that_is_not_reached_is_refused(setting: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """With too few steps, or a decrement that no arithmetic reaches, there is no estimate but `NotConverged`."""
    cohort = cohort_from(cases.from_reference(REFERENCE[0]))
    assert np.isfinite(fit(cohort).objective[0])
    monkeypatch.setattr(mode, setting, value)
    with pytest.raises(NotConverged):
        fit(cohort)


def test_one_failure_among_many_is_refused() -> None:
    """No patient of a cohort is returned uncertified because the others are certified."""
    cohort = together(random_patients(20, ("cl", "v"), seed=5), ("cl", "v"))
    seen = np.where(np.arange(len(cohort.level_ng_ml)) == 7, np.nan, cohort.level_ng_ml)
    with pytest.raises(NotConverged, match="1 patient"):
        fit(replace(cohort, level_ng_ml=seen))


def test_an_objective_without_a_number_is_refused() -> None:
    """A level drawn before the first dose under a proportional error: nowhere is the objective a number."""
    course = lay_out(
        Runs(np.zeros(1, dtype=np.intp), np.zeros(1), np.full(1, 24.0), np.full(1, 9.0), np.ones(1)),
        np.zeros(1, dtype=np.intp),
        np.full(1, -5.0),
        np.zeros(0, dtype=np.intp),
        np.zeros(0),
        1,
    )
    vary = Variability(np.diag([0.1, 0.2]), ("cl", "v"))
    error = ResidualError(proportional=0.2)
    cohort = Cohort(course, np.log([[8.0, 300.0, 0.7]]), np.full(1, 4.0), np.zeros(1, dtype=bool), error, vary)
    with pytest.raises(NotConverged):
        fit(cohort)


def test_a_saddle_is_no_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start at which the slope vanishes and the curvature is negative: a minimum is found elsewhere, or none.

    The objective is replaced by (x^2 - 1)^2 + y^2, which has its saddle at the start and its minima at x = -1 and 1.
    """

    def values(eta: Floats) -> Floats:
        return np.asarray((eta[..., 0] ** 2 - 1.0) ** 2 + eta[..., 1] ** 2)

    def double_well(_: Cohort, eta: Floats) -> tuple[Floats, Floats, Floats]:
        """Objective, gradient and information."""
        x, y = eta[..., 0], eta[..., 1]
        gradient = np.stack([4.0 * x * (x**2 - 1.0), 2.0 * y], axis=-1)
        return values(eta), gradient, np.broadcast_to(np.eye(2), (*x.shape, 2, 2)).copy()

    cohort = cohort_from(cases.from_reference(REFERENCE[0]))
    monkeypatch.setattr(mode, "objective_with_slopes", double_well)
    monkeypatch.setattr(mode, "objective", lambda _, eta: values(eta))
    with suppress(NotConverged):
        modes = fit(cohort)
        np.testing.assert_allclose(np.abs(modes.eta), [[1.0, 0.0]], atol=1e-6)
        np.testing.assert_allclose(modes.objective, 0.0, atol=1e-12)


# Many patients at once


@dataclass(frozen=True)
class Treated:
    """One patient: runs of doses (start in h, interval in h, count, mg), changes (h), ln typical values, levels."""

    runs: list[tuple[float, float, float, float]]
    changes: list[float]
    ln_typical: Floats
    time_h: Floats
    level_ng_ml: Floats
    censored: NDArray[np.bool_]


RESIDUAL = ResidualError(proportional=0.15, additive_ng_ml=0.4)
OMEGAS = {
    ("cl", "v"): np.array([[0.16, 0.06], [0.06, 0.25]]),
    ("cl", "v", "ka"): np.array([[0.16, 0.06, 0.0], [0.06, 0.25, 0.0], [0.0, 0.0, 0.36]]),
}


def together(patients: list[Treated], of: tuple[Any, ...]) -> Cohort:
    """Patients as one cohort with a common omega and residual error."""
    runs = [(i, *run) for i, patient in enumerate(patients) for run in patient.runs]
    owner, start, every, count, dose = (np.array(column) for column in zip(*runs, strict=True))
    changes = [(i, time) for i, patient in enumerate(patients) for time in patient.changes]
    course = lay_out(
        Runs(owner, start, every, count, dose),
        np.concatenate([np.full(len(patient.time_h), i) for i, patient in enumerate(patients)]),
        np.concatenate([patient.time_h for patient in patients]),
        np.array([i for i, _ in changes], dtype=np.intp),
        np.array([time for _, time in changes], dtype=float),
        len(patients),
    )
    return Cohort(
        course,
        np.concatenate([patient.ln_typical for patient in patients]),
        np.concatenate([patient.level_ng_ml for patient in patients]),
        np.concatenate([patient.censored for patient in patients]),
        RESIDUAL,
        Variability(OMEGAS[of], of),
    )


def random_patients(size: int, of: tuple[Any, ...], seed: int) -> list[Treated]:
    """Patients with one to three runs, up to two changes and one to six levels; every fifth has levels in conflict."""
    rng = np.random.default_rng(seed)
    patients: list[Treated] = []
    for index in range(size):
        runs, start = [], float(rng.choice([0.0, -48.0]))
        for _ in range(rng.integers(1, 4)):
            every, count = float(rng.choice([12.0, 24.0])), float(rng.integers(2, 25))
            runs.append((start, every, count, float(rng.choice([0.5, 1.0, 2.0, 4.0]))))
            start += every * count
        changes = np.sort(rng.uniform(runs[0][0], start, rng.integers(0, 3)))
        base = np.log([rng.uniform(4.0, 20.0), rng.uniform(100.0, 800.0), rng.uniform(0.3, 2.0)])
        ln_typical = base + np.vstack([np.zeros(3), rng.normal(0.0, 0.2, (len(changes), 3))])
        times = np.sort(rng.uniform(runs[0][0] + 20.0, start + 30.0, rng.integers(1, 7)))
        unseen = Treated(runs, list(changes), ln_typical, times, np.ones(len(times)), np.zeros(len(times), dtype=bool))
        eta = np.linalg.cholesky(OMEGAS[of]) @ rng.standard_normal(len(of))
        level = predictions(together([unseen], of), eta[None]) * np.exp(rng.normal(0.0, 0.2, len(times)))
        if index % 5 == 0:
            level[rng.integers(len(level))] *= rng.choice([0.2, 5.0])
        censored = level < 1.0
        patients.append(replace(unseen, level_ng_ml=np.where(censored, 1.0, level), censored=censored))
    return patients


def same_modes(one: Modes, other: Modes, row: int) -> None:
    """A row of one fit is the single patient of another: eta, objective and second optimum 1e-8, covariance 1e-6."""
    for name, tolerance in (("eta", 1e-8), ("objective", 1e-8), ("second_eta", 1e-7), ("second_objective", 1e-8)):
        np.testing.assert_allclose(
            getattr(one, name)[row], getattr(other, name)[0], rtol=1e-12, atol=tolerance, err_msg=f"{name}, {row}"
        )
    np.testing.assert_allclose(one.covariance[row], other.covariance[0], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("of", list(OMEGAS), ids="-".join)
def test_many_patients_are_as_one_by_one(of: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """300 patients fitted in groups of 128, and each laid out and fitted alone: 1e-8 in eta and objective."""
    patients = random_patients(PATIENTS, of, seed=6)
    monkeypatch.setattr(mode, "GROUP", 128)
    modes = fit(together(patients, of))
    assert modes.eta.shape == (PATIENTS, len(of))
    for row, patient in enumerate(patients):
        same_modes(modes, fit(together([patient], of)), row)


# The global optimum


def harsh_design(index: int) -> Json:
    """A case made for more than one optimum.

    Wide priors (SD 0.4 to 1.2), absorption from slow to fast and for every third case random, few levels in the
    absorption phase and later, wrong by factors of up to exp(0.2), exp(0.5) or exp(0.9) at one SD; some censored.
    """
    rng = np.random.default_rng([3, index])
    names = ["cl", "v", "ka"] if index % 3 == 2 else ["cl", "v"]
    while True:
        cl, v, ka = (float(np.exp(rng.uniform(np.log(a), np.log(b)))) for a, b in ((2, 25), (50, 1000), (0.08, 2)))
        sd = rng.uniform(0.4, 1.2, len(names))
        correlation = np.eye(len(names))
        correlation[0, 1] = correlation[1, 0] = rng.choice([0.0, 0.0, 0.5, -0.5, 0.8])
        fraction, additive = float(rng.uniform(0.08, 0.3)), float(rng.uniform(0.3, 1.5))
        residual: Json = {
            "proportional": {"proportional": fraction},
            "additive": {"additive_ng_ml": additive},
            "combined": {"proportional": fraction, "additive_ng_ml": additive},
            "log-normal": {"sd": fraction},
        }
        kind = str(rng.choice(list(residual)))
        count = int(rng.integers(1, 5) if rng.random() < 0.5 else rng.integers(6, 30))
        wanted, first_day = int(rng.integers(2, 6)), max(0, count - 3) if rng.random() < 0.5 else 0
        times: set[float] = set()
        while len(times) < wanted:
            hours = rng.choice([0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 23.5, 24.0, 36.0, 60.0])
            times.add(24.0 * int(rng.integers(first_day, count)) + float(hours))
        parameters = {"cl": (cl, "L/h"), "v": (v, "L"), "ka": (ka, "1/h")}
        case: Json = {
            "patient": {"weight_kg": 70, "age_years": 40},
            "model": {
                "id": f"harsh-{index:03d}",
                "parameters": {name: {"value": value, "unit": unit} for name, (value, unit) in parameters.items()},
                "omega": {"of": names, "covariance": (correlation * np.outer(sd, sd)).tolist()},
                "residual": {"kind": kind, **residual[kind]},
            },
            "doses": [
                {"time": 0.0, "dose_mg": float(rng.choice([1.0, 2.0, 4.0, 6.0])), "every_h": 24.0, "count": count}
            ],
            "levels": [{"time": time, "level_ng_ml": 1.0} for time in sorted(times)],
        }
        problem = plain.problem(case)
        true = plain.predictions(problem, problem.omega_root @ rng.standard_normal(len(names)))
        level = true * np.exp(rng.normal(0.0, rng.choice([0.2, 0.5, 0.9]), wanted))
        censored = rng.random(wanted) < 0.1
        plausible = level.min() > 0.1 and level.max() < 180.0 and 1.0 < np.log(2.0) * v / cl < 500.0
        if plausible and not censored.all():
            case["levels"] = [
                {"time": time, "below_ng_ml": max(float(value), 0.5)}
                if low
                else {"time": time, "level_ng_ml": float(value)}
                for time, value, low in zip(sorted(times), level, censored, strict=True)
            ]
            return case


@pytest.fixture
def thinner_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the oracle scan with a third of its points along each axis; on these designs no best optimum is lost."""
    monkeypatch.setattr(plain, "SCAN_POINTS", {1: 141, 2: 15, 3: 7})
    monkeypatch.setattr(plain, "RANDOM_STARTS", 6)


@pytest.mark.slow
@pytest.mark.usefixtures("thinner_scan")
def test_the_optimum_is_the_global_one() -> None:
    """On random designs, most of them harsh, the optimum is the best minimum in 99 %; a second one is a minimum too.

    Expected: `tests.oracles.plain.global_mode`, minima from a grid over seven prior SD and from random points.
    """
    designs = [each.case for each in cases.random_cases(MILDER_DESIGNS)]
    designs += [harsh_design(index) for index in range(HARSH_DESIGNS)]
    overlooked, missed, invented, several = [], [], [], 0
    for index, case in enumerate(designs):
        minima = plain.global_mode(case)
        several += len(minima) > 1
        highest = minima[0].objective + 1e-6 * max(1.0, abs(minima[0].objective))
        found = fit(cohort_from(case))
        if found.objective[0] > highest:
            overlooked.append(index)
            # the draws of the posterior notice what the search has overlooked
            found = estimate_of_all_levels(read(case)).modes
        if found.objective[0] > highest:
            missed.append(index)
        if np.isfinite(found.second_objective[0]) and not is_minimum(plain.problem(case), found.second_eta[0]):
            invented.append(index)
    share = several / len(designs)
    report = (
        f"overlooked by the search in {overlooked}, missed by the estimate in {missed}, seconds that are no minima in "
        f"{invented}; {share:.1%} of {len(designs)} designs have several minima"
    )
    assert len(missed) <= 0.01 * len(designs), report
    assert len(overlooked) <= 0.03 * len(designs), report
    assert not invented, report
    assert 0.05 <= share <= 0.3, report


@pytest.mark.slow
def test_a_second_optimum_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Harsh designs with a second optimum that has a twentieth of the first one's density: reported in at least 40 %.

    Expected: `tests.oracles.plain.global_mode`. The share when this was written was 14 of 24; it is what a few valleys
    of a coarse scan show, and the posterior does not rest on it.
    """
    monkeypatch.setattr(plain, "SCAN_POINTS", {1: 141, 2: 21, 3: 9})
    reported = 0
    for index in CLOSE_SECONDS:
        case = harsh_design(index)
        first, second, *_ = plain.global_mode(case)
        assert second.objective - first.objective < CLOSE_SECOND, index
        modes = estimate_of_all_levels(read(case)).modes
        if np.isfinite(modes.second_objective[0]):
            reported += 1
            both = sorted([float(modes.objective[0]), float(modes.second_objective[0])])
            assert both == pytest.approx([first.objective, second.objective], abs=1e-6), index
    assert 0.4 * len(CLOSE_SECONDS) <= reported <= len(CLOSE_SECONDS), f"{reported} of {len(CLOSE_SECONDS)}"
