"""The regimens that can really be given: whole tablets or steps of a solution, in patterns that people can keep.

Every number here is a design rule.
"""

from __future__ import annotations

import math
from enum import IntEnum
from itertools import pairwise

from tdm.case.entries import Product
from tdm.case.regimen import Regimen

DAILY_H, TWICE_DAILY_H, EVERY_OTHER_DAY_H, EVERY_THIRD_DAY_H, WEEKLY_H = 24.0, 12.0, 48.0, 72.0, 168.0
# Where tablets once daily are too much, the oral solution (1 mg/mL) is compared too, in steps of this.
SOLUTION = Product(step_mg=0.1)
# Not more than this times the current daily dose in one step.
LARGEST_STEP_UP = 2.0
# Doses are told apart to a microgram.
DOSE_GRAIN_MG = 0.001
# Tablets in one dose.
MOST_TABLETS = 10
# A dose per day just above a limit by rounding is at the limit.
ROUNDING_MG = 1e-9
# A product offers more regimens than anyone compares: of each pattern those nearest to the need are kept.
MOST_OF_A_PATTERN = 60


class Simplicity(IntEnum):
    """How simple a regimen's pattern is, the simplest first; no unit."""

    ONCE_DAILY = 0
    TWICE_DAILY = 1
    ALTERNATING = 2
    EVERY_OTHER_DAY = 3
    SOLUTION = 4
    SPARSE = 5
    OTHER = 6


def simplicity(regimen: Regimen) -> Simplicity:
    """Return how simple a regimen is to keep (no unit)."""
    if len(regimen.pattern_mg) == 1:
        return {
            DAILY_H: Simplicity.ONCE_DAILY,
            TWICE_DAILY_H: Simplicity.TWICE_DAILY,
            EVERY_OTHER_DAY_H: Simplicity.EVERY_OTHER_DAY,
            EVERY_THIRD_DAY_H: Simplicity.SPARSE,
            WEEKLY_H: Simplicity.SPARSE,
        }.get(regimen.every_h, Simplicity.OTHER)
    if len(regimen.pattern_mg) == 2 and regimen.every_h == DAILY_H:
        return Simplicity.ALTERNATING
    return Simplicity.OTHER


def preparable_doses(product: Product, up_to_mg: float) -> tuple[float, ...]:
    """Return the single doses (mg, ascending, up to `up_to_mg`) that the product gives without splitting."""
    if product.step_mg is not None:
        steps = int((up_to_mg + ROUNDING_MG) / product.step_mg)
        return tuple(round(product.step_mg * n, 6) for n in range(1, steps + 1))
    assert product.strengths_mg is not None  # a product has one form
    grains = [round(strength / DOSE_GRAIN_MG) for strength in product.strengths_mg]
    reach = {0}
    found: set[int] = set()
    for _ in range(MOST_TABLETS):
        reach = {
            total + grain for total in reach for grain in grains if total + grain <= up_to_mg / DOSE_GRAIN_MG + 0.5
        }
        found |= reach
    return tuple(round(total * DOSE_GRAIN_MG, 6) for total in sorted(found))


def is_preparable(regimen: Regimen, product: Product) -> bool:
    """Return whether every dose (mg) of a regimen can be made from the product."""
    doses = preparable_doses(product, max(regimen.pattern_mg))
    return all(any(abs(dose - one) < DOSE_GRAIN_MG / 2 for one in doses) for dose in regimen.pattern_mg)


def candidates(
    product: Product, child: bool, highest_daily_mg: float, need_mg: float, small: bool = False
) -> tuple[Regimen, ...]:
    """Return the regimens to compare (mg), up to `highest_daily_mg` a day, around a need of `need_mg` once daily.

    No single dose is above the highest daily dose either: every other day is no way to a dose that nobody studied.
    Where `small` doses are needed, every third day and weekly are compared too.
    """
    doses = preparable_doses(product, highest_daily_mg)
    patterns = [
        [Regimen(pattern_mg=(dose,), every_h=DAILY_H) for dose in doses],
        [Regimen(pattern_mg=(dose,), every_h=TWICE_DAILY_H) for dose in doses if child or product.step_mg is not None],
        [Regimen(pattern_mg=pair, every_h=DAILY_H) for pair in pairwise(doses)],
        [Regimen(pattern_mg=(dose,), every_h=EVERY_OTHER_DAY_H) for dose in doses],
    ]
    if small:
        patterns += [
            [Regimen(pattern_mg=(dose,), every_h=every) for dose in doses] for every in (EVERY_THIRD_DAY_H, WEEKLY_H)
        ]
    return tuple(regimen for pattern in patterns for regimen in _nearest(pattern, highest_daily_mg, need_mg))


def solution_candidates(highest_daily_mg: float, need_mg: float) -> tuple[Regimen, ...]:
    """Return the once-daily regimens of the oral solution (mg), up to `highest_daily_mg`, nearest to the need."""
    doses = preparable_doses(SOLUTION, highest_daily_mg)
    once_daily = [Regimen(pattern_mg=(dose,), every_h=DAILY_H) for dose in doses]
    return tuple(_nearest(once_daily, highest_daily_mg, need_mg))


def _nearest(pattern: list[Regimen], highest_daily_mg: float, need_mg: float) -> list[Regimen]:
    """The regimens of a pattern up to the highest daily dose nearest to the need (logarithm of mg per day)."""
    allowed = [regimen for regimen in pattern if regimen.daily_dose_mg <= highest_daily_mg + ROUNDING_MG]
    return sorted(allowed, key=lambda regimen: abs(math.log(regimen.daily_dose_mg / need_mg)))[:MOST_OF_A_PATTERN]
