"""The names of methods, as laboratories write them: whole words, any hyphen, Chinese, negations, two at once.

The expected families are the makers' and the laboratories' own words for their methods, written out by hand.
"""

from __future__ import annotations

import pytest

from tdm.knowledge.assay import METHODS, is_immunoassay, may_be_one_assay, method_of, methods_named

SPELLINGS = {
    "separating": (
        *("lc-ms/ms", "LC-MS/MS", "LC/MS/MS", "LC-MS", "LC–MS/MS", "LC—MS", "LC\u2010MS/MS", "LC\u2011MS\u2011MS"),
        *("LC\u2212MS/MS", "LCMSMS", "lcms", "LC-MSMS", "LC MS MS", "LCMS/MS", "  lc-ms/ms  ", "ＬＣ－ＭＳ／ＭＳ"),
        *("ＨＰＬＣ", "HPLC-UV", "HPLC/UV", "HPLC (UV)", "UPLC-MS/MS", "UHPLC-MS/MS", "HPLC-MS/MS"),
        *(
            "in-house LC-MS/MS",
            "LC-MS/MS (Waters)",
            "tandem mass spectrometry",
            "liquid chromatography",
            "LC-MS/MS.",
            "LC_MS_MS",
        ),
        *("液相色谱-串联质谱", "液相色谱串联质谱法", "液相色谱－串联质谱（LC-MS/MS）"),
        *("液质联用", "液质联用法", "高效液相色谱法"),
        *("not CMIA but LC-MS/MS", "LC-MS/MS, not an immunoassay", "LC-MS/MS (not CMIA)", "LC-MS/MS instead of CMIA"),
        *("非免疫法，液质联用", "不是CMIA，是LC-MS/MS", "LC-MS/MS rather than EMIT"),
    ),
    "cmia": (
        *("CMIA", "cmia", "Architect", "ARCHITECT i2000SR", "Architect CMIA", "Abbott Architect", "Alinity"),
        *(
            "Alinity i",
            "Abbott Alinity-i",
            "Alinity i (CMIA)",
            "ＣＭＩＡ",
            "CMIA immunoassay",
            "CMIA/Architect",
            "CMIA法",
        ),
        *("chemiluminescent microparticle immunoassay", "化学发光微粒子免疫分析法", "CMIA, not LC-MS/MS"),
    ),
    "eclia": (
        *("ECLIA", "Elecsys", "Elecsys sirolimus", "cobas", "cobas e 411", "Cobas e601", "Roche Elecsys/cobas"),
        *("electrochemiluminescence immunoassay", "电化学发光法", "罗氏电化学发光免疫分析"),
    ),
    "dimension": ("Dimension", "Dimension RxL", "Siemens Dimension EXL", "ACMIA", "ACMIA (Dimension)"),
    "emit": ("EMIT", "Emit 2000", "EMIT2000", "Syva-EMIT", "enzyme-multiplied immunoassay technique", "酶放大免疫法"),
    "immunoassay": (
        *("FPIA", "fpia", "MEIA", "immunoassay", "Immunoassays", "ELISA", "an immunoassay", "荧光偏振免疫分析"),
        *("免疫法", "immunoassay, not LC-MS/MS", "化学发光法"),
    ),
}
UNKNOWN = (
    *("", " ", "an unknown method", "some kit", "in house", "central laboratory", "Abbott", "Roche", "Siemens", "不详"),
    *("not LC-MS/MS", "Not by LC/MS/MS", "non-LC-MS", "non LC-MS/MS", "nonLC-MS", "no immunoassay"),
    *(
        "not an immunoassay",
        "without HPLC",
        "not LC-MS/MS or HPLC",
        "neither CMIA nor ECLIA",
        "LC-MS/MS: no",
        "LC-MS/MS not available",
    ),
    *("non\u2010LC\u2011MS", "非液质联用", "不是免疫法", "未用质谱", "no CMIA", "isn’t CMIA"),
    *("XCMIA", "CMIAX", "transmit", "remittent", "emitted", "two-dimensional", "dimensions", "architecture", "cobasx"),
    *("Alinity c", "cobas c 501", "cobas c501", "cobas Integra 400", "Architect c8000", "welcms", "prelisad"),
)
SEVERAL = (
    *("LC-MS/MS or CMIA", "CMIA, LC-MS/MS", "EMIT/FPIA and HPLC", "CMIA vs. ECLIA", "Architect, then Elecsys"),
    *("LC-MS/MS immunoassay", "CMIA和液质联用", "ACMIA or CMIA", "Dimension/EMIT"),
)


@pytest.mark.parametrize(("family", "name"), [(family, name) for family, row in SPELLINGS.items() for name in row])
def test_a_spelling_names_its_family(family: str, name: str) -> None:
    method = method_of(name)
    assert method is not None
    assert method.family == family
    assert is_immunoassay(name) == (family != "separating")


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_name_that_is_denied_or_none_is_not_known(name: str) -> None:
    assert methods_named(name) == ()
    assert method_of(name) is None
    assert is_immunoassay(name) is None


@pytest.mark.parametrize("name", SEVERAL)
def test_a_name_of_two_families_is_not_known(name: str) -> None:
    assert len(methods_named(name)) == 2
    assert method_of(name) is None


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("CMIA lot no. 123", "cmia"),
        ("CMIA no 3", "cmia"),
        ("LC-MS/MS without derivatisation", "separating"),
        ("非免疫法 LC-MS/MS", "separating"),
        ("non-isotopic EMIT", "emit"),
    ],
)
def test_a_denial_of_something_else_denies_no_method(name: str, family: str) -> None:
    found = method_of(name)
    assert found is not None
    assert found.family == family


@pytest.mark.parametrize(
    ("one", "other", "may_be"),
    [
        ("CMIA", "Abbott Architect", True),
        ("LC-MS/MS", None, True),
        ("in-house kit", "in house kit", True),
        ("CMIA", "LC-MS/MS", False),
        ("some kit", "another kit", False),
    ],
)
def test_two_names_may_be_one_assay(one: str | None, other: str | None, may_be: bool) -> None:
    assert may_be_one_assay(one, other) is may_be


def test_what_is_suggested_names_its_method() -> None:
    assert all(method_of(word) is method for method in METHODS for word in (*method.words, *method.aliases))
