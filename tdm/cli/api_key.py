"""`tdm api-key`: a new key for the service."""

from __future__ import annotations

import argparse

HELP = "make a new API key and its hash for TDM_API_KEY_HASHES"


def describe(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes: nothing (no unit)."""


def run(given: argparse.Namespace) -> str:
    """Return a new key, shown this once, with its hash (as text): the service cannot tell the key from the hash."""
    from tdm_api.keys import hash_of, new_key  # noqa: PLC0415, answering a case needs no web framework

    key = new_key()
    return (
        f"key   {key}\n      for the client: Authorization: Bearer {key}\n      It is shown only now.\n"
        f"hash  {hash_of(key)}\n      for the service: TDM_API_KEY_HASHES, several separated by commas\n"
    )
