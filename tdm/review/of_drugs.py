"""What the comedications of a case mean for its answer: each check raises findings of the catalogue."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from tdm.decision.outlook import Outlook
from tdm.knowledge.interactions import Drug, Interactions
from tdm.notation.formatting import percent, when
from tdm.notation.sentence import Said, listed, say
from tdm.patient.history import History
from tdm.patient.timeline import Spell
from tdm.review.findings import Finding, finding


def review_drugs(history: History, known: Interactions, modelled: tuple[str, ...]) -> list[Finding]:
    """Return the findings on comedications (ratios without unit); `modelled` are the ids that the model covers."""
    drugs = {spell.drug.id: spell for spell in history.spells if spell.drug is not None}
    return [
        *_warned(history),
        *(one for drug_id, spell in drugs.items() for one in _effect(spell, drug_id in modelled)),
        *_unknown(history, known),
        *_simplified(history),
    ]


def review_prospect(history: History, outlooks: Iterable[Outlook]) -> list[Finding]:
    """Return the findings on what is foreseen (ng/mL, mg): what an unchanged dose would do, what would be chosen."""
    return [_ahead(history, one) for one in outlooks]


def to_warn_of(history: History) -> list[Spell]:
    """Return the drugs (h), each once, that are contraindicated or to be avoided and are taken then, or later."""
    warned = [
        spell
        for spell in history.spells
        if spell.drug is not None
        and spell.drug.rule in ("contraindicated", "avoid")
        and spell.stop_h > history.decided_h
    ]
    return list({spell.known_as: spell for spell in reversed(warned)}.values())[::-1]


def begun(name: str) -> str:
    """Return a drug's name as it begins a sentence (no unit)."""
    return name[:1].upper() + name[1:]


def _warned(history: History) -> Iterator[Finding]:
    for spell in to_warn_of(history):
        assert spell.drug is not None  # by its choice
        code = "drug_contraindicated" if spell.drug.rule == "contraindicated" else "drug_to_avoid"
        yield finding(code, spell.drug.source, drug=begun(spell.name), handling=Said(spell.drug.handling))


def _effect(spell: Spell, covered: bool) -> Iterator[Finding]:
    drug = spell.drug
    assert drug is not None  # it is a known one
    handling = Said(drug.handling)
    if covered:
        return
    if drug.effect == "none":
        yield finding("drug_without_effect", drug.source, drug=begun(spell.name), handling=handling)
    elif drug.auc is None:
        direction = say("raises") if drug.effect == "raises" else say("lowers")
        yield finding("drug_without_ratio", drug.source, drug=begun(spell.name), direction=direction, handling=handling)
    else:
        yield finding("drug_modelled", drug.source, drug=begun(spell.name), ratio=_ratio(drug), split=_split(drug))


def _ratio(drug: Drug) -> Said:
    assert drug.auc is not None  # it has a ratio
    if drug.auc.low is None:
        return say("{ratio}, no interval published", ratio=f"{drug.auc.value:g}")
    return say(
        "{ratio} (90 % interval {low} to {high})",
        ratio=f"{drug.auc.value:g}",
        low=f"{drug.auc.low:g}",
        high=f"{drug.auc.high:g}",
    )


def _split(drug: Drug) -> Said:
    if drug.cmax is None:
        return say("only the AUC ratio is known, and all of it goes to bioavailability")
    return say(
        "bioavailability x {f} (the Cmax ratio) and clearance x {cl}",
        f=f"{math.exp(drug.ln_f):.3g}",
        cl=f"{math.exp(drug.ln_cl):.3g}",
    )


def _unknown(history: History, known: Interactions) -> Iterator[Finding]:
    unknown = [spell for spell in history.spells if spell.drug is None]
    if not unknown:
        return
    near = [name for spell in unknown for name in known.near(spell.name)]
    hint = say("; is one of these meant: {names}?", names=listed(near, ", ")) if near else say(".")
    yield finding("comedication_not_modelled", names=listed([spell.name for spell in unknown], ", "), hint=hint)


def _simplified(history: History) -> Iterator[Finding]:
    names = [one.spells[0].name for one in history.interactions if one.sd == 0.0]
    if names:
        yield finding("interaction_simplified", names=listed([begun(names[0]), *names[1:]], ", "))


def _ahead(history: History, one: Outlook) -> Finding:
    before, after = one.before, one.unchanged
    then = (
        say(
            "then {regimen} ({chance} within)",
            regimen=one.then.option.regimen.in_words(),
            chance=percent(one.then.within),
        )
        if one.then is not None
        else say("then no regimen has an even chance")
    )
    condition, time = one.condition, one.condition.what
    if condition.time_h is not None:
        time = say("From {time} on ({what})", time=when(history.clock, condition.time_h), what=condition.what)
    else:
        time = say("Later ({what})", what=condition.what)
    return finding(
        "change_ahead",
        when=time,
        regimen=before.regimen.in_words(),
        before=f"{before.median_ng_ml:.1f}",
        after=f"{after.median_ng_ml:.1f} ng/mL",
        interval=f"{after.p05_ng_ml:.1f}-{after.p95_ng_ml:.1f}",
        then=then,
    )
