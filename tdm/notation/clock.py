"""Times of a case: hours from any origin, or ISO 8601 dates and times, with or without an offset, never mixed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day
from typing import Annotated, Any, Literal, TypeGuard, TypeVar

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from tdm.notation.quantities import HOURS
from tdm.notation.refusal import Problem, problem_error
from tdm.notation.sentence import Said, entered, say

Kind = Literal["hours", "local", "offset", "day"]
KIND_IN_WORDS: dict[Kind, str] = {
    "hours": "a number of hours",
    "local": "a date and time without an offset",
    "offset": "a date and time with an offset",
    "day": "a date without an hour",
}
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
Day = TypeVar("Day", date, datetime)
# Design rule: sirolimus came into use in 1999.
FIRST_YEAR, LAST_YEAR = 1990, 2200
# The most times that a list of them holds.
MOST_TIMES = 20
# The same minute is the same instant. Dates are read to the minute; hours count as the same minute within half of one.
SAME_MINUTE_H = 1.0 / 120.0


def read_time(value: Any) -> float | datetime:
    """Return a time of a case as hours or as a datetime to the minute; raise a pydantic error for anything else."""
    if isinstance(value, datetime):
        return _to_the_minute(_checked(_plain(value)))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return HOURS.check(float(value) if abs(value) <= HOURS.high else math.inf)
    if isinstance(value, str) and _ISO.fullmatch(value):
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            raise _impossible() from None
        return _to_the_minute(_checked(time))
    raise _no_time()


def read_times(value: Any) -> tuple[float | datetime, ...]:
    """Return one time of a case or a list of them (hours or datetimes); raise a pydantic error for anything else."""
    if not isinstance(value, (list, tuple)):
        return (read_time(value),)
    if len(value) > MOST_TIMES:
        accepted = say("at most {bound}", bound=str(MOST_TIMES))
        raise _not_usable("too_many", say("Too many entries: {accepted}.", accepted=accepted), accepted)
    found: list[float | datetime] = []
    problems: list[Problem] = []
    for place, one in enumerate(value):
        try:
            found.append(read_time(one))
        except PydanticCustomError as error:
            wrong = (error.context or {})["problems"]
            problems += [problem.model_copy(update={"pointer": f"/{place}{problem.pointer}"}) for problem in wrong]
    if problems:
        raise problem_error(problems)
    return tuple(found)


def _to_the_minute(time: datetime) -> datetime:
    """Seconds are dropped: a chart is kept to the minute, and two entries of one minute are of one instant."""
    return time.replace(second=0, microsecond=0)


def read_time_or_day(value: Any) -> float | datetime | date:
    """Return a time of a case (hours or a datetime), or a date without an hour; raise a pydantic error otherwise."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return _checked(value)
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise _impossible() from None
        return _checked(day)
    return read_time(value)


def _plain(value: datetime) -> datetime:
    """A date and time of any library as a plain one with a fixed offset.

    Differences between datetimes of one time zone ignore its clock changes; those between fixed offsets are elapsed
    time. A wall time that a clock change skips does not exist.
    """
    if not isinstance(value.year, int):  # NaT of pandas is a datetime, but no date
        raise _no_time()
    wall = datetime(value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond)
    if value.tzinfo is None:
        return wall
    try:
        offset = value.utcoffset()
        instant = wall.replace(tzinfo=timezone(offset)) if offset is not None else None
        if instant is not None and instant.astimezone(value.tzinfo).replace(tzinfo=None) != wall:
            raise _impossible()
    except OverflowError:
        return wall  # at the ends of the calendar, far outside the accepted years
    return wall if instant is None else instant


def _checked(time: Day) -> Day:
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        accepted = say("years {first} to {last}", first=str(FIRST_YEAR), last=str(LAST_YEAR))
        sentence = say(
            "A date in the year {year} is outside {accepted}.", year=entered(str(time.year)), accepted=accepted
        )
        raise _not_usable("out_of_range", sentence, accepted)
    return time


def _impossible() -> PydanticCustomError:
    return _not_usable("impossible_time", say("There is no such date or time in the calendar."))


def _no_time() -> PydanticCustomError:
    return _not_usable(
        "not_a_time", say("A time is a number of hours or an ISO 8601 date and time such as 2026-03-01T08:00.")
    )


def _not_usable(code: str, sentence: Said, accepted: Said | None = None) -> PydanticCustomError:
    return problem_error([Problem(code=code, pointer="", message=sentence, accepted=accepted)])


def write_time(value: float | datetime | date) -> float | str:
    """Return a time as it stands in JSON: hours, or ISO 8601."""
    return value.isoformat() if isinstance(value, date) else value


_HOURS_SCHEMA = {"type": "number", "minimum": HOURS.low, "maximum": HOURS.high}
_ISO_SCHEMA = {"type": "string", "pattern": f"^{_ISO.pattern}$"}

Time = Annotated[
    float | datetime,
    BeforeValidator(read_time),
    PlainSerializer(write_time),
    WithJsonSchema(
        {
            "anyOf": [_HOURS_SCHEMA, _ISO_SCHEMA],
            "description": "ISO 8601 date and time, or hours from any origin (one kind per case)",
        }
    ),
]


Times = Annotated[
    tuple[float | datetime, ...],
    BeforeValidator(read_times),
    PlainSerializer(lambda times: [write_time(time) for time in times]),
    WithJsonSchema(
        {
            "anyOf": [
                _HOURS_SCHEMA,
                _ISO_SCHEMA,
                {"type": "array", "items": {"anyOf": [_HOURS_SCHEMA, _ISO_SCHEMA]}, "maxItems": MOST_TIMES},
            ],
            "description": "one time or several: ISO 8601 dates and times, or hours (one kind per case)",
        }
    ),
]


TimeOrDay = Annotated[
    float | datetime | date,
    BeforeValidator(read_time_or_day),
    PlainSerializer(write_time),
    WithJsonSchema(
        {
            "anyOf": [
                _HOURS_SCHEMA,
                {"type": "string", "pattern": f"^({_ISO.pattern}|{_DAY.pattern})$"},
            ],
            "description": "ISO 8601 date and time, or a date alone, or hours from any origin (one kind per case)",
        }
    ),
]


# A time of an answer is computed, not entered, and may lie beyond the range of an entry.
AnswerTime = Annotated[
    float | datetime,
    PlainSerializer(write_time),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{_ISO.pattern}$"}]}),
]


def is_day(time: float | datetime | date) -> TypeGuard[date]:
    """Return whether this is a date without an hour (no unit)."""
    return isinstance(time, date) and not isinstance(time, datetime)


def midnight(day: date, like: float | datetime | None) -> datetime:
    """Return the beginning of a day (00:00) in the offset of another time, if it has one (dates, no unit)."""
    return datetime.combine(day, time_of_day(), like.tzinfo if isinstance(like, datetime) else None)


def kind_of(time: float | datetime | date) -> Kind:
    """Return which kind of time this is (no unit)."""
    if not isinstance(time, datetime):
        return "day" if isinstance(time, date) else "hours"
    return "local" if time.tzinfo is None else "offset"


@dataclass(frozen=True)
class Clock:
    """Turns the times of one case into hours from `origin` and back, in the kind (and offset) that the case uses."""

    origin: float | datetime

    def hours(self, time: float | datetime) -> float:
        """Return the hours from the origin to a time of the same kind."""
        if isinstance(time, datetime) and isinstance(self.origin, datetime):
            return (time - self.origin) / timedelta(hours=1)
        if isinstance(time, datetime) or isinstance(self.origin, datetime):
            raise TypeError("hours and dates do not mix")
        return time - self.origin

    def time(self, hours: float) -> float | datetime:
        """Return the time that many hours after the origin; a date and time is rounded to the minute."""
        if isinstance(self.origin, datetime):
            exact = self.origin + timedelta(hours=hours)
            return (exact + timedelta(seconds=30)).replace(second=0, microsecond=0)
        return self.origin + hours
