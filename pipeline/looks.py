"""What a patch looks like: measures relative to its own pair, and the kind they speak for.

Nothing here is an absolute number of the sensor. Every band is put on the scale where BEFORE's
2nd percentile is 0 and its 98th is 1 (AFTER is harmonised to BEFORE); so the same rules hold for
reflectance, raw DN and photographs. On that scale crops are dark and green, bare soil is bright
and reddish, roofs and concrete are bright and neutral or blue, water is dark in the infrared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from pipeline.changes import BandStatistics, Spectra

VEGETATED = 0.20
"""Scaled vegetation (``_green``) at and above which ground counts as vegetated."""
EXPOSED, EXPOSED_GAIN = 0.50, 0.15
"""Brightness, and its gain over both the ground before and the surroundings, of ground laid bare or built on.
What only caught up with the brightness around it (``apart`` below the gain) is none of it."""
OF_ITS_DAY = 0.50
"""Brightness on AFTER's own scale, asked too: after a harvest many fields are brighter than any was BEFORE,
and none of them is news. Half of the range, as ``EXPOSED``; in six computed townships nothing changes up to 0.55,
and from 0.60 on three of 126 occupations are missed."""
BRIGHT = 0.75
"""Brightness that the fields of most images do not reach."""
STOOD_OUT = 1.35
"""Distance from the surroundings AFTER, in units of what is new of it: above, it stood out in large part already.
In six computed townships 1.1 misses one of 126 occupations, and above 1.4 false flags rise, by a third at most."""
SAME_AS_RING = 0.35
"""Of the patch's own change: less than this beyond the surroundings' change is the season's doing."""
STANDS_OUT = 0.25
"""Distance from the surroundings (RMS, scaled) that a field between fields does not reach."""
LUSH = 0.50
"""Greener than this and smooth is a crop in full growth: trees in rows show ground between them."""
WET, WET_DARK = 0.12, 0.25
"""Scaled green minus infrared of water, and how dark the infrared must be."""
DAZZLING = 1.3
"""Brightness on AFTER's own scale that no water has: beside crops in full growth, roofs are as dark as water in
the infrared. In computed townships water reaches 1.1 and roofs that look like it begin at 1.5."""


@dataclass(frozen=True)
class View:
    """One ground at one date. bright: visible brightness. green: scaled vegetation. index: NDVI, or
    ``green`` where there is no infrared, for the words. wet: scaled wetness. blue: scaled blue − red.
    infrared: scaled, the darkest of nir and swir. None = the bands are not there."""

    bright: float
    green: float | None
    index: float | None
    wet: float | None
    blue: float | None
    infrared: float | None

    @property
    def vegetated(self) -> bool:
        return self.green is not None and self.green >= VEGETATED

    @property
    def water(self) -> bool:
        return (
            self.wet is not None and self.infrared is not None and self.wet >= WET and self.infrared <= WET_DARK
        ) and not self.vegetated


@dataclass(frozen=True)
class Looks:
    """A patch and its ring at both dates. moved, ring_moved: RMS of the change over the bands, scaled.
    beyond: of the patch's change minus the ring's; apart: patch against ring AFTER, RMS.
    of_its_day: brightness AFTER on AFTER's own scale (its 2nd and 98th percentile).
    texture: standard deviation AFTER, scaled; rougher: its ratio to BEFORE's.
    length_m, width_m: of the rectangle with its area and outline; span_m: from end to end, straight.
    edge_m2: half a pixel along the outline."""

    before: View
    after: View
    ring_before: View
    ring_after: View
    moved: float
    ring_moved: float
    beyond: float
    apart: float
    of_its_day: float
    texture: float
    rougher: float
    length_m: float
    width_m: float
    span_m: float
    edge_m2: float
    infrared: bool

    @property
    def gain(self) -> float:
        """Brightness beyond what stood there and what surrounds it."""
        return self.after.bright - max(self.before.bright, self.ring_after.bright)

    @property
    def wetter(self) -> float:
        return (self.after.wet or 0.0) - (self.before.wet or 0.0)

    @property
    def exposed(self) -> bool:
        if self.of_its_day < OF_ITS_DAY:
            return False
        if self.after.bright >= EXPOSED and self.gain >= EXPOSED_GAIN:
            return True
        return self.after.bright >= BRIGHT and self.brightened >= 0.2 and self.apart >= EXPOSED_GAIN

    @property
    def brightened(self) -> float:
        """By how much more than its surroundings it grew brighter."""
        return (self.after.bright - self.before.bright) - (self.ring_after.bright - self.ring_before.bright)

    @property
    def bright_before(self) -> bool:
        """A roof, a yard or a road at both dates, in another light: it stood out already, and hardly more now."""
        if self.before.vegetated or self.before.bright < self.ring_before.bright + 0.15:
            return False
        return (self.before.bright >= BRIGHT and self.brightened < 0.4) or self.apart >= STOOD_OUT * self.beyond

    @property
    def elongated(self) -> bool:
        """Long for its width, and going somewhere: not the ragged outline of a compact thing."""
        return (
            self.width_m > 0
            and self.length_m >= 40
            and self.length_m / self.width_m >= 5
            and self.span_m >= 0.5 * self.length_m
        )


def look(spectra: Spectra, statistics: BandStatistics, geometry: BaseGeometry, gsd_m: float) -> Looks:
    """geometry: the patch in lon/lat."""
    scale, own = _scale(statistics.before), _scale(statistics.after)
    before, after = _scaled(spectra.before, scale), _scaled(spectra.after, scale)
    ring_before, ring_after = _scaled(spectra.ring_before, scale), _scaled(spectra.ring_after, scale)
    std_before = _spread(spectra.before_std, scale)
    std_after = _spread(spectra.after_std, scale)
    move, ring_move = _minus(after, before), _minus(ring_after, ring_before)
    length, width, span, outline = _extent(geometry, gsd_m)
    return Looks(
        before=_view(before, spectra.before),
        after=_view(after, spectra.after),
        ring_before=_view(ring_before, spectra.ring_before),
        ring_after=_view(ring_after, spectra.ring_after),
        moved=_rms(move),
        ring_moved=_rms(ring_move),
        beyond=_rms(_minus(move, ring_move)) if ring_move else _rms(move),
        apart=_rms(_minus(after, ring_after)) if ring_after else _rms(move),
        of_its_day=_bright(_scaled(spectra.after, own)),
        texture=std_after,
        rougher=std_after / std_before if std_before > 0.01 else 1.0,
        length_m=length,
        width_m=width,
        span_m=span,
        edge_m2=0.5 * gsd_m * outline,
        infrared="nir" in after and "red" in after,
    )


def kind_of(looks: Looks, gsd_m: float) -> tuple[str, float]:
    """(kind, evidence 0 to 1): what the patch now most looks like; "crop" = still a field, "same" = as before."""
    now, before = looks.after, looks.before
    # Beside crops in full growth concrete is as dark in the infrared as water: bright at both dates, it is no pond.
    water = now.water and looks.of_its_day < DAZZLING
    filled = water and now.bright < BRIGHT
    if looks.bright_before and not filled and not now.vegetated and now.bright >= EXPOSED:
        return "same", 0.0
    if water and looks.beyond >= 0.15 and looks.wetter >= 0.15:
        return "pond", _ramp(looks.beyond, 0.2, 0.6)
    if now.vegetated:
        return _green_kind(looks)
    narrow = looks.width_m <= 12 + 1.5 * gsd_m
    if looks.elongated and narrow and looks.exposed:
        return "road", 0.4 * _ramp(looks.length_m / looks.width_m, 5, 15) + 0.6 * _strength(looks)
    if looks.exposed:
        return _exposed_kind(looks, gsd_m)
    if before.vegetated and looks.apart >= STANDS_OUT and looks.beyond >= STANDS_OUT:
        reddish = now.blue is not None and now.blue <= -0.05
        return ("earthwork" if reddish else "other"), 0.2 * _ramp(looks.beyond, 0.2, 0.6)
    return "crop", 0.0


def by_height(height_m: float) -> tuple[str, float]:
    """(kind, evidence 0 to 1) of ground whose surface rose or sank: what it is a height alone does not tell."""
    return "other", _ramp(abs(height_m), 0.5, 2.5)


def _green_kind(looks: Looks) -> tuple[str, float]:
    """Green now: a crop, unless it shines through plastic, or stands darker and rougher than any crop around."""
    now, ring = looks.after, looks.ring_after
    if now.bright >= BRIGHT and looks.gain >= 0.25:
        return "greenhouse", _ramp(now.bright, 0.7, 1.2)
    darker, dimmed = ring.bright - now.bright, looks.before.bright - now.bright
    if looks.rougher >= 1.8 and darker >= 0.08 and looks.apart >= 0.15:
        return "nursery", 0.5 * _ramp(looks.rougher, 1.5, 3.0)
    lush = now.green is not None and now.green > LUSH and looks.rougher < 1.3
    greener = (now.green or 0.0) - (ring.green or 0.0)
    if min(darker, dimmed) >= 0.15 and greener >= 0.1 and looks.beyond >= 0.18 and looks.apart >= 0.14 and not lush:
        return "nursery", 0.4 * _ramp(min(darker, dimmed), 0.1, 0.4)
    return "crop", 0.0


def _strength(looks: Looks) -> float:
    """0 to 1: how much brighter it is than what stood there and what surrounds it."""
    return _ramp(looks.gain, EXPOSED_GAIN, 0.6)


def _exposed_kind(looks: Looks, gsd_m: float) -> tuple[str, float]:
    """Bright now: plastic, roof, concrete or bare soil."""
    now = looks.after
    strength = _strength(looks)
    if now.blue is not None and now.blue <= -0.2:
        return "earthwork", 0.6 * strength
    if now.green is not None and now.green >= 0.08 and looks.infrared and now.bright >= 0.75:
        return "greenhouse", 0.7 * strength
    blue_roof = now.blue is not None and now.blue >= 0.35
    # of coarse pixels most are mixed at the outline: their spread tells nothing of roofs and shadows
    rough = looks.texture >= (0.32 if gsd_m <= 2.5 else 0.8)
    if blue_roof or rough:
        return "construction", 0.4 + 0.6 * strength
    return "hardening", 0.3 + 0.6 * strength


Scale = Mapping[str, tuple[float, float]]


def _scale(percentiles: Mapping[str, tuple[float, float, float, float, float]]) -> dict[str, tuple[float, float]]:
    """{band: (value at 0, width)}; a band without spread says nothing and is left out."""
    return {b: (p[0], p[4] - p[0]) for b, p in percentiles.items() if p[4] > p[0]}


def _scaled(values: Mapping[str, float], scale: Scale) -> dict[str, float]:
    found = {b: (values[b] - low) / width for b, (low, width) in scale.items() if b in values}
    return {b: v for b, v in found.items() if math.isfinite(v)}


def _spread(std: Mapping[str, float], scale: Scale) -> float:
    found = [std[b] / width for b, (_, width) in scale.items() if b in std and math.isfinite(std[b])]
    return float(np.mean(found)) if found else 0.0


def _minus(left: Mapping[str, float], right: Mapping[str, float]) -> dict[str, float]:
    return {b: left[b] - right[b] for b in left if b in right}


def _rms(values: Mapping[str, float]) -> float:
    return math.sqrt(sum(v * v for v in values.values()) / len(values)) if values else 0.0


def _bright(scaled: Mapping[str, float]) -> float:
    visible = [scaled[b] for b in ("blue", "green", "red") if b in scaled] or list(scaled.values())
    return float(np.mean(visible)) if visible else 0.0


def _view(scaled: Mapping[str, float], values: Mapping[str, float]) -> View:
    dark = [scaled[b] for b in ("nir", "swir1", "swir2") if b in scaled]
    green = _green(scaled)
    return View(
        bright=_bright(scaled),
        green=green,
        index=_ndvi(values) if {"red", "nir"} <= scaled.keys() else green,
        wet=scaled["green"] - min(dark) if dark and "green" in scaled else None,
        blue=scaled["blue"] - scaled["red"] if {"blue", "red"} <= scaled.keys() else None,
        infrared=min(dark) if dark else None,
    )


def _green(scaled: Mapping[str, float]) -> float | None:
    """Scaled infrared minus red; in a photograph twice the excess of green over red and blue."""
    if {"red", "nir"} <= scaled.keys():
        return scaled["nir"] - scaled["red"]
    if {"red", "green", "blue"} <= scaled.keys():
        return 2.0 * (scaled["green"] - (scaled["red"] + scaled["blue"]) / 2)
    return None


def _ndvi(values: Mapping[str, float]) -> float | None:
    total = values["nir"] + values["red"]
    return (values["nir"] - values["red"]) / total if total > 0 else None


def edge_m2(geometry: BaseGeometry, gsd_m: float) -> float:
    """Half a pixel along the outline of a patch in lon/lat."""
    return 0.5 * gsd_m * _extent(geometry, gsd_m)[3]


def _extent(geometry: BaseGeometry, gsd_m: float) -> tuple[float, float, float, float]:
    """(length, width, span, outline) in m; length and width of the rectangle with this area and outline.

    Stairs of pixels are straightened first: they would lengthen a slanting outline by up to 41 %.
    """
    latitude = math.radians(geometry.centroid.y)
    factors = np.array([111_320.0 * math.cos(latitude), 110_900.0])
    metres = shapely.transform(geometry, lambda xy: (xy - xy.mean(axis=0)) * factors)
    smooth = metres.simplify(0.75 * gsd_m)
    area, half = metres.area, (smooth.length or metres.length) / 2
    root = math.sqrt(max(0.0, half * half - 4 * area))
    length = (half + root) / 2
    span = shapely.minimum_bounding_radius(metres) * 2
    return length, area / length if length else 0.0, float(span), 2 * half


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
