"""The house rules, checked by machine: documentation, versions, imports, the wheel, and what the READMEs say."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import tdm
from tdm.version import __version__
from tests import docs_tables

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
# What counts as saying the unit: a unit of the field, or that there is none.
UNITS = re.compile(
    r"\b(units?|mg|kg|cm|h|L|L/h|1/h|ng/mL|ng/L|hours?|g/mol|MB|nmol/L|umol/L|years?|percent|SD)\b"
    r"|%|probabilit|as text"
)


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def modules() -> Iterator[ModuleType]:
    yield tdm
    for info in pkgutil.walk_packages(tdm.__path__, "tdm."):
        if not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def public_names() -> Iterator[tuple[str, object]]:
    """Every public function, class, method and property that is defined in the package."""
    for module in modules():
        for name, one in vars(module).items():
            if name.startswith("_") or getattr(one, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(one) or inspect.isclass(one):
                yield f"{module.__name__}.{name}", one
            if inspect.isclass(one):
                yield from ((f"{module.__name__}.{name}.{member}", it) for member, it in members(one))


def members(one: type) -> Iterator[tuple[str, object]]:
    for name, member in vars(one).items():
        documented = inspect.isfunction(member) or isinstance(member, property) or hasattr(member, "attrname")
        if not name.startswith("_") and documented:
            yield name, member


def test_every_public_name_has_a_docstring_that_says_its_units() -> None:
    silent, unitless = [], []
    for name, one in public_names():
        text = inspect.getdoc(one) or ""
        if not text:
            silent.append(name)
        elif not inspect.isclass(one) and not UNITS.search(text):
            unitless.append(name)
    assert not silent, silent
    assert not unitless, unitless


def test_every_number_of_an_answer_or_a_case_says_its_unit_in_its_name_or_class() -> None:
    for name, one in public_names():
        if inspect.isclass(one) and one.__module__ in ("tdm.case.case", "tdm.case.entries", "tdm.answer.answer"):
            text = inspect.getdoc(one) or ""
            fields = getattr(one, "model_fields", {})
            numbers = [f for f, info in fields.items() if "float" in str(info.annotation)]
            assert not numbers or UNITS.search(text), name


def test_the_public_interface_is_what_the_package_exports() -> None:
    for name in tdm.__all__:
        assert getattr(tdm, name) is not None
    for name in ("read_case", "recommend", "estimate", "Case", "Refused", "load_model", "load_protocol"):
        assert name in tdm.__all__


def blocks(text: str) -> list[str]:
    return re.findall(r"```\w*\n(.*?)```", text, flags=re.DOTALL)


def test_the_first_two_blocks_of_the_readme_are_the_two_commands_and_ci_calls_the_second() -> None:
    first, second = (block.strip() for block in blocks(README)[:2])
    assert first.endswith("tdm recommend examples/adult-ctd-low-trough.json")
    assert second.endswith("python -m pytest -n 2 --dist worksteal")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert second in script.splitlines()


def test_the_commands_for_windows_are_the_same_two() -> None:
    posix = [block.strip().split(" && ") for block in blocks(README)[:2]]
    windows = next(block for block in blocks(README) if r".venv\Scripts" in block).splitlines()
    plain = [
        re.sub(r"\.venv\\Scripts\\(\w+)", r".venv/bin/\1", line).replace("py -m venv", "python3 -m venv")
        for line in windows
    ]
    assert [line for line in plain if line] == [*posix[0], *posix[1][1:]]


def test_the_readme_shows_the_real_output_and_the_real_case() -> None:
    example = ROOT / "examples" / "adult-ctd-low-trough.json"
    done = run(sys.executable, "-m", "tdm.cli", "recommend", str(example))
    shown = next(block for block in blocks(README) if block.startswith("Increase"))
    assert done.stdout.startswith(shown)
    case, answered = (block for block in blocks(README) if block.startswith("{"))
    assert json.loads(case) == json.loads(example.read_text(encoding="utf-8"))
    found = json.loads(run(sys.executable, "-m", "tdm.cli", "recommend", "--json", str(example)).stdout)
    shown_fields = json.loads(answered)
    assert list(found)[: len(shown_fields)] == list(shown_fields)
    proposal = shown_fields.pop("proposal")
    assert {name: found[name] for name in shown_fields} == shown_fields
    assert {name: found["proposal"][name] for name in proposal} == proposal


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("# Not above this.\nMOST = 3\n", [("MOST", "Not above this.")]),
        ("# Design rule: of\n# two lines.\nMOST = 3\n", [("MOST", "Of two lines.")]),
        ("# Design rules.\n# The first.\nA = 1\nB = 2\n", [("A", "The first."), ("B", "")]),
        ("# Both ends.\nLOW, HIGH = 1, 2\n", [("LOW", "Both ends."), ("HIGH", "Both ends.")]),
        ("# Of another line.\n\nA = 1\nnot_one = 2\n", [("A", "")]),
        ("def f():\n    # Inside.\n    A = 1\n", []),
    ],
)
def test_the_words_of_a_design_rule_are_the_comment_above_it(source: str, found: list[tuple[str, str]]) -> None:
    assert list(docs_tables.constants(source)) == found


def test_what_the_docs_leave_out_of_the_design_rules_exists() -> None:
    judging = set(docs_tables.judging())
    for module, names in docs_tables.TECHNICAL.items():
        assert module in judging, module
        held = importlib.import_module("tdm." + module.replace("/", "."))
        assert not [name for name in names if not hasattr(held, name)], module


def test_the_citation_has_the_version_of_the_package() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", citation, flags=re.MULTILINE) == [__version__]


def test_importing_the_core_loads_no_web_framework() -> None:
    code = "import sys, tdm, tdm.cli; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "tdm" in loaded
    assert not loaded & {"tdm_api", "fastapi", "starlette", "uvicorn", "jinja2", "multipart", "python_multipart"}


@pytest.mark.slow
def test_a_wheel_answers_an_example_from_outside_the_checkout(tmp_path: Path) -> None:
    built = run(sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path))
    assert built.returncode == 0, built.stdout + built.stderr
    wheel = next(tmp_path.glob("sirolimus_tdm-*.whl"))
    venv.create(tmp_path / "fresh", with_pip=True)
    scripts = tmp_path / "fresh" / ("Scripts" if os.name == "nt" else "bin")
    python = str(scripts / "python")
    installed = run(python, "-m", "pip", "install", "-q", str(wheel), cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr
    example = tmp_path / "case.json"
    example.write_bytes((ROOT / "examples" / "adult-ctd-low-trough.json").read_bytes())
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [str(scripts / "tdm"), "recommend", str(example)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=clean, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Increase to 2 mg once daily")
    code = "from tdm_api import app, examples; app.create_app(); print(*examples.example_ids())"
    served = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=clean, check=False)
    assert served.returncode == 0, served.stderr
    assert served.stdout.split() == sorted(path.stem for path in (ROOT / "examples").glob("*.json"))
