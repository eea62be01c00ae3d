"""运行: the report of every inspection, inside the portal; the same content as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from geodata.scene import Scene
from geodata.words import both
from maps import run_page
from maps.chips import Chip
from maps.portal import record
from maps.portal.access import NotThere, Person, allowed, office_of, wants_json
from maps.portal.imagery import footprint, imagery_of
from maps.portal.office import Office
from maps.portal.pages import render
from maps.portal.record import Run
from maps.run_compare import compared, week
from maps.run_parts import Compared, RunPage

router = APIRouter()

LISTED = 200
FOR_A_DAY = {"cache-control": "private, max-age=86400"}
Opens = Annotated[Person, Depends(allowed("runs"))]


@router.get("/runs")
def runs(request: Request, person: Opens) -> Response:
    """Every inspection, newest first; of a district those that raised a flag in it."""
    office = office_of(request)
    scenes = {scene.id: scene for scene in office.catalog.scenes()}
    mine = None
    if person.districts:
        mine = {id for id, codes in record.runs_of_cases(office).items() if any(person.sees(one) for one in codes)}
    found = [(at, one) for at, one in record.runs(office) if mine is None or one.id in mine]
    lines = [
        {
            "href": f"/runs/{one.id}",
            "id": one.id,
            "at": at,
            "before": scenes.get(one.before_id),
            "after": scenes.get(one.after_id),
            "method": one.method,
            "seen": 100 * one.observed_farmland_m2 / one.farmland_m2 if one.farmland_m2 else None,
            "steps": {step.reason: step.count for step in one.funnel},
        }
        for at, one in reversed(found)
    ]
    if wants_json(request):
        return JSONResponse([_plain(line) for line in lines])
    return render(request, "runs.html.j2", person=person, nav="runs", lines=lines[:LISTED], more=len(lines[LISTED:]))


def _plain(line: Mapping[str, Any]) -> dict[str, Any]:
    sides = {side: line[side].id if line[side] else None for side in ("before", "after")}
    return {**line, **sides, "at": line["at"].isoformat()}


@router.get("/runs/{id}")
def one_run(request: Request, id: str, person: Opens) -> Response:
    office = office_of(request)
    found = _run(office, person, id.removesuffix(".json"))
    scenes = _scenes(office, found)
    flags = [(flag, number) for flag, number in found.flags if person.sees(found.codes[number])]
    cards = {flag.id: Chip("", f"runs/{found.inspection.id}/{flag.id}", (0, 0, 0, 0)) for flag, _ in flags}
    whole = {i: f"scenes/{i}.webp" for i in scenes}
    last = record.last(office)
    page = run_page.run_page(
        found.inspection,
        scenes,
        [flag for flag, _ in flags],
        numbers={flag.id: number for flag, number in flags},
        chips={id: (_side(chip, "before"), _side(chip, "after")) for id, chip in cards.items()}
        if len(scenes) == 2
        else {},
        as_of=last.at if last else found.at,
        place=office.name,
        finished_at=found.at,
        thumbs=whole,
        version=office.version,
    )
    page = _here(page, person, len(found.flags) - len(flags))
    notes = page.notes
    if office.visits_week > 0:
        notes = (week(page.funnel[-1].count, office.visits_week), *notes)
    page = dataclasses.replace(page, compared=_compared(office, person, found, scenes), notes=notes)
    if wants_json(request) or id.endswith(".json"):
        return JSONResponse(run_page.to_json(page))
    return render(request, "run.html.j2", person=person, nav="runs", **run_page.shown(page))


@router.get("/runs/{id}/{flag}/{side}.webp")
def card(request: Request, id: str, flag: str, side: str, person: Opens) -> Response:
    """The place of one flag before or after, for the contact sheet."""
    office = office_of(request)
    found = _run(office, person, id)
    raised = next((one for one, number in found.flags if one.id == flag and person.sees(found.codes[number])), None)
    scenes = _scenes(office, found)
    if raised is None or side not in ("before", "after") or len(scenes) < 2:
        raise NotThere
    sides = [scenes[i] for i in (found.inspection.before_id, found.inspection.after_id)]
    pair = imagery_of(office).pair(sides[0], sides[1], raised.occupied.geometry, raised.gsd_m or 0.0)
    return Response(pair[side == "after"], media_type="image/webp", headers=FOR_A_DAY)


def _run(office: Office, person: Person, id: str) -> Run:
    """Raises: NotThere where it is unknown, or (people of a district) raised nothing there."""
    found = record.run(office, id)
    if person.districts and not any(person.sees(one) for one in found.codes.values()):
        raise NotThere
    return found


def _scenes(office: Office, found: Run) -> dict[str, Scene]:
    """Those of the pair that are still held."""
    scenes = {}
    for id in (found.inspection.before_id, found.inspection.after_id):
        try:
            scenes[id] = imagery_of(office).scene(id)
        except NotThere:
            continue
    return scenes


def _compared(office: Office, person: Person, found: Run, scenes: Mapping[str, Scene]) -> Compared | None:
    """Beside the run before on the same ground; None where there is none, or the later scene is gone. To people of a
    district a run that raised nothing there stays shut."""
    after = scenes.get(found.inspection.after_id)
    if after is None:
        return None
    ground = footprint(after)

    def on_ground(scene: str) -> bool:
        try:
            return footprint(imagery_of(office).scene(scene)).intersects(ground)
        except NotThere:
            return False

    earlier = record.run_before(office, found.inspection.id, on_ground)
    if earlier is None:
        return None
    opens = not person.districts or any(person.sees(one) for one in earlier.codes.values())
    now, then = ({number for number, codes in one.codes.items() if person.sees(codes)} for one in (found, earlier))
    return compared(
        found.inspection,
        earlier.inspection,
        flagged_now=now,
        flagged_then=then,
        at=earlier.at,
        href=f"runs/{earlier.inspection.id}" if opens else "",
        figures=opens,
    )


def _side(chip: Chip, side: str) -> Chip:
    return dataclasses.replace(chip, thumb=f"{chip.thumb}/{side}.webp")


def _here(page: RunPage, person: Person, elsewhere: int) -> RunPage:
    """With the portal's addresses; of other districts only numbers."""
    flags = tuple(dataclasses.replace(f, href=f"case/{f.number}" if f.number else "") for f in page.flags)
    notes = page.notes
    if person.districts:
        notes = (both("Pictures, townships and explained changes are those of your own area; {n} flags lie outside it.",
                      n=elsewhere), *notes)  # fmt: skip
    explained = () if person.districts else page.explained
    return dataclasses.replace(page, flags=flags, explained=explained, notes=notes, json_href=f"/runs/{page.id}.json")
