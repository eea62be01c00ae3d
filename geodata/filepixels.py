"""[io] The pixels of an image file, read by windows, on its own grid or warped onto another."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.io import DatasetReader

from geodata import grids, imagefile, resample, sensors
from geodata.errors import CRSMissing, MissingOption, UnreadableFile
from geodata.scene import ROI, Raster


class FilePixels:
    """A file's pixels (``scene.Pixels``). The file is opened at the first read and shut by ``close()``.

    It can be pickled and copied to another process: it travels by path and is opened there anew.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        bands: Sequence[str] | None = None,
        quality_codes: str | None = None,
        quality_path: str | os.PathLike[str] | None = None,
        scale: float | Sequence[float] = 1.0,
        offset: float | Sequence[float] = 0.0,
        nodata: float | Literal["tag"] | None = "tag",
        saturation: float | None = None,
        crs: str | None = None,
        onto: GeoBox | None = None,
        shift_m: tuple[float, float] = (0.0, 0.0),
        plane: bool = False,
    ) -> None:
        """An image's pixels, on its own grid or on ``onto``.

        bands: names of all bands in the file's order (an alpha or quality band among them is told by
        its name); None = by the file's own descriptions, else ``band1``, ``band2`` ….
        nodata: "tag" = what the file declares. scale, offset: applied to values, one or one a band.
        onto: read by window where the grids differ by whole pixels, shifted by cubic convolution where
        they differ by a part of one, else warped; coarser grids get the mean of what they cover.
        shift_m: the image is moved by (east, north) metres on the target grid before that.
        Without georeference ``geobox.crs`` is None. plane: whatever it claims, it lies on rows and columns alone.

        Files of strangers are opened in a child (``safe.in_child``). Raises: UnreadableFile,
        MissingOption where ``bands`` do not fit, CRSMissing.
        """
        self.path = Path(path)
        self.saturation = saturation
        self._open: dict[Path, DatasetReader] = {}
        self._lock = threading.RLock()
        self._borrows = False
        header = imagefile.header(self._dataset(self.path))
        self.dtype: str = header["dtype"]
        self._mask = header["mask"]
        self._block_row = _block_row(header)
        self._nodata: float | None = header["nodata"] if isinstance(nodata, str) else nodata
        self.bands, self._indexes, quality = _bands(self.path, header, bands)
        self._unread: tuple[int, ...] = ()
        self.quality_codes = quality_codes or (quality[1] if quality else None)
        self._alpha = next((n for n, color in enumerate(header["colors"], start=1) if color == "alpha"), None)
        if self._alpha in self._indexes:  # the caller knows better than the file
            self._alpha, self._mask = None, "none"
        self._scale = np.broadcast_to(np.asarray(scale, np.float32), len(self.bands)).reshape(-1, 1, 1)
        self._offset = np.broadcast_to(np.asarray(offset, np.float32), len(self.bands)).reshape(-1, 1, 1)
        self._own = grids.grid_of(header | {"georeferenced": not plane and header["georeferenced"]}, self.path, crs)
        self._quality = self._quality_source(quality_path, quality)
        if self._quality is None:
            self.quality_codes = None
        self._look(onto, shift_m)

    def _look(self, onto: GeoBox | None, shift_m: tuple[float, float]) -> None:
        """From now on the pixels are those of ``onto``."""
        # To move the image by a shift is to look at the file from a grid moved the other way.
        self.geobox = grids.moved(self._own, shift_m) if onto is None else onto
        self._looks = self._own if onto is None else grids.moved(onto, (-shift_m[0], -shift_m[1]))
        if (self._looks.crs is None) != (self._own.crs is None):
            raise CRSMissing(
                "{path}: one of the two images has a coordinate system and the other has none; both must, or neither.",
                path=self.path,
            )
        self._shift = resample.relation(self._own, self._looks)
        self._quality_shift = resample.relation(self._quality[2], self._looks) if self._quality else None

    def _quality_source(
        self, path: str | os.PathLike[str] | None, inside: tuple[int, str] | None
    ) -> tuple[Path, int, GeoBox] | None:
        """(file, band number, grid) of the quality band."""
        if path is None:
            return (self.path, inside[0], self._own) if inside and self.quality_codes else None
        header = imagefile.header(self._dataset(Path(path)))
        return Path(path), 1, grids.grid_of(header, path, None)

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "_open": {}, "_lock": None, "_borrows": False}
        state["path"] = self.path.absolute()  # another process may work in another folder
        if self._quality is not None:
            state["_quality"] = (self._quality[0].absolute(), *self._quality[1:])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= {**state, "_lock": threading.RLock()}

    def onto(
        self, grid: GeoBox | None, shift_m: tuple[float, float] = (0.0, 0.0), bands: Sequence[str] | None = None
    ) -> FilePixels:
        """The same pixels on another grid, with the image moved by (east, north) metres.

        They are read through the files of this one, and shut with it. bands: those of this one that
        are read (a pixel is valid where they were measured); None = all. Raises: CRSMissing.
        """
        other = object.__new__(FilePixels)
        other.__dict__ |= {**self.__dict__, "_borrows": True}
        if bands is not None:
            places = [self.bands.index(name) for name in bands]
            other.bands, other._indexes = tuple(bands), tuple(self._indexes[place] for place in places)
            other._unread = tuple(sorted({*self._indexes, *self._unread} - set(other._indexes)))
            other._scale, other._offset = self._scale[places], self._offset[places]
        other._look(grid, shift_m)
        return other

    def __enter__(self) -> FilePixels:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if not self._borrows:
            self.reopen()

    def reopen(self) -> None:
        """Shuts the files, borrowed or not; the next read opens them anew."""
        with self._lock:
            for dataset in self._open.values():
                dataset.close()
            self._open.clear()

    def _dataset(self, path: Path) -> DatasetReader:
        if path not in self._open:
            self._open[path] = imagefile.opened(path)
        return self._open[path]

    def read(self, roi: ROI) -> Raster:
        """The window ``roi`` of ``geobox``. Raises: UnreadableFile where the file is damaged."""
        target = self.geobox[roi]
        with self._lock, imagefile.reading(self.path):
            values, valid = self._values(roi)
            quality = self._codes(roi)
        if (self._scale != 1).any() or (self._offset != 0).any():
            values = values * self._scale + self._offset
        if not valid.all():
            values[:, ~valid] = 0
        return Raster(values, valid, quality, target, self.bands)

    def block_row(self) -> tuple[int, int]:
        """(rows, bytes) of one row of the file's blocks across the image, decoded, all its bands."""
        return self._block_row

    def codes(self, roi: ROI) -> NDArray[np.integer] | None:
        """The quality codes alone of the window ``roi``, (y, x); None where the quality is unknown.
        Raises: UnreadableFile where the file is damaged."""
        with self._lock, imagefile.reading(self.path):
            return self._codes(roi)

    # -- values

    def _values(self, roi: ROI) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        dataset = self._dataset(self.path)
        target = self._looks[roi]
        if self._shift is not None:
            x0, y0 = math.floor(roi[1].start + self._shift.dx), math.floor(roi[0].start + self._shift.dy)
            rows, columns = target.shape
            if whole := self._shift.whole:
                x0, y0 = roi[1].start + whole[0], roi[0].start + whole[1]
                return self._native(dataset, (y0, y0 + rows, x0, x0 + columns))
            pad = resample.REACH
            padded = (y0 - pad, y0 + rows + pad, x0 - pad, x0 + columns + pad)
            values, valid = self._native(dataset, padded)
            dx, dy = roi[1].start + self._shift.dx - x0, roi[0].start + self._shift.dy - y0
            values, valid = resample.shifted(values, valid, dx, dy)
            inner = (slice(pad, pad + rows), slice(pad, pad + columns))
            return self._within_range(values[:, *inner], dataset), valid[inner]
        where = resample.positions(self._own, target)
        area, factor = grids.needed(where, (dataset.height, dataset.width))
        if area is None:
            return np.zeros((len(self.bands), *target.shape), np.float32), np.zeros(target.shape, bool)
        values, valid = self._native(dataset, area, factor)
        values, valid = resample.remapped(values, valid, *where.within(area[2], area[0], factor))
        return self._within_range(values, dataset), valid

    def _within_range(self, values: NDArray[np.float32], dataset: DatasetReader) -> NDArray[np.float32]:
        """The cubic kernel overshoots at edges; integers have bounds."""
        kind = np.dtype(dataset.dtypes[0])
        if kind.kind not in "iu":
            return values
        limits = np.iinfo(kind)
        return np.clip(values, limits.min, limits.max, out=np.ascontiguousarray(values))

    def _native(
        self, dataset: DatasetReader, area: tuple[int, int, int, int], factor: int = 1
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Rows and columns of the file's own grid, (y0, y1, x0, x1) in whole multiples of ``factor``;
        outside the image nothing is valid. ``factor`` > 1: means of factor × factor pixels."""
        y0, y1, x0, x1 = area
        shape = ((y1 - y0) // factor, (x1 - x0) // factor)
        part, place = grids.inside(area, factor, (dataset.height, dataset.width))
        if part is None:
            return np.zeros((len(self.bands), *shape), np.float32), np.zeros(shape, bool)
        out_shape = None if factor == 1 else (place[0].stop - place[0].start, place[1].stop - place[1].start)
        raw = imagefile.read_window(dataset, list(self._indexes), part, out_shape)
        seen = self._valid(dataset, raw, part, out_shape)
        if raw.shape[1:] == shape:
            return raw.astype(np.float32, copy=False), seen
        values = np.zeros((len(self.bands), *shape), np.float32)
        valid = np.zeros(shape, bool)
        values[:, *place] = raw
        valid[place] = seen
        return values, valid

    def _valid(
        self,
        dataset: DatasetReader,
        raw: NDArray[Any],
        inside: tuple[int, int, int, int],
        out_shape: tuple[int, int] | None,
    ) -> NDArray[np.bool_]:
        valid = grids.is_valid(raw, self._nodata)
        if self._unread and self._nodata == 0 and raw.dtype.kind == "u" and not valid.all():
            # What is zero in the bands that are read is dark or not there: the others tell.
            valid |= grids.is_valid(imagefile.read_window(dataset, list(self._unread), inside, out_shape), 0)
        if self._alpha is not None:
            valid &= imagefile.read_window(dataset, self._alpha, inside, out_shape) >= grids.HALF_OPAQUE[raw.dtype.kind]
        elif self._mask == "mask":
            y0, y1, x0, x1 = inside
            shape = out_shape or (y1 - y0, x1 - x0)
            window = ((y0, y1), (x0, x1))
            mask = dataset.read_masks(self._indexes[0], window=window, out_shape=shape)
            valid &= mask > 0
        return valid

    # -- quality

    def _codes(self, roi: ROI) -> NDArray[np.integer] | None:
        if self._quality is None or self.quality_codes is None:
            return None
        target = self._looks[roi]
        path, index, grid = self._quality
        dataset = self._dataset(path)
        fill = sensors.fill_code(self.quality_codes)
        if self._quality_shift and (whole := self._quality_shift.whole):
            y0, x0 = roi[0].start + whole[1], roi[1].start + whole[0]
            same = (y0, y0 + target.shape[0], x0, x0 + target.shape[1])
            if grids.inside(same, 1, (dataset.height, dataset.width))[0] == same:
                return grids.as_codes(imagefile.read_window(dataset, index, same), fill)
        where = resample.positions(grid, target)
        area, factor = grids.needed(where, (dataset.height, dataset.width))
        if area is None:
            return np.full(target.shape, fill, np.uint8)
        part, place = grids.inside(area, factor, (dataset.height, dataset.width))
        if part is None:
            return np.full(target.shape, fill, np.uint8)
        shape = None if factor == 1 else (place[0].stop - place[0].start, place[1].stop - place[1].start)
        codes = grids.as_codes(imagefile.read_window(dataset, index, part, shape, Resampling.mode), fill)
        return resample.nearest(codes, *where.within(part[2], part[0], factor), fill)


def _block_row(header: dict[str, Any]) -> tuple[int, int]:
    rows, columns = header["block"]
    across = -(-header["width"] // columns) * columns
    return rows, rows * across * header["count"] * np.dtype(header["dtype"]).itemsize


open_pixels = FilePixels
"""By this name the other rooms open an image."""


def _bands(
    path: Path, header: dict[str, Any], given: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[int, ...], tuple[int, str] | None]:
    """(names, band numbers, (number, table) of the quality band)."""
    labels: list[str | None] = list(header["descriptions"])
    colors = list(header["colors"])
    if given is not None:
        spectral = [n for n, color in enumerate(colors) if color != "alpha"]
        if len(given) == len(labels):
            labels, colors = list(given), ["undefined"] * len(labels)
        elif len(given) == len(spectral):
            for number, name in zip(spectral, given, strict=True):
                labels[number] = name
        else:
            raise MissingOption(
                "{path}: has {count} bands, but --bands names {given}; name every band in the file's order.",
                path=path,
                count=len(labels),
                given=len(given),
            )
    quality: tuple[int, str] | None = None
    names: dict[int, str] = {}
    aside: dict[int, str] = {}
    for number, (label, color) in enumerate(zip(labels, colors, strict=True), start=1):
        meaning = sensors.meaning(label, None)
        if color == "alpha" or meaning.kind == "alpha":
            continue
        if meaning.kind == "quality" and len(labels) > 1:
            quality = quality or ((number, meaning.name) if meaning.name else None)
            continue
        kept = aside if meaning.kind == "auxiliary" and given is None else names
        kept[number] = meaning.name if meaning.kind == "band" else (label or f"band{number}")
    names = names or aside
    if not names:
        raise UnreadableFile("{path}: has no band to look at, only masks; name another file.", path=path)
    return tuple(names.values()), tuple(names), quality
