"""统计: one A4 sheet; people of a district see their own ground."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from geodata.errors import InputError
from geodata.words import both, language, tr
from maps import stats_page
from maps.portal import record
from maps.portal.access import Person, allowed, office_of, rows_of, wants_json
from maps.portal.checks import standing
from maps.portal.office import Office
from maps.portal.pages import render
from maps.portal.shelf import shelf_of
from pipeline import construction
from pipeline.cases.rows import on_day
from pipeline.plain import to_plain

router = APIRouter()
WIDEST_YEARS = 100


@router.get("/stats")
def stats(request: Request, person: Annotated[Person, Depends(allowed("stats"))]) -> Response:
    """?from=&to=&by=county|township|park. The same content as JSON."""
    office = office_of(request)
    query, problem = request.query_params, ""
    try:
        asked = period(query.get("from"), query.get("to"), query.get("by"), office.today)
    except InputError as error:
        problem, asked = tr(error.msgid, language(), **error.fields), (None, None, "county")
    since, until, by = asked
    try:
        lawful = _lawful(office)
    except InputError as error:
        lawful, problem = {}, problem or tr(error.msgid, language(), **error.fields)
    if person.districts:
        lawful = {key: m2 for key, m2 in lawful.items() if key[0].startswith(person.districts)}
    last = record.last(office)
    intact = standing(office, last).intact

    def made() -> stats_page.StatsPage:
        return stats_page.stats_page(
            [on_day(row, office.today) for row in rows_of(office, person)],
            scope=_scope(office.name, person),
            today=office.today,
            made_at=office.clock(),
            since=since,
            until=until,
            by=by,
            parks=office.parks,
            inspections=[] if person.districts else record.runs(office),
            construction_m2=lawful,
            rules=office.rules(office.today),
            as_of=last.at if last else None,
            mark=last.mark if last else "",
            intact=intact,
        )  # fmt: skip

    key = ("stats", person.districts, asked, last.mark if last else "", intact)
    page = replace(shelf_of(office).kept(key, made), made_at=office.clock())
    if wants_json(request):
        return JSONResponse(to_plain(page), 422 if problem else 200)
    status = 422 if problem else 200
    values: dict[str, Any] = stats_page.shown(page, lambda number: f"/case/{number}" if person.may("case") else "")
    return render(
        request,
        "stats.html.j2",
        person=person,
        nav="stats",
        status=status,
        **values | {"form": True, "problem": problem},
    )


def _lawful(office: Office) -> dict[tuple[str, int], float]:
    """Read again only where the file changed: a child process reads it."""
    files = [office.root / "law" / name for name in construction.NAMES]
    return _read(office.root / "law", tuple(file.stat().st_mtime_ns if file.is_file() else 0 for file in files))


@lru_cache(maxsize=8)
def _read(law: Path, stamps: tuple[int, ...]) -> dict[tuple[str, int], float]:
    return construction.kept(law) if any(stamps) else {}


def period(since: str | None, until: str | None, by: str | None, today: date) -> tuple[date | None, date | None, str]:
    """Raises: InputError naming what cannot be used."""
    first, last = _day("from", since), _day("to", until)
    if first and first > (last or today):
        raise InputError("The period ends before it begins; choose two days in order.")
    if (last or today).year - (first or last or today).year > WIDEST_YEARS:
        raise InputError("The period is longer than {n} years; choose a shorter one.", n=WIDEST_YEARS)
    if by and by not in stats_page.BY:
        raise InputError("by={by}: is not known; one of {known}.", by=by[:40], known=", ".join(stats_page.BY))
    return first, last, by or "county"


def _day(name: str, text: str | None) -> date | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if found.year < 1990 or found.year > 2999:
        raise InputError("{name}={text}: is no day; write YYYY-MM-DD.", name=name, text=text[:40])
    return found


def _scope(name: str, person: Person) -> Any:
    whole = name or both("All districts")
    return both("{scope}, area {codes}", scope=whole, codes=", ".join(person.districts)) if person.districts else whole
