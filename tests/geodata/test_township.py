"""The township: what a bureau would see in the files, and a truth that can be trusted."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import cv2
import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from rasterio import features

from geodata import township
from geodata.area import area_m2
from geodata.catalog import Catalog
from geodata.editions import Editions
from geodata.layers import Kind
from geodata.township import land, paint, seasons, sky

UTM = "EPSG:32649"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> township.Township:
    return township.build(tmp_path_factory.mktemp("township"))


@pytest.fixture(scope="module")
def parcels(built: township.Township) -> list[geopandas.GeoDataFrame]:
    """DLTB of the west and of the east."""
    return [geopandas.read_file(f.path) for f in built.layers if f.kind is Kind.FARMLAND]


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(hour=3, minute=5, tzinfo=UTC)


def seen(built: township.Township, date: str) -> tuple[np.ndarray, np.ndarray, rasterio.Affine]:
    """(band, y, x) reflectance, quality codes and transform of one day of the series."""
    scene = next(s for s in built.scenes if s.platform == "sentinel-2" and s.acquired_at.date().isoformat() == date)
    with rasterio.open(scene.path) as image:
        return image.read(list(range(1, 7))) / 10000, image.read(7), image.transform


def within(built: township.Township, name: str, date: str) -> dict[str, float]:
    """Mean reflectance of the pixels whose middle lies in an event."""
    event = next(e for e in built.truth if e.name["en"] == name)
    shape = geopandas.GeoSeries([event.geometry], crs="EPSG:4490").to_crs(UTM).buffer(-4)[0]
    values, _, transform = seen(built, date)
    mask = features.rasterize([(shape, 1)], values.shape[1:], transform=transform).astype(bool)
    return dict(zip(seasons.BANDS, values[:, mask].mean(axis=1), strict=True))


# --- layers ---


def test_parcels_cover_every_village_once(built, parcels):
    districts = geopandas.read_file(next(f.path for f in built.layers if f.kind is Kind.DISTRICT))
    villages = districts[districts.XZQDM.str.len() == 12]
    for frame, county in zip(parcels, ("430381", "430382"), strict=True):
        mine = villages[villages.XZQDM.str.startswith(county)].to_crs(frame.crs)
        assert frame.area.sum() == pytest.approx(mine.area.sum(), abs=5)
        assert frame.union_all().area == pytest.approx(frame.area.sum(), abs=5)  # nowhere twice


def test_each_county_is_delivered_in_its_own_zone(parcels):
    west, east = parcels
    assert (west.crs.to_epsg(), east.crs.to_epsg()) == (4525, 4526)
    assert west.total_bounds[0] // 1e6 == 37
    assert east.total_bounds[0] // 1e6 == 38
    lon_west, lon_east = west.to_crs(4490).total_bounds[[0, 2]], east.to_crs(4490).total_bounds[[0, 2]]
    assert lon_west[0] < 112.48 < 112.52 < lon_east[1]


def test_the_west_comes_as_a_gbk_shapefile(built):
    path = next(f.path for f in built.layers if f.kind is Kind.FARMLAND)
    assert path.with_suffix(".cpg").read_text() == "GBK"
    assert "水田".encode("gbk") in path.with_suffix(".dbf").read_bytes()


def test_dltb_keeps_the_rules_of_the_survey(parcels):
    for frame in parcels:
        farm = frame.DLBM.str.startswith("01")
        net, ridge = frame.TBDLMJ, frame.KCMJ
        assert np.abs(frame.TBMJ - ridge - net).max() < 0.005
        assert np.abs(frame.TBMJ * frame.KCXS - ridge).max() < 0.0051
        assert (frame.KCXS[~farm] == 0).all()
        assert ((frame.KCDLBM == "1203") == (frame.KCXS > 0)).all()
        assert (frame.ZLDWDM.str.len() == 19).all()
        assert frame.BSM.is_unique
        assert (frame.BSM.str.len() == 18).all()
        assert not frame.assign(key=frame.ZLDWDM + frame.TBBH).key.duplicated().any()
        assert (frame.XZDWKD[~frame.DLBM.isin(["1003", "1006", "1107"])] == 0).all()
        assert {"0101", "0103", "05H1", "1107", "0404"} <= set(frame.DLBM)  # no doubt about the code system
        assert 0.3 < frame.TBMJ[farm].sum() / frame.TBMJ.sum() < 0.65


def test_tbmj_is_the_surveys_area(parcels):
    for frame in parcels:
        assert np.abs(area_m2(np.array(frame.geometry), str(frame.crs)) - frame.TBMJ).max() < 0.02


def test_personal_columns_are_there_and_plainly_invented(built):
    for file in built.layers:
        if file.kind is Kind.BASIC_FARMLAND:
            frame = geopandas.read_file(file.path)
            assert set(frame.ZRRZJHM) == {"000000000000000000"}
            assert set(frame.LXDH) == {"00000000000"}


def test_every_file_goes_through_the_doors(built, tmp_path):
    editions = Editions(tmp_path / "layers")
    added = [editions.add(f.kind, f.path, edition=f.edition, **f.options) for f in built.layers]
    assert {layer.code_system for layer in added if layer.kind is Kind.FARMLAND} == {"sandiao"}
    assert not [w for layer in added for w in layer.warnings]
    catalog = Catalog(tmp_path)
    for file in (built.scenes[0], built.scenes[-1]):
        scene, _ = catalog.add_scene(file.path)
        assert (scene.platform, scene.acquired_at) == (file.platform, file.acquired_at)
    assert scene.gsd_m == pytest.approx(0.2)


# --- truth ---


def test_events_lie_where_they_are_said_to_lie(built, parcels):
    assert len(built.truth) == 28
    ground = geopandas.pd.concat([frame.to_crs(4490) for frame in parcels])
    tree = shapely.STRtree(np.array(ground.geometry))
    for event in built.truth:
        touched = ground.iloc[tree.query(event.geometry, predicate="intersects")]
        share = shapely.area(shapely.intersection(np.array(touched.geometry), event.geometry)) / event.geometry.area
        farm = share[touched.DLBM.str.startswith("01").to_numpy()].sum()
        if event.expected != "none" or event.kind == "other":
            assert farm > 0.97, event.name
        else:
            assert farm < 0.35, event.name
        assert event.area_m2 >= (900 if event.seen_by != "drone" else 30)
        assert event.kind in township.KINDS
        assert event.name["zh"] != event.name["en"]


def test_approvals_and_records_cover_what_they_allow(built):
    for kind, expected in ((Kind.APPROVED, "approved"), (Kind.FACILITY, "facility")):
        held = geopandas.read_file(next(f.path for f in built.layers if f.kind is kind)).to_crs(4490).union_all()
        for event in built.truth:
            covered = held.intersection(event.geometry).area / event.geometry.area
            assert covered == pytest.approx(1.0 if event.expected == expected else 0.0, abs=1e-6)


def test_perfect_flags_score_full_marks_and_none_score_nothing(built):
    days = [s.acquired_at for s in built.scenes if s.platform == "sentinel-2"]
    period = {"first_at": days[0], "last_at": days[-1], "scenes_at": days}
    illegal = [e.geometry for e in built.truth if e.expected == "flag" and e.seen_by != "drone"]
    full = township.score(built.truth, illegal, **period)
    assert len(full.found) == len(illegal) >= 12
    assert (full.missed, full.needless, full.false) == ((), (), ())
    none = township.score(built.truth, [], **period)
    assert {e.name["en"] for e in none.missed} == {e.name["en"] for e in full.found}


def event(x: float, expected: str = "flag", appears: str = "2025-03-01", removed: str | None = None):
    return township.TruthEvent(
        {"zh": "甲", "en": "a"},
        "construction",
        shapely.box(x, 0, x + 10, 10),
        day(appears),
        day(removed) if removed else None,
        expected,
        100.0,
        "satellite",
    )


def test_a_flag_counts_from_a_fifth_of_the_event():
    period = {"first_at": day("2025-01-01"), "last_at": day("2025-12-01")}
    truth = [event(0), event(100, "approved"), event(200, "none")]
    assert len(township.score(truth, [shapely.box(8, 0, 30, 10)], **period).found) == 1
    below = township.score(truth, [shapely.box(8.1, 0, 30, 10)], **period)
    assert (len(below.missed), below.false) == (1, ())  # it touches, so it is not false either
    beside = township.score(truth, [shapely.box(10, 0, 30, 10)], **period)
    assert beside.false == (0,)
    others = township.score(truth, [shapely.box(100, 0, 110, 10), shapely.box(200, 0, 210, 10)], **period)
    assert len(others.needless) == 1
    assert others.false == (1,)


def test_an_event_between_two_scenes_is_not_due():
    truth = [event(0, appears="2025-03-01", removed="2025-06-01")]
    period = {"first_at": day("2025-01-01"), "last_at": day("2025-12-01")}
    assert not township.score(truth, [], **period).missed
    assert len(township.score(truth, [], **period, scenes_at=[day("2025-04-01")]).missed) == 1
    flag, pair = shapely.box(0, 0, 10, 10), (day("2025-01-01"), day("2025-02-01"))
    assert township.score(truth, [flag], [pair], **period).false == (0,)  # flagged before it was there


# --- images ---


def test_series_pairs_by_season(built):
    days = [s.acquired_at for s in built.scenes if s.platform == "sentinel-2"]
    assert days == sorted(days)
    assert len(days) == 9
    years = {}
    for at in days:
        years.setdefault(at.month, []).append(at.year)
    assert years == {10: [2024, 2025, 2026], 12: [2024, 2025], 4: [2025, 2026], 8: [2025, 2026]}


def test_roofs_are_blue_water_dark_and_woods_green(built):
    before, after = (within(built, "steel shed on basic farmland", d) for d in ("2024-10-17", "2025-10-16"))
    assert after["blue"] > after["red"] + 0.05
    assert after["blue"] > 2 * before["blue"]
    wood = within(built, "cleared wood", "2024-10-17")
    assert wood["nir"] > 4 * wood["red"]
    pond = within(built, "dug pond", "2025-10-16")
    assert pond["swir1"] < 0.1
    assert pond["nir"] < 0.12
    wet = within(built, "fields kept under water in winter", "2025-12-24")
    assert wet["nir"] < wet["green"]


def test_quality_band_covers_the_clouds(built):
    for scene in built.scenes[:9]:
        values, code, _ = seen(built, scene.acquired_at.date().isoformat())
        assert set(np.unique(code)) <= {0, 2, 3, 4, 5, 6, 8, 9, 10}
        assert ((code == 0) == (values[0] == 0)).all()
        white = values[0] > 0.5
        assert white.sum() < 40 or np.isin(code[white], [8, 9, 10]).mean() > 0.97


def test_drone_pair_shows_what_the_satellite_cannot(built):
    pair = [s for s in built.scenes if s.platform == "drone"]
    small = [e for e in built.truth if e.seen_by == "drone" and e.kind in ("construction", "hardening", "pond")]
    for item in small:
        shades = []
        for scene in pair:
            with rasterio.open(scene.path) as image:
                assert image.count == 4
                shape = geopandas.GeoSeries([item.geometry], crs=4490).to_crs(image.crs).buffer(-1)[0]
                mask = features.rasterize([(shape, 1)], image.shape, transform=image.transform).astype(bool)
                assert (image.read(4)[mask] == 255).all()
                shades.append(image.read([1, 2, 3])[:, mask].mean(axis=1))
        assert np.abs(shades[1] - shades[0]).max() > 12, item.name


@pytest.mark.soak
def test_the_same_seed_gives_the_same_bytes(built, tmp_path):
    again = township.build(tmp_path)
    first = built.layers[0].path.parent.parent
    assert again.scenes[0].path.parent.parent == tmp_path
    assert _hashes(first) == _hashes(tmp_path)


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


# --- the parts, by hand ---


def test_noise_is_the_same_for_the_same_seed_only():
    one, same, other = (land.noise(land.generator(s, 1), 64, 16) for s in (5, 5, 6))
    assert (one == same).all()
    assert not (one == other).any()
    assert one.mean() == pytest.approx(0, abs=1e-5)
    assert one.std() == pytest.approx(1, abs=1e-5)


def test_sun_at_noon_of_the_equinox_and_in_the_morning():
    noon = datetime(2025, 3, 21, 4, 30, tzinfo=UTC)  # 12:00 at 112.5° E
    height, azimuth = sky.sun(noon)
    assert height == pytest.approx(90 - 27.87, abs=0.6)
    assert azimuth == pytest.approx(180, abs=1)
    assert 90 < sky.sun(day("2025-03-21"))[1] < 180


def test_shadow_lies_away_from_the_sun_by_the_clouds_height():
    at = day("2025-10-16")
    opacity, shadow = sky.clouds(1, at, sky.Weather(0.05, 0.0, (0, 0)), 256, 10.0)
    shift, _ = cv2.phaseCorrelate(
        cv2.GaussianBlur(opacity, (0, 0), 1.2), shadow, cv2.createHanningWindow((256, 256), cv2.CV_32F)
    )
    elevation, azimuth = np.radians(sky.sun(at))
    reach = sky.CLOUD_HEIGHT_M / np.tan(elevation) / 10
    assert shift[0] == pytest.approx(-np.sin(azimuth) * reach, abs=4)
    assert shift[1] == pytest.approx(np.cos(azimuth) * reach, abs=4)


def test_a_pixel_is_the_mean_of_its_ground_and_shift_moves_it():
    ids = np.zeros((paint.FINE, paint.FINE), np.int32)
    ids[:, 1280:] = 1  # the east half, 2 m cells: the edge lies between pixels 255 and 256
    surface = paint.Surface(ids, 1, ("white",), np.ones(1))
    colours = np.array([[0.1], [0.5]])
    even = np.ones(ids.shape, np.float32)
    still = paint.ground_seen(surface, colours, even, (0.0, 0.0))[0]
    moved = paint.ground_seen(surface, colours, even, (4.0, 0.0))[0]
    assert still.sum() == pytest.approx(0.3 * still.size, rel=1e-4)
    assert still[100, 255] + still[100, 256] == pytest.approx(0.6, abs=1e-3)
    # moved east by 0.4 pixel: 0.4 pixel of each row turns from 0.5 to 0.1
    assert (still - moved)[100].sum() == pytest.approx(0.4 * 0.4, abs=2e-3)


def test_paddies_are_flooded_in_spring_green_in_september_and_cut_in_november():
    one = seasons.Crops(
        np.array([seasons.DOUBLE], np.uint8),
        np.array(["paddy"]),
        np.zeros(1),
        np.ones(1),
        np.ones(1),
        np.zeros(1),
        np.zeros(1, np.int32),
    )

    def ndvi(date: str) -> float:
        _, _, red, nir, _, _ = seasons.of_fields(3, one, day(date))[0]
        return float((nir - red) / (nir + red))

    assert ndvi("2025-04-28") < 0.1
    assert ndvi("2025-06-12") > 0.75
    assert ndvi("2025-07-23") < 0.2
    assert ndvi("2025-09-15") > 0.75
    assert ndvi("2025-11-12") < 0.4
