"""The sentence that comes first."""

from __future__ import annotations

from tdm.decision.decision import Advice, Decision, Hold, NoAdvice
from tdm.decision.forecast import Forecast
from tdm.decision.situation import Situation
from tdm.notation.clock import Clock
from tdm.notation.formatting import percent
from tdm.notation.sentence import Said, listed, say, sentences
from tdm.patient.history import History
from tdm.review.findings import CATALOGUE, Finding
from tdm.review.of_decision import restraint_in_words, trough_in_words
from tdm.review.of_drugs import begun, to_warn_of

ADVICE = {
    "start": "Start with {regimen}: {chance} chance of a trough of {window}.",
    "keep": "Keep {regimen}: {chance} chance of a trough of {window}.",
    "resume": "Resume {regimen}: {chance} chance of a trough of {window}.",
    "increase": "Increase to {regimen}: {chance} chance of a trough of {window}{now}.",
    "decrease": "Decrease to {regimen}: {chance} chance of a trough of {window}{now}.",
    "change": "Change to {regimen}: {chance} chance of a trough of {window}{now}.",
}


def summary_of(
    situation: Situation, decision: Decision, forecast: Forecast, history: History, findings: tuple[Finding, ...]
) -> Said:
    """Return the sentence that comes first (ng/mL); what is contraindicated or to be avoided stands before it."""
    advice, warned = _advice(situation, decision, forecast, history.clock, findings), []
    for spell in to_warn_of(history):
        assert spell.drug is not None  # by its choice
        forbidden = spell.drug.rule == "contraindicated"
        drug = begun(spell.name)
        warned.append(
            say("{drug} is contraindicated with sirolimus.", drug=drug)
            if forbidden
            else say("{drug} should be avoided with sirolimus.", drug=drug)
        )
    return sentences([*warned, advice]) if warned else advice


def _advice(
    situation: Situation, decision: Decision, forecast: Forecast, clock: Clock, findings: tuple[Finding, ...]
) -> Said:
    if isinstance(decision, Hold):
        return _hold(situation, decision, clock)
    if isinstance(decision, NoAdvice):
        blocking = [one.message for one in findings if one.severity == "blocking"]
        return sentences([say("No dose is advised."), *blocking])
    restrained = bool(decision.restraints)
    advice = _restrained(situation, decision, forecast, clock) if restrained else _advised(situation, decision)
    asks = restrained and decision.restraints[0].cause == "response"  # it says both chances and asks
    if not decision.expected_to_reach and not asks:
        advice = say("{advice} It is not expected to reach the window.", advice=advice)
    if situation.low is not None and not situation.seen_taken:
        advice = say("First check adherence and repeat the level. Then: {advice}", advice=advice)
    elif situation.disagree:
        advice = say("The levels contradict each other: first check them and repeat one. Then: {advice}", advice=advice)
    return advice


def _advised(situation: Situation, decision: Advice) -> Said:
    """The sentence for what is advised, with its chance and that of going on."""
    chosen, current, values = decision.proposal, decision.compared.current, {}
    if decision.kind not in ("start", "keep"):
        values["now"] = say("; now {chance}", chance=percent(current.within)) if current is not None else ""
    return say(
        ADVICE["resume" if decision.kind == "keep" and current is None else decision.kind],
        regimen=chosen.option.regimen.in_words(),
        chance=percent(chosen.within),
        window=str(situation.window),
        **values,
    )


def _hold(situation: Situation, decision: Hold, clock: Clock) -> Said:
    """Why sirolimus is held: the rules of tolerance, a trough that is too high, or both."""
    high = (
        say(
            CATALOGUE["level_above_20"].message,
            critical=f"{situation.critical_ng_ml:g} ng/mL",
            found=trough_in_words(decision.trough, clock, situation.now_h),
        )
        if decision.trough is not None
        else None
    )
    if not decision.rules:
        assert high is not None  # nothing else holds
        return say("Hold sirolimus. {reason} Repeat the level before any further dose.", reason=high)
    rules = listed([say(rule.sentence) for rule in decision.rules], ". ")
    if high is None:
        return say("Hold sirolimus. {rule}. Call the treating physician before any further dose.", rule=rules)
    return say(
        "Hold sirolimus. {rule}. {reason} Call the treating physician before any further dose.", rule=rules, reason=high
    )


def _restrained(situation: Situation, decision: Advice, forecast: Forecast, clock: Clock) -> Said:
    """The sentence for an increase that is not advised, whatever its chance."""
    kept, other, first = decision.proposal, decision.instead_of, decision.restraints[0]
    assert other is not None  # it is what was not advised
    values = {
        "regimen": kept.option.regimen.in_words(),
        "chance": percent(kept.within),
        "window": str(situation.window),
        "other": other.option.regimen.in_words(),
        "other_chance": percent(other.within),
    }
    if first.cause == "response":
        return say(
            "The platelets respond, so the question is clinical: keep {regimen} and watch ({chance} chance of a trough "
            "of {window}), or {other} ({other_chance})?",
            **values,
        )
    return say(
        "{reason}, so no increase. {verb} {regimen} for now ({chance} chance of a trough of {window}; {other} would "
        "have {other_chance}).",
        reason=restraint_in_words(first, situation, forecast, clock),
        verb=_verb(decision),
        **values,
    )


def _verb(decision: Advice) -> Said:
    if decision.kind == "keep":
        return say("Keep") if decision.compared.current is not None else say("Resume")
    return say("Decrease to") if decision.kind == "decrease" else say("Change to")
