"""The boxes of a HEIC file (ISO/IEC 14496-12 and 23008-12): its EXIF, XMP and size, no pixel decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

MAX_META_BYTES = 4 * 1024**2
MAX_ITEM_BYTES = 1024**2
MAX_ITEMS = 10_000


class Broken(ValueError):
    """The boxes do not fit into the file or into each other."""


@dataclass
class Heif:
    """exif: a TIFF block with or without its "Exif" prefix, b"" if there is none."""

    width_px: int = 0
    height_px: int = 0
    exif: bytes = b""
    xmp: bytes = b""
    turned: bool = False
    items: dict[int, tuple[str, str]] = field(default_factory=dict)
    places: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)


def read_heif(stream: BinaryIO, size_bytes: int) -> Heif:
    """Raises: Broken."""
    try:
        return _read(stream, size_bytes)
    except (struct.error, IndexError) as error:
        raise Broken(str(error)) from None


def _read(stream: BinaryIO, size_bytes: int) -> Heif:
    meta = b""
    place = 0
    while place + 8 <= size_bytes:
        stream.seek(place)
        length, kind, header = _header(stream.read(16), size_bytes - place)
        if place + length > size_bytes:
            raise Broken("a box is longer than the file")
        if kind == b"meta":
            if length > MAX_META_BYTES:
                raise Broken("meta box beyond the limit")
            stream.seek(place + header)
            meta = stream.read(length - header)
        place += length
    if not meta:
        raise Broken("no meta box")
    found, idat = Heif(), b""
    for kind, body in _boxes(meta[4:]):
        if kind == b"iinf":
            _item_infos(body, found)
        elif kind == b"iloc":
            _item_places(body, found)
        elif kind == b"iprp":
            _properties(body, found)
        elif kind == b"idat":
            idat = body
    for item, (what, media) in found.items.items():
        if what == "Exif" and not found.exif:
            data = _item(stream, idat, found.places.get(item, []), size_bytes)
            skip = 4 + int.from_bytes(data[:4], "big")
            found.exif = data[skip:] if skip < len(data) else b""
        elif what == "mime" and media == "application/rdf+xml" and not found.xmp:
            found.xmp = _item(stream, idat, found.places.get(item, []), size_bytes)
    if found.turned:
        found.width_px, found.height_px = found.height_px, found.width_px
    return found


def _header(head: bytes, left: int) -> tuple[int, bytes, int]:
    """Length of the box, its kind, length of its header."""
    length, kind = struct.unpack(">I4s", head[:8])
    header = 8
    if length == 1:
        length, header = struct.unpack(">Q", head[8:16])[0], 16
    elif length == 0:
        length = left
    if length < header:
        raise Broken("a box shorter than its header")
    return length, kind, header


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(data):
        length, kind, header = _header(data[place : place + 16], len(data) - place)
        if place + length > len(data):
            raise Broken("a box is longer than the one around it")
        yield kind, data[place + header : place + length]
        place += length


def _item_infos(body: bytes, found: Heif) -> None:
    wide = body[0] > 0
    for kind, info in _boxes(body[8 if wide else 6 :]):
        if kind != b"infe" or info[0] < 2:
            continue
        item, rest = (
            (int.from_bytes(info[4:8], "big"), info[10:])
            if info[0] > 2
            else (int.from_bytes(info[4:6], "big"), info[8:])
        )
        names = rest[4:].split(b"\0")
        media = names[1].decode("latin-1") if len(names) > 1 else ""
        found.items[item] = (rest[:4].decode("latin-1"), media)
        if len(found.items) > MAX_ITEMS:
            raise Broken("too many items")


def _item_places(body: bytes, found: Heif) -> None:
    version, sizes, more = body[0], body[4], body[5]
    offset_size, length_size, base_size = sizes >> 4, sizes & 15, more >> 4
    index_size = more & 15 if version in (1, 2) else 0
    place = 6

    def take(count: int) -> int:
        nonlocal place
        if place + count > len(body):
            raise Broken("item locations are cut off")
        place += count
        return int.from_bytes(body[place - count : place], "big")

    for _ in range(min(take(4 if version == 2 else 2), MAX_ITEMS)):
        item = take(4 if version == 2 else 2)
        method = take(2) & 15 if version in (1, 2) else 0
        take(2)
        base = take(base_size)
        extents = []
        for _ in range(take(2)):
            take(index_size)
            extents.append((method, base + take(offset_size), take(length_size)))
        found.places[item] = extents


def _properties(body: bytes, found: Heif) -> None:
    for kind, container in _boxes(body):
        if kind != b"ipco":
            continue
        for name, value in _boxes(container):
            if name == b"ispe":
                width, height = struct.unpack(">II", value[4:12])
                if width * height > found.width_px * found.height_px:  # tiles and thumbnails are smaller
                    found.width_px, found.height_px = width, height
            elif name == b"irot":
                found.turned = bool(value[0] & 1)


def _item(stream: BinaryIO, idat: bytes, extents: list[tuple[int, int, int]], size_bytes: int) -> bytes:
    data = b""
    for method, offset, length in extents:
        end = len(idat) if method == 1 else size_bytes
        if method > 1 or offset + length > end or len(data) + length > MAX_ITEM_BYTES:
            raise Broken("an item lies outside the file or beyond the limit")
        if method == 1:
            data += idat[offset : offset + length]
        else:
            stream.seek(offset)
            data += stream.read(length)
    return data
