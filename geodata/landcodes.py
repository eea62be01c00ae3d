"""DLBM, the land classes, in the two code systems that are in circulation.

Codes collide: 0601 is 工业用地 in the third survey (``sandiao``) and 农村道路 in the classification
for planning (``ydyh``, 用地用海分类 2023). A code means nothing without its system.
Classes: farmland 耕地, other_agricultural 其他农用地, unused 未利用地, construction 建设用地.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

SANDIAO, YDYH = "sandiao", "ydyh"
CODE_SYSTEMS = (SANDIAO, YDYH)
FARMLAND, OTHER_AGRICULTURAL, UNUSED, CONSTRUCTION = "farmland", "other_agricultural", "unused", "construction"
CLASSES = (FARMLAND, OTHER_AGRICULTURAL, UNUSED, CONSTRUCTION)

# class: "code name …". The finer 05xx, 08xx and 09xx of GB/T 21010-2017, which the survey merges
# into 05H1, 08H1, 08H2 and 09, occur in older layers.
_SANDIAO = {
    FARMLAND: "01 耕地 0101 水田 0102 水浇地 0103 旱地",
    OTHER_AGRICULTURAL: """
        02 园地 0201 果园 0202 茶园 0203 橡胶园 0204 其他园地
        0201K 可调整果园 0202K 可调整茶园 0203K 可调整橡胶园 0204K 可调整其他园地
        03 林地 0301 乔木林地 0302 竹林地 0303 红树林地 0304 森林沼泽 0305 灌木林地 0306 灌丛沼泽 0307 其他林地
        0301K 可调整乔木林地 0302K 可调整竹林地 0307K 可调整其他林地
        0401 天然牧草地 0402 沼泽草地 0403 人工牧草地 0403K 可调整人工牧草地
        1006 农村道路 1103 水库水面 1104 坑塘水面 1104A 养殖坑塘 1104K 可调整养殖坑塘 1107 沟渠 1107A 干渠
        1202 设施农用地 1203 田坎 1208 后备耕地""",
    UNUSED: """
        0404 其他草地 1101 河流水面 1102 湖泊水面 1105 沿海滩涂 1106 内陆滩涂 1108 沼泽地 1110 冰川及永久积雪
        1204 盐碱地 1205 沙地 1206 裸土地 1207 裸岩石砾地""",
    CONSTRUCTION: """
        05H1 商业服务业设施用地 0508 物流仓储用地
        0501 零售商业用地 0502 批发市场用地 0503 餐饮用地 0504 旅馆用地 0505 商务金融用地 0506 娱乐用地
        0507 其他商服用地
        0601 工业用地 0602 采矿用地 0603 盐田 0701 城镇住宅用地 0702 农村宅基地
        08H1 机关团体新闻出版用地 08H2 科教文卫用地 08H2A 高教用地 0809 公用设施用地 0810 公园与绿地 0810A 广场用地
        0801 机关团体用地 0802 新闻出版用地 0803 教育用地 0804 科研用地 0805 医疗卫生用地 0806 社会福利用地
        0807 文化设施用地 0808 体育用地
        09 特殊用地 0901 军事设施用地 0902 使领馆用地 0903 监教场所用地 0904 宗教用地 0905 殡葬用地
        0906 风景名胜设施用地
        1001 铁路用地 1002 轨道交通用地 1003 公路用地 1004 城镇村道路用地 1005 交通服务场站用地 1007 机场用地
        1008 港口码头用地 1009 管道运输用地 1109 水工建筑用地 1201 空闲地""",
}
# From the text of 自然资发〔2023〕234号 as remembered; a legal officer can correct it here.
_YDYH = {
    FARMLAND: "01 耕地 0101 水田 0102 水浇地 0103 旱地",
    OTHER_AGRICULTURAL: """
        02 园地 0201 果园 0202 茶园 0203 橡胶园 0204 油料园地 0205 其他园地
        03 林地 0301 乔木林地 0302 竹林地 0303 灌木林地 0304 其他林地 0401 天然牧草地 0402 人工牧草地
        0501 森林沼泽 0502 灌丛沼泽 0503 沼泽草地 0507 红树林地
        06 农业设施建设用地 0601 农村道路 060101 村道用地 060102 田间道 0602 设施农用地 060201 种植设施用地
        060202 畜禽养殖设施用地 060203 水产养殖设施用地
        1703 水库水面 1704 坑塘水面 1705 沟渠 2302 后备耕地 2303 田坎""",
    UNUSED: """
        0403 其他草地 0504 其他沼泽地 0505 沿海滩涂 0506 内陆滩涂 1701 河流水面 1702 湖泊水面 1706 冰川及常年积雪
        2304 盐碱地 2305 沙地 2306 裸土地 2307 裸岩石砾地
        18 渔业用海 1801 渔业基础设施用海 1802 增养殖用海 1803 捕捞海域 1804 农林牧业用岛
        19 工矿通信用海 1901 工业用海 1902 盐田用海 1903 固体矿产用海 1904 油气用海 1905 可再生能源用海
        1906 海底电缆管道用海
        20 交通运输用海 2001 港口用海 2002 航运用海 2003 路桥隧道用海 2004 机场用海
        21 游憩用海 2101 风景旅游用海 2102 文体休闲娱乐用海
        22 特殊用海 2201 军事用海 2202 科研教育用海 2203 海洋保护修复及海岸防护工程用海 2204 排污倾倒用海
        2205 水下文物保护用海 2206 其他特殊用海 24 其他海域""",
    CONSTRUCTION: """
        07 居住用地 0701 城镇住宅用地 0702 城镇社区服务设施用地 0703 农村宅基地 0704 农村社区服务设施用地
        08 公共管理与公共服务用地 0801 机关团体用地 0802 科研用地 0803 文化用地 0804 教育用地 0805 体育用地
        0806 医疗卫生用地 0807 社会福利用地
        09 商业服务业用地 0901 商业用地 0902 商务金融用地 0903 娱乐用地 0904 其他商业服务业用地
        10 工矿用地 1001 工业用地 1002 采矿用地 1003 盐田 11 仓储用地 1101 物流仓储用地 1102 储备库用地
        12 交通运输用地 1201 铁路用地 1202 公路用地 1203 机场用地 1204 港口码头用地 1205 管道运输用地
        1206 城市轨道交通用地 1207 城镇村道路用地 1208 交通场站用地 1209 其他交通设施用地
        13 公用设施用地 1301 供水用地 1302 排水用地 1303 供电用地 1304 供燃气用地 1305 供热用地 1306 通信用地
        1307 邮政用地 1308 广播电视设施用地 1309 环卫用地 1310 消防用地 1311 水工设施用地 1312 其他公用设施用地
        14 绿地与开敞空间用地 1401 公园绿地 1402 防护绿地 1403 广场用地
        15 特殊用地 1501 军事设施用地 1502 使领馆用地 1503 宗教用地 1504 文物古迹用地 1505 监教场所用地 1506 殡葬用地
        1507 其他特殊用地 16 留白用地 2301 空闲地""",
}


def _table(text: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    found = {}
    for land, codes in text.items():
        words = codes.split()
        found.update({code: (name, land) for code, name in zip(words[::2], words[1::2], strict=True)})
    return found


TABLES: Mapping[str, Mapping[str, tuple[str, str]]] = {SANDIAO: _table(_SANDIAO), YDYH: _table(_YDYH)}
"""{system: {code: (name, class)}}."""


def tidy(dlbm: object) -> str:
    """A code as written in the tables: half width, upper case, no blanks."""
    return unicodedata.normalize("NFKC", str(dlbm)).strip().upper()


def entry(dlbm: str | None, system: str | None) -> tuple[str, str] | None:
    """(name, class) of a code, None if the system does not have it. A finer code that is not listed
    belongs to its four digits: 0401K to 0401 (sandiao), 070301 to 0703 (ydyh)."""
    if not dlbm or system is None:
        return None
    table, code = TABLES[system], tidy(dlbm)
    if code in table:
        return table[code]
    finer = (system == SANDIAO and len(code) == 5 and code[4] in "AK") or (
        system == YDYH and len(code) == 6 and code.isdigit()
    )
    return table.get(code[:4]) if finer else None


def land_class(dlbm: str | None, code_system: str | None) -> str | None:
    """ "farmland" | "other_agricultural" | "unused" | "construction"; None if the code is unknown."""
    found = entry(dlbm, code_system)
    return found[1] if found else None


def land_name(dlbm: str | None, code_system: str | None) -> str | None:
    """The Chinese name of a code; None if it is unknown."""
    found = entry(dlbm, code_system)
    return found[0] if found else None
