"""经过: the events of a case as lines to read, newest first; with roles in place of persons where it is published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from geodata.days import day_of
from geodata.words import Text, both
from maps.case_lines import lines_of, title_of
from maps.case_names import joined, paper, unique
from maps.case_parts import Happening
from maps.telling import Telling
from pipeline.cases.closing import SHOT_NAMES
from pipeline.cases.events import Event, Kind
from pipeline.cases.table import role_name

ICONS: Mapping[str, str] = {
    Kind.EVIDENCE: "camera", Kind.VERDICT: "ground", Kind.ORDERED: "paper", Kind.REPORTED: "paper",
    Kind.RECHECKED: "image", Kind.FOUND: "image", Kind.SEEN_AGAIN: "image", Kind.DATED: "image",
    Kind.LOOKED: "image",
    Kind.LOOKALIKES: "image", Kind.RELAPSED: "again", Kind.REOPENED: "again", Kind.RETURNED: "back",
    Kind.ACCEPTED: "done", Kind.PROCEEDING: "paper", Kind.TRANSFER: "paper", Kind.LENIENCY: "paper",
    Kind.CORRECTED: "pen", Kind.NOTE: "pen", Kind.SPLIT: "cut", Kind.PAUSED: "clock", Kind.RESUMED: "clock",
    Kind.EXTENDED: "clock", Kind.DUE_SET: "clock", Kind.POSTPONED: "clock",
}  # fmt: skip


def happenings(events: Sequence[Event], telling: Telling) -> tuple[Happening, ...]:
    """Newest first. Photos and papers that came together are one line; what was corrected is struck through."""
    struck = {_corrects(event): event.seq for event in events if event.kind == Kind.CORRECTED}
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


def _corrects(event: Event) -> int:
    """seq of the event that a correction is of; 0 where it names none."""
    said = str(event.payload.get("corrects", ""))
    return int(said) if said.isdigit() else 0


def _together(one: Event, other: Event) -> bool:
    return (
        other.kind == Kind.EVIDENCE
        and other.payload.get("part") == one.payload.get("part")
        and other.payload.get("kind") == one.payload.get("kind")
        and (other.by, day_of(other.at)) == (one.by, day_of(one.at))
    )


def _one(event: Event, telling: Telling, struck: Mapping[int, int]) -> Happening:
    inspection = telling.seen_by.get(str(event.payload.get("inspection", "")))
    lines = lines_of(event, telling)
    if inspection is not None:
        lines.insert(0, both("inspection {run}", run=inspection.run))
    lines += [telling.free(text) for text in _notes(event.payload.get("notes"))]
    return _told(
        event, title_of(event, telling), lines, telling, struck, telling.runs.get(inspection.id) if inspection else None
    )


def _notes(said: Any) -> Iterator[Any]:
    """Of notes as the portal writes them; a field of that name that people filled in is none."""
    for note in said if isinstance(said, list) else ():
        if isinstance(note, Mapping) and "text" in note:
            yield note["text"]


def _told(
    event: Event, title: Text, lines: Sequence[Text], telling: Telling, struck: Mapping[int, int],
    href: str | None = None, count: int = 1,
) -> Happening:  # fmt: skip
    role = role_name(event.role)
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
    names = telling.rules(day_of(first.at)).documents
    kinds = [
        both("{name} {n}", name=both(SHOT_NAMES.get(key, "photo")), n=n) if photos else names.get(key) or paper(key)
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
