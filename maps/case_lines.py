"""经过: the title of each kind of event, and what stands under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from geodata.days import BEIJING, day_of
from geodata.words import Text, both
from maps.case_names import (
    closing_name,
    clue_text,
    due_word,
    joined,
    leniency_words,
    look_word,
    outcome_name,
    recheck_word,
    verdict_name,
)
from maps.style import mu_text
from maps.telling import Telling
from pipeline.cases.closing import SHOT_NAMES
from pipeline.cases.events import Event, Kind
from pipeline.cases.proceeding_law import words as law_words
from pipeline.cases.table import Status
from pipeline.cases.transfer import receiver_name

TITLES: Mapping[str, str] = {
    Kind.INSPECTED: "Inspected",
    Kind.FOUND: "Found",
    Kind.CLUE: "Clue from outside",
    Kind.SEEN_AGAIN: "Seen again in later imagery",
    Kind.LOOKED: "Another scene looked at: {said}",
    Kind.DATED: "When it began",
    Kind.DISMISSED: "Dismissed",
    Kind.DISPATCHED: "Dispatched",
    Kind.ASSIGNED: "Handed on",
    Kind.POSTPONED: "Could not be checked that day",
    Kind.EVIDENCE: "Evidence received",
    Kind.SPLIT: "Split into {n} parts",
    Kind.VERDICT: "Checked on the ground: {verdict}",
    Kind.LOOKALIKES: "Places nearby that changed alike: {n}",
    Kind.ORDERED: "Ordered to be put right: {how}",
    Kind.EXTENDED: "Time extended",
    Kind.PAUSED: "Paused",
    Kind.RESUMED: "Resumed",
    Kind.DUE_SET: "Last day computed anew",
    Kind.REPORTED: "Reported as put right: {how}",
    Kind.RECHECKED: "Looked at again from above: {said}",
    Kind.RETURNED: "Returned",
    Kind.ACCEPTED: "Accepted, closed: {outcome}",
    Kind.RELAPSED: "Relapsed, reopened under the same number",
    Kind.REOPENED: "Reopened",
    Kind.PROCEEDING: "Proceeding: {step}",
    Kind.TRANSFER: "Transfer to {to}: {step}",
    Kind.LENIENCY: "Facts for leniency computed",
    Kind.NOTE: "Note",
    Kind.CORRECTED: "Correction of entry {seq}",
    Kind.SUPPLEMENT: "Came too late, kept as an addition",
}
"""One for every kind of event; its fields are filled in by ``_FIELDS``."""


def title_of(event: Event, telling: Telling) -> Text:
    if event.kind == Kind.SUPPLEMENT:
        return _kept(event)
    return both(TITLES.get(event.kind, event.kind), **_FIELDS.get(event.kind, _nothing)(event, telling))


def lines_of(event: Event, telling: Telling) -> list[Text]:
    """The reason that people gave, where a kind has no lines of its own."""
    return [line for line in _LINES.get(event.kind, _reason)(event, telling) if line]


# what stands in a title

Fields = dict[str, Any]


def _nothing(event: Event, telling: Telling) -> Fields:
    return {}


def _how(event: Event, telling: Telling) -> Fields:
    return {"how": closing_name(event.payload.get("rectification"), telling.rules(day_of(event.at)))}


def _kept(event: Event) -> Text:
    """What waited for its photos came in time; what was not taken says so; the rest came too late."""
    if event.payload.get("waits"):
        return both("Verdict came before its photos")
    if event.payload.get("refused"):
        return both("Not taken, kept as an addition")
    return both(TITLES[Kind.SUPPLEMENT] if _late(event) else "Kept as an addition")


def _late(event: Event) -> bool:
    """The ledger itself keeps what was overtaken, and names no record beside it; a phone's names one."""
    return not event.payload.get("record")


_FIELDS: Mapping[str, Callable[[Event, Telling], Fields]] = {
    Kind.SPLIT: lambda e, t: {"n": len(e.payload.get("parts", ()))},
    Kind.VERDICT: lambda e, t: {"verdict": verdict_name(e.payload, t.rules(day_of(e.at)))},
    Kind.LOOKED: lambda e, t: {"said": look_word(e.payload.get("look", {}).get("verdict"))},
    Kind.LOOKALIKES: lambda e, t: {"n": len(e.payload.get("parcels", ()))},
    Kind.ORDERED: _how,
    Kind.REPORTED: _how,
    Kind.RECHECKED: lambda e, t: {"said": recheck_word(e.payload.get("recheck", {}).get("verdict"))},
    Kind.ACCEPTED: lambda e, t: {"outcome": outcome_name(e.payload.get("outcome"))},
    Kind.PROCEEDING: lambda e, t: {"step": law_words("proceeding").of("steps", str(e.payload.get("step")))},
    Kind.TRANSFER: lambda e, t: {
        "to": receiver_name(str(e.payload.get("to"))),
        "step": law_words("transfer").of("steps", str(e.payload.get("step"))),
    },
    Kind.CORRECTED: lambda e, t: {"seq": e.payload.get("corrects", "?")},
}


# what stands under it

Lines = list[Text]


def _reason(event: Event, telling: Telling) -> Lines:
    given = event.payload.get("reason") or event.payload.get("text")
    return [telling.free(given)] if given else []


def due_line(event: Event) -> Lines:
    due = event.payload.get("due")
    if not isinstance(due, Mapping) or "on" not in due:
        return []
    what = due_word(due.get("what"))
    if due.get("provisional"):
        return [both("{what} until {day} (provisional)", what=what, day=due["on"])]
    return [both("{what} until {day}", what=what, day=due["on"])]


def _with_due(event: Event, telling: Telling) -> Lines:
    return [*_reason(event, telling), *due_line(event)]


def _clue(event: Event, telling: Telling) -> Lines:
    return [clue_text(event.payload)]


def _postponed(event: Event, telling: Telling) -> Lines:
    return [*_reason(event, telling), both("again on {day}", day=event.payload.get("again_on", "?"))]


def _verdict(event: Event, telling: Telling) -> Lines:
    checked, party = event.payload.get("checked_on"), event.payload.get("party")
    said: Lines = [both("party: {party}", party=party)] if party and telling.named else []
    return [
        *said,
        *([both("checked on {day}", day=checked)] if checked else []),
        *_reason(event, telling),
        *due_line(event),
    ]


def _looked(event: Event, telling: Telling) -> Lines:
    withdrawn = [both("the suspicion is withdrawn")] if event.payload.get("to") == Status.DISMISSED else []
    return [*_of_scene(event, "look"), *withdrawn]


def _rechecked(event: Event, telling: Telling) -> Lines:
    return _of_scene(event, "recheck")


def _of_scene(event: Event, name: str) -> Lines:
    """Of which scene, and what it says."""
    said = event.payload.get(name, {})
    scene = event.payload.get("scene")
    at = datetime.fromisoformat(said["at"]) if "at" in said else event.at
    where = {lang: f"{at.astimezone(BEIJING):%Y-%m-%d} {scene[lang] if scene else ''}".strip() for lang in ("zh", "en")}
    return [where, *([said["text"]] if said.get("text") else [])]


def _split(event: Event, telling: Telling) -> Lines:
    areas = [mu_text(child["occupied"]["patch_m2"]) for child in event.payload.get("parts", ())]
    return [both("{areas} mu; the sum is that of the whole", areas=" + ".join(areas))] if areas else []


def _accepted(event: Event, telling: Telling) -> Lines:
    gates = event.payload.get("gates", ())
    met = sum(gate["met"] is True for gate in gates)
    asked = sum(gate["met"] is not None for gate in gates)
    lines: Lines = [both("{met} of {asked} gates met", met=met, asked=asked)] if gates else []
    if event.payload.get("overridden"):
        lines.append(both("closed against the gates by a leader: {why}", why=telling.free(event.payload["override"])))
    return lines


def _dated(event: Event, telling: Telling) -> Lines:
    text = (event.payload.get("interval") or {}).get("text")
    return [text] if text else []


def _law(event: Event, telling: Telling) -> Lines:
    """A step's own fields name parties and persons; only its state, its article and its papers' dates are shown."""
    kind = "proceeding" if event.kind == Kind.PROCEEDING else "transfer"
    lines: Lines = []
    if event.payload.get("state"):
        lines.append(law_words(kind).of("states", str(event.payload["state"])))
    if event.payload.get("article"):
        lines.append(event.payload["article"])
    return lines


def _leniency(event: Event, telling: Telling) -> Lines:
    return [both("{facts}; people decide", facts=joined(leniency_words(event.payload.get("facts", ()))))]


def _supplement(event: Event, telling: Telling) -> Lines:
    waits = event.payload.get("waits")
    if isinstance(waits, Mapping) and waits:
        return _waited(event, waits, telling)
    kind = str(event.payload.get("kind"))
    word = both({"VERDICT": "a verdict", "REPORTED": "a report", "EVIDENCE": "a photo"}.get(kind, kind))
    if event.payload.get("refused"):
        return [word, telling.free(event.payload["refused"])]
    return [both("{what}, when the case had moved on", what=word)] if _late(event) else [word]


def _waited(event: Event, waits: Mapping[str, Any], telling: Telling) -> Lines:
    """For which photos, and whether they came: then the verdict stands as an entry of its own."""
    late = event.payload.get("late")
    said = verdict_name(late, telling.rules(day_of(event.at))) if isinstance(late, Mapping) else both("a verdict")
    lacked = joined([both("{name} {n}", name=both(name), n=waits[shot]) for shot, name in SHOT_NAMES.items()
                     if shot in waits])  # fmt: skip
    seq = telling.taken.get(str(event.payload.get("record") or ""))
    waited = both("waited for its photos ({photos})", photos=lacked)
    if seq is None:
        waited = both("its photos were not here yet ({photos}); it takes effect when they come", photos=lacked)
    return [said, waited, *([both("taken as entry {seq} when they came", seq=seq)] if seq else [])]


def _to_whom(event: Event, telling: Telling) -> Lines:
    """A person: told inside the office only."""
    return [both("to {name}", name=event.payload.get("to_whom", "?"))] if telling.named else []


def _dispatched(event: Event, telling: Telling) -> Lines:
    return [*_to_whom(event, telling), *_with_due(event, telling)]


_LINES: Mapping[str, Callable[[Event, Telling], Lines]] = {
    Kind.CLUE: _clue,
    Kind.DATED: _dated,
    Kind.DISPATCHED: _dispatched,
    Kind.ASSIGNED: _to_whom,
    Kind.POSTPONED: _postponed,
    Kind.SPLIT: _split,
    Kind.VERDICT: _verdict,
    Kind.ORDERED: _with_due,
    Kind.EXTENDED: _with_due,
    Kind.DUE_SET: _with_due,
    Kind.REPORTED: _with_due,
    Kind.RECHECKED: _rechecked,
    Kind.LOOKED: _looked,
    Kind.RETURNED: _with_due,
    Kind.ACCEPTED: _accepted,
    Kind.RELAPSED: _with_due,
    Kind.REOPENED: _with_due,
    Kind.PROCEEDING: _law,
    Kind.TRANSFER: _law,
    Kind.LENIENCY: _leniency,
    Kind.SUPPLEMENT: _supplement,
}
