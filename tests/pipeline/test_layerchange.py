"""A newer edition against an older one: squares whose areas are known."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from flows.layerchange import filed
from geodata.crs import transform
from geodata.layers import Kind
from tests.pipeline.ground import ZONE, at, part


def square(x: float, y: float, width: float = 100.0, height: float = 100.0) -> shapely.Polygon:
    return at(x, y, x + width, y + height)


def edition(folder, rows, **columns):
    """rows: {BSM: (DLBM, shape)}."""
    shapes = [shape for _, shape in rows.values()]
    return [part(folder, Kind.FARMLAND, shapes, BSM=list(rows), DLBM=[code for code, _ in rows.values()], **columns)]


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Five hectares of paddy and one of forest. In 2026 half of A is built on, B is gone from the layer, C is drawn
    anew with the same ground, D is as it was, half of the forest F is paddy, and G is a new parcel beside."""
    folder = tmp_path_factory.mktemp("editions")
    a, b, c, d, e, f = (square(100 * n, 0) for n in range(6))
    old = {"A": ("0101", a), "B": ("0101", b), "C": ("0103", c), "D": ("0101", d), "E": ("0101", e), "F": ("0301", f)}
    same = shapely.Polygon([*c.exterior.coords[2:-1], *c.exterior.coords[:3]])
    new = {
        "A": ("0101", square(0, 0, 50)), "A2": ("0702", square(50, 0, 50)), "C": ("0103", same), "D": ("0101", d),
        "E": ("1104", e), "F": ("0301", square(500, 0, 50)), "F2": ("0101", square(550, 0, 50)),
        "G": ("0101", square(0, 100, 100, 50)),
    }  # fmt: skip
    return edition(folder / "old", old), edition(folder / "new", new)


def test_ground_lost_and_gained_adds_up(held, tmp_path):
    told = filed(Kind.FARMLAND, *held, tmp_path / "changed.gpkg")
    assert told.before_m2 == pytest.approx(50_000, abs=0.02)
    assert told.after_m2 == pytest.approx(35_000, abs=0.02)
    assert told.lost_m2 == pytest.approx(25_000, abs=0.02)
    assert told.gained_m2 == pytest.approx(10_000, abs=0.02)
    assert told.unbalanced_m2 == pytest.approx(0, abs=0.01)
    assert {code: round(m2) for code, m2 in told.lost_to.items()} == {"0702": 5_000, "": 10_000, "1104": 10_000}
    assert {code: round(m2) for code, m2 in told.gained_from.items()} == {"0301": 5_000, "": 5_000}
    lost = gpd.read_file(tmp_path / "changed.gpkg", layer="lost")
    assert sorted(zip(lost.BSM, lost.DLBM_2, lost.BSM_2, lost.M2.round(), strict=True)) == [
        ("A", "0702", "A2", 5_000), ("B", "", "", 10_000), ("E", "1104", "E", 10_000)
    ]  # fmt: skip
    assert shapely.union_all(lost.geometry.to_numpy()).area == pytest.approx(25_000, abs=0.01)
    gained = gpd.read_file(tmp_path / "changed.gpkg", layer="gained")
    assert sorted(zip(gained.BSM, gained.BSM_2, strict=True)) == [("F2", "F"), ("G", "")]


def test_parcels_by_their_number(held, tmp_path):
    told = filed(Kind.FARMLAND, *held, tmp_path / "changed.gpkg").parcels
    assert (told.key, told.before, told.after, told.unkeyed) == (("BSM",), 6, 8, (0, 0))
    assert (told.gone, told.new, told.unchanged, told.changed) == (1, 3, 2, 3)
    assert (told.class_changed, told.shape_changed) == (1, 2)  # E; A and F: C only begins its ring elsewhere
    assert list(gpd.read_file(tmp_path / "changed.gpkg", layer="gone").BSM) == ["B"]
    assert sorted(gpd.read_file(tmp_path / "changed.gpkg", layer="new").BSM) == ["A2", "F2", "G"]


def test_an_edition_in_another_zone_is_brought_over(held, tmp_path):
    """A square of 1 ha in zone 38, drawn in zone 37: nothing is lost or gained, whatever the vertices' cents."""
    moved = transform(np.array([square(0, 0)], object), ZONE, "EPSG:4546")
    west = [part(tmp_path / "w", Kind.FARMLAND, moved, zone="EPSG:4546", BSM=["A"], DLBM=["0101"])]
    told = filed(Kind.FARMLAND, edition(tmp_path / "e", {"A": ("0101", square(0, 0))}), west)
    assert (told.lost_m2, told.gained_m2) == (0, 0)
    assert told.unbalanced_m2 == pytest.approx(0, abs=0.01)
    assert (told.parcels.unchanged, told.parcels.changed) == (1, 0)


def test_areas_by_class(held):
    told = filed(Kind.FARMLAND, *held).to_json()
    rows = {row["code"]: (row["parcels_before"], row["parcels_after"], round(row["before_m2"]), round(row["after_m2"]))
            for row in told["classes"]}  # fmt: skip
    assert rows == {
        "0101": (4, 4, 40_000, 25_000), "0103": (1, 1, 10_000, 10_000), "0301": (1, 1, 10_000, 5_000),
        "0702": (0, 1, 0, 5_000), "1104": (0, 1, 0, 10_000),
    }  # fmt: skip
    assert [row["name"] for row in told["classes"]][:2] == ["水田", "旱地"]


def test_numbers_given_anew_are_not_taken_for_the_same_parcels(tmp_path):
    """BSM is counted anew from the west; TBBH within the village is what stays."""
    shapes = [square(100 * n, 0) for n in range(4)]
    village = {"ZLDWDM": ["4303211010010000000"] * 4}
    old = {str(n): ("0101", shape) for n, shape in enumerate(shapes)}
    new = {str(n): ("0101", shape) for n, shape in enumerate(reversed(shapes))}
    one = edition(tmp_path / "a", old, TBBH=list("abcd"), **village)
    told = filed(Kind.FARMLAND, one, edition(tmp_path / "b", new, TBBH=list("dcba"), **village)).parcels
    assert (told.key, told.unchanged, told.changed) == (("ZLDWDM", "TBBH"), 4, 0)


def test_ground_under_two_parcels_is_told_as_what_does_not_add_up(tmp_path):
    old = {"A": ("0101", square(0, 0)), "B": ("0101", square(50, 0))}
    new = {"A": ("0101", square(0, 0, 150)), "C": ("0601", square(0, 200))}
    told = filed(Kind.FARMLAND, edition(tmp_path / "a", old), edition(tmp_path / "b", new))
    assert (round(told.lost_m2), round(told.gained_m2), round(told.unbalanced_m2)) == (0, 0, -5_000)
