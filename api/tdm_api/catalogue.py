"""The models and protocols that ship, in short and whole."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from tdm.knowledge.model import PopulationModel
from tdm.knowledge.protocol import Protocol
from tdm.knowledge.seeds import load_model, load_protocol, model_ids, protocol_ids
from tdm.notation.refusal import Refused
from tdm_api.problems import Rejected

Noun = TypeVar("Noun", bound=BaseModel)
router = APIRouter()


class ModelEntry(BaseModel):
    """A model in short: who was studied, what it is for, and where it was published."""

    id: str
    title: str
    use: str
    population: str | None
    borrowed_from: str | None
    reference: str | None


class ModelList(BaseModel):
    """The models that ship."""

    models: tuple[ModelEntry, ...]


class ProtocolEntry(BaseModel):
    """A protocol in short: the disease, who it is for, its window (ng/mL) if its source states one, and the source."""

    id: str
    title: str
    disease: str
    population: str
    window: str | None
    reference: str


class ProtocolList(BaseModel):
    """The protocols that ship."""

    protocols: tuple[ProtocolEntry, ...]


@router.get("/v1/models")
async def list_models() -> Response:
    """Answer with every model in short."""
    return _json(model_list())


@router.get("/v1/models/{model_id}")
async def get_model(model_id: str) -> Response:
    """Answer with a whole model (L/h, L, 1/h, ng/mL)."""
    return _json(known_model(model_id))


@router.get("/v1/protocols")
async def list_protocols() -> Response:
    """Answer with every protocol in short."""
    return _json(protocol_list())


@router.get("/v1/protocols/{protocol_id}")
async def get_protocol(protocol_id: str) -> Response:
    """Answer with a whole protocol (mg, ng/mL)."""
    return _json(known_protocol(protocol_id))


def model_list() -> ModelList:
    """Return every model in short."""
    return ModelList(models=tuple(_model_entry(load_model(one)) for one in model_ids()))


def protocol_list() -> ProtocolList:
    """Return every protocol in short (window in ng/mL)."""
    return ProtocolList(protocols=tuple(_protocol_entry(load_protocol(one)) for one in protocol_ids()))


def known_model(model_id: str) -> PopulationModel:
    """Return a model by the id in a path; raise a 404 that names those that exist."""
    return _known(load_model, model_id)


def known_protocol(protocol_id: str) -> Protocol:
    """Return a protocol by the id in a path; raise a 404 that names those that exist."""
    return _known(load_protocol, protocol_id)


def _known(load: Callable[[str], Noun], seed_id: str) -> Noun:
    try:
        return load(seed_id)
    except Refused as unknown:
        # no field of a body is meant, so the pointer is that of the whole
        problems = [problem.model_copy(update={"pointer": ""}) for problem in unknown.problems]
        raise Rejected(HTTPStatus.NOT_FOUND, problems[0].code, str(problems[0].message), problems) from None


def _model_entry(model: PopulationModel) -> ModelEntry:
    return ModelEntry(
        id=model.id,
        title=model.title,
        use=model.use,
        population=model.population and model.population.description,
        borrowed_from=model.population and model.population.borrowed_from,
        reference=model.citation and model.citation.reference,
    )


def _protocol_entry(protocol: Protocol) -> ProtocolEntry:
    return ProtocolEntry(
        id=protocol.id,
        title=protocol.title,
        disease=protocol.disease,
        population=protocol.population.description,
        window=str(protocol.window) if protocol.window else None,
        reference=protocol.citation.reference,
    )


def _json(noun: BaseModel) -> Response:
    return Response(noun.model_dump_json(ensure_ascii=True), media_type="application/json")
