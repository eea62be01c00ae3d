"""[io] The one place where an image file is opened: kinds, limits, what its header says."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._env import get_gdal_config, set_gdal_config
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geodata import limits, safe, sensors
from geodata.errors import EmptyData, UnreadableFile
from geodata.identify import WIDER

KINDS = ("GTiff", "PNG", "JPEG", "JP2OpenJPEG")
"""Drivers that open a file as an image; by content, never by its suffix."""
DTYPES = ("uint8", "uint16", "int16", "float32")
SAMPLE = 512
"""Rows and columns of the sample from which codes of quality bands are told."""


def opened(path: str | os.PathLike[str]) -> DatasetReader:
    """The image at ``path``, its header read and within the limits.

    Untrusted files are opened in a child only (``safe.in_child``). Raises: UnreadableFile.
    """
    file = safe.local_file(path)
    if not file.is_file():
        raise UnreadableFile("{path}: this is a folder; name an image file (GeoTIFF, PNG, JPEG, JPEG 2000).", path=path)
    if file.stat().st_size == 0:
        raise EmptyData("{path}: the file is empty; check that it was copied completely.", path=path)
    try:
        with warnings.catch_warnings(), rasterio.Env():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            kinds = [*KINDS, *limits.current().drivers]
            dataset = DatasetReader(str(file), driver=kinds)  # rasterio.open takes one driver only
    except (RasterioError, CPLE_BaseError):
        raise UnreadableFile(
            "{path}: not an image that is opened here (GeoTIFF, PNG, JPEG, JPEG 2000), or damaged; check the file.",
            path=path,
        ) from None
    try:
        _check_limits(dataset, path)
    except BaseException:
        dataset.close()
        raise
    return dataset


def _check_limits(dataset: DatasetReader, path: object) -> None:
    kinds = set(dataset.dtypes)
    if dataset.count == 0 or len(kinds) > 1 or not kinds <= {*DTYPES, *WIDER}:
        raise UnreadableFile(
            "{path}: pixels of type {dtype} are not read; convert it to 8 or 16 bit integers or 32 bit floats.",
            path=path,
            dtype=", ".join(sorted(kinds)) or "–",
        )
    if dataset.count > limits.current().bands or dataset.width * dataset.height > limits.current().pixels:
        raise UnreadableFile(
            "{path}: it claims {width} × {height} pixels in {count} bands, beyond the limit of {limit} pixels and"
            " {bands} bands; cut it into tiles.",
            path=path,
            width=dataset.width,
            height=dataset.height,
            count=dataset.count,
            limit=limits.current().pixels,
            bands=limits.current().bands,
        )
    rows, columns = dataset.block_shapes[0]
    size = rows * columns * dataset.count * np.dtype(dataset.dtypes[0]).itemsize
    if size > limits.current().block_bytes:
        raise UnreadableFile(
            "{path}: one block of it holds {rows} × {columns} pixels, {mb} MB, beyond the limit of {limit} MB;"
            " write it anew with tiles of 512 pixels.",
            path=path,
            rows=rows,
            columns=columns,
            mb=size // 1024**2,
            limit=limits.current().block_bytes // 1024**2,
        )


CACHE_BYTES = 512 * 1024**2
"""Most that decoded blocks may take in this process."""


def room_for(size: int) -> bool:
    """Makes the cache of decoded blocks hold ``size`` bytes and what it held; False where that is beyond the limit."""
    now = int(get_gdal_config("GDAL_CACHEMAX"))
    if size + size // 8 > CACHE_BYTES:
        return False
    if now < size + size // 8:
        set_gdal_config("GDAL_CACHEMAX", size + size // 8)
    return True


@contextmanager
def reading(path: object) -> Iterator[None]:
    """Turns a failure of reading pixels into a sentence about ``path``."""
    try:
        yield
    except (RasterioError, CPLE_BaseError):
        raise UnreadableFile(
            "{path}: some of its pixels cannot be read, the file is damaged or incomplete; fetch it again.", path=path
        ) from None


def describe(path: str | os.PathLike[str], *, codes: bool = False) -> dict[str, Any]:
    """What the header of an image says, read in a child process.

    Keys: driver, width, height, count, dtype, crs (WKT or None), transform (a b c d e f),
    georeferenced, gcps, rpcs, rpc (its tags), nodata, mask ("none", "nodata", "alpha", "mask"), descriptions,
    colors, tags, band_tags, scales, offsets; samples {band number: values present} of bands that
    look like quality or alpha (``codes``: of every band); below_zero: share of values below 0 in a
    radar image of floats, else None; block, size_bytes.

    Raises: UnreadableFile, EmptyData.
    """
    return safe.in_child("geodata.imagefile:describe_here", str(path), codes, about=path)


def describe_here(path: str, codes: bool = False) -> dict[str, Any]:
    """``describe`` in this process: for the child, and for files of ours."""
    with opened(path) as dataset, reading(path):
        found = header(dataset)
        found["samples"] = {
            number: _values_present(dataset, number)
            for number, (text, color) in enumerate(zip(found["descriptions"], found["colors"], strict=True), start=1)
            if color == "alpha" or codes or sensors.meaning(text, None).kind in ("quality", "alpha")
        }
        found["below_zero"] = _below_zero(dataset, found)
    return found


def header(dataset: DatasetReader) -> dict[str, Any]:
    tags = dict(dataset.tags())
    for domain in ("IMAGERY", "SENSOR", "XMP_STAC"):
        tags.update(dataset.tags(ns=domain))
    transform = dataset.transform
    return {
        "driver": dataset.driver,
        "width": dataset.width,
        "height": dataset.height,
        "count": dataset.count,
        "dtype": dataset.dtypes[0],
        "crs": dataset.crs.to_wkt() if dataset.crs else None,
        "transform": tuple(transform)[:6],
        "georeferenced": not transform.is_identity,
        "gcps": len(dataset.gcps[0]),
        "rpcs": bool(dataset.tags(ns="RPC")),
        "rpc": dict(dataset.tags(ns="RPC")),
        "nodata": dataset.nodata,
        "mask": _mask(dataset),
        "descriptions": [text or None for text in dataset.descriptions],
        "colors": _colors(dataset),
        "tags": tags,
        "band_tags": [dataset.tags(number) for number in dataset.indexes],
        "scales": [float(v) for v in dataset.scales],
        "offsets": [float(v) for v in dataset.offsets],
        "block": dataset.block_shapes[0],
        "size_bytes": Path(dataset.name).stat().st_size,
    }


def _colors(dataset: DatasetReader) -> list[str]:
    try:
        return [color.name for color in dataset.colorinterp]
    except ValueError:  # an interpretation that rasterio has no name for
        return ["undefined"] * dataset.count


def _mask(dataset: DatasetReader) -> str:
    flags = dataset.mask_flag_enums[0]
    if MaskFlags.alpha in flags or ColorInterp.alpha.name in _colors(dataset):
        return "alpha"
    if MaskFlags.nodata in flags:
        return "nodata"
    return "mask" if MaskFlags.per_dataset in flags else "none"


def _below_zero(dataset: DatasetReader, found: dict[str, Any]) -> float | None:
    number = next(
        (
            n
            for n, text in enumerate(found["descriptions"], start=1)
            if sensors.meaning(text, None).name in sensors.RADAR
        ),
        0,
    )
    if number == 0 or dataset.dtypes[0] != "float32":
        return None
    shape = (min(SAMPLE, dataset.height), min(SAMPLE, dataset.width))
    sample = dataset.read(number, out_shape=shape, resampling=Resampling.nearest)
    seen = sample[np.isfinite(sample) & (sample != 0) & (sample != (found["nodata"] or 0))]
    return float((seen < 0).mean()) if seen.size else None


def _values_present(dataset: DatasetReader, number: int) -> list[int]:
    shape = (min(SAMPLE, dataset.height), min(SAMPLE, dataset.width))
    sample: NDArray[Any] = dataset.read(number, out_shape=shape, resampling=Resampling.nearest)
    if sample.dtype.kind == "f":
        sample = sample[np.isfinite(sample)]
    return sorted({int(v) for v in np.unique(sample)[:4096]})


def read_window(
    dataset: DatasetReader,
    indexes: list[int] | int,
    window: tuple[int, int, int, int],
    out_shape: tuple[int, int] | None = None,
    resampling: Resampling = Resampling.average,
) -> NDArray[Any]:
    """Rows y0:y1 and columns x0:x1 of ``window`` = (y0, y1, x0, x1), shrunk to ``out_shape`` if given."""
    y0, y1, x0, x1 = window
    area = Window(x0, y0, x1 - x0, y1 - y0)
    if out_shape is None:
        return dataset.read(indexes, window=area)
    shape = out_shape if isinstance(indexes, int) else (len(indexes), *out_shape)
    return dataset.read(indexes, window=area, out_shape=shape, resampling=resampling)
