"""[io] What a model is trained on: a list of labelled files, or what people verified in the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from flows import settings
from geodata import tablefile
from geodata.crs import transform
from geodata.errors import InputError
from geodata.masks import rasterize
from geodata.safe import Limits, local_file
from geodata.scene import ROI, Scene
from geodata.words import tr
from pipeline import detect, precision
from pipeline.cases.case import Case, Part
from pipeline.learn import modelfile
from pipeline.learn.card import arranged
from pipeline.learn.pairs import cut
from pipeline.learn.report import card_of
from pipeline.learn.training import Marks, Place, Tile, trained
from pipeline.plain import to_plain

LIMITS = Limits(cpu_s=48 * 3600, wall_s=48 * 3600, memory_bytes=8 * 1024**3, ours=True)
NEEDED = ("before", "after", "label")
CHANGED = precision.RIGHT - {"other"}
"""Verdicts that say that something was built or dug; what counts as false change is none. Others and a wrong base map
do not say what the ground looked like."""
UNCHANGED = ("false_change",)
LEAST_VERIFIED = 10
"""Of either kind."""
SIDE = 256
"""Pixels of the window around a verified place, at least."""
PARTS = 5
"""Verified places of one pair are kept apart in so many runs of neighbours."""


def rows_of(path: Path) -> list[tuple[str, str, str, str, str]]:
    """(before, after, label, set, group) of each row, paths absolute. Raises: InputError naming the line."""
    table = [row for row in tablefile.read(path) if any(row)]
    head = [name.strip().lower() for name in table[0]]
    missing = [name for name in NEEDED if name not in head]
    if missing:
        raise InputError(
            "{path}: the column {missing} is missing; the first line must read: before,after,label", path=path,
            missing=", ".join(missing),
        )  # fmt: skip
    rows = []
    for number, row in enumerate(table[1:], start=2):
        told = dict(zip(head, row, strict=False))
        if not all(told.get(name) for name in NEEDED):
            raise InputError(
                "{path}, line {line}: before, after and label must all be filled in.", path=path, line=number
            )
        before, after, label = (str(local_file(path.absolute().parent / told[name])) for name in NEEDED)
        rows.append((before, after, label, told.get("set") or path.stem, told.get("group") or before))
    if not rows:
        raise InputError("{path}: names no pair; write one a line.", path=path)
    return rows


@dataclass(frozen=True, eq=False)
class Verified:
    """A part of a case that people ruled on. geometry: EPSG:4490."""

    before: Scene
    after: Scene
    geometry: BaseGeometry
    change: bool
    order: tuple[str, str]


def from_ledger(out: Path, made_at: str, progress: Callable[[float], None]) -> dict[str, Any]:
    """Train on the verified parts of this workspace's cases. Raises: InputError where there are too few."""
    office = settings.find()
    found = list(_verified(office))
    _refuse_few(found)
    kept, bands, dtype = _of_one_kind(found)
    _refuse_few(kept)
    method, _ = detect.choose(bands, max(one.before.gsd_m for one in kept))
    places = _places(office, kept, method.name)
    done = trained(places, method.name, progress)
    card = card_of(
        done,
        places,
        free=method.name,
        bands=bands,
        dtype=dtype,
        gsds_m=[one.before.gsd_m for one in kept],
        source="cases",
        made_at=made_at,
    )
    sha256 = modelfile.write(out, done.head, card)
    left = len(found) - len(kept)
    notes = [tr("{count} verified places are of other images and were left out.", count=left)] if left else []
    return {**to_plain(card), "out": str(out), "sha256": sha256, "notes": notes}


def _verified(office: settings.Workspace) -> Iterator[Verified]:
    scenes = {scene.id: scene for scene in office.catalog.scenes()}
    for case in office.ledger.each_case():
        for part in case.parts:
            ruled = _ruled(part)
            pair = _scenes_of(case, scenes)
            if ruled is not None and pair is not None:
                yield Verified(*pair, part.geometry, ruled, (case.township_code, case.number))


def _ruled(part: Part) -> bool | None:
    verdict = "" if part.verdict is None else str(part.verdict["verdict"])
    return True if verdict in CHANGED else False if verdict in UNCHANGED else None


def _scenes_of(case: Case, scenes: dict[str, Scene]) -> tuple[Scene, Scene] | None:
    """The two scenes in which the case was found first, where both are still held."""
    for flag in case.flags:
        change = flag.get("change") or {}
        before, after = scenes.get(change.get("before_id", "")), scenes.get(change.get("after_id", ""))
        if before and after:
            return before, after
    return None


def _refuse_few(found: Sequence[Verified]) -> None:
    change = sum(one.change for one in found)
    if min(change, len(found) - change) < LEAST_VERIFIED:
        raise InputError(
            "Of the cases of one kind of image {change} are verified as change and {none} as false change; {least} of"
            " each are needed: go on verifying, or train on labelled pairs with PAIRS.csv.",
            change=change,
            none=len(found) - change,
            least=LEAST_VERIFIED,
        )


def _kind(one: Verified) -> tuple[tuple[str, ...], str]:
    return arranged(detect.pair_bands(one.before.bands, one.after.bands)).names, one.before.dtype


def _of_one_kind(found: Sequence[Verified]) -> tuple[list[Verified], tuple[str, ...], str]:
    """Those of the kind of image that most are of; their bands and type."""
    bands, dtype = Counter(_kind(one) for one in found).most_common(1)[0][0]
    return [one for one in found if _kind(one) == (bands, dtype)], bands, dtype


def _places(office: settings.Workspace, found: Sequence[Verified], free: str) -> list[Place]:
    """Neighbours of one pair together, so that a fold keeps whole stretches of ground apart."""
    pairs: dict[tuple[str, str], list[Verified]] = {}
    for one in sorted(found, key=lambda v: v.order):
        pairs.setdefault((one.before.id, one.after.id), []).append(one)
    places = []
    for (before, after), members in pairs.items():
        for number, part in enumerate(np.array_split(np.arange(len(members)), min(PARTS, len(members)))):
            name = f"{before[:8]}…{after[:8]}/{number + 1}"
            some = [members[n] for n in part]
            places.append(Place(name, "cases", name, partial(_tiles, office, some, free)))
    return places


def _tiles(office: settings.Workspace, found: Sequence[Verified], free: str) -> Iterator[Tile]:
    catalog, first = office.catalog, found[0]
    shift = _shift(office, first)
    with ExitStack() as stack:
        one = stack.enter_context(catalog.pixels(first.before))
        two = stack.enter_context(catalog.pixels(first.after, onto=first.before.geobox, shift_m=shift))
        yield from cut(one, two, free, list(_windows(found)))


def _shift(office: settings.Workspace, one: Verified) -> tuple[float, float]:
    """By how much AFTER was moved when the pair was inspected, in metres."""
    for inspection in office.ledger.inspections():
        if (inspection.before_id, inspection.after_id) == (one.before.id, one.after.id):
            return float(inspection.alignment.get("dx_m", 0)), float(inspection.alignment.get("dy_m", 0))
    return 0.0, 0.0


def _windows(found: Sequence[Verified]) -> Iterator[tuple[ROI, Marks]]:
    """Around each place with its surroundings, of which nothing is known; neighbours in one where they fit in."""
    grid = found[0].before.geobox
    left = list(transform(np.array([one.geometry for one in found], dtype=object), "EPSG:4490", str(grid.crs)))
    change = [one.change for one in found]
    while left:
        roi = _around(left[0], grid)
        frame = grid[roi].extent.geom
        inside = [n == 0 or frame.contains(ground) for n, ground in enumerate(left)]
        marks = np.full(grid[roi].shape, -1, np.int8)
        for ground, changed, here in zip(left, change, inside, strict=True):
            if here:
                marks[rasterize([ground], grid, roi, all_touched=True)] = changed
        yield roi, marks
        left, change = ([v for v, here in zip(held, inside, strict=True) if not here] for held in (left, change))


def _around(ground: BaseGeometry, grid: GeoBox) -> ROI:
    column, row = ~grid.affine * (ground.centroid.x, ground.centroid.y)
    starts = (max(0, min(int(at) - SIDE // 2, size - SIDE)) for at, size in ((row, grid.height), (column, grid.width)))
    y, x = starts
    return slice(y, min(y + SIDE, grid.height)), slice(x, min(x + SIDE, grid.width))
