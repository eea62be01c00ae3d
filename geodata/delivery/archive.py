"""[io] A delivery's archive, unpacked under limits: no links, no names that lead elsewhere, only known kinds.

``unpack`` runs in a child process. What is not safe is refused as a whole; what is of no use is left out.
"""

from __future__ import annotations

import gzip
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, NoReturn, Protocol, cast

from geodata import limits, safe
from geodata.delivery.bundle import PACKED
from geodata.errors import InputError, UnreadableFile, WorkError

KINDS = (".tif", ".tiff", ".jp2", ".xml", ".json", ".txt", ".rpb", ".jpg", ".jpeg", ".png", ".prj", ".tfw", ".safe")
"""Files that are unpacked."""
COPIED_AT_ONCE = 4 * 1024 * 1024
MOST_PADDING = 64 * 1024 * 1024
"""Bytes after the last member of a tar."""


MAX_DEPTH = 12
MAX_NAME = 200
"""Folders in folders, and characters of one name."""
SMALL_BYTES = 256 * 1024**2
"""An archive may unpack to so much, however small it is."""


class _Member(NamedTuple):
    name: str
    size: int
    link: bool
    open: Callable[[], IO[bytes] | None]


def is_archive(path: Path) -> bool:
    """By its name; what it really is shows when it is opened."""
    return path.is_file() and path.name.lower().endswith(PACKED)


def unpacked(about: str, path: Path, folder: Path, progress: Callable[[float], None]) -> None:
    """``unpack`` in a child process. Raises: UnreadableFile, InputError, WorkError."""
    safe.in_child("geodata.delivery.archive:unpack", about, str(path), str(folder), about=about,
                  progress=progress)  # fmt: skip


def unpack(about: str, path: str, folder: str, progress: Callable[[float], None] | None = None) -> None:
    """Write the members of an archive into ``folder``, which is there and empty; within ``limits.current()``."""
    tell = progress or (lambda share: None)
    source, target = Path(path), Path(folder)
    packed = source.stat().st_size
    allowed = limits.current()
    whole = left = min(int(allowed.unpacked_gb * 1024**3), max(SMALL_BYTES, allowed.ratio * packed))
    try:
        for count, member in enumerate(_members(source, about), start=1):
            limits.at_most(about, "members", count, allowed.members)
            parts = _parts(about, member)
            if not parts or not parts[-1].lower().endswith(KINDS):
                continue
            left -= _written(about, member, target.joinpath(*parts), left)
            tell(min(1.0, (whole - left) / max(2 * packed, 1)))  # images shrink to about half
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError,
            RuntimeError, ValueError):  # fmt: skip
        raise UnreadableFile("{path}: the archive is damaged, incomplete or locked by a password; fetch it again.",
                             path=about) from None  # fmt: skip


def _refuse(msgid: str, about: str, **fields: object) -> NoReturn:
    raise InputError(msgid, path=about, **fields)


def _members(source: Path, about: str) -> Iterator[_Member]:
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            for info in archive.infolist():
                link = stat.S_ISLNK(info.external_attr >> 16)
                if not info.is_dir() or link:
                    yield _Member(_zip_name(info), info.file_size, link, lambda info=info: archive.open(info))  # type: ignore[misc]
        return
    with source.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = _Tail(gzip.GzipFile(fileobj=raw) if packed else raw)
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as tar:  # as a stream: gzip is read once
            for entry in tar:
                if not entry.isdir():
                    odd = not entry.isreg()
                    yield _Member(entry.name, entry.size, odd, lambda entry=entry: tar.extractfile(entry))  # type: ignore[misc]
        stream.check_end()


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Tail:
    """A stream that knows how it ended: an incomplete archive may break off just between two members."""

    def __init__(self, stream: _Readable) -> None:
        self._stream = stream
        self._last = b""

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._last = (self._last + data)[-tarfile.BLOCKSIZE :]
        return data

    def check_end(self) -> None:
        """Raises: tarfile.ReadError unless what ended the archive were empty blocks; EOFError by gzip."""
        for _ in range(MOST_PADDING // COPIED_AT_ONCE):
            if not self.read(COPIED_AT_ONCE):
                break
        if self._last != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("no end")


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Names without the mark of UTF-8 are mostly of a Chinese Windows."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return info.filename


def _parts(about: str, member: _Member) -> tuple[str, ...]:
    """The parts of a member's path, each a plain name; () for what is of no use. Raises: InputError."""
    name = member.name.replace("\\", "/")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if member.link:
        _refuse("{path}: the archive holds a link or device ({name}); it is not unpacked.", about, name=_shown(name))
    bad = name.startswith("/") or ".." in parts or len(parts) > MAX_DEPTH or any(not _plain(p) for p in parts)
    if bad:
        _refuse("{path}: the archive holds a name that leads elsewhere or is none ({name}); it is not unpacked.", about,
                name=_shown(name))  # fmt: skip
    return () if any(part.startswith((".", "__MACOSX")) for part in parts) else parts


def _plain(part: str) -> bool:
    return part.isprintable() and not set(part) & set('<>:"|?*') and len(part) <= MAX_NAME


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in name)[:80]


def _written(about: str, member: _Member, target: Path, most: int) -> int:
    """Copies a member; counts what comes out, whatever it claims. Returns bytes. Raises: InputError, WorkError."""
    stream = member.open()
    if stream is None:
        return 0
    if shutil.disk_usage(_standing(target)).free < member.size:
        raise WorkError("{path}: there is no room on the disk to unpack it; make room and add it again.", path=about)
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    try:
        with stream, target.open("xb") as out:
            while data := stream.read(COPIED_AT_ONCE):
                size += len(data)
                if size > most:
                    _refuse(
                        "{path}: the archive unpacks to more than [limits] unpacked_gb and ratio allow; it is not"
                        " unpacked.",
                        about,
                    )
                out.write(data)
    except FileExistsError:
        _refuse("{path}: the archive holds {name} twice; it is not unpacked.", about, name=_shown(member.name))
    return size


def _standing(path: Path) -> Path:
    return next(folder for folder in path.parents if folder.is_dir())
