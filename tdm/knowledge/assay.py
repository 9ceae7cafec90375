"""The methods that measure sirolimus in whole blood, by the names a laboratory uses, and the units of their results."""

from __future__ import annotations

from typing import Literal, NamedTuple

# 1 ng/mL = 1 ug/L, and 1 nmol/L = 0.914187 ng/mL: molar mass 914.187 g/mol (seeds/label.toml).
NG_ML_PER_UG_L = 1.0
NG_ML_PER_NMOL_L = 0.914187

Family = Literal["separating", "cmia", "eclia", "dimension", "emit", "immunoassay"]


class Method(NamedTuple):
    """A family of methods, by the words that name it; `limit` is the label's number for its lower limit (ng/mL)."""

    family: Family
    words: tuple[str, ...]
    limit: str | None


# LC-MS/MS and HPLC separate the drug from its metabolites; immunoassays read part of these too (label, assay section).
METHODS = (
    Method("separating", ("lc-ms/ms", "lc-ms", "lcms", "hplc-uv", "hplc"), None),
    Method("cmia", ("cmia", "architect"), "lower_limit_cmia_low_ng_ml"),
    Method("eclia", ("eclia",), "lower_limit_eclia_ng_ml"),
    Method("dimension", ("dimension",), "lower_limit_dimension_ng_ml"),
    Method("emit", ("emit",), "lower_limit_emit_ng_ml"),
    Method("immunoassay", ("fpia", "meia", "immunoassay"), None),
)


def method_of(assay: str | None) -> Method | None:
    """Return the method that a name in a case stands for; None if it is not known or not given (no unit)."""
    name = (assay or "").strip().lower()
    return next((method for method in METHODS if any(word in name for word in method.words)), None)


def is_immunoassay(assay: str | None) -> bool | None:
    """Return whether a method, by the name in a case, is an immunoassay; None if the name is not known (no unit)."""
    method = method_of(assay)
    return None if method is None else method.family != "separating"


def may_be_one_assay(one: str | None, other: str | None) -> bool:
    """Return whether two assays of a case may be the same (no unit): by name, or because one is not given."""
    return one is None or other is None or _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return "".join(name.casefold().split())
