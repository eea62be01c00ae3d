"""[io] From the files of a delivery and what the office says to a job for ``lay``, and to the record of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from geodata import imagefile, safe
from geodata.delivery.model import PANCHROMATIC, Delivery
from geodata.digest import sha256
from geodata.errors import InputError, UnreadableFile
from geodata.identify import WIDER
from geodata.ortho import UNTIED, Dem, Ground
from geodata.ortho.lay import Job, Picture, plain
from geodata.ortho.rpc import Rpc, from_tags, from_text
from geodata.words import Text, both

RPC_ENDINGS = (".rpb", "_rpc.txt")
RPC_BYTES = 256 * 1024
"""A file of RPC has some 3 kB."""
NODATA = {"f": math.nan, "u": 0.0, "i": -32768.0}
"""Of the finished image, by kind of type."""


@dataclass(frozen=True)
class Handed:
    """An image of a delivery. name: as the user knows it; header: of ``imagefile.describe``; rpc: the file beside it
    that holds its RPC, None = its own tags."""

    name: str
    file: Path
    header: Mapping[str, Any]
    rpc: Path | None


@dataclass(frozen=True)
class Reference:
    """name: file or scene id; opens: the keywords of ``FilePixels``."""

    name: str
    sha256: str
    opens: Mapping[str, Any]


@dataclass(frozen=True)
class Laying:
    """An image that is to be laid on the ground. header: as ``imagefile.describe`` gives it, for the finished image;
    record: for the scene's item."""

    job: Job
    header: dict[str, Any]
    record: dict[str, Any]

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes the scene another one besides the files of the delivery."""
        told = self.record
        reference = told["reference"]["sha256"] if told["reference"] else UNTIED
        rest = (told["dem_heights"], told.get("geoid_m"), self.job.crs, self.job.pan is not None)
        return (told["dem"]["sha256"], reference, repr(rest))

    @property
    def notes(self) -> tuple[Text, ...]:
        """What has to be said of the finished scene."""
        if self.record["reference"] is None:
            return (both("not tied to a reference: by its RPC alone it may lie off by tens of metres."),)
        return ()

    def lay(self, target: Path, progress: Callable[[float], None]) -> Laying:
        """Writes the image to ``target``; the same with its final grid and record. Raises: as ``lay.lay``."""
        about = self.job.image.name
        found = safe.in_child("geodata.ortho.lay:lay", plain(self.job), str(target), about=about, progress=progress)
        record = self.record | {"crs": found["crs"], "ties": found["ties"], "pansharpen": found["pansharpen"]}
        return Laying(self.job, _projected(self.header, found), record)


def is_unprojected(header: Mapping[str, Any], file: Path) -> bool:
    """Whether an image has RPC (in it or beside it) and lies on no map grid."""
    return not header["georeferenced"] and (bool(header["rpc"]) or rpc_beside(file) is not None)


def rpc_beside(file: Path) -> Path | None:
    """The file of RPC beside an image, by its name in any case."""
    wanted = [file.stem.lower() + ending for ending in RPC_ENDINGS]
    found = [other for other in file.parent.iterdir() if other.name.lower() in wanted and other.is_file()]
    return min(found, key=lambda other: (wanted.index(other.name.lower()), other.name), default=None)


def pair(about: str, delivery: Delivery, ground: Ground) -> tuple[Handed, Handed | None]:
    """The image that becomes the scene, and the panchromatic one to sharpen it by, where that is asked for.

    Raises: InputError where there is none.
    """
    product = delivery.products[0]
    image = Handed(product.image.name, product.image, delivery.headers[str(product.image)], product.rpc)
    if not ground.pansharpen:
        return image, None
    if delivery.pan is None or product.role in PANCHROMATIC:
        raise InputError(
            "{path}: --pansharpen takes the bands and the panchromatic image of one delivery, which are not both there;"
            " name the delivery's folder or the image of the bands, or leave --pansharpen out.",
            path=about,
        )
    file = delivery.pan.image
    pan = Handed(file.name, file, imagefile.describe(file), delivery.pan.rpc)
    if pan.header["count"] != 1:
        raise InputError(
            "{path}: is no panchromatic image, it has {count} bands; leave --pansharpen out.",
            path=file.name,
            count=pan.header["count"],
        )
    return image, pan


def as_laid(delivery: Delivery, target: Path, header: Mapping[str, Any], sharpened: bool) -> Delivery:
    """The delivery with its image at ``target``, on the ground."""
    aside = delivery.pan if delivery.pan != delivery.products[0] and not sharpened else None
    notes = (both("the panchromatic image {name} is left aside.", name=aside.name),) if aside else ()
    return replace(
        delivery,
        sources=(replace(delivery.sources[0], file=target),),
        headers={str(target): header},
        notes=(*delivery.notes, *notes),
    )


def planned(
    about: str,
    image: Handed,
    pan: Handed | None,
    ground: Ground,
    reference: Callable[[str], Reference],
    crs: str | None = None,
) -> Laying:
    """An image as it will be laid by what ``ground`` says.

    about: how the user calls what was handed in. reference: finds what ``ground.reference`` names. crs: of the map,
    None: chosen. Raises: MissingOption, UnreadableFile, NoOverlap, InputError.
    """
    dem, untied = ground.elevation(about), ground.tied_to(about) == UNTIED
    if ground.pansharpen and pan is None:
        raise InputError(
            "{path}: --pansharpen takes the bands and the panchromatic image of one delivery, which are not both there;"
            " name the delivery's folder or the image of the bands, or leave --pansharpen out.",
            path=about,
        )
    found = None if untied else reference(ground.reference)
    dem = Dem(safe.local_file(dem.path), dem.heights, dem.geoid_m)
    dtype: str = WIDER.get(image.header["dtype"], image.header["dtype"])
    job = Job(
        image=_picture(image),
        pan=_picture(pan) if pan else None,
        dem=dem,
        reference=dict(found.opens) if found else None,
        crs=crs,
        dtype=dtype,
        nodata=NODATA[dtype[0]],
        limit_px=ground.max_residual_px,
    )
    record = {
        "dem": {"name": dem.path.name, "sha256": sha256(dem.path)},
        "reference": {"name": found.name, "sha256": found.sha256} if found else None,
        **ground.said(),
    }
    grid = safe.in_child("geodata.ortho.lay:outline", plain(job), about=about)
    return Laying(job, _projected(image.header, grid), record)


def _projected(header: Mapping[str, Any], grid: Mapping[str, Any]) -> dict[str, Any]:
    """The header of an image that lies on ``grid``."""
    dtype = WIDER.get(header["dtype"], header["dtype"])
    height, width = grid["shape"]
    return {
        **header,
        "georeferenced": True,
        "height": height,
        "width": width,
        "transform": tuple(grid["transform"]),
        "crs": grid["crs"],
        "dtype": dtype,
        "nodata": NODATA[dtype[0]],
        "mask": "nodata",
    }


def _picture(handed: Handed) -> Picture:
    header = handed.header
    rpc = _of_file(handed.rpc) if handed.rpc else from_tags(header["rpc"], handed.name)
    nodata = header["nodata"]
    if nodata is None and header["dtype"].startswith("u"):
        nodata = 0.0  # what no detector saw
    return Picture(str(handed.file), handed.name, rpc, header["count"], nodata)


def _of_file(file: Path) -> Rpc:
    if file.stat().st_size > RPC_BYTES:
        raise UnreadableFile("{path}: is too large for a file of RPC; fetch the delivery again.", path=file.name)
    return from_text(safe.local_file(file).read_bytes().decode("ascii", "replace"), file.name)
