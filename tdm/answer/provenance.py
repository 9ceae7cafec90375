"""What an answer rests on: sources with their grades, what was assumed and ignored, equations, versions, identity."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pydantic
import scipy

from tdm.answer.answer import Assumed, Basis, Ignored, Numerics, SourceAnswer
from tdm.case.case import Case, latest_fact
from tdm.case.entries import TABLETS
from tdm.decision.situation import Situation
from tdm.knowledge.model import PopulationModel
from tdm.notation.citation import Citation
from tdm.notation.clock import is_day
from tdm.notation.formatting import when
from tdm.notation.quantities import COMEDICATION_COVARIATES, NUMERIC_COVARIATES
from tdm.notation.sentence import Said, listed, say
from tdm.patient.covariates import DAYS_FORESEEN, modelled_comedications
from tdm.patient.estimate import Estimate
from tdm.patient.timeline import Timeline
from tdm.version import __version__

DISCLAIMER = say(
    "This calculation supports a professional, who decides. It is no cleared medical device, and the published figures "
    "behind it were read at second hand."
)
# Covariates that are said to be unused where the model does not use them: every patient has a weight and an age.
MAY_BE_UNUSED = ("hematocrit_percent", "total_bilirubin_umol_l", "cyp3a5_star1_carrier")
VERSIONS = {"tdm": __version__, "numpy": np.__version__, "scipy": scipy.__version__, "pydantic": pydantic.VERSION}


def basis_of(case: Case, situation: Situation, estimate: Estimate, why_model: str | None) -> Basis:
    """Return what an answer rests on (each number as text with its unit): sources, assumptions, versions, identity."""
    model, protocol, draws = estimate.model, situation.protocol, estimate.draws
    return Basis(
        models=(_source(model.id, model.title, model.citation),),
        protocol=_source(protocol.id, protocol.title, protocol.citation),
        window=_window_source(case, situation),
        assumed=tuple(_assumed(case, estimate, why_model)),
        ignored=tuple(_ignored(case, estimate)),
        equations=(
            *(Said(equation) for equation in model.equations()),
            say("concentration = 1000 * central amount / v  [ng/mL]"),
            _residual_in_words(estimate),
        ),
        ambiguities=tuple(f"{one.id}: {one.text.strip()}" for one in model.ambiguities),
        numerics=Numerics(
            draws=len(draws.weight),
            effective_sample_size=draws.effective,
            probability_error=draws.probability_error,
            certified=draws.certified,
        ),
        versions=VERSIONS,
        case_id=case_id(case, situation, estimate),
        disclaimer=DISCLAIMER,
    )


def case_id(case: Case, situation: Situation, estimate: Estimate) -> str:
    """Return the SHA-256 (hexadecimal, no unit) of canonical case, model, protocol, label, interactions and version."""
    whole: dict[str, Any] = {
        "case": case.model_dump(mode="json"),
        "model": estimate.model.model_dump(mode="json"),
        "protocol": situation.protocol.model_dump(mode="json"),
        "label": situation.label.model_dump(mode="json"),
        "interactions": [
            spell.drug.model_dump(mode="json") for spell in estimate.history.spells if spell.drug is not None
        ],
        "version": __version__,
    }
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _source(seed_id: str, title: str, citation: Citation | None) -> SourceAnswer:
    if citation is None:
        return SourceAnswer(
            id=seed_id,
            title=title,
            reference="given in the case",
            doi="",
            grade="none",
            verified_against="nothing",
            oxford_level=None,
        )
    return SourceAnswer(
        id=seed_id,
        title=title,
        reference=citation.reference,
        doi=citation.doi,
        grade=citation.grade,
        verified_against=citation.verified_against,
        oxford_level=citation.oxford_level,
    )


def _window_source(case: Case, situation: Situation) -> Said | None:
    if situation.window is None:
        return None
    origin = say("target of the case") if case.target else (situation.window.source or situation.protocol.id)
    return say("{window} ({origin})", window=str(situation.window), origin=origin)


def _residual_in_words(estimate: Estimate) -> Said:
    residual = estimate.model.residual
    if residual.kind == "log-normal":
        return say("residual error: log-normal, SD {sd}", sd=f"{residual.sd:g}")
    parts: list[str] = []
    if residual.kind != "additive":
        parts.append(say("{percent} % of the prediction", percent=f"{100 * residual.proportional:g}"))
    if residual.kind != "proportional":
        parts.append(f"{residual.additive_ng_ml:g} ng/mL")
    return say("residual error, SD: {parts}", parts=listed(parts, " and "))


def _assumed(case: Case, estimate: Estimate, why_model: str | None) -> list[Assumed]:
    model, history = estimate.model, estimate.history
    found = [
        Assumed(
            field=f"patient.{name}",
            value=say("{value} {unit}", value=f"{value:g}", unit=NUMERIC_COVARIATES[name].unit),
            why=say("not given; the population's median ({source})", source=model.assume[name].source),
        )
        for name, value in history.assumed.items()
    ]
    if why_model is not None:
        found.append(Assumed(field="model", value=Said(model.id), why=Said(why_model)))
    if case.now is None:
        now, fact = when(history.clock, history.now_h), latest_fact(case)
        why_now = say("not given; the latest observed fact: {fact}", fact=say(fact.kind)) if fact else say("the start")
        found.append(Assumed(field="now", value=Said(now), why=why_now))
    if "product" not in case.model_fields_set:
        found.append(Assumed(field="product", value=TABLETS.in_words(), why=say("the label's tablets")))
    dosing = history.dosing
    if dosing.gaps_h and dosing.last_regimen is not None:
        gaps = listed([f"{gap:.3g}" for gap in dosing.gaps_h], ", ")
        why_equal = say("given {gaps} h apart in turn; taken at equal intervals with the same mg per day", gaps=gaps)
        found.append(Assumed(field="doses", value=dosing.last_regimen.in_words(), why=why_equal))
    found += _times_of_drugs(case)
    taken = {spell.drug.id for spell in history.spells if spell.drug is not None}
    found += [
        Assumed(field=f"comedications.{name}", value=say("not taken"), why=say("not named in the case"))
        for name in COMEDICATION_COVARIATES
        if name in modelled_comedications(model) and name not in taken
    ]
    return found


def _times_of_drugs(case: Case) -> list[Assumed]:
    """What was read where a drug has no start, or a date without an hour."""
    found = []
    for index, drug in enumerate(case.comedications):
        at = f"comedications.{index}"
        if drug.start is None:
            found.append(Assumed(field=f"{at}.start", value=say("before the first dose"), why=say("not given")))
        elif is_day(drug.start):
            read = Said(f"{drug.start.isoformat()} 00:00")
            found.append(Assumed(field=f"{at}.start", value=read, why=say("a date: from the beginning of the day")))
        if drug.stop is not None and is_day(drug.stop):
            read = Said(f"{drug.stop.isoformat()} 24:00")
            found.append(Assumed(field=f"{at}.stop", value=read, why=say("a date: until the end of the day")))
    return found


def _ignored(case: Case, estimate: Estimate) -> list[Ignored]:
    model, history = estimate.model, estimate.history
    why = {
        "before_first_dose": say("drawn before the first dose"),
        "in_future": say("after the time of the decision"),
        "superseded": say("an older level that does not fit the newest ones"),
    }
    found = [
        Ignored(pointer=f"/levels/{drawn.index}", why=why[drawn.role]) for drawn in history.levels if drawn.role in why
    ]
    found += [
        Ignored(pointer=pointer, why=why["in_future"])
        for pointer, time_h in _observed(history.timeline)
        if history.timeline.is_ahead(time_h)
    ]
    if history.planned_doses:
        planned = say("{count} planned dose(s) after the decision", count=str(history.planned_doses))
        found.append(Ignored(pointer="/doses", why=planned))
    found += [
        Ignored(pointer=f"/comedications/{entry}", why=say("its effect on sirolimus is not known here"))
        for spell in history.spells
        if spell.drug is None
        for entry in spell.entries
    ]
    found += [
        Ignored(pointer=f"/covariates/{index}", why=say("changes after the time of the decision"))
        for index in history.late_changes
    ]
    found += _unused_covariates(history.timeline, model)
    return found


def _observed(timeline: Timeline) -> list[tuple[str, float]]:
    """The events, counts and ends of events, by their pointers, with their times (h)."""
    events = [(f"/adverse_events/{event.index}", event.time_h) for event in timeline.events]
    counts = [(f"/platelets/{count.index}", count.time_h) for count in timeline.counts]
    ends = [(f"/adverse_events/{event.index}", event.end_h) for event in timeline.events if event.end_h is not None]
    return [*events, *counts, *ends]


def _unused_covariates(timeline: Timeline, model: PopulationModel) -> list[Ignored]:
    """Covariates that are no covariates of the model, field by field, and changes too far ahead to be foreseen."""
    why_not = say("no covariate of the model {model}", model=model.id)
    too_far = say("changes more than {days} days after the decision: not foreseen", days=f"{DAYS_FORESEEN:g}")
    found = []
    for change in timeline.changes:
        used = [name for name in change.values if name in model.covariates_used]
        if used and change.time_h > timeline.now_h + 24.0 * DAYS_FORESEEN:
            found.append(Ignored(pointer=change.pointer, why=too_far))
    for entry in (timeline.at_start, *timeline.changes):
        found += [
            Ignored(pointer=entry.pointer_to(name), why=why_not)
            for name in (*MAY_BE_UNUSED, *(("weight_kg",) if entry.index is not None else ()))
            if name in entry.values and name not in model.covariates_used
        ]
    return found
