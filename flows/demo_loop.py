"""[io] The whole loop on the computed township: what people do between its images, and what the images say of it.

People's words are written here; what the machine says is computed from the pixels of each day, with no more
scenes than had been taken by then. Where it says something else than the story hopes for, that is what is told.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flows.demo_story import INSPECTOR, LEADER, LEGAL, OFFICER, PARTY, REVIEWER, People, StoryOffice, Told
from flows.progress import step
from geodata import township
from geodata.days import BEIJING
from geodata.words import Text, both, tr
from pipeline.cases.case import Status
from pipeline.cases.events import Kind
from pipeline.cases.rows import on_day

NAMES = {
    "again": "shed, first time",
    "late": "shed, reported and still standing",
    "true": "works, torn down and planted",
    "fake": "yard on dry land under weedy soil",
    "half": "works, torn down in part",
    "lawful": "hardened yard",
    "house": "house on dry land",
    "basic": "steel shed on basic farmland",
    "flooded": "fields kept under water in winter",
    "road": "gravel road through paddies",
    "entrance": "road up the valley",
    "tunnels": "registered greenhouse",
    "pond": "second dug pond",
    "nursery": "tree nursery",
}
"""Who plays which part: the township's own events, by their English names."""


class Loop(People):
    """numbers: {part of the story: number of its case}, as far as the images found it."""

    def __init__(self, office: StoryOffice, town: township.Township) -> None:
        super().__init__(office, town)
        from flows import inspect, recheck

        self._inspect, self._recheck = inspect, recheck
        self.waiting = sorted(town.scenes, key=lambda scene: scene.acquired_at)
        self.last = self.waiting[-1].acquired_at if self.waiting else datetime(2026, 10, 18, tzinfo=BEIJING)
        self.reader: Any = None
        self.looked: list[Any] = []

    def number(self, role: str) -> str:
        return self.called(NAMES[role])

    # the machine

    def until(self, day: str) -> None:
        """Every scene taken before ``day`` arrives the day after it was taken, is inspected, and looks again at
        what was reported."""
        end = datetime.fromisoformat(day).replace(tzinfo=BEIJING)
        while self.waiting and self.waiting[0].acquired_at < end:
            scene = self.waiting.pop(0)
            self.clock.to(f"{scene.acquired_at.astimezone(BEIJING) + timedelta(days=1):%Y-%m-%d}", 3.0)
            taken, _ = self.office.catalog.add_scene(scene.path)
            self.inspect()
            self.recheck(taken.id)
        self.clock.to(day)

    def inspect(self) -> None:
        with self.office.ledger.lease("inspect") as lease:
            pairs, _ = self._inspect.choose(self.office, None, None)
            way = self._inspect.asked(self.office, None, None)
            self.looked += [self._inspect.look(self.office, pair, way, lease) for pair in pairs]

    def recheck(self, scene: str) -> None:
        """As ``flows.recheck.run`` does, of the parts under one new scene; how scenes lie to each other is measured
        once."""
        office, flow = self.office, self._recheck
        cases = office.ledger.cases()
        asked = flow.asked(cases, self.clock.now, office.root / "law")
        if not asked:
            return
        if self.reader is None:
            self.reader = flow.reader(office)
        self.reader.scenes = office.catalog.scenes()
        with office.ledger.lease("recheck"):
            for one in asked:
                if all(over.id != scene for over in self.reader.over(one.part.geometry)):
                    continue
                flow.look(office, self.reader, cases, one)

    def word(self, number: str, part: str = "") -> Text | None:
        """The newest verdict of re-check on a part that tells, else the newest."""
        said = [item["recheck"] for item in self.part(number, part).rechecks]
        told = [one for one in said if one["verdict"] != "cannot_tell"] or said
        if not told:
            return None
        one = max(told, key=lambda r: r["at"])
        word = both({"restored": "restored", "not_restored": "not restored"}.get(one["verdict"], "cannot tell"))
        day = f"{datetime.fromisoformat(one['at']).astimezone(BEIJING):%Y-%m-%d}"
        return both("{day}: {word}. {text}", day=day, word=word, text=one["text"])

    def verdicts(self, number: str, part: str = "") -> list[str]:
        """The latest verdict of each later scene."""
        return list(
            {r["recheck"]["scene_id"]: r["recheck"]["verdict"] for r in self.part(number, part).rechecks}.values()
        )


def play(office: StoryOffice, town: township.Township) -> tuple[list[Told], list[Any]]:
    """The story, told, and what each inspection gave; every scene of ``town`` has been inspected at its end."""
    loop = Loop(office, town)
    with step(tr("playing two years of an office"), lines=True) as progress:
        for n, chapter in enumerate(CHAPTERS):
            chapter(loop)
            progress((n + 1) / len(CHAPTERS))
    return loop.story, loop.looked


def _spring(loop: Loop) -> None:
    """2025-05: the first shed; one look at the ground is put off."""
    loop.until("2025-05-06")
    number = loop.number("again")
    if not number:
        return
    loop.dispatch(number)
    loop.tell("{day}: suspected on imagery, dispatched", number, day="2025-05-06")
    loop.clock.to("2025-05-08")
    loop.do(Kind.POSTPONED, INSPECTOR, number, reason="连日大雨，机耕道被淹", again_on="2025-05-12")
    loop.tell("{day}: could not be checked, the road was flooded; again on 05-12", number, day="2025-05-08")
    loop.clock.to("2025-05-12", 10)
    loop.illegal(number, use="factory", party=PARTY, text="彩钢棚一座，地面硬化，无批准文件")
    loop.do(Kind.ORDERED, OFFICER, number, rectification="restored_tillage", due_on="2025-09-15")


def _summer(loop: Loop) -> None:
    """2025-08: a second one, whose owner will report and do nothing; the first is torn down."""
    loop.until("2025-08-07")
    number = loop.number("late")
    if number:
        loop.dispatch(number)
        loop.clock.to("2025-08-12", 10)
        loop.illegal(number, use="factory", text="彩钢棚，存放农机配件，无批准文件")
        loop.do(Kind.ORDERED, OFFICER, number, rectification="restored_tillage", due_on="2025-10-12")
    loop.clock.to("2025-09-08")
    _reported(loop, loop.number("again"), "棚已拆除，地已翻耕")
    loop.clock.to("2025-10-10")
    _reported(loop, number, "已拆除")


def _reported(loop: Loop, number: str, text: str, part: str = "", looks: str = "field") -> None:
    if not number:
        return
    loop.do(Kind.REPORTED, OFFICER, number, part, text=text)
    for _ in range(2):
        loop.photo(number, "after", looks, part)
    loop.paper(number, "acceptance_sheet", part)


def _autumn(loop: Loop) -> None:
    """2025-10: the season's pair finds a dozen; checks, a split, orders, a proceeding, a transfer."""
    loop.until("2025-10-18")
    late = loop.number("late")
    if late and loop.part(late).status is Status.REPORTED and "not_restored" in loop.verdicts(late):
        loop.do(Kind.RETURNED, REVIEWER, late, reason="10-16 影像上棚仍在，报告不实", due_on="2025-12-20")
        loop.tell("reported as torn down, the next scene still sees it: returned. {word}", late, word=loop.word(late))
    roles = ("true", "fake", "half", "lawful", "house", "basic")
    found = {role: loop.number(role) for role in roles}
    loop.clock.to("2025-10-20")
    loop.dispatch(*[number for number in found.values() if number])
    loop.clock.to("2025-10-22", 9)
    if found["lawful"]:
        loop.found_to_be(
            found["lawful"], "lawful", "built", ("overview",), sub="approval", paper_kind="农用地转用批复",
            paper_number="示政地〔2025〕18号", paper_date="2025-06-20",
        )  # fmt: skip
    for role in ("true", "fake", "house", "basic"):
        if found[role]:
            loop.illegal(found[role], use="factory" if role in ("true", "basic") else "hardening", party=PARTY)
    if found["half"]:
        loop.halved(found["half"])
        for part in loop.case(found["half"]).parts:
            loop.illegal(found["half"], part.id, use="factory")
        loop.tell("split into two parts, each with its own verdict; the areas add up", found["half"])
    _orders(loop, found)
    _beside(loop, found["basic"], found["house"])
    loop.clock.to("2025-10-29")
    if found["lawful"]:
        loop.do(Kind.ACCEPTED, REVIEWER, found["lawful"])


def _orders(loop: Loop, found: dict[str, str]) -> None:
    loop.clock.to("2025-10-24")
    for role in ("true", "fake", "half", "basic"):
        for part in loop.case(found[role]).parts if found[role] else ():
            loop.do(Kind.ORDERED, OFFICER, found[role], part.id, rectification="restored_tillage", due_on="2026-01-23")
    loop.tell("ordered to be put right, last day 2026-01-23", *[found[r] for r in ("true", "fake", "half", "basic")])


def _beside(loop: Loop, basic: str, house: str) -> None:
    """What runs beside the loop: a proceeding on one case, a transfer to agriculture on another."""
    if basic:
        loop.clock.to("2025-10-27")
        loop.law(
            Kind.PROCEEDING, basic, {"8001": OFFICER, "2003": OFFICER}, OFFICER, step="file", cause="77",
            party=PARTY, party_kind="organisation", authority="county", approved_by=LEADER.name,
        )  # fmt: skip
        loop.do(Kind.LENIENCY, LEGAL, basic, construction="finished", harm="yes")
        loop.tell("a proceeding is filed; the facts for leniency are computed, people decide", basic)
    if house:
        loop.clock.to("2025-10-28")
        loop.do(Kind.ORDERED, OFFICER, house, rectification="to_agriculture", due_on="2025-12-20")
        loop.law(
            Kind.TRANSFER, house, {"transfer_letter": OFFICER}, OFFICER, step="letter", to="agriculture",
            organ="示意市农业农村局", reason="农村村民住宅，依土地管理法第七十八条由农业农村部门处理",
        )  # fmt: skip
        loop.clock.to("2025-11-04")
        loop.law(
            Kind.TRANSFER, house, {"transfer_receipt": OFFICER}, OFFICER, step="receipt", transfer="agriculture",
            number="示农收〔2025〕7号", received_at=loop.clock.now.isoformat(),
        )  # fmt: skip
        loop.do(Kind.REPORTED, OFFICER, house, text="已移交，收到接收函")
        loop.do(Kind.ACCEPTED, REVIEWER, house)
        loop.tell("handed to agriculture, letter and receipt on file, closed as transferred", house)


def _winter(loop: Loop) -> None:
    """2025-11 to 2026-01: reports, one of them true; closing without proof is refused."""
    loop.clock.to("2025-11-13")
    true, fake, half = (loop.number(role) for role in ("true", "fake", "half"))
    _reported(loop, true, "厂房已拆，渣土已清运，地已翻耕")
    _reported(loop, fake, "硬化已清除，覆土复绿")
    _reported(loop, half, "西侧已拆除并翻耕", part="1")
    loop.tell("reported as put right, with photos and acceptance sheets", true, fake, half)
    loop.clock.to("2025-11-14")
    if true:
        said = loop.refused(Kind.ACCEPTED, REVIEWER, true)
        if said:
            loop.tell("closing without later imagery is refused: “{said}”", true, said=said)
    loop.until("2025-12-26")
    roles = {role: loop.number(role) for role in ("flooded", "road")}
    loop.dispatch(*[number for number in roles.values() if number])
    loop.clock.to("2025-12-29")
    if roles["flooded"]:
        loop.found_to_be(roles["flooded"], "false_change", "water", ("overview",), text="冬水田蓄水，未占用")
    if roles["road"]:
        loop.found_to_be(roles["road"], "rural_road", "built", ("overview", "close"), width_m=7.5)
    loop.clock.to("2025-12-31")
    for number in roles.values():
        if number:
            loop.do(Kind.ACCEPTED, REVIEWER, number)
    _on_paper(loop, loop.number("basic"), true)


def _on_paper(loop: Loop, basic: str, true: str) -> None:
    """A term that pauses, and an entry that is corrected by a later one."""
    if basic:
        loop.clock.to("2026-01-12")
        loop.do(Kind.PAUSED, LEGAL, basic, reason="当事人申请行政复议，复议期间中止")
        loop.tell("the party asks for reconsideration: the last day is paused, nothing falls overdue", basic)
    if true:
        wrong = next(e for e in loop.office.ledger.events(true) if e.kind == Kind.REPORTED)
        loop.do(Kind.CORRECTED, OFFICER, true, corrects=wrong.seq, text="拆除日期应为 11 月 10 日，原写有误")
        loop.tell("a report is corrected by a later entry; the first one stays, struck through", true)


def _year(loop: Loop) -> None:
    """2026: the fields tell the true one from the fake; verdicts of the other kinds; a leader overrides."""
    loop.until("2026-04-29")
    entrance, again = loop.number("entrance"), loop.number("again")
    if entrance:
        loop.dispatch(entrance)
        loop.clock.to("2026-05-06")
        loop.found_to_be(entrance, "other", "built", ("overview",), sub="entrance", text="农户出入口，未硬化成片")
        loop.do(Kind.ACCEPTED, REVIEWER, entrance)
    loop.clock.to("2026-05-11")
    if again and loop.part(again).status is Status.REPORTED:
        _closed_early(loop, again)
    loop.until("2026-08-10")
    _true_and_fake(loop)
    tunnels, pond = loop.number("tunnels"), loop.number("pond")
    loop.dispatch(*[number for number in (tunnels, pond) if number])
    loop.clock.to("2026-08-14")
    if tunnels:
        loop.found_to_be(tunnels, "facility", "built", ("overview", "inside"), filing_number="示设备〔2025〕11号")
    if pond:
        loop.found_to_be(pond, "basemap_wrong", "water", ("overview", "close"), ground="坑塘水面")
    loop.clock.to("2026-08-17")
    for number in (tunnels, pond):
        if number:
            loop.do(Kind.ACCEPTED, REVIEWER, number)
    _kinds(loop)


def _closed_early(loop: Loop, number: str) -> None:
    """The images cannot tell yet; where they can, it is closed like any other."""
    said = loop.refused(Kind.ACCEPTED, REVIEWER, number)
    if said is None:
        loop.tell("two scenes agree: accepted and closed by a second person", number)
        return
    loop.do(
        Kind.ACCEPTED, LEADER, number,
        override="实地查看已翻耕并蓄水，影像期数不足系雨季所致，先行销号，继续监测",
    )  # fmt: skip
    loop.tell("a leader closes it against the gates, with a reason, and it is counted: “{said}”", number, said=said)


def _true_and_fake(loop: Loop) -> None:
    loop.clock.to("2026-08-11")
    true, fake, half = (loop.number(role) for role in ("true", "fake", "half"))
    if half and "not_restored" in loop.verdicts(half, "1") and loop.part(half, "1").status is Status.REPORTED:
        loop.do(Kind.RETURNED, REVIEWER, half, "1", reason="影像上厂房仍在，报告不实", due_on="2026-09-30")
        loop.tell("the part reported as torn down still stands on every later scene: returned", half)
    if fake and loop.part(fake).status is Status.REPORTED:
        word = loop.word(fake)
        if "not_restored" in loop.verdicts(fake):
            loop.do(
                Kind.RETURNED, REVIEWER, fake, reason="复看显示地面未随农时变化，疑为薄土盖硬化", due_on="2026-09-30"
            )
            loop.tell(
                "soil and weeds over concrete: the re-check does not believe it, returned. {word}", fake, word=word
            )
        else:
            loop.tell("soil and weeds over concrete: the re-check does not say so yet. {word}", fake, word=word)
    if true and loop.part(true).status is Status.REPORTED:
        said = loop.refused(Kind.ACCEPTED, REVIEWER, true)
        word = loop.word(true)
        if said is None:
            loop.tell(
                "truly restored: two scenes agree, accepted and closed by a second person. {word}", true, word=word
            )
        else:
            loop.tell("truly restored, not provable yet: “{said}”", true, said=said)


def _kinds(loop: Loop) -> None:
    """Which verdicts were given, from the ledger."""
    given: dict[str, str] = {}
    for row in loop.office.ledger.each_row():
        if row["verdict"]:
            given.setdefault(row["verdict"], row["number"])
    rules = loop.office.rules(loop.clock.now.astimezone(BEIJING).date())
    names = [rules.verdicts[key].name for key in given]
    listed = {lang: ("、" if lang == "zh" else ", ").join(name[lang] for name in names) for lang in ("zh", "en")}
    loop.tell("{n} kinds of verdict given on the ground: {names}", *given.values(), n=len(given), names=listed)


def _waits(loop: Loop) -> None:
    """What was returned is reported anew before its last day, and left to whoever opens the review."""
    number = loop.number("fake")
    if number and loop.part(number).status is not Status.REPORTED:
        loop.clock.to("2026-09-28")
        _reported(loop, number, "混凝土已破除清运，回填表土并翻耕")
        loop.tell("reported anew before its last day: waits for a second person", number)


def _end(loop: Loop) -> None:
    """2026-10: the last images; the closed ground breaks again; what waits for a second person; what is overdue."""
    _waits(loop)
    again = loop.number("again")
    before = loop.case(again).relapses if again else 0
    loop.until(f"{loop.last.astimezone(BEIJING) + timedelta(days=2):%Y-%m-%d}")
    if again:
        case = loop.case(again)
        if case.relapses > before:
            loop.tell("closed ground breaks again: reopened under the same number, relapse {n}", again, n=case.relapses)
        else:
            loop.tell("built on again, and no image has flagged it since the closing", again)
    today = loop.office.ledger.events()[-1].at.astimezone(BEIJING).date()  # the day that the pages are of
    late = [row for row in (on_day(row, today) for row in loop.office.ledger.rows()) if row["overdue"]]
    if late:
        worst = min(late, key=lambda row: row["days_left"])
        numbers = [row["number"] for row in sorted(late, key=lambda row: row["days_left"])]
        loop.tell("overdue on {day}: {n} cases, the longest by {days} days", *numbers[:3], day=today.isoformat(),
                  n=len(late), days=-worst["days_left"])  # fmt: skip


CHAPTERS: tuple[Callable[[Loop], None], ...] = (_spring, _summer, _autumn, _winter, _year, _end)
