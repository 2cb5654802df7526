"""A game that stops when decided: the claim is exceeded, or the rest of the budget cannot exceed it."""

import numpy as np
import pytest
from scipy.stats import binom

from privaudit.config import AuditConfig, parse
from privaudit.config.canaries import CanaryConfig
from privaudit.errors import ConfigError
from privaudit.estimators import gaussian_epsilon
from privaudit.pipeline.canary_stopping import choosing_pairs, play_control, play_until_decided
from privaudit.pipeline.run import run_audit

DELTA = 1e-5


def played(mu, *, n_pairs, seed, claim, group=10):
    rng = np.random.default_rng(seed)
    scores_in, scores_out = rng.normal(mu, 1, n_pairs), rng.normal(0, 1, n_pairs)
    return play_until_decided(
        scores_in,
        scores_out,
        claim=claim,
        delta=DELTA,
        confidence=0.95,
        n_runs=2 * n_pairs,
        group=group,
    )


def test_a_clear_violation_ends_early_and_exceeds_the_claim():
    stopped = played(6.0, n_pairs=1000, seed=0, claim=1.0)
    assert stopped.is_decided
    assert stopped.sequence.lower > 1.0
    assert stopped.n_played < 200


def test_a_game_without_a_canary_ends_when_the_rest_cannot_exceed_the_claim():
    stopped = played(0.0, n_pairs=300, seed=1, claim=1.0)
    assert stopped.is_decided
    assert stopped.sequence.lower <= 1.0
    assert stopped.n_played < 300 - choosing_pairs(600)


def test_the_same_pairs_stop_at_the_same_place_whoever_played_more():
    rng = np.random.default_rng(2)
    scores_in, scores_out = rng.normal(5, 1, 500), rng.normal(0, 1, 500)
    settings = {"claim": 1.0, "delta": DELTA, "confidence": 0.95, "n_runs": 1000, "group": 10}
    whole = play_until_decided(scores_in, scores_out, **settings)
    n_used = choosing_pairs(1000) + whole.n_played
    part = play_until_decided(scores_in[:n_used], scores_out[:n_used], **settings)
    assert part.is_decided and part.n_played == whole.n_played
    assert part.sequence.lower == whole.sequence.lower


@pytest.mark.statistical
def test_a_true_claim_is_exceeded_in_at_most_five_percent_of_stopped_games():
    # a correct method fails with probability 1e-6
    claim = gaussian_epsilon(1.0, DELTA)
    n_games = 400
    wrong = sum(
        played(1.0, n_pairs=400, seed=seed, claim=0.98 * claim, group=50).sequence.lower > claim
        for seed in range(n_games)
    )
    assert wrong <= binom.ppf(1 - 1e-6, n_games, 0.05)


def test_a_budget_that_cannot_decide_is_refused_before_training(tmp_path):
    config = {
        "kind": "canaries",
        "data": {"source": "digits", "n_records": 50},
        "recipe": {"steps": 5, "sample_rate": 1.0, "dp": {"epsilon": 10.0}},
        "canaries": {"game": "many_runs", "n_runs": 100, "stop_when": "decided"},
        "out": str(tmp_path / "out"),
    }
    with pytest.raises(ConfigError, match=r"below the claim of 10\.00"):
        run_audit(config)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("canaries", "message"),
    [
        ({"stop_when": "decided"}, "many_runs"),
        ({"kind": "blank"}, "copies"),
        ({"game": "many_runs", "n_runs": 101}, "even"),
        ({"kind": "layer"}, "layer"),
    ],
)
def test_keys_that_do_not_fit_the_game_are_refused(canaries, message):
    with pytest.raises(ConfigError, match=message):
        parse(CanaryConfig, canaries, where="test")


def test_a_canary_audit_without_dp_is_refused():
    with pytest.raises(ConfigError, match=r"recipe\.dp is missing"):
        parse(AuditConfig, {"kind": "canaries", "recipe": {"steps": 5, "sample_rate": 1.0}}, where="test")


def test_a_control_that_separates_reaches_its_ceiling_whatever_the_games_threshold_was():
    # scores of training without noise lie elsewhere than those of the game
    scores_in, scores_out = np.full(300, 182.0), np.full(300, -182.0)
    settings = {"claim": 1.0, "delta": 1e-5, "confidence": 0.95}
    control = play_control(scores_in, scores_out, n_choosing=50, n_pairs=200, **settings)
    assert control.n_played == 200
    assert control.sequence.lower == pytest.approx(control.sequence.ceiling_after(200), rel=1e-6)
    lost = play_control(scores_in, scores_in, n_choosing=50, n_pairs=200, **settings)
    assert lost.sequence.lower == 0.0
