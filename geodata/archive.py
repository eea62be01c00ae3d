"""[io] Archives as deliveries come in (zip, tar, tar.gz): what lies in them, and unpacking under limits.

Runs in the child that opens the archive. No member may leave the folder, be a link, or grow beyond
what the archive may hold; what it says about its sizes is not believed but counted.
"""

from __future__ import annotations

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from geodata import limits
from geodata.errors import UnreadableFile
from geodata.limits import FileLimits

_CHUNK = 1 << 20
_SMALL = 16 << 20
_THEIRS = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError,
           ValueError, KeyError)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A file inside. name: its path in the archive, with "/" and nothing that leads out."""

    name: str
    size: int


def kind_of(path: Path) -> str | None:
    """ "zip" | "tar" | "rar" | "7z" by the first bytes; None for what is no archive."""
    with path.open("rb") as stream:
        head = stream.read(512)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"\x1f\x8b") or head[257:262] == b"ustar":
        return "tar"
    if head.startswith(b"Rar!\x1a\x07"):
        return "rar"
    return "7z" if head.startswith(b"7z\xbc\xaf\x27\x1c") else None


def members(path: Path, bounds: FileLimits | None = None) -> tuple[Member, ...]:
    """The files inside, folders and the litter of file managers left out.

    Raises: UnreadableFile for a damaged, locked or oversized archive, for a link, and for a name that leads out.
    """
    with _opened(path) as archive:
        return tuple(Member(name, size) for name, size, _ in _listed(path, archive, bounds or limits.current()))


def unpack(
    path: Path, folder: Path, wanted: Callable[[str], bool] = lambda name: True, bounds: FileLimits | None = None
) -> list[Path]:
    """Write the ``wanted`` members below ``folder``, under their names; the files written.

    Raises: UnreadableFile as ``members`` does, and for one that unpacks to more than it said.
    """
    written: list[Path] = []
    with _opened(path) as archive:
        for name, size, entry in list(_listed(path, archive, bounds or limits.current())):
            if not wanted(name):
                continue
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with _stream(archive, entry) as source, target.open("xb") as sink:
                _copy(source, sink, size, path)
            written.append(target)
    return written


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    kind = kind_of(path)
    try:
        if kind == "zip":
            with zipfile.ZipFile(path) as archive:
                yield archive
        elif kind == "tar":
            with tarfile.open(path, "r:*") as archive:
                yield archive
        else:
            raise UnreadableFile("{path}: is no zip or tar archive; pack it as one, or unpack it.", path=path)
    except UnreadableFile:
        raise
    except _THEIRS as error:
        raise UnreadableFile(
            "{path}: the archive cannot be read ({error}); get a whole copy.",
            path=path,
            error=" ".join(str(error).split())[:120] or type(error).__name__,
        ) from None


def _listed(path: Path, archive: Any, bounds: FileLimits) -> Iterator[tuple[str, int, Any]]:
    seen: set[str] = set()
    total, limit = 0, min(int(bounds.unpacked_gb * 2**30), max(path.stat().st_size * bounds.ratio, _SMALL))
    for n, (name, size, entry) in enumerate(_entries(path, archive)):
        if n >= bounds.members:
            raise UnreadableFile(
                "{path}: holds more than {limit} members; pack only the delivery.", path=path, limit=bounds.members
            )
        if name is None:
            continue
        safe = _safe(path, name)
        if safe.casefold() in seen:
            raise UnreadableFile("{path}: holds {name} twice; pack it anew.", path=path, name=safe)
        seen.add(safe.casefold())
        total += size
        if total > limit:
            raise UnreadableFile(
                "{path}: unpacks to more than {limit} GB, {ratio} times its size; unpack it yourself if you trust it.",
                path=path,
                limit=f"{limit / 2**30:.2g}",
                ratio=max(1, total // max(path.stat().st_size, 1)),
            )
        if not _litter(safe):
            yield safe, size, entry


def _entries(path: Path, archive: Any) -> Iterator[tuple[str | None, int, Any]]:
    """(name or None for a folder, size, entry) of every member."""
    if isinstance(archive, zipfile.ZipFile):
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if stat.S_ISLNK(mode):
                raise _link(path, info.filename)
            if info.flag_bits & 0x1:
                raise UnreadableFile("{path}: is locked with a password; unpack it yourself.", path=path)
            yield None if info.is_dir() else _zip_name(info), info.file_size, info
        return
    for entry in archive:
        if entry.issym() or entry.islnk() or not (entry.isfile() or entry.isdir()):
            raise _link(path, entry.name)
        yield None if entry.isdir() else entry.name, entry.size, entry


def _link(path: Path, name: str) -> UnreadableFile:
    return UnreadableFile(
        "{path}: {name} in it is a link, which is never followed; pack the file itself.", path=path, name=name[:80]
    )


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Names without the UTF-8 mark were written by a Chinese Windows as GBK; zipfile reads them as CP437."""
    if info.flag_bits & 0x800 or info.filename.isascii():
        return info.filename
    raw = info.filename.encode("cp437", errors="replace")
    for codec in ("utf-8", "gb18030"):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return info.filename


def _safe(path: Path, name: str) -> str:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    out = not parts or any(part in ("..", "/") or ":" in part for part in parts)
    if out or len(name) > 1000 or any(ord(c) < 32 for c in name):
        raise UnreadableFile(
            "{path}: a name in it leads out of the archive ({name}); pack it anew.", path=path, name=name[:80]
        )
    return "/".join(part for part in parts if part != ".")


def _litter(name: str) -> bool:
    """Of macOS and Windows, never of a delivery."""
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1].startswith("._") or parts[-1].lower() in (".ds_store", "thumbs.db")


@contextmanager
def _stream(archive: Any, entry: Any) -> Iterator[IO[bytes]]:
    source = archive.open(entry) if isinstance(archive, zipfile.ZipFile) else archive.extractfile(entry)
    with source:
        yield source


def _copy(source: IO[bytes], sink: IO[bytes], size: int, path: Path) -> None:
    left = size
    while block := source.read(_CHUNK):
        left -= len(block)
        if left < 0:
            break
        sink.write(block)
    if left:
        raise UnreadableFile("{path}: the archive is damaged; get a whole copy.", path=path)
