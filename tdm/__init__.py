"""Therapeutic drug monitoring of sirolimus: from doses given and troughs measured to the next dose.

    case = tdm.read_case(text)         # the one strict door; raises tdm.Refused
    answer = tdm.recommend(case)       # decision, options, findings, basis
    one = tdm.estimate(case)           # the individual: one.eta, one.draws
    tdm.time_after_dose(doses, levels) # when each level was drawn, and whether it is a trough

It supports a professional, who decides; it is no cleared medical device.
"""

from tdm.answer.answer import Recommendation
from tdm.case.case import Case
from tdm.case.reading import read_case
from tdm.case.regimen import Regimen
from tdm.inference.map_estimate import NotConverged
from tdm.knowledge.model import PopulationModel
from tdm.knowledge.protocol import Protocol
from tdm.knowledge.seeds import load_model, load_protocol, model_ids, protocol_ids
from tdm.notation.refusal import Problem, Refused
from tdm.patient.estimate import Estimate
from tdm.patient.time_after_dose import Sampled, time_after_dose
from tdm.recommendation import estimate, recommend
from tdm.review.findings import Finding

__all__ = [
    "Case",
    "Estimate",
    "Finding",
    "NotConverged",
    "PopulationModel",
    "Problem",
    "Protocol",
    "Recommendation",
    "Refused",
    "Regimen",
    "Sampled",
    "estimate",
    "load_model",
    "load_protocol",
    "model_ids",
    "protocol_ids",
    "read_case",
    "recommend",
    "time_after_dose",
]
