"""发现: what dispatch, check, split and verdict must bring. Each completes a payload or refuses it. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import shapely
from shapely.geometry import shape

from geodata.area import M2_PER_MU, mu
from geodata.days import day_of
from geodata.words import Text, both
from pipeline import confirm
from pipeline.cases import closing, evidence
from pipeline.cases.asked import Asked
from pipeline.cases.case import AREAS, Part
from pipeline.cases.rows import basic_m2
from pipeline.cases.seen import gone_since, scenes_that_saw, seen_after
from pipeline.cases.table import Status
from pipeline.plain import to_plain

SPLIT_TOLERANCE_M2 = 0.01 * M2_PER_MU
"""The identity of the areas holds to 0.01 亩 (domain: verification form)."""
WORTHLESS = {"mock_position", "older_than_change", "reused"}
"""Findings of a photo that shows nothing of this ground at this time: it is kept, and does not count."""


def dispatched(asked: Asked) -> dict[str, Any]:
    """Only what is confirmed is worth a visit: by a second scene, a clue from outside, or a person who says why."""
    case = asked.case
    if len(scenes_that_saw(case)) > 1:
        confirmed = "imagery"
    elif case.clues:
        confirmed = "clue"
    elif asked.payload.get("reason"):
        confirmed = "person"
    else:
        raise asked.refuse(
            "{number}: one scene alone has seen it; wait for a second clear one,"
            " or give reason=… why it is worth a visit."
        )
    return {**asked.payload, "confirmed_by": confirmed, "due": asked.due("check", asked.day("due_on"))}


def looked(asked: Asked) -> dict[str, Any]:
    """A look that speaks against the flag withdraws the suspicion, with its reason, unless a later scene saw the ground
    all the same; not that of a clue from outside, which people have to answer."""
    look = confirm.from_json(asked.payload["look"])
    if look.verdict not in confirm.VERDICTS:
        raise asked.refuse("{number}: {verdict} is no look.", verdict=look.verdict)
    if look.at.tzinfo is None or look.at > asked.world.at:
        raise asked.refuse("{number}: the scene's time {at} has no zone or lies in the future.", at=look.at)
    stands = asked.case.clues or seen_after(asked.case, gone_since(asked.case, asked.payload["look"]))
    if stands or look.verdict not in confirm.WITHDRAWS:
        return {**asked.payload, "to": Status.SUSPECTED.value}
    return {**asked.payload, "to": Status.DISMISSED.value, "reason": dict(look.text)}


def opened_again(asked: Asked) -> dict[str, Any]:
    return {**asked.payload, "due": asked.due("check")}


def postponed(asked: Asked) -> dict[str, Any]:
    again = asked.day("again_on")
    if again is None or again <= asked.world.today:
        raise asked.refuse(
            "{number}: the day of the next check, {day}, is not after today; give a later one.", day=again
        )
    return {**asked.payload, "again_on": again.isoformat()}


def evidence_of(asked: Asked) -> dict[str, Any]:
    """The facts read from the file, and what they say against the ground: told, never a reason to refuse.

    notes: findings of how it came (late, by a phone whose clock is off), told with the others.
    """
    item = evidence.from_json(asked.payload)
    seen = judged(asked, item)
    findings = [to_plain(finding) for finding in seen.findings] + list(asked.payload.get("notes") or ())
    return {**asked.payload, **evidence.to_json(item), "in_place": seen.in_place, "findings": findings}


def judged(asked: Asked, item: evidence.Evidence) -> evidence.Judged:
    flag = asked.case.flags[asked.case.opened_by]  # a later look at the same occupation makes no photo older
    return evidence.judge(
        item,
        asked.part.geometry if asked.payload.get("part") or len(asked.case.parts) == 1 else asked.case.geometry,
        change_after=datetime.fromisoformat(flag["before_at"]) if flag.get("before_at") else None,
        used_in=asked.world.elsewhere.get(item.sha256, ()),
    )


def split(asked: Asked) -> dict[str, Any]:
    """parts: [{"occupied": overlay.Occupied as JSON}, …]; ids are given here and never again."""
    parts = asked.payload["parts"]
    if asked.part.proceedings or asked.part.transfers:
        raise asked.refuse("{number}: a proceeding or transfer is of the whole; split before it is opened.")
    if not isinstance(parts, list) or len(parts) < 2:
        raise asked.refuse("{number}: a split needs two parts or more.")
    first = 1 + asked.case.split
    try:
        children = [{"id": str(first + n), "occupied": part["occupied"]} for n, part in enumerate(parts)]
        for name in AREAS:
            _adds_up(asked, name, asked.part.ground[name], [c["occupied"][name] for c in children])
            _all_add_up(asked, name, [c["occupied"][name] for c in children])
        for kind, (gross, _) in asked.part.ground["overlays"].items():
            _adds_up(asked, kind, gross, [c["occupied"]["overlays"].get(kind, [0.0])[0] for c in children])
    except (KeyError, TypeError):
        raise asked.refuse("{number}: each part needs its ground: occupied, with every area.") from None
    shapes = [shape(c["occupied"]["geometry"]) for c in children]
    least = min(s.area for s in shapes)
    whole = asked.part.geometry
    if shapely.area(shapely.symmetric_difference(shapely.union_all(shapes), whole)) > 1e-3 * whole.area:
        raise asked.refuse("{number}: the parts do not cover the ground that is split; cut them from it.")
    if any(shapely.area(shapely.intersection(a, b)) > 1e-3 * least for n, a in enumerate(shapes) for b in shapes[:n]):
        raise asked.refuse("{number}: two parts of the split lie over one another; cut them apart.")
    return {**asked.payload, "parts": children}


def _adds_up(asked: Asked, area: str, before: float, parts: list[float]) -> None:
    after = sum(parts)
    if abs(before - after) > SPLIT_TOLERANCE_M2 or min(parts) < 0:
        raise asked.refuse(
            "{number}: {area} is {before} mu before the split and {after} mu after it;"
            " the parts must cover the same ground.",
            area=both(area),
            before=f"{mu(before):.3f}",
            after=f"{mu(after):.3f}",
        )


def _all_add_up(asked: Asked, area: str, parts: list[float]) -> None:
    """The parts of all splits against the ground that was found: small losses do not pile up."""
    found = asked.case.flags[0]["occupied"][area]
    after = sum(parts) + sum(part.ground[area] for part in asked.case.parts if part.id != asked.part.id)
    if abs(found - after) > SPLIT_TOLERANCE_M2:
        raise asked.refuse(
            "{number}: {area} was {before} mu when it was found and {after} mu in all parts after this split;"
            " the parts must cover the same ground.",
            area=both(area),
            before=f"{mu(found):.3f}",
            after=f"{mu(after):.3f}",
        )


def _party(name: object) -> str | None:
    """One spelling for one party: full-width or not, blanks at the ends or doubled."""
    return " ".join(unicodedata.normalize("NFKC", str(name)).split()) or None if name else None


def verdict(asked: Asked) -> dict[str, Any]:
    standards, payload = asked.world.standards, asked.payload
    rule = standards.verdicts.get(str(payload["verdict"]))
    if rule is None:
        raise asked.refuse(
            "{number}: {verdict} is no verdict; known are {known}.",
            verdict=payload["verdict"],
            known=", ".join(standards.verdicts),
        )
    wrong = rule.wrong(payload)
    if wrong is not None:
        raise asked.refuse("{number}: {wrong}", wrong=wrong)
    _photos(asked, rule.photos, rule.name)
    seen = (judged(asked, evidence.from_json(item)) for item in asked.part.evidence_now)
    if rule.photo_in_place and not any(closing.shows_the_ground(photo) for photo in seen):
        raise asked.refuse(
            "{number}: {of} needs a photo from inside the part or facing it, with its time and place; none is held.",
            of=rule.name,
        )
    checked = asked.day("checked_on") or asked.world.today
    if checked > asked.world.today:
        raise asked.refuse("{number}: the day of the check, {day}, lies in the future.", day=checked)
    sent = asked.case.dispatched_at
    if sent is not None and checked < day_of(sent):
        raise asked.refuse(
            "{number}: the day of the check, {day}, is before the dispatch of {sent}.", day=checked, sent=day_of(sent)
        )
    accept = rule.leads_to == "accept"
    return {
        **payload,
        "party": _party(payload.get("party")),
        "sub": str(payload.get("sub") or ""),
        "checked_on": checked.isoformat(),
        "leads_to": rule.leads_to,
        "outcome": rule.outcome,
        "standard": {"valid_from": rule.valid_from.isoformat(), "source": rule.source, "digest": standards.digest},
        "farmland_gross_m2": asked.part.ground["farmland_gross_m2"],
        "basic_farmland_m2": basic_m2(asked.part.ground),
        "to": (Status.REPORTED if accept else Status.RECTIFYING).value,
        "due": asked.due("accept" if accept else "rectify"),
    }


def photos_held(part: Part) -> Counter[str]:
    """{shot: photos of this round that count}; those that show nothing of this ground or time do not."""
    return Counter(
        item["shot"]
        for item in part.evidence_now
        if item["kind"] == "photo" and not WORTHLESS & {f["key"] for f in item["findings"]}
    )


def _photos(asked: Asked, wanted: Mapping[str, int], of: Text) -> None:
    held = photos_held(asked.part)
    for shot, least in wanted.items():
        if held.get(shot, 0) < least:
            raise asked.refuse(
                "{number}: {of} needs {least} photos of the kind {shot}; there are {held}.",
                of=of,
                least=least,
                shot=both(closing.SHOT_NAMES[shot]),
                held=held.get(shot, 0),
            )
