"""What was trained, as a card: figures by fold and by set; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.detect import METHODS
from pipeline.learn.backbone import backbone
from pipeline.learn.card import VERSION, Card
from pipeline.learn.training import Place, Tally, Trained, by_set


def card_of(
    found: Trained,
    places: Sequence[Place],
    *,
    free: str,
    bands: tuple[str, ...],
    dtype: str,
    gsds_m: Sequence[float | None],
    source: str,
    made_at: str,
) -> Card:
    """gsds_m: of every place; one that is not known makes all unknown."""
    known = [gsd for gsd in gsds_m if gsd is not None]
    threshold = found.head.threshold
    whole = by_set(places, found.by_place)
    return Card(
        version=VERSION,
        backbone=backbone().sha256,
        free=(free, METHODS[free][0].version),
        bands=bands,
        dtype=dtype,
        gsd_m=(round(min(known), 4), round(max(known), 4)) if len(known) == len(gsds_m) else None,
        sets={name: _size(tally, [p for p in places if p.set == name]) for name, tally in whole.items()},
        folds=tuple(_folds(found, places, threshold)),
        by_set={name: _figures(tally, threshold) for name, tally in whole.items()},
        copies_share=round(found.copies_share, 6),
        threshold=threshold,
        samples=found.samples,
        source=source,
        made_at=made_at,
    )


def _folds(found: Trained, places: Sequence[Place], threshold: float) -> list[dict[str, Any]]:
    rows = []
    for fold in np.unique(found.folds):
        held = [n for n in range(len(places)) if found.folds[n] == fold]
        tallies = by_set([places[n] for n in held], [found.by_place[n] for n in held])
        for name, tally in tallies.items():
            size = _size(tally, [places[n] for n in held if places[n].set == name])
            rows.append({"fold": int(fold) + 1, "set": name, **size, **_figures(tally, threshold)})
    return rows


def _size(tally: Tally, places: Sequence[Place]) -> dict[str, Any]:
    none, change = (int(side.sum()) for side in tally.counts)
    share = change / max(1, none + change)
    return {"images": len(places), "labelled_px": none + change, "change_share": round(share, 6)}


def _figures(tally: Tally, threshold: float) -> dict[str, float | None]:
    return {name: None if math.isnan(v) else round(v, 4) for name, v in tally.figures(threshold).items()}
