"""What the picture shows: the lines, the levels, the window and the moments of an answer, with the words for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tdm import Recommendation
from tdm.answer.answer import AnswerOption, Curve
from tdm.notation.formatting import time_in_words
from tdm_api.page.axis import Moment, hours_between
from tdm_api.page.texts import Reader, Texts

# A level that was drawn before the curve begins is still shown if it lies this part of the span before it.
EARLIER_SHARE = 0.25


@dataclass(frozen=True)
class Line:
    """Concentrations over time: hours after the first time of the picture, ng/mL."""

    hours: tuple[float, ...]
    median: tuple[float, ...]
    p05: tuple[float, ...]
    p95: tuple[float, ...]

    def until(self, hour: float) -> Line:
        """Return the part up to an hour, end included."""
        return self._where([one <= hour + 1e-6 for one in self.hours])

    def since(self, hour: float) -> Line:
        """Return the part from an hour on, end included."""
        return self._where([one >= hour - 1e-6 for one in self.hours])

    def _where(self, kept: list[bool]) -> Line:
        columns = ([v for v, keep in zip(column, kept, strict=True) if keep] for column in vars(self).values())
        return Line(*(tuple(column) for column in columns))


class Mark(NamedTuple):
    """A level: its hour, ng/mL, and whether it is a limit and whether it is fitted."""

    hour: float
    value: float
    below: bool
    used: bool

    @property
    def number(self) -> str:
        """Return the level as it is written beside its mark, ng/mL."""
        return f"{'<' if self.below else ''}{self.value:g}"


@dataclass(frozen=True)
class Scene:
    """What the picture shows, in hours after `first` and ng/mL, with the words for it."""

    first: Moment
    last: Moment
    now: float
    start: float
    begins: bool
    so_far: Line
    ahead: Line
    other: Line | None
    marks: tuple[Mark, ...]
    window: tuple[float, float] | None
    ahead_words: str
    other_words: str
    description: str

    @staticmethod
    def of(answer: Recommendation, chosen: AnswerOption | None, reader: Reader) -> Scene:
        """Return the scene of an answer; a chosen option stands in front, and the proposal is a thin line behind it."""
        curve = chosen.curve if chosen is not None and chosen.curve is not None else answer.curve
        front = chosen if curve is not answer.curve else _behind(answer)
        first, last = curve.times[0], curve.times[-1]
        first, last = _stretched(answer, first, last)
        start = hours_between(first, front.start_at if front else _due(answer, curve))
        line = _line(curve, first)
        return Scene(
            first=first,
            last=last,
            now=hours_between(first, answer.now),
            start=start,
            begins=front is not None and (front is chosen or answer.proposal is not None),
            so_far=line.until(start),
            ahead=line.since(start),
            other=None if curve is answer.curve else _line(answer.curve, first).since(start),
            marks=tuple(_marks(answer, first)),
            window=(answer.window.low_ng_ml, answer.window.high_ng_ml) if answer.window else None,
            ahead_words=_words(answer, front, reader, "legend_ahead", "legend"),
            other_words=_words(answer, _behind(answer), reader, "legend_other", "legend_other"),
            description=_description(answer, front, first, last, line, reader),
        )

    @property
    def top(self) -> float:
        """Return the highest concentration (ng/mL) that the picture has to hold."""
        highest = [*self.so_far.p95, *self.ahead.p95, *(mark.value for mark in self.marks)]
        highest += self.other.median if self.other else ()
        return max([*highest, self.window[1]] if self.window else highest)

    def legend(self, t: Texts) -> Iterator[tuple[str, str]]:
        """Each kind of sign that occurs, with its words."""
        if len(self.so_far.hours) > 1:
            yield "history", t("picture.legend_history")
        yield "ahead", self.ahead_words
        if self.other is not None:
            yield "other", self.other_words
        if self.window is not None:
            low, high = self.window
            yield "window", t("picture.legend_window", low=f"{low:g}", high=f"{high:g}")
        if any(not mark.below and mark.used for mark in self.marks):
            yield "level", t("picture.legend_level")
        if any(mark.below for mark in self.marks):
            yield "below", t("picture.legend_below")
        if any(not mark.used for mark in self.marks):
            yield "unused", t("picture.legend_unused")


def _stretched(answer: Recommendation, first: Moment, last: Moment) -> tuple[Moment, Moment]:
    """The span of the picture: the curve's, stretched to show levels drawn shortly before it, and now."""
    span = hours_between(first, last)
    for level in answer.fits[0].levels:
        if 0 < hours_between(level.time, first) < EARLIER_SHARE * span:
            first = level.time
    return first, answer.now if hours_between(last, answer.now) > 0 else last


def _behind(answer: Recommendation) -> AnswerOption | None:
    """What the answer's own curve goes on with: the proposal, or the present dosing; nothing under a hold."""
    return None if answer.hold is not None else answer.proposal or answer.current


def _due(answer: Recommendation, curve: Curve) -> Moment:
    """Where the history ends when nothing is proposed: at the decision, or at the first time of the curve after it."""
    later = [time for time in curve.times if hours_between(answer.now, time) >= 0]
    return later[0] if later else answer.now


def _line(curve: Curve, first: Moment) -> Line:
    return Line(tuple(hours_between(first, time) for time in curve.times), curve.median, curve.p05, curve.p95)


def _marks(answer: Recommendation, first: Moment) -> Iterator[Mark]:
    for level in answer.fits[0].levels:
        value = level.below_ng_ml if level.observed_ng_ml is None else level.observed_ng_ml
        hour = hours_between(first, level.time)
        if value is not None and hour >= 0:
            yield Mark(hour, value, level.observed_ng_ml is None, level.used)


def _words(answer: Recommendation, option: AnswerOption | None, reader: Reader, key: str, otherwise: str) -> str:
    """What a line stands for: a regimen that is proposed or chosen, the present dosing that goes on, or no dose."""
    if option is None:
        return reader.t(f"picture.{otherwise}_nothing")
    goes_on = option is answer.current and answer.proposal is None
    regimen = reader.say(option.regimen.in_words())
    if goes_on:
        return reader.t(f"picture.{otherwise}_current", regimen=regimen)
    return reader.t(f"picture.{key}", regimen=regimen, time=time_in_words(option.start_at))


def _description(
    answer: Recommendation, front: AnswerOption | None, first: Moment, last: Moment, line: Line, reader: Reader
) -> str:
    t = reader.t
    levels = [
        t("picture.level_at", level=_number(level.observed_ng_ml, level.below_ng_ml), time=time_in_words(level.time))
        for level in answer.fits[0].levels
    ]
    window = answer.window
    return t(
        "picture.desc",
        first=time_in_words(first),
        last=time_in_words(last),
        now=time_in_words(answer.now),
        levels=t("picture.desc_levels", levels=", ".join(levels)) if levels else t("picture.desc_no_levels"),
        window=t("picture.desc_window", low=f"{window.low_ng_ml:g}", high=f"{window.high_ng_ml:g}")
        if window
        else t("picture.desc_no_window"),
        ahead=_ahead_in_words(front, line, reader),
    )


def _ahead_in_words(front: AnswerOption | None, line: Line, reader: Reader) -> str:
    if front is None:
        return reader.t("picture.desc_nothing", last=f"{line.median[-1]:.1f}")
    spread = front.trough_ng_ml
    return reader.t(
        "picture.desc_ahead",
        regimen=reader.say(front.regimen.in_words()),
        start=time_in_words(front.start_at),
        trough=f"{spread.median:.1f}",
        p05=f"{spread.p05:.1f}",
        p95=f"{spread.p95:.1f}",
    )


def _number(observed: float | None, below: float | None) -> str:
    return f"<{below:g}" if observed is None else f"{observed:g}"
