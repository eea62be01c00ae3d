"""Before any test module imports rasterio, fiona or pyogrio: close what GDAL must not open."""

import os

import geodata  # noqa: F401

os.environ.setdefault("GENGXUN_LANG", "en")
