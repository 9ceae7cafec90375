"""Which of several options is the better one: the rule of choice. Every number here is a design rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tdm.decision.candidates import (
    Simplicity,
    simplicity,
)
from tdm.decision.changes_ahead import Condition
from tdm.decision.forecast import Option

Origin = Literal["candidate", "current", "protocol_start", "asked", "solution"]


# Ranking: options within this of the best chance count as equally good for the choice of the simplest pattern ...
NEARLY_BEST = 0.03


# ... and within this for the choice of the lowest chance above the window.
EQUAL_CHANCE = 0.01


# Chances above the window closer than this (the accuracy of the posterior) count as equal.
EQUAL_ABOVE = 0.005


@dataclass(frozen=True)
class Offered:
    """An option as the answer shows it: where it comes from, when it would start (h), and whether it may be advised.

    `above_later` is the condition that is to come under which an increase would exceed the window too often.
    """

    option: Option
    origin: Origin
    start_h: float
    preparable: bool
    within_studied: bool
    above_later: Condition | None = None

    @property
    def within(self) -> float:
        """Return the chance of the window, or 0 without a window (no unit)."""
        return self.option.chance.within if self.option.chance else 0.0

    @property
    def simplicity(self) -> Simplicity:
        """Return how simple it is to keep (no unit); to change from tablets to the solution is one thing more."""
        return Simplicity.SOLUTION if self.origin == "solution" else simplicity(self.option.regimen)

    @property
    def eligible(self) -> bool:
        """Return whether it may become the proposal (no unit)."""
        can_be = self.preparable and self.within_studied and self.above_later is None
        return self.origin == "current" or (self.origin != "asked" and can_be)


def rank(offered: Sequence[Offered], daily_mg: float | None) -> tuple[Offered, ...]:
    """Return options (mg) from the best to the least: the rule of choice, applied again to those that it left.

    `daily_mg` is the current dose per day, from which the change is counted (0 if nothing was given).
    """
    left, ranked = list(offered), []
    if any(one.option.chance is None for one in left):
        return tuple(sorted(left, key=lambda one: one.option.regimen.daily_dose_mg))
    while left:
        chosen = _best(left, daily_mg or 0.0)
        ranked.append(chosen)
        left = [one for one in left if one is not chosen]
    return tuple(ranked)


def _best(offered: Sequence[Offered], daily_mg: float) -> Offered:
    """Highest chance; of the nearly best the simplest pattern, then the lowest chance above, then the least change."""
    top = max(one.within for one in offered)
    near = [one for one in offered if one.within >= top - NEARLY_BEST]
    plainest = min(one.simplicity for one in near)
    simple = [one for one in near if one.simplicity == plainest]
    best_simple = max(one.within for one in simple)
    equal = [one for one in simple if one.within >= best_simple - EQUAL_CHANCE]
    safest = min(_above(one) for one in equal)
    return min(
        (one for one in equal if _above(one) <= safest + EQUAL_ABOVE),
        key=lambda one: (abs(one.option.regimen.daily_dose_mg - daily_mg), -one.within),
    )


def _above(offered: Offered) -> float:
    return offered.option.chance.above if offered.option.chance else 0.0
