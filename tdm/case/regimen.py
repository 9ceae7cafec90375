"""A regimen: a cycle of doses at equal intervals, such as 1.5 mg once daily or 1 and 2 mg on alternate days."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tdm.notation.quantities import DoseMg, IntervalH
from tdm.notation.sentence import Said, say

# Design rule: the longest cycle that is answered (four weeks of daily doses).
MOST_DOSES_IN_A_CYCLE = 28
SMALLEST_DIFFERENCE_MG = 1e-9
USUAL_WORDS = {
    8.0: "three times daily",
    12.0: "twice daily",
    24.0: "once daily",
    48.0: "every other day",
    72.0: "every third day",
    168.0: "once weekly",
}


class Regimen(BaseModel):
    """Doses in mg, given in turn, one every `every_h` hours: `[1.5]` is one dose, `[1, 2]` alternates."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pattern_mg: Annotated[tuple[DoseMg, ...], Field(min_length=1, max_length=MOST_DOSES_IN_A_CYCLE)]
    every_h: IntervalH = 24.0

    @property
    def daily_dose_mg(self) -> float:
        """Return the mean dose per day, mg."""
        return sum(self.pattern_mg) / len(self.pattern_mg) * 24.0 / self.every_h

    @property
    def cycle_h(self) -> float:
        """Return the length of the whole cycle, h."""
        return self.every_h * len(self.pattern_mg)

    def is_like(self, other: Regimen) -> bool:
        """Return whether two regimens give the same doses (mg, h), wherever their cycles begin."""
        mine, theirs = self._shortest(), other._shortest()
        if self.every_h != other.every_h or len(mine) != len(theirs):
            return False
        turns = (theirs[shift:] + theirs[:shift] for shift in range(len(theirs)))
        return any(all(abs(a - b) < SMALLEST_DIFFERENCE_MG for a, b in zip(mine, t, strict=True)) for t in turns)

    def _shortest(self) -> tuple[float, ...]:
        """The pattern without its repetitions: [1, 1] is [1]."""
        size = len(self.pattern_mg)
        for length in range(1, size + 1):
            if size % length == 0 and self.pattern_mg == self.pattern_mg[:length] * (size // length):
                return self.pattern_mg[:length]
        return self.pattern_mg

    def in_words(self) -> Said:
        """Return the regimen as a pharmacist would say it, in mg, e.g. "1.5 mg once daily"."""
        pattern = self._shortest()
        often = USUAL_WORDS.get(self.every_h) or say("every {hours} h", hours=f"{self.every_h:g}")
        if len(pattern) == 1:
            return say("{dose} {often}", dose=f"{pattern[0]:g} mg", often=often)
        if len(pattern) == 2 and self.every_h == 24.0:
            return say("{first} and {second} on alternate days", first=f"{pattern[0]:g}", second=f"{pattern[1]:g} mg")
        doses = ", ".join(f"{dose:g}" for dose in pattern)
        return say("{doses} in turn, {often}", doses=f"{doses} mg", often=often)
