"""The same model by numerical integration, knowing nothing but the differential equations.

    d depot / dt = -ka depot,    d centre / dt = ka depot - (CL / V) centre

in mg and h, restarted at every dose and every change of a parameter; ng/mL = 1000 centre / V.
Good to about 1e-10 relative.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

RELATIVE_TOLERANCE = 1e-12
ABSOLUTE_TOLERANCE_MG = 1e-18

Amounts = NDArray[np.float64]
Dose = tuple[float, float]
Piece = tuple[float, float, float, float]


def _integrated(amounts: Amounts, start: float, stop: float, piece: Piece) -> Amounts:
    """Depot and central amounts (mg) at ``stop``, from those at ``start``."""
    if stop <= start:
        return amounts
    _, cl, v, ka = piece

    def slope(_time: float, state: Amounts) -> list[float]:
        depot, centre = state
        return [-ka * depot, ka * depot - cl / v * centre]

    solution = solve_ivp(
        slope,
        (0.0, stop - start),
        amounts,
        method="DOP853",
        rtol=RELATIVE_TOLERANCE,
        atol=ABSOLUTE_TOLERANCE_MG,
    )
    if not solution.success:
        raise ArithmeticError(solution.message)
    return np.asarray(solution.y[:, -1], dtype=np.float64)


def _piece_at(pieces: Sequence[Piece], time: float) -> Piece:
    """The piece that holds at ``time``: the last one started, or the first of all."""
    ordered = sorted(pieces)
    started = [piece for piece in ordered if piece[0] <= time]
    return started[-1] if started else ordered[0]


def concentration(doses: Sequence[Dose], pieces: Sequence[Piece], time_h: float) -> float:
    """Concentration (ng/mL) at ``time_h``; a dose given at that very time does not count yet."""
    given = [dose for dose in sorted(doses) if dose[0] < time_h]
    if not given:
        return 0.0
    changes = [piece[0] for piece in pieces if given[0][0] < piece[0] < time_h]
    stops = sorted({time for time, _ in given} | set(changes) | {time_h})
    amounts = np.zeros(2)
    for start, stop in pairwise(stops):
        amounts[0] += sum(dose for time, dose in given if time == start)
        amounts = _integrated(amounts, start, stop, _piece_at(pieces, start))
    return float(1000.0 * amounts[1] / _piece_at(pieces, time_h)[2])


def steady_state_troughs(pattern_mg: Sequence[float], every_h: float, cl: float, v: float, ka: float) -> list[float]:
    """Concentrations (ng/mL) just before each dose of a cycle repeated for ever.

    One cycle is integrated from nothing, from 1 mg in the depot and from 1 mg in the centre; the
    amounts before the first dose then solve ``x = M x + x0``.
    """
    piece = (0.0, cl, v, ka)
    cycle = every_h * len(pattern_mg)
    end = np.zeros(2)
    for dose in pattern_mg:
        end = _integrated(end + np.array([dose, 0.0]), 0.0, every_h, piece)
    transition = np.column_stack([_integrated(unit, 0.0, cycle, piece) for unit in np.eye(2)])
    amounts = np.linalg.solve(np.eye(2) - transition, end)
    troughs = []
    for dose in pattern_mg:
        troughs.append(float(1000.0 * amounts[1] / v))
        amounts = _integrated(amounts + np.array([dose, 0.0]), 0.0, every_h, piece)
    return troughs
