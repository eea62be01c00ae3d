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

from prefect import flow, task

from flows import alike, confirm, surfaces
from flows.ground import Reader
from flows.inspect import IO
from flows.places import flag_of, place_of, reader
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

VIOLATION = "violation"


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
    by = by or reader(office)
    place = place_of(case, part, cases)
    series = by.series(place, since, only={s.id for s in by.over(place.geometry) if not surfaces.is_surface(s)})
    found = [one for several in series for one in pure.recheck(several)]
    flag = flag_of(case, place.geometry)
    free_until, found_at = (datetime.fromisoformat(flag[k]) if flag.get(k) else None for k in ("before_at", "after_at"))
    found += surfaces.recheck(by, place.geometry, free_until, found_at, since)
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
    """Every case and part that later scenes can say something of. Returns what was recorded: {suspected, looks, looked,
    recorded, verdicts, dated, lookalikes, refused}."""
    return run(open_workspace(workspace), look=task(**IO)(look), confirming=task(**IO)(confirm.look))


def run(office: Workspace, *, now: datetime | None = None, look: Any = None, confirming: Any = None) -> dict[str, Any]:
    """The flow without its engine."""
    look = look or globals()["look"]
    done: dict[str, Any] = {"suspected": 0, "looks": {}, "looked": 0, "recorded": 0, "verdicts": {}, "dated": 0,
                            "lookalikes": 0, "refused": []}  # fmt: skip
    with office.ledger.lease("recheck"):
        cases, by = office.ledger.cases(), reader(office)
        _confirm(done, office, by, cases, confirming or confirm.look)
        at_hand = partial(look, office, by, cases)
        waiting = asked(cases, now or datetime.now(UTC), office.root / "law")
        with step(tr("re-checking by later scenes")) as progress:
            for n, one in enumerate(waiting):
                try:
                    _add(done, at_hand(one))
                except GengXunError as error:
                    done["refused"].append({"case": one.case.number, "part": one.part.id, "error": str(error)})
                progress((n + 1) / len(waiting))
    return done


def _confirm(done: dict[str, Any], office: Workspace, by: Reader, cases: Sequence[Case], look: Any) -> None:
    """The suspected cases first: what a look withdraws is nobody's work any more."""
    suspected = confirm.asked(cases)
    done["suspected"] = len(suspected)
    with step(tr("confirming by further scenes")) as progress:
        for n, case in enumerate(suspected):
            try:
                for verdict in look(office, by, cases, case):
                    done["looks"][verdict] = done["looks"].get(verdict, 0) + 1
            except GengXunError as error:
                done["refused"].append({"case": case.number, "part": "", "error": str(error)})
            progress((n + 1) / len(suspected))


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
