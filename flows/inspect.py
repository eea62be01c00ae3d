"""[io] Inspection: new scenes against their best earlier ones → flags on the ledger.

Correctness does not rest on the flow engine: ids are deterministic, one pair is recorded in one
transaction, and the ledger's lease keeps two runs apart. Retries are for reading and writing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.utilities.annotations import quote

from flows import steps
from flows.progress import step
from flows.report import Looked, Refused, artifacts, notes, say, summary, visits
from flows.settings import Workspace, open_workspace
from geodata.days import BEIJING, day_of
from geodata.editions import LayersOnDay
from geodata.errors import GengXunError, InputError
from geodata.words import LANGUAGES, Text, both, tr
from pipeline import detect, pairing, triage
from pipeline.cases.events import SYSTEM
from pipeline.cases.ledger import Lease, Recorded
from pipeline.flags import Flag, digest
from pipeline.inspection import Inspection, funnel, inspection_id
from pipeline.pairing import Pair
from pipeline.plain import to_plain

IO: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "retries": 2,
    "retry_delay_seconds": [1, 5],
    "retry_condition_fn": lambda task, run, state: not isinstance(state.data, GengXunError),
}
"""For a task that reads or writes: tried again, but not where the input is at fault."""
T = TypeVar("T")


def whole(value: T) -> T:
    """For a task: handed over as it is. The engine would walk through every value in it, looking for futures."""
    return cast("T", quote(value))


PURE: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}


@flow(name="inspect", persist_result=False, validate_parameters=True)
def inspect(
    workspace: Path,
    before: str | None = None,
    after: str | None = None,
    method: str | None = None,
    model: str | None = None,
) -> dict[str, Any]:
    """One pair, or every new scene against its best earlier one. Returns the document of ``inspect --json``.

    model: path of the user's own.
    """
    office = open_workspace(workspace)
    way = asked(office, method, model)
    waiting = tr("another inspection is running; waiting for it")
    with office.ledger.lease("inspect", on_wait=lambda holder: say(f"{waiting} ({holder})")) as lease:
        pairs, alone = choose(office, before, after)
        done = [look(office, pair, way, lease) for pair in pairs]
    looked, refused = [d for d in done if isinstance(d, Looked)], [d for d in done if isinstance(d, Refused)]
    return {**summary(looked, refused, alone), "visits": visits(office)}


def choose(office: Workspace, before: str | None, after: str | None) -> tuple[list[Pair], list[Text]]:
    """The pairs to look at, and what to say of scenes that have none."""
    catalog, done = office.catalog, office.ledger.done()
    if after:
        later = catalog.scene(after)
        if before:
            return [pairing.pair(catalog.scene(before), later)], []
        others = {(a, b) for a, b in done if b != later.id}
        found = [p for p in pairing.pairs(catalog.scenes(), others) if p.after.id == later.id]
        alone = [text for scene, text in pairing.alone(catalog.scenes(), others) if scene.id == later.id]
        return found, alone
    scenes = catalog.scenes()
    return pairing.pairs(scenes, done), [text for _, text in pairing.alone(scenes, done)]


@dataclass(frozen=True, eq=False)
class Way:
    """How pairs are compared. name: of a method, None = by bands and pixel size. own: the user's model. standing: it
    is that of the settings, for the pairs it fits; others are compared without it, which is said (``notes``)."""

    name: str | None
    own: detect.Brought | None = None
    standing: bool = False
    notes: tuple[Text, ...] = ()

    def without(self, error: InputError) -> Way:
        why = {lang: tr(error.msgid, lang, **error.fields) for lang in LANGUAGES}
        return Way(None, notes=(both("Compared without the model: {why}", why=why),))


def asked(office: Workspace, method: str | None, model: str | None) -> Way:
    """As said on the command line, else by the settings. Raises: InputError."""
    told = office.settings.inspect
    if model is not None:
        return Way(method, detect.brought(model))
    if told.model:
        own = detect.brought(str(office.root / told.model))
        if (method or told.method or own.name) == own.name:
            return Way(None, own, standing=True)
    return Way(method or told.method or None)


def look(office: Workspace, pair: Pair, way: Way, lease: Lease) -> Looked | Refused:
    """One pair: compare, overlay, judge, record. The same inputs as before are not computed again."""
    bands = detect.pair_bands(pair.before.bands, pair.after.bands)
    chosen, reason = detect.choose(bands.names, pair.before.gsd_m, way.name, pair.after.platform, way.own)
    day = pair.after.acquired_at.astimezone(BEIJING).date()
    layers = office.editions.on(day)
    settings = {
        "min_area_m2": office.settings.inspect.min_area_m2,
        "max_shift_px": office.settings.inspect.max_shift_px,
        "triage": triage.VERSION,
    }
    editions = held(layers)
    id = inspection_id(
        pair.before.id,
        pair.after.id,
        method=chosen.name,
        method_version=chosen.version,
        settings=settings,
        layers=editions,
    )
    known = next((i for i in office.ledger.inspections() if i.id == id), None)
    if known:
        return Looked(pair, known, already=True)
    try:
        inspection, flags = examine(office, pair, (way.own or chosen.name, reason), layers, settings, id)
    except GengXunError as error:
        if way.standing and isinstance(error, InputError):
            return look(office, pair, way.without(error), lease)
        return Refused(pair, error)
    inspection = replace(inspection, notes=(*way.notes, *inspection.notes))
    recorded = record(office, whole(inspection), whole(flags), lease)
    artifacts(recorded.inspection, pair)
    return Looked(pair, recorded.inspection, recorded.already, tuple(recorded.new), tuple(recorded.seen_again))


def held(layers: LayersOnDay) -> dict[str, list[str]]:
    """{kind: [edition, then the sha256 of each of its files]}: what a flag is judged by."""
    return {
        str(kind): [layers.editions[kind], *sorted(layer.source_sha256 for layer, _ in parts)]
        for kind, parts in layers.parts.items()
    }


def examine(
    office: Workspace,
    pair: Pair,
    method: tuple[str | detect.Brought, Text],
    layers: LayersOnDay,
    settings: Mapping[str, Any],
    id: str,
) -> tuple[Inspection, list[Flag]]:
    """The pure way from two scenes to flags, its reading steps as tasks.

    method: its name or the user's own, and why this one. Raises: GengXunError.
    """
    way, reason = method
    timings = steps.Timings()
    days = f"{day_of(pair.before.acquired_at)} → {day_of(pair.after.acquired_at)}"
    with step(f"{days} {tr('aligning')}") as progress, timings("align"):
        alignment = align_task(office, whole(pair), settings["max_shift_px"], progress)
    with step(f"{days} {tr('comparing')}") as progress, timings("detect"):
        compared = detect_task(office, whole(pair), whole(way), whole(alignment), settings["min_area_m2"], progress)
    with step(f"{days} {tr('overlaying')}") as progress, timings("overlay"):
        laid = overlay_task(whole(compared), whole(pair), whole(layers), progress)
    with timings("triage"):
        flags, outcomes = judge_task(whole(compared), whole(laid), whole(pair), whole(layers), digest(settings))
    inspection = Inspection(
        id=id,
        run=next_run(office),
        before_id=pair.before.id,
        after_id=pair.after.id,
        method=compared.model.method,
        method_version=compared.model.version,
        settings=dict(settings),
        layers=held(layers),
        season=pair.season,
        alignment=to_plain(alignment),
        detection={**compared.model.report, "method_reason": dict(reason), "tally": dict(compared.traced.tally)},
        compared_m2=compared.compared_m2,
        farmland_m2=laid.farmland.farmland_m2,
        observed_farmland_m2=laid.farmland.observed_m2,
        unseen_farmland_m2=dict(laid.farmland.unseen_m2),
        funnel=funnel(compared.traced.too_small, outcomes, (), flags),
        outcomes=tuple(outcomes),
        timings_s=timings.seconds,
        notes=(*compared.model.report.get("notes", ()), *notes(pair, alignment, layers, laid, flags)),
    )
    return inspection, flags


align_task = task(**IO)(steps.measure)
detect_task = task(**IO)(steps.compare)
overlay_task = task(**IO)(steps.lay_over)
judge_task = task(**PURE)(steps.judge)


@task(**IO)
def record(office: Workspace, inspection: Inspection, flags: list[Flag], lease: Lease) -> Recorded:
    return office.ledger.record(inspection, flags, SYSTEM, lease=lease)


def next_run(office: Workspace) -> str:
    """R-YYYYMMDD-NN: the day (Beijing) and which run of it."""
    today = f"R-{office.ledger.clock().astimezone(BEIJING):%Y%m%d}-"
    return f"{today}{sum(i.run.startswith(today) for i in office.ledger.inspections()) + 1:02d}"
