"""``gengxun train``: from a list, from the ledger; ``detect --model``; what is wrong is said in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from odc.geo.geobox import GeoBox

from flows import settings
from pipeline.cases.events import SYSTEM, Kind
from tests.flows.ran import runner
from tests.pipeline.cases.lives import INSPECTOR, Office
from tests.pipeline.invented_flags import flag, inspection, place
from tests.pipeline.test_learn import SIDE, written


@pytest.fixture
def run(tmp_path, monkeypatch):
    call = runner(tmp_path, monkeypatch)
    return lambda *arguments, cwd=tmp_path, **more: call(*arguments, cwd=cwd, **more)


def listed(folder: Path, count: int, head: str = "before,after,label,set") -> Path:
    rows = written(folder, count)
    lines = [head, *(",".join([*(Path(path).name for path in row[:3]), row[3]]) for row in rows)]
    (folder / "pairs.csv").write_text("\n".join(lines) + "\n")
    return folder / "pairs.csv"


def test_a_list_is_learned_from_and_two_files_are_compared_by_it(run, tmp_path):
    (tmp_path / "known").mkdir()
    done = run("train", listed(tmp_path / "known", 4), "--out", "dark.gxm", "--json")
    assert done.code == 0, done.err
    assert {name: row["images"] for name, row in done.json["sets"].items()} == {"set0": 2, "set1": 2}
    shown = run("train", "--show", "dark.gxm")
    assert shown.code == 0, shown.err
    assert "On images that were kept apart in training" in shown.out
    assert json.loads(run("train", "--show", "dark.gxm", "--json").out)["by_set"] == done.json["by_set"]
    before, after, label, *_ = written(tmp_path, 5)[4]
    found = run("detect", before, after, "--out", "out", "--model", "dark.gxm", "--json")
    assert found.code == 0, found.err
    assert found.json["method"] == "learned"
    assert found.json["method_reason"]["en"] == "by the model dark.gxm"
    assert found.json["version"].endswith(done.json["sha256"][:16])
    from geodata.rasterfile import open_pixels

    with open_pixels(tmp_path / "out" / "change.tif") as pixels:
        change = pixels.read((slice(0, SIDE), slice(0, SIDE))).values[0] == 1
    truth = cv2.imread(label, cv2.IMREAD_UNCHANGED) == 255
    assert change[truth].mean() > 0.5 > 0.05 > change[~truth].mean()
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), cv2.imread(before, cv2.IMREAD_GRAYSCALE))
    refused = run("detect", grey, grey, "--out", "grey", "--model", "dark.gxm")
    assert (refused.code, "learned from images of 3 bands" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name a list PAIRS.csv, or give --from-cases"),
        (("pairs.csv", "--from-cases", "--out", "m.gxm"), "one of the two"),
        (("pairs.csv",), "--out MODEL"),
        (("pairs.csv", "--out", "none/m.gxm"), "none/m.gxm: cannot be written there"),
        (("none.csv", "--out", "m.gxm"), "none.csv: there is no such file"),
        (("bad.csv", "--out", "m.gxm"), "bad.csv: the column label is missing"),
        (("hole.csv", "--out", "m.gxm"), "hole.csv, line 2"),
        (("gone.csv", "--out", "m.gxm"), "gone.png: there is no such file"),
        (("pairs.csv", "--out", "m.gxm", "--change", "0"), "both need one"),
        (("pairs.csv", "--out", "m.gxm", "--change", "7", "--ignore", "7"), "a value means one thing"),
        (("--show", "pairs.csv"), "pairs.csv: is neither a model"),
    ],
)
def test_a_refusal_is_one_sentence_and_exit_code_2(run, tmp_path, arguments, said):
    listed(tmp_path, 1)
    (tmp_path / "bad.csv").write_text("before,after\n0_before.png,0_after.png\n")
    (tmp_path / "hole.csv").write_text("before,after,label\n0_before.png,,0_label.png\n")
    (tmp_path / "gone.csv").write_text("before,after,label\n0_before.png,gone.png,0_label.png\n")
    refused = run("train", *arguments)
    assert refused.code == 2, refused.err
    assert said in refused.err
    assert len(refused.err.strip().splitlines()) == 1
    assert not (tmp_path / "m.gxm").exists()


COLUMNS, ROWS = 6, 4


def scenes(folder: Path, write_scene, office: settings.Workspace) -> tuple[str, str]:
    """Two dates of 10 m on which every other invented place was built on, and the others ploughed."""
    import geopandas as gpd

    random = np.random.default_rng(3)
    ground = random.integers(400, 1600, (4, 14, 18)).repeat(10, 1).repeat(10, 2).astype(float)
    ground[3] += 1500
    west, south, *_ = gpd.GeoSeries([place(0)], crs="EPSG:4490").to_crs("EPSG:32649").iloc[0].bounds
    east, north = round(west - 300, -1), round(south + 1100, -1)
    grid = GeoBox.from_bbox((east, north - 1400, east + 1800, north), "EPSG:32649", resolution=10)
    from geodata.masks import rasterize

    after = ground * 1.05 + 30
    for number in range(COLUMNS * ROWS):
        shape = gpd.GeoSeries([spot(number)], crs="EPSG:4490").to_crs("EPSG:32649")
        inside = rasterize(shape, grid)
        colour = (3300, 3400, 3500, 3300) if built(number) else (500, 700, 500, 3600)
        after[:, inside] = np.array(colour, float)[:, None]
    paths = []
    for name, values, day in (("before.tif", ground, "2025-09-20"), ("after.tif", after, "2026-09-22")):
        noisy = (values + random.normal(0, 15, values.shape)).astype(np.uint16)
        paths.append(write_scene(folder / name, noisy, day, east=east, north=north))
    ids = [office.catalog.add_scene(path)[0].id for path in paths]
    return ids[0], ids[1]


def spot(number: int):
    return place(number % COLUMNS, number // COLUMNS % ROWS)


def built(number: int) -> bool:
    return number % 2 == 0


def test_what_people_verified_is_learned_from(run, tmp_path, write_scene):
    office, _ = settings.init(tmp_path / "ws")
    before, after = scenes(tmp_path, write_scene, office)
    asked = Office(office.root / "ledger.db")
    flags = [flag(n % COLUMNS, n // COLUMNS, before=before, after=after) for n in range(COLUMNS * ROWS)]
    asked.ledger.record(inspection(before, after), flags, SYSTEM)
    cases = sorted(asked.ledger.cases(), key=lambda case: case.number)
    few = run("train", "--from-cases", "--out", "own.gxm", cwd=office.root)
    assert (few.code, "0 are verified as change and 0 as false change; 10 of" in few.err) == (2, True)
    for case in cases:
        number = next(n for n in range(COLUMNS * ROWS) if spot(n).equals_exact(case.geometry, 1e-7))
        asked.dispatched(case.number)
        if built(number):
            asked.violation(case.number)
        else:
            asked.photo("overview", case.number)
            asked.do(Kind.VERDICT, INSPECTOR, case.number, verdict="false_change", text="翻耕")
    asked.ledger.close()
    done = run("train", "--from-cases", "--out", "own.gxm", "--json", cwd=office.root)
    assert done.code == 0, done.err
    assert (done.json["source"], done.json["free"][0], done.json["gsd_m"]) == ("cases", "multispectral", [10, 10])
    assert done.json["by_set"]["cases"]["f1"] > 0.9
    assert 0.4 < done.json["sets"]["cases"]["change_share"] < 0.6
