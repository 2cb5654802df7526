"""Candidates: the record first, the same for every model, each small enough to be a neighbour; and the answers to them."""

import numpy as np
import pytest

from privaudit.errors import ConfigError, QueryBudgetError, ShapeError
from privaudit.scoring import candidates as module
from privaudit.scoring.candidates import image_candidates, read_agreement, table_candidates
from privaudit.scoring.label_oracle import LabelOracle


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((5, 12, 12)).astype(np.float32)


def test_images_come_first_and_their_copies_do_not_depend_on_company(images):
    whole = image_candidates(images, 6, seed=3)
    assert whole.shape == (5, 7, 12, 12) and whole.dtype == np.float32
    np.testing.assert_array_equal(whole[:, 0], images)
    np.testing.assert_array_equal(image_candidates(images[3:4], 6, seed=3), whole[3:4])
    np.testing.assert_array_equal(image_candidates(images, 2, seed=3), whole[:, :3])
    assert not np.array_equal(image_candidates(images, 6, seed=4)[:, 1:], whole[:, 1:])
    assert whole.min() >= 0 and whole.max() <= 1
    assert all(np.abs(whole[:, a] - whole[:, b]).max() > 0.01 for a in range(7) for b in range(a))


def test_channels_move_together():
    grey = np.random.default_rng(1).random((2, 12, 12)).astype(np.float32)
    coloured = image_candidates(np.stack([grey, grey], axis=1), 4, seed=0)
    assert coloured.shape == (2, 5, 2, 12, 12)
    difference = np.abs(coloured[:, :, 0] - coloured[:, :, 1])
    assert difference[:, 0].max() == 0 and difference.max() < 12 * module.PIXEL_NOISE  # noise alone


def test_a_copy_is_shifted_and_turned_no_further_than_said(monkeypatch):
    """A bright dot in the middle: its centre of mass moves by a pixel at most along either axis; a far one also turns."""
    monkeypatch.setattr(module, "PIXEL_NOISE", 0.0)
    image = np.zeros((1, 41, 41), dtype=np.float32)
    image[0, 19:22, 19:22] = 1.0
    found = image_candidates(image, 60, seed=0)[0, 1:].astype(float)
    grid = np.arange(41)
    down, right = ((found.sum(axis=axis) @ grid) / found.sum(axis=(1, 2)) - 20 for axis in (2, 1))
    assert np.abs(down).max() < 1.01 and np.abs(right).max() < 1.01
    assert {round(value) for value in down} == {round(value) for value in right} == {-1, 0, 1}
    image[:] = 0
    image[0, 19:22, 37:40] = 1.0  # 18 pixels from the centre: 5 degrees are 1.57 pixels
    far = image_candidates(image, 60, seed=0)[0, 1:].astype(float)
    moved = (far.sum(axis=2) @ grid) / far.sum(axis=(1, 2)) - 20 - down
    assert 1.0 < np.abs(moved).max() < 1.65 and moved.min() < 0 < moved.max()


def test_noise_is_measured_in_the_pixels_range():
    flat = np.full((1, 60, 60), 100.0, dtype=np.float32)
    found = image_candidates(flat, 3, seed=0, value_range=(0.0, 200.0))[0, 1:]
    assert np.abs(found.std(axis=(1, 2)) / 4.0 - 1).max() < 0.1


@pytest.mark.parametrize(
    ("shape", "options", "error"),
    [
        ((3, 12), {}, ShapeError),
        ((3, 2, 2), {}, ShapeError),
        ((3, 12, 12), {"value_range": (1.0, 1.0)}, ConfigError),
        ((3, 12, 12), {"n_candidates": -1}, ConfigError),
    ],
)
def test_what_is_no_image_is_refused(shape, options, error):
    with pytest.raises(error):
        image_candidates(np.zeros(shape), **({"n_candidates": 2, "seed": 0} | options))


@pytest.mark.statistical
def test_tables_flip_bits_and_move_numbers_a_little():
    """2,000 bits and numbers, 20 copies: 40,000 flips of chance .01 and as much noise; bounds of six deviations."""
    rng = np.random.default_rng(0)
    bits, numbers = rng.integers(0, 2, (4, 2000)), 7.0 * rng.normal(size=(4, 2000))
    reference = np.hstack([rng.integers(0, 2, (50, 2000)), 7.0 * rng.normal(size=(50, 2000))])
    found = table_candidates(np.hstack([bits, numbers]), 20, seed=1, reference=reference)
    assert found.shape == (4, 21, 4000)
    np.testing.assert_array_equal(found[:, 0], np.hstack([bits, numbers]).astype(np.float32))
    flipped = found[:, 1:, :2000] != bits[:, None]
    assert np.isin(found[:, :, :2000], (0, 1)).all()
    assert abs(flipped[0].mean() - 0.01) < 0.003
    assert (flipped == flipped[0]).all()  # the same features for every record, whatever the records
    moved = found[:, 1:, 2000:] - numbers[:, None]
    assert abs(moved[0].std() / (0.05 * 7.0) - 1) < 0.1
    np.testing.assert_array_equal(
        table_candidates(np.hstack([bits, numbers])[2:3], 20, seed=1, reference=reference), found[2:3]
    )


def test_constant_features_stay_and_other_references_are_refused():
    found = table_candidates(np.full((3, 2), 5.0), 4, seed=0)
    assert (found == 5.0).all()
    with pytest.raises(ShapeError, match="share"):
        table_candidates(np.zeros((3, 2)), 4, seed=0, reference=np.zeros((3, 5)))


def test_answers_are_counted_for_their_record_and_stop_at_the_budget():
    features = table_candidates(np.array([[0.2, 3.0], [9.0, 1.0], [2.0, 2.0]]), 4, seed=0)
    oracle = LabelOracle(lambda x: (x[:, 0] > 1).astype(int), n_records=3, budget=5)
    found = read_agreement(oracle, features, [0, 0, 1])
    np.testing.assert_array_equal(found, (features[:, :, 0] > 1) == np.array([[0], [0], [1]]))
    assert oracle.n_queries.tolist() == [5, 5, 5]
    with pytest.raises(QueryBudgetError):
        read_agreement(oracle, features[:, :1], [0, 0, 1])
    assert oracle.n_queries.tolist() == [5, 5, 5]
