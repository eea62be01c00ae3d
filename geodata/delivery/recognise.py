"""[io] What was handed in: a delivery, or one image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from geodata import safe
from geodata.delivery import chinese, landsat, mirror, planet, sentinel1, sentinel2
from geodata.delivery.bundle import IMAGES, PACKED, Bundle, bundle
from geodata.delivery.model import Delivery, Product, Source
from geodata.errors import InputError, UnreadableFile

KINDS = (sentinel2.deliveries, landsat.deliveries, sentinel1.deliveries, planet.deliveries, mirror.deliveries,
         chinese.deliveries)  # fmt: skip
"""In this order: the first that knows the files is right."""


def find(about: str, path: Path) -> Delivery | Path:
    """What ``path``, a file or a folder of this disk, is: a delivery, or the one image in it.

    about: how the user calls it. Names are looked at here, contents in a child process.
    Raises: InputError where it is nothing, or more than one thing.
    """
    if path.is_file() and bundle(about, path) is None:
        return path
    found = safe.in_child("geodata.delivery.recognise:look", about, str(path), about=about)
    return path if found is None else Path(found) if isinstance(found, str) else restored(found)


def look(about: str, path: str) -> dict[str, Any] | str | None:
    """The child's side of ``find``: a delivery as plain values, the path of the one image, None = ``path`` itself."""
    from geodata import imagefile

    files = bundle(about, Path(path))
    if files is None:
        return None
    kinds = ([delivery for delivery in kind(files) if _named(files, delivery)] for kind in KINDS)
    found = next((some for some in kinds if some), [])
    if not found:
        return _image(files)
    if len(found) > 1:
        raise InputError("{path}: holds {count} deliveries ({first}, {second} …); add each by its own path.",
                         path=about, count=len(found), first=found[0].name, second=found[1].name)  # fmt: skip
    delivery = found[0]
    headers = {str(file): imagefile.describe_here(str(file)) for file in {source.file for source in delivery.sources}}
    if delivery.quality:
        headers[str(delivery.quality)] = imagefile.describe_here(str(delivery.quality), codes=True)
    return asdict(replace(delivery, headers=headers))


def _named(files: Bundle, delivery: Delivery) -> bool:
    """Whether the file that the user named belongs to it."""
    parts = [file for product in delivery.products for file in product.files]
    parts += [source.file for source in delivery.sources] + [*delivery.metadata, *delivery.quicklooks]
    return files.only is None or files.only in parts


def _image(files: Bundle) -> str | None:
    """The one image of a folder that is no delivery. Raises: InputError."""
    if files.only is not None:
        return None
    images = files.ending(*IMAGES)
    if len(images) == 1:
        return str(images[0])
    packed = files.ending(*PACKED)
    if not images and packed:
        raise InputError("{path}: holds archives ({first} …); add each by its own path.", path=files.about,
                         first=packed[0].name)  # fmt: skip
    if not images:
        raise UnreadableFile("{path}: holds no image (.tif .tiff .jp2); name the folder of a delivery.",
                             path=files.about)  # fmt: skip
    raise InputError("{path}: is no delivery that is known here and holds {count} images ({first} …); add each by its"
                     " own path.", path=files.about, count=len(images), first=images[0].name)  # fmt: skip


def restored(plain: Mapping[str, Any]) -> Delivery:
    """The delivery that ``look`` gave as plain values."""
    values = dict(plain)
    values["sources"] = tuple(Source(**source) for source in values["sources"])
    values["products"] = tuple(Product(**product) for product in values["products"])
    return Delivery(**values)
