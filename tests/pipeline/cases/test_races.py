"""Many writers, killed ones, a full disk, a server that goes, a clock set back: nothing lost, nothing twice."""

import multiprocessing
import os
import random
import select
import signal
from collections import Counter
from datetime import timedelta

import pytest

from geodata.errors import GengXunError, WorkError
from pipeline.cases.case import Status
from pipeline.cases.events import SYSTEM, Kind
from pipeline.cases.evidence import Evidence, to_json
from pipeline.cases.ledger import Ledger
from tests.pipeline.cases.lives import FIRST, INSPECTOR, OFFICER, REVIEWER, SENSING, START, Office, sha
from tests.pipeline.invented_flags import flag, inspection

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
FORK = multiprocessing.get_context("fork" if hasattr(os, "fork") else None)
SECOND = "430321-2026-00002"


def filled(where, cases):
    """A ledger with so many cases; their numbers."""
    with Ledger(where, clock=lambda: START) as ledger:
        return ledger.record(inspection(), [flag(n) for n in range(cases)], SYSTEM).new


def file(ledger, number, n):
    """The n-th file, sent to the case; a second time it adds nothing."""
    made = Evidence(sha(f"file {n}"), "document", "", "application/pdf", 9, None, START)
    return ledger.act(number, Kind.EVIDENCE, to_json(made), INSPECTOR)


def together(task, count):
    """Run ``task(k)`` in so many processes that begin at once; what each returned, or its sentence."""
    start, said = FORK.Barrier(count), FORK.SimpleQueue()

    def run(k):
        start.wait()
        try:
            said.put((k, "done", task(k)))
        except GengXunError as error:
            said.put((k, type(error).__name__, str(error)))

    processes = [FORK.Process(target=run, args=(k,), daemon=True) for k in range(count)]
    for process in processes:
        process.start()
    answers = [said.get() for _ in processes]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * count
    return [answer[1:] for answer in sorted(answers)]


def all_write(where, processes, each, cases):
    numbers = filled(where, cases)

    def write(k):
        with Ledger(where) as ledger:
            for n in range(each):
                number = numbers[(7 * n + k) % cases]
                if n % 2:
                    ledger.act(number, Kind.NOTE, {"text": f"{k} {n}"}, OFFICER)
                else:
                    file(ledger, number, f"{k} {n}")

    assert together(write, processes) == [("done", None)] * processes
    with Ledger(where) as ledger:
        events = ledger.events()[1 + cases :]
        found = ledger.verify()
    sent = Counter(f"{k} {n}" if n % 2 else sha(f"file {k} {n}") for k in range(processes) for n in range(each))
    assert Counter(e.payload.get("text") or e.payload["sha256"] for e in events) == sent
    assert [e.seq for e in events] == list(range(2 + cases, 2 + cases + processes * each))
    assert (found.ok, found.events) == (True, 1 + cases + processes * each)


def test_what_several_write_at_once_is_all_there_in_one_chain(where):
    all_write(where, processes=4, each=10, cases=5)


@pytest.mark.soak
def test_eight_processes_write_two_thousand_events(where):
    all_write(where, processes=8, each=250, cases=40)


def test_of_eight_that_take_one_step_one_wins_and_seven_are_told(where):
    filled(where, 2)

    def dispatch(k):
        with Ledger(where) as ledger:
            ledger.act(FIRST, Kind.DISPATCHED, {"to_whom": f"{OFFICER.name}{k}", "reason": "清晰可见"}, SENSING)
            return k

    answers = together(dispatch, 8)
    won = [k for k, (what, _) in enumerate(answers) if what == "done"]
    told = [said for what, said in answers if what != "done"]
    assert len(won) == 1
    assert {what for what, _ in answers} == {"done", "StepRefused"}
    assert len(told) == 7
    assert all(FIRST in said and "stands at dispatched" in said.lower() and "\n" not in said for said in told), told
    with Ledger(where) as ledger:
        case = ledger.case(FIRST)
        assert (case.status, case.parts[0].assignee) == (Status.DISPATCHED, f"{OFFICER.name}{won[0]}")
        assert len(ledger.events(FIRST)) == 2
        assert ledger.verify().ok


def killed(where, moments):
    """One writer after another, each killed with SIGKILL; the next sends again what was not acknowledged."""
    numbers, done = filled(where, 3), 0
    for moment in moments:
        reads, writes = os.pipe()
        pid = os.fork()
        if pid == 0:
            _write_for_ever(where, numbers, done, writes)
        os.close(writes)
        heard = b""
        while heard.count(b"\n") < moment and (more := os.read(reads, 1 << 16)):
            heard += more
        select.select([reads], [], [], random.Random(moment).random() * 0.02)  # somewhere inside a transaction
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        while more := os.read(reads, 1 << 16):
            heard += more
        os.close(reads)
        done += heard.count(b"\n")
        with Ledger(where) as ledger:
            held = [e.payload["sha256"] for e in ledger.events() if e.kind == "EVIDENCE"]
            assert ledger.verify().ok
        assert held[:done] == [sha(f"file {n}") for n in range(done)]
        assert len(held) in (done, done + 1)  # what stood in the last breath may be there, but nothing twice
    assert done >= sum(moments)


def _write_for_ever(where, numbers, n, acknowledge):
    try:
        with Ledger(where) as ledger:
            while True:
                file(ledger, numbers[n % len(numbers)], n)
                os.write(acknowledge, b"%d\n" % n)
                n += 1
    finally:
        os._exit(1)


def test_what_a_killed_writer_acknowledged_is_there_once(where):
    killed(where, [0, 2, 5])


@pytest.mark.soak
def test_fifty_killed_writers_lose_nothing_they_acknowledged(where):
    killed(where, [n % 9 for n in range(50)])


def test_a_disk_that_fills_is_one_sentence_and_loses_nothing(tmp_path):
    """The disk is a limit on the size of a file (RLIMIT_FSIZE): writing past it fails as on a full one."""
    where = tmp_path / "ledger.db"
    filled(where, 2)

    def fill(_):
        import resource  # not on Windows

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
        kept, said = 0, ""
        with Ledger(where) as ledger:
            while not said:
                try:
                    ledger.act(FIRST, Kind.NOTE, {"text": "x" * 20_000}, OFFICER)
                    kept += 1
                except WorkError as error:
                    said = str(error)
        return kept, said

    ((_, (kept, said)),) = together(fill, 1)
    assert kept > 0
    assert str(where) in said
    assert "make room" in said
    assert "\n" not in said
    with Ledger(where) as ledger:
        assert (ledger.verify().ok, len(ledger.events())) == (True, 3 + kept)
        ledger.act(FIRST, Kind.NOTE, {"text": "there is room again"}, OFFICER)
        assert (ledger.verify().ok, len(ledger.events())) == (True, 4 + kept)


def test_a_server_that_goes_in_the_middle_is_one_sentence_and_loses_nothing(server):
    where, stops = server.fresh(), []

    def clock():  # asked inside the transaction, after its first line
        if stops:
            server.stop(stops.pop())
        return START

    with Ledger(where, clock=clock) as ledger:
        ledger.record(inspection(), [flag(0), flag(1)], SYSTEM)
        stops.append("immediate")
        try:
            for _ in range(2):  # in the middle, then with no server at all
                with pytest.raises(WorkError) as said:
                    ledger.act(FIRST, Kind.NOTE, {"text": "lost"}, OFFICER)
                assert "start the server" in str(said.value)
                assert "\n" not in str(said.value)
        finally:
            server.start()
        ledger.act(FIRST, Kind.NOTE, {"text": "again"}, OFFICER)
        assert [e.payload.get("text") for e in ledger.events(FIRST)] == [None, "again"]
        assert ledger.verify().ok


def test_a_clock_set_back_makes_no_last_day_earlier(where):
    """Two cases, dispatched and ruled on at the same moment of the right clock; then it runs back by a year."""
    office = Office(where)
    office.found()
    for number in (FIRST, SECOND):
        office.dispatched(number)
    office.later(3)
    for number in (FIRST, SECOND):
        office.violation(number)
    right = office.do(Kind.ORDERED, OFFICER, rectification="restored_tillage").payload["due"]
    office.now -= timedelta(days=365)
    back = office.do(Kind.ORDERED, OFFICER, SECOND, rectification="restored_tillage").payload["due"]
    assert (back["from"], back["on"]) == (right["from"], right["on"])
    office.do(Kind.EXTENDED, REVIEWER, SECOND, reason="雨季", due_on="2027-02-10")
    found = office.ledger.verify()
    assert found.ok
    assert len(found.clock_back) == 1
    assert office.ledger.case(SECOND).latest_at == START + timedelta(days=3)
