"""What comes after the decision: the trough of an unchanged dose under later conditions, and what is chosen then."""

from __future__ import annotations

from dataclasses import dataclass

from tdm.decision.changes_ahead import Condition
from tdm.decision.decision import Decision, choose, proposal_of
from tdm.decision.forecast import Forecast, Option
from tdm.decision.ranking import Offered
from tdm.decision.situation import Situation

# Design rule: the most conditions that an answer describes.
MOST_DESCRIBED = 4


@dataclass(frozen=True)
class Outlook:
    """What a condition does to a regimen that goes on, and what would be chosen then (mg, ng/mL, chances)."""

    condition: Condition
    before: Option
    unchanged: Option
    then: Offered | None


def outlooks(situation: Situation, decision: Decision, forecast: Forecast) -> tuple[Outlook, ...]:
    """Return what each later condition does (mg, ng/mL) to the proposal, or to the present dosing without one."""
    chosen = proposal_of(decision) or decision.compared.current
    if chosen is None:
        return ()
    found = []
    for condition in situation.later[:MOST_DESCRIBED]:
        regimen = chosen.option.regimen
        later = forecast.under_conditions(condition.individual)
        found.append(
            Outlook(
                condition,
                forecast.option(regimen, situation.window),
                later.option(regimen, situation.window),
                choose(situation, later, regimen),
            )
        )
    return tuple(found)
