"""The topology report: each fault of a small layer is found once, with its area, and nothing else."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from flows.layercheck import PROBLEMS, looked
from geodata.layers import Kind
from pipeline import topogaps
from tests.pipeline.ground import at, part


@pytest.fixture(autouse=True)
def _english(monkeypatch):
    monkeypatch.setenv("GENGXUN_LANG", "en")


def net(n: int, size: float = 100.0) -> list:
    """n × n squares without gap or overlap."""
    return [at(size * i, size * j, size * (i + 1), size * (j + 1)) for j in range(n) for i in range(n)]


def layer(folder, shapes, **columns):
    count = len(shapes)
    told = {"BSM": [f"{n:018d}" for n in range(count)], "DLBM": ["0101"] * count} | columns
    return [part(folder, Kind.FARMLAND, shapes, **told)]


def sound(told):
    return {problem: n for problem, n in told.counts.items() if n}


def test_a_sound_layer_has_no_findings(tmp_path):
    (tmp_path / "report.gpkg").write_text("of last week")
    told = looked(Kind.FARMLAND, layer(tmp_path, net(6)), [], tmp_path / "report.gpkg")
    assert (sound(told), told.parcels) == ({}, 36)
    assert not (tmp_path / "report.gpkg").exists()


def test_overlaps_gaps_and_slivers_with_their_areas(tmp_path):
    shapes = net(4)
    shapes[0] = at(0, 0, 104, 100)  # 4 × 100 m over its eastern neighbour
    shapes[5] = shapes[5] - at(140, 140, 150, 160)  # a hole of 10 × 20 m
    shapes[10] = at(200, 200, 300, 290)  # 10 × 100 m free to the parcel north of it
    shapes.append(at(400, 0, 400.3, 400))  # 30 cm wide
    report = tmp_path / "report.gpkg"
    told = looked(Kind.FARMLAND, layer(tmp_path, shapes), [], report)
    assert sound(told) == {"overlap": 1, "gap": 2, "sliver": 1}
    assert told.m2["overlap"] == pytest.approx(400, abs=0.02)
    assert told.m2["gap"] == pytest.approx(200 + 1_000, abs=0.02)
    assert told.m2["sliver"] == pytest.approx(120, abs=0.02)
    frame = gpd.read_file(report, layer="overlap")
    assert {frame.BSM[0][-1], frame.BSM_2[0][-1]} == {"0", "1"}
    assert frame.geometry.area[0] == pytest.approx(400)
    assert "400.00 m²" in frame.SAYS[0]
    assert sorted(gpd.read_file(report, layer="gap").geometry.area.round()) == [200, 1_000]


def test_a_gap_across_tiles_is_one_and_open_ground_is_none(tmp_path, monkeypatch):
    """A ring of parcels around a lake of 200 × 200 m, cut by tiles of about 130 m; a bay open to the sea is no gap."""
    shapes = [s for s in net(4) if not s.within(at(99, 99, 301, 301))]
    monkeypatch.setattr(topogaps, "PARCELS_A_TILE", 1)
    told = looked(Kind.FARMLAND, layer(tmp_path / "ring", shapes), [])
    assert (told.counts["gap"], round(told.m2["gap"])) == (1, 40_000)
    bay = [s for s in shapes if not s.equals(at(100, 0, 200, 100))]
    assert looked(Kind.FARMLAND, layer(tmp_path / "bay", bay), []).counts["gap"] == 0


def test_what_a_district_has_and_the_layer_has_not(tmp_path):
    """The north-east square is missing; the district beyond, of which nothing was delivered, is not asked for."""
    districts = [
        part(tmp_path, Kind.DISTRICT, [at(0, 0, 300, 300), at(300, 0, 600, 300), at(0, 0, 600, 300)],
             XZQDM=["430321101", "430321102", "430321"], XZQMC=["甲", "乙", "丙"])
    ]  # fmt: skip
    told = looked(Kind.FARMLAND, layer(tmp_path, net(3)[:-1]), districts)
    assert (told.counts["gap"], round(told.m2["gap"])) == (1, 10_000)
    assert told.examples["gap"][0]["en"] == "Under no parcel, inside the district."


def test_attributes_that_do_not_follow(tmp_path):
    shapes = net(3)[:5]
    exact = 10_000.0
    told = looked(
        Kind.FARMLAND,
        layer(
            tmp_path, shapes,
            DLBM=["0101", "0101", "9999", "0101", "0101"],
            TBMJ=[exact + 0.03, exact + 0.10, exact, exact, exact],  # 3 cents are adjustment, 10 are not
            KCXS=[0.1, 0.1, 0.0, 0.1, 0.0],
            KCXS_AS_DELIVERED=[0.1, 0.1, 0.0, 0.1, 1.5],
            KCMJ=[1_000.00, 1_000.01, 0.0, 900.0, 15_000.0],
            TBDLMJ=[9_000.03, 9_000.09, exact, 9_100.0, -5_000.0],
        ),
        [],
        tmp_path / "report.gpkg",
    )  # fmt: skip
    assert sound(told) == {"area": 1, "code": 1, "kcxs": 1, "deduction": 1}
    assert "apart" in gpd.read_file(tmp_path / "report.gpkg", layer="area").SAYS[0]
    said = gpd.read_file(tmp_path / "report.gpkg", layer="deduction")
    assert (said.BSM[0][-1], said.SAYS[0]) == ("3", "KCMJ is 900.00 m², but TBMJ × KCXS is 1,000.00 m².")


def test_duplicates_by_shape_and_by_number(tmp_path):
    shapes = [*net(2), at(0, 0, 100, 100)]
    told = looked(Kind.FARMLAND, layer(tmp_path, shapes, BSM=["1", "2", "3", "3", "5"]), [])
    assert sound(told) == {"duplicate": 2, "overlap": 1}


def test_parts_in_two_zones_are_seen_together(tmp_path):
    from geodata.crs import transform

    one = part(tmp_path, Kind.FARMLAND, [at(0, 0, 100, 100)], sha="a", BSM=["1"], DLBM=["0101"])
    shape = transform(np.array([at(90, 0, 200, 100)], object), "EPSG:4547", "EPSG:4546")
    two = part(tmp_path, Kind.FARMLAND, shape, sha="b", zone="EPSG:4546", BSM=["2"], DLBM=["0101"])
    told = looked(Kind.FARMLAND, [one, two], [], tmp_path / "report.gpkg")
    assert sound(told) == {"overlap": 1}
    frame = gpd.read_file(tmp_path / "report.gpkg", layer="overlap")
    assert (frame.crs.to_epsg(), {frame.BSM[0], frame.BSM_2[0]}) == (4490, {"1", "2"})
    assert told.m2["overlap"] == pytest.approx(1_000, abs=0.05)


def test_every_problem_has_a_name():
    assert set(PROBLEMS) == {"overlap", "gap", "sliver", "area", "kcxs", "deduction", "duplicate", "code"}
    assert shapely.geos_version >= (3, 12, 0)  # checks of coverages
