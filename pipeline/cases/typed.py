"""Does a record from outside hold what a noun of ours needs?"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pipeline.plain import hints_of


def wrong_fields(noun: type, record: Mapping[str, Any]) -> Iterator[str]:
    """Names of the fields of dataclass ``noun`` that the JSON ``record`` lacks though they have no
    default, or that do not hold their type: text, number (finite), truth, time with its zone, a
    list of these. Further keys are no matter."""
    hints = hints_of(noun)
    for field in dataclasses.fields(noun):
        if field.name not in record:
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                yield field.name
        elif not fits(hints[field.name], record[field.name]):
            yield field.name


def fits(hint: Any, value: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(one, value) for one in arguments)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return False
        if arguments[-1] is Ellipsis:
            return all(fits(arguments[0], one) for one in value)
        return len(value) == len(arguments) and all(map(fits, arguments, value))
    if hint is datetime:
        return isinstance(value, str) and _zoned(value)
    if hint in (int, float):
        number = isinstance(value, int) or (hint is float and isinstance(value, float))
        return number and not isinstance(value, bool) and math.isfinite(value)
    return value is None if hint is types.NoneType else isinstance(value, hint)


def _zoned(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
