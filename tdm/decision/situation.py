"""What is to be decided: the patient, the window, the rules and what can be given."""

from __future__ import annotations

from dataclasses import dataclass

from tdm.case.entries import Product
from tdm.case.regimen import Regimen
from tdm.decision.changes_ahead import Condition
from tdm.knowledge.label import LabelRules
from tdm.knowledge.protocol import Protocol, Window
from tdm.patient.estimate import Estimate


@dataclass(frozen=True)
class Question:
    """What is to be decided: the patient's estimate, the window (ng/mL), the rules and what can be given."""

    estimate: Estimate
    window: Window | None
    protocol: Protocol
    label: LabelRules
    product: Product
    asked: tuple[Regimen, ...]
    age_years: float
    starts: tuple[Regimen, ...]
    product_given: bool = True
    later: tuple[Condition, ...] = ()
