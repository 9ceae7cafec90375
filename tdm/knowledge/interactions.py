"""Drugs that change the exposure to sirolimus: by which names, by how much, from when to when, and how sure that is.

The ratio of Cmax estimates the change of bioavailability F, and the ratio of AUC divided by it the change of clearance
alone: much of a CYP3A or P-gp interaction happens on the first pass (`seeds/interactions.toml`). Where only the AUC
ratio is known it goes to F. The uncertainty of a ratio is a random effect on ln F; the clearance part is as published.
"""

from __future__ import annotations

import difflib
import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tdm.notation.quantities import Number, YesNo
from tdm.notation.refusal import Problem, problem_error
from tdm.notation.sentence import say

# Design rules.
# The SD (no unit) of ln(ratio) where no interval is published: a factor of 2.7 either way in 90 %.
UNKNOWN_RATIO_SD = 0.6
# The part of a 90 % interval on either side of its middle, in SD.
SD_IN_90_PERCENT = 1.6448536269514722

Effect = Literal["raises", "lowers", "none"]
Rule = Literal["contraindicated", "avoid", "monitor", "none"]


class Ratio(BaseModel):
    """A ratio of exposure with / without the drug (no unit), with its 90 % interval where one is published."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: Annotated[Number, Field(gt=0.01, lt=100)]
    low: Annotated[Number, Field(gt=0)] | None = None
    high: Annotated[Number, Field(gt=0)] | None = None
    note: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if (self.low is None) != (self.high is None) or not (self.low or 0.0) < self.value < (self.high or math.inf):
            sentence = say("An interval has two ends, with the value between them.")
            raise problem_error([Problem(code="ends_reversed", pointer="/low", message=sentence)])
        return self

    @property
    def sd(self) -> float:
        """Return the SD of the logarithm of the ratio (no unit): from its interval, or the one for an unknown one."""
        if self.low is None or self.high is None:
            return UNKNOWN_RATIO_SD
        return math.log(self.high / self.low) / (2.0 * SD_IN_90_PERCENT)


class Drug(BaseModel):
    """One interacting drug: its names, direction and rule, ratios (no unit), how to handle it, source and grade."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    names: Annotated[tuple[str, ...], Field(min_length=1)]
    effect: Effect
    rule: Rule
    handling: str
    auc: Ratio | None = None
    cmax: Ratio | None = None
    induction: YesNo = False
    source: str
    grade: str

    @property
    def ln_f(self) -> float:
        """Return ln of the change of bioavailability (no unit); 0 where no ratio is known."""
        known = self.cmax or self.auc
        return math.log(known.value) if known else 0.0

    @property
    def ln_cl(self) -> float:
        """Return ln of the change of clearance alone (no unit); 0 unless both ratios are known."""
        return math.log(self.cmax.value / self.auc.value) if self.auc and self.cmax else 0.0

    @property
    def sd(self) -> float:
        """Return the SD (no unit) of its random effect on ln F; 0 for a drug without an effect."""
        if self.effect == "none":
            return 0.0
        return self.auc.sd if self.auc else UNKNOWN_RATIO_SD


class Interactions(BaseModel):
    """All drugs whose interaction is known, or known to be unknown (no units)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drugs: tuple[Drug, ...]

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        names = [plain(name) for drug in self.drugs for name in drug.names]
        if len(set(names)) < len(names):
            sentence = say("Two drugs share a name.")
            raise problem_error([Problem(code="given_twice", pointer="/drugs", message=sentence)])
        return self

    def named(self, name: str) -> Drug | None:
        """Return the drug that goes by a name (no unit), whatever its case and spaces; None if it is unknown."""
        return next((drug for drug in self.drugs if plain(name) in {plain(one) for one in drug.names}), None)

    def near(self, name: str) -> tuple[str, ...]:
        """Return known names (no unit) that an unknown one may be a slip of."""
        known = {plain(one): one for drug in self.drugs for one in drug.names}
        return tuple(known[match] for match in difflib.get_close_matches(plain(name), known, n=3, cutoff=0.75))


def plain(name: str) -> str:
    """Return a name without regard to case, spaces and hyphens (no unit)."""
    return "".join(character for character in name.casefold() if character not in " -\u2010\u2011\u2013")
