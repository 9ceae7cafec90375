"""How chances and levels are written: no chance is certain, no level is rounded onto the limit it is beyond."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tdm.decision.hold import HighTrough
from tdm.knowledge.seeds import load_interactions
from tdm.notation.clock import Clock
from tdm.notation.formatting import percent, share, three_digits_or_more
from tdm.review.of_decision import trough_in_words
from tests.bedside import adult, answer, level, run

CHANCES = {
    0.0: "<1 %", 1e-9: "<1 %", 0.005: "<1 %", 0.0051: "1 %", 0.0149: "1 %", 0.0151: "2 %", 0.5: "50 %", 0.9: "90 %",
    0.981: "98 %", 0.9949: "99 %", 0.995: ">99 %", 0.9999: ">99 %", 1.0: ">99 %",
}  # fmt: skip
LEVELS = {
    20.0: "20", 20.4: "20.4", 20.04: "20.04", 20.0004: "20.0004", 19.98: "19.98", 15.004: "15.004", 14.996: "14.996",
    123.4: "123.4", 7.77777: "7.78", 16.0: "16",
}  # fmt: skip


@pytest.mark.parametrize(("chance", "text"), CHANCES.items())
def test_a_chance_in_whole_percents(chance: float, text: str) -> None:
    assert percent(chance) == text


def test_no_chance_is_written_as_certain_or_with_a_digit() -> None:
    for chance in np.linspace(0.0, 1.0, 2001):
        assert re.fullmatch(r"<1 %|[1-9]\d? %|>99 %", percent(float(chance)))


def test_a_share_may_be_whole_or_small() -> None:
    assert [share(part) for part in (1.0, 0.86, 0.012, 0.0)] == ["100 %", "86 %", "1.2 %", "0.0 %"]


@pytest.mark.parametrize(("value", "text"), LEVELS.items())
def test_a_level_shows_its_side_of_a_whole_limit(value: float, text: str) -> None:
    assert three_digits_or_more(value) == text
    assert trough_in_words(HighTrough(value, None), Clock(0.0), 24.0) == f"predicted {text} ng/mL now"


def test_a_high_level_shows_when_it_was_measured_and_how_long_ago() -> None:
    case = adult(doses=[run(2, 10)], levels=[level(240.0, 20.4)], now=312.0)
    (found,) = [one for one in answer(case).findings if one.code == "level_above_20"]
    assert found.message == "A trough is above 20 ng/mL: measured 20.4 ng/mL at 240 h, 3 days ago."


def test_what_to_do_about_a_drug_does_not_repeat_the_rule() -> None:
    for drug in load_interactions().drugs:
        if drug.rule in ("contraindicated", "avoid"):
            assert not drug.handling.startswith(drug.rule), drug.id
