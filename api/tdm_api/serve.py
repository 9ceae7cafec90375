"""The running service: uvicorn with one process, JSON logs and errors of the one shape down to the protocol."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress

import h11
import uvicorn
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from tdm_api.app import create_app
from tdm_api.headers import SECURITY_HEADERS
from tdm_api.logs import configure_logs, log
from tdm_api.problems import malformed_request, problem_response
from tdm_api.settings import Settings, SettingsError, settings_from

STOPPED, WRONG_USAGE = 0, 2
# Design rules: how many connections may wait to be accepted, and how long an idle one is kept.
BACKLOG = 512
KEEP_ALIVE_S = 15


def serve(environ: Mapping[str, str]) -> int:
    """Serve until SIGTERM or Ctrl-C with the settings of an environment; return the exit status."""
    try:
        settings = settings_from(environ)
        listening = _listening(settings)
    except SettingsError as error:
        print(f"tdm: {error}", file=sys.stderr)
        return WRONG_USAGE
    configure_logs()
    # uvicorn raises the signal again when all requests are done; that is then the end, not a death by signal
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    with suppress(KeyboardInterrupt), listening:
        _Server(_config(settings)).run(sockets=[listening])
    return STOPPED


def _listening(settings: Settings) -> socket.socket:
    """The bound socket; an address that cannot be had is said in one sentence."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as failed:
        raise SettingsError(
            f"cannot listen on port {settings.port} of TDM_HOST ({failed.strerror or 'unknown reason'})."
        ) from None
    return listening


def _config(settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(settings),
        http=_Protocol,
        ws="none",
        loop="asyncio",
        workers=1,
        lifespan="on",
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


class _Server(uvicorn.Server):
    """A server that logs where it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or []:
            host, port = listening.getsockname()[:2]
            log("listening", host=host, port=port)


class _Protocol(H11Protocol):
    """HTTP/1.1 whose answer to bytes that are no request has the shape of every other error."""

    def send_400_response(self, msg: str) -> None:
        response = problem_response(malformed_request())
        for event in _events(response):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def _events(response: Response) -> tuple[h11.Event, ...]:
    headers = {**dict(response.headers), **SECURITY_HEADERS, "Cache-Control": "no-store", "Connection": "close"}
    start = h11.Response(status_code=response.status_code, headers=list(headers.items()), reason=b"Bad Request")
    return start, h11.Data(data=bytes(response.body)), h11.EndOfMessage()
