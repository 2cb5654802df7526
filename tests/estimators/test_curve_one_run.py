"""Guesses in one run against a claimed curve: the Gaussian recursion, brute force, one exact step, level, power."""

import math

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import binom, norm

from privaudit.errors import ClaimError, ConfigError, UnsupportedError
from privaudit.estimators.curve_one_run import curve_one_run_test
from privaudit.estimators.fdp_one_run_bound import fdp_one_run
from privaudit.estimators.guesses import two_sided_guesses
from privaudit.types import DpSgdParams, Neighbouring

AUDITS, ALPHA = 2000, 0.05
LIMIT = binom.ppf(1 - 1e-6, AUDITS, ALPHA)  # a correct test exceeds it with probability 1e-6 per setting
RUN = DpSgdParams(noise_multiplier=2.0, sample_rate=0.3, steps=10)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
@pytest.mark.parametrize(("m", "r"), [(10, 10), (100, 50), (1000, 200), (1000, 1000), (5000, 400)])
@pytest.mark.parametrize("mu", [0.0, 0.3, 0.9, 2.0])
def test_gaussian_claims_fall_exactly_below_the_in_family_bound(mu, m, r, confidence):
    least = curve_one_run_test(m, r, 0, mu=mu, confidence=confidence).least_refuting

    def bound(n_correct):
        return fdp_one_run(m, r, n_correct, delta=1e-5, confidence=confidence).diagnostics["mu"]

    assert bound(least - 1) <= mu
    if least <= r:
        assert bound(least) > mu
        assert curve_one_run_test(m, r, least, mu=mu, confidence=confidence).is_refuted
    assert not curve_one_run_test(m, r, least - 1, mu=mu, confidence=confidence).is_refuted


def _most_likely(m, r, v, slopes, intercepts):
    """Largest chance of v right guesses over all laws of their number that the curve's tangents allow.

    For every j, what is right beside at least j right ones in all is bounded by the curve at what is wrong beside at
    least j - 1 right ones.
    """
    k = np.arange(r + 1)
    rows, ends = [], []
    for j in range(1, r + 1):
        right, wrong = np.where(k >= j, k / m, 0.0), np.where(k >= j - 1, (r - k) / m, 0.0)
        rows.append(right - slopes[:, None] * wrong)
        ends.append(intercepts)
    rows, ends = np.vstack(rows), np.concatenate(ends)
    scale = np.maximum(1.0, np.abs(rows).max(axis=1))
    found = linprog(
        -(k >= v).astype(float), A_ub=rows / scale[:, None], b_ub=ends / scale, A_eq=np.ones((1, r + 1)), b_eq=[1.0]
    )
    return -found.fun


def _gaussian_tangents(mu):
    at = np.linspace(-7.5, 7.0, 800)
    slopes = norm.pdf(at + mu) / norm.pdf(at)
    return slopes, norm.cdf(at + mu) - slopes * norm.cdf(at)


def _step_tangents(noise, rate):
    """Mean of both directions' deltas of one sampled step, on either side of slope 1."""
    epsilon = np.linspace(0.0, 15.0, 1000)
    slope = np.exp(epsilon)
    ratio_is = lambda value: 0.5 + noise**2 * np.log((value - 1 + rate) / rate)
    cut = ratio_is(slope)
    remove = (1 - rate) * norm.sf(cut / noise) + rate * norm.sf((cut - 1) / noise) - slope * norm.sf(cut / noise)
    add = np.zeros_like(slope)  # no loss above -log(1 - rate)
    is_open = 1 / slope > 1 - rate
    low = ratio_is(1 / slope[is_open])
    with_canary = (1 - rate) * norm.cdf(low / noise) + rate * norm.cdf((low - 1) / noise)
    add[is_open] = norm.cdf(low / noise) - slope[is_open] * with_canary
    delta = (remove + add) / 2
    return np.concatenate([slope, 1 / slope]), np.concatenate([delta, 1 - (1 - delta) / slope])


STEP = {"noise_multiplier": 0.7, "sample_rate": 0.4, "steps": 1}
CLAIMS = {
    "mu 0.5": ({"mu": 0.5}, _gaussian_tangents(0.5)),
    "mu 1.5": ({"mu": 1.5}, _gaussian_tangents(1.5)),
    "one step": ({"params": DpSgdParams(**STEP)}, _step_tangents(0.7, 0.4)),
    "a draw without noise": (
        {"params": DpSgdParams(noise_multiplier=0.0, sample_rate=0.1, steps=2)},
        (np.ones(1), np.array([0.19])),
    ),
}


@pytest.mark.parametrize(("m", "r"), [(5, 5), (8, 4), (20, 8), (40, 6)])
@pytest.mark.parametrize("name", CLAIMS)
def test_recursion_is_the_brute_force_optimum(name, m, r):
    """At every number of right guesses: refuted at levels above the largest chance that any law allows, only there."""
    claim, tangents = CLAIMS[name]
    n_checked = 0
    for v in range(1, r + 1):
        chance = _most_likely(m, r, v, *tangents)
        for level, is_refuted in ((chance * 1.002, True), (chance * 0.998, False)):
            if level < 0.999:
                assert curve_one_run_test(m, r, v, confidence=1 - level, **claim).is_refuted == is_refuted
                n_checked += 1
    assert n_checked >= 2


def test_full_batches_are_the_gaussian_claim():
    for relation, mu in ((Neighbouring.ADD_REMOVE, 0.5), (Neighbouring.REPLACE_ONE, 1.0)):
        params = DpSgdParams(noise_multiplier=10.0, sample_rate=1.0, steps=25)
        by_params = curve_one_run_test(1000, 200, 0, params=params, confidence=0.95, neighbouring=relation)
        assert by_params.least_refuting == curve_one_run_test(1000, 200, 0, mu=mu, confidence=0.95).least_refuting


def test_nearly_full_batches_are_nearly_the_gaussian_claim():
    params = DpSgdParams(noise_multiplier=10.0, sample_rate=1 - 1e-9, steps=25)
    for r in (200, 1000):
        least = curve_one_run_test(1000, r, 0, params=params, confidence=0.95).least_refuting
        exact = curve_one_run_test(1000, r, 0, mu=0.5, confidence=0.95).least_refuting
        assert exact <= least <= exact + 1


def test_claims_that_allow_everything_are_never_refuted():
    silent = DpSgdParams(noise_multiplier=0.0, sample_rate=1.0, steps=1)
    for claim in ({"mu": math.inf}, {"params": silent}, {"mu": 100.0}):
        test = curve_one_run_test(1000, 1000, 1000, confidence=0.95, **claim)
        assert (test.is_refuted, test.least_refuting) == (False, 1001)


def test_test_says_what_it_is():
    test = curve_one_run_test(1000, 200, 150, params=RUN, confidence=0.9)
    assert (test.n_canaries, test.n_guesses, test.n_correct, test.confidence) == (1000, 200, 150, 0.9)
    assert (test.neighbouring, test.is_refuted) == (Neighbouring.ADD_REMOVE, test.least_refuting <= 150)
    assert dict(test.diagnostics) == {"n_abstained": 800} and len(test.assumptions) == 3


def test_what_is_no_claim_or_no_count_is_refused():
    for options in ({}, {"mu": 1.0, "params": RUN}, {"mu": -1.0}, {"mu": math.nan}):
        with pytest.raises(ConfigError, match="mu"):
            curve_one_run_test(10, 5, 5, confidence=0.95, **options)
    for counts in ((10, 5, 6), (10, 11, 5), (10, 0, 0), (10.5, 5, 5)):
        with pytest.raises(ConfigError, match="n_guesses"):
            curve_one_run_test(*counts, mu=1.0, confidence=0.95)
    with pytest.raises(ConfigError, match="confidence"):
        curve_one_run_test(10, 5, 5, mu=1.0, confidence=0.0)
    with pytest.raises(UnsupportedError, match="add_remove"):
        curve_one_run_test(10, 5, 5, params=RUN, confidence=0.95, neighbouring=Neighbouring.ZERO_OUT)
    shuffled = DpSgdParams(noise_multiplier=1.0, sample_rate=0.1, steps=10, sampling="shuffle")
    with pytest.raises(ClaimError, match="Poisson"):
        curve_one_run_test(10, 5, 5, params=shuffled, confidence=0.95)


def _right_guesses(rng, m, share, noise):
    """Right guesses about the canaries of one run, by the likelihood ratio of the claimed `RUN`."""
    is_in = rng.random(m) < 0.5
    seen = rng.normal(0.0, noise, (RUN.steps, m))
    seen += is_in & (rng.random((RUN.steps, m)) < RUN.sample_rate)
    ratio = np.log1p(RUN.sample_rate * np.expm1((seen - 0.5) / RUN.noise_multiplier**2)).sum(axis=0)
    guess = two_sided_guesses(ratio, share)
    return int((guess == np.where(is_in, 1, -1)).sum()), int(np.count_nonzero(guess))


@pytest.mark.statistical
@pytest.mark.parametrize("share", [0.1, 1.0])
def test_level_under_the_exact_sampled_mechanism(share):
    rng, m = np.random.default_rng(31), 200
    least = curve_one_run_test(m, round(share * m), 0, params=RUN, confidence=1 - ALPHA).least_refuting
    assert least <= round(share * m)  # it can refute
    assert sum(_right_guesses(rng, m, share, RUN.noise_multiplier)[0] >= least for _ in range(AUDITS)) <= LIMIT


@pytest.mark.statistical
@pytest.mark.parametrize("shared", [0.05, 0.5])
def test_level_under_randomised_response_on_one_common_coin(shared):
    """Right guesses that come all at once: all coins are told with some chance, which (0, shared)-DP allows."""
    rng, m = np.random.default_rng(37), 100
    claim = DpSgdParams(noise_multiplier=0.0, sample_rate=shared, steps=1)
    least = curve_one_run_test(m, m, 0, params=claim, confidence=1 - ALPHA).least_refuting
    told = rng.random(AUDITS) < shared
    n_correct = np.where(told, m, rng.binomial(m, 0.5, AUDITS))
    assert (n_correct >= least).sum() <= LIMIT


@pytest.mark.statistical
def test_a_quarter_of_the_noise_is_refuted():
    rng, m, share = np.random.default_rng(41), 1000, 0.2
    outcomes = [_right_guesses(rng, m, share, RUN.noise_multiplier / 4) for _ in range(50)]
    refuted = [curve_one_run_test(m, r, v, params=RUN, confidence=1 - ALPHA).is_refuted for v, r in outcomes]
    assert all(refuted)
