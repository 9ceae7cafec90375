"""What forbids an increase, whatever the chances say. Every number here is a design rule.

A decrease and a hold are always free. Times in h, doses in mg, concentrations in ng/mL, probabilities without unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tdm.decision.forecast import Forecast, Risk
from tdm.decision.hold import unanswered_peak
from tdm.decision.ranking import Bar
from tdm.decision.safety_rules import Rule
from tdm.decision.situation import SETTLED_HALF_LIVES, Situation
from tdm.patient.history import DrawnLevel
from tdm.pk.event_table import SAME_INSTANT_H

# No increase whose chance above the alert limit (or the top of the window, if that is higher) exceeds this ...
MOST_ABOVE_ALERT = 0.10
# ... above the critical limit this ...
MOST_ABOVE_CRITICAL = 0.02
# ... or above the window this.
MOST_ABOVE_WINDOW = 0.25

Cause = Literal["rule", "level_above_window", "peak", "unsettled", "response"]


@dataclass(frozen=True)
class Restraint:
    """One reason against any increase: an event's rule, or the level (ng/mL, h) that forbids it."""

    cause: Cause
    rule: Rule | None = None
    level: DrawnLevel | None = None


def restraints(situation: Situation, forecast: Forecast) -> tuple[Restraint, ...]:
    """Return what forbids any increase now, the most urgent first (no unit); nothing restrains a first dose."""
    if situation.dosing.daily_dose_mg is None:
        return ()
    found = [Restraint("rule", rule=rule) for rule in situation.rules if rule.effect == "no_increase"]
    newest, low, peak = situation.newest, situation.newest_low, unanswered_peak(situation)
    if low is not None and _is_above(situation, low):
        found.append(Restraint("level_above_window", level=low))
    if peak is not None:
        found.append(Restraint("peak", level=peak))
    if newest is not None and _is_unsettled(situation, forecast, newest):
        found.append(Restraint("unsettled", level=newest))
    if situation.responds:
        found.append(Restraint("response"))
    return tuple(found)


def bars_of_risk(situation: Situation, risk: Risk, above: float) -> tuple[Bar, ...]:
    """Return which limits of risk an increase exceeds (no unit)."""
    limits: tuple[tuple[bool, Bar], ...] = (
        (risk.above_critical > MOST_ABOVE_CRITICAL, "risk_critical"),
        (risk.above_alert > MOST_ABOVE_ALERT, "risk_alert"),
        (above > MOST_ABOVE_WINDOW, "risk_above"),
    )
    return tuple(bar for exceeded, bar in limits if exceeded)


def _is_above(situation: Situation, level: DrawnLevel) -> bool:
    """Whether a level was measured above the window, whatever was changed since."""
    window = situation.window
    return window is not None and not level.level.censored and level.level.value_ng_ml > window.high_ng_ml


def _is_unsettled(situation: Situation, forecast: Forecast, level: DrawnLevel) -> bool:
    """Whether a level was drawn too soon after the start, a change of dose or a drug's change to increase on it."""
    before = [change for change in situation.changes_h if change < level.time_h - SAME_INSTANT_H]
    return bool(before) and level.time_h - max(before) < SETTLED_HALF_LIVES * forecast.half_life_h
