"""What each band of an image is: a measurement with a name, transparency, quality, or left aside.

Pure. What is not certain is asked for (``MissingOption`` names ``--bands``), never guessed.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NoReturn

from geodata import labels, sensors
from geodata.errors import InputError, MissingOption, UnknownCodes
from geodata.words import both

SKIP = "-"
"""In ``--bands``: this band is left aside."""
OPAQUE = {"uint8": 255, "uint16": 65535, "int16": 32767, "float32": 1}


@dataclass(frozen=True, eq=False)
class Roles:
    """bands: {number in the file: name}. mask: number of the alpha band, "mask" where a mask lies
    beside the bands, None. quality: (number, table, "" where its codes are not known).
    aside: what was left out, by name."""

    bands: Mapping[int, str]
    mask: int | str | None
    quality: tuple[int, str] | None
    aside: tuple[str, ...]


def roles(
    path: str, header: Mapping[str, Any], said: Sequence[str] | None, platform: str, facts: labels.NameFacts
) -> Roles:
    """``header``: of ``imagefile.describe``; said: ``--bands``. Raises: MissingOption, InputError."""
    described = [_described(n, text) for n, text in enumerate(header["descriptions"], start=1)]
    if said is None and sum(labels.parse_time(text or "") is not None for text in described) > 1:
        raise InputError(
            "{path}: its bands are of several days ({first} …), a scene is of one; add an image of each day.",
            path=path,
            first=described[0] or "",
        )
    all_told = said is not None and len(said) == len(described)
    alpha = None if all_told else _alpha(path, header, described)
    texts = described
    if said is not None:
        texts = _told(path, clean_names(said, path), described, alpha)
    elif not any(texts):
        texts = _unnamed(header, alpha, facts)
    bands: dict[int, str] = {}
    qualities: list[tuple[int, str]] = []
    aside: list[str] = []
    for number, text in enumerate(texts, start=1):
        meaning = sensors.meaning(text, platform)
        if number == alpha or meaning.kind == "alpha":
            alpha = number
        elif text == SKIP:
            aside.append(described[number - 1] or str(number))
        elif meaning.kind == "band":
            bands[number] = meaning.name
        elif meaning.kind == "quality":
            qualities.append((number, meaning.name))
        elif meaning.kind == "auxiliary":
            aside.append(meaning.name)
        else:
            _ask(path, len(texts), number, text)
    if not bands:
        _ask(path, len(texts), 1, texts[0])
    for number, name in bands.items():
        if list(bands.values()).count(name) > 1:
            _ask(path, len(texts), number, name)
    qualities.sort(key=lambda found: (found[1] != "scl", not found[1]))
    aside += [described[number - 1] or str(number) for number, _ in qualities[1:]]
    mask: int | str | None = alpha or ("mask" if header["mask"] == "mask" else None)
    return Roles(bands, mask, qualities[0] if qualities else None, tuple(aside))


def clean_names(names: Sequence[str], path: object) -> list[str]:
    """``--bands`` without blanks. Raises: InputError where a name is empty or there twice."""
    clean = [name.strip() for name in names]
    spectral = [name.lower() for name in clean if name != SKIP]
    if not clean or not all(clean) or len(set(spectral)) != len(spectral):
        raise InputError(
            "{path}: --bands “{value}” has an empty name or one twice; name each band once.",
            path=path,
            value=",".join(names),
        )
    return clean


def band_names(said: Sequence[str], path: object) -> tuple[str, ...]:
    """Names given for bands that are known to be measurements. Raises: InputError."""
    names = tuple(_name(text) for text in clean_names(said, path))
    if "" in names or len(set(names)) != len(names):
        raise InputError(
            "{path}: --bands “{value}” has an empty name or one twice; name each band once.",
            path=path,
            value=",".join(said),
        )
    return names


def _name(text: str) -> str:
    meaning = sensors.meaning(text, None)
    return meaning.name if meaning.kind == "band" else ""


def _described(number: int, text: str | None) -> str | None:
    """A description, unless software only counted: "Band 3" at the third place says nothing."""
    if text and text.strip().lower().replace("_", "").replace(" ", "") == f"band{number}":
        return None
    return text


def _alpha(path: str, header: Mapping[str, Any], described: Sequence[str | None]) -> int | None:
    """The band that says what is valid. Software marks the fourth of four 8-bit bands as
    transparency by itself; one with values between is a measurement."""
    number = next((n for n, color in enumerate(header["colors"], start=1) if color == "alpha"), None)
    if number is None or sensors.meaning(described[number - 1], None).kind == "band":
        return None
    if not set(header["samples"].get(number, ())) <= {0, 1, OPAQUE[header["dtype"]], 255}:
        raise MissingOption(
            "{path}: its band {number} is marked as transparency but holds measurements; name all bands with --bands,"
            " for example blue,green,red,nir.",
            path=path,
            number=number,
        )
    return number


def _told(path: str, names: Sequence[str], described: Sequence[str | None], alpha: int | None) -> list[str | None]:
    """The names given, one a band; an alpha band and a described quality band need none."""
    if len(names) == len(described):
        return list(names)
    free = [
        n for n, text in enumerate(described, start=1) if n != alpha and sensors.meaning(text, None).kind != "quality"
    ]
    if len(names) != len(free):
        raise MissingOption(
            "{path}: has {count} bands, but --bands names {given}; name every band in the file's order (- for one to"
            " leave aside).",
            path=path,
            count=len(described),
            given=len(names),
        )
    texts = list(described)
    for number, name in zip(free, names, strict=True):
        texts[number - 1] = name
    return texts


def _unnamed(header: Mapping[str, Any], alpha: int | None, facts: labels.NameFacts) -> list[str | None]:
    """Names where nothing is described: by an official product name, or by colours."""
    official = facts.bands.get(header["count"])
    if official and header["dtype"] != "uint8":  # 8 bits: somebody stretched it, perhaps turned it round
        return list(official)
    spectral = [n for n in range(1, header["count"] + 1) if n != alpha]
    colors: list[str] = header["colors"]
    texts: list[str | None] = [None] * header["count"]
    if [colors[n - 1] for n in spectral] == ["red", "green", "blue"]:
        for number in spectral:
            texts[number - 1] = colors[number - 1]
    return texts


def _ask(path: str, count: int, number: int, text: str | None) -> NoReturn:
    raise MissingOption(
        "{path}: it is not certain what its band {number} of {count} is ({text}); name all bands in their order with"
        " --bands, for example blue,green,red,nir.",
        path=path,
        number=number,
        count=count,
        text=text or both("not described"),
    )


# --- quality ---------------------------------------------------------------------------------


def quality_inside(header: Mapping[str, Any], platform: str, found: tuple[int, str]) -> str | None:
    """The code table of a quality band in the image's own file; None where it is not certain."""
    number, table = found
    told = labels.plain_tags({**header["tags"], **header["band_tags"][number - 1]}).get("QUALITYCODES", "")
    if table or told in sensors.QUALITY:
        return table or told
    return sensors.quality_table(platform, header["samples"].get(number, ()))


def quality_beside(path: str, header: Mapping[str, Any], platform: str) -> str:
    """The code table of a quality band in a file of its own. Raises: UnknownCodes."""
    if header["count"] != 1:
        raise UnknownCodes(
            "{path}: a quality file has one band, this one has {count}; give one of them.",
            path=path,
            count=header["count"],
        )
    parts = PurePath(path).stem.replace("-", "_").split("_")
    words = [header["descriptions"][0], *parts, *("_".join(pair) for pair in itertools.pairwise(parts))]
    for text in words:
        meaning = sensors.meaning(text, None)
        if meaning.kind == "quality" and meaning.name:
            return meaning.name
    table = sensors.quality_table(platform, header["samples"].get(1, ()))
    if table is None:
        raise UnknownCodes(
            "{path}: what its quality codes mean is not known; describe its band as SCL, qa_pixel, fmask or cloudmask.",
            path=path,
        )
    return table
