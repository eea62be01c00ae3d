"""How far two dates lie apart on BEFORE's grid (sub-pixel), and how their bands compare.

The image itself is moved by ``geodata.rasterfile.open_pixels(onto=…, shift_m=…)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from geodata.scene import Pixels


@dataclass(frozen=True)
class TiePoint:
    """x, y: centre of the tile in pixels of BEFORE's grid (columns, rows). dx, dy: by how many
    pixels AFTER's image lies right of and below BEFORE's there. used: not rejected as an outlier."""

    x: float
    y: float
    dx: float
    dy: float
    used: bool


@dataclass(frozen=True)
class Alignment:
    """state: "aligned" (below MIN_PX, nothing to do), "shifted" (apply dx_m, dy_m), or
    "not_measurable" (too little texture or clear ground; apply nothing, warn).

    dx_m, dy_m: what AFTER's image has to be moved by, (east, north) metres, to lie on BEFORE:
    the ``shift_m`` of ``open_pixels``; (0, 0) unless state is "shifted". measured_px: (right, below)
    shift of AFTER against BEFORE. before_px, residual_px: median length of the tie points'
    shifts before and after the move; _m: the same in metres.
    """

    state: str
    dx_m: float
    dy_m: float
    measured_px: tuple[float, float]
    before_px: float
    residual_px: float
    before_m: float
    residual_m: float
    tie_points: tuple[TiePoint, ...]


def measure(
    before: Pixels,
    after: Pixels,
    *,
    limit_px: float = 3.0,
    progress: Callable[[float], None] | None = None,
) -> Alignment:
    """The shift of AFTER against BEFORE; both on the same grid.

    Raises: WorkError beyond ``limit_px``.
    """
    raise NotImplementedError
