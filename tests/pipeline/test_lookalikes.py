"""Ground nearby that changed in the same way."""

from __future__ import annotations

import numpy as np

from pipeline.lookalikes import places
from tests.pipeline.plots import CONCRETE, NET, image, masks

TWIN, OTHER, TAKEN = (slice(26, 34), slice(26, 34)), (slice(74, 82), slice(26, 34)), (slice(26, 34), slice(74, 82))


def pair():
    before, after = image(0, "ripe", None), image(1, "ripe", CONCRETE)
    for where, stuff in ((TWIN, CONCRETE), (OTHER, NET), (TAKEN, CONCRETE)):
        after[(slice(None), *where)] = np.array(stuff)[:, None, None]
    return before, after


def asked():
    part, _, inert = masks()
    farmland = ~inert
    taken = np.zeros_like(part)
    for rows, columns in ((slice(49, 59), slice(49, 59)), (slice(25, 35), slice(73, 83))):
        taken[rows, columns] = True
    return part, farmland, taken, inert


def test_the_twin_is_found_the_flagged_one_and_another_kind_are_not():
    part, farmland, taken, inert = asked()
    found = places(*pair(), np.ones_like(part), part, farmland, taken, inert)
    assert len(found) == 1
    assert found[0].mask[TWIN].all()
    assert found[0].mask.sum() == 64
    assert found[0].similarity > 0.95
    assert 0.8 < found[0].amount < 1.25


def test_what_every_field_did_is_no_likeness():
    part, farmland, taken, inert = asked()
    before, after = image(0, "flooded", None), image(1, "canopy", CONCRETE)
    assert places(before, after, np.ones_like(part), part, farmland, taken, inert) == []


def test_nothing_where_the_part_is_hidden():
    part, farmland, taken, inert = asked()
    assert places(*pair(), ~part, part, farmland, taken, inert) == []
