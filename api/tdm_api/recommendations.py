"""Answers over HTTP: one case, or up to a hundred in a batch."""

from __future__ import annotations

from functools import partial
from time import monotonic

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from tdm.answer.answer import Recommendation
from tdm.case.reading import read_case
from tdm.inference.map_estimate import NotConverged
from tdm.notation.refusal import Refused
from tdm.recommendation import recommend
from tdm_api.batch_text import split_cases
from tdm_api.bodies import check_content_type, read_body
from tdm_api.capacity import Busy, Capacity, Computed
from tdm_api.logs import log_fault
from tdm_api.problems import ProblemDocument, Rejected, internal_error, not_converged, refused
from tdm_api.workload import check_workload

router = APIRouter()
# Design rule: a hundred usual cases take a few seconds; what is not computed after this long is answered as busy.
LONGEST_BATCH_S = 60.0


class BatchResult(BaseModel):
    """What one case of a batch came to: an answer or a problem, the other is absent."""

    answer: Recommendation | None = None
    problem: ProblemDocument | None = None


class BatchAnswer(BaseModel):
    """The results of a batch in the order of its cases."""

    results: tuple[BatchResult, ...]


@router.post("/v1/recommendations")
async def create_recommendation(request: Request) -> Response:
    """Answer a case."""
    check_content_type(request)
    body = await read_body(request)
    answer = await _capacity(request).run(partial(answer_bytes, body))
    return Response(answer, media_type="application/json")


@router.post("/v1/recommendations:batch")
async def create_recommendations(request: Request) -> Response:
    """Answer up to a hundred cases in order."""
    check_content_type(request)
    body = await read_body(request)
    capacity = _capacity(request)
    with capacity.batch() as computed:
        cases = await computed(partial(split_cases, body))
        results = await _results(request, cases, computed)
    return Response(batch_bytes(results), media_type="application/json")


async def _results(request: Request, cases: list[bytes], computed: Computed) -> list[bytes]:
    """The results of a batch, each computed in its turn; at the end of the time the rest is busy, not lost."""
    ends = monotonic() + LONGEST_BATCH_S
    results: list[bytes] = []
    for place, case in enumerate(cases):
        if await request.is_disconnected():
            break  # nobody waits for the rest
        timely = monotonic() < ends
        results.append(await computed(partial(batch_result, place, case)) if timely else _problem(Busy()))
    return results


def batch_bytes(results: list[bytes]) -> bytes:
    """Return the answer (JSON) to a batch from the results of its cases."""
    return b'{"results":[' + b",".join(results) + b"]}"


def answer_bytes(source: bytes) -> bytes:
    """Return the answer (JSON) to the case that a JSON text describes; the same text gives the same bytes."""
    return answer_to(source).model_dump_json(ensure_ascii=True).encode()


def answer_to(source: bytes) -> Recommendation:
    """Return the answer to the case that a JSON text describes; raise `Refused` also for more work than is allowed."""
    case = read_case(source)
    check_workload(case)
    return recommend(case)


def batch_result(place: int, case: bytes) -> bytes:
    """Return the result (JSON) of the case at a place in a batch; whatever happens to the case stays with it."""
    try:
        return b'{"answer":' + answer_bytes(case) + b"}"
    except Refused as reason:
        return _problem(refused(reason, at=f"/cases/{place}"))
    except NotConverged:
        return _problem(not_converged())
    except Exception as error:
        log_fault(error)
        return _problem(internal_error())


def _problem(rejected: Rejected) -> bytes:
    return b'{"problem":' + rejected.document.model_dump_json(ensure_ascii=True).encode() + b"}"


def _capacity(request: Request) -> Capacity:
    capacity = request.app.state.capacity
    assert isinstance(capacity, Capacity)
    return capacity
