"""[io] 图斑: the list, the page of one case, every step by a form, and what waits for whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from sqlalchemy.dialects.sqlite import insert
from starlette.responses import RedirectResponse, Response

from geodata.errors import InputError
from geodata.words import language, tr
from maps import assets, case_map
from maps.portal import pages
from maps.portal.access import Form, NotThere, Person, allowed, case_of, office_of
from maps.portal.case_forms import forms, impossible
from maps.portal.case_list import by_status, rows_shown
from maps.portal.case_page import chip_of, file_held, page_of
from maps.portal.casework import FIRST, Again, Overtaken, done_words, sent, take
from maps.portal.checks import check_now
from maps.portal.form_parts import Asking, by_labels, labels_of
from maps.portal.imagery import around
from maps.portal.office import Office
from maps.portal.paper_list import papers_of
from maps.portal.routes.review import review_response
from maps.portal.store import filters as saved
from maps.portal.todo import todo
from pipeline.cases.case import Stage, Status
from pipeline.cases.events import Kind
from pipeline.cases.given import BATCH_ONLY, BY_PERSONS, papers, slug
from pipeline.cases.now import now_of
from pipeline.cases.refusal import StepRefused
from pipeline.cases.rows import on_day
from pipeline.triage import KINDS

router = APIRouter()
Sees = Annotated[Person, Depends(allowed("case"))]
BY_SLUG: Mapping[str, Kind] = {slug(kind): kind for kind in BY_PERSONS if kind not in BATCH_ONLY}
ROWS, MOST_ROWS = 50, 5000
MOST_FILTERS = 50
"""Saved by one person."""
FILTERS = ("stage", "status", "district", "kind", "overdue", "batch", "party", "assignee", "q")

# the list


@router.get("/cases")
def cases(request: Request, person: Sees) -> Response:
    return _list(request, person)


def _list(request: Request, person: Person, problem: str = "") -> Response:
    office = office_of(request)
    given = _filters(request.query_params)
    problem = problem or _dropped(request.query_params, given)
    shown = min(int(request.query_params.get("n", "") or ROWS) if _is_number(request) else ROWS, MOST_ROWS)
    rows, total = rows_shown(office, person, given, shown)
    query = {key: value for key, value in given.items() if value}
    return pages.render(
        request,
        "cases.html.j2",
        person=person,
        nav="cases",
        status=422 if problem else 200,
        problem=problem,
        rows=[on_day(row, office.today) for row in rows],
        total=total,
        given=given,
        any_filter=bool(query),
        counts=by_status(office, person, given),
        more=f"/cases?{urlencode({**query, 'n': shown + ROWS})}" if total > len(rows) else "",
        query=urlencode(query),
        statuses=list(Status),
        stages=list(Stage),
        kinds=list(KINDS),
        saved=_saved(office, person),
        step=ROWS,
        visits=office.visits_week if query == {"status": Status.SUSPECTED.value} else 0,
        status_href=lambda status: _other_status(query, status),
    )


def _other_status(query: Mapping[str, str], status: str) -> str:
    """The same list of another status; pressed again, of all."""
    kept = {key: value for key, value in query.items() if key not in ("status", "stage")}
    return f"/cases?{urlencode(kept if query.get('status') == status else {**kept, 'status': status})}"


def _is_number(request: Request) -> bool:
    said = request.query_params.get("n", "")
    return said.isascii() and said.isdigit() and 0 < len(said) < 6


def _filters(query: Mapping[str, str]) -> dict[str, str]:
    """What cannot be a filter is none."""
    found = {name: query.get(name, "").strip()[:80] for name in FILTERS}
    found["stage"] = found["stage"] if found["stage"] in set(Stage) else ""
    found["status"] = found["status"] if found["status"] in set(Status) else ""
    found["kind"] = found["kind"] if found["kind"] in KINDS else ""
    district = found["district"]
    found["district"] = district if district.isascii() and district.isdigit() else ""
    found["overdue"] = "1" if found["overdue"] else ""
    return found


def _dropped(query: Mapping[str, str], given: Mapping[str, str]) -> str:
    """The sentence about filters that cannot be used, or nothing."""
    asked = [(name, query.get(name, "").strip()[:40]) for name in FILTERS if not given[name]]
    bad = ", ".join(f"{name}={said}" for name, said in asked if said)
    return tr("{bad}: cannot be a filter and is left out.", bad=bad) if bad else ""


def _saved(office: Office, person: Person) -> list[Any]:
    mine = (saved.c.user == person.name) & (saved.c.page == "cases")
    with office.store.reading() as connection:
        return list(connection.execute(sa.select(saved).where(mine).order_by(saved.c.name)).mappings())


@router.post("/cases/filters")
def save_filter(request: Request, person: Sees, form: Form) -> Response:
    name, query = str(form.get("name") or "").strip()[:60], str(form.get("query") or "")[:500]
    if not name:
        return _list(request, person, tr("Give the filter a name."))
    row = {"user": person.name, "page": "cases", "name": name, "query": query}
    others = sa.select(sa.func.count()).where(saved.c.user == person.name, saved.c.name != name)
    with office_of(request).store.writing() as connection:
        full = connection.execute(others).scalar_one() >= MOST_FILTERS
        if not full:
            connection.execute(
                insert(saved)
                .values(row)
                .on_conflict_do_update(index_elements=["user", "page", "name"], set_={"query": query})
            )
    if full:
        return _list(request, person, tr("{n} filters are saved, as many as are kept; delete one.", n=MOST_FILTERS))
    return RedirectResponse(f"/cases?{query}", 303)


@router.post("/cases/filters/{id:int}/delete")
def delete_filter(request: Request, id: int, person: Sees, form: Form) -> Response:
    with office_of(request).store.writing() as connection:
        connection.execute(saved.delete().where((saved.c.id == id) & (saved.c.user == person.name)))
    return RedirectResponse("/cases", 303)


@router.get("/todo")
def what_waits(request: Request, person: Sees) -> Response:
    waits = todo(office_of(request), person)
    return pages.render(
        request, "todo.html.j2", person=person, nav="todo", todo=waits, visits=office_of(request).visits_week
    )


# one case


@router.get("/case/{number}")
def whole(request: Request, number: str, person: Sees) -> Response:
    return case_response(request, person, number)


@router.get("/case/{number}/{part:int}")
def one_part(request: Request, number: str, part: int, person: Sees) -> Response:
    return case_response(request, person, number, str(part))


def case_response(request: Request, person: Person, number: str, part: str = "", again: Again = FIRST) -> Response:
    office = office_of(request)
    case = case_of(office, person, number)
    if part and part not in {one.id for one in case.parts}:
        raise NotThere
    events = office.ledger.events(number)
    page = page_of(office, person, case, events, part)
    split, here = len(case.parts) > 1, case.part(part) if part or len(case.parts) == 1 else case.parts[0]
    asked = request.query_params
    event = again.at or asked.get("do", "")
    pick = (again.given.values.get("pick", "") if again.given else "") or asked.get("pick", "")
    address = f"/case/{number}" + (f"/{here.id}" if here.id and part else "")
    rules = office.rules(office.today)
    asking = Asking(case, here, person.role, rules, office.today, events, {event: pick}, papers(rules), address)
    found = now_of(office.ledger, rules, number, part=here.id, role=person.role, today=office.today)
    steps = found["parts"][0]["possible"]
    if split and not part:
        steps = [step for step in steps if step["event"] in WHOLE_STEPS]
    made = forms(asking, steps)
    values = case_map.values(page, pages.frame_of(request, person, "cases"))
    return pages.render(
        request,
        "case.html.j2",
        person=person,
        nav="cases",
        status=again.status,
        case=case,
        part=part,
        forms=made,
        impossible=impossible(asking, found["parts"][0]["possible"]),
        version=case.version,
        address=address,
        opened=event,
        problem=by_labels(again.problem, labels_of(next((f for f in made if f.event == again.at), None)), language()),
        given=again.given,
        done=_done(asked.get("done", ""), events),
        map_script=pages.script(request, str(values["map"].script)),
        files_shown=person.may("files"),
        file_held=file_held(office),
        paper_list=papers_of(case, case.parts if split and not part else [here], rules, office.today),
        tiles=assets.json_block(around(office, person, [s.id for s in page.scenes if s.chip]), "gx-around-data"),
        **values,
    )


WHOLE_STEPS = frozenset(slug(k) for k in (Kind.NOTE, Kind.CORRECTED, Kind.REOPENED, Kind.EVIDENCE))
"""What the page of a split case takes without naming a part."""


def _done(said: str, events: Any) -> str:
    """``done=VERDICT.12``: what was just recorded, if it is of this case."""
    kind, _, seq = said.partition(".")
    event = next((one for one in events if str(one.seq) == seq), None)
    if event is None or kind not in set(Kind):
        return ""
    return done_words(event, Kind(kind))[language()]


@router.post("/case/{number}/do/{event}")
def do(request: Request, number: str, event: str, person: Sees, form: Form) -> Response:
    office = office_of(request)
    case = case_of(office, person, number)
    kind = BY_SLUG.get(event)
    if kind is None:
        raise NotThere
    given = sent(form)
    back = str(form.get("back") or "")
    try:
        made = take(office, person, case, kind, given)
    except (StepRefused, InputError) as error:
        status = 409 if isinstance(error, StepRefused | Overtaken) else 422
        again = Again(status, tr(error.msgid, **error.fields), event, given)
        if back == "review":
            return review_response(request, person, number, given.part, again)
        here = given.part if given.part in {one.id for one in case.parts} else ""
        return case_response(request, person, number, here, again)
    known = given.part in {one.id for one in case.parts} and kind is not Kind.SPLIT
    part = f"/{given.part}" if given.part and known else ""
    return RedirectResponse(f"/case/{number}{part}?done={kind.value}.{made.seq}#done", 303)


@router.post("/case/{number}/verify")
def verify(request: Request, number: str, person: Sees, form: Form) -> Response:
    office = office_of(request)
    case_of(office, person, number)
    check_now(office)
    return RedirectResponse(f"/case/{number}#h-seal", 303)


@router.get("/case/{number}/chips/{name}")
def chip(request: Request, number: str, name: str, person: Sees) -> Response:
    office = office_of(request)
    case = case_of(office, person, number)
    scene, _, ending = name.partition(".")
    if ending not in ("webp", "small.webp"):
        raise NotThere
    content = chip_of(office, case, scene, small=ending == "small.webp")
    headers = {"cache-control": "private, max-age=3600", "vary": "cookie"}
    return Response(content, media_type="image/webp", headers=headers)
