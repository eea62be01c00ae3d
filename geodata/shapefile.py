"""[io] A shapefile before GDAL sees it: are its parts whole and of one length, how is its text encoded.

GDAL opens damaged shapefiles with success, and reads a DBF that does not say its encoding as
Latin-1; both are looked into here, byte by byte. Runs in the child that opens the file.
"""

from __future__ import annotations

import codecs
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geodata.errors import UnreadableFile
from geodata.words import Text, both

PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
RAW = "ISO-8859-1"
"""As this GDAL hands every byte of a DBF through; ``recode`` gives it its true meaning."""
_NAMES = {
    "utf-8": r"utf-?8|65001",
    "gb18030": r"(cp|ansi|windows-?|ms)?[ _-]?936|gbk|gb[_-]?2312|gb[_-]?18030|euc[_-]?cn",
    "big5": r"(cp|ansi|windows-?)?[ _-]?950|big-?5",
    "cp1252": r"(cp|ansi|windows-?)?[ _-]?125[02]|iso-?8859-?1|88591|latin-?1",
}
_LDID = {0x4D: "gb18030", 0x7A: "gb18030", 0x4F: "big5", 0x78: "big5", 0x03: "cp1252", 0x57: "cp1252", 0x58: "cp1252"}
_MULTIBYTE = ("utf-8", "gb18030", "big5")
_SAMPLES, _ROWS = 20, 4096  # so many stretches of so many records are looked at


@dataclass(frozen=True)
class Counts:
    """records: in all three parts; deleted: marked as deleted in the .dbf, which are not read."""

    records: int
    deleted: int


@dataclass(frozen=True)
class _Dbf:
    records: int
    header: int
    length: int
    ldid: int
    fields: tuple[tuple[bytes, str, int, int], ...]  # name, type, offset, width


def parts(path: Path) -> dict[str, Path]:
    """{".shp": path, ".dbf": path …} of the files that belong together, whatever the case of their suffix."""
    stem = path.stem.lower()
    return {p.suffix.lower(): p for p in path.parent.iterdir() if p.stem.lower() == stem and p.suffix.lower() in PARTS}


def check(path: Path) -> Counts:
    """Raises: UnreadableFile where a part is missing, cut short, or the parts count differently."""
    found = parts(path)
    missing = [s for s in (".shp", ".shx", ".dbf") if s not in found]
    if missing:
        raise UnreadableFile(
            "{path}: its {missing} is missing; .shp, .shx and .dbf belong together.",
            path=path,
            missing=", ".join(missing),
        )
    for suffix in (".shp", ".shx"):
        _check_length(found[suffix])
    index = np.fromfile(found[".shx"], dtype=">u4", offset=100).reshape(-1, 2).astype(np.int64) * 2
    dbf = _dbf(found[".dbf"])
    expected, size = dbf.header + dbf.records * dbf.length, found[".dbf"].stat().st_size
    if size < expected or size >= expected + max(dbf.length, 2):
        _damaged(found[".dbf"], f"{dbf.records} × {dbf.length} B", f"{size} B")
    if len(index) != dbf.records:
        raise UnreadableFile(
            "{path}: the .shx counts {shapes} shapes, the .dbf {records} records; get a whole copy.",
            path=path,
            shapes=len(index),
            records=dbf.records,
        )
    _check_records(found[".shp"], index)
    return Counts(dbf.records, _deleted(found[".dbf"], dbf))


def _damaged(path: Path, said: object, there: object) -> None:
    raise UnreadableFile(
        "{path}: is damaged: its header says {said}, the file has {there}; get a whole copy.",
        path=path,
        said=said,
        there=there,
    )


def _check_length(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(100)
    size = path.stat().st_size
    if len(head) < 100 or struct.unpack(">i", head[:4])[0] != 9994:
        raise UnreadableFile("{path}: is no shapefile, or cut short; get a whole copy.", path=path)
    said = struct.unpack(">I", head[24:28])[0] * 2
    if said != size or (path.suffix.lower() == ".shx" and (size - 100) % 8):
        _damaged(path, f"{said} B", f"{size} B")


def _check_records(shp: Path, index: np.ndarray) -> None:
    if not len(index):
        return
    data = np.memmap(shp, np.uint8, "r")
    offset, length = index[:, 0], index[:, 1]
    bad = (offset < 100) | (offset + 8 + length > len(data))
    if not bad.any():
        heads = np.stack([data[offset + i] for i in range(4, 8)], axis=1).astype(np.int64)
        bad = (heads @ np.array([1 << 24, 1 << 16, 1 << 8, 1])) * 2 != length
    if bad.any():
        raise UnreadableFile(
            "{path}: record {record} lies elsewhere than the .shx says; get a whole copy.",
            path=shp,
            record=int(np.argmax(bad)) + 1,
        )


def _dbf(path: Path) -> _Dbf:
    with path.open("rb") as stream:
        head = stream.read(32)
        if len(head) < 32:
            raise UnreadableFile("{path}: is no table, or cut short; get a whole copy.", path=path)
        records, header, length = struct.unpack("<IHH", head[4:12])
        described = stream.read(max(header - 32, 0))
    fields, offset = [], 1
    for at in range(0, len(described) - 31, 32):
        if described[at] == 0x0D:
            break
        name, width = described[at : at + 11].split(b"\0")[0], described[at + 16]
        type_ = chr(described[at + 11])
        fields.append((name, type_, offset, width + (256 * described[at + 17] if type_ == "C" else 0)))
        offset += fields[-1][3]
    if header < 33 or length < 1 or offset > length:
        raise UnreadableFile("{path}: is no table, or cut short; get a whole copy.", path=path)
    return _Dbf(records, header, length, head[29], tuple(fields))


def _records(path: Path, dbf: _Dbf) -> np.ndarray:
    return np.memmap(path, np.uint8, "r", offset=dbf.header, shape=(dbf.records, dbf.length))


def _deleted(path: Path, dbf: _Dbf) -> int:
    return int((_records(path, dbf)[:, 0] == ord("*")).sum()) if dbf.records else 0


def projection(path: Path) -> str | None:
    """The text of the .prj, None if there is none."""
    prj = parts(path).get(".prj")
    text = prj.read_bytes()[:20_000].decode("utf-8-sig", errors="replace").strip() if prj else ""
    return text or None


def encoding(path: Path) -> tuple[str, list[Text]]:
    """The codec of the .dbf's text and what to say about it.

    UTF-8 that reads as Chinese is UTF-8, whatever the .cpg says; then the .cpg where its encoding
    fits, GBK where the text reads as common Chinese, what the .dbf itself says, else Latin-1.
    """
    found = parts(path)
    cpg = found[".cpg"].read_bytes()[:100].decode("ascii", errors="replace").strip() if ".cpg" in found else ""
    said = next((codec for codec, names in _NAMES.items() if re.fullmatch(names, cpg, re.IGNORECASE)), None)
    dbf = _dbf(found[".dbf"])
    values = _values(found[".dbf"], dbf)
    if not values:
        return said or "utf-8", []
    codec = _by_evidence(values, said, _LDID.get(dbf.ldid))
    if codec is None:
        return "cp1252", [both("The encoding of the text is not known (no .cpg); it is read as Latin-1.")]
    if said and codec != said:
        return codec, [
            both("The .cpg says {said}, but the text is {codec}; it is read as {codec}.", said=cpg, codec=codec)
        ]
    return codec, []


def _by_evidence(values: set[bytes], said: str | None, ldid: str | None) -> str | None:
    if _share(values, "utf-8", _is_cjk) >= 0.5:
        return "utf-8"
    if said in _MULTIBYTE and _share(values, said, lambda c: True) >= 0:
        return said
    if _share(values, "gb18030", _is_common) >= 0.8:
        return "gb18030"
    for codec in (said, "utf-8", ldid):
        if codec and _share(values, codec, lambda c: True) >= 0:
            return codec
    return None


def _share(values: set[bytes], codec: str, fits) -> float:
    """Of the characters that are not ASCII, the share that ``fits``; -1 where it cannot be decoded."""
    fit = total = 0
    for value in values:
        try:
            text = codecs.getincrementaldecoder(codec)().decode(value)  # a cut last character is no error
        except UnicodeDecodeError:
            return -1.0
        other = [c for c in text if ord(c) > 127]
        total += len(other)
        fit += sum(map(fits, other))
    return fit / total if total else 0.0


def _is_cjk(char: str) -> bool:
    return 0x2E80 <= ord(char) <= 0x9FFF or 0xFF00 <= ord(char) <= 0xFFEF or ord(char) >= 0x20000


def _is_common(char: str) -> bool:
    try:
        return len(char.encode("gb2312")) == 2
    except UnicodeEncodeError:
        return False


def _values(path: Path, dbf: _Dbf) -> set[bytes]:
    """Texts that are not all ASCII, from the names of the fields and from stretches all over the table."""
    values = {name for name, *_ in dbf.fields if max(name, default=0) > 127}
    if not dbf.records:
        return values
    records = _records(path, dbf)
    step = max(dbf.records // _SAMPLES, _ROWS)
    for first in range(0, dbf.records, step):
        block = np.asarray(records[first : first + _ROWS])
        for _, type_, offset, width in dbf.fields:
            if type_ == "C" and width:
                text = block[:, offset : offset + width]
                values.update(bytes(row).rstrip(b" \0") for row in text[(text > 127).any(axis=1)])
    return values


def recode(text: str, codec: str) -> str:
    """A text that was read as ``RAW``, in its true encoding; a cut last character goes."""
    return codecs.getincrementaldecoder(codec)("replace").decode(text.encode(RAW))
