"""No value that was entered stands in a problem of the HTTP interface, whatever the core complains about.

Inputs hold marks that nothing else has: the digits 7391 in numbers and dates, the name zaphod in texts and in names of
fields. The pointer of a problem is not looked at: it says where something stands, in the words of the input.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import tdm
from tdm.knowledge.seeds import model_from_toml
from tdm.notation import refusal
from tdm.notation.sentence import Entered, Said
from tdm_api.problems import refused
from tdm_api.unechoed import unechoed
from tdm_api.workload import MOST_REGIMENS, check_workload
from tests.test_bad_input import EVERY, GOOD, MODEL, PROTOCOL, put, without

ROOT = Path(tdm.__file__).resolve().parent
MARKS = ("7391", "73.91", "7.391", "zaphod")
# A case whose free texts are all marked, with a model and a protocol of its own.
OWN_MODEL = put(put(MODEL, "/id", "zaphod-7391"), "/limits/0/reason", "Only zaphod, 7391 times.")
OWN_MODEL = put(OWN_MODEL, "/title", "zaphod")
OWN_PROTOCOL = put(put(PROTOCOL, "/id", "zaphod-7391"), "/start/text", "zaphod 7391")
MARKED = put(put(GOOD, "/model", OWN_MODEL), "/protocol", OWN_PROTOCOL)
MARKED = put(put(MARKED, "/comedications/0/name", "zaphod 7391"), "/levels/0/assay", "zaphod 7391")


def own(path: str, value: Any) -> dict[str, Any]:
    return dict(put(MARKED, f"/model{path}", value))


def limited(**limit: Any) -> dict[str, Any]:
    return own("/limits/1", {"reason": "zaphod", "soft_low": 1, **limit})


FIRST = "2026-03-02T08:00"
# What the tables of bad input do not reach, and the same kinds again with marks where the sentence has a value.
FURTHER: dict[str, Any] = {
    "weight": put(MARKED, "/patient/weight_kg", 7391.25),
    "weight, negative": put(MARKED, "/patient/weight_kg", -7391.25),
    "year": put(MARKED, "/now", "7391-03-02T08:00"),
    "hours": put(MARKED, "/now", 7391842.0),
    "text for a number": put(MARKED, "/patient/weight_kg", "zaphod"),
    "number for a text": put(MARKED, "/levels/0/assay", 7391),
    "keys that are numbers": put(MARKED, "/patient", {7391: "zaphod"}),
    "a key twice": '{"zaphod": 7391, "zaphod": 1}',
    "an odd key twice": '{"zaphod 7391": 7391, "zaphod 7391": 1}',
    "no number": '{"patient": -Infinity}',
    "unknown model": put(MARKED, "/model", "zaphod-7391"),
    "unknown protocol": put(MARKED, "/protocol", "zaphod-7391"),
    "unknown field": put(MARKED, "/zaphod", 7391),
    "unknown sex": put(MARKED, "/patient/sex", "zaphod"),
    "below the method": put(put(MARKED, "/levels/0/assay", "zaphod eclia"), "/levels/0/level_ng_ml", 0.07391),
    "level twice": put(MARKED, "/levels/2", MARKED["levels"][0]),
    "no such dose": put(MARKED, "/doses/0/missed", ["2026-03-02T09:00"]),
    "hard limit of one's own": limited(of="weight_kg", hard_low=73.91),
    "hard limit of one's own, above": limited(of="weight_kg", hard_high=7.391),
    "hard limit of one's own, between": limited(of="weight_kg", hard_low=7.391, hard_high=7.3915),
    "daily dose": put(
        limited(of="daily_dose_mg", hard_high=0.7391),
        "/doses",
        [{"time": FIRST, "dose_mg": 7.391, "every_h": 24, "count": 9}],
    ),
    "simulation": own("/use", "simulation"),
    "never assumed": own("/assume", {"weight_kg": {"value": 73.91}}),
    "unknown assumption": own("/assume", {"zaphod": {"value": 73.91}}),
    "default outside": put(
        limited(of="hematocrit_percent", soft_low=40), "/model/assume", {"hematocrit_percent": {"value": 7.391}}
    ),
    "omega of a name twice": own("/omega/of", ["cl", "cl"]),
    "half-life": own("/parameters/v/value", 0.7391),
    "absorption": own("/parameters/ka/value", 7391),
    "half-life of the patient": own(
        "/covariates/0", {"on": "cl", "covariate": "weight_kg", "effect": "power", "reference": 7.391, "exponent": 4.9}
    ),
    "missing covariate": put(
        without(MARKED, "/patient/cyp3a5_star1_carrier"),
        "/model/covariates/1",
        {"on": "cl", "covariate": "cyp3a5_star1_carrier", "effect": "factor", "factor": 2},
    ),
    "unknown covariate": own("/covariates/0/covariate", "zaphod"),
    "unknown unit": own("/parameters/cl/unit", "zaphod"),
    "unknown parameter": own("/parameters/zaphod", {"value": 7391, "unit": "zaphod"}),
    "start reversed": put(MARKED, "/protocol/start/phases/0/low_mg", 73.91),
    "too much work": put(MARKED, "/regimens", [{"pattern_mg": [0.7391], "every_h": 24}] * (MOST_REGIMENS + 1)),
}


def complaints(source: Any) -> tdm.Refused | None:
    try:
        case = tdm.read_case(source)
        check_workload(case)
        tdm.recommend(case)
    except tdm.Refused as found:
        return found
    return None


def values_in(text: str) -> Iterator[str]:
    yield text
    for value in text.values.values() if isinstance(text, Said) else ():
        yield from values_in(value)


def assert_nothing_is_echoed(found: tdm.Refused) -> None:
    for problem in found.problems:
        shown = unechoed(problem)
        assert not [one for one in values_in(shown.message) if isinstance(one, Entered)]
        assert shown.accepted is None or not [one for one in values_in(shown.accepted) if isinstance(one, Entered)]
    document = refused(found).document
    assert [one.pointer for one in document.problems] == [one.pointer for one in found.problems]
    placeless = [one.model_copy(update={"pointer": ""}) for one in document.problems]
    text = document.model_copy(update={"problems": tuple(placeless)}).model_dump_json().lower()
    assert not [mark for mark in MARKS if mark in text], text


@pytest.mark.parametrize("name", FURTHER)
def test_no_entered_value_comes_back(name: str) -> None:
    source = FURTHER[name]
    found = complaints(source)
    assert found is not None
    assert_nothing_is_echoed(found)
    if isinstance(source, dict) and name != "keys that are numbers":
        as_text = complaints(json.dumps(source))
        assert as_text is not None
        assert_nothing_is_echoed(as_text)


def test_at_the_bedside_the_values_are_said() -> None:
    said = {name: str(complaints(FURTHER[name])) for name in FURTHER}
    assert "A weight of 7391.25 kg is outside" in said["weight"]
    assert "'zaphod' is given twice" in said["a key twice"]
    assert "A key is given twice" in said["an odd key twice"]
    assert "0.07391 ng/mL" in said["below the method"]
    assert "the model zaphod-7391 may be used for (from 73.91 kg). zaphod" in said["hard limit of one's own"]


def codes_of_the_core() -> set[str]:
    found = {code for code, _ in refusal._SENTENCES.values()}
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                given_ = [one.value for one in node.keywords if one.arg == "code"]
                given_ += node.args[:1] if getattr(node.func, "id", "") in ("refuse", "_problem", "_not_usable") else []
                found |= {str(one.value) for one in given_ if isinstance(one, ast.Constant)}
    return found


def test_every_kind_of_problem_is_looked_at() -> None:
    seen = set()
    for source in (*(bad.source for bad in EVERY), *FURTHER.values()):
        found = complaints(source)
        assert found is not None
        assert_nothing_is_echoed(found)
        seen |= {problem.code for problem in found.problems}
    with pytest.raises(tdm.Refused) as no_toml:
        model_from_toml("zaphod = 1\nzaphod = 7391")
    assert_nothing_is_echoed(no_toml.value)
    seen |= {problem.code for problem in no_toml.value.problems}
    assert codes_of_the_core() <= seen, codes_of_the_core() - seen


def places(value: Any, at: str = "") -> Iterator[str]:
    """The pointer of everything in a case."""
    if at:
        yield at
    if isinstance(value, (dict, list)):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(one, f"{at}/{key}")


ENTERED = ["zaphod", "zaphod 7391", -7391.25, 7391, 7391842.0, 0.007391, 7.391, "7391-03-02T08:00", None, True]
ANYTHING = st.recursive(
    st.sampled_from(ENTERED),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["zaphod", "time", "value"]), inner),
    max_leaves=4,
)
PLACES = [*places(MARKED), "/zaphod", "/patient/zaphod", "/model/zaphod"]


@settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(entered=st.dictionaries(st.sampled_from(PLACES), ANYTHING, min_size=1, max_size=2))
def test_whatever_is_entered_does_not_come_back(entered: dict[str, Any]) -> None:
    case = MARKED
    for place in sorted(entered, key=len, reverse=True):
        case = put(case, place, entered[place])
    found = complaints(json.dumps(case))
    if found is not None:
        assert_nothing_is_echoed(found)
