"""[io] What a worker keeps of the ledger for the overview: read once, then only what changed.

Nothing here is older than the ledger: each question first asks for its last event, which costs a millisecond.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import zlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from maps import assets, features, overview, style
from maps.features import District
from maps.gather import Gathered
from maps.overview_cases import Columns
from maps.portal.access import Person
from maps.portal.office import Office
from pipeline import precision
from pipeline.cases import tables
from pipeline.cases.database import reading
from pipeline.cases.slim import changed
from pipeline.inspection import Inspection, from_json

KEPT = 24
"""Areas, days and languages kept ready at once."""


@dataclass(frozen=True, eq=False)
class Ready:
    """The overview of one area, all but what depends on who asks. block: what the scripts draw from, as
    the page has it; deflated: the same, compressed once for all; map: of Folium. waiting: how many
    (parts of) cases have a status; proceedings: how many cases have one in that state. tag changes
    with any of it."""

    tag: str
    page: overview.OverviewPage
    columns: Columns
    by: str
    waiting: Mapping[str, int]
    proceedings: Mapping[str, int]
    block: bytes
    deflated: bytes
    map: assets.FoliumParts


@dataclass(frozen=True, eq=False)
class _Runs:
    seq: int
    newest: tuple[Inspection, ...]
    at: datetime | None


class Shelf:
    """Of one workspace, in one process."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.rows: dict[str, dict[str, Any]] = {}
        self.head = (0, "")
        self._scenes: tuple[str, ...] = ()
        self.lock = threading.Lock()
        self._ready: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._making: dict[tuple[Any, ...], threading.Lock] = {}
        self._runs = _Runs(-1, (), None)

    def refresh(self) -> tuple[int, str]:
        """Bring the rows up to the ledger; (seq, hash) of its last event."""
        with self.lock:
            found, scenes = changed(self.office.ledger, *self.head), self._names("scenes")
            head = found.seq, found.hash
            if (head, scenes) == (self.head, self._scenes):
                return head
            kept = {} if found.whole else self.rows
            fresh = {row["number"]: row for row in found.rows}
            known = frozenset(scenes)
            for row in (kept | fresh if scenes != self._scenes else fresh).values():
                fresh[row["number"]] = {**row, "chip": 1 if row["after_id"] in known else ""}
            self.rows, self.head, self._scenes = kept | fresh, head, scenes
            for key in [key for key in self._ready if key[0] == "ready"]:
                del self._ready[key]
            return head

    def ready(self, person: Person, lang: str) -> Ready:
        head, today = self.refresh(), self.office.today
        layers = self._names("layers")
        key = ("ready", head, person.districts, today, lang, layers, self._scenes)
        return self._kept(key, lambda: self._made(person, lang, hash_of(key), layers))

    def _made(self, person: Person, lang: str, tag: str, layers: tuple[str, ...]) -> Ready:
        rows = [row for row in self.rows.values() if person.sees(row)]
        runs = self._newest_run()
        office = self.office
        page = overview.OverviewPage(
            scope=office.name,
            as_of=office.clock(),
            rows=rows,
            districts=self._districts(person, layers),
            inspections=runs.newest,
            last_run_at=runs.at,
            software_version=office.version,
            parks=office.parks,
            portal=overview.Portal(),
        )
        frame = style.Frame("overview", lang, office.name, None, None)
        units = features.levels(page.districts, overview.names(rows))
        places = overview.places(page, units, lang)
        columns = overview.columns_of(page, places)
        drawn = overview.data(page, units, columns, places, frame)
        block = str(assets.json_block(drawn, "gx-data")).encode()
        map_ = assets.folium_parts(overview.base_map(units, rows))
        page = replace(page, rows=rows[:1])  # all of them stand in the columns
        waiting = Counter(status for row in rows for status in row["parts"] or (row["status"],))
        proceedings = Counter(row["proceeding"] for row in rows if row["proceeding"])
        return Ready(tag, page, columns, drawn["by"], waiting, proceedings, block, deflated(block), map_)

    def _districts(self, person: Person, layers: tuple[str, ...]) -> list[District]:
        def read() -> list[District]:
            with Gathered(self.office, self.office.today) as gathered:
                return gathered.districts()

        every: list[District] = self._kept(("districts", self.office.today, layers), read)
        if not person.districts:
            return every
        mine = [u for u in every if u.code.startswith(person.districts)]
        return mine or [u for u in every if any(code.startswith(u.code) for code in person.districts)]

    def lived(self) -> dict[str, Any]:
        """Precision as verified on the ground (``precision.lived``), of the whole office whoever asks: it tells of
        the flags and of no case, and one district alone has few verdicts."""
        head = self.refresh()

        def counted() -> dict[str, Any]:
            return precision.lived(self.rows.values(), itemgetter("right"))

        told: dict[str, Any] = self._kept(("ready", head, "lived"), counted)
        return told

    def _newest_run(self) -> _Runs:
        """The inspections of the newest run, the newest last."""
        events, held = tables.events.c, tables.inspections.c
        with reading(self.office.ledger.engine) as connection:
            last = connection.execute(sa.select(sa.func.max(held.seq))).scalar() or 0
            if last != self._runs.seq:
                found: list[Inspection] = []
                at = None
                query = sa.select(events.at, events.payload).join(tables.inspections, held.seq == events.seq)
                for row in connection.execute(query.order_by(events.seq.desc())):
                    one = from_json(json.loads(row.payload))
                    if found and one.run != found[0].run:
                        break
                    at = at or datetime.fromisoformat(row.at)
                    found.append(one)
                self._runs = _Runs(last, tuple(reversed(found)), at)
        return self._runs

    def _names(self, folder: str) -> tuple[str, ...]:
        """Of what is held; a change of it changes the tag."""
        where = self.office.editions.root if folder == "layers" else self.office.catalog.root / folder
        try:
            return tuple(sorted(name for name in os.listdir(where) if not name.startswith(".")))
        except FileNotFoundError:
            return ()

    def kept(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What ``make`` made of the ledger, the law and the day as they are now, once for all who ask with
        this key. ``make`` returns no None."""
        law = self.office.root / "law"
        files = tuple(sorted((path.name, path.stat().st_mtime_ns) for path in law.glob("*")))
        return self._kept(("ready", self.refresh(), self.office.today, files, *key), make)

    def _kept(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        with self.lock:
            if key in self._ready:
                self._ready.move_to_end(key)
                return self._ready[key]
            alone = self._making.setdefault(key, threading.Lock())
        with alone:  # of many who ask at once, one makes it
            held = self._ready.get(key)
            if held is not None:
                return held
            made = make()
            with self.lock:
                self._ready[key] = made
                self._making.pop(key, None)
                while len(self._ready) > KEPT:
                    self._ready.popitem(last=False)
            return made


_SHELVES: WeakKeyDictionary[Office, Shelf] = WeakKeyDictionary()
_LOCK = threading.Lock()


def shelf_of(office: Office) -> Shelf:
    with _LOCK:
        return _SHELVES.setdefault(office, Shelf(office))


def hash_of(key: Any) -> str:
    """The same in every worker for values that read the same."""
    return hashlib.sha256(repr(key).encode()).hexdigest()


def deflated(content: bytes) -> bytes:
    """A piece that may stand in any stream: no reference to what lies before it."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH)


def gzipped(before: bytes, content: bytes, ready: bytes, after: bytes) -> bytes:
    """``before + content + after`` as gzip; ``ready`` is ``content`` deflated already (RFC 1952)."""
    packer = zlib.compressobj(5, zlib.DEFLATED, -15)
    end = packer.compress(after) + packer.flush()
    total = len(before) + len(content) + len(after)
    check = zlib.crc32(after, zlib.crc32(content, zlib.crc32(before)))
    tail = check.to_bytes(4, "little") + (total & 0xFFFFFFFF).to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + deflated(before) + ready + end + tail
