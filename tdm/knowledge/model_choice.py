"""Which model a patient's age and weight choose, from seeds/defaults.toml."""

from __future__ import annotations

from tdm.notation.citation import Sourced
from tdm.notation.noun import Noun
from tdm.notation.quantities import Number


class DefaultModel(Noun, Sourced):
    """One row of the choice of a model by age (years) and weight (kg): from `age_from_years`, below and up to."""

    model: str
    age_from_years: Number
    age_below_years: Number | None = None
    weight_up_to_kg: Number | None = None
    reason: str

    def suits(self, age_years: float, weight_kg: float) -> bool:
        """Return whether the row is for this age (years) and weight (kg)."""
        return (
            age_years >= self.age_from_years
            and (self.age_below_years is None or age_years < self.age_below_years)
            and (self.weight_up_to_kg is None or weight_kg <= self.weight_up_to_kg)
        )


class Defaults(Noun):
    """Which model a patient gets without a choice of one's own: the first row that suits (years, kg)."""

    youngest_years: Number
    youngest_reason: str
    rows: tuple[DefaultModel, ...]

    def row_for(self, age_years: float, weight_kg: float) -> DefaultModel:
        """Return the first row that suits an age (years) and a weight (kg)."""
        return next(row for row in self.rows if row.suits(age_years, weight_kg))
