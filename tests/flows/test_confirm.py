"""Scenes after the pair of a suspected flag: looked at by the scheduled re-check, recorded once."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import numpy as np

from flows import recheck, settings
from geodata.crs import transform
from pipeline.cases.rows import case_row
from pipeline.cases.table import Status
from tests.flows.test_recheck import CRS, ground, square, write
from tests.pipeline.cases.lives import Office
from tests.pipeline.invented_flags import change, flag, inspection
from tests.pipeline.plots import CONCRETE, PLOT


def suspected(folder, plots):
    """A workspace with one case over ``PLOT``, found in August by the first two scenes, and nothing done about it."""
    office = settings.make(folder / "ws")
    office.editions.add("FARMLAND", ground(folder), edition="2025", code_system="sandiao")
    ids = [office.catalog.add_scene(write(folder / f"{n}.tif", n, plot))[0].id for n, plot in enumerate(plots)]
    lonlat = transform(np.array([square(*PLOT)], object), CRS, "EPSG:4490")[0]
    life = Office(office.root / "ledger.db")
    life.now = datetime(2026, 11, 1, tzinfo=UTC)
    days = datetime(2025, 5, 1, tzinfo=UTC), datetime(2025, 8, 5, 3, tzinfo=UTC)
    found = flag(geometry=lonlat, before=ids[0], after=ids[1])
    found = dataclasses.replace(
        found, change=change(lonlat, ids[0], ids[1]), before_at=days[0], after_at=days[1], confidence=0.6
    )
    life.ledger.record(inspection(ids[0], ids[1]), [found], recheck.SYSTEM)
    life.ledger.close()
    return settings.open_workspace(office.root), ids


def looked(office):
    (case,) = office.ledger.cases()
    return case, [(look["look"]["scene_id"], look["look"]["verdict"]) for look in case.looks]


def test_a_scene_that_agrees_makes_it_high_and_a_field_again_withdraws_it(tmp_path):
    office, ids = suspected(tmp_path, (None, CONCRETE, CONCRETE))
    done = recheck.run(office)
    assert (done["suspected"], done["looks"]) == (1, {"agrees": 1})
    case, said = looked(office)
    assert said == [(ids[2], "agrees")]
    assert case_row(case)["level"] == "high"
    before = len(office.ledger.events())
    assert recheck.run(office)["looks"] == {}
    assert len(office.ledger.events()) == before

    last = office.catalog.add_scene(write(tmp_path / "3.tif", 3, None))[0].id
    assert recheck.run(office)["looks"] == {"disagrees": 1}
    case, said = looked(office)
    assert said == [(ids[2], "agrees"), (last, "disagrees")]
    assert case.status is Status.DISMISSED
    assert "又是农田" in case_row(case)["dismissed_because"]
    assert recheck.run(office)["suspected"] == 0
    assert office.ledger.verify().ok
