"""`tdm recommend`: the answer to a case file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tdm.answer.report import answer_in_words
from tdm.case.reading import read_case
from tdm.knowledge.seeds import model_from_toml, protocol_from_toml
from tdm.notation.refusal import Refused
from tdm.recommendation import recommend

Seed = TypeVar("Seed")
HELP = "answer a case file"


class FileRefused(Refused):
    """Raised when a model or protocol of one's own is refused; `path` names its file (no unit)."""

    def __init__(self, path: str, refused: Refused) -> None:
        super().__init__(refused.problems)
        self.path = path


def describe(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes (no unit)."""
    parser.add_argument("case", metavar="CASE.json", help="the case; - reads standard input")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON instead of text")
    parser.add_argument("--model", metavar="FILE.toml", help="answer with a model of one's own")
    parser.add_argument("--protocol", metavar="FILE.toml", help="answer with a protocol of one's own")


def run(given: argparse.Namespace) -> str:
    """Return the answer as text, or as JSON (units in both); raise `Refused` for a case that cannot be used."""
    case = read_case(sys.stdin.buffer.read() if given.case == "-" else Path(given.case).read_bytes())
    if given.model is not None:
        case = case.model_copy(update={"model": _own(model_from_toml, given.model)})
    if given.protocol is not None:
        case = case.model_copy(update={"protocol": _own(protocol_from_toml, given.protocol)})
    answer = recommend(case)
    return answer.model_dump_json(indent=2, ensure_ascii=True) + "\n" if given.json else answer_in_words(answer)


def _own(read: Callable[[bytes], Seed], path: str) -> Seed:
    """Read a model or protocol of one's own; a refusal names the file."""
    try:
        return read(Path(path).read_bytes())
    except Refused as refused:
        raise FileRefused(path, refused) from None
