"""Two files in, ``score.tif``, ``change.tif`` and ``changes.gpkg`` out: the core of ``gengxun detect``.

Runs as a whole inside ``geodata.safe.in_child``; so it takes and returns plain values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def detect_files(
    before: str,
    after: str,
    out_dir: str,
    method: str | None = None,
    bands: tuple[str, ...] | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Compare two files and write the three results, all on BEFORE's grid.

    Raises: InputError (sizes differ without georeference, one CRS missing), NoOverlap.
    """
    raise NotImplementedError
