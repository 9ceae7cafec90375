"""The proportion of the drug's label, which stands beside every proposal: new dose = dose * target / trough."""

from __future__ import annotations

from dataclasses import dataclass

from tdm.knowledge.label import LabelRules
from tdm.knowledge.protocol import Window
from tdm.notation.sentence import Said, say
from tdm.patient.history import History


@dataclass(frozen=True)
class Proportion:
    """The daily doses (mg) that the label's proportion gives for the window's limits and its midpoint, ng/mL."""

    current_mg: float
    trough_ng_ml: float
    for_low_mg: float
    for_midpoint_mg: float
    for_high_mg: float


def label_proportion(history: History, window: Window | None, label: LabelRules) -> Proportion | Said:
    """Return the label's proportion (mg per day), or one sentence why it does not apply."""
    trough, dosing = history.last_trough, history.dosing
    if window is None:
        return say("There is no window to aim at.")
    if dosing.regimen is None or dosing.daily_dose_mg is None:
        return say("There is no current regimen.")
    if trough is None:
        return say("There is no trough.")
    if trough.level.censored:
        return say("The last trough was reported as below a limit.")
    assert dosing.since_h is not None  # there is a regimen
    days = (trough.time_h - dosing.since_h) / 24.0
    if days < 0:
        return say("The last trough was drawn before the current regimen began.")
    needed = label.number("adjust_after_days_low")
    if days < needed:
        return say(
            "The last trough was drawn {days} days after the regimen began; the label waits {needed} days.",
            days=f"{days:.3g}",
            needed=f"{needed:g}",
        )
    if history.drugs_change_after(trough.time_h):
        return say("A drug that interacts was started or stopped after the last trough, or will be soon.")
    level, dose = trough.level.value_ng_ml, dosing.daily_dose_mg
    return Proportion(
        current_mg=dose,
        trough_ng_ml=level,
        for_low_mg=dose * window.low_ng_ml / level,
        for_midpoint_mg=dose * window.midpoint_ng_ml / level,
        for_high_mg=dose * window.high_ng_ml / level,
    )
