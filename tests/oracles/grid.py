"""The posterior of one to three random effects on a dense grid that locates and refines itself.

Takes a case as JSON gives it (inline model, times in h, constant covariates, no co-medications)
and shares no line with ``plain``: runs of equal doses are geometric sums, the prior is spherical.

Coordinates. With omega = L L' every point is ``L z`` with z ~ N(0, I). If both CL and V vary, the
first coordinate is ln(CL / V) in place of ln CL, and ln V is the last: then a predicted level is a
function of the first ones divided by V, and the rows of the grid run along V.

Grid. The coordinates are integrated one inside the other. For every prefix (z1 .. zj) the range
of the next coordinate is found by scanning +-7 prior SD, wider if the mass asks for it but only
up to the radius beyond which the prior rules it out, and zooming until the range just holds all
points within exp(-25) of the best of the row. So the grid follows a narrow curved ridge, and
several modes. Each range is cut into equal steps; the integrand vanishes at both ends, where the
trapezoid rule converges exponentially.

Probabilities. The event {f >= 0} is bounded on each row by the zeros of f, found by bisection on f
itself, and the density between them is integrated by a cubic spline. Every answer is repeated with
twice the spacing along each coordinate; where that matters the coordinate is refined, and an
answer that does not settle is refused by ``NotConvergedError``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq, minimize
from scipy.special import log_ndtr

PROBABILITY_TOLERANCE = 3e-5
"""Largest change of a probability when the spacing is doubled, added over the coordinates."""
QUANTILE_TOLERANCE = 1e-4
"""The same for a quantile, relative."""
SCAN_SD = 7.0
SCAN_NODES = 33
FIRST_NODES = {1: (129,), 2: (65, 65), 3: (65, 65, 33)}
MOST_POINTS = 10_000_000
GRIDS_KEPT = 3
DEPTH = 25.0
"""Points below exp(-25) of the best of their row are left out."""
ZOOMS = 16
ENOUGH_ZOOM = 0.7
BISECTIONS = 26
"""Down to 1e-8 of a step."""
LOWEST_LOG = -1e12
NEAR_EQUAL = 1e-6
"""Relative distance to which ka and CL / V are held apart: an error of that order, unseen here."""

Array = NDArray[np.float64]
Case = Mapping[str, Any]
Functional = Callable[["Parameters"], Array]
Summary = Literal["lowest", "highest", "mean"]


class NotConvergedError(ArithmeticError):
    """Halving the spacing still changes the answer."""


@dataclass(frozen=True)
class Parameters:
    """Individual parameters, as arrays that broadcast: L/h, L, 1/h."""

    k: Array
    v: Array
    ka: Array

    @property
    def cl(self) -> Array:
        return self.k * self.v


@dataclass(frozen=True)
class _Run:
    """Equal doses (mg) at equal distances (h)."""

    time: float
    dose: float
    every: float
    count: int


@dataclass(frozen=True)
class _Level:
    """What one level saw of each run: doses given, and h since the last of them."""

    observed: float
    is_limit: bool
    seen: list[tuple[_Run, int, float]]


def _geometric_sum(rate: Array, since: float, every: float, count: int) -> Array:
    """Sum over i < count of exp(-rate (since + i every))."""
    if count == 1:
        return np.exp(-rate * since)
    ratio = np.expm1(-rate * every * count) / np.expm1(-rate * every)
    return np.exp(-rate * since) * ratio


def _apart(k: Array, ka: Array) -> Array:
    """ka, moved away from k where the two are equal to six digits."""
    return np.where(np.abs(ka - k) < NEAR_EQUAL * k, k * (1.0 + NEAR_EQUAL), ka)


def _steady_state_troughs(at: Parameters, pattern_mg: Sequence[float], every_h: float) -> Array:
    """Pre-dose concentrations (ng/mL) of the endless cycle, one per dose on the first axis."""
    ka = _apart(at.k, at.ka)
    cycle = every_h * len(pattern_mg)
    scale = 1000.0 / at.v * ka / (ka - at.k)

    def left(ago: int) -> Array:
        """What 1 mg given ``ago`` doses ago, and one, two, ... cycles earlier, leaves (1/L)."""
        slow = np.exp(-at.k * ago * every_h) / -np.expm1(-at.k * cycle)
        fast = np.exp(-ka * ago * every_h) / -np.expm1(-ka * cycle)
        return np.asarray(scale * (slow - fast))

    n = len(pattern_mg)
    remains = {ago: left(ago) for ago in range(1, n + 1)}
    before = [sum((pattern_mg[(j - ago) % n] * remains[ago] for ago in remains), np.zeros(())) for j in range(n)]
    return np.stack(before)


class _Density:
    """Log posterior density in whitened coordinates, up to a constant."""

    def __init__(self, case: Case, low_tail: bool = False) -> None:
        self.low_tail = low_tail
        if case.get("covariates") or case.get("comedications"):
            raise ValueError("only constant covariates and no co-medications here")
        model = case["model"]
        self.log_typical = {name: _log_typical(name, model, case["patient"]) for name in ("cl", "v", "ka")}
        of = list(model["omega"]["of"])
        self.ratio_first = "cl" in of and "v" in of
        self.order = [name for name in ("k", "ka", "cl", "v") if name in self._varying(of)]
        self.root = np.linalg.cholesky(self._covariance(of, model["omega"]["covariance"]))
        self.residual: Mapping[str, Any] = model["residual"]
        self.levels = _levels(case)
        self.radius = self._radius()

    @property
    def dimensions(self) -> int:
        return len(self.order)

    def _varying(self, of: Sequence[str]) -> set[str]:
        return {"k" if name == "cl" and self.ratio_first else name for name in of}

    def _covariance(self, of: Sequence[str], omega: Sequence[Sequence[float]]) -> Array:
        """Prior covariance of the coordinates in their order."""
        change = np.zeros((len(of), len(of)))
        for row, name in enumerate(self.order):
            change[row, of.index("cl" if name == "k" else name)] = 1.0
            if name == "k":
                change[row, of.index("v")] = -1.0
        return np.asarray(change @ np.array(omega, dtype=np.float64) @ change.T)

    def depth_of(self, name: str) -> int:
        """How many coordinates the parameter ``name`` depends on, counted from the first; 0: none.

        The last coordinate counts for whatever depends on it.
        """
        needs = {"cl": ("k", "cl", "v") if self.ratio_first else ("cl",), "v": ("v",)}
        used = [j for j, n in enumerate(self.order) if n in needs.get(name, (name,))]
        return 1 + max(used) if used else 0

    def parameters(self, z: Sequence[Array]) -> Parameters:
        """Individual parameters at whitened coordinates; those not given yet stay typical."""
        log: dict[str, Any] = dict(self.log_typical)
        log_k = None
        for row, name in enumerate(self.order[: len(z)]):
            deviation = sum((self.root[row, j] * z[j] for j in range(row + 1)), np.zeros(()))
            if name == "k":
                log_k = log["cl"] - log["v"] + deviation
            else:
                log[name] = log[name] + deviation
        if log_k is None:
            log_k = log["cl"] - log["v"]
        return Parameters(np.exp(log_k), np.exp(log["v"]), np.exp(log["ka"]))

    def __call__(self, z: Sequence[Array]) -> Array:
        at = self.parameters(z)
        ka = _apart(at.k, at.ka)
        log_density = sum((-0.5 * coordinate**2 for coordinate in z), np.zeros(()))
        for level in self.levels:
            amount = sum(
                (
                    run.dose
                    * (_geometric_sum(at.k, since, run.every, count) - _geometric_sum(ka, since, run.every, count))
                    for run, count, since in level.seen
                ),
                np.zeros(()),
            )
            predicted = 1000.0 * (amount * ka / (ka - at.k)) / at.v
            log_density = log_density + self._log_likelihood(level, predicted)
        return np.maximum(np.nan_to_num(log_density, nan=LOWEST_LOG), LOWEST_LOG)

    def _radius(self) -> float:
        """Distance from the prior's centre beyond which no point is within exp(-25) of the best.

        Out there the prior is below exp(-radius^2 / 2) and no level is likelier than it is for the
        prediction that suits it best; the best point itself is bounded by a rough search.
        """
        bound = 0.0
        for level in self.levels:
            predicted = level.observed * np.geomspace(1e-3, 1e3, 2001)
            bound += float(np.max(self._log_likelihood(level, predicted))) + 1e-3
        d = self.dimensions
        axes = np.meshgrid(*[np.linspace(-SCAN_SD, SCAN_SD, SCAN_NODES)] * d, indexing="ij")
        with np.errstate(all="ignore"):
            scan = self(axes)
            start = [axis.flat[int(np.argmax(scan))] for axis in axes]
            found = minimize(lambda z: -float(self(list(z))), start, method="Nelder-Mead")
        return float(np.sqrt(max(SCAN_SD**2, 2.0 * (bound + float(found.fun) + DEPTH))))

    def _log_likelihood(self, level: _Level, predicted: Array) -> Array:
        predicted = np.maximum(predicted, 1e-200)
        residual = self.residual
        if residual["kind"] == "log-normal":
            z = (np.log(level.observed) - np.log(predicted)) / residual["sd"]
            return np.asarray(log_ndtr(z)) if level.is_limit else -0.5 * z * z
        fraction = residual["proportional"] if residual["kind"] != "additive" else 0.0
        constant = residual["additive_ng_ml"] if residual["kind"] != "proportional" else 0.0
        sd = np.hypot(fraction * predicted, constant)
        z = (level.observed - predicted) / sd
        log_density = log_ndtr(z) if level.is_limit else -0.5 * z * z
        if self.low_tail and fraction:
            # from here on a higher prediction would be the likelier, the lower the level is: straight on in its log
            start = level.observed + np.sqrt(level.observed**2 + (constant / fraction) ** 2)
            near = start * np.exp(np.array([0.0, -1e-4, 1e-4]))
            there = (level.observed - near) / np.hypot(fraction * near, constant)
            value, left, right = log_ndtr(there) if level.is_limit else -0.5 * there * there
            beyond = value + (right - left) / 2e-4 * np.log(np.maximum(predicted / start, 1.0))
            log_density = np.where(predicted > start, beyond, log_density)
        return np.asarray(log_density if level.is_limit else log_density - np.log(sd))


def _log_typical(name: str, model: Mapping[str, Any], patient: Mapping[str, Any]) -> float:
    """ln of a typical value with its covariate effects."""
    entry = model["parameters"][name]
    if entry["unit"] != {"cl": "L/h", "v": "L", "ka": "1/h"}[name]:
        raise ValueError(f"unexpected unit of {name}: {entry['unit']}")
    log = float(np.log(entry["value"]))
    for effect in model.get("covariates", ()):
        if effect["on"] == name:
            x = patient[effect["covariate"]]
            if effect["effect"] == "power":
                log += effect["exponent"] * float(np.log(x / effect["reference"]))
            elif effect["effect"] == "exponential":
                log += effect["coefficient"] * (x - effect["reference"])
            elif effect["effect"] == "linear":
                log += float(np.log1p(effect["coefficient"] * (x - effect["reference"])))
            elif effect["effect"] == "factor":
                log += float(np.log(effect["factor"])) if x else 0.0
            else:
                raise ValueError(f"unknown effect: {effect['effect']}")
    return log


def _levels(case: Case) -> list[_Level]:
    """Each level with the doses given strictly before it."""
    runs = [
        _Run(float(d["time"]), float(d["dose_mg"]), float(d.get("every_h", 0)), d.get("count", 1))
        for d in case["doses"]
    ]
    levels = []
    for entry in case["levels"]:
        seen = []
        for run in runs:
            times = run.time + run.every * np.arange(run.count)
            given = int(np.count_nonzero(times < entry["time"]))
            if given:
                seen.append((run, given, float(entry["time"] - times[given - 1])))
        is_limit = "below_ng_ml" in entry
        observed = float(entry["below_ng_ml" if is_limit else "level_ng_ml"])
        levels.append(_Level(observed, is_limit, seen))
    return levels


def _log_trapezoid(values: Array, step: Array) -> Array:
    """ln of the integral of exp(values) along the last axis, by the trapezoid rule."""
    top = values.max(axis=-1)
    weight = np.exp(values - top[..., None])
    total = weight.sum(axis=-1) - 0.5 * (weight[..., 0] + weight[..., -1])
    return np.asarray(top + np.log(total * step))


def _equal_steps(low: Array, high: Array, nodes: int) -> Array:
    return low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, nodes)


def _kept(values: Array) -> NDArray[np.bool_]:
    """Nodes that matter on each row: near the best, or perhaps beside a narrow peak.

    A peak between nodes is foreseen by the parabola through a local maximum and its neighbours.
    """
    best = values.max(axis=1, keepdims=True)
    left, middle, right = values[:, :-2], values[:, 1:-1], values[:, 2:]
    is_peak = (middle >= left) & (middle >= right)
    curvature = left - 2.0 * middle + right
    with np.errstate(all="ignore"):
        rise = np.where(curvature < 0, -((right - left) ** 2) / (8.0 * curvature), 0.0)
    kept: NDArray[np.bool_] = values > best - DEPTH
    kept[:, 1:-1] |= is_peak & (middle + rise > best - DEPTH)
    return kept


class _Grid:
    """Nested nodes: those of coordinate j + 1 form an array with one axis per coordinate so far.

    ``logs[j]`` is the log of the density of the first j + 1 coordinates, the others integrated out.
    """

    def __init__(self, density: _Density, nodes: list[Array], last: Array) -> None:
        self.density = density
        self.nodes = nodes
        self.steps = [(x[..., 1] - x[..., 0]) for x in nodes]
        logs = [last]
        for step in reversed(self.steps[1:]):
            logs.insert(0, _log_trapezoid(logs[0], step))
        self.logs = logs
        self._rows: dict[int, _Rows] = {}

    @classmethod
    def located(cls, density: _Density, shape: Sequence[int]) -> "_Grid":
        """The grid of so many nodes per coordinate, where the mass is."""
        search = _Search(density)
        prefix = np.zeros((1, 0))
        found: list[Array] = []
        for level, nodes in enumerate(shape):
            x = _equal_steps(*search.range(prefix), nodes)
            found.append(x.reshape(shape[: level + 1]))
            prefix = np.column_stack([np.repeat(prefix, nodes, axis=0), x.ravel()])
        last = density([prefix[:, j] for j in range(len(shape))])
        return cls(density, found, last.reshape(shape))

    def coarser(self, axis: int) -> "_Grid":
        """Every second node of this grid along one axis."""

        def half(values: Array) -> Array:
            second = [slice(None, None, 2 if j == axis else 1) for j in range(values.ndim)]
            return np.asarray(values[tuple(second)])

        return _Grid(self.density, [half(x) for x in self.nodes], half(self.logs[-1]))

    def rows(self, depth: int) -> "_Rows":
        """The rows along coordinate number ``depth``."""
        if depth not in self._rows:
            self._rows[depth] = _Rows.of(self, depth)
        return self._rows[depth]


class _Search:
    """Where the mass of each coordinate lies, given those before it."""

    def __init__(self, density: _Density) -> None:
        self.density = density

    def range(self, prefix: Array) -> tuple[Array, Array]:
        """Ends of the next coordinate for each row of ``prefix``: by zooming, or widening."""
        low = np.full(len(prefix), -SCAN_SD)
        high = np.full(len(prefix), SCAN_SD)
        radius = self.density.radius
        rows = np.arange(len(prefix))
        for _ in range(ZOOMS):
            x = _equal_steps(low[rows], high[rows], SCAN_NODES)
            kept = _kept(self.profile(prefix[rows], x))
            first = kept.argmax(axis=1)
            last = SCAN_NODES - 1 - kept[:, ::-1].argmax(axis=1)
            width = high[rows] - low[rows]
            step = width / (SCAN_NODES - 1)
            at_end = last == SCAN_NODES - 1
            new_low = low[rows] + (first - 1) * step - np.where(first == 0, width / 2, 0)
            new_high = low[rows] + (last + 1) * step + np.where(at_end, width / 2, 0)
            new_low, new_high = np.maximum(new_low, -radius), np.minimum(new_high, radius)
            widened = (new_low < low[rows]) | (new_high > high[rows])
            shrink = (new_high - new_low) / width
            low[rows], high[rows] = new_low, new_high
            rows = rows[(shrink < ENOUGH_ZOOM) | widened]
            if len(rows) == 0:
                return low, high
        raise NotConvergedError("the range of a coordinate was not found")

    def profile(self, prefix: Array, x: Array) -> Array:
        """Log density of the coordinates so far and x, those after x integrated out."""
        depth = prefix.shape[1]
        if depth == self.density.dimensions - 1:
            return self.density([*(prefix[:, j, None] for j in range(depth)), x])
        longer = np.column_stack([np.repeat(prefix, x.shape[1], axis=0), x.ravel()])
        low, high = self.range(longer)
        inner = self.profile(longer, _equal_steps(low, high, SCAN_NODES))
        return _log_trapezoid(inner, (high - low) / (SCAN_NODES - 1)).reshape(x.shape)


@dataclass(frozen=True)
class _Rows:
    """All rows of a grid along one coordinate, with the mass cumulated along each by a spline."""

    density: _Density
    prefix: Array
    low: Array
    step: Array
    spline: Array
    """Coefficients of the cumulative mass: power, interval, row; in units of the row's step."""
    end: Array
    """Mass of each row."""
    nodes: int

    @classmethod
    def of(cls, grid: _Grid, depth: int) -> "_Rows":
        x, logs = grid.nodes[depth - 1], grid.logs[depth - 1]
        nodes = x.shape[-1]
        shape = x.shape[:-1]
        before = [
            np.broadcast_to(z.reshape(z.shape + (1,) * (depth - 1 - z.ndim)), shape).ravel()
            for z in grid.nodes[: depth - 1]
        ]
        weight = np.ones(shape)
        for step in grid.steps[:depth]:
            weight = weight * step.reshape(step.shape + (1,) * (len(shape) - step.ndim))
        mass = np.exp(logs - logs.max()).reshape(-1, nodes) * weight.reshape(-1, 1)
        cumulative = CubicSpline(np.arange(nodes), mass, axis=1).antiderivative()
        return cls(
            density=grid.density,
            prefix=np.stack(before, axis=1) if before else np.zeros((1, 0)),
            low=np.ravel(x[..., 0]),
            step=np.ravel(grid.steps[depth - 1]),
            spline=cumulative.c,
            end=cumulative(nodes - 1),
            nodes=nodes,
        )

    def at(self, row: NDArray[np.int_], index: Array) -> Parameters:
        """Parameters at places of rows, in units of the row's step from its low end."""
        pad = (slice(None),) + (None,) * (index.ndim - 1)
        x = self.low[row][pad] + index * self.step[row][pad]
        return self.density.parameters([*(z[pad] for z in self.prefix[row].T), x])

    def everywhere(self) -> Parameters:
        """Parameters at all nodes of all rows."""
        every = np.arange(len(self.low))
        index = np.arange(self.nodes, dtype=np.float64)
        return self.at(every, np.broadcast_to(index, (len(every), self.nodes)))

    def cumulative(self, row: NDArray[np.int_], index: Array) -> Array:
        """Mass of a row below a place."""
        interval = np.clip(index.astype(np.int_), 0, self.nodes - 2)
        offset = index - interval
        value = np.zeros_like(offset)
        for coefficient in self.spline:
            value = value * offset + coefficient[interval, row]
        return value

    def probability(self, values: Array, event: Functional) -> float:
        """Of {event >= 0}, whose values at all nodes are given."""
        inside = values >= 0
        row, cell = np.nonzero(inside[:, 1:] != inside[:, :-1])
        inside_left = inside[row, cell]
        left, right = cell.astype(np.float64), cell + 1.0
        for _ in range(BISECTIONS if len(row) else 0):
            middle = 0.5 * (left + right)
            same = (event(self.at(row, middle)) >= 0) == inside_left
            left, right = np.where(same, middle, left), np.where(same, right, middle)
        bounds = self.cumulative(row, 0.5 * (left + right))
        total = float(np.sum(self.end[inside[:, -1]]))
        total += float(np.sum(np.where(inside_left, bounds, -bounds)))
        return total / float(np.sum(self.end))


class GridPosterior:
    """Posterior of the individual's parameters and of functions of them."""

    def __init__(self, case: Case, low_tail: bool = False) -> None:
        self._density = _Density(case, low_tail)
        self._known: dict[tuple[int, ...], list[_Grid]] = {}

    def log_density(self, eta: Mapping[str, float]) -> float:
        """Log posterior density at ``eta`` by name, up to a constant of the case."""
        density = self._density
        deviations = [eta[n] if n != "k" else eta["cl"] - eta["v"] for n in density.order]
        z = np.linalg.solve(density.root, np.array(deviations, dtype=np.float64))
        return float(density(list(z)))

    def quantile(self, name: str, p: float) -> float:
        """Quantile of the individual ``cl`` (L/h), ``v`` (L) or ``ka`` (1/h)."""
        depth = self._density.depth_of(name)
        return self._quantile(lambda at: np.log(getattr(at, name)), depth, p)

    def trough_quantile(self, pattern_mg: Sequence[float], every_h: float, p: float, of: int | Summary = 0) -> float:
        """Quantile of the own steady-state pre-dose concentration (ng/mL), no residual error.

        ``of`` says which of a cycle: before dose number ``of``, or the lowest, highest or mean.
        """

        def log_trough(at: Parameters) -> Array:
            troughs = _steady_state_troughs(at, pattern_mg, every_h)
            if isinstance(of, int):
                return np.asarray(np.log(troughs[of]))
            match of:
                case "lowest":
                    chosen = troughs.min(axis=0)
                case "highest":
                    chosen = troughs.max(axis=0)
                case "mean":
                    chosen = troughs.mean(axis=0)
            return np.asarray(np.log(chosen))

        return self._quantile(log_trough, self._density.dimensions, p)

    def probabilities(
        self, pattern_mg: Sequence[float], every_h: float, low: float, high: float
    ) -> tuple[float, float, float]:
        """Below, within, above the window (ng/mL): above if any pre-dose concentration of the
        cycle is above, else below if any is below."""

        def is_above(at: Parameters) -> Array:
            troughs = _steady_state_troughs(at, pattern_mg, every_h)
            return np.asarray(np.log(troughs.max(axis=0)) - np.log(high))

        def is_within(at: Parameters) -> Array:
            logs = np.log(_steady_state_troughs(at, pattern_mg, every_h))
            inner = np.minimum(logs.min(axis=0) - np.log(low), np.log(high) - logs.max(axis=0))
            return np.asarray(inner)

        above = self._probability(is_above)
        within = self._probability(is_within)
        return max(0.0, 1.0 - above - within), within, above

    def _probability(self, event: Functional) -> float:
        def ask(grid: _Grid) -> float:
            rows = grid.rows(self._density.dimensions)
            values = np.broadcast_to(event(rows.everywhere()), (len(rows.low), rows.nodes))
            return rows.probability(values, event)

        return self._converged(ask, PROBABILITY_TOLERANCE)

    def _quantile(self, log_of: Functional, depth: int, p: float) -> float:
        """Quantile of a positive quantity that depends on the first ``depth`` coordinates."""
        if depth == 0:
            return float(np.exp(log_of(self._density.parameters([]))))

        def ask(grid: _Grid) -> float:
            rows = grid.rows(depth)
            values = np.broadcast_to(log_of(rows.everywhere()), (len(rows.low), rows.nodes))

            def excess(level: float) -> float:
                return rows.probability(level - values, lambda at: level - log_of(at)) - p

            return float(brentq(excess, values.min() - 1e-9, values.max() + 1e-9, xtol=1e-8))

        return float(np.exp(self._converged(ask, QUANTILE_TOLERANCE)))

    def _converged(self, ask: Callable[[_Grid], float], tolerance: float) -> float:
        """The answer of the first grid on which the spacing no longer matters."""
        shape = FIRST_NODES[self._density.dimensions]
        while True:
            with np.errstate(all="ignore"):
                answer, *checks = [ask(grid) for grid in self._grids(shape)]
            changes = [abs(answer - check) for check in checks]
            if sum(changes) <= tolerance:
                return answer
            worst = max(tolerance / len(shape), max(changes) / 10)
            shape = tuple(
                2 * nodes - 1 if change >= worst else nodes for nodes, change in zip(shape, changes, strict=True)
            )
            if np.prod(shape) > MOST_POINTS:
                raise NotConvergedError(f"changes of {changes}, refused a grid of {shape}")

    def _grids(self, shape: tuple[int, ...]) -> list[_Grid]:
        """The grid of that shape, then with twice the spacing along each coordinate in turn."""
        if shape not in self._known:
            if len(self._known) == GRIDS_KEPT:
                self._known.pop(max(self._known, key=np.prod))
            grid = _Grid.located(self._density, shape)
            self._known[shape] = [grid, *(grid.coarser(axis) for axis in range(len(shape)))]
        return self._known[shape]


def grid_posterior(case: Case) -> GridPosterior:
    """The posterior of a case."""
    return GridPosterior(case)
