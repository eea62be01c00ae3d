"""Iteratively reweighted multivariate alteration detection (IR-MAD), for three bands and more.

Canonical correlation pairs linear combinations of the two dates' bands; the differences of the
pairs (MAD variates) are invariant to gain and offset of every band (Nielsen, Conradsen and Simpson
1998). Pixels without change get the weight in the next round (Nielsen 2007, IEEE TIP 16(2)):
the sum of squared variates in units of their variance is χ² where nothing changed.

Two departures, both for real scenes, where "no change" is wider than the theory's:

- The χ² of the weights is measured on the scene's own quiet pixels: divided so that its lower
  quartile is that of theory. With the textbook's weights a farmed scene's fit shrinks onto a few
  pixels of one kind (under 1 % of them on Sentinel-2 and aerial pairs), and everything else "changes".
- The decision uses the same scale (an empirical null, Efron 2004): change is what exceeds the
  χ² that one in 10,000 unchanged pixels reaches. One rule for all scenes; no label enters.

Bands without variation, or copies of others, drop out by rank.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from geodata.scene import Pixels
from pipeline.detect.forms import F32, Forms, Held, Work, by_chunks, forms
from pipeline.detect.joint import sampled_pixels
from pipeline.detect.protocol import Bands, Blank, Progress

VERSION = "1"
FALSE_ALARM = 1e-4
"""Share of the unchanged pixels that the decision takes for change."""
QUIET = 0.25
"""The quantile of χ² that is taken to be unchanged in any scene."""
LEAST_VARIANCE = 4e-4
"""Of a MAD variate: differences under 2 % of the scene's own spread are never worth a change."""
RANK = 1e-7
"""A direction with less of its date's total variance is rounding, not measurement."""
RIDGE = 1e-7
TOLERANCE, MOST_ROUNDS = 1e-5, 100
FIRST_PIXELS = 20_000
"""Of a larger sample so many are iterated first."""
FEWEST = 100
"""Jointly clear pixels below which nothing can be said."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class IRMADModel:
    """forms: the variates in units of the decision, so that the sum of their squares is 1 where it is made."""

    bands: Bands
    forms: Forms
    gain: Array
    offset: Array
    report: dict[str, Any]
    method: str = "irmad"
    version: str = VERSION
    halo: int = 0

    def score(
        self, before: NDArray[np.float32], after: NDArray[np.float32], clear: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        out = np.empty(clear.shape, np.float32)

        def worker() -> Work:
            held = Held()

            def part(first: Sequence[F32], second: Sequence[F32], into: F32) -> None:
                power = self.forms.power(first, second, held)
                np.add(power, np.float32(1), out=into)
                np.divide(power, into, out=into)

            return part

        by_chunks(before, after, out, worker)
        return out


@dataclass(frozen=True)
class IRMAD:
    name: str = "irmad"
    version: str = VERSION

    def fit(self, before: Pixels, after: Pixels, bands: Bands, progress: Progress | None = None) -> IRMADModel | Blank:
        first, second = sampled_pixels(before, after, bands, progress)
        if len(first) < FEWEST:
            return Blank(bands, "irmad", VERSION, {"state": "too_few_pixels", "sample": len(first)})
        return fitted(first, second, bands)


@dataclass(frozen=True, eq=False)
class Variates:
    """What a sample's iteration came to. weights: (variate, 2 · band), and shift: (variate,): the MAD variates with
    variance 1 where nothing changed. chi2, weight: (pixel,) of the sample; weight: how surely it did not change.
    scale: of χ², from the quiet pixels. rho: the correlations, ascending."""

    weights: Array
    shift: Array
    chi2: Array
    weight: Array
    scale: float
    rho: Array
    rounds: int


def fitted(first: Array, second: Array, bands: Bands) -> IRMADModel | Blank:
    """The model of a sample, (pixel, band) of both dates."""
    found = variates(first, second)
    if found is None:
        return _without_variation(first, second, bands)
    freedom = len(found.rho)
    limit = found.scale * float(special.chdtri(freedom, FALSE_ALARM))
    gain, offset = harmonised(first, second, found.weight)
    report = {
        "state": "fitted",
        "sample": len(first),
        "iterations": found.rounds,
        "converged": found.rounds < MOST_ROUNDS,
        "threshold": round(float(np.sqrt(limit)), 6),
        "threshold_rule": f"chi2({freedom}) tail {FALSE_ALARM:g}, scale {found.scale:.4g} from the lower quartile",
        "correlations": [round(float(r), 6) for r in found.rho],
        "change_share_of_sample": round(float((found.chi2 > limit).mean()), 6),
    }
    decision = forms(found.weights / np.sqrt(limit), found.shift / np.sqrt(limit))
    return IRMADModel(bands, decision, gain, offset, report)


def variates(first: Array, second: Array) -> Variates | None:
    """Iterated to convergence; None where a date does not vary at all."""
    one, two = _whitening(first), _whitening(second)
    if min(one.shape[1], two.shape[1]) == 0:
        return None
    both = np.column_stack([(first - first.mean(0)) @ one, (second - second.mean(0)) @ two, np.ones(len(first))])
    begun, step = None, len(both) // FIRST_PIXELS
    if step > 1:  # most of the way is gone with a part of the sample: the place it leads to is the same
        begun = _iterated(both[::step], one.shape[1], two.shape[1], None)
    found = _iterated(both, one.shape[1], two.shape[1], begun)
    a, b, centre_x, centre_y, rho = found.canonical
    chi2, weight, scale, deviation, rounds = found.chi2, found.weight, found.scale, found.deviation, found.rounds
    before_part, after_part = (one @ a / deviation).T, (two @ b / deviation).T
    shift = before_part @ first.mean(0) - after_part @ second.mean(0) + (centre_x @ a - centre_y @ b) / deviation
    return Variates(np.hstack([before_part, -after_part]), shift, chi2, weight, scale, rho, rounds)


Canonical = tuple[Array, Array, Array, Array, Array]


@dataclass(frozen=True, eq=False)
class _Iterated:
    canonical: Canonical
    deviation: Array
    chi2: Array
    weight: Array
    scale: float
    rounds: int


def _iterated(both: Array, count_x: int, count_y: int, begun: _Iterated | None) -> _Iterated:
    """Rounds until the correlations stand still. begun: where an earlier iteration came to."""
    freedom = min(count_x, count_y)
    tail = tail_of(freedom)
    rounds, previous = 0, np.zeros(freedom)
    weight = np.ones(len(both))
    if begun is not None:
        chi2 = _chi2(both, begun.canonical, begun.deviation)
        weight, rounds, previous = tail(chi2 / quiet_scale(chi2, freedom)), begun.rounds, begun.canonical[-1]
    while True:
        rounds += 1
        canonical = _canonical(both, count_x, weight)
        rho = canonical[-1]
        deviation = np.sqrt(np.maximum(2 * (1 - rho), LEAST_VARIANCE))
        chi2 = _chi2(both, canonical, deviation)
        scale = quiet_scale(chi2, freedom)
        weight = tail(chi2 / scale)
        if np.abs(rho - previous).max() < TOLERANCE or rounds >= MOST_ROUNDS:
            return _Iterated(canonical, deviation, chi2, weight, scale, rounds)
        previous = rho


def _chi2(both: Array, canonical: Canonical, deviation: Array) -> Array:
    a, b, centre_x, centre_y, _ = canonical
    mad = both @ (np.vstack([a, -b, centre_y @ b - centre_x @ a]) / deviation)
    return np.asarray(np.einsum("ij,ij->i", mad, mad))


def quiet_scale(chi2: Array, freedom: int) -> float:
    """What χ² is divided by, so that the scene's lower quartile is that of theory; at least 1."""
    return max(1.0, float(np.quantile(chi2, QUIET) / (2 * special.gammaincinv(freedom / 2, QUIET))))


def tail_of(freedom: int) -> Callable[[Array], Array]:
    """The χ² tail from a table (error under 1e-5): the function itself would be a third of the fit."""
    at = np.linspace(0, float(special.chdtri(freedom, 1e-9)), 4096)
    table = special.chdtrc(freedom, at)
    steps, per_step = np.append(np.diff(table), 0.0), 1 / at[1]

    def tail(chi2: Array) -> Array:
        place = np.minimum(chi2 * per_step, float(len(at) - 1))
        below = place.astype(np.intp)
        place -= below
        return table[below] + steps[below] * place

    return tail


def _whitening(values: Array) -> Array:
    """(band, rank): to uncorrelated variables of variance 1, without the directions that do not vary."""
    spread = values.std(0)
    unit = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 1e-6 * np.abs(values).max(0))
    standard = (values - values.mean(0)) * unit
    variance, directions = np.linalg.eigh(standard.T @ standard / len(values))
    kept = variance > RANK * max(float(variance.sum()), 1e-12)
    return (unit[:, None] * directions[:, kept]) / np.sqrt(variance[kept])


def _canonical(both: Array, count: int, weight: Array) -> Canonical:
    """Weighted canonical correlation of the first ``count`` columns with those up to the last, which is 1.

    Returns directions a, b (unit variance), both means, correlations ascending.
    """
    moments = (both.T * weight) @ both
    moments /= moments[-1, -1]
    centre = moments[-1, :-1]
    covariance = moments[:-1, :-1] - np.outer(centre, centre)
    ridged = covariance + RIDGE * np.eye(len(covariance))
    root_x, root_y = _inverse_root(ridged[:count, :count]), _inverse_root(ridged[count:, count:])
    u, rho, vt = np.linalg.svd(root_x @ covariance[:count, count:] @ root_y, full_matrices=False)
    return root_x @ u[:, ::-1], root_y @ vt.T[:, ::-1], centre[:count], centre[count:], np.clip(rho[::-1], 0, 1)


def _inverse_root(matrix: Array) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors / np.sqrt(np.maximum(values, RIDGE))) @ vectors.T


def harmonised(first: Array, second: Array, weight: Array) -> tuple[Array, Array]:
    """gain, offset by band: after · gain + offset ≈ before on the pixels without change.

    Orthogonal regression (both dates carry noise), as Canty and Nielsen 2008 use it. A band that does
    not vary, or does not follow the other date, is left as it is.
    """
    total = weight.sum()
    mean_x, mean_y = weight @ first / total, weight @ second / total
    dx, dy = first - mean_x, second - mean_y
    var_x, var_y = weight @ dx**2 / total, weight @ dy**2 / total
    both = weight @ (dx * dy) / total
    gain, offset = np.ones(len(both)), np.zeros(len(both))
    told = both**2 > 0.25 * var_x * var_y
    told &= (both > 0) & (var_y > 0)
    difference = var_x[told] - var_y[told]
    gain[told] = (difference + np.sqrt(difference**2 + 4 * both[told] ** 2)) / (2 * both[told])
    offset[told] = mean_x[told] - gain[told] * mean_y[told]
    return gain, offset


def varies(values: Array) -> bool:
    return _whitening(values).shape[1] > 0


def _without_variation(first: Array, second: Array, bands: Bands) -> IRMADModel | Blank:
    """Two even images are alike whatever their level; an even one beside a picture tells nothing."""
    if varies(first) or varies(second):
        return Blank(bands, "irmad", VERSION, {"state": "no_variation", "sample": len(first)})
    count = len(bands.names)
    report = {"state": "even", "sample": len(first), "iterations": 0, "threshold": 0.0}
    flat = Forms(np.zeros((0, 2 * count), np.float32), np.zeros(0, np.float32))
    return IRMADModel(bands, flat, np.ones(count), np.zeros(count), report)
