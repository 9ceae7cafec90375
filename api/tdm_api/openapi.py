"""The OpenAPI document: every operation with its example, every error with the very sentence that it is answered with.

The schemas are those of the core's nouns, and the examples are computed from the example cases, so that nothing in the
document is written a second time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, NamedTuple

from fastapi import FastAPI
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from tdm.answer.answer import Recommendation
from tdm.case.case import Case
from tdm.case.reading import read_case
from tdm.knowledge.model import PopulationModel
from tdm.knowledge.protocol import Protocol
from tdm.notation.refusal import Refused
from tdm.recommendation import recommend
from tdm.version import __version__
from tdm_api import bodies, health, keys, problems
from tdm_api.batch_text import MOST_CASES
from tdm_api.capacity import Busy
from tdm_api.catalogue import ModelList, ProtocolList, known_model, known_protocol, model_list, protocol_list
from tdm_api.examples import load_example
from tdm_api.health import Health, Version
from tdm_api.problems import ProblemDocument, Rejected
from tdm_api.recommendations import BatchAnswer, answer_bytes, batch_bytes, batch_result

Document = dict[str, Any]
# Which examples the document shows: one that is answered, and one that is refused.
EXAMPLE, REFUSED_EXAMPLE = "adult-ctd-low-trough", "neonate-refused"
EXAMPLE_MODEL, EXAMPLE_PROTOCOL = "cheng-2020", "ssci-nct03688191"
_REF = "#/components/schemas/{model}"
_ABOUT = (
    "Therapeutic drug monitoring of sirolimus: from the doses given and the levels measured to the next dose. It "
    "supports a professional, who decides; it is no cleared medical device.\n\n"
    "Every error is problem+json (RFC 9457) of one shape, also that of an unknown path (404) and of a method that a "
    "path does not have (405). The same case gives the same bytes. Where API keys are configured, every operation but "
    "`healthz` needs one."
)


class BatchRequest(BaseModel):
    """Up to a hundred cases; each is answered or refused by itself, so that whatever stands in its place is taken."""

    cases: Annotated[tuple[Case | Any, ...], Field(min_length=1, max_length=MOST_CASES)]


class Operation(NamedTuple):
    """What the document says about one operation."""

    id: str
    method: str
    path: str
    summary: str
    answers: type[BaseModel]
    errors: tuple[str, ...]
    asks: type[BaseModel] | None = None


_BODY = ("malformed_request", "too_slow", "too_large", "unsupported_content_type", "refused")
OPERATIONS = (
    Operation(
        "createRecommendation",
        "post",
        "/v1/recommendations",
        "Answer a case: the next dose, how sure it is, when to measure again, and why",
        Recommendation,
        (*_BODY, "busy"),
        Case,
    ),
    Operation(
        "createRecommendations",
        "post",
        "/v1/recommendations:batch",
        "Answer up to 100 cases in order, with an answer or a problem each",
        BatchAnswer,
        (*_BODY, "busy"),
        BatchRequest,
    ),
    Operation("listModels", "get", "/v1/models", "List the population models that ship", ModelList, ()),
    Operation(
        "getModel", "get", "/v1/models/{model_id}", "Read a population model", PopulationModel, ("unknown_model",)
    ),
    Operation("listProtocols", "get", "/v1/protocols", "List the dosing protocols that ship", ProtocolList, ()),
    Operation(
        "getProtocol", "get", "/v1/protocols/{protocol_id}", "Read a dosing protocol", Protocol, ("unknown_protocol",)
    ),
    Operation("healthz", "get", "/healthz", "Is the process alive?", Health, ()),
    Operation("readyz", "get", "/readyz", "Is the service ready to answer?", Health, ("not_ready",)),
    Operation("version", "get", "/version", "Which version answers?", Version, ()),
)


def describe(app: FastAPI) -> None:
    """Let an application publish the document at its /openapi.json."""
    app.openapi = document  # type: ignore[method-assign]


@cache
def document() -> Document:
    """Return the OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sirolimus-tdm",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"key": []}],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "responses": _error_responses(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _paths() -> Document:
    paths: Document = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return paths


def _described(operation: Operation) -> Document:
    described: Document = {"operationId": operation.id, "summary": operation.summary}
    if "{" in operation.path:
        described["parameters"] = [_parameter(operation)]
    if operation.asks:
        content = {"schema": _ref(operation.asks), "examples": _request_examples(operation.id)}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    answer = {"schema": _ref(operation.answers), "example": json.loads(_answer_example(operation.id))}
    described["responses"] = {
        "200": {"description": _line(operation.answers), "content": {"application/json": answer}},
        **_references(operation),
    }
    if operation.id == "healthz":
        described["security"] = []
    return described


def _parameter(operation: Operation) -> Document:
    name = operation.path.partition("{")[2].rstrip("}")
    example = EXAMPLE_MODEL if operation.id == "getModel" else EXAMPLE_PROTOCOL
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": example}


def _references(operation: Operation) -> Document:
    """The errors of an operation by status; what several of them share comes from one place."""
    common = ("internal_error",) if operation.id == "healthz" else ("unauthorized", "internal_error")
    codes = (*operation.errors, *common)
    shown = {str(_rejections()[code].document.status): code for code in codes}
    return {status: {"$ref": f"#/components/responses/{code}"} for status, code in sorted(shown.items())}


def _ref(noun: type[BaseModel]) -> Document:
    return {"$ref": _REF.format(model=noun.__name__)}


def _line(noun: type[BaseModel]) -> str:
    return (noun.__doc__ or "").strip().splitlines()[0]


def _schemas() -> Document:
    inputs: Iterable[type[BaseModel]] = (Case, BatchRequest)
    outputs = {operation.answers for operation in OPERATIONS} | {ProblemDocument}
    named = [(noun, "validation") for noun in inputs]
    named += [(noun, "serialization") for noun in sorted(outputs, key=lambda noun: noun.__name__)]
    _, schemas = models_json_schema(named, ref_template=_REF)  # type: ignore[arg-type]
    found: Document = schemas["$defs"]
    return found


def _rejections() -> dict[str, Rejected]:
    """Every error that an operation can be answered with, by its code."""
    found = (
        problems.malformed_request(),
        keys.unauthorized(),
        _unknown(known_model),
        _unknown(known_protocol),
        bodies.too_slow(),
        bodies.too_large(),
        bodies.unsupported_type(),
        _refused_example(),
        problems.internal_error(),
        Busy(),
        health.not_ready(),
    )
    return {one.document.code: one for one in found}


def _error_responses() -> Document:
    return {code: _error_response(one) for code, one in _rejections().items()}


def _error_response(rejected: Rejected) -> Document:
    content = {"schema": _ref(ProblemDocument), "example": rejected.document.model_dump(mode="json")}
    response: Document = {
        "description": rejected.document.detail,
        "content": {problems.MEDIA_TYPE: content},
    }
    headers = {name: {"schema": {"type": "string"}} for name in rejected.headers if name != "Connection"}
    return {**response, "headers": headers} if headers else response


def _unknown(known: Any) -> Rejected:
    try:
        known("unheard-of")
    except Rejected as rejected:
        return rejected
    raise LookupError("There is a seed of this name.")


def _refused_example() -> Rejected:
    try:
        recommend(read_case(load_example(REFUSED_EXAMPLE)))
    except Refused as reason:
        return problems.refused(reason)
    raise LookupError("The example is answered.")


def _request_examples(operation_id: str) -> Document:
    answered, refused = json.loads(load_example(EXAMPLE)), json.loads(load_example(REFUSED_EXAMPLE))
    if operation_id == "createRecommendations":
        return {"two-cases": {"value": {"cases": [answered, refused]}}}
    return {EXAMPLE: {"value": answered}, REFUSED_EXAMPLE: {"summary": "is refused (422)", "value": refused}}


def _answer_example(operation_id: str) -> bytes:
    """The real answer to the example of an operation, as JSON."""
    if operation_id == "createRecommendation":
        return answer_bytes(load_example(EXAMPLE))
    if operation_id == "createRecommendations":
        return batch_bytes([batch_result(at, load_example(one)) for at, one in enumerate((EXAMPLE, REFUSED_EXAMPLE))])
    nouns: dict[str, BaseModel] = {
        "listModels": model_list(),
        "getModel": known_model(EXAMPLE_MODEL),
        "listProtocols": protocol_list(),
        "getProtocol": known_protocol(EXAMPLE_PROTOCOL),
        "healthz": Health(status="alive"),
        "readyz": Health(status="ready"),
        "version": Version(version=__version__),
    }
    return nouns[operation_id].model_dump_json(ensure_ascii=True).encode()
