"""Random cases in the form of the JSON that use every optional field at once, mostly valid, as entries on a ward are.

One generator serves the corpus of answers and the properties: it draws from a `random.Random`, which Hypothesis can
provide (and then shrink). Times in h or as dates, doses in mg, levels in ng/mL. Nothing here calls the tool.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from random import Random
from typing import Any

Json = dict[str, Any]

ADULT_PROTOCOLS = (
    "ssci-nct03688191",
    "ctd-itp-2024",
    "itp-2024-adult",
    "itp-dexamethasone-2024",
    "waiha-2023",
    "ctd-rtp-2025",
    "mtor-consensus-2025",
)
CHILD_PROTOCOLS = ("cheng-2020-child", "itp-2024-child")
DRUGS = (
    "voriconazole",
    "fluconazole",
    "clarithromycin",
    "diltiazem",
    "letermovir",
    "rifampicin",
    "oxcarbazepine",
    "prednisone",
    "hydroxychloroquine",
    "ketoconazole",
    "carbamazepine",
    "norvasc",
    "an unknown drug",
)
ASSAYS = ("lc-ms/ms", "Architect CMIA", "EMIT", "ECLIA", "an unknown method")
TERMS = (
    "stomatitis",
    "infection",
    "pneumonitis",
    "hyperlipidaemia",
    "thrombocytopenia",
    "proteinuria",
    "oedema",
    "delayed wound healing",
    "TMA",
    "diarrhoea",
    "other",
)
PRODUCTS: tuple[Json, ...] = (
    {"strengths_mg": [0.5, 1, 2]},
    {"strengths_mg": [1, 2]},
    {"strengths_mg": [1]},
    {"step_mg": 0.1},
    {"step_mg": 0.25},
)
# A clearance per weight of the random patient's own, L/h: nobody asks the models for it.
TYPICAL_CL_L_PER_H, SPREAD_OF_LN_CL = 8.0, 0.5
ORIGINS = (None, datetime(2026, 3, 2, 8, 0), "offset")


def random_case(draw: Random) -> Json:
    """Return a case with a random choice of what a case may hold (h or dates, mg, ng/mL)."""
    child = draw.random() < 0.25
    case: Json = {"patient": _patient(draw, child)}
    case["protocol"] = draw.choice(CHILD_PROTOCOLS if child else ADULT_PROTOCOLS)
    if draw.random() < 0.2:
        low = draw.choice([3.0, 4.0, 5.0, 6.0])
        case["target"] = {"low_ng_ml": low, "high_ng_ml": draw.choice([8.0, 10.0, 12.0, 15.0])}
    days, runs = _doses(draw, child)
    case["doses"] = runs
    case["levels"] = _levels(draw, runs, days, child)
    _surroundings(draw, case, days)
    if draw.random() < 0.3:
        case["product"] = draw.choice(PRODUCTS)
    if draw.random() < 0.2:
        case["regimens"] = [_regimen(draw) for _ in range(draw.randint(1, 2))]
    if draw.random() < 0.75 or not case["levels"]:
        case["now"] = 24.0 * days + draw.choice([0.0, 0.0, 0.0, 3.0, -24.0, 24.0])
    return _dated(draw, {name: value for name, value in case.items() if value != []})


def _patient(draw: Random, child: bool) -> Json:
    patient: Json = {
        "weight_kg": round(draw.uniform(8, 60) if child else draw.uniform(40, 100), 1),
        "age_years": round(draw.uniform(1.5, 17), 1) if child else float(draw.randint(18, 85)),
    }
    if draw.random() < 0.4:
        patient["sex"] = draw.choice(["female", "male"])
    if draw.random() < 0.3:
        patient["height_cm"] = 110.0 if child else 168.0
    if draw.random() < 0.6:
        patient["hematocrit_percent"] = float(draw.randint(20, 48))
    if draw.random() < 0.5 or child:
        patient["total_bilirubin_umol_l"] = round(draw.uniform(4, 45), 1)
    if draw.random() < 0.1:
        patient["cyp3a5_star1_carrier"] = draw.random() < 0.5
    if draw.random() < 0.08:
        patient["child_pugh"] = draw.choice(["A", "B", "C"])
    return patient


def _doses(draw: Random, child: bool) -> tuple[int, list[Json]]:
    """The days until the last run ends, and the runs: one to three, with missed doses and how they are known."""
    if draw.random() < 0.06:
        return 0, []
    amounts = [0.5, 1.0, 1.5, 2.0] if child else [0.5, 1.0, 1.0, 2.0, 2.0, 3.0, 4.0]
    runs, day = [], 0
    for _ in range(draw.choice([1, 1, 1, 2, 2, 3])):
        every = draw.choice([24.0, 24.0, 24.0, 24.0, 12.0, 48.0])
        count = draw.randint(3, 30)
        run: Json = {"time": 24.0 * day, "dose_mg": draw.choice(amounts), "every_h": every, "count": count}
        if draw.random() < 0.15:
            run["missed"] = [24.0 * day + every * draw.randint(1, count - 1)]
        if draw.random() < 0.25:
            run["taken"] = draw.choice(["observed", "reported", "prescribed"])
        runs.append(run)
        day += int(count * every / 24.0) + 1
        if draw.random() < 0.1:
            day += draw.randint(1, 10)
    if draw.random() < 0.1:
        runs = [{"time": 24.0 * number, "dose_mg": runs[0]["dose_mg"]} for number in range(draw.randint(2, 8))]
        day = len(runs)
    return day, runs


def _levels(draw: Random, runs: list[Json], days: int, child: bool) -> list[Json]:
    """Levels near what a random patient would show, at pre-dose times or hours away from them."""
    if not runs:
        return []
    clearance = TYPICAL_CL_L_PER_H * math.exp(draw.uniform(-2.0, 2.0) * SPREAD_OF_LN_CL) * (0.6 if child else 1.0)
    levels: list[Json] = []
    for _ in range(draw.choice([0, 1, 1, 1, 2, 2, 3, 5])):
        run = draw.choice(runs)
        number = draw.randint(1, run.get("count", 2))
        every = run.get("every_h", 24.0)
        time = run["time"] + every * number + draw.choice([0.0, 0.0, 0.0, 0.0, -0.5, -4.0, -6.0, -12.0, -20.0, 30.0])
        if time <= 0:
            continue
        average = 1000.0 * run["dose_mg"] / every / clearance
        value = average * math.exp(draw.uniform(-0.8, 0.4)) * draw.choice([1.0] * 12 + [4.0, 0.1])
        value = round(min(max(value, 0.3), 150.0), 1)
        level: Json = {"time": time}
        if draw.random() < 0.1:
            level["below_ng_ml"] = 2.0
        elif draw.random() < 0.1:
            level["level_ug_l"] = value
        elif draw.random() < 0.1:
            level["level_nmol_l"] = value
        else:
            level["level_ng_ml"] = value
        if draw.random() < 0.6:
            level["assay"] = draw.choice(ASSAYS)
        if all(abs(level["time"] - other["time"]) > 0.01 for other in levels):
            levels.append(level)
    return levels


def _surroundings(draw: Random, case: Json, days: int) -> None:
    if draw.random() < 0.3:
        case["comedications"] = [_drug(draw, days) for _ in range(draw.randint(1, 3))]
    if draw.random() < 0.2:
        case["adverse_events"] = [_event(draw, days) for _ in range(draw.randint(1, 2))]
    if draw.random() < 0.3:
        times = sorted({24.0 * draw.randint(-3, max(1, days)) for _ in range(draw.randint(1, 4))})
        case["platelets"] = [
            {"time": time, "count_10e9_l": float(draw.randint(5, 180)), "bleeding": draw.random() < 0.2}
            for time in times
        ]
        if draw.random() < 0.2:
            case["response_definition"] = "or"
    if draw.random() < 0.25:
        times = sorted({24.0 * draw.randint(1, max(1, days + 20)) for _ in range(draw.randint(1, 2))})
        case["covariates"] = [{"time": time} | _changed(draw) for time in times]


def _changed(draw: Random) -> Json:
    change: Json = {}
    if draw.random() < 0.7:
        change["hematocrit_percent"] = float(draw.randint(20, 48))
    if draw.random() < 0.3:
        change["total_bilirubin_umol_l"] = round(draw.uniform(4, 40), 1)
    if not change:
        change["weight_kg"] = round(draw.uniform(10, 90), 1)
    return change


def _drug(draw: Random, days: int) -> Json:
    start = 24.0 * draw.randint(-10, days + 8)
    drug: Json = {"name": draw.choice(DRUGS), "start": start}
    if draw.random() < 0.4:
        drug["stop"] = start + 24.0 * draw.randint(1, 30)
    return drug


def _event(draw: Random, days: int) -> Json:
    time = 24.0 * draw.randint(0, max(1, days))
    event: Json = {"time": time, "term": draw.choice(TERMS), "grade": draw.choice([1, 1, 2, 2, 3, 4])}
    if draw.random() < 0.3:
        event["end"] = time + 24.0 * draw.randint(1, 14)
    return event


def _regimen(draw: Random) -> Json:
    pattern = [draw.choice([0.5, 1.0, 1.5, 2.0, 3.0, 8.0]) for _ in range(draw.choice([1, 1, 2]))]
    return {"pattern_mg": pattern, "every_h": draw.choice([24.0, 24.0, 12.0, 48.0])}


def _dated(draw: Random, case: Json) -> Json:
    """The same case with its times as hours, as dates, or as dates with an offset."""
    origin = draw.choice(ORIGINS)
    if origin is None:
        return case
    suffix = "+08:00" if origin == "offset" else ""
    start = datetime(2026, 3, 2, 8, 0)

    def written(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: written(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [written(one, key) for one in value]
        if key in ("time", "start", "stop", "end", "now", "missed"):
            return (start + timedelta(hours=value)).isoformat() + suffix
        return value

    return {name: written(value, name) for name, value in case.items()}
