import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.estimators import (
    fit_zipf,
    histogram_divergences,
    n_leaked,
    n_leaked_draw_metrics,
    n_leaked_draws,
    n_leaked_zipf,
)
from privaudit.estimators.n_leaked_histogram import clustering_bins
from privaudit.types import Metric

COUNTS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=1, max_size=15)
DRAWS = st.lists(st.integers(0, 12), min_size=1, max_size=60)


@settings(max_examples=100)
@given(pairs=COUNTS)
def test_divergences_are_their_definition(pairs):
    first, second = zip(*pairs, strict=True)
    kept = [(a + 1, b + 1) for a, b in pairs if a or b]
    totals = [sum(each) for each in zip(*kept, strict=True)] if kept else [1, 1]
    forward = math.fsum(a / totals[0] * math.log(a * totals[1] / (b * totals[0])) for a, b in kept)
    backward = math.fsum(b / totals[1] * math.log(b * totals[0] / (a * totals[1])) for a, b in kept)
    assert histogram_divergences(first, second) == pytest.approx((forward, backward), abs=1e-12)
    assert histogram_divergences(second, first) == pytest.approx((backward, forward), abs=1e-12)
    assert min(histogram_divergences(first, second)) >= 0.0


def test_only_the_union_support_is_smoothed():
    assert histogram_divergences([3, 0, 0, 1], [1, 0, 0, 1]) == histogram_divergences([3, 1], [1, 1])
    assert histogram_divergences([0, 0], [0, 0]) == (0.0, 0.0)
    assert max(histogram_divergences([10, 0], [0, 10])) < math.inf


@settings(max_examples=60)
@given(draws_0=DRAWS, draws_1=DRAWS, accuracy=st.floats(0.51, 0.99))
def test_the_number_inverts_the_bound_on_the_best_guesser(draws_0, draws_1, accuracy):
    n = n_leaked_draws(accuracy, draws_0, draws_1)
    values = sorted({*draws_0, *draws_1})
    divergence = min(histogram_divergences(*([list(d).count(v) for v in values] for d in (draws_0, draws_1))))
    if divergence == 0.0:
        assert n == 0.0
    else:
        assert 0.5 + 0.5 * math.sqrt(-math.expm1(-n * divergence)) == pytest.approx(accuracy, abs=1e-9)


def test_many_binary_draws_agree_with_the_ratio():
    """Degrees 1 and 2 at shares .5 and .3 are a ratio; 1 in 10**6 counts moves the divergence by less than 1e-4 of itself."""
    draws = [np.repeat([1, 2], [10**6 * k // 10, 10**6 * (10 - k) // 10]) for k in (5, 3)]
    assert n_leaked_draws(0.9, *draws) == pytest.approx(n_leaked(0.9, 0.5, 0.3, "kl"), rel=1e-4)


def test_edges():
    apart = ([1] * 50, [9] * 50)
    for accuracy in (0.0, 0.3, 0.5, 0.9, 1.0):
        assert n_leaked_draws(accuracy, [1, 2, 3], [3, 1, 2]) == 0.0
    assert n_leaked_draws(0.5, *apart) == n_leaked_draws(0.2, *apart) == 0.0
    assert n_leaked_draws(1.0, *apart) == math.inf
    assert 0.0 < n_leaked_draws(0.9, *apart) < 1.0
    found = [n_leaked_draws(accuracy, *apart) for accuracy in np.linspace(0.4, 1.0, 61)]
    assert found == sorted(found)


def test_few_draws_can_err_on_either_side():
    """Poisson degrees: the divergence of means 10 and 9.5 is seen too large, that of 10 and 4 too small, from few draws alone."""
    rng = np.random.default_rng(0)
    for mean, is_too_small in ((9.5, True), (4.0, False)):
        divergence = min(10 * math.log(10 / mean) - 10 + mean, mean * math.log(mean / 10) - mean + 10)
        wanted = -math.log(4 * 0.9 * 0.1) / divergence
        few, many = (
            np.mean([n_leaked_draws(0.9, rng.poisson(10.0, n), rng.poisson(mean, n)) for _ in range(50)]) / wanted
            for n in (40, 20_000)
        )
        assert (few < 0.5) if is_too_small else (few > 2.0)
        assert many == pytest.approx(1.0, abs=0.12)


def test_bins():
    edges = np.arange(1, 21) / 20
    assert clustering_bins(edges).tolist() == list(range(1, 21))
    assert clustering_bins(edges - 0.01).tolist() == list(range(1, 21))
    assert clustering_bins([0.0, 1e-12, 1 / 3, 1.0]).tolist() == [0, 1, 7, 20]


def test_metrics_take_the_accuracys_interval_and_never_clip():
    accuracy = Metric(name="accuracy", value=0.9, lower=0.45, upper=1.0, confidence=0.95, rule="fresh victims")
    draws = ([1, 1, 2, 3], [2, 3, 3, 4])
    by_histogram, by_zipf = n_leaked_draw_metrics(accuracy, *draws, property="degree", has_zipf=True)
    assert (by_histogram.name, by_zipf.name) == ("n_leaked_degree_kl", "n_leaked_degree_zipf")
    assert by_histogram.value == n_leaked_draws(0.9, *draws)
    assert by_zipf.value == n_leaked_zipf(0.9, *(fit_zipf(each) for each in draws))
    for metric in (by_histogram, by_zipf):
        assert (metric.lower, metric.upper, metric.confidence) == (0.0, math.inf, 0.95)
        assert "fresh victims" in metric.rule and "taken as independent" in metric.rule
    bare = n_leaked_draw_metrics(Metric(name="accuracy", value=0.9), *draws, property="degree")
    assert [(metric.lower, metric.upper) for metric in bare] == [(None, None)]


def test_clustering_is_binned_and_said_to_be_ours():
    draws = (np.array([0.0, 0.1, 0.12]), np.array([0.5, 0.52, 1.0]))
    (found,) = n_leaked_draw_metrics(Metric(name="accuracy", value=0.8), *draws, property="clustering")
    assert found.name == "n_leaked_clustering_kl"
    assert found.value == n_leaked_draws(0.8, [0, 2, 3], [10, 11, 20])
    assert "this project's own" in found.rule


@pytest.mark.parametrize("draws", [[0.5, 1.0], [-1, 2], [], [[1]], ["a"], [math.nan]], ids=str)
def test_what_are_no_degrees_is_refused(draws):
    for pair in ((draws, [1, 2]), ([1, 2], draws)):
        with pytest.raises(DataError):
            n_leaked_draws(0.9, *pair)
        with pytest.raises(DataError):
            n_leaked_draw_metrics(Metric(name="accuracy", value=0.9), *pair, property="degree")


@pytest.mark.parametrize("draws", [[3.0, 4.0], [-0.1], [], [[0.5]], [math.nan]], ids=str)
def test_what_are_no_coefficients_is_refused(draws):
    with pytest.raises(DataError):
        clustering_bins(draws)


@pytest.mark.parametrize("counts", [([1], [1, 2]), ([[1]], [[1]])])
def test_histograms_that_do_not_fit_are_refused(counts):
    with pytest.raises(ShapeError):
        histogram_divergences(*counts)


@pytest.mark.parametrize("counts", [[-1, 2], [math.nan, 1], [math.inf, 1]])
def test_what_are_no_counts_is_refused(counts):
    with pytest.raises(DataError):
        histogram_divergences(counts, [1, 1])


def test_other_properties_and_accuracies_are_refused():
    accuracy = Metric(name="accuracy", value=0.9)
    for options in ({"property": "ratio"}, {"property": "clustering", "has_zipf": True}):
        with pytest.raises(ConfigError, match="property must be degree"):
            n_leaked_draw_metrics(accuracy, [0, 1], [1, 1], **options)
    with pytest.raises(ConfigError, match="accuracy"):
        n_leaked_draws(90, [0, 1], [1, 1])


def test_degrees_are_no_ratios():
    """Two mean degrees in the formula of ratios would give a number, and a negative one at that."""
    with pytest.raises(ConfigError, match="ratio_0"):
        n_leaked(0.9, 13.0, 9.0)
