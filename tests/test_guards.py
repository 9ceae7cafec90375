"""The guards of a decision: for each rule a case that it changes and a neighbour that it leaves alone.

Expected values come from the words of the rules, from the printed numbers of mao-2024 integrated on a grid, and from
closed-form steady states on the weighted draws. Doses in mg, levels in ng/mL, times in h.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

import tdm
from tests.bedside import (
    Body,
    Floats,
    Json,
    adult,
    answer,
    body,
    censored,
    changed,
    codes,
    dose,
    findings,
    level,
    run,
    single_doses,
    site_model,
    site_protocol,
    window,
)

# mao-2024 as printed: CL/F (L/h), V/F (L), ka (1/h), omega of ln CL and ln V, the proportional error.
CL, V, KA, RESIDUAL = 7.09, 496.0, 0.75, 0.182
OMEGA = np.array([[0.324**2, 0.0665], [0.0665, 0.427**2]])
SSCI = "ssci-nct03688191"


def on(amount: float, days: int, *levels: Json, **changes: Any) -> Json:
    """Return an adult on so many mg once daily for so many days, decided at the end of the last of them."""
    return adult(**{"doses": [run(amount, days)], "levels": list(levels), "now": 24.0 * days} | changes)


def daily(case: Json) -> float:
    """Return the proposed mg per day."""
    proposal = answer(case).proposal
    assert proposal is not None
    return proposal.daily_dose_mg


def decision(case: Json) -> str:
    return answer(case).decision


def present(case: Json) -> float:
    """Return the mg per day that are given now."""
    current = answer(case).current
    assert current is not None
    return current.daily_dose_mg


def blocking(case: Json) -> list[str]:
    return [one.code for one in answer(case).findings if one.severity == "blocking"]


def from_to(case: Json) -> tuple[float, float]:
    """Return from when to when the next level is asked for, h after the decision."""
    found = answer(case).next_level
    assert found is not None
    return float(found.from_) - case["now"], float(found.to) - case["now"]  # type: ignore[arg-type]


def kept_or_less(case: Json) -> bool:
    """Return whether an answer proposes no more per day than is given now."""
    return daily(case) <= present(case) + 1e-9


# --- early levels -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """A level against the curve at a time (h): so many times the curve, with a further SD of ln; or a bound of it."""

    time_h: float
    value: float
    factor: float = 1.0
    ln_sd: float = 0.0
    bound: bool = False


def early_bias(since_h: float) -> float:
    """Return b: half of ln of 1.5 at 12 h, of 1.13 at 19 h, of 1 at 23 h; ln of the larger ratio is linear between."""
    knots = [(12.0, np.log(1.5)), (19.0, np.log(1.13)), (23.0, 0.0)]
    for (start, first), (stop, last) in itertools.pairwise(knots):
        if start <= since_h <= stop:
            return float(0.5 * (first + (last - first) * (since_h - start) / (stop - start)))
    return 0.0


def fitted_early(time_h: float, since_h: float, value: float) -> Compared:
    b = early_bias(since_h)
    return Compared(time_h, value, float(np.exp(b)), b)


def on_a_grid(case: Json, *compared: Compared) -> Body:
    """Return the posterior of mao-2024 on a grid of ln CL and ln V, from levels and bounds as they are compared."""
    axis = np.linspace(-2.2, 2.2, 241)
    eta = np.stack([side.ravel() for side in np.meshgrid(axis, axis, indexing="ij")], axis=1)
    one = Body(CL * np.exp(eta[:, 0]), V * np.exp(eta[:, 1]), np.full(len(eta), KA), np.ones(len(eta)))
    log_density = -0.5 * np.einsum("ni,ij,nj->n", eta, np.linalg.inv(OMEGA), eta)
    for each in compared:
        curve = one.concentration(single_doses(case), [each.time_h])[:, 0]
        expected = curve * each.factor
        sd = expected * np.hypot(RESIDUAL, each.ln_sd)
        if each.bound:
            log_density += norm.logcdf(each.value, expected, sd)
        else:
            log_density += norm.logpdf(each.value, expected, sd)
    weight = np.exp(log_density - log_density.max())
    return Body(one.cl, one.v, one.ka, weight / weight.sum())


def assert_like_the_grid(case: Json, *compared: Compared) -> None:
    """Assert that median clearance, median volume and the chances on 2 mg are those of the grid."""
    grid, own = on_a_grid(case, *compared), body(case)
    for values, mine in ((grid.cl, own.cl), (grid.v, own.v)):
        spacing = 4.4 / 240
        assert np.log(own.quantile(mine, 0.5)) == pytest.approx(np.log(grid.quantile(values, 0.5)), abs=spacing)
        mean, own_mean = float(grid.weight @ np.log(values)), float(own.weight @ np.log(mine))
        assert own_mean == pytest.approx(mean, abs=0.01)
    assert own.chances((2.0,), 24.0, 5.0, 15.0) == pytest.approx(grid.chances((2.0,), 24.0, 5.0, 15.0), abs=0.012)


@pytest.mark.parametrize("since", [12.0, 14.0, 16.0, 19.0, 19.19, 19.2, 21.5, 23.9])
def test_from_12_h_on_a_level_is_fitted_with_its_bias(since: float) -> None:
    case = on(2, 11, level(240.0 + since, 11.0))
    assert answer(case).fits[0].levels[0].used
    assert answer(case).fits[0].levels[0].role == "fitted"
    assert_like_the_grid(case, fitted_early(240.0 + since, since, 11.0))


@pytest.mark.parametrize("since", [23.0, 24.0, 27.0, 40.0])
def test_from_23_h_on_nothing_is_corrected(since: float) -> None:
    case = on(2, 10, level(216.0 + since, 7.0), now=260.0)
    assert answer(case).fits[0].levels[0].used
    assert_like_the_grid(case, Compared(216.0 + since, 7.0))
    assert "early_level" not in codes(case)


@pytest.mark.parametrize("since", [1.0, 3.0, 8.1, 11.9])
@pytest.mark.parametrize("value", [4.0, 9.0])
def test_before_12_h_a_level_is_an_upper_bound_of_the_trough_that_follows(since: float, value: float) -> None:
    case = on(2, 11, level(240.0 + since, value))
    assert not answer(case).fits[0].levels[0].used
    assert answer(case).fits[0].levels[0].role == "bound"
    assert_like_the_grid(case, Compared(264.0, value, bound=True))


def test_a_bound_of_a_trough_stands_beside_what_is_fitted() -> None:
    case = on(2, 11, level(240.0, 9.0), level(243.0, 6.0))
    assert_like_the_grid(case, Compared(240.0, 9.0), Compared(264.0, 6.0, bound=True))


def test_an_early_level_of_an_interval_of_48_h_is_compared_with_the_curve_of_its_hour() -> None:
    doses = [run(4, 6, 0.0, 48.0)]
    early = adult(doses=doses, levels=[level(254.0, 9.0)], now=288.0)
    assert_like_the_grid(early, fitted_early(254.0, 14.0, 9.0))
    late = adult(doses=doses, levels=[level(270.0, 9.0)], now=288.0)
    assert_like_the_grid(late, Compared(270.0, 9.0))
    bound = adult(doses=doses, levels=[level(245.0, 6.0)], now=288.0)
    assert_like_the_grid(bound, Compared(288.0, 6.0, bound=True))


def test_twice_daily_a_trough_model_explains_samples_from_9_6_h_on_uncorrected() -> None:
    doses = [run(1, 21, 0.0, 12.0)]
    at = adult(doses=doses, levels=[level(240.0 + 9.6, 8.0)], now=252.0)
    assert_like_the_grid(at, Compared(249.6, 8.0))
    before = adult(doses=doses, levels=[level(240.0 + 9.5, 8.0)], now=252.0)
    assert_like_the_grid(before, Compared(252.0, 8.0, bound=True))


def test_a_model_without_the_limit_is_fitted_uncorrected_at_any_hour() -> None:
    model = site_model(cl=CL, v=V, ka=KA, sd={"cl": 0.3, "v": 0.3})
    for since in (3.0, 14.0):
        early = on(2, 11, level(240.0 + since, 11.0), model=model)
        assert answer(early).fits[0].levels[0].used
        axis = np.linspace(-1.5, 1.5, 201)
        eta = np.stack([side.ravel() for side in np.meshgrid(axis, axis, indexing="ij")], axis=1)
        one = Body(CL * np.exp(eta[:, 0]), V * np.exp(eta[:, 1]), np.full(len(eta), KA), np.ones(len(eta)))
        curve = one.concentration(single_doses(early), [240.0 + since])[:, 0]
        log_density = norm.logpdf(11.0, curve, 0.2 * curve) - 0.5 * (eta**2).sum(axis=1) / 0.3**2
        weight = np.exp(log_density - log_density.max())
        grid = Body(one.cl, one.v, one.ka, weight / weight.sum())
        own = body(early)
        assert float(own.weight @ np.log(own.cl)) == pytest.approx(float(grid.weight @ np.log(grid.cl)), abs=0.01)
        assert "early_level" not in codes(early)


def test_an_early_level_is_shown_against_what_is_expected_then() -> None:
    case = on(2, 11, level(252.0, 11.0))
    (shown,) = answer(case).fits[0].levels
    eta = answer(case).fits[0].eta
    one = np.ones(1)
    own = Body(one * CL * np.exp(eta["cl"]), one * V * np.exp(eta["v"]), one * KA, one)
    curve = float(own.concentration(single_doses(case), [252.0])[0, 0])
    assert shown.individual_ng_ml == pytest.approx(np.sqrt(1.5) * curve, rel=1e-4)
    sd = np.hypot(RESIDUAL, 0.5 * np.log(1.5)) * np.sqrt(1.5) * curve
    assert shown.weighted_residual == pytest.approx((11.0 - np.sqrt(1.5) * curve) / sd, abs=1e-3)
    assert "early_level" in codes(case)


def test_a_minute_does_not_change_the_answer() -> None:
    one, other = (on(1, 11, level(240.0 + since, 14.9)) for since in (19.19, 19.20))
    assert decision(one) == decision(other)
    for first, second in zip(answer(one).options, answer(other).options, strict=True):
        assert first.regimen == second.regimen
        assert first.probability is not None
        assert second.probability is not None
        for name in ("below", "within", "above"):
            difference = abs(getattr(first.probability, name) - getattr(second.probability, name))
            assert difference <= 0.02


@pytest.mark.parametrize("knot", [11.99, 18.99, 19.19, 22.99])
@pytest.mark.parametrize("value", [6.0, 10.0, 14.9])
def test_the_chances_do_not_jump_where_the_bias_bends(knot: float, value: float) -> None:
    if knot == 11.99:
        return  # a level becomes a bound there
    before, after = (answer(on(1, 11, level(240.0 + since, value))) for since in (knot, knot + 0.01))
    assert before.decision == after.decision
    one, other = before.individual.clearance_l_per_h, after.individual.clearance_l_per_h
    assert one.median == pytest.approx(other.median, rel=0.01)


# --- hold -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("since", [8.1, 11.0, 12.0, 18.0, 19.1, 24.0])
def test_a_level_above_20_more_than_8_h_after_a_dose_holds_fitted_or_not(since: float) -> None:
    high, at = (on(2, 11, level(240.0 + since, value)) for value in (20.1, 20.0))
    assert decision(high) == "hold"
    assert answer(high).proposal is None
    assert "level_above_20" in codes(high)
    assert decision(at) != "hold"


@pytest.mark.parametrize("since", [1.0, 3.0, 7.9, 8.0])
def test_a_level_above_20_within_8_h_of_a_dose_holds_nothing(since: float) -> None:
    assert decision(on(2, 11, level(240.0 + since, 30.0))) != "hold"


def test_90_at_19_1_h_holds() -> None:
    assert decision(on(2, 11, level(240.0 + 19.1, 90.0))) == "hold"


def test_8_on_day_14_then_45_at_18_h_holds() -> None:
    case = on(2, 15, level(336.0, 8.0), level(336.0 + 18.0, 45.0))
    assert decision(case) == "hold"
    assert decision(on(2, 15, level(336.0, 8.0))) == "keep"


def test_24_a_day_after_a_dose_given_every_48_h_holds() -> None:
    doses = [run(4, 7, 0.0, 48.0)]
    held, free = (adult(doses=doses, levels=[level(312.0, value)], now=336.0) for value in (24.0, 12.0))
    assert decision(held) == "hold"
    assert decision(free) != "hold"


@pytest.mark.parametrize(
    ("later", "holds"),
    [(20.5, True), (19.5, True), (15.1, True), (15.0, False), (14.0, False)],
)
def test_a_hold_ends_only_with_a_later_level_at_or_below_the_top_of_the_window(later: float, holds: bool) -> None:
    case = on(2, 28, level(672.0, 21.0), level(744.0, later), now=744.0)
    assert (decision(case) == "hold") is holds
    if not holds:
        assert answer(case).proposal is not None
        assert answer(case).summary.startswith(("Resume", "Decrease", "First", "Change", "The newest"))


def test_a_hold_counts_to_the_top_of_the_window_of_the_case() -> None:
    for later, holds in ((12.1, True), (12.0, False)):
        case = on(2, 28, level(672.0, 21.0), level(744.0, later), now=744.0, target=window(6, 12))
        assert (decision(case) == "hold") is holds


def test_without_a_window_a_hold_counts_to_15() -> None:
    for later, expected in ((15.1, "hold"), (15.0, "none")):
        case = on(2, 28, level(672.0, 21.0), level(744.0, later), now=744.0, protocol="ctd-rtp-2025")
        assert decision(case) == expected


def test_a_hold_does_not_end_with_time() -> None:
    for days in (0.0, 3.0, 13.0, 40.0):
        case = on(2, 28, level(672.0, 21.0), now=672.0 + 24.0 * days)
        assert decision(case) == "hold", days


def test_a_hold_does_not_end_with_a_level_of_the_same_instant() -> None:
    """Two results of one tube, 21 and 14 ng/mL: neither is later, in whichever order they are written."""
    results = [level(672.0, 21.0), level(672.0, 14.0)]
    for levels in (results, results[::-1]):
        assert decision(on(2, 28, *levels)) == "hold"


def test_a_level_below_its_limit_ends_a_hold_where_the_limit_is_low_enough() -> None:
    for limit, holds in ((2.0, False), (25.0, True)):
        case = on(2, 28, level(672.0, 21.0), censored(1008.0, limit), now=1008.0)
        assert (decision(case) == "hold") is holds


def test_a_peak_above_the_limit_does_not_end_a_hold_and_a_level_soon_after_a_dose_below_it_does() -> None:
    for value, holds in ((16.0, True), (9.0, False)):
        case = on(2, 29, level(672.0, 21.0), level(675.0, value), now=676.0)
        assert (decision(case) == "hold") is holds


def test_30_28_9_9_9_on_one_dose_is_no_hold() -> None:
    values = [30.0, 28.0, 9.0, 9.0, 9.0]
    case = on(2, 42, *(level(24.0 * (14 + 7 * n), value) for n, value in enumerate(values)))
    assert decision(case) not in ("hold", "none")
    assert not {"level_above_20", "levels_contradict"} & codes(case)


def test_measured_outranks_predicted() -> None:
    """6 mg once daily: predicted above 20 in the median. A level of 18 on that dose ends the guess, one before not."""
    unmeasured = on(6, 20)
    assert decision(unmeasured) == "hold"
    one = body(unmeasured)
    assert one.quantile(one.concentration(single_doses(unmeasured), [480.0])[:, 0], 0.5) > 20.0
    measured = on(6, 20, level(480.0, 19.0))
    assert decision(measured) != "hold"
    earlier = adult(doses=[run(1, 10), run(9, 10, 240.0)], levels=[level(240.0, 5.0)], now=480.0)
    two = body(earlier)
    assert two.quantile(two.concentration(single_doses(earlier), [480.0])[:, 0], 0.5) > 20.0
    assert decision(earlier) == "hold"
    later = changed(earlier, levels=[level(240.0, 5.0), level(480.0, 17.0)])
    assert decision(later) != "hold"


def test_a_drug_that_came_after_the_level_lets_the_prediction_hold() -> None:
    drug = {"name": "voriconazole", "start": 241.0}
    free, held = (on(2, 20, level(240.0, 8.0), **more) for more in ({}, {"comedications": [drug]}))
    assert decision(free) == "keep"
    assert decision(held) == "hold"
    measured = changed(held, levels=[level(240.0, 8.0), level(480.0, 16.0)])
    assert decision(measured) != "hold"


def test_a_hold_that_was_not_followed_is_none_with_a_reason() -> None:
    days = 28 + 110
    case = adult(doses=[run(2, 28), run(2, 101, 672.0)], levels=[level(672.0, 21.0)], now=24.0 * days)
    assert decision(case) == "none"
    assert blocking(case) == ["hold_not_followed"]
    assert answer(case).summary.startswith("No dose is advised.")
    first, last = from_to(case)
    assert 0.0 <= first <= last <= 24.0
    # a level since ends it, a younger level still holds, and without a dose since it still holds
    answered = changed(case, levels=[level(672.0, 21.0), level(24.0 * 120, 12.0)])
    assert decision(answered) not in ("none", "hold")
    young = on(2, 28 + 14, level(672.0, 21.0))
    assert decision(young) == "hold"
    assert decision(on(2, 28, level(672.0, 21.0), now=24.0 * days)) == "hold"


def test_15_days_after_a_level_that_holds_it_is_too_old_to_hold_on_if_doses_were_given() -> None:
    for days, expected in ((14, "hold"), (15, "none")):
        assert decision(on(2, 28 + days, level(672.0, 21.0))) == expected


def test_an_event_holds_whatever_the_level_says() -> None:
    for term, grade in (("pneumonitis", 1), ("TMA", 1), ("infection", 4)):
        event = [{"time": 200.0, "term": term, "grade": grade}]
        assert decision(on(2, 14, level(336.0, 8.0), adverse_events=event)) == "hold"
        old = adult(
            doses=[run(2, 28), run(2, 101, 672.0)], levels=[level(672.0, 21.0)], now=3312.0, adverse_events=event
        )
        assert decision(old) == "hold"
    mild = [{"time": 200.0, "term": "infection", "grade": 2}]
    assert decision(on(2, 14, level(336.0, 8.0), adverse_events=mild)) == "keep"


# --- a possible peak --------------------------------------------------------------------------------------------------


def test_25_at_3_h_on_1_mg_is_no_increase_and_a_trough_within_a_day() -> None:
    high, low = (on(1, 15, level(339.0, value), now=340.0) for value in (25.0, 12.0))
    assert kept_or_less(high)
    assert "high_level_unexplained" in codes(high)
    assert decision(low) == "increase"
    assert "high_level_unexplained" not in codes(low)
    first, last = from_to(high)
    assert first == last == 360.0 - 340.0


@pytest.mark.parametrize("amount", [1.0, 2.0, 4.0])
def test_a_possible_peak_asks_for_the_next_trough_whatever_is_advised(amount: float) -> None:
    case = on(amount, 15, level(339.0, 25.0), now=340.0)
    assert decision(case) not in ("hold", "none")
    assert kept_or_less(case)
    assert from_to(case) == (20.0, 20.0)


@pytest.mark.parametrize("amount", [2.0, 3.0])
def test_a_possible_peak_asks_for_the_next_trough_after_fitted_levels_too(amount: float) -> None:
    """A trough of 8 or 12 and then 25 at 3 h: no increase is wanted, and what the peak meant is asked all the same."""
    case = on(amount, 15, level(336.0, 4.0 * amount), level(339.0, 25.0), now=340.0)
    assert decision(case) not in ("hold", "none")
    assert "high_level_unexplained" in codes(case)
    assert from_to(case) == (20.0, 20.0)


def test_a_possible_peak_is_one_under_a_model_that_explains_it_too() -> None:
    model = site_model(residual={"kind": "proportional", "proportional": 0.3})
    case = on(1, 15, level(339.0, 25.0), now=340.0, model=model)
    assert answer(case).fits[0].levels[0].used
    assert kept_or_less(case)
    assert from_to(case) == (20.0, 20.0)


def test_a_later_fitted_level_ends_a_possible_peak() -> None:
    answered = on(1, 15, level(339.0, 25.0), level(360.0, 3.9))
    assert decision(answered) == "increase"
    assert "high_level_unexplained" not in codes(answered)
    before = on(1, 15, level(336.0, 3.9), level(339.0, 25.0))
    assert kept_or_less(before)
    another_peak = on(1, 15, level(339.0, 25.0), level(341.0, 12.0), now=342.0)
    assert kept_or_less(another_peak), "a level that is not fitted does not end it"


def test_a_high_level_before_the_first_dose_is_a_possible_peak() -> None:
    for value, increases in ((25.0, False), (12.0, True)):
        # a level 3 h after a dose is no fitted one, and so it ends nothing
        case = on(1, 15, level(-2.0, value), level(339.0, 9.0), now=340.0)
        assert (decision(case) == "increase") is increases
        assert decision(case) != "hold"
        if not increases:
            first, last = from_to(case)
            assert 0.0 <= first <= last <= 24.0


# --- no increase ------------------------------------------------------------------------------------------------------


def test_no_increase_while_the_newest_level_is_above_the_window() -> None:
    """2 mg for four weeks, 0.5 mg for three days, and still 19.9: what is left is not yet the new dose's."""
    doses = [run(2, 28), run(0.5, 3, 672.0)]
    case = adult(doses=doses, levels=[level(744.0, 19.9)], now=744.0)
    assert decision(case) != "hold"
    assert kept_or_less(case)
    low = adult(doses=[run(2, 28), run(0.5, 21, 672.0)], levels=[level(1176.0, 3.0)], now=1176.0)
    assert decision(low) == "increase"


def test_at_the_top_of_the_window_an_increase_is_free_of_that_rule() -> None:
    """A wide window of one's own, in which the model asks for more at 17 ng/mL, and a top just below and above it."""
    case = on(2, 20, level(480.0, 17.0))
    wide = changed(case, target=window(16.9, 40.0))
    assert answer(wide).window is not None
    reasons = " ".join(one.message for one in answer(wide).findings)
    assert "above the window" not in reasons


def half_life(case: Json) -> float:
    """Return the median half-life, h."""
    one = body(case)
    return one.quantile(np.log(2.0) / one.k, 0.5)


@pytest.mark.parametrize("days", range(3, 12))
def test_no_increase_on_a_level_within_3_half_lives_of_the_start(days: int) -> None:
    case = on(1, days, level(24.0 * days, 2.4), target=window(8, 15))
    settled = 24.0 * days >= 3.0 * half_life(case)
    assert (decision(case) == "increase") is settled
    if not settled:
        assert kept_or_less(case)
        assert "no_increase" in codes(case)


def test_the_days_of_the_last_test_lie_on_both_sides_of_3_half_lives() -> None:
    sides = {
        24.0 * days >= 3.0 * half_life(on(1, days, level(24.0 * days, 2.4), target=window(8, 15)))
        for days in range(3, 12)
    }
    assert sides == {True, False}


CHANGES: dict[str, Any] = {
    "a change of dose": {"doses": [run(0.5, 30), run(1, 30, 720.0)]},
    "a resumption": {"doses": [run(1, 25), run(1, 30, 720.0)]},
    "a change of interval": {"doses": [run(1, 15, 0.0, 48.0), run(1, 30, 720.0)]},
    "a drug that starts": {"doses": [run(1, 60)], "comedications": [{"name": "verapamil", "start": 720.0}]},
    "a drug that stops": {
        "doses": [run(1, 60)],
        "comedications": [{"name": "verapamil", "start": -500.0, "stop": 720.0}],
    },
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("days", [2, 14])
def test_no_increase_on_a_level_within_3_half_lives_of_a_change(name: str, days: int) -> None:
    at = 720.0 + 24.0 * days
    case = adult(**CHANGES[name], levels=[level(at, 2.6)], now=at)
    case["doses"] = [
        changed(one, count=min(one["count"], int((at - one["time"]) / one["every_h"]))) for one in case["doses"]
    ]
    settled = 24.0 * days >= 3.0 * half_life(case)
    assert settled is (days == 14)
    assert (decision(case) == "increase") is settled


def test_a_level_before_a_change_does_not_restrain_an_increase_after_it() -> None:
    """The level of day 20 was settled; the dose was raised on it, and is decided on again two days later."""
    case = adult(doses=[run(1, 20), run(1.5, 2, 480.0)], levels=[level(480.0, 2.0)], now=528.0)
    assert decision(case) == "increase"


def test_a_missed_dose_is_no_resumption() -> None:
    case = adult(doses=[run(1, 28), run(1, 2, 696.0)], levels=[level(744.0, 2.6)], now=744.0)
    assert decision(case) == "increase"


def test_events_platelets_and_a_response_forbid_an_increase() -> None:
    low = on(1, 15, level(360.0, 3.0))
    assert decision(low) == "increase"
    for more in (
        {"adverse_events": [{"time": 200.0, "term": "stomatitis", "grade": 3}]},
        {"platelets": [count(0.0, 12), count(200.0, 60), count(359.0, 120)]},
        {"platelets": [count(0.0, 12), count(200.0, 40), count(359.0, 40)]},
    ):
        assert kept_or_less(changed(low, **more))
    for more in (
        {"adverse_events": [{"time": 200.0, "term": "stomatitis", "grade": 2}]},
        {"platelets": [count(0.0, 12), count(359.0, 14)]},
    ):
        assert decision(changed(low, **more)) == "increase"


def count(time: float, count_10e9_l: float) -> Json:
    return {"time": time, "count_10e9_l": count_10e9_l, "bleeding": False}


def test_a_decrease_is_always_free() -> None:
    high = on(2, 4, level(96.0, 17.0))
    assert decision(high) == "decrease"
    event = [{"time": 50.0, "term": "stomatitis", "grade": 3}]
    assert daily(changed(high, adverse_events=event)) == daily(high)


# --- how much risk an increase may bring ------------------------------------------------------------------------------


def own_bars(case: Json, pattern: tuple[float, ...], every: float, low: float, high: float) -> bool:
    """Return whether an increase is barred for its risk at steady state, by the four limits of the rules."""
    one = body(case)
    top = one.highest(pattern, every)
    return (
        one.chance(top > max(15.0, high)) > 0.10
        or one.chance(top > 20.0) > 0.02
        or one.chances(pattern, every, low, high)[2] > 0.25
    )


RISKY = {
    "narrow": on(1, 20, level(480.0, 4.0), target=window(6, 7)),
    "usual": on(1, 20, level(480.0, 4.0)),
    "high": on(2, 20, level(480.0, 9.5), target=window(10, 15)),
    "very high": on(2, 20, level(480.0, 9.5), target=window(12, 20)),
    "above 20": on(2, 20, level(480.0, 15.0), target=window(18, 30)),
    "wide model": on(
        1,
        20,
        level(480.0, 4.0),
        model=site_model(sd={"cl": 0.5, "v": 0.5}, residual={"kind": "proportional", "proportional": 0.4}),
        protocol=site_protocol(10.0),
    ),
}


@pytest.mark.parametrize("name", RISKY)
def test_an_increase_is_barred_by_its_risks_alone(name: str) -> None:
    case = RISKY[name]
    found = answer(case)
    assert found.window is not None
    low, high = found.window.low_ng_ml, found.window.high_ng_ml
    current = present(case)
    asked = [{"pattern_mg": [0.5 * n], "every_h": 24} for n in range(1, 9)]
    told = answer(changed(case, regimens=asked)).options
    for one in told:
        if one.asked:
            barred = one.daily_dose_mg > current and own_bars(case, one.regimen.pattern_mg, 24.0, low, high)
            assert ("too often" in one.reason) is barred, one.regimen.pattern_mg
    proposal = found.proposal
    assert proposal is not None
    if proposal.daily_dose_mg > current:
        assert not own_bars(case, proposal.regimen.pattern_mg, proposal.regimen.every_h, low, high)


def test_each_limit_of_risk_bars_some_increase_alone() -> None:
    alone = set()
    for case in RISKY.values():
        found = answer(case).window
        assert found is not None
        one = body(case)
        for amount in np.arange(0.5, 6.1, 0.5):
            if amount <= present(case):
                continue
            top = one.highest((float(amount),), 24.0)
            limits = (
                one.chance(top > max(15.0, found.high_ng_ml)) > 0.10,
                one.chance(top > 20.0) > 0.02,
                one.chance(top > found.high_ng_ml) > 0.25,
            )
            if sum(limits) == 1:
                alone.add(limits.index(True))
    assert alone >= {1, 2}


def test_an_increase_is_barred_that_is_above_the_window_when_the_anaemia_heals() -> None:
    patient = {"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": 26.0}
    case = on(1, 20, level(480.0, 3.6), patient=patient)
    asked = [{"pattern_mg": [0.5 * n]} for n in range(3, 7)]
    one = body(case)
    healed = Body(one.cl * (38.0 / 26.0) ** -0.901, one.v, one.ka, one.weight)
    seen = set()
    for told in answer(changed(case, regimens=asked)).options:
        if told.asked:
            later = healed.chances(told.regimen.pattern_mg, 24.0, 5.0, 15.0)[2]
            assert ("at a haematocrit of 38 %" in told.reason) is (later > 0.20)
            seen.add(later > 0.20)
    assert seen == {True, False}
    assert healed.chances((daily(case),), 24.0, 5.0, 15.0)[2] <= 0.20


def test_a_drug_that_will_start_does_not_bar_an_increase_now_and_one_that_will_stop_does() -> None:
    starting = on(1, 20, level(480.0, 3.0), comedications=[{"name": "voriconazole", "start": 480.0 + 24.0 * 30}])
    assert decision(starting) == "increase"
    stopping = on(
        2, 20, level(480.0, 3.0), comedications=[{"name": "rifampicin", "start": -2000.0, "stop": 480.0 + 24.0 * 10}]
    )
    assert decision(changed(stopping, comedications=[{"name": "rifampicin", "start": -2000.0}])) == "increase"
    assert kept_or_less(stopping)


def test_a_first_dose_is_restrained_by_none_of_these() -> None:
    event = [{"time": -10.0, "term": "stomatitis", "grade": 3}]
    first = adult(now=0.0, levels=[level(-2.0, 30.0)], adverse_events=event)
    assert decision(first) == "start"
    assert daily(first) == daily(adult(now=0.0))
    wide = site_model(sd={"cl": 0.8, "v": 0.6})
    start = adult(now=0.0, model=wide, protocol=site_protocol(10.0, 5.0, 15.0))
    assert decision(start) == "start"
    assert own_bars(start, answer(start).proposal.regimen.pattern_mg, 24.0, 5.0, 15.0)  # type: ignore[union-attr]


# --- keep -------------------------------------------------------------------------------------------------------------


def test_what_is_above_the_window_too_often_is_not_kept() -> None:
    """Above in more than 10 %: anything with a smaller chance above comes before going on."""
    seen = set()
    for value in np.arange(9.0, 14.6, 0.5):
        case = on(2, 20, level(480.0, float(value)))
        above = body(case).chances((2.0,), 24.0, 5.0, 15.0)[2]
        seen.add(above > 0.10)
        if above > 0.10:
            proposal = answer(case).proposal
            assert proposal is not None
            assert proposal.probability is not None
            assert proposal.probability.above < above - 1e-4
            assert decision(case) == "decrease"
        else:
            assert decision(case) == "keep"
    assert seen == {True, False}


def test_too_often_above_gives_way_even_where_nothing_has_an_even_chance() -> None:
    """A window so narrow that nothing reaches it: whatever is less often above still comes before going on."""
    for top in (6.6, 7.0, 7.4):
        case = on(2, 20, level(480.0, 7.0), target=window(6.0, top))
        one = body(case)
        above = one.chances((2.0,), 24.0, 6.0, top)[2]
        assert above > 0.10
        proposal = answer(case).proposal
        assert proposal is not None
        assert proposal.probability is not None
        assert proposal.probability.above < above - 1e-4


def test_too_often_above_does_not_give_way_to_what_would_be_below() -> None:
    """9.2 on 1 mg for a window of 8-9: nothing reaches it, and half the dose would almost surely be too low."""
    patient = {"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": 28.0}
    tablets = {"strengths_mg": [1]}
    case = on(1, 10, level(240.0, 9.2), protocol=SSCI, target=window(8.0, 9.0), patient=patient, product=tablets)
    assert body(case).chances((1.0,), 24.0, 8.0, 9.0)[2] > 0.10
    found = answer(case)
    assert found.decision == "keep"
    assert found.expected_to_reach is False


# --- intervals beyond a day -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pattern", "every"), [((4.0,), 48.0), ((3.0,), 72.0), ((5.0, 2.0), 48.0), ((7.0,), 168.0)])
def test_beyond_a_day_the_concentration_at_every_24_h_counts(pattern: tuple[float, ...], every: float) -> None:
    case = on(2, 20, level(480.0, 8.0), regimens=[{"pattern_mg": list(pattern), "every_h": every}])
    one = body(case)
    counting = one.counting(pattern, every)
    assert len(counting) == len(pattern) * every / 24.0
    asked = next(each for each in answer(case).options if each.asked)
    assert asked.probability is not None
    for low, high in ((5.0, 15.0),):
        below, within, above = one.chances(pattern, every, low, high)
        assert (asked.probability.below, asked.probability.within, asked.probability.above) == pytest.approx(
            (below, within, above), abs=2e-6
        )
    only_before_doses = float(one.weight @ (one.troughs(pattern, every) > 15.0).any(axis=0))
    assert asked.probability.above > only_before_doses
    whole = Body(one.cl, one.v, one.ka, np.tile(one.weight / len(counting), len(counting)))
    for name, at in (("p05", 0.05), ("median", 0.5), ("p95", 0.95)):
        assert getattr(asked.trough_ng_ml, name) == pytest.approx(whole.quantile(counting.ravel(), at), rel=3e-3)


def test_up_to_a_day_only_what_stands_before_a_dose_counts() -> None:
    for pattern, every in (((2.0,), 24.0), ((1.0,), 12.0), ((1.0, 2.0), 24.0)):
        case = on(2, 20, level(480.0, 8.0), regimens=[{"pattern_mg": list(pattern), "every_h": every}])
        troughs = body(case).troughs(pattern, every)
        asked = next(each for each in answer(case).options if each.asked)
        assert asked.probability is not None
        assert asked.probability.above == pytest.approx(body(case).chance((troughs > 15.0).any(axis=0)), abs=2e-6)


# --- the step ---------------------------------------------------------------------------------------------------------


def ceiling_of(case: Json) -> float:
    """Return the highest daily dose (mg) that an answer would propose, by what it says of doses asked for."""
    told = [one for n in range(1, 81, 16) for one in asked_options(case, [0.5 * m for m in range(n, n + 16)])]
    return max(float(one.daily_dose_mg) for one in told if "the most that" not in one.reason)


def asked_options(case: Json, amounts: list[float]) -> list[Any]:
    """Return the options of an answer for once-daily doses (mg) that are asked for."""
    case = changed(case, regimens=[{"pattern_mg": [each]} for each in amounts])
    return [one for one in answer(case).options if one.asked]


def test_a_step_is_at_most_twice_the_present_dose() -> None:
    case = on(1, 20, level(480.0, 1.5), protocol=site_protocol())
    assert ceiling_of(case) == 2.0


def test_a_step_goes_back_to_twice_the_dose_of_the_last_trough_that_was_not_too_high() -> None:
    """4 mg gave 9; cut to 0.5 mg without a level since: a step counts from 4 mg, and from 0.5 mg if 4 mg gave 18."""
    doses = [run(4, 20), run(0.5, 10, 480.0)]
    fine, high = (
        adult(doses=doses, levels=[level(480.0, value)], now=720.0, protocol=site_protocol()) for value in (9.0, 18.0)
    )
    assert ceiling_of(fine) == 8.0
    assert ceiling_of(high) == 1.0


def test_a_step_is_under_the_same_drugs_where_there_was_such_a_trough() -> None:
    """2 mg gave 8, then voriconazole with 0.5 mg gave 9, and it is stopped: back at once, not by doubling."""
    doses = [run(2, 20), run(0.5, 20, 480.0)]
    levels = [level(480.0, 8.0), level(960.0, 9.0)]
    stopped = [{"name": "voriconazole", "start": 490.0, "stop": 961.0}]
    gone = adult(doses=doses, levels=levels, now=1008.0, comedications=stopped, protocol=site_protocol())
    assert ceiling_of(gone) == 4.0
    still = adult(
        doses=doses,
        levels=levels,
        now=1008.0,
        comedications=[{"name": "voriconazole", "start": 490.0}],
        protocol=site_protocol(),
    )
    assert ceiling_of(still) == 1.0


def test_not_more_than_was_studied_than_the_label_and_than_the_model_allows() -> None:
    low = [level(480.0, 3.0)]
    assert ceiling_of(on(3, 20, *low)) == 4.0
    assert ceiling_of(on(6, 20, *low)) == 6.0
    assert (
        ceiling_of(on(30, 20, level(480.0, 10.0), protocol=site_protocol(), model=site_model(cl=100, v=4000))) == 40.0
    )
    limited = site_model(limits=[limit_of_dose(5.0)])
    assert ceiling_of(on(4, 20, level(480.0, 5.0), protocol=site_protocol(), model=limited)) == 5.0


def limit_of_dose(most: float) -> Json:
    return {
        "of": "daily_dose_mg",
        "soft_low": 0.1,
        "soft_high": most,
        "hard_high": most,
        "source": "this test",
    }


def test_a_present_dose_beyond_the_models_hard_limit_is_refused() -> None:
    model = site_model(limits=[limit_of_dose(5.0)])
    with pytest.raises(tdm.Refused) as refused:
        answer(on(6, 20, level(480.0, 10.0), protocol=site_protocol(), model=model))
    assert [(one.code, one.pointer) for one in refused.value.problems] == [("outside_hard_limit", "/doses")]
    assert answer(on(5, 20, level(480.0, 10.0), protocol=site_protocol(), model=model)).decision != "none"


# --- none, and not expected to reach ----------------------------------------------------------------------------------


def test_none_without_a_window() -> None:
    case = on(2, 14, level(336.0, 8.0), protocol="ctd-rtp-2025")
    assert decision(case) == "none"
    assert blocking(case) == ["window_missing"]
    assert answer(case).next_level is not None
    assert decision(changed(case, target=window(5, 15))) == "keep"


@pytest.mark.parametrize(("low", "high", "excluded"), [(3.0, 15.0, True), (6.0, 12.0, False), (8.0, 9.0, False)])
def test_none_where_two_results_of_the_newest_instant_exclude_each_other(
    low: float, high: float, excluded: bool
) -> None:
    """The SD of a level is 18.2 % of it: 3 and 15 are 12 apart with an SD of 2.8, 6 and 12 are 6 apart with 2.4."""
    assert bool(high - low > 4.0 * RESIDUAL * np.hypot(low, high)) is excluded
    results = [level(480.0, low), level(480.0, high)]
    for levels in (results, results[::-1]):
        case = on(2, 20, *levels)
        assert (decision(case) == "none") is excluded
        if excluded:
            assert blocking(case) == ["levels_irreconcilable"]
            first, last = from_to(case)
            assert 0.0 <= first <= last <= 24.0
    older = on(2, 21, *results, level(504.0, 8.0))
    assert decision(older) != "none"


def test_none_where_nothing_may_be_given() -> None:
    tablets = {"strengths_mg": [5]}
    assert decision(adult(product=tablets, now=0.0)) == "none"
    assert blocking(adult(product=tablets, now=0.0)) == ["nothing_to_give"]
    assert answer(adult(product=tablets, now=0.0)).next_level is not None
    assert decision(adult(product={"strengths_mg": [4]}, now=0.0)) == "start"


def test_2_on_1_mg_of_a_protocol_that_studied_2_mg() -> None:
    case = on(1, 28, level(672.0, 2.0), protocol=SSCI)
    found = answer(case)
    assert found.decision == "increase"
    assert found.proposal is not None
    assert (found.proposal.regimen.pattern_mg, found.proposal.regimen.every_h) == ((2.0,), 24.0)
    assert body(case).chances((2.0,), 24.0, 6.0, 15.0)[1] < 0.5
    assert found.expected_to_reach is False
    assert "It is not expected to reach the window." in found.summary
    assert "no_regimen_reaches_half" in codes(case)
    enough = answer(on(1, 28, level(672.0, 5.0), protocol=SSCI))
    assert enough.expected_to_reach is True
    assert "not expected" not in enough.summary


def test_an_answer_below_an_even_chance_says_so_first() -> None:
    for top in (6.5, 7.0):
        for value in (3.0, 6.5, 12.0):
            found = answer(on(2, 20, level(480.0, value), target=window(6.0, top)))
            assert found.decision not in ("none", "hold")
            assert found.proposal is not None
            assert found.proposal.probability is not None
            assert found.expected_to_reach is (found.proposal.probability.within >= 0.5)
            assert ("It is not expected to reach the window." in found.summary) is (not found.expected_to_reach)


def test_an_increase_that_is_not_advised_says_too_that_the_window_is_not_expected() -> None:
    event = [{"time": 200.0, "term": "stomatitis", "grade": 3}]
    found = answer(on(1, 15, level(360.0, 3.0), adverse_events=event))
    assert found.expected_to_reach is False
    assert "It is not expected to reach the window." in found.summary


def second_opinions(case: Json) -> list[Any]:
    return [one for one in answer(case).options if one.needs_second_opinion and not one.asked]


def test_a_dose_above_the_studied_one_is_listed_for_a_second_opinion_and_never_proposed() -> None:
    case = on(2, 28, level(672.0, 4.0), protocol=SSCI)
    one = body(case)
    assert max(one.chances((amount,), 24.0, 6.0, 15.0)[1] for amount in (0.5, 1.0, 1.5, 2.0)) < 0.5
    (listed,) = second_opinions(case)
    assert listed.regimen.every_h == 24.0
    assert listed.daily_dose_mg > 2.0
    assert listed.probability is not None
    assert listed.probability.within >= 0.5
    assert not own_bars(case, listed.regimen.pattern_mg, 24.0, 6.0, 15.0)
    assert daily(case) <= 2.0
    assert not second_opinions(on(2, 28, level(672.0, 8.0), protocol=SSCI))


def test_no_second_opinion_where_a_studied_dose_has_an_even_chance() -> None:
    """It is not advised now, for an event or for the size of the step; but it was studied and would do."""
    event = [{"time": 200.0, "term": "stomatitis", "grade": 3}]
    restrained = on(1, 15, level(360.0, 2.5), adverse_events=event)
    one = body(restrained)
    assert max(one.chances((0.5 * n,), 24.0, 5.0, 15.0)[1] for n in range(1, 9)) >= 0.5
    assert not second_opinions(restrained)
    stepped = on(0.5, 28, level(672.0, 1.0))
    two = body(stepped)
    assert max(two.chances((0.5 * n,), 24.0, 5.0, 15.0)[1] for n in range(1, 9)) >= 0.5
    assert two.chances((1.0,), 24.0, 5.0, 15.0)[1] < 0.5
    assert not second_opinions(stepped)


# --- levels that contradict each other --------------------------------------------------------------------------------


def own_p(case: Json, levels: Floats, times: list[float]) -> float:
    """Return the posterior predictive p of the sum of squared residuals, by simulation."""
    rng, one = np.random.default_rng(5), body(case)
    chosen = rng.choice(len(one.weight), size=100_000, p=one.weight)
    some = Body(one.cl[chosen], one.v[chosen], np.full(len(chosen), KA), np.ones(len(chosen)))
    curve = some.concentration(single_doses(case), times)
    own = ((levels - curve) / (RESIDUAL * curve)) ** 2
    again = rng.standard_normal(own.shape) ** 2
    return float(np.mean(again.sum(axis=1) >= own.sum(axis=1)))


def test_a_contradiction_never_blocks() -> None:
    times = [480.0, 504.0]
    for second in (8.0, 12.0, 16.0, 19.0):
        case = on(2, 21, level(480.0, 4.0), level(504.0, second))
        p = own_p(case, np.array([4.0, second]), times)
        z = -norm.ppf(np.sqrt(0.005 / 2.0))
        eta = answer(case).fits[0].eta
        one = np.ones(1)
        mode = Body(one * CL * np.exp(eta["cl"]), one * V * np.exp(eta["v"]), one * KA, one)
        curve = mode.concentration(single_doses(case), times)[0]
        residual = (np.array([4.0, second]) - curve) / (RESIDUAL * curve)
        opposite = bool(residual.max() > z and residual.min() < -z)
        if 0.004 < p < 0.006 or abs(residual.max() - z) < 0.05 or abs(residual.min() + z) < 0.05:
            continue
        assert ("levels_contradict" in codes(case)) is (p < 0.005 or opposite), second
        assert decision(case) not in ("none", "hold")


def test_the_newest_levels_that_agree_are_fitted_alone() -> None:
    case = on(2, 42, *(level(24.0 * (14 + 7 * n), value) for n, value in enumerate([30.0, 28.0, 9.0, 9.0, 9.0])))
    used = [one.used for one in answer(case).fits[0].levels]
    assert used == [False, False, True, True, True]
    assert [one.role for one in answer(case).fits[0].levels[:2]] == ["superseded", "superseded"]
    assert "levels_superseded" in codes(case)
    assert "levels_contradict" not in codes(case)
    alone = changed(case, levels=case["levels"][2:])
    for one, other in zip(answer(case).options, answer(alone).options, strict=False):
        assert one.regimen == other.regimen
        assert one.probability == other.probability


def test_levels_that_agree_are_all_fitted() -> None:
    case = on(2, 42, *(level(24.0 * (14 + 7 * n), value) for n, value in enumerate([11.0, 8.0, 9.0, 10.0, 9.0])))
    assert all(one.used for one in answer(case).fits[0].levels)
    assert "levels_superseded" not in codes(case)


def test_of_two_levels_that_contradict_neither_is_superseded() -> None:
    case = on(2, 21, level(480.0, 3.0), level(504.0, 18.0))
    assert "levels_contradict" in codes(case)
    assert all(one.used for one in answer(case).fits[0].levels)
    assert "levels_superseded" not in codes(case)


def test_the_largest_number_of_newest_levels_that_agree_is_fitted() -> None:
    """40 does not fit the rest; the four after it do, and none of them is given up."""
    case = on(2, 42, *(level(24.0 * (14 + 7 * n), value) for n, value in enumerate([40.0, 9.0, 8.0, 10.0, 9.0])))
    assert [one.used for one in answer(case).fits[0].levels] == [False, True, True, True, True]


def test_an_outlier_lies_farther_out_the_more_levels_there_are() -> None:
    for count_ in (1, 4, 12, 20):
        beyond = max(3.0, float(-norm.ppf(0.005 / count_)))
        assert beyond == pytest.approx({1: 3.0, 4: 3.023, 12: 3.341, 20: 3.481}[count_], abs=0.001)
    model = site_model(sd={"cl": 0.05, "v": 0.05})
    for value in np.arange(12.0, 22.0, 0.5):
        case = adult(doses=[run(2, 30)], levels=[level(480.0, 8.0), level(720.0, float(value))], now=720.0, model=model)
        residuals = [one.weighted_residual for one in answer(case).fits[0].levels]
        far = any(one is not None and abs(one) > 3.0 for one in residuals)
        assert ("outlier" in codes(case)) is far, value


# --- low levels -------------------------------------------------------------------------------------------------------


def test_only_the_newest_level_asks_for_adherence_first() -> None:
    newest = on(2, 30, level(360.0, 8.0), level(720.0, 2.5))
    assert "check_adherence" in codes(newest)
    assert "low_level_past" not in codes(newest)
    assert answer(newest).summary.startswith("First check adherence and repeat the level.")
    past = on(2, 30, level(360.0, 3.5), level(720.0, 6.5))
    assert "check_adherence" not in codes(past)
    assert findings(past)["low_level_past"].severity == "info"
    assert not answer(past).summary.startswith("First check")
    bound_since = on(2, 31, level(720.0, 2.5), level(723.0, 12.0))
    assert "check_adherence" in codes(bound_since), "a level that is not fitted answers nothing"


def test_a_low_level_of_observed_doses_never_leads_to_less_than_a_higher_one() -> None:
    """4 mg once daily, every dose seen: 0.5 ng/mL cannot be a reason for less of the drug than 4 or 7 ng/mL are."""
    doses = [{**run(4, 14), "taken": "observed"}]
    advised = [daily(on(4, 14, level(336.0, value), doses=doses)) for value in (0.5, 1.0, 2.0, 4.0, 7.0, 14.0)]
    assert advised == sorted(advised, reverse=True)


# --- the next level ---------------------------------------------------------------------------------------------------


def test_a_large_change_is_followed_after_7_to_8_days() -> None:
    large = on(1, 28, level(672.0, 3.0))
    assert daily(large) > 1.5
    assert from_to(large) == (168.0, 192.0)
    small = on(2, 28, level(672.0, 5.2), target=window(6, 15))
    assert 2.0 < daily(small) <= 3.0
    assert from_to(small)[1] > 192.0
    kept = on(2, 28, level(672.0, 8.0))
    assert decision(kept) == "keep"
    assert from_to(kept)[1] > 192.0


def test_half_is_not_more_than_half() -> None:
    case = on(2, 28, level(672.0, 16.0))
    assert daily(case) == 1.0
    assert from_to(case)[1] > 192.0


def test_a_resumption_is_followed_after_7_to_8_days() -> None:
    case = on(2, 28, level(672.0, 8.0), now=1000.0)
    assert answer(case).current is None
    assert daily(case) == 2.0
    assert from_to(case) == (168.0, 192.0)


@pytest.mark.parametrize(
    "case",
    [
        on(2, 28, level(672.0, 24.0)),
        on(2, 28, level(672.0, 2.0)),
        on(2, 28, level(648.0, 3.0), level(672.0, 18.0)),
        on(1, 28, level(672.0, 1.0)),
    ],
    ids=["hold", "low", "contradiction", "low, with a large change"],
)
def test_what_has_to_be_repeated_is_measured_in_3_to_5_days(case: Json) -> None:
    first, last = from_to(case)
    assert 72.0 <= first <= last <= 120.0


def test_a_low_newest_level_is_repeated_soon_although_its_doses_were_observed() -> None:
    """Nobody is asked for adherence then, and the level is low all the same."""
    for taken, asks in (("observed", False), ("reported", True)):
        case = on(2, 28, level(672.0, 3.5), doses=[{**run(2, 28), "taken": taken}])
        assert ("check_adherence" in codes(case)) is asks
        first, last = from_to(case)
        assert 72.0 <= first <= last <= 120.0, taken


def test_a_drug_change_that_is_sooner_goes_before_a_large_change() -> None:
    drug = [{"name": "isavuconazole", "start": -1000.0, "stop": 671.0}]
    case = adult(doses=[run(1, 28)], levels=[level(648.0, 8.0)], now=672.0, comedications=drug)
    assert daily(case) > 1.5
    first, last = from_to(case)
    assert 671.0 + 72.0 - 672.0 <= first <= last <= 671.0 + 120.0 - 672.0


# --- every none -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        on(2, 14, level(336.0, 8.0), protocol="ctd-rtp-2025"),
        adult(protocol="ctd-rtp-2025"),
        on(2, 20, level(480.0, 3.0), level(480.0, 15.0)),
        adult(doses=[run(2, 128)], levels=[level(672.0, 21.0)], now=24.0 * 128),
        adult(product={"strengths_mg": [5]}, now=0.0),
    ],
    ids=["no window", "no window, no dose", "irreconcilable", "hold not followed", "nothing to give"],
)
def test_every_none_has_a_blocking_finding_and_a_next_level(case: Json) -> None:
    found = answer(case)
    assert found.decision == "none"
    assert found.proposal is None
    assert found.expected_to_reach is None
    assert blocking(case)
    assert found.next_level is not None
    assert all(one.message in found.summary for one in found.findings if one.severity == "blocking")


def test_a_single_dose_of_another_day_is_no_reason_for_silence() -> None:
    case = adult(doses=[dose(0.0, 2), dose(24.0, 1), dose(48.0, 3), dose(72.0, 2)], levels=[level(96.0, 4.0)], now=96.0)
    assert answer(case).current is None
    assert decision(case) not in ("none", "hold")
