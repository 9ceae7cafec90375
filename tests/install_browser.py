"""`python -m tests.install_browser`: get Chromium for the tests of the page if there is none.

Debian's packages are taken where there is apt-get, with a font that has Chinese characters; elsewhere Playwright's own
installer downloads its Chromium.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PACKAGES = ("chromium", "fonts-noto-cjk", "fonts-dejavu-core")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str | None:
    """Return the path of an installed Chromium, if any: one on the PATH, or the one that Playwright downloaded."""
    on_path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return on_path or _downloaded()


def commands() -> list[list[str]]:
    """Return the commands that install a browser on this machine."""
    if not shutil.which("apt-get"):
        return [[sys.executable, "-m", "playwright", "install", "chromium"]]
    rights = [] if os.geteuid() == 0 else ["sudo"]
    apt = [*rights, "apt-get"]
    return [[*apt, "update", "-qq"], [*apt, "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]]


def main() -> int:
    """Install a browser unless one is there; return the exit status."""
    if browser():
        return 0
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in commands():
        done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            return done.returncode
    if browser():
        return 0
    print("No Chromium was found after the installation.", file=sys.stderr)
    return 1


def _downloaded() -> str | None:
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if path and Path(path).is_file() else None


if __name__ == "__main__":
    sys.exit(main())
