"""The test of a claimed curve: agreement with the Gaussian bound and with one exact step, its level, its power, refusals."""

import math
import time

import numpy as np
import pytest
from scipy.stats import binom, norm

from privaudit.errors import ClaimError, ConfigError, UnsupportedError
from privaudit.estimators.claimed_curve import curve_test
from privaudit.estimators.gaussian_dp_bound import gaussian_dp
from privaudit.estimators.rates import lower_rate, upper_rate
from privaudit.types import ConfusionCounts, DpSgdParams, Neighbouring

AUDITS, PER_WORLD, ALPHA = 2000, 200, 0.05
LIMIT = binom.ppf(1 - 1e-6, AUDITS, ALPHA)  # a correct test exceeds it with probability 1e-6 per setting
RUN = DpSgdParams(noise_multiplier=0.8, sample_rate=0.1, steps=20)


def _random_counts(rng, n=400):
    for _ in range(n):
        n_in, n_out = rng.integers(1, 2000, 2)
        tp, fp = rng.binomial(n_in, rng.random()), rng.binomial(n_out, rng.random() ** 4)
        yield ConfusionCounts(tp=tp, fn=n_in - tp, fp=fp, tn=n_out - fp)


def test_gaussian_claims_fall_exactly_below_the_in_family_bound():
    rng, n_refuted = np.random.default_rng(5), 0
    for counts in _random_counts(rng):
        least = gaussian_dp(counts, delta=1e-5, confidence=0.95).diagnostics["mu"]
        mu = 3.0 * rng.random()
        if abs(mu - least) > 1e-7:
            assert curve_test(counts, mu=mu, confidence=0.95).is_refuted == (least > mu)
            n_refuted += least > mu
        if least > 1e-3:
            assert curve_test(counts, mu=least * (1 - 1e-6), confidence=0.95).is_refuted
        assert not curve_test(counts, mu=least * (1 + 1e-12), confidence=0.95).is_refuted
    assert 20 < n_refuted < 380


@pytest.mark.parametrize("relation", [Neighbouring.ADD_REMOVE, Neighbouring.REPLACE_ONE])
def test_full_batches_are_the_gaussian_claim(relation):
    params = DpSgdParams(noise_multiplier=5.0, sample_rate=1.0, steps=25)
    mu = 1.0 if relation == Neighbouring.ADD_REMOVE else 2.0
    for counts in _random_counts(np.random.default_rng(6), 100):
        by_params = curve_test(counts, params=params, confidence=0.9, neighbouring=relation)
        by_mu = curve_test(counts, mu=mu, confidence=0.9, neighbouring=relation)
        assert by_params.is_refuted == by_mu.is_refuted
        assert by_params.tpr_allowed == pytest.approx(by_mu.tpr_allowed, rel=1e-12)


def test_one_sampled_step_is_tested_by_its_closed_form():
    """Either order of the worlds: the curve of the step, or the curve mirrored at the other diagonal."""
    noise, rate = 0.7, 0.3
    params = DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=1)
    cut = np.linspace(-8.0, 9.0, 400_001)
    fpr = norm.sf(cut / noise)
    tpr = (1 - rate) * fpr + rate * norm.sf((cut - 1) / noise)
    n_refuted = 0
    for counts in _random_counts(np.random.default_rng(7)):
        test = curve_test(counts, params=params, confidence=0.95)
        straight = np.interp(test.fpr_upper, fpr[::-1], tpr[::-1])
        mirrored = np.interp(test.fpr_upper, 1 - tpr, 1 - fpr)
        exact = max(straight, mirrored)
        assert exact - 1e-9 <= test.tpr_allowed <= exact + 1e-4
        if abs(test.tpr_lower - exact) > 1e-4:
            assert test.is_refuted == (test.tpr_lower > exact)
            n_refuted += test.is_refuted
    assert 20 < n_refuted < 380


def test_test_says_what_it_is():
    counts = ConfusionCounts(tp=80, fn=20, fp=10, tn=190)
    test = curve_test(counts, params=RUN, confidence=0.9)
    assert (test.n_in, test.n_out, test.confidence, test.neighbouring) == (100, 200, 0.9, Neighbouring.ADD_REMOVE)
    assert (test.fpr_upper, test.fnr_upper) == pytest.approx((upper_rate(10, 200, 0.05), upper_rate(20, 100, 0.05)))
    assert (test.tpr_lower, test.tnr_lower) == pytest.approx((lower_rate(80, 100, 0.05), lower_rate(190, 200, 0.05)))
    assert test.tpr_lower == pytest.approx(1 - test.fnr_upper, rel=1e-12)
    assert test.is_refuted and test.tpr_lower > test.tpr_allowed and test.tnr_lower > test.tnr_allowed
    assert dict(test.diagnostics) == {"tp": 80, "fn": 20, "fp": 10, "tn": 190}


def test_a_claim_without_noise_allows_what_a_draw_shows():
    """At most 1 - (1 - q)^T of the runs can be told apart, all of them at full batch."""
    perfect = ConfusionCounts(tp=1000, fn=0, fp=0, tn=1000)
    few = DpSgdParams(noise_multiplier=0.0, sample_rate=0.1, steps=2)
    assert curve_test(perfect, params=few, confidence=0.95).is_refuted
    for drawn in (DpSgdParams(noise_multiplier=0.0, sample_rate=1.0, steps=1), None):
        mu = math.inf if drawn is None else None
        assert not curve_test(perfect, params=drawn, mu=mu, confidence=0.95).is_refuted


def test_chance_is_refuted_by_nothing():
    for counts in (ConfusionCounts(tp=1, fn=0, fp=0, tn=1), ConfusionCounts(tp=500, fn=500, fp=500, tn=500)):
        assert not curve_test(counts, mu=0.0, confidence=0.95).is_refuted


def test_repeated_tests_of_one_claim_compose_once():
    counts = ConfusionCounts(tp=80, fn=20, fp=10, tn=190)
    params = DpSgdParams(noise_multiplier=1.0, sample_rate=0.01, steps=1000)
    curve_test(counts, params=params, confidence=0.9)
    started = time.perf_counter()
    for _ in range(5):
        curve_test(counts, params=params, confidence=0.9)
    assert time.perf_counter() - started < 5 * 0.2


def test_what_is_no_claim_is_refused():
    counts = ConfusionCounts(tp=80, fn=20, fp=10, tn=190)
    for options in ({}, {"mu": 1.0, "params": RUN}):
        with pytest.raises(ConfigError, match="exactly one"):
            curve_test(counts, confidence=0.95, **options)
    with pytest.raises(ConfigError, match="mu"):
        curve_test(counts, mu=math.nan, confidence=0.95)
    with pytest.raises(ConfigError, match="confidence"):
        curve_test(counts, mu=1.0, confidence=1.0)
    with pytest.raises(ConfigError, match="neighbouring"):
        curve_test(counts, mu=1.0, confidence=0.95, neighbouring="neighbour")
    with pytest.raises(UnsupportedError, match="add_remove"):
        curve_test(counts, params=RUN, confidence=0.95, neighbouring=Neighbouring.ZERO_OUT)
    shuffled = DpSgdParams(noise_multiplier=1.0, sample_rate=0.1, steps=10, sampling="shuffle")
    with pytest.raises(ClaimError, match="Poisson"):
        curve_test(counts, params=shuffled, confidence=0.95)


def _refuted(fpr, tpr, *, seed, audits=AUDITS, n=PER_WORLD, **claim):
    """How many audits refute a claim, at a threshold with these rates."""
    rng = np.random.default_rng(seed)
    found, known = 0, {}
    for tp, fp in zip(rng.binomial(n, tpr, audits).tolist(), rng.binomial(n, fpr, audits).tolist(), strict=True):
        if (tp, fp) not in known:
            counts = ConfusionCounts(tp=tp, fn=n - tp, fp=fp, tn=n - fp)
            known[tp, fp] = curve_test(counts, confidence=1 - ALPHA, **claim).is_refuted
        found += known[tp, fp]
    return found


@pytest.mark.statistical
@pytest.mark.parametrize("fpr", [0.0, 0.001, 0.05, 0.3, 0.9])
@pytest.mark.parametrize("mu", [0.0, 0.3, 2.0])
def test_level_under_the_exact_gaussian_mechanism(mu, fpr):
    assert _refuted(fpr, norm.cdf(norm.ppf(fpr) + mu), mu=mu, seed=61) <= LIMIT


@pytest.mark.statistical
def test_ends_at_the_full_error_each_would_fail_such_a_test():
    """The harness can fail: at half the confidence that the two rates need, a common threshold is refuted too often."""
    fpr = 0.3
    loose = _refuted(fpr, norm.cdf(norm.ppf(fpr) + 1.0), mu=0.8, seed=61)
    assert loose > LIMIT


def _likelihood_ratio(rng, noise, n, *, is_in):
    """Log-likelihood ratio of runs of the claimed mechanism `RUN`, whose noise may be another."""
    seen = rng.normal(0.0, noise, (RUN.steps, n))
    if is_in:
        seen += rng.random((RUN.steps, n)) < RUN.sample_rate
    ratio = np.log1p(RUN.sample_rate * np.expm1((seen - 0.5) / RUN.noise_multiplier**2))
    return ratio.sum(axis=0)


@pytest.mark.statistical
def test_level_under_the_exact_sampled_mechanism():
    """By the best attack there is, its likelihood ratio, at several thresholds."""
    rng, shares = np.random.default_rng(67), (0.002, 0.05, 0.5, 0.9)
    cuts = np.quantile(_likelihood_ratio(rng, RUN.noise_multiplier, 100_000, is_in=False), 1 - np.array(shares))
    found, known = dict.fromkeys(shares, 0), {}
    for _ in range(AUDITS):
        out, member = (_likelihood_ratio(rng, RUN.noise_multiplier, PER_WORLD, is_in=is_in) for is_in in (False, True))
        for share, cut in zip(shares, cuts, strict=True):
            fp, tp = int((out >= cut).sum()), int((member >= cut).sum())
            if (tp, fp) not in known:
                counts = ConfusionCounts(tp=tp, fn=PER_WORLD - tp, fp=fp, tn=PER_WORLD - fp)
                known[tp, fp] = curve_test(counts, params=RUN, confidence=1 - ALPHA).is_refuted
            found[share] += known[tp, fp]
    assert max(found.values()) <= LIMIT


@pytest.mark.statistical
@pytest.mark.parametrize("sample_rate", [1.0, 0.1])
def test_half_the_noise_is_refuted(sample_rate):
    """Power at one fixed threshold; an audit of 1,000 a side misses with probability below 1e-6 (see the rates)."""
    rng, n = np.random.default_rng(71), 1000
    if sample_rate == 1.0:
        claim, (fpr, tpr) = {"mu": 1.0}, (norm.sf(1.0), norm.sf(-1.0))  # truth mu = 2
    else:
        claim = {"params": RUN}
        out, member = (_likelihood_ratio(rng, 0.4, 100_000, is_in=is_in) for is_in in (False, True))
        cut = np.quantile(out, 0.9)
        fpr, tpr = 0.1, (member >= cut).mean()
    assert _refuted(fpr, tpr, seed=73, audits=200, n=n, **claim) == 200
