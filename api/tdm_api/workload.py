"""What one request may ask for: limits that bound the seconds and the memory of its answer.

The core takes more (`tdm recommend` on one's own machine may compute for minutes); a service is shared.
"""

from __future__ import annotations

from collections.abc import Iterator

from tdm.case.case import Case
from tdm.knowledge.model import PopulationModel
from tdm.notation.refusal import Problem, Refused
from tdm.notation.sentence import say
from tdm.patient.dosing import declared_runs

# Design rules: a history of years, with each change of dose as a run, stays far below these.
MOST_DOSES = 200
MOST_RUNS = 50
MOST_LEVELS = 50
MOST_CHANGES = 50
MOST_COMEDICATIONS = 10
MOST_REGIMENS = 5
MOST_READINGS = 5


def check_workload(case: Case) -> None:
    """Raise `Refused` for a case that asks for more work than one request may; the limits are counts of entries."""
    problems = list(_excesses(case))
    if problems:
        raise Refused(problems)


def _excesses(case: Case) -> Iterator[Problem]:
    # equal doses that were written one by one cost no more than a run of them
    doses = declared_runs(case.doses, case.clock).count
    readings = _readings(case.model) if isinstance(case.model, PopulationModel) else 0
    for pointer, count, most, unit in (
        ("/doses", len(doses), MOST_DOSES, say("entries; write equal doses as runs")),
        ("/doses", int((doses > 1).sum()), MOST_RUNS, say("runs")),
        ("/levels", len(case.levels), MOST_LEVELS, say("levels")),
        ("/covariates", len(case.covariates), MOST_CHANGES, say("changes")),
        ("/comedications", len(case.comedications), MOST_COMEDICATIONS, say("comedications")),
        ("/regimens", len(case.regimens), MOST_REGIMENS, say("regimens")),
        ("/model/ambiguities", readings, MOST_READINGS, say("readings")),
    ):
        if count > most:
            accepted = say("at most {bound} {unit}", bound=str(most), unit=unit)
            sentence = say("Too many entries for one request: {accepted}.", accepted=accepted)
            yield Problem(code="too_many", pointer=pointer, message=sentence, accepted=accepted)


def _readings(model: PopulationModel) -> int:
    return sum(len(ambiguity.readings) for ambiguity in model.ambiguities)
