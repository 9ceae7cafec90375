"""What a regimen would do: the steady-state troughs of this patient under it, and their chance of the window."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtr

from tdm.estimate import Estimate
from tdm.kinetics import pattern_by_age, unit_troughs
from tdm.likelihood import ResidualError
from tdm.protocol import Window
from tdm.regimen import Regimen
from tdm.series import Floats

QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Chance:
    """Probabilities (no unit, sum one) that the steady-state pre-dose concentrations are below, within, above."""

    below: float
    within: float
    above: float


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


@dataclass
class Troughs:
    """Steady-state troughs of one patient's posterior, reused from regimen to regimen (linear in dose); ng/mL, mg."""

    estimate: Estimate
    weight: Floats
    _units: dict[tuple[int, float], Floats] = field(default_factory=dict)
    _sorted: dict[float, tuple[Floats, Floats]] = field(default_factory=dict)

    def under(self, regimen: Regimen) -> Floats:
        """Return the pre-dose concentrations (ng/mL), shape (draws, doses of the cycle), at steady state."""
        return np.asarray(self._unit(len(regimen.pattern_mg), regimen.every_h) @ pattern_by_age(regimen.pattern_mg))

    def chance_of_dose(self, dose_mg: float, every_h: float, window: Window) -> Chance:
        """Return the chance of the window (ng/mL) of one dose (mg, any positive number) every `every_h` hours."""
        unit, cumulative = self._sorted_unit(every_h)
        below = _mass_until(cumulative, int(np.searchsorted(unit, window.low_ng_ml / dose_mg, side="left")))
        up_to_high = _mass_until(cumulative, int(np.searchsorted(unit, window.high_ng_ml / dose_mg, side="right")))
        return Chance(below, up_to_high - below, 1.0 - up_to_high)

    def chance(self, regimen: Regimen, window: Window) -> Chance:
        """Return the chance of the window (ng/mL): above if any trough of the cycle is above, else below if any is."""
        if len(regimen.pattern_mg) == 1:
            return self.chance_of_dose(regimen.pattern_mg[0], regimen.every_h, window)
        troughs = self.under(regimen)
        is_above = troughs.max(axis=1) > window.high_ng_ml
        is_below = ~is_above & (troughs.min(axis=1) < window.low_ng_ml)
        above, below = float(self.weight[is_above].sum()), float(self.weight[is_below].sum())
        return Chance(below, 1.0 - above - below, above)

    def quantiles(self, regimen: Regimen, at: tuple[float, ...] = QUANTILES) -> Floats:
        """Return quantiles (ng/mL) of the pre-dose concentrations over the cycle at probabilities `at`."""
        if len(regimen.pattern_mg) == 1:
            unit, cumulative = self._sorted_unit(regimen.every_h)
            return np.asarray(regimen.pattern_mg[0] * _interpolated(unit, cumulative, at))
        troughs = self.under(regimen)
        values = troughs.ravel()
        weight = np.repeat(self.weight / troughs.shape[1], troughs.shape[1])
        order = np.argsort(values)
        return _interpolated(values[order], np.cumsum(weight[order]), at)

    def measured_within(self, regimen: Regimen, window: Window) -> float:
        """Return the probability (no unit) that a measured steady-state trough lies in the window (ng/mL)."""
        troughs, error = self.under(regimen), self.estimate.cohort.residual
        inside = _measured_below(troughs, window.high_ng_ml, error) - _measured_below(troughs, window.low_ng_ml, error)
        return float(self.weight @ inside.mean(axis=1))

    def quick_option(self, regimen: Regimen, window: Window | None) -> Option:
        """Return an option with its chances alone (no unit), for the comparison; its other numbers are NaN."""
        chance = self.chance(regimen, window) if window else None
        return Option(regimen, np.nan, np.nan, np.nan, chance, None)

    def option(self, regimen: Regimen, window: Window | None) -> Option:
        """Return a regimen's troughs (ng/mL) and, with a window (ng/mL), its chances."""
        p05, median, p95 = (float(q) for q in self.quantiles(regimen))
        if window is None:
            return Option(regimen, p05, median, p95, None, None)
        return Option(regimen, p05, median, p95, self.chance(regimen, window), self.measured_within(regimen, window))

    def needed_once_daily_mg(self, window: Window) -> float:
        """Return the once-daily dose (mg, any real number) with the highest chance of the window (ng/mL)."""
        unit, cumulative = self._sorted_unit(24.0)
        middle = float(np.sqrt(window.low_ng_ml * window.high_ng_ml) / _interpolated(unit, cumulative, (0.5,))[0])
        grid = middle * np.exp(np.linspace(-1.5, 1.5, 241))
        mass = np.concatenate([[0.0], cumulative])
        below, up_to_high = (
            mass[np.searchsorted(unit, bound / grid)] for bound in (window.low_ng_ml, window.high_ng_ml)
        )
        return float(grid[np.argmax(up_to_high - below)])

    def _unit(self, doses: int, every_h: float) -> Floats:
        key = (doses, every_h)
        if key not in self._units:
            one = self.estimate.individual
            self._units[key] = unit_troughs(doses, every_h, one.k_per_h, one.ka_per_h, one.v_l)
        return self._units[key]

    def _sorted_unit(self, every_h: float) -> tuple[Floats, Floats]:
        if every_h not in self._sorted:
            unit = self._unit(1, every_h)[:, 0]
            order = np.argsort(unit)
            self._sorted[every_h] = unit[order], np.cumsum(self.weight[order])
        return self._sorted[every_h]


def _mass_until(cumulative: Floats, count: int) -> float:
    return float(cumulative[count - 1]) if count else 0.0


def _interpolated(ordered: Floats, cumulative: Floats, at: tuple[float, ...]) -> Floats:
    steps = cumulative - 0.5 * np.diff(cumulative, prepend=0.0)
    return np.asarray(np.interp(at, steps, ordered))


def _measured_below(troughs: Floats, bound: float, error: ResidualError) -> Floats:
    if error.log_sd is not None:
        return np.asarray(ndtr(np.log(bound / troughs) / error.log_sd))
    return np.asarray(ndtr((bound - troughs) / error.sd_ng_ml(troughs)))
