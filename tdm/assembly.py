"""From the decision to the answer: wording, rounding, provenance and the curve; no rule of the domain is made here."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pydantic
import scipy

from tdm.answer import (
    AnswerOption,
    Assumed,
    Basis,
    Curve,
    Fit,
    HoldAnswer,
    Ignored,
    IndividualAnswer,
    LabelDoses,
    LabelRule,
    LevelFit,
    NextLevelAnswer,
    Numerics,
    ParameterAnswer,
    Probability,
    Recommendation,
    SourceAnswer,
    Spread,
    Until,
)
from tdm.case import TABLETS, Case
from tdm.citation import Citation
from tdm.clock import Clock
from tdm.curve import curve_points
from tdm.decision import Decision, Offered, Question
from tdm.estimate import Estimate, concentrations_at
from tdm.findings import Finding
from tdm.label_rule import Proportion, label_proportion
from tdm.next_level import NextLevel, next_level, repeat_soon
from tdm.option import QUANTILES
from tdm.posterior import quantiles
from tdm.quantities import COMEDICATION_COVARIATES, NUMERIC_COVARIATES
from tdm.review import modelled_comedications
from tdm.series import Floats
from tdm.version import __version__
from tdm.wording import percent, product_in_words, when

DISCLAIMER = (
    "This calculation supports a professional, who decides. It is no cleared medical device, and the published figures "
    "behind it were read at second hand."
)
# The findings after which a level has to be repeated soon.
REPEAT_AFTER = ("levels_contradict", "check_adherence")
VERSIONS = {"tdm": __version__, "numpy": np.__version__, "scipy": scipy.__version__, "pydantic": pydantic.VERSION}
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
        basis=_basis(case, question, why_model),
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
    return (
        f"{VERBS[decision.kind]} {chosen.option.regimen.in_words()}: {percent(chosen.within)} chance of a trough of "
        f"{question.window}{now}."
    )


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
    else:
        found = next_level(estimate, chosen.option.regimen, question.label)
    return NextLevelAnswer(from_=clock.time(found.from_h), to=clock.time(found.to_h), reason=_why_then(found))


def _why_then(found: NextLevel) -> str:
    if found.why == "repeat_soon":
        return "a level has to be repeated within 3 to 5 days"
    share = percent(found.share or 0.0)
    if found.why == "near_steady_state":
        return (
            f"the first pre-dose time, from 7 to 14 days on, that is within 10 % of the new steady state with a "
            f"probability of at least 95 % ({share})"
        )
    return (
        f"within 10 % of the new steady state only with a probability of {share} by then; later levels will tell more"
    )


def _basis(case: Case, question: Question, why_model: str | None) -> Basis:
    estimate = question.estimate
    model, protocol, draws = estimate.model, question.protocol, estimate.draws
    return Basis(
        models=(_source(model.id, model.title, model.citation),),
        protocol=_source(protocol.id, protocol.title, protocol.citation),
        window=_window_source(case, question),
        assumed=tuple(_assumed(case, question, why_model)),
        ignored=tuple(_ignored(case, question)),
        equations=(
            *model.equations(),
            "concentration = 1000 * central amount / v  [ng/mL]",
            _residual_in_words(question),
        ),
        ambiguities=tuple(f"{one.id}: {one.text.strip()}" for one in model.ambiguities),
        numerics=Numerics(
            draws=len(draws.weight),
            effective_sample_size=draws.effective,
            probability_error=draws.probability_error,
            certified=draws.certified,
        ),
        versions=VERSIONS,
        case_id=case_id(case, question),
        disclaimer=DISCLAIMER,
    )


def case_id(case: Case, question: Question) -> str:
    """Return the SHA-256 (hexadecimal, no unit) of canonical case, model, protocol, label and version."""
    whole: dict[str, Any] = {
        "case": case.model_dump(mode="json"),
        "model": question.estimate.model.model_dump(mode="json"),
        "protocol": question.protocol.model_dump(mode="json"),
        "label": question.label.model_dump(mode="json"),
        "version": __version__,
    }
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _source(seed_id: str, title: str, citation: Citation | None) -> SourceAnswer:
    if citation is None:
        return SourceAnswer(
            id=seed_id,
            title=title,
            reference="given in the case",
            doi="",
            grade="none",
            verified_against="nothing",
            oxford_level=None,
        )
    return SourceAnswer(
        id=seed_id,
        title=title,
        reference=citation.reference,
        doi=citation.doi,
        grade=citation.grade,
        verified_against=citation.verified_against,
        oxford_level=citation.oxford_level,
    )


def _window_source(case: Case, question: Question) -> str | None:
    if question.window is None:
        return None
    origin = "target of the case" if case.target else (question.window.source or question.protocol.id)
    return f"{question.window} ({origin})"


def _residual_in_words(question: Question) -> str:
    residual = question.estimate.model.residual
    if residual.kind == "log-normal":
        return f"residual error: log-normal, SD {residual.sd:g}"
    parts = []
    if residual.kind != "additive":
        parts.append(f"{100 * residual.proportional:g} % of the prediction")
    if residual.kind != "proportional":
        parts.append(f"{residual.additive_ng_ml:g} ng/mL")
    return "residual error, SD: " + " and ".join(parts)


def _assumed(case: Case, question: Question, why_model: str | None) -> list[Assumed]:
    model, history = question.estimate.model, question.estimate.history
    found = [
        Assumed(
            field=f"patient.{name}",
            value=f"{value:g} {NUMERIC_COVARIATES[name].unit}",
            why=f"not given; the population's median ({model.assume[name].source})",
        )
        for name, value in history.assumed.items()
    ]
    if why_model is not None:
        found.append(Assumed(field="model", value=model.id, why=why_model))
    if case.now is None:
        now = when(history.clock, history.now_h)
        found.append(Assumed(field="now", value=now, why="not given; the later of the last level and the last dose"))
    if case.product == TABLETS:
        found.append(Assumed(field="product", value=product_in_words(TABLETS), why="the label's tablets"))
    taken = {drug.name.strip().lower() for drug in case.comedications}
    found += [
        Assumed(field=f"comedications.{name}", value="not taken", why="not named in the case")
        for name in COMEDICATION_COVARIATES
        if name in modelled_comedications(model) and name not in taken
    ]
    return found


def _ignored(case: Case, question: Question) -> list[Ignored]:
    model, history = question.estimate.model, question.estimate.history
    why = {
        "before_first_dose": "drawn before the first dose",
        "in_future": "drawn after the time of the decision",
        "too_early": "drawn too early after a dose for this model",
    }
    found = [
        Ignored(pointer=f"/levels/{drawn.index}", why=why[drawn.why_unused])
        for drawn in history.levels
        if drawn.why_unused is not None
    ]
    if history.planned_doses:
        found.append(Ignored(pointer="/doses", why=f"{history.planned_doses} planned dose(s) after the decision"))
    known = modelled_comedications(model)
    found += [
        Ignored(pointer=f"/comedications/{index}", why="its effect on sirolimus is not modelled")
        for index, drug in enumerate(case.comedications)
        if drug.name.strip().lower() not in known
    ]
    found += [
        Ignored(pointer=f"/covariates/{i}", why="changes after the time of the decision") for i in history.late_changes
    ]
    for name in ("hematocrit_percent", "total_bilirubin_umol_l", "cyp3a5_star1_carrier"):
        if getattr(case.patient, name) is not None and name not in model.covariates_used:
            found.append(Ignored(pointer=f"/patient/{name}", why=f"no covariate of the model {model.id}"))
    return found


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
