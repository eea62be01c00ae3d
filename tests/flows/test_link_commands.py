"""``gengxun link`` and ``gengxun remind --send`` as they are called."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows import reminding, serve, settings
from geodata.days import day_of
from maps.portal import links
from pipeline.cases.events import Actor, Kind
from tests.flows.an_office import FIRST


def test_a_link_from_its_making_to_its_end(run: Any, office: Path, tmp_path: Path) -> None:
    made = run("link", "new", "--case", FIRST, "--to", "李外业", "--days", 3, "--qr", tmp_path / "qr.svg", "--json")
    assert made.code == 0, made.err
    told = made.json
    found = re.fullmatch(r"http://127\.0\.0\.1:8600/l/([0-9a-f]{12})/#([\w-]{62})", told["address"])
    assert found
    assert told["id"] == found[1]
    assert "<svg" in (tmp_path / "qr.svg").read_text()
    store = serve.store_of(settings.open_workspace(office))
    held = b"".join(path.read_bytes() for path in office.rglob("*") if path.is_file())
    assert found[2].encode() not in held
    plain = run("link", "new", "--case", FIRST, "--to", "李外业")
    assert plain.out.strip().startswith("http://127.0.0.1:8600/l/")
    assert len(plain.out.splitlines()) == 1
    assert "Nobody is named as its maker; give --by" in plain.err
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
    assert "maker" not in run("link", "new", "--case", FIRST, "--to", "李外业", "--by", "王复核").err


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


def test_an_address_that_no_phone_can_open_is_not_given(run: Any, office: Path) -> None:
    file = office / settings.FILE
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('host = "127.0.0.1"', 'host = "0.0.0.0"'), encoding="utf-8")
    refused = run("link", "new", "--case", FIRST, "--to", "李外业")
    assert (refused.code, refused.out, len(refused.err.strip().splitlines())) == (2, "", 1)
    assert "public_url is missing" in refused.err
    assert run("link", "list", "--json").json == []
    told = file.read_text(encoding="utf-8").replace('public_url = ""', 'public_url = "https://gengxun.example"')
    file.write_text(told, encoding="utf-8")
    assert run("link", "new", "--case", FIRST, "--to", "李外业").out.startswith("https://gengxun.example/l/")


def test_a_message_holds_number_due_day_and_link_and_nothing_else(
    run: Any, office: Path, taker: tuple[str, list[dict[str, Any]]]
) -> None:
    address, got = taker
    due = str(day_of(datetime.now(UTC)) + timedelta(days=400))
    file, text = office / settings.FILE, (office / settings.FILE).read_text(encoding="utf-8")
    file.write_text(text.replace("urls = []", f'urls = ["json://{address}"]'), encoding="utf-8")
    made = run("link", "new", "--case", FIRST, "--to", "李外业", "--send")
    assert made.code == 0, made.err
    assert run("remind").code == 0
    assert len(got) == 1  # nothing is sent unasked
    with settings.open_workspace(office).ledger as ledger:
        sensing = Actor("遥感甲", "remote_sensing")
        given = {"to_whom": "周建军", "reason": "顶棚清晰可见", "due_on": due}
        ledger.act(FIRST, Kind.DISPATCHED, given, sensing)
    assert run("remind", "--days", 365, "--send", lang="zh").code == 0
    assert len(got) == 1  # not due within these days
    again = run("link", "new", "--case", FIRST, "--to", "李外业", "--send", lang="zh")
    assert run("remind", "--days", 365, "--json").json["reminders"] == []
    first, second = got
    assert first["title"] == f"Field link {FIRST}"
    assert first["message"].splitlines() == [FIRST, made.out.strip()]
    assert second["message"].splitlines() == [f"{FIRST}，期限 {due}", again.out.strip()]
    for word in ("李外业", "周建军", "湘潭", "示意", "112.", "疑似"):
        assert word not in first["message"] + first["title"] + second["message"] + second["title"]


def test_a_reminder_is_sent_by_number_and_day(
    monkeypatch: pytest.MonkeyPatch, office: Path, taker: tuple[str, list[dict[str, Any]]]
) -> None:
    monkeypatch.setenv("GENGXUN_LANG", "zh")
    address, got = taker
    rows = [
        {"number": FIRST, "on": "2026-12-02", "person": "周建军", "district_name": "湘潭县"},
        {"number": FIRST, "on": "2026-12-01", "person": "周建军", "district_name": "湘潭县"},
        {"number": "430321-2026-00002", "on": "2026-11-20", "person": "", "district_name": "湘潭县"},
    ]
    opened = settings.open_workspace(office)
    named = replace(opened, settings=replace(opened.settings, notify=settings.Notify([f"json://{address}"])))
    assert reminding.sent(named, {"reminders": rows}) == 2
    assert reminding.sent(named, {"reminders": []}) == 0
    assert reminding.scheduled(named, {"reminders": rows}) == 0  # unasked, the schedule sends nothing
    (message,) = got
    asked = settings.Notify([f"json://{address}"], reminders=True)
    asks = replace(opened, settings=replace(opened.settings, notify=asked))
    assert reminding.scheduled(asks, {"reminders": rows}) == 2
    assert reminding.scheduled(asks, {"reminders": []}) == 0
    assert got == [message, message]
    assert message["title"] == "2 个图斑有期限"
    assert message["message"].splitlines() == ["430321-2026-00002，期限 2026-11-20", f"{FIRST}，期限 2026-12-01"]
