"""[io] The office of the demo: a workspace whose ledger lives on the days of the story, and what people do in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import mapping, shape

from flows import demo_evidence, settings
from geodata import township
from geodata.days import BEIJING
from geodata.words import Text, both
from pipeline.cases.case import Case, Part
from pipeline.cases.events import Actor, Event, Kind
from pipeline.cases.evidence import to_json
from pipeline.cases.ledger import Ledger
from pipeline.cases.refusal import StepRefused

SENSING = Actor("演示甲", "remote_sensing")
OFFICER = Actor("演示乙", "district_officer")
INSPECTOR = Actor("演示丙", "field_inspector")
REVIEWER = Actor("演示丁", "reviewer")
LEGAL = Actor("演示戊", "legal_reviewer")
LEADER = Actor("演示己", "leader")
ADMINISTRATOR = Actor("演示庚", "administrator")
PEOPLE = (SENSING, OFFICER, INSPECTOR, REVIEWER, LEGAL, LEADER, ADMINISTRATOR)
PARTY = "示意建材公司"
LEAST = 0.25
"""Share of what truly happened there that the ground of a case must cover to be it."""


@dataclass
class Clock:
    """Goes forward only."""

    now: datetime = datetime(2024, 10, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def to(self, day: str, hour: float = 9.0) -> None:
        """day: ISO, in Beijing."""
        wanted = datetime.fromisoformat(day).replace(tzinfo=BEIJING) + timedelta(hours=hour)
        self.now = max(self.now + timedelta(seconds=1), wanted.astimezone(UTC))


@dataclass(frozen=True)
class StoryOffice(settings.Workspace):
    """A workspace whose ledger takes the time from ``clock``."""

    clock: Clock = field(default_factory=Clock, compare=False)

    @cached_property
    def _ledger(self) -> Ledger:
        return Ledger(self.root / "ledger.db", clock=self.clock, rules=self.rules)

    @property
    def ledger(self) -> Ledger:
        return self._ledger


@dataclass(frozen=True)
class Told:
    """One line of the story. numbers: of the cases it is about."""

    text: Text
    numbers: tuple[str, ...] = ()


class People:
    """What the people of the office do, through the doors that they have outside a demo too."""

    def __init__(self, office: StoryOffice, town: township.Township) -> None:
        self.office, self.town, self.clock = office, town, office.clock
        self.story: list[Told] = []
        self.files = 0

    def tell(self, msgid: str, *numbers: str, **fields: Any) -> None:
        self.story.append(Told(both(msgid, **fields), tuple(n for n in numbers if n)))

    def called(self, name: str) -> str:
        """The number of the case on the ground of the township's event of that (English) name; "" if it has none."""
        events = [e for e in self.town.truth if e.name["en"] == name]
        best = ("", 0.0)
        for row in self.office.ledger.rows():
            ground = shape(row["geometry"])
            for event in events:
                if event.geometry.intersects(ground):
                    share = shapely.area(shapely.intersection(event.geometry, ground)) / shapely.area(event.geometry)
                    best = max(best, (str(row["number"]), share), key=lambda one: one[1])
        return best[0] if best[1] >= LEAST else ""

    def case(self, number: str) -> Case:
        return self.office.ledger.case(number)

    def part(self, number: str, part: str = "") -> Part:
        case = self.case(number)
        return case.part(part) if part else case.parts[0]

    def do(self, kind: Kind, by: Actor, number: str, part: str = "", /, **payload: Any) -> Event:
        self.clock.now += timedelta(minutes=7)
        return self.office.ledger.act(number, kind, payload, by, part=part)

    def refused(self, kind: Kind, by: Actor, number: str, part: str = "", /, **payload: Any) -> Text | None:
        """The sentence with which it is refused; None where it is not."""
        try:
            self.do(kind, by, number, part, **payload)
        except StepRefused as error:
            return both(error.msgid, **error.fields)
        return None

    # what they give in

    def photo(self, number: str, shot: str, looks: str, part: str = "", by: Actor = INSPECTOR) -> bytes:
        self.clock.now += timedelta(minutes=3)
        self.files += 1
        place = demo_evidence.stand(self.part(number, part).geometry, self.files)
        data = demo_evidence.photo(looks, place, self.clock.now - timedelta(minutes=1), f"{number}{part}{self.files}")
        self.give(number, data, part, by, shot=shot)
        return data

    def paper(self, number: str, title: str, part: str = "", by: Actor = OFFICER) -> None:
        self.give(number, demo_evidence.paper(f"{number} {part}".strip(), title, self.clock.now), part, by, title=title)

    def give(self, number: str, data: bytes, part: str, by: Actor, *, shot: str = "", title: str = "") -> None:
        found, _ = self.office.evidence.take(data, name="demo", shot=shot, title=title, received_at=self.clock.now)
        self.do(Kind.EVIDENCE, by, number, part, **to_json(found))

    # steps of several hands

    def dispatch(self, *numbers: str) -> None:
        for number in numbers:
            self.do(
                Kind.DISPATCHED, SENSING, number,
                to_whom=OFFICER.name, reason="影像上轮廓清晰，与四周耕地不同",
            )  # fmt: skip

    def illegal(self, number: str, part: str = "", *, use: str = "hardening", party: str = "", text: str = "") -> None:
        for shot in ("overview", "close"):
            self.photo(number, shot, "built", part)
        more: dict[str, Any] = {"party": party} if party else {}
        built = f"{self.case(number).found_at.astimezone(BEIJING) - timedelta(days=90):%Y-%m}"
        self.do(
            Kind.VERDICT, INSPECTOR, number, part, verdict="violation", sub="industry_mining_commerce",
            use=use, built=built, text=text or "场地已硬化，堆放建材，无批准文件", **more,
        )  # fmt: skip

    def found_to_be(self, number: str, verdict: str, looks: str, shots: tuple[str, ...], **payload: Any) -> None:
        for shot in shots:
            self.photo(number, shot, looks)
        self.do(Kind.VERDICT, INSPECTOR, number, verdict=verdict, **payload)

    def halved(self, number: str) -> None:
        """A person cuts the ground in two on a map and gives the outline in as a file."""
        from flows.splitting import parts_from

        case = self.case(number)
        ground = case.parts[0].geometry
        west, south, east, north = ground.bounds
        middle = (west + east) / 2
        half = shapely.intersection(ground, shapely.box(west, south, middle, north))
        path = self.office.root / "delivered" / f"{number}.geojson"
        collection = {
            "type": "FeatureCollection",
            "features": [{"type": "Feature", "properties": {}, "geometry": mapping(half)}],
        }
        path.write_text(json.dumps(collection), encoding="utf-8")
        parts = parts_from(self.office, case, case.parts[0], path, crs="EPSG:4490")
        self.do(Kind.SPLIT, OFFICER, number, parts=parts.payload)

    def law(self, kind: Kind, number: str, papers: Mapping[str, Actor], by: Actor, /, **payload: Any) -> None:
        for title, who in papers.items():
            self.paper(number, title, by=who)
        self.do(kind, by, number, **payload)


def of(root: Path) -> StoryOffice:
    made = settings.open_workspace(root)
    return StoryOffice(made.root, made.settings)
