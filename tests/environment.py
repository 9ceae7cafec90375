"""Make a virtual environment: `python -m tests.environment FOLDER [--python 3.13] [--oldest-versions] [--extra dev]`.

It needs nothing but Python and pip. `--python` is a version, `oldest` (of those found), or `newer`: the newest of those
found, if it is newer than the Python that runs this. Interpreters are those of the PATH and of pyenv. Without FOLDER
they are listed. The exit status is 3 where there is no such Python.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
Version = tuple[int, int]
OLDEST: Version = (3, 11)
NEWEST_TRIED: Version = (3, 30)
NO_SUCH_PYTHON = 3


def main() -> int:
    """Make the environment or list the interpreters; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.environment", description=__doc__)
    parser.add_argument("folder", nargs="?", help="where the environment goes; it is made anew")
    parser.add_argument("--python", default="oldest", metavar="VERSION", help="such as 3.13, or: oldest, newer")
    parser.add_argument("--oldest-versions", action="store_true", help="every requirement at its oldest version")
    parser.add_argument("--extra", default="test", help="the extra that is installed (test)")
    given = parser.parse_args()
    found = pythons()
    if given.folder is None:
        print(*(f"{major}.{minor} {path}" for (major, minor), path in found.items()), sep="\n")
        return 0
    version = chosen(given.python, list(found))
    if version is None:
        print(f"There is no Python for `--python {given.python}` on this machine.")
        return NO_SUCH_PYTHON
    print(f"Python {version[0]}.{version[1]}", "with the oldest versions" if given.oldest_versions else "", flush=True)
    return _make(ROOT / given.folder, found[version], given.extra, given.oldest_versions)


def pythons() -> dict[Version, str]:
    """Return the interpreters that run here and are new enough, the oldest first."""
    found: dict[Version, str] = {}
    for path in (sys.executable, *_candidates()):
        version = _version_of(path)
        if version and version >= OLDEST:
            found.setdefault(version, path)
    return dict(sorted(found.items()))


def chosen(wanted: str, found: list[Version], running: Version = sys.version_info[:2]) -> Version | None:
    """Return the version that is meant, None if it is not there."""
    if wanted == "oldest":
        return min(found)
    if wanted == "newer":
        return max(found) if max(found) > running else None
    return next((one for one in found if wanted == f"{one[0]}.{one[1]}"), None)


def oldest_versions() -> list[str]:
    """Return every requirement of the project and of its tests at the oldest version that it allows."""
    requirements = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]
    return [re.sub(r">=([\d.]+).*", r"==\1", one) for one in requirements]


def _make(folder: Path, python: str, extra: str, oldest: bool) -> int:
    made = subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=False)
    if made.returncode:
        return made.returncode
    pip = [str(folder / ("Scripts" if os.name == "nt" else "bin") / "python"), "-m", "pip", "install", "-q"]
    if oldest:
        constraints = folder / "oldest.txt"
        constraints.write_text("\n".join(oldest_versions()) + "\n", encoding="utf-8")
        pip += ["-c", str(constraints)]
    return subprocess.run([*pip, "-e", f".[{extra}]"], cwd=ROOT, check=False).returncode


def _candidates() -> Iterator[str]:
    names = ("python3", "python", *(f"python3.{minor}" for minor in range(OLDEST[1], NEWEST_TRIED[1] + 1)))
    yield from (path for name in names if (path := shutil.which(name)))
    if pyenv := shutil.which("pyenv"):
        done = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False)
        yield from sorted(map(str, (Path(done.stdout.strip()) / "versions").glob("3.*/bin/python")), reverse=True)


def _version_of(path: str) -> Version | None:
    code = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    major, minor = map(int, done.stdout.split())
    return major, minor


if __name__ == "__main__":
    sys.exit(main())
