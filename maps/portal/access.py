"""[io] Who asks, and what they may see: the only way from a request to a case."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from geodata.errors import InputError
from maps.portal import people
from maps.portal.arriving import SPARE_BYTES
from maps.portal.office import Office
from maps.portal.package import MAX_PACKAGE_BYTES
from pipeline.cases import tables
from pipeline.cases.case import Case
from pipeline.cases.database import reading
from pipeline.cases.events import Actor, Role
from pipeline.cases.order import order_key

COOKIE, BEFORE = "gx_session", "gx_before"
"""The session; and what a form is bound to before there is one."""

LOCAL = ("127.0.0.1", "localhost", "::1")
LARGEST_FORM = 1024 * 1024
LARGEST_FIELD = 128 * 1024
LARGEST_UPLOAD = MAX_PACKAGE_BYTES + LARGEST_FORM

log = logging.getLogger("gengxun.portal")

_ALL = frozenset(Role) - {Role.SYSTEM}
_SENSING, _ADMIN = Role.REMOTE_SENSING, Role.ADMINISTRATOR
PAGES: Mapping[str, frozenset[Role]] = {
    "overview": _ALL,
    "case": _ALL,
    "print": _ALL,
    "stats": _ALL,
    "account": _ALL,
    "review": _ALL - {Role.LEADER, Role.FIELD_INSPECTOR, _ADMIN},
    "runs": frozenset({_SENSING, Role.REVIEWER, _ADMIN}),
    "links": frozenset({Role.REVIEWER, Role.DISTRICT_OFFICER, _ADMIN}),
    "files": _ALL - {Role.LEADER, _ADMIN},
    "layers": frozenset({_SENSING, _ADMIN}),
    "batches": frozenset({_SENSING, Role.REVIEWER, _ADMIN}),
    "users": frozenset({_ADMIN}),
}
"""Which roles open which page; what they may do there the ledger's own table says."""


class NotThere(Exception):
    """Unknown, or not for this person: one and the same answer."""


class Refused(Exception):
    """A form that did not come from a page of ours, or whose session has ended."""


class NotSignedIn(Exception):
    """Pages lead to the sign-in, programs get 401."""


class MustChange(Exception):
    """The first pass phrase has to be changed before anything else."""


@dataclass(frozen=True)
class Person:
    """districts: code prefixes; () is the whole bureau."""

    name: str
    role: Role
    districts: tuple[str, ...] = ()

    def sees(self, row_or_case: Any) -> bool:
        """Whether a row or case (district_code, township_code) lies in the person's area."""
        if not self.districts:
            return True
        if isinstance(row_or_case, Mapping):
            codes = [row_or_case.get("district_code"), row_or_case.get("township_code")]
        else:
            codes = [getattr(row_or_case, "district_code", ""), getattr(row_or_case, "township_code", "")]
        return any((code or "").startswith(self.districts) for code in codes)

    def may(self, page: str) -> bool:
        return self.role in PAGES[page]

    @property
    def actor(self) -> Actor:
        return Actor(self.name, self.role.value)


def office_of(request: Request) -> Office:
    office: Office = request.app.state.office
    return office


def address_of(request: Request) -> str:
    """Of the client; behind a proxy of the bureau what the proxy itself added last."""
    told = request.headers.get("x-forwarded-for")
    if told and office_of(request).portal.proxy:
        return told.rsplit(",", 1)[-1].strip()[:60]
    if told and not getattr(request.app.state, "forwarded", False):
        request.app.state.forwarded = True  # said once a worker
        log.warning("X-Forwarded-For arrives, but [portal] proxy is not set: all who come through a proxy count as one")
    return request.client.host if request.client else ""


def base_of(request: Request) -> str:
    """The address that people open, for links and QR codes; the Host header counts only where it names this portal.

    Raises: InputError where it does not and [portal] public_url is empty: any link could be steered elsewhere.
    """
    portal = office_of(request).portal
    if portal.public_url:
        return portal.public_url.rstrip("/")
    asked = request.url.hostname or ""
    if asked not in {*LOCAL, portal.host, listens_at(request)}:
        raise InputError(
            "{host}: is not known as an address of this portal; write the one that phones open as public_url into"
            " [portal] of gengxun.toml, then start the portal anew.",
            host=asked[:100] or "–",
        )
    return f"{'https' if is_https(request) else 'http'}://{request.url.netloc}"


def listens_at(request: Request) -> str:
    """The address of this machine that the connection came in on, whatever the client says."""
    return str((request.scope.get("server") or ("",))[0])


def is_https(request: Request) -> bool:
    portal = office_of(request).portal
    if portal.proxy and (told := request.headers.get("x-forwarded-proto")):
        return told.rsplit(",", 1)[-1].strip().lower() == "https"
    return request.url.scheme == "https" or portal.public_url.startswith("https://")


def is_api(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/ogc/")) or request.url.path in ("/api", "/ogc")


def wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return is_api(request) or ("application/json" in accept and "text/html" not in accept)


def signed_in_or_none(request: Request) -> Person | None:
    """The person of the session, or (API only) of a personal token; looked up once a request."""
    if hasattr(request.state, "person"):
        found: Person | None = request.state.person
        return found
    office, account = office_of(request), None
    token = _token(request) if is_api(request) else None
    secret = request.cookies.get(COOKIE)
    if token is not None:
        account = people.of_token(office.store, token, at=office.clock())
        if account is None:
            office.store.note_knock(office.clock(), "refused", "", "token", address_of(request))
    elif secret:
        portal = office.portal
        account = people.of_session(
            office.store,
            secret,
            at=office.clock(),
            idle_minutes=portal.idle_minutes,
            session_hours=portal.session_hours,
        )
    request.state.must_change = account is not None and account.must_change
    request.state.person = Person(account.name, account.role, account.districts) if account else None
    return request.state.person


def signed_in(request: Request) -> Person:
    person = signed_in_or_none(request)
    if person is None:
        raise NotSignedIn
    if request.state.must_change and not request.url.path.startswith("/account") and request.url.path != "/logout":
        raise MustChange
    return person


SignedIn = Annotated[Person, Depends(signed_in)]


def allowed(page: str) -> Callable[[Request], Person]:
    """Dependency: signed in, and the page is for the role; else NotThere."""
    if page not in PAGES:
        raise KeyError(page)

    def person_allowed(request: Request) -> Person:
        person = signed_in(request)
        if not person.may(page):
            office = office_of(request)
            office.store.note(office.clock(), "refused", person.name, request.url.path[:200], address_of(request))
            raise NotThere
        return person

    return person_allowed


def row_of(office: Office, person: Person, number: str) -> dict[str, Any]:
    """The row of a case. Raises: NotThere where it is unknown or not in the person's area."""
    with reading(office.ledger.engine) as connection:
        found = connection.execute(sa.select(tables.cases.c.row).where(tables.cases.c.number == number)).scalar()
    row = json.loads(found) if found else None
    if row is None or not person.sees(row):
        raise NotThere
    return dict(row)


def case_of(office: Office, person: Person, number: str) -> Case:
    """Raises: NotThere where it is unknown or not in the person's area."""
    row_of(office, person, number)
    return office.ledger.case(number)


def rows_of(office: Office, person: Person, *, district: str | None = None, **filters: Any) -> list[dict[str, Any]]:
    """``ledger.rows`` within the person's area."""
    areas = areas_of(person, district)
    found = [row for area in areas for row in office.ledger.rows(district=area, **filters)]
    if len(areas) > 1:
        found = list({row["number"]: row for row in found}.values())
        found.sort(key=order_key)
    limit = filters.get("limit")
    return found if limit is None else found[:limit]


def areas_of(person: Person, asked: str | None = None) -> list[str | None]:
    """The code prefixes to ask the ledger for, so that no more than the person's area comes back."""
    if not person.districts:
        return [asked or None]
    mine = [code for code in person.districts if not any(code != o and code.startswith(o) for o in person.districts)]
    if not asked:
        return list(mine)
    if asked.startswith(person.districts):
        return [asked]
    return [code for code in mine if code.startswith(asked)]


def csrf_of(request: Request) -> str:
    """The token of this page's forms: bound to the session, other bytes each time (compressed pages leak)."""
    secret = request.cookies.get(COOKIE) if signed_in_or_none(request) else _before(request)
    known = _mac(secret or "")
    pad = secrets.token_bytes(len(known))
    return (pad + bytes(a ^ b for a, b in zip(pad, known, strict=True))).hex()


async def checked_form(request: Request) -> FormData:
    """The form, after it was shown to come from a page of ours. Raises: Refused, NotSignedIn, HTTPException 413.

    Files are taken from those who have signed in, and where the disk has room for them; a form without
    files is small. What does not say how large it is, is not read.
    """
    check_origin(request)
    said = request.headers.get("content-length", "")
    size = int(said) if said.isascii() and said.isdigit() and len(said) < 16 else LARGEST_UPLOAD + 1
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        if await run_in_threadpool(signed_in_or_none, request) is None:
            raise NotSignedIn
        if size > LARGEST_UPLOAD:
            raise HTTPException(413, f"a form with files says its size and holds at most {LARGEST_UPLOAD} bytes")
        if shutil.disk_usage(tempfile.gettempdir()).free < size + SPARE_BYTES:
            raise HTTPException(507, "the disk has no room for it")
    elif size > LARGEST_FORM:
        raise HTTPException(413, f"a form without files holds at most {LARGEST_FORM} bytes")
    form = await request.form(max_files=200, max_fields=500, max_part_size=LARGEST_FIELD)
    if not csrf_fits(request, str(form.get("csrf") or request.headers.get("x-csrf") or "")):
        raise Refused
    return form


Form = Annotated[FormData, Depends(checked_form)]


def csrf_fits(request: Request, given: str) -> bool:
    """For either cookie: the page may have been drawn just before the session began."""
    try:
        raw = bytes.fromhex(given)
    except ValueError:
        return False
    if len(raw) != 64:
        return False
    said = bytes(a ^ b for a, b in zip(raw[:32], raw[32:], strict=True))
    held = [request.cookies.get(COOKIE), request.cookies.get(BEFORE)]
    return any(hmac.compare_digest(said, _mac(one)) for one in held if one)


def check_origin(request: Request) -> None:
    """Raises: Refused where the browser itself says that another site sends this."""
    if not same_origin(request):
        raise Refused


def same_origin(request: Request) -> bool:
    """By what browsers say of where a request comes from; what says nothing passes (the form's token decides)."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if not origin or origin == "null":  # null: what browsers send for our own forms under no-referrer
        return True
    ours = {request.headers.get("host", ""), urlsplit(office_of(request).portal.public_url).netloc}
    return urlsplit(origin).netloc in ours


def _before(request: Request) -> str:
    held = request.cookies.get(BEFORE) or getattr(request.state, "before", None)
    if not held:
        held = request.state.before = secrets.token_urlsafe(24)
    return str(held)


def _mac(secret: str) -> bytes:
    return hashlib.sha256(b"gengxun form " + secret.encode("utf-8", "surrogatepass")).digest()


def _token(request: Request) -> str | None:
    """Bearer, Basic with the token as password, or ?token= (QGIS)."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return request.query_params.get("token")
