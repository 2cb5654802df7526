"""The claimed curve tested from scores: the split keeps the level, finds leaks of several shapes, and refuses nonsense."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from privaudit.errors import ConfigError, DegenerateScoresError
from privaudit.estimators.claimed_curve import curve_test
from privaudit.estimators.curve_scores import audit_curve
from privaudit.estimators.thresholds import Bonferroni, Explicit, Split, TwoSidedGuesses
from privaudit.types import ConfusionCounts, DpSgdParams, Neighbouring

AUDITS, ALPHA = 2000, 0.05
LIMIT = binom.ppf(1 - 1e-6, AUDITS, ALPHA)
RUN = DpSgdParams(noise_multiplier=0.8, sample_rate=0.1, steps=20)


def _gaussian(rng, n, mu):
    return rng.normal(mu, 1.0, n), rng.normal(size=n)


def _sampled(rng, n, claim, noise):
    """Log-likelihood ratios of a claimed mechanism in runs whose noise may be another."""
    steps = rng.normal(0.0, noise, (2, claim.steps, n))
    steps[0] += rng.random((claim.steps, n)) < claim.sample_rate
    ratio = np.log1p(claim.sample_rate * np.expm1((steps - 0.5) / claim.noise_multiplier**2)).sum(axis=1)
    return ratio[0], ratio[1]


def _n_refuted(draw, *, audits, seed, **options):
    rng = np.random.default_rng(seed)
    return sum(audit_curve(*draw(rng), confidence=1 - ALPHA, **options).is_refuted for _ in range(audits))


@pytest.mark.statistical
@pytest.mark.parametrize("rule", [None, Explicit(0.5)], ids=repr)
@pytest.mark.parametrize("mu", [0.0, 1.0, 3.0])
def test_level_under_the_exact_gaussian_mechanism(mu, rule):
    assert _n_refuted(lambda rng: _gaussian(rng, 200, mu), audits=AUDITS, seed=3, mu=mu, threshold=rule) <= LIMIT


@pytest.mark.statistical
def test_level_under_the_exact_sampled_mechanism():
    claim = DpSgdParams(noise_multiplier=5.0, sample_rate=0.5, steps=2)
    draw = lambda rng: _sampled(rng, 100, claim, claim.noise_multiplier)
    assert _n_refuted(draw, audits=AUDITS, seed=5, params=claim) <= LIMIT


@pytest.mark.statistical
def test_level_with_scores_of_few_values():
    draw = lambda rng: (rng.integers(0, 2, 100) * 1.0, rng.integers(0, 2, 100) * 1.0)
    assert _n_refuted(draw, audits=AUDITS, seed=7, mu=0.0) <= LIMIT


@pytest.mark.statistical
def test_a_claim_that_is_too_small_would_fail_these_tests():
    """The harness can fail."""
    assert _n_refuted(lambda rng: _gaussian(rng, 200, 1.0), audits=AUDITS, seed=3, mu=0.6) > LIMIT


@pytest.mark.statistical
@pytest.mark.parametrize(("mu", "n"), [(0.268, 2000), (0.925, 500), (2.0, 500)])
def test_half_the_noise_at_full_batch(mu, n):
    """Claims of about epsilon 1, 4 and 10 at delta 1e-5; each audit fails with probability below 0.1: 40 of 50 do not."""
    assert _n_refuted(lambda rng: _gaussian(rng, n, 2 * mu), audits=50, seed=11, mu=mu) >= 40


@pytest.mark.statistical
def test_half_the_noise_with_sampled_batches():
    draw = lambda rng: _sampled(rng, 500, RUN, RUN.noise_multiplier / 2)
    assert _n_refuted(draw, audits=50, seed=13, params=RUN) >= 45


@pytest.mark.statistical
def test_a_leak_in_few_runs_is_found_at_a_threshold_of_its_own():
    """A third of the runs give the canary away; with equal error rates nothing of it shows."""

    def rare(rng):
        return rng.normal(size=500) + 10.0 * (rng.random(500) < 0.3), rng.normal(size=500)

    balanced = _n_refuted(rare, audits=50, seed=17, mu=0.925, threshold=Explicit(0.5))
    assert balanced == 0
    assert _n_refuted(rare, audits=50, seed=17, mu=0.925) >= 40


def test_explicit_threshold_is_the_test_of_its_counts():
    worlds = _gaussian(np.random.default_rng(19), 300, 1.0)
    test = audit_curve(*worlds, params=RUN, confidence=0.9, threshold=Explicit(0.5))
    tp, fp = (int((scores >= 0.5).sum()) for scores in worlds)
    counted = curve_test(ConfusionCounts(tp=tp, fn=300 - tp, fp=fp, tn=300 - fp), params=RUN, confidence=0.9)
    assert (test.is_refuted, test.tpr_lower, test.fpr_upper, test.tpr_allowed, test.tnr_allowed) == (
        counted.is_refuted,
        counted.tpr_lower,
        counted.fpr_upper,
        counted.tpr_allowed,
        counted.tnr_allowed,
    )
    assert test.diagnostics["threshold"] == 0.5 and "fixed before" in test.assumptions[-1]


def test_split_certifies_on_the_rest():
    worlds = _gaussian(np.random.default_rng(23), 500, 1.0)
    test = audit_curve(*worlds, mu=1.0, confidence=0.95)
    assert (test.n_in, test.n_out, test.diagnostics["n_chosen_on"]) == (400, 400, 200)
    assert test == audit_curve(*worlds, mu=1.0, confidence=0.95, threshold=Split(share=0.2))
    assert "take no part" in test.assumptions[-1]


def test_only_the_order_of_scores_counts_and_infinities_are_scores():
    inside, outside = _gaussian(np.random.default_rng(29), 200, 1.5)
    options = {"mu": 0.5, "confidence": 0.95}
    plain, stretched = audit_curve(inside, outside, **options), audit_curve(inside**3, outside**3, **options)
    assert (plain.is_refuted, plain.tpr_lower, plain.fpr_upper) == (True, stretched.tpr_lower, stretched.fpr_upper)
    inside[:5], outside[:5] = math.inf, -math.inf
    assert audit_curve(inside, outside, **options).is_refuted


def test_nothing_to_test_is_refused():
    scores = np.arange(10.0)
    for rule in (Bonferroni(), TwoSidedGuesses()):
        with pytest.raises(ConfigError, match="Split or Explicit"):
            audit_curve(scores, scores, mu=1.0, confidence=0.95, threshold=rule)
    with pytest.raises(ConfigError, match="exactly one"):
        audit_curve(scores, scores, confidence=0.95)
    with pytest.raises(ConfigError, match="at least 2"):
        audit_curve(scores[:1], scores, mu=1.0, confidence=0.95)
    for bad in (np.array([0.0, math.nan]), np.zeros(0)):
        with pytest.raises(DegenerateScoresError):
            audit_curve(scores, bad, mu=1.0, confidence=0.95)
    with pytest.raises(ConfigError, match="neighbouring"):
        audit_curve(scores, scores, mu=1.0, confidence=0.95, neighbouring="neighbour")
    allowed = audit_curve(scores, scores, mu=1.0, confidence=0.95, neighbouring=Neighbouring.ZERO_OUT)
    assert allowed.neighbouring == Neighbouring.ZERO_OUT
