"""The pharmacist's page without a browser: what its form means, what it shows, and what it must never hold."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from starlette.testclient import TestClient

import tdm
from tdm import read_case
from tdm_api.app import create_app
from tdm_api.capacity import Busy
from tdm_api.examples import example_ids, load_example
from tdm_api.language import language
from tdm_api.page.axis import round_above, time_ticks, value_ticks
from tdm_api.page.form import TABLES, Form, anchor_of, anchors, choice_of, form_from, form_of, pasted_rows, with_choice
from tdm_api.page.picture import drawn
from tdm_api.page.scene import Scene
from tdm_api.page.texts import NAMES, Reader, texts

EXAMPLES = example_ids()
ADULT = "adult-ctd-low-trough"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app()) as one:
        yield one


def fields_of(form: Form) -> dict[str, str]:
    rows = {
        f"/{table}/{index}/{column}": text
        for table, several in form.rows.items()
        for index, row in enumerate(several)
        for column, text in row.items()
    }
    return {**form.singles, **rows}


def example(name: str) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(load_example(name))
    return case


def typed(name: str = ADULT, **changed: str) -> dict[str, str]:
    return {**fields_of(form_from(example(name))), "action": "answer", **changed}


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def values(self) -> dict[str, str]:
        """What the fields hold, by their names."""
        return {at["name"] or "": at.get("value") or "" for tag, at in self.tags if tag == "input" and "name" in at}

    def ids(self) -> list[str]:
        return [at["id"] or "" for _, at in self.tags if "id" in at]


# --- the form and the case -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_case_survives_its_form(name: str) -> None:
    form = form_of(fields_of(form_from(example(name))).items()).compacted()
    assert read_case(form.case()) == read_case(example(name))


def test_every_field_of_a_case_has_a_field_on_the_page() -> None:
    case = {
        "patient": {
            "weight_kg": 58.5,
            "age_years": 41,
            "sex": "male",
            "height_cm": 170,
            "hematocrit_percent": 0.5e2,
            "total_bilirubin_umol_l": 12,
            "cyp3a5_star1_carrier": False,
            "child_pugh": "B",
        },
        "covariates": [
            {"time": -5.5, "weight_kg": 60, "hematocrit_percent": 30, "total_bilirubin_umol_l": 9},
            {"time": -4.5, "total_bilirubin_mg_dl": 0.7},
        ],
        "protocol": "waiha-2023",
        "target": {"low_ng_ml": 4, "high_ng_ml": 9, "source": "our team", "grade": "C", "note": "from 2026"},
        "model": "mao-2024",
        "doses": [
            {"time": 0, "dose_mg": 1, "every_h": 24, "count": 7, "missed": [24, 48], "taken": "prescribed"},
            {"time": 200.25, "dose_mg": 0.5},
        ],
        "levels": [
            {"time": 100, "level_ng_ml": 3, "assay": "ECLIA"},
            {"time": 150, "below_ng_ml": 1.5},
            {"time": 160, "level_nmol_l": 6.5},
            {"time": 170, "below_ug_l": 2},
        ],
        "adverse_events": [
            {"time": 90, "term": "stomatitis", "grade": 2, "end": 120},
            {"time": 95, "term": "TMA", "grade": 1},
        ],
        "platelets": [
            {"time": 0, "count_10e9_l": 12, "bleeding": True},
            {"time": 150, "count_10e9_l": 64.5, "bleeding": False},
        ],
        "response_definition": "or",
        "comedications": [{"name": "rifampicin", "start": 0, "stop": 20}, {"name": "azole", "start": 30}],
        "product": {"strengths_mg": [0.5, 1]},
        "regimens": [{"pattern_mg": [1, 0.5], "every_h": 12}, {"pattern_mg": [2]}],
        "now": 220,
        "confirmed": [{"code": "outlier", "at": [100, 150], "answer": "the tube was right"}, {"code": "runs_overlap"}],
    }
    assert set(case) == set(tdm.Case.model_fields)
    form = form_of(fields_of(form_from(case)).items()).compacted()
    assert form.case() == case


def test_a_bilirubin_keeps_the_unit_in_which_it_was_entered() -> None:
    case = {**example("small-child-solution"), "patient": {"weight_kg": 11, "total_bilirubin_mg_dl": 0.70}}
    form = form_from(case)
    assert form.text("/patient/total_bilirubin_umol_l") == "0.7"
    assert form.text("/patient/total_bilirubin_unit") == "mg_dl"
    assert form.case()["patient"] == case["patient"]
    alone = form_of([("/patient/total_bilirubin_unit", "mg_dl"), ("/covariates/0/total_bilirubin_unit", "mg_dl")])
    assert alone.compacted().case() == {"patient": {}}, "a unit without a value says nothing"
    usual = form_of([("/patient/total_bilirubin_umol_l", "12"), ("/patient/total_bilirubin_unit", "")])
    assert usual.case()["patient"] == {"total_bilirubin_umol_l": 12}


@pytest.mark.parametrize("at", ["/patient", "/covariates/0"])
def test_a_problem_with_a_bilirubin_in_any_unit_finds_its_field(at: str) -> None:
    form = form_of([(f"{at}/total_bilirubin_umol_l", "900"), (f"{at}/total_bilirubin_unit", "mg_dl")])
    assert anchor_of(f"{at}/total_bilirubin_mg_dl", anchors(form)) == f"{at}/total_bilirubin_umol_l"


@pytest.mark.parametrize("text", ["0,5", "1 mg", "1.", ".5", "1e1", "+1", "\uff11", "0x1", "nan", "1 000"])
def test_a_number_is_read_to_the_letter_or_refused_at_its_field(text: str) -> None:
    with pytest.raises(tdm.Refused) as refused:
        read_case(form_of(typed(**{"/doses/1/dose_mg": text}).items()).case())
    assert [(one.code, one.pointer) for one in refused.value.problems] == [("not_a_number", "/doses/1/dose_mg")]


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("1.5", [1.5]),
        ("1, 1.5", [1, 1.5]),
        ("1;2", [1, 2]),
        ("1\uff0c2\u30013", [1, 2, 3]),
        # a comma that may be a decimal comma separates nothing: the core refuses the text
        ("1,5", ["1,5"]),
        ("1,", ["1,"]),
    ],
)
def test_doses_in_turn_are_separated_so_that_no_decimal_comma_becomes_two_doses(text: str, pattern: list[Any]) -> None:
    form = form_of([("/regimens/0/pattern_mg", text)])
    assert form.case()["regimens"] == [{"pattern_mg": pattern}]


def test_a_space_stands_for_the_t_of_a_time_and_nothing_else_is_changed() -> None:
    for text, meant in (
        ("2026-03-02 08:00", "2026-03-02T08:00"),
        ("2026-03-02T08:00", "2026-03-02T08:00"),
        ("2026-03-02 08:00+08:00", "2026-03-02T08:00+08:00"),
        ("2026/3/2 8:00", "2026/3/2 8:00"),
        ("-12.5", -12.5),
    ):
        assert form_of([("/now", text)]).case()["now"] == meant


def test_wholly_blank_rows_are_dropped_and_the_others_move_up() -> None:
    form = form_of([("/doses/0/time", " "), ("/doses/3/time", "5"), ("/levels/0/kind", "below")]).compacted()
    assert form.rows == {"doses": ({"time": "5"},), "levels": ()}


def test_rows_of_a_spreadsheet_lose_their_head_and_nothing_else() -> None:
    rows = pasted_rows("doses", "time\tmg\n\n2026-03-02 08:00\t2\t24\t3\n2026-03-06 08:00\t1\n1\t2\t3\t4\t5\n")
    assert rows[:2] == [
        {"time": "2026-03-02 08:00", "dose_mg": "2", "every_h": "24", "count": "3"},
        {"time": "2026-03-06 08:00", "dose_mg": "1"},
    ]
    assert rows[2]["count"] == "4\t5"  # too many cells: kept, and refused at the field


@pytest.mark.parametrize(
    ("pointer", "anchor"),
    [
        ("/patient/weight_kg", "/patient/weight_kg"),
        ("/doses/1/every_h", "/doses/1/every_h"),
        ("/levels/0/below_ng_ml", "/levels/0/level_ng_ml"),
        ("/levels/0", "/levels/0"),
        ("/doses", "/doses"),
        ("/doses/7/time", "/doses"),
        ("/regimens/0/pattern_mg/1", "/regimens"),
        ("/model/parameters/cl/value", "/model"),
        ("/target", "/target"),
        ("", ""),
        ("/unheard/of", ""),
    ],
)
def test_a_problem_finds_its_field_or_the_nearest_place(pointer: str, anchor: str) -> None:
    assert anchor_of(pointer, anchors(form_from(example(ADULT)))) == anchor


def test_a_choice_is_asked_for_once() -> None:
    form = form_from(example("regimen-of-ones-own"))
    for choice in ("2/48", "1 1 1 1 1 0.5 0.5/24"):
        assert with_choice(form, choice) == form
    added = with_choice(form, "1 1.5/24")
    assert added.case()["regimens"][-1] == {"pattern_mg": [1, 1.5], "every_h": 24}
    assert choice_of(tdm.Regimen(pattern_mg=(1, 1.5))) == "1 1.5/24"
    assert with_choice(added, "1 1.5/24") == added


# --- texts -----------------------------------------------------------------------------------------------------------


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_words_with_the_same_gaps() -> None:
    english, chinese = (texts(tag).words for tag in NAMES)
    assert set(english) == set(chinese)
    assert all(gaps(english[key]) == gaps(chinese[key]) for key in english)
    assert all(text.strip() for words in (english, chinese) for text in words.values())


def test_examples_and_protocols_are_named_in_both_languages() -> None:
    for tag in NAMES:
        assert all(texts(tag).has(f"example.{name}") for name in EXAMPLES)
    for name in tdm.protocol_ids():
        protocol = tdm.load_protocol(name)
        assert texts("en")(f"protocol_title.{name}") == protocol.title
        assert texts("en")(f"protocol_for.{name}") == protocol.population.description


# --- the picture -----------------------------------------------------------------------------------------------------


def scene_of(name: str, tag: str = "en", choice: str = "") -> Scene:
    answer = tdm.recommend(read_case(with_choice(form_from(example(name)), choice).case() if choice else example(name)))
    chosen = next((one for one in answer.options if one.asked and choice_of(one.regimen) == choice), None)
    return Scene.of(answer, chosen, Reader(texts(tag), language(tag)))


def words_of(svg: ElementTree.Element) -> list[str]:
    return [one.text or "" for one in svg.iter(f"{SVG}text")]


@pytest.mark.parametrize("tag", list(NAMES))
def test_the_picture_names_window_now_levels_and_axes(tag: str) -> None:
    t = texts(tag)
    for text in drawn(scene_of(ADULT, tag), t).values():
        svg = ElementTree.fromstring(text)
        words = words_of(svg)
        assert t("picture.window", low="6", high="15") in words
        assert t("picture.now_start") in words
        assert "3.6" in words
        assert t("picture.y_title") in words
        assert any(re.fullmatch(r"\d\d-\d\d", one) for one in words)
        assert {one.get("data-part") for one in svg.iter()} >= {"window", "now", "start", "levels", "history", "ahead"}
        assert svg.get("role") == "img"
        assert "2026-03-16 08:00" in (svg.findtext(f"{SVG}desc") or "")


def test_levels_differ_by_shape_and_without_advice_nothing_starts() -> None:
    below = ElementTree.fromstring(drawn(scene_of("censored-missed-doses"), texts("en"))["wide"])
    assert [one.get("class") for one in below.iter(f"{SVG}path") if one.get("data-level")] == ["level level-below"]
    assert "<1.5" in words_of(below)
    early = drawn(scene_of("level-too-early"), texts("en"))["wide"]
    assert "level-unused" in early
    assert "(not fitted)" in early
    for name in ("level-24", "protocol-without-window"):
        unadvised = ElementTree.fromstring(drawn(scene_of(name), texts("en"))["wide"])
        assert "now" in words_of(unadvised)
        assert not [one for one in unadvised.iter() if one.get("data-part") == "start"]


def test_a_chosen_regimen_stands_in_front_of_the_proposal() -> None:
    scene = scene_of(ADULT, choice="1.5/24")
    assert scene.other is not None
    legend = dict(scene.legend(texts("en")))
    assert legend["ahead"].startswith("predicted with 1.5 mg once daily")
    assert legend["other"] == "the proposal, 2 mg once daily: median"
    assert "other-line" in drawn(scene, texts("en"))["wide"]


@pytest.mark.slow
def test_everything_in_the_picture_lies_inside_it() -> None:
    for name in EXAMPLES:
        if name == "neonate-refused":
            continue
        svg = ElementTree.fromstring(drawn(scene_of(name), texts("en"))["narrow"])
        _, _, width, height = (float(part) for part in (svg.get("viewBox") or "").split())
        for line in svg.iter(f"{SVG}polyline"):
            for point in (line.get("points") or "").split():
                x, y = (float(part) for part in point.split(","))
                assert 0 <= x <= width
                assert 0 <= y <= height


def test_axes_have_round_ticks() -> None:
    high, step = round_above(16.2, 6)
    assert (high, step) == (20.0, 5.0)
    assert [tick.label for tick in value_ticks(high, step)] == ["0", "5", "10", "15", "20"]
    assert [tick.label for tick in time_ticks(-30.0, 300.0, 5)] == ["0", "96", "192", "288"]
    assert [tick.at for tick in time_ticks(-30.0, 300.0, 5)] == [30.0, 126.0, 222.0, 318.0]


# --- the page --------------------------------------------------------------------------------------------------------


def states(client: TestClient) -> Iterator[tuple[str, str]]:
    yield "empty", client.get("/").text
    yield "loaded", client.get(f"/?example={ADULT}&lang=zh-CN").text
    for name in EXAMPLES:
        for tag in NAMES:
            yield f"{name} {tag}", client.post("/", data=typed(name, language=tag)).text
    yield "refused", client.post("/", data={"/patient/weight_kg": "<b>", "action": "answer"}).text
    yield "chosen", client.post("/", data=typed(action="choose:1.5/24")).text


@pytest.mark.slow
def test_no_state_has_inline_script_or_style_and_every_picture_is_well_formed(client: TestClient) -> None:
    for state, text in states(client):
        tags = Tags(text)
        for tag, attributes in tags.tags:
            assert tag != "style", state
            assert "style" not in attributes, state
            assert not [name for name in attributes if name.startswith("on")], state
            addresses = [attributes.get(name) or "" for name in ("src", "href", "action", "formaction")]
            assert not [one for one in addresses if re.match(r"(https?:)?//|javascript:", one)], state
            assert tag != "script" or attributes.get("src"), state
        assert len(tags.ids()) == len(set(tags.ids())), state
        for svg in re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL):
            ElementTree.fromstring(svg)


@pytest.mark.slow
def test_labels_and_descriptions_point_to_what_exists(client: TestClient) -> None:
    for state, text in states(client):
        tags = Tags(text.replace("__row__", "x"))
        known = set(tags.ids())
        for _, attributes in tags.tags:
            for name in ("for", "aria-describedby", "aria-labelledby"):
                for one in (attributes.get(name) or "").split():
                    assert one in known, (state, name, one)


def test_the_page_of_an_answer_begins_with_its_sentence(client: TestClient) -> None:
    response = client.post("/", data=typed())
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert 'data-decision="increase"' in response.text
    heading = re.search(r'<h1[^>]*id="result"[^>]*>(.*?)</h1>', response.text)
    assert heading
    assert heading[1].startswith("Increase to 2 mg once daily: 94 % chance")
    assert "2026-03-24 08:00" in response.text
    assert "24 h after a dose (every 24 h): trough" in response.text
    assert "studied: 28 to 74 years" in response.text


def test_hold_and_none_differ_from_advice_in_word_shape_and_class(client: TestClient) -> None:
    shapes = {}
    for name, word, card in (
        (ADULT, "Increase", "card-advice"),
        ("level-24", "HOLD", "card-hold"),
        ("protocol-without-window", "NO DOSE ADVISED", "card-none"),
    ):
        text = client.post("/", data=typed(name)).text
        assert f'<p class="decision">{word}</p>' in text
        assert f'class="card {card}"' in text
        shapes[card] = re.search(r'<(?:path|circle) class="sign-shape".*?/>', text)
    assert len({shape[0] for shape in shapes.values() if shape}) == 3


def test_a_refusal_stands_beside_its_fields_and_keeps_what_was_typed(client: TestClient) -> None:
    wrong = {"/patient/weight_kg": "5800", "/doses/1/dose_mg": "1 mg", "/levels/0/time": "16/03/2026", "/protocol": ""}
    response = client.post("/", data=typed(**wrong))
    assert response.status_code == 422
    tags = Tags(response.text)
    invalid = [at["name"] for _, at in tags.tags if at.get("aria-invalid") == "true"]
    assert set(invalid) == set(wrong)
    values = tags.values()
    assert all(values[name] == text for name, text in wrong.items() if name != "/protocol")
    for name in wrong:
        field = "f" + name.replace("/", "-")
        assert f"{field}-error" in tags.ids()
        assert f'href="#{field}"' in response.text


def test_the_language_is_negotiated_chosen_and_keeps_everything(client: TestClient) -> None:
    assert '<html lang="zh-CN">' in client.get("/", headers={"accept-language": "zh"}).text
    assert '<html lang="en">' in client.get("/", headers={"accept-language": "fr"}).text
    answered = client.post("/", data=typed(action="lang:zh-CN", answered="yes")).text
    assert "建议加量至 2 mg 每日一次" in answered
    assert Tags(answered).values()["/levels/0/level_ng_ml"] == "3.6"
    wrong = typed(action="lang:zh-CN", answered="yes", **{"/patient/weight_kg": "x"})
    assert Tags(client.post("/", data=wrong).text).values()["/patient/weight_kg"] == "x"


def test_rows_are_added_removed_and_pasted_without_a_script(client: TestClient) -> None:
    added = Tags(client.post("/", data=typed(action="add:doses")).text).values()
    assert added["/doses/2/time"] == ""
    removed = Tags(client.post("/", data=typed(action="remove:doses:0")).text).values()
    assert (removed["/doses/0/count"], "/doses/1/time" in removed) == ("11", False)
    rows = {"pasted-levels": "2026-03-20 08:00\t5.1\tECLIA"}
    pasted = Tags(client.post("/", data=typed(action="paste:levels", **rows)).text).values()
    assert (pasted["/levels/1/level_ng_ml"], pasted["/levels/1/assay"]) == ("5.1", "ECLIA")


def test_many_rows_are_taken(client: TestClient) -> None:
    rows = {
        f"/doses/{n}/{column}": text for n in range(300) for column, text in (("time", f"{24 * n}"), ("dose_mg", "1"))
    }
    fields = {"/patient/weight_kg": "60", "/patient/age_years": "40", "/protocol": "itp-2024-adult", **rows}
    fields["/now"] = "7200"
    assert client.post("/", data={**fields, "action": "answer"}).status_code == 200


def decided(text: str) -> str:
    found = re.search(r"<p[^>]*data-decided>(.*?)</p>", text)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("tag", "given", "known"),
    [
        (
            "en",
            "Decided at 2026-03-16 09:30",
            "Decided at 2026-03-16 08:00 (not given; the latest observed fact: level)",
        ),
        ("zh-CN", "决定于 2026-03-16 09:30", "决定于 2026-03-16 08:00（未提供；取最近观察到的事实：浓度）"),
    ],
)
def test_an_answer_says_when_it_was_decided_and_how_that_is_known(
    client: TestClient, tag: str, given: str, known: str
) -> None:
    assert decided(client.post("/", data=typed(language=tag, **{"/now": "2026-03-16 09:30"})).text) == given
    assert decided(client.post("/", data=typed(language=tag, **{"/now": ""})).text) == known


def test_with_doses_alone_the_time_of_the_decision_is_asked_for_at_its_field(client: TestClient) -> None:
    response = client.post(
        "/", data=typed(**{"/now": "", "/levels/0/time": "", "/levels/0/level_ng_ml": "", "/levels/0/assay": ""})
    )
    assert response.status_code == 422
    assert [at["name"] for _, at in Tags(response.text).tags if at.get("aria-invalid") == "true"] == ["/now"]


def test_the_present_is_offered_to_a_new_case_only(client: TestClient) -> None:
    assert Tags(client.get("/").text).values()["clock"] == "yes"
    assert Tags(client.get(f"/?example={ADULT}").text).values()["clock"] == ""
    saved = load_example(ADULT)
    opened = client.post("/", data={"action": "open", "clock": "yes"}, files={"file": ("case.json", saved)})
    assert Tags(opened.text).values()["clock"] == ""
    for action in ("answer", "lang:zh-CN", "add:doses", "choose:1.5/24"):
        for clock in ("yes", ""):
            kept = client.post("/", data=typed(action=action, clock=clock)).text
            assert Tags(kept).values()["clock"] == clock


def later(date: str) -> dict[str, str]:
    """An adverse event, a count and a level of a day."""
    return {
        "/adverse_events/0/time": f"{date} 08:00",
        "/adverse_events/0/term": "pneumonitis",
        "/adverse_events/0/grade": "2",
        "/platelets/0/time": f"{date} 09:00",
        "/platelets/0/count_10e9_l": "12",
        "/platelets/0/bleeding": "no",
        "/levels/1/time": f"{date} 10:00",
        "/levels/1/level_ng_ml": "5",
    }


@pytest.mark.parametrize(
    ("name", "kind", "date"),
    [
        (ADULT, "advice", "2026-03-20"),
        ("level-24", "hold", "2026-03-20"),
        ("protocol-without-window", "none", "2026-06-01"),
    ],
)
def test_what_lies_after_the_decision_is_urgent_on_every_card(
    client: TestClient, name: str, kind: str, date: str
) -> None:
    text = client.post("/", data=typed(name, **later(date))).text
    card = text.partition(f'class="card card-{kind}"')[2].partition("</section>")[0]
    urgent = re.findall(r'<p class="urgent">(.*?)</p>', card)
    for what in ("The level of", "The adverse event of", "The platelet count of"):
        assert [one for one in urgent if what in one and "lies after the time of the decision" in one], what
    assert not [one for one in urgent if "above 20 ng/mL" in one], "the summary of a hold says it"


def test_of_many_urgent_findings_the_card_shows_some_and_counts_the_others(client: TestClient) -> None:
    many = {f"/levels/{place}/time": f"2026-04-{place:02} 08:00" for place in range(1, 9)}
    many |= {f"/levels/{place}/level_ng_ml": "7" for place in range(1, 9)}
    text = client.post("/", data=typed(**many)).text
    assert text.count('<p class="urgent">') == 5
    assert "and 4 more, among the findings" in text


def test_the_ranges_of_a_bilirubin_stand_beside_it_in_both_units(client: TestClient) -> None:
    name = "child-immune-cytopenia-bilirubin"
    text = client.post("/", data=typed(name)).text
    for one in ("1 to 1000 µmol/L", "studied: 3 to 40 µmol/L", "0.05 to 60 mg/dL", "studied: 0.18 to 2.3 mg/dL"):
        assert one in text, one
    live = client.post("/page/sampling", data=typed(name)).json()["studied"]
    assert live["total_bilirubin_mg_dl"] == "studied: 0.18 to 2.3 mg/dL"


def test_the_sheet_has_a_bilirubin_as_entered_and_in_the_usual_unit(client: TestClient) -> None:
    name = "child-immune-cytopenia-bilirubin"
    assert "Total bilirubin 32 µmol/L<" in client.post("/", data=typed(name)).text.replace(",", "<")
    changed = {"/patient/total_bilirubin_umol_l": "1.87", "/patient/total_bilirubin_unit": "mg_dl"}
    changed |= {"/covariates/0/time": "2026-05-13 07:30", "/covariates/0/total_bilirubin_umol_l": "2"}
    changed |= {"/covariates/0/total_bilirubin_unit": "mg_dl"}
    text = client.post("/", data=typed(name, **changed)).text
    assert "Total bilirubin 1.87 mg/dL (= 31.98 µmol/L)" in text
    assert "Total bilirubin 2 mg/dL (= 34.21 µmol/L)" in text
    wrong = client.post("/", data=typed(name, **{**changed, "/patient/total_bilirubin_umol_l": "187"}))
    assert [at["name"] for _, at in Tags(wrong.text).tags if at.get("aria-invalid") == "true"] == [
        "/patient/total_bilirubin_umol_l"
    ]


def test_another_option_is_answered_for_the_same_case(client: TestClient) -> None:
    text = client.post("/", data=typed(action="choose:1.5/24")).text
    assert "Your choice, not the proposal" in text
    assert Tags(text).values()["/regimens/0/pattern_mg"] == "1.5"
    assert text.count('data-option="1.5/24"') == 1
    assert "predicted with 1.5 mg once daily" in text


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_case_is_saved_and_opened_again(client: TestClient, name: str) -> None:
    saved = client.post("/", data=typed(name, action="save"))
    assert saved.status_code == 200
    assert "attachment" in saved.headers["content-disposition"]
    assert read_case(saved.content) == read_case(example(name))
    opened = client.post("/", data={"action": "open"}, files={"file": ("case.json", saved.content)})
    assert opened.status_code == 200
    values = Tags(opened.text).values()
    assert values["/patient/weight_kg"] == fields_of(form_from(example(name)))["/patient/weight_kg"]


def test_a_file_that_is_refused_leaves_the_entries_alone(client: TestClient) -> None:
    bad = {"file": ("case.json", b'{"patient": {}, "protocol": "x", "protocol": "y"}')}
    response = client.post("/", data=typed(action="open"), files=bad)
    assert response.status_code == 422
    assert "The file was not opened" in response.text
    assert Tags(response.text).values()["/patient/weight_kg"] == "58"
    assert client.post("/", data=typed(action="open")).status_code == 422


def test_a_model_given_whole_travels_in_a_hidden_field(client: TestClient) -> None:
    text = client.post("/", data=typed("site-model")).text
    hidden = [at for tag, at in Tags(text).tags if tag == "input" and at.get("name") == "/model"]
    assert json.loads(hidden[0]["value"] or "") == example("site-model")["model"]
    broken = client.post("/", data=typed("site-model", **{"/model": '{"id": '}))
    assert broken.status_code == 422
    dropped = Tags(client.post("/", data=typed("site-model", action="drop:/model")).text)
    assert not [at for tag, at in dropped.tags if at.get("name") == "/model" and tag == "input"]


def test_the_live_time_after_the_dose(client: TestClient) -> None:
    found = client.post("/page/sampling", data=typed(**{"/levels/0/time": "2026-03-16 03:00", "/levels/1/time": "x"}))
    first, second = found.json()["levels"]
    assert first == {"words": "19 h after a dose (every 24 h): not a trough", "trough": "no"}
    assert second["trough"] == ""
    assert client.post("/page/sampling", data={"/levels/0/time": "5"}).json()["levels"][0]["trough"] == ""
    mixed = client.post("/page/sampling", data={"/levels/0/time": "5", "/doses/0/time": "2026-03-02 08:00"})
    assert mixed.json()["levels"][0]["trough"] == ""


def test_a_busy_service_keeps_the_entries(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy(work: object) -> object:
        raise Busy

    monkeypatch.setattr(client.app.state.capacity, "run", busy)  # type: ignore[attr-defined]
    response = client.post("/", data=typed())
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert Tags(response.text).values()["/patient/weight_kg"] == "58"


def test_an_unreadable_post_is_answered_with_the_page(client: TestClient) -> None:
    headers = {"content-type": "multipart/form-data"}
    assert client.post("/", content=b"--x\r\nnonsense", headers=headers).status_code == 400
    assert client.post("/", data={"/now": "x" * 1_100_000}).status_code == 413
    assert client.get("/?example=unheard-of").status_code == 404


def test_what_was_typed_is_never_markup(client: TestClient) -> None:
    text = client.post(
        "/", data=typed(**{"/comedications/0/name": "<b>x</b>", "/comedications/0/start": "2026-03-02 08:00"})
    ).text
    assert "<b>x" not in text
    assert "&lt;b&gt;x" in text


def test_the_static_files_fetch_nothing_from_elsewhere() -> None:
    folder = Path(__file__).resolve().parent.parent / "api" / "tdm_api" / "page" / "static"
    for name in ("page.css", "page.js"):
        assert not re.search(r"https?:|@import|url\(", (folder / name).read_text(encoding="utf-8"))
    assert set(TABLES) <= set(tdm.Case.model_fields)


def test_the_page_asks_for_no_more_work_than_a_request_may(client: TestClient) -> None:
    times = {f"/levels/{place}/time": f"2026-03-16 {place // 60 + 8:02}:{place % 60:02}" for place in range(51)}
    levels = times | {f"/levels/{place}/level_ng_ml": "7" for place in range(51)}
    response = client.post("/", data={**typed(), **levels})
    assert response.status_code == 422
    assert 'id="f-levels-error"' in response.text
