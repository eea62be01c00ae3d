"""[io] Later surface models over a part of a case, read beside those from before it and from while it stood."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from shapely.geometry.base import BaseGeometry

from flows.ground import Reader, window
from geodata.crs import GEOGRAPHIC, transform
from geodata.scene import Scene
from pipeline import heights, surfaces
from pipeline.detect.choice import by_bands
from pipeline.detect.height import Height, HeightModel
from pipeline.detect.protocol import Bands
from pipeline.recheck import Recheck
from pipeline.surfaces import Risen

ONE_BAND = Bands(("height",), (0,), (0,))


def is_surface(scene: Scene) -> bool:
    return by_bands(scene.bands, scene.gsd_m, scene.platform)[0] == "height"


def recheck(
    by: Reader, geometry: BaseGeometry, free_until: datetime | None, found_at: datetime | None, since: datetime
) -> list[Recheck]:
    """One verdict for each surface model over the part that is later than ``since``, oldest first.

    free_until: when the ground was last seen without what is flagged; found_at: when it was seen with it.
    """
    held = [scene for scene in by.over(geometry) if is_surface(scene)]
    bare = _last(held, None, free_until)
    stood = _last(held, found_at, since) if found_at else None
    return [_judged(by, geometry, bare, stood, scene) for scene in held if scene.acquired_at > since]


def _last(held: Sequence[Scene], first: datetime | None, last: datetime | None) -> Scene | None:
    """The latest one not before ``first`` and not after ``last``."""
    found = [s for s in held if last and s.acquired_at <= last and (first is None or s.acquired_at >= first)]
    return found[-1] if found else None


def _judged(by: Reader, geometry: BaseGeometry, bare: Scene | None, stood: Scene | None, later: Scene) -> Recheck:
    grid = window(later, geometry)
    here = transform(np.array([geometry], object), GEOGRAPHIC, str(grid.crs))[0]
    clear, risen = None, list[Risen | None]()
    for earlier in (bare, stood):
        if earlier is None:
            risen.append(None)
            continue
        with by.catalog.pixels(earlier, onto=grid) as one, by.catalog.pixels(later, onto=grid) as other:
            model = Height().fit(one, other, ONE_BAND)
            if not isinstance(model, HeightModel):
                risen.append(None)
                continue
            rise, noise, seen = heights.inside(here, one, other, model)
        clear = seen if clear is None else clear & seen
        risen.append(Risen(earlier.acquired_at, rise, noise))
    kept = np.zeros(0, bool) if clear is None else clear
    cut = [r and Risen(r.at, r.rise[kept], r.noise[kept]) for r in risen]
    none = not any(r is not None for r in risen)
    pixels, whole = (surfaces.LEAST_PX, surfaces.LEAST_PX) if none else (int(kept.sum()), len(kept))
    return surfaces.judged(later.id, later.acquired_at, cut[0], cut[1], pixels, whole)
