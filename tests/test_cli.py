"""The command line: text and JSON of every example, standard input, lists, pipes and encodings.

Most tests call `main` in this process; only what belongs to a process (streams, pipes, encodings) starts one.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tdm
from tdm.cli import main

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.json") if path.stem != "neonate-refused")
ONE = ROOT / "examples" / "adult-ctd-low-trough.json"
SEEDS_README = (ROOT / "seeds" / "README.md").read_text(encoding="utf-8")
COLUMNS = 80


def stem(path: Path) -> str:
    return path.stem


def process(*arguments: str, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "tdm.cli", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command line prints, with exit status 0 and nothing on standard error."""
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def too_wide(text: str) -> list[str]:
    return [line for line in text.splitlines() if len(line) > COLUMNS]


def written(path: Path, case: dict[str, Any]) -> str:
    path.write_text(json.dumps(case, ensure_ascii=False), encoding="utf-8")
    return str(path)


# --- an answer --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=stem)
def test_the_text_fits_80_columns_and_begins_with_the_summary(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(capsys, "recommend", str(example))
    answer = tdm.recommend(tdm.read_case(example.read_bytes()))
    assert " ".join(text.split()).startswith(" ".join(answer.summary.split()))
    assert not too_wide(text)
    assert text.endswith("\n")
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    for finding in answer.findings:
        assert f"{finding.severity.upper()} {finding.code}: " in text
    assert answer.basis.case_id in text


@pytest.mark.parametrize("example", EXAMPLES, ids=stem)
def test_no_line_begins_with_a_percent_sign(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "recommend", str(example))
    assert not re.search(r"^\s*%", text, flags=re.MULTILINE), "a number was parted from its unit"


@pytest.mark.parametrize("example", EXAMPLES, ids=stem)
def test_the_columns_of_the_table_of_options_do_not_touch(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "recommend", str(example))
    assert "%>" not in text
    assert "%<" not in text


@pytest.mark.parametrize("example", EXAMPLES, ids=stem)
def test_the_json_is_the_answer_and_round_trips(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "recommend", str(example), "--json")
    read = tdm.Recommendation.model_validate_json(text)
    assert read == tdm.recommend(tdm.read_case(example.read_bytes()))
    assert read.model_dump_json(indent=2, ensure_ascii=True) + "\n" == text
    # strict JSON: no NaN or Infinity, and `from`, not `from_`
    whole = json.loads(text, parse_constant=pytest.fail)
    assert whole["next_level"] is None or set(whole["next_level"]) == {"from", "to", "reason"}


def test_the_same_case_gives_the_same_bytes() -> None:
    first, second = (process("recommend", str(ONE), "--json") for _ in range(2))
    assert first.returncode == 0
    assert first.stdout == second.stdout


def test_a_dash_reads_standard_input(capsys: pytest.CaptureFixture[str]) -> None:
    done = process("recommend", "-", stdin=ONE.read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == shown(capsys, "recommend", str(ONE))


def test_standard_input_that_is_no_case_is_refused() -> None:
    done = process("recommend", "-", stdin=b"\xff\xfe")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"[not_utf8]" in done.stderr


def test_an_offset_of_the_case_is_shown_with_its_times(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "recommend", str(ROOT / "examples" / "small-child-solution.json"), "--json")
    answer = json.loads(text)
    assert answer["fits"][0]["levels"][0]["time"] == "2026-03-16T18:30:00+08:00"
    assert all(time.endswith("+08:00") for time in answer["curve"]["times"])


# --- a file of one's own ----------------------------------------------------------------------------------------------


def own_files() -> tuple[str, str]:
    """The complete model and the complete protocol that the README of the seeds prints."""
    model, protocol = re.findall(r"```toml\n(.*?)```", SEEDS_README, flags=re.DOTALL)
    return model, protocol


def test_a_model_and_a_protocol_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, protocol = own_files()
    (tmp_path / "my.toml").write_text(model, encoding="utf-8")
    (tmp_path / "our.toml").write_text(protocol, encoding="utf-8")
    files = ("--model", str(tmp_path / "my.toml"), "--protocol", str(tmp_path / "our.toml"))
    answer = json.loads(shown(capsys, "recommend", str(ONE), "--json", *files))
    assert [source["id"] for source in answer["basis"]["models"]] == ["site-2026"]
    assert answer["basis"]["protocol"]["id"] == "clinic-2026"
    assert answer["basis"]["window"].startswith("5-15 ng/mL")
    assert "mao-2024" not in {finding["values"].get("model") for finding in answer["findings"]}
    text = shown(capsys, "recommend", str(ONE), *files)
    assert not too_wide(text)
    assert "site-2026" in text


def test_a_seed_file_as_a_file_of_ones_own_gives_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    plain = json.loads(shown(capsys, "recommend", str(ONE), "--json"))
    seed = str(ROOT / "seeds" / "models" / "mao-2024.toml")
    by_file = json.loads(shown(capsys, "recommend", str(ONE), "--json", "--model", seed))
    for part in ("decision", "summary", "options", "individual", "fits", "curve"):
        assert by_file[part] == plain[part]


# --- the lists --------------------------------------------------------------------------------------------------------


def blocks(text: str) -> dict[str, str]:
    """The entries of a list by their id: each begins at the left margin."""
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    return {re.split(r"[ :]", entry, maxsplit=1)[0]: entry for entry in entries if entry}


def test_models_lists_every_model_with_population_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "models")
    listed = blocks(text)
    assert sorted(listed) == sorted(tdm.model_ids())
    for model_id, entry in listed.items():
        citation = tdm.load_model(model_id).citation
        assert citation is not None
        assert citation.doi in entry
        assert "Population: " in entry
        assert f"grade {citation.grade}" in " ".join(entry.split())
    assert "simulation only" in listed["chen-2020"]


def test_protocols_lists_every_protocol_with_window_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "protocols")
    listed = blocks(text)
    assert sorted(listed) == sorted(tdm.protocol_ids())
    for protocol_id, entry in listed.items():
        protocol = tdm.load_protocol(protocol_id)
        assert f"Window: {protocol.window or 'none stated by the source'}" in entry
        flat = " ".join(entry.split())
        assert protocol.citation.reference in flat
        assert protocol.citation.doi in flat
        assert "; ;" not in flat, "a gap where there is no DOI"


@pytest.mark.parametrize("command", ["models", "protocols"])
def test_a_list_fits_80_columns(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not too_wide(shown(capsys, command))


# --- streams ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="pipes of a POSIX shell")
def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f'"{sys.executable}" -m tdm.cli protocols | head -n 1; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["cheng-2020-child: Refractory immune cytopenia, children (Cheng 2020)", "0"]


def test_a_pipe_that_is_closed_at_once_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tdm.cli", "recommend", str(ONE), "--json"],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ascii_output_is_enough_for_an_answer() -> None:
    done = process("recommend", str(ONE), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_a_name_that_the_terminal_cannot_show_is_no_crash(form: tuple[str, ...], tmp_path: Path) -> None:
    case = json.loads(ONE.read_bytes())
    case["comedications"] = [{"name": "某种草药", "start": "2026-03-08T08:00"}]  # some herb
    path = written(tmp_path / "case.json", case)
    done = process("recommend", path, *form, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"comedication_not_modelled" in done.stdout


def test_control_characters_of_a_case_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = json.loads(ONE.read_bytes())
    case["comedications"] = [{"name": "\x1b[2J\x07drug", "start": "2026-03-08T08:00"}]
    status = main(["recommend", written(tmp_path / "case.json", case)])
    captured = capsys.readouterr()
    assert status in (0, 1), "answered without them, or refused"
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", captured.out + captured.err)


def test_a_long_name_keeps_to_the_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = json.loads(ONE.read_bytes())
    case["comedications"] = [{"name": "x" * 80, "start": "2026-03-08T08:00"}]
    case["regimens"] = [{"pattern_mg": [1.25, 1.5, 1.75, 0.5, 2.25, 1.25, 1.5], "every_h": 24}]
    text = shown(capsys, "recommend", written(tmp_path / "case.json", case))
    assert not too_wide(text)
    assert "1.25, 1.5, 1.75, 0.5, 2.25, 1.25, 1.5 mg" in " ".join(text.split()), "the whole regimen is shown"


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--version", "--help"):
        with pytest.raises(SystemExit) as left:
            main([option])
        assert left.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("tdm ")
    assert "no cleared medical device" in " ".join(text.split())
    assert {"recommend", "models", "protocols"} <= set(re.findall(r"\w+", text))
