"""Training sets from one pool: separations are 1 / sqrt(1 - p) larger than with fresh data."""

import math

import numpy as np
import pytest

from privaudit.errors import ConfigError, DataError, UnsupportedError
from privaudit.estimators import gaussian_tpr
from privaudit.estimators.finite_pool import fresh_separation, record_separation


def class_mean(x, means):
    return (x * means).sum(axis=1)


def linear_discriminant(x, means):
    """Log likelihood ratio of a class with this mean to one with mean 0, both with unit covariance."""
    return (x * means).sum(axis=1) - 0.5 * (means**2).sum(axis=1)


def mean_separation(signal_of, *, n, keep, is_fresh, n_models, rng):
    """Mean d' of the pool's records, beside members of the pool or, where fresh, beside new draws each time."""
    pool = rng.normal(size=(n, 20))
    is_in = rng.random((n_models, n)) < keep
    values = np.empty((n_models, n))
    for model, inside in enumerate(is_in):
        size = inside.sum()
        others = rng.normal(size=(size, 20)) if is_fresh else pool[inside]
        means = np.tile(others.mean(axis=0), (n, 1))
        if is_fresh:  # each member of the pool takes the place of one new draw, in its turn
            means += inside[:, None] * (pool - others[0]) / size
        values[model] = signal_of(pool, means)
    return float(record_separation(values, is_in).mean())


@pytest.mark.statistical
@pytest.mark.parametrize("signal_of", [class_mean, linear_discriminant])
@pytest.mark.parametrize("keep", [0.25, 0.5, 0.75])
def test_the_pool_inflates_by_the_factor_that_is_corrected(signal_of, keep):
    """Class-mean toy and linear discriminant on Gaussian data in 20 dimensions, 200 records, 1,500 models: each mean d'
    has a standard error below 1 %. The expected ratio is 1 / sqrt(1 - keep), within 5 %.
    """
    rng = np.random.default_rng(int(100 * keep))
    settings = {"n": 200, "keep": keep, "n_models": 1500, "rng": rng}
    from_pool = mean_separation(signal_of, is_fresh=False, **settings)
    fresh = mean_separation(signal_of, is_fresh=True, **settings)
    assert from_pool / fresh == pytest.approx(1 / math.sqrt(1 - keep), rel=0.05)
    corrected = fresh_separation([from_pool], keep_fraction=keep)
    assert corrected.value[0] == pytest.approx(fresh, rel=0.05)
    assert "assumes" in corrected.assumption and corrected.factor == math.sqrt(1 - keep)
    if signal_of is class_mean:  # d / n over sqrt(d / n) with n = 200 keep
        assert fresh == pytest.approx(math.sqrt(20 / (200 * keep)), rel=0.05)


def test_what_it_means_for_rates():
    """d' .447 with fresh data against .632 from the pool: the true positive rate looks half as high again or more."""
    pooled = math.sqrt(0.4)
    assert gaussian_tpr(0.01, fresh_separation([pooled], keep_fraction=0.5).value[0]) == pytest.approx(0.0301, abs=2e-4)
    assert gaussian_tpr(0.01, pooled) == pytest.approx(0.0451, abs=2e-4)


def test_a_separation_is_that_of_a_loop_and_does_not_depend_on_units():
    rng = np.random.default_rng(0)
    values, is_in = rng.normal(size=(9, 5)), np.arange(45).reshape(9, 5) % 3 == 0
    found = record_separation(values, is_in)
    for record in range(5):
        inside, outside = values[is_in[:, record], record], values[~is_in[:, record], record]
        within = (inside.var() * len(inside) + outside.var() * len(outside)) / 7
        assert found[record] == pytest.approx((inside.mean() - outside.mean()) / math.sqrt(within))
    np.testing.assert_allclose(record_separation(1e9 + 3 * values, is_in), found, rtol=1e-6)


def test_constants_never_in_and_infinite_values():
    is_in = np.array([[1, 1], [0, 0], [1, 0], [0, 1]])
    assert record_separation(np.full((4, 2), 0.1), is_in).tolist() == [0.0, 0.0]
    assert record_separation(is_in * 1.0, is_in).tolist() == [math.inf, math.inf]
    assert record_separation(-1.0 * is_in, is_in).tolist() == [-math.inf, -math.inf]
    with pytest.raises(UnsupportedError, match="1 records lack"):
        record_separation(np.zeros((4, 2)), [[1, 1], [1, 0], [1, 0], [1, 1]])
    with pytest.raises(DataError, match="infinite"):
        record_separation(np.full((4, 2), math.inf), is_in)
    for fraction in (0.0, 1.0, 50):
        with pytest.raises(ConfigError, match="keep_fraction"):
            fresh_separation([1.0], keep_fraction=fraction)
