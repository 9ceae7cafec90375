"""The example cases: each runs, decides what its story says, and its README quotes the real answer.

Levels in ng/mL, doses in mg, times in h or ISO dates, clearances in L/h.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tdm
from tdm.answer.answer import AnswerOption
from tdm.answer.report import answer_in_words

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
README = (EXAMPLES / "README.md").read_text(encoding="utf-8")
REFUSED = "neonate-refused"


class Story(NamedTuple):
    """What a story is about: the decision, the proposed mg per day, codes that must and must not be there."""

    decision: str
    daily_mg: float | None
    codes: frozenset[str]
    not_codes: frozenset[str] = frozenset()


def story(decision: str, daily_mg: float | None, *codes: str) -> Story:
    """Codes that begin with a minus sign must not be there."""
    unwanted = frozenset(code.removeprefix("-") for code in codes if code.startswith("-"))
    return Story(decision, daily_mg, frozenset(code for code in codes if not code.startswith("-")), unwanted)


STORIES = {
    "adult-ctd-low-trough": story("increase", 2, "prior_borrowed", "dose_above_studied", "-immunoassay"),
    "adult-itp-above-window": story("decrease", 1, "level_above_15", "prior_borrowed", "-level_above_20"),
    "censored-missed-doses": story(
        "keep", 2, "check_adherence", "not_a_trough", "immunoassay", "prior_dominates", "-outlier"
    ),
    "child-immune-cytopenia-bilirubin": story("decrease", 0.75, "level_above_15", "immunoassay", "-outlier"),
    "contradicting-levels": story("decrease", 1, "levels_contradict", "outlier", "check_adherence"),
    "first-dose-adult": story(
        "start", 1, "no_regimen_reaches_half", "protocol_start_conflict", "dose_above_studied", "prior_dominates"
    ),
    "first-dose-child": story("start", 1.5, "model_ambiguity", "prior_dominates", "-protocol_start_conflict"),
    "haematocrit-recovers": story("keep", 1, "prior_borrowed", "-low_hematocrit", "-levels_contradict"),
    "anaemia-before-an-increase": story("increase", 2, "change_ahead", "low_hematocrit"),
    "changed-assay": story("keep", 2, "assay_changed", "immunoassay"),
    "child-pugh-c": story("decrease", 0.5, "liver_severe", "not_at_steady_state", "-liver_impaired"),
    "falling-platelets": story("decrease", 1, "tolerance_no_increase", "level_above_15"),
    "letermovir-stopped": story("increase", 2, "drug_modelled", "prior_dominates", "-drug_contraindicated"),
    "only-prescribed": story("increase", 2.5, "doses_only_prescribed", "-check_adherence"),
    "pneumonitis-suspected": story("hold", None, "tolerance_hold", "-level_above_15"),
    "responder-at-4": story("keep", 1, "responder_below_window", "-tolerance_no_increase"),
    "rifampicin-stopped": story("decrease", 2, "change_ahead", "drug_modelled", "-drug_to_avoid"),
    "voriconazole-starts": story("decrease", 0.2, "drug_contraindicated", "change_ahead", "drug_modelled"),
    "level-24": story("hold", None, "level_above_20", "drug_without_ratio", "-level_above_15"),
    "level-too-early": story(
        "keep", 2, "unexplained_level", "high_level_unexplained", "prior_dominates", "-level_above_20"
    ),
    "protocol-without-window": story("none", None, "window_missing", "-no_regimen_reaches_half"),
    "protocol-without-window-target": story("keep", 1, "dose_above_studied", "-window_missing"),
    "regimen-of-ones-own": story("keep", 1, "low_hematocrit", "-dose_above_studied"),
    "site-model": story("keep", 2, "-prior_borrowed", "-unusual_patient"),
    "sle-22-years": story("increase", 2, "outside_soft_limit", "low_hematocrit", "prior_borrowed"),
    "small-child-solution": story("increase", 1.2, "prior_dominates", "-prior_borrowed", "-dose_not_preparable"),
}


def source(name: str) -> bytes:
    return (EXAMPLES / f"{name}.json").read_bytes()


def changed(name: str, **update: Any) -> dict[str, Any]:
    """The case of an example with other fields; a field that is None is taken out."""
    whole = {**json.loads(source(name)), **update}
    return {field: value for field, value in whole.items() if value is not None}


@cache
def answer(name: str) -> tdm.Recommendation:
    return tdm.recommend(tdm.read_case(source(name)))


def codes(one: tdm.Recommendation) -> set[str]:
    return {finding.code for finding in one.findings}


def told(name: str) -> str:
    """The story of an example in the README."""
    _, _, after = README.partition(f"\n## {name}.json\n")
    return after.partition("\n## ")[0]


def flat(text: str) -> str:
    return " ".join(text.split())


def command_line(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tdm.cli", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


# --- the folder -------------------------------------------------------------------------------------------------------


def test_every_file_is_a_story_with_an_expectation() -> None:
    names = sorted(path.stem for path in EXAMPLES.glob("*.json"))
    assert names == sorted([*STORIES, REFUSED])
    assert sorted(re.findall(r"^## (\S+)\.json$", README, flags=re.MULTILINE)) == names
    for name in names:
        assert f"({'#' + name + 'json'})" in README, "each story is in the table at the top"


def test_the_readme_says_that_no_patient_is_real() -> None:
    assert "No patient here is real" in README


@pytest.mark.parametrize("name", sorted([*STORIES, REFUSED]))
def test_a_case_has_dates_of_2026_and_no_empty_fields(name: str) -> None:
    text = source(name).decode()
    assert set(re.findall(r'"(\d{4})-\d\d-\d\dT\d\d:\d\d', text)) == {"2026"}
    assert "null" not in text


@pytest.mark.parametrize("name", sorted([*STORIES, REFUSED]))
def test_a_story_is_three_to_six_sentences_and_ends_with_what_to_discuss(name: str) -> None:
    prose, _, _ = told(name).partition("\n> ")
    plain = re.sub(r"\d\.\d|\bet al\.", "", prose)
    sentences = re.findall(r"[.?]\"?(?=\s|$)", plain)
    assert 3 <= len(sentences) <= 6, len(sentences)
    assert "discuss" in prose


# --- what the stories say ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(STORIES))
def test_the_decision_and_the_findings_are_those_of_the_story(name: str) -> None:
    expected, found = STORIES[name], answer(name)
    assert found.decision == expected.decision
    assert expected.codes <= codes(found)
    assert not expected.not_codes & codes(found)
    if expected.daily_mg is None:
        assert found.proposal is None
    else:
        assert found.proposal is not None
        assert found.proposal.daily_dose_mg == pytest.approx(expected.daily_mg)


@pytest.mark.parametrize("name", sorted(STORIES))
def test_the_readme_quotes_the_real_summary(name: str) -> None:
    quoted = re.findall(r"^> (.*)$", told(name), flags=re.MULTILINE)
    assert quoted == [answer(name).summary]


@pytest.mark.parametrize("name", sorted(STORIES))
def test_words_in_double_quotes_are_the_tools_own(name: str) -> None:
    words = flat(answer_in_words(answer(name)))
    prose = flat(told(name).partition("\n> ")[0])
    for quoted in re.findall(r'"([^"]+)"', prose):
        assert quoted in words, quoted


def test_the_newborn_is_refused_with_the_reason_that_the_readme_quotes() -> None:
    with pytest.raises(tdm.Refused) as refused:
        tdm.recommend(tdm.read_case(source(REFUSED)))
    (problem,) = refused.value.problems
    assert (problem.code, problem.pointer) == ("outside_hard_limit", "/patient/age_years")
    assert re.findall(r"^> (.*)$", told(REFUSED), flags=re.MULTILINE) == [problem.message]


@pytest.mark.parametrize("name", ["contradicting-levels", "level-24"])
def test_the_command_line_answers_with_the_same_summary_first(name: str) -> None:
    done = command_line("recommend", str(EXAMPLES / f"{name}.json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert flat(done.stdout).startswith(flat(answer(name).summary))


def test_the_command_line_refuses_the_newborn_with_exit_status_1() -> None:
    done = command_line("recommend", str(EXAMPLES / f"{REFUSED}.json"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "/patient/age_years" in done.stderr
    assert "Traceback" not in done.stderr


# --- checks by hand ---------------------------------------------------------------------------------------------------


def options(one: tdm.Recommendation) -> list[AnswerOption]:
    resume = one.hold.resume if one.hold else None
    return [*one.options, *(option for option in (one.proposal, one.current, resume) if option is not None)]


@pytest.mark.parametrize("name", sorted(STORIES))
def test_each_option_adds_up(name: str) -> None:
    for option in options(answer(name)):
        doses, every_h = option.regimen.pattern_mg, option.regimen.every_h
        assert option.daily_dose_mg == pytest.approx(24 / every_h * sum(doses) / len(doses), rel=1e-5)
        spread = option.trough_ng_ml
        assert 0 < spread.p05 < spread.median < spread.p95
        if option.probability is None:
            assert option.measured_within is None
            continue
        chances = (option.probability.below, option.probability.within, option.probability.above)
        assert sum(chances) == pytest.approx(1, abs=3e-6)
        assert all(0 <= chance <= 1 for chance in chances)


@pytest.mark.parametrize("name", sorted(STORIES))
def test_a_proposal_can_be_given_was_studied_and_was_not_merely_asked_for(name: str) -> None:
    case, found = tdm.read_case(source(name)), answer(name)
    if found.proposal is None:
        return
    protocol = tdm.load_protocol(case.protocol) if isinstance(case.protocol, str) else case.protocol
    assert protocol.studied is not None
    assert found.proposal.daily_dose_mg <= protocol.studied.highest_daily_dose_mg
    assert not found.proposal.asked
    # every sum of tablets of 0.5, 1 and 2 mg is a multiple of 0.5 mg; the solution comes in steps of 0.1 mg
    step = case.product.step_mg or (0.1 if "solution" in found.proposal.marks else 0.5)
    for dose in found.proposal.regimen.pattern_mg:
        assert dose / step == pytest.approx(round(dose / step)) or found.decision == "keep"


@pytest.mark.parametrize("name", sorted(STORIES))
def test_the_label_proportion_is_dose_times_target_over_trough(name: str) -> None:
    case, rule = tdm.read_case(source(name)), answer(name).label_rule
    if rule.daily_dose_mg is None:
        assert rule.reason
        return
    protocol = tdm.load_protocol(case.protocol) if isinstance(case.protocol, str) else case.protocol
    window = case.target or protocol.window
    assert window is not None
    level = case.levels[-1].value_ng_ml
    run = case.doses[-1]
    assert run.every_h == 24
    low, high = window.low_ng_ml, window.high_ng_ml
    by_hand = [run.dose_mg * aim / level for aim in (low, (low + high) / 2, high)]
    doses = rule.daily_dose_mg
    assert [doses.low, doses.midpoint, doses.high] == pytest.approx(by_hand, rel=1e-5)


def single_dose(dose_mg: float, hours: float, cl: float, v: float, ka: float) -> float:
    """The concentration (ng/mL) of one dose, one compartment with first-order absorption (L/h, L, 1/h)."""
    k = cl / v
    return 1000 * dose_mg * ka / (v * (ka - k)) * (math.exp(-k * hours) - math.exp(-ka * hours))


def test_the_typical_adult_trough_is_the_sum_of_the_doses_by_hand() -> None:
    # 2 mg on 2, 3, 4 March, 1 mg on 5-15 March, all at 08:00; the level is of 16 March at 08:00, the haematocrit 37 %
    typical = {"cl": 7.09 * (37 / 38) ** -0.901, "v": 496.0, "ka": 0.75}
    doses = [(2, day) for day in (2, 3, 4)] + [(1, day) for day in range(5, 16)]
    by_hand = sum(single_dose(mg, 24.0 * (16 - day), **typical) for mg, day in doses)
    (level,) = answer("adult-ctd-low-trough").fits[0].levels
    assert level.population_ng_ml == pytest.approx(by_hand, rel=1e-5)


def test_the_typical_childs_trough_is_the_sum_of_the_doses_by_hand() -> None:
    # ten doses of 1.5 mg at 08:00; the level half an hour before the eleventh; 19 kg, bilirubin 32 umol/L
    typical = {"cl": 5.63 * (19 / 28.5) ** 0.5 * (32 / 11.29) ** -0.32, "v": 144.16, "ka": 0.7521}
    by_hand = sum(single_dose(1.5, 24.0 * day - 0.5, **typical) for day in range(1, 11))
    (level,) = answer("child-immune-cytopenia-bilirubin").fits[0].levels
    assert level.population_ng_ml == pytest.approx(by_hand, rel=1e-5)


def test_half_the_dose_gives_half_the_trough() -> None:
    by_dose = {
        option.regimen.pattern_mg[0]: option.trough_ng_ml
        for option in answer("adult-itp-above-window").options
        if option.regimen.every_h == 24 and len(option.regimen.pattern_mg) == 1
    }
    assert by_dose[1].median == pytest.approx(by_dose[2].median / 2, rel=1e-4)
    assert by_dose[1].p95 == pytest.approx(by_dose[2].p95 / 2, rel=1e-4)


def test_the_next_level_is_a_pre_dose_time_within_7_to_14_days() -> None:
    for name in ("adult-ctd-low-trough", "sle-22-years", "haematocrit-recovers"):
        found, now = answer(name), tdm.read_case(source(name)).now
        assert found.next_level is not None
        assert isinstance(now, datetime)
        for time in (found.next_level.from_, found.next_level.to):
            assert isinstance(time, datetime)
            assert timedelta(days=7) <= time - now <= timedelta(days=15)
            assert (time - now) % timedelta(days=1) == timedelta(0), "these levels were drawn at the hour of the dose"


def test_the_hold_lasts_about_as_long_as_the_half_life_says() -> None:
    found = answer("level-24")
    assert found.hold is not None
    now, until = datetime(2026, 3, 16, 7, 45), found.hold.until
    assert isinstance(until.median, datetime)
    assert isinstance(until.p95, datetime)
    half_life = found.individual.half_life_h
    hours = half_life.median * math.log2(24 / 15)
    assert (until.median - now) / timedelta(hours=1) == pytest.approx(hours, abs=6)
    assert until.median < until.p95 < now + timedelta(hours=half_life.p95 * math.log2(24 / 15) + 12)
    assert "15 ng/mL" in found.hold.condition
    assert found.hold.resume is not None
    assert found.hold.resume.daily_dose_mg < 2


# --- what the stories ask to try --------------------------------------------------------------------------------------


def test_a_repeated_level_that_fulfils_the_condition_ends_the_hold() -> None:
    first = json.loads(source("level-24"))["levels"]
    repeated = {"time": "2026-03-20T08:00", "level_ng_ml": 12.5, "assay": "lc-ms/ms"}
    other = tdm.recommend(tdm.read_case(changed("level-24", levels=[*first, repeated], now="2026-03-20T08:00")))
    assert other.decision != "hold"
    assert "level_above_20" not in codes(other)


def test_the_missed_doses_explain_the_low_level_and_without_them_it_stands_out() -> None:
    (level,) = answer("censored-missed-doses").fits[0].levels
    assert level.population_ng_ml < 1.5
    all_taken = [{"time": "2026-03-02T08:00", "dose_mg": 2, "every_h": 24, "count": 20}]
    other = tdm.recommend(tdm.read_case(changed("censored-missed-doses", doses=all_taken)))
    assert other.fits[0].levels[0].population_ng_ml > 5
    assert {"check_adherence", "unusual_patient"} <= codes(other)


def test_missed_doses_would_resolve_the_contradiction() -> None:
    doses = [
        {"time": "2026-04-01T08:00", "dose_mg": 2, "every_h": 24, "count": 20},
        {"time": "2026-04-26T08:00", "dose_mg": 2, "every_h": 24, "count": 2},
    ]
    other = tdm.recommend(tdm.read_case(changed("contradicting-levels", doses=doses)))
    assert not {"levels_contradict", "outlier", "check_adherence"} & codes(other)
    assert other.decision == "decrease"


def test_without_the_changes_of_haematocrit_the_two_levels_pull_the_fit_apart() -> None:
    patient = {"weight_kg": 54, "age_years": 38, "sex": "female", "hematocrit_percent": 38}
    other = tdm.recommend(tdm.read_case(changed("haematocrit-recovers", patient=patient, covariates=None)))
    apart = [level.weighted_residual for level in other.fits[0].levels]
    told_all = [level.weighted_residual for level in answer("haematocrit-recovers").fits[0].levels]
    assert apart[0] is not None
    assert apart[1] is not None
    assert apart[0] < -1 < 1 < apart[1]
    assert max(abs(residual or 0) for residual in told_all) < 1


def test_whole_tablets_change_the_small_childs_dose() -> None:
    other = tdm.recommend(tdm.read_case(changed("small-child-solution", product=None)))
    assert other.proposal is not None
    assert other.proposal.regimen.pattern_mg != (1.2,)
    assert all(dose % 0.5 == 0 for dose in other.proposal.regimen.pattern_mg)


def test_the_regimens_that_were_asked_for_are_answered_and_marked() -> None:
    asked = [option for option in answer("regimen-of-ones-own").options if option.asked]
    assert sorted(option.regimen.pattern_mg for option in asked) == [(1, 1, 1, 1, 1, 0.5, 0.5), (2,)]
    assert [option.daily_dose_mg for option in asked if option.regimen.pattern_mg == (2,)] == [1]
    assert all("asked for" in option.reason for option in asked)


def test_a_model_of_ones_own_can_also_come_as_a_file() -> None:
    model = json.loads(source("site-model"))["model"]
    by_id = tdm.PopulationModel.model_validate(model)
    assert by_id.id == "site-2026"
    assert answer("site-model").basis.models[0].id == "site-2026"
    assert answer("site-model").fits[0].model == "site-2026"
