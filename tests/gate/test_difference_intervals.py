"""Square and add covers the difference it is about."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.errors import ConfigError
from privaudit.estimators import auc, auc_interval, rate_interval, square_and_add

N_RUNS = 4000
# With 4,000 runs of coverage exactly .95 the observed one falls below .9362 with chance 3e-5 (normal approximation).
LEAST = 0.95 - 4 * (0.95 * 0.05 / N_RUNS) ** 0.5


def wilson(count, n):
    z = 1.959963984540054
    middle, half = (count + z * z / 2) / (n + z * z), z * np.sqrt(count * (n - count) / n + z * z / 4) / (n + z * z)
    return middle - half, middle + half


def test_newcombes_published_examples():
    """Newcombe 1998, table II, method 10."""
    published = {(56, 70, 48, 80): (0.0524, 0.3339), (9, 10, 3, 10): (0.1705, 0.8090), (10, 10, 0, 10): (0.6075, 1.0)}
    for (a, m, b, n), ends in published.items():
        found = square_and_add(a / m, wilson(a, m), b / n, wilson(b, n))
        assert found == pytest.approx(ends, abs=1e-4) or (
            found[0] == pytest.approx(ends[0], abs=1e-4) and found[1] >= 1
        )


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("rate", "other", "n", "n_other"), [(0.03, 0.01, 1600, 1600), (0.5, 0.5, 200, 900), (0.02, 0.02, 700, 4000)]
)
def test_it_covers_differences_of_rates(rate, other, n, n_other):
    rng = np.random.default_rng(11)
    ends = {size: [rate_interval(k, size, confidence=0.95) for k in range(size + 1)] for size in {n, n_other}}
    hits = 0
    for one, two in zip(rng.binomial(n, rate, N_RUNS), rng.binomial(n_other, other, N_RUNS), strict=True):
        low, high = square_and_add(one / n, ends[n][one], two / n_other, ends[n_other][two])
        hits += low <= rate - other <= high
    assert hits / N_RUNS >= LEAST


@pytest.mark.statistical
@pytest.mark.parametrize(("shift", "other"), [(0.0, 0.0), (0.5, 0.2), (2.5, 2.5)])
def test_it_covers_differences_of_aucs(shift, other):
    from scipy.stats import norm

    rng = np.random.default_rng(12)
    member, hits, n_runs = np.repeat([1, 0], 60), 0, 2000
    for _ in range(n_runs):
        values = [
            auc(np.concatenate([rng.normal(move, 1, 60), rng.normal(0, 1, 60)]), member) for move in (shift, other)
        ]
        around = [auc_interval(value, 60, 60, confidence=0.95) for value in values]
        low, high = square_and_add(values[0], around[0], values[1], around[1])
        hits += low <= norm.cdf(shift / 2**0.5) - norm.cdf(other / 2**0.5) <= high
    assert hits / n_runs >= 0.95 - 4 * (0.95 * 0.05 / n_runs) ** 0.5


@st.composite
def estimates(draw):
    value, below, above = (draw(st.floats(0, 1)) for _ in range(3))
    return value, (value - below, value + above)


@given(estimates(), estimates())
def test_it_is_turned_around_by_exchanging_both_and_lies_within_the_ends(first, second):
    (value, ends), (other, other_ends) = first, second
    low, high = square_and_add(value, ends, other, other_ends)
    assert low <= value - other <= high
    back = square_and_add(other, other_ends, value, ends)
    assert (-back[1], -back[0]) == pytest.approx((low, high), abs=1e-12)
    assert low >= ends[0] - other_ends[1] - 1e-12  # never wider than the ends themselves
    assert high <= ends[1] - other_ends[0] + 1e-12


@given(estimates())
def test_a_known_number_keeps_the_other_ones_interval(first):
    value, ends = first
    assert square_and_add(value, ends, 0.25, (0.25, 0.25)) == pytest.approx((ends[0] - 0.25, ends[1] - 0.25), abs=1e-12)


@pytest.mark.parametrize("ends", [(0.2, 0.4), (float("nan"), 0.6), (0.0, float("inf"))])
def test_estimates_outside_their_interval_are_refused(ends):
    with pytest.raises(ConfigError, match="finite interval"):
        square_and_add(0.5, ends, 0.5, (0.4, 0.6))
