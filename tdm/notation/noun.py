"""What every noun of the input and of the seeds is: frozen, without unknown fields, its numbers finite."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """A frozen record without unknown fields, its numbers finite; units in the names of its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
