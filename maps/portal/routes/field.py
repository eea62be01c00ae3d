"""[io] Everything under ``/l/{link}/``: the door of a field link, its page, its data, what comes back.

An outsider sees one small page and one answer, whatever is behind the address.
"""

from __future__ import annotations

import base64
import json
import re
from functools import partial
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, RedirectResponse, Response

from geodata.errors import InputError, UnreadableFile, WorkError
from geodata.mediatype import HEAD_BYTES, kind_of, media_type
from geodata.words import LANGUAGES, both, tr
from maps import style
from maps.portal import access, fielddata, fieldwork, link_keys, link_room, links, offlinefile, pages
from maps.portal.access import address_of, office_of
from maps.portal.arriving import MB, Arriving, disk_full
from maps.portal.incoming import drain, json_body
from maps.portal.lanes import Lane
from maps.portal.link_door import Door, Held, answered, bad_link, guessed, held_by, over, refused
from maps.portal.link_makers import stands
from maps.portal.links import COOKIE, BadLink, Link, LinkOver
from maps.portal.package import Record, checked
from maps.portal.sender import by_link

receiving, taking, telling = Lane(8), Lane(2), Lane(4)
"""Bytes to the disk; photos into the ledger (each is read in a child process, more at once would only take
memory); verdicts. Each has its own threads: what phones wait for, the office's pages do not."""

NAME = re.compile(r"[0-9a-f]{64}")
RANGE = re.compile(r"bytes (?:(\d{1,15})-(\d{1,15})|\*)/(\d{1,15})")
MOST_HEADER = 8_000
PIECE = MB

router = APIRouter(route_class=Door)


# -- the door and the page


@router.get("/l/{link}")
def without_slash(link: str) -> Response:
    return RedirectResponse(f"/l/{quote(link, safe='')}/", 308)


@router.get("/l/{link}/")
def page(request: Request, link: str) -> Response:
    """The page of the link to one who holds it; the same small page to everybody else."""
    office, cookie = office_of(request), request.cookies.get(COOKIE, "")
    if not cookie:
        return _door(request, 200)
    try:
        held_by(office, link, cookie)
    except BadLink:
        wait = guessed(request, link)
        return _door(request, 429 if wait else 403, {"retry-after": str(wait)} if wait else None)
    except LinkOver:  # the page holds nothing of the case: it shows what is left on the phone
        return _page(request, 410)
    return _page(request, 200)


def _page(request: Request, status: int) -> Response:
    return _rendered(request, "field.html.j2", status)


def _door(request: Request, status: int, headers: dict[str, str] | None = None) -> Response:
    return _rendered(request, "field_door.html.j2", status, headers, refused=bad_link())


def _rendered(
    request: Request, template: str, status: int, headers: dict[str, str] | None = None, **values: Any
) -> Any:
    lang = pages.lang_of(request)
    frame = pages.frame_of(request, None, "", same_href=True)
    html = style.environment(lang).get_template(f"portal/{template}").render(frame=frame, lang=lang, **values)
    return HTMLResponse(html, status, headers)


@router.post("/l/{link}/open")
async def open_(request: Request, link: str) -> Response:
    """The secret, once a device, for a cookie of this path."""
    body = await json_body(request)
    secret = body.get("secret") if isinstance(body, dict) else None
    return await run_in_threadpool(_exchange, request, link, secret if isinstance(secret, str) else "")


def _exchange(request: Request, link: str, secret: str) -> Response:
    office = office_of(request)
    if not access.same_origin(request):
        return refused(request, guess=True)
    keys, at = link_keys.keys_of(office.ledger, office.root), office.clock()
    try:
        cookie = links.exchange(
            office.store, keys, link, secret, at=at, address=address_of(request), stands=partial(stands, office)
        )
    except BadLink:
        return refused(request, guess=True)
    except LinkOver as ended:
        return over(ended.link)
    response = Response(status_code=204)
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=(links.MOST_DAYS * 86_400) + int(links.KEPT.total_seconds()),
        path=f"/l/{link}/",
        httponly=True,
        samesite="strict",
        secure=access.is_https(request),
    )
    return response


# -- what it carries


@router.get("/l/{link}/data.json")
def data(request: Request, held: Held) -> Response:
    document = fielddata.data(office_of(request), held)
    tag = fielddata.etag(document)
    headers = {"etag": tag, "cache-control": "no-cache, private", "x-gx-now": document["link"]["server_now"]}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return answered(200, document, headers)


@router.get("/l/{link}/chips/{name}")
def chip(request: Request, name: str, held: Held) -> Response:
    content = fielddata.chip(office_of(request), held, name)
    if content is None:
        return _not_there()
    return Response(content, media_type="image/webp", headers={"cache-control": "private, max-age=604800, immutable"})


@router.get("/l/{link}/sw.js")
def worker(link: str, held: Held) -> Response:
    return Response(offlinefile.service_worker(held.id), media_type="text/javascript")


@router.get("/l/{link}/offline.html")
def offline(request: Request, held: Held) -> Response:
    """One file to take along, for browsers that let no page open without the network."""
    office = office_of(request)
    document = fielddata.data(office, held)

    def picture(href: str) -> bytes | None:
        return fielddata.chip(office, held, href.removeprefix("chips/"))

    made = offlinefile.offline_file(document, picture, pages.lang_of(request))
    name = quote(offlinefile.file_name(document))
    return HTMLResponse(made.content, headers={"content-disposition": f"attachment; filename*=UTF-8''{name}"})


# -- what comes back: photos


@router.head("/l/{link}/up/{sha256}")
def how_far(request: Request, sha256: str, held: Held) -> Response:
    office, record = office_of(request), _record(request, sha256)
    numbers = [record.case] if record else list(held.cases)
    if not NAME.fullmatch(sha256) or (record and record.case not in held.cases):
        return Response(status_code=404)
    for number in numbers:
        known = fieldwork.receipt(office, number, sha256)
        if known:
            return Response(headers={"upload-offset": str(known["size"]), "x-gx-receipt": str(known["seq"])})
    return Response(headers={"upload-offset": str(_arriving(request).offset(held.id, sha256))})


@router.put("/l/{link}/up/{sha256}")
async def upload(request: Request, sha256: str, held: Held) -> Response:
    """One photo, whole or from where it broke off. 201 and 200 are receipts: file and event are on the disk."""
    record = _record(request, sha256)
    if record is None or not NAME.fullmatch(sha256):
        await drain(request)
        return answered(400, both("This upload does not say what it is; load the page anew and send it again."))
    if record.case not in held.cases:
        await drain(request)
        return _not_there()
    office, arriving = office_of(request), _arriving(request)
    known = await receiving.run(fieldwork.receipt, office, record.case, sha256)
    if known:
        await drain(request)
        return await receiving.run(_receipted, request, held, 200, known)
    sizes = _sizes(request)
    if sizes is None:
        await drain(request)
        return answered(411, both("This upload does not say how large it is; load the page anew and send it again."))
    first, total = sizes
    most = office.evidence.limits_mb["photo"] * MB
    if not 0 < total <= most:
        text = both("{size} MB is above the {most} MB taken.", size=total // MB, most=most // MB)
        return answered(413, text)
    room = await receiving.run(link_room.room, office, held)
    if not room.has(total):
        await drain(request)
        return answered(409, link_room.full(office))
    here = await receiving.run(arriving.offset, held.id, sha256, total)
    first = here if first is None else first
    if first > here:
        await drain(request)
        return answered(
            416, both("The office holds another part of this file; go on from there."), {"upload-offset": str(here)}
        )
    try:
        settled = await _receive(request, arriving, held.id, sha256, total, first)
        if settled < total:
            return answered(202, {"offset": settled}, {"upload-offset": str(settled)})
        return await taking.run(_finish, request, held, record, total)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody hears it; what came is kept
    except WorkError as error:
        return _no_room(error)


async def _receive(request: Request, arriving: Arriving, link: str, sha256: str, total: int, first: int) -> int:
    """Write what comes at its place; how much is here now. What came before a break stays."""
    with await receiving.run(arriving.open, link, sha256, total, first) as piece:
        gathered = bytearray()
        try:
            async for chunk in request.stream():
                gathered += chunk
                if len(gathered) >= PIECE:
                    data, gathered = bytes(gathered), bytearray()
                    await receiving.run(piece.write, data)
        finally:
            if gathered:
                await receiving.run(piece.write, bytes(gathered))
        return await receiving.run(piece.settle)


def _finish(request: Request, held: Link, record: Record, total: int) -> Response:
    """The whole file is here: into the store, into the ledger, then the receipt, and only then it is forgotten."""
    office, arriving = office_of(request), _arriving(request)
    try:
        path = arriving.whole(held.id, record.id, total)
    except UnreadableFile as error:
        return answered(422, _said(error))
    if path is None:  # the same file by another request, which was quicker
        known = fieldwork.receipt(office, record.case, record.id)
        return _receipted(request, held, 200, known) if known else answered(202, {"offset": 0}, {"upload-offset": "0"})
    with path.open("rb") as stream:
        kind = kind_of(media_type(stream.read(HEAD_BYTES)))
    if kind != "photo":
        arriving.forget(held.id, record.id)
        return answered(415, both("By its content this is no photo; nothing of it was kept."))
    if not link_room.room(office, held).has(total):  # others were quicker
        arriving.forget(held.id, record.id)
        return answered(409, link_room.full(office))
    answer = fieldwork.photo(office, by_link(held), {**record.values, "id": record.id, "case": record.case}, path)
    arriving.forget(held.id, record.id)
    if answer.status != 200:
        link_room.count(office, held, total)
    return _receipted(request, held, answer.status, answer.body)


def _receipted(request: Request, held: Link, status: int, body: dict[str, Any]) -> Response:
    """With what the link still takes."""
    return answered(status, {**body, "room": link_room.room(office_of(request), held).told})


def _no_room(error: WorkError) -> Response:
    """507 where the disk is full, whichever file met it: the phone keeps what it has and sends it again later."""
    if not disk_full(error):
        raise error
    text = both("The office's disk is full: nothing was taken, and the phone keeps it. Tell the office.")
    return answered(507, text, {"retry-after": "60"})


def _arriving(request: Request) -> Arriving:
    return Arriving(office_of(request).root / "arriving")


def _record(request: Request, sha256: str) -> Record | None:
    """What the header says of the photo; None where it cannot be used."""
    text = request.headers.get("x-gx-record", "")
    if not text or len(text) > MOST_HEADER:
        return None
    try:
        value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return checked("photo", {**value, "id": sha256}, "X-Gx-Record")
    except (InputError, ValueError, TypeError, RecursionError):
        return None


def _sizes(request: Request) -> tuple[int | None, int] | None:
    """(first byte, size of the whole); first None: nothing comes, only an answer is wanted."""
    said, length = request.headers.get("content-range"), request.headers.get("content-length", "")
    if said is None:
        return (0, int(length)) if length.isascii() and length.isdigit() and len(length) < 16 else None
    found = RANGE.fullmatch(said)
    if found is None:
        return None
    return (None if found[1] is None else int(found[1])), int(found[3])


# -- what comes back: verdicts


@router.post("/l/{link}/verdict")
async def verdict(request: Request, held: Held) -> Response:
    return await _words(request, held, "verdict")


@router.post("/l/{link}/postponed")
async def postponed(request: Request, held: Held) -> Response:
    return await _words(request, held, "postponed")


async def _words(request: Request, held: Link, kind: str) -> Response:
    body = await json_body(request)
    try:
        record = checked(kind, body, kind)
    except InputError as error:
        field = error.fields.get("field", "–")
        return answered(400, both("This record cannot be read: {field}; load the page anew.", field=field))
    if record.case not in held.cases:
        return _not_there()
    if not access.same_origin(request):
        return answered(403, bad_link())
    take = fieldwork.verdict if kind == "verdict" else fieldwork.postponed
    given = {**record.values, "id": record.id, "case": record.case}
    try:
        answer = await telling.run(take, office_of(request), by_link(held), given)
    except WorkError as error:
        return _no_room(error)
    return answered(answer.status, answer.body)


def _not_there() -> Response:
    return answered(404, both("No such case, or not in this link."))


def _said(error: InputError | WorkError) -> dict[str, str]:
    return {lang: tr(error.msgid, lang, **error.fields) for lang in LANGUAGES}
