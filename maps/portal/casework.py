"""[io] One step of a case by a form: files first, each an event of its own, then the step; as ``gengxun case do``."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.datastructures import FormData, UploadFile

from geodata.errors import InputError
from geodata.words import Text, both
from maps.portal.access import Person
from maps.portal.legal_forms import MULTIPLE
from maps.portal.office import Office
from pipeline.cases.case import Case
from pipeline.cases.events import Event, Kind
from pipeline.cases.evidence import to_json as evidence_json
from pipeline.cases.given import number as to_number
from pipeline.cases.given import papers as known_papers
from pipeline.cases.given import typed
from pipeline.cases.rules import SHOTS
from pipeline.cases.table import role_name, step_name

SHAPE_ENDINGS = (".gpkg", ".geojson", ".json", ".shp", ".shx", ".dbf", ".prj", ".cpg")
MAIN_ENDINGS = (".gpkg", ".geojson", ".json", ".shp")
OUR_OWN = frozenset({"csrf", "part", "expect_version", "back", "more", "reason_choice", "papers"})
"""Fields of a form that are no field of a step."""
HANDS = frozenset({"link_by", "loaded_by"})
"""Through whose hands a record of a phone came; what the field link alone says."""
BESIDE = frozenset({Kind.EVIDENCE, Kind.NOTE, Kind.CORRECTED})
"""Steps that others can take meanwhile without a matter: they only add."""


class Overtaken(InputError):
    """Others acted while the form was open; nothing was written."""


@dataclass
class Sent:
    """A form as it came. values: what was typed, to be shown again. uploads: (what it is, file)."""

    part: str
    version: int | None
    values: dict[str, str]
    chosen: dict[str, list[str]]
    photos: list[tuple[UploadFile, str]] = field(default_factory=list)
    papers: list[tuple[UploadFile, str]] = field(default_factory=list)
    shapes: list[UploadFile] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    @property
    def has_files(self) -> bool:
        return bool(self.photos or self.papers)


@dataclass(frozen=True)
class Again:
    """A page is shown again because a form on it was refused: problem is the sentence for the form ``at`` (slug of
    its event), where ``given`` stands as it was typed. status: of the answer."""

    status: int = 200
    problem: str = ""
    at: str = ""
    given: Sent | None = None


FIRST = Again()
"""Nothing was refused."""


def sent(form: FormData) -> Sent:
    """Raises: InputError where the version is no number."""
    version = str(form.get("expect_version") or "")
    if version and not (version.isascii() and version.isdigit() and len(version) < 10):
        raise InputError("expect_version {value}: is no number; load the page anew.", value=version[:20])
    found = Sent(str(form.get("part") or "")[:20], int(version) if version else None, {}, {})
    title = str(form.get("paper_title") or "")
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            _file(found, name, value, title)
        elif name in MULTIPLE or name == "papers":
            found.chosen.setdefault(name, []).append(value)
        elif name not in ("csrf", "part", "expect_version"):
            found.values[name] = value.strip().replace("\r\n", "\n")
    return found


def _file(found: Sent, name: str, file: UploadFile, title: str) -> None:
    if not file.filename:
        return
    what, _, key = name.partition(":")
    if what == "photo":
        found.photos.append((file, key if key in SHOTS else "other"))
    elif what == "paper":
        found.papers.append((file, key or title))
    elif what == "parts":
        found.shapes.append(file)


def take(office: Office, person: Person, case: Case, kind: Kind, given: Sent) -> Event:
    """Raises: StepRefused, InputError with the sentence; evidence that was kept by then is named in ``given.kept``."""
    today = office.today
    rules = office.rules(today)
    _not_overtaken(office, person, case, kind, given)
    part = next((one for one in case.parts if one.id == given.part), case.parts[0])
    payload = typed(kind, _payload(kind, given), rules, part.due)
    if kind is Kind.SPLIT:
        payload["parts"] = _parts(office, case, given)
    before = _last(office, case)
    if kind is Kind.EVIDENCE:
        if not given.has_files:
            raise InputError("{number}: no file was chosen; choose photos or a paper.", number=case.number)
        return _keep(office, person, case, given, set(known_papers(rules)))[-1]
    _refuse_first(office, person, case, kind, payload, given)
    kept = _keep(office, person, case, given, set(known_papers(rules))) if given.has_files else []
    if kept and kind in (Kind.PROCEEDING, Kind.TRANSFER):
        titles = [e.payload["title"] for e in kept if e.payload["kind"] == "document"]
        payload["papers"] = list(dict.fromkeys([*payload.get("papers", []), *titles]))
    fresh = len({e.seq for e in kept if e.seq > before})
    version = None if given.version is None else given.version + fresh
    return _act(office, person, case, kind, payload, given.part, version)


def _not_overtaken(office: Office, person: Person, case: Case, kind: Kind, given: Sent) -> None:
    """Two people at once: the later one is told, except where the ledger itself keeps what came too late."""
    if given.version is None or given.version >= case.version or kind in (Kind.VERDICT, Kind.REPORTED, *BESIDE):
        return
    since = office.ledger.events(case.number)[given.version :]
    told = [e for e in since if Kind(e.kind) not in BESIDE]
    if not told:
        return
    last = told[-1]
    raise Overtaken(
        "{number}: while this page was open, {by} ({role}) recorded: {step}. Nothing of yours was written."
        " Look at the page as it is now, then send again.",
        number=case.number,
        by=last.by,
        role=role_name(last.role),
        step=step_name(Kind(last.kind)),
    )


def _payload(kind: Kind, given: Sent) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given.values.items():
        if name in OUR_OWN or name in HANDS or name == "paper_title" or not value or not name.isidentifier():
            continue
        numeric = name.endswith(("_m2", "_yuan")) or name == "yuan"
        found[name] = to_number(name, value) if numeric else value
    if choice := given.values.get("reason_choice"):
        found["reason"] = "：".join(one for one in (choice, found.get("reason", "")) if one)
    for name, values in given.chosen.items():
        found[name] = [one for one in values if one]
    for line in given.values.get("more", "").splitlines():
        name, equals, value = line.replace("＝", "=").partition("=")
        if line.strip() and not (equals and name.strip().isidentifier()):
            raise InputError("{line}: write field=value, one a line.", line=line.strip()[:80])
        if name.strip() in HANDS:
            raise InputError("{name}: is written by the portal itself and cannot be given.", name=name.strip())
        if line.strip():
            found[name.strip()] = value.strip()
    if kind is Kind.SPLIT:
        found = {}
    return found


def _refuse_first(office: Office, person: Person, case: Case, kind: Kind, payload: dict[str, Any], given: Sent) -> None:
    """A step that is none here, or not for this role, is refused before a file is kept."""
    late = given.version is not None and given.version < case.version
    if not given.has_files or (late and kind in (Kind.VERDICT, Kind.REPORTED)):
        return
    if kind not in {one.kind for one in office.ledger.possible(case.number, part=given.part, role=person.role)}:
        _act(office, person, case, kind, payload, given.part, given.version)


def _keep(office: Office, person: Person, case: Case, given: Sent, known: set[str]) -> list[Event]:
    events, taken = [], []
    for _, key in given.papers:
        if key not in known:
            raise InputError("{name}: say which paper it is.", name=key or "–")
    for file, shot, title in [(f, s, "") for f, s in given.photos] + [(f, "", t) for f, t in given.papers]:
        with _on_disk(office, file) as path:
            name = Path(str(file.filename)).name[:120]
            item, _ = office.evidence.take(
                path, name=name, shot=shot, title=title, received_at=office.clock(),
                declination_deg=office.portal.declination_deg,
            )  # fmt: skip
        if item.kind == "photo" and not shot:
            raise InputError("{name}: is a photo; give it among the photos.", name=name)
        taken.append((name, item))
    for name, item in taken:
        event = office.ledger.act(case.number, Kind.EVIDENCE, evidence_json(item), person.actor, part=given.part)
        given.kept.append(f"{name} → {item.sha256[:12]}")
        events.append(event)
    return events


@contextmanager
def _on_disk(office: Office, file: UploadFile) -> Iterator[Path]:
    folder = office.root / "cache" / "arriving"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as out:
        file.file.seek(0)
        shutil.copyfileobj(file.file, out)
    try:
        yield Path(out.name)
    finally:
        Path(out.name).unlink(missing_ok=True)


def _parts(office: Office, case: Case, given: Sent) -> list[dict[str, Any]]:
    """The ground of the part, cut along the polygons that were uploaded. Raises: InputError."""
    part = case.part(given.part)
    endings = {Path(str(file.filename)).suffix.lower(): file for file in given.shapes}
    main = next((one for one in MAIN_ENDINGS if one in endings), None)
    if main is None:
        raise InputError("{number}: choose a file of polygons: GPKG, GeoJSON, or SHP with its SHX, DBF and PRJ.",
                         number=case.number)  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="gengxun-parts-") as folder:
        for ending, file in endings.items():
            if ending in SHAPE_ENDINGS:
                file.file.seek(0)
                with (Path(folder) / f"parts{ending}").open("wb") as out:
                    shutil.copyfileobj(file.file, out)
        crs, layer = (given.values.get(key) or None for key in ("crs", "layer"))
        try:
            payload: list[dict[str, Any]] = office.parts_from(
                case, part, Path(folder) / f"parts{main}", crs=crs, layer=layer
            ).payload
        except InputError as error:  # by the name that the person knows
            name = Path(str(endings[main].filename)).name[:120]
            told = {**error.fields, "path": name} if "path" in error.fields else error.fields
            raise type(error)(error.msgid, **told) from None
    return payload


def _last(office: Office, case: Case) -> int:
    return office.ledger.events(case.number)[case.version - 1].seq


def _act(
    office: Office, person: Person, case: Case, kind: Kind, payload: Mapping[str, Any], part: str, version: int | None
) -> Event:
    try:
        return office.ledger.act(case.number, kind, payload, person.actor, part=part, expect_version=version)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            "{number}: a value of {kind} has not the form that is read ({why}).",
            number=case.number,
            kind=step_name(kind),
            why=f"{type(error).__name__}: {error}",
        ) from error


def done_words(event: Event, kind: Kind) -> Text:
    """What came of it. event: as it was written; kind: what was asked for."""
    if event.kind == Kind.SUPPLEMENT and kind is not Kind.SUPPLEMENT:
        return both(
            "Came too late: the case had moved on. What you sent is kept as an addition, entry {seq}.", seq=event.seq
        )
    return both("Recorded: {step}, entry {seq}.", step=step_name(Kind(event.kind)), seq=event.seq)
