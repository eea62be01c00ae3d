"""The card of a network that was brought along: what it takes, at which scale, and what it gives; pure.

``net.toml`` stands beside ``net.onnx``. Needed are ``bands``, ``tile`` and ``output``; the fields of ``Card``
are its keys. A value of a band becomes (value · scale + offset − mean) / std, each one number or one a band.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from geodata.errors import InputError
from geodata.words import both

MINIMAL = 'bands = ["red", "green", "blue"], tile = 256, output = "logit"'
OUTPUTS = ("logit", "probability", "classes")
SIDES = (16, 4096)
"""Of a tile, in pixels."""
LEAST_OVERLAP = 8
"""So that what is thrown away along the sides of a tile is wider than masks are grown by."""


@dataclass(frozen=True)
class Card:
    """bands: ours, in the network's order. tile, overlap: pixels; overlap None = a quarter of the tile.

    inputs: names of the two inputs, BEFORE's first, or of the one that takes the bands of BEFORE and then of
    AFTER; none = the network's own, in its order. output: what comes out, by pixel: "logit" and
    "probability" of one channel or of one a class, or "classes", their numbers. change: the class that is
    change. output_name: which output, none = the first. threshold: probability from which on it is change.
    gsd_m: pixel size that it was trained at, None = not known. threads: of the arithmetic.
    """

    bands: tuple[str, ...]
    tile: int
    output: str
    name: str = ""
    licence: str = ""
    overlap: int | None = None
    inputs: tuple[str, ...] = ()
    output_name: str = ""
    change: int = 1
    threshold: float = 0.5
    gsd_m: float | None = None
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    threads: int = 2

    @property
    def shared_px(self) -> int:
        """Pixels that a tile has in common with the next."""
        return self.tile // 4 if self.overlap is None else self.overlap


def card(text: str, path: str) -> Card:
    """The card written in ``text``; path: of its file, for sentences. Raises: InputError."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError("{path}: cannot be read as TOML: {error}; mend that line.", path=path, error=error) from None
    known = [field.name for field in fields(Card)]
    for key in found:
        if key not in known:
            raise InputError(
                "{path}: a card has no {key}; known are {known}.", path=path, key=key, known=", ".join(known)
            )
    missing = [field.name for field in fields(Card) if field.default is MISSING and field.name not in found]
    if missing:
        raise InputError(
            "{path}: the card says nothing of {key}; it needs at least {minimal}.",
            path=path,
            key=", ".join(missing),
            minimal=MINIMAL,
        )
    made = Card(**{key: _value(path, key, value) for key, value in found.items()})
    _checked(made, found, path)
    return made


def _value(path: str, key: str, value: Any) -> Any:
    accepts, _ = _KINDS[key]
    if not accepts(value):
        _refuse(path, key, value)
    if key in _BY_BAND:
        return tuple(float(one) for one in (value if isinstance(value, list) else [value]))
    return tuple(value) if isinstance(value, list) else value


def _checked(made: Card, found: Mapping[str, Any], path: str) -> None:
    """What one value asks of another."""
    for key in _BY_BAND:
        if len(getattr(made, key)) not in (1, len(made.bands)):
            _refuse(path, key, found[key])
    if not LEAST_OVERLAP <= made.shared_px <= made.tile // 2:
        _refuse(path, "overlap", made.shared_px)


def _refuse(path: str, key: str, value: object) -> None:
    raise InputError(
        "{path}: {key} is {value}; it has to be {wanted}.",
        path=path,
        key=key,
        value=value,
        wanted=both(_KINDS[key][1]),
    )


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < float("inf")


def _numbers(value: Any) -> bool:
    return _number(value) or (isinstance(value, list) and bool(value) and all(map(_number, value)))


def _names(most: int) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, list)
        and 1 <= len(value) <= most
        and all(isinstance(one, str) and one for one in value)
        and len(set(value)) == len(value)
    )


def _text(value: Any) -> bool:
    return isinstance(value, str)


_BY_BAND = ("scale", "offset", "mean", "std")
_PER_BAND = "a number, or one for each band"
_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "bands": (_names(256), "a list of different names of bands, in the network's order"),
    "tile": (_whole(*SIDES), "a whole number of pixels from 16 to 4096"),
    "output": (lambda value: value in OUTPUTS, '"logit", "probability" or "classes"'),
    "name": (_text, "a text"),
    "licence": (_text, "a text"),
    "overlap": (_whole(LEAST_OVERLAP, SIDES[1]), "a whole number of pixels from 8 to half the tile"),
    "inputs": (_names(2), "a list of one or two names of inputs"),
    "output_name": (_text, "a text"),
    "change": (_whole(0, 10_000), "the number of a class, counted from 0"),
    "threshold": (lambda value: _number(value) and 0 < value < 1, "a number between 0 and 1"),
    "gsd_m": (lambda value: _number(value) and value > 0, "a number of metres above 0"),
    "scale": (_numbers, _PER_BAND),
    "offset": (_numbers, _PER_BAND),
    "mean": (_numbers, _PER_BAND),
    "std": (
        lambda value: _numbers(value) and 0 not in (value if isinstance(value, list) else [value]),
        "a number other than 0, or one for each band",
    ),
    "threads": (_whole(1, 64), "a whole number from 1 to 64"),
}
"""key → (whether a value fits, msgid of what fits)."""
