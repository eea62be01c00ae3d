"""GCJ-02, the datum of map services in China: the published offset from WGS 84 / CGCS2000 degrees. Pure.

Series and constants as they are generally known (Krasovsky ellipsoid, a = 6 378 245 m); good to about a metre
against the services: used for rounded points, and to take layers back that were drawn over such maps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NAME = "GCJ-02"
A_M = 6_378_245.0
E2 = 0.006_693_421_622_965_943
CHINA = (72.004, 0.8293, 137.8347, 55.8271)
_ROUNDS = 4  # each leaves a few thousandths of the offset of the one before

Degrees = NDArray[np.float64]


def is_meant(crs: str | None) -> bool:
    """Is this what somebody writes who means GCJ-02 (--crs GCJ-02, gcj02, 火星坐标)?"""
    plain = (crs or "").strip().upper().replace("-", "").replace("_", "").replace(" ", "")
    return plain in ("GCJ02", "GCJ2", "火星坐标", "火星坐标系", "国测局坐标")


def to_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """Degrees in GCJ-02; outside China the same point."""
    x, y = shifted(np.array([[lon, lat]]))[0].tolist()
    return x, y


def shifted(lonlat: Degrees) -> Degrees:
    """(n, 2) degrees of WGS 84 or CGCS2000 → GCJ-02; points outside China stay."""
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    inside = (CHINA[0] <= lon) & (lon <= CHINA[2]) & (CHINA[1] <= lat) & (lat <= CHINA[3])
    east, north = _offset(lon - 105.0, lat - 35.0)
    w2 = 1 - E2 * np.sin(np.radians(lat)) ** 2
    meridian_m = A_M * (1 - E2) / (w2 * np.sqrt(w2))
    parallel_m = A_M / np.sqrt(w2) * np.cos(np.radians(lat))
    moved = np.column_stack([lon + np.degrees(east / parallel_m), lat + np.degrees(north / meridian_m)])
    return np.where(inside[:, None], moved, lonlat)


def unshifted(lonlat: Degrees) -> Degrees:
    """(n, 2) degrees of GCJ-02 → WGS 84 or CGCS2000, by iteration, to a millimetre."""
    found = lonlat.copy()
    for _ in range(_ROUNDS):
        found = found - (shifted(found) - lonlat)
    return found


def _offset(x: Degrees, y: Degrees) -> tuple[Degrees, Degrees]:
    """(east, north) in metres; x, y: degrees from 105° E 35° N."""
    sin, pi = np.sin, np.pi
    root = np.sqrt(np.abs(x))
    ripple = 2 / 3 * (20 * sin(6 * pi * x) + 20 * sin(2 * pi * x))
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + ripple
    north += 2 / 3 * (20 * sin(pi * y) + 40 * sin(pi * y / 3))
    north += 2 / 3 * (160 * sin(pi * y / 12) + 320 * sin(pi * y / 30))
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + ripple
    east += 2 / 3 * (20 * sin(pi * x) + 40 * sin(pi * x / 3))
    east += 2 / 3 * (150 * sin(pi * x / 12) + 300 * sin(pi * x / 30))
    return east, north
