"""``gengxun user`` and ``gengxun serve`` as they are called; what goes out, and what is never said of it."""

from __future__ import annotations

import json
import logging
import socket
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from flows import serve, settings
from geodata.errors import WorkError
from maps.portal import people
from tests.flows.an_office import runner


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return settings.init(tmp_path / "ws", "湘潭市")[0].root


@pytest.fixture
def run(tmp_path, monkeypatch, root):
    call = runner(tmp_path, monkeypatch)
    return lambda *arguments, **more: call(*arguments, cwd=more.pop("cwd", root), **more)


def test_accounts_from_the_first_to_the_last(run, root) -> None:
    assert run("user", "list").out == ""
    added = run("user", "add", "周建军", "--role", "district_officer", "--district", "430321", "--json")
    assert added.code == 0, added.err
    first = added.json["password"]
    assert first.encode() not in b"".join(p.read_bytes() for p in root.glob("portal.db*"))
    assert run("user", "add", "周建军", "--role", "leader").code == 2
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
    with sqlite3.connect(root / "portal.db") as connection:
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


def test_settings_of_the_portal_are_read(root) -> None:
    text = (root / settings.FILE).read_text(encoding="utf-8")
    text = text.replace("port = 8600", "port = 8700").replace("urls = []", 'urls = ["json://127.0.0.1:9"]')
    (root / settings.FILE).write_text(text, encoding="utf-8")
    found = settings.open_workspace(root).settings
    assert (found.portal.port, found.notify.urls) == (8700, ["json://127.0.0.1:9"])


def test_messages_go_to_what_is_named_and_nowhere_else(caplog) -> None:
    caplog.set_level(logging.DEBUG)
    got: list[dict] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Taker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        send = serve.notifier([f"json://u:verysecret@127.0.0.1:{server.server_port}"])
        send("430321-2026-00001", "due 2026-12-01")
        server.shutdown()
    assert [(one["title"], one["message"]) for one in got] == [("430321-2026-00001", "due 2026-12-01")]
    serve.notifier([])("nothing", "goes out")
    for bad in ("nonsense://verysecret", f"json://u:verysecret@127.0.0.1:{server.server_port}"):
        with pytest.raises(WorkError) as refused:
            serve.notifier([bad])("a", "b")
        assert "verysecret" not in str(refused.value)
    ours = "\n".join(r.getMessage() for r in caplog.records)
    assert "verysecret" not in ours


def test_a_first_word_opens_nothing_but_its_change(root) -> None:
    office = serve.office_of(settings.open_workspace(root))
    first = people.add(office.store, "甲", "leader", at=office.clock())
    assert isinstance(people.sign_in(office.store, "甲", first, at=office.clock(), address="a"), str)
    assert people.account(office.store, "甲").must_change
    token = people.new_token(office.store, "甲", "x", at=office.clock())
    assert people.of_token(office.store, token, at=office.clock()) is None
    office.ledger.close()
