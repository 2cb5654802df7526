"""The blind baseline: no bias and no false alarm where nothing differs, power where something does."""

import numpy as np
import pytest
from scipy.stats import binom

from privaudit.attacks.blind import N_BLOCKS, UNSCORED, blind_scores
from privaudit.errors import ConfigError, DataError, DegenerateScoresError, UnsupportedError
from privaudit.estimators import auc
from privaudit.pipeline.baseline import blind_auc, blind_finding, excludes_chance

CONFIDENCE = 0.95


def measured(features, member, **options):
    return blind_auc(blind_scores(features, member, **options), member, confidence=CONFIDENCE)


def halves(n):
    return np.arange(n) < n // 2


@pytest.mark.statistical
@pytest.mark.parametrize(("n", "n_in", "d"), [(40, 20, 3), (60, 12, 8)])
def test_without_a_difference_the_interval_holds_one_half(n, n_in, d):
    """300 null data sets per setting; a method at its nominal level fails with probability at most 1e-6."""
    rng, runs = np.random.default_rng(n), 300
    member = np.arange(n) < n_in
    found = [measured(rng.standard_t(3, (n, d)), member, seed=run, classifier="logistic") for run in range(runs)]
    missed = sum(excludes_chance(metric) for metric in found)
    assert missed <= binom.ppf(1 - 1e-6, runs, 1 - CONFIDENCE)
    values = np.array([metric.value for metric in found])
    # Unbiased: the mean of so many lies within 5 of its standard errors of 1/2.
    assert abs(values.mean() - 0.5) <= 5 * values.std() / np.sqrt(runs)


@pytest.mark.statistical
def test_the_trees_raise_no_false_alarm_either():
    """60 null data sets; a method at its nominal level fails with probability at most 1e-6."""
    rng, runs = np.random.default_rng(1), 60
    member = halves(160)
    missed = sum(excludes_chance(measured(rng.normal(size=(160, 2)), member, seed=run)) for run in range(runs))
    assert missed <= binom.ppf(1 - 1e-6, runs, 1 - CONFIDENCE)


@pytest.mark.statistical
def test_why_blocks_are_fitted_in_turn():
    """On one feature a linear classifier is a sign. Sums of variances are right for blocks fitted to earlier blocks (at
    most the limit that a right method exceeds with probability 1e-6) and far too small for cross-validation.
    """
    runs, folds, side = 4000, 10, 12
    rng = np.random.default_rng(0)
    inside, outside = rng.normal(size=(2, runs, folds, side))
    area = (inside[..., :, None] > outside[..., None, :]).mean(axis=(2, 3)) - 0.5
    slope = (inside - outside).mean(axis=2)
    variance = (2 * side + 1) / (12 * side**2)  # of one block's AUC, exactly
    limit = binom.ppf(1 - 1e-6, runs, 1 - CONFIDENCE)

    earlier = np.sign(np.cumsum(slope, axis=1)[:, :-1]) * area[:, 1:]
    others = np.sign(slope.sum(axis=1, keepdims=True) - slope) * area

    def misses(deviations):
        n = deviations.shape[1]
        return int((np.abs(deviations.mean(axis=1)) > 1.96 * np.sqrt(variance / n)).sum())

    assert misses(earlier) <= limit
    assert misses(others) > 2 * limit


@pytest.mark.parametrize("shift", [0.5, 1.0])
def test_a_shift_is_found(shift):
    rng = np.random.default_rng(0)
    member = halves(600)
    features = rng.normal(size=(600, 6))
    features[:, :2] += shift * member[:, None]
    metric = measured(features, member)
    optimum = {0.5: 0.691, 1.0: 0.841}[shift]  # Phi(shift) of two independent features
    assert excludes_chance(metric) and optimum - 0.1 < metric.value < optimum + 0.03


def test_trees_find_what_no_line_can_separate():
    rng = np.random.default_rng(0)
    member = rng.permutation(halves(2000))
    features = rng.normal(size=(2000, 3)) * np.where(member, 2.0, 1.0)[:, None]
    assert not excludes_chance(measured(features, member, classifier="logistic"))
    assert excludes_chance(measured(features, member, classifier="trees"))
    assert excludes_chance(measured(features, member))


def test_each_block_is_scored_by_a_classifier_of_the_blocks_before_it_alone():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    features, member = rng.normal(size=(200, 3)), halves(200)
    scored = blind_scores(features, member, classifier="logistic")
    columns = (features - features.mean(axis=0)) / features.std(axis=0)
    for block in range(1, N_BLOCKS):
        rows, known = scored.block == block, scored.block < block
        fitted = LogisticRegression(max_iter=200).fit(columns[known], member[known])
        np.testing.assert_allclose(scored.scores[rows], fitted.decision_function(columns[rows]), rtol=1e-6)
    assert (scored.scores[scored.block == UNSCORED] == 0).all()


def test_the_same_seed_gives_the_same_scores():
    rng = np.random.default_rng(0)
    features, member = rng.normal(size=(300, 3)), halves(300)
    first, second, other = (blind_scores(features, member, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.scores, second.scores)
    assert (first.block != other.block).any()
    sizes = [np.bincount(first.block[side]) for side in (member, ~member)]
    assert all(np.ptp(size) <= 1 for size in sizes)


def test_the_auc_is_a_mean_of_blocks_and_never_pooled():
    rng = np.random.default_rng(0)
    member = rng.permutation(halves(100))
    scored = blind_scores(rng.normal(size=(100, 2)), member, classifier="logistic")
    # Scores of different blocks are on different scales: moving one block changes nothing.
    moved = scored._replace(scores=scored.scores + 100.0 * scored.block)
    metric = blind_auc(scored, member, confidence=0.9)
    assert metric == blind_auc(moved, member, confidence=0.9)
    areas = [auc(scored.scores[scored.block == k], member[scored.block == k]) for k in range(1, N_BLOCKS)]
    assert metric.value == pytest.approx(np.mean(areas))
    assert metric.confidence == 0.9 and "blocks before it" in metric.rule


@pytest.mark.parametrize("features", [np.ones((50, 3)), np.empty((50, 0)), np.full((50, 1), 1e308)])
def test_constant_features_say_nothing(features):
    metric = measured(features, halves(50))
    assert metric.value == 0.5 and not excludes_chance(metric)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_the_scale_of_a_feature_does_not_matter(scale):
    rng = np.random.default_rng(0)
    member = halves(200)
    features = rng.normal(size=(200, 2)) + member[:, None]
    plain, scaled = (measured(values, member, classifier="logistic") for values in (features, features * scale))
    assert scaled.value == pytest.approx(plain.value, abs=1e-3)


def test_features_that_refute_fair_coins_stop_the_audit():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 1000).astype(np.uint8)
    features = rng.normal(size=(1000, 2)) + label[:, None]
    options = {"confidence": 0.95, "seed": 0}
    finding = blind_finding(features, label, are_fair_coins=False, **options)
    assert finding.notes == ("members and non-members differ without the model",)
    assert finding.method == "blind" and finding.access is None and not finding.estimates
    assert finding.n_in + finding.n_out == pytest.approx(800, abs=2)
    with pytest.raises(DataError, match="--fair-coins"):
        blind_finding(features, label, are_fair_coins=True, **options)
    nothing = blind_finding(rng.normal(size=(1000, 2)), label, are_fair_coins=True, **options)
    assert not nothing.notes


@pytest.mark.parametrize(
    ("features", "member", "options", "error"),
    [
        (np.ones((9, 1)), np.arange(9) < 4, {}, UnsupportedError),
        (np.ones((20, 1)), np.ones(20), {}, DegenerateScoresError),
        (np.full((20, 1), np.nan), halves(20), {}, DataError),
        (np.ones((19, 1)), halves(20), {}, DataError),
        (np.ones((20, 1)), halves(20), {"classifier": "forest"}, ConfigError),
    ],
)
def test_what_cannot_be_scored(features, member, options, error):
    with pytest.raises(error):
        blind_scores(features, member, **options)
