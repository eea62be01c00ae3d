"""What a picture looks like at several scales: the first stages of EfficientNet-Lite0, learned on ImageNet.

The network is that of Tan and Le (2019, ICML), its Lite0 form; weights come from an installed package (``weights``).
Three operations make it up, here in numpy and OpenCV: matrix products over channels, small filters of each channel,
and a cut to [0, 6]. Of a pixel's features nothing depends on what lies farther than ``reach`` from it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.learn.weights import Weights, backbone_weights

STAGES = ((0,), (1, 2), (3, 4), (5, 6, 7), (8, 9, 10))
"""Blocks of the five first stages."""
HALVING = (1, 3, 5)
"""Blocks that take every second pixel; so does the stem before them."""
SIDES = (3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5)
"""Of each block's filter."""
CHANNELS = (16, 24, 40, 80, 112)
STRIDES = (2, 4, 8, 16, 16)
EPSILON = 1e-3

F32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Layer:
    """A product over channels (weights (out, in)) or a filter of each (weights (channel, side, side))."""

    weights: F32
    bias: F32


@dataclass(frozen=True, eq=False)
class Block:
    expand: Layer | None
    filter: Layer
    project: Layer
    halves: bool


@dataclass(frozen=True, eq=False)
class Backbone:
    """sha256: of the weights' file. stem: (32, 27) over the 3 x 3 surroundings of three bands."""

    sha256: str
    stem: Layer
    blocks: tuple[Block, ...]

    def __call__(self, picture: F32, stages: int) -> list[F32]:
        """Features of the first ``stages`` stages, each (channel, y / stride, x / stride).

        picture: (3, y, x) red, green, blue, about [-1, 1]; sides a multiple of the last stage's stride.
        """
        out = _cut(_product(_surroundings(picture), self.stem))
        found = []
        for stage in STAGES[:stages]:
            for number in stage:
                out = _through(out, self.blocks[number])
            found.append(out)
        return found


def reach(stages: int) -> int:
    """Pixels around one that decide its features of the first ``stages`` stages, brought to its own place from the
    cells of the stages by linear interpolation."""
    low = high = 0
    for number in reversed([number for stage in STAGES[:stages] for number in stage]):
        low, high = _seen(low, high, SIDES[number], 2 if number in HALVING else 1)
    low, high = _seen(low, high, 3, 2)
    stride = STRIDES[stages - 1]
    return max(2 * stride - 1 - low, stride + high)


def _seen(low: int, high: int, side: int, step: int) -> tuple[int, int]:
    first = -(side // 2) + (step == 2)
    return low * step + first, high * step + first + side - 1


def _through(values: F32, block: Block) -> F32:
    out = values if block.expand is None else _cut(_product(values, block.expand))
    out = _product(_cut(_filtered(out, block.filter, block.halves)), block.project)
    return out + values if out.shape == values.shape and not block.halves else out


def _product(values: F32, layer: Layer) -> F32:
    out = layer.weights @ values.reshape(len(values), -1)
    out += layer.bias[:, None]
    return out.reshape(len(out), *values.shape[1:])


def _filtered(values: F32, layer: Layer, halves: bool) -> F32:
    # of every second pixel the odd ones: where sides are even the network's own padding lies right and below
    part = slice(1, None, 2) if halves else slice(None)
    out = np.empty((len(values), *values[0, part, part].shape), np.float32)
    for n, band in enumerate(values):
        out[n] = cv2.filter2D(band, -1, layer.weights[n], borderType=cv2.BORDER_CONSTANT)[part, part]
    out += layer.bias[:, None, None]
    return out


def _surroundings(picture: F32) -> F32:
    """(27, y / 2, x / 2): the 3 x 3 pixels from each even one on, band by band."""
    rows, columns = picture.shape[1:]
    wide = np.pad(picture, [(0, 0), (0, 1), (0, 1)])
    return np.stack([band[y : y + rows : 2, x : x + columns : 2] for band in wide for y in range(3) for x in range(3)])


def _cut(values: F32) -> F32:
    return np.clip(values, 0, 6, out=values)


@functools.cache
def backbone() -> Backbone:
    """Raises: WorkError where the weights are not installed."""
    weights, sha256 = backbone_weights()
    blocks = tuple(_block(weights, f"_blocks.{n}.", n in HALVING) for stage in STAGES for n in stage)
    return Backbone(sha256, _layer(weights, "_conv_stem", "_bn0"), blocks)


def _block(weights: Weights, at: str, halves: bool) -> Block:
    expands = f"{at}_expand_conv.weight" in weights
    return Block(
        _layer(weights, f"{at}_expand_conv", f"{at}_bn0") if expands else None,
        _layer(weights, f"{at}_depthwise_conv", f"{at}_bn1"),
        _layer(weights, f"{at}_project_conv", f"{at}_bn2"),
        halves,
    )


def _layer(weights: Weights, filters: str, norm: str) -> Layer:
    """A convolution with the normalisation after it put into its weights."""
    values = weights[f"{filters}.weight"]
    gain = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + np.float32(EPSILON))
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * gain
    values = values * gain[:, None, None, None]
    if values.shape[1] == 1 and values.shape[2] > 1:
        return Layer(np.ascontiguousarray(values[:, 0]), bias)
    return Layer(np.ascontiguousarray(values.reshape(len(values), -1)), bias)
