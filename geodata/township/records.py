"""The township's ground in the survey's tables: DLTB, YJJBNTTB, districts, approvals, records, redline.

Each function gives columns {name: values}, geometry apart. What stands in personal columns is plainly
invented: it is there so that an import has something to drop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.area import cents
from geodata.township.places import Geometries
from geodata.township.plan import Happening
from geodata.township.survey import COUNTIES, LAND_NAMES, TOWNSHIPS, VILLAGES, Parcels

Columns = dict[str, Any]
YEAR = 2024

RIDGES = np.array([[0.0, 0.0612, 0.1128, 0.1574, 0.1902], [0.0, 0.0420, 0.0817, 0.1196, 0.1433]])
"""KCXS by kind (terraced, sloping) and grade of slope; invented, of the usual size."""


def county_of(village: NDArray[np.int32]) -> NDArray[np.str_]:
    return np.array([v.code[:6] for v in VILLAGES])[village]


def _numbers(key: NDArray) -> NDArray[np.int64]:
    """1, 2, 3 … within each value of ``key``, in order of appearance."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    result = np.empty(len(key), np.int64)
    result[order] = np.arange(len(key)) - np.searchsorted(ordered, ordered) + 1
    return result


def _common(parcels: Parcels, area: NDArray[np.float64], layer: str, feature: str) -> Columns:
    """The fields that DLTB and YJJBNTTB share."""
    count = len(parcels.dlbm)
    code = np.array([v.code for v in VILLAGES])[parcels.village]
    name = np.array([v.name for v in VILLAGES])[parcels.village]
    county = county_of(parcels.village)
    farm = np.isin(parcels.dlbm, ["0101", "0103"])
    grade = np.digitize(parcels.slope_deg, [2, 6, 15, 25])
    terraced = (parcels.dlbm == "0101") | (grade > 1)
    factor = np.where(farm, RIDGES[np.where(terraced, 0, 1), grade], 0.0)
    serial = _numbers(county)
    state = np.isin(parcels.dlbm, ["1003", "1101", "1103"])
    return {
        "BSM": [f"{c}{layer}{n:08d}" for c, n in zip(county, serial, strict=True)],
        "YSDM": [feature] * count,
        "TBBH": [f"{n:04d}" for n in _numbers(parcels.village)],
        "DLBM": parcels.dlbm.tolist(),
        "DLMC": [LAND_NAMES[str(c)] for c in parcels.dlbm],
        "QSXZ": np.where(state, "20", "30").tolist(),
        "QSDWDM": [f"{c}0000000" for c in code],
        "QSDWMC": name.tolist(),
        "ZLDWDM": [f"{c}0000000" for c in code],
        "ZLDWMC": name.tolist(),
        "KCDLBM": np.where(factor > 0, "1203", "").tolist(),
        "KCXS": factor,
        "KCMJ": cents(area * factor),
        "GDLX": np.where(farm & (grade > 0), np.where(terraced, "TT", "PD"), "").tolist(),
        "GDPDJB": np.where(farm, (grade + 1).astype(str), "").tolist(),
        "ZZSXDM": np.where(parcels.dlbm == "0101", "LS", np.where(farm, "LYFL", "")).tolist(),
        "ZZSXMC": np.where(parcels.dlbm == "0101", "种植粮食作物", np.where(farm, "粮与非粮轮作", "")).tolist(),
        "GDDB": np.where(farm, 6 + grade, 0).astype(np.int32),
        "FRDBS": ["0"] * count,
        "SJNF": np.full(count, YEAR, np.int32),
    }


def dltb(parcels: Parcels, area: NDArray[np.float64]) -> Columns:
    """DLTB; area: m² by the survey's formula, two decimals."""
    columns = _common(parcels, area, "1001", "2001010100")
    lot = np.isin(parcels.dlbm, ["0702", "05H1", "0601", "08H2"])
    return columns | {
        "TBYBH": columns["TBBH"],
        "TBMJ": area,
        "TBDLMJ": cents(area - columns["KCMJ"]),
        "XZDWKD": parcels.width_m,
        "TBXHDM": [""] * len(area),
        "TBXHMC": [""] * len(area),
        "CZCSXM": np.where(lot, "203", "").tolist(),
        "MSSM": ["00"] * len(area),
        "HDMC": [""] * len(area),
        "BZ": ["示意数据"] * len(area),
    }


def basic_farmland(parcels: Parcels, area: NDArray[np.float64]) -> Columns:
    """YJJBNTTB with the personal columns of real deliveries, their values invented."""
    columns = _common(parcels, area, "2003", "2005010300")
    county = county_of(parcels.village)
    count = len(area)
    return columns | {
        "XZQDM": np.array([v.code for v in VILLAGES])[parcels.village].tolist(),
        "XZQMC": columns["ZLDWMC"],
        "YJJBNTTBBH": [f"{c}{n:08d}" for c, n in zip(county, _numbers(county), strict=True)],
        "YJJBNTTBMJ": area,
        "YJJBNTMJ": cents(area - columns["KCMJ"]),
        "WDGD": ["是"] * count,
        "BHKSSJ": ["20211231"] * count,
        "BHJSSJ": ["20351231"] * count,
        "CFZR": ["虚构甲"] * count,
        "ZRRMC": ["虚构乙"] * count,
        "ZRRZJHM": ["000000000000000000"] * count,
        "LXDH": ["00000000000"] * count,
        "JZDZ": ["虚构地址"] * count,
        "BZ": ["示意数据"] * count,
    }


def districts(outlines: Geometries) -> tuple[Columns, Geometries]:
    """Counties, townships and villages, told apart by the length of XZQDM."""
    codes = [*COUNTIES, *TOWNSHIPS, *[v.code for v in VILLAGES]]
    names = [*COUNTIES.values(), *TOWNSHIPS.values(), *[v.name for v in VILLAGES]]
    of = [v.code for v in VILLAGES]
    shapes = [shapely.coverage_union_all(outlines[[c.startswith(code) for c in of]]) for code in codes]
    return {"XZQDM": codes, "XZQMC": names, "YSDM": ["1000600100"] * len(codes)}, np.array(shapes)


def approvals(happenings: Sequence[Happening], area: NDArray[np.float64]) -> Columns:
    """ZZ_NYDZYFW, one row a happening: converted with the proper papers."""
    count = len(happenings)
    return {
        "YSDM": ["2008010000"] * count,
        "DKBH": [f"示意-{n + 1:03d}" for n in range(count)],
        "DKMC": ["示意地块"] * count,
        "XMMC": ["示意产业园项目"] * count,
        "PZWH": [f"示意转用〔2025〕{n + 1}号" for n in range(count)],
        "PZRQ": ["20250318"] * count,
        "YDDW": ["示意公司"] * count,
        "DKMJ": area,
        "YT": ["工业用地"] * count,
        "YXQZ": ["20270318"] * count,
        "XZQDM": ["430382"] * count,
        "XZQMC": [COUNTIES["430382"]] * count,
    }


def facilities(happenings: Sequence[Happening], area: NDArray[np.float64]) -> Columns:
    """SSNYD, one row a happening: facility farmland put on record."""
    count = len(happenings)
    return {
        "BAH": [f"示意设农备〔2025〕{n + 1}号" for n in range(count)],
        "XMMC": ["示意育秧大棚"] * count,
        "JYZT": ["示意合作社"] * count,
        "YT": ["种植设施"] * count,
        "MJ": area,
        "BARQ": ["20251020"] * count,
        "YXQZ": ["20301019"] * count,
    }


def redline(area: NDArray[np.float64]) -> Columns:
    """STBHHX with the columns of the issued set."""
    count = len(area)
    return {
        "BSM": [f"430381{7001}{n + 1:08d}" for n in range(count)],
        "XZQDM": ["430381"] * count,
        "XZQMC": [COUNTIES["430381"]] * count,
        "HXBM": [f"SY{n + 1:03d}" for n in range(count)],
        "HXMC": ["示意水源涵养红线"] * count,
        "HXLX": ["水源涵养"] * count,
        "MJ": area,
    }
