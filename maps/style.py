"""Tokens of the house, stages, statuses and kinds, and their glyphs as inline SVG.

Shape = stage, character = status, colour repeats it. Hollow: the office must judge;
solid: work on the ground. Colours and contrasts are those of the interface's token table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from geodata.area import mu
from geodata.days import BEIJING
from geodata.words import Text, tr
from pipeline import triage
from pipeline.cases.case import STAGE_OF, Stage, Status
from pipeline.cases.table import role_name

TEMPLATES = Path(__file__).parent / "templates"

INK, INK_2, INK_3 = "#14201a", "#44514a", "#5b675f"
PAGE, SUNK, FOCUS = "#f1f4ef", "#e8ede6", "#ffd400"
OVERDUE = "#a1123f"
PATCH_LINE = "#ffe000"
BASIC_LINE, BASIC_HATCH = "#8a6a00", "#ffe58a"


@dataclass(frozen=True)
class StageStyle:
    """solid: glyph and bar; text on tint: tags; light: the second tone of stripes, or the pale fill."""

    text: Text
    solid: str
    on_tint: str
    tint: str
    light: str


@dataclass(frozen=True)
class StatusStyle:
    text: Text
    character: str
    shape: str
    hollow: bool
    solid: str
    on_tint: str
    tint: str


def _t(zh: str, en: str) -> Text:
    return {"zh": zh, "en": en}


STAGES: Mapping[Stage, StageStyle] = {
    Stage.FOUND: StageStyle(_t("发现", "Found"), "#b4460b", "#8f3607", "#fdeee2", "#b4460b"),
    Stage.RECTIFY: StageStyle(_t("整改", "Rectify"), "#0b5fa5", "#084a82", "#e2effa", "#3f8bcb"),
    Stage.CLOSED: StageStyle(_t("销号", "Closed"), "#0b7450", "#085a3e", "#dff3ea", "#d3ecdf"),
}


def _status(zh: str, en: str, character: str, shape: str, stage: Stage | None, *, hollow: bool = False) -> StatusStyle:
    if stage is None:
        return StatusStyle(_t(zh, en), character, shape, hollow, INK_3, INK_2, SUNK)
    s = STAGES[stage]
    return StatusStyle(_t(zh, en), character, shape, hollow, s.solid, s.on_tint, s.tint)


STATUSES: Mapping[Status, StatusStyle] = {
    Status.SUSPECTED: _status("疑似", "Suspected", "疑", "diamond", Stage.FOUND, hollow=True),
    Status.DISPATCHED: _status("待核查", "To check", "核", "diamond", Stage.FOUND),
    Status.RECTIFYING: _status("整改中", "Rectifying", "改", "square", Stage.RECTIFY),
    Status.REPORTED: _status("待验收", "To accept", "验", "square", Stage.RECTIFY, hollow=True),
    Status.CLOSED: _status("已销号", "Closed", "销", "circle", Stage.CLOSED),
    Status.DISMISSED: _status("不成立", "Dismissed", "非", "circle", None),
}


def stage_of(status: Status | str) -> Stage | None:
    """The stage that a status counts in; DISMISSED counts in none, and in no closing rate."""
    return None if Status(status) is Status.DISMISSED else STAGE_OF[Status(status)]


MONTH_NAMES: Mapping[str, tuple[str, ...]] = {
    "zh": tuple(f"{n}月" for n in range(1, 13)),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}

UNSEEN: Mapping[str, Text] = {
    "nodata": _t("无影像", "no image"),
    "cloud": _t("云", "cloud"),
    "shadow": _t("云影", "cloud shadow"),
    "cirrus": _t("卷云", "cirrus"),
    "snow": _t("雪", "snow"),
    "water": _t("水体", "water"),
    "saturated": _t("过曝", "saturated"),
    "outside": _t("影像未覆盖", "outside the image"),
}
"""Why farmland was not seen, as ``Inspection.unseen_farmland_m2`` names it."""


def kind_name(kind: str, lang: str | None = None) -> str:
    """Name of a kind of ``triage.KINDS`` (an unknown one is shown by its key)."""
    return triage.kind_name(kind)[lang or "zh"] if kind in triage.KINDS else kind


_SHAPES = {
    "diamond": "M16 3 29 16 16 29 3 16z",
    "square": "M6.5 5h19q1.5 0 1.5 1.5v19q0 1.5-1.5 1.5h-19Q5 27 5 25.5v-19Q5 5 6.5 5z",
}
_CIRCLE = "M16 4.5a11.5 11.5 0 1 0 .01 0z"
_RINGS = {
    "diamond": "M16 1.6 30.4 16 16 30.4 1.6 16z",
    "square": "M3.5 3.5h25v25h-25z",
    "circle": "M16 2.5a13.5 13.5 0 1 0 .01 0z",
}
RELAPSE_BADGE = (
    f'<circle cx="6.6" cy="6.6" r="5.8" fill="{INK}" stroke="#fff" stroke-width="1.2"/>'
    '<path d="M4.1 4.9A3 3 0 1 1 3.7 7.4M3.6 3.2v2.2h2.2" fill="none" stroke="#fff" stroke-width="1.3"/>'
)
OVERDUE_BADGE = (
    f'<circle cx="26" cy="6" r="5.6" fill="{OVERDUE}" stroke="#fff" stroke-width="1.2"/>'
    '<path d="M26 2.8v3.8" stroke="#fff" stroke-width="1.7" stroke-linecap="round"/>'
    '<circle cx="26" cy="8.9" r="1" fill="#fff"/>'
)


def shape(status: Status | str, *, overdue: bool = False, character: bool = True) -> str:
    """The drawing of a status inside a 32-unit box, without badges."""
    s = STATUSES[Status(status)]
    path = _SHAPES.get(s.shape, _CIRCLE)
    outer = _RINGS[s.shape] if overdue else path
    halo = f'<path d="{outer}" fill="#fff" stroke="#fff" stroke-width="{6.2 if overdue else 3.6}"/>'
    ring = f'<path d="{_RINGS[s.shape]}" fill="#fff" stroke="{OVERDUE}" stroke-width="2.6"/>' if overdue else ""
    if s.hollow:
        body = f'<path d="{path}" fill="#fff" stroke="{s.solid}" stroke-width="2.2"/>'
    else:
        body = f'<path d="{path}" fill="{s.solid}"/>'
    size = 11.5 if s.shape == "diamond" else 14
    text = (
        f'<text x="16" y="{16 + size * 0.36:.1f}" text-anchor="middle" font-size="{size}" font-weight="700" '
        f'fill="{s.solid if s.hollow else "#fff"}">{s.character}</text>'
    )
    return halo + ring + body + (text if character else "")


def label(status: Status | str, overdue: bool = False, relapse: bool = False, lang: str | None = None) -> str:
    """The words of a glyph: 待验收，逾期."""
    lang = lang or "zh"
    words = [STATUSES[Status(status)].text[lang]]
    words += [_t("逾期", "overdue")[lang]] * overdue + [_t("反弹", "relapsed")[lang]] * relapse
    return ("，" if lang == "zh" else ", ").join(words)


def glyph(
    status: Status | str,
    overdue: bool = False,
    relapse: bool = False,
    *,
    lang: str | None = None,
    size_px: int = 30,
    hidden: bool = False,
) -> Markup:
    """Inline SVG of a status. Below 26 px the shape stands without its character, and the word
    must stand beside it. hidden: the word stands beside it, so it is not read out twice."""
    inner = shape(status, overdue=overdue, character=size_px >= 26)
    inner += (OVERDUE_BADGE if overdue else "") + (RELAPSE_BADGE if relapse else "")
    name = (
        'aria-hidden="true"' if hidden else f'role="img" aria-label="{escape(label(status, overdue, relapse, lang))}"'
    )
    return Markup(  # noqa: S704  every part is ours; the label is escaped
        f'<svg class="gx-glyph" width="{size_px}" height="{size_px}" viewBox="0 0 32 32" {name}>{inner}</svg>'
    )


def mark(size_px: int = 26, fourth: str = FOCUS) -> Markup:
    """田 in white, its top right cell yellow: the flagged parcel. On empty pages the cell tells the state."""
    return Markup(  # noqa: S704
        f'<svg class="gx-mark" width="{size_px}" height="{size_px}" viewBox="0 0 32 32" aria-hidden="true">'
        f'<rect x="16" y="3" width="13" height="13" fill="{fourth}"/>'
        '<path d="M16 3v26M3 16h26" stroke="currentColor" stroke-width="3"/>'
        '<rect x="3" y="3" width="26" height="26" rx="4" fill="none" stroke="currentColor" stroke-width="3"/></svg>'
    )


@dataclass(frozen=True)
class Frame:
    """What the frame of every page needs: where it lies, in which language, and the ledger's state.

    path: relative to the language's root ("index.html", "case/430321-2026-00001.html"); the English
    root lies in ``en/`` of the site. assets: {name: hashed name} of ``assets.static_files()``.
    verified: True intact, False broken, None not checked. nav: overview | cases | runs.
    """

    path: str
    lang: str
    scope: Text | str
    as_of: datetime | None
    verified: bool | None
    assets: Mapping[str, str] = field(default_factory=dict)
    software_version: str = ""
    nav: str = "overview"

    portal = False
    """Whether a server shows it, to somebody who has signed in."""
    alone = False
    """Whether the page is one file by itself, with no other page to go to."""

    @property
    def pages(self) -> list[tuple[str, str, str]]:
        """(nav, msgid, address from the root) of the bar at the top."""
        return [
            ("overview", "Overview", "index.html"),
            ("cases", "Cases", "index.html#v=list"),
            ("runs", "Runs", "runs/index.html"),
            ("stats", "Statistics", "stats.html"),
        ]

    @property
    def root(self) -> str:
        """From this page to the root of its language: "" or "../"."""
        return "../" * self.path.count("/")

    @property
    def site(self) -> str:
        """From this page to the site's root."""
        return self.root + ("../" if self.lang == "en" else "")

    def asset(self, name: str) -> str:
        return f"{self.site}static/{self.assets.get(name, name)}"

    @property
    def other_href(self) -> str:
        """The same page in the other language."""
        return self.site + ("" if self.lang == "en" else "en/") + self.path

    @property
    def scope_name(self) -> str:
        return self.scope if isinstance(self.scope, str) else self.scope[self.lang]


@cache
def environment(lang: str) -> Environment:
    """Jinja over ``templates/``: autoescaped, ``_`` in ``lang``, filters mu, m2, date_bj, time_bj."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def say(msgid: str, **fields: object) -> str:
        return tr(msgid, lang, **fields)

    found.globals.update(
        _=say,
        lang=lang,
        mark=mark,
        glyph=lambda *args, **named: glyph(*args, **{"lang": lang, **named}),
        kind_name=lambda kind: kind_name(kind, lang),
        role_name=lambda role: role_name(str(role))[lang],
        STATUSES=STATUSES,
        STAGES=STAGES,
        either=lambda text: text if isinstance(text, str) else text[lang],
    )
    found.filters.update(mu=mu_text, m2=m2_text, date_bj=date_bj, time_bj=time_bj, month_start=month_start)
    found.filters.update(moment=moment, capital=capital)
    return found


def capital(words: str) -> str:
    """With a capital where they begin in Latin letters: a name that stands as a label, not within a sentence."""
    return words[:1].upper() + words[1:]


def mu_text(m2: float, digits: int = 2) -> str:
    """4.47 (亩, without the unit)."""
    return f"{mu(m2):,.{digits}f}"


def m2_text(m2: float) -> str:
    """2,977.60 (m², without the unit)."""
    return f"{m2:,.2f}"


def date_bj(at: datetime, now: datetime | None = None) -> str:
    """Beijing date: 11-20 inside the year of ``now``, else 2026-11-20."""
    day = at.astimezone(BEIJING)
    same = now is not None and now.astimezone(BEIJING).year == day.year
    return day.strftime("%m-%d" if same else "%Y-%m-%d")


def time_bj(at: datetime, now: datetime | None = None) -> str:
    """Beijing date and time, 24 h: 11-20 09:12."""
    return f"{date_bj(at, now)} {at.astimezone(BEIJING):%H:%M}"


def moment(at: float | datetime | None) -> str:
    """Beijing date and time of a datetime or of seconds since 1970; "–" where there is none."""
    return "–" if at is None else time_bj(datetime.fromtimestamp(at, BEIJING) if isinstance(at, (int, float)) else at)


def month_start(now: datetime) -> str:
    """11-01: the first day of the Beijing month of ``now``."""
    return f"{now.astimezone(BEIJING):%m}-01"
