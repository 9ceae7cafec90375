"""The methods that measure sirolimus in whole blood, by the names a laboratory uses, and the units of their results.

A name is read as whole words, so that "ACMIA" is not "CMIA", and with its negations: "not LC-MS/MS" names no method.
The table holds names only: which platform uses which technique. Numbers of a method are the label's (seeds/label.toml).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

# 1 ng/mL = 1 ug/L, and 1 nmol/L = 0.914187 ng/mL: molar mass 914.187 g/mol (seeds/label.toml).
NG_ML_PER_UG_L = 1.0
NG_ML_PER_NMOL_L = 0.914187

Family = Literal["separating", "cmia", "eclia", "dimension", "emit", "immunoassay"]


class Method(NamedTuple):
    """A family of methods, by the names that are suggested for it and the `aliases` that are understood too.

    Each is written as `_plain` writes a name, but for hyphens and strokes. `limit` is the label's number for its lower
    limit (ng/mL).
    """

    family: Family
    words: tuple[str, ...]
    aliases: tuple[str, ...]
    limit: str | None


# LC-MS/MS and HPLC separate the drug from its metabolites; immunoassays read part of these too (label, assay section).
METHODS = (
    Method(
        "separating",
        ("lc-ms/ms", "lc-ms", "hplc-uv", "hplc"),
        (
            *("lc-msms", "lcms-ms", "lcmsms", "lcms", "ms/ms", "msms", "uplc", "uplcms", "uhplc", "hplcuv", "hplcms"),
            *("mass spectrometry", "mass spectrometric", "mass spec", "liquid chromatography"),
            *("液相色谱", "高效液相", "串联质谱", "质谱", "液质联用", "液质"),
        ),
        None,
    ),
    Method(
        "cmia",
        ("cmia", "architect", "alinity i"),
        (
            *("alinity", "chemiluminescent microparticle immunoassay", "chemiluminescence microparticle immunoassay"),
            *("chemiluminescent magnetic microparticle immunoassay", "化学发光微粒子免疫", "微粒子化学发光"),
        ),
        "lower_limit_cmia_low_ng_ml",
    ),
    Method(
        "eclia",
        ("eclia", "elecsys", "cobas"),
        (
            *("electrochemiluminescence", "electrochemiluminescent", "electro-chemiluminescence"),
            *("electrochemiluminescence immunoassay", "electrochemiluminescent immunoassay", "电化学发光"),
        ),
        "lower_limit_eclia_ng_ml",
    ),
    # ACMIA, spelled out in two ways, is the technique of the Dimension
    Method(
        "dimension",
        ("dimension",),
        ("acmia", "affinity column mediated immunoassay", "antibody conjugated magnetic immunoassay"),
        "lower_limit_dimension_ng_ml",
    ),
    Method(
        "emit",
        ("emit",),
        ("enzyme multiplied immunoassay", "酶放大免疫", "酶增强免疫"),
        "lower_limit_emit_ng_ml",
    ),
    Method(
        "immunoassay",
        ("fpia", "meia", "immunoassay"),
        (
            *("immunoassays", "immuno-assay", "immunological", "elisa", "cedia", "fluorescence polarization"),
            *("fluorescence polarisation", "microparticle enzyme immunoassay", "荧光偏振", "微粒子酶免疫"),
            *("化学发光", "免疫法", "免疫分析", "免疫测定", "免疫检测"),
        ),
        None,
    ),
)
# Other analysers of the same makers, which measure no immunoassay of that kind: "cobas c 501" is no cobas e.
OTHERS = ("alinity c", "architect c", "cobas c", "cobas integra", "cobas mira")

# Words that deny the name right after them ("非免疫法 LC-MS/MS" is an LC-MS/MS) ...
DENY_NEXT = ("non", "非")
# ... all that comes after them in their clause ("CMIA lot no. 3" is a CMIA) ...
DENY_AFTER = ("no", "without", "except", "unlike", "neither", "nor", "instead of", "rather than", "other than")
# ... or, where nothing is named there, what comes before ("LC-MS/MS not used").
DENY_EITHER = ("not", "never", "isn't", "wasn't", "unavailable", "不是", "不用", "不", "没有", "无", "未")
CLAUSE_ENDS = r"[,;.()\[\]。、]|(?<![a-z])but(?![a-z])|而是|但"


def _plain(name: str) -> str:
    """A name in small letters of usual width; hyphens, strokes and the like are one space."""
    folded = unicodedata.normalize("NFKC", name).casefold().replace("\u2019", "'")
    spaced = "".join(
        " " if unicodedata.category(one) in ("Pd", "Cf", "Cc") or one in "/\\_+\u2212\u2044\u2215:" else one
        for one in folded
    )
    return " ".join(spaced.split())


def _words(names: Iterable[str]) -> str:
    """A pattern of whole words, the longest first; Chinese is written without spaces, and a number may follow."""
    return "|".join(
        re.escape(name) if ord(name[0]) > 0x2E80 else rf"(?<![a-z0-9]){re.escape(name)}(?![a-z])"
        for name in sorted(names, key=len, reverse=True)
    )


_METHOD_BY_NAME: dict[str, Method | None] = {
    _plain(name): method for method in METHODS for name in (*method.words, *method.aliases)
} | dict.fromkeys(OTHERS)
_DENIED = _words((*DENY_NEXT, *DENY_AFTER, *DENY_EITHER))
_NAMED = re.compile(f"(?P<name>{_words(_METHOD_BY_NAME)})|(?P<denied>{_DENIED})")


def methods_named(assay: str | None) -> tuple[Method, ...]:
    """Return the methods that a name in a case stands for, each once, in the order of the table (no unit).

    An immunoassay that is named more closely is not one of two: "CMIA immunoassay" is a CMIA.
    """
    found = {one for clause in re.split(CLAUSE_ENDS, _plain(assay or "")) for one in _affirmed(clause)}
    closer = {one for one in found if one.family not in ("separating", "immunoassay")}
    return tuple(one for one in METHODS if one in found and not (one.family == "immunoassay" and closer))


def _affirmed(clause: str) -> Iterator[Method]:
    """The methods that a clause names and does not deny."""
    seen = list(_NAMED.finditer(clause))
    denials = [place for place, one in enumerate(seen) if one["denied"] and one["denied"] not in DENY_NEXT]
    first = denials[0] if denials else len(seen)
    if denials and not any(one["name"] for one in seen[first:]) and _denies_before(seen, first):
        return
    denied_to = -1
    for one in seen[:first]:
        if one["denied"]:
            denied_to = one.end() + 1  # the next word
        elif one.start() > denied_to and (method := _METHOD_BY_NAME[one["name"]]) is not None:
            yield method


def _denies_before(seen: list[re.Match[str]], place: int) -> bool:
    """Whether a denial that is followed by no name denies what comes before: "LC-MS/MS: no", not "CMIA lot no. 3"."""
    denial = seen[place]
    return denial["denied"] in DENY_EITHER or (
        place > 0 and denial.start() - seen[place - 1].end() <= 1 and not denial.string[denial.end() :]
    )


def method_of(assay: str | None) -> Method | None:
    """Return the method that a name in a case stands for; None if it names none, or more than one (no unit)."""
    named = methods_named(assay)
    return named[0] if len(named) == 1 else None


def is_immunoassay(assay: str | None) -> bool | None:
    """Return whether a method, by the name in a case, is an immunoassay; None if the name is not known (no unit)."""
    method = method_of(assay)
    return None if method is None else method.family != "separating"


def may_be_one_assay(one: str | None, other: str | None) -> bool:
    """Return whether two assays of a case may be the same (no unit): by name or method, or as one is not given."""
    if one is None or other is None or _plain(one).replace(" ", "") == _plain(other).replace(" ", ""):
        return True
    return method_of(one) is not None and method_of(one) is method_of(other)
