"""整改 → 销号: what order, deadline, report, return and closing must bring. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from pipeline import recheck as rechecks
from pipeline.cases import closing, evidence
from pipeline.cases.asked import Asked, World
from pipeline.cases.case import Case, Part
from pipeline.cases.events import Actor, Role
from pipeline.cases.finding import judged
from pipeline.cases.table import Status
from pipeline.plain import to_plain


def ordered(asked: Asked) -> dict[str, Any]:
    closing_rule(asked, asked.payload["rectification"])
    return {**asked.payload, "due": asked.due("rectify", asked.day("due_on"))}


def extended(asked: Asked) -> dict[str, Any]:
    due, until = asked.part.due, asked.day("due_on")
    if due is None:
        raise asked.refuse("{number}: nothing is due, so that nothing can be extended.")
    if until is None or until.isoformat() <= due["on"]:
        raise asked.refuse("{number}: due_on must be after the present last day {day}.", day=due["on"])
    return {**asked.payload, "due": {**due, "on": until.isoformat(), "provisional": False, "extended_from": due["on"]}}


def paused(asked: Asked) -> dict[str, Any]:
    if asked.part.paused_on:
        raise asked.refuse("{number}: is paused since {day}.", day=asked.part.paused_on)
    return {**asked.payload, "on": (asked.day("on") or asked.world.today).isoformat()}


def resumed(asked: Asked) -> dict[str, Any]:
    part = asked.part
    if not part.paused_on:
        raise asked.refuse("{number}: is not paused.")
    away = asked.world.today - date.fromisoformat(part.paused_on)
    due = part.due and {**part.due, "on": (date.fromisoformat(part.due["on"]) + max(away, timedelta())).isoformat()}
    return {**asked.payload, "paused_days": away.days, "due": due}


def due_set(asked: Asked) -> dict[str, Any]:
    due = asked.raw["due"]
    if not isinstance(due, Mapping) or {"what", "on"} - set(due):
        raise asked.refuse("{number}: due must hold what and on.")
    return {**asked.payload, "due": dict(due)}


def reported(asked: Asked) -> dict[str, Any]:
    """What was ordered is what is reported: who reports cannot choose an easier closing."""
    ordered = (asked.part.order or {}).get("rectification")
    if not ordered:
        raise asked.refuse("{number}: no order says yet how it is to be put right; record the order first.")
    closing_rule(asked, ordered)
    said = asked.payload.get("rectification")
    if said and said != ordered:
        raise asked.refuse("{number}: {ordered} was ordered, {said} is reported; order it anew or report that.",
                           ordered=ordered, said=said)  # fmt: skip
    return {**asked.payload, "rectification": ordered, "due": asked.due("accept")}


def rechecked(asked: Asked) -> dict[str, Any]:
    rechecks.from_json(asked.payload["recheck"])
    return asked.payload


def returned(asked: Asked) -> dict[str, Any]:
    if did(asked):
        raise asked.refuse("{number}: {name} did or reported it; a second person must judge it.", name=asked.by.name)
    again = (
        asked.part.status is Status.RECTIFYING
        or (asked.part.verdict or {}).get("leads_to") == "accept"
        or asked.raw.get("to") == Status.DISPATCHED
    )
    what = "check" if again else "rectify"
    to = Status.DISPATCHED if again else Status.RECTIFYING
    return {**asked.payload, "to": to.value, "due": asked.due(what, asked.day("due_on"))}


def gates(case: Case, part: Part, world: World, by: str | None) -> tuple[closing.Gate, ...]:
    """The gates that a closing of this part must pass, each with what was measured; by: who would accept."""
    return _gates(Asked(case, part, {}, {"part": part.id}, Actor(by or "", ""), world), by)


def accepted(asked: Asked) -> dict[str, Any]:
    shown = _gates(asked, asked.by.name)
    missing = closing.refusal(shown)
    override = str(asked.payload.get("override") or "").strip()
    if did(asked):
        raise asked.refuse("{number}: {name} did or reported it; a second person must accept.", name=asked.by.name)
    if missing is not None and not (override and asked.by.role == Role.LEADER):
        if override:
            raise asked.refuse("{number}: only a leader may close against the gates.")
        raise asked.refuse("{number}: {missing}", missing=missing)
    rule, verdict = _rule_of(asked), asked.part.verdict or {}
    return {
        **asked.payload,
        "gates": [to_plain(gate) for gate in shown],
        "outcome": rule.outcome if asked.part.report is not None else verdict["outcome"],
        "overridden": missing is not None,
        "standard": {
            "key": rule.key,
            "valid_from": rule.valid_from.isoformat(),
            "source": rule.source,
            "digest": asked.world.standards.digest,
        },
    }


def _gates(asked: Asked, by: str | None) -> tuple[closing.Gate, ...]:
    part = asked.part
    photos = [judged(asked, evidence.from_json(item)) for item in part.evidence]
    documents = {item["title"] for item in part.evidence if item["kind"] == "document"}
    told = part.report or part.verdict or {}
    return closing.gates(
        _rule_of(asked),
        reported_at=datetime.fromisoformat(told["at"]) if "at" in told else None,
        photos=[one for one in photos if one.evidence.kind == "photo"],
        rechecks=[rechecks.from_json(item["recheck"]) for item in part.rechecks],
        documents=documents,
        reporter=told.get("by"),
        doers=part.doers,
        by=by,
        scenes={item["recheck"]["scene_id"]: item["scene"] for item in part.rechecks if "scene" in item},
    )


def _rule_of(asked: Asked) -> closing.ClosingRule:
    verdict = asked.part.verdict or {}
    if asked.part.report is not None:
        return closing_rule(asked, asked.part.report["rectification"])
    rule = asked.world.standards.verdicts[verdict["verdict"]]
    return closing.ClosingRule(
        key=rule.key,
        name=rule.name,
        photos=rule.photos,
        photo_in_place=False,
        clear_scenes=0,
        flights=0,
        documents=(),
        residue_m2=0.0,
        outcome=rule.outcome,
        valid_from=rule.valid_from,
        source=rule.source,
    )


def closing_rule(asked: Asked, key: object) -> closing.ClosingRule:
    rule = asked.world.standards.closings.get(str(key))
    if rule is None:
        raise asked.refuse(
            "{number}: {key} is no kind of rectification; known are {known}.",
            key=key,
            known=", ".join(asked.world.standards.closings),
        )
    return rule


def did(asked: Asked) -> bool:
    """Whether who asks is one of those who checked, ruled or reported."""
    return closing.person(asked.by.name) in {closing.person(name) for name in asked.part.doers}
