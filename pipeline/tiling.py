"""Pieces of patches: ground counted once, cents that add up."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.area import rings

__all__ = ["OVERLAP_M2", "balanced_cents", "counted_once", "sum_by", "tiled"]

OVERLAP_M2 = 1e-3
"""Pieces overlap when together they are larger than their union by more than this."""


def counted_once(
    patches: NDArray[np.object_], patch: NDArray[np.intp], pieces: NDArray[np.object_]
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """The pieces with doubly covered ground left to the first of them, and which ones lost some.

    patches: (n,) polygons; pieces: (k,) parts of patch number ``patch`` (k,), ascending; within a
    patch the order is the precedence. A patch that its pieces tile exactly, the usual case, is
    told from edge lengths; only the others are worth a union.
    """
    pieces, lost = pieces.copy(), np.zeros(len(pieces), bool)
    counts = np.bincount(patch, minlength=len(patches))
    ends = np.cumsum(counts)
    planar = shapely.area(pieces)
    for number in np.flatnonzero((counts > 1) & ~tiled(patches, patch, pieces)):
        own = slice(ends[number] - counts[number], ends[number])
        if planar[own].sum() - shapely.union_all(pieces[own]).area > OVERLAP_M2:
            pieces[own], lost[own] = _first_wins(pieces[own])
    return pieces, lost


def sum_by(group: NDArray[np.integer], values: NDArray, count: int) -> NDArray[np.float64]:
    """(count,) sums of ``values`` (k,) by their group's number (k,)."""
    return np.bincount(group, values, count).astype(np.float64, copy=False)


def _first_wins(pieces: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Each piece less the earlier ones that it overlaps; only pairs that meet are looked at."""
    kept, lost = pieces.copy(), np.zeros(len(pieces), bool)
    later, earlier = shapely.STRtree(pieces).query(pieces, predicate="intersects")
    later, earlier = later[earlier < later], earlier[earlier < later]
    shared = shapely.area(shapely.intersection(pieces[later], pieces[earlier])) > OVERLAP_M2 / 10
    later, earlier = later[shared], earlier[shared]
    for i in np.unique(later):
        rest = shapely.difference(pieces[i], shapely.union_all(pieces[earlier[later == i]]))
        lost[i] = pieces[i].area - rest.area > OVERLAP_M2
        if lost[i]:
            kept[i] = rest
    return kept, lost


def tiled(patches: NDArray[np.object_], patch: NDArray[np.intp], pieces: NDArray[np.object_]) -> NDArray[np.bool_]:
    """(n,) True where the pieces fill the patch without gap or overlap; False where it is not certain.

    Pieces that tile have the area of the patch, and the edges they share, which run both ways,
    cancel: what is left is as long as the patch's outline. Where a gap and an overlap have the
    same area, edges are left inside and the length tells. (Patches of several parts, of which one
    could be covered for the other, are never certain.)
    """
    area, full = sum_by(patch, shapely.area(pieces), len(patches)), shapely.area(patches)
    likely = (np.abs(area - full) <= 1e-4 + 1e-8 * full) & (shapely.get_type_id(patches) == 3)
    chosen = likely[patch]
    left = _uncancelled_m(patch[chosen], pieces[chosen], len(patches))
    return likely & (np.abs(left - shapely.length(patches)) <= 1e-3)


def _uncancelled_m(patch: NDArray[np.intp], pieces: NDArray[np.object_], count: int) -> NDArray[np.float64]:
    """(count,) length of the pieces' edges that no other piece of the patch runs along the other way."""
    keys, ways, lengths, owners = [], [], [], []
    for xy, starts, shell, owner in rings(pieces):
        sizes = np.diff(starts, append=len(xy))
        x, y = (xy - np.repeat(xy[starts], sizes, axis=0)).T
        cross = np.append(x[:-1] * y[1:] - x[1:] * y[:-1], 0.0)
        turn = np.sign(np.add.reduceat(cross, starts)) * shell
        inner = np.ones(len(xy), bool)
        inner[starts + sizes - 1] = False
        number = np.repeat(patch[owner], sizes)[inner]
        # Corners of two neighbours were computed apart: alike to far below 1 mm.
        node = np.rint(xy * 1e3).astype(np.int64).view(np.uint64)
        node = _mixed(node[:, 0] * np.uint64(0x9E3779B97F4A7C15) + _mixed(node[:, 1]))
        begin, end = node[inner], np.roll(node, -1)[inner]
        keys.append(begin + end + _mixed(number.astype(np.uint64)))
        ways.append(np.repeat(turn, sizes)[inner] * np.where(begin < end, 1.0, -1.0))
        lengths.append(np.hypot(np.diff(x, append=0), np.diff(y, append=0))[inner])
        owners.append(number)
    if not keys:
        return np.zeros(count)
    key = np.concatenate(keys)
    order = np.argsort(key)
    first = np.flatnonzero(np.diff(key[order], prepend=~key[order[:1]]))
    net = np.abs(np.add.reduceat(np.concatenate(ways)[order], first))
    edge = order[first]
    return sum_by(np.concatenate(owners)[edge], net * np.concatenate(lengths)[edge], count)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return values ^ (values >> np.uint64(29))


def balanced_cents(
    m2: NDArray[np.float64], group: NDArray[np.intp], total_cents: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Areas as whole cents that add up to their group's total exactly.

    m2: (k,) areas whose sums differ from the totals by rounding only; group: (k,) number of each
    one's total. Each is cut to whole cents, and what is missing goes, one cent each, to the
    largest remainders (domain.md 4.2: pieces miss the patch by up to about 0.001 m²).
    """
    sums = sum_by(group, m2, len(total_cents))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(sums[group] > 0, m2 / sums[group], 0.0) * total_cents[group]
    cents = np.floor(share).astype(np.int64)
    missing = total_cents - sum_by(group, cents, len(total_cents)).astype(np.int64)
    order = np.lexsort((cents - share, group))
    counts = np.bincount(group, minlength=len(total_cents))
    rank = np.arange(len(group)) - np.repeat(np.cumsum(counts) - counts, counts)
    cents[order] += rank < missing[group[order]]
    return cents
