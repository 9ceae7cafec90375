"""Therapeutic drug monitoring of sirolimus: from doses given and troughs measured to the next dose.

    case = tdm.read_case(text)         # the one strict door; raises tdm.Refused
    answer = tdm.recommend(case)       # decision, options, findings, basis
    one = tdm.estimate(case)           # the individual: one.eta, one.draws
    tdm.time_after_dose(doses, levels) # when each level was drawn, and whether it is a trough

It supports a professional, who decides; it is no cleared medical device.
"""

from tdm.answer import Recommendation
from tdm.case import Case
from tdm.errors import Problem, Refused
from tdm.estimate import Estimate
from tdm.findings import Finding
from tdm.mode import NotConverged
from tdm.model import PopulationModel
from tdm.protocol import Protocol
from tdm.reading import read_case
from tdm.recommendation import estimate, recommend
from tdm.regimen import Regimen
from tdm.sampling import Sampled, time_after_dose
from tdm.seeds import load_model, load_protocol, model_ids, protocol_ids

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
