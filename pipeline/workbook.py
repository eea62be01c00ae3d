"""A table as a workbook: numbers as numbers, days as days, no text that a spreadsheet would run. Pure: bytes out."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

MAX_TEXT = 32_767
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so would be run as a formula if it were typed; it is marked as text."""


@dataclass(frozen=True)
class Field:
    """A column. name: short, of ASCII, up to ten characters (for Shapefiles). type: "text" | "number" | "day"."""

    name: str
    heading: str
    type: str
    width: int = 12
    decimals: int = 2


def workbook(
    sheet: str, title: str, fields: Sequence[Field], rows: Iterable[Sequence[Any]], footer: Sequence[str]
) -> bytes:
    """title over the headings, "" for none, so that machines read the first row; footer: lines under the last row.
    A value None is an empty cell."""
    book = Workbook(write_only=True)
    table = book.create_sheet(sheet)
    top = 2 if title else 1
    table.freeze_panes = f"A{top + 1}"
    for n, field in enumerate(fields, 1):
        table.column_dimensions[get_column_letter(n)].width = field.width
    if title:
        table.append([_text(table, title, Font(bold=True, size=14))])
    head = []
    for field in fields:
        cell = _text(table, field.heading, Font(bold=True))
        cell.fill = PatternFill("solid", fgColor="DDE7DD")
        cell.alignment = Alignment(wrap_text=True, vertical="center")
        head.append(cell)
    table.append(head)
    count = 0
    for row in rows:
        table.append([_cell(table, field, value) for field, value in zip(fields, row, strict=True)])
        count += 1
    table.auto_filter.ref = f"A{top}:{get_column_letter(len(fields))}{count + top}"
    if footer:
        table.append([])
    for line in footer:
        table.append([_text(table, line, Font(italic=True, color="666666"))])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(table: Any, field: Field, value: Any) -> Any:
    if value is None or value == "":
        return None
    if field.type == "number":
        cell = WriteOnlyCell(table, value=value)
        cell.number_format = "0" if field.decimals == 0 else "0." + "0" * field.decimals
        return cell
    if field.type == "day":
        cell = WriteOnlyCell(table, value=value if isinstance(value, date) else date.fromisoformat(str(value)[:10]))
        cell.number_format = "yyyy-mm-dd"
        return cell
    return _text(table, str(value))


def _text(table: Any, value: str, font: Font | None = None) -> Any:
    said = ILLEGAL_CHARACTERS_RE.sub("", value)[:MAX_TEXT]
    cell = WriteOnlyCell(table, value=said)
    cell.data_type = "s"  # what begins with = stays text
    if said.startswith(FORMULA):
        cell.quotePrefix = True
    if font is not None:
        cell.font = font
    return cell
