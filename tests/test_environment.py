"""Which Pythons and which versions the tests are tried with."""

from __future__ import annotations

import re
import sys

import pytest

from tests import environment


def test_the_running_python_is_found_and_works() -> None:
    found = environment.pythons()
    assert sys.version_info[:2] in found
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("wanted", "found", "running", "meant"),
    [
        ("oldest", [(3, 11), (3, 13)], (3, 13), (3, 11)),
        ("newer", [(3, 11), (3, 12), (3, 13)], (3, 11), (3, 13)),
        ("newer", [(3, 11)], (3, 11), None),
        ("newer", [(3, 11), (3, 13)], (3, 13), None),
        ("3.12", [(3, 11), (3, 12)], (3, 11), (3, 12)),
        ("3.14", [(3, 11), (3, 12)], (3, 11), None),
    ],
)
def test_the_python_that_is_meant(
    wanted: str, found: list[tuple[int, int]], running: tuple[int, int], meant: tuple[int, int] | None
) -> None:
    assert environment.chosen(wanted, found, running) == meant


def test_every_requirement_states_the_oldest_version_and_no_other_bound() -> None:
    requirements = environment.PROJECT["dependencies"] + environment.PROJECT["optional-dependencies"]["test"]
    assert [one for one in requirements if not re.fullmatch(r"[a-z0-9-]+>=[\d.]+", one)] == []
    assert environment.oldest_versions() == [one.replace(">=", "==") for one in requirements]


def test_the_oldest_python_is_the_one_that_the_package_asks_for() -> None:
    assert environment.PROJECT["requires-python"] == ">={}.{}".format(*environment.OLDEST)
