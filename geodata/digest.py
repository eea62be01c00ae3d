"""[io] The sha256 of a file's bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from geodata.errors import UnreadableFile

HASHED_AT_ONCE = 4 * 1024 * 1024


def sha256(path: Path) -> str:
    """Of a file's bytes. Raises: UnreadableFile."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(HASHED_AT_ONCE):
                digest.update(chunk)
    except IsADirectoryError:
        raise UnreadableFile(
            "{path}: this is a folder; name an image file (GeoTIFF, PNG, JPEG, JPEG 2000).", path=path
        ) from None
    except OSError:
        raise UnreadableFile("{path}: cannot be read; check disk and permissions.", path=path) from None
    return digest.hexdigest()
