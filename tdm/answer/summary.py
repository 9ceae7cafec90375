"""The sentence that comes first."""

from __future__ import annotations

from tdm.decision.decision import Decision
from tdm.decision.hold import highest_trough, must_hold
from tdm.decision.situation import Question
from tdm.notation.formatting import percent
from tdm.notation.sentence import Said, listed, say, sentences
from tdm.review.answered import still_asked
from tdm.review.findings import CATALOGUE, Finding
from tdm.review.of_decision import trough_in_words
from tdm.review.of_drugs import begun, to_warn_of

ADVICE = {
    "start": "Start with {regimen}: {chance} chance of a trough of {window}.",
    "keep": "Keep {regimen}: {chance} chance of a trough of {window}.",
    "resume": "Resume {regimen}: {chance} chance of a trough of {window}.",
    "increase": "Increase to {regimen}: {chance} chance of a trough of {window}{now}.",
    "decrease": "Decrease to {regimen}: {chance} chance of a trough of {window}{now}.",
    "change": "Change to {regimen}: {chance} chance of a trough of {window}{now}.",
}


def summary_of(question: Question, decision: Decision, findings: tuple[Finding, ...]) -> Said:
    """The sentence that comes first; what is contraindicated or to be avoided comes before any number."""
    advice, warned = _advice(question, decision, findings), []
    for spell in to_warn_of(question.estimate.history):
        assert spell.drug is not None  # by its choice
        forbidden = spell.drug.rule == "contraindicated"
        drug = begun(spell.name)
        warned.append(
            say("{drug} is contraindicated with sirolimus.", drug=drug)
            if forbidden
            else say("{drug} should be avoided with sirolimus.", drug=drug)
        )
    return sentences([*warned, advice]) if warned else advice


def _advice(question: Question, decision: Decision, findings: tuple[Finding, ...]) -> Said:
    if decision.hold is not None:
        return _hold(question, decision)
    if decision.proposal is None:
        blocking = [one.message for one in findings if one.severity == "blocking"]
        return sentences([say("No dose is advised."), *blocking])
    if decision.instead_of is not None:
        return _restrained(question, decision)
    chosen, values = decision.proposal, {}
    if decision.kind not in ("start", "keep"):
        going_on = decision.current
        values["now"] = say("; now {chance}", chance=percent(going_on.within)) if going_on is not None else ""
    advice = say(
        ADVICE["resume" if decision.kind == "keep" and decision.current is None else decision.kind],
        regimen=chosen.option.regimen.in_words(),
        chance=percent(chosen.within),
        window=str(question.window),
        **values,
    )
    return (
        say("First check adherence and repeat the level. Then: {advice}", advice=advice) if _low(findings) else advice
    )


def _hold(question: Question, decision: Decision) -> Said:
    """Why sirolimus is held: the rules of tolerance, a trough that is too high, or both."""
    critical = question.label.number("critical_above_ng_ml")
    high = (
        say(
            CATALOGUE["level_above_20"].message,
            critical=f"{critical:g} ng/mL",
            found=trough_in_words(highest_trough(question)),
        )
        if must_hold(question)
        else None
    )
    if not decision.held_by:
        assert high is not None  # nothing else holds
        return say("Hold sirolimus. {reason} Repeat the level before any further dose.", reason=high)
    rules = listed([say(rule.sentence) for rule in decision.held_by], ". ")
    if high is None:
        return say("Hold sirolimus. {rule}. Call the treating physician before any further dose.", rule=rules)
    return say(
        "Hold sirolimus. {rule}. {reason} Call the treating physician before any further dose.", rule=rules, reason=high
    )


def _restrained(question: Question, decision: Decision) -> Said:
    """The sentence for an increase that is not advised: because of an event, or because the platelets respond."""
    kept, other = decision.proposal, decision.instead_of
    assert kept is not None  # one stands ...
    assert other is not None  # ... instead of the other
    values = {
        "regimen": kept.option.regimen.in_words(),
        "chance": percent(kept.within),
        "window": str(question.window),
        "other": other.option.regimen.in_words(),
        "other_chance": percent(other.within),
    }
    if not decision.restrained_by:
        return say(
            "The platelets respond, so the question is clinical: keep {regimen} and watch ({chance} chance of a trough "
            "of {window}), or {other} ({other_chance})?",
            **values,
        )
    reason = say(decision.restrained_by[0].sentence)
    return say(
        "{reason}, so no increase. Keep {regimen} for now ({chance} chance of a trough of {window}; {other} would have "
        "{other_chance}).",
        reason=reason,
        **values,
    )


def _low(findings: tuple[Finding, ...]) -> bool:
    return still_asked(findings, "check_adherence")
