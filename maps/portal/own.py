"""[io] What a person may not accept, because they took part in it: the second person is somebody else."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from maps.portal.access import Person
from maps.portal.office import Office
from pipeline.cases import tables
from pipeline.cases.closing import person as spelled
from pipeline.cases.database import reading
from pipeline.cases.table import Status

KEPT = 10_000
"""Cases whose doers a worker keeps."""
Doers = dict[str, frozenset[str]]
_DOERS: WeakKeyDictionary[Office, OrderedDict[tuple[str, int], Doers]] = WeakKeyDictionary()
_LOCK = threading.Lock()


def own_reports(office: Office, person: Person, numbers: Collection[str]) -> set[tuple[str, str]]:
    """(number, part) of what waits for acceptance in these cases and this person had a hand in."""
    if not numbers:
        return set()
    cases, events = tables.cases.c, tables.events.c
    # few cases are replayed: those whose events name the person at all (an event by, a link made, a package loaded)
    named = (events.by == person.name) | events.payload.contains(person.name, autoescape=True)
    theirs = sa.select(events.case).where(events.case.in_(list(numbers)), named).distinct()
    query = sa.select(cases.number, cases.version).where(cases.number.in_(theirs))
    with reading(office.ledger.engine) as connection:
        held = [(number, version) for number, version in connection.execute(query)]
    name = spelled(person.name)
    found = set()
    for number, version in held:
        doers = _doers(office, number, version)
        found |= {(number, part) for part, names in doers.items() if name in names}
    return found


def _doers(office: Office, number: str, version: int) -> Doers:
    """{part that was reported: who took part in it}; replayed once for each state of a case."""
    with _LOCK:
        kept = _DOERS.setdefault(office, OrderedDict())
        if (number, version) in kept:
            kept.move_to_end((number, version))
            return kept[number, version]
    parts = [part for part in office.ledger.case(number).parts if part.status is Status.REPORTED]
    found = {part.id: frozenset(spelled(name) for name in part.doers) for part in parts}
    with _LOCK:
        kept[number, version] = found
        while len(kept) > KEPT:
            kept.popitem(last=False)
    return found
