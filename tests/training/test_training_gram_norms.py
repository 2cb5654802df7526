"""Norms from Gram matrices must not fall short where large terms cancel: a record would pass the clip."""

import numpy as np
import pytest
import torch

from privaudit.training.stacked_layers import gram_norms, sequence_norms, squares


def cancelling(seed, *, length=6, width=40, size=1e4, left=1.0):
    """Gradients of positions that nearly cancel: terms of ``size ** 2``, a sum of about ``left``."""
    rng = np.random.default_rng(seed)
    inner = np.tile(rng.normal(size=width), (length, 1)) * size
    outer = rng.normal(size=(length, width))
    outer[-1] = -outer[:-1].sum(axis=0) + rng.normal(size=width) * left / size
    return outer.astype(np.float32), inner.astype(np.float32)


def norms(outer, inner):
    return float(sequence_norms(*(torch.from_numpy(part)[None] for part in (outer, inner))))


@pytest.mark.parametrize(("width", "length"), [(40, 6), (1000, 20), (20_000, 2)])
@pytest.mark.parametrize("size", [1e2, 1e4, 1e6])
def test_cancellation_never_makes_a_norm_too_small(size, width, length):
    for seed in range(100 if width == 40 else 10):
        outer, inner = cancelling(seed, size=size, width=width, length=length)
        left, right = outer.astype(np.float64), inner.astype(np.float64)
        exact = float(((left @ left.T) * (right @ right.T)).sum())
        assert norms(outer, inner) >= exact * (1 - 1e-5)


def test_without_the_margin_some_norms_are_far_too_small():
    """The harness above can fail: plain Gram sums in float32 lose the norm, or turn negative."""
    short = 0
    for seed in range(100):
        outer, inner = (torch.from_numpy(part)[None] for part in cancelling(seed, size=1e4))
        exact = float(squares((outer.double().mT @ inner.double()).flatten(1), 1))
        short += float(((outer @ outer.mT) * (inner @ inner.mT)).sum()) < 0.5 * exact
    assert short > 10


def test_ordinary_norms_gain_no_more_than_roundings():
    rng = np.random.default_rng(0)
    outer, inner = (torch.from_numpy(rng.normal(size=(50, 6, 40))) for _ in range(2))
    exact = squares((outer.mT @ inner).flatten(1), 1)
    torch.testing.assert_close(gram_norms(outer @ outer.mT, inner @ inner.mT), exact, rtol=1e-12, atol=0.0)
    single = [part.float() for part in (outer, inner)]
    torch.testing.assert_close(sequence_norms(*single).double(), exact, rtol=1e-4, atol=0.0)
