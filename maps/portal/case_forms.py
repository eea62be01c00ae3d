"""The forms of a case: one a step that is possible now, with its fields in words; and why others are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from geodata.words import Text, both
from maps.case_events import joined
from pipeline.cases.case import Case, Part, Status, scenes_that_saw
from pipeline.cases.closing import SHOT_NAMES
from pipeline.cases.events import Event, Kind, Role
from pipeline.cases.given import BATCH_ONLY, BY_PERSONS, slug
from pipeline.cases.leniency import CONSTRUCTION
from pipeline.cases.proceeding_enforcing import SERVICE
from pipeline.cases.proceeding_law import ProceedingLaw, proceeding_law
from pipeline.cases.rules import SHOTS, Standards
from pipeline.cases.table import NEXT, WHOLE, role_name, step_name

NO_FORM = frozenset({Kind.LOOKALIKES, Kind.DATED, Kind.SUPPLEMENT, Kind.RECHECKED})
"""Told by inspections and phones."""
PRIMARY: Mapping[Status, Kind] = {
    Status.SUSPECTED: Kind.DISPATCHED,
    Status.DISPATCHED: Kind.VERDICT,
    Status.RECTIFYING: Kind.REPORTED,
    Status.REPORTED: Kind.ACCEPTED,
}
MULTIPLE = frozenset({"penalties", "performed"})
PARTY_WORDS = {"person": "a person", "organisation": "an organisation"}
SERVICE_WORDS = {
    "direct": "handed over", "left": "left in presence of witnesses", "entrusted": "through another office",
    "post": "by post", "announcement": "by announcement", "electronic": "electronically",
}  # fmt: skip
CONSTRUCTION_WORDS = {"none": "not begun", "started": "being built", "finished": "finished"}
RECEIVER_WORDS = {
    "police": "the police", "agriculture": "the agriculture department", "discipline": "discipline inspection",
}  # fmt: skip

ACTIONS: Mapping[Kind, str] = {
    Kind.DISPATCHED: "Dispatch",
    Kind.DISMISSED: "Dismiss",
    Kind.ASSIGNED: "Hand on",
    Kind.POSTPONED: "Cannot be checked today",
    Kind.EVIDENCE: "Add photos and papers",
    Kind.SPLIT: "Split",
    Kind.VERDICT: "Give the verdict",
    Kind.ORDERED: "Order it put right",
    Kind.EXTENDED: "Extend the time",
    Kind.PAUSED: "Pause",
    Kind.RESUMED: "Resume",
    Kind.DUE_SET: "Compute the last day anew",
    Kind.REPORTED: "Report done",
    Kind.RETURNED: "Return",
    Kind.ACCEPTED: "Accept and close",
    Kind.REOPENED: "Reopen",
    Kind.PROCEEDING: "Step of the proceeding",
    Kind.TRANSFER: "Step of a transfer",
    Kind.LENIENCY: "Compute the facts for leniency",
    Kind.NOTE: "Add a note",
    Kind.CORRECTED: "Correct an entry",
}
"""What the button says: a verb."""


@dataclass(frozen=True)
class Field:
    """type: text, area, date, datetime, month, number, select, multiple, yesno. groups: (name of the group,
    options), "" for none; options are (value, words)."""

    name: str
    label: Text
    type: str = "text"
    required: bool = False
    groups: tuple[tuple[Text | None, tuple[tuple[str, Text], ...]], ...] = ()
    hint: Text | None = None
    value: str = ""


@dataclass(frozen=True)
class Choice:
    """What must be chosen before the form can be drawn."""

    key: str
    name: Text
    hint: Text
    href: str
    missing: Text | None = None


@dataclass(frozen=True)
class Paper:
    key: str
    name: Text
    held: bool


@dataclass(frozen=True)
class StepForm:
    """hidden: what goes along unseen. photos: kinds of shot that may be uploaded with it. blocked: why it would
    be refused now, whatever is typed."""

    event: str
    title: Text
    action: Text
    roles: tuple[Text, ...]
    fields: tuple[Field, ...] = ()
    hidden: tuple[tuple[str, str], ...] = ()
    choices: tuple[Choice, ...] = ()
    picked: str = ""
    photos: tuple[tuple[str, Text], ...] = ()
    papers: tuple[Paper, ...] = ()
    any_paper: tuple[tuple[str, Text], ...] = ()
    parts_file: bool = False
    more: bool = False
    notes: tuple[Text, ...] = ()
    gates: tuple[Mapping[str, Any], ...] = ()
    blocked: Text | None = None
    primary: bool = False


@dataclass(frozen=True)
class Impossible:
    """A step that is none now, and why."""

    name: Text
    why: Text


@dataclass(frozen=True)
class Asking:
    """What the forms are made for. picked: event → what was chosen for it."""

    case: Case
    part: Part
    role: str
    rules: Standards
    today: date
    events: Sequence[Event]
    picked: Mapping[str, str]
    papers: Mapping[str, Text]
    address: str


def forms(asking: Asking, possible: Sequence[Mapping[str, Any]]) -> tuple[StepForm, ...]:
    """possible: of ``now.now_of`` for this part and role. The main one first."""
    made = [_form(asking, step) for step in possible if Kind(_kind(step["event"])) not in NO_FORM]
    main = _main(asking.part, {form.event: form for form in made})
    order = [form for form in made if form.event == main] + [form for form in made if form.event != main]
    return tuple(_as_main(form) if form.event == main else form for form in order)


def _as_main(form: StepForm) -> StepForm:
    return StepForm(**{**form.__dict__, "primary": form.blocked is None})


def _kind(event: str) -> str:
    return event.upper().replace("-", "_")


def _main(part: Part, made: Mapping[str, StepForm]) -> str:
    wanted = PRIMARY.get(part.status)
    if part.status is Status.RECTIFYING and part.order is None:
        wanted = Kind.ORDERED
    return slug(wanted) if wanted is not None and slug(wanted) in made else ""


def impossible(asking: Asking, possible: Sequence[Mapping[str, Any]]) -> tuple[Impossible, ...]:
    """Every other step that people take, and whether it waits for another role or another status."""
    able = {step["event"] for step in possible}
    found = []
    for kind in BY_PERSONS:
        if kind in BATCH_ONLY or kind in NO_FORM or slug(kind) in able:
            continue
        status = asking.case.status if kind in WHOLE else asking.part.status
        step = NEXT.get((status, kind))
        why: Text
        if step is not None and asking.role not in step.roles:
            roles = [role_name(r) for r in sorted(step.roles) if r is not Role.SYSTEM]
            why = both("for {roles}", roles=joined(roles))
        elif step is not None:
            why = _IDLE.get(kind, both("nothing to do it to now"))
        else:
            where = [both(s.value) for (s, k) in NEXT if k is kind and s is not None]
            why = both("possible at {statuses}", statuses=joined(where))
        found.append(Impossible(step_name(kind), why))
    return tuple(found)


_IDLE: Mapping[Kind, Text] = {
    Kind.RESUMED: both("it is not paused"),
    Kind.PAUSED: both("it is paused already"),
    Kind.EXTENDED: both("nothing is due"),
}


def _form(asking: Asking, step: Mapping[str, Any]) -> StepForm:
    kind = Kind(_kind(step["event"]))
    base: dict[str, Any] = {
        "event": step["event"],
        "title": step_name(kind),
        "action": both(ACTIONS[kind]),
        "roles": tuple(role_name(r) for r in step["roles"]),
        "picked": asking.picked.get(step["event"], ""),
    }
    return StepForm(**(base | _MAKE.get(kind, _simple)(asking, kind, step)))


def _text(name: str, label: str, *, required: bool = False, type: str = "text", hint: str = "") -> Field:
    return Field(name, both(label), type, required, hint=both(hint) if hint else None)


REASON = ("reason", "Reason")


def _simple(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    return {"fields": _FIELDS.get(kind, ())}


_FIELDS: Mapping[Kind, tuple[Field, ...]] = {
    Kind.DISMISSED: (_text(*REASON, required=True, type="area"),),
    Kind.ASSIGNED: (_text("to_whom", "To whom", required=True),),
    Kind.POSTPONED: (
        _text(*REASON, required=True, type="area"),
        _text("again_on", "Again on", required=True, type="date"),
    ),
    Kind.EXTENDED: (
        _text(*REASON, required=True, type="area"),
        _text("due_on", "New last day", required=True, type="date"),
    ),
    Kind.PAUSED: (
        _text(*REASON, required=True, type="area", hint="review or lawsuit, its number"),
        _text("on", "From which day", type="date"),
    ),
    Kind.RESUMED: (_text(*REASON, required=True, type="area"),),
    Kind.DUE_SET: (_text("on", "New last day", required=True, type="date"),),
    Kind.REOPENED: (_text(*REASON, required=True, type="area"),),
    Kind.NOTE: (_text("text", "Note", required=True, type="area"),),
}


def _dispatched(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    alone = len(scenes_that_saw(asking.case)) < 2 and not asking.case.clues
    hint = "one scene alone has seen it: say why it is worth a visit" if alone else ""
    return {
        "fields": (
            _text("to_whom", "To whom", required=True, hint="the township or team that checks it on the ground"),
            _text("reason", "Reason", required=alone, type="area", hint=hint),
            _text("due_on", "Last day", type="date", hint="left empty: by the deadline of the office"),
        )
    }


def _shots(keys: Sequence[str]) -> tuple[tuple[str, Text], ...]:
    return tuple((key, both(SHOT_NAMES[key])) for key in keys)


def _evidence(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "photos": _shots(SHOTS),
        "any_paper": tuple(asking.papers.items()),
        "notes": (both("Kept byte for byte, with its sha256; what speaks against a photo is shown beside it."),),
    }


def _split(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "parts_file": True,
        "fields": (
            _text("crs", "Coordinate system", hint="only where the file names none, as EPSG:4526"),
            _text("layer", "Layer", hint="only where the file holds several"),
        ),
        "notes": (both("The ground is cut along the polygons; what they leave is a last part. Areas must add up."),),
    }


def _verdict(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    chosen = asking.picked.get(step["event"], "")
    choices = tuple(
        Choice(v["key"], v["name"], _proof(v), _pick(asking, step["event"], v["key"])) for v in step["verdicts"]
    )
    rule = asking.rules.verdicts.get(chosen)
    if rule is None:
        return {"choices": choices, "picked": ""}
    fields: list[Field] = []
    if rule.subs:
        fields.append(Field("sub", both("Sub-kind"), "select", True, ((None, tuple(rule.subs.items())),)))
    sub_only = {key for keys in rule.sub_needs.values() for key in keys}
    for key in dict.fromkeys((*rule.needs, *sorted(sub_only), *rule.may)):
        field = rule.fields[key]
        if field.type == "use":
            groups = tuple((rule.subs.get(sub), tuple(uses.items())) for sub, uses in rule.uses.items())
            fields.append(Field(key, field.name, "select", key in rule.needs, groups))
            continue
        type = "area" if key == "text" else {"month": "month"}.get(field.type, field.type)
        fields.append(Field(key, field.name, type, key in rule.needs, hint=_needed_with(rule, key)))
    fields.append(_text("checked_on", "Checked on", type="date", hint="left empty: today"))
    found = next(v for v in step["verdicts"] if v["key"] == chosen)
    return {
        "choices": choices,
        "picked": chosen,
        "fields": tuple(fields),
        "hidden": (("verdict", chosen),),
        "photos": _shots(tuple(rule.photos) or ("other",)),
        "notes": (_proof(found),),
    }


def _needed_with(rule: Any, key: str) -> Text | None:
    subs = [rule.subs[sub] for sub, keys in rule.sub_needs.items() if key in keys and sub in rule.subs]
    return both("needed with: {subs}", subs=joined(subs)) if subs and key not in rule.needs else None


def _proof(verdict: Mapping[str, Any]) -> Text:
    photos = [
        both("{shot} {held} of {n}", shot=both(SHOT_NAMES[shot]), held=verdict["photos_held"][shot], n=n)
        for shot, n in verdict["photos"].items()
    ]
    return joined(photos) if photos else both("no photo asked for")


def _pick(asking: Asking, event: str, key: str) -> str:
    return f"{asking.address}?{urlencode({'do': event, 'pick': key})}#do-{event}"


def _ordered(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    options = tuple((r["key"], r["name"]) for r in step["rectifications"])
    return {
        "fields": (
            Field("rectification", both("How it is to be put right"), "select", True, ((None, options),),
                  value=(asking.part.order or {}).get("rectification", "")),
            _text("due_on", "Last day", type="date", hint="left empty: by the deadline of the office"),
            _text("text", "What exactly", type="area"),
            *([_text("reason", "Reason for the change", type="area")] if asking.part.order else []),
        )
    }  # fmt: skip


def _reported(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    rules = step["rectifications"]
    keys = rules[0]["documents"] if rules else []
    held = {item["title"] for item in asking.part.evidence_now if item["kind"] == "document"}
    return {
        "fields": (
            _text("text", "What was done", required=True, type="area"),
            _text("demolished_m2", "Demolished, m²", type="number"),
        ),
        "photos": _shots(("after", "overview", "other")),
        "papers": tuple(Paper(key, asking.papers.get(key, both(key)), key in held) for key in keys),
        "notes": (both("Photos after rectification count when they are taken after this report."),),
        "blocked": None if rules else both("no order says yet how it is to be put right"),
    }


def _returned(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    to = [Field("to", both("Back to"), "select", True, ((None, tuple((s, both(s)) for s in step["to"])),))]
    return {
        "fields": (
            _text("reason", "Reason", required=True, type="area"),
            *(to if len(step["to"]) > 1 else ()),
            _text("due_on", "New last day", type="date"),
        )
    }


def _accepted(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    short = [g["missing"] or g["name"] for g in step["gates"] if g["met"] is False and g["key"] != "second_person"]
    leader = asking.role == Role.LEADER
    why = both("missing: {missing}", missing=joined(short, "；")) if short else None
    fields = (_text("override", "Reason to close against the gates", required=True, type="area"),)
    return {
        "gates": tuple(step["gates"]),
        "fields": fields if leader and short else (),
        "blocked": why if short and not leader else None,
        "notes": (why,) if why and leader else (),
        "action": both("Close against the gates") if leader and short else both(ACTIONS[kind]),
    }


def _corrected(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    options = tuple(
        (str(e.seq), both("{seq} · {name} · {by}", seq=e.seq, name=step_name(Kind(e.kind)), by=e.by))
        for e in reversed(asking.events)
    )
    return {
        "fields": (
            Field("corrects", both("Which entry"), "select", True, ((None, options),)),
            _text("text", "What is right", required=True, type="area"),
        ),
        "notes": (both("The entry stays, struck through; nothing is ever removed."),),
    }


def _leniency(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    options = tuple((key, both(CONSTRUCTION_WORDS[key])) for key in CONSTRUCTION)
    return {
        "fields": (
            Field("construction", both("Construction"), "select", False, ((None, options),)),
            _text("harm", "Harmful consequences", type="yesno"),
        ),
        "notes": (both("Only facts are computed; people decide."),),
    }


# proceeding and transfer: the step is chosen first


def _legal(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    chosen, choices, found = asking.picked.get(step["event"], ""), [], None
    id_name = "proceeding" if kind is Kind.PROCEEDING else "transfer"
    for one in step["steps"]:
        to = one["state"].partition(":")[0] if kind is Kind.TRANSFER and not one.get(id_name) else ""
        key = ":".join((one.get(id_name) or "", to, one["step"]))
        name = joined([both(RECEIVER_WORDS[to]), one["name"]], "：") if to else one["name"]
        if one.get(id_name):
            name = both("{name} (number {id})", name=name, id=one[id_name])
        papers = joined(list(one["papers"].values())) if one["papers"] else both("no paper")
        choices.append(Choice(key, name, papers, _pick(asking, step["event"], key), one["missing"]))
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
        fields = [Field(**{**f.__dict__, "value": party}) if f.name == "party" else f for f in fields]
    fields.append(_text("on", "Day of the paper", type="date", hint="left empty: today"))
    return {
        "choices": tuple(choices),
        "fields": tuple(fields),
        "hidden": tuple(hidden),
        "papers": tuple(Paper(key, name, key in held) for key, name in one["papers"].items()),
        "more": True,
        "blocked": one["missing"],
    }


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


_MAKE: Mapping[Kind, Any] = {
    Kind.DISPATCHED: _dispatched,
    Kind.EVIDENCE: _evidence,
    Kind.SPLIT: _split,
    Kind.VERDICT: _verdict,
    Kind.ORDERED: _ordered,
    Kind.REPORTED: _reported,
    Kind.RETURNED: _returned,
    Kind.ACCEPTED: _accepted,
    Kind.CORRECTED: _corrected,
    Kind.LENIENCY: _leniency,
    Kind.PROCEEDING: _legal,
    Kind.TRANSFER: _legal,
}
