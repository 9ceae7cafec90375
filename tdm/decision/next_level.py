"""When to measure again: when this patient's new steady state is near enough to be told from the old one.

Every number here is a design rule, unless it is read from the label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tdm.case.regimen import Regimen
from tdm.decision.decision import Decision, Hold, NoAdvice
from tdm.decision.forecast import Forecast
from tdm.decision.hold import unanswered_peak
from tdm.decision.situation import Situation
from tdm.pk.event_table import SAME_INSTANT_H
from tdm.pk.one_compartment import Amounts, carried, steady_state

# Near its new steady state: within this part of it ...
NEAR = 0.10
# ... for this part of the posterior.
SURE = 0.95
# A level that has to be repeated is repeated after this many days.
SOON_DAYS = (3.0, 5.0)
# A trough that has to tell what a high level meant is drawn within this many days.
AT_ONCE_DAYS = 1.0
# After a resume, or a change of the daily dose by more than this part, the level is measured after these days.
LARGE_CHANGE = 0.5
AFTER_LARGE_CHANGE_DAYS = (7.0, 8.0)
# After a drug starts or stops the level is measured after these days, then every week for as long.
AFTER_CHANGE_DAYS = (3.0, 5.0)
# ... namely every so many days ...
WEEKLY_DAYS = 7.0
# ... for so many days after the change.
FOLLOWED_DAYS = 28.0

Why = Literal[
    "near_steady_state",
    "not_yet_at_steady_state",
    "repeat_soon",
    "trough_missing",
    "at_once",
    "after_drug_change",
    "weekly",
    "after_large_change",
    "after_start",
]


@dataclass(frozen=True)
class NextLevel:
    """When to measure next, `from_h` to `to_h` (h on the case's clock), and why; `share` is how many draws are near."""

    from_h: float
    to_h: float
    why: Why
    share: float | None = None


def next_level(situation: Situation, forecast: Forecast, decision: Decision, regimen: Regimen | None) -> NextLevel:
    """Return when to measure next (h) if a regimen goes on, or none does; what has to be repeated comes first."""
    if isinstance(decision, Hold):
        return _within_days(situation, None, SOON_DAYS, "repeat_soon")
    if isinstance(decision, NoAdvice) and decision.because in ("hold_not_followed", "irreconcilable"):
        return _at_once(situation)
    if unanswered_peak(situation) is not None:
        return _at_once(situation)
    if situation.low is not None or situation.disagree:
        return _within_days(situation, regimen, SOON_DAYS, "repeat_soon")
    if regimen is None:
        return _after_start(situation)
    if situation.levels and situation.newest is None:
        due = situation.dosing.next_due_h
        return NextLevel(due, due, "trough_missing")
    usual = _after_drug_change(situation, regimen) or _near_steady_state(situation, forecast, regimen)
    if not _is_large(situation, regimen):
        return usual
    soon = _within_days(situation, regimen, AFTER_LARGE_CHANGE_DAYS, "after_large_change")
    return min(usual, soon, key=lambda one: one.to_h)


def _is_large(situation: Situation, regimen: Regimen) -> bool:
    """Whether a regimen resumes after an interruption, or changes the daily dose by more than half."""
    daily = situation.dosing.daily_dose_mg
    if daily is None:
        return False
    return situation.dosing.interrupted or abs(regimen.daily_dose_mg - daily) > LARGE_CHANGE * daily + SAME_INSTANT_H


def _at_once(situation: Situation) -> NextLevel:
    """The next pre-dose time, within a day."""
    now = situation.now_h
    due = min(max(situation.dosing.next_due_h, now), now + 24.0 * AT_ONCE_DAYS)
    return NextLevel(due, due, "at_once")


def _after_start(situation: Situation) -> NextLevel:
    """Without a regimen that goes on: the days that the label names, from the day on which one begins."""
    days = (situation.label.number("adjust_after_days_low"), situation.label.number("adjust_after_days_high"))
    return _within_days(situation, None, days, "after_start")


def _near_steady_state(situation: Situation, forecast: Forecast, regimen: Regimen) -> NextLevel:
    """The first pre-dose time (h) near steady state under a regimen that starts when the next dose is due.

    It is counted from the actual state of the body at `now` and lies within the days that the label names.
    """
    now, start_h = situation.now_h, situation.start_h
    earliest = now + 24.0 * situation.label.number("adjust_after_days_low")
    latest = now + 24.0 * situation.label.number("adjust_after_days_high")
    first = int(np.ceil((earliest - start_h - SAME_INSTANT_H) / regimen.every_h))
    last = max(first, int(np.floor((latest - start_h + SAME_INSTANT_H) / regimen.every_h)))
    near = _Approach(forecast, regimen)
    share = 0.0
    for number in range(first, last + 1):
        share = near.share(number)
        if share >= SURE:
            at = start_h + number * regimen.every_h
            return NextLevel(at, max(at, start_h + last * regimen.every_h), "near_steady_state", share)
    at = start_h + last * regimen.every_h
    return NextLevel(at, at, "not_yet_at_steady_state", share)


def _after_drug_change(situation: Situation, regimen: Regimen) -> NextLevel | None:
    """When to measure (h) because a drug starts, has started or has stopped; None if that is long past."""
    now = situation.now_h
    changes = [time for time in situation.drug_changes_h if now - 24.0 * FOLLOWED_DAYS < time - SAME_INSTANT_H]
    if not changes or situation.dosing.last_dose_h is None:
        return None
    early, late = (max(changes) + 24.0 * days for days in AFTER_CHANGE_DAYS)
    if now < late - SAME_INSTANT_H:
        return _at_trough_times(situation, regimen, max(early, now), late, "after_drug_change")
    week = now + 24.0 * WEEKLY_DAYS
    return _at_trough_times(situation, regimen, week, week + 24.0, "weekly")


def _within_days(situation: Situation, regimen: Regimen | None, days: tuple[float, float], why: Why) -> NextLevel:
    early, late = (situation.now_h + 24.0 * day for day in days)
    if regimen is None:
        return NextLevel(early, late, why)
    return _at_trough_times(situation, regimen, early, late, why)


def _at_trough_times(situation: Situation, regimen: Regimen, early: float, late: float, why: Why) -> NextLevel:
    """The pre-dose times within some days (h), or the days themselves if no dose falls into them."""
    due = situation.start_h
    first = due + regimen.every_h * np.ceil((early - due - SAME_INSTANT_H) / regimen.every_h)
    last = due + regimen.every_h * np.floor((late - due + SAME_INSTANT_H) / regimen.every_h)
    return NextLevel(early, late, why) if first > last else NextLevel(float(first), float(last), why)


class _Approach:
    """How the posterior's draws approach their own steady state under a regimen that starts when the next dose is due.

    The kinetics are linear, so the distance from the periodic steady state follows them as a body without doses would.
    """

    def __init__(self, forecast: Forecast, regimen: Regimen) -> None:
        one = forecast.individual
        self.weight, self.k, self.ka = forecast.weight, one.k_per_h, one.ka_per_h
        self.every_h = regimen.every_h
        swallowed = steady_state(regimen.pattern_mg, regimen.every_h, regimen.every_h, self.k, self.ka)
        self.steady = Amounts(*(one.f[:, None] * part for part in swallowed))
        self.depot = forecast.body.due.depot_mg - self.steady.depot_mg[:, 0]
        self.central = forecast.body.due.central_mg - self.steady.central_mg[:, 0]

    def share(self, number: int) -> float:
        """The weight of draws within `NEAR` of their steady state just before dose `number` (counted from 0)."""
        elapsed = np.full(len(self.k), number * self.every_h)
        distance = carried(self.depot, self.central, elapsed, self.k, self.ka).central_mg
        steady = self.steady.central_mg
        return float(self.weight.sum(where=np.abs(distance) <= NEAR * steady[:, number % steady.shape[1]]))
