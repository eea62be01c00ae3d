"""[io] What a phone sends, into store and ledger: each record once, nothing that was sent thrown away.

A record is known by (case, id). Records are taken one at a time among all workers: the write lock of
``portal.db`` is held from the look whether it is known to the row that says so, and the event itself
names the record, so that a kill between the two databases doubles nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from geodata.days import day_of
from geodata.errors import InputError
from geodata.words import LANGUAGES, Text, both, tr
from maps.portal import links
from maps.portal.form_parts import by_labels
from maps.portal.office import Office
from maps.portal.sender import OURS, Sender, clock_gap_s, late, notes, time_of
from maps.portal.store import metadata
from pipeline.cases import closing, tables
from pipeline.cases.case import Case
from pipeline.cases.database import reading
from pipeline.cases.events import Actor, Event, Kind, from_row
from pipeline.cases.evidence import SHOTS, Evidence
from pipeline.cases.evidence import to_json as evidence_json
from pipeline.cases.finding import photos_held
from pipeline.cases.refusal import StepRefused
from pipeline.cases.table import Status

CANNOT: Mapping[str, str] = {
    "no_way_in": "no way to the ground (gate, water, wall)",
    "weather": "weather or light does not allow it",
    "covered": "crops or snow hide the ground",
    "nobody": "whoever must be present is away",
    "unsafe": "not safe now",
    "not_found": "the place was not found",
    "other": "another reason",
}
"""Why ground cannot be checked today; msgids."""

records = sa.Table(
    "field_records",
    metadata,
    sa.Column("case", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("link", sa.Text, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),  # in the order in which they came
    sa.Column("waiting", sa.Text),  # JSON of a verdict whose photos are still to come
    sa.Column("answer", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class Answer:
    """status as HTTP says it; body: JSON."""

    status: int
    body: dict[str, Any]


# -- photos


def receipt(office: Office, number: str, sha256: str) -> dict[str, Any] | None:
    """Of a photo that is on record in this case."""
    held, events = tables.evidence.c, tables.events
    first = sa.select(sa.func.min(held.seq)).where(held.case == number, held.sha256 == sha256).scalar_subquery()
    with reading(office.ledger.engine) as connection:
        row = connection.execute(sa.select(events).where(events.c.seq == first)).mappings().first()
    return _receipt(from_row(row)) if row else None


def photo(office: Office, sender: Sender, values: Mapping[str, Any], source: Path | bytes) -> Answer:
    """Keep one photo and write its event. values: of a checked record (``package.checked``).

    Raises: WorkError where the disk refuses; nothing is acknowledged then.
    """
    sha256, number, now = str(values["id"]), str(values["case"]), office.clock()
    shot = str(values.get("shot") or "")
    try:
        item, _ = office.evidence.take(
            source,
            name=sha256[:12],
            shot=shot if shot in SHOTS else "other",
            received_at=now,
            declination_deg=office.portal.declination_deg,
        )
    except InputError as error:
        return _no_evidence(office, sender, values, error)
    told = notes(office, sender, number, values, now)
    payload = {**evidence_json(_placed(item, values)), **sender.told, **_phone(values), "exif": _exif(item)}
    payload |= {"notes": list(told.values()), "came_late": late(office, sender, number, values, now)}
    with office.store.writing() as connection:
        known = receipt(office, number, sha256)
        if known is None:
            event = office.ledger.act(number, Kind.EVIDENCE, payload, sender.actor, part=_part(office, number, values))
            known, status = _receipt(event), 201
        else:
            status = 200
        _settle(office, connection, number)
    return Answer(status, known)


def _no_evidence(office: Office, sender: Sender, values: Mapping[str, Any], error: InputError) -> Answer:
    """Bytes that are no photo: what was sent with them stays on record, and so does what the store kept."""
    told = _said(error)
    number, id = str(values["case"]), str(values["id"])
    with office.store.writing():
        event = _recorded(office, number, id) or _kept(
            office, sender, number, Kind.EVIDENCE, {**values, "record": id, **sender.told}, refused=told
        )
    return Answer(415, {**told, "seq": event.seq, "kind": event.kind})


def _placed(item: Evidence, values: Mapping[str, Any]) -> Evidence:
    """What the phone said at the shutter goes before what the file says of it."""
    found: dict[str, Any] = {}
    taken = time_of(values.get("taken_at"))
    if taken is not None:
        found |= {"taken_at": taken, "time_source": "phone"}
    if values.get("lon") is not None and values.get("lat") is not None:
        source = str(values.get("position_source") or "phone")
        found |= {"lon": float(values["lon"]), "lat": float(values["lat"]), "datum": "", "position_source": source}
        accuracy = values.get("accuracy_m")
        found["accuracy_m"] = None if accuracy is None else float(accuracy)
    if values.get("heading_deg") is not None:
        heading = float(values["heading_deg"]) % 360.0
        found |= {"heading_deg": heading, "heading_source": "phone", "heading_north": "true", "declination_deg": None}
    return replace(item, **found)


def _exif(item: Evidence) -> dict[str, Any]:
    """What the file itself says of time, place and direction."""
    return {
        "taken_at": item.taken_at.isoformat() if item.taken_at else None,
        "lon": item.lon,
        "lat": item.lat,
        "accuracy_m": item.accuracy_m,
        "heading_deg": item.heading_deg,
        "position_source": item.position_source,
    }


def _phone(values: Mapping[str, Any]) -> dict[str, Any]:
    """How the phone took it, for the reviewer."""
    names = ("corner", "n", "clock", "heading_source", "heading_accuracy_deg", "declination_deg", "position_age_s",
             "position_source", "from_link")  # fmt: skip
    told = {name: values[name] for name in names if values.get(name) not in (None, "")}
    gap = clock_gap_s(values.get("clock"))
    return {"phone": told | ({"clock_gap_s": gap} if gap is not None else {}), "record": str(values["id"])}


# -- verdicts, and what could not be checked


def verdict(office: Office, sender: Sender, body: Mapping[str, Any]) -> Answer:
    """body: of ``POST verdict``. Raises: WorkError."""
    number, id = str(body["case"]), str(body["id"])
    with office.store.writing() as connection:
        known = _known(connection, number, id)
        if known is not None and known.waiting is None:
            return Answer(200, json.loads(known.answer))
        done = _recorded(office, number, id)
        if done is not None and done.kind == Kind.VERDICT:
            return _take(connection, sender, body, Answer(200, _verdict_answer(office, number, body, done)))
        lacks = _lacking(office, number, body)
        if lacks:
            seen = done or _kept(office, sender, number, Kind.VERDICT, _asked(office, sender, body), waits=lacks)
            return _take(connection, sender, body, Answer(202, _waiting(seen, lacks)), waiting=True)
        if done is not None and not done.payload.get("waits"):
            return _take(connection, sender, body, Answer(200, _verdict_answer(office, number, body, done)))
        return _take(connection, sender, body, _give(office, sender, body))


def _give(office: Office, sender: Sender, body: Mapping[str, Any]) -> Answer:
    number, payload = str(body["case"]), _asked(office, sender, body)
    version = body.get("version")
    expected = version if isinstance(version, int) and not isinstance(version, bool) else None
    try:
        part = _part(office, number, body)
        event = office.ledger.act(number, Kind.VERDICT, payload, sender.actor, part=part, expect_version=expected)
    except StepRefused as refused:
        rule = office.rules(office.today).verdicts.get(str(payload.get("verdict")))
        told = _said(refused, {key: one.name for key, one in rule.fields.items()} if rule else {})
        event = _kept(office, sender, number, Kind.VERDICT, payload, refused=told)
        overtaken = _overtaken(office, number, body, event.seq)
        return Answer(409, {**told, "seq": event.seq, "kind": event.kind, "overtaken": overtaken})
    return Answer(201, _verdict_answer(office, number, body, event))


def postponed(office: Office, sender: Sender, body: Mapping[str, Any]) -> Answer:
    """body: of ``POST postponed``. Raises: WorkError."""
    number, id = str(body["case"]), str(body["id"])
    key = str(body.get("reason") or "")
    payload = {
        "reason": tr(CANNOT[key], "zh") if key in CANNOT else key[:200],
        "reason_key": key[:40],
        "again_on": str(body.get("again_on") or ""),
        **_origin(office, sender, body),
    }
    with office.store.writing() as connection:
        known = _known(connection, number, id)
        if known is not None:
            return Answer(200, json.loads(known.answer))
        event, refused = _recorded(office, number, id), None
        status = 200 if event else 201
        if event is None:
            try:
                part = _part(office, number, body)
                event = office.ledger.act(number, Kind.POSTPONED, payload, sender.actor, part=part)
            except StepRefused as error:
                refused, status = _said(error), 409
                event = _kept(office, sender, number, Kind.POSTPONED, payload, refused=refused)
        answer = {"seq": event.seq, "kind": event.kind, "overtaken": None, **(refused or {})}
        return _take(connection, sender, body, Answer(status, answer), kind="postponed")


def _asked(office: Office, sender: Sender, body: Mapping[str, Any]) -> dict[str, Any]:
    """The payload of the VERDICT: what was decided, when on the ground, on what state of the case."""
    given = {k: v for k, v in dict(body.get("payload") or {}).items() if k not in OURS}
    case, taken = office.ledger.case(str(body["case"])), time_of(body.get("taken_at"))
    day = day_of(taken) if taken else None
    first = day_of(case.dispatched_at) if case.dispatched_at else None
    if day and first and first <= day <= office.today and not given.get("checked_on"):
        given["checked_on"] = day.isoformat()
    return {**given, "seen_version": body.get("version"), **_origin(office, sender, body)}


def _origin(office: Office, sender: Sender, body: Mapping[str, Any]) -> dict[str, Any]:
    number, now = str(body["case"]), office.clock()
    came = late(office, sender, number, body, now)
    told = list(notes(office, sender, number, body, now).values())
    said = {"decided_at": str(body.get("taken_at") or ""), **sender.told, **_phone(body)}
    return said | ({"notes": told} if told else {}) | ({"came_late": came} if came else {})


def _lacking(office: Office, number: str, body: Mapping[str, Any]) -> dict[str, int]:
    """{shot: how many photos are still to come} where nothing but photos stands against the verdict."""
    case, given = office.ledger.case(str(body["case"])), dict(body.get("payload") or {})
    rule = office.rules(office.today).verdicts.get(str(given.get("verdict")))
    part = next((p for p in case.parts if p.id == _part(office, number, body)), case.parts[0])
    if rule is None or part.status is not Status.DISPATCHED or rule.wrong(given) is not None:
        return {}
    held = photos_held(part)
    return {shot: n - held[shot] for shot, n in rule.photos.items() if held[shot] < n}


def _waiting(event: Event, lacks: Mapping[str, int]) -> dict[str, Any]:
    photos = {
        lang: ("、" if lang == "zh" else ", ").join(f"{tr(closing.SHOT_NAMES[s], lang)} {n}" for s, n in lacks.items())
        for lang in LANGUAGES
    }
    text = both("The verdict is kept; it takes effect when its photos are here: {photos}.", photos=photos)
    return {"seq": event.seq, "kind": "WAITING", "overtaken": None, "lacks": dict(lacks), **text}


def _settle(office: Office, connection: sa.Connection, number: str) -> None:
    """Verdicts that waited for photos take effect when the photos are here, in the order in which they came."""
    waiting = sa.select(records).where(records.c.case == number, records.c.waiting.is_not(None)).order_by(records.c.n)
    for row in connection.execute(waiting).mappings().all():
        held = json.loads(row["waiting"])
        body = held["body"]
        if _lacking(office, number, body):
            continue
        link = links.one(office.store, row["link"]) if row["link"] else None
        sender = Sender(Actor(held["by"], held["role"]), link, held["loaded_by"])
        done = _recorded(office, number, row["id"])
        if done is not None and done.kind == Kind.VERDICT:
            answer = Answer(200, _verdict_answer(office, number, body, done))
        else:
            answer = _give(office, sender, body)
        _take(connection, sender, body, answer)


def _verdict_answer(office: Office, number: str, body: Mapping[str, Any], event: Event) -> dict[str, Any]:
    overtaken = None if event.kind == Kind.VERDICT else _overtaken(office, number, body, event.seq)
    return {"seq": event.seq, "kind": event.kind, "overtaken": overtaken}


def _overtaken(office: Office, number: str, body: Mapping[str, Any], seq: int) -> dict[str, Any] | None:
    """Who decided what meanwhile."""
    ending = {Kind.VERDICT, Kind.REPORTED, Kind.RETURNED, Kind.ACCEPTED, Kind.DISMISSED}
    version = body.get("version") if isinstance(body.get("version"), int) else 0
    since = [e for e in office.ledger.events(number)[version:] if e.kind in ending and e.seq < seq]
    if not since:
        return None
    last = next((e for e in reversed(since) if e.kind == Kind.VERDICT), since[-1])
    key = str(last.payload.get("verdict") or last.kind)
    rule = office.rules(office.today).verdicts.get(key)
    return {"by": last.by, "at": last.at.isoformat(), "verdict": key, "name": dict(rule.name) if rule else None}


# -- what both need


def _take(
    connection: sa.Connection,
    sender: Sender,
    body: Mapping[str, Any],
    answer: Answer,
    *,
    waiting: bool = False,
    kind: str = "verdict",
) -> Answer:
    """The row that says a record is known, in the transaction that is open."""
    held = {"body": dict(body), "by": sender.actor.name, "role": sender.actor.role, "loaded_by": sender.loaded_by}
    row = {
        "case": str(body["case"]),
        "id": str(body["id"]),
        "kind": kind,
        "link": sender.link.id if sender.link else "",
        "n": _next(connection),
        "waiting": json.dumps(held, ensure_ascii=False) if waiting else None,
        "answer": json.dumps(answer.body, ensure_ascii=False),
    }
    same = (records.c.case == row["case"]) & (records.c.id == row["id"])
    if connection.execute(sa.select(records.c.id).where(same)).first() is None:
        connection.execute(records.insert().values(row))
    else:
        connection.execute(records.update().where(same).values(waiting=row["waiting"], answer=row["answer"]))
    return answer


def _next(connection: sa.Connection) -> int:
    return 1 + (connection.execute(sa.select(sa.func.max(records.c.n))).scalar() or 0)


def _known(connection: sa.Connection, number: str, id: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(records).where(records.c.case == number, records.c.id == id)).first()


def _recorded(office: Office, number: str, id: str) -> Event | None:
    """The event of a record, the one that took effect before one that only keeps it."""
    own = [e for e in office.ledger.events(number) if id in (e.payload.get("record"), _inner(e).get("record"))]
    return min(own, key=lambda e: e.kind == Kind.SUPPLEMENT, default=None)


def _inner(event: Event) -> Mapping[str, Any]:
    inner = event.payload.get("late")
    return inner if event.kind == Kind.SUPPLEMENT and isinstance(inner, Mapping) else {}


def _kept(
    office: Office,
    sender: Sender,
    number: str,
    kind: Kind,
    payload: Mapping[str, Any],
    *,
    waits: Mapping[str, int] | None = None,
    refused: Mapping[str, str] | None = None,
) -> Event:
    """As a supplement; by a role that may write none, as a note. waits: for which photos; refused: why it was not
    taken."""
    kept = {"kind": kind.value, "late": dict(payload), "part": "", "record": payload.get("record", "")}
    if waits:
        kept["waits"] = dict(waits)
    if refused:
        kept["refused"] = dict(refused)
    try:
        return office.ledger.act(number, Kind.SUPPLEMENT, kept, sender.actor)
    except StepRefused:
        text = json.dumps({"kind": kind.value, **payload}, ensure_ascii=False, sort_keys=True, default=str)
        note = {"text": text[:20_000], "record": payload.get("record", "")}
        return office.ledger.act(number, Kind.NOTE, note, sender.actor)


def _part(office: Office, number: str, values: Mapping[str, Any]) -> str:
    """The part as the record names it; one that was split since is the whole."""
    named = str(values.get("part") or "").removeprefix(f"{number}_")
    return named if any(part.id == named for part in office.ledger.case(number).parts) else ""


def _receipt(event: Event) -> dict[str, Any]:
    told = event.payload
    return {
        "sha256": told["sha256"],
        "seq": event.seq,
        "at": event.at.isoformat(),
        "size": told["size_bytes"],
        "findings": list(told.get("findings", ())),
        "late": bool(told.get("came_late")),
    }


def shots_held(case: Case) -> Counter[str]:
    """{shot: photos of this round that count} over all parts; one of the whole counts once."""
    seen: dict[str, str] = {}
    for part in case.parts:
        counted = photos_held(part)
        for item in part.evidence_now:
            if item["kind"] == "photo" and counted[item["shot"]]:
                seen[item["sha256"]] = item["shot"]
    return Counter(seen.values())


def _said(error: InputError, labels: Mapping[str, Text] | None = None) -> dict[str, str]:
    """labels: of the fields that the sentence may name."""
    return {lang: by_labels(tr(error.msgid, lang, **error.fields), labels or {}, lang) for lang in LANGUAGES}
