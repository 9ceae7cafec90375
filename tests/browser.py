"""What the tests in a real browser share: visitors, the steps of the job, and what can be seen of it.

A field is named by its JSON Pointer, which is its name on the page; words come from the page's own texts.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Frame, Locator, Page, Request, expect
from pypdf import PdfReader

import tdm
from tdm_api.language import language
from tdm_api.page.texts import Texts, texts

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SSCI = "adult-ctd-low-trough"
LANGUAGES = ("en", "zh-CN")
WIDE, NARROW, PHONE, ZOOMED = (1280, 900), (320, 640), (360, 640), (640, 450)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 15_000
# The time that the clock of every visitor shows, in the visitor's own zone.
PRESENT = "2026-03-18 10:41"
# What an address may say: which example, which language, which version of a static file.
ADDRESS_KEYS = {"example", "lang", "v"}
# A browser itself reports that a document came with one of these statuses: refused, and busy.
FORESEEN = re.compile(r"the server responded with a status of (422|503)")
VIOLATIONS = "addEventListener('securitypolicyviolation', e => console.error(`policy: ${e.violatedDirective}`));"
AXE_OPTIONS = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}
TABLES = ("doses", "levels", "covariates", "comedications", "regimens")


class Visitors:
    """People who open the page, each with nothing remembered; what must not happen to any of them is noted."""

    def __init__(self, browser: Browser, base: str) -> None:
        self._browser, self._base = browser, base
        self._contexts: list[BrowserContext] = []
        self.addresses: list[str] = []
        self.faults: list[str] = []

    def page(self, tag: str = "en", size: tuple[int, int] = WIDE, scripts: bool = True) -> Page:
        """Return a page that shows nothing yet, of a visitor whose browser asks for a language."""
        context = self._browser.new_context(
            base_url=self._base,
            locale=tag,
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        self._contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        context.add_init_script(VIOLATIONS)
        if scripts:
            context.clock.set_fixed_time(datetime.fromisoformat(PRESENT))
        context.on("console", self._said)
        context.on("weberror", lambda error: self.faults.append(f"error of the page: {error.error}"))
        context.on("request", self._asked)
        page = context.new_page()
        page.on("framenavigated", self._moved)
        return page

    def leave(self) -> None:
        """Close everything that was opened."""
        for context in self._contexts:
            context.close()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not FORESEEN.search(message.text):
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in ("data", "blob"):
            return
        if f"{url.scheme}://{url.netloc}" != self._base:
            self.faults.append(f"a request to elsewhere: {request.url}")
        self._noted(request.url)

    def _moved(self, frame: Frame) -> None:
        if frame.url.startswith(self._base):
            self._noted(frame.url)

    def _noted(self, address: str) -> None:
        self.addresses.append(address.removeprefix(self._base))
        if unforeseen := parse_qs(urlsplit(address).query, keep_blank_values=True).keys() - ADDRESS_KEYS:
            self.faults.append(f"an address says {sorted(unforeseen)}: {address}")


# --- cases and answers ------------------------------------------------------------------------------------------------


def case_of(name: str) -> dict[str, Any]:
    """Return an example as JSON: doses in mg, levels in ng/mL."""
    case: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return case


@cache
def answered(name: str) -> tdm.Recommendation:
    """Return the core's answer to an example."""
    return tdm.recommend(tdm.read_case((EXAMPLES / f"{name}.json").read_bytes()))


def summary_of(name: str, tag: str) -> str:
    """Return the sentence that the core answers an example with, in a language."""
    return language(tag).said(answered(name).summary)


# --- the page ---------------------------------------------------------------------------------------------------------


def words(page: Page) -> Texts:
    """Return the page's texts in the language in which it is shown."""
    return texts(page.locator("html").get_attribute("lang") or "")


def box(page: Page, pointer: str) -> Locator:
    """Return the field of a pointer."""
    return page.locator(f'[name="{pointer}"]')


def button(page: Page, key: str, **gaps: str) -> Locator:
    """Return the button with the words of a key; where there are two, the one after the entries."""
    return page.get_by_role("button", name=words(page)(f"actions.{key}", **gaps), exact=True).last


def in_state(page: Page, state: str) -> None:
    """Wait until the page shows a state."""
    expect(page.locator("body")).to_have_attribute("data-state", state, timeout=WAIT_MS)
    page.wait_for_load_state()


def post(page: Page, pressed: Locator) -> None:
    """Press a button that sends the page, and wait for the page that comes back."""
    with page.expect_event("load"):
        pressed.click()


def summary(page: Page) -> Locator:
    """Return the sentence that an answer begins with."""
    return page.locator("#result")


def load(page: Page, name: str) -> None:
    """Open the page with an example in it."""
    page.goto(f"/?example={name}")


def get_answer(page: Page, state: str = "answer") -> None:
    """Ask for the answer and wait for it, or for another state."""
    post(page, button(page, "answer"))
    in_state(page, state)


def load_and_answer(page: Page, name: str, state: str = "answer") -> None:
    """Open the page with an example and ask for its answer."""
    load(page, name)
    get_answer(page, state)


def put(page: Page, pointer: str, value: Any) -> None:
    """Type a value into its field, or choose it."""
    field = box(page, pointer)
    text = str(value).replace("T", " ") if pointer.endswith(("time", "now", "start", "stop")) else str(value)
    if field.evaluate("field => field.tagName") == "SELECT":
        field.select_option(text)
    else:
        field.fill(text)


def put_row(page: Page, table: str, index: int, row: dict[str, Any]) -> None:
    """Type a row of a table, adding a row to the page if there is none left."""
    if index >= page.locator(f"[data-rows={table}] > li").count():
        button(page, f"add_{table}").click()
        expect(page.locator(f"[data-rows={table}] > li")).to_have_count(index + 1)
    for column, value in row.items():
        put(page, f"/{table}/{index}/{column}", value)


def put_case(page: Page, case: dict[str, Any]) -> None:
    """Type a case into the page, field by field."""
    for name, value in case["patient"].items():
        put(page, f"/patient/{name}", value)
    put(page, "/protocol", case["protocol"])
    for table in TABLES:
        for index, row in enumerate(case.get(table, ())):
            put_row(page, table, index, row)
    put(page, "/now", case["now"])


def held(page: Page) -> dict[str, str]:
    """Return what the fields hold, by pointer; blank ones are left out."""
    fields: dict[str, str] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#case [name^='/']")]
            .filter(field => field.value && !field.name.endsWith("/kind")).map(field => [field.name, field.value]))"""
    )
    return fields


def saved(page: Page) -> str:
    """Press the button that saves and return the text of the file."""
    with page.expect_download() as download:
        button(page, "save").click()
    assert download.value.suggested_filename.endswith(".json")
    return download.value.path().read_text(encoding="utf-8")


def open_file(page: Page, path: Path, scripts: bool = True) -> None:
    """Open a case file as one does by hand; without scripts a button has to be pressed."""
    folded = page.locator("details:has(#file)")
    if folded.get_attribute("open") is None:
        folded.locator("summary").click()
    page.locator("#file").set_input_files(path)
    if not scripts:
        button(page, "open").click()


def get_turned_away(page: Page) -> None:
    """Ask for the answer until the service is too busy to give one."""
    with crowd(page):
        for _ in range(10):
            post(page, button(page, "answer"))
            if page.locator("body").get_attribute("data-state") == "busy":
                return
    raise AssertionError("the service is never busy")


@contextmanager
def crowd(page: Page) -> Iterator[None]:
    """Keep all threads of the service at work on long cases of other people, who come one after the other."""
    host = urlsplit(page.url).netloc
    case = {
        "patient": {"weight_kg": 58, "age_years": 41, "hematocrit_percent": 37},
        "protocol": "ssci-nct03688191",
        "doses": [{"time": 192 * run, "dose_mg": 1, "every_h": 24, "count": 8} for run in range(24)],
        "levels": [{"time": 192 * run + 168, "level_ng_ml": 3.5 + 0.01 * run} for run in range(24)],
    }
    body, over = json.dumps(case), threading.Event()

    def ask(patience_s: float) -> None:
        over.wait(patience_s)
        while not over.is_set():
            connection = http.client.HTTPConnection(host, timeout=60)
            connection.request("POST", "/v1/recommendations", body, {"Content-Type": "application/json"})
            connection.getresponse().read()
            connection.close()

    people = [threading.Thread(target=ask, args=(0.1 * number,), daemon=True) for number in range(10)]
    for one in people:
        one.start()
    page.wait_for_timeout(1_100)
    try:
        yield
    finally:
        over.set()
        for one in people:
            one.join()


# --- what can be seen and reached -------------------------------------------------------------------------------------


@cache
def axe_script() -> str:
    """Return the text of axe-core."""
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """Return what axe-core finds against WCAG 2.2 A and AA, each with its elements."""
    page.evaluate(axe_script())
    found = page.evaluate("options => axe.run(document, options)", AXE_OPTIONS)
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


TARGETS = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
    .filter(target => !target.closest("[aria-hidden=true]") && target.getClientRects().length
        && target.checkVisibility({ visibilityProperty: true }))"""


def small_targets(page: Page) -> list[str]:
    """Return the targets of less than 24 px in width or height."""
    found: list[str] = page.evaluate(
        f"""() => ({TARGETS})().flatMap(target => {{
            const {{ width, height }} = target.getBoundingClientRect();
            const small = width < 23.95 || height < 23.95;
            const size = `${{width.toFixed(1)}} x ${{height.toFixed(1)}} px`;
            return small ? [`${{size}}: ${{target.outerHTML.slice(0, 120)}}`] : [];
        }})"""
    )
    return found


def overflow(page: Page) -> list[str]:
    """Return what makes the page wider than the window."""
    found: list[str] = page.evaluate(
        """() => {
            const room = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= room) return [];
            const wide = [...document.body.querySelectorAll("*")]
                .filter(one => one.getBoundingClientRect().right > room + 0.5 && !one.closest(".scroll"))
                .map(one => `${one.tagName} ${one.id} ${one.className}`);
            return wide.length ? wide : [`the document is ${document.documentElement.scrollWidth} px wide`];
        }"""
    )
    return found


STOP = """() => {
    const stop = document.activeElement;
    if (stop === document.body) return null;
    const { left, right, top, bottom } = stop.getBoundingClientRect();
    const style = getComputedStyle(stop);
    const places = [[0.5, 0.5], [0.1, 0.2], [0.9, 0.2], [0.1, 0.8], [0.9, 0.8]]
        .map(([x, y]) => document.elementFromPoint(left + x * (right - left), top + y * (bottom - top)));
    return {
        what: stop.outerHTML.slice(0, 120),
        place: (TARGETS)().indexOf(stop),
        seen: places.some(place => stop.contains(place)),
        marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    };
}""".replace("TARGETS", TARGETS)


class Stop(NamedTuple):
    """Where the Tab key leads: what it is, its place among the targets, whether it is seen and marked as focused."""

    what: str
    place: int
    seen: bool
    marked: bool


def stop(page: Page) -> Stop | None:
    """Return what has the focus, None if nothing has."""
    found = page.evaluate(STOP)
    return Stop(**found) if found else None


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until what a selector means has the focus."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


# --- paper ------------------------------------------------------------------------------------------------------------


class Sheet(NamedTuple):
    """What is printed: the number of pages and all text, without any white space."""

    pages: int
    text: str


def squeezed(text: str) -> str:
    """Return a text without white space, with ligatures and look-alikes as plain characters."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def printed(page: Page) -> Sheet:
    """Return what comes out of the printer on A4."""
    reader = PdfReader(BytesIO(page.pdf(format="A4", prefer_css_page_size=True)))
    return Sheet(len(reader.pages), squeezed("".join(one.extract_text() for one in reader.pages)))
