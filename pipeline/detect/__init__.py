"""Before + after → change score; one file a method, one Protocol, one registry.

A further method adds one file and one line to ``METHODS``.
"""

from __future__ import annotations

import math
import re

from odc.geo.geobox import GeoBox

from geodata.errors import InputError, MissingOption
from geodata.scene import Pixels
from geodata.words import Text
from pipeline.detect import choice, onnxnet
from pipeline.detect.height import Height
from pipeline.detect.highres import HighRes
from pipeline.detect.irmad import IRMAD
from pipeline.detect.logratio import LogRatio
from pipeline.detect.multispectral import Multispectral
from pipeline.detect.protocol import Bands, Blank, Brought, Method, Model, Progress

__all__ = [
    "METHODS",
    "Bands",
    "Blank",
    "Brought",
    "Method",
    "Model",
    "Progress",
    "brought",
    "choose",
    "fit",
    "pair_bands",
    "pixel_m",
    "unnamed",
]

METHODS: dict[str, tuple[Method, int]] = {
    "multispectral": (Multispectral(), 2),
    "irmad": (IRMAD(), 2),
    "highres": (HighRes(), 3),
    "logratio": (LogRatio(), 1),
    "height": (Height(), 1),
}
"""name → (method, least number of bands)."""

LEARNED = "learned"
"""The method that needs a model of ``pipeline.learn``."""
_UNNAMED = re.compile(r"(band)?[\s_]*\d*", re.IGNORECASE)


def choose(
    bands: tuple[str, ...],
    gsd_m: float | None = None,
    name: str | None = None,
    platform: str = "",
    own: Brought | None = None,
) -> tuple[Method, Text]:
    """The method for the common bands (``choice.by_bands``), or the one called ``name``, or the user's ``own``; and
    why, in words.

    gsd_m: ground sample distance, None = not known.
    Raises: InputError for an unknown name, one that contradicts ``own``, or too few bands for it.
    """
    if own is not None:
        if name not in (None, own.name):
            raise InputError(
                "--method {name}: the model is for the method {own}; leave --method out, or name that one.",
                name=name,
                own=own.name,
            )
        return own, own.reason
    if name is None:
        name, reason = choice.by_bands(bands, gsd_m, platform)
    else:
        reason = choice.asked()
    if name == onnxnet.NAME:
        raise MissingOption("--method onnx: say with --model FILE.onnx which network.")
    if name == LEARNED:
        raise MissingOption("--method learned: say with --model FILE which model of gengxun train.")
    if name not in METHODS:
        raise InputError(
            "--method {name}: there is no such method; known are {known}.",
            name=name,
            known=", ".join((*METHODS, LEARNED, onnxnet.NAME)),
        )
    method, least = METHODS[name]
    if len(bands) < least:
        raise InputError(
            "--method {name}: needs {least} common bands, the pair has {count}; use logratio.",
            name=name,
            least=least,
            count=len(bands),
        )
    return method, reason


def brought(path: str) -> Brought:
    """The user's own method: a network in ``path`` that ends in .onnx, else a trained model. Raises: InputError."""
    if path.lower().endswith(".onnx"):
        return onnxnet.read(path)
    from pipeline.learn import modelfile  # a trained model stands on the methods of this room

    return modelfile.read(path)


def pair_bands(before: tuple[str, ...], after: tuple[str, ...]) -> Bands:
    """Bands that both dates have: by name where all are named, else by position.

    Raises: InputError where there is none.
    """
    if all(_named(name) for name in (*before, *after)):
        places = {name: place for place, name in enumerate(after)}
        common = [(name, n, places[name]) for n, name in enumerate(before) if name in places]
    else:
        common = [(name, n, n) for n, name in enumerate(before[: len(after)])]
    if not common:
        raise InputError(
            "The two images have no band in common ({before} and {after}); name the bands of both with --bands.",
            before=", ".join(before),
            after=", ".join(after),
        )
    names, first, second = zip(*common, strict=True)
    return Bands(names, first, second)


def unnamed(names: tuple[str, ...]) -> bool:
    """Whether none says what it shows."""
    return not any(_named(name) for name in names)


def _named(name: str) -> bool:
    return _UNNAMED.fullmatch(name) is None


def fit(
    before: Pixels,
    after: Pixels,
    *,
    method: str | None = None,
    gsd_m: float | None = None,
    platform: str = "",
    own: Brought | None = None,
    progress: Progress | None = None,
) -> Model:
    """``choose`` and ``pair_bands`` and the method's own ``fit`` in one; both dates on one grid.

    gsd_m: None = that of the grid. The reason of the choice stands in the model's report, ``method_reason``.
    """
    bands = pair_bands(before.bands, after.bands)
    chosen, reason = choose(bands.names, gsd_m or pixel_m(before.geobox), method, platform, own)
    model = chosen.fit(before, after, bands, progress)
    model.report["method_reason"] = dict(reason)
    return model


def pixel_m(geobox: GeoBox) -> float | None:
    """Side of a pixel on the ground; None without a CRS."""
    from pipeline.changes import cell_area_m2

    area = cell_area_m2(geobox)
    return None if area is None else math.sqrt(area)
