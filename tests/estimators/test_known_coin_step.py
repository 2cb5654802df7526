"""The audit of single steps with known coins: the plain Gaussian step, composition at the stated rate, coverage, power."""

import math
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom, norm

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators.gaussian_tradeoff import gaussian_epsilon
from privaudit.estimators.known_coin_step_bound import ASSUMPTIONS, known_coin_step
from privaudit.estimators.privacy_loss import composed_privacy_loss
from privaudit.estimators.rates import upper_rate
from privaudit.estimators.subsampled_step_bound import subsampled_gaussian_step
from privaudit.types import ConfusionCounts, DpSgdParams, EstimateKind, Neighbouring, Validity

COUNTS = ConfusionCounts(tp=690, fn=310, fp=620, tn=1380)
AUDITS, PER_WORLD = 2000, (200, 800)  # outcomes with and without the canary: most steps do not hold it


def _known(counts, *, sample_rate=1.0, steps=9, **options):
    options = {"delta": 1e-5, "confidence": 0.95, **options}
    return known_coin_step(counts, sample_rate=sample_rate, steps=steps, **options)


def _theory(noise, sample_rate, steps, delta=1e-5):
    """Epsilon of a run by composition from above, which the bound must stay below."""
    params = DpSgdParams(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)
    return composed_privacy_loss(params, Neighbouring.ADD_REMOVE).get_epsilon_for_delta(delta)


@pytest.mark.parametrize("sample_rate", [0.05, 1.0])
def test_noise_is_that_of_a_plain_gaussian_step_at_every_rate(sample_rate):
    """Whether the batch held the canary is known, so no outcome is mixed with those of batches without it."""
    fnr, fpr = upper_rate(310, 1000, 0.025), upper_rate(620, 2000, 0.025)
    estimate = _known(COUNTS, sample_rate=sample_rate, steps=1)
    assert estimate.diagnostics["inverse_noise"] == pytest.approx(norm.isf(fnr) + norm.isf(fpr), rel=1e-9)
    assert estimate.diagnostics["inverse_noise"] <= norm.isf(fnr) + norm.isf(fpr)


@pytest.mark.parametrize("steps", [1, 400])
def test_at_full_batch_it_is_gaussian_and_hidden_coins_say_the_same(steps):
    known, hidden = (audit(COUNTS, sample_rate=1.0, steps=steps) for audit in (_known, _hidden))
    exact = gaussian_epsilon(math.sqrt(steps) * known.diagnostics["inverse_noise"], 1e-5)
    assert exact - 1e-7 < known.lower < exact
    assert (known.lower, known.ceiling) == (hidden.lower, hidden.ceiling)
    assert known.lower < known.ceiling < math.inf


def _hidden(counts, *, sample_rate, steps):
    return subsampled_gaussian_step(counts, sample_rate=sample_rate, steps=steps, delta=1e-5, confidence=0.95)


def test_the_stated_rate_enters_the_composition():
    estimate, full = (_known(COUNTS, sample_rate=rate, steps=20) for rate in (0.1, 1.0))
    assert estimate.diagnostics["inverse_noise"] == full.diagnostics["inverse_noise"]
    above = _theory(1 / estimate.diagnostics["inverse_noise"], 0.1, 20)
    assert estimate.lower < above < full.lower / 2
    assert estimate.lower == pytest.approx(above, rel=5e-3)


def test_estimate_says_what_it_is():
    estimate = _known(COUNTS, neighbouring=Neighbouring.ADD_REMOVE)
    assert (estimate.method, estimate.kind, estimate.validity, estimate.neighbouring, estimate.upper) == (
        "known_coin_step",
        EstimateKind.LOWER_BOUND,
        Validity.IN_FAMILY,
        Neighbouring.ADD_REMOVE,
        None,
    )
    assert (estimate.n_in, estimate.n_out, estimate.delta, estimate.confidence) == (1000, 2000, 1e-5, 0.95)
    assert estimate.assumptions == ASSUMPTIONS
    assert any("assumed, not audited" in assumption for assumption in estimate.assumptions)
    assert dict(estimate.diagnostics) | {"inverse_noise": None} == {
        "tp": 690,
        "fn": 310,
        "fp": 620,
        "tn": 1380,
        "inverse_noise": None,
        "sample_rate": 1.0,
        "steps": 9,
    }
    assert _known(COUNTS).lower == estimate.lower


def test_chance_shows_nothing_and_too_few_outcomes_could_not():
    assert _known(ConfusionCounts(tp=50, fn=50, fp=50, tn=50)).lower == 0.0
    assert _known(ConfusionCounts(tp=0, fn=100, fp=100, tn=0)).lower == 0.0
    assert _known(ConfusionCounts(tp=1, fn=0, fp=0, tn=1)).ceiling == 0.0
    flawless = _known(ConfusionCounts(tp=100, fn=0, fp=0, tn=100))
    assert 0.0 < flawless.lower == flawless.ceiling < math.inf


def test_arguments_out_of_range_are_refused():
    for options in (
        {"sample_rate": 0.0},
        {"sample_rate": 1.5},
        {"sample_rate": math.nan},
        {"steps": 0},
        {"steps": 1.5},
        {"steps": math.inf},
        {"delta": 0.0},
        {"delta": 1.0},
        {"confidence": 1.0},
        {"confidence": 95},
    ):
        with pytest.raises(ConfigError, match=next(iter(options))):
            _known(COUNTS, **options)


@pytest.mark.parametrize("relation", [Neighbouring.REPLACE_ONE, Neighbouring.ZERO_OUT])
def test_other_relations_are_refused(relation):
    with pytest.raises(UnsupportedError, match=r"known_coin_step audits .* \(add_remove\)"):
        _known(COUNTS, neighbouring=relation)


@pytest.mark.statistical
@pytest.mark.parametrize(("noise", "threshold"), [(1.0, 0.5), (0.4, 0.9), (5.0, 0.0), (1e3, 0.0)])
def test_epsilon_is_overstated_no_more_often_than_said(noise, threshold):
    """A bound with 5 % misses fails with probability 1e-6 per setting; noise 1000 stands for random scores.

    At full batch epsilon is exact, and it rises with the inverse noise at every rate, so that the count is of all rates.
    """
    rng = np.random.default_rng(47)
    fn = rng.binomial(PER_WORLD[0], norm.cdf((threshold - 1) / noise), AUDITS)
    fp = rng.binomial(PER_WORLD[1], norm.sf(threshold / noise), AUDITS)
    truth = gaussian_epsilon(math.sqrt(20) / noise, 1e-5)

    @cache
    def lower(missed, false):
        counts = ConfusionCounts(tp=PER_WORLD[0] - missed, fn=missed, fp=false, tn=PER_WORLD[1] - false)
        return _known(counts, steps=20).lower

    violations = sum(lower(*pair) > truth for pair in zip(fn.tolist(), fp.tolist(), strict=True))
    assert violations <= binom.ppf(1 - 1e-6, AUDITS, 0.05)


@pytest.mark.statistical
def test_one_subsampled_run_comes_near_its_epsilon():
    """1,000 canaries, half of them in, sampled at .1 in 200 steps, of which half certify: 5,000 steps with and 95,000 without."""
    noise, sample_rate, steps = 0.9986, 0.1, 200
    theory = _theory(noise, sample_rate, steps)
    assert theory == pytest.approx(10.0, abs=0.01)
    rng = np.random.default_rng(0)
    n_in, n_out = 5_000, 95_000
    fn, fp = rng.binomial(n_in, norm.cdf(-0.5 / noise)), rng.binomial(n_out, norm.sf(0.5 / noise))
    counts = ConfusionCounts(tp=n_in - fn, fn=fn, fp=fp, tn=n_out - fp)
    assert 0.85 * theory <= _known(counts, sample_rate=sample_rate, steps=steps).lower <= theory
