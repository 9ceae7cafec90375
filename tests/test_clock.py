"""Times of a case: ISO 8601 with and without an offset, hours, and the clocks that change twice a year.

Times in h or ISO 8601; levels in ng/mL, doses in mg.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import tdm
from tdm.notation.clock import Clock, kind_of, read_time, write_time

PATIENT = {"weight_kg": 58, "age_years": 41, "hematocrit_percent": 38}


def case(doses: list[dict[str, Any]], time: float | str, level_ng_ml: float = 8) -> tdm.Case:
    level = {"time": time, "level_ng_ml": level_ng_ml, "assay": "lc-ms/ms"}
    return tdm.read_case({"patient": PATIENT, "protocol": "itp-2024-adult", "doses": doses, "levels": [level]})


def numbers(answer: tdm.Recommendation) -> Any:
    """What an answer says besides its times."""
    return (
        answer.decision,
        answer.summary,
        [(option.regimen, option.probability, option.trough_ng_ml) for option in answer.options],
        answer.individual,
        [level.individual_ng_ml for level in answer.fits[0].levels],
    )


# --- reading and counting ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("2026-03-02T08:00", 0),
        ("2026-03-02T20:30", 12.5),
        ("2026-03-03T07:30", 23.5),
        ("2026-03-16T08:00", 336),
        ("2026-04-01T08:00", 720),
        ("2027-03-02T08:00", 8760),
        ("2026-03-02T08:00:59", 0),
        ("2026-03-02T08:01:00.36", 1 / 60),
    ],
)
def test_dates_become_hours_from_the_earliest(text: str, hours: float) -> None:
    assert Clock(read_time("2026-03-02T08:00")).hours(read_time(text)) == pytest.approx(hours, abs=1e-12)


def test_29_february_exists_in_leap_years_only() -> None:
    assert Clock(read_time("2028-02-28T08:00")).hours(read_time("2028-03-01T08:00")) == 48
    assert Clock(read_time("2026-02-28T08:00")).hours(read_time("2026-03-01T08:00")) == 24
    with pytest.raises(tdm.Refused, match="no such date"):
        case([{"time": "2026-02-29T08:00", "dose_mg": 2}], "2026-03-16T08:00")


@pytest.mark.parametrize(
    ("earlier", "later", "hours"),
    [
        ("2026-03-02T23:00+08:00", "2026-03-02T16:00+01:00", 0),
        ("2026-03-02T23:30+08:00", "2026-03-03T00:30+09:00", 0),
        ("2026-03-02T23:30Z", "2026-03-03T00:30Z", 1),
        ("2026-03-02T23:30-05:00", "2026-03-03T06:30Z", 2),
        ("2026-12-31T23:30+05:30", "2027-01-01T00:30+05:30", 1),
    ],
)
def test_an_offset_counts_also_across_midnight(earlier: str, later: str, hours: float) -> None:
    assert Clock(read_time(earlier)).hours(read_time(later)) == hours


def test_the_kinds_of_time_are_told_apart() -> None:
    assert [kind_of(read_time(time)) for time in (12, 12.5, "2026-03-02T08:00", "2026-03-02T08:00Z")] == [
        "hours",
        "hours",
        "local",
        "offset",
    ]


@pytest.mark.parametrize("time", [0.0, -12.5, "2026-03-02T08:00:00", "2026-03-02T08:00:00+08:00"])
def test_a_time_is_written_as_it_was_read_to_the_minute(time: float | str) -> None:
    assert write_time(read_time(time)) == time


@pytest.mark.parametrize("origin", [0.0, -100.0, "2026-03-02T08:00", "2026-03-28T20:15+01:00"])
def test_hours_to_a_time_and_back(origin: float | str) -> None:
    clock = Clock(read_time(origin))
    for hours in (0.0, 0.25, 23.5, 336.0, 8766.0):
        assert clock.hours(clock.time(hours)) == pytest.approx(hours, abs=1e-9)


def test_a_time_in_an_answer_is_rounded_to_the_minute_and_keeps_the_offset() -> None:
    clock = Clock(datetime(2026, 3, 2, 8, 0, tzinfo=timezone(timedelta(hours=8))))
    assert write_time(clock.time(24 + 29 / 3600)) == "2026-03-03T08:00:00+08:00"
    assert write_time(clock.time(24 + 31 / 3600)) == "2026-03-03T08:01:00+08:00"


# --- in a case --------------------------------------------------------------------------------------------------------


def test_hours_dates_and_offsets_give_the_same_answer() -> None:
    by_hours = case([{"time": 1000, "dose_mg": 2, "every_h": 24, "count": 14}], 1336)
    by_date = case([{"time": "2026-03-02T08:00", "dose_mg": 2, "every_h": 24, "count": 14}], "2026-03-16T08:00")
    by_offset = case(
        [{"time": "2026-03-02T08:00+08:00", "dose_mg": 2, "every_h": 24, "count": 14}], "2026-03-16T00:00Z"
    )
    first, second, third = (tdm.recommend(one) for one in (by_hours, by_date, by_offset))
    assert numbers(first) == numbers(second) == numbers(third)


def test_a_case_of_one_kind_survives_writing_and_reading() -> None:
    for time, level in ((0, 336), ("2026-03-02T08:00", "2026-03-16T08:00"), ("2026-03-02T08:00Z", "2026-03-16T08:00Z")):
        one = case([{"time": time, "dose_mg": 2, "every_h": 24, "count": 14}], level)
        assert tdm.read_case(json.dumps(one.model_dump(mode="json", exclude_unset=True))) == one


@pytest.mark.parametrize(
    ("dose", "level", "words"),
    [
        ("2026-03-02T08:00", "2026-03-16T08:00+01:00", "with an offset"),
        ("2026-03-02T08:00+01:00", "2026-03-16T08:00", "without an offset"),
        ("2026-03-02T08:00Z", "2026-03-16T08:00", "without an offset"),
        (0, "2026-03-16T08:00", "a date and time"),
        ("2026-03-02T08:00", 336, "a number of hours"),
    ],
)
def test_one_case_keeps_to_one_kind_of_time(dose: float | str, level: float | str, words: str) -> None:
    with pytest.raises(tdm.Refused) as refused:
        case([{"time": dose, "dose_mg": 2}], level)
    (problem,) = refused.value.problems
    assert (problem.code, problem.pointer) == ("mixed_times", "/levels/0/time")
    assert words in problem.message


# --- when the clocks change -------------------------------------------------------------------------------------------
# In 2026 the clocks of central Europe go forward in the night to 29 March: from +01:00 to +02:00. A case with offsets
# knows that the day had 23 hours; one without offsets takes it as 24, an hour that no trough can tell.


def morning(day: int) -> str:
    """Eight o'clock of a day counted from 1 March 2026, in central Europe."""
    date = datetime(2026, 3, 1, 8) + timedelta(days=day - 1)
    return date.strftime("%Y-%m-%dT%H:%M") + ("+01:00" if day < 29 else "+02:00")


def test_the_night_of_the_change_has_23_hours() -> None:
    clock = Clock(read_time(morning(28)))
    assert clock.hours(read_time(morning(29))) == 23
    assert clock.hours(read_time(morning(30))) == 47


@pytest.mark.parametrize("last", [27, 28, 29, 30, 31, 35])
def test_one_dose_every_morning_stays_one_a_day_when_the_clocks_change(last: int) -> None:
    doses = [{"time": morning(day), "dose_mg": 2} for day in range(last - 13, last + 1)]
    answer = tdm.recommend(case(doses, morning(last + 1)))
    assert answer.decision == "keep"
    assert answer.proposal is not None
    assert answer.proposal.daily_dose_mg == 2


@pytest.mark.parametrize("minutes", [-60, -10, -1, 1, 10, 60])
def test_a_last_dose_that_was_not_quite_on_time_does_not_change_the_daily_dose(minutes: int) -> None:
    doses: list[dict[str, Any]] = [
        {"time": 0, "dose_mg": 2, "every_h": 24, "count": 13},
        {"time": 24 * 13 + minutes / 60, "dose_mg": 2},
    ]
    answer = tdm.recommend(case(doses, 336))
    assert answer.decision == "keep", "2 mg once daily before and after"


def test_a_run_with_an_offset_and_one_without_differ_by_an_hour_at_most() -> None:
    run = {"dose_mg": 2, "every_h": 24, "count": 14}
    with_offset = tdm.recommend(case([{"time": morning(20), **run}], morning(34)))
    without = tdm.recommend(case([{"time": morning(20)[:16], **run}], morning(34)[:16]))
    assert with_offset.decision == without.decision == "keep"
    one, other = (answer.fits[0].levels[0].individual_ng_ml for answer in (with_offset, without))
    assert one == pytest.approx(other, rel=0.02)
