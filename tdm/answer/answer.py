"""The answer: frozen nouns with units in their names, the same in Python, JSON, on the command line and over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tdm.case.regimen import Regimen
from tdm.decision.ranking import Bar
from tdm.notation.clock import AnswerTime
from tdm.notation.sentence import Said
from tdm.review.findings import Finding

SIGNIFICANT_DIGITS = 6


def rounded(value: float) -> float:
    """Return a number of any unit at the six significant digits that answers are given in."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


Rounded = Annotated[float, AfterValidator(rounded)]


class _Noun(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Spread(_Noun):
    """Median and 90 % interval of the posterior, in the unit of the field that holds it."""

    median: Rounded
    p05: Rounded
    p95: Rounded


class Probability(_Noun):
    """Chance (no unit, sum one) that the individual steady-state pre-dose concentrations are below, within, above."""

    below: Rounded
    within: Rounded
    above: Rounded


class WindowAnswer(_Noun):
    """The window that the answer aims at, ng/mL, ends included: that of the protocol, or the target of the case."""

    low_ng_ml: Rounded
    high_ng_ml: Rounded


class NextLevelAnswer(_Noun):
    """When to measure again (times in the kind of the case, or hours), and why."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True)

    from_: Annotated[AnswerTime, Field(alias="from")]
    to: AnswerTime
    reason: Said


class Curve(_Noun):
    """Concentrations (ng/mL) over time: the history and what lies ahead; median and 90 % interval.

    Ahead is the proposal; without one the present dosing, and under a hold no dose at all.
    """

    times: tuple[AnswerTime, ...]
    median: tuple[Rounded, ...]
    p05: tuple[Rounded, ...]
    p95: tuple[Rounded, ...]


# What is to be said of an option: where it comes from, that it is the proposal, and why it may not be.
Mark = Literal["current", "asked", "solution", "protocol_start", "proposal", "after_hold", Bar]


class AnswerOption(_Noun):
    """A regimen with its predicted steady-state trough (ng/mL), mg per day and chances; null without a window.

    `marks` are the parts of the `reason`. One that was asked for has its own curve and next level, unless the decision
    is to hold.
    """

    regimen: Regimen
    start_at: AnswerTime
    daily_dose_mg: Rounded
    trough_ng_ml: Spread
    probability: Probability | None
    measured_within: Rounded | None
    reason: Said
    marks: tuple[Mark, ...] = ()
    asked: bool = False
    needs_second_opinion: bool = False
    curve: Curve | None = None
    next_level: NextLevelAnswer | None = None


class Until(_Noun):
    """When the concentration is down to the upper limit: for half and for 95 % of the posterior."""

    median: AnswerTime
    p95: AnswerTime


class HoldAnswer(_Noun):
    """A hold: until when at least, on which condition (ng/mL), and with what to resume."""

    until: Until
    condition: Said
    resume: AnswerOption | None


class LabelDoses(_Noun):
    """Daily doses (mg) that the label's proportion gives for the window's limits and midpoint."""

    low: Rounded
    midpoint: Rounded
    high: Rounded


class LabelRule(_Noun):
    """The label's proportion from a daily dose (mg) and a trough (ng/mL), or the `reason` why it does not apply."""

    daily_dose_mg: LabelDoses | None
    current_daily_dose_mg: Rounded | None
    trough_ng_ml: Rounded | None
    reason: Said | None
    source: str


class ParameterAnswer(_Noun):
    """One parameter in the unit of its field: of the population, at the mode, posterior median and 90 % interval."""

    typical: Rounded
    map: Rounded
    median: Rounded
    p05: Rounded
    p95: Rounded


class IndividualAnswer(_Noun):
    """The individual's apparent clearance (L/h), volume (L) and half-life (h) at `now`."""

    clearance_l_per_h: ParameterAnswer
    volume_l: ParameterAnswer
    half_life_h: ParameterAnswer


class LevelFit(_Noun):
    """A level against the model, ng/mL; the weighted residual (no unit) is null where censored or not used.

    `role` says what it is used for: fitted, or a bound of the trough that follows, or not and why.
    """

    time: AnswerTime
    observed_ng_ml: Rounded | None
    below_ng_ml: Rounded | None
    population_ng_ml: Rounded
    individual_ng_ml: Rounded
    weighted_residual: Rounded | None
    used: bool
    role: Literal["fitted", "bound", "before_first_dose", "in_future", "superseded"]


class Fit(_Noun):
    """The fit of one model: its weight, random effects at the mode and objective (no units), and each level."""

    model: str
    weight: Rounded
    eta: dict[str, Rounded]
    objective: Rounded
    levels: tuple[LevelFit, ...]


class SourceAnswer(_Noun):
    """A model or protocol with its citation, grade of transcription and level of evidence (no units)."""

    id: str
    title: str
    reference: str
    doi: str
    grade: str
    verified_against: str
    oxford_level: str | None


class Assumed(_Noun):
    """What the case did not say and the answer took for granted, with its unit and why."""

    field: str
    value: Said
    why: Said


class Ignored(_Noun):
    """What the case said and the answer does not use (JSON Pointer), and why."""

    pointer: str
    why: Said


class Numerics(_Noun):
    """How exact the probabilities are: draws, effective sample size, largest standard error (no units)."""

    draws: int
    effective_sample_size: Rounded
    probability_error: Rounded
    certified: bool


class Basis(_Noun):
    """What the answer rests on: sources, window (ng/mL), assumptions, equations, versions and the case's identity."""

    models: tuple[SourceAnswer, ...]
    protocol: SourceAnswer
    window: Said | None
    assumed: tuple[Assumed, ...]
    ignored: tuple[Ignored, ...]
    equations: tuple[Said, ...]
    ambiguities: tuple[str, ...]
    numerics: Numerics
    versions: dict[str, str]
    case_id: str
    disclaimer: Said


class AheadOption(_Noun):
    """A regimen under a later condition: mg per day, steady-state trough (ng/mL) and chances."""

    regimen: Regimen
    daily_dose_mg: Rounded
    trough_ng_ml: Spread
    probability: Probability | None


class AheadAnswer(_Noun):
    """What will be otherwise: when (null: some day), what, the trough (ng/mL) of an unchanged dose, the choice then."""

    time: AnswerTime | None
    what: Said
    unchanged: AheadOption
    then: AheadOption | None


class ResponseAnswer(_Noun):
    """The response of the platelets (counts in 10^9/L): class, confirmation, loss, and the class under the variant."""

    response: Literal["CR", "R", "NR"]
    confirmed: bool
    lost: bool
    partial_by_trials: bool
    baseline_10e9_l: Rounded
    last_10e9_l: Rounded
    definition: Literal["and", "or"]
    by_the_other_definition: Literal["CR", "R", "NR"]
    source: str


class VisitAnswer(_Noun):
    """A visit: months after the start, when (a date or h), whether the protocol names it, the state of each test."""

    month: int
    time: AnswerTime
    of_protocol: bool
    tests: dict[str, Literal["done", "overdue", "due", "not in the case"]]


class Recommendation(_Noun):
    """The whole answer to a case; units in the names of the fields, times in the kind that the case uses."""

    decision: Literal["start", "keep", "increase", "decrease", "change", "hold", "none"]
    summary: Said
    now: AnswerTime
    window: WindowAnswer | None
    proposal: AnswerOption | None
    expected_to_reach: bool | None
    hold: HoldAnswer | None
    options: tuple[AnswerOption, ...]
    current: AnswerOption | None
    label_rule: LabelRule
    individual: IndividualAnswer
    fits: tuple[Fit, ...]
    next_level: NextLevelAnswer
    ahead: tuple[AheadAnswer, ...]
    response: ResponseAnswer | None
    follow_up: tuple[VisitAnswer, ...]
    precautions: tuple[Said, ...]
    findings: tuple[Finding, ...]
    basis: Basis
    curve: Curve
