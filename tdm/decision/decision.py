"""From the forecast to a decision: which regimen next, keep, hold, or none. Every number here is a design rule.

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
from tdm.decision.forecast import Chance, Forecast
from tdm.decision.hold import HighTrough, NotFollowed, Wait, high_trough, wait_until
from tdm.decision.ranking import EVEN_CHANCE, Bar, Offered, Origin, rank
from tdm.decision.restraint import Restraint, bars_of_risk, restraints
from tdm.decision.safety_rules import Rule
from tdm.decision.situation import Situation
from tdm.knowledge.protocol import Window
from tdm.pk.event_table import SAME_INSTANT_H

Kind = Literal["start", "keep", "increase", "decrease", "change", "hold", "none"]
Silence = Literal["no_window", "irreconcilable", "hold_not_followed", "nothing_to_give"]

# Keep: going on has at least this chance after a trough within the window ...
KEEP_CHANCE = 0.80
# ... or a score within this of the best, ...
KEEP_WITHIN = 0.05
# ... and a chance above the window of at most this.
KEEP_ABOVE = 0.10
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
# What makes a dose too dangerous to be named even for a second opinion.
RISKS = frozenset({"risk_alert", "risk_critical", "risk_above", "above_later"})
# The need once daily and what can be given differ when the best chance is lower by more than this.
NOTABLE_LOSS = 0.05


@dataclass(frozen=True)
class Ceiling:
    """The highest daily dose (mg) to propose, and which rule sets it."""

    daily_mg: float
    studied_mg: float | None
    rule: Literal["studied", "label", "step", "current", "model"]


@dataclass(frozen=True)
class Need:
    """What once-daily dose (mg, any number) the window needs, and its chance."""

    once_daily_mg: float
    chance: Chance


@dataclass(frozen=True)
class Compared:
    """What was compared for a decision: `offered` is ranked, the best first; `best` is the best that may be advised."""

    offered: tuple[Offered, ...]
    current: Offered | None
    ceiling: Ceiling
    need: Need | None
    best: Offered | None


@dataclass(frozen=True)
class Advice:
    """A regimen to start, to keep or to change to.

    `instead_of` is the increase that was not advised because of the `restraints`.
    """

    kind: Kind
    compared: Compared
    proposal: Offered
    instead_of: Offered | None = None
    restraints: tuple[Restraint, ...] = ()

    @property
    def expected_to_reach(self) -> bool:
        """Return whether the proposal has at least an even chance of the window (no unit)."""
        return self.proposal.within >= EVEN_CHANCE


@dataclass(frozen=True)
class Hold:
    """No dose for now: because of a trough that is too high, of rules of tolerance, or of both."""

    compared: Compared
    wait: Wait
    trough: HighTrough | None
    rules: tuple[Rule, ...]
    without_rules: Offered | None = None

    @property
    def kind(self) -> Kind:
        """Return the kind of decision (no unit)."""
        return "hold"


@dataclass(frozen=True)
class NoAdvice:
    """Nothing is advised, and why: a level (ng/mL, h) in `trough` is the hold that was not followed."""

    compared: Compared
    because: Silence
    trough: NotFollowed | None = None

    @property
    def kind(self) -> Kind:
        """Return the kind of decision (no unit)."""
        return "none"


Decision = Advice | Hold | NoAdvice


def proposal_of(decision: Decision) -> Offered | None:
    """Return what a decision proposes (mg), if anything."""
    return decision.proposal if isinstance(decision, Advice) else None


def decide(situation: Situation, forecast: Forecast) -> Decision:
    """Return the decision (mg, h, ng/mL)."""
    restrained = restraints(situation, forecast)
    ceiling, need = dose_ceiling(situation), _need(forecast, situation.window)
    current = _current(situation, forecast)
    pool = _pool(situation, forecast, ceiling, need, current, bool(restrained))
    ranked = rank(pool, situation.dosing.daily_dose_mg)
    chosen = _chosen(situation, current, [one for one in ranked if one.eligible])
    asked = [_offered(situation, forecast, ceiling, regimen, "asked", False) for regimen in situation.asked]
    beyond = _beyond_studied(situation, forecast, ceiling, need, chosen)
    shown = _shown([*ranked, *beyond, *asked], chosen, forecast, situation.window)
    compared = Compared(shown, current, ceiling, need, chosen)
    held = _held(situation, forecast, compared)
    if held is not None:
        return held
    if situation.window is None:
        return NoAdvice(compared, "no_window")
    if situation.irreconcilable:
        return NoAdvice(compared, "irreconcilable")
    if chosen is None:
        return NoAdvice(compared, "nothing_to_give")
    proposal = full(chosen, forecast, situation.window)
    free = _chosen(situation, current, [one for one in ranked if one.but_for_restraint])
    increase = free is not None and free is not chosen and _kind(situation, free) == "increase"
    return Advice(
        _kind(situation, chosen),
        compared,
        proposal,
        full(free, forecast, situation.window) if increase and free is not None else None,
        restrained if increase else (),
    )


def choose(situation: Situation, forecast: Forecast, going_on: Regimen) -> Offered | None:
    """Return the regimen (mg) that would be chosen under the conditions of a forecast by a patient on `going_on`.

    None where no regimen that was studied has an even chance. A step is not limited: it is a step from nothing yet.
    """
    if situation.window is None:
        return None
    label = situation.label.number("most_mg_on_any_day")
    studied = situation.protocol.studied.highest_daily_dose_mg if situation.protocol.studied else label
    ceiling = Ceiling(min(label, max(studied, going_on.daily_dose_mg)), studied, "studied")
    current = Offered(forecast.option(going_on, situation.window), "current", 0.0)
    free = replace(situation, dosing=replace(situation.dosing, daily_dose_mg=None))
    pool = _pool(free, forecast, ceiling, _need(forecast, situation.window), current, False)
    ranked = rank(pool, going_on.daily_dose_mg)
    highest = max(one.within for one in ranked)
    if highest < EVEN_CHANCE:
        return None
    keeps = current.within >= highest - KEEP_WITHIN
    return full(current if keeps else next(one for one in ranked if one.eligible), forecast, situation.window)


def dose_ceiling(situation: Situation) -> Ceiling:
    """Return the highest daily dose (mg) that may be proposed: studied, by the label, by the model, and in one step.

    A step is from the higher of the current daily dose and the one under which the last trough was not too high, so
    that a patient whose inhibitor is gone comes back at once.
    """
    label = situation.label.number("most_mg_on_any_day")
    studied = situation.protocol.studied.highest_daily_dose_mg if situation.protocol.studied else None
    ceiling = Ceiling(label, studied, "label")
    current = situation.dosing.daily_dose_mg
    if studied is not None and studied < label:
        ceiling = Ceiling(studied, studied, "studied")
        if current is not None and current > studied:
            ceiling = Ceiling(min(current, label), studied, "current")
    if current is not None:
        step = LARGEST_STEP_UP * max(current, situation.accepted_daily_mg or 0.0)
        if step < ceiling.daily_mg:
            ceiling = Ceiling(step, studied, "step")
    if situation.most_daily_mg is not None and situation.most_daily_mg < ceiling.daily_mg:
        ceiling = Ceiling(situation.most_daily_mg, studied, "model")
    return ceiling


def _held(situation: Situation, forecast: Forecast, compared: Compared) -> Hold | NoAdvice | None:
    rules = tuple(rule for rule in situation.rules if rule.effect == "hold")
    high = high_trough(situation, forecast)
    trough = high if isinstance(high, HighTrough) else None
    if rules:
        return Hold(compared, wait_until(situation, forecast, None), trough, rules, compared.best)
    if isinstance(high, NotFollowed):
        return NoAdvice(compared, "hold_not_followed", high)
    if trough is None:
        return None
    resume = None if situation.irreconcilable or situation.window is None else compared.best
    if resume is not None:
        resume = full(resume, forecast, situation.window)
    wait = wait_until(situation, forecast, resume)
    if wait.resume is not None:
        wait = replace(wait, resume=replace(wait.resume, start_h=wait.p95_h))
    return Hold(compared, wait, trough, ())


def _chosen(situation: Situation, current: Offered | None, eligible: Sequence[Offered]) -> Offered | None:
    """The present dosing while it is good enough, or else the best of what may be advised (in order of rank)."""
    if situation.window is None or not eligible:
        return eligible[0] if eligible else None
    if current is None:
        return eligible[0]
    if current.above <= KEEP_ABOVE:
        if eligible[0].within < EVEN_CHANCE:
            return eligible[0]
        keeps = _is_good(situation, current) or current.score >= max(one.score for one in eligible) - KEEP_WITHIN
        return current if keeps else eligible[0]
    # too often above: what is less often above comes before going on, if it is good enough or not worse by the score
    safer = [one for one in eligible if one.above < current.above]
    good = [one for one in safer if one.within >= EVEN_CHANCE or one.score >= current.score]
    return good[0] if good else current


def _is_good(situation: Situation, current: Offered) -> bool:
    """Whether the newest level near a trough was within the window and going on has a good chance of it."""
    newest, window = situation.newest_low, situation.window
    if newest is None or newest.level.censored or window is None:
        return False
    return window.low_ng_ml <= newest.level.value_ng_ml <= window.high_ng_ml and current.within >= KEEP_CHANCE


def _need(forecast: Forecast, window: Window | None) -> Need | None:
    if window is None:
        return None
    return Need(*forecast.needed_once_daily(window))


def _current(situation: Situation, forecast: Forecast) -> Offered | None:
    regimen = situation.dosing.regimen
    if regimen is None:
        return None
    return Offered(forecast.option(regimen, situation.window), "current", situation.dosing.next_due_h)


def _pool(
    situation: Situation,
    forecast: Forecast,
    ceiling: Ceiling,
    need: Need | None,
    current: Offered | None,
    restrained: bool,
) -> list[Offered]:
    """Every option that is compared, each regimen once."""
    child = situation.age_years < ADULT_FROM_YEARS
    pool = [current] if current else []
    pool += [
        _offered(situation, forecast, ceiling, regimen, "protocol_start", restrained) for regimen in situation.starts
    ]
    known = [one.option.regimen for one in pool]
    middle = need.once_daily_mg if need else situation.dosing.daily_dose_mg or ceiling.daily_mg
    small = _is_little_needed(forecast)
    for regimen in candidates(situation.product, child, ceiling.daily_mg, middle, small):
        if not any(regimen.is_like(other) for other in known) and _listable(situation, regimen):
            pool.append(_offered(situation, forecast, ceiling, regimen, "candidate", restrained))
    if small and not situation.product_given:
        known = [one.option.regimen for one in pool]
        for regimen in solution_candidates(ceiling.daily_mg, middle):
            if not any(regimen.is_like(other) for other in known) and _listable(situation, regimen):
                pool.append(_offered(situation, forecast, ceiling, regimen, "solution", restrained))
    return pool


def _beyond_studied(
    situation: Situation, forecast: Forecast, ceiling: Ceiling, need: Need | None, chosen: Offered | None
) -> list[Offered]:
    """The once-daily dose above what was studied that would do, where nothing that was studied does; never advised."""
    studied = ceiling.studied_mg
    if studied is None or need is None or (chosen is not None and chosen.within >= EVEN_CHANCE):
        return []
    most = situation.label.number("most_mg_on_any_day")
    child = situation.age_years < ADULT_FROM_YEARS
    higher = [
        _offered(situation, forecast, ceiling, regimen, "candidate", False)
        for regimen in candidates(situation.product, child, most, need.once_daily_mg)
        if regimen.every_h == 24.0 and len(regimen.pattern_mg) == 1 and regimen.daily_dose_mg > studied + SAME_INSTANT_H
    ]
    would_do = [one for one in higher if one.within >= EVEN_CHANCE and not RISKS.intersection(one.bars)]
    return list(rank(would_do, situation.dosing.daily_dose_mg)[:1])


def _is_little_needed(forecast: Forecast) -> bool:
    """Whether drugs or the liver leave so little clearance that sparse doses and the solution are compared too."""
    left, plain = forecast.individual.apparent_cl_l_per_h, forecast.undisturbed.apparent_cl_l_per_h
    return bool(np.median(left) < SMALL_NEED * np.median(plain))


def _offered(
    situation: Situation, forecast: Forecast, ceiling: Ceiling, regimen: Regimen, origin: Origin, restrained: bool
) -> Offered:
    option = forecast.quick_option(regimen, situation.window)
    daily, current = regimen.daily_dose_mg, situation.dosing.daily_dose_mg
    bars: list[Bar] = []
    if origin not in ("candidate", "solution") and not is_preparable(regimen, situation.product):
        bars.append("not_preparable")
    if ceiling.studied_mg is not None and daily > max(ceiling.studied_mg, current or 0.0) + SAME_INSTANT_H:
        bars.append("above_studied")
    elif daily > ceiling.daily_mg + SAME_INSTANT_H:
        bars.append("above_ceiling")
    increases = current is not None and daily > current + SAME_INSTANT_H
    risk, later = None, None
    if increases and situation.window is not None and option.chance is not None:
        alert = max(situation.alert_ng_ml, situation.window.high_ng_ml)
        risk = forecast.risk(regimen, alert, situation.critical_ng_ml)
        bars += bars_of_risk(situation, risk, option.chance.above)
        later = _above_later(situation, forecast, regimen, situation.window)
        bars += ["above_later"] if later is not None else []
        bars += ["no_increase"] if restrained else []
    return Offered(option, origin, situation.start_h, tuple(bars), risk, later)


def _above_later(situation: Situation, forecast: Forecast, regimen: Regimen, window: Window) -> Condition | None:
    """The first condition to come under which an increase would be above the window too often."""
    return next(
        (
            condition
            for condition in situation.later
            if not condition.started
            and forecast.under_conditions(condition.individual).chance(regimen, window).above > MOST_ABOVE_LATER
        ),
        None,
    )


def _listable(situation: Situation, regimen: Regimen) -> bool:
    """Without a window, only once-daily doses around the current one are worth a line."""
    if situation.window is not None:
        return True
    daily = situation.dosing.daily_dose_mg
    near = daily is None or LISTED_FROM * daily <= regimen.daily_dose_mg <= LISTED_TO * daily
    return near and simplicity(regimen) == 0


def _shown(
    ranked: Sequence[Offered], chosen: Offered | None, forecast: Forecast, window: Window | None
) -> tuple[Offered, ...]:
    """The first few candidates, and whatever is chosen, current, a protocol's start, beyond studied or asked for.

    They come with all their numbers.
    """
    shown, listed = [], 0
    for one in ranked:
        if one.origin in ("candidate", "solution") and "above_studied" not in one.bars:
            listed += 1
            if listed > OPTIONS_LISTED and one is not chosen:
                continue
        shown.append(full(one, forecast, window))
    return tuple(shown)


def full(offered: Offered, forecast: Forecast, window: Window | None) -> Offered:
    """Return an option with all its numbers (mg, ng/mL, chances)."""
    return replace(offered, option=forecast.completed(offered.option, window))


def _kind(situation: Situation, chosen: Offered) -> Kind:
    dosing, daily = situation.dosing, chosen.daily_dose_mg
    if dosing.daily_dose_mg is None:
        return "start"
    if dosing.last_regimen is not None and dosing.last_regimen.is_like(chosen.option.regimen):
        return "keep"
    change = daily - dosing.daily_dose_mg
    if abs(change) < SAME_INSTANT_H:
        return "change"
    return "increase" if change > 0 else "decrease"
