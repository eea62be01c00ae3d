"""[io] OGC API – Features (core, GeoJSON, CRS): flags, cases and layers for a GIS, by a personal token.

A token that came in the address is repeated in the links, as a GIS follows them as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from maps.portal import answers
from maps.portal import featuresource as features
from maps.portal.access import Person, SignedIn, is_https, office_of
from maps.portal.answers import ERRORS, Problem, StageName, StatusName
from maps.portal.featuresource import Asked, Item, Source

BAD: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "A parameter that cannot be used; detail says which"}
}
router = APIRouter(prefix="/ogc", responses={**ERRORS, **BAD}, tags=["ogc"])

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/{code}"
CRS = (CRS84, EPSG.format(code=4326), EPSG.format(code=4490))
LATITUDE_FIRST = frozenset(CRS[1:])
"""The authority's order of the axes; CRS84 has longitude first."""
SHORT = {"CRS84": CRS84, "OGC:CRS84": CRS84, "EPSG:4326": CRS[1], "EPSG:4490": CRS[2]}
CONFORMS = [
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
]
GEOJSON = "application/geo+json"
KNOWN = frozenset(
    {"bbox", "bbox-crs", "datetime", "limit", "offset", "crs", "stage", "status", "kind", "token", "lang", "f"}
)
Text = Annotated[str | None, Query(max_length=200)]
Id = Annotated[str, Path(max_length=200)]


@router.get("/", include_in_schema=False)
@router.get("", responses={200: {"model": answers.Landing}})
def landing(request: Request, person: SignedIn) -> Response:
    """Where to go on."""
    links = [
        _link(request, "/ogc", "self"),
        {**_link(request, "/api/openapi.json", "service-desc"), "type": "application/vnd.oai.openapi+json;version=3.1"},
        _link(request, "/ogc/conformance", "conformance"),
        _link(request, "/ogc/collections", "data"),
    ]
    name = office_of(request).name
    about = "Cases, flags and survey layers, as far as they are for you."
    return JSONResponse({"title": f"耕巡 GengXun {name}".strip(), "description": about, "links": links})


@router.get("/conformance", responses={200: {"model": answers.Conformance}})
def conformance(person: SignedIn) -> Response:
    return JSONResponse({"conformsTo": CONFORMS})


@router.get("/collections", responses={200: {"model": answers.Collections}})
def collections(request: Request, person: SignedIn) -> Response:
    found = [_collection(request, person, one) for one in features.sources(office_of(request), person)]
    return JSONResponse({"links": [_link(request, "/ogc/collections", "self")], "crs": list(CRS), "collections": found})


@router.get("/collections/{collection}", responses={200: {"model": answers.Collection}})
def collection_(request: Request, person: SignedIn, collection: Id) -> Response:
    return JSONResponse(_collection(request, person, features.source(office_of(request), person, collection)))


@router.get("/collections/{collection}/items", responses={200: {"model": answers.FeatureCollection}})
def items(
    request: Request,
    person: SignedIn,
    collection: Id,
    bbox: Annotated[
        str | None, Query(max_length=200, description="west,south,east,north; order as in bbox-crs")
    ] = None,
    bbox_crs: Annotated[str, Query(alias="bbox-crs", max_length=200)] = CRS84,
    datetime_: Annotated[
        str | None, Query(alias="datetime", max_length=100, description="a time, or an interval: a/b, ../b, a/..")
    ] = None,
    crs: Annotated[str, Query(max_length=200)] = CRS84,
    stage: StageName | None = None,
    status: StatusName | None = None,
    kind: Text = None,
    limit: Annotated[int, Query(ge=1)] = 100,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """One page of features. datetime: of a case when it was found, of a flag when it was recorded."""
    office = office_of(request)
    of = features.source(office, person, collection)
    if unknown := sorted(set(request.query_params) - KNOWN):
        raise HTTPException(400, f"{', '.join(unknown)[:100]}: no parameter of this address")
    out, into = _crs(crs, "crs"), _crs(bbox_crs, "bbox-crs")
    since, until = _interval(datetime_)
    asked = Asked(_box(bbox, into), since, until, stage, status, kind, min(limit, 10_000), offset)
    count, found = features.items(office, person, of, asked)
    base = f"/ogc/collections/{quote(of.id, safe='')}"
    links = [
        {**_page(request, base, asked.offset, limit, "self"), "type": GEOJSON},
        _link(request, base, "collection"),
    ]
    if offset + len(found) < count and found:
        links.append({**_page(request, base, offset + len(found), limit, "next"), "type": GEOJSON})
    if offset:
        links.append({**_page(request, base, max(0, offset - limit), limit, "prev"), "type": GEOJSON})
    document = {
        "type": "FeatureCollection",
        "timeStamp": office.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "numberMatched": count,
        "numberReturned": len(found),
        "features": [_feature(one, out) for one in found],
        "links": links,
    }
    return _geojson(document, out)


@router.get("/collections/{collection}/items/{id}", responses={200: {"model": answers.Feature}})
def item(
    request: Request, person: SignedIn, collection: Id, id: Id, crs: Annotated[str, Query(max_length=200)] = CRS84
) -> Response:
    office = office_of(request)
    of = features.source(office, person, collection)
    out = _crs(crs, "crs")
    one = features.item(office, person, of, id)
    base = f"/ogc/collections/{quote(of.id, safe='')}"
    links = [
        {**_link(request, f"{base}/items/{quote(one.id, safe='')}", "self"), "type": GEOJSON},
        _link(request, base, "collection"),
    ]
    return _geojson({**_feature(one, out), "links": links}, out)


def _collection(request: Request, person: Person, of: Source) -> dict[str, Any]:
    bounds, times = features.extent(office_of(request), person, of)
    extent: dict[str, Any] = {}
    if bounds:
        extent["spatial"] = {"bbox": [list(bounds)], "crs": CRS84}
    if times:
        extent["temporal"] = {"interval": [list(times)]}
    base = f"/ogc/collections/{quote(of.id, safe='')}"
    return {
        "id": of.id,
        "title": of.title,
        "description": of.description,
        "itemType": "feature",
        "extent": extent,
        "crs": list(CRS),
        "storageCrs": CRS[2],
        "links": [_link(request, base, "self"), {**_link(request, f"{base}/items", "items"), "type": GEOJSON}],
    }


def _feature(one: Item, crs: str) -> dict[str, Any]:
    geometry: Mapping[str, Any] = one.geometry
    if crs in LATITUDE_FIRST:
        geometry = {**geometry, "coordinates": _swapped(geometry["coordinates"])}
    return {"type": "Feature", "id": one.id, "geometry": dict(geometry), "properties": dict(one.properties)}


def _swapped(coordinates: Any) -> Any:
    if isinstance(coordinates[0], int | float):
        return [coordinates[1], coordinates[0], *coordinates[2:]]
    return [_swapped(one) for one in coordinates]


def _geojson(document: Mapping[str, Any], crs: str) -> Response:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(text.encode(), media_type=GEOJSON, headers={"content-crs": f"<{crs}>"})


def _crs(said: str, name: str) -> str:
    found = SHORT.get(said.upper(), said.strip("[]<>"))
    if found not in CRS:
        raise HTTPException(400, f"{name}: is none of {', '.join(CRS)}")
    return found


def _box(said: str | None, crs: str) -> tuple[float, float, float, float] | None:
    if said is None:
        return None
    try:
        numbers = [float(one) for one in said.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:
        numbers = [numbers[n] for n in (0, 1, 3, 4)]
    if len(numbers) != 4 or not all(abs(one) < 1e6 for one in numbers):
        raise HTTPException(400, "bbox: is not four (or six) numbers")
    first, second, third, fourth = numbers
    west, south, east, north = (
        (second, first, fourth, third) if crs in LATITUDE_FIRST else (first, second, third, fourth)
    )
    if south > north:
        raise HTTPException(400, "bbox: its south lies north of its north")
    return west, south, east, north


def _interval(said: str | None) -> tuple[datetime | None, datetime | None]:
    if said is None:
        return None, None
    first, slash, last = said.partition("/")
    if not slash:
        return _time(first, False), _time(first, True)
    since = None if first in ("", "..") else _time(first, False)
    until = None if last in ("", "..") else _time(last, True)
    if since and until and since > until:
        raise HTTPException(400, "datetime: ends before it begins")
    return since, until


def _time(said: str, ends: bool) -> datetime:
    """A day stands for the whole of it, in UTC."""
    try:
        at = datetime.fromisoformat(said.strip())
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        return at + timedelta(days=1, microseconds=-1) if ends and len(said.strip()) <= 10 else at
    except (ValueError, OverflowError):
        raise HTTPException(400, "datetime: is no time of RFC 3339") from None


def _page(request: Request, base: str, offset: int, limit: int, rel: str) -> dict[str, str]:
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in ("offset", "limit", "token")]
    return _link(request, f"{base}/items", rel, [*kept, ("limit", str(limit)), ("offset", str(offset))])


def _link(request: Request, path: str, rel: str, query: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    base = office_of(request).portal.public_url.rstrip("/")
    if not base:
        base = f"{'https' if is_https(request) else 'http'}://{request.headers.get('host', 'localhost')}"
    token = request.query_params.get("token")
    asked = [*query, *([("token", token)] if token else [])]
    return {
        "href": f"{base}{path}{'?' + urlencode(asked) if asked else ''}", "rel": rel, "type": "application/json",
    }  # fmt: skip
