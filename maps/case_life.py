"""How far a case has come: stage bar, what is next, and of each part verdict, gates, re-checks and what runs beside."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from geodata.days import day_of
from geodata.words import Text, both
from maps.case_names import closing_name, joined, leniency_words, outcome_name, recheck_word, verdict_name
from maps.case_parts import GateLine, NextStep, PartView, RecheckLine, StageStep, VerdictLine
from maps.style import date_bj
from maps.telling import Telling
from pipeline.cases.case import Case, Part, Status
from pipeline.cases.events import Event
from pipeline.cases.proceeding_law import words as law_words
from pipeline.cases.rows import basic_m2
from pipeline.cases.table import role_name
from pipeline.cases.transfer import receiver_name

Gates = Callable[[Case, Part], Sequence[Any]]
"""(case, part) → ``closing.Gate`` of a part that is not closed yet, as they stand whoever looks."""

VIOLATION = "violation"


def stages(case: Case, events: Sequence[Event]) -> tuple[StageStep, ...]:
    """发现 → 整改中 → 待验收 → 销号; the current one with its date, the rest with what they wait for."""
    told = sorted(events, key=lambda event: event.seq)
    now = max((event.at for event in told), default=case.found_at)
    if case.status is Status.DISMISSED:
        return (
            StageStep(Status.SUSPECTED, both("Found"), both("on {day}", day=date_bj(case.found_at, now)), "done"),
            StageStep(Status.DISMISSED, both("Dismissed"), both("counts in no closing rate"), "current"),
        )
    found = case.status if case.status in (Status.SUSPECTED, Status.DISPATCHED) else Status.DISPATCHED
    order = (found, Status.RECTIFYING, Status.REPORTED, Status.CLOSED)
    titles = ("Found", "Rectifying", "To accept", "Closing")
    waits = ("", "after the ground check", "after imagery looked again", "accepted by a second person")
    at = order.index(case.status)
    begun = _since(case.status, told)
    rectified = any(event.payload.get("to") == Status.RECTIFYING for event in told)
    steps = []
    for index, (status, title, wait) in enumerate(zip(order, titles, waits, strict=True)):
        state = "done" if index < at else "current" if index == at else "future"
        if index == 0:
            word = {Status.SUSPECTED: "suspected since {day}", Status.DISPATCHED: "to check since {day}"}
            since = begun if case.status is Status.DISPATCHED else case.found_at
            note = both(word.get(case.status) or "on {day}", day=date_bj(since or case.found_at, now))
        elif state == "current":
            note = both("since {day}", day=date_bj(begun or now, now))
        elif state == "future":
            note = both(wait)
        else:
            note = both("done" if status is not Status.RECTIFYING or rectified else "nothing to put right")
        steps.append(StageStep(status, both(title), note, state))
    return tuple(steps)


def _since(status: Status, told: Sequence[Event]) -> datetime | None:
    """When the last event came that led to ``status``."""
    return next((event.at for event in reversed(told) if event.payload.get("to") == status.value), None)


# what is next

_NEXT: Mapping[Status, tuple[str, str, str]] = {
    Status.SUSPECTED: (
        "Dispatch to {where} for a check on the ground",
        "enforcement office, {district}",
        "Until the check on the ground this is a clue, not a finding.",
    ),
    Status.DISPATCHED: (
        "Check on the ground, with photos",
        "{where}, field staff",
        "The verdict decides: rectify, complete the formalities, or not upheld.",
    ),
    Status.RECTIFYING: (
        "Rectify, and report it done",
        "{where}, with the party concerned",
        "New imagery looks again, then a second person accepts.",
    ),
    Status.REPORTED: (
        "Accept, or return with the reason",
        "a second person, not the one who reported",
        "Accepted: closed. Not agreed: returned with the reason.",
    ),
    Status.CLOSED: (
        "Nothing due; the ground stays watched",
        "the system, at every inspection",
        "A relapse reopens the same number.",
    ),
    Status.DISMISSED: (
        "Nothing due: dismissed",
        "nobody",
        "Kept with its reason; counts in no closing rate.",
    ),
}
"""What is to be done, whose turn it is, and what follows."""

_SEEN_ONCE = (
    "Wait for a second clear scene to confirm it",
    "remote sensing team, at the next inspection",
    "Seen again: more certain, dispatched to {where} for a check on the ground. "
    "A field again: withdrawn, with the reason.",
)


def next_step(case: Case, part: Part, telling: Telling, as_of: datetime, dates: int) -> NextStep:
    """What happens now to a part. A clue is called a clue until the ground was checked.

    dates: in how many later scenes it was seen."""
    where = case.township_name or case.district_name or case.district_code
    district = case.district_name or case.district_code
    once = part.status is Status.SUSPECTED and dates < 2 and not case.clues
    if telling.named and part.assignee and part.status in (Status.DISPATCHED, Status.RECTIFYING):
        where = f"{where} · {part.assignee}"  # unit and person, as it was given
    title, who, after = (
        both(msgid, where=where, district=district) for msgid in (_SEEN_ONCE if once else _NEXT[part.status])
    )
    if part.status is Status.RECTIFYING and part.order is None:
        title, who = both("Order it to be put right"), both("enforcement office, {district}", district=district)
    elif part.status is Status.RECTIFYING and part.order is not None:
        rules = telling.rules(day_of(as_of))
        title = both("{how}, and report it done", how=closing_name(part.order["rectification"], rules))
    rows = [(both("Whose turn"), who), (both("Due"), due_words(part, as_of)), (both("After that"), after)]
    back = part.returned[-1] if part.returned else None
    if back and back["to"] == part.status and (part.verdict is None or part.verdict["seq"] < back["seq"]):
        rows.insert(0, (both("Returned"), telling.free(back["reason"])))
    done = part.status in (Status.CLOSED, Status.DISMISSED)
    return NextStep(title, tuple(rows), open=not done, overdue=(days_left(part, as_of) or 0) < 0)


def days_left(part: Part, as_of: datetime) -> int | None:
    """None where nothing is due, or while it is paused; negative: overdue."""
    if not part.due or part.paused_on:
        return None
    return (date.fromisoformat(part.due["on"]) - day_of(as_of)).days


_UNITS = {"workdays": "working days", "days": "calendar days", "months": "months"}


def due_words(part: Part, as_of: datetime) -> Text:
    """12-05（周六，60 日历日），剩 15 天."""
    if not part.due:
        return both("none before dispatch" if part.status is Status.SUSPECTED else "none")
    due = part.due
    day = date.fromisoformat(due["on"])
    names = both("Mon|Tue|Wed|Thu|Fri|Sat|Sun")
    weekday = {lang: text.split("|")[day.weekday()] for lang, text in names.items()}
    shown = f"{day:%m-%d}" if day.year == day_of(as_of).year else f"{day:%Y-%m-%d}"
    if "n" in due:
        span = both("{n} {unit}", n=due["n"], unit=both(_UNITS.get(str(due["unit"]), str(due["unit"]))))
        text = both("{day} ({weekday}, {span})", day=shown, weekday=weekday, span=span)
    else:
        text = both("{day} ({weekday}, as set)", day=shown, weekday=weekday)
    if due.get("provisional"):
        text = both("{due}, provisional: the holidays of that year are not published", due=text)
    left = days_left(part, as_of)
    if part.paused_on:
        return both("{due}; paused since {day}", due=text, day=part.paused_on)
    if left is None:
        return text
    if left < 0:
        return both("{due}, {n} days overdue", due=text, n=-left)
    return both("{due}, {n} days left", due=text, n=left) if left else both("{due}, due today", due=text)


# one part


def part_view(case: Case, part: Part, telling: Telling, as_of: datetime, dates: int, gates: Gates | None) -> PartView:
    ground = part.ground
    return PartView(
        id=part.id,
        number=case.number + (f"_{part.id}" if part.id else ""),
        status=part.status,
        geometry=part.geometry,
        patch_m2=ground["patch_m2"],
        farmland_m2=ground["farmland_gross_m2"],
        basic_m2=basic_m2(ground),
        verdict=_verdict(part, telling),
        next=next_step(case, part, telling, as_of, dates),
        gates=_gates(case, part, telling, gates),
        gates_of=_gates_of(part, telling),
        rechecks=_rechecks(part),
        beside=_beside(part, telling),
        outcome=outcome_name(part.outcome) if part.outcome else None,
        overridden=_overridden(part, telling),
        overdue=(days_left(part, as_of) or 0) < 0,
    )


def _verdict(part: Part, telling: Telling) -> VerdictLine | None:
    if part.verdict is None:
        return None
    told = part.verdict
    at = datetime.fromisoformat(told["at"])
    name = verdict_name(told, telling.rules(day_of(at)))
    role = _role(told)
    who = both("{name}, {role}", name=told["by"], role=role) if telling.named and told.get("by") else role
    return VerdictLine(
        name, date.fromisoformat(told["checked_on"]) if told.get("checked_on") else day_of(at), role, who,
        unlawful=told["verdict"] == VIOLATION, text=telling.free(told["text"]) if told.get("text") else None,
    )  # fmt: skip


def _role(told: Mapping[str, Any]) -> Text:
    return role_name(str(told.get("role")))


def _gates_of(part: Part, telling: Telling) -> Text | None:
    """What kind of closing the gates are of: the kind of rectification, or the verdict."""
    if part.status not in (Status.RECTIFYING, Status.REPORTED, Status.CLOSED) or part.verdict is None:
        return None
    told = part.report or part.order
    at = datetime.fromisoformat((told or part.verdict)["at"])
    rules = telling.rules(day_of(at))
    return closing_name(told["rectification"], rules) if told else verdict_name(part.verdict, rules)


def _gates(case: Case, part: Part, telling: Telling, gates: Gates | None) -> tuple[GateLine, ...]:
    """Of a closed part as they stood then; of one that waits, as they stand now. Roles instead of names."""
    if part.closing is not None:
        shown = list(part.closing.get("gates", ()))
    elif part.status is Status.REPORTED and gates is not None:
        shown = [
            {"key": g.key, "name": g.name, "met": g.met, "value": g.value, "missing": g.missing}
            for g in gates(case, part)
        ]
    else:
        return ()
    return tuple(_gate(gate, part, telling) for gate in shown)


def _gate(gate: Mapping[str, Any], part: Part, telling: Telling) -> GateLine:
    told = part.report or part.verdict or {}
    value = telling.free(gate["value"])
    missing = telling.free(gate["missing"]) if gate["missing"] else None
    if gate["key"] == "reported" and "at" in told:
        value = both("{day}, by {role}", day=str(day_of(datetime.fromisoformat(told["at"]))), role=_role(told))
    if gate["key"] == "second_person":
        value = both("nobody yet")
        if part.closing is not None:
            value = both("{role} accepted, another person reported", role=_role(part.closing))
    return GateLine(gate["key"], gate["name"], gate["met"], value, missing)


def _rechecks(part: Part) -> tuple[RecheckLine, ...]:
    """Every later scene with the latest word on it, newest first; before the report none counts for the closing."""
    latest = {item["recheck"]["scene_id"]: item for item in part.rechecks}
    report = (part.report or {}).get("at")
    since = datetime.fromisoformat(report) if report else None
    lines = []
    for item in latest.values():
        said = item["recheck"]
        at = datetime.fromisoformat(said["at"])
        scene = item.get("scene") or {"zh": said["scene_id"][:8], "en": said["scene_id"][:8]}
        counts = since is not None and at > since and said["verdict"] != "cannot_tell"
        lines.append(
            RecheckLine(
                at, scene, said["verdict"], recheck_word(said["verdict"]), said["text"],
                _figures(said["figures"]), counts, int(said.get("pixels", 0)), bool(said.get("flight")),
            )
        )  # fmt: skip
    return tuple(sorted(lines, key=lambda line: line.at, reverse=True))


FIGURES: Mapping[str, str] = {
    "p": "share of fields as strange ({value:.0%})",
    "worst": "of its strangest pixels ({value:.0%})",
    "position": "0 field … 1 occupied: {value:.2f}",
    "occupied_p": "the occupied state itself: {value:.0%}",
    "residue_m2": "left of it: {value:,.0f} m²",
    "fields": "fields compared: {value:.0f}",
    "fields_changed": "fields that changed: {value:.0%}",
    "frozen": "ground that stays as it is and changed as much: {value:.0%}",
}


def _figures(figures: Mapping[str, float]) -> tuple[Text, ...]:
    told = []
    for name, value in figures.items():
        if name in FIGURES and not math.isnan(value):
            texts = both(FIGURES[name])
            told.append({lang: text.format(value=value) for lang, text in texts.items()})
    return tuple(told)


def _overridden(part: Part, telling: Telling) -> Text | None:
    if not part.closing or not part.closing.get("overridden"):
        return None
    return telling.free(part.closing["override"])


def _beside(part: Part, telling: Telling) -> tuple[tuple[Text, Text], ...]:
    """实地认定, 法律程序, 移送, 首违: four lines, independent of the loop."""
    verdict = _verdict(part, telling)
    ground = both("none yet: a clue")
    if verdict is not None:
        ground = both("{verdict} ({day}, {role})", verdict=verdict.name, day=str(verdict.day), role=verdict.who)
    filed = [
        both("{state}, filed on {day}", state=law_words("proceeding").of("states", str(p.state)), day=str(p.filed_on))
        for p in part.proceedings.values()
    ]
    moved = [
        both(
            "{to}: {state}{receipt}",
            to=receiver_name(t.to),
            state=law_words("transfer").of("states", t.state),
            receipt=both(", {n} receipts", n=len(t.receipts)) if t.receipts else both(""),
        )
        for t in part.transfers.values()
    ]
    lenient = leniency_words(part.leniency[-1].get("facts", ())[:1]) if part.leniency else []
    none = both("none")
    return (
        (both("Verdict on the ground"), ground),
        (both("Proceeding"), joined(filed, "；") if filed else none),
        (both("Transfer"), joined(moved, "；") if moved else none),
        (both("First offence"), joined(lenient) if lenient else both("not computed")),
    )
