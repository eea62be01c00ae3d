"""``ledger``, ``verify``, ``backup``, ``restore`` as they are called, between two machines."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.settings import open_workspace
from pipeline.cases.events import SYSTEM
from pipeline.cases.ledger import Ledger
from tests.flows.ran import runner
from tests.pipeline.invented_flags import flag, inspection

AT = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)


@pytest.fixture
def run(tmp_path, monkeypatch):
    return runner(tmp_path, monkeypatch)


def record(office: Path, after: str, *columns: int) -> None:
    with Ledger(office / "ledger.db", clock=lambda: AT) as ledger:
        ledger.record(inspection(after=after), [flag(n, after=after) for n in columns], SYSTEM)


@pytest.fixture
def office(run, tmp_path):
    folder = tmp_path / "ws"
    assert run("init", folder, cwd=tmp_path).code == 0
    record(folder, "a", 0, 1)
    return folder


def spoil(office: Path, statement: str) -> None:
    with sqlite3.connect(office / "ledger.db") as connection:
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        for _, sql in guards:
            connection.execute(sql)
    connection.close()


def test_a_head_is_printed_kept_and_verified_later(run, office, tmp_path):
    unsigned = run("verify", "--json", cwd=office)
    assert (unsigned.code, unsigned.json["ok"], unsigned.json["heads"]) == (0, True, 0)
    assert "never signed" in unsigned.json["notices"][0]["en"]
    first = run("ledger", "head", cwd=office)
    assert first.code == 0, first.err
    assert first.out.startswith("GX1 ")
    assert len(first.out.splitlines()) == 1
    assert "made in" in first.err
    assert "to be written down: 3-" in first.err
    kept = tmp_path / "kept.txt"
    kept.write_text(first.out)
    record(office, "c", 2)
    for said in (str(kept), first.out.strip()):
        found = run("verify", "--head", said, "--json", cwd=office)
        assert (found.code, found.json["events"]) == (0, 5)
        assert found.json["signed"]["seq"] == 3
    in_words = run("verify", "--head", kept, cwd=office, lang="zh")
    assert in_words.code == 0
    assert "记录完整：5 条" in in_words.out


def test_verify_without_any_key_on_this_machine(run, office):
    head = run("ledger", "head", cwd=office).out.strip()
    assert run("verify", "--head", head, cwd=office, machine="elsewhere").code == 0
    refused = run("ledger", "head", cwd=office, machine="elsewhere")
    assert refused.code == 2
    assert "not on this machine" in refused.err


def test_verify_says_the_first_bad_record_and_exits_1(run, office):
    head = run("ledger", "head", cwd=office).out.strip()
    spoil(office, "UPDATE events SET by = 'x' WHERE seq = 2")
    found = run("verify", "--head", head, cwd=office)
    assert found.code == 1
    assert "from event 2 on" in found.out
    assert found.err.count("\n") == 1
    as_json = run("verify", "--json", cwd=office)
    assert (as_json.code, as_json.json["ok"], as_json.json["first_bad"]) == (1, False, 2)
    assert run("ledger", "head", cwd=office).code == 1


def test_what_proves_is_missing_though_the_events_hold(run, office):
    run("ledger", "head", cwd=office)
    next((office / "keys").glob("*.pub")).unlink()
    found = run("verify", cwd=office)
    assert found.code == 1
    assert "is missing or not it" in found.out


def test_a_witness_on_another_machine(run, office, tmp_path):
    file = tmp_path / "witness.jsonl"
    printed = run("ledger", "head", "--json", cwd=office)
    taken = run("ledger", "witness", file, cwd=tmp_path, given=printed.out)
    assert (taken.code, "taken: 3-" in taken.out, "first time" in taken.err) == (0, True, True)
    record(office, "c", 2)
    later = run("ledger", "head", "--since", 3, "--json", cwd=office)
    assert later.json["since"] == 3
    (tmp_path / "later.json").write_text(later.out)
    assert run("ledger", "witness", file, "--head", "later.json", cwd=tmp_path).code == 0
    assert run("ledger", "witness", file, "--last", "--json", cwd=tmp_path).json["seq"] == 5
    refused = run("ledger", "witness", file, cwd=tmp_path, given=printed.out)
    assert (refused.code, "refused" in refused.err) == (1, True)
    assert run("verify", "--head", file, cwd=office).code == 0
    for given in ("", "nonsense"):
        assert run("ledger", "witness", file, cwd=tmp_path, given=given).code == 2


def test_an_export_is_checked_by_the_file_in_it(run, office, tmp_path):
    done = run("ledger", "export", tmp_path / "out", "--json", cwd=office)
    assert (done.code, done.json["events"]) == (0, 3)
    command = [sys.executable, "-I", str(tmp_path / "out" / "verifier.py"), str(tmp_path / "out")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, "OK" in said.stdout) == (0, True)
    assert run("ledger", "export", tmp_path / "out", cwd=office).code == 2


def test_a_backup_comes_back_as_a_workspace(run, office, tmp_path):
    run("ledger", "head", cwd=office)
    done = run("backup", tmp_path / "b.zip", "--json", cwd=office)
    assert (done.code, done.json["ok"], done.json["events"], done.json["path"]) == (0, True, 3, str(tmp_path / "b.zip"))
    back = run("restore", tmp_path / "b.zip", tmp_path / "again", cwd=tmp_path)
    assert back.code == 0, back.err
    assert "intact: 3 events" in back.out
    assert "no accounts and field links in this backup" in back.out
    run("user", "add", "李四", "--role", "reviewer", cwd=office)
    assert "guard the file" in run("backup", tmp_path / "p.zip", cwd=office).out
    assert "people sign in again" in run("restore", tmp_path / "p.zip", tmp_path / "more", cwd=tmp_path).out
    assert run("user", "list", "--json", cwd=tmp_path / "more").json[0]["name"] == "李四"
    assert len(run("case", "list", "--json", cwd=tmp_path / "again").json) == 2
    assert run("verify", cwd=tmp_path / "again").code == 0
    assert run("restore", tmp_path / "b.zip", office, cwd=tmp_path).code == 2
    assert run("backup", tmp_path / "b.zip", cwd=office).code == 2
    spoil(office, "UPDATE events SET by = 'x' WHERE seq = 2")
    damaged = run("backup", tmp_path / "c.zip", cwd=office)
    assert (damaged.code, (tmp_path / "c.zip").is_file()) == (1, True)
    assert "from event 2 on" in damaged.out


def test_restored_settings_name_the_place_where_the_ledger_is_now(run, office, tmp_path):
    gone = f"sqlite:///{tmp_path / 'gone.db'}"
    settings = (office / "gengxun.toml").read_text()
    assert 'url = ""' in settings
    (office / "gengxun.toml").write_text(settings.replace('url = ""', f'url = "{gone}"', 1))
    shutil.move(office / "ledger.db", tmp_path / "gone.db")
    assert run("backup", tmp_path / "b.zip", cwd=office).code == 0
    (tmp_path / "gone.db").unlink()
    for name, options in (("one", []), ("two", ["--ledger", f"sqlite:///{tmp_path / 'new.db'}"])):
        back = run("restore", tmp_path / "b.zip", tmp_path / name, *options, cwd=tmp_path)
        assert back.code == 0, back.err
        assert run("verify", "--json", cwd=tmp_path / name).json["events"] == 3
        assert (tmp_path / name / "ledger.db").exists() == (name == "one")
    assert not (tmp_path / "gone.db").exists()
    assert (tmp_path / "one" / "gengxun.toml").read_text() == settings


def test_publishing_signs_and_leaves_the_head_with_the_pages(gengxun, run, office, monkeypatch, capsys, tmp_path):
    done = gengxun("publish", "--json", cwd=office)
    assert done.code == 0, done.err
    document = json.loads((office / "site" / "head.json").read_text())
    assert done.json["head"] == document["mark"]
    assert document["head"]["seq"] == 3
    assert run("verify", "--head", office / "site" / "head.json", "--json", cwd=office).json["heads"] == 2
    from flows.publish import signed

    monkeypatch.setenv("GENGXUN_KEYS", str(tmp_path / "elsewhere"))
    assert signed(open_workspace(office)) is None
    assert "without a signed head" in capsys.readouterr().err


def test_an_empty_ledger_is_not_signed_and_nothing_works_outside(run, tmp_path):
    run("init", tmp_path / "new", cwd=tmp_path)
    assert "empty" in run("ledger", "head", cwd=tmp_path / "new").err
    assert run("verify", cwd=tmp_path / "new").code == 0
    for command in (["ledger", "head"], ["ledger", "export", "x"], ["backup", "x.zip"], ["verify"]):
        assert run(*command, cwd=tmp_path).code == 2
