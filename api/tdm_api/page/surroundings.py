"""What surrounds a level, as the page shows it: what comes after, the response of the platelets, and the visits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tdm.answer.answer import AheadAnswer, AheadOption, ResponseAnswer, VisitAnswer
from tdm.notation.formatting import percent, time_in_words
from tdm_api.page.texts import Reader

# How the tests of a visit are ordered: what asks for something comes first.
STATES = ("overdue", "due", "not in the case", "done")


@dataclass(frozen=True)
class LaterShown:
    """A regimen under a later condition: texts with their units, and whether it is the choice of then."""

    chosen: bool
    name: str
    trough: str
    interval: str
    chances: Mapping[str, str]


@dataclass(frozen=True)
class AheadShown:
    """What will be otherwise, from when on, and the regimens then; not `reached`: none has an even chance."""

    when: str
    what: str
    regimens: tuple[LaterShown, ...]
    reached: bool


@dataclass(frozen=True)
class ResponseShown:
    """The response of the platelets: its short name, its sentence, and what else is said of it; `good` is CR or R."""

    name: str
    words: str
    good: bool
    remarks: tuple[tuple[str, str], ...]
    source: str


@dataclass(frozen=True)
class VisitShown:
    """A visit: its name, when, and its tests by their state, those that ask for something first."""

    name: str
    of_protocol: bool
    when: str
    tests: tuple[tuple[str, str], ...]


def ahead_shown(one: AheadAnswer, reader: Reader) -> AheadShown:
    """Return what will be otherwise, in words, with troughs in ng/mL."""
    regimens = [_later(one.unchanged, False, reader)]
    if one.then is not None:
        regimens.append(_later(one.then, True, reader))
    when = reader.t("ahead.some_day") if one.time is None else reader.t("ahead.from", time=time_in_words(one.time))
    unreached = one.then is None and one.unchanged.probability is not None
    return AheadShown(when, reader.say(one.what), tuple(regimens), not unreached)


def _later(option: AheadOption, chosen: bool, reader: Reader) -> LaterShown:
    spread, chance = option.trough_ng_ml, option.probability
    return LaterShown(
        chosen=chosen,
        name=reader.say(option.regimen.in_words()),
        trough=f"{spread.median:.1f}",
        interval=f"{spread.p05:.1f}-{spread.p95:.1f}",
        chances={name: percent(getattr(chance, name)) if chance else "" for name in ("below", "within", "above")},
    )


def response_shown(found: ResponseAnswer, reader: Reader) -> ResponseShown:
    """Return the response of the platelets, in words, with counts in 10^9/L."""
    t, other = reader.t, found.by_the_other_definition
    confirmed = "confirmed" if found.confirmed else "unconfirmed"
    definition = t(f"response.by_{found.definition}")
    same = other == found.response
    remarks = [
        (
            t("response.counts"),
            t(
                "response.counts_text",
                last=count_in_words(found.last_10e9_l),
                first=count_in_words(found.baseline_10e9_l),
            ),
        ),
        (t("response.state"), t(f"response.{confirmed}_{'none' if found.response == 'NR' else 'some'}")),
        (t("response.definition"), definition),
        (t("response.other"), t("response.same") if same else other),
    ]
    if found.partial_by_trials:
        remarks.append((t("response.trials"), t("response.partial")))
    return ResponseShown(
        name=found.response,
        words=t(f"response.{found.response}") + (t("response.lost") if found.lost else ""),
        good=found.response != "NR",
        remarks=tuple(remarks),
        source=reader.say(found.source),
    )


def count_in_words(count_10e9_l: float) -> str:
    """Return a platelet count as it is written, 10^9/L."""
    return f"{count_10e9_l:g}"


def visit_shown(one: VisitAnswer, reader: Reader) -> VisitShown:
    """Return a visit in words, its tests by their state."""
    t = reader.t
    by_state = {state: [test for test, found in one.tests.items() if found == state] for state in STATES}
    return VisitShown(
        name=t("visits.month", month=one.month),
        of_protocol=one.of_protocol,
        when=time_in_words(one.time),
        tests=tuple(
            (state, t("visits.and").join(map(reader.say, tests))) for state, tests in by_state.items() if tests
        ),
    )
