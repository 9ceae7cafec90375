"""`tdm protocols`: the protocols that ship."""

from __future__ import annotations

import argparse

from tdm.answer.report import protocols_in_words
from tdm.knowledge.seeds import load_protocol, protocol_ids

HELP = "list the protocols that ship, with window and source"


def describe(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes: nothing (no unit)."""


def run(given: argparse.Namespace) -> str:
    """Return the protocols as text, each number with its unit."""
    return protocols_in_words(load_protocol(protocol_id) for protocol_id in protocol_ids())
