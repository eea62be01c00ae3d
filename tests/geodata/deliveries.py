"""Small deliveries as satellites' suppliers hand them over, with numbers that can be checked by hand."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from tests.geodata.images import UTM49, write

SIZE = 40
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
RPB = 'satId = "????";\nbandId = "?";\nSpecId = "RPC00B";\nBEGIN_GROUP = IMAGE\n'
RPC_TAGS = {
    "LINE_OFF": "20", "SAMP_OFF": "20", "LAT_OFF": "27.8", "LONG_OFF": "112.9", "HEIGHT_OFF": "60",
    "LINE_SCALE": "20", "SAMP_SCALE": "20", "LAT_SCALE": "0.01", "LONG_SCALE": "0.01", "HEIGHT_SCALE": "500",
    "LINE_NUM_COEFF": "0 0 -1 " + "0 " * 17, "LINE_DEN_COEFF": "1 " + "0 " * 19,
    "SAMP_NUM_COEFF": "0 1 0 " + "0 " * 17, "SAMP_DEN_COEFF": "1 " + "0 " * 19,
}  # fmt: skip


def counts(bands: int, size: int = SIZE, step: int = 100) -> NDArray[np.uint16]:
    """Band b holds 100 × b + its column: which band came back where is seen at once."""
    return np.stack([np.full((size, size), step * band) + np.arange(size) for band in range(1, bands + 1)]).astype(
        "uint16"
    )


def xml(root: str, **elements: object) -> str:
    inside = "".join(f"  <{name}>{value}</{name}>\n" for name, value in elements.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>\n{inside}</{root}>\n'


def satellite(
    folder: Path,
    scene: str,
    images: dict[str, int],
    metadata: str,
    *,
    raw: bool = False,
    xml_end: str = ".xml",
    suffix: str = ".tiff",
) -> Path:
    """``folder/scene/`` with one image for each {end of name: bands}, its XML, .rpb and quicklooks.

    raw: not yet on a map (L1A). Panchromatic images have pixels four times as small.
    """
    home = folder / scene
    home.mkdir(parents=True)
    for end, bands in images.items():
        stem = scene + end
        size, pixel = (SIZE, 4) if bands > 1 else (4 * SIZE, 1)
        place: dict[str, Any] = {"transform": Affine(pixel, 0, 700_000, 0, -pixel, 3_080_000), "crs": UTM49}
        if raw:
            place = {"transform": None, "crs": None, "rpcs": None}
            place.pop("rpcs")
        write(home / (stem + suffix), counts(bands, size), **place)
        (home / (stem + xml_end)).write_text(metadata, encoding="utf-8")
        if raw:
            (home / (stem + ".rpb")).write_text(RPB)
        (home / (stem + ".jpg")).write_bytes(JPEG)
        (home / (stem + "_thumb.jpg")).write_bytes(JPEG + b"thumb")
    return home


def gf2(folder: Path, *, raw: bool = False, level: str = "LEVEL2A", time: str = "2024-05-01 11:15:30") -> Path:
    told = xml("ProductMetaData", SatelliteID="GF2", SensorID="PMS1", ProductLevel=level, Bands="1,2,3,4",
               ReceiveTime="2024-05-01 11:20:00", StartTime=time, CenterTime=time)  # fmt: skip
    return satellite(folder, "GF2_PMS1_E112.9_N27.8_20240501_L1A0001501541", {"-MSS1": 4, "-PAN1": 1}, told, raw=raw)


def tarred(home: Path, end: str = ".tar.gz") -> Path:
    """The folder's files in an archive beside it, without the folder."""
    path = home.with_name(home.name + end)
    with tarfile.open(path, "w:gz" if end.endswith("gz") else "w") as out:
        for file in sorted(home.rglob("*")):
            if file.is_file():
                out.add(file, file.relative_to(home).as_posix())
    return path


def zipped(home: Path) -> Path:
    """The folder itself in a .zip beside it."""
    path = home.with_name(home.name + ".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for file in sorted(home.rglob("*")):
            if file.is_file():
                out.write(file, file.relative_to(home.parent).as_posix())
    return path
