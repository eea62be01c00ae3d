"""What a photo from the air shows of the ground: its pose and its lens turned into a footprint.

A ray of the camera in body axes (x forward, y right, z down) through a pixel (px, py) from the principal point, f
pixels away, is r = (1, px/f, py/f); d = Rz(yaw)·Ry(pitch)·Rx(roll)·r points north, east, down (the order of rotation
is DJI's). It meets flat ground H metres below at H/d_z · d, and never where d_z ≤ 0. Lens distortion is not taken off,
and the ground is flat at one height: both are said to whoever reads the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geodata.photometa import Photo
from geodata.words import Text, both

A_M, E2 = 6_378_137.0, 0.00669438002290
"""Half axis and squared eccentricity of CGCS2000's ellipsoid."""
LOWEST_DEG = 10.0
"""Ground that is seen at a flatter angle is left out of a footprint: there a degree of pitch moves it by a third of
its distance, and a metre of terrain by six."""
LEAST_DOWN = 0.02
"""Least downward part of a ray that is cut with the ground at all."""
HIGHEST_M = 10_000.0
CIRCLE_SEGMENTS = 16

Floats = NDArray[np.float64]
Ground = Callable[[float, float], float | None]
"""Height of the ground at (lon, lat) above that of the take-off point, metres; None where it is not known."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What a photo shows. kind: "frame" (its four sides on the ground), "circle" (which way it was turned is not known:
    the ground within it, if the camera looked down), "point" (a position alone), "none".

    shape: Polygon, Point or None, lon/lat in EPSG:4490. centre: (lon, lat) that the middle of the picture lies on.
    height_m: of the camera above the ground taken. gsd_m: size of a pixel on the ground in the middle. cut: part of
    the picture looks to the horizon or nearly so. words: what was assumed, and what is missing.
    """

    kind: str
    shape: BaseGeometry | None = None
    centre: tuple[float, float] | None = None
    height_m: float | None = None
    gsd_m: float | None = None
    cut: bool = False
    words: tuple[Text, ...] = ()


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Floats:
    """(3, 3): body axes to north, east, down."""
    y, p, r = np.radians([yaw_deg, pitch_deg, roll_deg])
    rz = np.array([[math.cos(y), -math.sin(y), 0], [math.sin(y), math.cos(y), 0], [0, 0, 1]])
    ry = np.array([[math.cos(p), 0, math.sin(p)], [0, 1, 0], [-math.sin(p), 0, math.cos(p)]])
    rx = np.array([[1, 0, 0], [0, math.cos(r), -math.sin(r)], [0, math.sin(r), math.cos(r)]])
    return np.asarray(rz @ ry @ rx)


def footprint(
    turned: Floats, size: tuple[int, int], focal_px: float, centre_px: tuple[float, float], height_m: float
) -> tuple[shapely.Polygon, bool]:
    """(ground seen as (east, north) metres from below the camera, whether part of the picture was left out).

    The polygon is empty where nothing is seen steeply enough. turned: of ``rotation``.
    """
    width, height = size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float) - np.array(centre_px)
    rays = np.column_stack([np.ones(4), corners / focal_px]) @ turned.T
    whole = bool((rays[:, 2] >= LEAST_DOWN).all())
    rays = rays if whole else _below(rays)
    if len(rays) < 3:
        return shapely.Polygon(), True
    ground: BaseGeometry = shapely.Polygon(np.column_stack([rays[:, 1], rays[:, 0]]) / rays[:, 2:] * height_m)
    reach = height_m / math.tan(math.radians(LOWEST_DEG))
    far = bool((np.hypot(*shapely.get_coordinates(ground).T) > reach).any())
    if far:
        ground = ground.intersection(shapely.Point(0, 0).buffer(reach, quad_segs=CIRCLE_SEGMENTS))
    return (ground if isinstance(ground, shapely.Polygon) else shapely.Polygon()), not whole or far


def _below(rays: Floats) -> Floats:
    """The picture's outline (rays by its corners) cut at the line where rays point ``LEAST_DOWN``: linear along a side,
    so the cut is exact."""
    kept: list[Floats] = []
    for one, other in zip(rays, np.roll(rays, -1, axis=0), strict=True):
        if one[2] >= LEAST_DOWN:
            kept.append(one)
        if (one[2] >= LEAST_DOWN) != (other[2] >= LEAST_DOWN):
            share = (LEAST_DOWN - one[2]) / (other[2] - one[2])
            kept.append(one + share * (other - one))
    return np.array(kept).reshape(-1, 3)


def lonlat(lon: float, lat: float, east_north: Floats) -> Floats:
    """(n, 2) metres east and north of a position as degrees. Good to a millimetre within a kilometre."""
    across, along = metres_a_degree(lat)
    return np.column_stack([lon + east_north[:, 0] / across, lat + east_north[:, 1] / along])


def metres_a_degree(lat: float) -> tuple[float, float]:
    """(east, north) metres that a degree of longitude and of latitude measures at ``lat``."""
    sine = math.sin(math.radians(lat))
    w = 1 - E2 * sine * sine
    return (
        math.radians(1) * A_M / math.sqrt(w) * math.cos(math.radians(lat)),
        math.radians(1) * A_M * (1 - E2) / w**1.5,
    )


def shown(photo: Photo, *, ground: Ground | None = None, height_m: float | None = None) -> Shown:
    """What the photo shows of the ground.

    ground: of a terrain model; without one the ground is taken as flat, at the height of the take-off point.
    height_m: above ground, for photos that tell no height of their own.
    """
    if photo.lon is None or photo.lat is None:
        return Shown("none", words=(both("No position: what it shows is not known."),))
    above, said = _height(photo, ground, height_m)
    place = shapely.Point(photo.lon, photo.lat)
    if above is None:
        return Shown("point", place, words=said)
    size = (photo.width_px, photo.height_px)
    if photo.focal_px is None or not size[0] or not size[1]:
        text = both("No footprint: the focal length is not told ({camera}).", camera=photo.camera or "–")
        return Shown("point", place, height_m=above, words=(*said, text))
    yaw, from_body = _yaw(photo)
    if yaw is None or photo.pitch_deg is None:
        return _circle(photo, photo.focal_px, (size[0], size[1]), above, said)
    if from_body:
        said = (*said, both("The direction is that of the aircraft's nose; the camera's own is not told."))
    return _frame(photo, photo.focal_px, (size[0], size[1]), yaw, above, said, ground)


def _yaw(photo: Photo) -> tuple[float | None, bool]:
    """(yaw of the camera, whether it is the aircraft's). A compass that says magnetic north is not mended here."""
    return photo.heading_deg, photo.heading_source == "flight"


def _height(photo: Photo, ground: Ground | None, given: float | None) -> tuple[float | None, tuple[Text, ...]]:
    """(metres above the ground under the camera, how it is known)."""
    assert photo.lon is not None
    assert photo.lat is not None
    if photo.height_m is None:
        if given is None:
            return None, (both("No footprint: no height above take-off is told; give one with --height-m."),)
        return given, (both("No height above take-off is told; {height} above ground is taken as given.",
                            height=_m(given)),)  # fmt: skip
    lift = ground(photo.lon, photo.lat) if ground else None
    if lift is None:
        how = both(
            "Ground taken as flat and as high as the take-off point: a metre that it lies higher makes the"
            " footprint {percent} % smaller.",
            percent=f"{100 / max(photo.height_m, 1.0):.1f}",
        )
    else:
        how = both("Ground {lift} above the take-off point, by the terrain model.", lift=_m(lift))
    above = photo.height_m - (lift or 0.0)
    if not 0 < above <= HIGHEST_M:
        return None, (both("No footprint: {height} above the ground is no height to look down from.",
                           height=_m(above)),)  # fmt: skip
    return above, (how,)


def _circle(photo: Photo, focal: float, size: tuple[int, int], above: float, said: tuple[Text, ...]) -> Shown:
    assert photo.lon is not None
    assert photo.lat is not None
    radius = above * math.hypot(*size) / 2 / focal
    around = shapely.get_coordinates(shapely.Point(0, 0).buffer(radius, quad_segs=CIRCLE_SEGMENTS))
    text = both(
        "Which way the camera was turned is not told: a circle of {radius} stands for the footprint, if it looked"
        " straight down.",
        radius=_m(radius),
    )
    return Shown(
        "circle",
        shapely.Polygon(lonlat(photo.lon, photo.lat, around)),
        (photo.lon, photo.lat),
        round(above, 2),
        round(above / focal, 4),
        words=(*said, text),
    )


def _frame(photo: Photo, focal: float, size: tuple[int, int], yaw: float, above: float, said: tuple[Text, ...],
           ground: Ground | None) -> Shown:  # fmt: skip
    assert photo.lon is not None
    assert photo.lat is not None
    assert photo.pitch_deg is not None
    turned = rotation(yaw, photo.pitch_deg, photo.roll_deg or 0.0)
    down = float(turned[2, 0])
    if down > math.sin(math.radians(LOWEST_DEG)) and ground:  # the ground that is looked at may be another
        middle = lonlat(photo.lon, photo.lat, np.array([[turned[1, 0], turned[0, 0]]]) / down * above)[0]
        lift = ground(float(middle[0]), float(middle[1]))
        if lift is not None and photo.height_m is not None and photo.height_m > lift:
            above = photo.height_m - lift
    centre_px = photo.centre_px or (size[0] / 2, size[1] / 2)
    metres, cut = footprint(turned, size, focal, centre_px, above)
    if metres.is_empty:
        text = both(
            "No footprint: the camera looked {pitch}° from the level, over the ground.", pitch=f"{photo.pitch_deg:+.0f}"
        )
        return Shown("point", shapely.Point(photo.lon, photo.lat), height_m=round(above, 2), words=(*said, text))
    if cut:
        text = both("Ground farther than {reach}, seen flatter than {least}°, is left out of the footprint.",
                    reach=_m(above / math.tan(math.radians(LOWEST_DEG))), least=f"{LOWEST_DEG:.0f}")  # fmt: skip
        said = (*said, text)
    middle = None
    if down > math.sin(math.radians(LOWEST_DEG)):
        lon, lat = lonlat(photo.lon, photo.lat, np.array([[turned[1, 0], turned[0, 0]]]) / down * above)[0]
        middle = (float(lon), float(lat))
    drawn = shapely.Polygon(lonlat(photo.lon, photo.lat, shapely.get_coordinates(metres.exterior)))
    gsd = round(above / down / focal, 4) if middle else None
    return Shown("frame", drawn, middle, round(above, 2), gsd, cut, said)


def _m(value: float) -> str:
    return f"{value:,.1f} m"
