"""导出台账: the register from the overview, of one's own area."""

from __future__ import annotations

import html
import io

import openpyxl
import pytest

from maps.portal.routes import overview
from pipeline.cases.events import Kind
from tests.maps.portal.conftest import OTHER, number
from tests.pipeline.cases import lives

ADDRESS = "/overview/register.xlsx"


def table(answer) -> tuple[list[dict], list[str]]:
    """(rows by their heading, lines under the table)."""
    assert answer.status_code == 200, answer.text
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
    lines = list(sheet.iter_rows(min_row=2, values_only=True))
    head, *rest = lines
    end = rest.index(next(line for line in rest if not any(line)))
    return [dict(zip(head, line, strict=True)) for line in rest[:end]], [line[0] for line in rest[end + 1 :]]


def test_the_button_of_the_overview_gives_the_register(client, sign_in, office) -> None:
    sign_in(client, "reviewer")
    assert f'href="{ADDRESS}"' in client.get("/overview").text
    answer = client.get(ADDRESS)
    assert answer.headers["content-disposition"] == 'attachment; filename="register-2026-11-24.xlsx"'
    rows, under = table(answer)
    assert [row["Case"] for row in rows] == [number(n) for n in range(1, 7)] + [number(n, OTHER) for n in (1, 2)]
    assert [row["Farmland (mu)"] for row in rows] == [12.0] * 8  # 8,000 m²
    last = office.ledger.events()[-1]
    assert f"{last.seq}-{last.hash[:8]}" in under[0]
    with office.store.reading() as connection:
        noted = connection.exec_driver_sql("select who from journal where kind = 'register_exported'").scalars().all()
    assert noted == ["reviewer"]


def test_a_district_takes_its_own_and_who_only_looks_takes_no_party(new_client, sign_in, office) -> None:
    party = {office.ledger.case(number(n)).parts[0].verdict["party"] for n in (4, 5)}
    rows, _ = table(sign_in(new_client(), "district_officer", ("430321",)).get(ADDRESS))
    assert {row["County"] for row in rows} == {"湘潭县"}
    assert party <= {row["Party"] for row in rows}
    rows, under = table(sign_in(new_client(), "remote_sensing").get(ADDRESS))
    assert {row["Party"] for row in rows} == {None}
    assert under[-1].startswith("Parties stand only")


@pytest.mark.parametrize("hostile", ["=1+1", "@SUM(A1)", "<script>alert(1)</script>"])
def test_hostile_text_stays_text(client, sign_in, office, hostile) -> None:
    office.ledger.act(number(2), Kind.DISMISSED, {"reason": hostile}, lives.SENSING)
    answer = sign_in(client, "reviewer").get(ADDRESS)
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
    found = [cell for line in sheet.iter_rows() for cell in line if hostile in str(cell.value)]
    assert {cell.data_type for cell in found} == {"s"}


def test_while_one_is_written_the_next_is_told_to_wait(client, sign_in) -> None:
    sign_in(client, "reviewer")
    with overview._WRITING:
        answer = client.get(ADDRESS)
    assert answer.status_code == 503
    assert "ask again in a minute" in html.unescape(answer.text)
    assert client.get(ADDRESS).status_code == 200
