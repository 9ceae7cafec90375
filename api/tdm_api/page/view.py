"""What the templates show: the answer in words of the reader's language, and the hints beside the fields.

Nothing is computed here but differences and shares of what the core answers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from tdm import (
    Case,
    Problem,
    Protocol,
    Recommendation,
    Refused,
    load_model,
    load_protocol,
    model_ids,
    protocol_ids,
    time_after_dose,
)
from tdm.answer.answer import AnswerOption, Mark, NextLevelAnswer
from tdm.case.entries import Dose, Level
from tdm.knowledge.seeds import load_interactions
from tdm.notation import quantities
from tdm.notation.formatting import percent, time_in_words
from tdm.patient.time_after_dose import Sampled
from tdm.review.findings import Finding
from tdm.sources import sources_of
from tdm_api.page.form import BILIRUBIN, USUAL_UNIT, Form, anchor_of, anchors, choice_of
from tdm_api.page.picture import LEGEND, drawn
from tdm_api.page.scene import Scene
from tdm_api.page.sheet import entries, level_as_entered, surroundings
from tdm_api.page.surroundings import AheadShown, ResponseShown, VisitShown, ahead_shown, response_shown, visit_shown
from tdm_api.page.texts import Reader, Texts

SEVERITIES = ("critical", "blocking", "warning", "info")
# How many findings fit on the printed sheet, and which have a place of their own on it.
PRINTED_FINDINGS = 7
PRINTED_ELSEWHERE = {"change_ahead", "visit_overdue"}
# Critical findings whose sentence is the summary of a hold, and how many others stand beside the summary.
HOLDS = {"level_above_20", "tolerance_hold"}
MOST_URGENT = 4
# Names of drugs that nobody types: codes of the ATC classification. The core knows them all the same.
_ATC = re.compile(r"[A-Z]\d\d[A-Z]{2}\d\d")
# What is shown of an option beside its name anyway, and needs no note.
UNREMARKABLE: frozenset[Mark] = frozenset({"proposal", "current", "asked"})
BILIRUBIN_MG_DL = "total_bilirubin_mg_dl"
RANGES: Mapping[str, quantities.Quantity] = {
    **quantities.NUMERIC_COVARIATES,
    BILIRUBIN_MG_DL: quantities.BILIRUBIN_MG_DL,
    "dose_mg": quantities.DOSE,
    "every_h": quantities.INTERVAL,
    "level_ng_ml": quantities.LEVEL,
    "low_ng_ml": quantities.WINDOW_END,
    "high_ng_ml": quantities.WINDOW_END,
    "strengths_mg": quantities.STRENGTH,
    "step_mg": quantities.STRENGTH,
}


@dataclass(frozen=True)
class ProtocolCard:
    """A protocol as it is shown beside its choice: texts, with units in them."""

    id: str
    title: str
    window: str
    population: str
    start: str
    studied: str
    source: str
    doi: str
    grade: str


@dataclass(frozen=True)
class ProblemShown:
    """A reason of a refusal: what it says, where it stands (an anchor of the page) and what that place is called."""

    code: str
    pointer: str
    anchor: str
    place: str
    message: str
    accepted: str


@dataclass(frozen=True)
class SamplingShown:
    """When a level was drawn, in words (h after a dose), and whether it counts as a trough: yes, no or unknown ("")."""

    words: str
    trough: str = ""


@dataclass(frozen=True)
class OptionShown:
    """A row of the options: texts with their units, the shares of its bar (percent), and what chooses it."""

    name: str
    daily: str
    change: str
    trough: str
    interval: str
    chances: Mapping[str, str]
    shares: tuple[float, float, float] | None
    note: str
    marks: tuple[str, ...]
    choice: str
    chosen: bool


@dataclass(frozen=True)
class NextShown:
    """When to measure again, and why."""

    first: str
    last: str
    reason: str


@dataclass(frozen=True)
class UrgentShown:
    """A critical finding on the card: what it says and, on paper, what to do."""

    message: str
    action: str


@dataclass(frozen=True)
class Shown:
    """An answer as the page shows it."""

    answer: Recommendation
    kind: str
    summary: str
    decided: str
    urgent: tuple[UrgentShown, ...]
    more_urgent: int
    next_level: NextShown | None
    precautions: tuple[str, ...]
    ahead: tuple[AheadShown, ...]
    response: ResponseShown | None
    visits: tuple[VisitShown, ...]
    options: tuple[OptionShown, ...]
    choice: OptionShown | None
    choice_next: NextShown | None
    counts: Mapping[str, int]
    printed_findings: frozenset[int]
    unprinted: int
    pictures: Mapping[str, str]
    legend: tuple[tuple[str, str], ...]
    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Page:
    """Everything that one response shows; with `clock` the browser keeps the time of the decision at the present."""

    reader: Reader
    form: Form
    state: str = "empty"
    shown: Shown | None = None
    problems: tuple[ProblemShown, ...] = ()
    notice: str = ""
    of_file: bool = False
    choice: str = ""
    clock: bool = False
    sampling: tuple[SamplingShown, ...] = ()
    studied: Mapping[str, str] = field(default_factory=dict)
    studied_model: str = ""

    @property
    def first_wrong(self) -> str:
        """Return the anchor of the first problem that stands beside something, where the focus goes; "" without one."""
        return next((one.anchor for one in self.problems if one.anchor), "")

    @property
    def problems_by_place(self) -> Mapping[str, list[ProblemShown]]:
        """Return the problems by the anchor that they stand beside."""
        found: dict[str, list[ProblemShown]] = {}
        for one in self.problems:
            found.setdefault(one.anchor, []).append(one)
        return found


def protocol_cards(reader: Reader) -> list[ProtocolCard]:
    """Return the protocols that ship, for the choice."""
    return [protocol_card(load_protocol(one), reader) for one in protocol_ids()]


def protocol_card(protocol: Protocol, reader: Reader) -> ProtocolCard:
    """Return one protocol as it is shown: window in ng/mL, doses in mg."""
    t, cited = reader.t, protocol.citation
    studied = f"{protocol.studied.highest_daily_dose_mg:g} {t('protocol.per_day')}" if protocol.studied else ""
    return ProtocolCard(
        id=protocol.id,
        title=_own_words(f"protocol_title.{protocol.id}", protocol.title, t),
        window=str(protocol.window) if protocol.window else "",
        population=_own_words(f"protocol_for.{protocol.id}", protocol.population.description, t),
        start=reader.say(protocol.start.text) if protocol.start else "",
        studied=studied,
        source=cited.reference,
        doi=cited.doi,
        grade=cited.grade,
    )


def model_choices(reader: Reader) -> list[tuple[str, str]]:
    """Return the models that ship and may be a prior for dosing: id and title."""
    models = [load_model(one) for one in model_ids()]
    return [(one.id, reader.say(one.title)) for one in models if one.use == "dosing"]


def drug_choices(t: Texts) -> list[tuple[str, str]]:
    """Return the names of known drugs, those in the reader's script first, each with what else the drug is called."""
    chinese = t.tag.startswith("zh")
    found = []
    for drug in load_interactions().drugs:
        names = [name for name in drug.names if not _ATC.fullmatch(name)]
        own = next((name for name in names if not name.isascii()), names[0]) if chinese else names[0]
        found += [(name, own if name != own else "") for name in names]
    return sorted(found, key=lambda one: (bool(one[1]), one[0].isascii() if chinese else not one[0].isascii()))


def accepted_ranges(t: Texts) -> dict[str, str]:
    """Return the accepted range of each field with its unit, by the last part of its pointer."""
    return {name: _range(one.low, one.high, one.unit, t) for name, one in RANGES.items()}


def studied_ranges(case: Case, t: Texts) -> tuple[str, dict[str, str]]:
    """Return the model of a case and the ranges in which it was studied, by field; none if the case has no model."""
    try:
        model = sources_of(case).model
    except Refused:
        return "", {}
    limits = {one.of: one for one in model.limits if one.of in quantities.NUMERIC_COVARIATES}
    ranges = {
        name: (one.soft_low, one.soft_high)
        for name, one in limits.items()
        if one.soft_low is not None or one.soft_high is not None
    }
    if BILIRUBIN in ranges:
        low, high = ranges[BILIRUBIN]
        ranges[BILIRUBIN_MG_DL] = (_mg_dl(low), _mg_dl(high))
    return model.id, {name: _range(low, high, RANGES[name].unit, t) for name, (low, high) in ranges.items()}


def problems_shown(problems: Iterable[Problem], form: Form, reader: Reader) -> tuple[ProblemShown, ...]:
    """Return the reasons of a refusal, each with its place on the page."""
    known = anchors(form)
    return tuple(_problem(one, anchor_of(one.pointer, known), reader) for one in problems)


def sampling_shown(form: Form, t: Texts) -> tuple[SamplingShown, ...]:
    """Return for each level row how long after a dose (h) it was drawn and whether it counts as a trough."""
    rows = form.case_rows("levels")
    # only its time matters here, and the value may still be missing
    drawn = [_noun(Level, {"time": row.get("time"), "level_ng_ml": 1.0}) for row in rows]
    found = iter(_sampled(form, [one for one in drawn if one is not None]) or ())
    sampled = [_sampling(next(found, None) if level else None, t) for level in drawn]
    return tuple(_with_unit(one, row) for one, row in zip(sampled, rows, strict=True))


def shown(case: Case, answer: Recommendation, choice: str, reader: Reader) -> Shown:
    """Return an answer as the page shows it; `choice` names the regimen to look at, or is empty for the proposal."""
    chosen = _chosen(answer, choice)
    rows = tuple(_option(one, answer, one is chosen, reader) for one in _listed(answer))
    scene = Scene.of(answer, chosen, reader)
    kind = answer.decision if answer.decision in ("hold", "none") else "advice"
    urgent = _urgent(answer, kind)
    on_card = urgent[:MOST_URGENT]
    printed = _printed_findings(answer, on_card)
    return Shown(
        answer=answer,
        kind=kind,
        summary=reader.say(answer.summary),
        decided=_decided(answer, reader),
        urgent=tuple(_on_card(answer.findings[place], reader) for place in on_card),
        more_urgent=len(urgent) - len(on_card),
        next_level=_next(answer.next_level, reader),
        precautions=tuple(map(reader.say, answer.precautions)),
        ahead=tuple(ahead_shown(one, reader) for one in answer.ahead),
        response=response_shown(answer.response, reader) if answer.response else None,
        visits=tuple(visit_shown(one, reader) for one in answer.follow_up),
        options=rows,
        choice=next((row for row in rows if row.chosen), None),
        choice_next=_next(chosen.next_level, reader) if chosen else None,
        counts={one: sum(found.severity == one for found in answer.findings) for one in SEVERITIES},
        printed_findings=printed,
        unprinted=len(answer.findings) - len(printed) - len(on_card),
        pictures=drawn(scene, reader.t),
        legend=tuple((LEGEND[name], words) for name, words in scene.legend(reader.t)),
        entries=(*entries(case, reader), *surroundings(answer, reader)),
    )


def _own_words(key: str, text: str, t: Texts) -> str:
    """The page's words for a protocol that ships; the protocol's own where it came with a file."""
    return t(key) if t.has(key) else text


def _decided(answer: Recommendation, reader: Reader) -> str:
    """The moment of the decision, and how it is known where it was not given."""
    now = time_in_words(answer.now)
    assumed = next((one for one in answer.basis.assumed if one.field == "now"), None)
    if assumed is None:
        return reader.t("decision.decided", now=now)
    return reader.t("decision.decided_assumed", now=now, why=reader.say(assumed.why))


def _mg_dl(micromoles_per_l: float | None) -> float | None:
    """A total bilirubin in mg/dL, to two digits as such limits are printed."""
    if micromoles_per_l is None:
        return None
    return float(f"{micromoles_per_l / quantities.UMOL_L_PER_MG_DL_OF_BILIRUBIN:.2g}")


def _range(low: float | None, high: float | None, unit: str, t: Texts) -> str:
    unit = t("patient.years") if unit == "years" else unit.replace("umol", "µmol")
    if low is None:
        return t("form.range_up_to", high=f"{high:g}", unit=unit)
    if high is None:
        return t("form.range_from", low=f"{low:g}", unit=unit)
    return t("form.range", low=f"{low:g}", high=f"{high:g}", unit=unit)


def _problem(problem: Problem, anchor: str, reader: Reader) -> ProblemShown:
    return ProblemShown(
        code=problem.code,
        pointer=problem.pointer,
        anchor=anchor,
        place=_place(anchor, reader.t),
        message=reader.say(problem.message),
        accepted=reader.say(problem.accepted) if problem.accepted and not problem.says_accepted else "",
    )


def _place(anchor: str, t: Texts) -> str:
    parts = anchor.removeprefix("/").split("/")
    if not anchor:
        return t("refused.place_top")
    if len(parts) == 1:
        return t(f"{parts[0]}.heading")
    if not parts[1].isdigit():
        return t(f"{parts[0]}.{parts[1]}")
    row = t(f"{parts[0]}.row", number=int(parts[1]) + 1)
    return t("refused.in_row", row=row, field=t(f"{parts[0]}.{parts[2]}")) if len(parts) > 2 else row


def _noun(noun: Any, row: Mapping[str, Any]) -> Any:
    try:
        return noun.model_validate(row)
    except (ValidationError, Refused):
        return None


def _sampled(form: Form, levels: list[Level]) -> tuple[Sampled, ...] | None:
    """When the levels were drawn; None while any dose is incomplete, since the wrong dose might be the last one."""
    doses = [_noun(Dose, row) for row in form.case_rows("doses") if row]
    if not doses or not all(doses):
        return None
    try:
        return time_after_dose(doses, levels)
    except Refused:
        return None


def _sampling(one: Sampled | None, t: Texts) -> SamplingShown:
    if one is None:
        return SamplingShown(t("sampling.unknown"))
    if one.since_dose_h is None or one.interval_h is None:
        return SamplingShown(t("sampling.early"), "no")
    values = {"since": f"{one.since_dose_h:.4g}", "interval": f"{one.interval_h:.4g}"}
    if one.is_trough:
        return SamplingShown(t("sampling.trough", **values), "yes")
    return SamplingShown(t("sampling.not_trough", **values), "no")


def _with_unit(one: SamplingShown, row: Mapping[str, Any]) -> SamplingShown:
    """What is said of a level, with its value in ng/mL where it is in another unit: nothing is converted in silence."""
    level = _noun(Level, {**row, "time": 0.0})
    if level is None or level.field.endswith(USUAL_UNIT):
        return one
    words = f"{one.words} \N{MIDDLE DOT} {level_as_entered(level)} = {level.value_ng_ml:.4g} ng/mL"
    return SamplingShown(words, one.trough)


def _listed(answer: Recommendation) -> list[AnswerOption]:
    """The options, each regimen once: one that was asked for stands in the place of its like, with its own curve."""
    asked = {one.regimen: one for one in answer.options if one.asked}
    return list({one.regimen: asked.get(one.regimen, one) for one in answer.options}.values())


def _chosen(answer: Recommendation, choice: str) -> AnswerOption | None:
    """The option to look at: the one that was chosen, unless it is the proposal anyway."""
    if answer.proposal is not None and choice == choice_of(answer.proposal.regimen):
        return None
    return next((one for one in _listed(answer) if choice == choice_of(one.regimen)), None)


def _option(option: AnswerOption, answer: Recommendation, chosen: bool, reader: Reader) -> OptionShown:
    spread, chance = option.trough_ng_ml, option.probability
    shares = (chance.below, chance.within, chance.above) if chance else None
    return OptionShown(
        name=reader.say(option.regimen.in_words()),
        daily=reader.t("options.daily", dose=f"{option.daily_dose_mg:.4g}"),
        change=_change(option, answer.current, reader.t),
        trough=f"{spread.median:.1f}",
        interval=f"{spread.p05:.1f}-{spread.p95:.1f}",
        chances={
            "below": percent(chance.below) if chance else "",
            "within": percent(chance.within) if chance else "",
            "above": percent(chance.above) if chance else "",
        },
        shares=(100 * shares[0], 100 * shares[1], 100 * shares[2]) if shares else None,
        note="" if UNREMARKABLE.issuperset(option.marks) else reader.say(option.reason),
        marks=tuple(_marks(option, answer)),
        choice=choice_of(option.regimen),
        chosen=chosen,
    )


def _marks(option: AnswerOption, answer: Recommendation) -> Iterable[str]:
    if answer.proposal is not None and option.regimen == answer.proposal.regimen:
        yield "proposal"
    if answer.current is not None and option.regimen.is_like(answer.current.regimen):
        yield "current"
    if option.asked:
        yield "asked"


def _change(option: AnswerOption, current: AnswerOption | None, t: Texts) -> str:
    """The change of the daily dose against the current one, mg per day."""
    if current is None:
        return ""
    if option.regimen.is_like(current.regimen):
        return t("options.no_change")
    difference = option.daily_dose_mg - current.daily_dose_mg
    return f"{difference:+.3g}" if abs(difference) > 1e-9 else "±0"


def _next(found: NextLevelAnswer | None, reader: Reader) -> NextShown | None:
    if found is None:
        return None
    first, last = time_in_words(found.from_), time_in_words(found.to)
    return NextShown(first, "" if last == first else last, reader.say(found.reason))


def _urgent(answer: Recommendation, kind: str) -> list[int]:
    """Which findings are urgent: the critical ones that the summary does not say."""
    return [
        place
        for place, one in enumerate(answer.findings)
        if one.severity == "critical" and (kind == "advice" or one.code not in HOLDS)
    ]


def _on_card(one: Finding, reader: Reader) -> UrgentShown:
    return UrgentShown(reader.say(one.message), reader.say(one.action))


def _printed_findings(answer: Recommendation, on_card: Collection[int]) -> frozenset[int]:
    """Which findings the printed sheet lists: the first of each code, the gravest first, as many as fit.

    Those on the card are not printed twice.
    """
    first: dict[str, int] = {}
    for place, one in enumerate(answer.findings):
        if one.code not in PRINTED_ELSEWHERE and place not in on_card:
            first.setdefault(one.code, place)
    return frozenset(list(first.values())[:PRINTED_FINDINGS])
