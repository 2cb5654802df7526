"""Steps along a fixed direction until the label is wrong: by hand, to the query, and for records of every shape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privaudit.attacks.label_only.dhattack import N_STEPS
from privaudit.errors import QueryBudgetError
from privaudit.scoring import direction_distance
from privaudit.scoring.direction_distance import read_direction_distance
from privaudit.scoring.label_oracle import LabelOracle


def above(threshold):
    """A model that says 1 where the first feature is at least the threshold."""
    return lambda x: (x.reshape(len(x), -1)[:, 0] >= threshold).astype(np.int64)


def measured(answer, features, labels, **options):
    oracle = LabelOracle(answer, n_records=len(labels), **options)
    found = read_direction_distance(oracle, np.asarray(features, dtype=np.float32), np.asarray(labels), 0)
    return found, oracle.n_queries


def naive(answer, features, labels):
    """The definition, step by step for one record after the other."""
    found = []
    for x, label in zip(features, labels, strict=True):
        steps = (x + np.float32(j / N_STEPS) * (x.max() - x) for j in range(N_STEPS))
        wrong = [j for j, query in enumerate(steps) if answer(query[None])[0] != label]
        found.append(wrong[0] if wrong else N_STEPS)
    return found


def test_by_hand():
    features = [[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.5, 1.0], [0.7, 0.7]]
    found, asked = measured(above(0.39), features, [0, 1, 1, 0, 1])
    # rises past .39 at step 20; is wrong at once; stays at its largest; is wrong at once; does not move
    assert found.dtype == np.float64 and found.tolist() == [[20.0], [0.0], [50.0], [0.0], [50.0]]
    assert asked.tolist() == [21, 1, 50, 1, 50]


def test_the_first_wrong_label_counts_even_where_later_ones_are_right():
    def only_near_half(x):
        return (np.abs(x[:, 0] - 0.5) < 0.05).astype(np.int64)

    assert measured(only_near_half, [[0.0, 1.0]], [0])[0].tolist() == [[23.0]]


@given(st.integers(0, 10**6), st.sampled_from([(4,), (2, 3), (1, 2, 2)]), st.integers(1, 7))
def test_it_is_the_definition_whatever_the_shape_and_the_chunks(seed, shape, chunk_records):
    rng = np.random.default_rng(seed)
    features, labels = rng.normal(size=(9, *shape)).astype(np.float32), rng.integers(0, 3, 9)
    weights = rng.normal(size=(3, int(np.prod(shape)))).astype(np.float32)

    def answer(x):
        return (x.reshape(len(x), -1)[:, None] * weights).sum(axis=2).argmax(axis=1)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(direction_distance, "CHUNK_NUMBERS", chunk_records * int(np.prod(shape)))
        found, asked = measured(answer, features, labels)
    assert found[:, 0].tolist() == naive(answer, features, labels)
    np.testing.assert_array_equal(asked, np.minimum(found[:, 0] + 1, N_STEPS))


def test_binary_records_are_moved_to_all_ones():
    seen = []

    def answer(x):
        seen.append(x[0])
        return np.zeros(len(x), dtype=np.int64)

    measured(answer, [[0.0, 1.0, 0.0]], [0])
    assert len(seen) == N_STEPS and seen[0].tolist() == [0.0, 1.0, 0.0]
    np.testing.assert_allclose(seen[-1], [0.98, 1.0, 0.98], rtol=1e-6)


def test_a_budget_is_kept_and_too_small_a_one_is_refused_before_anything_is_asked():
    found, asked = measured(above(9.0), [[0.0, 1.0]], [0], budget=N_STEPS)
    assert found.tolist() == [[N_STEPS]] and asked.tolist() == [N_STEPS]
    oracle = LabelOracle(above(9.0), n_records=1, budget=N_STEPS - 1)
    with pytest.raises(QueryBudgetError, match="up to 50 queries per record; the oracle has 49 left"):
        read_direction_distance(oracle, np.zeros((1, 2), dtype=np.float32), np.zeros(1, dtype=np.int64), 0)
    assert oracle.n_queries.tolist() == [0]


def test_a_model_that_gives_one_label_and_no_record_at_all():
    assert measured(lambda x: np.full(len(x), 2), np.eye(3), [2, 1, 2])[0].tolist() == [[50.0], [0.0], [50.0]]
    oracle = LabelOracle(above(0.0), n_records=1)
    assert read_direction_distance(oracle, np.zeros((0, 2), np.float32), np.zeros(0, np.int64), 0).shape == (0, 1)
