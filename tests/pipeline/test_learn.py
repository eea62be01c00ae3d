"""What was shown as change is found on ground that was not shown; a model of another kind is refused."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from geodata.errors import GengXunError, InputError, UnreadableFile
from geodata.scene import ArrayPixels
from pipeline import detect
from pipeline.detect import pair_bands
from pipeline.detect.highres import HighRes
from pipeline.detect.run import scored
from pipeline.learn import modelfile, pairs
from pipeline.learn.backbone import STRIDES, backbone, reach
from pipeline.learn.files import train_files
from pipeline.learn.head import principal
from pipeline.learn.mlp import fitted
from pipeline.learn.training import Place, Tally, best_threshold, by_set, folds_of, moved_and_toned
from tests.pipeline.test_detect_highres import land, pixels

SIDE = 96
EARTH, CROP = (75, 45, 20), (60, 120, 60)


def pair(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(before, after, label): dark ground was laid somewhere (change), a field was sown elsewhere (none)."""
    random = np.random.default_rng(number)
    before, after = land((SIDE, SIDE), number)[:3], land((SIDE, SIDE), number)[:3]
    y, x = random.integers(48, SIDE - 28), random.integers(0, SIDE - 36)
    label = np.zeros((SIDE, SIDE), np.uint8)
    for values, where, colour in (
        (after, (slice(y, y + 28), slice(x, x + 36)), EARTH),
        (after, (slice(4, 40), slice(60, 108)), CROP),
    ):
        part = values[:, where[0], where[1]]
        part += (np.array(colour, np.float32)[:, None, None] - part) * np.float32(0.85)
    label[y : y + 28, x : x + 36] = 255
    noise = random.normal(0, 2, (2, *before.shape))
    return before + noise[0], after * random.uniform(0.9, 1.1) + noise[1], label


def written(folder: Path, count: int) -> list[tuple[str, str, str, str, str]]:
    rows = []
    for number in range(count):
        names = [folder / f"{number}_{what}.png" for what in ("before", "after", "label")]
        for path, values in zip(names, pair(number), strict=True):
            shown = np.clip(values, 0, 255).astype(np.uint8)
            cv2.imwrite(str(path), shown if shown.ndim == 2 else np.moveaxis(shown, 0, -1)[..., ::-1])
        rows.append((*(str(path) for path in names), f"set{number % 2}", str(names[0])))
    return rows


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("learn")
    return train_files(
        written(folder, 4),
        str(folder / "dark.gxm"),
        change=(255, 1),
        unchanged=(0,),
        made_at="2026-05-01T00:00:00+00:00",
    )


def look(told: dict, before: np.ndarray, after: np.ndarray, rows: int = 512):
    one, two = pixels(before, ("red", "green", "blue")), pixels(after, ("red", "green", "blue"))
    model = detect.fit(one, two, own=detect.brought(told["out"]))
    strips = list(scored(one, two, model, rows=rows))
    return np.concatenate([s.score for s in strips]), np.concatenate([s.change for s in strips]) == 1, model


def test_dark_ground_is_found_that_the_way_without_learning_does_not_look_for(told):
    before, after, label = pair(77)
    truth = label == 255
    free = HighRes().fit(pixels(before), pixels(after), pair_bands(("r", "g", "b"), ("r", "g", "b")))
    unlearned = np.concatenate([s.change for s in scored(pixels(before), pixels(after), free)]) == 1
    _, change, model = look(told, before, after)
    assert unlearned[truth].mean() < 0.2
    assert change[truth].mean() > 0.5
    assert change[~truth].mean() < 0.03
    assert model.report["beside"] == "highres"
    assert "not known" in model.report["notes"][0]["en"]


def test_an_image_moved_and_toned_is_hardly_changed(told):
    before = pair(78)[0].astype(np.float32)
    copy = moved_and_toned(before, np.random.default_rng(5))
    assert look(told, before, copy)[1].mean() <= 0.01
    assert look(told, before, before)[1].mean() == 0


def test_the_card_tells_what_it_was_trained_on_and_how_well_it_did_apart(told):
    assert {name: row["images"] for name, row in told["sets"].items()} == {"set0": 2, "set1": 2}
    assert told["sets"]["set0"]["labelled_px"] == 2 * SIDE * SIDE
    assert told["sets"]["set0"]["change_share"] == pytest.approx(28 * 36 / SIDE**2, rel=1e-3)
    assert sum(row["images"] for row in told["folds"]) == 4
    assert all(row["f1"] > 0.6 for row in told["by_set"].values())
    assert told["copies_share"] <= 0.01
    assert (told["dtype"], len(told["bands"]), told["gsd_m"]) == ("uint8", 3, None)


def test_the_model_is_plain_arrays_and_its_sha_is_its_version(told):
    with zipfile.ZipFile(told["out"]) as held:
        assert json.loads(held.read("card.json"))["source"] == "pairs"
        assert all(name.endswith((".npy", ".json")) for name in held.namelist())
    model = modelfile.read(told["out"])
    assert model.sha256 == told["sha256"]
    assert model.version.endswith(told["sha256"][:16])
    again = Path(told["out"]).with_name("again.gxm")
    assert modelfile.write(again, model.head, model.card) == told["sha256"]


def test_the_answer_does_not_depend_on_the_strips(told):
    before, after = land((720, 64))[:3], land((720, 64))[:3]
    after[:, 300:340, 10:50] = 45
    whole, strips = look(told, before, after, rows=720), look(told, before, after, rows=16)
    assert np.abs(whole[0] - strips[0]).max() < 1e-4
    assert (whole[1] != strips[1]).sum() == 0


def test_nor_on_the_columns_that_are_worked_on_together(told, monkeypatch):
    from pipeline.detect import learned

    before, after = land((64, 600))[:3], land((64, 600))[:3]
    after[:, 20:50, 400:440] = 45
    whole = look(told, before, after)
    monkeypatch.setattr(learned, "COLUMNS", 256)
    assert np.abs(whole[0] - look(told, before, after)[0]).max() < 1e-3


def refused(told: dict, before: ArrayPixels, after: ArrayPixels) -> str:
    with pytest.raises(InputError) as caught:
        detect.fit(before, after, own=detect.brought(told["out"]))
    return str(caught.value)


def test_images_of_another_kind_are_refused(told, tmp_path):
    from geodata.rasterfile import open_pixels
    from tests.geodata.images import write

    four = pixels(land((64, 64)))
    assert "3 bands" in refused(told, four, four)
    wide = write(tmp_path / "wide.tif", land((64, 64))[:3].astype(np.uint16))
    with open_pixels(wide) as one, pytest.raises(InputError, match="type uint8, this pair has uint16"):
        detect.fit(one, one, own=detect.brought(told["out"]))
    one = pixels(land((64, 64)), ("red", "green", "blue"))
    with pytest.raises(InputError, match="the model is for the method learned"):
        detect.fit(one, one, method="highres", own=detect.brought(told["out"]))
    with pytest.raises(InputError, match="--model FILE"):
        detect.fit(one, one, method="learned")


def test_what_is_no_model_is_refused(told, tmp_path):
    path = tmp_path / "x.gxm"
    path.write_bytes(b"PK\x03\x04 not a model")
    with pytest.raises(UnreadableFile, match=r"x\.gxm: is neither a model"):
        modelfile.read(path)
    model = modelfile.read(told["out"])
    for other in ({"version": "0"}, {"free": ("highres", "0")}, {"backbone": "0" * 64}):
        modelfile.write(path, model.head, replace(model.card, **other))
        with pytest.raises(InputError, match="another version"):
            modelfile.read(path)
    net = replace(model.head.net, mean=model.head.net.mean[:-1])
    modelfile.write(path, replace(model.head, net=net), model.card)
    with pytest.raises(UnreadableFile, match="do not fit"):
        modelfile.read(path)


def test_labels_that_teach_nothing_are_refused(tmp_path):
    rows = written(tmp_path, 2)
    out = str(tmp_path / "m.gxm")
    with pytest.raises(InputError, match="change and no change must be there"):
        train_files(rows, out, change=(7,), unchanged=(0,), made_at="")
    with pytest.raises(InputError, match="two at least"):
        train_files(rows[:1], out, change=(255,), unchanged=(0,), made_at="")
    small = np.zeros((SIDE, SIDE - 4), np.uint8)
    cv2.imwrite(rows[0][2], small)
    with pytest.raises(GengXunError, match="0_label"):
        train_files(rows, out, change=(255,), unchanged=(0,), made_at="")
    assert not Path(out).exists()


def test_values_of_a_label():
    label = np.array([[255, 1, 0, 7, np.nan]], np.float32)
    assert pairs.Values().marks(label).tolist() == [[1, 1, 0, -1, -1]]
    assert pairs.Values((2,), (1,)).marks(np.array([[0, 1, 2]], np.float32)).tolist() == [[-1, 0, 1]]


def test_a_pixels_features_depend_on_its_reach_alone():
    picture = np.random.default_rng(0).normal(0, 0.5, (3, 512, 64)).astype(np.float32)
    other = picture.copy()
    other[:, 256] += 1
    for stages in (2, 5):
        stride, far = STRIDES[stages - 1], reach(stages)
        first, second = (backbone()(values, stages)[-1] for values in (picture, other))
        rows = np.flatnonzero(np.abs(first - second).max(axis=(0, 2)) > 0)
        pixel = [rows.min() * stride, rows.max() * stride + stride - 1]
        assert 256 - far <= pixel[0] - stride < 256 < pixel[1] + stride <= 256 + far


def test_groups_stay_on_one_side_of_a_fold_and_sets_are_spread():
    places = [Place(f"{n}", "ab"[n % 2], f"g{n // 2 // 2 * 2 + n % 2}", lambda: iter(())) for n in range(24)]
    folds = folds_of(places, 3)
    for group in {place.group for place in places}:
        assert len({int(f) for f, p in zip(folds, places, strict=True) if p.group == group}) == 1
    for fold in range(3):
        assert {p.set for f, p in zip(folds, places, strict=True) if f == fold} == {"a", "b"}


def test_the_threshold_weighs_sets_alike():
    """Set a: all change above 1; set b, of more pixels: above 3. In between nothing is lost of b, and a keeps most."""
    places, tallies = [], []
    for name, cut, count in (("a", 1.0, 10), ("b", 3.0, 1000)):
        tally = Tally.empty()
        values = np.repeat(np.array([cut - 2, cut + 1.5], np.float32), count)
        tally.add(values, np.repeat(np.array([0, 1], np.int8), count))
        places.append(Place(name, name, name, lambda: iter(())))
        tallies.append(tally)
    found = best_threshold(by_set(places, tallies))
    assert 1.0 < found <= 2.5
    assert tallies[0].figures(found)["f1"] == tallies[1].figures(found)["f1"] == 1
    assert tallies[1].figures(2.0)["auc"] == 1


def test_the_network_learns_what_a_line_cannot_and_the_same_each_time():
    random = np.random.default_rng(0)
    features = random.uniform(-1, 1, (4000, 2)).astype(np.float32)
    truth = (features[:, 0] * features[:, 1] > 0).astype(np.float32)
    ones = np.ones(len(truth), np.float32)
    net = fitted(features, truth, ones)
    assert ((net(features) > 0) == (truth > 0.5)).mean() > 0.93
    assert np.array_equal(net(features), fitted(features, truth, ones)(features))


def test_axes_have_deviation_one_and_leave_out_what_does_not_vary():
    random = np.random.default_rng(0)
    values = random.normal(0, [3, 1, 0.5], (5000, 3)).astype(np.float32)
    samples = np.concatenate([values, values[:, :1] * 2, np.full((5000, 1), 7, np.float32)], axis=1)
    axes = principal(samples, 3)
    low = (samples - axes.mean) @ axes.axes
    assert low.std(axis=0) == pytest.approx([1, 1, 1], abs=0.02)
    assert np.abs(np.corrcoef(low.T) - np.eye(3)).max() < 0.02
