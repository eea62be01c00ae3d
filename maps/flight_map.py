"""One flight as one HTML file: what each photo shows on a Folium map, and the list that says the same; offline.

What is assumed and what is missing stands beside each photo. The map has no base map: it is laid over nothing from
outside. Text from files reaches the page only through Jinja's escaping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import folium
import numpy as np
import shapely
from markupsafe import Markup
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from geodata.words import LANGUAGES
from maps import assets
from maps.style import INK, PATCH_LINE, environment

FRAME = "#0b5fa5"
LEAFLET = "/* leaflet */"
STYLES: Mapping[str, Mapping[str, Any]] = {
    "frame": {"color": FRAME, "weight": 1.5, "fillColor": FRAME, "fillOpacity": 0.08},
    "circle": {"color": FRAME, "weight": 1.5, "dashArray": "6 4", "fillColor": FRAME, "fillOpacity": 0.05},
    "patch": {"color": INK, "weight": 4, "fillColor": PATCH_LINE, "fillOpacity": 0.4},
}


def render(
    summary: Mapping[str, Any],
    frames: Sequence[Mapping[str, Any]],
    patches: Mapping[str, BaseGeometry],
    lang: str = "zh",
) -> str:
    """summary: of ``flights.summary`` with "cases"; frames: ``Frame`` as dicts; patches: {name: EPSG:4490} in view.

    Raises: WorkError where the page would reach outside.
    """
    assert lang in LANGUAGES
    page = (
        environment(lang)
        .get_template("flight.html.j2")
        .render(
            flight=summary,
            frames=frames,
            map=assets.folium_parts(_drawn(frames, patches), "gx_flight"),
            leaflet_js=LEAFLET,
            leaflet_css=Markup(assets.leaflet_css().decode()),  # noqa: S704  ours
        )
    )
    # Leaflet names its makers' site in a text that is not shown; all else is looked at.
    return assets.check_offline(page, str(summary["id"])).replace(
        LEAFLET, assets.leaflet_js().decode().replace("</script", "<\\/script"), 1
    )


def _drawn(frames: Sequence[Mapping[str, Any]], patches: Mapping[str, BaseGeometry]) -> folium.Map:
    shapes = [one["shape"] for one in frames if one["shape"] is not None]
    found = folium.Map(tiles=None, zoom_control=True, attribution_control=False, max_zoom=22, font_size="13px")
    for kind in ("patch", "circle", "frame"):
        some = list(patches.values()) if kind == "patch" else [
            one["shape"] for one in frames if one["kind"] == kind and one["shape"] is not None
        ]  # fmt: skip
        if some:
            _layer(some, kind).add_to(found)
    for n, one in enumerate(frames, 1):
        if one["lon"] is not None:
            icon = folium.DivIcon(html=f"<b>{n}</b>", icon_size=(22, 22), class_name="gx-photo")
            folium.Marker([one["lat"], one["lon"]], icon=icon, interactive=False, keyboard=False).add_to(found)
    if shapes:
        west, south, east, north = shapely.total_bounds(np.array(shapes, object))
        found.fit_bounds([[south, west], [north, east]], max_zoom=20)
    return found


def _layer(shapes: Sequence[BaseGeometry], kind: str) -> folium.GeoJson:
    features = [
        {"type": "Feature", "id": str(n), "properties": {}, "geometry": mapping(shapely.set_precision(shape, 1e-7))}
        for n, shape in enumerate(shapes)
    ]
    return folium.GeoJson(
        {"type": "FeatureCollection", "features": features},
        style_function=lambda _: dict(STYLES[kind]),
        class_name=f"gx-{kind}",
        interactive=False,
        control=False,
    )
