"""The survey's area: its test vectors, its own text written out again, and its laws."""

import math
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geodata.area import area_m2, cents, mu, polygon_area_m2, to_zone
from geodata.crs import transform


def square(x, y, side):
    return shapely.box(x, y, x + side, y + side)


L_SHAPE = shapely.Polygon(
    [
        (395000, 3080000),
        (395300, 3080000),
        (395300, 3080120),
        (395100, 3080120),
        (395100, 3080250),
        (395000, 3080250),
    ]
)
VECTORS = [  # domain.md 4.2, zone 38 without its prefix; m² with B and L rounded
    (square(500000, 3070000, 100), 9999.9992),
    (square(395000, 3080000, 100), 9997.2838),
    (square(395000, 3080000, 1000), 999730.5885),
    (square(305000, 3070000, 100), 9990.6272),
    (L_SHAPE, 48986.6984),
]


@pytest.mark.parametrize(("ring", "expected"), VECTORS)
def test_the_survey_s_vectors_hold_to_a_hundredth_of_a_square_metre_a_hectare(ring, expected):
    (found,) = polygon_area_m2(np.array([ring]), 114.0)
    assert found == pytest.approx(expected, abs=0.01 * expected / 10_000)


def test_all_polygons_at_once_are_each_by_itself():
    rings = np.array([ring for ring, _ in VECTORS])
    assert polygon_area_m2(rings, 114.0).tolist() == [polygon_area_m2(rings[i : i + 1], 114.0)[0] for i in range(5)]


def by_the_text(ring, l0=114.0):
    """The formula as domain.md 4.2 prints it, one vertex after the other."""
    a, f = 6378137.0, 1 / 298.257222101
    b = a * (1 - f)
    e2, ep2, c = 1 - (b / a) ** 2, (a / b) ** 2 - 1, a * a / b
    k0, k1, k2 = 1.57048761144159e-7, 5.05250178820567e-3, 2.98472900956587e-5
    k3, k4 = 2.41626669230084e-7, 2.22241238938534e-9

    def latlon(x, y):
        e = k0 * y
        s = math.sin(e)
        bf = e + math.cos(e) * (k1 * s - k2 * s**3 + k3 * s**5 - k4 * s**7)
        t, n2 = math.tan(bf), ep2 * math.cos(bf) ** 2
        v2 = 1 + n2
        u = (x - 500000) * math.sqrt(v2) / c
        lat = bf - v2 * t * u**2 / 2 + (5 + 3 * t**2 + n2 - 9 * n2 * t**2) * v2 * t * u**4 / 24
        lat -= (61 + 90 * t**2 + 45 * t**4) * v2 * t * u**6 / 720
        lon = u - (1 + 2 * t**2 + n2) * u**3 / 6
        lon += (5 + 28 * t**2 + 24 * t**4 + 6 * n2 + 8 * n2 * t**2) * u**5 / 120
        lon = math.radians(l0) + lon / math.cos(bf)
        return [math.radians(round(math.degrees(value) * 3600, 6) / 3600) for value in (lat, lon)]

    points = []
    for (x1, y1), (x2, y2) in pairwise(ring):
        n = max(1, math.ceil(math.hypot(x2 - x1, y2 - y1) / 70))
        points += [(round(x1 + (x2 - x1) * k / n, 4), round(y1 + (y2 - y1) * k / n, 4)) for k in range(n)]
    nodes = [latlon(x, y) for x, y in [*points, points[0]]]
    factors = (
        1 + 3 / 6 * e2 + 30 / 80 * e2**2 + 35 / 112 * e2**3 + 630 / 2304 * e2**4,
        -(1 / 6 * e2 + 15 / 80 * e2**2 + 21 / 112 * e2**3 + 420 / 2304 * e2**4),
        3 / 80 * e2**2 + 7 / 112 * e2**3 + 180 / 2304 * e2**4,
        -(1 / 112 * e2**3 + 45 / 2304 * e2**4),
        5 / 2304 * e2**4,
    )
    total = 0.0
    for (b1, l1), (b2, l2) in pairwise(nodes):
        db, bm = b2 - b1, (b1 + b2) / 2
        series = sum(
            factor * math.sin(k * db / 2) * math.cos(k * bm) for factor, k in zip(factors, (1, 3, 5, 7, 9), strict=True)
        )
        total += 2 * b * b * ((l1 + l2) / 2 - math.radians(l0)) * series
    return abs(total)


@given(
    st.floats(-130_000, 130_000),
    st.floats(2_300_000, 5_700_000),
    st.lists(st.floats(5, 400), min_size=3, max_size=9),
)
def test_the_vectorised_formula_is_the_printed_one(east, north, radii):
    turns = [2 * math.pi * i / len(radii) for i in range(len(radii))]
    ring = [(500_000 + east + r * math.cos(a), north + r * math.sin(a)) for r, a in zip(radii, turns, strict=True)]
    ring.append(ring[0])
    (found,) = polygon_area_m2(np.array([shapely.Polygon(ring)]), 114.0)
    # A rounding of 1e-6" may fall the other way where the last bits differ: far below a cent.
    assert found == pytest.approx(by_the_text(ring), abs=0.002)


def test_holes_are_subtracted_whichever_way_they_are_drawn():
    shell = [(395000, 3080000), (395200, 3080000), (395200, 3080200), (395000, 3080200)]
    hole = [(395050, 3080050), (395150, 3080050), (395150, 3080150), (395050, 3080150)]
    both = [shapely.Polygon(shell, [hole]), shapely.Polygon(shell[::-1], [hole])]
    solid, inner, *with_hole = polygon_area_m2(np.array([shapely.Polygon(shell), shapely.Polygon(hole), *both]), 114.0)
    assert with_hole == pytest.approx([solid - inner] * 2, abs=1e-6)


def test_parts_add_up_and_what_is_no_polygon_counts_nothing():
    one, two = square(395000, 3080000, 100), square(396000, 3080000, 50)
    line = shapely.LineString([(395000, 3080000), (395100, 3080000)])
    shapes = np.array(
        [
            shapely.MultiPolygon([one, two]),
            shapely.GeometryCollection([shapely.MultiPolygon([one, two]), line]),
            line,
            shapely.Polygon(),
            None,
            one,
            two,
        ],
        object,
    )
    multi, collection, of_line, empty, missing, first, second = polygon_area_m2(shapes, 114.0)
    assert multi == collection == pytest.approx(first + second, abs=1e-9)
    assert of_line == empty == missing == 0
    assert polygon_area_m2(np.empty(0, object), 114.0).tolist() == []


@given(st.floats(0.1, 0.9), st.floats(0, 3.14))
def test_pieces_of_a_patch_add_up_to_it_within_rounding(where, angle):
    patch = shapely.affinity.rotate(shapely.box(395000, 3080000, 395090, 3080060), angle, use_radians=True)
    left = shapely.box(394900, 3079900, 395000 + 90 * where, 3080200)
    pieces = np.array([patch, patch.intersection(left), patch.difference(left)])
    whole, *parts = polygon_area_m2(pieces, 114.0)
    assert sum(parts) == pytest.approx(whole, abs=0.01)


def test_zone_prefix_changes_nothing():
    plain = np.array([L_SHAPE, square(395000, 3080000, 1000)])
    prefixed = shapely.transform(plain, lambda xy: xy + np.array([38_000_000, 0]))
    assert area_m2(prefixed, "EPSG:4526").tolist() == polygon_area_m2(plain, 114.0).tolist()


@pytest.mark.parametrize("crs", ["EPSG:4490", "EPSG:32649", "EPSG:3857", "EPSG:4546", "EPSG:4508"])
def test_any_crs_gives_the_area_of_the_zone(crs):
    ring = np.array([shapely.segmentize(square(395000, 3080000, 500), 25)])
    elsewhere = transform(ring, "EPSG:4547", crs)
    assert area_m2(elsewhere, crs)[0] == pytest.approx(polygon_area_m2(ring, 114.0)[0], abs=0.05)


def test_each_geometry_is_computed_in_its_own_zone():
    lonlat = np.array([shapely.box(lon, 27.8, lon + 0.001, 27.801) for lon in (111.9, 112.4, 112.6, 113.5)])
    areas = area_m2(lonlat, "EPSG:4490")
    assert areas.max() - areas.min() < 0.05  # the same cell of the graticule is as large everywhere along it


def test_edges_are_split_before_they_bend():
    """An edge of 20 km that is straight in zone 37 swings 0.36 m off the straight one in zone 38."""
    long = np.array([shapely.box(640_000, 3_080_000, 660_000, 3_100_000)])
    bent, corners = to_zone(long, "EPSG:4546", "EPSG:4547"), transform(long, "EPSG:4546", "EPSG:4547")
    assert shapely.get_num_coordinates(bent)[0] > 4 * 20_000 / 70
    assert shapely.hausdorff_distance(bent, corners, 0.02)[0] == pytest.approx(0.36, abs=0.01)
    own, after = polygon_area_m2(long, 111.0)[0], polygon_area_m2(bent, 114.0)[0]
    assert after == pytest.approx(own, abs=0.2)


def test_cents_are_rounded_half_up():
    assert cents(np.array([0.005, 0.125, 2.675, 1.004999, 0.0])).tolist() == [0.01, 0.13, 2.68, 1.0, 0.0]


def test_one_mu_is_two_thousand_thirds_of_a_square_metre():
    assert mu(2000.0) == 3.0
    assert mu(10_000.0) == 15.0
