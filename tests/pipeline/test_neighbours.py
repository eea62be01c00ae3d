"""Which pixels are asked for, and tiles of fine images."""

from __future__ import annotations

import numpy as np

from pipeline import neighbours
from tests.pipeline.plots import masks


def test_blocks_are_as_large_as_the_part_and_lie_in_one_field_each():
    part, parcels, inert = masks()
    where = neighbours.layout(part, parcels, inert)
    assert len(where.part) == 64
    assert where.blocks.shape[1] == 64
    owners = parcels.reshape(-1)[where.blocks]
    assert (owners == where.parcel[:, None]).all()
    assert not np.isin(where.blocks, where.part).any()
    assert inert.reshape(-1)[where.inert].all()


def test_small_fields_get_smaller_blocks():
    part, parcels, inert = masks()
    parcels = np.where(np.indices(parcels.shape)[0] % 4 == 0, 0, parcels)  # strips three pixels wide
    where = neighbours.layout(part, parcels, inert)
    assert len(where.blocks) >= 50
    assert where.blocks.shape[1] == 4


def test_no_pixel_inside_no_blocks():
    part, parcels, inert = masks()
    where = neighbours.layout(np.zeros_like(part), parcels, inert)
    assert len(where.part) == 0
    assert len(where.blocks) == 0


def test_tiles_tell_rough_from_smooth_at_equal_colour():
    rng = np.random.default_rng(5)
    smooth = np.full((3, 40, 40), 100, np.float32)
    rough = smooth + rng.choice([-30, 30], (40, 40)).astype(np.float32)
    bits = np.zeros((40, 40), np.uint8)
    bits[0, 0] = 2
    one, seen = neighbours.tiled(smooth, bits, 10)
    two, _ = neighbours.tiled(rough, bits, 10)
    assert one.shape == (5, 4, 4)
    np.testing.assert_allclose(one[:3], two[:3], rtol=0.1)
    assert (two[3] > one[3] + 3).all()
    assert seen[0, 0] == 2
    assert seen.sum() == 2
