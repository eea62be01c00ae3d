import signal
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa

from pipeline.cases import lease as leasing
from pipeline.cases.database import reading, writing
from pipeline.cases.events import SYSTEM
from pipeline.cases.lease import LeaseHeld, LeaseLost, is_dead, this_process
from pipeline.cases.ledger import Ledger
from pipeline.cases.tables import leases
from tests.pipeline.invented_flags import flag, inspection

NOW = datetime(2026, 11, 20, tzinfo=UTC)
HOLDER = """
import sys
from pipeline.cases.ledger import Ledger
with Ledger(sys.argv[1]) as ledger, ledger.lease("inspect") as lease:
    print(lease.fence, flush=True)
    sys.stdin.readline()
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are told apart by /proc")


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger.db") as made:
        yield made


def holder(ledger):
    """Another process that holds the lease until a line comes."""
    command = [sys.executable, "-c", HOLDER, str(ledger.engine.url.database)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.fence = int(process.stdout.readline())
    return process


def row(ledger):
    with reading(ledger.engine) as connection:
        return dict(connection.execute(sa.select(leases)).mappings().one())


def rewrite(ledger, **values):
    with writing(ledger.engine) as connection:
        connection.execute(leases.update().values(**values))


def held_by(ledger, who, beat_at):
    with ledger.lease("inspect"):
        pass
    rewrite(ledger, held=True, beat_at=beat_at.isoformat(), **asdict(who))


def test_a_lease_is_given_back_and_its_number_grows(ledger):
    for fence in (1, 2):
        with ledger.lease("inspect") as lease:
            assert lease.fence == fence
            assert row(ledger)["held"]
        assert not row(ledger)["held"]


def test_it_is_given_back_when_the_work_fails(ledger):
    with pytest.raises(ZeroDivisionError), ledger.lease("inspect"):
        raise ZeroDivisionError
    assert not row(ledger)["held"]


def test_two_names_are_two_leases(ledger):
    with ledger.lease("inspect"), ledger.lease("publish", wait=False) as other:
        assert other.fence == 1


def test_who_is_asked_not_to_wait_is_told_who_holds_it(ledger):
    process = holder(ledger)
    with pytest.raises(LeaseHeld, match=str(process.pid)), ledger.lease("inspect", wait=False):
        pass
    process.communicate("\n", timeout=30)


def test_the_second_waits_and_says_so_once(ledger):
    process = holder(ledger)
    said = []

    def told(text):
        said.append(text)
        process.stdin.write("\n")
        process.stdin.flush()

    with ledger.lease("inspect", on_wait=told) as lease:
        assert lease.fence == process.fence + 1
    process.communicate(timeout=30)
    assert len(said) == 1
    assert str(process.pid) in said[0]["zh"]
    assert str(process.pid) in said[0]["en"]


@linux
@pytest.mark.timeout(60)
def test_a_holder_killed_on_this_host_is_taken_over_at_once(ledger):
    process = holder(ledger)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with ledger.lease("inspect", wait=False) as lease:
        assert lease.fence == process.fence + 1


@linux
@pytest.mark.timeout(60)
def test_a_zombie_is_dead_too(ledger):
    """Killed, and its parent has not asked for it yet."""
    process = holder(ledger)
    process.send_signal(signal.SIGKILL)
    process.stdout.read()  # its end closes when it dies
    with ledger.lease("inspect") as lease:
        assert lease.fence == process.fence + 1
    process.wait()


@linux
def test_a_later_process_with_the_same_pid_is_not_the_holder(ledger):
    held_by(ledger, replace(this_process(), started="1"), datetime.now(UTC))
    with ledger.lease("inspect", wait=False) as lease:
        assert lease.fence == 2


@linux
def test_a_holder_from_before_the_last_start_of_this_machine_is_dead(ledger):
    held_by(ledger, replace(this_process(), boot_id="another"), datetime.now(UTC))
    with ledger.lease("inspect", wait=False) as lease:
        assert lease.fence == 2


@pytest.mark.parametrize(("silent_s", "taken"), [(119, False), (121, True)])
def test_a_holder_on_another_host_is_given_up_after_two_minutes(ledger, silent_s, taken):
    ledger.clock = lambda: NOW
    held_by(ledger, replace(this_process(), host="elsewhere"), NOW - timedelta(seconds=silent_s))
    if taken:
        with ledger.lease("inspect", wait=False):
            assert row(ledger)["host"] == this_process().host
    else:
        with pytest.raises(LeaseHeld, match="elsewhere"), ledger.lease("inspect", wait=False):
            pass


@linux
def test_another_container_on_this_host_is_judged_by_its_heartbeat():
    """Its processes cannot be seen from here: that one is missing proves nothing."""
    other = asdict(replace(this_process(), pid_namespace="pid:[1]", pid=999_999, started="1"))
    assert not is_dead({**other, "beat_at": NOW.isoformat()}, this_process(), NOW)
    assert is_dead({**other, "beat_at": NOW.isoformat()}, this_process(), NOW + timedelta(seconds=120))


def test_who_lost_the_lease_writes_nothing(ledger):
    with ledger.lease("inspect") as lease:
        rewrite(ledger, fence=lease.fence + 1)  # another has taken it
        with pytest.raises(LeaseLost):
            ledger.record(inspection(), [flag(0)], SYSTEM, lease=lease)
        assert ledger.events() == []
    assert row(ledger)["held"]  # it is the other's: not given back by us


def test_a_lease_given_back_writes_nothing_either(ledger):
    with ledger.lease("inspect") as lease:
        assert ledger.record(inspection(), [flag(0)], SYSTEM, lease=lease).new
    with pytest.raises(LeaseLost):
        ledger.record(inspection(after="c"), [flag(9)], SYSTEM, lease=lease)


def test_a_long_work_keeps_its_heart_beating(ledger, monkeypatch):
    monkeypatch.setattr(leasing, "BEAT_S", 0.01)
    ticks = count()
    ledger.clock = lambda: NOW + timedelta(seconds=next(ticks))
    with ledger.lease("inspect"):
        first = row(ledger)["beat_at"]
        while row(ledger)["beat_at"] == first:
            pass
    assert row(ledger)["beat_at"] > first


def test_of_many_threads_one_works_at_a_time(ledger, monkeypatch):
    monkeypatch.setattr(leasing, "POLL_S", 0.005)
    inside, most, fences = [], [], []

    def work():
        with ledger.lease("inspect") as lease:
            inside.append(1)
            most.append(len(inside))
            fences.append(lease.fence)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert fences == [1, 2, 3, 4, 5, 6]
