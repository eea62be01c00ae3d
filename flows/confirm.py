"""[io] Confirmation: each scene beyond the pair of a suspected flag gives one look, recorded once.

A look that agrees makes the case surer, one that disagrees withdraws it, with its reason; people may reopen it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from flows.ground import Reader, alike
from flows.places import suspected
from flows.settings import Workspace
from geodata.scene import Scene
from geodata.words import LANGUAGES
from pipeline import confirm as pure
from pipeline.cases.case import Case, Status
from pipeline.cases.events import SYSTEM, Kind
from pipeline.confirm import Look


def asked(cases: Iterable[Case]) -> list[Case]:
    """Those that imagery suspects and nobody was sent to yet."""
    return [case for case in cases if case.status is Status.SUSPECTED and _since(case)]


def _since(case: Case) -> datetime | None:
    """When AFTER of the flag was taken that opened the present round; None of a clue from outside."""
    flag = case.flags[case.opened_by]
    return datetime.fromisoformat(flag["after_at"]) if flag["change"]["after_id"] and flag["after_at"] else None


def looks(by: Reader, case: Case, cases: Sequence[Case]) -> list[Look]:
    """What scenes say of a case that have not said it yet, the latest first."""
    since, flag = _since(case), case.flags[case.opened_by]["change"]
    known = {look["look"]["scene_id"] for look in case.looks_now} | {flag["before_id"], flag["after_id"]}
    if since is None:
        return []
    over = by.over(case.geometry)
    after = next((scene for scene in over if scene.id == flag["after_id"]), None)
    new = {scene.id for scene in over if scene.id not in known and _tells(scene, since, after)}
    if not new:
        return []
    several = by.series(suspected(case, cases), since, only=new | {flag["before_id"], flag["after_id"]})
    found = [one for series in several for one in pure.looks(series) if one.scene_id in new]
    return sorted(found, key=lambda one: (one.at, one.scene_id), reverse=True)


def _tells(scene: Scene, since: datetime, after: Scene | None) -> bool:
    """Whether it is later than AFTER, or shows its season earlier, in a way that can be compared with it."""
    if scene.acquired_at > since:
        return True
    return after is not None and alike(scene, after) and pure.of_its_season(scene.acquired_at, since)


def look(office: Workspace, by: Reader, cases: Sequence[Case], case: Case) -> list[str]:
    """The verdicts recorded, the latest scene's first: up to the one that withdraws the case, for what is known of the
    time after it counts for more."""
    platforms, said = {scene.id: scene.platform for scene in by.scenes}, []
    for one in looks(by, case, cases):
        payload = {"look": pure.to_json(one), "scene": dict.fromkeys(LANGUAGES, platforms[one.scene_id])}
        event = office.ledger.act(case.number, Kind.LOOKED, payload, SYSTEM)
        said.append(one.verdict)
        if event.payload["to"] != Status.SUSPECTED:
            break
    return said
