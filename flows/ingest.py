"""[io] The watched inbox: what lies there still and whole goes into the catalogue.

Images, folders and archives of deliveries, and the loose files of one scene are taken each as one. What still grows
waits; a bad one goes to ``inbox/rejected`` with its reason beside it; a
good one to ``inbox/taken``. Nothing is deleted. A run that was killed is simply run again: the
same file twice is one scene.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows import clouds
from flows.progress import step
from flows.settings import Workspace, open_workspace
from geodata import atomic
from geodata.delivery.bundle import IMAGES, PACKED, together
from geodata.errors import GengXunError, InputError
from geodata.words import tr

SUFFIXES = (*IMAGES, *PACKED)
HALF = (".part", ".tmp", ".crdownload", ".filepart", "~")


@dataclass(frozen=True)
class Ingested:
    """What one look into the inbox gave. taken, known: scene ids; rejected: {name: reason}; waiting: names;
    failed: {name: reason}, where the fault is not the file's: it stays for the next look."""

    taken: tuple[str, ...]
    known: tuple[str, ...]
    rejected: dict[str, str]
    waiting: tuple[str, ...]
    failed: dict[str, str]


@flow(name="ingest", persist_result=False, validate_parameters=True)
def ingest(workspace: Path) -> dict[str, Any]:
    """Take in what lies in the inbox of ``workspace``, once."""
    office = open_workspace(workspace)
    with office.ledger.lease("ingest"):
        return asdict(take_all(office))


def take_all(office: Workspace) -> Ingested:
    taken: list[str] = []
    known: list[str] = []
    rejected: dict[str, str] = {}
    waiting: list[str] = []
    failed: dict[str, str] = {}
    for source, platform in ((office.settings.inbox.satellite, None), (office.settings.inbox.drone, "drone")):
        folder = office.root / source
        for path, *others in things(folder):
            if not all(is_whole(part, office.settings.inbox.settle_s) for part in (path, *others)):
                waiting.append(path.name)
                continue
            try:
                scene_id, new = take(office, path, platform)
            except InputError as error:
                rejected[path.name] = str(error)
                reject(office.root / "inbox" / "rejected", path, str(error), others)
                continue
            except (GengXunError, OSError) as error:  # of this machine, or of ours: the others still come in
                failed[path.name] = str(error)
                continue
            (taken if new else known).append(scene_id)
            for part in (path, *others):
                move(part, office.root / "inbox" / "taken")
    return Ingested(tuple(taken), tuple(known), rejected, tuple(waiting), failed)


def things(folder: Path) -> list[list[Path]]:
    """What lies in the inbox, each with what goes with it: folders, archives, and the loose files of one scene (its
    image first). Links are left alone."""
    there = [path for path in folder.glob("*") if not path.name.startswith(".") and not path.is_symlink()]
    loose = [path.name for path in there if path.is_file() and not path.name.lower().endswith(PACKED)]
    found = [[path] for path in there if path.name not in loose]
    found += [[folder / name for name in names] for names in together(loose)]
    return sorted(found)


def is_whole(path: Path, settle_s: float) -> bool:
    """Whether a file or folder is finished being copied: no name of a half one in it, all still for ``settle_s``
    seconds. An empty folder is still to be filled."""
    parts = [path, *(path.rglob("*") if path.is_dir() else ())]
    if path.is_dir() and len(parts) == 1:
        return False
    newest = max(part.lstat().st_mtime for part in parts)
    return not any(part.name.endswith(HALF) for part in parts) and time.time() - newest >= settle_s


@task(retries=2, retry_delay_seconds=[2, 10], cache_policy=NO_CACHE, persist_result=False,
      retry_condition_fn=lambda task, run, state: not isinstance(state.data, InputError))  # fmt: skip
def _add(office: Workspace, path: Path, platform: str | None) -> tuple[str, bool]:
    if not path.is_dir() and not path.name.lower().endswith(SUFFIXES):
        raise InputError("{path}: not an image that is taken in ({known}).", path=path.name, known=" ".join(SUFFIXES))
    with step(tr("reading {path}", path=path.name)) as progress:
        scene, new = office.catalog.add_scene(path, platform=platform, ground=office.ground(), progress=progress)
    clouds.masked(office, scene)
    return scene.id, new


def take(office: Workspace, path: Path, platform: str | None) -> tuple[str, bool]:
    """(scene id, whether it is new). Raises: InputError."""
    return _add(office, path, platform)


def reject(folder: Path, path: Path, reason: str, others: Sequence[Path] = ()) -> None:
    """Move a bad file or folder, and what goes with it, aside with its reason as text."""
    aside = move(path, folder)
    for other in others:
        move(other, folder)
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    atomic.write_bytes(aside.with_name(aside.name + ".txt"), f"{stamp}\n{reason}\n".encode())


def move(path: Path, folder: Path) -> Path:
    """Move into ``folder`` under its own name; a name that is taken gets a number."""
    folder.mkdir(parents=True, exist_ok=True)
    target, n = folder / path.name, 1
    while target.exists():
        n += 1
        target = folder / f"{path.stem}-{n}{path.suffix}"
    os.replace(path, target)
    return target
