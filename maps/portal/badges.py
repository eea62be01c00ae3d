"""[io] Counts beside the names of pages in the bar at the top: what waits there for this person."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from maps.portal.access import Person
from maps.portal.office import Office
from maps.portal.own import own_reports
from maps.portal.shelf import shelf_of
from maps.portal.todo import TURN
from pipeline.cases.table import Status

KEPT = 64
"""People counted and kept at once."""
_COUNTED: WeakKeyDictionary[Office, OrderedDict[tuple[Any, ...], int]] = WeakKeyDictionary()
_LOCK = threading.Lock()


def badges(office: Office, person: Person | None) -> Mapping[str, int]:
    """{nav: how many}; a page where nothing waits is left out.

    Review: (parts of) cases that were reported in the person's area by others, as its queue lists them; for those
    whose turn it is. Counted from the rows that the worker keeps, once for each person and state of the ledger.
    """
    if person is None or not person.may("review") or Status.REPORTED not in TURN.get(person.role, ()):
        return {}
    found = waiting(office, person)
    return {"review": found} if found else {}


def waiting(office: Office, person: Person) -> int:
    """(Parts of) cases in the person's area that wait for acceptance, without those they took part in."""
    shelf = shelf_of(office)
    key = shelf.refresh(), person.districts, person.name
    with _LOCK:
        counted = _COUNTED.setdefault(office, OrderedDict())
        if key in counted:
            counted.move_to_end(key)
            return counted[key]
    counts = {
        row["number"]: (row["parts"] or (row["status"],)).count(Status.REPORTED)
        for row in list(shelf.rows.values())
        if person.sees(row)
    }
    reported = {number for number, n in counts.items() if n}
    found = sum(counts.values()) - len(own_reports(office, person, reported))
    with _LOCK:
        counted[key] = found
        while len(counted) > KEPT:
            counted.popitem(last=False)
    return found
