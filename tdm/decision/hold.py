"""How long to hold: when the concentration is down to the limit again. Times in h, concentrations in ng/mL."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tdm.decision.ranking import Offered
from tdm.decision.situation import Question
from tdm.inference.importance_sampling import quantiles
from tdm.patient.estimate import Estimate, amounts_at
from tdm.pk.event_table import SAME_INSTANT_H
from tdm.pk.one_compartment import NG_ML_PER_MG_L, carried
from tdm.pk.superposition import Floats

# None: no regimen reaches this chance.
EVEN_CHANCE = 0.5


@dataclass(frozen=True)
class Hold:
    """When the concentration will be down to `limit_ng_ml`: median and 95 % (h), counted from `from_ng_ml` at `now`."""

    limit_ng_ml: float
    from_ng_ml: float
    median_h: float
    p95_h: float
    resume: Offered | None


def must_hold(question: Question) -> bool:
    """Return whether a trough, measured or predicted, is above the critical limit (ng/mL)."""
    return highest_trough(question).ng_ml > question.label.number("critical_above_ng_ml")


@dataclass(frozen=True)
class HighestTrough:
    """The higher of the last measured trough and the predicted one, ng/mL."""

    ng_ml: float
    measured: bool


def highest_trough(question: Question) -> HighestTrough:
    """Return the higher of the last trough that was measured and the one that is predicted, ng/mL."""
    last = question.estimate.history.last_low_point
    measured = last.level.value_ng_ml if last is not None and not last.level.censored else 0.0
    predicted = question.estimate.trough_due_ng_ml
    return HighestTrough(max(measured, predicted), measured >= predicted)


def hold_until(question: Question, best: Offered | None) -> Hold:
    """Return when (h) the concentration is down to the upper limit, from the higher of the measured and the own one."""
    estimate, label = question.estimate, question.label
    history = estimate.history
    limit = question.window.high_ng_ml if question.window else label.number("alert_above_ng_ml")
    # a sample at the time of a dose is drawn before it, but what was taken at `now` is in the body
    just_after = np.array([history.now_h + 2.0 * SAME_INSTANT_H])
    depot, central = (values[:, 0] for values in amounts_at(estimate, estimate.draws.eta, just_after))
    raised = _raised_to_measured(estimate)
    one = estimate.individual

    peak = _peak_h(depot, central, one.k_per_h, one.ka_per_h)

    def highest_from(hours: float) -> Floats:
        after = carried(depot, central, np.maximum(hours, peak), one.k_per_h, one.ka_per_h).central_mg
        return np.asarray(raised * NG_ML_PER_MG_L * after / one.v_l)

    def until(probability: float) -> float:
        return history.now_h + _first_time(
            lambda hours: float(estimate.draws.weight.sum(where=highest_from(hours) <= limit)) >= probability
        )

    median, p95 = until(0.5), until(0.95)
    start = float(quantiles(raised * NG_ML_PER_MG_L * central / one.v_l, estimate.draws.weight, (0.5,))[0])
    resume = None
    if best is not None and best.within >= EVEN_CHANCE:
        resume = replace(best, start_h=p95)
    return Hold(limit, start, median, p95, resume)


def _peak_h(depot_mg: Floats, central_mg: Floats, k: Floats, ka: Floats) -> Floats:
    """When a body without further doses reaches its highest central amount, h; 0 if it only falls.

    The central amount is a * exp(-k t) - b * exp(-ka t) with b = depot * ka / (ka - k) and a = central + b.
    """
    apart = np.where(np.abs(ka - k) > 1e-6 * k, ka - k, 1e-6 * k)
    b = depot_mg * ka / apart
    with np.errstate(divide="ignore", invalid="ignore"):
        peak = np.log(ka * b / (k * (central_mg + b))) / apart
    return np.where(np.isfinite(peak), np.maximum(peak, 0.0), 0.0)


def _raised_to_measured(estimate: Estimate) -> Floats:
    """The factor (draws,) that lifts each draw's concentrations to the last measured level where that is higher."""
    history = estimate.history
    trough = history.last_low_point
    if trough is None or trough.level.censored:
        return np.ones(len(estimate.draws.weight))
    position = [drawn.index for drawn in history.used].index(trough.index)
    return np.asarray(np.maximum(1.0, trough.level.value_ng_ml / estimate.at_levels[:, position]))


def _first_time(reached: Callable[[float], bool]) -> float:
    """The first hour, to a hundredth, at which a condition holds that stays true once it is."""
    if reached(0.0):
        return 0.0
    low, high = 0.0, 24.0
    while not reached(high) and high < 24.0 * 365:
        low, high = high, 2.0 * high
    while high - low > 1.0 / 60.0:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if reached(middle) else (middle, high)
    return math.ceil(high * 100.0) / 100.0
