"""What comes after the decision: the trough of an unchanged dose under later conditions, and what is chosen then."""

from __future__ import annotations

from dataclasses import dataclass

from tdm.decision.changes_ahead import Condition
from tdm.decision.decision import Decision, choose, later_troughs
from tdm.decision.forecast import Option, Troughs
from tdm.decision.ranking import Offered
from tdm.decision.situation import Question

# Design rule: the most conditions that an answer describes.
MOST_DESCRIBED = 4


@dataclass(frozen=True)
class Outlook:
    """What a condition does to a regimen that goes on, and what would be chosen then (mg, ng/mL, chances)."""

    condition: Condition
    before: Option
    unchanged: Option
    then: Offered | None


def outlooks(question: Question, decision: Decision, troughs: Troughs) -> tuple[Outlook, ...]:
    """Return what each later condition does (mg, ng/mL) to the proposal, or to the present dosing without one."""
    chosen = decision.proposal or decision.current
    if chosen is None:
        return ()
    found = []
    for condition in question.later[:MOST_DESCRIBED]:
        regimen = chosen.option.regimen
        later = later_troughs(question, condition)
        found.append(
            Outlook(
                condition,
                troughs.option(regimen, question.window),
                later.option(regimen, question.window),
                choose(question, later, regimen),
            )
        )
    return tuple(found)
