"""[io] The static site: overview, case pages and run reports in both languages, old or new, never half.

    site/index.html  case/<number>.html  runs/<id>.html  runs/<id>.json  stats.html   Chinese
    site/en/…                                                                the same in English
    site/static/  site/chips/                                                shared, named by their content
    site/site.json                                                           what was published when

Everything links relatively, so the folder opens by double click and can be carried anywhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geodata.atomic import replacing_folder
from geodata.days import day_of
from geodata.errors import InputError
from geodata.scene import Scene
from geodata.words import LANGUAGES, Text
from maps import assets, case_map, features, overview, run_page, stats_page, style
from maps.case_life import Gates
from maps.chips import Bounds, Chip, encode, thumbnail
from maps.features import District, Park
from maps.telling import Rules
from pipeline import precision
from pipeline.cases.case import Case
from pipeline.cases.events import Event
from pipeline.cases.heads import MARK_LENGTH
from pipeline.cases.rows import case_row, on_day
from pipeline.cases.standards import standards
from pipeline.flags import Flag, from_json
from pipeline.inspection import Inspection

MARKER = "site.json"
NUMBER = re.compile(r"[0-9]{6}-[0-9]{4}-[0-9]{5}")


@dataclass(frozen=True, eq=False)
class Picture:
    """A cut of one scene. rgb: (y, x, 3) uint8 in EPSG:3857; bounds: its (west, south, east, north) in degrees."""

    rgb: NDArray[np.uint8]
    bounds: Bounds


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What lies around one case. scenes: all that cover it. around: (geometry EPSG:4490, label,
    layer kind). clouds: {scene id: per cent of the patch under cloud}."""

    scenes: Sequence[Scene] = ()
    around: Sequence[tuple[BaseGeometry, str, str]] = ()
    clouds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """index: the page to open first. files and size_bytes count all that was written."""

    index: Path
    cases: int
    runs: int
    files: int
    size_bytes: int


def publish(
    site: Path,
    *,
    scope: Text | str,
    cases: Sequence[Case],
    events_by_case: Mapping[str, Sequence[Event]],
    inspections: Sequence[Inspection],
    districts: Sequence[District],
    verified: Any = None,
    chips: Callable[[Case], Mapping[str, Picture]] = lambda _: {},
    context: Callable[[Case], Surroundings] = lambda _: Surroundings(),
    software_version: str = "",
    inspected_at: Mapping[str, datetime] | None = None,
    scenes: Mapping[str, Scene] | None = None,
    thumbs: Mapping[str, Picture] | None = None,
    map_number: str = "",
    parks: Sequence[Park] = (),
    as_of: datetime | None = None,
    rules: Rules = standards,
    gates: Gates | None = None,
    construction_m2: Mapping[tuple[str, int], float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Published:
    """Write the whole site beside ``site`` and let it take the place of the old one at the end.

    chips: {scene id: Picture} for a case, asked for once a case. inspected_at: {inspection id: when}.
    scenes, thumbs: of the inspections, by scene id. verified: ``ledger.Verified`` or None. as_of: what is due
    is told as of then; the newest event's time unless given, and never before it. rules: what is in force on a
    day. gates: of a part that waits for acceptance (``Ledger.gates``). construction_m2: as for ``statistics``.
    progress: (pages done, pages in all). Raises InputError where ``site`` holds something that is not a
    published site.
    """
    _refuse_foreign(site)
    at = dict(inspected_at or {})
    moments = [event.at for events in events_by_case.values() for event in events] + list(at.values())
    told_at = max([*moments, *filter(None, [as_of])], default=None)
    told = _Told(
        scope=scope, as_of=told_at, verified=verified, version=software_version,
        scenes=dict(scenes or {}), inspected_at=at, map_number=map_number, parks=parks, rules=rules, gates=gates,
        lived=precision.lived(map(case_row, cases)),
    )  # fmt: skip
    done = _counted(progress, len(cases) + len(inspections) + 1)
    with replacing_folder(site) as folder:
        writer = _Writer(folder)
        rows: list[dict[str, Any]] = []
        shown: dict[str, tuple[Chip | None, Chip | None]] = {}
        for case in cases:
            held = writer.chips(chips(case))
            _case(writer, told, case, events_by_case.get(case.number, ()), inspections, context(case), held)
            rows.append(_row(case, held, shown))
            done()
        flags = _flags_by_inspection(events_by_case)
        pictures = {id_: chip.thumb for id_, chip in writer.chips(thumbs or {}).items()}
        for inspection in inspections:
            _run(writer, told, inspection, flags.get(inspection.id, []), shown, pictures)
            done()
        _runs(writer, told, inspections)
        _overview(writer, told, rows, districts, inspections)
        _stats(writer, told, rows, inspections, construction_m2 or {})
        done()
        writer.finish(told, len(cases), len(inspections))
    return Published(site / "index.html", len(cases), len(inspections), writer.files, writer.size_bytes)


def _counted(progress: Callable[[int, int], None] | None, pages: int) -> Callable[[], None]:
    """To be called for each page that is done."""
    numbers = count(1)

    def done() -> None:
        if progress:
            progress(next(numbers), pages)

    return done


def _refuse_foreign(site: Path) -> None:
    if site.is_dir() and any(site.iterdir()) and not (site / MARKER).is_file():
        raise InputError("{path}: is not a site that GengXun published; name an empty or new folder.", path=site)
    if site.exists() and not site.is_dir():
        raise InputError("{path}: is a file; name a folder for the site.", path=site)


@dataclass(frozen=True, eq=False)
class _Told:
    """What all pages say alike."""

    scope: Text | str
    as_of: datetime | None
    verified: Any
    version: str
    scenes: Mapping[str, Scene]
    inspected_at: Mapping[str, datetime]
    map_number: str
    parks: Sequence[Park] = ()
    rules: Rules = standards
    gates: Gates | None = None
    lived: Mapping[str, Any] | None = None
    assets: Mapping[str, str] = field(default_factory=assets.names)

    @property
    def intact(self) -> bool | None:
        return None if self.verified is None else bool(self.verified.ok)

    @property
    def mark(self) -> str:
        """Short form of the head that was verified; "" where nothing was."""
        head = getattr(self.verified, "head", "")
        return f"{self.verified.events}-{head[:MARK_LENGTH]}" if head else ""

    def frame(self, path: str, lang: str, nav: str) -> style.Frame:
        return style.Frame(path, lang, self.scope, self.as_of, self.intact, self.assets, self.version, nav)


class _Writer:
    """Writes under one folder, counts, and keeps each picture once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = 0
        self.size_bytes = 0
        self.held: set[str] = set()
        for name, content in assets.static_files().values():
            self.write(f"static/{name}", content)

    def write(self, path: str, content: bytes) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        self.files += 1
        self.size_bytes += len(content)

    def page(self, path: str, lang: str, html: str) -> None:
        where = path if lang == "zh" else f"{lang}/{path}"
        self.write(where, assets.check_offline(html, where).encode())

    def chips(self, pictures: Mapping[str, Picture]) -> dict[str, Chip]:
        """{scene id: Chip}; files are named by their content, so equal pictures are one file."""
        return {
            id_: Chip(self._webp(encode(one.rgb)), self._webp(thumbnail(one.rgb)), one.bounds)
            for id_, one in pictures.items()
        }

    def _webp(self, content: bytes) -> str:
        path = f"chips/{hashlib.sha256(content).hexdigest()[:32]}.webp"
        if path not in self.held:
            self.held.add(path)
            self.write(path, content)
        return path

    def finish(self, told: _Told, cases: int, runs: int) -> None:
        content = {
            "as_of": told.as_of.isoformat() if told.as_of else None,
            "software_version": told.version,
            "head": getattr(told.verified, "head", None),
            "cases": cases,
            "runs": runs,
        }
        self.write(MARKER, json.dumps(content, ensure_ascii=False, indent=1).encode())


def _case(
    writer: _Writer,
    told: _Told,
    case: Case,
    events: Sequence[Event],
    inspections: Sequence[Inspection],
    around: Surroundings,
    held: Mapping[str, Chip],
) -> None:
    if not NUMBER.fullmatch(case.number):
        raise InputError(
            "The case number {number} cannot become a page; numbers are given by the ledger.", number=case.number
        )
    ids = {event.payload.get("inspection") for event in events}
    mine = [one for one in inspections if one.id in ids]
    page = case_map.case_page(
        case,
        events,
        mine,
        around.scenes,
        around.around,
        chips=held,
        as_of=told.as_of or case.found_at,
        clouds=around.clouds,
        verified=told.verified,
        runs={one.id: run_page.page_path(one.id) for one in mine},
        rules=told.rules,
        gates=told.gates,
        lived=told.lived,
    )
    path = case_map.page_path(case.number)
    for lang in LANGUAGES:
        writer.page(path, lang, case_map.render(page, lang, told.frame(path, lang, "cases")))


def _row(case: Case, held: Mapping[str, Chip], shown: dict[str, tuple[Chip | None, Chip | None]]) -> dict[str, Any]:
    for flag in case.flags:
        shown[flag["id"]] = held.get(flag["change"]["before_id"]), held.get(flag["change"]["after_id"])
    chip = shown[case.flags[-1]["id"]][1]
    return features.page_row(case, chip=chip.thumb if chip else None)


def _flags_by_inspection(events_by_case: Mapping[str, Sequence[Event]]) -> dict[str, list[tuple[Flag, str]]]:
    """{inspection id: [(flag, case number)]} from the events that carry a flag."""
    found: dict[str, list[tuple[Flag, str]]] = {}
    for event in _in_order(events_by_case.values()):
        if event.case is not None and "flag" in event.payload:
            pair = from_json(event.payload["flag"]), event.case
            found.setdefault(event.payload.get("inspection", ""), []).append(pair)
    return found


def _in_order(events: Iterable[Sequence[Event]]) -> Iterator[Event]:
    yield from sorted((event for some in events for event in some), key=lambda event: event.seq)


def _run(
    writer: _Writer,
    told: _Told,
    inspection: Inspection,
    flags: Sequence[tuple[Flag, str]],
    shown: Mapping[str, tuple[Chip | None, Chip | None]],
    thumbs: Mapping[str, str],
) -> None:
    at = told.inspected_at.get(inspection.id)
    page = run_page.run_page(
        inspection,
        told.scenes,
        [flag for flag, _ in flags],
        numbers={flag.id: number for flag, number in flags},
        chips=shown,
        as_of=told.as_of or at or datetime.fromtimestamp(0, style.BEIJING),
        place=told.frame("", "zh", "runs").scope_name,
        finished_at=at,
        thumbs=thumbs,
        version=told.version,
    )
    path = run_page.page_path(inspection.id)
    as_json = json.dumps(run_page.to_json(page), ensure_ascii=False, indent=1).encode()
    for lang in LANGUAGES:
        writer.page(path, lang, run_page.render(page, lang, told.frame(path, lang, "runs")))
        writer.write(("" if lang == "zh" else f"{lang}/") + f"runs/{page.json_href}", as_json)


def _runs(writer: _Writer, told: _Told, inspections: Sequence[Inspection]) -> None:
    """The list of all runs, newest first."""
    lines = [
        {
            "href": f"{one.id}.html",
            "at": told.inspected_at.get(one.id),
            "before": told.scenes.get(one.before_id),
            "after": told.scenes.get(one.after_id),
            "method": one.method,
            "seen": 100 * one.observed_farmland_m2 / one.farmland_m2 if one.farmland_m2 else None,
            "steps": {step.reason: step.count for step in one.funnel},
        }
        for one in reversed(inspections)
    ]
    for lang in LANGUAGES:
        template = style.environment(lang).get_template("runs.html.j2")
        writer.page(
            "runs/index.html", lang, template.render(frame=told.frame("runs/index.html", lang, "runs"), lines=lines)
        )


def _overview(
    writer: _Writer,
    told: _Told,
    rows: Sequence[Mapping[str, Any]],
    districts: Sequence[District],
    inspections: Sequence[Inspection],
) -> None:
    page = overview.OverviewPage(
        told.scope,
        told.as_of,
        rows,
        districts,
        inspections,
        told.intact,
        told.inspected_at.get(inspections[-1].id) if inspections else None,
        told.map_number,
        told.version,
        told.assets,
        told.parks,
    )
    for lang in LANGUAGES:
        writer.page("index.html", lang, overview.render(page, lang))


def _stats(
    writer: _Writer,
    told: _Told,
    rows: Sequence[Mapping[str, Any]],
    inspections: Sequence[Inspection],
    construction_m2: Mapping[tuple[str, int], float],
) -> None:
    """统计 of the year in which the ledger was written last; no person and no party stands on it."""
    made_at = told.as_of or datetime.fromtimestamp(0, style.BEIJING)
    today = day_of(made_at)
    page = stats_page.stats_page(
        [on_day(row, today) for row in rows],
        scope=told.scope,
        today=today,
        made_at=made_at,
        inspections=[(told.inspected_at.get(one.id), one) for one in inspections],
        construction_m2=construction_m2,
        rules=told.rules(today),
        as_of=told.as_of,
        mark=told.mark,
        intact=told.intact,
    )
    for lang in LANGUAGES:
        writer.page(stats_page.PATH, lang, stats_page.render(page, told.frame(stats_page.PATH, lang, "stats")))
