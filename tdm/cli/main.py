"""The door of the command line: it finds the command, and says in one place how a refusal or a failure reads."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tdm.cli import api_key, models, protocols, recommend, serve
from tdm.inference.map_estimate import NotConverged
from tdm.notation.refusal import Refused
from tdm.version import __version__

ANSWERED, REFUSED, WRONG_USAGE = 0, 1, 2
COMMANDS = {"recommend": recommend, "models": models, "protocols": protocols, "serve": serve, "api-key": api_key}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0 answered, 1 refused, 2 wrong usage (no unit)."""
    given = _parser().parse_args(arguments)
    try:
        said = COMMANDS[given.command].run(given)
    except Refused as refused:
        print(_reasons(refused), file=sys.stderr)
        return REFUSED
    except NotConverged as failed:
        print(f"No answer: {failed}", file=sys.stderr)
        return REFUSED
    except OSError as failed:
        print(f"tdm: cannot read {failed.filename}: {failed.strerror}", file=sys.stderr)
        return WRONG_USAGE
    return said if isinstance(said, int) else _printed(said)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tdm",
        description="Therapeutic drug monitoring of sirolimus: from doses given and troughs measured to the next dose. "
        "It supports a professional, who decides; it is no cleared medical device.",
    )
    parser.add_argument("--version", action="version", version=f"tdm {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.describe(commands.add_parser(name, help=command.HELP))
    return parser


def _reasons(refused: Refused) -> str:
    what = (
        f"The file {refused.path} is refused" if isinstance(refused, recommend.FileRefused) else "The case is refused"
    )
    lines = [f"{what}; there is no answer."]
    for problem in refused.problems:
        accepted = f" Accepted: {problem.accepted}." if problem.accepted and not problem.says_accepted else ""
        lines.append(f"  {problem.pointer or '(the whole input)'}: {problem.message}{accepted} [{problem.code}]")
    return "\n".join(lines)


def _printed(text: str) -> int:
    encoding = sys.stdout.encoding or "utf-8"
    try:
        # a name that the terminal cannot show is escaped instead of losing the answer
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except OSError as failed:
        # a reader that has left (head, less) wants no more; anything else, such as a full disk, is an error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(failed, BrokenPipeError):
            print(f"tdm: cannot write the answer: {failed.strerror}", file=sys.stderr)
            return WRONG_USAGE
    return ANSWERED
