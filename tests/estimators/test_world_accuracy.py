import math

import numpy as np
import pytest
from scipy.stats import binom

from privaudit.errors import ConfigError, DegenerateScoresError, ShapeError
from privaudit.estimators import (
    accuracy_interval,
    accuracy_metrics,
    advantage_of,
    balanced_accuracy,
    clopper_pearson,
    control_interval,
    control_is_inside,
    control_metric,
    rate_interval,
    world_counts,
)
from privaudit.types import ConfusionCounts, Metric

CHANCES = [
    0.0,
    1e-4,
    0.001,
    0.003,
    0.006,
    0.01,
    0.02,
    0.05,
    0.1,
    0.25,
    0.4,
    0.5,
    0.6,
    0.75,
    0.9,
    0.95,
    0.98,
    0.99,
    0.994,
    0.999,
    1.0,
]


def counts(right_0, n_0, right_1, n_1):
    return ConfusionCounts(tp=right_1, fn=n_1 - right_1, fp=n_0 - right_0, tn=right_0)


def misses(n_0, n_1, confidence):
    """Largest chance, over pairs of chances, that the lower end lies above their mean; and that the upper lies below."""
    ends = np.array(
        [
            [accuracy_interval(counts(right_0, n_0, right_1, n_1), confidence=confidence) for right_1 in range(n_1 + 1)]
            for right_0 in range(n_0 + 1)
        ]
    )
    worst = np.zeros(2)
    for chance_0 in CHANCES:
        for chance_1 in CHANCES:
            mean = (chance_0 + chance_1) / 2
            chance = np.outer(
                binom.pmf(np.arange(n_0 + 1), n_0, chance_0), binom.pmf(np.arange(n_1 + 1), n_1, chance_1)
            )
            missed = [chance[ends[..., 0] > mean + 1e-12].sum(), chance[ends[..., 1] < mean - 1e-12].sum()]
            worst = np.maximum(worst, missed)
    return worst


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("n_each", [1, 2, 3, 5, 8, 13, 30, 60])
def test_each_end_covers_any_two_chances(n_each, confidence):
    """Exact, over all outcomes; what Hoeffding's theorem says, and the mended ends where it says nothing."""
    assert (misses(n_each, n_each, confidence) <= (1 - confidence) / 2 + 1e-9).all()


def test_the_outermost_counts_need_their_own_end():
    """One trial per world: Clopper-Pearson's lower end for one right answer of two lies above .01258 by too much."""
    plain, _ = rate_interval(1, 2, confidence=0.95)
    mended, _ = accuracy_interval(counts(1, 1, 0, 1), confidence=0.95)
    chance_0 = 2 * (plain - 1e-9)  # and 0 in the other world: the mean lies below the plain end
    assert chance_0 > 0.025 + 1e-4  # the chance of that one right answer
    assert mended == pytest.approx(0.0125, abs=1e-12)


@pytest.mark.parametrize(("n_0", "n_1"), [(1, 2), (3, 10), (20, 5)])
def test_unequal_worlds_are_covered(n_0, n_1):
    assert misses(n_0, n_1, 0.95).sum() <= 0.05


def test_an_interval_of_the_pooled_share_would_not_cover_unequal_worlds():
    """Why they are not pooled: always right in the larger world and never in the smaller one is 1/2, not 10/11."""
    lower, upper = accuracy_interval(counts(0, 3, 30, 30), confidence=0.95)
    assert lower < 0.5 < upper
    assert rate_interval(30, 33, confidence=0.95)[0] > 0.5


def test_equal_worlds_give_the_interval_of_all_right_answers():
    assert accuracy_interval(counts(40, 60, 50, 60), confidence=0.95) == pytest.approx(
        rate_interval(90, 120, confidence=0.95), abs=1e-12
    )
    low, high = (accuracy_interval(counts(k, 60, k, 60), confidence=0.95) for k in (0, 60))
    assert low == pytest.approx((0.0, 1 - 0.025 ** (1 / 120)))
    assert high == pytest.approx((0.025 ** (1 / 120), 1.0))


def test_turning_all_answers_round_turns_the_interval_round():
    for n_0, n_1 in ((6, 6), (4, 9)):
        for right_0, right_1 in ((0, 1), (2, 3), (4, 4), (0, 0)):
            there = accuracy_interval(counts(right_0, n_0, right_1, n_1), confidence=0.9)
            back = accuracy_interval(counts(n_0 - right_0, n_0, n_1 - right_1, n_1), confidence=0.9)
            assert there == pytest.approx((1 - back[1], 1 - back[0]), abs=1e-12)


def test_counts_and_metrics_by_hand():
    scores, truth = [0.0, -0.0, -1e-300, math.inf, -math.inf, 2.0, 1.0], [1, 0, 0, 1, 1, 1, 0]
    found = world_counts(scores, truth)
    assert found == ConfusionCounts(tp=3, fn=1, fp=2, tn=1)
    assert balanced_accuracy(found) == pytest.approx((3 / 4 + 1 / 3) / 2)
    accuracy, advantage = accuracy_metrics(scores, truth, confidence=0.9)
    assert (accuracy.name, advantage.name) == ("accuracy", "advantage")
    assert (accuracy.lower, accuracy.upper) == accuracy_interval(found, confidence=0.9)
    assert [advantage.value, advantage.lower, advantage.upper] == pytest.approx(
        [2 * end - 1 for end in (accuracy.value, accuracy.lower, accuracy.upper)]
    )
    assert advantage_of(Metric(name="accuracy", value=0.4)).value == pytest.approx(-0.2)
    assert clopper_pearson(found, delta=0.0, confidence=0.95).lower == 0.0  # they are what other estimators take


@pytest.mark.parametrize(
    ("error", "scores", "truth"),
    [
        (DegenerateScoresError, [math.nan, 1.0], [0, 1]),
        (DegenerateScoresError, [1.0, 1.0], [1, 1]),
        (DegenerateScoresError, [], []),
        (ShapeError, [1.0, 1.0], [1, 0, 0]),
    ],
)
def test_scores_that_say_nothing_are_refused(error, scores, truth):
    for call in (lambda: accuracy_metrics(scores, truth, confidence=0.95), lambda: control_metric(scores, truth)):
        with pytest.raises(error):
            call()


@pytest.mark.parametrize("confidence", [0.0, 0.4, 1.0, 95, math.nan])
def test_what_is_no_confidence_is_refused(confidence):
    with pytest.raises(ConfigError, match="confidence"):
        accuracy_interval(counts(1, 2, 1, 2), confidence=confidence)


def outside(n_0, n_1, chance, region):
    """Exact chance that guessing leaves the region, where world 1 is said of each victim with the same chance."""
    rates = (np.arange(n_0 + 1)[:, None] / n_0 + np.arange(n_1 + 1) / n_1) / 2
    mass = np.outer(binom.pmf(np.arange(n_0 + 1), n_0, 1 - chance), binom.pmf(np.arange(n_1 + 1), n_1, chance))
    return mass[(rates < region[0] - 1e-12) | (rates > region[1] + 1e-12)].sum()


@pytest.mark.parametrize(("n_0", "n_1"), [(1, 1), (2, 2), (7, 7), (60, 60), (3, 20), (40, 60)])
@pytest.mark.parametrize(("level", "n_looks"), [(0.999, 1), (0.999, 12), (0.95, 1), (0.8, 3)])
def test_guessing_stays_in_its_region_whatever_it_says(n_0, n_1, level, n_looks):
    region = control_interval(n_0, n_1, level=level, n_looks=n_looks)
    assert region[0] + region[1] == pytest.approx(1.0)
    for chance in CHANCES:
        assert outside(n_0, n_1, chance, region) <= (1 - level) / n_looks


def test_the_region_is_not_wider_than_it_must_be():
    """One count less on each side, and fair coins leave it more often than allowed."""
    low, high = control_interval(60, level=0.999, n_looks=12)
    assert outside(60, 60, 0.5, (low + 1 / 120, high - 1 / 120)) > 0.001 / 12
    assert control_interval(60, level=0.999) == (pytest.approx(42 / 120), pytest.approx(78 / 120))


def test_the_control_finds_what_is_told_apart():
    truth = np.repeat([0, 1], 60)
    assert control_is_inside(np.ones(120), truth)  # always the same answer is guessing
    assert not control_is_inside(truth - 0.5, truth, n_looks=100)
    assert not control_is_inside(0.5 - truth, truth, n_looks=100)  # always wrong is no guessing either
    metric = control_metric(truth - 0.5, truth, level=0.99, n_looks=3)
    assert (metric.name, metric.value, metric.confidence) == ("control_accuracy", 1.0, 0.99)
    assert (metric.lower, metric.upper) == control_interval(60, level=0.99, n_looks=3)


@pytest.mark.parametrize(
    "change", [{"n_victims": 0}, {"n_other_victims": 0}, {"n_looks": 0}, {"level": 1.0}, {"level": 99.9}]
)
def test_what_is_no_control_is_refused(change):
    with pytest.raises(ConfigError):
        control_interval(**({"n_victims": 5} | change))
