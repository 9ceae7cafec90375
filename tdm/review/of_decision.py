"""What is doubtful about a decision: each check raises findings of the catalogue.

Every threshold here is a design rule, unless it is read from a model, a protocol or the label.
"""

from __future__ import annotations

from collections.abc import Iterator

from tdm.decision.candidates import is_preparable
from tdm.decision.decision import NOTABLE_LOSS, Advice, Decision, Hold, NoAdvice, proposal_of
from tdm.decision.forecast import Forecast
from tdm.decision.hold import HighTrough, highest_trough, unanswered_peak
from tdm.decision.ranking import Offered
from tdm.decision.restraint import Restraint
from tdm.decision.situation import SETTLED_HALF_LIVES, Situation
from tdm.notation.clock import Clock
from tdm.notation.formatting import age_in_words, percent, three_digits_or_more, when
from tdm.notation.quantities import range_in_words
from tdm.notation.sentence import Said, listed, say
from tdm.patient.agreement import irreconcilable
from tdm.patient.estimate import Estimate, under_reading
from tdm.review.findings import Finding, finding

# Another reading of the model's source matters when it moves the chance by more than this.
AMBIGUITY_MATTERS = 0.05
# The protocol's start conflicts with the model where its chance is below this.
EVEN_START = 0.5


def review_decision(
    situation: Situation, decision: Decision, forecast: Forecast, estimate: Estimate, sisters: str
) -> list[Finding]:
    """Return the findings on the decision; `sisters` names the windows (ng/mL) of the sister protocols."""
    clock = estimate.history.clock
    return [
        *_high_levels(situation, decision, forecast, clock),
        *_peak(situation, clock),
        *_silence(situation, decision, estimate, sisters),
        *_rules(situation, decision),
        *_restrained(situation, decision, forecast, clock),
        *_reach(situation, decision),
        *_studied(situation, decision),
        *_preparable(situation, decision),
        *_current_preparable(situation, decision),
        *_start(situation, decision, estimate),
        *_dose_limits(decision, estimate),
        *_ambiguities(situation, decision, forecast, estimate),
    ]


def trough_in_words(high: HighTrough, clock: Clock, now_h: float) -> Said:
    """Return what makes a trough high as text: measured (when, and how long ago) or predicted, ng/mL."""
    level = f"{three_digits_or_more(high.ng_ml)} ng/mL"
    if high.level is None:
        return say("predicted {level} now", level=level)
    hours = high.level.time_h
    if hours >= now_h:
        return say("measured {level}", level=level)
    time, age = when(clock, hours), age_in_words(now_h - hours)
    return say("measured {level} at {time}, {age}", level=level, time=time, age=age)


def _high_levels(situation: Situation, decision: Decision, forecast: Forecast, clock: Clock) -> Iterator[Finding]:
    if isinstance(decision, Hold) and decision.trough is not None:
        high = decision.trough
    else:
        high = highest_trough(situation, forecast)
    if isinstance(decision, NoAdvice) and decision.trough is not None:
        return  # the hold that was not followed says it
    found = trough_in_words(high, clock, situation.now_h)
    if high.ng_ml > situation.critical_ng_ml:
        yield finding("level_above_20", critical=f"{situation.critical_ng_ml:g} ng/mL", found=found)
    elif high.ng_ml > situation.alert_ng_ml:
        yield finding("level_above_15", alert=f"{situation.alert_ng_ml:g} ng/mL", found=found)


def _peak(situation: Situation, clock: Clock) -> Iterator[Finding]:
    drawn = unanswered_peak(situation)
    if drawn is None:
        return
    since = say("no dose before it is known")
    if drawn.since_dose_h is not None:
        since = say("{hours} after a dose", hours=f"{drawn.since_dose_h:.3g} h")
    yield finding(
        "high_level_unexplained",
        critical=f"{situation.critical_ng_ml:g} ng/mL",
        level=f"{drawn.level.value_ng_ml:g} ng/mL",
        time=when(clock, drawn.time_h),
        since=since,
    )


def _silence(situation: Situation, decision: Decision, estimate: Estimate, sisters: str) -> Iterator[Finding]:
    """Why nothing is advised; a hold without a window misses it too."""
    if situation.window is None:
        yield finding("window_missing", protocol=situation.protocol.id, windows=sisters)
    if not isinstance(decision, NoAdvice):
        return
    clock = estimate.history.clock
    if decision.trough is not None:
        drawn = decision.trough.level
        yield finding(
            "hold_not_followed",
            level=f"{drawn.level.value_ng_ml:g} ng/mL",
            time=when(clock, drawn.time_h),
            age=age_in_words(situation.now_h - drawn.time_h),
        )
    pair = irreconcilable(estimate)
    if decision.because == "irreconcilable" and pair is not None:
        low, high = pair
        yield finding(
            "levels_irreconcilable",
            time=when(clock, high.time_h),
            low=f"{low.level.value_ng_ml:g} ng/mL",
            high=f"{high.level.value_ng_ml:g} ng/mL",
        )
    if decision.because == "nothing_to_give":
        yield finding("nothing_to_give", product=situation.product.in_words())


def _rules(situation: Situation, decision: Decision) -> Iterator[Finding]:
    """What tolerance asks for, whether or not it changed the decision."""
    for rule in situation.rules:
        code = "tolerance_hold" if rule.effect == "hold" else "tolerance_no_increase"
        yield finding(code, rule.source, rule=say(rule.sentence), changed=_changed(decision))


def _changed(decision: Decision) -> Said:
    other: Offered | None = None
    if isinstance(decision, Hold):
        other = decision.without_rules if decision.trough is None else None
    elif isinstance(decision, Advice):
        other = decision.instead_of
    if other is None:
        return say("it does not change the answer")
    return say("without it: {regimen}", regimen=other.option.regimen.in_words())


def _restrained(situation: Situation, decision: Decision, forecast: Forecast, clock: Clock) -> Iterator[Finding]:
    """Why an increase that the chances ask for is not advised; what events forbid is told by their rules."""
    if not isinstance(decision, Advice) or decision.instead_of is None:
        return
    for restraint in decision.restraints:
        if restraint.cause == "response":
            yield finding("responder_below_window", changed=_changed(decision))
        elif restraint.cause in ("level_above_window", "unsettled"):
            why = restraint_in_words(restraint, situation, forecast, clock)
            yield finding("no_increase", why=why, changed=_changed(decision))


def restraint_in_words(restraint: Restraint, situation: Situation, forecast: Forecast, clock: Clock) -> Said:
    """Return why an increase is not advised as text (ng/mL, h)."""
    if restraint.rule is not None:
        return say(restraint.rule.sentence)
    drawn = restraint.level
    if drawn is None:
        return say("The platelets respond")
    values = {"level": f"{drawn.level.value_ng_ml:g} ng/mL", "time": when(clock, drawn.time_h)}
    if restraint.cause == "level_above_window":
        return say(
            "The newest level ({level} at {time}) is above the window of {window}",
            window=str(situation.window),
            **values,
        )
    if restraint.cause == "peak":
        return say("The level of {time} ({level}) may be a peak, and is too high to be passed over", **values)
    return say(
        "The newest level ({level} at {time}) was drawn within {half_lives} half-lives ({hours}) of a change of dose "
        "or drugs",
        half_lives=f"{SETTLED_HALF_LIVES:g}",
        hours=f"{SETTLED_HALF_LIVES * forecast.half_life_h:.0f} h",
        **values,
    )


def _reach(situation: Situation, decision: Decision) -> Iterator[Finding]:
    if isinstance(decision, Advice) and not decision.expected_to_reach and situation.window is not None:
        yield finding(
            "no_regimen_reaches_half",
            window=str(situation.window),
            regimen=decision.proposal.option.regimen.in_words(),
            chance=percent(decision.proposal.within),
        )


def _studied(situation: Situation, decision: Decision) -> Iterator[Finding]:
    studied = decision.compared.ceiling.studied_mg
    if studied is None:
        return
    current = situation.dosing.daily_dose_mg
    what: list[Said] = []
    if current is not None and current > studied:
        what.append(say("The current {dose} per day", dose=f"{current:g} mg"))
    what += [
        offered.option.regimen.in_words()
        for offered in decision.compared.offered
        if offered.origin == "asked" and offered.option.regimen.daily_dose_mg > studied
    ]
    best = decision.compared.best.within if decision.compared.best else 0.0
    need = decision.compared.need
    if need and need.once_daily_mg > studied and need.chance.within > best + NOTABLE_LOSS:
        dose, chance = f"{need.once_daily_mg:.2g} mg", percent(need.chance.within)
        what.append(say("The dose that fits best, about {dose} per day ({chance} within),", dose=dose, chance=chance))
    for one in what:
        highest = say("{dose} per day", dose=f"{studied:g} mg")
        yield finding("dose_above_studied", what=one, highest=highest, protocol=situation.protocol.id)


def _preparable(situation: Situation, decision: Decision) -> Iterator[Finding]:
    need, compared = decision.compared.need, decision.compared
    if need is None or need.once_daily_mg > compared.ceiling.daily_mg:
        return
    # what is not advised now for another reason can be given all the same
    can_be_given = [one for one in compared.offered if not {"not_preparable", "above_studied"}.intersection(one.bars)]
    loss = need.chance.within - max((one.within for one in can_be_given if one.origin != "asked"), default=0.0)
    if loss > NOTABLE_LOSS:
        yield finding(
            "dose_not_preparable",
            needed=f"{need.once_daily_mg:.2g} mg",
            product=situation.product.in_words(),
            loss=say("{points} percentage points", points=f"{100 * loss:.0f}"),
        )


def _current_preparable(situation: Situation, decision: Decision) -> Iterator[Finding]:
    current = decision.compared.current
    if current is not None and not is_preparable(current.option.regimen, situation.product):
        regimen, product = current.option.regimen.in_words(), situation.product.in_words()
        yield finding("current_dose_not_preparable", regimen=regimen, product=product)


def _start(situation: Situation, decision: Decision, estimate: Estimate) -> Iterator[Finding]:
    starts = [
        one for one in decision.compared.offered if one.origin == "protocol_start" and one.option.chance is not None
    ]
    weak = [one for one in starts if one.within < EVEN_START]
    if weak and situation.window is not None:
        chances = [
            say("on {regimen} {chance}", regimen=one.option.regimen.in_words(), chance=percent(one.within))
            for one in weak
        ]
        reached = say(
            "{chances} of such patients reach {window}", chances=listed(chances, ", "), window=str(situation.window)
        )
        yield finding("protocol_start_conflict", model=estimate.model.id, chances=reached)


def _dose_limits(decision: Decision, estimate: Estimate) -> Iterator[Finding]:
    model = estimate.model
    proposal = proposal_of(decision)
    if proposal is None:
        return
    daily = proposal.daily_dose_mg
    for limit in model.limits:
        if limit.of == "daily_dose_mg" and not limit.studied(daily):
            yield finding(
                "outside_soft_limit",
                quantity=say("A daily dose"),
                value=f"{daily:g} mg",
                model=model.id,
                studied=range_in_words(limit.soft_low, limit.soft_high, "mg"),
                source=limit.source or None,
            )


def _ambiguities(situation: Situation, decision: Decision, forecast: Forecast, estimate: Estimate) -> Iterator[Finding]:
    """Other readings of the model's source, on the same draws: does the chance of the best option change?"""
    window = situation.window
    chosen = proposal_of(decision) or decision.compared.best
    if window is None or chosen is None:
        return
    for ambiguity in estimate.model.ambiguities:
        for reading in ambiguity.readings:
            update = {k: v for k, v in (("omega", reading.omega), ("residual", reading.residual)) if v is not None}
            weight = under_reading(estimate, estimate.model.model_copy(update=update))
            other = forecast.reweighted(weight).chance(chosen.option.regimen, window).within
            if abs(other - chosen.within) > AMBIGUITY_MATTERS:
                yield finding(
                    "model_ambiguity", reading=reading.label, other=percent(other), chance=percent(chosen.within)
                )
