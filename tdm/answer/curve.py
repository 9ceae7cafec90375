"""The picture's numbers: concentrations of the individual over the recent history and under what is proposed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tdm.case.regimen import Regimen
from tdm.inference.likelihood import rates
from tdm.patient.dosing import joined
from tdm.patient.estimate import Estimate, course_of
from tdm.pk.event_table import Runs
from tdm.pk.one_compartment import concentrations
from tdm.pk.superposition import Floats

# Design rules of the picture: it shows this many days of the history ...
DAYS_BACK = 28.0
# ... so many days ahead ...
DAYS_AHEAD = 14.0
# ... at steps of so many hours ...
STEP_H = 6.0
# ... from so many resampled draws.
CURVE_DRAWS = 200
# Steps are counted to this part of one.
ROUNDING = 1e-6


class CurvePoints(NamedTuple):
    """Times (h on the case's clock) with median and 90 % interval of the concentration, ng/mL."""

    times_h: Floats
    median: Floats
    p05: Floats
    p95: Floats


def curve_points(estimate: Estimate, regimen: Regimen | None, start_h: float) -> CurvePoints:
    """Return the concentrations (ng/mL) from the recent history to two weeks after a regimen starts (h).

    The grid is anchored at the start, so that pre-dose times are on it.
    """
    history = estimate.history
    begin = float(history.given.start_h.min()) if len(history.given.count) else start_h
    first = max(begin, start_h - 24.0 * DAYS_BACK)
    # the first dose is on the grid where it is a whole number of steps before, whatever the rounding of doubles
    steps_back = int(np.floor((start_h - first) / STEP_H + ROUNDING))
    times = np.asarray(start_h + STEP_H * np.arange(-steps_back, int(24.0 * DAYS_AHEAD / STEP_H) + 1), dtype=float)
    course = course_of(history, _with_regimen(history.expected, regimen, start_h), times)
    ordered = np.sort(concentrations(course, *rates(estimate.foreseen, _resampled(estimate)[:, None, :])), axis=0)
    p05, median, p95 = (np.asarray(ordered[round(p * (CURVE_DRAWS - 1))]) for p in (0.05, 0.5, 0.95))
    return CurvePoints(times, median, p05, p95)


def _resampled(estimate: Estimate) -> Floats:
    """Equally weighted draws (no unit) of the posterior: systematic resampling at the middles of equal shares."""
    cumulative = np.cumsum(estimate.draws.weight)
    places = np.searchsorted(cumulative, (np.arange(CURVE_DRAWS) + 0.5) / CURVE_DRAWS)
    return np.asarray(estimate.draws.eta[np.minimum(places, len(cumulative) - 1)])


def _with_regimen(given: Runs, regimen: Regimen | None, start_h: float) -> Runs:
    """The doses given, followed by those of a regimen over the days ahead."""
    if regimen is None:
        return given
    slots = np.arange(len(regimen.pattern_mg), dtype=np.float64)
    count = np.ceil((24.0 * DAYS_AHEAD + regimen.every_h - regimen.every_h * slots) / regimen.cycle_h)
    kept = count > 0
    added = Runs(
        np.zeros(int(kept.sum()), dtype=np.intp),
        (start_h + regimen.every_h * slots)[kept],
        np.full(int(kept.sum()), regimen.cycle_h),
        count[kept],
        np.array(regimen.pattern_mg)[kept],
    )
    return joined(given, added)
