"""[io] Photos from the air taken into a workspace: bytes kept once, flights with their coverage, evidence of the cases
that they show.

Every photo goes into the store of evidence by its sha256 first and is read from there. A flight is a file of
``flights/``. Ties to cases go through the ledger like any other evidence, in the name of whoever adds them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.settings import Workspace
from geodata import aerial, atomic, drone, relief, safe
from geodata.aerial import Aerial
from geodata.errors import EmptyData, InputError, MissingOption, UnreadableFile
from geodata.photofile import words_of
from geodata.words import tr
from maps import flight_map
from pipeline import flights
from pipeline.cases.case import Case, Part, StepRefused
from pipeline.cases.events import Actor, Kind
from pipeline.cases.evidence import DECLINATION_DEG, evidence_of
from pipeline.cases.evidence import to_json as evidence_json
from pipeline.cases.evidence_store import Stored
from pipeline.flights import Flight, Frame
from pipeline.plain import to_plain

FOLDER = "flights"
DEPTH = 4
"""Folders in a folder that are looked into: a card has DCIM/100MEDIA."""


@dataclass(frozen=True, eq=False)
class Kept:
    """One photo in the store. frame: what the flight knows of it."""

    path: Path
    stored: Stored
    aerial: Aerial
    frame: Frame


@dataclass
class Added:
    """flights: those that were made or grew. ties: rows {case, part, photos, new, share}. untied: numbers of the cases
    that are shown and were not tied, for nobody was named. passed_over: files of folders that are no photos.
    refused: sentences."""

    kept: list[Kept] = field(default_factory=list)
    flights: list[Flight] = field(default_factory=list)
    ties: list[dict[str, Any]] = field(default_factory=list)
    untied: list[str] = field(default_factory=list)
    passed_over: int = 0
    refused: list[str] = field(default_factory=list)


def add(
    office: Workspace,
    paths: Sequence[Path],
    by: Actor | None,
    *,
    cases: Sequence[str] = (),
    shot: str = "other",
    height_m: float | None = None,
    takeoff: tuple[float, float] | None = None,
    dem: str | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Added:
    """Take photos in. cases: numbers that all of them are tied to; none = those that they show.

    takeoff: (lon, lat) of the take-off point, from which on the terrain model ``dem`` (else that of the settings)
    tells how high the ground lies; None = the ground is taken as flat.

    The same photos again change nothing, and are tied to what has been flagged since.
    Raises: InputError where a case is not there, or nothing could be kept.
    """
    with office.ledger as ledger:
        wanted = [ledger.case(number) for number in cases] or ledger.cases()
        added = Added()
        files = _files(paths, added)
        _keep(office, files, added, height_m, _relief(office, takeoff, dem), progress)
        _flights(office, added)
        _tie(ledger, added, wanted, by, shot, bool(cases))
    return added


def held(office: Workspace) -> list[Flight]:
    """By day. Raises: InputError for a file that is none of ours."""
    found = []
    for path in sorted((office.root / FOLDER).glob("*.json")):
        try:
            found.append(flights.from_json(json.loads(path.read_text(encoding="utf-8"))))
        except (ValueError, KeyError, TypeError):
            raise InputError(
                "{path}: is no record of a flight; remove it and add the photos again.", path=path
            ) from None
    return sorted(found, key=lambda flight: (flight.day is None, str(flight.day), flight.id))


def _files(paths: Sequence[Path], added: Added) -> list[tuple[str, Path]]:
    """(folder, photo) of every path; what is no photo is passed over in a folder, and refused by name."""
    found: dict[Path, str] = {}
    for path in paths:
        try:
            folder = safe.local_file(path).is_dir()
            inside = sorted(_walk(path, DEPTH)) if folder else [path]
            if not inside:
                raise EmptyData("{path}: there is no file in this folder.", path=path)
            for file in inside:
                if aerial.is_photo(file):
                    found.setdefault(file.resolve(), str(file.resolve().parent))
                elif folder:
                    added.passed_over += 1
                else:
                    raise UnreadableFile(
                        "{path}: by its content this is no photo (JPEG, PNG, TIFF, WebP, HEIC); check the file.",
                        path=path,
                    )
        except OSError as error:
            added.refused.append(tr("{path}: cannot be read ({why}).", path=path, why=error.strerror))
        except InputError as error:
            added.refused.append(str(error))
    return [(folder, path) for path, folder in found.items()]


def _walk(folder: Path, depth: int) -> Iterable[Path]:
    """Files below a folder; no link is followed."""
    for path in folder.iterdir():
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif path.is_dir() and depth:
            yield from _walk(path, depth - 1)


Relief = Callable[[Sequence[tuple[float, float]]], drone.Ground | None]
"""Of positions: how high the ground around them lies above the take-off point; None where it is taken as flat."""


def _relief(office: Workspace, takeoff: tuple[float, float] | None, dem: str | None) -> Relief:
    model = office.ground(dem=dem).dem
    if takeoff is None:
        if dem:
            raise MissingOption("--dem: tells heights of the ground; say where the drone took off with --takeoff.")
        return lambda places: None
    if not model:
        raise MissingOption("--takeoff: needs a terrain model; name one with --dem PATH or as dem in [imagery].")
    return lambda places: relief.above(model, takeoff, places) if places else None


def _keep(
    office: Workspace,
    files: Sequence[tuple[str, Path]],
    added: Added,
    height_m: float | None,
    around: Relief,
    progress: Callable[[float], None],
) -> None:
    store, stored = office.evidence, list[tuple[Path, Stored]]()
    for n, (_, path) in enumerate(files):
        try:
            stored.append((path, store.add(path, str(path))))
        except InputError as error:
            added.refused.append(str(error))
        progress((n + 1) / len(files) / 2)
    read = list(aerial.read([one.path for _, one in stored], progress=lambda share: progress(0.5 + share / 2)))
    photos = [one.photo for one in read if isinstance(one, Aerial)]
    ground = around([(p.lon, p.lat) for p in photos if p.lon is not None and p.lat is not None])
    for (path, one), told in zip(stored, read, strict=True):
        if isinstance(told, InputError):
            added.refused.append(str(type(told)(told.msgid, **{**told.fields, "path": path})))
            continue
        shown = drone.shown(told.photo, ground=ground, height_m=height_m)
        shown = drone.Shown(**{**vars(shown), "words": (*words_of(told.photo), *shown.words)})
        added.kept.append(Kept(path, one, told, flights.frame(one.sha256, path.name[:80], told, shown)))


def _flights(office: Workspace, added: Added) -> None:
    folder = office.root / FOLDER
    made, gone = flights.grouped([(str(k.path.parent), k.frame) for k in added.kept], held(office))
    if made:
        folder.mkdir(exist_ok=True)
    for flight in made:
        text = json.dumps(flights.to_json(flight), ensure_ascii=False, indent=1)
        atomic.write_bytes(folder / f"{flight.id}.json", text.encode())
    for id in gone:
        (folder / f"{id}.json").unlink(missing_ok=True)
    added.flights = sorted(made, key=lambda flight: flight.id)


# -- evidence


def _tie(ledger: Any, added: Added, cases: Sequence[Case], by: Actor | None, shot: str, named: bool) -> None:
    for case in cases:
        parts = case.parts if len(case.parts) > 1 else case.parts[:1]
        for part in parts:
            some = added.kept if named else [k for k in added.kept if flights.shows(k.frame, part.geometry)]
            if not some:
                continue
            if by is None:
                added.untied.append(case.number)
                continue
            added.ties.append(_tied(ledger, added, case, part, some, by, shot))


def _tied(
    ledger: Any, added: Added, case: Case, part: Part, some: Sequence[Kept], by: Actor, shot: str
) -> dict[str, Any]:
    known = {item["sha256"] for item in part.evidence}
    new = 0
    for one in {k.stored.sha256: k for k in some}.values():
        if one.stored.sha256 in known:
            continue
        item = evidence_of(
            one.stored.sha256,
            one.stored.media_type,
            one.stored.size,
            received_at=datetime.now(UTC),
            photo=one.aerial.photo,
            shot=shot,
            declination_deg=DECLINATION_DEG,
        )
        notes = [to_plain(note) for note in flights.notes(one.frame, part.geometry)]
        try:
            ledger.act(case.number, Kind.EVIDENCE, {**evidence_json(item), "notes": notes}, by, part=part.id)
            new += 1
        except StepRefused as error:
            added.refused.append(str(error))
    grounds = [k.frame.ground for k in some if k.frame.ground is not None]
    return {
        "case": case.number,
        "part": part.id,
        "photos": len({k.stored.sha256 for k in some}),
        "new": new,
        "share": round(flights.share(flights.union(grounds), part.geometry), 4),
    }


def told(added: Added) -> dict[str, Any]:
    """The document of ``photo add --json``."""
    return {
        "flights": [flights.summary(flight) for flight in added.flights],
        "photos": [row(k.frame) for k in added.kept],
        "cases": added.ties,
        "untied": sorted(set(added.untied)),
        "passed_over": added.passed_over,
        "refused": added.refused,
    }


def row(one: Frame) -> dict[str, Any]:
    """One photo, as ``--json`` lists it; geometry: GeoJSON in EPSG:4490."""
    values = flights.frame_json(one)
    values["geometry"] = values.pop("shape")
    values["words"] = [dict(text) for text in one.words]
    return values


def covered(flight: Flight, cases: Iterable[Case]) -> list[dict[str, Any]]:
    """[{case, part, photos, share}] of every part that a flight shows."""
    found = []
    ground = flight.ground
    for case in cases:
        for part in case.parts:
            showing = sum(flights.shows(one, part.geometry) for one in flight.frames)
            if showing:
                found.append({"case": case.number, "part": part.id, "photos": showing,
                              "share": round(flights.share(ground, part.geometry), 4)})  # fmt: skip
    return found


def photos_of(office: Workspace) -> list[dict[str, Any]]:
    """Every photo of every flight, by flight and time."""
    return [{"flight": flight.id, **row(one)} for flight in held(office) for one in flight.frames]


def write_map(office: Workspace, id: str, out: Path, lang: str) -> None:
    """The flight ``id`` as one HTML file. Raises: InputError where it is not held, or ``out`` cannot be written."""
    known = {flight.id: flight for flight in held(office)}
    if id not in known:
        raise InputError("{id}: there is no such flight; see gengxun photo flights.", id=id)
    flight = known[id]
    with office.ledger as ledger:
        cases = ledger.cases()
    rows = covered(flight, cases)
    parts = {(c.number, p.id): p.geometry for c in cases for p in c.parts}
    patches = {f"{r['case']}_{r['part']}": parts[r["case"], r["part"]] for r in rows}
    page = flight_map.render(
        {**flights.summary(flight), "cases": rows}, [vars(f) for f in flight.frames], patches, lang
    )
    try:
        atomic.write_bytes(out, page.encode())
    except OSError as error:
        raise InputError("--out {path}: cannot be written to ({why}); name another file.", path=out,
                         why=error.strerror) from None  # fmt: skip
