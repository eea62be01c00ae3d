"""Rational polynomial coefficients (RPC00B): which pixel sees a place. Pure.

They come as tags of a TIFF, or in a file beside it: ``.rpb`` (``lineOffset = 6825;``) or ``_rpc.txt``
(``LINE_OFF: +6825.00 pixels``). Heights are above the ellipsoid; the middle of the first pixel is 0, 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from geodata.errors import UnreadableFile

TERMS = 20
Twenty = tuple[float, ...]

RPB = {
    "lineOffset": "LINE_OFF", "sampOffset": "SAMP_OFF", "latOffset": "LAT_OFF", "longOffset": "LONG_OFF",
    "heightOffset": "HEIGHT_OFF", "lineScale": "LINE_SCALE", "sampScale": "SAMP_SCALE", "latScale": "LAT_SCALE",
    "longScale": "LONG_SCALE", "heightScale": "HEIGHT_SCALE", "lineNumCoef": "LINE_NUM_COEFF",
    "lineDenCoef": "LINE_DEN_COEFF", "sampNumCoef": "SAMP_NUM_COEFF", "sampDenCoef": "SAMP_DEN_COEFF",
}  # fmt: skip
"""Names in a ``.rpb``: those of the tags."""
_RPB_LINE = re.compile(r"(\w+)\s*=\s*(\(([^()]*)\)|[^;\n(]+)")
_TEXT_LINE = re.compile(r"^\s*([A-Z_]+?)(?:_(\d{1,2}))?\s*[:=]\s*([-+.\deE]+)", re.MULTILINE)


@dataclass(frozen=True)
class Rpc:
    """Offsets and scales of row, column, latitude, longitude (degrees) and height (m); four polynomials."""

    line_off: float
    samp_off: float
    lat_off: float
    long_off: float
    height_off: float
    line_scale: float
    samp_scale: float
    lat_scale: float
    long_scale: float
    height_scale: float
    line_num_coeff: Twenty
    line_den_coeff: Twenty
    samp_num_coeff: Twenty
    samp_den_coeff: Twenty


def from_tags(tags: Mapping[str, str], path: object) -> Rpc:
    """Of the tags of a file (``LINE_OFF`` …). Raises: UnreadableFile naming what is missing or no number."""
    values: dict[str, float | Twenty] = {}
    for field in fields(Rpc):
        name = field.name.upper()
        numbers = [_number(text) for text in str(tags.get(name, "")).replace(",", " ").split()[:TERMS]]
        many = name.endswith("COEFF")
        wanted = TERMS if many else 1
        if len(numbers) < wanted or not all(map(math.isfinite, numbers[:wanted])):
            raise _damaged(path, name)
        values[field.name] = tuple(numbers) if many else numbers[0]
    found = Rpc(**values)  # type: ignore[arg-type]
    for field in fields(Rpc):
        value = getattr(found, field.name)
        if (field.name.endswith("_scale") and value <= 0) or (field.name.endswith("den_coeff") and not any(value)):
            raise _damaged(path, field.name.upper())
    if abs(found.lat_off) > 90 or abs(found.long_off) > 360:
        raise _damaged(path, "LAT_OFF, LONG_OFF")
    return found


def from_text(text: str, path: object) -> Rpc:
    """Of a ``.rpb`` or ``_rpc.txt``, told by its content. Raises: UnreadableFile."""
    return from_tags(_of_rpb(text) if "lineOffset" in text else _of_lines(text), path)


def _of_rpb(text: str) -> dict[str, str]:
    found = {}
    for name, value, inside in _RPB_LINE.findall(text):
        if name in RPB:
            found[RPB[name]] = inside or value
    return found


def _of_lines(text: str) -> dict[str, str]:
    """The twenty coefficients stand in lines of their own, numbered from 1."""
    singles: dict[str, str] = {}
    many: dict[str, dict[int, str]] = {}
    for name, number, value in _TEXT_LINE.findall(text):
        if number:
            many.setdefault(name, {})[int(number)] = value
        else:
            singles[name] = value
    return singles | {name: " ".join(parts.get(n, "-") for n in range(1, TERMS + 1)) for name, parts in many.items()}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _damaged(path: object, what: str) -> UnreadableFile:
    return UnreadableFile(
        "{path}: its RPC are damaged or incomplete ({what}); fetch the delivery again.", path=path, what=what
    )
