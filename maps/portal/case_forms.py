"""The forms of a case: one a step that is possible now, with its fields in words; and why others are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from geodata.words import Text, both
from maps.case_names import joined
from maps.portal.form_parts import Asking, Choice, Field, Impossible, Paper, StepForm, pick_href, text_field
from maps.portal.legal_forms import legal
from pipeline.cases.case import Part, Status
from pipeline.cases.closing import SHOT_NAMES
from pipeline.cases.events import Kind, Role
from pipeline.cases.given import BATCH_ONLY, BY_PERSONS, slug
from pipeline.cases.leniency import CONSTRUCTION
from pipeline.cases.rules import SHOTS
from pipeline.cases.seen import scenes_that_saw
from pipeline.cases.table import NEXT, WHOLE, role_name, step_name

NO_FORM = frozenset({Kind.LOOKALIKES, Kind.DATED, Kind.SUPPLEMENT, Kind.RECHECKED})
"""Told by inspections and phones."""
PRIMARY: Mapping[Status, Kind] = {
    Status.SUSPECTED: Kind.DISPATCHED,
    Status.DISPATCHED: Kind.VERDICT,
    Status.RECTIFYING: Kind.REPORTED,
    Status.REPORTED: Kind.ACCEPTED,
}
CONSTRUCTION_WORDS = {"none": "not begun", "started": "being built", "finished": "finished"}

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


REASON = ("reason", "Reason")


def _simple(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    return {"fields": _FIELDS.get(kind, ())}


_FIELDS: Mapping[Kind, tuple[Field, ...]] = {
    Kind.DISMISSED: (text_field(*REASON, required=True, type="area"),),
    Kind.ASSIGNED: (text_field("to_whom", "To whom", required=True),),
    Kind.POSTPONED: (
        text_field(*REASON, required=True, type="area"),
        text_field("again_on", "Again on", required=True, type="date"),
    ),
    Kind.EXTENDED: (
        text_field(*REASON, required=True, type="area"),
        text_field("due_on", "New last day", required=True, type="date"),
    ),
    Kind.PAUSED: (
        text_field(*REASON, required=True, type="area", hint="review or lawsuit, its number"),
        text_field("on", "From which day", type="date"),
    ),
    Kind.RESUMED: (text_field(*REASON, required=True, type="area"),),
    Kind.DUE_SET: (text_field("on", "New last day", required=True, type="date"),),
    Kind.REOPENED: (text_field(*REASON, required=True, type="area"),),
    Kind.NOTE: (text_field("text", "Note", required=True, type="area"),),
}


def _dispatched(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    alone = len(scenes_that_saw(asking.case)) < 2 and not asking.case.clues
    hint = "one scene alone has seen it: say why it is worth a visit" if alone else ""
    return {
        "fields": (
            text_field("to_whom", "To whom", required=True, hint="the township or team that checks it on the ground"),
            text_field("reason", "Reason", required=alone, type="area", hint=hint),
            text_field("due_on", "Last day", type="date", hint="left empty: by the deadline of the office"),
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
            text_field("crs", "Coordinate system", hint="only where the file names none, as EPSG:4526"),
            text_field("layer", "Layer", hint="only where the file holds several"),
        ),
        "notes": (both("The ground is cut along the polygons; what they leave is a last part. Areas must add up."),),
    }


def _verdict(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    chosen = asking.picked.get(step["event"], "")
    choices = tuple(
        Choice(v["key"], v["name"], _proof(v), pick_href(asking, step["event"], v["key"])) for v in step["verdicts"]
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
    fields.append(text_field("checked_on", "Checked on", type="date", hint="left empty: today"))
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


def _ordered(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    options = tuple((r["key"], r["name"]) for r in step["rectifications"])
    return {
        "fields": (
            Field("rectification", both("How it is to be put right"), "select", True, ((None, options),),
                  value=(asking.part.order or {}).get("rectification", "")),
            text_field("due_on", "Last day", type="date", hint="left empty: by the deadline of the office"),
            text_field("text", "What exactly", type="area"),
            *([text_field("reason", "Reason for the change", type="area")] if asking.part.order else []),
        )
    }  # fmt: skip


def _reported(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    rules = step["rectifications"]
    keys = rules[0]["documents"] if rules else []
    held = {item["title"] for item in asking.part.evidence_now if item["kind"] == "document"}
    return {
        "fields": (
            text_field("text", "What was done", required=True, type="area"),
            text_field("demolished_m2", "Demolished, m²", type="number"),
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
            text_field("reason", "Reason", required=True, type="area"),
            *(to if len(step["to"]) > 1 else ()),
            text_field("due_on", "New last day", type="date"),
        )
    }


def _accepted(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    short = [g["missing"] or g["name"] for g in step["gates"] if g["met"] is False and g["key"] != "second_person"]
    leader = asking.role == Role.LEADER
    why = both("missing: {missing}", missing=joined(short, "；")) if short else None
    fields = (text_field("override", "Reason to close against the gates", required=True, type="area"),)
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
            text_field("text", "What is right", required=True, type="area"),
        ),
        "notes": (both("The entry stays, struck through; nothing is ever removed."),),
    }


def _leniency(asking: Asking, kind: Kind, step: Mapping[str, Any]) -> dict[str, Any]:
    options = tuple((key, both(CONSTRUCTION_WORDS[key])) for key in CONSTRUCTION)
    return {
        "fields": (
            Field("construction", both("Construction"), "select", False, ((None, options),)),
            text_field("harm", "Harmful consequences", type="yesno"),
        ),
        "notes": (both("Only facts are computed; people decide."),),
    }


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
    Kind.PROCEEDING: legal,
    Kind.TRANSFER: legal,
}
