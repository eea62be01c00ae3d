"""How a delivery is stored: the ``identify.Plan`` of its scene and the recipe for ``gridfile.convert``.

Pure. What the user says goes before what the delivery says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geodata import bandroles, grids, identify, labels
from geodata.delivery.model import Delivery, Source
from geodata.errors import InputError, UnreadableFile
from geodata.words import Text, both


def plan(about: str, delivery: Delivery, said: identify.Said) -> tuple[identify.Plan, dict[str, Any]]:
    """Raises: MissingOption, CRSMissing, CRSContradiction, UnreadableFile, InputError."""
    sources = chosen(about, delivery, said)
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
    facts = labels.NameFacts(delivery.platform, (), {header["count"]: bands} if bands else {})
    found = bandroles.roles(about, header, said.bands, delivery.platform, facts)
    return (Source(source.file, tuple(found.bands), tuple(found.bands.values()), source.scales, source.offsets),)


def _by_name(about: str, delivery: Delivery, said: identify.Said) -> tuple[Source, ...]:
    if said.bands is None:
        return tuple(source for source in delivery.sources if source.wanted)
    names = bandroles.band_names(said.bands, about)
    known = {source.bands[0]: source for source in delivery.sources}
    if missing := [name for name in names if name not in known]:
        raise InputError("{path}: has no band {names}; it has {known}.", path=about, names=", ".join(missing),
                         known=", ".join(known))  # fmt: skip
    return tuple(sorted((known[name] for name in names), key=delivery.sources.index))


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
        grid = grids.grid_of(dict(header), delivery.quality.name, None if header["crs"] else str(found.geobox.crs))
        recipe |= {
            "quality_path": str(delivery.quality),
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
