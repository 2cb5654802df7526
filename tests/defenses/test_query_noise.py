"""Noise that belongs to a query: the same for the same question, normal and unrelated for others."""

import numpy as np
from scipy.stats import kstest

from privaudit.defenses.query_noise import keyed_normals, query_keys


def rows(n=50, width=6, seed=0):
    return np.random.default_rng(seed).standard_normal((n, width)).astype(np.float32)


def test_equal_queries_have_equal_keys_wherever_they_stand():
    queries = rows()
    keys = query_keys(queries, b"a")
    order = np.random.default_rng(1).permutation(50)
    assert np.array_equal(query_keys(queries[order], b"a"), keys[order])
    assert np.array_equal(query_keys(queries[7:9], b"a"), keys[7:9])
    assert len(np.unique(keys)) == 50
    assert not (query_keys(queries, b"b") == keys).any()
    assert np.array_equal(query_keys(queries.reshape(50, 2, 3), b"a"), keys)
    assert query_keys(queries[:0], b"a").shape == (0,)


def test_the_smallest_change_gives_another_key():
    queries = rows()
    moved = np.nextafter(queries, np.float32(np.inf))
    moved[:, 1:] = queries[:, 1:]
    assert not (query_keys(moved, b"a") == query_keys(queries, b"a")).any()


def test_the_numbers_are_normal_and_unrelated():
    """Kolmogorov's test at 1e-6 on 60,000 numbers of neighbouring keys; correlations within 5 standard errors (6e-7 each)."""
    draws = keyed_normals(np.arange(20_000, dtype=np.uint64), 3)
    assert kstest(draws.ravel(), "norm").pvalue > 1e-6
    for first, second in ((draws[:, 0], draws[:, 1]), (draws[:, 1], draws[:, 2]), (draws[1:, 0], draws[:-1, 0])):
        assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(len(first))
    assert np.array_equal(keyed_normals(np.array([5], dtype=np.uint64), 3), draws[5:6])


def test_no_key_gives_an_infinite_number():
    ends = np.array([0, 1, 2**64 - 1, 0x9E3779B97F4A7C15, 2**63], dtype=np.uint64)
    assert np.abs(keyed_normals(ends, 64)).max() < 9.0
