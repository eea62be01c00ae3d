"""[io] Pages of the portal: the frame, the templates, scripts as files, static files, errors."""

from __future__ import annotations

import gzip
import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from geodata import words
from geodata.atomic import write_bytes
from geodata.errors import GengXunError
from geodata.words import both, tr
from maps import assets, style
from maps.portal import access, record
from maps.portal.access import NotThere, Person, office_of
from maps.portal.badges import badges
from maps.portal.checks import standing

__all__ = ["PortalFrame", "csrf_field", "lang_of", "office_of", "problem", "render", "script"]

NAV = (
    ("overview", "Overview", "/overview"),
    ("cases", "Cases", "/cases"),
    ("review", "Review", "/review"),
    ("runs", "Runs", "/runs"),
    ("stats", "Statistics", "/stats"),
)
MORE = (
    ("links", "Field links", "/links"),
    ("batches", "Batches", "/batches"),
    ("layers", "Layer editions", "/layers"),
    ("users", "Users", "/users"),
)
"""(nav, msgid, address); the page of the table of rights is the nav, cases are "case"."""
KEPT_S = 86_400
"""A script of a page is asked for at once; it is kept for a day."""


def lang_of(request: Request) -> str:
    return words.language()


@dataclass(frozen=True)
class PortalFrame(style.Frame):
    """path: of the address, without its first slash. query: what stands behind "?", less the language.
    waiting: nav → how many wait there for this person. checked_at: when the ledger was last checked."""

    person: Person | None = None
    query: str = ""
    same_href: bool = False
    csrf: str = ""
    waiting: Mapping[str, int] = field(default_factory=dict)
    checked_at: datetime | None = None

    portal = True

    @property
    def root(self) -> str:
        return "/"

    @property
    def site(self) -> str:
        return "/"

    @property
    def home(self) -> str:
        return "/"

    def asset(self, name: str) -> str:
        return f"/static/{self.assets.get(name, name)}"

    @property
    def other_href(self) -> str:
        """The same page in the other language; an error page never repeats its address."""
        other = "en" if self.lang == "zh" else "zh"
        if self.same_href:
            return f"?lang={other}"
        return f"/{self.path.lstrip('/')}?{self.query + '&' if self.query else ''}lang={other}"

    @property
    def pages(self) -> list[tuple[str, str, str]]:
        """(nav, msgid, address) of the bar at the top, as far as they are for this person."""
        return self._mine(NAV)

    @property
    def more(self) -> list[tuple[str, str, str]]:
        """The same of the menu under the person's name."""
        return self._mine(MORE)

    def _mine(self, pages: tuple[tuple[str, str, str], ...]) -> list[tuple[str, str, str]]:
        person = self.person
        return [one for one in pages if person and person.may(one[0].replace("cases", "case"))]


def frame_of(
    request: Request, person: Person | None, nav: str, *, same_href: bool = False, csrf: str = ""
) -> PortalFrame:
    """Of the page that answers this request. nav: its name in the bar at the top. same_href: an error's, which
    never repeats its address."""
    office = office_of(request)
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in ("lang", "token")]
    last = record.last(office) if person else None
    stands = standing(office, last)
    return PortalFrame(
        path=request.url.path.lstrip("/"),
        lang=lang_of(request),
        scope=office.name or both("not named"),
        as_of=last.at if last else None,
        verified=stands.intact,
        assets=assets.names(),
        software_version=office.version,
        nav=nav,
        person=person,
        query=urlencode(kept),
        same_href=same_href,
        csrf=csrf,
        checked_at=stands.checked_at,
        waiting={} if same_href else badges(office, person),  # an error page asks for no more than it must
    )


def render(
    request: Request,
    template: str,
    *,
    person: Person | None = None,
    status: int = 200,
    nav: str = "",
    same_href: bool = False,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """``templates/portal/<template>``. It also gets frame, person, csrf, csrf_field, now (UTC) and today."""
    office = office_of(request)
    if person is None and not request.url.path.startswith("/l/"):  # whoever opens a link is nobody of the office
        person = access.signed_in_or_none(request)
    lang = lang_of(request)
    csrf = access.csrf_of(request)
    given = {
        "frame": frame_of(request, person, nav, same_href=same_href, csrf=csrf),
        "person": person,
        "csrf": csrf,
        "csrf_field": csrf_field(csrf),
        "now": office.clock(),
        "today": office.today,
        **values,
    }
    html = style.environment(lang).get_template(f"portal/{template}").render(given)
    response = HTMLResponse(html, status, headers)
    if before := getattr(request.state, "before", None):
        secure = access.is_https(request)
        response.set_cookie(access.BEFORE, before, httponly=True, samesite="lax", secure=secure, path="/")
    return response


def csrf_field(csrf: str) -> Any:
    """The hidden field of every form."""
    return style.Markup(f'<input type="hidden" name="csrf" value="{csrf}">')


def script(request: Request, text: str) -> str:
    """The address of a script of ours that was made for this page; every worker can answer it."""
    content = text.encode()
    name = f"{hashlib.sha256(content).hexdigest()}.js"
    folder = office_of(request).root / "cache" / "scripts"
    if not (folder / name).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.js"):
            try:
                if time.time() - old.stat().st_mtime > KEPT_S:
                    old.unlink(missing_ok=True)
            except FileNotFoundError:
                continue  # another worker was quicker
        write_bytes(folder / name, content)
    else:
        (folder / name).touch()
    return f"/scripts/{name}"


def script_response(request: Request, name: str) -> Response:
    """Raises: NotThere."""
    path = office_of(request).root / "cache" / "scripts" / name
    if not re.fullmatch(r"[0-9a-f]{64}\.js", name) or not path.is_file():
        raise NotThere
    return Response(path.read_bytes(), media_type="text/javascript", headers={"cache-control": "private, max-age=3600"})


TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "png": "image/png", "webp": "image/webp"}


@cache
def _static(name: str) -> tuple[bytes, bytes, str] | None:
    for hashed, content in assets.static_files().values():
        if hashed == name:
            ending = name.rpartition(".")[2]
            return content, gzip.compress(content, 9, mtime=0), TYPES.get(ending, "application/octet-stream")
    return None


def static_response(request: Request, name: str) -> Response:
    """A file named by its content; it may be kept for ever. Raises: NotThere."""
    found = _static(name) if re.fullmatch(r"[\w.-]{1,120}", name) else None
    if found is None:
        raise NotThere
    content, packed, media_type = found
    headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", "") and len(packed) < len(content):
        return Response(packed, media_type=media_type, headers={**headers, "content-encoding": "gzip"})
    return Response(content, media_type=media_type, headers=headers)


def problem(request: Request, error: GengXunError, status: int, number: str = "") -> Response:
    """The sentence of an error, as a page or (API) as JSON."""
    text = {lang: tr(error.msgid, lang, **error.fields) for lang in words.LANGUAGES}
    title = {
        409: both("This step is not possible now"),
        422: both("This cannot be used as it is"),
        507: both("There is no room left"),
    }.get(status, both("This could not be done"))
    kept = both("Nothing of it was written.")
    return says(request, status, title, text, kept, number=number)


def says(
    request: Request,
    status: int,
    title: words.Text,
    text: words.Text,
    kept: words.Text | None = None,
    *,
    number: str = "",
    headers: dict[str, str] | None = None,
) -> Response:
    """What happened, what was kept, what to do, a number to quote."""
    if access.wants_json(request):
        document = {"status": status, "title": dict(title), "detail": dict(text)}
        return JSONResponse(document | ({"number": number} if number else {}), status, headers)
    lines = (title, text, *((kept,) if kept else ()))
    return render(request, "error.html.j2", status=status, same_href=True, headers=headers, lines=lines, number=number)
