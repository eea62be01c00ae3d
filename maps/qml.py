"""The style of cases for QGIS (.qml, 3.28 and later): the colours and glyphs of the house. Pure.

The patch is a tint with an outline in the colour of its stage; over its inside stands the glyph:
shape = stage, character = status, hollow or solid as on the pages; what is overdue has the crimson ring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import quoteattr

from geodata.words import tr
from maps.style import OVERDUE, STATUSES, StatusStyle
from pipeline.cases.table import Status

GLYPH_MM, RING_MM, HALO_MM, CHARACTER_MM = 5.6, 7.4, 6.6, 2.9
DONE = (Status.CLOSED, Status.DISMISSED)


def register_qml(lang: str = "zh") -> str:
    """For the register as it is exported: status by name in ZGZT, last day in ZGQX."""
    named = {one: [one.value, *dict.fromkeys(tr(one.value, to) for to in ("zh", "en"))] for one in Status}
    done = _quoted([name for one in DONE for name in named[one]])
    overdue = f'"ZGQX" < to_date(now()) AND "ZGZT" NOT IN ({done})'
    return _qml({one: f'"ZGZT" IN ({_quoted(named[one])})' for one in Status}, overdue, lang)


def features_qml(lang: str = "zh") -> str:
    """For the collection ``cases`` of OGC API – Features: ``status`` and ``overdue``."""
    return _qml({one: f"\"status\" = '{one.value}'" for one in Status}, '"overdue"', lang)


def _qml(filters: Mapping[Status, str], overdue: str, lang: str) -> str:
    symbols, rules = [], []
    for n, (status, expression) in enumerate(filters.items()):
        style = STATUSES[status]
        symbols.append(_symbol(n, [_patch(style), _inside(f"@{n}@1", _glyph(style), 2)]))
        rules.append(_rule(n, expression, style.text[lang]))
    n = len(filters)
    ring = _marker(
        "circle", "255,255,255,0", _rgba(OVERDUE), RING_MM + 0.4, outline_mm=0.8
    )  # over the halo, around the glyph
    symbols.append(_symbol(n, [_inside(f"@{n}@0", [ring], 1)]))
    rules.append(_rule(n, overdue, tr("overdue", lang)))
    key = uuid5(NAMESPACE_URL, "gengxun rules")
    return (
        '<!DOCTYPE qgis>\n<qgis version="3.28.0" styleCategories="Symbology">\n'
        '<renderer-v2 type="RuleRenderer" symbollevels="1" forceraster="0" enableorderby="0">\n'
        f'<rules key="{{{key}}}">\n{"".join(rules)}</rules>\n<symbols>\n{"".join(symbols)}</symbols>\n'
        "</renderer-v2>\n<blendMode>0</blendMode>\n<featureBlendMode>0</featureBlendMode>\n"
        "<layerGeometryType>2</layerGeometryType>\n</qgis>\n"
    )


def _rule(n: int, expression: str, label: str) -> str:
    key = uuid5(NAMESPACE_URL, f"gengxun rule {n}")
    return f'<rule key="{{{key}}}" symbol="{n}" filter={quoteattr(expression)} label={quoteattr(label)}/>\n'


def _symbol(n: int, layers: Sequence[str]) -> str:
    inner = "".join(layers)
    return f'<symbol type="fill" name="{n}" alpha="1" clip_to_extent="1" force_rhr="0">\n{inner}</symbol>\n'


def _patch(style: StatusStyle) -> str:
    return _layer(
        "SimpleFill", 0, color=_rgba(style.tint, 150), style="solid", outline_color=_rgba(style.solid),
        outline_style="solid", outline_width="0.6", outline_width_unit="MM", joinstyle="miter",
    )  # fmt: skip


def _inside(name: str, layers: Sequence[str], drawn: int) -> str:
    marker = (
        f'<symbol type="marker" name="{name}" alpha="1" clip_to_extent="1" force_rhr="0">\n{"".join(layers)}</symbol>\n'
    )
    return _layer("CentroidFill", drawn, marker, point_on_surface="1", point_on_all_parts="0", clip_points="0")


def _glyph(style: StatusStyle) -> list[str]:
    white, solid = "255,255,255,255", _rgba(style.solid)
    size = GLYPH_MM * (1.25 if style.shape == "diamond" else 1)
    halo = size + HALO_MM - GLYPH_MM
    return [
        _marker(style.shape, white, white, halo, outline_mm=0),
        _marker(style.shape, white if style.hollow else solid, solid, size, outline_mm=0.45),
        _layer(
            "FontMarker", 0, font="Microsoft YaHei", font_style="Bold", chr=style.character, size=f"{CHARACTER_MM}",
            size_unit="MM", color=solid if style.hollow else white, outline_width="0", horizontal_anchor_point="1",
            vertical_anchor_point="1", offset="0,0", angle="0",
        ),
    ]  # fmt: skip


def _marker(shape: str, color: str, outline: str, size_mm: float, *, outline_mm: float) -> str:
    return _layer(
        "SimpleMarker", 0, name=shape, color=color, outline_color=outline,
        outline_style="solid" if outline_mm else "no", outline_width=f"{outline_mm}", outline_width_unit="MM",
        size=f"{size_mm:.2f}", size_unit="MM", angle="0", offset="0,0", scale_method="diameter",
    )  # fmt: skip


def _layer(kind: str, drawn: int, inner: str = "", **options: str) -> str:
    """drawn: in which order of the levels."""
    told = "".join(f'<Option type="QString" name="{k}" value={quoteattr(v)}/>' for k, v in options.items())
    head = f'<layer class="{kind}" pass="{drawn}" enabled="1" locked="0">'
    return f'{head}<Option type="Map">{told}</Option>\n{inner}</layer>\n'


def _rgba(color: str, alpha: int = 255) -> str:
    return ",".join(str(int(color[n : n + 2], 16)) for n in (1, 3, 5)) + f",{alpha}"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join("'" + name.replace("'", "''") + "'" for name in names)
