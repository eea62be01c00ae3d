"""[io] The lists of the portal as JSON: what a person may see, read only; OpenAPI at /api/openapi.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response

from geodata.words import language
from maps.portal import access, answers, people, record
from maps.portal.access import Person, SignedIn, allowed, areas_of, office_of, row_of, rows_of
from maps.portal.answers import ERRORS, StageName, StatusName
from maps.portal.imagery import area_of, footprint
from maps.portal.office import Office
from maps.portal.store import journal
from maps.qml import features_qml
from pipeline import clues, inspection
from pipeline.cases import now, story
from pipeline.cases.rows import on_day
from pipeline.statistics import statistics

router = APIRouter(prefix="/api", responses=ERRORS, tags=["api"])

Code = Annotated[
    str | None, Query(pattern=r"^[0-9]{2,12}$", description="beginning of a district's or township's code")
]
Plain = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Number = Annotated[str, Path(max_length=60)]


def of(page: str) -> Any:
    return Depends(allowed(page))


def schema(request: Request) -> dict[str, Any]:
    """The document of OpenAPI, with the three ways in."""
    app = request.app
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, routes=app.routes)
        parts = made.setdefault("components", {})
        parts["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "a personal token"},
            "basic": {"type": "http", "scheme": "basic", "description": "any name, a personal token as password"},
            "query": {"type": "apiKey", "in": "query", "name": "token"},
        }
        made["security"] = [{"bearer": []}, {"basic": []}, {"query": []}]
        app.openapi_schema = made
    found: dict[str, Any] = app.openapi_schema
    return found


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, person: SignedIn) -> Response:
    return JSONResponse(schema(request))


@router.get("/me", responses={200: {"model": answers.Me}})
def me(person: SignedIn) -> Response:
    """Who asks, and what is for them."""
    pages = [page for page in access.PAGES if person.may(page)]
    return JSONResponse(
        {"name": person.name, "role": person.role.value, "districts": list(person.districts), "pages": pages}
    )


@router.get("/cases", responses={200: {"model": answers.Cases}})
def cases(
    request: Request, person: SignedIn, stage: StageName | None = None, status: StatusName | None = None,
    district: Code = None, kind: Plain = None, overdue: bool = False, batch: Plain = None, party: Plain = None,
    assignee: Plain = None, limit: Limit = 100, offset: Offset = 0,
) -> Response:  # fmt: skip
    """Cases, in the order in which they want attention; the filters of ``gengxun case list``."""
    office = office_of(request)
    given: dict[str, Any] = {
        "stage": stage, "status": status, "kind": kind, "batch": batch, "party": party, "assignee": assignee,
        "due_before": office.today if overdue else None,
    }  # fmt: skip
    areas = areas_of(person, district)
    count = sum(n for area in areas for n in office.ledger.counts("status", district=area, **given).values())
    rows = rows_of(office, person, district=district, limit=offset + limit, **given) if offset < count else []
    found = [on_day(row, office.today) for row in rows[offset:]]
    return JSONResponse({"count": count, "offset": offset, "cases": found})


@router.get("/cases/{number}", responses={200: {"model": answers.CaseStory}})
def case(request: Request, person: SignedIn, number: Number) -> Response:
    """One case: parts, flags, what is due, what runs beside, events."""
    office = office_of(request)
    row_of(office, person, number)
    return JSONResponse(story.document(office.ledger, number, office.today))


@router.get("/cases/{number}/now", responses={200: {"model": answers.Now}})
def possible(request: Request, person: SignedIn, number: Number) -> Response:
    """What is possible now for one's own role, and what it needs."""
    office, role = office_of(request), person.role.value
    row_of(office, person, number)
    rules = office.rules(office.today)
    return JSONResponse(now.now_of(office.ledger, rules, number, role=role, today=office.today))


@router.get("/runs", responses={200: {"model": answers.Runs}})
def runs(request: Request, person: Annotated[Person, of("runs")], limit: Limit = 100, offset: Offset = 0) -> Response:
    """Inspections, newest first, without the single outcomes."""
    office = office_of(request)
    theirs = _theirs(office, person)
    events = [event for event in office.ledger.inspection_events()[::-1] if theirs(event)]
    found = [_run(event, person) for event in events[offset : offset + limit]]
    for one in found:
        del one["outcomes"]
    return JSONResponse({"count": len(events), "offset": offset, "runs": found})


@router.get("/runs/{id}", responses={200: {"model": answers.Run}})
def run(request: Request, person: Annotated[Person, of("runs")], id: Number) -> Response:
    """One inspection, with every change that was explained."""
    office = office_of(request)
    theirs = _theirs(office, person)
    for event in office.ledger.inspection_events():
        if event.payload["id"] == id and theirs(event):
            return JSONResponse(_run(event, person))
    raise access.NotThere


def _theirs(office: Office, person: Person) -> Callable[[Any], bool]:
    """Whether an inspection raised a flag in the person's area, as /runs has it."""
    if not person.districts:
        return lambda event: True
    mine = {id for id, codes in record.runs_of_cases(office).items() if any(person.sees(one) for one in codes)}
    return lambda event: event.payload["id"] in mine


def _run(event: Any, person: Person) -> dict[str, Any]:
    """Of people of one district the numbers and places of others are kept away."""
    found = {**inspection.to_json(inspection.from_json(event.payload)), "at": event.at.isoformat()}
    if person.districts:
        for key in ("cases_new", "cases_seen_again", "cases_relapsed"):
            found[key] = [number for number in found.get(key, ()) if number.startswith(person.districts)]
        found["outcomes"] = []
    return found


@router.get("/stats", responses={200: {"model": answers.Statistics}})
def stats(
    request: Request, person: Annotated[Person, of("stats")], since: date | None = None, until: date | None = None
) -> Response:
    """Counts, areas, ages and rates of the cases found from ``since`` to ``until``."""
    office = office_of(request)
    rows = record.each_row(office, person)
    return JSONResponse(statistics(rows, today=office.today, since=since, until=until))


@router.get("/batches", responses={200: {"model": answers.Batches}})
def batches(request: Request, person: Annotated[Person, of("batches")]) -> Response:
    """Batches of clues from outside, and what became of them."""
    office = office_of(request)
    return JSONResponse({"batches": clues.batches(record.each_row(office, person))})


@router.get("/layers", responses={200: {"model": answers.Layers}})
def layers(request: Request, person: Annotated[Person, of("layers")]) -> Response:
    """Editions of survey layers that are held."""
    held = [_plain(dataclasses.asdict(one)) for one in office_of(request).editions.layers()]
    return JSONResponse({"layers": [{k: v for k, v in one.items() if k != "folder"} for one in held]})


@router.get("/scenes", responses={200: {"model": answers.Scenes}})
def scenes(request: Request, person: Annotated[Person, of("runs")]) -> Response:
    """Imagery that is held; for people of a district what shows some of it."""
    office, found = office_of(request), []
    area = area_of(office, person)
    for one in office.catalog.scenes():
        if area is not None and not area.intersects(footprint(one)):
            continue
        box = one.geobox.geographic_extent.boundingbox
        found.append({
            "id": one.id, "platform": one.platform, "acquired_at": one.acquired_at.isoformat(), "gsd_m": one.gsd_m,
            "bands": list(one.bands), "cloud_cover": one.cloud_cover, "bounds": [round(v, 6) for v in box.bbox],
            "crs": str(one.geobox.crs), "provenance": dict(one.provenance),
        })  # fmt: skip
    return JSONResponse({"scenes": found})


@router.get("/cases.qml", include_in_schema=False)
def style(person: SignedIn) -> Response:
    """The style for the collection ``cases`` in QGIS."""
    return Response(features_qml(language()), media_type="application/xml")


@router.get("/links", responses={200: {"model": answers.Links}})
def links(request: Request, person: Annotated[Person, of("links")]) -> Response:
    """Field links that were issued; secrets are not known here."""
    from maps.portal import link_makers
    from maps.portal import links as register

    office = office_of(request)
    mine = {row["number"] for row in rows_of(office, person)} if person.districts else None
    held = [one for one in register.every(office.store) if mine is None or mine.issuperset(one.cases)]
    return JSONResponse({"links": [register.to_json(one, link_makers.state(office, one)) for one in held]})


@router.get("/users", responses={200: {"model": answers.Users}})
def users(request: Request, person: Annotated[Person, of("users")]) -> Response:
    """Accounts."""
    found = [
        {"name": one.name, "role": one.role.value, "districts": list(one.districts), "disabled": one.disabled,
         "made_at": _iso(one.made_at), "seen_at": _iso(one.seen_at) if one.seen_at else None}
        for one in people.accounts(office_of(request).store)
    ]  # fmt: skip
    return JSONResponse({"users": found})


@router.get("/journal", responses={200: {"model": answers.Journal}})
def journal_(
    request: Request, person: Annotated[Person, of("users")], kind: Plain = None, limit: Limit = 100, offset: Offset = 0
) -> Response:
    """Log-ins, refusals, openings of files; newest first."""
    which = sa.true() if kind is None else journal.c.kind == kind
    asked = sa.select(journal).where(which).order_by(journal.c.id.desc()).limit(limit).offset(offset)
    with office_of(request).store.reading() as connection:
        rows = connection.execute(asked).mappings().all()
    found = [{**{k: row[k] for k in ("kind", "who", "about", "address")}, "at": _iso(row["at"])} for row in rows]
    return JSONResponse({"journal": found})


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _plain(value: Any) -> Any:
    """JSON values of a record."""
    plain: list[tuple[Any, Callable[[Any], Any]]] = [
        (dict, lambda v: {str(k): _plain(one) for k, one in v.items()}),
        (list | tuple, lambda v: [_plain(one) for one in v]),
        (date, lambda v: v.isoformat()),
        (str, str),
    ]
    for kind, make in plain:
        if isinstance(value, kind):
            return make(value)
    return value


__all__ = ["router", "schema"]
