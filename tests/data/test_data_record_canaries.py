import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from privaudit.data.record_canaries import KINDS, RecordCanaries, make_record_canaries
from privaudit.errors import ConfigError, DataError, ShapeError

RNG = np.random.default_rng(0)
FEATURES = (RNG.normal(size=(80, 3, 4)) * np.array([1.0, 5.0, 0.1, 2.0]) + 3).astype(np.float32)
LABELS = np.arange(80) % 5


def make(kind="mislabelled", n=5, **changes):
    wanted = {"features": FEATURES, "labels": LABELS, "n_classes": 5, "seed": 0, **changes}
    return make_record_canaries(kind, n_canaries=n, **wanted)


@settings(max_examples=40)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    n=st.integers(1, 5),
    seed=st.integers(0, 2**64),
)
def test_every_kind_has_the_records_shape_classes_and_distinct_keys(kind, n, seed):
    made = make(kind, n, seed=seed)
    assert made.features.shape == (n, 3, 4)
    assert made.features.dtype == np.float32
    assert made.labels.dtype == np.int64
    assert set(made.labels.tolist()) <= set(range(5))
    assert len(set(made.keys.tolist())) == n
    assert made.kind == kind
    again = make(kind, n, seed=seed)
    assert again.features.tobytes() == made.features.tobytes()
    assert again.labels.tolist() == made.labels.tolist()


@settings(max_examples=30)
@given(n=st.integers(1, 80), seed=st.integers(0, 2**64))
def test_mislabelled_are_distinct_records_with_another_class(n, seed):
    made = make("mislabelled", n, seed=seed)
    rows = [int(np.flatnonzero((record == FEATURES).all(axis=(1, 2)))[0]) for record in made.features]
    assert len(set(rows)) == n
    assert (made.labels != LABELS[rows]).all()


@pytest.mark.statistical
def test_wrong_classes_are_drawn_evenly():
    """Four counts of 1600, each outside its band with probability 1e-6 / 4 at most."""
    shifts = []
    for seed in range(20):
        made = make("mislabelled", 80, seed=seed)
        rows = [int(np.flatnonzero((record == FEATURES).all(axis=(1, 2)))[0]) for record in made.features]
        shifts.append((made.labels - LABELS[rows]) % 5)
    counts = np.bincount(np.concatenate(shifts), minlength=5)
    low, high = binom.ppf([0.5e-6 / 4, 1 - 0.5e-6 / 4], 1600, 0.25)
    assert counts[0] == 0
    assert low <= counts[1:].min()
    assert counts[1:].max() <= high


def test_mislabelled_of_a_given_class_come_from_the_others():
    made = make("mislabelled", 64, label=2)
    assert set(made.labels.tolist()) == {2}
    taken = {record.tobytes() for record in made.features}
    assert taken == {record.tobytes() for record in FEATURES[LABELS != 2]}
    with pytest.raises(ConfigError, match="at most 64 mislabelled"):
        make("mislabelled", 65, label=2)


def test_mislabelled_never_take_two_copies_of_a_record():
    doubled = np.concatenate([FEATURES[:10], FEATURES[:10]])
    doubled[0, 0, 0], doubled[10, 0, 0] = 0.0, -0.0
    made = make("mislabelled", 10, features=doubled, labels=LABELS[:20])
    assert len(np.unique(made.features.reshape(10, -1), axis=0)) == 10
    with pytest.raises(ConfigError, match="at most 10 mislabelled"):
        make("mislabelled", 11, features=doubled, labels=LABELS[:20])


def test_random_lie_within_the_range_of_each_feature():
    made = make("random", 500)
    low, high = FEATURES.min(axis=0), FEATURES.max(axis=0)
    slack = 1e-6 * (high - low)
    assert (made.features >= low - slack).all()
    assert (made.features <= high + slack).all()
    place = (made.features - low) / (high - low)
    assert (place.min(axis=0) < 0.1).all()  # each misses with probability .9 ** 500 < 1e-22
    assert (place.max(axis=0) > 0.9).all()


def test_blank_are_one_per_class_and_more_is_refused_with_the_reason():
    made = make("blank", 5)
    assert not made.features.any()
    assert sorted(made.labels.tolist()) == [0, 1, 2, 3, 4]
    assert make("blank", 1, label=3).labels.tolist() == [3]
    with pytest.raises(ConfigError, match=r"copies of each other.*at most one per class; got 6 for 5"):
        make("blank", 6)
    with pytest.raises(ConfigError, match="got 2 for 1"):
        make("blank", 2, label=3)


def test_clipbkd_lies_along_the_directions_of_least_variance():
    made = make("clipbkd", 4, label=1)
    flat = FEATURES.reshape(80, -1).astype(np.float64)
    canaries = made.features.reshape(4, -1).astype(np.float64)
    length = np.linalg.norm(flat, axis=1).mean()
    np.testing.assert_allclose(canaries @ canaries.T, length**2 * np.eye(4), atol=1e-4 * length**2)
    values = np.linalg.eigvalsh(np.cov(flat.T, bias=True))  # ascending
    variances = (flat @ canaries.T / length).var(axis=0)
    np.testing.assert_allclose(variances, values[:4], rtol=1e-4)
    with pytest.raises(ConfigError, match="at most 12 clipbkd"):
        make("clipbkd", 13)


def test_users_own_canaries_and_what_is_refused():
    own = {"features": np.eye(3), "labels": [0, 1, 0], "keys": ["a", "b", "c"], "kind": "my own"}
    made = RecordCanaries(**own)
    assert made.features.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        made.labels[0] = 1
    for changes, error, message in [
        ({"keys": ["a", "b", "a"]}, DataError, "keys of canaries must be distinct"),
        ({"keys": ["a", "b"]}, ShapeError, "one row per canary; got 3, 3, 2"),
        ({"labels": [0.5, 1.0, 0.0]}, DataError, "whole class numbers"),
        ({"features": np.ones((3, 2)), "labels": [0, 1, 0]}, DataError, "1 of 3 canaries are copies"),
        ({"features": np.full((3, 2), np.nan)}, DataError, "must be finite"),
        ({"features": np.empty((0, 2)), "labels": np.empty(0, dtype=int), "keys": []}, ShapeError, "got 0, 0, 0"),
    ]:
        with pytest.raises(error, match=message):
            RecordCanaries(**{**own, **changes})


def test_the_same_features_with_two_classes_are_two_canaries():
    assert RecordCanaries(features=np.ones((2, 2)), labels=[0, 1], keys=["a", "b"], kind="own").labels.tolist() == [
        0,
        1,
    ]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"kind": "mislabeled"}, ConfigError, "got 'mislabeled'. Did you mean mislabelled"),
        ({"n": 0}, ConfigError, "n_canaries must be at least 1"),
        ({"n": 81}, ConfigError, "at most 80 mislabelled"),
        ({"label": 5}, ConfigError, r"label must lie in 0\.\.4; got 5"),
        ({"labels": LABELS + 1}, DataError, r"labels must lie in 0\.\.4; got 1\.\.5"),
        ({"labels": LABELS[:-1]}, ShapeError, "same number of rows"),
        ({"labels": LABELS + 0.5}, DataError, "whole class numbers"),
        ({"features": np.where(np.arange(80)[:, None] == 7, np.inf, 1.0)}, DataError, "first rows .7"),
        ({"features": FEATURES.astype(np.float64) * 1e60}, DataError, "must be finite"),
        ({"features": np.full((80, 2), "x")}, DataError, "features must be numbers"),
        ({"labels": np.zeros(80, dtype=int), "n_classes": 1}, ConfigError, "at least 2 classes"),
        ({"kind": "random", "features": np.ones((80, 2))}, DataError, "copies of others"),
        ({"seed": -1}, ConfigError, "seed"),
    ],
)
def test_what_cannot_be_made_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        make(**changes)


def test_clipbkd_of_more_features_than_records_lies_where_nothing_varies(monkeypatch):
    from privaudit.data import record_canaries

    monkeypatch.setattr(record_canaries, "SMALL", 0)  # no square matrix of the features
    rng = np.random.default_rng(0)
    features = rng.normal(size=(6, 40)).astype(np.float32)
    labels = rng.integers(0, 2, 6)
    made = make_record_canaries("clipbkd", n_canaries=38, features=features, labels=labels, n_classes=2, seed=0)
    length = np.linalg.norm(features, axis=1).mean()
    np.testing.assert_allclose(made.features @ made.features.T, length**2 * np.eye(38), atol=1e-3 * length**2)
    spread = np.linalg.norm((features - features.mean(axis=0)) @ made.features.T / length, axis=0)
    assert (spread[:35] < 1e-4).all() and (np.diff(spread[35:]) > 0).all(), "6 records span 5 directions"
    dense = make_record_canaries(
        "clipbkd", n_canaries=3, features=np.tile(features, (8, 1)), labels=np.tile(labels, 8), n_classes=2, seed=0
    )
    assert np.abs((features - features.mean(axis=0)) @ dense.features.T).max() < 1e-3 * length**2
