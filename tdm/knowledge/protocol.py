"""A dosing protocol (window, start, studied doses, visits) and the rules of the drug's label, as published."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from tdm.notation.citation import Citation, Sourced
from tdm.notation.noun import Noun
from tdm.notation.quantities import Number, Whole, WindowEndNgMl
from tdm.notation.refusal import Problem, problem_error
from tdm.notation.sentence import say


def _in_order(noun: BaseModel, low: str, high: str) -> None:
    """Refuse a noun whose lower end is above its upper end."""
    first, last = getattr(noun, low), getattr(noun, high)
    if first is not None and last is not None and first > last:
        sentence = say("The ends are reversed: {low} must not exceed {high}.", low=low, high=high)
        raise problem_error([Problem(code="ends_reversed", pointer=f"/{low}", message=sentence)])


class Window(Noun, Sourced):
    """A therapeutic window of steady-state troughs, `low_ng_ml` to `high_ng_ml`, ng/mL, ends included."""

    low_ng_ml: WindowEndNgMl
    high_ng_ml: WindowEndNgMl

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low_ng_ml >= self.high_ng_ml:
            sentence = say("The window is reversed: low_ng_ml must be below high_ng_ml.")
            raise problem_error([Problem(code="window_reversed", pointer="/low_ng_ml", message=sentence)])
        return self

    @property
    def midpoint_ng_ml(self) -> float:
        """Return the middle of the window, ng/mL."""
        return 0.5 * (self.low_ng_ml + self.high_ng_ml)

    def __str__(self) -> str:
        return f"{self.low_ng_ml:g}-{self.high_ng_ml:g} ng/mL"


class StartPhase(Noun):
    """One phase of a protocol's start: once daily between `low_mg` and `high_mg`, for `days` (None: until adjusted)."""

    low_mg: Annotated[Number, Field(gt=0)]
    high_mg: Annotated[Number, Field(gt=0)]
    days: Annotated[Number, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _in_order(self, "low_mg", "high_mg")
        return self


class StartTableRow(Noun):
    """A cell of a published table of initial doses, once daily, mg: which weight (kg), which bilirubin (umol/L).

    Lower ends are included, upper ends are not, but for bilirubin, whose upper end is included.
    """

    weight_from_kg: Number
    weight_below_kg: Number
    bilirubin_above_umol_l: Number | None = None
    bilirubin_up_to_umol_l: Number | None = None
    dose_mg: Annotated[Number, Field(gt=0)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _in_order(self, "weight_from_kg", "weight_below_kg")
        _in_order(self, "bilirubin_above_umol_l", "bilirubin_up_to_umol_l")
        return self

    def covers(self, weight_kg: float, bilirubin_umol_l: float) -> bool:
        """Return whether the row is for this weight (kg) and total bilirubin (umol/L)."""
        above, up_to = self.bilirubin_above_umol_l, self.bilirubin_up_to_umol_l
        return (
            self.weight_from_kg <= weight_kg < self.weight_below_kg
            and (above is None or bilirubin_umol_l > above)
            and (up_to is None or bilirubin_umol_l <= up_to)
        )


class Start(Noun, Sourced):
    """How a protocol starts: phases in mg once daily, or a table by weight and bilirubin; `text` as published."""

    text: str
    phases: tuple[StartPhase, ...] = ()
    table: tuple[StartTableRow, ...] = ()


class Maintenance(Noun, Sourced):
    """A protocol's maintenance dose, mg once daily, where its source states one; `text` as published."""

    text: str
    low_mg: Annotated[Number, Field(gt=0)] | None = None
    high_mg: Annotated[Number, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _in_order(self, "low_mg", "high_mg")
        return self


class StudiedDose(Noun, Sourced):
    """The highest daily dose that the protocol's sources studied, mg per day."""

    highest_daily_dose_mg: Annotated[Number, Field(gt=0)]


class FollowUp(Noun, Sourced):
    """The visits of a protocol, in months after the start."""

    months: tuple[Whole, ...]


class ProtocolPopulation(Noun):
    """Who the protocol is for; ages in years, ends included."""

    description: str
    age_low_years: Number | None = None
    age_high_years: Number | None = None
    subjects: Whole | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _in_order(self, "age_low_years", "age_high_years")
        return self

    def admits_age(self, age_years: float) -> bool:
        """Return whether an age in years is one that the protocol is for."""
        low, high = self.age_low_years, self.age_high_years
        return (low is None or age_years >= low) and (high is None or age_years <= high)


class Protocol(Noun):
    """A published protocol. A window (ng/mL) or a studied dose (mg/d) that its source does not state is absent."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    title: str
    disease: str
    citation: Citation
    population: ProtocolPopulation
    window: Window | None = None
    sister_protocols: tuple[str, ...] = ()
    start: Start | None = None
    maintenance: Maintenance | None = None
    studied: StudiedDose | None = None
    visits: str = ""
    follow_up: FollowUp | None = None
    response: str = ""
    conflicts: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_sisters_without_window(self) -> Self:
        if self.window is None and not self.sister_protocols:
            sentence = say("A protocol without a window must name the sister protocols whose windows the answer shows.")
            raise problem_error([Problem(code="missing_field", pointer="/sister_protocols", message=sentence)])
        return self
