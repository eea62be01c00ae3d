from datetime import date

from pipeline.cases.law import texts


def versions(law: str, first: date, last: date) -> list[str]:
    return [one.version for one in texts(first, last) if one.law == law]


def test_an_interval_over_a_change_of_the_law_names_both_texts() -> None:
    assert versions("土地管理法", date(2019, 11, 3), date(2020, 2, 1)) == ["2004 年修正", "2019 年修正"]
    assert versions("土地管理法", date(2019, 12, 31), date(2019, 12, 31)) == ["2004 年修正"]
    assert versions("土地管理法", date(2020, 1, 1), date(2020, 1, 1)) == ["2019 年修正"]


def test_on_any_day_since_2018_a_law_has_one_text() -> None:
    for law in ("土地管理法", "土地管理法实施条例", "行政处罚法", "基本农田保护条例"):
        for year in range(2018, 2027):
            for month in range(1, 13):
                assert len(versions(law, date(year, month, 15), date(year, month, 15))) == 1, (law, year, month)


def test_the_measures_on_penalties_took_the_place_of_the_older_ones() -> None:
    names = {one.law for one in texts(date(2024, 4, 30), date(2024, 4, 30))}
    assert "国土资源行政处罚办法" in names
    assert "自然资源行政处罚办法" not in names
    assert "自然资源行政处罚办法" in {one.law for one in texts(date(2024, 5, 1), date(2026, 1, 1))}
