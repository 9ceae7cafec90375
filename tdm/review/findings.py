"""The findings: what is doubtful about a case or its answer, with stable codes, severities and what to do.

One catalogue holds every code, its sentence, what to do and where the rule comes from. The thresholds that raise a
finding stand beside the code that applies them (`tdm.review.of_case`, `tdm.review.of_fit`, `tdm.review.of_decision`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from tdm.notation.sentence import Said, say

Severity = Literal["critical", "blocking", "warning", "info"]
# How findings are ordered in an answer.
ORDER: tuple[Severity, ...] = ("critical", "blocking", "warning", "info")
DESIGN_RULE = "design rule of this project"
LABEL = "US label and safety facts in seeds/label.toml"
MODEL = "model file"
INTERACTIONS = "seeds/interactions.toml"
RESPONSE = "IWG: Rodeghiero 2009, Blood 113:2386"


class Finding(BaseModel):
    """One finding: `code`, `severity`, a sentence with units, what to do, the source of the rule, and its values.

    `values` holds the numbers and names of the sentence, already formatted with their units where they have one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    severity: Severity
    message: Said
    action: Said
    source: str
    values: dict[str, Said] = {}


class Entry(NamedTuple):
    """What the catalogue holds for a code: severity, the sentence with its gaps, what to do, source (no units)."""

    severity: Severity
    message: str
    action: str
    source: str


CATALOGUE: Mapping[str, Entry] = {
    "level_above_20": Entry(
        "critical",
        "A trough is above {critical}: {found}.",
        "Hold sirolimus, look for toxicity (lungs, platelets, lipids), repeat the level; see the hold in the answer.",
        LABEL,
    ),
    "check_adherence": Entry(
        "critical",
        "The level of {time} ({level}, {age}) is low or could not be measured: {why}.",
        "First check that every dose was taken, the times of dose and sample, and repeat the level; then decide.",
        DESIGN_RULE,
    ),
    "drug_contraindicated": Entry(
        "critical",
        "{drug} is contraindicated with sirolimus: {handling}.",
        "Look for another drug with its prescriber; where both are unavoidable, measure 3 to 5 days after each change.",
        INTERACTIONS,
    ),
    "tolerance_hold": Entry(
        "critical",
        "{rule}: sirolimus is held whatever the level says ({changed}).",
        "Call the treating physician now; no dose before the event is cleared up.",
        DESIGN_RULE,
    ),
    "tolerance_no_increase": Entry(
        "critical",
        "{rule}: no increase is advised ({changed}).",
        "Treat the event first; decide on the dose with the treating physician.",
        DESIGN_RULE,
    ),
    "level_in_future": Entry(
        "critical",
        "The level of {time} lies after the time of the decision ({now}).",
        "It is not fitted. Check its date, or move `now`.",
        DESIGN_RULE,
    ),
    "event_in_future": Entry(
        "critical",
        "The adverse event of {time} ({event}) lies after the time of the decision ({now}).",
        "It holds and stops nothing in this answer. Check its date, or move `now`.",
        DESIGN_RULE,
    ),
    "count_in_future": Entry(
        "critical",
        "The platelet count of {time} ({count}) lies after the time of the decision ({now}).",
        "It is not part of this answer. Check its date, or move `now`.",
        DESIGN_RULE,
    ),
    "liver_severe": Entry(
        "critical",
        "Child-Pugh {child_pugh}: clearance changed by {change} in a small group (x {clearance} here); the label takes "
        "{reduction} off the dose, the authors advise about -60 %.",
        "Start low, measure early and often; the uncertainty of the change is part of the answer.",
        LABEL,
    ),
    "levels_contradict": Entry(
        "critical",
        "The levels contradict each other: {why}.",
        "Check doses, times, tubes and assay of each level, and repeat one; when two new ones agree, they decide.",
        DESIGN_RULE,
    ),
    "high_level_unexplained": Entry(
        "critical",
        "A level is above {critical}: {level} at {time} ({since}). A peak cannot be told from a high trough.",
        "No increase; check dose and sample times, and measure a trough just before the next dose, within 24 h.",
        DESIGN_RULE,
    ),
    "hold_not_followed": Entry(
        "blocking",
        "A level called for a hold ({level} at {time}, {age}), doses were given since, and no level was measured.",
        "Measure a level now, before the next dose, and decide on that.",
        DESIGN_RULE,
    ),
    "levels_irreconcilable": Entry(
        "blocking",
        "Two results of {time} exclude each other: {low} and {high}.",
        "Find out which one is right, or measure again now; leave the other one out.",
        DESIGN_RULE,
    ),
    "nothing_to_give": Entry(
        "blocking",
        "No regimen that may be advised can be given with {product}.",
        "Enter what can be given, or the doses given so far.",
        DESIGN_RULE,
    ),
    "window_missing": Entry(
        "blocking",
        "The source of the protocol {protocol} states no trough window. Sister protocols use: {windows}.",
        "Give the window that your team follows as `target`.",
        "protocol file",
    ),
    "no_regimen_reaches_half": Entry(
        "warning",
        "No regimen that can be given, was studied and is safe now has an even chance of {window}; the best is "
        "{regimen}: {chance}. It is not expected to reach the window.",
        "Weigh the options listed, a level sooner, another product or window, or a second opinion on a higher dose.",
        DESIGN_RULE,
    ),
    "no_increase": Entry(
        "warning",
        "{why}: no increase is advised on it ({changed}).",
        "Measure again when the next level is due, and decide on that.",
        DESIGN_RULE,
    ),
    "low_level_past": Entry(
        "info",
        "The level of {time} ({level}, {age}) was low: {why}. Later levels answered it.",
        "Nothing, if its reason is known.",
        DESIGN_RULE,
    ),
    "low_level_observed": Entry(
        "warning",
        "The level of {time} ({level}, {age}) is low although the doses before it were observed.",
        "Look for an inducer, for diarrhoea or vomiting, and at the sample; repeat the level.",
        DESIGN_RULE,
    ),
    "levels_superseded": Entry(
        "warning",
        "{count} older level(s), up to {time}, do not fit the newest ones and are not fitted: the newest decide.",
        "Ask what changed: drugs, adherence, illness, assay, an entry.",
        DESIGN_RULE,
    ),
    "level_above_15": Entry(
        "warning",
        "A trough is above {alert}: {found}.",
        "Look at platelets, lipids and lungs; a high level with falling platelets must never lead to an increase.",
        LABEL,
    ),
    "runs_overlap": Entry(
        "warning",
        "Two runs of doses overlap from {second_start} to {end}: {first} from {first_start} on and {second} from "
        "{second_start} on, {total} per day in all.",
        "Both are counted. If the second replaced the first, end the first before it; if both were taken, confirm.",
        DESIGN_RULE,
    ),
    "dosing_interrupted": Entry(
        "warning",
        "No dose was given for {gap}, more than two intervals.",
        "Confirm that dosing stopped and why; the prediction starts from what is left in the body.",
        DESIGN_RULE,
    ),
    "unexplained_level": Entry(
        "warning",
        "The level of {time} was drawn {since} after a dose; the model {model} explains samples from {earliest} on. It "
        "only says that the next trough is lower.",
        "Measure a trough: just before a dose.",
        MODEL,
    ),
    "early_level": Entry(
        "warning",
        "The level of {time} was drawn {since} after a dose, before the end of the interval: it is fitted as {factor} "
        "times the curve, with a further SD of {sd}.",
        "Measure a trough: just before a dose. The factor is that of two- over one-compartment models.",
        "golubovic-2019 and wu-2012 against one compartment; see seeds/README.md",
    ),
    "level_before_first_dose": Entry(
        "warning",
        "The level of {time} was drawn before the first dose of the case.",
        "It is not fitted. Check the times, or enter the doses before it.",
        DESIGN_RULE,
    ),
    "not_a_trough": Entry(
        "warning",
        "The level of {time} was drawn {since} after a dose that is given every {interval}: it is no trough.",
        "It is fitted, but not compared with the window. Measure just before a dose.",
        DESIGN_RULE,
    ),
    "level_just_after_dose": Entry(
        "warning",
        "The level of {time} was drawn {minutes} minutes after the dose that is charted at {dose}: {taken}.",
        "Ask whether the blood was drawn before the dose was taken; correct the times, or confirm.",
        DESIGN_RULE,
    ),
    "outlier": Entry(
        "warning",
        "The level of {time} ({level}) lies {residual} residual standard deviations from what the fit explains.",
        "Check this level: dose times, sample time, assay.",
        DESIGN_RULE,
    ),
    "unusual_patient": Entry(
        "warning",
        "By this fit the patient differs from the population more than 99 % of its members do (p = {p}).",
        "Look for a reason: interaction, liver, adherence, a wrong entry. Is this the right population?",
        DESIGN_RULE,
    ),
    "second_optimum": Entry(
        "warning",
        "The levels have a second explanation: clearance {clearance}, volume {volume} (objective {difference} worse).",
        "Both are in the probabilities. A further trough would tell them apart.",
        DESIGN_RULE,
    ),
    "patient_outside_protocol": Entry(
        "warning",
        "The protocol {protocol} is for {ages}; the patient is {age}.",
        "Choose the protocol of the patient's age, or justify this one.",
        "protocol file",
    ),
    "outside_soft_limit": Entry(
        "warning",
        "{quantity} of {value} is outside what the model {model} was studied in ({studied}).",
        "The prediction is extrapolated; rely on levels more than on it.",
        MODEL,
    ),
    "bilirubin_unit": Entry(
        "warning",
        "A total bilirubin of {value} is unusual; the same number in {other_unit} would be usual ({other}).",
        "Check the unit: `total_bilirubin_umol_l` and `total_bilirubin_mg_dl` are both accepted.",
        DESIGN_RULE,
    ),
    "prior_borrowed": Entry(
        "warning",
        "The model {model} comes from another disease ({disease}); a first-dose prediction is good to a factor of "
        "about 2.",
        "Measure early; the answer rests on levels of the patient more than on this population.",
        MODEL,
    ),
    "model_without_source": Entry(
        "warning",
        "The model {model} came with the case and names no source: nothing about it was checked but its form.",
        "Use it only if your team stands behind it; write citation, population and limits into it.",
        DESIGN_RULE,
    ),
    "model_ambiguity": Entry(
        "warning",
        "The source of the model is ambiguous and it matters here: with {reading} the chance of the window would be "
        "{other} instead of {chance}.",
        "Treat the chance as uncertain by this much.",
        MODEL,
    ),
    "dose_above_studied": Entry(
        "warning",
        "{what} exceeds {highest}, the highest daily dose that the sources of {protocol} studied.",
        "Ask for a second opinion before a dose that nobody studied in this disease.",
        "protocol file",
    ),
    "dose_not_preparable": Entry(
        "warning",
        "The window needs about {needed} once daily, which {product} cannot give; the best that can be given loses "
        "{loss}.",
        "Consider another strength or the solution.",
        DESIGN_RULE,
    ),
    "current_dose_not_preparable": Entry(
        "warning",
        "The present dosing, {regimen}, cannot be given with {product}.",
        "Check the entry of doses and of the product: tablets are not split, crushed or chewed.",
        LABEL,
    ),
    "protocol_start_conflict": Entry(
        "warning",
        "The protocol's start conflicts with the model: by {model}, {chances}.",
        "Decide which to trust; measure early and adjust.",
        "protocol and model files",
    ),
    "liver_impaired": Entry(
        "warning",
        "Child-Pugh {child_pugh}: clearance changed by {change} in a small group (x {clearance} here); the label takes "
        "{reduction} off the dose.",
        "Measure early; the uncertainty of the change is part of the answer.",
        LABEL,
    ),
    "responder_below_window": Entry(
        "warning",
        "The platelets respond although the trough is below the window: keep and watch is the question ({changed}).",
        "Decide with the treating physician: a response counts for more than a number.",
        DESIGN_RULE,
    ),
    "response_lost": Entry(
        "warning",
        "A confirmed response seems lost: the last platelet count is {count}.",
        "Repeat the count at least 1 day apart; look for infection, interaction and missed doses.",
        RESPONSE,
    ),
    "level_not_the_reason": Entry(
        "warning",
        "The platelets do not respond although the trough of {level} is within {window}: the level is not the reason.",
        "Think of the diagnosis, the time on treatment and other therapy before the dose.",
        DESIGN_RULE,
    ),
    "assay_changed": Entry(
        "warning",
        "The level of {time} was measured by {method}, the one before by {before}: the trend between them is broken.",
        "Do not compare the two as they are; nothing was converted.",
        LABEL,
    ),
    "visit_overdue": Entry(
        "warning",
        "Overdue: {what}.",
        "Measure now, or enter what was measured.",
        "protocol file; monthly tests: seeds/label.toml",
    ),
    "diarrhoea": Entry(
        "warning",
        "Diarrhoea may change the absorption of sirolimus by an unknown amount.",
        "Measure again when it is over; the answer does not account for it.",
        DESIGN_RULE,
    ),
    "drug_to_avoid": Entry(
        "warning",
        "{drug} should be avoided with sirolimus: {handling}.",
        "Look for another drug with its prescriber; otherwise measure 3 to 5 days after each change.",
        INTERACTIONS,
    ),
    "drug_without_ratio": Entry(
        "warning",
        "{drug} {direction} levels of sirolimus by an unknown amount ({handling}); the answer is wider, not moved.",
        "Measure 3 to 5 days after each start or stop and rely on that level.",
        INTERACTIONS,
    ),
    "interaction_simplified": Entry(
        "warning",
        "{names}: more drugs interact here than can be followed one by one; the answer has the typical effect of these "
        "(none where no ratio is published), but not how unsure it is.",
        "Rely on levels that are measured on these drugs; treat the chances as less certain than they look.",
        DESIGN_RULE,
    ),
    "change_ahead": Entry(
        "warning",
        "{when} the trough of {regimen} moves from {before} to {after} (90 % {interval}); {then}.",
        "Plan the dose and a level 3 to 5 days after the change.",
        DESIGN_RULE,
    ),
    "comedication_not_modelled": Entry(
        "warning",
        "{names}: the effect on sirolimus is unknown here and not part of this answer{hint}",
        "Look up the interaction; measure 3 to 5 days after a start or stop.",
        DESIGN_RULE,
    ),
    "current_regimen_unknown": Entry(
        "warning",
        "The doses up to now form no regular regimen, so there is nothing to go on with.",
        "Enter the current dosing as a run with `every_h` and `count`.",
        DESIGN_RULE,
    ),
    "low_hematocrit": Entry(
        "warning",
        "The haematocrit is {hematocrit}: part of a low whole-blood level may be anaemia, and the level rises as it "
        "recovers.",
        "Before an increase, think of the level at a normal haematocrit; measure again as it recovers.",
        "seeds/label.toml (anaemia); threshold: " + DESIGN_RULE,
    ),
    "immunoassay": Entry(
        "warning",
        "The level of {time} was measured by an immunoassay, which reads higher than LC-MS/MS ({bias}).",
        "Keep to one method; nothing was converted. No protocol's source states the assay behind its window.",
        LABEL,
    ),
    "numerical_error": Entry(
        "warning",
        "The numerical error is {error} times what is accepted (probabilities are exact to about {exact}).",
        "Treat probabilities and intervals as uncertain by this much.",
        DESIGN_RULE,
    ),
    "prior_dominates": Entry(
        "info",
        "The answer rests on the population more than on this patient: {why}.",
        "A trough at steady state would narrow it.",
        DESIGN_RULE,
    ),
    "not_at_steady_state": Entry(
        "info",
        "At the level of {time} the patient had reached {fraction} of the steady state of the regimen.",
        "Do not compare it with the window as it is; the prediction already accounts for this.",
        DESIGN_RULE,
    ),
    "assay_ambiguous": Entry(
        "info",
        "The method of the level of {time} is not known: what was entered names more than one.",
        "Enter the one method that measured it; immunoassays read higher than LC-MS/MS.",
        LABEL,
    ),
    "assay_unknown": Entry(
        "info",
        "The method of the level of {time} is not known.",
        "Enter the assay; immunoassays read higher than LC-MS/MS.",
        LABEL,
    ),
    "drug_modelled": Entry(
        "info",
        "{drug} is part of this answer: AUC ratio {ratio}; {split}.",
        "Levels on the drug correct the ratio of this patient; measure 3 to 5 days after each start or stop.",
        INTERACTIONS,
    ),
    "drug_without_effect": Entry(
        "info",
        "{drug} does not change the calculation ({handling}).",
        "Nothing for the level.",
        INTERACTIONS,
    ),
    "doses_only_prescribed": Entry(
        "info",
        "Some doses are only known to be prescribed: a low level is less certain, and the answer is wider.",
        "Ask which doses were taken, and enter those that were missed.",
        DESIGN_RULE,
    ),
    "planned_doses": Entry(
        "info",
        "{count} dose(s) after the time of the decision are planned, not given.",
        "They are ignored; move `now` if they were given.",
        DESIGN_RULE,
    ),
    "later_covariates": Entry(
        "info",
        "Covariates that change after the time of the decision are not part of the options.",
        "The options hold for the covariates as they are at `now`; what comes after is a finding of its own.",
        DESIGN_RULE,
    ),
}


def finding(code: str, source: str | None = None, **values: str) -> Finding:
    """Return the finding of a code with its sentence filled in; values come formatted, with their units."""
    entry = CATALOGUE[code]
    return Finding(
        code=code,
        severity=entry.severity,
        message=say(entry.message, **values),
        action=say(entry.action),
        source=source or entry.source,
        values={name: value if isinstance(value, Said) else Said(value) for name, value in values.items()},
    )


def not_blocking(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings with the blocking ones as critical ones: a hold asks less of them than a dose (no unit)."""
    return [one.model_copy(update={"severity": "critical"}) if one.severity == "blocking" else one for one in findings]


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by severity, then in the order of the catalogue, without repetitions (no unit)."""
    rank = {code: number for number, code in enumerate(CATALOGUE)}
    unique = {(one.code, *one.values.items()): one for one in findings}
    return tuple(sorted(unique.values(), key=lambda one: (ORDER.index(one.severity), rank[one.code])))
