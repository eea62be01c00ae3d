"""One case as one file: it opens from a folder with no network, and names nobody."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from geodata.errors import InputError
from maps import alone, publish
from maps.chips import frame
from tests.maps import invented as made


def hand_over(file: Path, lang: str = "zh") -> str:
    events = [dataclasses.replace(e, payload={**e.payload, "party": "某建材公司"}) for e in made.events()]
    pictures = {id_: publish.Picture(rgb[::4, ::4], frame(made.PATCH)) for id_, rgb in made.pictures().items()}
    alone.write(
        file,
        made.case(),
        events,
        [made.inspection()],
        scope="丙潭县",
        lang=lang,
        pictures=pictures,
        around=publish.Surroundings(made.SCENES, made.CONTEXT, {"s2": 71.0}),
        verified=made.verified(),
    )
    return file.read_text("utf-8")


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_the_file_alone_shows_the_case(tmp_path: Path, open_page, size: tuple[int, int]) -> None:
    file = tmp_path / "case.html"
    hand_over(file)
    assert file.stat().st_size < 1_000_000
    opened = open_page(file, size, site=file)
    page = opened.page
    page.wait_for_load_state()
    assert opened.problems == []
    assert page.locator("h1").inner_text().startswith("430321-2026-00187")
    assert page.locator(".leaflet-image-layer").count() >= 2
    assert page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.locator("a[href]:not([href^='#'])").count() == 0


def test_it_leads_nowhere_and_names_nobody(tmp_path: Path) -> None:
    html = hand_over(tmp_path / "case.html", "en")
    assert not re.findall(
        r"""(?:href|src)=["'](?!data:|#)[^"']+""", re.sub(r"<script>.*?</script>", "", html, flags=re.S)
    )
    for name in ("刘敏", "某建材公司"):
        assert name not in html


def test_a_name_that_is_no_page_is_refused(tmp_path: Path) -> None:
    for name in ("case.pdf", "missing/case.html"):
        with pytest.raises(InputError):
            hand_over(tmp_path / name)
    assert not list(tmp_path.iterdir())
