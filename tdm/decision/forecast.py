"""What a regimen would do: the steady-state troughs of this patient under it, and their chance of the window.

A forecast is weighted draws of one patient and what is in the body; nothing here knows which model they came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import ndtr

from tdm.case.regimen import Regimen
from tdm.inference.importance_sampling import quantiles
from tdm.inference.residual_error import ResidualError
from tdm.knowledge.protocol import Window
from tdm.patient.estimate import Estimate, Individual, amounts_at
from tdm.pk.event_table import SAME_INSTANT_H
from tdm.pk.one_compartment import NG_ML_PER_MG_L, Amounts, pattern_by_age, steady_state, unit_troughs
from tdm.pk.superposition import Floats

QUANTILES = (0.05, 0.5, 0.95)
# The residual error is averaged over this many quantiles of the trough (error below 1e-4).
MEASURED_POINTS = 1000
# Windows were set with once-daily dosing: with longer intervals the concentration at each of these hours after a dose
# counts like one before a dose.
WINDOW_INTERVAL_H = 24.0


@dataclass(frozen=True)
class Chance:
    """Probabilities (no unit, sum one) that the steady-state pre-dose concentrations are below, within, above."""

    below: float
    within: float
    above: float


@dataclass(frozen=True)
class Risk:
    """Probabilities (no unit) that a steady-state pre-dose concentration is above the alert and the critical limit."""

    above_alert: float
    above_critical: float


@dataclass(frozen=True)
class Option:
    """A regimen with the patient's steady-state trough under it, ng/mL, and its chance of the window.

    The quantiles are of the pre-dose concentrations over the cycle; `measured_within` includes the residual error.
    Without a window there are no chances.
    """

    regimen: Regimen
    p05_ng_ml: float
    median_ng_ml: float
    p95_ng_ml: float
    chance: Chance | None
    measured_within: float | None


@dataclass(frozen=True)
class Body:
    """Amounts (mg) in each draw's body: just after `now`, and when what is proposed would start, before its dose."""

    now: Amounts
    due: Amounts


@dataclass
class Forecast:
    """One patient's draws for what a decision is for, with steady-state troughs reused from regimen to regimen.

    `weight` (draws,) sums to one. `individual` holds under the conditions that the decision is for, `now` at the moment
    of the decision, `undisturbed` as if no drug and no liver disease acted. `trough_due_ng_ml` is the median trough
    that is predicted next. `lifted` (draws,) is the factor that lifts each draw to the last measured level where that
    is higher.
    """

    weight: Floats
    individual: Individual
    now: Individual
    undisturbed: Individual
    residual: ResidualError
    body: Body
    trough_due_ng_ml: float
    lifted: Floats
    _units: dict[tuple[int, float], Floats] = field(default_factory=dict)
    _sorted: dict[float, tuple[Floats, Floats]] = field(default_factory=dict)

    def under_conditions(self, individual: Individual) -> Forecast:
        """Return the forecast for other conditions: CL (L/h), V (L) and ka (1/h) of the same draws."""
        return replace(self, individual=individual, _units={}, _sorted={})

    def reweighted(self, weight: Floats) -> Forecast:
        """Return the forecast with other weights (draws,), no unit, of the same draws."""
        return replace(self, weight=weight, _sorted={})

    @property
    def half_life_h(self) -> float:
        """Return the median half-life at `now`, h."""
        (median,) = quantiles(self.now.half_life_h, self.weight, (0.5,))
        return float(median)

    def under(self, regimen: Regimen) -> Floats:
        """Return the concentrations (ng/mL) that count as pre-dose, shape (places of the cycle, draws), steady state.

        They stand just before each dose and, with intervals beyond a day, at each 24 h after a dose.
        """
        at_doses = self._before_doses(regimen)
        between = [self._after_doses(regimen, hours) for hours in _days_between(regimen)]
        return np.concatenate([at_doses, *between]) if between else at_doses

    def chance(self, regimen: Regimen, window: Window) -> Chance:
        """Return the chance of the window (ng/mL): above if any trough of the cycle is above, else below if any is."""
        troughs = self.under(regimen)
        is_above = troughs.max(axis=0) > window.high_ng_ml
        is_below = (troughs.min(axis=0) < window.low_ng_ml) & ~is_above
        above, below = (float(self.weight.sum(where=mask)) for mask in (is_above, is_below))
        return Chance(below, max(0.0, 1.0 - above - below), above)

    def risk(self, regimen: Regimen, alert_ng_ml: float, critical_ng_ml: float) -> Risk:
        """Return the chances (no unit) that a trough of the cycle is above an alert and a critical limit, ng/mL."""
        highest = self.under(regimen).max(axis=0)
        return Risk(*(float(self.weight.sum(where=highest > limit)) for limit in (alert_ng_ml, critical_ng_ml)))

    def quick_option(self, regimen: Regimen, window: Window | None) -> Option:
        """Return an option with its chances alone (no unit), for the comparison; its other numbers are NaN."""
        chance = self.chance(regimen, window) if window else None
        return Option(regimen, np.nan, np.nan, np.nan, chance, None)

    def option(self, regimen: Regimen, window: Window | None) -> Option:
        """Return a regimen's troughs (ng/mL) over the cycle and, with a window (ng/mL), its chances."""
        return self.completed(self.quick_option(regimen, window), window)

    def completed(self, quick: Option, window: Window | None) -> Option:
        """Return an option that has its chances (no unit) with its troughs (ng/mL) too."""
        values, cumulative = self._distribution(quick.regimen)
        p05, median, p95 = (float(q) for q in _interpolated(values, cumulative, QUANTILES))
        if window is None:
            return replace(quick, p05_ng_ml=p05, median_ng_ml=median, p95_ng_ml=p95)
        measured = _measured_within(values, cumulative, window, self.residual)
        return replace(quick, p05_ng_ml=p05, median_ng_ml=median, p95_ng_ml=p95, measured_within=measured)

    def needed_once_daily(self, window: Window) -> tuple[float, Chance]:
        """Return the once-daily dose (mg, any real number) with the highest chance of the window, and its chances."""
        unit, cumulative = self._sorted_unit(24.0)
        middle = float(np.sqrt(window.low_ng_ml * window.high_ng_ml) / _interpolated(unit, cumulative, (0.5,))[0])
        grid = middle * np.exp(np.linspace(-1.5, 1.5, 241))
        mass = np.concatenate([[0.0], cumulative])
        below = mass[np.searchsorted(unit, window.low_ng_ml / grid)]
        up_to_high = mass[np.searchsorted(unit, window.high_ng_ml / grid)]
        best = int(np.argmax(up_to_high - below))
        chance = Chance(float(below[best]), float(up_to_high[best] - below[best]), float(1.0 - up_to_high[best]))
        return float(grid[best]), chance

    def _before_doses(self, regimen: Regimen) -> Floats:
        units = self._unit(len(regimen.pattern_mg), regimen.every_h)
        if len(units) == 1:
            return regimen.pattern_mg[0] * units
        by_age = pattern_by_age(regimen.pattern_mg)
        return np.stack([sum(dose * unit for dose, unit in zip(slot, units, strict=True)) for slot in by_age.T])

    def _after_doses(self, regimen: Regimen, since_h: float) -> Floats:
        """The concentrations (places of the cycle, draws) some hours after each dose, before the next one."""
        one = self.individual
        found = steady_state(regimen.pattern_mg, regimen.every_h, since_h, one.k_per_h, one.ka_per_h)
        return np.asarray((NG_ML_PER_MG_L * found.central_mg / one.apparent_v_l[:, None]).T)

    def _unit(self, doses: int, every_h: float) -> Floats:
        """Trough per mg by age of the dose, shape (doses, draws), contiguous by draw."""
        key = (doses, every_h)
        if key not in self._units:
            one = self.individual
            units = unit_troughs(doses, every_h, one.k_per_h, one.ka_per_h, one.apparent_v_l)
            self._units[key] = np.ascontiguousarray(units.T)
        return self._units[key]

    def _sorted_unit(self, every_h: float) -> tuple[Floats, Floats]:
        if every_h not in self._sorted:
            unit = self._unit(1, every_h)[0]
            order = np.argsort(unit)
            self._sorted[every_h] = unit[order], np.cumsum(self.weight[order])
        return self._sorted[every_h]

    def _distribution(self, regimen: Regimen) -> tuple[Floats, Floats]:
        """The pre-dose concentrations over the cycle in ascending order, with their cumulative weights."""
        if len(regimen.pattern_mg) == 1 and not _days_between(regimen):
            unit, cumulative = self._sorted_unit(regimen.every_h)
            return regimen.pattern_mg[0] * unit, cumulative
        troughs = self.under(regimen)
        size, values = len(troughs), troughs.ravel()
        order = np.argsort(values)
        return values[order], np.cumsum(np.tile(self.weight / size, size)[order])


def forecast_of(estimate: Estimate) -> Forecast:
    """Return the forecast (h, mg, ng/mL) that an estimate of one patient makes for what is decided."""
    # a sample at the time of a dose is drawn before it, but what was taken at `now` is in the body
    just_after = np.array([estimate.history.now_h + 2.0 * SAME_INSTANT_H])
    now = amounts_at(estimate, estimate.draws.eta, just_after)
    return Forecast(
        weight=estimate.draws.weight,
        individual=estimate.decided,
        now=estimate.individual,
        undisturbed=estimate.individual_without,
        residual=estimate.cohort.residual,
        body=Body(Amounts(now.depot_mg[:, 0], now.central_mg[:, 0]), estimate.due),
        trough_due_ng_ml=estimate.trough_due_ng_ml,
        lifted=_lifted_to_measured(estimate),
    )


def _lifted_to_measured(estimate: Estimate) -> Floats:
    """The factor (draws,) that lifts each draw's concentrations to the last measured level where that is higher."""
    trough = estimate.history.last_low_point
    if trough is None or trough.level.censored:
        return np.ones(len(estimate.draws.weight))
    predicted = estimate.at_levels[:, [drawn.index for drawn in estimate.history.used].index(trough.index)]
    # a draw whose level underflows to nothing has no weight and nothing to lift
    ratio = np.divide(trough.level.value_ng_ml, predicted, out=np.ones_like(predicted), where=predicted > 0.0)
    return np.asarray(np.maximum(1.0, ratio))


def _days_between(regimen: Regimen) -> tuple[float, ...]:
    """The hours after a dose, before the next one, that count like pre-dose times."""
    days = np.arange(1, int(np.ceil(regimen.every_h / WINDOW_INTERVAL_H)))
    return tuple(float(hours) for hours in WINDOW_INTERVAL_H * days if hours < regimen.every_h - SAME_INSTANT_H)


def _interpolated(ordered: Floats, cumulative: Floats, at: Sequence[float] | Floats) -> Floats:
    steps = cumulative - 0.5 * np.diff(cumulative, prepend=0.0)
    return np.asarray(np.interp(at, steps, ordered))


def _measured_within(ordered: Floats, cumulative: Floats, window: Window, error: ResidualError) -> float:
    """Chance that a measured trough lies in the window: the residual error averaged over the troughs' quantiles."""
    places = (np.arange(MEASURED_POINTS) + 0.5) / MEASURED_POINTS
    troughs = np.maximum(_interpolated(ordered, cumulative, places), np.finfo(float).tiny)
    inside = _measured_below(troughs, window.high_ng_ml, error) - _measured_below(troughs, window.low_ng_ml, error)
    return float(inside.mean())


def _measured_below(troughs: Floats, bound: float, error: ResidualError) -> Floats:
    if error.log_sd is not None:
        return np.asarray(ndtr(np.log(bound / troughs) / error.log_sd))
    return np.asarray(ndtr((bound - troughs) / error.sd_ng_ml(troughs)))
