"""[io] Boundary-point files (界址点 TXT), as plots are reported for approval.

    [属性描述]
    坐标系=2000国家大地坐标系
    几度分带=3
    带号=38
    [地块坐标]
    5,0.9997,1号,某村一组,面,,工业用地,,@
    J1,1,3080000.000,38395000.000

A plot: number of points, hectares, number, name, kind of shape, sheet, use, code, @. A point: its
name, its ring, X to the north, Y to the east. A ring inside another is a hole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from geodata.crs import Bounds, prefix_of
from geodata.errors import UnreadableFile
from geodata.readers.records import Record, Source, polygon_of_rings
from geodata.words import Text, both

MAX_BYTES = 200 << 20
PLOT = ("地块面积", "地块编号", "地块名称", "图形属性", "图幅号", "地块用途", "地类编码")
"""What stands on the line of a plot after the number of its points."""
_POINT = re.compile(r"\s*[^,]{0,20},\s*(\d{1,4})\s*,\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*,?\s*")
_NAMED = re.compile(r"\s*[Jj]\d+\s*,")


@dataclass
class _Plot:
    values: dict[str, str]
    said: int | None
    rings: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


def is_one(text: str) -> bool:
    """Is this, the beginning of a text file, a list of boundary points?"""
    lines = unicodedata.normalize("NFKC", text).splitlines()[:200]
    named = any("地块坐标" in line or "属性描述" in line for line in lines)
    return named or any(bool(_NAMED.match(line) and _POINT.fullmatch(line)) for line in lines)


def opened(path: Path) -> Source:
    """Raises: UnreadableFile."""
    heads, plots, notes = _parsed(_text(path), path)
    return Source(lambda: _records(path, plots), lambda bounds: crs_of(heads, bounds), notes=notes)


def _text(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES:
        raise UnreadableFile("{path}: is larger than {mb} MB; cut it up.", path=path, mb=MAX_BYTES >> 20)
    raw = path.read_bytes()
    for codec in ("utf-8-sig", "gb18030"):
        try:
            return unicodedata.normalize("NFKC", raw.decode(codec))
        except UnicodeDecodeError:
            continue
    raise UnreadableFile("{path}: its text is neither UTF-8 nor GB18030; save it again.", path=path)


def _parsed(text: str, path: Path) -> tuple[dict[str, str], list[_Plot], list[Text]]:
    heads: dict[str, str] = {}
    plots: list[_Plot] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not (line := line.strip()) or line.startswith("["):
            continue
        if "@" in line:
            plots.append(_plot(line))
        elif point := _POINT.fullmatch(line):
            if not plots:
                plots.append(_Plot({}, None))
            north, east = float(point[2]), float(point[3])
            plots[-1].rings.setdefault(point[1], []).append((east, north))
        elif "=" in line and not plots:
            key, _, value = line.partition("=")
            heads[key.strip()] = value.strip()
        else:
            raise UnreadableFile(
                "{path}: line {number} is neither a plot nor a point ({line}); write J1,1,X,Y.",
                path=path,
                number=number,
                line=line[:40],
            )
    return heads, plots, _notes(plots)


def _plot(line: str) -> _Plot:
    parts = [part.strip() for part in line.split("@", maxsplit=1)[0].split(",")]
    values = {name: value for name, value in zip(PLOT, parts[1:], strict=False) if value}
    return _Plot(values, int(parts[0]) if parts[0].isdigit() else None)


def _notes(plots: list[_Plot]) -> list[Text]:
    off = []
    for number, plot in enumerate(plots, 1):
        there = sum(map(len, plot.rings.values()))
        closing = sum(ring[0] == ring[-1] for ring in plot.rings.values())
        if plot.said is not None and plot.said not in (there, there - closing):
            off.append((plot.values.get("地块编号") or f"#{number}", plot.said, there))
    if not off:
        return []
    return [
        both(
            "{n} plots hold another number of points than they say ({plot}: {said} said, {there} there).",
            n=len(off),
            plot=off[0][0],
            said=off[0][1],
            there=off[0][2],
        )
    ]


def _records(path: Path, plots: list[_Plot]) -> Iterator[Record]:
    for plot in plots:
        yield Record(path.stem, polygon_of_rings([np.array(ring) for ring in plot.rings.values()]), plot.values)


_OLD = {"80|西安": (2324, "EPSG:4610"), "54|北京": (2376, "EPSG:4214")}
"""Xian 1980 and Beijing 1954: EPSG of 3° zone n is the number + n. They are named, to be refused by name."""


def crs_of(heads: Mapping[str, str], bounds: Bounds | None) -> str | None:
    """What the head of such a file says (坐标系, 几度分带, 带号), "EPSG:4526"; None where it does not say it."""
    system, width = heads.get("坐标系", ""), _whole(heads.get("几度分带"))
    prefix = prefix_of(bounds[0]) if bounds else None
    zone = _whole(heads.get("带号")) or prefix or _zone_of(heads, width)
    for pattern, (base, degrees) in _OLD.items():
        if re.search(pattern, system) and "2000" not in system:
            return f"EPSG:{base + zone}" if zone in range(25, 46) else degrees
    if "2000" not in system:
        return "EPSG:4326" if re.search("WGS", system, re.IGNORECASE) and _in_degrees(bounds) else None
    if _in_degrees(bounds):
        return "EPSG:4490"
    if zone in range(25, 46) and width in (3, 0):
        return f"EPSG:{zone + (4509 if prefix is None else 4488)}"
    if zone in range(13, 24) and width in (6, 0):
        return f"EPSG:{zone + (4489 if prefix is None else 4478)}"
    return None


def _zone_of(heads: Mapping[str, str], width: int) -> int:
    """Of the central meridian, where that stands in place of a zone; 0 where it does not."""
    meridian = _whole(heads.get("中央经线") or heads.get("中央子午线"))
    return (meridian + 3) // 6 if width == 6 and meridian else meridian // 3


def _in_degrees(bounds: Bounds | None) -> bool:
    return bounds is not None and max(map(abs, bounds)) <= 180


def _whole(text: str | None) -> int:
    """0 where there is none."""
    found = re.match(r"\s*(\d{1,3})", text or "")
    return int(found[1]) if found else 0
