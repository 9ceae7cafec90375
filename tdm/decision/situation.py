"""What is known and asked when a dose is decided on, in h, mg and ng/mL: clinical facts, no model of the patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tdm.case.entries import Product
from tdm.case.regimen import Regimen
from tdm.decision.changes_ahead import Condition
from tdm.decision.safety_rules import Rule
from tdm.knowledge.label import LabelRules
from tdm.knowledge.protocol import Protocol, Window
from tdm.patient.dosing import Dosing
from tdm.patient.history import DrawnLevel

# Design rules: a level that was not acted on is too old to hold on after this many days ...
HOLD_STALE_DAYS = 14.0
# ... and a level within this many half-lives of a change is not yet one to increase on: 7/8 of the way is done then.
SETTLED_HALF_LIVES = 3.0
# A level above the critical limit within this many hours of a dose may be a peak.
PEAK_WITHIN_H = 8.0


@dataclass(frozen=True)
class Situation:
    """What is to be decided, and the facts that bear on it; times in h, doses in mg, concentrations in ng/mL.

    `levels` are those drawn by `now`, in order of time. `changes_h` are the times at which dosing or interacting drugs
    changed, `drug_changes_h` those of the drugs alone, those that start soon included. `last_dose_since` tells whether
    a dose was given after a time. `low` is the newest level if it is unexpectedly low and nobody said why, and
    `seen_taken` says that somebody saw the doses before it being taken. `disagree` says that the levels do not fit one
    patient, `irreconcilable` that two results of the newest instant exclude each other. `most_daily_mg` is a hard limit
    of the model, `accepted_daily_mg` the daily dose under which the last trough was at or below the top of the window.
    """

    now_h: float
    start_h: float
    window: Window | None
    protocol: Protocol
    label: LabelRules
    product: Product
    product_given: bool
    asked: tuple[Regimen, ...]
    starts: tuple[Regimen, ...]
    age_years: float
    dosing: Dosing
    levels: tuple[DrawnLevel, ...]
    changes_h: tuple[float, ...]
    drug_changes_h: tuple[float, ...]
    last_dose_since: Callable[[float], bool]
    later: tuple[Condition, ...] = ()
    rules: tuple[Rule, ...] = ()
    responds: bool = False
    low: DrawnLevel | None = None
    seen_taken: bool = False
    disagree: bool = False
    irreconcilable: bool = False
    accepted_daily_mg: float | None = None
    most_daily_mg: float | None = None

    @property
    def alert_ng_ml(self) -> float:
        """Return the limit above which the label alerts, ng/mL."""
        return self.label.number("alert_above_ng_ml")

    @property
    def critical_ng_ml(self) -> float:
        """Return the limit above which sirolimus is held, ng/mL."""
        return self.label.number("critical_above_ng_ml")

    @property
    def hold_limit_ng_ml(self) -> float:
        """Return the level down to which a hold lasts: the top of the window, or the alert limit without one, ng/mL."""
        return self.window.high_ng_ml if self.window else self.alert_ng_ml

    @property
    def newest_low(self) -> DrawnLevel | None:
        """Return the newest level that is fitted and near a trough (ng/mL, h), if any."""
        low = [drawn for drawn in self.levels if drawn.used and drawn.is_low_point]
        return low[-1] if low else None

    @property
    def newest(self) -> DrawnLevel | None:
        """Return the newest level that is fitted (ng/mL, h), if any."""
        fitted = [drawn for drawn in self.levels if drawn.used]
        return fitted[-1] if fitted else None
