"""Where a number comes from: citation, evidence grade and how well it was verified."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

# The levels of evidence for therapy of the Oxford Centre for Evidence-Based Medicine, 2009, best first.
OxfordLevel = Literal["1a", "1b", "1c", "2a", "2b", "2c", "3a", "3b", "4", "5"]


class Sourced(BaseModel):
    """The provenance of a number (no unit of its own): source, grade of the transcription, a note."""

    source: str = ""
    grade: str = ""
    note: str = ""


class Citation(BaseModel):
    """A published source (no units): reference, DOI or registry number, grade and what is still to be checked.

    `grade` says how the figures were read: A the paper's own abstract, B a public model library that transcribes the
    paper, B+ the same with a published table reproduced, "abstract" and "secondary" as named. `oxford_level` is the
    level of evidence (Oxford 2009) that this project assigns; `oxford_basis` says from what.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: str
    doi: str = ""
    identifiers: tuple[str, ...] = ()
    grade: str
    verified_against: str
    to_check: tuple[str, ...] = ()
    oxford_level: OxfordLevel
    oxford_basis: str
