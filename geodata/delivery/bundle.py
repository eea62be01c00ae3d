"""[io] The files of a delivery's folder: found without following links, in bounds."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geodata.errors import InputError

MAX_FILES = 20_000
MAX_DEPTH = 12
IMAGES = (".tif", ".tiff", ".jp2")
PACKED = (".tar.gz", ".tgz", ".tar", ".zip")
UNPACKED = (*IMAGES, ".xml", ".json", ".txt", ".rpb", ".jpg", ".jpeg", ".png", ".prj", ".tfw", ".safe")
"""Ends of names of the files that are taken out of an archive."""
BEGINNING = 16
"""Characters that the names of one delivery's files have in common, at least."""
TELLING = (".xml", ".rpb", "_mtl.txt", "_mtl.json", "_rpc.txt", ".json", ".safe")
"""Ends of names of files that tell what the images beside them are."""


@dataclass(frozen=True)
class Bundle:
    """A folder's files, sorted. about: how the user calls it; only: the file that the user named, None = all."""

    about: str
    root: Path
    files: tuple[Path, ...]
    only: Path | None = None

    def ending(self, *ends: str) -> list[Path]:
        """The files whose names end so, in any case."""
        return [file for file in self.files if file.name.lower().endswith(ends)]

    def beside(self, file: Path, *names: str) -> Path | None:
        """The first of ``names``, in any case, in the folder of ``file``."""
        here = {other.name.lower(): other for other in self.files if other.parent == file.parent}
        return next((here[name.lower()] for name in names if name.lower() in here), None)


def bundle(about: str, path: Path) -> Bundle | None:
    """The files that belong to ``path``: a folder, or one file of a delivery (its folder, or the product folder
    around it); None where nothing beside the file tells of a delivery. Raises: InputError."""
    if path.is_dir():
        return Bundle(about, path, _walk(about, path, MAX_DEPTH))
    product = next((folder for folder in path.parents[:5] if _is_product(folder)), None)
    if product is not None:
        return Bundle(about, product, _walk(about, product, MAX_DEPTH), path)
    files = _siblings(path)
    telling = [file for file in files if file.name.lower().endswith(TELLING) and not file.name.endswith(".aux.xml")]
    return Bundle(about, path.parent, files, path) if telling else None


def _siblings(path: Path) -> tuple[Path, ...]:
    """The files beside ``path`` whose names begin as its own does."""
    begin = path.stem[:BEGINNING]
    files = (Path(entry.path) for entry in os.scandir(path.parent) if entry.name.startswith(begin))
    return tuple(sorted(file for file in files if file.is_file() and not file.is_symlink()))


_END = r"(?:_thumb|_rpc|_meta|_pre|_ico|_browser?)?\.[a-z]+$"
_SCENE = (
    re.compile(r"^L[COTEM]\d{2}_L\w{3}_\d{6}_\d{8}_\d{8}_\d{2}_[A-Z0-9]{2}"),
    re.compile(r"^\d{8}_\d{6}_[0-9a-z_]+_3B", re.IGNORECASE),
    re.compile(r"^.+_L\d[A-Z]?\d*(?=(?:[-_](?:MSS|MUX|PAN|BWDMUX|BWDPAN|FWDPAN)\d?)?" + _END + ")", re.IGNORECASE),
)
"""Beginnings of names that all files of one scene share: Landsat, PlanetScope, GF and its like."""
_BARE = re.compile(_END, re.IGNORECASE)


def together(names: Sequence[str]) -> list[list[str]]:
    """Names of files in one folder, those of one scene together: the files of a delivery, and an image with what has
    its name but for the end. Images come first in each, panchromatic ones last of them."""
    scenes: dict[str, list[str]] = {}
    for name in sorted(names):
        whole = next((told[0] for pattern in _SCENE if (told := pattern.match(name))), None)
        scenes.setdefault(whole or _BARE.sub("", name), []).append(name)
    found: list[list[str]] = []
    for parts in scenes.values():
        images = [name for name in parts if name.lower().endswith(IMAGES)]
        one = len(images) == 1 or (images and any(pattern.match(name) for pattern in _SCENE for name in images))
        found += [sorted(parts, key=_rank)] if one else [[name] for name in parts]
    return found


def _rank(name: str) -> tuple[bool, bool, str]:
    return not name.lower().endswith(IMAGES), "PAN" in name.upper(), name


def _is_product(folder: Path) -> bool:
    return folder.name.upper().endswith(".SAFE") or any(folder.glob("MTD_MSIL*.xml"))


def _walk(about: str, root: Path, depth: int) -> tuple[Path, ...]:
    found: list[Path] = []
    for folder, folders, names in os.walk(root, followlinks=False):
        if len(Path(folder).relative_to(root).parts) >= depth:
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        files = (Path(folder) / name for name in names if not name.startswith("."))
        found += [file for file in files if file.is_file() and not file.is_symlink()]
        if len(found) > MAX_FILES:
            raise InputError("{path}: holds more than {count} files; name the folder of one delivery.", path=about,
                             count=MAX_FILES)  # fmt: skip
    return tuple(sorted(found))
