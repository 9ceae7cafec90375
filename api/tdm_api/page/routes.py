"""The pharmacist's page: one address, a form that is posted to it, and the live time after the dose.

Addresses carry no patient data: everything typed travels in the body of a POST. Nothing is stored.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, get_args

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from tdm import NotConverged, Protocol, Refused, read_case, recommend
from tdm.case.entries import Question, Term
from tdm.knowledge.assay import METHODS
from tdm.notation.formatting import percent, three_digits, time_in_words
from tdm.notation.strict_text import MOST_BYTES, parse_json
from tdm.version import __version__
from tdm_api.bodies import read_body
from tdm_api.capacity import Busy
from tdm_api.examples import example_ids, load_example
from tdm_api.language import language, negotiated
from tdm_api.page.form import (
    BILIRUBIN_UNITS,
    PASTED,
    TABLES,
    UNITS,
    USUAL_BILIRUBIN_UNIT,
    USUAL_UNIT,
    Form,
    form_from,
    form_of,
    pasted_rows,
    with_choice,
)
from tdm_api.page.texts import NAMES, Reader, texts
from tdm_api.page.view import (
    Page,
    accepted_ranges,
    drug_choices,
    model_choices,
    problems_shown,
    protocol_card,
    protocol_cards,
    sampling_shown,
    shown,
    studied_ranges,
)
from tdm_api.problems import Rejected
from tdm_api.workload import check_workload

_HERE = Path(__file__).resolve().parent
STATIC = _HERE / "static"
# Many rows make many fields; the size of the body is bounded by whoever reads it.
MOST_FIELDS = 20_000
SAVED_AS = "sirolimus-case.json"

router = APIRouter(include_in_schema=False)

_UNREADABLE = (MultiPartException, Rejected)
_UNSTORED: Mapping[str, str] = {"Cache-Control": "no-store"}

_templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_templates.filters.update(percent=percent, digits=three_digits, when=time_in_words)


@dataclass(frozen=True)
class Posted:
    """What a browser sent: the form, the button, and what the page remembers about itself."""

    form: Form
    action: str = ""
    argument: str = ""
    language: str = ""
    choice: str = ""
    clock: bool = False
    answered: bool = False
    pasted: Mapping[str, str] = field(default_factory=dict)
    file: bytes | None = None


@dataclass(frozen=True)
class Outcome:
    """What a button led to: a page with its HTTP status and headers, or a saved case (JSON) in its place."""

    page: Page
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    saved: str | None = None


@router.get("/")
async def page(request: Request, example: str | None = None, lang: str | None = None) -> Response:
    """Show the empty form, or an example in it."""
    reader = _reader(request, lang)
    return await asyncio.to_thread(lambda: _response(_first(reader, example), _root(request)))


@router.post("/")
async def posted(request: Request) -> Response:
    """Do what the pressed button says, with everything that was typed, and show the page again."""
    try:
        asked = _posted(await _fields(request))
    except _UNREADABLE as failed:
        reader = _reader(request, None)
        unread = Page(reader, Form(), notice=reader.t("notice.bad_form"))
        return _response(Outcome(unread, _status(failed)), _root(request))
    reader = _reader(request, asked.language)
    act = _ACTIONS.get(asked.action, _edit)
    root = _root(request)
    try:
        response: Response = await request.app.state.capacity.run(lambda: _response(act(asked, reader), root))
    except Busy as rejected:
        busy = replace(_kept(asked, reader, asked.form), state="busy", notice=reader.t("notice.busy"))
        outcome = Outcome(busy, rejected.document.status, rejected.headers)
        return await asyncio.to_thread(lambda: _response(outcome, root))
    return response


@router.post("/page/sampling")
async def sampling(request: Request) -> Response:
    """Return for each level when it was drawn after a dose (h), and the studied ranges, as the page shows them."""
    try:
        asked = _posted(await _fields(request))
        reader = _reader(request, asked.language)
        found: Mapping[str, Any] = await request.app.state.capacity.run(lambda: _live(asked.form, reader))
    except _UNREADABLE as failed:
        return _json({}, _status(failed))
    return _json(found)


def _first(reader: Reader, example: str | None) -> Outcome:
    if example is None:
        return Outcome(Page(reader, Form(), clock=True))
    if example not in example_ids():
        unknown = Page(reader, Form(), clock=True, notice=reader.t("notice.unknown_example"))
        return Outcome(unknown, HTTPStatus.NOT_FOUND)
    form = form_from(parse_json(load_example(example)))
    return Outcome(_at_rest(Page(reader, form, notice=reader.t("notice.example"))))


def _live(form: Form, reader: Reader) -> Mapping[str, Any]:
    live = _at_rest(Page(reader, form))
    note = reader.t("form.studied_by", model=live.studied_model) if live.studied_model else ""
    ranges = {name: reader.t("form.studied", range=one) for name, one in live.studied.items()}
    return {"levels": [vars(one) for one in live.sampling], "studied": ranges, "note": note}


def _kept(asked: Posted, reader: Reader, form: Form) -> Page:
    """A page that remembers about itself what the one before it did."""
    return Page(reader, form, choice=asked.choice, clock=asked.clock)


def _answer(asked: Posted, reader: Reader) -> Outcome:
    return _answered(_kept(asked, reader, asked.form.compacted()))


def _choose(asked: Posted, reader: Reader) -> Outcome:
    form = with_choice(asked.form.compacted(), asked.argument)
    return _answered(replace(_kept(asked, reader, form), choice=asked.argument))


def _save(asked: Posted, reader: Reader) -> Outcome:
    page = Page(reader, asked.form.compacted(), clock=asked.clock)
    try:
        case = page.form.case()
        read_case(case)
    except Refused as refused:
        return _refused(page, refused)
    return Outcome(page, saved=json.dumps(case, indent=2, ensure_ascii=False) + "\n")


def _open(asked: Posted, reader: Reader) -> Outcome:
    page = Page(reader, asked.form.compacted(), clock=asked.clock)
    if not asked.file:
        return Outcome(_at_rest(replace(page, notice=reader.t("notice.no_file"))), HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        case = parse_json(asked.file)
        read_case(case)
    except Refused as refused:
        # the entries are another case than the file's: its problems stand beside none of them
        found = problems_shown(refused.problems, Form(), reader)
        unplaced = tuple(replace(one, anchor="", place=one.pointer or one.place) for one in found)
        page = _at_rest(replace(page, state="refused", problems=unplaced, of_file=True))
        return Outcome(page, HTTPStatus.UNPROCESSABLE_ENTITY)
    return Outcome(_at_rest(Page(reader, form_from(case), notice=reader.t("notice.opened"))))


def _edit(asked: Posted, reader: Reader) -> Outcome:
    """Add, remove or paste rows, or change the language; an answer that was there is given again for the entries."""
    page = _kept(asked, reader, _edited(asked))
    if asked.answered:
        outcome = _answered(replace(page, form=page.form.compacted()))
        # half-way through an edit nobody wants to be refused
        if outcome.status == HTTPStatus.OK:
            return Outcome(replace(outcome.page, form=page.form))
    return Outcome(_at_rest(page))


_ACTIONS: Mapping[str, Callable[[Posted, Reader], Outcome]] = {
    "answer": _answer,
    "choose": _choose,
    "save": _save,
    "open": _open,
}


def _edited(asked: Posted) -> Form:
    table, _, index = asked.argument.partition(":")
    if asked.action == "add" and table in TABLES:
        return asked.form.compacted().with_rows(table, [{}])
    if asked.action == "remove" and table in TABLES and index.isdecimal():
        return asked.form.without_row(table, int(index)).compacted()
    if asked.action == "paste" and table in PASTED:
        return asked.form.compacted().with_rows(table, pasted_rows(table, asked.pasted.get(table, "")))
    if asked.action == "drop":
        return asked.form.without(asked.argument).compacted()
    return asked.form.compacted()


def _answered(page: Page) -> Outcome:
    try:
        case = read_case(page.form.case())
        check_workload(case)
        answer = recommend(case)
    except Refused as refused:
        return _refused(page, refused)
    except NotConverged:
        return Outcome(replace(_at_rest(page), state="failed"), HTTPStatus.UNPROCESSABLE_ENTITY)
    return Outcome(replace(_at_rest(page), state="answer", shown=shown(case, answer, page.choice, page.reader)))


def _at_rest(page: Page) -> Page:
    """The page with what can be said beside the fields of a case that may still be incomplete."""
    page = replace(page, sampling=sampling_shown(page.form, page.reader.t))
    try:
        model, ranges = studied_ranges(read_case(page.form.compacted().case()), page.reader.t)
    except Refused:
        return page
    return replace(page, studied=ranges, studied_model=model)


def _refused(page: Page, refused: Refused) -> Outcome:
    problems = problems_shown(refused.problems, page.form, page.reader)
    return Outcome(replace(_at_rest(page), state="refused", problems=problems), HTTPStatus.UNPROCESSABLE_ENTITY)


def _reader(request: Request, chosen: str | None) -> Reader:
    tag = chosen if chosen in NAMES else negotiated(request.headers.get("accept-language"))
    return Reader(texts(tag), language(tag))


async def _fields(request: Request) -> list[tuple[str, str | bytes]]:
    """The fields of a posted form, whichever way the browser wrote them; an uploaded file as its bytes."""
    body = await read_body(request)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body
        yield b""

    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        parser = MultiPartParser(
            request.headers, stream(), max_files=1, max_fields=MOST_FIELDS, max_part_size=MOST_BYTES
        )
        parsed = await parser.parse()
    else:
        parsed = await FormParser(request.headers, stream(), max_fields=MOST_FIELDS, max_part_size=MOST_BYTES).parse()
    items = parsed.multi_items()
    return [(name, await one.read() if isinstance(one, UploadFile) else one) for name, one in items]


def _posted(fields: list[tuple[str, str | bytes]]) -> Posted:
    plain = {name: value for name, value in fields if isinstance(value, str)}
    action, _, argument = plain.get("action", "").partition(":")
    return Posted(
        form=form_of(plain.items()),
        action=action,
        argument=argument,
        language=argument if action == "lang" else plain.get("language", ""),
        choice=plain.get("choice", ""),
        clock=plain.get("clock") == "yes",
        answered=plain.get("answered") == "yes",
        pasted={table: plain.get(f"pasted-{table}", "") for table in PASTED},
        file=next((value for name, value in fields if name == "file" and isinstance(value, bytes)), None),
    )


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", ""))


def _status(failed: Exception) -> int:
    return failed.document.status if isinstance(failed, Rejected) else HTTPStatus.BAD_REQUEST


def _response(outcome: Outcome, root: str) -> Response:
    if outcome.saved is not None:
        headers = {"Content-Disposition": f'attachment; filename="{SAVED_AS}"', **_UNSTORED}
        return Response(outcome.saved, headers=headers, media_type="application/json")
    text = _templates.get_template("page.html").render(_context(outcome.page, root))
    headers = {"Content-Language": outcome.page.reader.t.tag, **_UNSTORED, **outcome.headers}
    return Response(text, outcome.status, headers, "text/html")


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    text = json.dumps(content, ensure_ascii=False)
    return Response(text, status, _UNSTORED, "application/json")


def _context(page: Page, root: str) -> dict[str, Any]:
    reader = page.reader
    cards = protocol_cards(reader)
    return {
        "page": page,
        "t": reader.t,
        "say": reader.say,
        "languages": NAMES,
        "root": root,
        "version": __version__,
        "ranges": accepted_ranges(reader.t),
        "protocols": cards,
        "own_protocol": _own_protocol(page),
        "models": model_choices(reader),
        "own_model": _own_model(page),
        "assays": tuple(word for method in METHODS for word in method.words),
        "drugs": drug_choices(reader.t),
        "terms": get_args(Term),
        "questions": get_args(Question),
        "units": UNITS,
        "usual_unit": USUAL_UNIT,
        "bilirubin_units": BILIRUBIN_UNITS,
        "usual_bilirubin_unit": USUAL_BILIRUBIN_UNIT,
        "examples": example_ids(),
        "columns": TABLES,
    }


def _own_protocol(page: Page) -> Any:
    """The card of a protocol that came whole with a file."""
    whole = _whole(page, "/protocol")
    try:
        return protocol_card(Protocol.model_validate(whole), page.reader) if whole else None
    except ValueError:
        return None


def _own_model(page: Page) -> str:
    """The id of a model that came whole with a file."""
    whole = _whole(page, "/model")
    return str(whole.get("id", "?")) if whole else ""


def _whole(page: Page, pointer: str) -> dict[str, Any] | None:
    text = page.form.text(pointer).strip()
    try:
        return parse_json(text) if text.startswith("{") else None
    except Refused:
        return None
