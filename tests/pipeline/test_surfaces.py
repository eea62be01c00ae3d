"""Heights of a part of 100 pixels, 40 of them a house of 3 m; noise 0.1 m, so that 0.5 m is told apart."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.surfaces import Risen, judged

BARE, STOOD, NOW = (datetime(2025 + n, 10, 1, 4, tzinfo=UTC) for n in range(3))
HOUSE = np.r_[np.full(40, 3.0), np.zeros(60)].astype(np.float32)
NOISE = np.full(100, 0.1, np.float32)


def said(now: np.ndarray, *, bare: bool = True, stood: bool = True, pixels: int = 100):
    """The verdict on heights above the bare ground."""
    first = Risen(BARE, now.astype(np.float32), NOISE) if bare else None
    second = Risen(STOOD, (now - HOUSE).astype(np.float32), NOISE) if stood else None
    return judged("s", NOW, first, second, pixels, 100)


def test_what_stands_is_not_put_right() -> None:
    one = said(HOUSE)
    assert (one.verdict, one.figures["still_share"], one.figures["height_m"]) == ("not_restored", 1.0, 3.0)


def test_part_of_it_still_stands() -> None:
    half = HOUSE.copy()
    half[:20] = 0
    one = said(half)
    assert (one.verdict, one.figures["still_share"]) == ("not_restored", 0.5)
    assert "50% is still there" in one.text["en"]


def test_gone_is_not_yet_restored() -> None:
    one = said(np.zeros(100))
    assert one.verdict == "cannot_tell"
    assert one.text["en"].startswith("Gone: what rose by 3.0 m between 2025-10-01 and 2026-10-01 is down to 0.0 m")


def test_a_crop_beside_it_is_none_of_what_stood() -> None:
    """Maize of 1.4 m over the whole part: below half of the house, so gone."""
    assert said(np.full(100, 1.4)).text["en"].startswith("Gone")


def test_with_one_earlier_model_only_figures_are_told() -> None:
    assert "40% of the part stands 3.0 m higher than on 2025-10-01" in said(HOUSE, stood=False).text["en"]
    assert said(np.zeros(100), stood=False).text["en"].startswith("Nothing stands higher than before")
    assert "40% of the part is 3.0 m lower than on 2026-10-01" in said(np.zeros(100), bare=False).text["en"]
    assert said(HOUSE, bare=False).text["en"].startswith("Nothing of the part is lower")
    assert {said(HOUSE, stood=False).verdict, said(np.zeros(100), bare=False).verdict} == {"cannot_tell"}


@pytest.mark.parametrize("words", ["No earlier surface model", "shows too little of the part"])
def test_what_cannot_be_compared_is_said(words: str) -> None:
    one = said(HOUSE, bare=False, stood=False) if "earlier" in words else said(HOUSE, pixels=20)
    assert one.verdict == "cannot_tell"
    assert words in one.text["en"]
