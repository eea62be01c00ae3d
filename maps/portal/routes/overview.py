"""[io] 总览: the same page as the static site's, of the person's districts; above 5,000 cases with sums
and cases by request."""

from __future__ import annotations

import hashlib
import math
import threading
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from geodata.atomic import write_bytes
from geodata.chips import crop
from geodata.errors import GengXunError, WorkError
from geodata.words import language, tr
from maps import assets, chips, overview
from maps.overview_cases import INLINE, MOST, Filters
from maps.portal import pages, record
from maps.portal.access import NotThere, Person, address_of, allowed, areas_of, case_of, office_of
from maps.portal.office import Office
from maps.portal.routes.sheet import PARTY
from maps.portal.shelf import Ready, gzipped, shelf_of
from maps.portal.turns import turns
from pipeline import register

router = APIRouter()
Looking = Annotated[Person, Depends(allowed("overview"))]
ASK_AGAIN = {"cache-control": "private, no-cache", "vary": "cookie, accept-encoding"}
"""Kept by the browser of who asked, and asked for anew each time: 304 where nothing changed."""
DATA = "\x01gx-data\x01"
PICTURE_PX = 192
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_WRITING = threading.Lock()
"""A register takes seconds of one core; a worker writes one at a time."""


@router.get("/overview")
def show(request: Request, person: Looking) -> Response:
    office, lang = office_of(request), pages.lang_of(request)
    ready = shelf_of(office).ready(person, lang)
    waits = turns(office, person, ready, lang)
    frame = pages.frame_of(request, person, "overview")
    bar = frame.verified, frame.checked_at, frame.waiting
    tag = _tag(ready.tag, lang, person, waits, bar, str(frame.assets), str(request.query_params))
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={**ASK_AGAIN, "etag": tag})
    given, first = request.query_params, ""
    if len(ready.columns) > INLINE:
        answered = overview.answer(ready.columns, Filters.of(given), given.get("sel", ""))
        first = assets.json_block(answered, "gx-first")
    page = overview.shown(ready.page, waits)
    answer = pages.render(
        request,
        "overview.html.j2",
        person=person,
        nav="overview",
        headers={**ASK_AGAIN, "etag": tag},
        page=page,
        map=ready.map,
        map_script=pages.script(request, str(ready.map.script)),
        data=DATA,
        first=first,
        by=ready.by,
        left_out=0,
        carried=INLINE,
        **overview.told(ready.page),
    )
    return _whole(request, answer, ready)


def _whole(request: Request, answer: Response, ready: Ready) -> Response:
    """The data put in; compressed here, because most of it is compressed already."""
    before, _, after = bytes(answer.body).partition(DATA.encode())
    if "gzip" in request.headers.get("accept-encoding", ""):
        answer.body = gzipped(before, ready.block, ready.deflated, after)
        answer.headers["content-encoding"] = "gzip"
    else:
        answer.body = before + ready.block + after
    answer.headers["content-length"] = str(len(answer.body))
    return answer


@router.get("/overview/totals.json")
def totals(request: Request, person: Looking) -> Response:
    """The sums under the filters of the address, and the first cases of the list."""
    given = request.query_params
    ready = shelf_of(office_of(request)).ready(person, pages.lang_of(request))
    return _json(request, ready, lambda: overview.answer(ready.columns, Filters.of(given), given.get("sel", "")))


@router.get("/overview/cases.json")
def cases(request: Request, person: Looking) -> Response:
    """Cases under the filters, in the list's order: ``n`` of them from the ``from``-th on, or those in ``bbox``."""
    given = request.query_params
    ready = shelf_of(office_of(request)).ready(person, pages.lang_of(request))
    start, n = _whole_number(given.get("from"), 0, 10**9), _whole_number(given.get("n"), MOST, MOST)
    box = _box(given.get("bbox"))

    def found() -> dict[str, Any]:
        columns = ready.columns
        which = columns.which(Filters.of(given))
        if box is not None:
            which = columns.inside(which, box)
        at = np.flatnonzero(which)
        return {"total": len(at), "cases": columns.to_json(at[start : start + n])}

    return _json(request, ready, found)


def _json(request: Request, ready: Ready, make: Any) -> Response:
    tag = _tag(ready.tag, str(request.query_params))
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={**ASK_AGAIN, "etag": tag})
    return JSONResponse(make(), headers={**ASK_AGAIN, "etag": tag})


def _whole_number(given: str | None, otherwise: int, most: int) -> int:
    return min(int(given), most) if given and given.isascii() and given.isdigit() and len(given) < 10 else otherwise


def _box(given: str | None) -> tuple[float, float, float, float] | None:
    """west, south, east, north; what cannot be read is no box."""
    try:
        west, south, east, north = (float(value) for value in (given or "").split(","))
    except ValueError:
        return None
    if not all(math.isfinite(value) and abs(value) <= 1000 for value in (west, south, east, north)):
        return None
    return west, south, east, north


def _tag(*parts: Any) -> str:
    return f'W/"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'


@router.get("/overview/chips/{number}.webp")
def chip(request: Request, number: str, person: Looking) -> Response:
    """A small picture of the place, from the image that found the case."""
    office = office_of(request)
    row = shelf_of(office).rows.get(number)
    if row is None or not person.sees(row):
        case_of(office, person, number)  # this worker may not have read it yet
        shelf_of(office).refresh()
        row = shelf_of(office).rows.get(number)
    if row is None:
        raise NotThere
    name = hashlib.sha256(f"{number} {row['after_id']}".encode()).hexdigest()
    path = office.root / "cache" / "chips" / f"{name}.webp"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, _drawn(office, person, number, row["after_id"]))
    headers = {"cache-control": "private, max-age=86400", "vary": "cookie"}
    return Response(path.read_bytes(), media_type="image/webp", headers=headers)


@router.get("/overview/register.xlsx")
def register_(request: Request, person: Looking) -> Response:
    """导出台账: the register of the person's area as a workbook. Raises: WorkError while one is being written."""
    office = office_of(request)
    if not _WRITING.acquire(blocking=False):
        raise WorkError("Another register is being written just now; ask again in a minute.")
    try:
        content = _book(office, person)
    finally:
        _WRITING.release()
    office.store.note(office.clock(), "register_exported", person.name, ",".join(person.districts), address_of(request))
    name = f"register-{office.today.isoformat()}.xlsx"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "private, no-store"}
    return Response(content, media_type=XLSX, headers=headers)


def _book(office: Office, person: Person) -> bytes:
    """One row a part, read case by case; who the party is only for those who act against one."""
    cases = (case for area in areas_of(person) for case in office.ledger.each_case(district=area))
    rows = (row for row, _ in register.rows(cases, office.rules(office.today), language()))
    remarks = []
    if person.role not in PARTY:
        rows = ({**row, "JSZT": None} for row in rows)
        remarks = [tr("Parties stand only in the register of those who act against them.")]
    scope = office.name or tr("All districts")
    if person.districts:
        scope = tr("{scope}, area {codes}", scope=scope, codes=", ".join(person.districts))
    last = record.last(office)
    return register.book(rows, scope=scope, now=office.clock(), head=last.mark if last else "–", remarks=remarks)


def _drawn(office: Office, person: Person, number: str, scene_id: str) -> bytes:
    case = case_of(office, person, number)
    bounds = chips.frame(case.geometry, gsd_m=case.flags[0]["gsd_m"] or 0.0)
    try:
        with office.catalog.pixels(office.catalog.scene(scene_id)) as pixels:
            found = crop(pixels, bounds, PICTURE_PX)
    except GengXunError:
        raise NotThere from None
    return chips.thumbnail(chips.over_paper(found.rgb, found.valid))
