"""``layer export``, ``diff``, ``check``, ``rejudge``: what leaves a workspace, and what a newer edition means."""

from __future__ import annotations

import geopandas as gpd
import pytest

from tests.flows.an_office import FIRST, ZONE, land, square


def test_an_edition_goes_out_by_the_name_of_the_file(run, tmp_path):
    done = run("layer", "export", "farmland", "2025", tmp_path / "DLTB.gdb", "--crs", "EPSG:4526")
    assert done.code == 0, done.err
    assert done.out.strip().endswith("DLTB.gdb: 2 polygons")
    frame = gpd.read_file(tmp_path / "DLTB.gdb")
    assert (frame.crs.to_epsg(), sorted(frame.DLMC)) == (4526, ["乔木林地", "水田"])
    told = run("layer", "export", "FARMLAND", "2025", tmp_path / "DLTB.kml", "--json").json
    assert (told["rows"], told["files"]) == (2, [str(tmp_path / "DLTB.kml")])
    refused = run("layer", "export", "FARMLAND", "2025", tmp_path / "DLTB.dwg")
    assert (refused.code, len(refused.err.strip().splitlines())) == (2, 1)


def newer(folder):
    """A year later the west half of the paddy is a factory."""
    frame = gpd.read_file(land(folder))
    west, east = square(0, 0, 500, 1000), square(500, 0, 500, 1000)
    frame = gpd.GeoDataFrame(
        {
            "BSM": ["430321000000000001", "430321000000000002", "430321000000000003"],
            "DLBM": ["0101", "0301", "0601"],
            "KCXS": [0.05, 0.0, 0.0],
            "TBBH": ["00000001", "00000002", "00000003"],
        },
        geometry=[east, square(1000, 0, 1000), west],
        crs=ZONE,
    )
    frame.to_file(folder / "DLTB_2026.gpkg")
    return folder / "DLTB_2026.gpkg"


def test_a_newer_edition_says_what_it_changed(run, tmp_path):
    done = run("layer", "add", "FARMLAND", newer(tmp_path), "--edition", "2026", "--code-system", "sandiao")
    assert done.code == 0, done.err
    first, second = done.out.strip().splitlines()[1:]
    assert first.startswith("2025 → 2026: farmland 99.9")
    assert first.endswith("ha no longer, 0.0000 ha newly")
    assert second.startswith("parcels by BSM: 0 gone, 1 new, 1 changed (0 in class, 1 in shape), 1 as they were")
    told = run("layer", "diff", "FARMLAND", "2025", "2026", "--json", "--out", tmp_path / "d.gpkg").json
    ground = told["ground"]
    assert ground["lost_m2"] == ground["lost_to"]["0601"]
    assert ground["before_m2"] - ground["lost_m2"] == pytest.approx(ground["after_m2"], abs=0.02)
    assert ground["lost_m2"] == pytest.approx(500_000, rel=1e-3)
    lost = gpd.read_file(tmp_path / "d.gpkg", layer="lost")
    assert (list(lost.BSM), list(lost.DLBM_2)) == (["430321000000000001"], ["0601"])
    shown = run("layer", "diff", "FARMLAND", "2025", "2026", lang="zh").out
    assert "水田" in shown
    assert run("layer", "diff", "FARMLAND", "2025", "2031").code == 2


def test_a_layer_is_checked_as_it_was_delivered(run, tmp_path):
    """A KCXS of 1.5 is reckoned with as 0 and told; the two parcels overlap by 10 × 1000 m."""
    frame = gpd.read_file(land(tmp_path))
    frame["KCXS"] = [1.5, 0.0]
    frame.geometry = [square(0, 0, 1010, 1000), square(1000, 0, 1000)]
    frame.to_file(tmp_path / "odd.gpkg")
    assert run("layer", "add", "FARMLAND", tmp_path / "odd.gpkg", "--edition", "2027").code == 0
    told = run("layer", "check", "FARMLAND", "2027", "--json", "--out", tmp_path / "odd_report.gpkg").json
    counts = {key: one["count"] for key, one in told["problems"].items() if one["count"]}
    assert counts == {"overlap": 1, "kcxs": 1}
    assert told["problems"]["overlap"]["m2"] == pytest.approx(10_000, rel=1e-3)
    assert gpd.read_file(tmp_path / "odd_report.gpkg", layer="kcxs").BSM[0] == "430321000000000001"
    shown = run("layer", "check", "FARMLAND", "2027", lang="zh")
    assert "重叠" in shown.out
    assert "KCXS 为 1.5" in shown.err


def test_a_flag_keeps_its_edition_and_a_newer_one_is_only_told(run, office, tmp_path):
    """The case: 60 × 100 m on paddy (net × 0.95), 40 × 100 m on forest. In 2026 all of it is forest, in 2028 paddy."""
    for edition, code in (("2026", "0301"), ("2028", "0101")):
        frame = gpd.GeoDataFrame({"DLBM": [code]}, geometry=[square(0, 0, 2000, 1000)], crs=ZONE)
        frame.to_file(tmp_path / f"{edition}.gpkg")
        added = run("layer", "add", "FARMLAND", tmp_path / f"{edition}.gpkg", "--edition", edition)
        assert added.code == 0, added.err
    shown = run("case", "show", FIRST, "--json").json
    told = run("layer", "rejudge", "FARMLAND", "2026", "--json").json
    (row,) = told["rows"]
    assert (told["parts"], row["case"], row["still_a_flag"], row["outcome_changes"]) == (1, FIRST, False, True)
    assert (row["before"]["outcome"], row["after"]["outcome"]) == ("flag", "off_farmland")
    assert row["before"]["farmland_gross_m2"] == pytest.approx(6_000, rel=1e-3)
    assert row["after"]["farmland_gross_m2"] == 0
    (row,) = run("layer", "rejudge", "FARMLAND", "2028", "--json").json["rows"]
    assert row["after"]["farmland_net_m2"] == pytest.approx(10_000, rel=1e-3)
    # 10 mu of farmland are 6666.67 m²: 5700 m² net are below, 10 000 m² above
    assert (round(row["before"]["criminal"], 2), round(row["after"]["criminal"], 1)) == (0.85, 1.5)
    assert (row["criminal_changes"], row["still_a_flag"]) == (True, True)
    assert row["after"]["urgency"] > row["before"]["urgency"]
    assert run("layer", "rejudge", "FARMLAND", "2025", "--json").json["rows"] == []
    assert run("case", "show", FIRST, "--json").json == shown
    assert run("layer", "remove", "FARMLAND", "2025").code == 2
    assert "将不占耕地" in run("layer", "rejudge", "FARMLAND", "2026", lang="zh").out
