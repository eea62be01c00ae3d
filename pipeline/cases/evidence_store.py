"""[io] Where the original bytes of evidence lie: one file for one content, named by its sha256."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import struct
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from geodata import atomic, safe
from geodata.errors import EmptyData, InputError, LedgerDamaged, UnreadableFile, WorkError
from geodata.mediatype import DOCX, HEAD_BYTES, OFD, XLSX, ZIP, kind_of, media_type
from geodata.photofile import read_photo
from geodata.words import Text, both
from pipeline.cases.evidence import DECLINATION_DEG, Evidence, evidence_of

MB = 1024**2
LIMITS_MB: Mapping[str, int] = {"photo": 200, "document": 200, "video": 2048}
"""Largest file of each kind."""
CHUNK = MB
MAX_UNPACKED_BYTES = 2048 * MB
"""What a document may claim to hold unpacked, where it is opened by others."""
_NAME = re.compile(r"[0-9a-f]{64}")
_INSIDE = {"word/document.xml": DOCX, "xl/workbook.xml": XLSX, "OFD.xml": OFD}
_MACROS = re.compile(r"(^|/)vba[^/]*\.bin$", re.IGNORECASE)
_CHILD = safe.Limits(cpu_s=20, wall_s=60, memory_bytes=2 * 1024**3)


@dataclass(frozen=True)
class Stored:
    """The receipt: what it names is on the disk for good. size in bytes; new: it was not held before."""

    sha256: str
    size: int
    media_type: str
    path: Path
    new: bool = True


class EvidenceStore:
    """``root/ab/<sha256>``; nothing in it is ever changed or deleted, and names from outside are not used."""

    def __init__(self, root: str | os.PathLike[str], limits_mb: Mapping[str, int] = LIMITS_MB) -> None:
        self.root = Path(root)
        self.limits_mb = limits_mb

    def add(self, source: bytes | str | os.PathLike[str], name: str = "") -> Stored:
        """Keep the bytes of ``source``: a path, or the bytes themselves (``name`` for sentences).

        Returns after the fsync of file and folder. The same bytes twice are one file, written anew
        all the same: a copy damaged meanwhile is whole again, and the receipt is as good as the first.

        Raises: EmptyData, UnreadableFile (kind or size not taken), WorkError (the disk refused).
        """
        said = name or ("–" if isinstance(source, bytes) else str(source))
        try:
            _folder(self.root)
            with self._arriving() as arrived:
                sha256, size = self._receive(source, arrived, said)
                media = self._admitted(arrived, size, said)
                place = self._place(sha256)
                new = not place.exists()
                _folder(place.parent)
                if os.name != "nt":  # there a file that may not be written may not be replaced either
                    arrived.chmod(0o444)
                with atomic.replacing(place) as temporary:
                    os.replace(arrived, temporary)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise WorkError(
                    "{path}: not kept, the disk is full; make room and send it again.", path=said
                ) from error
            raise WorkError(
                "{path}: not kept, the disk refused ({why}); check it and send the file again.",
                path=said,
                why=error.strerror or str(error),
            ) from error
        return Stored(sha256, size, media, place, new)

    def take(
        self,
        source: bytes | str | os.PathLike[str],
        *,
        name: str = "",
        shot: str = "",
        title: str = "",
        received_at: datetime | None = None,
        declination_deg: float = DECLINATION_DEG,
    ) -> tuple[Evidence, Stored]:
        """``add``, and of a photo what it says about itself.

        A photo that cannot be read stays in the store, as whatever was received does, but is no
        evidence. received_at: now, if not given. Raises: as ``add`` and ``read_photo``.
        """
        stored = self.add(source, name)
        photo = None
        if kind_of(stored.media_type) == "photo":
            try:
                photo = read_photo(stored.path)
            except InputError as error:
                said = name or (source if not isinstance(source, bytes) else stored.sha256)
                raise type(error)(error.msgid, **{**error.fields, "path": said}) from None
        evidence = evidence_of(
            stored.sha256,
            stored.media_type,
            stored.size,
            received_at=received_at or datetime.now(UTC),
            photo=photo,
            shot=shot,
            title=title,
            declination_deg=declination_deg,
        )
        return evidence, stored

    def path(self, sha256: str) -> Path:
        """Raises: UnreadableFile where it is no sha256 or not held."""
        found = self._place(sha256) if _NAME.fullmatch(sha256) else None
        if found is None or not found.is_file():
            raise UnreadableFile("{path}: no evidence with this sha256 is held; check it.", path=sha256[:80])
        return found

    def read(self, sha256: str) -> bytes:
        """The original bytes. Raises: UnreadableFile; LedgerDamaged where they no longer fit their name."""
        data = self.path(sha256).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise LedgerDamaged(
                "{path}: the bytes of this evidence no longer fit their sha256; put the file back from a backup.",
                path=sha256,
            )
        return data

    def hashes(self) -> Iterator[str]:
        """All sha256 held, sorted."""
        for folder in sorted(p for p in _entries(self.root) if re.fullmatch(r"[0-9a-f]{2}", p.name)):
            yield from sorted(p.name for p in _entries(folder) if _NAME.fullmatch(p.name))

    def count(self) -> int:
        return sum(1 for _ in self.hashes())

    def check(self, expected: Iterable[str] = ()) -> Iterator[tuple[str, Text]]:
        """(sha256 or name, what is wrong): of every file whose bytes do not fit its name, that does
        not belong here, and of every sha256 in ``expected`` that is missing."""
        held = set()
        for folder in sorted(_entries(self.root)):
            for path in sorted(_entries(folder)) if folder.is_dir() and not folder.is_symlink() else [folder]:
                relative = str(path.relative_to(self.root))
                if path.name.startswith(".") and path.name.endswith(".tmp"):
                    continue  # of a write that was cut off, or goes on now; never acknowledged
                if path.is_symlink() or not path.is_file() or path != self._place(path.name):
                    yield relative, both("This does not belong into the store of evidence.")
                    continue
                held.add(path.name)
                if _digest(path) != path.name:
                    yield path.name, both("Its bytes do not fit its sha256: the file was changed.")
        for sha256 in sorted(set(expected) - held):
            yield sha256, both("The file is missing.")

    def _place(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256

    @contextmanager
    def _arriving(self) -> Iterator[Path]:
        """A name on the store's own disk for bytes whose hash is not known yet."""
        path = self.root / f".{uuid.uuid4().hex}.tmp"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _receive(self, source: bytes | str | os.PathLike[str], arrived: Path, said: str) -> tuple[str, int]:
        """Copy ``source`` and hash what was copied: a source that changes meanwhile is no matter."""
        limit = max(self.limits_mb.values())
        sha256, size = hashlib.sha256(), 0
        with _stream(source, said) as stream, arrived.open("xb") as out:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
                if size > limit * MB:
                    raise _too_large(said, size, limit)
                sha256.update(chunk)
                out.write(chunk)
        if size == 0:
            raise EmptyData("{path}: the file is empty; check that it was copied completely.", path=said)
        return sha256.hexdigest(), size

    def _admitted(self, arrived: Path, size: int, said: str) -> str:
        """The media type by content, if files of this kind and size are taken."""
        with arrived.open("rb") as stream:
            media = media_type(stream.read(HEAD_BYTES))
        limit = self.limits_mb["document" if media == ZIP else kind_of(media)] if media else 0
        if media and size > limit * MB:
            raise _too_large(said, size, limit)
        if media == ZIP:
            where = "pipeline.cases.evidence_store:inside_zip"
            media = safe.in_child(where, str(arrived), said, about=said, limits=_CHILD)
        if not media:
            raise UnreadableFile(
                "{path}: by its content none of the kinds taken as evidence (JPEG, PNG, HEIC, WebP, TIFF, PDF, MP4,"
                " DOCX, XLSX, OFD); save it as one of them.",
                path=said,
            )
        return media


def inside_zip(path: str, said: str) -> str:
    """Which document a ZIP is, "" for none; for the child. Nothing is unpacked. Raises: UnreadableFile."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, NotImplementedError, OSError, struct.error):
        raise UnreadableFile("{path}: the document is damaged or cut off; save it again.", path=said) from None
    if any(_MACROS.search(entry.filename) for entry in entries):
        raise UnreadableFile("{path}: the document holds macros; save it without them, or as PDF.", path=said)
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise UnreadableFile("{path}: unpacked, the document would be too large; save it as PDF.", path=said)
    names = {entry.filename for entry in entries}
    return next((media for name, media in _INSIDE.items() if name in names), "")


def _stream(source: bytes | str | os.PathLike[str], said: str) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    file = safe.local_file(source)
    if not file.is_file():
        raise UnreadableFile("{path}: this is a folder; name a file.", path=said)
    return file.open("rb")


def _too_large(said: str, size: int, limit: int) -> UnreadableFile:
    return UnreadableFile(
        "{path}: {size} MB or more, above the {limit} MB taken of this kind; make it smaller or cut it up.",
        path=said,
        size=size // MB,
        limit=limit,
    )


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _folder(path: Path) -> None:
    """Make it, and make its name in the folder above last."""
    if path.is_dir():
        return
    _folder(path.parent)
    path.mkdir(exist_ok=True)
    atomic.sync(path.parent)
