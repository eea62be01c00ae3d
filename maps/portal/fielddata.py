"""[io] What a field link carries of its cases: outline, parcels (code and name), two pictures, task, checklist.

No party, no other case, nothing of the ledger's record. Pictures are cut once a case and kept under
``<workspace>/cache/field``; a picture is served only by a link that holds its case.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import shapely
from shapely.geometry import Point, Polygon, mapping
from shapely.geometry.base import BaseGeometry

from geodata.area import mu
from geodata.atomic import write_bytes
from geodata.chips import crop_pair
from geodata.crs import transform
from geodata.days import day_of
from geodata.gcj02 import to_gcj02
from geodata.layers import Kind as LayerKind
from geodata.words import LANGUAGES, Text, both, language, tr
from maps import chips as pictures
from maps.portal import link_room
from maps.portal.fieldwork import CANNOT, shots_held
from maps.portal.links import KEPT, Link
from maps.portal.office import Office
from maps.style import capital
from pipeline.cases import closing
from pipeline.cases.case import Case, Part
from pipeline.cases.finding import photos_held
from pipeline.cases.rules import VerdictRule
from pipeline.cases.table import Status
from pipeline.triage import kind_name

DEGREES = "EPSG:4490"
CHIP_PX = 512
CHIP_BYTES = 24_000
"""Most of one picture: the page with two of them goes over a thin line."""
MOST_PARCELS = 120
ROADS = ("1003", "1004", "1005", "1006", "102", "103", "104")
"""DLBM of what can be driven on, of both code systems."""
ROAD_REACH_M = 800.0
NAMES = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
CHIP = re.compile(r"[0-9a-f]{32}\.webp")
VERDICTS_FIRST = ("violation", "lawful", "facility", "rural_road", "other", "false_change", "basemap_wrong")


def data(office: Office, link: Link) -> dict[str, Any]:
    """The document of ``data.json``. Times ISO with zone, coordinates in EPSG:4490 degrees."""
    now = office.clock()
    return {
        "link": {
            "id": link.id,
            "to": link.to,
            "from": link.made_by,
            "made_at": link.made_at.isoformat(),
            "expires_at": link.expires_at.isoformat(),
            "late_until": (link.expires_at + KEPT).isoformat(),
            "server_now": now.isoformat(timespec="milliseconds"),
            "room": link_room.room(office, link).told,
        },
        "navigation": office.portal.navigation,
        "declination_deg": office.portal.declination_deg,
        "lang": language(),
        "cases": [_case(office, office.ledger.case(number)) for number in link.cases],
    }


def etag(document: Mapping[str, Any]) -> str:
    """Of all that matters: not of the time at which it was asked for."""
    link = {k: v for k, v in document["link"].items() if k != "server_now"}
    text = json.dumps({**document, "link": link}, ensure_ascii=False, sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def chip(office: Office, link: Link, name: str) -> bytes | None:
    """A picture of one of the link's cases by its name; None where it is not one of them."""
    if not CHIP.fullmatch(name):
        return None
    for number in link.cases:
        case = office.ledger.case(number)
        if any(one["href"] == f"chips/{name}" for one in _chips(office, case)):
            path = office.root / "cache" / "field" / name
            return path.read_bytes() if path.is_file() else None
    return None


def _case(office: Office, case: Case) -> dict[str, Any]:
    rules = office.rules(office.today)
    whole = shapely.union_all([part.geometry for part in case.parts])
    around = _parcels(office, case)
    place = "".join(dict.fromkeys(n for n in (case.district_name, case.township_name, case.village_name) if n))
    held = shots_held(case)
    return {
        "number": case.number,
        "version": case.version,
        "status": case.status.value,
        "title": dict(kind_name(case.flags[0]["kind"])),
        "place": place or case.district_code,
        "mu": round(mu(sum(p.ground["patch_m2"] for p in case.parts)), 2),
        "due": _due(office, case),
        "task": _task(case),
        "bounds": [round(v, 7) for v in whole.bounds],
        "parts": [_part(office, part) for part in case.parts],
        "parcels": around,
        "chips": _chips(office, case),
        "verdicts": [_verdict(rules.verdicts[key]) for key in _order(rules.verdicts)],
        "asked": dict(rules.asked),
        "cannot": [{"key": key, "name": both(msgid)} for key, msgid in CANNOT.items()],
        "held": {"photos": sum(held.values()), "shots": dict(held)},
    }


def _due(office: Office, case: Case) -> dict[str, Any] | None:
    days = [part.due["on"] for part in case.parts if part.due and not part.paused_on]
    if not days:
        return None
    first = min(days)
    return {"on": first, "days_left": (date.fromisoformat(first) - office.today).days}


def _task(case: Case) -> dict[str, str] | None:
    texts = {
        Status.SUSPECTED: "Look at the ground: what is it?",
        Status.DISPATCHED: "Check on the ground what this is, take the photos, give the verdict.",
        Status.RECTIFYING: "Photograph how the rectification stands.",
        Status.REPORTED: "Photograph the ground after the rectification, from where it was photographed before.",
    }
    return both(texts[case.status]) if case.status in texts else None


def _part(office: Office, part: Part) -> dict[str, Any]:
    ground = part.geometry
    centre = ground.representative_point()
    held = photos_held(part)
    return {
        "id": part.id,
        "status": part.status.value,
        "geometry": mapping(shapely.set_precision(ground, 1e-7)) if ground.is_valid else mapping(ground),
        "mu": round(mu(part.ground["patch_m2"]), 2),
        "corners": [[round(x, 7), round(y, 7), name] for x, y, name in corners(ground)],
        "centre": [round(centre.x, 7), round(centre.y, 7)],
        "gcj": _access(office, ground) if office.portal.navigation else None,
        "held": {"photos": sum(held.values()), "shots": dict(held), "in_place": _in_place(part)},
    }


def _in_place(part: Part) -> bool:
    """As the gate of a verdict asks: a photo of this round shows the ground, from inside or facing it."""
    return any(
        item["kind"] == "photo"
        and item.get("in_place")
        and {f["key"] for f in item["findings"]}.isdisjoint(closing.SPOILED)
        for item in part.evidence_now
    )


def corners(geometry: BaseGeometry) -> list[tuple[float, float, str]]:
    """The four boundary points most distant from one another, (lon, lat, "NE" …), clockwise from north."""
    hull = geometry.convex_hull
    if not isinstance(hull, Polygon):
        return []
    shrink = math.cos(math.radians(hull.centroid.y))
    ring = shapely.segmentize(hull.exterior, hull.exterior.length / 32)
    points = shapely.get_coordinates(ring)[:-1]
    flat = points * (shrink, 1.0)
    apart = np.hypot(*(flat[:, None] - flat[None]).transpose(2, 0, 1))
    chosen = [int(n) for n in np.unravel_index(int(apart.argmax()), apart.shape)]
    while len(chosen) < 4:
        chosen.append(int(apart[:, chosen].min(axis=1).argmax()))
    middle = np.array([hull.centroid.x * shrink, hull.centroid.y])
    found = []
    for n in chosen:
        east, north = flat[n] - middle
        bearing = math.degrees(math.atan2(east, north)) % 360
        found.append((bearing, float(points[n][0]), float(points[n][1])))
    return [(x, y, NAMES[round(bearing / 45) % 8]) for bearing, x, y in sorted(found)]


def _parcels(office: Office, case: Case) -> list[dict[str, Any]]:
    """Survey parcels in the picture, cut to it; their lines follow the survey to half a pixel of the picture."""
    frame = shapely.box(*_frame(case))
    half_pixel = (frame.bounds[3] - frame.bounds[1]) / CHIP_PX / 2
    found = [
        (shape.intersection(frame), code, name)
        for shape, code, name in _survey(office, frame)
        if shape.intersects(frame)
    ]
    near = sorted(found, key=lambda one: one[0].distance(case.geometry))[:MOST_PARCELS]
    drawn = [(shapely.set_precision(cut.simplify(half_pixel), 1e-6), code, name) for cut, code, name in near]
    return [{"geometry": mapping(cut), "code": code, "name": name} for cut, code, name in drawn if cut.area > 0]


def _survey(office: Office, box: BaseGeometry) -> list[tuple[BaseGeometry, str, str]]:
    """(geometry in degrees, DLBM, DLMC) of the parcels whose boxes touch ``box``."""
    found: list[tuple[BaseGeometry, str, str]] = []
    for _, store in office.editions.on(office.today).parts.get(LayerKind.FARMLAND, []):
        there = transform(np.array([box], dtype=object), DEGREES, store.zone)[0]
        _, rows = store.query(np.array([there.bounds]))
        if not len(rows):
            continue
        names = [name for name in ("DLBM", "DLMC") if name in store.columns]
        held = store.attributes(rows, names)
        blank = [""] * len(rows)
        shapes = transform(store.geometries(rows), store.zone, DEGREES)
        codes, words = held.get("DLBM", blank), held.get("DLMC", blank)
        found += [(s, str(c or ""), str(w or "")) for s, c, w in zip(shapes, codes, words, strict=True)]
    return found


def _access(office: Office, ground: BaseGeometry) -> list[float]:
    """A point of a road nearby in GCJ-02, to 4 decimals (some 10 m); the middle, rounded, where there is none.

    Never nearer to the patch than the road is: an app of others learns where to drive to, not what lies there.
    """
    middle = ground.representative_point()
    stretch = 1 / math.cos(math.radians(middle.y))
    reach = ROAD_REACH_M / 111_000
    box = shapely.box(middle.x - reach * stretch, middle.y - reach, middle.x + reach * stretch, middle.y + reach)
    roads = [shape for shape, code, _ in _survey(office, box) if code.startswith(ROADS)]
    nearest = min(roads, key=lambda road: road.distance(ground), default=None)
    point = (
        Point(middle) if nearest is None else Point(shapely.get_coordinates(shapely.shortest_line(ground, nearest))[1])
    )
    lon, lat = to_gcj02(point.x, point.y)
    return [round(lon, 4), round(lat, 4)]


def _order(verdicts: Mapping[str, VerdictRule]) -> list[str]:
    return sorted(verdicts, key=lambda key: VERDICTS_FIRST.index(key) if key in VERDICTS_FIRST else len(VERDICTS_FIRST))


def _verdict(rule: VerdictRule) -> dict[str, Any]:
    keys = dict.fromkeys((*rule.needs, *(k for keys in rule.sub_needs.values() for k in keys), *rule.may))
    return {
        "key": rule.key,
        "name": _label(rule.name),
        "hint": _hint(rule),
        "subs": {key: _label(name) for key, name in rule.subs.items()},
        "fields": [_field(rule, key) for key in keys],
        "photos": dict(rule.photos),
        "in_place": rule.photo_in_place,
    }


def _field(rule: VerdictRule, key: str) -> dict[str, Any]:
    field = rule.fields.get(key)
    required: bool | list[str] = key in rule.needs
    some = [sub for sub, keys in rule.sub_needs.items() if key in keys]
    if not required and some:
        required = some
    told: dict[str, Any] = {
        "key": key,
        "name": _label(field.name) if field else {"zh": key, "en": key},
        "type": field.type if field else "text",
        "required": required,
    }
    if field and field.type == "use":
        uses = {sub: {use: _label(name) for use, name in named.items()} for sub, named in rule.uses.items()}
        told |= {"type": "choice", "choices": uses}
    return told


def _label(name: Text) -> dict[str, str]:
    return {lang: capital(text) for lang, text in name.items()}


def _hint(rule: VerdictRule) -> dict[str, str]:
    """The proof that it needs, told before it is chosen."""
    found = {}
    for lang in LANGUAGES:
        shots = [f"{tr(closing.SHOT_NAMES[shot], lang)} ≥ {n}" for shot, n in rule.photos.items()]
        says = [(rule.fields[key].name if key in rule.fields else _same(key))[lang] for key in rule.needs]
        found[lang] = ("、" if lang == "zh" else ", ").join([*shots, *says])
    return found


def _same(key: str) -> Text:
    return {"zh": key, "en": key}


# -- pictures


def _frame(case: Case) -> pictures.Bounds:
    return pictures.frame(case.geometry, gsd_m=case.flags[case.opened_by].get("gsd_m") or 0.0)


def _chips(office: Office, case: Case) -> list[dict[str, Any]]:
    """Before and after of the flag that opened the present round; [] where imagery did not see it."""
    flag = case.flags[case.opened_by]
    ids = [str((flag.get("change") or {}).get(side) or "") for side in ("before_id", "after_id")]
    key = hashlib.sha256(json.dumps([case.number, flag["id"], ids, CHIP_BYTES]).encode()).hexdigest()[:32]
    folder = office.root / "cache" / "field"
    path = folder / f"{key}.json"
    try:
        known: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return known
    except (FileNotFoundError, ValueError):
        pass
    scenes = {scene.id: scene for scene in office.catalog.scenes()}
    if not all(id in scenes for id in ids):
        return []  # imagery may come back: this is not kept
    bounds = _frame(case)
    size_px = round(min(CHIP_PX, max(192, 4 * (bounds[3] - bounds[1]) * 111_000 / (flag.get("gsd_m") or 0.5))))
    opened = [office.catalog.pixels(scenes[id]) for id in ids]
    try:
        pair = crop_pair(opened[0], opened[1], bounds, size_px)
    finally:
        for pixels in opened:
            pixels.close()
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for id, one in zip(ids, pair, strict=True):
        content = pictures.encode(pictures.over_paper(one.rgb, one.valid), CHIP_BYTES)
        name = f"{hashlib.sha256(content).hexdigest()[:32]}.webp"
        write_bytes(folder / name, content)
        found.append({
            "id": id,
            "day": day_of(scenes[id].acquired_at).isoformat(),
            "sensor": scenes[id].platform,
            "href": f"chips/{name}",
            "bounds": [round(v, 7) for v in one.bounds_lonlat],
        })  # fmt: skip
    write_bytes(path, json.dumps(found, ensure_ascii=False).encode())
    return found


def prepare(office: Office, numbers: Sequence[str]) -> None:
    """Cut the pictures now, so that the first phone does not wait for them."""
    for number in numbers:
        _chips(office, office.ledger.case(number))
