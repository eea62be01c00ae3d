from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from geodata.layers import Kind, Layer
from geodata.words import catalogue
from pipeline.cases.law import rules
from pipeline.changes import BandStatistics, Spectra
from pipeline.flags import Flag
from pipeline.inspection import REASONS
from pipeline.triage import HIGH, KINDS, Outcome, kind_name, level, triage
from tests.pipeline.invented_flags import LAT, LON, change, occupied

BEFORE, AFTER = datetime(2025, 10, 20, 3, tzinfo=UTC), datetime(2026, 10, 18, 3, tzinfo=UTC)

# blue, green, red, nir; 0.0 and 1.0 are the darkest and the brightest 2 % of the image
BANDS = ("blue", "green", "red", "nir")
CROP = (0.12, 0.18, 0.12, 0.70)
OTHER_CROP = (0.15, 0.25, 0.22, 0.55)
STUBBLE = (0.25, 0.30, 0.38, 0.35)
SOIL = (0.55, 0.70, 0.95, 0.70)
CONCRETE = (1.00, 1.00, 0.95, 0.75)
BLUE_ROOF = (1.40, 1.10, 0.80, 0.60)
PLASTIC = (1.10, 1.10, 0.95, 1.08)
WATER = (0.30, 0.30, 0.15, 0.02)
TREES = (0.02, 0.08, 0.03, 0.60)
LOW, HIGH_VALUE = 0.03, 0.40  # reflectance of 0.0 and 1.0


def values(scaled, low=LOW, high=HIGH_VALUE, bands=BANDS):
    return {b: low + v * (high - low) for b, v in zip(BANDS, scaled, strict=True) if b in bands}


def statistics(low=LOW, high=HIGH_VALUE, bands=BANDS):
    percentiles = tuple(np.interp((2, 25, 50, 75, 98), (2, 98), (low, high)))
    return BandStatistics(dict.fromkeys(bands, percentiles), dict.fromkeys(bands, percentiles))


def spectra(before, after, ring_before=CROP, ring_after=CROP, *, std=(0.05, 0.05), **scale):
    width = scale.get("high", HIGH_VALUE) - scale.get("low", LOW)
    spread = [dict.fromkeys(scale.get("bands", BANDS), s * width) for s in std]
    return Spectra(
        values(before, **scale),
        values(after, **scale),
        *spread,
        values(ring_before, **scale),
        values(ring_after, **scale),
    )


def square(side_m=100.0, length_m=None):
    """side_m wide and length_m long, in degrees at the test's latitude."""
    east, north = 111_320 * np.cos(np.radians(LAT)), 110_900
    return box(LON, LAT, LON + (length_m or side_m) / east, LAT + side_m / north)


def judge(
    seen, *, geometry=None, gsd_m=10.0, before=BEFORE, after=AFTER, bands=BANDS, scale=None, ground=None, **options
):
    geometry = geometry or square()
    scale = scale or {}
    fields = {k: options.pop(k) for k in ("edge_unseen", "score", "area_px") if k in options}
    return triage(
        change(geometry, spectra=seen, **fields),
        occupied(geometry, **(ground or {})),
        statistics(bands=bands, **scale),
        gsd_m=gsd_m,
        before=SimpleNamespace(acquired_at=before),
        after=SimpleNamespace(acquired_at=after),
        **options,
    )


@pytest.mark.parametrize(
    ("after", "options", "kind"),
    [
        (CONCRETE, {}, "hardening"),
        (BLUE_ROOF, {}, "construction"),
        (SOIL, {}, "earthwork"),
        (WATER, {}, "pond"),
        (PLASTIC, {}, "greenhouse"),
        (CONCRETE, {"geometry": square(12, 300), "gsd_m": 2.0}, "road"),
    ],
)
def test_ground_that_is_no_field_any_more_becomes_a_flag_of_its_kind(after, options, kind):
    flag = judge(spectra(CROP, after), **options)
    assert isinstance(flag, Flag)
    assert flag.kind == kind


def test_trees_among_bare_fields_are_a_doubtful_nursery():
    flag = judge(spectra(STUBBLE, TREES, STUBBLE, STUBBLE, std=(0.05, 0.10)))
    assert flag.kind == "nursery"
    assert level(flag.confidence) == "low"


def test_a_rough_texture_speaks_for_buildings():
    assert judge(spectra(CROP, CONCRETE, std=(0.05, 0.40)), gsd_m=0.5).kind == "construction"


@pytest.mark.parametrize(
    "seen",
    [
        spectra(CROP, OTHER_CROP),  # another crop
        spectra(STUBBLE, CROP, STUBBLE, STUBBLE),  # grown
        spectra(CROP, STUBBLE, CROP, OTHER_CROP),  # harvested before its neighbours
        spectra(CROP, SOIL, CROP, SOIL),  # ploughed, with all around it
        spectra(STUBBLE, (0.15, 0.18, 0.25, 0.2), STUBBLE, STUBBLE),  # wet soil
        spectra(CROP, WATER, CROP, WATER),  # flooded, with all around it
        spectra(CONCRETE, CROP),  # put right
    ],
)
def test_what_fields_do_by_themselves_is_seasonal(seen):
    outcome = judge(seen)
    assert isinstance(outcome, Outcome)
    assert outcome.reason == "seasonal"


def test_bare_soil_is_kept_but_never_sure():
    flag = judge(spectra(CROP, SOIL), score=1.0, gsd_m=0.5)
    assert flag.kind == "earthwork"
    assert flag.confidence <= 0.60


def test_a_pond_in_the_months_of_flooded_paddies_is_doubted():
    autumn = judge(spectra(CROP, WATER))
    may = judge(spectra(CROP, WATER), before=datetime(2025, 5, 3, tzinfo=UTC), after=datetime(2026, 5, 3, tzinfo=UTC))
    assert may.kind == autumn.kind == "pond"
    assert may.confidence < autumn.confidence
    assert any(d.title["en"] == "Paddies under water" for d in may.doubts)


def test_a_roof_in_another_light_is_nothing_new():
    brighter = tuple(v + 0.2 for v in CONCRETE)
    outcome = judge(spectra(CONCRETE, brighter))
    assert outcome.reason == "seasonal"
    assert "Bright before" in outcome.text["en"]
    # A grey field that brightens as much, and stood out by a tenth only, is new.
    grey = tuple(v + 0.1 for v in STUBBLE)
    assert judge(spectra(grey, CONCRETE, STUBBLE, STUBBLE)).kind == "hardening"


def test_a_road_that_was_there_is_nothing_new_however_bright_it_shines():
    """0.4 above its surroundings before, 0.9 now: of the 0.9, hardly more than half is new."""
    ring = (0.3,) * 4
    before, now = (0.7,) * 4, (1.2,) * 4
    outcome = judge(spectra(before, now, ring, ring), geometry=square(20, 300))
    assert outcome.reason == "seasonal"
    # The same brightness on ground that was as its surroundings.
    assert judge(spectra(ring, now, ring, ring), geometry=square(20, 300)).kind == "road"


def test_concrete_as_dark_in_the_infrared_as_water_has_not_become_a_pond():
    """Bright at both dates, 0.3 brighter now; its infrared, 0.2, is that of water beside crops in full growth."""
    before, now = (1.0, 1.0, 1.0, 0.2), (1.3, 1.3, 1.3, 0.2)
    outcome = judge(spectra(before, now))
    assert outcome.reason == "seasonal"
    assert "Bright before" in outcome.text["en"]
    # A bright field under muddy water is darker to the eye too, and new.
    assert judge(spectra((0.8, 0.8, 0.8, 0.7), (0.5, 0.6, 0.4, 0.02))).kind == "pond"


def test_a_roof_as_dark_in_the_infrared_as_water_is_no_pond():
    assert judge(spectra(CROP, (1.7, 1.6, 1.5, 0.2))).kind == "hardening"
    assert judge(spectra(CROP, (1.0, 1.1, 0.8, 0.2))).kind == "pond"  # muddy


@pytest.mark.parametrize(("ring", "flagged"), [(0.75, False), (0.50, True)])
def test_a_field_that_only_became_as_bright_as_its_neighbours_is_no_work(ring, flagged):
    """From 0.50 to 0.85; neighbours at 0.75 at both dates are 0.10 away, those at 0.50 are 0.35 away."""
    found = judge(spectra((0.50,) * 4, (0.85,) * 4, (ring,) * 4, (ring,) * 4))
    assert isinstance(found, Flag) == flagged
    assert flagged or found.reason == "seasonal"


def test_a_road_is_as_sure_as_it_is_brighter_not_only_longer():
    """Gains of 0.20 and 0.60 over ground and surroundings of 0.40."""
    field, road = (0.4,) * 4, {"geometry": square(20, 200), "score": 0.6, "area_px": 20}
    faint, plain = (judge(spectra(field, (0.4 + gain,) * 4, field, field), **road) for gain in (0.20, 0.60))
    assert plain.kind == "road"
    assert isinstance(faint, Outcome)
    assert faint.reason == "unsure"


def test_bright_for_the_day_before_but_not_among_its_own_day_s_fields_is_a_harvest():
    """BEFORE ends at 1.0; AFTER, harvested all over, at 2.0: 0.8 is less than half of its day's brightness."""
    seen = spectra(STUBBLE, SOIL, STUBBLE, STUBBLE)
    ground, at = square(), {"before": SimpleNamespace(acquired_at=BEFORE), "after": SimpleNamespace(acquired_at=AFTER)}
    day = statistics()
    harvested = BandStatistics(day.before, statistics(high=2 * HIGH_VALUE - LOW).after)
    judged = [
        triage(change(ground, spectra=seen), occupied(ground), each, gsd_m=10.0, **at) for each in (day, harvested)
    ]
    assert isinstance(judged[0], Flag)
    assert judged[1].reason == "seasonal"


def test_too_little_evidence_is_counted_as_unsure_with_its_numbers():
    """Score and size give nothing (0.5; 4 pixels); half concrete, half crop: 0.20, and less than 0.35 for its looks."""
    faint = tuple(0.55 * now + 0.45 * was for now, was in zip(CONCRETE, CROP, strict=True))
    outcome = judge(spectra(CROP, faint, STUBBLE, STUBBLE), score=0.5, area_px=4)
    assert outcome.reason == "unsure"
    assert "4 pixels" in outcome.text["en"]
    assert "待第二期影像确认" in outcome.text["zh"]
    assert isinstance(judge(spectra(CROP, CONCRETE), score=0.9, area_px=40), Flag)


@pytest.mark.parametrize(("width_m", "flagged"), [(12, False), (25, True)])
def test_a_strip_hardly_wider_than_a_pixel_may_be_a_displaced_edge(width_m, flagged):
    found = judge(spectra(CROP, SOIL), geometry=square(width_m, 60), score=0.62, area_px=8)
    assert isinstance(found, Flag) == flagged
    assert flagged or found.reason == "unsure"


def test_between_seasons_only_what_no_season_does_is_flagged():
    other = {"after": datetime(2026, 4, 20, tzinfo=UTC)}
    assert judge(spectra(CROP, CONCRETE), **other).kind == "hardening"
    for seen in (spectra(CROP, WATER), spectra(STUBBLE, TREES, STUBBLE, STUBBLE, std=(0.05, 0.10))):
        outcome = judge(seen, **other)
        assert outcome.reason == "seasonal"
        assert "days of the year apart" in outcome.text["en"]
    faint = judge(spectra(CROP, SOIL), score=0.5, area_px=4, **other)
    assert faint.reason == "seasonal"
    assert "4 pixels" in faint.text["en"]


def test_a_ragged_outline_is_no_road():
    """A comb of 2 m teeth: its outline is as long as a road's, but it goes nowhere."""
    teeth = [box(0, 0, 24, 4), *(box(x, 0, x + 2, 24) for x in range(0, 24, 4))]
    east, north = 111_320 * np.cos(np.radians(LAT)), 110_900
    comb = shapely.transform(shapely.union_all(teeth), lambda xy: xy / (east, north) + (LON, LAT))
    assert judge(spectra(CROP, CONCRETE), geometry=comb, gsd_m=0.2).kind == "hardening"


def test_reasons_are_asked_in_order():
    assert REASONS == ("too_small", "cloud_edge", "off_farmland", "seasonal", "approved", "facility", "unsure")
    all_at_once = {
        "farmland_gross_m2": 0.0,
        "overlays": {Kind.APPROVED: (10_000.0, 10_000.0), Kind.FACILITY: (10_000.0, 10_000.0)},
    }
    on_farmland = all_at_once | {"farmland_gross_m2": 8_000.0}
    assert judge(spectra(CROP, OTHER_CROP), ground=all_at_once, edge_unseen=0.4).reason == "cloud_edge"
    assert judge(spectra(CROP, OTHER_CROP), ground=all_at_once, edge_unseen=0.39).reason == "off_farmland"
    assert judge(spectra(CROP, OTHER_CROP), ground=on_farmland).reason == "seasonal"
    assert judge(spectra(CROP, CONCRETE), ground=on_farmland).reason == "approved"
    facility = on_farmland | {"overlays": {Kind.FACILITY: (10_000.0, 10_000.0)}}
    assert judge(spectra(CROP, CONCRETE), ground=facility).reason == "facility"


def test_basic_farmland_alone_is_enough_for_a_flag():
    ground = {"farmland_gross_m2": 0.0, "farmland_net_m2": 0.0}  # 6,000 m² of basic farmland remain
    assert isinstance(judge(spectra(CROP, CONCRETE), ground=ground), Flag)


@pytest.mark.parametrize(("m2", "flagged"), [(49.0, False), (51.0, True)])
def test_farmland_is_touched_from_50_m2(m2, flagged):
    ground = {"farmland_gross_m2": m2, "overlays": {}}
    found = judge(spectra(CROP, CONCRETE), gsd_m=0.2, ground=ground)
    assert isinstance(found, Flag) == flagged


def test_half_a_pixel_along_the_outline_touches_nothing():
    """A 100 m square at 10 m a pixel: outline 400 m, half a pixel along it 2,000 m²."""
    ground = {"farmland_gross_m2": 1_900.0, "overlays": {}}
    outcome = judge(spectra(CROP, CONCRETE), ground=ground)
    assert outcome.reason == "off_farmland"
    assert "1,900.00 m²" in outcome.text["zh"]
    assert isinstance(judge(spectra(CROP, CONCRETE), ground=ground, gsd_m=2.0), Flag)


@pytest.mark.parametrize(
    ("share", "gsd_m", "explained"), [(0.96, 1.0, True), (0.90, 1.0, False), (0.85, 10.0, True), (0.75, 10.0, False)]
)
def test_approved_land_explains_up_to_the_outline_s_own_doubt(share, gsd_m, explained):
    ground = {"overlays": {Kind.APPROVED: (10_000.0 * share, 10_000.0 * share)}}
    found = judge(spectra(CROP, CONCRETE), gsd_m=gsd_m, ground=ground)
    assert isinstance(found, Outcome) == explained
    if not explained:
        assert any(d.title["en"] == "Partly approved" for d in found.doubts)


def test_reasons_carry_their_numbers_in_both_languages():
    ground = {"farmland_gross_m2": 2_977.60, "overlays": {Kind.BASIC_FARMLAND: (2_000.0, 2_000.0)}}
    flag = judge(spectra(CROP, CONCRETE), ground=ground)
    assert 1 <= len(flag.reasons) <= 4
    assert "2,977.60 m²" in flag.reasons[0].text["zh"]
    assert "4.47 亩" in flag.reasons[0].text["zh"]
    assert "4.47 mu" in flag.reasons[0].text["en"]
    assert "2,000.00 m²" in flag.reasons[1].text["zh"]
    assert "0.71" not in flag.reasons[2].text["en"]
    for said in (*flag.reasons, *flag.doubts):
        assert said.text["zh"] != said.text["en"]
        assert any(c.isdigit() for c in said.text["en"]) or said.title["en"] == "Quality unknown"


def test_ndvi_is_told_as_measured():
    flag = judge(spectra(CROP, CONCRETE), ground={"overlays": {}})
    before, after = values(CROP), values(CONCRETE)
    for v in (before, after):
        assert f"{(v['nir'] - v['red']) / (v['nir'] + v['red']):.2f}" in " ".join(r.text["en"] for r in flag.reasons)


def test_doubts_say_what_may_be_wrong():
    old = Layer(Kind.FARMLAND, "2023", date(2023, 1, 1), "sandiao", "EPSG:4526", "EPSG:4547", "0", "f", 1, 1.0, 1.0)
    new = replace(old, kind=Kind.BASIC_FARMLAND, edition="2027", valid_from=date(2027, 1, 1))
    flag = judge(
        spectra(CROP, CONCRETE),
        quality_known=False,
        layers=[old, old, new],
        after=datetime(2026, 3, 1, tzinfo=UTC),
        ground={"uncovered_m2": 600.0, "doubly_covered_m2": 12.0, "patch_m2": 10_000.0},
    )
    titles = [d.title["en"] for d in flag.doubts]
    assert titles == [
        "Outline",
        "One scene only",
        "Quality unknown",
        "Other season",
        "Under no parcel",
        "Parcels overlap",
        "Layer older than the image",
        "Layer newer than the image",
    ]
    assert flag.layers == {"FARMLAND": ["2023"], "BASIC_FARMLAND": ["2027"]}


def test_a_first_look_is_never_highly_sure_however_fine_it_is():
    satellite = judge(spectra(CROP, BLUE_ROOF), score=1.0)
    drone = judge(spectra(CROP, BLUE_ROOF), score=1.0, gsd_m=0.2)
    assert satellite.confidence == drone.confidence == 0.74 < HIGH


def test_what_is_less_well_seen_is_less_sure():
    clear = judge(spectra(CROP, SOIL), score=0.7)
    for worse in ({"quality_known": False}, {"edge_unseen": 0.3}, {"score": 0.6}, {"area_px": 5}):
        assert judge(spectra(CROP, SOIL), **{"score": 0.7} | worse).confidence < clear.confidence


def test_basic_farmland_and_size_are_urgent():
    plain = {"overlays": {}, "farmland_net_m2": 500.0}
    basic = {"overlays": {Kind.BASIC_FARMLAND: (8_000.0, 7_600.0)}, "farmland_net_m2": 7_600.0}
    assert judge(spectra(CROP, CONCRETE), ground=plain).urgency < judge(spectra(CROP, CONCRETE), ground=basic).urgency


def test_five_and_ten_mu_are_reached_by_the_number_itself():
    law = rules(date(2026, 1, 1))
    assert law.criminal_ratio(10_000 / 3, 0.0) == pytest.approx(1.0)
    assert law.criminal_ratio(0.0, 20_000 / 3) == pytest.approx(1.0)
    assert law.criminal_ratio(5_000 / 3, 5_000 / 3 + 10_000 / 3) == pytest.approx(1.0)


def test_a_photograph_is_judged_by_its_three_bands():
    rgb = ("blue", "green", "red")
    assert isinstance(judge(spectra(CROP, CONCRETE, bands=rgb), bands=rgb, gsd_m=0.2), Flag)
    same = judge(spectra(CROP, (0.10, 0.22, 0.12, 0.0), bands=rgb), bands=rgb, gsd_m=0.2)
    assert same.reason == "seasonal"


@given(
    st.sampled_from([CROP, OTHER_CROP, STUBBLE, SOIL, CONCRETE, BLUE_ROOF, PLASTIC, WATER, TREES]),
    st.floats(0.0, 500.0),
    st.floats(1.0, 20_000.0),
)
@settings(max_examples=60, deadline=None)
def test_the_sensor_s_numbers_do_not_matter(after, low, width):
    """Reflectance or raw DN: the answer is the same, only NDVI is told as the numbers give it."""
    one = judge(spectra(CROP, after))
    scale = {"low": low, "high": low + width}
    other = judge(spectra(CROP, after, **scale), scale=scale)
    assert type(one) is type(other)
    if isinstance(one, Flag):
        assert (one.kind, one.confidence) == (other.kind, pytest.approx(other.confidence, abs=2e-3))
    else:
        assert one.reason == other.reason


def test_a_patch_without_surroundings_or_spread_is_still_judged():
    seen = spectra(CROP, CONCRETE)
    lonely = replace(seen, ring_before={}, ring_after={})
    assert isinstance(judge(lonely), Flag)
    nan = {b: float("nan") for b in BANDS}
    assert isinstance(judge(replace(seen, ring_before=nan, ring_after=nan)), Flag)
    flat = BandStatistics(dict.fromkeys(BANDS, (1.0,) * 5), dict.fromkeys(BANDS, (1.0,) * 5))
    found = triage(
        change(square(), spectra=seen),
        occupied(square()),
        flat,
        gsd_m=10.0,
        before=SimpleNamespace(acquired_at=BEFORE),
        after=SimpleNamespace(acquired_at=AFTER),
    )
    assert found.reason == "seasonal"


def test_an_outcome_is_a_row_of_the_inspection():
    row = judge(spectra(CROP, OTHER_CROP)).to_json()
    assert set(row) == {"reason", "area_m2", "lon", "lat", "text", "geometry"}
    assert row["area_m2"] == 10_000.0
    assert shapely.contains_xy(square(), row["lon"], row["lat"])


def test_every_kind_is_suspected_in_chinese():
    assert all(kind_name(kind)["zh"].startswith("疑似") for kind in KINDS)
    assert set(KINDS.values()) <= set(catalogue())


def test_levels():
    assert [level(c) for c in (0.75, 0.74, 0.5, 0.49)] == ["high", "medium", "medium", "low"]


def test_a_road_of_stairs_is_as_wide_as_it_is():
    """A diagonal of 1 m pixels, 8 m wide and 300 m long."""
    from pipeline.looks import _extent

    cells = [box(i, i + j, i + 1, i + j + 1) for i in range(212) for j in range(-5, 6)]
    east, north = 111_320 * np.cos(np.radians(LAT)), 110_900
    stairs = shapely.transform(shapely.union_all(cells), lambda xy: xy / (east, north) + (LON, LAT))
    assert isinstance(stairs, Polygon)
    length, width, span, _ = _extent(stairs, 1.0)
    assert length == pytest.approx(300, rel=0.1)
    assert width == pytest.approx(7.8, rel=0.15)
    assert span == pytest.approx(300, rel=0.05)
