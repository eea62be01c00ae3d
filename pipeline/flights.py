"""A flight: the photos of one folder and day, what ground they cover, and what of it lies under the cases.

Pure. Shapes are lon/lat in EPSG:4490. A photo belongs to one flight; the same photos again are the same flight.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from geodata.aerial import BLURRED, Aerial
from geodata.area import area_m2
from geodata.days import day_of
from geodata.drone import Shown
from geodata.words import Text, both
from pipeline.cases.evidence import Finding

DEGREES = "EPSG:4490"
SHOWS = ("frame", "circle")
"""Kinds of ``Shown`` that are ground."""
UNDATED = "undated"


@dataclass(frozen=True, eq=False)
class Frame:
    """One photo of a flight. name: of its file. shape: what it shows, or its position; None where neither is known.
    kind, centre, height_m, gsd_m: as in ``drone.Shown``. words: what was assumed, and what is missing."""

    sha256: str
    name: str
    kind: str
    shape: BaseGeometry | None
    taken_at: datetime | None
    lon: float | None
    lat: float | None
    centre: tuple[float, float] | None
    height_m: float | None
    gsd_m: float | None
    heading_deg: float | None
    pitch_deg: float | None
    rtk: str | None
    camera: str | None
    thermal: bool
    black: bool
    blur: float | None
    words: tuple[Text, ...]

    @property
    def ground(self) -> BaseGeometry | None:
        """The ground that it shows; None where that is not known, or where it shows nothing."""
        return self.shape if self.kind in SHOWS and not self.black else None


@dataclass(frozen=True, eq=False)
class Flight:
    """frames: by time of taking, those without at the end."""

    id: str
    frames: tuple[Frame, ...]

    @property
    def day(self) -> date | None:
        return next((day_of(f.taken_at) for f in self.frames if f.taken_at), None)

    @property
    def ground(self) -> BaseGeometry:
        """All that its photos show."""
        return union([f.ground for f in self.frames if f.ground is not None])


def frame(sha256: str, name: str, aerial: Aerial, shown: Shown) -> Frame:
    photo = aerial.photo
    said = [*shown.words, *_of_the_camera(aerial)]
    return Frame(
        sha256, name, shown.kind, shown.shape, photo.taken_at, photo.lon, photo.lat, shown.centre, shown.height_m,
        shown.gsd_m, photo.heading_deg, photo.pitch_deg, photo.rtk, photo.camera, photo.thermal, aerial.black,
        aerial.blur, tuple(said),
    )  # fmt: skip


RTK_WORDS = {
    "fixed": "RTK fixed: the position is good to centimetres.",
    "float": "RTK float: the position is good to decimetres.",
    "single": "No RTK: a position of satellites alone, good to metres.",
    "none": "No RTK: a position of satellites alone, good to metres.",
}


def _of_the_camera(aerial: Aerial) -> list[Text]:
    photo, found = aerial.photo, list[Text]()
    if photo.lon is not None and photo.rtk is not None:
        words = RTK_WORDS.get(photo.rtk)
        found.append(both(words) if words else both("RTK state {state}, of unknown meaning.", state=photo.rtk[:10]))
    elif photo.lon is not None:
        found.append(both("Nothing is said of RTK: the position is taken as good to metres."))
    if photo.thermal:
        found.append(both("A thermal camera: the picture shows heat, not light."))
    if aerial.black:
        found.append(both("Black all over (a lens cap, or night): it shows nothing, and is tied to no case by itself."))
    elif aerial.blur is not None and aerial.blur >= BLURRED:
        found.append(both("Blurred? Its sharpest part has a blur of {blur} (0 sharp, 1 no detail left).",
                          blur=f"{aerial.blur:.2f}"))  # fmt: skip
    if photo.edited_with is not None:
        found.append(
            both("The file was written anew after it was taken, by {program}.", program=photo.edited_with[:80])
            if photo.edited_with
            else both("The file was written anew after it was taken, by a program that gives no name.")
        )
    if photo.metadata != "none" and "xmp_unreadable" not in photo.problems and photo.pitch_deg is None:
        found.append(both("The file tells no pose of a drone camera (no gimbal angles)."))
    return found


# -- which photos are one flight


def grouped(frames: Iterable[tuple[str, Frame]], held: Sequence[Flight]) -> tuple[list[Flight], list[str]]:
    """(flights to be kept, ids of those that went up in them) of (folder, photo).

    One folder and day is one flight; where a photo is known, the flights that share it become one. What is said
    of a photo anew stands for what was said before.
    """
    by_group: dict[tuple[str, str], dict[str, Frame]] = {}
    for folder, one in frames:
        day = day_of(one.taken_at).isoformat() if one.taken_at else UNDATED
        by_group.setdefault((folder, day), {})[one.sha256] = one
    flights = {flight.id: flight for flight in held}
    made: dict[str, Flight] = {}
    gone: list[str] = []
    for _, group in sorted(by_group.items()):
        shared = [f for f in flights.values() if any(one.sha256 in group for one in f.frames)]
        members = {one.sha256: one for flight in shared for one in flight.frames} | group
        flight = _flight(members.values(), shared)
        for old in shared:
            flights.pop(old.id)
            made.pop(old.id, None)
            if old.id != flight.id:
                gone.append(old.id)
        flights[flight.id] = made[flight.id] = flight
    return list(made.values()), gone


def _flight(frames: Iterable[Frame], shared: Sequence[Flight]) -> Flight:
    ordered = tuple(sorted(frames, key=lambda f: (f.taken_at is None, f.taken_at.timestamp() if f.taken_at else 0.0,
                                                  f.sha256)))  # fmt: skip
    if shared:
        return Flight(min(flight.id for flight in shared), ordered)
    first = ordered[0]
    day = day_of(first.taken_at).strftime("%Y%m%d") if first.taken_at else UNDATED
    return Flight(f"{day}-{first.sha256[:8]}", ordered)


# -- what a flight covers


def summary(flight: Flight) -> dict[str, Any]:
    """{id, day, first_at, last_at, photos, with_footprint, area_m2, gsd_m: [least, median, most], rtk: {state: photos},
    rtk_fixed_share, cameras, thermal, black, blurred, words: [{photos, text}]}."""
    times = [f.taken_at for f in flight.frames if f.taken_at]
    gsd = [f.gsd_m for f in flight.frames if f.gsd_m and f.ground is not None]
    ground, states = flight.ground, Counter(f.rtk or "" for f in flight.frames)
    sentences = Counter((text["en"], text["zh"]) for f in flight.frames for text in f.words)
    return {
        "id": flight.id,
        "day": flight.day.isoformat() if flight.day else None,
        "first_at": min(times).isoformat() if times else None,
        "last_at": max(times).isoformat() if times else None,
        "photos": len(flight.frames),
        "with_footprint": sum(f.ground is not None for f in flight.frames),
        "area_m2": round(ground_m2(ground), 1),
        "gsd_m": [round(v, 4) for v in (min(gsd), statistics.median(gsd), max(gsd))] if gsd else None,
        "rtk": dict(sorted(states.items())),
        "rtk_fixed_share": round(states["fixed"] / len(flight.frames), 4),
        "cameras": sorted({f.camera for f in flight.frames if f.camera}),
        "thermal": sum(f.thermal for f in flight.frames),
        "black": sum(f.black for f in flight.frames),
        "blurred": sum((f.blur or 0.0) >= BLURRED for f in flight.frames),
        "words": [{"photos": n, "text": {"zh": zh, "en": en}} for (en, zh), n in sentences.most_common()],
    }


def union(grounds: Sequence[BaseGeometry]) -> BaseGeometry:
    return shapely.union_all(np.array(grounds, object)) if grounds else shapely.Polygon()


def ground_m2(ground: BaseGeometry) -> float:
    return 0.0 if ground.is_empty else float(area_m2(np.array([ground], object), DEGREES)[0])


def share(ground: BaseGeometry | None, patch: BaseGeometry) -> float:
    """Of the patch that lies in ``ground``, 0 … 1."""
    if ground is None or ground.is_empty or patch.is_empty:
        return 0.0
    return float(shapely.intersection(ground, patch).area / patch.area)


def shows(one: Frame, patch: BaseGeometry) -> bool:
    """Whether the photo shows any of the patch."""
    return one.ground is not None and bool(shapely.intersects(one.ground, patch))


def notes(one: Frame, patch: BaseGeometry) -> list[Finding]:
    """What to tell of the photo as evidence of the patch, beside what its own fields say."""
    found: list[Finding] = []
    if one.kind == "frame" and one.ground is not None:
        text = both("Its footprint on flat ground covers {percent} % of the part, at {gsd} cm a pixel.",
                    percent=round(100 * share(one.ground, patch)), gsd=f"{100 * (one.gsd_m or 0):.1f}")  # fmt: skip
        found.append(Finding("footprint", text, not shows(one, patch)))
    elif one.kind == "circle":
        text = both("How the camera was turned is not told: {percent} % of the part lies in the circle that it may"
                    " have seen.", percent=round(100 * share(one.ground, patch)))  # fmt: skip
        found.append(Finding("footprint_circle", text, True))
    if one.thermal:
        found.append(Finding("thermal", both("Taken by a thermal camera: it shows heat, not light.")))
    if one.black:
        found.append(Finding("black", both("The picture is black all over."), True))
    elif one.blur is not None and one.blur >= BLURRED:
        found.append(Finding("blurred", both("The picture may be blurred."), True))
    return found


# -- as they are kept


def to_json(flight: Flight) -> dict[str, Any]:
    return {"id": flight.id, "frames": [frame_json(one) for one in flight.frames]}


def frame_json(one: Frame) -> dict[str, Any]:
    values = dict(vars(one))
    values["shape"] = None if one.shape is None else mapping(shapely.set_precision(one.shape, 1e-8))
    values["taken_at"] = one.taken_at.isoformat() if one.taken_at else None
    return values


def from_json(values: Mapping[str, Any]) -> Flight:
    return Flight(values["id"], tuple(_frame(one) for one in values["frames"]))


def _frame(values: Mapping[str, Any]) -> Frame:
    made = Frame(**{**values, "words": tuple(values["words"])})
    return replace(
        made,
        shape=None if made.shape is None else shape(made.shape),
        taken_at=datetime.fromisoformat(str(made.taken_at)) if made.taken_at else None,
        centre=tuple(made.centre) if made.centre else None,  # type: ignore[arg-type]
    )
