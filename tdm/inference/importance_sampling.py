"""The exact posterior of an individual's random effects, as weighted quasi-random draws with a certified error.

Importance sampling (Kloek and van Dijk 1978, Econometrica 46:1) from a mixture of products of Student t distributions,
laid along the principal axes of each optimum and then adapted to the posterior's own moments. The draws are randomly
shifted lattices; independent replicates estimate the error of what the decision uses, and the draws are doubled until
that error is small enough. The effective sample size is reported, but certifies nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tdm.inference.lattice import added_half, lattice, shifted, shifts
from tdm.pk.superposition import Floats

# Randomised replicates of the quasi-random draws, which estimate their error.
REPLICATES = 4
# The draws of the pilot, of the first round, of each part of a mixture, and the most of all.
PILOT_DRAWS = 512
PILOT_ROUNDS = 2
FIRST_DRAWS = 2048
FEWEST_OF_A_PART = 512
# The most draws of one answer.
MOST_DRAWS = 131072
SEED = 20240501
# The standard error that is accepted for the distribution function at the quantiles that are watched.
PROBABILITY_ERROR = 0.0018
WATCHED = (0.05, 0.5, 0.95)
# Where less than this part of the pilot draws is effective the posterior is cut into slices, once or twice, from this
# many draws, and the slices are adapted in this many rounds.
SPLIT_BELOW = 0.6
MOST_SPLITS = 2
SLICES = 6
SPLIT_DRAWS = 8192
SPLIT_ROUNDS = 3
# A part keeps its old shape as long as this many effective draws per dimension have not told it better, and wholly
# when its share of the posterior is below `LEAST_SHARE`.
KNOWN_ENOUGH = 5.0
LEAST_SHARE = 1e-6
# The slope of a quantile is taken over this much probability on either side.
SLOPE_WIDTH = 0.02


@dataclass(frozen=True)
class Proposal:
    """An equal mixture of products of Student t (4 d.f.): centres (m, d), factors (m, d, d) of scale. No units."""

    centres: Floats
    factors: Floats

    def draw(self, points: Floats) -> Floats:
        """Return draws (m, n, d) for points (m, n, d) of the unit cube, each part of the mixture from its own."""
        return np.asarray(self.centres[:, None] + np.einsum("mij,mnj->mni", self.factors, _student_quantile(points)))

    def log_density(self, eta: Floats) -> Floats:
        """Return the log density (no unit) of the mixture, without its constant, at eta (n, d), shape (n,)."""
        parts = self.log_parts(eta)
        top = parts.max(axis=0)
        return np.asarray(top + np.log(np.exp(parts - top).sum(axis=0)))

    def log_parts(self, eta: Floats) -> Floats:
        """Return the log densities (no unit) of the parts, without their common constant, shape (m, n)."""
        parts = []
        for centre, factor in zip(self.centres, self.factors, strict=True):
            white = np.linalg.solve(factor, (eta - centre).T)
            parts.append(-2.5 * np.log1p(0.25 * white**2).sum(axis=0) - np.linalg.slogdet(factor)[1])
        return np.array(parts)


@dataclass(frozen=True)
class Draws:
    """Weighted draws of the random effects: `eta` (n, d) and `weight` (n,) with sum one; no units.

    `probability_error` is the largest standard error of the watched distribution functions, `quantile_error` that of
    the watched quantiles as a part of what is tolerated; `certified` says whether both are within the target. `peak`
    (d,) is the draw with the highest log density, which shows a mode that was missed.
    """

    eta: Floats
    weight: Floats
    probability_error: float
    quantile_error: float
    certified: bool
    peak: Floats
    peak_log_density: float

    @property
    def effective(self) -> float:
        """Return the effective sample size (Kish 1965), a number of draws without unit."""
        return float(1.0 / np.sum(self.weight**2))


LogDensity = Callable[[Floats], Floats]
Watched = Callable[[Floats], Floats]


def sample(log_density: LogDensity, modes: Floats, covariances: Floats, watched: Watched, tolerances: Floats) -> Draws:
    """Return weighted draws from an unnormalised log density, shape (n, d) -> (n,), that may have several modes.

    `modes` (m, d) and `covariances` (m, d, d) say where to start; `watched` maps draws (n, d) to the positive
    quantities (n, q) whose distribution has to be right, the decision's own among them, and `tolerances` (q,) are the
    relative standard errors accepted for their quantiles. No units.
    """
    proposal = _adapted(log_density, Proposal(modes, np.array([_factor(c) for c in covariances])))
    parts, size = proposal.centres.shape
    shift = shifts(REPLICATES * parts, size, SEED).reshape(REPLICATES, parts, 1, size)
    count = max(FIRST_DRAWS >> (parts - 1).bit_length(), FEWEST_OF_A_PART)
    eta, log_weight, density = _weighed(log_density, proposal, shifted(lattice(count, size), shift))
    seen = watched(eta.reshape(-1, size))
    while True:
        weight = _normalised(log_weight)
        errors = _errors(seen.reshape(REPLICATES, -1, seen.shape[-1]), weight, tolerances)
        certified = errors[0] <= PROBABILITY_ERROR and errors[1] <= 1.0
        if certified or 2 * weight.size > MOST_DRAWS:
            top = int(np.argmax(density))
            flat = eta.reshape(-1, size)
            return Draws(flat, weight.ravel(), *errors, certified, flat[top], float(density.flat[top]))
        count *= 2
        more, more_weight, more_density = _weighed(log_density, proposal, shifted(added_half(count, size), shift))
        more_seen = watched(more.reshape(-1, size)).reshape(REPLICATES, -1, seen.shape[-1])
        seen = np.concatenate([seen.reshape(REPLICATES, -1, seen.shape[-1]), more_seen], axis=1)
        seen = seen.reshape(-1, seen.shape[-1])
        eta, density = np.concatenate([eta, more], axis=1), np.concatenate([density, more_density], axis=1)
        log_weight = np.concatenate([log_weight, more_weight], axis=1)


def quantiles(values: Floats, weight: Floats, at: tuple[float, ...]) -> Floats:
    """Return weighted quantiles of values (n,) in their own unit at probabilities `at`, by interpolation."""
    order = np.argsort(values)
    steps = np.cumsum(weight[order]) - 0.5 * weight[order]
    return np.asarray(np.interp(at, steps, values[order]))


def _adapted(log_density: LogDensity, proposal: Proposal) -> Proposal:
    """Move the proposal to the posterior's moments in a few pilot rounds (population Monte Carlo, Cappe 2008).

    A long bent ridge is no ellipsoid: where the pilot draws are poor, the ridge is cut across its main axis and each
    slice gets a part of its own, beside the parts that were there.
    """
    whole, efficiency = _piloted(log_density, proposal, PILOT_ROUNDS, PILOT_DRAWS)
    found = whole
    for _ in range(MOST_SPLITS):
        if efficiency >= SPLIT_BELOW:
            break
        slices, better = _piloted(log_density, _sliced(log_density, found), SPLIT_ROUNDS, PILOT_DRAWS)
        if better <= efficiency:
            break
        found, efficiency = _joined(slices, whole), better
    return found


def _piloted(log_density: LogDensity, proposal: Proposal, rounds: int, draws: int) -> tuple[Proposal, float]:
    """The proposal after some pilot rounds, and the efficiency (effective part of the draws) of the last of them."""
    efficiency = 0.0
    for turn in range(rounds):
        eta, weight = _pilot(log_density, proposal, draws, SEED + 1 + turn)
        efficiency = 1.0 / (float(np.sum(weight**2)) * len(weight))
        proposal = _moved(proposal, eta, weight)
    return proposal, efficiency


def _pilot(log_density: LogDensity, proposal: Proposal, draws: int, seed: int) -> tuple[Floats, Floats]:
    """Pilot draws (n, d) with their weights (n,), `draws` from each part."""
    parts, size = proposal.centres.shape
    points = shifted(lattice(draws, size), shifts(parts, size, seed)[None, :, None, :])
    eta, log_weight, _ = _weighed(log_density, proposal, points)
    return eta[0], _normalised(log_weight).ravel()


def _sliced(log_density: LogDensity, proposal: Proposal) -> Proposal:
    """Parts for slices of equal weight across the main axis of the posterior."""
    eta, weight = _pilot(log_density, proposal, SPLIT_DRAWS >> (len(proposal.centres) - 1).bit_length(), SEED)
    mean = (weight[:, None] * eta).sum(axis=0)
    whole = (weight[:, None] * (eta - mean)).T @ (eta - mean)
    along = (eta - mean) @ np.linalg.eigh(whole)[1][:, -1]
    edges = quantiles(along, weight, tuple(np.arange(1, SLICES) / SLICES))
    slice_of = np.searchsorted(edges, along)
    centres, factors = [], []
    for number in range(SLICES):
        mass = float(weight.sum(where=slice_of == number))
        if mass <= LEAST_SHARE:
            continue
        part = np.where(slice_of == number, weight, 0.0) / mass
        centre = (part[:, None] * eta).sum(axis=0)
        spread = (part[:, None] * (eta - centre)).T @ (eta - centre)
        known = 1.0 / float(np.sum(part**2))
        trust = known / (known + KNOWN_ENOUGH * eta.shape[-1])
        centres.append(centre)
        factors.append(_factor(trust * spread + (1.0 - trust) * whole / SLICES**2))
    return Proposal(np.array(centres), np.array(factors))


def _joined(first: Proposal, second: Proposal) -> Proposal:
    return Proposal(np.concatenate([first.centres, second.centres]), np.concatenate([first.factors, second.factors]))


def _moved(proposal: Proposal, eta: Floats, weight: Floats) -> Proposal:
    """Give each part the moments of its share of the weighted draws, as far as those are known."""
    log_parts = proposal.log_parts(eta)
    share = np.exp(log_parts - log_parts.max(axis=0))
    share /= share.sum(axis=0)
    centres, factors = [], []
    for centre, factor, part in zip(proposal.centres, proposal.factors, share * weight, strict=True):
        total = part.sum()
        known = total**2 / max(float(np.sum(part**2)), 1e-300)
        trust = known / (known + KNOWN_ENOUGH * eta.shape[-1]) if total > LEAST_SHARE else 0.0
        mean = trust * (part[:, None] * eta).sum(axis=0) / max(total, 1e-300) + (1.0 - trust) * centre
        spread = (part[:, None] * (eta - mean)).T @ (eta - mean) / max(total, 1e-300)
        centres.append(mean)
        factors.append(_factor(trust * spread + (1.0 - trust) * factor @ factor.T))
    return Proposal(np.array(centres), np.array(factors))


def _weighed(log_density: LogDensity, proposal: Proposal, points: Floats) -> tuple[Floats, Floats, Floats]:
    """Draws (r, n, d), log weights and log densities (r, n) for points (r, m, n/m, d) of r replicates and m parts."""
    replicates, size = len(points), points.shape[-1]
    eta = np.stack([proposal.draw(p).reshape(-1, size) for p in points])
    flat = eta.reshape(-1, size)
    with np.errstate(all="ignore"):
        density = log_density(flat)
    density = np.where(np.isnan(density), -np.inf, density)
    shape = (replicates, -1)
    return eta, (density - proposal.log_density(flat)).reshape(shape), density.reshape(shape)


def _normalised(log_weight: Floats) -> Floats:
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum())


def _errors(seen: Floats, weight: Floats, tolerances: Floats) -> tuple[float, float]:
    """Standard errors over the replicates: of the watched distribution functions, of the quantiles in tolerances."""
    own = weight / weight.sum(axis=1, keepdims=True)
    worst_probability, worst_quantile = 0.0, 0.0
    for index in range(seen.shape[-1]):
        values = seen[..., index]
        lower, middle, upper = (tuple(p + d for p in WATCHED) for d in (-SLOPE_WIDTH, 0.0, SLOPE_WIDTH))
        found = quantiles(values.ravel(), weight.ravel(), (*lower, *middle, *upper)).reshape(3, -1)
        below = np.array([(own * (values <= q)).sum(axis=1) for q in found[1]])
        error = below.std(axis=1, ddof=1) / np.sqrt(len(own))
        slope = (found[2] - found[0]) / (2.0 * SLOPE_WIDTH)
        worst_probability = max(worst_probability, float(error.max()))
        worst_quantile = max(worst_quantile, float((error * slope / found[1]).max() / tolerances[index]))
    return worst_probability, worst_quantile


def _factor(covariance: Floats) -> Floats:
    """A square root of a covariance along its principal axes."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 1e-14 * max(float(values[-1]), 1e-14))))


def _student_quantile(u: Floats) -> Floats:
    """Quantile of Student's t with 4 degrees of freedom (Shaw 2006, J Comput Finance 9:37)."""
    root = np.sqrt(4.0 * u * (1.0 - u))
    return np.asarray(np.sign(u - 0.5) * 2.0 * np.sqrt(np.maximum(np.cos(np.arccos(root) / 3.0) / root - 1.0, 0.0)))
