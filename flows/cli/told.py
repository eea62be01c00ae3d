"""Sentences that several commands say of what they wrote."""

from __future__ import annotations

from typing import Any

from geodata.words import tr


def shapefile_notes(done: Any) -> list[str]:
    """What a Shapefile could not hold (``exchange.Written`` and the like): files, cut, replaced."""
    said = []
    if len(done.files) > 1:
        said.append(tr("a Shapefile grows to 2 GB at most; it goes on in {files}",
                       files=", ".join(file.name for file in done.files[1:])))  # fmt: skip
    if done.cut:
        said.append(tr("texts longer than a Shapefile takes were cut in {columns}; .gpkg and .gdb keep them",
                       columns=", ".join(done.cut)))  # fmt: skip
    if done.replaced:
        said.append(tr("characters that GBK has not are written as 〓 in {columns}; .gpkg and .gdb keep them",
                       columns=", ".join(done.replaced)))  # fmt: skip
    return said
