"""What the user of the tool answered is not asked again: the finding becomes an information that shows the answer.

Times in h, doses in mg, levels in ng/mL.
"""

from __future__ import annotations

from typing import Any, get_args

import pytest

import tdm
from tdm.case.entries import Question
from tdm.review.findings import CATALOGUE
from tests.bedside import Json, adult, answer, level, run
from tests.test_findings import TABLE

JUST_AFTER: Json = {"doses": [run(2, 11)], "levels": [level(240.2, 8.0)], "now": 241.0}


def found(case: Json, code: str) -> list[tdm.Finding]:
    return [one for one in answer(case).findings if one.code == code]


def confirmed(code: str, **more: Any) -> Json:
    return {"confirmed": [{"code": code, **more}]}


def test_every_question_is_a_finding() -> None:
    assert set(get_args(Question)) <= set(CATALOGUE)


@pytest.mark.parametrize("code", get_args(Question))
def test_an_answered_question_is_an_information_with_the_answer(code: str) -> None:
    edge = next(edge for edge in TABLE if edge.code == code)
    case = edge.case(edge.raises)
    (asked,) = found(case, code)[:1]
    assert asked.severity != "info"
    for more, end in (({"answer": "asked the ward."}, "Confirmed: asked the ward."), ({}, "Confirmed.")):
        (told,) = found({**case, **confirmed(code, **more)}, code)[:1]
        assert (told.severity, told.message) == ("info", f"{asked.message} {end}")


@pytest.mark.parametrize(("at", "answered"), [(240.2, True), (240.0, True), ([3.0, 240.2], True), (239.0, False)])
def test_an_answer_is_for_the_times_that_it_names(at: Any, answered: bool) -> None:
    case = adult(**JUST_AFTER, **confirmed("level_just_after_dose", at=at, answer="before"))
    (one,) = found(case, "level_just_after_dose")
    assert (one.severity == "info") is answered


def test_a_level_that_was_really_drawn_after_the_dose_counts_there() -> None:
    before = answer(adult(**JUST_AFTER)).fits[0].levels[0]
    for at, after in (({}, True), ({"at": 240.2}, True), ({"at": 100.0}, False)):
        case = adult(**JUST_AFTER, **confirmed("level_just_after_dose", answer=" After", **at))
        assert (answer(case).fits[0].levels[0] != before) is after
        (one,) = found(case, "level_just_after_dose")
        assert ("drawn after it" in one.message) is after
    other = adult(**JUST_AFTER, **confirmed("level_just_after_dose", answer="it was before"))
    assert answer(other).fits[0].levels[0] == before


def test_an_answer_about_adherence_takes_it_out_of_the_summary() -> None:
    case = adult(doses=[run(2, 10)], levels=[level(240.0, 3.0)])
    assert answer(case).summary.startswith("First check adherence")
    told = answer({**case, **confirmed("check_adherence", at=240.0, answer="every dose was watched")})
    assert not told.summary.startswith("First check adherence")
    assert told.proposal == answer(case).proposal


def test_contradicting_levels_that_were_checked_ask_for_no_repeat() -> None:
    edge = next(edge for edge in TABLE if edge.code == "levels_contradict" and edge.says == "residual SD")
    case = edge.case(edge.raises)
    assert answer(case).next_level.reason == "a level has to be repeated within 3 to 5 days"
    told = answer({**case, **confirmed("levels_contradict", answer="both were repeated")})
    assert told.next_level.reason != "a level has to be repeated within 3 to 5 days"
    assert "levels_contradict" in {one.code for one in told.findings}


@pytest.mark.parametrize(
    ("entry", "code", "pointer"),
    [
        ({"code": "level_above_20"}, "unknown_value", "/confirmed/0/code"),
        ({"code": "outlier", "at": "yesterday"}, "not_a_time", "/confirmed/0/at"),
        ({"code": "outlier", "at": [1.0, "yesterday"]}, "not_a_time", "/confirmed/0/at/1"),
        ({"code": "outlier", "at": "2026-03-02T08:00"}, "mixed_times", "/confirmed/0/at"),
        ({"code": "outlier", "at": [1.0] * 21}, "too_many", "/confirmed/0/at"),
        ({"code": "outlier", "answer": " "}, "empty_text", "/confirmed/0/answer"),
        ({"code": "outlier", "answer": "x" * 201}, "too_long", "/confirmed/0/answer"),
        ({}, "missing_field", "/confirmed/0/code"),
    ],
)
def test_what_is_no_answer_is_refused(entry: Json, code: str, pointer: str) -> None:
    with pytest.raises(tdm.Refused) as refused:
        tdm.read_case(adult(**JUST_AFTER, confirmed=[entry]))
    (problem,) = refused.value.problems
    assert (problem.code, problem.pointer) == (code, pointer)
    if code == "unknown_value":
        assert "runs_overlap" in str(problem.accepted)


def test_a_case_with_answers_is_written_and_read() -> None:
    case = tdm.read_case(adult(**JUST_AFTER, **confirmed("outlier", at=240.2, answer="seen")))
    assert tdm.read_case(case.model_dump_json(exclude_none=True)) == case
