"""What waits for a person of a role, as the overview says it: from where the cases of the area stand."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from geodata.words import tr
from maps import style
from maps.overview import Turn
from maps.overview_cases import Columns
from maps.portal.access import Person
from pipeline.cases.case import Status
from pipeline.cases.events import Role

WORDS: Mapping[Status, str] = {
    Status.REPORTED: "Reported done, a second person accepts",
    Status.SUSPECTED: "Suspected, to confirm and dispatch",
    Status.DISPATCHED: "To check on the ground",
    Status.RECTIFYING: "Being rectified",
}
TURN: Mapping[Role, tuple[Status, ...]] = {
    Role.REVIEWER: (Status.REPORTED, Status.SUSPECTED),
    Role.ADMINISTRATOR: (Status.REPORTED, Status.SUSPECTED),
    Role.REMOTE_SENSING: (Status.SUSPECTED,),
    Role.DISTRICT_OFFICER: (Status.DISPATCHED, Status.RECTIFYING),
    Role.FIELD_INSPECTOR: (Status.DISPATCHED, Status.RECTIFYING),
}


def turns(person: Person, columns: Columns, lang: str) -> tuple[Turn, ...]:
    order = list(style.STATUSES)
    return tuple(
        Turn(
            tr(WORDS[status], lang),
            int((columns.status == order.index(status)).sum()),
            f"/overview?{urlencode({'s': status, 'v': 'list'})}",
            status,
        )
        for status in TURN.get(person.role, ())
    )
