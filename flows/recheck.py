"""[io] Re-check: each later scene over a part is compared with the time before, the occupation, and real fields.

It proposes; people accept. The same scene twice adds nothing, unless what is said of it has changed because a later
one agrees with it or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import shapely
from prefect import flow, task
from shapely.geometry.base import BaseGeometry

from flows import alike
from flows.ground import Place, Reader
from flows.inspect import IO
from flows.progress import step
from flows.settings import Workspace, open_workspace
from geodata.days import BEIJING
from geodata.errors import GengXunError
from geodata.words import LANGUAGES, tr
from pipeline import dating, lookalikes, recheck_rules
from pipeline import recheck as pure
from pipeline.cases.case import Case, Part, Status
from pipeline.cases.events import SYSTEM, Kind
from pipeline.cases.law import texts
from pipeline.cases.standards import standards
from pipeline.dating import StartInterval
from pipeline.lookalikes import Lookalike
from pipeline.plain import to_plain
from pipeline.recheck import Recheck

NEAR_DEG = 0.05
"""Ground of other cases so near is no neighbour to compare with."""
VIOLATION = "violation"


def reader(office: Workspace) -> Reader:
    """One for many parts: what was measured between two scenes is kept."""
    return Reader(office.catalog, office.editions.on, max_shift_px=office.settings.inspect.max_shift_px)


def place_of(case: Case, part: str, cases: Iterable[Case]) -> Place:
    """The part's ground, the pair that raised its (newest) flag, and what is no neighbour."""
    ground = _ground(case, part)
    flag = _flag_of(case, ground)
    near = ground.buffer(NEAR_DEG)
    others = [one.geometry for one in cases if one.number != case.number and near.intersects(one.geometry)]
    return Place(ground, flag["change"]["before_id"], flag["change"]["after_id"], [*others, case.geometry])


def _ground(case: Case, part: str) -> BaseGeometry:
    if not part and len(case.parts) > 1:
        return case.geometry
    return case.part(part).geometry if part else case.parts[0].geometry


def _flag_of(case: Case, ground: BaseGeometry) -> Mapping[str, Any]:
    """The flag that founded the case, or that said a relapse: the latest one whose BEFORE is later than the AFTER of
    the one before it."""
    found = case.flags[0]
    for flag in case.flags[1:]:
        if str(flag.get("before_at") or "") > str(found.get("after_at") or "~"):
            shape = shapely.geometry.shape(flag["occupied"]["geometry"])
            found = flag if shape.intersects(ground) else found
    return found


def recheck_case(
    office: Workspace,
    case: Case,
    part: str,
    since: datetime,
    *,
    by: Reader | None = None,
    cases: Sequence[Case] | None = None,
) -> list[Recheck]:
    """One verdict for each scene over the part that is later than ``since``, oldest first.

    by, cases: given by whoever looks at many parts, so that they are read once.
    """
    cases = office.ledger.cases() if cases is None else cases
    series = (by or reader(office)).series(place_of(case, part, cases), since)
    found = [one for several in series for one in pure.recheck(several)]
    return sorted(found, key=lambda one: (one.at, one.scene_id))


def date_case(
    office: Workspace, case: Case, part: str = "", *, by: Reader | None = None, cases: Sequence[Case] | None = None
) -> StartInterval:
    """When the occupation began, from all scenes held over the part."""
    cases = office.ledger.cases() if cases is None else cases
    series = (by or reader(office)).series(place_of(case, part, cases), datetime.max.replace(tzinfo=UTC))
    return dating.start_interval(series)


def lookalikes_of(
    office: Workspace, case: Case, part: str = "", *, by: Reader | None = None, cases: Sequence[Case] | None = None
) -> list[Lookalike]:
    """Farmland nearby that changed in the same way and is not flagged, most alike first."""
    cases = office.ledger.cases() if cases is None else cases
    return alike.find(by or reader(office), place_of(case, part, cases))


@dataclass(frozen=True, eq=False)
class Asked:
    """A part that is looked at again, and since when."""

    case: Case
    part: Part
    since: datetime


def asked(cases: Iterable[Case], now: datetime, law: Path | None = None) -> list[Asked]:
    """The parts that wait for acceptance, are being put right, or are closed and watched."""
    found = []
    months: dict[date, int] = {}
    for case in cases:
        for part in case.parts:
            since = recheck_rules.since(part)
            if since is None:
                continue
            closed = recheck_rules.closed(part) if part.status is Status.CLOSED else None
            if closed is not None:
                day = closed.astimezone(BEIJING).date()
                if day not in months:
                    months[day] = standards(day, law).watch_months
                if not recheck_rules.watched(closed, now, months[day]):
                    continue
            found.append(Asked(case, part, since))
    return found


@flow(name="recheck", persist_result=False, validate_parameters=True)
def recheck(workspace: Path) -> dict[str, Any]:
    """Every part that later scenes can say something of. Returns what was recorded: {looked, recorded, verdicts, dated,
    lookalikes, refused}."""
    return run(open_workspace(workspace), look=task(**IO)(look))


def run(office: Workspace, *, now: datetime | None = None, look: Any = None) -> dict[str, Any]:
    """The flow without its engine."""
    look = look or globals()["look"]
    done: dict[str, Any] = {"looked": 0, "recorded": 0, "verdicts": {}, "dated": 0, "lookalikes": 0, "refused": []}
    with office.ledger.lease("recheck"):
        cases = office.ledger.cases()
        at_hand = partial(look, office, reader(office), cases)
        waiting = asked(cases, now or datetime.now(UTC), office.root / "law")
        with step(tr("re-checking by later scenes")) as progress:
            for n, one in enumerate(waiting):
                try:
                    _add(done, at_hand(one))
                except GengXunError as error:
                    done["refused"].append({"case": one.case.number, "part": one.part.id, "error": str(error)})
                progress((n + 1) / len(waiting))
    return done


def _add(done: dict[str, Any], told: Mapping[str, Any]) -> None:
    done["looked"] += 1
    done["recorded"] += len(told["verdicts"])
    for verdict in told["verdicts"]:
        done["verdicts"][verdict] = done["verdicts"].get(verdict, 0) + 1
    done["dated"] += told["dated"]
    done["lookalikes"] += told["lookalikes"]


def look(office: Workspace, by: Reader, cases: Sequence[Case], one: Asked) -> dict[str, Any]:
    """One part: what each later scene says, recorded where it says something new."""
    ledger, case, part = office.ledger, one.case, one.part
    told: dict[str, Any] = {"verdicts": [], "dated": 0, "lookalikes": 0}
    known = recheck_rules.said(part.rechecks)
    later = {scene.id for scene in by.over(part.geometry) if scene.acquired_at > one.since}
    fresh = bool(later - known.keys())
    if fresh:
        platforms = {scene.id: scene.platform for scene in by.scenes}
        for found in recheck_case(office, case, part.id, one.since, by=by, cases=cases):
            if known.get(found.scene_id) == found.verdict:
                continue
            payload = {"recheck": pure.to_json(found), "scene": dict.fromkeys(LANGUAGES, platforms[found.scene_id])}
            ledger.act(case.number, Kind.RECHECKED, payload, SYSTEM, part=part.id)
            told["verdicts"].append(found.verdict)
    if case.dated is None and (fresh or not known):
        told["dated"] = _date(office, by, cases, case)
    illegal = (part.verdict or {}).get("verdict") == VIOLATION
    if illegal and not part.lookalikes and (fresh or not known):
        found_alike = lookalikes_of(office, case, part.id, by=by, cases=cases)
        if found_alike:
            rows = [lookalikes.to_json(place) for place in found_alike]
            ledger.act(case.number, Kind.LOOKALIKES, {"parcels": rows}, SYSTEM, part=part.id)
        told["lookalikes"] = len(found_alike)
    return told


def _date(office: Workspace, by: Reader, cases: Sequence[Case], case: Case) -> int:
    """1 where the start interval was recorded; nothing is recorded where no scene tells."""
    interval = date_case(office, case, by=by, cases=cases)
    if interval.with_id is None and interval.without_id is None:
        return 0
    ends = {
        name: {"scene_id": id, "at": at.isoformat() if at else None}
        for name, id, at in (
            ("without", interval.without_id, interval.without_at),
            ("with", interval.with_id, interval.with_at),
        )
    }
    known = [at.astimezone(BEIJING).date() for at in (interval.without_at, interval.with_at) if at]
    law = [to_plain(text) for text in texts(min(known), max(known))]
    office.ledger.act(case.number, Kind.DATED, {**ends, "interval": dating.to_json(interval), "law": law}, SYSTEM)
    return 1
