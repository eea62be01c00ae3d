"""[io] Metadata and quicklooks of a delivery, kept beside its scene under names of ours."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

MAX_FILES = 40
MAX_BYTES = 64 * 1024**2
KINDS = {".xml": "metadata", ".txt": "metadata", ".json": "metadata", ".rpb": "rpc"}
PICTURES = {".jpg": ".jpg", ".jpeg": ".jpg", ".png": ".png"}


def copied(files: Sequence[Path], folder: Path) -> dict[str, Path]:
    """Copies ``files`` into ``folder``. Returns {asset's name: the file that it was}; the copy has the asset's name
    and the kind's suffix. What is larger than metadata can be is left out."""
    found: dict[str, Path] = {}
    for file in files:
        suffix = file.suffix.lower()
        kind = KINDS.get(suffix) or ("quicklook" if suffix in PICTURES else None)
        if kind is None or file.is_symlink() or file.stat().st_size > MAX_BYTES or len(found) == MAX_FILES:
            continue
        number = 1 + sum(name.startswith(kind) for name in found)
        name = kind if number == 1 else f"{kind}-{number}"
        shutil.copyfile(file, folder / named(name, file))
        found[name] = file
    return found


def named(asset: str, file: Path) -> str:
    """The name under which ``file`` is kept."""
    suffix = file.suffix.lower()
    return asset + PICTURES.get(suffix, suffix)
