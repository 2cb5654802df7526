"""The audit of single subsampled steps: reference values, the one curve, what composition may add, coverage, refusals."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binom, norm

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators.gaussian_tradeoff import gaussian_epsilon
from privaudit.estimators.privacy_loss import composed_privacy_loss
from privaudit.estimators.rates import upper_rate
from privaudit.estimators.subsampled_step_bound import REFUTED, inverse_noise, subsampled_gaussian_step
from privaudit.types import ConfusionCounts, DpSgdParams, Neighbouring, Validity

CASES = json.loads((Path(__file__).parents[1] / "reference" / "epsilon.json").read_text())
PROFILE = settings(max_examples=100, deadline=None, derandomize=True)
AUDITS, PER_WORLD = 2000, 500
SHARE = st.floats(0.001, 1.0)


def _rates(threshold, noise, sample_rate):
    """False positive and false negative rate of a step, at a threshold of its score."""
    fpr = norm.sf(threshold / noise)
    return fpr, (1 - sample_rate) * norm.cdf(threshold / noise) + sample_rate * norm.cdf((threshold - 1) / noise)


@pytest.mark.parametrize("case", CASES["subsampled_step_sigma"])
def test_noise_matches_reference(case):
    i = case["inputs"]
    inverse = inverse_noise(i["fpr"], i["fnr"], i["q"])
    if case["expected"] == "infeasible":
        assert inverse == math.inf
    else:
        assert 1 / inverse == pytest.approx(case["expected"], abs=case["tolerance"])


@pytest.mark.parametrize("sample_rate", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("noise", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("deviations", [-1.0, 0.0, 1.0, 2.5])
def test_one_curve_serves_both_orientations(sample_rate, noise, deviations):
    """With the canary's world as null, FNR is the level and FPR the error; the noise that fits is the same."""
    fpr, fnr = _rates(deviations * noise, noise, sample_rate)
    assert 1 / inverse_noise(fpr, fnr, sample_rate) == pytest.approx(noise, rel=1e-10)

    def error_at_level_fnr(trial):
        cut = brentq(lambda t: _rates(t, trial, sample_rate)[1] - fnr, -10.0 * trial, 10.0 * trial + 1, xtol=1e-13)
        return _rates(cut, trial, sample_rate)[0]

    swapped = brentq(lambda trial: error_at_level_fnr(trial) - fpr, noise / 1.2, noise * 1.2, xtol=1e-10)
    assert swapped == pytest.approx(noise, rel=1e-8)


@PROFILE
@given(SHARE, st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 0.2), st.floats(0.0, 0.2))
def test_more_errors_mean_more_noise(sample_rate, fpr, fnr, more_fpr, more_fnr):
    worse = inverse_noise(min(1.0, fpr + more_fpr), min(1.0, fnr + more_fnr), sample_rate)
    better = inverse_noise(fpr, fnr, sample_rate)
    assert 0.0 <= worse <= better or worse == pytest.approx(better, rel=1e-6)
    if fpr + fnr >= 1.0:
        assert better == 0.0


def test_inverse_noise_at_the_ends():
    assert inverse_noise(0.0, 0.5, 1.0) == inverse_noise(0.1, 0.0, 1.0) == inverse_noise(0.0, 0.0, 0.1) == math.inf
    assert inverse_noise(0.5, 0.5, 0.1) == inverse_noise(0.0, 1.0, 0.1) == inverse_noise(1.0, 1.0, 0.1) == 0.0
    assert inverse_noise(1e-300, 0.99, 0.5) == pytest.approx(norm.isf(0.98) - norm.ppf(1e-300), rel=1e-10)
    for arguments in ((-0.1, 0.5, 0.5), (0.1, math.nan, 0.5), (0.1, 0.5, 0.0), (0.1, 0.5, 1.1), (0.1, 0.5, math.nan)):
        with pytest.raises(ConfigError):
            inverse_noise(*arguments)


def _step(counts, *, sample_rate=0.25, steps=100, **options):
    options = {"delta": 1e-5, "confidence": 0.95, **options}
    return subsampled_gaussian_step(counts, sample_rate=sample_rate, steps=steps, **options)


COUNTS = ConfusionCounts(tp=170, fn=830, fp=30, tn=970)


@pytest.mark.parametrize("steps", [1, 100, 5000])
@pytest.mark.parametrize("sample_rate", [0.2, 0.5, 1.0])
def test_epsilon_is_just_below_the_composition(sample_rate, steps):
    estimate = _step(COUNTS, sample_rate=sample_rate, steps=steps)
    noise = estimate.diagnostics["noise_multiplier"]
    params = DpSgdParams(noise_multiplier=noise, sample_rate=sample_rate, steps=steps)
    above = composed_privacy_loss(params, Neighbouring.ADD_REMOVE).get_epsilon_for_delta(1e-5)
    assert 0.0 < estimate.lower < above
    assert estimate.lower == pytest.approx(above, rel=5e-3)


@pytest.mark.parametrize("delta", [1e-12, 1e-5, 0.1])
def test_one_step_lies_below_its_exact_epsilon(delta):
    estimate = _step(COUNTS, sample_rate=0.5, steps=1, delta=delta)
    inverse = estimate.diagnostics["inverse_noise"]

    def excess(epsilon):
        """Delta of one step with the canary against without: only outputs beyond one cut count."""
        cut = (math.log1p(math.expm1(epsilon) / 0.5)) / inverse + inverse / 2
        return 0.5 * norm.sf(cut - inverse) - (math.exp(epsilon) - 0.5) * norm.sf(cut) - delta

    exact = brentq(excess, 0.0, 30.0, xtol=1e-12) if excess(0.0) > 0.0 else 0.0
    assert estimate.lower <= exact
    assert estimate.lower == pytest.approx(exact, rel=1e-3, abs=1e-4)


def test_without_sampling_it_is_gaussian():
    estimate = _step(COUNTS, sample_rate=1.0, steps=9)
    exact = gaussian_epsilon(3.0 * estimate.diagnostics["inverse_noise"], 1e-5)
    assert exact - 1e-8 < estimate.lower < exact
    assert estimate.lower < estimate.ceiling < math.inf


def test_estimate_says_what_it_is():
    estimate = _step(COUNTS)
    assert (estimate.method, estimate.validity, estimate.upper, estimate.neighbouring) == (
        "subsampled_gaussian_step",
        Validity.IN_FAMILY,
        None,
        Neighbouring.ADD_REMOVE,
    )
    assert (estimate.n_in, estimate.n_out, estimate.ceiling) == (1000, 1000, math.inf)
    inverse = inverse_noise(upper_rate(30, 1000, 0.025), upper_rate(830, 1000, 0.025), 0.25)
    assert dict(estimate.diagnostics) == {
        "tp": 170,
        "fn": 830,
        "fp": 30,
        "tn": 970,
        "inverse_noise": pytest.approx(inverse, rel=1e-9),
        "noise_multiplier": pytest.approx(1 / inverse, rel=1e-9),
        "sample_rate": 0.25,
        "steps": 100,
    }
    assert estimate.diagnostics["inverse_noise"] <= inverse and REFUTED not in estimate.assumptions
    assert _step(COUNTS, neighbouring=Neighbouring.ADD_REMOVE).lower == estimate.lower


def test_outcomes_that_no_noise_allows_refute_the_sampling():
    """Told apart in 90 % of the steps although only a quarter is said to hold the canary."""
    estimate = _step(ConfusionCounts(tp=900, fn=100, fp=10, tn=990))
    assert estimate.lower == estimate.diagnostics["inverse_noise"] == math.inf
    assert estimate.diagnostics["noise_multiplier"] == 0.0 and REFUTED in estimate.assumptions


def test_chance_shows_nothing():
    for counts in (ConfusionCounts(tp=5, fn=5, fp=5, tn=5), ConfusionCounts(tp=0, fn=1, fp=1, tn=0)):
        estimate = _step(counts)
        assert estimate.lower == 0.0 and estimate.diagnostics["noise_multiplier"] == math.inf
    assert _step(ConfusionCounts(tp=1, fn=0, fp=0, tn=1)).ceiling == 0.0


def test_options_out_of_range_are_refused():
    for options in (
        {"sample_rate": 0.0},
        {"sample_rate": 1.5},
        {"steps": 0},
        {"steps": 1.5},
        {"steps": math.nan},
        {"steps": math.inf},
        {"delta": 0.0},
        {"confidence": 1.0},
    ):
        with pytest.raises(ConfigError, match=next(iter(options))):
            _step(COUNTS, **options)
    for relation in (Neighbouring.REPLACE_ONE, Neighbouring.ZERO_OUT):
        with pytest.raises(UnsupportedError, match="add_remove"):
            _step(COUNTS, neighbouring=relation)


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("noise", "sample_rate", "threshold"), [(1.0, 0.25, 1.0), (1.0, 0.25, 2.0), (0.5, 0.5, 0.5), (1e3, 0.5, 0.0)]
)
def test_noise_is_overstated_no_more_often_than_said(noise, sample_rate, threshold):
    """A bound with 5 % misses fails with probability 1e-6 per setting; noise 1000 stands for random scores."""
    rng = np.random.default_rng(43)
    fpr, fnr = _rates(threshold, noise, sample_rate)
    fn, fp = rng.binomial(PER_WORLD, fnr, AUDITS), rng.binomial(PER_WORLD, fpr, AUDITS)
    upper = [upper_rate(k, PER_WORLD, 0.025) for k in range(PER_WORLD + 1)]
    inverse = [inverse_noise(upper[y], upper[x], sample_rate) for x, y in zip(fn, fp, strict=True)]
    assert (np.array(inverse) > 1 / noise).sum() <= binom.ppf(1 - 1e-6, AUDITS, 0.05)
