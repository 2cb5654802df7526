import math

import numpy as np
import pytest
from scipy.stats import chi2

from privaudit.defenses.base import DataDefense, OutputDefense
from privaudit.defenses.label_noise import LabelNoise, noisy_labels
from privaudit.defenses.output_noise import OutputNoise, noisy_probabilities
from privaudit.errors import ConfigError, DataError, ShapeError


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.333, 0.4, 1.0])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_exactly_a_share_of_the_labels_changes(share, n_classes):
    labels = rng(1).integers(0, n_classes, 997)
    changed = noisy_labels(labels, share, n_classes, rng())
    assert (changed != labels).sum() == round(share * 997)
    assert changed.min() >= 0
    assert changed.max() < n_classes


def test_every_other_class_is_as_likely():
    """Chi-squared, 3 degrees of freedom; above its limit with chance 1e-6."""
    changed = noisy_labels(np.full(30_000, 2), 1.0, 4, rng())
    counts = np.bincount(changed, minlength=4)
    assert counts[2] == 0
    assert ((counts[[0, 1, 3]] - 10_000) ** 2 / 10_000).sum() < chi2.isf(1e-6, 2)


def test_label_noise_keeps_records_and_the_callers_labels():
    defense, labels, rows = LabelNoise(share=0.5), np.arange(40) % 3, np.arange(10, 30)
    before = labels.copy()
    kept, classes = defense.treat(rows, np.zeros(40, bool), labels, rng())
    assert isinstance(defense, DataDefense)
    assert np.array_equal(kept, rows)
    assert (classes != labels[rows]).sum() == 10
    assert np.array_equal(labels, before)
    again, other = (defense.treat(rows, np.ones(40, bool), labels, rng(seed))[1] for seed in (0, 1))
    assert np.array_equal(classes, again)  # the property plays no part
    assert not np.array_equal(classes, other)


@pytest.mark.parametrize("share", [-0.1, 1.1, 20, math.nan])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(ConfigError):
        LabelNoise(share=share)
    with pytest.raises(ConfigError):
        noisy_labels(np.zeros(3, int), share, 2, rng())


def test_one_class_cannot_be_changed():
    with pytest.raises(DataError, match="another class"):
        noisy_labels(np.zeros(3, int), 0.5, 1, rng())


@pytest.mark.parametrize("n_classes", [2, 4])
def test_log_odds_get_normal_noise_of_the_scale(n_classes):
    """40,000 differences: standard deviation to .35 % and mean to .0035, each within 5 standard errors but 6e-7 times."""
    given = np.tile(rng(3).dirichlet(np.ones(n_classes)), (40_000, 1))
    said = noisy_probabilities(given, 0.7, rng())
    assert said.sum(axis=1) == pytest.approx(1.0)
    moved = np.log(said[:, 1] / said[:, 0]) - np.log(given[:, 1] / given[:, 0])
    assert abs(moved.std() / 0.7 - 1) < 5 / math.sqrt(2 * 40_000)
    assert abs(moved.mean()) < 5 * 0.7 / math.sqrt(40_000)
    assert abs(np.corrcoef(moved[:-1], moved[1:])[0, 1]) < 5 / math.sqrt(40_000)  # queries are independent


def test_a_model_asked_again_answers_the_same():
    defense, given = OutputNoise(scale=1.0), rng(3).dirichlet(np.ones(3), size=20)
    assert isinstance(defense, OutputDefense)
    first, again, other = (defense.release(given, rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_noise_changes_nothing_and_certainty_stays():
    given = np.array([[1.0, 0.0], [0.25, 0.75], [1e-300, 1.0]])
    assert noisy_probabilities(given, 0.0, rng()) == pytest.approx(given)
    said = noisy_probabilities(given, 50.0, rng())
    assert said[0].tolist() == [1.0, 0.0]
    assert np.isfinite(said).all()


@pytest.mark.parametrize("scale", [-1.0, math.nan, math.inf])
def test_what_is_no_scale_is_refused(scale):
    with pytest.raises(ConfigError, match="scale"):
        OutputNoise(scale=scale)
    with pytest.raises(ConfigError, match="scale"):
        noisy_probabilities([[0.5, 0.5]], scale, rng())


@pytest.mark.parametrize(
    ("error", "given"),
    [
        (ShapeError, [0.5, 0.5]),
        (ShapeError, [[1.0]]),
        (DataError, [[0.5, 0.6]]),
        (DataError, [[1.5, -0.5]]),
        (DataError, [[math.nan, 0.5]]),
        (DataError, [[0.0, 0.0]]),
    ],
)
def test_what_is_no_distribution_is_refused(error, given):
    with pytest.raises(error):
        noisy_probabilities(given, 0.1, rng())
