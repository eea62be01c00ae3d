"""[io] Leaflet and our own static files, and Folium without the network.

Folium names ten files on five hosts. Here every element of a map loses those links, on the
instance; what the map really needs is Leaflet 1.9.3 from the xstatic-leaflet package, and an
element that needs more is refused. A finished page is checked for anything from outside.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import folium
from branca.element import Element
from markupsafe import Markup

from geodata.errors import WorkError

STATIC = Path(__file__).parent / "static"

KNOWN = {
    *("leaflet", "leaflet_css", "jquery", "bootstrap", "bootstrap_css", "glyphicons_css"),
    *("awesome_markers", "awesome_markers_css", "awesome_markers_font_css", "awesome_rotate_css"),
}
"""folium's own names for the links of a plain map. Leaflet we carry; without Popup and Icon the
others have no work."""


@dataclass(frozen=True)
class FoliumParts:
    """html: the map's own <div>; script: what draws it (needs Leaflet and the div); name: the
    global JavaScript variable of the map."""

    html: Markup
    script: Markup
    name: str


def folium_parts(map_: folium.Map, name: str = "gx_map") -> FoliumParts:
    """The two parts of a Folium map that a page of ours embeds; ids are stable from run to run.

    Raises WorkError where an element wants a file we do not carry.
    """
    _settle(map_, name)
    root: Any = map_.get_root()  # a Figure, which branca types as any Element
    root.render()
    html, script = root.html.render(), root.script.render()
    return FoliumParts(Markup(html), Markup(script), map_.get_name())  # noqa: S704  folium escapes its data


def _settle(element: Element, name: str, counter: list[int] | None = None) -> None:
    counter = [0] if counter is None else counter
    for attribute in ("default_js", "default_css"):
        for known_as, link in getattr(element, attribute, None) or []:
            if known_as not in KNOWN:
                raise WorkError(
                    "The map element {element} needs {link}, which is not carried along.",
                    element=type(element).__name__,
                    link=link,
                )
        if hasattr(element, attribute):
            setattr(element, attribute, [])
    element._id = name if counter[0] == 0 else f"{name}_{counter[0]}"
    counter[0] += 1
    children = dict(element._children)
    for child in children.values():
        _settle(child, name, counter)


@cache
def leaflet_js() -> bytes:
    text = files("xstatic.pkg.leaflet").joinpath("data/leaflet.js").read_text("utf-8")
    return re.sub(r"//# sourceMappingURL=.*", "", text).strip().encode()


@cache
def leaflet_css() -> bytes:
    """Leaflet's style sheet with its few images inside."""
    data = files("xstatic.pkg.leaflet").joinpath("data")

    def inline(found: re.Match[str]) -> str:
        content = data.joinpath(found[1].strip("'\"")).read_bytes()
        return f"url(data:image/png;base64,{base64.b64encode(content).decode()})"

    return re.sub(r"url\(([^)#:]+\.png)\)", inline, data.joinpath("leaflet.css").read_text("utf-8")).encode()


@cache
def leaflet_field_css() -> bytes:
    """Leaflet's style sheet for a map whose only control is its scale: no pictures, popups, tooltips or bars."""
    text = files("xstatic.pkg.leaflet").joinpath("data/leaflet.css").read_text("utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)

    def needed(rule: re.Match[str]) -> str:
        names = [name for name in rule[1].split(",") if not UNUSED.search(name)]
        lines = "".join(re.sub(r"\s+", " ", line).strip() for line in rule[2].splitlines())
        return f"{','.join(' '.join(name.split()) for name in names)}{{{lines}}}\n" if names else ""

    return re.sub(r"([^{}]+)\{([^{}]*)\}", needed, text.partition("@media")[0]).strip().encode()


UNUSED = re.compile(
    r"popup|tooltip|control-layers|control-zoom|leaflet-bar|attribution|default-icon|vml|oldie|zoom-box|tile"
)


@cache
def static_files() -> Mapping[str, tuple[str, bytes]]:
    """{name: (name with a hash of its content, content)} of Leaflet and everything in ``static/``."""
    found = {"leaflet.js": leaflet_js(), "leaflet.css": leaflet_css(), "leaflet_field.css": leaflet_field_css()}
    found |= {path.name: path.read_bytes() for path in sorted(STATIC.glob("*.*")) if not path.name.startswith(".")}
    return {name: (_hashed(name, content), content) for name, content in found.items()}


def names() -> dict[str, str]:
    """{name: hashed name}, for ``style.Frame.assets``."""
    return {name: hashed for name, (hashed, _) in static_files().items()}


def _hashed(name: str, content: bytes) -> str:
    stem, _, ending = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:10]}.{ending}"


def json_block(value: Any, id_: str) -> Markup:
    """A <script type="application/json"> that no value inside can end or turn into markup."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, code in (
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u2028", "\\u2028"),
        ("\u2029", "\\u2029"),
    ):
        text = text.replace(character, code)
    return Markup(f'<script type="application/json" id="{id_}">{text}</script>')  # noqa: S704  escaped above


_OUTSIDE = re.compile(
    r"""(?:\b(?:src|href|srcset|action|poster|data)\s*=\s*["']?\s*|url\(\s*["']?|@import\s+["']?)((?:https?:)?//[^\s"')>]+)""",
    re.I,
)


def outside_references(html: str) -> list[str]:
    """Addresses that a page would fetch or link to outside its own site; an offline page has none."""
    return _OUTSIDE.findall(html)


def check_offline(html: str, page: str) -> str:
    """``html`` itself; raises WorkError where it reaches outside."""
    found = outside_references(html)
    if found:
        raise WorkError("The page {page} would reach outside: {address}.", page=page, address=found[0])
    return html
