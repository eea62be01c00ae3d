"""[io] ``/links``: the register of field links; making, printing and revoking one; packages from phones."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from geodata.errors import InputError, WorkError
from geodata.words import language, tr
from maps import style
from maps.portal import access, fielddata, fieldwork, link_keys, link_makers, links, message, pages
from maps.portal.access import NotThere, Person, allowed, case_of, checked_form, office_of
from maps.portal.fieldwork import Answer
from maps.portal.links import Link
from maps.portal.office import Office
from maps.portal.package import Package, read_package
from maps.portal.sender import Sender, by_link

router = APIRouter()
Allowed = Annotated[Person, Depends(allowed("links"))]
Checked = Annotated[FormData, Depends(checked_form)]
STATES: Mapping[str, str] = {
    "live": "open",
    "expired": "ended",
    "revoked": "revoked",
    "refused": "refused: its maker may no longer give it",
}


@router.get("/links")
def register(request: Request, person: Allowed, case: str = "", revoked: str = "") -> Response:
    done = tr("The link is revoked.") if revoked else ""
    return _register(request, person, given={"case": case[:2000]}, done=done)


@router.post("/links/new")
def new(request: Request, person: Allowed, form: Checked) -> Response:
    """The page that shows the secret, this once: to be printed."""
    office = office_of(request)
    given = {name: str(form.get(name, "")) for name in ("case", "to", "days")}
    numbers = [one for one in re.split(r"[\s,，、;；]+", given["case"]) if one]
    keys = link_keys.keys_of(office.ledger, office.root)
    try:
        for number in numbers:
            _own(office, person, number)
        if keys is None:
            raise NotThere
        base = access.base_of(request)
        days = _days(given["days"], office.portal.link_days)
        made, secret = links.make(
            office.store,
            keys,
            cases=numbers,
            to=given["to"],
            by=person.name,
            days=days,
            at=office.clock(),
            once=str(form.get("once", ""))[:40],
        )
    except links.AlreadyMade as error:
        return _register(request, person, problem=str(error), status=409)
    except InputError as error:
        return _register(request, person, given=given, problem=str(error), status=422)
    fielddata.prepare(office, made.cases)
    address = links.address(base, made.id, secret)
    sent, wrong = _send(office, made, address) if form.get("send") == "1" else ("", "")
    return pages.render(
        request,
        "link_made.html.j2",
        person=person,
        nav="links",
        status=201,
        link=made,
        address=address,
        qr=style.Markup(links.qr_svg(address)),
        made=style.moment(made.made_at),
        ends=style.moment(made.expires_at),
        sent=sent,
        ended=message.of_ended(office.ledger, made.cases),
        problem=wrong,
    )


def _own(office: Office, person: Person, number: str) -> None:
    """Raises: InputError, the same for an unknown number and for one outside the area."""
    try:
        case_of(office, person, number)
    except NotThere:
        raise InputError("{number}: no such case, or not in your area.", number=number[:40]) from None


def _days(text: str, usual: int) -> float:
    try:
        return float(text) if text else float(usual)
    except ValueError:
        raise InputError("{days}: is no number of days; write 7.", days=text[:20]) from None


def _send(office: Office, made: Link, address: str) -> tuple[str, str]:
    """(sent, or what went wrong): by the office's channels; number, due day and link, nothing else."""
    try:
        office.notify(*message.of_link(office.ledger, made, address))
    except WorkError as error:
        return "", str(error)
    return tr("Sent by the channels of the office."), ""


@router.post("/links/{id}/revoke")
def revoke(request: Request, id: str, person: Allowed, form: Checked) -> Response:
    office = office_of(request)
    link = links.one(office.store, id)
    if link is None or not _sees(office, person, link):
        raise NotThere
    links.revoke(office.store, id, by=person.name, at=office.clock())
    return RedirectResponse("/links?revoked=1", 303)


@router.post("/links/package")
def package(request: Request, person: Allowed, form: Checked) -> Response:
    """What a phone exported: each record is taken as if the phone had sent it."""
    given = form.get("package")
    if not isinstance(given, UploadFile):
        return _register(request, person, problem=tr("Choose the ZIP that the phone exported."), status=422)
    try:
        with read_package(given.file, (given.filename or "")[:80]) as found:
            told = load(office_of(request), person, found)
    except InputError as error:
        return _register(request, person, problem=str(error), status=422)
    return _register(request, person, loaded=told)


def load(office: Office, person: Person, package: Package) -> list[dict[str, str]]:
    """[{case, what, told}], photos first: a verdict counts when its photos are here."""
    link = links.one(office.store, package.link) if package.link else None
    told = []
    for record in sorted(package.records, key=lambda one: one.kind != "photo"):
        what = {"photo": tr("photo"), "verdict": tr("verdict"), "postponed": tr("cannot be checked today")}[record.kind]
        try:
            case_of(office, person, record.case)
        except NotThere:
            told.append({"case": record.case, "what": what, "told": tr("No such case, or not in your area.")})
            continue
        known = link if link and record.case in link.cases else None
        sender = by_link(known, person.name) if known else Sender(person.actor, None, person.name)
        values = {**record.values, "id": record.id, "case": record.case}
        if record.kind == "photo":
            if record.id in package.missing:
                answer = _missing(office, record.case, record.id)
            else:
                answer = fieldwork.photo(office, sender, values, package.original(record.id))
        else:
            answer = (fieldwork.verdict if record.kind == "verdict" else fieldwork.postponed)(office, sender, values)
        told.append({"case": record.case, "what": f"{what} {record.id[:8]}", "told": _told(answer)})
    return told


def _missing(office: Office, number: str, sha256: str) -> Answer:
    known = fieldwork.receipt(office, number, sha256)
    return Answer(200, known) if known else Answer(404, {})


def _told(answer: Answer) -> str:
    seq = answer.body.get("seq")
    if answer.status == 404:
        return tr("The original is not in the package.")
    if answer.status == 200:
        return tr("on record already, event {seq}", seq=seq)
    if answer.status == 201 and answer.body.get("kind") != "SUPPLEMENT":
        return tr("taken, event {seq}", seq=seq)
    said = answer.body.get(language(), "")
    return tr("kept as a supplement, event {seq}", seq=seq) + (f" {said}" if said else "")


def _sees(office: Office, person: Person, link: Link) -> bool:
    """All of its cases lie in the person's area."""
    try:
        return all(case_of(office, person, number) for number in link.cases)
    except NotThere:
        return False


def _register(request: Request, person: Person, *, status: int = 200, **said: Any) -> Response:
    office = office_of(request)
    areas: dict[str, bool] = {}
    if person.districts:
        areas = {row["number"]: person.sees(row) for row in office.ledger.rows()}
    shown = [
        one
        for one in links.every(office.store)
        if not person.districts or all(areas.get(number, False) for number in one.cases)
    ]
    given = {"case": "", "to": "", "days": office.portal.link_days, **said.pop("given", {})}
    return pages.render(
        request,
        "links.html.j2",
        person=person,
        nav="links",
        status=status,
        links=[_row(office, one) for one in shown],
        given=given,
        once=secrets.token_hex(16),
        most_days=links.MOST_DAYS,
        notifies=office.notifies,
        **{"problem": "", "done": "", "loaded": None, **said},
    )


def _row(office: Office, link: Link) -> dict[str, Any]:
    state = link_makers.state(office, link)
    return {
        "link": link,
        "state": state,
        "state_name": tr(STATES[state]),
        "made": style.moment(link.made_at),
        "ends": style.moment(link.expires_at),
        "opened": style.moment(link.opened_at) if link.opened_at else "",
        "revoked": style.moment(link.revoked_at) if link.revoked_at else "",
    }
