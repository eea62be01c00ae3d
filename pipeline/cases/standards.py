"""[io] What verdicts ask for, what a closing must show, how long things may take: dated data, an office's own first.

The project's data are ``law/*.toml`` beside this file; an office's ``<workspace>/law/*.toml`` replace or add entries
by key. A file that is wrong is refused with its line, its key and the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, TypeVar

from geodata import atomic
from geodata.errors import InputError
from geodata.words import Text, both
from pipeline.cases.lawfile import Document, Table, parse
from pipeline.cases.rules import (
    CERTAINTIES,
    OUTCOMES,
    SHOTS,
    ClosingRule,
    DeadlineRule,
    Field,
    Standards,
    VerdictRule,
)
from pipeline.cases.workdays import UNITS, Calendar, YearTable

__all__ = ["FILES", "ClosingRule", "DeadlineRule", "Field", "Standards", "VerdictRule", "standards", "write_template"]

LAW = Path(__file__).parent / "law"
FILES = ("verdicts", "closing", "deadlines", "workdays")


def standards(day: date, office: Path | None = None) -> Standards:
    """What is in force on ``day``.

    ``office``: the folder of an office's own files (``<workspace>/law``); it need not exist. An office's entry goes
    before the project's of the same key from its day on; before the first entry of a key in the project, that one
    holds. InputError names file, line, key and reason.
    """
    return _in_force(_everything(_sources(office)), day)


def write_template(office: Path, name: str = "closing") -> Path:
    """An office's ``law/<name>.toml`` to start from: the project's own text, its entries commented out.

    InputError where there is no such file of rules, or the office has one already.
    """
    if name not in FILES:
        raise InputError("No file of rules is called {name}; there are {known}.", name=name, known=", ".join(FILES))
    path = office / f"{name}.toml"
    if path.exists():
        raise InputError("{path} is there already; edit it, or move it away first.", path=path)
    office.mkdir(parents=True, exist_ok=True)
    lines = (LAW / path.name).read_text("utf-8").splitlines()
    body = [line if not line or line.startswith("#") else f"#{line}" for line in lines]
    atomic.write_bytes(path, "\n".join([*_TEMPLATE_HEAD, *body, ""]).encode())
    return path


_TEMPLATE_HEAD = (
    "# 本单位的标准。带 # 而后无空格的行是系统现行内容：要改哪一条，就去掉整条各行行首的 #，再改数值、生效日期和依据。",
    "# This office's own rules. Lines that begin with # and no space are what holds now: take the # away from all",
    "# lines of an entry, then change its numbers, its day and its source. What is not given here stays as it is.",
    "",
)


class _Rule(Protocol):
    @property
    def key(self) -> str: ...
    @property
    def valid_from(self) -> date: ...


R = TypeVar("R", bound=_Rule)
Versions = Mapping[str, tuple[tuple[R, ...], tuple[R, ...]]]
"""key → (the project's, the office's), each oldest first."""


@dataclass(frozen=True)
class _Everything:
    verdicts: Versions[VerdictRule]
    closings: Versions[ClosingRule]
    deadlines: Versions[DeadlineRule]
    documents: Mapping[str, Text]
    calendar: Calendar
    watch_months: int
    digest: str
    asked: Mapping[str, int]


def _sources(office: Path | None) -> tuple[tuple[str, bool, str, bytes], ...]:
    """(name, whether the office's, path to show, content)."""
    found = [(name, False, f"{name}.toml", (LAW / f"{name}.toml").read_bytes()) for name in FILES]
    if office is None or not office.is_dir():
        return tuple(found)
    known = sorted(path.name for path in LAW.glob("*.toml"))
    for path in sorted(path for path in office.iterdir() if path.suffix.lower() == ".toml"):
        if path.name not in known:
            raise InputError(
                "{path}: no rules are read from a file of this name; known are {known}.",
                path=path,
                known=", ".join(known),
            )
        if path.stem in FILES:
            try:
                found.append((path.stem, True, str(path), path.read_bytes()))
            except OSError as error:
                raise InputError("{path}: cannot be read ({reason}).", path=path, reason=error.strerror) from error
    return tuple(found)


@lru_cache(maxsize=8)
def _everything(sources: tuple[tuple[str, bool, str, bytes], ...]) -> _Everything:
    documents = [(name, office, parse(path, raw)) for name, office, path, raw in sources]
    fields: dict[str, Field] = {}
    papers: dict[str, Text] = {}
    asked: dict[str, int] = {}
    watch = 0
    for name, _, document in documents:
        if name == "verdicts":
            document.root().only("fields", "asked", "verdict")
            fields |= _fields(document.root())
            asked = document.root().counts("asked", SHOTS, 50) if "asked" in document.root().data else asked
        elif name == "closing":
            document.root().only("documents", "watch_months", "closing")
            papers |= {key: _only_named(one) for key, one in document.root().table("documents", optional=True).inner()}
            watch = document.root().whole("watch_months", 1, 600, watch or None)
        elif name == "deadlines":
            document.root().only("deadline")
    return _Everything(
        verdicts=_versions(documents, "verdicts", "verdict", lambda t: _verdict(t, fields)),
        closings=_versions(documents, "closing", "closing", lambda t: _closing(t, papers)),
        deadlines=_versions(documents, "deadlines", "deadline", _deadline),
        documents=papers,
        calendar=_calendar([document for name, _, document in documents if name == "workdays"]),
        watch_months=watch,
        digest=_digest(sources),
        asked=asked,
    )


def _digest(sources: tuple[tuple[str, bool, str, bytes], ...]) -> str:
    """Over name, owner and content of each file, and the edition of the published working days."""
    whole = hashlib.sha256(f"chinesecalendar {version('chinesecalendar')}\n".encode())
    for name, office, _, raw in sources:
        whole.update(f"{'office' if office else 'project'}/{name} {hashlib.sha256(raw).hexdigest()}\n".encode())
    return whole.hexdigest()


def _versions(
    documents: list[tuple[str, bool, Document]], file: str, array: str, read: Callable[[Table], R]
) -> Versions[R]:
    found: dict[str, tuple[list[R], list[R]]] = {}
    for name, office, document in documents:
        if name != file:
            continue
        for table in document.root().tables(array):
            rule = read(table)
            versions = found.setdefault(rule.key, ([], []))[office]
            if any(one.valid_from == rule.valid_from for one in versions):
                table.wrong("valid_from", both("two entries of this key from the same day"))
            versions.append(rule)
    return {
        key: (tuple(sorted(ours, key=_since)), tuple(sorted(theirs, key=_since)))
        for key, (ours, theirs) in found.items()
    }


def _since(rule: _Rule) -> date:
    return rule.valid_from


def _in_force(everything: _Everything, day: date) -> Standards:
    return Standards(
        verdicts=_valid(everything.verdicts, day),
        closings=_valid(everything.closings, day),
        deadlines=_valid(everything.deadlines, day),
        calendar=everything.calendar,
        watch_months=everything.watch_months,
        digest=everything.digest,
        documents=everything.documents,
        asked=everything.asked,
    )


def _valid(versions: Versions[R], day: date) -> dict[str, R]:
    found: dict[str, R] = {}
    for key, (ours, theirs) in versions.items():
        valid = [one for one in theirs if one.valid_from <= day] or [one for one in ours if one.valid_from <= day]
        if valid or ours:
            found[key] = valid[-1] if valid else ours[0]
    return found


# --- one entry of each file ----------------------------------------------------------------------


def _only_named(table: Table) -> Text:
    table.only("zh", "en")
    return table.named()


def _fields(root: Table) -> dict[str, Field]:
    found = {}
    for key, one in root.table("fields", optional=True).inner():
        one.only("zh", "en", "type")
        found[key] = Field(key, one.named(), one.choice("type", ("text", "number", "date", "month", "use")))
    return found


def _verdict(table: Table, fields: Mapping[str, Field]) -> VerdictRule:
    table.only(*_DATED, "needs", "may", "photos", "photo_in_place", "leads_to", "outcome", "subs", "uses")
    subs = dict(table.table("subs", optional=True).inner())
    for one in subs.values():
        one.only("zh", "en", "needs")
    uses = {
        sub: {key: _only_named(use) for key, use in inner.inner()}
        for sub, inner in table.table("uses", optional=True).inner()
    }
    for sub in uses:
        if sub not in subs:
            table.wrong("uses", both("{value} is unknown; known are {allowed}", value=sub, allowed=", ".join(subs)))
    key = table.text("key")
    leads_to = table.choice("leads_to", ("rectify",) if key == "violation" else ("accept", "rectify"))
    return VerdictRule(
        key=key,
        name=table.named(),
        subs={sub: one.named() for sub, one in subs.items()},
        needs=table.texts("needs", fields),
        photos=table.counts("photos", SHOTS, 50),
        leads_to=leads_to,
        outcome=table.choice("outcome", ("",) if leads_to == "rectify" else tuple(OUTCOMES)),
        valid_from=table.day("valid_from"),
        source=table.text("source"),
        certainty=table.choice("certainty", CERTAINTIES, "office"),
        may=table.texts("may", fields, optional=True),
        uses=uses,
        sub_needs={sub: one.texts("needs", fields) for sub, one in subs.items() if "needs" in one.data},
        fields=fields,
        photo_in_place=table.flag("photo_in_place", leads_to == "accept"),
    )


def _closing(table: Table, papers: Mapping[str, Text]) -> ClosingRule:
    numbers = ("photo_in_place", "clear_scenes", "flights", "residue_m2")
    table.only(*_DATED, "photos", "documents", "outcome", *numbers)
    rule = ClosingRule(
        key=table.text("key"),
        name=table.named(),
        photos=table.counts("photos", SHOTS, 50),
        photo_in_place=table.flag("photo_in_place"),
        clear_scenes=table.whole("clear_scenes", 0, 12),
        flights=table.whole("flights", 0, 12),
        documents=table.texts("documents", papers),
        residue_m2=table.number("residue_m2", 0, 10_000),
        outcome=table.choice("outcome", tuple(OUTCOMES)),
        valid_from=table.day("valid_from"),
        source=table.text("source"),
        certainty=table.choice("certainty", CERTAINTIES, "office"),
        document_names=papers,
    )
    imagery = rule.clear_scenes or rule.flights
    if rule.outcome == "rectified" and not rule.photo_in_place:
        table.wrong("photo_in_place", both("restored ground is not closed without a photo taken in place"))
    if rule.outcome == "rectified" and not imagery:
        table.wrong("clear_scenes", both("restored ground is not closed without later imagery or a flight"))
    if not (imagery or rule.photo_in_place or rule.documents or any(rule.photos.values())):
        table.wrong("", both("asks for nothing: no case is closed without proof"))
    return rule


def _deadline(table: Table) -> DeadlineRule:
    table.only(*_DATED, "from", "n", "unit", "roll", "extend_times", "extend_n")
    starts, n = table.table("from", optional=True), table.whole("n", 1, 3650)
    return DeadlineRule(
        key=table.text("key"),
        n=n,
        unit=table.choice("unit", UNITS),
        roll=table.flag("roll"),
        source=table.text("source"),
        valid_from=table.day("valid_from"),
        name=table.named(),
        starts=_only_named(starts) if starts.data else {"zh": "", "en": ""},
        certainty=table.choice("certainty", CERTAINTIES, "office"),
        extend_times=table.whole("extend_times", 0, 100, 2),
        extend_n=table.whole("extend_n", 1, 3650, n),
    )


_DATED = ("key", "zh", "en", "valid_from", "source", "certainty")


def _calendar(documents: list[Document]) -> Calendar:
    calendar = Calendar()
    years: dict[int, YearTable] = {}
    for document in documents:
        root = document.root()
        root.only("fixed_holidays", "source", "certainty", "year")
        if "fixed_holidays" in root.data:
            calendar = replace(calendar, fixed=tuple(_month_day(root, one) for one in root.texts("fixed_holidays")))
        given: set[int] = set()
        for table in root.tables("year"):
            table.only("year", "source", "holidays", "workdays")
            year = table.whole("year", 2000, 2200)
            if year in given:
                table.wrong("year", both("given twice"))
            given.add(year)
            holidays, workdays = _days(table, "holidays", year), _days(table, "workdays", year)
            if both_ways := holidays & workdays:
                table.wrong("workdays", both("{day} is a holiday too", day=min(both_ways)))
            years[year] = YearTable(holidays, workdays, table.text("source"))
    return replace(calendar, years=years)


def _month_day(root: Table, said: str) -> tuple[int, int]:
    try:
        day = date.fromisoformat(f"2000-{said}")
    except ValueError:
        root.wrong("fixed_holidays", both("{value} is no day such as 01-01", value=said))
    return day.month, day.day


def _days(table: Table, key: str, year: int) -> frozenset[date]:
    found: set[date] = set()
    for said in table.texts(key):
        first, _, last = said.partition("..")
        try:
            start, end = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
        except ValueError:
            table.wrong(key, both("{value} is no day such as 2027-01-01, nor first..last", value=said))
        if not (start.year == end.year == year and start <= end):
            table.wrong(key, both("{value} does not lie in {year}, first before last", value=said, year=year))
        found |= {start + timedelta(days=i) for i in range((end - start).days + 1)}
    return frozenset(found)
