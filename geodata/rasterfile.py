"""[io] Windows of an image file in, georeferenced grids out: one door to what the rooms behind do.

``imagefile`` opens, ``filepixels`` reads, ``gridfile`` writes, ``chips`` makes pictures, ``masks``
goes between polygons and pixels.
"""

from geodata.chips import Chip, crop, crop_pair
from geodata.filepixels import FilePixels, open_pixels
from geodata.gridfile import GridWriter, convert_to_cog
from geodata.imagefile import describe
from geodata.masks import polygonize, rasterize

__all__ = [
    "Chip",
    "FilePixels",
    "GridWriter",
    "convert_to_cog",
    "crop",
    "crop_pair",
    "describe",
    "open_pixels",
    "polygonize",
    "rasterize",
]
