"""Cholesky factors of many small matrices at once (no units): arithmetic over the stack instead of a call for each.

A stack of n matrices of size d is worked through in d(d+1)/2 array operations, which for d up to six is far faster than
a library call per matrix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tdm.pk.superposition import Floats


def factor(matrices: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the lower factors (n, d, d) of symmetric matrices, no unit, and which matrices are positive definite.

    The factor of a matrix that is not positive definite is meaningless, but finite.
    """
    lower = np.zeros_like(matrices)
    positive = np.ones(len(matrices), dtype=bool)
    for column in range(matrices.shape[-1]):
        done = lower[:, column, :column]
        pivot = matrices[:, column, column] - (done * done).sum(axis=-1)
        positive &= pivot > 0.0
        lower[:, column, column] = np.sqrt(np.where(pivot > 0.0, pivot, 1.0))
        for row in range(column + 1, matrices.shape[-1]):
            rest = matrices[:, row, column] - (lower[:, row, :column] * done).sum(axis=-1)
            lower[:, row, column] = rest / lower[:, column, column]
    return lower, positive


def solve(lower: Floats, vectors: Floats) -> Floats:
    """Return x of (lower lower') x = vectors (n, d), no unit, for factors (n, d, d)."""
    size = vectors.shape[-1]
    found = np.array(vectors, dtype=float)
    for row in range(size):
        found[:, row] -= (lower[:, row, :row] * found[:, :row]).sum(axis=-1)
        found[:, row] /= lower[:, row, row]
    for row in reversed(range(size)):
        found[:, row] -= (lower[:, row + 1 :, row] * found[:, row + 1 :]).sum(axis=-1)
        found[:, row] /= lower[:, row, row]
    return found
