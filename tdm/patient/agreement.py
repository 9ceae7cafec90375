"""Whether the levels of a patient agree: with one another, and with what such patients show.

Each test is scaled so that an answer about a sound patient is called into question in about one of a hundred, whatever
the number of levels. What is only a bound of a trough is not judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc, ndtr, ndtri

from tdm.inference.lattice import lattice, shifted
from tdm.inference.likelihood import predictions, weighted_residuals
from tdm.notation.clock import SAME_MINUTE_H
from tdm.patient.estimate import Estimate, prior_eta
from tdm.patient.history import DrawnLevel

# Design rules: how often an answer about a sound patient may be called into question by levels that contradict each
# other; two tests share it.
CONTRADICTION_P = 0.01
# An outlier is beyond this many residual SD, or beyond what one of a hundred answers with so many levels shows.
OUTLIER_SD = 3.0
OUTLIER_P = 0.01
# A level this far down in what the model expects of such a patient asks for adherence first.
UNEXPECTEDLY_LOW = 0.05
PRIOR_POINTS = 1024
# Two results of one instant exclude each other when they differ by more than this many SD of their difference.
IRRECONCILABLE_SD = 4.0


@dataclass(frozen=True)
class Contradiction:
    """Levels that no one patient would give together: the p-value, or two levels with their residuals (no unit)."""

    p: float | None
    high: DrawnLevel | None = None
    low: DrawnLevel | None = None
    high_residual: float = 0.0
    low_residual: float = 0.0


@dataclass(frozen=True)
class LowLevel:
    """A level (ng/mL) that is low, and how many of such patients would be so low (None where it was censored)."""

    drawn: DrawnLevel
    chance: float | None


def contradiction(estimate: Estimate) -> Contradiction | None:
    """Return how the fitted levels contradict each other (no unit), if they do."""
    used = estimate.history.used
    if len(used) < 2:
        return None
    p = contradiction_p(estimate)
    if p < 0.5 * CONTRADICTION_P:
        return Contradiction(p)
    return _opposite_pair(used, estimate.residuals_at_mode)


def contradiction_p(estimate: Estimate) -> float:
    """Return the posterior predictive p-value (no unit) of the sum of squared weighted residuals.

    For given random effects replicated residuals are standard normal, so the tail is a chi-square's and the p-value its
    posterior mean (Gelman, Meng and Stern 1996, Statistica Sinica 6:733), without simulation. A censored level counts
    by how far the prediction exceeds its limit.
    """
    count = len(estimate.history.used)
    residual = weighted_residuals(estimate.cohort, estimate.at_levels)[:, :count]
    residual = np.where(estimate.cohort.censored[:count], np.minimum(residual, 0.0), residual)
    discrepancy = (residual**2).sum(axis=1)
    return float((estimate.draws.weight * gammaincc(0.5 * count, 0.5 * discrepancy)).sum())


def opposite_residuals_sd(levels: int) -> float:
    """Return beyond how many residual SD (no unit) two of some levels on either side of the fit are in conflict.

    Of n standard normal residuals n (n - 1) ordered pairs lie beyond z on opposite sides with the chance q(z)^2 each.
    """
    pairs = max(levels, 2) * (max(levels, 2) - 1)
    return float(-ndtri(np.sqrt(0.5 * CONTRADICTION_P / pairs)))


def outlier_sd(levels: int) -> float:
    """Return beyond how many residual SD (no unit) one of some levels is an outlier."""
    return max(OUTLIER_SD, float(-ndtri(0.5 * OUTLIER_P / max(levels, 1))))


def low_levels(estimate: Estimate) -> tuple[LowLevel, ...]:
    """Return the fitted levels (ng/mL) that are censored, or lower than the population with these covariates shows."""
    found = []
    for drawn, chance in zip(estimate.history.used, prior_chance_below(estimate), strict=True):
        if drawn.level.censored:
            found.append(LowLevel(drawn, None))
        elif chance < UNEXPECTEDLY_LOW:
            found.append(LowLevel(drawn, float(chance)))
    return tuple(found)


def prior_chance_below(estimate: Estimate) -> np.ndarray:
    """Return the probability (no unit), level by level, that the population with these covariates measures lower."""
    size = len(estimate.cohort.variability.of)
    points = shifted(lattice(PRIOR_POINTS, size), np.full(size, 0.5 / PRIOR_POINTS))
    eta = prior_eta(estimate, ndtri(points))
    below = ndtr(weighted_residuals(estimate.cohort, predicted(estimate, eta))).mean(axis=0)
    return np.asarray(below[: len(estimate.history.used)])


def predicted(estimate: Estimate, eta: np.ndarray) -> np.ndarray:
    """Return the predictions (ng/mL) at what is compared, shape (draws, levels), for random effects (draws, d)."""
    return predictions(estimate.cohort, eta[:, None, :])


def irreconcilable(estimate: Estimate) -> tuple[DrawnLevel, DrawnLevel] | None:
    """Return two results of the newest instant (ng/mL, h) that exclude each other, if there are such."""
    used = estimate.history.used
    newest = [drawn for drawn in used if used[-1].time_h - drawn.time_h <= SAME_MINUTE_H and not drawn.level.censored]
    if len(newest) < 2:
        return None
    low, *_, high = sorted(newest, key=lambda drawn: drawn.level.value_ng_ml)
    values = np.array([low.level.value_ng_ml, high.level.value_ng_ml])
    sd = float(np.hypot(*estimate.cohort.residual.sd_ng_ml(values)))
    return (low, high) if values[1] - values[0] > IRRECONCILABLE_SD * sd else None


def _opposite_pair(used: tuple[DrawnLevel, ...], residual: np.ndarray) -> Contradiction | None:
    beyond = opposite_residuals_sd(len(used))
    for high in range(len(used)):
        for low in range(len(used)):
            same = used[high].epoch == used[low].epoch
            if same and residual[high] > beyond and residual[low] < -beyond:
                pair = (float(residual[high]), float(residual[low]))
                return Contradiction(None, used[high], used[low], *pair)
    return None
