"""The recipe: from a case to an answer, step by step."""

from __future__ import annotations

from dataclasses import dataclass

from tdm.answer import Recommendation
from tdm.assembly import Surroundings, assemble
from tdm.case import Case
from tdm.conditions import conditions
from tdm.decision import Question, decide
from tdm.errors import refuse
from tdm.estimate import Estimate, estimate_individual
from tdm.findings import not_blocking, ordered
from tdm.follow_up import visits
from tdm.history import covariate_at, modelled_comedications, read_history
from tdm.interaction import Interactions
from tdm.model import PopulationModel
from tdm.option import Troughs
from tdm.prospect import outlooks
from tdm.protocol import LabelRules, Protocol
from tdm.quantities import range_in_words
from tdm.regimen import Regimen
from tdm.response import response_of
from tdm.restraint import restrained
from tdm.review_care import review_care, review_restraint, review_visits
from tdm.review_case import review_case
from tdm.review_decision import review_decision
from tdm.review_drugs import review_drugs, review_prospect
from tdm.review_fit import review_fit
from tdm.said import Said, listed, say
from tdm.seeds import load_defaults, load_interactions, load_label, load_model, load_protocol, protocol_ids
from tdm.tolerance import Signs, counts_by, rules_for, signs_of


@dataclass(frozen=True)
class Sources:
    """What a case is answered with: model, protocol, label, known interactions; and why the model was chosen."""

    model: PopulationModel
    protocol: Protocol
    label: LabelRules
    interactions: Interactions
    why_model: str | None


def recommend(case: Case) -> Recommendation:
    """Return the answer to a case: decision, options, findings and basis (units in the names of the fields).

    Raises `Refused` when a hard limit forbids an answer, and `NotConverged` if the mode cannot be certified.
    """
    sources = sources_of(case)
    history = read_history(case, sources.model, sources.label, sources.interactions)
    estimated = estimate_individual(sources.model, history)
    troughs = Troughs(estimated, estimated.draws.weight)
    question = _question(case, sources, estimated)
    findings = review_case(case, history, sources.model, sources.protocol, sources.label) + review_fit(estimated)
    contradiction = any(one.code == "levels_contradict" for one in findings)
    ranked = decide(question, troughs, contradiction)
    rules = rules_for(_signs(case, question))
    response = response_of(counts_by(case, history.clock, history.now_h), history.clock, case.response_definition)
    result = restrained(question, ranked, troughs, rules, response)
    decision = result.decision
    planned = visits(case, sources.protocol, history.clock, history.first_dose_h, history.now_h)
    ahead = outlooks(question, decision, troughs)
    findings += review_drugs(history, sources.interactions, modelled_comedications(sources.model))
    findings += review_prospect(history, ahead)
    findings += review_care(case, history, sources.label, response, question.window)
    findings += review_restraint(result) + review_visits(history, planned)
    findings += review_decision(question, decision, troughs, _sister_windows(sources.protocol))
    if decision.kind == "hold":
        findings = not_blocking(findings)
    surroundings = Surroundings(ahead, response, planned)
    return assemble(case, question, decision, ordered(findings), sources.why_model, surroundings)


def estimate(case: Case) -> Estimate:
    """Return the estimate of a case's patient: mode, covariance and posterior draws (units in its fields).

    Raises `Refused` when a hard limit forbids it, and `NotConverged` if the mode cannot be certified.
    """
    sources = sources_of(case)
    history = read_history(case, sources.model, sources.label, sources.interactions)
    return estimate_individual(sources.model, history)


def sources_of(case: Case) -> Sources:
    """Return model, protocol and label (own units) for a case; raise `Refused` for an unknown or forbidden one."""
    protocol = load_protocol(case.protocol) if isinstance(case.protocol, str) else case.protocol
    model, why = _chosen_model(case)
    if model.use != "dosing":
        sentence = say("The model {model} ships for simulation only and is never a prior for dosing.", model=model.id)
        raise refuse("model_for_simulation_only", "/model", sentence)
    _check_age(case, model)
    return Sources(model, protocol, load_label(), load_interactions(), why)


def _chosen_model(case: Case) -> tuple[PopulationModel, str | None]:
    if isinstance(case.model, PopulationModel):
        return case.model, None
    if isinstance(case.model, str):
        return load_model(case.model), None
    age, weight, defaults = case.patient.age_years, case.patient.weight_kg, load_defaults()
    _check_youngest(case)
    row = next(row for row in defaults.rows if row.suits(age, weight))
    return load_model(row.model), row.reason


def _check_age(case: Case, model: PopulationModel) -> None:
    """A model that does not say from which age on it holds is for nobody below the youngest age of those that ship."""
    if not any(limit.of == "age_years" and limit.soft_low is not None for limit in model.limits):
        _check_youngest(case)


def _check_youngest(case: Case) -> None:
    youngest, reason = load_defaults().youngest_years, load_defaults().youngest_reason
    if case.patient.age_years < youngest:
        accepted = range_in_words(youngest, None, "years" if youngest > 1 else "year")
        raise refuse("outside_hard_limit", "/patient/age_years", Said(reason), accepted)


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
        later=conditions(case, estimated),
    )


def _starts(case: Case, sources: Sources, estimated: Estimate) -> tuple[Regimen, ...]:
    """The protocol's own starting regimens, once daily: both ends of its last phase, or the row of its table."""
    start, history = sources.protocol.start, estimated.history
    if start is None or history.dosing.last_dose_h is not None:
        return ()
    if start.table:
        name = "total_bilirubin_umol_l"
        weight = covariate_at(case, history.clock, "weight_kg", history.now_h) or case.patient.weight_kg
        bilirubin = covariate_at(case, history.clock, name, history.now_h) or history.covariates_now.get(name)
        doses = [row.dose_mg for row in start.table if bilirubin and row.covers(weight, bilirubin)]
    else:
        doses = [start.phases[-1].low_mg, start.phases[-1].high_mg] if start.phases else []
    return tuple(Regimen(pattern_mg=(dose,), every_h=24.0) for dose in dict.fromkeys(doses))


def _signs(case: Case, question: Question) -> Signs:
    estimate, label = question.estimate, question.label
    last = estimate.history.last_low_point
    measured = last.level.value_ng_ml if last is not None and not last.level.censored else 0.0
    highest = max(measured, estimate.trough_due_ng_ml)
    history = estimate.history
    return signs_of(case, history.clock, history.now_h, highest, label.number("alert_above_ng_ml"))


def _sister_windows(protocol: Protocol) -> Said:
    named = []
    for sister in protocol.sister_protocols:
        if sister in protocol_ids():
            window = load_protocol(sister).window
            named.append(f"{sister} {window}" if window else sister)
    return listed(named, ", ") if named else say("none is known")
