"""The style for QGIS says what the pages say."""

from __future__ import annotations

import sqlite3
from xml.etree import ElementTree

from shapely.geometry import box

from geodata import featurefile
from maps.qml import features_qml, register_qml
from maps.style import STATUSES


def test_every_status_has_its_colour_shape_and_character() -> None:
    for text in (register_qml("zh"), features_qml("en")):
        root = ElementTree.fromstring(text)
        rules = root.findall(".//rule")
        symbols = {one.get("name"): one for one in root.findall("./renderer-v2/symbols/symbol")}
        assert len(rules) == len(symbols) == len(STATUSES) + 1
        for rule, (status, style) in zip(rules, STATUSES.items(), strict=False):
            symbol = symbols[rule.get("symbol")]
            options = [one.attrib for one in symbol.iter("Option") if one.get("name")]
            assert status.value in rule.get("filter")
            assert {"type": "QString", "name": "chr", "value": style.character} in options
            assert {"type": "QString", "name": "name", "value": style.shape} in options
            color = ",".join(str(int(style.solid[n : n + 2], 16)) for n in (1, 3, 5)) + ",255"
            assert {"type": "QString", "name": "outline_color", "value": color} in options


def test_the_register_matches_the_names_that_are_exported() -> None:
    text = register_qml("zh")
    for name in ("待验收", "已销号", "整改中"):
        assert f"'{name}'" in text
    assert "http" not in text


def test_the_style_lies_in_the_geopackage_as_its_default(tmp_path) -> None:
    columns = [featurefile.Column("ZGZT", "text", ["疑似"])]
    path = tmp_path / "out.gpkg"
    featurefile.write(path, "register", [box(112, 27, 113, 28)], columns, "EPSG:4490", style=register_qml())
    with sqlite3.connect(path) as connection:
        found = connection.execute(
            "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
        ).fetchall()
        named = connection.execute("SELECT column_name FROM gpkg_geometry_columns").fetchone()[0]
        listed = connection.execute("SELECT data_type FROM gpkg_contents WHERE table_name='layer_styles'").fetchone()
    assert found == [("register", named, 1, register_qml())]
    assert listed == ("attributes",)
    featurefile.write(tmp_path / "out.shp", "register", [box(112, 27, 113, 28)], columns, "EPSG:4490", style="<qgis/>")
    assert (tmp_path / "out.qml").read_text() == "<qgis/>"
