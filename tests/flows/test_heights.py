"""Two surface models in a workspace: the flag says how much the ground rose."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from flows import settings, steps
from pipeline import align, detect, pairing
from pipeline.flags import Flag, from_json, to_json
from tests.flows.an_office import DAY, EAST, NORTH, ZONE, land

SIDE, GSD_M = 240, 0.5


def surface(path: Path, rise_m: float, seed: int) -> Path:
    """120 × 120 m of paddy, ±0.1 m; a house of 20 × 30 m stands ``rise_m`` above it."""
    heights = 40 + np.random.default_rng(seed).normal(0, 0.1, (SIDE, SIDE))
    heights[60:100, 120:180] += rise_m
    grid = rasterio.Affine(GSD_M, 0, EAST + 100, 0, -GSD_M, NORTH + 300)
    shape = {"width": SIDE, "height": SIDE, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", driver="GTiff", crs=ZONE, transform=grid, nodata=-9999, **shape) as file:
        file.write(heights.astype(np.float32)[None])
    return path


def flags_of(office: settings.Workspace) -> list[Flag]:
    """Of the only pair, by the steps of an inspection."""
    (pair,) = pairing.pairs(office.catalog.scenes(), [])
    bands = detect.pair_bands(pair.before.bands, pair.after.bands)
    chosen, _ = detect.choose(bands.names, pair.before.gsd_m, None, pair.after.platform)
    layers, still = office.editions.on(DAY), align.Alignment("aligned", 0, 0, (0, 0), 0, 0, 0, 0, ())
    compared = steps.compare(office, pair, chosen.name, still, 0.0, lambda share: None)
    laid = steps.lay_over(compared, pair, layers, lambda share: None)
    flags, _ = steps.judge(compared, laid, pair, layers, "")
    return flags


def test_the_flag_says_how_much_it_rose(tmp_path: Path) -> None:
    office, _ = settings.init(tmp_path / "ws")
    office.editions.add("FARMLAND", land(tmp_path), edition="2025")
    for name, rise_m, day in (("a.tif", 0.0, "2025-10-18"), ("b.tif", 3.2, "2026-10-18")):
        office.catalog.add_scene(
            surface(tmp_path / name, rise_m, len(name) + int(rise_m)), platform="drone", acquired=day, bands=["dsm"]
        )
    (flag,) = flags_of(office)
    assert flag.change.method == "height"
    assert flag.kind == "other"  # that it rose, not what it is
    said = {reason.title["en"]: reason.text for reason in flag.reasons}
    assert flag.change.rise.noise_m == pytest.approx(0.1 * 2**0.5, rel=0.1)  # of a difference of two
    noise = f"{flag.change.rise.noise_m:.2f}"
    assert said["Surface rose"]["zh"] == f"2025-10-18 至 2026-10-18 升高 3.2 m（噪声 {noise} m）。"
    assert said["Surface rose"]["en"] == f"Rose by 3.2 m (noise {noise} m) from 2025-10-18 to 2026-10-18."
    assert "Height alone" in {doubt.title["en"] for doubt in flag.doubts}
    kept = from_json(json.loads(json.dumps(to_json(flag))))
    assert kept.change.rise == flag.change.rise
