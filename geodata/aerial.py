"""[io] Photos from the air, read many at a time in one child: what each says of itself, and whether it shows much."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geodata import safe
from geodata.errors import EmptyData, InputError, UnreadableFile
from geodata.mediatype import HEAD_BYTES, media_type
from geodata.photofile import LIMITS, read_here
from geodata.photometa import Photo

AT_ONCE = 16
"""Photos that one child reads."""
REBLUR_PX = 11
TILE_PX, PLACES = 512, (0.2, 0.5, 0.8)
"""Squares in which sharpness is measured, and where their middles lie across and down the picture; the sharpest
counts: water and sky have no detail."""
BLACK = 10 / 255
"""Of full scale: where nearly all pixels are darker, a cap was on, or it was night."""
BLURRED = 0.5
"""The measure of Crété et al. 2007 (0: all differences between neighbouring pixels vanish when the picture is blurred
once more, 1: none does): from one half on most of what could be seen was lost before."""
MOST_PX = 100_000_000


@dataclass(frozen=True)
class Aerial:
    """photo: what it says of itself. black: it shows nothing. blur: 0 (sharp) … 1; None where it was not measured."""

    photo: Photo
    black: bool = False
    blur: float | None = None


def is_photo(path: Path) -> bool:
    """By its first bytes."""
    with path.open("rb") as stream:
        return media_type(stream.read(HEAD_BYTES)).startswith("image/")


def read(
    paths: Sequence[Path],
    *,
    assumed_utc_offset_h: float = 8.0,
    progress: Callable[[float], None] = lambda share: None,
) -> Iterator[Aerial | InputError]:
    """One for each path, in order; an error stands for a file that cannot be read, and stops no other."""
    for start in range(0, len(paths), AT_ONCE):
        some = paths[start : start + AT_ONCE]
        try:
            told = _in_child(some, assumed_utc_offset_h)
        except UnreadableFile:  # one of them took the child down: each by itself
            told = [_alone(path, assumed_utc_offset_h) for path in some]
        for one in told:
            if isinstance(one, InputError):
                yield one
            elif "error" in one:
                kind, msgid, fields = one["error"]
                yield (EmptyData if kind == "EmptyData" else UnreadableFile)(msgid, **fields)
            else:
                yield Aerial(Photo(**one["photo"]), one["black"], one["blur"])
        progress(min(start + AT_ONCE, len(paths)) / len(paths))


def _in_child(paths: Sequence[Path], offset_h: float) -> list[Any]:
    found: list[Any] = safe.in_child(
        "geodata.aerial:read_many", [str(p) for p in paths], offset_h, about=paths[0], limits=LIMITS
    )
    return found


def _alone(path: Path, offset_h: float) -> Any:
    try:
        return _in_child([path], offset_h)[0]
    except UnreadableFile as error:
        return error


def read_many(paths: Sequence[str], offset_h: float) -> list[dict[str, Any]]:
    """For the child: of each file {"photo", "black", "blur"}, or {"error"} as ``safe`` hands errors over."""
    found: list[dict[str, Any]] = []
    for path in paths:
        try:
            photo = read_here(path, offset_h)
            found.append({"photo": photo, **_light(path, photo)})
        except InputError as error:
            found.append({"error": (type(error).__name__, error.msgid, error.fields)})
    return found


def _light(path: str, photo: dict[str, Any]) -> dict[str, Any]:
    """black and blur; not of HEIC (whose pixels are not decoded here), nor of what is too large to look at."""
    from PIL import Image

    nothing = {"black": False, "blur": None}
    if photo["media_type"] in ("image/heic", "image/avif") or photo["width_px"] * photo["height_px"] > MOST_PX:
        return nothing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path) as image:
            deep = image.mode.startswith(("I", "F"))
            gray = np.asarray(image if deep else image.convert("L"), np.float32)
    if gray.ndim != 2 or not np.isfinite(gray).all():
        return nothing
    black = not deep and float(np.percentile(gray[::7, ::7], 99.5)) <= BLACK * 255
    return {"black": black, "blur": None if black else _blur(gray)}


def _blur(gray: NDArray[np.float32]) -> float | None:
    """Of the sharpest square; None for a picture too small to have any."""
    rows, columns = gray.shape
    side = min(TILE_PX, rows, columns)
    if side < 64:
        return None
    found = []
    for y in PLACES:
        for x in PLACES:
            top, left = (int(np.clip(share * n - side / 2, 0, n - side)) for share, n in ((y, rows), (x, columns)))
            found.append(blur(gray[top : top + side, left : left + side]))
    return round(min(found), 3)


def blur(gray: NDArray[np.float32]) -> float:
    """The measure of Crété et al. 2007 (The blur effect), of the worse direction; 1 where there is no difference."""
    import cv2

    worst = 0.0
    for along, size in ((0, (1, REBLUR_PX)), (1, (REBLUR_PX, 1))):
        again = cv2.blur(gray, size)
        was, left = (np.abs(cv2.Sobel(g, cv2.CV_32F, along, 1 - along))[2:-2, 2:-2] for g in (gray, again))
        total = float(was.sum())
        lost = float(np.maximum(was - left, 0).sum())
        worst = max(worst, 1 - lost / total if total else 1.0)
    return worst
