"""Amounts and concentrations of a one-compartment oral model, exact for any dosing history and piecewise parameters.

    da/dt = -ka * a          a: amount in the depot, mg (doses enter here)
    dm/dt =  ka * a - k * m  m: amount in the central compartment, mg; k = CL/V

The state (a, m) is carried exactly from piece to piece. Rates have shape (..., pieces): leading axes run over draws.
Units: h, mg, 1/h, L, ng/mL (1 mg/L = 1000 ng/mL).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tdm.course import Course
from tdm.series import Floats, Series, absorbed, absorbed_with_slopes, newest_apart

NG_ML_PER_MG_L = 1000.0


class Amounts(NamedTuple):
    """Depot and central amount, mg, at the points of a course, shape (..., points)."""

    depot_mg: Floats
    central_mg: Floats


@dataclass(frozen=True)
class Directions:
    """How ln k and ln ka of each piece change along each random effect: shape (effects, pieces) each, no unit."""

    ln_k: Floats
    ln_ka: Floats


def amounts(course: Course, k: Floats, ka: Floats) -> Amounts:
    """Return the amounts (mg) at all samples, shape (..., samples), for k and ka in 1/h of shape (..., pieces)."""
    k_term, ka_term = _at(k, course.term_piece), _at(ka, course.term_piece)
    sums, still_there = absorbed(course.series, k_term, ka_term)
    depot = _per_point(course, course.term_dose_mg * still_there)
    central = _per_point(course, course.term_dose_mg * ka_term * sums)
    shape = np.broadcast_shapes(depot.shape, central.shape)
    state = Amounts(np.array(np.broadcast_to(depot, shape)), np.array(np.broadcast_to(central, shape)))
    for points, ends in _carrying(course):
        elapsed, piece = course.point_elapsed_h[points], course.point_piece[points]
        before = carried(state.depot_mg[..., ends], state.central_mg[..., ends], elapsed, _at(k, piece), _at(ka, piece))
        state.depot_mg[..., points] += before.depot_mg
        state.central_mg[..., points] += before.central_mg
    return Amounts(state.depot_mg[..., : course.samples], state.central_mg[..., : course.samples])


def central_with_slopes(course: Course, k: Floats, ka: Floats, along: Directions) -> tuple[Floats, Floats]:
    """Return the central amounts (mg), shape (..., samples), and their exact slopes along each random effect.

    The slopes have shape (effects, ..., samples), mg per unit of the effect. Rates in 1/h, shape (..., pieces).
    """
    piece = course.term_piece
    k_term, ka_term, dose = _at(k, piece), _at(ka, piece), course.term_dose_mg
    sums, left = absorbed_with_slopes(course.series, k_term, ka_term)
    dose_ka = dose * ka_term
    central = _per_point(course, dose_ka * sums.value)
    by_ln_k = _per_point(course, dose_ka * k_term * sums.by_k)
    by_ln_ka = _per_point(course, dose_ka * (sums.value + ka_term * sums.by_ka))
    slope_k, slope_ka = along.ln_k[:, course.point_piece], along.ln_ka[:, course.point_piece]
    lead = (slice(None), *(None,) * (central.ndim - 1))
    slopes = slope_k[lead] * by_ln_k + slope_ka[lead] * by_ln_ka
    if np.any(course.piece_rank > 0):
        depot = _per_point(course, dose * left.total)
        depot_slopes = slope_ka[lead] * _per_point(course, -dose_ka * left.total * left.mean_h)
        for points, ends in _carrying(course):
            _carry_slopes(course, k, ka, along, points, ends, (depot, central, depot_slopes, slopes))
    return central[..., : course.samples], slopes[..., : course.samples]


def concentrations(course: Course, k: Floats, ka: Floats, v_l: Floats) -> Floats:
    """Return the concentrations (ng/mL) at all samples, shape (..., samples); rates in 1/h, volumes in L per piece."""
    return np.asarray(NG_ML_PER_MG_L * amounts(course, k, ka).central_mg / _at(v_l, course.sample_piece))


def carried(depot_mg: Floats, central_mg: Floats, elapsed_h: Floats, k: Floats, ka: Floats) -> Amounts:
    """Return the amounts (mg) after `elapsed_h` without a dose, from the amounts before; rates in 1/h."""
    one = np.ones_like(elapsed_h)
    sums, left = absorbed(Series(elapsed_h, one, one), k, ka)
    return Amounts(depot_mg * left, central_mg * np.exp(-k * elapsed_h) + depot_mg * ka * sums)


def unit_troughs(doses: int, every_h: float, k: Floats, ka: Floats, v_l: Floats) -> Floats:
    """Return what one mg per cycle adds to the steady-state concentration (ng/mL per mg), by its age at sampling.

    The cycle has `doses` slots of `every_h`; column l is the concentration (l + 1) slots after the dose, with all its
    forerunners a cycle apart. Shape (draws, doses). Rates in 1/h, volume in L, shape (draws,).
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
    sums, left = absorbed(series, rate, absorption)
    parts = Amounts(left, absorption * sums)
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


def _at(values: Floats, index: np.ndarray) -> Floats:
    """Values per piece taken to points or terms; a single piece is broadcast instead of copied."""
    return values if values.shape[-1] == 1 else np.asarray(values[..., index])


def _per_point(course: Course, values: Floats) -> Floats:
    return np.asarray(np.add.reduceat(values, course.term_start, axis=-1))


def _carrying(course: Course) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per rank of pieces from the second on: their points, and the end points of the pieces before them."""
    steps = []
    point_rank = course.piece_rank[course.point_piece]
    for rank in range(1, int(course.piece_rank.max(initial=0)) + 1):
        points = np.flatnonzero(point_rank == rank)
        steps.append((points, course.end_point[course.point_piece[points] - 1]))
    return steps


def _carry_slopes(
    course: Course,
    k: Floats,
    ka: Floats,
    along: Directions,
    points: np.ndarray,
    ends: np.ndarray,
    state: tuple[Floats, Floats, Floats, Floats],
) -> None:
    """Add to the points of one rank what the pieces before have left, with slopes (product and chain rule)."""
    depot, central, depot_slopes, central_slopes = state
    piece, elapsed = course.point_piece[points], course.point_elapsed_h[points]
    k_here, ka_here = _at(k, piece), _at(ka, piece)
    one = np.ones_like(elapsed)
    sums, left = absorbed_with_slopes(Series(elapsed, one, one), k_here, ka_here)
    stays = np.exp(-k_here * elapsed)
    lead = (slice(None), *(None,) * (central.ndim - 1))
    slope_k, slope_ka = along.ln_k[:, piece][lead], along.ln_ka[:, piece][lead]
    depot0, central0 = depot[..., ends], central[..., ends]
    enters = ka_here * sums.value
    by_ln_k = -central0 * k_here * elapsed * stays + depot0 * ka_here * k_here * sums.by_k
    by_ln_ka = depot0 * ka_here * (sums.value + ka_here * sums.by_ka)
    central_slopes[..., points] += (
        central_slopes[..., ends] * stays + depot_slopes[..., ends] * enters + slope_k * by_ln_k + slope_ka * by_ln_ka
    )
    depot_slopes[..., points] += (
        depot_slopes[..., ends] * left.total - slope_ka * depot0 * ka_here * elapsed * left.total
    )
    central[..., points] += central0 * stays + depot0 * enters
    depot[..., points] += depot0 * left.total
