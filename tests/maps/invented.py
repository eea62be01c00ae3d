"""An invented patch in an invented village: pictures, flags, events, an inspection. Nothing is real."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from PIL import Image, ImageDraw, ImageFilter

from geodata.layers import Kind
from geodata.scene import Scene
from maps.chips import Chip, frame
from pipeline.cases.case import Case, Part, Status
from pipeline.cases.events import Event
from pipeline.changes import Change, Spectra
from pipeline.flags import Flag, Reason, to_json
from pipeline.inspection import Inspection, funnel
from pipeline.overlay import Occupied, Share

LON, LAT = 112.8731, 27.6012
NASTY = "</script><img src=x onerror=alert(1)>`${alert(2)}`"
UTC = timezone.utc  # noqa: UP017
M = 1 / 111_320


def at(day: str, hour: int = 1) -> datetime:
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


def shape_m(points: list[tuple[float, float]]) -> shapely.Polygon:
    """A polygon from metres east and north of the place."""
    east = M / math.cos(math.radians(LAT))
    return shapely.Polygon([(LON + x * east, LAT + y * M) for x, y in points])


PATCH = shape_m([(-38, 12), (2, 24), (32, 8), (22, -24), (-10, -34), (-34, -20)])
PBF = shape_m([(-110, 60), (10, 82), (28, -10), (10, -62), (-44, -84), (-100, -40)])
PADDY = shape_m([(-70, 30), (-4, 42), (18, 10), (18, -50), (-56, -46)])
ROAD = shape_m([(18, 10), (34, 0), (33, -52), (18, -50)])
POND = shape_m([(-116, -60), (-92, -64), (-90, -88), (-118, -90)])


def picture(after: bool, seed: int = 1, size: int = 640, season: float = 0.0) -> np.ndarray:
    """Land seen from above: strips of fields, woods, a road; after: a blue roof on a pale pad."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (size, size), (168, 152, 88))
    draw = ImageDraw.Draw(image)
    for _ in range(150):
        x, y = rng.uniform(-40, size, 2)
        w, h, turn = rng.uniform(40, 120), rng.uniform(20, 60), rng.uniform(-0.5, 0.5)
        tone = rng.uniform(-18, 18)
        colour = tuple(int(c + tone - season * d) for c, d in zip((166, 150, 86), (50, 10, 20), strict=True))
        c, s = math.cos(turn), math.sin(turn)
        draw.polygon([(x + a * c - b * s, y + a * s + b * c) for a, b in ((0, 0), (w, 0), (w, h), (0, h))], fill=colour)
    for _ in range(26):
        x, y, r = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(18, 60)
        if abs(x - size / 2) < 120 and abs(y - size / 2) < 110:
            continue
        ring = [
            (x + r * rng.uniform(0.7, 1.2) * math.cos(a), y + r * rng.uniform(0.5, 1) * math.sin(a))
            for a in np.linspace(0, 6.28, 24)
        ]
        draw.polygon(ring, fill=(48, 74, 42))
    draw.line([(0, size * 0.8), (size * 0.4, size * 0.76), (size, size * 0.86)], fill=(188, 176, 140), width=7)
    if after:
        per_m = size / 240
        box = [
            (size / 2 + x * per_m, size / 2 - y * per_m)
            for x, y in ((-30, 10), (2, 20), (27, 6), (18, -20), (-8, -28), (-28, -16))
        ]
        draw.polygon(box, fill=(198, 190, 178))
        draw.polygon(
            [(size / 2 + x * per_m, size / 2 - y * per_m) for x, y in ((-12, 6), (8, 12), (12, -2), (-8, -8))],
            fill=(46, 92, 168),
        )
    image = image.filter(ImageFilter.GaussianBlur(1.2))
    noise = rng.normal(0, 7, (size, size, 1))
    return np.clip(np.asarray(image, float) + noise, 0, 255).astype(np.uint8)


def scene(id_: str, day: str, platform: str = "GF-2", gsd_m: float = 0.8, cloud: float | None = 1.0) -> Scene:
    box = GeoBox.from_bbox((LON - 0.02, LAT - 0.02, LON + 0.02, LAT + 0.02), crs="EPSG:4490", shape=(100, 100))
    return Scene(
        id_,
        platform,
        at(day, 3),
        box,
        gsd_m,
        ("blue", "green", "red", "nir"),
        {"data": "x"},
        cloud,
        {f"{platform}.tif": "0" * 64},
    )


SCENES = [
    scene("s1", "2025-09-26", cloud=3.0),
    scene("s2", "2026-07-02", cloud=40.0),
    scene("s3", "2026-09-21", cloud=0.0),
    scene("s4", "2026-10-14", "JL1", 0.5, None),
    scene("s5", "2026-11-18", "UAV", 0.05, None),
]


def chips(prefix: str = "chips/") -> dict[str, Chip]:
    bounds = frame(PATCH)
    return {one.id: Chip(f"{prefix}{one.id}.webp", f"{prefix}{one.id}.t.webp", bounds) for one in SCENES}


def pictures() -> dict[str, np.ndarray]:
    return {one.id: picture(one.acquired_at > at("2026-08-01"), season=0.3 * (one.id == "s2")) for one in SCENES}


def _t(zh: str, en: str | None = None) -> dict[str, str]:
    return {"zh": zh, "en": en or zh}


def occupied(**change: object) -> Occupied:
    share = Share(Kind.FARMLAND, "a" * 64, 7, "0101", "水田", "430321001", "日新村", 0.0632, 2719.23, 2547.37, {})
    made = Occupied(
        PATCH, "EPSG:4546", 2977.60, 2719.23, 2547.38, 258.37, 0.0, 0.0, 0.0, 0.0,
        {Kind.BASIC_FARMLAND: (2816.18, 2638.20)}, (share,), {"430321107201": 2977.6},
        "430321", "湘潭县", "430321107", "花石镇", "430321107201", "日新村",
    )  # fmt: skip
    return replace(made, **change)  # type: ignore[arg-type]


def flag(id_: str = "f1", confidence: float = 0.93, before: str = "s1", after: str = "s3", **change: object) -> Flag:
    bands = {"red": 0.1}
    patch = Change(
        PATCH,
        "EPSG:4490",
        before,
        after,
        "irmad",
        "1",
        0.93,
        180,
        2977.6,
        0.02,
        Spectra(bands, bands, bands, bands, bands, bands),
    )
    reasons = (
        Reason(
            _t("变化看得清", "The change is clear"),
            _t("两期同为水稻成熟期，变化分数 0.93。", "Both dates ripe rice, score 0.93."),
        ),
        Reason(_t("像建(构)筑物"), _t("植被指数由 0.52 降到 0.08；蓝色彩钢顶约 736 m²，其余为硬化地面。")),
        Reason(_t("占永久基本农田"), _t("图斑 95% 在永农图斑 430321-YN-00418 内。")),
        Reason(_t("查不到批准"), _t("与农转用、临时用地、设施农用地备案（截至 2026-10-31）均无重叠。")),
    )
    doubts = (Reason(_t("边界"), _t("±2.5 m；东侧约 258 m² 可能是农村道路。")),)
    made = Flag(
        id_,
        patch,
        occupied(),
        "construction",
        confidence,
        0.8,
        reasons,
        doubts,
        layers={"FARMLAND": ["2025"], "BASIC_FARMLAND": ["2026-06"]},
    )
    return replace(made, **change)  # type: ignore[arg-type]


def case(status: Status = Status.SUSPECTED, flags: tuple[Flag, ...] | None = None, **change: object) -> Case:
    told = tuple(to_json(one) for one in flags or (flag(), flag("f2", 0.95, "s1", "s4")))
    if "geometry" in change:
        told[0]["occupied"]["geometry"] = shapely.geometry.mapping(change.pop("geometry"))
    made = Case(
        "430321-2026-00187",
        told,
        (Part("", status, told[0]["occupied"]),),
        at("2026-09-24"),
        at("2026-09-24"),
        "430321",
        "湘潭县",
        "430321107",
        "花石镇",
        "日新村",
    )
    return replace(made, **change)  # type: ignore[arg-type]


def event(
    seq: int, kind: str, day: str, payload: dict | None = None, by: str = "gengxun", role: str = "system"
) -> Event:
    digest = hashlib.sha256(f"{seq}".encode()).hexdigest()
    return Event(seq, "430321-2026-00187", kind, at(day), by, role, payload or {}, (), 1, "0.1.0", "0" * 64, digest)


def events() -> list[Event]:
    return [
        event(3, "FOUND", "2026-09-24", {"inspection": inspection().id, "flag": to_json(flag())}),
        event(9, "SEEN_AGAIN", "2026-10-15", {"inspection": "later", "flag": to_json(flag("f2", 0.95, "s1", "s4"))}),
        event(12, "DISPATCHED", "2026-10-16", {"reason": "影像二期确认"}, "刘敏", "remote_sensing"),
    ]


def verified(ok: bool = True) -> SimpleNamespace:
    return SimpleNamespace(ok=ok, events=14, first_bad=None if ok else 9, head=hashlib.sha256(b"head").hexdigest())


CONTEXT = [
    (PBF, "", Kind.BASIC_FARMLAND),
    (PADDY, "0101 水田", Kind.FARMLAND),
    (ROAD, "1006 农村道路", Kind.FARMLAND),
    (POND, "1104 坑塘水面", Kind.FARMLAND),
]


def inspection(n_new: int = 6, **change: object) -> Inspection:
    rng = np.random.default_rng(4)
    ties = [
        {
            "x": x,
            "y": y,
            "dx": float(1.6 + rng.normal(0, 0.15)),
            "dy": float(0.9 + rng.normal(0, 0.15)),
            "used": bool(rng.random() > 0.05),
        }
        for y in range(500, 8000, 1000)
        for x in range(500, 10000, 1000)
    ]
    outcomes = [
        {
            "reason": "approved",
            "area_m2": 812.5,
            "lon": LON + 0.01,
            "lat": LAT,
            "text": _t("批文 湘政地〔2026〕1号 覆盖 98%"),
            "geometry": None,
        },
        {
            "reason": "facility",
            "area_m2": 1204.0,
            "lon": LON,
            "lat": LAT + 0.01,
            "text": _t("设施农用地备案 430321-SS-7"),
            "geometry": None,
        },
        *(
            {
                "reason": "off_farmland",
                "area_m2": 400.25,
                "lon": LON,
                "lat": LAT,
                "text": _t("不在耕地"),
                "geometry": None,
            }
            for _ in range(31)
        ),
        *(
            {"reason": "seasonal", "area_m2": 700.0, "lon": LON, "lat": LAT, "text": _t("收割"), "geometry": None}
            for _ in range(12)
        ),
    ]
    news = run_flags(n_new)
    made = Inspection(
        id="0c0ffee0-0000-5000-8000-000000000001",
        run="R-20260924-03",
        before_id="s1",
        after_id="s3",
        method="irmad",
        method_version="1",
        settings={"threshold": 0.62, "min_area_m2": 50.0},
        layers={"FARMLAND": ["2025"], "BASIC_FARMLAND": ["2026-06"]},
        season={"days_apart": 360, "season_days": 5, "matched": True},
        alignment={
            "state": "shifted",
            "dx_m": -1.28,
            "dy_m": 0.72,
            "measured_px": [1.6, 0.9],
            "before_px": 1.83,
            "residual_px": 0.19,
            "before_m": 1.46,
            "residual_m": 0.15,
            "tie_points": ties,
            "width": 10000,
            "height": 8000,
        },
        detection={"threshold": 0.62},
        compared_m2=2.1e9,
        farmland_m2=1.324e9,
        observed_farmland_m2=1.268e9,
        unseen_farmland_m2={"cloud": 30e6, "shadow": 11e6, "outside": 15e6},
        funnel=funnel((214, 5210.75), outcomes, (flag("again"),), news),
        outcomes=tuple(outcomes),
        timings_s={"read": 96.0, "align": 75.0, "harmonise": 33.0, "detect": 294.0, "overlay": 92.0, "triage": 50.0},
        notes=(_t("第 214 窗读影像超时，第 2 次成功，结果一致。", "Window 214 was read at the second attempt."),),
        flags=tuple(one.id for one in news),
    )
    return replace(made, **change)  # type: ignore[arg-type]


def run_flags(n: int) -> list[Flag]:
    towns = ["石潭镇", "花石镇", "中路铺镇", "云湖桥镇", "射埠镇", "易俗河镇", "排头乡", "锦石乡", "茶恩寺镇", "分水乡"]
    kinds = ["construction", "pond", "earthwork", "road", "hardening", "nursery", "greenhouse", "other"]
    made = []
    for i in range(n):
        ground = occupied(
            township_name=towns[i * i % len(towns)],
            township_code=f"4303211{i * i % len(towns):02d}",
            patch_m2=900.0 + 137.11 * i,
        )
        made.append(flag(f"n{i}", 0.97 - 0.012 * i, occupied=ground, kind=kinds[i % len(kinds)]))
    return made


AS_OF = at("2026-11-20", 1) + timedelta(minutes=12)
