"""The pharmacist's job in a real browser: type a case, get the answer, choose, save, open, print; also without scripts.

What the page must say is asked from the core; doses in mg, levels in ng/mL, times in h.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Locator, Page, expect

import tdm
from tdm.notation.quantities import NUMERIC_COVARIATES
from tdm.review.findings import CATALOGUE
from tdm.version import __version__
from tdm_api.language import language
from tests.browser import (
    EXAMPLES,
    LANGUAGES,
    NARROW,
    PRESENT,
    SSCI,
    WIDE,
    Visitors,
    answered,
    box,
    button,
    case_of,
    get_answer,
    held,
    in_state,
    load,
    load_and_answer,
    open_file,
    post,
    printed,
    put,
    put_case,
    put_row,
    saved,
    squeezed,
    summary,
    summary_of,
    tab_to,
    words,
)

pytest_plugins = ("tests.browser_fixtures",)
pytestmark = pytest.mark.browser

ANSWERED = sorted(path.stem for path in EXAMPLES.glob("*.json") if path.stem != "neonate-refused")
OTHER = "1.5/24"
NEAR_PX = 1.0


def sampling(page: Page, index: int = 0) -> Locator:
    return page.locator("[data-rows=levels] > li").nth(index).locator("output")


# --- typing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_case_typed_by_hand_is_answered_with_the_sentence_of_the_core(visitors: Visitors, tag: str) -> None:
    page = visitors.page(tag)
    page.goto("/")
    put_case(page, case_of(SSCI))
    get_answer(page)
    expect(page.locator("html")).to_have_attribute("lang", tag)
    expect(summary(page)).to_have_text(summary_of(SSCI, tag))
    if tag == "en":
        expect(summary(page)).to_contain_text("Increase to 2 mg once daily: 94 % chance of a trough of 6-15 ng/mL")
    assert page.locator("main h1, main h2").first.inner_text() == summary_of(SSCI, tag)
    place = summary(page).bounding_box()
    assert place is not None
    assert 0 <= place["y"] <= WIDE[1] - place["height"], "the sentence is seen without scrolling"
    expect(summary(page)).to_be_focused()


SURROUNDED: dict[str, list[dict[str, Any]]] = {
    "comedications": [{"name": "伏立康唑", "start": "2026-03-17T08:00", "stop": "2026-03-31T08:00"}],
    "adverse_events": [{"time": "2026-03-10T08:00", "term": "stomatitis", "grade": 3}],
    "platelets": [
        {"time": "2026-03-02T08:00", "count_10e9_l": 18, "bleeding": True},
        {"time": "2026-03-16T08:00", "count_10e9_l": 44, "bleeding": False},
    ],
}


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("tag", LANGUAGES)
def test_what_surrounds_a_level_is_typed_and_answered_as_the_core_answers_it(
    visitors: Visitors, tag: str, scripts: bool
) -> None:
    page = visitors.page(tag, scripts=scripts)
    load(page, SSCI)
    for folded in page.locator("fieldset.folded details").all():
        folded.locator("summary").click()
    put(page, "/patient/child_pugh", "A")
    for name, drug in SURROUNDED["comedications"][0].items():
        put(page, f"/comedications/0/{name}", drug)
    for name, value in SURROUNDED["adverse_events"][0].items():
        put(page, f"/adverse_events/0/{name}", value)
    for name, value in SURROUNDED["platelets"][0].items():
        put(page, f"/platelets/0/{name}", {True: "yes"}.get(value, value) if name == "bleeding" else value)
    button(page, "add_platelets").click()
    for name, value in SURROUNDED["platelets"][1].items():
        put(page, f"/platelets/1/{name}", {False: "no"}.get(value, value) if name == "bleeding" else value)
    get_answer(page)
    case = case_of(SSCI)
    expected = tdm.recommend(tdm.read_case({**case, "patient": {**case["patient"], "child_pugh": "A"}, **SURROUNDED}))
    expect(summary(page)).to_have_text(language(tag).said(expected.summary))
    expect(page.locator("#result")).to_contain_text("伏立康唑")
    expect(page.locator('[data-code="drug_contraindicated"]').first).to_be_visible()
    assert expected.ahead
    assert expected.response is not None
    expect(page.locator("main")).to_contain_text(f"{expected.ahead[0].unchanged.trough_ng_ml.median:.1f}")
    expect(page.locator("main")).to_contain_text(expected.response.response)


def choose_by_keyboard(page: Page, value: str) -> None:
    for _ in range(30):
        if page.evaluate("() => document.activeElement.value") == value:
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"the arrow keys do not lead to {value}")


def test_the_keyboard_alone_types_the_case_gets_the_answer_and_chooses_another_option(visitors: Visitors) -> None:
    page = visitors.page()
    page.goto("/")

    def typed(pointer: str, text: str) -> None:
        tab_to(page, f'[name="{pointer}"]')
        page.keyboard.type(text)

    typed("/patient/weight_kg", "58")
    typed("/patient/age_years", "41")
    tab_to(page, '[name="/patient/sex"]')
    choose_by_keyboard(page, "female")
    typed("/patient/hematocrit_percent", "37")
    tab_to(page, '[name="/protocol"]')
    choose_by_keyboard(page, "ssci-nct03688191")
    for index, (time, dose, count) in enumerate((("2026-03-02 08:00", "2", "3"), ("2026-03-05 08:00", "1", "11"))):
        typed(f"/doses/{index}/time", time)
        typed(f"/doses/{index}/dose_mg", dose)
        typed(f"/doses/{index}/every_h", "24")
        typed(f"/doses/{index}/count", count)
    typed("/levels/0/time", "2026-03-16 08:00")
    typed("/levels/0/level_ng_ml", "3.6")
    typed("/levels/0/assay", "lc-ms/ms")
    typed("/now", "2026-03-16 08:00")
    page.keyboard.press("Enter")
    in_state(page, "answer")
    expect(summary(page)).to_have_text(summary_of(SSCI, "en"))
    tab_to(page, f'[data-option="{OTHER}"] button')
    page.keyboard.press("Enter")
    expect(page.locator("[data-choice]")).to_have_attribute("data-choice", OTHER)
    tab_to(page, "#calculation summary")
    page.keyboard.press("Enter")
    expect(page.locator("#calculation .case-id")).to_be_visible()
    assert json.loads(saved_without_choice(page)) == case_of(SSCI)


def saved_without_choice(page: Page) -> str:
    """The saved case without the regimen that was looked at."""
    case = json.loads(saved(page))
    case.pop("regimens", None)
    return json.dumps(case)


def test_a_row_is_added_and_removed_by_keyboard_and_the_focus_goes_with_it(visitors: Visitors) -> None:
    page = visitors.page()
    load(page, SSCI)
    tab_to(page, "[data-add=doses]")
    page.keyboard.press("Enter")
    expect(box(page, "/doses/2/time")).to_be_focused()
    page.keyboard.type("2026-03-16 08:00")
    tab_to(page, '[name="action"][value="remove:doses:2"]')
    page.keyboard.press("Enter")
    expect(page.locator("[data-rows=doses] > li")).to_have_count(2)
    expect(box(page, "/doses/1/time")).to_be_focused()
    get_answer(page)
    expect(summary(page)).to_have_text(summary_of(SSCI, "en"))


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_nothing_but_the_present_is_filled_in_or_chosen_before_someone_does_it(
    visitors: Visitors, scripts: bool
) -> None:
    page = visitors.page(scripts=scripts)
    page.goto("/")
    assert held(page) == ({"/now": PRESENT} if scripts else {})
    for pointer in ("/patient/sex", "/protocol", "/patient/cyp3a5_star1_carrier"):
        expect(box(page, pointer)).to_have_value("")
    assert page.locator("[data-protocol]:visible").count() == 0


def test_the_protocols_window_and_source_are_shown_as_soon_as_it_is_chosen(visitors: Visitors) -> None:
    page = visitors.page()
    page.goto("/")
    for name in ("ssci-nct03688191", "itp-2024-adult"):
        protocol = tdm.load_protocol(name)
        put(page, "/protocol", name)
        shown = page.locator("[data-protocol]:visible")
        expect(shown).to_have_count(1)
        expect(shown).to_contain_text(str(protocol.window))
        expect(shown).to_contain_text(protocol.citation.reference)


def test_each_covariate_has_its_accepted_range_with_unit_beside_it(visitors: Visitors) -> None:
    page = visitors.page()
    page.goto("/")
    for name, quantity in NUMERIC_COVARIATES.items():
        hint = hint_of(page, f"/patient/{name}")
        assert all(f"{end:g}" in hint for end in (quantity.low, quantity.high) if end is not None), name
        assert quantity.unit.replace("umol", "µmol") in hint, name


def hint_of(page: Page, pointer: str) -> str:
    """What is seen beside a field and read out with it."""
    names = (box(page, pointer).get_attribute("aria-describedby") or "").split()
    return " ".join(page.locator(f"#{one}").inner_text() for one in names)


# --- the unit of a bilirubin ------------------------------------------------------------------------------------------


CHILD = "child-immune-cytopenia-bilirubin"
IN_MG_DL = {
    "/patient/total_bilirubin_umol_l": "1.87",
    "/patient/total_bilirubin_unit": "mg_dl",
    "/covariates/0/time": "2026-05-13 07:30",
    "/covariates/0/total_bilirubin_umol_l": "2",
    "/covariates/0/total_bilirubin_unit": "mg_dl",
}


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_bilirubin_in_mg_dl_is_typed_answered_printed_and_saved_as_entered(
    visitors: Visitors, tag: str, scripts: bool
) -> None:
    page = visitors.page(tag, scripts=scripts)
    load(page, CHILD)
    pointer = "/patient/total_bilirubin_umol_l"
    assert "µmol/L" in hint_of(page, pointer)
    assert "mg/dL" not in hint_of(page, pointer)
    page.locator("details:has([data-rows=covariates]) > summary").click()
    for name, text in IN_MG_DL.items():
        put(page, name, text)
    assert "µmol/L" not in hint_of(page, pointer), "the range is in the chosen unit"
    for one in ("0.05", "60 mg/dL", "0.18", "2.3 mg/dL"):
        assert one in hint_of(page, pointer), one
    case = case_of(CHILD)
    case["patient"]["total_bilirubin_mg_dl"] = 1.87
    del case["patient"]["total_bilirubin_umol_l"]
    case["covariates"] = [{"time": "2026-05-13T07:30", "total_bilirubin_mg_dl": 2}]
    assert json.loads(saved(page)) == case
    get_answer(page)
    expect(summary(page)).to_have_text(language(tag).said(tdm.recommend(tdm.read_case(case)).summary))
    assert IN_MG_DL.items() <= held(page).items()
    assert "mg/dL" in hint_of(page, pointer)
    text = printed(page).text
    for one in ("1.87 mg/dL (= 31.98 µmol/L)", "2 mg/dL (= 34.21 µmol/L)"):
        assert squeezed(one) in text, one


def test_a_bilirubin_in_the_wrong_unit_is_refused_beside_its_field(visitors: Visitors) -> None:
    page = visitors.page()
    load(page, CHILD)
    put(page, "/patient/total_bilirubin_umol_l", "187")
    put(page, "/patient/total_bilirubin_unit", "mg_dl")
    get_answer(page, "refused")
    expect(box(page, "/patient/total_bilirubin_umol_l")).to_have_attribute("aria-invalid", "true")
    assert "Was it entered in umol/L?" in hint_of(page, "/patient/total_bilirubin_umol_l")


# --- the time of the decision -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_new_case_is_decided_at_the_present_and_says_so_in_the_first_screenful_and_on_paper(
    visitors: Visitors, tag: str
) -> None:
    page = visitors.page(tag, NARROW)
    page.goto("/")
    expect(box(page, "/now")).to_have_value(PRESENT)
    expect(box(page, "/now")).to_be_visible()
    case = case_of(SSCI)
    for name, value in case["patient"].items():
        put(page, f"/patient/{name}", value)
    put(page, "/protocol", case["protocol"])
    for index, row in enumerate(case["doses"]):
        put_row(page, "doses", index, row)
    get_answer(page)
    expect(box(page, "/now")).to_have_value(PRESENT)
    decided = page.locator("[data-decided]")
    expect(decided).to_have_text(words(page)("decision.decided", now=PRESENT))
    place = decided.bounding_box()
    assert place is not None
    assert 0 <= place["y"] <= NARROW[1] - place["height"], "it is seen without scrolling"
    assert squeezed(words(page)("decision.decided", now=PRESENT)) in printed(page).text


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_moment_that_was_assumed_is_told_with_how_it_is_known(visitors: Visitors, tag: str, scripts: bool) -> None:
    page = visitors.page(tag, scripts=scripts)
    load(page, SSCI)
    assert words(page)("now.hint") in hint_of(page, "/now")
    put(page, "/now", "")
    get_answer(page)
    case = case_of(SSCI)
    del case["now"]
    (assumed,) = (one for one in tdm.recommend(tdm.read_case(case)).basis.assumed if one.field == "now")
    why = language(tag).said(assumed.why)
    told = words(page)("decision.decided_assumed", now="2026-03-16 08:00", why=why)
    expect(page.locator("[data-decided]")).to_have_text(told)
    assert squeezed(told) in printed(page).text
    expect(box(page, "/now")).to_have_value("")


def test_doses_alone_without_a_time_of_the_decision_are_refused_at_its_field(visitors: Visitors) -> None:
    page = visitors.page()
    load(page, SSCI)
    for pointer in ("/now", "/levels/0/time", "/levels/0/level_ng_ml", "/levels/0/assay"):
        put(page, pointer, "")
    get_answer(page, "refused")
    expect(box(page, "/now")).to_have_attribute("aria-invalid", "true")


def at_present(page: Page, text: str) -> None:
    """Let the clock of a visitor show another time."""
    page.clock.set_fixed_time(datetime.fromisoformat(text))


def test_the_present_goes_on_with_the_clock_until_someone_types_a_time_or_there_is_an_answer(
    visitors: Visitors,
) -> None:
    page = visitors.page()
    page.goto("/")
    now = box(page, "/now")
    at_present(page, "2026-03-18 10:57")
    put(page, "/patient/weight_kg", "58")
    box(page, "/patient/weight_kg").blur()
    expect(now).to_have_value("2026-03-18 10:57")
    put_case(page, {key: value for key, value in case_of(SSCI).items() if key != "now"} | {"now": "2026-03-18T11:00"})
    at_present(page, "2026-03-18 11:20")
    get_answer(page)
    expect(now).to_have_value("2026-03-18 11:00")
    page.locator("[data-now]").click()
    expect(now).to_have_value("2026-03-18 11:20")
    expect(page.get_by_text(words(page)("notice.stale"))).to_be_visible()
    get_answer(page)
    at_present(page, "2026-03-18 12:00")
    put(page, "/patient/weight_kg", "59")
    get_answer(page)
    expect(now).to_have_value("2026-03-18 11:20")


def test_the_button_for_the_present_has_a_name_and_is_offered_with_scripts_only(visitors: Visitors) -> None:
    for tag in LANGUAGES:
        page = visitors.page(tag)
        page.goto("/")
        put(page, "/now", "")
        button(page, "now_what").click()
        expect(box(page, "/now")).to_have_value(PRESENT)
    still = visitors.page(scripts=False)
    still.goto("/")
    expect(still.locator("[data-now]")).to_be_hidden()
    expect(box(still, "/now")).to_have_value("")


def test_a_case_in_hours_has_no_present(visitors: Visitors) -> None:
    page = visitors.page()
    page.goto("/")
    now, first = box(page, "/now"), box(page, "/doses/0/time")
    first.press_sequentially("2026")
    expect(now).to_have_value(PRESENT)  # half of a date is not hours yet
    first.press_sequentially("-03-02 08:00")
    first.blur()
    expect(now).to_have_value(PRESENT)
    put(page, "/doses/0/time", "0")
    first.blur()
    expect(now).to_have_value("")
    expect(page.locator("[data-now]")).to_be_hidden()
    put(page, "/doses/0/dose_mg", "2")
    get_answer(page, "refused")
    expect(now).to_have_value("")
    put(page, "/doses/0/time", "2026-03-02 08:00")
    first.blur()
    expect(now).to_have_value(PRESENT)
    page.locator("[data-rows=doses] [data-remove]").first.click()
    cut(page, "0\t2\t24\t3\n")
    first.press("Control+v")
    expect(now).to_have_value("")
    put(page, "/now", "200")
    put(page, "/doses/0/time", "2026-03-02 08:00")
    first.blur()
    expect(now).to_have_value("200")  # what someone typed stays


def test_a_case_with_offsets_gets_the_present_with_its_offset_by_the_button_only(visitors: Visitors) -> None:
    page = visitors.page()
    page.goto("/")
    put(page, "/levels/0/time", "2026-03-16 18:30+08:00")
    box(page, "/levels/0/time").blur()
    expect(box(page, "/now")).to_have_value("")
    page.locator("[data-now]").click()
    expect(box(page, "/now")).to_have_value(re.compile(re.escape(PRESENT) + r"[+-]\d\d:\d\d"))


def test_a_case_that_was_opened_keeps_its_own_time_of_the_decision_or_none(visitors: Visitors, tmp_path: Path) -> None:
    page = visitors.page()
    case = case_of(SSCI)
    for own in (case.pop("now"), None):
        file = tmp_path / "case.json"
        file.write_text(json.dumps(case | {"now": own}), encoding="utf-8")
        page.goto("/")
        expect(box(page, "/now")).to_have_value(PRESENT)
        open_file(page, file)
        expect(box(page, "/patient/weight_kg")).to_have_value("58")
        put(page, "/patient/weight_kg", "59")
        box(page, "/patient/weight_kg").blur()
        expect(box(page, "/now")).to_have_value((own or "").replace("T", " "))


@pytest.mark.parametrize("tag", LANGUAGES)
def test_what_lies_after_the_decision_is_told_on_the_card(visitors: Visitors, tag: str) -> None:
    page = visitors.page(tag)
    load(page, SSCI)
    page.locator("details:has([data-rows=adverse_events]) > summary").click()
    for name, text in (("time", "2026-03-17 08:00"), ("term", "pneumonitis"), ("grade", "2")):
        put(page, f"/adverse_events/0/{name}", text)
    get_answer(page)
    urgent = page.locator("[data-decision].card .urgent")
    expect(urgent).to_have_count(1)
    expect(urgent).to_contain_text("2026-03-17 08:00")
    expect(urgent).to_contain_text(words(page)("findings.critical"))


@pytest.mark.parametrize("tag", LANGUAGES)
def test_what_lies_after_a_hold_is_printed_with_what_to_do_and_leaves_the_sheet_at_one_page(
    visitors: Visitors, tag: str
) -> None:
    page = visitors.page(tag)
    load(page, "level-24")
    page.locator("details:has([data-rows=adverse_events]) > summary").click()
    for name, text in (("time", "2026-03-17 08:00"), ("term", "pneumonitis"), ("grade", "2")):
        put(page, f"/adverse_events/0/{name}", text)
    get_answer(page)
    entry = CATALOGUE["event_in_future"]
    expect(page.locator("[data-code=event_in_future]")).to_contain_text(language(tag).said(entry.action))
    sheet = printed(page)
    assert sheet.pages == 1
    assert sheet.text.count(squeezed(language(tag).said(entry.action))) == 1


# --- while one types --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", LANGUAGES)
def test_the_time_after_the_last_dose_follows_what_is_typed_without_a_button(visitors: Visitors, tag: str) -> None:
    page = visitors.page(tag)
    page.goto("/")
    for index, row in enumerate(case_of(SSCI)["doses"]):
        put_row(page, "doses", index, row)
    trough, other = (
        words(page)(f"sampling.{kind}", since=since, interval="24")
        for kind, since in (("trough", 24), ("not_trough", 4))
    )
    assert trough != other
    box(page, "/levels/0/time").press_sequentially("2026-03-16 08:00")
    expect(sampling(page)).to_have_text(trough)
    put(page, "/levels/0/time", "2026-03-15 12:00")
    expect(sampling(page)).to_have_text(other)
    assert page.locator("body").get_attribute("data-state") == "empty"


def test_the_time_after_the_last_dose_follows_the_doses_too(visitors: Visitors) -> None:
    page = visitors.page()
    load(page, SSCI)
    put(page, "/levels/0/time", "2026-03-15 12:00")
    put(page, "/doses/1/count", "10")
    expect(sampling(page)).to_contain_text("28 h")
    put(page, "/doses/1/every_h", "")
    expect(sampling(page)).to_have_text(words(page)("sampling.unknown"))
    put_row(page, "levels", 1, {"time": "2026-03-01 08:00"})
    put(page, "/doses/1/every_h", "24")
    expect(sampling(page, 1)).to_have_text(words(page)("sampling.early"))


ROWS = "2026-03-02 08:00\t2\t24\t3\n2026-03-05 08:00\t1\t24\t11\n"
CELLS = {
    "/doses/0/time": "2026-03-02 08:00",
    "/doses/0/dose_mg": "2",
    "/doses/0/every_h": "24",
    "/doses/0/count": "3",
    "/doses/1/time": "2026-03-05 08:00",
    "/doses/1/dose_mg": "1",
    "/doses/1/every_h": "24",
    "/doses/1/count": "11",
}


def test_rows_of_a_spreadsheet_are_pasted_straight_into_the_cells(visitors: Visitors) -> None:
    page = visitors.page()
    page.goto("/")
    cut(page, f"time\tmg\tevery\ttimes\n{ROWS}2026-03-20 08:00\t2\n")
    box(page, "/doses/0/time").press("Control+v")
    assert held(page) == {**CELLS, "/doses/2/time": "2026-03-20 08:00", "/doses/2/dose_mg": "2", "/now": PRESENT}
    cut(page, "4\t12\n")
    box(page, "/doses/1/dose_mg").press("Control+v")
    assert [box(page, f"/doses/1/{one}").input_value() for one in ("dose_mg", "every_h", "count")] == ["4", "12", "11"]
    cut(page, "2026-03-16 08:00\t3.6\tlc-ms/ms\n2026-03-18 08:00\t4.1\tlc-ms/ms\n")
    box(page, "/levels/0/time").press("Control+v")
    assert box(page, "/levels/1/level_ng_ml").input_value() == "4.1"
    expect(sampling(page)).to_contain_text(re.compile(r"\d"))


def cut(page: Page, text: str) -> None:
    """Put a text on the clipboard as a spreadsheet does, by cutting it from the larger field."""
    area = page.locator("#pasted-doses")
    if not area.is_visible():
        page.locator("details:has(#pasted-doses) summary").click()
    area.fill(text)
    area.press("Control+a")
    area.press("Control+x")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_rows_of_a_spreadsheet_are_pasted_into_the_larger_field(visitors: Visitors, scripts: bool) -> None:
    page = visitors.page(scripts=scripts)
    page.goto("/")
    for table, text in (("doses", ROWS), ("levels", "2026-03-16 08:00\t3.6\tlc-ms/ms")):
        page.locator(f"details:has(#pasted-{table}) summary").click()
        page.locator(f"#pasted-{table}").fill(text)
        page.locator(f'button[value="paste:{table}"]').click()
        expect(box(page, f"/{table}/0/time")).not_to_have_value("")
    level = {"/levels/0/time": "2026-03-16 08:00", "/levels/0/level_ng_ml": "3.6", "/levels/0/assay": "lc-ms/ms"}
    assert held(page) == {**CELLS, **level, **({"/now": PRESENT} if scripts else {})}


def test_an_answer_is_called_out_of_date_once_its_entries_have_changed(visitors: Visitors) -> None:
    page = visitors.page()
    load_and_answer(page, SSCI)
    stale = page.get_by_text(words(page)("notice.stale"))
    expect(stale).to_be_hidden()
    put(page, "/levels/0/level_ng_ml", "9")
    expect(stale).to_be_visible()
    get_answer(page)
    expect(stale).to_be_hidden()
    expect(summary(page)).not_to_have_text(summary_of(SSCI, "en"))


# --- languages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "tag"), [("en-GB", "en"), ("zh-CN", "zh-CN"), ("zh-SG", "zh-CN"), ("fr-FR", "en")])
def test_the_language_of_the_browser_picks_the_language_of_the_page(visitors: Visitors, asked: str, tag: str) -> None:
    page = visitors.page(asked)
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", tag)
    chinese = re.compile("[\u4e00-\u9fff]")
    heading = page.locator("main h1")
    expect(heading).to_have_text(chinese) if tag == "zh-CN" else expect(heading).not_to_have_text(chinese)


def switch(page: Page, tag: str) -> None:
    post(page, page.locator(f'button[value="lang:{tag}"]'))
    expect(page.locator("html")).to_have_attribute("lang", tag)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_change_of_language_keeps_what_was_typed_even_if_it_is_wrong(visitors: Visitors, scripts: bool) -> None:
    page = visitors.page(scripts=scripts)
    page.goto("/")
    put(page, "/patient/weight_kg", "58 kg")
    put(page, "/patient/sex", "female")
    put(page, "/protocol", "ssci-nct03688191")
    put_row(page, "doses", 0, {"time": "2026-03-02 08:00", "dose_mg": "2"})
    before = held(page)
    assert len(before) == (6 if scripts else 5)
    for tag in ("zh-CN", "en"):
        switch(page, tag)
        assert held(page) == before
        assert page.locator("body").get_attribute("data-state") == "empty"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_change_of_language_keeps_the_answer_and_what_was_chosen(visitors: Visitors, scripts: bool) -> None:
    page = visitors.page(scripts=scripts)
    load_and_answer(page, SSCI)
    choose(page, OTHER)
    before = held(page)
    for tag in ("zh-CN", "en"):
        switch(page, tag)
        in_state(page, "answer")
        expect(summary(page)).to_have_text(summary_of(SSCI, tag))
        expect(page.locator("[data-choice]")).to_have_attribute("data-choice", OTHER)
        assert held(page) == before


# --- the answer -------------------------------------------------------------------------------------------------------


def test_findings_stand_in_order_of_severity_each_with_what_to_do(visitors: Visitors) -> None:
    page = visitors.page()
    order = ["critical", "blocking", "warning", "info"]
    for name in ("level-24", "protocol-without-window"):
        load_and_answer(page, name)
        findings = page.locator("[data-severity]")
        severities = [one.get_attribute("data-severity") or "" for one in findings.all()]
        assert severities == sorted(severities, key=order.index)
        assert severities == [one.severity for one in answered(name).findings]
        for shown, one in zip(findings.all(), answered(name).findings, strict=True):
            expect(shown).to_contain_text(one.message)
            expect(shown).to_contain_text(one.action)


def test_the_calculation_is_folded_and_opens_to_sources_equations_versions_and_id(visitors: Visitors) -> None:
    page = visitors.page()
    load_and_answer(page, SSCI)
    calculation, basis = page.locator("#calculation"), answered(SSCI).basis
    expect(calculation.get_by_text(basis.case_id)).to_be_hidden()
    calculation.locator("summary").click()
    expect(calculation.get_by_text(basis.case_id)).to_be_visible()
    for one in (*basis.equations, basis.models[0].reference, basis.protocol.reference, __version__):
        expect(calculation).to_contain_text(one)


class Drawing(NamedTuple):
    """Places in the picture, in px of the window; names are those of the shapes."""

    levels: list[tuple[str, float, float]]
    texts: list[tuple[str, float, float]]
    rows: list[float]
    columns: list[float]
    now: float
    edges: list[float]
    window: tuple[float, float]

    def concentration(self, value: float) -> float:
        """Return where the ticks of the axis put a concentration (ng/mL)."""
        ticks = [(float(text), y) for text, _, y in self.texts if re.fullmatch(r"\d+(\.\d+)?", text)]
        known = [(number, line) for number, y in ticks for line in self.rows if abs(line - y) < 8]
        return between(known, value)

    def day(self, value: float) -> float:
        """Return where the ticks of the axis put a day of March."""
        ticks = [(float(text[3:]), x) for text, x, _ in self.texts if re.fullmatch(r"03-\d\d", text)]
        known = [(number, line) for number, x in ticks for line in self.columns if abs(line - x) < 8]
        return between(known, value)


def between(known: list[tuple[float, float]], value: float) -> float:
    (a, low), (b, high) = min(known), max(known)
    assert len({number for number, _ in known}) >= 3, "too few ticks"
    return low + (high - low) * (value - a) / (b - a)


def drawing(page: Page) -> Drawing:
    picture = page.locator("svg.picture[role=img]:visible")
    expect(picture).to_have_count(1)
    found: dict[str, Any] = picture.evaluate(
        """picture => {
            const all = (selector) => [...picture.querySelectorAll(selector)];
            const middle = (one) => {
                const { left, right, top, bottom } = one.getBoundingClientRect();
                return [(left + right) / 2, (top + bottom) / 2];
            };
            const fill = picture.querySelector(".window-fill").getBoundingClientRect();
            return {
                levels: all("[data-level]").map(one => [one.dataset.level, ...middle(one)]),
                texts: all("text").map(one => [one.textContent.trim(), ...middle(one)]),
                rows: all(".grid").map(one => middle(one)[1]),
                columns: all(".tick-line").map(one => middle(one)[0]),
                now: middle(picture.querySelector(".now-line"))[0],
                edges: all(".window-edge").map(one => middle(one)[1]),
                window: [fill.top, fill.bottom],
            };
        }"""
    )
    return Drawing(**found)


def test_the_picture_has_level_window_and_now_where_the_axes_say_wide_and_narrow(visitors: Visitors) -> None:
    page = visitors.page()
    load_and_answer(page, SSCI)
    for width, height in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": height})
        the_picture_is_right(drawing(page))


def the_picture_is_right(drawn: Drawing) -> None:
    ((name, x, y),) = drawn.levels
    assert name == "3.6"
    assert abs(y - drawn.concentration(3.6)) <= NEAR_PX
    assert abs(x - drawn.day(16 + 8 / 24)) <= NEAR_PX
    assert abs(drawn.now - drawn.day(16 + 8 / 24)) <= NEAR_PX
    low, high = drawn.concentration(6), drawn.concentration(15)
    assert high < low
    assert sorted(drawn.edges) == pytest.approx([high, low], abs=NEAR_PX)
    assert drawn.window == pytest.approx((high, low), abs=NEAR_PX)
    (beside,) = [(a, b) for text, a, b in drawn.texts if text == "3.6"]
    assert abs(beside[0] - x) < 45
    assert abs(beside[1] - y) < 25
    texts = [text for text, _, _ in drawn.texts]
    assert any("6-15 ng/mL" in text for text in texts)
    assert any(text.startswith("now") for text in texts)
    assert any("(ng/mL)" in text for text in texts)
    assert any("2026" in text for text in texts), "the axis of time says what it counts"


def test_the_picture_has_the_past_and_the_prediction_each_with_its_band_and_says_so(visitors: Visitors) -> None:
    page = visitors.page()
    load_and_answer(page, SSCI)
    picture = page.locator("svg.picture[role=img]:visible")
    for shape in (".history-line", ".history-band", ".ahead-line", ".ahead-band", ".start-mark"):
        expect(picture.locator(shape)).to_have_count(1)
    legend = page.locator("figure .legend")
    expect(legend).to_contain_text("90 % band")
    expect(legend).to_contain_text("2 mg once daily")
    expect(legend).to_contain_text("6-15 ng/mL")
    described = picture.locator("desc").text_content() or ""
    for one in ("3.6 ng/mL", "6 to 15 ng/mL", "2 mg once daily"):
        assert one in described


def test_a_level_below_a_limit_and_one_that_is_not_fitted_differ_by_shape_and_word(visitors: Visitors) -> None:
    page = visitors.page()
    load_and_answer(page, "censored-missed-doses")
    assert [name for name, _, _ in drawing(page).levels] == ["<1.5"]
    below = page.locator("svg.picture[role=img]:visible [data-level]").get_attribute("d")
    load_and_answer(page, "level-too-early")
    assert any("21.5" in text and words(page)("picture.unfitted") in text for text, _, _ in drawing(page).texts)
    measured = page.locator("svg.picture[role=img]:visible [data-level]").get_attribute("d")
    assert re.sub(r"[\d.-]", "", below or "") != re.sub(r"[\d.-]", "", measured or "")


# --- choosing ---------------------------------------------------------------------------------------------------------


def choose(page: Page, option: str) -> None:
    post(page, page.locator(f'[data-option="{option}"] button'))
    expect(page.locator("[data-choice]")).to_have_attribute("data-choice", option)
    in_state(page, "answer")


@pytest.mark.parametrize("tag", LANGUAGES)
def test_another_option_is_looked_at_and_never_becomes_the_advice(visitors: Visitors, tag: str) -> None:
    page = visitors.page(tag)
    load_and_answer(page, SSCI)
    line = page.locator("svg.picture[role=img]:visible .ahead-line")
    before = line.get_attribute("points")
    row = page.locator(f'[data-option="{OTHER}"]')
    chance = row.locator(".within strong").inner_text()
    choose(page, OTHER)
    expect(summary(page)).to_have_text(summary_of(SSCI, tag))
    expect(page.locator(".mark-proposal")).to_have_count(1)
    expect(page.locator('[data-option="2/24"]')).to_contain_text(words(page)("options.proposal"))
    card = page.locator("[data-choice]")
    expect(card).to_contain_text(words(page)("decision.your_choice_advice"))
    expect(card).to_contain_text(chance)
    expect(row).to_contain_text(words(page)("actions.chosen"))
    assert line.get_attribute("points") != before
    expect(page.locator("#choice-heading")).to_be_focused()
    post(page, page.locator('[data-option="2/24"] button'))
    expect(page.locator("[data-choice]")).to_have_count(0)
    in_state(page, "answer")
    assert line.get_attribute("points") == before


def test_a_regimen_of_ones_own_is_answered_and_marked_as_asked_for(visitors: Visitors) -> None:
    page = visitors.page()
    load_and_answer(page, SSCI)
    put(page, "/regimens/0/pattern_mg", "2, 1, 1")
    put(page, "/regimens/0/every_h", "24")
    post(page, button(page, "answer_regimens"))
    row = page.locator('[data-option="2 1 1/24"]')
    expect(row).to_contain_text(words(page)("options.asked"))
    expect(row.locator(".within")).to_contain_text("%")
    expect(summary(page)).to_have_text(summary_of(SSCI, "en"))
    expect(box(page, "/regimens/0/pattern_mg")).to_have_value("2, 1, 1")
    choose(page, "2 1 1/24")


# --- files, addresses, memory -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_case_is_saved_as_a_file_and_opened_again_in_a_fresh_page(
    visitors: Visitors, tmp_path: Path, scripts: bool
) -> None:
    page = visitors.page(scripts=scripts)
    page.goto("/")
    put_case(page, case_of(SSCI))
    text = saved(page)
    assert json.loads(text) == case_of(SSCI)
    assert tdm.read_case(text) == tdm.read_case((EXAMPLES / f"{SSCI}.json").read_bytes())
    file = tmp_path / "case.json"
    file.write_text(text, encoding="utf-8")
    fresh = visitors.page("zh-CN", scripts=scripts)
    fresh.goto("/")
    open_file(fresh, file, scripts)
    expect(box(fresh, "/patient/weight_kg")).to_have_value("58")
    assert held(fresh) == held(page)
    get_answer(fresh)
    expect(summary(fresh)).to_have_text(summary_of(SSCI, "zh-CN"))


@pytest.mark.parametrize("name", ["site-model", "small-child-solution", "regimen-of-ones-own", "haematocrit-recovers"])
def test_what_the_page_does_not_show_as_a_field_survives_opening_and_saving(
    visitors: Visitors, name: str, tmp_path: Path
) -> None:
    page = visitors.page()
    page.goto("/")
    open_file(page, EXAMPLES / f"{name}.json")
    expect(box(page, "/patient/weight_kg")).not_to_have_value("")
    assert json.loads(saved(page)) == case_of(name)


def test_no_address_and_no_memory_of_the_browser_holds_what_was_typed(visitors: Visitors, tmp_path: Path) -> None:
    page = visitors.page()
    page.goto("/")
    case = case_of(SSCI) | {"comedications": [{"name": "clarithromycin", "start": "2026-03-01T08:00"}]}
    case["patient"] |= {"weight_kg": 61.37, "age_years": 43.19}
    page.locator("details:has([data-rows=comedications]) summary").click()
    put_case(page, case)
    get_answer(page)
    choose(page, OTHER)
    switch(page, "zh-CN")
    saved(page)
    open_file(page, EXAMPLES / f"{SSCI}.json")
    expect(box(page, "/patient/weight_kg")).to_have_value("58")
    typed = ("61.37", "43.19", "clarithromycin", "2026-03", "ssci", "lc-ms", OTHER)
    assert len(visitors.addresses) > 8
    assert [one for one in visitors.addresses for text in typed if text in one] == []
    assert all(len(one) < 100 for one in visitors.addresses)
    remembered = page.evaluate(
        """async () => [
            ...Object.keys(localStorage), ...Object.keys(sessionStorage), ...await caches.keys(),
            ...await indexedDB.databases(), ...await navigator.serviceWorker.getRegistrations(), document.cookie,
        ].filter(Boolean)"""
    )
    assert remembered == []
    assert page.context.cookies() == []


def test_one_click_loads_an_example(visitors: Visitors) -> None:
    page = visitors.page("zh-CN")
    page.goto("/")
    page.locator(f'a[data-example="{SSCI}"]').click()
    expect(box(page, "/patient/weight_kg")).to_have_value("58")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(sampling(page)).to_contain_text("24 h")
    assert json.loads(saved(page)) == case_of(SSCI)


# --- paper ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", LANGUAGES)
def test_the_printed_sheet_has_inputs_answer_picture_versions_id_and_signature(visitors: Visitors, tag: str) -> None:
    page = visitors.page(tag)
    load_and_answer(page, SSCI)
    sheet = printed(page)
    assert sheet.pages == 1
    answer, t = answered(SSCI), words(page)
    for one in (
        summary_of(SSCI, tag),
        answer.basis.case_id,
        f"tdm {__version__}",
        answer.basis.models[0].id,
        t("print.signature"),
        t("page.disclaimer"),
        "58 kg",
        "37 %",
        "ssci-nct03688191",
        "2026-03-02 08:00",
        "2026-03-05 08:00",
        "6-15 ng/mL",
        t("picture.y_title"),
        t("decision.increase"),
    ):
        assert squeezed(one) in sheet.text, one
    page.emulate_media(media="print")
    expect(page.locator("svg.picture[role=img]:visible")).to_have_count(1)
    expect(page.locator("#case .entries")).to_be_hidden()


def pale_texts(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter(one => {
            const own = [...one.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
            if (!own || !one.checkVisibility() || one.matches("script, style, defs *, title, desc")) return false;
            const style = getComputedStyle(one);
            const colour = one.closest("svg") ? style.fill : style.color;
            return Math.max(...colour.match(/[\\d.]+/g).slice(0, 3).map(Number)) > 140;
        }).map(one => one.outerHTML.slice(0, 120))"""
    )
    return found


@pytest.mark.parametrize("name", ANSWERED)
def test_every_example_is_answered_as_the_core_answers_it_and_printed_on_one_page(
    visitors: Visitors, name: str
) -> None:
    page = visitors.page()
    load_and_answer(page, name)
    expect(summary(page)).to_have_text(summary_of(name, "en"))
    sheet = printed(page)
    assert sheet.pages == 1
    for one in (summary_of(name, "en"), answered(name).basis.case_id, words(page)("print.signature")):
        assert squeezed(one) in sheet.text, one
    page.emulate_media(media="print")
    assert pale_texts(page) == [], "printers leave out the ground of a text"


def test_a_chosen_option_and_an_opened_calculation_leave_the_sheet_at_one_page(visitors: Visitors) -> None:
    page = visitors.page()
    load_and_answer(page, SSCI)
    choose(page, OTHER)
    page.locator("#calculation summary").click()
    sheet = printed(page)
    assert sheet.pages == 1
    assert squeezed(words(page)("decision.your_choice_advice")) in sheet.text
    assert squeezed(summary_of(SSCI, "en")) in sheet.text


def test_the_button_prints_and_is_offered_only_with_an_answer(visitors: Visitors) -> None:
    page = visitors.page()
    page.add_init_script("window.print = () => { window.printed = true; }")
    load(page, SSCI)
    expect(page.locator("[data-print]")).to_be_hidden()
    get_answer(page)
    button(page, "print").click()
    assert page.evaluate("() => window.printed") is True


# --- without scripts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", LANGUAGES)
def test_the_whole_job_is_done_without_scripts(visitors: Visitors, tag: str) -> None:
    page = visitors.page(tag, scripts=False)
    page.goto("/")
    case = case_of(SSCI)
    later = {"time": "2026-03-16T08:00", "dose_mg": 1, "every_h": 24, "count": 2}
    case["doses"].append(later)
    # the form has fewer rows than this case: one has to be added, and what was typed stays
    put_case(page, case)
    assert held(page)["/doses/0/dose_mg"] == "2"
    assert held(page)["/doses/2/count"] == "2"
    post(page, page.locator('button[value="remove:doses:2"]'))
    expect(page.locator("[data-rows=doses] > li")).to_have_count(2)
    get_answer(page)
    expect(summary(page)).to_have_text(summary_of(SSCI, tag))
    expect(summary(page)).to_be_focused()
    expect(sampling(page)).to_contain_text("24 h")
    assert drawing(page).levels[0][0] == "3.6"
    choose(page, OTHER)
    expect(summary(page)).to_have_text(summary_of(SSCI, tag))
    assert printed(page).pages == 1
