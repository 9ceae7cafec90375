"""No answer changes without a decision: today's answers to the corpus are those that were written down."""

from __future__ import annotations

import pytest

from tests.corpus.answers import ANSWERS, CASES, answer_to, differences, lines

PARTS = 12


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_the_answers_are_those_written_down(part: int) -> None:
    """Where an answer was meant to change: `python -m tests.corpus --accept`, and a line in the changelog."""
    for case, kept in list(zip(lines(CASES), lines(ANSWERS), strict=True))[part::PARTS]:
        found = list(differences(kept, answer_to(case["case"])))
        assert not found, (case["name"], found[:10])


def test_the_corpus_shows_what_differs() -> None:
    before = {"decision": "keep", "options": [{"p": 0.5}], "findings": [{"code": "a"}, {"code": "b", "message": "x"}]}
    after = {"decision": "hold", "options": [{"p": 0.500001}], "findings": [{"code": "b", "message": "y"}]}
    assert list(differences(before, after)) == [
        '/decision: "keep" -> "hold"',
        '/findings/a: gone: {"code": "a"}',
        '/findings/b/message: "x" -> "y"',
    ]
