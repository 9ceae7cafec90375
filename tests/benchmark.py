"""How fast it is, as ratios measured in one run: `python -m tests.benchmark`.

(a) the mode of 5,000 patients against one BFGS fit of the same objective written plainly, and long against short
histories; (b) one whole recommendation against such a fit; (c) the command line as a process against importing numpy
and pydantic; (d) peak memory for 10,000 patients. Everything is seeded; times vary, ratios less.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import tdm
from tdm.inference.likelihood import Cohort, predictions
from tdm.inference.map_estimate import fit
from tdm.inference.random_effects import Variability
from tdm.inference.residual_error import ResidualError
from tdm.pk.event_table import Runs, lay_out

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "adult-ctd-low-trough.json"
TYPICAL = np.log([7.09, 496.0, 0.75])
OMEGA = np.array([[0.104976, 0.0665], [0.0665, 0.182329]])
PRECISION = np.linalg.inv(OMEGA)
RESIDUAL = ResidualError(proportional=0.2, additive_ng_ml=0.5)
DOSES = 60
REPEATS = 5


def seconds(action: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Return the median wall-clock seconds of an action."""
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        spent.append(time.perf_counter() - start)
    return float(np.median(spent))


def ragged(patients: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return patient, time (h) and dose (mg) of 60 doses each: changes of dose, missed days, twice-daily spells."""
    owner, times, doses = [], [], []
    for patient in range(patients):
        cuts = np.sort(rng.choice(np.arange(5, DOSES - 5), size=rng.integers(0, 4), replace=False))
        clock = 0.0
        for spell in np.split(np.arange(DOSES), cuts):
            every = float(rng.choice([24.0, 24.0, 24.0, 12.0, 48.0]))
            owner.append(np.full(len(spell), patient))
            times.append(clock + every * np.arange(len(spell)))
            doses.append(np.full(len(spell), float(rng.choice([0.5, 1.0, 1.5, 2.0]))))
            clock = float(times[-1][-1]) + every + float(rng.choice([0.0, 0.0, 24.0]))
    return np.concatenate(owner), np.concatenate(times), np.concatenate(doses)


def irregular(patients: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return patient, time (h) and dose (mg) of 60 doses each at irregular times: nothing can be gathered into runs."""
    owner = np.repeat(np.arange(patients), DOSES)
    times = np.tile(24.0 * np.arange(DOSES), patients) + rng.uniform(-2.0, 2.0, patients * DOSES)
    return owner, times, rng.choice([0.5, 1.0, 2.0], patients * DOSES)


def cohort_of(history: tuple[np.ndarray, np.ndarray, np.ndarray], patients: int, rng: np.random.Generator) -> Cohort:
    """Return a cohort with 1 to 4 levels a patient (ng/mL), drawn from the model with residual error."""
    owner, times, doses = history
    single = np.full(len(owner), np.nan)
    runs = Runs(owner, times, single, np.ones(len(owner)), doses)
    counts = rng.integers(1, 5, patients)
    of = np.repeat(np.arange(patients), counts)
    first = np.searchsorted(owner, np.arange(patients))
    last = np.searchsorted(owner, np.arange(patients), side="right") - 1
    at = times[rng.integers(first[of] + 4, last[of] + 1)] + rng.uniform(19.0, 24.0, len(of))
    order = np.lexsort((at, of))
    nothing = np.array([], dtype=np.intp)
    course = lay_out(runs, of, at[order], nothing, np.array([]), patients)
    cohort = Cohort(
        course,
        np.tile(TYPICAL, (patients, 1)),
        np.ones(len(of)),
        np.zeros(len(of), dtype=bool),
        RESIDUAL,
        Variability(OMEGA, ("cl", "v")),
    )
    truth = rng.multivariate_normal(np.zeros(2), OMEGA, patients)
    exact = predictions(cohort, truth)
    measured = exact + RESIDUAL.sd_ng_ml(exact) * rng.standard_normal(len(exact))
    return replace(cohort, level_ng_ml=np.maximum(measured, 0.1))


def plain_objective(eta: np.ndarray, times: np.ndarray, doses: np.ndarray, at: np.ndarray, levels: np.ndarray) -> float:
    """Return the objective of one patient (no unit), written plainly with the closed form (h, mg, ng/mL)."""
    cl, v, ka = np.exp(TYPICAL[0] + eta[0]), np.exp(TYPICAL[1] + eta[1]), np.exp(TYPICAL[2])
    k = cl / v
    since = at[:, None] - times[None, :]
    seen = since > 0
    since = np.where(seen, since, 0.0)
    one = np.where(seen, np.exp(-k * since) - np.exp(-ka * since), 0.0)
    prediction = 1000.0 * (one * doses).sum(axis=1) * ka / (v * (ka - k))
    variance = (RESIDUAL.proportional * prediction) ** 2 + RESIDUAL.additive_ng_ml**2
    return float(((levels - prediction) ** 2 / variance + np.log(variance)).sum() + eta @ PRECISION @ eta)


def bfgs_seconds(history: tuple[np.ndarray, np.ndarray, np.ndarray], cohort: Cohort, times_h: np.ndarray) -> float:
    """Return the mean seconds of one BFGS fit from eta = 0 with numerical gradients, over the first 200 patients."""
    owner, times, doses = history
    of = cohort.course.sample_patient

    def one(patient: int) -> None:
        mine, own = owner == patient, of == patient
        data = (times[mine], doses[mine], times_h[own], cohort.level_ng_ml[own])
        minimize(plain_objective, np.zeros(2), args=data, method="BFGS")

    start = time.perf_counter()
    for patient in range(200):
        one(patient)
    return (time.perf_counter() - start) / 200


def sample_times(cohort: Cohort) -> np.ndarray:
    """Return the sampling times (h): with one piece a patient they are the times elapsed."""
    return cohort.course.point_elapsed_h[: cohort.course.samples]


def long_runs(count: int, patients: int) -> Cohort:
    """Return a cohort whose patients took `count` equal daily doses, 2 mg, with one trough (ng/mL)."""
    owner = np.arange(patients)
    runs = Runs(
        owner, np.zeros(patients), np.full(patients, 24.0), np.full(patients, float(count)), np.full(patients, 2.0)
    )
    nothing = np.array([], dtype=np.intp)
    course = lay_out(runs, owner, np.full(patients, 24.0 * count), nothing, np.array([]), patients)
    levels = np.linspace(4.0, 16.0, patients)
    censored = np.zeros(patients, dtype=bool)
    return Cohort(course, np.tile(TYPICAL, (patients, 1)), levels, censored, RESIDUAL, Variability(OMEGA, ("cl", "v")))


def process_seconds(*arguments: str) -> float:
    """Return the best seconds of a process over some runs; the best, since other work only ever adds."""

    def run() -> None:
        subprocess.run(arguments, check=True, capture_output=True)

    run()
    return min(seconds(run, 1) for _ in range(REPEATS))


def peak_memory_mb(patients: int) -> float:
    """Return the peak memory (MB) of a fresh process that fits a cohort of that many patients."""
    code = f"from tests.benchmark import fit_many; fit_many({patients})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def fit_many(patients: int) -> None:
    """Fit a cohort and print the peak memory of this process, MB."""
    rng = np.random.default_rng(4)
    fit(cohort_of(ragged(patients, rng), patients, rng))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)


def main() -> None:
    """Print every ratio with its target."""
    rng = np.random.default_rng(1)
    history = ragged(5000, rng)
    cohort = cohort_of(history, 5000, rng)
    bfgs = bfgs_seconds(history, cohort, sample_times(cohort))
    print(f"one BFGS fit                              {1e3 * bfgs:9.2f} ms")
    each = seconds(lambda: fit(cohort)) / 5000
    print(f"(a) mode, 5,000 patients, per patient     {1e6 * each:9.2f} us  {bfgs / each:7.0f} x faster (target 300)")
    scattered = irregular(5000, rng)
    loose = cohort_of(scattered, 5000, rng)
    apart = seconds(lambda: fit(loose), 3) / 5000
    plain = bfgs_seconds(scattered, loose, sample_times(loose))
    print(f"    the same, all doses at irregular times{1e6 * apart:9.2f} us  {plain / apart:7.0f} x faster")
    year, month = long_runs(365, 2000), long_runs(28, 2000)
    ratios = [seconds(lambda: fit(year), 1) / seconds(lambda: fit(month), 1) for _ in range(15)]
    print(f"    365 equal doses against 28            {np.median(ratios):9.3f}     (target 1.05)")
    text = EXAMPLE.read_text()
    whole = seconds(lambda: tdm.recommend(tdm.read_case(text)).model_dump_json(), 21)
    print(f"(b) one recommendation in process         {1e3 * whole:9.2f} ms  {whole / bfgs:7.1f} BFGS fits (target 8)")
    base = process_seconds(sys.executable, "-c", "import numpy, pydantic")
    command = process_seconds(sys.executable, "-m", "tdm.cli", "recommend", str(EXAMPLE))
    allowed = 2 * base + 0.3
    print(f"(c) tdm recommend as a process            {command:9.2f} s   imports {base:.2f} s (target {allowed:.2f} s)")
    print(f"(d) peak memory, 10,000 patients          {peak_memory_mb(10000):9.0f} MB  (target 300)")
    print(json.dumps({"a": bfgs / each, "b": whole / bfgs, "c": command / allowed}))


if __name__ == "__main__":
    main()
