"""From an Inspection to a RunPage: numbers that add up, and what to do next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from geodata.days import BEIJING
from geodata.layers import Kind
from geodata.scene import Scene
from geodata.words import Text, both
from maps.case_story import kind_text, layer_names
from maps.chips import Chip
from maps.run_parts import Alignment, Explained, FlagCard, FunnelRow, RunPage, RunScene, Tie, TownshipRow
from maps.style import UNSEEN, m2_text, mu_text
from pipeline import triage
from pipeline.flags import Flag
from pipeline.inspection import Inspection, Step
from pipeline.plain import to_plain

TIES = 96
SEASON_DAYS = 30
"""Days of the year apart up to which two dates are called the same season."""
CLEAR_ENOUGH = 0.7
"""Share of farmland seen below which a run without flags says little."""

MARKS: Mapping[str, tuple[str, str]] = {
    "construction": ("建", "building"),
    "hardening": ("硬", "hardened"),
    "earthwork": ("土", "earthwork"),
    "road": ("路", "road"),
    "pond": ("塘", "pond"),
    "nursery": ("苗", "nursery"),
    "greenhouse": ("棚", "greenhouse"),
    "other": ("他", "other"),
}

_STEPS: Mapping[str, tuple[str, str]] = {
    "changes": ("Changed patches", "all that the method found"),
    "too_small": ("too small", "below the minimum area of the ground sampling distance"),
    "cloud_edge": ("cloud edge", "its outline touches cloud, shadow or missing pixels"),
    "off_farmland": ("off farmland", "no overlap with farmland"),
    "seasonal": ("seasonal", "crop or bare field of another day of the year"),
    "approved": ("approved", "covered by an approval"),
    "facility": ("facility on record", "covered by a facility record"),
    "unsure": ("unsure", "too little evidence for a visit; waits for a second scene"),
    "seen_again": ("joined a known case", "seen again, under the number it has"),
    "new": ("New cases", ""),
}

_TIMINGS: Mapping[str, str] = {
    "read": "reading and quality",
    "quality": "reading and quality",
    "align": "alignment",
    "harmonise": "radiometric harmonisation",
    "detect": "change detection",
    "trace": "tracing patches",
    "overlay": "overlay with layers",
    "triage": "triage and matching",
    "record": "recording",
    "publish": "publishing pages",
}


def run_page(
    inspection: Inspection,
    scenes: Mapping[str, Scene],
    flags: Sequence[Flag],
    *,
    numbers: Mapping[str, str],
    chips: Mapping[str, tuple[Chip | None, Chip | None]],
    as_of: datetime,
    place: str = "",
    finished_at: datetime | None = None,
    thumbs: Mapping[str, str] | None = None,
    version: str = "",
) -> RunPage:
    """The report of ``inspection``.

    scenes: {id: Scene} of before and after. flags: those it raised, new and seen again, in the
    order of their events.
    numbers: {flag id: case number}. chips: {flag id: (before, after)}. thumbs: {scene id: href of a
    picture of the whole scene, from the site's root}. finished_at: of its event. version: of the software.
    """
    again = _again(inspection, flags, numbers)
    ranked = sorted(flags, key=lambda flag: (flag.id in again, -flag.confidence, flag.id))
    fresh = [flag for flag in ranked if flag.id not in again]
    before, after = (
        _scene(id_, scenes, inspection, thumbs or {}) for id_ in (inspection.before_id, inspection.after_id)
    )
    return RunPage(
        id=inspection.id,
        run=inspection.run,
        json_href=f"{inspection.id}.json",
        place=place,
        finished_at=finished_at,
        duration_s=sum(inspection.timings_s.values()),
        method=f"{inspection.method} {inspection.method_version}".strip(),
        method_reason=inspection.detection.get("method_reason"),
        version=version,
        before=before,
        after=after,
        season=_season(inspection, before, after),
        alignment=_alignment(inspection, scenes.get(inspection.before_id)),
        compared_m2=inspection.compared_m2,
        farmland_m2=inspection.farmland_m2,
        observed_m2=inspection.observed_farmland_m2,
        unseen_m2=_unseen(inspection),
        funnel=tuple(_row(step, inspection, fresh) for step in inspection.funnel),
        townships=_townships(fresh),
        flags=tuple(_card(flag, numbers, chips, again, inspection.cases_relapsed) for flag in ranked),
        explained=_explained(inspection),
        timings_s=tuple((both(_TIMINGS.get(name, name)), seconds) for name, seconds in inspection.timings_s.items()),
        notes=inspection.notes,
        layers=layer_names(inspection.layers),
        as_of=as_of,
        why_none=() if flags else why_none(inspection),
        settings=inspection.settings,
    )


def _again(inspection: Inspection, flags: Sequence[Flag], numbers: Mapping[str, str]) -> set[str]:
    """Ids of the flags that joined a case: one that was there, or one that this run had just founded."""
    founded: set[str] = set(inspection.cases_seen_again) - set(inspection.cases_new)
    found = set()
    for flag in flags:
        number = numbers.get(flag.id, "")
        if number and number in founded:
            found.add(flag.id)
        founded.add(number)
    return found


def _scene(id_: str, scenes: Mapping[str, Scene], inspection: Inspection, thumbs: Mapping[str, str]) -> RunScene:
    scene = scenes.get(id_)
    if scene is None:  # removed since; the record keeps its id
        return RunScene(id_, "", id_, None, None, None, thumbs.get(id_))
    name = next(iter(scene.provenance), id_)
    day = scene.acquired_at.astimezone(BEIJING).date()
    return RunScene(id_, scene.platform, name, day, scene.gsd_m, scene.cloud_cover, thumbs.get(id_))


def _season(inspection: Inspection, before: RunScene, after: RunScene) -> tuple[bool, Text]:
    """(same season, sentence). The pairing's own sentence where it gave one."""
    said, apart = inspection.season.get("text"), inspection.season.get("season_days")
    if apart is None and before.day and after.day:
        between = abs((after.day - before.day).days) % 365
        apart = min(between, 365 - between)
    if apart is None:
        return False, both("Season match unknown.")
    same = int(apart) <= SEASON_DAYS
    if said:
        return same, said
    gap = inspection.season.get("gap_days", abs((after.day - before.day).days) if before.day and after.day else "?")
    if same:
        return same, both("Same season: {gap} days apart, {days} days of the year apart.", gap=gap, days=apart)
    return same, both("Another season: {days} days of the year apart; crops may look like change.", days=apart)


def _alignment(inspection: Inspection, before: Scene | None) -> Alignment | None:
    told = inspection.alignment
    if not told:
        return None
    points = [point for point in told.get("tie_points") or () if point.get("used", True)]
    tried = len(told.get("tie_points") or ())
    moved = told.get("measured_px") or (0.0, 0.0)
    if told.get("state") != "shifted":
        moved = (0.0, 0.0)
    # a scene that was removed, or replaced by a smaller one, still leaves its points inside the box
    rows, columns = (before.geobox.shape.y, before.geobox.shape.x) if before is not None else (1, 1)
    rows = max(rows, *(point["y"] for point in points)) if points else rows
    columns = max(columns, *(point["x"] for point in points)) if points else columns
    ties = tuple(
        Tie(
            x=point["x"] / columns,
            y=point["y"] / rows,
            before=(point["dx"], point["dy"]),
            after=(point["dx"] - moved[0], point["dy"] - moved[1]),
        )
        for point in points[:: max(1, -(-len(points) // TIES))]
    )
    return Alignment(
        state=str(told.get("state", "")),
        before_px=float(told.get("before_px") or 0.0),
        after_px=float(told.get("residual_px") or 0.0),
        before_m=float(told.get("before_m") or 0.0),
        after_m=float(told.get("residual_m") or 0.0),
        ties=ties,
        used=len(points),
        tried=tried,
    )


def _unseen(inspection: Inspection) -> tuple[tuple[Text, float], ...]:
    """Farmland not seen on both dates, by reason; what no reason explains is a term of its own."""
    found = [(UNSEEN.get(key, both(key)), m2) for key, m2 in inspection.unseen_farmland_m2.items() if m2 > 0]
    rest = inspection.farmland_m2 - inspection.observed_farmland_m2 - sum(m2 for _, m2 in found)
    if rest > max(1.0, inspection.farmland_m2 * 1e-6):
        found.append((both("other reasons"), rest))
    return tuple(found)


def _row(step: Step, inspection: Inspection, fresh: Sequence[Flag]) -> FunnelRow:
    name, note = _STEPS.get(step.reason, (step.reason, ""))
    said = both(note) if note else both("")
    least = inspection.settings.get("min_area_m2")
    if step.reason == "too_small" and least:
        said = both("below {area} m², as set", area=m2_text(float(least)))
    elif step.reason == "new":
        sure = sum(triage.level(flag.confidence) != "low" for flag in fresh)
        said = both(
            "confidence medium or more {sure} · low {rest}; high takes a second date",
            sure=sure,
            rest=step.count - sure,
        )
    elif step.reason in ("approved", "facility") and step.count:
        said = both("{note}; listed below", note=both(note))
    return FunnelRow(step.reason, both(name), step.count, step.area_m2, said)


def _townships(fresh: Sequence[Flag]) -> tuple[TownshipRow, ...]:
    groups: dict[str, list[Flag]] = defaultdict(list)
    for flag in fresh:
        place = flag.occupied
        groups[place.township_name or place.township_code or place.district_name or place.district_code].append(flag)
    rows = [
        TownshipRow(
            name,
            len(found),
            sum(flag.occupied.patch_m2 for flag in found),
            sum(flag.occupied.overlays.get(Kind.BASIC_FARMLAND, (0.0, 0.0))[0] for flag in found),
            sum(triage.level(flag.confidence) != "low" for flag in found),
        )
        for name, found in groups.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.count, row.name)))


def _card(
    flag: Flag,
    numbers: Mapping[str, str],
    chips: Mapping[str, tuple[Chip | None, Chip | None]],
    again: set[str],
    relapsed: Collection[str],
) -> FlagCard:
    number = numbers.get(flag.id, "")
    before, after = chips.get(flag.id, (None, None))
    zh, en = MARKS.get(flag.kind, (flag.kind, flag.kind))
    return FlagCard(
        number=number,
        href=f"case/{number}.html" if number else "",
        before=before.thumb if before else None,
        after=after.thumb if after else None,
        kind=kind_text(flag.kind),
        mark={"zh": zh, "en": en},
        confidence=flag.confidence,
        patch_m2=flag.occupied.patch_m2,
        fresh=flag.id not in again,
        relapsed=number in relapsed,
    )


def _explained(inspection: Inspection) -> tuple[Explained, ...]:
    """What approvals and facility records explain, largest first: outcomes of their own, not silence."""
    rows = [one for one in inspection.outcomes if one.get("reason") in ("approved", "facility")]
    rows.sort(key=lambda one: -(one.get("area_m2") or 0.0))
    return tuple(
        Explained(
            both(_STEPS[one["reason"]][0]),
            one.get("text") or both(""),
            float(one.get("area_m2") or 0.0),
            float(one.get("lon") or 0.0),
            float(one.get("lat") or 0.0),
        )
        for one in rows
    )


def why_none(inspection: Inspection) -> tuple[Text, ...]:
    """Why there is no flag, in numbers, and what to do next."""
    seen, farmland = inspection.observed_farmland_m2, inspection.farmland_m2
    share = seen / farmland if farmland else 0.0
    steps = {step.reason: step for step in inspection.funnel}
    changes = steps["changes"].count if "changes" in steps else 0
    found: list[Text] = [
        both(
            "Compared {km2} km²; of {farmland} mu of farmland under it {seen} mu ({share}%) were seen on both dates.",
            km2=f"{inspection.compared_m2 / 1e6:,.2f}",
            farmland=mu_text(farmland),
            seen=mu_text(seen),
            share=f"{100 * share:.1f}",
        )
    ]
    if changes:
        filtered = [step for step in inspection.funnel if step.count and step.reason != "changes"]
        zh, en = (
            separator.join(f"{both(_STEPS.get(s.reason, (s.reason, ''))[0])[lang]} {s.count:,}" for s in filtered)
            for lang, separator in (("zh", "、"), ("en", ", "))
        )
        where: Text = {"zh": zh, "en": en}
        found.append(both("{n} changed patches, all accounted for: {where}.", n=f"{changes:,}", where=where))
    else:
        found.append(both("No changed patch was found."))
    found.append(_advice(farmland, share, changes))
    return tuple(found)


def _advice(farmland_m2: float, share: float, changes: int) -> Text:
    if farmland_m2 <= 0:
        return both("Next: no farmland lies under this pair; add its FARMLAND layer, or check where the scenes lie.")
    if share < CLEAR_ENOUGH:
        return both("Next: too little was seen; inspect again with a clearer scene. Not observed is not unchanged.")
    if changes:
        return both("Next: nothing to dispatch; a lower min_area_m2 in gengxun.toml shows smaller patches.")
    return both("Next: nothing to dispatch; the next scene is inspected when it arrives.")


def plain(page: RunPage) -> dict[str, Any]:
    """All that the page says, as JSON values."""
    return {**to_plain(page), "adds_up": page.adds_up}
