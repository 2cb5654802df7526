"""Shadows that betray the target's coins: no bound is ever made of such scores, whatever the parameters."""

import numpy as np
import pytest
from scipy.stats import binom

from privaudit.errors import UnsupportedError
from privaudit.estimators import OneRun
from privaudit.registry import create_attack
from tests.attacks.variants import ATTACKS

# a regression costs a hundred times what the others do, and looks at no shadow
FEW_AUDITS = {"quantile": 15}


@pytest.mark.parametrize("n_models", [4, 6, 8])
@pytest.mark.parametrize("variance", ["per_record", "pooled"])
def test_the_target_alone_left_out_gives_no_bound(draw_coins, make_design, make_inputs, n_models, variance):
    coins = draw_coins("paired", n_models, 300)
    inputs = make_inputs(make_design(coins), np.random.default_rng(0).standard_normal(coins.shape))
    (result,) = create_attack("lira", {"exclude": "target", "variance": variance}).run(inputs, targets=[0])
    assert result.depends_on_coins
    with pytest.raises(UnsupportedError, match="betray"):
        OneRun().estimate(result, delta=1e-5, confidence=0.95)


@pytest.mark.statistical
@pytest.mark.parametrize("n_models", [4, 6, 8])
@pytest.mark.parametrize(("name", "params"), ATTACKS)
def test_the_bound_of_every_legal_attack_stays_at_its_level(
    draw_coins, make_design, make_inputs, name, params, n_models
):
    """100 audits of noise: at most 18 bounds above 0 at 95 %, of 15 (`quantile`) at most 7 (binomial; a correct method
    fails with 1e-6).
    """
    n_audits, above = FEW_AUDITS.get(name, 100), 0
    for audit in range(n_audits):
        rng = np.random.default_rng(1000 + audit)
        coins = np.repeat(rng.integers(0, 2, (n_models // 2, 150)), 2, axis=0)
        coins[1::2] = 1 - coins[::2]
        design = make_design(coins.astype(np.uint8), n_population=50)
        inputs = make_inputs(design, rng.standard_t(3, design.is_in.shape))
        (result,) = create_attack(name, params).run(inputs, targets=[0])
        assert not result.depends_on_coins
        above += OneRun().estimate(result, delta=1e-5, confidence=0.95).lower > 0
    assert above <= binom.isf(1e-6, n_audits, 0.05)
