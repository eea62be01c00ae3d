"""From the ledger's values to a CasePage: what to say, in which order, with which numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from shapely.geometry.base import BaseGeometry

from geodata.days import BEIJING, day_of
from geodata.layers import Kind
from geodata.scene import Scene
from geodata.words import Text, both
from maps.case_events import happenings
from maps.case_life import Gates, next_step, part_view, stages
from maps.case_names import clue_text, joined
from maps.case_parts import Area, AreaRow, CasePage, Ground, NextStep, SceneView, Seal
from maps.chips import Chip
from maps.style import m2_text, mu_text
from maps.telling import Rules, Telling, hidden_names, taken_records
from pipeline import flags as flag_files
from pipeline import precision, triage
from pipeline.cases import seen
from pipeline.cases.case import ORDER, Case, Part
from pipeline.cases.events import Event
from pipeline.cases.rows import doubts_now
from pipeline.cases.standards import standards
from pipeline.flags import Reason
from pipeline.inspection import Inspection
from pipeline.overlay import Occupied

CLOUD_LIMIT_PCT = 50.0
"""A scene with more cloud than this over the patch stays in the strip, greyed."""

BASIC_LIMIT_M2, FARMLAND_LIMIT_M2 = 5 * 2000 / 3, 10 * 2000 / 3
"""5 亩 basic farmland, 10 亩 other farmland (domain.md 5.2); "以上" includes the number itself."""

LAYER_NAMES: Mapping[str, str] = {
    Kind.FARMLAND: "Land use parcels",
    Kind.BASIC_FARMLAND: "Basic farmland",
    Kind.DISTRICT: "Districts",
    Kind.APPROVED: "Approvals",
    Kind.FACILITY: "Facility records",
    Kind.REDLINE: "Ecological redline",
    Kind.BOUNDARY: "Boundary",
}

_SHA256 = re.compile("[0-9a-f]{64}")


def case_page(
    case: Case,
    events: Iterable[Event],
    inspections: Iterable[Inspection],
    scenes: Iterable[Scene],
    context: Sequence[tuple[BaseGeometry, str, str]],
    *,
    chips: Mapping[str, Chip],
    as_of: datetime,
    clouds: Mapping[str, float] | None = None,
    verified: Any = None,
    runs: Mapping[str, str] | None = None,
    rules: Rules = standards,
    gates: Gates | None = None,
    named: bool = False,
    lived: Mapping[str, Any] | None = None,
) -> CasePage:
    """The page of ``case``.

    events: of this case, any order. inspections: those that saw it. scenes: all that cover the
    place. context: what lies around, (geometry EPSG:4490, label, kind) with kind a
    ``geodata.layers.Kind``: FARMLAND for parcels of any land use (label "0101 水田"),
    BASIC_FARMLAND, others. chips: {scene id: Chip}; a scene without one is shown greyed.
    clouds: {scene id: per cent of the patch under cloud}. verified: ``ledger.Verified``.
    runs: {inspection id: href of its page from the language's root}. rules: what is in force on a day.
    gates: of a part that waits for acceptance (``Ledger.gates``); None shows none before the closing.
    named: inside the office, persons and parties are named. lived: of ``precision.lived``; None: nothing verified.
    """
    first = flag_files.from_json(case.flags[0])
    told = tuple(sorted(events, key=lambda event: -event.seq))
    seen_by = {one.id: one for one in inspections}
    founding = next((seen_by[id_] for id_ in map(_inspection_id, reversed(told)) if id_ in seen_by), None)
    sure = seen.confidence(case)
    hidden = frozenset[str]() if named else hidden_names(told)
    clock_back = frozenset(getattr(verified, "clock_back", ()) or ())
    telling = Telling(rules, seen_by, runs or {}, hidden, clock_back, named, taken_records(told))
    return CasePage(
        number=case.number,
        status=case.status,
        kind=kind_text(first.kind),
        place=tuple(name for name in (case.district_name, case.township_name, case.village_name) if name),
        batch=founding.run if founding else "",
        geometry=case.geometry,
        ground=tuple(_ground(*one) for one in context),
        scenes=_scenes(scenes, chips, clouds or {}, (first.change.before_id, first.change.after_id)),
        before_id=first.change.before_id,
        after_id=first.change.after_id,
        confidence=sure,
        confidence_word=both(triage.level(sure)),
        marks=(triage.MEDIUM, triage.HIGH),
        reasons=first.reasons[:4],
        doubts=_doubts(case, first.doubts),
        precision=_precision(case, lived),
        area=area(first.occupied),
        stages=stages(case, told),
        next=_next(case, telling, as_of),
        happenings=happenings(told, telling),
        seal=_seal(verified, as_of),
        layers=layer_names(first.layers or (founding.layers if founding else {})),
        as_of=as_of,
        relapses=case.relapses,
        confirmed=_dates(case) - 1,
        parts=tuple(part_view(case, part, telling, as_of, _dates(case), gates) for part in case.parts),
        began=((case.dated or {}).get("interval") or {}).get("text"),
        clues=tuple(clue_text(clue) for clue in case.clues),
        settled=_settled(case),
        looked=_looked(case),
    )


def layer_names(layers: Mapping[str, Iterable[str]]) -> tuple[tuple[Text, str], ...]:
    """(kind's name, editions) of ``Inspection.layers``; the hashes of the files stay in the ledger."""
    found = []
    for kind, editions in layers.items():
        named = [str(one) for one in editions if not _SHA256.fullmatch(str(one))]
        found.append((both(LAYER_NAMES.get(kind, str(kind))), "、".join(named)))
    return tuple(found)


def area(occupied: Occupied) -> Area:
    """The area table of a patch: terms, sum, overlays, and what is said below."""
    o = occupied
    codes: dict[str, list[str]] = {}
    for share in o.shares:
        if share.kind == Kind.FARMLAND and share.code.startswith("01") and share.code not in codes.setdefault("01", []):
            codes["01"].append(share.code)
    rows = (
        AreaRow("farmland", both("Farmland"), " ".join(codes.get("01", ())), o.farmland_gross_m2, o.farmland_net_m2),
        AreaRow("other_agricultural", both("Other agricultural"), "", o.other_agricultural_m2, None),
        AreaRow("unused", both("Unused land"), "", o.unused_m2, None),
        AreaRow("construction", both("Construction land"), "", o.construction_m2, None),
        AreaRow("uncovered", both("Under no parcel"), "", o.uncovered_m2, None),
    )
    names = {Kind.BASIC_FARMLAND: "Overlay: basic farmland", Kind.REDLINE: "Overlay: ecological redline"}
    overlays = tuple(
        AreaRow(kind.value.lower(), both(name), "", *o.overlays[kind])
        for kind, name in names.items()
        if kind in o.overlays and o.overlays[kind][0] > 0
    )
    return Area(rows, o.patch_m2, overlays, o.doubly_covered_m2, _area_notes(o))


def _area_notes(o: Occupied) -> tuple[Text, ...]:
    notes: list[Text] = []
    basic = o.overlays.get(Kind.BASIC_FARMLAND, (0.0, 0.0))[1]
    if basic > 0:
        notes.append(both("Basic farmland is an overlay and no term of the sum."))
    ridges = sorted({share.kcxs for share in o.shares if share.kind == Kind.FARMLAND and share.kcxs > 0})
    if len(ridges) == 1:
        notes.append(both("Net = gross × (1 − ridge coefficient {kcxs}).", kcxs=f"{ridges[0]:.4f}"))
    elif ridges:
        notes.append(both("Net = gross × (1 − ridge coefficient of each parcel)."))
    if o.doubly_covered_m2 > 0:
        notes.append(both("{area} m² lie under two parcels and count once.", area=m2_text(o.doubly_covered_m2)))
    notes.append(_distance(basic, BASIC_LIMIT_M2, "Basic farmland", 5))
    notes.append(_distance(o.farmland_net_m2, FARMLAND_LIMIT_M2, "Farmland", 10))
    return tuple(notes)


def _distance(net_m2: float, limit_m2: float, name: str, mu: int) -> Text:
    if net_m2 <= 0:
        return both("{name}: none.", name=both(name))
    fields = {"name": both(name), "net": mu_text(net_m2), "mu": mu}
    if net_m2 >= limit_m2:
        return both("{name} net {net} mu: reaches the line of {mu} mu.", **fields)
    return both("{name} net {net} mu: {short} mu short of the line of {mu} mu.", short=_short(mu, net_m2), **fields)


def _short(mu: int, net_m2: float) -> str:
    """What is missing, as the difference of the two figures that stand beside it."""
    return f"{mu - float(mu_text(net_m2).replace(',', '')):.2f}"


def kind_text(kind: str) -> Text:
    """疑似 …; a kind of another version is shown by its key."""
    return triage.kind_name(kind) if kind in triage.KINDS else both(kind)


def _ground(geometry: BaseGeometry, label: str, kind: str) -> Ground:
    return Ground(
        geometry, label, {Kind.FARMLAND: "parcel", Kind.BASIC_FARMLAND: "basic_farmland"}.get(Kind(kind), "other")
    )


def _scenes(
    scenes: Iterable[Scene], chips: Mapping[str, Chip], clouds: Mapping[str, float], pair: tuple[str, str]
) -> tuple[SceneView, ...]:
    views = [_view(scene, chips.get(scene.id), clouds.get(scene.id), scene.id in pair) for scene in scenes]
    return tuple(sorted(views, key=lambda view: (view.day, view.id)))


def _view(scene: Scene, chip: Chip | None, cloud: float | None, compared: bool) -> SceneView:
    unusable = None
    if chip is None:
        unusable = both("no picture held")
    elif cloud is not None and cloud > CLOUD_LIMIT_PCT and not compared:
        unusable = both("cloud {cloud}%, not usable", cloud=f"{cloud:.0f}")
    day = scene.acquired_at.astimezone(BEIJING).date()
    return SceneView(scene.id, scene.platform, day, scene.gsd_m, cloud, chip, unusable)


def _seal(verified: Any, as_of: datetime) -> Seal | None:
    """A check that was kept says when it was made; one that does not was made for this page."""
    if verified is None:
        return None
    at = getattr(verified, "at", None) or as_of
    return Seal(bool(verified.ok), int(verified.events), verified.first_bad, str(verified.head or ""), at)


def _precision(case: Case, lived: Mapping[str, Any] | None) -> tuple[Text, ...]:
    """Of flags of its kind; of its method and its district only where enough of them were verified."""
    flag, told = case.flags[0], lived or precision.lived(())
    kind = precision.of(told, "kind", flag["kind"])
    method = precision.of(told, "method", flag["change"]["method"])
    district = precision.of(told, "district", case.district_code)
    found = [both("Flags of this kind: {said}.", said=precision.shown(kind))]
    if method["value"] is not None:
        found.append(both("Flags by {name}: {said}.", name=method["name"], said=precision.shown(method)))
    if district["value"] is not None:
        found.append(both("Flags in {name}: {said}.", name=district["name"], said=precision.shown(district)))
    return tuple(found)


def _doubts(case: Case, told: Sequence[Reason]) -> tuple[Reason, ...]:
    """Those of the flag that founded it that still hold."""
    hold = {doubt["title"]["en"] for doubt in doubts_now(case)}
    return tuple(doubt for doubt in told if doubt.title["en"] in hold)


def _settled(case: Case) -> tuple[Text, ...]:
    """That it rests on one scene alone, where a later scene or the ground has answered it; the doubt itself goes."""
    ended = {doubt["title"]["en"]: doubt["title"] for doubt in case.flags[0]["doubts"]}
    for doubt in doubts_now(case):
        ended.pop(doubt["title"]["en"], None)
    days = seen.days_seen_again(case)
    checked = next((part.verdict for part in case.parts if part.verdict), None)
    if days:
        why = both("seen again on {days}", days=joined([{"zh": str(day), "en": str(day)} for day in days]))
    else:
        day = day_of(datetime.fromisoformat(checked["at"])) if checked else ""
        why = both("checked on the ground on {day}", day=(checked or {}).get("checked_on") or day)
    return tuple(both("{doubt}: holds no longer, {why}", doubt=title, why=why) for title in ended.values())


def _looked(case: Case) -> tuple[Text, ...]:
    """How many further scenes were looked at, and which of them withdrew the suspicion."""
    looks, gone = seen.looks(case), (case.dismissed or {}).get("look")
    told = both("looked at in {n} further scenes: {agrees} agree, {unclear} cannot tell", n=looks.total(), **looks)
    withdrawn = gone and both(
        "withdrawn by the scene of {day}: {text}", day=day_of(datetime.fromisoformat(gone["at"])), text=gone["text"]
    )
    return (*([told] if looks.total() else []), *([withdrawn] if withdrawn else []))


def _next(case: Case, telling: Telling, as_of: datetime) -> NextStep:
    """Of the part that is due first; of one that stands still open; else of the least advanced."""
    part = min(case.parts, key=lambda one: (_urgency(one), ORDER.index(one.status)))
    found = next_step(case, part, telling, as_of, _dates(case))
    if not part.id:
        return found
    title = both("Part {part}: {title}", part=part.id, title=found.title)
    return NextStep(title, found.rows, found.open, found.overdue)


def _urgency(part: Part) -> tuple[bool, str]:
    due = part.due if part.due and not part.paused_on else None
    return (due is None, due["on"] if due else date.max.isoformat())


def _dates(case: Case) -> int:
    """In how many later scenes it was seen; two flags of one scene are one, clues from outside name none."""
    return len(seen.scenes_that_saw(case))


def _inspection_id(event: Event) -> str:
    return str(event.payload.get("inspection", ""))
