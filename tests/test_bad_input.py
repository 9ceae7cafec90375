"""Bad input: each is refused with a stable code, the field and one sentence, and nothing ever answers with a crash.

Units as in the names of the fields: kg, years, %, mg, h, ng/mL.
"""

from __future__ import annotations

import copy
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tdm
from tdm.cli import main

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SEEDS_README = (Path(__file__).resolve().parents[1] / "seeds" / "README.md").read_text(encoding="utf-8")
LONGEST_SENTENCE = 300

MODEL: dict[str, Any] = {
    "id": "site-2026",
    "parameters": {
        "cl": {"value": 7.1, "unit": "L/h"},
        "v": {"value": 500, "unit": "L"},
        "ka": {"value": 0.75, "unit": "1/h", "fixed": True},
    },
    "covariates": [{"on": "cl", "covariate": "weight_kg", "effect": "power", "reference": 70, "exponent": 0.75}],
    "omega": {"of": ["cl", "v"], "covariance": [[0.09, 0.03], [0.03, 0.16]]},
    "residual": {"kind": "combined", "proportional": 0.2, "additive_ng_ml": 0.5},
    "limits": [{"of": "age_years", "hard_low": 1, "soft_low": 18, "soft_high": 80, "reason": "Adults only."}],
}
PROTOCOL: dict[str, Any] = {
    "id": "clinic-2026",
    "title": "A clinic's own protocol",
    "disease": "refractory immune thrombocytopenia",
    "citation": {
        "reference": "procedure of January 2026",
        "grade": "project",
        "verified_against": "the procedure itself",
        "oxford_level": "5",
        "oxford_basis": "expert opinion",
    },
    "population": {"description": "adults", "age_low_years": 18},
    "window": {"low_ng_ml": 5, "high_ng_ml": 15},
    "start": {"text": "2 mg/d", "phases": [{"low_mg": 2, "high_mg": 2, "days": 3}, {"low_mg": 1, "high_mg": 1}]},
    "studied": {"highest_daily_dose_mg": 2},
}
# A case that uses every field of the form, and is answered.
GOOD: dict[str, Any] = {
    "patient": {
        "weight_kg": 58,
        "age_years": 41,
        "sex": "female",
        "height_cm": 165,
        "hematocrit_percent": 37,
        "total_bilirubin_umol_l": 10,
        "cyp3a5_star1_carrier": True,
    },
    "covariates": [{"time": "2026-03-10T08:00", "hematocrit_percent": 35}],
    "protocol": "itp-2024-adult",
    "target": {"low_ng_ml": 5, "high_ng_ml": 15},
    "model": "mao-2024",
    "doses": [
        {"time": "2026-03-02T08:00", "dose_mg": 2, "every_h": 24, "count": 3},
        {"time": "2026-03-05T08:00", "dose_mg": 1, "every_h": 24, "count": 11},
    ],
    "levels": [
        {"time": "2026-03-09T08:00", "level_ng_ml": 4.4, "assay": "lc-ms/ms"},
        {"time": "2026-03-16T08:00", "below_ng_ml": 5},
    ],
    "comedications": [{"name": "clarithromycin", "start": "2026-03-07T08:00", "stop": "2026-03-12T08:00"}],
    "product": {"strengths_mg": [0.5, 1, 2]},
    "regimens": [{"pattern_mg": [1, 2], "every_h": 24}],
    "now": "2026-03-16T09:00",
}


def put(whole: Any, path: str, value: Any) -> Any:
    """A copy of `whole` with `value` at a JSON Pointer; a new key or an index one past the end is added."""
    parts: list[str | int] = [int(part) if part.isdigit() else part for part in path.split("/")[1:]]
    if not parts:
        return value
    found = copy.deepcopy(whole)
    holder = found
    for part in parts[:-1]:
        holder = holder[part]
    if isinstance(holder, list) and parts[-1] == len(holder):
        holder.append(value)
    else:
        holder[parts[-1]] = value
    return found


def without(whole: Any, path: str) -> Any:
    holder_path, _, key = path.rpartition("/")
    holder = whole
    for part in holder_path.split("/")[1:]:
        holder = holder[int(part) if part.isdigit() else part]
    return put(whole, holder_path, {name: value for name, value in holder.items() if name != key})


class Bad(NamedTuple):
    """A bad input with the problem it must be refused with, a part of its sentence, and the accepted range."""

    name: str
    source: Any
    code: str
    pointer: str
    says: str = ""
    accepted: str | None = None


def at(name: str, path: str, value: Any, code: str, pointer: str = "", says: str = "", accepted: str = "") -> Bad:
    """The good case with one bad value; the pointer of the problem is the place of the value unless given."""
    return Bad(name, put(GOOD, path, value), code, pointer or path, says, accepted or None)


UNKNOWN_FIELDS = [
    at(f"unknown field in {place or 'the case'}", f"{place}/wieght", 1, "unknown_field")
    for place in (
        "",
        "/patient",
        "/covariates/0",
        "/target",
        "/doses/0",
        "/levels/1",
        "/comedications/0",
        "/product",
        "/regimens/0",
    )
]
UNKNOWN_FIELDS += [
    Bad(f"unknown field in the model{place}", put(GOOD, "/model", put(MODEL, f"{place}/note2", 1)), "unknown_field",
        f"/model{place}/note2")
    for place in ("", "/parameters/cl", "/covariates/0", "/omega", "/residual", "/limits/0")
]  # fmt: skip
UNKNOWN_FIELDS += [
    Bad(f"unknown field in the protocol{place}", put(GOOD, "/protocol", put(PROTOCOL, f"{place}/note2", 1)),
        "unknown_field", f"/protocol{place}/note2")
    for place in ("", "/citation", "/population", "/window", "/start", "/start/phases/0", "/studied")
]  # fmt: skip

NUMBERS = [
    at("weight of 700 kg", "/patient/weight_kg", 700, "out_of_range", says="grams", accepted="0.5 to 300 kg"),
    at("negative weight", "/patient/weight_kg", -58, "out_of_range", says="-58 kg", accepted="0.5 to 300 kg"),
    at("weight of zero", "/patient/weight_kg", 0, "out_of_range", accepted="0.5 to 300 kg"),
    at("age in months", "/patient/age_years", 492, "out_of_range", says="months", accepted="0 to 120 years"),
    at("negative age", "/patient/age_years", -1, "out_of_range", accepted="0 to 120 years"),
    at("height in metres", "/patient/height_cm", 1.65, "out_of_range", says="metres", accepted="20 to 250 cm"),
    at("haematocrit as a fraction", "/patient/hematocrit_percent", 0.36, "out_of_range", says="fraction",
       accepted="5 to 75 %"),
    at("haematocrit as a fraction, later", "/covariates/0/hematocrit_percent", 0.36, "out_of_range", says="fraction",
       accepted="5 to 75 %"),
    at("bilirubin in mg/dL", "/patient/total_bilirubin_umol_l", 0.6, "out_of_range", says="mg/dL",
       accepted="1 to 1000 umol/L"),
    at("level of 4300", "/levels/0/level_ng_ml", 4300, "out_of_range", says="unit slip", accepted="0.05 to 200 ng/mL"),
    at("level of zero", "/levels/0/level_ng_ml", 0, "out_of_range", accepted="0.05 to 200 ng/mL"),
    at("negative limit", "/levels/1/below_ng_ml", -1.5, "out_of_range", accepted="0.05 to 200 ng/mL"),
    at("dose of 400 mg", "/doses/0/dose_mg", 400, "out_of_range", says="40 mg on any day", accepted="0.01 to 40 mg"),
    at("negative dose", "/doses/0/dose_mg", -2, "out_of_range", says="-2 mg", accepted="0.01 to 40 mg"),
    at("dose of zero", "/doses/0/dose_mg", 0, "out_of_range", accepted="0.01 to 40 mg"),
    at("interval of zero", "/doses/0/every_h", 0, "out_of_range", says="positive", accepted="1 to 336 h"),
    at("negative interval", "/doses/0/every_h", -24, "out_of_range", says="positive", accepted="1 to 336 h"),
    at("count of zero", "/doses/0/count", 0, "out_of_range", accepted="1 to 20000 doses"),
    at("negative count", "/doses/0/count", -3, "out_of_range", accepted="1 to 20000 doses"),
    at("count of a fraction", "/doses/0/count", 2.5, "not_a_whole_number"),
    at("count of a huge number", "/doses/0/count", 1e20, "not_a_whole_number"),
    at("more doses than anyone takes", "/doses/0/count", 20001, "out_of_range", accepted="1 to 20000 doses"),
    at("strength of zero", "/product/strengths_mg/0", 0, "out_of_range", accepted="0.01 to 10 mg"),
    at("negative dose in a regimen", "/regimens/0/pattern_mg/1", -1, "out_of_range", accepted="0.01 to 40 mg"),
    at("interval of a regimen of zero", "/regimens/0/every_h", 0, "out_of_range", accepted="1 to 336 h"),
    at("negative window", "/target/low_ng_ml", -1, "out_of_range"),
    at("window beyond reason", "/target/high_ng_ml", 4300, "out_of_range"),
    at("window reversed", "/target", {"low_ng_ml": 15, "high_ng_ml": 6}, "window_reversed", "/target/low_ng_ml",
       says="reversed"),
    at("window of no width", "/target", {"low_ng_ml": 6, "high_ng_ml": 6}, "window_reversed", "/target/low_ng_ml"),
    at("true as a number", "/patient/weight_kg", True, "not_a_number"),
    at("text as a number", "/patient/weight_kg", "58", "not_a_number"),
    at("text as a count", "/doses/0/count", "3", "not_a_whole_number"),
    at("true as a count", "/doses/0/count", True, "not_a_whole_number"),
    at("NaN", "/patient/weight_kg", math.nan, "not_finite"),
    at("infinity", "/doses/0/dose_mg", math.inf, "not_finite"),
    at("1 as yes", "/patient/cyp3a5_star1_carrier", 1, "not_yes_or_no"),
]  # fmt: skip

TIMES = [
    at("date without a time", "/now", "2026-03-16", "not_a_time", says="2026-03-01T08:00"),
    at("date with a space", "/now", "2026-03-16 08:00", "not_a_time"),
    at("30 February", "/doses/0/time", "2026-02-30T08:00", "impossible_time", says="calendar"),
    at("year 0", "/doses/0/time", "0000-03-02T08:00", "impossible_time"),
    at("25 o'clock", "/doses/0/time", "2026-03-02T25:00", "impossible_time"),
    at("offset of 25 hours", "/doses/0/time", "2026-03-02T08:00+25:00", "impossible_time"),
    at("true as a time", "/now", True, "not_a_time"),
    at("hours out of all proportion", "/now", 1e7, "out_of_range", accepted="-1e+06 to 1e+06 h"),
    at("year 9999 by a slip", "/now", "9999-03-16T09:00", "out_of_range", says="the year 9999",
       accepted="years 1990 to 2200"),
    at("hours among dates", "/levels/1/time", 336, "mixed_times", says="a number of hours"),
    at("offset among times without", "/now", "2026-03-16T09:00+08:00", "mixed_times", says="with an offset"),
    at("level twice", "/levels/2", {**GOOD["levels"][0]}, "given_twice"),
    at("level twice, another unit", "/levels/2", {"time": "2026-03-09T08:00", "level_ug_l": 4.4}, "given_twice"),
    at("level twice, rounded", "/levels/2", {"time": "2026-03-09T08:00:40", "level_nmol_l": 4.81}, "given_twice"),
    at("level twice, another spelling", "/levels/2",
       {"time": "2026-03-09T08:00", "level_ng_ml": 4.4, "assay": "LC-MS / MS"}, "given_twice"),
    at("UTC among times without", "/comedications/0/stop", "2026-03-12T08:00Z", "mixed_times", says="with an offset"),
    at("stop before start", "/comedications/0/stop", "2026-03-01T08:00", "reversed_times"),
    at("stop at start", "/comedications/0/stop", "2026-03-07T08:00", "reversed_times"),
    Bad("date among hours", {
        **without(without(without(GOOD, "/covariates"), "/comedications"), "/now"),
        "doses": [{"time": 0, "dose_mg": 2, "every_h": 24, "count": 3}],
        "levels": [{"time": "2026-03-05T08:00", "level_ng_ml": 4}],
    }, "mixed_times", "/levels/0/time", "without an offset"),
    Bad("times of doses and levels swapped", {
        "patient": {"weight_kg": 58, "age_years": 41},
        "protocol": "itp-2024-adult",
        "doses": [{"time": "2026-03-16T08:00", "dose_mg": 2}],
        "levels": [{"time": "2026-03-02T08:00", "level_ng_ml": 4.4}],
    }, "levels_before_doses", "/levels/0/time", "swapped"),
]  # fmt: skip

TWICE = "two_doses_at_one_instant"
DOSES = [
    at("one dose noted twice", "/doses/2", {"time": "2026-03-02T08:00", "dose_mg": 2}, TWICE, "/doses/2/time",
       "runs 1 and 3"),
    at("a dose within a run", "/doses/2", {"time": "2026-03-08T08:00", "dose_mg": 1}, TWICE, "/doses/2/time",
       "runs 2 and 3"),
    at("runs that cross once", "/doses/2", {"time": "2026-03-06T20:00", "dose_mg": 1, "every_h": 36, "count": 4}, TWICE,
       "/doses/2/time", "runs 2 and 3"),
    at("one run too long", "/doses/0/count", 4, TWICE, "/doses/1/time", "runs 1 and 2"),
    at("an interval without a count", "/doses/0", {"time": "2026-03-02T08:00", "dose_mg": 2, "every_h": 24},
       "missing_field", "/doses/0/count", "count"),
    at("a count without an interval", "/doses/0", {"time": "2026-03-02T08:00", "dose_mg": 2, "count": 3},
       "missing_field", "/doses/0/every_h", "every_h"),
    at("too many runs", "/doses", [{"time": 24 * day, "dose_mg": 1} for day in range(2001)], "too_many",
       accepted="at most 2000"),
    Bad("too many doses", {
        "patient": {"weight_kg": 58, "age_years": 41}, "protocol": "itp-2024-adult",
        "doses": [{"time": start, "dose_mg": 1, "every_h": 2, "count": 10001} for start in (0, 1)],
    }, "too_many", "/doses", "20000", "at most 20000 doses"),
]  # fmt: skip

FORM = [
    Bad("no weight", without(GOOD, "/patient/weight_kg"), "missing_field", "/patient/weight_kg"),
    Bad("no age", without(GOOD, "/patient/age_years"), "missing_field", "/patient/age_years"),
    Bad("no patient", without(GOOD, "/patient"), "missing_field", "/patient"),
    Bad("no protocol", without(GOOD, "/protocol"), "missing_field", "/protocol"),
    at("unknown protocol", "/protocol", "itp-2042", "unknown_protocol", says="itp-2024-adult"),
    at("unknown model", "/model", "mao-2042", "unknown_model", says="mao-2024"),
    at("a path as a model", "/model", "../models/mao-2024", "unknown_model"),
    at("empty protocol", "/protocol", "", "unknown_protocol"),
    at("sex outside the vocabulary", "/patient/sex", "f", "unknown_value", says="female"),
    at("both kinds of level", "/levels/0/below_ng_ml", 1.5, "one_kind_of_level", "/levels/0", "either"),
    at("neither kind of level", "/levels/0", {"time": "2026-03-09T08:00"}, "one_kind_of_level", "/levels/0", "either"),
    at("both forms of product", "/product/step_mg", 0.1, "one_form_of_product", "/product", "either"),
    at("neither form of product", "/product", {}, "one_form_of_product", "/product"),
    at("no strength", "/product/strengths_mg", [], "too_few"),
    at("a change of nothing", "/covariates/0", {"time": "2026-03-10T08:00"}, "missing_field", "/covariates/0"),
    at("an age that changes", "/covariates/0/age_years", 42, "unknown_field"),
    at("empty assay", "/levels/0/assay", "", "empty_text"),
    at("empty name of a drug", "/comedications/0/name", "", "empty_text"),
    at("name of a drug without end", "/comedications/0/name", "x" * 5000, "too_long"),
    at("empty regimen", "/regimens/0/pattern_mg", [], "too_few"),
    at("doses as an object", "/doses", {"time": "2026-03-02T08:00", "dose_mg": 2}, "not_a_list"),
    at("doses as null", "/doses", None, "not_a_list"),
    at("patient as a list", "/patient", [58, 41], "not_an_object"),
    at("patient as a text", "/patient", "a woman of 41", "not_an_object"),
    at("protocol as a list", "/protocol", ["itp-2024-adult"], "not_an_object"),
    at("protocol as null", "/protocol", None, "not_an_object"),
    at("model as a number", "/model", 2024, "not_an_object"),
    at("too many levels", "/levels", [{"time": 24 * day, "level_ng_ml": 5} for day in range(201)], "too_many",
       accepted="at most 200"),
]  # fmt: skip


def of_model(name: str, path: str, value: Any, code: str, pointer: str = "", says: str = "") -> Bad:
    where = "/model" + (pointer or path)
    return Bad(f"model: {name}", put(GOOD, "/model", put(MODEL, path, value)), code, where, says)


MODELS = [
    of_model("clearance in mL/min", "/parameters/cl/unit", "mL/min", "unknown_unit", says="L/h"),
    of_model("volume in mL", "/parameters/v/unit", "mL", "unknown_unit", says="must be L"),
    of_model("clearance per kg", "/parameters/cl/unit", "L/h/kg", "unknown_unit"),
    of_model("clearance of zero", "/parameters/cl/value", 0, "out_of_range"),
    of_model("negative volume", "/parameters/v/value", -500, "out_of_range"),
    of_model("volume a thousand times too small", "/parameters/v/value", 0.5, "half_life_implausible", "/parameters"),
    of_model("a covariate nobody knows", "/covariates/0/covariate", "albumin_g_l", "unknown_covariate"),
    of_model("an effect nobody knows", "/covariates/0/effect", "spline", "unknown_value", "/covariates/0/effect"),
    of_model("a residual nobody knows", "/residual/kind", "poisson", "unknown_value", "/residual/kind"),
    of_model("another drug", "/drug", "everolimus", "unknown_value", says="sirolimus"),
    of_model("an id with spaces", "/id", "My model", "bad_id"),
    of_model("correlation above 1", "/omega/covariance", [[0.09, 0.2], [0.2, 0.16]], "omega_not_positive_definite"),
    of_model("omega of another size", "/omega/covariance", [[0.09]], "omega_shape"),
    of_model("limits reversed", "/limits/0/soft_high", 10, "limits_reversed", "/limits/0/soft_low"),
    Bad("model: no absorption", put(GOOD, "/model", without(MODEL, "/parameters/ka")), "missing_field",
        "/model/parameters/ka"),
    Bad("protocol of one's own: window reversed",
        put(GOOD, "/protocol", put(PROTOCOL, "/window", {"low_ng_ml": 15, "high_ng_ml": 5})), "window_reversed",
        "/protocol/window/low_ng_ml"),
    Bad("protocol of one's own: neither window nor sisters", put(GOOD, "/protocol", without(PROTOCOL, "/window")),
        "missing_field", "/protocol/sister_protocols"),
]  # fmt: skip


def with_text(old: str, new: str) -> str:
    """The good case as JSON text with a piece of it written differently."""
    text = json.dumps(GOOD)
    assert text.count(old) == 1, old
    return text.replace(old, new)


TEXTS = [
    Bad("empty input", b"", "empty_input", ""),
    Bad("white space", " \n\t ", "empty_input", ""),
    Bad("no JSON", "patient: a woman of 41", "not_json", "", "line 1"),
    Bad("half a JSON", json.dumps(GOOD)[:200], "not_json", ""),
    Bad("single quotes", "{'patient': {}}", "not_json", ""),
    Bad("a comma too many", '{"doses": [],}', "not_json", ""),
    Bad("a comment", '{"doses": [] /* none */}', "not_json", ""),
    Bad("two cases", json.dumps(GOOD) * 2, "not_json", ""),
    Bad("a list", "[]", "not_an_object", "", "JSON object"),
    Bad("null", "null", "not_an_object", ""),
    Bad("a number", "42", "not_an_object", ""),
    Bad("a text", '"case"', "not_an_object", ""),
    Bad("true", "true", "not_an_object", ""),
    Bad("NaN as text", with_text('"weight_kg": 58', '"weight_kg": NaN'), "not_finite", "", "NaN"),
    Bad("Infinity as text", with_text('"weight_kg": 58', '"weight_kg": Infinity'), "not_finite", ""),
    Bad("-Infinity as text", with_text('"weight_kg": 58', '"weight_kg": -Infinity'), "not_finite", ""),
    Bad("1e400", with_text('"weight_kg": 58', '"weight_kg": 1e400'), "not_finite", "", "too large"),
    Bad("5000 digits", with_text('"weight_kg": 58', f'"weight_kg": {"9" * 5000}'), "not_finite", ""),
    Bad("20 digits", with_text('"weight_kg": 58', f'"weight_kg": {"9" * 20}'), "out_of_range", "/patient/weight_kg"),
    Bad("a key given twice", with_text('"weight_kg": 58', '"weight_kg": 58, "weight_kg": 85'), "duplicate_key", "",
        "weight_kg"),
    Bad("a key given twice, differently written", with_text('"now"', '"doses": [], "d\\u006fses": [], "now"'),
        "duplicate_key", "", "doses"),
    Bad("not UTF-8", b'{"protocol": "\xff\xfe"}', "not_utf8", ""),
    Bad("UTF-16", json.dumps(GOOD).encode("utf-16"), "not_utf8", ""),
    Bad("half a surrogate pair", with_text('"clarithromycin"', '"\\ud800"'), "not_unicode", ""),
    Bad("half a surrogate pair as a key", '{"\\udfff": 1}', "not_unicode", ""),
    Bad("nested 10,000 deep", "[" * 10_000 + "]" * 10_000, "nested_too_deep", "", accepted="at most 32 levels"),
    Bad("nested 10,000 deep in objects", '{"patient":' * 10_000 + "1" + "}" * 10_000, "nested_too_deep", ""),
    Bad("nested 10,000 deep and never closed", "[" * 10_000, "nested_too_deep", ""),
    Bad("two megabytes", b" " * 2_000_000, "too_large", "", accepted="at most 1048576 bytes"),
]  # fmt: skip

# Computable form, but no answer: the refusal comes from `recommend`.
LIMITS = [
    Bad("below 1 year, no model named", {"patient": {"weight_kg": 4, "age_years": 0.2}, "protocol": "cheng-2020-child"},
        "outside_hard_limit", "/patient/age_years", "1 year", "from 1 year"),
    Bad("below 1 year, model named", {"patient": {"weight_kg": 4, "age_years": 0.2}, "protocol": "cheng-2020-child",
        "model": "chen-2021"}, "outside_hard_limit", "/patient/age_years", "chen-2021"),
    Bad("fan-2024 above 40 kg", {"patient": {"weight_kg": 41, "age_years": 12}, "protocol": "itp-2024-child",
        "model": "fan-2024"}, "outside_hard_limit", "/patient/weight_kg", "40 kg"),
    Bad("a model for simulation only", {"patient": {"weight_kg": 20, "age_years": 5, "cyp3a5_star1_carrier": False},
        "protocol": "itp-2024-child", "model": "chen-2020"}, "model_for_simulation_only", "/model", "simulation"),
    Bad("a covariate that is never assumed", put(without(GOOD, "/patient/cyp3a5_star1_carrier"), "/model",
        put(MODEL, "/covariates/1",
            {"on": "cl", "covariate": "cyp3a5_star1_carrier", "effect": "factor", "factor": 2})),
        "missing_covariate", "/patient/cyp3a5_star1_carrier", "never assumed"),
]  # fmt: skip

OBJECTS = [*UNKNOWN_FIELDS, *NUMBERS, *TIMES, *DOSES, *FORM, *MODELS]
EVERY = [*OBJECTS, *TEXTS, *LIMITS]


def named(bad: Bad) -> str:
    return bad.name


def refusal(source: Any) -> tdm.Refused:
    with pytest.raises(tdm.Refused) as refused:
        tdm.recommend(tdm.read_case(source))
    return refused.value


def assert_is_one_sentence(problem: tdm.Problem) -> None:
    message = problem.message
    assert message[-1] in ".?", message
    assert "\n" not in message
    assert len(message) <= LONGEST_SENTENCE, len(message)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", problem.code)
    assert problem.pointer == "" or problem.pointer.startswith("/")


def test_the_good_case_of_these_tests_is_answered() -> None:
    for case in (GOOD, put(GOOD, "/model", MODEL), put(GOOD, "/protocol", PROTOCOL)):
        assert tdm.recommend(tdm.read_case(case)).summary
        assert tdm.read_case(json.dumps(case)) == tdm.read_case(case)


@pytest.mark.parametrize("bad", EVERY, ids=named)
def test_bad_input_is_refused_with_code_field_and_sentence(bad: Bad) -> None:
    problems = refusal(bad.source).problems
    for problem in problems:
        assert_is_one_sentence(problem)
    found = {(problem.code, problem.pointer): problem for problem in problems}
    assert (bad.code, bad.pointer) in found, list(found)
    problem = found[bad.code, bad.pointer]
    assert bad.says in problem.message
    if bad.accepted is not None:
        assert problem.accepted == bad.accepted


@pytest.mark.parametrize("bad", [one for one in NUMBERS if one.code == "out_of_range"], ids=named)
def test_a_number_out_of_range_is_answered_with_the_range_and_its_unit(bad: Bad) -> None:
    (problem,) = refusal(bad.source).problems
    assert problem.accepted
    assert re.search(r"(kg|years|cm|%|umol/L|ng/mL|mg|h|doses|[0-9]{4})$", problem.accepted), problem.accepted


@pytest.mark.parametrize("bad", [one for one in OBJECTS if one.code != "not_finite"], ids=named)
def test_the_same_is_refused_as_json_text(bad: Bad) -> None:
    codes = [(problem.code, problem.pointer) for problem in refusal(json.dumps(bad.source)).problems]
    assert codes == [(problem.code, problem.pointer) for problem in refusal(bad.source).problems]


def test_all_problems_come_together() -> None:
    case = put(put(put(GOOD, "/patient/weight_kg", -1), "/doses/1/dose_mg", 0), "/levels/0/assay", 3)
    pointers = {problem.pointer for problem in refusal(case).problems}
    assert pointers == {"/patient/weight_kg", "/doses/1/dose_mg", "/levels/0/assay"}


def test_a_refusal_never_echoes_a_long_input() -> None:
    case = put(put(GOOD, "/protocol", "x" * 5000), "/model", "y" * 5000)
    refused = refusal(case)
    assert len(str(refused)) < 1000
    assert "xxxx" not in str(refused)


def test_a_pointer_escapes_the_key_as_rfc_6901_says() -> None:
    (problem,) = refusal({**GOOD, "a/b~c": 1}).problems
    assert problem.pointer == "/a~1b~0c"


# --- the command line -------------------------------------------------------------------------------------------------


def as_bytes(source: Any) -> bytes:
    if isinstance(source, bytes):
        return source
    return (source if isinstance(source, str) else json.dumps(source)).encode()


@pytest.mark.parametrize("bad", EVERY, ids=named)
def test_the_command_line_refuses_with_status_1_and_nothing_on_standard_output(
    bad: Bad, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "case.json"
    path.write_bytes(as_bytes(bad.source))
    assert main(["recommend", str(path)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert "[not_finite]" in shown.err or f"[{bad.code}]" in shown.err
    assert bad.pointer in shown.err or bad.code == "not_finite"


def test_a_process_refuses_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(put(GOOD, "/patient/weight_kg", 700)), encoding="utf-8")
    done = process("recommend", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "/patient/weight_kg: A weight of 700 kg is outside 0.5 to 300 kg." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_file_with_a_wrong_unit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = re.findall(r"```toml\n(.*?)```", SEEDS_README, flags=re.DOTALL)[0]
    case, model = EXAMPLES / "adult-ctd-low-trough.json", tmp_path / "my.toml"
    model.write_text(text.replace('"L/h"', '"mL/min"'), encoding="utf-8")
    assert main(["recommend", str(case), "--model", str(model)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "/parameters/cl/unit" in shown.err
    assert "[unknown_unit]" in shown.err


@pytest.mark.parametrize(
    ("option", "text", "code"),
    [
        ("--model", "", "missing_field"),
        ("--model", "id = ", "not_toml"),
        ("--model", 'id = "a"\nid = "b"', "not_toml"),
        ("--model", "[" * 10_000, "n"),
        ("--model", '{"id": "site"}', "not_toml"),
        ("--protocol", "[window]\nlow_ng_ml = nan", "not_finite"),
        ("--protocol", "window = 5", "not_an_object"),
    ],
)
def test_a_bad_file_of_ones_own_is_refused(
    option: str, text: str, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    assert main(["recommend", str(EXAMPLES / "adult-ctd-low-trough.json"), option, str(path)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"[{code}" in shown.err


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tdm.cli", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["advise"],
        ["recommend"],
        ["recommend", "--fast", "a.json"],
        ["recommend", "a.json", "b.json"],
        ["models", "x"],
    ],
    ids=["no command", "unknown command", "no file", "unknown option", "two files", "argument too many"],
)
def test_wrong_usage_exits_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "usage: tdm" in shown.err


@pytest.mark.parametrize("option", [[], ["--model"], ["--protocol"]], ids=["case", "model", "protocol"])
def test_a_file_that_is_not_there_is_wrong_usage(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = str(EXAMPLES / "adult-ctd-low-trough.json")
    missing = str(tmp_path / "missing")
    assert main(["recommend", *([case, *option, missing] if option else [missing])]) == 2
    assert main(["recommend", *([case, *option, str(tmp_path)] if option else [str(tmp_path)])]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "missing" in shown.err


# --- anything at all --------------------------------------------------------------------------------------------------


def places(whole: Any, path: str = "") -> Iterator[str]:
    """The JSON Pointer of every value of a case, objects and lists included."""
    yield path
    children = whole.items() if isinstance(whole, dict) else enumerate(whole) if isinstance(whole, list) else ()
    for key, value in children:
        yield from places(value, f"{path}/{key}")


# The extremes come first, so that they are answered before the values that are merely of another type.
STRANGE: list[Any] = [None, "", [], {}, math.nan, -math.inf, 1e308, -1e308, 1e-300, 10**15, -1, 0, 1e6, 1, 2.5, True]
STRANGE += [False, "1", "x", "\x00", "x" * 100, "2026-03-05T08:00", "2026-03-05T08:00Z", [1], [[]], {"a": 1}]
# The door is tried with every value; an answer, which takes longer, with so many at each place.
ANSWERS_AT_A_PLACE = 2
WHOLE_CASES = {
    "seeds": GOOD,
    "model": put(GOOD, "/model", MODEL),
    "protocol": put(GOOD, "/protocol", PROTOCOL),
}


@pytest.mark.slow
@pytest.mark.parametrize("whole", WHOLE_CASES, ids=str)
def test_any_value_anywhere_is_answered_or_refused(whole: str) -> None:
    case = WHOLE_CASES[whole]
    inside = "" if whole == "seeds" else f"/{whole}"
    refused, answered, crashes = 0, 0, []
    for path in places(case):
        if not path or not path.startswith(inside):
            continue
        answered_here = 0
        for value in STRANGE:
            try:
                strange_case = tdm.read_case(put(case, path, value))
                if answered_here == ANSWERS_AT_A_PLACE:
                    continue
                answer = tdm.recommend(strange_case)
            except tdm.Refused as reasons:
                refused += 1
                for problem in reasons.problems:
                    assert_is_one_sentence(problem)
                    assert problem.pointer, (path, value)
            except tdm.NotConverged:  # the documented third outcome: no answer, and it says so
                refused += 1
            except Exception as crash:  # every other exception is the bug that this test looks for
                crashes.append(f"{path} = {value!r}: {type(crash).__name__}: {crash}")
            else:
                answered_here += 1
                assert_is_finite(answer.model_dump(), f"{path} = {value!r}")
        answered += answered_here
    assert not crashes, "\n".join(crashes)
    assert refused > answered > 0


def assert_is_finite(value: Any, where: str) -> None:
    if isinstance(value, float):
        assert math.isfinite(value), where
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        assert_is_finite(child, where)


# --- edges ------------------------------------------------------------------------------------------------------------


def hours(doses: list[dict[str, Any]], *levels: tuple[float, float], **more: Any) -> dict[str, Any]:
    """A case in hours: doses, and levels as (time h, ng/mL)."""
    return {
        "patient": {"weight_kg": 58, "age_years": 41, "hematocrit_percent": 38},
        "protocol": "itp-2024-adult",
        "doses": doses,
        "levels": [{"time": time, "level_ng_ml": level} for time, level in levels],
        **more,
    }


TWO_WEEKS = [{"time": 0, "dose_mg": 2, "every_h": 24, "count": 14}]


def shifted(days: int, kind: str) -> dict[str, Any]:
    start = 1e6 - 24 * days if kind == "hours" else "9999-12-17T08:00"
    last = 1e6 if kind == "hours" else "9999-12-31T08:00"
    return {
        "patient": {"weight_kg": 58, "age_years": 41, "hematocrit_percent": 38},
        "protocol": "itp-2024-adult",
        "doses": [{"time": start, "dose_mg": 2, "every_h": 24, "count": days}],
        "levels": [{"time": last, "level_ng_ml": 8}],
    }


def linear(reference: float, coefficient: float) -> dict[str, Any]:
    effect = {"on": "cl", "covariate": "weight_kg", "effect": "linear", "reference": reference}
    return {**MODEL, "covariates": [{**effect, "coefficient": coefficient}]}


EDGES: dict[str, Any] = {
    "no dose, no level": hours([]),
    "doses without a level": hours(TWO_WEEKS),
    "a level and no dose": hours([], (0, 5)),
    "only a level that is too early": hours(TWO_WEEKS, (315, 21.5)),
    "only a level in the future": hours(TWO_WEEKS, (336, 8), now=300),
    "a decision before everything": hours(TWO_WEEKS, (336, 8), now=-500),
    "a decision years later": hours(TWO_WEEKS, (336, 8), now=100_000),
    "the last hours that are accepted": shifted(14, "hours"),
    "the last days of the calendar": shifted(14, "dates"),
    "a level of 200": hours(TWO_WEEKS, (336, 200)),
    "a level of 0.05": hours(TWO_WEEKS, (336, 0.05)),
    "two levels at one instant": hours(TWO_WEEKS, (336, 8), (336, 3)),
    "40 mg every hour": hours([{"time": 0, "dose_mg": 40, "every_h": 1, "count": 48}], (48, 20)),
    "0.01 mg": hours([{"time": 0, "dose_mg": 0.01, "every_h": 24, "count": 14}], (336, 8)),
    "20,000 doses": hours([{"time": 0, "dose_mg": 0.1, "every_h": 1, "count": 20000}], (20000, 8)),
    "doses minutes apart": hours([{"time": 0.3 * n, "dose_mg": 0.5} for n in range(4)], (24, 3)),
    "two runs half an hour apart": hours(
        [{"time": start, "dose_mg": 0.1, "every_h": 1, "count": 100} for start in (0, 0.5)], (100, 5)
    ),
    "29 doses in turn": hours([{"time": 24 * n, "dose_mg": 1 + n % 29 / 100} for n in range(87)], (24 * 87, 8)),
    "30 interleaved runs": hours(
        [{"time": 10 * n, "dose_mg": 1, "every_h": 300, "count": 5} for n in range(30)], (1500, 8)
    ),
    "a window of next to nothing": hours(TWO_WEEKS, (336, 8), target={"low_ng_ml": 1e-300, "high_ng_ml": 2e-300}),
    "a window out of reach": hours(TWO_WEEKS, (336, 8), target={"low_ng_ml": 49, "high_ng_ml": 50}),
    "a solution in steps of 0.01 mg": hours(TWO_WEEKS, (336, 8), product={"step_mg": 0.01}),
    "tablets of 10 mg only": hours([], product={"strengths_mg": [10]}),
    "six strengths": hours(TWO_WEEKS, (336, 8), product={"strengths_mg": [0.01, 0.07, 0.5, 1, 3, 10]}),
    "a regimen of a fortnight": hours(TWO_WEEKS, (336, 8), regimens=[{"pattern_mg": [2], "every_h": 336}]),
    "a model whose clearance turns negative": hours(TWO_WEEKS, (336, 8), model=linear(40, -0.1)),
    "a model whose clearance turns zero": hours(TWO_WEEKS, (336, 8), model=linear(57, -1)),
    "a model that only varies in absorption": hours(
        TWO_WEEKS, (336, 8), model=put(MODEL, "/omega", {"of": ["ka"], "covariance": [[0.1]]})
    ),
    "a model without noise": hours(
        TWO_WEEKS, (336, 8), model=put(MODEL, "/residual", {"kind": "additive", "additive_ng_ml": 1e-300})
    ),
    "a number that no float holds": hours(TWO_WEEKS, now=10**400),
    "half a surrogate pair in a dict": hours(TWO_WEEKS, model=put(MODEL, "/title", "\ud800")),
}


@pytest.mark.parametrize("name", EDGES)
def test_an_edge_is_answered_or_refused(name: str) -> None:
    try:
        answer = tdm.recommend(tdm.read_case(EDGES[name]))
    except tdm.Refused as refused:
        for problem in refused.problems:
            assert_is_one_sentence(problem)
    except tdm.NotConverged:
        assert "noise" in name, "only a model without noise may fail to converge"
    else:
        assert_is_finite(answer.model_dump(), name)
        assert tdm.Recommendation.model_validate_json(answer.model_dump_json()) == answer
