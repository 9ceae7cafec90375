"""The reading of a request's body: how large, how slow and of which type it may be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from tdm.notation.refusal import Problem
from tdm.notation.sentence import say
from tdm.notation.strict_text import MOST_BYTES
from tdm_api.problems import Rejected, malformed_request

JSON = "application/json"
# Design rules: a case has a few kilobytes; a body that takes longer than this holds a place for nothing.
LONGEST_BODY_S = 10.0
# A client that is still sending cannot read its 413; this much is read and thrown away for its sake.
MOST_DISCARDED = 8 * MOST_BYTES
_CLOSE = {"Connection": "close"}


def check_content_type(request: Request, expected: str = JSON) -> None:
    """Raise a 415 unless the body is of the expected type, in UTF-8 and not compressed."""
    media, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    plain = not charset.startswith("charset=") or charset == "charset=utf-8"
    if media.strip().lower() != expected or not plain or coding != "identity":
        raise unsupported_type(expected)


async def read_body(request: Request) -> bytes:
    """Return the body (bytes) of a request; raise a 413, 408 or 400 if it is too large, too slow or broken off."""
    with _complaints():
        async with asyncio.timeout(LONGEST_BODY_S):
            return await _bounded(request)


async def _bounded(request: Request) -> bytes:
    chunks, size = [], 0
    if _declared(request) > MOST_BYTES and request.headers.get("expect", "").lower() == "100-continue":
        raise too_large()  # the client waits for leave to send
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MOST_BYTES:
            chunks.append(chunk)
        elif size > MOST_DISCARDED:
            break
    if size > MOST_BYTES:
        raise too_large()
    return b"".join(chunks)


def _declared(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() else 0


@contextmanager
def _complaints() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise too_slow() from None
    except ClientDisconnect:
        raise malformed_request() from None


def too_large() -> Rejected:
    """Return the 413 of a body above the limit (bytes)."""
    accepted = say("at most {bound} bytes", bound=str(MOST_BYTES))
    problem = Problem(code="too_large", pointer="", message=say("The body is too large."), accepted=accepted)
    sentence = f"The body of a request has at most {MOST_BYTES} bytes."
    return Rejected(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", sentence, [problem], _CLOSE)


def too_slow() -> Rejected:
    """Return the 408 of a body that did not arrive in time (seconds)."""
    sentence = f"The body of a request has to arrive within {LONGEST_BODY_S:g} seconds."
    return Rejected(HTTPStatus.REQUEST_TIMEOUT, "too_slow", sentence, headers=_CLOSE)


def unsupported_type(expected: str = JSON) -> Rejected:
    """Return the 415 of a body of another type."""
    accepted = say("{media} in UTF-8, not compressed", media=expected)
    problem = Problem(code="content_type", pointer="", message=say("The content type is another."), accepted=accepted)
    sentence = f"The body has to be {expected}, in UTF-8 and not compressed."
    return Rejected(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type", sentence, [problem])
