"""Scene ↔ STAC item (1.1: projection, eo, raster, file, view; what STAC has no word for stands under ``gengxun:``)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pystac
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from geodata.crs import GEOGRAPHIC, crs_, name_of
from geodata.scene import Scene

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
MEDIA_TYPES = {"xml": "application/xml", "json": "application/json", "txt": "text/plain", "rpb": "text/plain"}
MEDIA_TYPES |= {"jpg": "image/jpeg", "png": "image/png"}
EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/view/v1.0.0/schema.json",
)
VIEW = ("off_nadir", "azimuth", "sun_elevation", "sun_azimuth")
COMMON_NAMES = {"rededge1": "rededge071", "rededge2": "rededge075", "rededge3": "rededge078", "swir1": "swir16"}
COMMON_NAMES |= {"swir2": "swir22", "nir2": "nir08", "thermal": "lwir", "thermal2": "lwir12"}
SHA2_256 = "1220"
"""Prefix of a multihash: SHA2-256, 32 bytes."""
MINE = "gengxun:"


def footprint(grid: GeoBox) -> shapely.Polygon:
    """The outline of a grid in longitude and latitude (CGCS2000), its edges in ten steps each."""
    rows, columns = grid.shape
    along = np.linspace(0, 1, 11)
    x = np.concatenate([along * columns, np.full(11, columns), along[::-1] * columns, np.zeros(11)])
    y = np.concatenate([np.zeros(11), along * rows, np.full(11, rows), along[::-1] * rows])
    affine = grid.affine
    east, north = affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f
    transformer = pyproj.Transformer.from_crs(str(grid.crs), GEOGRAPHIC, always_xy=True)
    return shapely.Polygon(np.column_stack(transformer.transform(east, north)))


def to_item(scene: Scene, files: Mapping[str, tuple[str, int]]) -> dict[str, Any]:
    """The item of a scene as JSON. files: {asset: (sha256, bytes)}."""
    outline = footprint(scene.geobox)
    item = pystac.Item(
        id=scene.id,
        geometry=shapely.geometry.mapping(outline),
        bbox=list(outline.bounds),
        datetime=scene.acquired_at,
        properties=_properties(scene),
        stac_extensions=list(EXTENSIONS),
    )
    for name, href in scene.assets.items():
        sha256, size = files[name]
        extra: dict[str, Any] = {"file:checksum": SHA2_256 + sha256, "file:size": size}
        if name == "data":
            extra["bands"] = _bands(scene)
            extra["data_type"] = scene.dtype
            if scene.nodata is not None:
                extra["nodata"] = "nan" if np.isnan(scene.nodata) else scene.nodata
        kind = MEDIA_TYPES.get(href.rpartition(".")[2], COG)
        item.add_asset(name, pystac.Asset(href, media_type=kind, roles=[_role(name)], extra_fields=extra))
    found: dict[str, Any] = item.to_dict(include_self_link=False, transform_hrefs=False)
    return found


def _role(asset: str) -> str:
    """ "metadata-2" is metadata; a quicklook is what STAC calls overview."""
    kind = asset.partition("-")[0]
    return {"quicklook": "overview", "rpc": "metadata"}.get(kind, kind)


def _properties(scene: Scene) -> dict[str, Any]:
    crs = crs_(str(scene.geobox.crs))
    code = name_of(crs)
    properties: dict[str, Any] = {
        "platform": scene.platform,
        "gsd": scene.gsd_m,
        "proj:code": code if code.startswith("EPSG:") else None,
        "proj:shape": [int(n) for n in scene.geobox.shape],
        "proj:transform": [float(v) for v in tuple(scene.geobox.affine)[:6]],
        MINE + "provenance": dict(scene.provenance),
        MINE + "quality_codes": scene.quality_codes,
        MINE + "warnings": [dict(text) for text in scene.warnings],
        MINE + "valid_share": scene.valid_share,
        MINE + "saturation": scene.saturation,
    }
    if properties["proj:code"] is None:
        properties["proj:wkt2"] = code
    properties |= {f"view:{name}": value for name, value in scene.view.items()}
    if scene.ortho is not None:
        properties[MINE + "ortho"] = dict(scene.ortho)
    if scene.cloud_cover is not None:
        properties["eo:cloud_cover"] = scene.cloud_cover
    return properties


def _bands(scene: Scene) -> list[dict[str, Any]]:
    count = len(scene.bands)
    scales, offsets = np.broadcast_to(scene.scale, count), np.broadcast_to(scene.offset, count)
    return [
        {
            "name": name,
            "eo:common_name": COMMON_NAMES.get(name, name),
            "raster:scale": float(scale),
            "raster:offset": float(offset),
        }
        for name, scale, offset in zip(scene.bands, scales, offsets, strict=True)
    ]


def from_item(item: Mapping[str, Any], folder: str) -> Scene:
    """A scene from its item's JSON; ``folder``: where the item lies, relative to the catalogue's root."""
    properties, data = item["properties"], item["assets"]["data"]
    bands = data["bands"]
    grid = GeoBox(
        tuple(properties["proj:shape"]),
        Affine(*properties["proj:transform"]),
        properties["proj:code"] or properties["proj:wkt2"],
    )
    nodata = data.get("nodata")
    return Scene(
        id=item["id"],
        platform=properties["platform"],
        acquired_at=_utc(properties["datetime"]),
        geobox=grid,
        gsd_m=properties["gsd"],
        bands=tuple(band["name"] for band in bands),
        assets={name: f"{folder}/{Path(asset['href']).name}" for name, asset in item["assets"].items()},
        cloud_cover=properties.get("eo:cloud_cover"),
        provenance=properties[MINE + "provenance"],
        quality_codes=properties[MINE + "quality_codes"],
        dtype=data["data_type"],
        nodata=float(nodata) if nodata is not None else None,
        scale=_one([band["raster:scale"] for band in bands]),
        offset=_one([band["raster:offset"] for band in bands]),
        warnings=tuple(properties[MINE + "warnings"]),
        valid_share=properties[MINE + "valid_share"],
        saturation=properties[MINE + "saturation"],
        view={name: properties[f"view:{name}"] for name in VIEW if f"view:{name}" in properties},
        ortho=properties.get(MINE + "ortho"),
    )


def checksum(item: Mapping[str, Any], asset: str) -> str:
    """The sha256 that an item notes for a file."""
    return str(item["assets"][asset]["file:checksum"]).removeprefix(SHA2_256)


def _one(values: list[float]) -> float | tuple[float, ...]:
    return values[0] if len(set(values)) == 1 else tuple(values)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
