"""Where change begins, told from the shape of a histogram alone; pure."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

BINS = 64
"""With so few, the highest one is a mode of the scene and not a wave of chance."""
TAIL = 1e-4
"""Of each end, left out: the line is drawn to where the scene ends, not to its strangest pixel. Less would cut
off the change itself where it is rare."""


def triangle(values: NDArray[np.floating]) -> float:
    """The corner of a histogram with one mode and a long upper tail (Rosin 2001, Pattern Recognition 34(11)).

    A line is drawn from the mode to the end of the tail; the threshold is where the histogram lies
    farthest below it. The histogram is of logarithms: a distance in units of its own median has no
    natural scale, and the corner then hardly depends on where the tail ends. values: positive, finite.
    """
    logs = np.log(values)
    low, high = (float(end) for end in np.quantile(logs, (TAIL, 1 - TAIL)))
    if high - low < 1e-6:
        return float(np.exp(high)) * 2
    counts, edges = np.histogram(logs, BINS, (low, high))
    shares = cv2.GaussianBlur(counts.astype(np.float64).reshape(1, -1), (0, 0), 1.0).ravel()
    top, end = int(shares.argmax()), int(np.flatnonzero(shares)[-1])
    places = np.arange(top, end + 1)
    along = (places - top) / max(1, end - top)
    height = shares[places] / shares[top]
    below = 1 + (height[-1] - 1) * along - height
    return float(np.exp(edges[top + int(below.argmax()) + 1]))
