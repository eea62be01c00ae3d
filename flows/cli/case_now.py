"""[io] What is possible in a case now: steps, roles, fields, photos and papers, and the gates of a closing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from flows.cli.case_words import BATCH_ONLY, BY_PERSONS, slug
from flows.settings import Workspace
from geodata.days import day_of
from geodata.words import language, tr
from pipeline.cases import beside, finding, proceeding, steps, transfer
from pipeline.cases.case import Case, Part
from pipeline.cases.closing import SHOT_NAMES
from pipeline.cases.events import Kind, Role
from pipeline.cases.ledger import Ledger
from pipeline.cases.standards import Standards
from pipeline.cases.table import role_name, step_name
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
    Kind.EVIDENCE: ("--photo, --document",),
    Kind.SPLIT: ("--parts",),
    Kind.DUE_SET: ("what", "on"),
}
"""Where the command line asks otherwise than the table."""


def _idle(kind: Kind, part: Part) -> bool:
    """A step of the table that would be refused, for there is nothing to pause, resume or extend."""
    paused = bool(part.paused_on)
    return (
        (kind is Kind.RESUMED and not paused)
        or (kind is Kind.PAUSED and paused)
        or (kind is Kind.EXTENDED and part.due is None)
    )


def now_of(
    office: Workspace, number: str, *, part: str = "", role: str | None = None, kind: Kind | None = None
) -> dict[str, Any]:
    """The document of ``case do NUMBER --json``: each part with the steps that are possible now.

    Raises: InputError for a case or part that is not there.
    """
    with office.ledger as ledger:
        case = ledger.case(number)
        parts = [case.part(part)] if part else list(case.parts)
        rules = office.rules(day_of(datetime.now(UTC)))
        shown = [_of_part(ledger, case, one, role, kind, rules) for one in parts]
    return {"number": number, "status": case.status.value, "version": case.version, "parts": shown}


def _of_part(
    ledger: Ledger, case: Case, part: Part, role: str | None, kind: Kind | None, rules: Standards
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
        step |= _more(ledger, case, part, one.kind, rules, role)
        found.append(step)
    return {"part": part.id, "status": part.status.value, "due": part.due, "paused_on": part.paused_on,
            "possible": found}  # fmt: skip


def _more(ledger: Ledger, case: Case, part: Part, kind: Kind, rules: Standards, role: str | None) -> dict[str, Any]:
    """What only the matter itself tells: verdicts with their photos, kinds of closing, gates, legal steps."""
    if kind is Kind.VERDICT:
        return {"verdicts": [_verdict(rule, part) for rule in rules.verdicts.values()]}
    if kind in (Kind.ORDERED, Kind.REPORTED):
        ordered = (part.order or {}).get("rectification")
        rules_now = [r for r in rules.closings.values() if kind is Kind.ORDERED or r.key == ordered]
        return {"rectifications": [{"key": r.key, "name": r.name, "photos": dict(r.photos),
                                    "documents": list(r.documents)} for r in rules_now]}  # fmt: skip
    if kind is Kind.ACCEPTED:
        return {"gates": [to_plain(gate) for gate in ledger.gates(case.number, part=part.id)]}
    known = beside.facts(case, part)
    now = day_of(datetime.now(UTC))
    if kind is Kind.PROCEEDING:
        running: list[Any] = [*part.proceedings.values()] or [None]
        return {"steps": [{"proceeding": state.id if state else "", **_legal(one)} for state in running
                          for one in proceeding.possible(state, role, known, on=now)]}  # fmt: skip
    if kind is Kind.TRANSFER:
        opened: list[Any] = [None, *part.transfers.values()]
        return {"steps": [{"transfer": state.id if state else "", **_legal(one)} for state in opened
                          for one in transfer.possible(state, role, known)]}  # fmt: skip
    return {}


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
    }


def _legal(one: Any) -> dict[str, Any]:
    return {
        "step": str(one.step),
        "name": one.name,
        "roles": [str(r) for r in one.roles],
        "needs": dict(one.needs),
        "papers": dict(one.papers),
        "missing": one.missing,
    }


# as text


def show_now(found: Mapping[str, Any]) -> None:
    for part in found["parts"]:
        head = found["number"] + (f"_{part['part']}" if part["part"] else "")
        due = part["due"]
        line = f"{head}  {tr(part['status'])}"
        if due:
            line += tr(", due {day}", day=due["on"]) + (tr(" (provisional)") if due["provisional"] else "")
        click.echo(line + tr("; version {n}. Possible now:", n=found["version"]))
        if not part["possible"]:
            click.echo("  " + tr("nothing for this role"))
        for step in part["possible"]:
            _show_step(step)


def _show_step(step: Mapping[str, Any]) -> None:
    needs = " ".join(n if n.startswith("--") else f"{n}=…" for n in step["needs"])
    may = " ".join(f"[{n}=…]" for n in step["may"])
    roles = ", ".join(role_name(role)[language()] for role in step["roles"])
    click.echo(f"  {step['event']:<12} {step['name'][language()]}  ({roles})  {' '.join(filter(None, (needs, may)))}")
    for rule in step.get("verdicts", ()):
        subs = f" sub={'|'.join(rule['subs'])}" if rule["subs"] else ""
        asked = "".join(f" {key}=…" for key in rule["needs"])
        click.echo(f"      verdict={rule['key']}{subs}{asked}  {_photos(rule)}  {rule['name'][language()]}")
    for rule in step.get("rectifications", ()):
        papers = tr("papers: {names}", names=", ".join(rule["documents"])) if rule["documents"] else ""
        click.echo(f"      rectification={rule['key']}  {rule['name'][language()]}  {papers}")
    for gate in step.get("gates", ()):
        mark = {True: "✓", False: "✗", None: "–"}[gate["met"]]
        missing = f"  ← {gate['missing'][language()]}" if gate["missing"] else ""
        click.echo(f"      {mark} {gate['name'][language()]}: {gate['value'][language()]}{missing}")
    for legal in step.get("steps", ()):
        _show_legal(legal)


def _show_legal(legal: Mapping[str, Any]) -> None:
    of = "".join(f" {key}={legal[key]}" for key in ("proceeding", "transfer") if legal.get(key))
    asked = "".join(f" {key}=…" for key in legal["needs"])
    papers = f"  + {', '.join(legal['papers'])}" if legal["papers"] else ""
    missing = f"  ← {legal['missing'][language()]}" if legal["missing"] else ""
    click.echo(f"      step={legal['step']}{of}{asked}{papers}  {legal['name'][language()]}{missing}")


def _photos(rule: Mapping[str, Any]) -> str:
    wanted = [
        tr("{shot} {held} of {n}", shot=tr(SHOT_NAMES[shot]), held=rule["photos_held"][shot], n=n)
        for shot, n in rule["photos"].items()
    ]
    return f"({', '.join(wanted)})" if wanted else ""
