"""``gengxun sortie plan``: what imagery cannot settle, in waypoint files that are read back."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from defusedxml.ElementTree import fromstring

from flows import settings
from pipeline.cases.events import SYSTEM
from tests.flows.an_office import FIRST, FOUND, ZONE, flagged, lonlat, square
from tests.pipeline.invented_flags import inspection

KML, WPML = "{http://www.opengis.net/kml/2.2}", "{http://www.dji.com/wpmz/1.0.2}"
SECOND, THIRD = "430321-2026-00002", "430321-2026-00003"


@pytest.fixture
def three(office: Path) -> Path:
    """Two further cases of 60 and 200 m, 500 and 800 m north of the first."""
    with settings.open_workspace(office).ledger as ledger:
        ledger.clock = lambda: FOUND
        workspace = settings.open_workspace(office)
        flags = [flagged(workspace, square(940, 600, 60)), flagged(workspace, square(700, 900, 200, 60))]
        ledger.record(inspection("b2", "a2"), flags, SYSTEM)
    return office


def points(file: Path, member: str) -> list[tuple[float, float, str]]:
    """(lon, lat, name of the photo) of every waypoint, in order; heights are as asked."""
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["wpmz/template.kml", "wpmz/waylines.wpml"]
        root = fromstring(archive.read(member))
    found = []
    for n, mark in enumerate(root.iter(f"{KML}Placemark")):
        assert mark.findtext(f"{WPML}index") == str(n)
        lon, lat = (float(v) for v in mark.findtext(f"{KML}Point/{KML}coordinates").split(","))
        found.append((lon, lat, mark.findtext(f".//{WPML}fileSuffix") or ""))
    return found


def home(east: float, north: float) -> str:
    spot = lonlat(shapely.Point(391_000 + east, 3_076_000 + north))
    return f"{spot.x},{spot.y}"


def test_the_files_hold_the_way_over_every_patch(run: Any, three: Path, tmp_path: Path) -> None:
    done = run("sortie", "plan", "--out", tmp_path / "out", "--home", home(900, 0), "--json")
    assert done.code == 0, done.err
    only = done.json["sorties"]
    assert len(only) == 1
    assert sorted(c["case"] for c in only[0]["cases"]) == [FIRST, SECOND, THIRD]
    assert done.json["left"] == []
    file = tmp_path / "out" / "sortie-01.kmz"
    way = points(file, "wpmz/waylines.wpml")
    assert way == points(file, "wpmz/template.kml")
    assert len(way) == only[0]["waypoints"]
    geod = pyproj.Geod(ellps="WGS84")
    metres = geod.line_length([p[0] for p in way], [p[1] for p in way])
    assert metres == pytest.approx(1000 * only[0]["km"], rel=1e-3)
    assert way[0][:2] == way[-1][:2]
    # 24 mm at 100 m: a picture covers 76.5 m square whichever way it is turned
    for number, patch in ((FIRST, square(940, 100)), (THIRD, square(700, 900, 200, 60))):
        over = gpd.GeoSeries([shapely.Point(p[:2]) for p in way if p[2] == number], crs="EPSG:4490").to_crs(ZONE)
        seen = shapely.union_all(over.buffer(76.52 / 2, cap_style="square").to_numpy())
        assert patch.difference(seen).area < 1
    with zipfile.ZipFile(file) as archive:
        root = fromstring(archive.read("wpmz/waylines.wpml"))
    assert {e.text for e in root.iter(f"{WPML}executeHeight")} == {"100"}
    assert root.findtext(f".//{WPML}executeHeightMode") == "relativeToStartPoint"


def test_no_fly_ground_is_kept_off_and_what_lies_in_it_is_named(run: Any, three: Path, tmp_path: Path) -> None:
    closed = [square(930, 590, 100, 100), square(0, 400, 1100, 50)]
    gpd.GeoDataFrame(geometry=closed, crs=ZONE).to_file(tmp_path / "no_fly.gpkg", layer="a")
    said = run(
        "sortie", "plan", "--out", tmp_path / "out", "--home", home(900, 0), "--no-fly", tmp_path / "no_fly.gpkg"
    )
    assert said.code == 0, said.err
    assert (tmp_path / "out" / "sorties.txt").read_text(encoding="utf-8") == said.out
    left = json.loads((tmp_path / "out" / "sorties.json").read_text(encoding="utf-8"))["left"]
    assert [one["case"] for one in left] == [SECOND]
    assert "no-fly ground" in left[0]["why"]["en"]
    way = gpd.GeoSeries([shapely.LineString([p[:2] for p in points(tmp_path / "out" / "sortie-01.kmz",
                         "wpmz/waylines.wpml")])], crs="EPSG:4490").to_crs(ZONE).iloc[0]  # fmt: skip
    assert way.distance(shapely.union_all(np.array(closed))) >= 30
    refused = run(
        "sortie", "plan", "--out", tmp_path / "out", "--home", home(500, 420), "--no-fly", tmp_path / "no_fly.gpkg"
    )
    assert refused.code == 2
    assert "--home" in refused.err


def test_a_short_battery_makes_more_sorties_and_a_new_plan_removes_them(run: Any, three: Path, tmp_path: Path) -> None:
    few = run("sortie", "plan", "--out", tmp_path / "out", "--home", home(900, 0), "--minutes", 5, "--json").json
    assert len(few["sorties"]) > 1
    assert all(one["minutes"] <= 5 * 0.8 for one in few["sorties"])
    (tmp_path / "out" / "mine.txt").write_text("kept")
    run("sortie", "plan", "--out", tmp_path / "out", "--home", home(900, 0))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "mine.txt",
        "sortie-01.kmz",
        "sorties.json",
        "sorties.txt",
    ]


def test_settled_cases_are_not_flown_to_unless_named(run: Any, three: Path, tmp_path: Path) -> None:
    run("case", "do", FIRST, "dispatch", "to_whom=李外业", "reason=看不清", "--as", "张三:reviewer")
    flown = run("sortie", "plan", "--out", tmp_path / "out", "--json").json
    assert {c["case"] for one in flown["sorties"] for c in one["cases"]} == {SECOND, THIRD}
    named = run("sortie", "plan", "--out", tmp_path / "out", "--case", FIRST, "--json").json
    assert [c["case"] for c in named["sorties"][0]["cases"]] == [FIRST]
    assert any("--home" in note["en"] for note in named["notes"])


@pytest.mark.parametrize("wrong", [("--height-m", "150"), ("--home", "here"), ("--reserve", "100"), ("--minutes", "0"),
                                   ("--no-fly", "nowhere.shp")])  # fmt: skip
def test_wrong_options_end_in_one_sentence(run: Any, office: Path, tmp_path: Path, wrong: tuple[str, str]) -> None:
    done = run("sortie", "plan", "--out", tmp_path / "out", *wrong)
    assert (done.code, done.out) == (2, "")
    assert len(done.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
