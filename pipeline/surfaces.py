"""Still standing or gone: what later surface models say of a part of a case, by heights alone.

What stood is the ground that rose between a model from before the occupation and one from while it stood. Of that, a
later model shows each pixel nearer to the one or to the other. Where it stands still the part is not put right; where
it is gone the part is no field yet: concrete is as flat as a paddy, so height never says "restored". Without one of the
two earlier models only figures are told, since crops and trees rise as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from geodata.words import Text, both
from pipeline.detect.height import limit
from pipeline.recheck import CANNOT_TELL, NOT_RESTORED, Recheck
from pipeline.recheck_words import day

LEAST_PX = 30
"""Clear pixels inside the part from which on its heights are spoken of."""
STILL = 0.1
"""Share of what stood that a later model must still show for the part to be called not put right; less is within
reach of outlines that lie a pixel off."""

F32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Risen:
    """Between two models: metres by which each clear pixel of the part rose, and its noise. at: of the earlier one."""

    at: datetime
    rise: F32
    noise: F32

    @property
    def limit(self) -> F32:
        return limit(self.noise)


def judged(scene_id: str, at: datetime, bare: Risen | None, stood: Risen | None, pixels: int, whole: int) -> Recheck:
    """bare: the rise since a model from before the occupation; stood: since one from while it stood; same pixels.

    pixels: clear ones inside the part, of ``whole``.
    """
    if pixels < LEAST_PX or 2 * pixels < whole:
        text = both("The surface model shows too little of the part: {n} of {whole} pixels.", n=pixels, whole=whole)
        return _said(scene_id, at, CANNOT_TELL, {}, text, pixels)
    if bare is not None and stood is not None:
        return _between(scene_id, at, bare, stood, pixels)
    if bare is not None:
        return _since_bare(scene_id, at, bare, pixels)
    if stood is not None:
        return _since_stood(scene_id, at, stood, pixels)
    text = both("No earlier surface model of this ground to compare with.")
    return _said(scene_id, at, CANNOT_TELL, {}, text, pixels)


def _between(scene_id: str, at: datetime, bare: Risen, stood: Risen, pixels: int) -> Recheck:
    height = bare.rise - stood.rise  # of what stood above the bare ground
    risen = height >= np.maximum(bare.limit, stood.limit)
    noise = float(np.median(bare.noise))
    if int(risen.sum()) < LEAST_PX:
        text = both("By the surface models of {bare} and {stood} nothing stood there that is higher than {limit:.1f} m:"
                    " height cannot tell.", bare=day(bare.at), stood=day(stood.at),
                    limit=float(np.median(bare.limit)))  # fmt: skip
        return _said(scene_id, at, CANNOT_TELL, {"noise_m": noise}, text, pixels)
    left = bare.rise[risen]
    still = float(np.mean(left > height[risen] / 2))
    figures = {
        "height_m": float(np.median(height[risen])),
        "left_m": float(np.median(left)),
        "noise_m": noise,
        "still_share": still,
    }
    shown = {**figures, "percent": 100 * still, "bare": day(bare.at), "stood": day(stood.at)}
    if still >= STILL:
        text = both("Still standing: of what rose by {height_m:.1f} m between {bare} and {stood}, {percent:.0f}% is"
                    " still there, now {left_m:.1f} m above {bare} (noise {noise_m:.2f} m).", **shown)  # fmt: skip
        return _said(scene_id, at, NOT_RESTORED, figures, text, pixels)
    text = both("Gone: what rose by {height_m:.1f} m between {bare} and {stood} is down to {left_m:.1f} m above {bare}"
                " (noise {noise_m:.2f} m); whether the soil is restored height does not tell.", **shown)  # fmt: skip
    return _said(scene_id, at, CANNOT_TELL, figures, text, pixels)


def _since_bare(scene_id: str, at: datetime, bare: Risen, pixels: int) -> Recheck:
    high = bare.rise >= bare.limit
    figures = {"high_share": float(high.mean()), "noise_m": float(np.median(bare.noise))}
    if int(high.sum()) < LEAST_PX:
        text = both("Nothing stands higher than before: compared with {bare} no ground of the part rose (noise"
                    " {noise_m:.2f} m); whether the soil is restored height does not tell.",
                    bare=day(bare.at), **figures)  # fmt: skip
        return _said(scene_id, at, CANNOT_TELL, figures, text, pixels)
    figures["left_m"] = float(np.median(bare.rise[high]))
    text = both("{percent:.0f}% of the part stands {left_m:.1f} m higher than on {bare} (noise {noise_m:.2f} m): a"
                " building, or a crop; no model from while it stood tells which.",
                percent=100 * figures["high_share"], bare=day(bare.at), **figures)  # fmt: skip
    return _said(scene_id, at, CANNOT_TELL, figures, text, pixels)


def _since_stood(scene_id: str, at: datetime, stood: Risen, pixels: int) -> Recheck:
    low = stood.rise <= -stood.limit
    figures = {"low_share": float(low.mean()), "noise_m": float(np.median(stood.noise))}
    if int(low.sum()) < LEAST_PX:
        text = both("Nothing of the part is lower than on {stood} (noise {noise_m:.2f} m): what stood higher than that"
                    " stands.", stood=day(stood.at), **figures)  # fmt: skip
        return _said(scene_id, at, CANNOT_TELL, figures, text, pixels)
    figures["down_m"] = -float(np.median(stood.rise[low]))
    text = both("{percent:.0f}% of the part is {down_m:.1f} m lower than on {stood} (noise {noise_m:.2f} m): taken"
                " down, or cut; no model from before tells which.",
                percent=100 * figures["low_share"], stood=day(stood.at), **figures)  # fmt: skip
    return _said(scene_id, at, CANNOT_TELL, figures, text, pixels)


def _said(scene_id: str, at: datetime, verdict: str, figures: Mapping[str, float], text: Text, pixels: int) -> Recheck:
    kept = {name: round(value, 4) for name, value in figures.items()}
    return Recheck(scene_id, at, verdict, kept, text, True, pixels)
