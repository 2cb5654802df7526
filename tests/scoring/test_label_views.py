"""Views of images and of other records: against definitions and SciPy, to the query, the same for every model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from privaudit.attacks.label_only.augmentation import N_VIEWS
from privaudit.errors import QueryBudgetError, ShapeError
from privaudit.scoring import label_views
from privaudit.scoring.label_oracle import LabelOracle
from privaudit.scoring.label_views import (
    ANGLES,
    SHIFTS,
    exchanged_views,
    image_views,
    read_augmented_correct,
    record_chunks,
    rotated,
    shifted,
)


def recorded(features, labels, seed=0, **options):
    """Run the reader on a model that answers by the sign of the sum, and keep what it was asked."""
    asked = []

    def answer(x):
        asked.append(x.copy())
        return (x.reshape(len(x), -1).sum(axis=1) > 0).astype(np.int64)

    oracle = LabelOracle(answer, n_records=len(labels), **options)
    found = read_augmented_correct(oracle, np.asarray(features, dtype=np.float32), np.asarray(labels), seed)
    return found, asked, oracle


def images(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(7, 8, 8), (5, 3, 6, 9), (4, 10)])
def test_every_record_is_asked_once_for_each_view(shape):
    features = images(shape)
    found, asked, oracle = recorded(features, np.arange(len(features)) % 2)
    assert found.shape == (len(features), N_VIEWS) and found.dtype == np.float64
    assert set(np.unique(found)) <= {0.0, 1.0}
    assert oracle.n_queries.tolist() == [N_VIEWS] * len(features)
    np.testing.assert_array_equal(asked[0], features)  # the record itself first
    signs = np.stack([(view.reshape(len(view), -1).sum(axis=1) > 0) for view in asked], axis=1)
    np.testing.assert_array_equal(found, signs == (np.arange(len(features)) % 2)[:, None])


def test_shifts_repeat_the_border():
    batch = images((3, 2, 5, 7))
    for down, right in SHIFTS:
        expected = ndimage.shift(batch, (0, 0, down, right), order=0, mode="nearest")
        np.testing.assert_array_equal(shifted(batch, down, right), expected)
    assert {abs(down) + abs(right) for down, right in SHIFTS} == {1} and len(set(SHIFTS)) == 4


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 3, 7, 12)])
@pytest.mark.parametrize("degrees", [*ANGLES, 90.0, 180.0])
def test_rotations_are_those_of_scipy(shape, degrees):
    batch = images(shape).astype(np.float64)
    axes = (batch.ndim - 1, batch.ndim - 2)
    expected = ndimage.rotate(batch, degrees, axes=axes, reshape=False, order=1, mode="nearest")
    np.testing.assert_allclose(rotated(batch.astype(np.float32), degrees), expected, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 9), st.integers(2, 9), st.sampled_from(ANGLES), st.floats(-1e6, 1e6, width=32))
def test_rotation_invents_no_values(height, width, degrees, value):
    np.testing.assert_allclose(
        rotated(np.full((1, height, width), value, dtype=np.float32), degrees), value, rtol=1e-6, atol=1e-30
    )
    batch = images((2, height, width))
    turned = rotated(batch, degrees)
    assert turned.min() >= batch.min() - 1e-5 and turned.max() <= batch.max() + 1e-5
    np.testing.assert_allclose(rotated(batch[:, ::-1, ::-1], degrees), turned[:, ::-1, ::-1], atol=1e-4)


def test_the_views_of_an_image_are_seventeen():
    every = list(image_views(images((2, 8, 8))))
    assert len(every) == N_VIEWS and len({view.tobytes() for view in every}) == N_VIEWS
    assert max(map(abs, ANGLES)) == 9.0 and sorted(ANGLES) == sorted(-angle for angle in ANGLES)
    assert list(map(abs, ANGLES)) == sorted(map(abs, ANGLES))


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 12), st.integers(1, 40), st.integers(0, 2**40))
def test_copies_hold_a_tenth_of_another_record(n_records, n_features, seed):
    features = np.arange(n_records * n_features, dtype=np.float32).reshape(n_records, n_features)  # all different
    views = list(exchanged_views(features, np.arange(n_records), seed))
    assert len(views) == N_VIEWS
    np.testing.assert_array_equal(views[0], features)
    for view in views[1:]:
        is_foreign = view != features
        assert (is_foreign.sum(axis=1) == max(1, round(0.1 * n_features))).all()
        for row, foreign in zip(view, is_foreign, strict=True):
            donors = np.unique(row[foreign] // n_features)
            assert len(donors) == 1
            np.testing.assert_array_equal(np.flatnonzero(foreign), np.mod(row[foreign], n_features))


def test_a_single_record_can_only_give_to_itself():
    views = list(exchanged_views(np.array([[1.0, 2.0]], dtype=np.float32), np.array([0]), 0))
    assert all(view.tolist() == [[1.0, 2.0]] for view in views)


def test_views_are_the_same_for_every_model_and_follow_the_seed():
    features, labels = images((20, 30)), np.zeros(20, dtype=np.int64)
    _, first, _ = recorded(features, labels, seed=3)
    _, again, _ = recorded(features, 1 - labels, seed=3)
    _, other, _ = recorded(features, labels, seed=4)
    np.testing.assert_array_equal(np.stack(first), np.stack(again))
    assert not np.array_equal(np.stack(first), np.stack(other))


@pytest.mark.parametrize("shape", [(11, 6, 6), (11, 36)])
def test_chunks_bound_the_memory_and_miss_no_record(monkeypatch, shape):
    features, labels = images(shape), np.arange(11) % 2
    monkeypatch.setattr(label_views, "NUMBERS_HELD", 4 * 36)
    found, asked, oracle = recorded(features, labels)
    assert max(len(batch) for batch in asked) == 4
    assert oracle.n_queries.tolist() == [N_VIEWS] * 11
    np.testing.assert_array_equal(found[:, 0], (features.reshape(11, -1).sum(axis=1) > 0) == labels)
    assert [len(rows) for rows in record_chunks(shape)] == [4, 4, 3]
    assert [len(rows) for rows in record_chunks((2, 10**9))] == [1, 1]


def test_a_budget_is_honoured():
    with pytest.raises(QueryBudgetError):
        recorded(images((4, 10)), np.zeros(4, dtype=np.int64), budget=N_VIEWS - 1)
    recorded(images((4, 10)), np.zeros(4, dtype=np.int64), budget=N_VIEWS)


@pytest.mark.parametrize(("features", "labels"), [((4, 3), 3), ((4,), 4), ((4, 0), 4)])
def test_wrong_shapes_are_refused(features, labels):
    oracle = LabelOracle(lambda x: np.zeros(len(x), dtype=np.int64), n_records=4)
    with pytest.raises(ShapeError):
        read_augmented_correct(oracle, np.zeros(features, dtype=np.float32), np.zeros(labels, dtype=np.int64), 0)
