"""[io] Clouds and shadows of a scene whose delivery has no mask: told once, kept as its quality."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flows.progress import step
from flows.settings import FILE, Workspace
from geodata.errors import InputError
from geodata.filepixels import FilePixels
from geodata.gridfile import GridWriter
from geodata.scene import Scene, windows
from geodata.words import both, tr
from pipeline import clouds
from pipeline.clouds import Sky
from pipeline.quality import Quality

WAYS = ("builtin", "off")
CODES = "quality_bits"
WINDOW = 2048


def masked(office: Workspace, scene: Scene) -> Scene:
    """The scene with its clouds told, or as it is: where its quality is known, by the settings, for drones, which fly
    below clouds, and where an inspection refers to it already. Raises: InputError."""
    way = office.settings.imagery.clouds
    if way not in WAYS:
        raise InputError(
            "{path}: [imagery] clouds is {value}; known are {known}.",
            path=office.root / FILE,
            value=way,
            known=", ".join(WAYS),
        )
    if way == "off" or scene.quality_codes is not None or scene.platform == "drone":
        return scene
    if not set(clouds.NEEDED) <= set(scene.bands) or office.ledger.references_scene(scene.id):
        return scene
    with step(tr("telling clouds")) as progress, office.catalog.pixels(scene) as pixels:
        sky = clouds.find(pixels, scene.view.get("sun_azimuth"), lambda share: progress(0.6 * share))
        if sky is None:
            return scene
        note = both(
            "clouds and shadows by the built-in method ({version}), not by the delivery: thin cloud may be missing.",
            version=clouds.VERSION,
        )
        return office.catalog.add_quality(scene, lambda path: _written(path, pixels, sky), CODES, note)


def _written(path: Path, pixels: FilePixels, sky: Sky) -> float | None:
    """Write the mask; the per cent of valid pixels that are cloudy."""
    valid = cloudy = 0
    with GridWriter(path, pixels.geobox, "uint8", descriptions=[CODES], tags={"METHOD": clouds.VERSION}) as out:
        for roi in windows((pixels.geobox.height, pixels.geobox.width), WINDOW):
            bits = sky.bits(roi)
            seen = pixels.read(roi).valid
            valid += int(seen.sum())
            cloudy += int(np.count_nonzero(seen & (bits & Quality.CLOUD > 0)))
            out.write(roi, bits)
    return round(100 * cloudy / valid, 2) if valid else None
