"""[io] What the page of a case shows in the portal: names, and chips by address."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from geodata.atomic import write_bytes
from geodata.chips import crop
from geodata.errors import UnreadableFile
from geodata.words import both
from maps import chips as pictures
from maps.case_parts import CasePage
from maps.case_story import case_page
from maps.chips import Chip
from maps.gather import CHIP_PX, Gathered
from maps.portal.access import NotThere, Person
from maps.portal.checks import last_check
from maps.portal.office import Office
from maps.portal.shelf import shelf_of
from maps.publish import Surroundings
from pipeline.cases import tables
from pipeline.cases.case import Case
from pipeline.cases.closing import Gate
from pipeline.cases.database import reading
from pipeline.cases.events import Event, Kind
from pipeline.cases.table import NEXT, Status
from pipeline.inspection import Inspection, from_json

SCENE_ID = re.compile(r"[0-9a-f-]{36}")
_LOCKS: OrderedDict[str, threading.Lock] = OrderedDict()
_LOCK = threading.Lock()
_AROUND: OrderedDict[tuple[Any, ...], Surroundings] = OrderedDict()
KEPT = 64


def page_of(office: Office, person: Person, case: Case, events: Sequence[Event], part: str = "") -> CasePage:
    """part: of a split case, which one the next step is of; "" the most urgent."""
    with Gathered(office, office.today) as gathered:
        bounds = gathered.frame(case)
        around = _surroundings(office, gathered, case)
    root = f"case/{case.number}/chips"
    chips = {s.id: Chip(f"{root}/{s.id}.webp", f"{root}/{s.id}.small.webp", bounds) for s in around.scenes}
    seen = _inspections(office, {str(e.payload.get("inspection", "")) for e in events})
    page = case_page(
        case,
        events,
        seen,
        around.scenes,
        around.around,
        chips=chips,
        as_of=office.clock(),
        clouds=around.clouds,
        verified=last_check(office),
        runs={one.id: f"runs/{one.id}" for one in seen} if person.may("runs") else {},
        rules=office.rules,
        gates=lambda of, one: _gates(office, person, of.number, one.id),
        named=True,
        lived=shelf_of(office).lived(),
    )
    view = next((one for one in page.parts if part and one.id == part), None)
    return page if view is None else replace(page, next=view.next, status=view.status)


def _gates(office: Office, person: Person, number: str, part: str) -> list[Gate]:
    """As they stand: nobody has accepted yet. Beside it, whether the one who looks may."""
    standing = office.ledger.gates(number, part=part)
    if person.role not in NEXT[Status.REPORTED, Kind.ACCEPTED].roles:
        return list(standing)
    mine = {gate.key: gate for gate in office.ledger.gates(number, part=part, by=person.name)}
    return [_for_me(gate, mine[gate.key]) for gate in standing]


def _for_me(gate: Gate, mine: Gate) -> Gate:
    if gate.key != "second_person":
        return gate
    return replace(gate, missing=mine.missing or both("a second person has to accept: you may"))


def _surroundings(office: Office, gathered: Gathered, case: Case) -> Surroundings:
    """Kept a worker: what lies around changes with layers, scenes and flags only."""
    layers = tuple(sorted(str(e) for e in gathered.layers.editions.items()))
    key = (str(office.root), case.number, len(case.flags), tuple(sorted(gathered.scenes)), layers, office.today)
    with _LOCK:
        if key in _AROUND:
            _AROUND.move_to_end(key)
            return _AROUND[key]
    found = gathered.surroundings(case)
    with _LOCK:
        _AROUND[key] = found
        while len(_AROUND) > KEPT:
            _AROUND.popitem(last=False)
    return found


def _inspections(office: Office, ids: set[str]) -> list[Inspection]:
    events, held = tables.events.c, tables.inspections.c
    query = sa.select(events.payload).join(tables.inspections, held.seq == events.seq).where(held.id.in_(ids - {""}))
    with reading(office.ledger.engine) as connection:
        return [from_json(json.loads(payload)) for payload in connection.execute(query).scalars()]


def chip_of(office: Office, case: Case, scene_id: str, *, small: bool) -> bytes:
    """A picture of the place; all of the case's are cut at the first asking. Raises: NotThere."""
    if not SCENE_ID.fullmatch(scene_id):
        raise NotThere
    key = hashlib.sha256(f"{case.number} {case.flags[0]['id']} {len(case.flags)}".encode()).hexdigest()[:32]
    path = office.root / "cache" / "case-chips" / key / f"{scene_id}{'.small' if small else ''}.webp"
    if not path.is_file():
        with _LOCK:
            lock = _LOCKS.setdefault(str(path.parent), threading.Lock())
            while len(_LOCKS) > KEPT:
                _LOCKS.popitem(last=False)
        with lock:
            if not path.is_file():
                _cut(office, case, scene_id, path.parent)
    if not path.is_file():
        raise NotThere
    return path.read_bytes()


def _cut(office: Office, case: Case, scene_id: str, folder: Any) -> None:
    with Gathered(office, office.today) as gathered:
        made = dict(gathered.chips(case))
        scene = gathered.scenes.get(scene_id)
        if scene_id not in made and scene is not None and scene_id in _looked(case):
            chip = crop(gathered.open[scene], gathered.frame(case), CHIP_PX)
            made[scene_id] = SimpleNamespace(rgb=pictures.over_paper(chip.rgb, chip.valid))  # type: ignore[assignment]
    folder.mkdir(parents=True, exist_ok=True)
    for id, picture in made.items():
        write_bytes(folder / f"{id}.webp", pictures.encode(picture.rgb))
        write_bytes(folder / f"{id}.small.webp", pictures.thumbnail(picture.rgb))


def _looked(case: Case) -> set[str]:
    """Scenes that a re-check of this case looked at."""
    return {item["recheck"]["scene_id"] for part in case.parts for item in part.rechecks}


def file_held(office: Office) -> Callable[[str], bool]:
    """sha256 → whether its bytes lie in the store: what is lost is named, not drawn."""

    def held(sha256: str) -> bool:
        try:
            return office.evidence.path(sha256).is_file()
        except UnreadableFile:
            return False

    return held
