"""Sentinel-2 as a mirror hands it over: images of bands beside a STAC item that says what was done to their values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from geodata import labels, sensors
from geodata.delivery import boa, xmlfile
from geodata.delivery.bundle import IMAGES, Bundle
from geodata.delivery.model import Delivery, Source
from geodata.words import Text, both

WANTED = ("blue", "green", "red", "nir", "swir1", "swir2")
BASELINES = ("s2:processing_baseline", "processing:version", "sentinel:processing_baseline")


def deliveries(bundle: Bundle) -> list[Delivery]:
    """Folders whose STAC item names images that stand in them."""
    return [found for file in bundle.ending(".json") if (found := _delivery(bundle, file))]


def coefficients(properties: Mapping[str, Any], asset: Mapping[str, Any]) -> tuple[float, float] | None:
    """(scale, offset) by which an image of Sentinel-2 turns into reflectance, from its item's ``properties`` and its
    own entry; None where the offset is not certain. An offset that the item says is taken out is not applied again,
    whatever the entry lists."""
    listed = asset.get("raster:bands") or [asset]
    first = listed[0] if isinstance(listed, list) and isinstance(listed[0], dict) else {}
    scale = _number(first.get("scale", first.get("raster:scale"))) or 1 / boa.QUANTIFICATION
    if boa.taken_out(properties):
        return scale, 0.0
    offset = _number(first.get("offset", first.get("raster:offset")))
    if offset is None:
        usual = boa.usual(str(next((properties[name] for name in BASELINES if name in properties), "")))
        offset = None if usual is None else usual * scale
    return None if offset is None else (scale, offset)


def _number(value: object) -> float | None:
    return xmlfile.number(str(value)) if isinstance(value, int | float) else None


def _delivery(bundle: Bundle, file: Path) -> Delivery | None:
    item = _item(file)
    properties = item.get("properties") if isinstance(item.get("properties"), dict) else None
    assets = item.get("assets")
    if not properties or not isinstance(assets, dict):
        return None
    platform = labels.platform_in(f"{properties.get('platform', '')} {properties.get('constellation', '')}")
    at = labels.parse_time(str(properties.get("datetime", "")), utc=True)
    if not platform or not platform.startswith("sentinel-2") or at is None:
        return None
    sources, quality, known = _sources(bundle, file, properties, assets, platform)
    if not sources:
        return None
    notes: list[Text] = [boa.said_taken_out()] if boa.taken_out(properties) else []
    if not notes and known:
        offset = sources[0].offsets[0] / sources[0].scales[0]
        notes = [both("offset {offset} of the values, by its STAC item.", offset=f"{offset:g}")]
    return Delivery(
        name=str(item.get("id", file.stem))[:80],
        platform=platform,
        acquired_at=at.at,
        level="",
        sources=sources,
        chosen=True,
        counts=boa.QUANTIFICATION,
        offset_unknown="" if known else "?",
        nodata=0.0,
        quality=quality,
        quality_codes="scl" if quality else None,
        metadata=(file,),
        notes=tuple(notes),
    )


def _item(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(xmlfile.content(file))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and found.get("type") == "Feature" and "stac_version" in found else {}


def _sources(
    bundle: Bundle, file: Path, properties: Mapping[str, Any], assets: Mapping[str, Any], platform: str
) -> tuple[tuple[Source, ...], Path | None, bool]:
    """The images of bands, the one of SCL, and whether the offset of all is known. Of two of one band (.jp2 and
    .tif) the first counts. An asset's address is looked at for the name at its end only."""
    found: dict[str, Source] = {}
    quality, known = None, True
    for key, asset in assets.items():
        href = asset.get("href") if isinstance(asset, dict) else None
        image = bundle.beside(file, PurePosixPath(str(href)).name) if href else None
        if image is None or not image.name.lower().endswith(IMAGES):
            continue
        told = sensors.meaning(str(key), platform)
        if told.kind == "quality" and told.name == "scl":
            quality = image
        if told.kind != "band" or told.name not in sensors.PLATFORMS[platform].bands.values() or told.name in found:
            continue
        values = coefficients(properties, asset)
        known = known and values is not None
        scale, offset = values or (1 / boa.QUANTIFICATION, 0.0)
        found[told.name] = Source(image, (1,), (told.name,), (scale,), (offset,), wanted=told.name in WANTED)
    ranked = sorted(found.values(), key=lambda source: (WANTED + source.bands).index(source.bands[0]))
    return tuple(ranked), quality, known
