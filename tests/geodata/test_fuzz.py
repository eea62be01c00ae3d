"""Whatever chance does to a file: it is read, or refused in one sentence, and nothing is written elsewhere."""

import random

import pytest

from tests.geodata import fuzz


def test_five_hundred_files_hurt_by_chance(tmp_path):
    fuzz.made(tmp_path)
    assert list(fuzz.runs(tmp_path, 500)) == []


def test_the_same_seed_hurts_the_same(tmp_path):
    (tmp_path / "good").mkdir()
    (good,) = [path for path in fuzz.made(tmp_path / "good") if path.name == "shp.zip"]
    hurt = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        hurt.append(fuzz.hurt(good, tmp_path / name, random.Random(7)).read_bytes())
    assert hurt[0] == hurt[1] != good.read_bytes()


@pytest.mark.soak
def test_twenty_thousand_files_hurt_by_chance(tmp_path):
    fuzz.made(tmp_path)
    assert list(fuzz.runs(tmp_path, 20_000, first=500)) == []
