"""When to measure again: when this patient's new steady state is near enough to be told from the old one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tdm.case.regimen import Regimen
from tdm.knowledge.label import LabelRules
from tdm.patient.estimate import Estimate
from tdm.pk.event_table import SAME_INSTANT_H
from tdm.pk.one_compartment import Amounts, carried, steady_state

# Design rules: near is within 10 % of the patient's own steady state, sure is 95 % of the posterior.
NEAR = 0.10
SURE = 0.95
# A level that has to be repeated is repeated after this many days.
SOON_DAYS = (3.0, 5.0)

# After a drug starts or stops the level is measured after these days, then every week for as long.
AFTER_CHANGE_DAYS = (3.0, 5.0)
WEEKLY_DAYS = 7.0
FOLLOWED_DAYS = 28.0

Why = Literal["near_steady_state", "not_yet_at_steady_state", "repeat_soon", "trough_missing", "after_change", "weekly"]


@dataclass(frozen=True)
class NextLevel:
    """When to measure next, `from_h` to `to_h` (h on the case's clock), and why; `share` is how many draws are near."""

    from_h: float
    to_h: float
    why: Why
    share: float | None = None


def repeat_soon(estimate: Estimate, regimen: Regimen | None) -> NextLevel:
    """Return the days (h) in which a level has to be repeated: pre-dose times where a regimen goes on."""
    now = estimate.history.now_h
    early, late = (now + 24.0 * days for days in SOON_DAYS)
    if regimen is None:
        return NextLevel(early, late, "repeat_soon")
    return _at_trough_times(estimate, regimen, early, late, "repeat_soon")


def next_trough(estimate: Estimate) -> NextLevel:
    """Return the next pre-dose time (h), where no level could be used and a trough is what is missing."""
    due = estimate.history.dosing.next_due_h
    return NextLevel(due, due, "trough_missing")


def next_level(estimate: Estimate, regimen: Regimen, label: LabelRules) -> NextLevel:
    """Return the first pre-dose time (h) near steady state under a regimen that starts when the next dose is due.

    It is counted from the actual state of the body at `now` and lies within the days that the label names.
    """
    now, start_h = estimate.history.now_h, estimate.history.start_h
    earliest = now + 24.0 * label.number("adjust_after_days_low")
    latest = now + 24.0 * label.number("adjust_after_days_high")
    first = int(np.ceil((earliest - start_h - SAME_INSTANT_H) / regimen.every_h))
    last = max(first, int(np.floor((latest - start_h + SAME_INSTANT_H) / regimen.every_h)))
    near = _Approach(estimate, regimen)
    share = 0.0
    for number in range(first, last + 1):
        share = near.share(number)
        if share >= SURE:
            at = start_h + number * regimen.every_h
            return NextLevel(at, max(at, start_h + last * regimen.every_h), "near_steady_state", share)
    at = start_h + last * regimen.every_h
    return NextLevel(at, at, "not_yet_at_steady_state", share)


def after_drug_change(estimate: Estimate, regimen: Regimen) -> NextLevel | None:
    """Return when to measure (h) because a drug starts, has started or has stopped; None if that is long past."""
    history = estimate.history
    now, soon = history.now_h, max(history.decided_h, history.now_h)
    changes = [
        time
        for spell in history.spells
        if spell.drug is None or spell.drug.effect != "none"
        for time in (spell.start_h, spell.stop_h)
        if now - 24.0 * FOLLOWED_DAYS < time <= soon
    ]
    if not changes or history.dosing.last_dose_h is None:
        return None
    early, late = (max(changes) + 24.0 * days for days in AFTER_CHANGE_DAYS)
    if now < late:
        return _at_trough_times(estimate, regimen, max(early, now), late, "after_change")
    week = now + 24.0 * WEEKLY_DAYS
    return _at_trough_times(estimate, regimen, week, week + 24.0, "weekly")


def _at_trough_times(estimate: Estimate, regimen: Regimen, early: float, late: float, why: Why) -> NextLevel:
    """The pre-dose times within some days (h), or the days themselves if no dose falls into them."""
    due = estimate.history.start_h
    first = due + regimen.every_h * np.ceil((early - due - SAME_INSTANT_H) / regimen.every_h)
    last = due + regimen.every_h * np.floor((late - due + SAME_INSTANT_H) / regimen.every_h)
    return NextLevel(early, late, why) if first > last else NextLevel(float(first), float(last), why)


class _Approach:
    """How the posterior's draws approach their own steady state under a regimen that starts when the next dose is due.

    The kinetics are linear, so the distance from the periodic steady state follows them as a body without doses would.
    """

    def __init__(self, estimate: Estimate, regimen: Regimen) -> None:
        one = estimate.decided
        self.weight, self.k, self.ka = estimate.draws.weight, one.k_per_h, one.ka_per_h
        self.every_h = regimen.every_h
        swallowed = steady_state(regimen.pattern_mg, regimen.every_h, regimen.every_h, self.k, self.ka)
        self.steady = Amounts(*(one.f[:, None] * part for part in swallowed))
        self.depot = estimate.due.depot_mg - self.steady.depot_mg[:, 0]
        self.central = estimate.due.central_mg - self.steady.central_mg[:, 0]

    def share(self, number: int) -> float:
        """The weight of draws within `NEAR` of their steady state just before dose `number` (counted from 0)."""
        elapsed = np.full(len(self.k), number * self.every_h)
        distance = carried(self.depot, self.central, elapsed, self.k, self.ka).central_mg
        steady = self.steady.central_mg
        return float(self.weight.sum(where=np.abs(distance) <= NEAR * steady[:, number % steady.shape[1]]))
