"""What is published is told as of the moment it is made: what is overdue today is overdue on it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows import publish, settings
from geodata.days import day_of
from geodata.words import use
from pipeline.cases.events import SYSTEM, Actor, Kind
from tests.flows.an_office import flagged, land, square
from tests.pipeline.invented_flags import inspection

LONG_AGO = timedelta(days=90)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> settings.Workspace:
    """One case, found and dispatched 90 days ago: its check has been overdue for weeks."""
    folder = tmp_path_factory.mktemp("published")
    made, _ = settings.init(folder / "ws")
    made.editions.add("FARMLAND", land(folder), edition="2025")
    with made.ledger as ledger:
        ledger.clock = lambda: datetime.now(UTC) - LONG_AGO
        ledger.record(inspection(), [flagged(made, square(940, 100))], SYSTEM)
        number = ledger.cases()[0].number
        ledger.act(number, Kind.DISPATCHED, {"to_whom": "李外业", "reason": "顶棚"}, Actor("周建军", "reviewer"))
    return settings.open_workspace(made.root)


def days_overdue(office: settings.Workspace) -> int:
    due = office.ledger.cases()[0].parts[0].due
    assert due is not None
    return (day_of(datetime.now(UTC)) - datetime.fromisoformat(due["on"]).date()).days


def test_a_case_that_is_handed_over_is_told_as_of_now(office: settings.Workspace, tmp_path: Path) -> None:
    use("zh")
    try:
        publish.hand_over(office, office.ledger.cases()[0].number, tmp_path / "case.html")
    finally:
        use(None)
    html = (tmp_path / "case.html").read_text("utf-8")
    today = f"{day_of(datetime.now(UTC)):%m-%d}"
    assert days_overdue(office) > 30
    assert f"逾期 {days_overdue(office)} 天" in html
    assert re.search(rf"台账截至 </span><b>{today} ", html)
    assert re.search(rf"校验于</span> {today} ", html)


def test_the_site_tells_overdue_as_of_now(office: settings.Workspace, tmp_path: Path) -> None:
    begun = datetime.now(UTC)
    publish.write.fn(office, tmp_path / "site")
    held = json.loads((tmp_path / "site" / "site.json").read_bytes())
    assert begun <= datetime.fromisoformat(held["as_of"]) <= datetime.now(UTC)
    number = office.ledger.cases()[0].number
    page = (tmp_path / "site" / "case" / f"{number}.html").read_text("utf-8")
    assert f"逾期 {days_overdue(office)} 天" in page
