"""The command line: `tdm recommend CASE.json`, `tdm models`, `tdm protocols`, `tdm serve`, `tdm api-key`.

Exit status 0: an answer ("none" included); 1: a refused case, with the reasons on standard error; 2: wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tdm.errors import Refused
from tdm.mode import NotConverged
from tdm.reading import read_case
from tdm.recommendation import recommend
from tdm.seeds import load_model, load_protocol, model_from_toml, model_ids, protocol_from_toml, protocol_ids
from tdm.text import answer_in_words, models_in_words, protocols_in_words
from tdm.version import __version__

Noun = TypeVar("Noun")
ANSWERED, REFUSED, WRONG_USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0 answered, 1 refused, 2 wrong usage (no unit)."""
    given = _parser().parse_args(arguments)
    if given.command == "serve":
        return _serve(given)
    try:
        text = _COMMANDS[given.command](given)
    except Refused as refused:
        print(_reasons(refused), file=sys.stderr)
        return REFUSED
    except NotConverged as failed:
        print(f"No answer: {failed}", file=sys.stderr)
        return REFUSED
    except _NotInstalled as missing:
        print(f"tdm: {missing}", file=sys.stderr)
        return WRONG_USAGE
    except OSError as failed:
        print(f"tdm: cannot read {failed.filename}: {failed.strerror}", file=sys.stderr)
        return WRONG_USAGE
    return _printed(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tdm",
        description="Therapeutic drug monitoring of sirolimus: from doses given and troughs measured to the next dose. "
        "It supports a professional, who decides; it is no cleared medical device.",
    )
    parser.add_argument("--version", action="version", version=f"tdm {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    one = commands.add_parser("recommend", help="answer a case file")
    one.add_argument("case", metavar="CASE.json", help="the case; - reads standard input")
    one.add_argument("--json", action="store_true", help="print the answer as JSON instead of text")
    one.add_argument("--model", metavar="FILE.toml", help="answer with a model of one's own")
    one.add_argument("--protocol", metavar="FILE.toml", help="answer with a protocol of one's own")
    commands.add_parser("models", help="list the models that ship, with population and source")
    commands.add_parser("protocols", help="list the protocols that ship, with window and source")
    service = commands.add_parser("serve", help="serve the page and the HTTP interface; settings are TDM_* variables")
    service.add_argument("--host", metavar="H", help="the address to listen on (127.0.0.1); others need API keys")
    service.add_argument("--port", metavar="P", help="the port to listen on (8000)")
    commands.add_parser("api-key", help="make a new API key and its hash for TDM_API_KEY_HASHES")
    return parser


def _recommend(given: argparse.Namespace) -> str:
    case = read_case(sys.stdin.buffer.read() if given.case == "-" else Path(given.case).read_bytes())
    if given.model is not None:
        case = case.model_copy(update={"model": _own(model_from_toml, given.model)})
    if given.protocol is not None:
        case = case.model_copy(update={"protocol": _own(protocol_from_toml, given.protocol)})
    answer = recommend(case)
    return answer.model_dump_json(indent=2, ensure_ascii=True) + "\n" if given.json else answer_in_words(answer)


def _own(read: Callable[[bytes], Noun], path: str) -> Noun:
    """Read a model or protocol of one's own; a refusal names the file."""
    try:
        return read(Path(path).read_bytes())
    except Refused as refused:
        raise _FileRefused(path, refused) from None


class _FileRefused(Refused):
    def __init__(self, path: str, refused: Refused) -> None:
        super().__init__(refused.problems)
        self.what = f"The file {path} is refused"


def _models(given: argparse.Namespace) -> str:
    return models_in_words(load_model(model_id) for model_id in model_ids())


def _protocols(given: argparse.Namespace) -> str:
    return protocols_in_words(load_protocol(protocol_id) for protocol_id in protocol_ids())


class _NotInstalled(Exception):
    """Raised when what only the service needs is not installed."""


@contextmanager
def _service() -> Iterator[None]:
    """The imports of the service, which the rest of the command line does without."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] in ("tdm", "api"):
            raise
        sentence = f"the service needs {missing.name}; install it with: pip install 'sirolimus-tdm[serve]'"
        raise _NotInstalled(sentence) from None


def _serve(given: argparse.Namespace) -> int:
    """Serve until stopped; a flag beats the environment variable of its setting."""
    flags = {"TDM_HOST": given.host, "TDM_PORT": given.port}
    try:
        with _service():
            from api.serve import serve  # noqa: PLC0415, only here, since it is an extra
    except _NotInstalled as missing:
        print(f"tdm: {missing}", file=sys.stderr)
        return WRONG_USAGE
    return serve({**os.environ, **{name: value for name, value in flags.items() if value is not None}})


def _api_key(given: argparse.Namespace) -> str:
    """A new key, shown this once; the service gets the hash and cannot tell the key from it."""
    with _service():
        from api.keys import hash_of, new_key  # noqa: PLC0415, only here, since it is an extra
    key = new_key()
    return (
        f"key   {key}\n      for the client: Authorization: Bearer {key}\n      It is shown only now.\n"
        f"hash  {hash_of(key)}\n      for the service: TDM_API_KEY_HASHES, several separated by commas\n"
    )


_COMMANDS = {"recommend": _recommend, "models": _models, "protocols": _protocols, "api-key": _api_key}


def _reasons(refused: Refused) -> str:
    what = refused.what if isinstance(refused, _FileRefused) else "The case is refused"
    lines = [f"{what}; there is no answer."]
    for problem in refused.problems:
        accepted = (
            f" Accepted: {problem.accepted}." if problem.accepted and problem.accepted not in problem.message else ""
        )
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


if __name__ == "__main__":
    sys.exit(main())
