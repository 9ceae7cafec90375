"""From the decision to the answer: wording, rounding, provenance and the curve; no rule of the domain is made here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tdm.answer.answer import (
    AheadAnswer,
    AheadOption,
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
    ResponseAnswer,
    Spread,
    Until,
    VisitAnswer,
    WindowAnswer,
)
from tdm.answer.curve import curve_points
from tdm.answer.provenance import basis_of
from tdm.answer.summary import summary_of
from tdm.case.case import Case
from tdm.case.regimen import Regimen
from tdm.decision.decision import Decision, later_troughs
from tdm.decision.forecast import QUANTILES, Option
from tdm.decision.label_proportion import Proportion, label_proportion
from tdm.decision.next_level import NextLevel, after_drug_change, next_level, next_trough, repeat_soon
from tdm.decision.outlook import Outlook
from tdm.decision.ranking import Offered
from tdm.decision.situation import Question
from tdm.inference.importance_sampling import quantiles
from tdm.notation.clock import Clock
from tdm.notation.formatting import percent
from tdm.notation.sentence import Said, listed, say
from tdm.patient.estimate import Estimate, concentrations_at
from tdm.patient.follow_up import Visit
from tdm.patient.history import History
from tdm.patient.platelet_response import SOURCE as RESPONSE_SOURCE
from tdm.patient.platelet_response import Definition, ResponseFound, response_of
from tdm.pk.superposition import Floats
from tdm.review.answered import still_asked
from tdm.review.findings import Finding

# The findings after which a level has to be repeated soon.
REPEAT_AFTER = ("levels_contradict", "check_adherence")
# The texts of the label file that are checked before the first dose.
PRECAUTIONS = ("before_start", "contraception", "vaccines", "monitoring", "allergy")


@dataclass(frozen=True)
class Surroundings:
    """What surrounds the level: what is foreseen, the response of the platelets, and the visits (h)."""

    ahead: tuple[Outlook, ...]
    response: ResponseFound | None
    visits: tuple[Visit, ...]


def assemble(
    case: Case,
    question: Question,
    decision: Decision,
    findings: tuple[Finding, ...],
    why_model: str | None,
    surroundings: Surroundings,
) -> Recommendation:
    """Return the answer of a decision with its findings (units in the names of its fields)."""
    estimate, clock = question.estimate, question.estimate.history.clock
    goes_on = decision.proposal or decision.current
    return Recommendation(
        decision=decision.kind,
        summary=summary_of(question, decision, findings),
        now=clock.time(estimate.history.now_h),
        window=_window(question),
        proposal=_option(question, decision.proposal, clock, decision) if decision.proposal else None,
        hold=_hold(question, decision, clock),
        options=tuple(_listed_option(question, offered, clock, decision, findings) for offered in decision.offered),
        current=_option(question, decision.current, clock, decision) if decision.current else None,
        label_rule=_label_rule(question),
        individual=_individual(estimate),
        fits=(_fit(estimate, clock),),
        next_level=_next_level(question, decision, goes_on.option.regimen if goes_on else None, findings, clock),
        ahead=tuple(_ahead(one, clock) for one in surroundings.ahead),
        response=_response(case, estimate.history, surroundings.response),
        follow_up=tuple(_visit(one, clock) for one in surroundings.visits),
        precautions=_precautions(case, question),
        findings=findings,
        basis=basis_of(case, question, why_model),
        curve=_curve(question, goes_on if decision.hold is None else None, clock),
    )


def _response(case: Case, history: History, found: ResponseFound | None) -> ResponseAnswer | None:
    if found is None:
        return None
    other: Definition = "or" if case.response_definition == "and" else "and"
    variant = response_of(history.timeline.counts_by_now(), other)
    assert variant is not None  # it has the same counts
    return ResponseAnswer(
        **vars(found),
        definition=case.response_definition,
        by_the_other_definition=variant.response,
        source=RESPONSE_SOURCE,
    )


def _visit(one: Visit, clock: Clock) -> VisitAnswer:
    return VisitAnswer(month=one.month, time=clock.time(one.time_h), of_protocol=one.of_protocol, tests=dict(one.items))


def _precautions(case: Case, question: Question) -> tuple[Said, ...]:
    """What to check before the first dose, as the label and the reviews say it."""
    if question.estimate.history.first_dose_h is not None:
        return ()
    return tuple(Said(question.label.texts[name]) for name in PRECAUTIONS)


def _ahead(one: Outlook, clock: Clock) -> AheadAnswer:
    return AheadAnswer(
        time=None if one.condition.time_h is None else clock.time(one.condition.time_h),
        what=one.condition.what,
        unchanged=_ahead_option(one.unchanged),
        then=_ahead_option(one.then.option) if one.then is not None else None,
    )


def _ahead_option(option: Option) -> AheadOption:
    return AheadOption(
        regimen=option.regimen,
        daily_dose_mg=option.regimen.daily_dose_mg,
        trough_ng_ml=_spread(option),
        probability=_probability(option),
    )


def _spread(option: Option) -> Spread:
    return Spread(median=option.median_ng_ml, p05=option.p05_ng_ml, p95=option.p95_ng_ml)


def _probability(option: Option) -> Probability | None:
    chance = option.chance
    return Probability(below=chance.below, within=chance.within, above=chance.above) if chance else None


def _option(question: Question, offered: Offered, clock: Clock, decision: Decision) -> AnswerOption:
    option = offered.option
    return AnswerOption(
        regimen=option.regimen,
        start_at=clock.time(offered.start_h),
        daily_dose_mg=option.regimen.daily_dose_mg,
        trough_ng_ml=_spread(option),
        probability=_probability(option),
        measured_within=option.measured_within,
        reason=_reason(question, offered, decision),
        asked=offered.origin == "asked",
    )


def _listed_option(
    question: Question, offered: Offered, clock: Clock, decision: Decision, findings: tuple[Finding, ...]
) -> AnswerOption:
    """An option of the list; one that was asked for brings its own picture and next level, but not under a hold."""
    option = _option(question, offered, clock, decision)
    if offered.origin != "asked" or decision.hold is not None:
        return option
    then = _next_level(question, decision, offered.option.regimen, findings, clock)
    return option.model_copy(update={"curve": _curve(question, offered, clock), "next_level": then})


def _window(question: Question) -> WindowAnswer | None:
    window = question.window
    return WindowAnswer(low_ng_ml=window.low_ng_ml, high_ng_ml=window.high_ng_ml) if window else None


def _reason(question: Question, offered: Offered, decision: Decision) -> Said:
    """Why an option is there, and why it cannot be the proposal where it cannot."""
    parts: list[str] = []
    if offered.origin == "current":
        parts.append(say("going on as now"))
    elif offered.origin == "asked":
        parts.append(say("asked for"))
    elif offered.origin == "solution":
        parts.append(say("with the oral solution, 1 mg/mL"))
    elif offered.origin == "protocol_start" and question.protocol.start:
        parts.append(say("the protocol's own start ({text})", text=question.protocol.start.text))
    if decision.proposal is not None and offered.option.regimen == decision.proposal.option.regimen:
        parts.append(say("the proposal"))
    if not offered.preparable:
        parts.append(say("cannot be prepared from {product}", product=question.product.in_words()))
    if not offered.within_studied:
        ceiling = f"{decision.ceiling.daily_mg:g} mg"
        parts.append(say("above {ceiling} per day, the most that is proposed here", ceiling=ceiling))
    if offered.above_later is not None and question.window is not None:
        above = later_troughs(question, offered.above_later).chance(offered.option.regimen, question.window).above
        parts.append(say("above the window in {chance} {when}", chance=percent(above), when=offered.above_later.what))
    return listed(parts) if parts else say("can be given")


def _hold(question: Question, decision: Decision, clock: Clock) -> HoldAnswer | None:
    hold = decision.hold
    if hold is None:
        return None
    resume, limit = _resumed(question, decision, clock), f"{hold.limit_ng_ml:g} ng/mL"
    return HoldAnswer(
        until=Until(median=clock.time(hold.median_h), p95=clock.time(hold.p95_h)),
        condition=say("the event is cleared up, its physician agrees, and a level at or below {limit}", limit=limit)
        if decision.held_by
        else say("a repeated level at or below {limit}; never the passing of time alone", limit=limit),
        resume=resume,
    )


def _resumed(question: Question, decision: Decision, clock: Clock) -> AnswerOption | None:
    assert decision.hold is not None  # it is a hold
    resume = decision.hold.resume
    if resume is None:
        return None
    shown = next(one for one in decision.offered if one.option.regimen == resume.option.regimen)  # the best is listed
    answer = _option(question, shown, clock, decision)
    return answer.model_copy(
        update={"start_at": clock.time(resume.start_h), "reason": say("after a repeated level fulfils the condition")}
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
        clearance_l_per_h=parameter("apparent_cl_l_per_h"),
        volume_l=parameter("apparent_v_l"),
        half_life_h=parameter("half_life_h"),
    )


def _fit(estimate: Estimate, clock: Clock) -> Fit:
    history = estimate.history
    times = np.array([drawn.level.drawn_h for drawn in history.levels])
    nothing = np.zeros((1, 0))
    zero = np.zeros_like(estimate.modes.eta)
    population = concentrations_at(estimate, zero, times) if len(times) else nothing
    own = concentrations_at(estimate, estimate.modes.eta, times) if len(times) else nothing
    residual = dict(zip((d.index for d in history.used), estimate.residuals_at_mode, strict=True))
    levels = [
        LevelFit(
            time=clock.time(drawn.time_h),
            observed_ng_ml=None if drawn.level.censored else drawn.level.value_ng_ml,
            below_ng_ml=drawn.level.value_ng_ml if drawn.level.censored else None,
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
    question: Question, decision: Decision, regimen: Regimen | None, findings: tuple[Finding, ...], clock: Clock
) -> NextLevelAnswer | None:
    estimate = question.estimate
    if decision.hold is not None:
        found = repeat_soon(estimate, None)
    elif still_asked(findings, *REPEAT_AFTER):
        found = repeat_soon(estimate, regimen)
    elif regimen is None:
        return None
    elif decision.stopped_by is not None or (estimate.history.levels and not estimate.history.used):
        found = next_trough(estimate)
    else:
        found = after_drug_change(estimate, regimen) or next_level(estimate, regimen, question.label)
    return NextLevelAnswer(from_=clock.time(found.from_h), to=clock.time(found.to_h), reason=_why_then(found))


def _why_then(found: NextLevel) -> Said:
    if found.why == "repeat_soon":
        return say("a level has to be repeated within 3 to 5 days")
    if found.why == "trough_missing":
        return say("no level could be used: measure a trough just before the next dose")
    if found.why == "after_change":
        return say("3 to 5 days after a drug that may interact starts or stops")
    if found.why == "weekly":
        return say("weekly after a drug that may interact started or stopped")
    chance = percent(found.share or 0.0)
    if found.why == "near_steady_state":
        return say(
            "from 7 to 14 days on, the first pre-dose time within 10 % of the new steady state; chance {chance}",
            chance=chance,
        )
    return say(
        "by then within 10 % of the new steady state with a chance of only {chance}; later levels will tell more",
        chance=chance,
    )


def _curve(question: Question, chosen: Offered | None, clock: Clock) -> Curve:
    due = question.estimate.history.start_h
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
