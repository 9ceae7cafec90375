"""Ticks at round places: concentrations in ng/mL from zero, times in days of the calendar or in hours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

Moment = float | datetime
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
_HOUR_STEPS = (1, 2, 6, 12, 24, 48, 96, 168, 336, 672, 1344)


class Tick(NamedTuple):
    """A place on an axis (in the axis' unit) and what is written there."""

    at: float
    label: str


def hours_between(first: Moment, last: Moment) -> float:
    """Return the hours from one time of a case to another of the same kind."""
    if isinstance(first, datetime) and isinstance(last, datetime):
        return (last - first) / timedelta(hours=1)
    assert not isinstance(first, datetime)
    assert not isinstance(last, datetime)  # a case keeps to one kind
    return last - first


def round_above(value: float, most: int = 6) -> tuple[float, float]:
    """Return the end of an axis from zero that holds `value`, and its step: a round number, at most `most` times."""
    rough = max(value, 1e-6) / most
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(scale * one for one in _ROUND if scale * one >= rough * (1 - 1e-9))
    return step * math.ceil(value / step - 1e-9), step


def value_ticks(high: float, step: float) -> list[Tick]:
    """Return ticks from 0 to `high` (ng/mL), `step` apart."""
    return [Tick(step * place, f"{step * place:g}") for place in range(round(high / step) + 1)]


def time_ticks(first: Moment, last: Moment, most: int) -> list[Tick]:
    """Return at most about `most` ticks, placed in hours after `first`: midnights as `03-16`, or hours as numbers."""
    span = hours_between(first, last)
    step = next((one for one in _HOUR_STEPS if span / one <= most), _HOUR_STEPS[-1])
    if isinstance(first, datetime):
        return list(_midnights(first, span, max(1, round(step / 24))))
    start = step * math.ceil(first / step)
    return [
        Tick(start + step * k - first, f"{start + step * k:g}") for k in range(int((first + span - start) // step) + 1)
    ]


def _midnights(first: datetime, span: float, days: int) -> Iterator[Tick]:
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    day = midnight if midnight == first else midnight + timedelta(days=1)
    while (at := hours_between(first, day)) <= span:
        yield Tick(at, f"{day:%m-%d}")
        day += timedelta(days=days)
