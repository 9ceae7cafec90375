"""What is doubtful about a case, its fit and its decision: each check raises findings of the catalogue.

Every threshold here is a design rule, unless it is read from a model, a protocol or the label.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import chdtrc, gammaincc, ndtr, ndtri

from tdm.assay import is_immunoassay
from tdm.case import Case
from tdm.decision import NOTABLE_LOSS, Decision, Question
from tdm.estimate import Estimate, individual, prior_eta, under_reading
from tdm.findings import Finding, finding
from tdm.history import DrawnLevel, History
from tdm.kinetics import NG_ML_PER_MG_L, steady_state
from tdm.lattice import lattice, shifted
from tdm.likelihood import predictions, prior_objective, weighted_residuals
from tdm.model import PopulationModel
from tdm.option import Troughs
from tdm.protocol import LabelRules, Protocol
from tdm.quantities import COMEDICATION_COVARIATES, NUMERIC_COVARIATES
from tdm.regimen import Regimen
from tdm.wording import percent, product_in_words, three_digits, when

OUTLIER_SD = 3.0
UNUSUAL_P = 0.01
CONTRADICTION_P = 0.01
OPPOSITE_RESIDUALS_SD = 1.5
# A level this far down in what the model expects of such a patient asks for adherence first.
UNEXPECTEDLY_LOW = 0.05
# The levels say little when they leave more than this part of the population's SD of ln clearance.
PRIOR_DOMINATES = 0.7
STEADY_FROM = 0.9
# At 34 % the recovery to 38 % would raise the level by a tenth under mao-2024: (38/34)^0.901 = 1.105.
LOW_HEMATOCRIT_PERCENT = 34.0
AMBIGUITY_MATTERS = 0.05
EVEN_START = 0.5
PRIOR_POINTS = 1024


def review_case(
    case: Case, history: History, model: PopulationModel, protocol: Protocol, label: LabelRules
) -> list[Finding]:
    """Return the findings on a case before any estimation; sentences carry their units."""
    return [
        *_limits(history, model),
        *_population(case, model, protocol),
        *_unused_levels(history, model),
        *_troughs(history),
        *_assays(history, label),
        *_comedications(case, model),
        *_dosing(history),
        *_hematocrit(case, history),
    ]


def review_fit(estimate: Estimate) -> list[Finding]:
    """Return the findings on the fit of the levels; sentences carry their units."""
    if not estimate.history.used:
        why = "no level is fitted"
        return [finding("prior_dominates", why=why), *_numerics(estimate)]
    return [
        *_low_levels(estimate),
        *_contradictions(estimate),
        *_outliers(estimate),
        *_unusual(estimate),
        *_second_optimum(estimate),
        *_prior_dominates(estimate),
        *_steady_state(estimate),
        *_numerics(estimate),
    ]


def review_decision(question: Question, decision: Decision, troughs: Troughs, sisters: str) -> list[Finding]:
    """Return the findings on the decision; `sisters` names the windows (ng/mL) of the sister protocols."""
    return [
        *_high_levels(question),
        *_window(question, decision, sisters),
        *_reach(question, decision),
        *_studied(question, decision),
        *_preparable(question, decision),
        *_start(question, decision),
        *_dose_limits(question, decision),
        *_ambiguities(question, decision, troughs),
    ]


# --- the case -------------------------------------------------------------------------------------------------------


def _limits(history: History, model: PopulationModel) -> Iterator[Finding]:
    for unstudied in history.unstudied:
        quantity = NUMERIC_COVARIATES[unstudied.limit.of]
        yield finding(
            "outside_soft_limit",
            quantity=quantity.words,
            value=f"{unstudied.value:g} {quantity.unit}",
            model=model.id,
            studied=_range(unstudied.limit.soft_low, unstudied.limit.soft_high, quantity.unit),
            source=unstudied.limit.source or None,
        )


def _range(low: float | None, high: float | None, unit: str) -> str:
    if low is None:
        return f"up to {high:g} {unit}"
    return f"from {low:g} {unit}" if high is None else f"{low:g} to {high:g} {unit}"


def _population(case: Case, model: PopulationModel, protocol: Protocol) -> Iterator[Finding]:
    if model.population is not None and model.population.borrowed_from:
        yield finding("prior_borrowed", model=model.id, disease=model.population.borrowed_from)
    people = protocol.population
    if not people.admits_age(case.patient.age_years):
        ages = _range(people.age_low_years, people.age_high_years, "years")
        yield finding(
            "patient_outside_protocol", protocol=protocol.id, ages=ages, age=f"{case.patient.age_years:g} years"
        )


def _unused_levels(history: History, model: PopulationModel) -> Iterator[Finding]:
    for drawn in history.levels:
        time = when(history.clock, drawn.time_h)
        if drawn.why_unused == "before_first_dose":
            yield finding("level_before_first_dose", time=time)
        elif drawn.why_unused == "in_future":
            yield finding("level_in_future", time=time)
        elif drawn.why_unused == "too_early":
            assert drawn.interval_h is not None  # there was a dose
            earliest = f"{model.earliest_sample_fraction * drawn.interval_h:.3g} h"
            yield finding(
                "unexplained_level", time=time, since=f"{drawn.since_dose_h:.3g} h", model=model.id, earliest=earliest
            )


def _troughs(history: History) -> Iterator[Finding]:
    for drawn in history.used:
        if not drawn.is_trough:
            yield finding(
                "not_a_trough",
                time=when(history.clock, drawn.time_h),
                since=f"{drawn.since_dose_h:.3g} h",
                interval=f"{drawn.interval_h:g} h",
            )


def _assays(history: History, label: LabelRules) -> Iterator[Finding]:
    low, high = label.number("cmia_bias_low_percent"), label.number("cmia_bias_high_percent")
    for drawn in history.used:
        time = when(history.clock, drawn.time_h)
        immunoassay = is_immunoassay(drawn.level.assay) if drawn.level.assay else None
        if immunoassay is None:
            yield finding("assay_unknown", time=time)
        elif immunoassay:
            yield finding("immunoassay", time=time, bias=f"Architect CMIA by {low:g} to {high:g} %")


def _comedications(case: Case, model: PopulationModel) -> Iterator[Finding]:
    names = [drug.name for drug in case.comedications if drug.name.strip().lower() not in modelled_comedications(model)]
    if names:
        yield finding("comedication_not_modelled", names=", ".join(names))


def modelled_comedications(model: PopulationModel) -> tuple[str, ...]:
    """Return the names (lower case, no unit) of the comedications that are covariates of a model."""
    return tuple(name for name in COMEDICATION_COVARIATES if name in model.covariates_used)


def _dosing(history: History) -> Iterator[Finding]:
    dosing = history.dosing
    if dosing.interrupted and dosing.last_dose_h is not None:
        yield finding("dosing_interrupted", gap=f"{(history.now_h - dosing.last_dose_h) / 24.0:.3g} days")
    elif dosing.last_dose_h is not None and dosing.regimen is None:
        yield finding("current_regimen_unknown")
    if history.planned_doses:
        yield finding("planned_doses", count=str(history.planned_doses))
    if history.late_changes:
        yield finding("later_covariates")


def _hematocrit(case: Case, history: History) -> Iterator[Finding]:
    value = case.patient.hematocrit_percent
    for change in case.covariates:
        if change.hematocrit_percent is not None and history.clock.hours(change.time) <= history.now_h:
            value = change.hematocrit_percent
    if value is not None and value < LOW_HEMATOCRIT_PERCENT:
        yield finding("low_hematocrit", hematocrit=f"{value:g} %")


# --- the fit --------------------------------------------------------------------------------------------------------


def _low_levels(estimate: Estimate) -> Iterator[Finding]:
    history = estimate.history
    expected = prior_chance_below(estimate)
    for drawn, chance in zip(history.used, expected, strict=True):
        if drawn.level.censored:
            why = "it was reported as below a limit"
            level = f"below {drawn.level.value_ng_ml:g} ng/mL"
        elif chance < UNEXPECTEDLY_LOW:
            why = f"fewer than {percent(UNEXPECTEDLY_LOW)} of such patients would be so low ({percent(float(chance))})"
            level = f"{drawn.level.value_ng_ml:g} ng/mL"
        else:
            continue
        yield finding("check_adherence", time=when(history.clock, drawn.time_h), level=level, why=why)


def prior_chance_below(estimate: Estimate) -> np.ndarray:
    """Return the probability (no unit), level by level, that the population with these covariates measures lower."""
    size = len(estimate.model.random_effects)
    points = shifted(lattice(PRIOR_POINTS, size), np.full(size, 0.5 / PRIOR_POINTS))
    eta = prior_eta(estimate, ndtri(points))
    return np.asarray(ndtr(weighted_residuals(estimate.cohort, predicted(estimate, eta))).mean(axis=0))


def predicted(estimate: Estimate, eta: np.ndarray) -> np.ndarray:
    """Return the predictions (ng/mL) at the fitted levels, shape (draws, levels), for random effects (draws, d)."""
    return predictions(estimate.cohort, eta[:, None, :])


def contradiction_p(estimate: Estimate) -> float:
    """Return the posterior predictive p-value (no unit) of the sum of squared weighted residuals.

    For given random effects replicated residuals are standard normal, so the tail is a chi-square's and the p-value its
    posterior mean (Gelman, Meng and Stern 1996, Statistica Sinica 6:733), without simulation. A censored level counts
    by how far the prediction exceeds its limit.
    """
    residual = weighted_residuals(estimate.cohort, estimate.at_levels)
    residual = np.where(estimate.cohort.censored, np.minimum(residual, 0.0), residual)
    discrepancy = (residual**2).sum(axis=1)
    return float(estimate.draws.weight @ gammaincc(0.5 * residual.shape[1], 0.5 * discrepancy))


def _contradictions(estimate: Estimate) -> Iterator[Finding]:
    used = estimate.history.used
    if len(used) < 2:
        return
    p = contradiction_p(estimate)
    residual = estimate.residuals_at_mode
    opposite = _opposite_pair(used, residual)
    if p < CONTRADICTION_P:
        yield finding("levels_contradict", why=f"no patient of the model would give them together (p = {p:.2g})")
    elif opposite is not None:
        clock = estimate.history.clock
        high, low = (used[position] for position in opposite)
        why = (
            f"on one regimen that of {when(clock, high.time_h)} is {residual[opposite[0]]:+.1f} and that of "
            f"{when(clock, low.time_h)} is {residual[opposite[1]]:+.1f} residual SD from the fit"
        )
        yield finding("levels_contradict", why=why)


def _opposite_pair(used: tuple[DrawnLevel, ...], residual: np.ndarray) -> tuple[int, int] | None:
    for high in range(len(used)):
        for low in range(len(used)):
            same = used[high].epoch == used[low].epoch
            if same and residual[high] > OPPOSITE_RESIDUALS_SD and residual[low] < -OPPOSITE_RESIDUALS_SD:
                return high, low
    return None


def _outliers(estimate: Estimate) -> Iterator[Finding]:
    history = estimate.history
    for drawn, residual in zip(history.used, estimate.residuals_at_mode, strict=True):
        beyond = -residual if drawn.level.censored else abs(residual)
        if beyond > OUTLIER_SD:
            sign = "below " if drawn.level.censored else ""
            yield finding(
                "outlier",
                time=when(history.clock, drawn.time_h),
                level=f"{sign}{drawn.level.value_ng_ml:g} ng/mL",
                residual=f"{residual:+.1f}",
            )


def _unusual(estimate: Estimate) -> Iterator[Finding]:
    distance = float(prior_objective(estimate.cohort.variability, estimate.modes.eta)[0])
    p = float(chdtrc(len(estimate.model.random_effects), distance))
    if p < UNUSUAL_P:
        yield finding("unusual_patient", p=f"{p:.2g}")


def _second_optimum(estimate: Estimate) -> Iterator[Finding]:
    modes = estimate.modes
    if np.isfinite(modes.second_objective[0]):
        other = individual(estimate, modes.second_eta)
        yield finding(
            "second_optimum",
            clearance=f"{three_digits(float(other.cl_l_per_h[0]))} L/h",
            volume=f"{three_digits(float(other.v_l[0]))} L",
            difference=f"{float(modes.second_objective[0] - modes.objective[0]):.2g}",
        )


def _prior_dominates(estimate: Estimate) -> Iterator[Finding]:
    if "cl" not in estimate.model.random_effects:
        return
    position = estimate.model.random_effects.index("cl")
    eta, weight = estimate.draws.eta[:, position], estimate.draws.weight
    sd = float(np.sqrt(weight @ (eta - weight @ eta) ** 2))
    left = sd / float(np.sqrt(estimate.cohort.variability.omega[position, position]))
    if left > PRIOR_DOMINATES:
        yield finding("prior_dominates", why=f"the levels leave {percent(left)} of the population's SD of ln clearance")


def _steady_state(estimate: Estimate) -> Iterator[Finding]:
    drawn = estimate.history.last_trough
    regimen = estimate.history.dosing.regimen
    if drawn is None or regimen is None or drawn.since_dose_h is None:
        return
    fraction = fraction_of_steady_state(estimate, drawn, regimen)
    if fraction < STEADY_FROM:
        yield finding(
            "not_at_steady_state", time=when(estimate.history.clock, drawn.time_h), fraction=percent(fraction)
        )


def fraction_of_steady_state(estimate: Estimate, drawn: DrawnLevel, regimen: Regimen) -> float:
    """Return the concentration at a level as a part (no unit) of the steady state of a regimen, at the mode."""
    assert drawn.since_dose_h is not None  # it is a trough
    position = [one.index for one in estimate.history.used].index(drawn.index)
    concentration = float(estimate.mode_at_levels[position])
    one = estimate.at_mode
    steady = steady_state(regimen.pattern_mg, regimen.every_h, drawn.since_dose_h, one.k_per_h, one.ka_per_h).central_mg
    return concentration / float(NG_ML_PER_MG_L * steady.mean() / one.v_l[0])


def _numerics(estimate: Estimate) -> Iterator[Finding]:
    if not estimate.draws.certified:
        yield finding("numerical_error", error=percent(estimate.draws.probability_error))


# --- the decision ---------------------------------------------------------------------------------------------------


def _high_levels(question: Question) -> Iterator[Finding]:
    history, label = question.estimate.history, question.label
    trough = history.last_trough
    measured = trough.level.value_ng_ml if trough is not None and not trough.level.censored else 0.0
    predicted_now = question.estimate.trough_due_ng_ml
    highest = max(measured, predicted_now)
    found = (
        f"measured {measured:.3g} ng/mL" if measured >= predicted_now else f"predicted {predicted_now:.3g} ng/mL now"
    )
    critical, alert = label.number("critical_above_ng_ml"), label.number("alert_above_ng_ml")
    if highest > critical:
        yield finding("level_above_20", critical=f"{critical:g} ng/mL", found=found)
    elif highest > alert:
        yield finding("level_above_15", alert=f"{alert:g} ng/mL", found=found)


def _window(question: Question, decision: Decision, sisters: str) -> Iterator[Finding]:
    if question.window is None:
        yield finding("window_missing", protocol=question.protocol.id, windows=sisters)


def _reach(question: Question, decision: Decision) -> Iterator[Finding]:
    if (
        decision.kind == "none"
        and question.window is not None
        and (decision.best is None or decision.best.within < 0.5)
    ):
        best = decision.best
        yield finding(
            "no_regimen_reaches_half",
            window=str(question.window),
            regimen=best.option.regimen.in_words() if best else "none",
            chance=percent(best.within) if best else "no chance",
        )


def _studied(question: Question, decision: Decision) -> Iterator[Finding]:
    studied = decision.ceiling.studied_mg
    if studied is None:
        return
    current = question.estimate.history.dosing.daily_dose_mg
    what = []
    if current is not None and current > studied:
        what.append(f"The current {current:g} mg per day")
    what += [
        f"{offered.option.regimen.in_words().capitalize()}"
        for offered in decision.offered
        if offered.origin == "asked" and offered.option.regimen.daily_dose_mg > studied
    ]
    best = decision.best.within if decision.best else 0.0
    need = decision.need
    if need and need.once_daily_mg > studied and need.chance.within > best + NOTABLE_LOSS:
        what.append(f"The need of about {need.once_daily_mg:.2g} mg per day ({percent(need.chance.within)} within)")
    for one in what:
        yield finding("dose_above_studied", what=one, highest=f"{studied:g} mg per day", protocol=question.protocol.id)


def _preparable(question: Question, decision: Decision) -> Iterator[Finding]:
    need, best = decision.need, decision.best
    if need is None or need.once_daily_mg > decision.ceiling.daily_mg:
        return
    loss = need.chance.within - (best.within if best else 0.0)
    if loss > NOTABLE_LOSS:
        yield finding(
            "dose_not_preparable",
            needed=f"{need.once_daily_mg:.2g} mg",
            product=product_in_words(question.product),
            loss=f"{100 * loss:.0f} percentage points",
        )


def _start(question: Question, decision: Decision) -> Iterator[Finding]:
    starts = [one for one in decision.offered if one.origin == "protocol_start" and one.option.chance is not None]
    weak = [one for one in starts if one.within < EVEN_START]
    if weak and question.window is not None:
        chances = " and ".join(
            f"{one.option.regimen.in_words()} reaches {question.window} in {percent(one.within)}" for one in weak
        )
        yield finding(
            "protocol_start_conflict", model=question.estimate.model.id, chances=chances + " of such patients"
        )


def _dose_limits(question: Question, decision: Decision) -> Iterator[Finding]:
    model = question.estimate.model
    if decision.proposal is None:
        return
    daily = decision.proposal.option.regimen.daily_dose_mg
    for limit in model.limits:
        if limit.of == "daily_dose_mg" and not limit.studied(daily):
            yield finding(
                "outside_soft_limit",
                quantity="A daily dose",
                value=f"{daily:g} mg",
                model=model.id,
                studied=_range(limit.soft_low, limit.soft_high, "mg"),
                source=limit.source or None,
            )


def _ambiguities(question: Question, decision: Decision, troughs: Troughs) -> Iterator[Finding]:
    """Other readings of the model's source, on the same draws: does the chance of the best option change?"""
    estimate, window = question.estimate, question.window
    chosen = decision.proposal or decision.best
    if window is None or chosen is None:
        return
    for ambiguity in estimate.model.ambiguities:
        for reading in ambiguity.readings:
            update = {k: v for k, v in (("omega", reading.omega), ("residual", reading.residual)) if v is not None}
            weight = under_reading(estimate, estimate.model.model_copy(update=update))
            other = Troughs(estimate, weight).chance(chosen.option.regimen, window).within
            if abs(other - chosen.within) > AMBIGUITY_MATTERS:
                yield finding(
                    "model_ambiguity", reading=reading.label, other=percent(other), chance=percent(chosen.within)
                )
