"""Sums of squares of linear forms of both dates' bands: what a change detector of this family computes.

Forms are brought to a triangle first (a rotation leaves the sum of squares as it is and saves up to half
of the work), and evaluated by elementwise float32 operations in one order: the value of a pixel is the
same to the bit whatever strip it lies in and however many threads work, which no matrix product of
a library promises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Array = NDArray[np.float64]

CHUNK = 1 << 16
"""Pixels at once: what is worked on stays in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Forms:
    """weights: (form, band of BEFORE and then of AFTER), upper triangle; shift: (form,), taken off.

    ratio: (band,), or None. Where given, the forms are of the differences before − ratio · after, and
    weights have one column a band.
    """

    weights: F32
    shift: F32
    ratio: F32 | None = None

    def power(self, before: Sequence[F32], after: Sequence[F32], held: Held) -> F32:
        """Sum of the squared forms; before, after: by band, (pixel,) of at most ``CHUNK`` pixels."""
        count = len(before[0])
        out, one, term = held.get("power", count), held.get("form", count), held.get("term", count)
        if self.ratio is None:
            inputs = [*before, *after]
        else:
            inputs = [held.get(f"input{band}", count) for band in range(len(before))]
            for x, y, ratio, difference in zip(before, after, self.ratio, inputs, strict=True):
                np.multiply(y, ratio, out=difference)
                np.subtract(x, difference, out=difference)
        if len(self.weights) == 0:
            out[:] = 0
        for number, (weights, shift) in enumerate(zip(self.weights, self.shift, strict=True)):
            combined(inputs, weights, -shift, one, term)
            if number == 0:
                np.multiply(one, one, out=out)
            else:
                np.multiply(one, one, out=one)
                out += one
        return out


class Held:
    """Arrays to write into, by name, made once."""

    def __init__(self) -> None:
        self._arrays: dict[str, F32] = {}

    def get(self, name: str, count: int) -> F32:
        if name not in self._arrays or len(self._arrays[name]) < count:
            self._arrays[name] = np.empty(count, np.float32)
        return self._arrays[name][:count]


def combined(inputs: Sequence[F32], weights: F32, constant: np.float32, out: F32, term: F32) -> None:
    """out = Σ weight · input + constant, in the order of the inputs; weights of zero cost nothing."""
    used = [(values, weight) for values, weight in zip(inputs, weights, strict=True) if weight != 0]
    if not used:
        out[:] = constant
        return
    np.multiply(*used[0], out=out)
    out += constant
    for values, weight in used[1:]:
        np.multiply(values, weight, out=term)
        out += term


def forms(weights: Array, shift: Array, ratio: Array | None = None) -> Forms:
    """weights: (form, input), as they come; shift: (form,), taken off. The sum of squares stays the same."""
    _, triangle = np.linalg.qr(np.column_stack([weights, shift]))
    kept = np.abs(triangle).max(axis=1) > 0
    narrow = None if ratio is None else ratio.astype(np.float32)
    return Forms(triangle[kept, :-1].astype(np.float32), triangle[kept, -1].astype(np.float32), narrow)


Work = Callable[[Sequence[F32], Sequence[F32], F32], None]
THREADS = 2
"""Arithmetic on arrays lets other threads run; more than two would wait for the one that reads."""


def by_chunks(before: F32, after: F32, out: F32, worker: Callable[[], Work]) -> None:
    """Work on pieces of (band, y, x) images as flat bands, and on the same piece of ``out``, (y, x).

    worker: makes what does the work, once a thread, so that each has arrays of its own.
    """
    first, second = ([np.ascontiguousarray(band).reshape(-1) for band in date] for date in (before, after))
    flat = out.reshape(-1)

    def some(starts: range) -> None:
        work = worker()
        for start in starts:
            part = slice(start, start + CHUNK)
            work([band[part] for band in first], [band[part] for band in second], flat[part])

    in_threads(some, range(0, len(flat), CHUNK))


def in_threads(some: Callable[[range], None], places: range) -> None:
    """``some`` on every ``THREADS``-th of the places, each share in a thread of its own."""
    shares = [share for n in range(THREADS) if len(share := places[n::THREADS])]
    if len(shares) < 2:
        for share in shares:
            some(share)
        return
    with ThreadPoolExecutor(len(shares)) as pool:
        list(pool.map(some, shares))
