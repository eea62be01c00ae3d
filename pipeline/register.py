"""The register (台账) as a table: one row a part of a case, in the columns of the bureau's workbook. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from geodata.area import mu
from geodata.days import BEIJING
from geodata.words import Text, tr
from pipeline.cases import transfer
from pipeline.cases.case import Case, Part
from pipeline.cases.proceeding_law import proceeding_law
from pipeline.cases.rows import basic_m2
from pipeline.cases.rules import OUTCOMES
from pipeline.cases.standards import Standards
from pipeline.clues import source_name
from pipeline.triage import kind_name
from pipeline.workbook import Field, workbook

COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("XH", "No.", "number"), ("PC", "Batch", "text"), ("TBBH", "Case", "text"), ("ZTBH", "Part", "text"),
    ("XQ", "County", "text"), ("XZ", "Township", "text"), ("CUN", "Village", "text"), ("JD", "Longitude", "number"),
    ("WD", "Latitude", "number"), ("QSX", "Before", "day"), ("HSX", "After", "day"), ("TBLX", "Kind of patch", "text"),
    ("JCMJ", "Area (mu)", "number"), ("GDMJ", "Farmland (mu)", "number"), ("YNMJ", "Basic farmland (mu)", "number"),
    ("FGNYMJ", "Other agricultural (mu)", "number"), ("WLYMJ", "Unused (mu)", "number"),
    ("JSYDMJ", "Construction (mu)", "number"), ("WFGMJ", "Under no parcel (mu)", "number"),
    ("STHXMJ", "Redline (mu)", "number"), ("YDL", "Class before", "text"), ("ZZSX", "Planting", "text"),
    ("HSYJ", "Verdict", "text"), ("FL", "Sub-kind", "text"), ("YTXH", "Finer use", "text"), ("JSZT", "Party", "text"),
    ("JSSJ", "Built", "text"), ("XMMC", "Project", "text"), ("PZWH", "Approval or filing no.", "text"),
    ("SFLA", "Proceeding filed", "text"), ("AH", "Proceeding no.", "text"), ("LARQ", "Filed on", "day"),
    ("WFLX", "Cause", "text"), ("CFWH", "Decision no.", "text"), ("FK", "Fine (yuan)", "number"),
    ("MSMJ", "Confiscated (m²)", "number"), ("CCMJ", "Demolished (m²)", "number"),
    ("FGMJ", "Restored to tillage (mu)", "number"), ("ZGFS", "Rectification", "text"), ("ZGQX", "Due day", "day"),
    ("ZGZT", "Status", "text"), ("YSRQ", "Accepted on", "day"), ("XHRQ", "Closed on", "day"),
    ("YS", "Transfers", "text"), ("CQYJ", "Leniency", "text"), ("TZ", "Farmland chief", "text"),
    ("BZ", "Remarks", "text"),
)  # fmt: skip
"""(short name, msgid of the heading, type)."""

WIDE = {"TBBH": 20, "JSZT": 20, "XMMC": 20, "CQYJ": 30, "BZ": 40, "YDL": 16, "ZGFS": 20, "YS": 20}
DECIMALS = {"XH": 0, "JD": 6, "WD": 6, "JCMJ": 3, "GDMJ": 3, "YNMJ": 3, "FGNYMJ": 3, "WLYMJ": 3, "JSYDMJ": 3,
            "WFGMJ": 3, "STHXMJ": 3, "FGMJ": 3}  # fmt: skip


def fields() -> list[Field]:
    """The columns, their headings in the language in use."""
    return [
        Field(name, tr(heading), type, WIDE.get(name, 12), DECIMALS.get(name, 2)) for name, heading, type in COLUMNS
    ]


def rows(cases: Iterable[Case], rules: Standards, lang: str) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """({short name: value}, geometry in EPSG:4490) of each part, numbered from 1; texts in ``lang``."""
    number = 0
    for case in cases:
        for part in case.parts:
            number += 1
            yield {"XH": number, **_row(case, part, rules, lang)}, part.geometry


def book(
    found: Iterable[Mapping[str, Any]], *, scope: str, now: datetime, head: str, remarks: Iterable[str] = ()
) -> bytes:
    """The workbook (.xlsx) of rows as ``rows`` gives them, in the language in use. head: short text of the ledger's
    head; remarks: further lines under the table."""
    at = now.astimezone(BEIJING)
    columns = fields()
    title = tr("Register of farmland patches · {scope} · {day}", scope=scope, day=at.date().isoformat())
    footer = [
        tr("Ledger: {head}; written {at} (Beijing time).", head=head, at=f"{at:%Y-%m-%d %H:%M}"),
        tr("Areas are in mu unless said; seen from above is a clue until the ground was checked."),
        *remarks,
    ]
    values = ([row.get(field.name) for field in columns] for row in found)
    return workbook(tr("register"), title, columns, values, footer)


def _row(case: Case, part: Part, rules: Standards, lang: str) -> dict[str, Any]:
    flag, ground = case.flags[0], part.ground
    inside = part.geometry.representative_point()
    return {
        "PC": _listed(clue["batch"] for clue in case.clues),
        "TBBH": case.number,
        "ZTBH": part.id,
        "XQ": case.district_name,
        "XZ": case.township_name,
        "CUN": case.village_name,
        "JD": round(inside.x, 6),
        "WD": round(inside.y, 6),
        "QSX": _day(flag["before_at"]),
        "HSX": _day(flag["after_at"]),
        "TBLX": kind_name(flag["kind"])[lang],
        "JCMJ": _mu(ground["patch_m2"]),
        "GDMJ": _mu(ground["farmland_gross_m2"]),
        "YNMJ": _mu(basic_m2(ground)),
        "FGNYMJ": _mu(ground["other_agricultural_m2"]),
        "WLYMJ": _mu(ground["unused_m2"]),
        "JSYDMJ": _mu(ground["construction_m2"]),
        "WFGMJ": _mu(ground["uncovered_m2"]),
        "STHXMJ": _mu(ground["overlays"].get("REDLINE", [0.0])[0]),
        **_before(ground),
        **_verdict(part, rules, lang),
        **_proceeding(part, lang),
        **_rectified(case, part, rules, lang),
        "YS": _listed(
            f"{transfer.receiver_name(t.to)[lang]}：{transfer.state_name(t.state)[lang]}"
            for t in part.transfers.values()
        ),
        "CQYJ": _listed(
            _of(fact["article"], lang) for item in part.leniency[-1:] for fact in item["facts"] if fact["holds"]
        ),
        "TZ": None,
        "BZ": _remarks(case, part, lang),
    }


def _before(ground: Mapping[str, Any]) -> dict[str, Any]:
    """Of the parcel that holds most of the part."""
    parcels = [share for share in ground["shares"] if share["kind"] == "FARMLAND"]
    if not parcels:
        return {"YDL": None, "ZZSX": None}
    most = max(parcels, key=lambda share: share["gross_m2"])
    planting = most["attributes"].get("ZZSXMC") or most["attributes"].get("ZZSXDM")
    return {"YDL": f"{most['code']} {most['name']}".strip(), "ZZSX": planting}


def _verdict(part: Part, rules: Standards, lang: str) -> dict[str, Any]:
    given = part.verdict
    if given is None:
        return dict.fromkeys(("HSYJ", "FL", "YTXH", "JSZT", "JSSJ", "XMMC", "PZWH"))
    rule = rules.verdicts.get(given["verdict"])
    sub, use = str(given.get("sub") or ""), str(given.get("use") or "")
    return {
        "HSYJ": rule.name[lang] if rule else given["verdict"],
        "FL": rule.subs[sub][lang] if rule and sub in rule.subs else sub,
        "YTXH": rule.uses[sub][use][lang] if rule and use in rule.uses.get(sub, {}) else use,
        "JSZT": given.get("party"),
        "JSSJ": given.get("built"),
        "XMMC": given.get("project"),
        "PZWH": given.get("paper_number") or given.get("filing_number"),
    }


def _proceeding(part: Part, lang: str) -> dict[str, Any]:
    found = sorted(part.proceedings.values(), key=lambda p: p.filed_on)
    if not found:
        return {"SFLA": tr("no", lang), **dict.fromkeys(("AH", "LARQ", "WFLX", "CFWH", "FK", "MSMJ"))}
    last = found[-1]
    cause = proceeding_law(last.filed_on).causes.get(last.cause)
    first = last.steps[0].payload if last.steps else {}
    return {
        "SFLA": tr("yes", lang),
        "AH": first.get("number"),
        "LARQ": last.filed_on,
        "WFLX": cause.name[lang] if cause else last.cause,
        "CFWH": last.number,
        "FK": sum(p.fine_yuan for p in found),
        "MSMJ": sum(p.confiscated_m2 for p in found),
    }


def _rectified(case: Case, part: Part, rules: Standards, lang: str) -> dict[str, Any]:
    said = part.report or part.order or {}
    rule = rules.closings.get(str(said.get("rectification")))
    restored = part.outcome == "rectified" and said.get("rectification") == "restored_tillage"
    demolished = float((part.report or {}).get("demolished_m2") or 0)
    accepted = part.closing["at"] if part.closing else None
    closed = case.status.value == "CLOSED"
    return {
        "CCMJ": demolished or sum(p.demolished_m2 for p in part.proceedings.values()) or None,
        "FGMJ": _mu(part.ground["farmland_gross_m2"]) if restored else None,
        "ZGFS": rule.name[lang] if rule else None,
        "ZGQX": part.rectify_by["on"] if part.rectify_by else None,
        "ZGZT": tr(part.status.value, lang),
        "YSRQ": _day(accepted),
        "XHRQ": _day(max(p.closing["at"] for p in case.parts if p.closing)) if closed and accepted else None,
    }


def _remarks(case: Case, part: Part, lang: str) -> str:
    said = [tr("{source} {batch}: {id}", lang, source=source_name(c["source"]), batch=c["batch"], id=c["clue_id"])
            for c in case.clues]  # fmt: skip
    if part.outcome:
        said.append(tr(OUTCOMES[part.outcome], lang))
    if part.closing and part.closing["overridden"]:
        said.append(tr("closed by overriding", lang))
    if case.relapses:
        said.append(tr("relapses {n}", lang, n=case.relapses))
    if case.dismissed:
        said.append(_of(case.dismissed["reason"], lang))
    if part.rectify_by and part.rectify_by["provisional"]:
        said.append(tr("due day provisional", lang))
    return "；".join(said) if lang == "zh" else "; ".join(said)


def _mu(m2: float) -> float:
    return round(float(mu(m2)), 3)


def _day(said: str | None) -> date | None:
    return None if not said else datetime.fromisoformat(said).astimezone(BEIJING).date()


def _of(said: Text | str, lang: str) -> str:
    return said if isinstance(said, str) else said[lang]


def _listed(texts: Iterable[str]) -> str:
    return "、".join(dict.fromkeys(texts))
