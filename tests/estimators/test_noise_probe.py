"""The noise probe: measured figures, its level, what each check sees and misses, refusals."""

import math

import numpy as np
import pytest
from scipy.stats import binom, chi2

from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.estimators.calibrate import noise_for_epsilon
from privaudit.estimators.noise_probe_bound import NO_NOISE, noise_probe
from privaudit.estimators.privacy_loss import pld_claim
from privaudit.types import DpSgdParams, Neighbouring, Validity

AUDITS, ALPHA = 2000, 0.05
LIMIT = binom.ppf(1 - 1e-6, AUDITS, ALPHA)  # a correct probe exceeds it with probability 1e-6 per setting


def _probe(noise, **options):
    defaults = {
        "noise_multiplier": 1.0,
        "max_grad_norm": 1.0,
        "confidence": 1 - ALPHA,
        "sample_rate": 0.1,
        "delta": 1e-5,
    }
    return noise_probe(noise, **{**defaults, **options})


@pytest.mark.parametrize(
    ("epsilon", "sample_rate", "steps"), [(10.0, 0.01, 1000), (1.0, 0.1, 200), (4.0, 0.5, 100), (2.0, 1.0, 50)]
)
def test_one_run_comes_close_to_theory(epsilon, sample_rate, steps):
    """By 1,000 coordinates at least .98 of epsilon; more than all of it in at most 1.7 % of runs, and not in this one."""
    sigma = noise_for_epsilon(epsilon, delta=1e-5, sample_rate=sample_rate, steps=steps)
    noise = 3.0 * sigma * np.random.default_rng(2).normal(size=(steps, 1000))
    probe = _probe(noise, noise_multiplier=sigma, max_grad_norm=3.0, sample_rate=sample_rate)
    params = DpSgdParams(noise_multiplier=sigma, sample_rate=sample_rate, steps=steps)
    theory = pld_claim(params, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE).epsilon
    assert 0.98 * theory < probe.estimate.lower < theory
    assert not probe.is_refuted


def test_bound_is_that_of_the_upper_limit():
    noise = np.random.default_rng(2).normal(0.0, 2.6, (20, 50))
    probe = _probe(noise, noise_multiplier=1.3, max_grad_norm=2.0, sample_rate=0.2)
    pooled = probe.check("pooled")
    expected = math.sqrt((noise**2).sum() / chi2.ppf(ALPHA / 3, 1000)) / 2.0
    assert pooled.noise_multiplier_upper == pytest.approx(expected, rel=1e-8)
    assert pooled.p_value == pytest.approx(chi2.cdf((noise**2).sum() / 2.6**2, 1000), rel=1e-9)
    limit = DpSgdParams(noise_multiplier=pooled.noise_multiplier_upper, sample_rate=0.2, steps=20)
    claim = pld_claim(limit, delta=1e-5, neighbouring=Neighbouring.ADD_REMOVE).epsilon
    assert claim * (1 - 1e-3) < probe.estimate.lower <= claim


def test_worst_step_and_differences_are_chi_square():
    noise = np.random.default_rng(3).normal(0.0, 1.0, (7, 30))
    worst, between = _probe(noise).check("worst_step"), _probe(noise).check("step_differences")
    least = (noise**2).sum(axis=1).min()
    assert worst.p_value == pytest.approx(min(1.0, 7 * chi2.cdf(least, 30)), rel=1e-9)
    assert worst.noise_multiplier_upper == pytest.approx(math.sqrt(least / chi2.ppf(ALPHA / 21, 30)), rel=1e-8)
    squares = ((noise[1:6:2] - noise[0:6:2]) ** 2).sum() / 2
    assert between.p_value == pytest.approx(chi2.cdf(squares, 90), rel=1e-9)
    assert between.noise_multiplier_upper == pytest.approx(math.sqrt(squares / chi2.ppf(ALPHA / 3, 90)), rel=1e-8)
    for check in _probe(noise).checks:
        assert check.is_refuted == (check.p_value < check.alpha) and check.alpha == pytest.approx(ALPHA / 3)


def test_estimate_says_what_it_is():
    estimate = _probe(np.ones((4, 5))).estimate
    assert (estimate.method, estimate.validity, estimate.neighbouring) == (
        "noise_probe",
        Validity.IN_FAMILY,
        Neighbouring.ADD_REMOVE,
    )
    assert (estimate.confidence, estimate.delta, estimate.upper) == (1 - ALPHA, 1e-5, None)
    assert estimate.assumptions[0].startswith("conditional") and NO_NOISE not in estimate.assumptions
    assert estimate.diagnostics["steps"] == 4 and estimate.diagnostics["n_coordinates"] == 5


@pytest.mark.parametrize("less", [0.97, 0.5])
def test_three_percent_less_noise_is_seen(less):
    """Pooled over 100,000 values: a miss has a probability below 1e-30."""
    probe = _probe(less * np.random.default_rng(5).normal(size=(100, 1000)))
    assert probe.check("pooled").is_refuted and probe.is_refuted
    assert probe.check("pooled").noise_multiplier_upper < 1.0
    assert probe.estimate.lower > _probe(np.random.default_rng(5).normal(size=(100, 1000))).estimate.lower


def test_one_step_without_noise_is_seen_by_the_worst_step_alone():
    noise = np.random.default_rng(7).normal(size=(50, 200))
    noise[0] *= 0.5
    probe = _probe(noise)
    assert [check.is_refuted for check in probe.checks] == [False, True, False]
    noise[0] = 0.0
    assert _probe(noise).check("worst_step").noise_multiplier_upper == 0.0


def test_noise_of_one_seed_is_seen_by_the_differences_alone():
    noise = np.tile(np.random.default_rng(11).normal(size=(1, 1000)), (20, 1)) * 1.1
    probe = _probe(noise)
    assert [check.is_refuted for check in probe.checks] == [False, False, True]
    assert probe.is_refuted and probe.check("step_differences").noise_multiplier_upper == 0.0


def test_more_noise_than_claimed_is_no_defect():
    probe = _probe(2.0 * np.random.default_rng(13).normal(size=(20, 100)))
    assert not probe.is_refuted and max(check.p_value for check in probe.checks) <= 1.0
    huge = _probe(1e200 * np.random.default_rng(13).normal(size=(4, 5)))
    assert not huge.is_refuted and huge.estimate.lower == 0.0


def test_no_noise_at_all_is_refuted_without_a_number():
    probe = _probe(np.zeros((4, 5)))
    assert all(check.is_refuted and check.p_value == 0.0 for check in probe.checks)
    assert probe.estimate.lower == math.inf and NO_NOISE in probe.estimate.assumptions


def test_one_step_has_no_differences():
    check = _probe(np.zeros((1, 5))).check("step_differences")
    assert (check.p_value, check.is_refuted, check.noise_multiplier_upper) == (1.0, False, math.inf)


def test_what_cannot_be_probed_is_refused():
    for bad in (math.nan, math.inf, -math.inf):
        noise = np.ones((3, 4))
        noise[1, 2] = bad
        with pytest.raises(DataError, match="step 1, coordinate 2"):
            _probe(noise)
    for shape in ((3,), (0, 4), (3, 0), (2, 3, 4)):
        with pytest.raises(ShapeError, match="n_coordinates"):
            _probe(np.ones(shape))
    with pytest.raises(DataError, match="numbers"):
        _probe([["a"]])
    for options in (
        {"noise_multiplier": 0.0},
        {"noise_multiplier": math.inf},
        {"noise_multiplier": math.nan},
        {"max_grad_norm": 0.0},
        {"max_grad_norm": math.inf},
        {"confidence": 1.0},
        {"sample_rate": 0.0},
        {"sample_rate": 1.1},
        {"delta": 0.0},
    ):
        with pytest.raises(ConfigError, match=next(iter(options))):
            _probe(np.ones((3, 4)), **options)


@pytest.mark.statistical
@pytest.mark.parametrize("shape", [(2, 3), (15, 40)])
def test_level_of_all_checks_together(shape):
    rng = np.random.default_rng(17)
    probes = [_probe(rng.normal(size=shape), sample_rate=1.0) for _ in range(AUDITS)]
    refuted = {
        name: sum(p.check(name).is_refuted for p in probes) for name in ("pooled", "worst_step", "step_differences")
    }
    assert sum(p.is_refuted for p in probes) <= LIMIT
    # each uses its share: a third of 5 %, from below and above; fails with probability 1e-6 per check
    least, most = binom.ppf([1e-6, 1 - 1e-6], AUDITS, ALPHA / 3)
    assert least <= refuted["pooled"] <= most and least <= refuted["step_differences"] <= most
    assert refuted["worst_step"] <= most
    too_high = sum(p.estimate.diagnostics["noise_multiplier_upper"] < 1.0 for p in probes)
    assert least <= too_high <= most
