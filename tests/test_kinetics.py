"""Concentrations, amounts and their slopes, against arithmetic that knows no rounding and against integration.

Sources of the expected values: the textbook solution of the model in 90-digit arithmetic (written here, and compared
with `tests.oracles.exact`), `tests.oracles.exact` (50 digits), `tests.oracles.ode` (numerical integration, which knows
only the differential equations), or another way to the same number through the public functions. All random numbers
are seeded. Times in h, doses and amounts in mg, rates in 1/h, volumes in L, concentrations in ng/mL.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.typing import NDArray

from tdm.pk.event_table import SAME_INSTANT_H, Course, Runs, lay_out, of_patients, tiled
from tdm.pk.one_compartment import (
    absorption_sums,
    amounts,
    central_with_slopes,
    concentrations,
    steady_state,
    steady_state_troughs,
)
from tdm.pk.superposition import Series, absorbed, newest_apart
from tests.oracles import exact, ode

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

DIGITS = 90
"""Working digits: at most 35 are lost where ka and k, and the sums of their exponentials, nearly agree."""
SLOPE_DIGITS = 150
RUN_POINTS = 15_000
SERIES_POINTS = 5_000
DECIMAL_POINTS = 2_000
SLOPE_POINTS = 1_000
SMALLEST_NG_ML = 1e-290
"""Concentrations below this are left out: doubles run out of exponents there."""
HISTORIES = 500
SLOPED_HISTORIES = 200
SMALLEST_INTEGRATED_NG_ML = 1e-9
TYPICAL_CL, TYPICAL_V, TYPICAL_KA = 8.0, 300.0, 0.75
NOBODY = np.zeros(0, dtype=np.intp)
NEVER = np.zeros(0)


# The model in high precision


def transferred(since: mpf, every: mpf, count: mpf, k: mpf, ka: mpf) -> mpf:
    """The central amount per mg: ka (T(k) - T(ka)) / (ka - k), T(x) the sum of exp(-x t) over the doses' ages t."""

    def remaining(rate: mpf) -> mpf:
        """T(rate)."""
        if mp.isinf(count):
            return mp.exp(-rate * since) / -mp.expm1(-rate * every)
        return mp.exp(-rate * since) * (mp.expm1(-count * rate * every) / mp.expm1(-rate * every))

    if ka != k:
        return ka * (remaining(k) - remaining(ka)) / (ka - k)
    # at equal rates the limit, k times the sum of t exp(-k t); with q = exp(-k every) that of j q^j is a derivative
    first = k * since * remaining(k)
    q = mp.exp(-k * every)
    power = mpf(0) if mp.isinf(count) else q**count
    terms = mpf(0) if mp.isinf(count) else count * power / q - (count - 1) * power
    return first + k * every * mp.exp(-k * since) * q * (1 - terms) / (1 - q) ** 2


@dataclass(frozen=True)
class Points:
    """Points that see `count` equal doses, the last one `since_h` ago (exact); shape (n,)."""

    since_h: list[mpf]
    every_h: Floats
    count: Floats
    k: Floats
    ka: Floats

    def amounts(self) -> list[mpf]:
        """The central amounts per mg, in `DIGITS`-digit arithmetic."""
        with mp.workdps(DIGITS):
            return [transferred(*point) for point in self._exactly()]

    def slopes(self) -> list[tuple[mpf, mpf, mpf]]:
        """The central amounts per mg with their derivatives by ln k and ln ka: central differences."""
        with mp.workdps(SLOPE_DIGITS):
            step = mpf(10) ** -25
            up, down = mp.exp(step), mp.exp(-step)
            found = []
            for age, every, count, k, ka in self._exactly():
                by_k = transferred(age, every, count, k * up, ka) - transferred(age, every, count, k * down, ka)
                by_ka = transferred(age, every, count, k, ka * up) - transferred(age, every, count, k, ka * down)
                found.append((transferred(age, every, count, k, ka), by_k / (2 * step), by_ka / (2 * step)))
            return found

    def _exactly(self) -> list[tuple[mpf, mpf, mpf, mpf, mpf]]:
        rows = zip(self.since_h, self.every_h, self.count, self.k, self.ka, strict=True)
        return [(mpf(a), mpf(b), mpf(c), mpf(d), mpf(e)) for a, b, c, d, e in rows]


@dataclass(frozen=True)
class RunPoints:
    """Points after or within runs of equal doses, one run each; `given` doses lie before the point, shape (n,)."""

    dose_mg: Floats
    every_h: Floats
    count: Floats
    start_h: Floats
    time_h: Floats
    given: Floats
    k: Floats
    ka: Floats
    v_l: Floats

    @property
    def size(self) -> int:
        return len(self.k)

    def seen(self) -> Points:
        """What the points see, of the binary numbers that the times are."""
        with mp.workdps(DIGITS):
            since = [
                mpf(time) - mpf(start) - (mpf(given) - 1) * mpf(every)
                for time, start, given, every in zip(self.time_h, self.start_h, self.given, self.every_h, strict=True)
            ]
        return Points(since, self.every_h, self.given, self.k, self.ka)

    def true_ng_ml(self) -> list[mpf]:
        """The concentrations in `DIGITS`-digit arithmetic."""
        with mp.workdps(DIGITS):
            return [
                1000 * mpf(dose) / mpf(v) * amount
                for dose, v, amount in zip(self.dose_mg, self.v_l, self.seen().amounts(), strict=True)
            ]

    def course(self) -> Course:
        """The points as a course of as many patients with one run and one sample."""
        everyone = np.arange(self.size)
        runs = Runs(everyone, self.start_h, self.every_h, self.count, self.dose_mg)
        return lay_out(runs, everyone, self.time_h, NOBODY, NEVER, self.size)


def relative_errors(found: Floats, true: list[mpf], smallest: float = SMALLEST_NG_ML) -> Floats:
    """Relative errors; NaN where the true value is below `smallest`."""
    with mp.workdps(DIGITS):
        return np.array(
            [
                float(abs(mpf(value) / expected - 1)) if expected >= smallest else np.nan
                for value, expected in zip(found, true, strict=True)
            ]
        )


def worst_error(found: Floats, true: list[mpf]) -> tuple[float, int, int]:
    """The largest relative error, where it is, and how many points are left out."""
    errors = relative_errors(found, true)
    worst = int(np.nanargmax(errors))
    return float(errors[worst]), worst, int(np.isnan(errors).sum())


# Random points and histories


def log_uniform(rng: np.random.Generator, low: float, high: float, size: int) -> Floats:
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def absorption_rates(rng: np.random.Generator, k: Floats) -> Floats:
    """ka: two fifths general, as many near k (1e-15 to 1e-1 of it) or equal to it, one fifth slower (flip-flop)."""
    near = k * (1.0 + rng.choice([-1.0, 1.0], len(k)) * 10.0 ** rng.uniform(-15.0, -1.0, len(k)))
    slower = k * 10.0 ** rng.uniform(-2.0, -0.05, len(k))
    kind = rng.integers(10, size=len(k))
    return np.select([kind < 4, kind < 7, kind < 8], [log_uniform(rng, 0.01, 10.0, len(k)), near, k], slower)


def run_points(size: int, seed: int) -> RunPoints:
    """Points as a history has them: troughs, within an interval, soon after a dose, long after the last one.

    Intervals are eighths of an hour, so that a dose's own time is no rounded number however long the run.
    """
    rng = np.random.default_rng(seed)
    count = np.floor(log_uniform(rng, 1.0, 1e6 + 0.999, size))
    count[rng.random(size) < 0.15] = 1.0
    usual = rng.choice([6.0, 8.0, 12.0, 24.0, 48.0, 168.0], size)
    every = np.where(rng.random(size) < 0.5, usual, rng.integers(8, 8 * 336 + 1, size) / 8.0)
    start = rng.integers(-8000, 8000, size) / 8.0
    within = (count > 1.0) & (rng.random(size) < 0.5)
    given = np.where(within, np.floor(rng.uniform(1.0, count, size)), count)
    anywhere = np.where(within, rng.uniform(1e-5, every, size), log_uniform(rng, 1e-5, 8000.0, size))
    early = np.exp(rng.uniform(np.log(1e-5), np.log(every), size))
    kind = rng.integers(4, size=size)
    dose_time = start + (given - 1.0) * every
    time = dose_time + np.select([kind < 2, kind < 3], [anywhere, early], every)
    # no point may be rounded into the instant of a dose, where it would belong to the doses before
    time = np.where(time - dose_time < 5e-6, dose_time + 1e-5, time)
    time = np.where(within & (time > dose_time + every), dose_time + every, time)
    assert np.all(time - dose_time > SAME_INSTANT_H)
    k = log_uniform(rng, 1e-4, 1.0, size)
    ka = absorption_rates(rng, k)
    dose, v_l = rng.uniform(0.1, 40.0, size), log_uniform(rng, 20.0, 3000.0, size)
    return RunPoints(dose, every, count, start, time, given, k, ka, v_l)


def series_points(size: int, seed: int) -> tuple[Series, Points]:
    """Series seen 1e-9 to 10,000 h after the last of 1 to 1e6 or endless doses, any interval."""
    rng = np.random.default_rng(seed)
    count = np.floor(log_uniform(rng, 1.0, 1e6 + 0.999, size))
    count[rng.random(size) < 0.2] = 1.0
    count[rng.random(size) < 0.1] = np.inf
    every = log_uniform(rng, 1.0, 336.0, size)
    usual = rng.uniform(0.2, 1.0, size) * every
    since = np.where(rng.random(size) < 0.4, usual, log_uniform(rng, 1e-9, 1e4, size))
    k = log_uniform(rng, 1e-4, 1.0, size)
    ka = absorption_rates(rng, k)
    return Series(since, every, count), Points([mpf(s) for s in since], every, count, k, ka)


def decimal_points(size: int, seed: int) -> RunPoints:
    """Up to 2,000 doses at decimal times, with samples from a tenth of an hour after the last dose on."""
    rng = np.random.default_rng(seed)
    count = np.floor(log_uniform(rng, 1.0, 2000.999, size))
    every = rng.choice(np.array([24.0, 12.0, 8.0, 24.1, 7.3, 10.7]), size)
    start = np.round(rng.uniform(-500.0, 500.0, size), 2)
    time = start + (count - 1.0) * every + np.round(rng.uniform(0.1, 72.0, size), 2)
    k, ka = log_uniform(rng, 0.003, 0.3, size), log_uniform(rng, 0.1, 3.0, size)
    return RunPoints(np.ones(size), every, count, start, time, count, k, ka, log_uniform(rng, 20.0, 3000.0, size))


@dataclass(frozen=True)
class Histories:
    """Patients with single doses (h, mg), pieces (start in h, CL in L/h, V in L, ka in 1/h) and one sample each (h)."""

    doses: list[list[exact.Dose]]
    pieces: list[list[exact.Piece]]
    time_h: list[float]

    def only(self, index: int) -> Histories:
        return Histories([self.doses[index]], [self.pieces[index]], [self.time_h[index]])

    def course(self) -> Course:
        """All histories laid out together."""
        owner = np.concatenate([np.full(len(doses), i) for i, doses in enumerate(self.doses)])
        time, dose = np.array([dose for doses in self.doses for dose in doses]).T
        runs = Runs(owner, time, np.full(len(time), np.nan), np.ones(len(time)), dose)
        changes = [(i, piece[0]) for i, pieces in enumerate(self.pieces) for piece in pieces[1:]]
        patient = np.array([i for i, _ in changes], dtype=np.intp)
        start = np.array([start for _, start in changes], dtype=float)
        size = len(self.doses)
        return lay_out(runs, np.arange(size), np.array(self.time_h), patient, start, size)

    def rates(self) -> tuple[Floats, Floats, Floats]:
        """k, ka (1/h) and V (L) of all pieces, by patient and time."""
        _, cl, v_l, ka = np.array([piece for pieces in self.pieces for piece in pieces]).T
        return cl / v_l, ka, v_l

    def concentrations(self) -> Floats:
        return concentrations(self.course(), *self.rates())


def random_histories(size: int, seed: int) -> Histories:
    """Two to six doses at irregular times, some equal and regular; one to three changes, some at a dose or the sample.

    A fifth of the pieces have ka near k, a tenth ka below it.
    """
    rng = np.random.default_rng(seed)
    found = Histories([], [], [])
    for _ in range(size):
        gaps = rng.choice([24.0, 12.0, float(np.round(rng.uniform(2.0, 40.0), 2))], rng.integers(1, 6))
        times = np.cumsum(np.concatenate([[float(rng.choice([0.0, -3.7]))], gaps]))
        doses = rng.choice([0.5, 1.0, 2.0, 2.0, 5.0], len(times))
        last = float(times[-1] + rng.choice([rng.uniform(0.1, 60.0), 24.0, rng.uniform(0.001, 0.1)]))
        changes = np.round(rng.uniform(times[0] - 5.0, last + 5.0, rng.integers(1, 4)), 3)
        if rng.random() < 0.3:
            changes[0] = rng.choice(times)
        if rng.random() < 0.1:
            changes[-1] = last
        if rng.random() < 0.1:
            last = float(rng.choice(times))
        starts = [-1000.0, *sorted({float(change) for change in changes})]
        pieces = []
        for start in starts:
            cl, v_l = log_uniform(rng, 1.0, 40.0, 1)[0], log_uniform(rng, 40.0, 1500.0, 1)[0]
            near = cl / v_l * (1.0 + rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(-15.0, -1.0))
            slower = cl / v_l * rng.uniform(0.2, 0.9)
            ka = rng.choice([*log_uniform(rng, 0.1, 3.0, 7), near, near, slower])
            pieces.append((start, float(cl), float(v_l), float(ka)))
        found.doses.append([(float(t), float(d)) for t, d in zip(times, doses, strict=True)])
        found.pieces.append(pieces)
        found.time_h.append(last)
    return found


def spaced(first: float, every: float, count: int) -> Floats:
    """Return `count` equidistant times (h)."""
    return np.array([first + every * i for i in range(count)])


def singles(times: Floats, doses: Floats) -> Runs:
    """Single doses (h, mg) of one patient."""
    return Runs(np.zeros(len(times), dtype=np.intp), times, np.full(len(times), np.nan), np.ones(len(times)), doses)


def alone(runs: Runs, samples: Floats | None = None) -> Course:
    """One patient's course; by default with samples (h) all along its doses and after them."""
    times = np.sort(np.random.default_rng(7).uniform(10.0, 1500.0, 60)) if samples is None else samples
    return lay_out(runs, np.zeros(len(times), dtype=np.intp), times, NOBODY, NEVER, 1)


def at_typical(course: Course) -> Floats:
    """Concentrations (ng/mL) at one set of parameters."""
    return concentrations(course, np.array([TYPICAL_CL / TYPICAL_V]), np.array([TYPICAL_KA]), np.array([TYPICAL_V]))


def assert_same_concentrations(one: Course, other: Course, tolerance: float) -> None:
    np.testing.assert_allclose(at_typical(one), at_typical(other), rtol=tolerance, atol=0)


def assert_same_course(one: Course, other: Course) -> None:
    """Every array of two courses is the same."""
    for field in fields(Course):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, Series):
            for part in fields(Series):
                np.testing.assert_array_equal(getattr(mine, part.name), getattr(theirs, part.name))
        else:
            np.testing.assert_array_equal(mine, theirs)


# The tests


def test_high_precision_form_agrees_with_the_exact_oracle() -> None:
    """The closed form written here against `tests.oracles.exact.run_concentration`, on every hundredth point."""
    points = run_points(RUN_POINTS, seed=11)
    some = RunPoints(*(getattr(points, field.name)[::100] for field in fields(points)))
    for i, value in enumerate(some.true_ng_ml()):
        expected = exact.run_concentration(
            some.dose_mg[i],
            some.every_h[i],
            int(some.count[i]),
            some.start_h[i],
            some.k[i],
            1.0,
            some.ka[i],
            some.time_h[i],
        )
        with mp.workdps(exact.DIGITS):
            assert abs(value * mpf(some.v_l[i]) / expected - 1) < mpf(10) ** -45


@pytest.mark.slow
def test_concentrations_of_runs() -> None:
    """15,000 points by the public route: 1 to 1e6 doses, ka at, near and below k, 1e-5 to 8,000 h after a dose.

    Expected: the closed form in 90 digits.
    """
    points = run_points(RUN_POINTS, seed=11)
    found = concentrations(points.course(), points.k, points.ka, points.v_l)
    worst, point, left_out = worst_error(found, points.true_ng_ml())
    assert worst <= 1e-11, f"point {point}: {worst:.1e} ({left_out} of {points.size} left out)"
    assert left_out <= 0.02 * points.size, f"{left_out} of {points.size} points are below {SMALLEST_NG_ML}"


@pytest.mark.slow
def test_sums_over_doses() -> None:
    """5,000 points by `superposition`: 1e-9 to 10,000 h after the last of 1 to 1e6 or endless doses, any interval.

    Expected: the closed form in 90 digits.
    """
    whole, points = series_points(SERIES_POINTS, seed=12)
    series, part_of = newest_apart(whole)
    k, ka = points.k[part_of], points.ka[part_of]
    found = np.zeros(SERIES_POINTS)
    np.add.at(found, part_of, ka * absorbed(series, k, ka)[0])
    worst, point, left_out = worst_error(found, points.amounts())
    assert worst <= 1e-11, f"point {point}: {worst:.1e} ({left_out} of {SERIES_POINTS} left out)"
    assert left_out <= 0.1 * SERIES_POINTS, f"{left_out} of {SERIES_POINTS} points are below {SMALLEST_NG_ML}"


def test_times_that_are_no_binary_fractions() -> None:
    """Times and intervals as decimals, hence rounded: still 1e-11 for up to 2,000 doses, of the numbers as they are.

    Expected: the closed form in 90 digits.
    """
    points = decimal_points(DECIMAL_POINTS, seed=13)
    found = concentrations(points.course(), points.k, points.ka, points.v_l)
    worst, point, left_out = worst_error(found, points.true_ng_ml())
    assert left_out == 0
    assert worst <= 1e-11, f"point {point}: {worst:.1e}"


@pytest.mark.slow
def test_slopes_of_runs() -> None:
    """The slopes by ln k and ln ka of 1,000 points in runs of up to 1e6 doses, relative to the larger of the two.

    Expected: central differences of the closed form, with a step of 1e-25 in 150 digits.
    """
    points = run_points(SLOPE_POINTS, seed=14)
    found = central_with_slopes(points.course(), points.k, points.ka)
    assert found.by_ln_ka is not None
    worst, point, left_out = 0.0, 0, 0
    for i, (central, *slopes) in enumerate(points.seen().slopes()):
        if points.dose_mg[i] * central * 1000 < SMALLEST_NG_ML * points.v_l[i]:
            left_out += 1
            continue
        scale = points.dose_mg[i] * max(abs(slope) for slope in slopes)
        for value, slope in zip((found.by_ln_k[i], found.by_ln_ka[i]), slopes, strict=True):
            error = float(abs(value - points.dose_mg[i] * slope) / scale)
            worst, point = (error, i) if error > worst else (worst, point)
    assert worst <= 1e-8, f"point {point}: {worst:.1e}"
    assert left_out <= 0.02 * SLOPE_POINTS


@pytest.fixture(scope="module")
def histories() -> Histories:
    return random_histories(HISTORIES, seed=21)


@pytest.mark.slow
def test_changing_parameters_against_integration(histories: Histories) -> None:
    """500 histories with irregular doses and CL, V and ka that change at known times.

    Expected: numerical integration of the differential equations, good to 1e-10.
    """
    found = histories.concentrations()
    worst, left_out = 0.0, 0
    for i in range(HISTORIES):
        expected = ode.concentration(histories.doses[i], histories.pieces[i], histories.time_h[i])
        if expected < SMALLEST_INTEGRATED_NG_ML:
            left_out += 1
            assert abs(found[i] - expected) < SMALLEST_INTEGRATED_NG_ML
            continue
        worst = max(worst, abs(found[i] / expected - 1.0))
        assert worst <= 1e-7, f"history {i}: {worst:.1e}"
    assert left_out <= 0.1 * HISTORIES, f"{left_out} of {HISTORIES} are below {SMALLEST_INTEGRATED_NG_ML} ng/mL"


def test_changing_parameters_in_high_precision(histories: Histories) -> None:
    """The same histories against `tests.oracles.exact`, from event to event in 65 digits."""
    found = histories.concentrations()
    expected = [
        exact.concentration(histories.doses[i], histories.pieces[i], histories.time_h[i]) for i in range(HISTORIES)
    ]
    worst, history, left_out = worst_error(found, expected)
    assert worst <= 1e-11, f"history {history}: {worst:.1e}"
    # the samples at the time of the first dose, where nothing was given yet
    nothing = [i for i in range(HISTORIES) if expected[i] == 0]
    assert left_out == len(nothing)
    assert np.all(found[nothing] == 0.0)


def test_slopes_with_changing_parameters() -> None:
    """The slopes by ln CL, ln V and ln ka of 200 histories of several pieces, relative to the largest of the three.

    Expected: `tests.oracles.exact.log_gradient`.
    """
    histories = random_histories(SLOPED_HISTORIES, seed=22)
    k, ka, v_l = histories.rates()
    found = central_with_slopes(histories.course(), k, ka)
    assert found.by_ln_ka is not None
    scale = 1000.0 / v_l[histories.course().sample_piece]
    by_cl = scale * found.by_ln_k
    slopes = np.stack([by_cl, -by_cl - scale * found.central_mg, scale * found.by_ln_ka], axis=-1)
    for i in range(SLOPED_HISTORIES):
        expected = np.array(
            exact.log_gradient(histories.doses[i], histories.pieces[i], histories.time_h[i]), dtype=float
        )
        error = np.abs(slopes[i] - expected).max() / max(np.abs(expected).max(), SMALLEST_NG_ML)
        assert error <= 1e-8, f"history {i}: {error:.1e}"


def test_slopes_without_ka() -> None:
    """Where ka does not vary its sums may be handed in: amounts and slopes by ln k stay the same, 1e-13."""
    histories = random_histories(50, seed=23)
    k, ka, _ = histories.rates()
    course = histories.course()
    full, short = central_with_slopes(course, k, ka), central_with_slopes(course, k, ka, absorption_sums(course, ka))
    assert short.by_ln_ka is None
    np.testing.assert_allclose(short.central_mg, full.central_mg, rtol=1e-13, atol=0)
    np.testing.assert_allclose(short.by_ln_k, full.by_ln_k, rtol=1e-13, atol=1e-13 * np.abs(full.by_ln_k).max())


@pytest.mark.parametrize("every_h", [24.0, 12.0, 7.3])
def test_doses_one_by_one_are_a_run(every_h: float) -> None:
    """A run written dose by dose: as many terms, and the same concentrations to 1e-12."""
    doses = np.full(40, 2.0)
    times = spaced(5.0, every_h, 40)
    as_run = alone(Runs(np.zeros(1, dtype=np.intp), times[:1], np.array([every_h]), np.array([40.0]), doses[:1]))
    as_doses = alone(singles(times, doses))
    assert len(as_doses.term_dose_mg) == len(as_run.term_dose_mg)
    assert_same_concentrations(as_doses, as_run, 1e-12)


@pytest.mark.parametrize("every_h", [24.0, 12.0, 7.3])
def test_alternating_doses_one_by_one_are_two_runs(every_h: float) -> None:
    """1 and 2 mg in turn, written dose by dose: as many terms as two runs have, and the same to 1e-12."""
    doses = np.tile([1.0, 2.0], 15)
    times = spaced(-9.0, every_h, 30)
    runs = Runs(
        np.zeros(2, dtype=np.intp), times[:2], np.full(2, 2.0 * every_h), np.full(2, 15.0), np.array([1.0, 2.0])
    )
    as_runs, as_doses = alone(runs), alone(singles(times, doses))
    assert len(as_doses.term_dose_mg) == len(as_runs.term_dose_mg)
    assert_same_concentrations(as_doses, as_runs, 1e-12)


def test_irregular_doses_are_never_gathered_wrongly() -> None:
    """200 histories with doses left out, moved and changed, as single doses and each dose a course of its own, summed.

    Expected: superposition, since the model is linear; 1e-12.
    """
    rng = np.random.default_rng(31)
    for _ in range(200):
        times = np.cumsum(rng.choice(np.array([12.0, 24.0, 24.0, 24.0, 24.0, 31.5]), 20))
        doses = rng.choice(np.array([1.0, 1.0, 1.0, 2.0]), 20)
        samples = np.sort(rng.uniform(times[0] + 1.0, times[-1] + 200.0, 8))
        together = at_typical(alone(singles(times, doses), samples))
        apart = sum(at_typical(alone(singles(times[i : i + 1], doses[i : i + 1]), samples)) for i in range(20))
        np.testing.assert_allclose(together, apart, rtol=1e-12, atol=0)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_steady_state_of_cycles(size: int) -> None:
    """Troughs of unequal cyclic doses at 40 random patients: 1e-12.

    Expected: `tests.oracles.exact.steady_state_troughs` (the fixed point of the map over one cycle).
    """
    rng = np.random.default_rng(40 + size)
    for _ in range(40):
        pattern = tuple(float(dose) for dose in rng.uniform(0.5, 6.0, size))
        every = float(rng.choice([6.0, 12.0, 24.0, 48.0, 17.3]))
        cl, v = log_uniform(rng, 1.0, 40.0, 1), log_uniform(rng, 50.0, 2000.0, 1)
        ka = float(absorption_rates(rng, cl / v)[0])
        found = steady_state_troughs(pattern, every, cl / v, np.array([ka]), v)[0]
        # k as the calculator sees it, so that ka at k is just that
        expected = exact.steady_state_troughs(pattern, every, float((cl / v)[0]), 1.0, ka)
        errors = relative_errors(found * v[0], expected)
        assert np.nanmax(errors) <= 1e-12, f"{pattern} every {every:g} h, CL {cl}, V {v}, ka {ka}"


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_steady_state_is_where_a_long_history_ends(size: int) -> None:
    """Troughs, and both amounts some hours after a dose, of cycles repeated 3,000 times and endlessly: 1e-12."""
    rng = np.random.default_rng(50 + size)
    pattern = tuple(float(dose) for dose in rng.uniform(0.5, 6.0, size))
    k, ka, v_l, every, cycles = np.array([0.0171]), np.array([0.6]), np.array([420.0]), 12.0, 3000
    slots = spaced(0.0, every, size)
    runs = Runs(
        np.zeros(size, dtype=np.intp),
        slots,
        np.full(size, size * every),
        np.full(size, float(cycles)),
        np.array(pattern),
    )
    end = (cycles - 1) * size * every
    course = alone(runs, end + slots)
    found = concentrations(course, k, ka, v_l)
    np.testing.assert_allclose(found, steady_state_troughs(pattern, every, k, ka, v_l)[0], rtol=1e-12, atol=0)
    for since in (every, 0.5 * every, 0.75, 2.0**-10):
        # column i stands `since` after the dose before dose i: dose i - 1 of the same cycle, the last one for i = 0
        later = amounts(alone(runs, np.sort(end + slots - every + since)), k, ka)
        endless = steady_state(pattern, every, since, k, ka)
        np.testing.assert_allclose(later.central_mg, endless.central_mg[0], rtol=1e-12, atol=0)
        np.testing.assert_allclose(later.depot_mg, endless.depot_mg[0], rtol=1e-11, atol=0)


@pytest.mark.slow
def test_many_patients_are_as_one_by_one(histories: Histories) -> None:
    """Amounts and slopes of 500 patients laid out together, and of each alone: 1e-14."""
    k, ka, _ = histories.rates()
    course = histories.course()
    together, slopes = amounts(course, k, ka), central_with_slopes(course, k, ka)
    for i in range(HISTORIES):
        alone_now = histories.only(i)
        k1, ka1, _ = alone_now.rates()
        one, one_slopes = amounts(alone_now.course(), k1, ka1), central_with_slopes(alone_now.course(), k1, ka1)
        for many, single in (
            (together.depot_mg, one.depot_mg),
            (together.central_mg, one.central_mg),
            (slopes.central_mg, one_slopes.central_mg),
            (slopes.by_ln_k, one_slopes.by_ln_k),
            (slopes.by_ln_ka, one_slopes.by_ln_ka),
        ):
            assert many is not None
            assert single is not None
            np.testing.assert_allclose(many[i], single[0], rtol=1e-14, atol=0)


def test_draws_are_as_a_loop(histories: Histories) -> None:
    """Leading axes of k, ka and V against one call for each draw, with ka by draw and without: 1e-14."""
    rng = np.random.default_rng(61)
    course = histories.course()
    k, ka, v_l = histories.rates()
    factor = np.exp(rng.normal(0.0, 0.4, (3, 4, 2, len(k))))
    for ka_draws in (ka * factor[2], np.broadcast_to(ka, factor[2].shape)):
        given_ka = ka_draws if ka_draws.strides[0] else ka
        many = concentrations(course, k * factor[0], given_ka, v_l * factor[1])
        slopes = central_with_slopes(course, k * factor[0], given_ka)
        for index in np.ndindex(4, 2):
            rate = k * factor[0][index]
            one = concentrations(course, rate, ka_draws[index], v_l * factor[1][index])
            np.testing.assert_allclose(many[index], one, rtol=1e-14, atol=0)
            one_slopes = central_with_slopes(course, rate, ka_draws[index])
            np.testing.assert_allclose(slopes.by_ln_k[index], one_slopes.by_ln_k, rtol=1e-14, atol=0)
            assert slopes.by_ln_ka is not None
            assert one_slopes.by_ln_ka is not None
            np.testing.assert_allclose(slopes.by_ln_ka[index], one_slopes.by_ln_ka, rtol=1e-14, atol=0)


def test_chosen_patients_and_copies(histories: Histories) -> None:
    """`of_patients` and `tiled` keep amounts, bit for bit; all of them chosen, and one copy, are the course itself."""
    course = histories.course()
    k, ka, _ = histories.rates()
    whole = amounts(course, k, ka)
    chosen = np.random.default_rng(62).random(HISTORIES) < 0.3
    some, piece, sample = of_patients(course, chosen)
    assert some.patients == np.count_nonzero(chosen)
    np.testing.assert_array_equal(sample, chosen[course.sample_patient])
    np.testing.assert_array_equal(amounts(some, k[piece], ka[piece]).central_mg, whole.central_mg[sample])
    np.testing.assert_array_equal(amounts(some, k[piece], ka[piece]).depot_mg, whole.depot_mg[sample])
    thrice = tiled(course, 3)
    assert thrice.patients == 3 * HISTORIES
    np.testing.assert_array_equal(
        amounts(thrice, np.tile(k, 3), np.tile(ka, 3)).central_mg, np.tile(whole.central_mg, 3)
    )
    first = np.arange(3 * HISTORIES) // HISTORIES == 1
    assert_same_course(of_patients(thrice, first)[0], course)
    assert_same_course(of_patients(course, np.ones(HISTORIES, dtype=bool))[0], course)
    assert_same_course(tiled(course, 1), course)


def test_patients_without_doses_or_samples() -> None:
    """A patient without a dose has 0 ng/mL, and one without a sample takes no one else's place."""
    runs = Runs(np.array([0, 2]), np.zeros(2), np.full(2, 24.0), np.full(2, 9.0), np.array([2.0, 4.0]))
    course = lay_out(runs, np.array([0, 1, 2]), np.full(3, 100.0), NOBODY, NEVER, 4)
    k, ka, v_l = np.full(4, 0.03), np.full(4, 0.7), np.full(4, 300.0)
    found = concentrations(course, k, ka, v_l)
    assert found[1] == 0.0
    assert found[0] > 0.0
    np.testing.assert_allclose(found[2], 2.0 * found[0], rtol=1e-15)


@pytest.mark.parametrize("offset_h", [0.0, -1e-7, 5e-7, 1e-6])
def test_a_sample_at_a_dose_was_drawn_before_it(offset_h: float) -> None:
    """At every dose of a run, and up to 1e-6 h after it, the sample sees the doses before only.

    Expected: the same history without the dose, by `tests.oracles.exact`.
    """
    times = spaced(0.0, 24.0, 10)
    samples = times + offset_h
    found = at_typical(alone(singles(times, np.full(10, 2.0)), samples))
    assert found[0] == 0.0
    for i in range(1, 10):
        doses = [(float(time), 2.0) for time in times[:i]]
        expected = float(exact.concentration(doses, [(0.0, TYPICAL_CL, TYPICAL_V, TYPICAL_KA)], float(samples[i])))
        assert abs(found[i] / expected - 1.0) <= 1e-12


def test_a_sample_just_after_a_dose_sees_it() -> None:
    """2e-6 h after a dose its first traces are there: 1e-12 (expected: `tests.oracles.exact`)."""
    times = spaced(0.0, 24.0, 4)
    samples = times + 2.0**-19
    found = at_typical(alone(singles(times, np.full(4, 2.0)), samples))
    for i in range(4):
        doses = [(float(time), 2.0) for time in times]
        expected = float(exact.concentration(doses, [(0.0, TYPICAL_CL, TYPICAL_V, TYPICAL_KA)], float(samples[i])))
        assert abs(found[i] / expected - 1.0) <= 1e-12
