"""When to measure again: when this patient's new steady state is near enough to be told from the old one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tdm.course import SAME_INSTANT_H, Runs, lay_out
from tdm.estimate import Estimate, amounts_at
from tdm.kinetics import amounts, carried, steady_state_amounts
from tdm.protocol import LabelRules
from tdm.regimen import Regimen
from tdm.series import Floats

# Design rules: near is within 10 % of the patient's own steady state, sure is 95 % of the posterior.
NEAR = 0.10
SURE = 0.95
# A level that has to be repeated is repeated after this many days.
SOON_DAYS = (3.0, 5.0)

Why = Literal["near_steady_state", "not_yet_at_steady_state", "repeat_soon"]


@dataclass(frozen=True)
class NextLevel:
    """When to measure next, `from_h` to `to_h` (h on the case's clock), and why; `share` is how many draws are near."""

    from_h: float
    to_h: float
    why: Why
    share: float | None = None


def repeat_soon(estimate: Estimate, regimen: Regimen | None) -> NextLevel:
    """Return the days (h) in which a level has to be repeated: pre-dose times where a regimen goes on."""
    now, due = estimate.history.now_h, estimate.history.dosing.next_due_h
    early, late = (now + 24.0 * days for days in SOON_DAYS)
    if regimen is None:
        return NextLevel(early, late, "repeat_soon")
    first = due + regimen.every_h * np.ceil((early - due - SAME_INSTANT_H) / regimen.every_h)
    last = due + regimen.every_h * np.floor((late - due + SAME_INSTANT_H) / regimen.every_h)
    return NextLevel(float(first), float(max(first, last)), "repeat_soon")


def next_level(estimate: Estimate, regimen: Regimen, start_h: float, label: LabelRules) -> NextLevel:
    """Return the first pre-dose time (h) near steady state under a regimen that starts at `start_h`.

    It is counted from the actual state of the body at `now` and lies within the days that the label names.
    """
    now = estimate.history.now_h
    earliest = now + 24.0 * label.number("adjust_after_days_low")
    latest = now + 24.0 * label.number("adjust_after_days_high")
    first = int(np.ceil((earliest - start_h - SAME_INSTANT_H) / regimen.every_h))
    last = max(first, int(np.floor((latest - start_h + SAME_INSTANT_H) / regimen.every_h)))
    state = amounts_at(estimate, estimate.draws.eta, np.array([start_h]))
    steady = _steady_amounts(estimate, regimen)
    share = 0.0
    for number in range(first, last + 1):
        share = _near_share(estimate, regimen, number, state.depot_mg[:, 0], state.central_mg[:, 0], steady)
        if share >= SURE:
            at = start_h + number * regimen.every_h
            return NextLevel(at, max(at, start_h + last * regimen.every_h), "near_steady_state", share)
    at = start_h + last * regimen.every_h
    return NextLevel(at, at, "not_yet_at_steady_state", share)


def _steady_amounts(estimate: Estimate, regimen: Regimen) -> Floats:
    """Central amounts (mg), shape (draws, doses of the cycle), just before each dose at steady state."""
    one = estimate.individual
    return steady_state_amounts(regimen.pattern_mg, regimen.every_h, regimen.every_h, one.k_per_h, one.ka_per_h)


def _near_share(
    estimate: Estimate, regimen: Regimen, number: int, depot: Floats, central: Floats, steady: Floats
) -> float:
    """The weight of draws whose amount just before dose `number` is within `NEAR` of their own steady state."""
    one, size = estimate.individual, len(regimen.pattern_mg)
    elapsed = number * regimen.every_h
    left = carried(depot, central, np.full(len(central), elapsed), one.k_per_h, one.ka_per_h).central_mg
    added = _added(regimen, number, one.k_per_h, one.ka_per_h)
    near = np.abs(left + added - steady[:, number % size]) <= NEAR * steady[:, number % size]
    return float(estimate.draws.weight @ near)


def _added(regimen: Regimen, number: int, k: Floats, ka: Floats) -> Floats:
    """Central amount (mg) just before dose `number` (counted from 0) from the doses of the regimen before it."""
    size = len(regimen.pattern_mg)
    slots = np.arange(min(size, number))
    runs = Runs(
        np.zeros(len(slots), dtype=np.intp),
        regimen.every_h * slots,
        np.full(len(slots), regimen.cycle_h),
        np.ceil((number - slots) / size),
        np.array(regimen.pattern_mg)[slots],
    )
    nothing = np.array([], dtype=np.intp)
    course = lay_out(
        runs, np.zeros(1, dtype=np.intp), np.array([number * regimen.every_h]), nothing, np.array([]), 1
    )
    return np.asarray(amounts(course, k[:, None], ka[:, None]).central_mg[:, 0])
