"""Structured logs: one JSON line each, with what operates the service and never what treats a patient.

A request is logged with its id, the template of its route, status and duration; a fault with the type and the frames of
its exception, never its message. Nothing that a client can write reaches a line.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
import uuid
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tdm_api.headers import STATIC_FOLDER
from tdm_api.problems import internal_error, problem_response

_LOG = logging.getLogger("tdm_api")
# The loggers whose own sentences are known to hold nothing of a request; of all others only the name is kept.
_SPEAKING = ("uvicorn", "uvicorn.error")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}


class JsonLines(logging.Formatter):
    """Formats a record as one JSON line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line: time (UTC), level, event and its fields."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **_content(record),
        }
        if record.exc_info and record.exc_info[1]:
            fields |= fault(record.exc_info[1])
        return json.dumps(fields)


def _content(record: logging.LogRecord) -> dict[str, Any]:
    if record.name == _LOG.name:
        return {"event": record.msg, **getattr(record, "fields", {})}
    if record.name in _SPEAKING:
        return {"event": "server", "message": record.getMessage()}
    return {"event": "other", "logger": record.name}


def configure_logs() -> None:
    """Send every log of the process to standard output as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    # a log that cannot be written must not end in a traceback with values in it
    logging.raiseExceptions = False


def log(event: str, **fields: Any) -> None:
    """Log an event of the service; a field never holds what a client sent."""
    _LOG.info(event, extra={"fields": fields})


def log_fault(error: BaseException, **fields: Any) -> None:
    """Log an unexpected exception: its type and frames, never its message."""
    _LOG.error("fault", extra={"fields": {**fields, **fault(error)}})


def fault(error: BaseException) -> dict[str, Any]:
    """Return the type of an exception and its frames as file:line:function."""
    frames = traceback.extract_tb(error.__traceback__)
    return {"exception": type(error).__qualname__, "frames": [f"{f.filename}:{f.lineno}:{f.name}" for f in frames]}


class RequestLog:
    """Middleware that gives each request an id, logs it, and answers for what nobody else caught."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and log what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = _Seen(scope, send)
        try:
            await self._app(scope, receive, seen.send)
        except Exception as error:
            log_fault(error, request_id=seen.request_id)
            if seen.status is None:
                await problem_response(internal_error())(scope, receive, seen.send)
        finally:
            log("request", **seen.fields())


def _route(scope: Scope) -> str | None:
    """The template of the route, since a path and a query are the client's words."""
    if scope["path"].startswith(STATIC_FOLDER):
        return STATIC_FOLDER
    path: str | None = getattr(scope.get("route"), "path", None)
    return path


class _Seen:
    """One request as the log sees it: its id, when it began, and the status (None: the client had left)."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.request_id = uuid.uuid4().hex
        self.status: int | None = None
        self._scope = scope
        self._send = send
        self._began = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["X-Request-Id"] = self.request_id
        await self._send(message)

    def fields(self) -> dict[str, Any]:
        method = self._scope["method"]
        return {
            "request_id": self.request_id,
            "method": method if method in _METHODS else "other",
            "route": _route(self._scope),
            "status": self.status,
            "duration_ms": round(1000.0 * (time.perf_counter() - self._began), 3),
        }
