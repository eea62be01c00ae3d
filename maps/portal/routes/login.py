"""[io] Signing in and out, and one's own account: pass phrase and tokens."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from geodata.errors import InputError
from geodata.words import both, tr
from maps.portal import access, pages, people
from maps.portal.access import Person, SignedIn, checked_form, office_of

router = APIRouter()
Checked = Annotated[FormData, Depends(checked_form)]


def inside(address: str) -> str:
    """``next`` if it is an address of this portal, else "/"."""
    plain = address.startswith("/") and not address.startswith(("//", "/\\")) and "\\" not in address
    return address if plain and all(c.isprintable() and c != " " for c in address) else "/"


@router.get("/login")
def login(request: Request, next: Annotated[str, Query(max_length=2000)] = "/") -> Response:
    if access.signed_in_or_none(request):
        return RedirectResponse(inside(next), 303)
    return pages.render(request, "login.html.j2", next=inside(next), problem=None, name="")


@router.post("/login")
def sign_in(request: Request, form: Checked) -> Response:
    office = office_of(request)
    name, word, after = str(form.get("name", "")), str(form.get("password", "")), inside(str(form.get("next", "/")))
    found = people.sign_in(office.store, name, word, at=office.clock(), address=access.address_of(request))
    if isinstance(found, str):
        response = RedirectResponse(after, 303)
        response.set_cookie(
            access.COOKIE,
            found,
            max_age=office.portal.session_hours * 3600,
            httponly=True,
            samesite="lax",
            secure=access.is_https(request),
            path="/",
        )
        response.delete_cookie(access.BEFORE, path="/")
        return response
    if isinstance(found, people.Locked):
        text, status = both("Too many attempts. Wait {n} seconds, then try again.", n=found.seconds), 429
        headers = {"retry-after": str(found.seconds)}
    else:
        text, status, headers = both("Name or pass phrase is not right."), 403, {}
    return pages.render(
        request, "login.html.j2", status=status, headers=headers, next=after, problem=text, name=name[:60]
    )


@router.post("/logout")
def sign_out(request: Request, form: Checked) -> Response:
    office, secret = office_of(request), request.cookies.get(access.COOKIE)
    if secret:
        people.sign_out(office.store, secret, at=office.clock(), address=access.address_of(request))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(access.COOKIE, path="/")
    response.headers["clear-site-data"] = '"cache"'
    return response


@router.get("/account")
def account(request: Request, person: SignedIn) -> Response:
    return _account(request, person)


@router.post("/account/password")
def password(request: Request, person: SignedIn, form: Checked) -> Response:
    office = office_of(request)
    old, new, again = (str(form.get(k, "")) for k in ("old", "new", "again"))
    try:
        if new != again:
            raise InputError("The two new pass phrases differ; write the same one twice.")
        keep = request.cookies.get(access.COOKIE, "")
        address = access.address_of(request)
        locked = people.new_word(office.store, person.name, old, new, at=office.clock(), keep=keep, address=address)
    except InputError as error:
        return _account(request, person, problem=str(error), status=422)
    if locked:
        text = tr("Too many attempts. Wait {n} seconds, then try again.", n=locked.seconds)
        headers = {"retry-after": str(locked.seconds)}
        return _account(request, person, problem=text, status=429, headers=headers)
    return RedirectResponse("/account?done=1", 303)


@router.post("/account/tokens")
def new_token(request: Request, person: SignedIn, form: Checked) -> Response:
    office = office_of(request)
    _may_have_tokens(request)
    try:
        secret = people.new_token(office.store, person.name, str(form.get("label", "")), at=office.clock())
    except InputError as error:
        return _account(request, person, token_problem=str(error), status=422)
    return _account(request, person, secret=secret)


@router.post("/account/tokens/{id}/revoke")
def revoke_token(request: Request, id: int, person: SignedIn, form: Checked) -> Response:
    office = office_of(request)
    if not people.revoke_token(office.store, person.name, id, at=office.clock()):
        raise access.NotThere
    return RedirectResponse("/account", 303)


def _may_have_tokens(request: Request) -> None:
    if request.state.must_change:
        raise access.MustChange


def _account(request: Request, person: Person, status: int = 200, **said: Any) -> Response:
    office = office_of(request)
    try:
        base = access.base_of(request)
    except InputError:
        base = f"http://{access.listens_at(request)}:{office.portal.port}"
    return pages.render(
        request,
        "account.html.j2",
        nav="account",
        person=person,
        status=status,
        must_change=request.state.must_change,
        tokens=people.tokens_of(office.store, person.name),
        ogc=f"{base}/ogc",
        shortest=people.SHORTEST,
        done=request.query_params.get("done") == "1",
        **{"problem": None, "token_problem": None, "secret": None, **said},
    )
