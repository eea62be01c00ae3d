"""Whoever can write to every file of the workspace, but has not the key, changes one thing: it is found."""

import dataclasses
import json
import select
import shutil
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from geodata.errors import GengXunError, InputError, LedgerDamaged
from pipeline.cases import heads, tables
from pipeline.cases.check import check, kept_heads
from pipeline.cases.events import Kind
from pipeline.cases.heads import Head, Mark
from pipeline.cases.keys import forget, head_document, public_pem, sign_now
from pipeline.cases.ledger import Ledger
from pipeline.cases.witness import take
from tests.pipeline.cases.lives import a_whole_life
from tests.pipeline.cases.signed_office import Clock, Office, chained, fill, office, tampered
from tests.pipeline.invented_flags import flag

ROOT = Path(__file__).parents[3]
NO_RECORD = {"leases"}
"""Who is at work just now: says nothing of any case, and nothing is concluded from it later."""
TABLES = [table for table in tables.metadata.sorted_tables if table.name not in NO_RECORD]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """(a signed workspace that nobody opens any more, its last head kept elsewhere). Read only: copy it."""
    folder = tmp_path_factory.mktemp("sealed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENGXUN_KEYS", str(folder / "keys"))
        made = office(folder / "office")
        fill(made)
        head = made.sign()
        made.ledger.close()
    return made, head


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """(a signed ledger with every kind of event, its head). Its files of evidence are nowhere. Read only."""
    root = tmp_path_factory.mktemp("lived") / "office"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENGXUN_KEYS", str(root.parent / "keys"))
        made = Office(root, a_whole_life(root / "ledger.db").ledger, Clock())
        head = made.sign()
        made.ledger.close()
    return made, head


@pytest.fixture
def copy(sealed, tmp_path, monkeypatch):
    """A copy of it on a machine that has no key."""
    monkeypatch.setenv("GENGXUN_KEYS", str(tmp_path / "no-keys"))
    return sealed[0].copy(tmp_path / "copy")


def found(root, *kept):
    """What is wrong with it: (first bad event, sentences). A refusal to read it is a find, too."""
    try:
        with Ledger(root / "ledger.db") as ledger:
            checked = check(ledger, root, kept)
    except GengXunError as error:
        return None, [str(error)]
    assert checked.ok == (not checked.problems)
    return None if checked.ok else (checked.first_bad, [p.text["en"] for p in checked.problems])


def test_an_untouched_workspace_holds(sealed, copy):
    assert found(copy, sealed[1]) is None
    with Ledger(copy / "ledger.db") as ledger:
        checked = check(ledger, copy, [sealed[1], Mark(3, ledger.events()[2].hash[:20])])
    assert (checked.events, checked.heads, checked.evidence, checked.notices) == (7, 5, 2, ())
    assert checked.signed == sealed[1]


# --- rows --------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Bench:
    """A copy of the whole life that is put back before every blow."""

    whole: Path
    root: Path
    head: Head

    def rows(self, table):
        with sqlite3.connect(self.whole / "ledger.db") as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute(f'SELECT rowid AS "rowid__", * FROM {table.name} ORDER BY rowid').fetchall()
        connection.close()
        return [dict(row) for row in rows]

    def struck(self, *statements):
        """What ``check`` finds after these statements: (first bad event, sentences), or None."""
        for path in self.root.glob("ledger.db*"):
            path.unlink()
        shutil.copyfile(self.whole / "ledger.db", self.root / "ledger.db")
        tampered(self.root / "ledger.db", *statements)
        with Ledger(self.root / "ledger.db") as ledger:
            checked = check(ledger, self.root, [self.head], held=Everything())
        return None if checked.ok else (checked.first_bad, [p.text["en"] for p in checked.problems])


class Everything(set):
    """Evidence is not what is tried here."""

    def __contains__(self, _):
        return True


@pytest.fixture
def bench(lived, tmp_path, monkeypatch):
    monkeypatch.setenv("GENGXUN_KEYS", str(tmp_path / "no-keys"))
    whole = lived[0].copy(tmp_path / "whole")
    shutil.copytree(whole, tmp_path / "root")
    return Bench(whole, tmp_path / "root", lived[1])


def other(column, value):
    """Another value that the column could hold."""
    if isinstance(column.type, tables.Geometry):
        return flag(40).occupied.geometry.wkb
    if isinstance(column.type, sa.Integer | sa.Float):
        return (value or 0) + 77
    try:
        return (datetime.fromisoformat(value) + timedelta(days=1)).isoformat()
    except (TypeError, ValueError):
        return f"{value or ''} "


def some(rows):
    """First and last."""
    return [rows[n] for n in sorted({0, len(rows) - 1})] if rows else []


def every_column(bench, table, rows):
    count = 0
    for row in rows:
        for column in table.columns:
            values = [other(column, row[column.name])]
            number = isinstance(column.type, sa.Integer) and column.primary_key
            values += [] if number else [b"\x00\xff"]  # which SQLite itself refuses as a key of this kind
            values += [None] if column.nullable and row[column.name] is not None else []
            for value in values:
                statement = f'UPDATE {table.name} SET "{column.name}" = ? WHERE rowid = ?'
                found = bench.struck((statement, (value, row["rowid__"])))
                assert found, f"{table.name}.{column.name} = {value!r} in {row}"
                if table is tables.events:
                    assert found[0] == row["seq"], (column.name, value, found)
                count += 1
    assert count >= len(rows) * (2 * len(table.columns) - 1)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_that_is_changed_is_found(bench, table):
    every_column(bench, table, some(bench.rows(table)))


@pytest.mark.soak
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_of_every_row_that_is_changed_is_found(bench, table):
    every_column(bench, table, bench.rows(table))


def inserted(table, row):
    names = [column.name for column in table.columns]
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table.name} ({quoted}) VALUES ({', '.join('?' * len(names))})", tuple(row[n] for n in names)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_row_that_is_removed_doubled_or_made_up_is_found(bench, table):
    rows = bench.rows(table)
    for row in rows:
        found = bench.struck((f"DELETE FROM {table.name} WHERE rowid = ?", (row["rowid__"],)))
        assert found, f"{table.name}: {row} removed"
        if table is tables.events:
            assert found[0] == row["seq"]
    for row in some(rows):
        for key in table.primary_key.columns:
            changed = [key, *(c for c in table.columns if c.unique)]
            double = {**row, **{c.name: other(c, row[c.name]) for c in changed}}
            assert bench.struck(inserted(table, double)), f"{table.name}: {row} doubled"
    made_up = {column.name: other(column, None) for column in table.columns}
    assert bench.struck(inserted(table, made_up)), f"{table.name}: a row made up"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_that_change_places_are_found(bench, table):
    """The values of two rows are exchanged, their keys left as they are."""
    rows = bench.rows(table)
    values = [column.name for column in table.columns if not column.primary_key]
    if not values:
        assert len(table.primary_key.columns) == len(table.columns)
        return
    sets = ", ".join(f'"{name}" = ?' for name in values)
    one, two = next(((a, b) for a in rows for b in rows if any(a[n] != b[n] for n in values)), (rows[0], None))
    if two is None:
        assert len(rows) == 1
        return
    apart = [f"UPDATE {table.name} SET \"{c.name}\" = '-' WHERE rowid = ?" for c in table.columns if c.unique]
    statements = [(statement, (two["rowid__"],)) for statement in apart]
    for here, there in ((one, two), (two, one)):
        told = (*(there[n] for n in values), here["rowid__"])
        statements.append((f"UPDATE {table.name} SET {sets} WHERE rowid = ?", told))
    assert bench.struck(*statements)


def test_every_table_has_rows_to_tamper_with(bench):
    assert [table.name for table in TABLES if not bench.rows(table)] == []
    kinds = {row["kind"] for row in bench.rows(tables.events)}
    assert kinds == {kind.value for kind in Kind}
    assert bench.struck() is None


# --- the past written anew ---------------------------------------------------------------------


def rewritten(root, *, skip=(), change=None):
    """The ledger written anew from its own events, every hash and link and table right: no key is needed for that."""
    with Ledger(root / "ledger.db") as ledger:
        events = ledger.events()
    kept = [change(e) if change else e for e in events if e.seq not in skip]
    for path in root.glob("ledger.db*"):
        path.unlink()
    with Ledger(root / "ledger.db") as ledger:
        chained(ledger, kept)
        assert ledger.verify().ok


def test_a_past_that_was_written_anew_is_found_and_placed(sealed, copy):
    rewritten(copy, change=lambda e: dataclasses.replace(e, by="李四") if e.seq == 5 else e)
    first, said = found(copy, sealed[1])
    assert first == 4  # after event 3, which was signed and still fits
    assert "rewritten after event 3" in said[0]


def test_a_tail_that_was_cut_cleanly_is_found(sealed, copy):
    rewritten(copy, skip={7})
    first, said = found(copy, sealed[1])
    assert first == 7
    assert "tail was cut" in said[0]


def test_an_older_copy_put_back_whole_is_found_by_the_head_kept_elsewhere(sealed, copy, tmp_path, monkeypatch):
    monkeypatch.setenv("GENGXUN_KEYS", str(tmp_path / "keys"))
    made = office(tmp_path / "office")
    made.run("a", 0)
    made.sign()
    made.ledger.close()
    older = made.copy(tmp_path / "older")
    with Ledger(made.root / "ledger.db", clock=made.clock) as ledger:
        later = Office(made.root, ledger, made.clock)
        later.run("c", 1)
        head = later.sign()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("GENGXUN_KEYS", str(tmp_path / "no-keys"))
        assert found(older) is None  # nothing in it can tell
        for kept in (head, Mark(head.seq, head.hash[:20])):
            assert found(older, kept)[0] == 3
    assert found(older)[0] == 3  # the machine that signed remembers its last head
    with Ledger(older / "ledger.db") as ledger, pytest.raises(LedgerDamaged, match="tail was cut"):
        sign_now(ledger, older)


def test_a_forger_with_a_key_of_his_own_is_found_by_the_kept_head(sealed, copy, tmp_path):
    rewritten(copy, change=lambda e: dataclasses.replace(e, by="李四") if e.seq == 1 else e)
    shutil.rmtree(copy / "keys")
    (copy / "heads.jsonl").unlink()
    with Ledger(copy / "ledger.db") as ledger:
        sign_now(ledger, copy)
    assert found(copy) is None  # on a machine that never signed the true one
    first, said = found(copy, sealed[1])
    assert first == 1
    assert "another ledger, or its first event was changed" in said[0]


# --- heads, keys, guards, evidence -------------------------------------------------------------


@pytest.mark.parametrize("name", list(Head.__dataclass_fields__))
@pytest.mark.parametrize("line", [0, 1, 2])
def test_every_field_of_every_stored_head_is_checked(copy, name, line):
    path = copy / "heads.jsonl"
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    value = lines[line][name]
    lines[line][name] = value + 1 if isinstance(value, int) else value[:-3] + {"Z": "9Z"}.get(value[-1], "00") + "0"
    if name == "at":
        lines[line][name] = value.replace("2026", "2027")
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    first, said = found(copy)
    assert first is None  # the events are as they were
    assert any("heads.jsonl" in one for one in said)


def test_heads_in_another_order_torn_or_made_up_are_found(sealed, copy):
    path = copy / "heads.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    forger = Ed25519PrivateKey.generate()
    (copy / "keys" / "x.pub").write_bytes(public_pem(forger.public_key().public_bytes_raw()))
    forged = heads.sign(sealed[1], forger)
    for wrong in (lines[::-1], [*lines, "{"], [*lines, json.dumps(heads.to_json(forged)) + "\n"]):
        path.write_text("".join(wrong))
        assert found(copy)
    path.write_text("".join(lines[:1]))  # what is left is right; the one kept elsewhere is checked as before
    assert found(copy, sealed[1]) is None


def test_a_public_key_that_was_exchanged_or_taken_away_is_found(copy):
    (path,) = (copy / "keys").glob("*.pub")
    path.write_bytes(public_pem(Ed25519PrivateKey.generate().public_key().public_bytes_raw()))
    assert "missing or not it" in found(copy)[1][0]
    path.unlink()
    assert found(copy)


def test_triggers_that_were_dropped_changed_or_added_are_found(copy):
    with sqlite3.connect(copy / "ledger.db") as connection:
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    connection.close()
    assert len(names) >= 3
    for statements in (
        *([f"DROP TRIGGER {name}"] for name in names),
        [f"DROP TRIGGER {names[0]}", f"CREATE TRIGGER {names[0]} BEFORE UPDATE ON events BEGIN SELECT 1; END"],
        ["CREATE TRIGGER more AFTER INSERT ON events BEGIN DELETE FROM leases; END"],
    ):
        whole = (copy / "ledger.db").read_bytes()
        with sqlite3.connect(copy / "ledger.db") as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()
        assert "trigger" in found(copy)[1][0]
        for path in copy.glob("ledger.db*"):
            path.unlink()
        (copy / "ledger.db").write_bytes(whole)


def test_one_bit_of_an_evidence_file_is_found(copy):
    files = [path for path in (copy / "evidence").rglob("*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        whole = path.read_bytes()
        for at in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            first, said = found(copy)
            assert first == 6
            assert "was changed" in said[0]
        path.unlink()
        assert "is missing" in found(copy)[1][0]
        path.write_bytes(whole)
    (copy / "evidence" / "note.txt").write_text("slipped in")
    assert "does not belong" in found(copy)[1][0]
    (copy / "evidence" / "note.txt").unlink()
    assert found(copy) is None


# --- signing -----------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("GENGXUN_KEYS", str(tmp_path / "keys"))
    made = office(tmp_path / "office")
    yield made
    made.ledger.close()


def test_a_ledger_that_was_never_signed_holds_with_a_notice(made):
    made.run("a", 0)
    checked = check(made.ledger, made.root)
    assert checked.ok
    assert "never signed" in checked.notices[0]["en"]
    assert not (made.root / "keys").exists()


def test_an_empty_ledger_is_not_signed(made):
    with pytest.raises(InputError, match="empty"):
        made.sign()
    assert check(made.ledger, made.root).ok


def test_the_first_head_makes_a_key_that_only_its_owner_can_read(made, tmp_path):
    made.run("a", 0)
    first = sign_now(made.ledger, made.root)
    assert (first.new, first.new_key, first.after) == (True, True, None)
    folder = tmp_path / "keys" / first.head.workspace
    assert (folder / f"{first.head.key}.key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not list(made.root.rglob("*.key"))
    assert [p.name for p in (made.root / "keys").iterdir()] == [f"{first.head.key}.pub"]
    (folder / f"{first.head.key}.key").chmod(0o644)
    made.run("c", 1)
    with pytest.raises(InputError, match="chmod 600"):
        made.sign()


def test_keys_inside_the_workspace_are_refused(made, monkeypatch):
    monkeypatch.setenv("GENGXUN_KEYS", str(made.root / "keys"))
    made.run("a", 0)
    with pytest.raises(InputError, match="inside the workspace"):
        made.sign()


def test_one_head_a_day_unless_something_happened(made):
    made.run("a", 0)
    one = made.sign()
    made.clock.forward(hours=1)
    assert made.sign() == one
    made.run("c", 1)
    assert made.sign().seq == 4
    made.clock.forward(days=1)
    assert made.sign().at.date() == one.at.date() + timedelta(days=1)
    assert len((made.root / "heads.jsonl").read_text().splitlines()) == 3


def test_a_clock_that_was_set_back_stops_no_head(made):
    made.run("a", 0)
    one = made.sign()
    made.clock.forward(days=-400)
    made.run("c", 1)
    two = made.sign()
    assert two.at < one.at
    assert check(made.ledger, made.root, [two, one]).ok


def test_another_ledger_in_the_place_of_the_signed_one_is_pointed_out(made):
    made.run("a", 0)
    one = made.sign()
    made.ledger.close()
    for path in (*made.root.glob("ledger.db*"), made.root / "heads.jsonl"):
        path.unlink()
    with Ledger(made.root / "ledger.db", clock=made.clock) as ledger:
        dataclasses.replace(made, ledger=ledger).run("x", 5)
        checked = check(ledger, made.root)
        assert checked.ok
        assert any(one.workspace in notice["en"] for notice in checked.notices)
        forget(made.root)
        assert not any(one.workspace in notice["en"] for notice in check(ledger, made.root).notices)
    assert list((made.root.parent / "keys").iterdir()) == []


def test_a_damaged_ledger_is_not_signed(made):
    made.run("a", 0, 1)
    tampered(made.root / "ledger.db", "UPDATE events SET by = 'x' WHERE seq = 2")
    with pytest.raises(LedgerDamaged, match="from event 2 on"):
        made.sign()
    assert not (made.root / "heads.jsonl").exists()


def test_a_key_is_exchanged_and_the_old_heads_still_hold(made):
    made.run("a", 0)
    one = made.sign()
    two = made.sign(rotate=True)
    assert one.key != two.key
    checked = check(made.ledger, made.root, [one, two])
    assert checked.ok
    assert (made.root / "keys" / f"{two.key}.json").is_file()


def test_after_a_loss_signing_goes_on_with_a_key_nobody_vouches_for(made, tmp_path):
    made.run("a", 0)
    one = made.sign()
    older = made.copy(tmp_path / "older")
    made.run("c", 1)
    two = made.sign()
    shutil.copyfile(made.root / "heads.jsonl", older / "heads.jsonl")
    with Ledger(older / "ledger.db", clock=made.clock) as ledger:
        with pytest.raises(LedgerDamaged, match="--after-loss"):
            sign_now(ledger, older)
        signed = sign_now(ledger, older, after_loss=True)
        assert signed.head.key not in (one.key, two.key)
        checked = check(ledger, older)
        assert checked.ok
        assert "given up as lost" in checked.notices[0]["en"]
        assert not check(ledger, older, [two]).ok
    assert not (older / "keys" / f"{signed.head.key}.json").exists()


SIGNER = """
import sys, itertools
sys.path.insert(0, {root!r})
from pathlib import Path
from pipeline.cases.keys import sign_now
from pipeline.cases.ledger import Ledger
from pipeline.cases.witness import take
from tests.pipeline.cases.signed_office import append
root = Path(sys.argv[1])
with Ledger(root / "ledger.db") as ledger:
    print("ready", flush=True)
    for n in itertools.count():
        append(ledger, f"{{sys.argv[2]}}-{{n}}", ())
        print(sign_now(ledger, root, rotate=n % 3 == 2).head.seq, flush=True)
"""


def killed_while_signing(made, kills):
    """Each signer is killed with SIGKILL; every head it acknowledged is there, and the next goes on."""
    acknowledged = 0
    for n in range(kills):
        command = [sys.executable, "-c", SIGNER.format(root=str(ROOT)), str(made.root), str(n)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        for _ in range(1 + n % 4):
            acknowledged = int(process.stdout.readline())
        select.select([process.stdout], [], [], n % 7 / 300)  # somewhere inside the next one
        process.kill()
        acknowledged = max([acknowledged, *map(int, process.communicate()[0].split())])
        checked = check(made.ledger, made.root)
        assert checked.ok, checked.problems
        assert checked.signed.seq >= acknowledged
    file = made.root.parent / "witness.jsonl"
    take(file, json.dumps(head_document(made.ledger, made.root, made.sign())), made.clock())
    made.run("z", 5)
    assert take(file, json.dumps(head_document(made.ledger, made.root, made.sign(rotate=True))), made.clock()).new


def test_a_signer_killed_at_any_moment_leaves_heads_that_hold(made):
    made.run("a", 0)
    killed_while_signing(made, 2)


@pytest.mark.soak
def test_a_signer_killed_fifty_times_leaves_heads_that_hold(made):
    made.run("a", 0)
    killed_while_signing(made, 50)


def test_a_head_is_read_from_a_file_or_as_text(sealed, tmp_path):
    text = heads.to_text(sealed[1])
    (tmp_path / "kept.txt").write_text(text + "\n")
    assert kept_heads(str(tmp_path / "kept.txt")) == kept_heads(text) == [sealed[1]]
    (tmp_path / "picture.txt").write_bytes(b"\xff\xfe\x00")
    for wrong in (str(tmp_path / "picture.txt"), "no head", str(tmp_path)):
        with pytest.raises(InputError):
            kept_heads(wrong)
