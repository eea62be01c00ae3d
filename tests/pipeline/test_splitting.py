"""Ground cut into parts: nothing lost, nothing twice, no slivers, areas to the cent."""

from __future__ import annotations

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.crs import GEOGRAPHIC, transform
from geodata.errors import InputError
from pipeline.cases.case import AREAS
from pipeline.plain import to_plain
from pipeline.splitting import balanced, cut
from tests.pipeline.invented_flags import occupied

ZONE = "EPSG:4547"
EAST, NORTH = 391_000.0, 3_076_000.0


def square(x: float, y: float, width: float, height: float) -> shapely.Polygon:
    return shapely.box(EAST + x, NORTH + y, EAST + x + width, NORTH + y + height)


def lonlat(*shapes: shapely.Polygon) -> list[shapely.Polygon]:
    return list(transform(list(shapes), ZONE, GEOGRAPHIC))


GROUND = to_plain(occupied(lonlat(square(0, 0, 100, 100))[0]))


def test_a_gap_of_drawing_goes_to_its_neighbour_and_a_real_rest_is_a_part():
    made = cut(GROUND, lonlat(square(0, 0, 49.95, 100), square(50, 0, 50, 100)), "x")
    assert len(made.parts) == 2
    assert (made.remainder_m2, sum(p.area for p in made.parts)) == (0.0, pytest.approx(10_000, abs=1))
    rest = cut(GROUND, lonlat(square(0, 0, 40, 100), square(40, 0, 30, 100)), "x")
    assert [round(p.area) for p in rest.parts] == [4000, 3000, 3000]
    assert rest.remainder_m2 == pytest.approx(3000, abs=1)
    assert rest.parts[0].intersection(rest.parts[1]).area == 0


def test_what_overhangs_the_ground_is_cut_off():
    made = cut(GROUND, lonlat(square(-500, -500, 550, 900), square(50, -1, 200, 500)), "x")
    assert [round(p.area) for p in made.parts] == [5000, 5000]


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ([square(200, 200, 9, 9)], "polygon 1 does not lie"),
        ([square(0, 0, 60, 100), square(50, 0, 50, 100)], "polygon 2 lies over"),
        ([square(-9, -9, 200, 200)], "two parts"),
    ],
)
def test_what_does_not_fit_is_named(shapes, said):
    with pytest.raises(InputError) as refused:
        cut(GROUND, lonlat(*shapes), "parts.gpkg")
    assert said in refused.value.msgid.format(**refused.value.fields)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=6),
    st.lists(st.floats(-0.04, 0.04), min_size=6, max_size=6),
)
def test_areas_add_up_to_the_cent_whatever_rounding_did(shares, noise):
    """The ground in shares, each with its own rounding."""
    whole, total = occupied(lonlat(square(0, 0, 100, 100))[0]), sum(shares)
    parts = []
    for share, more in zip(shares, noise, strict=False):
        of = {n: round(getattr(whole, n) * share / total + more * (getattr(whole, n) > 0), 2) for n in AREAS}
        overlays = {
            k: (round(g * share / total, 2), round(n * share / total, 2)) for k, (g, n) in whole.overlays.items()
        }
        parts.append(occupied(whole.geometry, **of, overlays=overlays))
    found = balanced(to_plain(whole), parts, {"0" * 64: "sandiao"})
    for name in AREAS:
        assert round(sum(getattr(part, name) for part in found), 2) == getattr(whole, name)
    for part in found:
        terms = part.farmland_gross_m2 + part.other_agricultural_m2 + part.unused_m2 + part.construction_m2
        assert round(terms + part.uncovered_m2, 2) == part.patch_m2
    for kind, (gross, net) in whole.overlays.items():
        assert round(sum(p.overlays[kind][0] for p in found), 2) == gross
        assert round(sum(p.overlays[kind][1] for p in found), 2) == net


def test_other_ground_is_not_made_to_fit():
    whole = occupied(lonlat(square(0, 0, 100, 100))[0])
    half = occupied(whole.geometry, farmland_gross_m2=3_000.0)
    found = balanced(to_plain(whole), [half, half], {})
    assert sum(part.farmland_gross_m2 for part in found) == 6_000.0
