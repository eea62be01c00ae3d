"""Photos from the air: kept once, tied to the cases that they show, a folder and day a flight."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from flows import settings
from maps.assets import outside_references
from tests.flows.an_office import EAST, FIRST, NORTH, ZONE, lonlat, square
from tests.geodata.photos import at, photo, xmp

POSE = ('GimbalYawDegree="+0.0"', 'GimbalPitchDegree="-90.0"', 'GimbalRollDegree="0.0"', 'RelativeAltitude="+100.0"',
        'RtkFlag="50"')  # fmt: skip
INSPECTOR = ("--as", "李外业:field_inspector")


def taken(
    file: Path, east: float, north: float, time: str = "10:00:00", pose: tuple[str, ...] = POSE, **more: Any
) -> Path:
    """A photo of 400 × 300 px from above a place of the land: 24 mm of a 35 mm camera, so 100 m up 144 × 108 m."""
    spot = lonlat(square(east - 0.5, north - 0.5, 1.0).centroid)
    fields = {"Make": "DJI", "Model": "M3E", "FocalLengthIn35mmFilm": 24,
              "DateTimeOriginal": f"2026:11:24 {time}", **at(spot.x, spot.y), **more}  # fmt: skip
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(photo(size=(400, 300), xmp=xmp(*pose) if pose else "", **fields))
    return file


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """One over the middle of the case, one that sees its west edge, one 500 m away; and a text."""
    taken(tmp_path / "card" / "DJI_0001.JPG", 990, 150)
    taken(tmp_path / "card" / "DJI_0002.JPG", 900, 150, "10:00:10")
    taken(tmp_path / "card" / "DJI_0003.JPG", 400, 150, "10:00:20")
    (tmp_path / "card" / "notes.txt").write_text("battery 2")
    return tmp_path / "card"


def evidence(office: Path) -> list[Any]:
    with settings.open_workspace(office).ledger as ledger:
        return [event for event in ledger.events(FIRST) if event.kind == "EVIDENCE"]


def test_photos_are_tied_to_the_case_that_they_show(run: Any, office: Path, card: Path) -> None:
    done = run("photo", "add", card, *INSPECTOR, "--json")
    assert done.code == 0, done.err
    tie = done.json["cases"][0]
    assert (tie["case"], tie["photos"], tie["new"], tie["share"]) == (FIRST, 2, 2, 1.0)
    assert done.json["passed_over"] == 1
    one, two = (event.payload for event in evidence(office))
    assert {event.by for event in evidence(office)} == {"李外业"}
    assert one["in_place"]
    notes = {f["key"]: f["text"]["en"] for f in one["findings"]}
    assert "covers 100 % of the part, at 36.1 cm a pixel" in notes["footprint"]  # 144.23 m / 400 px
    # the second sees from x = 900 − 72 to 972.1 of a part that begins at 940: a third of it
    assert "covers 32 % of the part" in next(f["text"]["en"] for f in two["findings"] if f["key"] == "footprint")


def test_the_same_photos_again_add_nothing(run: Any, office: Path, card: Path) -> None:
    first = run("photo", "add", card, *INSPECTOR, "--json").json
    again = run("photo", "add", card / "DJI_0002.JPG", card, *INSPECTOR, "--json")
    assert again.code == 0
    assert again.json["flights"] == first["flights"]
    assert [tie["new"] for tie in again.json["cases"]] == [0]
    assert len(evidence(office)) == 2
    assert settings.open_workspace(office).evidence.count() == 3
    assert run("verify").code == 0


def test_a_folder_and_day_is_a_flight_with_its_coverage(run: Any, office: Path, card: Path) -> None:
    taken(card / "next.jpg", 990, 150, "23:00:00", DateTime="2026:11:25 23:00:00")
    run("photo", "add", card, *INSPECTOR)
    flight = run("photo", "flights", "--json").json[0]
    assert (flight["day"], flight["photos"], flight["with_footprint"]) == ("2026-11-24", 4, 4)
    assert (flight["first_at"][11:16], flight["last_at"][11:16]) == ("02:00", "15:00")
    assert flight["rtk_fixed_share"] == 1.0
    # frames of 144.23 × 108.17 m: two of them 90 m apart, one alone
    assert flight["area_m2"] == pytest.approx(108.17 * (144.23 + 90 + 144.23), rel=2e-3)
    assert flight["cases"] == [{"case": FIRST, "part": "", "photos": 3, "share": 1.0}]
    rows = run("photo", "list", "--json").json
    assert [row["name"] for row in rows] == ["DJI_0001.JPG", "DJI_0002.JPG", "DJI_0003.JPG", "next.jpg"]
    assert "DJI_0003.JPG" in run("photo", "list").out


def test_a_flight_grows_with_the_photos_that_come_later(run: Any, office: Path, card: Path) -> None:
    run("photo", "add", card / "DJI_0001.JPG", *INSPECTOR)
    run("photo", "add", card / "DJI_0003.JPG", *INSPECTOR)
    assert [f["photos"] for f in run("photo", "flights", "--json").json] == [1, 1]
    run("photo", "add", card, *INSPECTOR)
    assert [f["photos"] for f in run("photo", "flights", "--json").json] == [3]


def test_nobody_named_ties_nothing_and_says_so(run: Any, office: Path, card: Path) -> None:
    done = run("photo", "add", card)
    assert done.code == 2
    assert FIRST in done.err
    assert "--as NAME:ROLE" in done.err
    assert evidence(office) == []
    assert len(run("photo", "list", "--json").json) == 3  # what could be kept is kept


def test_without_pose_or_place_the_words_say_it(run: Any, office: Path, tmp_path: Path) -> None:
    turned = taken(tmp_path / "a" / "no_pose.jpg", 990, 150, pose=())
    (tmp_path / "a" / "no_place.jpg").write_bytes(photo(Make="DJI", DateTimeOriginal="2026:11:24 10:00:00"))
    done = run("photo", "add", tmp_path / "a")
    assert done.code == 0
    assert "no height above take-off is told" in done.err
    assert "No position: what it shows is not known" in done.err
    named = run("photo", "add", tmp_path / "a", "--case", FIRST, "--shot", "overview", *INSPECTOR)
    assert named.code == 0
    assert [event.payload["shot"] for event in evidence(office)] == ["overview"] * 2
    circle = run("photo", "add", turned, "--height-m", 80, "--json", *INSPECTOR).json
    assert circle["photos"][0]["kind"] == "circle"
    assert circle["cases"][0]["new"] == 0


def test_what_is_no_photo_is_named_and_stops_no_other(run: Any, office: Path, card: Path) -> None:
    broken = card / "cut.jpg"
    broken.write_bytes((card / "DJI_0003.JPG").read_bytes()[:5000])
    done = run("photo", "add", card / "notes.txt", card / "nowhere.jpg", card, *INSPECTOR, "--json")
    assert done.code == 2
    assert len(done.json["photos"]) == 3
    assert ["notes.txt" in done.json["refused"][0], "nowhere.jpg" in done.json["refused"][1]] == [True, True]
    assert "cut.jpg" in done.json["refused"][2]
    os.mkfifo(card / "pipe")
    assert "neither a file nor a folder" in run("photo", "add", card / "pipe").err
    assert run("photo", "add", card, "--height-m", "-5").code == 2
    assert run("photo", "add", card, "--case", "430321-2026-09999", *INSPECTOR).code == 2


def test_a_terrain_model_makes_the_footprint_what_it_is(run: Any, office: Path, card: Path, tmp_path: Path) -> None:
    """The west of the land lies 60 m high, the east 80 m: taken off in the west, 80 of 100 m remain over the case."""
    heights = np.full((60, 60), 60, np.float32)
    heights[:, 25:] = 80
    file = tmp_path / "dem.tif"
    grid = rasterio.Affine(40, 0, EAST - 400, 0, -40, NORTH + 1400)
    shape = {"width": 60, "height": 60, "count": 1, "dtype": "float32"}
    with rasterio.open(file, "w", driver="GTiff", crs=ZONE, transform=grid, **shape) as out:
        out.write(heights[None])
    west = lonlat(square(100, 150, 2).centroid)
    place = f"{west.x},{west.y}"
    done = run("photo", "add", card, "--takeoff", place, "--dem", file, *INSPECTOR, "--json")
    assert done.code == 0, done.err
    by_name = {row["name"]: row for row in done.json["photos"]}
    assert by_name["DJI_0001.JPG"]["height_m"] == pytest.approx(80, abs=0.01)
    assert by_name["DJI_0003.JPG"]["height_m"] == pytest.approx(100, abs=0.01)
    assert any("20.0 m above the take-off point" in text["en"] for text in by_name["DJI_0001.JPG"]["words"])
    for wrong in (("--takeoff", place), ("--dem", file), ("--takeoff", "10,10", "--dem", file), ("--takeoff", "here")):
        refused = run("photo", "add", card, *INSPECTOR, *wrong)
        assert refused.code == 2
        assert len(refused.err.strip().splitlines()) == 1


def test_a_flight_is_one_page_that_opens_offline(run: Any, office: Path, card: Path, tmp_path: Path) -> None:
    (card / "DJI_0001.JPG").rename(card / "<b>x.JPG")
    run("photo", "add", card, *INSPECTOR)
    (flight,) = run("photo", "flights", "--json").json
    done = run("photo", "map", flight["id"], "--out", tmp_path / "flight.html")
    assert done.code == 0, done.err
    page = (tmp_path / "flight.html").read_text(encoding="utf-8")
    assert set(outside_references(page)) <= {"https://leafletjs.com"}  # in a text of Leaflet's that is not shown
    assert "&lt;b&gt;x.JPG" in page
    assert "<b>x.JPG" not in page
    drawn = [json.loads(text) for text in re.findall(r"gx_flight_\d+_add\((\{.*?\})\);", page)]
    assert sorted(len(layer["features"]) for layer in drawn) == [1, 3]  # the patch, three footprints
    assert f"{FIRST}</b> 100 % of it shown by 2 photos" in page
    assert run("photo", "map", "nowhere", "--out", tmp_path / "x.html").code == 2


def test_flights_come_back_from_a_backup(run: Any, office: Path, card: Path, tmp_path: Path) -> None:
    run("photo", "add", card, *INSPECTOR)
    assert run("backup", tmp_path / "b.zip").code == 0
    back = run("restore", tmp_path / "b.zip", tmp_path / "back")
    assert back.code == 0, back.err
    assert run("photo", "flights", "--json", cwd=tmp_path / "back").json == run("photo", "flights", "--json").json
