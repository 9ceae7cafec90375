"""What drugs and missed doses do to this patient's exposure over time: interactions, adherence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tdm.knowledge.interactions import Drug
from tdm.patient.timeline import Spell, Timeline

# Design rules.
# Half of the effect of an inducer comes, and goes again, in this time: over one to two weeks in all.
INDUCTION_HALF_TIME_H = 84.0
# Induction is followed in this many equal steps.
INDUCTION_STEPS = 8
# Each of them begins so long after a start or stop, h.
_WAITS_H = tuple(
    -INDUCTION_HALF_TIME_H * math.log2(1.0 - number / INDUCTION_STEPS) for number in range(INDUCTION_STEPS)
)
# The SD (no unit) of ln(part of the dose taken) where doses are only known to be prescribed.
ADHERENCE_SD = 0.3


@dataclass(frozen=True)
class Interaction:
    """Something that acts on sirolimus in a case during its spells (h), on ln F and ln CL (no units).

    `sd` is that of its random effect on ln F, which goes by `name`; 0 without one.
    """

    name: str
    spells: tuple[Spell, ...]
    ln_f: float = 0.0
    ln_cl: float = 0.0
    sd: float = 0.0
    induction: bool = False

    @property
    def strength(self) -> float:
        """Return by how much it moves the exposure, as |ln ratio of AUC| (no unit); 0 where no ratio is known."""
        return abs(self.ln_f - self.ln_cl)

    def taken_at(self, hours: float) -> bool:
        """Return whether it is taken at a time (h), by any of its spells."""
        return any(spell.taken_at(hours) for spell in self.spells)

    def change_times_h(self) -> list[float]:
        """Return the times (h) at which its effect steps, in order."""
        if not self.induction:
            return self._switches_h()
        return sorted({time + wait for time in self._switches_h() for wait in _WAITS_H})

    @property
    def settling_h(self) -> float:
        """Return how long after a start or stop its effect makes its last step (h)."""
        return INDUCTION_HALF_TIME_H * math.log2(INDUCTION_STEPS) if self.induction else 0.0

    def part_from(self, hours: float) -> float:
        """Return the part (0 to 1, no unit) of the full effect from a time (h) on, until the next change.

        Inhibition is all or nothing. Induction follows its half-time in steps: a step has the part in its middle, the
        last one the whole.
        """
        goal = float(self.taken_at(hours))
        passed = [time for time in self._switches_h() if time <= hours]
        if not self.induction or not passed:
            return goal
        begun = sum(passed[-1] + wait <= hours for wait in _WAITS_H)
        if begun == INDUCTION_STEPS:
            return goal
        before = self.induced_at(passed[-1])
        return goal + (before - goal) * (1.0 - (begun - 0.5) / INDUCTION_STEPS)

    def induced_at(self, hours: float) -> float:
        """Return the part (0 to 1, no unit) to which an inducer's effect has come at a time (h), by its half-time."""
        part = goal = float(self.taken_at(-math.inf))
        since = -math.inf
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


def interactions_of(spells: Sequence[Spell], modelled: Sequence[str]) -> tuple[Interaction, ...]:
    """Return the drugs (no unit) that act on sirolimus, but for those that are covariates of the model already."""
    acting: dict[str, list[Spell]] = {}
    for spell in spells:
        if spell.drug is not None and spell.drug.effect != "none" and spell.drug.id not in modelled:
            acting.setdefault(spell.drug.id, []).append(spell)
    drugs = {spell.drug.id: spell.drug for spell in spells if spell.drug is not None}
    return tuple(_acting(drugs[drug_id], tuple(found)) for drug_id, found in acting.items())


def acting_between(found: Sequence[Interaction], begin_h: float, end_h: float) -> tuple[Interaction, ...]:
    """Return those whose effect lasts into the time (h) between the first dose and what is foreseen."""
    return tuple(
        one
        for one in found
        if any(spell.stop_h + one.settling_h > begin_h and spell.start_h <= end_h for spell in one.spells)
    )


def followed(acting: Sequence[Interaction], now_h: float, most: int) -> tuple[Interaction, ...]:
    """Return the interactions with a random effect for `most` of them at the most; the others, without, come last.

    The weakest lose theirs (those without a ratio first, of equals those that are not taken at `now_h`, h) and keep
    their typical ratio. What is unsure about doses keeps its own: it concerns every level.
    """
    drugs = [one for one in acting if any(spell.drug is not None for spell in one.spells)]
    by_strength = sorted(drugs, key=lambda one: (one.strength, one.taken_at(now_h)))
    left_out = {one.name for one in by_strength[: max(0, len(acting) - most)]}
    kept = [one for one in acting if one.name not in left_out]
    return (*kept, *(replace(one, sd=0.0) for one in acting if one.name in left_out))


def _acting(drug: Drug, spells: tuple[Spell, ...]) -> Interaction:
    return Interaction(f"f_{drug.id}", spells, drug.ln_f, drug.ln_cl, drug.sd, drug.induction)


def adherence_of(timeline: Timeline) -> tuple[Interaction, ...]:
    """Return what is unsure about doses that were only prescribed, as an effect on F until `now` (h), if any."""
    spells = tuple(
        Spell((order.index,), "adherence", None, order.start_h, min(timeline.now_h, order.end_h))
        for order in timeline.orders
        if order.taken == "prescribed" and order.start_h < timeline.now_h
    )
    return (Interaction("f_adherence", spells, sd=ADHERENCE_SD),) if spells else ()
