"""Answers in the form in which the corpus keeps them, and how two of them differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tdm

Json = dict[str, Any]

HERE = Path(__file__).parent
CASES, ANSWERS = HERE / "cases.jsonl", HERE / "answers.jsonl"
# Numbers that agree within this part of themselves, or this much, are the same answer on another machine.
RELATIVE, ABSOLUTE = 2e-4, 2e-5
# A curve is kept at every so many of its points.
EVERY_POINT = 24
# What stands in the catalogue, the seeds or the program, not in the answer to a case.
NOT_KEPT = ("versions", "case_id", "numerics", "models", "equations", "ambiguities", "disclaimer", "action", "source")


def lines(path: Path) -> list[Json]:
    """Return the JSON objects of a file with one on each line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def answer_to(case: Json) -> Json:
    """Return what the tool says to a case: the answer, the refusal, or the error that it should never raise."""
    try:
        whole = json.loads(tdm.recommend(tdm.read_case(case)).model_dump_json())
    except tdm.Refused as refused:
        return {"refused": [problem.model_dump(mode="json", exclude_none=True) for problem in refused.problems]}
    except Exception as error:  # a crash is an answer that the corpus has to show
        return {"crashed": type(error).__name__}
    kept: Json = _kept(whole)
    return kept


def _kept(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        if name == "curve":
            return {key: column[::EVERY_POINT] for key, column in value.items()}
        return {key: _kept(one, key) for key, one in value.items() if key not in NOT_KEPT}
    if isinstance(value, list):
        return [_kept(one) for one in value]
    return value


def differences(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Yield every place at which two answers differ, with both values."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            if key not in before or key not in after:
                side, value = ("gone", before[key]) if key in before else ("new", after[key])
                yield f"{at}/{key}: {side}: {_short(value)}"
            else:
                yield from differences(before[key], after[key], f"{at}/{key}")
    elif _are_findings(before) and _are_findings(after):
        yield from differences(_by_code(before), _by_code(after), at)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{at}/{place}")
    elif not _same(before, after):
        yield f"{at}: {_short(before)} -> {_short(after)}"


def _are_findings(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and "code" in one for one in value)


def _by_code(found: list[Json]) -> Json:
    """Findings by their codes, numbered where one stands several times."""
    by: Json = {}
    for one in found:
        number = sum(code.partition(" ")[0] == one["code"] for code in by)
        by[f"{one['code']} {number + 1}" if number else one["code"]] = one
    return by


def _same(before: Any, after: Any) -> bool:
    numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (before, after))
    if numbers:
        return bool(abs(before - after) <= ABSOLUTE + RELATIVE * max(abs(before), abs(after)))
    return bool(before == after)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else text[:157] + "..."
