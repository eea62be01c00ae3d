"""总览: where every case stands, on the jurisdiction's map and as a list. Folium draws the base;
two plain scripts draw cases, list and filters from one block of JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import folium
import numpy as np
import shapely
from branca.element import MacroElement
from folium.template import Template
from markupsafe import escape

from geodata.words import Text, tr
from maps import assets, features, style
from maps.features import District, Park
from maps.overview_cases import FEW, INLINE, MOST, Columns, Filters, Keys, window
from maps.overview_words import WORDS
from maps.run_page import percentages
from pipeline.inspection import Inspection

BASE_BYTES = 90_000
"""Of the base map's coordinates; the budget of the whole base is 100 kB."""
MAP = "map_gx_map"
"""The map's variable in Folium's script."""
FAINT = ("#fdfcf3", "#f4f6f0")


@dataclass(frozen=True)
class Turn:
    """A line of 轮到您处理. status: whose glyph stands before it ("" = none)."""

    text: str
    count: int
    href: str
    status: str = ""


@dataclass(frozen=True, eq=False)
class Portal:
    """What the page has beyond the static site's. turns: what waits for who looks at it; totals, cases:
    addresses that answer where the page does not carry all cases."""

    turns: Sequence[Turn] = ()
    totals: str = "/overview/totals.json"
    cases: str = "/overview/cases.json"


@dataclass(frozen=True, eq=False)
class OverviewPage:
    """All that the overview shows.

    rows: ``features.page_row`` of each case (any mapping with its keys; village_name,
    township_name, relapses, due_at, closed_at and chip may be missing); the static site carries
    the ``INLINE`` most urgent, and says so. chip: address from the
    site's root. inspections: in the ledger's order, newest last; last_run_at: when the newest was
    made. map_number: 审图号 of the boundaries' layer, "" where it carries none.
    """

    scope: Text | str
    as_of: datetime | None
    rows: Sequence[Mapping[str, Any]]
    districts: Sequence[District]
    inspections: Sequence[Inspection] = ()
    verified: bool | None = None
    last_run_at: datetime | None = None
    map_number: str = ""
    software_version: str = ""
    assets: Mapping[str, str] = field(default_factory=assets.names)
    parks: Sequence[Park] = ()
    portal: Portal | None = None


def render(page: OverviewPage, lang: str = "zh") -> str:
    """The page of the static site as one HTML document (its CSS, scripts and chips are files beside it)."""
    frame = style.Frame(
        "index.html", lang, page.scope, page.as_of, page.verified, page.assets, page.software_version, "overview"
    )
    html = style.environment(lang).get_template("overview.html.j2").render(frame=frame, **values(page, frame))
    return assets.check_offline(html, frame.path)


def values(page: OverviewPage, frame: style.Frame) -> dict[str, Any]:
    """What ``overview.html.j2`` is filled with."""
    units = features.levels(page.districts, names(page.rows))
    found = places(page, units, frame.lang)
    columns = columns_of(page, found)
    drawn = data(page, units, columns, found, frame)
    return {
        "page": page,
        "map": assets.folium_parts(base_map(units, page.rows)),
        "map_script": "",
        "first": "",
        "data": assets.json_block(drawn, "gx-data"),
        "by": drawn["by"],
        **told(page),
        "left_out": 0 if page.portal else max(0, len(columns) - INLINE),
        "carried": INLINE,
    }


def shown(page: OverviewPage, turns: Sequence[Turn]) -> OverviewPage:
    """The page for one person."""
    return replace(page, portal=Portal(turns))


def told(page: OverviewPage) -> dict[str, Any]:
    """What the newest run says."""
    last = page.inspections[-1] if page.inspections else None
    return {
        "seen": seen(page.inspections),
        "last": last,
        "funnel": {step.reason: step for step in last.funnel} if last else {},
        "unseen": style.UNSEEN,
    }


def base_map(units: Mapping[str, Mapping[str, District]], rows: Sequence[Mapping[str, Any]]) -> folium.Map:
    """Districts, townships and their names; nothing of it can be pressed."""
    counties, townships = list(units["county"].values()), list(units["township"].values())
    cities = list(units["city"].values())
    west, south, east, north = extent(units, rows)
    found = folium.Map(
        location=[(south + north) / 2, (west + east) / 2],
        tiles=None,
        zoom_start=10,
        min_zoom=6,
        max_zoom=17,
        zoom_control=False,
        zoom_snap=0.1,
        zoom_delta=1,
        wheel_px_per_zoom_level=90,
        attribution_control=False,
    )
    found.add_child(FirstView((west, south, east, north)))
    drawn = features.simplified([*townships, *counties] or cities, BASE_BYTES)
    tint = {unit.code: FAINT[n % 2] for n, unit in enumerate(counties)}
    inner = [(unit, geometry) for unit, geometry in drawn if unit.level == "township"]
    outer = [(unit, geometry) for unit, geometry in drawn if unit.level != "township"]
    for shown, look in ((inner, _township_style(tint)), (outer, _county_style(tint, {u.parent for u, _ in inner}))):
        if shown:
            found.add_child(_layer(shown, look))
    found.add_child(PlaceNames(counties if len(counties) > 1 else townships or counties or cities))
    return found


def extent(
    units: Mapping[str, Mapping[str, District]], rows: Sequence[Mapping[str, Any]]
) -> tuple[float, float, float, float]:
    """(west, south, east, north) of the districts; of the cases where there are none; else of the country."""
    shapes = [u.geometry for level in ("city", "county", "township") for u in units[level].values()]
    if shapes:
        west, south, east, north = shapely.total_bounds(np.array(shapes, dtype=object))
    elif rows:
        lon, lat = [row["lon"] for row in rows], [row["lat"] for row in rows]
        west, south, east, north = min(lon) - 0.01, min(lat) - 0.01, max(lon) + 0.01, max(lat) + 0.01
    else:
        return 73.5, 18.0, 135.0, 53.5
    return float(west), float(south), float(east), float(north)


def _layer(shown: list[tuple[District, dict[str, Any]]], look: Any) -> folium.GeoJson:
    collection = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "id": unit.code, "properties": {}, "geometry": geometry} for unit, geometry in shown
        ],
    }
    return folium.GeoJson(collection, style_function=look, control=False, smooth_factor=0.6, interactive=False)


def _township_style(tint: Mapping[str, str]) -> Any:
    return lambda feature: {
        "color": "#b9c1b8",
        "weight": 1,
        "fillColor": tint.get(feature["id"][:6], FAINT[0]),
        "fillOpacity": 1,
    }


def _county_style(tint: Mapping[str, str], filled: set[str]) -> Any:
    """The border; and the ground of a county whose townships do not fill it."""
    return lambda feature: {
        "color": "#6f7d74",
        "weight": 2.2,
        "dashArray": "9 3",
        "fill": feature["id"] not in filled,
        "fillColor": tint.get(feature["id"], FAINT[0]),
        "fillOpacity": 1,
    }


class FirstView(MacroElement):
    """The whole in view before the layers come, so that they are drawn once. A map in a hidden tab has no size."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        {{ this._parent.get_name() }}.gxFitted = {{ this._parent.get_name() }}.getSize();
        if ({{ this._parent.get_name() }}.gxFitted.x) {{ this._parent.get_name() }}.fitBounds(
            {{ this.bounds|tojson }}, {padding: [14, 14], maxZoom: 15, animate: false});
        {% endmacro %}
        """
    )

    def __init__(self, bounds: tuple[float, float, float, float]) -> None:
        super().__init__()
        self._name = "FirstView"
        west, south, east, north = bounds
        self.bounds = [[south, west], [north, east]]


class PlaceNames(MacroElement):
    """Names as plain text on the map. folium's own Marker asks for Leaflet's picture files first."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        {% for lat, lon, html in this.names %}
        L.marker([{{ lat }}, {{ lon }}], {interactive: false, keyboard: false, pane: "shadowPane", icon: L.divIcon(
            {html: {{ html|tojson }}, iconSize: [0, 0], className: "gx-place-icon"})
        }).addTo({{ this._parent.get_name() }});
        {% endfor %}
        {% endmacro %}
        """
    )

    def __init__(self, units: Sequence[District]) -> None:
        super().__init__()
        self._name = "PlaceNames"
        self.names = [
            (*features.label_point(unit.geometry), f'<span class="gx-place" lang="zh-CN">{escape(unit.name)}</span>')
            for unit in units
        ]


def names(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows:
        found.setdefault(row["district_code"][:6], row["district_name"])
        found.setdefault(row["township_code"], row.get("township_name", ""))
    return found


@dataclass(frozen=True)
class Seen:
    """Of the newest run: farmland under the images, m²; how much of it was seen, per cent; by reason
    what was not, (reason, m², per cent). The per cents, to one decimal, add up to 100."""

    farmland_m2: float
    percent: float
    unseen: tuple[tuple[str, float, float], ...]
    pairs: int


def seen(inspections: Sequence[Inspection]) -> Seen | None:
    """Of the newest run's pairs together; None where no farmland lay under them."""
    newest = [i for i in inspections if i.run == inspections[-1].run]
    farmland = sum(i.farmland_m2 for i in newest)
    if farmland <= 0:
        return None
    reasons: dict[str, float] = {}
    for inspection in newest:
        for reason, m2 in inspection.unseen_farmland_m2.items():
            reasons[reason] = reasons.get(reason, 0.0) + m2
    ordered = sorted(((reason, m2) for reason, m2 in reasons.items() if m2 > 0), key=lambda pair: -pair[1])
    shares = percentages([sum(i.observed_farmland_m2 for i in newest), *(m2 for _, m2 in ordered)])
    unseen = tuple((reason, m2, share) for (reason, m2), share in zip(ordered, shares[1:], strict=True))
    return Seen(farmland, shares[0], unseen, len(newest))


def data(
    page: OverviewPage,
    units: Mapping[str, Mapping[str, District]],
    columns: Columns,
    places: Places,
    frame: style.Frame,
) -> dict[str, Any]:
    """What the scripts draw from."""
    lang, (west, south, east, north) = frame.lang, extent(units, page.rows)
    portal, carried = page.portal, min(len(columns), INLINE)
    found = {
        "lang": lang,
        "map": MAP,
        "bounds": [[south, west], [north, east]],
        "month": features.month_of(page.as_of),
        "window": window(columns.keys.months, page.as_of),
        "statuses": _statuses(lang),
        "stages": {str(stage): look.text[lang] for stage, look in style.STAGES.items()},
        "badges": {"overdue": style.OVERDUE_BADGE, "relapse": style.RELAPSE_BADGE},
        "kinds": [[kind, style.kind_name(kind, lang)] for kind in columns.keys.kinds],
        "by": "township" if len(places.counties) < 2 <= len(places.townships) else "county",
        "counties": places.counties,
        "townships": places.townships,
        "parks": [[park.code, park.name] for park in page.parks],
        "parkOf": [next((n for n, p in enumerate(page.parks) if p.holds(t[0])), -1) for t in places.townships],
        "months": columns.keys.months,
        "monthNames": style.MONTH_NAMES[lang],
        "limits": {"few": FEW, "most": MOST},
        "words": {key: tr(msgid, lang) for key, msgid in WORDS.items()},
        "attribution": page.map_number or tr("Sketch of boundaries, not a standard map", lang),
        "links": {"case": "case/", "end": ".html", "chips": frame.site, "query": False},
    }
    if portal is None:
        return found | {"cases": columns.to_json(range(carried))}
    found["links"] = {"case": "/case/", "end": "", "chips": "", "query": True, "turns": True}
    if len(columns) <= INLINE:
        return found | {"cases": columns.to_json()}
    return found | {
        "cases": columns.to_json([]),
        "more": {"totals": portal.totals, "cases": portal.cases},
    }


def answer(columns: Columns, given: Filters, selected: str = "") -> dict[str, Any]:
    """The sums under these filters, the first of the list, and the selected case: its place in the
    list, -1 where the filters hide it, None where there is no such case."""
    passed = np.flatnonzero(columns.which(given))
    first, here = passed[:FEW].tolist(), columns.place.get(selected)
    at = None
    if here is not None:
        at = int(np.searchsorted(passed, here))
        at = at if at < len(passed) and passed[at] == here else -1
    extra = [here] if here is not None and here not in first else []
    return {"sums": columns.sums(given), "cases": columns.to_json(first + extra), "listed": len(first), "at": at}


@dataclass(frozen=True)
class Places:
    """[code, name, ring's lat, lon, [south, west, north, east]] of each unit; the scripts count them from 0."""

    counties: list[list[Any]]
    townships: list[list[Any]]


def places(page: OverviewPage, units: Mapping[str, Mapping[str, District]], lang: str) -> Places:
    called, nowhere = names(page.rows), tr("no district", lang)
    counties = sorted({row["district_code"][:6] for row in page.rows})
    townships = sorted({row["township_code"] for row in page.rows if row["township_code"]})
    return Places(
        _places(units["county"], called, counties, nowhere), _places(units["township"], called, townships, nowhere)
    )


def columns_of(page: OverviewPage, found: Places) -> Columns:
    keys = Keys(
        tuple(sorted({row["kind"] for row in page.rows})),
        tuple(place[0] for place in found.counties),
        tuple(place[0] for place in found.townships),
        tuple(sorted({m for row in page.rows if (m := features.month_of(row["found_at"]))})),
        tuple(page.parks),
    )
    return Columns(page.rows, page.as_of, keys)


def _statuses(lang: str) -> list[dict[str, Any]]:
    return [
        {
            "key": str(status),
            "stage": str(style.stage_of(status) or ""),
            "text": look.text[lang],
            "plain": style.shape(status),
            "late": style.shape(status, overdue=True),
        }
        for status, look in style.STATUSES.items()
    ]


def _places(
    units: Mapping[str, District], names: Mapping[str, str], used: Sequence[str], unnamed: str
) -> list[list[Any]]:
    """[code, name, ring's lat, lon, [south, west, north, east]]; units that only rows know have no place."""
    found: list[list[Any]] = []
    for code in sorted({*units, *used}):
        unit = units.get(code)
        if unit is None:
            found.append([code, names.get(code) or code or unnamed, None, None, None])
            continue
        west, south, east, north = (round(v, 5) for v in unit.geometry.bounds)
        lat, lon = features.ring_point(unit.geometry)
        found.append([code, unit.name, round(lat, 5), round(lon, 5), [south, west, north, east]])
    return found
