"""Which way of detecting fits which scenes, and why, in words; pure."""

from __future__ import annotations

from geodata.words import Text, both

POLARISATIONS = frozenset({"vv", "vh", "hh", "hv"})
RADARS = ("sentinel-1", "gf-3", "gf3", "radarsat", "terrasar", "alos-palsar", "cosmo-skymed", "sar")
"""Beginnings of platform names whose bands are backscatter, whatever they are called."""
SURFACES = frozenset({"dsm", "height", "z"})
"""Names of the one band of a surface model: metres above some level."""
FINE_M = 5.0
"""Up to this ground sample distance houses and roads have a shape of their own, and nearly everything differs
between two dates: direction tells more than difference."""


def by_bands(bands: tuple[str, ...], gsd_m: float | None = None, platform: str = "") -> tuple[str, Text]:
    """(name of the method, reason) for the bands that both dates have. gsd_m: None = not known."""
    count, gsd = len(bands), "" if gsd_m is None else f"{gsd_m:.3g}"
    named = ", ".join(bands)
    if count == 1 and (bands[0].lower() in SURFACES or platform.lower() == "dsm"):
        return "height", both("surface models ({bands}): what rose or sank", bands=named)
    if count == 1:
        return "logratio", both("one band ({bands}): compared by its ratio, as radar is", bands=named)
    if {band.lower() for band in bands} <= POLARISATIONS or platform.lower().startswith(RADARS):
        return "logratio", both("polarisations of a radar ({bands})", bands=named)
    if count == 2:
        return "multispectral", both("two bands ({bands})", bands=named)
    if count >= 5:
        return "multispectral", both("{count} bands", count=count)
    if gsd_m is None:
        return "highres", both("{count} bands, pixel size not known: taken for high resolution", count=count)
    if gsd_m <= FINE_M:
        return "highres", both("{count} bands at {gsd} m: high resolution", count=count, gsd=gsd)
    if count == 3:
        return "irmad", both("three bands at {gsd} m: IR-MAD alone", gsd=gsd)
    return "multispectral", both("{count} bands at {gsd} m", count=count, gsd=gsd)


def asked() -> Text:
    return both("asked for by name")
