"""A small network of one hidden layer, several of it from different beginnings, their logits averaged.

Fitted by Adam (Kingma and Ba 2015, ICLR) to the weighted cross-entropy with a penalty on the squares of the weights;
numpy alone, so that the same samples give the same network on a machine, and a model is plain arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HIDDEN, MEMBERS = 48, 4
EPOCHS, MOST_STEPS, BATCH, ROWS, RATE = 12, 1500, 512, 32, 3e-3
PENALTY = 5e-3
FARTHEST = 8.0
"""Deviations beyond which a feature is taken for no more extreme."""
DECAY1, DECAY2, TINY = 0.9, 0.999, 1e-8

F32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Net:
    """mean, scale: (feature,) bring each to mean 0 and deviation 1. inner: (member, feature, hidden); inner_bias:
    (member, hidden); outer: (member, hidden); outer_bias: (member,)."""

    mean: F32
    scale: F32
    inner: F32
    inner_bias: F32
    outer: F32
    outer_bias: F32

    def __call__(self, features: F32) -> F32:
        """(sample, feature) → (sample,) logits."""
        standard = _standard(features, self.mean, self.scale)
        total = np.zeros(len(features), np.float32)
        for inner, bias, outer, constant in zip(self.inner, self.inner_bias, self.outer, self.outer_bias, strict=True):
            hidden = standard @ inner
            hidden += bias
            total += np.maximum(hidden, 0, out=hidden) @ outer + constant
        return total / np.float32(len(self.outer_bias))


def fitted(features: F32, share: F32, weight: F32) -> Net:
    """features: (sample, feature); share: (sample,) of change in it, 0 to 1; weight: (sample,)."""
    mean = np.average(features, axis=0, weights=weight).astype(np.float32)
    spread = np.sqrt(np.average(np.square(features - mean), axis=0, weights=weight)).astype(np.float32)
    scale = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-6)
    standard = _standard(features, mean, scale)
    relative = (weight / weight.mean()).astype(np.float32)
    inner, inner_bias, outer, outer_bias = _descended(standard, share, relative, np.random.default_rng(0))
    return Net(mean, scale, inner, inner_bias, outer, outer_bias)


def _standard(features: F32, mean: F32, scale: F32) -> F32:
    out = (features - mean) * scale
    return np.clip(out, -FARTHEST, FARTHEST, out=out)


def _descended(standard: F32, share: F32, weight: F32, random: np.random.Generator) -> list[F32]:
    """inner, inner_bias, outer, outer_bias as in ``Net``: all members on the same batches."""
    count, wide = standard.shape
    values = [
        random.normal(0, np.sqrt(2 / wide), (MEMBERS, wide, HIDDEN)).astype(np.float32),
        np.zeros((MEMBERS, HIDDEN), np.float32),
        random.normal(0, np.sqrt(1 / HIDDEN), (MEMBERS, HIDDEN)).astype(np.float32),
        np.zeros(MEMBERS, np.float32),
    ]
    firsts, seconds = ([np.zeros_like(v) for v in values] for _ in range(2))
    steps = min(max(1, EPOCHS * count // BATCH), MOST_STEPS)
    order = np.empty(0, np.intp)
    for step in range(1, steps + 1):
        while len(order) < BATCH:
            order = np.concatenate([order, random.permutation(count)])
        batch, order = order[:BATCH], order[BATCH:]
        rate = np.float32(RATE * 0.5 * (1 + np.cos(np.pi * step / steps)))
        slopes = _slopes(values, standard[batch], share[batch], weight[batch])
        firsts = [DECAY1 * old + (1 - DECAY1) * new for old, new in zip(firsts, slopes, strict=True)]
        seconds = [DECAY2 * old + (1 - DECAY2) * new * new for old, new in zip(seconds, slopes, strict=True)]
        for value, first, second in zip(values, firsts, seconds, strict=True):
            value -= rate * (first / (1 - DECAY1**step)) / (np.sqrt(second / (1 - DECAY2**step)) + TINY)  # noqa: PLW2901
    return values


def _slopes(values: list[F32], batch: F32, share: F32, weight: F32) -> list[F32]:
    """By ``ROWS`` samples and member: products so small that they are not spread over threads, which would wait for
    one another longer than they work."""
    inner, bias, outer, constant = values
    rows = batch.reshape(-1, 1, ROWS, batch.shape[1])
    hidden = np.maximum(rows @ inner + bias[:, None], 0)
    logit = np.einsum("cmrh,mh->cmr", hidden, outer) + constant[:, None]
    error = 1 / (1 + np.exp(-np.clip(logit, -30, 30))) - share.reshape(-1, 1, ROWS)
    error *= weight.reshape(-1, 1, ROWS) / np.float32(len(batch))
    back = error[..., None] * outer[:, None] * (hidden > 0)
    return [
        (rows.swapaxes(-1, -2) @ back).sum(axis=0) + np.float32(PENALTY) * inner,
        back.sum(axis=(0, 2)),
        np.einsum("cmrh,cmr->mh", hidden, error) + np.float32(PENALTY) * outer,
        error.sum(axis=(0, 2)),
    ]
