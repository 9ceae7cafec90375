"""`tdm models`: the models that ship."""

from __future__ import annotations

import argparse

from tdm.answer.report import models_in_words
from tdm.knowledge.seeds import load_model, model_ids

HELP = "list the models that ship, with population and source"


def describe(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes: nothing (no unit)."""


def run(given: argparse.Namespace) -> str:
    """Return the models as text, each number with its unit."""
    return models_in_words(load_model(model_id) for model_id in model_ids())
