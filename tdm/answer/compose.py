"""From the decision to the answer: rounding, provenance and the curve; no rule of the domain is made here."""

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
    Mark,
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
from tdm.decision.decision import Advice, Decision, Hold, proposal_of
from tdm.decision.forecast import QUANTILES, Forecast, Option
from tdm.decision.label_proportion import Proportion, label_proportion
from tdm.decision.next_level import NextLevel, next_level
from tdm.decision.outlook import Outlook
from tdm.decision.ranking import Offered
from tdm.decision.situation import Situation
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
from tdm.review.findings import Finding

# The texts of the label file that are checked before the first dose.
PRECAUTIONS = ("before_start", "contraception", "vaccines", "monitoring", "allergy")


@dataclass(frozen=True)
class Surroundings:
    """What surrounds the level: what is foreseen, the response of the platelets, and the visits (h)."""

    ahead: tuple[Outlook, ...]
    response: ResponseFound | None
    visits: tuple[Visit, ...]


@dataclass(frozen=True)
class _Writer:
    """What every part of an answer is written from."""

    situation: Situation
    decision: Decision
    forecast: Forecast
    estimate: Estimate

    @property
    def clock(self) -> Clock:
        return self.estimate.history.clock


def assemble(
    case: Case,
    situation: Situation,
    decision: Decision,
    forecast: Forecast,
    estimate: Estimate,
    findings: tuple[Finding, ...],
    why_model: str | None,
    surroundings: Surroundings,
) -> Recommendation:
    """Return the answer of a decision with its findings (units in the names of its fields)."""
    history, compared = estimate.history, decision.compared
    write = _Writer(situation, decision, forecast, estimate)
    proposal = proposal_of(decision)
    goes_on = proposal or compared.current
    return Recommendation(
        decision=decision.kind,
        summary=summary_of(situation, decision, forecast, history, findings),
        now=history.clock.time(history.now_h),
        window=_window(situation),
        proposal=_option(write, proposal) if proposal else None,
        expected_to_reach=decision.expected_to_reach if isinstance(decision, Advice) else None,
        hold=_hold(write),
        options=tuple(_listed_option(write, offered) for offered in compared.offered),
        current=_option(write, compared.current) if compared.current else None,
        label_rule=_label_rule(situation, history),
        individual=_individual(estimate),
        fits=(_fit(estimate),),
        next_level=_next_level(write, goes_on.option.regimen if goes_on else None),
        ahead=tuple(_ahead(one, history.clock) for one in surroundings.ahead),
        response=_response(case, history, surroundings.response),
        follow_up=tuple(_visit(one, history.clock) for one in surroundings.visits),
        precautions=_precautions(situation, history),
        findings=findings,
        basis=basis_of(case, situation, estimate, why_model),
        curve=_curve(write, None if isinstance(decision, Hold) else goes_on),
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


def _precautions(situation: Situation, history: History) -> tuple[Said, ...]:
    """What to check before the first dose, as the label and the reviews say it."""
    if history.first_dose_h is not None:
        return ()
    return tuple(Said(situation.label.texts[name]) for name in PRECAUTIONS)


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


def _option(write: _Writer, offered: Offered) -> AnswerOption:
    option, studied = offered.option, write.decision.compared.ceiling.studied_mg
    reasons = _reasons(write, offered)
    return AnswerOption(
        regimen=option.regimen,
        start_at=write.clock.time(offered.start_h),
        daily_dose_mg=option.regimen.daily_dose_mg,
        trough_ng_ml=_spread(option),
        probability=_probability(option),
        measured_within=option.measured_within,
        reason=listed(reasons.values()) if reasons else say("can be given"),
        marks=tuple(reasons),
        asked=offered.origin == "asked",
        needs_second_opinion=studied is not None and "above_studied" in offered.bars,
    )


def _listed_option(write: _Writer, offered: Offered) -> AnswerOption:
    """An option of the list; one that was asked for brings its own picture and next level, but not under a hold."""
    option = _option(write, offered)
    if offered.origin != "asked" or isinstance(write.decision, Hold):
        return option
    then = _next_level(write, offered.option.regimen)
    return option.model_copy(update={"curve": _curve(write, offered), "next_level": then})


def _window(situation: Situation) -> WindowAnswer | None:
    window = situation.window
    return WindowAnswer(low_ng_ml=window.low_ng_ml, high_ng_ml=window.high_ng_ml) if window else None


def _reasons(write: _Writer, offered: Offered) -> dict[Mark, Said]:
    """Why an option is there, and why it cannot be the proposal where it cannot."""
    situation, proposal = write.situation, proposal_of(write.decision)
    parts: dict[Mark, Said] = {}
    if offered.origin == "current":
        parts["current"] = say("going on as now")
    elif offered.origin == "asked":
        parts["asked"] = say("asked for")
    elif offered.origin == "solution":
        parts["solution"] = say("with the oral solution, 1 mg/mL")
    elif offered.origin == "protocol_start" and situation.protocol.start:
        parts["protocol_start"] = say("the protocol's own start ({text})", text=situation.protocol.start.text)
    if proposal is not None and offered.option.regimen == proposal.option.regimen:
        parts["proposal"] = say("the proposal")
    elif offered.origin != "current":
        parts |= _barred(write, offered)
    return parts


def _barred(write: _Writer, offered: Offered) -> dict[Mark, Said]:
    """Why an option may not become the proposal, each reason in words."""
    situation, ceiling, risk = write.situation, write.decision.compared.ceiling, offered.risk
    parts: dict[Mark, Said] = {}
    for bar in offered.bars:
        if bar == "not_preparable":
            parts[bar] = say("cannot be prepared from {product}", product=situation.product.in_words())
        elif bar == "above_studied":
            studied = f"{ceiling.studied_mg:g} mg"
            parts[bar] = say("above {studied} per day, the most that was studied: a second opinion", studied=studied)
        elif bar == "above_ceiling":
            most = f"{ceiling.daily_mg:g} mg"
            parts[bar] = say("above {ceiling} per day, the most that is proposed here", ceiling=most)
        elif bar == "above_later" and offered.above_later is not None and situation.window is not None:
            later = write.forecast.under_conditions(offered.above_later.individual)
            above = later.chance(offered.option.regimen, situation.window).above
            parts[bar] = say(
                "above the window in {chance} {when}", chance=percent(above), when=offered.above_later.what
            )
        elif bar == "risk_above":
            parts[bar] = say("too often above the window for an increase")
        elif bar == "risk_alert" and risk is not None and situation.window is not None:
            limit = f"{max(situation.alert_ng_ml, situation.window.high_ng_ml):g} ng/mL"
            chance = percent(risk.above_alert)
            parts[bar] = say("above {limit} in {chance}: too often for an increase", limit=limit, chance=chance)
        elif bar == "risk_critical" and risk is not None:
            limit, chance = f"{situation.critical_ng_ml:g} ng/mL", percent(risk.above_critical)
            parts[bar] = say("above {limit} in {chance}: too often for an increase", limit=limit, chance=chance)
        elif bar == "no_increase":
            parts[bar] = say("no increase now")
    return parts


def _hold(write: _Writer) -> HoldAnswer | None:
    decision, clock = write.decision, write.clock
    if not isinstance(decision, Hold):
        return None
    wait, limit = decision.wait, f"{decision.wait.limit_ng_ml:g} ng/mL"
    return HoldAnswer(
        until=Until(median=clock.time(wait.median_h), p95=clock.time(wait.p95_h)),
        condition=say("the event is cleared up, its physician agrees, and a level at or below {limit}", limit=limit)
        if decision.rules
        else say("a repeated level at or below {limit}; never the passing of time alone", limit=limit),
        resume=_resumed(write, wait.resume) if wait.resume is not None else None,
    )


def _resumed(write: _Writer, resume: Offered) -> AnswerOption:
    reason = say("after a repeated level fulfils the condition")
    return _option(write, resume).model_copy(update={"reason": reason, "marks": ("after_hold",)})


def _label_rule(situation: Situation, history: History) -> LabelRule:
    found = label_proportion(history, situation.window, situation.label)
    source = situation.label.texts["proportion"]
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


def _fit(estimate: Estimate) -> Fit:
    """The fit of each level; what is compared with an early one is the curve with its bias."""
    history = estimate.history
    times = np.array([drawn.level.drawn_h for drawn in history.levels])
    factor = np.exp([drawn.distribution.ln_bias if drawn.used else 0.0 for drawn in history.levels])
    zero = np.zeros_like(estimate.modes.eta)
    population, own = (
        concentrations_at(estimate, eta, times)[0] * factor if len(times) else np.zeros(0)
        for eta in (zero, estimate.modes.eta)
    )
    residual = dict(zip((d.index for d in history.used), estimate.residuals_at_mode, strict=True))
    levels = [
        LevelFit(
            time=history.clock.time(drawn.time_h),
            observed_ng_ml=None if drawn.level.censored else drawn.level.value_ng_ml,
            below_ng_ml=drawn.level.value_ng_ml if drawn.level.censored else None,
            population_ng_ml=population[place],
            individual_ng_ml=own[place],
            weighted_residual=residual[drawn.index] if drawn.used and not drawn.level.censored else None,
            used=drawn.used,
            role=drawn.role,
        )
        for place, drawn in enumerate(history.levels)
    ]
    return Fit(
        model=estimate.model.id, weight=1.0, eta=dict(estimate.eta), objective=estimate.objective, levels=tuple(levels)
    )


def _next_level(write: _Writer, regimen: Regimen | None) -> NextLevelAnswer:
    found = next_level(write.situation, write.forecast, write.decision, regimen)
    first, last = (write.clock.time(hours) for hours in (found.from_h, found.to_h))
    return NextLevelAnswer(from_=first, to=last, reason=_why_then(found))


def _why_then(found: NextLevel) -> Said:
    fixed = {
        "repeat_soon": say("a level has to be repeated within 3 to 5 days"),
        "trough_missing": say("no level could be used: measure a trough just before the next dose"),
        "at_once": say("measure now, just before the next dose and within a day"),
        "after_drug_change": say("3 to 5 days after a drug that may interact starts or stops"),
        "weekly": say("weekly after a drug that may interact started or stopped"),
        "after_large_change": say("7 to 8 days after dosing resumes or changes by more than half"),
        "after_start": say("7 to 14 days after a regimen begins"),
    }
    if found.why in fixed:
        return fixed[found.why]
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


def _curve(write: _Writer, chosen: Offered | None) -> Curve:
    start_h = chosen.start_h if chosen else write.situation.start_h
    points = curve_points(write.estimate, chosen.option.regimen if chosen else None, start_h)

    def numbers(values: Floats) -> tuple[float, ...]:
        return tuple(values.tolist())

    return Curve(
        times=tuple(write.clock.time(float(hours)) for hours in points.times_h),
        median=numbers(points.median),
        p05=numbers(points.p05),
        p95=numbers(points.p95),
    )
