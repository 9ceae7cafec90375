"""Print which answers of the corpus changed and how; `--accept` writes the new ones down, `--cases` draws it anew."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

from tests.corpus.answers import ANSWERS, CASES, answer_to, differences, lines
from tests.random_cases import random_case

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RANDOM_CASES, SEED = 320, 20260301
DIFFERENCES_SHOWN = 12


def main() -> int:
    """Compare, accept or draw; the exit status is 1 where an answer changed."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("--accept", action="store_true", help="write the answers of today down")
    parser.add_argument("--cases", action="store_true", help="draw the cases anew, from the examples and at random")
    parser.add_argument("--decisions", action="store_true", help="print one line for each changed decision only")
    chosen = parser.parse_args()
    if chosen.cases:
        _write(CASES, _drawn())
    cases = lines(CASES)
    with ProcessPoolExecutor() as pool:
        answers = list(pool.map(answer_to, (one["case"] for one in cases), chunksize=8))
    before = lines(ANSWERS) if ANSWERS.exists() else [{}] * len(cases)
    changed = 0
    for case, old, new in zip(cases, before, answers, strict=True):
        found = list(differences(old, new))
        changed += bool(found)
        if found:
            _report(case["name"], old, new, found, chosen.decisions)
    print(f"{changed} of {len(cases)} answers changed; today: {_counted(answers)}")
    if chosen.accept:
        _write(ANSWERS, answers)
        return 0
    return int(changed > 0)


def _report(name: str, old: dict[str, Any], new: dict[str, Any], found: list[str], short: bool) -> None:
    if not short:
        print(f"{name}:", *found[:DIFFERENCES_SHOWN], sep="\n  ")
        if len(found) > DIFFERENCES_SHOWN:
            print(f"  ... and {len(found) - DIFFERENCES_SHOWN} more")
    elif _said(old) != _said(new):
        print(f"{name}:\n  - {_said(old)}\n  + {_said(new)}")


def _said(answer: dict[str, Any]) -> str:
    if "refused" in answer:
        return "refused: " + "; ".join(f"{one['pointer']} {one['code']}" for one in answer["refused"])
    return str(answer.get("crashed") or answer.get("summary"))


def _counted(answers: Iterable[dict[str, Any]]) -> str:
    kinds = Counter(
        "crashed" if "crashed" in one else "refused" if "refused" in one else one["decision"] for one in answers
    )
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))


def _drawn() -> list[dict[str, Any]]:
    examples = [
        {"name": path.stem, "case": json.loads(path.read_text(encoding="utf-8"))}
        for path in sorted(EXAMPLES.glob("*.json"))
    ]
    drawn = [{"name": f"random-{n:03d}", "case": random_case(Random(SEED + n))} for n in range(RANDOM_CASES)]
    return examples + drawn


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
