"""The mode of the random effects (MAP), for one patient or many at once, with a certificate of convergence.

Fisher scoring with a damped step goes near the mode; Newton steps with the Hessian of the exact gradient finish. A fit
is returned only if the gradient vanishes and the curvature is positive; where the data are in conflict several starts
are tried, the better optimum is returned and the other one reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdm.inference import cholesky
from tdm.inference.lattice import lattice
from tdm.inference.likelihood import (
    Cohort,
    objective,
    objective_with_slopes,
    predictions,
    prior_objective,
    weighted_residuals,
)
from tdm.pk.superposition import Floats

# All steps and decrements are in units of standard deviations of the estimate, so they need no scale of their own.
NEAR_STEP = 1e-2
CERTIFIED_DECREMENT = 1e-8
MOST_SCORING_STEPS = 40
MOST_NEWTON_STEPS = 200
MOST_START_HALVINGS = 8
LONGEST_STEP_SD = 3.0
HESSIAN_STEP_SD = 1e-5
# An objective that rises by less than this part is rounding, not a worse point.
ROUNDING = 1e-12
# A group is rebuilt without its finished patients when fewer than this part are left.
REGROUP_BELOW = 0.6
FIRST_DAMPING = 1e-3
# Two optima are distinct when they differ by more than this many prior standard deviations.
DISTINCT_SD = 0.05
# Data are in conflict, so that a second optimum is possible, where a weighted residual is beyond this (chosen on random
# harsh designs, see the tests) ...
CONFLICT_RESIDUAL = 1.9
# ... or the estimate this many SD from the population.
CONFLICT_DISTANCE_SD = 2.5
# Where they are, the objective is screened on this many points within this many prior SD, for valleys to start from.
SCREENING_POINTS = 64
SCREENING_SD = 4.5
STARTS = 6
# Levels tell tightly where a direction of the random effects keeps less than this part of its prior SD. The valleys are
# narrow then: one patient's are screened on more points, within these distances, and entered from more starts. Chosen
# on random tight designs, see the tests.
TIGHT_SD = 0.15
CLOSE_SCREENING_POINTS = 512
CLOSE_SCREENING_SD = (4.5, 9.0)
CLOSE_STARTS = 16
# Optima that are worse by more than this hold none of the posterior (e^-14 of the best one's density), and this many of
# the others are enough.
WORSE_BEYOND = 28.0
MOST_OPTIMA = 6
# Patients are fitted in groups of this size, whose arrays stay in the processor's cache.
GROUP = 5120


class NotConverged(RuntimeError):
    """Raised when a mode cannot be certified; carries no number with a unit."""


@dataclass(frozen=True)
class Modes:
    """The modes of n patients: `eta` (n, d), `objective` (n,), `covariance` (n, d, d) from the expected information.

    `hessian` (n, d, d) is that of half the objective at the mode. Where `second_objective` is finite, `second_eta` is
    another optimum, not so good. No units.
    """

    eta: Floats
    objective: Floats
    covariance: Floats
    hessian: Floats
    second_eta: Floats
    second_objective: Floats


def fit(cohort: Cohort) -> Modes:
    """Return the certified modes of all patients of a cohort (eta has no unit); raise `NotConverged` otherwise."""
    count = cohort.course.patients
    if count <= GROUP:
        return _fit_group(cohort, _in_conflict)
    owner = np.arange(count)
    groups = [
        _fit_group(cohort.patients((owner >= start) & (owner < start + GROUP)), _in_conflict)
        for start in range(0, count, GROUP)
    ]
    return Modes(*(np.concatenate([getattr(g, name) for g in groups]) for name in Modes.__dataclass_fields__))


def fit_thoroughly(cohort: Cohort) -> Modes:
    """Return the certified modes (eta has no unit) as `fit` does, but look for a second optimum in every patient."""
    return _fit_group(cohort, lambda one, eta: np.ones(one.course.patients, dtype=bool))


def improved(cohort: Cohort, modes: Modes, start: Floats) -> Modes:
    """Return the modes of one patient with the optimum that lies downhill of `start` (d,), if it is better (no unit).

    The optimum that it replaces becomes the second one.
    """
    other = _descend(cohort, start[None])
    if other.value[0] >= modes.objective[0]:
        return modes
    covariance = np.asarray(np.linalg.inv(other.information), dtype=float)
    return Modes(other.eta, other.value, covariance, other.hessian, modes.eta, modes.objective)


def all_optima(cohort: Cohort, modes: Modes) -> tuple[Modes, Floats, Floats]:
    """Return the modes of one patient with all optima (m, d) and their covariances (m, d, d), the best first; no units.

    Where the levels tell tightly they are looked for more closely, and the modes are those that are found so.
    """
    if not _is_tight(cohort, modes):
        if not np.isfinite(modes.second_objective[0]):
            return modes, modes.eta, modes.covariance
        both = np.concatenate([modes.covariance, modes.covariance])
        return modes, np.concatenate([modes.eta, modes.second_eta]), both
    starts = [modes.eta, modes.second_eta[np.isfinite(modes.second_objective)]]
    for reach in CLOSE_SCREENING_SD:
        starts.append(_valleys(cohort, CLOSE_SCREENING_POINTS, reach, CLOSE_STARTS)[:, 0])
    start = np.concatenate(starts)
    found = _descend(cohort.tiled(len(start)), start)
    chosen: list[int] = []
    for place in np.argsort(found.value):
        step = found.eta[chosen] - found.eta[place]
        near = np.sqrt(prior_objective(cohort.variability, step)) <= DISTINCT_SD
        if np.isfinite(found.value[place]) and not np.any(near):
            chosen.append(int(place))
    chosen = [place for place in chosen[:MOST_OPTIMA] if found.value[place] <= found.value[chosen[0]] + WORSE_BEYOND]
    best = _part(found, chosen)
    best.hessian = _hessian(cohort.tiled(len(chosen)), best)
    covariance = np.asarray(np.linalg.inv(best.information), dtype=float)
    two = len(chosen) > 1
    second_eta = best.eta[1:2] if two else np.full_like(modes.eta, np.nan)
    second_objective = best.value[1:2] if two else np.full_like(modes.objective, np.inf)
    better = Modes(best.eta[:1], best.value[:1], covariance[:1], best.hessian[:1], second_eta, second_objective)
    return better, best.eta, covariance


def _is_tight(cohort: Cohort, modes: Modes) -> bool:
    """Whether the levels of one patient leave little of some direction of the random effects."""
    root = np.linalg.inv(cohort.variability.cholesky)
    return bool(np.linalg.eigvalsh(root @ modes.covariance[0] @ root.T)[0] < TIGHT_SD**2)


@dataclass
class _Search:
    """The state of a descent for n patients: where each stands and what it sees there."""

    eta: Floats
    value: Floats
    gradient: Floats
    information: Floats
    hessian: Floats


def _look(cohort: Cohort, eta: Floats) -> _Search:
    """What a search sees at eta; a point where anything is not finite counts as infinitely bad."""
    with np.errstate(all="ignore"):
        value, gradient, information = objective_with_slopes(cohort, eta)
    broken = ~(np.isfinite(value) & np.isfinite(gradient).all(-1) & np.isfinite(information).all((-1, -2)))
    if np.any(broken):
        value, gradient, information = value.copy(), gradient.copy(), information.copy()
        value[broken], gradient[broken], information[broken] = np.inf, 0.0, np.eye(eta.shape[-1])
    return _Search(eta, value, gradient, information, np.zeros_like(information))


def _fit_group(cohort: Cohort, suspects: Callable[[Cohort, Floats], NDArray[np.bool_]]) -> Modes:
    size = len(cohort.variability.of)
    found = _descend(cohort, np.zeros((cohort.course.patients, size)))
    second_eta = np.full_like(found.eta, np.nan)
    second_value = np.full_like(found.value, np.inf)
    conflicting = suspects(cohort, found.eta) | ~np.isfinite(found.value)
    if np.any(conflicting):
        best, other_eta, other_value = _several_starts(cohort.patients(conflicting), _part(found, conflicting))
        _put(found, np.flatnonzero(conflicting), best)
        second_eta[conflicting], second_value[conflicting] = other_eta, other_value
    # the certificate came from the Hessian a last small step before; what is returned is that of the mode itself
    found.hessian = _hessian(cohort, found)
    lost = int(np.count_nonzero(~(np.isfinite(found.value) & cholesky.factor(found.hessian)[1])))
    if lost:
        raise NotConverged(f"The mode of {lost} patient(s) could not be certified: gradient or curvature.")
    return Modes(
        found.eta,
        found.value,
        np.asarray(np.linalg.inv(found.information), dtype=float),
        found.hessian,
        second_eta,
        second_value,
    )


def _descend(cohort: Cohort, start: Floats) -> _Search:
    search = _look(cohort, start)
    for _ in range(MOST_START_HALVINGS):
        lost = ~np.isfinite(search.value)
        if not np.any(lost):
            break
        start = np.where(lost[:, None], 0.5 * start, start)
        search = _look(cohort, start)
    _score(cohort, search)
    _newton(cohort, search)
    return search


def _score(cohort: Cohort, search: _Search) -> None:
    """Fisher scoring with a Levenberg-Marquardt damping per patient, until every step is small."""
    index, few, here = np.arange(len(search.value)), cohort, search
    damping = np.full(len(index), FIRST_DAMPING)
    active = np.ones(len(index), dtype=bool)
    for _ in range(MOST_SCORING_STEPS):
        step = _damped_step(cohort, here, here.information, damping)
        trial = _look(few, here.eta + step)
        better = trial.value <= here.value
        here = _chosen(better, trial, here)
        damping = np.where(better, damping * 0.2, np.maximum(damping, 1e-2) * 8.0)
        active &= _length(step, here.information) >= NEAR_STEP
        if np.count_nonzero(active) < REGROUP_BELOW * len(index):
            _put(search, index[~active], _part(here, ~active))
            index, here, damping = index[active], _part(here, active), damping[active]
            active = np.ones(len(index), dtype=bool)
            if not len(index):
                return
            few = cohort.patients(_mask(index, len(search.value)))
    _put(search, index, here)


def _newton(cohort: Cohort, search: _Search) -> None:
    """Damped Newton steps with the Hessian of the exact gradient, until gradient and curvature certify a minimum.

    A search that is not certified in the end has an infinite value.

    The Hessian is renewed whenever the gradient fails to shrink to a fifth. Where it is not positive definite, its
    negative eigenvalues are reflected, so that a saddle is left downhill.
    """
    index, few, here = np.arange(len(search.value)), cohort, search
    damping, stale, last = np.zeros(len(index)), np.ones(len(index), dtype=bool), np.full(len(index), np.inf)
    for _ in range(MOST_NEWTON_STEPS):
        if np.all(stale):
            here.hessian = _hessian(few, here)
        elif np.any(stale):
            here.hessian[stale] = _hessian(few.patients(stale), _part(here, stale))
        metric, lower, curved = _positive(here.hessian)
        decrement = np.sqrt((here.gradient * cholesky.solve(lower, here.gradient)).sum(axis=-1)) / 2.0
        done = curved & (decrement <= CERTIFIED_DECREMENT)
        if np.any(done):
            _put(search, index[done], _part(here, done))
            going = ~done
            if not np.any(going):
                return
            index, here, metric, curved = index[going], _part(here, going), metric[going], curved[going]
            damping, decrement, last = damping[going], decrement[going], last[going]
            few = cohort.patients(_mask(index, len(search.value)))
        trial = _look(few, here.eta + _damped_step(cohort, here, metric, damping))
        trial.hessian = here.hessian
        better = trial.value <= here.value + ROUNDING * (1.0 + np.abs(here.value))
        here = _chosen(better, trial, here)
        damping = np.where(better, damping * 0.1, np.maximum(damping, 1e-2) * 10.0)
        stale, last = ~curved | ~better | (decrement > 0.2 * last), decrement
    search.value[index] = np.inf


def _damped_step(cohort: Cohort, here: _Search, metric: Floats, damping: Floats) -> Floats:
    """Newton-like step in a positive definite metric, damped and no longer than `LONGEST_STEP_SD` prior SD."""
    damped = metric.copy()
    diagonal = np.arange(metric.shape[-1])
    damped[:, diagonal, diagonal] *= 1.0 + damping[:, None]
    step = cholesky.solve(cholesky.factor(damped)[0], -0.5 * here.gradient)
    length = np.sqrt(prior_objective(cohort.variability, step))
    return np.asarray(step * np.minimum(1.0, LONGEST_STEP_SD / np.maximum(length, LONGEST_STEP_SD))[:, None])


def _length(step: Floats, metric: Floats) -> Floats:
    return np.asarray(np.sqrt((step * (metric * step[:, None, :]).sum(axis=-1)).sum(axis=-1)))


def _positive(hessian: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """The Hessians with negative eigenvalues reflected, their Cholesky factors, and which had none."""
    lower, curved = cholesky.factor(hessian)
    if np.all(curved):
        return hessian, lower, curved
    values, vectors = np.linalg.eigh(hessian[~curved])
    size = np.maximum(np.abs(values), 1e-8 * np.abs(values).max(axis=-1, keepdims=True))
    metric = hessian.copy()
    metric[~curved] = (vectors * size[:, None, :]) @ np.swapaxes(vectors, -1, -2)
    return metric, cholesky.factor(metric)[0], curved


def _hessian(cohort: Cohort, here: _Search) -> Floats:
    """Hessian of half the objective by forward differences of the exact gradient."""
    size = here.eta.shape[-1]
    width = HESSIAN_STEP_SD / np.sqrt(np.diagonal(here.information, axis1=-2, axis2=-1))
    matrix = np.empty((*here.eta.shape, size))
    for direction in range(size):
        ahead = here.eta.copy()
        ahead[:, direction] += width[:, direction]
        change = _look(cohort, ahead).gradient - here.gradient
        matrix[..., direction] = 0.5 * change / (ahead - here.eta)[:, direction, None]
    return np.asarray(0.5 * (matrix + np.swapaxes(matrix, -1, -2)))


def _in_conflict(cohort: Cohort, eta: Floats) -> NDArray[np.bool_]:
    """Which patients have levels that pull against each other or against the population."""
    with np.errstate(all="ignore"):
        residual = np.abs(weighted_residuals(cohort, predictions(cohort, eta)))
    conflicting = np.sqrt(prior_objective(cohort.variability, eta)) > CONFLICT_DISTANCE_SD
    conflicting[cohort.course.sample_patient[residual > CONFLICT_RESIDUAL]] = True
    return np.asarray(conflicting)


def _several_starts(cohort: Cohort, first: _Search) -> tuple[_Search, Floats, Floats]:
    """Descend from other valleys of the objective; return the best search and the second-best optimum."""
    starts = _valleys(cohort, SCREENING_POINTS, SCREENING_SD, STARTS)
    apart = _behind_a_ridge(cohort, starts, first)
    if not np.any(apart):
        return first, np.full_like(first.eta, np.nan), np.full_like(first.value, np.inf)
    tried = _descend(cohort.tiled(len(starts)).patients(apart.ravel()), starts[apart])
    searches = _Search(*(_stacked(getattr(first, n), getattr(tried, n), apart) for n in _Search.__dataclass_fields__))
    values = np.where(np.vstack([np.ones_like(apart[:1]), apart]), searches.value, np.inf)
    rows = np.arange(values.shape[1])
    best = np.argmin(values, axis=0)
    chosen = _part(searches, (best, rows))
    distinct = np.sqrt(prior_objective(cohort.variability, searches.eta - chosen.eta)) > DISTINCT_SD
    others = np.where(distinct, values, np.inf)
    second = np.argmin(others, axis=0)
    value = others[second, rows]
    return chosen, np.where(np.isfinite(value)[:, None], searches.eta[second, rows], np.nan), value


def _stacked(first: Floats, tried: Floats, apart: NDArray[np.bool_]) -> Floats:
    """First searches (n, ...) and those tried, laid into shape (1 + starts, n, ...)."""
    found = np.zeros((len(apart) + 1, *first.shape))
    found[0] = first
    found[1:][apart] = tried
    return found


def _valleys(cohort: Cohort, count: int, reach_sd: float, most: int) -> Floats:
    """The best few points of a screening lattice that are below all their neighbours, shape (starts, patients, d)."""
    unit, neighbours = _screen(count, len(cohort.variability.of))
    points = (unit * reach_sd) @ cohort.variability.cholesky.T
    value = _values(cohort, np.repeat(points[:, None], cohort.course.patients, axis=1))
    valley = value <= value[neighbours].min(axis=1)
    ranked = np.argsort(np.where(valley, value, np.inf), axis=0)[:most]
    return np.asarray(points[ranked])


@cache
def _screen(count: int, size: int) -> tuple[Floats, NDArray[np.intp]]:
    """The points of a screening lattice within the cube of side 2 about zero, and the neighbours of each."""
    unit = 2.0 * lattice(count, size) - 1.0
    distance = np.linalg.norm(unit[:, None] - unit[None], axis=-1)
    return unit, np.argsort(distance, axis=1)[:, 1 : 2 * size + 3]


def _behind_a_ridge(cohort: Cohort, starts: Floats, first: _Search) -> NDArray[np.bool_]:
    """Which starts lie below the first optimum, or behind a rise of the objective on the straight way to it."""
    at_start = _values(cohort, starts)
    ridge = np.max([_values(cohort, first.eta + part * (starts - first.eta)) for part in (0.25, 0.5, 0.75)], axis=0)
    return np.asarray(np.isfinite(at_start) & ((at_start < first.value) | (ridge > at_start)))


def _values(cohort: Cohort, eta: Floats) -> Floats:
    """The objective at eta (..., patients, d), infinite where it is not a number."""
    with np.errstate(all="ignore"):
        value = objective(cohort, eta)
    return np.where(np.isnan(value), np.inf, value)


def _part(search: _Search, which: Any) -> _Search:
    return _Search(*(getattr(search, name)[which] for name in _Search.__dataclass_fields__))


def _chosen(mask: NDArray[np.bool_], yes: _Search, no: _Search) -> _Search:
    """Of each patient the one or the other search."""
    if np.all(mask):
        return yes

    def one(name: str) -> Floats:
        first, second = getattr(yes, name), getattr(no, name)
        return np.asarray(np.where(mask.reshape(-1, *(1,) * (first.ndim - 1)), first, second))

    return _Search(*(one(name) for name in _Search.__dataclass_fields__))


def _put(search: _Search, index: np.ndarray, part: _Search) -> None:
    for name in _Search.__dataclass_fields__:
        getattr(search, name)[index] = getattr(part, name)


def _mask(index: np.ndarray, size: int) -> NDArray[np.bool_]:
    mask = np.zeros(size, dtype=bool)
    mask[index] = True
    return mask
