"""How often correct training is called violated by all tests of a verdict together."""

import numpy as np
import pytest
from scipy.stats import binom

from privaudit.attacks.step_scores import trajectory_scores
from privaudit.estimators import noise_for_epsilon, pld_claim
from privaudit.estimators.verdict_shares import verdict_shares
from privaudit.pipeline.canary_bounds import claimed_curve_test, model_free_bound
from privaudit.pipeline.canary_outcome import CanaryOutcome
from privaudit.pipeline.canary_probes import Batches
from privaudit.pipeline.canary_steps import probes_of
from privaudit.pipeline.canary_verdict import judge_mechanism
from privaudit.types import DpSgdParams, Neighbouring

N_AUDITS, N, DELTA, RELATION = 2000, 200, 1e-5, Neighbouring.ADD_REMOVE
N_RECORDS = 100


def correct_outcome(params, rng, game):
    """Scores of N canaries (or runs) of the mechanism itself, step by step."""
    is_in = rng.integers(0, 2, N)
    held = is_in & (rng.random((params.steps, N)) < params.sample_rate)
    steps = held + rng.normal(0, params.noise_multiplier, (params.steps, N))
    scores = trajectory_scores(steps, sample_rate=params.sample_rate, noise_multiplier=params.noise_multiplier)
    return CanaryOutcome(
        name="white_box_trajectory",
        scores=scores,
        is_in=is_in,
        game=game,
        access="white_box",
        is_independent=game == "many_runs",
    )


def n_violated(params, game, *, confidence, has_noise):
    rng = np.random.default_rng([int(1000 * params.sample_rate), game == "one_run"])
    claim = pld_claim(params, delta=DELTA, neighbouring=RELATION)
    shares = verdict_shares(confidence, has_curve=True, has_noise=has_noise, has_sampling=True)
    wrong = 0
    for _ in range(N_AUDITS):
        outcome = correct_outcome(params, rng, game)
        sizes = rng.binomial(N_RECORDS, params.sample_rate, params.steps)
        idle = rng.normal(0, params.noise_multiplier, (params.steps, 30)) if has_noise else None
        probes = probes_of(params, idle, Batches(sizes, N_RECORDS), None, delta=DELTA, shares=shares)
        bound = model_free_bound(outcome, delta=DELTA, confidence=shares.bound, neighbouring=RELATION)
        curve = claimed_curve_test(outcome, params=params, confidence=shares.curve, neighbouring=RELATION)
        wrong += judge_mechanism(claim, bound, curve, None, probes=probes).outcome == "violated"
    return wrong


def params_of(epsilon, rate, steps):
    noise = noise_for_epsilon(epsilon, delta=DELTA, sample_rate=rate, steps=steps)
    return DpSgdParams(noise_multiplier=noise, sample_rate=rate, steps=steps)


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("rate", "steps", "game", "has_noise"),
    # the noise probe composes an epsilon, which is fast at full batch alone
    [(1.0, 20, "many_runs", True), (1.0, 20, "one_run", True), (0.1, 30, "one_run", False)],
)
def test_correct_training_is_called_violated_no_more_often_than_stated(rate, steps, game, has_noise):
    # level .2, where the tests are less conservative than at .05; a correct verdict has more with probability 1e-6
    assert n_violated(params_of(4.0, rate, steps), game, confidence=0.8, has_noise=has_noise) <= binom.ppf(
        1 - 1e-6, N_AUDITS, 0.2
    )


@pytest.mark.statistical
def test_at_the_level_of_reports_as_well():
    # a verdict that is wrong in 9 % of audits fails with probability .99
    found = n_violated(params_of(4.0, 1.0, 20), "one_run", confidence=0.95, has_noise=True)
    assert found <= binom.ppf(1 - 1e-6, N_AUDITS, 0.05)
