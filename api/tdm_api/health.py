"""Is the service alive, is it ready, and which version is it?"""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from tdm.version import __version__
from tdm_api.problems import Rejected

router = APIRouter()


class Health(BaseModel):
    """That the service is alive or ready."""

    status: str


class Version(BaseModel):
    """The version of the distribution, which is also that of the interface's document."""

    version: str


def not_ready() -> Rejected:
    """Return the 503 of a service that has not computed its first answer yet."""
    sentence = "The service has not computed its first answer yet."
    return Rejected(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", sentence, headers={"Retry-After": "1"})


@router.get("/healthz")
async def healthz() -> Response:
    """Answer at once: the process is alive."""
    return _json(Health(status="alive"))


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Answer whether the seeds are loaded and a first answer was computed."""
    if not request.app.state.ready:
        raise not_ready()
    return _json(Health(status="ready"))


@router.get("/version")
async def version() -> Response:
    """Answer with the version."""
    return _json(Version(version=__version__))


def _json(noun: BaseModel) -> Response:
    return Response(noun.model_dump_json(ensure_ascii=True), media_type="application/json")
