"""Sentinel-2 L2A and L1C as ESA delivers it: a SAFE folder with one image a band and MTD_MSI….xml.

Reflectance by the product's own offset and quantification; bands of 20 and 60 m lie on the 10 m grid where asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from geodata import labels, sensors
from geodata.delivery import boa, xmlfile
from geodata.delivery.bundle import Bundle
from geodata.delivery.model import Delivery, Source
from geodata.errors import InputError, MissingOption, UnreadableFile
from geodata.words import Text, both

_METADATA = re.compile(r"MTD_MSIL(1C|2A)\.xml", re.IGNORECASE)
_BAND = re.compile(r"_(B\d\d|B8A|SCL)(?:_([126]0)m)?\.(?:jp2|tiff?)$", re.IGNORECASE)
BAND_IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
"""In the order of ``band_id`` of the metadata."""
ORDER = ("B02", "B03", "B04", "B08", "B05", "B06", "B07", "B8A", "B11", "B12", "B01", "B09", "B10")
"""Of the scene's bands: those of 10 m first."""
WANTED = ("B02", "B03", "B04", "B08", "B11", "B12")
NATIVE = {"B01": 60, "B09": 60, "B10": 60} | dict.fromkeys(("B05", "B06", "B07", "B8A", "B11", "B12"), 20)


def deliveries(bundle: Bundle) -> list[Delivery]:
    """Raises: InputError."""
    return [_delivery(bundle, file) for file in bundle.files if _METADATA.fullmatch(file.name)]


def _delivery(bundle: Bundle, metadata: Path) -> Delivery:
    told = xmlfile.fields(metadata)
    images = _images(bundle, metadata)
    platform = labels.platform_in(told.first("SPACECRAFT_NAME")) or "sentinel-2"
    at = labels.parse_time(told.first("DATATAKE_SENSING_START", "PRODUCT_START_TIME", "SENSING_TIME"), utc=True)
    if at is None:
        raise MissingOption("{path}: neither its name nor its metadata say when it was taken; name it with --acquired,"
                            " for example 2026-05-01.", path=bundle.about)  # fmt: skip
    counts = _counts(metadata, told)
    offsets, notes = _offsets(bundle, told, set(images) - {"SCL"})
    sources = tuple(
        Source(images[band][1], (1,), (sensors.meaning(band, platform).name,), (1 / counts,),
               (offsets[band] / counts,) if offsets else (), wanted=band in WANTED)
        for band in ORDER if band in images
    )  # fmt: skip
    granule = [file for file in bundle.ending("mtd_tl.xml") if metadata.parent in file.parents]
    return Delivery(
        name=metadata.parent.name,
        platform=platform,
        acquired_at=at.at,
        level=metadata.name[7:10].upper(),
        sources=sources,
        chosen=True,
        counts=counts,
        offset_unknown="" if offsets else told.first("PROCESSING_BASELINE") or "?",
        nodata=0.0,
        quality=images["SCL"][1] if "SCL" in images else None,
        quality_codes="scl" if "SCL" in images else None,
        metadata=(metadata, *granule),
        quicklooks=tuple(file for file in bundle.ending("-ql.jpg") if file.parent == metadata.parent),
        notes=tuple(notes),
    )


def _images(bundle: Bundle, metadata: Path) -> dict[str, tuple[int, Path]]:
    """{band: (pixel size in metres, its finest image)}. Raises: InputError (several tiles), UnreadableFile (none)."""
    found: dict[str, tuple[int, Path]] = {}
    tiles = set()
    for file in bundle.files:
        told = _BAND.search(file.name)
        if told is None or metadata.parent not in file.parents or "QI_DATA" in file.parts:
            continue
        tiles.add(file.name[: told.start()])
        band = told[1].upper()
        metres = int(told[2] or NATIVE.get(band, 10))
        if band not in found or metres < found[band][0]:
            found[band] = metres, file
    if len(tiles) > 1:
        raise InputError("{path}: holds {count} tiles ({first} …); name the folder of one product of one tile.",
                         path=bundle.about, count=len(tiles), first=min(tiles))  # fmt: skip
    if not set(found) & set(WANTED):
        raise UnreadableFile("{path}: holds metadata of Sentinel-2 but no image of a band; fetch the product whole.",
                             path=bundle.about)  # fmt: skip
    return found


def _counts(metadata: Path, told: xmlfile.Fields) -> float:
    """How many counts are reflectance 1. Raises: UnreadableFile."""
    text = told.first("BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE")
    counts = xmlfile.number(text) if text else boa.QUANTIFICATION
    if counts is None or counts < 1:
        raise UnreadableFile("{path}: scale and offset of band {band} are missing; fetch the delivery again.",
                             path=metadata.name, band="*")  # fmt: skip
    return counts


def _offsets(bundle: Bundle, told: xmlfile.Fields, bands: set[str]) -> tuple[dict[str, float], list[Text]]:
    """{band: what is added to its counts}, and where that is from; {} where it is not certain."""
    if any(boa.taken_out(_properties(file)) for file in bundle.ending(".json")):
        return dict.fromkeys(bands, 0.0), [boa.said_taken_out()]
    text = told.first("PROCESSING_BASELINE")
    listed = [*told.every("BOA_ADD_OFFSET"), *told.every("RADIO_ADD_OFFSET")]
    numbers = {str(n): band for n, band in enumerate(BAND_IDS)}
    offsets = {numbers[attributes["band_id"]]: offset for attributes, value in listed
               if attributes.get("band_id") in numbers and (offset := xmlfile.number(value)) is not None}  # fmt: skip
    if not offsets and boa.usual(text) == 0.0:
        offsets = dict.fromkeys(bands, 0.0)
    if not bands <= set(offsets):
        return {}, []
    shown = ", ".join(f"{value:g}" for value in sorted({offsets[band] for band in bands}))
    return offsets, [both("processing baseline {baseline}: offset {offset} of the values, from its metadata.",
                          baseline=text or "?", offset=shown)]  # fmt: skip


def _properties(file: Path) -> Mapping[str, object]:
    """The properties of a STAC item beside the product; {} of anything else."""
    try:
        found = json.loads(xmlfile.content(file))
    except (ValueError, RecursionError):
        return {}
    properties = found.get("properties") if isinstance(found, dict) else None
    return properties if isinstance(properties, dict) else {}
