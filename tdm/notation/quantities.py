"""Every quantity that a user may enter: its unit, the accepted range and the slip that a value outside suggests.

The ranges are design rules against slips of the pen (a unit, a decimal point). They are no clinical limits: those
belong to the models and the protocols, with their sources.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, Strict

from tdm.notation.refusal import Problem, problem_error
from tdm.notation.sentence import Said, entered, say, sentences


@dataclass(frozen=True)
class Quantity:
    """A quantity's name in words, its `unit` and the accepted range `low` to `high` in that unit, ends included.

    `below` and `beyond` are the sentences that name the likely slip of a value under or over the range.
    """

    words: str
    unit: str
    low: float
    high: float
    below: str = ""
    beyond: str = ""

    @property
    def noun(self) -> str:
        """Return the quantity's name without its article (no unit), e.g. "haematocrit"."""
        return self.words.partition(" ")[2]

    @property
    def accepted(self) -> Said:
        """Return the accepted range with its unit, as text."""
        return range_in_words(self.low, self.high, self.unit)

    def check(self, value: float) -> float:
        """Return `value` (in `unit`) unchanged; raise a pydantic error that names range and unit when it is outside."""
        if self.low <= value <= self.high:
            return value
        hint = self.beyond if value > self.high else self.below if value > 0 else say("It must be positive.")
        message = say(
            "{quantity} of {value} {unit} is outside {accepted}.",
            quantity=self.words,
            value=entered(f"{value:g}"),
            unit=self.unit,
            accepted=self.accepted,
        )
        message = sentences([message, hint]) if hint else message
        raise problem_error([Problem(code="out_of_range", pointer="", message=message, accepted=self.accepted)])


def range_in_words(low: float | None, high: float | None, unit: str, mark: Callable[[str], str] = str) -> Said:
    """Return a range with one end or two as text, in `unit`; `mark` is `entered` for a range that the user gave."""
    if low is None:
        return say("up to {high} {unit}", high=mark(f"{high:g}"), unit=unit)
    if high is None:
        return say("from {low} {unit}", low=mark(f"{low:g}"), unit=unit)
    return say("{low} to {high} {unit}", low=mark(f"{low:g}"), high=mark(f"{high:g}"), unit=unit)


# A number is never read from a text or from true/false.
Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
YesNo = Annotated[bool, Strict()]

WEIGHT = Quantity("A weight", "kg", 0.5, 300.0, beyond="Was it entered in grams or in another unit?")
AGE = Quantity("An age", say("years"), 0.0, 120.0, beyond="Was it entered in months or days?")
HEIGHT = Quantity("A height", "cm", 20.0, 250.0, below="Was it entered in metres?")
HEMATOCRIT = Quantity(
    "A haematocrit",
    "%",
    5.0,
    75.0,
    below="It looks like a fraction: enter the percentage (0.36 is 36 %).",
)
BILIRUBIN = Quantity(
    "A total bilirubin",
    "umol/L",
    1.0,
    1000.0,
    below="Was it entered in mg/dL? Then enter it as total_bilirubin_mg_dl.",
)
# The molar mass of bilirubin, C33H36N4O6, is 584.67 g/mol: 1 mg/dL is 10 / 0.58467 umol/L.
UMOL_L_PER_MG_DL_OF_BILIRUBIN = 10.0 / 0.58467
BILIRUBIN_MG_DL = Quantity(
    "A total bilirubin",
    "mg/dL",
    0.05,
    60.0,
    beyond="Was it entered in umol/L? Then enter it as total_bilirubin_umol_l.",
)
DOSE = Quantity(
    "A dose",
    "mg",
    0.01,
    40.0,
    beyond="The label allows at most 40 mg on any day; was it entered in micrograms?",
)
STRENGTH = Quantity("A strength or step", "mg", 0.01, 10.0)
WINDOW_END = Quantity("An end of the window", "ng/mL", 0.01, 50.0, beyond="Windows are in ng/mL.")
LEVEL = Quantity(
    "A level",
    "ng/mL",
    0.05,
    200.0,
    beyond="It looks like a unit slip (ng/L or pg/mL): 1 ng/mL is 1000 ng/L.",
)
LEVEL_NMOL_L = Quantity("A level", "nmol/L", 0.05 / 0.914187, 200.0 / 0.914187, beyond="1 nmol/L is 0.914187 ng/mL.")
PLATELETS = Quantity(
    "A platelet count", "10^9/L", 0.0, 3000.0, beyond="Was it entered per microlitre? 30,000 per microlitre is 30."
)
INTERVAL = Quantity("A dosing interval", "h", 1.0, 336.0, below="It is counted in hours.")
HOURS = Quantity("A time", "h", -1e6, 1e6)

# The covariates that a model may use, by their names in a case. A yes/no covariate has no range.
NUMERIC_COVARIATES = {
    "weight_kg": WEIGHT,
    "age_years": AGE,
    "height_cm": HEIGHT,
    "hematocrit_percent": HEMATOCRIT,
    "total_bilirubin_umol_l": BILIRUBIN,
}
YES_NO_COVARIATES = ("cyp3a5_star1_carrier",)
COMEDICATION_COVARIATES = ("oxcarbazepine",)

WeightKg = Annotated[Number, AfterValidator(WEIGHT.check), Field(description="Body weight, kg")]
AgeYears = Annotated[Number, AfterValidator(AGE.check), Field(description="Age, years")]
HeightCm = Annotated[Number, AfterValidator(HEIGHT.check), Field(description="Height, cm")]
HematocritPercent = Annotated[Number, AfterValidator(HEMATOCRIT.check), Field(description="Haematocrit, %")]
TotalBilirubinUmolL = Annotated[Number, AfterValidator(BILIRUBIN.check), Field(description="Total bilirubin, umol/L")]
TotalBilirubinMgDl = Annotated[
    Number, AfterValidator(BILIRUBIN_MG_DL.check), Field(description="Total bilirubin, mg/dL")
]
DoseMg = Annotated[Number, AfterValidator(DOSE.check), Field(description="Dose, mg")]
StrengthMg = Annotated[Number, AfterValidator(STRENGTH.check), Field(description="Strength or step, mg")]
LevelNgMl = Annotated[Number, AfterValidator(LEVEL.check), Field(description="Whole-blood concentration, ng/mL")]
LevelUgL = Annotated[Number, AfterValidator(LEVEL.check), Field(description="Whole-blood concentration, ug/L")]
LevelNmolL = Annotated[
    Number, AfterValidator(LEVEL_NMOL_L.check), Field(description="Whole-blood concentration, nmol/L")
]
PlateletCount = Annotated[Number, AfterValidator(PLATELETS.check), Field(description="Platelet count, 10^9/L")]
WindowEndNgMl = Annotated[Number, AfterValidator(WINDOW_END.check), Field(description="End of a window, ng/mL")]
IntervalH = Annotated[Number, AfterValidator(INTERVAL.check), Field(description="Dosing interval, h")]
