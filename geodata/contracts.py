"""The column contract of each kind of layer, and which columns of a file are taken.

Columns are known by the survey's names (TD/T 1057-2020 and the tables of 一张图), by their Chinese
titles and by older names; all else that a file carries is kept as it is, except columns about
persons, which are never taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from geodata.errors import InputError, MissingOption


class Kind(StrEnum):
    FARMLAND = "FARMLAND"
    BASIC_FARMLAND = "BASIC_FARMLAND"
    DISTRICT = "DISTRICT"
    APPROVED = "APPROVED"
    FACILITY = "FACILITY"
    REDLINE = "REDLINE"
    BOUNDARY = "BOUNDARY"


@dataclass(frozen=True)
class Column:
    """One column of a contract. type: "text", "number" or "date" (kept as YYYY-MM-DD)."""

    name: str
    title: str
    type: str
    required: bool
    aliases: tuple[str, ...]


# NAME title aliases…; "!" required, "#" a number, "@" a date.
_PARCEL = """
BSM 标识码
YSDM 要素代码
TBBH 图斑编号 TBH
DLMC 地类名称
QSXZ 权属性质
QSDWDM 权属单位代码
QSDWMC 权属单位名称
ZLDWDM 坐落单位代码
ZLDWMC 坐落单位名称
KCDLBM 扣除地类编码
KCXS# 扣除地类系数 TKXS 田坎系数
KCMJ# 扣除地类面积 TKMJ 田坎面积
GDLX 耕地类型
GDPDJB 耕地坡度级别 PDJB
TBXHDM 图斑细化代码
TBXHMC 图斑细化名称
ZZSXDM 种植属性代码 GDZZSXDM
ZZSXMC 种植属性名称 GDZZSXMC
GDDB 耕地等别
FRDBS 飞入地标识
SJNF 数据年份
BZ 备注
"""
_CONTRACTS = {
    Kind.FARMLAND: _PARCEL
    + """
DLBM! 地类编码 地类代码
TBYBH 图斑预编号
TBMJ# 图斑面积
TBDLMJ# 图斑地类面积
XZDWKD# 线状地物宽度 XXTBKD
CZCSXM 城镇村属性码 城镇村属性
MSSM 描述说明
HDMC 海岛名称
""",
    Kind.BASIC_FARMLAND: _PARCEL
    + """
XZQDM 行政区代码
XZQMC 行政区名称
YJJBNTTBBH 永久基本农田图斑编号 JBNTTBBH 基本农田图斑编号
DLBM 地类编码 地类代码
YJJBNTTBMJ# 永久基本农田图斑面积 JBNTTBMJ
YJJBNTMJ# 永久基本农田面积 JBNTMJ 基本农田面积
WDGD 是否稳定利用耕地
BHKSSJ@ 保护开始时间
BHJSSJ@ 保护结束时间
""",
    Kind.DISTRICT: """
XZQDM! 行政区代码 行政区划代码 XZQHDM XZQH XJXZQDM ZLDWDM 坐落单位代码
XZQMC 行政区名称 行政区划名称 XZQHMC XJXZQMC ZLDWMC 坐落单位名称
BSM 标识码
YSDM 要素代码
""",
    Kind.APPROVED: """
PZWH 批文号 批准文号 批复文号
PZWJMC 批准文件名称
PZRQ@ 批准日期 批复日期
XMMC 项目名称
XMDM 项目代码
DZJGH 电子监管号
AJBH 案件编号
DKBH 地块编号
DKMC 地块名称
YDDW 用地单位 SQDW 申请单位
PZMJ# 批准面积 DKMJ YDMJ
YT 用途 土地用途 地块用途 TDYT YDYT
YXQZ@ 有效期止 有效期至
XZQDM 行政区代码 SZXZQDM
XZQMC 行政区名称 SZXZQMC
SQRQ@ 申请日期
GXRQ@ 更新日期
""",
    Kind.FACILITY: """
BAH 备案号 备案编号
XMMC 项目名称
JYZT 经营主体
YT 用途 设施用途
MJ# 面积
ZYGDMJ# 占用耕地面积 占耕地
ZYYJJBNTMJ# 占用永久基本农田面积 占永久基本农田
BARQ@ 备案日期
YXQZ@ 有效期止 有效期至 有效期
XZQDM 行政区代码
XZQMC 行政区名称
""",
    Kind.REDLINE: """
BSM 标识码
YSDM 要素代码
XZQDM 行政区代码 XJXZQDM XJXZQHDM
XZQMC 行政区名称 XJXZQMC
HXBM 红线编码
HXMC 红线名称 MC
HXLX 红线类型 LHLX LXDM
MJ# 面积
QYMJ# 区域面积
""",
    Kind.BOUNDARY: """
XZQDM 行政区代码
XZQMC 行政区名称 MC
""",
}
TABLE_NAMES: Mapping[Kind, str] = {
    Kind.FARMLAND: "DLTB|地类图斑",
    Kind.BASIC_FARMLAND: "YJJBNTBHTB|YJJBNTTB|YJJBNT|JBNTTB|JBNTBHTB|永久基本农田.*",
    Kind.DISTRICT: "XZQ|CJDCQ|行政区|行政区划|村级调查区",
    Kind.APPROVED: "NYDZYFW|TDZSFW|XMKJFW|XMZDFW|LSYD|PZWJSTD|LSYD_XMZDFW|批次红线|报批红线",
    Kind.FACILITY: "SSNYD|SSNYDTB|设施农用地.*",
    Kind.REDLINE: "STBHHX|生态保护红线",
    Kind.BOUNDARY: "BOUNDARY|FW|JX",
}
"""Names of the tables that hold each kind; a prefix of two letters or digits and a year after it may stand around."""

# Names, identity numbers, telephones and addresses of persons (domain: 永久基本农田 and contracts).
_PERSONAL = frozenset(
    re.split(
        r"\s+",
        """ZRRZJHM ZJHM QLRZJH QLRZJHM CBFZJHM SFZ SFZH SFZHM SFZJHM IDCARD ID_CARD ID_NO
        LXDH DH DHHM SJH SJHM YDDH LXFS LXRDH PHONE MOBILE TEL TELEPHONE EMAIL
        CFZR ZRRMC ZRR ZRRXM ZZRR FZR XM FRXM FRDB FDDBR FRMC LXR LXRXM LXRMC QLR QLRMC QLRXM
        CBF CBFMC CBFXM CBR CBRXM CZR NHXM HZ HZXM SYR SYQR YWR TZR JBR OWNER
        JZDZ JTZZ JTDZ ZZ ZZDZ TXDZ LXDZ CBFDZ QLRDZ ADDRESS""",
    )
)
_PERSONAL_TITLE = re.compile(
    "身份证|证件号|电话|手机|联系方式|联系人|姓名|责任人|承包方|承包人|承租人|自然人|户主|权利人|法定代表|法人代表|负责人"
    "|经办人|住址|居住地|家庭地址|通讯地址|联系地址"
)


def _parse(kind: Kind, text: str) -> Mapping[str, Column]:
    columns = {}
    for line in text.split("\n"):
        if line.strip():
            name, title, *aliases = line.split()
            marks = name[len(name.rstrip("!#@")) :]
            type_ = "number" if "#" in marks else "date" if "@" in marks else "text"
            name = name.rstrip("!#@")
            columns[name] = Column(name, title, type_, "!" in marks, tuple(aliases))
    return columns


CONTRACTS: Mapping[Kind, Mapping[str, Column]] = {kind: _parse(kind, text) for kind, text in _CONTRACTS.items()}


def kind_(value: str) -> Kind:
    """Raises: InputError naming the kinds there are."""
    try:
        return Kind(str(value).upper())
    except ValueError:
        raise InputError(
            "“{kind}” is no kind of layer; the kinds are {kinds}.", kind=value, kinds=", ".join(Kind)
        ) from None


def _plain(name: str) -> str:
    """A column or table name without width, case and blanks."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", name)).upper()


def is_personal(column: str) -> bool:
    """Does a column of this name tell about a person (name, identity number, telephone, address)?"""
    name = _plain(column)
    return name in _PERSONAL or bool(_PERSONAL_TITLE.search(name))


@dataclass(frozen=True)
class Taken:
    """A column as taken: ``theirs`` in the file becomes ``ours``; type None keeps what it is."""

    theirs: str
    ours: str
    type: str | None


@dataclass(frozen=True)
class Plan:
    """Which columns of a file are taken, under which names; ``dropped`` tell about persons."""

    taken: tuple[Taken, ...]
    dropped: tuple[str, ...]


def plan(kind: Kind, columns: Sequence[str], given: Mapping[str, str], path: object) -> Plan:
    """The contract of ``kind`` against the ``columns`` of a file; ``given`` is {OURS: THEIRS}.

    Raises: InputError naming a column that is needed or given and not there.
    """
    contract, found = CONTRACTS[kind], _given(kind, columns, given, path)
    found |= matched(kind, columns, found)
    for wanted in contract.values():
        if wanted.required and wanted.name not in found:
            raise InputError(
                "{path}: {kind} needs the column {name} ({title}); it has {columns}; say which one it is with"
                " --column {name}=….",
                path=path,
                kind=str(kind),
                name=wanted.name,
                title=wanted.title,
                columns=", ".join(columns) or "–",
            )
    ours = {theirs: name for name, theirs in found.items()}
    taken, used = [], set(found) | {"wkb"}
    dropped = tuple(c for c in columns if c not in ours and is_personal(c))
    for theirs in columns:
        if theirs in ours:
            taken.append(Taken(theirs, ours[theirs], contract[ours[theirs]].type))
        elif theirs not in dropped:
            name, n = theirs, 1
            while name in used:
                name, n = f"{theirs}_{n}", n + 1
            used.add(name)
            taken.append(Taken(theirs, name, None))
    return Plan(tuple(taken), dropped)


def matched(kind: Kind, columns: Sequence[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """{OURS: THEIRS} of the ``columns`` that the contract knows by name, title or alias; ``given`` goes first."""
    found = dict(given or {})
    by_name = {_plain(theirs): theirs for theirs in reversed(columns)}
    for wanted in CONTRACTS[kind].values():
        for name in (wanted.name, wanted.title, *wanted.aliases) if wanted.name not in found else ():
            theirs = by_name.get(_plain(name))
            if theirs is not None and theirs not in found.values() and not is_personal(theirs):
                found[wanted.name] = theirs
                break
    return found


def is_named_as(kind: Kind, name: str) -> bool:
    """Is this the name of a table of ``kind``, as it is delivered?"""
    return bool(re.fullmatch(rf"(?:[A-Z]{{2}}_|\d+_?)?(?:{TABLE_NAMES[kind]})(?:_?\d+)?", _plain(name)))


def _given(kind: Kind, columns: Sequence[str], given: Mapping[str, str], path: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for ours, theirs in given.items():
        name = _plain(ours)
        if name not in CONTRACTS[kind]:
            raise InputError(
                "--column {ours}={theirs}: {kind} has no column {ours}; it has {columns}.",
                ours=ours,
                theirs=theirs,
                kind=str(kind),
                columns=", ".join(CONTRACTS[kind]),
            )
        match = theirs if theirs in columns else next((c for c in columns if _plain(c) == _plain(theirs)), None)
        if match is None:
            raise InputError(
                "{path}: has no column {theirs} (--column {ours}={theirs}); it has {columns}.",
                path=path,
                ours=ours,
                theirs=theirs,
                columns=", ".join(columns) or "–",
            )
        if is_personal(match):
            raise InputError(
                "{path}: the column {theirs} tells about persons and is never taken; leave --column {ours}={theirs}"
                " out.",
                path=path,
                ours=ours,
                theirs=theirs,
            )
        found[name] = match
    return found


def choose_table(kind: Kind, names: Sequence[str], asked: str | None, path: object) -> str:
    """The table to take: the one ``asked`` for, the only one, or the one known by its name.

    Raises: InputError if it is not there; MissingOption if it has to be said.
    """
    shown = ", ".join(names) or "–"
    if asked is not None:
        found = [n for n in names if n == asked] or [n for n in names if _plain(n) == _plain(asked)]
        if len(found) != 1:
            raise InputError(
                "{path}: has no layer “{asked}”; its polygon layers are {names}.", path=path, asked=asked, names=shown
            )
        return found[0]
    known = [n for n in names if is_named_as(kind, n)]
    if len(names) != 1 and len(known) != 1:
        raise MissingOption(
            "{path}: holds several layers ({names}); name one with --layer.", path=path, names=", ".join(known) or shown
        )
    return names[0] if len(names) == 1 else known[0]
