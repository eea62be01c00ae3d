"""What is said of evidence against the ground, with figures that can be checked by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Polygon

from geodata.errors import InputError
from geodata.photometa import Photo
from pipeline.cases import evidence as ev
from pipeline.cases.evidence import Evidence, Judged, evidence_of, judge
from pipeline.cases.sight import look

LON, LAT = 112.9, 27.8
GEOD = pyproj.Geod(ellps="GRS80")
AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def place(east_m: float, north_m: float) -> tuple[float, float]:
    """Longitude and latitude that far from the middle."""
    azimuth, far = math.degrees(math.atan2(east_m, north_m)), math.hypot(east_m, north_m)
    lon, lat, _ = GEOD.fwd(LON, LAT, azimuth, far)
    return lon, lat


def ground(*rings: list[tuple[float, float]]) -> Polygon:
    """A polygon whose corners are metres east and north of the middle; further rings are holes."""
    shell, *holes = [[place(*corner) for corner in ring] for ring in rings]
    return Polygon(shell, holes)


def square(east: float, north: float, half: float) -> list[tuple[float, float]]:
    return [(east + half * dx, north + half * dy) for dx, dy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]


FIELD = ground(square(0, 0, 50))


def photo(east: float, north: float, heading: float | None = None, **more) -> Evidence:
    lon, lat = place(east, north)
    base = Evidence(
        sha256="ab" * 32,
        kind="photo",
        shot="overview",
        media_type="image/jpeg",
        size_bytes=1,
        taken_at=AT,
        received_at=AT + timedelta(hours=1),
        lon=lon,
        lat=lat,
        accuracy_m=5.0,
        heading_deg=heading,
        position_source="exif",
        heading_source="exif" if heading is not None else "",
        heading_north="true" if heading is not None else "",
        time_source="zone",
        metadata="exif",
    )
    return replace(base, **more)


def judged(evidence: Evidence, geometry=FIELD, **more) -> Judged:
    return judge(
        evidence, geometry, change_after=more.pop("change_after", None), used_in=more.pop("used_in", ()), **more
    )


def keys(found: Judged) -> list[str]:
    return [f.key for f in found.findings]


def test_inside_needs_no_direction() -> None:
    found = judged(photo(0, 20))
    assert keys(found) == ["inside"]
    assert found.in_place
    assert found.doubts == ()
    assert found.findings[0].text["zh"] == "拍摄点在图斑内，距边界 30 m。"


def test_within_the_accuracy_is_near_and_in_place() -> None:
    found = judged(photo(54, 0, 90))
    assert keys(found) == ["near", "facing_away"]
    assert found.in_place
    assert found.findings[0].text["en"] == "Taken 4.0 m outside the part, within the accuracy of 5.0 m."


def test_an_unknown_accuracy_is_a_named_one() -> None:
    found = judged(photo(64, 0, 270, accuracy_m=None))
    assert found.findings[0].key == "near"
    assert found.findings[0].text["zh"] == "拍摄点在图斑外 14 m；定位精度未知，按 15 m 计。"
    assert keys(judged(photo(66, 0, accuracy_m=None)))[0] == "outside"
    for nothing in (0.0, -1.0, float("nan"), float("inf")):
        assert keys(judged(photo(66, 0, accuracy_m=nothing)))[0] == "outside"


def test_a_fix_from_masts_makes_no_place_near() -> None:
    found = judged(photo(150, 0, accuracy_m=1500.0))
    assert keys(found) == ["outside", "no_heading"]
    assert not found.in_place
    assert found.findings[0].text["zh"] == "拍摄点在图斑外，距边界 100 m；定位精度仅 1,500 m，其中只计 50 m。"


def test_facing_from_the_road() -> None:
    found = judged(photo(92, 0, 280))
    assert keys(found) == ["outside", "facing"]
    assert found.in_place
    assert found.doubts == ()
    assert found.findings[1].text["zh"] == "朝向图斑：距图斑边界 42 m，方位角 280°，朝向偏差 0°，在半视场角 35° 以内。"


def test_facing_away_names_distance_and_deviation() -> None:
    # The near corners lie at ±atan(50/42) = ±50° of west; 90° is 130° from the nearer one.
    found = judged(photo(92, 0, 90))
    assert keys(found) == ["outside", "facing_away"]
    assert not found.in_place
    assert "距图斑边界 42 m" in found.findings[1].text["zh"]
    assert "朝向偏差 130°" in found.findings[1].text["zh"]
    assert {f.key for f in found.doubts} == {"outside", "facing_away"}


def test_the_lens_decides_how_far_beside_still_counts() -> None:
    # From 150 m east of the middle the corners lie at ±26.6° of west (50/100).
    for heading, fov, key in (
        (270 + 26.6 + 34, None, "facing"),
        (270 + 26.6 + 36, None, "facing_away"),
        (270 + 26.6 + 36, 75.0, "facing"),
        (270 + 26.6 + 34, 40.0, "facing_away"),
    ):
        assert keys(judged(photo(150, 0, heading, fov_deg=fov)))[1] == key


def test_too_far_to_count_as_facing() -> None:
    found = judged(photo(300, 0, 270))
    assert keys(found) == ["outside", "too_far"]
    assert found.findings[1].text["zh"] == "距图斑边界 250 m，超出可计为朝向图斑的 200 m。"
    assert judged(photo(300, 0, 270), reach_m=260.0).in_place


def test_only_what_is_within_reach_can_be_faced() -> None:
    # A strip begins 100 m north and runs away to the east-north-east: within 200 m it lies between
    # 349° and 42°; at 63°, which would be half a view from 90°, it is a mile off.
    strip = ground([(-20, 100), (20, 100), (2000, 1000), (2000, 1100)])
    assert keys(judged(photo(0, 0, 0), strip))[1] == "facing"
    assert keys(judged(photo(0, 0, 90), strip))[1] == "facing_away"


def test_holes_and_further_pieces_count() -> None:
    court = ground(square(0, 0, 100), square(0, 0, 60))
    found = judged(photo(0, 0, 10), court)
    assert keys(found) == ["outside", "facing"]
    assert "60 m" in found.findings[0].text["en"]
    two = MultiPolygon([ground(square(-300, 0, 50)), ground(square(300, 0, 50))])
    assert keys(judged(photo(300, 0), two)) == ["inside"]
    assert keys(judged(photo(180, 0, 90), two))[1] == "facing"


def test_a_drone_that_looks_down() -> None:
    # 40 m up with 86.6° of view sees 40·tan(43.3°) = 37.7 m around.
    over = {"pitch_deg": -90.0, "height_m": 40.0, "fov_deg": 86.6, "heading_source": "gimbal"}
    assert keys(judged(photo(80, 0, 90, **over))) == ["outside", "facing"]
    beside = judged(photo(90, 0, 270, **over))
    assert keys(beside) == ["outside", "facing_away"]
    assert "可见半径 38 m" in beside.findings[1].text["zh"]
    assert keys(judged(photo(80, 0, 270, pitch_deg=-89.0)))[1] == "no_heading"


def test_magnetic_headings_are_made_true_and_it_is_said() -> None:
    def of(north: str, declination: float = -4.5) -> Evidence:
        lon, lat = place(150, 0)
        told = Photo("image/jpeg", lon=lon, lat=lat, heading_deg=332.0, heading_source="exif", heading_north=north)
        return evidence_of("0" * 64, "image/jpeg", 1, received_at=AT, photo=told, declination_deg=declination)

    assert of("magnetic").heading_deg == 327.5
    # The northern corner lies at 296.6°: 327.5° is 31° beside it, 332° is 35.4°.
    found = judged(of("magnetic"))
    assert keys(found)[:3] == ["outside", "facing", "declination"]
    assert found.findings[2].text["zh"] == "方位角由磁北换算：已加磁偏角 -4.5°。"
    assert keys(judged(of("magnetic", 0.0)))[1] == "facing_away"
    assert keys(judged(of("true")))[1] == "facing_away"
    assert of("true").heading_deg == 332.0
    assert "declination" not in keys(judged(of("true")))
    assert "north_unknown" in keys(judged(of("")))


def test_time_is_held_against_the_change_and_the_receipt() -> None:
    old = judged(photo(0, 0), change_after=AT + timedelta(days=30))
    assert keys(old) == ["inside", "older_than_change"]
    assert old.in_place  # place and time are two questions
    assert "2026-11-24 10:00" in old.findings[1].text["zh"]
    future = judged(photo(0, 0, received_at=AT - timedelta(minutes=6)))
    assert keys(future) == ["inside", "clock_doubt"]
    assert "晚 6 分钟" in future.findings[1].text["zh"]
    assert keys(judged(photo(0, 0, received_at=AT - timedelta(minutes=5)))) == ["inside"]
    assert keys(judged(photo(0, 0, clock_gap_s=-301.0))) == ["inside", "clock_doubt"]
    assert keys(judged(photo(0, 0, clock_gap_s=299.0))) == ["inside"]
    assert keys(judged(photo(0, 0, taken_at=None))) == ["inside", "no_time"]
    assert keys(judged(photo(0, 0, time_source="assumed"))) == ["inside", "zone_assumed"]


def test_what_else_is_pointed_out_and_not_hidden() -> None:
    mock = judged(photo(0, 0, mock=True))
    assert keys(mock) == ["inside", "mock_position"]
    assert not mock.in_place
    by_hand = judged(photo(0, 0, position_source="manual"))
    assert keys(by_hand) == ["inside", "manual_position"]
    assert by_hand.in_place
    reused = judged(photo(0, 0), used_in=["430302-2026-0007", "430302-2026-0009"])
    assert reused.findings[-1].text["zh"] == "同一文件已用作另外 2 个图斑的举证：430302-2026-0007、430302-2026-0009。"
    assert keys(judged(photo(0, 0, edited_with="Snapseed"))) == ["inside", "edited"]
    assert keys(judged(photo(0, 0, taken_px=(4000, 3000), width_px=1600, height_px=1200))) == ["inside", "resized"]
    assert keys(judged(photo(0, 0, datum="TOKYO"))) == ["inside", "datum"]
    assert keys(judged(photo(0, 0, datum="WGS-84"))) == ["inside"]


def test_a_file_without_exif_is_all_states() -> None:
    bare = evidence_of("0" * 64, "image/jpeg", 1, received_at=AT, photo=Photo("image/jpeg"))
    found = judged(bare, change_after=AT)
    assert keys(found) == ["no_position", "no_time", "no_metadata"]
    assert not found.in_place
    frame = judged(photo(0, 0, position_source="phone", metadata="none"))
    assert [f.key for f in frame.doubts] == []


@pytest.mark.parametrize(("lon", "lat"), [(None, None), (999.0, 27.8), (112.9, float("nan")), (112.9, -91.0)])
def test_a_place_that_is_none(lon: float | None, lat: float | None) -> None:
    assert keys(judged(replace(photo(0, 0), lon=lon, lat=lat)))[0] == "no_position"


def test_documents_have_no_place() -> None:
    document = evidence_of("0" * 64, "application/pdf", 1, received_at=AT, title="acceptance_record")
    assert (document.kind, document.title, document.taken_at) == ("document", "acceptance_record", None)
    assert judged(document).findings == ()
    assert keys(judged(document, used_in=["1"])) == ["reused"]


def test_json_and_back() -> None:
    for one in (photo(1, 2, 3, taken_px=(4, 3), problems=("clock_unset",)), photo(0, 0, taken_at=None)):
        assert ev.from_json(json.loads(json.dumps(ev.to_json(one)))) == one


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lon", "112.9"),
        ("lat", True),
        ("accuracy_m", float("nan")),
        ("size_bytes", 1.5),
        ("sha256", None),
        ("taken_at", "2026-11-24T10:00:00"),
        ("received_at", "yesterday"),
        ("mock", "no"),
        ("taken_px", [1]),
        ("problems", [1]),
    ],
)
def test_a_record_that_holds_something_else_is_refused(field: str, value: object) -> None:
    with pytest.raises(InputError, match=field):
        ev.from_json({**ev.to_json(photo(0, 0)), field: value})
    record = ev.to_json(photo(0, 0))
    del record["received_at"], record["problems"]
    with pytest.raises(InputError, match="received_at"):
        ev.from_json(record)


compass = st.floats(0, 360, exclude_max=True)


@given(compass, st.floats(60, 150), compass)
def test_bearings_hold_all_around(direction: float, far: float, heading: float) -> None:
    """A disc of radius 10 m, ``far`` away towards ``direction``: seen ±asin(10/far) around it."""
    rad = math.radians(direction)
    east, north = far * math.sin(rad), far * math.cos(rad)
    disc = [(east + 10 * math.sin(a), north + 10 * math.cos(a)) for a in np.linspace(0, 2 * np.pi, 720, endpoint=False)]
    seen = look(LON, LAT, heading, ground(disc), 200.0)
    apart = abs((heading - direction + 180) % 360 - 180)
    assert seen.distance_m == pytest.approx(far - 10, abs=0.01)
    assert seen.off_deg == pytest.approx(max(0.0, apart - math.degrees(math.asin(10 / far))), abs=0.05)


@given(compass, st.floats(-200, 200), st.floats(-200, 200))
def test_turning_map_and_camera_together_changes_nothing(turn: float, east: float, north: float) -> None:
    def turned(e: float, n: float) -> tuple[float, float]:
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        return e * c + n * s, n * c - e * s

    corners = [(e + east, n + north) for e, n in ((0, 0), (80, 10), (60, 70), (30, 30), (-20, 60))]
    straight = look(LON, LAT, 30.0, ground(corners), 150.0)
    around = look(LON, LAT, (30.0 + turn) % 360, ground([turned(*c) for c in corners]), 150.0)
    assert around.edge_m == pytest.approx(straight.edge_m, abs=0.01)
    if min(straight.edge_m, abs(straight.distance_m - 150)) > 0.1:
        assert around.inside == straight.inside
        assert (around.off_deg is None) == (straight.off_deg is None)
    if straight.off_deg is not None and around.off_deg is not None and straight.edge_m > 1:
        assert around.off_deg == pytest.approx(straight.off_deg, abs=0.5)


@given(compass, st.floats(-30, 30))
def test_true_headings_stay_on_the_compass(magnetic: float, declination: float) -> None:
    true = ev.true_heading(magnetic, declination)
    assert 0 <= true < 360
    assert (true - magnetic - declination + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)


def test_distance_is_the_ellipsoids() -> None:
    lon, lat = place(0, -142)
    assert look(lon, lat, None, FIELD, 200.0).edge_m == pytest.approx(92, abs=0.001)
    assert shapely.area(FIELD) > 0
