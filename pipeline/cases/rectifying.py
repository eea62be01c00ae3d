"""整改 → 销号: what order, deadline, report, return and closing must bring. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    """A second order may not make the closing easier or the time longer without a second person."""
    kind, before = asked.payload["rectification"], asked.part.order
    closing_rule(asked, kind)
    names = {key: rule.name for key, rule in asked.world.standards.closings.items()}
    due = asked.due("rectify", asked.day("due_on"))
    if before is not None:
        changed = kind != before["rectification"]
        if changed and (asked.by.role != Role.REVIEWER or not asked.payload.get("reason")):
            raise asked.refuse(
                "{number}: {before} was ordered; only a reviewer changes it to {kind}, with reason=…",
                before=names.get(before["rectification"], before["rectification"]),
                kind=names[kind],
            )
        runs = asked.part.due
        if runs and not asked.raw.get("due_on"):
            due = dict(runs)
        elif runs and due and due["on"] > runs["on"]:
            raise asked.refuse("{number}: a later last day is an extension; take that step.")
    return {**asked.payload, "due": due}


def extended(asked: Asked) -> dict[str, Any]:
    due, until = asked.part.due, asked.day("due_on")
    if due is None:
        raise asked.refuse("{number}: nothing is due, so that nothing can be extended.")
    if until is None or until.isoformat() <= due["on"]:
        raise asked.refuse("{number}: the new last day must be after the present one, {day}.", day=due["on"])
    times = int(due.get("extended", 0)) + 1
    if asked.by.role != Role.LEADER:
        _within_ceiling(asked, due, until, times)
    moved = {"on": until.isoformat(), "provisional": False, "extended_from": due["on"], "extended": times}
    return {**asked.payload, "due": {**due, **moved}}


def _within_ceiling(asked: Asked, due: Mapping[str, Any], until: date, times: int) -> None:
    rule = asked.world.standards.deadlines.get(due["what"])
    if rule is None:
        return
    if times > rule.extend_times:
        raise asked.refuse(
            "{number}: the time was extended {times} times already, as often as deadlines.toml allows; only a leader"
            " extends it again.",
            times=times - 1,
        )
    most = asked.world.standards.calendar.after(date.fromisoformat(due["on"]), rule.extend_n, rule.unit, roll=rule.roll)
    if until > most.day:
        raise asked.refuse(
            "{number}: the new last day lies after {day}, the furthest that deadlines.toml allows in one extension;"
            " only a leader goes beyond it.",
            day=most.day,
        )


def paused(asked: Asked) -> dict[str, Any]:
    part, on = asked.part, asked.day("on") or asked.world.today
    if part.paused_on:
        raise asked.refuse("{number}: is paused since {day}.", day=part.paused_on)
    first = max((part.due or {}).get("from", ""), part.resumed_on)
    if on > asked.world.today or on.isoformat() < first:
        raise asked.refuse(
            "{number}: the day of the pause, {day}, must lie between {first} and today.", day=on, first=first or "-"
        )
    return {**asked.payload, "on": on.isoformat()}


def resumed(asked: Asked) -> dict[str, Any]:
    part = asked.part
    if not part.paused_on:
        raise asked.refuse("{number}: is not paused.")
    away = asked.world.today - date.fromisoformat(part.paused_on)
    due = part.due and {**part.due, "on": (date.fromisoformat(part.due["on"]) + max(away, timedelta())).isoformat()}
    return {**asked.payload, "on": asked.world.today.isoformat(), "paused_days": away.days, "due": due}


def due_set(asked: Asked) -> dict[str, Any]:
    """Counting a provisional day again; any other day is moved by an extension."""
    due, now = asked.raw["due"], asked.part.due
    try:
        day, what, provisional = date.fromisoformat(due["on"]), due["what"], bool(due.get("provisional"))
    except (TypeError, KeyError, ValueError):
        raise asked.refuse("{number}: due must hold what and on, a day such as 2026-12-01.") from None
    if now is None or not now["provisional"] or what != now["what"]:
        raise asked.refuse("{number}: only a provisional last day is counted again; take an extension.")
    return {**asked.payload, "due": {**dict(due), "on": day.isoformat(), "provisional": provisional}}


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
    found = rechecks.from_json(asked.payload["recheck"])
    if found.at.tzinfo is None or found.at > asked.world.at:
        raise asked.refuse("{number}: the scene's time {at} has no zone or lies in the future.", at=found.at)
    return asked.payload


def returned(asked: Asked) -> dict[str, Any]:
    _second_person(asked)
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
    _second_person(asked)
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
    photos = [judged(asked, evidence.from_json(item)) for item in part.evidence_now]
    documents = {item["title"] for item in part.evidence_now if item["kind"] == "document"}
    told = part.report or part.verdict or {}
    return closing.gates(
        _rule_of(asked),
        reported_at=datetime.fromisoformat(told["at"]) if "at" in told else None,
        photos=[one for one in photos if one.evidence.kind == "photo"],
        rechecks=[rechecks.from_json(item["recheck"]) for item in part.rechecks_now],
        documents=documents,
        reporter=told.get("by"),
        doers=part.doers,
        hands=part.hands,
        by=by,
        scenes={item["recheck"]["scene_id"]: item["scene"] for item in part.rechecks_now if "scene" in item},
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
        photo_in_place=rule.photo_in_place,
        clear_scenes=0,
        flights=0,
        documents=(),
        residue_m2=0.0,
        outcome=rule.outcome,
        valid_from=rule.valid_from,
        source=rule.source,
        after_report=False,
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


def _second_person(asked: Asked) -> None:
    """Raises: StepRefused for who checked, ruled or reported, or whose link or loading it came through."""

    def among(names: Iterable[str]) -> bool:
        return closing.person(asked.by.name) in {closing.person(name) for name in names}

    if among(asked.part.hands):
        raise asked.refuse(
            "{number}: {name} made the field link that something of it came through, or loaded it; a second person must"
            " judge it.",
            name=asked.by.name,
        )
    if among(asked.part.doers):
        raise asked.refuse("{number}: {name} did or reported it; a second person must judge it.", name=asked.by.name)
