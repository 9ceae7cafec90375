"""`tdm serve`: the page and the HTTP service."""

from __future__ import annotations

import argparse
import os

HELP = "serve the page and the HTTP interface; settings are TDM_* variables"


def describe(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes (no unit)."""
    parser.add_argument("--host", metavar="H", help="the address to listen on (127.0.0.1); others need API keys")
    parser.add_argument("--port", metavar="P", help="the port to listen on (8000)")


def run(given: argparse.Namespace) -> int:
    """Serve until stopped and return the exit status (no unit); a flag beats the variable of its setting."""
    from tdm_api.serve import serve  # noqa: PLC0415, answering a case needs no web framework

    flags = {"TDM_HOST": given.host, "TDM_PORT": given.port}
    return serve({**os.environ, **{name: value for name, value in flags.items() if value is not None}})
