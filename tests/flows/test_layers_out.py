"""``layer export``, ``diff``, ``check``, ``rejudge``: what leaves a workspace, and what a newer edition means."""

from __future__ import annotations

import geopandas as gpd


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
