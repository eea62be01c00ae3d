"""[io] Codes of districts and townships as accounts name them, against the layers that are held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from geodata.editions import Editions
from geodata.errors import InputError
from geodata.layers import Kind

CODE = "XZQDM"
SHOWN = 12


def held(editions: Editions, today: date) -> list[str]:
    """Codes in the layer of districts; none where no such layer is held."""
    found: set[str] = set()
    for _, store in editions.on(today).parts.get(Kind.DISTRICT, []):
        values = store.attributes(np.arange(len(store)), [CODE]).get(CODE, [])
        found |= {str(value).strip() for value in values if value}
    return sorted(found)


def check(editions: Editions, today: date, codes: Sequence[str]) -> None:
    """Raises: InputError naming codes that lie in no district of the layers: such an account would see nothing.

    A code may be the beginning of those held (a county of its townships), or go deeper than they do.
    """
    codes = [one for one in codes if one.isdigit()]  # others are refused for what they are
    known = held(editions, today) if codes else []
    unknown = [one for one in codes if known and not any(k.startswith(one) or one.startswith(k) for k in known)]
    if unknown:
        counties = list(dict.fromkeys(code[:6] for code in known))
        raise InputError(
            "{codes}: in no district of the layers held, such an account would see nothing; held are {known}.",
            codes=", ".join(unknown),
            known=", ".join(counties[:SHOWN]) + ("…" if len(counties) > SHOWN else ""),
        )
