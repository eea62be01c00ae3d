"""[io] Training on a list of labelled files: the core of ``gengxun train``.

Runs as a whole inside ``geodata.safe.in_child``; so it takes and returns plain values.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline import detect
from pipeline.learn import modelfile, pairs
from pipeline.learn.report import card_of
from pipeline.learn.training import trained
from pipeline.plain import to_plain


def train_files(
    rows: list[tuple[str, str, str, str, str]],
    out: str,
    *,
    change: tuple[int, ...],
    unchanged: tuple[int, ...],
    made_at: str,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """rows: (before, after, label, set, group). Writes the model to ``out``; returns its card, ``out`` and ``sha256``.

    Raises: InputError where the files do not go together or the labels do not suffice; WorkError.
    """
    said = progress or (lambda share: None)
    named = [
        pairs.Pair(Path(before), Path(after), Path(label), set, group) for before, after, label, set, group in rows
    ]
    kinds = [pairs.kind_of(pair) for pair in named]
    kind = pairs.refuse_mixed(named, kinds)
    method, _ = detect.choose(kind.bands, kind.gsd_m)
    values = pairs.Values(change, unchanged)
    places = [pairs.place(pair, values, method.name) for pair in named]
    found = trained(places, method.name, said)
    card = card_of(
        found,
        places,
        free=method.name,
        bands=kind.bands,
        dtype=kind.dtype,
        gsds_m=[k.gsd_m for k in kinds],
        source="pairs",
        made_at=made_at,
    )
    sha256 = modelfile.write(Path(out), found.head, card)
    return {**to_plain(card), "out": out, "sha256": sha256}
