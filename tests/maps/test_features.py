"""Units and parks as the settings and layers write them."""

from __future__ import annotations

import pytest

from geodata.errors import InputError
from maps import features


@pytest.mark.parametrize("told", ["430371 高新区: 430304001 430304002", " 430371 高新区：430304001，430304002 "])
def test_a_park_is_read_and_holds_its_townships(told: str) -> None:
    park = features.park(told)
    assert (park.code, park.name, park.townships) == ("430371", "高新区", ("430304001", "430304002"))
    assert park.holds("430304001")
    assert not park.holds("430304003")
    assert not park.holds("")


@pytest.mark.parametrize(
    "told", ["", "高新区: 430304001", "430371 高新区", "430371 高新区:", "430371 高新区: 板塘街道"]
)
def test_a_park_that_cannot_be_read_is_refused_with_its_words(told: str) -> None:
    with pytest.raises(InputError, match="parks"):
        features.park(told)
