"""Who is a reference and who is tuned on: never the target's pair, never both; and tuning against a plain search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.attacks.mean_probability import log_offline_probability
from privaudit.attacks.offline_tuning import GRID, concordance, split_references, tuned
from privaudit.errors import UnsupportedError
from privaudit.estimators import auc

PROFILE = settings(max_examples=80, deadline=None, derandomize=True)


@PROFILE
@given(st.data())
def test_target_references_and_tuning_share_no_pair(data):
    n_models = 2 * data.draw(st.integers(2, 8))
    order = np.random.default_rng(data.draw(st.integers(0, 99))).permutation(n_models)
    pair = np.empty(n_models, dtype=np.int64)
    pair[order[::2]], pair[order[1::2]] = order[1::2], order[::2]
    usable = np.flatnonzero(np.random.default_rng(0).random(n_models) < data.draw(st.sampled_from([0.8, 1.0])))
    target = int(data.draw(st.sampled_from(usable.tolist())))
    wanted = data.draw(st.sampled_from([None, 1, 2, 4]))
    rest = set(usable.tolist()) - {target, int(pair[target])}
    if len(rest) < (wanted or 1):
        with pytest.raises(UnsupportedError, match="reference model"):
            split_references(pair, usable, target, n_references=wanted, is_tuned=True)
        return
    models, tuning = split_references(pair, usable, target, n_references=wanted, is_tuned=True)
    assert set(models.tolist()) | set(tuning.tolist()) <= rest
    assert len(models) == (wanted or len(rest) - len(tuning))
    together = set(models.tolist()) | set(pair[models].tolist())
    assert not together & set(tuning.tolist())
    if len(tuning) == 2:
        assert pair[tuning[0]] == tuning[1]
    plain = split_references(pair, usable, target, n_references=wanted)
    assert not len(plain.tuning) and len(plain.models) == (wanted or len(rest))


def test_pairs_stay_together():
    pair = np.array([3, 2, 1, 0, 5, 4, 7, 6])
    models, tuning = split_references(pair, np.arange(8), 4, n_references=2, is_tuned=True)
    assert (models.tolist(), tuning.tolist()) == ([0, 3], [6, 7])
    models, tuning = split_references(pair, np.arange(8), 4, n_references=4, is_tuned=True)
    assert (models.tolist(), tuning.tolist()) == ([0, 1, 2, 3], [6, 7])
    models, tuning = split_references(pair, np.arange(8), 4, n_references=6, is_tuned=True)
    assert (models.tolist(), tuning.tolist()) == ([0, 1, 2, 3, 6, 7], [])


def test_one_pair_is_a_reference_and_not_tuned_on():
    models, tuning = split_references(np.arange(4) ^ 1, np.arange(4), 0, is_tuned=True)
    assert (models.tolist(), tuning.tolist()) == ([2, 3], [])


def test_models_without_a_pair_are_tuned_on_one_by_one():
    models, tuning = split_references(np.full(4, -1), np.arange(4), 0, is_tuned=True)
    assert (models.tolist(), tuning.tolist()) == ([1, 2], [3])


@PROFILE
@given(st.integers(0, 10**6))
def test_concordance_is_the_auc(seed):
    rng = np.random.default_rng(seed)
    scores, member = rng.integers(0, 6, 30).astype(float), rng.random(30) < 0.4
    member[:2] = True, False
    assert concordance(scores, member) == pytest.approx(auc(scores, member), abs=1e-12)
    assert concordance(scores, np.ones(30, dtype=bool)) == 0.5


def test_tuning_finds_the_best_of_the_grid():
    rng = np.random.default_rng(0)
    is_in = rng.random(4000) < 0.5
    p_out = rng.uniform(0.01, 0.99, 4000)
    log_p = np.log(np.where(is_in, 0.6 * p_out + 0.4, p_out)) + 0.2 * rng.standard_normal((2, 4000))
    coins, log_p_out = np.stack([is_in, is_in]), np.log(p_out)
    found = tuned(log_p, coins, lambda a: log_offline_probability(log_p_out, a))
    areas = [np.mean([auc(row - log_offline_probability(log_p_out, a), is_in) for row in log_p]) for a in GRID]
    assert found == GRID[int(np.argmax(areas))] and 0 < found < 1
    assert tuned(np.zeros((1, 6)), np.arange(6)[None] < 3, lambda a: np.full(6, a)) == 0.0  # ties: the smallest
