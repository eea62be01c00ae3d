"""A network that was brought along answers as it would for the whole image, and nothing it says is believed unread."""

from __future__ import annotations

import pickle
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx import TensorProto, helper

from geodata.errors import InputError
from geodata.scene import ROI, ArrayPixels, Raster
from pipeline import detect
from pipeline.detect import onnxfile
from pipeline.detect.netcard import MINIMAL
from pipeline.detect.netcard import card as read_card
from pipeline.detect.run import scored
from tests.pipeline.land import noise, pixels
from tests.pipeline.nets import REACH, card, difference_net, elsewhere_net, mean_net

RGB = ("red", "green", "blue")
SHAPE = (150, 131)


def pair(bands: tuple[str, ...] = RGB, **more) -> tuple[ArrayPixels, ArrayPixels]:
    shape = (len(bands), *SHAPE)
    return pixels(100 + noise(shape, 1), bands), pixels(100 + noise(shape, 2), bands, **more)


def found(net: Path, before, after, rows: int | None = None) -> tuple[np.ndarray, np.ndarray, dict]:
    model = detect.fit(before, after, own=detect.brought(str(net)))
    strips = list(scored(before, after, model, rows=rows))
    return np.concatenate([s.score for s in strips]), np.concatenate([s.change for s in strips]), model.report


def logit_of(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    side = 2 * REACH + 1
    return cv2.blur((after - before).mean(axis=0), (side, side), borderType=cv2.BORDER_CONSTANT)


def test_each_pixel_is_as_the_network_says(tmp_path: Path) -> None:
    before, after = pair()
    net = difference_net(tmp_path / "net.onnx", 15.0, card(output="classes"))
    _, change, report = found(net, before, after)
    np.testing.assert_array_equal(change, np.abs(after.values[0] - before.values[0]) > 15.0)
    assert report["network"] == "net.onnx"


@pytest.mark.parametrize(("tile", "rows"), [(48, None), (64, 16), (96, 100), (128, 512)])
def test_the_answer_depends_neither_on_tiles_nor_on_strips(tmp_path: Path, tile: int, rows: int | None) -> None:
    before, after = pair()
    net = mean_net(tmp_path / "net.onnx", card(output="logit", tile=tile))
    score, _, _ = found(net, before, after, rows)
    wanted = 1 / (1 + np.exp(-logit_of(before.values, after.values)))
    np.testing.assert_allclose(score, wanted, atol=1e-4)


def test_two_classes_are_told_apart_by_softmax_and_the_threshold_is_a_half(tmp_path: Path) -> None:
    before, after = pair()
    net = mean_net(tmp_path / "net.onnx", card(output="logit", threshold=0.8), channels=2)
    score, change, _ = found(net, before, after)
    chance = 1 / (1 + np.exp(-logit_of(before.values, after.values)))
    sure = np.abs(chance - 0.8) > 1e-4
    np.testing.assert_array_equal(change[sure] == 1, chance[sure] > 0.8)
    np.testing.assert_array_equal(change == 1, score >= 0.5)


def test_bands_are_given_in_the_networks_order_and_scaled(tmp_path: Path) -> None:
    before, after = pair(("blue", "nir", "green", "red"))
    told = card(output="classes", scale=0.01, mean=[1.0, 1.0, 1.0], std=[0.5, 1.0, 1.0])
    net = difference_net(tmp_path / "net.onnx", 0.3, told)
    _, change, _ = found(net, before, after)  # |red − red| · 0.01 / 0.5 > 0.3
    apart = np.abs(after.values[3] - before.values[3])
    sure = np.abs(apart - 15) > 1e-3
    np.testing.assert_array_equal(change[sure] == 1, apart[sure] > 15)


def test_unnamed_bands_are_taken_by_position_where_their_number_is_right(tmp_path: Path) -> None:
    net = difference_net(tmp_path / "net.onnx", 15.0, card(output="classes"))
    before, after = pair(("band1", "band2", "band3"))
    _, change, _ = found(net, before, after)
    assert (change == 1).any()
    for bands in (("band1", "band2"), ("band1", "band2", "band3", "band4"), ("red", "green", "nir")):
        with pytest.raises(InputError, match=r"net\.onnx: takes 3 bands \(red, green, blue\)"):
            found(net, *pair(bands))


def test_what_was_not_seen_is_not_judged(tmp_path: Path) -> None:
    valid = np.ones(SHAPE, bool)
    valid[20:60, 30:90] = False
    before, after = pair(valid=valid)
    net = mean_net(tmp_path / "net.onnx", card(output="logit"))
    score, change, _ = found(net, before, after)
    assert (change[~valid] == 255).all()
    assert np.isnan(score[~valid]).all()
    hidden = np.where(valid, after.values - before.values, 0)  # and both dates were alike there for the network
    wanted = 1 / (1 + np.exp(-logit_of(np.zeros_like(hidden), hidden)))
    np.testing.assert_allclose(score[valid], wanted[valid], atol=1e-4)


@dataclass(frozen=True, eq=False)
class Watched(ArrayPixels):
    """Keeps which rows were read, since the sample was taken."""

    asked: list[ROI] = field(default_factory=list)

    def read(self, roi: ROI) -> Raster:
        self.asked.append(roi)
        return super().read(roi)


def test_memory_does_not_grow_with_the_image(tmp_path: Path) -> None:
    net = detect.brought(str(mean_net(tmp_path / "net.onnx", card(bands=["pan"], output="logit"), bands=1)))
    one = pixels(noise((1, 700, 70), 1), ("pan",))
    watched = Watched(one.values, one.geobox, one.bands)
    model = detect.fit(watched, one, own=net)
    watched.asked.clear()
    heights = [strip.score.shape[0] for strip in scored(watched, one, model)]
    rows = [(roi[0].start, roi[0].stop) for roi in watched.asked]
    assert [start for start, _ in rows] == [0, *(stop for _, stop in rows[:-1])]  # each row once
    assert max(stop - start for start, stop in rows) == 64
    assert max(heights) <= 64
    assert sum(heights) == 700


def test_a_network_travels_to_other_processes_and_names_itself(tmp_path: Path) -> None:
    net = detect.brought(str(mean_net(tmp_path / "a.onnx", card(output="logit", name="Mean", licence="MIT"))))
    before, after = pair()
    model = detect.fit(before, after, own=net)
    sent = pickle.loads(pickle.dumps(model))
    assert sent.version == model.version == net.version
    np.testing.assert_array_equal(
        *(sent_or_not.score(before.values, after.values, np.ones(SHAPE, bool)) for sent_or_not in (model, sent))
    )
    assert model.report["method_reason"]["en"] == "the network Mean (MIT), bands red, green, blue"
    other = detect.brought(str(mean_net(tmp_path / "b.onnx", card(output="logit", name="Mean", threshold=0.4))))
    assert other.version != net.version


def test_another_grain_is_worth_a_word(tmp_path: Path) -> None:
    told = [
        found(mean_net(tmp_path / "net.onnx", card(output="logit", gsd_m=gsd)), *pair())[2]["notes"] for gsd in (0.5, 9)
    ]
    assert "0.5 m a pixel, and these images have 10 m" in told[0][0]["en"]
    assert told[1] == []


# --- what is refused


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(24))
    net = elsewhere_net(tmp_path / "net.onnx", card(output="logit"), str(secret))
    with pytest.raises(InputError, match=r"net\.onnx: keeps weights in another file"):
        detect.brought(str(net))


def test_so_are_those_of_a_branch_inside_it() -> None:
    hidden = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    branch = helper.make_graph([helper.make_node("Constant", [], ["y"], value=hidden)], "branch", [], [])
    chosen = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    model = helper.make_model(helper.make_graph([chosen], "g", [], []))
    assert onnxfile.refers_elsewhere(model.SerializeToString())
    branch.node[0].attribute[0].t.ClearField("data_location")
    chosen = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    assert not onnxfile.refers_elsewhere(
        helper.make_model(helper.make_graph([chosen], "g", [], [])).SerializeToString()
    )


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data[: len(data) // 2], "is no ONNX file"),
        (lambda data: b"not a network", "is no ONNX file"),
        (lambda data: b"", "is no ONNX file"),
        (lambda data: b"\0\0\0\0ORTM" + data, "is no ONNX file"),
        (lambda data: data.replace(b"Conv", b"Coxv"), "is no network that can be run"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, spoil, said: str) -> None:
    net = mean_net(tmp_path / "net.onnx", card(output="logit"))
    net.write_bytes(spoil(net.read_bytes()))
    with pytest.raises(InputError, match=rf"net\.onnx: {said}"):
        found(net, *pair())


@pytest.mark.parametrize(
    ("told", "channels", "side", "said"),
    [
        (card(bands=["red", "green"], output="logit"), 1, "side", r"its input x takes n × 6 × side × side"),
        (card(output="logit"), 1, 256, r"its input x takes n × 6 × 256 × 256.*1 × 6 × 64 × 64"),
        (card(output="logit", inputs=["A", "B"]), 1, "side", "its inputs are x"),
        (card(output="logit", output_name="mask"), 1, "side", "has no output mask; it has logit"),
        (
            card(output="logit", change=2),
            2,
            "side",
            "1 × 2 × 64 × 64 for a tile of 64 pixels, which is no logit with a class 2",
        ),
    ],
)
def test_a_card_of_another_network_is_refused(tmp_path: Path, told: str, channels: int, side, said: str) -> None:
    net = mean_net(tmp_path / "net.onnx", told, channels=channels, side=side)
    with pytest.raises(InputError, match=said):
        found(net, *pair(tuple(tomllib.loads(told)["bands"])))


def test_a_missing_card_is_shown(tmp_path: Path) -> None:
    net = mean_net(tmp_path / "net.onnx", "")
    net.with_suffix(".toml").unlink()
    with pytest.raises(InputError, match=r'net\.toml beside it, with at least bands = \["red", "green", "blue"\]'):
        detect.brought(str(net))
    assert read_card(MINIMAL.replace("], ", "]\n").replace(", output", "\noutput"), "net.toml").tile == 256


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bands = [", "cannot be read as TOML"),
        ('bands = ["red"]\ntile = 64', "says nothing of output; it needs at least bands = "),
        (card(output="mask"), 'output is mask; it has to be "logit", "probability" or "classes"'),
        (card(overlap=40), "overlap is 40; it has to be a whole number of pixels from 8 to half the tile"),
        (card(tile=8), "tile is 8"),
        (card(std=[0.2, 0.2]), "std is"),
        (card(std=0), "std is 0"),
        (card(threshold=1.5), "threshold is 1.5"),
        (card(bands=["red", "red"]), "bands is"),
        (card(bands=[["red"]]), "bands is"),
        (card(batch=4), "a card has no batch; known are bands, tile, output"),
    ],
)
def test_a_wrong_card_is_told_by_its_key(text: str, said: str) -> None:
    with pytest.raises(InputError, match=f"net.toml: .*{said}".replace("(", r"\(")):
        read_card(text, "net.toml")


def test_a_name_that_contradicts_the_file_is_refused(tmp_path: Path) -> None:
    net = detect.brought(str(mean_net(tmp_path / "net.onnx", card(output="logit"))))
    with pytest.raises(InputError, match="--method irmad: the model is for the method onnx"):
        detect.choose(RGB, name="irmad", own=net)
    with pytest.raises(InputError, match="--model FILE"):
        detect.choose(RGB, name="onnx")
    (tmp_path / "net.pt").write_bytes(b"weights")
    with pytest.raises(InputError, match="is neither a model of gengxun train"):
        detect.brought(str(tmp_path / "net.pt"))
