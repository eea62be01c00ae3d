"""Two files in, ``score.tif``, ``change.tif`` and ``changes.gpkg`` out: the core of ``gengxun detect``.

Runs as a whole inside ``geodata.safe.in_child``; so it takes and returns plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from geodata.errors import InputError, NoOverlap, WorkError
from geodata.gpkg import write_gpkg
from geodata.rasterfile import FilePixels, GridWriter, open_pixels
from pipeline import align, changes, detect, heights
from pipeline.detect.height import HeightModel
from pipeline.detect.run import UNSEEN, Scored
from pipeline.detect.spread import strips
from pipeline.detect.workers import Workers

Progress = Callable[[float], None]


def detect_files(
    before: str,
    after: str,
    out_dir: str,
    *,
    method: str | None = None,
    model: str | None = None,
    bands: tuple[str, ...] | None = None,
    limit_px: float = 3.0,
    workers: int = 0,
    dask: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare two files and write the three results, all on BEFORE's grid. model: path of the user's own.
    workers, dask: as ``Workers``.

    Keys of the report: method, version, method_reason {zh, en}, bands, threshold, threshold_rule, iterations, state,
    notes [{zh, en}], shift {state, dx_m, dy_m, measured_px, before_px, residual_px, …}, observed (share, 0 to 1), tally
    {reason: pixels}, change_px, changes, changes_m2, too_small {count, area}, crs, files. Where heights were
    compared also offset_m and tilt_m (across and down the image) that were taken off, noise_m, rose, sank, patches
    [{height_m, noise_m, area_m2, area_px}] in the order of the layer.

    Raises: InputError (sizes differ without georeference, one CRS missing, no band in common),
    NoOverlap, WorkError (too far apart; a result cannot be written).
    """
    said, place = progress or (lambda share: None), Workers(workers, dask)
    own_method = detect.brought(model) if model else None
    with open_pixels(before, bands=bands) as one, open_pixels(after, bands=bands) as own:
        check_grids(one, own, before, after)
        with own.onto(one.geobox) as two:
            alignment = align.measure(one, two, limit_px=limit_px, progress=lambda share: said(0.1 * share))
        with own.onto(one.geobox, (alignment.dx_m, alignment.dy_m)) as two:
            fitted = detect.fit(one, two, method=method, own=own_method, progress=lambda share: said(0.1 + 0.1 * share))
            scored = strips(one, two, fitted, place, lambda share: said(0.2 + 0.75 * share))
            folder = _folder(out_dir)
            with (
                GridWriter(folder / "score.tif", one.geobox, "float32", nodata=float("nan")) as scores,
                GridWriter(folder / "change.tif", one.geobox, "uint8", nodata=UNSEEN) as decisions,
            ):
                count = [0]
                traced = changes.trace(
                    _written(scored, scores, decisions, count),
                    fitted,
                    one.geobox,
                    before_id=Path(before).name,
                    after_id=Path(after).name,
                )
            traced = heights.told(traced, one, two, fitted)
            _write_patches(folder / "changes.gpkg", traced, heights=isinstance(fitted, HeightModel))
        said(1.0)
        report = _report(fitted, alignment, traced, count[0])
        return report | {"crs": None if one.geobox.crs is None else str(one.geobox.crs), "out": str(folder)}


def check_grids(one: FilePixels, two: FilePixels, before: str, after: str) -> None:
    """Raises: InputError, NoOverlap where the two cannot be laid on one another."""
    first, second = one.geobox, two.geobox
    if (first.crs is None) != (second.crs is None):
        raise InputError(
            "{path}: has no coordinate system, {other} has one; give both one, or compare two without.",
            path=before if first.crs is None else after,
            other=after if first.crs is None else before,
        )
    if first.crs is None:
        if first.shape != second.shape:
            raise InputError(
                "{path}: is {size} pixels, {other} is {other_size}; without georeference both must have one size.",
                path=after,
                size=f"{second.width} × {second.height}",
                other=before,
                other_size=f"{first.width} × {first.height}",
            )
        return
    seen = second.footprint(first.crs) if second.crs != first.crs else second.extent
    if not first.extent.intersects(seen):
        raise NoOverlap(
            "{path}: does not cover any ground of {other}; name two images of the same place.", path=after, other=before
        )


def _folder(out_dir: str) -> Path:
    folder = Path(out_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkError("{path}: the folder cannot be made; name another.", path=out_dir) from error
    return folder


def _written(scored: Iterator[Scored], scores: GridWriter, decisions: GridWriter, count: list[int]) -> Iterator[Scored]:
    """The strips as they are; written on the way, changed pixels counted into ``count``."""
    for strip in scored:
        scores.write(strip.roi, strip.score)
        decisions.write(strip.roi, strip.change)
        count[0] += int(np.count_nonzero(strip.change == 1))
        yield strip


def _write_patches(path: Path, traced: changes.Traced, *, heights: bool) -> None:
    found = traced.changes
    columns = {
        "area_m2": np.array([np.nan if c.area_m2 is None else c.area_m2 for c in found], np.float64),
        "area_px": np.array([c.area_px for c in found], np.int64),
        "score": np.array([c.score for c in found], np.float64),
        "edge_unseen": np.array([c.edge_unseen for c in found], np.float64),
    }
    if heights:
        columns |= {
            "height_m": np.array([c.rise.height_m for c in found if c.rise], np.float64),
            "noise_m": np.array([c.rise.noise_m for c in found if c.rise], np.float64),
        }
    write_gpkg(path, "changes", [c.geometry for c in found], columns, found[0].crs if found else traced.crs)


def _report(model: detect.Model, alignment: align.Alignment, traced: changes.Traced, changed: int) -> dict[str, Any]:
    shift = asdict(alignment)
    points = shift.pop("tie_points")
    areas = [c.area_m2 for c in traced.changes if c.area_m2 is not None]
    tally = dict(traced.tally)
    return {
        "method": model.method,
        "version": model.version,
        "method_reason": model.report["method_reason"],
        "bands": list(model.bands.names),
        "threshold": model.report.get("threshold", 0.0),
        "threshold_rule": model.report.get("threshold_rule", ""),
        "iterations": model.report.get("iterations", 0),
        "state": model.report["state"],
        "notes": model.report.get("notes", []),
        "shift": shift | {"tie_points": sum(point["used"] for point in points)},
        "observed": round(tally["clear"] / sum(tally.values()), 6),
        "tally": tally,
        "change_px": changed,
        "changes": len(traced.changes),
        "changes_m2": round(sum(areas), 2) if traced.crs else None,
        "too_small": {"count": traced.too_small[0], "area": traced.too_small[1]},
        "files": ["score.tif", "change.tif", "changes.gpkg"],
    } | _rises(model, traced)


def _rises(model: detect.Model, traced: changes.Traced) -> dict[str, Any]:
    """Of two surface models: what was taken off, and by how much each patch rose."""
    if not isinstance(model, HeightModel):
        return {}
    found = [(c, c.rise) for c in traced.changes if c.rise]
    return {
        **{key: model.report[key] for key in ("offset_m", "tilt_m", "noise_m")},
        "rose": sum(rise.height_m > 0 for _, rise in found),
        "sank": sum(rise.height_m < 0 for _, rise in found),
        "patches": [
            {"height_m": rise.height_m, "noise_m": rise.noise_m, "area_m2": c.area_m2, "area_px": c.area_px}
            for c, rise in found
        ],
    }
