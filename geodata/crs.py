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


def crs_(value: Any, path: object = "") -> pyproj.CRS:
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
            "{path}: the coordinate system “{crs}” is a local one; name the true one with --crs, for example EPSG:4526.",
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
    raise NotImplementedError


def declared(own: Any, given: Any, path: object) -> pyproj.CRS:
    """The CRS of a file that says ``own``, for which the user says ``given`` (either may be None).

    Raises: CRSMissing where neither is there; CRSContradiction where they differ.
    """
    raise NotImplementedError


def transform(geometries: Geometries, src: Any, dst: Any) -> Geometries:
    """``geometries`` (shapely) from one CRS into another, vertices only, x before y.

    Between a zone with prefix and the same zone without it is a subtraction, exact.
    """
    raise NotImplementedError


def to_gk3(geometries: Geometries, src: Any, zone: int | None = None) -> tuple[Geometries, str]:
    """``geometries`` in a 3° zone without prefix, and that zone ("EPSG:4547"): the zone they are in
    already, or that of the middle of their longitudes, or ``zone``.
    """
    raise NotImplementedError


__all__ = [n for n in dir() if not n.startswith("_")]
