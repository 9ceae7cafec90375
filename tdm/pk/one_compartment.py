"""Amounts and concentrations of a one-compartment oral model, exact for any dosing history and piecewise parameters.

    da/dt = -ka * a          a: amount in the depot, mg (doses enter here)
    dm/dt =  ka * a - k * m  m: amount in the central compartment, mg; k = CL/V

A dose enters the depot multiplied by the relative bioavailability f of its piece (1 where it is left out).

The state (a, m) is carried exactly from piece to piece. Rates have shape (..., pieces): leading axes run over draws.
Units: h, mg, 1/h, L, ng/mL (1 mg/L = 1000 ng/mL).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tdm.pk.event_table import Course
from tdm.pk.superposition import Floats, Ints, Series, Sums, absorbed, absorbed_slopes, newest_apart, sums

NG_ML_PER_MG_L = 1000.0


class Amounts(NamedTuple):
    """Depot and central amount, mg, at the points of a course, shape (..., points)."""

    depot_mg: Floats
    central_mg: Floats


class CentralSlopes(NamedTuple):
    """Central amounts (mg) at the samples, and their slopes (mg) by ln k and ln ka of all pieces at once.

    Shape (..., samples) each; `by_ln_ka` is None where it was not asked for. `by_f` has one entry for each effect on
    bioavailability: the slope (mg) along it.
    """

    central_mg: Floats
    by_ln_k: Floats
    by_ln_ka: Floats | None
    by_f: tuple[Floats, ...] = ()


def amounts(course: Course, k: Floats, ka: Floats, f: Floats | None = None) -> Amounts:
    """Return the amounts (mg) at all samples, shape (..., samples), for k and ka in 1/h of shape (..., pieces).

    `f` is the relative bioavailability (no unit) of the doses of each piece, shape (..., pieces); None is 1.
    """
    k_term, ka_term, dose = _at(k, course.term_piece), _at(ka, course.term_piece), available(course, f)
    absorbing, still_there = absorbed(course.series, k_term, ka_term)
    depot = _per_point(course, dose * still_there)
    central = _per_point(course, dose * ka_term * absorbing)
    shape = np.broadcast_shapes(depot.shape, central.shape)
    state = Amounts(np.array(np.broadcast_to(depot, shape)), np.array(np.broadcast_to(central, shape)))
    _carry(course, k, ka, *state)
    return Amounts(state.depot_mg[..., : course.samples], state.central_mg[..., : course.samples])


def available(course: Course, f: Floats | None) -> Floats:
    """Return the doses of all terms (mg) as they become available, shape (..., terms), for f (no unit) per piece."""
    return course.term_dose_mg if f is None else course.term_dose_mg * _at(f, course.term_piece)


def absorption_sums(course: Course, ka: Floats) -> Sums:
    """Return the sums over doses (no unit, h) that depend on ka (1/h, per piece) alone, for all terms of a course."""
    return sums(course.series, _at(ka, course.term_piece))


def central_with_slopes(
    course: Course,
    k: Floats,
    ka: Floats,
    at_fixed_ka: Sums | None = None,
    f: Floats | None = None,
    effects_on_f: Floats | None = None,
) -> CentralSlopes:
    """Return the central amounts (mg), shape (..., samples), and their exact slopes by ln k and ln ka, mg.

    Rates in 1/h, shape (..., pieces). Where ka never changes its `absorption_sums` may be given; then there are no
    slopes by it. `f` is the relative bioavailability (no unit) per piece, and `effects_on_f` (effects, pieces) how its
    logarithm changes along each of its random effects.
    """
    k_term, ka_term, dose = _at(k, course.term_piece), _at(ka, course.term_piece), available(course, f)
    found, left = absorbed_slopes(course.series, k_term, ka_term, at_fixed_ka)
    dose_ka = dose * ka_term
    central = _per_point(course, dose_ka * found.value)
    by_ln_k = _per_point(course, dose_ka * k_term * found.by_k)
    by_ln_ka = None
    if at_fixed_ka is None:
        by_ln_ka = _per_point(course, dose_ka * (found.value + ka_term * found.by_ka))
    on_f = () if effects_on_f is None else tuple(_at(effect, course.term_piece) for effect in effects_on_f)
    by_f = tuple(_per_point(course, effect * dose_ka * found.value) for effect in on_f)
    if course.several_pieces:
        for effect, central_by_f in zip(on_f, by_f, strict=True):
            _carry(course, k, ka, _per_point(course, effect * dose * left.total), central_by_f)
        depot = _per_point(course, dose * left.total)
        depot_by_ln_ka = _per_point(course, -dose_ka * left.total * left.mean_h)
        for points, ends in _carrying(course):
            _carry_slopes(course, k, ka, points, ends, (depot, depot_by_ln_ka), (central, by_ln_k, by_ln_ka))
    size = course.samples
    return CentralSlopes(
        central[..., :size],
        by_ln_k[..., :size],
        None if by_ln_ka is None else by_ln_ka[..., :size],
        tuple(one[..., :size] for one in by_f),
    )


def concentrations(course: Course, k: Floats, ka: Floats, v_l: Floats, f: Floats | None = None) -> Floats:
    """Return the concentrations (ng/mL) at all samples, shape (..., samples); rates in 1/h, volumes in L per piece.

    `f` is the relative bioavailability (no unit) per piece; None is 1.
    """
    return np.asarray(NG_ML_PER_MG_L * amounts(course, k, ka, f).central_mg / at_samples(course, v_l))


def at_samples(course: Course, values: Floats) -> Floats:
    """Return values per piece, of any unit, shape (..., pieces), taken to the samples, shape (..., samples or 1)."""
    return _at(values, course.sample_piece)


def carried(depot_mg: Floats, central_mg: Floats, elapsed_h: Floats, k: Floats, ka: Floats) -> Amounts:
    """Return the amounts (mg) after `elapsed_h` without a dose, from the amounts before; rates in 1/h."""
    one = np.ones_like(elapsed_h)
    absorbing, left = absorbed(Series(elapsed_h, one, one), k, ka)
    return Amounts(depot_mg * left, central_mg * np.exp(-k * elapsed_h) + depot_mg * ka * absorbing)


def unit_troughs(doses: int, every_h: float, k: Floats, ka: Floats, v_l: Floats) -> Floats:
    """Return what one mg per cycle adds to the steady-state concentration (ng/mL per mg), by its age at sampling.

    The cycle has `doses` slots of `every_h`; column l is the concentration (l + 1) slots after the dose, with all its
    forerunners a cycle apart. Shape (draws, doses). Rates in 1/h, volume in L, shape (draws,);
    a ka that does not vary may have shape (1,).
    """
    return np.asarray(NG_ML_PER_MG_L * _unit_amounts(doses, every_h, every_h, k, ka).central_mg / v_l[..., None])


def steady_state(pattern_mg: tuple[float, ...], every_h: float, since_h: float, k: Floats, ka: Floats) -> Amounts:
    """Return the steady-state amounts (mg), shape (draws, doses), `since_h` after a dose of the cycle.

    Column i stands `since_h` after the dose before dose i; with `since_h` = `every_h` it stands just before dose i.
    """
    unit, doses = _unit_amounts(len(pattern_mg), every_h, since_h, k, ka), pattern_by_age(pattern_mg)
    return Amounts(unit.depot_mg @ doses, unit.central_mg @ doses)


def _unit_amounts(doses: int, every_h: float, since_h: float, k: Floats, ka: Floats) -> Amounts:
    """Amounts (mg per mg of a cycle's dose) by the age of the dose: `since_h` plus 0, 1, ... slots."""
    ages = since_h + every_h * np.arange(doses, dtype=float)
    series, part_of = newest_apart(Series(ages, np.full(doses, doses * every_h), np.full(doses, np.inf)))
    rate, absorption = k[..., None], ka[..., None]
    absorbing, left = absorbed(series, rate, absorption)
    parts = Amounts(left, absorption * absorbing)
    if len(part_of) == doses:
        return parts
    return Amounts(*(np.stack([part[..., part_of == age].sum(-1) for age in range(doses)], -1) for part in parts))


def pattern_by_age(pattern_mg: tuple[float, ...]) -> Floats:
    """Return the matrix (ages, doses), mg, whose column i lists the pattern's doses by their age just before dose i."""
    size = len(pattern_mg)
    age, dose = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    return np.asarray(np.asarray(pattern_mg, dtype=float)[(dose - age - 1) % size])


def steady_state_troughs(pattern_mg: tuple[float, ...], every_h: float, k: Floats, ka: Floats, v_l: Floats) -> Floats:
    """Return the exact steady-state concentrations (ng/mL) just before each dose of a cyclic pattern.

    One dose of `pattern_mg` every `every_h`. Rates in 1/h and volume in L have shape (draws,); the result (draws,
    doses): column i stands just before dose i.
    """
    return np.asarray(unit_troughs(len(pattern_mg), every_h, k, ka, v_l) @ pattern_by_age(pattern_mg))


def _at(values: Floats, index: Ints) -> Floats:
    """Values per piece taken to points or terms; a single piece is broadcast instead of copied."""
    return values if values.shape[-1] == 1 else np.asarray(np.take(values, index, axis=-1))


def _per_point(course: Course, values: Floats) -> Floats:
    return np.asarray(np.add.reduceat(values, course.term_start, axis=-1))


def _carrying(course: Course) -> list[tuple[Ints, Ints]]:
    """Per rank of pieces from the second on: their points, and the end points of the pieces before them."""
    steps = []
    point_rank = course.piece_rank[course.point_piece]
    for rank in range(1, int(course.piece_rank.max(initial=0)) + 1):
        points = np.flatnonzero(point_rank == rank)
        steps.append((points, course.end_point[course.point_piece[points] - 1]))
    return steps


def _carry(course: Course, k: Floats, ka: Floats, depot: Floats, central: Floats) -> None:
    """Add to the points of each piece, in place, what the pieces before have left in depot and body (mg)."""
    for points, ends in _carrying(course):
        elapsed, piece = course.point_elapsed_h[points], course.point_piece[points]
        before = carried(depot[..., ends], central[..., ends], elapsed, _at(k, piece), _at(ka, piece))
        depot[..., points] += before.depot_mg
        central[..., points] += before.central_mg


def _carry_slopes(
    course: Course,
    k: Floats,
    ka: Floats,
    points: Ints,
    ends: Ints,
    depots: tuple[Floats, Floats],
    centrals: tuple[Floats, Floats, Floats | None],
) -> None:
    """Add to the points of one rank what the pieces before have left, with slopes (product and chain rule)."""
    (depot, depot_by_ln_ka), (central, by_ln_k, by_ln_ka) = depots, centrals
    piece, elapsed = course.point_piece[points], course.point_elapsed_h[points]
    k_here, ka_here = _at(k, piece), _at(ka, piece)
    one = np.ones_like(elapsed)
    found, left = absorbed_slopes(Series(elapsed, one, one), k_here, ka_here)
    stays, enters = np.exp(-k_here * elapsed), ka_here * found.value
    depot0, central0 = depot[..., ends], central[..., ends]
    decays = -central0 * k_here * elapsed * stays + depot0 * ka_here * k_here * found.by_k
    by_ln_k[..., points] += by_ln_k[..., ends] * stays + decays
    if by_ln_ka is not None:
        absorbs = depot0 * ka_here * (found.value + ka_here * found.by_ka)
        by_ln_ka[..., points] += by_ln_ka[..., ends] * stays + depot_by_ln_ka[..., ends] * enters + absorbs
    depot_by_ln_ka[..., points] += (depot_by_ln_ka[..., ends] - depot0 * ka_here * elapsed) * left.total
    central[..., points] += central0 * stays + depot0 * enters
    depot[..., points] += depot0 * left.total
