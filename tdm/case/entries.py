"""The entries of a case: patient, covariates, doses, levels, drugs, events, counts, product. Units in the names."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tdm.knowledge.assay import NG_ML_PER_NMOL_L, NG_ML_PER_UG_L
from tdm.notation.clock import Time, TimeOrDay, Times
from tdm.notation.noun import Noun
from tdm.notation.quantities import (
    UMOL_L_PER_MG_DL_OF_BILIRUBIN,
    AgeYears,
    DoseMg,
    HeightCm,
    HematocritPercent,
    IntervalH,
    LevelNgMl,
    LevelNmolL,
    LevelUgL,
    PlateletCount,
    StrengthMg,
    TotalBilirubinMgDl,
    TotalBilirubinUmolL,
    WeightKg,
    Whole,
    YesNo,
)
from tdm.notation.refusal import Problem, problem_error
from tdm.notation.sentence import Said, say

# Design rules that bound the work of one answer.
MOST_DOSES = 20000
MOST_MISSED = 100
MOST_RUNS_TIMES_LEVELS = 6000


class _Covariates(Noun):
    """What a patient and a change of covariates have in common; a bilirubin stands in one of two units."""

    weight_kg: WeightKg | None = None
    hematocrit_percent: HematocritPercent | None = None
    total_bilirubin_umol_l: TotalBilirubinUmolL | None = None
    total_bilirubin_mg_dl: TotalBilirubinMgDl | None = None

    @model_validator(mode="after")
    def _one_bilirubin(self) -> Self:
        if self.total_bilirubin_umol_l is not None and self.total_bilirubin_mg_dl is not None:
            sentence = say("A total bilirubin stands in one unit: umol/L or mg/dL.")
            pointer = "/total_bilirubin_mg_dl"
            raise problem_error([Problem(code="given_twice", pointer=pointer, message=sentence)])
        return self

    def covariate(self, name: str) -> float | None:
        """Return a covariate by the name under which models use it, in the unit of that name; None if not given."""
        value = getattr(self, name, None)
        if name == "total_bilirubin_umol_l" and self.total_bilirubin_mg_dl is not None:
            return UMOL_L_PER_MG_DL_OF_BILIRUBIN * self.total_bilirubin_mg_dl
        return None if value is None else float(value)

    def field_of(self, name: str) -> str:
        """Return the name of the field (which names its unit) in which the entry holds a covariate."""
        in_mg_dl = name == "total_bilirubin_umol_l" and self.total_bilirubin_mg_dl is not None
        return "total_bilirubin_mg_dl" if in_mg_dl else name


class Patient(_Covariates):
    """Who is treated, and the covariates as they are at the start; units in the names. Sex is never assumed."""

    weight_kg: WeightKg
    age_years: AgeYears
    sex: Literal["female", "male"] | None = None
    height_cm: HeightCm | None = None
    cyp3a5_star1_carrier: YesNo | None = None
    child_pugh: Annotated[Literal["A", "B", "C"] | None, Field(description="Child-Pugh class of the liver")] = None


class CovariateChange(_Covariates):
    """New values of covariates from `time` on, in the units of their names."""

    time: Time

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields if name != "time"):
            raise problem_error(
                [Problem(code="missing_field", pointer="", message=say("A change names no covariate."))]
            )
        return self


class Dose(Noun):
    """A run of equal doses in mg: the first at `time`, then every `every_h` hours, `count` in all; or one dose.

    `missed` are the times of doses of the run that were not taken; `taken` says how it is known that the others were.
    """

    time: Time
    dose_mg: DoseMg
    every_h: IntervalH | None = None
    count: Whole | None = None
    missed: Annotated[tuple[Time, ...], Field(max_length=MOST_MISSED)] = ()
    taken: Literal["observed", "reported", "prescribed"] | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.every_h is None) != (self.count is None):
            missing = "every_h" if self.every_h is None else "count"
            sentence = say("A run of doses needs both every_h (hours) and count; a single dose has neither.")
            raise problem_error([Problem(code="missing_field", pointer=f"/{missing}", message=sentence)])
        if self.count is not None and not 1 <= self.count <= MOST_DOSES:
            accepted = say("{low} to {high} {unit}", low="1", high=str(MOST_DOSES), unit=say("doses"))
            sentence = say("The count of a run is outside {accepted}.", accepted=accepted)
            raise problem_error([Problem(code="out_of_range", pointer="/count", message=sentence, accepted=accepted)])
        return self

    @property
    def times(self) -> int:
        """Return the number of doses (no unit)."""
        return self.count or 1


def _named(name: str) -> str:
    """Refuse a name that is blank or holds control characters, which no drug and no assay has."""
    if not name.strip() or any(unicodedata.category(character) == "Cc" for character in name):
        sentence = say("A name is expected here, without control characters.")
        raise problem_error([Problem(code="empty_text", pointer="", message=sentence)])
    return name


class Level(Noun):
    """A whole-blood concentration: a measured one, or one reported as below a limit, in the unit of its name."""

    time: Time
    level_ng_ml: LevelNgMl | None = None
    below_ng_ml: LevelNgMl | None = None
    level_ug_l: LevelUgL | None = None
    below_ug_l: LevelUgL | None = None
    level_nmol_l: LevelNmolL | None = None
    below_nmol_l: LevelNmolL | None = None
    assay: Annotated[str, Field(max_length=60), AfterValidator(_named)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len(self._given()) != 1:
            sentence = say(
                "A level has either level_ng_ml (measured) or below_ng_ml (reported as below a limit), in ng/mL; "
                "or one of these in ug_l or nmol_l."
            )
            raise problem_error([Problem(code="one_kind_of_level", pointer="", message=sentence)])
        return self

    @property
    def censored(self) -> bool:
        """Return whether the level was reported as below a limit (no unit)."""
        return self.field.startswith("below")

    @property
    def field(self) -> str:
        """Return the name of the field that holds the value; it names the unit."""
        return next(iter(self._given()))

    @property
    def value_ng_ml(self) -> float:
        """Return the measured level, or the limit that it is below, ng/mL (exact: see `tdm.knowledge.assay`)."""
        ((field, value),) = self._given().items()
        unit = field.partition("_")[2]
        return value * {"ng_ml": 1.0, "ug_l": NG_ML_PER_UG_L, "nmol_l": NG_ML_PER_NMOL_L}[unit]

    def _given(self) -> dict[str, float]:
        names = [f"{kind}_{unit}" for kind in ("level", "below") for unit in ("ng_ml", "ug_l", "nmol_l")]
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class Comedication(Noun):
    """A drug taken at the same time, from `start`, until `stop` if it was stopped (dates or hours).

    Without `start` it is taken since before the first dose. A date without an hour is the whole day: a start is its
    beginning (00:00), a stop its end (24:00).
    """

    name: Annotated[str, Field(max_length=80), AfterValidator(_named)]
    start: TimeOrDay | None = None
    stop: TimeOrDay | None = None


Term = Literal[
    "stomatitis",
    "infection",
    "pneumonitis",
    "hyperlipidaemia",
    "thrombocytopenia",
    "proteinuria",
    "oedema",
    "delayed wound healing",
    "TMA",
    "diarrhoea",
    "other",
]


class AdverseEvent(Noun):
    """An adverse event (suspected is enough) from `time`, until `end` if it is over, with its CTCAE grade (no unit)."""

    time: Time
    term: Term
    grade: Literal[1, 2, 3, 4]
    end: Time | None = None


class PlateletsCount(Noun):
    """A platelet count, 10^9/L, and whether the patient bled at that time."""

    time: Time
    count_10e9_l: PlateletCount
    bleeding: YesNo


# The findings that are questions, which the user of the tool may answer.
Question = Literal[
    "level_just_after_dose",
    "runs_overlap",
    "bilirubin_unit",
    "dosing_interrupted",
    "check_adherence",
    "outlier",
    "unusual_patient",
    "levels_contradict",
    "not_a_trough",
    "level_before_first_dose",
    "patient_outside_protocol",
]
# The answer that a level was really drawn after the dose that is charted shortly before it.
AFTER = "after"


class Confirmed(Noun):
    """What the user answered to a question of the tool: to which finding, about which times (h or dates), and what.

    Without `at` it answers every finding of the code.
    """

    code: Question
    at: Times = ()
    answer: Annotated[str, Field(max_length=200), AfterValidator(_named)] | None = None


class Product(Noun):
    """What can be given: whole tablets of `strengths_mg`, or a solution in steps of `step_mg`, mg."""

    strengths_mg: Annotated[tuple[StrengthMg, ...], Field(min_length=1, max_length=6)] | None = None
    step_mg: StrengthMg | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.strengths_mg is None) == (self.step_mg is None):
            sentence = say("A product has either strengths_mg (whole tablets) or step_mg (a solution), in mg.")
            raise problem_error([Problem(code="one_form_of_product", pointer="", message=sentence)])
        return self

    def in_words(self) -> Said:
        """Return the product as text, in mg."""
        if self.step_mg is not None:
            return say("the solution in steps of {step}", step=f"{self.step_mg:g} mg")
        assert self.strengths_mg is not None  # a product has one form
        strengths = ", ".join(f"{strength:g}" for strength in self.strengths_mg)
        return say("whole tablets of {strengths}", strengths=f"{strengths} mg")


TABLETS = Product(strengths_mg=(0.5, 1.0, 2.0))
