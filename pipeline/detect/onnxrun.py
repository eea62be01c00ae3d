"""Tensors into a network and out of it: one tile of both dates → probability of change.

onnxruntime runs it, on the processor alone. What was not observed at either date is 0 in both after
scaling: the mean of a band, where the card gives one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geodata.errors import InputError
from pipeline.detect.netcard import Card
from pipeline.detect.tiled import F32, Mask

FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


@dataclass(frozen=True, eq=False)
class Network:
    """data: bytes of an ONNX file that refers to no other. path: of it, for sentences. It travels to other
    processes as bytes."""

    data: bytes
    card: Card
    path: str

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "session"}

    @cached_property
    def session(self) -> Any:
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.card.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            return onnxruntime.InferenceSession(self.data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # whatever the runtime says of a stranger's file
            raise InputError(
                "{path}: is no network that can be run ({error}); export it anew.", path=self.path, error=_short(error)
            ) from None

    def probability(self, before: F32, after: F32, seen: Mask) -> F32:
        """Of change, (tile, tile), 0 to 1. before, after: (band, tile, tile). Raises: InputError."""
        feeds, wanted = self._feeds([self._scaled(date, seen) for date in (before, after)]), [self._output]
        try:
            found = self.session.run(wanted, feeds)[0]
        except Exception as error:  # the runtime's own kinds of error share no base
            raise InputError(
                "{path}: failed on a tile of {tile} pixels ({error}); check tile and inputs in its card.",
                path=self.path,
                tile=self.card.tile,
                error=_short(error),
            ) from None
        return self._read(np.asarray(found))

    def _scaled(self, values: F32, seen: Mask) -> F32:
        at = {key: np.reshape(getattr(self.card, key), (-1, 1, 1)) for key in ("scale", "offset", "mean", "std")}
        factor, constant = at["scale"] / at["std"], (at["offset"] - at["mean"]) / at["std"]
        return np.where(seen, values * factor.astype(np.float32) + constant.astype(np.float32), np.float32(0))

    def _feeds(self, dates: list[F32]) -> dict[str, NDArray[Any]]:
        tensors = dates if len(self._inputs) == 2 else [np.concatenate(dates)]
        return {
            name: np.ascontiguousarray(tensor[None], dtype=kind)
            for (name, kind), tensor in zip(self._inputs, tensors, strict=True)
        }

    @cached_property
    def _inputs(self) -> list[tuple[str, Any]]:
        """(name, type) of the inputs in the order of the dates. Raises: InputError where the card does not fit."""
        have = {one.name: one for one in self.session.get_inputs()}
        names = self.card.inputs or tuple(have)
        if set(names) != set(have) or len(names) > 2:
            raise InputError(
                "{path}: its inputs are {names}; the card has to name one or two, and all of them.",
                path=self.path,
                names=", ".join(have),
            )
        channels, tile = len(self.card.bands) * (2 if len(names) == 1 else 1), self.card.tile
        wanted = (1, channels, tile, tile)
        for name in names:
            shape, kind = have[name].shape, have[name].type
            fits = len(shape) == 4 and all(not isinstance(n, int) or n == m for n, m in zip(shape, wanted, strict=True))
            if not fits or kind not in FLOATS:
                raise InputError(
                    "{path}: its input {name} takes {shape} of {kind}, and by the card it would get {wanted} of floats;"
                    " mend bands, tile or inputs of the card.",
                    path=self.path,
                    name=name,
                    shape=" × ".join(map(str, shape)),
                    kind=kind,
                    wanted=" × ".join(map(str, wanted)),
                )
        return [(name, FLOATS[have[name].type]) for name in names]

    @property
    def _output(self) -> str:
        names = [one.name for one in self.session.get_outputs()]
        if self.card.output_name and self.card.output_name not in names:
            raise InputError(
                "{path}: has no output {name}; it has {names}.",
                path=self.path,
                name=self.card.output_name,
                names=", ".join(names),
            )
        return self.card.output_name or names[0]

    def _read(self, found: NDArray[Any]) -> F32:
        """The probability in what came out, (1, y, x) or (1, class, y, x); what is a part of the tile is enlarged."""
        layers = found[0] if found.ndim == 4 else found
        tile, classes = self.card.tile, self.card.output == "classes"
        side = layers.shape[-1] if layers.ndim == 3 else 0
        shaped = side > 0 and layers.shape[1] == side and tile % side == 0 and len(found) == 1
        if not shaped or (len(layers) > 1 and (classes or self.card.change >= len(layers))):
            raise InputError(
                "{path}: gives {shape} for a tile of {tile} pixels, which is no {output} with a class {change};"
                " mend output, output_name or change of its card.",
                path=self.path,
                shape=" × ".join(map(str, found.shape)),
                tile=tile,
                output=self.card.output,
                change=self.card.change,
            )
        share = _share(layers, self.card)
        if side < tile:
            share = cv2.resize(share, (tile, tile), interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)
        return share


def _share(layers: NDArray[Any], told: Card) -> F32:
    """layers: (class, y, x), or (1, y, x)."""
    if told.output == "classes":
        return (layers[0] == told.change).astype(np.float32)
    values = layers.astype(np.float32)
    one = values[0] if len(values) == 1 else values[told.change]
    if told.output == "probability":
        return np.clip(one, 0, 1)
    if len(values) == 1:
        return 1 / (1 + np.exp(-np.clip(one, -80, 80)))
    powers = np.exp(values - values.max(axis=0))
    return powers[told.change] / powers.sum(axis=0)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
