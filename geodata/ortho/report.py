"""What was done to lay an image on the ground, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from geodata.words import Text, both


def lines(record: Mapping[str, Any] | None) -> list[Text]:
    """Of the record of a scene (``Scene.ortho``); none where it came as an orthomosaic."""
    if not record:
        return []
    found = [_terrain(record)]
    for tie in record["ties"]:
        used, checked = tie["used"], tie["checked"]
        found.append(
            both(
                "{image}: lay {before:.1f} m off; tied by {model} from {points} points ({out} outliers) to {px:.2f}"
                " pixels ({m:.2f} m, largest {most:.2f} pixels); at {checks} points left out of the fit {check_px:.2f}"
                " pixels ({check_m:.2f} m, largest {check_most:.2f} pixels, {check_out} outliers).",
                image=PurePath(tie["image"]).name,
                model={"shift": both("a shift"), "affine": both("an affine map")}[tie["model"]],
                points=used["points"],
                out=used["left_out"],
                before=tie["before"]["rmse_m"],
                px=used["rmse_px"],
                m=used["rmse_m"],
                most=used["max_px"],
                checks=checked["points"],
                check_px=checked["rmse_px"],
                check_m=checked["rmse_m"],
                check_most=checked["max_px"],
                check_out=checked["left_out"],
            )
        )
    if record["pansharpen"]:
        mix = record["pansharpen"]
        found.append(
            both(
                "bands sharpened by the panchromatic image ({method}, {source}); it is explained by them to {fit:.0%}.",
                method=mix["method"],
                source=mix["source"],
                fit=mix["fit"],
            )
        )
    return found


def _terrain(record: Mapping[str, Any]) -> Text:
    heights = (
        both("ellipsoidal heights")
        if "geoid_m" not in record
        else both("orthometric heights, geoid {m:g} m", m=record["geoid_m"])
    )
    return both("laid on {dem} ({heights}) in {crs}.", dem=record["dem"]["name"], heights=heights, crs=record["crs"])
