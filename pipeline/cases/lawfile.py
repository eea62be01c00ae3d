"""A TOML file of rules, checked key by key; what is wrong is said with file, line, key and reason."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NoReturn

from geodata.errors import InputError
from geodata.words import Text, both

MOST_BYTES = 1_000_000
Place = tuple[str | int, ...]
_KEY = r"""(?:[^\s"'.=\[\]{}#]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_STRINGS = re.compile(r'"(?:\\.|[^"\\])*"' + r"|'[^']*'")


@dataclass(frozen=True)
class Document:
    """``lines``: where each table and key stands, by its path from the root; arrays of tables count from 0."""

    path: str
    data: dict[str, Any]
    lines: Mapping[Place, int]

    def root(self) -> Table:
        return Table(self, (), self.data)


def parse(path: str, raw: bytes) -> Document:
    """InputError with the line where it is no TOML, no UTF-8, or too large for a file of rules."""
    if len(raw) > MOST_BYTES:
        _refuse(path, 1, "-", both("larger than {most:,} bytes: no file of rules", most=MOST_BYTES))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(path, raw[: error.start].count(b"\n") + 1, "-", both("not UTF-8; save it as UTF-8"))
    lines = text.replace("\r\n", "\n").split("\n")
    try:
        return Document(path, tomllib.loads(text), _where(lines))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else len(lines)
        said = lines[line - 1].strip() if line <= len(lines) else ""
        _refuse(path, line, said[:40] or "-", both("no TOML ({error})", error=re.sub(r" \(at .*\)$", "", str(error))))


def _refuse(path: str, line: int, key: str, reason: Text) -> NoReturn:
    raise InputError("{path}, line {line}: {key}: {reason}.", path=path, line=line, key=key, reason=reason)


def _where(lines: list[str]) -> dict[Place, int]:
    found: dict[Place, int] = {}
    arrays: dict[Place, int] = {}
    here: Place = ()
    depth, quotes = 0, ""
    for number, line in enumerate(lines, 1):
        if quotes:
            quotes = "" if quotes in line else quotes
            continue
        bare = _STRINGS.sub("''", line.replace('"""', "\x00").replace("'''", "\x01")).split("#")[0]
        if depth == 0:
            if match := re.match(rf"\s*\[\[\s*({_DOTTED})\s*\]\]", line):
                *outer, last = _parts(match[1])
                path = (*_resolved(outer, arrays), last)
                arrays[path] = arrays.get(path, -1) + 1
                here = (*path, arrays[path])
                found.setdefault(path, number)
                found[here] = number
                continue
            if match := re.match(rf"\s*\[\s*({_DOTTED})\s*\]", line):
                here = _resolved(_parts(match[1]), arrays)
                for i in range(1, len(here) + 1):
                    found.setdefault(here[:i], number)
                continue
            if match := re.match(rf"\s*({_DOTTED})\s*=", line):
                path = here
                for part in _parts(match[1]):
                    path = (*path, part)
                    found.setdefault(path, number)
        depth += sum(bare.count(c) for c in "[{") - sum(bare.count(c) for c in "]}")
        for mark, name in (("\x00", '"""'), ("\x01", "'''")):
            quotes = name if bare.count(mark) % 2 else quotes
    return found


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_KEY, dotted)]


def _resolved(parts: list[str], arrays: Mapping[Place, int]) -> Place:
    path: Place = ()
    for part in parts:
        path = (*path, part)
        if path in arrays:
            path = (*path, arrays[path])
    return path


@dataclass(frozen=True)
class Table:
    """A table of a document; its readers raise InputError naming file, line, key and reason."""

    document: Document
    place: Place
    data: Mapping[str, Any]

    def wrong(self, key: str, reason: Text) -> NoReturn:
        place = (*self.place, key) if key else self.place
        named = self.data.get("key")
        shown = ".".join([*(str(p) for p in self.place if isinstance(p, str)), *([key] if key else [])]) or "-"
        if isinstance(named, str) and named:
            shown = f"{shown} ({named})"
        lines = self.document.lines
        line = next((lines[place[:i]] for i in range(len(place), 0, -1) if place[:i] in lines), 1)
        _refuse(self.document.path, line, shown, reason)

    def only(self, *allowed: str) -> None:
        for key in self.data:
            if key not in allowed:
                self.wrong(key, both("unknown; known are {known}", known=", ".join(allowed)))

    def _get(self, key: str) -> Any:
        if key not in self.data:
            self.wrong(key, both("is missing"))
        return self.data[key]

    def text(self, key: str, default: str | None = None, *, empty: bool = False) -> str:
        if default is not None and key not in self.data:
            return default
        value = self._get(key)
        if not isinstance(value, str) or not (value.strip() or empty):
            self.wrong(key, both("must be a text in quotes, not {value}", value=_shown(value)))
        return value

    def choice(self, key: str, allowed: Collection[str], default: str | None = None) -> str:
        value = self.text(key, default, empty=True)
        if value not in allowed:
            self.wrong(key, both("must be one of {allowed}, not {value}", allowed=_list(allowed), value=_shown(value)))
        return value

    def number(self, key: str, low: float, high: float) -> float:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.wrong(key, both("must be a number from {low:g} to {high:g}, not {value}", **_range(low, high, value)))
        return float(value)

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        value = self._get(key) if default is None else self.data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.wrong(
                key, both("must be a whole number from {low:g} to {high:g}, not {value}", **_range(low, high, value))
            )
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        if default is not None and key not in self.data:
            return default
        value = self._get(key)
        if not isinstance(value, bool):
            self.wrong(key, both("must be true or false, not {value}", value=_shown(value)))
        return value

    def day(self, key: str) -> date:
        value = self._get(key)
        if not isinstance(value, date) or isinstance(value, datetime):
            self.wrong(key, both("must be a date such as 2026-01-01 without quotes, not {value}", value=_shown(value)))
        return value

    def texts(self, key: str, allowed: Collection[str] | None = None, *, optional: bool = False) -> tuple[str, ...]:
        value = self.data.get(key, []) if optional else self._get(key)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.wrong(key, both("must be a list of texts in quotes, not {value}", value=_shown(value)))
        for one in value:
            if allowed is not None and one not in allowed:
                self.wrong(key, both("{value} is unknown; known are {allowed}", value=one, allowed=_list(allowed)))
        return tuple(value)

    def counts(self, key: str, allowed: Collection[str], most: int) -> dict[str, int]:
        """A table of whole numbers by name, e.g. ``{ overview = 1 }``."""
        inner = self.table(key)
        for one in inner.data:
            if one not in allowed:
                self.wrong(key, both("{value} is unknown; known are {allowed}", value=one, allowed=_list(allowed)))
        return {one: inner.whole(one, 0, most) for one in inner.data}

    def named(self) -> dict[str, str]:
        """Its name in both languages; without an English one the Chinese stands for both."""
        zh = self.text("zh")
        return {"zh": zh, "en": self.text("en", zh)}

    def table(self, key: str, *, optional: bool = False) -> Table:
        value = self.data.get(key, {}) if optional else self._get(key)
        if not isinstance(value, dict):
            self.wrong(key, both("must be a table, not {value}", value=_shown(value)))
        return Table(self.document, (*self.place, key), value)

    def tables(self, key: str) -> Iterator[Table]:
        """The tables of ``[[key]]``; none is none."""
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self.wrong(key, both("must be written as [[{key}]]", key=key))
        for i, one in enumerate(value):
            yield Table(self.document, (*self.place, key, i), one)

    def inner(self) -> Iterator[tuple[str, Table]]:
        """Its own keys, each of which is a table."""
        for key in self.data:
            yield key, self.table(key)


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)[:60]


def _list(allowed: Collection[str]) -> str:
    return ", ".join(one or '""' for one in allowed)


def _range(low: float, high: float, value: object) -> dict[str, Any]:
    return {"low": low, "high": high, "value": _shown(value)}
