"""[io] The whole way of an image with RPC to an orthomosaic: runs in a child process (``safe.in_child``).

``outline`` tells the grid before anything long begins; ``lay`` writes the image on the ground and
returns what was measured. Both take a plain job, see ``Job``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from geodata import gridfile
from geodata.errors import InputError
from geodata.filepixels import FilePixels
from geodata.ortho import Dem, layout, sharpen, tie
from geodata.ortho.camera import Camera
from geodata.ortho.laid import Laid
from geodata.ortho.rpc import Rpc
from geodata.ortho.terrain import Terrain
from geodata.scene import Pixels, windows

SIDE = 1024
"""Rows and columns laid at once."""


@dataclass(frozen=True)
class Picture:
    """A file of the delivery. name: as the caller knows it; bands: how many; nodata: NaN, a value, or None."""

    path: str
    name: str
    rpc: Rpc
    bands: int
    nodata: float | None


@dataclass(frozen=True)
class Job:
    """image: with the bands wanted; pan: to sharpen them by, or None. reference: the keywords of ``FilePixels``, or
    None: untied. crs: of the map, None: chosen. dtype: of the file written; limit_px: of the residual."""

    image: Picture
    pan: Picture | None
    dem: Dem
    reference: dict[str, Any] | None
    crs: str | None
    dtype: str
    nodata: float
    limit_px: float

    @property
    def sharpest(self) -> Picture:
        return self.pan or self.image


def plain(job: Job) -> dict[str, Any]:
    """A job as it travels to the child."""
    return asdict(job)


def _job(told: Mapping[str, Any]) -> Job:
    def picture(parts: dict[str, Any]) -> Picture:
        return Picture(**{**parts, "rpc": Rpc(**parts["rpc"])})

    pan = told["pan"] and picture(told["pan"])
    return Job(**{**told, "image": picture(told["image"]), "pan": pan, "dem": Dem(**told["dem"])})


def outline(told: Mapping[str, Any]) -> dict[str, Any]:
    """The grid on which the image will lie, as its RPC say: shape, transform, crs."""
    job = _job(told)
    terrain = Terrain(job.dem)
    laid = _laid(job.sharpest, terrain, job.crs)
    return _grid_told(laid.geobox)


def lay(told: Mapping[str, Any], target: str, progress: Callable[[float], None] | None = None) -> dict[str, Any]:
    """Writes the image to ``target``. Returns its grid (shape, transform, crs), ``ties`` (a record of each tie) and
    ``pansharpen`` (a record or None).

    Raises: InputError where it cannot be tied or its residual is above the limit; UnreadableFile, NoOverlap.
    """
    job, tell = _job(told), progress or (lambda share: None)
    terrain = Terrain(job.dem)
    sharpest, ties = _laid(job.sharpest, terrain, job.crs), []
    if job.reference is not None:
        reference = FilePixels(**job.reference)
        sharpest, found = _tied(sharpest, reference, job, lambda share: tell(0.3 * share))
        ties.append(found)
    sharpest = sharpest.onto(layout.grid(sharpest.camera, terrain, sharpest.pixels.geobox.shape.yx, job.crs))
    pixels: Pixels = sharpest
    mix = None
    if job.pan is not None:
        bands, found = _tied(_laid(job.image, terrain, job.crs), sharpest, job, lambda share: tell(0.3 + 0.1 * share))
        ties.append(found)
        mix = sharpen.mixed(bands, sharpest, bands.geobox, lambda share: tell(0.4 + 0.1 * share))
        pixels = sharpen.Sharpened(bands, sharpest, mix)
    _write(pixels, Path(target), job, lambda share: tell(0.5 + 0.5 * share))
    return {**_grid_told(pixels.geobox), "ties": ties, "pansharpen": mix and mix.record()}


def _grid_told(grid: GeoBox) -> dict[str, Any]:
    return {"shape": tuple(grid.shape), "transform": tuple(grid.affine)[:6], "crs": str(grid.crs)}


def _laid(picture: Picture, terrain: Terrain, crs: str | None) -> Laid:
    names = [f"band{n}" for n in range(1, picture.bands + 1)]
    pixels = FilePixels(picture.path, bands=names, nodata=picture.nodata, plane=True)
    camera = Camera(picture.rpc, picture.name)
    return Laid(pixels, camera, terrain, layout.grid(camera, terrain, pixels.geobox.shape.yx, crs))


def _tied(
    image: Laid, reference: tie.Reference, job: Job, progress: Callable[[float], None]
) -> tuple[Laid, dict[str, Any]]:
    """The image, tied, and the record. Raises: InputError above the limit."""
    laid, found = tie.tie(image, reference, progress)
    agree = found.used.points + found.checked.points
    left_out = found.used.left_out + found.checked.left_out
    if not found.residual_px <= job.limit_px or agree < tie.LEAST_USED * (agree + left_out):
        raise InputError(
            "{path}: after tying it still lies {px:.2f} pixels ({m:.2f} m, largest {most:.1f} pixels, {points} of {all}"
            " tie points) off the reference, more than the limit of {limit:g}; check elevation model, its heights and"
            " the reference.",
            path=image.camera.path,
            px=found.residual_px,
            m=max(found.used.rmse_m, found.checked.rmse_m),
            most=max(found.used.max_px, found.checked.max_px),
            points=agree,
            all=agree + left_out,
            limit=job.limit_px,
        )
    return laid, {"image": image.camera.path, **found.record()}


def _write(pixels: Pixels, target: Path, job: Job, progress: Callable[[float], None]) -> None:
    rois = list(windows(pixels.geobox.shape.yx, SIDE))
    with gridfile.GridWriter(target, pixels.geobox, job.dtype, len(pixels.bands), job.nodata) as out:
        for number, roi in enumerate(rois):
            raster = pixels.read(roi)
            out.write(roi, _stored(raster.values, raster.valid, job))
            progress((number + 1) / len(rois))


def _stored(values: Any, valid: Any, job: Job) -> Any:
    """As the file's type, nodata where nothing was seen; a seen pixel is never all nodata."""
    kind = np.dtype(job.dtype)
    if kind.kind == "f":
        return np.where(valid, values, np.float32(job.nodata)).astype(kind)
    limits = np.iinfo(kind)
    lowest = limits.min + 1 if job.nodata == limits.min else limits.min
    whole = np.clip(np.rint(values), lowest, limits.max)
    return np.where(valid, whole, job.nodata).astype(kind)
