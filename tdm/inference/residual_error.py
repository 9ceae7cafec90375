"""Residual error: how a measured level scatters around its prediction."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tdm.knowledge.model import Residual
from tdm.pk.superposition import Floats


@dataclass(frozen=True)
class ResidualError:
    """Residual SD: sqrt((proportional * prediction)^2 + additive_ng_ml^2), or `log_sd` on the logarithm (no unit).

    `proportional` and `log_sd` are of all levels, or of each one, shape (samples,).
    """

    proportional: float | Floats = 0.0
    additive_ng_ml: float = 0.0
    log_sd: float | Floats | None = None

    def widened(self, ln_sd: Floats) -> ResidualError:
        """Return the error of each level with a further SD of ln concentration (samples,), no unit, at first order."""
        if self.log_sd is not None:
            return replace(self, log_sd=np.hypot(self.log_sd, ln_sd))
        return replace(self, proportional=np.hypot(self.proportional, ln_sd))

    def sd_ng_ml(self, prediction_ng_ml: Floats) -> Floats:
        """Return the residual SD, ng/mL, at predictions in ng/mL (first order for a log-normal error)."""
        if self.log_sd is not None:
            return self.log_sd * prediction_ng_ml
        return np.asarray(np.sqrt((self.proportional * prediction_ng_ml) ** 2 + self.additive_ng_ml**2))


def residual_error(residual: Residual) -> ResidualError:
    """Return the residual error of a model's noun (no unit; ng/mL)."""
    if residual.kind == "log-normal":
        return ResidualError(log_sd=residual.sd)
    return ResidualError(
        getattr(residual, "proportional", 0.0),
        getattr(residual, "additive_ng_ml", 0.0),
    )
