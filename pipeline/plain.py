"""Frozen values ⇄ plain JSON values, without a field forgotten.

``to_plain`` walks the fields of a dataclass or a named tuple, ``from_plain`` rebuilds it from its type hints, so
that a field added to a noun is stored and read without another line here. Unknown keys are
ignored and absent ones take the field's default: an older record stays readable.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

DECIMALS_DEG = 9
"""Decimals kept of degrees: 0.1 mm on the ground."""
DECIMALS_M = 4
"""Decimals kept of metres (and of pixels)."""


def rounded(geometry: BaseGeometry) -> BaseGeometry:
    """``geometry`` with its coordinates at the fixed precision; degrees are told by their size."""
    bounds = geometry.bounds
    degrees = not bounds or (max(abs(bounds[0]), abs(bounds[2])) <= 360 and max(abs(bounds[1]), abs(bounds[3])) <= 90)
    decimals = DECIMALS_DEG if degrees else DECIMALS_M
    return shapely.transform(geometry, lambda xy: np.round(xy, decimals) + 0.0)


def to_plain(value: Any) -> Any:
    """JSON values only: dict, list, str, int, float, bool, None. NaN and ∞ become None."""
    if value is None or type(value) in (str, int, bool):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return to_plain(value._asdict())
    if isinstance(value, BaseGeometry):
        return to_plain(mapping(rounded(value)))
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(to_plain(k)): to_plain(v) for k, v in value.items()}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Sequence | set | frozenset | np.ndarray):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [to_plain(v) for v in items]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    raise TypeError(f"no plain form of {type(value).__name__}")


@functools.cache
def hints_of(noun: type) -> dict[str, Any]:
    """Types of its fields, resolved once: that costs more than all else of reading a record."""
    return typing.get_type_hints(noun)


def from_plain(hint: Any, value: Any) -> Any:
    """The value of type ``hint`` that ``to_plain`` wrote as ``value``."""
    if value is None or hint is Any:
        return value
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return from_plain(next(a for a in arguments if a is not type(None)), value)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(from_plain(arguments[0], v) for v in value)
        return tuple(from_plain(a, v) for a, v in zip(arguments, value, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        return {from_plain(arguments[0], k): from_plain(arguments[1], v) for k, v in value.items()}
    if origin is not None and issubclass(origin, Sequence):
        return [from_plain(arguments[0], v) for v in value]
    if not isinstance(hint, type):
        return value
    if issubclass(hint, BaseGeometry):
        return shape(value)
    if dataclasses.is_dataclass(hint) or hasattr(hint, "_fields"):
        hints = hints_of(hint)  # type: ignore[arg-type]  # a class is hashable
        names = [f.name for f in dataclasses.fields(hint)] if dataclasses.is_dataclass(hint) else list(hints)
        return hint(**{n: from_plain(hints[n], value[n]) for n in names if n in value})
    if issubclass(hint, datetime | date):
        return hint.fromisoformat(value)
    if issubclass(hint, Enum | float):
        return hint(value)
    return value
