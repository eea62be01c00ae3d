"""Deliveries of GF-1/2/6/7, ZY3, ZY1-02D, SuperView and 吉林一号: images with an XML and RPC of the same name.

Pure but for the XML. Bands are in the order of the satellite's own file (1 = blue) where the file's name or
metadata say that it is the multispectral product; of a fused or stretched one nothing is taken for certain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from geodata import labels, sensors
from geodata.delivery import clock, xmlfile
from geodata.delivery.bundle import Bundle
from geodata.delivery.model import MULTISPECTRAL, PANCHROMATIC, Delivery, Product, Source
from geodata.errors import InputError, MissingOption
from geodata.words import Text, both

ROOTS = ("productmetadata", "sensor_corrected_metadata", "metainfo")
TIMES = ("CenterTime", "AcquisitionTime", "AcquistionTime", "ImagingTime", "StartTime", "ImagingStartTime",
         "ImageBeginTime", "ReceiveTime")  # fmt: skip
"""Elements that hold the time of the image, the best first; the second misspelling is of ZY3."""
LONGITUDES = ("CenterLongitude", "SceneCenterLong", "CentreLongitude", "TopLeftLongitude", "UpperLeftLong")
SATELLITES = ("gf-", "zy3-", "zy1-02", "superview-", "jilin-1")
_ROLE = re.compile(r"[-_](MSS|MUX|PAN|BWDMUX|BWDPAN|FWDPAN|NAD|FWD|BWD)(\d?)(?=$|[-_.])", re.IGNORECASE)
_WIDE = re.compile(r"_WFV\d?_", re.IGNORECASE)
_PART = re.compile(r"[-_]+\d$")
_PLACE = re.compile(r"_E(\d{2,3}\.\d)_[NS]\d")


class _Image(NamedTuple):
    """One image with what lies beside it. group: the name that all images of a scene share."""

    product: Product
    group: str
    platform: str
    told: xmlfile.Fields | None


def deliveries(bundle: Bundle) -> list[Delivery]:
    """Every delivery of these satellites in the folder, in the order of names. Raises: MissingOption."""
    images = [found for file in bundle.ending(".tif", ".tiff") if (found := _image(bundle, file))]
    return [_delivery(bundle, group) for group in _groups(images)]


def _groups(images: Sequence[_Image]) -> list[list[_Image]]:
    """The images of each scene. A panchromatic image of another name (ZY3) goes with the only other one of its day."""
    groups: dict[tuple[Path, str], list[_Image]] = {}
    for image in images:
        groups.setdefault((image.product.image.parent, image.group), []).append(image)
    found = list(groups.values())
    coloured = [group for group in found if any(image.product.role not in PANCHROMATIC for image in group)]
    if len(coloured) == 1 and all(_same_pass(coloured[0][0], image) for group in found for image in group):
        return [[image for group in (coloured + [g for g in found if g not in coloured]) for image in group]]
    return found


def _same_pass(one: _Image, other: _Image) -> bool:
    at, then = _named_time(one.product.name), _named_time(other.product.name)
    return one.platform == other.platform and at is not None and then is not None and at.at.date() == then.at.date()


def _image(bundle: Bundle, file: Path) -> _Image | None:
    stem = file.stem
    role, group = _role(stem)
    whole = _PART.sub("", stem)
    xml = bundle.beside(file, stem + ".xml", stem + "_meta.xml", stem + ".meta.xml", group + ".xml",
                        group + "_meta.xml", whole + ".xml")  # fmt: skip
    rpc = bundle.beside(file, stem + ".rpb", stem + "_rpc.txt", whole + ".rpb", whole + "_rpc.txt")
    told = xmlfile.fields(xml) if xml else None
    if told is not None and told.root.lower() not in ROOTS and not told.first("SatelliteID"):
        xml = told = None
    named, said = labels.platform_in(stem), labels.platform_in(told.first("SatelliteID")) if told else None
    platform = _platform(bundle.about, named, said)
    if not platform.startswith(SATELLITES) or (xml is None and rpc is None):
        return None
    return _Image(Product(stem, role, file, xml, rpc, _bands(platform, role, told)), group, platform, told)


def _platform(about: str, named: str | None, said: str | None) -> str:
    """The longer of both where one says more. Raises: MissingOption where they disagree."""
    if named and said and named != said:
        if named.split("-")[0] != said.split("-")[0] or (named, said) == ("gf-1", "gf-2"):
            raise MissingOption("{path}: its name says {name}, its metadata {tag}; say which with --platform.",
                                path=about, name=named, tag=said)  # fmt: skip
        return said
    return said or named or ""


def _role(stem: str) -> tuple[str, str]:
    """What a product is by its name, and the name without that."""
    found = max(_ROLE.finditer(stem), key=lambda match: match.start(), default=None)
    if found is None:
        return ("WFV", _PART.sub("", stem)) if _WIDE.search(stem) else ("", stem)
    return found[1].upper(), stem[: found.start()] + stem[found.end() :]


def _bands(platform: str, role: str, told: xmlfile.Fields | None) -> tuple[str, ...]:
    """Names in the order of the satellite's own file, () where the role does not fix it."""
    if role in PANCHROMATIC:
        return ("pan",)
    if role not in MULTISPECTRAL:
        return ()
    if platform == "gf-6":
        return sensors.WFV8 if role == "WFV" else sensors.BGRN
    known = sensors.PLATFORMS[platform].bands if platform in sensors.PLATFORMS else {}
    return tuple(known.values()) or sensors.BGRN


def _delivery(bundle: Bundle, images: Sequence[_Image]) -> Delivery:
    images = sorted(images, key=lambda image: (_rank(image.product.role), image.product.name))
    if bundle.only and (own := [image for image in images if bundle.only in image.product.files]):
        images = own + [image for image in images if image not in own]
    main = images[0]
    product = main.product
    parts = [image for image in images if image.product.role == product.role]
    if len(parts) > 1 and bundle.only is None:
        raise InputError("{path}: this scene comes in {count} parts ({first} …); add each part by its own path.",
                         path=bundle.about, count=len(parts), first=product.image.name)  # fmt: skip
    at, notes = _time(bundle.about, images)
    told = next((image.told for image in images if image.told), None)
    known = sensors.PLATFORMS.get(main.platform)
    names = [file.stem for file in product.files]
    return Delivery(
        name=main.group,
        platform=main.platform,
        acquired_at=at.at,
        level=told.first("ProductLevel", "ProductType") if told else "",
        sources=(Source(product.image, (), product.bands),),
        products=tuple(image.product for image in images),
        bits=known.bits if known else None,
        nodata=0.0,
        metadata=tuple(file for image in images for file in (image.product.metadata, image.product.rpc) if file),
        quicklooks=_quicklooks(bundle, product, main.group, names),
        notes=_notes(images),
        time_notes=notes,
    )


def _rank(role: str) -> int:
    order = (*MULTISPECTRAL, "", *PANCHROMATIC)
    return order.index(role)


def _time(about: str, images: Sequence[_Image]) -> tuple[labels.When, tuple[Text, ...]]:
    """Raises: MissingOption where no metadata and no name tell it, or both differ by more than a day."""
    name = images[0].product.name
    named = _named_time(name)
    for told in (image.told for image in images if image.told):
        place = _PLACE.search(name)
        longitude = told.number(*LONGITUDES) or (float(place[1]) if place else None)
        field, text = told.named(*TIMES)
        found = clock.acquired(text, field, longitude)
        if found is None:
            continue
        if named and abs((found[0].at - named.at).total_seconds()) > 1.01 * 86_400:
            raise MissingOption("{path}: its name says {name}, its metadata {tag}; say which with --acquired.",
                                path=about, name=named.at.date(), tag=found[0].at.date())  # fmt: skip
        return found[0], (found[1],) if found[1] else ()
    if named is None:
        raise MissingOption("{path}: neither its name nor its metadata say when it was taken; name it with --acquired,"
                            " for example 2026-05-01.", path=about)  # fmt: skip
    if named.day_only:
        return named, (both("only the day {day} is known; noon in Beijing is put.", day=named.at.date().isoformat()),)
    at = f"{named.at:%Y-%m-%d %H:%M} UTC"
    return named, (both("the time has no zone and is read as Beijing time: {at}.", at=at),)


def _named_time(stem: str) -> labels.When | None:
    if found := re.search(r"(?<!\d)((?:19|20)\d{12})(?!\d)", stem):
        return labels.parse_time(found[1])
    times = labels.facts_in_name(stem).times
    return times[0] if len(times) == 1 else None


def _quicklooks(bundle: Bundle, product: Product, group: str, names: Sequence[str]) -> tuple[Path, ...]:
    """The .jpg of the same name, with or without _thumb, _browser, _pre, _ico."""
    begins = tuple({group.lower(), *(name.lower() for name in names)})
    pictures = (f for f in bundle.ending(".jpg", ".jpeg", ".png") if f.parent == product.image.parent)
    return tuple(file for file in pictures if file.name.lower().startswith(begins))


def _notes(images: Sequence[_Image]) -> tuple[Text, ...]:
    notes = []
    if images[0].platform == "jilin-1" and images[0].product.bands:
        notes.append(both("the order of its bands is taken to be {bands}, as is usual; “gengxun scene edit --bands”"
                          " mends it.", bands=",".join(images[0].product.bands)))  # fmt: skip
    return tuple(notes)
