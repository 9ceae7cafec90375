"""The HTTP service: settings, keys, limits, load, logs, headers, and the process behind `tdm serve`."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

import tdm
from tdm.cli import main
from tdm.notation.strict_text import MOST_BYTES
from tdm_api import bodies, capacity, keys, recommendations, workload
from tdm_api.app import create_app
from tdm_api.capacity import LONGEST_WAIT_S, MOST_BATCHES, MOST_WAITING, Busy, Capacity
from tdm_api.examples import example_ids, load_example
from tdm_api.headers import SECURITY_HEADERS
from tdm_api.problems import MEDIA_TYPE, ProblemDocument, Rejected
from tdm_api.settings import Settings, SettingsError, settings_from, variable

ROOT = Path(__file__).resolve().parent.parent
JSON = {"Content-Type": "application/json"}
ONE, BATCH = "/v1/recommendations", "/v1/recommendations:batch"
CASE, REFUSED = load_example("adult-ctd-low-trough"), load_example("neonate-refused")
KEY = "tdm_a-key-for-tests"
KEYED = Settings(api_key_hashes=(hashlib.sha256(KEY.encode()).hexdigest(), "0" * 64))
# A shared machine may be this late; no other test looks at a clock.
LATE_S = 1.5


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app()) as started:
        yield started


def problem(response: httpx2.Response) -> ProblemDocument:
    assert response.headers["content-type"] == MEDIA_TYPE
    found = ProblemDocument.model_validate_json(response.content)
    assert found.status == response.status_code
    return found


# --- answers ----------------------------------------------------------------------------------------------------------


def test_the_same_case_gives_the_same_bytes_alone_and_in_a_batch(client: TestClient) -> None:
    alone = [client.post(ONE, content=CASE, headers=JSON).content for _ in range(2)]
    together = client.post(BATCH, content=b'{"cases":[' + CASE + b"," + CASE + b"]}", headers=JSON).content
    assert alone[0] == alone[1]
    assert together == b'{"results":[{"answer":' + alone[0] + b'},{"answer":' + alone[0] + b"}]}"


@pytest.mark.slow
def test_a_batch_is_answered_in_order_with_an_answer_or_a_problem_each(client: TestClient) -> None:
    names = [*example_ids(), *reversed(example_ids())]
    body = b'{ "cases" : [\n' + b" ,\n".join(load_example(name) for name in names) + b"] }"
    results = client.post(BATCH, content=body, headers=JSON).json()["results"]
    assert len(results) == len(names)
    for place, (name, result) in enumerate(zip(names, results, strict=True)):
        alone = client.post(ONE, content=load_example(name), headers=JSON).json()
        if name == "neonate-refused":
            for one in alone["problems"]:
                one["pointer"] = f"/cases/{place}{one['pointer']}"
            assert result == {"problem": alone}
        else:
            assert result == {"answer": alone}


def test_a_hundred_cases_are_a_batch_and_one_more_is_not(client: TestClient) -> None:
    assert len(client.post(BATCH, json={"cases": [0] * 100}).json()["results"]) == 100
    assert problem(client.post(BATCH, json={"cases": [0] * 101})).problems[0].accepted == "1 to 100 cases"


def test_the_catalogue_holds_every_model_and_protocol(client: TestClient) -> None:
    assert [one["id"] for one in client.get("/v1/models").json()["models"]] == list(tdm.model_ids())
    assert [one["id"] for one in client.get("/v1/protocols").json()["protocols"]] == list(tdm.protocol_ids())
    for model_id in tdm.model_ids():
        found = client.get(f"/v1/models/{model_id}").json()
        assert tdm.PopulationModel.model_validate(found) == tdm.load_model(model_id)
    for protocol_id in tdm.protocol_ids():
        found = client.get(f"/v1/protocols/{protocol_id}").json()
        assert tdm.Protocol.model_validate(found) == tdm.load_protocol(protocol_id)


def test_the_examples_are_those_of_the_folder() -> None:
    assert list(example_ids()) == sorted(path.stem for path in (ROOT / "examples").glob("*.json"))
    with pytest.raises(KeyError):
        load_example("../pyproject")


def test_a_fault_says_nothing_and_is_logged_without_its_message(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(case: tdm.Case) -> None:
        raise ArithmeticError(f"weight {case.patient.weight_kg}")

    with TestClient(create_app()) as client:
        monkeypatch.setattr(recommendations, "recommend", failing)
        response = client.post(ONE, content=CASE, headers=JSON)
        batch = client.post(BATCH, content=b'{"cases":[' + CASE + b"," + REFUSED + b"]}", headers=JSON)
    assert problem(response).code == "internal_error"
    assert [one["problem"]["code"] for one in batch.json()["results"]] == ["internal_error", "internal_error"]
    faults = [vars(record)["fields"] for record in caplog.records if record.getMessage() == "fault"]
    assert len(faults) == 3
    assert faults[0]["request_id"] == response.headers["x-request-id"]
    for fault in faults:
        assert fault["exception"] == "ArithmeticError"
        assert re.search(r"test_service\.py:\d+:failing$", fault["frames"][-1])
        assert "58" not in json.dumps({**fault, "frames": [], "request_id": ""})
    assert "weight 58" not in caplog.text + response.text + batch.text


def test_an_estimate_that_is_not_certified_is_a_refusal(monkeypatch: pytest.MonkeyPatch, client: TestClient) -> None:
    def failing(case: tdm.Case) -> None:
        raise tdm.NotConverged("mode")

    monkeypatch.setattr(recommendations, "recommend", failing)
    assert problem(client.post(ONE, content=CASE, headers=JSON)).code == "not_converged"
    result = client.post(BATCH, content=b'{"cases":[' + CASE + b"]}", headers=JSON).json()["results"][0]
    assert result["problem"]["code"] == "not_converged"


def test_ready_only_after_a_first_answer() -> None:
    app = create_app()
    cold = TestClient(app)
    assert problem(cold.get("/readyz")).code == "not_ready"
    assert cold.get("/healthz").status_code == 200
    with TestClient(app) as started:
        assert started.get("/readyz").json() == {"status": "ready"}


# --- bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json; charset=utf-16"],
)
def test_another_content_type_is_a_415(client: TestClient, content_type: str) -> None:
    found = problem(client.post(ONE, content=CASE, headers={"Content-Type": content_type}))
    assert (found.status, found.problems[0].accepted) == (415, "application/json in UTF-8, not compressed")


def test_json_in_utf_8_may_say_so_and_compressed_json_is_a_415(client: TestClient) -> None:
    said = {"Content-Type": 'Application/JSON; charset="UTF-8"'}
    assert client.post(ONE, content=CASE, headers=said).status_code == 200
    assert client.post(ONE, content=CASE, headers={**JSON, "Content-Encoding": "gzip"}).status_code == 415


@pytest.mark.parametrize("excess", [0, 1])
@pytest.mark.parametrize("declared", [True, False], ids=["content-length", "chunked"])
def test_a_body_of_one_mebibyte_is_read_and_of_one_byte_more_is_a_413(
    client: TestClient, declared: bool, excess: int
) -> None:
    body = CASE.ljust(MOST_BYTES + excess)
    chunks = (body[start : start + 65536] for start in range(0, len(body), 65536))
    response = client.post(ONE, content=body if declared else chunks, headers=JSON)
    if excess:
        assert problem(response).problems[0].accepted == f"at most {MOST_BYTES} bytes"
    assert response.status_code == (413 if excess else 200)


def request_of(*chunks: bytes, then: Callable[[], Awaitable[dict[str, Any]]], **headers: str) -> Request:
    """A request whose body comes in these chunks, and then whatever happens."""
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": True} if waiting else await then()

    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": ONE, "headers": named}, receive)


def rejected(request: Request) -> ProblemDocument:
    with pytest.raises(Rejected) as found:
        asyncio.run(bodies.read_body(request))
    return found.value.document


async def never() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


async def gone() -> dict[str, Any]:
    return {"type": "http.disconnect"}


def test_a_body_that_does_not_end_is_a_408_and_one_that_breaks_off_a_400(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LONGEST_BODY_S", 0.05)
    assert rejected(request_of(b"{", then=never)).status == 408
    assert rejected(request_of(b"{", then=gone)).status == 400


def test_of_a_body_that_is_too_large_only_so_much_is_thrown_away() -> None:
    assert rejected(request_of(*[b" " * MOST_BYTES] * 9, then=never)).status == 413
    waits = {"expect": "100-continue", "content-length": str(MOST_BYTES + 1)}
    assert rejected(request_of(then=never, **waits)).status == 413


def doses(count: int, of: int) -> list[dict[str, float]]:
    run = {"dose_mg": 1, "every_h": 24, "count": of} if of > 1 else {"dose_mg": 1}
    return [{"time": 24.0 * of * place, **run} for place in range(count)]


def at_odd_times(count: int) -> list[dict[str, float]]:
    return [{"time": 24.0 * place + 0.01 * place**2 % 1, "dose_mg": 1} for place in range(count)]


def test_a_year_of_equal_doses_written_one_by_one_is_one_run(client: TestClient) -> None:
    case = {**json.loads(CASE), "doses": doses(365, 1), "levels": [], "now": 9000.0}
    assert client.post(ONE, json=case).status_code == 200


@pytest.mark.parametrize(
    ("pointer", "fields"),
    [
        ("/doses", {"doses": at_odd_times(workload.MOST_DOSES + 1)}),
        ("/doses", {"doses": doses(workload.MOST_RUNS + 1, 2)}),
        ("/levels", {"levels": [{"time": 100.0 + i, "level_ng_ml": 5} for i in range(workload.MOST_LEVELS + 1)]}),
        (
            "/covariates",
            {"covariates": [{"time": 1.0 + i, "weight_kg": 50 + i} for i in range(workload.MOST_CHANGES + 1)]},
        ),
        ("/regimens", {"regimens": [{"pattern_mg": [1 + i]} for i in range(workload.MOST_REGIMENS + 1)]}),
    ],
)
def test_more_work_than_one_request_may_ask_for_is_refused(
    client: TestClient, pointer: str, fields: dict[str, Any]
) -> None:
    case = {**json.loads(CASE), "doses": doses(2, 1), "levels": [], "now": 5000.0, **fields}
    assert tdm.read_case(case)
    found = problem(client.post(ONE, json=case))
    assert [(one.code, one.pointer) for one in found.problems] == [("too_many", pointer)]
    assert re.match(r"at most \d+ ", found.problems[0].accepted or "")


def test_a_model_with_many_readings_is_refused(client: TestClient) -> None:
    case = json.loads(load_example("site-model"))
    readings = [{"label": str(place)} for place in range(workload.MOST_READINGS + 1)]
    case["model"]["ambiguities"] = [{"id": "a", "text": "b", "readings": readings}]
    assert problem(client.post(ONE, json=case)).problems[0].pointer == "/model/ambiguities"


# --- load -------------------------------------------------------------------------------------------------------------


@contextmanager
def held(compute: Capacity, threads: int) -> Iterator[list[Awaitable[Any]]]:
    """Every thread of a capacity at work until the end of the block."""
    release, started = threading.Event(), threading.Semaphore(0)

    def work() -> None:
        started.release()
        release.wait(30)

    tasks: list[Awaitable[Any]] = [asyncio.ensure_future(compute.run(work)) for _ in range(threads)]
    try:
        yield tasks
    finally:
        release.set()


def test_excess_load_is_a_503_within_a_second_while_the_health_is_answered() -> None:
    async def check() -> None:
        app = create_app(Settings(compute_threads=2))
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://tests") as client:
            with held(app.state.capacity, 2) as busy:
                await asyncio.sleep(0)
                began = time.monotonic()
                asked = asyncio.ensure_future(client.post(ONE, content=CASE, headers=JSON))
                assert (await client.get("/healthz")).status_code == 200
                assert not asked.done()
                response = await asked
                assert time.monotonic() - began < LONGEST_WAIT_S + LATE_S
                assert problem(response).code == "busy"
                assert response.headers["retry-after"] == "1"
            await asyncio.gather(*busy)
            assert (await client.post(ONE, content=CASE, headers=JSON)).status_code == 200

    assert LONGEST_WAIT_S < 1
    asyncio.run(check())


def test_a_line_that_is_full_is_a_503_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "LONGEST_WAIT_S", 30.0)

    async def check() -> None:
        compute = Capacity(1)
        with held(compute, 1) as busy:
            line = [asyncio.ensure_future(compute.run(lambda: 1)) for _ in range(MOST_WAITING)]
            await asyncio.sleep(0)
            with pytest.raises(Busy):
                await compute.run(lambda: 1)
        await asyncio.gather(*busy)
        assert await asyncio.gather(*line) == [1] * MOST_WAITING

    asyncio.run(check())


def test_work_that_nobody_waits_for_any_more_keeps_its_thread_until_it_ends() -> None:
    async def check() -> None:
        compute = Capacity(1)
        with held(compute, 1) as (task,):
            await asyncio.sleep(0.05)
            assert isinstance(task, asyncio.Future)
            task.cancel()
            with pytest.raises(Busy):
                await compute.run(lambda: 1)
        assert await compute.run(lambda: 2) == 2

    asyncio.run(check())


@pytest.mark.parametrize("threads", [1, 2])
def test_batches_do_not_starve_single_requests(threads: int) -> None:
    """While batches are under way, a single request waits for the case in work, not for the batch."""

    async def check() -> None:
        compute = Capacity(threads)
        done: list[str] = []

        def work() -> None:
            time.sleep(0.01)

        async def batch() -> None:
            with compute.batch() as computed:
                for _ in range(20):
                    await computed(work)
                    done.append("batch")

        batches = [asyncio.ensure_future(batch()) for _ in range(MOST_BATCHES)]
        await asyncio.sleep(0.05)
        with pytest.raises(Busy), compute.batch():
            pass
        await compute.run(work)
        done.append("single")
        await asyncio.gather(*batches)
        # each batch had at most a case or two before it in the line
        assert done.index("single") < 20 * MOST_BATCHES / 2
        with compute.batch() as computed:
            assert await computed(lambda: 1) == 1

    asyncio.run(check())


def test_the_rest_of_a_batch_that_takes_too_long_is_busy(monkeypatch: pytest.MonkeyPatch, client: TestClient) -> None:
    monkeypatch.setattr(recommendations, "LONGEST_BATCH_S", 0.0)
    results = client.post(BATCH, content=b'{"cases":[' + CASE + b"]}", headers=JSON).json()["results"]
    assert [one["problem"]["code"] for one in results] == ["busy"]


# --- keys and headers -------------------------------------------------------------------------------------------------

EVERY_PATH = ["/", "/healthz", "/readyz", "/version", "/openapi.json", "/v1/models", "/v1/protocols/waiha-2023", "/x"]


def test_with_keys_every_route_but_the_health_needs_one() -> None:
    with TestClient(create_app(KEYED)) as client:
        for path in EVERY_PATH:
            response = client.get(path)
            if path == "/healthz":
                assert response.status_code == 200
            else:
                assert problem(response).code == "unauthorized"
                assert response.headers["www-authenticate"] == "Bearer"
        assert client.get("/static/x").status_code == 404
        assert client.get("/static/../v1/models").status_code == 401
        assert problem(client.post(ONE, content=b"x" * (MOST_BYTES + 1))).status == 401


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {KEY}", 200),
        (f"bearer {KEY}", 200),
        (f"Bearer {KEY}x", 401),
        (f"Bearer {KEY[:-1]}", 401),
        (f"Basic {KEY}", 401),
        (KEY, 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        (f"Bearer {KEYED.api_key_hashes[0]}", 401),
        ("Bearer \xff", 401),
    ],
)
def test_a_key_opens_and_nothing_else_does(authorization: str, status: int) -> None:
    client = TestClient(create_app(KEYED))
    assert client.get("/version", headers=[(b"Authorization", authorization.encode("latin-1"))]).status_code == status


def test_every_hash_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def spy(given: str, known: str) -> bool:
        compared.append(known)
        return given == known

    monkeypatch.setattr("tdm_api.keys.hmac.compare_digest", spy)
    assert keys.is_known(KEY, KEYED.api_key_hashes)
    assert compared == list(KEYED.api_key_hashes)


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/v1/models/x", "/openapi.json", "/"])
def test_every_response_has_the_security_headers_and_is_stored_nowhere(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert {name: response.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "unsafe" not in response.headers["content-security-policy"]
    assert response.headers["cache-control"] == "no-store"
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])


def test_no_other_origin_may_read_an_answer_unless_it_is_configured() -> None:
    origin = {"Origin": "https://ward.example"}
    asks = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    with TestClient(create_app()) as client:
        for response in (client.get("/version", headers=origin), client.options(ONE, headers=asks)):
            assert not [name for name in response.headers if name.startswith("access-control")]
    allowed = Settings(cors_origins=("https://ward.example",), api_key_hashes=KEYED.api_key_hashes)
    with TestClient(create_app(allowed)) as client:
        preflight = client.options(ONE, headers=asks)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == "https://ward.example"
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        answer = client.get("/version", headers={**origin, "Authorization": f"Bearer {KEY}"})
        assert answer.headers["access-control-allow-origin"] == "https://ward.example"
        assert "Origin" in answer.headers["vary"]
        other = client.options(ONE, headers={**asks, "Origin": "https://ward.example.evil"})
        assert problem(other).status == 401
        assert "access-control-allow-origin" not in other.headers


# --- settings ---------------------------------------------------------------------------------------------------------


def test_without_any_variable_the_settings_are_the_defaults() -> None:
    assert settings_from({"PATH": "/bin"}) == Settings()
    assert (Settings().host, Settings().port, Settings().api_key_hashes) == ("127.0.0.1", 8000, ())


def test_every_variable_is_read() -> None:
    given = {
        "TDM_HOST": "0.0.0.0",
        "TDM_PORT": "80",
        "TDM_API_KEY_HASHES": f"{'a' * 64}, {'b' * 64}",
        "TDM_CORS_ORIGINS": "https://one.example,http://two.example:8080",
        "TDM_COMPUTE_THREADS": "3",
        "TDM_SHUTDOWN_SECONDS": "5",
    }
    assert set(given) == {variable(field) for field in Settings.model_fields}
    found = settings_from(given)
    assert found.model_dump() == {
        "host": "0.0.0.0",
        "port": 80,
        "api_key_hashes": ("a" * 64, "b" * 64),
        "cors_origins": ("https://one.example", "http://two.example:8080"),
        "compute_threads": 3,
        "shutdown_seconds": 5,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TDM_PROT", "80"),
        ("TDM_", "1"),
        ("TDM_PORT", "65536"),
        ("TDM_PORT", "8000.5"),
        ("TDM_PORT", ""),
        ("TDM_HOST", ""),
        ("TDM_HOST", "0.0.0.0"),
        ("TDM_HOST", "::"),
        ("TDM_HOST", "192.0.2.7"),
        ("TDM_API_KEY_HASHES", "tdm_the-key-itself"),
        ("TDM_API_KEY_HASHES", "A" * 64),
        ("TDM_CORS_ORIGINS", "*"),
        ("TDM_CORS_ORIGINS", "https://one.example/"),
        ("TDM_COMPUTE_THREADS", "0"),
        ("TDM_SHUTDOWN_SECONDS", "soon"),
    ],
)
def test_a_setting_that_is_unknown_or_bad_is_one_sentence_without_its_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as found:
        settings_from({name: value})
    sentence = str(found.value)
    assert sentence.startswith(name)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(value) < 7 or value not in sentence


def test_the_readme_has_the_table_of_the_settings() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(TDM_\w+)` \| (.*?) \| (.*?) \|$", readme, flags=re.MULTILINE)
    assert rows == [
        (variable(name), f"`{field.default}`" if field.default else "none", field.description)
        for name, field in Settings.model_fields.items()
    ]


# --- the command line -------------------------------------------------------------------------------------------------


def tdm_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tdm.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )


def test_an_address_for_others_is_refused_without_keys() -> None:
    done = tdm_process("serve", "--host", "0.0.0.0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "TDM_API_KEY_HASHES" in done.stderr


def test_a_flag_beats_the_environment_and_a_port_in_use_is_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = tdm_process("serve", "--port", port, TDM_PORT="not a port")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"tdm: cannot listen on port {port} of TDM_HOST \(.*\)\.\n", done.stderr)


def test_an_api_key_is_new_each_time_and_goes_with_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for _ in range(2):
        assert main(["api-key"]) == 0
        shown = capsys.readouterr().out
        key, digest = re.findall(r"^(?:key|hash) +(\S+)$", shown, flags=re.MULTILINE)
        assert hashlib.sha256(key.encode()).hexdigest() == digest
        assert settings_from({"TDM_API_KEY_HASHES": digest}).api_key_hashes == (digest,)
        found.append(key)
    assert found[0] != found[1]
    assert len(found[0]) > 40


# --- the running service ----------------------------------------------------------------------------------------------


class Served:
    """A `tdm serve` of its own process on a free port, with every line that it logged."""

    def __init__(self, **environment: str) -> None:
        command = [sys.executable, "-m", "tdm.cli", "serve", "--port", "0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self.lines: list[str] = []
        listening = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(listening,))
        self._reader.start()
        assert listening.wait(60), self.process.stderr and self.process.stderr.read()
        self.port = next(line["port"] for line in self.logged() if line["event"] == "listening")

    def _read(self, listening: threading.Event) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if '"listening"' in line:
                listening.set()

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.lines)]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self._reader.join()
        assert self.process.stderr is not None
        errors = self.process.stderr.read()
        self.process.stderr.close()
        return status, errors


@pytest.mark.slow
def test_requests_in_flight_finish_after_sigterm_and_the_log_has_no_word_of_a_client() -> None:
    served = Served()
    with httpx2.Client(headers=JSON) as client:
        assert client.post(served.url(ONE), content=CASE).status_code == 200
        assert client.post(served.url(ONE), content=REFUSED).status_code == 422
        assert client.get(served.url("/v1/models/CANARY?name=CANARY")).status_code == 404
        assert client.get(served.url("/CANARY")).status_code == 404
        canary = {"X-Request-Id": "CANARY", "User-Agent": "CANARY", "Referer": "http://CANARY"}
        assert client.request("CANARY", served.url("/version"), headers=canary).status_code == 405
        assert problem(client.post(served.url(ONE), content=b" " * 3_000_000)).status == 413
    assert b"application/problem+json" in raw(served.port, b"CANARY \x00\r\n\r\n")

    answers: list[httpx2.Response] = []
    body = b'{"cases":[' + b",".join([CASE] * 60) + b"]}"
    asking = threading.Thread(
        target=lambda: answers.append(httpx2.post(served.url(BATCH), content=body, headers=JSON, timeout=60))
    )
    asking.start()
    time.sleep(0.5)  # sixty cases take longer than this on any machine
    status, errors = served.stop()
    asking.join()

    assert (status, errors) == (0, "")
    assert [len(answer.json()["results"]) for answer in answers] == [60]
    requests = [line for line in served.logged() if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [
        ("POST", ONE, 200),
        ("POST", ONE, 422),
        ("GET", "/v1/models/{model_id}", 404),
        ("GET", None, 404),
        ("other", "/version", 405),
        ("POST", ONE, 413),
        ("POST", BATCH, 200),
    ]
    assert all(set(line) == REQUEST_FIELDS for line in requests)
    assert len({line["request_id"] for line in requests}) == len(requests)
    text = "".join(served.lines)
    assert "CANARY" not in text
    for value in ("ssci", "3.6", "female", "2026-03-16T", "lc-ms"):
        assert not [line for line in served.lines if value in re.sub(r'"(time|duration_ms)": [^,}]+', "", line)], value


REQUEST_FIELDS = {"time", "level", "event", "request_id", "method", "route", "status", "duration_ms"}


def raw(port: int, request: bytes) -> bytes:
    """What the service answers to bytes that are no request."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        found = b""
        while part := connection.recv(65536):
            found += part
    return found


def test_with_keys_other_addresses_are_served() -> None:
    served = Served(TDM_HOST="0.0.0.0", TDM_API_KEY_HASHES=KEYED.api_key_hashes[0])
    try:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
        connection.request("GET", "/version")
        response = connection.getresponse()
        assert (response.status, response.getheader("Server")) == (401, None)
        response.read()
        connection.request("GET", "/version", headers={"Authorization": f"Bearer {KEY}"})
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        status, errors = served.stop()
    assert (status, errors) == (0, "")
    assert KEY not in "".join(served.lines)


@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/models", "/static/page.css"])
def test_a_head_has_the_headers_of_the_get_and_no_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.content))
    assert client.head(ONE).status_code == 405
