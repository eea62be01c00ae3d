"""The usual unsupervised ways, as scripts do them: whole arrays (band, y, x) in, score and decision (y, x) out.

``seen``: where both dates are valid. They are here to be compared with, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import stats
from skimage.filters import threshold_otsu

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
Answer = tuple[Values, Mask]


def cva_otsu(before: Values, after: Values, seen: Mask) -> Answer:
    """Change vector analysis: length of the difference of standardised bands; Otsu's threshold."""
    score = np.sqrt(((_standard(after, seen) - _standard(before, seen)) ** 2).sum(axis=0))
    return _otsu(score, seen)


def logratio_otsu(before: Values, after: Values, seen: Mask) -> Answer:
    """|log(after + 1) - log(before + 1)|, mean of the bands over 5 x 5 pixels; Otsu's threshold."""
    ratio = np.abs(np.log1p(np.maximum(after, 0)) - np.log1p(np.maximum(before, 0))).mean(axis=0)
    return _otsu(cv2.blur(ratio, (5, 5)), seen)


def irmad_kmeans(before: Values, after: Values, seen: Mask) -> Answer:
    """IR-MAD as published (Nielsen 2007), all pixels in every round; two means on the root of chi squared."""
    x, y = before[:, seen], after[:, seen]
    kept = [n for n in range(len(x)) if x[n].std() > 0 and y[n].std() > 0]
    score = np.zeros(seen.shape)
    if not kept:
        return score, np.zeros(seen.shape, bool)
    x, y, count = x[kept], y[kept], len(kept)
    weight, previous, chi2 = np.ones(x.shape[1]), np.zeros(count), np.zeros(x.shape[1])
    for _ in range(50):
        covariance = np.cov(np.concatenate([x, y]), aweights=weight)
        covariance += 1e-6 * np.trace(covariance) / count * np.eye(2 * count)  # bands that repeat others
        root_x = np.linalg.cholesky(np.linalg.inv(covariance[:count, :count]))
        root_y = np.linalg.cholesky(np.linalg.inv(covariance[count:, count:]))
        u, rho, vt = np.linalg.svd(root_x.T @ covariance[:count, count:] @ root_y)
        rho = np.minimum(rho, 1 - 1e-9)
        centre_x, centre_y = np.average(x, axis=1, weights=weight), np.average(y, axis=1, weights=weight)
        variates = (root_x @ u).T @ (x - centre_x[:, None]) - (root_y @ vt.T).T @ (y - centre_y[:, None])
        chi2 = (variates**2 / (2 * (1 - rho))[:, None]).sum(axis=0)
        weight = np.maximum(stats.chi2.sf(chi2, count), 1e-12)
        if np.abs(rho - previous).max() < 1e-5:
            break
        previous = rho
    score[seen] = np.sqrt(chi2)
    return score, _two_means(score, seen)


def pca_kmeans(before: Values, after: Values, seen: Mask) -> Answer:
    """Principal components of 4 x 4 blocks of the difference image, two means (Celik 2009, IEEE GRSL 6(4))."""
    side, kept = 4, 3
    difference = np.abs(after - before).mean(axis=0)
    rows, columns = difference.shape
    padded = np.pad(difference, ((side // 2, side - side // 2 - 1),) * 2, mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, (side, side)).reshape(rows * columns, -1)
    blocks = around[:: max(1, len(around) // 20_000)]
    centre = blocks.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov((blocks - centre).T))
    features = ((around - centre) @ directions[:, ::-1][:, :kept]).astype(np.float32)
    cv2.setRNGSeed(1)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 50, 1e-3)
    _, labels, centres = cv2.kmeans(features, 2, None, stop, 3, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    cluster = labels.reshape(rows, columns)
    means = [difference[cluster == n].mean() if (cluster == n).any() else 0.0 for n in (0, 1)]
    changed = int(np.argmax(means))
    near, far = (np.linalg.norm(features - centres[n], axis=1) for n in (changed, 1 - changed))
    return (far / np.maximum(near + far, 1e-9)).reshape(rows, columns).astype(np.float64), (cluster == changed) & seen


PEERS: dict[str, Callable[[Values, Values, Mask], Answer]] = {
    "CVA + Otsu": cva_otsu,
    "IR-MAD + k-means": irmad_kmeans,
    "PCA-k-means": pca_kmeans,
    "log-ratio + Otsu": logratio_otsu,
}


def _standard(values: Values, seen: Mask) -> Values:
    inside = values[:, seen]
    spread = inside.std(axis=1)
    return (values - inside.mean(axis=1)[:, None, None]) / np.where(spread > 0, spread, 1)[:, None, None]


def _otsu(score: Values, seen: Mask) -> Answer:
    inside = score[seen]
    if inside.size == 0 or inside.min() == inside.max():
        return score, np.zeros(seen.shape, bool)
    return score, (score > threshold_otsu(inside)) & seen


def _two_means(score: Values, seen: Mask) -> Mask:
    inside = score[seen]
    low, high = float(inside.min()), float(inside.max())
    for _ in range(100):
        upper = inside > (low + high) / 2
        if not upper.any() or upper.all():
            break
        new = float(inside[~upper].mean()), float(inside[upper].mean())
        if new == (low, high):
            break
        low, high = new
    return (score > (low + high) / 2) & seen
