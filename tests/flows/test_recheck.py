"""Later scenes over a reported part: read, judged, recorded once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from flows import recheck, settings
from geodata.crs import transform
from pipeline.cases.case import Status
from tests.pipeline.cases.lives import OFFICER, Office
from tests.pipeline.invented_flags import change, flag, inspection
from tests.pipeline.plots import CONCRETE, FIELD, NET, PLOT, SIDE, YEAR, image

WEST, NORTH, GSD = 680_000.0, 3_080_000.0, 10.0
CRS = "EPSG:32649"
REPORTED = datetime(2025, 9, 20, 1, tzinfo=UTC)


def write(path, number, plot):
    text, stage = YEAR[number]
    values = np.concatenate([image(number, stage, plot), np.full((1, SIDE, SIDE), 4)]).astype(np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE, height=SIDE, count=5, dtype="uint16", crs=CRS, nodata=0,
        transform=rasterio.Affine(GSD, 0, WEST, 0, -GSD, NORTH),
    ) as file:  # fmt: skip
        file.write(values)
        file.descriptions = ("blue", "green", "red", "nir", "SCL")
        file.update_tags(PLATFORM="sentinel-2a", ACQUIRED=f"{text}T03:00:00Z")
    return path


def square(rows, columns):
    return shapely.box(
        WEST + columns.start * GSD, NORTH - rows.stop * GSD, WEST + columns.stop * GSD, NORTH - rows.start * GSD
    )


def ground(folder):
    """Fields of 12 × 12 pixels, a village in the east."""
    edges = range(0, SIDE, FIELD)
    shapes = [square(slice(y, y + FIELD), slice(x, x + FIELD)) for y in edges for x in edges]
    village = [x >= SIDE - 24 for _ in edges for x in edges]
    frame = gpd.GeoDataFrame(
        {
            "BSM": [f"4303210000{n:08d}" for n in range(len(shapes))],
            "TBBH": [f"{n:08d}" for n in range(len(shapes))],
            "DLBM": ["0702" if built else "0101" for built in village],
            "DLMC": ["农村宅基地" if built else "水田" for built in village],
            "ZLDWDM": ["4303211010010000000"] * len(shapes),
            "ZLDWMC": ["示意村"] * len(shapes),
            "KCXS": [0.0 if built else 0.1 for built in village],
        },
        geometry=shapes,
        crs=CRS,
    )
    frame.to_file(folder / "DLTB.gpkg", layer="DLTB", driver="GPKG")
    return folder / "DLTB.gpkg"


def founded(folder, plots):
    """A workspace with one case over ``PLOT``, found in August, reported as put right in September."""
    office = settings.make(folder / "ws")
    office.editions.add("FARMLAND", ground(folder), edition="2025", code_system="sandiao")
    ids = [office.catalog.add_scene(write(folder / f"{n}.tif", n, plot))[0].id for n, plot in enumerate(plots)]
    lonlat = transform(np.array([square(*PLOT)], object), CRS, "EPSG:4490")[0]
    life = Office(office.root / "ledger.db")
    life.now = datetime(2025, 8, 8, 1, tzinfo=UTC)
    found = flag(geometry=lonlat, before=ids[0], after=ids[1])
    days = datetime(2025, 5, 1, tzinfo=UTC), datetime(2025, 8, 7, tzinfo=UTC)
    found = replace(found, change=change(lonlat, ids[0], ids[1]), before_at=days[0], after_at=days[1])
    life.ledger.record(inspection(ids[0], ids[1]), [found], recheck.SYSTEM)
    number = life.ledger.cases()[0].number
    life.dispatched(number)
    life.violation(number)
    life.do(recheck.Kind.ORDERED, OFFICER, number, rectification="restored_tillage", due_on="2025-10-20")
    life.now = REPORTED
    life.reported(number)
    return office, life, number, ids


@pytest.fixture(scope="module")
def put_right(tmp_path_factory):
    """Crops again from October on; four scenes are at hand, two of them later than the report."""
    return founded(tmp_path_factory.mktemp("right"), (None, CONCRETE, None, None))


@pytest.fixture
def office(put_right, tmp_path):
    made, _, number, ids = put_right
    shutil.copytree(made.root, tmp_path / "ws")
    return settings.open_workspace(tmp_path / "ws"), number, ids, tmp_path


def said(office, number):
    return [
        (e.payload["recheck"]["scene_id"], e.payload["recheck"]["verdict"])
        for e in office.ledger.events(number)
        if e.kind == "RECHECKED"
    ]


def test_ground_under_crops_again_is_proposed_and_nobody_has_accepted(office):
    here, number, ids, _ = office
    done = recheck.run(here, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert done["looked"] == 1
    assert done["verdicts"] == {"restored": 2}
    assert [scene for scene, _ in said(here, number)] == ids[2:]
    assert here.ledger.case(number).status is Status.REPORTED
    payload = next(e.payload for e in here.ledger.events(number) if e.kind == "RECHECKED")
    assert payload["recheck"]["figures"]["like_fields"] >= 0.1
    assert payload["scene"]["zh"] == "sentinel-2a"


def test_the_same_scenes_twice_add_nothing(office):
    here = office[0]
    recheck.run(here, now=datetime(2026, 1, 1, tzinfo=UTC))
    before = len(here.ledger.events())
    again = recheck.run(here, now=datetime(2026, 1, 2, tzinfo=UTC))
    assert again["recorded"] == 0
    assert len(here.ledger.events()) == before
    assert here.ledger.verify().ok


def test_when_it_began_is_recorded_once(office):
    here, number, ids, _ = office
    recheck.run(here, now=datetime(2026, 1, 1, tzinfo=UTC))
    dated = here.ledger.case(number).dated
    assert (dated["without"]["scene_id"], dated["with"]["scene_id"]) == (ids[0], ids[1])
    assert "2025-05-01" in dated["interval"]["text"]["zh"]


def test_a_net_over_the_yard_is_not_believed(tmp_path):
    here, _, number, ids = founded(tmp_path, (None, CONCRETE, NET, NET, NET))
    recheck.run(here, now=datetime(2026, 6, 1, tzinfo=UTC))
    found = dict(said(here, number))
    assert set(found) == set(ids[2:])
    assert "restored" not in found.values()


def test_what_is_looked_at(tmp_path):
    """Since the report; of a case without a verdict nothing, of one that had nothing to put right nothing."""
    _, life, number, _ = founded(tmp_path, (None, CONCRETE))
    (one,) = recheck.asked(life.ledger.cases(), datetime(2026, 1, 1, tzinfo=UTC))
    assert (one.case.number, one.since) == (number, REPORTED)
    early = [replace(case, parts=(replace(case.parts[0], verdict=None),)) for case in life.ledger.cases()]
    assert recheck.asked(early, datetime(2026, 1, 1, tzinfo=UTC)) == []


def test_closed_ground_is_watched_for_24_months(tmp_path):
    _, life, _, _ = founded(tmp_path, (None, CONCRETE))
    (case,) = life.ledger.cases()
    closing = {"at": "2026-01-10T02:00:00+00:00"}
    closed = [replace(case, parts=(replace(case.parts[0], status=Status.CLOSED, closing=closing),))]
    assert len(recheck.asked(closed, datetime(2028, 1, 10, tzinfo=UTC))) == 1
    assert recheck.asked(closed, datetime(2028, 1, 11, tzinfo=UTC)) == []


def test_a_twin_next_door_is_listed_for_the_reviewer(tmp_path):
    """Two plots get concrete, one is flagged."""
    here, _, number, _ = founded(tmp_path, (None, None))
    twin = (slice(26, 34), slice(26, 34))
    for n, built in ((0, False), (1, True)):
        values = image(n, "ripe", CONCRETE if built else None)
        if built:
            values[(slice(None), *twin)] = np.array(CONCRETE)[:, None, None]
        for scene in here.catalog.scenes():
            if scene.acquired_at.date().isoformat() == YEAR[n][0]:
                with rasterio.open(here.catalog.asset(scene, "data"), "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
                    file.write(values.astype(np.uint16), [1, 2, 3, 4])
    case = here.ledger.case(number)
    found = recheck.lookalikes_of(here, case)
    assert len(found) == 1
    expected = transform(np.array([square(*twin)], object), CRS, "EPSG:4490")[0]
    shared = found[0].geometry.intersection(expected).area / expected.area
    assert shared > 0.9
    assert found[0].area_m2 == pytest.approx(6400, rel=0.05)
    assert found[0].parcels[0]["code"] == "0101"
    assert 200 < found[0].distance_m < 330
