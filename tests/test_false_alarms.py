"""How often levels of sound patients are called contradictory: at most in one answer of a hundred.

Patients are drawn from mao-2024 by its printed numbers, their troughs at steady state on one regimen with its residual
error, dose by dose in closed form; each is answered as a case. The share is compared with 1 % by the exact binomial
distribution. All random numbers are seeded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

import tdm
from tests.bedside import Json, adult, level, run
from tests.studies import size

CL, V, KA, RESIDUAL = 7.09, 496.0, 0.75, 0.182
OMEGA = np.array([[0.324**2, 0.0665], [0.0665, 0.427**2]])
PATIENTS = size(2000, 120)
ALLOWED = 0.01
ALPHA = 1e-4
FIRST_DAY, EVERY_DAYS = 56, 7
"""A long half-life of the population is ten days: by day 56 nearly everybody is at steady state."""


def trough(amount: float, cl: float, v: float) -> float:
    """Return the concentration (ng/mL) before a dose at steady state once daily."""
    k = cl / v
    scale = 1000.0 * amount * KA / (v * (KA - k))
    return float(scale * (np.exp(-24.0 * k) / -np.expm1(-24.0 * k) - np.exp(-24.0 * KA) / -np.expm1(-24.0 * KA)))


def sound(rng: np.random.Generator, levels: int) -> Json:
    """Return a patient on one regimen with so many troughs, weekly from steady state on."""
    eta = rng.multivariate_normal(np.zeros(2), OMEGA)
    amount = float(rng.choice([1.0, 2.0, 3.0]))
    own = trough(amount, CL * float(np.exp(eta[0])), V * float(np.exp(eta[1])))
    measured = []
    for number in range(levels):
        error = float(np.clip(rng.standard_normal(), -5.0, 5.0))
        value = max(0.1, round(own * (1.0 + RESIDUAL * error), 2))
        measured.append(level(24.0 * (FIRST_DAY + EVERY_DAYS * number), value))
    days = FIRST_DAY + EVERY_DAYS * (levels - 1)
    return adult(doses=[run(amount, days)], levels=measured, now=24.0 * days)


def called_into_question(found: tdm.Recommendation) -> set[str]:
    return {one.code for one in found.findings} & {"levels_contradict", "levels_superseded"}


@pytest.mark.slow
@pytest.mark.parametrize("levels", [2, 4, 8, 12, 20])
def test_at_most_one_answer_of_a_hundred_calls_sound_levels_contradictory(levels: int, record_property: Any) -> None:
    rng = np.random.default_rng([11, levels])
    found = [called_into_question(tdm.recommend(tdm.read_case(sound(rng, levels)))) for _ in range(PATIENTS)]
    shares = {}
    for name, alarms in (
        ("levels_contradict", sum("levels_contradict" in one for one in found)),
        ("contradict or superseded", sum(bool(one) for one in found)),
    ):
        shares[name] = alarms / PATIENTS
        record_property(name, shares[name])
        print(f"{levels} levels: {name} {100 * shares[name]:.2f} %")
        chance = float(binom.sf(alarms - 1, PATIENTS, ALLOWED))
        assert chance >= ALPHA, f"{name}: {alarms} of {PATIENTS}"
