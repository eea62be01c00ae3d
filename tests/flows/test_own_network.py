"""A network of one's own through the door: ``gengxun detect --method onnx --model net.onnx``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from flows import settings
from flows.inspect import asked
from geodata.errors import InputError
from tests.flows.ran import runner
from tests.pipeline.nets import card, difference_net, elsewhere_net

SIDE = 96


@pytest.fixture
def images(tmp_path: Path, write_scene: Callable[..., Path]) -> tuple[Path, Path, np.ndarray]:
    """Two images of three bands, and how far their first bands lie apart."""
    rng = np.random.default_rng(1)
    first, second = rng.integers(100, 200, (2, 3, SIDE, SIDE)).astype(np.uint16)
    paths = [
        write_scene(tmp_path / f"{name}.tif", values, day, bands=("red", "green", "blue"), gsd_m=0.5)
        for name, values, day in (("before", first, "2025-09-20"), ("after", second, "2026-09-22"))
    ]
    return (*paths, np.abs(first[0].astype(int) - second[0]))


def test_a_network_of_ones_own(images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after, apart = images
    gengxun = runner(tmp_path, monkeypatch)
    net = difference_net(tmp_path / "net.onnx", 60.5, card(output="classes", gsd_m=0.5))
    ran = gengxun(
        "detect", before, after, "--out", tmp_path / "out", "--method", "onnx", "--model", net, "--json", cwd=tmp_path
    )
    assert ran.code == 0, ran.err
    assert ran.json["method"] == "onnx"
    with rasterio.open(tmp_path / "out" / "change.tif") as file, rasterio.open(before) as own:
        np.testing.assert_array_equal(file.read(1), apart > 60)
        assert (file.crs, file.transform) == (own.crs, own.transform)
    assert ran.json["change_px"] == (apart > 60).sum()


def test_a_network_that_reads_other_files_is_refused(images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after, _ = images
    net = elsewhere_net(tmp_path / "net.onnx", card(output="logit"), "/etc/hostname")
    ran = runner(tmp_path, monkeypatch)(
        "detect", before, after, "--out", tmp_path / "out", "--model", net, cwd=tmp_path
    )
    assert (ran.code, ran.out) == (2, "")
    assert "net.onnx: keeps weights in another file" in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_settings_name_it_and_the_command_line_overrides(tmp_path: Path) -> None:
    office, _ = settings.init(tmp_path / "ws")
    toml = office.root / "gengxun.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('model = ""', 'model = "nets/net.onnx"'), encoding="utf-8")
    office = settings.open_workspace(office.root)
    with pytest.raises(InputError, match=r"net\.onnx: there is no such file"):
        asked(office, None, None)
    (office.root / "nets").mkdir()
    difference_net(office.root / "nets" / "net.onnx", 60.5, card(output="classes"))
    way = asked(office, None, None)
    assert way.own is not None
    assert (way.own.name, way.standing) == ("onnx", True)
    other = asked(office, "irmad", None)
    assert (other.name, other.own) == ("irmad", None)
