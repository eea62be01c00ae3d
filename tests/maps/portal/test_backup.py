"""Accounts and field links go into the backup of the workspace and come back with it."""

from __future__ import annotations

import sqlite3
import stat
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from flows import serve, settings
from maps.portal import people
from maps.portal.access import COOKIE
from maps.portal.app import create_app
from maps.portal.office import Office
from pipeline.cases.backup import backup, restore
from pipeline.cases.check import Checked
from tests.maps.portal.conftest import WORD, number
from tests.maps.portal.field_phone import Phone, jpeg, new_link, record

CASE = number(3)


def said(checked: Checked) -> list[str]:
    """Of the accounts; the invented evidence of this office has no files."""
    texts = [problem.text["en"] for problem in checked.problems]
    return [text for text in texts if text.startswith("portal.db: accounts and field links are damaged")]


def test_links_and_accounts_work_after_a_restore_and_nobody_is_signed_in(
    office: Office, client: TestClient, sign_in: Callable[..., TestClient], clock: Any, tmp_path: Path
) -> None:
    link, secret = new_link(office, CASE)
    phone = Phone(client, link.id)
    phone.open(secret)
    photo = jpeg()
    sent = phone.put(photo, record(photo, CASE))
    sign_in(client, "reviewer", name="赵验收")
    token = people.new_token(office.store, "赵验收", "QGIS", at=clock())
    done = backup(office.ledger, office.root, tmp_path / "b.zip")
    assert (done.portal, said(done.checked)) == (True, [])

    checked = restore(tmp_path / "b.zip", tmp_path / "again")
    assert said(checked) == []
    assert stat.S_IMODE((tmp_path / "again" / "portal.db").stat().st_mode) == 0o600
    again = replace(serve.office_of(settings.open_workspace(tmp_path / "again")), clock=clock)
    fresh = TestClient(create_app(again), follow_redirects=False)
    other = Phone(fresh, link.id)
    assert other.open(secret).status_code == 204
    assert other.put(photo, record(photo, CASE)).json()["seq"] == sent.json()["seq"]  # on record already
    fresh.cookies.set(COOKIE, client.cookies[COOKIE])
    assert fresh.get("/cases").headers["location"].startswith("/login")
    assert isinstance(people.sign_in(again.store, "赵验收", WORD, at=clock(), address="a"), str)
    assert fresh.get("/api/me", headers={"authorization": f"Bearer {token}"}).json()["name"] == "赵验收"
    again.ledger.close()
    again.store.close()


def test_a_copy_holds_no_whole_secret(office: Office, client: TestClient, tmp_path: Path, clock: Any) -> None:
    link, secret = new_link(office, CASE)
    Phone(client, link.id).open(secret)
    first = people.add(office.store, "李四", "reviewer", at=clock())
    token = people.new_token(office.store, "李四", "QGIS", at=clock())
    backup(office.ledger, office.root, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        content = archive.read("portal.db")
    cookie = next(one.value for one in client.cookies.jar if one.name == "gx_link")
    for whole in (secret, secret[8:], first, token, cookie):
        assert whole.encode() not in content
    assert "李四".encode() in content


@pytest.mark.parametrize("damage", ["no database", "torn"])
def test_damaged_accounts_are_said_and_hold_no_backup_up(office: Office, tmp_path: Path, damage: str) -> None:
    new_link(office, CASE)
    office.store.close()
    path = office.root / "portal.db"
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    path.write_bytes(b"no database" * 99 if damage == "no database" else content[: len(content) // 8 * 4])
    done = backup(office.ledger, office.root, tmp_path / "b.zip")
    assert (done.ok, done.checked.record.ok) == (False, True)
    assert len(said(done.checked)) == 1
    checked = restore(tmp_path / "b.zip", tmp_path / "again")
    assert (checked.ok, len(said(checked))) == (False, 1)


def test_accounts_that_were_never_used_are_no_hindrance(office: Office, tmp_path: Path) -> None:
    office.store.close()
    (office.root / "portal.db").unlink(missing_ok=True)
    assert backup(office.ledger, office.root, tmp_path / "none.zip").portal is False
    (office.root / "portal.db").touch()
    assert said(backup(office.ledger, office.root, tmp_path / "empty.zip").checked) == []
    assert said(restore(tmp_path / "none.zip", tmp_path / "again")) == []
    assert not (tmp_path / "again" / "portal.db").exists()
