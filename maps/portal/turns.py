"""轮到您处理 on the overview: how much waits for a person; ``todo`` lists it."""

from __future__ import annotations

from collections.abc import Mapping

from geodata.words import tr
from maps.overview import Turn
from maps.portal.access import Person
from maps.portal.badges import waiting
from maps.portal.office import Office
from maps.portal.shelf import Ready
from maps.portal.todo import LAW, TURN, WORDS
from pipeline.cases.table import Status


def turns(office: Office, person: Person, ready: Ready, lang: str) -> tuple[Turn, ...]:
    """A line a kind of work, with the same counts as the to-do list. A split case counts by its parts; what a person
    took part in waits for somebody else's acceptance."""
    counts = dict(ready.waiting)
    if counts.get(Status.REPORTED):
        counts[Status.REPORTED] = waiting(office, person)
    found = [_of_status(status, counts, lang) for status in TURN.get(person.role, ())]
    states, what = LAW.get(person.role, ((), ""))
    if states:
        found.append(Turn(tr(what, lang), sum(ready.proceedings.get(state, 0) for state in states), "/todo"))
    return tuple(found)


def _of_status(status: Status, counts: Mapping[str, int], lang: str) -> Turn:
    return Turn(tr(WORDS[status], lang), counts.get(status, 0), f"/overview?s={status}&v=list", status)
