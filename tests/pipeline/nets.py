"""Networks whose answer is known, written as ONNX files with a card beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
REACH = 4
"""Pixels that ``mean_net`` looks to each side."""


def _saved(path: Path, graph: onnx.GraphProto, card: str) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    path.with_suffix(".toml").write_text(card, encoding="utf-8")
    return path


def _image(name: str, channels: int, side: int | str = "side", kind: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, ["n", channels, side, side])


def card(bands: Sequence[str] = ("red", "green", "blue"), **said: Any) -> str:
    lines = {"bands": list(bands), "tile": 64, "overlap": 16, "output": "probability"} | said
    return "\n".join(f"{key} = {_toml(value)}" for key, value in lines.items() if value is not None)


def _toml(value: Any) -> str:
    return str(value) if not isinstance(value, str | list) else repr(value).replace("'", '"')


def difference_net(path: Path, above: float, told: str, bands: int = 3) -> Path:
    """Inputs A and B; class 1 where the first bands differ by more than ``above``, else 0."""
    nodes = [
        helper.make_node("Sub", ["A", "B"], ["apart"]),
        helper.make_node("Abs", ["apart"], ["far"]),
        helper.make_node("Gather", ["far", "first"], ["one"], axis=1),
        helper.make_node("Greater", ["one", "limit"], ["over"]),
        helper.make_node("Cast", ["over"], ["change"], to=TensorProto.INT64),
    ]
    values = [
        numpy_helper.from_array(np.array([0], np.int64), "first"),
        numpy_helper.from_array(np.array(above, np.float32), "limit"),
    ]
    out = helper.make_tensor_value_info("change", TensorProto.INT64, ["n", 1, "side", "side"])
    graph = helper.make_graph(nodes, "difference", [_image("A", bands), _image("B", bands)], [out], values)
    return _saved(path, graph, told)


def mean_net(path: Path, told: str, bands: int = 3, channels: int = 1, side: int | str = "side") -> Path:
    """One input with the bands of both dates: mean over (2 REACH + 1)² pixels, and over the bands, of AFTER − BEFORE,
    in the last of ``channels`` outputs; the others are 0."""
    width = 2 * REACH + 1
    weights = np.zeros((channels, 2 * bands, width, width), np.float32)
    weights[-1, :bands], weights[-1, bands:] = -1 / (bands * width**2), 1 / (bands * width**2)
    node = helper.make_node("Conv", ["x", "w"], ["logit"], pads=[REACH] * 4)
    graph = helper.make_graph(
        [node],
        "mean",
        [_image("x", 2 * bands, side)],
        [_image("logit", channels, side)],
        [numpy_helper.from_array(weights, "w")],
    )
    return _saved(path, graph, told)


def elsewhere_net(path: Path, told: str, secret: str) -> Path:
    """Its weights are said to lie in the file ``secret``, and it would hand them out."""
    weights = TensorProto(name="w", data_type=FLOAT, dims=[1, 6, 1, 1], data_location=TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value=secret)
    node = helper.make_node("Conv", ["x", "w"], ["logit"])
    graph = helper.make_graph([node], "elsewhere", [_image("x", 6)], [_image("logit", 1)], [weights])
    return _saved(path, graph, told)
