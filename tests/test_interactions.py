"""Interactions: published ratios come back, one patient explains levels before, on and after a drug, and what is said.

Oracles: the differential equations (tests/oracles/ode.py), a dense grid over the random effects with a likelihood of
its own, and the published ratios typed in here. Times in h, doses in mg, levels in ng/mL, ratios without unit.
"""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm

import tdm
from tdm.inference.likelihood import objective, objective_with_slopes
from tdm.knowledge.seeds import load_interactions
from tdm.patient.drug_effects import Interaction
from tdm.patient.estimate import concentrations_at, individual
from tdm.patient.timeline import Spell
from tests.bedside import Json, adult, answer, codes, findings, level, option, run, site_model
from tests.oracles import ode

# AUC ratio, its 90 % interval, Cmax ratio, as published (sources: seeds/interactions.toml).
PUBLISHED: dict[str, tuple[float, tuple[float, float] | None, float | None]] = {
    "ketoconazole": (10.9, None, 4.0),
    "voriconazole": (11.0, (9.9, 12.6), 7.0),
    "posaconazole": (9.0, None, 7.0),
    "letermovir": (3.4, None, 2.8),
    "isavuconazole": (2.0, None, None),
    "diltiazem": (1.6, (1.35, 1.9), 1.43),
    "micafungin": (1.21, None, None),
    "grapefruit": (4.5, None, None),
    "rifampicin": (0.18, (0.16, 0.21), 0.29),
}
WITHOUT_RATIO = [
    *("fluconazole", "erythromycin", "ciclosporin", "cannabidiol", "nirmatrelvir-ritonavir", "oxcarbazepine"),
    *("phenytoin", "carbamazepine", "phenobarbital", "rifabutin", "rifapentine", "st-johns-wort", "clarithromycin"),
    *("itraconazole", "clotrimazole", "telithromycin", "verapamil", "nicardipine", "danazol", "cimetidine"),
    *("bromocriptine", "metoclopramide", "protease-inhibitors", "wuzhi"),
]
WITHOUT_EFFECT = ["prednisone", "mycophenolate", "amlodipine", "esomeprazole", "tacrolimus"]
Stretch = tuple[float, float, float, float]
LONG_AGO = -4000.0
EFFECTS = ("cl", "v", "ka")
each_drug = pytest.mark.parametrize("drug", sorted(PUBLISHED))


def on(name: str, start: float = LONG_AGO, stop: float | None = None) -> Json:
    return {"name": name, "start": start} | ({} if stop is None else {"stop": stop})


def patient_on(*drugs: Json, **changes: Any) -> Json:
    return adult(**{"doses": [run(2, 40)], "comedications": list(drugs), "now": 960.0, "levels": []} | changes)


def typical(case: Json) -> tuple[float, float, float]:
    """Apparent clearance (L/h), volume (L) and half-life (h) of the typical patient at `now`."""
    one = answer(case).individual
    return one.clearance_l_per_h.typical, one.volume_l.typical, one.half_life_h.typical


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_seed_file_has_every_published_row_and_no_other() -> None:
    drugs = {drug.id: drug for drug in load_interactions().drugs}
    assert set(drugs) == {*PUBLISHED, *WITHOUT_RATIO, *WITHOUT_EFFECT}
    for name, (auc, interval, cmax) in PUBLISHED.items():
        found = drugs[name]
        assert found.auc is not None
        assert found.auc.value == auc
        assert (found.auc.low, found.auc.high) == (interval or (None, None))
        assert (found.cmax.value if found.cmax else None) == cmax
    for name in (*WITHOUT_RATIO, *WITHOUT_EFFECT):
        assert drugs[name].auc is None
        assert (drugs[name].effect == "none") == (name in WITHOUT_EFFECT)
    assert all(drug.source and drug.grade and drug.handling for drug in drugs.values())


def test_every_alias_is_one_drug() -> None:
    known = load_interactions()
    for drug in known.drugs:
        for name in drug.names:
            for written in (name, name.upper(), f" {name} ", name.replace(" ", "-")):
                assert known.named(written) is drug, written


@pytest.mark.parametrize("written", ["oxcarbazepine", "Trileptal", "奥卡西平", "N03AF02", " OxCarbazepine"])
def test_a_covariate_of_the_model_goes_by_every_name_of_the_drug(written: str) -> None:
    """chen-2021 has oxcarbazepine as a covariate: clearance x 1.16, and no interaction besides."""
    body = {"patient": {"weight_kg": 50.0, "age_years": 12.0}, "protocol": "cheng-2020-child", "model": "chen-2021"}
    case = body | {"doses": [run(2, 10)], "levels": [level(240.0, 6.0)], "now": 240.0}
    without, on_it = (answer(case | added) for added in ({}, {"comedications": [on(written, -100.0)]}))
    typical = [one.individual.clearance_l_per_h.typical for one in (without, on_it)]
    assert typical[1] / typical[0] == pytest.approx(1.16)
    assert "comedications.oxcarbazepine" in {one.field for one in without.basis.assumed}
    assert "comedications.oxcarbazepine" not in {one.field for one in on_it.basis.assumed}
    assert not [one for one in on_it.basis.ignored if one.pointer == "/comedications/0"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("vorikonazol", "voriconazole"), ("rifampicine", "rifampicin"), ("letermovirr", "letermovir")],
)
def test_an_unknown_name_is_ignored_with_near_misses(written: str, meant: str) -> None:
    case = patient_on(on(written))
    assert meant in findings(case)["comedication_not_modelled"].message
    assert "/comedications/0" in [one.pointer for one in answer(case).basis.ignored]
    assert answer(case).proposal == answer(patient_on()).proposal


# --- steady state -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@each_drug
def test_the_auc_ratio_comes_back_at_steady_state(drug: str) -> None:
    auc, _, cmax = PUBLISHED[drug]
    clearance, volume, half_life = typical(patient_on())
    clearance_on, volume_on, half_life_on = typical(patient_on(on(drug)))
    assert clearance / clearance_on == pytest.approx(auc, rel=1e-5)
    assert volume / volume_on == pytest.approx(cmax or auc, rel=1e-5)
    assert half_life_on / half_life == pytest.approx(auc / cmax if cmax else 1.0, rel=1e-5)


@each_drug
def test_the_mean_level_at_steady_state_rises_by_the_auc_ratio(drug: str) -> None:
    def mean_level(case: Json) -> float:
        estimate = tdm.estimate(tdm.read_case(case))
        times = 3960.0 + np.linspace(0.001, 24.0, 4001)
        values = concentrations_at(estimate, np.zeros_like(estimate.modes.eta), times - LONG_AGO)[0]
        return float(trapezoid(values, times) / 24.0)

    doses = [run(1, 360, start=LONG_AGO + 1.0)]
    on_it = patient_on(on(drug), doses=doses, now=4600.0)
    off_it = patient_on(on("prednisone"), doses=doses, now=4600.0)
    assert mean_level(on_it) / mean_level(off_it) == pytest.approx(PUBLISHED[drug][0], rel=2e-3)


def test_a_drug_that_is_a_covariate_of_the_model_is_not_applied_twice() -> None:
    case = adult(
        patient={"weight_kg": 50.0, "age_years": 12.0},
        protocol="itp-2024-child",
        model="chen-2021",
        doses=[run(2, 40)],
        now=960.0,
        comedications=[on("oxcarbazepine")],
    )
    plain = adult(**{**case, "comedications": []})
    assert typical(case)[0] / typical(plain)[0] == pytest.approx(1.16, rel=1e-5)
    assert not {code for code in codes(case) if code.startswith("drug_")}


@pytest.mark.parametrize("drug", ["clarithromycin", "phenytoin", "fluconazole"])
def test_a_drug_without_a_ratio_widens_the_answer_and_does_not_move_it(drug: str) -> None:
    without, with_it = (option(patient_on(*drugs), [2.0]) for drugs in ((), (on(drug),)))
    assert with_it.trough_ng_ml.median == pytest.approx(without.trough_ng_ml.median, rel=0.01)
    ratio = [math.log(one.trough_ng_ml.p95 / one.trough_ng_ml.p05) / 3.29 for one in (without, with_it)]
    assert ratio[1] == pytest.approx(math.hypot(ratio[0], 0.6), rel=0.03)
    assert "drug_without_ratio" in codes(patient_on(on(drug)))


@pytest.mark.parametrize("drug", WITHOUT_EFFECT)
def test_a_drug_without_an_effect_changes_nothing(drug: str) -> None:
    assert answer(patient_on(on(drug))).options == answer(patient_on()).options


# --- in time ----------------------------------------------------------------------------------------------------------


def induced(hours: float, start: float, stop: float) -> float:
    """The part of full induction: half of what is left to go comes every 84 h, and goes as fast."""
    if hours <= start:
        return 0.0
    reached = 1.0 - 0.5 ** ((min(hours, stop) - start) / 84.0)
    return float(reached if hours <= stop else reached * 0.5 ** ((hours - stop) / 84.0))


def pieces_by_hand(drug: str, start: float, stop: float, cl: float, v: float) -> list[Stretch]:
    """(start h, CL L/h, V L, part) for each stretch of time in which the drug's effect is one number."""
    if drug != "rifampicin":
        return [(-math.inf, cl, v, 0.0), (start, cl, v, 1.0), (stop, cl, v, 0.0)]
    waits = [-84.0 * math.log2(1.0 - number / 8.0) for number in range(8)]
    steps = [start + wait for wait in waits] + [stop + wait for wait in waits]
    come = [*((number + 0.5) / 8.0 for number in range(7)), 1.0]
    parts = [0.0, *come, *(induced(stop, start, stop) * (1.0 - part) for part in come)]
    auc, _, cmax = PUBLISHED[drug]
    assert cmax is not None
    return [(time, cl * (cmax / auc) ** part, v, part) for time, part in zip([-math.inf, *steps], parts, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize(("drug", "start", "stop"), [("voriconazole", 250.0, 500.0), ("rifampicin", 200.0, 700.0)])
def test_levels_before_on_and_after_a_drug_are_those_of_the_differential_equations(
    drug: str, start: float, stop: float
) -> None:
    times = [100.0, 249.0, 260.0, 310.5, 499.0, 505.0, 600.0, 750.0, 950.0]
    case = patient_on(on(drug, start, stop), levels=[level(time, 8.0) for time in (100.0, 480.0, 900.0)])
    estimate = tdm.estimate(tdm.read_case(case))
    eta = np.array([[0.2, -0.3, 0.15]])
    auc, _, cmax = PUBLISHED[drug]
    assert cmax is not None
    cl, v = 7.09 * math.exp(0.2), 496.0 * math.exp(-0.3)
    stretches = pieces_by_hand(drug, start, stop, cl, v)
    if drug != "rifampicin":
        stretches = [(time, own * (cmax / auc) ** part, volume, part) for time, own, volume, part in stretches]

    def part_at(hours: float) -> float:
        return next(part for time, _, _, part in reversed(stretches) if time <= hours)

    doses = [(hours, 2.0 * (cmax * math.exp(0.15)) ** part_at(hours)) for hours in np.arange(0.0, 960.0, 24.0).tolist()]
    pieces = [(time, own, volume, 0.75) for time, own, volume, _ in stretches]
    expected = [ode.concentration(doses, pieces, hours) for hours in times]
    assert concentrations_at(estimate, eta, np.array(times))[0] == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("drug", ["voriconazole", "rifampicin", "clarithromycin"])
def test_the_gradient_is_that_of_the_objective(drug: str) -> None:
    case = patient_on(
        on(drug, 250.0, 500.0), on("diltiazem", 300.0), levels=[level(time, 8.0) for time in (240.0, 480.0, 900.0)]
    )
    cohort = tdm.estimate(tdm.read_case(case)).cohort
    eta = np.array([[0.3, -0.2, 0.4, -0.1]])
    _, gradient, _ = objective_with_slopes(cohort, eta)
    for place in range(4):
        step = np.zeros_like(eta)
        step[0, place] = 1e-5
        numeric = (objective(cohort, eta + step) - objective(cohort, eta - step)) / 2e-5
        assert gradient[0, place] == pytest.approx(numeric[0], rel=1e-6, abs=1e-6)


def test_the_posterior_is_that_of_a_dense_grid() -> None:
    """mao-2024 by hand: CL 7.09 (SD 0.324), V 496 (SD 0.427), residual 18.2 %; voriconazole's SD from its interval."""
    case = patient_on(
        on("voriconazole", 480.0), levels=[level(480.0, 9.0), level(720.0, 60.0)], now=720.0, doses=[run(2, 30)]
    )
    estimate = tdm.estimate(tdm.read_case(case))
    model, sd_f = estimate.model, math.log(12.6 / 9.9) / (2 * 1.6448536269514722)
    omega = np.zeros((3, 3))
    omega[:2, :2] = np.array(model.omega.covariance)
    omega[2, 2] = sd_f**2
    axes = [np.linspace(-5.0, 5.0, 61) * math.sqrt(omega[i, i]) for i in range(3)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    cl, v, ka = 7.09 * np.exp(grid[:, 0]), 496.0 * np.exp(grid[:, 1]), 0.75
    f, k_on = 7.0 * np.exp(grid[:, 2]), cl * 7.0 / 11.0 / v
    k = cl / v

    def left(elapsed: float, rate: Any) -> Any:
        return ka / (ka - rate) * (np.exp(-rate * elapsed) - np.exp(-ka * elapsed))

    before = sum(2.0 * left(480.0 - 24.0 * number, k) for number in range(20))
    depot = sum(2.0 * np.exp(-ka * (480.0 - 24.0 * number)) for number in range(20))
    later = sum(2.0 * f * left(240.0 - 24.0 * number, k_on) for number in range(10))
    after = before * np.exp(-k_on * 240.0) + depot * left(240.0, k_on) + later
    predictions = 1000.0 * np.stack([before, after]) / v
    sd = model.residual.proportional * predictions  # type: ignore[union-attr]
    log_density = norm.logpdf(np.array([[9.0], [60.0]]), predictions, sd).sum(axis=0)
    log_density += -0.5 * np.einsum("ni,ij,nj->n", grid, np.linalg.inv(omega), grid)
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    for place in range(3):
        mean = float(weight @ grid[:, place])
        spread = math.sqrt(float(weight @ (grid[:, place] - mean) ** 2))
        draws, own = estimate.draws.eta[:, place], estimate.draws.weight
        own_mean = float(own @ draws)
        assert own_mean == pytest.approx(mean, abs=0.01 * math.sqrt(omega[place, place]))
        assert math.sqrt(float(own @ (draws - own_mean) ** 2)) == pytest.approx(spread, rel=0.01)


def test_a_level_on_the_drug_teaches_the_ratio_of_this_patient() -> None:
    for measured, sign in ((40.0, -1), (160.0, 1)):
        case = patient_on(
            on("isavuconazole", 480.0), levels=[level(480.0, 40.0 / 4.4), level(720.0, measured / 4.4)], now=720.0
        )
        eta = answer(case).fits[0].eta["f_isavuconazole"]
        assert sign * eta > 0.1
        assert individual(tdm.estimate(tdm.read_case(case)), np.zeros((1, 3))).f[0] == pytest.approx(2.0)


# --- what is decided --------------------------------------------------------------------------------------------------

BEFORE: Json = {"levels": [level(720.0, 7.5)], "doses": [run(2, 31)], "now": 720.0}


def test_a_drug_that_starts_tomorrow_is_what_the_proposal_is_for() -> None:
    found = answer(patient_on(on("voriconazole", 745.0), **BEFORE))
    assert found.decision == "decrease"
    assert found.proposal is not None
    assert found.proposal.daily_dose_mg <= 0.3
    assert found.proposal.start_at == 768.0, "the first dose that is due after the start"
    assert found.current is not None
    assert found.current.probability is not None
    assert found.current.probability.above > 0.99
    assert found.summary.startswith("Voriconazole is contraindicated with sirolimus.")
    assert found.next_level is not None
    assert 745.0 + 72.0 <= float(found.next_level.from_) <= float(found.next_level.to) <= 745.0 + 120.0  # type: ignore[arg-type]


def test_a_start_in_a_month_is_an_outlook_and_not_the_proposal() -> None:
    found = answer(patient_on(on("voriconazole", 1400.0), **BEFORE))
    assert found.decision == "keep"
    (ahead,) = found.ahead
    assert ahead.time == 1400.0
    assert ahead.unchanged.probability is not None
    assert ahead.unchanged.probability.above > 0.99
    assert ahead.then is not None
    assert ahead.then.daily_dose_mg <= 0.3


def test_a_planned_stop_is_answered_as_what_comes_after() -> None:
    taken = {"doses": [run(2, 15), run(0.5, 8, start=360.0, every_h=48.0)], "levels": [level(720.0, 12.0)]}
    found = answer(patient_on(on("voriconazole", 355.0, 1000.0), **{**BEFORE, **taken}))
    (ahead,) = found.ahead
    assert ahead.time == 1000.0
    assert ahead.then is not None
    assert found.proposal is not None
    assert ahead.then.daily_dose_mg > 4.0 * found.proposal.daily_dose_mg
    assert "change_ahead" in {one.code for one in found.findings}


def test_after_a_stop_the_level_is_measured_soon_and_then_weekly() -> None:
    def first(stop: float) -> float:
        found = answer(patient_on(on("letermovir", 100.0, stop), **BEFORE))
        assert found.next_level is not None
        return float(found.next_level.from_)  # type: ignore[arg-type]

    assert 700.0 + 72.0 <= first(700.0) <= 700.0 + 120.0
    assert first(720.0 - 14.0 * 24.0) - 720.0 == pytest.approx(7.0 * 24.0, abs=24.0)


def test_sparse_doses_and_the_solution_are_compared_where_little_is_needed() -> None:
    much, little = answer(patient_on(**BEFORE)), answer(patient_on(on("voriconazole", 721.0), **BEFORE))
    assert not any(one.regimen.every_h > 48.0 or "solution" in one.reason for one in much.options)
    assert any(one.regimen.every_h > 48.0 for one in little.options)
    assert any("solution" in one.reason for one in little.options)
    given = answer(patient_on(on("voriconazole", 721.0), product={"strengths_mg": [0.5, 1, 2]}, **BEFORE))
    assert not any("solution" in one.reason for one in given.options), "the product that was named is what there is"


def test_the_label_proportion_does_not_apply_across_a_drug_change() -> None:
    rule = answer(patient_on(on("diltiazem", 721.0), **BEFORE)).label_rule
    assert rule.daily_dose_mg is None
    assert rule.reason == "A drug that interacts was started or stopped after the last trough, or will be soon."


DATED: Json = {
    "patient": {"weight_kg": 60.0, "age_years": 45.0, "hematocrit_percent": 38.0},
    "protocol": "itp-2024-adult",
    "doses": [{"time": "2026-03-02T08:00", "dose_mg": 1.0, "every_h": 24, "count": 14}],
    "levels": [{"time": "2026-03-16T08:00", "level_ng_ml": 6.0, "assay": "lc-ms/ms"}],
}


def on_dates(offset: str = "", **drug: Any) -> tdm.Recommendation:
    """The answer with one drug, in a case with dates of an offset."""
    case = json.loads(json.dumps(DATED).replace(':00"', f':00{offset}"'))
    return answer({**case, "comedications": [{"name": "diltiazem", **drug}]})


def same(one: tdm.Recommendation, other: tdm.Recommendation) -> bool:
    return (one.individual, one.options, one.ahead) == (other.individual, other.options, other.ahead)


@pytest.mark.parametrize("offset", ["", "+08:00"])
def test_a_date_without_an_hour_is_the_whole_day(offset: str) -> None:
    by_day = on_dates(offset, start="2026-03-10", stop="2026-03-13")
    assert same(by_day, on_dates(offset, start=f"2026-03-10T00:00{offset}", stop=f"2026-03-14T00:00{offset}"))
    read = {one.field: one.value for one in by_day.basis.assumed if one.field.startswith("comedications")}
    assert read == {"comedications.0.start": "2026-03-10 00:00", "comedications.0.stop": "2026-03-13 24:00"}
    one_day = on_dates(offset, start="2026-03-10", stop="2026-03-10")
    assert not same(one_day, by_day)


@pytest.mark.parametrize("drug", ["diltiazem", "rifampicin"])
def test_a_drug_without_a_start_is_taken_since_before_the_first_dose(drug: str) -> None:
    without = on_dates(name=drug)
    assert "comedications.0.start" in {one.field for one in without.basis.assumed}
    for long_ago in ("1999-01-01", "2020-05-05T08:00"):
        since = on_dates(name=drug, start=long_ago)
        assert since.options == without.options
        assert since.individual == without.individual
    stopped = [on_dates(name=drug, stop="2026-03-11", **since) for since in ({}, {"start": "1999-01-01"})]
    assert stopped[0].options == stopped[1].options
    assert stopped[0].options != without.options


def test_a_covariate_of_the_model_without_a_start_is_there_from_the_beginning() -> None:
    body = {"patient": {"weight_kg": 50.0, "age_years": 12.0}, "protocol": "cheng-2020-child", "model": "chen-2021"}
    case = body | {"doses": [run(2, 10)], "levels": [level(240.0, 6.0)], "now": 240.0}
    one, other = (
        answer(case | {"comedications": [{"name": "Trileptal", **start}]}) for start in ({}, {"start": -999.0})
    )
    assert one.individual == other.individual


@pytest.mark.parametrize("time", ["2026-02-30", "2026-3-2", "1989-12-31", "2026-03-02T08"])
def test_a_date_that_is_none_is_refused(time: str) -> None:
    with pytest.raises(tdm.Refused) as refused:
        on_dates(start=time)
    assert refused.value.problems[0].pointer == "/comedications/0/start"


def test_a_date_among_hours_is_refused_and_a_far_stop_is_a_slip() -> None:
    with pytest.raises(tdm.Refused) as refused:
        answer(patient_on({"name": "diltiazem", "start": "2026-03-02"}))
    assert [(one.code, one.pointer) for one in refused.value.problems] == [("mixed_times", "/comedications/0/start")]
    with pytest.raises(tdm.Refused) as refused:
        on_dates(stop="2062-03-02")
    assert [(one.code, one.pointer) for one in refused.value.problems] == [("out_of_range", "/comedications/0/stop")]


def test_four_azoles_in_sequence_are_answered_with_the_typical_ratio_of_the_weakest() -> None:
    names = ("itraconazole", "voriconazole", "fluconazole", "posaconazole", "isavuconazole")
    drugs = [on(name, 100.0 * place, 100.0 * place + 90.0) for place, name in enumerate(names)]
    found = answer(patient_on(*drugs, **BEFORE))
    assert sorted(found.fits[0].eta) == sorted(
        ["cl", "v", "f_voriconazole", "f_posaconazole", "f_isavuconazole", "f_fluconazole"]
    )
    (simplified,) = [one for one in found.findings if one.code == "interaction_simplified"]
    assert simplified.message.startswith("Itraconazole: ")


def test_a_drug_without_a_random_effect_keeps_its_typical_ratio() -> None:
    many = [on(name) for name in ("micafungin", "letermovir", "voriconazole", "posaconazole", "ketoconazole")]
    found = answer(patient_on(*many))
    assert "f_micafungin" not in found.fits[0].eta
    ratio = 1.21 * 3.4 * 11.0 * 9.0 * 10.9
    assert typical(patient_on())[0] / typical(patient_on(*many))[0] == pytest.approx(ratio, rel=1e-4)


def test_an_increase_waits_for_the_induction_that_fades() -> None:
    case = patient_on(on("rifampicin", 100.0, 600.0), **{**BEFORE, "levels": [level(720.0, 3.4)]})
    found = answer(case)
    limited = [one for one in found.options if "its induction settles" in one.reason]
    assert limited
    assert found.proposal is not None
    assert all(one.regimen != found.proposal.regimen for one in limited)
    assert found.ahead[0].unchanged.trough_ng_ml.median > 1.2 * found.proposal.trough_ng_ml.median


def test_of_two_drugs_that_start_soon_the_first_is_what_the_proposal_is_for() -> None:
    found = answer(patient_on(on("voriconazole", 745.0), on("letermovir", 860.0), **BEFORE))
    assert found.proposal is not None
    assert found.proposal.start_at == 768.0
    assert [one.what for one in found.ahead] == ["letermovir starts"]


def test_drugs_that_stopped_before_the_first_dose_leave_nothing_behind() -> None:
    past = [on(name, -900.0, -800.0) for name in ("diltiazem", "letermovir", "verapamil", "danazol")]
    assert answer(patient_on(*past, **BEFORE)).options == answer(patient_on(**BEFORE)).options


def test_doses_that_were_only_prescribed_keep_what_is_unsure_about_them() -> None:
    """Three parameters, two drugs and adherence are six random effects, the most that are sampled."""
    vague = {
        **BEFORE,
        "doses": [{**run(2, 31), "taken": "prescribed"}],
        "model": site_model(sd=dict.fromkeys(EFFECTS, 0.3)),
    }
    drugs = [on("diltiazem"), on("letermovir")]
    assert len(answer(patient_on(*drugs, **vague)).fits[0].eta) == 6
    found = answer(patient_on(*drugs, on("verapamil"), **vague))
    assert sorted(found.fits[0].eta) == sorted([*EFFECTS, "f_adherence", "f_diltiazem", "f_letermovir"])
    assert "interaction_simplified" in {one.code for one in found.findings}


def test_a_step_of_induction_has_one_size_however_it_is_cut() -> None:
    """What else changes amid a step starts a piece of its own there; the inducer's part is that of its whole step."""
    inducer = Interaction("f_inducer", (Spell((0,), "inducer", None, 0.0, 1000.0),), ln_cl=0.5, induction=True)
    for begin, end in pairwise(inducer.change_times_h()):
        parts = {round(inducer.part_from(begin + share * (end - begin)), 12) for share in (0.0, 0.2, 0.5, 0.9)}
        assert len(parts) == 1
        (part,) = parts
        least, most = sorted((inducer.induced_at(begin), inducer.induced_at(end)))
        assert least < part < most or end == 1000.0
    assert inducer.part_from(-5.0) == 0.0
