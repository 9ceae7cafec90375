"""What a regimen would do: the steady-state troughs of this patient under it, and their chance of the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import ndtr

from tdm.case.regimen import Regimen
from tdm.inference.residual_error import ResidualError
from tdm.knowledge.protocol import Window
from tdm.patient.estimate import Estimate, Individual
from tdm.pk.one_compartment import pattern_by_age, unit_troughs
from tdm.pk.superposition import Floats

QUANTILES = (0.05, 0.5, 0.95)
# The residual error is averaged over this many quantiles of the trough (error below 1e-4).
MEASURED_POINTS = 1000


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
    """Steady-state troughs of one patient's posterior, reused from regimen to regimen (linear in dose); ng/mL, mg.

    `weight` (draws,) are the weights of the estimate's draws, or those that they have under another reading. They are
    those of what the decision is for, or of an `individual` under other conditions.
    """

    estimate: Estimate
    weight: Floats
    individual: Individual | None = None
    _units: dict[tuple[int, float], Floats] = field(default_factory=dict)
    _sorted: dict[float, tuple[Floats, Floats]] = field(default_factory=dict)

    def under(self, regimen: Regimen) -> Floats:
        """Return the pre-dose concentrations (ng/mL), shape (doses of the cycle, draws), at steady state."""
        units = self._unit(len(regimen.pattern_mg), regimen.every_h)
        if len(units) == 1:
            return regimen.pattern_mg[0] * units
        by_age = pattern_by_age(regimen.pattern_mg)
        return np.stack([sum(dose * unit for dose, unit in zip(slot, units, strict=True)) for slot in by_age.T])

    def chance(self, regimen: Regimen, window: Window) -> Chance:
        """Return the chance of the window (ng/mL): above if any trough of the cycle is above, else below if any is."""
        troughs = self.under(regimen)
        is_above = troughs.max(axis=0) > window.high_ng_ml
        is_below = (troughs.min(axis=0) < window.low_ng_ml) & ~is_above
        above, below = (float(self.weight.sum(where=mask)) for mask in (is_above, is_below))
        return Chance(below, max(0.0, 1.0 - above - below), above)

    def quick_option(self, regimen: Regimen, window: Window | None) -> Option:
        """Return an option with its chances alone (no unit), for the comparison; its other numbers are NaN."""
        chance = self.chance(regimen, window) if window else None
        return Option(regimen, np.nan, np.nan, np.nan, chance, None)

    def option(self, regimen: Regimen, window: Window | None) -> Option:
        """Return a regimen's troughs (ng/mL) over the cycle and, with a window (ng/mL), its chances."""
        return self.completed(self.quick_option(regimen, window), window)

    def completed(self, quick: Option, window: Window | None) -> Option:
        """Return an option that has its chances (no unit) with its troughs (ng/mL) too."""
        regimen = quick.regimen
        values, cumulative = self._distribution(regimen)
        p05, median, p95 = (float(q) for q in _interpolated(values, cumulative, QUANTILES))
        if window is None:
            return replace(quick, p05_ng_ml=p05, median_ng_ml=median, p95_ng_ml=p95)
        measured = _measured_within(values, cumulative, window, self.estimate.cohort.residual)
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

    def _unit(self, doses: int, every_h: float) -> Floats:
        """Trough per mg by age of the dose, shape (doses, draws), contiguous by draw."""
        key = (doses, every_h)
        if key not in self._units:
            one = self.individual or self.estimate.decided
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
        size = len(regimen.pattern_mg)
        if size == 1:
            unit, cumulative = self._sorted_unit(regimen.every_h)
            return regimen.pattern_mg[0] * unit, cumulative
        values = self.under(regimen).ravel()
        order = np.argsort(values)
        return values[order], np.cumsum(np.tile(self.weight / size, size)[order])


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
