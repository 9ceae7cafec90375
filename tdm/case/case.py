"""A case: the patient, the protocol, the doses given, the levels measured, and what is asked.

The nouns of the input, frozen, with units in their names. What they mean together (order in time, instants that
coincide) is checked here too, so that a case that exists is a case that can be computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from tdm.case.entries import (
    MOST_DOSES,
    MOST_RUNS_TIMES_LEVELS,
    TABLETS,
    AdverseEvent,
    Comedication,
    Confirmed,
    CovariateChange,
    Dose,
    Level,
    Patient,
    PlateletsCount,
    Product,
)
from tdm.case.regimen import Regimen
from tdm.knowledge.assay import may_be_one_assay
from tdm.knowledge.model import PopulationModel
from tdm.knowledge.protocol import Protocol, Window
from tdm.notation.clock import KIND_IN_WORDS, SAME_MINUTE_H, Clock, Time, is_day, kind_of, midnight
from tdm.notation.noun import Noun
from tdm.notation.refusal import Problem, problem_error, refused_from
from tdm.notation.sentence import say

# Design rules that bound the work of one answer and catch slips in dates.
MOST_RUNS = 2000
MOST_LEVELS = 200
MOST_REGIMENS = 20
MOST_CHANGES = 200
MOST_EVENTS = 100
MOST_CONFIRMED = 100
LONGEST_CASE_H = 20 * 8766.0
# Two values (ng/mL) are one result within this part of them: the rounding of doubles ...
SAME_VALUE = 1e-9
# ... and, in two units, the rounding of a laboratory that reports three digits.
SAME_VALUE_CONVERTED = 0.005


def _named_or_whole(noun: type[BaseModel], optional: bool = False) -> BeforeValidator:
    """Read a text as the id of a seed and an object as the noun itself, with pointers into the object."""

    def read(value: Any) -> Any:
        if isinstance(value, (str, noun)) or (optional and value is None):
            return value
        if not isinstance(value, dict):
            sentence = say("An id (text) or a whole object is expected here.")
            raise problem_error([Problem(code="not_an_object", pointer="", message=sentence)])
        try:
            return noun.model_validate(value)
        except ValidationError as error:
            raise problem_error(refused_from(error).problems) from None

    return BeforeValidator(read)


class Case(Noun):
    """Everything that is known and asked; units in the names of the fields, times of one kind throughout."""

    patient: Patient
    covariates: Annotated[tuple[CovariateChange, ...], Field(max_length=MOST_CHANGES)] = ()
    protocol: Annotated[str | Protocol, _named_or_whole(Protocol)]
    target: Window | None = None
    model: Annotated[str | PopulationModel | None, _named_or_whole(PopulationModel, optional=True)] = None
    doses: Annotated[tuple[Dose, ...], Field(max_length=MOST_RUNS)] = ()
    levels: Annotated[tuple[Level, ...], Field(max_length=MOST_LEVELS)] = ()
    comedications: Annotated[tuple[Comedication, ...], Field(max_length=50)] = ()
    adverse_events: Annotated[tuple[AdverseEvent, ...], Field(max_length=MOST_EVENTS)] = ()
    platelets: Annotated[tuple[PlateletsCount, ...], Field(max_length=MOST_CHANGES)] = ()
    response_definition: Literal["and", "or"] = "and"
    product: Product = TABLETS
    regimens: Annotated[tuple[Regimen, ...], Field(max_length=MOST_REGIMENS)] = ()
    now: Time | None = None
    confirmed: Annotated[tuple[Confirmed, ...], Field(max_length=MOST_CONFIRMED)] = ()

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        problems = _mixed_times(self) or [
            *_too_long(self),
            *_same_instants(self),
            *_said_twice(self),
            *_too_irregular(self),
            *_reversed_times(self),
            *_missed_no_dose(self),
            *_no_given_dose_before_levels(self),
            *_no_moment(self),
        ]
        if problems:
            raise problem_error(problems)
        return self

    @property
    def clock(self) -> Clock:
        """Return the clock that counts hours from the earliest time of the case."""
        times = [time for _, time in _times(self)]
        return Clock(min(times)) if times else Clock(0.0)  # one kind only, see above


FactKind = Literal["level", "adverse event", "platelet count", "change of a covariate"]


@dataclass(frozen=True)
class Fact:
    """Something that was observed: what, when (h or a date), and which entry of the case says so."""

    kind: FactKind
    time: float | datetime
    pointer: str


def facts(case: Case) -> tuple[Fact, ...]:
    """Return what was observed (h or dates): levels, adverse events with their ends, counts, changes of covariates."""
    kinds: dict[str, FactKind] = {
        "levels": "level",
        "adverse_events": "adverse event",
        "platelets": "platelet count",
        "covariates": "change of a covariate",
    }
    found = [
        Fact(kind, row.time, f"/{name}/{index}")
        for name, kind in kinds.items()
        for index, row in enumerate(getattr(case, name))
    ]
    ends = [
        Fact("adverse event", event.end, f"/adverse_events/{index}")
        for index, event in enumerate(case.adverse_events)
        if event.end is not None
    ]
    return (*found, *ends)


def latest_fact(case: Case) -> Fact | None:
    """Return the latest thing observed (h or a date), which is the moment of a decision that states none."""
    clock = case.clock
    return max(facts(case), key=lambda fact: clock.hours(fact.time), default=None)


def _no_moment(case: Case) -> list[Problem]:
    """A prescription says what is planned, not what time it is."""
    if case.now is not None or not case.doses or facts(case):
        return []
    sentence = say(
        "With doses but no level, adverse event, platelet count or change of a covariate, `now` is required: the time "
        "of the decision."
    )
    return [Problem(code="missing_field", pointer="/now", message=sentence)]


def _observed_times(case: Case) -> Iterator[tuple[str, float | datetime]]:
    """Every time of a case with its pointer, but for those of drugs."""
    for name in ("covariates", "doses", "levels", "adverse_events", "platelets"):
        for index, row in enumerate(getattr(case, name)):
            yield f"/{name}/{index}/time", row.time
    for index, dose in enumerate(case.doses):
        yield from ((f"/doses/{index}/missed/{place}", time) for place, time in enumerate(dose.missed))
    for index, event in enumerate(case.adverse_events):
        if event.end is not None:
            yield f"/adverse_events/{index}/end", event.end
    if case.now is not None:
        yield "/now", case.now


def _stated_times(case: Case) -> Iterator[tuple[str, float | datetime | date]]:
    """Every time of a case with its pointer, as it was given."""
    yield from _observed_times(case)
    for index, drug in enumerate(case.comedications):
        if drug.start is not None:
            yield f"/comedications/{index}/start", drug.start
        if drug.stop is not None:
            yield f"/comedications/{index}/stop", drug.stop


def drug_times(case: Case) -> list[tuple[float | datetime | None, float | datetime | None]]:
    """Return from when to when (h or dates) each drug is taken; a date without an hour is the whole day."""
    like = next((time for _, time in _stated_times(case) if isinstance(time, (float, datetime))), None)

    def moment(time: float | datetime | date | None, days: int) -> float | datetime | None:
        if time is None or isinstance(time, (float, datetime)):
            return time
        return midnight(time, like) + timedelta(days=days)

    return [(moment(drug.start, 0), moment(drug.stop, 1)) for drug in case.comedications]


def _times(case: Case) -> Iterator[tuple[str, float | datetime]]:
    """Every time of a case with its pointer."""
    yield from _observed_times(case)
    for index, (start, stop) in enumerate(drug_times(case)):
        if start is not None:
            yield f"/comedications/{index}/start", start
        if stop is not None:
            yield f"/comedications/{index}/stop", stop


def _mixed_times(case: Case) -> list[Problem]:
    """Times of two kinds cannot be compared; a date without an hour goes with dates that have one."""
    asked = [(f"/confirmed/{index}/at", time) for index, one in enumerate(case.confirmed) for time in one.at]
    times = [*_stated_times(case), *asked]
    reference = next(((pointer, kind_of(time)) for pointer, time in times if not is_day(time)), None)
    if reference is None:
        return []
    other, first = reference
    for pointer, time in times:
        kind = kind_of(time)
        if kind != first and not (kind == "day" and first != "hours"):
            sentence = say(
                "This is {kind}, but {other} is {other_kind}. One case keeps to one kind.",
                kind=KIND_IN_WORDS[kind],
                other=other,
                other_kind=KIND_IN_WORDS[first],
            )
            return [Problem(code="mixed_times", pointer=pointer, message=sentence)]
    return []


def _too_long(case: Case) -> list[Problem]:
    """A slip in a date makes a case of decades. A drug may be taken for as long as one likes: it is there before."""
    clock = case.clock
    problems = []
    observed_h = [clock.hours(time) for _, time in _observed_times(case)]
    first_h = min(observed_h, default=0.0)
    for pointer, time in _times(case):
        if clock.hours(time) > first_h + LONGEST_CASE_H:
            years = f"{LONGEST_CASE_H / 8766:g}"
            accepted = say("at most {years} years from first to last", years=years)
            sentence = say("This time is more than {years} years after the earliest time of the case.", years=years)
            problems.append(Problem(code="out_of_range", pointer=pointer, message=sentence, accepted=accepted))
    if sum(dose.times for dose in case.doses) > MOST_DOSES:
        accepted = say("at most {bound} doses", bound=str(MOST_DOSES))
        sentence = say("There are more doses than {bound}.", bound=str(MOST_DOSES))
        problems.append(Problem(code="too_many", pointer="/doses", message=sentence, accepted=accepted))
    return problems[:1]


def dose_times_h(case: Case) -> list[np.ndarray]:
    """Return the times of all doses of each run, h from the clock's origin."""
    clock = case.clock
    return [clock.hours(dose.time) + (dose.every_h or 0.0) * np.arange(dose.times) for dose in case.doses]


def _taken_times_h(case: Case) -> list[np.ndarray]:
    """The times of the doses of each run that were not missed, h."""
    missed = [np.array([case.clock.hours(time) for time in dose.missed]) for dose in case.doses]
    return [
        times[~np.any(np.abs(times[:, None] - left[None, :]) <= SAME_MINUTE_H, axis=1)]
        for times, left in zip(dose_times_h(case), missed, strict=True)
    ]


def _same_instants(case: Case) -> list[Problem]:
    """Two doses at one instant are refused: is it one dose noted twice, or two tablets? Nobody can tell."""
    if not case.doses or sum(dose.times for dose in case.doses) > MOST_DOSES:
        return []
    times = _taken_times_h(case)
    owner = np.repeat(np.arange(len(times)), [len(t) for t in times])
    flat = np.concatenate(times)
    order = np.argsort(flat, kind="stable")
    close = np.flatnonzero(np.diff(flat[order]) <= SAME_MINUTE_H)
    if not len(close):
        return []
    later = int(max(owner[order][close[0]], owner[order][close[0] + 1]))
    earlier = int(min(owner[order][close[0]], owner[order][close[0] + 1]))
    sentence = say(
        "Two doses stand at one instant (runs {earlier} and {later}); enter the sum if both were taken.",
        earlier=str(earlier + 1),
        later=str(later + 1),
    )
    return [Problem(code="two_doses_at_one_instant", pointer=f"/doses/{later}/time", message=sentence)]


def _said_twice(case: Case) -> list[Problem]:
    """A result entered twice would count twice; two values of a covariate at one instant leave it open which holds."""
    problems = []
    for index, level in enumerate(case.levels):
        if any(_one_result(case.clock, level, other) for other in case.levels[:index]):
            sentence = say("This level is entered twice.")
            problems.append(Problem(code="given_twice", pointer=f"/levels/{index}", message=sentence))
    for index in _repeated(case.clock, [count.time for count in case.platelets]):
        sentence = say("Two platelet counts stand at one instant.")
        problems.append(Problem(code="given_twice", pointer=f"/platelets/{index}/time", message=sentence))
    for index in _repeated(case.clock, [change.time for change in case.covariates]):
        sentence = say("Two changes of covariates stand at one instant; enter one with all values.")
        problems.append(Problem(code="given_twice", pointer=f"/covariates/{index}/time", message=sentence))
    return problems


def _one_result(clock: Clock, one: Level, other: Level) -> bool:
    """Whether two levels are one result: of one minute, value (in any unit) and, as far as given, assay."""
    if abs(clock.hours(one.time) - clock.hours(other.time)) > SAME_MINUTE_H or one.censored != other.censored:
        return False
    rounding = SAME_VALUE if one.field == other.field else SAME_VALUE_CONVERTED
    same = math.isclose(one.value_ng_ml, other.value_ng_ml, rel_tol=rounding)
    return same and may_be_one_assay(one.assay, other.assay)


def _repeated(clock: Clock, times: Sequence[float | datetime]) -> list[int]:
    """The places of times that stand in the same minute as one before them."""
    hours = [clock.hours(time) for time in times]
    return [
        index for index, time in enumerate(hours) if any(abs(time - other) <= SAME_MINUTE_H for other in hours[:index])
    ]


def _too_irregular(case: Case) -> list[Problem]:
    """Bound the work of one answer: runs and single doses, each seen from every level."""
    if len(case.doses) * max(1, len(case.levels)) <= MOST_RUNS_TIMES_LEVELS:
        return []
    accepted = say("at most {bound} entries of doses times levels", bound=str(MOST_RUNS_TIMES_LEVELS))
    sentence = say("There are too many entries of doses for so many levels; write equal doses as runs.")
    return [Problem(code="too_many", pointer="/doses", message=sentence, accepted=accepted)]


def _reversed_times(case: Case) -> list[Problem]:
    clock = case.clock
    stops = [
        Problem(
            code="reversed_times",
            pointer=f"/comedications/{index}/stop",
            message=say("The stop is not after the start."),
        )
        for index, (start, stop) in enumerate(drug_times(case))
        if start is not None and stop is not None and clock.hours(stop) <= clock.hours(start)
    ]
    ends = [
        Problem(
            code="reversed_times",
            pointer=f"/adverse_events/{index}/end",
            message=say("The end is not after the beginning."),
        )
        for index, event in enumerate(case.adverse_events)
        if event.end is not None and clock.hours(event.end) <= clock.hours(event.time)
    ]
    return stops + ends


def _missed_no_dose(case: Case) -> list[Problem]:
    """A missed dose has to be one of its run, or nobody knows which was missed."""
    clock, problems = case.clock, []
    for index, (dose, times) in enumerate(zip(case.doses, dose_times_h(case), strict=True)):
        missed = [clock.hours(time) for time in dose.missed]
        for place, time in enumerate(missed):
            pointer = f"/doses/{index}/missed/{place}"
            if np.abs(times - time).min() > SAME_MINUTE_H:
                sentence = say("No dose of this run was due at this time.")
                problems.append(Problem(code="no_such_dose", pointer=pointer, message=sentence))
            elif any(abs(time - other) <= SAME_MINUTE_H for other in missed[:place]):
                sentence = say("This missed dose is entered twice.")
                problems.append(Problem(code="given_twice", pointer=pointer, message=sentence))
        if len(missed) >= dose.times:
            sentence = say("Every dose of this run was missed; leave the run out.")
            problems.append(Problem(code="no_such_dose", pointer=f"/doses/{index}/missed", message=sentence))
    return problems


def _no_given_dose_before_levels(case: Case) -> list[Problem]:
    """Levels that all lie before the first dose: the times of doses and levels were probably swapped."""
    if not case.doses or not case.levels:
        return []
    clock = case.clock
    first_dose = min((float(times[0]) for times in _taken_times_h(case) if len(times)), default=math.inf)
    if math.isfinite(first_dose) and all(clock.hours(level.time) < first_dose for level in case.levels):
        sentence = say("Every level lies before the first dose; were the times of doses and levels swapped?")
        return [Problem(code="levels_before_doses", pointer="/levels/0/time", message=sentence)]
    return []
