"""Cloud masks against those of others, and on ground without clouds: ``python -m tests.benchmarks.clouds``.

Masks: Fmask on Landsat 7 (Chiapas), the scene classification of Sentinel-2 (Chilanga: its dates of 19 × 20 pixels
laid side by side, as one of them is too small to say what clear ground is; shadows across them mean nothing, so what
is scored there are the candidates), and the true sky of the computed township. Precision, recall and F1 of cloud,
shadow and both, as told and after growing by 3 pixels. Then the share of ground wrongly masked where no cloud is, and
of the township's occupations that no cloud nor shadow hides. Labels are read here only.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

import geodata  # noqa: F401  (guards GDAL before it is imported)
from geodata import township
from geodata.crs import transform
from geodata.rasterfile import open_pixels, rasterize
from geodata.scene import ArrayPixels
from pipeline import clouds
from tests.benchmarks.labelled import DATA

SIX = ("blue", "green", "red", "nir", "swir1", "swir2")
GROWN_PX = 3
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Labelled:
    """cloud, shadow: (y, x) of the product's mask. candidates: what is scored, where geometry cannot be."""

    name: str
    image: ArrayPixels
    cloud: Mask
    shadow: Mask
    candidates: bool = False


def image(path: Path, bands: Mapping[str, int], gsd_m: float, nodata: float | None = None) -> ArrayPixels:
    """Bands of a file by number, unscaled, on a plain grid."""
    with rasterio.open(path) as file:
        values = file.read(list(bands.values())).astype(np.float32)
    valid = np.isfinite(values).all(axis=0) & (values != nodata).any(axis=0)
    return ArrayPixels(np.nan_to_num(values), grid(values.shape[1:], gsd_m), tuple(bands), valid=valid)


def grid(shape: tuple[int, int], gsd_m: float) -> GeoBox:
    return GeoBox(shape, Affine(gsd_m, 0, 500_000, 0, -gsd_m, 3_000_000), "EPSG:32649")


def chiapas(day: str, with_thermal: bool = True) -> tuple[ArrayPixels, NDArray[np.float32]]:
    path = DATA / "landsat7_chiapas_pair" / f"LE7_{day}_stack.tif"
    numbers = {name: number for number, name in enumerate((*SIX, "thermal", "fmask"), start=1)}
    whole = image(path, numbers, 30.0, -9999)
    bands = (*SIX, "thermal") if with_thermal else SIX
    return ArrayPixels(whole.values[: len(bands)], whole.geobox, bands, valid=whole.valid), whole.values[7]


def chilanga() -> Labelled:
    dates = []
    for path in sorted((DATA / "s2_chilanga_field").glob("*.tif")):
        numbers = dict(zip((*SIX, "scl"), (2, 3, 4, 8, 11, 12, 15), strict=True))
        dates.append(image(path, numbers, 10.0).values)
    shape = np.max([date.shape for date in dates], axis=0)
    side = int(np.ceil(np.sqrt(len(dates))))
    wide = np.zeros((7, side * shape[1], side * shape[2]), np.float32)
    for n, date in enumerate(dates):
        y, x = n // side * shape[1], n % side * shape[2]
        wide[:, y : y + date.shape[1], x : x + date.shape[2]] = date
    codes = np.round(wide[6] * 10_000)
    valid = (codes > 0) & (wide[:6] > 0).all(axis=0)
    pixels = ArrayPixels(wide[:6], grid(wide.shape[1:], 10.0), SIX, valid=valid)
    return Labelled("chilanga", pixels, valid & np.isin(codes, (8, 9, 10)), valid & (codes == 3), candidates=True)


def labelled(made: township.Township) -> Iterator[tuple[str, Labelled]]:
    for thermal in (True, False):
        pixels, codes = chiapas("20020416", thermal)
        name = "chiapas" if thermal else "chiapas, no thermal"
        yield "Fmask, Landsat 7", Labelled(name, pixels, codes == 4, codes == 2)
    yield "SCL, Sentinel-2", chilanga()
    for scene in made.scenes:
        if scene.platform != "drone":
            pixels, codes = satellite(scene.path)
            yield "computed township", Labelled(scene.path.stem, pixels, np.isin(codes, (8, 9, 10)), codes == 3)


def satellite(path: Path) -> tuple[ArrayPixels, NDArray[np.float32]]:
    numbers = {name: number for number, name in enumerate((*SIX, "scl"), start=1)}
    whole = image(path, numbers, 10.0)
    valid = (whole.values[:6] > 0).any(axis=0)
    return ArrayPixels(whole.values[:6], whole.geobox, SIX, valid=valid), whole.values[6]


def found(one: ArrayPixels, candidates: bool = False) -> tuple[Mask, Mask]:
    """(cloud, shadow) by the built-in method; nothing where it cannot say."""
    shape = one.geobox.shape
    sky = clouds.find(one)
    if sky is None:
        return np.zeros(shape, bool), np.zeros(shape, bool)
    if candidates:
        return sky.candidates, sky.shadow
    bits = sky.bits((slice(0, shape[0]), slice(0, shape[1])))
    return bits & 2 > 0, bits & 4 > 0


def grown(mask: Mask, px: int) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * px + 1, 2 * px + 1), np.uint8)) > 0 if px else mask


def table(said: Mask, truth: Mask, valid: Mask) -> NDArray[np.int64]:
    """true positives, said, true."""
    return np.array([(said & truth & valid).sum(), (said & valid).sum(), (truth & valid).sum()])


def row(counts: NDArray[np.int64]) -> str:
    right, said, true = (int(n) for n in counts)
    precision, recall = (right / n if n else float("nan") for n in (said, true))
    return f"{precision:5.2f} {recall:5.2f} {2 * right / (said + true) if said + true else float('nan'):5.2f}"


def against_labels(made: township.Township) -> None:
    head = "  ".join(f"{name:^17}" for name in ("cloud", "shadow", "both", "cloud +3", "shadow +3", "both +3"))
    print(f"{'precision, recall, F1':<28}{head}")
    pooled: dict[str, NDArray[np.int64]] = {}
    for group, one in labelled(made):
        cloud, shadow = found(one.image, one.candidates)
        seen = np.ones(cloud.shape, bool) if one.image.valid is None else one.image.valid
        tables = np.array(
            [
                table(grown(said, px), truth, seen)
                for px in (0, GROWN_PX)
                for said, truth in ((cloud, one.cloud), (shadow, one.shadow), (cloud | shadow, one.cloud | one.shadow))
            ]
        )
        if one.name != "chiapas, no thermal":
            pooled[group] = pooled.get(group, 0) + tables
        print(f"{one.name:<28}" + "  ".join(row(counts) for counts in tables))
    for group, tables in pooled.items():
        print(f"{'all: ' + group:<28}" + "  ".join(row(counts) for counts in tables))


def clear_images() -> Iterator[tuple[str, ArrayPixels]]:
    """Images without a cloud, of every kind at hand."""
    yield "chiapas 1999", chiapas("19991118")[0]
    yield "chiapas 1999, no thermal", chiapas("19991118", with_thermal=False)[0]
    for path in sorted((DATA / "taizhou_landsat").glob("*_dn.tif")):
        yield "taizhou " + path.stem[:4], image(path, {name: n for n, name in enumerate(SIX, start=1)}, 30.0, 0)
    rgbn = {"red": 1, "green": 2, "blue": 3, "nir": 4}
    austria = DATA / "s2_ftw_austria_2windows" / "inference-img.tif"
    yield "austria 1", image(austria, rgbn, 10.0, 0)
    yield "austria 2", image(austria, {name: n + 4 for name, n in rgbn.items()}, 10.0, 0)
    for path in sorted((DATA / "naip_prairie_5m").glob("*.tif")):
        yield "naip " + path.stem[-8:], image(path, rgbn, 5.0, 0)
    for group, folder, gsd_m in (("levir", "levir_cd_samples", 0.5), ("szada", "sztaki_szada_aerial", 1.5)):
        for path in sorted((DATA / folder).glob("[AB]/*.png")):
            rgb = cv2.imread(str(path)).transpose(2, 0, 1).astype(np.float32)
            yield group, ArrayPixels(rgb, grid(rgb.shape[1:], gsd_m), ("blue", "green", "red"))


def without_clouds() -> None:
    print(
        "\nwrongly masked where no cloud is, per cent of the valid ground (bright and white before shadows were asked)"
    )
    shares: dict[str, list[tuple[float, float]]] = {}
    for name, one in clear_images():
        cloud, shadow = found(one)
        bright, _ = found(one, candidates=True)
        shares.setdefault(name, []).append((100 * (cloud | shadow).mean(), 100 * bright.mean()))
    for name, rows in shares.items():
        masked, bright = np.mean(rows, axis=0)
        print(f"{name:<28}{masked:6.3f}  ({bright:.2f}; {len(rows)} images)")


def occupations(made: township.Township) -> None:
    """Of the standing occupations that the sky leaves open: the share of their ground that is masked."""
    masked = ground = whole = count = 0
    for scene in (s for s in made.scenes if s.platform != "drone"):
        one, codes = satellite(scene.path)
        cloud, shadow = found(one)
        said = grown(cloud | shadow, 2)  # as an inspection grows it
        with open_pixels(scene.path) as pixels:
            place = pixels.geobox
        hidden = np.isin(codes, (0, 3, 8, 9, 10))
        for event in (e for e in made.truth if e.stands(scene.acquired_at)):
            shape = transform(np.array([event.geometry], object), "EPSG:4490", str(place.crs))[0]
            own = rasterize([shape], place, all_touched=True)
            if own.any() and not (own & hidden).any():
                count += 1
                whole += (own & said).sum() > 0.5 * own.sum()
                masked, ground = masked + int((own & said).sum()), ground + int(own.sum())
    print(
        f"\nopen occupations of the township: {100 * masked / ground:.2f} % of their ground masked, {whole} of {count}"
        " by more than half"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = township.build(Path(folder))
        against_labels(made)
        without_clouds()
        occupations(made)


if __name__ == "__main__":
    main()
