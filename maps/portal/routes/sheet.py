"""图斑表: the case sheet, for A4."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from maps.case_sheet import sheet
from maps.portal import record
from maps.portal.access import Person, allowed, case_of, office_of
from maps.portal.case_page import page_of
from maps.portal.pages import render
from pipeline.cases.events import Role
from pipeline.cases.given import papers

router = APIRouter()
PARTY = frozenset({Role.DISTRICT_OFFICER, Role.REVIEWER, Role.LEGAL_REVIEWER})
"""Who reads on paper whose ground it is: those who act against a party."""


@router.get("/case/{number}/print")
def printed(request: Request, number: str, person: Annotated[Person, Depends(allowed("print"))]) -> Response:
    office = office_of(request)
    case = case_of(office, person, number)
    page = page_of(office, person, case, office.ledger.events(case.number))
    last = record.last(office)
    names = papers(office.rules(office.today))
    made = sheet(page, case, last.mark if last else "", names, party=person.role in PARTY)
    return render(
        request, "sheet.html.j2", person=person, nav="case", sheet=made, page=page, thumbs=person.may("files")
    )
