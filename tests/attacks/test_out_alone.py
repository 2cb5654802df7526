"""Attackers who cannot train on the attacked records: offline attacks need no IN shadow and look at none."""

import numpy as np
import pytest
from scipy.stats import norm

from privaudit.attacks import DifficultyCalibration, Lira, NormalInverseGamma
from privaudit.errors import UnsupportedError
from privaudit.numerics import log_probability
from privaudit.registry import create_attack

N_RECORDS, N_UNKNOWN = 60, 20
OFFLINE = [
    ("lira", {"mode": "offline"}),
    ("lira", {"mode": "offline", "variance": "pooled"}),
    ("lira", {"mode": "offline", "centre": "median"}),
    ("nig", {"mode": "offline"}),
    ("nig", {"mode": "offline", "prior_strength": 4.0}),
    ("difficulty", {}),
    ("rmia", {"mode": "offline"}),
    ("base", {"mode": "offline"}),
    ("reference", {}),
]


@pytest.fixture
def attackers_design(draw_coins, make_design):
    """The target 0 was trained on a coin's half of all records, its shadows on none of the first 20."""
    coins = draw_coins("balanced", 8, N_RECORDS)
    coins[1:, :N_UNKNOWN] = 0
    return make_design(coins, kind="balanced")


@pytest.fixture
def margin():
    return np.random.default_rng(0).normal(2.0, 3.0, (8, N_RECORDS))


@pytest.mark.parametrize(("name", "params"), OFFLINE)
def test_records_that_no_shadow_was_trained_on_are_scored(attackers_design, make_inputs, margin, name, params):
    (result,) = create_attack(name, params).run(make_inputs(attackers_design, margin), targets=[0])
    np.testing.assert_array_equal(result.unit_ids, np.arange(N_RECORDS))
    assert np.isfinite(result.scores).all()
    assert not any("want of spread" in note for note in result.notes)


@pytest.mark.parametrize("name", ["lira", "nig", "proxy"])
def test_comparing_with_in_shadows_still_needs_them(attackers_design, make_inputs, margin, name):
    with pytest.raises(UnsupportedError, match=f"{N_UNKNOWN} records lack one"):
        create_attack(name, {}).run(make_inputs(attackers_design, margin), targets=[0])


@pytest.mark.parametrize(("name", "params"), OFFLINE[:6])
@pytest.mark.parametrize("kind", ["paired", "balanced"])
def test_in_shadows_are_not_looked_at(draw_coins, make_design, make_inputs, margin, kind, name, params):
    coins = draw_coins(kind, 8, N_RECORDS)
    design, attack = make_design(coins, kind=kind), create_attack(name, params)
    changed = np.where(coins.astype(bool), 1e3 * np.random.default_rng(1).standard_normal(margin.shape), margin)
    changed[0] = margin[0]  # the target's own
    flat = np.where(coins.astype(bool), 4.0, margin)  # IN shadows without any spread
    flat[0] = margin[0]
    (before,) = attack.run(make_inputs(design, margin), targets=[0])
    for other in (changed, flat):
        (after,) = attack.run(make_inputs(design, other), targets=[0])
        np.testing.assert_array_equal(after.scores, before.scores)
        assert after.notes == before.notes


def test_scores_by_hand(attackers_design, make_inputs, margin):
    inputs = make_inputs(attackers_design, margin)
    shadows, seen = margin[1:, :N_UNKNOWN], margin[0, :N_UNKNOWN]
    (lira,) = Lira(mode="offline").run(inputs, targets=[0])
    p_value = norm.sf(seen, shadows.mean(axis=0), shadows.std(axis=0))
    np.testing.assert_allclose(norm.sf(lira.scores[:N_UNKNOWN]), p_value, rtol=1e-9)
    (difficulty,) = DifficultyCalibration().run(inputs, targets=[0])
    calibrated = log_probability(seen) - log_probability(shadows).mean(axis=0)
    np.testing.assert_allclose(difficulty.scores[:N_UNKNOWN], calibrated, atol=1e-12)
    (nig,) = NormalInverseGamma(mode="offline", prior_strength=4.0).run(inputs, targets=[0])
    assert nig.notes[0] == "prior strength 4 OUT"
    is_out = attackers_design.is_in[1:] == 0
    out = [margin[1:, record][is_out[:, record]] for record in range(N_RECORDS)]
    pooled = sum(((one - one.mean()) ** 2).sum() for one in out) / sum(len(one) - 1 for one in out)
    scale = (4 * pooled + 7 * shadows.var(axis=0)) / (4 + 6) * (1 + 1 / 7)
    np.testing.assert_allclose(nig.scores[:N_UNKNOWN], (seen - shadows.mean(axis=0)) / np.sqrt(scale), rtol=1e-9)
