"""The only reader of the example cases."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
# A wheel carries the examples inside the package; a checkout has them beside it.
_FOLDER = next(
    (f for f in (_PACKAGE / "_examples", _PACKAGE.parents[1] / "examples") if f.is_dir()), _PACKAGE / "_examples"
)


@cache
def example_ids() -> tuple[str, ...]:
    """Return the ids of the example cases, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


@cache
def load_example(example_id: str) -> bytes:
    """Return an example case as its file's JSON (bytes); raise KeyError for an unknown id."""
    if example_id not in example_ids():
        raise KeyError("There is no such example.")
    return (_FOLDER / f"{example_id}.json").read_bytes()
