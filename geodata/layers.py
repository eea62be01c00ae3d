"""Layer: polygons with a meaning; its code system, its edition, the units of a district layer.

What columns a kind has is in ``contracts``, what a code means in ``landcodes``, what is done to a
broken shape in ``repair``; all of it is to be had from here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from geodata.contracts import CONTRACTS, Column, Kind, Plan, Taken, choose_table, is_personal, kind_, plan
from geodata.errors import InputError, MissingOption, UnknownCodes
from geodata.landcodes import CODE_SYSTEMS, entry, land_class, land_name, tidy
from geodata.repair import Repaired, repair
from geodata.words import Text

__all__ = [
    "CODE_SYSTEMS",
    "CONTRACTS",
    "Column",
    "Kind",
    "Layer",
    "Plan",
    "Repaired",
    "Taken",
    "choose_table",
    "code_evidence",
    "detect_code_system",
    "district_code",
    "district_level",
    "district_parents",
    "first_day",
    "is_personal",
    "kind_",
    "land_class",
    "land_name",
    "plan",
    "repair",
    "unknown_codes",
]


@dataclass(frozen=True, eq=False)
class Layer:
    """One delivered file (or one table of it) of one kind and edition, as held. An edition may have
    several (one a zone or county); the parcels themselves are read through ``parcels.ParcelStore``.

    crs: as delivered ("EPSG:4526"); zone: the 3° CGCS2000 zone without prefix it is kept in
    ("EPSG:4547"). folder: where it lies, relative to the root of the layers. source_layer: the table
    it was taken from, where the file holds several. delivered: records in the file; features: those
    kept. repaired: {reason: n}. Areas are ellipsoidal; area_m2 after repair, class_m2 by land class
    (FARMLAND only). bounds: west, south, east, north in degrees.
    """

    kind: Kind
    edition: str
    valid_from: date
    code_system: str | None
    crs: str
    zone: str
    source_sha256: str
    folder: str
    features: int
    area_m2: float
    area_before_m2: float
    repaired: Mapping[str, int] = field(default_factory=dict)
    dropped_columns: tuple[str, ...] = ()
    unknown_codes: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[Text, ...] = ()
    source_name: str = ""
    source_layer: str = ""
    delivered: int = 0
    columns: tuple[str, ...] = ()
    class_m2: Mapping[str, float] = field(default_factory=dict)
    bounds: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


def detect_code_system(counts: Mapping[str, int], given: str | None, path: object) -> str:
    """The code system of a layer with these DLBM ({code: records}), by evidence: codes that only
    one system has decide; codes that mean the same in both need no decision.

    Raises: UnknownCodes where that leaves it open, or where ``given`` does not fit.
    """
    if given is not None and given not in CODE_SYSTEMS:
        raise UnknownCodes("--code-system {given}: there is no such code system; say sandiao or ydyh.", given=given)
    codes = {tidy(code): n for code, n in counts.items() if tidy(code)}
    only = {s: {c: n for c, n in codes.items() if _only(c, s)} for s in CODE_SYSTEMS}
    known = {s: sum(n for c, n in codes.items() if entry(c, s)) for s in CODE_SYSTEMS}
    if given is not None:
        other = CODE_SYSTEMS[1 - CODE_SYSTEMS.index(given)]
        if 2 * known[given] < sum(codes.values()) and known[other] > known[given]:
            raise UnknownCodes(
                "{path}: --code-system {given} does not fit: {codes} exist only in {other}; say {other}.",
                path=path,
                given=given,
                codes=_some(only[other]),
                other=other,
            )
        return given
    if codes and not any(known.values()):
        raise UnknownCodes(
            "{path}: DLBM holds no code of a known system ({codes}); correct the codes, or name the right column"
            " with --column DLBM=….",
            path=path,
            codes=_some(codes),
        )
    decided = [s for s in CODE_SYSTEMS if only[s]]
    if len(decided) == 1:
        return decided[0]
    colliding = {c: n for c, n in codes.items() if entry(c, "sandiao") != entry(c, "ydyh")}
    if colliding:
        raise UnknownCodes(
            "{path}: the codes {codes} mean different things in the two code systems; say which one it is with"
            " --code-system sandiao (国土调查) or --code-system ydyh (用地用海分类).",
            path=path,
            codes=_some(colliding),
        )
    return CODE_SYSTEMS[0]  # every code held means the same in both


def code_evidence(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """What codes tell of their system: {"sandiao": {code: records} that only it has, "ydyh": …, "colliding": those that
    mean different things, "both": those that mean one thing, "unknown": those of neither}."""
    told: dict[str, dict[str, int]] = {name: {} for name in (*CODE_SYSTEMS, "colliding", "both", "unknown")}
    for code, n in sorted(counts.items(), key=lambda c: -c[1]):
        own = [s for s in CODE_SYSTEMS if _only(tidy(code), s)]
        one, other = (entry(code, s) for s in CODE_SYSTEMS)
        told[own[0] if own else "unknown" if one is None else "both" if one == other else "colliding"][code] = n
    return told


def _only(code: str, system: str) -> bool:
    return all((entry(code, s) is not None) == (s == system) for s in CODE_SYSTEMS)


def _some(codes: Mapping[str, int]) -> str:
    first = sorted(codes, key=lambda c: (-codes[c], c))[:8]
    return ", ".join(first) + (" …" if len(codes) > len(first) else "")


def unknown_codes(counts: Mapping[str, int], system: str | None) -> dict[str, int]:
    """Codes that ``system`` does not have, with their records; records without any code under ""."""
    return {c: n for c, n in sorted(counts.items()) if entry(c, system) is None}


def first_day(edition: str, given: date | str | None = None) -> date:
    """The day an edition is valid from: ``given``, else its own name ("2025" means 1 January 2025,
    "2025-06", "2025-06-30").

    Raises: MissingOption where the name says no day.
    """
    if isinstance(given, date):
        return given
    text = given if given is not None else edition
    found = re.fullmatch(r"\s*(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?\s*", text)
    try:
        if found:
            return date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        pass
    if given is not None:
        raise InputError("--valid-from {given}: no such day; write it as 2025-06-30.", given=given)
    raise MissingOption(
        "The edition “{edition}” does not say from which day it is valid; say it with --valid-from 2025-01-01.",
        edition=edition,
    )


def district_code(code: str) -> str:
    """A unit's code without padding: 430302000000 → 430302; of 19 digits the first 12. Provinces and
    cities keep their six digits (430300)."""
    digits = unicodedata.normalize("NFKC", code).strip()
    if not (digits.isascii() and digits.isdigit()):
        return digits
    digits = digits[:12] if len(digits) == 19 else digits
    for length, padded in ((9, 12), (6, 9)):
        if len(digits) == padded and digits.endswith("000"):
            digits = digits[:length]
    return digits


def district_level(code: str) -> str | None:
    """ "county", "township", "village" by the length of the code (6, 9, 12); also "province", "city"."""
    digits = district_code(code)
    if not (digits.isascii() and digits.isdigit()):
        return None
    if len(digits) == 6 and digits.endswith("00"):
        return "province" if digits.endswith("0000") else "city"
    return {6: "county", 9: "township", 12: "village"}.get(len(digits))


def district_parents(code: str) -> tuple[str, ...]:
    """Codes of the units above, highest first: 430302102 → 430000, 430300, 430302."""
    digits = district_code(code)
    if district_level(digits) is None:
        return ()
    above = [digits[:2] + "0000", digits[:4] + "00", digits[:6], digits[:9], digits]
    return tuple(dict.fromkeys(c for c in above[: above.index(digits)]))
