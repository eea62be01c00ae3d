"""What kind of file some bytes are, told by the bytes themselves and never by a name."""

from __future__ import annotations

HEAD_BYTES = 64
"""How many bytes of the beginning ``media_type`` wants to see."""

ZIP = "application/zip"
"""A ZIP by its head; which one (DOCX, XLSX, OFD) only its list of entries tells."""
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OFD = "application/ofd"

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),  # BigTIFF
    (b"MM\0+", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"PK\3\4", ZIP),
)
_BRANDS = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"hevc": "image/heic",
    b"mif1": "image/heic",
    b"msf1": "image/heic",
    b"qt  ": "video/quicktime",
    b"isom": "video/mp4",
    b"avc1": "video/mp4",
    b"iso2": "video/mp4",
    b"iso4": "video/mp4",
    b"iso5": "video/mp4",
    b"iso6": "video/mp4",
    b"mp41": "video/mp4",
    b"mp42": "video/mp4",
    b"M4V ": "video/mp4",
    b"MSNV": "video/mp4",
}


def media_type(head: bytes) -> str:
    """The media type of a file that begins with ``head`` (``HEAD_BYTES``); "" where it is none of
    those told apart here: JPEG, PNG, TIFF, WebP, HEIC, AVIF, PDF, MP4 and its kin, ZIP."""
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        brands = [head[8:12], *(head[i : i + 4] for i in range(16, len(head) - 3, 4))]
        if head[8:11] == b"3gp":
            return "video/3gpp"
        if b"avif" in brands:  # which also names the brand that it shares with HEIC
            return "image/avif"
        return next((_BRANDS[b] for b in brands if b in _BRANDS), "")
    return ""


def kind_of(media: str) -> str:
    """ "photo", "video", "document" or "other"."""
    if media.startswith("image/"):
        return "photo"
    if media.startswith("video/"):
        return "video"
    return "document" if media in ("application/pdf", DOCX, XLSX, OFD) else "other"
