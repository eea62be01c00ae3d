"""Layers at rest by hand, on ground whose areas can be checked by hand: at the central meridian of zone
38 the ellipsoid's area is the plane's to 0.1 m² a hectare."""

from datetime import date

import numpy as np
import pyarrow as pa
import shapely

from geodata.editions import LayersOnDay
from geodata.layers import Layer
from geodata.parcels import ParcelStore, write_store

ZONE, DAY = "EPSG:4547", date(2026, 6, 1)
X, Y = 500_000, 3_080_000


def at(x0, y0, x1, y1):
    """A rectangle in metres from the ground's south-west corner."""
    return shapely.box(X + x0, Y + y0, X + x1, Y + y1)


def part(folder, kind, shapes, *, zone=ZONE, code_system="sandiao", sha="a", **columns):
    """One part of a layer at rest, and its description."""
    shapes = np.array(shapes, object)
    columns = {name: list(values) for name, values in columns.items()}
    batch = pa.record_batch({"wkb": pa.array(shapely.to_wkb(shapes), pa.binary())} | columns)
    folder = folder / f"{kind}-{sha}"
    summary = write_store(folder, [batch], zone=zone)
    store = ParcelStore.open(folder)
    layer = Layer(kind, "2025", date(2025, 1, 1), code_system, zone, zone, sha * 64, "", summary.rows, 0.0, 0.0)
    return layer, store


def on_day(*parts, day=DAY):
    held = {}
    for layer, store in parts:
        held.setdefault(layer.kind, []).append((layer, store))
    return LayersOnDay(day, held, dict.fromkeys(held, "2025"), [])
