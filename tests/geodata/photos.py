"""Photos that tests make: a JPEG (or PNG, WebP, TIFF) with the EXIF and XMP they say, a HEIC of boxes only."""

from __future__ import annotations

import io
import struct
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

MAIN = {"Make": 271, "Model": 272, "Orientation": 274, "Software": 305, "DateTime": 306}
CAMERA = {
    "DateTimeOriginal": 36867,
    "OffsetTimeOriginal": 36881,
    "FocalLengthIn35mmFilm": 41989,
    "ExifImageWidth": 40962,
    "ExifImageHeight": 40963,
}
GPS = {
    "GPSLatitudeRef": 1,
    "GPSLatitude": 2,
    "GPSLongitudeRef": 3,
    "GPSLongitude": 4,
    "GPSTimeStamp": 7,
    "GPSStatus": 9,
    "GPSImgDirectionRef": 16,
    "GPSImgDirection": 17,
    "GPSMapDatum": 18,
    "GPSProcessingMethod": 27,
    "GPSDateStamp": 29,
    "GPSHPositioningError": 31,
}


def dms(degrees: float) -> tuple[IFDRational, ...]:
    """Degrees, minutes, seconds to a hundred-thousandth."""
    whole = int(degrees)
    minutes = int((degrees - whole) * 60)
    seconds = round(((degrees - whole) * 60 - minutes) * 60 * 100_000)
    return IFDRational(whole, 1), IFDRational(minutes, 1), IFDRational(seconds, 100_000)


def at(lon: float, lat: float) -> dict[str, Any]:
    return {
        "GPSLatitudeRef": "N" if lat >= 0 else "S",
        "GPSLatitude": dms(abs(lat)),
        "GPSLongitudeRef": "E" if lon >= 0 else "W",
        "GPSLongitude": dms(abs(lon)),
    }


def exif(**fields: Any) -> Image.Exif:
    found = Image.Exif()
    for name, value in fields.items():
        if name in MAIN:
            found[MAIN[name]] = value
        elif name in CAMERA:
            found.get_ifd(0x8769)[CAMERA[name]] = value
        else:
            found.get_ifd(0x8825)[GPS[name]] = value
    return found


def photo(kind: str = "JPEG", size: tuple[int, int] = (64, 48), xmp: str = "", **fields: Any) -> bytes:
    """The bytes of a photo; ``fields`` are EXIF tags by name."""
    out = io.BytesIO()
    image = Image.effect_noise(size, 60).convert("RGB")
    more: dict[str, Any] = {"exif": exif(**fields).tobytes()} if fields else {}
    if xmp and kind == "PNG":
        more["pnginfo"] = PngInfo()
        more["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp)
    elif xmp and kind == "TIFF":
        tags = exif(**fields)
        tags[700] = xmp.encode()
        for pointer in (0x8769, 0x8825):  # which the writer of TIFF wants to see among the tags
            tags[pointer] = tags.get_ifd(pointer)
        more["exif"] = tags
    elif xmp:
        more["xmp"] = xmp.encode()
    image.save(out, kind, **more)
    return out.getvalue()


def xmp(*properties: str) -> str:
    """A packet with DJI's properties: ``xmp('GimbalYawDegree="-90.0"')``."""
    said = " ".join(f"drone-dji:{p}" for p in properties)
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        f' xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" {said}/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def heic(size: tuple[int, int], tiff_block: bytes, turned: bool = False) -> bytes:
    """A HEIC file as a phone writes it, its picture left out: one EXIF item, one size, a turn."""
    item = struct.pack(">I", 6) + b"Exif\0\0" + tiff_block
    head = box(b"ftyp", b"heic" + b"\0\0\0\0" + b"mif1heic")

    def meta(place: int) -> bytes:
        infe = box(b"infe", struct.pack(">B3xHH4s", 2, 1, 0, b"Exif") + b"\0")
        iloc = struct.pack(">B3xBBH", 0, 0x44, 0, 1) + struct.pack(">HHHII", 1, 0, 1, place, len(item))
        properties = box(b"ispe", b"\0" * 4 + struct.pack(">II", 512, 512))
        properties += box(b"ispe", b"\0" * 4 + struct.pack(">II", *size))
        properties += box(b"irot", bytes([3 if turned else 0]))
        return box(
            b"meta",
            b"\0" * 4
            + box(b"iinf", b"\0" * 4 + struct.pack(">H", 1) + infe)
            + box(b"iloc", iloc)
            + box(b"iprp", box(b"ipco", properties)),
        )

    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", item)
