"""What a way to detect change is: fitted on a sample of the pair, then applied window by window.

Values are (band, y, x) float32, both dates on BEFORE's grid, bands in the same order.
A score is float32 in [0, 1], higher = surer change; 0.5 is where the decision is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from geodata.scene import Pixels
from geodata.words import Text

if TYPE_CHECKING:
    from pipeline.detect.joint import Joint

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Bands:
    """Which band of AFTER is compared with which of BEFORE. names: BEFORE's own."""

    names: tuple[str, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


class Model(Protocol):
    """A method fitted to one pair."""

    @property
    def method(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def bands(self) -> Bands: ...
    @property
    def halo(self) -> int:
        """Pixels of surroundings that ``score`` needs on each side."""
        ...

    @property
    def gain(self) -> NDArray[np.float64]:
        """(band,): gain · after + offset lies on BEFORE's radiometry (from the pixels without change)."""
        ...

    @property
    def offset(self) -> NDArray[np.float64]: ...
    @property
    def report(self) -> dict[str, Any]:
        """What a run report shows: threshold, iterations, sample size … (JSON values)."""
        ...

    def score(
        self, before: NDArray[np.float32], after: NDArray[np.float32], clear: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """(y, x) score; what stands where ``clear`` is False does not matter."""
        ...


@runtime_checkable
class Placed(Protocol):
    """A model whose score depends on where in the image a pixel lies."""

    def score_at(
        self, before: NDArray[np.float32], after: NDArray[np.float32], clear: NDArray[np.bool_], top: int
    ) -> NDArray[np.float32]:
        """As ``Model.score``, of arrays that begin at row ``top`` of the image and are as wide as it."""
        ...


@runtime_checkable
class Walker(Protocol):
    """A model that goes through the image by itself, in order: what it works on are no strips."""

    def walk(self, before: Pixels, after: Pixels) -> Iterator[tuple[Joint, NDArray[np.float32]]]:
        """Rows from the top, full width, without overlap: both dates with their quality, grown; (y, x) score."""
        ...


class Method(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...

    def fit(self, before: Pixels, after: Pixels, bands: Bands, progress: Progress | None = None) -> Model: ...


class Brought(Method, Protocol):
    """A method that the user brought along in a file; its version tells one file from another."""

    @property
    def reason(self) -> Text:
        """Which it is, for who reads why this method was taken."""
        ...


@dataclass(frozen=True, eq=False)
class Blank:
    """The model of a pair that cannot be compared (too few jointly clear pixels, no variation):
    no pixel counts as observed. ``report["state"]`` says why."""

    bands: Bands
    method: str
    version: str
    report: dict[str, Any]
    halo: int = 0

    @property
    def gain(self) -> NDArray[np.float64]:
        return np.ones(len(self.bands.names))

    @property
    def offset(self) -> NDArray[np.float64]:
        return np.zeros(len(self.bands.names))

    def score(
        self, before: NDArray[np.float32], after: NDArray[np.float32], clear: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        return np.full(clear.shape, np.nan, np.float32)
