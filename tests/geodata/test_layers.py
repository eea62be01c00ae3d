"""Contracts of columns, code systems by evidence, editions, units, values, and the repair of shapes."""

import re
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata import attributes, landcodes
from geodata import layers as L
from geodata.errors import InputError, MissingOption, UnknownCodes
from geodata.layers import Kind


def taken(kind, columns, given=None):
    found = L.plan(kind, columns, given or {}, "a.shp")
    return {t.theirs: t.ours for t in found.taken}, found.dropped


# --- columns --------------------------------------------------------------------------------------


def test_columns_are_known_by_name_title_and_old_name():
    names, dropped = taken(Kind.FARMLAND, ["dlbm", "TKXS", "图斑编号", "XXTBKD", "坐落单位代码", "其他"])
    assert names == {
        "dlbm": "DLBM",
        "TKXS": "KCXS",
        "图斑编号": "TBBH",
        "XXTBKD": "XZDWKD",
        "坐落单位代码": "ZLDWDM",
        "其他": "其他",
    }
    assert dropped == ()


def test_the_standard_name_wins_over_an_alias_and_nothing_is_lost():
    names, _ = taken(Kind.FARMLAND, ["TKXS", "KCXS", "DLBM"])
    assert names == {"TKXS": "TKXS", "KCXS": "KCXS", "DLBM": "DLBM"}


def test_a_missing_column_is_named_with_what_there_is_and_the_option():
    with pytest.raises(InputError, match=r"DLBM \(地类编码\); it has LX, MJ; .*--column DLBM="):
        taken(Kind.FARMLAND, ["LX", "MJ"])
    assert taken(Kind.FARMLAND, ["LX", "MJ"], {"dlbm": "lx"})[0] == {"LX": "DLBM", "MJ": "MJ"}


@pytest.mark.parametrize(
    ("given_", "word"),
    [
        ({"DLBM": "NONE"}, "has no column NONE"),
        ({"NONE": "LX"}, "FARMLAND has no column NONE"),
        ({"BZ": "LXDH"}, "tells about persons"),
    ],
)
def test_a_wrong_column_option_is_refused(given_, word):
    with pytest.raises(InputError, match=word):
        taken(Kind.FARMLAND, ["LX", "LXDH", "DLBM"], given_)


def test_columns_about_persons_are_dropped_and_listed():
    personal = ["ZRRZJHM", "LXDH", "CFZR", "ZRRMC", "ZZRR", "JZDZ", "联系电话", "身份证号码", "责任人姓名", "phone"]
    names, dropped = taken(Kind.BASIC_FARMLAND, ["BSM", "YJJBNTTBBH", *personal, "ZMC", "SJMC"])
    assert dropped == tuple(personal)
    assert list(names) == ["BSM", "YJJBNTTBBH", "ZMC", "SJMC"]


def test_names_of_places_and_projects_are_not_about_persons():
    public = ["XMMC", "XZQMC", "QSDWMC", "ZLDWMC", "DZJGH", "DLMC", "项目名称", "用地单位", "坐落单位名称", "备案号"]
    assert not [name for name in public if L.is_personal(name)]


def test_no_contract_holds_a_column_about_persons():
    names = [n for kind in Kind for c in L.CONTRACTS[kind].values() for n in (c.name, c.title, *c.aliases)]
    assert not [n for n in names if L.is_personal(n)]


@pytest.mark.parametrize(
    ("kind", "names", "chosen"),
    [
        (Kind.FARMLAND, ["XZQ", "DLTB", "YJJBNTTB"], "DLTB"),
        (Kind.FARMLAND, ["XZQ", "DLTB_2023"], "DLTB_2023"),
        (Kind.BASIC_FARMLAND, ["DLTB", "YJJBNTBHTB"], "YJJBNTBHTB"),
        (Kind.APPROVED, ["XS_XMKJFW", "DLTB"], "XS_XMKJFW"),
        (Kind.DISTRICT, ["XZQ", "XZQJX", "DLTB"], "XZQ"),
        (Kind.REDLINE, ["whatever"], "whatever"),
    ],
)
def test_a_table_is_chosen_by_its_known_name(kind, names, chosen):
    assert L.choose_table(kind, names, None, "a.gdb") == chosen


def test_several_tables_have_to_be_told_apart():
    with pytest.raises(MissingOption, match=r"\(A, B\); name one with --layer"):
        L.choose_table(Kind.FARMLAND, ["A", "B"], None, "a.gdb")
    with pytest.raises(MissingOption, match=r"DLTB, DLTB_2020\)"):
        L.choose_table(Kind.FARMLAND, ["DLTB", "DLTB_2020", "XZQ"], None, "a.gdb")
    with pytest.raises(InputError, match="has no layer “C”"):
        L.choose_table(Kind.FARMLAND, ["A", "B"], "C", "a.gdb")
    assert L.choose_table(Kind.FARMLAND, ["A", "B"], "b", "a.gdb") == "B"


# --- codes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "system"),
    [
        ({"0101": 5, "0103": 2}, "sandiao"),  # the same in both: no question
        ({"0101": 5, "0601": 1, "1104A": 1}, "sandiao"),
        ({"0101": 5, "1006": 9}, "sandiao"),
        ({"0101": 5, "0404": 1, "1202": 2}, "sandiao"),
        ({"0101": 5, "0601": 3, "1704": 1}, "ydyh"),
        ({"0101": 5, "0703": 1}, "ydyh"),
        ({"0101": 5, "060101": 1}, "ydyh"),
        ({" 05h1 ": 1, "0601": 1}, "sandiao"),
        ({"0101": 1, "9999": 4}, "sandiao"),
    ],
)
def test_the_code_system_is_told_by_codes_that_only_one_has(codes, system):
    assert L.detect_code_system(codes, None, "a.shp") == system


@pytest.mark.parametrize("codes", [{"0101": 5, "0601": 1}, {"1001": 1}, {"1202": 3, "0102": 1}, {"1104": 1, "1704": 1}])
def test_open_or_contradicting_evidence_is_asked_for_never_guessed(codes):
    with pytest.raises(UnknownCodes, match="--code-system sandiao") as caught:
        L.detect_code_system(codes, None, "a.shp")
    assert caught.value.exit_code == 2
    assert L.detect_code_system(codes, "ydyh", "a.shp") == "ydyh"


def test_a_given_system_that_does_not_fit_is_refused():
    with pytest.raises(UnknownCodes, match="1006, 05H1 exist only in sandiao"):
        L.detect_code_system({"1006": 5, "05H1": 2, "0101": 1}, "ydyh", "a.shp")
    with pytest.raises(UnknownCodes, match="say sandiao or ydyh"):
        L.detect_code_system({"0101": 5}, "gb21010", "a.shp")
    with pytest.raises(UnknownCodes, match=r"no code of a known system \(011"):
        L.detect_code_system({"011": 5, "013": 1}, None, "a.shp")


def test_unknown_codes_are_listed_with_counts():
    assert L.unknown_codes({"0101": 5, "9999": 2, "": 1}, "sandiao") == {"": 1, "9999": 2}


@pytest.mark.parametrize(
    ("code", "sandiao", "ydyh"),
    [
        ("0101", "farmland", "farmland"),
        ("0601", "construction", "other_agricultural"),
        ("1001", "construction", "construction"),
        ("1202", "other_agricultural", "construction"),
        ("1208", "other_agricultural", "construction"),
        ("0201K", "other_agricultural", None),
        ("1104K", "other_agricultural", None),
        ("0404", "unused", None),
        ("1107A", "other_agricultural", None),
        ("1704", None, "other_agricultural"),
        ("060102", None, "other_agricultural"),
        ("070301", None, "construction"),
        ("2305", None, "unused"),
        ("0199", None, None),
        ("", None, None),
    ],
)
def test_the_class_of_a_code_depends_on_its_system(code, sandiao, ydyh):
    assert (L.land_class(code, "sandiao"), L.land_class(code, "ydyh")) == (sandiao, ydyh)
    assert L.land_class(code, None) is None


def test_the_three_classes_of_the_survey_are_as_the_domain_page_has_them():
    construction = re.compile("05|06|07|08|09|100[1-5]|100[7-9]|1109|1201")
    unused = re.compile("0404|110[12568]|1110|120[4-7]")
    for code, (_, land) in landcodes.TABLES["sandiao"].items():
        if code[:2] == "01":
            assert land == "farmland"
        elif unused.match(code):
            assert land == "unused", code
        else:
            assert land == ("construction" if construction.match(code) else "other_agricultural"), code


# --- editions, units ------------------------------------------------------------------------------


def test_an_edition_says_from_which_day_it_is_valid():
    assert L.first_day("2025") == date(2025, 1, 1)
    assert L.first_day("2025-06") == date(2025, 6, 1)
    assert L.first_day("2025-06-30") == date(2025, 6, 30)
    assert L.first_day("三区三线", "2022-10-14") == date(2022, 10, 14)
    assert L.first_day("2025", date(2025, 3, 1)) == date(2025, 3, 1)
    with pytest.raises(MissingOption, match="--valid-from"):
        L.first_day("三区三线")
    with pytest.raises(InputError, match="no such day"):
        L.first_day("2025", "2025-02-30")


@pytest.mark.parametrize(
    ("code", "level", "parents"),
    [
        ("430302", "county", ("430000", "430300")),
        ("430302102", "township", ("430000", "430300", "430302")),
        ("430302102003", "village", ("430000", "430300", "430302", "430302102")),
        ("4303021020030000000", "village", ("430000", "430300", "430302", "430302102")),
        ("430302000000", "county", ("430000", "430300")),
        ("430300", "city", ("430000",)),
        ("43030", None, ()),
        ("鹤岭镇", None, ()),
    ],
)
def test_a_unit_s_level_and_parents_follow_from_its_code(code, level, parents):
    assert L.district_level(code) == level
    assert L.district_parents(code) == parents


# --- values ---------------------------------------------------------------------------------------


def test_days_come_as_text_and_as_timestamps():
    days, bad = attributes.day(
        pa.array(
            ["20220301", "2022-3-1", "2022/03/01 00:00:00", "2022年3月1日", "2022-03-01T08:00:00", "长期", "", None]
        )
    )
    assert days.to_pylist() == ["2022-03-01"] * 5 + ["长期", None, None]
    assert bad == 1
    assert attributes.day(pa.array([20220301.0, 20221301.0]))[0].to_pylist() == ["2022-03-01", "20221301"]


def test_numbers_and_text_keep_what_they_mean():
    numbers, bad = attributes.number(pa.array(["0.1234", "１，２００.5", "无", "", None]))
    assert numbers.to_pylist() == [0.1234, 1200.5, None, None, None]
    assert bad == 1
    assert attributes.text(pa.array([430302.0, 1.5, None])).to_pylist() == ["430302", "1.5", None]
    assert attributes.text(pa.array(["  水田 ", "\u3000", "0001"])).to_pylist() == ["水田", None, "0001"]
    assert attributes.codes(pa.array(["０１０１", "05h1", " 1104 a"])).to_pylist() == ["0101", "05H1", "1104A"]


def test_a_coefficient_outside_its_range_or_off_farmland_counts_as_none():
    values = pa.array([0.0, 0.1234, 1.0, -0.1, 12.5, 0.2, None])
    farmland = np.array([True, True, True, True, True, False, True])
    kcxs, outside, off = attributes.deduction(values, farmland)
    assert kcxs.tolist() == [0, 0.1234, 0, 0, 0, 0, 0]
    assert np.flatnonzero(outside).tolist() == [2, 3, 4]
    assert np.flatnonzero(off).tolist() == [5]


def test_values_that_are_identity_or_telephone_numbers_give_a_column_away():
    made_up = "430302199001010017"  # the check digit fits; of no person
    assert attributes.is_about_persons(pa.array([made_up, None, made_up]))
    assert attributes.is_about_persons(pa.array(["13812345678", "+8615912345678", ""]))
    assert not attributes.is_about_persons(pa.array(["430321211000000001", "430321211000000002"]))  # BSM
    assert not attributes.is_about_persons(pa.array(["43030219900101001X"]))  # the check digit does not fit
    assert not attributes.is_about_persons(pa.array(["石鼓村", None]))


# --- repair ---------------------------------------------------------------------------------------


def shape(wkt):
    return shapely.from_wkt(wkt)


def test_every_kind_of_damage_is_counted_and_nothing_is_lost_unseen():
    delivered = np.array(
        [
            shapely.box(0, 0, 1, 1),
            None,
            shape("POLYGON EMPTY"),
            shape("POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))"),  # a bow tie: two triangles of 1 m²
            shape("POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (3 1, 6 1, 6 2, 3 2, 3 1))"),  # the hole reaches out
            shape("POLYGON Z ((0 0 5, 1 0 5, 1 1 5, 0 0 5))"),
            shape("GEOMETRYCOLLECTION (POINT (0 0), POLYGON ((0 0, 1 0, 1 1, 0 0)))"),
            shape("LINESTRING (0 0, 1 1)"),
            shape("POLYGON ((0 0, 1 1, 0 0, 0 0))"),
        ],
        dtype=object,
    )
    mended = L.repair(delivered)
    assert mended.counts["null_geometry"] == 1
    assert mended.counts["empty_geometry"] == 1
    assert mended.counts["self_intersection"] >= 2
    assert mended.counts["z_dropped"] == 1
    assert mended.counts["parts_dropped"] == 1
    assert mended.counts["not_polygon"] == 1
    assert mended.counts["collapsed"] == 1
    assert mended.kept.tolist() == [True, False, False, True, True, True, True, False, False]
    assert shapely.area(mended.geometries[mended.kept]).tolist() == [1, 2, 15, 0.5, 0.5]
    assert mended.changed.tolist() == [False, False, False, True, True, False, True, False, True]


corners = st.tuples(st.integers(0, 20), st.integers(0, 20))


@settings(deadline=None)
@given(st.lists(st.lists(corners, min_size=3, max_size=8), min_size=1, max_size=5))
def test_what_comes_out_is_valid_and_never_larger_than_its_hull(rings):
    delivered = np.array([shapely.Polygon(ring) for ring in rings], dtype=object)
    mended = L.repair(delivered)
    kept = mended.geometries[mended.kept]
    assert len(mended.geometries) == len(delivered)
    assert shapely.is_valid(kept).all()
    assert (shapely.area(kept) <= shapely.area(shapely.convex_hull(delivered[mended.kept])) + 1e-9).all()
    again = L.repair(kept)
    assert not again.counts
