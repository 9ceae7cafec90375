"""The tables of the READMEs, made from the code: `just docs` writes them, and CI says when one is stale.

A design rule is a constant in capitals at the top of a module that judges; its words are the comment above it.
"""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tdm.decision.safety_rules import RULES
from tdm.review.findings import CATALOGUE
from tdm_api.settings import Settings, variable

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "tdm"
# Where this project judges: whole rooms, and single modules of others.
JUDGEMENT = (
    "patient",
    "decision",
    "review",
    "inference",
    "knowledge/interactions",
    "knowledge/liver",
    "answer/curve",
)
# Constants of these that are no judgement: arithmetic, units, the calendar, how a search works, a published definition.
TECHNICAL = {
    "decision/candidates": (
        *("DAILY_H", "TWICE_DAILY_H", "EVERY_OTHER_DAY_H", "EVERY_THIRD_DAY_H", "WEEKLY_H"),
        *("DOSE_GRAIN_MG", "ROUNDING_MG"),
    ),
    "decision/decision": ("ADULT_FROM_YEARS",),
    "decision/forecast": ("QUANTILES", "MEASURED_POINTS"),
    "inference/importance_sampling": (
        *("PILOT_DRAWS", "PILOT_ROUNDS", "FIRST_DRAWS", "FEWEST_OF_A_PART", "SEED", "WATCHED"),
        *("SPLIT_BELOW", "MOST_SPLITS", "SLICES", "SPLIT_DRAWS", "SPLIT_ROUNDS"),
        *("KNOWN_ENOUGH", "LEAST_SHARE", "SLOPE_WIDTH"),
    ),
    "inference/lattice": ("GENERATOR", "MOST_DIMENSIONS"),
    "inference/likelihood": ("MOST_AT_ONCE",),
    "inference/map_estimate": (
        *("NEAR_STEP", "CERTIFIED_DECREMENT", "MOST_SCORING_STEPS", "MOST_NEWTON_STEPS", "MOST_START_HALVINGS"),
        *("LONGEST_STEP_SD", "HESSIAN_STEP_SD", "ROUNDING", "REGROUP_BELOW", "FIRST_DAMPING"),
        *("SCREENING_POINTS", "SCREENING_SD", "STARTS", "GROUP"),
    ),
    "knowledge/interactions": ("SD_IN_90_PERCENT",),
    "patient/estimate": ("WATCHED_INTERVAL_H", "MISSED_MODE"),
    "patient/follow_up": ("MONTH_H", "DAYS_OF_MONTH"),
    "patient/platelet_response": (
        *("COMPLETE_10E9_L", "RESPONSE_10E9_L", "TIMES_BASELINE"),
        *("CONFIRM_RESPONSE_DAYS", "CONFIRM_NONE_DAYS"),
    ),
    "patient/agreement": ("PRIOR_POINTS",),
}
# What a comment says of its kind and not of its number.
_KIND = re.compile(r"^Design rules?(?: [^:.]*)?[.:]\s*")
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


class Rule(NamedTuple):
    """A design rule: its module as `room/module`, its name, its value or values, and its words ("" without any)."""

    module: str
    name: str
    values: tuple[float, ...]
    words: str


# --- tables -----------------------------------------------------------------------------------------------------------


def findings() -> str:
    """Return the table of the findings."""
    rows = ((f"`{code}`", *entry) for code, entry in CATALOGUE.items())
    return table(("code", "severity", "what it says", "what to do", "rule from"), rows)


def safety_rules() -> str:
    """Return the table of what adverse events and platelets forbid."""
    rows = ((f"`{one.id}`", one.effect.replace("_", " "), one.sentence, one.source) for one in RULES)
    return table(("rule", "what it does", "when", "source"), rows)


def design_rules() -> str:
    """Return the table of the numbers that this project chose."""
    rows = (
        (f"`{rule.module}.{rule.name}`", ", ".join(f"{one:g}" for one in rule.values), rule.words or "(see the module)")
        for rule in rules()
    )
    return table(("name", "value", "meaning"), rows)


def settings() -> str:
    """Return the table of the settings of the service."""
    rows = (
        (f"`{variable(name)}`", f"`{field.default}`" if field.default else "none", field.description or "")
        for name, field in Settings.model_fields.items()
    )
    return table(("variable", "default", "meaning"), rows)


def rooms() -> str:
    """Return the table of the rooms of the core, from the outermost to the ground, as the import linter orders them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(one["layers"] for one in contracts["contracts"] if one.get("containers") == ["tdm"])
    return table(("room", "what it holds", "modules"), (_room(layer) for layer in layers))


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table of Markdown with a blank line on either side."""
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n" + "\n".join(lines) + "\n"


def _room(name: str) -> tuple[str, str, str]:
    folder = CORE / name
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    words = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n\n")[0]
    files = sorted(one.stem for one in folder.glob("*.py") if not one.stem.startswith("_"))
    return f"`{name}`", " ".join(words.split()), ", ".join(f"`{one}`" for one in files)


# --- design rules -----------------------------------------------------------------------------------------------------


def rules() -> list[Rule]:
    """Return every design rule, in the order of rooms, modules and lines."""
    return [rule for module in judging() for rule in rules_of(module)]


def judging() -> Iterator[str]:
    """Yield the modules that judge, as `room/module`."""
    for place in JUDGEMENT:
        path = CORE / place
        files = sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        yield from (str(one.relative_to(CORE).with_suffix("").as_posix()) for one in files if one.stem != "__init__")


def rules_of(module: str) -> Iterator[Rule]:
    """Yield the design rules of a module in the order of its lines."""
    held = vars(importlib.import_module("tdm." + module.replace("/", ".")))
    for name, words in constants((CORE / f"{module}.py").read_text(encoding="utf-8")):
        if name not in TECHNICAL.get(module, ()) and (values := _numbers(held[name])):
            yield Rule(module, name, values, words)


def constants(source: str) -> Iterator[tuple[str, str]]:
    """Yield the names in capitals that a module assigns at its top, each with the comment that ends right above."""
    lines = source.splitlines()
    for node in ast.parse(source).body:
        yield from ((name, _comment(lines, node.lineno)) for name in _assigned(node))


def _assigned(node: ast.stmt) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for target in targets:
        for one in target.elts if isinstance(target, ast.Tuple) else [target]:
            if isinstance(one, ast.Name) and _NAME.fullmatch(one.id):
                yield one.id


def _comment(lines: list[str], number: int) -> str:
    first = number - 1
    while first > 0 and lines[first - 1].startswith("# ") and not lines[first - 1].startswith("# ---"):
        first -= 1
    words = _KIND.sub("", " ".join(line.removeprefix("# ") for line in lines[first : number - 1]))
    return words[:1].upper() + words[1:]


def _numbers(value: Any) -> tuple[float, ...]:
    values = value if isinstance(value, tuple) else (value,)
    plain = all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    return tuple(values) if plain else ()


if __name__ == "__main__":
    for silent in rules():
        if not silent.words:
            print(f"{silent.module}.{silent.name} has no comment")
