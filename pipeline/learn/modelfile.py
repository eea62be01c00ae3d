"""[io] A model as one file: a zip of plain arrays and ``card.json``; nothing in it can be run.

The same model gives the same bytes, so that its sha256 names it.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from geodata import atomic
from geodata.errors import InputError, UnreadableFile, WorkError
from geodata.safe import local_file
from pipeline.detect import METHODS
from pipeline.detect.learned import Learned
from pipeline.learn.backbone import CHANNELS, backbone
from pipeline.learn.card import VERSION, Card
from pipeline.learn.features import STAGES
from pipeline.learn.head import Axes, Head
from pipeline.learn.mlp import Net
from pipeline.plain import from_plain, to_plain

CARD = "card.json"
MOST_BYTES = 64 * 1024**2
DATE = (2000, 1, 1, 0, 0, 0)
ARRAYS = {
    "axes_mean": 1, "axes": 2, "mean": 1, "scale": 1, "inner": 3, "inner_bias": 2, "outer": 2, "outer_bias": 1,
}  # fmt: skip
"""name → dimensions."""


def write(path: Path, head: Head, card: Card) -> str:
    """The sha256 of the file. Raises: WorkError."""
    net, axes = head.net, head.axes
    values = (axes.mean, axes.axes, net.mean, net.scale, net.inner, net.inner_bias, net.outer, net.outer_bias)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as held:
        text = json.dumps(to_plain(card), ensure_ascii=False, indent=1, sort_keys=True)
        held.writestr(zipfile.ZipInfo(CARD, DATE), text)
        for name, array in zip(ARRAYS, values, strict=True):
            part = io.BytesIO()
            np.lib.format.write_array(part, np.ascontiguousarray(array, "<f4"), allow_pickle=False)
            held.writestr(zipfile.ZipInfo(f"{name}.npy", DATE), part.getvalue())
    try:
        atomic.write_bytes(path, out.getvalue())
    except OSError as error:
        raise WorkError("{path}: the model cannot be written; name another file.", path=path) from error
    return hashlib.sha256(out.getvalue()).hexdigest()


def read(path: str | Path) -> Learned:
    """Raises: UnreadableFile for what is no model, InputError for one of another version."""
    file = local_file(path)
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError("too large")
        data = file.read_bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as held:
            if sum(entry.file_size for entry in held.infolist()) > MOST_BYTES:
                raise ValueError("too large")
            told: dict[str, Any] = json.loads(held.read(CARD))
            arrays = {} if told.get("version") != VERSION else {name: _array(held, name) for name in ARRAYS}
    except (OSError, ValueError, KeyError, EOFError, AttributeError, RuntimeError, zipfile.BadZipFile) as error:
        raise UnreadableFile(
            "{path}: is neither a model of gengxun train nor a network that ends in .onnx; name one.", path=path
        ) from error
    card = _card(told, path) if arrays else None
    if card is None or card.backbone != backbone().sha256 or not _beside_the_same(card):
        raise InputError("{path}: comes from another version of this program; train it again.", path=path)
    return Learned(_head(arrays, card, path), card, hashlib.sha256(data).hexdigest(), str(path))


def _beside_the_same(card: Card) -> bool:
    """Whether the way without learning is still what the head was trained beside."""
    name, version = card.free
    return name in METHODS and METHODS[name][0].version == version


def _array(held: zipfile.ZipFile, name: str) -> np.ndarray:
    found = np.lib.format.read_array(io.BytesIO(held.read(f"{name}.npy")), allow_pickle=False)
    if found.dtype != np.dtype("<f4") or found.ndim != ARRAYS[name] or not np.isfinite(found).all():
        raise ValueError(name)
    return found.astype(np.float32)


def _card(told: dict[str, Any], path: str | Path) -> Card:
    try:
        return from_plain(Card, told)
    except (TypeError, ValueError, KeyError) as error:
        raise UnreadableFile("{path}: the model's card is damaged; train it again.", path=path) from error


def _head(arrays: dict[str, np.ndarray], card: Card, path: str | Path) -> Head:
    axes = Axes(arrays["axes_mean"], arrays["axes"])
    names = ("mean", "scale", "inner", "inner_bias", "outer", "outer_bias")
    net = Net(**{name: arrays[name] for name in names})
    members, wide, hidden = net.inner.shape
    fits = (
        axes.axes.shape[0] == len(axes.mean) == sum(CHANNELS[:STAGES])
        and net.mean.shape == net.scale.shape == (wide,)
        and wide in {3 * axes.axes.shape[1] + 3 * len(card.bands) + free for free in (1, 4)}
        and net.inner_bias.shape == net.outer.shape == (members, hidden)
        and net.outer_bias.shape == (members,)
    )
    if not fits:
        raise UnreadableFile("{path}: the model's arrays do not fit one another; train it again.", path=path)
    return Head(axes, net, card.threshold)
