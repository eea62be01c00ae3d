"""Real pairs in which crops changed and nothing was built, and copies of one image that differ in nothing real."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

import geodata  # noqa: F401  (guards GDAL before it is imported)
from geodata.rasterfile import GridWriter, open_pixels
from pipeline.changes import cell_area_m2

BELGIUM = "worldcereal_s1s2_monthly", "worldcereal_belgium_s1s2_20m"
CLEAR = 0.5
"""Share of a monthly composite that must be valid for it to be taken."""


@dataclass(frozen=True)
class Unbuilt:
    """gsd_m: where the file does not tell."""

    group: str
    name: str
    before: Path
    after: Path
    gsd_m: float | None = None


def real(data: Path, folder: Path) -> Iterator[Unbuilt]:
    """Consecutive dates of each series. folder: where files with the bands of one date are written."""
    yield from _series("naip", sorted((data / "naip_prairie_5m").glob("*.tif"), key=lambda p: p.stem[-8:]))
    austria = data / "s2_ftw_austria_2windows" / "inference-img.tif"
    if austria.exists():
        yield Unbuilt("austria", "2 windows", *split(austria, folder))
    yield from _series("washington", sorted(data.glob("s2_cultionet_fields_wa/time_series_vars/*/evi2/*.tif")))
    for place in BELGIUM:
        yield from _series("belgium", [p for p in sorted((data / place / "tif").glob("S2_*.tif")) if clear(p)])
    dates = [p for p in sorted((data / "s2_chilanga_field").glob("*.tif")) if clear(p)]
    yield from _series("chilanga", dates)


def _series(group: str, files: list[Path]) -> Iterator[Unbuilt]:
    for before, after in pairwise(files):
        yield Unbuilt(group, f"{before.stem[-8:]} {after.stem[-8:]}", before, after)


def clear(path: Path) -> bool:
    with open_pixels(path) as pixels:
        rows, columns = pixels.geobox.shape
        return bool(pixels.read((slice(0, rows), slice(0, columns))).valid.mean() >= CLEAR)


def split(path: Path, folder: Path) -> tuple[Path, Path]:
    with open_pixels(path) as pixels:
        rows, columns = pixels.geobox.shape
        values, grid = pixels.read((slice(0, rows), slice(0, columns))).values, pixels.geobox
    halves = folder / "austria_1.tif", folder / "austria_2.tif"
    for file, half in zip(halves, (values[:4], values[4:]), strict=True):
        _write(file, half, grid, "uint16")
    return halves


BASES = {
    "landsat": ("taizhou_landsat/20000317_L7ETM_dn.tif", None),
    "naip": ("naip_prairie_5m/m_4709963_se_14_1_20160816.tif", None),
    "austria": ("s2_ftw_austria_2windows/inference-img.tif", None),
    "szada": ("sztaki_szada_aerial/A/szada_train1.png", 1.5),
    "dsifn": ("dsifn_samples/A/1_1.png", 2.0),
    "levir": ("levir_cd_samples/A/test_77_0512_0256.png", 0.5),
}
"""One image of each kind, and its GSD where the file does not tell."""


def copies(data: Path, folder: Path) -> Iterator[Unbuilt]:
    """Each base image against itself: unchanged, moved, in another tone, with haze, with noise."""
    for name, (base, gsd_m) in BASES.items():
        path = data / base
        if not path.exists():
            continue
        with open_pixels(path) as pixels:
            rows, columns = pixels.geobox.shape
            values, grid = pixels.read((slice(0, rows), slice(0, columns))).values, pixels.geobox
        values = values[:4] if name == "austria" else values[: min(len(values), 6)]
        dtype = "uint16" if values.max() > 255 else "uint8"
        first = folder / f"{name}.tif"
        _write(first, values, grid, dtype)
        for how, other in _altered(values, 65_535 if dtype == "uint16" else 255):
            second = folder / f"{name} {how}.tif"
            _write(second, other, grid, dtype)
            yield Unbuilt(how, name, first, second, gsd_m)


def _altered(values: NDArray[np.float32], most: float) -> Iterator[tuple[str, NDArray[np.float32]]]:
    rng = np.random.default_rng(1)
    spread = np.nanstd(values, axis=(1, 2), keepdims=True)
    level = np.nanmean(values, axis=(1, 2), keepdims=True)
    yield "identical", values
    yield "moved 0.5 px", _moved(values, 0.5)
    yield "moved 1 px", _moved(values, 1.0)
    yield "gain and offset", 1.15 * values + 0.2 * spread
    yield "noise", values + rng.normal(0, 0.1, values.shape) * spread
    rows, columns = values.shape[1:]
    coarse = cv2.resize(rng.random((4, 4)).astype(np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC)
    veil = 0.3 * np.clip(coarse, 0, 1)  # up to 30 % of the light is the veil's
    yield "haze", values * (1 - veil) + veil * np.minimum(level + 2 * spread, most)


def _moved(values: NDArray[np.float32], px: float) -> NDArray[np.float32]:
    """By so much to the right and down, interpolated between pixels."""
    matrix = np.array([[1, 0, px], [0, 1, px]], np.float32)
    size = values.shape[2], values.shape[1]
    return np.stack(
        [cv2.warpAffine(b, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT) for b in values]
    )


def _write(path: Path, values: NDArray[np.float32], grid: GeoBox, dtype: str) -> None:
    rows, columns = values.shape[1:]
    whole = np.clip(np.round(np.nan_to_num(values)), 0, np.iinfo(dtype).max).astype(dtype)
    with GridWriter(path, grid, dtype, len(values)) as out:
        for y in range(0, rows, 512):
            roi = (slice(y, min(y + 512, rows)), slice(0, columns))
            out.write(roi, whole[:, roi[0]])


def km2(pair: Unbuilt) -> float:
    """Ground of the whole pair."""
    with open_pixels(pair.before) as pixels:
        cell = cell_area_m2(pixels.geobox) or (pair.gsd_m or 1.0) ** 2
        return cell * pixels.geobox.shape[0] * pixels.geobox.shape[1] / 1e6
