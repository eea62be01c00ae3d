"""[io] 复核 and 验收: the queue of what was reported, and one part with its proof, gates and decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from geodata.words import both, language
from maps import assets, case_map
from maps.case_parts import CasePage
from maps.portal import pages
from maps.portal.access import NotThere, Person, allowed, case_of, office_of
from maps.portal.case_forms import forms
from maps.portal.case_page import file_held, page_of
from maps.portal.casework import FIRST, Again
from maps.portal.form_parts import Asking, StepForm, by_labels, labels_of
from maps.portal.imagery import around
from maps.portal.reviewing import TABS, PhotoView, looked_scenes, pairs, photos, queue
from pipeline.cases.case import Case, Part
from pipeline.cases.given import papers
from pipeline.cases.now import now_of
from pipeline.cases.table import Status

router = APIRouter()
Reviews = Annotated[Person, Depends(allowed("review"))]
REASONS = (
    "rubble or hard ground is left", "buildings are left", "not tilled, or not planted",
    "photos do not show the ground", "papers are missing", "it is not the ground of the case",
)  # fmt: skip
"""Why a report is returned, to choose from."""
TAB_WORDS = {"ready": "Ready to accept", "waits": "Waiting for imagery or proof", "mine": "Reported by yourself"}


@router.get("/review")
def review(request: Request, person: Reviews) -> Response:
    waiting = queue(office_of(request), person)
    tab = _tab(request)
    shown = [one for one in waiting if one.tab == tab]
    return pages.render(
        request, "review_queue.html.j2", person=person, nav="review", waiting=waiting, shown=shown, tab=tab,
        tabs=TABS, tab_words=TAB_WORDS, number="", part="",
    )  # fmt: skip


def _tab(request: Request) -> str:
    asked = request.query_params.get("tab", "")
    return asked if asked in TABS else TABS[0]


@router.get("/review/{number}")
def one(request: Request, number: str, person: Reviews) -> Response:
    return review_response(request, person, number, request.query_params.get("part", ""))


def review_response(request: Request, person: Person, number: str, part: str = "", again: Again = FIRST) -> Response:
    """part: "" the first that was reported."""
    if not person.may("review"):
        raise NotThere
    office = office_of(request)
    case = case_of(office, person, number)
    here = _part(case, part)
    page = _pair(page_of(office, person, case, office.ledger.events(number), here.id), here)
    views = photos(here)
    waiting = queue(office, person)
    mine = next((w for w in waiting if (w.number, w.part) == (number, here.id)), None)
    tab = mine.tab if mine and "tab" not in request.query_params else _tab(request)
    values = case_map.values(page, pages.frame_of(request, person, "review"))
    gates = office.ledger.gates(number, part=here.id, by=person.name) if here.status is Status.REPORTED else ()
    made = _forms(request, person, case, here)
    return pages.render(
        request,
        "review.html.j2",
        person=person,
        nav="review",
        status=again.status,
        number=number,
        part=here.id,
        here=next(one for one in page.parts if one.id == here.id),
        waiting=waiting,
        shown=[w for w in waiting if w.tab == tab],
        tab=tab,
        tabs=TABS,
        tab_words=TAB_WORDS,
        mine=mine,
        gates=gates,
        missing=[g.missing or g.name for g in gates if g.met is False],
        accept=made.get("accepted"),
        back=made.get("returned"),
        reasons=[both(reason) for reason in REASONS],
        looked=page.before_id != case.flags[0]["change"]["before_id"],
        pairs=pairs(views),
        photo_data=assets.json_block(_cones(values, views), "gx-photos"),
        version=case.version,
        problem=by_labels(again.problem, labels_of(made.get(again.at)), language()),
        at=again.at,
        given=again.given,
        report=here.report or here.verdict or {},
        due=here.due,
        files_shown=person.may("files"),
        file_held=file_held(office),
        map_script=pages.script(request, str(values["map"].script)),
        tiles=assets.json_block(around(office, person, [s.id for s in page.scenes if s.chip]), "gx-around-data"),
        **values,
    )


def _part(case: Case, part: str) -> Part:
    """The one asked for; else the first that was reported."""
    if part:
        found = next((one for one in case.parts if one.id == part), None)
        if found is None:
            raise NotThere
        return found
    return next((one for one in case.parts if one.status is Status.REPORTED), case.parts[0])


def _pair(page: CasePage, part: Part) -> CasePage:
    """Found | looked at again: the swipe of a review; without a later scene the pair that found it."""
    held = {scene.id for scene in page.scenes if scene.chip is not None}
    clear, last = looked_scenes(part)
    after = next((id for id in (clear, last) if id in held), "")
    return replace(page, before_id=page.after_id, after_id=after) if after and page.after_id in held else page


def _forms(request: Request, person: Person, case: Case, part: Part) -> dict[str, StepForm]:
    office = office_of(request)
    rules = office.rules(office.today)
    found = now_of(office.ledger, rules, case.number, part=part.id, role=person.role, today=office.today)
    asking = Asking(case, part, person.role, rules, office.today, (), {}, papers(rules), "")
    steps = [step for step in found["parts"][0]["possible"] if step["event"] in ("accepted", "returned")]
    return {form.event: form for form in forms(asking, steps)}


def _cones(values: dict[str, Any], views: list[PhotoView]) -> dict[str, Any]:
    return {
        "map": values["map"].name,
        "photos": [
            {"n": v.n, "lon": v.lon, "lat": v.lat, "heading": v.heading_deg, "counts": v.counts, "after": v.after}
            for v in views
            if v.lon is not None and v.lat is not None
        ],
    }
