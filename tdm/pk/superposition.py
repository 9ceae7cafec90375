"""The sum over equal doses on which the kinetics rest: one compartment, first-order absorption, in closed form.

A dose D seen t hours later contributes D * ka * S to the central amount, where

    S = (T(k) - T(ka)) / (ka - k),   T(x) = sum over the equal doses of exp(-x * t_j),   t_j = s + j * tau.

T is a geometric series, so a run of equal doses costs the same whatever its count, and an infinite count is the exact
steady state. The mean (and variance) of t_j under the weights exp(-x * t_j) give its exact derivatives;
where ka meets k the divided difference S is integrated instead of divided (Hermite-Genocchi formula).

Arrays: the last axis runs over terms, any leading axes over draws. Units: h and 1/h.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
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

    def only(self, chosen: NDArray[np.bool_] | Ints) -> Series:
        """Return the terms (h) that a mask of shape (terms,) or an index chooses."""
        return Series(self.since_h[chosen], self.every_h[chosen], self.count[chosen])

    @cached_property
    def endless(self) -> bool:
        """Return whether every term has infinitely many doses, as at steady state (no unit)."""
        return bool(np.all(np.isinf(self.count)))

    @cached_property
    def repeated(self) -> bool:
        """Return whether any term has more than one dose (no unit)."""
        return bool(np.any(self.count > 1.0))


class Sums(NamedTuple):
    """The sum T(x) of exp(-x * t_j), no unit, with the weighted mean (h) of the times t_j; shape (..., terms)."""

    total: Floats
    mean_h: Floats


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
    if series.endless:
        return np.asarray(last / -np.expm1(-step))
    return np.asarray(last * (np.expm1(-series.count * step) / np.expm1(-step)))


def sums(series: Series, rate: Floats) -> Sums:
    """Return T(x), no unit, with the mean (h) of the times t_j under the weights exp(-x * t_j), for rates x in 1/h."""
    last = np.exp(-rate * series.since_h)
    if not series.repeated:
        return Sums(last, np.broadcast_to(series.since_h, last.shape))
    step = rate * series.every_h
    whole = series.count * step
    one, many = np.expm1(-step), np.expm1(-whole)
    index = -1.0 / one - 1.0 + _end_of_series(series.count, many)
    short = whole < SERIES_BELOW
    if np.any(short):
        count = np.broadcast_to(series.count, step.shape)[short]
        index[short] = _bose(step[short]) - count * _bose(whole[short]) + 0.5 * (count - 1.0)
    return Sums(last * (many / one), series.since_h + series.every_h * index)


def absorbed_slopes(series: Series, k: Floats, ka: Floats, at_ka: Sums | None = None) -> tuple[Absorbed, Sums]:
    """Return S with its exact derivatives by k and ka (h, h^2) and the sums at ka, for rates in 1/h.

    `at_ka` are those sums, if they are known already.
    """
    at_k = sums(series, k)
    at_ka = sums(series, ka) if at_ka is None else at_ka
    difference, apart = at_k.total - at_ka.total, ka - k
    near = np.abs(difference) <= NEARLY_EQUAL * np.maximum(at_k.total, at_ka.total)
    some = bool(np.any(near))
    safe = np.where(near, 1.0, apart) if some else apart
    value = difference / safe
    by_k = (value - at_k.total * at_k.mean_h) / safe
    by_ka = (at_ka.total * at_ka.mean_h - value) / safe
    if some:
        exact = _integrated(*_selected(series, k, ka, near))
        value[near], by_k[near], by_ka[near] = exact.value, exact.by_k, exact.by_ka
    return Absorbed(value, by_k, by_ka), at_ka


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


def _selected(series: Series, k: Floats, ka: Floats, near: NDArray[np.bool_]) -> tuple[Series, Floats, Floats]:
    spread = [np.broadcast_to(a, near.shape)[near] for a in (series.since_h, series.every_h, series.count, k, ka)]
    return Series(*spread[:3]), spread[3], spread[4]


def _integrated(series: Series, k: Floats, ka: Floats) -> Absorbed:
    """S as the integral of -T' over the segment from k to ka, for one-dimensional arrays that belong together."""
    value, by_k, by_ka = np.zeros_like(k), np.zeros_like(k), np.zeros_like(k)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        rate = k + node * (ka - k)
        at = sums(series, rate)
        second = at.total * (series.every_h**2 * _index_variance(rate * series.every_h, series.count) + at.mean_h**2)
        value += weight * at.total * at.mean_h
        by_k -= weight * (1.0 - node) * second
        by_ka -= weight * node * second
    return Absorbed(value, by_k, by_ka)


def _end_of_series(count: Floats, many: Floats) -> Floats:
    """What the end of a series takes from the mean index: n + n / expm1(-n y), which is nothing for an infinite one."""
    known = np.where(np.isfinite(count), count, 0.0)
    return np.asarray(known + known / many)


def _index_variance(step: Floats, count: Floats) -> Floats:
    """Variance of j = 0..count-1 under weights exp(-step * j): 1/4 sinh^-2(y/2) less its like for count * y.

    For count * step below `SERIES_BELOW` the poles at zero, which cancel, are left out of both terms.
    """
    variance = np.zeros_like(step)
    short = count * step < SERIES_BELOW
    y, n = step[short], count[short]
    variance[short] = _bose_slope(n * y) * n * n - _bose_slope(y)
    y, n = step[~short], count[~short]
    with np.errstate(over="ignore"):
        end = np.where(np.isfinite(n), n / np.sinh(0.5 * np.where(np.isfinite(n), n * y, 1.0)), 0.0)
        variance[~short] = 0.25 / np.sinh(0.5 * y) ** 2 - 0.25 * end**2
    return np.where(count > 1.0, variance, 0.0)


def _bose(y: Floats) -> Floats:
    """1/expm1(y) - 1/y + 1/2 for y below `SERIES_BELOW`."""
    square = y * y
    value = np.zeros_like(y)
    for coefficient in reversed(_BERNOULLI):
        value = value * square + coefficient
    return np.asarray(value * y)


def _bose_slope(y: Floats) -> Floats:
    """The derivative of `_bose`."""
    square = y * y
    value = np.zeros_like(y)
    for power, coefficient in reversed(tuple(enumerate(_BERNOULLI))):
        value = value * square + (2 * power + 1) * coefficient
    return value
