"""Imagery of the catalogue as XYZ tiles, behind the same scope as the cases."""

from __future__ import annotations

from typing import Annotated

import shapely
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from geodata import tiles
from maps.portal.access import NotThere, Person, allowed, office_of
from maps.portal.imagery import imagery_of, visible

router = APIRouter()

FOR_A_DAY = {"cache-control": "private, max-age=86400"}


@router.get("/tiles/{scene}/{z}/{x}/{y}.webp")
def tile(
    request: Request, scene: str, z: str, x: str, y: str, person: Annotated[Person, Depends(allowed("case"))]
) -> Response:
    """256 × 256 pixels in EPSG:3857; people of a district get only tiles that meet it."""
    office = office_of(request)
    numbers = [int(one) if one.isascii() and one.isdigit() and len(one) < 9 else -1 for one in (z, x, y)]
    if not tiles.exists(*numbers):
        raise NotThere
    found = visible(office, person, scene, shapely.box(*tiles.bounds(*numbers)))
    content = imagery_of(office).tile(found, *numbers)
    return Response(content, media_type="image/webp", headers=FOR_A_DAY)


@router.get("/scenes/{scene}.webp")
def whole(request: Request, scene: str, person: Annotated[Person, Depends(allowed("runs"))]) -> Response:
    """A small picture of a whole scene."""
    office = office_of(request)
    found = visible(office, person, scene)
    return Response(imagery_of(office).whole(found), media_type="image/webp", headers=FOR_A_DAY)
