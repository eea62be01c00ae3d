"""What triage says, in both languages: each sentence with its measured numbers."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from geodata.area import mu
from geodata.days import BEIJING
from geodata.layers import Kind, Layer
from geodata.words import Text, both

if TYPE_CHECKING:
    from pipeline.changes import Rise
    from pipeline.triage import Facts

Sentence = tuple[Text, Text]
"""(title, text)."""

MOST_REASONS = 4
ONE_SCENE = "One scene only"
"""The title of a doubt that a second scene ends."""


def day(at: datetime) -> date:
    """The day in Beijing."""
    return at.astimezone(BEIJING).date()


# --- outcomes ----------------------------------------------------------------------------------


def cloud_edge(facts: Facts) -> Text:
    return both(
        "{share:.0f}% of its outline lies against cloud, shadow or nodata: where it ends was not seen; "
        "a clear image will decide.",
        share=100 * facts.change.edge_unseen,
    )


def off_farmland(facts: Facts, touched_m2: float) -> Text:
    if touched_m2 <= 0:
        return both("Touches no farmland and no permanent basic farmland.")
    return both(
        "Touches {m2:,.2f} m² of farmland, {share:.0f}% of the patch; its outline itself is uncertain "
        "by {edge:,.0f} m² at {gsd:g} m a pixel.",
        m2=touched_m2,
        share=100 * facts.share(touched_m2),
        edge=facts.looks.edge_m2,
        gsd=facts.gsd_m,
    )


def like_neighbours(facts: Facts) -> Text:
    looks = facts.looks
    return both(
        "The ground around it changed alike (by {ring:.0f}%, it by {moved:.0f}% of the image's range): a matter of the "
        "season, {days} days of the year apart.",
        ring=100 * looks.ring_moved,
        moved=100 * looks.moved,
        days=facts.season_days,
    )


def still_green(facts: Facts) -> Text:
    before, after = facts.looks.before.index or 0.0, facts.looks.after.index or 0.0
    return both(
        "Vegetated now: {index} {before:.2f} before, {after:.2f} after; another crop or another stage of it.",
        index=_index(facts),
        before=before,
        after=after,
    )


def bare_field(facts: Facts) -> Text:
    looks = facts.looks
    return both(
        "Like a field without crop: brightness {after:.0f} of 100, {ring:.0f} around it, {before:.0f} before; "
        "harvest, tillage or moisture.",
        after=100 * looks.after.bright,
        ring=100 * looks.ring_after.bright,
        before=100 * looks.before.bright,
    )


def bright_before(facts: Facts) -> Text:
    looks = facts.looks
    return both(
        "Bright before too: brightness {before:.0f} → {after:.0f} of 100, around it {ring_before:.0f} → "
        "{ring_after:.0f}; another light, nothing new.",
        before=100 * looks.before.bright,
        after=100 * looks.after.bright,
        ring_before=100 * looks.ring_before.bright,
        ring_after=100 * looks.ring_after.bright,
    )


def other_season(facts: Facts) -> Text:
    return both(
        "Green or wet as a field can be in its season, and the dates are {days} days of the year apart; "
        "a pair of one season will decide.",
        days=facts.season_days,
    )


def faint(facts: Facts) -> Text:
    return both(
        "Faint (score {score:.2f}, {px:,} pixels) between dates that are {days} days of the year apart; "
        "a pair of one season will decide.",
        score=facts.change.score,
        px=facts.change.area_px,
        days=facts.season_days,
    )


def unsure(facts: Facts, evidence: float, needed: float) -> Text:
    looks, change = facts.looks, facts.change
    return both(
        "Evidence {evidence:.0f} of 100, {needed:.0f} are needed for a flag (score {score:.2f}, {beyond:.0f}% beyond "
        "its surroundings, {px:,} pixels, {width:.1f} wide); waits for a second scene.",
        evidence=100 * evidence,
        needed=100 * needed,
        score=change.score,
        beyond=100 * looks.beyond,
        px=change.area_px,
        width=looks.width_m / facts.gsd_m,
    )


def explained(facts: Facts, kind: Kind) -> Text:
    said = {
        Kind.APPROVED: "{share:.0f}% of it lies on approved land ({labels}).",
        Kind.FACILITY: "{share:.0f}% of it lies on recorded facility farmland ({labels}).",
    }
    return both(said[kind], share=100 * facts.share(facts.overlay_m2(kind)), labels=_labels(facts, kind))


def _labels(facts: Facts, kind: Kind) -> Text:
    """The approvals' own numbers, the largest three."""
    shares = sorted((s for s in facts.occupied.shares if s.kind == kind), key=lambda s: -s.gross_m2)
    names = list(dict.fromkeys(s.label for s in shares if s.label))[:3]
    if not names:
        return both("without number")
    return {"zh": "、".join(names), "en": ", ".join(names)}


# --- reasons -----------------------------------------------------------------------------------


def reasons(facts: Facts) -> list[Sentence]:
    """At most four, the weightiest first."""
    seen = [_kind(facts), _vegetation(facts)] if facts.change.rise is None else [_rise(facts, facts.change.rise)]
    said = [_farmland(facts), _basic_farmland(facts), *seen, _detected(facts)]
    return [s for s in said if s is not None][:MOST_REASONS]


def _farmland(facts: Facts) -> Sentence:
    occupied = facts.occupied
    return both("Farmland occupied"), both(
        "Covers {m2:,.2f} m² ({mu:,.2f} mu) of farmland, {share:.0f}% of the patch; without ridges "
        "{net_m2:,.2f} m² ({net_mu:,.2f} mu).",
        m2=occupied.farmland_gross_m2,
        mu=mu(occupied.farmland_gross_m2),
        share=100 * facts.share(occupied.farmland_gross_m2),
        net_m2=occupied.farmland_net_m2,
        net_mu=mu(occupied.farmland_net_m2),
    )


def _basic_farmland(facts: Facts) -> Sentence | None:
    gross, net = facts.occupied.overlays.get(Kind.BASIC_FARMLAND, (0.0, 0.0))
    if gross <= 0:
        return None
    return both("Permanent basic farmland"), both(
        "Lies on {m2:,.2f} m² ({mu:,.2f} mu) of permanent basic farmland; {ratio:.0f}% of the area from which "
        "the criminal law speaks of a large one ({basic:g} mu of it, {other:g} mu of other farmland).",
        m2=gross,
        mu=mu(gross),
        ratio=100 * facts.rules.criminal_ratio(net, facts.occupied.farmland_net_m2),
        basic=mu(facts.rules.criminal_basic_farmland_m2),
        other=mu(facts.rules.criminal_farmland_m2),
    )


def _rise(facts: Facts, rise: Rise) -> Sentence:
    up = rise.height_m > 0
    return both("Surface rose") if up else both("Surface sank"), both(
        "Rose by {height:.1f} m (noise {noise:.2f} m) from {from_day} to {to_day}."
        if up
        else "Sank by {height:.1f} m (noise {noise:.2f} m) from {from_day} to {to_day}.",
        height=abs(rise.height_m),
        noise=rise.noise_m,
        from_day=day(facts.before_at),
        to_day=day(facts.after_at),
    )


def _kind(facts: Facts) -> Sentence | None:
    looks = facts.looks
    if facts.kind == "road":
        return both("Shape of a road"), both(
            "About {length:,.0f} m long and {width:.0f} m wide; brightness {before:.0f} → {after:.0f} of 100.",
            length=looks.length_m,
            width=looks.width_m,
            before=100 * looks.before.bright,
            after=100 * looks.after.bright,
        )
    if facts.kind == "pond":
        return both("Water now"), both(
            "Wetness (green minus infrared) {before:.0f} → {after:.0f} of 100, {ring:.0f} around it.",
            before=100 * (looks.before.wet or 0.0),
            after=100 * (looks.after.wet or 0.0),
            ring=100 * (looks.ring_after.wet or 0.0),
        )
    if facts.kind == "nursery":
        return both("Green, but not as the fields"), both(
            "Brightness {after:.0f} of 100 against {ring:.0f} around it; {rougher:.1f} times as rough as before.",
            after=100 * looks.after.bright,
            ring=100 * looks.ring_after.bright,
            rougher=looks.rougher,
        )
    title = (
        both("Bare or built up") if facts.kind in ("earthwork", "other") else both("Bright as roofs and hard ground")
    )
    return title, both(
        "Brightness {before:.0f} → {after:.0f} (0 and 100: darkest and brightest 2% of the image), "
        "{ring:.0f} around it.",
        before=100 * looks.before.bright,
        after=100 * looks.after.bright,
        ring=100 * looks.ring_after.bright,
    )


def _vegetation(facts: Facts) -> Sentence | None:
    looks = facts.looks
    before, after = looks.before.index, looks.after.index
    if before is None or after is None:
        return None
    title = both("Vegetation gone") if before - after > 0.05 else both("Vegetation")
    ring_before, ring_after = looks.ring_before.index, looks.ring_after.index
    numbers = {"index": _index(facts), "before": before, "after": after}
    numbers |= {"from_day": day(facts.before_at), "to_day": day(facts.after_at)}
    if ring_before is None or ring_after is None:
        return title, both("{index} {before:.2f} ({from_day}) → {after:.2f} ({to_day}).", **numbers)
    return title, both(
        "{index} {before:.2f} ({from_day}) → {after:.2f} ({to_day}); around it {ring_before:.2f} → {ring_after:.2f}.",
        ring_before=ring_before,
        ring_after=ring_after,
        **numbers,
    )


def _index(facts: Facts) -> Text:
    return both("NDVI") if facts.looks.infrared else both("Greenness")


def _detected(facts: Facts) -> Sentence:
    looks = facts.looks
    return both("Measured change"), both(
        "Score {score:.2f} ({method}) over {px:,} pixels of {gsd:g} m; it changed by {moved:.0f}% of the image's "
        "range, its surroundings by {ring:.0f}%.",
        score=facts.change.score,
        method=facts.change.method,
        px=facts.change.area_px,
        gsd=facts.gsd_m,
        moved=100 * looks.moved,
        ring=100 * looks.ring_moved,
    )


# --- doubts ------------------------------------------------------------------------------------


def doubts(facts: Facts) -> list[Sentence]:
    """What may be wrong."""
    said = [
        _outline(facts),
        _one_scene(facts),
        _height_alone(facts),
        _quality(facts),
        _season(facts),
        _flooded(facts),
        _small(facts),
    ]
    said += [_partly(facts, Kind.APPROVED), _partly(facts, Kind.FACILITY), _uncovered(facts), _double(facts)]
    parts = {(layer.kind, layer.edition): layer for layer in facts.layers}  # an edition may come in several files
    return [s for s in said if s is not None] + [s for layer in parts.values() for s in _edition(facts, layer)]


def _outline(facts: Facts) -> Sentence:
    return both("Outline"), both(
        "Drawn along pixels of {gsd:g} m: the area may be off by {edge:,.0f} m² ({share:.0f}%).",
        gsd=facts.gsd_m,
        edge=facts.looks.edge_m2,
        share=100 * facts.share(facts.looks.edge_m2),
    )


def _one_scene(facts: Facts) -> Sentence:
    return both(ONE_SCENE), both("Seen on {day} alone; a second clear image makes it surer.", day=day(facts.after_at))


def _height_alone(facts: Facts) -> Sentence | None:
    if facts.change.rise is None:
        return None
    return both("Height alone"), both(
        "Two surface models were compared: crops, trees and heaps rise as buildings do; an image tells what it is."
    )


def _quality(facts: Facts) -> Sentence | None:
    if facts.quality_known:
        if facts.change.edge_unseen <= 0:
            return None
        return both("Partly unseen"), both(
            "{share:.0f}% of the outline lies against pixels that were not seen.", share=100 * facts.change.edge_unseen
        )
    return both("Quality unknown"), both("The images carry no quality band: cloud and shadow were not taken out.")


def _season(facts: Facts) -> Sentence | None:
    if facts.season_days <= facts.rules.far_days:
        return None
    return both("Other season"), both(
        "The two dates are {days} days of the year apart: crops differ.", days=facts.season_days
    )


def _flooded(facts: Facts) -> Sentence | None:
    if not facts.flooded:
        return None
    return both("Paddies under water"), both(
        "In month {month} paddies stand under water too.", month=day(facts.after_at).month
    )


def _small(facts: Facts) -> Sentence | None:
    rules = facts.rules
    grown = facts.kind in ("nursery", "pond")
    least = rules.mapping_agricultural_m2 if grown else rules.mapping_construction_m2
    if facts.kind == "other":
        least = rules.mapping_other_m2
    if facts.occupied.patch_m2 >= least:
        return None
    return both("Small"), both(
        "{m2:,.2f} m² is less than the survey's smallest mapped area of {least:,.0f} m².",
        m2=facts.occupied.patch_m2,
        least=least,
    )


def _partly(facts: Facts, kind: Kind) -> Sentence | None:
    m2 = facts.overlay_m2(kind)
    if m2 < facts.rules.partial_m2:
        return None
    title = both("Partly approved") if kind == Kind.APPROVED else both("Partly facility farmland")
    return title, both(
        "{m2:,.2f} m² ({share:.0f}%) of it is covered by {labels}.",
        m2=m2,
        share=100 * facts.share(m2),
        labels=_labels(facts, kind),
    )


def _uncovered(facts: Facts) -> Sentence | None:
    m2 = facts.occupied.uncovered_m2
    if facts.share(m2) < 0.05:
        return None
    return both("Under no parcel"), both(
        "{m2:,.2f} m² ({share:.0f}%) of it lies under no parcel of the survey.", m2=m2, share=100 * facts.share(m2)
    )


def _double(facts: Facts) -> Sentence | None:
    m2 = facts.occupied.doubly_covered_m2
    if m2 < 1.0:
        return None
    return both("Parcels overlap"), both(
        "{m2:,.2f} m² lie under two parcels and were counted once, for the first.", m2=m2
    )


def _edition(facts: Facts, layer: Layer) -> list[Sentence]:
    said = {
        Kind.FARMLAND: "Farmland layer",
        Kind.BASIC_FARMLAND: "Basic farmland layer",
        Kind.APPROVED: "Approval layer",
        Kind.FACILITY: "Facility layer",
    }
    if layer.kind not in said:
        return []
    seen = day(facts.after_at)
    fields = {"layer": both(said[layer.kind]), "edition": layer.edition, "valid": layer.valid_from}
    if layer.valid_from > seen:
        return [
            (
                both("Layer newer than the image"),
                both("{layer} {edition} is valid from {valid}, after the image of {day}.", day=seen, **fields),
            )
        ]
    if (seen - layer.valid_from).days <= facts.rules.stale_days:
        return []
    return [
        (
            both("Layer older than the image"),
            both(
                "{layer} {edition} is valid from {valid}, {days:,} days before the image of {day}.",
                days=(seen - layer.valid_from).days,
                day=seen,
                **fields,
            ),
        )
    ]
