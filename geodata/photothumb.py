"""[io] Small pictures of photos, made in a child process from bytes that strangers sent."""

from __future__ import annotations

import io
import os

from geodata import limits, safe
from geodata.errors import UnreadableFile
from geodata.mediatype import HEAD_BYTES, media_type
from geodata.photofile import FORMATS

LIMITS = safe.Limits(cpu_s=30, wall_s=60, memory_bytes=2 * 1024**3)
QUALITIES = (80, 66, 50, 34, 20)


def thumbnail(path: str | os.PathLike[str], size_px: int, limit_bytes: int) -> bytes:
    """A WEBP of at most ``size_px`` a side, upright, without any metadata.

    Raises: UnreadableFile where it is no picture that is decoded here (HEIC, video, document), or damaged.
    """
    found: bytes = safe.in_child(
        "geodata.photothumb:made_here", str(path), size_px, limit_bytes, about=path, limits=LIMITS
    )
    return found


def made_here(path: str, size_px: int, limit_bytes: int) -> bytes:
    """The same in this process: for the child."""
    from PIL import Image, ImageOps

    with safe.local_file(path).open("rb") as stream:
        media = media_type(stream.read(HEAD_BYTES))
    if media not in FORMATS:
        raise UnreadableFile("{path}: no picture can be made of this kind of file; open the file itself.", path=path)
    Image.MAX_IMAGE_PIXELS = limits.current().photo_pixels
    try:
        with Image.open(path, formats=FORMATS[media]) as image:
            image.draft("RGB", (size_px * 2, size_px * 2))
            small = ImageOps.exif_transpose(image).convert("RGB")
            small.thumbnail((size_px, size_px), Image.Resampling.LANCZOS)
    except Exception as error:  # Pillow raises whatever a damaged file makes it raise
        raise UnreadableFile("{path}: the picture is damaged; open the file itself.", path=path) from error
    for quality in QUALITIES:
        out = io.BytesIO()
        small.save(out, "WEBP", quality=quality, method=4)
        if out.tell() <= limit_bytes:
            break
    return out.getvalue()
