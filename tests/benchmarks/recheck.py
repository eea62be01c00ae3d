"""What re-check says: ``python tests/benchmarks/recheck.py [--real DATA] [--seeds 1 2 …]``.

On computed townships (``township.build(rectified=True)``): occupations put right in truth, in part, for show, or not at
all; every verdict by what was true on that day. On real imagery where nothing was put right: ground that is
labelled as built between two dates, or that never greened in a series, looked at again on the later date
itself and on all dates after; the grave error is "restored". Labels say where to look; no threshold was
taken from them. And real fields, claimed as restored, for how many are believed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import geodata  # noqa: F401  (guards GDAL before it is imported)
from flows.ground import Place, Reader
from geodata import township
from geodata.catalog import Catalog
from geodata.editions import Editions
from geodata.rasterfile import open_pixels, polygonize, rasterize
from geodata.township import plan, rectify
from pipeline import neighbours
from pipeline.compare import Series
from pipeline.neighbours import TEXTURE, TILE_M
from pipeline.recheck import recheck

Cube = NDArray[np.float32]
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
PARTS = 12
"""Places looked at of one series of images."""
CELL = 16
"""Side in pixels of a made-up parcel where a data set has none."""


def series(
    values: Cube, clear: NDArray[np.bool_], part: NDArray[np.bool_], parcels: NDArray[np.int32],
    inert: NDArray[np.bool_], days: Sequence[datetime], *, before: int | None, after: int | None, since: datetime,
    bands: tuple[str, ...], gsd_m: float, flight: bool = False,
) -> Series:  # fmt: skip
    """values: (t, d, y, x), clear: (t, y, x)."""
    where = neighbours.layout(part, parcels, inert)
    views = [
        neighbours.view(
            one,
            np.where(seen, 0, 1).astype(np.uint8),
            where,
            scene_id=str(n),
            at=day,
            gsd_m=gsd_m,
            flight=flight,
            bands=bands,
        )
        for n, (one, seen, day) in enumerate(zip(values, clear, days, strict=True))
    ]
    return Series(views, "" if before is None else str(before), "" if after is None else str(after), since)


def eroded(mask: NDArray[np.bool_], px: int = 1) -> NDArray[np.bool_]:
    kernel = np.ones((2 * px + 1, 2 * px + 1), np.uint8)
    return cv2.erode(mask.astype(np.uint8), kernel, borderValue=0).astype(bool)


def grown(mask: NDArray[np.bool_], px: int = 1) -> NDArray[np.bool_]:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * px + 1, 2 * px + 1), np.uint8)).astype(bool)


def components(mask: NDArray[np.bool_], least: int) -> Iterator[NDArray[np.bool_]]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    for n in range(1, count):
        if stats[n, cv2.CC_STAT_AREA] >= least:
            yield labels == n


def some(parts: Iterator[NDArray[np.bool_]]) -> list[NDArray[np.bool_]]:
    """At most ``PARTS``, spread over the image."""
    found = list(parts)
    return found[:: max(1, len(found) // PARTS)][:PARTS]


def cells(where: NDArray[np.bool_], side: int = CELL) -> NDArray[np.int32]:
    """Squares of ``where`` as parcels, a pixel apart."""
    y, x = np.indices(where.shape)
    numbers = y // side * (where.shape[1] // side + 1) + x // side + 1
    inside = (y % side > 0) & (x % side > 0)
    return np.where(where & inside, numbers, 0).astype(np.int32)


def read(path: Path, **options: Any) -> tuple[Cube, NDArray[np.bool_], tuple[str, ...]]:
    with open_pixels(path, **options) as pixels:
        raster = pixels.read((slice(0, pixels.geobox.height), slice(0, pixels.geobox.width)))
    return raster.values, raster.valid, raster.bands


# --- computed townships ----------------------------------------------------------------------


def townships(seeds: Sequence[int]) -> None:
    table: Counter[tuple[str, str, str]] = Counter()
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            for one in of_township(Path(folder), seed):
                table[one] += 1
            print(f"seed {seed} done", file=sys.stderr)
    show("computed townships", table)


def of_township(root: Path, seed: int) -> Iterator[tuple[str, str, str]]:
    """(sensor, what was true on the day, verdict) of every later scene over every occupation."""
    town = township.build(root / "files", seed, rectified=True)
    catalog, editions = Catalog(root / "catalog"), Editions(root / "catalog" / "layers")
    for layer in town.layers:
        editions.add(layer.kind, layer.path, edition=layer.edition, **layer.options)
    for scene in town.scenes:
        catalog.add_scene(scene.path)
    reader = Reader(catalog, editions.on)
    wishes = {wish.msgid: wish for wish in rectify.WISHES}
    for event in town.truth:
        wish = wishes.get(event.name["en"])
        until = plan.day(wish.on_day) if wish else event.removed_at
        mine = [s for s in reader.scenes if (s.gsd_m < 1) == (event.seen_by == "drone")]
        before = [s for s in mine if s.acquired_at < event.appears_at]
        after = [s for s in mine if event.appears_at <= s.acquired_at and (until is None or s.acquired_at < until)]
        if event.expected not in ("flag", "approved") or not before or not after:
            continue
        since = until or after[0].acquired_at - timedelta(seconds=1)
        others = [other.geometry for other in town.truth]
        place = Place(event.geometry, before[-1].id, after[0].id, others)
        for found in reader.series(place, since):
            for one in recheck(found):
                yield "flight" if one.flight else "satellite", _true(event, wish, one.at), one.verdict


def _true(event: township.TruthEvent, wish: rectify.Rectified | None, at: datetime) -> str:
    if wish is None:
        return "standing" if event.stands(at) else "gone by itself"
    if wish.outcome != "restored":
        return wish.outcome
    return "restored, crops" if at >= plan.day(wish.fields) else "restored, bare yet"


# --- real imagery ----------------------------------------------------------------------------


def real(data: Path) -> None:
    table: Counter[tuple[str, str, str]] = Counter()
    started = time.monotonic()
    for source in (taizhou, photographs, alert, never_green_naip, never_green_belgium, settlements, fields):
        for name, true, verdict in source(data):
            table[name, true, verdict] += 1
        print(f"{source.__name__} {time.monotonic() - started:.0f} s", file=sys.stderr)
    show("real imagery", table)


def taizhou(data: Path) -> Iterator[tuple[str, str, str]]:
    """Labelled as changed, on derived farmland; looked at again on the later date itself."""
    folder = data / "taizhou_landsat"
    label, _, _ = read(folder / "label.tif", nodata=None)
    with tempfile.TemporaryDirectory() as root:
        catalog, editions = Catalog(Path(root) / "catalog"), Editions(Path(root) / "layers")
        for day in ("20000317", "20030206"):
            catalog.add_scene(
                folder / f"{day}_L7ETM_dn.tif", platform="landsat-7", acquired=f"{day[:4]}-{day[4:6]}-{day[6:]}",
                bands=["blue", "green", "red", "nir", "swir1", "swir2"],
            )  # fmt: skip
        editions.add("FARMLAND", folder / "derived" / "DLTB.shp", edition="2000")
        reader = Reader(catalog, editions.on)
        before, after = reader.scenes
        grid = before.geobox
        shapes = polygonize(label[0] == 2, 4, grid.affine)
        from geodata.crs import transform

        lonlat = transform(shapes, str(grid.crs), "EPSG:4490")
        for shape, where in zip(shapes, lonlat, strict=True):
            if shape.area < 6 * 900:
                continue
            place = Place(where, before.id, after.id, list(lonlat))
            for found in reader.series(place, before.acquired_at):
                for one in recheck(found):
                    yield "taizhou 30 m", "built", one.verdict


def photographs(data: Path) -> Iterator[tuple[str, str, str]]:
    """Pairs of photographs, labelled: the later one looked at again. Fields are taken to be the squares without
    change that are greener than half of them."""
    for name, gsd in (("levir_cd_samples", 0.5), ("dsifn_samples", 2.0), ("sztaki_szada_aerial", 1.5)):
        for file in sorted((data / name / "label").glob("*.png")):
            label = read(file, nodata=None)[0][0] > 127
            one, two = (read(data / name / side / file.name, nodata=None)[0][:3] for side in "AB")
            bands = ("red", "green", "blue")
            if gsd < 1:
                side, clear = round(TILE_M / gsd), np.zeros(label.shape, np.uint8)
                one, two = (neighbours.tiled(image, clear, side)[0] for image in (one, two))
                rows, columns = one.shape[1:]
                label = label[: rows * side, : columns * side].reshape(rows, side, columns, side).any(axis=(1, 3))
                bands = (*bands, *TEXTURE)
            yield from _photograph(name, label, one, two, bands, gsd)


def _photograph(
    name: str, label: NDArray[np.bool_], one: Cube, two: Cube, bands: tuple[str, ...], gsd: float
) -> Iterator[tuple[str, str, str]]:
    fine = len(bands) > 3
    free = ~grown(label)
    green = 2 * two[1] - two[0] - two[2]
    inert = free & (green < np.median(green[free]))
    parcels = cells(free & ~inert, 5 if fine else CELL)
    clear = np.ones((2, *label.shape), bool)
    days = [FIRST, FIRST + timedelta(days=700)]
    for part in components(label if fine else eroded(label), 4):
        found = series(
            np.stack([one, two]), clear, part, parcels, inert, days, before=0, after=1, since=days[0],
            bands=bands, gsd_m=TILE_M if fine else gsd, flight=fine,
        )  # fmt: skip
        for verdict in recheck(found):
            yield name, "built", verdict.verdict


def alert(data: Path) -> Iterator[tuple[str, str, str]]:
    """Forest cleared; all around it stands for the fields."""
    import geopandas

    folder = data / "s2_alert_pair_guianas"
    one, two = (read(folder / f"example_t{n}.tif", bands=["red", "green", "blue"])[0] for n in (0, 1))
    with open_pixels(folder / "example_t0.tif", bands=["red", "green", "blue"]) as pixels:
        shapes = geopandas.read_file(folder / "example.geojson").to_crs(str(pixels.geobox.crs)).geometry
        label = rasterize(list(shapes), pixels.geobox)
    days = [FIRST, FIRST + timedelta(days=300)]
    part, free = eroded(label), ~grown(label)
    found = series(
        np.stack([one, two]), np.ones((2, *label.shape), bool), part, cells(free), free, days, before=0, after=1,
        since=days[0], bands=("red", "green", "blue"), gsd_m=10.0,
    )  # fmt: skip
    for verdict in recheck(found):
        yield "guianas alert 10 m", "cleared", verdict.verdict


def _never_green(
    name: str, values: Cube, valid: NDArray[np.bool_], days: Sequence[datetime], bands: tuple[str, ...], gsd: float
) -> Iterator[tuple[str, str, str]]:
    """Yards, roads, roofs: ground below NDVI 0.3 on every date. Each of the first dates in turn is the one that flagged
    it, all later ones are looked at. Fields: squares that were green at least once."""
    red, nir = values[:, bands.index("red")], values[:, bands.index("nir")]
    ndvi = np.where(valid, (nir - red) / np.maximum(nir + red, 1e-6), np.nan)
    with np.errstate(all="ignore"):
        most, least = np.nanmax(ndvi, axis=0), np.nanmin(ndvi, axis=0)
    bare = (most < 0.3) & (least > 0.0)  # water lies below
    parcels = cells((most > 0.5) & ~grown(bare))
    for part in some(components(bare, 6)):
        for after in range(1, len(days) - 1, 3):
            found = series(
                values, valid, part, parcels, bare & ~part, days, before=after - 1, after=after, since=days[after],
                bands=bands, gsd_m=gsd,
            )  # fmt: skip
            for verdict in recheck(found):
                yield name, "never green", verdict.verdict


def never_green_naip(data: Path) -> Iterator[tuple[str, str, str]]:
    files = sorted((data / "naip_prairie_5m").glob("*.tif"))
    bands = ["red", "green", "blue", "nir"]
    with open_pixels(files[0], bands=bands) as first:
        grid = first.geobox
    rasters = [read(file, bands=bands, onto=grid) for file in files]
    days = [datetime.strptime(f.stem[-8:], "%Y%m%d").replace(tzinfo=UTC) for f in files]
    values, valid = (np.stack([r[n] for r in rasters]) for n in (0, 1))
    yield from _never_green("naip prairie 5 m", values, valid, days, tuple(bands), 5.0)


def _belgium(data: Path) -> tuple[Cube, NDArray[np.bool_], list[datetime], tuple[str, ...]]:
    files = sorted((data / "worldcereal_s1s2_monthly" / "tif").glob("S2_*.tif"))
    bands = ("blue", "green", "red", "re1", "re2", "re3", "nir", "swir1", "swir2")
    rasters = [read(file, bands=bands) for file in files]
    kept = [n for n, r in enumerate(rasters) if r[1].mean() > 0.5]
    days = [datetime.strptime(files[n].stem[-6:], "%Y%m").replace(tzinfo=UTC) for n in kept]
    return np.stack([rasters[n][0] for n in kept]), np.stack([rasters[n][1] for n in kept]), days, bands


def never_green_belgium(data: Path) -> Iterator[tuple[str, str, str]]:
    values, valid, days, bands = _belgium(data)
    yield from _never_green("belgium monthly 10 m", values, valid, days, bands, 10.0)


def settlements(data: Path) -> Iterator[tuple[str, str, str]]:
    """Built-up land of the national layer against grassland and fields, one index only, up to 68 dates."""
    import json

    folder = data / "s2_eolearn_slovenia"
    values, valid, _ = read(folder / "ndvi_68dates.tif")
    cloud = read(folder / "cloudmask_68dates.tif", nodata=None)[0] > 0
    lulc = read(folder / "lulc_raster.tif", nodata=None)[0][0].astype(int)
    stamps = json.loads((folder / "timestamps.json").read_text())
    days = [datetime.fromisoformat(str(s)[:19]).replace(tzinfo=UTC) for s in stamps]
    clear = ~np.stack([grown(c, 2) for c in cloud]) & np.isfinite(values) & valid
    built, green = lulc == 8, np.isin(lulc, (1, 3))
    for part in components(eroded(built) | (built & ~grown(~built)), 4):
        found = series(
            np.nan_to_num(values)[:, None], clear, part, cells(green & ~grown(built), 6), lulc == 2, days, before=0,
            after=next((n for n in range(1, len(days)) if clear[n][part].all()), 1), since=days[1],
            bands=("ndvi",), gsd_m=10.0,
        )  # fmt: skip
        for verdict in recheck(found):
            yield "slovenia ndvi 10 m", "built-up", verdict.verdict


def fields(data: Path) -> Iterator[tuple[str, str, str]]:
    """Real fields that nobody built on, each claimed as restored in turn: the share that is believed. Squares that were
    both green and bare within the year stand for them."""
    values, valid, days, bands = _belgium(data)
    red, nir = values[:, bands.index("red")], values[:, bands.index("nir")]
    ndvi = (nir - red) / np.maximum(nir + red, 1e-6)
    crops = (ndvi.max(axis=0) > 0.6) & (ndvi.min(axis=0) < 0.35)
    squares = cells(crops, 8)
    still = eroded(ndvi.max(axis=0) < 0.3, 0)
    whole = [n for n, count in zip(*np.unique(squares[squares > 0], return_counts=True), strict=True) if count == 49]
    for number in whole[:: max(1, len(whole) // 40)]:
        part = squares == number
        others = np.where(grown(part, 2), 0, squares).astype(np.int32)
        found = series(
            values, valid, part, others, still, days, before=None, after=None, since=days[0] - timedelta(days=1),
            bands=bands, gsd_m=10.0,
        )  # fmt: skip
        for verdict in recheck(found):
            yield "belgium monthly 10 m", "a real field", verdict.verdict


def show(title: str, table: Counter[tuple[str, str, str]]) -> None:
    verdicts = ("restored", "not_restored", "cannot_tell")
    print(f"\n{title}\n{'':22} {'true':20} " + " ".join(f"{v:>13}" for v in verdicts))
    for name, true in sorted({(a, b) for a, b, _ in table}):
        print(f"{name:22} {true:20} " + " ".join(f"{table[name, true, v]:13}" for v in verdicts))


def main() -> None:
    home = Path(__file__).resolve().parents[2]
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--real", type=Path, default=home.parent / "shared" / "data")
    asked.add_argument("--seeds", type=int, nargs="*", default=[430381, 7, 11, 23])
    given = asked.parse_args()
    if given.real.is_dir():
        real(given.real)
    townships(given.seeds)


if __name__ == "__main__":
    main()
