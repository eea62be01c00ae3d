"""Ranks among fields: what they promise."""

from __future__ import annotations

import numpy as np

from pipeline import likeness


def blocks(seed, parcels=40, each=3, bands=4):
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(parcels), each)
    values = rng.normal(0, 1, (parcels, bands))[owner] + rng.normal(0, 0.1, (parcels * each, bands))
    return values * [10, 20, 5, 100] + 1000, owner


def test_one_field_in_ten_lies_below_a_tenth():
    """A further parcel of the same kind: its p is spread evenly."""
    found = []
    for seed in range(300):
        values, owner = blocks(seed)
        mine = owner == owner[-1]
        found.append(likeness.fields(values[~mine], owner[~mine]).p(values[mine][0]))
    assert 0.05 < np.mean(np.array(found) <= 0.1) < 0.16


def test_the_scale_of_a_band_does_not_matter():
    values, owner = blocks(1)
    far = values.mean(axis=0) + np.array([0, 0, 30, 0])
    one = likeness.fields(values, owner).p(far)
    other = likeness.fields(values * [1, 7, 0.001, 3], owner).p(far * [1, 7, 0.001, 3])
    assert one == other < 0.02


def test_light_is_found_among_changes():
    rng = np.random.default_rng(3)
    one = rng.uniform(500, 3000, (400, 2))
    other = one * [1.1, 0.9] + [40, -20] + rng.normal(0, 5, one.shape)
    other[:100] += 900  # a quarter was built on or mown
    found = likeness.light(one, other)
    np.testing.assert_allclose(found.gain, [1.1, 0.9], atol=0.01)
    np.testing.assert_allclose(found.offset, [40, -20], atol=15)


def test_too_little_unchanging_ground_is_said():
    assert not likeness.light(np.ones((20, 3)), np.ones((20, 3))).known
