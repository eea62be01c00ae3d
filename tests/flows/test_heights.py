"""Two surface models in a workspace: the flag says how much the ground rose."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio

from flows import recheck, settings, steps
from pipeline import align, detect, pairing
from pipeline.cases.events import SYSTEM
from pipeline.flags import Flag, from_json, to_json
from tests.flows.an_office import DAY, EAST, NORTH, ZONE, land
from tests.pipeline.invented_flags import inspection

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


def test_later_surface_models_say_still_standing_or_gone(tmp_path: Path) -> None:
    """The house of 3.2 m: there on 25 October, half a metre of it on 5 November, nothing on 15 November."""
    office, _ = settings.init(tmp_path / "ws")
    office.editions.add("FARMLAND", land(tmp_path), edition="2025")
    days = ((0.0, "2025-10-18"), (3.2, "2026-10-18"))
    later = ((3.2, "2026-10-25"), (0.6, "2026-11-05"), (0.0, "2026-11-15"))
    for n, (rise_m, day) in enumerate(days):
        office.catalog.add_scene(
            surface(tmp_path / f"{n}.tif", rise_m, n), platform="drone", acquired=day, bands=["dsm"]
        )
    with office.ledger as ledger:
        ledger.record(inspection(), flags_of(office), SYSTEM)
        (case,) = ledger.cases()
    for n, (rise_m, day) in enumerate(later):
        file = surface(tmp_path / f"later{n}.tif", rise_m, 10 + n)
        office.catalog.add_scene(file, platform="drone", acquired=day, bands=["height"])
    found = recheck.recheck_case(office, case, "", datetime(2026, 10, 20, tzinfo=UTC))
    assert [one.verdict for one in found] == ["not_restored", "cannot_tell", "cannot_tell"]
    assert all(one.flight for one in found)
    assert [one.figures["left_m"] for one in found] == pytest.approx([3.2, 0.6, 0.0], abs=0.05)
    assert [one.figures["still_share"] for one in found] == pytest.approx([1, 0, 0], abs=0.01)
    texts = [one.text["en"] for one in found]
    assert texts[0].startswith("Still standing: of what rose by 3.2 m between 2025-10-18 and 2026-10-18, 100%")
    assert texts[1].startswith("Gone: what rose by 3.2 m between 2025-10-18 and 2026-10-18 is down to 0.6 m")
    assert "whether the soil is restored height does not tell" in texts[2]
    assert "仍在" in found[0].text["zh"]
