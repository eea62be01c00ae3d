"""GCJ-02, the datum of navigation apps in China: the published offset from WGS 84 / CGCS2000 degrees. Pure.

Series and constants as they are generally known (Krasovsky ellipsoid, a = 6 378 245 m); good to about a metre
against the services, and used here for rounded points only.
"""

from __future__ import annotations

import math

A_M = 6_378_245.0
E2 = 0.006_693_421_622_965_943
CHINA = (72.004, 0.8293, 137.8347, 55.8271)


def to_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """Degrees in GCJ-02; outside China the same point."""
    if not (CHINA[0] <= lon <= CHINA[2] and CHINA[1] <= lat <= CHINA[3]):
        return lon, lat
    east, north = _offset(lon - 105.0, lat - 35.0)
    sine = math.sin(math.radians(lat))
    w2 = 1 - E2 * sine * sine
    meridian_m = A_M * (1 - E2) / (w2 * math.sqrt(w2))
    parallel_m = A_M / math.sqrt(w2) * math.cos(math.radians(lat))
    return lon + math.degrees(east / parallel_m), lat + math.degrees(north / meridian_m)


def _offset(x: float, y: float) -> tuple[float, float]:
    """(east, north) in metres; x, y: degrees from 105° E 35° N."""
    ripple = 2 / 3 * (20 * math.sin(6 * math.pi * x) + 20 * math.sin(2 * math.pi * x))
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + ripple
    north += 2 / 3 * (20 * math.sin(math.pi * y) + 40 * math.sin(math.pi * y / 3))
    north += 2 / 3 * (160 * math.sin(math.pi * y / 12) + 320 * math.sin(math.pi * y / 30))
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + ripple
    east += 2 / 3 * (20 * math.sin(math.pi * x) + 40 * math.sin(math.pi * x / 3))
    east += 2 / 3 * (150 * math.sin(math.pi * x / 12) + 300 * math.sin(math.pi * x / 30))
    return east, north
