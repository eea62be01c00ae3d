"""Before + after → change score; one file a method, one Protocol, one registry.

A further method adds one file and one line to ``METHODS``.
"""

from __future__ import annotations

from geodata.scene import Pixels
from pipeline.detect.protocol import Bands, Method, Model, Progress

__all__ = ["Bands", "Method", "Model", "Progress", "choose", "fit", "pair_bands"]


def choose(bands: tuple[str, ...], gsd_m: float | None = None, name: str | None = None) -> Method:
    """The method for so many common bands, or the one called ``name``.

    Raises: InputError for an unknown name or too few bands for it.
    """
    raise NotImplementedError


def pair_bands(before: tuple[str, ...], after: tuple[str, ...]) -> Bands:
    """Bands that both dates have: by name where all are named, else by position.

    Raises: InputError where there is none.
    """
    raise NotImplementedError


def fit(before: Pixels, after: Pixels, *, method: str | None = None, progress: Progress | None = None) -> Model:
    """``choose`` and ``pair_bands`` and the method's own ``fit`` in one; both dates on one grid."""
    raise NotImplementedError
