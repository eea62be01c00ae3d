"""图斑表: one case on A4, from the values of its page; what only print needs is made here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import segno
import shapely
from markupsafe import Markup
from shapely.geometry.base import BaseGeometry

from geodata.words import Text, both
from maps.case_parts import CasePage, SceneView
from maps.chips import Bounds
from pipeline.cases.case import Case

PHOTOS = 8
BOX = 320.0
"""Side of a picture's drawing, in its own units."""


def shot_name(key: str) -> Text:
    """Of a kind of photo, as a caption says it."""
    names = {
        "overview": both("full view"),
        "close": both("close view"),
        "corner": both("corner of the patch"),
        "inside": both("inside the patch"),
        "after": both("after putting right"),
    }
    return names.get(key, both("another view"))


@dataclass(frozen=True)
class SheetPhoto:
    """heading_deg: from true north; None = not known."""

    sha256: str
    shot: Text
    taken_at: datetime | None
    heading_deg: float | None
    part: str


@dataclass(frozen=True)
class SheetPaper:
    title: Text
    sha256: str
    received_on: date


@dataclass(frozen=True, eq=False)
class Sheet:
    """parties: {part: whose ground}, empty where the reader may not see it. corners: four (lon, lat)."""

    page: CasePage
    before: SceneView | None
    after: SceneView | None
    outlines: Mapping[str, str]
    centre: tuple[float, float]
    photos: tuple[SheetPhoto, ...]
    more_photos: int
    papers: tuple[SheetPaper, ...]
    parties: Mapping[str, str]
    mark: str
    code: Markup


def sheet(page: CasePage, case: Case, mark: str, papers: Mapping[str, Text], *, party: bool) -> Sheet:
    """mark: short form of the ledger's head, also as QR code. papers: their names by key. party: the reader may
    know whose ground it is."""
    shown = {one.id: one for one in page.scenes}
    before, after = shown.get(page.before_id), shown.get(page.after_id)
    items = [(item, part.id) for part in case.parts for item in part.evidence]
    taken = sorted(
        ((item, part) for item, part in items if item["kind"] == "photo"), key=lambda one: one[0].get("shot") != "after"
    )
    photos = [_photo(item, part) for item, part in taken]
    inside = page.geometry.representative_point()
    return Sheet(
        page=page,
        before=before,
        after=after,
        outlines={one.id: outline(page.geometry, one.chip.bounds) for one in (before, after) if one and one.chip},
        centre=(inside.x, inside.y),
        photos=tuple(photos[:PHOTOS]),
        more_photos=len(photos[PHOTOS:]),
        papers=tuple(_paper(item, papers) for item, _ in items if item["kind"] != "photo"),
        parties={
            part.id: str(part.verdict["party"]) for part in case.parts if part.verdict and part.verdict.get("party")
        }
        if party
        else {},
        mark=mark,
        code=qr(mark),
    )


def _photo(item: Mapping[str, Any], part: str) -> SheetPhoto:
    at = item.get("taken_at")
    shot = shot_name(str(item.get("shot")))
    return SheetPhoto(item["sha256"], shot, datetime.fromisoformat(at) if at else None, item.get("heading_deg"), part)


def _paper(item: Mapping[str, Any], names: Mapping[str, Text]) -> SheetPaper:
    at, title = str(item.get("received_at") or item["at"]), str(item.get("title") or "")
    return SheetPaper(
        names.get(title, {"zh": title, "en": title} if title else both("paper without title")),
        item["sha256"],
        datetime.fromisoformat(at).date(),
    )


def outline(geometry: BaseGeometry, bounds: Bounds) -> str:
    """The boundary as the path of an SVG of BOX × BOX over a picture in EPSG:3857."""
    west, south, east, north = bounds
    top, bottom = _northing(north), _northing(south)

    def ring(line: BaseGeometry) -> str:
        points = (
            f"{BOX * (x - west) / (east - west):.1f} {BOX * (top - _northing(y)) / (top - bottom):.1f}"
            for x, y in shapely.get_coordinates(line)
        )
        return "M" + "L".join(points) + "Z"

    parts: Sequence[Any] = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"]
    return "".join(ring(line) for part in parts for line in (part.exterior, *part.interiors))


def _northing(lat: float) -> float:
    return math.log(math.tan(math.pi / 4 + math.radians(lat) / 2))


def qr(text: str) -> Markup:
    """A QR code as inline SVG."""
    drawn = segno.make(text or "-", error="m", micro=False).svg_inline(
        scale=3, border=2, omitsize=True, svgclass="gx-qr", lineclass=None
    )
    return Markup(drawn)  # noqa: S704  segno draws, no text of ours stands in it
