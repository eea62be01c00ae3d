"""What a delivery holds, as plain values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from geodata.words import Text

MULTISPECTRAL = ("MSS", "MUX", "BWDMUX", "WFV", "MS", "PMS")
PANCHROMATIC = ("PAN", "BWDPAN", "NAD", "FWDPAN", "FWD", "BWD")

RAW = re.compile(r"(LEVEL)?[ _-]*L?1|SC$|SEC$", re.IGNORECASE)
"""Levels of processing whose images are laid on the ground by their RPC, whatever corners they claim."""


@dataclass(frozen=True)
class Product:
    """One image of a satellite with several cameras or bands of several resolutions.

    name: of the file, without suffix. role: one of ``MULTISPECTRAL`` or ``PANCHROMATIC``. image: the GeoTIFF.
    metadata: its XML. rpc: .rpb or _rpc.txt beside it; None where there is none or the image holds them itself.
    bands: names in the file's order; () where they are not certain.
    """

    name: str
    role: str
    image: Path
    metadata: Path | None
    rpc: Path | None
    bands: tuple[str, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(file for file in (self.image, self.metadata, self.rpc) if file)


@dataclass(frozen=True)
class Source:
    """Bands that come from one file. value = count × scale + offset, one pair a band. wanted: unless others are
    asked for by name."""

    file: Path
    indexes: tuple[int, ...]
    bands: tuple[str, ...]
    scales: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    wanted: bool = True


@dataclass(frozen=True)
class Delivery:
    """A delivery as recognised from its names and metadata.

    name: as the user knows it. level: of processing, as its metadata call it. sources: where bands come from; the
    first wanted one gives the grid. chosen: bands are told by name, ``--bands`` chooses among them; else it names
    them in the file's order. products: every image of the satellite, for those that come in several (the scene is
    made of the first multispectral one). bits: depth of raw counts. counts: how many make reflectance 1, of
    Sentinel-2; 0 of others. offset_unknown: the processing baseline of one whose metadata do not list the offset that
    it puts to values. quality: a file with codes of the table ``quality_codes``. metadata, quicklooks: files that are
    kept beside the scene. headers: {file: header as of ``imagefile.describe``}.
    """

    name: str
    platform: str
    acquired_at: datetime
    level: str
    sources: tuple[Source, ...]
    chosen: bool = False
    products: tuple[Product, ...] = ()
    bits: int | None = None
    counts: float = 0.0
    offset_unknown: str = ""
    nodata: float | None = None
    quality: Path | None = None
    quality_codes: str | None = None
    metadata: tuple[Path, ...] = ()
    quicklooks: tuple[Path, ...] = ()
    notes: tuple[Text, ...] = ()
    time_notes: tuple[Text, ...] = ()
    headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def projected(self) -> bool:
        """Whether the image lies on a map grid already; else it has only RPC or control points."""
        georeferenced = bool(self.headers[str(self.sources[0].file)]["georeferenced"])
        raw = any(product.rpc for product in self.products) and RAW.match(self.level) is not None
        return georeferenced and not raw

    @property
    def pan(self) -> Product | None:
        """The panchromatic image that belongs to the scene's own product."""
        return next((product for product in self.products if product.role in PANCHROMATIC), None)

    @property
    def multispectral(self) -> Product | None:
        return next((product for product in self.products if product.role in MULTISPECTRAL), None)
