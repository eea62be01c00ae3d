"""Beside the loop: what proceeding, transfer, leniency facts and corrections must bring. Pure."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from geodata.days import day_of
from pipeline.cases import leniency, proceeding, transfer
from pipeline.cases.asked import Asked
from pipeline.cases.case import Case, Part
from pipeline.cases.facts import Facts
from pipeline.cases.rows import basic_m2
from pipeline.cases.table import Status
from pipeline.plain import to_plain


def facts(case: Case, part: Part) -> Facts:
    """What proceeding, transfer and leniency need to know of the part."""
    ground, verdict = part.ground, part.verdict or {}
    due = (part.due or {}).get("on")
    reported = (part.report or {}).get("at")
    return Facts(
        ground_checked=part.verdict is not None,
        verdict=verdict.get("verdict"),
        outcome=verdict.get("outcome") or "",
        party=verdict.get("party"),
        basic_farmland_m2=basic_m2(ground),
        farmland_m2=ground["farmland_gross_m2"],
        patch_m2=ground["patch_m2"],
        ordered=part.order is not None,
        corrected_at=datetime.fromisoformat(reported) if reported else None,
        due_at=date.fromisoformat(due) if due else None,
        checked_at=datetime.fromisoformat(verdict["at"]) if verdict else None,
        papers=tuple(sorted({item["title"] for item in part.evidence if item["kind"] == "document"})),
    )


def proceeding_step(asked: Asked) -> dict[str, Any]:
    id = str(asked.payload.get("proceeding") or max(asked.part.proceedings, default="1"))
    _opened(asked, asked.part.proceedings.get(id))
    known = facts(asked.case, asked.part)
    given = {**({"party": known.party} if known.party else {}), **asked.payload, "proceeding": id}
    done = proceeding.decide(
        asked.part.proceedings.get(id),
        str(asked.payload["step"]),
        given,
        at=asked.world.at,
        by=asked.by,
        facts=known,
        standards=asked.world.standards,
    )
    return {**done, "part": asked.part.id, "proceeding": id}


def transfer_step(asked: Asked) -> dict[str, Any]:
    id = str(asked.payload.get("transfer") or asked.payload.get("to") or max(asked.part.transfers, default="1"))
    known, state = facts(asked.case, asked.part), asked.part.transfers.get(id)
    _opened(asked, state)
    done = transfer.decide(
        state,
        str(asked.payload["step"]),
        {**asked.payload, "transfer": id},
        at=asked.world.at,
        by=asked.by,
        facts=known,
        standards=asked.world.standards,
    )
    if state is None:
        done["assessment"] = to_plain(assessed(asked, known))
    return {**done, "part": asked.part.id, "transfer": id}


def _opened(asked: Asked, state: object) -> None:
    """Before a ground check nothing is opened; what runs already goes on."""
    if asked.part.status is Status.DISPATCHED and state is None:
        raise asked.refuse("{number}: the ground is not checked yet; no proceeding or transfer is opened before.")


def assessed(asked: Asked, known: Facts) -> transfer.Assessment:
    """The areas against the thresholds of criminal law, with what the same party did within a year: in other cases,
    and in the other parts of this one."""
    earlier = [
        (act.at, act.basic_farmland_m2, act.farmland_m2)
        for act in asked.world.earlier or ()
        if act.adds_up and act.party == known.party and (act.number, act.part) != (asked.case.number, asked.part.id)
    ]
    return transfer.assess(known.basic_farmland_m2, known.farmland_m2, earlier, day=asked.world.today)


def leniency_facts(asked: Asked) -> dict[str, Any]:
    known, earlier = facts(asked.case, asked.part), asked.world.earlier
    acts = None if earlier is None else [
        leniency.EarlierAct(act.number, day_of(act.at), act.outcome or None)
        for act in earlier
        if act.party == known.party and (act.number != asked.case.number or act.past)
    ]  # fmt: skip
    shown = leniency.facts(
        known,
        acts,
        day=asked.world.today,
        construction=asked.payload.get("construction"),
        harm=asked.payload.get("harm"),
    )
    return {**asked.payload, "facts": leniency.to_json(shown)}


def corrected(asked: Asked) -> dict[str, Any]:
    try:
        return {**asked.payload, "corrects": int(asked.payload["corrects"])}
    except (TypeError, ValueError):
        said = asked.payload["corrects"]
        raise asked.refuse("{number}: {said} is no number of an event; give corrects=…", said=said) from None
