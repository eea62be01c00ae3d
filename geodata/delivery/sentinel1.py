"""Sentinel-1 in radar geometry (its SAFE): refused. On the map it is an image as any other, see ``identify``."""

from __future__ import annotations

from geodata.delivery.bundle import Bundle
from geodata.delivery.model import Delivery
from geodata.errors import UnreadableFile


def deliveries(bundle: Bundle) -> list[Delivery]:
    """None; raises UnreadableFile where the folder is such a product."""
    manifests = [file.parent for file in bundle.ending("manifest.safe")]
    if any(file.parent.name == "measurement" and file.parent.parent in manifests for file in bundle.files):
        raise UnreadableFile("{path}: is Sentinel-1 in radar geometry, without a map projection; correct it for the"
                             " terrain first (for example with SNAP) and add the GeoTIFF.", path=bundle.about
                             )  # fmt: skip
    return []
