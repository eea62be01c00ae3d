"""A change network that was brought along, run over a whole pair of any size, tile by tile.

Nothing is learned. The score is the probability that the network gives, its odds divided by those of the
card's threshold, so that 0.5 is where the decision is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata import netfile
from geodata.errors import InputError
from geodata.scene import ArrayPixels, Pixels
from geodata.words import Text, both
from pipeline.detect import onnxfile
from pipeline.detect.irmad import harmonised
from pipeline.detect.joint import Joint, sampled_pixels
from pipeline.detect.netcard import MINIMAL, card
from pipeline.detect.onnxrun import Network
from pipeline.detect.protocol import Bands, Blank, Progress
from pipeline.detect.tiled import F32, Mask, walk

NAME, VERSION = "onnx", "1"
OTHER_GRAIN = 2.0
"""Pixels so many times as large or small as those it was trained at are worth a word."""
QUIET = 3.0
"""Pixels within so many deviations of the common line harmonise the dates."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OnnxNet:
    """The method of one network."""

    network: Network
    name: str = NAME

    @property
    def version(self) -> str:
        """Ours, and a hash of the network and its card: another network is another method."""
        known = hashlib.sha256(self.network.data + repr(self.network.card).encode())
        return f"{VERSION}-{known.hexdigest()[:16]}"

    @property
    def reason(self) -> Text:
        told = self.network.card
        said = {"name": told.name or self.network.path, "bands": ", ".join(told.bands)}
        if told.licence:
            return both("the network {name} ({licence}), bands {bands}", licence=told.licence, **said)
        return both("the network {name}, bands {bands}", **said)

    def fit(self, before: Pixels, after: Pixels, bands: Bands, progress: Progress | None = None) -> OnnxModel | Blank:
        """The dates harmonised, for what is said of patches. Raises: InputError where network, card and images do
        not fit one another."""
        from pipeline.detect import pixel_m

        chosen, told = self.wanted(bands), self.network.card
        blank = np.zeros((len(chosen.names), told.tile, told.tile), np.float32)
        self.network.probability(blank, blank, np.ones(blank.shape[1:], np.bool_))
        first, second = sampled_pixels(before, after, chosen, progress)
        if len(first) == 0:
            return Blank(chosen, NAME, self.version, {"state": "too_few_pixels", "sample": 0})
        report = {
            "state": "fitted",
            "sample": len(first),
            "threshold": told.threshold,
            "threshold_rule": "card",
            "network": told.name or self.network.path,
            "licence": told.licence,
            "tile": told.tile,
            "overlap": told.shared_px,
            "notes": [dict(note) for note in self._notes(pixel_m(before.geobox))],
        }
        return OnnxModel(self, chosen, *_quietly_harmonised(first, second), report)

    def wanted(self, bands: Bands) -> Bands:
        """The card's bands in the network's order: by name, or by position where no image names its bands.

        Raises: InputError where one is missing or their number differs.
        """
        from pipeline.detect import unnamed

        have, asked = bands.names, self.network.card.bands
        if all(name in have for name in asked):
            places = [have.index(name) for name in asked]
        elif len(have) == len(asked) and unnamed(have):
            places = list(range(len(have)))
        else:
            raise InputError(
                "{path}: takes {count} bands ({wanted}), and the two images have {have} in common ({names});"
                " name the bands of both, or take another network.",
                path=self.network.path,
                count=len(asked),
                wanted=", ".join(asked),
                have=len(have),
                names=", ".join(have),
            )
        return Bands(asked, tuple(bands.before[n] for n in places), tuple(bands.after[n] for n in places))

    def _notes(self, gsd_m: float | None) -> Iterator[Text]:
        trained = self.network.card.gsd_m
        if trained is None:
            return
        if gsd_m is None:
            yield both(
                "The network was trained at {trained:g} m a pixel; that of these images is not known.", trained=trained
            )
        elif not 1 / OTHER_GRAIN <= gsd_m / trained <= OTHER_GRAIN:
            yield both(
                "The network was trained at {trained:g} m a pixel, and these images have {gsd:.3g} m: trust it little.",
                trained=trained,
                gsd=gsd_m,
            )


@dataclass(frozen=True, eq=False)
class OnnxModel:
    net: OnnxNet
    bands: Bands
    gain: Array
    offset: Array
    report: dict[str, Any]
    method: str = NAME
    halo: int = 0

    @property
    def version(self) -> str:
        return self.net.version

    def walk(self, before: Pixels, after: Pixels) -> Iterator[tuple[Joint, F32]]:
        """As ``tiled.walk``, with scores."""
        network = self.net.network
        told = network.card
        for joint, share in walk(before, after, self.bands, network.probability, told.tile, told.shared_px):
            yield joint, _score(share, told.threshold)

    def score(self, before: F32, after: F32, clear: Mask) -> F32:
        """Of an image that is these arrays."""
        grid = GeoBox(clear.shape, Affine.identity(), None)
        dates = [ArrayPixels(date, grid, self.bands.names, valid=clear) for date in (before, after)]
        places = tuple(range(len(self.bands.names)))
        whole = OnnxModel(self.net, Bands(self.bands.names, places, places), self.gain, self.offset, self.report)
        return np.concatenate([score for _, score in whole.walk(*dates)])


def _score(share: F32, threshold: float) -> F32:
    share = np.clip(share, 0, 1)
    limit = np.float32(threshold)
    yes, no = share * (1 - limit), limit * (1 - share)
    return np.divide(yes, yes + no, out=yes)


def _quietly_harmonised(first: Array, second: Array) -> tuple[Array, Array]:
    """``irmad.harmonised`` on what lies near the common line of all bands."""
    gain, offset = harmonised(first, second, np.ones(len(first)))
    apart = np.abs(first - second * gain - offset)
    quiet = (apart <= QUIET * np.maximum(1.4826 * np.median(apart, axis=0), 1e-12)).all(axis=1)
    return harmonised(first[quiet], second[quiet], np.ones(int(quiet.sum()))) if quiet.any() else (gain, offset)


def read(path: str) -> OnnxNet:
    """The network in the file ``path``, with its card. Raises: InputError."""
    held = netfile.read(path, MINIMAL)
    told = card(held.card, held.card_path)
    try:
        elsewhere = onnxfile.refers_elsewhere(held.data)
    except ValueError:
        raise InputError("{path}: is no ONNX file, or is damaged; export it anew.", path=held.path) from None
    if elsewhere:
        raise InputError(
            "{path}: keeps weights in another file, which is not opened; save it with all of them inside.",
            path=held.path,
        )
    return OnnxNet(Network(held.data, told, held.path))
