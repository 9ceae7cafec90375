"""The seed files: they load, say what their sources say, name a source for each number, and refuse slips.

The expected figures are typed here from the sources, independently of the files. Units as in the names: L/h, L, 1/h,
mg, kg, years, ng/mL.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import BaseModel

from tdm.knowledge.model import FactorEffect, PopulationModel, PowerEffect, Residual
from tdm.knowledge.protocol import Protocol
from tdm.knowledge.seeds import (
    load_defaults,
    load_label,
    load_model,
    load_protocol,
    model_from_toml,
    model_ids,
    protocol_from_toml,
    protocol_ids,
)
from tdm.notation.citation import Citation, Sourced
from tdm.notation.quantities import COMEDICATION_COVARIATES, NUMERIC_COVARIATES, YES_NO_COVARIATES
from tdm.notation.refusal import Refused

SEEDS = Path(__file__).resolve().parents[1] / "seeds"
README = (SEEDS / "README.md").read_text(encoding="utf-8")
README_MODEL, README_PROTOCOL = re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL)

GRADES = {"A", "B", "B+", "abstract", "secondary", "named source", "unnamed", "project"}
OXFORD_LEVELS = {"1a", "1b", "1c", "2a", "2b", "2c", "3a", "3b", "4", "5"}


# ---------------------------------------------------------------------------------------------------------------------
# The models


class Expected(NamedTuple):
    """What a published model says; SDs of the etas in the order of `varying`, as printed and not squared."""

    doi: str
    grade: str
    borrowed_from: str | None
    subjects: int
    concentrations: int | None
    cl: float
    v: float
    ka: float
    effects: dict[tuple[str, str], tuple[float, ...]]
    varying: tuple[str, ...]
    covariance: tuple[tuple[float, ...], ...]
    residual: tuple[str, float]
    soft: dict[str, tuple[float, float]]
    hard: Mapping[str, tuple[float | None, float | None]]
    assume: dict[str, float]
    assay: tuple[str, float | None, float | None]


ONE_YEAR = {"age_years": (1.0, None)}
MODELS = {
    "cheng-2020": Expected(
        doi="10.1177/2058738420934936",
        grade="B",
        borrowed_from=None,
        subjects=27,
        concentrations=107,
        cl=5.63,
        v=144.16,
        ka=0.7521,
        effects={("cl", "weight_kg"): (28.5, 0.50), ("cl", "total_bilirubin_umol_l"): (11.29, -0.32)},
        varying=("cl", "v"),
        covariance=((0.0353, 0), (0, 0.0727)),
        residual=("proportional", 0.2245),
        soft={"age_years": (1, 15), "weight_kg": (7, 43), "total_bilirubin_umol_l": (3, 40)},
        hard=ONE_YEAR,
        assume={"total_bilirubin_umol_l": 11.29},
        assay=("FPIA", None, None),
    ),
    "mao-2024": Expected(
        doi="10.2147/DDDT.S503463",
        grade="A + B",
        borrowed_from="liver transplantation",
        subjects=103,
        concentrations=216,
        cl=7.09,
        v=496,
        ka=0.75,
        effects={("cl", "hematocrit_percent"): (38, -0.901)},
        varying=("cl", "v"),
        covariance=((0.324**2, 0.0665), (0.0665, 0.427**2)),
        residual=("proportional", 0.182),
        soft={
            "age_years": (28, 74),
            "weight_kg": (39, 90),
            "hematocrit_percent": (17.5, 49.5),
            "daily_dose_mg": (0.5, 2),
        },
        hard=ONE_YEAR,
        assume={"hematocrit_percent": 38},
        assay=("Architect", 2, 30),
    ),
    "fan-2024": Expected(
        doi="10.3389/fphar.2024.1457614",
        grade="A + B+",
        borrowed_from="vascular anomalies",
        subjects=49,
        concentrations=134,
        cl=4.06,
        v=155,
        ka=0.485,
        effects={("cl", "weight_kg"): (16, 1.23), ("v", "weight_kg"): (16, 1.62)},
        varying=("cl",),
        covariance=((0.2594**2,),),
        residual=("additive", 3.41),
        soft={"age_years": (0.08, 12), "weight_kg": (3.3, 65)},
        hard={"age_years": (1, None), "weight_kg": (None, 40)},
        assume={},
        assay=("EMIT", 3.5, 30),
    ),
    "chen-2021": Expected(
        doi="10.3389/fphar.2021.647232",
        grade="B+",
        borrowed_from="tuberous sclerosis",
        subjects=80,
        concentrations=188,
        cl=8.59,
        v=294,
        ka=0.485,
        effects={("cl", "weight_kg"): (70, 0.75), ("v", "weight_kg"): (70, 1), ("cl", "oxcarbazepine"): (1.16,)},
        varying=("cl",),
        covariance=((0.175**2,),),
        residual=("additive", 1.913),
        soft={"age_years": (0.61, 16.6), "weight_kg": (8, 68)},
        hard=ONE_YEAR,
        assume={},
        assay=("EMIT", None, None),
    ),
    "chen-2020": Expected(
        doi="10.1177/0300060520947627",
        grade="B+",
        borrowed_from="kaposiform haemangioendothelioma",
        subjects=14,
        concentrations=None,
        cl=7.55,
        v=1840,
        ka=0.485,
        effects={
            ("cl", "weight_kg"): (70, 0.75),
            ("v", "weight_kg"): (70, 1),
            ("cl", "cyp3a5_star1_carrier"): (1.999,),
        },
        varying=("cl",),
        covariance=((0.348**2,),),
        residual=("proportional", 0.390),
        soft={"weight_kg": (5, 30)},
        hard=ONE_YEAR,
        assume={},
        assay=("EMIT", None, None),
    ),
}


def test_these_models_ship_and_no_other() -> None:
    assert set(model_ids()) == set(MODELS)


def effect_numbers(effect: object) -> tuple[float, ...]:
    if isinstance(effect, FactorEffect):
        return (effect.factor,)
    assert isinstance(effect, PowerEffect)
    return (effect.reference, effect.exponent)


def residual_number(residual: Residual) -> tuple[str, float]:
    if residual.kind == "proportional":
        return residual.kind, residual.proportional
    assert residual.kind == "additive"
    return residual.kind, residual.additive_ng_ml


@pytest.mark.parametrize("model_id", MODELS)
def test_a_model_says_what_its_paper_says(model_id: str) -> None:
    model, expected = load_model(model_id), MODELS[model_id]
    assert model.id == model_id
    assert model.citation is not None
    assert model.population is not None
    assert (model.citation.doi, model.citation.grade) == (expected.doi, expected.grade)
    assert model.citation.verified_against == "secondary transcription"
    assert model.citation.to_check
    assert model.population.borrowed_from == expected.borrowed_from
    assert (model.population.subjects, model.population.concentrations) == (expected.subjects, expected.concentrations)
    assert [model.parameters[name].value for name in ("cl", "v", "ka")] == [expected.cl, expected.v, expected.ka]
    assert [model.parameters[name].fixed for name in ("cl", "v", "ka")] == [False, False, True]
    assert {(e.on, e.covariate): effect_numbers(e) for e in model.covariates} == expected.effects
    assert model.omega.of == expected.varying
    for row, expected_row in zip(model.omega.covariance, expected.covariance, strict=True):
        assert row == pytest.approx(expected_row, rel=1e-12)
    assert residual_number(model.residual) == expected.residual
    assert model.earliest_sample_fraction == 0.8
    assert model.use == ("simulation" if model_id == "chen-2020" else "dosing")


@pytest.mark.parametrize("model_id", MODELS)
def test_a_model_is_limited_to_what_was_studied(model_id: str) -> None:
    model, expected = load_model(model_id), MODELS[model_id]
    limits = {limit.of: limit for limit in model.limits}
    assert len(limits) == len(model.limits)
    soft = {of: (x.soft_low, x.soft_high) for of, x in limits.items() if (x.soft_low, x.soft_high) != (None, None)}
    hard = {of: (x.hard_low, x.hard_high) for of, x in limits.items() if (x.hard_low, x.hard_high) != (None, None)}
    assert soft == expected.soft
    assert hard == expected.hard
    assert all(limits[of].reason for of in hard)
    assert {name: assumed.value for name, assumed in model.assume.items()} == expected.assume
    assert model.assay is not None
    assert model.assay.method.startswith(expected.assay[0])
    assert model.assay.immunoassay
    assert (model.assay.low_ng_ml, model.assay.high_ng_ml) == expected.assay[1:]


def test_what_a_paper_leaves_open_can_be_computed_the_other_way() -> None:
    cheng, mao = load_model("cheng-2020"), load_model("mao-2024")
    iiv = {ambiguity.id: ambiguity for ambiguity in cheng.ambiguities}["iiv-scale"]
    readings = [reading.omega.covariance for reading in iiv.readings if reading.omega]
    assert [covariance[0][0] for covariance in readings] == pytest.approx([0.26**2, 0.35**2], rel=1e-12)
    assert [covariance[1] for covariance in readings] == [(0, 0.0727), (0, 0.0727)]
    scale = {ambiguity.id: ambiguity for ambiguity in mao.ambiguities}["residual-scale"]
    assert [residual_number(r.residual) for r in scale.readings if r.residual] == [("proportional", 0.033)]
    assert "comedication" in {ambiguity.id for ambiguity in mao.ambiguities}
    assert "volume" in {ambiguity.id for ambiguity in load_model("chen-2020").ambiguities}


# Worked by hand from the published equations with 20 digits: model, covariates, CL/F (L/h), V/F (L).
TYPICAL = [
    ("cheng-2020", {"weight_kg": 28.5, "total_bilirubin_umol_l": 11.29}, 5.63, 144.16),
    ("cheng-2020", {"weight_kg": 20, "total_bilirubin_umol_l": 25}, 3.6569769360244067, 144.16),
    ("cheng-2020", {"weight_kg": 7, "total_bilirubin_umol_l": 11.29}, 2.7901977544202722, 144.16),
    ("mao-2024", {"hematocrit_percent": 28}, 9.3355921359246655, 496),
    ("mao-2024", {"hematocrit_percent": 46}, 5.9687920617738593, 496),
    ("fan-2024", {"weight_kg": 32}, 9.5234197877628559, 476.43130619928383),
    ("fan-2024", {"weight_kg": 8}, 1.7308488302889521, 50.426996898374926),
    ("chen-2021", {"weight_kg": 20, "oxcarbazepine": 0}, 3.3569288042459424, 84.0),
    ("chen-2021", {"weight_kg": 20, "oxcarbazepine": 1}, 3.8940374129252931, 84.0),
    ("chen-2020", {"weight_kg": 10, "cyp3a5_star1_carrier": 0}, 1.7543790058311832, 262.85714285714286),
    ("chen-2020", {"weight_kg": 10, "cyp3a5_star1_carrier": 1}, 3.5070036326565352, 262.85714285714286),
]


@pytest.mark.parametrize(("model_id", "covariates", "cl", "v"), TYPICAL)
def test_typical_values_at_stated_covariates(model_id: str, covariates: dict[str, float], cl: float, v: float) -> None:
    typical = load_model(model_id).typical(covariates)
    assert typical["cl"] == pytest.approx(cl, rel=1e-12)
    assert typical["v"] == pytest.approx(v, rel=1e-12)
    assert typical["ka"] == MODELS[model_id].ka


# ---------------------------------------------------------------------------------------------------------------------
# The protocols


class ExpectedProtocol(NamedTuple):
    """What a protocol's source says: window (ng/mL), ages (years), start phases and maintenance (mg), highest mg/d."""

    window: tuple[float, float] | None
    ages: tuple[float | None, float | None]
    subjects: int | None
    phases: list[tuple[float, float, float | None]]
    maintenance: tuple[float | None, float | None] | None
    highest: float | None
    level: str
    found_by: str


NO_DOSE = (None, None)
PROTOCOLS = {
    "ctd-itp-2024": ExpectedProtocol(
        (6, 15), (18, None), 12, [(0.5, 1, None)], NO_DOSE, 1, "4", "10.1093/rheumatology/kead160"
    ),
    "itp-2024-adult": ExpectedProtocol(
        (5, 15), (18, None), None, [(2, 4, None)], (1, 2), 4, "4", "10.1097/MBC.0000000000001303"
    ),
    "itp-2024-child": ExpectedProtocol(
        (5, 15), (None, 18), None, [(1, 2, None)], (0.5, 1), 2, "4", "10.1097/MBC.0000000000001303"
    ),
    "ctd-rtp-2025": ExpectedProtocol(None, (None, None), 13, [(1, 1, None)], None, 1, "4", "2025;42:494-501"),
    "mtor-consensus-2025": ExpectedProtocol(
        None, (None, None), None, [], None, None, "5", "10.13201/j.issn.1004-2806.2025.05.001"
    ),
    "ssci-nct03688191": ExpectedProtocol(
        (6, 15), (16, 80), None, [(2, 2, 3), (1, 1, None)], NO_DOSE, 2, "4", "NCT03688191"
    ),
    "cheng-2020-child": ExpectedProtocol((5, 15), (1, 15), 27, [], NO_DOSE, 2, "4", "10.1177/2058738420934936"),
    "itp-dexamethasone-2024": ExpectedProtocol(
        (5, 15), (18, None), None, [(2, 2, None)], None, 2, "4", "10.1182/blood-2024-207041"
    ),
    "waiha-2023": ExpectedProtocol((4, 12), (18, None), None, [(1, 3, None)], None, 3, "4", "NCT05925023"),
}


def test_these_protocols_ship_and_no_other() -> None:
    assert set(protocol_ids()) == set(PROTOCOLS)


@pytest.mark.parametrize("protocol_id", PROTOCOLS)
def test_a_protocol_says_what_its_source_says(protocol_id: str) -> None:
    protocol, expected = load_protocol(protocol_id), PROTOCOLS[protocol_id]
    window, start, maintenance, population = protocol.window, protocol.start, protocol.maintenance, protocol.population
    assert protocol.id == protocol_id
    assert ((window.low_ng_ml, window.high_ng_ml) if window else None) == expected.window
    assert (population.age_low_years, population.age_high_years) == expected.ages
    assert population.subjects == expected.subjects
    assert [(p.low_mg, p.high_mg, p.days) for p in (start.phases if start else ())] == expected.phases
    assert ((maintenance.low_mg, maintenance.high_mg) if maintenance else None) == expected.maintenance
    assert (protocol.studied.highest_daily_dose_mg if protocol.studied else None) == expected.highest
    assert protocol.citation.oxford_level == expected.level
    assert protocol.citation.to_check
    cited = protocol.citation
    assert expected.found_by in (cited.doi, *cited.identifiers) or expected.found_by in cited.reference


@pytest.mark.parametrize("protocol_id", PROTOCOLS)
def test_each_protocol_says_once_that_no_assay_is_known_behind_its_window(protocol_id: str) -> None:
    text = (SEEDS / "protocols" / f"{protocol_id}.toml").read_text(encoding="utf-8")
    assert text.count("No protocol's source states the assay behind its window.") == 1


@pytest.mark.parametrize("protocol_id", [name for name, expected in PROTOCOLS.items() if expected.window is None])
def test_a_protocol_without_a_window_names_sisters_that_have_one(protocol_id: str) -> None:
    sisters = load_protocol(protocol_id).sister_protocols
    assert sisters
    assert all(load_protocol(sister).window is not None for sister in sisters)


# Cheng 2020, Table 4: initial daily dose (mg) in the weight bands 5-15, 15-25, 25-35, 35-45 kg.
CHENG_TABLE_4 = {"3.42-20.50": (0.75, 1.5, 1.75, 2.0), "> 20.50": (0.5, 0.75, 1.0, 1.5)}


def cheng_start_doses(weight_kg: float, bilirubin_umol_l: float) -> list[float]:
    start = load_protocol("cheng-2020-child").start
    assert start is not None
    return [row.dose_mg for row in start.table if row.covers(weight_kg, bilirubin_umol_l)]


@pytest.mark.parametrize(("bilirubin", "doses"), [(11.29, "3.42-20.50"), (20.50, "3.42-20.50"), (20.51, "> 20.50")])
def test_the_start_table_of_cheng_covers_each_patient_once(bilirubin: float, doses: str) -> None:
    for band, dose in enumerate(CHENG_TABLE_4[doses]):
        for weight in (5 + 10 * band, 10 + 10 * band, 14.99 + 10 * band):
            assert cheng_start_doses(weight, bilirubin) == [dose]
    assert cheng_start_doses(4.99, bilirubin) == []
    assert cheng_start_doses(45, bilirubin) == []


def test_conflicts_are_carried_by_the_protocol_that_they_concern() -> None:
    assert any("27 kg (1 mg) or 10 kg (0.5 mg)" in text for text in load_protocol("itp-2024-child").conflicts)
    assert any("3.6 / 5.0 / 6.1 ng/mL" in text for text in load_protocol("ctd-itp-2024").conflicts)
    assert any("4-15" in text for text in load_protocol("waiha-2023").conflicts)


# ---------------------------------------------------------------------------------------------------------------------
# The label and the choice of a model

LABEL = {
    "adjust_after_days_low": (7, "d"),
    "adjust_after_days_high": (14, "d"),
    "loading_factor": (3, "1"),
    "check_after_load_days_low": (3, "d"),
    "check_after_load_days_high": (4, "d"),
    "most_mg_on_any_day": (40, "mg"),
    "split_load_over_days": (2, "d"),
    "lam_start_mg_per_day": (2, "mg/d"),
    "lam_first_level_days_low": (10, "d"),
    "lam_first_level_days_high": (20, "d"),
    "lam_window_low_ng_ml": (5, "ng/mL"),
    "lam_window_high_ng_ml": (15, "ng/mL"),
    "lam_level_every_months": (3, "month"),
    "hepatic_mild_reduction": (1 / 3, "1"),
    "hepatic_moderate_reduction": (1 / 3, "1"),
    "hepatic_severe_reduction": (1 / 2, "1"),
    "hepatic_mild_clearance_change_percent": (-31.8, "%"),
    "hepatic_moderate_clearance_change_percent": (-36.0, "%"),
    "hepatic_severe_clearance_change_percent": (-67, "%"),
    "hepatic_severe_half_life_change_percent": (168, "%"),
    "hepatic_severe_advised_change_percent": (-60, "%"),
    "small_patient_below_kg": (40, "kg"),
    "small_patient_load_mg_per_m2": (3, "mg/m2"),
    "small_patient_maintenance_mg_per_m2_per_day": (1, "mg/m2/d"),
    "tablet_strength_small_mg": (0.5, "mg"),
    "tablet_strength_medium_mg": (1, "mg"),
    "tablet_strength_large_mg": (2, "mg"),
    "solution_mg_per_ml": (1, "mg/mL"),
    "solution_equals_tablet_at_mg": (2, "mg"),
    "high_fat_meal_auc_change_percent_solution": (35, "%"),
    "high_fat_meal_auc_change_percent_tablet": (23, "%"),
    "hours_after_ciclosporin": (4, "h"),
    "half_life_patients_h": (62, "h"),
    "half_life_patients_sd_h": (16, "h"),
    "half_life_healthy_h": (82, "h"),
    "half_life_healthy_sd_h": (12, "h"),
    "molar_mass_g_per_mol": (914.187, "g/mol"),
    "nmol_per_l_per_ng_ml": (1.0939, "nmol/L"),
    "ug_per_l_per_ng_ml": (1, "ug/L"),
    "cmia_bias_low_percent": (14, "%"),
    "cmia_bias_high_percent": (39, "%"),
    "cmia_long_term_bias_percent": (21.9, "%"),
    "cmia_long_term_bias_sd_percent": (12.3, "%"),
    "eclia_slope": (1.05, "1"),
    "eclia_intercept_ng_ml": (0.154, "ng/mL"),
    "dimension_slope": (1.20, "1"),
    "dimension_intercept_ng_ml": (-0.70, "ng/mL"),
    "lower_limit_cmia_low_ng_ml": (1.5, "ng/mL"),
    "lower_limit_cmia_high_ng_ml": (2, "ng/mL"),
    "lower_limit_eclia_ng_ml": (1.5, "ng/mL"),
    "lower_limit_dimension_ng_ml": (2.0, "ng/mL"),
    "lower_limit_emit_ng_ml": (3.5, "ng/mL"),
    "alert_above_ng_ml": (15, "ng/mL"),
    "critical_above_ng_ml": (20, "ng/mL"),
    "contraception_weeks_after_stop": (12, "wk"),
    "monitor_every_months": (1, "month"),
}


def test_the_label_says_what_its_sources_say() -> None:
    label = load_label()
    assert {name: (number.value, number.unit) for name, number in label.numbers.items()} == LABEL
    assert all(number.meaning for number in label.numbers.values())
    secondary = {name for name, number in label.numbers.items() if number.grade == "secondary"}
    assert secondary == {name for name in LABEL if re.match(r"hepatic_\w+_reduction|small_patient", name)}


def test_the_molar_factor_follows_from_the_molar_mass() -> None:
    label = load_label()
    assert label.number("nmol_per_l_per_ng_ml") == round(1000 / label.number("molar_mass_g_per_mol"), 4)


# Age (years), weight (kg), model.
DEFAULTS = [
    (0.99, 9, None),
    (1, 9, "cheng-2020"),
    (15.99, 43, "cheng-2020"),
    (15.99, 43.1, "chen-2021"),
    (16, 40, "chen-2021"),
    (17.99, 90, "chen-2021"),
    (18, 40, "mao-2024"),
    (90, 60, "mao-2024"),
]


@pytest.mark.parametrize(("age", "weight", "model_id"), DEFAULTS)
def test_the_patient_decides_the_model(age: float, weight: float, model_id: str | None) -> None:
    defaults = load_defaults()
    suiting = [row.model for row in defaults.rows if row.suits(age, weight)]
    assert (suiting[0] if suiting else None) == model_id
    assert (age < defaults.youngest_years) == (model_id is None)
    assert load_model(model_id).use == "dosing" if model_id else True


def test_the_youngest_age_of_the_defaults_is_that_of_every_model() -> None:
    youngest = {limit.hard_low for m in MODELS for limit in load_model(m).limits if limit.of == "age_years"}
    assert youngest == {load_defaults().youngest_years}
    assert "Lee 2017" in load_defaults().youngest_reason


# ---------------------------------------------------------------------------------------------------------------------
# Provenance, generically

# Numbers of these nouns stand under the grade of the citation of the file.
UNDER_THE_CITATION = ("/population/", "/assay/")
# Rules of this project, explained beside the number: in the comment above it, in `youngest_reason`.
RULES_OF_THE_PROJECT = ("/earliest_sample_fraction", "/youngest_years")


def numbers(node: object, path: str = "", told: Sourced | None = None) -> Iterator[tuple[str, Sourced | None]]:
    """Yield the path of every number in a validated object with the nearest table around it that has a source."""
    if isinstance(node, Sourced):
        told = node
    if isinstance(node, BaseModel):
        node = {name: getattr(node, name) for name in type(node).model_fields}
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from numbers(value, f"{path}/{key}", told)
    elif isinstance(node, tuple):
        for index, value in enumerate(node):
            yield from numbers(value, f"{path}/{index}", told)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield path, told


def all_seeds() -> dict[str, BaseModel]:
    return {
        **{f"models/{name}": load_model(name) for name in model_ids()},
        **{f"protocols/{name}": load_protocol(name) for name in protocol_ids()},
        "label": load_label(),
        "defaults": load_defaults(),
    }


@pytest.mark.parametrize("name", all_seeds())
def test_every_number_has_a_source_and_a_grade(name: str) -> None:
    seed = all_seeds()[name]
    citation = getattr(seed, "citation", None)
    for path, told in numbers(seed):
        if path in RULES_OF_THE_PROJECT:
            continue
        if path.startswith(UNDER_THE_CITATION):
            assert isinstance(citation, Citation), path
            continue
        assert told is not None, path
        assert told.source, path
        assert told.grade in GRADES, path


def test_the_walk_over_the_numbers_sees_them_all() -> None:
    # cheng-2020: 2 counts, 3 parameters, 2 x 2 of effects, 4 of omega, 1 residual, 7 of limits, 1 assumed, 0.8, 2 x 4
    paths = [path for path, _ in numbers(load_model("cheng-2020"))]
    assert len(paths) == len(set(paths)) == 31


@pytest.mark.parametrize("name", [name for name in all_seeds() if name != "defaults"])
def test_every_file_bears_a_level_of_evidence_and_says_from_what(name: str) -> None:
    citation: Citation | None = getattr(all_seeds()[name], "citation", None)
    assert citation is not None
    assert citation.oxford_level in OXFORD_LEVELS
    assert citation.oxford_basis.startswith("assigned by this project")
    assert set(citation.grade.split(" + ")) <= GRADES
    assert citation.reference
    assert citation.verified_against


@pytest.mark.parametrize("model_id", MODELS)
def test_the_earliest_sample_is_explained_where_it_stands(model_id: str) -> None:
    text = (SEEDS / "models" / f"{model_id}.toml").read_text(encoding="utf-8")
    assert re.search(r"# .*less than 80 % of the dosing interval[^=]*\nearliest_sample_fraction = 0\.8\n", text)


# ---------------------------------------------------------------------------------------------------------------------
# A file of one's own: the README's examples, and what is refused

OWN_MODEL = README_MODEL + (
    '\n[[limits]]\nof = "weight_kg"\nsoft_low = 40\nsoft_high = 120\n\n[assume.hematocrit_percent]\nvalue = 38\n'
    '\n[[limits]]\nof = "hematocrit_percent"\nsoft_low = 20\nsoft_high = 50\n'
)
OWN_PROTOCOL = README_PROTOCOL


def test_the_models_of_the_readme_load() -> None:
    for text in (README_MODEL, OWN_MODEL):
        model = model_from_toml(text)
        assert model.typical({"weight_kg": 70}) == {"cl": 7.1, "v": 500, "ka": 0.75}
    assert model_from_toml(OWN_MODEL.encode()) == model_from_toml(OWN_MODEL)


def test_the_protocol_of_the_readme_loads() -> None:
    protocol = protocol_from_toml(OWN_PROTOCOL)
    assert str(protocol.window) == "5-15 ng/mL"


# What the slips below change, and where they are reported.
ID, WEIGHT, ASSUMED = 'id = "site-2026"', 'covariate = "weight_kg"', "[assume.hematocrit_percent]"
STUDIED = "soft_low = 40\nsoft_high = 120"
OMEGA, COVARIATE = "/omega/covariance", "/covariates/0/covariate"
EFFECT_AGAIN = (
    '[[covariates]]\non = "cl"\ncovariate = "weight_kg"\neffect = "exponential"\nreference = 70\ncoefficient = 0.01\n\n'
)
NOT_DEFINITE, UNKNOWN = "omega_not_positive_definite", "unknown_covariate"

MODEL_SLIPS = {
    "omega not positive definite": ("[0.09, 0.03], [0.03", "[0.09, 0.13], [0.13", NOT_DEFINITE, OMEGA),
    "omega with a variance of 0": ("[0.09, 0.03], [0.03", "[0.0, 0.0], [0.0", "out_of_range", OMEGA),
    "omega in percent": ("[0.09, 0.03], [0.03", "[30.0, 0.03], [0.03", "out_of_range", OMEGA),
    "effect twice": ("[omega]", EFFECT_AGAIN + "[omega]", "given_twice", "/covariates/1"),
    "omega not symmetric": ("[0.03, 0.16]", "[0.02, 0.16]", NOT_DEFINITE, OMEGA),
    "omega with a row too few": ("[[0.09, 0.03], [0.03, 0.16]]", "[[0.09, 0.03]]", "omega_shape", OMEGA),
    "omega with a ragged row": ("[0.03, 0.16]", "[0.16]", "omega_shape", OMEGA),
    "omega of a parameter twice": ('of = ["cl", "v"]', 'of = ["cl", "cl"]', "omega_names_twice", "/omega/of"),
    "omega of an unknown parameter": ('of = ["cl", "v"]', 'of = ["cl", "q"]', "unknown_value", "/omega/of/1"),
    "omega of nothing": ('of = ["cl", "v"]', "of = []", "too_few", "/omega/of"),
    "default outside limits": ("value = 38", "value = 0.38", "default_outside_limits", "/assume/hematocrit_percent"),
    "weight assumed": (ASSUMED, "[assume.weight_kg]", "never_assumed", "/assume/weight_kg"),
    "age assumed": (ASSUMED, "[assume.age_years]", "never_assumed", "/assume/age_years"),
    "unknown covariate assumed": (ASSUMED, "[assume.albumin]", UNKNOWN, "/assume/albumin"),
    "clearance in L/min": ("value = 7.1", "value = 0.118", "half_life_implausible", "/parameters"),
    "volume in mL": ("value = 500", "value = 500000", "half_life_implausible", "/parameters"),
    "unit of another quantity": ('unit = "L/h"', 'unit = "mL/min"', "unknown_unit", "/parameters/cl/unit"),
    "unknown covariate": (WEIGHT, 'covariate = "weight"', UNKNOWN, COVARIATE),
    "yes/no covariate in a power": (WEIGHT, 'covariate = "oxcarbazepine"', UNKNOWN, COVARIATE),
    "unknown effect": ('effect = "power"', 'effect = "spline"', "unknown_value", "/covariates/0/effect"),
    "reference missing": ("reference = 70\n", "", "missing_field", "/covariates/0/reference"),
    "reference of 0": ("reference = 70", "reference = 0", "out_of_range", "/covariates/0/reference"),
    "limits reversed": (STUDIED, "soft_low = 120\nsoft_high = 40", "limits_reversed", "/limits/0/soft_low"),
    "hard limits reversed": (STUDIED, "hard_low = 120\nhard_high = 40", "limits_reversed", "/limits/0/hard_low"),
    "limits of an unknown quantity": ('of = "weight_kg"', 'of = "mass"', UNKNOWN, "/limits/0/of"),
    "unknown key": (ID, ID + "\nclearence = 7", "unknown_field", "/clearence"),
    "unknown key inside a table": ("fixed = true", "fixd = true", "unknown_field", "/parameters/ka/fixd"),
    "unknown parameter": ("ka = {", "kel = {", "unknown_value", "/parameters/kel"),
    "parameter missing": ('ka = { value = 0.75, unit = "1/h", fixed = true }\n', "", "missing_field", "/parameters/ka"),
    "unknown residual": ('kind = "combined"', 'kind = "poisson"', "unknown_value", "/residual/kind"),
    "residual of two kinds": ('kind = "combined"', 'kind = "additive"', "unknown_field", "/residual/proportional"),
    "residual in percent": ("proportional = 0.2", "proportional = 20", "out_of_range", "/residual/proportional"),
    "TOML syntax": ("[omega]", "[omega", "not_toml", ""),
    "key given twice": ("reference = 70", "reference = 70\nreference = 60", "not_toml", ""),
    "table given twice": ("[residual]", "[omega]\n[residual]", "not_toml", ""),
    "not a number": ("value = 7.1", "value = nan", "not_finite", "/parameters/cl/value"),
    "infinite": ("value = 500", "value = inf", "not_finite", "/parameters/v/value"),
    "not a number in omega": ("[0.03, 0.16]", "[nan, 0.16]", "not_finite", "/omega/covariance/1/0"),
    "overflow": ("value = 500", "value = 1e999", "not_finite", "/parameters/v/value"),
    "a text for a number": ("value = 7.1", 'value = "7.1"', "not_a_number", "/parameters/cl/value"),
    "yes for a number": ("value = 7.1", "value = true", "not_a_number", "/parameters/cl/value"),
    "a negative clearance": ("value = 7.1", "value = -7.1", "out_of_range", "/parameters/cl/value"),
    "another drug": (ID, ID + '\ndrug = "tacrolimus"', "unknown_value", "/drug"),
    "another structure": (ID, ID + '\nstructure = "two-compartment"', "unknown_value", "/structure"),
    "an id that is a path": (ID, 'id = "../site"', "bad_id", "/id"),
}  # fmt: skip

AGES = "/population/age_low_years"

PROTOCOL_SLIPS = {
    "window reversed": ("low_ng_ml = 5", "low_ng_ml = 16", "window_reversed", "/window/low_ng_ml"),
    "window of nothing": ("low_ng_ml = 5", "low_ng_ml = 15", "window_reversed", "/window/low_ng_ml"),
    "window in ng/L": ("high_ng_ml = 15", "high_ng_ml = 15000", "out_of_range", "/window/high_ng_ml"),
    "neither window nor sister protocols": (
        "[window]\nlow_ng_ml = 5\nhigh_ng_ml = 15\n", "", "missing_field", "/sister_protocols"
    ),
    "doses reversed": ("low_mg = 2", "low_mg = 3", "ends_reversed", "/start/phases/0/low_mg"),
    "a dose of 0": ("daily_dose_mg = 2", "daily_dose_mg = 0", "out_of_range", "/studied/highest_daily_dose_mg"),
    "ages reversed": ("age_low_years = 18", "age_low_years = 18\nage_high_years = 8", "ends_reversed", AGES),
    "no citation": ("[citation]", "[quotation]", "missing_field", "/citation"),
    "a level of another scale": ('oxford_level = "5"', 'oxford_level = "C"', "unknown_value", "/citation/oxford_level"),
    "unknown key": ("age_low_years = 18", "age_from = 18", "unknown_field", "/population/age_from"),
    "not a number": ("low_ng_ml = 5", "low_ng_ml = nan", "not_finite", "/window/low_ng_ml"),
    "infinite": ("high_ng_ml = 15", "high_ng_ml = inf", "not_finite", "/window/high_ng_ml"),
    "TOML syntax": ("[start]", "[start", "not_toml", ""),
    "key given twice": ("low_ng_ml = 5", "low_ng_ml = 5\nlow_ng_ml = 6", "not_toml", ""),
}  # fmt: skip


def refusal(read: Callable[[str], BaseModel], text: str) -> set[tuple[str, str]]:
    with pytest.raises(Refused) as refused:
        read(text)
    assert all(problem.message for problem in refused.value.problems)
    return {(problem.code, problem.pointer) for problem in refused.value.problems}


@pytest.mark.parametrize("slip", MODEL_SLIPS)
def test_a_slip_in_a_model_is_refused_with_its_place(slip: str) -> None:
    old, new, code, pointer = MODEL_SLIPS[slip]
    assert OWN_MODEL.count(old) >= 1
    assert (code, pointer) in refusal(model_from_toml, OWN_MODEL.replace(old, new, 1))


@pytest.mark.parametrize("slip", PROTOCOL_SLIPS)
def test_a_slip_in_a_protocol_is_refused_with_its_place(slip: str) -> None:
    old, new, code, pointer = PROTOCOL_SLIPS[slip]
    assert OWN_PROTOCOL.count(old) >= 1
    assert (code, pointer) in refusal(protocol_from_toml, OWN_PROTOCOL.replace(old, new, 1))


def test_slips_are_reported_together() -> None:
    text = OWN_MODEL.replace('unit = "L/h"', 'unit = "mL/min"').replace('covariate = "weight_kg"', 'covariate = "mass"')
    assert refusal(model_from_toml, text) == {
        ("unknown_unit", "/parameters/cl/unit"),
        ("unknown_covariate", "/covariates/0/covariate"),
    }


@pytest.mark.parametrize("seed_id", ["jiao-2009", "../label", "", "CHENG-2020"])
def test_an_unknown_seed_is_refused_with_the_known_ones(seed_id: str) -> None:
    for load, known in ((load_model, model_ids()), (load_protocol, protocol_ids())):
        with pytest.raises(Refused) as refused:
            load(seed_id)
        assert refused.value.problems[0].code in ("unknown_model", "unknown_protocol")
        assert refused.value.problems[0].accepted == ", ".join(known)


def test_the_readme_names_the_whole_vocabulary() -> None:
    covariates = (*NUMERIC_COVARIATES, *YES_NO_COVARIATES, *COMEDICATION_COVARIATES)
    effects = ("power", "exponential", "linear", "factor")
    residuals = ("proportional", "additive", "combined", "log-normal")
    fields = (*PopulationModel.model_fields, *Protocol.model_fields)
    for word in (*covariates, *effects, *residuals, *fields, *OXFORD_LEVELS, *GRADES):
        assert re.search(rf"[`\"/\[ ]{re.escape(word)}[`\"\].\s]", README), word
    for _, _, code, _ in (*MODEL_SLIPS.values(), *PROTOCOL_SLIPS.values()):
        assert f"`{code}`" in README, code


def test_the_effects_are_what_the_readme_says() -> None:
    # at a weight of 80 kg, on a clearance of 7.1 L/h with reference 70 kg; worked by hand
    expected = {
        'effect = "power"\nreference = 70\nexponent = 0.75': 7.1 * (80 / 70) ** 0.75,
        'effect = "exponential"\nreference = 70\ncoefficient = 0.01': 7.1 * math.exp(0.1),
        'effect = "linear"\nreference = 70\ncoefficient = 0.01': 7.1 * 1.1,
    }
    for effect, clearance in expected.items():
        text = README_MODEL.replace('effect = "power"\nreference = 70\nexponent = 0.75', effect)
        assert model_from_toml(text).typical({"weight_kg": 80})["cl"] == pytest.approx(clearance, rel=1e-12)
