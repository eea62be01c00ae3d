"""``gengxun schedule``: what lies in the inbox becomes a case by itself, and nothing is left when it stops."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from flows.deploy import plans
from flows.settings import open_workspace
from geodata.errors import InputError

DEADLINE_S = 300.0


def configure(workspace: Path, **sections: str) -> None:
    text = "\n".join(f"[{name}]\n{lines}\n" for name, lines in sections.items())
    (workspace / "gengxun.toml").write_text(text, encoding="utf-8")


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_bad_cron_line_is_answered_with_one_sentence(gengxun, workspace: Path) -> None:
    configure(workspace, schedule='inspect = "every minute"')
    ran = gengxun("schedule", cwd=workspace)
    assert ran.code == 2
    assert ran.out == ""
    (sentence,) = ran.err.strip().splitlines()
    assert sentence == (
        f'{workspace / "gengxun.toml"}: [schedule] inspect = "every minute" is no cron line;'
        " write five fields, as 0 3 * * *."
    )
    chinese = gengxun("schedule", cwd=workspace, lang="zh")
    assert chinese.code == 2
    assert 'inspect = "every minute"' in chinese.err
    assert "cron line" not in chinese.err


@pytest.mark.parametrize("cron", ["61 * * * *", "0 3 * *", "0 3 31 2 *x", "@daily nonsense", " "])
def test_no_other_line_passes_for_a_schedule(tmp_path: Path, cron: str) -> None:
    configure(tmp_path, schedule=f'publish = "{cron}"')
    with pytest.raises(InputError, match=r"\[schedule\] publish = "):
        plans(open_workspace(tmp_path))


def test_a_port_in_use_is_not_shared(gengxun, workspace: Path) -> None:
    with taken_port() as port:
        configure(workspace, prefect=f"port = {port}")
        ran = gengxun("schedule", cwd=workspace)
    assert ran.code == 2
    assert ran.err.strip().splitlines()[-1] == (
        f"{workspace / 'gengxun.toml'}: [prefect] port = {port} cannot be used (Address already in use);"
        " write a free one, as 4211."
    )


def test_no_line_at_all_is_said(tmp_path: Path) -> None:
    configure(tmp_path, schedule='ingest = ""\ninspect = ""\nrecheck = ""\npublish = ""\nremind = ""')
    with pytest.raises(InputError, match="has no cron line"):
        plans(open_workspace(tmp_path))


def test_an_empty_line_is_no_schedule(tmp_path: Path) -> None:
    configure(tmp_path, schedule='recheck = ""\npublish = ""\nremind = ""')
    assert plans(open_workspace(tmp_path)) == {"ingest": "*/15 * * * *", "inspect": "0 3 * * *"}


def mentioning(word: str) -> set[str]:
    """The processes whose command line holds ``word``."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (process / "cmdline").read_bytes():
                found.add(process.name)
        except OSError:
            continue
    return found


@contextmanager
def scheduling(workspace: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "schedule"],
        cwd=workspace,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def wait_for(child: subprocess.Popen[bytes], text: str, reached: Callable[[], bool], said: bytearray) -> None:
    """Read what ``child`` says; each time ``text`` comes up ask ``reached``, until it is so."""
    assert child.stdout
    until = time.monotonic() + DEADLINE_S
    seen = said.count(text.encode())
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while selector.select(until - time.monotonic()):
            heard = os.read(child.stdout.fileno(), 65536)
            assert heard, f"ended by itself:\n{said.decode(errors='replace')}"
            said += heard
            if said.count(text.encode()) > seen:
                seen = said.count(text.encode())
                if reached():
                    return
    pytest.fail(f"not within {DEADLINE_S:.0f} s; said:\n{said.decode(errors='replace')}")


def every_minute(workspace: Path) -> None:
    with taken_port() as port:
        pass
    configure(
        workspace,
        inbox="settle_s = 0.0",
        schedule='ingest = "* * * * *"\ninspect = "* * * * *"\npublish = ""\nremind = ""',
        prefect=f"port = {port}",
    )


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="stops by signal and looks into /proc")
def test_two_scenes_in_the_inbox_become_a_case(
    gengxun, environment: dict[str, str], filled: Path, workspace: Path
) -> None:
    deliveries = filled.parent
    added = gengxun("layer", "add", "FARMLAND", deliveries / "DLTB.gpkg", "--edition", "2025", cwd=workspace)
    assert added.code == 0, added.err
    every_minute(workspace)
    before, said = mentioning("flows.server"), bytearray()

    def cases() -> list[dict[str, object]]:
        return gengxun("case", "list", "--json", cwd=workspace).json

    with scheduling(workspace, environment) as child:
        wait_for(child, "stop with Ctrl-C", lambda: True, said)
        assert len(mentioning("flows.server") - before) == 1
        for name in ("before.tif", "after.tif"):
            shutil.copy(deliveries / name, workspace / "inbox" / "satellite" / f"{name}.part")
            os.replace(workspace / "inbox" / "satellite" / f"{name}.part", workspace / "inbox" / "satellite" / name)
        wait_for(child, "Finished in state", lambda: bool(cases()), said)
        child.send_signal(signal.SIGINT)
        rest, _ = child.communicate(timeout=60)
        assert child.returncode == 0, (said + rest).decode(errors="replace")
    assert not mentioning("flows.server") - before
    assert not mentioning(str(workspace))
    assert not (workspace / ".prefect" / "server.json").exists()
    assert [row["number"] for row in cases()] == ["430321-2026-00001"]
    assert {p.name for p in (workspace / "inbox" / "taken").iterdir()} == {"before.tif", "after.tif"}
    assert list((workspace / "inbox" / "satellite").iterdir()) == []
    assert gengxun("verify", "--json", cwd=workspace).json["ok"]
    assert b"for flow 'inspect'" in said
    assert b"for flow 'publish'" not in said
    assert b"Traceback" not in said + rest


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="stops by signal")
def test_what_was_missed_while_stopped_is_done_once(environment: dict[str, str], workspace: Path) -> None:
    """The flow engine has planned a hundred runs ahead; a long weekend later all are due."""
    every_minute(workspace)
    database = workspace / ".prefect" / "server" / "prefect.db"

    def ask(sql: str) -> int:
        with closing(sqlite3.connect(database)) as connection, connection:
            answer = connection.execute(sql)
            row = answer.fetchone()
            return int(row[0]) if row else answer.rowcount

    for signum in (signal.SIGTERM, signal.SIGINT):
        said = bytearray()
        with scheduling(workspace, environment) as child:
            wait_for(child, "Finished in state", lambda: True, said)
            child.send_signal(signum)
            rest, _ = child.communicate(timeout=60)
            assert child.returncode == 0, (said + rest).decode(errors="replace")
        assert not mentioning(str(workspace))
        if signum == signal.SIGTERM:
            planned = ask(
                "update flow_run set"
                " expected_start_time = datetime(expected_start_time, '-3 days') || '.000000',"
                " next_scheduled_start_time = datetime(next_scheduled_start_time, '-3 days') || '.000000'"
                " where state_type = 'SCHEDULED'"
            )
            assert planned > 100
    assert (said + rest).count(b"Beginning flow run") <= 4
    old = "where state_type = 'SCHEDULED' and expected_start_time < datetime('now', '-1 day')"
    assert ask(f"select count(*) from flow_run {old}") <= 2
