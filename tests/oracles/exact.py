"""One compartment with first-order absorption, in 50-digit arithmetic.

Amounts in mg, times in h, clearance in L/h, volume in L, rate constants in 1/h, concentrations in
ng/mL (1 mg/L = 1000 ng/mL). Floats are taken as the binary numbers that they are.

The model is ``da/dt = -ka a``, ``dm/dt = ka a - k m`` with ``k = CL / V`` and the concentration
``1000 m / V``. Over a stretch of constant parameters it has the closed form (Bateman 1910)

    a(t) = a0 exp(-ka t)
    m(t) = m0 exp(-k t) + a0 ka (exp(-k t) - exp(-ka t)) / (ka - k)

where at and near ``ka = k`` the fraction is written as ``t exp(-k t) (1 - exp(-x)) / x`` with
``x = (ka - k) t``. Every term is positive: the sum over doses does not cancel.

Results are 50-digit numbers whatever the caller's precision; arithmetic on them follows the
caller's ``mpmath.mp.dps``.
"""

from collections.abc import Callable, Sequence

from mpmath import mp, mpf

DIGITS = 50
GUARD_DIGITS = 15
SMALL = 1e-3
"""Below this (ka - k) t the plain difference would lose more than three of the guard digits."""
SHIFT_DIGITS = 30
"""The central difference of ``log_gradient`` steps by 10**-30: its error is about 10**-60."""
MOST_DIGITS = 4000

Dose = tuple[float, float]
"""Time in h, dose in mg."""
Piece = tuple[float, float, float, float]
"""Start in h, clearance in L/h, volume in L, absorption rate constant in 1/h."""


class _Stretch:
    """Transition of the amounts under constant parameters, remembered by its length in h."""

    def __init__(self, cl: mpf, v: mpf, ka: mpf) -> None:
        self.k = cl / v
        self.v = v
        self.ka = ka
        self._known: dict[mpf, tuple[mpf, mpf, mpf]] = {}

    def factors(self, length: mpf) -> tuple[mpf, mpf, mpf]:
        """Depot kept, depot passed into the centre, centre kept, over ``length`` h."""
        if length not in self._known:
            depot_kept, centre_kept = mp.exp(-self.ka * length), mp.exp(-self.k * length)
            x = (self.ka - self.k) * length
            if abs(x) < SMALL:
                share = -mp.expm1(-x) / x if x else mpf(1)
                passed = self.ka * length * centre_kept * share
            else:
                passed = self.ka * (centre_kept - depot_kept) / (self.ka - self.k)
            self._known[length] = (depot_kept, passed, centre_kept)
        return self._known[length]

    def after(self, depot: mpf, centre: mpf, length: mpf) -> tuple[mpf, mpf]:
        """Both amounts (mg) ``length`` h later."""
        depot_kept, passed, centre_kept = self.factors(length)
        return depot * depot_kept, centre * centre_kept + depot * passed


def _stretches(pieces: Sequence[Piece], shift: Sequence[mpf]) -> list[tuple[mpf, _Stretch]]:
    """The pieces in order of time, with (CL, V, ka) multiplied by ``shift``."""
    return [
        (mpf(start), _Stretch(mpf(cl) * shift[0], mpf(v) * shift[1], mpf(ka) * shift[2]))
        for start, cl, v, ka in sorted(pieces)
    ]


def _concentration(doses: Sequence[Dose], pieces: Sequence[Piece], time_h: float, shift: Sequence[mpf]) -> mpf:
    """Concentration (ng/mL) in the current working precision: from event to event."""
    stretches = _stretches(pieces, shift)
    stop = mpf(time_h)
    given = [(mpf(time), mpf(dose)) for time, dose in sorted(doses) if time < time_h]
    changes = [(start, mpf(0)) for start, _ in stretches[1:] if start <= stop]
    events = sorted([*given, *changes, (stop, mpf(0))])
    now, depot, centre = events[0][0], mpf(0), mpf(0)
    piece = 0
    for time, dose in events:
        if time > now:
            depot, centre = stretches[piece][1].after(depot, centre, time - now)
        while piece + 1 < len(stretches) and stretches[piece + 1][0] <= time:
            piece += 1
        now, depot = time, depot + dose
    return 1000 * centre / stretches[piece][1].v


def concentration(doses: Sequence[Dose], pieces: Sequence[Piece], time_h: float) -> mpf:
    """Concentration (ng/mL) at ``time_h``; a dose given at that very time does not count yet.

    A piece holds from its start on, up to the next start; the first also holds before its start.
    At a change the amounts are continuous and the concentration is that of the new volume.
    """
    with mp.workdps(DIGITS + GUARD_DIGITS):
        value = _concentration(doses, pieces, time_h, (mpf(1), mpf(1), mpf(1)))
    return _rounded(value)


def log_gradient(doses: Sequence[Dose], pieces: Sequence[Piece], time_h: float) -> tuple[mpf, mpf, mpf]:
    """Derivatives (ng/mL) of the concentration by ln CL, ln V and ln ka, all pieces together.

    Central differences with a step of 10**-30 in so many digits that neither the step nor the
    rounding is seen in 45 digits relative to the concentration.
    """
    with mp.workdps(DIGITS + SHIFT_DIGITS + GUARD_DIGITS):
        step = mpf(10) ** -SHIFT_DIGITS
        slopes = []
        for axis in range(3):
            up, down = [mpf(1)] * 3, [mpf(1)] * 3
            up[axis], down[axis] = mp.exp(step), mp.exp(-step)
            rise = _concentration(doses, pieces, time_h, up)
            fall = _concentration(doses, pieces, time_h, down)
            slopes.append((rise - fall) / (2 * step))
    by_cl, by_v, by_ka = slopes
    return _rounded(by_cl), _rounded(by_v), _rounded(by_ka)


def steady_state_troughs(pattern_mg: Sequence[float], every_h: float, cl: float, v: float, ka: float) -> list[mpf]:
    """Concentrations (ng/mL) just before each dose of a cycle repeated for ever.

    The doses of ``pattern_mg`` follow one another every ``every_h`` h, the first again after the
    last. The state before the first dose is the fixed point of the map over one cycle, which is
    linear and triangular: a = A a + a1, m = B a + M m + m1.
    """
    with mp.workdps(DIGITS + GUARD_DIGITS):
        stretch = _Stretch(mpf(cl), mpf(v), mpf(ka))
        gap = mpf(every_h)
        cycle = gap * len(pattern_mg)
        depot_end, centre_end = mpf(0), mpf(0)
        for dose in pattern_mg:
            depot_end, centre_end = stretch.after(depot_end + mpf(dose), centre_end, gap)
        _, passed, _ = stretch.factors(cycle)
        depot = depot_end / -mp.expm1(-stretch.ka * cycle)
        centre = (passed * depot + centre_end) / -mp.expm1(-stretch.k * cycle)
        troughs = []
        for dose in pattern_mg:
            troughs.append(1000 * centre / stretch.v)
            depot, centre = stretch.after(depot + mpf(dose), centre, gap)
    return [_rounded(trough) for trough in troughs]


def run_concentration(
    dose_mg: float,
    every_h: float,
    count: int,
    start_h: float,
    cl: float,
    v: float,
    ka: float,
    time_h: float,
) -> mpf:
    """Concentration (ng/mL) during or after one run of ``count`` equal doses, in closed form.

    With n doses given before ``time_h``, the last of them s h ago, the sum of n Bateman functions
    is the difference of two geometric sums (Gibaldi and Perrier, Pharmacokinetics, 1982, ch. 3)

        1000 D ka / (V (ka - k)) (F(k) - F(ka)),
        F(r) = exp(-r s) (1 - exp(-n r T)) / (1 - exp(-r T))

    which cancels near ka = k: the precision rises until two of them agree.
    """

    def attempt() -> mpf:
        gap, start, time = mpf(every_h), mpf(start_h), mpf(time_h)
        given = min(count, int(mp.ceil((time - start) / gap))) if time > start else 0
        if given <= 0:
            return mpf(0)
        since = time - start - (given - 1) * gap
        k, absorption = mpf(cl) / mpf(v), mpf(ka)
        if absorption * mpf(v) == mpf(cl):  # the limit, from a third of the working digits away
            absorption *= 1 + mpf(10) ** (-mp.dps // 3)

        def geometric(rate: mpf) -> mpf:
            series = mp.expm1(-given * rate * gap) / mp.expm1(-rate * gap)
            return mp.exp(-rate * since) * series

        fraction = absorption / (absorption - k)
        return 1000 * mpf(dose_mg) / mpf(v) * fraction * (geometric(k) - geometric(absorption))

    return _settled(attempt)


def _settled(attempt: Callable[[], mpf]) -> mpf:
    """The value of ``attempt`` once two working precisions agree to more than 50 digits."""
    digits = 4 * DIGITS
    with mp.workdps(digits):
        value = attempt()
    while digits < MOST_DIGITS:
        digits *= 2
        with mp.workdps(digits):
            better = attempt()
            agreed = abs(better - value) <= abs(better) * mpf(10) ** -(DIGITS + 2)
        if agreed:
            return _rounded(better)
        value = better
    raise ArithmeticError(f"no agreement of two precisions up to {MOST_DIGITS} digits")


def _rounded(value: mpf) -> mpf:
    """The value to 50 digits."""
    with mp.workdps(DIGITS):
        return +value
