"""Verdicts on issued patches as they go back: the issued columns, then those of the form of 2026 (核查填报). Pure.

One row a patch, and one a part where the case was split: number_1, number_2 …, each with its own verdict.
Areas are in 亩, as in the form: 地块 = 耕地 + 非耕农用地 + 未利用地 + 建设用地, 永农 and 红线 beside the sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shapely.geometry import shape

from geodata.area import mu
from pipeline.cases.case import Case, Part
from pipeline.cases.standards import Standards
from pipeline.clues import PERSONAL
from pipeline.workbook import Field

ISSUED = (
    "OBJECTID", "XZQDM", "XMC", "JCBH", "TBLX", "TZ", "QSX", "HSX", "DDTC", "JSYDXZ", "DLBM", "DLMC", "TBXHDM",
    "TBXHMC", "ZZSXDM", "ZZSXMC", "CZCSXM", "SFYN", "SFHX", "MJ", "BZ",
)  # fmt: skip
"""Columns of an issued layer; JCBH is the number of the row, FJCBH that of the patch as issued."""
RETURNED: tuple[tuple[str, str, str], ...] = (
    ("FJCBH", "父图斑编号", "text"), ("ZT", "状态", "text"), ("HSYJ", "核实认定意见", "text"), ("FL", "分类", "text"),
    ("YTXH", "用途分类细化", "text"), ("XMMC", "项目名称", "text"), ("JSSJ", "建设时间", "text"),
    ("XMZT", "项目主体", "text"), ("HCMS", "现场核查描述", "text"), ("DKMJ", "地块面积(亩)", "number"),
    ("ZGDMJ", "占耕地面积(亩)", "number"), ("ZYNMJ", "占基本农田面积(亩)", "number"),
    ("ZFGNYMJ", "占非耕农用地面积(亩)", "number"), ("ZWLYMJ", "占未利用地面积(亩)", "number"),
    ("ZJSMJ", "建设用地面积(亩)", "number"), ("ZHXMJ", "占生态红线面积(亩)", "number"), ("ZP", "现场照片", "text"),
)  # fmt: skip
"""(short name, heading of the form, type)."""
FORM = ("lawful", "facility", "rural_road", "other", "violation", "false_change")
"""Verdicts that the form knows; the office's own ones have no place there."""
QUEUES = {"lawful": "判定合法", "violation": "判定违法", "other": "判定其它", "rural_road": "判定农村道路",
          "facility": "判定设施农用地", "false_change": "伪变化"}  # fmt: skip
WAITING = "未提报"
ORGANISATION = re.compile(r"公司|集团|委员会|政府|管理局|分局|学校|医院|合作社|研究院|农场有限|[局厂]$")
"""A party so named is no person."""
SUM_MU = 0.01
TERMS = ("farmland_gross_m2", "other_agricultural_m2", "unused_m2", "construction_m2")


@dataclass
class Told:
    """What went otherwise than the form would have it. withheld: parties that may be persons. own_verdicts: numbers
    whose verdict the form does not know. short: numbers whose areas do not add up, for ground under no parcel."""

    withheld: list[str] = field(default_factory=list)
    own_verdicts: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Row:
    """photos: (name as returned, sha256)."""

    values: Mapping[str, Any]
    geometry: Any
    photos: Sequence[tuple[str, str]]


def fields() -> list[Field]:
    """The columns in order, their headings those of the forms."""
    issued = [Field(name, name, "number" if name == "MJ" else "text", 12, 2) for name in ISSUED]
    return issued + [Field(name, heading, type_, 14, 2) for name, heading, type_ in RETURNED]


def rows(case: Case, clue: Mapping[str, Any], flag: Mapping[str, Any], rules: Standards, told: Told) -> Iterator[Row]:
    """The rows of one issued patch. flag: the one that was made of it, as ``flags.to_json`` writes it."""
    number = str(clue["clue_id"])
    for part in case.parts:
        whole = len(case.parts) == 1
        ground = flag["occupied"] if whole else part.ground
        own = number if whole else f"{number}_{part.id}"
        photos = _photos(part, own, clue["fields"].get("XZQDM") or case.district_code)
        values = {
            **_issued(clue["fields"]),
            "JCBH": own,
            "FJCBH": number,
            **_verdict(part, own, rules, told),
            **_areas(ground, own, told),
            "ZP": "；".join(name for name, _ in photos),
        }
        yield Row(values, shape(ground["geometry"]), photos)


def _issued(given: Mapping[str, str]) -> dict[str, Any]:
    """As delivered; a number where the form has one."""
    found: dict[str, Any] = {name: given.get(name) for name in ISSUED}
    try:
        found["MJ"] = float(found["MJ"]) if found["MJ"] else None
    except ValueError:
        found["MJ"] = None
    return found


def _verdict(part: Part, number: str, rules: Standards, told: Told) -> dict[str, Any]:
    given = part.verdict
    if given is None:
        return {"ZT": WAITING}
    key, sub, use = (str(given.get(name) or "") for name in ("verdict", "sub", "use"))
    rule = rules.verdicts.get(key)
    if key not in FORM or rule is None:
        told.own_verdicts.append(number)
        return {}
    party = str(given.get("party") or "")
    if party and not ORGANISATION.search(party):
        told.withheld.append(number)
        party = ""
    return {
        "ZT": QUEUES[key],
        "HSYJ": rule.name["zh"],
        "FL": rule.subs[sub]["zh"] if sub in rule.subs else None,
        "YTXH": rule.uses[sub][use]["zh"] if use in rule.uses.get(sub, {}) else None,
        "XMMC": _masked(given.get("project")),
        "JSSJ": given.get("built"),
        "XMZT": _masked(party),
        "HCMS": _masked(given.get("text")),
    }


def _masked(text: Any) -> str | None:
    """Without telephone and identity numbers."""
    return PERSONAL.sub("***", str(text)) if text else None


def _areas(ground: Mapping[str, Any], number: str, told: Told) -> dict[str, float]:
    def of(m2: float) -> float:
        return round(float(mu(m2)), 2)

    if float(mu(ground["patch_m2"] - sum(ground[term] for term in TERMS))) > SUM_MU:
        told.short.append(number)
    overlays = ground["overlays"]
    return {
        "DKMJ": of(ground["patch_m2"]),
        "ZGDMJ": of(ground["farmland_gross_m2"]),
        "ZYNMJ": of(overlays.get("BASIC_FARMLAND", [0.0])[0]),
        "ZFGNYMJ": of(ground["other_agricultural_m2"]),
        "ZWLYMJ": of(ground["unused_m2"]),
        "ZJSMJ": of(ground["construction_m2"]),
        "ZHXMJ": of(overlays.get("REDLINE", [0.0])[0]),
    }


def _photos(part: Part, number: str, district: str) -> list[tuple[str, str]]:
    """XZQDM_JCBH_CL_1.jpg …, in the order in which they were taken in."""
    taken = [item for item in part.evidence if item["kind"] == "photo"]
    return [
        (f"{district[:6]}_{re.sub(r'[^0-9A-Za-z_-]', '', number)}_CL_{n}.{_suffix(item)}", str(item["sha256"]))
        for n, item in enumerate(taken, 1)
    ]


def _suffix(item: Mapping[str, Any]) -> str:
    return str(item["media_type"]).partition("/")[2].replace("jpeg", "jpg") or "jpg"
