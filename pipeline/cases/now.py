"""[io] What is possible in a case now: steps, roles, fields, photos and papers, and the gates of a closing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from geodata.words import Text
from pipeline.cases import beside, finding, proceeding, steps, transfer
from pipeline.cases.case import Case, Part
from pipeline.cases.events import Kind, Role
from pipeline.cases.given import BATCH_ONLY, BY_PERSONS, slug
from pipeline.cases.ledger import Ledger
from pipeline.cases.rules import ClosingRule
from pipeline.cases.standards import Standards
from pipeline.cases.table import step_name
from pipeline.plain import to_plain

MAY: Mapping[Kind, tuple[str, ...]] = {
    Kind.DISPATCHED: ("reason", "due_on"),
    Kind.VERDICT: ("sub", "checked_on"),
    Kind.ORDERED: ("due_on", "text"),
    Kind.PAUSED: ("on",),
    Kind.REPORTED: ("demolished_m2",),
    Kind.RETURNED: ("to", "due_on"),
    Kind.ACCEPTED: ("override",),
    Kind.LENIENCY: ("construction", "harm"),
    Kind.PROCEEDING: ("proceeding",),
    Kind.TRANSFER: ("transfer", "to"),
}
"""Fields that may be given beside those needed."""
NEEDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.DUE_SET: ("what", "on"),
}
"""Where people are asked otherwise than the table asks: the step is made of it by ``given.typed``."""


def _idle(kind: Kind, part: Part) -> bool:
    """A step of the table that would be refused, for there is nothing to pause, resume or extend."""
    paused = bool(part.paused_on)
    return (
        (kind is Kind.RESUMED and not paused)
        or (kind is Kind.PAUSED and paused)
        or (kind is Kind.EXTENDED and part.due is None)
    )


def now_of(
    ledger: Ledger,
    rules: Standards,
    number: str,
    *,
    part: str = "",
    role: str | None = None,
    kind: Kind | None = None,
    today: date,
) -> dict[str, Any]:
    """The document of ``case do NUMBER --json``: each part with the steps that are possible now.

    rules: in force on ``today`` (Beijing). role, kind: only its steps, only this one.
    Raises: InputError for a case or part that is not there.
    """
    case = ledger.case(number)
    parts = [case.part(part)] if part else list(case.parts)
    shown = [_of_part(ledger, case, one, role, kind, rules, today) for one in parts]
    return {"number": number, "status": case.status.value, "version": case.version, "parts": shown}


def _of_part(
    ledger: Ledger, case: Case, part: Part, role: str | None, kind: Kind | None, rules: Standards, today: date
) -> dict[str, Any]:
    found = []
    for one in steps.possible(case, part, role):
        roles = [r.value for r in one.roles if r is not Role.SYSTEM]
        told = one.kind in BY_PERSONS and one.kind not in BATCH_ONLY and bool(roles)
        if not told or kind not in (None, one.kind) or _idle(one.kind, part):
            continue
        step: dict[str, Any] = {
            "event": slug(one.kind),
            "name": step_name(one.kind),
            "roles": roles,
            "needs": list(NEEDS.get(one.kind, one.needs)),
            "may": list(MAY.get(one.kind, ())),
            "to": [status.value for status in one.to],
        }  # fmt: skip
        step |= _more(ledger, case, part, one.kind, rules, role, today)
        found.append(step)
    return {"part": part.id, "status": part.status.value, "due": part.due, "paused_on": part.paused_on,
            "possible": found}  # fmt: skip


def _more(
    ledger: Ledger, case: Case, part: Part, kind: Kind, rules: Standards, role: str | None, today: date
) -> dict[str, Any]:
    """What only the matter itself tells: verdicts with their photos, kinds of closing, gates, legal steps."""
    if kind is Kind.VERDICT:
        return {"verdicts": [_verdict(rule, part) for rule in rules.verdicts.values()]}
    if kind in (Kind.ORDERED, Kind.REPORTED):
        ordered = (part.order or {}).get("rectification")
        rules_now = [r for r in rules.closings.values() if kind is Kind.ORDERED or r.key == ordered]
        return {"rectifications": [{"key": r.key, "name": r.name, "photos": dict(r.photos),
                                    "documents": list(r.documents), "document_names": _names(r)}
                                   for r in rules_now]}  # fmt: skip
    if kind is Kind.ACCEPTED:
        return {"gates": [to_plain(gate) for gate in ledger.gates(case.number, part=part.id)]}
    known = beside.facts(case, part)
    if kind is Kind.PROCEEDING:
        running: list[Any] = [*part.proceedings.values()] or [None]
        return {"steps": [{"proceeding": state.id if state else "", **_legal(one)} for state in running
                          for one in proceeding.possible(state, role, known, on=today)]}  # fmt: skip
    if kind is Kind.TRANSFER:
        opened: list[Any] = [None, *part.transfers.values()]
        return {"steps": [{"transfer": state.id if state else "", **_legal(one)} for state in opened
                          for one in transfer.possible(state, role, known)]}  # fmt: skip
    return {}


def _names(rule: ClosingRule) -> dict[str, Text]:
    return {key: rule.document_names.get(key, {"zh": key, "en": key}) for key in rule.documents}


def _verdict(rule: Any, part: Part) -> dict[str, Any]:
    counted = finding.photos_held(part)
    held = {shot: counted[shot] for shot in rule.photos}
    return {
        "key": rule.key,
        "name": rule.name,
        "subs": dict(rule.subs),
        "needs": list(rule.needs),
        "sub_needs": {sub: list(keys) for sub, keys in rule.sub_needs.items()},
        "may": list(rule.may),
        "photos": dict(rule.photos),
        "photos_held": held,
        "photo_in_place": rule.photo_in_place,
    }


def _legal(one: Any) -> dict[str, Any]:
    return {
        "step": str(one.step),
        "name": one.name,
        "state": str(one.state),
        "roles": [str(r) for r in one.roles],
        "needs": dict(one.needs),
        "papers": dict(one.papers),
        "missing": one.missing,
    }
