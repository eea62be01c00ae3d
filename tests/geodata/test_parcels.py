"""Layers at rest: what goes in comes out, in a new order; a query finds what a full search finds."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pytest
import shapely

from geodata.area import polygon_area_m2
from geodata.errors import EmptyData, InputError, UnreadableFile
from geodata.parcels import BLOCK, ParcelStore, hilbert_order, write_store

ZONE = "EPSG:4547"
ORIGIN = np.array([400_000, 3_060_000])
RNG = np.random.default_rng(5)
CORNERS = RNG.uniform(0, 20_000, (3_000, 2)) + ORIGIN
SIZES = RNG.uniform(5, 400, (3_000, 2))
PARCELS = shapely.box(*CORNERS.T, *(CORNERS + SIZES).T)


def batches(shapes, sizes=(700, 1, 64, 1000), **columns):
    columns = columns or {
        "TBBH": [f"{i:08d}" for i in range(len(shapes))],
        "KCXS": [i / 1e4 for i in range(len(shapes))],
    }
    first = 0
    while first < len(shapes):
        for size in sizes:
            part = slice(first, first + size)
            yield pa.record_batch(
                {"wkb": pa.array(shapely.to_wkb(shapes[part]), pa.binary())}
                | {name: pa.array(values[part]) for name, values in columns.items()}
            )
            first += size


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layer") / "part"
    summary = write_store(folder, batches(PARCELS), zone=ZONE)
    assert summary.rows == 3_000
    assert summary.bounds == tuple(shapely.total_bounds(PARCELS))
    assert summary.area_m2 == pytest.approx(polygon_area_m2(PARCELS, 114.0).sum())
    return ParcelStore.open(folder)


def number(store, rows):
    return np.array([int(text) for text in store.attributes(rows, ["TBBH"])["TBBH"]])


def test_every_parcel_comes_back_with_its_own_attributes(store):
    rows = np.arange(len(store))
    held = number(store, rows)
    assert sorted(held) == list(range(3_000))
    assert (store.geometries(rows) == PARCELS[held]).all()
    assert store.attributes(rows, ["KCXS"])["KCXS"] == [i / 1e4 for i in held]
    assert store.areas.tolist() == pytest.approx(polygon_area_m2(PARCELS[held], 114.0).tolist())


def test_rows_come_in_the_order_asked(store):
    rows = np.array([2_900, 3, 3, 1_500, 0])
    assert (store.geometries(rows) == PARCELS[number(store, rows)]).all()
    assert number(store, rows)[1] == number(store, rows)[2]
    assert store.geometries(np.empty(0, int)).tolist() == []
    assert store.attributes(np.empty(0, int), ["TBBH"]) == {"TBBH": []}


def test_a_query_finds_exactly_what_a_full_search_finds(store):
    corners = RNG.uniform(-500, 20_500, (200, 2)) + ORIGIN
    asked = np.hstack([corners, corners + RNG.uniform(0, 900, (200, 2))])
    patch, row = store.query(asked)
    expected = shapely.STRtree(PARCELS).query(shapely.box(*asked.T))
    assert set(zip(patch.tolist(), number(store, row).tolist(), strict=True)) == set(
        zip(*expected.tolist(), strict=True)
    )
    assert (np.diff(patch) >= 0).all()
    assert (np.diff(row)[np.diff(patch) == 0] > 0).all()


def test_a_query_of_nothing_and_of_nowhere(store):
    assert [len(found) for found in store.query(np.empty((0, 4)))] == [0, 0]
    assert [len(found) for found in store.query(np.array([[np.nan] * 4, [0, 0, 1, 1]]))] == [0, 0]


def test_neighbours_lie_together():
    """Runs of 64 neighbours of a net of 64 × 64 parcels are 8 × 8 squares: 64 runs, no run longer."""
    x, y = np.meshgrid(np.arange(64) * 10.0, np.arange(64) * 10.0)
    boxes = np.stack([x.ravel(), y.ravel(), x.ravel() + 10, y.ravel() + 10], axis=1)
    ordered = boxes[hilbert_order(boxes)].reshape(-1, BLOCK, 4)
    extent = ordered[:, :, 2:].max(axis=1) - ordered[:, :, :2].min(axis=1)
    assert extent.tolist() == [[80.0, 80.0]] * 64


def test_numbers_stay_numbers_and_all_else_is_text(tmp_path):
    columns = {
        "TBMJ": [1, 2, None],
        "DLBM": pa.array(["0101", None, "0702"]).dictionary_encode(),
        "SJNF": ["2025", "", "2024"],
    }
    shapes = np.array([shapely.box(i, 0, i + 1, 1) for i in (400_000, 400_001, 400_002)])
    write_store(tmp_path, batches(shapes, **columns), zone=ZONE)
    store = ParcelStore.open(tmp_path)
    assert store.columns == ("TBMJ", "DLBM", "SJNF")
    found = store.attributes(np.arange(3), ["TBMJ", "DLBM", "SJNF", "NOTHELD"])
    rows = sorted(zip(found["TBMJ"], found["DLBM"], found["SJNF"], strict=True), key=lambda row: row[2])
    assert rows == [(2.0, None, ""), (None, "0702", "2024"), (1.0, "0101", "2025")]
    assert "NOTHELD" not in found


def test_all_parcels_leave_batch_by_batch(store):
    out = list(store.batches(1_024))
    assert [len(shapes) for shapes, _ in out] == [1_024, 1_024, 952]
    assert (np.concatenate([shapes for shapes, _ in out]) == store.geometries(np.arange(3_000))).all()
    assert store.column("TBBH", 10, 13).to_pylist() == store.attributes(np.array([10, 11, 12]), ["TBBH"])["TBBH"]


def test_another_process_opens_the_same_folder(store):
    again = pickle.loads(pickle.dumps(store))
    assert len(again) == len(store)
    assert again.geometries(np.array([7]))[0] == store.geometries(np.array([7]))[0]


def test_nothing_but_the_layer_is_left_in_the_folder(store):
    assert {path.name for path in store.folder.iterdir()} == {
        "parcels.arrow",
        "boxes.npy",
        "blocks.npy",
        "areas.npy",
        "store.json",
    }


def test_a_layer_without_parcels_is_refused(tmp_path):
    with pytest.raises(EmptyData):
        write_store(tmp_path, iter(()), zone=ZONE)
    with pytest.raises(EmptyData):
        write_store(tmp_path, batches(PARCELS[:0], sizes=(1,)), zone=ZONE)


def read_all(folder):
    store = ParcelStore.open(folder)
    _, row = store.query(np.array([store.bounds]))
    return store.geometries(row)


@pytest.mark.parametrize("name", ["store.json", "boxes.npy", "blocks.npy", "parcels.arrow"])
@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_damage_is_named_with_the_folder(tmp_path, name, harm):
    write_store(tmp_path, batches(PARCELS[:200]), zone=ZONE)
    path = tmp_path / name
    path.unlink() if harm == "gone" else path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UnreadableFile) as told:
        read_all(tmp_path)
    assert isinstance(told.value, InputError)
    assert str(tmp_path) in str(told.value)


def test_another_format_is_not_misread(tmp_path):
    write_store(tmp_path, batches(PARCELS[:10]), zone=ZONE)
    described = json.loads((tmp_path / "store.json").read_text())
    (tmp_path / "store.json").write_text(json.dumps(described | {"format": 99}))
    with pytest.raises(UnreadableFile):
        ParcelStore.open(tmp_path)
