"""With coins that have nothing to do with the models, no attack may find anything; and how the primary is chosen."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm, t

from privaudit.attacks import Lira, LossThreshold, Rmia
from privaudit.config import load_config
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators import OneRun, auc, auc_null_variance
from privaudit.pipeline.primary import check_primary, choose_primary
from privaudit.registry import create_attack
from tests.attacks.variants import ATTACKS

N_MODELS, REDRAWS = (4, 8, 16, 64), 10
N_CANARIES, N_POPULATION = 1000, 250
# two-sided bands; the AUCs looked at are those of every attack, number of models and redraw
Z_ONE = norm.isf(0.5e-6 / (len(ATTACKS) * len(N_MODELS) * REDRAWS))
Z_MEAN = norm.isf(0.5e-6)


def family(n_models, n_canaries=N_CANARIES, n_population=N_POPULATION, seed=0):
    """Margins of models that never saw a coin: records differ in difficulty and spread, some are saturated or tied."""
    rng = np.random.default_rng(seed)
    n = n_canaries + n_population
    difficulty, spread, skill = rng.normal(1.5, 3.0, n), rng.lognormal(-0.5, 1.0, n), rng.normal(0, 0.5, (n_models, 1))
    margin = difficulty + skill + spread * rng.standard_t(5, (n_models, n))
    margin[:, ::10] = np.clip(margin[:, ::10], -1.0, 1.0)
    margin[:, 5::50] = np.round(margin[:, 5::50])
    margin[:, 7] = 2.0
    return margin


@pytest.mark.statistical
@pytest.mark.parametrize("n_models", N_MODELS)
@pytest.mark.parametrize(("name", "params"), ATTACKS)
def test_redrawn_coins_leave_every_attack_at_chance(draw_coins, make_design, make_inputs, name, params, n_models):
    """All AUCs together fail with probability 1e-6, and each mean of ten redraws with 1e-6.

    One target per redraw, because targets of one design share shadows. Given the shadows' coins and both numbers of
    records the AUC is a Mann-Whitney statistic with ties as blocks, whose exact variance is used. At 1,000 records the
    normal band is on the safe side: the exact distribution is bounded and its excess kurtosis is negative (-.004).
    """
    margin, attack = family(n_models), create_attack(name, params)
    areas, variances = [], []
    for redraw in range(REDRAWS):
        coins = draw_coins("paired", n_models, N_CANARIES, seed=1000 * n_models + redraw)
        inputs = make_inputs(make_design(coins, n_population=N_POPULATION), margin)
        (result,) = attack.run(inputs, targets=[redraw % n_models])
        n_in = int(result.label.sum())
        areas.append(auc(result.scores, result.label))
        variances.append(auc_null_variance(result.scores, n_in, N_CANARIES - n_in))
    deviations = np.array(areas) - 0.5
    assert (np.abs(deviations) <= Z_ONE * np.sqrt(variances)).all()
    assert abs(deviations.sum()) <= Z_MEAN * math.sqrt(sum(variances))


MANY_CANARIES, FAMILY_ERROR, MARGIN = 6000, 0.001, 0.01


@pytest.mark.statistical
@pytest.mark.parametrize("n_models", N_MODELS)
@pytest.mark.parametrize(("name", "params"), ATTACKS)
def test_the_mean_over_designs_is_a_half(draw_coins, make_design, make_inputs, name, params, n_models):
    """The t-interval over ten designs contains .5, at a family level of 99.9 %: no attack at no size is rejected by Holm,
    whose first step is Bonferroni's. And the mean is within .01 of .5: its standard deviation is at most .0024, so that
    one is missed with probability 2e-5, and any of the about 100 with .002. One target per design.
    """
    margin, attack = family(n_models, MANY_CANARIES, seed=1), create_attack(name, params)
    areas = []
    for number in range(REDRAWS):
        coins = draw_coins("paired", n_models, MANY_CANARIES, seed=5000 * n_models + number)
        inputs = make_inputs(make_design(coins, n_population=N_POPULATION), margin)
        (result,) = attack.run(inputs, targets=[number % n_models])
        areas.append(auc(result.scores, result.label))
    mean, error = np.mean(areas), np.std(areas, ddof=1) / math.sqrt(REDRAWS)
    assert abs(mean - 0.5) <= MARGIN
    assert abs(mean - 0.5) <= error * t.isf(FAMILY_ERROR / (2 * len(ATTACKS) * len(N_MODELS)), REDRAWS - 1)


@pytest.mark.statistical
def test_the_bound_exceeds_zero_no_more_often_than_it_may(draw_coins, make_design, make_inputs):
    """The attacks take turns; the redraws are independent and each exceeds with probability at most 5 %, so that a
    valid bound fails here with probability at most 1e-6.
    """
    redraws = 2000
    margin = family(6, n_canaries=200, n_population=40)
    attacks = itertools.cycle([create_attack(name, params) for name, params in ATTACKS])
    exceeded = 0
    for redraw, attack in zip(range(redraws), attacks, strict=False):
        design = make_design(draw_coins("paired", 6, 200, seed=redraw), n_population=40)
        (result,) = attack.run(make_inputs(design, margin), targets=[0])
        exceeded += OneRun(share=0.5).estimate(result, delta=1e-5, confidence=0.95).lower > 0
    assert 0 < exceeded <= binom.ppf(1 - 1e-6, redraws, 0.05)


ROLE = np.array(["target", *["shadow"] * 11])
CONFIG = load_config()
CANDIDATES = [LossThreshold(), Lira(), Rmia()]


def chosen(inputs, candidates=CANDIDATES):
    return choose_primary(CONFIG, candidates, OneRun(), inputs, delta=1e-5)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.5, 5.0]))
def test_the_choice_looks_at_no_target_and_no_complement(draw_coins, make_design, make_inputs, seed, strength):
    rng = np.random.default_rng(seed)
    coins = draw_coins("paired", 12, 60, seed=seed)
    margin = rng.standard_normal((12, 80)) + rng.normal(0.0, 2.0, 80)
    margin[:, :60] += strength * coins
    before = chosen(make_inputs(make_design(coins, n_population=20, role=ROLE), margin))
    for _ in range(3):
        coins[0] = rng.integers(0, 2, 60)
        coins[1] = 1 - coins[0]
        margin[:2] = rng.normal(0.0, 100.0, (2, 80))
        margin[:2, :60] += 1000.0 * coins[:2]
        after = chosen(make_inputs(make_design(coins, n_population=20, role=ROLE), margin))
        assert after == before
    assert before.chosen_on.startswith("5 ")


def test_the_choice_follows_the_shadows(draw_coins, make_design, make_inputs):
    coins = draw_coins("paired", 12, 400)
    rng = np.random.default_rng(0)
    design = make_design(coins, role=ROLE)
    hard = rng.normal(0.0, 20.0, 400)
    assert chosen(make_inputs(design, hard + coins + 0.3 * rng.standard_normal(coins.shape))).attack != "loss"
    alike = rng.standard_normal(coins.shape) + coins  # no difficulty: shadows only add noise
    assert chosen(make_inputs(design, alike)).attack == "loss"


def test_models_without_a_pair_can_play_the_target(draw_coins, make_design, make_inputs):
    coins = draw_coins("balanced", 8, 200)
    role = np.where(np.arange(8) % 2 == 0, "target", "shadow")  # every even model is a target
    margin = np.random.default_rng(0).standard_normal((8, 200)) + coins
    inputs = make_inputs(make_design(coins, kind="balanced", role=role), margin)
    with pytest.raises(UnsupportedError, match="betray"):  # played they are, but no bound is made of their counts
        chosen(inputs, [LossThreshold(), Rmia()])


def test_too_few_shadows_to_choose_on_are_refused_before_training(draw_coins, make_design):
    design = make_design(draw_coins("paired", 4, 20), role=np.array(["target", "shadow", "shadow", "shadow"]))
    with pytest.raises(ConfigError, match=r"design\.n_models") as caught:
        check_primary(CONFIG, design)
    assert caught.value.key == "primary.attack"
    named = dataclasses.replace(design, role=np.array(["target"] * 4))
    check_primary(CONFIG.model_copy(update={"primary": CONFIG.primary.model_copy(update={"attack": "lira"})}), named)
