"""Residual error: how a measured level scatters around its prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tdm.knowledge.model import Residual
from tdm.pk.superposition import Floats


@dataclass(frozen=True)
class ResidualError:
    """Residual SD: sqrt((proportional * prediction)^2 + additive_ng_ml^2), or `log_sd` on the logarithm (no unit)."""

    proportional: float = 0.0
    additive_ng_ml: float = 0.0
    log_sd: float | None = None

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
