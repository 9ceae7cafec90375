"""The fixtures of the tests in a real browser; a test module names this one in `pytest_plugins`."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser import FLAGS, Visitors
from tests.install_browser import browser
from tests.load_benchmark import served


@pytest.fixture(scope="session")
def service() -> Iterator[str]:
    """One `tdm serve` for all tests: its address."""
    with served() as (_, port):
        base = f"http://127.0.0.1:{port}"
        assert httpx2.get(f"{base}/readyz").status_code == 200
        yield base


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a module; beyond it, Playwright would hold the loop that other tests need."""
    path = browser()
    if path is None:
        pytest.fail("No Chromium was found: run python -m tests.install_browser.", pytrace=False)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def visitors(chromium: Browser, service: str) -> Iterator[Visitors]:
    """Visitors of the page; none of them may see an error, a violated policy or a request to another origin."""
    people = Visitors(chromium, service)
    yield people
    people.leave()
    assert not people.faults, people.faults
