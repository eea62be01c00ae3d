"""[io] An 离线包 that a phone exported, read at an office PC: records and original files, checked.

A ZIP of originals and ``manifest.json``. It comes from outside: nothing is unpacked to the disk, no
name in it is used as a path, sizes and counts are limited before anything is read, and an original
counts only where its bytes fit the sha256 that its record names. Files are found by that hash, so a
package that was unpacked and packed again, with other names and compression, reads the same.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from geodata.errors import UnreadableFile

MB = 1024**2
MAX_PACKAGE_BYTES = 4096 * MB
MAX_DIRECTORY_BYTES = 4 * MB
MAX_ENTRIES = 2000
MAX_FILE_BYTES = 200 * MB
MAX_MANIFEST_BYTES = 8 * MB
MAX_RECORDS = 2000
MAX_TEXT = 4000
KINDS = ("photo", "verdict", "postponed")
CHUNK = MB
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_SHOT_SOURCES = ("phone", "manual", "return", "none")


@dataclass(frozen=True, eq=False)
class Record:
    """One thing that was recorded on the phone, as it would have been sent.

    id: sha256 of a photo, uuid else. values: the fields of ``X-Gx-Record`` of a photo, of the body of
    ``verdict`` or ``postponed`` else; only plain values, texts at most ``MAX_TEXT`` long. sent: the
    phone holds a receipt of it. size: bytes of the original, 0 where there is none.
    """

    kind: str
    id: str
    case: str
    values: Mapping[str, Any]
    sent: bool = False
    size: int = 0


class Package:
    """records: in the phone's order. missing: ids of photos whose original is not in the package.
    strangers: names of files that no record names, as text for people. Use as a context manager."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive, self._name = archive, name
        entries = _entries(archive, name)
        manifest = _manifest(archive, entries, name)
        self.link: str = _text(manifest.get("link", {}).get("id", ""))
        self.made_at = _time(manifest.get("made_at"))
        self.clock: Mapping[str, Any] = _plain(manifest.get("clock") or {}, name)
        self.records = _records(manifest, name)
        wanted = {one.id for one in self.records if one.kind == "photo"}
        self._where: dict[str, zipfile.ZipInfo] = {}
        strangers = []
        for entry in entries:
            if _base(entry.filename) == "manifest.json":
                continue
            sha256 = _digest(archive, entry, name)
            if sha256 in wanted:
                self._where.setdefault(sha256, entry)
            else:
                strangers.append(entry.filename[:200])
        self.strangers = tuple(strangers)
        self.missing = tuple(sorted(wanted - set(self._where)))

    def original(self, sha256: str) -> bytes:
        """The bytes of a photo. Raises: UnreadableFile where the package does not hold it."""
        entry = self._where.get(sha256)
        if entry is None:
            raise UnreadableFile(
                "{path}: the original {sha256} is not in the package; export it again.",
                path=self._name,
                sha256=sha256[:12],
            )
        content = b"".join(_chunks(self._archive, entry, self._name))
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _damaged(self._name)
        return content

    def close(self) -> None:
        self._archive.close()

    def __enter__(self) -> Package:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def read_package(source: bytes | str | os.PathLike[str] | BinaryIO, name: str = "") -> Package:
    """Open an 离线包. name: for sentences, where ``source`` has none.

    Raises: UnreadableFile where it is no package, damaged, or beyond the limits of this file.
    """
    said = name or (str(source) if isinstance(source, str | os.PathLike) else "离线包.zip")
    try:
        if isinstance(source, str | os.PathLike):
            with Path(source).open("rb") as stream:
                _look_first(stream, said)
            archive = zipfile.ZipFile(source)
        else:
            opened = BytesIO(source) if isinstance(source, bytes) else source
            _look_first(opened, said)
            archive = zipfile.ZipFile(opened)
        try:
            return Package(archive, said)
        except BaseException:
            archive.close()
            raise
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, NotImplementedError, OSError, struct.error) as error:
        raise _damaged(said) from error


def checked(kind: str, value: Any, name: str = "") -> Record:
    """One record of ``kind`` as it came over the line. Raises: UnreadableFile naming the field that is wrong."""
    return _record({**value, "kind": kind} if isinstance(value, dict) else value, 1, name)


def _damaged(name: str) -> UnreadableFile:
    return UnreadableFile(
        "{path}: no package of the field page, damaged or cut off; export it again on the phone.", path=name
    )


def _limits(name: str) -> UnreadableFile:
    return UnreadableFile(
        "{path}: more or larger files than a package of the field page holds; export it again on the phone.", path=name
    )


def _look_first(stream: BinaryIO, name: str) -> None:
    """The end of the ZIP, before a library believes it: how much directory, how many entries."""
    stream.seek(0, os.SEEK_END)
    size = stream.tell()
    if size > MAX_PACKAGE_BYTES:
        raise _limits(name)
    stream.seek(max(0, size - 65557))
    tail = stream.read(65557)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < 22:
        raise _damaged(name)
    count, directory = struct.unpack("<HI", tail[at + 10 : at + 16])
    if count > MAX_ENTRIES or directory > MAX_DIRECTORY_BYTES or b"PK\6\7" in tail[max(0, at - 20) : at]:
        raise _limits(name)
    stream.seek(0)


def _entries(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    total, starts = 0, set()
    for entry in entries:
        total += entry.file_size
        if entry.flag_bits & 0x1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _damaged(name)
        if entry.file_size > MAX_FILE_BYTES or entry.header_offset in starts:
            raise _limits(name)
        starts.add(entry.header_offset)
    if len(entries) > MAX_ENTRIES or total > MAX_PACKAGE_BYTES:
        raise _limits(name)
    return entries


def _base(filename: str) -> str:
    return re.split(r"[\\/]", filename)[-1]


def _chunks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    """At most what the entry declares: a stream that goes on is given up."""
    left = entry.file_size
    try:
        with archive.open(entry) as stream:
            while chunk := stream.read(min(CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise _limits(name)
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise _damaged(name) from error


def _digest(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> str:
    sha256 = hashlib.sha256()
    for chunk in _chunks(archive, entry, name):
        sha256.update(chunk)
    return sha256.hexdigest()


def _manifest(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], name: str) -> dict[str, Any]:
    found = [entry for entry in entries if _base(entry.filename) == "manifest.json"]
    if len(found) != 1:
        raise _damaged(name)
    if found[0].file_size > MAX_MANIFEST_BYTES:
        raise _limits(name)
    try:
        value = json.loads(b"".join(_chunks(archive, found[0], name)).decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _damaged(name) from error
    if (
        not isinstance(value, dict)
        or value.get("format") != "gengxun-package"
        or not isinstance(value.get("link"), dict)
    ):
        raise _damaged(name)
    if value.get("version") != 1:
        raise UnreadableFile(
            "{path}: a package of version {version}, which is not read here; bring the portal up to date.",
            path=name,
            version=str(value.get("version"))[:20],
        )
    return value


def _no_constant(text: str) -> float:
    raise ValueError(text)


def _records(manifest: Mapping[str, Any], name: str) -> tuple[Record, ...]:
    listed = manifest.get("records")
    if not isinstance(listed, list):
        raise _damaged(name)
    if len(listed) > MAX_RECORDS:
        raise _limits(name)
    return tuple(_record(one, number, name) for number, one in enumerate(listed, 1))


def _record(value: Any, number: int, name: str) -> Record:
    def wrong(field: str) -> UnreadableFile:
        return UnreadableFile(
            "{path}: in record {number} of the package the field {field} is missing or holds something else.",
            path=name,
            number=number,
            field=field,
        )

    if not isinstance(value, dict):
        raise wrong("–")
    kind, id_, case = value.get("kind"), value.get("id"), value.get("case")
    if kind not in KINDS:
        raise wrong("kind")
    if not isinstance(id_, str) or not (_SHA256 if kind == "photo" else _ID).fullmatch(id_):
        raise wrong("id")
    if not isinstance(case, str) or not 0 < len(case) <= 100:
        raise wrong("case")
    values = _plain({k: v for k, v in value.items() if k not in ("kind", "sent", "seq", "file", "link")}, name)
    if kind == "photo":
        for field, low, high in (("lon", -180, 180), ("lat", -90, 90), ("heading_deg", 0, 360), ("accuracy_m", 0, 1e7)):
            given = values.get(field)
            if given is not None and not (isinstance(given, int | float) and low <= given <= high):
                raise wrong(field)
        if values.get("position_source", "none") not in _SHOT_SOURCES:
            raise wrong("position_source")
        if _time(values.get("taken_at")) is None:
            raise wrong("taken_at")
    if kind == "verdict":
        if not isinstance(values.get("payload"), dict):
            raise wrong("payload")
        for field, given in values["payload"].items():  # pages tell them as texts and figures
            if isinstance(given, list | dict):
                raise wrong(f"payload.{field}")
    if kind == "postponed":
        values = {**values, **(values.get("payload") or {})}
        values.pop("payload", None)
    size = values.get("size") if kind == "photo" else 0
    return Record(kind, id_, case, values, value.get("sent") is True, size if isinstance(size, int) else 0)


def _plain(value: Any, name: str, depth: int = 0) -> Any:
    """``value`` with what JSON may hold, bounded; control characters are taken out of texts."""
    if depth > 6:
        raise _limits(name)
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | dict) and len(value) > MAX_ENTRIES:
        raise _limits(name)
    if isinstance(value, list):
        return [_plain(one, name, depth + 1) for one in value]
    if isinstance(value, dict):
        return {_text(k)[:100]: _plain(v, name, depth + 1) for k, v in value.items()}
    raise _damaged(name)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", "", text)[:MAX_TEXT]


def _time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo and 1900 < found.year < 9000 else None  # beyond it no zone can be told
