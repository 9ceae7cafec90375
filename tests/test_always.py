"""What holds for every case: answered or refused and never anything else, and an answer that hangs together.

Random cases with every optional field at once (`tests.random_cases`), and models that a case brings with covariates at
the edges of what a patient can have.
"""

from __future__ import annotations

import json
import warnings
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tdm
from tests.bedside import adult, level, run
from tests.random_cases import Json, random_case

EVERY_CASE = settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
REFERENCES = {"weight_kg": (70.0, 3.0, 150.0), "age_years": (40.0, 1.0, 90.0), "hematocrit_percent": (38.0, 6.0)}


def answered(case: Json) -> tdm.Recommendation | None:
    """The answer, or None for a refusal with reasons; anything else, a warning of the numerics too, is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return tdm.recommend(tdm.read_case(case))
        except tdm.Refused as caught:
            refused = caught
    assert refused.problems
    assert all(one.message.endswith(".") and one.code for one in refused.problems)
    return None


def check(found: tdm.Recommendation) -> None:
    """Everything that an answer promises about itself."""
    json.loads(found.model_dump_json())
    listed = [one.regimen for one in found.options]
    if found.proposal is not None:
        assert found.proposal.regimen in listed
    if found.hold is not None and found.hold.resume is not None:
        assert found.hold.resume.regimen in listed
    assert (found.hold is not None) == (found.decision == "hold")
    assert (found.proposal is None) == (found.decision in ("hold", "none"))
    for option in found.options:
        if option.probability is not None:
            chances = option.probability
            assert chances.below + chances.within + chances.above == pytest.approx(1.0, abs=2e-6)


@EVERY_CASE
@given(st.randoms(use_true_random=False))
def test_every_case_is_answered_or_refused(draw: Random) -> None:
    found = answered(random_case(draw))
    if found is not None:
        check(found)


def model_at_the_edge(draw: Random) -> Json:
    """A model of one's own with steep covariates: what a case may bring."""
    effects = []
    for on in ("cl", "v", "ka"):
        for name, references in REFERENCES.items():
            if draw.random() < 0.4:
                effect: Json = {"on": on, "covariate": name, "reference": draw.choice(references)}
                if draw.random() < 0.6:
                    effect |= {"effect": "power", "exponent": draw.choice([-5.0, -1.0, 0.0, 0.75, 5.0])}
                else:
                    kind = draw.choice(["exponential", "linear"])
                    effect |= {"effect": kind, "coefficient": draw.choice([-10.0, -0.1, 0.0, 0.01, 5.0, 1e300])}
                effects.append(effect)
    return {
        "id": "at-the-edge",
        "parameters": {
            "cl": {"value": 8.0, "unit": "L/h"},
            "v": {"value": 400.0, "unit": "L"},
            "ka": {"value": 0.75, "unit": "1/h"},
        },
        "covariates": effects,
        "omega": {"of": ["cl", "v"], "covariance": [[0.1, 0.03], [0.03, 0.2]]},
        "residual": draw.choice(
            [{"kind": "proportional", "proportional": 0.2}, {"kind": "log-normal", "sd": 0.2}]
        ),
    }


@EVERY_CASE
@given(st.randoms(use_true_random=False))
def test_any_covariate_under_any_model_is_answered_or_refused(draw: Random) -> None:
    patient = {
        "weight_kg": draw.choice([0.5, 3.0, 60.0, 300.0]),
        "age_years": draw.choice([0.0, 1e-300, 1.0, 45.0, 120.0]),
        "hematocrit_percent": draw.choice([5.0, 38.0, 75.0]),
    }
    case = adult(patient=patient, model=model_at_the_edge(draw), doses=[run(2, 10)], levels=[level(240, 8.0)])
    found = answered(case)
    if found is not None:
        check(found)
        assert all(np.isfinite([one.trough_ng_ml.median for one in found.options]))


@pytest.mark.parametrize("reference", [1e-100, 1e-3, 0.4, 301.0, 1e300])
@pytest.mark.parametrize("effect", ["power", "exponential", "linear"])
def test_a_reference_that_no_patient_can_have_is_refused(reference: float, effect: str) -> None:
    size: dict[str, Any] = {"exponent": 0.75} if effect == "power" else {"coefficient": 0.01}
    model = {
        **model_at_the_edge(Random(1)),
        "covariates": [{"on": "cl", "covariate": "weight_kg", "effect": effect, "reference": reference, **size}],
    }
    with pytest.raises(tdm.Refused) as refused:
        tdm.read_case(adult(model=model))
    (problem,) = refused.value.problems
    assert (problem.code, problem.pointer) == ("out_of_range", "/model/covariates/0/reference")


@pytest.mark.parametrize(
    ("age_years", "exponent"), [(0.0, -1.0), (0.0, 1.0), (0.0, -5.0), (1e-300, 5.0), (1e-300, -5.0)]
)
def test_an_age_that_the_equations_cannot_bear_is_refused(age_years: float, exponent: float) -> None:
    """By default no answer is given below 1 year; a model that says from which age on it holds decides itself."""
    model = {
        **model_at_the_edge(Random(1)),
        "covariates": [
            {"on": on, "covariate": "age_years", "effect": "power", "reference": 40.0, "exponent": exponent}
            for on in ("cl", "v")
        ],
        "limits": [{"of": "age_years", "soft_low": 0.0, "soft_high": 90.0}],
    }
    patient = {"weight_kg": 3.0, "age_years": age_years}
    with pytest.raises(tdm.Refused) as refused:
        tdm.recommend(tdm.read_case(adult(patient=patient, model=model)))
    assert refused.value.problems[0].code in ("half_life_implausible", "parameter_implausible")


# --- holds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("term", ["pneumonitis", "TMA", "stomatitis"])
@pytest.mark.parametrize("high", [18.0, 24.0])
def test_a_high_trough_and_an_event_hold_together(term: str, high: float) -> None:
    """The patient of the fatal pneumonitis had both: levels above 20 ng/mL and an event that holds."""
    case = {
        "patient": {"weight_kg": 60, "age_years": 45},
        "protocol": "ssci-nct03688191",
        "doses": [run(2, 28)],
        "levels": [level(672, high)],
        "adverse_events": [{"time": 672, "term": term, "grade": 4}],
    }
    found = tdm.recommend(tdm.read_case(case))
    assert found.decision == "hold"
    assert found.summary.startswith("Hold sirolimus.")
    assert ("A trough is above 20 ng/mL: measured 24 ng/mL." in found.summary) == (high > 20.0)
    assert "An adverse event has grade 4." in found.summary
    assert found.summary.endswith("Call the treating physician before any further dose.")


def test_the_option_to_resume_is_listed_however_many_are_better() -> None:
    """A solution has more regimens than an answer lists; the best that may be given is among them all the same."""
    case = adult(
        product={"step_mg": 0.1},
        doses=[run(4, 28)],
        levels=[level(672, 30.0)],
        now=672.0,
        covariates=[{"time": 700.0, "hematocrit_percent": 46.0}],
    )
    found = tdm.recommend(tdm.read_case(case))
    assert found.decision == "hold"
    assert found.hold is not None
    assert found.hold.resume is not None
    assert found.hold.resume.regimen in [one.regimen for one in found.options]
