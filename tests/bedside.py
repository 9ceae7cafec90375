"""What the tests of the clinical rules share: cases in the form of the JSON, and a second way to every number.

Nothing here calls the rules under test. The kinetics are the textbook sum of one Bateman function per dose, written out
dose by dose; quantiles and chances are sums over the weighted draws. Units: h, mg, ng/mL, L/h, L, 1/h.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tdm
from tdm.patient.estimate import Estimate, estimate_individual
from tdm.patient.history import read_history
from tdm.patient.timeline import timeline_of
from tdm.sources import sources_of

Json = dict[str, Any]
Floats = NDArray[np.float64]


# --- cases ----------------------------------------------------------------------------------------------------------


def run(dose_mg: float, count: int, start: float = 0.0, every_h: float = 24.0) -> Json:
    """Return a run of equal doses (mg, h)."""
    return {"time": start, "dose_mg": dose_mg, "every_h": every_h, "count": count}


def dose(time: Any, dose_mg: float) -> Json:
    """Return one dose (h or ISO 8601, mg)."""
    return {"time": time, "dose_mg": dose_mg}


def level(time: Any, level_ng_ml: float, assay: str | None = "lc-ms/ms") -> Json:
    """Return a measured level (h or ISO 8601, ng/mL)."""
    return {"time": time, "level_ng_ml": level_ng_ml} | ({"assay": assay} if assay else {})


def censored(time: Any, below_ng_ml: float) -> Json:
    """Return a level reported as below a limit (h or ISO 8601, ng/mL)."""
    return {"time": time, "below_ng_ml": below_ng_ml, "assay": "lc-ms/ms"}


def window(low_ng_ml: float, high_ng_ml: float) -> Json:
    """Return a target (ng/mL)."""
    return {"low_ng_ml": low_ng_ml, "high_ng_ml": high_ng_ml}


def adult(**changes: Any) -> Json:
    """Return an adult with primary ITP (mao-2024, window 5-15 ng/mL, studied to 4 mg/d); None drops a field."""
    case = {
        "patient": {"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": 38.0},
        "protocol": "itp-2024-adult",
        "now": 240.0,
    }
    return changed(case, **changes)


def child(weight_kg: float = 20.0, bilirubin: float | None = 11.29, age_years: float = 6.0, **changes: Any) -> Json:
    """Return a child with immune cytopenia (cheng-2020, window 5-15 ng/mL, studied to 2 mg/d); None drops a field."""
    patient = {"weight_kg": weight_kg, "age_years": age_years}
    if bilirubin is not None:
        patient["total_bilirubin_umol_l"] = bilirubin
    return changed({"patient": patient, "protocol": "cheng-2020-child", "now": 0.0}, **changes)


def changed(case: Json, **changes: Any) -> Json:
    """Return a case with some fields replaced; None drops a field."""
    return {name: value for name, value in (case | changes).items() if value is not None}


def site_model(
    cl: float = 8.0,
    v: float = 400.0,
    ka: float = 0.8,
    sd: Mapping[str, float] | None = None,
    residual: Json | None = None,
    **more: Any,
) -> Json:
    """Return an inline model (L/h, L, 1/h) with independent random effects of the given SD (no unit)."""
    sd = {"cl": 0.3, "v": 0.3} if sd is None else dict(sd)
    square = np.diag([value**2 for value in sd.values()]).tolist()
    return {
        "id": "site",
        "parameters": {
            "cl": {"value": cl, "unit": "L/h"},
            "v": {"value": v, "unit": "L"},
            "ka": {"value": ka, "unit": "1/h"},
        },
        "omega": {"of": list(sd), "covariance": square},
        "residual": {"kind": "proportional", "proportional": 0.2} if residual is None else residual,
        **more,
    }


def site_protocol(
    highest_daily_dose_mg: float | None = None, low: float = 5.0, high: float = 15.0, **more: Any
) -> Json:
    """Return a protocol of one's own with a window (ng/mL) and, if stated, the highest studied dose (mg per day)."""
    studied = {"studied": {"highest_daily_dose_mg": highest_daily_dose_mg}} if highest_daily_dose_mg else {}
    return {
        "id": "clinic",
        "title": "Clinic",
        "disease": "refractory immune thrombocytopenia",
        "citation": {
            "reference": "procedure",
            "grade": "project",
            "verified_against": "itself",
            "oxford_level": "5",
            "oxford_basis": "opinion",
        },
        "population": {"description": "adults"},
        "window": window(low, high),
        **studied,
        **more,
    }


# --- answers --------------------------------------------------------------------------------------------------------


def answer(case: Mapping[str, Any]) -> tdm.Recommendation:
    """Return the answer to a case, computed once for each case."""
    return _answer(json.dumps(case))


@cache
def _answer(text: str) -> tdm.Recommendation:
    return tdm.recommend(tdm.read_case(text))


def findings(case: Mapping[str, Any]) -> dict[str, tdm.Finding]:
    """Return the findings of a case by code (the last one of each)."""
    return {one.code: one for one in answer(case).findings}


def codes(case: Mapping[str, Any]) -> set[str]:
    """Return the codes of the findings of a case."""
    return set(findings(case))


def option(case: Mapping[str, Any], pattern_mg: Sequence[float], every_h: float = 24.0) -> Any:
    """Return the first option of an answer with a given regimen (mg, h)."""
    wanted = tdm.Regimen(pattern_mg=tuple(pattern_mg), every_h=every_h)
    return next(one for one in answer(case).options if one.regimen.is_like(wanted))


# --- the individual, draw by draw -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Body:
    """Weighted individuals: clearance (L/h), volume (L), ka (1/h) and weight (sum one), shape (draws,)."""

    cl: Floats
    v: Floats
    ka: Floats
    weight: Floats
    unit: dict[tuple[int, float], list[Floats]] = field(default_factory=dict, compare=False)

    @property
    def k(self) -> Floats:
        """Return the elimination rate constant, 1/h."""
        return self.cl / self.v

    def chance(self, holds: Any) -> float:
        """Return the weight of the draws for which something holds."""
        return float(self.weight @ holds)

    def quantile(self, values: Floats, at: float) -> float:
        """Return a weighted quantile of values (draws,): the first value whose cumulative weight reaches `at`."""
        order = np.argsort(values)
        place = int(np.searchsorted(np.cumsum(self.weight[order]), at))
        return float(values[order][min(place, len(order) - 1)])

    def after_one_dose(self, elapsed_h: Floats) -> Floats:
        """Return the concentration (ng/mL) per mg, shape (draws, times), so long after a single dose (0 before it)."""
        k, ka, v = self.k[:, None], self.ka[:, None], self.v[:, None]
        elapsed = np.maximum(elapsed_h, 0.0)
        return np.asarray(1000.0 * ka / (v * (ka - k)) * (np.exp(-k * elapsed) - np.exp(-ka * elapsed)))

    def concentration(self, doses: Iterable[tuple[float, float]], times_h: Sequence[float] | Floats) -> Floats:
        """Return the concentrations (ng/mL), shape (draws, times), of doses (h, mg) by superposition."""
        times = np.asarray(times_h, dtype=float)
        total = np.zeros((len(self.cl), len(times)))
        for start, amount in doses:
            total += amount * self.after_one_dose(times - start)
        return total

    def troughs(self, pattern_mg: Sequence[float], every_h: float) -> Floats:
        """Return the pre-dose concentrations (ng/mL) at steady state, shape (doses of the cycle, draws).

        Each dose of the cycle repeats after one whole cycle: a geometric series for each of the two exponentials.
        """
        size = len(pattern_mg)
        by_age = self._by_age(size, every_h)
        found = [
            sum(pattern_mg[(place - age) % size] * by_age[age - 1] for age in range(1, size + 1))
            for place in range(size)
        ]
        return np.array(found)

    def _by_age(self, size: int, every_h: float) -> list[Floats]:
        """Return what 1 mg per cycle leaves 1, 2, ... intervals after it (ng/mL), with all its forerunners."""
        if (size, every_h) not in self.unit:
            cycle, k, ka = every_h * size, self.k, self.ka
            scale = 1000.0 * ka / (self.v * (ka - k))
            slow, fast = scale / -np.expm1(-k * cycle), scale / -np.expm1(-ka * cycle)
            ages = every_h * np.arange(1, size + 1)
            self.unit[(size, every_h)] = [slow * np.exp(-k * age) - fast * np.exp(-ka * age) for age in ages]
        return self.unit[(size, every_h)]

    def counting(self, pattern_mg: Sequence[float], every_h: float) -> Floats:
        """Return the concentrations (ng/mL) at steady state that count, shape (places, draws).

        They are those before each dose and, where the next dose is due later, those at each 24 h after a dose.
        """
        rows = list(self.troughs(pattern_mg, every_h))
        day = 24.0
        while day < every_h - 1e-6:
            rows += list(self.after_doses(pattern_mg, every_h, day))
            day += 24.0
        return np.array(rows)

    def after_doses(self, pattern_mg: Sequence[float], every_h: float, since_h: float) -> Floats:
        """Return the concentrations (ng/mL) at steady state so long after each dose of the cycle, (doses, draws)."""
        size, k, ka = len(pattern_mg), self.k, self.ka
        scale = 1000.0 * ka / (self.v * (ka - k))
        found = []
        for place in range(size):
            total = np.zeros(len(self.cl))
            for age in range(size):
                elapsed = age * every_h + since_h
                slow = np.exp(-k * elapsed) / -np.expm1(-k * every_h * size)
                fast = np.exp(-ka * elapsed) / -np.expm1(-ka * every_h * size)
                total = total + pattern_mg[(place - age) % size] * scale * (slow - fast)
            found.append(total)
        return np.array(found)

    def highest(self, pattern_mg: Sequence[float], every_h: float) -> Floats:
        """Return the highest concentration that counts (ng/mL), shape (draws,)."""
        return np.asarray(self.counting(pattern_mg, every_h).max(axis=0))

    def chances(
        self, pattern_mg: Sequence[float], every_h: float, low: float, high: float
    ) -> tuple[float, float, float]:
        """Return the chances below, within and above a window (ng/mL): above if any that counts is, else below."""
        troughs = self.counting(pattern_mg, every_h)
        above = (troughs > high).any(axis=0)
        below = ~above & (troughs < low).any(axis=0)
        return self.chance(below), self.chance(~above & ~below), self.chance(above)


@dataclass(frozen=True)
class Piece:
    """Parameters that hold from `start_h` on: clearance (L/h), volume (L), ka (1/h), numbers or shape (draws,)."""

    start_h: float
    cl: Floats | float
    v: Floats | float
    ka: Floats | float


def simulated(
    doses: Iterable[tuple[float, float]], times_h: Sequence[float] | Floats, pieces: Sequence[Piece]
) -> list[Any]:
    """Return the concentrations (ng/mL) at ascending times, event by event: each number or shape (draws,).

    The amounts in depot and blood (mg) are carried from event to event by the solution of the two linear equations. A
    sample at the time of a dose comes before it; a new piece holds from its time on, for the sample at that time too.
    """
    events: list[tuple[float, int, Any]] = [(piece.start_h, 0, piece) for piece in pieces[1:]]
    events += [(float(time), 1, None) for time in times_h]
    events += [(time, 2, amount) for time, amount in doses]
    depot: Any = 0.0
    central: Any = 0.0
    now, here, found = -np.inf, pieces[0], []
    for time, kind, what in sorted(events, key=lambda event: event[:2]):
        elapsed = time - now if np.isfinite(now) else 0.0
        k = here.cl / here.v
        moved = here.ka / (here.ka - k) * (np.exp(-k * elapsed) - np.exp(-here.ka * elapsed))
        central = central * np.exp(-k * elapsed) + depot * moved
        depot = depot * np.exp(-here.ka * elapsed)
        now = time
        if kind == 0:
            here = what
        elif kind == 1:
            found.append(1000.0 * central / here.v)
        else:
            depot = depot + what
    return found


def body(case: Mapping[str, Any]) -> Body:
    """Return the posterior of a case's patient, as it is at `now`."""
    return _body(json.dumps(case))


def estimate_of_all_levels(case: tdm.Case) -> Estimate:
    """Return the estimate from every level of a case that can be fitted, whether or not they fit one another."""
    sources = sources_of(case)
    history = read_history(timeline_of(case, sources.interactions), sources.model, sources.label)
    return estimate_individual(sources.model, history)


@cache
def _body(text: str) -> Body:
    one = tdm.estimate(tdm.read_case(text))
    clearance = one.individual.cl_l_per_h
    ka = np.broadcast_to(one.individual.ka_per_h, clearance.shape)
    return Body(clearance, one.individual.v_l, ka, one.draws.weight / one.draws.weight.sum())


def single_doses(case: Mapping[str, Any], until_h: float = np.inf) -> list[tuple[float, float]]:
    """Return time (h) and amount (mg) of every dose of a case up to a time, in order."""
    found = [
        (each["time"] + number * each.get("every_h", 0.0), each["dose_mg"])
        for each in case.get("doses", ())
        for number in range(each.get("count", 1))
    ]
    return sorted(one for one in found if one[0] <= until_h)


def hours_between(later: Any, earlier: Any) -> float:
    """Return the hours from one time of an answer to another, of either kind."""
    difference = later - earlier
    return difference.total_seconds() / 3600.0 if isinstance(later, datetime) else float(difference)
