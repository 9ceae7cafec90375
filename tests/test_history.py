"""How a case is read: what is a trough, which regimen goes on, which covariates hold when, what is refused and found.

The concentrations that depend on covariates over time are simulated here event by event. Times in h, doses in mg,
levels in ng/mL, weight in kg, haematocrit in %, bilirubin in umol/L.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tdm
from tdm.case.entries import Dose, Level
from tdm.patient.history import read_history
from tdm.patient.timeline import timeline_of
from tdm.sources import sources_of
from tests.bedside import (
    Json,
    Piece,
    adult,
    answer,
    body,
    changed,
    child,
    codes,
    dose,
    findings,
    level,
    run,
    simulated,
    single_doses,
    site_model,
    window,
)

LABEL_LEVEL = 8.0
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def fitted(case: Json) -> list[bool]:
    """Return which levels of a case are fitted, in the order of the case."""
    return [one.used for one in answer(case).fits[0].levels]


def is_trough(case: Json) -> bool:
    """Return whether the only level of a case counts as a trough: the label's proportion takes it or another reason."""
    return answer(case).label_rule.reason != "There is no trough."


def sampled(time: float, doses: list[Json], now: float = 500.0, **changes: Any) -> Json:
    """Return an adult with one level of 8 ng/mL at a time (h)."""
    return adult(**{"doses": doses, "levels": [level(time, LABEL_LEVEL)], "now": now} | changes)


# --- what is a trough, what is fitted ---------------------------------------------------------------------------------

# the last dose before the level, its interval, and the runs around it
INTERVALS = {
    "once daily": ([run(2, 20)], 240.0, 24.0),
    "twice daily": ([run(1, 40, 0.0, 12.0)], 240.0, 12.0),
    "every other day": ([run(4, 10, 0.0, 48.0)], 240.0, 48.0),
    "alternating": ([run(1, 10, 0.0, 48.0), run(2, 10, 24.0, 48.0)], 240.0, 24.0),
    "the last dose of a run": ([run(2, 11)], 240.0, 24.0),
    "the last dose before another run": ([run(2, 11), run(3, 10, 264.0)], 240.0, 24.0),
    "one by one": ([dose(24.0 * day, 2) for day in range(11)], 240.0, 24.0),
    "before a missed dose": ([run(2, 11), run(2, 8, 288.0)], 240.0, 24.0),
}


@pytest.mark.parametrize("name", INTERVALS)
def test_a_shipped_model_explains_a_sample_from_12_h_or_80_percent_of_the_interval_on(name: str) -> None:
    doses, last, interval = INTERVALS[name]
    earliest = min(12.0, 0.8 * interval)
    assert fitted(sampled(last + earliest, doses)) == [True]
    early = sampled(last + earliest - 0.1, doses)
    assert fitted(early) == [False]
    assert answer(early).fits[0].levels[0].role == "bound"
    assert "unexplained_level" in codes(early)


@pytest.mark.parametrize("name", INTERVALS)
def test_a_trough_is_drawn_between_80_and_120_percent_of_the_interval(name: str) -> None:
    doses, last, interval = INTERVALS[name]
    until = [one for one in doses if one["time"] <= last]
    stopped = [
        changed(one, count=int((last - one["time"]) // one["every_h"]) + 1) if "count" in one else one for one in until
    ]
    model = site_model()
    for part, trough in ((0.79, False), (0.8, True), (1.0, True), (1.2, True), (1.21, False)):
        case = sampled(last + part * interval, stopped, now=last + 1.5 * interval, model=model)
        assert fitted(case) == [True]
        assert ("not_a_trough" in codes(case)) is not trough, part
        assert is_trough(case) is trough, part


def test_a_level_at_the_time_of_a_dose_was_drawn_before_it() -> None:
    at = sampled(240.0, [run(2, 20)])
    assert fitted(at) == [True]
    assert codes(at).isdisjoint({"unexplained_level", "not_a_trough"})
    before = sampled(239.999, [run(2, 20)])
    one, other = (answer(each).fits[0].levels[0].individual_ng_ml for each in (at, before))
    assert one == pytest.approx(other, rel=1e-4)


def test_a_level_at_the_time_of_the_first_dose_comes_before_all_doses() -> None:
    case = sampled(0.0, [run(2, 20)], now=240.0)
    assert fitted(case) == [False]
    assert "level_before_first_dose" in codes(case)
    assert answer(case).fits[0].levels[0].individual_ng_ml == 0.0


def test_a_model_of_the_case_explains_samples_at_any_time() -> None:
    case = sampled(242.0, [run(2, 20)], model=site_model())
    assert fitted(case) == [True]
    assert "not_a_trough" in codes(case)


def test_the_last_trough_is_the_last_in_time_whatever_the_order_of_the_list() -> None:
    levels = [level(240.0, 6.0), level(264.0, 9.0)]
    for listed in (levels, levels[::-1]):
        rule = answer(adult(doses=[run(2, 11)], levels=listed, now=264.0)).label_rule
        assert rule.trough_ng_ml == 9.0


def test_a_level_that_is_no_trough_is_not_the_last_trough() -> None:
    case = adult(doses=[run(2, 12)], levels=[level(240.0, 6.0), level(268.0, 19.0)], now=280.0, model=site_model())
    assert fitted(case) == [True, True]
    assert answer(case).label_rule.trough_ng_ml == 6.0


def test_unused_levels_are_predicted_and_have_no_residual() -> None:
    case = adult(doses=[run(2, 11)], levels=[level(225.0, 30.0), level(240.0, 8.0), level(260.0, 5.0)], now=245.0)
    used, unused = answer(case).fits[0].levels[1], answer(case).fits[0].levels[::2]
    assert used.used
    assert used.weighted_residual is not None
    for one in unused:
        assert not one.used
        assert one.weighted_residual is None
        assert one.individual_ng_ml > 0
    without = changed(case, levels=[level(240.0, 8.0)])
    with_it, alone = answer(case).individual, answer(without).individual
    # an early level far above the trough bounds nothing
    assert with_it.clearance_l_per_h.median == pytest.approx(alone.clearance_l_per_h.median, rel=1e-3)


# --- stretches of one regimen -----------------------------------------------------------------------------------------


def apart(doses: list[Json], times: tuple[float, float]) -> Json:
    """Return a case with 1.5 times the typical level at one time (h), and 0.6 times at another."""
    typical = simulated(single_doses({"doses": doses}), times, [Piece(0.0, 8.0, 400.0, 0.8)])
    levels = [level(time, round(by * float(one), 2)) for time, by, one in zip(times, (1.5, 0.6), typical, strict=True)]
    return adult(doses=doses, levels=levels, now=times[1], model=site_model(sd={"cl": 0.1, "v": 0.1}))


@pytest.mark.parametrize(
    ("first", "second", "one_regimen"),
    [
        ([run(2, 20)], [], True),
        ([run(2, 10)], [run(2, 10, 240.0)], True),
        ([run(2, 10)], [run(2, 9, 264.0)], True),  # a missed dose
        ([run(2, 10)], [run(2.5, 10, 240.0)], False),
        ([run(2, 10)], [run(1, 20, 240.0, 12.0)], False),
        ([run(1.5, 10, 0.0, 48.0), run(2.5, 10, 24.0, 48.0)], [], True),
    ],
    ids=["one run", "the same again", "a missed dose", "another dose", "another interval", "alternating"],
)
def test_levels_contradict_by_opposite_residuals_only_on_one_regimen(
    first: list[Json], second: list[Json], one_regimen: bool
) -> None:
    case = apart(first + second, (240.0, 480.0))
    high, low = (one.weighted_residual for one in answer(case).fits[0].levels)
    assert high is not None
    assert low is not None
    assert high > 1.5
    assert low < -1.5
    found = findings(case).get("levels_contradict")
    assert (found is not None and "on one regimen" in found.message) is one_regimen


# --- the regimen that goes on -----------------------------------------------------------------------------------------

CURRENT = {
    "a run": ([run(2, 10)], 240.0, ((2.0,), 24.0)),
    "a run that goes on": ([run(2, 30)], 240.0, ((2.0,), 24.0)),
    "twice daily": ([run(1, 20, 0.0, 12.0)], 240.0, ((1.0,), 12.0)),
    "every other day": ([run(4, 5, 0.0, 48.0)], 240.0, ((4.0,), 48.0)),
    "two runs, alternating": ([run(1, 5, 0.0, 48.0), run(2, 5, 24.0, 48.0)], 240.0, ((1.0, 2.0), 24.0)),
    "morning and evening": ([run(1, 10), run(0.5, 10, 12.0)], 240.0, ((1.0, 0.5), 12.0)),
    "three in turn": (
        [run(1, 4, 24.0 * n, 72.0) for n in (0, 1)] + [run(2, 4, 48.0, 72.0)],
        288.0,
        ((1.0, 1.0, 2.0), 24.0),
    ),
    "the last of two runs": ([run(1, 5), run(2, 5, 120.0)], 240.0, ((2.0,), 24.0)),
    "a loading dose first": ([dose(0.0, 6), run(2, 9, 24.0)], 240.0, ((2.0,), 24.0)),
    "after a missed dose": ([run(2, 5), run(2, 4, 144.0)], 240.0, ((2.0,), 24.0)),
    "a dose is missed just now": ([run(2, 9)], 240.0, ((2.0,), 24.0)),
    "one by one": ([dose(24.0 * day, 2) for day in range(10)], 240.0, ((2.0,), 24.0)),
    "one by one, alternating": ([dose(24.0 * day, 1 + day % 2) for day in range(10)], 240.0, ((1.0, 2.0), 24.0)),
    "one by one, about the same time": (
        [dose(24.0 * day + shift, 2) for day, shift in enumerate((0.0, 0.5, -0.25, 1.0, 0.0, -0.5, 0.25))],
        168.0,
        ((2.0,), 24.0),
    ),
}


@pytest.mark.parametrize("name", CURRENT)
def test_the_regimen_that_covers_now(name: str) -> None:
    doses, now, (pattern, every) = CURRENT[name]
    current = answer(adult(doses=doses, now=now)).current
    assert current is not None
    assert current.regimen.is_like(tdm.Regimen(pattern_mg=pattern, every_h=every))
    assert codes(adult(doses=doses, now=now)).isdisjoint({"current_regimen_unknown", "dosing_interrupted"})


UNKNOWN = {
    "no two doses alike": [dose(0.0, 1), dose(24.0, 2), dose(48.0, 3)],
    "a single dose": [dose(0.0, 2)],
    "two doses at odd hours": [dose(0.0, 2), dose(31.0, 2), dose(70.0, 2)],
    "runs that do not fit together": [run(1, 10), run(2, 7, 7.0, 36.0)],
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_where_no_regimen_covers_now_there_is_none_and_a_finding(name: str) -> None:
    last = single_doses({"doses": UNKNOWN[name]})[-1][0]
    case = adult(doses=UNKNOWN[name], now=last + 1.0)
    assert answer(case).current is None
    assert "current_regimen_unknown" in codes(case)


@pytest.mark.parametrize("gap", [13.0, 36.0], ids=["one dose twelve hours early", "one dose twelve hours late"])
def test_one_dose_at_an_odd_time_does_not_make_another_regimen(gap: float) -> None:
    # 2 mg once daily for ten days, and one dose more after 13 or 36 h
    case = adult(doses=[*(dose(24.0 * day, 2) for day in range(10)), dose(216.0 + gap, 2)], now=216.0 + gap + 1.0)
    current = answer(case).current
    assert current is None or current.regimen.is_like(tdm.Regimen(pattern_mg=(2.0,), every_h=24.0))


def test_dosing_counts_as_interrupted_after_two_intervals() -> None:
    for every, doses in ((24.0, [run(2, 10)]), (12.0, [run(1, 19, 0.0, 12.0)]), (48.0, [run(4, 5, 24.0, 48.0)])):
        last = single_doses({"doses": doses})[-1][0]
        still, stopped = (adult(doses=doses, now=last + 2.0 * every + late) for late in (0.0, 0.1))
        assert answer(still).current is not None
        assert "dosing_interrupted" not in codes(still)
        assert answer(stopped).current is None
        assert "dosing_interrupted" in codes(stopped)


@pytest.mark.parametrize(
    ("now", "due"), [(216.0, 240.0), (230.0, 240.0), (240.0, 240.0), (241.0, 264.0), (264.0, 264.0), (300.0, 300.0)]
)
def test_the_next_dose_is_due_at_its_usual_time_or_at_once_after_an_interruption(now: float, due: float) -> None:
    found = answer(adult(doses=[run(2, 10)], levels=[level(216.0, 8.0)], now=now))
    assert found.proposal is not None
    assert found.proposal.start_at == due


# --- covariates over time ---------------------------------------------------------------------------------------------


def mao(hematocrit: float, start: float = 0.0) -> Piece:
    """Return the typical adult of mao-2024 at a haematocrit (%), from a time on."""
    return Piece(start, 7.09 * (hematocrit / 38.0) ** -0.901, 496.0, 0.75)


def chen(weight: float, oxcarbazepine: bool, start: float = 0.0) -> Piece:
    """Return the typical child of chen-2021 at a weight (kg), from a time on."""
    clearance = 8.59 * (weight / 70.0) ** 0.75 * (1.16 if oxcarbazepine else 1.0)
    return Piece(start, clearance, 294.0 * weight / 70.0, 0.485)


def population(case: Json) -> list[float]:
    """Return the typical concentrations at the levels of a case, ng/mL."""
    return [one.population_ng_ml for one in answer(case).fits[0].levels]


MANY = [level(time, 7.0) for time in (96.0, 120.0, 144.0, 168.0, 240.0)]
TIMES = [one["time"] for one in MANY]


def test_a_covariate_holds_from_its_time_on_until_the_next() -> None:
    changes = [{"time": 100.0, "hematocrit_percent": 30.0}, {"time": 144.0, "hematocrit_percent": 44.0}]
    own = simulated([(24.0 * day, 2.0) for day in range(10)], TIMES, [mao(38), mao(30, 100.0), mao(44, 144.0)])
    for covariates in (changes, changes[::-1]):
        case = adult(doses=[run(2, 10)], levels=MANY, covariates=covariates)
        assert population(case) == pytest.approx(own, rel=1e-5)
        assert answer(case).individual.clearance_l_per_h.typical == pytest.approx(mao(44).cl, rel=1e-5)


def test_a_change_at_now_holds_and_a_later_one_does_not() -> None:
    for time, holds in ((240.0, True), (240.1, False)):
        case = adult(doses=[run(2, 10)], levels=MANY, covariates=[{"time": time, "hematocrit_percent": 30.0}])
        typical = answer(case).individual.clearance_l_per_h.typical
        assert typical == pytest.approx(mao(30 if holds else 38).cl, rel=1e-5)
        assert ("later_covariates" in codes(case)) is not holds
        assert any(one.pointer == "/covariates/0" for one in answer(case).basis.ignored) is not holds


def test_no_change_of_a_covariate_vanishes_without_a_word() -> None:
    """mao-2024 uses the haematocrit, not the bilirubin; what comes later than 92 days is not foreseen."""
    changes = [
        {"time": 100.0, "total_bilirubin_mg_dl": 0.9, "hematocrit_percent": 36.0},
        {"time": 240.0 + 92 * 24 + 1.0, "hematocrit_percent": 30.0},
        {"time": 240.0 + 92 * 24, "hematocrit_percent": 31.0},
    ]
    case = adult(doses=[run(2, 10)], levels=MANY, covariates=changes)
    why = {one.pointer: one.why for one in answer(case).basis.ignored if one.pointer.startswith("/covariates")}
    assert set(why) == {"/covariates/0/total_bilirubin_mg_dl", "/covariates/1", "/covariates/2"}
    assert why["/covariates/0/total_bilirubin_mg_dl"] == "no covariate of the model mao-2024"
    assert "92 days" in why["/covariates/1"]
    assert "92" not in why["/covariates/2"]


def test_options_hold_for_the_covariates_at_now() -> None:
    case = adult(doses=[run(2, 10)], levels=MANY, covariates=[{"time": 239.0, "hematocrit_percent": 30.0}])
    option = answer(case).options[0]
    assert option.probability is not None
    within = body(case).chances(option.regimen.pattern_mg, option.regimen.every_h, 5.0, 15.0)[1]
    assert option.probability.within == pytest.approx(within, abs=2e-6)
    eta = answer(case).fits[0].eta
    mode = answer(case).individual.clearance_l_per_h.map
    assert mode == pytest.approx(float(mao(30).cl * np.exp(eta["cl"])), rel=1e-4)


def test_weight_over_time_moves_clearance_and_volume() -> None:
    case = child(
        weight_kg=44.0,
        age_years=12.0,
        bilirubin=None,
        doses=[run(2, 10)],
        levels=MANY,
        now=240.0,
        covariates=[{"time": 130.0, "weight_kg": 50.0}],
    )
    own = simulated(single_doses(case), TIMES, [chen(44, False), chen(50, False, 130.0)])
    assert population(case) == pytest.approx(own, rel=1e-5)
    assert answer(case).individual.volume_l.typical == pytest.approx(294.0 * 50.0 / 70.0, rel=1e-5)


OXCARBAZEPINE: dict[str, tuple[list[tuple[float, float | None]], list[Piece]]] = {
    "from the start": ([(0.0, None)], [chen(50, True)]),
    "never": ([], [chen(50, False)]),
    "from a time on": ([(100.0, None)], [chen(50, False), chen(50, True, 100.0)]),
    "until a time": ([(-500.0, 130.0)], [chen(50, True), chen(50, False, 130.0)]),
    "in between": ([(100.0, 150.0)], [chen(50, False), chen(50, True, 100.0), chen(50, False, 150.0)]),
    "stopped before the first dose": ([(-500.0, -100.0)], [chen(50, False)]),
    "after now": ([(300.0, None)], [chen(50, False)]),
    "one prescription after another": ([(0.0, 100.0), (100.0, None)], [chen(50, True)]),
    "overlapping prescriptions": ([(0.0, 100.0), (50.0, None)], [chen(50, True)]),
}


@pytest.mark.parametrize("name", OXCARBAZEPINE)
def test_oxcarbazepine_is_a_covariate_of_chen_2021_while_it_is_taken(name: str) -> None:
    intervals, pieces = OXCARBAZEPINE[name]
    taken = [
        {"name": drug, "start": start} | ({"stop": stop} if stop is not None else {})
        for drug, (start, stop) in zip(("oxcarbazepine", "Oxcarbazepine "), intervals, strict=False)
    ]
    for comedications in (taken, taken[::-1]):
        case = child(
            weight_kg=50.0,
            age_years=12.0,
            bilirubin=None,
            doses=[run(2, 10)],
            levels=MANY,
            now=240.0,
            comedications=comedications,
        )
        assert population(case) == pytest.approx(simulated(single_doses(case), TIMES, pieces), rel=1e-5)
        assert answer(case).individual.clearance_l_per_h.typical == pytest.approx(pieces[-1].cl, rel=1e-5)
        assert "comedication_not_modelled" not in codes(case)


def test_oxcarbazepine_is_no_covariate_of_the_other_models() -> None:
    case = adult(doses=[run(2, 10)], levels=MANY, comedications=[{"name": "oxcarbazepine", "start": 0.0}])
    assert "Oxcarbazepine lowers levels" in findings(case)["drug_without_ratio"].message
    with_it, without = (answer(one).individual for one in (case, changed(case, comedications=None)))
    assert with_it.clearance_l_per_h.typical == without.clearance_l_per_h.typical


def test_not_taking_oxcarbazepine_is_assumed_where_it_is_not_named() -> None:
    case = child(weight_kg=50.0, age_years=12.0, bilirubin=None, doses=[run(2, 10)], now=240.0)
    assumed = {one.field: one.value for one in answer(case).basis.assumed}
    assert assumed["comedications.oxcarbazepine"] == "not taken"


# --- assumed and missing covariates -----------------------------------------------------------------------------------


def test_a_covariate_of_the_model_that_is_not_given_is_the_populations_median_and_said_so() -> None:
    without = adult(patient={"weight_kg": 60.0, "age_years": 45.0}, doses=[run(2, 10)], levels=MANY)
    given = changed(without, patient={"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": 38.0})
    assert answer(without).options == answer(given).options
    assumed = {one.field: one.value for one in answer(without).basis.assumed}
    assert assumed["patient.hematocrit_percent"] == "38 %"
    assert "patient.hematocrit_percent" not in {one.field for one in answer(given).basis.assumed}


def test_an_assumed_bilirubin_is_that_of_the_paper() -> None:
    assert answer(child(bilirubin=None)).options == answer(child(bilirubin=11.29)).options
    assumed = {one.field: one.value for one in answer(child(bilirubin=None)).basis.assumed}
    assert assumed["patient.total_bilirubin_umol_l"] == "11.29 umol/L"


def test_a_covariate_that_may_not_be_assumed_is_asked_for() -> None:
    effect = {"on": "cl", "covariate": "height_cm", "effect": "power", "reference": 170, "exponent": 0.5}
    case = adult(model=site_model(covariates=[effect]), doses=[run(2, 10)], levels=MANY)
    with pytest.raises(tdm.Refused) as refused:
        answer(case)
    assert [(one.code, one.pointer) for one in refused.value.problems] == [("missing_covariate", "/patient/height_cm")]


def test_what_is_given_is_not_called_assumed() -> None:
    model = adult(doses=[run(2, 10)], levels=MANY, model="mao-2024")
    assert "model" not in {one.field for one in answer(model).basis.assumed}
    tablets = changed(model, product={"strengths_mg": [0.5, 1, 2]})
    assert "product" not in {one.field for one in answer(tablets).basis.assumed}
    assert "product" in {one.field for one in answer(model).basis.assumed}


def test_a_covariate_that_the_model_does_not_use_is_named_as_ignored() -> None:
    patient = {"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": 38.0, "total_bilirubin_umol_l": 9.0}
    ignored = {one.pointer for one in answer(adult(patient=patient)).basis.ignored}
    assert "/patient/total_bilirubin_umol_l" in ignored
    assert "/patient/hematocrit_percent" not in ignored


# --- limits -----------------------------------------------------------------------------------------------------------


def refusals(case: Json) -> list[tuple[str, str]]:
    """Return code and pointer of every reason why a case is refused."""
    try:
        answer(case)
    except tdm.Refused as refused:
        return [(one.code, one.pointer) for one in refused.problems]
    return []


AGE, WEIGHT = ("outside_hard_limit", "/patient/age_years"), ("outside_hard_limit", "/patient/weight_kg")


@pytest.mark.parametrize(
    ("case", "reasons"),
    [
        (child(age_years=0.99, weight_kg=8.0), [AGE]),
        (child(age_years=1.0, weight_kg=8.0), []),
        (child(age_years=0.99, weight_kg=8.0, model="cheng-2020"), [AGE]),
        (child(age_years=0.99, weight_kg=8.0, model="fan-2024", bilirubin=None), [AGE]),
        (child(age_years=0.99, weight_kg=8.0, model=site_model()), [AGE]),
        (child(weight_kg=40.0, model="fan-2024"), []),
        (child(weight_kg=40.1, model="fan-2024"), [WEIGHT]),
        (
            child(weight_kg=39.0, model="fan-2024", covariates=[{"time": -1.0, "weight_kg": 41.0}]),
            [("outside_hard_limit", "/covariates/0/weight_kg")],
        ),
        # what changes after now is not used, so it refuses nothing
        (child(weight_kg=39.0, model="fan-2024", covariates=[{"time": 1.0, "weight_kg": 41.0}]), []),
        (child(weight_kg=10.0, model="chen-2020"), [("model_for_simulation_only", "/model")]),
    ],
)
def test_only_a_hard_limit_refuses(case: Json, reasons: list[tuple[str, str]]) -> None:
    assert refusals(case) == reasons


def outside(case: Json) -> list[str]:
    """Return the messages of the soft limits that a case is outside of."""
    return [one.message for one in answer(case).findings if one.code == "outside_soft_limit"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"hematocrit_percent": 17.4}, ["17.4 %"]),
        ({"hematocrit_percent": 17.5}, []),
        ({"weight_kg": 90.0}, []),
        ({"weight_kg": 91.0}, ["91 kg"]),
        ({"weight_kg": 38.0, "hematocrit_percent": 50.0}, ["38 kg", "50 %"]),
        ({"age_years": 27.9}, ["27.9 years"]),
        ({"age_years": 28.0}, []),
        ({"age_years": 75.0}, ["75 years"]),
    ],
)
def test_a_value_outside_the_studied_range_is_found(changes: Json, said: list[str]) -> None:
    patient = {"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": 38.0} | changes
    messages = outside(adult(patient=patient, doses=[run(2, 10)], levels=[level(240.0, 8.0)], target=window(3, 20)))
    assert len(messages) == len(said)
    assert all(any(value in message for message in messages) for value in said)


def test_a_change_outside_the_studied_range_is_found_unless_it_is_not_used() -> None:
    for time, found in ((100.0, True), (300.0, False)):
        covariates = [{"time": time, "hematocrit_percent": 52.0}]
        case = adult(doses=[run(2, 10)], levels=[level(240.0, 8.0)], covariates=covariates)
        assert any("52 %" in message for message in outside(case)) is found


def test_which_model_a_patient_gets() -> None:
    def chosen(age: float, weight: float) -> str:
        return answer(child(age_years=age, weight_kg=weight)).fits[0].model

    assert [chosen(1, 8), chosen(15.9, 43), chosen(15.9, 43.1), chosen(16, 40), chosen(17.9, 70), chosen(18, 40)] == [
        "cheng-2020",
        "cheng-2020",
        "chen-2021",
        "chen-2021",
        "chen-2021",
        "mao-2024",
    ]
    assert "model" in {one.field for one in answer(child()).basis.assumed}


# --- when a level was drawn, without a whole case ---------------------------------------------------------------------


def test_time_after_dose_is_what_the_history_says() -> None:
    for name in ("adult-ctd-low-trough", "level-too-early", "censored-missed-doses", "contradicting-levels"):
        case = tdm.read_case((EXAMPLES / f"{name}.json").read_bytes())
        sources = sources_of(case)
        history = read_history(timeline_of(case, sources.interactions), sources.model, sources.label)
        alone = tdm.time_after_dose(case.doses, case.levels)
        assert [(one.since_dose_h, one.interval_h) for one in alone] == [
            (drawn.since_dose_h, drawn.interval_h) for drawn in history.levels
        ]
        assert [one.is_trough for one in alone] == [drawn.is_trough for drawn in history.levels]


def test_time_after_dose_by_hand() -> None:
    doses = (Dose(time=0.0, dose_mg=2, every_h=24.0, count=3),)
    levels = [Level(time=hours, level_ng_ml=5) for hours in (0.0, 19.1, 19.2, 48.0, 76.8, 76.9)]
    found = tdm.time_after_dose(doses, levels)
    assert [one.since_dose_h for one in found] == [None, *map(pytest.approx, (19.1, 19.2, 24.0, 28.8, 28.9))]
    assert [one.is_trough for one in found] == [False, False, True, True, True, False]


def test_time_after_dose_without_doses_or_levels() -> None:
    level_alone = Level(time=5.0, level_ng_ml=5)
    assert tdm.time_after_dose((), ()) == ()
    assert tdm.time_after_dose((), (level_alone,)) == (tdm.Sampled(None, None),)


def test_time_after_dose_refuses_what_cannot_be_compared() -> None:
    dated = Level(time=datetime(2026, 3, 1, 8), level_ng_ml=5)
    with pytest.raises(tdm.Refused) as refused:
        tdm.time_after_dose((Dose(time=0.0, dose_mg=2),), (dated,))
    assert refused.value.problems[0].code == "mixed_times"
    many = tuple(Dose(time=float(hours), dose_mg=2) for hours in range(1500))
    with pytest.raises(tdm.Refused) as refused:
        tdm.time_after_dose(many, [Level(time=float(hours), level_ng_ml=5) for hours in range(5)])
    assert refused.value.problems[0].code == "too_many"


# --- one result, one minute -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"level_ng_ml": 8.01, "assay": "lc-ms/ms"},
        {"level_ng_ml": 8.0, "assay": "CMIA"},
        {"level_nmol_l": 8.8, "assay": "lc-ms/ms"},
        {"below_ng_ml": 8.0, "assay": "lc-ms/ms"},
    ],
)
def test_two_results_of_one_minute_are_two(other: Json) -> None:
    case = adult(doses=[run(2, 10)], levels=[level(240.0, 8.0), {"time": 240.0, **other}])
    assert len(tdm.read_case(case).levels) == 2


@pytest.mark.parametrize(
    ("drawn", "given"),
    [
        ("2026-03-12T08:00:40", "2026-03-02T08:00:10"),
        ("2026-03-12T08:00:59", "2026-03-02T08:00"),
        ("2026-03-12T08:00:10", "2026-03-02T08:00:50"),
        ("2026-03-12T08:00", "2026-03-02T08:00"),
    ],
)
@pytest.mark.parametrize("earlier", ["2026-02-20T07:59:31", "2026-02-20T08:00"])
def test_a_level_of_the_minute_of_a_dose_was_drawn_before_it(drawn: str, given: str, earlier: str) -> None:
    case = adult(
        doses=[{**run(2, 11), "time": given}],
        levels=[level(drawn, 8.0)],
        platelets=[{"time": earlier, "count_10e9_l": 20.0, "bleeding": False}],
        now=drawn,
    )
    found = answer(case)
    assert found.fits[0].levels[0].individual_ng_ml == pytest.approx(exact_trough().individual_ng_ml, rel=1e-9)
    assert "level_just_after_dose" not in {one.code for one in found.findings}


def exact_trough() -> Any:
    return answer(adult(doses=[run(2, 11)], levels=[level(240.0, 8.0)])).fits[0].levels[0]


@pytest.mark.parametrize("drawn", [239.996, 240.004])
def test_hours_within_half_a_minute_are_one_instant(drawn: float) -> None:
    one = answer(adult(doses=[run(2, 11)], levels=[level(drawn, 8.0)])).fits[0].levels[0]
    assert one.individual_ng_ml == pytest.approx(exact_trough().individual_ng_ml, rel=1e-9)
    later = answer(adult(doses=[run(2, 10)], levels=[level(240.0, 8.0)], now=drawn))
    assert "level_in_future" not in {one.code for one in later.findings}
    with pytest.raises(tdm.Refused):
        tdm.read_case(adult(doses=[run(2, 11), dose(drawn, 1.0)]))


@pytest.mark.parametrize(("minutes", "before"), [(1, True), (29, True), (30, True), (31, False)])
def test_a_level_up_to_half_an_hour_after_a_charted_dose_is_a_trough(minutes: int, before: bool) -> None:
    time = 240.0 + minutes / 60.0
    found = answer(adult(doses=[run(2, 11)], levels=[level(time, 8.0)], now=241.0))
    (fitted,) = found.fits[0].levels
    assert fitted.time == pytest.approx(time)
    assert fitted.used is before
    asked = [one for one in found.findings if one.code == "level_just_after_dose"]
    assert bool(asked) is before
    if before:
        assert f"{minutes} minutes after the dose that is charted at 240 h" in asked[0].message
        assert fitted.individual_ng_ml == pytest.approx(exact_trough().individual_ng_ml, rel=1e-9)
    alone = tdm.time_after_dose((Dose(time=0.0, dose_mg=2, every_h=24.0, count=11),), [Level(time=time, level_ng_ml=8)])
    assert alone[0].is_trough is before


# --- orders beside each other -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("doses", range(3, 10))
def test_two_amounts_in_turn_are_a_regimen_from_three_doses_on(doses: int) -> None:
    """Written one by one, 1 and 2 mg every 24 h: what comes next, and when, and the last level is a trough."""
    singles = [dose(24.0 * number, 1.0 + number % 2) for number in range(doses)]
    found = answer(adult(doses=singles, levels=[level(24.0 * doses, 6.0)], now=24.0 * doses))
    assert found.current is not None
    assert found.current.regimen.pattern_mg == ((1.0, 2.0) if doses % 2 == 0 else (2.0, 1.0))
    assert found.current.regimen.every_h == 24.0
    assert found.current.start_at == 24.0 * doses
    assert not {"not_a_trough", "unexplained_level", "current_regimen_unknown"} & {one.code for one in found.findings}


def test_one_dose_between_those_of_a_run_makes_no_turn() -> None:
    case = adult(doses=[run(2, 4, every_h=48.0), dose(120.0, 1.0)], now=150.0)
    assert "current_regimen_unknown" in codes(case)


@pytest.mark.parametrize(("second", "gaps"), [(12.0, None), (6.0, "6, 18"), (20.0, "20, 4")])
def test_two_orders_of_one_day_are_one_regimen(second: float, gaps: str | None) -> None:
    found = answer(adult(doses=[run(1, 10), run(0.5, 10, second)], levels=[level(240.0, 6.0)], now=240.0))
    assert found.current is not None
    assert (found.current.regimen.pattern_mg, found.current.regimen.every_h) == ((1.0, 0.5), 12.0)
    assert found.current.daily_dose_mg == 1.5
    assert not {"runs_overlap", "current_regimen_unknown"} & {one.code for one in found.findings}
    assumed = [one for one in found.basis.assumed if one.field == "doses"]
    assert bool(assumed) is (gaps is not None)
    if gaps is not None:
        assert f"given {gaps} h apart" in assumed[0].why


def test_a_renewed_order_beside_the_old_one_is_asked_about() -> None:
    case = adult(doses=[run(1, 28), run(1, 28, 484.0)], levels=[level(672.0, 6.0)], now=672.0)
    (asked,) = [one for one in answer(case).findings if one.code == "runs_overlap"]
    for part in ("from 484 h to 648 h", "1 mg once daily from 0 h on", "from 484 h on", "2 mg per day"):
        assert part in asked.message
    assert "runs_overlap" not in codes(adult(doses=[run(1, 28), run(1, 28, 672.0)], now=700.0))
    assert "runs_overlap" not in codes(adult(doses=[run(1, 28), run(1, 28, 484.0)], now=480.0)), "planned"


# --- entries that said one thing and were read as another ------------------------------------------------------------


def test_half_a_dose_instead_of_a_missed_one_is_no_second_dose() -> None:
    """Of a run of 28 one was missed, and half of it was taken then; without the miss there would be two doses."""
    half = dose(240.0, 0.5)
    case = adult(doses=[{**run(1, 28), "missed": [240.0]}, half], levels=[level(672.0, LABEL_LEVEL)], now=672.0)
    assert answer(case).decision != "none"
    with pytest.raises(tdm.Refused) as refused:
        tdm.read_case(changed(case, doses=[run(1, 28), half]))
    assert [one.code for one in refused.value.problems] == ["two_doses_at_one_instant"]


@pytest.mark.parametrize("time", [-24.0, 0.0])
def test_a_covariate_that_holds_from_the_first_dose_on_is_not_assumed(time: float) -> None:
    given = adult(doses=[run(1, 28)], levels=[level(672.0, 4.0)], now=672.0)
    given["patient"].pop("hematocrit_percent", None)
    known = changed(given, patient={**given["patient"], "hematocrit_percent": 30.0})
    later = changed(given, covariates=[{"time": time, "hematocrit_percent": 30.0}])
    assert not [one for one in answer(later).basis.assumed if "hematocrit" in one.field]
    assert [one for one in answer(given).basis.assumed if "hematocrit" in one.field]
    assert answer(later).options == answer(known).options


def test_a_change_with_nothing_but_null_is_no_change() -> None:
    with pytest.raises(tdm.Refused) as refused:
        tdm.read_case(adult(doses=[run(1, 28)], covariates=[{"time": 600.0, "weight_kg": None}]))
    assert "missing_field" in [one.code for one in refused.value.problems]


def test_a_class_of_the_liver_beside_many_drugs_is_answered() -> None:
    """A model whose clearance does not vary has one more random effect for the liver; drugs leave it its place."""
    drugs = ["diltiazem", "fluconazole", "ketoconazole", "erythromycin", "verapamil", "rifampicin", "clarithromycin"]
    case = adult(
        doses=[run(1, 28)], levels=[level(672.0, 6.0)], now=672.0, comedications=[{"name": name} for name in drugs]
    )
    model = site_model(omega={"of": ["v"], "covariance": [[0.2]]})
    case = changed(case, model=model, patient={**case["patient"], "child_pugh": "B"})
    assert answer(case).options
