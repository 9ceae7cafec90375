"""How numbers and times are written in sentences: the same everywhere, each with its unit."""

from __future__ import annotations

from datetime import datetime

from tdm.notation.clock import Clock, TimeOrDay
from tdm.notation.sentence import Said, say


def percent(probability: float) -> str:
    """Return a probability (no unit) as text in percent, with one digit where it is near 0 or 100 %."""
    value = 100.0 * probability
    if 0.0 < value < 0.05:
        return "<0.1 %"
    if 99.95 < value < 100.0:
        return ">99.9 %"
    return f"{value:.1f} %" if value < 2.0 or 98.0 < value < 100.0 else f"{value:.0f} %"


def three_digits(value: float) -> str:
    """Return a number of any unit with three significant digits and no exponent."""
    return f"{value:.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def time_in_words(time: TimeOrDay) -> str:
    """Return a time of a case: a date and time to the minute, a date alone, or hours with their unit."""
    if isinstance(time, (int, float)):
        return f"{time:.6g} h"
    return time.isoformat(sep=" ", timespec="minutes") if isinstance(time, datetime) else time.isoformat()


def when(clock: Clock, hours: float) -> str:
    """Return a time (h on the clock) in the words of its case."""
    return time_in_words(clock.time(hours))


def age_in_words(hours: float) -> Said:
    """Return how long ago something was (h) as text: in hours below two days, in days above."""
    if hours < 48.0:
        return say("{hours} h ago", hours=f"{hours:.0f}")
    return say("{days} days ago", days=f"{hours / 24.0:.0f}")
