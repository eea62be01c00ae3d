"""[io] Parts of a case from a drawn file: cut, then laid over the layer editions that its flag was judged with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flows.delivered import polygons
from flows.settings import Workspace
from geodata.days import day_of
from geodata.editions import LayersOnDay
from geodata.errors import InputError
from geodata.layers import Kind
from geodata.words import Text, both
from pipeline import overlay, splitting
from pipeline.cases.case import Case, Part
from pipeline.plain import to_plain


@dataclass(frozen=True, eq=False)
class Parts:
    """payload: ``parts`` of a SPLIT. notes: what to say of it."""

    payload: list[dict[str, Any]]
    notes: tuple[Text, ...]


def parts_from(
    office: Workspace, case: Case, part: Part, path: str | Path, *, crs: str | None = None, layer: str | None = None
) -> Parts:
    """The part's ground along the polygons of ``path``; what they leave is a last part of its own.

    Raises: InputError for the file, for polygons that do not fit, and for editions that are no longer held.
    """
    drawn = polygons(path, crs_given=crs, layer=layer)
    cut = splitting.cut(part.ground, list(drawn.geometries), path)
    layers = same_layers(office, case)
    found = overlay.overlay(list(cut.parts), cut.zone, layers)
    systems = {one.source_sha256: one.code_system for held in layers.parts.values() for one, _ in held}
    whole = splitting.balanced(part.ground, found, systems)
    notes = list(drawn.warnings)
    if cut.remainder_m2:
        notes.append(
            both(
                "The polygons leave {m2} m² of the ground uncut; that is the last part.", m2=f"{cut.remainder_m2:,.2f}"
            )
        )
    return Parts([{"occupied": to_plain(one)} for one in whole], tuple(notes))


def same_layers(office: Workspace, case: Case) -> LayersOnDay:
    """The editions that the flag which founded the case was laid over."""
    flag = case.flags[0]
    wanted: Mapping[str, Sequence[str]] = flag["layers"]
    held = office.editions.layers()
    parts: dict[Kind, list[Any]] = {}
    for name, editions in wanted.items():
        kind = Kind(name)
        found = [one for one in held if one.kind is kind and one.edition in editions]
        gone = sorted(set(editions) - {one.edition for one in found})
        if gone:
            raise InputError(
                "{number}: was laid over {kind} {edition}, which is no longer held; add that edition again.",
                number=case.number,
                kind=name,
                edition=", ".join(gone),
            )
        parts[kind] = [(one, office.editions.store(one)) for one in found]
    return LayersOnDay(_day(case), parts, {k: p[0][0].edition for k, p in parts.items() if p}, [])


def _day(case: Case) -> date:
    after = case.flags[0].get("after_at")
    return day_of(datetime.fromisoformat(after)) if after else day_of(case.found_at)
