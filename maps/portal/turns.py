"""轮到您处理 on the overview: how much waits for a person; ``todo`` lists it."""

from __future__ import annotations

from geodata.words import tr
from maps.overview import Turn
from maps.portal.access import Person
from maps.portal.shelf import Ready
from maps.portal.todo import LAW, TURN, WORDS
from pipeline.cases.table import Status


def turns(person: Person, ready: Ready, lang: str) -> tuple[Turn, ...]:
    """A line a kind of work, with the same counts as the to-do list. A split case counts by its parts."""
    found = [_of_status(status, ready, lang) for status in TURN.get(person.role, ())]
    states, what = LAW.get(person.role, ((), ""))
    if states:
        found.append(Turn(tr(what, lang), sum(ready.proceedings.get(state, 0) for state in states), "/todo"))
    return tuple(found)


def _of_status(status: Status, ready: Ready, lang: str) -> Turn:
    waiting = ready.waiting.get(str(status), 0)
    return Turn(tr(WORDS[status], lang), waiting, f"/overview?s={status}&v=list", status)
