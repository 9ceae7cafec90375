"""What is doubtful about a case before any estimation: each check raises findings of the catalogue.

Every threshold here is a design rule, unless it is read from a model, a protocol or the label.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from tdm.case.regimen import Regimen
from tdm.decision.changes_ahead import low_hematocrit
from tdm.knowledge.assay import is_immunoassay, methods_named
from tdm.knowledge.label import LabelRules
from tdm.knowledge.model import PopulationModel
from tdm.knowledge.protocol import Protocol
from tdm.notation.formatting import share, when
from tdm.notation.quantities import NUMERIC_COVARIATES, UMOL_L_PER_MG_DL_OF_BILIRUBIN, range_in_words
from tdm.notation.sentence import Said, say
from tdm.patient.early_levels import AT_TROUGH
from tdm.patient.history import History
from tdm.patient.timeline import Order
from tdm.review.findings import Finding, finding

# A total bilirubin below this, umol/L, is rare (the normal range begins at 3.4) and would be a usual one in mg/dL ...
UNUSUAL_BELOW_UMOL_L = 5.0
# ... and one above this, mg/dL, is rare outside liver failure and would be a usual one in umol/L.
UNUSUAL_ABOVE_MG_DL = 5.0
# What is entered in mg/dL went through umol/L and back.
ROUNDING_MG_DL = 1e-9


def review_case(history: History, model: PopulationModel, protocol: Protocol, label: LabelRules) -> list[Finding]:
    """Return the findings on a case before any estimation; sentences carry their units."""
    return [
        *_limits(history, model),
        *_population(history, model, protocol),
        *_unused_levels(history, model),
        *_troughs(history),
        *_just_after_a_dose(history),
        *_assays(history, label),
        *_overlaps(history),
        *_dosing(history),
        *_hematocrit(history),
        *_bilirubin(history),
        *_after_now(history),
    ]


def _limits(history: History, model: PopulationModel) -> Iterator[Finding]:
    for unstudied in history.unstudied:
        quantity = NUMERIC_COVARIATES[unstudied.limit.of]
        yield finding(
            "outside_soft_limit",
            quantity=quantity.words,
            value=say("{value} {unit}", value=f"{unstudied.value:g}", unit=quantity.unit),
            model=model.id,
            studied=range_in_words(unstudied.limit.soft_low, unstudied.limit.soft_high, quantity.unit),
            source=unstudied.limit.source or None,
        )


def _population(history: History, model: PopulationModel, protocol: Protocol) -> Iterator[Finding]:
    if model.population is not None and model.population.borrowed_from:
        yield finding("prior_borrowed", model=model.id, disease=model.population.borrowed_from)
    if model.citation is None:
        yield finding("model_without_source", model=model.id)
    people = protocol.population
    if not people.admits_age(history.timeline.age_years):
        ages = range_in_words(people.age_low_years, people.age_high_years, "years")
        age = say("{value} {unit}", value=f"{history.timeline.age_years:g}", unit="years")
        yield finding("patient_outside_protocol", protocol=protocol.id, ages=ages, age=age)


def _unused_levels(history: History, model: PopulationModel) -> Iterator[Finding]:
    for drawn in history.levels:
        time = when(history.clock, drawn.time_h)
        if drawn.role == "before_first_dose":
            yield finding("level_before_first_dose", time=time)
        elif drawn.role == "in_future":
            yield finding("level_in_future", time=time, now=when(history.clock, history.now_h))
        elif drawn.role == "bound":
            assert drawn.interval_h is not None  # there was a dose
            earliest = f"{model.earliest_sample_fraction * drawn.interval_h:.3g} h"
            yield finding(
                "unexplained_level", time=time, since=f"{drawn.since_dose_h:.3g} h", model=model.id, earliest=earliest
            )
        elif drawn.used and not drawn.is_trough_or_later and drawn.distribution != AT_TROUGH:
            yield finding(
                "early_level",
                time=time,
                since=f"{drawn.since_dose_h:.3g} h",
                factor=f"{math.exp(drawn.distribution.ln_bias):.2f}",
                sd=share(drawn.distribution.ln_sd),
            )
    superseded = [drawn for drawn in history.levels if drawn.role == "superseded"]
    if superseded:
        last = max(drawn.time_h for drawn in superseded)
        yield finding("levels_superseded", count=str(len(superseded)), time=when(history.clock, last))


def _troughs(history: History) -> Iterator[Finding]:
    for drawn in history.used:
        if not drawn.is_trough and (drawn.is_trough_or_later or drawn.distribution == AT_TROUGH):
            yield finding(
                "not_a_trough",
                time=when(history.clock, drawn.time_h),
                since=f"{drawn.since_dose_h:.3g} h",
                interval=f"{drawn.interval_h:g} h",
            )


def _just_after_a_dose(history: History) -> Iterator[Finding]:
    for level in history.timeline.levels:
        if level.dose_h is not None and not history.timeline.is_ahead(level.time_h):
            yield finding(
                "level_just_after_dose",
                time=when(history.clock, level.time_h),
                minutes=f"{60.0 * (level.time_h - level.dose_h):.0f}",
                dose=when(history.clock, level.dose_h),
                taken=say("taken as drawn before it")
                if level.drawn_h < level.time_h
                else say("taken as drawn after it"),
            )


def _assays(history: History, label: LabelRules) -> Iterator[Finding]:
    low, high = label.number("cmia_bias_low_percent"), label.number("cmia_bias_high_percent")
    for drawn in history.used:
        time = when(history.clock, drawn.time_h)
        immunoassay = is_immunoassay(drawn.level.assay) if drawn.level.assay else None
        if immunoassay is None:
            several = len(methods_named(drawn.level.assay)) > 1
            yield finding("assay_ambiguous" if several else "assay_unknown", time=time)
        elif immunoassay:
            bias = say("Architect CMIA by {low} to {high} %", low=f"{low:g}", high=f"{high:g}")
            yield finding("immunoassay", time=time, bias=bias)


def _overlaps(history: History) -> Iterator[Finding]:
    """Both runs count: nobody can tell from a chart whether a renewed order replaced the old one."""
    clock, timeline = history.clock, history.timeline
    begun = sorted((order for order in timeline.orders if not timeline.is_ahead(order.start_h)), key=_start_h)
    for place, later in enumerate(begun):
        renewed = [order for order in begun[:place] if later.renews(order)]
        if renewed:
            earlier = renewed[-1]
            yield finding(
                "runs_overlap",
                first=_order_in_words(earlier),
                first_start=when(clock, earlier.start_h),
                second=_order_in_words(later),
                second_start=when(clock, later.start_h),
                end=when(clock, min(earlier.last_h, later.last_h)),
                total=f"{earlier.daily_dose_mg + later.daily_dose_mg:.3g} mg",
            )


def _start_h(order: Order) -> float:
    return order.start_h


def _order_in_words(order: Order) -> Said:
    return Regimen(pattern_mg=(order.dose_mg,), every_h=order.every_h or 24.0).in_words()


def _dosing(history: History) -> Iterator[Finding]:
    dosing = history.dosing
    if dosing.interrupted and dosing.last_dose_h is not None:
        days = f"{(history.now_h - dosing.last_dose_h) / 24.0:.3g}"
        since = when(history.clock, dosing.last_dose_h)
        yield finding("dosing_interrupted", gap=say("{days} days", days=days), since=since)
    elif dosing.last_dose_h is not None and dosing.regimen is None:
        yield finding("current_regimen_unknown")
    if history.planned_doses:
        yield finding("planned_doses", count=str(history.planned_doses))
    if history.late_changes:
        yield finding("later_covariates")


def _hematocrit(history: History) -> Iterator[Finding]:
    value = low_hematocrit(history)
    if value is not None:
        yield finding("low_hematocrit", hematocrit=f"{value:g} %")


def _bilirubin(history: History) -> Iterator[Finding]:
    """A bilirubin that would be usual in the other unit: few patients have it, and a slip of the unit is common."""
    timeline, name = history.timeline, "total_bilirubin_umol_l"
    for entry in (timeline.at_start, *timeline.changes):
        if name not in entry.values or timeline.is_ahead(entry.time_h):
            continue
        micromoles, in_mg_dl = entry.values[name], entry.fields[name] != name
        time = {} if entry.index is None else {"time": when(history.clock, entry.time_h)}
        milligrams = micromoles / UMOL_L_PER_MG_DL_OF_BILIRUBIN
        if not in_mg_dl and micromoles < UNUSUAL_BELOW_UMOL_L:
            other = f"{micromoles * UMOL_L_PER_MG_DL_OF_BILIRUBIN:.3g} umol/L"
            yield finding("bilirubin_unit", value=f"{micromoles:g} umol/L", other_unit="mg/dL", other=other, **time)
        if in_mg_dl and milligrams > UNUSUAL_ABOVE_MG_DL + ROUNDING_MG_DL:
            other = f"{milligrams / UMOL_L_PER_MG_DL_OF_BILIRUBIN:.2g} mg/dL"
            yield finding("bilirubin_unit", value=f"{milligrams:g} mg/dL", other_unit="umol/L", other=other, **time)


def _after_now(history: History) -> Iterator[Finding]:
    """What was observed after the decision contradicts its time; levels are told where they are read."""
    timeline, clock, now = history.timeline, history.clock, when(history.clock, history.now_h)
    for event in timeline.events:
        if timeline.is_ahead(event.time_h):
            named = say("{term}, grade {grade}", term=say(event.term), grade=str(event.grade))
            yield finding("event_in_future", time=when(clock, event.time_h), event=named, now=now)
    for count in timeline.counts:
        if timeline.is_ahead(count.time_h):
            counted = f"{count.count_10e9_l:g} x 10^9/L"
            yield finding("count_in_future", time=when(clock, count.time_h), count=counted, now=now)
