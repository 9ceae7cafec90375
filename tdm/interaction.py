"""Drugs that change the exposure to sirolimus: by which names, by how much, from when to when, and how sure that is.

The ratio of Cmax estimates the change of bioavailability F, and the ratio of AUC divided by it the change of clearance
alone: much of a CYP3A or P-gp interaction happens on the first pass (`seeds/interactions.toml`). Where only the AUC
ratio is known it goes to F. The uncertainty of a ratio is a random effect on ln F; the clearance part is as published.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tdm.case import Case, Comedication, Dose
from tdm.clock import Clock
from tdm.errors import Problem, problem_error, refuse
from tdm.quantities import Number, YesNo
from tdm.said import say

# Design rules.
# The SD (no unit) of ln(ratio) where no interval is published: a factor of 2.7 either way in 90 %.
UNKNOWN_RATIO_SD = 0.6
# Half of the effect of an inducer comes, and goes again, in this time: over one to two weeks in all.
INDUCTION_HALF_TIME_H = 84.0
# Induction is followed in this many equal steps.
INDUCTION_STEPS = 8
# The SD (no unit) of ln(part of the dose taken) where doses are only known to be prescribed.
ADHERENCE_SD = 0.3
# Drugs with an effect of their own that one answer can hold.
MOST_INTERACTIONS = 3
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


@dataclass(frozen=True)
class Spell:
    """A comedication in a case: what it is known as, and from when to when (h on the case's clock; inf: goes on)."""

    index: int
    name: str
    drug: Drug | None
    start_h: float
    stop_h: float

    def taken_at(self, hours: float) -> bool:
        """Return whether it is taken at a time (h)."""
        return self.start_h <= hours < self.stop_h


@dataclass(frozen=True)
class Interaction:
    """Something that acts on sirolimus in a case during its spells (h), on ln F and ln CL (no units).

    `sd` is that of its random effect on ln F, which goes by `name`.
    """

    name: str
    spells: tuple[Spell, ...]
    ln_f: float = 0.0
    ln_cl: float = 0.0
    sd: float = 0.0
    induction: bool = False

    def taken_at(self, hours: float) -> bool:
        """Return whether it is taken at a time (h), by any of its spells."""
        return any(spell.taken_at(hours) for spell in self.spells)

    def change_times_h(self) -> list[float]:
        """Return the times (h) at which its effect steps, in order."""
        if not self.induction:
            return self._switches_h()
        # steps of equal size towards the whole effect, or back to none
        waits = [
            -INDUCTION_HALF_TIME_H * math.log2(1.0 - number / INDUCTION_STEPS) for number in range(INDUCTION_STEPS)
        ]
        return sorted({time + wait for time in self._switches_h() for wait in waits})

    @property
    def settling_h(self) -> float:
        """Return how long after a start or stop its effect makes its last step (h)."""
        return INDUCTION_HALF_TIME_H * math.log2(INDUCTION_STEPS) if self.induction else 0.0

    def part_from(self, hours: float) -> float:
        """Return the part (0 to 1, no unit) of the full effect from a time (h) on, until the next change.

        Inhibition is all or nothing. Induction follows its half-time in steps: a step has the part in its middle.
        """
        if not self.induction:
            return float(self.taken_at(hours))
        later = [time for time in self.change_times_h() if time > hours]
        if not later or math.isinf(hours):
            return float(self.taken_at(hours))
        return self.induced_at(0.5 * (hours + later[0]))

    def induced_at(self, hours: float) -> float:
        """Return the part (0 to 1, no unit) to which an inducer's effect has come at a time (h), by its half-time."""
        part, since, goal = 0.0, -math.inf, 0.0
        for time in self._switches_h():
            if time > hours:
                break
            part = goal + (part - goal) * _left(time - since)
            since, goal = time, float(self.taken_at(time))
        return goal + (part - goal) * _left(hours - since)

    def _switches_h(self) -> list[float]:
        times = {time for spell in self.spells for time in (spell.start_h, spell.stop_h)}
        return sorted(time for time in times if math.isfinite(time))


def _left(elapsed_h: float) -> float:
    """The part of a change by induction that is still to come after this time (h)."""
    return float(0.5 ** (elapsed_h / INDUCTION_HALF_TIME_H))


def spells_of(case: Case, clock: Clock, known: Interactions) -> tuple[Spell, ...]:
    """Return the comedications of a case (h on its clock) with what is known of each."""
    return tuple(_spell(index, drug, clock, known) for index, drug in enumerate(case.comedications))


def _spell(index: int, drug: Comedication, clock: Clock, known: Interactions) -> Spell:
    stop = math.inf if drug.stop is None else clock.hours(drug.stop)
    return Spell(index, drug.name, known.named(drug.name), clock.hours(drug.start), stop)


def interactions_of(spells: Sequence[Spell], modelled: Sequence[str]) -> tuple[Interaction, ...]:
    """Return the drugs (no unit) that act on sirolimus, but for those that are covariates of the model already."""
    acting: dict[str, list[Spell]] = {}
    for spell in spells:
        if spell.drug is not None and spell.drug.effect != "none" and spell.drug.id not in modelled:
            acting.setdefault(spell.drug.id, []).append(spell)
    drugs = {spell.drug.id: spell.drug for spell in spells if spell.drug is not None}
    return tuple(_acting(drugs[drug_id], tuple(found)) for drug_id, found in acting.items())


def acting_between(found: Sequence[Interaction], begin_h: float, end_h: float) -> tuple[Interaction, ...]:
    """Return those whose effect lasts into the time (h) between the first dose and what is foreseen.

    Raises `Refused` for more of them than one answer can hold.
    """
    acting = tuple(
        one
        for one in found
        if any(spell.stop_h + one.settling_h > begin_h and spell.start_h <= end_h for spell in one.spells)
    )
    if len(acting) > MOST_INTERACTIONS:
        accepted = say("at most {bound} interacting drugs", bound=str(MOST_INTERACTIONS))
        sentence = say("More drugs of the case interact with sirolimus than one answer can hold.")
        raise refuse("too_many", "/comedications", sentence, accepted)
    return acting


def _acting(drug: Drug, spells: tuple[Spell, ...]) -> Interaction:
    return Interaction(f"f_{drug.id}", spells, drug.ln_f, drug.ln_cl, drug.sd, drug.induction)


def adherence_of(case: Case, clock: Clock, now_h: float) -> tuple[Interaction, ...]:
    """Return what is unsure about doses that were only prescribed, as an effect on F until `now_h` (h), if any."""
    spells = tuple(
        Spell(index, "adherence", None, clock.hours(dose.time), min(now_h, _end_h(dose, clock)))
        for index, dose in enumerate(case.doses)
        if dose.taken == "prescribed" and clock.hours(dose.time) < now_h
    )
    return (Interaction("f_adherence", spells, sd=ADHERENCE_SD),) if spells else ()


def _end_h(dose: Dose, clock: Clock) -> float:
    return clock.hours(dose.time) + (dose.every_h or 24.0) * dose.times
