"""Shares of right labels under noise: by a naive twin, to the query, the same noise for every model, in closed form."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from privaudit.attacks.label_only.noise_robustness import NOISE_COPIES, NOISE_LEVELS
from privaudit.errors import QueryBudgetError, ShapeError
from privaudit.scoring import label_views
from privaudit.scoring.label_noise import all_flipped, feature_noise, noisy_copies, read_noisy_correct_share
from privaudit.scoring.label_oracle import LabelOracle

N_LEVELS, MOST = len(NOISE_LEVELS), NOISE_COPIES[-1]
FULL = 1 + N_LEVELS * MOST


def first_positive(x):
    return (x.reshape(len(x), -1)[:, 0] > 0).astype(np.int64)


def measured(features, labels, *, answer=first_positive, seed=0, **options):
    oracle = LabelOracle(answer, n_records=len(labels), **options)
    found = read_noisy_correct_share(oracle, np.asarray(features, dtype=np.float32), np.asarray(labels), seed)
    return found.reshape(len(labels), N_LEVELS, len(NOISE_COPIES)), oracle.n_queries


def mixed(n_records, seed=0):
    """A continuous, a binary and a constant feature."""
    rng = np.random.default_rng(seed)
    columns = [rng.normal(0.0, 3.0, n_records), rng.integers(0, 2, n_records) * 4.0 - 1.0, np.full(n_records, 7.0)]
    return np.stack(columns, axis=1).astype(np.float32)


def asked_by(features, labels, seed=0):
    """What a model is asked, per record in turn, and whose label is right without noise."""
    queries, whose = [], []

    class Recording(LabelOracle):
        def __call__(self, values, records):
            queries.append(np.array(values))
            whose.append(np.array(records))
            return super().__call__(values, records)

    oracle = Recording(first_positive, n_records=len(labels))
    read_noisy_correct_share(oracle, features, labels, seed)
    return queries, whose


def test_misclassified_records_cost_one_query_and_have_no_share():
    features = np.array([[5.0, 0.0], [-5.0, 1.0], [5.0, 2.0]])
    shares, asked = measured(features, [1, 1, 0])
    assert asked.tolist() == [FULL, 1, 1] and FULL == 156
    assert not shares[1:].any() and shares[0, 0].tolist() == [1.0] * 5


def test_shares_are_those_of_a_twin_that_counts_one_query_after_the_other():
    features = mixed(30)
    labels = np.random.default_rng(1).integers(0, 2, 30)
    shares, _ = measured(features, labels, seed=5)
    queries, whose = asked_by(features, labels, seed=5)
    np.testing.assert_array_equal(queries[0], features)
    is_right = first_positive(features) == labels
    twin = np.zeros_like(shares)
    for level in range(N_LEVELS):
        kept = np.zeros(30)
        for copy in range(MOST):
            values, records = (part[1 + copy * N_LEVELS + level] for part in (queries, whose))
            np.testing.assert_array_equal(records, np.flatnonzero(is_right))
            for value, record in zip(values, records, strict=True):
                kept[record] += first_positive(value[None])[0] == labels[record]
            if copy + 1 in NOISE_COPIES:
                twin[:, level, NOISE_COPIES.index(copy + 1)] = kept / (copy + 1)
    np.testing.assert_array_equal(shares, twin)
    assert shares[is_right].any() and shares.dtype == np.float64


@settings(deadline=None, max_examples=15, derandomize=True)
@given(st.integers(0, 10**6))
def test_a_records_noise_does_not_depend_on_which_records_are_misclassified(seed):
    features = mixed(25, seed)
    right = first_positive(features)
    labels = np.where(np.random.default_rng(seed).random(25) < 0.4, 1 - right, right)
    every, _ = measured(features, right, seed=seed)
    some, _ = measured(features, labels, seed=seed)
    np.testing.assert_array_equal(some[labels == right], every[labels == right])
    assert not some[labels != right].any()


def test_noise_is_the_same_for_every_model_also_across_chunks(monkeypatch):
    features = mixed(40)
    monkeypatch.setattr(label_views, "NUMBERS_HELD", 3 * 7)
    right = first_positive(features)
    every, _ = measured(features, right)
    some, asked = measured(features, np.where(np.arange(40) < 21, 1 - right, right))  # whole chunks have no query
    np.testing.assert_array_equal(some[21:], every[21:])
    assert asked.tolist() == [1] * 21 + [FULL] * 19
    queries, _ = asked_by(features, right)
    assert max(map(len, queries)) == 7


def test_seeds_give_noise_of_their_own():
    features = mixed(40)
    labels = first_positive(features)
    one, other = (measured(features, labels, seed=seed)[0] for seed in (0, 1))
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, measured(features, labels, seed=0)[0])
    measured(features, labels, seed=2**127)  # any seed of an audit


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([1e-6, 1.0, 1e6]), st.floats(-100, 100))
def test_units_do_not_matter(scale, offset):
    features = np.random.default_rng(0).standard_normal((30, 4))
    moved = (scale * (features + offset)).astype(np.float32)
    noise = feature_noise(moved)
    np.testing.assert_allclose(noise.scale, scale * features.std(axis=0), rtol=1e-3)


def test_binary_features_flip_and_constant_ones_stay():
    features = mixed(4000)
    noise = feature_noise(features)
    assert noise.binary.tolist() == [1] and noise.others.tolist() == [0, 2]
    assert noise.scale[1] == 0.0 and (noise.low.tolist(), noise.high.tolist()) == ([-1.0], [3.0])
    everyone = np.ones(4000, dtype=bool)
    flipped, flips = all_flipped(features, noise), []
    np.testing.assert_array_equal(flipped[:, 1], 2.0 - features[:, 1])
    for copies, (_, p) in zip(
        noisy_copies(features, flipped, noise, everyone, np.random.default_rng(0)), NOISE_LEVELS, strict=True
    ):
        np.testing.assert_array_equal(copies[:, 2], 7.0)
        assert set(np.unique(copies[:, 1])) == {-1.0, 3.0}
        flips.append(copies[:, 1] != features[:, 1])
        assert abs(flips[-1].mean() - p) < 5.3 * np.sqrt(p * (1 - p) / 4000)  # all five: missed with probability 1e-6
    for fewer, more in itertools.pairwise(flips):
        assert (more | ~fewer).all()  # the same draws at every level: what flips once flips at every higher one


@pytest.mark.parametrize(
    ("n_lit", "is_binary"), [(0, False), (1, False), (9, False), (10, True), (500, True), (991, False)]
)
def test_a_feature_that_hardly_ever_varies_is_not_flipped(n_lit, is_binary):
    lit = (np.arange(1000) < n_lit)[:, None].astype(np.float32)
    noise = feature_noise(lit)
    assert (len(noise.binary) == 1) is is_binary
    if not is_binary:
        assert noise.others.tolist() == [0] and noise.scale[0] == pytest.approx(lit.std())


@pytest.mark.statistical
def test_shares_of_a_linear_model_have_their_closed_form():
    """A record at distance x from the boundary keeps its label with probability Phi(x / (sigma * deviation)).

    Mean over 2,000 records of 31 copies each, at five levels, within 5.3 standard errors: fails with probability 1e-6.
    """
    features = np.random.default_rng(2).normal(0.0, 3.0, (2000, 2)).astype(np.float32)
    shares, _ = measured(features, first_positive(features))
    for level, (sigma, _) in enumerate(NOISE_LEVELS):
        chance = norm.cdf(np.abs(features[:, 0]) / (sigma * features[:, 0].std()))
        error = np.sqrt((chance * (1 - chance)).sum() / MOST) / 2000
        assert abs(shares[:, level, -1].mean() - chance.mean()) < 5.3 * error


def test_images_keep_their_shape():
    features = np.random.default_rng(0).standard_normal((5, 2, 3, 4)).astype(np.float32)
    seen = set()

    def answer(x):
        seen.add(x.shape[1:])
        return first_positive(x)

    measured(features, first_positive(features), answer=answer)
    assert seen == {(2, 3, 4)}


def test_a_model_that_is_always_wrong_is_asked_once():
    shares, asked = measured(mixed(10), np.full(10, 5))
    assert not shares.any() and asked.tolist() == [1] * 10


def test_a_budget_is_honoured():
    features = mixed(10)
    labels = first_positive(features)
    with pytest.raises(QueryBudgetError):
        measured(features, labels, budget=FULL - 1)
    assert measured(features, labels, budget=FULL)[1].max() == FULL


@pytest.mark.parametrize(("features", "labels"), [((4, 3), 3), ((4,), 4), ((4, 0), 4)])
def test_wrong_shapes_are_refused(features, labels):
    oracle = LabelOracle(first_positive, n_records=4)
    with pytest.raises(ShapeError):
        read_noisy_correct_share(oracle, np.zeros(features, dtype=np.float32), np.zeros(labels, dtype=np.int64), 0)
