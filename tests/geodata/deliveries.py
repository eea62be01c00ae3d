"""Small deliveries as satellites' suppliers hand them over, with numbers that can be checked by hand."""

from __future__ import annotations

import json
import re
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


# --- Sentinel-2 ----------------------------------------------------------------------------------

TEN, TWENTY = ("B02", "B03", "B04", "B08"), ("B05", "B11", "B12")
VALUES = {"B02": 1500, "B03": 1600, "B04": 1700, "B08": 4000, "B05": 2000, "B11": 3000, "B12": 2500}
"""Counts of each band; the pixel in the north-western corner of 20 m holds 100 more."""


def _band(path: Path, value: int, metres: int, dtype: str = "uint16") -> Path:
    size = SIZE * 10 // metres
    values = np.full((1, size, size), value, dtype)
    values[0, 0, 0] += 100 if dtype == "uint16" else 0
    driver: dict[str, Any] = {}
    if path.suffix == ".jp2":
        driver = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES", "photometric": None}
    path.parent.mkdir(parents=True, exist_ok=True)
    return write(path, values, transform=Affine(metres, 0, 700_000, 0, -metres, 3_080_000), **driver)


def sentinel2(
    folder: Path, *, baseline: str = "05.09", offset: int | None = -1000, level: str = "L2A", end: str = ".jp2"
) -> Path:
    """A SAFE folder of tile 49RFL. offset: as its metadata list it, None = they list none."""
    name = f"S2B_MSI{level}_20240501T031539_N{baseline.replace('.', '')}_R118_T49RFL_20240501T062000.SAFE"
    home = folder / name
    images = home / "GRANULE" / f"{level}_T49RFL_A037000_20240501T032500" / "IMG_DATA"
    l2a = level == "L2A"
    for band in (*TEN, *TWENTY):
        metres = 10 if band in TEN else 20
        at = images / f"R{metres}m" if l2a else images
        _band(at / f"T49RFL_20240501T031539_{band}{f'_{metres}m' if l2a else ''}{end}", VALUES[band], metres)
    tag, counts_tag = (
        ("BOA_ADD_OFFSET", "BOA_QUANTIFICATION_VALUE") if l2a else ("RADIO_ADD_OFFSET", "QUANTIFICATION_VALUE")
    )
    listed = "" if offset is None else "".join(f'<{tag} band_id="{n}">{offset}</{tag}>' for n in range(13))
    if l2a:
        _band(images / "R20m" / f"T49RFL_20240501T031539_SCL_20m{end}", 4, 20, "uint8")
    (home / f"MTD_MSI{level}.xml").write_text(
        f'<?xml version="1.0"?><n1:Level-{level[1:]}_User_Product xmlns:n1="urn:x"><n1:General_Info>'
        f"<PRODUCT_START_TIME>2024-05-01T03:15:39.024Z</PRODUCT_START_TIME><PROCESSING_BASELINE>{baseline}"
        "</PROCESSING_BASELINE><SPACECRAFT_NAME>Sentinel-2B</SPACECRAFT_NAME>"
        "<DATATAKE_SENSING_START>2024-05-01T03:15:39.024Z</DATATAKE_SENSING_START>"
        f'<{counts_tag} unit="none">10000</{counts_tag}>{listed}</n1:General_Info></n1:Level-{level[1:]}_User_Product>'
    )
    return home


def mirrored(folder: Path, *, applied: bool | None, offset: float | None = -0.1) -> Path:
    """Bands of Sentinel-2 beside a STAC item, as Earth Search offers them."""
    home = folder / "S2B_49RFL_20240501_0_L2A"
    listed = {"scale": 0.0001} | ({} if offset is None else {"offset": offset})
    assets: dict[str, Any] = {}
    for key, band in {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11"}.items():
        _band(home / f"{band}.tif", VALUES[band], 10 if band in TEN else 20)
        assets[key] = {"href": f"https://example.invalid/49/R/FL/{band}.tif", "raster:bands": [listed]}
    _band(home / "SCL.tif", 4, 20, "uint8")
    assets["scl"] = {"href": "https://example.invalid/49/R/FL/SCL.tif"}
    properties: dict[str, Any] = {"datetime": "2024-05-01T03:15:39.024Z", "platform": "sentinel-2b"}
    if applied is not None:
        properties["earthsearch:boa_offset_applied"] = applied
    item = {"type": "Feature", "stac_version": "1.0.0", "id": home.name, "properties": properties, "assets": assets}
    (home / "item.json").write_text(json.dumps(item))
    return home


# --- Landsat -------------------------------------------------------------------------------------


def landsat(folder: Path, *, level: str = "L2SP", json_mtl: bool = False) -> Path:
    """Landsat 8, Collection 2; the MTL of level 2 holds the coefficients of both levels, as real ones do."""
    name = f"LC08_{level}_123040_20240501_20240511_02_T1"
    home = folder / name
    l2 = level.startswith("L2")
    contents = {"LANDSAT_PRODUCT_ID": name, "PROCESSING_LEVEL": level, "COLLECTION_NUMBER": "02"}
    for number in range(1, 8):
        file = f"{name}_{'SR_' if l2 else ''}B{number}.TIF"
        _landsat_band(home / file, 10_000 + 1000 * number)
        contents[f"FILE_NAME_BAND_{number}"] = file
    _landsat_band(home / f"{name}_QA_PIXEL.TIF", 21_824)  # clear
    contents["FILE_NAME_QUALITY_L1_PIXEL"] = f"{name}_QA_PIXEL.TIF"
    (home / f"{name}_thumb_small.jpeg").write_bytes(JPEG)
    image = {"SPACECRAFT_ID": "LANDSAT_8", "SENSOR_ID": "OLI_TIRS", "DATE_ACQUIRED": "2024-05-01",
             "SCENE_CENTER_TIME": "02:57:13.1234560Z", "SUN_ELEVATION": "30.0"}  # fmt: skip
    one = {
        f"REFLECTANCE_{what}_BAND_{n}": value
        for n in range(1, 8)
        for what, value in (("MULT", "2.0E-05"), ("ADD", "-0.1"))
    }
    two = {
        f"REFLECTANCE_{what}_BAND_{n}": value
        for n in range(1, 8)
        for what, value in (("MULT", "2.75e-05"), ("ADD", "-0.2"))
    }
    groups = {"PRODUCT_CONTENTS": contents, "IMAGE_ATTRIBUTES": image}
    groups |= {"LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": two} if l2 else {}
    groups["LEVEL1_RADIOMETRIC_RESCALING"] = one
    if json_mtl:
        (home / f"{name}_MTL.json").write_text(json.dumps({"LANDSAT_METADATA_FILE": groups}))
        return home
    lines = ["GROUP = LANDSAT_METADATA_FILE"]
    for group, values in groups.items():
        quoted = [f"    {k} = " + (v if re.fullmatch(r"[-\d.eE]+", v) else f'"{v}"') for k, v in values.items()]
        lines += [f"  GROUP = {group}", *quoted, f"  END_GROUP = {group}"]
    (home / f"{name}_MTL.txt").write_text("\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END"]))
    return home


def _landsat_band(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, np.full((1, SIZE, SIZE), value, "uint16"), transform=Affine(30, 0, 700_000, 0, -30, 3_080_000))


# --- PlanetScope, Sentinel-1 ---------------------------------------------------------------------


def planet(folder: Path, *, bands: int = 4, surface: bool = True, coefficients: bool = True) -> Path:
    home = folder / "20240501_023015_12_2401"
    home.mkdir(parents=True)
    more = "_8b" if bands == 8 else ""
    name = f"20240501_023015_12_2401_3B_AnalyticMS{'_SR' if surface else ''}{more}"
    write(home / f"{name}.tif", counts(bands, step=1000))
    mask = np.zeros((8, SIZE, SIZE), "uint8")
    mask[0], mask[5, 0, 0], mask[2, 0, 1], mask[7, -1, -1] = 1, 1, 1, 1
    write(home / "20240501_023015_12_2401_3B_udm2.tif", mask)
    each = "".join(
        f"<ps:bandSpecificMetadata><ps:bandNumber>{n}</ps:bandNumber><ps:reflectanceCoefficient>{n}e-05"
        "</ps:reflectanceCoefficient></ps:bandSpecificMetadata>"
        for n in range(1, bands + 1)
    )
    (home / f"20240501_023015_12_2401_3B_AnalyticMS{more}_metadata.xml").write_text(
        '<ps:EarthObservation xmlns:ps="urn:p" xmlns:eop="urn:e"><eop:acquisitionDate>2024-05-01T02:30:15+00:00'
        f"</eop:acquisitionDate>{each if coefficients else ''}</ps:EarthObservation>"
    )
    return home


def sentinel1(folder: Path, *, decibel: bool) -> Path:
    """VV and VH on the map; the first five columns are border noise, the last two rows not observed."""
    power = np.full((2, SIZE, SIZE), 0.1, "float32")
    power[1] = 0.01
    power[:, :, :5] = 0.0002
    values = 10 * np.log10(power) if decibel else power
    values[:, -2:] = np.nan if decibel else 0
    folder.mkdir(parents=True, exist_ok=True)
    name = "S1A_IW_GRDH_1SDV_20240501T103012_20240501T103037_053680_068517_0A1B.tif"
    return write(folder / name, values, names=("Sigma0_VV", "Sigma0_VH"))
