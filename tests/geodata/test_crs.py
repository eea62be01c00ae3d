"""The CGCS2000 family by number and by ESRI name; a loud stop where things contradict each other."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata import crs as C
from geodata.errors import CRSContradiction, CRSMissing

ESRI_ZONE_38 = (
    'PROJCS["CGCS2000_3_Degree_GK_Zone_38",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
    'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",38500000.0],'
    'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",114.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)
HERE = (3_080_000.0, 3_081_000.0)  # northings of Xiangtan


def extent(easting, south=HERE[0], north=HERE[1]):
    return (easting, south, easting + 1000, north)


@pytest.mark.parametrize(
    ("written", "epsg"),
    [
        ("EPSG:4526", "EPSG:4526"),
        (4547, "EPSG:4547"),
        ("4490", "EPSG:4490"),
        ("CGCS2000_3_Degree_GK_Zone_38", "EPSG:4526"),
        ("CGCS2000_3_Degree_GK_CM_114E", "EPSG:4547"),
        ("CGCS2000_GK_Zone_19", "EPSG:4497"),
        ("CGCS2000_GK_CM_111E", "EPSG:4508"),
        ("GCS_China_Geodetic_Coordinate_System_2000", "EPSG:4490"),
        (ESRI_ZONE_38, "EPSG:4526"),
        (ESRI_ZONE_38.replace("CGCS2000_3_Degree_GK_Zone_38", "湘潭"), "EPSG:4526"),
        (ESRI_ZONE_38.replace("38500000", "500000"), "EPSG:4547"),
        ("urn:ogc:def:crs:EPSG::4528", "EPSG:4528"),
        ("EPSG:32649", "EPSG:32649"),
        ("EPSG:3857", "EPSG:3857"),
        ("EPSG:4979", "EPSG:4326"),  # a height is no matter here
    ],
)
def test_however_it_is_written_it_is_the_same_system(written, epsg):
    assert C.name_of(C.crs_(written)) == epsg


def test_zones_have_the_numbers_of_the_register():
    assert [C.zone_of(lon) for lon in (112.4999, 112.5, 114.0, 119.9)] == [37, 38, 38, 40]
    assert (C.gk3(38), C.gk3(38, prefix=True)) == ("EPSG:4547", "EPSG:4526")
    assert (C.gk3(25), C.gk3(45, prefix=True)) == ("EPSG:4534", "EPSG:4533")
    assert [C.central_meridian(c) for c in ("EPSG:4547", "EPSG:4526", "EPSG:4508")] == [114, 114, 111]
    assert C.central_meridian(C.gk3(1)) == 3  # outside China: the same projection, spelled out


@pytest.mark.parametrize("nothing", [None, "", "  ", "no such system", 'LOCAL_CS["Unknown"]'])
def test_a_missing_system_stops(nothing):
    with pytest.raises(CRSMissing, match="--crs"):
        C.crs_(nothing, "a.shp")


@pytest.mark.parametrize("old", ["EPSG:2362", "EPSG:2383", "EPSG:4610", "EPSG:2414", "EPSG:4214", "EPSG:4555"])
def test_xian_1980_and_beijing_1954_are_refused(old):
    with pytest.raises(CRSContradiction, match="official parameters"):
        C.crs_(old, "a.shp")


@pytest.mark.parametrize(
    ("declared", "bounds", "word"),
    [
        (4525, extent(38_395_000), "zone 38 in front, but EPSG:4525 has zone 37"),
        (4525, extent(38_395_000), "EPSG:4526 would fit"),
        (4547, extent(38_395_000), "EPSG:4547 has no zone in front"),
        (4526, extent(395_000), "no zone in front, but EPSG:4526"),
        (4526, (37_600_000, *HERE[:1], 38_400_000, HERE[1]), "zone 37/38 in front"),
        (32649, extent(38_395_000), "EPSG:4526 would fit"),
        (4526, extent(19_700_000), "EPSG:4497 would fit"),
        (4526, (112.0, 27.0, 113.0, 28.0), "are degrees"),
        (3857, (112.0, 27.0, 113.0, 28.0), "are degrees"),
        (4490, extent(38_395_000), "metres, but EPSG:4490 is in degrees"),
        (4490, (27.0, 112.0, 28.0, 113.0), "latitude before longitude"),
        (4526, (3_080_000, 38_395_000, 3_081_000, 38_396_000), "northing before easting"),
        (3857, extent(38_395_000), "lie nowhere on earth"),
        (4490, (5.0, 40.0, 6.0, 41.0), "outside China"),
        (4547, extent(395_000, 9_000_000, 9_001_000), "outside China"),
        (4326, (190.0, 27.0, 191.0, 28.0), "longitude 191.0000 does not exist"),
        (4526, (float("nan"),) * 4, "not finite"),
    ],
)
def test_a_contradiction_stops_loudly(declared, bounds, word):
    with pytest.raises(CRSContradiction, match=word):
        C.check(C.crs_(declared), bounds, "a.shp")


@pytest.mark.parametrize(
    ("declared", "bounds"),
    [
        (4526, extent(38_395_000)),
        (4547, extent(395_000)),
        (4497, extent(19_695_000)),
        (4508, extent(695_000)),
        (32649, extent(695_000)),
        (3857, extent(12_570_000)),
        (4490, (111.9, 27.3, 113.1, 28.1)),
        (25831, (430_000, 4_580_000, 435_000, 4_585_000)),  # not China: nothing to say against it
    ],
)
def test_what_fits_passes_without_a_word(declared, bounds):
    assert C.check(C.crs_(declared), bounds, "a.shp") == []


def test_far_from_the_meridian_is_said_not_refused():
    (warning,) = C.check(C.crs_(4547), extent(850_000), "a.shp")
    assert "3.6°" in warning["en"]
    assert "请核对带号" in warning["zh"]


def test_what_the_user_says_must_agree_with_the_file():
    assert C.name_of(C.declared(ESRI_ZONE_38, "EPSG:4526", "a.shp")) == "EPSG:4526"
    assert C.name_of(C.declared(None, "EPSG:4526", "a.shp")) == "EPSG:4526"
    with pytest.raises(CRSContradiction, match="the file says EPSG:4526, --crs says EPSG:4547"):
        C.declared(ESRI_ZONE_38, "EPSG:4547", "a.shp")
    with pytest.raises(CRSMissing, match="EPSG:4526 would fit"):
        C.declared(None, None, "a.shp", extent(38_395_000))


def test_the_place_of_the_domain_page():
    point = np.array([shapely.Point(38_395_000, 3_080_000)])
    (there,) = C.transform(point, "EPSG:4526", "EPSG:4490")
    assert (there.x, there.y) == pytest.approx((112.93422122, 27.82947110), abs=1e-8)


def test_other_systems_go_to_the_zone_of_their_middle():
    xiangxiang = np.array([shapely.box(112.0, 27.6, 112.1, 27.7)])
    shaoshan = np.array([shapely.box(112.4, 27.9, 112.7, 28.0)])
    assert C.to_gk3(xiangxiang, "EPSG:4490")[1] == "EPSG:4546"
    assert C.to_gk3(shaoshan, "EPSG:4490")[1] == "EPSG:4547"
    assert C.to_gk3(xiangxiang, "EPSG:4490", 38)[1] == "EPSG:4547"


metres = st.integers(200_000_0000, 800_000_0000).map(lambda n: n / 10_000)  # to 0.1 mm


@settings(deadline=None)
@given(metres, st.integers(25, 45))
def test_stripping_the_prefix_is_exact(easting, zone):
    with_prefix = shapely.Point(easting + zone * 1e6, 3_080_000)
    (out,), name = C.to_gk3(np.array([with_prefix]), C.gk3(zone, prefix=True))
    assert name == C.gk3(zone)
    assert out.x == with_prefix.x - zone * 1_000_000
    assert out.y == 3_080_000


@settings(deadline=None)
@given(st.floats(111.9, 113.1), st.floats(27.3, 28.1))
def test_there_and_back_is_the_same_place(lon, lat):
    point = np.array([shapely.Point(lon, lat)])
    moved, zone = C.to_gk3(point, "EPSG:4490")
    (back,) = C.transform(moved, zone, "EPSG:4490")
    assert abs(back.x - lon) < 1e-9
    assert abs(back.y - lat) < 1e-9


def test_utm_with_the_zone_in_front_is_checked_by_its_own_easting():
    with_prefix = C.crs_("EPSG:4647")  # ETRS89 / UTM zone 32N (zE-N): a national layer of parcels is in it
    assert C.check(with_prefix, (32_500_000, 6_000_000, 32_510_000, 6_010_000), "a.gpkg") == []
    with pytest.raises(CRSContradiction, match="no zone in front"):
        C.check(with_prefix, (500_000, 6_000_000, 510_000, 6_010_000), "a.gpkg")
