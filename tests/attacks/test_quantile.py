"""Quantile regression: it sees what is usual for a kind of record, and its thresholds hold whatever it sees."""

import numpy as np
import pytest
from scipy.stats import binom

from privaudit.attacks import LossThreshold, QuantileRegression
from privaudit.attacks.quantile import achieved_rates
from privaudit.attacks.quantile_scores import quantile_scores
from privaudit.errors import DataError, UnsupportedError
from privaudit.estimators import auc, conformal_region


def setting(rng, n=3000, n_population=1200, gain=1.0):
    """Confidence depends on the features and the class in mean and spread; members gain in units of that spread."""
    features = rng.standard_normal((n, 4)).astype(np.float32)
    labels = rng.integers(0, 3, n)
    usual, spread = 3.0 * features[:, 0] + 4.0 * labels, np.exp(0.7 * features[:, 1])
    is_population = np.arange(n) < n_population
    is_member = ~is_population & (rng.random(n) < 0.5)
    margin = usual + spread * (rng.standard_normal(n) + gain * is_member)
    return margin, features, labels, is_population, is_member


def test_it_beats_a_global_threshold_where_records_differ():
    margin, features, labels, is_population, is_member = setting(np.random.default_rng(0))
    found = quantile_scores(margin, features, labels, is_population, seed=0)
    tested = ~is_population
    by_kind, by_margin = (auc(scores[tested], is_member[tested]) for scores in (found.scores, margin))
    assert by_kind > by_margin + 0.1
    assert by_kind > 0.68  # the ideal attacker, who knows mean and spread, has .76


@pytest.mark.statistical
def test_achieved_false_positive_rates_lie_in_their_region():
    """20 settings at three levels: a correct method leaves one of 60 regions with probability .001; fixed seeds."""
    levels = (0.01, 0.05, 0.1)
    confidence = 1 - 0.001 / (20 * len(levels))
    for seed in range(20):
        margin, features, labels, is_population, is_member = setting(
            np.random.default_rng(seed), n=1500, n_population=400
        )
        found = quantile_scores(margin, features, labels, is_population, seed=seed)
        n_test, flagged = achieved_rates(found, ~is_population & ~is_member, levels)
        for level, flags in zip(levels, flagged, strict=True):
            low, high = conformal_region(200, n_test, level, confidence=confidence)
            assert low <= flags <= high


def test_without_calibration_the_rates_are_wrong():
    """Thresholds from the records that the regression was fitted to: far too many flags at 5 %."""
    margin, features, labels, is_population, _ = setting(np.random.default_rng(1), n=4000, n_population=400, gain=0.0)
    found = quantile_scores(margin, features, labels, is_population, seed=0)
    fitted = np.isin(found.scores, found.calibration, invert=True) & is_population
    naive = found._replace(calibration=found.scores[fitted])
    n_test, (flags,) = achieved_rates(naive, ~is_population, (0.05,))
    assert flags > binom.ppf(1 - 1e-9, n_test, 0.05)


def test_the_attack_reads_the_target_alone(draw_coins, make_design, make_inputs):
    coins = draw_coins("paired", 4, 200)
    rng = np.random.default_rng(0)
    margin = rng.standard_normal((4, 400)) + np.hstack([coins, np.zeros((4, 200))])
    inputs = make_inputs(make_design(coins, n_population=200), margin)
    changed = margin.copy()
    changed[1:] = 50.0
    (before,) = QuantileRegression().run(inputs, targets=[0])
    (after,) = QuantileRegression().run(make_inputs(inputs.design, changed), targets=[0])
    np.testing.assert_array_equal(before.scores, after.scores)
    assert "thresholds at 1 %, 5 %, 10 % false positives, by 100 population records" in before.notes[0]
    assert auc(before.scores, before.label) > 0.6
    assert not before.depends_on_coins


def test_constant_signals_images_many_classes_and_too_few_records(draw_coins, make_design, make_inputs):
    coins = draw_coins("paired", 4, 60)
    constant = make_inputs(make_design(coins, n_population=40), np.full((4, 100), 0.5))
    (result,) = QuantileRegression().run(constant, targets=[0])
    assert np.isfinite(result.scores).all() and np.ptp(result.scores) == 0
    assert "by 20 population records: none (too few records), 0, 0;" in result.notes[0]
    rng = np.random.default_rng(0)
    images = rng.random((400, 2, 3, 3)).astype(np.float32)
    found = quantile_scores(rng.standard_normal(400), images, np.arange(400), np.arange(400) < 80, seed=0)
    assert np.isfinite(found.scores).all() and len(found.calibration) == 40
    with pytest.raises(UnsupportedError, match=r"needs 40 population records.*there are 39"):
        QuantileRegression().run(make_inputs(make_design(coins, n_population=39), np.zeros((4, 99))), targets=[0])
    for bad, message in ((np.nan, "must be finite"), (np.inf, "must be finite")):
        with pytest.raises(DataError, match=message):
            quantile_scores(np.zeros(80), np.full((80, 2), bad), np.zeros(80, dtype=int), np.arange(80) < 60, seed=0)
    with pytest.raises(DataError, match="same number of rows"):
        quantile_scores(np.zeros(80), np.zeros((79, 2)), np.zeros(80, dtype=int), np.arange(80) < 60, seed=0)
    blind = type(constant)(
        design=constant.design, labels=constant.labels, signals=constant.signals, usable=constant.usable
    )
    with pytest.raises(UnsupportedError, match="hold none"):
        QuantileRegression().run(blind, targets=[0])
    assert LossThreshold().run(blind, targets=[0])
