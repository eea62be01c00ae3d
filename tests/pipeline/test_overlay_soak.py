"""A million parcels: the sums hold, and memory stays small, whatever the layer's size."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATCHES = 5_000


def run(what, folder, parcels):
    command = [sys.executable, "-m", "tests.benchmarks.overlay", str(parcels), str(PATCHES)]
    command += ["--only", what, "--folder", str(folder)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout)


def holds(parcels, made, found):
    """The net tiles a square of 60 m parcels, and every patch lies inside it."""
    assert made["rows"] == parcels
    assert made["area_m2"] == pytest.approx(parcels * 3_600, rel=1e-3)
    assert found["uncovered_m2"] == 0
    assert found["shares"] > PATCHES
    assert 0.25 < found["farmland_m2"] / found["patch_m2"] < 0.35  # three of ten codes are 耕地


def test_forty_thousand_parcels(tmp_path):
    holds(40_000, run("build", tmp_path, 40_000), run("ours", tmp_path, 40_000))


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="private memory is told by /proc")
def test_a_million_parcels_go_in_and_are_asked_with_flat_memory(tmp_path):
    quarter = run("build", tmp_path / "quarter", 250_000)
    made = run("build", tmp_path / "whole", 1_000_000)
    found = run("ours", tmp_path / "whole", 1_000_000)
    holds(1_000_000, made, found)
    assert made["private_mb"] - quarter["private_mb"] < 100
    assert made["private_mb"] < 300
    assert found["private_mb"] <= 100
