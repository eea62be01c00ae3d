"""PlanetScope: an image of 4 or 8 bands beside its metadata (XML or JSON) and usable data mask (UDM2)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from geodata import labels
from geodata.delivery import xmlfile
from geodata.delivery.bundle import Bundle
from geodata.delivery.model import Delivery, Source
from geodata.errors import MissingOption
from geodata.sensors import BGRN
from geodata.words import Text, both

_NAME = re.compile(r"^((\d{8}_\d{6})_.*3B)_AnalyticMS((?:_8b|_SR|_SR_8b)?)((?:_harmonized)?(?:_clip)?)$", re.IGNORECASE)
BANDS = {4: BGRN, 8: ("coastal", "blue", "green_i", "green", "yellow", "red", "rededge1", "nir")}
"""Planet, PlanetScope product specification: order of the bands of both kinds of file."""
SR_COUNTS = 10_000.0


def deliveries(bundle: Bundle) -> list[Delivery]:
    """One for each scene: its surface reflectance where that is there, else its radiance. Raises: MissingOption."""
    found: dict[str, tuple[bool, Path]] = {}
    for file in bundle.ending(".tif", ".tiff"):
        if (told := _NAME.match(file.stem)) and (bundle.only in (None, file) or told[1] not in found):
            surface = "sr" in told[3].lower()
            if told[1] not in found or (surface and not found[told[1]][0]) or bundle.only == file:
                found[told[1]] = surface, file
    return [_delivery(bundle, scene, file, surface) for scene, (surface, file) in found.items()]


def _delivery(bundle: Bundle, scene: str, file: Path, surface: bool) -> Delivery:
    name = _NAME.match(file.stem)
    assert name
    count = 8 if "8b" in name[3].lower() else 4
    beside = [other for other in bundle.files if other.parent == file.parent and other.name.startswith(scene[:-3])]
    metadata = [other for other in beside if re.search(r"_metadata(_clip)?\.(xml|json)$", other.name, re.IGNORECASE)]
    told = next((xmlfile.fields(other) for other in metadata if other.suffix.lower() == ".xml"), None)
    time = (told.first("acquisitionDateTime", "acquisitionDate") if told else "") or _acquired(metadata)
    at = labels.parse_time(time, utc=True) or labels.parse_time(name[2], utc=True)
    if at is None:
        raise MissingOption("{path}: neither its name nor its metadata say when it was taken; name it with --acquired,"
                            " for example 2026-05-01.", path=bundle.about)  # fmt: skip
    scales, note = _scales(told, count, surface)
    udm2 = next((other for other in beside if re.search(r"_udm2(_clip)?\.tiff?$", other.name, re.IGNORECASE)), None)
    return Delivery(
        name=scene,
        platform="planetscope",
        acquired_at=at.at,
        level="SR" if surface else "TOA",
        sources=(Source(file, tuple(range(1, count + 1)), BANDS[count], scales, (0.0,) * count),),
        nodata=0.0,
        quality=udm2,
        quality_codes="quality_bits" if udm2 else None,
        metadata=tuple(metadata),
        notes=(note,),
    )


def _acquired(metadata: list[Path]) -> str:
    """The time in a metadata file in JSON, or ""."""
    for file in metadata:
        try:
            found: Any = json.loads(xmlfile.content(file)) if file.suffix.lower() == ".json" else {}
            if text := found.get("properties", found).get("acquired"):
                return str(text)
        except (ValueError, AttributeError, RecursionError):
            continue
    return ""


def _scales(told: xmlfile.Fields | None, count: int, surface: bool) -> tuple[tuple[float, ...], Text]:
    """What counts are multiplied by, one a band, and what is to be said of it."""
    if surface:
        return (1 / SR_COUNTS,) * count, both("surface reflectance: values are divided by 10000.")
    texts = [text for _, text in told.every("reflectanceCoefficient")] if told else []
    values = tuple(value for text in texts if (value := xmlfile.number(text)))
    if len(values) == count:
        return values, both("reflectance at the top of the atmosphere, by the coefficients of its metadata.")
    return (1.0,) * count, both(
        "values are the provider's counts: its metadata give no coefficients for {count} bands.", count=count
    )
