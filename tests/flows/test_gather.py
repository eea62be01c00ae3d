"""What publishing reads: each scene opened once, and no more of them open than may be."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from flows.settings import open_workspace
from geodata.catalog import Catalog
from maps.gather import Gathered, OpenScenes
from tests.geodata.images import ramp, write

WHOLE = (slice(0, 30), slice(0, 40))


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    found = Catalog(tmp_path / "catalog")
    for n in range(3):
        values = ramp(bands=4, dtype="uint16") + np.uint16(n)
        path = write(tmp_path / f"GF2_2024050{n + 1}.tif", values, names=("blue", "green", "red", "nir"))
        found.add_scene(path)
    return found


def files_open_under(root: Path) -> int:
    links = (os.path.realpath(link) for link in Path("/proc/self/fd").iterdir())
    return sum(name.startswith(f"{root.resolve()}/") for name in links)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are told by /proc")
def test_scenes_are_opened_once_and_the_least_used_are_shut(catalog: Catalog) -> None:
    first, second, third = catalog.scenes()
    held = OpenScenes(catalog, most=2)
    pixels = held[first]
    assert held[first] is pixels
    assert held[second] is not pixels
    assert held[first] is pixels
    assert held[third].read(WHOLE).values[0, 0, 0] == 2
    assert len(held) == 2
    assert held[first] is pixels
    assert files_open_under(catalog.root) == 2
    assert held[second].read(WHOLE).values[0, 0, 0] == 1
    assert files_open_under(catalog.root) == 2
    held.close()
    assert files_open_under(catalog.root) == 0


def test_what_was_gathered_is_shut_when_publishing_ends(gengxun, workspace: Path) -> None:
    office = open_workspace(workspace)
    with Gathered(office, date(2026, 11, 24)) as gathered:
        assert gathered.cases == []
        assert gathered.thumbs() == {}
    assert len(gathered.open) == 0
