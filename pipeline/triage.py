"""What a change looks like (疑似 …), how sure, how urgent, with reasons in words.

Asked in this order: is its outline seen, does it touch farmland, is it a crop's doing, is it
approved, is it recorded as facility farmland, is there enough evidence for a visit. What is left is a
flag. Each answer other than a flag is an outcome of its own, with its numbers: nothing is dropped
silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from geodata.days import BEIJING
from geodata.layers import Kind, Layer
from geodata.words import Text, both
from pipeline import wording
from pipeline.calibration import first_look
from pipeline.cases.law import Rules
from pipeline.cases.law import rules as rules_of
from pipeline.changes import BandStatistics, Change
from pipeline.flags import Flag, Reason, flag_id
from pipeline.looks import SAME_AS_RING, Looks, by_height, kind_of, look
from pipeline.overlay import Occupied
from pipeline.plain import rounded, to_plain

VERSION = "5"
"""Goes into the id of an inspection: where the rules below are changed it is raised, and a pair that was
judged by the old ones may be judged again."""

KINDS: Mapping[str, str] = {
    "construction": "suspected building",
    "hardening": "suspected hardening",
    "earthwork": "suspected earthwork",
    "road": "suspected road",
    "pond": "suspected dug pond",
    "nursery": "suspected tree nursery",
    "greenhouse": "suspected greenhouse",
    "other": "suspected other change",
}
"""key → msgid of its name; always 疑似: seen from above is a clue, never a finding."""

HIGH, MEDIUM = 0.75, 0.50
"""Confidence at and above which it is called high, medium; below: low."""

ONE_LOOK = 0.74
"""Most that a first look can give, however fine the scene: high takes a second clear look that agrees."""
FINE_M, COARSEST = 2.5, 0.74
"""Scenes coarser than the first say at most the second of what strength there can be."""
FAINT = 0.55
"""Strength below which a change between different seasons is put down to the season: few flags, and
a pair of one season will show it again if it is none of the season's. Over six computed townships (126
occupations): false flags of such pairs stay below 0.53, and from 0.65 on occupations are missed."""
UNSURE = 0.50
"""Evidence below which a change is counted as unsure and waits for a second scene, whatever its kind. Over the
same townships the false flags that it keeps back have 0.45 at most, and the best flag of the faintest
occupation 0.59; nearer to the former, for a miss is worse. In a seventh, judged after the choice, one of the
former has between 0.45 and 0.50, and up to 0.55 nothing more is missed. What is false above (fields under water
in winter, harvested or ploughed before all others) has as much evidence as works have."""
THIN_PX = 1.5
"""A narrower strip is as good as all outline: an edge that lies a little elsewhere looks the same. The townships
say nothing against 0 to 2.5."""
SUREST = {"earthwork": 0.60, "nursery": 0.45, "other": 0.45}
"""Most for kinds that a field can look like for a while."""
GRAVITY = {"construction": 1.0, "hardening": 0.9, "road": 0.8, "pond": 0.8, "earthwork": 0.8, "nursery": 0.4}
"""How hard the change is to undo; 0.3 for the kinds not named."""


def kind_name(kind: str) -> Text:
    return both(KINDS[kind])


def level(confidence: float) -> str:
    """ "high", "medium" or "low"."""
    return "high" if confidence >= HIGH else "medium" if confidence >= MEDIUM else "low"


class Seen(Protocol):
    """What triage asks of a scene; ``geodata.scene.Scene`` has it."""

    @property
    def acquired_at(self) -> datetime: ...


@dataclass(frozen=True, eq=False)
class Outcome:
    """A change that is explained and not flagged; reason: one of ``inspection.REASONS``."""

    reason: str
    change: Change
    occupied: Occupied
    text: Text

    def to_json(self) -> dict[str, Any]:
        """A row of ``Inspection.outcomes``."""
        inside = self.occupied.geometry.representative_point()
        return {
            "reason": self.reason,
            "area_m2": self.occupied.patch_m2,
            "lon": round(inside.x, 7),
            "lat": round(inside.y, 7),
            "text": dict(self.text),
            "geometry": to_plain(self.occupied.geometry),
        }


@dataclass(frozen=True, eq=False)
class Facts:
    """All that is known of one change when it is judged. season_days: days of the year apart."""

    change: Change
    occupied: Occupied
    looks: Looks
    kind: str
    evidence: float
    gsd_m: float
    before_at: datetime
    after_at: datetime
    season_days: int
    layers: Sequence[Layer]
    quality_known: bool
    rules: Rules

    @property
    def flooded(self) -> bool:
        return self.kind == "pond" and self.after_at.astimezone(BEIJING).month in self.rules.flooded_months

    def share(self, area_m2: float) -> float:
        return area_m2 / self.occupied.patch_m2 if self.occupied.patch_m2 > 0 else 0.0

    def overlay_m2(self, kind: Kind) -> float:
        return self.occupied.overlays.get(kind, (0.0, 0.0))[0]


def triage(
    change: Change,
    occupied: Occupied,
    statistics: BandStatistics,
    *,
    gsd_m: float,
    before: Seen,
    after: Seen,
    layers: Sequence[Layer] = (),
    quality_known: bool = True,
    settings_digest: str = "",
    rules: Rules | None = None,
) -> Flag | Outcome:
    """A flag, or the outcome that explains the change; the arguments are those of ``facts``.

    settings_digest: goes into the flag's id.
    """
    known = facts(change, occupied, statistics, gsd_m=gsd_m, before=before, after=after, layers=layers,
                  quality_known=quality_known, rules=rules)  # fmt: skip
    for reason, asked in _QUESTIONS:
        text = asked(known)
        if text is not None:
            return Outcome(reason, change, occupied, text)
    return _flag(known, settings_digest)


def facts(
    change: Change,
    occupied: Occupied,
    statistics: BandStatistics,
    *,
    gsd_m: float,
    before: Seen,
    after: Seen,
    layers: Sequence[Layer] = (),
    quality_known: bool = True,
    rules: Rules | None = None,
) -> Facts:
    """What the change is judged by.

    gsd_m: of the coarser scene. layers: all that were overlaid. rules: None = in force on AFTER's day.
    """
    looks = look(change.spectra, statistics, occupied.geometry, gsd_m)
    kind, evidence = kind_of(looks, gsd_m) if change.rise is None else by_height(change.rise.height_m)
    return Facts(
        change=change,
        occupied=occupied,
        looks=looks,
        kind=kind,
        evidence=evidence,
        gsd_m=gsd_m,
        before_at=before.acquired_at,
        after_at=after.acquired_at,
        season_days=season_days(before.acquired_at, after.acquired_at),
        layers=layers,
        quality_known=quality_known,
        rules=rules or rules_of(after.acquired_at.astimezone(BEIJING).date()),
    )


def season_days(one: datetime, other: datetime) -> int:
    """Days between two days of the year, whatever the years: 0 to 183."""
    apart = abs(one.timetuple().tm_yday - other.timetuple().tm_yday)
    return min(apart, 366 - apart)


def _cloud_edge(facts: Facts) -> Text | None:
    return wording.cloud_edge(facts) if facts.change.edge_unseen >= facts.rules.unseen else None


def _off_farmland(facts: Facts) -> Text | None:
    touched = max(facts.occupied.farmland_gross_m2, facts.overlay_m2(Kind.BASIC_FARMLAND))
    off = is_off_farmland(facts.occupied.patch_m2, touched, facts.looks.edge_m2, facts.rules)
    return wording.off_farmland(facts, touched) if off else None


def is_off_farmland(patch_m2: float, touched_m2: float, edge_m2: float, rules: Rules) -> bool:
    """Is so little farmland touched that it is none, or no more than the doubt of the outline?"""
    share = touched_m2 / patch_m2 if patch_m2 > 0 else 0.0
    little = touched_m2 < rules.off_m2 and share < rules.off_share
    return little or (share < rules.off_edge_share and touched_m2 < edge_m2)


def _seasonal(facts: Facts) -> Text | None:
    looks = facts.looks
    if looks.ring_moved > 0 and looks.beyond <= SAME_AS_RING * looks.moved:
        return wording.like_neighbours(facts)
    if facts.kind == "same":
        return wording.bright_before(facts)
    if facts.season_days > facts.rules.far_days:
        if facts.kind == "nursery" or facts.flooded:
            return wording.other_season(facts)
        if facts.kind != "crop" and _strength(facts) < FAINT:
            return wording.faint(facts)
    if facts.kind != "crop":
        return None
    return wording.still_green(facts) if looks.after.vegetated else wording.bare_field(facts)


def _explained(facts: Facts, kind: Kind) -> Text | None:
    found = is_explained(facts.occupied.patch_m2, facts.overlay_m2(kind), facts.looks.edge_m2, facts.rules)
    return wording.explained(facts, kind) if found else None


def is_explained(patch_m2: float, overlay_m2: float, edge_m2: float, rules: Rules) -> bool:
    """Needed: ``explained_share``, less what half a pixel along the outline can be wrong by."""
    share, edge = ((m2 / patch_m2 if patch_m2 > 0 else 0.0) for m2 in (overlay_m2, edge_m2))
    return share >= min(rules.explained_share, 1.0 - min(edge, rules.explained_edge_share))


_QUESTIONS = (
    ("cloud_edge", _cloud_edge),
    ("off_farmland", _off_farmland),
    ("seasonal", _seasonal),
    ("approved", lambda facts: _explained(facts, Kind.APPROVED)),
    ("facility", lambda facts: _explained(facts, Kind.FACILITY)),
    (
        "unsure",
        lambda facts: wording.unsure(facts, evidence_of(facts), UNSURE) if evidence_of(facts) < UNSURE else None,
    ),
)


def _flag(facts: Facts, settings_digest: str) -> Flag:
    change = replace(facts.change, geometry=rounded(facts.change.geometry))
    occupied = replace(facts.occupied, geometry=rounded(facts.occupied.geometry))
    editions: dict[str, list[str]] = {}
    for layer in facts.layers:
        held = editions.setdefault(layer.kind.value, [])
        if layer.edition not in held:
            held.append(layer.edition)
    return Flag(
        id=flag_id(change, settings_digest),
        change=change,
        occupied=occupied,
        kind=facts.kind,
        confidence=round(said(facts.kind, evidence_of(facts)), 3),
        urgency=round(_urgency(facts), 3),
        reasons=tuple(_said(wording.reasons(facts))),
        doubts=tuple(_said(wording.doubts(facts))),
        before_at=facts.before_at,
        after_at=facts.after_at,
        gsd_m=facts.gsd_m,
        layers=editions,
    )


def _said(sentences: Sequence[tuple[Text, Text]]) -> list[Reason]:
    return [Reason(dict(title), dict(text)) for title, text in sentences]


def said(kind: str, evidence: float) -> float:
    """Confidence after a first look: the probability that it is right (``calibration``), with what no look exceeds."""
    return min(ONE_LOOK, SUREST.get(kind, 1.0), first_look(evidence))


def _strength(facts: Facts) -> float:
    """The evidence times the most that one scene of this grain can say of such a kind."""
    return min(SUREST.get(facts.kind, 0.90), 0.90 if facts.gsd_m <= FINE_M else COARSEST) * evidence_of(facts)


def evidence_of(facts: Facts) -> float:
    """0.20, and up to 0.25 for the score, 0.25 for the contrast to the surroundings, 0.20 for the
    kind's own evidence, 0.10 for the size; less for what was not seen or cannot be told. 0 to 1."""
    change, looks = facts.change, facts.looks
    return _within(
        0.20
        + 0.25 * _within((change.score - 0.5) / 0.4)
        + 0.25 * _within(looks.beyond / 0.6)
        + 0.20 * facts.evidence
        + 0.10 * _within((change.area_px - 4) / 36)
        - 0.30 * change.edge_unseen
        - (0.0 if facts.quality_known else 0.08)
        - (0.10 if facts.season_days > facts.rules.far_days else 0.0)
        - (0.20 if facts.flooded else 0.0)
        - (0.20 if looks.width_m < THIN_PX * facts.gsd_m else 0.0)
    )


def _urgency(facts: Facts) -> float:
    """0.10, and up to 0.30 for permanent basic farmland, 0.35 for the area against 5/10 亩, 0.25 for the kind."""
    occupied = facts.occupied
    basic = occupied.overlays.get(Kind.BASIC_FARMLAND, (0.0, 0.0))
    return urgency_of(facts.kind, (occupied.farmland_gross_m2, occupied.farmland_net_m2), basic, facts.rules)


def urgency_of(kind: str, farmland_m2: tuple[float, float], basic_m2: tuple[float, float], rules: Rules) -> float:
    """farmland_m2, basic_m2: (gross, net) of 耕地 and of permanent basic farmland."""
    touched = _within(basic_m2[0] / max(1.0, farmland_m2[0])) if basic_m2[0] >= rules.off_m2 else 0.0
    area = _within(rules.criminal_ratio(basic_m2[1], farmland_m2[1]))
    return 0.10 + 0.30 * touched + 0.35 * area + 0.25 * GRAVITY.get(kind, 0.3)


def _within(value: float) -> float:
    return min(1.0, max(0.0, value))
