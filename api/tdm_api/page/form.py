"""The fields of the page and the case behind them.

A field's name is the JSON Pointer of what it holds, and its text stays as it was typed. Here a text becomes a number or
a time only where it is one to the letter; every other text goes on as it is, and the core refuses it at its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from tdm.case.regimen import Regimen
from tdm.notation.refusal import Problem, Refused
from tdm.notation.strict_text import parse_json

# The tables of the form with their columns. The value of a level stands in `level_ng_ml`; `kind` says whether it was
# measured or is a limit that the level lies below, and `unit` which unit it is in: blank is ng/mL. A total bilirubin in
# any unit stands in `total_bilirubin_umol_l`, and `total_bilirubin_unit` names another unit: blank is umol/L.
TABLES: Mapping[str, tuple[str, ...]] = {
    "doses": ("time", "dose_mg", "every_h", "count", "missed", "taken"),
    "levels": ("time", "kind", "level_ng_ml", "unit", "assay"),
    "covariates": ("time", "weight_kg", "hematocrit_percent", "total_bilirubin_umol_l", "total_bilirubin_unit"),
    "comedications": ("name", "start", "stop"),
    "adverse_events": ("time", "end", "term", "grade"),
    "platelets": ("time", "count_10e9_l", "bleeding"),
    "regimens": ("pattern_mg", "every_h"),
    "confirmed": ("code", "at", "answer"),
}
# The columns in which a row of a spreadsheet is pasted.
PASTED: Mapping[str, tuple[str, ...]] = {
    "doses": ("time", "dose_mg", "every_h", "count"),
    "levels": ("time", "level_ng_ml", "assay"),
}
SINGLES = (
    "/patient/weight_kg",
    "/patient/age_years",
    "/patient/sex",
    "/patient/height_cm",
    "/patient/hematocrit_percent",
    "/patient/total_bilirubin_umol_l",
    "/patient/total_bilirubin_unit",
    "/patient/cyp3a5_star1_carrier",
    "/patient/child_pugh",
    "/protocol",
    "/target/low_ng_ml",
    "/target/high_ng_ml",
    "/target/source",
    "/target/grade",
    "/target/note",
    "/model",
    "/product/strengths_mg",
    "/product/step_mg",
    "/response_definition",
    "/now",
)
# What a blank field means in a case, where it means something: the page shows it as the blank's own words.
BLANK_MEANS: Mapping[str, str] = {"/response_definition": "and"}
# What a blank interval of a regimen means in a case, h.
USUAL_INTERVAL = "24"
KIND, MEASURED, BELOW = "kind", "measured", "below"
VALUE, UNIT, USUAL_UNIT = "level_ng_ml", "unit", "ng_ml"
# The units of a level, as they end the names of its fields, and as they are written.
UNITS: Mapping[str, str] = {USUAL_UNIT: "ng/mL", "ug_l": "µg/L", "nmol_l": "nmol/L"}
BILIRUBIN, BILIRUBIN_UNIT, USUAL_BILIRUBIN_UNIT = "total_bilirubin_umol_l", "total_bilirubin_unit", "umol_l"
# The same for a total bilirubin.
BILIRUBIN_UNITS: Mapping[str, str] = {USUAL_BILIRUBIN_UNIT: "µmol/L", "mg_dl": "mg/dL"}
# The columns of a table that hold no value of their own.
_ABOUT_OTHERS = (KIND, UNIT, BILIRUBIN_UNIT)
_TEXTS = {BILIRUBIN_UNIT, "sex", "protocol", "model", "assay", "name", "source", "note", "child_pugh", "term", "taken"}
# the grade of a target is a letter, that of an adverse event a number
_TEXTS |= {"response_definition", "/target/grade", "code", "answer"}
_TIMES = {"time", "start", "stop", "end", "now", "missed", "at"}
_LISTS = {"pattern_mg", "strengths_mg", "missed", "at"}
_YES_NO = {"cyp3a5_star1_carrier", "bleeding"}
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_SPACED = re.compile(r"(\d{4}-\d{2}-\d{2}) (?=\d{2}:)")
_JOINED = re.compile(r"(\d{4}-\d{2}-\d{2})T(?=\d{2}:)")
_ROW = re.compile(r"/([a-z_]+)/([0-9]{1,6})/([a-z0-9_]+)")
_VALUE = re.compile(f"/(level|below)_({'|'.join(UNITS)})")
_BILIRUBIN = re.compile(f"/total_bilirubin_({'|'.join(BILIRUBIN_UNITS)})$")
# A comma without a space after it may be a decimal comma, so it separates nothing; before a date, it cannot be one. The
# Chinese signs are none.
_SEPARATOR = re.compile(r"\s*[;\uff1b\uff0c\u3001]\s*|,\s+|,(?=\d{4}-\d{2}-)")

Row = Mapping[str, str]


@dataclass(frozen=True)
class Form:
    """What the fields hold, verbatim: the single ones by pointer, and the rows of each table."""

    singles: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)

    def text(self, pointer: str) -> str:
        """Return the text of a field by its pointer, empty if nothing was typed."""
        found = _ROW.fullmatch(pointer)
        if not found:
            return self.singles.get(pointer, "")
        table, index, column = found[1], int(found[2]), found[3]
        rows = self.rows.get(table, ())
        return rows[index].get(column, "") if index < len(rows) else ""

    def compacted(self) -> Form:
        """Return the form without wholly blank rows, so that its rows are numbered as those of the case."""
        return replace(self, rows={table: tuple(filter(_filled, rows)) for table, rows in self.rows.items()})

    def with_rows(self, table: str, added: Iterable[Row]) -> Form:
        """Return the form with rows added at the end of a table."""
        return replace(self, rows={**self.rows, table: (*self.rows.get(table, ()), *added)})

    def without_row(self, table: str, index: int) -> Form:
        """Return the form without one row of a table."""
        kept = tuple(row for place, row in enumerate(self.rows.get(table, ())) if place != index)
        return replace(self, rows={**self.rows, table: kept})

    def without(self, pointer: str) -> Form:
        """Return the form with one single field empty."""
        return replace(self, singles={name: text for name, text in self.singles.items() if name != pointer})

    def case_rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table as JSON would hold them, blank ones as empty objects."""
        return [_row_value(table, row) for row in self.rows.get(table, ())]

    def case(self) -> dict[str, Any]:
        """Return the case that a compacted form describes, as JSON would; raise `Refused` for a broken whole object."""
        case: dict[str, Any] = {"patient": {}}
        for pointer in SINGLES:
            text = self.singles.get(pointer, "").strip()
            if text:
                _place(case, pointer, _single(pointer, text))
        case["patient"] = _with_unit(case["patient"])
        for table in TABLES:
            if rows := self.case_rows(table):
                case[table] = rows
        return case


def form_of(fields: Iterable[tuple[str, str]]) -> Form:
    """Return the form that posted fields make, each row in its place, blank ones included."""
    singles: dict[str, str] = {}
    rows: dict[str, dict[int, dict[str, str]]] = {}
    for name, text in fields:
        found = _ROW.fullmatch(name)
        if name in SINGLES:
            singles[name] = text
        elif found and found[3] in TABLES.get(found[1], ()):
            rows.setdefault(found[1], {}).setdefault(int(found[2]), {})[found[3]] = text
    return Form(singles, {table: tuple(by[index] for index in sorted(by)) for table, by in rows.items()})


def form_from(case: Mapping[str, Any]) -> Form:
    """Return the form that shows a case, given as JSON; what `Form.case` returns is the same case."""
    if isinstance(patient := case.get("patient"), Mapping):
        case = {**case, "patient": _with_unit_apart(patient)}
    given = {pointer: _written(value) for pointer in SINGLES if (value := _at(case, pointer)) is not None}
    singles = {pointer: text for pointer, text in given.items() if text != BLANK_MEANS.get(pointer)}
    rows = {table: tuple(_row_texts(table, row) for row in case.get(table) or ()) for table in TABLES}
    return Form({name: _spaced(name, text) for name, text in singles.items()}, rows)


def pasted_rows(table: str, text: str) -> list[Row]:
    """Return the rows of a text from a spreadsheet: cells between tabs; a first line without digits is a head."""
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and not any(character.isdigit() for character in lines[0]):
        lines = lines[1:]
    columns = PASTED[table]
    cells = [line.split("\t", len(columns) - 1) for line in lines]
    return [dict(zip(columns, (cell.strip() for cell in row), strict=False)) for row in cells]


def choice_of(regimen: Regimen) -> str:
    """Return the short text that names a regimen in a button: doses (mg) in turn, then the interval (h)."""
    return f"{' '.join(map(_short, regimen.pattern_mg))}/{_short(regimen.every_h)}"


def with_choice(form: Form, choice: str) -> Form:
    """Return the form with the regimen of a choice among those that are asked for, unless it is there already."""
    pattern, _, every = choice.partition("/")
    row = {"pattern_mg": ", ".join(pattern.split()), "every_h": every}
    same = [_row_value("regimens", one) for one in (row, {**row, "every_h": ""})]
    usual = [same[0]] if every != USUAL_INTERVAL else same
    return form if any(one in usual for one in form.case_rows("regimens")) else form.with_rows("regimens", [row])


def anchor_of(pointer: str, anchors: Iterable[str]) -> str:
    """Return the anchor of the page that is nearest to a problem: its field, its row, its section, or the top ("")."""
    known = set(anchors)
    place = _BILIRUBIN.sub(f"/{BILIRUBIN}", _VALUE.sub(f"/{VALUE}", pointer))
    while place and place not in known:
        place = place.rpartition("/")[0]
    return place


def anchors(form: Form) -> set[str]:
    """Return the pointers of everything on the page that a problem can stand beside: sections, rows and fields."""
    found = {*SINGLES, "/patient", "/target", "/product", *(f"/{table}" for table in TABLES)}
    for table, columns in TABLES.items():
        for index in range(len(form.rows.get(table, ()))):
            found |= {f"/{table}/{index}", *(f"/{table}/{index}/{column}" for column in columns)}
    return found


def _filled(row: Row) -> bool:
    return any(text.strip() for column, text in row.items() if column not in _ABOUT_OTHERS)


def _with_unit(values: dict[str, Any]) -> dict[str, Any]:
    """The values with the total bilirubin under the name that says its unit; a unit without a value says nothing."""
    kept = {name: value for name, value in values.items() if name != BILIRUBIN_UNIT}
    if BILIRUBIN in kept and (unit := values.get(BILIRUBIN_UNIT)):
        kept[f"total_bilirubin_{unit}"] = kept.pop(BILIRUBIN)
    return kept


def _with_unit_apart(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values with the total bilirubin in its field, and its unit in another where it is not the usual one."""
    for unit in BILIRUBIN_UNITS:
        name = f"total_bilirubin_{unit}"
        if unit != USUAL_BILIRUBIN_UNIT and values.get(name) is not None:
            others = {key: value for key, value in values.items() if key != name}
            return {**others, BILIRUBIN: values[name], BILIRUBIN_UNIT: unit}
    return values


def _place(case: dict[str, Any], pointer: str, value: Any) -> None:
    *path, last = pointer.removeprefix("/").split("/")
    for part in path:
        case = case.setdefault(part, {})
    case[last] = value


def _at(case: Mapping[str, Any], pointer: str) -> Any:
    value: Any = case
    for part in pointer.removeprefix("/").split("/"):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _single(pointer: str, text: str) -> Any:
    if text.startswith("{"):
        return _whole(pointer, text)
    return text if pointer in _TEXTS else _read(pointer.rpartition("/")[2], text)


def _whole(pointer: str, text: str) -> Any:
    """A model or protocol that came whole with a file, carried as JSON."""
    try:
        return parse_json(text)
    except Refused as refused:
        raise Refused(
            Problem(code=one.code, pointer=pointer, message=one.message, accepted=one.accepted)
            for one in refused.problems
        ) from None


def _row_value(table: str, row: Row) -> dict[str, Any]:
    texts = {name: text.strip() for name, text in row.items() if name not in (KIND, UNIT)}
    value = _with_unit({name: _read(name, text) for name, text in texts.items() if text})
    if table == "levels" and VALUE in value:
        kind = BELOW if row.get(KIND) == BELOW else "level"
        value[f"{kind}_{row.get(UNIT, '').strip() or USUAL_UNIT}"] = value.pop(VALUE)
    return value


def _row_texts(table: str, row: Mapping[str, Any]) -> Row:
    given = _with_unit_apart(row)
    texts = {name: _spaced(name, _written(value)) for name, value in given.items() if value is not None}
    if table == "levels":
        field_name = next(name for name in texts if _VALUE.fullmatch(f"/{name}"))
        kind, _, unit = field_name.partition("_")
        value = texts.pop(field_name)
        texts |= {KIND: BELOW if kind == BELOW else MEASURED, VALUE: value}
        if unit != USUAL_UNIT:
            texts[UNIT] = unit
    return texts


def _read(name: str, text: str) -> Any:
    if name in _TEXTS:
        return text
    if name in _YES_NO:
        return {"yes": True, "no": False}.get(text, text)
    if name in _LISTS:
        return [_time(part) if name in _TIMES else _number(part) for part in _SEPARATOR.split(text)]
    return _time(text) if name in _TIMES else _number(text)


def _number(text: str) -> float | str:
    if not _NUMBER.fullmatch(text):
        return text
    return int(text) if "." not in text and len(text) <= 15 else float(text)


def _short(value: float) -> str:
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _time(text: str) -> float | str:
    return _number(_SPACED.sub(r"\1T", text, count=1))


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    if isinstance(value, list):
        return ", ".join(_written(part) for part in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _spaced(name: str, text: str) -> str:
    return _JOINED.sub(r"\1 ", text) if name.rpartition("/")[2] in _TIMES else text
