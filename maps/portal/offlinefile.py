"""The page of a field link without the network: as one self-contained file, and its service worker."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from maps import assets, style

STYLES = ("leaflet_field.css", "gengxun.css", "field.css")
SCRIPTS = (
    "leaflet.js",
    "field-sha256.js",
    "field-zip.js",
    "field-store.js",
    "field-queue.js",
    "field-words.js",
    "field-place.js",
    "field-map.js",
    "field-camera.js",
    "field-verdict.js",
    "field-upload.js",
    "field.js",
)
"""What the page is made of, in its order."""
WORKER_SCRIPTS = ("field-sha256.js", "field-store.js", "field-queue.js")
LIMIT_BYTES = 1_000_000
"""Largest offline file."""
TEMPLATE = "portal/field.html.j2"


@dataclass(frozen=True)
class OfflineFile:
    """content: the HTML file, UTF-8. left_out: chips that found no room, (case, day), oldest first."""

    content: bytes
    left_out: tuple[tuple[str, str], ...] = ()


def service_worker(link: str, static: str = "/static/") -> str:
    """The script of ``/l/{link}/sw.js``. Its version is that of everything it keeps."""
    held = {name: assets.static_files()[name][0] for name in (*STYLES, *SCRIPTS)}
    text = assets.static_files()["field-sw.js"][1].decode()
    shell = [text, _page("zh"), _page("en")]
    facts = {
        "version": hashlib.sha256("\n".join(shell).encode()).hexdigest()[:12],
        "link": link,
        "assets": [static + name for name in held.values()],
        "scripts": [static + held[name] for name in WORKER_SCRIPTS],
    }
    return text.replace("const GX = {};", f"const GX = {json.dumps(facts)};", 1)


def offline_file(data: Mapping[str, Any], chip: Callable[[str], bytes | None], lang: str = "zh") -> OfflineFile:
    """The page with its styles, scripts, data and chips inside.

    data: what ``data.json`` answers. chip: the bytes of an image by its ``href`` there, None where it
    is not to be had. A file above ``LIMIT_BYTES`` loses its oldest chips, never the newest of a case
    before the older ones of all others.
    """
    data, left_out = deepcopy(dict(data)), []
    images: list[tuple[int, str, dict[str, Any], str]] = []
    for case in data["cases"]:
        newest_first = sorted(case["chips"], key=lambda one: str(one.get("day", "")), reverse=True)
        case["chips"] = []
        for place, one in enumerate(newest_first):
            content = chip(one["href"])
            if content:
                images.append((place, one["day"], case, json.dumps({**one, "href": _data_uri(content)})))
    room = LIMIT_BYTES - len(_with(data, lang).encode())
    images.sort(key=lambda one: one[0])
    for _, day, case, image in images:
        room -= len(image.encode()) + 1
        if room < 0:
            left_out.append((case["number"], day))
        else:
            case["chips"].append(json.loads(image))
    return OfflineFile(_with(data, lang).encode(), tuple(sorted(left_out, key=lambda one: one[1])))


def file_name(data: Mapping[str, Any]) -> str:
    """耕巡_430321-2026-00187.html"""
    numbers = [re.sub(r"[^\w-]", "_", case["number"]) for case in data["cases"]]
    return (
        f"耕巡_{numbers[0] if numbers else data['link']['id']}{f'_等{len(numbers)}个' if len(numbers) > 1 else ''}.html"
    )


def _with(data: Mapping[str, Any], lang: str) -> str:
    html = _page(lang, assets.json_block(data, "gx-field-data"))
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "media-src blob:; connect-src 'none'; form-action 'none'; base-uri 'none'"
    )
    meta = f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{policy}">'
    # Scripts name outside addresses for the navigation that a bureau may switch on; fetching them the policy forbids.
    assets.check_offline(re.sub(r"<script>.*?</script>", "", html, flags=re.S), "offline.html")
    return html.replace('<meta charset="utf-8">', meta, 1)


def _page(lang: str, block: str = "") -> str:
    files = assets.static_files()
    inline = {name: _closed(files[name][1].decode(), "script") for name in SCRIPTS}
    inline |= {name: _closed(files[name][1].decode(), "style") for name in STYLES}
    return style.environment(lang).get_template(TEMPLATE).render(lang=lang, inline=inline, data=block)


def _closed(text: str, tag: str) -> str:
    """``text`` that cannot end the element it stands in."""
    return re.sub(rf"</(?={tag})", r"<\\/", text, flags=re.I)


def _data_uri(content: bytes) -> str:
    kind = "webp" if content[8:12] == b"WEBP" else "png" if content[:4] == b"\x89PNG" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
