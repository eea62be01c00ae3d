"""Which county, township and village a patch lies in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from geodata.layers import district_code
from pipeline.pieces import Parts

LEVELS = (("district", 6), ("township", 9), ("village", 12))
"""Field of ``Occupied`` and length of its codes."""


class Gazetteer:
    """names: {XZQDM: XZQMC} of all units held in the parts of a DISTRICT layer."""

    def __init__(self, parts: Parts) -> None:
        self.names: dict[str, str] = {}
        for _, store in parts:
            held = store.attributes(np.arange(len(store)), ("XZQDM", "XZQMC"))
            for code, name in zip(held.get("XZQDM", []), held.get("XZQMC", []), strict=False):
                if code and name:
                    self.names.setdefault(district_code(str(code)), str(name))
        self._known: dict[tuple[str, str, str], dict[str, str]] = {}

    def place(self, codes: Sequence[str], m2: Sequence[float], seat: tuple[str, str]) -> dict[str, object]:
        """The fields of ``Occupied`` about the place.

        codes, m2: units that the patch touches, with its area in each. seat: (ZLDWDM, ZLDWMC) of
        the largest parcel, which stands in where no unit is held, and tells the levels below the
        deepest unit held. A unit without a name is shown by its code.
        """
        shares: dict[str, float] = {}
        for unit, area in zip(codes, m2, strict=True):
            code = district_code(unit)
            shares[code] = round(shares.get(code, 0.0) + area, 2)
        depth = max(map(len, shares), default=0)
        deepest = {code: area for code, area in shares.items() if len(code) == depth}
        key = (max(deepest, key=lambda c: (deepest[c], c)) if deepest else "", *seat)
        if key not in self._known:  # many patches lie in one village
            self._known[key] = self._levels(*key)
        return {"districts": deepest, **self._known[key]}

    def _levels(self, code: str, seat_code: str, seat_name: str) -> dict[str, str]:
        village = district_code(seat_code)
        if village.startswith(code) and len(village) > len(code):
            code = village
        fields: dict[str, str] = {}
        for level, length in LEVELS:
            own = code[:length] if len(code) >= length else ""
            name = self.names.get(own) or (seat_name if own and own == village else "") or own
            fields |= {f"{level}_code": own, f"{level}_name": name}
        return fields
