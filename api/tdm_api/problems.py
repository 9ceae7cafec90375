"""The one shape of every error: RFC 9457 problem+json with a stable code, one sentence and a list of problems.

Nothing here repeats what the client sent, and no exception's text reaches a response.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tdm.inference.map_estimate import NotConverged
from tdm.notation.refusal import Problem, Refused
from tdm_api.unechoed import unechoed

MEDIA_TYPE = "application/problem+json"
# The names of RFC 9110, where those of the standard library differ from one version to the next.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


class ProblemDocument(BaseModel):
    """An error: the HTTP `status` and its `title`, a stable `code`, one sentence, and each `problem` with its field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    problems: tuple[Problem, ...] = ()


class Rejected(Exception):
    """Raised when a request gets no answer: status, stable code, one sentence, problems and headers of the response."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        problems: Iterable[Problem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.document = ProblemDocument(
            title=_TITLES.get(status.value, status.phrase),
            status=status.value,
            code=code,
            detail=detail,
            problems=tuple(map(unechoed, problems)),
        )
        self.headers = dict(headers or {})


def refused(reason: Refused, at: str = "") -> Rejected:
    """Return the rejection of an input that the core refuses; `at` is the JSON Pointer of the case in the input."""
    problems = [one.model_copy(update={"pointer": at + one.pointer}) for one in reason.problems]
    sentence = "The input is refused and there is no answer; `problems` names each field."
    return Rejected(HTTPStatus.UNPROCESSABLE_ENTITY, "refused", sentence, problems)


def not_converged() -> Rejected:
    """Return the rejection of a case whose estimate cannot be certified."""
    sentence = "No answer: the estimate of this case cannot be certified; check doses, times and levels."
    return Rejected(HTTPStatus.UNPROCESSABLE_ENTITY, "not_converged", sentence)


def internal_error() -> Rejected:
    """Return the rejection that stands for a fault of the service; it says nothing about the input."""
    sentence = "The service failed on this request; its log holds the reason under the X-Request-Id of this response."
    return Rejected(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", sentence)


def unknown_route() -> Rejected:
    """Return the rejection of a path that does not exist."""
    return Rejected(HTTPStatus.NOT_FOUND, "unknown_route", "There is nothing at this path; see /openapi.json.")


def method_not_allowed(headers: Mapping[str, str] | None = None) -> Rejected:
    """Return the rejection of a method that a path does not have; `headers` hold `Allow`."""
    sentence = "This path does not take this method; the Allow header names those it takes."
    return Rejected(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", sentence, headers=headers)


def malformed_request() -> Rejected:
    """Return the rejection of bytes that are no HTTP request, or of one that broke off."""
    return Rejected(HTTPStatus.BAD_REQUEST, "malformed_request", "This is not a complete and valid HTTP request.")


def problem_response(rejected: Rejected) -> Response:
    """Return the response (problem+json) to a rejected request."""
    body = rejected.document.model_dump_json(ensure_ascii=True).encode()
    return Response(body, rejected.document.status, rejected.headers, MEDIA_TYPE)


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of an application come in the one shape."""
    app.add_exception_handler(Rejected, _of_rejected)
    app.add_exception_handler(Refused, _of_refused)
    app.add_exception_handler(NotConverged, _of_not_converged)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)


async def _of_rejected(request: Request, error: Exception) -> Response:
    assert isinstance(error, Rejected)
    return problem_response(error)


async def _of_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return problem_response(refused(error))


async def _of_not_converged(request: Request, error: Exception) -> Response:
    return problem_response(not_converged())


async def _of_http(request: Request, error: Exception) -> Response:
    """Errors of the router: an unknown path, a method that a path does not have, and what else may come."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(unknown_route())
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return problem_response(method_not_allowed(error.headers))
    status = HTTPStatus(error.status_code)
    sentence = f"The request was not answered: {status.phrase.lower()}."
    return problem_response(Rejected(status, status.name.lower(), sentence, headers=error.headers))


async def _of_validation(request: Request, error: Exception) -> Response:
    sentence = "A parameter of the path or the query cannot be used."
    return problem_response(Rejected(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_parameter", sentence))
