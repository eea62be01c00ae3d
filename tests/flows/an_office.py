"""A workspace with a survey layer and one case on it, made through the ledger's own doors: quick."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely

from flows import settings
from geodata.area import area_m2
from pipeline import overlay
from pipeline.cases.events import SYSTEM
from pipeline.flags import Flag, flag_id
from tests.pipeline.invented_flags import change, flag, inspection

FIRST = "430321-2026-00001"
ZONE = "EPSG:4547"
EAST, NORTH = 391_000.0, 3_076_000.0
FOUND = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
DAY = date(2026, 10, 18)


def square(east: float, north: float, size: float = 100.0, height: float | None = None) -> shapely.Polygon:
    """In ``ZONE``, metres from the corner of the land."""
    return shapely.box(EAST + east, NORTH + north, EAST + east + size, NORTH + north + (height or size))


def lonlat(geometry: Any) -> Any:
    return gpd.GeoSeries([geometry], crs=ZONE).to_crs("EPSG:4490").iloc[0]


def land(folder: Path) -> Path:
    """1 km of paddy, and east of it 1 km of forest; one county with one township."""
    frame = gpd.GeoDataFrame(
        {
            "BSM": ["430321000000000001", "430321000000000002"],
            "TBBH": ["00000001", "00000002"],
            "DLBM": ["0101", "0301"],
            "DLMC": ["水田", "乔木林地"],
            "ZLDWDM": ["4303211010010000000"] * 2,
            "ZLDWMC": ["示意村"] * 2,
            "KCXS": [0.05, 0.0],
        },
        geometry=[square(0, 0, 1000), square(1000, 0, 1000)],
        crs=ZONE,
    )
    frame.to_file(folder / "DLTB.gpkg", layer="DLTB", driver="GPKG")
    return folder / "DLTB.gpkg"


def flagged(office: settings.Workspace, geometry: Any, **fields: Any) -> Flag:
    """A flag on the true overlay of a polygon in ``ZONE``."""
    layers = office.editions.on(DAY)
    occupied = overlay.overlay([geometry], ZONE, layers)[0]
    occupied = replace(occupied, township_code="430321101", township_name="示意镇", district_name="湘潭县")
    seen = replace(change(geometry), crs=ZONE, area_m2=float(area_m2([geometry], ZONE)[0]))
    made = replace(flag(0), change=seen, occupied=occupied, id=flag_id(seen, "test"), layers={"FARMLAND": ["2025"]})
    return replace(made, **fields)


def build(folder: Path) -> Path:
    """A case of 100 × 100 m, 60 m of it on paddy and 40 m on forest; found on 20 November 2026."""
    office, _ = settings.init(folder / "ws")
    office.editions.add("FARMLAND", land(folder), edition="2025")
    with office.ledger as ledger:
        ledger.clock = lambda: FOUND
        ledger.record(inspection(), [flagged(office, square(940, 100))], SYSTEM)
    return office.root
