"""[io] One case as one self-contained HTML file to hand over: it opens from a folder, with no network and no server.

The same page as in the published site, so without persons and parties; styles, scripts and pictures stand inside.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from geodata.atomic import write_bytes
from geodata.errors import InputError, WorkError
from geodata.words import Text
from maps import assets, case_map
from maps.case_life import Gates
from maps.chips import Chip, encode, thumbnail
from maps.publish import NUMBER, Picture, Surroundings
from maps.style import Frame
from maps.telling import Rules
from pipeline.cases.case import Case
from pipeline.cases.events import Event
from pipeline.cases.standards import standards
from pipeline.inspection import Inspection

SUFFIXES = (".html", ".htm")


@dataclass(frozen=True)
class AloneFrame(Frame):
    """There is no other page to go to."""

    alone = True

    @property
    def pages(self) -> list[tuple[str, str, str]]:
        return []


def write(
    file: Path,
    case: Case,
    events: Sequence[Event],
    inspections: Sequence[Inspection],
    *,
    scope: Text | str,
    lang: str,
    pictures: Mapping[str, Picture],
    around: Surroundings,
    verified: Any = None,
    as_of: datetime | None = None,
    version: str = "",
    rules: Rules = standards,
    gates: Gates | None = None,
    lived: Mapping[str, Any] | None = None,
) -> int:
    """Replace ``file``; its size in bytes. as_of: what is due is told as of then, never before the case's last
    event. Raises: InputError where it is no name for a page."""
    if file.suffix.lower() not in SUFFIXES:
        raise InputError("{path}: a case is handed over as one HTML file; name it so, as case.html.", path=file)
    if not file.parent.is_dir() or file.is_dir():
        raise InputError("{path}: its folder is not there, or it is a folder; name a file.", path=file)
    if not NUMBER.fullmatch(case.number):
        raise InputError(
            "The case number {number} cannot become a page; numbers are given by the ledger.", number=case.number
        )
    told_at = max(as_of or case.latest_at, case.latest_at)
    frame = AloneFrame(
        case_map.page_path(case.number),
        lang,
        scope,
        told_at,
        None if verified is None else bool(verified.ok),
        assets.names(),
        version,
        "",
    )
    inside = {f"{frame.site}static/{name}": content for name, content in assets.static_files().values()}
    chips: dict[str, Chip] = {}
    for n, (id, one) in enumerate(pictures.items()):
        chips[id] = Chip(f"chips/{n}.webp", f"chips/{n}t.webp", one.bounds)
        inside[frame.site + chips[id].href] = encode(one.rgb)
        inside[frame.site + chips[id].thumb] = thumbnail(one.rgb)
    ids = {event.payload.get("inspection") for event in events}
    page = case_map.case_page(
        case,
        events,
        [one for one in inspections if one.id in ids],
        around.scenes,
        around.around,
        chips=chips,
        as_of=told_at,
        clouds=around.clouds,
        verified=verified,
        runs={},
        rules=rules,
        gates=gates,
        lived=lived,
    )
    html = inlined(case_map.render(page, lang, frame), inside).encode()
    write_bytes(file, html)
    return len(html)


def inlined(html: str, files: Mapping[str, bytes]) -> str:
    """``html`` with every style, script and picture of ``files`` ({address: content}) inside.

    Raises: WorkError where an address of the page is left that leads to another file.
    """

    def style(found: re.Match[str]) -> str:
        return f"<style>{files[found[1]].decode()}</style>"

    def script(found: re.Match[str]) -> str:
        return "<script>" + re.sub(r"</(?=script)", r"<\\/", files[found[1]].decode(), flags=re.I) + "</script>"

    known = {*files, ""}
    named = re.findall(r"""(?:href|src)=["']([^"'#]*)""", html)
    if left := [one for one in named if one not in known and not one.startswith(("data:", "${"))]:
        raise WorkError("The page {page} would reach outside: {address}.", page="case", address=left[0])
    assets.check_offline(html, "case")  # before scripts stand in it: Leaflet names its own site in a comment
    html = re.sub(r'<link rel="stylesheet" href="([^"]+)">', style, html)
    html = re.sub(r'<script src="([^"]+)"></script>', script, html)
    for address, content in files.items():
        if address.endswith(".webp"):
            data = f"data:image/webp;base64,{base64.b64encode(content).decode()}"
            html = html.replace(f'"{address}"', f'"{data}"')
    return html
