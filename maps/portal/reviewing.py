"""[io] 复核: who waits for acceptance, pairs of photos of one bearing, and what each photo counts for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from geodata.days import BEIJING
from geodata.words import Text
from maps.portal.access import Person
from maps.portal.office import Office
from pipeline.cases import tables
from pipeline.cases.case import Case, Part, Status
from pipeline.cases.closing import SPOILED
from pipeline.cases.closing import person as spelled
from pipeline.cases.database import reading

TABS = ("ready", "waits", "mine")
MOST = 300
SAME_DEG = 40.0
"""Two photos that look less than this apart show the same side."""


@dataclass(frozen=True)
class Waiting:
    """One part that was reported. tab: one of ``TABS``. met, asked: gates, who accepts left out of account."""

    number: str
    part: str
    place: str
    tab: str
    met: int
    asked: int
    reporter: str
    due_on: str | None
    days_left: int | None
    missing: tuple[Text, ...]


def queue(office: Office, person: Person) -> list[Waiting]:
    """All that was reported in the person's area: overdue and nearest first."""
    found = []
    for row in _reported(office, person):
        case = office.ledger.case(row["number"])
        for part in case.parts:
            if part.status is Status.REPORTED:
                found.append(_waiting(office, person, case, part, row))
    found.sort(key=lambda one: (one.due_on or date.max.isoformat(), one.number, one.part))
    return found


def _reported(office: Office, person: Person) -> list[dict[str, Any]]:
    """Rows with a part that was reported; the case itself may stand elsewhere."""
    cases = tables.cases.c
    query = sa.select(cases.row).where(
        (cases.status == Status.REPORTED) | cases.row.contains(f'"status":"{Status.REPORTED}"', autoescape=True)
    )
    with reading(office.ledger.engine) as connection:
        rows = [json.loads(row) for row in connection.execute(query.order_by(cases.due_at).limit(5000)).scalars()]
    return [row for row in rows if person.sees(row)][:MOST]


def _waiting(office: Office, person: Person, case: Case, part: Part, row: Mapping[str, Any]) -> Waiting:
    gates = [g for g in office.ledger.gates(case.number, part=part.id, by=person.name) if g.met is not None]
    own = spelled(person.name) in {spelled(name) for name in part.doers}
    shown = [g for g in gates if g.key != "second_person"]
    ready = all(g.met for g in shown)
    due = part.due["on"] if part.due else None
    return Waiting(
        number=case.number,
        part=part.id,
        place=" ".join(row[k] for k in ("district_name", "township_name", "village_name") if row[k]),
        tab="mine" if own else "ready" if ready else "waits",
        met=sum(bool(g.met) for g in shown),
        asked=len(shown),
        reporter=str((part.report or part.verdict or {}).get("by", "")),
        due_on=due,
        days_left=(date.fromisoformat(due) - office.today).days if due and not part.paused_on else None,
        missing=tuple(g.missing or g.name for g in shown if not g.met),
    )


@dataclass(frozen=True)
class PhotoView:
    """n: its number on the map. counts: inside or facing, and nothing that spoils it. why: its findings, those
    that speak against it first."""

    n: int
    sha256: str
    shot: str
    day: str
    by: str
    lon: float | None
    lat: float | None
    heading_deg: float | None
    counts: bool
    after: bool
    why: tuple[Text, ...]


@dataclass(frozen=True)
class Pair:
    """Before and after rectification from the same bearing; either may be missing."""

    before: PhotoView | None
    after: PhotoView | None


def photos(part: Part) -> list[PhotoView]:
    """Of this round, in the order in which they came."""
    reported = (part.report or {}).get("at")
    found: list[PhotoView] = []
    for item in part.evidence_now:
        if item["kind"] != "photo":
            continue
        keys = {f["key"] for f in item["findings"]}
        taken = item.get("taken_at")
        found.append(
            PhotoView(
                n=len(found) + 1,
                sha256=item["sha256"],
                shot=item["shot"],
                day=_day(taken or item["received_at"]),
                by=item["by"],
                lon=item.get("lon"),
                lat=item.get("lat"),
                heading_deg=item.get("heading_deg"),
                counts=bool(item["in_place"]) and not keys & set(SPOILED),
                after=item["shot"] == "after" or bool(reported and taken and taken > reported),
                why=tuple(f["text"] for f in sorted(item["findings"], key=lambda f: not f["doubt"])),
            )
        )
    return found


def _day(at: str) -> str:
    return datetime.fromisoformat(at).astimezone(BEIJING).date().isoformat()


def pairs(views: Sequence[PhotoView]) -> list[Pair]:
    """Each photo after rectification beside the earlier one of the nearest bearing; what is left stands alone."""
    before = [one for one in views if not one.after]
    found = []
    for after in (one for one in views if one.after):
        near = [b for b in before if _apart(b, after) <= SAME_DEG]
        match = min(near, key=lambda b: _apart(b, after), default=None)
        if match is not None:
            before.remove(match)
        found.append(Pair(match, after))
    return found + [Pair(one, None) for one in before]


def _apart(one: PhotoView, other: PhotoView) -> float:
    """Degrees between two bearings; of unknown ones 360."""
    if one.heading_deg is None or other.heading_deg is None:
        return 360.0
    return abs((one.heading_deg - other.heading_deg + 180) % 360 - 180)


def looked_scenes(part: Part) -> tuple[str, str]:
    """(scene the ground was found in is the caller's; here: id of the newest clear re-check, of the newest of all)."""
    said = sorted((item["recheck"] for item in part.rechecks_now), key=lambda r: str(r["at"]))
    clear = [r["scene_id"] for r in said if r["verdict"] != "cannot_tell"]
    return (clear[-1] if clear else ""), (said[-1]["scene_id"] if said else "")
