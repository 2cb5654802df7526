"""The batched walk: exact distances of linear models, a naive twin, budgets to the query, and what it must not depend on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from privaudit.errors import ConfigError, DataError, QueryBudgetError, ShapeError
from privaudit.scoring import boundary_search
from privaudit.scoring.hop_skip_jump import hop_skip_jump
from privaudit.scoring.label_oracle import LabelOracle
from tests.scoring.hop_skip_jump_twin import naive_distances

N_FEATURES = 12
WEIGHTS = np.random.default_rng(5).standard_normal(N_FEATURES).astype(np.float32)
OFFSET = np.float32(0.3)


def linear(queries):
    """Row by row in one order of summation, so that the same query has the same answer in any batch."""
    return ((queries.reshape(len(queries), -1) * WEIGHTS).sum(axis=1) + OFFSET > 0).astype(np.int64)


def hidden_units(seed, n_features, n_classes, width=16):
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((n_features, width)), rng.standard_normal((width, n_classes))
    return lambda queries: (np.tanh(queries @ first) @ second).argmax(axis=1)


def linear_task(n, seed=0):
    """Records, labels as the model gives them, and a start of the other class for each."""
    drawn = np.random.default_rng(seed).standard_normal((n + 60, N_FEATURES)).astype(np.float32)
    answers = linear(drawn)
    points, labels = drawn[:n], answers[:n]
    of_class = [drawn[n:][answers[n:] == label] for label in (0, 1)]
    starts = np.stack([of_class[1 - label][place % 5] for place, label in enumerate(labels)])
    return points, labels, starts


def walked(points, labels, starts, *, answer=linear, budget=None, n_iterations=4, seed=0, batch_size=8192, **options):
    oracle = LabelOracle(answer, n_records=len(points), budget=budget, batch_size=batch_size)
    path = hop_skip_jump(oracle, points, labels, starts, n_iterations=n_iterations, seed=seed, **options)
    np.testing.assert_array_equal(path.n_queries[:, -1], oracle.n_queries)
    return path


def test_distances_to_a_plane_are_found_from_above():
    points, labels, starts = linear_task(60)
    exact = np.abs(points.astype(np.float64) @ WEIGHTS + OFFSET) / np.linalg.norm(WEIGHTS)
    ratio = walked(points, labels, starts, n_iterations=12).distances / exact[:, None]
    assert (ratio > 1 - 1e-4).all()
    assert ratio[:, -1].max() < 1.05 and np.median(ratio[:, -1]) < 1.01
    assert np.median(ratio[:, 0]) > 1.3  # the start alone is far off


def test_the_points_found_lie_beyond_the_boundary_at_the_distance_said():
    points, labels, starts = linear_task(20)
    path = walked(points, labels, starts)
    assert (linear(path.closest) != labels).all()
    np.testing.assert_allclose(np.linalg.norm(path.closest - points, axis=1), path.distances[:, -1], rtol=1e-5)


def test_a_naive_walk_finds_the_same_distances():
    answer = hidden_units(3, 10, 4)
    points = np.random.default_rng(1).standard_normal((12, 10)).astype(np.float32)
    labels = answer(points)
    starts = np.stack([points[np.flatnonzero(labels != label)[0]] for label in labels])
    ours = walked(points, labels, starts, answer=answer, n_iterations=20)
    twin, spent = naive_distances(answer, points, labels, starts, n_iterations=20, seed=1)
    again, _ = naive_distances(answer, points, labels, starts, n_iterations=20, seed=2)
    np.testing.assert_allclose(ours.distances[:, 0], twin[:, 0], rtol=1e-2)  # the search before any random number
    assert abs(ours.n_queries[:, -1].mean() / spent[:, -1].mean() - 1) < 0.02
    repeat = spearmanr(twin[:, -1], again[:, -1])[0]
    assert spearmanr(ours.distances[:, 8], twin[:, -1])[0] >= 0.9 * repeat  # 8 iterations: a quarter of the queries
    assert 0.95 < np.median(ours.distances[:, -1] / twin[:, -1]) < 1.05


@settings(max_examples=20, deadline=None)
@given(budget=st.integers(1, 500), seed=st.integers(0, 99))
def test_budgets_are_kept_to_the_query_and_distances_never_rise(budget, seed):
    points, labels, starts = linear_task(7, seed)
    path = walked(points, labels, starts, budget=budget, seed=seed)
    assert (path.n_queries <= budget).all()
    assert (path.distances[:, 1:] <= path.distances[:, :-1]).all() and (np.diff(path.n_queries, axis=1) >= 0).all()
    assert np.isinf(path.distances).all() == (budget < 2)


def test_a_budget_only_cuts_the_walk_short():
    points, labels, starts = linear_task(9)
    whole = walked(points, labels, starts)
    cut = walked(points, labels, starts, budget=300)
    np.testing.assert_array_equal(cut.distances[:, :2], whole.distances[:, :2])
    assert (cut.distances[:, 2] < cut.distances[:, 1]).any()  # fewer evaluations, not none
    np.testing.assert_array_equal(cut.distances[:, 4], cut.distances[:, 3])
    assert (cut.n_queries[:, -1] > 270).all()


def test_without_a_query_left_nothing_is_asked():
    points, labels, starts = linear_task(3)
    with pytest.raises(QueryBudgetError, match="0 queries per record"):
        walked(points, labels, starts, budget=0)


def test_queries_of_one_record_are_not_counted_for_another():
    points, labels, starts = linear_task(6)
    oracle = LabelOracle(linear, n_records=6, budget=250)
    oracle(np.repeat(points[:1], 200, axis=0), np.zeros(200, dtype=np.int64))
    path = hop_skip_jump(oracle, points, labels, starts, n_iterations=3, seed=0)
    assert path.n_queries[0, -1] <= 50 and (path.n_queries[1:, -1] > 200).all()
    assert oracle.n_queries.max() <= 250


def test_misclassified_records_are_at_0_and_those_without_a_start_infinitely_far():
    points, labels, starts = linear_task(8)
    wrong = labels.copy()
    wrong[:2] = 1 - wrong[:2]
    starts[2], starts[3] = np.nan, points[3]  # no start; a start of the record's own class
    path = walked(points, wrong, starts)
    assert (path.distances[:2] == 0).all() and (path.n_queries[:2] == 1).all()
    assert np.isinf(path.distances[2:4]).all() and path.n_queries[2, -1] == 1
    assert np.isfinite(path.distances[4:]).all()
    np.testing.assert_array_equal(path.closest[:4], points[:4])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    points, labels, starts = linear_task(5)
    first, second, other = (walked(points, labels, starts, seed=seed).distances for seed in (1, 1, 2))
    assert first.tobytes() == second.tobytes() and not np.array_equal(first, other)


def test_a_record_s_distance_does_not_depend_on_the_records_beside_it():
    points, labels, starts = linear_task(11)
    kept = [8, 2, 5]
    whole = walked(points, labels, starts)
    part = walked(points[kept], labels[kept], starts[kept])
    assert whole.distances[kept].tobytes() == part.distances.tobytes()
    np.testing.assert_array_equal(whole.n_queries[kept], part.n_queries)


def test_chunks_and_batches_do_not_change_the_result(monkeypatch):
    points, labels, starts = linear_task(7)
    whole = walked(points, labels, starts)
    monkeypatch.setattr(boundary_search, "CHUNK_NUMBERS", 250 * N_FEATURES)
    assert walked(points, labels, starts, batch_size=13).distances.tobytes() == whole.distances.tobytes()


def test_few_numbers_are_held_at_a_time(monkeypatch):
    points, labels, starts = linear_task(40)
    sizes = []

    def answer(queries):
        sizes.append(len(queries))
        return linear(queries)

    monkeypatch.setattr(boundary_search, "CHUNK_NUMBERS", 300 * N_FEATURES)
    walked(points, labels, starts, answer=answer)
    assert max(sizes) <= 300


def test_images_are_walked_as_their_flat_copies():
    points, labels, starts = linear_task(6)
    shape = (6, 3, 2, 2)
    images = walked(points.reshape(shape), labels, starts.reshape(shape))
    np.testing.assert_array_equal(images.distances, walked(points, labels, starts).distances)


def test_a_range_of_the_features_is_kept():
    points, labels, starts = linear_task(30)
    lowest, highest = points.min(axis=0), points.max(axis=0)
    asked = []

    def answer(queries):
        asked.append((queries.min(axis=0), queries.max(axis=0)))
        return linear(queries)

    bounded = walked(points, labels, starts, answer=answer, limits=(lowest, highest), n_iterations=12)
    assert all((low >= lowest).all() and (high <= highest).all() for low, high in asked)
    free = walked(points, labels, starts, n_iterations=12)
    assert np.median(bounded.distances[:, -1] / free.distances[:, -1]) >= 0.999


def test_a_constant_model_is_refused_by_name():
    points, _, starts = linear_task(5)
    zeros = np.zeros(5, dtype=np.int64)
    with pytest.raises(DataError, match="answered class 0 to all"):
        walked(points, zeros, starts, answer=lambda queries: np.zeros(len(queries), dtype=np.int64))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"starts": np.zeros((4, N_FEATURES), dtype=np.float32)}, ShapeError, "one shape"),
        ({"labels": np.zeros(4, dtype=np.int64)}, ShapeError, "labels"),
        ({"n_iterations": -1}, ConfigError, "n_iterations must be at least 0"),
        ({"n_evaluations": 1}, ConfigError, "n_evaluations must be at least 2"),
        ({"tolerance": 0.0}, ConfigError, "tolerance"),
        ({"points": np.full((5, N_FEATURES), np.nan, dtype=np.float32)}, DataError, "finite"),
    ],
)
def test_bad_arguments_are_named(change, error, message):
    points, labels, starts = linear_task(5)
    with pytest.raises(error, match=message):
        walked(**{"points": points, "labels": labels, "starts": starts, **change})


def test_an_isolated_record_where_all_answers_agree_still_ends():
    """A model that calls one single point another class: every random point lies beyond the boundary."""
    points = np.zeros((1, 4), dtype=np.float32)

    def answer(queries):
        return (np.abs(queries).max(axis=1) > 0).astype(np.int64)

    path = walked(points, np.array([0]), points + 1, answer=answer, n_iterations=3)
    assert 0 < path.distances[0, -1] < 1e-3
