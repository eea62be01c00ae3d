"""What a model says of itself: trained on what, for which images, and how well by images kept apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from geodata.errors import InputError
from geodata.words import Text, both
from pipeline.detect.protocol import Bands

VERSION = "1"
"""Of features and head: a model of another one cannot be read."""
GSD_FACTOR = 2.0
"""Farther from the pixel sizes that were trained on than by this factor is said."""
ORDER = ("red", "green", "blue")

_UNNAMED = re.compile(r"(band)?[\s_]*\d*", re.IGNORECASE)


@dataclass(frozen=True)
class Card:
    """version, backbone: must be those of this program. free: name and version of the way without learning that the
    head also sees. bands: names in order. dtype: of the files' values. gsd_m: least and largest, None = not known.
    sets: {name: {images, labelled_px, change_share}}. folds: rows of these with fold, set and figures {f1, precision,
    recall, auc} of images that a head was not trained on; by_set: {name: figures} of all folds together. copies_share:
    of an image against itself moved and toned, share said to be changed. threshold: logit of the decision. source:
    "pairs" or "cases". made_at: ISO time."""

    version: str
    backbone: str
    free: tuple[str, str]
    bands: tuple[str, ...]
    dtype: str
    gsd_m: tuple[float, float] | None
    sets: Mapping[str, Mapping[str, Any]]
    folds: tuple[Mapping[str, Any], ...]
    by_set: Mapping[str, Mapping[str, Any]]
    copies_share: float
    threshold: float
    samples: int
    source: str
    made_at: str = ""


def arranged(bands: Bands) -> Bands:
    """Red, green, blue first, where they are known by name; the others in their order."""
    low = [name.lower() for name in bands.names]
    places = [low.index(name) for name in ORDER if name in low]
    places += [n for n in range(len(low)) if n not in places]
    return Bands(
        tuple(bands.names[n] for n in places),
        tuple(bands.before[n] for n in places),
        tuple(bands.after[n] for n in places),
    )


def named(names: tuple[str, ...]) -> bool:
    return not any(_UNNAMED.fullmatch(name) for name in names)


def refuse_others(card: Card, bands: Bands, dtypes: tuple[str | None, ...], path: str) -> None:
    """bands: ``arranged``. dtypes: of both files, None = not known. Raises: InputError for images of another kind."""
    if len(bands.names) != len(card.bands):
        raise InputError(
            "--model {path}: learned from images of {trained} bands ({names}), this pair has {count} in common; "
            "name their bands with --bands, or use another model.",
            path=path,
            trained=len(card.bands),
            names=", ".join(card.bands),
            count=len(bands.names),
        )
    own, trained = (tuple(name.lower() for name in names) for names in (bands.names, card.bands))
    if named(own) and named(trained) and own != trained:
        raise InputError(
            "--model {path}: learned from the bands {names}, this pair has {own}; use a model for these bands.",
            path=path,
            names=", ".join(card.bands),
            own=", ".join(bands.names),
        )
    for dtype in dtypes:
        if dtype and card.dtype and dtype != card.dtype:
            raise InputError(
                "--model {path}: learned from images of type {trained}, this pair has {dtype}; "
                "use a model trained on such images.",
                path=path,
                trained=card.dtype,
                dtype=dtype,
            )


def doubts(card: Card, gsd_m: float | None) -> list[Text]:
    """What has to be said where pixel sizes are not known, or not those that were trained on."""
    if gsd_m is None or card.gsd_m is None:
        return [both("the pixel size of the images or of the model's training is not known: check some of the changes")]
    low, high = card.gsd_m
    if low / GSD_FACTOR <= gsd_m <= high * GSD_FACTOR:
        return []
    trained = f"{low:.3g}" if low == high else f"{low:.3g}–{high:.3g}"
    return [
        both(
            "the model was trained at {trained} m a pixel and this is {gsd} m: check some of the changes",
            trained=trained,
            gsd=f"{gsd_m:.3g}",
        )
    ]
