"""The only reader of the seed files: published models, protocols, the label's rules and the choice of a model."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tdm.knowledge.interactions import Interactions
from tdm.knowledge.label import LabelRules
from tdm.knowledge.model import PopulationModel
from tdm.knowledge.model_choice import Defaults
from tdm.knowledge.protocol import Protocol
from tdm.notation.refusal import refuse, refused_from
from tdm.notation.sentence import entered, listed, say
from tdm.notation.strict_text import parse_toml

Noun = TypeVar("Noun", bound=BaseModel)

_PACKAGE = Path(__file__).resolve().parents[1]
# A wheel carries the seeds inside the package; a checkout has them beside it.
_FOLDER = next((f for f in (_PACKAGE / "_seeds", _PACKAGE.parent / "seeds") if f.is_dir()), _PACKAGE / "_seeds")


def model_ids() -> tuple[str, ...]:
    """Return the ids (no unit) of the models that ship, sorted."""
    return _ids("models")


def protocol_ids() -> tuple[str, ...]:
    """Return the ids (no unit) of the protocols that ship, sorted."""
    return _ids("protocols")


@cache
def load_model(model_id: str) -> PopulationModel:
    """Return a shipped model (L/h, L, 1/h, ng/mL) by its id; raise `Refused` with the known ids for another."""
    return _load("models", model_id, PopulationModel)


@cache
def load_protocol(protocol_id: str) -> Protocol:
    """Return a shipped protocol (mg, ng/mL) by its id; raise `Refused` with the known ids for another."""
    return _load("protocols", protocol_id, Protocol)


@cache
def load_label() -> LabelRules:
    """Return the rules of the drug's label, each number in its own unit."""
    return _noun(LabelRules, _table(_FOLDER / "label.toml"))


@cache
def load_interactions() -> Interactions:
    """Return the drugs whose interaction with sirolimus is known, or known to be unknown (ratios without unit)."""
    return _noun(Interactions, _table(_FOLDER / "interactions.toml"))


@cache
def load_defaults() -> Defaults:
    """Return the rows that choose a model by age (years) and weight (kg)."""
    return _noun(Defaults, _table(_FOLDER / "defaults.toml"))


def mark_of(model: PopulationModel) -> Callable[[str], str]:
    """Return what marks the texts of a model (no unit): `entered` for one that came with the case."""
    ships = model.id in model_ids() and load_model(model.id) == model
    return str if ships else entered


def model_from_toml(source: bytes | str) -> PopulationModel:
    """Return a model of one's own (L/h, L, 1/h, ng/mL) from TOML text; raise `Refused` with the reasons."""
    return _noun(PopulationModel, parse_toml(source))


def protocol_from_toml(source: bytes | str) -> Protocol:
    """Return a protocol of one's own (mg, ng/mL) from TOML text; raise `Refused` with the reasons."""
    return _noun(Protocol, parse_toml(source))


def _ids(kind: str) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in (_FOLDER / kind).glob("*.toml")))


def _load(kind: str, seed_id: str, noun: type[Noun]) -> Noun:
    known = _ids(kind)
    if seed_id not in known:
        accepted = listed(known, ", ")
        one = kind.removesuffix("s")
        word = say("model") if kind == "models" else say("protocol")
        sentence = say("This {kind} is unknown; known are {accepted}.", kind=word, accepted=accepted)
        raise refuse(f"unknown_{one}", f"/{one}", sentence, accepted)
    return _noun(noun, _table(_FOLDER / kind / f"{seed_id}.toml"))


def _table(path: Path) -> dict[str, Any]:
    return parse_toml(path.read_bytes())


def _noun(noun: type[Noun], table: dict[str, Any]) -> Noun:
    try:
        return noun.model_validate(table)
    except ValidationError as error:
        raise refused_from(error) from None
