"""The recipe: from a case to an answer, step by step."""

from __future__ import annotations

import numpy as np

from tdm.answer.answer import Recommendation
from tdm.answer.compose import Surroundings, assemble
from tdm.case.case import Case
from tdm.case.regimen import Regimen
from tdm.decision.changes_ahead import conditions
from tdm.decision.decision import decide
from tdm.decision.forecast import forecast_of
from tdm.decision.outlook import outlooks
from tdm.decision.safety_rules import Rule, rules_for, signs_of
from tdm.decision.situation import Situation
from tdm.knowledge.model import PopulationModel
from tdm.knowledge.protocol import Window
from tdm.knowledge.seeds import mark_of
from tdm.notation.quantities import range_in_words
from tdm.notation.refusal import refuse
from tdm.notation.sentence import entered, say
from tdm.patient.agreement import contradiction, irreconcilable, low_levels
from tdm.patient.covariates import modelled_comedications
from tdm.patient.dosing import daily_dose_at, regimen_changes, resumptions, single_doses
from tdm.patient.estimate import Estimate, estimate_individual
from tdm.patient.follow_up import visits
from tdm.patient.history import DrawnLevel, History, read_history
from tdm.patient.platelet_response import ResponseFound, response_of
from tdm.patient.timeline import timeline_of
from tdm.pk.event_table import SAME_INSTANT_H
from tdm.review.answered import with_answers
from tdm.review.findings import not_blocking, ordered
from tdm.review.of_care import review_care, review_visits
from tdm.review.of_case import review_case
from tdm.review.of_decision import review_decision
from tdm.review.of_drugs import review_drugs, review_prospect
from tdm.review.of_fit import review_fit
from tdm.sources import Sources, sister_windows, sources_of


def recommend(case: Case) -> Recommendation:
    """Return the answer to a case: decision, options, findings and basis (units in the names of the fields).

    Raises `Refused` when a hard limit forbids an answer, and `NotConverged` if the mode cannot be certified.
    """
    sources = sources_of(case)
    estimated = _by_the_newest(estimate(case))
    history = estimated.history
    response = response_of(history.timeline.counts_by_now(), case.response_definition)
    forecast = forecast_of(estimated)
    situation = _situation(case, sources, estimated, response)
    decision = decide(situation, forecast)
    planned = visits(history.timeline, sources.protocol, history.first_dose_h)
    ahead = outlooks(situation, decision, forecast)
    asked = [*review_case(history, sources.model, sources.protocol, sources.label), *review_fit(estimated)]
    findings = [
        *with_answers(asked, history.timeline),
        *review_drugs(history, sources.interactions, modelled_comedications(sources.model)),
        *review_prospect(history, ahead),
        *review_care(history, sources.label, response, situation.window),
        *review_visits(history, planned),
        *review_decision(situation, decision, forecast, estimated, sister_windows(sources.protocol)),
    ]
    if decision.kind == "hold":
        findings = not_blocking(findings)
    surroundings = Surroundings(ahead, response, planned)
    return assemble(case, situation, decision, forecast, estimated, ordered(findings), sources.why_model, surroundings)


def estimate(case: Case) -> Estimate:
    """Return the estimate of a case's patient: mode, covariance and posterior draws (units in its fields).

    It fits every level, whether or not they agree. Raises `Refused` when a hard limit forbids it, and `NotConverged` if
    the mode cannot be certified.
    """
    sources = sources_of(case)
    history = read_history(timeline_of(case, sources.interactions), sources.model, sources.label)
    _check_daily_dose(history, sources.model)
    return estimate_individual(sources.model, history)


def _by_the_newest(estimated: Estimate) -> Estimate:
    """The estimate for a decision: of the newest levels alone where these, two or more, agree and all do not."""
    if contradiction(estimated) is None:
        return estimated
    for newest in range(len(estimated.history.used) - 1, 1, -1):
        later = estimate_individual(estimated.model, estimated.history.with_newest(newest))
        if contradiction(later) is None:
            return later
    return estimated


def _check_daily_dose(history: History, model: PopulationModel) -> None:
    """Refuse a patient whose present daily dose is outside the hard limits of the model."""
    daily = history.dosing.daily_dose_mg
    for limit in model.limits:
        if limit.of == "daily_dose_mg" and daily is not None and not limit.admits(daily):
            mark = mark_of(model)
            accepted = range_in_words(limit.hard_low, limit.hard_high, "mg", mark)
            sentence = say(
                "A daily dose of {value} is outside what the model {model} may be used for ({accepted}).",
                value=entered(f"{daily:g} mg"),
                model=mark(model.id),
                accepted=accepted,
            )
            raise refuse("outside_hard_limit", "/doses", sentence, accepted)


def _situation(case: Case, sources: Sources, estimated: Estimate, response: ResponseFound | None) -> Situation:
    history, window = estimated.history, case.target or sources.protocol.window
    levels = tuple(sorted((drawn for drawn in history.levels if drawn.observed), key=lambda drawn: drawn.time_h))
    drug_changes = history.drug_changes_h
    times, _ = single_doses(history.given)
    return Situation(
        now_h=history.now_h,
        start_h=history.start_h,
        window=window,
        protocol=sources.protocol,
        label=sources.label,
        product=case.product,
        product_given="product" in case.model_fields_set,
        asked=case.regimens,
        starts=_starts(case, sources, estimated),
        age_years=case.patient.age_years,
        dosing=history.dosing,
        levels=levels,
        changes_h=tuple(sorted([*_dose_changes(history), *drug_changes])),
        drug_changes_h=drug_changes,
        last_dose_since=lambda hours: bool(np.any(times > hours + SAME_INSTANT_H)),
        later=conditions(estimated),
        rules=_rules(sources, estimated),
        responds=response is not None and response.response != "NR",
        low=_low(estimated),
        seen_taken=any(history.timeline.were_observed(drawn.time_h) for drawn in levels[-1:]),
        disagree=_disagree(estimated),
        irreconcilable=irreconcilable(estimated) is not None,
        accepted_daily_mg=_accepted_daily_mg(estimated, window),
        most_daily_mg=next((limit.hard_high for limit in sources.model.limits if limit.of == "daily_dose_mg"), None),
    )


def _dose_changes(history: History) -> list[float]:
    """When the dosing began, changed, or was resumed after an interruption (h)."""
    if not len(history.given.count):
        return []
    return [*regimen_changes(history.given).tolist(), *resumptions(history.given)]


def _accepted_daily_mg(estimated: Estimate, window: Window | None) -> float | None:
    """The daily dose (mg) under which the last trough was at or below the top of the window, under today's drugs.

    Without one under today's drugs, it is that of the last such trough at all.
    """
    history = estimated.history
    if window is None:
        return None
    accepted = [drawn for drawn in history.used if drawn.is_low_point and drawn.level.value_ng_ml <= window.high_ng_ml]
    parts = history.piece_at(history.decided_h).parts
    alike = [drawn for drawn in accepted if history.piece_at(drawn.time_h).parts == parts]
    return daily_dose_at(history.given, (alike or accepted)[-1].time_h) if accepted else None


def _low(estimated: Estimate) -> DrawnLevel | None:
    """The newest level if it is unexpectedly low and its user has not answered why."""
    low = low_levels(estimated)
    if not low or low[-1].drawn is not estimated.history.used[-1]:
        return None
    newest = low[-1].drawn
    answered = estimated.history.timeline.was_answered("check_adherence", newest.time_h)
    return None if answered else newest


def _disagree(estimated: Estimate) -> bool:
    """Whether the levels contradict each other, and nobody was asked yet."""
    history = estimated.history
    times = [drawn.time_h for drawn in history.used]
    return contradiction(estimated) is not None and not history.timeline.was_answered("levels_contradict", *times)


def _rules(sources: Sources, estimated: Estimate) -> tuple[Rule, ...]:
    """What adverse events and platelets forbid."""
    history, label = estimated.history, sources.label
    last = history.last_low_point
    measured = last.level.value_ng_ml if last is not None and not last.level.censored else 0.0
    highest = max(measured, estimated.trough_due_ng_ml)
    return rules_for(signs_of(history.timeline, highest, label.number("alert_above_ng_ml")))


def _starts(case: Case, sources: Sources, estimated: Estimate) -> tuple[Regimen, ...]:
    """The protocol's own starting regimens, once daily: both ends of its last phase, or the row of its table."""
    start, history = sources.protocol.start, estimated.history
    if start is None or history.dosing.last_dose_h is not None:
        return ()
    if start.table:
        name = "total_bilirubin_umol_l"
        weight = history.timeline.covariate_at("weight_kg", history.now_h) or case.patient.weight_kg
        bilirubin = history.timeline.covariate_at(name, history.now_h) or history.covariates_now.get(name)
        doses = [row.dose_mg for row in start.table if bilirubin and row.covers(weight, bilirubin)]
    else:
        doses = [start.phases[-1].low_mg, start.phases[-1].high_mg] if start.phases else []
    return tuple(Regimen(pattern_mg=(dose,), every_h=24.0) for dose in dict.fromkeys(doses))
