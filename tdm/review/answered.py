"""What the user of the tool answered already is not asked again: such a finding becomes an information."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tdm.notation.formatting import when
from tdm.notation.sentence import Said, say
from tdm.patient.timeline import Answered, Timeline
from tdm.review.findings import Finding


def with_answers(findings: Iterable[Finding], timeline: Timeline) -> list[Finding]:
    """Return findings with those that were answered as information, the answer shown (units as in the sentences)."""
    return [_answered(one, timeline) for one in findings]


def _answered(one: Finding, timeline: Timeline) -> Finding:
    answer = next((given for given in timeline.answered if _is_answer(given, one, timeline)), None)
    if answer is None:
        return one
    message = (
        say("{finding} Confirmed: {answer}.", finding=one.message, answer=Said(answer.answer.strip().rstrip(".")))
        if answer.answer
        else say("{finding} Confirmed.", finding=one.message)
    )
    action = say("Nothing more is asked about it.")
    return one.model_copy(update={"severity": "info", "message": message, "action": action})


def _is_answer(answer: Answered, one: Finding, timeline: Timeline) -> bool:
    """Whether an answer is to this finding: by its code and, where it names times, by one that the finding names."""
    if answer.code != one.code:
        return False
    named = set(_texts(one.values.values()))
    return not answer.times_h or any(when(timeline.clock, time_h) in named for time_h in answer.times_h)


def _texts(values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield str(value)
        if isinstance(value, Said):
            yield from _texts(value.values.values())
