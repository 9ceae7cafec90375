"""The answer for people, in 80 columns: the sentence first, then options, the patient, findings and the basis."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from textwrap import wrap

from tdm.answer.answer import AheadOption, AnswerOption, ParameterAnswer, Recommendation
from tdm.knowledge.model import PopulationModel
from tdm.knowledge.protocol import Protocol
from tdm.notation.citation import Citation
from tdm.notation.formatting import percent, three_digits, time_in_words

COLUMNS = 80
NAME_COLUMNS = 31


def answer_in_words(answer: Recommendation) -> str:
    """Return a whole answer as text of at most 80 columns; every number with its unit and interval."""
    parts = [
        [*_hanging("", answer.summary, ""), *_decided(answer)],
        _hold(answer),
        _next_level(answer),
        _precautions(answer),
        _options(answer),
        _ahead(answer),
        _patient(answer),
        _levels(answer),
        _response(answer),
        _visits(answer),
        _findings(answer),
        _basis(answer),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def models_in_words(models: Iterable[PopulationModel]) -> str:
    """Return a list of models as text: population and source (no units)."""
    return "\n".join("\n".join(_model(model)) for model in models) + "\n"


def protocols_in_words(protocols: Iterable[Protocol]) -> str:
    """Return a list of protocols as text: window (ng/mL), population and source."""
    return "\n".join("\n".join(_protocol(protocol)) for protocol in protocols) + "\n"


def _decided(answer: Recommendation) -> list[str]:
    """The moment of the decision, and how it is known where it was not given."""
    assumed = next((one for one in answer.basis.assumed if one.field == "now"), None)
    why = f" ({assumed.why})" if assumed else ""
    return _hanging("Decided at ", f"{time_in_words(answer.now)}{why}.")


def _hold(answer: Recommendation) -> list[str]:
    hold = answer.hold
    if hold is None:
        return []
    until = (
        f"Until: {time_in_words(hold.until.median)} (median), {time_in_words(hold.until.p95)} (95 % of the posterior)"
    )
    lines = [until, *_hanging("Condition: ", hold.condition)]
    if hold.resume is not None:
        resumed = f"{_regimen(hold.resume)}, {_chance(hold.resume)} chance of the window"
        lines += _hanging("Resume with: ", f"{resumed}, {hold.resume.reason}")
    return lines


def _next_level(answer: Recommendation) -> list[str]:
    first, last = time_in_words(answer.next_level.from_), time_in_words(answer.next_level.to)
    when = first if first == last else f"{first} to {last}"
    return _hanging("Next level: ", f"{when} ({answer.next_level.reason}).")


def _daily(option: AnswerOption) -> str:
    """mg per day in at most six characters: sparse doses have many digits."""
    exact = f"{option.daily_dose_mg:.4g}"
    return exact if len(exact) <= 6 else f"{option.daily_dose_mg:.3g}"


def _options(answer: Recommendation) -> list[str]:
    if not answer.options:
        return []
    head = f"{'Options':<31}{'mg/day':>6}  {'trough ng/mL, 90%':<17}{'below':>8}{'within':>8}{'above':>8}"
    rows = [head]
    for option in answer.options:
        marks = _marks(option)
        spread = option.trough_ng_ml
        trough = f"{spread.median:.1f} ({spread.p05:.1f}-{spread.p95:.1f})"
        chance = option.probability
        chances = f"{percent(chance.below):>8}{percent(chance.within):>8}{percent(chance.above):>8}" if chance else ""
        name = _regimen(option)
        if len(name) >= NAME_COLUMNS:
            rows, name = [*rows, *_hanging("", name)], ""
        rows.append(f"{name:<{NAME_COLUMNS}}{_daily(option):>6}  {trough:<17}{chances}".rstrip())
        rows += [f"  {line}" for line in wrap(marks, COLUMNS - 2)] if marks else []
    rows += _hanging("Label: ", _label(answer))
    return rows


def _precautions(answer: Recommendation) -> list[str]:
    if not answer.precautions:
        return []
    lines = ["Before the first dose, check:"]
    for one in answer.precautions:
        lines += _hanging("  [ ] ", one, "      ")
    return lines


def _ahead(answer: Recommendation) -> list[str]:
    lines: list[str] = []
    for one in answer.ahead:
        when = f"from {time_in_words(one.time)} on" if one.time is not None else "some day"
        lines += _hanging("", f"What comes after: {one.what} ({when})")
        for name, option in (("if the dose stays", one.unchanged), ("chosen then", one.then)):
            if option is not None:
                trough = option.trough_ng_ml
                spread = f"{trough.median:.1f} ng/mL (90 % {trough.p05:.1f}-{trough.p95:.1f})"
                lines += _hanging(
                    f"  {name}: ", f"{option.regimen.in_words()}, trough {spread}, {_chance(option)} within", "    "
                )
    return lines


def _response(answer: Recommendation) -> list[str]:
    found = answer.response
    if found is None:
        return []
    state = "confirmed" if found.confirmed else "not confirmed yet"
    counts = f"platelets {found.last_10e9_l:g} x 10^9/L, at baseline {found.baseline_10e9_l:g} x 10^9/L"
    variant = (
        ""
        if found.by_the_other_definition == found.response
        else (f"; with the other reading of the definition {found.by_the_other_definition}")
    )
    partial = "; partial response by the trials' own definition" if found.partial_by_trials else ""
    lost = "; a confirmed response was lost" if found.lost else ""
    definition = f'"{found.definition}" variant; {found.source}'
    return _hanging("Response: ", f"{found.response}, {state} ({counts}){lost}{partial}{variant}. {definition}.")


def _visits(answer: Recommendation) -> list[str]:
    lines = ["Visits"] if answer.follow_up else []
    for visit in answer.follow_up:
        by_state: dict[str, list[str]] = {}
        for test, state in visit.tests.items():
            by_state.setdefault(state, []).append(test)
        states = "; ".join(f"{', '.join(tests)}: {state}" for state, tests in by_state.items())
        protocol = ", visit of the protocol" if visit.of_protocol else ""
        lines += _hanging(f"  month {visit.month}, {time_in_words(visit.time)}{protocol}: ", states, "    ")
    return lines


def _marks(option: AnswerOption) -> str:
    return option.reason if option.marks else ""


def _label(answer: Recommendation) -> str:
    rule = answer.label_rule
    if rule.daily_dose_mg is None:
        return f"the proportion does not apply. {rule.reason}"
    doses = rule.daily_dose_mg
    return (
        f"by proportion from {rule.current_daily_dose_mg:g} mg/day and {rule.trough_ng_ml:.4g} ng/mL: "
        f"{doses.midpoint:.2g} mg/day for the middle of the window ({doses.low:.2g} to {doses.high:.2g} mg/day for its "
        f"limits). The rule states no uncertainty."
    )


def _patient(answer: Recommendation) -> list[str]:
    rows = [f"{'Patient against population':<31}{'typical':>9}{'mode':>9}{'median':>9}  90 % interval"]
    one = answer.individual
    for name, unit, value in (
        ("clearance CL/F", "L/h", one.clearance_l_per_h),
        ("volume V/F", "L", one.volume_l),
        ("half-life", "h", one.half_life_h),
    ):
        rows.append(_parameter(f"{name}, {unit}", value))
    return rows


def _parameter(name: str, value: ParameterAnswer) -> str:
    interval = f"{three_digits(value.p05)} to {three_digits(value.p95)}"
    numbers = "".join(f"{three_digits(number):>9}" for number in (value.typical, value.map, value.median))
    return f"{name:<31}{numbers}  {interval}"


def _levels(answer: Recommendation) -> list[str]:
    rows = [f"{'Levels, ng/mL':<31}{'measured':>9}{'typical':>9}{'fitted':>9}  weighted residual"]
    for level in answer.fits[0].levels:
        measured = f"{level.observed_ng_ml:.3g}" if level.observed_ng_ml is not None else f"<{level.below_ng_ml:.3g}"
        residual = "" if level.weighted_residual is None else f"{level.weighted_residual:+.2f} SD"
        residual = residual if level.used else "not used"
        fitted = f"{level.population_ng_ml:>9.3g}{level.individual_ng_ml:>9.3g}"
        rows.append(f"{time_in_words(level.time):<31}{measured:>9}{fitted}  {residual}".rstrip())
    return rows if len(rows) > 1 else []


def _findings(answer: Recommendation) -> list[str]:
    lines: list[str] = []
    for one in answer.findings:
        lines += _hanging(f"{one.severity.upper()} {one.code}: ", one.message, "  ")
        lines += _hanging("  To do: ", one.action, "  ")
        lines += _hanging("  Source: ", f"{one.source}.", "  ")
    return lines


def _basis(answer: Recommendation) -> list[str]:
    basis = answer.basis
    lines = ["Basis"]
    for kind, source in (*(("Model", model) for model in basis.models), ("Protocol", basis.protocol)):
        doi = f", doi {source.doi}" if source.doi else ""
        level = f"; Oxford 2009 level {source.oxford_level}" if source.oxford_level else ""
        graded = f"grade {source.grade} ({source.verified_against}){level}"
        lines += _hanging(f"  {kind} {source.id}: ", f"{source.reference}{doi}; {graded}.", "    ")
    if basis.window:
        lines += _hanging("  Window: ", basis.window, "    ")
    for assumed in basis.assumed:
        lines += _hanging("  Assumed: ", f"{assumed.field} = {assumed.value}; {assumed.why}", "    ")
    for ignored in basis.ignored:
        lines += _hanging("  Ignored: ", f"{ignored.pointer}; {ignored.why}", "    ")
    for equation in basis.equations:
        lines += _hanging("  Equation: ", equation, "    ")
    numerics = basis.numerics
    exact = (
        f"{numerics.draws} weighted draws; the chances are exact to about {2 * numerics.probability_error:.1g} "
        "(two standard errors)"
    )
    lines += _hanging("  Numerics: ", exact, "    ")
    versions = ", ".join(f"{name} {version}" for name, version in basis.versions.items())
    lines += [f"  Versions: {versions}", f"  Case: {basis.case_id}"]
    return [*lines, *_hanging("  ", basis.disclaimer, "  ")]


def _model(model: PopulationModel) -> Iterator[str]:
    use = "" if model.use == "dosing" else " (simulation only)"
    yield from _hanging("", f"{model.id}{use}: {model.title}")
    if model.population is not None:
        studied = f"{model.population.subjects} patients" if model.population.subjects else ""
        yield from _hanging(
            "  Population: ", f"{model.population.description} {f'({studied})' if studied else ''}".strip(), "    "
        )
    for equation in model.equations():
        yield from _hanging("  ", equation, "    ")
    if model.citation is not None:
        yield from _hanging("  Source: ", _cited(model.citation), "    ")


def _protocol(protocol: Protocol) -> Iterator[str]:
    yield from _hanging("", f"{protocol.id}: {protocol.title}")
    yield f"  Window: {protocol.window or 'none stated by the source'}"
    yield from _hanging("  Population: ", protocol.population.description, "    ")
    if protocol.start is not None:
        yield from _hanging("  Start: ", protocol.start.text, "    ")
    yield from _hanging("  Source: ", _cited(protocol.citation), "    ")


def _cited(cited: Citation) -> str:
    doi = f"doi {cited.doi}" if cited.doi else ""
    graded = f"grade {cited.grade}; Oxford 2009 level {cited.oxford_level}"
    return "; ".join(filter(None, (cited.reference, doi, *cited.identifiers, graded)))


def _regimen(option: AnswerOption) -> str:
    return option.regimen.in_words()


def _chance(option: AnswerOption | AheadOption) -> str:
    return percent(option.probability.within) if option.probability else "unknown"


def _hanging(label: str, text: str, indent: str = "  ") -> list[str]:
    """Lines of at most 80 columns; a number stays on a line with its unit."""
    kept = _BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", label + text)
    lines = wrap(kept, COLUMNS, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|ng/mL|mg|kg|h\b|L\b|L/h|years|days|umol/L)")
