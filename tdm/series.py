"""The sum over equal doses on which the kinetics rest: one compartment, first-order absorption, in closed form.

A dose D seen t hours later contributes D * ka * S to the central amount, where

    S = (T(k) - T(ka)) / (ka - k),   T(x) = sum over the equal doses of exp(-x * t_j),   t_j = s + j * tau.

T is a geometric series, so a run of equal doses costs the same whatever its count, and an infinite count is the exact
steady state. Writing T with its mean and variance of t_j (a truncated geometric distribution) gives exact derivatives;
where ka meets k the divided difference S is integrated instead of divided (Hermite-Genocchi formula).

Arrays: the last axis runs over terms, any leading axes over draws. Units: h and 1/h.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# Below this relative difference of T(k) and T(ka) the quotient S would lose digits and is integrated instead. The
# integral's five nodes are exact to rounding well beyond it.
NEARLY_EQUAL = 0.05
# Below this argument the Bernoulli-type functions are summed as series; at it, series and closed form agree to 1e-15.
SERIES_BELOW = 0.5

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(5)
_NODES, _WEIGHTS = 0.5 * (_NODES + 1.0), 0.5 * _WEIGHTS
# 1/expm1(y) - 1/y + 1/2 = y/12 - y^3/720 + ..., from the Bernoulli numbers B_2n/(2n)! (DLMF 24.2.1)
_BERNOULLI = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600)


# A series whose last dose is more recent than this part of its interval has that dose split off (`newest_apart`): T
# would be all but that one dose, and its relative difference blind to how much the forerunners differ.
RECENT_PART = 0.25


@dataclass(frozen=True)
class Series:
    """Equal doses as seen from a later point, shape (terms,): the last one `since_h` ago, every `every_h`, `count`.

    `count` may be infinite (steady state); with a count of one, `every_h` does not matter. Units h, doses without unit.
    Where a count exceeds one, `since_h` is at least `RECENT_PART` of `every_h`, up to a few slots of a cycle.
    """

    since_h: Floats
    every_h: Floats
    count: Floats

    def only(self, mask: NDArray[np.bool_]) -> Series:
        """Return the terms where a mask of shape (terms,) holds (h)."""
        return Series(self.since_h[mask], self.every_h[mask], self.count[mask])

    @property
    def repeated(self) -> bool:
        """Return whether any term has more than one dose (no unit)."""
        return bool(np.any(self.count > 1.0))


class Moments(NamedTuple):
    """The sum T(x) of exp(-x * t_j), no unit, with the weighted mean (h) and variance (h^2) of the times t_j."""

    total: Floats
    mean_h: Floats
    variance_h2: Floats


class Absorbed(NamedTuple):
    """S = (T(k) - T(ka)) / (ka - k), h, and its derivatives with respect to k and ka, h^2; shape (..., terms)."""

    value: Floats
    by_k: Floats
    by_ka: Floats


def newest_apart(series: Series) -> tuple[Series, Ints]:
    """Return the same doses (h) with very recent ones split from their series, and the term that each part is of."""
    recent = (series.count > 1.0) & (series.since_h < RECENT_PART * series.every_h)
    if not np.any(recent):
        return series, np.arange(len(series.count))
    newest = np.where(recent, 1.0, series.count)
    return Series(
        np.concatenate([series.since_h, (series.since_h + series.every_h)[recent]]),
        np.concatenate([series.every_h, series.every_h[recent]]),
        np.concatenate([newest, series.count[recent] - 1.0]),
    ), np.concatenate([np.arange(len(recent)), np.flatnonzero(recent)])


def total(series: Series, rate: Floats) -> Floats:
    """Return T(x), the sum of exp(-x * t_j), no unit, for rates x in 1/h; shape of `rate` broadcast with (terms,)."""
    last = np.exp(-rate * series.since_h)
    if not series.repeated:
        return last
    step = rate * series.every_h
    many = np.expm1(-series.count * step) / np.expm1(-step)
    return np.asarray(last * np.where(series.count > 1.0, many, 1.0))


def moments(series: Series, rate: Floats) -> Moments:
    """Return T(x) with mean (h) and variance (h^2) of the times t_j under the weights exp(-x * t_j), x in 1/h."""
    value = total(series, rate)
    if not series.repeated:
        zero = np.zeros(np.broadcast_shapes(np.shape(rate), np.shape(series.since_h)))
        return Moments(value, series.since_h + zero, zero)
    step = rate * series.every_h
    mean, variance = _index_moments(step, np.broadcast_to(series.count, step.shape))
    return Moments(value, series.since_h + series.every_h * mean, series.every_h**2 * variance)


def absorbed(series: Series, k: Floats, ka: Floats) -> tuple[Floats, Floats]:
    """Return S = (T(k) - T(ka)) / (ka - k), h, and T(ka), no unit, for k and ka in 1/h; stable where they meet."""
    slow, fast = total(series, k), total(series, ka)
    difference, apart = slow - fast, ka - k
    near = np.abs(difference) <= NEARLY_EQUAL * np.maximum(slow, fast)
    if not np.any(near):
        return np.asarray(difference / apart), fast
    value = difference / np.where(near, 1.0, apart)
    terms, k_near, ka_near = _selected(series, k, ka, near)
    value[near] = _integrated(terms, k_near, ka_near).value
    return np.asarray(value), fast


def absorbed_with_slopes(series: Series, k: Floats, ka: Floats) -> tuple[Absorbed, Moments]:
    """Return S with its exact derivatives by k and ka (h, h^2) and the moments of T(ka), for rates in 1/h."""
    at_k, at_ka = moments(series, k), moments(series, ka)
    difference, apart = at_k.total - at_ka.total, ka - k
    near = np.abs(difference) <= NEARLY_EQUAL * np.maximum(at_k.total, at_ka.total)
    safe = np.where(near, 1.0, apart)
    value = difference / safe
    by_k = (value - at_k.total * at_k.mean_h) / safe
    by_ka = (at_ka.total * at_ka.mean_h - value) / safe
    if np.any(near):
        terms, k_near, ka_near = _selected(series, k, ka, near)
        exact = _integrated(terms, k_near, ka_near)
        value[near], by_k[near], by_ka[near] = exact.value, exact.by_k, exact.by_ka
    return Absorbed(value, by_k, by_ka), at_ka


def _selected(series: Series, k: Floats, ka: Floats, near: NDArray[np.bool_]) -> tuple[Series, Floats, Floats]:
    spread = [np.broadcast_to(a, near.shape)[near] for a in (series.since_h, series.every_h, series.count, k, ka)]
    return Series(*spread[:3]), spread[3], spread[4]


def _integrated(series: Series, k: Floats, ka: Floats) -> Absorbed:
    """S as the integral of -T' over the segment from k to ka, for one-dimensional arrays that belong together."""
    value, by_k, by_ka = np.zeros_like(k), np.zeros_like(k), np.zeros_like(k)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        at = moments(series, k + node * (ka - k))
        second = at.total * (at.variance_h2 + at.mean_h**2)
        value += weight * at.total * at.mean_h
        by_k -= weight * (1.0 - node) * second
        by_ka -= weight * node * second
    return Absorbed(value, by_k, by_ka)


def _index_moments(step: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of j = 0..count-1 under weights exp(-step * j): differences of Bose-Einstein functions.

    For count * step below `SERIES_BELOW` the poles at zero, which cancel, are left out of both terms.
    """
    mean, variance = np.zeros_like(step), np.zeros_like(step)
    short = count * step < SERIES_BELOW
    if np.any(short):
        y, n = step[short], count[short]
        mean[short] = _bose_without_pole(y) - n * _bose_without_pole(n * y) + 0.5 * (n - 1.0)
        variance[short] = _slope_without_pole(n * y) * n * n - _slope_without_pole(y)
    long = ~short & (count > 1.0)
    if np.any(long):
        y, n = step[long], count[long]
        end = np.where(np.isfinite(n), n * y, np.inf)
        whole = np.where(np.isfinite(n), n, 0.0)
        with np.errstate(over="ignore"):
            mean[long] = 1.0 / np.expm1(y) - whole / np.expm1(end)
            variance[long] = 0.25 / np.sinh(0.5 * y) ** 2 - 0.25 * (whole / np.sinh(0.5 * end)) ** 2
    return mean, variance


def _bose_without_pole(y: Floats) -> Floats:
    """1/expm1(y) - 1/y + 1/2 for y below `SERIES_BELOW`."""
    square = y * y
    value = np.zeros_like(y)
    for coefficient in reversed(_BERNOULLI):
        value = value * square + coefficient
    return np.asarray(value * y)


def _slope_without_pole(y: Floats) -> Floats:
    """The derivative of `_bose_without_pole`."""
    square = y * y
    value = np.zeros_like(y)
    for power, coefficient in reversed(tuple(enumerate(_BERNOULLI))):
        value = value * square + (2 * power + 1) * coefficient
    return value
