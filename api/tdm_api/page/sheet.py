"""The entries and the surroundings of a case in short, for the printed sheet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tdm import Case, Recommendation
from tdm.case.entries import AdverseEvent, CovariateChange, Dose, Level, Patient, PlateletsCount
from tdm.notation import quantities
from tdm.notation.formatting import time_in_words
from tdm_api.page.form import BILIRUBIN, BILIRUBIN_UNITS, UNITS, USUAL_UNIT
from tdm_api.page.surroundings import count_in_words, response_shown, visit_shown
from tdm_api.page.texts import Reader, Texts

# How many rows of the entries fit on the printed sheet.
PRINTED_ROWS = 5


def entries(case: Case, reader: Reader) -> Iterable[tuple[str, str]]:
    """Return the entries in short (own units), each with its name."""
    t = reader.t
    yield t("print.patient"), ", ".join(_patient(case, t))
    yield t("print.protocol"), case.protocol if isinstance(case.protocol, str) else case.protocol.id
    if case.doses:
        yield t("print.doses"), _some([_dose(one, t) for one in case.doses], t)
    if case.levels:
        yield t("print.levels"), _some([_level(one, t) for one in case.levels], t)
    if case.comedications:
        yield t("print.drugs"), _some([_drug(one.name, one.start, one.stop) for one in case.comedications], t)
    if case.covariates:
        yield t("print.changes"), _some([_covariates(one, t) for one in case.covariates], t)
    if case.adverse_events:
        yield t("print.events"), _some([_event(one, t) for one in case.adverse_events], t)
    if case.platelets:
        yield t("print.platelets"), _some([_platelets(one, t) for one in case.platelets], t)


def _patient(case: Case, t: Texts) -> Iterable[str]:
    one = case.patient
    yield from _numeric(one, t)
    if one.sex is not None:
        yield t(f"patient.{one.sex}")
    if one.child_pugh is not None:
        yield f"{t('patient.child_pugh')} {one.child_pugh}"
    if one.cyp3a5_star1_carrier is not None:
        yield f"{t('patient.cyp3a5_star1_carrier')}: {t('patient.yes' if one.cyp3a5_star1_carrier else 'patient.no')}"


def _some(texts: list[str], t: Texts) -> str:
    """The last entries; how many came before them is said."""
    kept = texts[-PRINTED_ROWS:]
    left = len(texts) - len(kept)
    return "; ".join([*([t("print.more", count=left)] if left else []), *kept])


def _dose(dose: Dose, t: Texts) -> str:
    time = time_in_words(dose.time)
    if dose.every_h is None:
        text = t("print.single", dose=f"{dose.dose_mg:g}", time=time)
    else:
        text = t("print.run", dose=f"{dose.dose_mg:g}", every=f"{dose.every_h:g}", count=dose.times, time=time)
    said = [t(f"doses.{dose.taken}")] if dose.taken else []
    if dose.missed:
        said.append(t("print.missed", times=", ".join(map(time_in_words, dose.missed))))
    return f"{text} ({'; '.join(said)})" if said else text


def _level(level: Level, t: Texts) -> str:
    text = t("print.level", level=level_as_entered(level), time=time_in_words(level.time))
    said = [] if level.field.endswith(USUAL_UNIT) else [f"= {level.value_ng_ml:.4g} ng/mL"]
    said += [level.assay] if level.assay else []
    return f"{text} ({', '.join(said)})" if said else text


def level_as_entered(level: Level) -> str:
    """Return a level as it was entered, with its unit."""
    unit = level.field.partition("_")[2]
    return f"{'<' if level.censored else ''}{getattr(level, level.field):g} {UNITS[unit]}"


def _event(event: AdverseEvent, t: Texts) -> str:
    end = f" - {time_in_words(event.end)}" if event.end is not None else " -"
    return t("print.event", term=t(f"term.{event.term}"), grade=event.grade, time=time_in_words(event.time) + end)


def _platelets(count: PlateletsCount, t: Texts) -> str:
    bleeding = f", {t('platelets.bleeding')}" if count.bleeding else ""
    return f"{count_in_words(count.count_10e9_l)} ({time_in_words(count.time)}{bleeding})"


def _drug(name: str, start: Any, stop: Any) -> str:
    first, last = (time_in_words(time) if time is not None else "" for time in (start, stop))
    return f"{name} ({' - '.join((first, last)).strip()})" if first or last else name


def _covariates(change: CovariateChange, t: Texts) -> str:
    return t("print.changed", time=time_in_words(change.time), values=", ".join(_numeric(change, t)))


def _numeric(entry: Patient | CovariateChange, t: Texts) -> Iterable[str]:
    """The covariates that are numbers, each as it was entered, with its unit."""
    for name, quantity in quantities.NUMERIC_COVARIATES.items():
        value = entry.covariate(name)
        if value is not None:
            unit = t("patient.years") if name == "age_years" else quantity.unit
            yield f"{t(f'patient.{name}')} {_bilirubin(entry) if name == BILIRUBIN else f'{value:g} {unit}'}"


def _bilirubin(entry: Patient | CovariateChange) -> str:
    """A total bilirubin as it was entered, with its value in umol/L where it is in another unit."""
    usual = f"{entry.covariate(BILIRUBIN):.4g} {BILIRUBIN_UNITS['umol_l']}"
    if entry.total_bilirubin_mg_dl is None:
        return f"{entry.covariate(BILIRUBIN):g} {BILIRUBIN_UNITS['umol_l']}"
    return f"{entry.total_bilirubin_mg_dl:g} {BILIRUBIN_UNITS['mg_dl']} (= {usual})"


def surroundings(answer: Recommendation, reader: Reader) -> Iterable[tuple[str, str]]:
    """Return the response and the visits in short (counts in 10^9/L), each with its name."""
    t = reader.t
    if answer.response is not None:
        found = response_shown(answer.response, reader)
        yield (
            t("response.heading"),
            "; ".join([f"{found.name} ({found.words})", *(words for _, words in found.remarks)]),
        )
    visits = [visit_shown(one, reader) for one in answer.follow_up]
    late = [f"{one.when} {tests}" for one in visits for state, tests in one.tests if state == "overdue"]
    due = [f"{one.when} {tests}" for one in visits for state, tests in one.tests if state == "due"]
    if late:
        yield t("visits.overdue"), "; ".join(late)
    if due:
        yield t("visits.due"), due[0]
