"""经过: what each kind of event says; on a published page with roles in place of persons, and no party."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from geodata.days import BEIJING
from geodata.words import Text, both
from maps.case_parts import Happening
from maps.style import mu_text
from pipeline.cases.events import Event, Kind
from pipeline.cases.proceeding_law import words as law_words
from pipeline.cases.rules import OUTCOMES, Standards
from pipeline.inspection import Inspection

ROLES: Mapping[str, str] = {
    "remote_sensing": "remote sensing",
    "district_officer": "district officer",
    "field_inspector": "field inspector",
    "reviewer": "reviewer",
    "legal_reviewer": "legal reviewer",
    "leader": "leader",
    "administrator": "administrator",
    "system": "the system",
}

TITLES: Mapping[str, str] = {
    Kind.INSPECTED: "Inspected",
    Kind.FOUND: "Found",
    Kind.CLUE: "Clue from outside",
    Kind.SEEN_AGAIN: "Seen again in later imagery",
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
"""One for every kind of event; fields are filled in by ``_NAMED``."""

ICONS: Mapping[str, str] = {
    Kind.EVIDENCE: "camera", Kind.VERDICT: "ground", Kind.ORDERED: "paper", Kind.REPORTED: "paper",
    Kind.RECHECKED: "image", Kind.FOUND: "image", Kind.SEEN_AGAIN: "image", Kind.DATED: "image",
    Kind.LOOKALIKES: "image", Kind.RELAPSED: "again", Kind.REOPENED: "again", Kind.RETURNED: "back",
    Kind.ACCEPTED: "done", Kind.PROCEEDING: "paper", Kind.TRANSFER: "paper", Kind.LENIENCY: "paper",
    Kind.CORRECTED: "pen", Kind.NOTE: "pen", Kind.SPLIT: "cut", Kind.PAUSED: "clock", Kind.RESUMED: "clock",
    Kind.EXTENDED: "clock", Kind.DUE_SET: "clock", Kind.POSTPONED: "clock",
}  # fmt: skip

RECHECK_WORDS: Mapping[str, str] = {
    "restored": "restored", "not_restored": "not restored", "cannot_tell": "cannot tell",
}  # fmt: skip

SHOTS: Mapping[str, str] = {
    "overview": "overview photo",
    "close": "close-up photo",
    "corner": "corner photo",
    "inside": "photo of the inside",
    "after": "photo after rectification",
}

SOURCES: Mapping[str, str] = {
    "issued": "issued patches", "tower": "tower cameras", "report": "report by a citizen", "self": "own check",
}  # fmt: skip

RECEIVERS: Mapping[str, str] = {
    "police": "the police", "agriculture": "the agriculture department", "discipline": "discipline inspection",
}  # fmt: skip

DUE_WORDS: Mapping[str, str] = {"check": "to check", "rectify": "to put right", "accept": "to accept"}

Rules = Callable[[date], Standards]


@dataclass(frozen=True, eq=False)
class Telling:
    """What events are told with. hidden: names and parties that no published page shows. clock_back: seq
    of events that say an earlier time than the one before them. named: people are told by their names,
    as inside the office."""

    rules: Rules
    seen_by: Mapping[str, Inspection] = field(default_factory=dict)
    runs: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    clock_back: frozenset[int] = frozenset()
    named: bool = False

    def free(self, value: Any) -> Text:
        """Text that people wrote, or a Text of ours, without the names known here."""
        told = value if isinstance(value, Mapping) and "zh" in value else {"zh": str(value), "en": str(value)}
        return {lang: self._masked(str(told.get(lang, told["zh"]))) for lang in ("zh", "en")}

    def _masked(self, text: str) -> str:
        for name in sorted(self.hidden, key=len, reverse=True):
            text = text.replace(name, "×××")
        return text


def hidden_names(events: Iterable[Event]) -> frozenset[str]:
    """Persons and parties named anywhere in the events of a case, of two characters or more."""
    found: set[str] = set()
    for event in events:
        if event.role != "system":
            found.add(event.by)
        found.update(_named(event.payload))
    return frozenset(name for name in found if len(name) > 1)


_NAMES = frozenset({"to_whom", "party", "approved_by", "officers", "signed_by", "by", "assignee", "loaded_by"})


def _named(payload: Mapping[str, Any]) -> Iterator[str]:
    for key, value in payload.items():
        if key in _NAMES and isinstance(value, str):
            yield from (part.strip() for part in re.split("[,，、;；]", value))
        elif key in _NAMES and isinstance(value, (list, tuple)):
            yield from (str(one) for one in value)
        elif key == "late" and isinstance(value, Mapping):
            yield from _named(value)


def happenings(events: Sequence[Event], telling: Telling) -> tuple[Happening, ...]:
    """Newest first. Photos and papers that came together are one line; what was corrected is struck through."""
    struck = {int(e.payload["corrects"]): e.seq for e in events if e.kind == Kind.CORRECTED and "corrects" in e.payload}
    told: list[Happening] = []
    files: list[Event] = []
    for event in sorted(events, key=lambda e: e.seq):
        if files and not _together(files[-1], event):
            told.append(_files(files, telling, struck))
            files = []
        if event.kind == Kind.EVIDENCE and "kind" in event.payload:
            files.append(event)
        else:
            told.append(_one(event, telling, struck))
    if files:
        told.append(_files(files, telling, struck))
    return tuple(reversed(told))


def corrected(event: Event) -> int:
    """seq of the event that a correction is of; 0 where it names none."""
    said = str(event.payload.get("corrects", ""))
    return int(said) if said.isdigit() else 0


def _together(one: Event, other: Event) -> bool:
    return (
        other.kind == Kind.EVIDENCE
        and other.payload.get("part") == one.payload.get("part")
        and other.payload.get("kind") == one.payload.get("kind")
        and (other.by, other.at.astimezone(BEIJING).date()) == (one.by, one.at.astimezone(BEIJING).date())
    )


def _one(event: Event, telling: Telling, struck: Mapping[int, int]) -> Happening:
    inspection = telling.seen_by.get(str(event.payload.get("inspection", "")))
    lines = [line for line in _LINES.get(event.kind, _reason)(event, telling) if line]
    if inspection is not None:
        lines.insert(0, both("inspection {run}", run=inspection.run))
    lines += [telling.free(text) for text in _notes(event.payload.get("notes"))]
    title = both(TITLES.get(event.kind, event.kind), **_NAMED.get(event.kind, _nothing)(event, telling))
    return _told(event, title, lines, telling, struck, telling.runs.get(inspection.id) if inspection else None)


def _notes(said: Any) -> Iterator[Any]:
    """Of notes as the portal writes them; a field of that name that people filled in is none."""
    for note in said if isinstance(said, list) else ():
        if isinstance(note, Mapping) and "text" in note:
            yield note["text"]


def _told(
    event: Event, title: Text, lines: Sequence[Text], telling: Telling, struck: Mapping[int, int],
    href: str | None = None, count: int = 1,
) -> Happening:  # fmt: skip
    role = both(ROLES.get(event.role, event.role))
    named = telling.named and event.role != "system"
    by = both("{name} ({role})", name=event.by, role=role) if named else both("by {role}", role=role)
    part = str(event.payload.get("part") or "")
    parts = [both("part {part}", part=part)] if part else []
    told = [*parts, *lines, by]
    if event.seq in telling.clock_back:
        told.append(both("the clock ran back here; order is by entry"))
    if event.seq in struck:
        told.append(both("corrected by entry {seq}", seq=struck[event.seq]))
    return Happening(
        event.seq,
        event.at,
        title,
        {lang: " · ".join(one[lang] for one in told) for lang in ("zh", "en")},
        href,
        event.role == "system",
        icon=ICONS.get(event.kind, ""),
        kind=event.kind,
        count=count,
        struck=event.seq in struck,
    )


def _files(events: Sequence[Event], telling: Telling, struck: Mapping[int, int]) -> Happening:
    """Photos or papers that one person gave on one day: how many of which kind, and what speaks against them."""
    first = events[0]
    photos = first.payload["kind"] == "photo"
    shots: dict[str, int] = {}
    for event in events:
        key = event.payload.get("shot" if photos else "title") or ""
        shots[key] = shots.get(key, 0) + 1
    names = telling.rules(_day(first.at)).documents
    kinds = [
        both("{name} {n}", name=both(SHOTS.get(key, "photo")), n=n) if photos else names.get(key) or paper(key)
        for key, n in shots.items()
    ]
    in_place = sum(bool(event.payload.get("in_place")) for event in events)
    lines = [joined(kinds)]
    if photos:
        lines.append(both("{n} of {all} from inside or facing the part", n=in_place, all=len(events)))
    doubts = [f["text"] for e in events for f in e.payload.get("findings", ()) if f.get("doubt")]
    lines += [telling.free(text) for text in unique(doubts)[:3]]
    title = both("Photos received: {n}" if photos else "Papers received: {n}", n=len(events))
    told = _told(events[-1], title, lines, telling, struck, count=len(events))
    files = tuple(
        (
            str(e.payload["sha256"]),
            e.payload["kind"],
            names.get(e.payload.get("title", "")) or paper(e.payload.get("title", "")),
        )
        for e in events
    )
    return replace(told, files=files, icon=told.icon if photos else "paper")


# what stands in a title

Fields = dict[str, Any]


def _nothing(event: Event, telling: Telling) -> Fields:
    return {}


def verdict_name(payload: Mapping[str, Any], rules: Standards) -> Text:
    """非农违法 · 工矿商服 · 硬化."""
    rule = rules.verdicts.get(str(payload.get("verdict")))
    if rule is None:
        return both(str(payload.get("verdict")))
    sub, use = str(payload.get("sub") or ""), str(payload.get("use") or "")
    names: list[Text] = [rule.name, *([rule.subs[sub]] if sub in rule.subs else [])]
    if use in rule.uses.get(sub, {}):
        names.append(rule.uses[sub][use])
    return joined(names, " · ")


def closing_name(key: object, rules: Standards) -> Text:
    rule = rules.closings.get(str(key))
    return rule.name if rule else both(str(key))


def outcome_name(key: object) -> Text:
    return both(OUTCOMES.get(str(key), str(key)))


def _how(event: Event, telling: Telling) -> Fields:
    return {"how": closing_name(event.payload.get("rectification"), telling.rules(_day(event.at)))}


_NAMED: Mapping[str, Callable[[Event, Telling], Fields]] = {
    Kind.SPLIT: lambda e, t: {"n": len(e.payload.get("parts", ()))},
    Kind.VERDICT: lambda e, t: {"verdict": verdict_name(e.payload, t.rules(_day(e.at)))},
    Kind.LOOKALIKES: lambda e, t: {"n": len(e.payload.get("parcels", ()))},
    Kind.ORDERED: _how,
    Kind.REPORTED: _how,
    Kind.RECHECKED: lambda e, t: {"said": recheck_word(e.payload.get("recheck", {}).get("verdict"))},
    Kind.ACCEPTED: lambda e, t: {"outcome": outcome_name(e.payload.get("outcome"))},
    Kind.PROCEEDING: lambda e, t: {"step": law_words("proceeding").of("steps", str(e.payload.get("step")))},
    Kind.TRANSFER: lambda e, t: {
        "to": both(RECEIVERS.get(str(e.payload.get("to")), "another office")),
        "step": law_words("transfer").of("steps", str(e.payload.get("step"))),
    },
    Kind.CORRECTED: lambda e, t: {"seq": e.payload.get("corrects", "?")},
}


def recheck_word(verdict: object) -> Text:
    return both(RECHECK_WORDS.get(str(verdict), str(verdict)))


# what stands under it

Lines = list[Text]


def _reason(event: Event, telling: Telling) -> Lines:
    given = event.payload.get("reason") or event.payload.get("text")
    return [telling.free(given)] if given else []


def due_line(event: Event) -> Lines:
    due = event.payload.get("due")
    if not isinstance(due, Mapping) or "on" not in due:
        return []
    what = both(DUE_WORDS.get(str(due.get("what")), str(due.get("what"))))
    if due.get("provisional"):
        return [both("{what} until {day} (provisional)", what=what, day=due["on"])]
    return [both("{what} until {day}", what=what, day=due["on"])]


def _with_due(event: Event, telling: Telling) -> Lines:
    return [*_reason(event, telling), *due_line(event)]


def _clue(event: Event, telling: Telling) -> Lines:
    return [clue_text(event.payload)]


def clue_text(p: Mapping[str, Any]) -> Text:
    """上级下发图斑，批次 2026Q4，编号 TB-7."""
    source = both(SOURCES.get(str(p.get("source")), str(p.get("source"))))
    return both("{source}, batch {batch}, number {id}", source=source, batch=p.get("batch"), id=p.get("clue_id"))


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


def _rechecked(event: Event, telling: Telling) -> Lines:
    said = event.payload.get("recheck", {})
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


def leniency_words(facts: Iterable[Mapping[str, Any]]) -> list[Text]:
    """初次违法：是."""
    word = {True: "yes", False: "no", None: "not known"}
    return [both("{name}: {holds}", name=f["name"], holds=both(word[f["holds"]])) for f in facts]


def _supplement(event: Event, telling: Telling) -> Lines:
    kind = str(event.payload.get("kind"))
    word = {"VERDICT": "a verdict", "REPORTED": "a report"}.get(kind, kind)
    return [both("{what}, when the case had moved on", what=both(word))]


def _assigned(event: Event, telling: Telling) -> Lines:
    return _to_whom(event, telling)


def _to_whom(event: Event, telling: Telling) -> Lines:
    """A person: told inside the office only."""
    return [both("to {name}", name=event.payload.get("to_whom", "?"))] if telling.named else []


def _dispatched(event: Event, telling: Telling) -> Lines:
    return [*_to_whom(event, telling), *_with_due(event, telling)]


_LINES: Mapping[str, Callable[[Event, Telling], Lines]] = {
    Kind.CLUE: _clue,
    Kind.DATED: _dated,
    Kind.DISPATCHED: _dispatched,
    Kind.ASSIGNED: _assigned,
    Kind.POSTPONED: _postponed,
    Kind.SPLIT: _split,
    Kind.VERDICT: _verdict,
    Kind.ORDERED: _with_due,
    Kind.EXTENDED: _with_due,
    Kind.DUE_SET: _with_due,
    Kind.REPORTED: _with_due,
    Kind.RECHECKED: _rechecked,
    Kind.RETURNED: _with_due,
    Kind.ACCEPTED: _accepted,
    Kind.RELAPSED: _with_due,
    Kind.REOPENED: _with_due,
    Kind.PROCEEDING: _law,
    Kind.TRANSFER: _law,
    Kind.LENIENCY: _leniency,
    Kind.SUPPLEMENT: _supplement,
}


def paper(key: str) -> Text:
    """A paper by the key of its type."""
    for kind in ("proceeding", "transfer"):
        named = law_words(kind).of("papers", key)
        if named["en"] != key:
            return named
    return both(key) if key else both("paper")


def joined(texts: Sequence[Text], between: str = "、") -> Text:
    english = ", " if between == "、" else between
    return {"zh": between.join(t["zh"] for t in texts), "en": english.join(t["en"] for t in texts)}


def unique(texts: Sequence[Text]) -> list[Text]:
    return list({text["en"]: text for text in texts}.values())


def _day(at: datetime) -> date:
    return at.astimezone(BEIJING).date()
