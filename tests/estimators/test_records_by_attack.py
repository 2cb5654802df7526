"""Attacks times records: shares of the AUC per record, and rankings compared."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from privaudit.errors import DegenerateScoresError, ShapeError
from privaudit.estimators.records_by_attack import attack_agreement, auc_shares
from privaudit.estimators.roc import auc


def test_shares_are_those_of_the_definition_and_average_to_the_auc():
    rng = np.random.default_rng(0)
    coins = np.repeat(np.eye(2, dtype=int), 20, axis=0)[:, rng.integers(0, 2, size=30)]
    coins = np.where(rng.random((40, 1)) < 0.5, coins, 1 - coins)
    scores = rng.integers(0, 9, size=(40, 30)) + 2.0 * coins
    shares = auc_shares(scores, coins)
    for record in (0, 7, 29):
        standing = [
            np.mean(np.where(scores[m, record] > out, 1.0, 0.5 * (scores[m, record] == out)))
            for m, out in ((m, scores[m][coins[m] == 0]) for m in range(40))
        ]
        inside = coins[:, record] == 1
        assert shares[record] == pytest.approx(
            np.mean(np.array(standing)[inside]) - np.mean(np.array(standing)[~inside])
        )
    areas = np.mean([auc(scores[m], coins[m]) for m in range(40)])
    assert shares.mean() == pytest.approx(areas - 0.5, abs=0.03)


def test_a_record_that_every_model_calls_a_member_gives_nothing_away():
    coins = np.array([[1, 0, 1, 0], [0, 1, 0, 1]])
    scores = np.array([[9.0, 1.0, 2.0, 0.0], [9.0, 1.0, 0.0, 2.0]])
    shares = auc_shares(scores, coins)
    assert abs(shares[0]) <= 0.25 < shares[2]
    assert (auc_shares(np.zeros((2, 4)), coins) == 0).all()


def test_records_in_all_models_or_in_none_have_no_share_and_are_left_out():
    coins = np.array([[1, 0, 1, 0], [1, 0, 0, 1]])
    shares = auc_shares(np.arange(8.0).reshape(2, 4), coins)
    assert np.isnan(shares).tolist() == [True, True, False, False]
    assert attack_agreement([shares, shares]).n_records == 2
    with pytest.raises(ShapeError, match="got 0"):
        attack_agreement([[np.nan, np.nan]])
    with pytest.raises(DegenerateScoresError, match="non-members"):
        auc_shares(np.zeros((1, 2)), [[1, 1]])
    with pytest.raises(DegenerateScoresError, match="NaN"):
        auc_shares([[np.nan, 1.0]], [[1, 0]])


def test_rankings_are_compared_as_scipy_does_and_tops_are_counted():
    values = np.random.default_rng(1).normal(size=(3, 200)).round(1)
    found = attack_agreement(values, top=0.05)
    np.testing.assert_allclose(found.spearman, spearmanr(values, axis=1).statistic, atol=1e-12)
    assert found.n_top == 10 and np.allclose(np.diag(found.top_overlap), 1.0, atol=0.7)
    same = attack_agreement([values[0], 2 * values[0]], top=0.05)
    assert same.spearman[0, 1] == pytest.approx(1.0)
    apart = np.arange(200.0)
    assert attack_agreement([apart, apart], top=0.05).n_in_all == 10
    reverse = attack_agreement([apart, -apart], top=0.05)
    assert (reverse.n_in_all, reverse.n_in_any, reverse.top_overlap[0, 1]) == (0, 20, 0)


def test_an_attack_that_tells_no_records_apart_has_no_rank_correlation():
    found = attack_agreement([np.zeros(100), np.arange(100.0)], top=0.1)
    assert np.isnan(found.spearman[0, 1]) and found.spearman[1, 1] == pytest.approx(1.0)
    assert found.top_overlap[0, 1] == pytest.approx(0.1)  # by chance
