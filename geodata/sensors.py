"""What is known of satellites and cameras: bands, quality codes, calibration tags, file names.

One table a question; all functions are pure. What the tables cannot tell for certain is ``None``:
the caller asks, it does not guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

BEIJING = timezone(timedelta(hours=8))

# --- quality ---------------------------------------------------------------------------------

CONDITIONS = ("nodata", "cloud", "shadow", "cirrus", "snow", "water", "saturated")


@dataclass(frozen=True)
class QualityTable:
    """What the values of a quality band mean.

    codes: {value: conditions} where one value is one class. bits: {bit: conditions} where each bit
    stands for itself. ``other`` holds for class values that the table does not list.
    """

    codes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    bits: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    other: tuple[str, ...] = ()


QUALITY: Mapping[str, QualityTable] = {
    # Sentinel-2 L2A scene classification; 2 (dark) and 7 (unclassified) stay, as is usual.
    "scl": QualityTable(
        codes={
            0: ("nodata",),
            1: ("saturated",),
            2: (),
            3: ("shadow",),
            4: (),
            5: (),
            6: ("water",),
            7: (),
            8: ("cloud",),
            9: ("cloud",),
            10: ("cirrus",),
            11: ("snow",),
        },
        other=("nodata",),
    ),
    # Sentinel-2 L1C/L2A QA60 mask.
    "qa60": QualityTable(bits={10: ("cloud",), 11: ("cirrus",)}),
    # Landsat Collection 2 QA_PIXEL.
    "qa_pixel": QualityTable(
        bits={
            0: ("nodata",),
            1: ("cloud",),
            2: ("cirrus",),
            3: ("cloud",),
            4: ("shadow",),
            5: ("snow",),
            7: ("water",),
        }
    ),
    # Fmask classes (Zhu and Woodcock 2012).
    "fmask": QualityTable(
        codes={0: (), 1: ("water",), 2: ("shadow",), 3: ("snow",), 4: ("cloud",), 255: ("nodata",)},
        other=("nodata",),
    ),
    # A plain mask: 0 clear, 255 not observed, anything else cloud.
    "cloudmask": QualityTable(codes={0: (), 255: ("nodata",)}, other=("cloud",)),
    # Our own: one bit a condition, in the order of CONDITIONS.
    "quality_bits": QualityTable(bits={bit: (name,) for bit, name in enumerate(CONDITIONS)}),
}


def has_condition(values: NDArray[np.integer], table: str, conditions: Iterable[str]) -> NDArray[np.bool_]:
    """Where any of ``conditions`` holds; same shape as ``values`` (raw codes of the quality band)."""
    wanted = set(conditions)
    rules = QUALITY[table]
    found = np.zeros(values.shape, bool)
    for bit, names in rules.bits.items():
        if wanted & set(names):
            found |= (values >> bit) & 1 == 1
    if rules.codes:
        hit = [code for code, names in rules.codes.items() if wanted & set(names)]
        if hit:
            found |= np.isin(values, hit)
        if wanted & set(rules.other):
            found |= ~np.isin(values, list(rules.codes))
    return found
