"""Photos say when, where and which way; broken and hostile ones end in one sentence."""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL.TiffImagePlugin import IFDRational

from geodata.errors import EmptyData, GengXunError, UnreadableFile
from geodata.photofile import read_here, read_photo, words_of
from geodata.photometa import Photo
from tests.geodata.photos import at, exif, heic, photo, xmp

DATA = Path(__file__).parents[3] / "shared" / "data"
WHEN = {"DateTimeOriginal": "2026:11:24 10:30:00", "OffsetTimeOriginal": "+08:00"}


def real(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip("real photos are not here")
    return path


def read(folder: Path, data: bytes, name: str = "a.jpg") -> Photo:
    (folder / name).write_bytes(data)
    return read_photo(folder / name)


def test_a_phones_photo(tmp_path: Path) -> None:
    data = photo(
        size=(4000, 3000),
        Make="HUAWEI",
        Model="HUAWEI P40",
        FocalLengthIn35mmFilm=24,
        GPSImgDirectionRef="M",
        GPSImgDirection=IFDRational(905, 10),
        GPSHPositioningError=IFDRational(47, 10),
        **at(112.93422122, 27.8294711),
        **WHEN,
    )
    found = read(tmp_path, data)
    assert found.taken_at == datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
    assert found.time_source == "zone"
    assert found.lon == pytest.approx(112.93422122, abs=1e-8)
    assert found.lat == pytest.approx(27.8294711, abs=1e-8)
    assert found.accuracy_m == pytest.approx(4.7)
    assert (found.heading_deg, found.heading_source, found.heading_north) == (90.5, "exif", "magnetic")
    # 24 mm on the diagonal of 43.27 mm: f = 24/43.27 · 5000 px; 2·atan(2000/f) = 71.6°.
    assert found.fov_deg == pytest.approx(71.6, abs=0.1)
    assert (found.camera, found.width_px, found.height_px) == ("HUAWEI P40", 4000, 3000)
    assert (found.metadata, found.problems, found.edited_with) == ("exif", (), None)
    assert words_of(found) == ()


def test_upright_photos_see_less_to_the_sides(tmp_path: Path) -> None:
    found = read(tmp_path, photo(size=(400, 300), FocalLengthIn35mmFilm=24, Orientation=6))
    assert found.fov_deg == pytest.approx(56.8, abs=0.1)  # 2·atan(150 / (24/43.27·500))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_content_decides_what_it_is(tmp_path: Path, kind: str) -> None:
    found = read(tmp_path, photo(kind, xmp=xmp('GimbalYawDegree="-90.0"'), **at(112.9, 27.8)), "named.jpg")
    assert found.media_type == f"image/{kind.lower()}"
    assert (round(found.lon or 0, 6), round(found.lat or 0, 6)) == (112.9, 27.8)
    assert (found.heading_deg, found.heading_source) == (270.0, "gimbal")
    assert found.metadata == "exif+xmp"


def test_heic_says_the_same_without_its_pixels(tmp_path: Path) -> None:
    block = exif(FocalLengthIn35mmFilm=26, Orientation=6, **at(112.9, 27.8), **WHEN).tobytes()
    found = read(tmp_path, heic((4032, 3024), block, turned=True), "IMG_0001.HEIC")
    assert (found.media_type, found.width_px, found.height_px) == ("image/heic", 3024, 4032)
    assert found.taken_at == datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
    assert round(found.lat or 0, 6) == 27.8
    assert found.fov_deg == pytest.approx(53.1, abs=0.1)  # 2·atan(1512 / (26/43.27·5040)), turned once only
    with pytest.raises(UnreadableFile, match="damaged or cut off"):
        read(tmp_path, heic((4032, 3024), block)[:-20], "cut.heic")


def test_zone_told_by_the_satellites(tmp_path: Path) -> None:
    stamp = {"GPSDateStamp": "2026:11:24", "GPSTimeStamp": (2.0, 30.0, 30.0)}
    found = read(tmp_path, photo(DateTimeOriginal="2026:11:24 10:30:10", **stamp))
    assert (found.taken_at, found.time_source) == (datetime(2026, 11, 24, 2, 30, 10, tzinfo=UTC), "gps")
    assert found.clock_gap_s == -20
    ahead = read(tmp_path, photo(DateTimeOriginal="2026:11:24 10:37:30", OffsetTimeOriginal="+08:00", **stamp))
    assert ahead.clock_gap_s == 7 * 60
    alone = read(tmp_path, photo(**stamp))
    assert (alone.taken_at, alone.time_source) == (datetime(2026, 11, 24, 2, 30, 30, tzinfo=UTC), "gps")
    assumed = read(tmp_path, photo(DateTimeOriginal="2026:11:24 10:30:00"))
    assert (assumed.taken_at, assumed.time_source) == (datetime(2026, 11, 24, 2, 30, tzinfo=UTC), "assumed")


@pytest.mark.parametrize(
    ("packet", "rtk", "accuracy"),
    [
        (('RtkFlag="50"', 'RtkStdLon="0.03"', 'RtkStdLat="0.04"'), "fixed", 0.05),
        (('RtkFlag="34"',), "float", None),
        (('RtkFlag="16"',), "single", None),
        (('RtkFlag="99"',), "99", None),
    ],
)
def test_a_drones_receiver(tmp_path: Path, packet: tuple[str, ...], rtk: str, accuracy: float | None) -> None:
    found = read(tmp_path, photo(xmp=xmp('GpsLatitude="27.8"', 'GpsLongtitude="112.9"', *packet)))
    assert (found.lon, found.lat, found.rtk) == (112.9, 27.8, rtk)
    assert found.accuracy_m == (pytest.approx(accuracy) if accuracy else None)
    assert found.metadata == "xmp"


def test_no_exif_is_a_state_with_words(tmp_path: Path) -> None:
    found = read(tmp_path, photo())
    assert (found.metadata, found.taken_at, found.lon, found.heading_deg) == ("none", None, None, None)
    assert words_of(found)[0]["zh"] == "文件不带 EXIF：没有时间、位置和方向。"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"DateTimeOriginal": "0000:00:00 00:00:00"}, "clock_unset"),
        ({"DateTimeOriginal": "1970:01:01 00:00:00"}, "clock_unset"),
        ({"DateTimeOriginal": "2026:02:30 10:00:00"}, "clock_unset"),
        ({**at(112.9, 27.8), "GPSLatitude": (IFDRational(27, 0), IFDRational(0, 0), IFDRational(0, 0))}, "unusable"),
        ({**at(112.9, 27.8), "GPSLatitudeRef": ""}, "unusable"),
        ({**at(112.9, 27.8), "GPSLatitude": (95.0, 0.0, 0.0)}, "unusable"),
        (at(0, 0), "unusable"),
        ({**at(112.9, 27.8), "GPSStatus": "V"}, "position_void"),
    ],
)
def test_nonsense_in_fields_is_said_and_not_used(tmp_path: Path, fields: dict, problem: str) -> None:
    found = read(tmp_path, photo(**fields))
    assert (found.taken_at, found.lon, found.lat) == (None, None, None)
    assert len(found.problems) == 1
    assert found.problems[0].endswith(problem)
    assert words_of(found)


def test_rational_with_zero_denominator_is_no_direction(tmp_path: Path) -> None:
    found = read(tmp_path, photo(GPSImgDirection=IFDRational(90, 0), GPSHPositioningError=IFDRational(1, 0)))
    assert (found.heading_deg, found.accuracy_m) == (None, None)


def test_entities_in_xmp_are_not_opened(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "lol"}">' for i in range(10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [{levels}]>' + '<x:xmpmeta xmlns:x="adobe:ns:meta/">&e9;</x:xmpmeta>'
    outside = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
    for packet in (bomb, outside, "<x:xmpmeta", "\0\0"):
        found = read(tmp_path, photo(xmp=packet, **at(112.9, 27.8)))
        assert found.lon == pytest.approx(112.9)
        assert found.problems == (("xmp_unreadable",) if "<" in packet else ())


def claimed(width: int, height: int) -> bytes:
    """A PNG of 45 bytes whose header claims this size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (photo(size=(640, 480))[:-4000], "damaged or cut off"),
        (photo(size=(640, 480))[:30], "damaged or cut off"),
        (photo("PNG")[:-100], "damaged or cut off"),
        (claimed(32_000, 32_000), "more than 300 million pixels"),
        (claimed(20_000, 16_000), "more than 300 million pixels"),
        (claimed(3_000_000, 3_000_000), "more than 300 million pixels"),
        (b"\xff\xd8\xff" + b"\0" * 64, "damaged or cut off"),
        (b"GIF89a" + b"\0" * 64, "no photo"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no photo"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "no photo"),
    ],
)
def test_broken_and_hostile_files_end_in_a_sentence(tmp_path: Path, data: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableFile, match=sentence) as told:
        read(tmp_path, data)
    assert str(tmp_path / "a.jpg") in str(told.value)


def test_empty_missing_and_folder(tmp_path: Path) -> None:
    with pytest.raises(EmptyData):
        read(tmp_path, b"")
    with pytest.raises(UnreadableFile, match="no such file"):
        read_photo(tmp_path / "none.jpg")
    with pytest.raises(UnreadableFile, match="folder"):
        read_photo(tmp_path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    places=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=12), heif=st.booleans()
)
def test_whatever_bytes_are_changed_it_is_a_photo_or_a_sentence(tmp_path: Path, places: list, heif: bool) -> None:
    fields = {**at(112.9, 27.8), **WHEN, "GPSImgDirection": IFDRational(90, 1)}
    data = bytearray(heic((400, 300), exif(**fields).tobytes()) if heif else photo(xmp=xmp('RtkFlag="50"'), **fields))
    for place, value in places:
        data[place % len(data)] = value
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    try:
        found = Photo(**read_here(str(path), 8.0))
    except GengXunError:
        return
    assert found.lon is None or abs(found.lon) <= 180
    assert found.heading_deg is None or 0 <= found.heading_deg < 360


def test_real_drone_photos() -> None:
    duluth = read_photo(real("drone_dji_brighton/DJI_0024.JPG"), assumed_utc_offset_h=-5)
    assert duluth.lon == pytest.approx(-(91 + 59 / 60 + 37.308 / 3600), abs=1e-9)
    assert duluth.taken_at == datetime(2016, 6, 23, 21, 32, 43, tzinfo=UTC)
    assert (duluth.heading_deg, duluth.pitch_deg, duluth.height_m) == (220.0, -89.9, 39.9)
    assert duluth.edited_with == "Microsoft Windows Photo Viewer 10.0.10240.16384"

    sequoia = read_photo(real("drone_sequoia_garfield/IMG_161122_163346_0013_RGB.JPG"))
    assert (sequoia.accuracy_m, sequoia.heading_deg, sequoia.time_source) == (1.821, 207.162, "gps")
    assert sequoia.edited_with is None

    canon = read_photo(real("drone_seneca_field/IMG_0600.jpg"))
    assert canon.heading_deg is None  # its course over ground is no direction of view
    assert canon.taken_px == (4000, 3000)
    assert canon.edited_with == "Image::ExifTool 8.71"

    thermal = read_photo(real("drone_metadata_edge_cases/exifr_001.tif"))
    assert (thermal.media_type, thermal.height_m) == ("image/tiff", 32.099998)
    elements = read_photo(real("drone_metadata_edge_cases/DJI_20251001213509_0003_D_LENS_CAP.JPG"))
    assert (elements.heading_deg, elements.heading_source, elements.pitch_deg) == (269.2, "flight", -80.0)
    stub = read_photo(real("drone_metadata_edge_cases/exifr_issue-exifr-13.jpg"))
    assert (stub.heading_deg, stub.taken_px) == (232.9, (5472, 3648))
