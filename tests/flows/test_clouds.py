"""A scene without a mask gets one when it is added; the setting decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flows.settings import FILE, open_workspace
from pipeline.quality import Quality
from tests.flows.ran import runner
from tests.pipeline.test_clouds import DOWN, RIGHT, discs, pixels

CLOUD, SHADOW = discs(9), discs(9, DOWN, RIGHT)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_scene: Callable[..., Path]):
    call = runner(tmp_path, monkeypatch)
    root = tmp_path / "ws"
    assert call("init", root, cwd=tmp_path).code == 0
    image = np.round(pixels(CLOUD, SHADOW).values).astype(np.uint16)
    write_scene(tmp_path / "a.tif", image, "2026-05-01", gsd_m=20.0)
    return root, lambda *arguments: call(*arguments, cwd=root)


def add(call, *options: str):
    done = call("scene", "add", "../a.tif", "--json", *options)
    assert done.code == 0, done.err
    return done.json[0]


def test_a_scene_without_a_mask_has_its_clouds_told_and_says_so(office) -> None:
    root, call = office
    row = add(call)
    share = 100 * CLOUD.mean()
    assert row["cloud_cover"] == pytest.approx(share, rel=0.02)
    assert any("built-in method" in text for text in row["warnings"])
    assert not any("quality unknown" in text for text in row["warnings"])
    catalog = open_workspace(root).catalog
    held = catalog.scene(row["id"])
    with catalog.pixels(held) as open_:
        codes = open_.codes((slice(0, 300), slice(0, 300)))
    assert (codes[SHADOW & ~CLOUD] & Quality.SHADOW > 0).mean() > 0.9
    assert catalog.damaged(held) == []
    again = add(call)
    assert (again["new"], again["cloud_cover"]) == (False, row["cloud_cover"])


def test_switched_off_the_quality_stays_unknown_until_it_is_switched_on(office) -> None:
    root, call = office
    settings = (root / FILE).read_text("utf-8")
    (root / FILE).write_text(settings.replace('clouds = "builtin"', 'clouds = "off"'), "utf-8")
    row = add(call)
    assert row["cloud_cover"] is None
    assert any("quality unknown" in text for text in row["warnings"])
    (root / FILE).write_text(settings, "utf-8")
    assert add(call)["cloud_cover"] == pytest.approx(100 * CLOUD.mean(), rel=0.02)


def test_a_drone_flies_below_clouds(office) -> None:
    _, call = office
    assert add(call, "--platform", "drone")["cloud_cover"] is None


def test_a_way_that_is_none_is_refused_in_one_sentence(office) -> None:
    root, call = office
    text = (root / FILE).read_text("utf-8").replace('clouds = "builtin"', 'clouds = "fmask"')
    (root / FILE).write_text(text, "utf-8")
    done = call("scene", "add", "../a.tif")
    assert done.code == 2
    assert "[imagery] clouds is fmask; known are builtin, off" in done.err
