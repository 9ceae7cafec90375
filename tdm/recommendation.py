"""The recipe: from a case to an answer, step by step."""

from __future__ import annotations

from tdm.answer.answer import Recommendation
from tdm.answer.compose import Surroundings, assemble
from tdm.case.case import Case
from tdm.case.regimen import Regimen
from tdm.decision.changes_ahead import conditions
from tdm.decision.decision import decide
from tdm.decision.forecast import Troughs
from tdm.decision.outlook import outlooks
from tdm.decision.restraint import restrained
from tdm.decision.safety_rules import Signs, rules_for, signs_of
from tdm.decision.situation import Question
from tdm.patient.covariates import modelled_comedications
from tdm.patient.estimate import Estimate, estimate_individual
from tdm.patient.follow_up import visits
from tdm.patient.history import History, read_history
from tdm.patient.platelet_response import response_of
from tdm.patient.timeline import timeline_of
from tdm.review.answered import still_asked, with_answers
from tdm.review.findings import not_blocking, ordered
from tdm.review.of_care import review_care, review_restraint, review_visits
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
    history = _history(case, sources)
    estimated = estimate_individual(sources.model, history)
    troughs = Troughs(estimated, estimated.draws.weight)
    question = _question(case, sources, estimated)
    found = review_case(history, sources.model, sources.protocol, sources.label) + review_fit(estimated)
    findings = with_answers(found, history.timeline)
    contradiction = still_asked(findings, "levels_contradict")
    ranked = decide(question, troughs, contradiction)
    rules = rules_for(_signs(question))
    response = response_of(history.timeline.counts_by_now(), case.response_definition)
    result = restrained(question, ranked, troughs, rules, response)
    decision = result.decision
    planned = visits(history.timeline, sources.protocol, history.first_dose_h)
    ahead = outlooks(question, decision, troughs)
    findings += review_drugs(history, sources.interactions, modelled_comedications(sources.model))
    findings += review_prospect(history, ahead)
    findings += review_care(history, sources.label, response, question.window)
    findings += review_restraint(result) + review_visits(history, planned)
    findings += review_decision(question, decision, troughs, sister_windows(sources.protocol))
    if decision.kind == "hold":
        findings = not_blocking(findings)
    surroundings = Surroundings(ahead, response, planned)
    return assemble(case, question, decision, ordered(findings), sources.why_model, surroundings)


def estimate(case: Case) -> Estimate:
    """Return the estimate of a case's patient: mode, covariance and posterior draws (units in its fields).

    Raises `Refused` when a hard limit forbids it, and `NotConverged` if the mode cannot be certified.
    """
    sources = sources_of(case)
    history = _history(case, sources)
    return estimate_individual(sources.model, history)


def _history(case: Case, sources: Sources) -> History:
    return read_history(timeline_of(case, sources.interactions), sources.model, sources.label)


def _question(case: Case, sources: Sources, estimated: Estimate) -> Question:
    return Question(
        estimate=estimated,
        window=case.target or sources.protocol.window,
        protocol=sources.protocol,
        label=sources.label,
        product=case.product,
        asked=case.regimens,
        age_years=case.patient.age_years,
        starts=_starts(case, sources, estimated),
        product_given="product" in case.model_fields_set,
        later=conditions(estimated),
    )


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


def _signs(question: Question) -> Signs:
    estimate, label = question.estimate, question.label
    last = estimate.history.last_low_point
    measured = last.level.value_ng_ml if last is not None and not last.level.censored else 0.0
    highest = max(measured, estimate.trough_due_ng_ml)
    return signs_of(estimate.history.timeline, highest, label.number("alert_above_ng_ml"))
