"""`python -m tests.install_browser`: get Chromium and a font with Chinese characters from Debian's packages if missing.

The tests of the page need a real browser. Nothing is downloaded but from the machine's own package source.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGES = ("chromium", "fonts-noto-cjk", "fonts-dejavu-core")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str | None:
    """Return the path of an installed Chromium, if any."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def main() -> int:
    """Install the packages unless a browser is there; return the exit status."""
    if browser():
        return 0
    if not shutil.which("apt-get"):
        print("No Chromium was found, and no apt-get to install it with: install Chromium by hand.", file=sys.stderr)
        return 1
    rights = [] if os.geteuid() == 0 else ["sudo"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (("update", "-qq"), ("install", "-y", "-qq", "--no-install-recommends", *PACKAGES)):
        done = subprocess.run([*rights, "apt-get", *command], env=environment, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            return done.returncode
    return 0 if browser() else 1


if __name__ == "__main__":
    sys.exit(main())
