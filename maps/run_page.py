"""The report of one inspection: as a page, and the same content as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from geodata.area import mu
from geodata.words import language
from maps import assets
from maps.run_parts import Alignment, RunPage, TownshipRow
from maps.run_story import plain, run_page
from maps.style import Frame, environment, mu_text

__all__ = ["RunPage", "page_path", "render", "run_page", "to_json"]

TOWNSHIPS = 8
SHEET = 25
LISTED = 12
"""Numbers of a comparison that stand without a press."""
TIE_BOX = (320.0, 180.0)
MAGNIFIED = 4
"""What is left after the move is drawn so many times larger, or it would not be seen."""


def page_path(id_: str) -> str:
    """Where the page lies under the root of its language; its JSON lies beside it."""
    return f"runs/{id_}.html"


def to_json(page: RunPage) -> dict[str, Any]:
    """All that the page says, for a script; texts in both languages."""
    return plain(page)


def render(page: RunPage, lang: str = "zh", frame: Frame | None = None) -> str:
    """The page as one HTML document that asks nothing of the network.

    frame: as ``publish`` makes it; by default that of a page at ``page_path`` with no area named.
    """
    if frame is None:
        frame = Frame(page_path(page.id), lang, page.place, page.as_of, None, assets.names(), nav="runs")
    return environment(frame.lang).get_template("run.html.j2").render(frame=frame, **shown(page, frame.lang))


def shown(page: RunPage, lang: str | None = None) -> dict[str, Any]:
    """What the template needs."""
    lang = lang or language()
    seen = page.observed_m2, *(m2 for _, m2 in page.unseen_m2)
    listed, rest = towns(page.townships)
    return {
        "page": page,
        "shares": percentages(seen),
        "vectors": vectors(page.alignment) if page.alignment else (),
        "tie_box": TIE_BOX,
        "magnified": MAGNIFIED,
        "towns": listed,
        "towns_rest": rest,
        "sheet": SHEET,
        "listed": LISTED,
        "bar": lambda row: bar(row.count, page.funnel[0].count),
        "much": lambda m2: much(m2, lang),
        "clock": clock,
        "duration": duration(page.duration_s, lang),
        "gantt": gantt([seconds for _, seconds in page.timings_s]),
    }


def percentages(parts: Sequence[float]) -> list[float]:
    """Per cent with one decimal that add up to 100.0 (largest remainder); all 0 where there is nothing."""
    total = sum(parts)
    if total <= 0:
        return [0.0] * len(parts)
    exact = [1000 * part / total for part in parts]
    found = [math.floor(value) for value in exact]
    by_rest = sorted(range(len(parts)), key=lambda i: found[i] - exact[i])
    for i in by_rest[: 1000 - sum(found)]:
        found[i] += 1
    return [value / 10 for value in found]


def bar(count: int, most: int) -> float:
    """Length in per cent by the square root, so that 37 of 12,846 can still be seen."""
    return 100 * math.sqrt(count / most) if most else 0.0


def much(m2: float, lang: str) -> str:
    """亩, from 10,000 on in 万亩: 198.6 万亩."""
    if lang == "zh" and mu(m2) >= 10_000:
        return f"{mu(m2) / 10_000:,.2f} 万亩"
    return f"{mu_text(m2)} {'亩' if lang == 'zh' else 'mu'}"


def clock(seconds: float) -> str:
    """1:36; below ten seconds 4.2 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def duration(seconds: float, lang: str) -> str:
    """11 分 42 秒."""
    minutes, rest = divmod(round(seconds), 60)
    if lang == "zh":
        return f"{minutes} 分 {rest} 秒" if minutes else f"{rest} 秒"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def gantt(seconds: Sequence[float]) -> list[tuple[float, float]]:
    """(left, width) in per cent of steps that ran one after another."""
    total, at, found = sum(seconds) or 1.0, 0.0, []
    for one in seconds:
        found.append((100 * at / total, 100 * one / total))
        at += one
    return found


def towns(rows: Sequence[TownshipRow]) -> tuple[list[TownshipRow], list[TownshipRow]]:
    """The rows that stand for themselves, and those that are summed into one line."""
    if len(rows) <= TOWNSHIPS:
        return list(rows), []
    return list(rows[: TOWNSHIPS - 1]), list(rows[TOWNSHIPS - 1 :])


def vectors(alignment: Alignment) -> list[tuple[tuple[float, float], tuple[float, float], tuple[float, float]]]:
    """(from, to before the move, to after it ×MAGNIFIED) of each tie point, in the units of TIE_BOX."""
    width, height = TIE_BOX
    scale = 13.0 / max(alignment.before_px, alignment.after_px * MAGNIFIED, 0.25)
    found = []
    for tie in alignment.ties:
        x, y = 12 + tie.x * (width - 24), 12 + tie.y * (height - 24)
        found.append(
            (
                (x, y),
                (x + scale * tie.before[0], y + scale * tie.before[1]),
                (x + scale * MAGNIFIED * tie.after[0], y + scale * MAGNIFIED * tie.after[1]),
            )
        )
    return found
