"""The page of one case: boundary, before and after, reasons, areas, what is next; Folium, offline.

Folium draws the pair of chips and the outlines; one plain script (``static/case.js``) adds the
swipe, the strip of dates, labels and hatch. Text from layers reaches the page only through Jinja's
escaping or as ``textContent``.
"""

from __future__ import annotations

from typing import Any

import folium
import numpy as np
import shapely
from folium.map import CustomPane
from folium.raster_layers import ImageOverlay
from shapely.geometry.base import BaseGeometry

from geodata.words import tr
from maps import assets
from maps.case_parts import CasePage, SceneView
from maps.case_story import case_page
from maps.chips import Bounds, frame
from maps.style import BASIC_HATCH, BASIC_LINE, INK, PATCH_LINE, Frame, environment

__all__ = ["CasePage", "case_page", "page_path", "render"]

LABELS = 14
MOST = 120
"""Parcels drawn around a patch; a road of kilometres would bring thousands."""
PANES = {"gx-before": 250, "gx-after": 251, "gx-basic": 410, "gx-parcels": 420, "gx-patch": 450}


def page_path(number: str) -> str:
    """Where the page lies under the root of its language."""
    return f"case/{number}.html"


def render(page: CasePage, lang: str = "zh", frame: Frame | None = None) -> str:
    """The page as one HTML document that asks nothing of the network.

    frame: as ``publish`` makes it; by default that of a page at ``page_path`` with no area named.
    """
    if frame is None:
        checked = None if page.seal is None else page.seal.ok
        frame = Frame(page_path(page.number), lang, "", page.as_of, checked, assets.names(), nav="cases")
    return environment(frame.lang).get_template("case.html.j2").render(frame=frame, **values(page, frame))


def values(page: CasePage, frame: Frame) -> dict[str, Any]:
    """What the template needs beside the frame; of the Folium map ``map.html`` and ``map.script``."""
    shown = {one.id: one for one in page.scenes}
    return {
        "page": page,
        "map": assets.folium_parts(draw(page, frame.site), "gx_case"),
        "data": assets.json_block(_data(page, frame), "gx-case-data"),
        "before": shown.get(page.before_id),
        "after": shown.get(page.after_id),
        "pictures": sum(scene.chip is not None for scene in page.scenes),
        "sensor": _sensor,
    }


def draw(page: CasePage, site: str) -> folium.Map:
    """The Folium map: panes, the pair's chips, and the outlines; site: from the page to the site's root."""
    view = view_bounds(page)
    found = folium.Map(
        location=[(view[1] + view[3]) / 2, (view[0] + view[2]) / 2],
        zoom_start=16,
        tiles=None,
        zoom_control=False,
        attribution_control=False,
        zoom_snap=0.25,
        max_zoom=21,
        font_size="13px",
    )
    for name, z_index in PANES.items():
        CustomPane(name, z_index=z_index).add_to(found)
    shown = {scene.id: scene for scene in page.scenes}
    for side, id_ in (("before", page.before_id), ("after", page.after_id)):
        chip = shown[id_].chip if id_ in shown else None
        if chip is not None:
            _Overlay(site + chip.href, chip.bounds, side).add_to(found)
    cut = _cut_edge(view)
    basic = _near(page, view, "basic_farmland")
    _outline(basic, "hatch").add_to(found)
    for style, areas in (
        ("basic", basic),
        ("parcel", _near(page, view, "parcel")),
        ("other", _near(page, view, "other")),
    ):
        _outline([_rounded(shapely.difference(shapely.boundary(area), cut)) for area in areas], style).add_to(found)
    for style in ("casing", "patch"):
        _outline([_rounded(page.geometry)], style).add_to(found)
    return found


def _cut_edge(view: Bounds) -> BaseGeometry:
    """The edge at which layers are cut for a page: no boundary of theirs, so no line is drawn along it."""
    return shapely.boundary(shapely.box(*view)).buffer((view[2] - view[0]) * 0.006)


class _Overlay(ImageOverlay):
    """A chip by its relative address; Folium itself would open it as a file and inline it."""

    def __init__(self, href: str, bounds: Bounds, side: str) -> None:
        west, south, east, north = bounds
        corners = [[south, west], [north, east]]
        # any address keeps Folium from opening the picture as a file; the real one, relative, follows
        super().__init__(
            "http://0", corners, pane=f"gx-{side}", class_name=f"gx-chip gx-chip-{side}", interactive=False
        )
        self.url = href


_STYLES: dict[str, tuple[str, dict[str, Any]]] = {
    "hatch": ("gx-basic", {"stroke": False, "fillColor": BASIC_HATCH, "fillOpacity": 0.25}),
    "basic": ("gx-basic", {"color": BASIC_LINE, "weight": 3, "dashArray": "10 5", "fill": False}),
    "parcel": ("gx-parcels", {"color": "#ffffff", "weight": 1.8, "dashArray": "5 4", "fill": False}),
    "other": ("gx-parcels", {"color": "#ffffff", "weight": 2, "dashArray": "1 5", "fill": False}),
    "casing": ("gx-patch", {"color": INK, "weight": 7, "fill": False, "lineJoin": "round"}),
    "patch": ("gx-patch", {"color": PATCH_LINE, "weight": 3.5, "fill": False, "lineJoin": "round"}),
}


def _outline(geometries: list[BaseGeometry], style: str) -> folium.GeoJson:
    pane, drawn = _STYLES[style]
    features = [
        {"type": "Feature", "id": str(index), "properties": {}, "geometry": shapely.geometry.mapping(geometry)}
        for index, geometry in enumerate(geometries)
        if not geometry.is_empty
    ] or [
        {"type": "Feature", "id": "0", "properties": {}, "geometry": {"type": "GeometryCollection", "geometries": []}}
    ]
    return folium.GeoJson(
        {"type": "FeatureCollection", "features": features},
        style_function=lambda _: drawn,
        pane=pane,
        class_name=f"gx-line-{style}",
        interactive=False,
        smooth_factor=0.5,
    )


def _near(page: CasePage, view: Bounds, kind: str) -> list[BaseGeometry]:
    """The areas of one kind as the map can show them: cut, the nearest first and no more than
    ``MOST``, edges to a pixel of the first view; basic farmland dissolved into one outline."""
    near = shapely.box(*_grown(view, 1.15))
    kept = [one.geometry for one in page.ground if one.kind == kind and shapely.intersects(one.geometry, near)]
    if kind == "basic_farmland":
        kept = [shapely.union_all(kept)] if kept else []
    elif len(kept) > MOST:
        kept.sort(key=lambda geometry: shapely.distance(geometry, page.geometry))
        kept = kept[:MOST]
    tolerance = (view[2] - view[0]) / 800
    cut = shapely.simplify(shapely.intersection(np.array(kept, dtype=object), near), tolerance)
    polygons = [part for one in cut for part in shapely.get_parts(one) if part.geom_type == "Polygon"]
    return [_rounded(part) for part in polygons if part.area > (4 * tolerance) ** 2]


def _rounded(geometry: BaseGeometry) -> BaseGeometry:
    """To a centimetre: more digits than that only make the page heavier."""
    return shapely.transform(geometry, lambda xy: np.round(xy, 7))


def view_bounds(page: CasePage) -> Bounds:
    """What the map shows at first: the chips' own ground, else a frame around the patch."""
    for scene in page.scenes:
        if scene.chip is not None and scene.id in (page.before_id, page.after_id):
            return scene.chip.bounds
    return frame(page.geometry)


def _grown(bounds: Bounds, times: float) -> Bounds:
    west, south, east, north = bounds
    x, y = (east - west) * (times - 1) / 2, (north - south) * (times - 1) / 2
    return west - x, south - y, east + x, north + y


def _data(page: CasePage, frame: Frame) -> dict[str, Any]:
    """What the script needs: scenes with addresses and words, labels with places."""
    lang = frame.lang
    view = view_bounds(page)
    return {
        "map": "map_gx_case",
        "view": view,
        "before": page.before_id,
        "after": page.after_id,
        "scenes": [
            {
                "id": scene.id,
                "day": scene.day.isoformat(),
                "note": _sensor(scene, lang),
                "href": frame.site + scene.chip.href if scene.chip else None,
                "bounds": scene.chip.bounds if scene.chip else None,
                "usable": scene.unusable is None,
            }
            for scene in page.scenes
        ],
        "labels": _labels(page, shapely.box(*view)),
        "words": tr("before|after", lang).split("|"),
    }


def _labels(page: CasePage, view: BaseGeometry) -> list[dict[str, Any]]:
    """Labels of the parcels in view, those under the patch first, then the largest; each at a
    point inside its parcel that the patch leaves free."""
    found = []
    shapely.prepare(page.geometry)
    for one in page.ground:
        if one.kind == "basic_farmland" or not one.label:
            continue
        seen = shapely.intersection(one.geometry, view)
        if seen.is_empty:
            continue
        under = shapely.intersects(one.geometry, page.geometry)
        free = shapely.difference(seen, page.geometry)
        point = shapely.point_on_surface(seen if free.is_empty else free)
        found.append((not under, -seen.area, one.label, round(point.y, 7), round(point.x, 7)))
    found.sort()
    return [{"text": text, "lat": lat, "lon": lon} for _, _, text, lat, lon in found[:LABELS]]


def _sensor(scene: SceneView, lang: str, with_cloud: bool = True) -> str:
    """GF-2 · 0.8 m · 云 3%."""
    size = f"{scene.gsd_m:g}\u00a0m" if scene.gsd_m >= 0.5 else f"{scene.gsd_m * 100:g}\u00a0cm"
    told = with_cloud and scene.cloud_pct is not None
    cloud = "" if not told else " · " + tr("cloud {cloud}%", lang, cloud=f"{scene.cloud_pct:.0f}")
    return f"{scene.platform} · {size}{cloud}"
