"""Null p-values per record: twins, exact level, what must not enter, and what one threshold for all records hides."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binom, nct, norm, t

from privaudit.data.design import paired_coins
from privaudit.errors import ConfigError, DataError, DegenerateScoresError, ShapeError
from privaudit.estimators.null_calibration import cross_fit_p_values, null_p_values, record_p_values
from privaudit.estimators.rates_by_record import false_positive_spread, mean_true_positive_rate, record_rates
from privaudit.estimators.thresholds_from_shadows import floor_threshold

PROFILE = settings(max_examples=60, deadline=None, derandomize=True)
FORMS = ("t", "gaussian", "rank")


def complements(n_models):
    return np.arange(n_models) ^ 1


def naive(observed, out, form):
    """The p-value of one score in exact arithmetic up to the distribution function."""
    n = len(out)
    if form != "rank" and n > 1 and len(set(out)) > 1:
        exact = [Fraction(float(score)) for score in out]
        mean = sum(exact) / n
        variance = sum((score - mean) ** 2 for score in exact) / (n - 1)
        z = float(Fraction(float(observed)) - mean) / math.sqrt(variance)
        return norm.sf(z) if form == "gaussian" else t.sf(z / math.sqrt(1 + 1 / n), n - 1)
    return (1 + sum(score >= observed for score in out)) / (n + 1)


@PROFILE
@given(st.integers(2, 7), st.sampled_from(FORMS), st.integers(0, 2**32 - 1))
def test_agrees_with_a_loop_in_exact_arithmetic(n_models, form, seed):
    rng = np.random.default_rng(seed)
    scores = np.where(rng.random((n_models, 6)) < 0.3, 1.5, 1e6 + rng.normal(size=(n_models, 6)).round(1))
    observed, is_in = 1e6 + rng.normal(size=6).round(1), rng.integers(0, 2, (n_models, 6))
    found = null_p_values(observed, scores, is_in, form=form)
    for record in range(6):
        out = scores[is_in[:, record] == 0, record]
        assert found.p[record] == pytest.approx(naive(observed[record], out, form), rel=1e-6, abs=1e-12)
        assert found.n_out[record] == len(out)


@PROFILE
@given(st.sampled_from(FORMS), st.integers(0, 2**32 - 1))
def test_neither_the_target_nor_its_pair_enters(form, seed):
    rng = np.random.default_rng(seed)
    scores, is_in = rng.normal(size=(8, 20)), paired_coins(8, 20, seed)
    before = cross_fit_p_values(scores, is_in, complements(8), form=form)
    changed = scores.copy()
    changed[3] += 100 * rng.normal(size=20)
    after = cross_fit_p_values(changed, is_in, complements(8), form=form)
    np.testing.assert_array_equal(before[2], after[2])  # row 3 is its complement
    row = record_p_values(changed, 1 - is_in, complements(8), 2, form=form)
    turned = is_in.copy()
    turned[[2, 3]] = turned[[3, 2]]  # the target's own coins, turned round
    np.testing.assert_array_equal(row.p, record_p_values(changed, 1 - turned, complements(8), 2, form=form).p)


@PROFILE
@given(st.sampled_from(FORMS), st.integers(0, 2**32 - 1))
def test_within_a_record_the_order_of_scores_is_kept(form, seed):
    rng = np.random.default_rng(seed)
    out, observed = rng.normal(size=(9, 1)), np.sort(rng.normal(size=30))
    p = [null_p_values([score], out, np.zeros((9, 1)), form=form).p[0] for score in observed]
    assert (np.diff(p) <= 0).all()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [0.1, 1e300, -3e-320, math.inf, -math.inf])
def test_constant_scores_are_no_evidence_and_show_no_coin(form, value):
    """A record whose scores are all the same gets 1, whatever the coins."""
    for seed in range(5):
        p = cross_fit_p_values(np.full((10, 8), value), paired_coins(10, 8, seed), complements(10), form=form)
        np.testing.assert_array_equal(p, 1.0)


def test_infinite_scores_and_records_without_out_scores_are_ranked():
    scores = np.array([[0.0, 1.0, 5.0], [-math.inf, 2.0, 6.0], [1.0, 3.0, 7.0]])
    is_in = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 1]])
    found = null_p_values([0.5, math.inf, 9.0], scores, is_in)
    assert found.p.tolist() == [0.5, 0.25, 1.0]
    assert found.by_rank.all() and found.n_out.tolist() == [3, 3, 0]
    assert null_p_values([5.0], [[1.0]], [[0]]).p.tolist() == [0.5]  # one OUT score has no spread
    far = null_p_values([1e250, -1e250], [[1e-250, 0.0], [0.0, 1e-250]], np.zeros((2, 2)))
    assert far.p.tolist() == [0.0, 1.0] and not far.by_rank.any()


def test_hostile_input_is_refused():
    scores, is_in = np.zeros((4, 3)), np.zeros((4, 3))
    with pytest.raises(DegenerateScoresError, match="model 1, record 2"):
        null_p_values(np.zeros(3), np.where(np.arange(12).reshape(4, 3) == 5, np.nan, 0.0), is_in)
    with pytest.raises(DegenerateScoresError, match="observed"):
        null_p_values([0.0, np.nan, 0.0], scores, is_in)
    with pytest.raises(ShapeError, match="one score per record"):
        null_p_values(np.zeros(2), scores, is_in)
    with pytest.raises(ShapeError, match="one shape"):
        null_p_values(np.zeros(3), scores, is_in[:3])
    with pytest.raises(DataError, match="1 \\(in the training set\\)"):
        null_p_values(np.zeros(3), scores, is_in + 0.5)
    with pytest.raises(ConfigError, match="form must be"):
        null_p_values(np.zeros(3), scores, is_in, form="cauchy")
    with pytest.raises(ConfigError, match="target must be a row"):
        record_p_values(scores, is_in, complements(4), 4)
    with pytest.raises(ConfigError, match="pair must hold rows"):
        record_p_values(scores, is_in, [1, 0, 7, 2], 0)
    with pytest.raises(ShapeError, match="pair must have shape"):
        record_p_values(scores, is_in, [1, 0], 0)


@pytest.mark.statistical
@pytest.mark.parametrize("n_out", [2, 5, 20])
def test_the_t_and_rank_forms_hold_their_level_with_few_models_and_the_gaussian_does_not(n_out):
    """200,000 Gaussian records, each a trial of its own. A correct form leaves its two-sided band at four levels with
    probability at most 4e-6 each; the rank form is exact at multiples of 1 / (n_out + 1).
    """
    rng, n = np.random.default_rng(n_out), 200_000
    scale, centre = rng.lognormal(0, 1, n), rng.normal(0, 3, n)
    out, observed = centre + scale * rng.normal(size=(n_out, n)), centre + scale * rng.normal(size=n)
    found = {form: null_p_values(observed, out, np.zeros((n_out, n)), form=form).p for form in FORMS}
    for alpha in (0.001, 0.01, 0.1, 0.5):
        low, high = binom.ppf([5e-7, 1 - 5e-7], n, alpha)
        assert low <= (found["t"] <= alpha).sum() <= high
    for k in range(1, n_out + 1):
        low, high = binom.ppf([5e-7 / n_out, 1 - 5e-7 / n_out], n, k / (n_out + 1))
        assert low <= (found["rank"] <= k / (n_out + 1)).sum() <= high
    assert (found["gaussian"] <= 0.01).mean() > 0.012


# Separations d ~ lognormal(-1, 1), log likelihood ratios N(-d^2/2, d^2) when OUT and N(d^2/2, d^2) when IN
GRID = np.linspace(-9.0, 9.0, 40_001)
WEIGHT = norm.pdf(GRID) / norm.pdf(GRID).sum()
SEPARATION = np.exp(GRID - 1.0)


def pooled_rate(threshold, sign):
    """Rate over all records at one threshold, by quadrature: sign 1 for OUT, -1 for IN."""
    return float(WEIGHT @ norm.sf((threshold + sign * SEPARATION**2 / 2) / SEPARATION))


@pytest.mark.parametrize(
    ("alpha", "threshold", "worst", "pooled", "calibrated"),
    [(0.01, 1.3018, 0.0533, 0.0978, 0.0749), (0.001, 2.5664, 0.0117, 0.0463, 0.0299)],
)
@pytest.mark.statistical
def test_one_threshold_for_unequal_records_finds_more_by_accusing_some_more(
    alpha, threshold, worst, pooled, calibrated
):
    """The reference values are by quadrature over d. FPR(d) = Phi(-(tau + d^2/2)/d) is largest where d = sqrt(2 tau), at
    Phi(-sqrt(2 tau)). The simulation has 100 models and 10,000 records on a stratified grid of d: 500,000 trials on
    each side. A p-value of 49 OUT scores has the power of a noncentral t, a little less than with the moments known.
    Bands are five standard deviations of the binomial counts; those of the pooled threshold are wider by its own error.
    """
    assert brentq(lambda x: pooled_rate(x, 1) - alpha, 0.1, 20) == pytest.approx(threshold, abs=1e-4)
    assert norm.sf(math.sqrt(2 * threshold)) == pytest.approx(worst, abs=1e-4)
    assert pooled_rate(threshold, -1) == pytest.approx(pooled, abs=1e-4)
    assert float(WEIGHT @ norm.sf(norm.isf(alpha) - SEPARATION)) == pytest.approx(calibrated, abs=1e-4)
    rng, n_models, n_records = np.random.default_rng(1), 100, 10_000
    d = np.exp(norm.ppf((np.arange(n_records) + 0.5) / n_records) - 1.0)
    is_in = paired_coins(n_models, n_records, 2)
    scores = (is_in - 0.5) * d**2 + d * rng.normal(size=is_in.shape)
    found = floor_threshold(scores.ravel(), is_in.ravel(), alpha)
    assert found == pytest.approx(threshold, rel=0.05)
    at_once = record_rates(scores >= found, is_in)
    assert mean_true_positive_rate(at_once) == pytest.approx(pooled, abs=0.0035)
    spread = false_positive_spread(at_once, confidence=0.999)
    assert spread.worst_lower <= worst <= spread.worst_upper and spread.pooled == pytest.approx(alpha, abs=2e-6)
    each = record_rates(cross_fit_p_values(scores, is_in, complements(n_models)) <= alpha, is_in)
    others = n_models // 2 - 1
    power = nct.sf(t.isf(alpha, others - 1), others - 1, SEPARATION[::20] / math.sqrt(1 + 1 / others))
    power = float(WEIGHT[::20] @ power / WEIGHT[::20].sum())
    assert 0.85 * calibrated < power < calibrated
    assert mean_true_positive_rate(each) == pytest.approx(power, abs=5 * math.sqrt(power / (n_records * n_models / 2)))
    even = false_positive_spread(each, confidence=0.999)
    assert even.pooled == pytest.approx(alpha, abs=5 * math.sqrt(alpha / (n_records * n_models / 2)))
    assert even.worst_lower <= alpha and even.worst < spread.worst


def test_half_the_records_of_that_model_are_hardly_ever_accused():
    """The other side of the same coin: 50 % of the records have a false positive rate below .01 % at a nominal 1 %."""
    rates = norm.sf((1.3018 + SEPARATION**2 / 2) / SEPARATION)
    assert float(WEIGHT[rates < 1e-4].sum()) == pytest.approx(0.502, abs=1e-3)
