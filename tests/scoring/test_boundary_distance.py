"""The signal of the boundary attack: columns, starts, budgets, and models without a boundary."""

import numpy as np
import pytest

from privaudit.attacks.label_only.boundary import CHECKPOINTS, LADDER
from privaudit.scoring import boundary_starts as starts_module
from privaudit.scoring.boundary_distance import read_boundary_distance
from privaudit.scoring.boundary_starts import boundary_starts
from privaudit.scoring.label_oracle import LabelOracle

N_COLUMNS = len(CHECKPOINTS)
CENTRES = np.random.default_rng(9).standard_normal((4, 6)).astype(np.float32)


def nearest_centre(queries):
    far = ((queries.reshape(len(queries), 1, -1) - CENTRES) ** 2).sum(axis=2)
    return far.argmin(axis=1)


def exact_distance(points, labels):
    """Least distance to the planes between a centre and the others."""
    found = np.full(len(points), np.inf)
    for other in range(len(CENTRES)):
        way = CENTRES[other] - CENTRES[labels]
        length = np.linalg.norm(way, axis=1)
        middle = (CENTRES[other] + CENTRES[labels]) / 2
        far = np.einsum("ij,ij->i", middle - points, way) / np.where(length > 0, length, 1)
        found = np.minimum(found, np.where(length > 0, far, np.inf))
    return found


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)


def test_distances_come_first_and_queries_after(points):
    labels = nearest_centre(points)
    labels[:3] = (labels[:3] + 1) % 4
    oracle = LabelOracle(nearest_centre, n_records=50)
    values = read_boundary_distance(oracle, points, labels, 0)
    distance, spent = values[:, :N_COLUMNS], values[:, N_COLUMNS:]
    assert values.dtype == np.float64 and values.shape == (50, 2 * N_COLUMNS)
    assert (distance[:3] == 0).all() and (spent[:3] == 1).all()
    np.testing.assert_array_equal(spent[:, -1], oracle.n_queries)
    assert (spent <= np.array(LADDER)).mean() > 0.99 and (spent[:, 0] <= LADDER[0]).all()
    ratio = distance[3:, -1] / exact_distance(points[3:], labels[3:])
    assert np.median(ratio) < 1.01 and ratio.min() > 0.999


def test_a_model_with_one_answer_gives_infinite_distances_and_no_crash(points):
    oracle = LabelOracle(lambda queries: np.ones(len(queries), dtype=np.int64), n_records=50)
    labels = np.arange(50) % 3
    values = read_boundary_distance(oracle, points, labels, 0)
    np.testing.assert_array_equal(values[:, 0], np.where(labels == 1, np.inf, 0.0))
    assert (values[:, N_COLUMNS:] == 1).all()


def test_a_budget_is_kept(points):
    oracle = LabelOracle(nearest_centre, n_records=50, budget=333)
    values = read_boundary_distance(oracle, points, nearest_centre(points), 0)
    assert values[:, N_COLUMNS:].max() <= 333 and not np.isnan(values).any()


def test_queries_asked_before_are_not_counted_again(points):
    oracle = LabelOracle(nearest_centre, n_records=50)
    oracle(points, np.arange(50))
    values = read_boundary_distance(oracle, points, nearest_centre(points), 0)
    np.testing.assert_array_equal(values[:, -1], oracle.n_queries - 1)


def test_nearest_starts_are_those_of_a_search_through_all(points):
    labels, answers = np.arange(50) % 3, np.random.default_rng(1).integers(0, 4, 50)
    found = boundary_starts(points, labels, answers, n_starts=2, kind="nearest", seed=0)
    far = np.linalg.norm(points[:, None] - points[None], axis=2)
    for record in range(50):
        each = [
            min(np.flatnonzero(answers == label), key=lambda row: far[record, row])
            for label in range(4)
            if label != labels[record]
        ]
        assert found[record].tolist() == sorted(each, key=lambda row: far[record, row])[:2]


@pytest.mark.parametrize("kind", ["nearest", "random"])
def test_starts_have_another_answer_than_the_record_s_class(kind, points):
    answers = np.repeat([0, 2, 5], [30, 15, 5])
    labels = np.resize([0, 2, 5, 7], 50)  # class 7 is never answered
    found = boundary_starts(points, labels, answers, n_starts=6, kind=kind, seed=0)
    assert found.shape == (50, 6) and (found[:, 0] >= 0).all()
    there = found >= 0
    assert (np.where(there, answers[found], -1) != labels[:, None]).all()


@pytest.mark.parametrize("kind", ["nearest", "random"])
def test_one_answer_leaves_no_start(kind, points):
    same = np.full(50, 3)
    assert (boundary_starts(points, same, same, n_starts=2, kind=kind, seed=0) == -1).all()


@pytest.mark.statistical
def test_random_starts_are_uniform_among_the_others(points):
    """Largest of 40 binomial counts within 5 standard deviations: fails by chance with probability below 1e-4."""
    answers = np.repeat([0, 1], [10, 40])
    found = boundary_starts(points, np.zeros(50, dtype=int), answers, n_starts=400, kind="random", seed=0)
    counts = np.bincount(found.ravel(), minlength=50)
    assert (counts[:10] == 0).all()
    assert np.abs(counts[10:] - 500).max() < 5 * np.sqrt(500)


def test_only_some_records_serve_as_starts_of_very_many(points, monkeypatch):
    monkeypatch.setattr(starts_module, "MOST_POOL", 20)
    labels = nearest_centre(points)
    found = boundary_starts(points, labels, labels, n_starts=3, kind="nearest", seed=0)
    assert len(np.unique(found[found >= 0])) <= 20
