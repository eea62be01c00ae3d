"""The offset of Sentinel-2 values: in a product from processing baseline 04.00 on, unless a mirror took it out.

reflectance = (DN + offset) / quantification; offset −1000 from baseline 04.00 (data from 2022-01-25 on and what was
processed anew), 0 before. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from geodata import labels
from geodata.words import Text, both

QUANTIFICATION = 10_000.0
SHIFTED = -1000.0
FIRST_SHIFTED = (4, 0)


def baseline(text: str) -> tuple[int, int] | None:
    """ "05.09" or "N0509" as numbers; None where it is neither."""
    digits = text.strip().upper().removeprefix("N").replace(".", "")
    return (int(digits[:2]), int(digits[2:])) if len(digits) == 4 and digits.isdigit() else None


def usual(text: str) -> float | None:
    """The offset that a processing baseline puts to its values; None where the baseline is not known."""
    known = baseline(text)
    return None if known is None else SHIFTED if known >= FIRST_SHIFTED else 0.0


def taken_out(properties: Mapping[str, Any]) -> bool | None:
    """Whether a mirror's metadata say that values are harmonised (the offset is taken out already); None where they
    do not say. properties: of a STAC item, or tags of a file, in any spelling."""
    return labels.offset_taken_out(labels.plain_tags({str(k): str(v) for k, v in properties.items()}))


def said_taken_out() -> Text:
    return both("values are harmonised: the offset of Sentinel-2 is taken out already and is not applied again.")
