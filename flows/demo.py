"""[io] The demo: the whole loop on a computed township, and what was found in it against the truth."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shapely.geometry import shape

from flows import settings
from flows.demo_story import Told, of
from flows.engine import check_loopback, engine, running_server
from flows.progress import step
from geodata import atomic, township
from geodata.errors import InputError
from geodata.scene import Scene
from geodata.words import both, language, tr
from pipeline.cases.keys import forget

MARK = ".gengxun-demo"
"""In the folder of a demo: empty while it is built, then the version that built it and what came of it."""


def run(folder: Path) -> dict[str, Any]:
    """Build, play the loop (``demo_loop``), publish; the story, and what was found, missed and false.

    Raises: InputError if ``folder`` is not empty and no earlier demo.
    """
    started = time.monotonic()
    if not running_server(settings.Workspace(folder, settings.Settings())):
        check_loopback()  # said before an earlier demo is replaced and land is computed, not after
    office = fresh(folder)
    with ExitStack() as stack:
        with (
            ThreadPoolExecutor(1) as beside,
            step(tr("computing a township: land, seasons, sky"), lines=True) as progress,
        ):
            building = beside.submit(township.build, office.root / "delivered", progress=progress, rectified=True)
            stack.enter_context(engine(office))  # starts while the land is computed
            town = building.result()
        take_in(office, town)
        story, looked = played(office.root, town)
        from flows.publish import publish
        from flows.report import Looked, Refused, summary

        inspected = summary(
            [one for one in looked if isinstance(one, Looked)], [one for one in looked if isinstance(one, Refused)], []
        )
        published = publish(office.root)
    scores = compare(office, town)
    found = {
        "workspace": str(office.root),
        "index": published["index"],
        "story": [{"text": dict(one.text), "cases": list(one.numbers)} for one in story],
        "scores": scores,
        "funnel": inspected["funnel"],
        "verify": office.ledger.verify().ok,
        "seconds": round(time.monotonic() - started, 1),
        "lines": [*told(story), *lines(office, published, scores, time.monotonic() - started)],
    }
    atomic.write_bytes(office.root / MARK, json.dumps({"version": version("gengxun"), "found": found}).encode())
    return found


def earlier(folder: Path) -> dict[str, Any] | None:
    """What ``run`` gave where ``folder`` still holds that demo, built to its end by this version; else None."""
    root = folder.resolve()
    try:
        held = json.loads((root / MARK).read_bytes())
        whole = held["version"] == version("gengxun") and held["found"]["workspace"] == str(root)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(held["found"]) if whole else None


def played(root: Path, town: township.Township) -> tuple[list[Told], list[Any]]:
    """The story as one run of the flow engine; and what each inspection in it gave."""
    from prefect import flow

    from flows.demo_loop import play

    @flow(name="demo", persist_result=False)
    def demo() -> tuple[list[Told], list[Any]]:
        return play(of(root), town)

    return demo()


def told(story: Sequence[Told]) -> list[str]:
    """Numbered lines in the language in use, each with the numbers of its cases."""
    lang = language()
    return [
        f"{n:>2} {one.text[lang]}" + (f" [{' '.join(one.numbers)}]" if one.numbers else "")
        for n, one in enumerate(story, 1)
    ]


def fresh(folder: Path) -> settings.Workspace:
    """An empty workspace in ``folder``; an earlier demo there is replaced."""
    root = folder.resolve()
    if root.exists() and (not root.is_dir() or (any(root.iterdir()) and not (root / MARK).exists())):
        raise InputError("{path}: is not empty and no earlier demo; name another folder with --dir.", path=root)
    if root.exists():
        forget(root)
    shutil.rmtree(root, ignore_errors=True)
    try:
        root.mkdir(parents=True)
    except OSError as error:
        raise InputError(
            "{path}: cannot be made ({error}); name a folder you may write to.", path=root, error=error.strerror
        ) from None
    (root / MARK).touch()
    return settings.make(root, both("Computed township (demo)")["zh"])


def take_in(office: settings.Workspace, town: township.Township) -> None:
    """Layers through the same door as a bureau's own; scenes come in the story, each on its day."""
    with step(tr("taking in layers"), lines=True) as progress:
        for n, file in enumerate(town.layers):
            office.editions.add(file.kind, file.path, edition=file.edition, **file.options)
            progress((n + 1) / len(town.layers))


def compare(office: settings.Workspace, town: township.Township) -> dict[str, dict[str, Any]]:
    """Flags against the truth, for the satellite series and the drone pair apart."""
    scenes = {scene.id: scene for scene in office.catalog.scenes()}
    flags = [flag for case in office.ledger.cases() for flag in case.flags]
    result: dict[str, dict[str, Any]] = {}
    for series in ("satellite", "drone"):
        inspections = [
            i for i in office.ledger.inspections() if (scenes[i.after_id].gsd_m < 1.0) == (series == "drone")
        ]
        if not inspections:
            continue
        mine = [f for f in flags if (scenes[f["change"]["after_id"]].gsd_m < 1.0) == (series == "drone")]
        found = township.score(
            town.truth,
            [shape(f["occupied"]["geometry"]) for f in mine],
            [_days(scenes, f) for f in mine],
            first_at=min(scenes[i.before_id].acquired_at for i in inspections),
            last_at=max(scenes[i.after_id].acquired_at for i in inspections),
            scenes_at=sorted({scenes[id].acquired_at for i in inspections for id in (i.before_id, i.after_id)}),
            seen_by=series,
        )
        result[series] = {
            "flags": len(mine),
            "found": [dict(e.name) for e in found.found],
            "missed": [dict(e.name) for e in found.missed],
            "needless": [dict(e.name) for e in found.needless],
            "false": len(found.false),
        }
    return result


def _days(scenes: Mapping[str, Scene], flag: Mapping[str, Any]) -> tuple[datetime, datetime]:
    before, after = (scenes[flag["change"][side]] for side in ("before_id", "after_id"))
    return before.acquired_at, after.acquired_at


def lines(office: settings.Workspace, published: dict[str, Any], scores: dict[str, Any], seconds: float) -> list[str]:
    lang = language()
    names = {"satellite": tr("satellite, 10 m"), "drone": tr("drone, 0.2 m")}
    out = []
    for series, score in scores.items():
        out.append(
            tr(
                "{series}: {flags} flags; of {due} occupations found {found}, missed {missed}; false {false}",
                series=names[series],
                flags=score["flags"],
                due=len(score["found"]) + len(score["missed"]),
                found=len(score["found"]),
                missed=len(score["missed"]),
                false=score["false"] + len(score["needless"]),
            )
        )
        for key, words in (("missed", tr("missed")), ("needless", tr("flagged though lawful"))):
            out.extend(f"  {words}: {name[lang]}" for name in score[key])
    out.append(tr("cases: {count}; took {seconds} s", count=len(office.ledger.cases()), seconds=f"{seconds:.0f}"))
    out.append(tr("open in a browser: {path}", path=published["index"]))
    return out
