"""Random effects (IIV, omega): how individuals differ from the typical patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tdm.knowledge.model import PARAMETERS, Omega
from tdm.pk.superposition import Floats


@dataclass(frozen=True)
class Variability:
    """Random effects: their covariance `omega` (d, d), no unit, and what they act on, in its order.

    The first act on parameters; those after them on the bioavailability that an interaction leaves (see `Cohort`).
    """

    omega: Floats
    of: tuple[str, ...]

    @cached_property
    def precision(self) -> Floats:
        """Return the inverse of omega, shape (d, d), no unit."""
        return np.asarray(np.linalg.inv(self.omega))

    @cached_property
    def cholesky(self) -> Floats:
        """Return the lower Cholesky factor of omega, shape (d, d), no unit."""
        return np.asarray(np.linalg.cholesky(self.omega))

    def effect_on(self, parameter: int) -> Floats:
        """Return how ln of a parameter (by its index) changes along each random effect, shape (d,), no unit."""
        return np.array([1.0 if name == PARAMETERS[parameter] else 0.0 for name in self.of])


def variability(omega: Omega) -> Variability:
    """Return the variability of a model's noun (no unit)."""
    return Variability(np.array(omega.covariance, dtype=float), omega.of)
