"""The methods that measure sirolimus in whole blood, by the names a laboratory uses; which of them are immunoassays."""

from __future__ import annotations

# LC-MS/MS and HPLC separate the drug from its metabolites; immunoassays read part of these too (label, assay section).
SEPARATING = ("lc-ms/ms", "lc-ms", "lcms", "hplc-uv", "hplc")
IMMUNOASSAYS = ("cmia", "eclia", "emit", "fpia", "meia", "dimension", "architect", "immunoassay")


def is_immunoassay(assay: str) -> bool | None:
    """Return whether a method, by the name in a case, is an immunoassay; None if the name is not known (no unit)."""
    name = assay.strip().lower()
    if any(word in name for word in SEPARATING):
        return False
    if any(word in name for word in IMMUNOASSAYS):
        return True
    return None
