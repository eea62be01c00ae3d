"""What the ledger promises, on SQLite and on PostGIS alike."""

import dataclasses
from datetime import UTC, date, datetime, timedelta

import pytest
import shapely
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from shapely.geometry import MultiPolygon, Polygon

from geodata.errors import UnreadableFile, WorkError
from geodata.layers import Kind as LayerKind
from pipeline.cases import audit, database, tables
from pipeline.cases.case import Status
from pipeline.cases.events import SYSTEM, Actor, Kind, canonical_json
from pipeline.cases.ledger import LeaseHeld, LeaseLost, Ledger
from pipeline.cases.order import order_key
from pipeline.cases.refusal import StepRefused
from pipeline.cases.rows import case_row
from tests.pipeline.cases.lives import ADMIN, FIRST, LEGAL, OFFICER, SENSING, Office, a_whole_life, clue
from tests.pipeline.invented_flags import flag, inspection, occupied, place

AT = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
SECOND = "430321-2026-00002"


@pytest.fixture
def ledger(where):
    with Ledger(where, clock=lambda: AT) as made:
        yield made


def test_a_run_is_recorded_once_and_the_same_ground_is_seen_again(ledger):
    first = ledger.record(inspection(), [flag(1), flag(0)], Actor("周建军", "remote_sensing"))
    assert (first.new, first.already) == ([FIRST, SECOND], False)
    assert ledger.record(inspection(), [flag(1), flag(0)], SYSTEM).already
    again = ledger.record(inspection(after="c"), [flag(1, after="c"), flag(9, after="c")], SYSTEM)
    assert (again.seen_again, again.new) == ([FIRST], ["430321-2026-00003"])
    assert [(e.seq, e.kind, e.case) for e in ledger.events()] == [
        (1, "INSPECTED", None),
        (2, "FOUND", FIRST),
        (3, "FOUND", SECOND),
        (4, "INSPECTED", None),
        (5, "SEEN_AGAIN", FIRST),
        (6, "FOUND", "430321-2026-00003"),
    ]
    assert ledger.events()[0].by == "周建军"
    assert ledger.done() == {("b", "a"), ("b", "c")}
    assert (ledger.references(LayerKind.FARMLAND, "2025"), ledger.references_scene("c")) == (4, 2)
    assert ledger.verify().ok


def test_clues_are_known_by_source_batch_and_id(ledger):
    ledger.record(inspection(), [flag(0)], SYSTEM)
    clues = [clue(0), clue(5, "TB-8")]
    got = ledger.receive(clues, ADMIN)
    assert (got.new, got.matched, got.already) == ([SECOND], [FIRST], 0)
    assert ledger.receive(clues, ADMIN).already == 2
    assert [row["number"] for row in ledger.rows(batch="2026Q4")] == [FIRST, SECOND]
    assert ledger.verify().ok


def test_every_kind_of_event_is_kept_read_and_verified(where):
    with a_whole_life(where).ledger as ledger:
        events = ledger.events()
        assert {event.kind for event in events} == {kind.value for kind in Kind}
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        found = ledger.verify()
        assert (found.ok, found.events, found.differences) == (True, len(events), ())
        assert ledger.case(FIRST).relapses == 1
        held = {row["number"]: row for row in ledger.rows()}
        assert held == {case.number: case_row(case) for case in ledger.cases()}


def test_closed_ground_that_breaks_again_opens_its_own_number(where):
    office = Office(where)
    office.found()
    office.closed()
    assert office.ledger.case(FIRST).status is Status.CLOSED
    office.later(20)
    after = office.now + timedelta(days=30)
    again = flag(0, before="d", after="e", before_at=office.now, after_at=after)
    done = office.ledger.record(inspection("d", "e"), [again], SYSTEM)
    assert (done.new, done.inspection.cases_relapsed) == ([], (FIRST,))
    case = office.ledger.case(FIRST)
    assert (case.status, case.relapses) == (Status.DISPATCHED, 1)
    assert office.ledger.verify().ok


def test_a_refused_step_leaves_nothing(ledger):
    ledger.record(inspection(), [flag(0)], SYSTEM)
    with pytest.raises(StepRefused, match=FIRST):
        ledger.act(FIRST, Kind.ACCEPTED, {}, OFFICER)
    assert len(ledger.events()) == 2


def test_a_lease_is_held_by_one_and_what_it_guards_is_written_under_it_only(ledger, where):
    with ledger.lease("inspect") as held, Ledger(where) as other:
        with pytest.raises(LeaseHeld, match="inspect"), other.lease("inspect", wait=False):
            pass
        ledger.record(inspection(), [flag(0)], SYSTEM, lease=held)
    with ledger.lease("inspect") as later:
        assert later.fence == held.fence + 1
        with pytest.raises(LeaseLost):
            ledger.record(inspection(after="c"), [flag(1, after="c")], SYSTEM, lease=held)
    assert len(ledger.events()) == 2


def test_lists_are_filtered_by_the_database(where):
    office = Office(where)
    codes = ("430321", "430321", "430321", "430381")
    flags = [
        dataclasses.replace(
            flag(n, district_code=code),
            urgency=0.1 * n,
            occupied=occupied(
                place(n), district_code=code, township_code=f"{code}10{n}", village_code=f"{code}10{n}001"
            ),
        )
        for n, code in enumerate(codes)
    ]
    office.ledger.record(inspection(), flags, SYSTEM)
    office.dispatched(SECOND)
    ledger = office.ledger

    def numbers(**asked):
        return [row["number"] for row in ledger.rows(**asked)]

    other = "430381-2026-00001"
    assert numbers() == [SECOND, other, "430321-2026-00003", FIRST]  # what has a last day before what has none
    assert numbers(limit=2) == [SECOND, other]
    assert numbers(district="4303") == numbers()
    assert numbers(district="430321") == [SECOND, "430321-2026-00003", FIRST]
    assert numbers(district="430321101") == [SECOND]
    assert numbers(district="43032110") == [SECOND, "430321-2026-00003", FIRST]
    assert numbers(status="DISPATCHED") == numbers(assignee=OFFICER.name) == [SECOND]
    due = date.fromisoformat(ledger.rows(status="DISPATCHED")[0]["due_at"])
    assert numbers(due_before=due) == []
    assert numbers(due_before=due + timedelta(days=1)) == [SECOND]
    assert ledger.counts("status") == {"DISPATCHED": 1, "SUSPECTED": 3}
    assert ledger.counts("district_code", status="SUSPECTED") == {"430321": 2, "430381": 1}
    assert ledger.counts("status", district="430321", assignee=OFFICER.name) == {"DISPATCHED": 1}
    assert numbers(stage="CLOSED") == numbers(party="某") == numbers(batch="x") == numbers(kind="dumping") == []


def test_lists_begin_with_what_is_overdue_the_longest_and_end_with_what_was_dismissed(where):
    office = Office(where)
    urgency = (0.99, 0.98, 0.97, 0.4, 0.3, 0.1, 0.2)
    flags = [dataclasses.replace(flag(n), urgency=value) for n, value in enumerate(urgency)]
    dismissed, closed, paused, suspected, less, late, soon = office.ledger.record(inspection(), flags, SYSTEM).new
    office.do(Kind.DISMISSED, SENSING, dismissed, reason="云影")
    office.dispatched(paused)
    office.violation(paused)
    office.ordered(paused)
    office.do(Kind.PAUSED, LEGAL, paused, reason="行政复议")
    office.dispatched(late)
    office.later(7)
    office.dispatched(soon)
    office.closed(closed)
    wanted = [late, soon, suspected, less, paused, closed, dismissed]
    assert [row["number"] for row in office.ledger.rows()] == wanted
    assert [row["number"] for row in sorted(office.ledger.each_row(), key=order_key)] == wanted


def test_text_is_ordered_by_its_bytes_whatever_the_language_of_the_server(ledger):
    words = ["张", "a", "B", "王", "李-2", "李.1", "李_3", "Z"]
    codes = ["", "430381", "430321"]
    ledger.record(inspection(), [flag(n, district_code=codes[n % 3]) for n in range(len(words))], SYSTEM)
    cases, number = tables.cases.c, tables.events.c.case
    with database.writing(ledger.engine) as connection:
        numbers = connection.execute(sa.select(number).where(number.is_not(None)).order_by(number)).scalars().all()
        for one, word in zip(numbers, words, strict=True):
            connection.execute(tables.cases.update().where(cases.number == one).values(party=word))
        parties = connection.execute(sa.select(cases.party).order_by(cases.party)).scalars().all()
    assert numbers == sorted(numbers)
    assert parties == sorted(words)
    assert ledger.record(inspection(after="c"), [flag(40, after="c")], SYSTEM).new == ["430321-2026-00003"]


def test_a_geometry_comes_back_as_it_went(ledger):
    """To the last bit of its coordinates, of whatever type."""
    ring = [(112.9 + 1 / 3, 27.8), (112.95, 27.8 + 1 / 7), (112.93, 27.9), (112.9 + 1 / 3, 27.8)]
    hole = [(112.96, 27.845), (112.97, 27.845), (112.965, 27.85), (112.96, 27.845)]
    shape = MultiPolygon([Polygon(ring, [hole]), place(30)])
    ledger.record(inspection(), [flag(0, geometry=shape), flag(1)], SYSTEM)
    flags, told = tables.flags.c, ledger.events(FIRST)[0].payload["flag"]["occupied"]["geometry"]
    with database.writing(ledger.engine) as connection:
        query = sa.select(flags.geometry).order_by(flags.seq)
        rounded, square = connection.execute(query).scalars()
        connection.execute(tables.flags.update().where(flags.seq == 2).values(geometry=shape))
        exact = connection.execute(query).scalars().first()
    assert rounded.equals_exact(shapely.geometry.shape(told), 0.0)
    assert exact.equals_exact(shape, 0.0)
    assert (exact.geom_type, shapely.get_srid(exact)) == ("MultiPolygon", 0)
    assert square.equals_exact(place(1), 1e-9)


def test_events_can_be_neither_changed_nor_removed_nor_put_between(ledger):
    ledger.record(inspection(), [flag(0), flag(1)], SYSTEM)
    statements = [
        "UPDATE events SET kind = 'x'",
        "DELETE FROM events WHERE seq = 3",
        'INSERT INTO events SELECT seq + 5, "case", kind, at, "by", role, payload, evidence, schema_version, '
        "software_version, 'p', 'h' FROM events WHERE seq = 2",
    ]
    if ledger.engine.dialect.name == "postgresql":
        statements += ["TRUNCATE events CASCADE", "INSERT INTO events SELECT * FROM events WHERE seq = 2 "
                       "ON CONFLICT (seq) DO UPDATE SET kind = 'x'"]  # fmt: skip
    for statement in statements:
        with pytest.raises(sa.exc.DatabaseError), ledger.engine.begin() as connection:
            connection.exec_driver_sql(statement)
    found = ledger.verify()
    assert (found.ok, found.events) == (True, 3)


@pytest.mark.parametrize("column", ["payload", "by", "at", "evidence", "previous_hash"])
def test_a_changed_event_is_found(ledger, column):
    ledger.record(inspection(), [flag(0), flag(1)], SYSTEM)
    with ledger.engine.begin() as connection:
        for statement in GUARDS_OFF[connection.dialect.name]:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"UPDATE events SET \"{column}\" = '2020-01-01T00:00:00+00:00' WHERE seq = 2")
    found = ledger.verify()
    assert (found.ok, found.first_bad) == (False, 2)


GUARDS_OFF = {
    "sqlite": [f"DROP TRIGGER events_{name}" for name in ("no_update", "no_delete", "in_order")],
    "postgresql": ["ALTER TABLE events DISABLE TRIGGER USER"],
}


@pytest.mark.parametrize("column", ["urgency", "geometry", "row", "status", "order_key"])
def test_a_changed_projection_is_found(ledger, column):
    ledger.record(inspection(), [flag(0), flag(1)], SYSTEM)
    wrong = {"urgency": 7.5, "geometry": place(50)}.get(column, "x")
    with database.writing(ledger.engine) as connection:
        connection.execute(tables.cases.update().where(tables.cases.c.number == SECOND).values({column: wrong}))
    found = ledger.verify()
    assert (found.ok, found.first_bad, found.differences) == (False, 3, (f"cases {SECOND}",))


def test_two_processes_find_what_one_finds(ledger, monkeypatch):
    """A longer ledger is verified by two: each finds what was changed in its own part, the chain goes first."""
    ledger.record(inspection(), [flag(n) for n in range(10)], SYSTEM)
    monkeypatch.setattr(audit, "APART", 10_000)
    alone = ledger.verify()
    monkeypatch.setattr(audit, "APART", 1)
    assert ledger.verify() == alone
    assert alone.ok
    early, late = "430321-2026-00002", "430321-2026-00009"
    with database.writing(ledger.engine) as connection:
        for number in (early, late):
            connection.execute(tables.cases.update().where(tables.cases.c.number == number).values(party="x"))
    found = ledger.verify()
    assert (found.ok, found.first_bad) == (False, 3)
    assert found.differences == (f"cases {early}", f"cases {late}")
    with ledger.engine.begin() as connection:
        for statement in GUARDS_OFF[connection.dialect.name]:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("UPDATE events SET payload = 'no JSON' WHERE seq IN (2, 11)")
    found = ledger.verify()
    assert (found.ok, found.first_bad, found.differences) == (False, 2, ("events 2",))


@pytest.mark.filterwarnings("ignore:Did not recognize type 'geometry'")
def test_the_migrations_make_the_tables_of_the_program(ledger):
    with database.reading(ledger.engine) as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": lambda name, *_: name != "spatial_ref_sys"}
        )
        assert compare_metadata(context, tables.metadata) == []
        assert context.get_current_revision() == database.HEAD


def test_a_ledger_of_the_first_schema_is_brought_up_with_all_its_events(where, tmp_path):
    with Ledger(tmp_path / "now.db", clock=lambda: AT) as new:
        new.record(inspection(), [flag(0), flag(1)], SYSTEM)
        new.record(inspection(after="c"), [flag(0, after="c")], SYSTEM)
        rows, head = new.rows(), new.verify().head
        with database.reading(new.engine) as connection:
            events = [dict(row) for row in connection.execute(sa.select(tables.events)).mappings()]
    old(where, events)
    with Ledger(where, clock=lambda: AT) as ledger:
        found = ledger.verify()
        assert (found.ok, found.events, found.head) == (True, 5, head)
        assert ledger.rows() == rows
        ledger.act(FIRST, Kind.DISPATCHED, {"to_whom": OFFICER.name, "reason": "清晰"}, SENSING)
        assert ledger.verify().ok
    with Ledger(where) as again:
        assert len(again.events()) == 6


def test_a_ledger_without_the_order_of_lists_gets_it_and_keeps_its_rows(where):
    office = Office(where)
    office.found()
    office.dispatched(SECOND)
    with office.ledger.engine.begin() as connection:
        for index in tables.cases.indexes:
            if "order_key" in index.columns:
                index.drop(connection)
        for column in ("order_key", "worth"):
            connection.exec_driver_sql(f"ALTER TABLE cases DROP COLUMN {column}")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0002'")
    office.ledger.close()
    with Ledger(where) as ledger:
        assert ledger.verify().ok
        assert [row["number"] for row in ledger.rows()] == [SECOND, FIRST]
        with database.reading(ledger.engine) as connection:
            held = {index["name"]: index["column_names"] for index in sa.inspect(connection).get_indexes("cases")}
    assert (held["cases_order"], held["cases_stage"]) == (["order_key"], ["stage", "order_key"])


def old(where, events):
    """A ledger as the first version left it, one case of its tables filled."""
    engine = sa.create_engine(where.replace("postgresql:", "postgresql+psycopg:") if "://" in where
                              else f"sqlite:///{where}")  # fmt: skip
    config = Config()
    config.set_main_option("script_location", str(database.Path(database.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(tables.events.insert(), events)
        geometry = place(0)
        box = dict(zip(("min_lon", "min_lat", "max_lon", "max_lat"), geometry.bounds, strict=True))
        zeros = dict.fromkeys(("confidence", "urgency", "patch_m2", "farmland_gross_m2", "farmland_net_m2",
                               "basic_farmland_m2"), 0.0)  # fmt: skip
        words = dict.fromkeys(("stage", "status", "kind", "district_code", "township_code", "found_at"), "old")
        cases = sa.Table("cases", sa.MetaData(), *(
            sa.Column(name, tables.Geometry if name == "geometry" else None)
            for name in ("number", "seq", "version", "geometry", *box, *zeros, *words)
        ))  # fmt: skip
        connection.execute(cases.insert().values(
            number=FIRST, seq=2, version=1, geometry=geometry, **box, **zeros, **words))  # fmt: skip
    engine.dispose()


def test_payloads_of_any_text_come_back(ledger):
    ledger.record(inspection(), [flag(0)], SYSTEM)
    text = "𠀀 ﷺ \u0000 \u2028 \\ \" ' %s {x} \t 塘坝村"
    ledger.act(FIRST, Kind.NOTE, {"text": text}, OFFICER)
    assert ledger.events(FIRST)[-1].payload["text"] == text
    assert ledger.verify().ok


def test_readers_see_one_state_while_another_writes(ledger, where):
    """Two questions in one view give the same answer, whatever was written between them."""
    ledger.record(inspection(), [flag(0)], SYSTEM)
    count = sa.select(sa.func.count()).select_from(tables.events)
    with database.reading(ledger.engine) as connection:
        before = connection.execute(count).scalar()
        with Ledger(where) as other:
            other.act(FIRST, Kind.NOTE, {"text": "in between"}, OFFICER)
        assert connection.execute(count).scalar() == before
    with database.reading(ledger.engine) as connection:
        assert connection.execute(count).scalar() == before + 1


def test_a_database_that_is_no_ledger_is_refused(where):
    engine = sa.create_engine(where.replace("postgresql:", "postgresql+psycopg:") if "://" in where
                              else f"sqlite:///{where}")  # fmt: skip
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE cases (x integer)")
    engine.dispose()
    with pytest.raises(WorkError, match="no ledger"):
        Ledger(where)


def test_a_server_that_is_not_there_is_one_sentence_without_the_password(tmp_path):
    with pytest.raises(UnreadableFile) as said:
        Ledger(f"postgresql://office:geheim@/gengxun?host={tmp_path}")
    assert "geheim" not in str(said.value)
    assert "\n" not in str(said.value)


def test_the_stored_text_is_canonical(ledger):
    ledger.record(inspection(), [flag(0)], SYSTEM)
    with database.reading(ledger.engine) as connection:
        row = connection.execute(sa.select(tables.cases.c.row)).scalar()
    assert row == canonical_json(case_row(ledger.case(FIRST)))
