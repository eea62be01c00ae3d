"""[io] Photos as they come from phones and drones: JPEG, PNG, TIFF, WebP, HEIC (and AVIF), read in a child process."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from geodata import limits, safe
from geodata.errors import EmptyData, UnreadableFile
from geodata.isoboxes import Broken, read_heif
from geodata.mediatype import HEAD_BYTES, media_type
from geodata.photometa import Photo, photo_of
from geodata.words import Text, both

FORMATS = {
    "image/jpeg": ("JPEG", "MPO"),  # MPO: a JPEG with a second picture behind it, as drones write
    "image/png": ("PNG",),
    "image/tiff": ("TIFF",),
    "image/webp": ("WEBP",),
}
MAX_DECODED = 60_000_000
"""Pixels up to which a file that is not a JPEG is decoded to see whether it is whole."""
WARM = ("PIL.Image", "PIL.ExifTags", "PIL.JpegImagePlugin", "PIL.TiffImagePlugin", "defusedxml.ElementTree")
MAX_XMP_BYTES = 2 * 1024**2
LIMITS = safe.Limits(cpu_s=60, wall_s=120, memory_bytes=3 * 1024**3)

PROBLEMS = {
    "clock_unset": "The camera's clock was not set.",
    "position_void": "The receiver had no valid fix; its position is not used.",
    "position_unusable": "The position written cannot be used: zero, out of range, or without hemisphere.",
    "exif_unreadable": "The EXIF is damaged and was passed over.",
    "xmp_unreadable": "The XMP is damaged, or declares entities, and was passed over.",
}


def read_photo(path: str | os.PathLike[str], *, assumed_utc_offset_h: float = 8.0) -> Photo:
    """What the photo at ``path`` says about itself; its content decides what it is, not its name.

    assumed_utc_offset_h: the zone of a clock that names none (China has one zone). A photo without
    EXIF comes back with ``metadata`` "none".

    Raises: UnreadableFile (no photo, damaged, beyond the limits), EmptyData.
    """
    values = safe.in_child("geodata.photofile:read_here", str(path), assumed_utc_offset_h, about=path, limits=LIMITS)
    return Photo(**values)


def words_of(photo: Photo) -> tuple[Text, ...]:
    """One sentence for each state of the photo that its reader should know."""
    found = (
        [] if photo.metadata != "none" else [both("The file carries no EXIF: neither time nor place nor direction.")]
    )
    found += [both(PROBLEMS[key]) for key in photo.problems]
    if photo.taken_px and photo.width_px:
        found.append(
            both(
                "The picture has {width} × {height} pixels, the camera took {taken_width} × {taken_height}.",
                width=photo.width_px,
                height=photo.height_px,
                taken_width=photo.taken_px[0],
                taken_height=photo.taken_px[1],
            )
        )
    return tuple(found)


def read_here(path: str, offset_h: float) -> dict[str, Any]:
    """The fields of ``Photo``, read in this process: for the child. Raises: as ``read_photo``."""
    file = safe.local_file(path)
    if not file.is_file():
        raise UnreadableFile("{path}: this is a folder; name a photo (JPEG, PNG, TIFF, WebP, HEIC).", path=path)
    with file.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if not head:
        raise EmptyData("{path}: the file is empty; check that it was copied completely.", path=path)
    media = media_type(head)
    if media in ("image/heic", "image/avif"):
        size, exif, xmp = _heic(file, path)
    elif media in FORMATS:
        size, exif, xmp = _pillow(file, media, path)
    else:
        raise UnreadableFile(
            "{path}: by its content this is no photo (JPEG, PNG, TIFF, WebP, HEIC); check the file.", path=path
        )
    problems = [] if exif else ["exif_unreadable"]
    try:
        fields = _xmp(xmp)
    except _DAMAGED:
        fields = {}
        problems.append("xmp_unreadable")
    photo = photo_of(media, size, *(exif or ({}, {})), fields, offset_h)
    return {**vars(photo), "problems": (*problems, *photo.problems)}


Exif = tuple[dict[str, Any], dict[str, Any]]
"""{tag: value} of the picture, the same of GPS; values are str, bytes, float, or lists of float."""
_DAMAGED = (ValueError, SyntaxError, TypeError, KeyError, IndexError, OSError, OverflowError, struct.error)
"""What Pillow and the XML parser raise at fields that are not what they claim (ParseError is a SyntaxError)."""


def _pillow(file: Path, media: str, path: str) -> tuple[tuple[int, int], Exif | None, bytes]:
    """Size, EXIF (None: damaged) and XMP; the pixels are decoded once to see that they are there."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = limits.current().photo_pixels  # twice as much raises; between the two it warns
    try:
        with _quiet(), Image.open(file, formats=FORMATS[media]) as image:
            size = image.size
            if size[0] * size[1] > limits.current().photo_pixels:
                raise Image.DecompressionBombError
            if media == "image/jpeg":
                image.draft("L", (size[0] // 8, size[1] // 8))  # an eighth: quick, and still reads to the end
            if media == "image/jpeg" or size[0] * size[1] <= MAX_DECODED:
                image.load()
            xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
            return size, _exif(image.getexif), xmp.encode() if isinstance(xmp, str) else xmp
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableFile(
            "{path}: it claims more than {limit} million pixels, which no photo has; check the file.",
            path=path,
            limit=limits.current().photo_pixels // 10**6,
        ) from None
    except _DAMAGED:
        raise UnreadableFile(
            "{path}: the picture is damaged or cut off; take the original from the camera again.", path=path
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow's warnings about odd tags say nothing to the user; the one about too many pixels is an error."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _heic(file: Path, path: str) -> tuple[tuple[int, int] | None, Exif | None, bytes]:
    """The same of a HEIC file, whose pixels are not decoded here."""
    from PIL import Image

    try:
        with file.open("rb") as stream:
            found = read_heif(stream, file.stat().st_size)
    except Broken:
        raise UnreadableFile(
            "{path}: the picture is damaged or cut off; take the original from the camera again.", path=path
        ) from None

    def load() -> Any:
        exif = Image.Exif()
        if found.exif:
            exif.load(found.exif)
            exif.pop(ORIENTATION, None)  # the boxes have turned the picture already
        return exif

    size = (found.width_px, found.height_px)
    return size if all(size) else None, _exif(load), found.xmp


def _exif(load: Callable[[], Any]) -> Exif | None:
    """The fields of the ``Image.Exif`` that ``load`` gives; None where they are damaged."""
    from PIL import ExifTags

    try:
        with _quiet():
            exif = load()
            main = {**dict(exif.items()), **exif.get_ifd(ExifTags.IFD.Exif)}
            gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        return (
            {ExifTags.TAGS[tag]: _plain(value) for tag, value in main.items() if tag in WANTED},
            {ExifTags.GPSTAGS[tag]: _plain(value) for tag, value in gps.items() if tag in ExifTags.GPSTAGS},
        )
    except _DAMAGED:
        return None


ORIENTATION = 274
WANTED = frozenset({271, 272, 274, 305, 306, 11, 36867, 36868, 36880, 36881, 37386, 40962, 40963, 41486, 41488, 41989})
"""Make, Model, Orientation, Software, DateTime, ProcessingSoftware, DateTimeOriginal and -Digitized,
OffsetTime and -Original, FocalLength, ExifImageWidth and -Height, FocalPlaneXResolution and its unit,
FocalLengthIn35mmFilm."""


def _plain(value: Any) -> Any:
    if isinstance(value, str | bytes):
        return value[:1000]
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value[:16]]
    try:
        return float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None


def _xmp(packet: bytes) -> dict[tuple[str, str], str]:
    """{(namespace, name): text} of all simple properties, whether written as attribute or element.

    Raises: one of ``_DAMAGED``; defusedxml's refusal of DTDs and entities is a ValueError.
    """
    from defusedxml.ElementTree import fromstring

    packet = packet.strip(b"\0 \t\r\n")
    if not packet:
        return {}
    if len(packet) > MAX_XMP_BYTES:
        raise ValueError("beyond the limit")
    found: dict[tuple[str, str], str] = {}
    for element in fromstring(packet, forbid_dtd=True).iter():
        for name, value in (*element.attrib.items(), (element.tag, element.text or "")):
            space, _, local = name.rpartition("}")
            key = (space.lstrip("{").rstrip("/"), local)
            if value.strip() and len(value) < 1000:
                found.setdefault(key, value.strip())
    return found
