"""Which of several options is the better one: the rule of choice. Every number here is a design rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tdm.decision.candidates import Simplicity, simplicity
from tdm.decision.changes_ahead import Condition
from tdm.decision.forecast import Option, Risk

Origin = Literal["candidate", "current", "protocol_start", "asked", "solution"]
# Why an option may not become the proposal.
Bar = Literal[
    "not_preparable",
    "above_studied",
    "above_ceiling",
    "above_later",
    "no_increase",
    "risk_alert",
    "risk_critical",
    "risk_above",
]

# Too high harms more than too low: from the chance within this part of the chance above is taken off.
WEIGHT_OF_ABOVE = 0.5
# Less than this chance is not expected to reach the window.
EVEN_CHANCE = 0.5
# Ranking: options within this of the best score count as equally good for the choice of the simplest pattern ...
NEARLY_BEST = 0.03
# ... and within this for the choice of the lowest chance above the window.
EQUAL_CHANCE = 0.01
# Chances above the window closer than this (the accuracy of the posterior) count as equal.
EQUAL_ABOVE = 0.005


@dataclass(frozen=True)
class Offered:
    """An option as the answer shows it: where it comes from, when it would start (h), and whether it may be advised.

    `bars` say why it may not become the proposal. `above_later` is the condition that is to come under which an
    increase would exceed the window too often.
    """

    option: Option
    origin: Origin
    start_h: float
    bars: tuple[Bar, ...] = ()
    risk: Risk | None = None
    above_later: Condition | None = None

    @property
    def within(self) -> float:
        """Return the chance of the window, or 0 without a window (no unit)."""
        return self.option.chance.within if self.option.chance else 0.0

    @property
    def above(self) -> float:
        """Return the chance above the window, or 0 without a window (no unit)."""
        return self.option.chance.above if self.option.chance else 0.0

    @property
    def score(self) -> float:
        """Return what it is ranked by (no unit): the chance within less part of the chance above."""
        return self.within - WEIGHT_OF_ABOVE * self.above

    @property
    def daily_dose_mg(self) -> float:
        """Return the dose per day, mg."""
        return self.option.regimen.daily_dose_mg

    @property
    def simplicity(self) -> Simplicity:
        """Return how simple it is to keep (no unit); to change from tablets to the solution is one thing more."""
        return Simplicity.SOLUTION if self.origin == "solution" else simplicity(self.option.regimen)

    @property
    def eligible(self) -> bool:
        """Return whether it may become the proposal (no unit); going on always may."""
        return self.origin == "current" or (self.origin != "asked" and not self.bars)

    @property
    def but_for_restraint(self) -> bool:
        """Return whether it might become the proposal (no unit) if an increase were free."""
        return self.eligible or (self.origin != "asked" and self.bars == ("no_increase",))


def rank(offered: Sequence[Offered], daily_mg: float | None) -> tuple[Offered, ...]:
    """Return options (mg) from the best to the least: the rule of choice, applied again to those that it left.

    `daily_mg` is the current dose per day, from which the change is counted (0 if nothing was given).
    """
    left, ranked = list(offered), []
    if any(one.option.chance is None for one in left):
        return tuple(sorted(left, key=lambda one: one.daily_dose_mg))
    while left:
        chosen = _best(left, daily_mg or 0.0)
        ranked.append(chosen)
        left = [one for one in left if one is not chosen]
    return tuple(ranked)


def _best(offered: Sequence[Offered], daily_mg: float) -> Offered:
    """Highest score; of the nearly best the simplest pattern, then the lowest chance above, then the least change."""
    best = max(offered, key=lambda one: one.score)
    if best.within < EVEN_CHANCE:
        return _nearest(offered, best)
    top = best.score
    near = [one for one in offered if one.score >= top - NEARLY_BEST]
    plainest = min(one.simplicity for one in near)
    simple = [one for one in near if one.simplicity == plainest]
    best_simple = max(one.score for one in simple)
    equal = [one for one in simple if one.score >= best_simple - EQUAL_CHANCE]
    safest = min(one.above for one in equal)
    return min(
        (one for one in equal if one.above <= safest + EQUAL_ABOVE),
        key=lambda one: (abs(one.daily_dose_mg - daily_mg), -one.score),
    )


def _nearest(offered: Sequence[Offered], best: Offered) -> Offered:
    """Where nothing has an even chance: of those equal to the best the dose that comes nearest to the window."""
    equal = [one for one in offered if one.score >= best.score - EQUAL_CHANCE]
    below = best.option.chance is not None and best.option.chance.below > best.above
    return min(equal, key=lambda one: (-one.daily_dose_mg if below else one.daily_dose_mg, one.simplicity, -one.score))
