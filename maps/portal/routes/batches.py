"""Batches of clues from outside: who sent them, what they matched, what has become of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from maps.portal import record
from maps.portal.access import Person, allowed, office_of, rows_of, wants_json
from maps.portal.office import Office
from maps.portal.pages import render
from pipeline import clues
from pipeline.cases.rows import on_day
from pipeline.plain import to_plain

router = APIRouter()


@router.get("/batches")
def batches(request: Request, person: Annotated[Person, Depends(allowed("batches"))]) -> Response:
    """Newest first; people of a district see what lies in it."""
    lines = batches_of(office_of(request), person)
    if wants_json(request):
        return JSONResponse(to_plain(lines))
    total = {key: sum(line[key] for line in lines) for key in SUMMED}
    return render(request, "batches.html.j2", person=person, nav="batches", lines=lines, total=total)


SUMMED = ("clues", "cases", "new", "matched", "open", "closed", "dismissed", "overdue")


def batches_of(office: Office, person: Person) -> list[dict[str, Any]]:
    """``clues.batches`` with when, by whom, from which files, and how many cases are new or were known."""
    rows = [on_day(row, office.today) for row in rows_of(office, person)]
    mine = {row["number"] for row in rows}
    states = {(one["source"], one["batch"]): one for one in clues.batches(rows)}
    found = []
    for one in reversed(record.arrivals(office)):
        cases = {number: told for number, told in one["cases"].items() if number in mine}
        if not cases:
            continue
        new = sum(told["new"] for told in cases.values())
        found.append(
            {
                **states[one["source"], one["batch"]],
                "source_name": dict(clues.source_name(one["source"])),
                "at": one["at"],
                "by": one["by"],
                "files": one["files"],
                "new": new,
                "matched": len(cases) - new,
            }
        )
    return found
