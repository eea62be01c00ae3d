"""Coordinate systems: the CGCS2000 family, UTM, WGS 84, Web Mercator.

Axis order is always x, y (easting, northing; longitude, latitude). A missing coordinate system
raises, and so does one that its own coordinates contradict: nothing here has a default.
3° zone n has the central meridian 3n; EPSG 4488+n with the zone in front of the easting
(38 395 000), 4509+n without (395 000). 6° zone m: central meridian 6m−3, EPSG 4478+m and 4489+m.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import CRSError

from geodata.errors import CRSContradiction, CRSMissing
from geodata.words import Text, both

GEOGRAPHIC = "EPSG:4490"
CHINA = (70.0, 0.0, 140.0, 56.0)
"""Longitude and latitude that CGCS2000 coordinates may have, the sea included."""
ZONES = range(25, 46)
REFUSED = re.compile(r"xi'?an[ _]?19?80|beijing[ _]?19?54|new[ _]beijing|西安|北京", re.IGNORECASE)
CGCS2000 = re.compile(r"cgcs ?_?2000|china[ _]2000|china_geodetic|china geodetic", re.IGNORECASE)

Bounds = tuple[float, float, float, float]
Geometries = NDArray[np.object_]


def crs_(value: Any, path: object = "CRS") -> pyproj.CRS:
    """``value`` ("EPSG:4526", 4526, WKT, an ESRI WKT or name, a CRS) as a horizontal CRS; the
    CGCS2000 family comes back as its EPSG entry, whichever way it was written.

    Raises: CRSMissing where it is empty, local or not known; CRSContradiction for Xian 1980 and
    Beijing 1954, which need the official parameters.
    """
    text = value.strip() if isinstance(value, str) else value
    if text is None or text == "":
        raise CRSMissing("{path}: no coordinate system is given; name it with --crs, for example EPSG:4526.", path=path)
    return _narrowed(text if isinstance(text, str | int | pyproj.CRS) else str(text), str(path))


@lru_cache(maxsize=256)
def _narrowed(value: str | int | pyproj.CRS, path: str) -> pyproj.CRS:
    try:
        given = pyproj.CRS.from_user_input(int(value) if isinstance(value, str) and value.isdigit() else value)
        crs = _horizontal(given)
    except CRSError:
        raise CRSMissing(
            "{path}: the coordinate system “{crs}” is not known; name one with --crs, for example EPSG:4526.",
            path=path,
            crs=str(value)[:80],
        ) from None
    names = " ".join([crs.name, crs.datum.name if crs.datum else "", crs.geodetic_crs.name if crs.geodetic_crs else ""])
    if REFUSED.search(names):
        raise CRSContradiction(
            "{path}: {crs} is an old datum that differs by tens of metres and needs the official parameters;"
            " transform the data to CGCS2000 first.",
            path=path,
            crs=crs.name,
        )
    if not (crs.is_geographic or crs.is_projected):
        raise CRSMissing(
            "{path}: the coordinate system “{crs}” is a local one; name the true one with --crs, for example"
            " EPSG:4526.",
            path=path,
            crs=crs.name,
        )
    return _canonical(crs)


def _horizontal(crs: pyproj.CRS) -> pyproj.CRS:
    if crs.is_bound and crs.source_crs:
        crs = crs.source_crs
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    return crs.to_2d() if len(crs.axis_info) == 3 else crs


def _canonical(crs: pyproj.CRS) -> pyproj.CRS:
    """The EPSG entry of the same thing, where there is one."""
    code = crs.to_epsg()
    if code is None and CGCS2000.search(f"{crs.name} {crs.datum.name if crs.datum else ''}"):
        code = _cgcs2000_code(crs)
    return crs if code is None else pyproj.CRS.from_epsg(code)


def _cgcs2000_code(crs: pyproj.CRS) -> int | None:
    if crs.is_geographic:
        return 4490
    meridian, x0 = _parameter(crs, "longitude of natural origin"), _parameter(crs, "false easting")
    scale, y0 = _parameter(crs, "scale factor at natural origin"), _parameter(crs, "false northing")
    if meridian is None or x0 is None or scale not in (None, 1.0) or y0 not in (None, 0.0):
        return None
    for zone, with_prefix, without in ((meridian / 3, 4488, 4509), ((meridian + 3) / 6, 4478, 4489)):
        if zone == int(zone) and (x0 == 500_000 or x0 == zone * 1e6 + 500_000):
            code = int(zone) + (without if x0 == 500_000 else with_prefix)
            if (int(zone) in ZONES) if with_prefix == 4488 else (13 <= zone <= 23):
                return code
    return None


def _parameter(crs: pyproj.CRS, name: str) -> float | None:
    operation = crs.coordinate_operation
    for parameter in operation.params if operation else ():
        if parameter.name.lower() == name:
            return float(parameter.value)
    return None


def name_of(crs: pyproj.CRS) -> str:
    """ "EPSG:4526", or the WKT where there is no number."""
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.to_wkt()


def zone_of(lon: float) -> int:
    """The 3° zone of a longitude in degrees."""
    return math.floor((lon + 1.5) / 3)


def gk3(zone: int, prefix: bool = False) -> str:
    """The 3° Gauss-Krüger system of CGCS2000 of a zone; outside China (where EPSG has none) the
    same projection on the same ellipsoid, spelled out."""
    if zone in ZONES:
        return f"EPSG:{(4488 if prefix else 4509) + zone}"
    x0 = zone * 1_000_000 + 500_000 if prefix else 500_000
    return f"+proj=tmerc +lat_0=0 +lon_0={3 * zone} +k=1 +x_0={x0} +y_0=0 +ellps=GRS80 +units=m +no_defs +type=crs"


def transverse_mercator(crs: pyproj.CRS) -> tuple[float, float] | None:
    """(central meridian in degrees, false easting in metres) of a Gauss-Krüger system (scale 1);
    None for everything else."""
    operation = crs.coordinate_operation
    if not crs.is_projected or operation is None or "Transverse Mercator" not in operation.method_name:
        return None
    if _parameter(crs, "scale factor at natural origin") not in (None, 1.0):
        return None
    meridian, x0 = _parameter(crs, "longitude of natural origin"), _parameter(crs, "false easting")
    return None if meridian is None or x0 is None else (meridian, x0)


def central_meridian(crs: Any) -> float:
    """Of a Gauss-Krüger system, in degrees. Raises: CRSContradiction for any other."""
    found = transverse_mercator(crs_(crs))
    if found is None:
        raise CRSContradiction("“{crs}” has no central meridian; a Gauss-Krüger zone is needed.", crs=crs)
    return found[0]


def check(crs: pyproj.CRS, bounds: Bounds, path: object) -> list[Text]:
    """Do the coordinates ``bounds`` (x min, y min, x max, y max) fit what is declared?

    Returns warnings. Raises: CRSContradiction.
    """
    if not all(map(math.isfinite, bounds)):
        raise CRSContradiction("{path}: its extent is not finite; repair its coordinates.", path=path)
    if crs.is_geographic:
        _check_degrees(crs, bounds, path)
    else:
        _check_metres(crs, bounds, path)
    return _check_place(crs, bounds, path)


def _check_degrees(crs: pyproj.CRS, bounds: Bounds, path: object) -> None:
    x0, y0, x1, y1 = bounds
    if max(abs(x0), abs(x1)) > 360 or max(abs(y0), abs(y1)) > 180:
        raise CRSContradiction(
            "{path}: its coordinates reach {x:.0f}, {y:.0f}: metres, but {crs} is in degrees; name the true"
            " coordinate system{hint}.",
            path=path,
            x=x1,
            y=y1,
            crs=_short(crs),
            hint=_hint(bounds),
        )
    if max(abs(y0), abs(y1)) > 90:
        raise CRSContradiction(
            "{path}: its coordinates ({x:.4f}, {y:.4f}) are latitude before longitude; swap them to x, y.",
            path=path,
            x=x0,
            y=y0,
        )
    if max(abs(x0), abs(x1)) > 180.0 + 1e-6:
        raise CRSContradiction(
            "{path}: longitude {x:.4f} does not exist; repair its coordinates.", path=path, x=max(x0, x1, key=abs)
        )


def _check_metres(crs: pyproj.CRS, bounds: Bounds, path: object) -> None:
    x0, y0, x1, y1 = bounds
    if max(map(abs, bounds)) <= 180:
        raise CRSContradiction(
            "{path}: its coordinates ({x:.4f}, {y:.4f}) are degrees, but {crs} is in metres; name the true"
            " coordinate system, for example EPSG:4490.",
            path=path,
            x=x0,
            y=y0,
            crs=_short(crs),
        )
    zone = transverse_mercator(crs) or _utm(crs)
    if zone is None:
        return
    if y1 >= 1e7 + 1e6 and prefix_of(y0) is not None and prefix_of(x0) is None:
        raise CRSContradiction(
            "{path}: its coordinates ({x:.0f}, {y:.0f}) are northing before easting; swap them to x, y.",
            path=path,
            x=x0,
            y=y0,
        )
    said, seen = prefix_of(zone[1]), {prefix_of(x0), prefix_of(x1)}
    if seen != {said}:
        raise CRSContradiction(
            "{path}: eastings from {x0:.0f} to {x1:.0f} have {seen}, but {crs} has {said}; name the true"
            " coordinate system{hint}.",
            path=path,
            x0=x0,
            x1=x1,
            seen=_prefix_words(seen),
            said=_prefix_words({said}),
            crs=_short(crs),
            hint=_hint(bounds),
        )


def prefix_of(easting: float) -> int | None:
    """The zone number in front of an easting (38 395 000 → 38), None where there is none."""
    return int(easting // 1_000_000) if easting >= 1e7 else None


def _prefix_words(prefixes: set[int | None]) -> Text:
    if prefixes == {None}:
        return both("no zone in front")
    return both("zone {zones} in front", zones="/".join(sorted("–" if p is None else str(p) for p in prefixes)))


def guess(bounds: Bounds) -> str | None:
    """What the coordinates alone say: the system whose zone stands in front of the eastings, or None."""
    first, last = prefix_of(bounds[0]), prefix_of(bounds[2])
    if first is None or first != last:
        return None
    if first in ZONES:
        return gk3(first, prefix=True)
    return f"EPSG:{4478 + first}" if 13 <= first <= 23 else None


def _hint(bounds: Bounds) -> Text:
    found = guess(bounds)
    return both(" ({crs} would fit)", crs=found) if found else {"zh": "", "en": ""}


def _short(crs: pyproj.CRS) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.name


def _utm(crs: pyproj.CRS) -> tuple[float, float] | None:
    """As ``transverse_mercator``; some UTM systems (EPSG:4647) have the zone in front of their eastings."""
    found = re.match(r"\d+", crs.utm_zone or "")
    return (6.0 * int(found[0]) - 183, _parameter(crs, "false easting") or 500_000.0) if found else None


def _check_place(crs: pyproj.CRS, bounds: Bounds, path: object) -> list[Text]:
    west, south, east, north = lonlat_bounds(crs, bounds)
    if not _comes_back(crs, bounds):
        raise CRSContradiction(
            "{path}: its coordinates ({x:.0f}, {y:.0f}) lie nowhere on earth in {crs}; name the true"
            " coordinate system{hint}.",
            path=path,
            x=bounds[0],
            y=bounds[1],
            crs=_short(crs),
            hint=_hint(bounds),
        )
    datum = crs.datum.name if crs.datum else ""
    if CGCS2000.search(f"{crs.name} {datum}") and not (
        CHINA[0] <= west and east <= CHINA[2] and CHINA[1] <= south and north <= CHINA[3]
    ):
        raise CRSContradiction(
            "{path}: in {crs} it would lie at {lon:.2f}° E {lat:.2f}° N, outside China; name the true"
            " coordinate system{hint}.",
            path=path,
            crs=_short(crs),
            lon=(west + east) / 2,
            lat=(south + north) / 2,
            hint=_hint(bounds),
        )
    zone = transverse_mercator(crs)
    off = max(abs(west - zone[0]), abs(east - zone[0])) if zone else 0.0
    if zone and off > (3.0 if "3-degree" in crs.name else 4.5):
        return [
            both(
                "It reaches {off:.1f}° from the central meridian {meridian:.0f}° of {crs}; check the zone.",
                off=off,
                meridian=zone[0],
                crs=_short(crs),
            )
        ]
    return []


def _comes_back(crs: pyproj.CRS, bounds: Bounds) -> bool:
    """Do the corners survive the way to longitude and latitude and back? Beyond the edge of a
    projection they do not."""
    x, y = np.array([bounds[0], bounds[2]]), np.array([bounds[1], bounds[3]])
    there = _transformer(crs, crs_(GEOGRAPHIC))
    back_x, back_y = there.transform(*there.transform(x, y), direction="INVERSE")
    near = 1e-6 if crs.is_geographic else 1.0
    return bool(np.all(np.abs(back_x - x) < near) and np.all(np.abs(back_y - y) < near))


def lonlat_bounds(crs: Any, bounds: Bounds) -> Bounds:
    """``bounds`` in degrees (infinite where they lie nowhere)."""
    source = crs_(crs)
    if source.is_geographic:
        return bounds
    x0, y0, x1, y1 = bounds
    x, y = np.array([x0, (x0 + x1) / 2, x1] * 2), np.array([y0] * 3 + [y1] * 3)
    lon, lat = _transformer(source, crs_(GEOGRAPHIC)).transform(x, y)
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def declared(own: Any, given: Any, path: object, bounds: Bounds | None = None) -> pyproj.CRS:
    """The CRS of a file that says ``own``, for which the user says ``given`` (either may be None).

    Raises: CRSMissing where neither is there; CRSContradiction where they differ.
    """
    if own is None and given is None:
        raise CRSMissing(
            "{path}: has no coordinate system (no .prj, or an empty one); name it with --crs, for example"
            " EPSG:4526{hint}.",
            path=path,
            hint=_hint(bounds) if bounds else {"zh": "", "en": ""},
        )
    if own is None or given is None:
        return crs_(given if own is None else own, path)
    ours, theirs = crs_(own, path), crs_(given, path)
    if name_of(ours) != name_of(theirs) and not ours.equals(theirs, ignore_axis_order=True):
        raise CRSContradiction(
            "{path}: the file says {own}, --crs says {given}; leave --crs away, or correct the file.",
            path=path,
            own=_short(ours),
            given=_short(theirs),
        )
    return ours


def transform(geometries: Geometries, src: Any, dst: Any) -> Geometries:
    """``geometries`` (shapely) from one CRS into another, vertices only, x before y.

    Between a zone with prefix and the same zone without it is a subtraction, exact.
    A vertex that lies nowhere in ``dst`` becomes infinite.
    """
    source, target = crs_(src), crs_(dst)
    if source == target:
        return np.asarray(geometries, dtype=object)
    shift = _prefix_shift(source, target)
    if shift is not None:
        return shapely.transform(geometries, lambda xy: xy + np.array([shift, 0.0]))
    return shapely.transform(geometries, _transformer(source, target).transform, interleaved=False)  # type: ignore[arg-type]


def _prefix_shift(source: pyproj.CRS, target: pyproj.CRS) -> float | None:
    a, b = transverse_mercator(source), transverse_mercator(target)
    same_datum = source.geodetic_crs == target.geodetic_crs
    return b[1] - a[1] if a and b and same_datum and a[0] == b[0] else None


@lru_cache(maxsize=64)
def _transformer(source: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


def own_zone(crs: Any, bounds: Bounds) -> int:
    """The 3° zone to keep data in: the one they are delivered in, else that of the middle of their longitudes."""
    source = crs_(crs)
    found = transverse_mercator(source)
    width_3 = "3-degree" in source.name or "3_degree" in source.name.lower()
    if found and found[0] % 3 == 0 and width_3:
        return int(found[0] // 3)
    west, _, east, _ = lonlat_bounds(source, bounds)
    return zone_of((west + east) / 2)


def to_gk3(geometries: Geometries, src: Any, zone: int | None = None) -> tuple[Geometries, str]:
    """``geometries`` in a 3° zone without prefix, and that zone ("EPSG:4547"): the zone they are in
    already, or that of the middle of their longitudes, or ``zone``.
    """
    if zone is None:
        zone = own_zone(src, tuple(shapely.total_bounds(geometries).tolist()))
    target = gk3(zone)
    return transform(geometries, src, target), target
