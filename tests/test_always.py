"""What holds for every case: answered or refused and never anything else, and an answer that hangs together.

Random cases with every optional field at once (`tests.random_cases`), and models that a case brings with covariates at
the edges of what a patient can have. What says the same in another way has the same answer, and a higher trough never
leads to a higher dose; these go over numbered cases, and a failure names every one that breaks the law.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tdm
from tests.bedside import adult, level, run
from tests.random_cases import Json, random_case
from tests.studies import size

EVERY_CASE = settings(
    max_examples=size(400, 60), deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
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
    assert (found.expected_to_reach is None) == (found.decision in ("hold", "none"))
    blocking = [one for one in found.findings if one.severity == "blocking"]
    assert bool(blocking) == (found.decision == "none")
    assert found.next_level is not None
    if found.decision == "none":
        assert all(one.message in found.summary for one in blocking)
    if found.expected_to_reach is not None and found.proposal is not None and found.proposal.probability is not None:
        assert found.expected_to_reach == (found.proposal.probability.within >= 0.5)
    for option in found.options:
        if option.probability is not None:
            chances = option.probability
            assert chances.below + chances.within + chances.above == pytest.approx(1.0, abs=2e-6)


@pytest.mark.slow
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
        "residual": draw.choice([{"kind": "proportional", "proportional": 0.2}, {"kind": "log-normal", "sd": 0.2}]),
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


# --- the same said in another way -------------------------------------------------------------------------------------

Way = Callable[[Json, Random], "Json | None"]
TIMES = ("time", "start", "stop", "end", "now", "missed")
BLOCKS, IN_A_BLOCK = 8, size(40, 6)
SEEDS = size(30, 6)
CLOSE = 1e-3


def shuffled(case: Json, draw: Random) -> Json:
    """The rows of every list in another order."""
    lists = ("doses", "levels", "comedications", "adverse_events", "platelets", "covariates")
    return {name: draw.sample(value, len(value)) if name in lists else value for name, value in case.items()}


def later(value: Any, hours: float, key: str = "") -> Any:
    """The same with every time so many hours later."""
    if isinstance(value, dict):
        return {name: later(one, hours, name) for name, one in value.items()}
    if isinstance(value, list):
        return [later(one, hours, key) for one in value]
    if key not in TIMES:
        return value
    if isinstance(value, str):
        return (datetime.fromisoformat(value) + timedelta(hours=hours)).isoformat()
    return value + hours


def another_origin(case: Json, draw: Random) -> Json:
    shifted: Json = later(case, draw.choice([-1000.0, 37.0, 1000.5, 8760.0]))
    return shifted


def other_units(case: Json, draw: Random) -> Json:
    """Levels in ug/L instead of ng/mL, and the other way round."""
    swap = {"level_ng_ml": "level_ug_l", "level_ug_l": "level_ng_ml", "below_ng_ml": "below_ug_l"}
    levels = [{swap.get(name, name): value for name, value in one.items()} for one in case.get("levels", [])]
    return {**case, "levels": levels} if levels else case


def plus(time: Any, hours: float) -> Any:
    return later({"time": time}, hours)["time"]


def single(run_: Json) -> list[Json]:
    """The doses of a run one by one, those that were missed left out."""
    kept = {name: value for name, value in run_.items() if name not in ("every_h", "count", "missed")}
    times = [plus(run_["time"], run_["every_h"] * number) for number in range(run_["count"])]
    missed = run_.get("missed", [])
    return [{**kept, "time": time} for time in times if time not in missed]


def in_two_runs(case: Json, draw: Random) -> Json | None:
    """The longest run without a missed dose in two, one after the other."""
    runs = [one for one in case.get("doses", []) if one.get("count", 1) >= 6 and "missed" not in one]
    if not runs:
        return None
    chosen = max(runs, key=lambda one: one["count"])
    first = draw.randint(3, chosen["count"] - 3)
    second = {**chosen, "time": plus(chosen["time"], chosen["every_h"] * first), "count": chosen["count"] - first}
    doses = [one for one in case["doses"] if one is not chosen]
    return {**case, "doses": [*doses, {**chosen, "count": first}, second]}


def one_by_one(case: Json, draw: Random) -> Json | None:
    """Every run as single doses; a gap is not a dose that is told to have been missed."""
    runs = case.get("doses", [])
    told = any("missed" in one for one in runs)
    if not any("count" in one for one in runs) or told:
        return None
    return {**case, "doses": [each for one in runs for each in (single(one) if "count" in one else [one])]}


def renewed_drugs(case: Json, draw: Random) -> Json | None:
    """Every drug in two orders, the second from some time within the first on, known by its other entries or not."""
    drugs = [one for one in case.get("comedications", []) if isinstance(one.get("start"), (int, float))]
    if not drugs:
        return None
    orders: list[Json] = []
    for one in case["comedications"]:
        if one not in drugs:
            orders.append(one)
            continue
        days = draw.randint(1, 5)
        if one.get("stop") is not None and one["stop"] <= one["start"] + 24.0 * days:
            orders.append(one)
            continue
        seam = one["start"] + 24.0 * days
        orders += [{**one, "stop": seam}, {**one, "start": seam - 24.0 * draw.choice([0, 0.5])}]
    return {**case, "comedications": orders}


WAYS: dict[str, Way] = {
    "rows in another order": shuffled,
    "another origin of time": another_origin,
    "ug/L": other_units,
    "a run in two": in_two_runs,
    "doses one by one": one_by_one,
    "a drug order renewed": renewed_drugs,
}


def outcome(case: Json) -> tdm.Recommendation | list[str]:
    """The answer, or the codes of a refusal."""
    try:
        return tdm.recommend(tdm.read_case(case))
    except tdm.Refused as caught:
        refused = caught
    assert all(one.code and one.message for one in refused.problems)
    return sorted(one.code for one in refused.problems)


def difference(one: tdm.Recommendation | list[str], other: tdm.Recommendation | list[str]) -> str:
    """What differs of decision, proposal and chances, in words; empty if nothing does."""
    if isinstance(one, list) or isinstance(other, list):
        same = isinstance(one, list) and isinstance(other, list)
        return "" if same else "refused once"
    if one.decision != other.decision:
        return f"{one.decision} and {other.decision}"
    proposals = [each.proposal.regimen if each.proposal else None for each in (one, other)]
    if proposals[0] is not None and proposals[1] is not None and not proposals[0].is_like(proposals[1]):
        return f"{proposals[0].in_words()} and {proposals[1].in_words()}"
    # an answer that reports its own numerical error is only as close as it says
    close = CLOSE if all(each.code != "numerical_error" for each in (*one.findings, *other.findings)) else 5.0 * CLOSE
    for option in one.options:
        like = [each for each in other.options if each.regimen.is_like(option.regimen) and each.asked == option.asked]
        for each in like[:1]:
            if option.probability is not None and each.probability is not None:
                for name in ("below", "within", "above"):
                    apart = abs(getattr(option.probability, name) - getattr(each.probability, name))
                    if apart > close:
                        return f"{option.regimen.in_words()}: {name} differs by {apart:.4f}"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
@pytest.mark.parametrize("way", WAYS)
def test_the_same_said_in_another_way_has_the_same_answer(way: str, block: int) -> None:
    broken = []
    for seed in range(block * IN_A_BLOCK, (block + 1) * IN_A_BLOCK):
        case = random_case(Random(seed))
        other = WAYS[way](case, Random(seed + 10_000))
        if other is None:
            continue
        found = difference(outcome(case), outcome(other))
        if found:
            broken.append((seed, found))
    assert not broken


@pytest.mark.parametrize(("low", "high"), [(14.0, 21.0), (9.0, 16.0), (3.0, 16.0), (2.5, 8.0)])
def test_two_results_of_one_instant_have_the_same_answer_in_either_order(low: float, high: float) -> None:
    results = [level(672.0, low), level(672.0, high)]
    for before in ([], [level(480.0, 9.0)], [level(480.0, 30.0), level(576.0, 8.0)]):
        one, other = (
            outcome(adult(doses=[run(2, 28)], levels=[*before, *two], now=672.0)) for two in (results, results[::-1])
        )
        assert not difference(one, other), before


# --- a higher trough never leads to a higher dose ---------------------------------------------------------------------

TROUGHS = (0.5, 2.0, 4.0, 7.0, 10.0, 14.0, 19.0)
PENDING = frozenset({"check_adherence", "levels_contradict", "high_level_unexplained"})


def with_last_trough(case: Json) -> Callable[[float], Json] | None:
    """The case as a function of its last level (ng/mL), if that is a trough drawn by the decision."""
    try:
        read = tdm.read_case(case)
    except tdm.Refused:
        return None
    if not read.levels:
        return None
    sampled = tdm.time_after_dose(read.doses, read.levels)
    found = tdm.recommend(read) if not isinstance(outcome(case), list) else None
    if found is None:
        return None
    place = max(range(len(read.levels)), key=lambda index: read.clock.hours(read.levels[index].time))
    fit = found.fits[0].levels[place]
    if fit.role != "fitted" or not sampled[place].is_trough:
        return None

    def of(value: float) -> Json:
        changed = {"time": case["levels"][place]["time"], "level_ng_ml": value, "assay": "lc-ms/ms"}
        return {**case, "levels": [changed if index == place else one for index, one in enumerate(case["levels"])]}

    return of


def advised_mg(found: tdm.Recommendation | list[str]) -> float | None:
    """The mg per day of an answer, 0 for a hold; None outside the law: no dose, or a level to repeat first."""
    if isinstance(found, list) or found.decision == "none":
        return None
    if found.decision == "hold":
        return 0.0
    if PENDING & {one.code for one in found.findings}:
        return None
    assert found.proposal is not None
    return found.proposal.daily_dose_mg


def rises(case: Json, of: Callable[[float], Json]) -> list[str]:
    """Where a higher trough leads to a higher dose, in words."""
    step = case.get("product", {}).get("step_mg", 0.0)
    advised = [(value, dose) for value in TROUGHS if (dose := advised_mg(outcome(of(value)))) is not None]
    return [
        f"{low:g} ng/mL: {less:g} mg/d, {high:g} ng/mL: {more:g} mg/d"
        for place, (low, less) in enumerate(advised)
        for high, more in advised[place + 1 :]
        if more > less + step + 1e-9
    ]


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_a_higher_last_trough_never_leads_to_a_higher_dose(block: int) -> None:
    broken = []
    for seed in range(block * SEEDS, (block + 1) * SEEDS):
        case = random_case(Random(seed))
        of = with_last_trough(case)
        if of is not None and (found := rises(case, of)):
            broken.append((seed, found))
    assert not broken


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
