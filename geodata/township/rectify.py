"""What happens on occupied ground after it was found: put right in truth, in part, or for show.

Not part of the default township; see ``build(…, rectified=True)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from shapely import affinity
from shapely.geometry.base import BaseGeometry

from geodata.township import plan
from geodata.township.land import FOOT, PLAIN, VALLEY
from geodata.township.plan import Happening, Piece, Shaped, Wish

FLIGHT = ("2026-06-22T03:10:00", (-0.22, 0.30))
"""A further flight, that shows what the drone's events occupy."""


@dataclass(frozen=True)
class Rectified(Wish):
    """outcome: "restored", "partly", "standing", or how it is hidden ("net", "tall net", "thin soil", "weedy soil",
    "sown soil"). on_day: when. fields: from this day what grows there is the field's again (restored only)."""

    outcome: str = "standing"
    on_day: str = ""
    fields: str = ""


def _cover(material: str, height_m: float = 0.0) -> Callable[[BaseGeometry, tuple[Piece, ...]], tuple[Piece, ...]]:
    return lambda footprint, pieces: (Piece(footprint, material, height_m),)


def _half(footprint: BaseGeometry, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """What stood on one half stands still; the other is ploughed."""
    left, low, right, high = footprint.bounds
    wide = right - left > high - low
    side = affinity.scale(footprint.envelope, 0.5, 1.0, origin=(left, low)) if wide else affinity.scale(
        footprint.envelope, 1.0, 0.5, origin=(left, low)
    )  # fmt: skip
    kept = [replace(p, geometry=p.geometry.intersection(side)) for p in pieces]
    return (Piece(footprint.difference(side), "restored"), *[p for p in kept if not p.geometry.is_empty])


AFTERWARDS = {
    "restored": _cover("restored"),
    "partly": _half,
    "standing": lambda footprint, pieces: pieces,
    "net": _cover("green_net"),
    "tall net": _cover("green_net", 4.0),
    "thin soil": _cover("thin_soil"),
    "weedy soil": _cover("weedy_soil"),
    "sown soil": _cover("sown_soil"),
}


def _wish(
    msgid: str, kind: str, shape: Callable[..., Shaped], size: tuple[float, float], side: str, outcome: str,
    days: tuple[str, str, str] = ("2025-06-20", "2025-10-02", "2026-04-05"),
    zones: tuple[int, ...] = (PLAIN, VALLEY), on: tuple[str, ...] = ("0101",), seen_by: str = "satellite",
) -> Rectified:  # fmt: skip
    return Rectified(
        msgid, kind, shape, size, side, days[0], on=on, zones=zones, seen_by=seen_by,
        outcome=outcome, on_day=days[1], fields=days[2],
    )  # fmt: skip


LATER = ("2025-06-20", "2025-11-10", "2026-04-05")
FLOWN = ("2026-02-10", "2026-07-20", "2026-08-04")
WISHES = (
    _wish("shed, torn down and planted", "construction", plan._shed, (52, 38), "W", "restored"),
    _wish("yard, broken up and planted", "hardening", plan._pad, (56, 40), "E", "restored"),
    _wish("works, torn down and planted", "construction", plan._works, (70, 52), "E", "restored", LATER),
    _wish("stripped ground, levelled and planted", "earthwork", plan._earthwork, (76, 56), "W", "restored", LATER),
    _wish("hut, torn down and planted", "construction", plan._shed, (34, 24), "W", "restored"),
    _wish("yard on dry land, broken up and sown", "hardening", plan._pad, (54, 40), "W", "restored", LATER,
          zones=(FOOT, VALLEY), on=("0103",)),
    _wish("shed under a green net", "construction", plan._shed, (50, 36), "E", "tall net"),
    _wish("yard under a green net", "hardening", plan._pad, (58, 42), "W", "net"),
    _wish("yard under thin soil", "hardening", plan._pad, (60, 44), "W", "thin soil"),
    _wish("yard under thin soil, weeds on it", "hardening", plan._pad, (62, 42), "E", "weedy soil"),
    _wish("yard under thin soil, grass sown on it", "hardening", plan._pad, (60, 40), "E", "sown soil", LATER),
    _wish("yard on dry land under weedy soil", "hardening", plan._pad, (56, 42), "E", "weedy soil", LATER,
          zones=(FOOT, VALLEY), on=("0103",)),
    _wish("works, torn down in part", "construction", plan._works, (84, 62), "W", "partly"),
    _wish("shed, reported and still standing", "construction", plan._shed, (50, 36), "W", "standing"),
    _wish("yard, reported and still there", "hardening", plan._pad, (54, 38), "E", "standing"),
    _wish("small shed, torn down and planted", "construction", plan._shed, (18, 12), "D", "restored", FLOWN,
          seen_by="drone"),
    _wish("small yard, broken up and planted", "hardening", plan._pad, (20, 14), "D", "restored", FLOWN,
          seen_by="drone"),
    _wish("small shed under a green net", "construction", plan._shed, (17, 12), "D", "tall net", FLOWN,
          seen_by="drone"),
    _wish("small yard under a green net", "hardening", plan._pad, (20, 13), "D", "net", FLOWN, seen_by="drone"),
    _wish("small yard under thin soil", "hardening", plan._pad, (20, 14), "D", "thin soil", FLOWN, seen_by="drone"),
    _wish("small yard under weedy soil", "hardening", plan._pad, (19, 14), "D", "weedy soil", FLOWN, seen_by="drone"),
    _wish("small shed, still standing", "construction", plan._shed, (18, 12), "D", "standing", FLOWN,
          seen_by="drone"),
)  # fmt: skip
"""Placed after all default wishes, so that those keep their spots."""


def told(wish: Wish, happening: Happening) -> Happening:
    """The happening with what comes after it; ``removed_at`` only where the ground is truly put right."""
    assert isinstance(wish, Rectified)
    day = plan.day(wish.on_day)
    stages = [(day, AFTERWARDS[wish.outcome](happening.footprint, happening.pieces))]
    if wish.outcome == "restored":
        stages.append((plan.day(wish.fields), ()))
    return replace(
        happening,
        removed_at=day if wish.outcome == "restored" else None,
        stages=tuple(stages),
        outcome=wish.outcome,
    )
