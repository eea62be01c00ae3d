"""How a delivery is stored: the ``identify.Plan`` of its scene and the recipe for ``gridfile.convert``.

Pure. What the user says goes before what the delivery says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from geodata import bandroles, grids, identify, labels
from geodata.delivery.model import Delivery, Source
from geodata.errors import InputError, MissingOption, UnreadableFile
from geodata.words import Text, both

UDM2_BANDS = 8


def plan(about: str, delivery: Delivery, said: identify.Said) -> tuple[identify.Plan, dict[str, Any]]:
    """Raises: MissingOption, CRSMissing, CRSContradiction, UnreadableFile, InputError."""
    sources = tuple(_calibrated(about, delivery, said, source) for source in chosen(about, delivery, said))
    first = sources[0]
    header = delivery.headers[str(first.file)]
    notes: list[Text] = list(delivery.notes)
    grid, south_up = identify.placed(first.file.name, header, said, notes)
    if south_up and len(sources) > 1:
        raise UnreadableFile("{path}: its rows run from south to north; warp it north up first (gdalwarp).",
                             path=first.file.name)  # fmt: skip
    platform = identify.platform_said(said.platform, about) if said.platform else delivery.platform
    at, time_notes = _time(about, delivery, said)
    _same_type(delivery, sources)
    if delivery.pan and delivery.multispectral and first.file == delivery.products[0].image:
        notes.append(both("the panchromatic image {name} is left aside.", name=delivery.pan.name))
    notes += _coarser(delivery, sources)
    if said.offset is not None:
        notes.append(both("offset {offset} of the values, as said.", offset=f"{said.offset:g}"))
    if delivery.quality is None:
        notes.append(both("quality unknown: there is no quality band, clouds are not told from changes."))
    found = identify.Plan(
        platform=platform,
        acquired_at=at,
        bands=tuple(band for source in sources for band in source.bands),
        indexes=first.indexes,
        geobox=grid,
        gsd_m=identify.gsd_m(grid),
        dtype=identify.WIDER.get(header["dtype"], header["dtype"]),
        nodata=_nodata(delivery, header),
        mask="mask" if header["mask"] == "mask" else None,
        scale=_one([scale for source in sources for scale in source.scales or (1.0,) * len(source.bands)]),
        offset=_one([offset for source in sources for offset in source.offsets or (0.0,) * len(source.bands)]),
        quality_index=None,
        quality_codes=delivery.quality_codes,
        south_up=south_up,
        warnings=(*notes, *time_notes),
    )
    return found, found.recipe | _beside(delivery, sources, found)


def files_used(about: str, delivery: Delivery, said: identify.Said) -> list[Path]:
    """The files that a scene is made of, in an order of their own. Raises: MissingOption, InputError."""
    images = [source.file for source in chosen(about, delivery, said)]
    others = sorted((*((delivery.quality,) if delivery.quality else ()), *delivery.metadata), key=lambda f: f.name)
    return list(dict.fromkeys([*images, *others]))


def chosen(about: str, delivery: Delivery, said: identify.Said) -> tuple[Source, ...]:
    """The sources that make the scene, with their bands named. Raises: MissingOption, InputError."""
    if delivery.chosen:
        return _by_name(about, delivery, said)
    source = delivery.sources[0]
    header = delivery.headers[str(source.file)]
    bands = source.bands if len(source.bands) == header["count"] and header["dtype"] != "uint8" else ()
    if bands and said.bands is None:
        return (replace(source, indexes=tuple(range(1, len(bands) + 1))),)
    facts = labels.NameFacts(delivery.platform)
    found = bandroles.roles(about, header, said.bands, delivery.platform, facts)
    scales, offsets = (
        tuple(values[n - 1] for n in found.bands) if values else () for values in (source.scales, source.offsets)
    )
    return (Source(source.file, tuple(found.bands), tuple(found.bands.values()), scales, offsets),)


def _by_name(about: str, delivery: Delivery, said: identify.Said) -> tuple[Source, ...]:
    if said.bands is None:
        return tuple(source for source in delivery.sources if source.wanted)
    names = bandroles.band_names(said.bands, about)
    known = {source.bands[0]: source for source in delivery.sources}
    if missing := [name for name in names if name not in known]:
        raise InputError("{path}: has no band {names}; it has {known}.", path=about, names=", ".join(missing),
                         known=", ".join(known))  # fmt: skip
    return tuple(sorted((known[name] for name in names), key=delivery.sources.index))


def _calibrated(about: str, delivery: Delivery, said: identify.Said, source: Source) -> Source:
    """With the offset that the user says. Raises: InputError where there is none to say; MissingOption where it is
    to be said."""
    if said.offset is not None:
        if not delivery.counts:
            raise InputError("{path}: --offset is for Sentinel-2, which this is not; leave it away.", path=about)
        return replace(source, offsets=(said.offset / delivery.counts,) * len(source.bands))
    if delivery.offset_unknown:
        raise MissingOption(
            "{path}: its processing baseline ({baseline}) puts an offset to the values, but its metadata list none; say"
            " with --offset -1000 that it is in them, with --offset 0 that a mirror took it out.",
            path=about,
            baseline=delivery.offset_unknown,
        )
    return source


def _time(about: str, delivery: Delivery, said: identify.Said) -> tuple[Any, tuple[Text, ...]]:
    if said.acquired is None:
        return delivery.acquired_at, delivery.time_notes
    when = identify.time_said(said.acquired, about)
    return when.at, tuple(identify.time_notes(when))


def _same_type(delivery: Delivery, sources: tuple[Source, ...]) -> None:
    kinds = {delivery.headers[str(source.file)]["dtype"] for source in sources}
    if len(kinds) > 1:
        raise UnreadableFile("{path}: its bands have pixels of different types ({types}); fetch the delivery again.",
                             path=delivery.name, types=", ".join(sorted(kinds)))  # fmt: skip


def _coarser(delivery: Delivery, sources: tuple[Source, ...]) -> list[Text]:
    """What is to be said of bands whose pixels are larger than those of the grid."""
    sizes = [abs(delivery.headers[str(source.file)]["transform"][0]) for source in sources]
    names = [source.bands[0] for source, size in zip(sources, sizes, strict=True) if size > 1.01 * sizes[0]]
    if not names:
        return []
    return [both("bands {names} have coarser pixels, which are repeated on the grid of the others.",
                 names=", ".join(names))]  # fmt: skip


def _nodata(delivery: Delivery, header: Mapping[str, Any]) -> float | None:
    """What the image declares, else what its kind of delivery has."""
    declared: float | None = header["nodata"]
    return declared if declared is not None else delivery.nodata


def _one(values: list[float]) -> float | tuple[float, ...]:
    return values[0] if len(set(values)) == 1 else tuple(values)


def _beside(delivery: Delivery, sources: tuple[Source, ...], found: identify.Plan) -> dict[str, Any]:
    """The part of the recipe that names other files than the first: more bands, quality."""
    recipe: dict[str, Any] = {
        "source": str(sources[0].file),
        "others": [_laid(delivery, source, found) for source in sources[1:]],
    }
    if delivery.quality is not None:
        header = delivery.headers[str(delivery.quality)]
        bits = delivery.quality_codes == "quality_bits"
        if header["count"] != (UDM2_BANDS if bits else 1):
            raise UnreadableFile("{path}: is no quality band of this delivery; fetch the delivery again.",
                                 path=delivery.quality.name)  # fmt: skip
        grid = grids.grid_of(dict(header), delivery.quality.name, None if header["crs"] else str(found.geobox.crs))
        recipe |= {
            "quality_path": str(delivery.quality),
            "quality_indexes": list(range(1, UDM2_BANDS + 1)) if bits else [1],
            "quality_transform": tuple(grid.affine)[:6],
            "quality_crs": str(grid.crs),
        }
    return recipe


def _laid(delivery: Delivery, source: Source, found: identify.Plan) -> dict[str, Any]:
    """Where the bands of another file lie. Raises: UnreadableFile."""
    header = delivery.headers[str(source.file)]
    grid, south_up = identify.placed(
        source.file.name, header, identify.Said(crs=None if header["crs"] else str(found.geobox.crs)), []
    )
    if south_up:
        raise UnreadableFile("{path}: its rows run from south to north; warp it north up first (gdalwarp).",
                             path=source.file.name)  # fmt: skip
    return {
        "path": str(source.file),
        "indexes": list(source.indexes),
        "transform": tuple(grid.affine)[:6],
        "crs": str(grid.crs),
    }
