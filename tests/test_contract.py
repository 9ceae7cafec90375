"""The HTTP interface against its own document: generated and hostile requests, examples, errors of one shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

import tdm
from tdm_api.app import create_app
from tdm_api.batch_text import split_cases
from tdm_api.examples import example_ids, load_example
from tdm_api.openapi import OPERATIONS, document
from tdm_api.problems import MEDIA_TYPE, ProblemDocument

JSON = {"Content-Type": "application/json"}
ONE, BATCH = "/v1/recommendations", "/v1/recommendations:batch"
ANSWERED, REFUSED = load_example("adult-ctd-low-trough"), load_example("neonate-refused")
# A stable interface: an id that changes breaks the clients that were generated from the document.
OPERATION_IDS = [
    "createRecommendation",
    "createRecommendations",
    "getModel",
    "getProtocol",
    "healthz",
    "listModels",
    "listProtocols",
    "readyz",
    "version",
]
GENERATED = settings(
    max_examples=60,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app()


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as started:
        yield started


def the_problem(response: Any) -> ProblemDocument:
    """The one shape of an error, and that its parts agree with each other."""
    assert response.headers["content-type"] == MEDIA_TYPE
    found = ProblemDocument.model_validate_json(response.content)
    assert found.status == response.status_code
    assert found.detail.endswith(".")
    assert "Traceback" not in response.text
    return found


# --- generated from the document --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize("operation_id", ["createRecommendation", "createRecommendations"])
def test_generated_bodies_are_answered_as_documented(
    app: FastAPI, client: TestClient, operation_id: str, mode: GenerationMode
) -> None:
    path = next(one.path for one in OPERATIONS if one.id == operation_id)
    operation = schemathesis.openapi.from_asgi("/openapi.json", app)[path]["POST"]
    statuses = set()

    @seed(20260301)
    @GENERATED
    @given(operation.as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case[Any]) -> None:
        response = case.call()
        # what a case means is judged beyond its schema, so a body that is valid by it may be refused
        case.validate_response(response, excluded_checks=[positive_data_acceptance])
        statuses.add(response.status_code)

    check()
    assert statuses <= {200, 422}
    assert 422 in statuses


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.method == "get"], ids=lambda one: one.id)
def test_every_read_is_answered_as_documented(app: FastAPI, client: TestClient, operation: Any) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    generated = schema[operation.path]["GET"].as_strategy(generation_mode=GenerationMode.POSITIVE)

    @seed(20260301)
    @settings(GENERATED, max_examples=20)
    @given(generated)
    def check(case: schemathesis.Case[Any]) -> None:
        case.validate_response(case.call(), excluded_checks=[positive_data_acceptance])

    check()


# --- hostile bodies ---------------------------------------------------------------------------------------------------


def changed(**fields: Any) -> bytes:
    return json.dumps(json.loads(ANSWERED) | fields).encode()


def level(text: bytes) -> bytes:
    """The example with another text in the place of its level."""
    assert b"3.6" in ANSWERED
    return ANSWERED.replace(b"3.6", text)


HOSTILE = {
    "empty": b"",
    "blank": b" \n\t ",
    "null byte": b"\x00",
    "not-json": b"{",
    "text after": ANSWERED + b"x",
    "two values": ANSWERED + ANSWERED,
    "single quotes": b"{'patient': 1}",
    "trailing comma": ANSWERED.rstrip().removesuffix(b"}") + b",}",
    "comment": b"/* a case */" + ANSWERED,
    "nan": level(b"NaN"),
    "infinity": level(b"Infinity"),
    "minus infinity": level(b"-Infinity"),
    "1e400": level(b"1e400"),
    "1e308": level(b"1e308"),
    "smallest": level(b"5e-324"),
    "minus zero": level(b"-0.0"),
    "huge whole number": level(b"9" * 5000),
    "number as text": level(b'"3.6"'),
    "yes": level(b"true"),
    "null": level(b"null"),
    "list": level(b"[3.6]"),
    "duplicate key": level(b'3.6, "level_ng_ml": 3.7'),
    "escaped duplicate key": level(b'3.6, "level_ng_\\u006dl": 3.7'),
    "lone surrogate": level(b'3.6, "assay": "\\ud800"').replace(b', "assay": "lc-ms/ms"', b""),
    "lone surrogate in a key": level(b'3.6, "\\udfff": 1'),
    "null character": changed(protocol="\x00"),
    "invalid utf-8": ANSWERED.replace(b"female", b"\xff\xfe"),
    "overlong utf-8": ANSWERED.replace(b"female", b"\xc0\xaf"),
    "utf-16": ANSWERED.decode().encode("utf-16"),
    "utf-32": ANSWERED.decode().encode("utf-32-le"),
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deep inside": changed(model=[]).replace(b"[]", b"[" * 5000 + b"]" * 5000, 1),
    "a number": b"1",
    "a text": b'"case"',
    "a list of cases": b"[" + ANSWERED + b"]",
    "proto": changed(__proto__={}),
    "unknown field": changed(surprise=1),
    "path as protocol": changed(protocol="../../etc/passwd"),
    "long id": changed(model="m" * 500_000),
    "template": changed(protocol="{0.__class__}%s%n${7*7}"),
    "no patient": b'{"protocol": "ssci-nct03688191"}',
    "mixed times": changed(now=12),
    "year 9999": changed(now="9999-12-31T23:59"),
    "no such day": changed(now="2026-02-30T08:00"),
    "offset": changed(now="2026-03-16T08:00+99:99"),
    "too many doses": changed(doses=[{"time": i, "dose_mg": 1} for i in range(2001)], levels=[], now=5000),
    "too many runs": changed(
        doses=[{"time": 48 * i, "dose_mg": 1, "every_h": 24, "count": 2} for i in range(51)], levels=[], now=5000
    ),
    "too long a run": changed(doses=[{"time": "2026-03-02T08:00", "dose_mg": 2, "every_h": 1, "count": 10**9}]),
    "too many levels": changed(levels=[{"time": f"2026-03-{i % 9 + 10}T08:00", "level_ng_ml": i} for i in range(300)]),
    "too many regimens": changed(regimens=[{"pattern_mg": [1 + i]} for i in range(6)]),
    "contradicting omega": changed(
        model={
            **json.loads(load_example("site-model"))["model"],
            "omega": {"of": ["cl", "v"], "covariance": [[0.1, 9.0], [9.0, 0.1]]},
        }
    ),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_body_is_refused_in_the_one_shape(client: TestClient, body: bytes) -> None:
    found = the_problem(client.post(ONE, content=body, headers=JSON))
    assert (found.status, found.code) == (422, "refused")
    assert found.problems
    for problem in found.problems:
        assert problem.pointer == "" or problem.pointer.startswith("/")


# What breaks the frame of a batch, or is no element of it at all.
UNFRAMED = {"empty", "blank", "not-json", "deep lists", "deep objects"}


@pytest.mark.parametrize("name", sorted(HOSTILE.keys() - UNFRAMED))
def test_one_hostile_case_spoils_no_other(client: TestClient, name: str) -> None:
    response = client.post(BATCH, content=b'{"cases": [' + HOSTILE[name] + b", " + ANSWERED + b"]}", headers=JSON)
    assert response.status_code == 200
    first, second = response.json()["results"]
    assert ProblemDocument.model_validate(first["problem"]).code == "refused"
    assert all(one["pointer"].startswith("/cases/0") for one in first["problem"]["problems"])
    assert second["answer"]["decision"] == "increase"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        *((HOSTILE[name], None) for name in sorted(UNFRAMED)),
        (b'{"cases": [' + b"[" * 100_000 + b"]}", None),
        (b"{}", "missing_field"),
        (b"[]", "not_an_object"),
        (ANSWERED, "missing_field"),
        (b'{"cases": []}', "too_few"),
        (b'{"cases": {}}', "not_a_list"),
        (b'{"cases": null}', "not_a_list"),
        (b'{"cases": [1], "cases": [1]}', "duplicate_key"),
        (b'{"cases": [1], "cas\\u0065s": [1]}', "duplicate_key"),
        (b'{"cases": [1], "more": [1]}', "unknown_field"),
        (b'{"cases": [1,]}', "not_json"),
        (b'{"cases": [,1]}', "not_json"),
        (b'{"cases": [1]]}', "not_json"),
        (b'{"cases": [1]} {}', "not_json"),
        (b'{"cases": [' + b"1," * 100 + b"1]}", "too_many"),
        (b'{"cases": ["' + b'\\"' * 500_000, "not_json"),
    ],
)
def test_a_batch_whose_frame_is_wrong_is_refused_whole(client: TestClient, body: bytes, code: str | None) -> None:
    found = the_problem(client.post(BATCH, content=body, headers=JSON))
    assert (found.status, found.code) == (422, "refused")
    assert code is None or found.problems[0].code == code


@given(body=st.binary(max_size=200))
@GENERATED
@seed(20260301)
def test_no_bytes_are_a_fault(client: TestClient, body: bytes) -> None:
    for path in (ONE, BATCH):
        assert the_problem(client.post(path, content=body, headers=JSON)).status == 422


PARTS = [b"{", b"}", b"[", b"]", b",", b'"', b"\\", b":", b"null", b"1", b'"cases"', b'"\xc3\xa4"', b" "]


@given(parts=st.lists(st.sampled_from(PARTS), max_size=12))
@settings(GENERATED, max_examples=1500)
@seed(20260301)
def test_a_batch_is_cut_exactly_where_json_has_its_elements(parts: list[bytes]) -> None:
    body = b'{"cases":[' + b"".join(parts) + b"]}"
    try:
        cut = split_cases(body)
    except tdm.Refused:
        assert not is_json(body) or json.loads(body) == {"cases": []} or len(json.loads(body)) > 1
        return
    if is_json(body):
        assert [json.loads(one) for one in cut] == json.loads(body)["cases"]
    else:
        assert not all(map(is_json, cut))


def is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "unknown_route"),
        ("GET", "/v1/recommendations/", 404, "unknown_route"),
        ("POST", "/v1/recommendations%3Abatch/..", 404, "unknown_route"),
        ("GET", "/docs", 404, "unknown_route"),
        ("GET", "/v1/models/unheard-of", 404, "unknown_model"),
        ("GET", "/v1/models/..%2Fdefaults", 404, "unknown_route"),
        ("GET", "/v1/protocols/%00", 404, "unknown_protocol"),
        ("GET", ONE, 405, "method_not_allowed"),
        ("DELETE", BATCH, 405, "method_not_allowed"),
        ("POST", "/v1/models", 405, "method_not_allowed"),
        ("OPTIONS", "/healthz", 405, "method_not_allowed"),
        ("BREW", "/version", 405, "method_not_allowed"),
        ("POST", ONE, 415, "unsupported_content_type"),
    ],
)
def test_every_error_has_the_one_shape(client: TestClient, method: str, path: str, status: int, code: str) -> None:
    response = client.request(method, path)
    found = the_problem(response)
    assert (found.status, found.code) == (status, code)
    assert ("allow" in response.headers) == (status == 405)


@pytest.mark.parametrize("value", ["ZAPHOD", "1987-04-23", "1e77"])
def test_a_value_of_the_input_comes_back_nowhere(client: TestClient, value: str) -> None:
    text = json.dumps(value).encode()
    for body in (text, level(text), changed(sex=1, protocol=value), changed(now=value), changed(patient=value)):
        response = client.post(ONE, content=body, headers=JSON)
        assert response.status_code == 422
        assert value not in response.text
        assert value not in str(response.headers)
    for path in (f"/{value}", f"/v1/models/{value}", f"/version/{value}"):
        response = client.get(path)
        assert response.status_code == 404
        assert value not in response.text


def numbers(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every number and time of a case."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(one, (*at, key))
    elif at[-1] in ("time", "now", "start") or not isinstance(value, str):
        yield at


def with_value(case: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed_case = json.loads(json.dumps(case))
    place = changed_case
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return dict(changed_case)


@pytest.mark.parametrize("example", ["regimen-of-ones-own", "haematocrit-recovers", "site-model"])
def test_no_number_and_no_date_of_the_input_comes_back(client: TestClient, example: str) -> None:
    case = json.loads(load_example(example))
    refused = 0
    for path in numbers(case):
        for value, shown in ((-7391.25, "7391"), (7391842.0, "7391"), (7391.25, "7391"), ("7391-03-02T08:00", "7391")):
            response = client.post(ONE, json=with_value(case, path, value))
            assert response.status_code in (200, 422)
            if response.status_code == 422:
                refused += 1
                assert shown not in response.text, response.text
    assert refused > 30


# --- the document -----------------------------------------------------------------------------------------------------


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_operation_ids_are_stable() -> None:
    assert sorted(operation["operationId"] for _, _, operation in operations()) == OPERATION_IDS


def test_the_document_has_every_route_of_the_interface_and_no_other(app: FastAPI, client: TestClient) -> None:
    assert client.get("/openapi.json").json() == json.loads(json.dumps(document()))
    documented = {(path, method) for path, method, _ in operations()}
    routed = {(one.path, one.method) for one in OPERATIONS}
    assert documented == routed
    for path, method in documented:
        asked = path.replace("{model_id}", "fan-2024").replace("{protocol_id}", "waiha-2023")
        assert client.request(method, asked).status_code in (200, 415)


def test_every_example_of_the_document_is_answered_as_it_says(client: TestClient) -> None:
    for path, method, operation in operations():
        shown = operation["responses"]["200"]["content"]["application/json"]["example"]
        parameters = {one["name"]: one["example"] for one in operation.get("parameters", [])}
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples")
        first = next(iter(body.values()))["value"] if body else None
        assert client.request(method, path.format(**parameters), json=first).json() == shown


def test_the_example_of_a_refusal_is_the_real_one(client: TestClient) -> None:
    shown = document()["components"]["responses"]["refused"]["content"][MEDIA_TYPE]["example"]
    assert client.post(ONE, content=REFUSED, headers=JSON).json() == shown
    cases = document()["paths"][ONE]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert [one["value"] for one in cases.values()] == [json.loads(ANSWERED), json.loads(REFUSED)]


def test_every_reference_of_the_document_leads_somewhere() -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
            value = list(value.values())
        if isinstance(value, list):
            for one in value:
                yield from references(one)

    found = set(references(document()))
    assert len(found) > 50
    for reference in found:
        place: Any = document()
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


@pytest.mark.parametrize("example", example_ids())
def test_every_example_is_answered_as_by_the_core(client: TestClient, example: str) -> None:
    source = load_example(example)
    response = client.post(ONE, content=source, headers=JSON)
    if source == REFUSED:
        with pytest.raises(tdm.Refused) as refused:
            tdm.recommend(tdm.read_case(source))
        found = the_problem(response).problems
        assert [(one.code, one.pointer, one.accepted) for one in found] == [
            (one.code, one.pointer, one.accepted) for one in refused.value.problems
        ]
        return
    expected = tdm.recommend(tdm.read_case(source)).model_dump_json(ensure_ascii=True)
    assert (response.status_code, response.text) == (200, expected)
    assert response.headers["content-type"] == "application/json"
