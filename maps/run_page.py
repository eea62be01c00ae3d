"""The report of one inspection: as a page, and the same content as JSON."""

from __future__ import annotations

from typing import Any

from maps.run_parts import RunPage
from maps.run_story import run_page

__all__ = ["RunPage", "render", "run_page", "to_json"]


def render(page: RunPage, lang: str = "zh") -> str:
    """The page as one HTML document that asks nothing of the network."""
    raise NotImplementedError


def to_json(page: RunPage) -> dict[str, Any]:
    """All that the page says, for a script."""
    raise NotImplementedError
