"""Folium without the network, and JSON that stays JSON inside a page."""

from __future__ import annotations

import json
import re

import folium
import pytest
from folium.plugins import MarkerCluster
from hypothesis import given
from hypothesis import strategies as st

from geodata.errors import WorkError
from maps import assets
from maps.style import Status, glyph, label

NASTY = "</script><img src=x onerror=alert(1)>`${alert(2)}`"


def a_map() -> folium.Map:
    found = folium.Map(location=[27.8, 112.9], tiles=None)
    folium.GeoJson({"type": "Point", "coordinates": [112.9, 27.8]}).add_to(found)
    folium.CircleMarker([27.8, 112.9]).add_to(found)
    return found


def test_a_folium_map_names_nothing_outside() -> None:
    parts = assets.folium_parts(a_map())
    assert "L.map(" in parts.script
    assert f'id="{parts.name}"' in parts.html
    assert not re.search(r"https?:|//cdn", parts.html + parts.script)


def test_the_same_map_gives_the_same_text() -> None:
    assert assets.folium_parts(a_map()) == assets.folium_parts(a_map())


def test_an_element_that_wants_a_file_we_do_not_carry_is_refused() -> None:
    found = a_map()
    MarkerCluster().add_to(found)
    with pytest.raises(WorkError, match="MarkerCluster needs"):
        assets.folium_parts(found)


def test_emptying_one_map_leaves_folium_itself_alone() -> None:
    assets.folium_parts(a_map())
    assert folium.Map.default_js


def test_leaflet_comes_whole_with_its_pictures_inside() -> None:
    css = assets.leaflet_css().decode()
    assert "Leaflet 1.9.3" in assets.leaflet_js().decode()[:200]
    assert re.findall(r"url\((?!#|data:)", css) == []


def test_the_field_page_takes_of_leaflets_style_what_a_map_with_a_scale_needs() -> None:
    css = assets.leaflet_field_css().decode()
    assert "url(" not in css
    assert len(css) < 4_500
    for name in ("pane", "container", "marker-icon", "image-layer", "control-scale-line", "touch-drag", "interactive"):
        assert f".leaflet-{name}" in css
    assert css.count("{") == css.count("}")


def test_names_follow_content() -> None:
    for name, (hashed, content) in assets.static_files().items():
        stem, ending = name.rsplit(".", 1)
        assert re.fullmatch(rf"{re.escape(stem)}\.[0-9a-f]{{10}}\.{ending}", hashed)
        assert content


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_a_json_block_reads_back_and_holds_no_markup(value) -> None:
    block = str(assets.json_block(value, "x"))
    inside = block.removeprefix('<script type="application/json" id="x">').removesuffix("</script>")
    assert not set("<>&\u2028\u2029") & set(inside)
    assert json.loads(inside) == value


def test_a_json_block_is_not_ended_by_its_text() -> None:
    assert str(assets.json_block({"name": NASTY}, "x")).count("</script>") == 1


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/leaflet.js"></script>',
        "<img src=//tiles.example/1.png>",
        "<a href='http://example.org'>x</a>",
        "<style>p{background:url(http://example.org/a.png)}</style>",
        '<style>@import "https://fonts.example/a.css";</style>',
        '<form action="https://example.org">',
    ],
)
def test_a_page_that_reaches_outside_is_refused(html: str) -> None:
    with pytest.raises(WorkError, match="would reach outside"):
        assets.check_offline(html, "index.html")


def test_what_lies_beside_the_page_is_no_reach_outside() -> None:
    html = '<a href="../index.html#s=FOUND"><img src="data:image/png;base64,AA=="><svg xmlns="http://www.w3.org/2000/svg"/></a>'
    assert assets.check_offline(html, "index.html") == html


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("overdue", [False, True])
@pytest.mark.parametrize("relapse", [False, True])
def test_a_glyph_tells_status_in_shape_character_and_words(status, overdue, relapse) -> None:
    drawn = str(glyph(status, overdue, relapse, lang="en", size_px=30))
    assert f'aria-label="{label(status, overdue, relapse, "en")}"' in drawn
    assert len(re.findall(r"<text[^>]*>(.)</text>", drawn)) == 1
    assert ("#a1123f" in drawn) == overdue
    assert ("#14201a" in drawn) == relapse


def test_no_two_statuses_look_alike_without_colour() -> None:
    drawn = {re.sub(r"#[0-9a-f]{6}", "#", str(glyph(status, size_px=30, hidden=True))) for status in Status}
    assert len(drawn) == len(Status)


def test_small_glyphs_drop_the_character() -> None:
    assert "<text" not in str(glyph("CLOSED", size_px=20))


def test_words_of_a_glyph_in_chinese() -> None:
    assert label("REPORTED", True, False, "zh") == "待验收，逾期"
