"""The moment of a decision: what was observed last, never what is planned; and what lies after a stated one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import tdm
from tests.bedside import Json, adult, answer, changed, dose, level, run

PATIENT = {"weight_kg": 60, "age_years": 45}
PNEUMONITIS = {"time": 700, "term": "pneumonitis", "grade": 2}
COUNT = {"time": 690, "count_10e9_l": 40.0, "bleeding": False}


def case(**changes: Any) -> Json:
    """28 x 1 mg and a level at 648 h, without a moment."""
    return changed(
        {
            "patient": PATIENT,
            "protocol": "ssci-nct03688191",
            "doses": [run(1, 28)],
            "levels": [level(648, 4.0)],
        },
        **changes,
    )


def refusal(given: Json) -> tdm.Problem:
    with pytest.raises(tdm.Refused) as refused:
        tdm.read_case(given)
    return refused.value.problems[0]


def codes(found: tdm.Recommendation) -> dict[str, str]:
    return {one.code: one.severity for one in found.findings}


@pytest.mark.parametrize(
    ("added", "moment", "fact"),
    [
        ({}, 648.0, "level"),
        ({"adverse_events": [PNEUMONITIS]}, 700.0, "adverse event"),
        ({"adverse_events": [{**PNEUMONITIS, "end": 710}]}, 710.0, "adverse event"),
        ({"platelets": [COUNT]}, 690.0, "platelet count"),
        ({"covariates": [{"time": 720, "hematocrit_percent": 31}]}, 720.0, "change of a covariate"),
        ({"levels": None, "platelets": [COUNT]}, 690.0, "platelet count"),
        # a running prescription of two months decides nothing two months ahead
        ({"doses": [run(1, 60)]}, 648.0, "level"),
    ],
)
def test_without_a_moment_it_is_the_latest_observed_fact(added: Json, moment: float, fact: str) -> None:
    found = answer(case(**added))
    assert found.now == moment
    (assumed,) = [one for one in found.basis.assumed if one.field == "now"]
    assert assumed.value == f"{moment:g} h"
    assert assumed.why.endswith(fact)
    explicit = answer(case(**added, now=moment))
    assert explicit.options == found.options
    assert "now" not in {one.field for one in explicit.basis.assumed}


def test_an_event_after_the_last_level_decides() -> None:
    found = answer(case(adverse_events=[PNEUMONITIS]))
    assert found.decision == "hold"
    assert found.summary.startswith("Hold sirolimus. Pneumonitis is suspected.")


def test_with_doses_alone_the_moment_is_required() -> None:
    problem = refusal(case(levels=None))
    assert (problem.code, problem.pointer) == ("missing_field", "/now")
    assert "`now` is required" in problem.message
    planned = answer(case(levels=None, doses=[run(1, 60)], now=672))
    assert planned.now == 672.0
    assert {one.code for one in planned.findings} >= {"planned_doses"}


def test_without_doses_and_facts_it_is_the_start() -> None:
    assert answer(case(doses=None, levels=None)).now == 0.0
    voriconazole = {"name": "voriconazole", "start": 24}
    assert answer(case(doses=None, levels=None, comedications=[voriconazole])).now == 24.0


def test_what_lies_after_a_stated_moment_is_a_critical_finding_and_ignored() -> None:
    later = case(now=640, adverse_events=[PNEUMONITIS], platelets=[COUNT])
    found = answer(later)
    assert {code: codes(found)[code] for code in ("level_in_future", "event_in_future", "count_in_future")} == {
        "level_in_future": "critical",
        "event_in_future": "critical",
        "count_in_future": "critical",
    }
    assert {one.pointer for one in found.basis.ignored} >= {"/levels/0", "/adverse_events/0", "/platelets/0"}
    (event,) = [one for one in found.findings if one.code == "event_in_future"]
    assert "700 h" in event.message
    assert "640 h" in event.message
    at_once = answer(case(now=700, adverse_events=[PNEUMONITIS], platelets=[COUNT]))
    assert not {"level_in_future", "event_in_future", "count_in_future"} & set(codes(at_once))


def test_the_text_says_when_it_was_decided(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "case.json"
    path.write_text(tdm.read_case(case()).model_dump_json(exclude_none=True), encoding="utf-8")
    from tdm.cli import main  # noqa: PLC0415, the command line of this test alone

    assert main(["recommend", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "\nDecided at 648 h (not given; the latest observed fact: level).\n" in printed


# --- dates of any library -------------------------------------------------------------------------------------------

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
FIRST = datetime(2026, 3, 27, 8, tzinfo=BERLIN)


def dated(first: datetime, drawn: datetime, now: datetime) -> Json:
    doses = [dose(first + timedelta(days=day), 1.0) for day in range(3)]
    return adult(doses=doses, levels=[level(drawn, 3.0)], now=now)


def test_a_named_zone_is_the_same_as_its_twin_in_utc() -> None:
    """The clocks change on 29 March 2026: 72 h after 8:00 on the 27th are 71 h by the wall's difference."""
    named = dated(FIRST, datetime(2026, 3, 30, 8, tzinfo=BERLIN), datetime(2026, 3, 30, 8, tzinfo=BERLIN))
    twin = dated(FIRST, datetime(2026, 3, 30, 6, tzinfo=UTC), datetime(2026, 3, 30, 6, tzinfo=UTC))
    here, there = (tdm.recommend(tdm.read_case(one)) for one in (named, twin))
    assert not {"level_in_future", "planned_doses"} & set(codes(here))
    assert here.fits[0].objective == there.fits[0].objective
    assert [one.probability for one in here.options] == [one.probability for one in there.options]
    assert here.now == datetime(2026, 3, 30, 8, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (datetime(9999, 12, 31, 23, 59), "out_of_range"),
        (datetime(9999, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=12))), "out_of_range"),
        (datetime(9999, 12, 31, 23, 59, tzinfo=SHANGHAI), "out_of_range"),
        (datetime(1, 1, 1, tzinfo=SHANGHAI), "out_of_range"),
        (datetime(1989, 12, 31), "out_of_range"),
        (datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN), "impossible_time"),
        (float("nan"), "out_of_range"),
        (float("inf"), "out_of_range"),
    ],
)
def test_a_time_that_is_none_is_refused_and_never_crashes(moment: Any, code: str) -> None:
    assert refusal(adult(doses=[dose(moment, 1.0)], now=moment)).code == code
    with pytest.raises(tdm.Refused):
        tdm.read_case(adult(levels=[level(moment, 3.0)], doses=[dose(moment, 1.0)], now=None))


class NotATime(datetime):
    """What the missing date of a data frame looks like: a datetime, none of whose parts is a number."""

    year = property(lambda self: float("nan"))


def test_a_missing_date_of_a_data_frame_is_refused() -> None:
    missing = NotATime(2026, 3, 2)
    assert refusal(adult(doses=[dose(missing, 1.0)], now=missing)).code == "not_a_time"
