"""What a poor liver does to the clearance of sirolimus, by Child-Pugh class, as measured; and what the label says."""

from __future__ import annotations

from typing import Literal, NamedTuple

from tdm.knowledge.label import LabelRules

ChildPugh = Literal["A", "B", "C"]
WORDS: dict[ChildPugh, str] = {"A": "mild", "B": "moderate", "C": "severe"}
# Design rule: the SD (no unit) of ln(clearance) that the measured changes leave open; the groups were small.
LIVER_SD = 0.3


class LiverChange(NamedTuple):
    """Factors (no unit) on the typical CL/F and V/F."""

    cl: float
    v: float


def liver_change(child_pugh: ChildPugh, label: LabelRules) -> LiverChange:
    """Return what a Child-Pugh class does to CL/F and V/F (factors without unit), as measured.

    Where the half-life was measured too, V/F is what makes both true: half-life = ln 2 V / CL.
    """
    word = WORDS[child_pugh]
    cl = 1.0 + label.number(f"hepatic_{word}_clearance_change_percent") / 100.0
    half_life = label.numbers.get(f"hepatic_{word}_half_life_change_percent")
    return LiverChange(cl, 1.0 if half_life is None else cl * (1.0 + half_life.value / 100.0))
