"""The rules of the drug's label, as published."""

from __future__ import annotations

from collections.abc import Mapping

from tdm.notation.citation import Citation, Sourced
from tdm.notation.noun import Noun
from tdm.notation.quantities import Number


class LabelNumber(Noun, Sourced):
    """One number of the label in `unit`."""

    value: Number
    unit: str
    meaning: str


class LabelRules(Noun):
    """The rules of the drug's label that the decision uses; each number with its unit and source."""

    id: str
    title: str
    citation: Citation
    numbers: Mapping[str, LabelNumber]
    texts: Mapping[str, str] = {}

    def number(self, name: str) -> float:
        """Return the value of one of the label's numbers in its own unit; KeyError if the label file lacks it."""
        return self.numbers[name].value
