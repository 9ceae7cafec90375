"""Every state of the page in a real browser: refusals, hold, none, busy; WCAG 2.2 AA, small windows, focus, targets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import (
    EXAMPLES,
    LANGUAGES,
    NARROW,
    PHONE,
    SSCI,
    WIDE,
    ZOOMED,
    Visitors,
    box,
    button,
    case_of,
    get_answer,
    get_turned_away,
    held,
    in_state,
    load,
    load_and_answer,
    open_file,
    overflow,
    post,
    put,
    put_case,
    small_targets,
    stop,
    summary,
    summary_of,
    violations,
    words,
)

pytest_plugins = ("tests.browser_fixtures",)
pytestmark = pytest.mark.browser

HOLD, NONE, REFUSED = "level-24", "protocol-without-window", "neonate-refused"
BROKEN = {"/patient/weight_kg": "58 kg", "/doses/1/dose_mg": "one", "/levels/0/level_ng_ml": "-3"}


# --- the states -------------------------------------------------------------------------------------------------------


def empty(page: Page) -> None:
    page.goto("/")


def unfolded(page: Page) -> None:
    page.goto("/")
    put(page, "/protocol", "ssci-nct03688191")
    for folded in page.locator("details").all():
        folded.locator("summary").click()


def example(page: Page) -> None:
    load(page, SSCI)


def answer(page: Page) -> None:
    load_and_answer(page, SSCI)


def calculation(page: Page) -> None:
    answer(page)
    page.locator("#calculation summary").click()


def chosen(page: Page) -> None:
    answer(page)
    post(page, page.locator('[data-option="1.5/24"] button'))
    expect(page.locator("[data-choice]")).to_be_visible()
    in_state(page, "answer")


def stale(page: Page) -> None:
    answer(page)
    put(page, "/patient/weight_kg", "60")
    expect(page.get_by_text(words(page)("notice.stale"))).to_be_visible()


def hold(page: Page) -> None:
    load_and_answer(page, HOLD)


def chosen_under_hold(page: Page) -> None:
    load_and_answer(page, HOLD)
    post(page, page.locator("[data-option] button").first)
    expect(page.locator("[data-choice]")).to_be_visible()
    in_state(page, "answer")


def none(page: Page) -> None:
    load_and_answer(page, NONE)


def no_window(page: Page) -> None:
    load_and_answer(page, "protocol-without-window")


def refused(page: Page) -> None:
    load_and_answer(page, REFUSED, "refused")


def broken(page: Page) -> None:
    load(page, SSCI)
    for pointer, text in BROKEN.items():
        put(page, pointer, text)
    get_answer(page, "refused")


def refused_file(page: Page) -> None:
    page.goto("/")
    open_file(page, EXAMPLES / "README.md")
    in_state(page, "refused")


def contraindicated_with_what_comes_after(page: Page) -> None:
    load_and_answer(page, "voriconazole-starts")


def responder_with_visits(page: Page) -> None:
    load_and_answer(page, "responder-at-4")


def held_by_an_event(page: Page) -> None:
    load_and_answer(page, "pneumonitis-suspected")


def start_with_precautions(page: Page) -> None:
    load_and_answer(page, "first-dose-child")


STATES: Mapping[str, Callable[[Page], None]] = {
    state.__name__: state
    for state in (
        empty,
        unfolded,
        example,
        answer,
        calculation,
        chosen,
        stale,
        hold,
        chosen_under_hold,
        none,
        no_window,
        refused,
        broken,
        refused_file,
        contraindicated_with_what_comes_after,
        responder_with_visits,
        held_by_an_event,
        start_with_precautions,
    )
}


SIZES = pytest.mark.parametrize(("tag", "size"), [("en", WIDE), ("zh-CN", NARROW)], ids=["en wide", "zh-CN narrow"])


# What differs from another state by no words but those of the core is seen in one language only.
ALIKE = {"example", "stale", "chosen_under_hold", "no_window", "held_by_an_event", "start_with_precautions"}
VIEWS = [
    pytest.param(state, tag, size, id=f"{state}-{tag}")
    for state in STATES
    for tag, size in (("en", WIDE), ("zh-CN", NARROW))
    if tag == "en" or state not in ALIKE
]


@pytest.mark.parametrize(("state", "tag", "size"), VIEWS)
def test_every_state_meets_wcag_fits_the_window_has_targets_of_24_px_and_says_what_it_is_not(
    visitors: Visitors, state: str, tag: str, size: tuple[int, int]
) -> None:
    page = visitors.page(tag, size)
    STATES[state](page)
    found = violations(page)
    for width, height in (WIDE, ZOOMED, PHONE, NARROW) if size == WIDE else (NARROW,):
        page.set_viewport_size({"width": width, "height": height})
        found += [f"{width} px: {one}" for one in (*overflow(page), *small_targets(page))]
    assert found == []
    expect(page.get_by_text(words(page)("page.disclaimer")).first).to_be_visible()
    if tag == "en":
        expect(page.locator("body")).to_contain_text(
            "Supports a professional, who decides. Not a cleared medical device."
        )


@pytest.mark.parametrize(("tag", "size"), [("en", NARROW), ("zh-CN", WIDE)], ids=["en narrow", "zh-CN wide"])
def test_no_answer_violates_wcag_in_the_other_language_at_the_other_width(
    visitors: Visitors, tag: str, size: tuple[int, int]
) -> None:
    page = visitors.page(tag, size)
    chosen(page)
    assert violations(page) == []


@pytest.mark.parametrize("size", [WIDE, ZOOMED, PHONE], ids=["wide", "zoomed", "phone"])
def test_tab_leads_to_everything_and_every_stop_is_seen_and_marked(visitors: Visitors, size: tuple[int, int]) -> None:
    page = visitors.page(size=size)
    chosen(page)
    # back over the first stop and out of the page, so that Tab begins at its head
    page.locator("a.skip").first.focus()
    page.keyboard.press("Shift+Tab")
    visited, hidden, unmarked = set[int](), [], []
    for _ in range(200):
        page.keyboard.press("Tab")
        here = stop(page)
        if here is None or here.place in visited:
            break
        visited.add(here.place)
        hidden += [] if here.seen else [here.what]
        unmarked += [] if here.marked else [here.what]
    assert hidden == []
    assert unmarked == []
    assert len(visited) > 40
    assert visited == set(range(len(visited))), "a target that Tab does not lead to"


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_broken_field_is_named_beside_itself_and_the_focus_is_led_to_it(
    visitors: Visitors, tag: str, scripts: bool
) -> None:
    page = visitors.page(tag, scripts=scripts)
    load(page, SSCI)
    for pointer, text in BROKEN.items():
        put(page, pointer, text)
    with page.expect_response(
        lambda response: response.request.method == "POST" and response.url.endswith("/")
    ) as told:
        button(page, "answer").click()
    assert told.value.status == 422
    in_state(page, "refused")
    for pointer, text in BROKEN.items():
        field = box(page, pointer)
        expect(field).to_have_value(text)
        expect(field).to_have_attribute("aria-invalid", "true")
        named = (field.get_attribute("aria-describedby") or "").split()
        messages = [page.locator(f"#{one}") for one in named if "error" in one]
        assert len(messages) == 1, pointer
        expect(messages[0]).to_be_visible()
        here, there = field.bounding_box(), messages[0].bounding_box()
        assert here is not None
        assert there is not None
        assert abs(there["y"] - here["y"]) < 160, "the message stands beside its field"
    assert page.locator("[aria-invalid=true]").count() == len(BROKEN)
    first = "f-patient-weight_kg"
    expect(page.locator(f"#{first}:focus, a[href='#{first}']:focus")).to_have_count(1)
    in_list = page.locator(f'a[href="#{first}"]')
    in_list.press("Enter")
    expect(page.locator(f"#{first}")).to_be_focused()


def test_a_corrected_field_is_accepted(visitors: Visitors) -> None:
    page = visitors.page()
    broken(page)
    expect(page.locator("#picture, [data-option]")).to_have_count(0)
    for pointer, text in (
        ("/patient/weight_kg", "58"),
        ("/doses/1/dose_mg", "1"),
        ("/levels/0/level_ng_ml", "3.6"),
    ):
        put(page, pointer, text)
    get_answer(page)
    expect(page.locator("[aria-invalid=true]")).to_have_count(0)
    expect(summary(page)).to_have_text(summary_of(SSCI, "en"))


def test_a_problem_in_a_folded_part_is_led_to_by_its_link(visitors: Visitors) -> None:
    page = visitors.page()
    load(page, SSCI)
    product = page.locator("details:has([name='/product/step_mg'])")
    product.locator("summary").click()
    put(page, "/product/step_mg", "much")
    get_answer(page, "refused")
    expect(box(page, "/product/step_mg")).to_be_visible()
    page.locator("a[href='#f-product-step_mg']").click()
    expect(box(page, "/product/step_mg")).to_be_focused()


def test_an_empty_page_is_refused_with_what_is_missing(visitors: Visitors) -> None:
    page = visitors.page()
    page.goto("/")
    get_answer(page, "refused")
    for pointer in ("/patient/weight_kg", "/patient/age_years", "/protocol"):
        expect(box(page, pointer)).to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_neonate_is_refused_without_any_number_to_give(visitors: Visitors, tag: str) -> None:
    page = visitors.page(tag)
    refused(page)
    expect(page.locator("[data-decision], #picture, [data-option], .next-level")).to_have_count(0)
    assert "mg once daily" not in page.locator("main").inner_text()
    if tag == "en":
        expect(page.locator(".problems")).to_contain_text("Below 1 year no answer is given")


def test_a_refused_file_leaves_the_entries_as_they_were(visitors: Visitors, tmp_path: Path) -> None:
    page = visitors.page()
    load(page, SSCI)
    before = held(page)
    for text in ("no JSON", '{"patient": {}, "protocol": "ssci-nct03688191", "surplus": 1}'):
        file = tmp_path / "case.json"
        file.write_text(text, encoding="utf-8")
        open_file(page, file)
        in_state(page, "refused")
        expect(page.locator("main")).to_contain_text(words(page)("refused.lead_file"))
        assert held(page) == before
        expect(page.locator("[aria-invalid=true]")).to_have_count(0)


@SIZES
def test_a_busy_service_says_so_and_keeps_the_entries(visitors: Visitors, tag: str, size: tuple[int, int]) -> None:
    page = visitors.page(tag, size)
    load(page, SSCI)
    before = held(page)
    statuses: list[int] = []
    page.on("response", lambda response: statuses.append(response.status))
    get_turned_away(page)
    assert 503 in statuses
    assert held(page) == before
    expect(page.locator("main")).to_contain_text(words(page)("notice.busy"))
    expect(page.locator("#picture, [data-option]")).to_have_count(0)
    assert [*violations(page), *overflow(page), *small_targets(page)] == []
    get_answer(page)
    expect(summary(page)).to_have_text(summary_of(SSCI, tag))


# --- hold and none ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", LANGUAGES)
def test_advice_hold_and_none_differ_by_word_shape_and_frame_and_not_by_colour_alone(
    visitors: Visitors, tag: str
) -> None:
    page = visitors.page(tag)
    looks = []
    for name in (SSCI, HOLD, NONE):
        load_and_answer(page, name)
        expect(summary(page)).to_have_text(summary_of(name, tag))
        card = page.locator("[data-decision].card").first
        looks.append(
            (
                card.locator(".kind").inner_text(),
                card.locator(".decision").inner_text(),
                card.locator(".sign-shape").evaluate("shape => shape.outerHTML"),
                card.evaluate("card => getComputedStyle(card).borderTopStyle"),
            )
        )
        if name != SSCI:
            expect(page.locator(".mark-proposal")).to_have_count(0)
    for column in zip(*looks, strict=True):
        assert len(set(column)) == 3, column
    if tag == "en":
        assert re.search("hold", looks[1][1], re.IGNORECASE)
        assert re.search("no dose", looks[2][1], re.IGNORECASE)


def test_under_a_hold_a_choice_is_marked_as_one_and_the_hold_stays_first(visitors: Visitors) -> None:
    page = visitors.page()
    chosen_under_hold(page)
    expect(summary(page)).to_have_text(summary_of(HOLD, "en"))
    expect(page.locator("[data-choice]")).to_contain_text(words(page)("decision.your_choice_hold"))
    first, second = page.locator("[data-decision].card").bounding_box(), page.locator("[data-choice]").bounding_box()
    assert first is not None
    assert second is not None
    assert first["y"] < second["y"]


def test_a_first_dose_without_doses_or_levels_is_asked_for_as_well(visitors: Visitors) -> None:
    page = visitors.page()
    page.goto("/")
    put_case(page, case_of("first-dose-child") | {"product": {}})
    page.locator("details:has([name='/product/step_mg']) summary").click()
    put(page, "/product/step_mg", "0.25")
    get_answer(page)
    expect(summary(page)).to_have_text(summary_of("first-dose-child", "en"))
    expect(summary(page)).to_be_focused()
