"""Where things are: coordinates, imagery, layers. The lowest floor."""

from geodata import safe as _safe

_safe.guard_gdal()  # before anything can import rasterio, fiona or pyogrio
