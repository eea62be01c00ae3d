"""[io] Publishing: ledger and catalogue → the static site, old or new, never half."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.progress import step
from flows.report import say
from flows.settings import Workspace, open_workspace
from geodata import atomic
from geodata.days import BEIJING
from geodata.errors import GengXunError
from geodata.words import both, language, tr
from maps import alone
from maps import publish as site
from maps.gather import Gathered
from pipeline import precision
from pipeline.cases import heads
from pipeline.cases.heads import Head
from pipeline.cases.keys import NothingToSign, sign_now
from pipeline.construction import kept


@flow(name="publish", persist_result=False, validate_parameters=True)
def publish(workspace: Path, out: Path | None = None) -> dict[str, Any]:
    """Write the site of ``workspace``. Returns the document of ``publish --json``."""
    office = open_workspace(workspace)
    folder = (out or office.site).resolve()
    with office.ledger.lease("publish"):
        head = signed(office)  # first: the pages show no less than it
        published = write(office, folder)
        if head is not None:
            document = {"head": heads.to_json(head), "text": heads.to_text(head), "mark": heads.mark(head)}
            atomic.write_bytes(folder / "head.json", json.dumps(document, indent=2).encode())
    return {
        "index": str(published.index),
        "pages": published.cases + published.runs + 1,
        "cases": published.cases,
        "runs": published.runs,
        "files": published.files,
        "size_bytes": published.size_bytes,
        "head": None if head is None else heads.mark(head),
    }


def signed(office: Workspace) -> Head | None:
    """The head of today, to be published with the pages; None, and why on standard error, if there is none."""
    try:
        return sign_now(office.ledger, office.root).head
    except NothingToSign:
        return None
    except GengXunError as error:
        say(tr("publishing without a signed head: {why}", why=error))
        return None


@task(
    retries=2,
    retry_delay_seconds=[1, 5],
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=lambda task, run, state: not isinstance(state.data, GengXunError),
)
def write(office: Workspace, out: Path) -> site.Published:
    """Everything the pages need from ledger and catalogue, written by ``maps.publish``."""
    ledger = office.ledger
    day = datetime.now(UTC).astimezone(BEIJING).date()
    with Gathered(office, day) as gathered, step(tr("writing pages")) as progress:
        return site.publish(
            out,
            scope=office.settings.bureau.name or both("All districts"),
            as_of=ledger.clock(),
            cases=gathered.cases,
            events_by_case=gathered.events_by_case,
            inspections=ledger.inspections(),
            inspected_at=gathered.inspected_at,
            districts=gathered.districts(),
            verified=ledger.verify(),
            chips=gathered.chips,
            context=gathered.surroundings,
            scenes=gathered.scenes,
            thumbs=gathered.thumbs(),
            software_version=version("gengxun"),
            parks=office.parks,
            rules=ledger.rules,
            gates=lambda case, part: ledger.gates(case.number, part=part.id),
            construction_m2=kept(office.root / "law"),
            progress=lambda done, pages: progress(done / pages),
        )


def hand_over(office: Workspace, number: str, file: Path) -> dict[str, Any]:
    """One case as one HTML file; the document of ``publish --case --json``. Raises: InputError."""
    ledger = office.ledger
    case, day = ledger.case(number), datetime.now(UTC).astimezone(BEIJING).date()
    with Gathered(office, day) as gathered:
        size = alone.write(
            file,
            case,
            ledger.events(number),
            ledger.inspections(),
            scope=office.settings.bureau.name or both("All districts"),
            lang=language(),
            pictures=gathered.chips(case),
            around=gathered.surroundings(case),
            verified=ledger.verify(),
            as_of=ledger.clock(),
            version=version("gengxun"),
            rules=ledger.rules,
            gates=lambda case, part: ledger.gates(case.number, part=part.id),
            lived=precision.lived(ledger.each_row()),
        )
    return {"case": number, "path": str(file), "size_bytes": size}
