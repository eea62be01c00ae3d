"""[io] Who stands at the door of a field link: its holder, or one who hears the same as everybody else."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from geodata.words import Text, both
from maps import style
from maps.portal import links
from maps.portal.access import address_of, office_of
from maps.portal.link_makers import stands
from maps.portal.links import COOKIE, BadLink, Guesses, Link, LinkOver
from maps.portal.office import Office


class Answered(Exception):
    """The link is not to be used: what to answer."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Door(APIRoute):
    """A route that may be answered at the door."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except Answered as met:
                return met.response

        return handler


def bad_link() -> Text:
    return both("This link cannot be used. Ask its sender for a new one.")


def answered(status: int, body: Any, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body, status, headers)


def refused(request: Request, guess: bool) -> Response:
    """403; 429 to one who guesses too much. guess: a secret or a cookie was shown, and a wrong one."""
    wait = guessed(request, str(request.path_params.get("link", ""))) if guess else 0
    office = office_of(request)
    if wait:
        text = both("Too many attempts. Wait {n} seconds, then try again.", n=wait)
        return answered(429, text, {"retry-after": str(wait)})
    if guess:
        office.store.note(office.clock(), "link refused", "", "", address_of(request))
    return answered(403, bad_link())


def guessed(request: Request, link: str) -> int:
    """Count a wrong secret; seconds to wait."""
    guesses: Guesses = request.app.state.guesses
    office = office_of(request)
    return guesses.wrong(office.store, address_of(request), link, at=office.clock())


def over(link: Link, status: int = 410) -> Response:
    at = style.moment(link.expires_at)
    text = both("The link ended at {at}. The case stands, and so does its due day.", at=at)
    return answered(status, {**text, "expires_at": link.expires_at.isoformat()})


def held_by(office: Office, link: str, cookie: str) -> Link:
    """Raises: BadLink, LinkOver."""
    return links.holder(office.store, link, cookie, at=office.clock(), stands=partial(stands, office))


def holder(request: Request, link: str) -> Link:
    """Who holds the link. Raises: Answered."""
    cookie = request.cookies.get(COOKIE, "")
    if not cookie:
        raise Answered(refused(request, guess=False))
    office = office_of(request)
    try:
        return held_by(office, link, cookie)
    except BadLink:
        raise Answered(refused(request, guess=True)) from None
    except LinkOver as ended:
        raise Answered(over(ended.link)) from None


Held = Annotated[Link, Depends(holder)]
