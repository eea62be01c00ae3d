from datetime import UTC, datetime

import numpy as np
import pytest

from geodata import labels, sensors


@pytest.mark.parametrize(
    ("stem", "platform", "at"),
    [
        ("20201125T080251_20201125T082116_T35LPC", "sentinel-2", "2020-11-25T08:02:51"),
        ("S2A_MSIL2A_20231107T144731_N0509_R139_T20QRF_20231107T182159", "sentinel-2a", "2023-11-07T14:47:31"),
        ("20000317_L7ETM_dn", "landsat-7", "2000-03-17T04:00:00"),
        ("LC08_L2SP_123041_20230105_20230111_02_T1", "landsat-8", "2023-01-05T04:00:00"),
        ("LE70220491999322EDC01", "landsat-7", "1999-11-18T04:00:00"),
        ("GF1_PMS1_E114.6_N22.7_20181006_L1A0003680028-MSS1", "gf-1", "2018-10-06T04:00:00"),
        ("GF1B_PMS_E113.0_N27.9_20240501_L1A1234-MUX", "gf-1b", "2024-05-01T04:00:00"),
        ("湘潭2024年5月3日无人机", "drone", "2024-05-03T04:00:00"),
        ("m_4709963_se_14_1_20120731", None, "2012-07-31T04:00:00"),
    ],
)
def test_file_names_tell_platform_and_time(stem, platform, at):
    facts = labels.facts_in_name(stem)
    assert facts.platform == platform
    assert [time.at for time in facts.times] == [datetime.fromisoformat(at).replace(tzinfo=UTC)]


def test_a_name_with_two_days_gives_both():
    assert len(labels.facts_in_name("before_20200101_after_20210101").times) == 2


def test_a_number_that_is_no_day_is_not_taken_for_one():
    assert labels.facts_in_name("plot_20209999").times == ()
    assert labels.facts_in_name("id_4202001017").times == ()


def test_official_names_fix_the_order_of_bands():
    assert labels.facts_in_name("GF2_PMS1_E1.0_N2.0_20240501_L1A1-MSS1").bands == {4: ("blue", "green", "red", "nir")}
    assert labels.facts_in_name("GF2_PMS1_E1.0_N2.0_20240501_L1A1-PAN1").bands == {1: ("pan",)}
    assert labels.facts_in_name("GF2_20240501_ortho").bands == {}


@pytest.mark.parametrize(
    ("text", "utc", "at"),
    [
        ("2024-05-01T10:30:00Z", False, "2024-05-01T10:30:00"),
        ("2024-05-01T10:30:00+08:00", False, "2024-05-01T02:30:00"),
        ("2024:05:01 10:30:00", False, "2024-05-01T02:30:00"),
        ("20240501T103000", True, "2024-05-01T10:30:00"),
        ("2024年5月1日", False, "2024-05-01T04:00:00"),
        ("20240501", False, "2024-05-01T04:00:00"),
    ],
)
def test_times_in_their_spellings(text, utc, at):
    found = labels.parse_time(text, utc=utc)
    assert found is not None
    assert found.at == datetime.fromisoformat(at).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "2024", "2024-13-01", "2024-05-01T25:00", "yesterday"])
def test_what_is_no_time(text):
    assert labels.parse_time(text) is None


def test_band_meanings_depend_on_the_platform_where_they_are_only_numbered():
    assert sensors.meaning("B8", "sentinel-2a") == sensors.Meaning("band", "nir")
    assert sensors.meaning("B8A", "sentinel-2a") == sensors.Meaning("band", "nir2")
    assert sensors.meaning("band 4 reflectance", "landsat-7") == sensors.Meaning("band", "nir")
    assert sensors.meaning("B4", "landsat-8") == sensors.Meaning("band", "red")
    assert sensors.meaning("B4", None).kind == "unknown"
    assert sensors.meaning("近红外", None) == sensors.Meaning("band", "nir")
    assert sensors.meaning("SCL", None) == sensors.Meaning("quality", "scl")
    assert sensors.meaning("TCI_R", "sentinel-2").kind == "auxiliary"


def test_landsat_bits_and_sentinel_classes():
    clear, cloud, shadow, fill = 21824, 22280, 23888, 1  # documented values of Landsat 8 QA_PIXEL
    codes = np.array([[clear, cloud, shadow, fill]], np.uint16)
    assert sensors.has_condition(codes, "qa_pixel", ["cloud"]).tolist() == [[False, True, False, False]]
    assert sensors.has_condition(codes, "qa_pixel", ["shadow"]).tolist() == [[False, False, True, False]]
    assert sensors.has_condition(codes, "qa_pixel", ["nodata"]).tolist() == [[False, False, False, True]]
    classes = np.array([[0, 3, 4, 9, 10, 77]], np.uint8)
    assert sensors.has_condition(classes, "scl", ["cloud", "cirrus"]).tolist() == [[0, 0, 0, 1, 1, 0]]
    assert sensors.has_condition(classes, "scl", ["nodata"]).tolist() == [[1, 0, 0, 0, 0, 1]]


def test_a_band_called_quality_is_read_only_where_its_codes_are_certain():
    assert sensors.quality_table("sentinel-2a", [4, 5, 9]) == "scl"
    assert sensors.quality_table("landsat-8", [21824, 22280]) == "qa_pixel"
    assert sensors.quality_table("landsat-7", [0, 2, 4]) == "fmask"
    assert sensors.quality_table("gf-2", [0, 1]) is None


@pytest.mark.parametrize("table", sensors.QUALITY)
def test_every_table_uses_the_known_conditions(table):
    rules = sensors.QUALITY[table]
    used = {name for names in [*rules.codes.values(), *rules.bits.values(), rules.other] for name in names}
    assert used <= set(sensors.CONDITIONS)


def test_sentinel_offset_is_taken_from_the_products_own_tags_only():
    tags = labels.plain_tags({"BOA_ADD_OFFSET": "-1000", "QUANTIFICATION_VALUE": "10000"})
    assert labels.calibration_in_tags(tags) == pytest.approx((0.0001, -0.1))
    assert labels.calibration_in_tags(labels.plain_tags({"PLATFORM": "sentinel-2a"})) is None
