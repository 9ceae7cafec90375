"""How large the studies among the tests are: small in every run, whole where `TDM_STUDIES` is set (`just studies`)."""

from __future__ import annotations

import os

WHOLE = bool(os.environ.get("TDM_STUDIES"))


def size(whole: int, usual: int) -> int:
    """Return how many cases a study takes: `whole` where studies are asked for, else `usual`."""
    return whole if WHOLE else usual
