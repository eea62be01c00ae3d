"""[io] Accounts, for administrators: add, disable, reset, roles and districts, last sign-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from geodata.errors import InputError
from geodata.words import Text, both, language, tr
from maps.portal import areas, people
from maps.portal.access import Person, allowed, checked_form, office_of
from maps.portal.office import Office
from maps.portal.pages import render
from pipeline.cases.events import Role
from pipeline.cases.table import role_name

router = APIRouter()
Opens = Annotated[Person, Depends(allowed("users"))]
Checked = Annotated[FormData, Depends(checked_form)]


@router.get("/users")
def users(request: Request, person: Opens) -> Response:
    return _page(request, person)


@router.post("/users/add")
def add(request: Request, person: Opens, form: Checked) -> Response:
    """The first pass phrase is shown on the page that answers, this once."""
    office, name = office_of(request), _text(form, "name")
    return _done(
        request,
        person,
        lambda: _add(office, person, name, form),
        lambda: both("The account {name} is made.", name=people.cleaned(name)),
        form,
    )


@router.post("/users/reset")
def reset(request: Request, person: Opens, form: Checked) -> Response:
    office, name = office_of(request), _text(form, "name")
    return _done(
        request,
        person,
        lambda: people.reset(office.store, name, at=office.clock(), by=person.name),
        lambda: both("{name} has a new first pass phrase; sessions and tokens of this account have ended.", name=name),
    )


@router.post("/users/disable")
def disable(request: Request, person: Opens, form: Checked) -> Response:
    """Or, with ``enable``, let the account in again."""
    office, name, off = office_of(request), _text(form, "name"), not form.get("enable")
    said = both("{name} can no longer sign in; sessions and tokens have ended.", name=name)
    if not off:
        said = both("{name} can sign in again.", name=name)
    return _done(request, person, lambda: _disable(office, person, name, off), lambda: said)


@router.post("/users/change")
def change(request: Request, person: Opens, form: Checked) -> Response:
    office, name = office_of(request), _text(form, "name")
    return _done(
        request, person, lambda: _change(office, person, name, form),
        lambda: both("Role and area of {name} are changed; they hold from the next page on.", name=name),
    )  # fmt: skip


def _add(office: Office, person: Person, name: str, form: FormData) -> str:
    codes = _codes(form)
    areas.check(office.editions, office.today, codes)
    return people.add(office.store, name, _text(form, "role"), codes, at=office.clock(), by=person.name)


def _disable(office: Office, person: Person, name: str, off: bool) -> None:
    if off and name == person.name:
        raise InputError("You cannot disable the account you are signed in with; ask another administrator.")
    people.disable(office.store, name, at=office.clock(), by=person.name, disabled=off)


def _change(office: Office, person: Person, name: str, form: FormData) -> None:
    role = _text(form, "role")
    if name == person.name and role != Role.ADMINISTRATOR:
        raise InputError("You cannot take the role of administrator from yourself; ask another administrator.")
    codes, had = _codes(form), people.account(office.store, name).districts
    areas.check(office.editions, office.today, [code for code in codes if code not in had])
    people.change(office.store, name, at=office.clock(), by=person.name, role=role, districts=codes)


def _done(
    request: Request,
    person: Person,
    act: Callable[[], str | None],
    said: Callable[[], Text],
    form: FormData | None = None,
) -> Response:
    """The page again, with what came of it; what was typed stays where it was refused."""
    try:
        secret = act()
    except InputError as error:
        return _page(request, person, 422, problem=tr(error.msgid, language(), **error.fields), form=form)
    return _page(request, person, done=said(), secret=secret)


def _page(request: Request, person: Person, status: int = 200, **values: Any) -> Response:
    office, form = office_of(request), values.pop("form", None)
    given = {key: _text(form, key) for key in ("name", "role", "districts")} if form else {}
    shown = {"problem": None, "done": None, "secret": None, **values}
    roles = [(role.value, role_name(role)) for role in Role if role is not Role.SYSTEM]
    accounts = people.accounts(office.store)
    return render(
        request, "users.html.j2", person=person, nav="users", status=status, accounts=accounts, roles=roles,
        given=given, **shown,
    )  # fmt: skip


def _text(form: FormData, key: str) -> str:
    value = form.get(key)
    return value.strip()[:200] if isinstance(value, str) else ""


def _codes(form: FormData) -> list[str]:
    """Codes of districts as people write them: parted by commas or spaces."""
    return [
        code
        for code in _text(form, "districts").replace("，", ",").replace("、", ",").replace(" ", ",").split(",")
        if code
    ]
