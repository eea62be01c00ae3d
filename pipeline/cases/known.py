"""[io] What the ledger knows beside a case when a step is asked for: the same file, other cases, earlier acts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from pipeline.cases import tables
from pipeline.cases.acts import Act, of_events
from pipeline.cases.case import Case
from pipeline.cases.events import Event, Kind, from_row
from pipeline.cases.facts import VIOLATION
from pipeline.cases.projecting import by_case
from pipeline.cases.refusal import StepRefused


def already(connection: sa.Connection, case: Case, kind: Kind, payload: Mapping[str, Any]) -> Event | None:
    """The event that said the same: a file that is on record, a scene that was looked at, or whose verdict has not
    changed since."""
    part, seq = str(payload.get("part") or ""), None
    if kind is Kind.EVIDENCE:
        table = tables.evidence.c
        same = (table.case == case.number) & (table.sha256 == payload.get("sha256")) & (table.part == part)
        seq = connection.execute(sa.select(table.seq).where(same)).scalar()
        if seq is not None and any(seq <= p.since for p in case.parts if not part or p.id == part):
            raise StepRefused(
                "{number}: this file was given before the ground was opened again; a new one is needed.",
                number=case.number,
            )
    elif kind is Kind.LOOKED:
        scene = payload["look"]["scene_id"]
        seq = next((held["seq"] for held in case.looks_now if held["look"]["scene_id"] == scene), None)
    elif kind is Kind.RECHECKED:
        held = case.part(part).rechecks if part or len(case.parts) == 1 else ()
        said = payload["recheck"]
        last = next((i for i in reversed(held) if i["recheck"]["scene_id"] == said["scene_id"]), None)
        if last is not None and last["recheck"]["verdict"] == said["verdict"]:
            seq = last["seq"]
    if seq is None:
        return None
    row = connection.execute(sa.select(tables.events).where(tables.events.c.seq == seq)).mappings().one()
    return from_row(row)


def of_this_case(connection: sa.Connection, number: str, seq: object) -> None:
    """StepRefused unless ``seq`` is an event of the case."""
    table = tables.events.c
    known = sa.select(table.seq).where(table.case == number)
    if str(seq) not in {str(one) for one in connection.execute(known).scalars()}:
        raise StepRefused(
            "{number}: seq {seq} is no event of this case; see `gengxun case show`.", number=number, seq=seq
        )


def clue_known(connection: sa.Connection, about: Mapping[str, Any]) -> bool:
    table = tables.clues.c
    same = (table.source == about["source"]) & (table.batch == about["batch"]) & (table.clue_id == about["clue_id"])
    return connection.execute(sa.select(table.seq).where(same)).first() is not None


def held(case: Case) -> set[str]:
    return {item["sha256"] for part in case.parts for item in part.evidence}


def elsewhere(connection: sa.Connection, number: str, sha: set[str]) -> dict[str, list[str]]:
    """{sha256: other cases that hold the same bytes}."""
    table, found = tables.evidence.c, dict[str, list[str]]()
    if sha:
        query = sa.select(table.sha256, table.case).where(table.sha256.in_(sorted(sha)), table.case != number)
        for one, other in connection.execute(query.distinct().order_by(table.case)):
            found.setdefault(one, []).append(other)
    return found


def earlier(connection: sa.Connection, case: Case) -> list[Act] | None:
    """Acts of the parties of this case, its own among them; None where no party is known.

    The table of verdicts says only where to look: what became of them (split, returned, closed) the events say.
    """
    parties = {part.verdict["party"] for part in case.parts if part.verdict and part.verdict.get("party")}
    if not parties:
        return None
    acts, events = tables.acts.c, tables.events.c
    numbers = sa.select(acts.case).where(acts.party.in_(sorted(parties)), acts.verdict == VIOLATION)
    found = [act for _, some in by_case(connection, events.case.in_(numbers)) for act in of_events(some)]
    return sorted((act for act in found if act.party in parties), key=lambda act: (act.at, act.number, act.part))


def decided_since(connection: sa.Connection, number: str, version: int) -> bool:
    """Whether, after the case's first ``version`` events, one came that ended what was being decided on."""
    table = tables.events.c
    kinds = sa.select(table.kind).where(table.case == number).order_by(table.seq).offset(version)
    ending = {Kind.VERDICT, Kind.REPORTED, Kind.RETURNED, Kind.ACCEPTED, Kind.RELAPSED, Kind.REOPENED}
    return bool(ending & set(connection.execute(kinds).scalars()))
