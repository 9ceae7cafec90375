"""The curve and the answer as a whole: own simulation, six digits, sums of one, the case's identity, names with units.

The contract of the fields is typed here, independently of the code. Times in h, doses in mg, levels in ng/mL.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from typing import Any, get_args, get_origin

import numpy as np
import pytest
from pydantic import BaseModel

import tdm
from tests.bedside import (
    Json,
    Piece,
    adult,
    answer,
    body,
    censored,
    changed,
    child,
    dose,
    level,
    run,
    simulated,
    single_doses,
    site_model,
    site_protocol,
    window,
)

DAYS_AHEAD, DAYS_BACK = 14.0, 28.0


def on_2_mg(value: float = 8.0, **changes: Any) -> Json:
    """Return an adult on 2 mg once daily with one trough (ng/mL) after ten doses."""
    return adult(**{"doses": [run(2, 10)], "levels": [level(240.0, value)]} | changes)


def planned(case: Json) -> list[tuple[float, float]]:
    """Return the doses given (h, mg), and those of the proposal over the days ahead."""
    given = single_doses(case, case["now"])
    proposal = answer(case).proposal
    if proposal is None:
        return given
    start, pattern = float(proposal.start_at), proposal.regimen.pattern_mg  # type: ignore[arg-type]
    count = int(24.0 * DAYS_AHEAD / proposal.regimen.every_h) + 2
    return given + [(start + proposal.regimen.every_h * n, pattern[n % len(pattern)]) for n in range(count)]


CURVES = {
    "keep": on_2_mg(),
    "increase": on_2_mg(5.2, target=window(8, 15)),
    "decrease in the middle of an interval": on_2_mg(now=225.0, levels=[level(216.0, 18.0)]),
    "start": adult(),
    "every other day": on_2_mg(7.5, product={"strengths_mg": [5]}, protocol=site_protocol()),
    "alternating": on_2_mg(7.0, product={"strengths_mg": [2]}, target=window(9, 14)),
    "a child twice daily": child(doses=[run(0.5, 20, 0.0, 12.0)], levels=[level(240.0, 8.0)], now=240.0),
    "two runs, alternating": on_2_mg(doses=[run(1, 5, 0.0, 48.0), run(2, 5, 24.0, 48.0)]),
    "after an interruption": on_2_mg(now=600.0),
    "hold": adult(doses=[run(4, 10)], levels=[level(240.0, 30.0)]),
    "a longer history": adult(doses=[run(2, 40)], levels=[level(960.0, 8.0)], now=960.0),
}


@pytest.mark.parametrize("name", CURVES)
def test_the_curve_is_that_of_the_draws_dose_by_dose(name: str) -> None:
    case, curve = CURVES[name], answer(CURVES[name]).curve
    times = np.array(curve.times, dtype=float)
    one = body(case)
    concentration = one.concentration(planned(case), times)
    for place in range(0, len(times), 5):
        if concentration[:, place].max() == 0.0:
            assert curve.p05[place] == curve.median[place] == curve.p95[place] == 0.0
            continue
        # some hundred resampled draws: what they call the median stands near the middle of all draws
        for shown, at, within in ((curve.p05, 0.05, 0.045), (curve.median, 0.5, 0.1), (curve.p95, 0.95, 0.045)):
            below = one.chance(concentration[:, place] <= shown[place])
            assert below == pytest.approx(at, abs=within), (times[place], at)


CERTAIN: Json = {"sd": {"cl": 0.001, "v": 0.001}, "residual": {"kind": "additive", "additive_ng_ml": 20.0}}


def hours(times: tuple[Any, ...]) -> list[float]:
    """Return the times of an answer to a case in hours, h."""
    return [float(time) for time in times]


@pytest.mark.parametrize("name", CURVES)
def test_the_curve_is_exact_where_nothing_varies(name: str) -> None:
    # random effects of a thousandth and levels that say nothing: every draw is the typical patient
    case = changed(CURVES[name], model=site_model(**CERTAIN))
    curve = answer(case).curve
    own = simulated(planned(case), hours(curve.times), [Piece(0.0, 8.0, 400.0, 0.8)])
    assert list(curve.median) == pytest.approx([float(each) for each in own], rel=2e-3, abs=1e-9)


def test_the_curve_follows_covariates_that_change() -> None:
    effect = {"on": "cl", "covariate": "hematocrit_percent", "effect": "power", "reference": 38, "exponent": -0.901}
    model = site_model(**CERTAIN, covariates=[effect])
    rises = [
        {"time": time, "hematocrit_percent": value} for time, value in ((60.0, 30.0), (150.0, 44.0), (300.0, 60.0))
    ]
    case = on_2_mg(model=model, covariates=rises)
    curve = answer(case).curve
    pieces = [
        Piece(start, 8.0 * (value / 38.0) ** -0.901, 400.0, 0.8)
        for start, value in ((0.0, 38.0), (60.0, 30.0), (150.0, 44.0), (300.0, 60.0))
    ]
    own = simulated(planned(case), hours(curve.times), pieces)
    assert list(curve.median) == pytest.approx([float(each) for each in own], rel=2e-3, abs=1e-9)


@pytest.mark.parametrize("name", CURVES)
def test_the_curve_shows_the_recent_history_and_two_weeks_ahead(name: str) -> None:
    case, found = CURVES[name], answer(CURVES[name])
    times = np.array(found.curve.times, dtype=float)
    assert np.all(np.diff(times) > 0)
    assert len(found.curve.times) == len(found.curve.median) == len(found.curve.p05) == len(found.curve.p95)
    start = float(found.proposal.start_at) if found.proposal else case["now"]  # type: ignore[arg-type]
    first_dose = min([time for time, _ in single_doses(case)], default=start)
    assert times[-1] == pytest.approx(start + 24.0 * DAYS_AHEAD, abs=24.0)
    assert times[0] == pytest.approx(max(first_dose, start - 24.0 * DAYS_BACK), abs=24.0)
    assert all(
        low <= middle <= high
        for low, middle, high in zip(found.curve.p05, found.curve.median, found.curve.p95, strict=True)
    )
    if found.proposal is not None:
        assert start in times


def test_before_a_dose_the_curve_ahead_comes_to_the_trough_of_the_proposal() -> None:
    found = answer(on_2_mg())
    assert found.proposal is not None
    last = found.curve.times.index(float(found.proposal.start_at) + 24.0 * DAYS_AHEAD)  # type: ignore[arg-type]
    assert found.curve.median[last] == pytest.approx(found.proposal.trough_ng_ml.median, rel=0.05)


def test_under_a_hold_the_curve_falls_without_doses() -> None:
    curve = answer(CURVES["hold"]).curve
    ahead = [value for time, value in zip(curve.times, curve.median, strict=True) if float(time) > 240.0]  # type: ignore[arg-type]
    assert all(later < earlier for earlier, later in itertools.pairwise(ahead))


# --- numbers ----------------------------------------------------------------------------------------------------------

ANSWERED = CURVES | {
    "no window": on_2_mg(protocol="ctd-rtp-2025"),
    "none": adult(protocol="ctd-itp-2024"),
    "censored": on_2_mg(levels=[censored(240.0, 2.5)]),
    "an unused level": on_2_mg(levels=[level(220.0, 12.345678)]),
    "asked": on_2_mg(regimens=[{"pattern_mg": [1, 2, 3]}, {"pattern_mg": [0.5], "every_h": 8.0}]),
    "odd numbers": on_2_mg(
        3.3333333, doses=[run(1.7, 10, 0.0, 24.0)], product={"step_mg": 0.1}, target=window(5.555555, 12.34567)
    ),
    "a fitted absorption": on_2_mg(model=site_model(sd={"cl": 0.3, "v": 0.3, "ka": 0.3})),
}


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Return every number of an answer's JSON with its path."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from numbers(each, f"{path}/{name}")
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from numbers(each, f"{path}/{place}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path, value


@pytest.mark.parametrize("name", ANSWERED)
def test_every_number_has_six_significant_digits_at_most(name: str) -> None:
    whole = json.loads(answer(ANSWERED[name]).model_dump_json())
    found = list(numbers(whole))
    assert len(found) > 100
    for path, value in found:
        assert np.isfinite(value), path
        assert float(f"{value:.6g}") == value, (path, value)


@pytest.mark.parametrize("name", ANSWERED)
def test_probabilities_sum_to_one(name: str) -> None:
    found = answer(ANSWERED[name])
    options = [*found.options, *(each for each in (found.proposal, found.current) if each is not None)]
    for option in options:
        if option.probability is not None:
            chances = (option.probability.below, option.probability.within, option.probability.above)
            assert all(0.0 <= chance <= 1.0 for chance in chances)
            assert sum(chances) == pytest.approx(1.0, abs=2e-6)
            assert option.measured_within is not None
            assert 0.0 <= option.measured_within <= 1.0


def test_the_answer_in_json_is_the_answer() -> None:
    found = answer(on_2_mg())
    assert tdm.Recommendation.model_validate_json(found.model_dump_json()) == found


def test_times_are_of_the_kind_that_the_case_uses() -> None:
    dated = on_2_mg(
        doses=[{"time": "2026-03-01T08:00", "dose_mg": 2, "every_h": 24, "count": 10}],
        levels=[level("2026-03-11T08:00", 8.0)],
        now="2026-03-11T08:00",
    )
    offset = json.loads(json.dumps(dated).replace("T08:00", "T08:00+08:00"))
    for case, kind, zone in ((on_2_mg(), float, None), (dated, datetime, False), (offset, datetime, True)):
        found = answer(case)
        assert found.proposal is not None
        assert found.next_level is not None
        times = [found.proposal.start_at, found.next_level.from_, found.next_level.to, *found.curve.times]
        assert all(isinstance(each, kind) for each in times)
        if zone is not None:
            assert all((each.tzinfo is not None) is zone for each in times if isinstance(each, datetime))


# --- the identity of the case -----------------------------------------------------------------------------------------

WHOLE = {
    "patient": {"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": 38.0, "sex": "female", "height_cm": 165.0},
    "covariates": [{"time": 100.0, "hematocrit_percent": 36.0}],
    "protocol": site_protocol(4.0),
    "target": window(5, 15),
    "model": site_model(),
    "doses": [run(2, 10)],
    "levels": [level(216.0, 7.0), level(240.0, 8.0)],
    "comedications": [{"name": "prednisone", "start": 0.0, "stop": 500.0}],
    "product": {"strengths_mg": [0.5, 1.0, 2.0]},
    "regimens": [{"pattern_mg": [1.0, 2.0], "every_h": 24.0}],
    "now": 240.0,
}


def identity(case: Json) -> str:
    """Return the identity that an answer gives to its case."""
    return answer(case).basis.case_id


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the path of every number and text of a case."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, (*path, name))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from leaves(each, (*path, place))
    else:
        yield path


# what can only be one thing, or needs another value than a little more
OTHER = {
    "sex": "male",
    "unit": None,
    "kind": None,
    "of": None,
    "oxford_level": "4",
    "count": 9,
    "grade": "A",
    "id": "other",
    "name": "other",
    "assay": "emit",
}


def with_another_leaf(path: tuple[Any, ...]) -> Json | None:
    """Return the whole case with another value at a path, or None where there is no other."""
    case: Json = json.loads(json.dumps(WHOLE))
    place: Any = case
    for step in path[:-1]:
        place = place[step]
    named = [step for step in path if isinstance(step, str)][-1]
    old = place[path[-1]]
    new = OTHER.get(named, old * 1.01 + 0.001 if isinstance(old, float | int) else "other")
    if named == "covariance":
        new = old + 0.01 if old else None
    if new is None:
        return None
    place[path[-1]] = new
    return case


def test_the_identity_changes_with_every_field_of_the_case() -> None:
    identities, tried = {identity(WHOLE)}, 0
    for path in leaves(WHOLE):
        case = with_another_leaf(path)
        if case is not None:
            tried += 1
            identities.add(identity(case))
            assert len(identities) == tried + 1, path
    assert tried > 35


def test_the_identity_changes_with_a_field_left_out() -> None:
    optional = ("covariates", "target", "model", "levels", "comedications", "regimens", "now", "doses")
    identities = [identity(changed(WHOLE, **{field: None})) for field in optional if field != "doses"]
    assert len({identity(WHOLE), *identities}) == len(optional)


def test_the_identity_does_not_change_with_the_order_of_keys_or_the_spelling_of_numbers() -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: turned(value[name]) for name in reversed(value)}
        return [turned(each) for each in value] if isinstance(value, list) else value

    assert list(turned(WHOLE)) != list(WHOLE)
    assert identity(turned(WHOLE)) == identity(WHOLE)
    spelled = json.dumps(WHOLE).replace("240.0", "2.4e2").replace("60.0", "60")
    assert tdm.recommend(tdm.read_case(spelled)).basis.case_id == identity(WHOLE)
    assert tdm.recommend(tdm.read_case(json.dumps(WHOLE, indent=3).encode())).basis.case_id == identity(WHOLE)


def test_the_identity_changes_with_the_shipped_model_and_protocol_that_are_named() -> None:
    cases = [on_2_mg(protocol=protocol) for protocol in ("itp-2024-adult", "itp-dexamethasone-2024", "waiha-2023")]
    cases.append(changed(cases[0], model="chen-2021"))
    assert len({identity(case) for case in cases}) == 4
    assert re.fullmatch(r"[0-9a-f]{64}", identity(cases[0]))
    assert len(identity(cases[0])) == len(hashlib.sha256().hexdigest())


# --- the contract -----------------------------------------------------------------------------------------------------

CASE_FIELDS = {
    "case": "patient covariates protocol target model doses levels comedications product regimens now",
    "patient": "weight_kg age_years sex height_cm hematocrit_percent total_bilirubin_umol_l",
    "covariates": "time hematocrit_percent total_bilirubin_umol_l weight_kg",
    "target": "low_ng_ml high_ng_ml",
    "doses": "time dose_mg every_h count",
    "levels": "time level_ng_ml below_ng_ml assay",
    "comedications": "name start stop",
    "product": "strengths_mg step_mg",
    "regimens": "pattern_mg every_h",
}
ANSWER_FIELDS = {
    "": "decision summary proposal hold options current label_rule individual fits next_level findings basis curve",
    "/proposal": "regimen start_at daily_dose_mg trough_ng_ml probability measured_within reason asked",
    "/proposal/regimen": "pattern_mg every_h",
    "/proposal/trough_ng_ml": "median p05 p95",
    "/proposal/probability": "below within above",
    "/current": "regimen start_at daily_dose_mg trough_ng_ml probability measured_within reason asked",
    "/options/0": "regimen start_at daily_dose_mg trough_ng_ml probability measured_within reason asked",
    "/hold": "until condition resume",
    "/hold/until": "median p95",
    "/hold/resume": "regimen start_at daily_dose_mg trough_ng_ml probability measured_within reason asked",
    "/label_rule": "reason",
    "/individual": "clearance_l_per_h volume_l half_life_h",
    "/individual/clearance_l_per_h": "typical map median p05 p95",
    "/individual/volume_l": "typical map median p05 p95",
    "/individual/half_life_h": "typical map median p05 p95",
    "/fits/0": "model weight eta objective levels",
    "/fits/0/levels/0": "time observed_ng_ml population_ng_ml individual_ng_ml weighted_residual used",
    "/next_level": "from to reason",
    "/findings/0": "code severity message source",
    "/basis": "models protocol assumed ignored equations versions case_id",
    "/basis/models/0": "grade",
    "/curve": "times median p05 p95",
}
DECISIONS = {"start", "keep", "increase", "decrease", "change", "hold", "none"}


def test_every_field_of_the_contract_is_in_an_answer() -> None:
    keep, held = (json.loads(answer(case).model_dump_json()) for case in (on_2_mg(), CURVES["hold"]))
    for path, fields in ANSWER_FIELDS.items():
        place: Any = held if path.startswith("/hold") else keep
        for step in path.split("/")[1:]:
            place = place[int(step)] if step.isdigit() else place[step]
        assert set(fields.split()) <= set(place), path
    assert keep["hold"] is None
    assert held["proposal"] is None


def nouns_in(annotation: Any) -> set[type[BaseModel]]:
    """Return the pydantic models that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return set().union(*(nouns_in(each) for each in get_args(annotation))) if get_args(annotation) else set()


def test_every_field_of_the_contract_is_in_a_case() -> None:
    for of, fields in CASE_FIELDS.items():
        nouns = {tdm.Case} if of == "case" else nouns_in(tdm.Case.model_fields[of].annotation)
        assert any(set(fields.split()) <= set(noun.model_fields) for noun in nouns), of


def test_the_decisions_are_those_of_the_contract() -> None:
    assert set(get_args(tdm.Recommendation.model_fields["decision"].annotation)) == DECISIONS


def test_findings_have_the_severities_of_the_contract() -> None:
    severity = tdm.Finding.model_fields["severity"].annotation
    assert set(get_args(severity)) == {"info", "warning", "critical", "blocking"}


def test_an_individual_and_a_fit_are_told_in_numbers_that_agree() -> None:
    case = on_2_mg(5.5)
    found, one = answer(case), body(case)
    eta = found.fits[0].eta
    assert set(eta) == {"cl", "v"}
    assert found.individual.clearance_l_per_h.map == pytest.approx(7.09 * np.exp(eta["cl"]), rel=1e-4)
    assert found.individual.volume_l.map == pytest.approx(496.0 * np.exp(eta["v"]), rel=1e-4)
    half_life = np.log(2.0) * found.individual.volume_l.map / found.individual.clearance_l_per_h.map
    assert found.individual.half_life_h.map == pytest.approx(half_life, rel=1e-4)
    for shown, values in (
        (found.individual.clearance_l_per_h, one.cl),
        (found.individual.volume_l, one.v),
        (found.individual.half_life_h, np.log(2.0) * one.v / one.cl),
    ):
        for name, at in (("p05", 0.05), ("median", 0.5), ("p95", 0.95)):
            assert getattr(shown, name) == pytest.approx(one.quantile(values, at), rel=2e-3)
    fit = found.fits[0].levels[0]
    own = simulated(single_doses(case), [240.0], [Piece(0.0, *found_at_mode(found), 0.75)])[0]
    assert fit.individual_ng_ml == pytest.approx(float(own), rel=1e-4)
    assert fit.weighted_residual == pytest.approx((5.5 - float(own)) / (0.182 * float(own)), abs=2e-3)
    omega = np.array([[0.324**2, 0.0665], [0.0665, 0.427**2]])
    deviation = np.array([eta["cl"], eta["v"]])
    objective = ((5.5 - float(own)) / (0.182 * float(own))) ** 2 + 2.0 * np.log(0.182 * float(own))
    objective += float(deviation @ np.linalg.inv(omega) @ deviation)
    assert found.fits[0].objective == pytest.approx(objective, abs=1e-3)


def found_at_mode(found: tdm.Recommendation) -> tuple[float, float]:
    """Return clearance (L/h) and volume (L) at the mode that an answer states."""
    return found.individual.clearance_l_per_h.map, found.individual.volume_l.map


def test_a_censored_level_has_no_residual_and_is_used() -> None:
    fit = answer(on_2_mg(levels=[censored(240.0, 2.5)])).fits[0].levels[0]
    assert fit.used
    assert fit.observed_ng_ml is None
    assert fit.weighted_residual is None


# --- names with units -------------------------------------------------------------------------------------------------

UNITS = (
    "_kg",
    "_years",
    "_cm",
    "_percent",
    "_umol_l",
    "_mg_dl",
    "_mg",
    "_h",
    "_ng_ml",
    "_l_per_h",
    "_l",
    "_per_h",
    "_m2",
    "_days",
)
# Numbers without a unit, by the contract or by nature; then those whose unit stands beside them or in their holder.
WITHOUT_UNIT = {
    "count",
    "below",
    "within",
    "above",
    "measured_within",
    "weight",
    "eta",
    "objective",
    "weighted_residual",
    "draws",
    "effective_sample_size",
    "probability_error",
    "exponent",
    "coefficient",
    "factor",
    "covariance",
    "proportional",
    "sd",
    "subjects",
    "concentrations",
    "earliest_sample_fraction",
}
UNIT_ELSEWHERE = {
    "Spread": {"median", "p05", "p95"},
    "ParameterAnswer": {"typical", "map", "median", "p05", "p95"},
    "Curve": {"median", "p05", "p95"},
    "ParameterValue": {"value"},
    "AssumedCovariate": {"value"},
    "LabelDoses": {"low", "midpoint", "high"},
    "FollowUp": {"months"},
    "VisitAnswer": {"month"},
    "PowerEffect": {"reference"},
    "ExponentialEffect": {"reference"},
    "LinearEffect": {"reference"},
    "Limit": {"soft_low", "soft_high", "hard_low", "hard_high"},
}


def walked(noun: type[BaseModel], seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    """Return a pydantic model with all that its fields mention."""
    if noun in seen:
        return seen
    seen.add(noun)
    for field in noun.model_fields.values():
        for each in nouns_in(field.annotation):
            walked(each, seen)
    return seen


def holds_numbers(annotation: Any) -> bool:
    """Return whether an annotation is of numbers (and of no time)."""
    if get_origin(annotation) is typing.Annotated:
        return holds_numbers(get_args(annotation)[0])
    if get_origin(annotation) in (typing.Union, types.UnionType) and datetime in get_args(annotation):
        return False
    if get_origin(annotation) is typing.Literal:
        return False
    if get_args(annotation):
        return any(holds_numbers(each) for each in get_args(annotation))
    return annotation in (float, int)


def test_every_number_of_a_case_and_of_an_answer_has_its_unit_in_its_name() -> None:
    nouns = walked(tdm.Recommendation, walked(tdm.Case, set()))
    assert len(nouns) > 35
    checked = 0
    for noun in nouns:
        for name, field in noun.model_fields.items():
            if holds_numbers(field.annotation):
                checked += 1
                has_unit = f"_{name}".endswith(UNITS) or name in WITHOUT_UNIT
                assert has_unit or name in UNIT_ELSEWHERE.get(noun.__name__, ()), f"{noun.__name__}.{name}"
    assert checked > 60


def test_the_holders_of_spreads_have_the_unit() -> None:
    for noun in walked(tdm.Recommendation, set()):
        for name, field in noun.model_fields.items():
            held = {each.__name__ for each in nouns_in(field.annotation)}
            if held & {"Spread", "ParameterAnswer", "LabelDoses"}:
                assert name.endswith(UNITS), f"{noun.__name__}.{name}"


def test_every_noun_is_frozen_and_refuses_unknown_fields() -> None:
    for noun in walked(tdm.Recommendation, walked(tdm.Case, set())):
        assert noun.model_config.get("frozen") is True, noun.__name__
        assert noun.model_config.get("extra") == "forbid", noun.__name__


def test_the_doses_of_one_day_written_twice_are_refused_and_not_added_up() -> None:
    with pytest.raises(tdm.Refused) as refused:
        answer(on_2_mg(doses=[run(2, 10), dose(48.0, 2)]))
    assert [one.code for one in refused.value.problems] == ["two_doses_at_one_instant"]


def test_under_none_the_curve_goes_on_with_the_present_dosing() -> None:
    found = answer(adult(doses=[run(1, 11)], levels=[level(240.0, 8.0), level(243.0, 9.0)], protocol="ctd-rtp-2025"))
    assert (found.decision, found.proposal) == ("none", None)
    assert found.current is not None
    due = float(found.current.start_at)  # type: ignore[arg-type]
    last = found.curve.times.index(due + 24.0 * DAYS_AHEAD)
    assert found.curve.median[last] == pytest.approx(found.current.trough_ng_ml.median, rel=0.05)
