"""[io] Tables with positions in them (XLSX, CSV): facility-agriculture records and other lists.

A record's shape stands in a column of WKT, in a column with a list of points, or in as many rows as
it has points (X and Y, the other cells empty or repeated). Which of two numbers is the easting is
told by their size, never by a heading: in China northings have seven digits, eastings six or eight,
and longitudes are larger than latitudes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from geodata import tablefile
from geodata.contracts import CONTRACTS
from geodata.errors import EmptyData, InputError, UnreadableFile
from geodata.readers.records import Record, Source, polygon_of_rings
from geodata.words import Text, both

MAX_SHEETS = 50
_WKT = re.compile(r"\s*(SRID=\d+;)?\s*(MULTI)?POLYGON\s*(Z|M|ZM)?\s*\(", re.IGNORECASE)
_LIST = re.compile("坐标|界址点|拐点|范围|四至|POINTS|COORD", re.IGNORECASE)
_X = re.compile(r"X|X坐标|坐标X|纵坐标|横坐标|Y|Y坐标|坐标Y|经度|纬度|LON|LAT|LNG|LONGITUDE|LATITUDE|东经|北纬")
_HEAD_ROWS = 15
_DMS = re.compile(r"(\d{1,3})[°度]\s*(\d{1,2})[′'分]\s*(\d{1,2}(?:\.\d+)?)\s*[″\"秒]?")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_KNOWN = frozenset(n for c in CONTRACTS.values() for one in c.values() for n in (one.name, one.title, *one.aliases))


def opened(path: Path) -> Source:
    """Raises: UnreadableFile, EmptyData."""
    notes: list[Text] = []
    sheets = {name: found for name, rows in _sheets(path).items() if (found := _table(rows))}
    if not sheets:
        raise EmptyData("{path}: holds no rows; check that it was exported completely.", path=path)

    def records() -> Iterator[Record]:
        for name, table in sheets.items():
            for values, shape in table.records():
                yield Record(name, shape, values)

    for name, table in sheets.items():
        without = [n for n, (_, shape) in enumerate(table.records(), 1) if shape is None or shape.geom_type == "Point"]
        if without and len(without) < table.count():
            notes.append(
                both(
                    "{sheet}: {n} of {all} records have no outline and cannot be laid on the map (records {which}).",
                    sheet=name, n=len(without), all=table.count(),
                    which=", ".join(map(str, without[:10])) + (" …" if len(without) > 10 else ""),
                )
            )  # fmt: skip
    return Source(records, notes=notes)


def _sheets(path: Path) -> dict[str, tablefile.Rows]:
    names = _names(path)
    if not names:
        return {path.stem: tablefile.rows_of(path)}
    return {name: tablefile.rows_of(path, name) for name in names[:MAX_SHEETS]}


def _names(path: Path) -> list[str]:
    import openpyxl

    with path.open("rb") as stream:
        if stream.read(4) != b"PK\x03\x04":
            return []
    try:
        return list(openpyxl.load_workbook(path, read_only=True, keep_links=False).sheetnames)
    except InputError:
        raise
    except Exception:  # whatever a damaged workbook brings the library to
        raise UnreadableFile("{path}: is damaged, or no XLSX; save it again.", path=path) from None


def _plain(name: str) -> str:
    return re.sub(r"\s|[(（].*[)）]", "", unicodedata.normalize("NFKC", name)).upper()


@dataclass(frozen=True)
class _Table:
    """names: of the columns kept, {name: index}. wkt, points: index of such a column. xy: of the two with numbers."""

    names: dict[str, int]
    rows: Sequence[list[str]]
    wkt: int | None
    points: int | None
    xy: tuple[int, int] | None

    def count(self) -> int:
        return sum(1 for _ in self._groups())

    def records(self) -> Iterator[tuple[dict[str, str], BaseGeometry | None]]:
        for group in self._groups():
            first = group[0]
            values = {name: _cell(first, at) for name, at in self.names.items()}
            yield values, self._shape(group)

    def _groups(self) -> Iterator[list[list[str]]]:
        """The rows of one record: what follows with nothing new in it but a point belongs to it."""
        group: list[list[str]] = []
        for row in self.rows:
            if group and self.xy and self._continues(group[0], row):
                group.append(row)
                continue
            if group:
                yield group
            group = [row]
        if group:
            yield group

    def _continues(self, first: list[str], row: list[str]) -> bool:
        own = [(_cell(first, at), _cell(row, at)) for name, at in self.names.items() if not _is_point_name(name)]
        return all(not new or new == old for old, new in own) and all(_cell(row, at) for at in self.xy or ())

    def _shape(self, group: list[list[str]]) -> BaseGeometry | None:
        if self.wkt is not None and _cell(group[0], self.wkt):
            return _from_wkt(_cell(group[0], self.wkt))
        if self.points is not None and (found := _from_list(_cell(group[0], self.points))) is not None:
            return found
        if self.xy is None:
            return None
        pairs = [(_degrees(_cell(row, self.xy[0])), _degrees(_cell(row, self.xy[1]))) for row in group]
        ring = _east_north(np.array([p for p in pairs if None not in p], float).reshape(-1, 2))
        if ring is None or not len(ring):
            return None
        return polygon_of_rings([ring]) if len(ring) >= 3 else shapely.Point(ring[0])


def _is_point_name(name: str) -> bool:
    return bool(re.search("点号|点序|界址点|拐点|序号|^NO$|^ID$|备注", _plain(name)))


def _cell(row: list[str], at: int) -> str:
    return row[at].strip() if at < len(row) else ""


def _table(rows: tablefile.Rows) -> _Table | None:
    """None for a sheet without a header and rows."""
    head = _header(rows)
    if head is None:
        return None
    body = [row for row in rows[head + 1 :] if any(cell.strip() for cell in row)]
    names: dict[str, int] = {}
    for at, cell in enumerate(rows[head]):
        name, n = " ".join(cell.split()), 1
        while name in names:
            n += 1
            name = f"{' '.join(cell.split())}_{n}"
        if name:
            names[name] = at
    wkt = next((at for at in names.values() if _often(body, at, _WKT.match)), None)
    points = next((at for n, at in names.items() if at != wkt and _LIST.search(n) and _often(body, at, _many)), None)
    xy = [at for n, at in names.items() if _X.fullmatch(_plain(n)) and _often(body, at, _degrees)]
    shape = {wkt, points, *(xy if len(xy) == 2 else [])}
    kept = {n: at for n, at in names.items() if at not in shape}
    return _Table(kept, body, wkt, points, (xy[0], xy[1]) if len(xy) == 2 else None) if body else None


def _header(rows: tablefile.Rows) -> int | None:
    """The row that names most columns; the first with two names where none is known."""
    known = [sum(_plain(cell) in _KNOWN or bool(_X.fullmatch(_plain(cell))) for cell in row) for row in rows]
    best = int(np.argmax(known[:_HEAD_ROWS])) if known else 0
    if known and known[best]:
        return best
    return next((n for n, row in enumerate(rows[:_HEAD_ROWS]) if sum(bool(c.strip()) for c in row) >= 2), None)


def _often(rows: Sequence[list[str]], at: int, fits) -> bool:
    """Do half of the cells that are not empty fit, among the first thousand rows?"""
    cells = [cell for row in rows[:1000] if (cell := _cell(row, at))]
    return bool(cells) and 2 * sum(fits(cell) not in (None, False) for cell in cells) >= len(cells)


def _many(cell: str) -> bool:
    return len(_pairs(cell)) >= 3


def _from_wkt(text: str) -> BaseGeometry | None:
    try:
        return shapely.from_wkt(text.partition(";")[2] if text.upper().startswith("SRID") else text)
    except GEOSException:
        return None


def _from_list(cell: str) -> BaseGeometry | None:
    """ "X,Y;X,Y …", points a line or separated by blanks, each perhaps with its name (J1) in front."""
    ring = _east_north(_pairs(cell))
    return None if ring is None or len(ring) < 3 else polygon_of_rings([ring])


def _pairs(cell: str) -> np.ndarray:
    """(n, 2) of the numbers of a text that come in twos; empty where they do not."""
    text = unicodedata.normalize("NFKC", cell)
    text = _DMS.sub(lambda m: f" {int(m[1]) + int(m[2]) / 60 + float(m[3]) / 3600:.9f} ", text)
    text = re.sub(r"[A-Za-z\u4e00-\u9fff]+\d*", " ", text)  # names of points: J1, 界址点2
    numbers = [float(n) for n in _NUMBER.findall(text)]
    if (
        len(numbers) % 3 == 0
        and len(numbers) >= 9
        and numbers[::3] == [float(k) for k in range(1, len(numbers) // 3 + 1)]
    ):
        numbers = [n for k, n in enumerate(numbers) if k % 3]  # 1,X,Y 2,X,Y …
    return np.array(numbers if len(numbers) % 2 == 0 else [], float).reshape(-1, 2)


def _degrees(text: str) -> float | None:
    text = unicodedata.normalize("NFKC", text).strip()
    if found := _DMS.fullmatch(text):
        return int(found[1]) + int(found[2]) / 60 + float(found[3]) / 3600
    return float(text) if _NUMBER.fullmatch(text) else None


def _east_north(pairs: np.ndarray) -> np.ndarray | None:
    """The pairs as x, y; None where their sizes do not say which is which."""
    for first, second in ((pairs[:, 0], pairs[:, 1]), (pairs[:, 1], pairs[:, 0])):
        lonlat = (first >= 70).all() and (first <= 140).all() and (second >= 0).all() and (second <= 56).all()
        east = ((first >= 1e5) & (first < 1e6)).all() or ((first >= 1.3e7) & (first < 4.6e7)).all()
        if lonlat or (east and (second >= 1.5e6).all() and (second < 6.3e6).all()):
            return np.column_stack([first, second])
    return None
