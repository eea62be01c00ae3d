"""The forms of proceeding and transfer: the step is chosen first, then its fields and papers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from geodata.words import Text, both
from maps.case_names import joined
from maps.portal.form_parts import Asking, Choice, Field, Paper, pick_href, text_field
from pipeline.cases.events import Kind
from pipeline.cases.procedure import Step
from pipeline.cases.proceeding_enforcing import SERVICE
from pipeline.cases.proceeding_law import ProceedingLaw, proceeding_law, words
from pipeline.cases.transfer import receiver_name

MULTIPLE = frozenset({"penalties", "performed"})
PARTY_WORDS = {"person": "a person", "organisation": "an organisation"}
SERVICE_WORDS = {
    "direct": "handed over", "left": "left in presence of witnesses", "entrusted": "through another office",
    "post": "by post", "announcement": "by announcement", "electronic": "electronically",
}  # fmt: skip


def legal(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a ``StepForm``: what may be chosen, and of the choice (``asking.picked``) what it asks for.

    kind: PROCEEDING or TRANSFER. step: of ``now.now_of``, with the "steps" that are possible."""
    chosen, choices, found = asking.picked.get(step["event"], ""), [], None
    id_name = "proceeding" if kind is Kind.PROCEEDING else "transfer"
    for one in step["steps"]:
        to = one["state"].partition(":")[0] if kind is Kind.TRANSFER and not one.get(id_name) else ""
        key = ":".join((one.get(id_name) or "", to, one["step"]))
        name = joined([receiver_name(to), one["name"]], "：") if to else one["name"]
        if one.get(id_name):
            name = both("{name} (number {id})", name=name, id=one[id_name])
        papers = joined(list(one["papers"].values())) if one["papers"] else both("no paper")
        choices.append(Choice(key, name, papers, pick_href(asking, step["event"], key), one["missing"]))
        if key == chosen:
            found = one, to
    if found is None:
        return {"choices": tuple(choices), "picked": ""}
    one, to = found
    law = proceeding_law(asking.today)
    hidden = [("step", one["step"]), *([(id_name, one[id_name])] if one.get(id_name) else [])]
    hidden += [("to", to)] if to else []
    held = {str(item["title"]) for item in asking.part.evidence if item["kind"] == "document"}
    needs = {key: name for key, name in one["needs"].items() if not (to and key == "to")}
    fields = [_legal_field(key, name, one["step"], law) for key, name in needs.items()]
    if "party" in needs and (asking.part.verdict or {}).get("party"):
        party = str((asking.part.verdict or {})["party"])
        fields = [replace(f, value=party) if f.name == "party" else f for f in fields]
    if kind is Kind.PROCEEDING and one["step"] in _MAY_BE_LATE:
        fields.append(Field("late_reason", words("proceeding").fields["late_reason"], "area", hint=_LATE))
    fields.append(text_field("on", "Day of the paper", type="date", hint="left empty: today"))
    return {
        "choices": tuple(choices),
        "fields": tuple(fields),
        "hidden": tuple(hidden),
        "papers": tuple(Paper(key, name, key in held) for key, name in one["papers"].items()),
        "more": True,
        "blocked": one["missing"],
    }


_MAY_BE_LATE = frozenset({Step.HEARING_REQUEST, Step.APPLY})
_LATE = both("only where the time has ended")
_DATES = frozenset({"from", "until", "perform_by", "built"})
_YESNO = frozenset({"complex", "major", "public_interest", "made", "adopted", "hearing"})
_AREAS = frozenset({"reason", "content", "conclusion", "result"})


def _legal_field(key: str, name: Text, step: str, law: ProceedingLaw) -> Field:
    options = _legal_options(key, step, law)
    if options:
        return Field(key, name, "multiple" if key in MULTIPLE else "select", True, ((None, options),))
    if key in _YESNO:
        return Field(key, name, "yesno", True)
    if key.endswith("_on") or key in _DATES or (key == "to" and step == "exclude"):
        return Field(key, name, "date", True)
    if key.endswith("_at"):
        return Field(key, name, "datetime", True)
    if key.endswith("yuan"):
        return Field(key, name, "number", True)
    return Field(key, name, "area" if key in _AREAS else "text", True)


def _legal_options(key: str, step: str, law: ProceedingLaw) -> tuple[tuple[str, Text], ...]:
    named: dict[str, Mapping[str, Any]] = {"cause": law.causes, "penalties": law.penalties, "performed": law.penalties}
    if key == "ground":
        named["ground"] = {"not_punish": law.no_penalty, "close": law.grounds}.get(step, {})
    if key in named:
        return tuple((k, one.name) for k, one in named[key].items())
    worded: dict[tuple[str, str], Mapping[str, str]] = {
        ("party_kind", step): PARTY_WORDS,
        ("method", step): {k: SERVICE_WORDS[k] for k in SERVICE},
        ("opinion", step): {"pass": "agreed", "return": "returned"},
        ("kind", "hold"): {"reconsideration": "administrative review", "lawsuit": "lawsuit"},
        ("result", "release"): {"upheld": "upheld", "withdrawn": "withdrawn", "changed": "changed"},
    }
    return tuple((k, both(word)) for k, word in worded.get((key, step), {}).items())
