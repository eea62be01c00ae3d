"""A GIS of its own opens the collections: GDAL's client for OGC API – Features, in a process without our rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box

from geodata.layers import Kind
from maps.portal import people
from tests.maps.portal.conftest import add_person, number, served
from tests.pipeline.invented_flags import LAT, LON

READ = """
import json, sys, pyogrio
if "OAPIF" not in pyogrio.list_drivers():
    print(json.dumps(None)); sys.exit()
url = sys.argv[1]
found = {"layers": sorted(name for name, _ in pyogrio.list_layers(url))}
for layer in found["layers"]:
    frame = pyogrio.read_dataframe(url, layer=layer)
    found[layer] = [len(frame), str(frame.crs), list(frame.geometry.iloc[0].representative_point().coords[0])]
found["boxed"] = len(pyogrio.read_dataframe(url, layer="cases", bbox=(112.8995, 27.7995, 112.9025, 27.8005)))
print(json.dumps(found))
"""


@pytest.fixture
def serve_by() -> Any:
    """A process of its own: what it logs is looked at."""
    return served


def gdal(url: str, **more: str):
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("OGR_", "GDAL_", "CPL_"))}
    ran = subprocess.run(
        [sys.executable, "-c", READ, url],
        env={**plain, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    if found is None:
        pytest.skip("this GDAL has no client for OGC API Features")
    return found


def test_gdal_reads_cases_flags_and_a_layer(serving, office, tmp_path) -> None:
    frame = gpd.GeoDataFrame(
        {"BSM": ["1", "2"], "TBBH": ["1", "2"], "DLBM": ["0101", "0101"], "DLMC": ["水田"] * 2, "KCXS": [0.1, 0.1],
         "ZLDWDM": ["4303211010010000000"] * 2, "ZLDWMC": ["示意村"] * 2},
        geometry=[box(LON + n / 100, LAT, LON + n / 100 + 0.005, LAT + 0.005) for n in range(2)], crs="EPSG:4490",
    )  # fmt: skip
    frame.to_file(tmp_path / "DLTB.gpkg", layer="DLTB", driver="GPKG")
    office.editions.add(Kind.FARMLAND, tmp_path / "DLTB.gpkg", edition="2025", code_system="sandiao")
    name = add_person(office, "administrator")
    token = people.new_token(office.store, name, "QGIS", at=datetime.now(UTC))
    found = gdal(f"OAPIF:{serving}/ogc?token={token}")
    assert found["layers"] == ["cases", "flags", "layer:FARMLAND:2025"]
    for layer, count in (("cases", 8), ("flags", 8), ("layer:FARMLAND:2025", 2)):
        assert found[layer][:2] == [count, "EPSG:4490"]
        assert np.allclose(found[layer][2], (112.9, 27.8), atol=0.02), "longitude first again"
    assert found["boxed"] == 2
    basic = gdal(f"OAPIF:{serving}/ogc", GDAL_HTTP_USERPWD=f"x:{token}", GDAL_HTTP_AUTH="BASIC")
    assert basic["cases"] == found["cases"]
    log = "".join(p.read_text() for p in office.root.parent.glob("serve-*.log"))
    assert token not in log
    assert "GET /ogc/collections/cases/items 200" in log
    assert number(1) not in log
