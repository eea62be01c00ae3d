"""What may be compared: bits, growing, counts that add up."""

from __future__ import annotations

import numpy as np
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geodata.scene import Raster
from geodata.sensors import QUALITY
from pipeline import quality
from pipeline.quality import Quality


def raster(codes: list[list[int]], dtype: type = np.uint8) -> Raster:
    found = np.array(codes, dtype)
    values = np.full((2, *found.shape), 500, np.float32)
    grid = GeoBox(found.shape, Affine(10, 0, 0, 0, -10, 0), "EPSG:32650")
    return Raster(values, np.ones(found.shape, bool), found, grid, ("red", "nir"))


def test_scene_classification_sets_one_bit_each():
    bits = quality.bits(raster([[4, 6, 8], [3, 10, 11], [0, 1, 99]]), QUALITY["scl"])
    assert bits.tolist() == [
        [0, Quality.WATER, Quality.CLOUD],
        [Quality.SHADOW, Quality.CIRRUS, Quality.SNOW],
        [Quality.NODATA, Quality.SATURATED, Quality.NODATA],  # 99 is no class of the product
    ]


def test_landsat_bits_are_read_one_by_one():
    clear, cloud_and_water = 1 << 6, (1 << 3) | (1 << 7)
    bits = quality.bits(raster([[clear, cloud_and_water, 1]], np.uint16), QUALITY["qa_pixel"])
    assert bits.tolist() == [[0, Quality.CLOUD | Quality.WATER, Quality.NODATA]]


def test_without_a_quality_band_only_nodata_and_saturation_are_told():
    pixels = raster([[8, 8, 8]])
    pixels.valid[0, 0] = False
    pixels.values[1, 0, 2] = 1023
    bits = quality.bits(pixels, None, saturation=1023)
    assert bits.tolist() == [[Quality.NODATA, 0, Quality.SATURATED]]


def test_water_is_compared_and_cloud_is_not():
    before = np.array([[0, Quality.WATER, Quality.WATER]], np.uint8)
    after = np.array([[Quality.SNOW, 0, Quality.CLOUD]], np.uint8)
    assert quality.clear(before | after).tolist() == [[False, True, False]]


def test_cloud_grows_by_two_pixels_and_snow_does_not():
    found = np.zeros((1, 9), np.uint8)
    found[0, 4], found[0, 8] = Quality.CLOUD, Quality.SNOW
    cloudy = quality.grown(found) & Quality.CLOUD != 0
    assert cloudy.tolist() == [[False, False, True, True, True, True, True, False, False]]
    assert (quality.grown(found) & Quality.SNOW != 0).sum() == 1


def test_each_unclear_pixel_counts_for_one_reason():
    found = np.array([[0, Quality.WATER, Quality.CLOUD | Quality.SHADOW, Quality.SHADOW, 127]], np.uint8)
    assert quality.tally(found) == {
        "clear": 2,
        "nodata": 1,
        "cloud": 1,
        "shadow": 1,
        "cirrus": 0,
        "snow": 0,
        "saturated": 0,
    }


@given(st.lists(st.integers(0, 127), max_size=60))
def test_the_tally_adds_up(values: list[int]):
    assert sum(quality.tally(np.array([values], np.uint8)).values()) == len(values)
