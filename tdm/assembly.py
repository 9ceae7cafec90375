"""From the decision to the answer: wording, rounding, provenance and the curve; no rule of the domain is made here."""

from __future__ import annotations

import numpy as np

from tdm.answer import (
    AnswerOption,
    Curve,
    Fit,
    HoldAnswer,
    IndividualAnswer,
    LabelDoses,
    LabelRule,
    LevelFit,
    NextLevelAnswer,
    ParameterAnswer,
    Probability,
    Recommendation,
    Spread,
    Until,
)
from tdm.basis import basis_of
from tdm.case import Case
from tdm.clock import Clock
from tdm.curve import curve_points
from tdm.decision import Decision, Offered, Question
from tdm.estimate import Estimate, concentrations_at
from tdm.findings import Finding
from tdm.label_rule import Proportion, label_proportion
from tdm.next_level import NextLevel, next_level, next_trough, repeat_soon
from tdm.option import QUANTILES
from tdm.posterior import quantiles
from tdm.series import Floats
from tdm.wording import percent, product_in_words

# The findings after which a level has to be repeated soon.
REPEAT_AFTER = ("levels_contradict", "check_adherence")
VERBS = {
    "start": "Start with",
    "keep": "Keep",
    "increase": "Increase to",
    "decrease": "Decrease to",
    "change": "Change to",
}


def assemble(
    case: Case, question: Question, decision: Decision, findings: tuple[Finding, ...], why_model: str | None
) -> Recommendation:
    """Return the answer of a decision with its findings (units in the names of its fields)."""
    estimate, clock = question.estimate, question.estimate.history.clock
    return Recommendation(
        decision=decision.kind,
        summary=_summary(question, decision, findings),
        proposal=_option(question, decision.proposal, clock, decision) if decision.proposal else None,
        hold=_hold(question, decision, clock),
        options=tuple(_option(question, offered, clock, decision) for offered in decision.offered),
        current=_option(question, decision.current, clock, decision) if decision.current else None,
        label_rule=_label_rule(question),
        individual=_individual(estimate),
        fits=(_fit(estimate, clock),),
        next_level=_next_level(question, decision, findings, clock),
        findings=findings,
        basis=basis_of(case, question, why_model),
        curve=_curve(question, decision, clock),
    )


def _summary(question: Question, decision: Decision, findings: tuple[Finding, ...]) -> str:
    if decision.hold is not None:
        reason = next(one.message for one in findings if one.code == "level_above_20")
        return f"Hold sirolimus. {reason} Repeat the level before any further dose."
    if decision.proposal is None:
        blocking = [one.message for one in findings if one.severity == "blocking"]
        return "No dose is advised. " + " ".join(blocking)
    chosen = decision.proposal
    now = ""
    if decision.kind not in ("start", "keep") and decision.current is not None:
        now = f"; now {percent(decision.current.within)}"
    first = "First check adherence and repeat the level. Then: " if _low(findings) else ""
    verb = "Resume" if decision.kind == "keep" and decision.current is None else VERBS[decision.kind]
    return (
        f"{first}{verb} {chosen.option.regimen.in_words()}: {percent(chosen.within)} chance of a trough of "
        f"{question.window}{now}."
    )


def _low(findings: tuple[Finding, ...]) -> bool:
    return any(one.code == "check_adherence" for one in findings)


def _option(question: Question, offered: Offered, clock: Clock, decision: Decision) -> AnswerOption:
    option, chance = offered.option, offered.option.chance
    return AnswerOption(
        regimen=option.regimen,
        start_at=clock.time(offered.start_h),
        daily_dose_mg=option.regimen.daily_dose_mg,
        trough_ng_ml=Spread(median=option.median_ng_ml, p05=option.p05_ng_ml, p95=option.p95_ng_ml),
        probability=Probability(below=chance.below, within=chance.within, above=chance.above) if chance else None,
        measured_within=option.measured_within,
        reason=_reason(question, offered, decision),
        asked=offered.origin == "asked",
    )


def _reason(question: Question, offered: Offered, decision: Decision) -> str:
    """Why an option is there, and why it cannot be the proposal where it cannot."""
    reasons = {
        "candidate": "",
        "current": "going on as now",
        "protocol_start": f"the protocol's own start ({question.protocol.start.text})"
        if question.protocol.start
        else "",
        "asked": "asked for",
    }
    parts = [reasons[offered.origin]] if reasons[offered.origin] else []
    if decision.proposal is not None and offered.option.regimen == decision.proposal.option.regimen:
        parts.append("the proposal")
    if not offered.preparable:
        parts.append(f"cannot be prepared from {product_in_words(question.product)}")
    if not offered.within_studied:
        parts.append(f"above {decision.ceiling.daily_mg:g} mg per day, the most that is proposed here")
    return "; ".join(parts) or "can be given"


def _hold(question: Question, decision: Decision, clock: Clock) -> HoldAnswer | None:
    hold = decision.hold
    if hold is None:
        return None
    resume = _resumed(question, decision, clock)
    return HoldAnswer(
        until=Until(median=clock.time(hold.median_h), p95=clock.time(hold.p95_h)),
        condition=f"a repeated level at or below {hold.limit_ng_ml:g} ng/mL; never the passing of time alone",
        resume=resume,
    )


def _resumed(question: Question, decision: Decision, clock: Clock) -> AnswerOption | None:
    assert decision.hold is not None  # it is a hold
    resume = decision.hold.resume
    if resume is None:
        return None
    shown = next(one for one in decision.offered if one.option.regimen == resume.option.regimen)
    answer = _option(question, shown, clock, decision)
    return answer.model_copy(
        update={"start_at": clock.time(resume.start_h), "reason": "after a repeated level fulfils the condition"}
    )


def _label_rule(question: Question) -> LabelRule:
    found = label_proportion(question.estimate.history, question.window, question.label)
    source = question.label.texts["proportion"]
    if not isinstance(found, Proportion):
        return LabelRule(daily_dose_mg=None, current_daily_dose_mg=None, trough_ng_ml=None, reason=found, source=source)
    doses = LabelDoses(low=found.for_low_mg, midpoint=found.for_midpoint_mg, high=found.for_high_mg)
    return LabelRule(
        daily_dose_mg=doses,
        current_daily_dose_mg=found.current_mg,
        trough_ng_ml=found.trough_ng_ml,
        reason=None,
        source=source,
    )


def _individual(estimate: Estimate) -> IndividualAnswer:
    typical, mode, draws = estimate.typical, estimate.at_mode, estimate.individual

    def parameter(of: str) -> ParameterAnswer:
        p05, median, p95 = quantiles(getattr(draws, of), estimate.draws.weight, QUANTILES)
        return ParameterAnswer(
            typical=float(getattr(typical, of)[0]), map=float(getattr(mode, of)[0]), median=median, p05=p05, p95=p95
        )

    return IndividualAnswer(
        clearance_l_per_h=parameter("cl_l_per_h"), volume_l=parameter("v_l"), half_life_h=parameter("half_life_h")
    )


def _fit(estimate: Estimate, clock: Clock) -> Fit:
    history = estimate.history
    times = np.array([drawn.time_h for drawn in history.levels])
    nothing = np.zeros((1, 0))
    zero = np.zeros_like(estimate.modes.eta)
    population = concentrations_at(estimate, zero, times) if len(times) else nothing
    own = concentrations_at(estimate, estimate.modes.eta, times) if len(times) else nothing
    residual = dict(zip((d.index for d in history.used), estimate.residuals_at_mode, strict=True))
    levels = [
        LevelFit(
            time=clock.time(drawn.time_h),
            observed_ng_ml=drawn.level.level_ng_ml,
            below_ng_ml=drawn.level.below_ng_ml,
            population_ng_ml=population[0, place],
            individual_ng_ml=own[0, place],
            weighted_residual=residual[drawn.index] if drawn.used and not drawn.level.censored else None,
            used=drawn.used,
        )
        for place, drawn in enumerate(history.levels)
    ]
    return Fit(
        model=estimate.model.id, weight=1.0, eta=dict(estimate.eta), objective=estimate.objective, levels=tuple(levels)
    )


def _next_level(
    question: Question, decision: Decision, findings: tuple[Finding, ...], clock: Clock
) -> NextLevelAnswer | None:
    estimate = question.estimate
    chosen = decision.proposal or decision.current
    regimen = chosen.option.regimen if chosen else None
    if decision.hold is not None:
        found = repeat_soon(estimate, None)
    elif any(one.code in REPEAT_AFTER for one in findings):
        found = repeat_soon(estimate, regimen)
    elif chosen is None:
        return None
    elif estimate.history.levels and not estimate.history.used:
        found = next_trough(estimate)
    else:
        found = next_level(estimate, chosen.option.regimen, question.label)
    return NextLevelAnswer(from_=clock.time(found.from_h), to=clock.time(found.to_h), reason=_why_then(found))


def _why_then(found: NextLevel) -> str:
    if found.why == "repeat_soon":
        return "a level has to be repeated within 3 to 5 days"
    if found.why == "trough_missing":
        return "no level could be used: measure a trough just before the next dose"
    share = percent(found.share or 0.0)
    if found.why == "near_steady_state":
        return f"from 7 to 14 days on, the first pre-dose time within 10 % of the new steady state; chance {share}"
    return f"by then within 10 % of the new steady state with a chance of only {share}; later levels will tell more"


def _curve(question: Question, decision: Decision, clock: Clock) -> Curve:
    chosen = decision.proposal
    due = question.estimate.history.dosing.next_due_h
    points = curve_points(
        question.estimate, chosen.option.regimen if chosen else None, chosen.start_h if chosen else due
    )

    def numbers(values: Floats) -> tuple[float, ...]:
        return tuple(values.tolist())

    return Curve(
        times=tuple(clock.time(float(hours)) for hours in points.times_h),
        median=numbers(points.median),
        p05=numbers(points.p05),
        p95=numbers(points.p95),
    )
