"""[io] Files on their way in: what has come of each, to go on from where it broke off.

One file an upload, named by the hashes of its link and of its sha256, and by its whole size. Pieces are
written at their place and never truncated: two that send the same file at once write the same bytes.
Nothing here is acknowledged; a receipt is given when the file lies in the store of evidence and its
event in the ledger.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import time
from pathlib import Path

from geodata.errors import UnreadableFile, WorkError

MB = 1024**2
SPARE_BYTES = 200 * MB
"""Left free on the disk: the ledger must be able to write."""
KEPT_S = 30 * 86_400
MOST_OPEN = 64
"""Uploads of one link that may be under way; a whole field team sends fewer."""


class NoRoom(WorkError):
    """The disk is full, or would be."""


def disk_full(error: BaseException) -> bool:
    """Whether a full disk is at the bottom of it: of files, or of a database."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, NoRoom) or (isinstance(found, OSError) and found.errno in (errno.ENOSPC, errno.EDQUOT)):
            return True
        if isinstance(found, sqlite3.Error) and found.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            return True
        found = found.__cause__
    return False


class Arriving:
    """root: <workspace>/arriving."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def offset(self, link: str, sha256: str, total: int | None = None) -> int:
        """How many bytes of the file are here; of the size ``total``, or of any."""
        sizes = [self._size(path) for path in self._paths(link, sha256, total)]
        return max(sizes, default=0)

    def open(self, link: str, sha256: str, total: int, first: int) -> Piece:
        """To write from byte ``first`` on, which must not lie beyond ``offset``. Raises: NoRoom, WorkError."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self.root).free < total - first + SPARE_BYTES:
                raise _no_room(sha256)
            path = self._path(link, sha256, total)
            if not path.exists():
                self._sweep(link)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        except OSError as error:
            raise _refused(sha256, error) from error
        return Piece(handle, path, sha256, first, total)

    def whole(self, link: str, sha256: str, total: int) -> Path | None:
        """The file if all of it is here. Raises: UnreadableFile where its bytes do not fit; it is gone then."""
        path = self._path(link, sha256, total)
        if self._size(path) < total:
            return None
        try:
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError:  # another request was quicker
            return None
        except OSError as error:
            raise _refused(sha256, error) from error
        if found != sha256:
            path.unlink(missing_ok=True)
            raise UnreadableFile(
                "{path}: what came does not fit this sha256; nothing of it was kept, send it again.", path=sha256
            )
        return path

    def forget(self, link: str, sha256: str) -> None:
        """After the receipt, or where the file is of no use."""
        for path in self._paths(link, sha256, None):
            path.unlink(missing_ok=True)

    def _path(self, link: str, sha256: str, total: int) -> Path:
        return self.root / f"{_name(link, sha256)}.{total}.part"

    def _paths(self, link: str, sha256: str, total: int | None) -> list[Path]:
        if total is not None:
            return [self._path(link, sha256, total)]
        return list(self.root.glob(f"{_name(link, sha256)}.*.part"))

    @staticmethod
    def _size(path: Path) -> int:
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return 0

    def _sweep(self, link: str) -> None:
        """What nobody went on with, and the oldest of a link that began too many at once."""
        own: list[tuple[float, Path]] = []
        for path in self.root.glob("*.part"):
            try:
                at = path.stat().st_mtime
            except FileNotFoundError:
                continue
            if time.time() - at > KEPT_S:
                path.unlink(missing_ok=True)
            elif path.name.startswith(_link(link)):
                own.append((at, path))
        for _, path in sorted(own)[: -MOST_OPEN + 1]:
            path.unlink(missing_ok=True)


class Piece:
    """One request's bytes on their way to the disk."""

    def __init__(self, handle: int, path: Path, sha256: str, first: int, total: int) -> None:
        self.handle, self.path, self.sha256, self.at, self.total = handle, path, sha256, first, total

    def __enter__(self) -> Piece:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)

    def write(self, data: bytes) -> None:
        """Raises: UnreadableFile beyond the size that was said; NoRoom, WorkError."""
        if self.at + len(data) > self.total:
            raise UnreadableFile("{path}: more came than was said; send it again.", path=self.sha256)
        try:
            view = memoryview(data)
            os.lseek(self.handle, self.at, os.SEEK_SET)
            while view:
                done = os.write(self.handle, view)
                view, self.at = view[done:], self.at + done
        except OSError as error:
            raise _refused(self.sha256, error) from error

    def settle(self) -> int:
        """Down to the disk; how much is here now. Raises: WorkError."""
        try:
            os.fsync(self.handle)
            return os.fstat(self.handle).st_size
        except OSError as error:
            raise _refused(self.sha256, error) from error


def _name(link: str, sha256: str) -> str:
    return _link(link) + hashlib.sha256(sha256.encode()).hexdigest()[:48]


def _link(link: str) -> str:
    return hashlib.sha256(link.encode()).hexdigest()[:16]


def _no_room(sha256: str) -> NoRoom:
    return NoRoom("{path}: not kept, the disk is full; make room and send it again.", path=sha256)


def _refused(sha256: str, error: OSError) -> WorkError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _no_room(sha256)
    return WorkError(
        "{path}: not kept, the disk refused ({why}); check it and send the file again.",
        path=sha256,
        why=error.strerror or str(error),
    )
