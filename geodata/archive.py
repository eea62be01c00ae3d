"""[io] Archives as deliveries come in (zip, tar, tar.gz): what lies in them, and unpacking under limits.

Runs in the child that opens the archive. No member may leave the folder, be a link, or grow beyond what
``limits.current()`` allow; what an archive says about its sizes is not believed but counted. A tar is read once,
from its beginning: packed ones of some gigabytes are not gone through twice.
"""

from __future__ import annotations

import gzip
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, Protocol, cast

from geodata import limits
from geodata.errors import UnreadableFile, WorkError
from geodata.limits import FileLimits

CHUNK = 4 * 1024**2
SMALL_BYTES = 16 * 1024**2
"""An archive may unpack to so much, however small it is."""
MOST_PADDING = 64 * 1024**2
"""Bytes after the last member of a tar."""
MAX_DEPTH, MAX_NAME = 12, 200
"""Folders in folders, and characters of one name."""
_THEIRS = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError,
           ValueError, KeyError)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A file inside. name: its path in the archive, with "/" and nothing that leads out."""

    name: str
    size: int


class _Entry(NamedTuple):
    name: str
    size: int
    open: Callable[[], IO[bytes] | None]


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


def members(path: Path, allowed: FileLimits | None = None) -> tuple[Member, ...]:
    """The files inside, folders and the litter of file managers left out.

    Raises: UnreadableFile for a damaged, locked or oversized archive, for a link, and for a name that leads out.
    """
    allowed = allowed or limits.current()
    found, left = [], _most(path, allowed)
    with _told(path, path):
        for entry in _entries(path, path, allowed):
            left -= entry.size
            if left < 0:
                raise _too_large(path)
            found.append(Member(entry.name, entry.size))
    return tuple(found)


def unpack(
    path: Path,
    folder: Path,
    wanted: Callable[[str], bool] = lambda name: True,
    about: object = None,
    progress: Callable[[float], None] | None = None,
) -> list[Path]:
    """Write the ``wanted`` members below ``folder``, under their names; the files written. about: how errors name it.

    Raises: UnreadableFile as ``members`` does, and for one that unpacks to another size than it said; WorkError
    where the disk is full.
    """
    about, allowed = about or path, limits.current()
    written: list[Path] = []
    packed, whole = path.stat().st_size, _most(path, allowed)
    left = whole
    with _told(path, about):
        for entry in _entries(path, about, allowed):
            if not wanted(entry.name):
                continue
            if entry.size > left:
                raise _too_large(about)
            target = folder / entry.name
            left -= _written(entry, target, about)
            written.append(target)
            if progress:  # images shrink to about half
                progress(min(1.0, (whole - left) / max(2 * packed, 1)))
    return written


def unpack_kinds(
    about: str, path: str, folder: str, kinds: tuple[str, ...], progress: Callable[[float], None] | None = None
) -> None:
    """``unpack`` of the files whose names end so, and of none that is hidden: for the child."""

    def wanted(name: str) -> bool:
        return name.lower().endswith(kinds) and not any(part.startswith(".") for part in name.split("/"))

    unpack(Path(path), Path(folder), wanted, about, progress)


def _most(path: Path, allowed: FileLimits) -> int:
    """Bytes to which it may unpack."""
    return min(int(allowed.unpacked_gb * 1024**3), max(SMALL_BYTES, allowed.ratio * path.stat().st_size))


def _too_large(about: object) -> UnreadableFile:
    return UnreadableFile(
        "{path}: unpacks to more than [limits] unpacked_gb and ratio allow; unpack it yourself if you trust it.",
        path=about,
    )


@contextmanager
def _told(path: Path, about: object) -> Iterator[None]:
    """What the libraries raise, in one sentence."""
    if kind_of(path) not in ("zip", "tar"):
        raise UnreadableFile("{path}: is no zip or tar archive; pack it as one, or unpack it.", path=about)
    try:
        yield
    except (UnreadableFile, WorkError):
        raise
    except _THEIRS as error:
        raise UnreadableFile(
            "{path}: the archive cannot be read ({error}); get a whole copy.",
            path=about,
            error=" ".join(str(error).split())[:120] or type(error).__name__,
        ) from None


def _entries(path: Path, about: object, allowed: FileLimits) -> Iterator[_Entry]:
    """Its files, one after another; each must be read before the next is asked for."""
    seen: set[str] = set()
    source = _zip(path, about) if kind_of(path) == "zip" else _tar(path, about)
    for count, entry in enumerate(source, start=1):
        if count > allowed.members:
            raise UnreadableFile(
                "{path}: holds more than {limit} members; pack only the delivery.", path=about, limit=allowed.members
            )
        name = _safe(about, entry.name)
        if name.casefold() in seen:
            raise UnreadableFile("{path}: holds {name} twice; pack it anew.", path=about, name=name[:80])
        seen.add(name.casefold())
        if not _litter(name):
            yield entry._replace(name=name)


def _zip(path: Path, about: object) -> Iterator[_Entry]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if stat.S_ISLNK(info.external_attr >> 16):
                raise _link(about, info.filename)
            if info.flag_bits & 0x1:
                raise UnreadableFile("{path}: is locked with a password; unpack it yourself.", path=about)
            if not info.is_dir():
                yield _Entry(_zip_name(info), info.file_size, lambda info=info: archive.open(info))  # type: ignore[misc]


def _tar(path: Path, about: object) -> Iterator[_Entry]:
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = _Tail(gzip.GzipFile(fileobj=raw) if packed else raw)
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as archive:
            for entry in archive:
                if not (entry.isreg() or entry.isdir()):
                    raise _link(about, entry.name)
                if not entry.isdir():
                    yield _Entry(entry.name, entry.size, lambda entry=entry: archive.extractfile(entry))  # type: ignore[misc]
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
        for _ in range(MOST_PADDING // CHUNK):
            if not self.read(CHUNK):
                break
        if self._last != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("no end")


def _link(about: object, name: str) -> UnreadableFile:
    return UnreadableFile(
        "{path}: {name} in it is a link or device, which is never followed; pack the file itself.",
        path=about,
        name=_shown(name),
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


def _safe(about: object, name: str) -> str:
    """The path of a member, each part a plain name."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part != "."]
    plain = all(part.isprintable() and not set(part) & set('<>:"|?*') and len(part) <= MAX_NAME for part in parts)
    if not parts or len(parts) > MAX_DEPTH or not plain or any(part in ("..", "/") for part in parts):
        raise UnreadableFile(
            "{path}: a name in it leads out of the archive or is none ({name}); pack it anew.",
            path=about,
            name=_shown(name),
        )
    return "/".join(parts)


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in name)[:80]


def _litter(name: str) -> bool:
    """Of macOS and Windows, never of a delivery."""
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1].startswith("._") or parts[-1].lower() in (".ds_store", "thumbs.db")


def _written(entry: _Entry, target: Path, about: object) -> int:
    """Bytes copied: as many as it said."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(target.parent).free < entry.size:
        raise WorkError("{path}: there is no room on the disk to unpack it; make room and add it again.", path=about)
    source, size = entry.open(), 0
    if source is None:
        return 0
    with source, target.open("xb") as sink:
        while size <= entry.size and (block := source.read(CHUNK)):
            size += len(block)
            if size <= entry.size:
                sink.write(block)
    if size != entry.size:
        raise UnreadableFile("{path}: the archive is damaged; get a whole copy.", path=about)
    return size
