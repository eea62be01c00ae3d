import dataclasses
import re
import select
import signal
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pipeline.cases
from geodata.errors import InputError, LedgerDamaged, UnreadableFile
from geodata.layers import Kind as LayerKind
from pipeline.cases import tables
from pipeline.cases.case import Stage, Status
from pipeline.cases.database import HEAD, reading
from pipeline.cases.events import (
    COLUMNS,
    GENESIS,
    SYSTEM,
    Actor,
    Event,
    Kind,
    canonical_bytes,
    from_row,
    row_hash,
    to_row,
)
from pipeline.cases.ledger import Ledger, Verified
from pipeline.cases.rows import case_row
from tests.pipeline.cases.lives import a_whole_life
from tests.pipeline.invented_flags import flag, inspection

ROOT = Path(__file__).parents[3]
AT = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path):
    with Ledger(path, clock=lambda: AT) as made:
        yield made


def three_events(ledger):
    """INSPECTED, FOUND, FOUND."""
    return ledger.record(inspection(), [flag(0), flag(1)], SYSTEM)


def tampered(path, *statements):
    """As one would with any SQLite tool, past all triggers."""
    with sqlite3.connect(path) as connection:
        for name in ("events_no_update", "events_no_delete", "events_in_order"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            connection.execute(*statement) if isinstance(statement, tuple) else connection.execute(statement)
    connection.close()


# --- recording ---------------------------------------------------------------------------------


def test_a_run_founds_cases_in_the_flags_own_order(ledger):
    done = ledger.record(inspection(), [flag(1), flag(0)], Actor("周建军", "remote_sensing"))
    assert done.new == ["430321-2026-00001", "430321-2026-00002"]
    assert not done.already
    cases = ledger.cases()
    assert [c.flags[0]["id"] for c in cases] == [flag(1).id, flag(0).id]
    assert {(c.stage, c.status) for c in cases} == {(Stage.FOUND, Status.SUSPECTED)}
    events = ledger.events()
    assert [(e.seq, e.kind, e.case) for e in events] == [
        (1, "INSPECTED", None),
        (2, "FOUND", "430321-2026-00001"),
        (3, "FOUND", "430321-2026-00002"),
    ]
    assert {(e.by, e.role, e.at, e.schema_version) for e in events} == {("周建军", "remote_sensing", AT, 1)}


def test_the_same_run_again_adds_nothing(ledger):
    first = three_events(ledger)
    again = three_events(ledger)
    assert again.already
    assert (again.new, again.seen_again) == ([], [])
    assert again.inspection.funnel == first.inspection.funnel
    assert len(ledger.events()) == 3


def test_the_same_ground_is_seen_again(ledger):
    three_events(ledger)
    done = ledger.record(inspection(after="c"), [flag(1, after="c"), flag(9, after="c")], SYSTEM)
    assert (done.seen_again, done.new) == (["430321-2026-00002"], ["430321-2026-00003"])
    case = ledger.case("430321-2026-00002")
    assert [f["change"]["after_id"] for f in case.flags] == ["a", "c"]
    assert case.version == 2
    assert case_row(case)["confidence"] == pytest.approx(1 - 0.4 * 0.4)


def test_two_flags_of_one_run_on_one_case_both_go_there(ledger):
    ledger.record(inspection(), [flag(0, size=0.0029)], SYSTEM)
    parts = [flag(0, after="c"), flag(1, after="c", size=0.0008)]
    done = ledger.record(inspection(after="c"), parts, SYSTEM)
    assert (done.new, done.seen_again) == ([], ["430321-2026-00001"])
    assert [e.kind for e in ledger.events("430321-2026-00001")] == ["FOUND", "SEEN_AGAIN", "SEEN_AGAIN"]
    # two flags of one scene are one look: the confidence does not rise by both
    assert case_row(ledger.cases()[0])["confidence"] == pytest.approx(1 - 0.4 * 0.4)


def test_overlapping_flags_of_one_run_on_new_ground_are_one_case(ledger):
    done = ledger.record(inspection(), [flag(0), flag(0, size=0.0008), flag(1)], SYSTEM)
    assert done.new == ["430321-2026-00001", "430321-2026-00002"]
    assert done.seen_again == []
    assert [e.kind for e in ledger.events("430321-2026-00001")] == ["FOUND", "SEEN_AGAIN"]
    assert ledger.verify().ok


def test_a_flag_that_is_known_adds_no_event_in_another_run(ledger):
    three_events(ledger)
    done = ledger.record(inspection(settings={"layers": "newer"}), [flag(0), flag(1), flag(2)], SYSTEM)
    assert (done.new, done.seen_again) == (["430321-2026-00003"], [])
    counts = {s.reason: s.count for s in done.inspection.funnel}
    assert (counts["seen_again"], counts["new"]) == (2, 1)


def test_the_stored_funnel_adds_up(ledger):
    three_events(ledger)
    ledger.record(inspection(after="c"), [flag(0, after="c"), flag(5, after="c")], SYSTEM)
    for done in ledger.inspections():
        total, *steps = done.funnel
        assert total.count == sum(s.count for s in steps)
        assert total.area_m2 == pytest.approx(sum(s.area_m2 for s in steps), abs=0.005)
    assert {s.reason: s.count for s in ledger.inspections()[1].funnel}["seen_again"] == 1
    assert ledger.inspections()[1].cases_seen_again == ("430321-2026-00001",)


def test_numbers_count_by_county_and_year_and_are_never_used_again(path):
    now = [AT]
    with Ledger(path, clock=lambda: now[0]) as ledger:
        flags = [flag(0), flag(1, district_code="430381001"), flag(2), flag(3, district_code="")]
        assert ledger.record(inspection(), flags, SYSTEM).new == [
            "430321-2026-00001",
            "430381-2026-00001",
            "430321-2026-00002",
            "000000-2026-00001",
        ]
        now[0] = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)  # New Year in Beijing
        assert ledger.record(inspection(after="c"), [flag(7, after="c")], SYSTEM).new == ["430321-2027-00001"]
        now[0] = AT
        assert ledger.record(inspection(after="d"), [flag(8, after="d")], SYSTEM).new == ["430321-2026-00003"]


def test_an_inspection_without_a_flag_is_recorded_too(ledger):
    done = ledger.record(inspection(), [], SYSTEM)
    assert (done.new, done.seen_again, done.already) == ([], [], False)
    assert ledger.done() == {("b", "a")}
    assert ledger.verify().events == 1


def test_what_refers_to_layers_and_scenes_is_counted(ledger):
    three_events(ledger)
    ledger.record(inspection(after="c"), [flag(0, after="c")], SYSTEM)
    assert ledger.references(LayerKind.FARMLAND, "2025") == 3
    assert ledger.references(LayerKind.FARMLAND, "2026") == 0
    assert (ledger.references_scene("b"), ledger.references_scene("c"), ledger.references_scene("x")) == (3, 1, 0)


def test_an_unknown_case_is_said_in_a_sentence(ledger):
    with pytest.raises(InputError, match="430321-2026-00009"):
        ledger.case("430321-2026-00009")


def test_a_run_that_fails_midway_leaves_nothing(ledger):
    broken = dataclasses.replace(flag(1), kind=object())  # no JSON
    with pytest.raises(TypeError):
        ledger.record(inspection(), [flag(0), broken], SYSTEM)
    assert ledger.events() == []
    assert three_events(ledger).new == ["430321-2026-00001", "430321-2026-00002"]


def test_a_case_row_has_the_keys_that_scripts_read(ledger):
    three_events(ledger)
    row = case_row(ledger.cases()[0])
    keys = (
        "number status stage kind confidence urgency district_code district_name township_code patch_m2 "
        "farmland_gross_m2 farmland_net_m2 basic_farmland_m2 lon lat geometry before_id after_id found_at "
        "flag_ids reasons"
    )
    assert set(row) >= set(re.split(" ", keys))
    assert row["basic_farmland_m2"] == 6_000.0
    assert set(row["reasons"]) == {"zh", "en"}
    assert row["found_at"] == "2026-11-20T01:30:00+00:00"


# --- the chain ---------------------------------------------------------------------------------


def event(**fields):
    made = Event(7, "430321-2026-00001", "FOUND", AT, "a", "b", {"x": 1}, ("e" * 64,), 1, "0.1", "p", "")
    return dataclasses.replace(made, **fields)


OTHER = {int: 8, str: "other", datetime: AT + timedelta(microseconds=1), dict: {"x": 2}, tuple: ("f" * 64,)}


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(Event) if f.name != "hash"])
def test_every_column_is_in_the_hash(name):
    other = event(**{name: OTHER[type(getattr(event(), name))]})
    assert row_hash(to_row(other)) != row_hash(to_row(event()))


def test_the_columns_of_the_table_are_the_fields_of_an_event():
    assert set(tables.events.columns.keys()) == {*COLUMNS, "hash"}
    assert from_row(to_row(event(hash="h"))).payload == {"x": 1}


@given(st.lists(st.text(), min_size=5, max_size=5), st.lists(st.text(), min_size=5, max_size=5))
def test_no_two_rows_give_the_same_bytes(one, other):
    names = ("by", "role", "kind", "case", "payload")
    rows = [{**to_row(event()), **dict(zip(names, texts, strict=True))} for texts in (one, other)]
    assert (canonical_bytes(rows[0]) == canonical_bytes(rows[1])) == (one == other)


def test_absent_is_not_empty_and_a_number_is_not_its_text():
    assert len({canonical_bytes({**to_row(event()), "case": v}) for v in (None, "", "None")}) == 3
    assert canonical_bytes({**to_row(event()), "seq": "7"}) != canonical_bytes(to_row(event()))


def test_the_first_event_stands_on_a_fixed_genesis(ledger):
    assert ledger.verify() == Verified(True, 0, None, GENESIS)
    three_events(ledger)
    assert (
        ledger.events()[0].previous_hash
        == GENESIS
        == "e29c5d808a8adc10483c33b7058836b95d0f7172a980be6c388e0ec0b38a6dad"
    )


def test_an_untouched_ledger_is_sound(ledger):
    three_events(ledger)
    found = ledger.verify()
    assert (found.ok, found.events, found.first_bad) == (True, 3, None)
    assert found.head == ledger.events()[-1].hash


@pytest.mark.parametrize("column", tables.events.columns.keys())
@pytest.mark.parametrize("seq", [1, 2, 3])
def test_any_column_of_any_event_that_was_changed_is_found(ledger, path, column, seq):
    three_events(ledger)
    value = 77 if isinstance(tables.events.c[column].type, sa.Integer) else "2020-01-01T00:00:00+00:00"
    tampered(path, (f'UPDATE events SET "{column}" = ? WHERE seq = ?', (value, seq)))
    found = ledger.verify()
    assert not found.ok
    assert found.first_bad == seq


@given(st.integers(1, 3), st.sampled_from(["payload", "by", "role", "at", "evidence"]), st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_single_changed_character_is_found(tmp_path, seq, column, data):
    path = Path(tempfile.mkdtemp(dir=tmp_path)) / "ledger.db"
    with Ledger(path) as ledger:
        three_events(ledger)
        text = to_row(ledger.events()[seq - 1])[column]
        place = data.draw(st.integers(0, len(text) - 1))
        letter = data.draw(st.characters(codec="utf-8", exclude_characters="\0"))
        changed = text[:place] + letter + text[place + 1 :]
        tampered(path, (f'UPDATE events SET "{column}" = ? WHERE seq = ?', (changed, seq)))
        found = ledger.verify()
        assert (found.ok, found.first_bad) == ((True, None) if changed == text else (False, seq))


def test_a_deletion_in_the_middle_is_found(ledger, path):
    three_events(ledger)
    tampered(path, "DELETE FROM events WHERE seq = 2")
    assert ledger.verify().first_bad == 2
    tampered(path, "UPDATE events SET seq = 2 WHERE seq = 3")
    assert ledger.verify().first_bad == 2


def test_another_order_is_found(ledger, path):
    three_events(ledger)
    swap = "UPDATE events SET seq = {} WHERE seq = {}"
    tampered(path, swap.format(9, 2), swap.format(2, 3), swap.format(3, 9))
    assert ledger.verify().first_bad == 2


def test_an_event_slipped_in_with_a_good_hash_is_found(ledger, path):
    three_events(ledger)
    row = to_row(dataclasses.replace(ledger.events()[-1], seq=4, case="430321-2026-00077", kind="FOUND"))
    row["previous_hash"] = ledger.events()[-1].hash
    row["hash"] = row_hash(row)
    names = ", ".join(f'"{n}"' for n in row)
    tampered(path, (f"INSERT INTO events ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())))
    found = ledger.verify()
    assert not found.ok
    assert found.first_bad == 4


@pytest.mark.parametrize("table", tables.PROJECTIONS)
def test_a_projection_that_differs_is_found_in_any_column(path, table):
    a_whole_life(path).ledger.close()
    names = [c.name for c in table.columns]
    first = f"(SELECT min(rowid) FROM {table.name})"
    for column in names:
        copy = path.with_name(f"{table.name}-{column}.db")
        with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
            source.backup(target)
        value = {sa.Integer: 7, sa.Float: 7.5}.get(type(table.c[column].type), "x")
        if isinstance(table.c[column].type, tables.Geometry):
            value = flag(40).occupied.geometry.wkb
        tampered(
            copy, "PRAGMA foreign_keys=off", (f'UPDATE {table.name} SET "{column}" = ? WHERE rowid = {first}', (value,))
        )
        with Ledger(copy) as other:
            found = other.verify()
        assert not found.ok, column
        assert found.first_bad is not None
        assert any(said.startswith(table.name) for said in found.differences)


@pytest.mark.parametrize("junk", [b"\x00\xff", b"", "abc"])
@pytest.mark.parametrize("table", [tables.events, *tables.PROJECTIONS], ids=lambda table: table.name)
def test_what_is_no_number_in_a_column_of_numbers_is_a_finding(path, table, junk):
    a_whole_life(path).ledger.close()
    last = f"(SELECT max(rowid) FROM {table.name})"
    names = [c.name for c in table.columns if c.name == "at" or isinstance(c.type, sa.Integer | sa.Float)]
    for column in names:
        copy = path.with_name(f"{table.name}-{column}.db")
        with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
            source.backup(target)
        change = (f'UPDATE {table.name} SET "{column}" = ? WHERE rowid = {last}', (junk,))
        try:
            tampered(copy, "PRAGMA foreign_keys=off", change)
        except sqlite3.IntegrityError:  # a key that SQLite itself keeps a number
            continue
        with Ledger(copy) as other:
            assert not other.verify().ok, column


# --- writing on what was tampered with -----------------------------------------------------------

FIRST = "430321-2026-00001"
TAMPERING = {
    "the last event": ("UPDATE events SET by = 'x' WHERE seq = 3", FIRST, 3),
    "its link": ("UPDATE events SET previous_hash = hash WHERE seq = 3", FIRST, 3),
    "the one before it": ("UPDATE events SET hash = 'x' || hash WHERE seq = 2", "430321-2026-00002", 3),
    "one that is gone": ("DELETE FROM events WHERE seq = 2", "430321-2026-00002", 3),
    "an event of the case": ("UPDATE events SET payload = payload || ' ' WHERE seq = 2", FIRST, 2),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_nothing_is_written_on_what_was_tampered_with(ledger, path, what):
    three_events(ledger)
    statement, number, seq = TAMPERING[what]
    tampered(path, "PRAGMA foreign_keys=off", statement)
    with pytest.raises(LedgerDamaged, match=f"event {seq} is not what was written"):
        ledger.act(number, Kind.NOTE, {"text": "备注"}, Actor("甲", "leader"))
    if what != "an event of the case":
        with pytest.raises(LedgerDamaged, match=f"event {seq} "):
            ledger.record(inspection("c", "d"), [], SYSTEM)


def test_a_row_taken_from_a_projection_is_found(ledger, path):
    three_events(ledger)
    tampered(path, "DELETE FROM flag_layers", "DELETE FROM flags WHERE seq = 3")
    found = ledger.verify()
    assert (found.ok, found.first_bad) == (False, 2)


def test_a_cut_tail_shows_only_by_what_is_left_of_it(ledger, path):
    """The chain alone cannot see it: the tables can, and a head kept elsewhere can."""
    three_events(ledger)
    head = ledger.verify().head
    tampered(path, "PRAGMA foreign_keys=off", "DELETE FROM events WHERE seq = 3")
    found = ledger.verify()
    assert (found.ok, found.first_bad) == (False, 3)
    gone = "SELECT id FROM flags WHERE seq = 3"
    tampered(
        path,
        f"DELETE FROM flag_layers WHERE flag IN ({gone})",
        "DELETE FROM flags WHERE seq = 3",
        "DELETE FROM cases WHERE seq = 3",
    )
    found = ledger.verify()
    assert found.ok
    assert (found.events, found.head) != (3, head)


def test_events_can_be_neither_changed_nor_removed(ledger, path):
    three_events(ledger)
    for statement in (
        "UPDATE events SET kind = 'x'",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events SELECT * FROM events WHERE seq = 2",
        'INSERT INTO events SELECT seq + 5, "case", kind, at, "by", role, payload, evidence, schema_version, '
        "software_version, 'p', 'h' FROM events WHERE seq = 2",
    ):
        with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
        connection.close()
    assert ledger.verify().ok


def test_a_clock_that_runs_back_is_kept_and_shown(path):
    times = iter([AT, AT - timedelta(hours=1), AT + timedelta(hours=1)])
    with Ledger(path, clock=lambda: next(times)) as ledger:
        for after in ("c", "d", "e"):
            ledger.record(inspection(after=after), [], SYSTEM)
        found = ledger.verify()
        assert found.ok
        assert found.clock_back == (2,)
        assert [e.seq for e in ledger.events()] == [1, 2, 3]
        assert ledger.events()[1].at == AT - timedelta(hours=1)


# --- the file ----------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_of_the_program(ledger):
    with reading(ledger.engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
        assert context.get_current_revision() == HEAD
    scripts = ScriptDirectory(str(Path(pipeline.cases.__file__).parent / "migrations"))
    assert scripts.get_current_head() == HEAD


def test_the_pragmas_that_make_a_commit_last(ledger):
    with reading(ledger.engine) as connection:
        read = {
            n: connection.exec_driver_sql(f"PRAGMA {n}").scalar()
            for n in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert read == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_file_that_is_no_ledger_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "text.db").write_bytes(b"this is not a database, not at all" * 100)
    with pytest.raises(UnreadableFile, match=r"text\.db"):
        Ledger(tmp_path / "text.db")
    with pytest.raises(UnreadableFile, match="folder"):
        Ledger(tmp_path / "nowhere" / "ledger.db")


def test_a_torn_file_is_damage_and_no_traceback(ledger, path):
    ledger.record(inspection(), [flag(i) for i in range(30)], SYSTEM)
    ledger.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = path.stat().st_size
    with path.open("r+b") as stream:
        stream.seek(3 * 4096)
        stream.write(b"\xff" * (whole - 3 * 4096))
    with pytest.raises(LedgerDamaged, match=r"ledger\.db"), Ledger(path) as torn:
        torn.verify()


# --- two at once, and killed -------------------------------------------------------------------

WRITER = """
import sys
sys.path.insert(0, {root!r})
from tests.pipeline.cases.lives import a_whole_life
from tests.pipeline.invented_flags import flag, inspection
from pipeline.cases.events import SYSTEM
from pipeline.cases.ledger import Ledger, Verified
from pipeline.cases.rows import case_row
print("ready", flush=True)
sys.stdin.readline()
with Ledger(sys.argv[1]) as ledger:
    for run in range(int(sys.argv[2]), int(sys.argv[3])):
        after = f"after-{{run}}"
        flags = [flag(i, 3 * run, after=after) for i in range(int(sys.argv[4]))]
        done = ledger.record(inspection(after=after), flags, SYSTEM)
        print(run, len(done.new), done.already, flush=True)
"""


def writer(path, first, last, flags):
    command = [sys.executable, "-c", WRITER.format(root=str(ROOT)), str(path), str(first), str(last), str(flags)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_that_record_the_same_at_once_make_no_double(path):
    both = [writer(path, 0, 3, 20) for _ in range(2)]  # the new file is made by both at once, too
    for process in both:
        go(process)
    said = [process.communicate(timeout=60)[0].split("\n")[:-1] for process in both]
    assert [p.returncode for p in both] == [0, 0]
    for one, other in zip(*said, strict=True):
        assert {one.split()[1], other.split()[1]} == {"20", "0"}
    with Ledger(path) as ledger:
        assert ledger.verify().ok
        assert len(ledger.cases()) == 60
        assert len({c.number for c in ledger.cases()}) == 60


def test_a_new_file_that_another_just_opens_is_waited_for(path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(Ledger, path)
        wait([opening], timeout=0.5)
        assert not opening.done()
        other.execute("COMMIT")
        with opening.result(timeout=60) as ledger:
            assert ledger.verify().ok
    other.close()


def killed_at_moments(path, moments):
    """One writer after another, each killed with SIGKILL; every acknowledged run must be there."""
    acknowledged = set()
    for moment in moments:
        process = writer(path, 0, 60, 15)
        go(process)
        seen = 0
        while seen < moment and (line := process.stdout.readline()):
            acknowledged.add(line.split()[0])
            seen += 1
        select.select([process.stdout], [], [], moment % 7 / 200)  # somewhere inside the next transaction
        process.send_signal(signal.SIGKILL)
        acknowledged |= {line.split()[0] for line in process.stdout.read().splitlines() if line.count(" ") == 2}
        process.wait()
        with Ledger(path) as ledger:
            assert ledger.verify().ok
            recorded = {i.after_id.removeprefix("after-") for i in ledger.inspections()}
            assert acknowledged <= recorded
            for done in ledger.inspections():
                assert len(done.cases_new) == 15
            assert len(ledger.cases()) == 15 * len(recorded)


def test_a_writer_killed_at_any_moment_leaves_whole_runs(path, tmp_path):
    killed_at_moments(path, [0, 3, 6])
    finish(path, tmp_path)


@pytest.mark.soak
def test_a_writer_killed_at_forty_moments_leaves_whole_runs(path, tmp_path):
    killed_at_moments(path, range(40))
    finish(path, tmp_path)


def finish(path, tmp_path):
    """Run to the end, the ledger holds the flags that one undisturbed run gives, in its order."""
    flags = []
    for ledger_path in (path, tmp_path / "undisturbed.db"):
        process = writer(ledger_path, 0, 6, 15)
        go(process)
        process.communicate(timeout=120)
        with Ledger(ledger_path) as ledger:
            flags.append([[f["id"] for f in c.flags] for c in ledger.cases()][: 6 * 15])
    assert flags[0] == flags[1]
