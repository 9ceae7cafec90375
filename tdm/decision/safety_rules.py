"""What adverse events and platelets forbid, whatever the level says: one table of rules, applied after the ranking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tdm.patient.timeline import Count, Event, Timeline

Effect = Literal["hold", "no_increase"]
DESIGN_RULE = "design rule of this project"


@dataclass(frozen=True)
class Signs:
    """What the rules look at: events that are not over, counts in order (10^9/L), and whether a level is above 15."""

    events: tuple[Event, ...]
    platelets: tuple[Count, ...]
    above_alert: bool

    @property
    def worst_grade(self) -> int:
        """Return the highest CTCAE grade of the events (no unit), 0 without one."""
        return max((event.grade for event in self.events), default=0)

    @property
    def falling(self) -> bool:
        """Return whether the last platelet count (10^9/L) is below the one before."""
        counts = [one.count_10e9_l for one in self.platelets]
        return len(counts) > 1 and counts[-1] < counts[-2]

    def has(self, term: str) -> bool:
        """Return whether an event of this term (no unit) is going on."""
        return any(event.term == term for event in self.events)


@dataclass(frozen=True)
class Rule:
    """One rule: when it applies, what it does to the decision, how it is said, and where it comes from (no units)."""

    id: str
    applies: Callable[[Signs], bool]
    effect: Effect
    sentence: str
    source: str


RULES = (
    Rule("pneumonitis", lambda s: s.has("pneumonitis"), "hold", "Pneumonitis is suspected", DESIGN_RULE),
    Rule("tma", lambda s: s.has("TMA"), "hold", "Thrombotic microangiopathy is suspected", DESIGN_RULE),
    Rule("grade_4", lambda s: s.worst_grade >= 4, "hold", "An adverse event has grade 4", DESIGN_RULE),
    Rule("grade_3", lambda s: s.worst_grade == 3, "no_increase", "An adverse event has grade 3", DESIGN_RULE),
    Rule(
        "falling_platelets",
        lambda s: s.above_alert and s.falling,
        "no_increase",
        "The level is above 15 ng/mL and the platelets are falling",
        "US label and safety facts in seeds/label.toml",
    ),
)


def signs_of(timeline: Timeline, highest_ng_ml: float, alert_ng_ml: float) -> Signs:
    """Return what the rules look at by `now`, given the highest level (ng/mL) and the alert limit (ng/mL)."""
    events = tuple(
        event
        for event in timeline.events
        if not timeline.is_ahead(event.time_h) and (event.end_h is None or event.end_h > timeline.now_h)
    )
    return Signs(events, timeline.counts_by_now(), highest_ng_ml > alert_ng_ml)


def rules_for(signs: Signs) -> tuple[Rule, ...]:
    """Return the rules that apply (no unit), those that hold first."""
    applying = [rule for rule in RULES if rule.applies(signs)]
    return tuple(sorted(applying, key=lambda rule: rule.effect != "hold"))
