"""What a case is answered with: the model, the protocol, the label and the known interactions, read from the seeds."""

from __future__ import annotations

from dataclasses import dataclass

from tdm.case.case import Case
from tdm.knowledge.interactions import Interactions
from tdm.knowledge.label import LabelRules
from tdm.knowledge.model import PopulationModel
from tdm.knowledge.protocol import Protocol
from tdm.knowledge.seeds import (
    load_defaults,
    load_interactions,
    load_label,
    load_model,
    load_protocol,
    mark_of,
    protocol_ids,
)
from tdm.notation.quantities import range_in_words
from tdm.notation.refusal import refuse
from tdm.notation.sentence import Said, listed, say


@dataclass(frozen=True)
class Sources:
    """What a case is answered with: model, protocol, label, known interactions; and why the model was chosen."""

    model: PopulationModel
    protocol: Protocol
    label: LabelRules
    interactions: Interactions
    why_model: str | None


def sources_of(case: Case) -> Sources:
    """Return model, protocol and label (own units) for a case; raise `Refused` for an unknown or forbidden one."""
    protocol = load_protocol(case.protocol) if isinstance(case.protocol, str) else case.protocol
    model, why = _chosen_model(case)
    if model.use != "dosing":
        name = mark_of(model)(model.id)
        sentence = say("The model {model} ships for simulation only and is never a prior for dosing.", model=name)
        raise refuse("model_for_simulation_only", "/model", sentence)
    _check_age(case, model)
    return Sources(model, protocol, load_label(), load_interactions(), why)


def _chosen_model(case: Case) -> tuple[PopulationModel, str | None]:
    if isinstance(case.model, PopulationModel):
        return case.model, None
    if isinstance(case.model, str):
        return load_model(case.model), None
    _check_youngest(case)
    row = load_defaults().row_for(case.patient.age_years, case.patient.weight_kg)
    return load_model(row.model), row.reason


def _check_age(case: Case, model: PopulationModel) -> None:
    """A model that does not say from which age on it holds is for nobody below the youngest age of those that ship."""
    if not any(limit.of == "age_years" and limit.soft_low is not None for limit in model.limits):
        _check_youngest(case)


def _check_youngest(case: Case) -> None:
    youngest, reason = load_defaults().youngest_years, load_defaults().youngest_reason
    if case.patient.age_years < youngest:
        accepted = range_in_words(youngest, None, say("years") if youngest > 1 else say("year"))
        raise refuse("outside_hard_limit", "/patient/age_years", Said(reason), accepted)


def sister_windows(protocol: Protocol) -> Said:
    """Return the windows (ng/mL) of the protocols that treat alike, as text."""
    named = []
    for sister in protocol.sister_protocols:
        if sister in protocol_ids():
            window = load_protocol(sister).window
            named.append(f"{sister} {window}" if window else sister)
    return listed(named, ", ") if named else say("none is known")
