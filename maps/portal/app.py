"""[io] The application: routers of all subjects, one way to answer each kind of error."""

from __future__ import annotations

import importlib.util
import secrets
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from geodata.errors import GengXunError, InputError, WorkError
from geodata.words import both
from maps.portal import pages
from maps.portal.access import MustChange, NotSignedIn, NotThere, Refused, SignedIn, is_api, wants_json
from maps.portal.headers import Outermost, log, shown
from maps.portal.links import Guesses
from maps.portal.office import Office
from pipeline.cases.events import Role
from pipeline.cases.refusal import StepRefused

ROUTES = (
    "login", "overview", "sheet", "cases", "review", "runs", "stats", "batches", "layers", "users", "links", "field",
    "files", "tiles", "api", "ogc",
)  # fmt: skip
API = frozenset({"api", "ogc"})
"""What OpenAPI describes."""


def create_app(office: Office, guesses: Guesses | None = None) -> FastAPI:
    """guesses: counts the wrong secrets of field links; of the usual limits if not given."""
    app = FastAPI(title="GengXun", version=office.version, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.redirect_slashes = False
    app.state.office = office
    app.state.guesses = guesses or Guesses()
    for name in ROUTES:
        where = f"maps.portal.routes.{name}"
        if importlib.util.find_spec(where):
            module = importlib.import_module(where)
            app.include_router(module.router, include_in_schema=name in API)
    _common(app)
    _answers(app)
    app.add_middleware(Outermost, broken=_broken)
    return app


def _common(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    def home(person: SignedIn) -> Response:
        return RedirectResponse("/stats" if person.role is Role.LEADER else "/overview", 303)

    @app.get("/static/{name}", include_in_schema=False)
    def static(request: Request, name: str) -> Response:
        return pages.static_response(request, name)

    @app.get("/scripts/{name}", include_in_schema=False)
    def script(request: Request, name: str, person: SignedIn) -> Response:
        return pages.script_response(request, name)

    @app.get("/alive", include_in_schema=False)
    def alive() -> Response:
        return Response("ok", media_type="text/plain")


def _answers(app: FastAPI) -> None:
    answers: dict[Any, Any] = {
        NotThere: lambda request, error: not_there(request),
        Refused: lambda request, error: refused(request),
        NotSignedIn: not_signed_in,
        MustChange: lambda request, error: must_change(request),
        StepRefused: lambda request, error: pages.problem(request, error, 409),
        InputError: lambda request, error: pages.problem(request, error, 422),
        WorkError: failed,
        GengXunError: failed,
        RequestValidationError: not_understood,
        HTTPException: by_status,
    }
    for kind, answer in answers.items():
        app.add_exception_handler(kind, answer)


def not_there(request: Request) -> Response:
    """The same whether it is unknown, or of another district, or for other roles."""
    if is_api(request):
        return pages.says(request, 404, both("Not there"), both("There is no such thing, or not in your area."))
    return pages.says(
        request,
        404,
        both("No such page"),
        both("No such case, or not in your area."),
        both("Check the number, or look for it in the overview."),
    )


def refused(request: Request) -> Response:
    return pages.says(
        request,
        403,
        both("This form can no longer be sent"),
        both("Its page was opened before the last sign-in, or the form comes from elsewhere."),
        both("Nothing was written. Go back, load the page anew and send it again."),
    )


def not_signed_in(request: Request, error: Exception) -> Response:
    if wants_json(request) or request.method not in ("GET", "HEAD"):
        ogc = request.url.path.startswith("/ogc")
        headers = {"www-authenticate": 'Basic realm="gengxun", charset="UTF-8"' if ogc else 'Bearer realm="gengxun"'}
        return pages.says(
            request, 401, both("Sign in first"), both("The session has ended, or the token is not valid."),
            both("Nothing was written."), headers=headers,
        )  # fmt: skip
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse("/login" if asked == "/" else f"/login?next={quote(asked, safe='')}", 303)


def must_change(request: Request) -> Response:
    if wants_json(request):
        text = both("Choose a pass phrase of your own first.")
        return pages.says(request, 403, both("Sign in first"), text)
    return RedirectResponse("/account", 303)


def failed(request: Request, error: Exception) -> Response:
    number = secrets.token_hex(4)
    log.error("%s %s %s: %s", number, request.method, shown(request.url.path), " ".join(str(error).split()))
    assert isinstance(error, GengXunError)
    return pages.problem(request, error, 503 if isinstance(error, WorkError) else 500, number)


def not_understood(request: Request, error: Exception) -> Response:
    """What a query or form field may not be: which one, and what is wanted."""
    assert isinstance(error, RequestValidationError)
    wrong = "; ".join(f"{'.'.join(str(one) for one in item['loc'][1:])}: {item['msg']}" for item in error.errors()[:5])
    return pages.says(
        request,
        400 if request.url.path.startswith("/ogc") else 422,  # as OGC API wants it
        both("This cannot be used as it is"),
        both("Not understood: {wrong}", wrong=wrong),
        both("Nothing of it was written."),
    )


def by_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return not_there(request)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        text = both("This address does not take {method}.", method=request.method)
        return pages.says(request, 405, both("This could not be done"), text, headers=headers)
    text = both("The request could not be read: {why}", why=str(error.detail)[:200])
    return pages.says(request, error.status_code, both("This could not be done"), text, headers=headers)


def _broken(request: Request, number: str) -> Response:
    """What nobody foresaw. Only a GET is known to have written nothing."""
    if request.method in ("GET", "HEAD"):
        kept = both("Nothing was written to the ledger; retry safely.")
    else:
        kept = both("It is not certain whether it was saved: look at the history first, then retry.")
    title = both("Could not open. The data are not affected.")
    try:
        return pages.says(request, 500, title, kept, number=number)
    except Exception:  # accounts or templates themselves are out of reach
        log.exception("%s: the error page broke too", number)
        lines = [title["zh"] + kept["zh"], f"{title['en']} {kept['en']}", number]
        return Response("\n".join(lines), 500, media_type="text/plain")
