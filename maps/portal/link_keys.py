"""[io] The keys that field links are made with: beside the keys of the heads, and others than they.

    $GENGXUN_KEYS/<workspace id>/links/<key id>     32 random bytes as hex, mode 0600
                                       current      id of the key that new links are made with

A link names its key. A key that was taken away ends the links made with it; a new one leaves them be.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

import sqlalchemy as sa

from geodata import atomic
from geodata.errors import InputError
from pipeline.cases import tables
from pipeline.cases.database import reading
from pipeline.cases.heads import workspace_id
from pipeline.cases.keys import keys_folder
from pipeline.cases.ledger import Ledger

ID = re.compile(r"[0-9a-f]{8}")


class LinkKeys:
    """Raises: InputError if the folder lies inside ``root``, the workspace."""

    def __init__(self, workspace: str, root: Path) -> None:
        self.workspace = workspace
        self.folder = keys_folder().resolve() / workspace / "links"
        if self.folder.is_relative_to(root.resolve()):
            raise InputError(
                "{path}: keys must not lie inside the workspace; set GENGXUN_KEYS to another folder.", path=self.folder
            )

    def current(self) -> tuple[str, bytes]:
        """(id, key) for a new link; made where there is none."""
        try:
            id = (self.folder / "current").read_text().strip()
        except FileNotFoundError:
            id = self.rotate()
        key = self.key(id)
        if key is None:
            raise InputError("{path}: is no key of links; put it back from a copy or rotate.", path=self.folder / id)
        return id, key

    def key(self, id: str) -> bytes | None:
        """None where it is not on this machine."""
        path = self.folder / id
        if not ID.fullmatch(id):
            return None
        try:
            if os.name == "posix" and path.stat().st_mode & 0o077:
                raise InputError("{path}: others can read this key; run: chmod 600 {path}", path=path)
            key = bytes.fromhex(path.read_text().strip())
        except (OSError, ValueError):
            return None
        return key if key_id(key) == id else None

    def rotate(self) -> str:
        """A new key for links made from now on; its id. Links made with the one before stay good."""
        key = secrets.token_bytes(32)
        id = key_id(key)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic.write_private(self.folder / id, f"{key.hex()}\n".encode())
            atomic.write_bytes(self.folder / "current", f"{id}\n".encode())
        except OSError as error:
            raise InputError(
                "{path}: the key cannot be kept here ({error}); set GENGXUN_KEYS to a folder you may write to.",
                path=self.folder,
                error=error.strerror,
            ) from error
        return id


def key_id(key: bytes) -> str:
    return hashlib.sha256(b"gengxun link key v1\n" + key).hexdigest()[:8]


def keys_of(ledger: Ledger, root: Path) -> LinkKeys | None:
    """None where the ledger is empty: there is no case to make a link for."""
    events = tables.events.c
    with reading(ledger.engine) as connection:
        first = connection.execute(sa.select(events.hash).where(events.seq == 1)).scalar()
    return LinkKeys(workspace_id(first), root) if first else None
