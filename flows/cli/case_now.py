"""[io] What is possible in a case now, for the command line: as one document, and as text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from flows.settings import Workspace
from geodata.days import day_of
from geodata.words import Text, language, tr
from pipeline.cases import now
from pipeline.cases.closing import SHOT_NAMES
from pipeline.cases.events import Kind
from pipeline.cases.given import slug
from pipeline.cases.table import role_name

OPTIONS: Mapping[str, tuple[str, ...]] = {
    slug(Kind.EVIDENCE): ("--photo, --document",),
    slug(Kind.SPLIT): ("--parts",),
}
"""What the command line takes as an option where the table wants a field."""


def now_of(
    office: Workspace, number: str, *, part: str = "", role: str | None = None, kind: Kind | None = None
) -> dict[str, Any]:
    """The document of ``case do NUMBER --json``: each part with the steps that are possible now.

    Raises: InputError for a case or part that is not there.
    """
    today = day_of(datetime.now(UTC))
    with office.ledger as ledger:
        found = now.now_of(ledger, office.rules(today), number, part=part, role=role, kind=kind, today=today)
    for one in found["parts"]:
        for step in one["possible"]:
            step["needs"] = list(OPTIONS.get(step["event"], step["needs"]))
    return found


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
        papers = tr("papers: {names}", names=_papers(rule["document_names"])) if rule["documents"] else ""
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
    papers = f"  + {_papers(legal['papers'])}" if legal["papers"] else ""
    missing = f"  ← {legal['missing'][language()]}" if legal["missing"] else ""
    click.echo(f"      step={legal['step']}{of}{asked}{papers}  {legal['name'][language()]}{missing}")


def _papers(names: Mapping[str, Text]) -> str:
    """Each by the key that --document takes, with its name."""
    return "、".join(f"{key} {name[language()]}" for key, name in names.items())


def _photos(rule: Mapping[str, Any]) -> str:
    wanted = [
        tr("{shot} {held} of {n}", shot=tr(SHOT_NAMES[shot]), held=rule["photos_held"][shot], n=n)
        for shot, n in rule["photos"].items()
    ]
    return f"({', '.join(wanted)})" if wanted else ""
