"""What must be shown before 销号: one gate a demand, each with what was measured and what is missing."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from geodata.days import BEIJING
from geodata.words import Text, both
from pipeline.cases.rules import ClosingRule

if TYPE_CHECKING:
    from pipeline.cases.evidence import Judged
    from pipeline.recheck import Recheck

SPOILED = ("reused", "mock_position", "no_time", "clock_doubt", "edited", "older_than_change")
"""Findings of a photo that prove nothing about this ground at that time: such a photo is shown, but does not count."""
SHOT_NAMES = {
    "overview": "overview photo",
    "close": "close-up photo",
    "corner": "corner photo",
    "inside": "photo of the inside",
    "after": "photo after rectification",
    "other": "other photo",
}


@dataclass(frozen=True)
class Gate:
    """``met``: None where this kind of rectification does not ask for it; ``value``: what was measured."""

    key: str
    name: Text
    met: bool | None
    value: Text
    missing: Text | None


def gates(
    rule: ClosingRule,
    *,
    reported_at: datetime | None,
    photos: Sequence[Judged],
    rechecks: Sequence[Recheck],
    documents: Collection[str],
    reporter: str | None,
    doers: Collection[str],
    by: str | None,
    hands: Collection[str] = (),
    scenes: Mapping[str, Text] | None = None,
) -> tuple[Gate, ...]:
    """The gates of one part, in the order in which they are shown.

    ``photos``, ``rechecks``: all of the part. ``documents``: keys of the documents at hand. ``doers``: who checked,
    ordered or rectified; ``hands``: those of them through whose link or loading something came. ``by``: who would
    accept; None while nobody does. ``scenes``: what a scene is called.
    """
    later = _later(rechecks, reported_at)
    return (
        _reported(reported_at, reporter),
        _photos(rule, photos, reported_at),
        _in_place(rule, photos, reported_at),
        _imagery(rule, later, reported_at, scenes or {}),
        _residue(rule, later),
        _documents(rule, documents),
        _second_person(reported_at, reporter, doers, by, hands),
    )


def refusal(gates: Sequence[Gate]) -> Text | None:
    """Why it cannot be closed, all that is missing in one sentence; None where every gate that applies is met."""
    missing = [gate.missing or gate.name for gate in gates if gate.met is False]
    if not missing:
        return None
    return both("Cannot close: {missing}.", missing=_joined(missing, "；", "; "))


# --- the gates -----------------------------------------------------------------------------------


def _reported(reported_at: datetime | None, reporter: str | None) -> Gate:
    name = both("Reported for acceptance")
    if reported_at is None:
        return Gate("reported", name, False, both("not reported"), both("the rectification is not reported yet"))
    value = both("{day} by {reporter}", day=_day(reported_at), reporter=reporter or "?")
    return Gate("reported", name, True, value, None)


def _counts(photo: Judged, reported_at: datetime | None) -> bool:
    """A photo of the ground put right is one taken after the report."""
    if photo.evidence.kind != "photo" or _spoiled(photo):
        return False
    taken = photo.evidence.taken_at
    return photo.evidence.shot != "after" or (reported_at is not None and taken is not None and taken > reported_at)


def _photos(rule: ClosingRule, photos: Sequence[Judged], reported_at: datetime | None) -> Gate:
    name = both("Photos")
    wanted = {shot: n for shot, n in rule.photos.items() if n > 0}
    if not wanted:
        return Gate("photos", name, None, both("not asked for"), None)
    taken = {p.evidence.sha256: p.evidence.shot for p in photos if _counts(p, reported_at)}
    have = {shot: sum(one == shot for one in taken.values()) for shot in wanted}
    value = [both("{shot} {have} of {n}", shot=_shot(shot), have=have[shot], n=n) for shot, n in wanted.items()]
    short = [
        both("photos missing: {n} ({shot})", n=n - have[shot], shot=_shot(shot))
        for shot, n in wanted.items()
        if have[shot] < n
    ]
    return Gate("photos", name, not short, _listed(value), _listed(short) if short else None)


def _in_place(rule: ClosingRule, photos: Sequence[Judged], reported_at: datetime | None) -> Gate:
    name = both("Photo from inside or facing, after the report" if rule.after_report else "Photo from inside or facing")
    if not rule.photo_in_place:
        return Gate("photo_in_place", name, None, both("not asked for"), None)
    good, out = [], {"before": 0, "place": 0, "doubt": 0}
    for photo in photos:
        if photo.evidence.kind != "photo":
            continue
        taken = photo.evidence.taken_at
        if _spoiled(photo) or taken is None:
            out["doubt"] += 1
        elif rule.after_report and (reported_at is None or taken <= reported_at):
            out["before"] += 1
        elif not photo.in_place:
            out["place"] += 1
        else:
            good.append((taken, photo))
    if good:
        taken, photo = max(good, key=lambda one: one[0])
        found = _listed([f.text for f in photo.findings])
        value = both(
            "photo {photo} of {day}: {found}",
            photo=photo.evidence.sha256[:8],
            day=_day(taken, reported_at),
            found=found,
        )
        return Gate("photo_in_place", name, True, value, None)
    value = both(
        "of {n} photos {before} not after the report, {place} neither inside nor facing, {doubt} in doubt",
        n=sum(out.values()),
        **out,
    )
    missing = both("a photo from inside the part or facing it, taken after the report, is missing")
    if not rule.after_report:
        value = both("of {n} photos {place} neither inside nor facing, {doubt} in doubt", n=sum(out.values()), **out)
        missing = both("a photo from inside the part or facing it is missing")
    return Gate("photo_in_place", name, False, value, missing)


def _imagery(
    rule: ClosingRule, later: Sequence[Recheck], reported_at: datetime | None, scenes: Mapping[str, Text]
) -> Gate:
    if not rule.clear_scenes and not rule.flights:
        return Gate("imagery", both("Later imagery"), None, both("not asked for"), None)
    name = _imagery_name(rule)
    agree = _agreeing(later)
    images, flights = _dates([r for r in agree if not r.flight]), _dates([r for r in agree if r.flight])
    met = 0 < rule.clear_scenes <= len(images) or 0 < rule.flights <= len(flights)
    counted = _listed([_scene(r, reported_at, scenes) for r in (*images, *flights)])
    clear = [r for r in later if r.verdict != "cannot_tell"]
    said = agree or clear[-1:]
    unclear = len(later) - len(clear)
    value = [both("{scene}: {text}", scene=_scene(r, reported_at, scenes), text=r.text) for r in said]
    if unclear or not value:
        value.append(both("{n} later scenes, {unclear} cannot tell", n=len(later), unclear=unclear))
    missing = None
    if clear and clear[-1].verdict == "not_restored":
        missing = both("{scene} shows that it is not restored", scene=_scene(clear[-1], reported_at, scenes))
    elif not met and not rule.clear_scenes:
        missing = both("drone flights missing: {n}", n=rule.flights - len(flights))
    elif not met and not (images or flights):
        missing = both("clear scenes missing: {n}", n=rule.clear_scenes)
    elif not met:
        missing = both("clear scenes missing: {n} (so far {scenes})", n=rule.clear_scenes - len(images), scenes=counted)
    return Gate("imagery", name, met, _joined(value, "；", "; "), missing)


def _imagery_name(rule: ClosingRule) -> Text:
    if not rule.flights:
        return both("Later imagery (clear scenes: {n})", n=rule.clear_scenes)
    if not rule.clear_scenes:
        return both("Later imagery (drone flights: {n})", n=rule.flights)
    return both(
        "Later imagery (clear scenes: {n}, or drone flights: {flights})", n=rule.clear_scenes, flights=rule.flights
    )


def _residue(rule: ClosingRule, later: Sequence[Recheck]) -> Gate:
    name = both("What is left of it")
    measured = [r for r in later if r.verdict != "cannot_tell" and "residue_m2" in r.figures]
    if not rule.clear_scenes and not rule.flights:
        return Gate("residue", name, None, both("not asked for"), None)
    if not measured:
        return Gate("residue", name, None, both("not measured"), None)
    left = measured[-1].figures["residue_m2"]
    value = both("{left:,.1f} m², {most:,.1f} m² allowed", left=left, most=rule.residue_m2)
    if left <= rule.residue_m2:  # not a number is not met
        return Gate("residue", name, True, value, None)
    missing = both("{left:,.1f} m² of it are left, {most:,.1f} m² allowed", left=left, most=rule.residue_m2)
    return Gate("residue", name, False, value, missing)


def _documents(rule: ClosingRule, documents: Collection[str]) -> Gate:
    name = both("Documents")
    if not rule.documents:
        return Gate("documents", name, None, both("not asked for"), None)
    have = [_paper(rule, key) for key in rule.documents if key in documents]
    lacking = [_paper(rule, key) for key in rule.documents if key not in documents]
    value = _joined(have, "、", ", ") if have else both("none")
    missing = both("documents missing: {names}", names=_joined(lacking, "、", ", ")) if lacking else None
    return Gate("documents", name, not lacking, value, missing)


def _second_person(
    reported_at: datetime | None, reporter: str | None, doers: Collection[str], by: str | None, hands: Collection[str]
) -> Gate:
    name = both("Accepted by a second person")
    if not by or not person(by):
        return Gate("second_person", name, False, both("nobody yet"), both("a second person has to accept"))
    value = both("{by} accepts, {reporter} reported", by=by, reporter=reporter or "?")
    if not reporter or not person(reporter) or reported_at is None:
        return Gate("second_person", name, False, value, both("who reported is not known"))
    if person(by) in {person(one) for one in (reporter, *doers)}:
        missing = both("somebody else has to accept: {by} took part in it or reported it", by=by)
        if person(by) in {person(one) for one in hands}:
            missing = both(
                "somebody else has to accept: {by} made the field link that something came through, or loaded it", by=by
            )
        return Gate("second_person", name, False, value, missing)
    return Gate("second_person", name, True, value, None)


# --- of imagery ----------------------------------------------------------------------------------


def _later(rechecks: Sequence[Recheck], reported_at: datetime | None) -> list[Recheck]:
    """After the report, oldest first; of a scene judged twice the later word; at one time the worse word last."""
    if reported_at is None:
        return []
    last = {r.scene_id: r for r in rechecks if r.at > reported_at}
    return sorted(last.values(), key=lambda r: (r.at, r.verdict == "not_restored"))


def _agreeing(later: Sequence[Recheck]) -> list[Recheck]:
    """Those that say restored, after the last that says not."""
    found: list[Recheck] = []
    for one in later:
        if one.verdict == "not_restored":
            found = []
        elif one.verdict == "restored":
            found.append(one)
    return found


def _dates(rechecks: Sequence[Recheck]) -> list[Recheck]:
    """One of each day: two tiles of one pass are one look."""
    return list({r.at.astimezone(BEIJING).date(): r for r in rechecks}.values())


def _scene(recheck: Recheck, reported_at: datetime | None, scenes: Mapping[str, Text]) -> Text:
    called = scenes.get(recheck.scene_id, {"zh": recheck.scene_id[:8], "en": recheck.scene_id[:8]})
    return both("{day} {scene}", day=_day(recheck.at, reported_at), scene=called)


# --- words ---------------------------------------------------------------------------------------


def _spoiled(photo: Judged) -> bool:
    return any(finding.key in SPOILED for finding in photo.findings)


def shows_the_ground(photo: Judged) -> bool:
    """A photo from inside the part or facing it, and nothing of it in doubt."""
    return photo.evidence.kind == "photo" and photo.in_place and not _spoiled(photo)


def person(name: str) -> str:
    """As one would read it: full-width or not, spaces and case do not make another person."""
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()


def _day(at: datetime, beside: datetime | None = None) -> str:
    """In Beijing; the year is left out where it is the one of ``beside``."""
    day = at.astimezone(BEIJING)
    same = beside is not None and beside.astimezone(BEIJING).year == day.year
    return f"{day:%m-%d}" if same else f"{day:%Y-%m-%d}"


def _shot(shot: str) -> Text:
    return both(SHOT_NAMES.get(shot, shot))


def _paper(rule: ClosingRule, key: str) -> Text:
    return rule.document_names.get(key, {"zh": key, "en": key})


def _listed(texts: Sequence[Text]) -> Text:
    """Sentences as one: the stop of each but the last goes."""
    first = [{lang: said.rstrip("。.") for lang, said in text.items()} for text in texts[:-1]]
    return _joined([*first, *texts[-1:]], "，", ", ")


def _joined(texts: Sequence[Text], zh: str, en: str) -> Text:
    return {"zh": zh.join(t["zh"] for t in texts), "en": en.join(t["en"] for t in texts)}
