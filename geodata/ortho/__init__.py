"""Images as the satellite saw them (L1A with RPC) laid on the ground, tied to a reference, sharpened.

``Ground`` is what the office says for it. An image goes through ``lay`` (in a child process): laid on
the terrain (``laid``), compared with the reference and corrected (``tie``), its bands sharpened by the
panchromatic image where asked (``sharpen``), and written on a map grid (``layout``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geodata.errors import InputError, MissingOption

ELLIPSOIDAL, ORTHOMETRIC = "ellipsoidal", "orthometric"
HEIGHTS = (ELLIPSOIDAL, ORTHOMETRIC)
UNTIED = "none"
"""Said as reference: the image keeps the position of its RPC."""
MAX_RESIDUAL_PX = 1.5


@dataclass(frozen=True)
class Dem:
    """An elevation model. heights: above what, of ``HEIGHTS``; geoid_m: the geoid above the ellipsoid there."""

    path: Path
    heights: str
    geoid_m: float


@dataclass(frozen=True)
class Ground:
    """What the office says for laying an image on the ground; "" and NaN: not said.

    dem: path; dem_heights: of ``HEIGHTS``; geoid_m: height of the geoid above the ellipsoid, for orthometric
    heights; reference: path or scene id of an orthomosaic, or ``UNTIED``; max_residual_px: root mean square of
    the tie points beyond which an image is refused; pansharpen: sharpen the bands by the panchromatic image.
    """

    dem: str = ""
    dem_heights: str = ""
    geoid_m: float = math.nan
    reference: str = ""
    max_residual_px: float = MAX_RESIDUAL_PX
    pansharpen: bool = False

    def elevation(self, path: object) -> Dem:
        """The elevation model for the image ``path``. Raises: MissingOption naming what is not said; InputError."""
        if not self.dem:
            raise MissingOption(
                "{path}: is not yet projected (L1A with RPC); to lay it on the ground name the elevation model with"
                " --dem PATH and what its heights are above with --dem-heights ({known}), or set dem and dem_heights in"
                " [imagery] of gengxun.toml.",
                path=path,
                known=", ".join(HEIGHTS),
            )
        if self.dem_heights not in HEIGHTS:
            raise MissingOption(
                "{path}: heights of RPC are above the ellipsoid; say what those of the elevation model are above with"
                " --dem-heights ({known}) or dem_heights in [imagery] of gengxun.toml.",
                path=path,
                known=", ".join(HEIGHTS),
            )
        if self.dem_heights == ORTHOMETRIC and not math.isfinite(self.geoid_m):
            raise MissingOption(
                "{path}: the elevation model's heights are orthometric; give the geoid's height above the ellipsoid in"
                " metres with --geoid or geoid_m in [imagery] of gengxun.toml (about -17 at Xiangtan).",
                path=path,
            )
        if math.isfinite(self.geoid_m) and abs(self.geoid_m) > 120:
            raise InputError(
                "{path}: --geoid {value:g}: no geoid lies so far from the ellipsoid; give it in metres.",
                path=path,
                value=self.geoid_m,
            )
        return Dem(Path(self.dem), self.dem_heights, self.geoid_m if self.dem_heights == ORTHOMETRIC else 0.0)

    def tied_to(self, path: object) -> str:
        """The reference for the image ``path``, or ``UNTIED``. Raises: MissingOption."""
        if not self.reference:
            raise MissingOption(
                "{path}: RPC alone are off by tens of metres; name the orthomosaic or scene that it is tied to with"
                " --reference or reference in [imagery] of gengxun.toml ({untied}: take it untied).",
                path=path,
                untied=UNTIED,
            )
        return self.reference

    def said(self) -> dict[str, Any]:
        """What the pixels depend on besides the files, for the scene's id and its item."""
        found: dict[str, Any] = {"dem_heights": self.dem_heights, "pansharpen": self.pansharpen}
        return found | ({"geoid_m": self.geoid_m} if self.dem_heights == ORTHOMETRIC else {})
