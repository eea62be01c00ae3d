"""[io] ``gengxun case do``: one step of a case, with its evidence; or what is possible now, and what it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from flows import settings
from flows.cli import Command, case_words, emit, say
from flows.cli.case_now import now_of, show_now
from flows.cli.data import JSON
from geodata.days import day_of
from geodata.errors import InputError, MissingOption
from geodata.words import language, tr
from pipeline.cases.case import Case
from pipeline.cases.events import Actor, Event, Kind
from pipeline.cases.evidence import to_json as evidence_json
from pipeline.cases.given import typed
from pipeline.cases.ledger import Ledger
from pipeline.cases.standards import Standards
from pipeline.cases.table import step_name


@dataclass(frozen=True)
class Asked:
    """One call. parts_file, crs, layer: of a split. version: how many events the case had when it was decided."""

    number: str
    kind: Kind
    part: str
    by: Actor
    given: dict[str, Any]
    photos: tuple[str, ...]
    documents: tuple[str, ...]
    parts_file: str | None
    crs: str | None
    layer: str | None
    version: int | None


@click.command(
    "do",
    cls=Command,
    add_help_option=False,
    help=tr(
        "One step of the case NUMBER: EVENT by its name, then what it needs as field=value (field:=JSON)."
        " Without EVENT, or with NUMBER and --help: what is possible now, for whom, and what it needs."
    ),
)
@click.argument("number", required=False)
@click.argument("event", required=False)
@click.argument("pairs", metavar="[FIELD=VALUE]…", nargs=-1)
@click.option("--part", default="", metavar="ID", help=tr("Which part of a case that was split."))
@click.option("--as", "who", metavar="NAME:ROLE", help=tr("Who does it."))
@click.option("--photo", "photos", multiple=True, metavar="FILE[:SHOT]",
              help=tr("A photo to be kept; SHOT: overview, close, corner, inside, after, other."))  # fmt: skip
@click.option("--document", "documents", multiple=True, metavar="KEY=FILE", help=tr("A paper to be kept."))
@click.option("--parts", "parts_file", metavar="FILE", help=tr("Polygons to split along: GPKG, SHP or GeoJSON."))
@click.option("--crs", help=tr("Coordinate system where the file names none, as EPSG:4526."))
@click.option("--layer", help=tr("Which layer of a GDB, GPKG, workbook or archive."))
@click.option("--expect-version", type=int, metavar="N", help=tr("How many events the case had when you decided."))
@click.option("-h", "--help", "asks", is_flag=True, help=tr("Show this, or what is possible now."))
@JSON
@click.pass_context
def case_do(context: click.Context, number: str | None, event: str | None, pairs: tuple[str, ...], part: str,
            who: str | None, photos: tuple[str, ...], documents: tuple[str, ...], parts_file: str | None,
            crs: str | None, layer: str | None, expect_version: int | None, asks: bool,
            as_json: bool) -> None:  # fmt: skip
    if number is None:
        if asks:
            return click.echo(context.get_help())
        raise MissingOption("say which case: gengxun case do NUMBER EVENT …; see gengxun case list.")
    office = settings.find()
    part = part.removeprefix(f"{number}_")  # as pages and reminders write it
    if event is None or asks:
        role = case_words.actor(who).role if who else None
        kind = case_words.kind_of(event) if event else None
        found = now_of(office, number, part=part, role=role, kind=kind)
        return emit(found) if as_json else show_now(found)
    kind = case_words.kind_of(event)
    asked = Asked(number, kind, part, case_words.actor(who), case_words.fields(pairs), photos, documents, parts_file,
                  crs, layer, expect_version)  # fmt: skip
    done = act(office, asked)
    return emit(done) if as_json else _say(done)


def act(office: settings.Workspace, asked: Asked) -> dict[str, Any]:
    """Evidence first, each file an event of its own, then the step. Returns the document of ``--json``.

    Raises: InputError (StepRefused) in one sentence; what was kept of the evidence stays.
    """
    with office.ledger as ledger:
        case = ledger.case(asked.number)
        rules = office.rules(day_of(datetime.now(UTC)))
        given = typed(asked.kind, dict(asked.given), rules, _due(case, asked.part))
        if asked.kind is Kind.SPLIT:
            given |= _split(office, case, asked)
        elif asked.kind is Kind.DATED:
            given |= _scenes(office, given)
        elif asked.parts_file:
            raise InputError("--parts {path}: is for the step split only; leave it out.", path=asked.parts_file)
        files = _files(asked, rules)
        only_evidence = asked.kind is Kind.EVIDENCE and bool(files) and not given
        if asked.kind is Kind.EVIDENCE and not only_evidence:
            raise MissingOption("evidence comes as a file: give --photo FILE:SHOT or --document KEY=FILE.")
        if files and not only_evidence:
            _refuse_first(ledger, case, asked, given)
        kept = _keep(office, ledger, asked, files)
        events = [one["event"] for one in kept]
        if not only_evidence:
            fresh = len({event.seq for event in events if event.seq > _last(ledger, case)})
            version = None if asked.version is None else asked.version + fresh
            events.append(_act(ledger, asked, given, version))
        return _told(ledger.case(asked.number), asked, events, kept)


def _due(case: Case, part: str) -> Mapping[str, Any] | None:
    if part or len(case.parts) == 1:
        return case.part(part).due if part else case.parts[0].due
    return None


def _split(office: settings.Workspace, case: Case, asked: Asked) -> dict[str, Any]:
    from flows.splitting import parts_from

    if asked.parts_file is None:
        raise MissingOption("a split needs the parts: give --parts FILE with their polygons.")
    if not asked.part and len(case.parts) > 1:
        return {"parts": []}  # the step says that a part must be named
    part = case.part(asked.part) if asked.part else case.parts[0]
    made = parts_from(office, case, part, asked.parts_file, crs=asked.crs, layer=asked.layer)
    for note in made.notes:
        say(note[language()])
    return {"parts": made.payload}


def _scenes(office: settings.Workspace, given: Mapping[str, Any]) -> dict[str, Any]:
    """without, with: ids of scenes held → {"scene_id", "at"}. Raises: InputError for a scene that is not held."""
    found = {}
    for name in ("without", "with"):
        if given.get(name):
            scene = office.catalog.scene(str(given[name]))
            found[name] = {"scene_id": scene.id, "at": scene.acquired_at.isoformat()}
    return found


def _files(asked: Asked, rules: Standards) -> list[tuple[str, str, str]]:
    """(file, shot, title of a document) of each file given; all are looked for before the first is kept."""
    found = [(*case_words.photo(said), "") for said in asked.photos]
    for said in asked.documents:
        key, file = case_words.document(said, rules)
        found.append((file, "", key))
    for file, shot, _ in found:
        if not Path(file).is_file():
            name, _, word = file.replace("：", ":").rpartition(":")
            if shot and name and Path(name).is_file():
                raise InputError("--photo {said}: {word} is no kind of photo; known are {known}.", said=file, word=word,
                                 known=case_words.shots())  # fmt: skip
            raise InputError("{path}: is not there, or is no file; check the name.", path=file)
    return found


def _refuse_first(ledger: Ledger, case: Case, asked: Asked, given: dict[str, Any]) -> None:
    """A step that is none here, or not for this role, is refused before anything is kept."""
    late = asked.version is not None and asked.version < case.version
    if late and asked.kind in (Kind.VERDICT, Kind.REPORTED):
        return  # what comes too late is kept as a supplement, its photos too
    possible = ledger.possible(asked.number, part=asked.part, role=asked.by.role)
    if asked.kind not in {one.kind for one in possible}:
        _act(ledger, asked, given, asked.version)


def _keep(
    office: settings.Workspace, ledger: Ledger, asked: Asked, files: Sequence[tuple[str, str, str]]
) -> list[dict[str, Any]]:
    """Every file into the store, then an event for each. A file that is no evidence is named, and none is recorded."""
    taken = [(file, office.evidence.take(file, name=file, shot=shot, title=title)[0]) for file, shot, title in files]
    kept = []
    for file, item in taken:
        if item.kind == "photo" and not item.shot:
            raise InputError("--document {path}: is a photo; give it with --photo FILE:SHOT.", path=file)
        event = ledger.act(asked.number, Kind.EVIDENCE, evidence_json(item), asked.by, part=asked.part)
        kept.append({"file": file, "event": event})
    return kept


def _last(ledger: Ledger, case: Case) -> int:
    """seq of the event that the case had last when it was read."""
    return ledger.events(case.number)[case.version - 1].seq


def _act(ledger: Ledger, asked: Asked, given: dict[str, Any], version: int | None) -> Event:
    try:
        return ledger.act(asked.number, asked.kind, given, asked.by, part=asked.part, expect_version=version)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            "{number}: a value of {kind} has not the form that is read ({why}); see gengxun case do {number} --help.",
            number=asked.number,
            kind=step_name(asked.kind),
            why=f"{type(error).__name__}: {error}",
        ) from error


def _told(case: Case, asked: Asked, events: Sequence[Event], kept: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    last = events[-1]
    part = next((p for p in case.parts if p.id == asked.part), None) or case.parts[0]
    return {
        "number": case.number,
        "part": asked.part,
        "kind": last.kind,
        "late": last.kind == Kind.SUPPLEMENT and asked.kind is not Kind.SUPPLEMENT,
        "status": case.status.value,
        "stage": case.stage.value,
        "part_status": part.status.value,
        "due": part.due,
        "version": case.version,
        "parts": [{"id": p.id, "status": p.status.value, "patch_m2": p.ground["patch_m2"]} for p in case.parts],
        "events": [{"seq": e.seq, "kind": e.kind, "at": e.at.isoformat(), "hash": e.hash} for e in events],
        "evidence": [
            {
                "file": one["file"],
                "sha256": one["event"].payload["sha256"],
                "kind": one["event"].payload["kind"],
                "in_place": one["event"].payload["in_place"],
                "findings": one["event"].payload["findings"],
            }
            for one in kept
        ],
    }


def _say(done: Mapping[str, Any]) -> None:
    for one in done["evidence"]:
        say(tr("{file}: kept as {sha256}", file=one["file"], sha256=one["sha256"]))
        for finding in one["findings"]:
            say(("! " if finding["doubt"] else "  ") + str(finding["text"][language()]))
    if done["late"]:
        say(tr("came too late, the case has moved on; kept as a supplement"))
    last = done["events"][-1]
    line = tr("{number}: {kind} recorded as event {seq}; stands at {status}", number=done["number"],
              kind=step_name(Kind(last["kind"])), seq=last["seq"], status=tr(done["part_status"]))  # fmt: skip
    if done["due"]:
        line += tr(", due {day}", day=done["due"]["on"]) + (tr(" (provisional)") if done["due"]["provisional"] else "")
    click.echo(line)
    if last["kind"] == Kind.SPLIT:
        for part in done["parts"]:
            click.echo(f"  {done['number']}_{part['id']}  {tr(part['status'])}  {part['patch_m2']:,.2f} m²")
