"""``gengxun user`` and ``gengxun serve`` as they are called; what goes out, and what is never said of it."""

from __future__ import annotations

import logging
import socket
import sqlite3
from pathlib import Path

import pytest

from flows import serve, settings
from geodata.errors import WorkError
from maps.portal import people


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """An empty workspace."""
    return settings.init(tmp_path / "ws", "湘潭市")[0].root


def test_accounts_from_the_first_to_the_last(run, office) -> None:
    assert run("user", "list").out == ""
    added = run("user", "add", "周建军", "--role", "district_officer", "--district", "430321", "--json")
    assert added.code == 0, added.err
    first = added.json["password"]
    assert first.encode() not in b"".join(p.read_bytes() for p in office.glob("portal.db*"))
    assert run("user", "add", "周建军", "--role", "leader").code == 2
    boss = run("user", "add", "王五", "--role", "boss")
    assert (boss.code, "--role boss" in boss.err, "--as" in boss.err) == (2, True, False)
    wide = run("user", "add", "李外业", "--role", "field_inspector")
    assert "sees every district" in wide.err
    listed = run("user", "list", "--json").json
    assert [(one["name"], one["districts"], one["disabled"]) for one in listed] == [
        ("周建军", ["430321"], False),
        ("李外业", [], False),
    ]
    again = run("user", "reset", "周建军", "--json").json["password"]
    assert again != first
    assert run("user", "disable", "周建军").code == 0
    assert "disabled" in run("user", "list").out
    assert "停用" in run("user", "list", lang="zh").out
    assert run("user", "disable", "周建军", "--enable").code == 0
    with sqlite3.connect(office / "portal.db") as connection:
        kinds = [kind for (kind,) in connection.execute("SELECT kind FROM journal ORDER BY id")]
    assert kinds == ["user_added", "user_added", "user_reset", "user_disabled", "user_enabled"]


@pytest.mark.parametrize(
    "arguments",
    [("add", "a:b", "--role", "leader"), ("add", "甲", "--role", "king"), ("disable", "nobody"), ("reset", "nobody"),
     ("add", "甲", "--role", "leader", "--district", "湘潭")],
)  # fmt: skip
def test_a_mistake_is_one_sentence(run, arguments) -> None:
    refused = run("user", *arguments)
    assert refused.code == 2
    assert len(refused.err.strip().splitlines()) == 1
    assert "Traceback" not in refused.err


def test_a_taken_port_and_a_missing_account_are_said(run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run("serve", "--port", port)
    assert refused.code == 1
    assert f"127.0.0.1:{port}: cannot be listened on" in refused.err
    assert "Nobody can sign in yet" in refused.err
    assert run("serve", "--host", "no.such.host.invalid").code == 1


def test_settings_of_the_portal_are_read(office) -> None:
    text = (office / settings.FILE).read_text(encoding="utf-8")
    text = text.replace("port = 8600", "port = 8700").replace("urls = []", 'urls = ["json://127.0.0.1:9"]')
    (office / settings.FILE).write_text(text, encoding="utf-8")
    found = settings.open_workspace(office).settings
    assert (found.portal.port, found.notify.urls) == (8700, ["json://127.0.0.1:9"])


def test_messages_go_to_what_is_named_and_nowhere_else(caplog, taker) -> None:
    caplog.set_level(logging.DEBUG)
    address, got = taker
    send = serve.notifier([f"json://u:verysecret@{address}"])
    send("430321-2026-00001", "due 2026-12-01")
    assert [(one["title"], one["message"]) for one in got] == [("430321-2026-00001", "due 2026-12-01")]
    serve.notifier([])("nothing", "goes out")
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        for bad in ("nonsense://verysecret", f"json://u:verysecret@127.0.0.1:{deaf.getsockname()[1]}"):
            with pytest.raises(WorkError) as refused:
                serve.notifier([bad])("a", "b")
            assert "verysecret" not in str(refused.value)
    ours = "\n".join(r.getMessage() for r in caplog.records)
    assert "verysecret" not in ours


def test_a_first_word_opens_nothing_but_its_change(office) -> None:
    opened = serve.office_of(settings.open_workspace(office))
    first = people.add(opened.store, "甲", "leader", at=opened.clock())
    assert isinstance(people.sign_in(opened.store, "甲", first, at=opened.clock(), address="a"), str)
    assert people.account(opened.store, "甲").must_change
    token = people.new_token(opened.store, "甲", "x", at=opened.clock())
    assert people.of_token(opened.store, token, at=opened.clock()) is None
    opened.ledger.close()
