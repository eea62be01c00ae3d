"""Workspaces that are inspected as an office would do it, only without the engine: every scene against its best
earlier one, flags into cases of a ledger of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geodata  # noqa: F401  (guards GDAL before it is imported)
from flows import confirm, settings, steps
from flows.ground import Reader
from flows.inspect import held
from flows.settings import Workspace
from geodata import township
from geodata.days import BEIJING
from geodata.errors import GengXunError
from geodata.township import Township
from pipeline import detect, pairing, triage
from pipeline.cases.case import Case
from pipeline.cases.events import SYSTEM
from pipeline.flags import Flag
from pipeline.inspection import Inspection, funnel, inspection_id
from pipeline.pairing import Pair
from pipeline.triage import Facts

MAX_SHIFT_PX = 3.0


@dataclass(frozen=True, eq=False)
class Judged:
    """One change that became a flag, and what it was judged by."""

    facts: Facts
    flag: Flag


@dataclass(frozen=True, eq=False)
class Looked:
    """What one pair gave. refused: why it could not be compared."""

    pair: Pair
    judged: tuple[Judged, ...]
    refused: str = ""


def town(root: Path, seed: int, *, rectified: bool = False) -> tuple[Workspace, Township]:
    """A workspace in ``root`` with all files of a computed township taken in."""
    office, _ = settings.init(root / "office")
    made = township.build(root / "files", seed, rectified=rectified)
    for layer in made.layers:
        office.editions.add(layer.kind, layer.path, edition=layer.edition, **layer.options)
    for scene in made.scenes:
        office.catalog.add_scene(scene.path)
    return office, made


def inspected(office: Workspace, pairs: Sequence[Pair] | None = None) -> Iterator[Looked]:
    """The oldest AFTER first, each recorded in the ledger. pairs: None = as an inspection chooses them."""
    for pair in pairing.pairs(office.catalog.scenes(), set()) if pairs is None else pairs:
        try:
            yield _looked(office, pair)
        except GengXunError as error:
            yield Looked(pair, (), str(error))


def _looked(office: Workspace, pair: Pair) -> Looked:
    layers = office.editions.on(pair.after.acquired_at.astimezone(BEIJING).date())
    bands = detect.pair_bands(pair.before.bands, pair.after.bands)
    method, _ = detect.choose(bands.names, pair.before.gsd_m, None, pair.after.platform)
    alignment = steps.measure(office, pair, MAX_SHIFT_PX, _silent)
    compared = steps.compare(office, pair, method.name, alignment, 0.0, _silent)
    laid = steps.lay_over(compared, pair, layers, _silent)
    judged: list[Judged] = []
    told: dict[str, Any] = {
        "gsd_m": max(pair.before.gsd_m, pair.after.gsd_m),
        "before": pair.before,
        "after": pair.after,
        "layers": [layer for parts in layers.parts.values() for layer, _ in parts],
        "quality_known": pair.before.quality_codes is not None and pair.after.quality_codes is not None,
    }
    for change, occupied in zip(compared.traced.changes, laid.occupied, strict=True):
        verdict = triage.triage(change, occupied, compared.traced.statistics, **told)
        if isinstance(verdict, Flag):
            judged.append(Judged(triage.facts(change, occupied, compared.traced.statistics, **told), verdict))
    flags = [one.flag for one in judged]
    office.ledger.record(_inspection(pair, compared, laid, held(layers), flags), flags, SYSTEM)
    return Looked(pair, tuple(judged))


def _inspection(
    pair: Pair, compared: steps.Compared, laid: steps.Laid, layers: dict[str, list[str]], flags: Sequence[Flag]
) -> Inspection:
    """What the ledger asks to hold of a run; changes that are no flags are left out."""
    model = compared.model
    return Inspection(
        id=inspection_id(pair.before.id, pair.after.id, method=model.method, method_version=model.version,
                         settings={}, layers=layers),
        run=f"R-{pair.after.id[:8]}",
        before_id=pair.before.id,
        after_id=pair.after.id,
        method=model.method,
        method_version=model.version,
        settings={},
        layers=layers,
        season=pair.season,
        alignment={},
        detection={},
        compared_m2=compared.compared_m2,
        farmland_m2=laid.farmland.farmland_m2,
        observed_farmland_m2=laid.farmland.observed_m2,
        unseen_farmland_m2={},
        funnel=funnel((0, 0.0), (), (), flags),
        outcomes=(),
        timings_s={},
        notes=(),
    )  # fmt: skip


def _silent(_: float) -> None:
    """Nobody waits."""


def confirmed(office: Workspace) -> list[Case]:
    """All cases, after every further scene over the suspected ones was looked at."""
    by = Reader(office.catalog, office.editions.on, max_shift_px=MAX_SHIFT_PX)
    cases = office.ledger.cases()
    for case in confirm.asked(cases):
        confirm.look(office, by, cases, case)
    return office.ledger.cases()
