"""[io] Look-alikes of a part: read around it, found, laid over the layers."""

from __future__ import annotations

import numpy as np
import shapely

from flows.ground import DEGREES, Place, Reader
from geodata.crs import gk3, own_zone, transform
from geodata.layers import Kind
from geodata.rasterfile import polygonize
from pipeline import lookalikes
from pipeline.lookalikes import Lookalike
from pipeline.overlay import Occupied, overlay

MOST = 50


def find(reader: Reader, place: Place) -> list[Lookalike]:
    """Most alike first; [] where the flag's scenes are no longer held or the part is not seen on both."""
    pair = reader.pair(place)
    if pair is None:
        return []
    ground = pair.marked
    found = lookalikes.places(
        pair.before, pair.after, pair.clear, ground.part, ground.farmland, ground.taken, ground.inert
    )[:MOST]
    if not found:
        return []
    crs = str(pair.grid.crs)
    shapes = [shapely.union_all(polygonize(one.mask, 8, pair.grid.affine)) for one in found]
    laid = overlay(shapes, crs, pair.layers)
    zone = gk3(own_zone(DEGREES, place.geometry.bounds))
    part = transform(np.array([place.geometry], object), DEGREES, zone)[0]
    away = shapely.distance(transform(np.array(shapes, object), crs, zone), part)
    return [_lookalike(one, on, float(metres)) for one, on, metres in zip(found, laid, away, strict=True)]


def _lookalike(place: lookalikes.Place, on: Occupied, metres: float) -> Lookalike:
    shares = [share for share in on.shares if share.kind is Kind.FARMLAND]
    return Lookalike(
        geometry=on.geometry,
        area_m2=on.patch_m2,
        similarity=round(place.similarity, 4),
        amount=round(place.amount, 4),
        distance_m=round(metres, 1),
        parcels=tuple(
            {"code": s.code, "name": s.name, "label": s.label, "unit": s.unit, "area_m2": s.gross_m2} for s in shares
        ),
        approved_m2=on.overlays.get(Kind.APPROVED, (0.0, 0.0))[0],
        facility_m2=on.overlays.get(Kind.FACILITY, (0.0, 0.0))[0],
    )
