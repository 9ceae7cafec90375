"""The rules of the decision, on both sides of their thresholds, against a second way to every number.

`expected` is the rule book again, written from its words and not from the code: own candidates, closed-form
steady-state troughs on the weighted draws, ranking, keep, none. Doses in mg, levels in ng/mL, times in h.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
import pytest
from scipy.stats import norm

import tdm
from tdm.case.entries import Product
from tdm.decision.candidates import candidates
from tdm.decision.forecast import Chance, Option
from tdm.decision.ranking import Offered, rank
from tests.bedside import (
    Body,
    Floats,
    Json,
    adult,
    answer,
    body,
    censored,
    changed,
    child,
    codes,
    dose,
    findings,
    hours_between,
    level,
    run,
    single_doses,
    site_model,
    site_protocol,
    window,
)

Pattern = tuple[tuple[float, ...], float]
TABLETS = {"strengths_mg": [0.5, 1, 2]}
LABEL_MOST_MG = 40.0


def regimen(option: Any) -> Pattern | None:
    """Return the doses (mg) and the interval (h) of an option, or None."""
    return (option.regimen.pattern_mg, option.regimen.every_h) if option else None


def per_day(pattern: Pattern) -> float:
    """Return the mean dose per day, mg."""
    doses, every = pattern
    return sum(doses) / len(doses) * 24.0 / every


# --- the rule book, again ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """What the rules give: the decision, its regimen, and the chances (below, within, above) of all candidates."""

    decision: str
    proposal: Pattern | None
    chances: dict[Pattern, tuple[float, float, float]]


def simplicity(pattern: Pattern) -> int:
    """Return the place of a pattern: once daily, twice daily, alternating, every other day, anything else."""
    doses, every = pattern
    if len(doses) == 2:
        return 2 if every == 24.0 else 4
    return {24.0: 0, 12.0: 1, 48.0: 3}.get(every, 4)


def single_doses_of(product: Json, most_mg: float) -> list[float]:
    """Return the doses (mg) that whole tablets or steps of a solution give, up to `most_mg`."""
    if "step_mg" in product:
        return [round(product["step_mg"] * n, 6) for n in range(1, int(most_mg / product["step_mg"] + 1e-9) + 1)]
    sums = {0.0}
    for _ in range(10):
        sums |= {round(a + b, 6) for a in sums for b in product["strengths_mg"] if a + b <= most_mg + 1e-9}
    return sorted(sums - {0.0})


def own_candidates(product: Json, child: bool, most_per_day_mg: float) -> list[Pattern]:
    """Return every regimen that can be given up to a daily dose (mg); no single dose is above it either."""
    doses = single_doses_of(product, most_per_day_mg)
    found: list[Pattern] = [((each,), every) for each in doses for every in (24.0, 48.0)]
    found += [(pair, 24.0) for pair in itertools.pairwise(doses)]
    if child or "step_mg" in product:
        found += [((each,), 12.0) for each in doses]
    return [each for each in found if per_day(each) <= most_per_day_mg + 1e-9]


@dataclass(frozen=True)
class Rated:
    """A regimen with its chances (below, within, above), and whether the rules would let it be advised."""

    pattern: Pattern
    chances: tuple[float, float, float]
    barred: bool = False

    @property
    def within(self) -> float:
        return self.chances[1]

    @property
    def above(self) -> float:
        return self.chances[2]

    @property
    def score(self) -> float:
        """Return the chance within, less half of the chance above."""
        return self.chances[1] - 0.5 * self.chances[2]


@dataclass(frozen=True)
class Pool:
    """Every regimen that is compared, the present one among them (mg and h), and mg per day now."""

    offered: list[Rated]
    current: Pattern | None
    daily_mg: float

    @property
    def eligible(self) -> list[Rated]:
        """Return what may be advised, in the order of the ranking."""
        return own_order([each for each in self.offered if not each.barred], self.daily_mg)

    @property
    def behind(self) -> float:
        """Return by how much the score of going on is below the best of what may be advised."""
        best = max(each.score for each in self.offered if not each.barred)
        return best - next(each.score for each in self.offered if each.pattern == self.current)


def own_pool(case: Json) -> Pool:
    """Return what the rules compare in a case with at most one run of doses and levels up to 20 ng/mL."""
    one, chosen_window = body(case), window_of(case)
    low, high = chosen_window["low_ng_ml"], chosen_window["high_ng_ml"]
    runs = case.get("doses", [])
    current: Pattern | None = ((float(runs[0]["dose_mg"]),), runs[0]["every_h"]) if runs else None
    daily = per_day(current) if current else 0.0
    studied = protocol_of(case).studied
    most = min(LABEL_MOST_MG, max(studied.highest_daily_dose_mg, daily)) if studied else LABEL_MOST_MG
    most = min(most, 2.0 * daily) if current else most
    pool = own_candidates(case.get("product", TABLETS), case["patient"]["age_years"] < 18, most)
    if current and current not in pool:
        pool.append(current)
    no_more = current is not None and is_restrained(case, one, high)

    def rated(each: Pattern) -> Rated:
        increases = current is not None and per_day(each) > daily + 1e-9
        return Rated(each, one.chances(*each, low, high), increases and (no_more or is_risky(case, one, each, high)))

    return Pool([rated(each) for each in pool], current, daily)


def expected(case: Json) -> Expected:
    """Return what the rules say of a case with at most one run of doses and levels up to 20 ng/mL."""
    pool, chosen_window = own_pool(case), window_of(case)
    chances = {each.pattern: each.chances for each in pool.offered}
    eligible = pool.eligible
    if not eligible:
        return Expected("none", None, chances)
    best = own_choice(case, eligible, pool.current, chosen_window["low_ng_ml"], chosen_window["high_ng_ml"])
    return Expected(own_kind(best.pattern, pool.current), best.pattern, chances)


def own_choice(case: Json, eligible: list[Rated], current: Pattern | None, low: float, high: float) -> Rated:
    """Return what is advised of the ranking: going on if it is good enough, else the first, the safer one before it."""
    going_on = next((each for each in eligible if each.pattern == current), None)
    if going_on is None:
        return eligible[0]
    if going_on.above > 0.10:
        safer = [each for each in eligible if each.above < going_on.above]
        good = [each for each in safer if each.within >= 0.5 or each.score >= going_on.score]
        return good[0] if good else going_on
    last = next((each.get("level_ng_ml") for each in reversed(case.get("levels", []))), None)
    is_good = last is not None and low <= last <= high and going_on.within >= 0.8
    near = going_on.score >= max(each.score for each in eligible) - 0.05
    return going_on if eligible[0].within >= 0.5 and (is_good or near) else eligible[0]


def is_restrained(case: Json, one: Body, high: float) -> bool:
    """Return whether the newest level forbids an increase: above the window, or within 3 half-lives of the start."""
    if not case.get("levels"):
        return False
    newest = case["levels"][-1]
    half_life = one.quantile(np.log(2.0) / one.k, 0.5)
    return bool(newest["level_ng_ml"] > high or newest["time"] - case["doses"][0]["time"] < 3.0 * half_life)


def is_risky(case: Json, one: Body, pattern: Pattern, high: float) -> bool:
    """Return whether an increase is barred for its risk, now or with the typical haematocrit of mao-2024."""
    top = one.highest(*pattern)
    now = one.chance(top > max(15.0, high)) > 0.10 or one.chance(top > 20.0) > 0.02 or one.chance(top > high) > 0.25
    hematocrit = case["patient"].get("hematocrit_percent", 38.0)
    if now or hematocrit >= 34.0:
        return now
    healed = Body(one.cl * (38.0 / hematocrit) ** -0.901, one.v, one.ka, one.weight)
    return healed.chance(healed.highest(*pattern) > high) > 0.20


def own_order(offered: list[Rated], daily_mg: float) -> list[Rated]:
    """Return the ranking: the rule of choice, applied again to what it left."""
    left, ranked = list(offered), []
    while left:
        ranked.append(own_first(left, daily_mg))
        left.remove(ranked[-1])
    return ranked


def own_first(offered: list[Rated], daily_mg: float) -> Rated:
    """Return the first of the ranking, `daily_mg` being given now."""
    best = max(offered, key=lambda each: each.score)
    if best.within < 0.5:
        nearest = [each for each in offered if each.score >= best.score - 0.01]
        sign = -1.0 if best.chances[0] > best.above else 1.0
        return min(nearest, key=lambda each: (sign * per_day(each.pattern), simplicity(each.pattern), -each.score))
    near = [each for each in offered if each.score >= best.score - 0.03]
    plainest = min(simplicity(each.pattern) for each in near)
    simple = [each for each in near if simplicity(each.pattern) == plainest]
    equal = [each for each in simple if each.score >= max(one.score for one in simple) - 0.01]
    safest = min(each.above for each in equal)
    # chances above closer than half a point, the accuracy of the posterior, are no reason for another dose
    safe = [each for each in equal if each.above <= safest + 0.005]
    return min(safe, key=lambda each: (abs(per_day(each.pattern) - daily_mg), -each.score))


def own_best(chances: dict[Pattern, tuple[float, float, float]], daily_mg: float) -> Pattern:
    """Return the first of the ranking of regimens with these chances, `daily_mg` being given now."""
    return own_first([Rated(each, chance) for each, chance in chances.items()], daily_mg).pattern


def own_kind(best: Pattern, current: Pattern | None) -> str:
    """Return the decision that a regimen means, compared with the current one."""
    if current is None:
        return "start"
    if best == current:
        return "keep"
    difference = per_day(best) - per_day(current)
    return "change" if abs(difference) < 1e-9 else "increase" if difference > 0 else "decrease"


def protocol_of(case: Json) -> tdm.Protocol:
    """Return the protocol of a case."""
    named = case["protocol"]
    return tdm.load_protocol(named) if isinstance(named, str) else tdm.Protocol.model_validate(named)


def window_of(case: Json) -> Json:
    """Return the window of a case, ng/mL."""
    if "target" in case:
        return dict(case["target"])
    own = protocol_of(case).window
    assert own is not None
    return window(own.low_ng_ml, own.high_ng_ml)


def on_2_mg(value: float = 8.0, **changes: Any) -> Json:
    """Return an adult on 2 mg once daily with one trough (ng/mL) after ten doses."""
    return adult(**{"doses": [run(2, 10)], "levels": [level(240.0, value)]} | changes)


def random_case(seed: int) -> Json:
    """Return an adult or a child with one run of doses and one or two troughs, or before the start."""
    rng = random.Random(seed)
    young = rng.random() < 0.3
    every = rng.choice([24.0, 24.0, 24.0, 12.0, 48.0])
    amount = rng.choice([0.5, 1, 1.5, 2] if young else [1, 1, 2, 2, 3, 4])
    last = round(rng.uniform(1.5, 18.0), 1)
    levels = [level(240.0, last)]
    if rng.random() < 0.3:
        levels.insert(0, level(192.0, round(last * rng.uniform(0.75, 1.3), 1)))
    fields: Json = {
        "doses": [run(amount, int(240 / every), 0.0, every)],
        "levels": levels,
        "now": 240.0,
        "product": rng.choice([None, TABLETS, {"strengths_mg": [1]}, {"strengths_mg": [0.5]}, {"step_mg": 0.2}]),
        "target": window(rng.choice([4, 5, 6]), rng.choice([8, 9, 10, 12, 15])),
    }
    if rng.random() < 0.15:
        fields |= {"doses": None, "levels": None}
    if young:
        return child(weight_kg=rng.choice([12.0, 20.0, 35.0]), **fields)
    protocol = rng.choice(["itp-2024-adult", "ssci-nct03688191", "waiha-2023"])
    person = {"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": rng.choice([28.0, 38.0, 45.0])}
    return adult(protocol=protocol, patient=person, **fields)


@pytest.mark.parametrize("seed", range(70))
def test_the_decision_is_that_of_the_rule_book(seed: int) -> None:
    case = random_case(seed)
    found = answer(case)
    assert found.decision != "hold"
    rules = expected(case)
    assert (found.decision, regimen(found.proposal)) == (rules.decision, rules.proposal)


@pytest.mark.parametrize("seed", range(0, 70, 3))
def test_the_options_stand_in_the_order_of_the_rule_book(seed: int) -> None:
    case = random_case(seed)
    chances, runs = dict(expected(case).chances), case.get("doses", [])
    daily = runs[0]["dose_mg"] * 24.0 / runs[0]["every_h"] if runs else 0.0
    listed_here = [regimen(one) for one in answer(case).options if "own start" not in one.reason]
    ranked: list[Pattern] = []
    while chances:
        ranked.append(own_best(chances, daily))
        del chances[ranked[-1]]
    if "own start" in " ".join(one.reason for one in answer(case).options):
        return  # a start that cannot be given stands among them
    assert listed_here == [each for each in ranked if each in listed_here]
    assert ranked[0] in listed_here


# --- candidates -------------------------------------------------------------------------------------------------------


def listed(product: Json, child: bool, most_mg: float) -> set[Pattern]:
    """Return the candidates of the tool, each with mg and h."""
    found = candidates(Product(**product), child, most_mg, 0.5 * most_mg)
    return {(one.pattern_mg, one.every_h) for one in found}


def once(*doses: float) -> set[Pattern]:
    return {((each,), 24.0) for each in doses}


def twice(*doses: float) -> set[Pattern]:
    return {((each,), 12.0) for each in doses}


def every_other_day(*doses: float) -> set[Pattern]:
    return {((each,), 48.0) for each in doses}


def alternating(*pairs: tuple[float, float]) -> set[Pattern]:
    return {(pair, 24.0) for pair in pairs}


def test_candidates_of_the_tablets_of_the_label() -> None:
    adults = once(0.5, 1, 1.5, 2) | every_other_day(0.5, 1, 1.5, 2) | alternating((0.5, 1), (1, 1.5), (1.5, 2))
    assert listed(TABLETS, child=False, most_mg=2.0) == adults
    assert listed(TABLETS, child=True, most_mg=2.0) == adults | twice(0.5, 1)


def test_candidates_of_one_strength() -> None:
    assert listed({"strengths_mg": [1]}, child=False, most_mg=3.0) == once(1, 2, 3) | every_other_day(
        1, 2, 3
    ) | alternating((1, 2), (2, 3))
    half = once(0.5, 1, 1.5) | every_other_day(0.5, 1, 1.5) | alternating((0.5, 1), (1, 1.5))
    assert listed({"strengths_mg": [0.5]}, child=False, most_mg=1.5) == half
    assert listed({"strengths_mg": [0.5]}, child=True, most_mg=1.5) == half | twice(0.5)


def test_candidates_of_strengths_that_are_far_apart() -> None:
    # 2, 4 and 5 mg, but not 1 or 3; neighbours are neighbours among what can be given
    assert listed({"strengths_mg": [5, 2]}, child=False, most_mg=5.0) == once(2, 4, 5) | every_other_day(
        2, 4, 5
    ) | alternating((2, 4), (4, 5))


def test_candidates_of_a_solution() -> None:
    found = listed({"step_mg": 0.1}, child=False, most_mg=0.4)
    assert found == once(0.1, 0.2, 0.3, 0.4) | every_other_day(0.1, 0.2, 0.3, 0.4) | twice(0.1, 0.2) | alternating(
        (0.1, 0.2), (0.2, 0.3), (0.3, 0.4)
    )


def test_a_tablet_is_never_rounded() -> None:
    single = {each for pattern, _ in listed({"strengths_mg": [0.125]}, child=False, most_mg=0.5) for each in pattern}
    assert single == {0.125, 0.25, 0.375, 0.5}


def test_nothing_is_a_candidate_where_the_smallest_dose_is_too_much() -> None:
    assert listed({"strengths_mg": [1]}, child=False, most_mg=0.4) == set()


def proposable(case: Json) -> list[Any]:
    """Return the options of an answer that the tool itself would give."""
    return [
        one
        for one in answer(case).options
        if not one.asked and "going on" not in one.reason and "own start" not in one.reason
    ]


def asked_for(case: Json, *doses: float) -> dict[float, str]:
    """Return what an answer says about doses (mg once daily) that are asked for."""
    asked = changed(case, regimens=[{"pattern_mg": [each]} for each in doses])
    return {one.regimen.pattern_mg[0]: one.reason for one in answer(asked).options if one.asked}


CEILINGS = [
    ("itp-2024-adult", 3.0, 4.0),  # not above the highest dose studied
    ("itp-2024-adult", 4.0, 4.0),
    ("itp-2024-adult", 6.0, 6.0),  # the patient is above it already: not more than now
    ("ctd-itp-2024", 1.0, 1.0),
    ("itp-2024-adult", 1.0, 2.0),  # not more than twice the current dose
    ("itp-2024-adult", 1.5, 3.0),
    (site_protocol(), 3.0, 6.0),  # no dose studied
]


@pytest.mark.parametrize(("protocol", "amount", "ceiling"), CEILINGS)
def test_the_highest_daily_dose_that_is_proposed(protocol: Any, amount: float, ceiling: float) -> None:
    # 5 ng/mL on the current dose, a window around 15: only the ceiling and the risks of an increase are in the way
    case = adult(protocol=protocol, doses=[run(amount, 10)], levels=[level(240.0, 5.0)], target=window(10, 25))
    reasons = asked_for(case, ceiling, ceiling + 0.5)
    assert "the most that" not in reasons[ceiling]
    assert "the most that" in reasons[ceiling + 0.5]
    assert all(one.daily_dose_mg <= ceiling for one in proposable(case) if not one.needs_second_opinion)
    proposal = answer(case).proposal
    assert proposal is not None
    assert proposal.daily_dose_mg <= ceiling


def test_twice_the_current_dose_counts_from_the_dose_before_an_interruption() -> None:
    case = adult(doses=[run(1, 10)], levels=[level(240.0, 1.5)], now=1000.0)
    assert answer(case).current is None
    assert "above 2 mg per day" in asked_for(case, 2.5)[2.5]
    assert asked_for(case, 2.0)[2.0].startswith("asked for")
    assert "the most that" not in asked_for(case, 2.0)[2.0]


@pytest.mark.parametrize("studied", [None, 100.0])
@pytest.mark.parametrize(
    "product", [{"strengths_mg": [4]}, {"strengths_mg": [10]}, {"step_mg": 1.0}, {"step_mg": 10.0}]
)
def test_the_labels_most_on_any_day_is_not_passed(studied: float | None, product: Json) -> None:
    # a clearance of 200 L/h needs about 60 mg a day
    model = site_model(cl=200.0, v=8000.0)
    case = adult(protocol=site_protocol(studied), model=model, product=product)
    options = answer(case).options
    assert max(one.daily_dose_mg for one in options) == 40.0
    assert all(max(one.regimen.pattern_mg) <= 40.0 for one in options)


def test_no_option_of_an_answer_is_above_the_ceiling_or_out_of_the_product() -> None:
    for seed in range(70):
        case = random_case(seed)
        runs = case.get("doses", [])
        daily = per_day(((runs[0]["dose_mg"],), runs[0]["every_h"])) if runs else None
        studied = protocol_of(case).studied
        assert studied is not None
        most = max(studied.highest_daily_dose_mg, daily or 0.0)
        possible = own_candidates(case.get("product", TABLETS), True, min(most, 2.0 * daily) if daily else most)
        assert all(regimen(one) in possible for one in proposable(case))


def test_adults_get_tablets_twice_daily_from_nobody() -> None:
    for seed in range(70):
        case = random_case(seed)
        adults_with_tablets = case["patient"]["age_years"] >= 18 and "step_mg" not in case.get("product", TABLETS)
        if adults_with_tablets:
            assert all(one.regimen.every_h != 12.0 for one in proposable(case))


@pytest.mark.parametrize(
    ("amount", "value", "target"),
    [(4, 6.0, window(4, 9)), (3, 16.2, window(4, 15)), (4, 16.6, window(4, 15))],
)
def test_a_solution_in_fine_steps_is_searched_as_far_as_the_rules_reach(
    amount: float, value: float, target: Json
) -> None:
    case = adult(doses=[run(amount, 10)], levels=[level(240.0, value)], product={"step_mg": 0.05}, target=target)
    assert regimen(answer(case).proposal) == expected(case).proposal


# --- ranking ----------------------------------------------------------------------------------------------------------

OD, BID, EOD = 24.0, 12.0, 48.0
Origin = Literal["candidate", "current", "protocol_start", "asked"]


def offered(pattern: tuple[float, ...], every: float, within: float, above: float = 0.0) -> Offered:
    """Return an option with these chances (no unit) of a regimen (mg, h)."""
    chance = Chance(1.0 - within - above, within, above)
    option = Option(tdm.Regimen(pattern_mg=pattern, every_h=every), 1.0, 2.0, 3.0, chance, within)
    return Offered(option, "candidate", 0.0)


def order(*pool: Offered, daily_mg: float | None = 2.0) -> list[Pattern]:
    """Return the ranking, from whichever order of the options."""
    found = [
        [(one.option.regimen.pattern_mg, one.option.regimen.every_h) for one in rank(turned, daily_mg)]
        for turned in (pool, pool[::-1])
    ]
    assert found[0] == found[1]
    return found[0]


def test_the_highest_chance_comes_first() -> None:
    assert order(offered((1.0,), OD, 0.5), offered((2.0,), OD, 0.9), offered((3.0,), OD, 0.7)) == [
        ((2.0,), OD),
        ((3.0,), OD),
        ((1.0,), OD),
    ]


PATTERNS = [((2.0,), OD), ((1.0,), BID), ((1.5, 2.0), OD), ((4.0,), EOD)]


@pytest.mark.parametrize(("simple", "complex_"), list(itertools.combinations(PATTERNS, 2)))
def test_the_simpler_pattern_comes_first_within_three_points(simple: Pattern, complex_: Pattern) -> None:
    assert order(offered(*simple, 0.871), offered(*complex_, 0.9))[0] == simple
    assert order(offered(*simple, 0.869), offered(*complex_, 0.9))[0] == complex_


def test_three_points_count_from_the_best_and_not_from_the_next() -> None:
    steps = [offered((4.0,), EOD, 0.9), offered((1.5, 2.0), OD, 0.875), offered((2.0,), OD, 0.86)]
    # 2 mg once daily is the simplest, but 4 points from the best; the rule is applied again to what is left
    assert order(*steps) == [((1.5, 2.0), OD), ((4.0,), EOD), ((2.0,), OD)]


def test_the_lowest_chance_above_comes_first_within_one_point() -> None:
    # scores: 0.9 - 0.04 = 0.86, and 0.862 - 0.01 = 0.852 or 0.858 - 0.01 = 0.848
    for within, first in ((0.862, (2.0,)), (0.858, (2.5,))):
        assert order(offered((2.5,), OD, 0.9, above=0.08), offered((2.0,), OD, within, above=0.02))[0] == (first, OD)


def test_a_chance_above_counts_half_against_the_chance_within() -> None:
    for above, first in ((0.05, (2.5,)), (0.18, (1.0,))):
        pool = [offered((2.5,), OD, 0.80, above=above), offered((1.0,), OD, 0.74)]
        assert order(*pool)[0] == (first, OD)


def test_below_an_even_chance_the_dose_nearest_to_the_window_comes_first() -> None:
    # below is likelier than above: of those within a point of the best the highest mg per day, then the simplest
    low = [offered((1.5, 2.0), OD, 0.300), offered((2.0,), OD, 0.295), offered((4.0,), EOD, 0.295)]
    assert order(*low, daily_mg=1.0)[0] == ((2.0,), OD)
    assert order(*low, offered((3.0,), OD, 0.28), daily_mg=1.0)[0] == ((2.0,), OD)
    # above is likelier: the lowest
    high = [offered((0.5,), OD, 0.300, above=0.5), offered((0.5, 1.0), OD, 0.304, above=0.5)]
    assert order(*high, daily_mg=2.0)[0] == ((0.5,), OD)
    # at an even chance the usual rule: the simplest, the lowest chance above, the least change
    even = [offered((1.5, 2.0), OD, 0.505), offered((2.0,), OD, 0.50), offered((1.5,), OD, 0.50)]
    assert order(*even, daily_mg=1.0)[0] == ((1.5,), OD)


def test_one_point_counts_from_the_best_of_the_simplest_pattern() -> None:
    # the best of all is every other day; 2 mg once daily is 2.9 points below it and 0.9 below 2.5 mg once daily
    pool = [
        offered((4.0,), EOD, 0.900, above=0.0),
        offered((2.5,), OD, 0.920, above=0.08),
        offered((2.0,), OD, 0.881, above=0.02),
    ]
    assert order(*pool)[0] == ((2.0,), OD)


def test_the_smallest_change_comes_first_among_equals() -> None:
    pool = [offered((each,), OD, 0.9, above=0.02) for each in (1.0, 2.5, 4.0)]
    assert order(*pool, daily_mg=2.0) == [((2.5,), OD), ((1.0,), OD), ((4.0,), OD)]
    assert order(*pool, daily_mg=4.5)[0] == ((4.0,), OD)


def test_before_the_start_the_smallest_dose_is_the_smallest_change() -> None:
    pool = [offered((each,), OD, 0.9, above=0.02) for each in (2.0, 1.0, 4.0)]
    assert order(*pool, daily_mg=None)[0] == ((1.0,), OD)


def test_the_change_is_counted_in_mg_per_day() -> None:
    # 4 mg every other day are 2 mg per day, as now; 3 mg every other day are a change
    assert order(offered((3.0,), EOD, 0.9), offered((4.0,), EOD, 0.9), daily_mg=2.0)[0] == ((4.0,), EOD)


def test_without_a_window_options_stand_by_daily_dose() -> None:
    pool = [
        replace(one, option=replace(one.option, chance=None))
        for one in (offered((2.0,), OD, 0), offered((1.0,), OD, 0))
    ]
    assert order(*pool) == [((1.0,), OD), ((2.0,), OD)]


# --- the numbers of an option -----------------------------------------------------------------------------------------

SHOWN: list[Pattern] = [((2.0,), 24.0), ((1.0, 2.0), 24.0), ((4.0,), 48.0), ((1.0,), 12.0), ((0.5, 1.0, 3.0), 24.0)]


@pytest.fixture(scope="module", params=["adult", "child"])
def case_with_all_patterns(request: pytest.FixtureRequest) -> Json:
    regimens = [{"pattern_mg": list(pattern), "every_h": every} for pattern, every in SHOWN]
    if request.param == "adult":
        return on_2_mg(regimens=regimens)
    return child(doses=[run(1, 10)], levels=[level(240.0, 8.0)], now=240.0, regimens=regimens)


def test_chances_and_troughs_of_every_option_in_closed_form(case_with_all_patterns: Json) -> None:
    one = body(case_with_all_patterns)
    options = answer(case_with_all_patterns).options
    assert {regimen(each) for each in options if each.asked} == set(SHOWN)
    for option in options:
        pattern, every = option.regimen.pattern_mg, option.regimen.every_h
        below, within, above = one.chances(pattern, every, 5.0, 15.0)
        assert option.probability is not None
        assert option.probability.below == pytest.approx(below, abs=2e-6)
        assert option.probability.within == pytest.approx(within, abs=2e-6)
        assert option.probability.above == pytest.approx(above, abs=2e-6)
        assert option.daily_dose_mg == pytest.approx(per_day((pattern, every)), rel=1e-5)
        # quantiles over all concentrations of the cycle that count
        troughs = one.counting(pattern, every)
        whole = Body(one.cl, one.v, one.ka, np.tile(one.weight / len(troughs), len(troughs)))
        for name, at in (("p05", 0.05), ("median", 0.5), ("p95", 0.95)):
            assert getattr(option.trough_ng_ml, name) == pytest.approx(whole.quantile(troughs.ravel(), at), rel=2e-3)


def test_over_a_cycle_above_goes_before_below() -> None:
    # 0.5 and 8 mg in turn every four days: before one dose too low, before the other too high
    case = on_2_mg(regimens=[{"pattern_mg": [0.5, 8.0], "every_h": 96.0}], target=window(2, 3))
    troughs = body(case).counting((0.5, 8.0), 96.0)
    is_above, is_below = (troughs > 3.0).any(axis=0), (troughs < 2.0).any(axis=0)
    assert body(case).chance(is_above & is_below) > 0.5
    asked = next(each for each in answer(case).options if each.asked)
    assert asked.probability is not None
    assert asked.probability.above == pytest.approx(body(case).chance(is_above), abs=2e-6)
    assert asked.probability.below == pytest.approx(body(case).chance(is_below & ~is_above), abs=2e-6)


@pytest.mark.parametrize(
    "residual",
    [
        {"kind": "proportional", "proportional": 0.25},
        {"kind": "additive", "additive_ng_ml": 1.5},
        {"kind": "combined", "proportional": 0.15, "additive_ng_ml": 1.0},
        {"kind": "log-normal", "sd": 0.25},
    ],
    ids=lambda residual: residual["kind"],
)
def test_the_chance_that_the_next_measured_trough_lies_in_the_window(residual: Json) -> None:
    case = on_2_mg(model=site_model(residual=residual), regimens=[{"pattern_mg": [1, 3]}])
    one = body(case)
    for option in answer(case).options[:4]:
        troughs = one.counting(option.regimen.pattern_mg, option.regimen.every_h)
        if residual["kind"] == "log-normal":
            inside = norm.cdf(np.log(15.0 / troughs) / 0.25) - norm.cdf(np.log(5.0 / troughs) / 0.25)
        else:
            sd = np.hypot(residual.get("proportional", 0.0) * troughs, residual.get("additive_ng_ml", 0.0))
            inside = norm.cdf((15.0 - troughs) / sd) - norm.cdf((5.0 - troughs) / sd)
        assert option.measured_within == pytest.approx(float(inside.mean(axis=0) @ one.weight), abs=1e-3)


# --- keep -------------------------------------------------------------------------------------------------------------


def solved(chance: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """Return where a chance that rises from `low` to `high` reaches `wanted`, rounded to 0.0001."""
    for _ in range(18):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if chance(middle) >= wanted else (middle, high)
    return round(high, 4)


def low_for(case: Json, wanted: float) -> float:
    """Return the lower end of the window (ng/mL, to 15) at which 2 mg once daily have the wanted chance."""
    one = body(case)
    return 15.0 - solved(lambda x: one.chances((2.0,), 24.0, 15.0 - x, 15.0)[1], wanted, 5.0, 12.0)


def test_keep_after_a_trough_within_the_window_from_80_percent_on() -> None:
    for wanted, decision in ((0.81, "keep"), (0.79, "increase")):
        case = on_2_mg(9.0, target=window(round(low_for(on_2_mg(9.0), wanted), 4), 15.0))
        pool = own_pool(case)
        assert pool.behind > 0.05
        assert expected(case).chances[((2.0,), 24.0)][2] <= 0.10
        assert case["target"]["low_ng_ml"] < 9.0
        assert (answer(case).decision, expected(case).decision) == (decision, decision)


@pytest.mark.parametrize(("last", "decision"), [(7.0, "keep"), (6.9, "increase")])
def test_80_percent_keep_only_after_a_trough_within_the_window(last: float, decision: str) -> None:
    # many alike troughs before, so that the last one hardly moves the posterior; the ends of the window are within
    before = [level(24.0 * day, 7.3) for day in range(2, 10)]
    case = on_2_mg(levels=[*before, level(240.0, last)], target=window(7.0, 15))
    rules = expected(case)
    assert rules.chances[((2.0,), 24.0)][1] >= 0.8
    assert own_pool(case).behind > 0.05
    assert (answer(case).decision, rules.decision) == (decision, decision)


@pytest.mark.parametrize("last", [censored(240.0, 12.0), level(217.0, 30.0)], ids=["censored", "a bound"])
def test_80_percent_keep_only_after_a_valid_trough(last: Json) -> None:
    # without the last one, the last valid trough is that of 6.9 ng/mL, below the window
    before = [*(level(24.0 * day, 7.3) for day in range(2, 9)), level(216.0, 6.9)]
    target = window(7.0, 15)
    alone = on_2_mg(levels=before, target=target, doses=[run(2, 9)], now=216.0)
    assert answer(alone).decision == expected(alone).decision == "increase"
    if "below_ng_ml" in last:
        assert answer(on_2_mg(levels=[*before, last], target=target)).decision == "increase"
    else:
        # a level of 30 within 8 h of a dose stops an increase, but makes no trough of itself
        assert answer(on_2_mg(levels=[*before, level(217.0, 9.0)], target=target)).decision == "increase"


def test_keep_within_five_points_of_the_best_score() -> None:
    # the last trough is below the window, so that only the score can keep; those before say how far behind it is
    def after(others: float) -> Json:
        before = [level(24.0 * day, others) for day in range(2, 10)]
        return on_2_mg(levels=[*before, level(240.0, 6.9)], target=window(7.0, 15.0))

    for wanted, decision in ((0.045, "keep"), (0.055, "increase")):
        case = after(solved(lambda others: -own_pool(after(others)).behind, -wanted, 7.0, 8.5))
        assert (answer(case).decision, expected(case).decision) == (decision, decision)


def test_five_points_count_from_the_highest_chance_and_not_from_the_simplest_regimen() -> None:
    # a child on 1 mg: alternating 0.5 and 1 mg reaches almost 100 %, 0.5 mg once daily 3 points less, going on 6 less
    case = child(doses=[run(1, 10)], levels=[level(240.0, 17.75)], now=240.0)
    rules = expected(case)
    top = max(chance[1] for chance in rules.chances.values())
    assert rules.chances[((1.0,), 24.0)][1] < top - 0.05
    assert rules.chances[((1.0,), 24.0)][1] > rules.chances[((0.5,), 24.0)][1] - 0.05
    assert answer(case).decision == "decrease"


def test_keep_is_the_current_regimen_from_the_next_dose_on() -> None:
    found = answer(on_2_mg())
    assert found.decision == "keep"
    assert found.proposal is not None
    assert found.current is not None
    assert regimen(found.proposal) == regimen(found.current) == ((2.0,), 24.0)
    assert found.proposal.start_at == 240.0


@pytest.mark.parametrize(
    ("case", "decision"),
    [
        (on_2_mg(3.0), "increase"),
        (on_2_mg(17.0, target=window(5, 10)), "decrease"),
        (on_2_mg(), "keep"),
        (adult(), "start"),
        (on_2_mg(5.0, doses=[run(4, 5, 0.0, 48.0)], target=window(5, 9)), "change"),
    ],
)
def test_the_words_for_a_change(case: Json, decision: str) -> None:
    found = answer(case)
    assert found.decision == decision
    assert found.proposal is not None
    if found.current is not None:
        difference = found.proposal.daily_dose_mg - found.current.daily_dose_mg
        assert np.sign(difference) == {"increase": 1, "decrease": -1, "keep": 0, "change": 0}[decision]


def test_another_pattern_of_the_same_daily_dose_is_a_change_after_an_interruption_too() -> None:
    case = on_2_mg(5.0, doses=[run(4, 5, 0.0, 48.0)], target=window(5, 9), now=1200.0)
    found = answer(case)
    assert found.current is None
    assert found.proposal is not None
    assert regimen(found.proposal) == ((2.0,), 24.0)
    assert found.decision == "change"


# --- hold -------------------------------------------------------------------------------------------------------------


def own_until(case: Json, limit: float) -> tuple[float, float]:
    """Return when 50 and 95 % of the draws are down to a limit (ng/mL) for good, h; nothing is given after `now`.

    Each draw starts from the higher of its own and the measured concentration: its course is lifted by the factor by
    which the last level exceeds it. A dose at `now` has been given.
    """
    one, now = body(case), case["now"]
    doses = single_doses(case, now)
    raised = np.ones(len(one.cl))
    last = next((each for each in reversed(case.get("levels", [])) if "level_ng_ml" in each), None)
    if last is not None:
        raised = np.maximum(1.0, last["level_ng_ml"] / one.concentration(doses, [last["time"]])[:, 0])

    def is_above(hours: Floats) -> Any:
        total = np.zeros(len(one.cl))
        for time, amount in doses:
            elapsed = np.maximum(hours - time, 0.0)
            peak = 1000.0 * one.ka / (one.v * (one.ka - one.k))
            total += amount * peak * (np.exp(-one.k * elapsed) - np.exp(-one.ka * elapsed))
        return raised * total > limit

    # from half a day after the last dose the concentration only falls
    falling = np.full(len(one.cl), max(now, doses[-1][0] + 12.0))
    low, high = falling.copy(), np.full(len(one.cl), now + 8000.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = is_above(middle)
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    times = np.where(is_above(falling), high, now)
    return one.quantile(times, 0.5), one.quantile(times, 0.95)


HELD = {
    "measured above the individual": adult(doses=[run(4, 10)], levels=[level(240.0, 30.0)]),
    "measured below the individual": adult(doses=[run(6, 10)], levels=[level(240.0, 20.5)]),
    "predicted alone": adult(doses=[run(4, 3), run(6, 5, 72.0)], levels=[level(72.0, 18.0)], now=192.0),
    "no level": adult(doses=[run(6, 10)]),
    "in the middle of an interval": adult(doses=[run(4, 10)], levels=[level(216.0, 26.0)], now=226.0),
    "a dose at the time of the decision": adult(doses=[run(4, 11)], levels=[level(240.0, 30.0)]),
    "a single dose of 40 mg just now": adult(doses=[dose(0.0, 40)], now=0.0),
}


@pytest.mark.parametrize("name", HELD)
def test_until_counts_from_the_higher_of_measured_and_individual(name: str) -> None:
    found = answer(HELD[name])
    assert found.decision == "hold"
    assert found.hold is not None
    median, p95 = own_until(HELD[name], 15.0)
    assert found.hold.until.median == pytest.approx(median, abs=0.3)
    assert found.hold.until.p95 == pytest.approx(p95, abs=0.8)


def test_the_two_hold_cases_lie_on_either_side_of_the_individual() -> None:
    for name, higher in (("measured above the individual", True), ("measured below the individual", False)):
        one = body(HELD[name])
        own = one.quantile(one.concentration(single_doses(HELD[name]), [240.0])[:, 0], 0.5)
        assert (HELD[name]["levels"][0]["level_ng_ml"] > own) is higher
        assert answer(HELD[name]).decision == "hold"


def test_a_hold_ends_at_the_upper_limit_of_the_window_of_the_case() -> None:
    for high in (10.0, 15.0, 18.0):
        case = changed(HELD["measured above the individual"], target=window(5, high))
        found = answer(case).hold
        assert found is not None
        assert found.until.median == pytest.approx(own_until(case, high)[0], abs=0.3)
        assert f"{high:g} ng/mL" in found.condition


def test_a_repeated_level_is_the_condition_and_never_time_alone() -> None:
    for case in HELD.values():
        found = answer(case)
        assert found.proposal is None
        assert found.hold is not None
        assert "repeated level" in found.hold.condition
        assert "never" in found.hold.condition


def test_a_hold_resumes_with_the_best_regimen_at_the_end_of_the_hold() -> None:
    case = HELD["measured above the individual"]
    found = answer(case)
    assert found.hold is not None
    assert found.hold.resume is not None
    rules = expected(case)
    assert regimen(found.hold.resume) == own_best(rules.chances, 4.0)
    assert found.hold.resume.start_at == found.hold.until.p95
    assert not found.hold.resume.asked


def test_a_hold_goes_before_none() -> None:
    no_window = adult(protocol="ctd-rtp-2025", doses=[run(4, 10)], levels=[level(240.0, 24.0)])
    assert answer(no_window).decision == "hold"
    contradicting = adult(doses=[run(2, 11)], levels=[level(240.0, 4.0), level(264.0, 24.0)], now=264.0)
    assert "levels_contradict" in codes(contradicting)
    assert answer(contradicting).decision == "hold"


def test_a_level_above_20_that_is_no_trough_holds_nothing_by_itself() -> None:
    case = on_2_mg(levels=[level(218.0, 24.0)], model=site_model(sd={"cl": 0.2, "v": 0.2}))
    found = answer(case)
    assert found.fits[0].levels[0].used
    assert found.decision != "hold"


def test_an_earlier_level_above_20_does_not_hold_after_a_lower_trough() -> None:
    case = adult(doses=[run(4, 10), run(2, 10, 240.0)], levels=[level(240.0, 22.0), level(480.0, 11.0)], now=480.0)
    assert answer(case).decision != "hold"


def test_an_overdue_dose_does_not_hide_a_concentration_above_20_at_now() -> None:
    # the dose of 240 h was not taken; at 246 h the concentration is what it is, whatever is left at the next usual time
    for amount, held in ((5.5, True), (4.4, False)):
        case = adult(doses=[run(amount, 10)], now=246.0)
        one = body(case)
        at_now, at_next = one.concentration(single_doses(case), [246.0, 264.0]).T
        assert (one.quantile(at_now, 0.5) > 20.0) is held
        assert one.quantile(at_next, 0.5) < 20.0
        assert (answer(case).decision == "hold") is held


def test_a_hold_ends_with_a_low_level_drawn_days_after_the_last_dose() -> None:
    high = level(240.0, 25.0)
    for value, decision in ((20.1, "hold"), (12.0, None)):
        case = adult(doses=[run(4, 10)], levels=[high, level(336.0, value)], now=336.0)
        found = answer(case)
        assert (found.decision == "hold") is (decision == "hold"), value
        assert "dosing_interrupted" in codes(case)
    assert answer(adult(doses=[run(4, 10)], levels=[high], now=336.0)).decision == "hold"


def test_under_a_hold_nothing_higher_than_the_current_dose_is_resumed() -> None:
    for case in (*HELD.values(), adult(doses=[run(2, 10)], levels=[level(240.0, 21.0)])):
        found = answer(case)
        if found.hold is not None and found.hold.resume is not None and found.current is not None:
            assert found.hold.resume.daily_dose_mg <= found.current.daily_dose_mg


# --- none -------------------------------------------------------------------------------------------------------------


def test_none_without_a_window_shows_doses_without_chances() -> None:
    found = answer(on_2_mg(protocol="ctd-rtp-2025"))
    assert found.decision == "none"
    assert found.proposal is None
    assert len(found.options) >= 3
    assert all(one.probability is None and one.measured_within is None for one in found.options)
    assert all(one.trough_ng_ml.p05 < one.trough_ng_ml.median < one.trough_ng_ml.p95 for one in found.options)


def test_where_levels_contradict_the_options_have_their_chances_and_the_best_is_proposed() -> None:
    case = adult(doses=[run(2, 11)], levels=[level(240.0, 3.0), level(264.0, 15.0)], now=264.0)
    found = answer(case)
    assert "levels_contradict" in codes(case)
    assert [one.severity for one in found.findings if one.code == "levels_contradict"] == ["critical"]
    assert found.proposal is not None
    assert found.hold is None
    assert max(one.probability.within for one in found.options if one.probability) > 0.5
    assert (found.decision, regimen(found.proposal)) == (expected(case).decision, expected(case).proposal)


def test_below_an_even_chance_the_best_is_proposed_and_not_expected_to_reach() -> None:
    def best(high: float) -> float:
        return own_pool(on_2_mg(target=window(6.0, high))).eligible[0].within

    for wanted, even in ((0.49, False), (0.51, True)):
        case = on_2_mg(target=window(6.0, solved(best, wanted, 6.1, 12.0)))
        found = answer(case)
        assert (found.decision, regimen(found.proposal)) == (expected(case).decision, expected(case).proposal)
        assert found.expected_to_reach is even
        assert len(found.options) > 3
        assert ("no_regimen_reaches_half" in codes(case)) is not even


# --- start ------------------------------------------------------------------------------------------------------------


def starts(case: Json) -> list[float]:
    """Return the once-daily doses (mg) of the options that are the protocol's own start, ascending."""
    own = [one for one in answer(case).options if "own start" in one.reason]
    assert all(one.regimen.every_h == 24.0 and len(one.regimen.pattern_mg) == 1 for one in own)
    return sorted(one.regimen.pattern_mg[0] for one in own)


@pytest.mark.parametrize(
    ("protocol", "doses"),
    [
        ("ctd-itp-2024", [0.5, 1.0]),
        ("itp-2024-adult", [2.0, 4.0]),
        ("itp-dexamethasone-2024", [2.0]),
        ("waiha-2023", [1.0, 3.0]),
        ("ssci-nct03688191", [1.0]),  # 2 mg for three days lead to 1 mg, which is what stays
        ("ctd-rtp-2025", [1.0]),
    ],
)
def test_the_protocols_own_start_stands_among_the_options(protocol: str, doses: list[float]) -> None:
    case = adult(protocol=protocol, now=0.0)
    assert starts(case) == doses
    text = protocol_of(case).start
    assert text is not None
    assert all(text.text in one.reason for one in answer(case).options if "own start" in one.reason)


# Cheng 2020, Table 4: weight (kg), bilirubin (umol/L), dose (mg); 20.50 belongs to the upper row.
CHENG_TABLE_4 = [
    *((weight, 11.29, amount) for weight, amount in ((10, 0.75), (20, 1.5), (30, 1.75), (40, 2.0))),
    *((weight, 25.0, amount) for weight, amount in ((10, 0.5), (20, 0.75), (30, 1.0), (40, 1.5))),
    (15, 11.29, 1.5),
    (14.9, 11.29, 0.75),
    (20, 20.5, 1.5),
    (20, 20.6, 0.75),
    (20, None, 1.5),  # the bilirubin of the model's median is assumed
]


@pytest.mark.parametrize(("weight", "bilirubin", "amount"), CHENG_TABLE_4)
def test_the_row_of_the_table_of_cheng_2020(weight: float, bilirubin: float | None, amount: float) -> None:
    case = child(weight_kg=float(weight), bilirubin=bilirubin, product={"step_mg": 0.25})
    assert starts(case) == [amount]


def test_the_row_of_the_table_is_that_of_the_covariates_as_they_are_at_now() -> None:
    risen = child(bilirubin=11.29, covariates=[{"time": -24.0, "total_bilirubin_umol_l": 30.0}])
    assert starts(changed(risen, product={"step_mg": 0.25})) == [0.75]
    grown = child(weight_kg=20.0, covariates=[{"time": -24.0, "weight_kg": 26.0}])
    assert starts(changed(grown, product={"step_mg": 0.25})) == [1.75]


def test_a_start_that_cannot_be_prepared_is_shown_and_not_proposed() -> None:
    case = child(weight_kg=30.0)
    own = next(one for one in answer(case).options if "own start" in one.reason)
    assert regimen(own) == ((1.75,), 24.0)
    assert "cannot be prepared" in own.reason
    proposal = answer(case).proposal
    assert proposal is not None
    assert regimen(proposal) != ((1.75,), 24.0)


def test_before_the_start_a_decision_is_a_start_at_now() -> None:
    found = answer(child(now=5.0))
    assert found.decision == "start"
    assert found.current is None
    assert found.proposal is not None
    assert found.proposal.start_at == 5.0


def test_nothing_given_yet_where_all_doses_are_planned() -> None:
    case = adult(doses=[run(1, 5, 24.0)], now=0.0)
    assert answer(case).decision == "start"
    assert starts(case) == [2.0, 4.0]


def test_once_something_was_given_the_protocols_start_is_no_option() -> None:
    assert starts(on_2_mg()) == []


# --- the label --------------------------------------------------------------------------------------------------------


def test_the_labels_proportion_by_hand() -> None:
    rule = answer(on_2_mg(4.0)).label_rule
    assert rule.daily_dose_mg is not None
    assert (rule.daily_dose_mg.low, rule.daily_dose_mg.midpoint, rule.daily_dose_mg.high) == (2.5, 5.0, 7.5)
    assert (rule.current_daily_dose_mg, rule.trough_ng_ml, rule.reason) == (2.0, 4.0, None)


def test_the_labels_proportion_counts_in_mg_per_day_and_with_the_target_of_the_case() -> None:
    case = adult(doses=[run(3, 5, 0.0, 48.0)], levels=[level(240.0, 6.0)], target=window(6, 12))
    rule = answer(case).label_rule
    assert rule.daily_dose_mg is not None
    assert (rule.daily_dose_mg.low, rule.daily_dose_mg.midpoint, rule.daily_dose_mg.high) == (1.5, 2.25, 3.0)


def test_the_label_waits_seven_days_on_a_dose() -> None:
    for days, applies in ((6, False), (7, True)):
        now = 240.0 + 24.0 * days
        case = adult(doses=[run(1, 10), run(2, days, 240.0)], levels=[level(now, 7.0)], now=now)
        rule = answer(case).label_rule
        assert (rule.daily_dose_mg is not None) is applies
        assert (rule.reason is None) is applies


@pytest.mark.parametrize(
    "case",
    [
        on_2_mg(protocol="ctd-rtp-2025"),
        on_2_mg(levels=None),
        on_2_mg(levels=[censored(240.0, 2.0)]),
        on_2_mg(levels=[level(220.0, 9.0)]),
        on_2_mg(now=400.0),
        adult(doses=[run(2, 10), run(1, 1, 240.0)], levels=[level(240.0, 8.0)], now=250.0),
        adult(),
    ],
    ids=["no window", "no level", "censored", "no trough", "interrupted", "a new dose since", "nothing given"],
)
def test_where_the_proportion_does_not_apply_it_says_why(case: Json) -> None:
    rule = answer(case).label_rule
    assert rule.daily_dose_mg is None
    assert rule.reason


def test_the_label_stands_beside_none_and_hold_too() -> None:
    held = answer(HELD["measured above the individual"]).label_rule
    assert held.daily_dose_mg is not None
    assert held.daily_dose_mg.midpoint == pytest.approx(4.0 * 10.0 / 30.0, rel=1e-5)
    assert answer(on_2_mg(target=window(6.0, 7.0))).label_rule.daily_dose_mg is not None


# --- the next level ---------------------------------------------------------------------------------------------------


def own_next_level(case: Json, doses: tuple[float, ...], every: float, start: float) -> tuple[float, float]:
    """Return first and last pre-dose time (h) of a level, from every dose of every draw, given and to come.

    Between 7 and 14 days from `now`; where 95 % are never near in that time, both are the last pre-dose time.
    """
    one, now = body(case), case["now"]
    count = int((now + 336.0 - start) // every) + 1
    ahead = [(start + every * number, doses[number % len(doses)]) for number in range(count)]
    given = [each for each in single_doses(case, now) if each[0] < start]
    times = [time for time, _ in ahead]
    steady = one.troughs(doses, every)
    within = [time for time in times if now + 168.0 <= time <= now + 336.0]
    reached = one.concentration(given + ahead, within)
    for place, time in enumerate(within):
        own = steady[times.index(time) % len(doses)]
        if one.chance(np.abs(reached[:, place] - own) <= 0.1 * own) >= 0.95:
            return time, within[-1]
    return within[-1], within[-1]


PLANS = {
    "keep": on_2_mg(),
    "increase": on_2_mg(5.2, target=window(8, 15)),
    "decrease": on_2_mg(18.0),
    "soon after the start": adult(doses=[run(2, 4)], levels=[level(96.0, 6.0)], now=96.0),
    "in the middle of an interval": on_2_mg(now=225.0, levels=[level(216.0, 5.2)], target=window(8, 15)),
    "every other day": on_2_mg(7.5, product={"strengths_mg": [5]}),
    "alternating": on_2_mg(7.0, product={"strengths_mg": [2]}, target=window(9, 14)),
    "a child": child(doses=[run(1, 10)], levels=[level(240.0, 4.0)], now=240.0),
    "a slow patient": on_2_mg(14.0, model=site_model(cl=3.0, v=600.0, sd={"cl": 0.3, "v": 0.3})),
    "start": adult(),
    "start of a slow patient": adult(
        model=site_model(cl=4.0, v=900.0, sd={"cl": 0.2, "v": 0.2}), protocol=site_protocol()
    ),
    "after an interruption": on_2_mg(now=600.0),
}


@pytest.mark.parametrize("name", PLANS)
def test_the_next_level_is_where_95_percent_are_near_their_own_steady_state(name: str) -> None:
    case = PLANS[name]
    found = answer(case)
    assert found.proposal is not None
    assert not {"check_adherence", "levels_contradict"} & codes(case)
    assert found.next_level is not None
    start = float(found.proposal.start_at)  # type: ignore[arg-type]
    every = found.proposal.regimen.every_h
    first, last = own_next_level(case, found.proposal.regimen.pattern_mg, every, start)
    given = single_doses(case, case["now"])
    before = case["doses"][0]["dose_mg"] * 24.0 / case["doses"][0]["every_h"] if given else None
    interrupted = bool(given) and case["now"] - given[-1][0] > 2.0 * case["doses"][0]["every_h"]
    large = before is not None and (interrupted or abs(found.proposal.daily_dose_mg - before) > 0.5 * before + 1e-9)
    if large and last > case["now"] + 192.0:
        # 7 to 8 days after a resumption, or a change by more than half, at pre-dose times
        week = [start + every * n for n in range(60) if 168.0 <= start + every * n - case["now"] <= 192.0]
        first, last = week[0], week[-1]
    assert (found.next_level.from_, found.next_level.to) == (first, last)


def test_the_plans_reach_from_the_first_day_to_never() -> None:
    first = {name: answer(PLANS[name]).next_level for name in PLANS}
    waits = {name: float(one.from_) - PLANS[name]["now"] for name, one in first.items() if one}  # type: ignore[arg-type]
    assert waits["keep"] == 168.0
    assert any(168.0 < wait < 312.0 for wait in waits.values())
    slow = first["start of a slow patient"]
    assert slow is not None
    assert slow.from_ == slow.to


SOON = {
    "hold": HELD["measured above the individual"],
    "contradiction": adult(doses=[run(2, 11)], levels=[level(240.0, 3.0), level(264.0, 15.0)], now=264.0),
    "censored": on_2_mg(levels=[censored(240.0, 2.0)]),
    "unexpectedly low": on_2_mg(2.5),
    "every other day, censored": adult(doses=[run(4, 5, 0.0, 48.0)], levels=[censored(240.0, 2.0)]),
    "in the middle of an interval, low": on_2_mg(2.5, now=225.0, levels=[level(216.0, 2.5)]),
}


@pytest.mark.parametrize("name", SOON)
def test_a_level_that_has_to_be_repeated_is_due_in_3_to_5_days(name: str) -> None:
    case = SOON[name]
    found = answer(case).next_level
    assert found is not None
    first, last = float(found.from_), float(found.to)  # type: ignore[arg-type]
    assert case["now"] + 72.0 <= first <= last <= case["now"] + 120.0
    proposal = answer(case).proposal
    if proposal is not None:
        start, every = float(proposal.start_at), proposal.regimen.every_h  # type: ignore[arg-type]
        assert (first - start) % every == (last - start) % every == 0.0


def test_a_level_that_has_to_be_repeated_does_not_wait_for_a_weekly_dose() -> None:
    case = adult(doses=[run(4, 3, 0.0, 168.0)], levels=[censored(336.0, 2.0)], now=504.0)
    found = answer(case).next_level
    assert found is not None
    assert 504.0 + 72.0 <= float(found.from_) <= float(found.to) <= 504.0 + 120.0  # type: ignore[arg-type]


# --- what is asked for, what is planned -------------------------------------------------------------------------------


def test_what_is_asked_for_is_answered_in_full_and_is_not_the_proposal() -> None:
    # 2.5 mg would be the best of all, but tablets of 2 mg cannot give it
    asked_for = [{"pattern_mg": [2.5]}, {"pattern_mg": [9.0], "every_h": 72.0}]
    case = on_2_mg(product={"strengths_mg": [2]}, target=window(8, 13), regimens=asked_for)
    found = answer(case)
    asked = [one for one in found.options if one.asked]
    assert [regimen(one) for one in asked] == [((2.5,), 24.0), ((9.0,), 72.0)]
    assert all(one.probability is not None and one.measured_within is not None for one in asked)
    assert all("asked for" in one.reason for one in asked)
    assert found.proposal is not None
    assert not found.proposal.asked
    assert asked[0].probability is not None
    assert found.proposal.probability is not None
    assert asked[0].probability.within > found.proposal.probability.within


@pytest.mark.parametrize(
    ("case", "asked"),
    [
        (on_2_mg(), [2.0]),
        (on_2_mg(3.0), [3.5]),
        (HELD["measured above the individual"], [1.0]),
        (adult(), [2.0]),
        (adult(doses=[run(4, 10)], levels=[level(240.0, 16.5)], target=window(5, 13)), [0.75, 0.75]),
    ],
)
def test_asking_changes_nothing_but_the_list_of_options(case: Json, asked: list[float]) -> None:
    every = 12.0 if len(asked) == 2 else 24.0
    plain, with_asked = answer(case), answer(changed(case, regimens=[{"pattern_mg": asked[:1], "every_h": every}]))
    for field in ("decision", "proposal", "hold", "current", "label_rule", "individual", "fits", "next_level"):
        assert getattr(plain, field) == getattr(with_asked, field), field
    assert [one for one in with_asked.options if not one.asked] == list(plain.options)


def test_an_asked_regimen_that_cannot_be_given_says_so() -> None:
    case = on_2_mg(regimens=[{"pattern_mg": [1.85]}, {"pattern_mg": [5.0]}])
    reasons = {one.regimen.pattern_mg[0]: one.reason for one in answer(case).options if one.asked}
    assert "cannot be prepared" in reasons[1.85]
    assert "above 4 mg" in reasons[5.0]


NUMBERS = ("decision", "summary", "proposal", "hold", "options", "current", "label_rule", "individual", "fits", "curve")


@pytest.mark.parametrize(
    ("given", "planned"),
    [
        ([run(2, 10)], [run(2, 30)]),
        ([run(2, 10)], [run(2, 10), dose(232.0, 1)]),
        ([run(2, 10)], [run(2, 10), run(1, 5, 264.0)]),
        ([run(2, 10)], [run(2, 10), run(3, 4, 232.0, 12.0)]),
        ([dose(24.0 * day, 2) for day in range(10)], [dose(24.0 * day, 2) for day in range(12)]),
        ([run(2, 5, 0.0, 48.0), run(1, 5, 24.0, 48.0)], [run(2, 9, 0.0, 48.0), run(1, 9, 24.0, 48.0)]),
    ],
    ids=["the same run", "a dose in between", "another run", "a run in between", "one by one", "alternating"],
)
def test_planned_doses_are_ignored(given: list[Json], planned: list[Json]) -> None:
    without, with_planned = (on_2_mg(doses=doses, levels=[level(216.0, 8.0)], now=230.0) for doses in (given, planned))
    assert "planned_doses" in codes(with_planned)
    for field in NUMBERS:
        assert getattr(answer(without), field) == getattr(answer(with_planned), field), field
    assert answer(with_planned).next_level == answer(without).next_level


# --- the current regimen ----------------------------------------------------------------------------------------------


def test_two_interleaved_runs_are_an_alternating_regimen() -> None:
    runs = [run(1, 5, 0.0, 48.0), run(2, 5, 24.0, 48.0)]
    for doses in (runs, runs[::-1]):
        current = answer(on_2_mg(doses=doses)).current
        assert current is not None
        assert current.regimen.is_like(tdm.Regimen(pattern_mg=(1.0, 2.0), every_h=24.0))
        assert current.daily_dose_mg == 1.5
        assert "alternate days" in current.regimen.in_words()


@pytest.mark.parametrize("count", [5, 6, 7, 8, 11])
def test_doses_written_one_by_one_are_an_alternating_regimen(count: int) -> None:
    case = adult(doses=[dose(24.0 * day, 1 + day % 2) for day in range(count)], now=24.0 * count)
    current = answer(case).current
    assert current is None or current.regimen.is_like(tdm.Regimen(pattern_mg=(1.0, 2.0), every_h=24.0))
    assert current is not None or "current_regimen_unknown" in codes(case)
    if count >= 6:
        assert current is not None


def test_an_alternating_regimen_that_is_kept_is_kept() -> None:
    case = on_2_mg(
        doses=[run(1, 5, 0.0, 48.0), run(2, 5, 24.0, 48.0)], target=window(4, 15), levels=[level(240.0, 7.0)]
    )
    found = answer(case)
    assert found.decision == "keep"
    assert found.proposal is not None
    assert found.proposal.start_at == 240.0
    # the cycle goes on where it stands: 2 mg were given last, 1 mg is due
    assert regimen(found.proposal) == ((1.0, 2.0), 24.0)


def test_a_missed_dose_leaves_the_regimen_as_it_is() -> None:
    case = on_2_mg(doses=[run(2, 5), run(2, 4, 144.0)])
    found = answer(case)
    assert regimen(found.current) == ((2.0,), 24.0)
    assert found.proposal is not None
    assert found.proposal.start_at == 240.0
    whole = answer(on_2_mg())
    assert found.individual.clearance_l_per_h.median < whole.individual.clearance_l_per_h.median


def test_an_interruption_has_nothing_to_go_on_with_and_counts_from_what_is_left() -> None:
    case = on_2_mg(now=504.0)
    found = answer(case)
    assert found.current is None
    assert "dosing_interrupted" in codes(case)
    assert found.proposal is not None
    assert found.proposal.start_at == 504.0
    left = body(case).concentration(single_doses(case), [504.0])[:, 0]
    shown = found.curve.median[found.curve.times.index(504.0)]
    # the curve is drawn from some hundred draws
    assert body(case).chance(left <= shown) == pytest.approx(0.5, abs=0.1)
    assert shown < 0.5


def test_without_a_current_regimen_there_is_a_finding() -> None:
    irregular = [dose(0.0, 2), dose(24.0, 1), dose(48.0, 3), dose(72.0, 2)]
    case = adult(doses=irregular, now=96.0)
    assert answer(case).current is None
    assert "current_regimen_unknown" in codes(case)


# --- properties -------------------------------------------------------------------------------------------------------


def proposed_by_level(case: Callable[[float], Json], levels: Iterator[float]) -> list[tuple[float, float]]:
    """Return level (ng/mL) and proposed mg per day, where a dose is proposed."""
    found = [(value, answer(case(value)).proposal) for value in levels]
    return [(value, one.daily_dose_mg) for value, one in found if one is not None]


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        on_2_mg,
        lambda x: on_2_mg(x, target=window(5, 10)),
        lambda x: adult(doses=[run(1, 10)], levels=[level(240.0, x)]),
        lambda x: adult(doses=[run(3, 10)], levels=[level(240.0, x)], product={"strengths_mg": [1]}),
        lambda x: child(doses=[run(1, 10)], levels=[level(240.0, x)], now=240.0),
        lambda x: child(doses=[run(0.5, 10)], levels=[level(240.0, x)], now=240.0),
    ],
    ids=["2 mg", "2 mg, 5-10 ng/mL", "1 mg", "3 mg, tablets of 1 mg", "a child on 1 mg", "a child on 0.5 mg"],
)
def test_a_higher_trough_never_leads_to_a_higher_dose(case: Callable[[float], Json]) -> None:
    found = proposed_by_level(case, (0.25 + 0.5 * step for step in range(4, 40)))
    assert len(found) > 20
    for (lower, more), (higher, less) in itertools.pairwise(found):
        assert less <= more, (lower, more, higher, less)


@pytest.mark.parametrize("value", [3.0, 5.0, 6.5, 8.0, 9.4])
@pytest.mark.parametrize("product", ["tablets", "solution"])
def test_twice_the_levels_on_twice_the_doses_need_twice_the_dose_for_twice_the_window(
    value: float, product: str
) -> None:
    def scaled(by: float) -> Json:
        given = {"strengths_mg": [0.5 * by, 1.0 * by]} if product == "tablets" else {"step_mg": 0.1 * by}
        return adult(
            model=site_model(cl=9.0, v=450.0),
            protocol=site_protocol(4.0 * by),
            doses=[run(1.5 * by, 10)],
            levels=[level(240.0, value * by)],
            target=window(4.0 * by, 7.0 * by),
            product=given,
        )

    one, two = answer(scaled(1.0)), answer(scaled(2.0))
    assert one.decision == two.decision
    assert one.proposal is not None
    assert two.proposal is not None
    assert two.proposal.regimen.pattern_mg == pytest.approx([2.0 * each for each in one.proposal.regimen.pattern_mg])
    assert two.proposal.regimen.every_h == one.proposal.regimen.every_h
    for first, second in zip(one.options, two.options, strict=True):
        assert second.daily_dose_mg == pytest.approx(2.0 * first.daily_dose_mg, rel=1e-5)
        assert first.probability is not None
        assert second.probability is not None
        assert second.probability.within == pytest.approx(first.probability.within, abs=1e-5)


def moved(value: Any, to: Callable[[float], Any]) -> Any:
    """Return a case with every time put through `to`."""
    if isinstance(value, dict):
        times = ("time", "start", "stop", "now")
        return {name: to(each) if name in times else moved(each, to) for name, each in value.items()}
    return [moved(each, to) for each in value] if isinstance(value, list) else value


def numbers_of(value: Any, origin: Any, path: str = "") -> dict[str, Any]:
    """Return the values of an answer by their path, times as hours since `origin`."""
    if isinstance(value, dict):
        return {k: v for name, each in value.items() for k, v in numbers_of(each, origin, f"{path}/{name}").items()}
    if isinstance(value, (list, tuple)):
        return {
            k: v for place, each in enumerate(value) for k, v in numbers_of(each, origin, f"{path}/{place}").items()
        }
    if value is not None and re.search(r"/(start_at|now|time|from|to|times/\d+|until/\w+)$", path):
        return {path: hours_between(datetime.fromisoformat(value) if isinstance(value, str) else value, origin)}
    return {path: value}


def compared(found: Any, origin: Any) -> dict[str, Any]:
    """Return what has to be the same whenever a history happened; visits go by the calendar."""
    whole = found.model_dump(exclude={"basis", "findings", "summary", "follow_up"})
    return numbers_of(whole, origin) | {f"/codes/{one.code}": one.severity for one in found.findings}


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Assert that two answers are the same up to rounding: times to the minute, numbers to five digits."""
    assert one.keys() == other.keys()
    for path, value in one.items():
        if isinstance(value, float):
            assert other[path] == pytest.approx(value, rel=2e-5, abs=1e-2 if abs(value) > 10 else 1e-6), path
        else:
            assert other[path] == value, path


TIMED = {
    "one run": on_2_mg(3.5, now=241.0),
    "interleaved runs": on_2_mg(doses=[run(1, 5, 0.0, 48.0), run(2, 5, 24.0, 48.0)]),
    "one by one": on_2_mg(doses=[dose(24.0 * day, 2) for day in range(10)]),
    "one by one, alternating": on_2_mg(doses=[dose(24.0 * day, 1 + day % 2) for day in range(10)]),
    "covariates": on_2_mg(covariates=[{"time": 100.0, "hematocrit_percent": 31.0}]),
    "hold": HELD["measured above the individual"],
    "a child with oxcarbazepine": child(
        age_years=12.0,
        weight_kg=50.0,
        bilirubin=None,
        doses=[run(2, 10)],
        levels=[level(240.0, 6.0)],
        now=240.0,
        comedications=[{"name": "oxcarbazepine", "start": 120.0}],
    ),
}
START = datetime(2026, 3, 1, 8)


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize(
    ("to", "origin"),
    [
        (lambda time: time + 1000.0, 1000.0),
        (lambda time: time + 1000.1, 1000.1),
        (lambda time: time + 0.7, 0.7),
        (lambda time: (START + timedelta(hours=time)).isoformat(), START),
        (lambda time: (START + timedelta(hours=time, minutes=20)).isoformat() + "+08:00", None),
    ],
    ids=["1000 h later", "1000.1 h later", "0.7 h later", "dates", "dates with an offset"],
)
def test_the_same_history_at_another_time_has_the_same_answer(
    name: str, to: Callable[[float], Any], origin: Any
) -> None:
    case = moved(TIMED[name], to)
    if origin is None:
        origin = datetime.fromisoformat((START + timedelta(minutes=20)).isoformat() + "+08:00")
    assert_same(compared(answer(TIMED[name]), 0.0), compared(answer(case), origin))


def test_an_earlier_time_with_other_minutes_leaves_the_regimen_once_daily() -> None:
    # the case's clock begins with the blood count, at 7:05; the doses were taken at 8:00, written one by one
    for minutes in range(0, 60, 7):
        count = {"time": (START - timedelta(hours=17, minutes=minutes)).isoformat(), "hematocrit_percent": 38.0}
        for pattern in ((2.0,), (1.0, 2.0)):
            times = [(START + timedelta(days=day)).isoformat() for day in range(12)]
            doses = [dose(time, pattern[place % len(pattern)]) for place, time in enumerate(times)]
            now = (START + timedelta(days=12)).isoformat()
            current = answer(adult(doses=doses, covariates=[count], now=now)).current
            assert current is not None
            assert current.regimen.every_h == 24.0
            assert current.regimen.is_like(tdm.Regimen(pattern_mg=pattern, every_h=24.0))


def test_the_order_in_which_a_case_lists_its_rows_does_not_matter() -> None:
    case = on_2_mg(
        doses=[run(1, 4), run(2, 6, 96.0)],
        levels=[level(192.0, 6.0), level(216.0, 7.0), level(240.0, 6.8)],
        covariates=[{"time": 50.0, "hematocrit_percent": 33.0}, {"time": 150.0, "hematocrit_percent": 36.0}],
    )
    turned = changed(case, **{field: case[field][::-1] for field in ("doses", "levels", "covariates")})
    one, other = answer(case), answer(turned)
    for field in ("decision", "proposal", "options", "current", "label_rule", "individual", "next_level", "curve"):
        assert getattr(one, field) == getattr(other, field), field
    assert one.fits[0].levels == other.fits[0].levels[::-1]


@pytest.mark.slow
def test_the_same_case_has_the_same_bytes_again_and_in_another_process() -> None:
    script = "import sys, tdm; sys.stdout.write(tdm.recommend(tdm.read_case(sys.stdin.read())).model_dump_json())"
    text = tdm.read_case(on_2_mg()).model_dump_json(exclude_none=True)
    here = tdm.recommend(tdm.read_case(text)).model_dump_json()
    assert tdm.recommend(tdm.read_case(text)).model_dump_json() == here
    elsewhere = [
        subprocess.run(
            [sys.executable, "-c", script],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert elsewhere == [here, here]


def test_the_finding_of_a_dose_above_the_studied_one_names_what_is_asked_for() -> None:
    message = findings(on_2_mg(regimens=[{"pattern_mg": [5.0]}]))["dose_above_studied"].message
    assert "5 mg once daily" in message
    assert "4 mg per day" in message


# --- a high level outside the fit -------------------------------------------------------------------------------------


def after_peak(*levels: Json, **changes: Any) -> Json:
    """Return an adult on 1 mg once daily, too little for 5-15 ng/mL, with levels drawn 3 h after a dose (ng/mL)."""
    return adult(**{"doses": [run(1, 11)], "levels": list(levels), "now": 264.0} | changes)


def test_an_increase_is_not_advised_on_a_high_level_that_the_model_cannot_explain() -> None:
    calm, high = answer(after_peak(level(243.0, 9.0))), answer(after_peak(level(243.0, 40.0)))
    assert calm.decision == "increase"
    assert (high.decision, regimen(high.proposal)) == ("keep", ((1.0,), 24.0))
    assert [one.severity for one in high.findings if one.code == "high_level_unexplained"] == ["critical"]
    assert "40 ng/mL" in high.summary
    assert high.next_level is not None
    assert high.next_level.from_ == high.next_level.to == 264.0


def test_a_later_trough_answers_a_high_level_outside_the_fit() -> None:
    found = answer(after_peak(level(219.0, 40.0), level(240.0, 3.9)))
    assert found.decision == "increase"
    assert not any(one.code == "high_level_unexplained" for one in found.findings)


def test_a_high_level_outside_the_fit_does_not_stop_a_decrease_or_a_keep() -> None:
    for dose_mg in (2, 3.5):
        found = answer(after_peak(level(243.0, 40.0), doses=[run(dose_mg, 11)]))
        assert found.decision in ("keep", "decrease")
        assert [one.severity for one in found.findings if one.code == "high_level_unexplained"] == ["critical"]


# --- a regimen that was asked for has its own picture and next level --------------------------------------------------


def test_an_asked_regimen_has_the_curve_and_the_next_level_that_the_same_regimen_has_as_the_proposal() -> None:
    case = adult(doses=[run(1, 11)], levels=[level(264.0, 3.9)], now=264.0)
    proposed = answer(case)
    assert proposed.proposal is not None
    pattern = list(proposed.proposal.regimen.pattern_mg)
    asked = answer(case | {"regimens": [{"pattern_mg": pattern}, {"pattern_mg": [0.5]}]})
    same, less = (one for one in sorted(asked.options, key=lambda one: -one.daily_dose_mg) if one.asked)
    assert same.curve == proposed.curve == asked.curve
    assert same.next_level == proposed.next_level
    assert less.curve is not None
    assert less.curve.times == same.curve.times
    before = [place for place, time in enumerate(same.curve.times) if float(time) <= 264.0]  # type: ignore[arg-type]
    assert [less.curve.median[place] for place in before] == [same.curve.median[place] for place in before]
    assert less.curve.median[-1] < 0.5 * same.curve.median[-1]
    assert all(one.curve is None for one in asked.options if not one.asked)


def test_an_asked_regimen_has_no_curve_under_a_hold() -> None:
    held = answer(adult(doses=[run(4, 10)], levels=[level(240.0, 24.0)], regimens=[{"pattern_mg": [1]}]))
    assert held.decision == "hold"
    assert [one.curve for one in held.options if one.asked] == [None]


def test_the_answer_names_its_time_and_its_window() -> None:
    one = answer(adult(doses=[run(1, 11)], levels=[level(240.0, 3.9)], target={"low_ng_ml": 6, "high_ng_ml": 12}))
    assert one.now == 240.0
    assert one.window is not None
    assert (one.window.low_ng_ml, one.window.high_ng_ml) == (6, 12)
    assert answer(adult(protocol="ctd-rtp-2025")).window is None
