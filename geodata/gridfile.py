"""[io] Grids written by us: result files by windows, scenes as cloud-optimised GeoTIFF.

``convert`` runs in a child: it reads an untrusted image once, window by window, and leaves files
of ours in a folder.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, DatasetWriter
from rasterio.windows import Window

from geodata import grids, imagefile, resample, safe, sensors
from geodata.atomic import replacing
from geodata.errors import EmptyData, WorkError
from geodata.scene import ROI

BLOCK = 512
CHUNK_BYTES = 48 * 1024 * 1024
"""Pixels held at once while converting."""
NEAR = 256
"""Rows for which the nearest pixels of another grid are looked up at once."""


class GridWriter:
    """A tiled, compressed GeoTIFF on ``geobox``, written by windows.

    It takes its place at ``path`` when the block ends without an error, and never half written.
    Windows that begin at multiples of 512 are written fastest. Without a CRS none is written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        geobox: GeoBox,
        dtype: str,
        count: int = 1,
        nodata: float | None = None,
        *,
        descriptions: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self.path = Path(path)
        self._profile = profile(geobox, dtype, count, nodata)
        self._profile.update(compress="deflate", zlevel=1, predictor=3 if np.dtype(dtype).kind == "f" else 2)
        self._descriptions, self._tags = descriptions, dict(tags or {})
        self._place: AbstractContextManager[Path] | None = None
        self._dataset: DatasetWriter | None = None

    def __enter__(self) -> GridWriter:
        self._place = replacing(self.path)
        temporary = self._place.__enter__()
        try:
            self._dataset = created(temporary, self._profile)
            if self._descriptions:
                self._dataset.descriptions = tuple(self._descriptions)
            self._dataset.update_tags(**self._tags)
        except BaseException as error:
            self._place.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def write(self, roi: ROI, array: NDArray[Any]) -> None:
        """``array``: (y, x) or (band, y, x) of the window ``roi``."""
        assert self._dataset is not None
        with writing(self.path):
            self._dataset.write(array if array.ndim == 3 else array[np.newaxis], window=window(roi))

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        assert self._place is not None
        assert self._dataset is not None
        try:
            with writing(self.path):
                self._dataset.close()
        except WorkError as late:
            self._place.__exit__(type(late), late, late.__traceback__)
            raise
        self._place.__exit__(kind, error, trace)


@contextmanager
def writing(path: object) -> Iterator[None]:
    """Turns a failure of writing pixels into a sentence about ``path``."""
    try:
        yield
    except RasterioError as error:
        raise WorkError("{path}: could not be written; is the disk full?", path=path) from error


def window(roi: ROI) -> Window:
    rows, columns = roi
    return Window(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)


def profile(geobox: GeoBox, dtype: str, count: int, nodata: float | None) -> dict[str, Any]:
    """Creation options of a tiled GeoTIFF on a grid."""
    found: dict[str, Any] = {
        "driver": "GTiff",
        "height": geobox.shape[0],
        "width": geobox.shape[1],
        "count": count,
        "dtype": dtype,
        "nodata": nodata,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "bigtiff": "if_safer",
        "photometric": "minisblack",
    }
    if geobox.crs is not None:
        found["crs"] = rasterio.crs.CRS.from_user_input(str(geobox.crs))
    if geobox.affine != Affine.identity():
        found["transform"] = geobox.affine
    return found


def created(path: Path, options: Mapping[str, Any]) -> DatasetWriter:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path, "w", **options)


# --- a scene, from a file of anyone to files of ours -----------------------------------------


def convert(
    source: str, folder: str, plan: Mapping[str, Any], progress: Callable[[float], None] | None = None
) -> dict[str, Any]:
    """Write ``data.tif`` (and ``quality.tif``) into ``folder`` as ``plan`` says (``intake.Plan.recipe``).

    Returns {valid_pixels, cloudy_pixels (None where the quality is unknown), highest (largest value)}.
    Raises: UnreadableFile where pixels cannot be read; EmptyData where none is valid.
    """
    target = Path(folder)
    stage = target / "stage.tif"
    tell = progress or (lambda share: None)
    with imagefile.opened(source) as dataset, writing(target):
        counts = _stage(dataset, stage, target / "quality_stage.tif", plan, lambda share: tell(0.5 * share))
    if counts["valid_pixels"] == 0:
        raise EmptyData("{path}: not one pixel of it is valid; check its nodata value.", path=source)
    to_cog(stage, target / "data.tif", plan["dtype"], "average", lambda share: tell(0.5 + 0.4 * share))
    stage.unlink()
    if plan["quality_codes"]:
        to_cog(target / "quality_stage.tif", target / "quality.tif", plan["quality_dtype"], "mode")
        (target / "quality_stage.tif").unlink()
    tell(1.0)
    return counts


def _stage(
    dataset: DatasetReader, stage: Path, quality_stage: Path, plan: Mapping[str, Any], progress: Callable[[float], None]
) -> dict[str, Any]:
    grid = GeoBox((dataset.height, dataset.width), Affine(*plan["transform"]), plan["crs"])
    options = profile(grid, plan["dtype"], len(plan["bands"]), plan["nodata"])
    codes = plan["quality_codes"]
    counts: dict[str, Any] = {"valid_pixels": 0, "cloudy_pixels": 0 if codes else None, "highest": -np.inf}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), created(stage, options) as out:
        out.descriptions = tuple(plan["bands"])
        quality = _QualityStage(quality_stage, grid, plan, dataset) if codes else None
        others = [_Other(other) for other in plan.get("others", ())]
        imagefile.room_for(sum(_block_row(opened) for opened in (dataset, *(other.data for other in others))))
        for rows in _chunks(dataset, len(plan["bands"])):
            raw, valid = _strip(dataset, plan, rows, [other.read(grid, rows) for other in others])
            place = rows if not plan["south_up"] else slice(dataset.height - rows.stop, dataset.height - rows.start)
            step = -1 if plan["south_up"] else 1
            raw, valid = raw[:, ::step], valid[::step]
            out.write(raw, window=window((place, slice(0, dataset.width))))
            if plan["mask"]:
                out.write_mask(valid, window=window((place, slice(0, dataset.width))))
            if quality is not None:
                counts["cloudy_pixels"] += quality.add(rows, place, valid)
            counts["valid_pixels"] += int(valid.sum())
            if valid.any():
                counts["highest"] = max(counts["highest"], float(raw.max(axis=0)[valid].max()))
            progress(rows.stop / dataset.height)
        for opened in [quality, *others]:
            if opened is not None:
                opened.close()
    return counts


def _strip(
    dataset: DatasetReader, plan: Mapping[str, Any], rows: slice, more: Sequence[NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Whole rows of all bands, and where they are valid. more: the bands that come from other files."""
    area = (rows.start, rows.stop, 0, dataset.width)
    with imagefile.reading(dataset.name):
        raw = imagefile.read_window(dataset, list(plan["indexes"]), area).astype(plan["dtype"], copy=False)
        if more:
            raw = np.concatenate([raw, *(bands.astype(plan["dtype"], copy=False) for bands in more)])
        valid = grids.is_valid(raw, plan["nodata"])
        if plan.get("border") is not None:
            noise = grids.border(raw, valid, plan["border"])
            raw[:, noise], valid = plan["nodata"], valid & ~noise
        return raw, valid & _opaque(dataset, plan["mask"], rows) if plan["mask"] else valid


def _chunks(dataset: DatasetReader, bands: int) -> Iterator[slice]:
    """Full-width strips of whole blocks, small enough to hold."""
    block = dataset.block_shapes[0][0]
    row_bytes = dataset.width * max(dataset.count, bands) * np.dtype(dataset.dtypes[0]).itemsize
    rows = max(1, CHUNK_BYTES // row_bytes)
    rows = max(block, rows // block * block) if block * row_bytes <= 4 * CHUNK_BYTES else max(16, rows)
    for start in range(0, dataset.height, rows):
        yield slice(start, min(start + rows, dataset.height))


def _opaque(dataset: DatasetReader, mask: int | str, rows: slice) -> NDArray[np.bool_]:
    area = (rows.start, rows.stop, 0, dataset.width)
    if isinstance(mask, int):
        alpha = imagefile.read_window(dataset, mask, area)
        return alpha >= grids.HALF_OPAQUE[alpha.dtype.kind]
    return dataset.read_masks(1, window=((rows.start, rows.stop), (0, dataset.width))) > 0


def _block_row(dataset: DatasetReader) -> int:
    """Bytes of one row of blocks of all bands: what is decoded at least to read a row."""
    return dataset.width * dataset.block_shapes[0][0] * dataset.count * np.dtype(dataset.dtypes[0]).itemsize


class _Other:
    """Another file, read where the rows of the image's grid lie; its own pixels, the nearest to each."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        """plan: path, indexes, transform, crs; fill: the value outside of it."""
        self.data = imagefile.opened(plan["path"])
        self._indexes, self._fill = list(plan["indexes"]), plan.get("fill", 0)
        self._grid = GeoBox((self.data.height, self.data.width), Affine(*plan["transform"]), plan["crs"])

    def read(self, grid: GeoBox, rows: slice) -> NDArray[Any]:
        """(band, y, x) of the whole ``rows`` of ``grid``."""
        if self._grid == grid:
            area = (rows.start, rows.stop, 0, grid.shape[1])
            with imagefile.reading(self.data.name):
                return imagefile.read_window(self.data, self._indexes, area)
        parts = (slice(start, min(start + NEAR, rows.stop)) for start in range(rows.start, rows.stop, NEAR))
        return np.concatenate([self._near(grid[part, slice(0, grid.shape[1])]) for part in parts], axis=1)

    def _near(self, target: GeoBox) -> NDArray[Any]:
        where = resample.positions(self._grid, target)
        needed, _ = grids.needed(where, (self.data.height, self.data.width))
        if needed is None:
            return np.full((len(self._indexes), *target.shape), self._fill, self.data.dtypes[0])
        area = (needed[0], min(needed[1], self.data.height), needed[2], min(needed[3], self.data.width))
        with imagefile.reading(self.data.name):
            raw = imagefile.read_window(self.data, self._indexes, area)
        at = where.within(area[2], area[0])
        return np.stack([resample.nearest(band, *at, self._fill) for band in raw])

    def close(self) -> None:
        self.data.close()


class _QualityStage:
    """The quality band on the data's own grid, from the same file or from another."""

    def __init__(self, path: Path, grid: GeoBox, plan: Mapping[str, Any], dataset: DatasetReader) -> None:
        self._plan, self._data = plan, dataset
        self._fill = sensors.fill_code(plan["quality_codes"])
        self._other = _Other(_quality_file(plan, self._fill)) if plan["quality_path"] else None
        self._grid = grid
        self._out = created(path, profile(grid, plan["quality_dtype"], 1, None))
        self._out.descriptions = (plan["quality_codes"],)

    def add(self, rows: slice, place: slice, valid: NDArray[np.bool_]) -> int:
        """Writes the codes of ``rows`` of the file to ``place`` of ours; counts the cloudy pixels."""
        if self._other is None:
            area = (rows.start, rows.stop, 0, self._data.width)
            with imagefile.reading(self._data.name):
                raw = imagefile.read_window(self._data, self._plan["quality_index"], area)
            codes = grids.as_codes(raw, self._fill)[:: -1 if self._plan["south_up"] else 1]
        else:
            codes = self._translated(self._other.read(self._grid, place))
        codes = codes.astype(self._plan["quality_dtype"])
        self._out.write(codes, 1, window=window((place, slice(0, self._data.width))))
        return int((sensors.has_condition(codes, self._plan["quality_codes"], ("cloud", "cirrus")) & valid).sum())

    def _translated(self, raw: NDArray[Any]) -> NDArray[np.integer]:
        """Codes of the table: as they are, or from the bands of a UDM2."""
        return sensors.udm2_bits(raw) if len(raw) > 1 else grids.as_codes(raw[0], self._fill)

    def close(self) -> None:
        self._out.close()
        if self._other is not None:
            self._other.close()


def _quality_file(plan: Mapping[str, Any], fill: int) -> dict[str, Any]:
    return {
        "path": plan["quality_path"],
        "indexes": plan.get("quality_indexes", [1]),
        "transform": plan["quality_transform"],
        "crs": plan["quality_crs"],
        "fill": fill,
    }


def convert_to_cog(
    source: str | os.PathLike[str], target: Path, recipe: Mapping[str, Any], **kwargs: Any
) -> dict[str, Any]:
    """``convert`` in a child process: ``data.tif`` and ``quality.tif`` in the folder ``target``."""
    return safe.in_child("geodata.gridfile:convert", str(source), str(target), dict(recipe), about=source, **kwargs)


def to_cog(
    source: Path, target: Path, dtype: str, resampling: str, progress: Callable[[float], None] | None = None
) -> None:
    """A file of ours as cloud-optimised GeoTIFF with overviews inside; memory stays flat."""
    with writing(target):
        rasterio.shutil.copy(
            source,
            target,
            driver="COG",
            blocksize=BLOCK,
            compress=COMPRESSION,
            level=1,
            predictor="yes",
            overview_resampling=resampling,
            bigtiff="if_safer",
            num_threads="1",
        )
    if progress:
        progress(1.0)


COMPRESSION = "ZSTD"
"""Level 1, predictor 2. Measured on 4096² × 4 uint16, times in CPU seconds to write / to read, and MB:
ZSTD 1.3 / 0.14 / 122, DEFLATE 2.6 / 0.35 / 117, LZW 2.5 / 0.34 / 137, none 1.3 / 0.03 / 178."""
