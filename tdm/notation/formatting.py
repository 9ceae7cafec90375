"""How numbers and times are written in sentences: the same everywhere, each with its unit."""

from __future__ import annotations

from datetime import datetime

from tdm.notation.clock import Clock, TimeOrDay
from tdm.notation.sentence import Said, say


def percent(probability: float) -> str:
    """Return a chance (no unit) as text in whole percents; none is said to be certain or impossible."""
    if probability <= 0.005:
        return "<1 %"
    return ">99 %" if probability >= 0.995 else f"{100.0 * probability:.0f} %"


def share(part: float) -> str:
    """Return a part of something that is no chance (no unit) as text in percent, with one digit where it is small."""
    value = 100.0 * part
    return f"{value:.1f} %" if value < 2.0 else f"{value:.0f} %"


def three_digits_or_more(value: float) -> str:
    """Return a number of any unit with three significant digits, or as many as tell it from a whole number nearby."""
    texts = (f"{value:.{digits}g}" for digits in range(3, 16))
    return next((text for text in texts if float(text) == value or not float(text).is_integer()), f"{value:.0f}")


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
