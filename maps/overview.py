"""总览: where every case stands, on the jurisdiction's map and as a list. Folium draws the base;
two plain scripts draw cases, list and filters from one block of JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import folium
import numpy as np
import shapely
from branca.element import MacroElement
from folium.template import Template
from markupsafe import escape

from geodata.area import mu
from geodata.words import Text, tr
from maps import assets, features, style
from maps.features import District
from maps.run_page import percentages
from pipeline.cases.case import Status
from pipeline.inspection import Inspection

BASE_BYTES = 90_000
"""Of the base map's coordinates; the budget of the whole base is 100 kB."""
FAINT = ("#fdfcf3", "#f4f6f0")
MONTHS = 12


@dataclass(frozen=True, eq=False)
class OverviewPage:
    """All that the overview shows.

    rows: ``features.page_row`` of each case (any mapping with its keys; village_name,
    township_name, relapses, due_at, closed_at and chip may be missing). chip: address from the
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


def render(page: OverviewPage, lang: str = "zh") -> str:
    """The page as one HTML document (its CSS, scripts and chips are files beside it)."""
    frame = style.Frame(
        "index.html", lang, page.scope, page.as_of, page.verified, page.assets, page.software_version, "overview"
    )
    units = features.levels(page.districts, _names(page.rows))
    parts = assets.folium_parts(base_map(units, page.rows))
    drawn = data(page, units, lang, frame.site)
    html = (
        style.environment(lang)
        .get_template("overview.html.j2")
        .render(
            frame=frame,
            page=page,
            map=parts,
            data=assets.json_block(drawn, "gx-data"),
            by=drawn["by"],
            seen=seen(page.inspections),
            last=page.inspections[-1] if page.inspections else None,
            funnel={s.reason: s for s in page.inspections[-1].funnel} if page.inspections else {},
            unseen=style.UNSEEN,
        )
    )
    return assets.check_offline(html, frame.path)


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


def _names(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
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


def data(page: OverviewPage, units: Mapping[str, Mapping[str, District]], lang: str, site: str) -> dict[str, Any]:
    """What the scripts draw from. Cases come by columns; areas in hundredths of a 亩, places in 1e-5 degree."""
    rows = list(page.rows)
    names = _names(rows)
    nowhere = tr("no district", lang)
    counties = _places(units["county"], names, sorted({row["district_code"][:6] for row in rows}), nowhere)
    used = sorted({row["township_code"] for row in rows if row["township_code"]})
    townships = _places(units["township"], names, used, nowhere)
    kinds = sorted({row["kind"] for row in rows})
    west, south, east, north = extent(units, rows)
    months = sorted({m for row in rows if (m := features.month_of(row["found_at"]))})
    keys = {"kind": kinds, "county": [c[0] for c in counties], "township": [t[0] for t in townships], "month": months}
    return {
        "lang": lang,
        "site": site,
        "bounds": [[south, west], [north, east]],
        "month": features.month_of(page.as_of),
        "statuses": _statuses(lang),
        "stages": {str(stage): look.text[lang] for stage, look in style.STAGES.items()},
        "badges": {"overdue": style.OVERDUE_BADGE, "relapse": style.RELAPSE_BADGE},
        "kinds": [[kind, style.kind_name(kind, lang)] for kind in kinds],
        "by": "township" if len(counties) < 2 <= len(townships) else "county",
        "counties": counties,
        "townships": townships,
        "months": months,
        "monthNames": style.MONTH_NAMES[lang],
        "cases": _columns(rows, page.as_of, keys),
        "words": {key: tr(msgid, lang) for key, msgid in WORDS.items()},
        "attribution": page.map_number or tr("Sketch of boundaries, not a standard map", lang),
    }


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


def _columns(
    rows: Sequence[Mapping[str, Any]], as_of: datetime | None, keys: Mapping[str, Sequence[str]]
) -> dict[str, list[Any]]:
    kind, county, township, month = (
        {key: n for n, key in enumerate(keys[name])} for name in ("kind", "county", "township", "month")
    )
    status = {str(s): n for n, s in enumerate(style.STATUSES)}
    open_ = {str(s) for s in Status if s not in (Status.CLOSED, Status.DISMISSED)}
    return {
        "number": [row["number"] for row in rows],
        "status": [status[str(row["status"])] for row in rows],
        "kind": [kind[row["kind"]] for row in rows],
        "county": [county[row["district_code"][:6]] for row in rows],
        "township": [township.get(row["township_code"], -1) for row in rows],
        "village": [row.get("village_name", "") for row in rows],
        "lon": [round(row["lon"] * 1e5) for row in rows],
        "lat": [round(row["lat"] * 1e5) for row in rows],
        "area": [_hundredths(row["patch_m2"]) for row in rows],
        "basic": [_hundredths(row["basic_farmland_m2"]) for row in rows],
        "restored": [_hundredths(row.get("restored_m2", 0.0)) for row in rows],
        "urgency": [round(row["urgency"] * 100) for row in rows],
        "month": [month[features.month_of(row["found_at"]) or ""] for row in rows],
        "left": [features.days_left(row.get("due_at"), as_of) if str(row["status"]) in open_ else None for row in rows],
        "relapses": [row.get("relapses", 0) for row in rows],
        "closed": [features.month_of(row.get("closed_at")) or "" for row in rows],
        "chip": [row.get("chip") or "" for row in rows],
    }


def _hundredths(m2: float) -> int:
    """Of a 亩, rounded as every page prints it."""
    return round(round(mu(m2), 2) * 100)


WORDS: Mapping[str, str] = {
    "mu": "mu",
    "overdue": "{n} days overdue",
    "left": "{n} days left",
    "today": "due today",
    "dispatch": "To dispatch",
    "basic": ", basic {n}",
    "count": "{n} cases · {area} mu",
    "all": "All",
    "any": "Any",
    "onlyBasic": "On basic farmland",
    "noBasic": "Not on basic farmland",
    "yearMonth": "{month} {year}",
    "soFar": "{month} so far",
    "earlier": "Earlier",
    "hidden": "Case {number} is hidden by the filters.",
    "unknown": "No such case, or not in your area: {number}.",
    "more": "Show {n} more",
    "inView": "{n} more in view, zoom in",
    "open": "Open the case",
    "rate": "closing rate {n}%",
    "overdueCount": "overdue {n}",
    "dismissedCount": "{n} dismissed, in no count",
    "each": "{n} cases",
    "label": "{number}, {label}, {place}",
    "ringLabel": "{name}: {n} cases, {stages}; overdue {o}",
    "mapList": "Map; the list has the same content",
    "late": "overdue",
    "relapsed": "relapsed",
    "comma": ", ",
    "thousands": "{n}k",
    "viewing": "Now shown: {what}.",
    "noTownship": "no township",
    "longest": "longest {n} days",
    "noDates": "no due dates yet",
    "watched": "closing rate {n}% · still watched",
    "zoomIn": "Zoom in",
    "zoomOut": "Zoom out",
    "close": "Close",
    "near": "Go there on the map",
    "toAccept": "Reported done, a second person accepts",
    "toConfirm": "Suspected, to confirm and dispatch",
    "inField": "With the field, not with the office:",
    "toCheck": "To check on the ground",
    "toRectify": "Being rectified",
    "onBasic": "basic farmland {n} mu",
    "closedArea": "restored {n} mu",
    "afterClosing": "changed again after closing",
}
"""Sentences the scripts fill in; the same key in ``overview.js``."""
