"""Evidence: a photo or document of a case, and what can be said of it against the ground.

Nothing here refuses: what speaks against a photo is pointed out in words with figures, and people
decide. Positions of phones are WGS 84, which agrees with EPSG:4490 within a metre.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from shapely.geometry.base import BaseGeometry

from geodata.days import BEIJING
from geodata.errors import InputError
from geodata.mediatype import kind_of
from geodata.photometa import Photo
from geodata.words import Text, both
from pipeline.cases.sight import Looked, look
from pipeline.cases.typed import wrong_fields
from pipeline.plain import from_plain, to_plain

DECLINATION_DEG = -4.5
"""Magnetic declination of Xiangtan, east positive; a setting elsewhere."""
HALF_VIEW_DEG = 35.0
"""Half the horizontal field of view where it is not known: that of a 24 mm lens, which most phones have."""
FACING_REACH_M = 200.0
"""How far a part may lie from one who faces it: there a phone of 12 megapixels still resolves 7 cm."""
UNKNOWN_ACCURACY_M = 15.0
"""Taken for a position without accuracy: a phone between houses or under trees."""
MOST_ACCURACY_M = 50.0
"""An accuracy worse than this makes no place near: such a fix came from masts, not from satellites."""
DOWNWARD_PITCH_DEG = -70.0
"""At or below this a camera looks down, and its heading does not say what it sees."""
CLOCK_TOLERANCE = timedelta(minutes=5)

SHOTS = ("overview", "close", "corner", "inside", "after", "other", "")
POSITION_SOURCES = ("exif", "phone", "manual", "return", "none")
"""phone: read at the shutter; return: when the system's camera had come back."""
IN_PLACE = frozenset({"inside", "near", "facing"})


@dataclass(frozen=True)
class Evidence:
    """kind: "photo", "document", "video", "other". shot: one of ``SHOTS``. Times UTC. lon, lat:
    EPSG:4490. heading_deg: clockwise from true north. position_source: one of ``POSITION_SOURCES``.
    mock: the phone said that its position was a made-up one. title: of a document, the key of its type.

    declination_deg: what was added to a magnetic heading to make it true; None where nothing was.
    edited_with, taken_px, metadata, problems, time_source, heading_source, heading_north, fov_deg,
    pitch_deg, height_m, clock_gap_s, datum: as in ``geodata.photometa.Photo``.
    """

    sha256: str
    kind: str
    shot: str
    media_type: str
    size_bytes: int
    taken_at: datetime | None
    received_at: datetime
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    heading_deg: float | None = None
    position_source: str = "none"
    rtk: str | None = None
    mock: bool | None = None
    camera: str | None = None
    title: str = ""
    time_source: str = ""
    heading_source: str = ""
    heading_north: str = ""
    declination_deg: float | None = None
    fov_deg: float | None = None
    pitch_deg: float | None = None
    height_m: float | None = None
    clock_gap_s: float | None = None
    datum: str = ""
    edited_with: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    taken_px: tuple[int, int] | None = None
    metadata: str = ""
    problems: tuple[str, ...] = ()


def to_json(evidence: Evidence) -> dict[str, Any]:
    return to_plain(evidence)


def from_json(value: Mapping[str, Any]) -> Evidence:
    """Raises: InputError that names a field which is missing or does not hold what it should."""
    for name in wrong_fields(Evidence, value):
        raise InputError(
            "Evidence: the field {field} is missing or holds something else ({value}); give it anew.",
            field=name,
            value=str(value.get(name))[:60],
        )
    return from_plain(Evidence, value)


def evidence_of(
    sha256: str,
    media_type: str,
    size_bytes: int,
    *,
    received_at: datetime,
    photo: Photo | None = None,
    shot: str = "",
    title: str = "",
    declination_deg: float = DECLINATION_DEG,
) -> Evidence:
    """Evidence from what the file itself says. A magnetic heading is made true by ``declination_deg``."""
    if photo is None:
        return Evidence(sha256, kind_of(media_type), shot, media_type, size_bytes, None, received_at, title=title)
    heading, magnetic = photo.heading_deg, photo.heading_north == "magnetic"
    if heading is not None and magnetic:
        heading = true_heading(heading, declination_deg)
    same = {f.name for f in fields(Photo)} & {f.name for f in fields(Evidence)} - {"media_type", "heading_deg"}
    by_hand = photo.position_method == "MANUAL"
    return Evidence(
        sha256,
        kind_of(media_type),
        shot,
        media_type,
        size_bytes,
        received_at=received_at,
        heading_deg=heading,
        declination_deg=declination_deg if heading is not None and magnetic else None,
        position_source="none" if photo.lon is None else "manual" if by_hand else "exif",
        title=title,
        **{name: getattr(photo, name) for name in same},
    )


def true_heading(magnetic_deg: float, declination_deg: float = DECLINATION_DEG) -> float:
    """Degrees clockwise from true north, 0 ≤ … < 360."""
    return (magnetic_deg + declination_deg) % 360.0 % 360.0


# -- judging


@dataclass(frozen=True)
class Finding:
    """doubt: it speaks against the photo, or weakens it; people should look."""

    key: str
    text: Text
    doubt: bool = False


@dataclass(frozen=True)
class Judged:
    """Findings in the order: place, direction, time, the file itself."""

    evidence: Evidence
    findings: tuple[Finding, ...]

    @property
    def in_place(self) -> bool:
        """Taken inside the part (within the accuracy of its position) or facing it; a position that
        the phone itself calls made-up is no place."""
        keys = {f.key for f in self.findings}
        return bool(keys & IN_PLACE) and "mock_position" not in keys

    @property
    def doubts(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.doubt)


def judge(
    evidence: Evidence,
    geometry: BaseGeometry,
    *,
    change_after: datetime | None,
    used_in: Sequence[str],
    reach_m: float = FACING_REACH_M,
    unknown_accuracy_m: float = UNKNOWN_ACCURACY_M,
) -> Judged:
    """geometry: of the part, polygons in EPSG:4490. change_after: the last time at which the ground
    was seen unchanged. used_in: the other cases that hold the same bytes."""
    findings: list[Finding] = []
    if evidence.kind in ("photo", "video"):
        findings += _place(evidence, geometry, reach_m, unknown_accuracy_m)
        findings += _time(evidence, change_after)
        findings += _file(evidence)
    if used_in:
        named = "、".join(used_in[:5]) + ("…" if len(used_in) > 5 else "")
        text = both("The same file is evidence in {count} other case(s): {named}.", count=len(used_in), named=named)
        findings.append(Finding("reused", text, True))
    return Judged(evidence, tuple(findings))


def _place(e: Evidence, geometry: BaseGeometry, reach_m: float, unknown_m: float) -> list[Finding]:
    found: list[Finding] = []
    if e.lon is None or e.lat is None or not (abs(e.lon) <= 180 and abs(e.lat) <= 90) or geometry.is_empty:
        return [Finding("no_position", both("No position: it is not known where this was taken."), True)]
    heading = e.heading_deg if e.heading_deg is not None and math.isfinite(e.heading_deg) else None
    seen = look(e.lon, e.lat, heading, geometry, reach_m)
    standing = _standing(e, seen, unknown_m)
    found.append(standing)
    if not seen.inside:
        downward = e.pitch_deg is not None and e.pitch_deg <= DOWNWARD_PITCH_DEG
        view = _downward(e, seen) if downward else _facing(e, seen, heading, reach_m)
        # From a road, facing the ground, is how most are taken: only not facing makes outside a doubt.
        found = [replace(standing, doubt=standing.key == "outside" and view.key != "facing"), view]
        if heading is not None and not downward:
            found += _north(e)
    if e.mock:
        found.append(Finding("mock_position", both("The phone reported its position as a mock one."), True))
    if e.position_source == "manual":
        found.append(Finding("manual_position", both("The position was set by hand, not measured."), True))
    if e.datum and e.datum.upper().replace(" ", "").replace("-", "") not in ("WGS84", "CGCS2000"):
        text = both("The position's datum is written as {datum}; it was taken as WGS 84.", datum=e.datum[:40])
        found.append(Finding("datum", text, True))
    return found


def _standing(e: Evidence, seen: Looked, unknown_m: float) -> Finding:
    known = e.accuracy_m is not None and math.isfinite(e.accuracy_m) and e.accuracy_m > 0
    accuracy = float(e.accuracy_m or 0) if known else unknown_m
    figures = {"edge": metres(seen.edge_m), "accuracy": metres(accuracy)}
    if seen.inside:
        return Finding("inside", both("Taken inside the part, {edge} from its boundary.", **figures))
    if seen.distance_m > min(accuracy, MOST_ACCURACY_M):
        if seen.distance_m <= accuracy:
            text = both(
                "Taken {edge} outside the part; the position is known only to {accuracy}, of which {most} count.",
                most=metres(MOST_ACCURACY_M),
                **figures,
            )
        else:
            text = both("Taken {edge} from the boundary of the part, outside it.", **figures)
        return Finding("outside", text, True)
    if known:
        return Finding("near", both("Taken {edge} outside the part, within the accuracy of {accuracy}.", **figures))
    text = both("Taken {edge} outside the part; the accuracy is not known, {accuracy} are taken.", **figures)
    return Finding("near", text)


def _facing(e: Evidence, seen: Looked, heading: float | None, reach_m: float) -> Finding:
    if heading is None:
        return Finding("no_heading", both("No direction: it is not known which way the camera looked."), True)
    if seen.off_deg is None:
        text = both(
            "The part is {edge} away, beyond the {reach} within which facing it counts.",
            edge=metres(seen.edge_m),
            reach=metres(reach_m),
        )
        return Finding("too_far", text, True)
    half = e.fov_deg / 2 if e.fov_deg and math.isfinite(e.fov_deg) else HALF_VIEW_DEG
    figures = {
        "edge": metres(seen.edge_m),
        "off": degrees(seen.off_deg),
        "half": degrees(half),
        "heading": degrees(heading),
    }
    if seen.off_deg <= half:
        text = both(
            "Facing the part: {edge} from its boundary, looking {heading}, {off} beside it, within half the view of"
            " {half}.",
            **figures,
        )
        return Finding("facing", text)
    text = both(
        "Not facing the part: {edge} from its boundary, looking {heading}, {off} beside it, more than half the view of"
        " {half}.",
        **figures,
    )
    return Finding("facing_away", text, True)


def _downward(e: Evidence, seen: Looked) -> Finding:
    if not e.height_m or e.height_m <= 0:
        return Finding(
            "no_heading", both("The camera looked down from an unknown height: what it saw is not known."), True
        )
    half = e.fov_deg / 2 if e.fov_deg else HALF_VIEW_DEG
    radius = e.height_m * math.tan(math.radians(half))
    figures = {"edge": metres(seen.edge_m), "height": metres(e.height_m), "radius": metres(radius)}
    if seen.distance_m <= radius:
        text = both(
            "Looking down on the part: {edge} from its boundary, {height} above take-off, seeing {radius} around.",
            **figures,
        )
        return Finding("facing", text)
    text = both(
        "Looking down beside the part: {edge} from its boundary, {height} above take-off, seeing {radius} around.",
        **figures,
    )
    return Finding("facing_away", text, True)


def _north(e: Evidence) -> list[Finding]:
    if e.declination_deg is not None:
        text = both(
            "The direction was magnetic; a declination of {angle} was added.", angle=f"{e.declination_deg:+.1f}°"
        )
        return [Finding("declination", text)]
    if e.heading_source == "exif" and not e.heading_north:
        return [
            Finding("north_unknown", both("The file does not say which north it means; true north was taken."), True)
        ]
    return []


def _time(e: Evidence, change_after: datetime | None) -> list[Finding]:
    if e.taken_at is None:
        text = both("The camera's clock was not set.") if "clock_unset" in e.problems else both("No time of taking.")
        return [Finding("no_time", text, True)]
    found: list[Finding] = []
    times = {"taken": moment(e.taken_at), "received": moment(e.received_at)}
    if e.time_source == "assumed":
        found.append(
            Finding("zone_assumed", both("The clock names no time zone; {taken} is read as written.", **times))
        )
    if change_after is not None and e.taken_at < change_after:
        text = both(
            "Taken at {taken}, before {unchanged}, when the ground was still seen unchanged.",
            unchanged=moment(change_after),
            **times,
        )
        found.append(Finding("older_than_change", text, True))
    ahead = e.taken_at - e.received_at
    if ahead > CLOCK_TOLERANCE:
        text = both("The clock says {taken}, {gap} after receipt at {received}.", gap=span(ahead), **times)
        found.append(Finding("clock_doubt", text, True))
    if e.clock_gap_s is not None and abs(e.clock_gap_s) > CLOCK_TOLERANCE.total_seconds():
        text = both(
            "The camera's clock and the satellites' differ by {gap}.", gap=span(timedelta(seconds=e.clock_gap_s))
        )
        found.append(Finding("clock_doubt", text, True))
    return found


def _file(e: Evidence) -> list[Finding]:
    found: list[Finding] = []
    if e.metadata == "none" and e.kind == "photo":
        # A frame taken by a page has none; its position came with it.
        text = both("The file carries no EXIF.")
        found.append(Finding("no_metadata", text, e.position_source != "phone"))
    if e.edited_with is not None:
        text = (
            both("The file was written anew after it was taken, by {program}.", program=e.edited_with[:80])
            if e.edited_with
            else both("The file was written anew after it was taken, by a program that gives no name.")
        )
        found.append(Finding("edited", text, True))
    if e.taken_px and e.width_px and e.height_px:
        text = both(
            "The picture has {width} × {height} pixels, the camera took {taken_width} × {taken_height}.",
            width=e.width_px,
            height=e.height_px,
            taken_width=e.taken_px[0],
            taken_height=e.taken_px[1],
        )
        found.append(Finding("resized", text, True))
    return found


# -- figures as they are shown


def metres(value: float) -> str:
    return f"{value:.1f} m" if value < 10 else f"{value:,.0f} m" if value < 10_000 else f"{value / 1000:,.0f} km"


def degrees(value: float) -> str:
    return f"{value:.0f}°"


def moment(value: datetime) -> str:
    return value.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")


def span(value: timedelta) -> Text:
    minutes = abs(value) / timedelta(minutes=1)
    if minutes < 120:
        return both("{count} min", count=round(minutes))
    return (
        both("{count} h", count=round(minutes / 60))
        if minutes < 2880
        else both("{count} d", count=round(minutes / 1440))
    )
