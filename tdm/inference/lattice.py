"""Quasi-random points: an embedded rank-1 lattice, randomly shifted.

The first two components are those by Cools, Kuo and Nuyens (SIAM J Sci Comput 2006;28:2162; "exod2_base2_m20"); the
third of theirs resonates with them at 2^13 to 2^16 points (1 + 11 * 182667 + 2 * 469891 is 45 * 2^16). The others come
from a search, component by component as in that paper, for the least worst-case error (P2, equal weights) over all 2^m
points, m from 10 to 17, so that a sample can be doubled without throwing points away. No units.
"""

from __future__ import annotations

import numpy as np

from tdm.pk.superposition import Floats

GENERATOR = (1, 182667, 44935, 112021, 71119, 48535)
MOST_DIMENSIONS = len(GENERATOR)


def lattice(points: int, dimensions: int) -> Floats:
    """Return the lattice of `points` (a power of two) in the unit cube, shape (points, dimensions), unshifted."""
    index = np.arange(points)[:, None]
    return np.asarray((index * np.array(GENERATOR[:dimensions])) % points / points)


def added_half(points: int, dimensions: int) -> Floats:
    """Return the points (no unit) that double a lattice to one of `points`, shape (points / 2, dimensions)."""
    index = np.arange(1, points, 2)[:, None]
    return np.asarray((index * np.array(GENERATOR[:dimensions])) % points / points)


def shifted(points: Floats, shift: Floats) -> Floats:
    """Return lattice points moved by `shift` modulo one (Cranley-Patterson), kept strictly inside the unit cube.

    A shift uniform in the unit cube makes every point uniform, so that replicates with independent shifts estimate the
    error (Cranley and Patterson, SIAM J Numer Anal 1976;13:904).
    """
    moved = (points + shift) % 1.0
    tiny = np.finfo(float).eps
    return np.asarray(np.clip(moved, tiny, 1.0 - tiny))


def shifts(replicates: int, dimensions: int, seed: int) -> Floats:
    """Return the shifts (no unit) of all replicates, shape (replicates, dimensions), the same for the same seed."""
    return np.random.default_rng(seed).random((replicates, dimensions))
