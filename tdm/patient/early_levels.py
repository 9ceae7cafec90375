"""What a level drawn before the end of a dosing interval says under a model that was built on troughs.

A one-compartment model of troughs knows no distribution phase: soon after a dose the true concentration lies above its
curve. At equal troughs two-compartment models of sirolimus read this many times the one-compartment concentration
(golubovic-2019 / wu-2012): 2.3 / 1.5 at 5 h after a dose, 1.5 / 1.0 at 12 h, 1.13 / 1.0 at 19 h. From 12 h on a level
is fitted with that bias taken off and with an error that is wider the earlier it was drawn; before, it is only an upper
bound of the trough that follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# Design rule: from this many hours after a dose a level is fitted; the published bias at it is a factor of 1.5 at most.
FITTED_FROM_H = 12.0
# Hours after a dose at which the bias of a trough model is known, and ln of the factor under the slower of the two
# models; the other one has none from 12 h on. In the last hour before a dose a level is a trough.
KNOWN_BIAS_H = (12.0, 19.0, 23.0)
LARGEST_LN_BIAS = (math.log(1.5), math.log(1.13), 0.0)


@dataclass(frozen=True)
class Distribution:
    """How a level early after a dose differs from a trough model's curve: ln of the factor, and its SD (no unit)."""

    ln_bias: float
    ln_sd: float


AT_TROUGH = Distribution(0.0, 0.0)


def distribution_at(since_dose_h: float, explained_from_h: float) -> Distribution:
    """Return how far a level (h after its dose) lies above a model that explains samples from a time (h) on.

    The bias is the middle of the two published ones (in ln), its SD their half distance. A model that itself explains
    samples from `FITTED_FROM_H` on is taken at its word.
    """
    if explained_from_h <= FITTED_FROM_H or since_dose_h >= KNOWN_BIAS_H[-1]:
        return AT_TROUGH
    largest = float(np.interp(since_dose_h, KNOWN_BIAS_H, LARGEST_LN_BIAS))
    return Distribution(0.5 * largest, 0.5 * largest)
