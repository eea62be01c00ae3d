"""Flags and inspections with round numbers, for tests of what becomes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from shapely.geometry import Polygon, box

from geodata.layers import Kind
from pipeline.changes import Change, Spectra
from pipeline.flags import Flag, Reason, flag_id
from pipeline.inspection import Inspection, funnel, inspection_id
from pipeline.overlay import Occupied, Share

LON, LAT = 112.9, 27.8
STEP = 0.001
"""Side of an invented patch in degrees, about 100 m."""
BEFORE_AT, AFTER_AT = datetime(2025, 10, 20, 3, tzinfo=UTC), datetime(2026, 10, 18, 3, tzinfo=UTC)
BAND = {"red": 0.1, "nir": 0.3}


def place(column: float, row: float = 0.0, size: float = STEP) -> Polygon:
    """A square; squares of different whole columns and rows do not touch."""
    west, south = LON + 2 * column * STEP, LAT + 2 * row * STEP
    return box(west, south, west + size, south + size)


def change(geometry: Polygon, before: str = "b", after: str = "a", **fields) -> Change:
    made = Change(
        geometry=geometry,
        crs="EPSG:4490",
        before_id=before,
        after_id=after,
        method="irmad",
        method_version="1",
        score=0.9,
        area_px=100,
        area_m2=10_000.0,
        edge_unseen=0.0,
        spectra=Spectra(BAND, BAND, BAND, BAND, BAND, BAND),
    )
    return replace(made, **fields)


def occupied(geometry: Polygon, **fields) -> Occupied:
    made = Occupied(
        geometry=geometry,
        zone="EPSG:4547",
        patch_m2=10_000.0,
        farmland_gross_m2=8_000.0,
        farmland_net_m2=7_600.0,
        other_agricultural_m2=1_000.0,
        unused_m2=0.0,
        construction_m2=500.0,
        uncovered_m2=500.0,
        doubly_covered_m2=0.0,
        overlays={Kind.BASIC_FARMLAND: (6_000.0, 5_700.0)},
        shares=(
            Share(
                kind=Kind.FARMLAND,
                layer_sha256="0" * 64,
                row=7,
                code="0101",
                name="水田",
                label="0042",
                unit="示意村",
                kcxs=0.05,
                gross_m2=8_000.0,
                net_m2=7_600.0,
                attributes={"TBBH": "0042"},
            ),
        ),
        districts={"430321101001": 10_000.0},
        district_code="430321",
        district_name="湘潭县",
        township_code="430321101",
        township_name="示意镇",
        village_code="430321101001",
        village_name="示意村",
    )
    return replace(made, **fields)


def flag(
    column: float = 0, row: float = 0, *, size: float = STEP, before: str = "b", after: str = "a", **fields
) -> Flag:
    geometry = fields.pop("geometry", place(column, row, size))
    seen = change(geometry, before, after)
    ground = {k: fields.pop(k) for k in ("district_code", "overlays") if k in fields}
    made = Flag(
        id=flag_id(seen, "test"),
        change=seen,
        occupied=occupied(geometry, **ground),
        kind="construction",
        confidence=0.6,
        urgency=0.5,
        reasons=(Reason({"zh": "占用耕地", "en": "On farmland"}, {"zh": "八千平方米", "en": "8,000 m²"}),),
        doubts=(),
        before_at=BEFORE_AT,
        after_at=AFTER_AT,
        gsd_m=10.0,
        layers={"FARMLAND": ["2025"], "BASIC_FARMLAND": ["2024"]},
    )
    return replace(made, **fields)


def inspection(before: str = "b", after: str = "a", settings: dict | None = None) -> Inspection:
    outcomes = ({"reason": "seasonal", "area_m2": 1234.56, "lon": LON, "lat": LAT, "text": {}, "geometry": None},)
    settings = settings or {}
    return Inspection(
        id=inspection_id(before, after, method="irmad", method_version="1", settings=settings, layers={}),
        run="run-1",
        before_id=before,
        after_id=after,
        method="irmad",
        method_version="1",
        settings=settings,
        layers={"FARMLAND": ["2025"]},
        season={"season_days": 2},
        alignment={"dx_m": 0.5},
        detection={},
        compared_m2=1e8,
        farmland_m2=6e7,
        observed_farmland_m2=5e7,
        unseen_farmland_m2={"cloud": 1e7},
        funnel=funnel((3, 120.5), outcomes),
        outcomes=outcomes,
        timings_s={"detect": 1.5},
        notes=(),
    )
