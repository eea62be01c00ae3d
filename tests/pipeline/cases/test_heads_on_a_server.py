"""Heads, exports and backups of a ledger on PostGIS: the same as of a file."""

import threading

import pytest
import sqlalchemy as sa

from geodata.errors import InputError
from pipeline.cases import verifier
from pipeline.cases.backup import backup, restore
from pipeline.cases.check import check
from pipeline.cases.keys import sign_now
from pipeline.cases.ledger import Ledger
from pipeline.cases.proof import export_case, export_ledger
from tests.pipeline.cases.signed_office import append, fill, office


@pytest.fixture
def made(server, tmp_path, monkeypatch):
    monkeypatch.setenv("GENGXUN_KEYS", str(tmp_path / "keys"))
    made = office(tmp_path / "office", server.fresh())
    fill(made)
    yield made
    made.ledger.close()


def test_it_is_signed_checked_and_exported(made, tmp_path):
    head = made.sign()
    checked = check(made.ledger, made.root, [head])
    assert (checked.ok, checked.events, checked.heads, checked.evidence) == (True, 7, 5, 2), checked.problems
    export_ledger(made.ledger, made.root, tmp_path / "ledger", evidence=True)
    export_case(made.ledger, made.root, "430321-2026-00002", tmp_path / "case.zip")
    assert verifier.check(str(tmp_path / "ledger"))["events"] == 7
    assert verifier.check(str(tmp_path / "case.zip"))["events"] == 2


@pytest.mark.parametrize(
    ("statements", "first"),
    [
        (["UPDATE events SET \"by\" = 'x' WHERE seq = 4"], 4),
        (["DELETE FROM events WHERE seq = 7", "DELETE FROM inspections WHERE seq = 7"], 7),
        (["UPDATE cases SET urgency = 9"], 2),
        (["ALTER TABLE events DISABLE TRIGGER USER"], None),
        (["DROP TRIGGER events_in_order ON events"], None),
    ],
)
def test_what_was_done_to_it_is_found(made, statements, first):
    head = made.sign()
    with made.ledger.engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # past all triggers and references
        for statement in statements:
            connection.exec_driver_sql(statement)
    checked = check(made.ledger, made.root, [head])
    assert not checked.ok
    if first is None:
        assert "trigger" in checked.problems[0].text["en"]
    else:
        assert checked.first_bad == first


def test_a_backup_goes_into_a_file_and_into_an_empty_database(made, server, tmp_path):
    head = made.sign()
    assert backup(made.ledger, made.root, tmp_path / "b.zip").ok
    hashes = [event.hash for event in made.ledger.events()]
    target = server.fresh()
    for name, url in (("file", None), ("database", target)):
        checked = restore(tmp_path / "b.zip", tmp_path / name, url)
        assert (checked.ok, checked.events) == (True, 7), checked.problems
        with Ledger(url or tmp_path / name / "ledger.db", clock=made.clock) as ledger:
            assert [event.hash for event in ledger.events()] == hashes
            assert check(ledger, tmp_path / name, [head]).ok
    with pytest.raises(InputError, match="holds a ledger already"):
        restore(tmp_path / "b.zip", tmp_path / "more", target)
    with Ledger(tmp_path / "file" / "ledger.db", clock=made.clock) as ledger:  # and back from the file to a server
        backup(ledger, tmp_path / "file", tmp_path / "c.zip")
    assert restore(tmp_path / "c.zip", tmp_path / "again", server.fresh()).ok


def test_backups_taken_while_another_writes_and_signs_all_verify(made, tmp_path):
    stop, written = threading.Event(), []

    def write():
        with Ledger(sa.make_url(made.ledger.engine.url).render_as_string(False), clock=made.clock) as ledger:
            while not stop.is_set():
                append(ledger, f"w{len(written)}", ())
                written.append(len(written))
                if len(written) % 5 == 0:
                    sign_now(ledger, made.root)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(4):
            acknowledged = len(written)
            done = backup(made.ledger, made.root, tmp_path / f"{n}.zip")
            assert done.ok, done.checked.problems
            assert done.events >= 7 + acknowledged
    finally:
        stop.set()
        writer.join()
    assert len(written) > acknowledged
