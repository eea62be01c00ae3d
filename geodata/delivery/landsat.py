"""Landsat 4 to 9, Collection 2, level 1 and 2: one image a band and an MTL in text or JSON.

Level 2: reflectance = DN × REFLECTANCE_MULT + REFLECTANCE_ADD of its own group (level 1's stand in the same file).
Level 1: the same by level 1's group, divided by the sine of the sun's elevation (USGS, Landsat 8-9 Data Users
Handbook).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path

from geodata import labels, sensors
from geodata.delivery import xmlfile
from geodata.delivery.bundle import Bundle
from geodata.delivery.model import Delivery, Source
from geodata.errors import InputError, MissingOption, UnreadableFile
from geodata.words import Text, both

WANTED = ("blue", "green", "red", "nir", "swir1", "swir2")
APART = ("pan", "thermal2", "cirrus")
"""Bands that are of another grid or are no look at the ground."""
Groups = Mapping[str, Mapping[str, str]]


def deliveries(bundle: Bundle) -> list[Delivery]:
    """Raises: InputError."""
    texts = bundle.ending("_mtl.txt")
    stems = {file.stem for file in texts}
    files = [*texts, *(file for file in bundle.ending("_mtl.json") if file.stem not in stems)]
    return [_delivery(bundle, file) for file in files]


def groups(file: Path) -> Groups:
    """{group: {key: value}} of an MTL. Raises: UnreadableFile."""
    text = xmlfile.content(file).decode("utf-8", "replace")
    if file.suffix.lower() == ".json":
        return _from_json(file, text)
    found: dict[str, dict[str, str]] = {}
    names: list[str] = []
    for line in text.splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        if key == "GROUP":
            names.append(value)
        elif key == "END_GROUP":
            names = names[:-1]
        elif equals and names:
            found.setdefault(names[-1], {})[key] = value.strip('"')
    return found


def _from_json(file: Path, text: str) -> Groups:
    try:
        inside = json.loads(text)["LANDSAT_METADATA_FILE"]
        return {
            group: {key: str(value) for key, value in values.items() if not isinstance(value, dict | list)}
            for group, values in inside.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UnreadableFile("{path}: is no MTL of Landsat; fetch the delivery again.", path=file.name) from None


def _delivery(bundle: Bundle, metadata: Path) -> Delivery:
    told = groups(metadata)
    contents, image = told.get("PRODUCT_CONTENTS", {}), told.get("IMAGE_ATTRIBUTES", {})
    platform = labels.platform_in(image.get("SPACECRAFT_ID", "").replace("_", "-"))
    level = contents.get("PROCESSING_LEVEL", "")
    if not platform or not platform.startswith("landsat-") or level[:2] not in ("L1", "L2"):
        raise InputError("{path}: is no delivery of Landsat 4 to 9, Collection 2, level 1 or 2; fetch it as such.",
                         path=bundle.about)  # fmt: skip
    at = labels.parse_time(f"{image.get('DATE_ACQUIRED', '')}T{_clock(image.get('SCENE_CENTER_TIME', ''))}", utc=True)
    if at is None:
        raise MissingOption("{path}: neither its name nor its metadata say when it was taken; name it with --acquired,"
                            " for example 2026-05-01.", path=bundle.about)  # fmt: skip
    quality = _file(bundle, metadata, contents.get("FILE_NAME_QUALITY_L1_PIXEL", ""))
    return Delivery(
        name=metadata.stem.removesuffix("_MTL"),
        platform=platform,
        acquired_at=at.at,
        level=level,
        sources=_sources(bundle, metadata, platform, told),
        chosen=True,
        nodata=0.0,
        quality=quality,
        quality_codes="qa_pixel" if quality else None,
        metadata=(metadata,),
        quicklooks=tuple(file for file in bundle.ending("_thumb_small.jpeg", "_thumb_large.jpeg")
                         if file.parent == metadata.parent),
        notes=(_said(level),),
    )  # fmt: skip


def _clock(text: str) -> str:
    """The hour, minute and second of "02:57:13.1234560Z"."""
    found = re.match(r"\d\d:\d\d:\d\d", text)
    return found[0] if found else ""


def _file(bundle: Bundle, metadata: Path, name: str) -> Path | None:
    """A file that the MTL names, only if it stands beside it."""
    return bundle.beside(metadata, name) if name else None


def _sources(bundle: Bundle, metadata: Path, platform: str, told: Groups) -> tuple[Source, ...]:
    """Raises: UnreadableFile where bands or their coefficients are missing."""
    contents = told["PRODUCT_CONTENTS"]
    found: list[Source] = []
    for number, name in sensors.PLATFORMS[platform].bands.items():
        thermal = name == "thermal"
        key = f"ST_B{number}" if thermal else str(number)
        file = _file(bundle, metadata, contents.get(f"FILE_NAME_BAND_{key}", ""))
        if file is None or name in APART:
            continue
        scale, offset = _coefficients(metadata, told, key, thermal)
        found.append(Source(file, (1,), (name,), (scale,), (offset,), wanted=name in WANTED))
    if missing := set(WANTED) - {source.bands[0] for source in found}:
        raise UnreadableFile("{path}: the images of bands {names} are missing; fetch the delivery whole.",
                             path=bundle.about, names=", ".join(sorted(missing)))  # fmt: skip
    return tuple(sorted(found, key=lambda source: not source.wanted))


def _coefficients(metadata: Path, told: Groups, key: str, thermal: bool) -> tuple[float, float]:
    """(scale, offset) of a band. Raises: UnreadableFile."""
    level = told["PRODUCT_CONTENTS"]["PROCESSING_LEVEL"][:2]
    kind = "TEMPERATURE" if thermal else "REFLECTANCE"
    group = "LEVEL1_RADIOMETRIC_RESCALING" if level == "L1" else f"LEVEL2_SURFACE_{kind}_PARAMETERS"
    values, image = told.get(group, {}), told.get("IMAGE_ATTRIBUTES", {})
    scale, offset = (xmlfile.number(values.get(f"{kind}_{what}_BAND_{key}", "")) for what in ("MULT", "ADD"))
    elevation = xmlfile.number(image.get("SUN_ELEVATION", "")) if level == "L1" else 90.0
    if not scale or offset is None or elevation is None or not 0 < elevation <= 90:
        raise UnreadableFile("{path}: scale and offset of band {band} are missing; fetch the delivery again.",
                             path=metadata.name, band=key)  # fmt: skip
    sun = math.sin(math.radians(elevation))
    return scale / sun, offset / sun


def _said(level: str) -> Text:
    if level.startswith("L1"):
        return both("reflectance at the top of the atmosphere, by the coefficients and the sun's elevation of its MTL.")
    return both("surface reflectance by the coefficients of its MTL.")
