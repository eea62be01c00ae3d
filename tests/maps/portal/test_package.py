"""An 离线包 from strangers: each limit of members, sizes, names, nesting and unpacking is kept, with a sentence."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geodata.errors import UnreadableFile
from maps.portal.package import MAX_ENTRIES, MAX_RECORDS, read_package
from tests.maps.portal.field_server import LINK

NUMBER = "430321-2026-00187"


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def manifest(*records: dict[str, Any], **more: Any) -> bytes:
    whole = {
        "format": "gengxun-package",
        "version": 1,
        "made_at": "2026-11-24T08:00:00Z",
        "link": {"id": LINK},
        "records": list(records),
        **more,
    }
    return json.dumps(whole).encode()


PHOTO = b"\xff\xd8\xff" + bytes(1000)
GOOD = {
    "kind": "photo",
    "id": hashlib.sha256(PHOTO).hexdigest(),
    "case": NUMBER,
    "taken_at": "2026-11-24T02:00:00Z",
    "size": len(PHOTO),
}


def test_a_package_packed_again_by_a_pc_reads_the_same() -> None:
    content = zipped(
        {"离线包/manifest.json": manifest(GOOD), "离线包/..\\x.jpg": PHOTO, "thumbs.db": b"x"}, zipfile.ZIP_DEFLATED
    )
    with read_package(content) as package:
        assert package.original(GOOD["id"]) == PHOTO
        assert package.strangers == ("thumbs.db",)
        assert not package.missing


def test_an_original_that_was_changed_does_not_count() -> None:
    with read_package(zipped({"manifest.json": manifest(GOOD), "a.jpg": PHOTO + b"!"})) as package:
        assert package.missing == (GOOD["id"],)
        with pytest.raises(UnreadableFile):
            package.original(GOOD["id"])


def bomb() -> bytes:
    return zipped({"manifest.json": manifest(GOOD), "b.jpg": bytes(300 * 1024**2)}, zipfile.ZIP_DEFLATED)


def lying() -> bytes:
    """An entry that says it holds 10 bytes and unpacks to 100,000."""
    content = bytearray(zipped({"b.jpg": bytes(100_000), "manifest.json": manifest()}, zipfile.ZIP_DEFLATED))
    at = content.index(b"PK\1\2")
    struct.pack_into("<I", content, at + 24, 10)
    return bytes(content)


def patched(files: dict[str, bytes], change: Callable[[bytearray, list[int]], None], **more: Any) -> bytes:
    """A package whose directory says something else: ``change(content, where each entry stands in it)``."""
    content = bytearray(zipped(files, **more))
    content_of, entries = bytes(content), []
    at = content_of.find(b"PK\1\2")
    while at >= 0:
        entries.append(at)
        at = content_of.find(b"PK\1\2", at + 4)
    change(content, entries)
    return bytes(content)


def claims(content: bytearray, entries: list[int], field: int, form: str, value: int) -> None:
    for at in entries:
        struct.pack_into(form, content, at + field, value)


def four_gigabytes() -> bytes:
    """25 files that each say 199 MB: none too large, all of them too much."""
    files = {"manifest.json": manifest()} | {f"{n}.jpg": b"" for n in range(25)}
    return patched(files, lambda content, entries: claims(content, entries[1:], 24, "<I", 199 * 1024**2))


def one_over_the_other() -> bytes:
    """Two entries that stand for the same bytes: what makes a small file unpack to a large one."""
    files = {"manifest.json": manifest(), "a.jpg": PHOTO, "b.jpg": PHOTO}

    def same(content: bytearray, entries: list[int]) -> None:
        content[entries[2] + 42 : entries[2] + 46] = content[entries[1] + 42 : entries[1] + 46]

    return patched(files, same)


def long_directory() -> bytes:
    content = bytearray(zipped({"manifest.json": manifest()}))
    struct.pack_into("<I", content, content.rindex(b"PK\5\6") + 12, 5 * 1024**2)
    return bytes(content)


def zip64() -> bytes:
    content = zipped({"manifest.json": manifest()})
    at = content.rindex(b"PK\5\6")
    return content[:at] + b"PK\6\7" + bytes(16) + content[at:]


def deep(levels: int) -> Any:
    return [deep(levels - 1)] if levels else "x"


HOSTILE = {
    "no zip": lambda: b"PK\3\4" + bytes(100),
    "empty": lambda: b"",
    "cut off": lambda: zipped({"manifest.json": manifest(GOOD), "a.jpg": PHOTO})[:-30],
    "no manifest": lambda: zipped({"a.jpg": PHOTO}),
    "two manifests": lambda: zipped({"manifest.json": manifest(), "a/manifest.json": manifest()}),
    "no json": lambda: zipped({"manifest.json": b"{"}),
    "nested": lambda: zipped({"manifest.json": b"[" * 100_000}),
    "not ours": lambda: zipped({"manifest.json": b'{"format": "other"}'}),
    "link no object": lambda: zipped({"manifest.json": manifest(link=3)}),
    "newer": lambda: zipped({"manifest.json": manifest(version=9)}),
    "infinite": lambda: zipped({"manifest.json": manifest(GOOD).replace(b"1003", b"1e999")}),
    "place off the earth": lambda: zipped({"manifest.json": manifest({**GOOD, "lon": 500})}),
    "id a path": lambda: zipped({"manifest.json": manifest({**GOOD, "id": "../../etc/passwd"})}),
    "no time": lambda: zipped({"manifest.json": manifest({**GOOD, "taken_at": "2026-11-24"})}),
    "unknown kind": lambda: zipped({"manifest.json": manifest({**GOOD, "kind": "event"})}),
    "too many": lambda: zipped({"manifest.json": manifest()} | {f"{n}": b"" for n in range(MAX_ENTRIES + 1)}),
    "bomb": bomb,
    "lying": lying,
    "too much in all": four_gigabytes,
    "one over the other": one_over_the_other,
    "directory too long": long_directory,
    "of the 64-bit form": zip64,
    "encrypted": lambda: patched({"manifest.json": manifest()}, lambda c, e: claims(c, e, 8, "<H", 1)),
    "packed otherwise": lambda: zipped({"manifest.json": manifest()}, zipfile.ZIP_LZMA),
    "manifest too long": lambda: zipped({"manifest.json": b" " * 9 * 1024**2 + manifest()}, zipfile.ZIP_DEFLATED),
    "too many records": lambda: zipped({"manifest.json": manifest(*[GOOD] * (MAX_RECORDS + 1))}),
    "values in values": lambda: zipped({"manifest.json": manifest({**GOOD, "note": deep(9)})}),
    "a list without end": lambda: zipped({"manifest.json": manifest({**GOOD, "note": [0] * (MAX_ENTRIES + 1)})}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_package_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read_package(HOSTILE[name](), "x.zip")
    assert str(refused.value).startswith("x.zip")


def test_what_unpacks_to_much_is_refused_before_it_is_unpacked() -> None:
    content, seen = bomb(), {}
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFile):
            read_package(content)
        seen["bomb"] = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen["bomb"] < 8 * 1024**2


def test_a_zip_inside_is_a_stranger_and_names_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inner = zipped({"manifest.json": manifest(GOOD), "a.jpg": PHOTO})
    names = ("../../up.jpg", "/etc/x.jpg", "C:\\x.jpg", "a" * 60_000, "\u202egpj.exe")
    with read_package(zipped({"manifest.json": manifest(), "in.zip": inner, **dict.fromkeys(names, b"x")})) as package:
        assert not package.records
        assert len(package.strangers) == 6
        assert max(map(len, package.strangers)) <= 200
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("end", range(0, 1300, 97))
def test_no_cut_of_a_package_is_read_as_whole(end: int) -> None:
    with pytest.raises(UnreadableFile):
        read_package(zipped({"manifest.json": manifest(GOOD), "a.jpg": PHOTO})[:end])


def test_control_characters_are_taken_out_and_texts_are_bounded() -> None:
    verdict = {"kind": "verdict", "id": "a-1", "case": NUMBER, "payload": {"party": "x\x00\x1b[31m" + "y" * 9000}}
    with read_package(zipped({"manifest.json": manifest(verdict)})) as package:
        said = package.records[0].values["payload"]["party"]
        assert said.startswith("x[31my")
        assert len(said) == 4000
