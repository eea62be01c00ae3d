"""[io] Lists in and out of hand: CSV and XLSX as rows of text, read in a child process."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from pathlib import Path
from typing import Any

from geodata.errors import EmptyData, InputError, UnreadableFile
from geodata.safe import Limits, in_child, local_file

MAX_ROWS, MAX_COLUMNS, MAX_CELL = 200_000, 400, 100_000
_CHILD = Limits(cpu_s=120, wall_s=300, memory_bytes=2 * 1024**3)
WARM = ("openpyxl",)
SUFFIXES = (".csv", ".txt", ".xlsx")

Rows = list[list[str]]
"""Every row as texts, empty ones as "". A day of a workbook is YYYY-MM-DD, a whole number has no point."""


def read(path: str | Path, sheet: str | None = None) -> Rows:
    """The rows of a CSV (UTF-8 or GB18030; comma, semicolon or tab) or of one sheet of an XLSX.

    sheet: by its name, the first if not given. Raises: UnreadableFile, EmptyData; InputError for a sheet that is not
    there.
    """
    file = local_file(path)
    found: Rows = in_child("geodata.tablefile:_read", str(file), sheet, str(path), about=path, limits=_CHILD)
    if not any(any(row) for row in found):
        raise EmptyData("{path}: holds no rows; check that it was exported completely.", path=path)
    return found


def rows_of(path: Path, sheet: str | None = None) -> Rows:
    """As ``read``, for a child process that has the file already."""
    return _read(str(path), sheet, str(path))


def _read(path: str, sheet: str | None, said: str) -> Rows:
    """In the child."""
    file = Path(path)
    with file.open("rb") as stream:
        zipped = stream.read(4) == b"PK\x03\x04"
    if zipped:
        return _workbook(file, sheet, said)
    if sheet is not None:
        raise InputError("{path}: is no workbook, so that --sheet means nothing; leave it out.", path=said)
    return _csv(file, said)


def _csv(file: Path, said: str) -> Rows:
    raw = file.read_bytes()
    if b"\0" in raw[:4096]:
        raise UnreadableFile("{path}: is neither CSV nor XLSX; export it as one of them.", path=said)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise UnreadableFile("{path}: its text is neither UTF-8 nor GB18030; save it as CSV UTF-8.", path=said)
    head = text[:10_000]
    delimiter = max(",;\t", key=head.count)
    csv.field_size_limit(MAX_CELL)
    try:
        lines = csv.reader(io.StringIO(text), delimiter=delimiter)
        rows = [_bounded([cell.strip() for cell in row], said) for row in lines]
    except csv.Error as error:
        raise UnreadableFile(
            "{path}: cannot be read as CSV ({error}); save it again.", path=said, error=error
        ) from None
    return _counted(rows, said)


def _workbook(file: Path, sheet: str | None, said: str) -> Rows:
    import openpyxl

    try:
        book: Any = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        names = list(book.sheetnames)
        if sheet is not None and sheet not in names:
            raise InputError(
                "{path}: has no sheet “{sheet}”; it has {names}.", path=said, sheet=sheet, names=", ".join(names)
            )
        table = book[sheet] if sheet is not None else book.worksheets[0]
        table.reset_dimensions()
        rows: Rows = []
        for row in table.iter_rows(values_only=True):
            rows.append(_bounded([_shown(value) for value in row], said))
            if len(rows) > MAX_ROWS:
                break
        return _counted(rows, said)
    except InputError:
        raise
    except MemoryError:
        raise
    except Exception:  # whatever a damaged workbook brings the library to
        raise UnreadableFile("{path}: is damaged, or no XLSX; save it again.", path=said) from None


def _bounded(row: list[str], said: str) -> list[str]:
    if len(row) > MAX_COLUMNS:
        raise UnreadableFile(
            "{path}: has {n} columns, more than {limit}; leave only the list in it.",
            path=said,
            n=len(row),
            limit=MAX_COLUMNS,
        )
    return [cell[:MAX_CELL] for cell in row]


def _counted(rows: Rows, said: str) -> Rows:
    if len(rows) > MAX_ROWS:
        raise UnreadableFile("{path}: has more than {limit} rows; cut it up.", path=said, limit=MAX_ROWS)
    return rows


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
        return value.date().isoformat() if midnight else value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value).strip()
