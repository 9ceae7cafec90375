"""What surrounds a level: liver, changing covariates, assay, tolerance, response, follow-up, adherence.

The response follows Rodeghiero 2009 (Blood 113:2386), the liver PMID 16291711 and 18218785, typed in here. Times in h
(or dates), doses in mg, levels in ng/mL, counts in 10^9/L.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import numpy as np
import pytest

import tdm
from tdm.decision.safety_rules import RULES
from tdm.notation.clock import Clock
from tdm.patient.follow_up import months_after
from tdm.patient.platelet_response import classified, response_of
from tdm.patient.timeline import Count
from tests.bedside import (
    Body,
    Json,
    adult,
    answer,
    censored,
    child,
    codes,
    findings,
    level,
    option,
    run,
    site_model,
    window,
)

KEPT: Json = {"doses": [run(2, 10)], "levels": [level(240.0, 8.0)]}
TOO_LOW: Json = {"doses": [run(1, 10)], "levels": [level(240.0, 3.6)]}


def count(time: Any, count_10e9_l: float, bleeding: bool = False) -> Json:
    return {"time": time, "count_10e9_l": count_10e9_l, "bleeding": bleeding}


def event(term: str, grade: int = 2, time: float = 200.0, end: float | None = None) -> Json:
    return {"time": time, "term": term, "grade": grade} | ({} if end is None else {"end": end})


def refusal(case: Json) -> tdm.Problem:
    with pytest.raises(tdm.Refused) as refused:
        tdm.recommend(tdm.read_case(case))
    return refused.value.problems[0]


# --- liver ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("child_pugh", "change"), [("A", -0.318), ("B", -0.36), ("C", -0.67)])
def test_the_measured_change_of_clearance_comes_back(child_pugh: str, change: float) -> None:
    patient = {"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": 38.0}
    healthy, ill = (answer(adult(patient=one)).individual for one in (patient, {**patient, "child_pugh": child_pugh}))
    assert ill.clearance_l_per_h.typical / healthy.clearance_l_per_h.typical == pytest.approx(1.0 + change, rel=1e-5)
    longer = 2.68 if child_pugh == "C" else 1.0 / (1.0 + change)
    assert ill.half_life_h.typical / healthy.half_life_h.typical == pytest.approx(longer, rel=1e-5)


def test_what_is_unsure_about_the_liver_is_part_of_the_answer() -> None:
    """Without a level ln(clearance) has the population's SD of 0.324 and the design rule's 0.3 in quadrature."""
    one = answer(
        adult(patient={"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": 38.0, "child_pugh": "B"})
    ).individual.clearance_l_per_h
    sd = math.sqrt(tdm.load_model("mao-2024").omega.covariance[0][0] + 0.3**2)
    assert math.log(one.p95 / one.p05) / (2 * 1.6449) == pytest.approx(sd, rel=0.01)


@pytest.mark.parametrize(("child_pugh", "on_cl", "on_v"), [("A", 0.682, 1.0), ("C", 0.33, 0.33 * 2.68)])
def test_what_is_unsure_about_the_liver_counts_where_clearance_does_not_vary(
    child_pugh: str, on_cl: float, on_v: float
) -> None:
    """Expected: the posterior over V (SD 0.4) and over the liver's own effect on CL (SD 0.3) on a plain grid."""
    patient = {"weight_kg": 60.0, "age_years": 45.0, "child_pugh": child_pugh}
    model = site_model(cl=12.0, sd={"v": 0.4})
    case = adult(patient=patient, model=model, doses=[run(2, 10)], levels=[level(240.0, 9.0)], target=window(6, 12))
    axis = np.linspace(-2.0, 2.0, 401)
    on_ln_cl, on_ln_v = (side.ravel() for side in np.meshgrid(axis, axis, indexing="ij"))
    one = Body(12.0 * on_cl * np.exp(on_ln_cl), 400.0 * on_v * np.exp(on_ln_v), np.full(axis.size**2, 0.8), np.ones(1))
    predicted = 2.0 * one.after_one_dose(np.arange(24.0, 241.0, 24.0)).sum(axis=1)
    objective = ((9.0 - predicted) / (0.2 * predicted)) ** 2 + 2.0 * np.log(predicted)
    weight = np.exp(-0.5 * (objective + (on_ln_cl / 0.3) ** 2 + (on_ln_v / 0.4) ** 2))
    expected = Body(one.cl, one.v, one.ka, weight / weight.sum())
    clearance = answer(case).individual.clearance_l_per_h
    for found, at in ((clearance.p05, 0.05), (clearance.median, 0.5), (clearance.p95, 0.95)):
        assert found == pytest.approx(expected.quantile(expected.cl, at), rel=0.01)
    chances = option(case, [2.0]).probability
    within = expected.chances((2.0,), 24.0, 6.0, 12.0)[1]
    assert chances.within == pytest.approx(within, abs=0.005)
    assert 0.05 < within < 0.95


def test_class_c_is_critical_and_tells_what_the_label_and_the_authors_say() -> None:
    patient = {"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": 38.0, "child_pugh": "C"}
    found = findings(adult(patient=patient))["liver_severe"]
    assert found.severity == "critical"
    for part in ("-67 %", "one half", "-60 %"):
        assert part in found.message


def test_an_unknown_class_is_refused() -> None:
    problem = refusal(adult(patient={"weight_kg": 60.0, "age_years": 45.0, "child_pugh": "D"}))
    assert (problem.code, problem.pointer) == ("unknown_value", "/patient/child_pugh")


# --- covariates that change -------------------------------------------------------------------------------------------

ANAEMIC: Json = {
    "patient": {"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": 26.0},
    "doses": [run(1, 20)],
    "levels": [level(480.0, 3.6)],
    "now": 480.0,
}


def test_with_anaemia_the_trough_is_shown_at_a_normal_haematocrit_too() -> None:
    """mao-2024: clearance goes with (haematocrit / 38)^-0.901, the mean level with its inverse."""
    found = answer(adult(**ANAEMIC))
    (ahead,) = found.ahead
    assert ahead.time is None
    assert "38 %" in ahead.what
    today = option(adult(**ANAEMIC), found.proposal.regimen.pattern_mg)  # type: ignore[union-attr]
    rise = ahead.unchanged.trough_ng_ml.median / today.trough_ng_ml.median
    assert rise > (38 / 26) ** 0.901
    assert rise == pytest.approx((38 / 26) ** 0.901, rel=0.10), "the trough rises a little more than the mean"


def test_no_increase_that_would_be_above_the_window_when_the_anaemia_heals() -> None:
    case = adult(**ANAEMIC, regimens=[{"pattern_mg": [2.5]}], protocol="itp-2024-adult")
    asked = option(case, [2.5])
    assert asked.probability.within > 0.99
    assert "above the window in 2" in asked.reason
    assert "at a haematocrit of 38 %" in asked.reason
    assert answer(case).proposal.daily_dose_mg <= 2  # type: ignore[union-attr]


def test_without_anaemia_the_same_increase_is_not_held_back() -> None:
    case = adult(**{**ANAEMIC, "patient": {**ANAEMIC["patient"], "hematocrit_percent": 38.0}})
    assert not answer(case).ahead
    assert not any("haematocrit" in one.reason for one in answer(case).options)


def test_a_bilirubin_that_will_rise_says_when_the_level_moves() -> None:
    case = child(
        doses=[run(1, 10)],
        levels=[level(240.0, 7.0)],
        now=240.0,
        covariates=[{"time": 300.0, "total_bilirubin_umol_l": 40.0}],
    )
    (ahead,) = answer(case).ahead
    assert ahead.time == 300.0
    assert ahead.what == "total bilirubin becomes 40 umol/L"
    assert "change_ahead" in codes(case)


def test_a_child_that_grows_needs_more() -> None:
    case = child(
        weight_kg=12.0, doses=[run(1, 10)], levels=[level(240.0, 7.0)], now=240.0,
        covariates=[{"time": 2000.0, "weight_kg": 15.0}],
    )  # fmt: skip
    (ahead,) = answer(case).ahead
    assert ahead.unchanged.trough_ng_ml.median < option(case, [1.0]).trough_ng_ml.median


# --- assay ------------------------------------------------------------------------------------------------------------


def test_a_level_may_be_in_three_units_and_is_the_same_level() -> None:
    levels = [
        {"time": 240.0, "level_ng_ml": 9.14187, "assay": "lc-ms/ms"},
        {"time": 240.0, "level_ug_l": 9.14187, "assay": "lc-ms/ms"},
        {"time": 240.0, "level_nmol_l": 10.0, "assay": "lc-ms/ms"},
    ]
    one, other, third = (answer(adult(doses=[run(2, 10)], levels=[each])) for each in levels)
    assert one.options == other.options == third.options
    assert third.fits[0].levels[0].observed_ng_ml == 9.14187


def test_a_limit_may_be_in_nmol_l_too() -> None:
    found = answer(adult(doses=[run(2, 10)], levels=[{"time": 240.0, "below_nmol_l": 2.0, "assay": "cmia"}]))
    assert found.fits[0].levels[0].below_ng_ml == pytest.approx(1.82837, rel=1e-5)


def test_two_units_at_once_are_refused() -> None:
    problem = refusal(adult(doses=[run(2, 10)], levels=[{"time": 240.0, "level_ng_ml": 9.0, "level_nmol_l": 9.8}]))
    assert (problem.code, problem.pointer) == ("one_kind_of_level", "/levels/0")


@pytest.mark.parametrize(
    ("assay", "limit"), [("Architect CMIA", 1.5), ("ECLIA", 1.5), ("Dimension RxL", 2.0), ("EMIT", 3.5)]
)
def test_a_number_below_the_limit_of_its_method_is_refused(assay: str, limit: float) -> None:
    problem = refusal(adult(doses=[run(2, 10)], levels=[level(240.0, limit - 0.01, assay)]))
    assert (problem.code, problem.pointer) == ("below_method_limit", "/levels/0/level_ng_ml")
    assert answer(adult(doses=[run(2, 10)], levels=[level(240.0, limit, assay)])).fits
    below = {**censored(240.0, limit), "assay": assay}
    assert answer(adult(doses=[run(2, 10)], levels=[below])).fits


def test_lc_ms_ms_has_no_such_limit_here() -> None:
    assert answer(adult(doses=[run(2, 10)], levels=[level(240.0, 0.3)])).fits


# --- tolerance: every rule has a case that it changes and one that it leaves alone ------------------------------------

SIGNS: dict[str, tuple[Json, Json]] = {
    "pneumonitis": (
        {"adverse_events": [event("pneumonitis", 1)]},
        {"adverse_events": [event("pneumonitis", end=210.0)]},
    ),
    "tma": ({"adverse_events": [event("TMA", 1)]}, {"adverse_events": [event("TMA", time=241.0)]}),
    "grade_4": ({"adverse_events": [event("infection", 4)]}, {"adverse_events": [event("infection", 2)]}),
    "grade_3": ({"adverse_events": [event("stomatitis", 3)]}, {"adverse_events": [event("stomatitis", 2)]}),
}


@pytest.mark.parametrize("rule", ["pneumonitis", "tma", "grade_4"])
def test_a_rule_that_holds_changes_a_case_and_leaves_another_alone(rule: str) -> None:
    ill, well = (answer(adult(**KEPT, **signs)) for signs in SIGNS[rule])
    assert (ill.decision, ill.proposal) == ("hold", None)
    assert ill.hold is not None
    assert ill.hold.resume is None
    assert "physician" in ill.hold.condition
    assert "physician" in ill.summary
    assert well.decision == answer(adult(**KEPT)).decision == "keep"


def test_grade_3_stops_an_increase_and_leaves_a_keep_alone() -> None:
    assert answer(adult(**TOO_LOW)).decision == "increase"
    ill, well = (answer(adult(**TOO_LOW, **signs)) for signs in SIGNS["grade_3"])
    assert ill.decision == "keep"
    assert ill.proposal is not None
    assert ill.proposal.daily_dose_mg == 1
    assert "without it: " in findings(adult(**TOO_LOW, **SIGNS["grade_3"][0]))["tolerance_no_increase"].message
    assert well.decision == "increase"
    kept = answer(adult(**KEPT, **SIGNS["grade_3"][0]))
    assert (kept.decision, kept.proposal) == (answer(adult(**KEPT)).decision, answer(adult(**KEPT)).proposal)


def test_above_15_with_falling_platelets_is_never_an_increase() -> None:
    """A window of one's own just above 15 ng/mL, and so many levels below it that a small step is safe."""
    case: Json = {
        "doses": [run(2, 40)],
        "levels": [level(24.0 * day, 15.1) for day in range(16, 41)],
        "now": 960.0,
        "target": {"low_ng_ml": 16, "high_ng_ml": 19.9},
        "product": {"step_mg": 0.1},
    }
    counts = {"rising": [count(0.0, 50), count(230.0, 60)], "falling": [count(0.0, 60), count(230.0, 50)]}
    below_baseline = [count(0.0, 90), *counts["falling"][1:]]
    assert answer(adult(**case)).decision == "increase"
    falling = answer(adult(**case, platelets=below_baseline))
    assert falling.proposal is not None
    assert falling.proposal.daily_dose_mg <= 2.0
    assert "tolerance_no_increase" in {one.code for one in falling.findings}
    for name, told in (("rising", False), ("falling", True)):
        assert ("tolerance_no_increase" in codes(adult(**case, platelets=counts[name]))) is told


def test_every_rule_has_such_a_case() -> None:
    assert {rule.id for rule in RULES} == {*SIGNS, "falling_platelets"}
    assert all(rule.source for rule in RULES)


def test_an_event_that_is_over_or_yet_to_come_does_not_count() -> None:
    for signs in (event("pneumonitis", end=240.0), event("pneumonitis", time=240.1)):
        assert answer(adult(**KEPT, adverse_events=[signs])).decision == "keep"


@pytest.mark.parametrize(
    ("signs", "code", "pointer"),
    [
        (event("fever"), "unknown_value", "/adverse_events/0/term"),
        (event("infection", 5), "unknown_value", "/adverse_events/0/grade"),
        (event("infection", end=100.0), "reversed_times", "/adverse_events/0/end"),
    ],
)
def test_an_event_that_cannot_be_is_refused(signs: Json, code: str, pointer: str) -> None:
    problem = refusal(adult(**KEPT, adverse_events=[signs]))
    assert (problem.code, problem.pointer) == (code, pointer)


# --- response ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platelets", "baseline", "bleeding", "strict", "loose"),
    [
        (100, 60, False, "CR", "CR"),
        (100, 60, True, "NR", "NR"),
        (99, 20, False, "R", "R"),
        (30, 15, False, "R", "R"),
        (30, 15.1, False, "NR", "R"),
        (29, 5, False, "NR", "R"),
        (29, 15, False, "NR", "NR"),
        (59, 30, False, "NR", "R"),
        (60, 30, True, "NR", "NR"),
    ],
)
def test_one_count_is_classified(platelets: float, baseline: float, bleeding: bool, strict: str, loose: str) -> None:
    one = Count(0, 0.0, platelets, bleeding)
    assert classified(one, baseline, "and") == strict
    assert classified(one, baseline, "or") == loose


@pytest.mark.parametrize(
    ("days_and_counts", "response", "confirmed", "lost"),
    [
        ([(0, 10), (7, 50)], "R", False, False),
        ([(0, 10), (7, 50), (13.9, 50)], "R", False, False),
        ([(0, 10), (7, 50), (14, 50)], "R", True, False),
        ([(0, 10), (7, 120), (14, 50)], "R", True, False),
        ([(0, 10), (7, 50), (14, 120)], "CR", False, False),
        ([(0, 10), (7, 120), (14, 120)], "CR", True, False),
        ([(0, 10), (7, 50), (10, 12), (14, 50)], "R", False, False),
        ([(0, 10), (7, 12)], "NR", False, False),
        ([(0, 10), (7, 12), (8, 12)], "NR", True, False),
        ([(0, 10), (7, 50), (14, 50), (20, 12)], "NR", False, True),
        ([(0, 10), (7, 50), (14, 50), (20, 12), (21, 12)], "NR", True, True),
        ([(0, 10), (7, 50), (8, 12), (9, 12)], "NR", True, False),
    ],
)
def test_confirmation_and_loss(
    days_and_counts: list[tuple[float, float]], response: str, confirmed: bool, lost: bool
) -> None:
    counts = [Count(place, 24.0 * day, each, bleeding=False) for place, (day, each) in enumerate(days_and_counts)]
    found = response_of(counts, "and")
    assert found is not None
    assert (found.response, found.confirmed, found.lost) == (response, confirmed, lost)


def test_the_trials_partial_response_and_the_other_reading_are_shown() -> None:
    one = answer(adult(**KEPT, platelets=[count(0.0, 12), count(239.0, 25)])).response
    assert one is not None
    assert (one.response, one.by_the_other_definition, one.partial_by_trials) == ("NR", "R", True)
    other = answer(adult(**KEPT, platelets=[count(0.0, 12), count(239.0, 25)], response_definition="or")).response
    assert other is not None
    assert (other.response, other.by_the_other_definition) == ("R", "NR")


def test_the_baseline_alone_is_no_response() -> None:
    assert answer(adult(**KEPT, platelets=[count(0.0, 12)])).response is None
    assert answer(adult(**KEPT, platelets=[count(0.0, 12), count(241.0, 90)])).response is None, "not yet counted"


def test_a_responder_below_the_window_is_kept_and_watched() -> None:
    counts = [count(0.0, 12), count(120.0, 60), count(239.0, 110)]
    found = answer(adult(**TOO_LOW, platelets=counts))
    assert found.decision == "keep"
    assert "responder_below_window" in {one.code for one in found.findings}
    assert answer(adult(**TOO_LOW, platelets=[count(0.0, 12), count(239.0, 20)])).decision == "increase"


def test_a_non_responder_within_the_window_is_told_that_the_level_is_not_the_reason() -> None:
    counts = [count(0.0, 12), count(239.0, 20)]
    assert "level_not_the_reason" in codes(adult(**KEPT, platelets=counts))
    assert "level_not_the_reason" not in codes(adult(**TOO_LOW, platelets=counts))


# --- follow-up --------------------------------------------------------------------------------------------------------


def test_visits_are_calendar_months_from_the_first_dose() -> None:
    clock = Clock(datetime(2026, 1, 31, 8))
    dates = [clock.time(months_after(clock, 0.0, month)) for month in (1, 2, 3, 12, 13, 25)]
    assert [one.isoformat()[:10] for one in dates if isinstance(one, datetime)] == [
        "2026-02-28", "2026-03-31", "2026-04-30", "2027-01-31", "2027-02-28", "2028-02-29",
    ]  # fmt: skip


def test_what_is_due_done_and_overdue() -> None:
    day = "2026-{}T08:00".format
    case = {
        "patient": {"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": 38.0},
        "protocol": "ssci-nct03688191",
        "doses": [{"time": day("03-02"), "dose_mg": 1, "every_h": 24, "count": 90}],
        "levels": [{"time": day("04-01"), "level_ng_ml": 7.0, "assay": "lc-ms/ms"}],
        "platelets": [{"time": day("03-02"), "count_10e9_l": 20, "bleeding": False}],
        "now": day("05-25"),
    }
    visits = {visit.month: visit for visit in answer(case).follow_up}
    assert sorted(visits) == [1, 2, 3, 4]
    assert visits[1].time == datetime(2026, 4, 2, 8)
    assert visits[1].of_protocol
    assert not visits[3].of_protocol
    assert (visits[1].tests["level"], visits[1].tests["blood count"]) == ("done", "overdue")
    assert (visits[2].tests["level"], visits[2].tests["lipids"]) == ("overdue", "not in the case")
    assert set(visits[3].tests.values()) == {"due"}
    overdue = findings(case)["visit_overdue"].message
    assert overdue == "Overdue: blood count of 2026-04-02 08:00; level, blood count of 2026-05-02 08:00."


def test_the_checklist_comes_before_the_first_dose_only() -> None:
    before, after = answer(adult(now=0.0)), answer(adult(**KEPT))
    whole = " ".join(before.precautions)
    for word in ("pregnancy", "Contraception", "live vaccines", "infection", "Pneumocystis", "Peanut", "lactose"):
        assert word in whole
    assert not before.follow_up
    assert not after.precautions


# --- adherence --------------------------------------------------------------------------------------------------------


def test_missed_doses_are_as_if_they_were_not_entered() -> None:
    by_hand = [run(2, 4), run(2, 3, start=120.0), run(2, 1, start=216.0)]
    missed = [{**run(2, 10), "missed": [96.0, 192.0]}]
    one, other = (answer(adult(doses=doses, levels=[level(240.0, 6.0)])) for doses in (by_hand, missed))
    assert one.individual == other.individual
    assert one.fits == other.fits
    assert other.current is not None
    assert other.current.regimen.pattern_mg == (2.0,)


@pytest.mark.parametrize(
    ("missed", "code", "pointer"),
    [
        ([95.0], "no_such_dose", "/doses/0/missed/0"),
        ([240.0], "no_such_dose", "/doses/0/missed/0"),
        ([96.0, 96.0], "given_twice", "/doses/0/missed/1"),
        ([24.0 * number for number in range(10)], "no_such_dose", "/doses/0/missed"),
    ],
)
def test_a_missed_dose_has_to_be_one_of_its_run(missed: list[float], code: str, pointer: str) -> None:
    problem = refusal(adult(doses=[{**run(2, 10), "missed": missed}], levels=[level(239.0, 6.0)]))
    assert (problem.code, problem.pointer) == (code, pointer)


def test_what_was_only_prescribed_makes_a_low_level_less_certain() -> None:
    observed, prescribed = (
        answer(adult(doses=[{**run(2, 10), "taken": taken}], levels=[level(240.0, 4.0)]))
        for taken in ("observed", "prescribed")
    )
    sure, unsure = (one.individual.clearance_l_per_h for one in (observed, prescribed))
    assert unsure.p95 / unsure.p05 > 1.1 * sure.p95 / sure.p05
    assert unsure.median < sure.median, "part of what is low may be doses that were not taken"
    assert "doses_only_prescribed" in {one.code for one in prescribed.findings}
    assert observed.options == answer(adult(doses=[run(2, 10)], levels=[level(240.0, 4.0)])).options
