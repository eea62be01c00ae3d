"""[io] Sentinel-1 GRD: refused in radar geometry (its SAFE), taken as a GeoTIFF on the map, in dB or linear.

Which of both it is shows in its values: linear backscatter is never below 0, in dB land lies below 0.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from geodata import imagefile, labels
from geodata.delivery.bundle import RADAR, Bundle
from geodata.delivery.model import Delivery, Source
from geodata.errors import UnreadableFile
from geodata.words import Text, both

_TOLD = re.compile(r"(?<![a-z])(vv|vh|hh|hv)(?![a-z])", re.IGNORECASE)
DARK_DB = -30.0
"""Border noise is darker than this in every polarisation; land never is (its noise floor is at −22 dB and above)."""
SAMPLE = 512
OF_DB = 0.02
"""Share of values below 0 from which on they are dB; resampling of linear values may leave a few."""


def deliveries(bundle: Bundle) -> list[Delivery]:
    """Raises: UnreadableFile for a product in radar geometry; MissingOption."""
    for manifest in bundle.ending("manifest.safe"):
        if RADAR.search(manifest.parent.name) or any("measurement" in file.parts for file in bundle.files):
            raise UnreadableFile("{path}: is Sentinel-1 in radar geometry, without a map projection; correct it for the"
                                 " terrain first (for example with SNAP) and add the GeoTIFF.", path=bundle.about
                                 )  # fmt: skip
    images = [file for file in bundle.ending(".tif", ".tiff") if RADAR.search(file.name)]
    return [_delivery(file) for file in images if bundle.only in (None, file)]


def _delivery(file: Path) -> Delivery:
    header = imagefile.describe_here(str(file))
    times = labels.facts_in_name(file.stem).times
    platform = labels.platform_in(file.stem)
    assert platform
    if header["gcps"] and not header["georeferenced"]:
        raise UnreadableFile("{path}: is Sentinel-1 in radar geometry, without a map projection; correct it for the"
                             " terrain first (for example with SNAP) and add the GeoTIFF.", path=file.name)  # fmt: skip
    if not times:
        raise UnreadableFile("{path}: its name does not say when it was taken; name it as Sentinel-1 products are"
                             " named.", path=file.name)  # fmt: skip
    border, note = _values(file, header["dtype"])
    return Delivery(
        name=file.stem,
        platform=platform,
        acquired_at=times[0].at,
        level="GRD",
        sources=(Source(file, (), _bands(file, header["descriptions"])),),
        nodata=0.0 if border != DARK_DB else None,
        border=border,
        notes=(note,),
    )


def _bands(file: Path, descriptions: list[str | None]) -> tuple[str, ...]:
    """By the file's descriptions, or the only polarisation that its name tells; () where neither is certain."""
    told = [found[1].lower() if (found := _TOLD.search(text or "")) else "" for text in descriptions]
    if all(told) and len(set(told)) == len(told):
        return tuple(told)
    in_name = {found.lower() for found in _TOLD.findall(file.stem)}
    return tuple(in_name) if len(descriptions) == len(in_name) == 1 else ()


def _values(file: Path, dtype: str) -> tuple[float | None, Text]:
    """(the value below which a pixel at the edge is border noise, None = not known; what the values are)."""
    if dtype != "float32":
        return None, both("radar: values are counts that are not calibrated.")
    with imagefile.opened(file) as dataset, imagefile.reading(file.name):
        shape = (min(SAMPLE, dataset.height), min(SAMPLE, dataset.width))
        sample = dataset.read(1, out_shape=shape)
    seen = sample[np.isfinite(sample) & (sample != 0)]
    if seen.size and float((seen < 0).mean()) > OF_DB:
        return DARK_DB, both("radar: values are backscatter in dB; noise at the border is left out.")
    return 10 ** (DARK_DB / 10), both("radar: values are linear backscatter; noise at the border is left out.")
