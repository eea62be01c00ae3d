"""What a full ledger costs: ``python -m tests.benchmarks.ledger [--cases N] [--keep FOLDER] [--url URL]``.

N cases (default 50,000) with ten events each on average are written through ``Writing.append``, so with
the real encoding, chain and projections, in rounds of many cases, so that the events of one case lie far
apart. The events are those of lives led through ``Ledger.act`` once, moved to other ground. Then each
question is asked in a process of its own: wall seconds (the best of several for short ones), CPU seconds
and peak memory. ``--keep`` keeps the ledger and uses one that lies there already.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from geodata import nursery
from pipeline.cases.database import writing
from pipeline.cases.events import SYSTEM, Actor, Event, Kind, canonical_json
from pipeline.cases.keys import sign_now
from pipeline.cases.ledger import Ledger
from pipeline.cases.writing import Writing
from pipeline.flags import to_json as flag_json
from pipeline.inspection import to_json as inspection_json
from pipeline.statistics import statistics
from tests.pipeline.cases.lives import FIRST, OFFICER, SENSING, START, Office, clue, sha
from tests.pipeline.invented_flags import flag, inspection

COUNTIES = ("430321", "430381", "430382", "430302")
TOWNSHIPS = 12
TOGETHER = 2_500
"""Cases whose events are written alternately, in one transaction."""


@dataclass(frozen=True)
class Life:
    """Kind, payload as text, evidence and actor of every event of a case."""

    events: tuple[tuple[str, str, tuple[str, ...], Actor], ...]

    def moved(self, n: int) -> Iterator[tuple[str, Any, tuple[str, ...], Actor]]:
        """The same life on the ground of case ``n``: other flag, other files, other party."""
        county, township = COUNTIES[n % len(COUNTIES)], n // len(COUNTIES) % TOWNSHIPS
        ground = flag(n % 300, n // 300, after=f"s{n // TOGETHER}")
        files = {sha256: sha(f"{sha256} {n}") for *_, held, _ in self.events for sha256 in held}
        for kind, told, held, by in self.events:
            text = told.replace("某建材公司", f"某建材公司{n % 9_000}")
            for old, new in files.items():
                text = text.replace(old, new)
            payload = json.loads(text)
            if "flag" in payload:
                payload["flag"] = _placed(flag_json(ground), county, township) | {"id": sha(f"{kind} {n}")[:32]}
                payload["inspection"] = inspection(after=f"s{n // TOGETHER}").id
            if kind == Kind.CLUE:
                payload |= {"clue_id": f"TB-{n}", "inspection": None}
            yield kind, payload, tuple(files[one] for one in held), by


def _placed(said: dict[str, Any], county: str, township: int) -> dict[str, Any]:
    code = f"{county}{101 + township}"
    where = {"district_code": county, "township_code": code, "village_code": f"{code}001"}
    return {**said, "occupied": {**said["occupied"], **where}}


def _life(folder: Path, name: str, lead: Callable[[Office], None]) -> Life:
    office = Office(folder / f"{name}.db")
    office.found()
    lead(office)
    events = office.ledger.events(FIRST)
    office.ledger.close()
    return Life(tuple(map(_told, events)))


def _told(event: Event) -> tuple[str, str, tuple[str, ...], Actor]:
    return event.kind, canonical_json(event.payload), event.evidence, Actor(event.by, event.role)


def lives(folder: Path) -> list[Life]:
    """21, 12, 7, 7, 2 and 1 events: in a cycle of six cases about ten each."""

    def rectifying(office: Office) -> None:
        office.dispatched()
        office.later()
        office.violation()
        office.ordered()

    def reported(office: Office) -> None:
        rectifying(office)
        office.later(10)
        office.reported()
        for n in range(4):
            office.photo("after", heading_deg=40.0 * n)

    def relapsed(office: Office) -> None:
        office.closed()
        office.later(20)
        after = office.now + timedelta(days=30)
        again = flag(0, before="d", after="e", before_at=office.now, after_at=after)
        office.ledger.record(inspection("d", "e"), [again], SYSTEM)
        for n in range(4):
            office.photo("overview", heading_deg=40.0 * n)
        for n in range(3):
            office.do(Kind.NOTE, OFFICER, text=f"现场 {n}")

    def dismissed(office: Office) -> None:
        office.do(Kind.DISMISSED, SENSING, reason="云影")

    def clued(office: Office) -> None:
        office.ledger.receive([clue(0)], SYSTEM)
        office.dispatched()
        for n in range(5):
            office.photo("overview", heading_deg=40.0 * n)

    plans = {"relapsed": relapsed, "closed": Office.closed, "reported": reported, "rectifying": rectifying,
             "clued": clued, "dismissed": dismissed}  # fmt: skip
    return [_life(folder, name, lead) for name, lead in plans.items()]


def generate(where: str | Path, cases: int) -> int:
    """Fill an empty ledger; returns the number of its events."""
    with tempfile.TemporaryDirectory() as folder:
        cycle = lives(Path(folder))
    with Ledger(where) as ledger:
        for start in range(0, cases, TOGETHER):
            with writing(ledger.engine) as connection:
                part = range(start, min(start + TOGETHER, cases))
                done = _written(Writing(connection, START, SYSTEM), cycle, part)
            print(f"{part.stop} cases, {done} events", file=sys.stderr, flush=True)
        return done


def _written(to: Writing, cycle: list[Life], part: range) -> int:
    to.append(Kind.INSPECTED, None, inspection_json(inspection(after=f"s{part.start // TOGETHER}")))
    open_cases = {f"{COUNTIES[n % len(COUNTIES)]}-2026-{n // len(COUNTIES) + 1:05d}": cycle[n % len(cycle)].moved(n)
                  for n in part}  # fmt: skip
    while open_cases:
        for number, life in list(open_cases.items()):
            step = next(life, None)
            if step is None:
                del open_cases[number]
                continue
            kind, payload, evidence, to.by = step
            to.now += timedelta(seconds=1)
            to.append(Kind(kind), number, payload, evidence)
    to.finish()
    return to.seq


def questions(cases: int) -> dict[str, tuple[int, Callable[[Ledger], Any]]]:
    """name: (times asked, what is asked)."""
    number = f"{COUNTIES[0]}-2026-{cases // len(COUNTIES) // 2:05d}"
    notes = iter(range(1_000_000))
    return {
        "list: first 50": (5, lambda ledger: ledger.rows(limit=50)),
        "list: status, district, 50": (5, lambda ledger: ledger.rows(status="REPORTED", district="430381", limit=50)),
        "list: township": (5, lambda ledger: ledger.rows(district="430321103")),
        "list: kind, stage, 50": (5, lambda ledger: ledger.rows(kind="construction", stage="RECTIFY", limit=50)),
        "list: overdue, 50": (5, lambda ledger: ledger.rows(due_before=date(2027, 3, 1), limit=50)),
        "list: batch, 50": (5, lambda ledger: ledger.rows(batch="2026Q4", limit=50)),
        "list: party": (5, lambda ledger: ledger.rows(party="某建材公司7")),
        "list: assignee, 50": (5, lambda ledger: ledger.rows(assignee=OFFICER.name, limit=50)),
        "show": (5, lambda ledger: (ledger.case(number), ledger.events(number))),
        "act": (20, lambda ledger: ledger.act(number, Kind.NOTE, {"text": f"备注 {next(notes)}"}, OFFICER)),
        "all rows": (1, lambda ledger: len(ledger.rows())),
        "stats": (1, lambda ledger: statistics(ledger.rows(), today=date(2026, 12, 1))),
        "verify": (1, lambda ledger: ledger.verify()),
    }


def ask(where: str, cases: int, name: str) -> dict[str, Any]:
    """In this process; peak memory is that of all of it."""
    with Ledger(where) as ledger:
        if name == "head":
            times, question = 1, _signing
        else:
            times, question = questions(cases)[name]
        question(ledger) if times > 1 else None  # the first reads the pages and the imports
        walls, cpu = [], time.process_time()
        for _ in range(times):
            start = time.perf_counter()
            said = question(ledger)
            walls.append(time.perf_counter() - start)
        found = {"wall_s": min(walls), "worst_s": max(walls), "cpu_s": (time.process_time() - cpu) / times}
        if name == "verify":
            nursery.rest()
            found |= {"second_process_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}
            found |= {"ok": said.ok, "events": said.events, "events_a_second": said.events / min(walls)}
    return {**found, "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    """Of this process alone: what getrusage says begins with what the parent had."""
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith("VmHWM")) / 1024


def _signing(ledger: Ledger) -> Any:
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as keys:
        os.environ["GENGXUN_KEYS"] = keys
        return sign_now(ledger, Path(root))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--keep", type=Path, help="folder for the ledger")
    parser.add_argument("--url", help="an empty or filled database instead of a file")
    parser.add_argument("--only", nargs="*", help="names of questions")
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        where = asked.url or str((asked.keep or Path(folder)) / f"ledger-{asked.cases}.db")
        if asked.ask:
            print(json.dumps(ask(where, asked.cases, asked.ask)))
            return
        with Ledger(where) as ledger:
            filled = bool(ledger.rows(limit=1))
        if not filled:
            start = time.perf_counter()
            events = generate(where, asked.cases)
            print(f"{asked.cases} cases, {events} events written in {time.perf_counter() - start:.0f} s")
        for name in asked.only or [*questions(asked.cases), "head"]:
            command = [sys.executable, "-m", "tests.benchmarks.ledger", "--cases", str(asked.cases), "--ask", name]
            command += ["--url", where] if asked.url else ["--keep", str(asked.keep or folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            said = json.loads(done)
            print(
                f"{name:28}", "  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in said.items())
            )


if __name__ == "__main__":
    main()
