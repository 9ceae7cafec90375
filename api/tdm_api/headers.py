"""The headers of every response: what a browser may do with it, and which other origins may read it."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
STATIC_FOLDER = "/static/"
ALLOWED_METHODS, ALLOWED_HEADERS, READABLE_HEADERS = (
    "GET, POST",
    "Authorization, Content-Type",
    "X-Request-Id, Retry-After",
)
PREFLIGHT_S = 600


class SecurityHeaders:
    """Middleware that adds the security headers; nothing is stored by a cache but static files, after asking again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the headers added."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                static = scope["path"].startswith(STATIC_FOLDER) and message["status"] < 400
                headers.setdefault("Cache-Control", "no-cache" if static else "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class HeadAsGet:
    """Middleware that answers HEAD with the headers of GET (RFC 9110, section 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a HEAD gets no body."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_without_body)


class OtherOrigins:
    """Middleware that lets pages of the configured origins call the service; without any it is not installed.

    A preflight is answered here, before a key is asked for: a browser sends none with it.
    """

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or add what lets the page of an allowed origin read the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope)
        origin = given.get("origin", "")
        allowed = {"Access-Control-Allow-Origin": origin} if origin in self._origins else {}
        if allowed and scope["method"] == "OPTIONS" and "access-control-request-method" in given:
            await Response(status_code=204, headers=_preflight(allowed))(scope, receive, send)
            return
        await self._app(scope, receive, _sender(send, allowed))


def _preflight(allowed: dict[str, str]) -> dict[str, str]:
    return allowed | {
        "Access-Control-Allow-Methods": ALLOWED_METHODS,
        "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_S),
        "Vary": "Origin",
    }


def _sender(send: Send, allowed: dict[str, str]) -> Send:
    async def send_with_origin(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.add_vary_header("Origin")
            if allowed:
                headers["Access-Control-Allow-Origin"] = allowed["Access-Control-Allow-Origin"]
                headers["Access-Control-Expose-Headers"] = READABLE_HEADERS
        await send(message)

    return send_with_origin
