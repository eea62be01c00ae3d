"""[io] Metadata of a delivery: XML without entities, and the lines of an MTL or RPC text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from geodata.errors import UnreadableFile

MAX_BYTES = 32 * 1024 * 1024
"""A metadata file; those of deliveries have some 10 kB to 2 MB."""
MAX_NUMBER = 1e9


class Fields:
    """The elements of an XML file by their own names, without namespace and in any case."""

    def __init__(self, root: Any) -> None:
        self.root: str = _local(root.tag)
        self._found: dict[str, list[tuple[dict[str, str], str]]] = {}
        for element in root.iter():
            if isinstance(element.tag, str):
                text = (element.text or "").strip()
                self._found.setdefault(_local(element.tag).lower(), []).append((dict(element.attrib), text))

    def first(self, *names: str) -> str:
        """The first text of the first of ``names`` that has one; else ""."""
        return next((text for name in names for _, text in self._found.get(name.lower(), []) if text), "")

    def named(self, *names: str) -> tuple[str, str]:
        """(name, text) of the first of ``names`` that has a text."""
        return next(((name, text) for name in names if (text := self.first(name))), ("", ""))

    def every(self, name: str) -> list[tuple[dict[str, str], str]]:
        """(attributes, text) of every element of this name."""
        return self._found.get(name.lower(), [])

    def number(self, *names: str) -> float | None:
        return number(self.first(*names))


def number(text: str) -> float | None:
    """A number as metadata may hold it; None for what is none, not finite or beyond any use."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if abs(found) < MAX_NUMBER else None


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def fields(path: Path) -> Fields:
    """Raises: UnreadableFile for what is no XML, holds a DTD or entities, or is too large."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        return Fields(fromstring(_decoded(content(path)), forbid_dtd=True))
    except DefusedXmlException:
        raise UnreadableFile("{path}: holds a DTD or entities, which metadata need not; it is not read.", path=path.name
                             ) from None  # fmt: skip
    except (ParseError, ValueError, LookupError, RecursionError):
        raise UnreadableFile("{path}: is no valid XML; fetch the delivery again.", path=path.name) from None


_CHINESE = re.compile(rb"^(<\?xml[^>]{0,100}?)\s+encoding\s*=\s*[\"'](?:gb2312|gbk|gb18030)[\"']", re.IGNORECASE)


def _decoded(data: bytes) -> bytes:
    """As UTF-8 where it declares a Chinese encoding, which the parser does not know."""
    found = _CHINESE.match(data)
    return data if found is None else found[1] + data[found.end() :].decode("gb18030").encode()


def content(path: Path) -> bytes:
    """The bytes of a metadata file. Raises: UnreadableFile."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableFile("{path}: is too large for metadata ({mb} MB); it is not read.", path=path.name,
                                 mb=path.stat().st_size // 1024**2)  # fmt: skip
        return path.read_bytes()
    except OSError:
        raise UnreadableFile("{path}: cannot be read; check disk and permissions.", path=path.name) from None
