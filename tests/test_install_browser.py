"""Where the browser of the page's tests comes from: found on the PATH, Debian's packages, or Playwright's installer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import install_browser


class Machine:
    """A machine with these programs; what is run on it is noted, and an installer brings its browser."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, programs: set[str], root: bool, status: int = 0) -> None:
        self.programs, self.status = programs, status
        self.downloaded: str | None = None
        self.ran: list[list[str]] = []
        monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}" if name in self.programs else None)
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000, raising=False)
        monkeypatch.setattr(subprocess, "run", self.run)
        monkeypatch.setattr(install_browser, "_downloaded", lambda: self.downloaded)

    def run(self, command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        self.ran.append(command)
        if not self.status and "playwright" in command:
            self.downloaded = "/cache/chromium"
        elif not self.status and "install" in command:
            self.programs |= {"chromium"}
        return subprocess.CompletedProcess(command, self.status)


@pytest.mark.parametrize("name", install_browser.BROWSERS)
def test_a_browser_on_the_path_is_taken_and_nothing_is_installed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    machine = Machine(monkeypatch, {name, "apt-get"}, root=True)
    assert install_browser.main() == 0
    assert install_browser.browser() == f"/usr/bin/{name}"
    assert not machine.ran


def test_a_browser_that_playwright_downloaded_before_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, {"apt-get"}, root=True)
    machine.downloaded = "/cache/chromium"
    assert install_browser.main() == 0
    assert install_browser.browser() == "/cache/chromium"
    assert not machine.ran


@pytest.mark.parametrize(("root", "first"), [(True, ["apt-get"]), (False, ["sudo", "apt-get"])])
def test_with_apt_get_it_comes_from_the_packages(monkeypatch: pytest.MonkeyPatch, root: bool, first: list[str]) -> None:
    machine = Machine(monkeypatch, {"apt-get"}, root)
    assert install_browser.main() == 0
    assert install_browser.browser() == "/usr/bin/chromium"
    assert [command[: len(first) + 1] for command in machine.ran] == [[*first, "update"], [*first, "install"]]


def test_without_apt_get_it_comes_from_playwright(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, set(), root=False)
    assert install_browser.main() == 0
    assert install_browser.browser() == "/cache/chromium"
    assert machine.ran == [[sys.executable, "-m", "playwright", "install", "chromium"]]


@pytest.mark.parametrize("programs", [set(), {"apt-get"}])
def test_an_installer_that_fails_gives_its_exit_status(monkeypatch: pytest.MonkeyPatch, programs: set[str]) -> None:
    machine = Machine(monkeypatch, programs, root=True, status=100)
    assert install_browser.main() == 100
    assert len(machine.ran) == 1


def test_playwright_is_asked_where_its_browser_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert install_browser._downloaded() is None
