"""Tail-TNR: the quantile, ties, and what a model without memory gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from privaudit.attacks.tail_tnr import tail_tnr
from privaudit.errors import ConfigError, DegenerateScoresError, ShapeError
from privaudit.estimators import tpr_at_fpr

BETAS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.9)
losses = st.lists(st.integers(0, 12), min_size=1, max_size=80)


def naive(inside, outside, beta):
    """The smallest threshold, among the members' losses, that misses at most a share beta of the members."""
    for threshold in sorted(set(inside)):
        missed = np.mean([loss > threshold for loss in inside])
        if missed <= beta + 1e-12:
            return np.mean([loss > threshold for loss in outside]), missed
    raise AssertionError


def test_by_hand():
    curve = tail_tnr(np.arange(100), [98.5, 98.0, 99.0, 0.0], [0.01, 0.02, 0.005])
    assert curve.tnr[:2].tolist() == [0.5, 0.75]  # above 98, and above 97
    assert curve.achieved_fnr[:2] == pytest.approx([0.01, 0.02])
    assert np.isnan(curve.tnr[2]) and np.isnan(curve.achieved_fnr[2])  # half a member
    assert (curve.n_in, curve.n_out) == (100, 4)
    assert tail_tnr(np.arange(100), [70.5, 70.0], 0.29).tnr.tolist() == [
        0.5
    ]  # above 70, although .29 * 100 is 28.999...


@settings(deadline=None, derandomize=True, max_examples=100)
@given(losses, losses, st.sampled_from(BETAS))
def test_against_the_definition_with_ties(inside, outside, beta):
    curve = tail_tnr(inside, outside, beta)
    if beta * len(inside) < 1:
        assert np.isnan(curve.tnr[0])
        return
    assert (curve.tnr[0], curve.achieved_fnr[0]) == pytest.approx(naive(inside, outside, beta))
    assert curve.achieved_fnr[0] <= beta


@settings(deadline=None, derandomize=True, max_examples=50)
@given(losses, losses)
def test_the_curve_rises_and_is_the_loss_attack_seen_from_the_other_end(inside, outside):
    """TNR at FNR beta is the true positive rate of calling high losses "not trained on", at false positive rate beta."""
    curve = tail_tnr(inside, outside, BETAS)
    for beta, value in zip(BETAS, curve.tnr, strict=True):
        metric = tpr_at_fpr(inside + outside, [0] * len(inside) + [1] * len(outside), beta, confidence=0.95)
        assert metric.value is None if np.isnan(value) else metric.value == pytest.approx(value)
    known = curve.tnr[~np.isnan(curve.tnr)]
    assert (np.diff(known) >= 0).all()


@pytest.mark.statistical
def test_without_memory_the_rate_is_beta():
    """4,000 losses of one law on either side: given the threshold, whose true tail is a beta variable with a deviation of at
    most .008 (six of them: .047), the count above is binomial. Fails with probability below 1e-6 for each of four betas.
    """
    rng = np.random.default_rng(0)
    curve = tail_tnr(rng.gamma(0.3, size=4000), rng.gamma(0.3, size=4000), BETAS[1:5])
    for beta, value in zip(curve.beta, curve.tnr, strict=True):
        spread = 6 * np.sqrt(beta * (1 - beta) / 4000)
        lowest, highest = beta - spread, beta + spread
        assert binom.ppf(1e-7, 4000, lowest) / 4000 <= value <= binom.ppf(1 - 1e-7, 4000, highest) / 4000


def test_shifted_normal_losses():
    """Members N(-1, 1), others N(0, 1): TNR is Phi(1 - z_(1 - beta)); 200,000 draws: within .006, five deviations and more."""
    rng = np.random.default_rng(1)
    curve = tail_tnr(rng.normal(-1, 1, 200_000), rng.normal(0, 1, 200_000), BETAS)
    assert curve.tnr == pytest.approx(norm.cdf(1 - norm.isf(BETAS)), abs=0.006)


def test_hostile_losses():
    assert tail_tnr([1.0] * 20, [1.0] * 20, 0.1).tnr.tolist() == [0.0]  # a constant is one block: nothing is above
    clipped = tail_tnr([np.inf] * 5 + [1.0] * 5, [np.inf, 2.0], [0.5, 0.4])
    assert clipped.tnr.tolist() == [1.0, 0.0] and clipped.achieved_fnr.tolist() == [0.5, 0.0]
    for inside, outside in (([], [1.0]), ([1.0], []), ([np.nan], [1.0]), ([1.0], [np.nan])):
        with pytest.raises(DegenerateScoresError):
            tail_tnr(inside, outside, 0.1)
    with pytest.raises(ShapeError):
        tail_tnr([[1.0]], [1.0], 0.1)
    for beta in (0.0, 1.0, -0.1, np.nan, [[0.1]]):
        with pytest.raises(ConfigError, match="beta"):
            tail_tnr([1.0], [1.0], beta)
    with pytest.raises(ValueError, match="read-only"):
        clipped.tnr[0] = 0.0
