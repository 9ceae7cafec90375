"""What tolerance and response change about a decision after the pharmacokinetic ranking (rules: `safety_rules`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tdm.decision.decision import Decision, full
from tdm.decision.forecast import Troughs
from tdm.decision.hold import hold_until
from tdm.decision.safety_rules import Rule
from tdm.decision.situation import Question
from tdm.patient.platelet_response import ResponseFound


@dataclass(frozen=True)
class Restrained:
    """A decision with the rules that applied, and the decision before them where they changed it."""

    decision: Decision
    rules: tuple[Rule, ...]
    changed_from: Decision | None
    responds: bool


def restrained(
    question: Question,
    decision: Decision,
    troughs: Troughs,
    rules: Sequence[Rule],
    response: ResponseFound | None,
) -> Restrained:
    """Return the decision (mg, h, ng/mL) after the rules of tolerance, and after the response of the platelets."""
    responds = response is not None and response.response != "NR"
    after = decision
    holding = tuple(rule for rule in rules if rule.effect == "hold")
    if holding:
        hold = hold_until(question, None)
        after = replace(decision, kind="hold", proposal=None, hold=hold, held_by=holding)
    elif decision.kind == "increase" and (rules or responds):
        after = _not_increased(question, decision, troughs, rules)
    changed = decision if after.kind != decision.kind else None
    return Restrained(after, tuple(rules), changed, responds and after.kind == "keep" and changed is not None)


def _not_increased(question: Question, decision: Decision, troughs: Troughs, rules: Sequence[Rule]) -> Decision:
    """The present dosing instead of an increase, because of rules or else of the response; nothing if there is none."""
    if decision.current is None:
        return replace(decision, kind="none", proposal=None)
    kept = full(decision.current, troughs, question.window)
    return replace(decision, kind="keep", proposal=kept, instead_of=decision.proposal, restrained_by=tuple(rules))
