"""The page of one case: boundary, before and after, reasons, areas, what is next; Folium, offline."""

from __future__ import annotations

from maps.case_parts import CasePage
from maps.case_story import case_page

__all__ = ["CasePage", "case_page", "render"]


def render(page: CasePage, lang: str = "zh") -> str:
    """The page as one HTML document that asks nothing of the network."""
    raise NotImplementedError
