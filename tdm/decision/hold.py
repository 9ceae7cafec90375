"""When sirolimus is held for a level, and for how long. Every number here is a design rule.

A hold begins with a concentration above the critical limit, measured or predicted, and ends with a later level at or
below the top of the window, never with time alone. What was measured outranks what is predicted. Times in h on the
case's clock, concentrations in ng/mL.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tdm.decision.forecast import Forecast
from tdm.decision.ranking import Offered
from tdm.decision.situation import HOLD_STALE_DAYS, PEAK_WITHIN_H, Situation
from tdm.inference.importance_sampling import quantiles
from tdm.patient.history import DrawnLevel
from tdm.pk.event_table import SAME_INSTANT_H
from tdm.pk.one_compartment import NG_ML_PER_MG_L, carried
from tdm.pk.superposition import Floats


@dataclass(frozen=True)
class HighTrough:
    """A trough above a limit, ng/mL: the level that was measured, or None where it is predicted."""

    ng_ml: float
    level: DrawnLevel | None


@dataclass(frozen=True)
class NotFollowed:
    """A hold for a level (ng/mL, h) that was not kept to: doses since, and no other level for too long."""

    level: DrawnLevel


@dataclass(frozen=True)
class Wait:
    """When the concentration will be down to `limit_ng_ml`: median and 95 % (h), counted from `from_ng_ml` at `now`."""

    limit_ng_ml: float
    from_ng_ml: float
    median_h: float
    p95_h: float
    resume: Offered | None


def high_trough(situation: Situation, forecast: Forecast) -> HighTrough | NotFollowed | None:
    """Return the trough (ng/mL) for which sirolimus is held, or the hold that was not followed, or None."""
    measured = unanswered_high(situation)
    if measured is not None:
        # any level since keeps the question open, even one that does not end the hold
        old = situation.now_h - situation.levels[-1].time_h > 24.0 * HOLD_STALE_DAYS
        if old and situation.last_dose_since(measured.time_h):
            return NotFollowed(measured)
        return HighTrough(measured.level.value_ng_ml, measured)
    predicted = forecast.trough_due_ng_ml
    if predicted > situation.critical_ng_ml and not _measured_since_change(situation):
        return HighTrough(predicted, None)
    return None


def highest_trough(situation: Situation, forecast: Forecast) -> HighTrough:
    """Return the higher of the newest measured trough and the predicted one, ng/mL; measured ones outrank it."""
    newest = situation.newest_low
    if newest is None or newest.level.censored:
        return HighTrough(forecast.trough_due_ng_ml, None)
    measured = HighTrough(newest.level.value_ng_ml, newest)
    predicted = HighTrough(forecast.trough_due_ng_ml, None)
    if _measured_since_change(situation):
        return measured
    return max(measured, predicted, key=lambda one: one.ng_ml)


def unanswered_high(situation: Situation) -> DrawnLevel | None:
    """Return the last level (ng/mL) above the critical limit, peaks aside, that no later low enough one ended."""
    found: DrawnLevel | None = None
    for drawn in situation.levels:
        value = drawn.level.value_ng_ml
        if not drawn.level.censored and value > situation.critical_ng_ml and _counts(drawn):
            found = drawn
        elif drawn.since_dose_h is not None and value <= situation.hold_limit_ng_ml and _is_later(drawn, found):
            found = None
    return found


def unanswered_peak(situation: Situation) -> DrawnLevel | None:
    """Return a level (ng/mL) above the critical limit that may be a peak, or has no dose before it, if none ended it.

    No trough model can explain a peak away.
    """
    found: DrawnLevel | None = None
    for drawn in situation.levels:
        high = not drawn.level.censored and drawn.level.value_ng_ml > situation.critical_ng_ml
        if high and not _counts(drawn):
            found = drawn
        elif drawn.used and drawn.is_low_point and _is_later(drawn, found):
            found = None
    return found


def _is_later(drawn: DrawnLevel, high: DrawnLevel | None) -> bool:
    """Whether a level was drawn after a high one; what was drawn with it answers nothing."""
    return high is not None and drawn.time_h > high.time_h + SAME_INSTANT_H


def _counts(drawn: DrawnLevel) -> bool:
    """Whether a high level holds: any drawn later after a dose than a peak."""
    return drawn.since_dose_h is not None and drawn.since_dose_h > PEAK_WITHIN_H


def _measured_since_change(situation: Situation) -> bool:
    """Whether a level was measured under what holds now: it tells more than a prediction."""
    newest = situation.newest
    if newest is None:
        return False
    return all(change <= newest.time_h - SAME_INSTANT_H for change in situation.changes_h if change <= situation.now_h)


def wait_until(situation: Situation, forecast: Forecast, resume: Offered | None) -> Wait:
    """Return when (h) the concentration is down to the limit, from the higher of the measured and the own one."""
    limit, one, body = situation.hold_limit_ng_ml, forecast.now, forecast.body.now
    peak = _peak_h(body.depot_mg, body.central_mg, one.k_per_h, one.ka_per_h)

    def highest_from(hours: float) -> Floats:
        after = carried(body.depot_mg, body.central_mg, np.maximum(hours, peak), one.k_per_h, one.ka_per_h).central_mg
        return np.asarray(forecast.lifted * NG_ML_PER_MG_L * after / one.v_l)

    def until(probability: float) -> float:
        return situation.now_h + _first_time(
            lambda hours: float(forecast.weight.sum(where=highest_from(hours) <= limit)) >= probability
        )

    start = quantiles(forecast.lifted * NG_ML_PER_MG_L * body.central_mg / one.v_l, forecast.weight, (0.5,))
    return Wait(limit, float(start[0]), until(0.5), until(0.95), resume)


def _peak_h(depot_mg: Floats, central_mg: Floats, k: Floats, ka: Floats) -> Floats:
    """When a body without further doses reaches its highest central amount, h; 0 if it only falls.

    The central amount is a * exp(-k t) - b * exp(-ka t) with b = depot * ka / (ka - k) and a = central + b.
    """
    apart = np.where(np.abs(ka - k) > 1e-6 * k, ka - k, 1e-6 * k)
    b = depot_mg * ka / apart
    with np.errstate(divide="ignore", invalid="ignore"):
        peak = np.log(ka * b / (k * (central_mg + b))) / apart
    return np.where(np.isfinite(peak), np.maximum(peak, 0.0), 0.0)


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
