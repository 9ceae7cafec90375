"""A population model: typical values, covariate equations, between-subject variability, residual error, domain.

The same form serves `seeds/models/*.toml`, a file of one's own and a model inside a case. Parameters are apparent
(CL/F, V/F) and log-normally distributed: P_i = TV_P(covariates) * exp(eta_P), eta ~ N(0, omega).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from tdm.notation.citation import Citation, Sourced
from tdm.notation.noun import Noun
from tdm.notation.quantities import COMEDICATION_COVARIATES, NUMERIC_COVARIATES, YES_NO_COVARIATES, Number, Whole, YesNo
from tdm.notation.refusal import Problem, problem_error
from tdm.notation.sentence import Said, entered, listed, say

Parameter = Literal["cl", "v", "ka"]
PARAMETERS: tuple[Parameter, ...] = ("cl", "v", "ka")
UNITS: Mapping[Parameter, str] = {"cl": "L/h", "v": "L", "ka": "1/h"}
WORDS: Mapping[Parameter, str] = {"cl": "clearance CL/F", "v": "volume V/F", "ka": "absorption rate constant ka"}

# Design rule: a typical half-life outside this range is a slip of unit, not a property of an mTOR inhibitor.
PLAUSIBLE_HALF_LIFE_H = (1.0, 500.0)
# Design rules: typical clearances, L/h, and absorption rates, 1/h, outside these come from a covariate that the
# equations cannot bear (published clearances reach from 2 to 40 L/h).
PLAUSIBLE_CL_L_PER_H = (0.01, 1000.0)
PLAUSIBLE_KA_PER_H = (0.01, 100.0)
# Design rule: the most random effects that the quasi-random posterior is built for.
MOST_RANDOM_EFFECTS = 6
# Design rules: no covariate is steeper than this power, and no factor larger than exp(LARGEST_LOG_FACTOR).
STEEPEST_EXPONENT = 5.0
LARGEST_LOG_FACTOR = 50.0
# Design rule: SDs of the random effects outside this range are slips (a percentage, a variance of nothing).
PLAUSIBLE_SD = (0.001, 2.0)
# Omega counts as positive definite when its correlation matrix's smallest eigenvalue exceeds this (rounding, not 0).
SMALLEST_CORRELATION_EIGENVALUE = 1e-8


class ParameterValue(Noun, Sourced):
    """The typical value of one parameter in `unit` (L/h, L or 1/h)."""

    value: Annotated[Number, Field(gt=0)]
    unit: str
    fixed: YesNo = False


class PowerEffect(Noun, Sourced):
    """P * (covariate / reference)^exponent; the reference in the covariate's unit, the exponent without unit."""

    on: Parameter
    covariate: str
    effect: Literal["power"]
    reference: Annotated[Number, Field(gt=0)]
    exponent: Annotated[Number, Field(ge=-STEEPEST_EXPONENT, le=STEEPEST_EXPONENT)]

    def factor_at(self, value: float) -> float:
        """Return the factor (no unit) on the parameter at a covariate `value` in the covariate's unit."""
        if value == 0.0:
            ln_factor = -math.copysign(LARGEST_LOG_FACTOR, self.exponent) if self.exponent else 0.0
        else:
            ln_factor = self.exponent * (math.log(value) - math.log(self.reference))
        return math.exp(max(-LARGEST_LOG_FACTOR, min(ln_factor, LARGEST_LOG_FACTOR)))

    def in_words(self) -> str:
        """Return the factor as text, e.g. "(hematocrit_percent/38)^-0.901" (the covariate in its own unit)."""
        return f"({self.covariate}/{self.reference:g})^{self.exponent:g}"


class ExponentialEffect(Noun, Sourced):
    """P * exp(coefficient * (covariate - reference)); the coefficient per unit of the covariate."""

    on: Parameter
    covariate: str
    effect: Literal["exponential"]
    reference: Number
    coefficient: Number

    def factor_at(self, value: float) -> float:
        """Return the factor (no unit) on the parameter at a covariate `value` in the covariate's unit."""
        ln_factor = self.coefficient * (value - self.reference)
        return math.exp(max(-LARGEST_LOG_FACTOR, min(ln_factor, LARGEST_LOG_FACTOR)))

    def in_words(self) -> str:
        """Return the factor as text (the covariate in its own unit)."""
        return f"exp({self.coefficient:g} * ({self.covariate} - {self.reference:g}))"


class LinearEffect(Noun, Sourced):
    """P * (1 + coefficient * (covariate - reference)); the coefficient per unit of the covariate."""

    on: Parameter
    covariate: str
    effect: Literal["linear"]
    reference: Number
    coefficient: Number

    def factor_at(self, value: float) -> float:
        """Return the factor (no unit) on the parameter at a covariate `value` in the covariate's unit."""
        return 1.0 + self.coefficient * (value - self.reference)

    def in_words(self) -> str:
        """Return the factor as text (the covariate in its own unit)."""
        return f"(1 + {self.coefficient:g} * ({self.covariate} - {self.reference:g}))"


class FactorEffect(Noun, Sourced):
    """P * factor if a yes/no covariate holds (factor without unit)."""

    on: Parameter
    covariate: str
    effect: Literal["factor"]
    factor: Annotated[Number, Field(gt=0)]

    def factor_at(self, value: float) -> float:
        """Return the factor (no unit): `factor` where the covariate `value` is 1 (yes), 1 where it is 0 (no)."""
        return self.factor if value else 1.0

    def in_words(self) -> str:
        """Return the factor as text (no unit)."""
        return f"{self.factor:g} if {self.covariate}"


CovariateEffect = Annotated[
    PowerEffect | ExponentialEffect | LinearEffect | FactorEffect, Field(discriminator="effect")
]


class Omega(Noun, Sourced):
    """Between-subject variability: covariance (no unit) of the log-normal random effects of the parameters `of`."""

    of: Annotated[tuple[Parameter, ...], Field(min_length=1, max_length=MOST_RANDOM_EFFECTS)]
    covariance: tuple[tuple[Number, ...], ...]

    @model_validator(mode="after")
    def _positive_definite(self) -> Self:
        size = len(self.of)
        if len(set(self.of)) != size:
            raise problem_error([_problem("omega_names_twice", "/of", say("A parameter stands twice."))])
        if len(self.covariance) != size or any(len(row) != size for row in self.covariance):
            sentence = say("Omega of {size} parameters needs {size} rows of {size} numbers.", size=str(size))
            raise problem_error([_problem("omega_shape", "/covariance", sentence)])
        matrix = np.array(self.covariance)
        sd = np.sqrt(np.clip(np.diag(matrix), 0, None))
        if np.any((sd < PLAUSIBLE_SD[0]) | (sd > PLAUSIBLE_SD[1])):
            accepted = say("SD {low} to {high}", low=f"{PLAUSIBLE_SD[0]:g}", high=f"{PLAUSIBLE_SD[1]:g}")
            sentence = say(
                "Every variance must be that of a plausible SD ({accepted}); 30 % is 0.09, not 30.", accepted=accepted
            )
            raise problem_error([_problem("out_of_range", "/covariance", sentence, accepted)])
        sound = bool(np.all(sd > 0)) and bool(np.all(np.abs(matrix - matrix.T) <= 1e-12 * np.outer(sd, sd)))
        if not sound or np.linalg.eigvalsh(matrix / np.outer(sd, sd))[0] < SMALLEST_CORRELATION_EIGENVALUE:
            sentence = say(
                "Omega must be symmetric and positive definite (variances above 0, correlations within -1 and 1)."
            )
            raise problem_error([_problem("omega_not_positive_definite", "/covariance", sentence)])
        return self


class ProportionalError(Noun, Sourced):
    """Residual SD = proportional * prediction (proportional without unit, 0.2 is 20 %)."""

    kind: Literal["proportional"]
    proportional: Annotated[Number, Field(gt=0, le=2)]


class AdditiveError(Noun, Sourced):
    """Residual SD = additive_ng_ml, in ng/mL."""

    kind: Literal["additive"]
    additive_ng_ml: Annotated[Number, Field(gt=0, le=50)]


class CombinedError(Noun, Sourced):
    """Residual variance = (proportional * prediction)^2 + additive_ng_ml^2 (no unit; ng/mL)."""

    kind: Literal["combined"]
    proportional: Annotated[Number, Field(gt=0, le=2)]
    additive_ng_ml: Annotated[Number, Field(gt=0, le=50)]


class LogNormalError(Noun, Sourced):
    """ln(observation) is normal around ln(prediction) with SD `sd` (no unit)."""

    kind: Literal["log-normal"]
    sd: Annotated[Number, Field(gt=0, le=2)]


Residual = Annotated[ProportionalError | AdditiveError | CombinedError | LogNormalError, Field(discriminator="kind")]


class Population(Noun):
    """Who was studied; `borrowed_from` names the disease when it is not the one that is treated here."""

    description: str
    subjects: Whole | None = None
    concentrations: Whole | None = None
    borrowed_from: str | None = None


class Limit(Noun, Sourced):
    """The domain in one quantity (a covariate or `daily_dose_mg`, in its unit), ends included.

    Outside `soft_low`..`soft_high` (the studied range) an answer carries a finding. Outside `hard_low`..`hard_high`,
    which exist only where a source says to refuse, there is no answer; `reason` says why.
    """

    of: str
    soft_low: Number | None = None
    soft_high: Number | None = None
    hard_low: Number | None = None
    hard_high: Number | None = None
    reason: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for kind, low, high in (("soft", self.soft_low, self.soft_high), ("hard", self.hard_low, self.hard_high)):
            if low is not None and high is not None and low >= high:
                word = say("hard") if kind == "hard" else say("soft")
                sentence = say("The {kind} limits are reversed.", kind=word)
                raise problem_error([_problem("limits_reversed", f"/{kind}_low", sentence)])
        if all(end is None for end in (self.soft_low, self.soft_high, self.hard_low, self.hard_high)):
            raise problem_error([_problem("missing_field", "/soft_low", say("A limit needs at least one end."))])
        return self

    def admits(self, value: float) -> bool:
        """Return whether a value (in the quantity's unit) is within the hard limits."""
        return (self.hard_low is None or value >= self.hard_low) and (self.hard_high is None or value <= self.hard_high)

    def studied(self, value: float) -> bool:
        """Return whether a value (in the quantity's unit) is within the soft limits, the studied range."""
        return (self.soft_low is None or value >= self.soft_low) and (self.soft_high is None or value <= self.soft_high)


class AssumedCovariate(Noun, Sourced):
    """The population's median of a covariate, in its own unit, that may stand in where a case does not give it."""

    value: Number


class Assay(Noun):
    """The method behind the model's concentrations, and its range in ng/mL where known."""

    method: str
    immunoassay: YesNo
    low_ng_ml: Number | None = None
    high_ng_ml: Number | None = None


class OtherReading(Noun):
    """Another reading of an ambiguous figure: an omega or a residual error (same units as in the model)."""

    label: str
    omega: Omega | None = None
    residual: Residual | None = None


class Ambiguity(Noun):
    """What a source leaves open, as text, and the other readings (same units as the model's) that can be computed."""

    id: str
    text: str
    readings: tuple[OtherReading, ...] = ()


class PopulationModel(Noun):
    """A one-compartment oral population model of sirolimus; units L/h, L, 1/h, mg, ng/mL and h throughout."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    title: str = ""
    drug: Literal["sirolimus"] = "sirolimus"
    structure: Literal["one-compartment oral"] = "one-compartment oral"
    use: Literal["dosing", "simulation"] = "dosing"
    citation: Citation | None = None
    population: Population | None = None
    parameters: dict[Parameter, ParameterValue]
    covariates: tuple[CovariateEffect, ...] = ()
    omega: Omega
    residual: Residual
    limits: tuple[Limit, ...] = ()
    assume: Annotated[dict[str, AssumedCovariate], Field(default_factory=dict)]
    earliest_sample_fraction: Annotated[Number, Field(ge=0, le=1)] = 0.0
    assay: Assay | None = None
    ambiguities: tuple[Ambiguity, ...] = ()

    @model_validator(mode="after")
    def _means_what_it_says(self) -> Self:
        problems = [
            *_parameter_problems(self.parameters),
            *_covariate_problems(self.covariates),
            *_limit_problems(self.limits),
            *_assumption_problems(self.assume, self.limits),
        ] or _consequence_problems(self)
        if problems:
            raise problem_error(problems)
        return self

    @property
    def random_effects(self) -> tuple[Parameter, ...]:
        """Return the names of the parameters that vary between individuals, in the order of omega (no unit)."""
        return self.omega.of

    @property
    def covariates_used(self) -> tuple[str, ...]:
        """Return the names of the covariates in the model's equations, sorted (each name carries its unit)."""
        return tuple(sorted({effect.covariate for effect in self.covariates}))

    def typical(self, covariates: Mapping[str, float]) -> dict[Parameter, float]:
        """Return the typical CL/F (L/h), V/F (L) and ka (1/h) for covariate values in their own units.

        Raises KeyError if a covariate of the equations is missing.
        """
        values = {name: self.parameters[name].value for name in PARAMETERS}
        for effect in self.covariates:
            values[effect.on] *= effect.factor_at(covariates[effect.covariate])
        return values

    def equations(self) -> tuple[str, ...]:
        """Return the model's equations in words, one line a parameter, with units."""
        lines = []
        for name in PARAMETERS:
            factors = "".join(f" * {effect.in_words()}" for effect in self.covariates if effect.on == name)
            eta = f" * exp(eta_{name})" if name in self.random_effects else ""
            lines.append(f"{name} = {self.parameters[name].value:g}{factors}{eta}  [{UNITS[name]}]")
        return tuple(lines)


def half_life_h(cl_l_per_h: float, v_l: float) -> float:
    """Return the elimination half-life ln 2 * V / CL, h, from a clearance in L/h and a volume in L."""
    return math.log(2.0) * v_l / cl_l_per_h


def _problem(code: str, pointer: str, message: Said, accepted: Said | None = None) -> Problem:
    return Problem(code=code, pointer=pointer, message=message, accepted=accepted)


def _parameter_problems(parameters: Mapping[Parameter, ParameterValue]) -> list[Problem]:
    missing = [name for name in PARAMETERS if name not in parameters]
    problems = [
        _problem(
            "missing_field",
            f"/parameters/{name}",
            say("The {parameter} is required, in {unit}.", parameter=WORDS[name], unit=UNITS[name]),
        )
        for name in missing
    ]
    for name, given in parameters.items():
        if given.unit != UNITS[name]:
            sentence = say(
                "The unit of the {parameter} must be {unit}; nothing is converted in silence.",
                parameter=WORDS[name],
                unit=UNITS[name],
            )
            problems.append(_problem("unknown_unit", f"/parameters/{name}/unit", sentence, Said(UNITS[name])))
    return problems


def _covariate_problems(effects: tuple[CovariateEffect, ...]) -> list[Problem]:
    problems = []
    seen: set[tuple[str, str]] = set()
    for index, effect in enumerate(effects):
        if (effect.on, effect.covariate) in seen:
            sentence = say("This covariate acts on this parameter twice.")
            problems.append(_problem("given_twice", f"/covariates/{index}", sentence))
        seen.add((effect.on, effect.covariate))
        yes_no = (*YES_NO_COVARIATES, *COMEDICATION_COVARIATES)
        known = yes_no if effect.effect == "factor" else tuple(NUMERIC_COVARIATES)
        if effect.covariate not in known:
            kind = say("yes/no covariate") if effect.effect == "factor" else say("covariate")
            accepted = listed(known, ", ")
            sentence = say("This {kind} is unknown; known are {accepted}.", kind=kind, accepted=accepted)
            problems.append(_problem("unknown_covariate", f"/covariates/{index}/covariate", sentence, accepted))
        elif not isinstance(effect, FactorEffect):
            quantity = NUMERIC_COVARIATES[effect.covariate]
            if not quantity.low <= effect.reference <= quantity.high:
                sentence = say("The reference of a covariate must be one that a patient can have.")
                problems.append(_problem("out_of_range", f"/covariates/{index}/reference", sentence, quantity.accepted))
    return problems


def _limit_problems(limits: tuple[Limit, ...]) -> list[Problem]:
    known = (*NUMERIC_COVARIATES, "daily_dose_mg")
    named = listed(known, ", ")
    unknown = [
        _problem("unknown_covariate", f"/limits/{i}/of", say("Limits are of {accepted}.", accepted=named), named)
        for i, limit in enumerate(limits)
        if limit.of not in known
    ]
    twice = [
        _problem("given_twice", f"/limits/{i}/of", say("This quantity has limits already."))
        for i, limit in enumerate(limits)
        if limit.of in {other.of for other in limits[:i]}
    ]
    return unknown + twice


def _assumption_problems(assume: Mapping[str, AssumedCovariate], limits: tuple[Limit, ...]) -> list[Problem]:
    problems = []
    for name, assumed in assume.items():
        pointer = f"/assume/{name}"
        if name in ("weight_kg", "age_years"):
            problems.append(_problem("never_assumed", pointer, say("Weight and age are never assumed.")))
        elif name not in NUMERIC_COVARIATES:
            problems.append(_problem("unknown_covariate", pointer, say("This covariate is unknown.")))
        elif any(
            limit.of == name and not (limit.studied(assumed.value) and limit.admits(assumed.value)) for limit in limits
        ):
            problems.append(
                _problem("default_outside_limits", pointer, say("The default is outside the model's own limits."))
            )
    return problems


def _consequence_problems(model: PopulationModel) -> list[Problem]:
    """Check what the numbers mean together: the typical half-life at the references of the covariate equations."""
    low, high = PLAUSIBLE_HALF_LIFE_H
    typical = half_life_h(model.parameters["cl"].value, model.parameters["v"].value)
    if low <= typical <= high:
        return []
    accepted = say("{low} to {high} {unit}", low=f"{low:g}", high=f"{high:g}", unit="h")
    sentence = say(
        "The typical half-life would be {half_life}; plausible are {accepted}. Check the units.",
        half_life=entered(f"{typical:.3g} h"),
        accepted=accepted,
    )
    return [_problem("half_life_implausible", "/parameters", sentence, accepted)]
