"""Whole lives of cases, for tests: a ledger with a clock that is set, and the people of one office."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shapely.geometry import box, mapping, shape

from pipeline.cases.events import SYSTEM, Actor, Event, Kind
from pipeline.cases.evidence import Evidence, to_json
from pipeline.cases.ledger import Ledger
from pipeline.confirm import Look
from pipeline.confirm import to_json as look_json
from pipeline.flags import flag_id
from pipeline.recheck import Recheck
from pipeline.recheck import to_json as recheck_json
from tests.pipeline.invented_flags import flag, inspection

SENSING = Actor("遥感甲", "remote_sensing")
OFFICER = Actor("周建军", "district_officer")
INSPECTOR = Actor("李外业", "field_inspector")
REVIEWER = Actor("王复核", "reviewer")
LEGAL = Actor("陈法制", "legal_reviewer")
LEADER = Actor("刘局长", "leader")
ADMIN = Actor("管理员", "administrator")

FIRST = "430321-2026-00001"
START = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
"""A Friday morning in Beijing."""


class Office:
    """A ledger and the time on its wall."""

    def __init__(self, path: str | Path) -> None:
        self.now = START
        self.ledger = Ledger(path, clock=lambda: self.now)

    def later(self, days: float = 1) -> None:
        self.now += timedelta(days=days)

    def do(self, kind: Kind, by: Actor, number: str = FIRST, part: str = "", **payload: Any) -> Event:
        return self.ledger.act(number, kind, payload, by, part=part)

    def found(self) -> None:
        """Two new cases from one pair of scenes."""
        self.ledger.record(inspection(), [flag(0), flag(1)], SYSTEM)

    def dispatched(self, number: str = FIRST) -> None:
        self.do(Kind.DISPATCHED, SENSING, number, to_whom=OFFICER.name, reason="顶棚清晰可见")

    def photo(self, shot: str, number: str = FIRST, part: str = "", by: Actor = INSPECTOR, **change: Any) -> Event:
        case = self.ledger.case(number)
        ground = shape((case.part(part) if part else case.parts[0]).ground["geometry"])
        made = photo(shot, ground, self.now, **change)
        return self.ledger.act(number, Kind.EVIDENCE, to_json(made), by, part=part)

    def document(self, title: str, number: str = FIRST, part: str = "", by: Actor = OFFICER) -> Event:
        made = Evidence(
            sha(f"{title}{number}{part}"), "document", "", "application/pdf", 9, None, self.now, title=title
        )
        return self.ledger.act(number, Kind.EVIDENCE, to_json(made), by, part=part)

    def violation(self, number: str = FIRST, part: str = "", party: str = "某建材公司") -> Event:
        for shot in ("overview", "close"):
            self.photo(shot, number, part)
        return self.do(
            Kind.VERDICT, INSPECTOR, number, part, verdict="violation", sub="industry_mining_commerce",
            use="hardening", built="2026-05", party=party, text="场地已硬化",
        )  # fmt: skip

    def ordered(self, number: str = FIRST, part: str = "") -> Event:
        return self.do(Kind.ORDERED, OFFICER, number, part, rectification="restored_tillage", due_on="2027-01-20")

    def reported(self, number: str = FIRST, part: str = "") -> Event:
        return self.do(Kind.REPORTED, OFFICER, number, part, text="已拆除并翻耕")

    def recheck(self, scene: str, verdict: str, number: str = FIRST, part: str = "", flight: bool = False) -> Event:
        said = Recheck(scene, self.now, verdict, {"ndvi": 0.5}, {"zh": verdict, "en": verdict}, flight, 40)
        return self.do(Kind.RECHECKED, SYSTEM, number, part, recheck=recheck_json(said))

    def look(self, scene: str, verdict: str, number: str = FIRST, at: datetime | None = None) -> Event:
        said = Look(scene, at or self.now, verdict, {"like_fields": 0.01}, {"zh": verdict, "en": verdict}, 40)
        return self.do(Kind.LOOKED, SYSTEM, number, look=look_json(said))

    def proof(self, number: str = FIRST, part: str = "") -> None:
        """All that the closing of restored land asks for: photos after the report, a paper, two clear scenes."""
        self.photo("after", number, part)
        self.photo("after", number, part, heading_deg=200.0)
        self.document("acceptance_sheet", number, part)
        for n in (1, 2):
            self.later()
            self.recheck(f"later-{n}", "restored", number, part)

    def accepted(self, number: str = FIRST, part: str = "") -> Event:
        return self.do(Kind.ACCEPTED, REVIEWER, number, part)

    def closed(self, number: str = FIRST) -> None:
        """From dispatch to 销号."""
        self.dispatched(number)
        self.later()
        self.violation(number)
        self.ordered(number)
        self.later(10)
        self.reported(number)
        self.later()
        self.proof(number)
        self.accepted(number)


def sha(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def photo(shot: str, ground: Any, at: datetime, **change: Any) -> Evidence:
    """Taken in the middle of the ground."""
    inside = ground.representative_point()
    made = Evidence(
        sha(f"{shot}{at}{inside.wkt}{sorted(change.items())}"), "photo", shot, "image/jpeg", 1_000, at, at,
        inside.x, inside.y, 4.0, 10.0, "phone", mock=False,
    )  # fmt: skip
    return dataclasses.replace(made, **change)


def halves(ground: Mapping[str, Any], share: float = 0.5) -> list[dict[str, Any]]:
    """The ground cut in two along a meridian; every area in the same share, cents as they fall."""
    west, south, east, north = shape(ground["geometry"]).bounds
    middle = west + share * (east - west)
    names = [k for k in ground if k.endswith("_m2")]
    cut = []
    for n, geometry in enumerate((box(west, south, middle, north), box(middle, south, east, north))):
        first = {k: round(ground[k] * share, 2) for k in names}
        areas = first if n == 0 else {k: round(ground[k] - first[k], 2) for k in names}
        part = {**ground, **areas, "geometry": mapping(geometry)}
        gross, net = ground["overlays"]["BASIC_FARMLAND"]
        of = share if n == 0 else 1 - share
        part["overlays"] = {"BASIC_FARMLAND": [round(gross * of, 2), round(net * of, 2)]}
        cut.append({"occupied": part})
    return cut


def clue(
    column: float = 0, id: str = "TB-7", batch: str = "2026Q4", source: str = "issued"
) -> tuple[Any, dict[str, Any]]:
    """An issued 图斑 over an invented patch, with what is told of it."""
    made = flag(column, before="", after="")
    made = dataclasses.replace(made, id=flag_id(made.change, f"{source}{batch}{id}"), gsd_m=None)
    return made, {"source": source, "batch": batch, "clue_id": id, "fields": {"TBLX": "YH"}}


def a_whole_life(path: str | Path) -> Office:
    """Every kind of event once at least."""
    office = Office(path)
    office.found()
    second = "430321-2026-00002"
    office.ledger.receive([clue(0), clue(5, "TB-8")], ADMIN)
    office.ledger.record(inspection(after="c"), [flag(0, after="c")], SYSTEM)
    office.look("d", "agrees")
    office.do(Kind.DATED, SYSTEM, **{"without": "b", "with": "a"})
    office.do(Kind.DISMISSED, SENSING, second, reason="云影")
    office.do(Kind.REOPENED, REVIEWER, second, reason="另一期影像可见")
    office.dispatched()
    office.do(Kind.ASSIGNED, OFFICER, to_whom=INSPECTOR.name)
    office.do(Kind.POSTPONED, INSPECTOR, reason="道路被淹", again_on="2026-11-24")
    office.later()
    cut = halves(office.ledger.case(FIRST).parts[0].ground)
    office.do(Kind.SPLIT, OFFICER, parts=cut)
    office.violation(part="1")
    office.photo("overview", part="2")
    office.do(Kind.VERDICT, INSPECTOR, part="2", verdict="false_change", text="水稻收割")
    office.do(Kind.LOOKALIKES, SYSTEM, part="1", parcels=[{"id": "x"}])
    office.do(Kind.ORDERED, OFFICER, part="1", rectification="restored_tillage")
    office.do(Kind.DUE_SET, ADMIN, part="1", due={"what": "rectify", "on": "2027-01-20", "provisional": False})
    office.do(Kind.EXTENDED, REVIEWER, part="1", reason="雨季", due_on="2027-02-10")
    office.do(Kind.PAUSED, LEGAL, part="1", reason="行政复议")
    office.later(5)
    office.do(Kind.RESUMED, LEGAL, part="1", reason="维持")
    for title in ("8001", "2003"):
        office.document(title, part="1")
    office.do(
        Kind.PROCEEDING, OFFICER, part="1", step="file", cause="77", party_kind="organisation",
        authority="county", approved_by=LEADER.name,
    )  # fmt: skip
    office.document("transfer_letter", part="1")
    office.do(
        Kind.TRANSFER, OFFICER, part="1", step="letter", to="agriculture", organ="县农业农村局", reason="种植条件"
    )
    office.do(Kind.LENIENCY, LEGAL, part="1", construction="finished")
    office.reported(part="1")
    office.do(Kind.RETURNED, REVIEWER, part="1", reason="渣土未清", due_on="2027-03-01")
    office.later(3)
    office.reported(part="1")
    office.later()
    office.proof(part="1")
    office.accepted(part="1")
    office.accepted(part="2")
    office.later(20)
    after = office.now + timedelta(days=30)
    again = flag(0, before="d", after="e", before_at=office.now, after_at=after)
    office.ledger.record(inspection("d", "e"), [again], SYSTEM)
    office.do(Kind.NOTE, LEADER, text="重点关注")
    first = office.ledger.events(FIRST)[0]
    office.do(Kind.CORRECTED, SENSING, corrects=first.seq, text="地类以 2026 年版为准")
    version = office.ledger.case(second).version
    office.do(Kind.DISMISSED, SENSING, second, reason="云影")
    office.ledger.act(second, Kind.VERDICT, {"verdict": "lawful"}, INSPECTOR, expect_version=version)
    return office
