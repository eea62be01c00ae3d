"""A computed satellite image whose geometry is known: hills, fields, a line scanner that looks askew.

All in the plane of EPSG:4547 (metres east and north, heights above the ellipsoid). The scanner flies south at
``FLIGHT`` metres and looks 25° to the east of its track: a place (E, N, h) is seen in row (top − N) / gsd and,
along its line, where its ray meets the plane h = 0, at E₀ + (E − E₀) · FLIGHT / (FLIGHT − h). So a hill of
100 m stands 46.6 m further east than it is.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pyproj
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.rpc import RPC
from scipy.spatial import cKDTree

from geodata.ortho.rpc import Rpc

CRS = "EPSG:4547"
WEST, TOP = 490_000.0, 3_080_000.0
FLIGHT, ASKEW = 500_000.0, math.tan(math.radians(25))
GEOID_M = -17.0
F64 = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """gsd: of the image, metres; size: its rows and columns. bias_m: (east, north), by how much the RPC lay the
    image wrong on level ground. seed: of the fields."""

    size: int = 400
    gsd: float = 2.0
    bias_m: tuple[float, float] = (15.0, -9.0)
    hills_m: float = 100.0
    seed: int = 1

    @property
    def track(self) -> float:
        """Easting under the satellite: the middle of the image is looked at 25° askew."""
        return WEST + self.size * self.gsd / 2 - FLIGHT * ASKEW

    def height(self, east: F64, north: F64) -> F64:
        """Hills between 60 and 60 + ``hills_m``, some 500 m wide."""
        wave = np.sin((east - WEST) / 150) * np.cos((north - TOP) / 170)
        return 60 + self.hills_m * (1 + wave) / 2

    def level(self, east: F64, height: F64) -> F64:
        """The easting at which a place is seen on the plane h = 0."""
        return self.track + (east - self.track) * FLIGHT / (FLIGHT - height)

    def seen(self, east: F64, north: F64, height: F64) -> tuple[F64, F64]:
        """(x, y) in pixels from the outer corner: the truth, no bias."""
        return (self.level(east, height) - WEST) / self.gsd, (TOP - north) / self.gsd

    def marks(self) -> F64:
        """(n, 2) easting and northing of bright squares of 6 m on dark ground, well inside."""
        side = self.size * self.gsd
        at = np.linspace(0.2, 0.8, 4) * side
        return np.array([[WEST + x - 40, TOP - y] for y in at for x in at]).round(0)

    def ground(self, east: F64, north: F64) -> F64:
        """How bright the ground is, 0 to 1: fields, roads between, marks; clear of aliases at ``gsd``."""
        texture, step, x0, y0 = _painted(self)
        x = ((east - x0) / step - 0.5).astype(np.float32)
        y = ((y0 - north) / step - 0.5).astype(np.float32)
        return cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(float)


@lru_cache(maxsize=4)
def _painted(world: World) -> tuple[NDArray[np.float32], float, float, float]:
    """(pixels, their size, west, top): fields as cells about random points, smoothed to the pixel of the image."""
    chance = np.random.default_rng(world.seed)
    step, margin = world.gsd / 2, 200.0
    side = world.size * world.gsd + 2 * margin
    coarse = int(side / world.gsd)
    x0, y0 = WEST - margin, TOP + margin
    fields = int((side / 60) ** 2)
    rows, columns = np.mgrid[0:coarse, 0:coarse]
    spots = cKDTree(chance.uniform(0, coarse, (fields, 2)))
    distance, cell = spots.query(np.column_stack([columns.ravel(), rows.ravel()]), k=2)
    bright = chance.uniform(0.25, 0.75, fields)[cell[:, 0]]
    bright[distance[:, 1] - distance[:, 0] < 4 / world.gsd] = 0.12  # paths between fields
    texture = bright.reshape(coarse, coarse).repeat(2, 0).repeat(2, 1)
    texture += chance.normal(0, 0.02, texture.shape)
    for east, north in world.marks():
        x, y = (east - x0) / step, (y0 - north) / step
        for half, value in ((15, 0.1), (3, 1.0)):
            reach = half / step
            texture[round(y - reach) : round(y + reach), round(x - reach) : round(x + reach)] = value
    return cv2.GaussianBlur(texture.astype(np.float32), (0, 0), 1.0), step, x0, y0


def image(world: World, gsd: float | None = None) -> NDArray[np.float64]:
    """(y, x) brightness as the scanner saw it; ``gsd``: another pixel size, of the same ground."""
    gsd = gsd or world.gsd
    count = round(world.size * world.gsd / gsd)
    at = (np.arange(count) + 0.5) * gsd
    level, north = np.meshgrid(WEST + at, TOP - at)
    return world.ground(down_the_ray(world, level, north), north)


def down_the_ray(world: World, level: F64, north: F64) -> F64:
    """The easting at which the ray that meets h = 0 at ``level`` meets the ground."""
    east = level.copy()
    for _ in range(12):
        east = world.track + (level - world.track) * (FLIGHT - world.height(east, north)) / FLIGHT
    return east


def rpc(world: World, gsd: float | None = None) -> Rpc:
    """Fitted to the scanner, and wrong by ``bias_m``. Line and sample are exact but for the projection (cubic)."""
    gsd = gsd or world.gsd
    side = world.size * world.gsd
    east, north, height = (
        part.ravel() for part in np.meshgrid(*(np.linspace(-0.2, 1.1, 12) * side + o for o in (WEST, TOP - side)),
                                             np.linspace(-50, 300, 5))
    )  # fmt: skip
    x, y = (part * world.gsd / gsd for part in world.seen(east, north, height))
    x, y = x + world.bias_m[0] / gsd, y - world.bias_m[1] / gsd
    lon, lat = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(east, north)
    offs = {"long": lon, "lat": lat, "height": height, "samp": x - 0.5, "line": y - 0.5}
    off = {name: float((v.max() + v.min()) / 2) for name, v in offs.items()}
    scale = {name: float((v.max() - v.min()) / 2) for name, v in offs.items()}
    ln, pn, hn, sn, rn = ((offs[name] - off[name]) / scale[name] for name in ("long", "lat", "height", "samp", "line"))
    one = np.ones_like(ln)
    terms = np.column_stack([
        one, ln, pn, hn, ln * pn, ln * hn, pn * hn, ln**2, pn**2, hn**2, pn * ln * hn, ln**3, ln * pn**2, ln * hn**2,
        ln**2 * pn, pn**3, pn * hn**2, ln**2 * hn, pn**2 * hn, hn**3,
    ])  # fmt: skip
    lean = -scale["height"] / (FLIGHT - off["height"])  # the ray's denominator FLIGHT - h, 1 at the middle
    samp = np.linalg.lstsq(terms, sn * (1 + lean * hn), rcond=1e-12)[0]
    line = np.linalg.lstsq(terms, rn, rcond=1e-12)[0]
    flat = (1.0,) + (0.0,) * 19
    return Rpc(
        line_off=off["line"], samp_off=off["samp"], lat_off=off["lat"], long_off=off["long"],
        height_off=off["height"], line_scale=scale["line"], samp_scale=scale["samp"], lat_scale=scale["lat"],
        long_scale=scale["long"], height_scale=scale["height"], line_num_coeff=tuple(map(float, line)),
        line_den_coeff=flat, samp_num_coeff=tuple(map(float, samp)),
        samp_den_coeff=(1.0, 0.0, 0.0, lean) + (0.0,) * 16,
    )  # fmt: skip


def rpb(found: Rpc) -> str:
    """The text of a ``.rpb``."""
    names = {"lineOffset": "line_off", "sampOffset": "samp_off", "latOffset": "lat_off", "longOffset": "long_off",
             "heightOffset": "height_off", "lineScale": "line_scale", "sampScale": "samp_scale",
             "latScale": "lat_scale", "longScale": "long_scale", "heightScale": "height_scale"}  # fmt: skip
    lines = ['satId = "GF1";', 'bandId = "P";', 'SpecId = "RPC00B";', "BEGIN_GROUP = IMAGE", "\terrBias = 1.0;"]
    lines += [f"\t{theirs} = {getattr(found, ours)!r};" for theirs, ours in names.items()]
    for theirs, ours in (("lineNumCoef", "line_num"), ("lineDenCoef", "line_den"), ("sampNumCoef", "samp_num"),
                         ("sampDenCoef", "samp_den")):  # fmt: skip
        numbers = ",\n".join(f"\t\t\t{value!r}" for value in getattr(found, f"{ours}_coeff"))
        lines.append(f"\t{theirs} = (\n{numbers});")
    return "\n".join([*lines, "END_GROUP = IMAGE", "END;", ""])


def text(found: Rpc) -> str:
    """The text of a ``_rpc.txt``."""
    lines = []
    for name, value in vars(found).items():
        unit = {"li": "pixels", "sa": "pixels", "la": "degrees", "lo": "degrees", "he": "meters"}[name[:2]]
        if isinstance(value, tuple):
            lines += [f"{name.upper()}_{n}: {one:+.15E}" for n, one in enumerate(value, start=1)]
        else:
            lines.append(f"{name.upper()}: {value:+.9f} {unit}")
    return "\n".join(lines) + "\n"


def dem(world: World, path: Path, *, step: float = 10.0, level: float | None = None) -> Path:
    """Heights above the geoid; ``level``: as if all ground were as high (above the ellipsoid)."""
    margin = 600.0
    count = round((world.size * world.gsd + 2 * margin) / step)
    at = (np.arange(count) + 0.5) * step
    east, north = np.meshgrid(WEST - margin + at, TOP + margin - at)
    heights = world.height(east, north) if level is None else np.full_like(east, level)
    transform = Affine(step, 0, WEST - margin, 0, -step, TOP + margin)
    return _written(path, (heights - GEOID_M)[np.newaxis].astype(np.float32), transform, nodata=-9999.0)


def reference(world: World, path: Path, gsd: float = 2.0) -> Path:
    """The orthomosaic of the same ground, of another year: other contrast, some fields darker."""
    margin = 100.0
    count = round((world.size * world.gsd + 2 * margin) / gsd)
    at = (np.arange(count) + 0.5) * gsd
    east, north = np.meshgrid(WEST - margin + at, TOP + margin - at)
    one = world.ground(east, north)
    patchy = 0.85 + 0.15 * np.sign(np.sin(east / 97) * np.sin(north / 83))
    values = np.stack([255 * (1 - 0.7 * one) * patchy, 200 * np.sqrt(one.clip(0))]).clip(1, 255).astype(np.uint8)
    return _written(path, values, Affine(gsd, 0, WEST - margin, 0, -gsd, TOP + margin), nodata=0)


def _written(path: Path, values: NDArray, transform: Affine, nodata: float) -> Path:
    profile = {"driver": "GTiff", "crs": CRS, "transform": transform, "nodata": nodata, "dtype": values.dtype}
    profile |= {"count": len(values), "height": values.shape[1], "width": values.shape[2]}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(values)
    return path


def delivered(world: World, path: Path, *, bands: int = 1, gsd: float | None = None, how: str = "rpb") -> Path:
    """The image as a TIFF without projection, its RPC as ``how`` says: "rpb", "txt", "tags", "none"."""
    one = image(world, gsd)
    values = np.stack([100 + 800 * one * (0.6 + 0.2 * n) for n in range(bands)]).round().astype(np.uint16)
    found = rpc(world, gsd)
    tags = {}
    if how == "tags":
        tags = {"rpcs": RPC(**asdict(found))}
    profile = {"driver": "GTiff", "dtype": "uint16", "count": bands, "height": one.shape[0], "width": one.shape[1]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile, **tags) as dataset:
            dataset.write(values)
    if how == "rpb":
        path.with_suffix(".rpb").write_text(rpb(found))
    if how == "txt":
        path.with_name(path.stem + "_rpc.txt").write_text(text(found))
    return path


def without_bias(world: World) -> World:
    return replace(world, bias_m=(0.0, 0.0))


def found_marks(values: NDArray, transform: Affine, world: World) -> F64:
    """(n, 2): by how many metres east and north each mark is seen off its place; NaN where it is not seen."""
    off = []
    for east, north in world.marks():
        x, y = ~transform @ (east, north)
        reach = round(60 / transform.a)
        x0, y0 = round(x) - reach, round(y) - reach
        patch = values[max(y0, 0) : y0 + 2 * reach, max(x0, 0) : x0 + 2 * reach].astype(float)
        row, column = np.unravel_index(int(patch.argmax()), patch.shape)
        rows, columns = np.mgrid[0 : patch.shape[0], 0 : patch.shape[1]] + 0.5
        near = np.hypot(rows - row - 0.5, columns - column - 0.5) * transform.a < 9
        bright = np.where(near, np.clip(patch - patch.max() / 4, 0, None), 0)
        at = transform @ (max(x0, 0) + (bright * columns).sum() / bright.sum(),
                          max(y0, 0) + (bright * rows).sum() / bright.sum())  # fmt: skip
        off.append((at[0] - east, at[1] - north))
    return np.array(off)
