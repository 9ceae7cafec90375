"""From the posterior to a decision: which regimen next, keep, hold, or none. Every number here is a design rule.

The functions read as the rules do; `tdm/README.md` lists the rules in words. Times in h on the case's clock, doses in
mg, concentrations in ng/mL, probabilities without unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tdm.case.regimen import Regimen
from tdm.decision.candidates import (
    LARGEST_STEP_UP,
    candidates,
    is_preparable,
    simplicity,
    solution_candidates,
)
from tdm.decision.changes_ahead import Condition
from tdm.decision.forecast import Chance, Troughs
from tdm.decision.hold import EVEN_CHANCE, Hold, hold_until, must_hold
from tdm.decision.ranking import Offered, Origin, rank
from tdm.decision.safety_rules import Rule
from tdm.decision.situation import Question
from tdm.knowledge.protocol import Window
from tdm.patient.history import DrawnLevel
from tdm.pk.event_table import SAME_INSTANT_H

Kind = Literal["start", "keep", "increase", "decrease", "change", "hold", "none"]

# Keep: going on has at least this chance after a trough within the window ...
KEEP_CHANCE = 0.80
# ... or is within this of the best.
KEEP_WITHIN = 0.05
# How many of the ranked candidates an answer lists.
OPTIONS_LISTED = 6
# Without a window there is no ranking: candidates between these parts of the current daily dose are listed.
LISTED_FROM, LISTED_TO = 0.5, 2.0
ADULT_FROM_YEARS = 18.0
# No increase that would be above the window with more than this chance when the haematocrit has recovered, or another
# foreseen change has come.
MOST_ABOVE_LATER = 0.20
# Sparse doses and the solution are compared where drugs or the liver leave less than this part of the clearance.
SMALL_NEED = 0.5
# The need once daily and what can be given differ when the best chance is lower by more than this.
NOTABLE_LOSS = 0.05


@dataclass(frozen=True)
class Ceiling:
    """The highest daily dose (mg) to propose, and which rule sets it."""

    daily_mg: float
    studied_mg: float | None
    rule: Literal["studied", "label", "step", "current"]


@dataclass(frozen=True)
class Need:
    """What once-daily dose (mg, any number) the window needs, and its chance."""

    once_daily_mg: float
    chance: Chance


@dataclass(frozen=True)
class Decision:
    """The decision with everything that led to it; `offered` is ranked, the best first.

    `stopped_by` is a high level outside the fit on which an increase is not advised; `held_by` are the rules of
    tolerance that hold, whatever the level. `instead_of` is the increase that was not advised because of the rules in
    `restrained_by`, or, where these are none, because the platelets respond.
    """

    kind: Kind
    proposal: Offered | None
    offered: tuple[Offered, ...]
    current: Offered | None
    ceiling: Ceiling
    need: Need | None
    hold: Hold | None
    best: Offered | None
    stopped_by: DrawnLevel | None = None
    held_by: tuple[Rule, ...] = ()
    instead_of: Offered | None = None
    restrained_by: tuple[Rule, ...] = ()


def decide(question: Question, troughs: Troughs, contradiction: bool) -> Decision:
    """Return the decision (mg, h, ng/mL); `contradiction` says that the levels cannot be advised on."""
    ceiling = dose_ceiling(question)
    need = _need(troughs, question.window)
    current = _current(question, troughs)
    pool = _pool(question, troughs, ceiling, need, current)
    ranked = rank(pool, question.estimate.history.dosing.daily_dose_mg)
    asked = [_offered(question, troughs, ceiling, regimen, "asked") for regimen in question.asked]
    best = next((offered for offered in ranked if offered.eligible), None)
    shown = _shown([*ranked, *asked], best, troughs, question.window)
    decision = Decision("none", None, shown, current, ceiling, need, None, best)
    if must_hold(question):
        return replace(decision, kind="hold", hold=hold_until(question, None if contradiction else best))
    reachable = max((offered.within for offered in pool if offered.eligible), default=0.0)
    if question.window is None or contradiction or best is None or reachable < EVEN_CHANCE:
        return decision
    chosen = current if current is not None and _keeps(question, current, reachable) else best
    kind = _kind(question, chosen)
    unexplained = unexplained_high(question)
    if kind == "increase" and unexplained is not None:
        return replace(decision, stopped_by=unexplained)
    return replace(decision, kind=kind, proposal=full(chosen, troughs, question.window))


def choose(question: Question, troughs: Troughs, going_on: Regimen) -> Offered | None:
    """Return the regimen (mg) that would be chosen under the conditions of `troughs` by a patient on `going_on`.

    None where no regimen that was studied has an even chance. A step is not limited: it is a step from nothing yet.
    """
    if question.window is None:
        return None
    label = question.label.number("most_mg_on_any_day")
    studied = question.protocol.studied.highest_daily_dose_mg if question.protocol.studied else label
    ceiling = Ceiling(min(label, max(studied, going_on.daily_dose_mg)), studied, "studied")
    current = Offered(troughs.option(going_on, question.window), "current", 0.0, True, True)
    ranked = rank(_pool(question, troughs, ceiling, _need(troughs, question.window), current), going_on.daily_dose_mg)
    highest = max(one.within for one in ranked)
    if highest < EVEN_CHANCE:
        return None
    keeps = current.within >= highest - KEEP_WITHIN
    return full(current if keeps else next(one for one in ranked if one.eligible), troughs, question.window)


def unexplained_high(question: Question) -> DrawnLevel | None:
    """Return a level above the alert (ng/mL) that could not be fitted and that no later trough has answered, if any."""
    history, alert = question.estimate.history, question.label.number("alert_above_ng_ml")
    last = history.last_low_point
    return next(
        (
            drawn
            for drawn in history.levels
            if drawn.why_unused in ("too_early", "before_first_dose")
            and not drawn.level.censored
            and drawn.level.value_ng_ml > alert
            and (last is None or drawn.time_h > last.time_h)
        ),
        None,
    )


def dose_ceiling(question: Question) -> Ceiling:
    """Return the highest daily dose (mg) that may be proposed: studied, by the label, and in one step."""
    label = question.label.number("most_mg_on_any_day")
    studied = question.protocol.studied.highest_daily_dose_mg if question.protocol.studied else None
    ceiling = Ceiling(label, studied, "label")
    current = question.estimate.history.dosing.daily_dose_mg
    if studied is not None and studied < label:
        ceiling = Ceiling(studied, studied, "studied")
        if current is not None and current > studied:
            ceiling = Ceiling(min(current, label), studied, "current")
    if current is not None:
        step = LARGEST_STEP_UP * current * _needs_more(question)
        if step < ceiling.daily_mg:
            ceiling = Ceiling(step, studied, "step")
    return ceiling


def _needs_more(question: Question) -> float:
    """How many times more is needed than at the last level, or at the last dose without one, because drugs changed."""
    estimate, history = question.estimate, question.estimate.history
    if not history.interactions:
        return 1.0
    last = history.last_low_point
    then_h = last.time_h if last is not None else (history.dosing.last_dose_h or history.now_h)
    then = estimate.individual_at(then_h)
    change = np.median(estimate.decided.apparent_cl_l_per_h / then.apparent_cl_l_per_h)
    return max(1.0, float(change))


def _need(troughs: Troughs, window: Window | None) -> Need | None:
    if window is None:
        return None
    return Need(*troughs.needed_once_daily(window))


def _current(question: Question, troughs: Troughs) -> Offered | None:
    history = question.estimate.history
    if history.dosing.regimen is None:
        return None
    option = troughs.option(history.dosing.regimen, question.window)
    return Offered(option, "current", history.dosing.next_due_h, True, True)


def _pool(
    question: Question, troughs: Troughs, ceiling: Ceiling, need: Need | None, current: Offered | None
) -> list[Offered]:
    """Every option that is compared, each regimen once."""
    child = question.age_years < ADULT_FROM_YEARS
    pool = [current] if current else []
    pool += [_offered(question, troughs, ceiling, regimen, "protocol_start") for regimen in question.starts]
    known = [one.option.regimen for one in pool]
    middle = need.once_daily_mg if need else question.estimate.history.dosing.daily_dose_mg or ceiling.daily_mg
    small = _is_little_needed(question, troughs)
    for regimen in candidates(question.product, child, ceiling.daily_mg, middle, small):
        if not any(regimen.is_like(other) for other in known) and _listable(question, regimen):
            pool.append(_offered(question, troughs, ceiling, regimen, "candidate"))
    if small and not question.product_given:
        known = [one.option.regimen for one in pool]
        for regimen in solution_candidates(ceiling.daily_mg, middle):
            if not any(regimen.is_like(other) for other in known) and _listable(question, regimen):
                pool.append(_offered(question, troughs, ceiling, regimen, "solution"))
    return pool


def _is_little_needed(question: Question, troughs: Troughs) -> bool:
    """Whether drugs or the liver leave so little clearance that sparse doses and the solution are compared too."""
    one = troughs.individual or question.estimate.decided
    plain = question.estimate.individual_without
    return bool(np.median(one.apparent_cl_l_per_h) < SMALL_NEED * np.median(plain.apparent_cl_l_per_h))


def _offered(question: Question, troughs: Troughs, ceiling: Ceiling, regimen: Regimen, origin: Origin) -> Offered:
    allowed = regimen.daily_dose_mg <= ceiling.daily_mg + SAME_INSTANT_H
    preparable = origin in ("candidate", "solution") or is_preparable(regimen, question.product)
    start = question.estimate.history.start_h
    option, later = troughs.quick_option(regimen, question.window), _above_later(question, troughs, regimen)
    return Offered(option, origin, start, preparable, allowed, later)


def _above_later(question: Question, troughs: Troughs, regimen: Regimen) -> Condition | None:
    """The first condition to come under which more than now would be above the window too often."""
    daily, window = question.estimate.history.dosing.daily_dose_mg, question.window
    if daily is None or window is None or regimen.daily_dose_mg <= daily + SAME_INSTANT_H or troughs.individual:
        return None
    return next(
        (
            one
            for one in question.later
            if not one.started and later_troughs(question, one).chance(regimen, window).above > MOST_ABOVE_LATER
        ),
        None,
    )


def later_troughs(question: Question, condition: Condition) -> Troughs:
    """Return the troughs (ng/mL) under a condition that is to come."""
    estimate = question.estimate
    return Troughs(estimate, estimate.draws.weight, condition.individual)


def _listable(question: Question, regimen: Regimen) -> bool:
    """Without a window, only once-daily doses around the current one are worth a line."""
    if question.window is not None:
        return True
    daily = question.estimate.history.dosing.daily_dose_mg
    near = daily is None or LISTED_FROM * daily <= regimen.daily_dose_mg <= LISTED_TO * daily
    return near and simplicity(regimen) == 0


def _shown(
    ranked: Sequence[Offered], best: Offered | None, troughs: Troughs, window: Window | None
) -> tuple[Offered, ...]:
    """The first few candidates, and whatever is the best to advise, current, a protocol's start or asked for.

    They come with all their numbers.
    """
    shown, listed = [], 0
    for one in ranked:
        if one.origin in ("candidate", "solution"):
            listed += 1
            if listed > OPTIONS_LISTED and one is not best:
                continue
        shown.append(full(one, troughs, window))
    return tuple(shown)


def full(offered: Offered, troughs: Troughs, window: Window | None) -> Offered:
    """Return an option with all its numbers (mg, ng/mL, chances)."""
    return replace(offered, option=troughs.completed(offered.option, window))


def _keeps(question: Question, current: Offered, highest: float) -> bool:
    trough, window = question.estimate.history.last_trough, question.window
    assert window is not None  # there is something to keep within
    inside = (
        trough is not None
        and not trough.level.censored
        and window.low_ng_ml <= trough.level.value_ng_ml <= window.high_ng_ml
    )
    return (inside and current.within >= KEEP_CHANCE) or current.within >= highest - KEEP_WITHIN


def _kind(question: Question, chosen: Offered) -> Kind:
    dosing, daily = question.estimate.history.dosing, chosen.option.regimen.daily_dose_mg
    if dosing.daily_dose_mg is None:
        return "start"
    if dosing.last_regimen is not None and dosing.last_regimen.is_like(chosen.option.regimen):
        return "keep"
    change = daily - dosing.daily_dose_mg
    if abs(change) < SAME_INSTANT_H:
        return "change"
    return "increase" if change > 0 else "decrease"
