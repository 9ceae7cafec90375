"""API keys: made at random, kept as hashes, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from tdm_api.headers import STATIC_FOLDER
from tdm_api.problems import Rejected, problem_response

# What a load balancer and a browser ask for before anybody has shown a key.
OPEN_PATH = "/healthz"


def new_key() -> str:
    """Return a new random key of 256 bits."""
    return "tdm_" + secrets.token_urlsafe(32)


def hash_of(key: str) -> str:
    """Return the SHA-256 of a key in hex; no salt, since a random key of 256 bits cannot be guessed from it."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def is_known(key: str, hashes: Iterable[str]) -> bool:
    """Return whether a key has one of the hashes; every hash is compared, each in constant time."""
    given = hash_of(key)
    found = False
    for known in hashes:
        found |= hmac.compare_digest(given, known)
    return found


def unauthorized() -> Rejected:
    """Return the 401 of a request without a key that is known here."""
    sentence = "This service needs an API key: Authorization: Bearer, followed by the key."
    return Rejected(HTTPStatus.UNAUTHORIZED, "unauthorized", sentence, headers={"WWW-Authenticate": "Bearer"})


class KeyGuard:
    """Middleware that lets a request through only with a known key; without configured keys it is not installed."""

    def __init__(self, app: ASGIApp, hashes: tuple[str, ...]) -> None:
        self._app = app
        self._hashes = hashes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401."""
        if scope["type"] != "http" or _is_open(scope["path"]) or self._admits(Headers(scope=scope)):
            await self._app(scope, receive, send)
        else:
            await problem_response(unauthorized())(scope, receive, send)

    def _admits(self, headers: Headers) -> bool:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and is_known(key.strip(), self._hashes)


def _is_open(path: str) -> bool:
    return path == OPEN_PATH or path.startswith(STATIC_FOLDER)
