"""What HTTP costs: `python -m tests.load_benchmark [--seconds 30] [--threads 2]`.

A server (`tdm serve`), a client and the in-process reference are processes of their own. For 1, 4 and 16 connections:
answers per second, the median and 99th percentile of their times, errors, and the server's memory before and after.
Beside it the cost of one recommendation in process, measured before and after each load; the overhead of HTTP is the
time per answer over HTTP against it (target at 4 connections: at most 40 %).
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

CONNECTIONS = (1, 4, 16)
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "adult-ctd-low-trough.json"
TARGET_CONNECTIONS, MOST_OVERHEAD = 4, 0.4
REFERENCE = 100


@contextmanager
def served(**environment: str) -> Iterator[tuple[int, int]]:
    """Start `tdm serve` on a free port and yield its process id and port; stop it with SIGTERM."""
    command = [sys.executable, "-m", "tdm.cli", "serve", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    assert server.stdout is not None
    try:
        lines = (json.loads(line) for line in server.stdout)
        port = next(line["port"] for line in lines if line["event"] == "listening")
        # the log of each request must be read, or the server waits for it
        threading.Thread(target=server.stdout.read, daemon=True).start()
        yield server.pid, port
    finally:
        server.terminate()
        server.wait()


def memory_mb(process: int) -> float:
    """Return the resident memory (MB) of a process."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def asked(port: int, until: float, times: list[float], errors: list[str]) -> None:
    """Ask for the same answer on one connection, again and again, and note the seconds of each or the error."""
    body, headers = EXAMPLE.read_bytes(), {"Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while time.monotonic() < until:
        began = time.perf_counter()
        try:
            connection.request("POST", "/v1/recommendations", body, headers)
            response = connection.getresponse()
            response.read()
        except OSError as failed:
            errors.append(type(failed).__name__)
            connection.close()
            continue
        if response.status == 200:
            times.append(time.perf_counter() - began)
        else:
            errors.append(str(response.status))


def client(port: int, connections: int, seconds: float) -> dict[str, Any]:
    """Return what a number of connections saw in a number of seconds: answers per second, ms, errors."""
    times: list[float] = []
    errors: list[str] = []
    began = time.monotonic()
    load = [threading.Thread(target=asked, args=(port, began + seconds, times, errors)) for _ in range(connections)]
    for one in load:
        one.start()
    for one in load:
        one.join()
    spent = time.monotonic() - began
    p50, p99 = np.percentile(times, [50, 99])
    return {"per_second": len(times) / spent, "p50_ms": 1e3 * p50, "p99_ms": 1e3 * p99, "errors": len(errors)}


def reference_ms() -> float:
    """Return the mean milliseconds of one recommendation in this process, from text to text."""
    from tdm_api.recommendations import answer_bytes  # noqa: PLC0415, so that the client stays small

    body = EXAMPLE.read_bytes()
    answer_bytes(body)
    began = time.perf_counter()
    for _ in range(REFERENCE):
        answer_bytes(body)
    return 1e3 * (time.perf_counter() - began) / REFERENCE


def in_a_process(*arguments: str) -> Any:
    """Return what this module prints when it is run with these arguments, parsed as JSON."""
    command = [sys.executable, "-m", "tests.load_benchmark", *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(seconds: float, threads: str | None) -> None:
    """Print the table; the reference is measured before and after each row, since a shared machine changes."""
    with served(**({"TDM_COMPUTE_THREADS": threads} if threads else {})) as (process, port):
        print("connections  answers/s   p50 ms   p99 ms  errors  memory MB before, after  in process ms  overhead")
        before = in_a_process("--reference")
        for connections in CONNECTIONS:
            start = memory_mb(process)
            row = in_a_process("--client", str(port), str(connections), "--seconds", str(seconds))
            end, after = memory_mb(process), in_a_process("--reference")
            overhead = 1e3 / row["per_second"] / ((before + after) / 2) - 1
            target = f" (target {MOST_OVERHEAD:.0%})" if connections == TARGET_CONNECTIONS else ""
            print(
                f"{connections:11d}  {row['per_second']:9.1f}  {row['p50_ms']:7.1f}  {row['p99_ms']:7.1f}"
                f"  {row['errors']:6d}  {start:10.0f}, {end:.0f}          {(before + after) / 2:13.1f}"
                f"  {overhead:7.1%}{target}",
                flush=True,
            )
            before = after


def main() -> None:
    """Run the comparison, or one of its processes."""
    parser = argparse.ArgumentParser(prog="python -m tests.load_benchmark")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each number of connections asks")
    parser.add_argument("--threads", help="TDM_COMPUTE_THREADS of the server")
    parser.add_argument("--client", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--reference", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.client:
        print(json.dumps(client(given.client[0], given.client[1], given.seconds)))
    elif given.reference:
        print(reference_ms())
    else:
        compare(given.seconds, given.threads)


if __name__ == "__main__":
    main()
