"""What is doubtful about a decision: each check raises findings of the catalogue.

Every threshold here is a design rule, unless it is read from a model, a protocol or the label.
"""

from __future__ import annotations

from collections.abc import Iterator

from tdm.decision.candidates import is_preparable
from tdm.decision.decision import NOTABLE_LOSS, Decision, unexplained_high
from tdm.decision.forecast import Troughs
from tdm.decision.hold import EVEN_CHANCE, HighestTrough, highest_trough
from tdm.decision.situation import Question
from tdm.notation.formatting import percent, three_digits_or_more, when
from tdm.notation.quantities import range_in_words
from tdm.notation.sentence import Said, listed, say
from tdm.patient.estimate import under_reading
from tdm.review.findings import Finding, finding, not_blocking

AMBIGUITY_MATTERS = 0.05
EVEN_START = 0.5


def review_decision(question: Question, decision: Decision, troughs: Troughs, sisters: str) -> list[Finding]:
    """Return the findings on the decision; `sisters` names the windows (ng/mL) of the sister protocols."""
    return [
        *_high_levels(question),
        *_unexplained_high(question, decision),
        *_window(question, decision, sisters),
        *_reach(question, decision),
        *_studied(question, decision),
        *_preparable(question, decision),
        *_current_preparable(question, decision),
        *_start(question, decision),
        *_dose_limits(question, decision),
        *_ambiguities(question, decision, troughs),
    ]


def _high_levels(question: Question) -> Iterator[Finding]:
    label, highest = question.label, highest_trough(question)
    critical, alert = label.number("critical_above_ng_ml"), label.number("alert_above_ng_ml")
    if highest.ng_ml > critical:
        yield finding("level_above_20", critical=f"{critical:g} ng/mL", found=trough_in_words(highest))
    elif highest.ng_ml > alert:
        yield finding("level_above_15", alert=f"{alert:g} ng/mL", found=trough_in_words(highest))


def trough_in_words(highest: HighestTrough) -> Said:
    """Return what makes a trough high as text: measured or predicted, ng/mL."""
    level = f"{three_digits_or_more(highest.ng_ml)} ng/mL"
    return say("measured {level}", level=level) if highest.measured else say("predicted {level} now", level=level)


def _unexplained_high(question: Question, decision: Decision) -> Iterator[Finding]:
    drawn = unexplained_high(question)
    if drawn is None:
        return
    found = finding(
        "high_level_unexplained",
        alert=f"{question.label.number('alert_above_ng_ml'):g} ng/mL",
        level=f"{drawn.level.value_ng_ml:g} ng/mL",
        time=when(question.estimate.history.clock, drawn.time_h),
    )
    yield from [found] if decision.stopped_by is not None else not_blocking([found])


def _window(question: Question, decision: Decision, sisters: str) -> Iterator[Finding]:
    if question.window is None:
        yield finding("window_missing", protocol=question.protocol.id, windows=sisters)


def _reach(question: Question, decision: Decision) -> Iterator[Finding]:
    if (
        decision.kind == "none"
        and question.window is not None
        and (decision.best is None or decision.best.within < EVEN_CHANCE)
    ):
        best = decision.best
        yield finding(
            "no_regimen_reaches_half",
            window=str(question.window),
            regimen=best.option.regimen.in_words() if best else say("none"),
            chance=percent(best.within) if best else say("no chance"),
        )


def _studied(question: Question, decision: Decision) -> Iterator[Finding]:
    studied = decision.ceiling.studied_mg
    if studied is None:
        return
    current = question.estimate.history.dosing.daily_dose_mg
    what: list[Said] = []
    if current is not None and current > studied:
        what.append(say("The current {dose} per day", dose=f"{current:g} mg"))
    what += [
        offered.option.regimen.in_words()
        for offered in decision.offered
        if offered.origin == "asked" and offered.option.regimen.daily_dose_mg > studied
    ]
    best = decision.best.within if decision.best else 0.0
    need = decision.need
    if need and need.once_daily_mg > studied and need.chance.within > best + NOTABLE_LOSS:
        dose, chance = f"{need.once_daily_mg:.2g} mg", percent(need.chance.within)
        what.append(say("The dose that fits best, about {dose} per day ({chance} within),", dose=dose, chance=chance))
    for one in what:
        highest = say("{dose} per day", dose=f"{studied:g} mg")
        yield finding("dose_above_studied", what=one, highest=highest, protocol=question.protocol.id)


def _preparable(question: Question, decision: Decision) -> Iterator[Finding]:
    need, best = decision.need, decision.best
    if need is None or need.once_daily_mg > decision.ceiling.daily_mg:
        return
    loss = need.chance.within - (best.within if best else 0.0)
    if loss > NOTABLE_LOSS:
        yield finding(
            "dose_not_preparable",
            needed=f"{need.once_daily_mg:.2g} mg",
            product=question.product.in_words(),
            loss=say("{points} percentage points", points=f"{100 * loss:.0f}"),
        )


def _current_preparable(question: Question, decision: Decision) -> Iterator[Finding]:
    current = decision.current
    if current is not None and not is_preparable(current.option.regimen, question.product):
        regimen, product = current.option.regimen.in_words(), question.product.in_words()
        yield finding("current_dose_not_preparable", regimen=regimen, product=product)


def _start(question: Question, decision: Decision) -> Iterator[Finding]:
    starts = [one for one in decision.offered if one.origin == "protocol_start" and one.option.chance is not None]
    weak = [one for one in starts if one.within < EVEN_START]
    if weak and question.window is not None:
        chances = [
            say("on {regimen} {chance}", regimen=one.option.regimen.in_words(), chance=percent(one.within))
            for one in weak
        ]
        reached = say(
            "{chances} of such patients reach {window}", chances=listed(chances, ", "), window=str(question.window)
        )
        yield finding("protocol_start_conflict", model=question.estimate.model.id, chances=reached)


def _dose_limits(question: Question, decision: Decision) -> Iterator[Finding]:
    model = question.estimate.model
    if decision.proposal is None:
        return
    daily = decision.proposal.option.regimen.daily_dose_mg
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


def _ambiguities(question: Question, decision: Decision, troughs: Troughs) -> Iterator[Finding]:
    """Other readings of the model's source, on the same draws: does the chance of the best option change?"""
    estimate, window = question.estimate, question.window
    chosen = decision.proposal or decision.best
    if window is None or chosen is None:
        return
    for ambiguity in estimate.model.ambiguities:
        for reading in ambiguity.readings:
            update = {k: v for k, v in (("omega", reading.omega), ("residual", reading.residual)) if v is not None}
            weight = under_reading(estimate, estimate.model.model_copy(update=update))
            other = Troughs(estimate, weight).chance(chosen.option.regimen, window).within
            if abs(other - chosen.within) > AMBIGUITY_MATTERS:
                yield finding(
                    "model_ambiguity", reading=reading.label, other=percent(other), chance=percent(chosen.within)
                )
