"""``gengxun link`` and ``gengxun remind --send`` as they are called."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows import reminding, serve, settings
from maps.portal import links
from pipeline.cases.events import Actor, Kind
from tests.flows.an_office import FIRST, build, runner


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("links"))


@pytest.fixture
def root(built: Path) -> Iterator[Path]:
    yield built
    (built / "portal.db").unlink(missing_ok=True)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> Any:
    call = runner(tmp_path, monkeypatch)
    return lambda *arguments, **more: call(*arguments, cwd=root, **more)


@pytest.fixture
def taker() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(address for Apprise, what arrived there)."""
    got: list[dict[str, Any]] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Taker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"json://127.0.0.1:{server.server_port}", got
        server.shutdown()


def test_a_link_from_its_making_to_its_end(run: Any, root: Path, tmp_path: Path) -> None:
    made = run("link", "new", "--case", FIRST, "--to", "李外业", "--days", 3, "--qr", tmp_path / "qr.svg", "--json")
    assert made.code == 0, made.err
    told = made.json
    found = re.fullmatch(r"http://127\.0\.0\.1:8600/l/([0-9a-f]{12})/#([\w-]{62})", told["address"])
    assert found
    assert told["id"] == found[1]
    assert "<svg" in (tmp_path / "qr.svg").read_text()
    store = serve.store_of(settings.open_workspace(root))
    held = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())
    assert found[2].encode() not in held
    plain = run("link", "new", "--case", FIRST, "--to", "李外业")
    assert plain.out.strip().startswith("http://127.0.0.1:8600/l/")
    assert len(plain.out.splitlines()) == 1
    listed = run("link", "list", "--json").json
    assert [(one["to"], one["cases"], one["state"], one["opened"]) for one in listed] == [
        ("李外业", [FIRST], "live", 0)
    ] * 2
    assert "secret" not in json.dumps(listed)
    assert run("link", "revoke", found[1]).code == 0
    assert {one["state"] for one in run("link", "list", "--case", FIRST, "--json").json} == {"live", "revoked"}
    assert "作废" in run("link", "list", lang="zh").out
    key = run("link", "rotate").out.strip()
    assert key != listed[0]["key"]
    assert run("link", "new", "--case", FIRST, "--to", "乙", "--json").json["key"] == key
    assert len(links.every(store)) == 3
    store.close()


@pytest.mark.parametrize(
    "arguments",
    [("new", "--case", "430321-2026-99999", "--to", "甲"), ("new", "--case", FIRST, "--to", "甲", "--days", "400"),
     ("new", "--case", FIRST, "--to", "  "), ("new", "--case", FIRST), ("revoke", "ffffffffffff"),
     ("new", "--case", FIRST, "--to", "甲", "--send")],
)  # fmt: skip
def test_a_mistake_is_one_sentence(run: Any, arguments: tuple[str, ...]) -> None:
    refused = run("link", *arguments)
    assert refused.code == 2
    assert len(refused.err.strip().splitlines()) == 1
    assert refused.out == ""


def test_a_message_holds_number_due_day_and_link_and_nothing_else(
    run: Any, root: Path, taker: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    address, got = taker
    file = root / settings.FILE
    before = file.read_text(encoding="utf-8")
    try:
        file.write_text(before.replace("urls = []", f'urls = ["{address}"]'), encoding="utf-8")
        made = run("link", "new", "--case", FIRST, "--to", "李外业", "--send")
        assert made.code == 0, made.err
        assert run("remind").code == 0
        assert len(got) == 1  # nothing is sent unasked
        office = settings.open_workspace(root)
        with office.ledger as ledger:
            sensing = Actor("遥感甲", "remote_sensing")
            given = {"to_whom": "周建军", "reason": "顶棚清晰可见", "due_on": "2099-12-01"}
            ledger.act(FIRST, Kind.DISPATCHED, given, sensing)
        assert run("remind", "--days", 3650, "--send", lang="zh").code == 0
        assert len(got) == 1  # not due within these days
        again = run("link", "new", "--case", FIRST, "--to", "李外业", "--send", lang="zh")
        assert run("remind", "--days", 3650, "--json").json["reminders"] == []
    finally:
        file.write_text(before, encoding="utf-8")
    first, second = got
    assert first["title"] == f"Field link {FIRST}"
    assert first["message"].splitlines() == [FIRST, made.out.strip()]
    assert second["message"].splitlines() == [f"{FIRST}，期限 2099-12-01", again.out.strip()]
    for word in ("李外业", "周建军", "湘潭", "示意", "112.", "疑似"):
        assert word not in first["message"] + first["title"] + second["message"] + second["title"]


def test_a_reminder_is_sent_by_number_and_day(
    monkeypatch: pytest.MonkeyPatch, root: Path, taker: tuple[str, list[dict[str, Any]]]
) -> None:
    monkeypatch.setenv("GENGXUN_LANG", "zh")
    address, got = taker
    rows = [
        {"number": FIRST, "on": "2026-12-02", "person": "周建军", "district_name": "湘潭县"},
        {"number": FIRST, "on": "2026-12-01", "person": "周建军", "district_name": "湘潭县"},
        {"number": "430321-2026-00002", "on": "2026-11-20", "person": "", "district_name": "湘潭县"},
    ]
    office = settings.open_workspace(root)
    named = replace(office, settings=replace(office.settings, notify=settings.Notify([address])))
    assert reminding.sent(named, {"reminders": rows}) == 2
    assert reminding.sent(named, {"reminders": []}) == 0
    assert reminding.scheduled(named, {"reminders": rows}) == 0  # unasked, the schedule sends nothing
    (message,) = got
    asks = replace(office, settings=replace(office.settings, notify=settings.Notify([address], reminders=True)))
    assert reminding.scheduled(asks, {"reminders": rows}) == 2
    assert reminding.scheduled(asks, {"reminders": []}) == 0
    assert got == [message, message]
    assert message["title"] == "2 个图斑有期限"
    assert message["message"].splitlines() == ["430321-2026-00002，期限 2026-11-20", f"{FIRST}，期限 2026-12-01"]
