"""Which county, township and village a patch lies in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from geodata.layers import district_code
from pipeline.pieces import Parts

LEVELS = (("district", 6), ("township", 9), ("village", 12))
"""Field of ``Occupied`` and length of its codes."""


def names(parts: Parts) -> dict[str, str]:
    """{XZQDM: XZQMC} of all units held."""
    found: dict[str, str] = {}
    for _, store in parts:
        held = store.attributes(np.arange(len(store)), ("XZQDM", "XZQMC"))
        for code, name in zip(held.get("XZQDM", []), held.get("XZQMC", []), strict=False):
            if code and name:
                found.setdefault(district_code(str(code)), str(name))
    return found


def place(
    codes: Sequence[str], m2: Sequence[float], names: Mapping[str, str], seat: tuple[str, str]
) -> dict[str, object]:
    """The fields of ``Occupied`` about the place.

    codes, m2: units that the patch touches, with its area in each. seat: (ZLDWDM, ZLDWMC) of the
    largest parcel, which stands in where no unit is held, and tells the levels below the deepest
    unit held. A unit without a name is shown by its code.
    """
    shares: dict[str, float] = {}
    for code, area in zip(map(district_code, codes), m2, strict=True):
        shares[code] = round(shares.get(code, 0.0) + area, 2)
    depth = max(map(len, shares), default=0)
    deepest = {code: area for code, area in shares.items() if len(code) == depth}
    code = max(deepest, key=lambda c: (deepest[c], c), default="")
    village = district_code(seat[0])
    if village.startswith(code) and len(village) > len(code):
        code = village
    fields: dict[str, object] = {"districts": deepest}
    for level, length in LEVELS:
        own = code[:length] if len(code) >= length else ""
        name = names.get(own) or (seat[1] if own and own == village else "") or own
        fields |= {f"{level}_code": own, f"{level}_name": name}
    return fields
