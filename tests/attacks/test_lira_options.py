"""LiRA's other forms: one-sided offline, median centre, several views of a record."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from privaudit.attacks import Lira
from privaudit.errors import ConfigError, MissingSignalError
from privaudit.estimators import auc
from privaudit.interfaces import AuditInputs
from privaudit.types import SignalTable


def mean_auc(attack, inputs, targets):
    return float(np.mean([auc(result.scores, result.label) for result in attack.run(inputs, targets=targets)]))


def with_views(design, values):
    """Inputs whose only signal is several views of each record."""
    n_models, n_records, _ = values.shape
    table = SignalTable(
        name="augmented_logit_margin",
        values=values,
        model_index=np.arange(n_models),
        record_index=np.arange(n_records),
    )
    labels = np.zeros(n_records, dtype=np.int64)
    signals = {"augmented_logit_margin": table}
    return AuditInputs(design=design, labels=labels, signals=signals, usable=np.arange(n_models))


@pytest.mark.parametrize("variance", ["per_record", "pooled"])
def test_offline_is_the_distance_above_the_out_shadows(draw_coins, make_design, make_inputs, variance):
    coins = draw_coins("paired", 10, 80)
    margin = np.random.default_rng(0).normal(3.0, 2.0, coins.shape)
    (result,) = Lira(mode="offline", variance=variance).run(make_inputs(make_design(coins), margin), targets=[4])
    shadows = np.setdiff1d(np.arange(10), [4, 5])
    out = [margin[shadows, record][coins[shadows, record] == 0] for record in range(80)]
    own = np.array([values.var() for values in out])
    pooled = sum(((values - values.mean()) ** 2).sum() for values in out) / (80 * 3)
    spread = own if variance == "per_record" else pooled
    expected = (margin[4] - [values.mean() for values in out]) / np.sqrt(spread)
    np.testing.assert_allclose(result.scores, expected, rtol=1e-10)


@pytest.mark.statistical
def test_an_unusually_low_confidence_is_no_sign_of_membership(draw_coins, make_design, make_inputs):
    """Members lie one deviation higher: the two-sided density of the OUT shadows would lose most of it.

    With 16 models the offline AUC lies near Phi(1 / sqrt(2 + 2/7)) = .746 with a pooled variance; the mean over 8 targets
    of 20,000 records has a standard deviation below .002. Fixed seed.
    """
    coins = draw_coins("paired", 16, 20_000)
    margin = np.random.default_rng(0).standard_normal(coins.shape) + coins
    inputs = make_inputs(make_design(coins), margin, leave_out=("negative_loss", "correct"))
    offline = mean_auc(Lira(mode="offline", variance="pooled"), inputs, range(0, 16, 2))
    assert offline == pytest.approx(norm.cdf(1 / np.sqrt(2 + 2 / 7)), abs=0.008)


def test_offline_looks_at_no_shadow_that_saw_the_record(draw_coins, make_design, make_inputs):
    coins = draw_coins("paired", 8, 60)
    margin = np.random.default_rng(0).standard_normal(coins.shape)
    wild = np.where((coins == 1) & (np.arange(8) > 1)[:, None], 1e3 * margin, margin)
    for variance in ("per_record", "pooled"):
        before, after = (
            Lira(mode="offline", variance=variance).run(make_inputs(make_design(coins), x), targets=[0])[0].scores
            for x in (margin, wild)
        )
        np.testing.assert_array_equal(before, after)


def test_the_median_moves_the_location_only(draw_coins, make_design, make_inputs):
    coins = draw_coins("paired", 14, 50)
    margin = np.random.default_rng(0).standard_t(2, coins.shape)
    (result,) = Lira(centre="median").run(make_inputs(make_design(coins), margin), targets=[3])
    shadows = np.setdiff1d(np.arange(14), [2, 3])
    expected = []
    for record in range(50):
        sides = [margin[shadows, record][coins[shadows, record] == side] for side in (1, 0)]
        inside, outside = (norm.logpdf(margin[3, record], np.median(side), side.std()) for side in sides)
        expected.append(inside - outside)
    np.testing.assert_allclose(result.scores, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.statistical
def test_views_are_weighed_as_a_multivariate_normal(draw_coins, make_design):
    """Three correlated views with unequal shifts: the likelihood ratio of the true law has an AUC of Phi(d / sqrt(2)), d
    the Mahalanobis shift; 64 models come close, a mean over the views stays far below. Fixed seed; one AUC of 8,000
    records has a standard deviation below .005, the mean of 8 targets half of it.
    """
    rng = np.random.default_rng(0)
    coins = draw_coins("paired", 64, 8000)
    covariance = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 4.0]])
    shift = np.array([1.0, 0.2, 0.0])
    noise = rng.multivariate_normal(np.zeros(3), covariance, size=coins.shape)
    values = noise + shift * coins[:, :, None] + rng.normal(0.0, 5.0, (8000, 3))
    inputs = with_views(make_design(coins), values)
    ideal = norm.cdf(np.sqrt(shift @ np.linalg.solve(covariance, shift)) / np.sqrt(2))
    found = mean_auc(Lira(queries="augmented", variance="pooled"), inputs, range(0, 64, 8))
    assert found == pytest.approx(ideal, abs=0.015)
    averaged = with_views(inputs.design, values.mean(axis=2, keepdims=True))
    assert found >= mean_auc(Lira(queries="augmented", variance="pooled"), averaged, range(0, 64, 8)) + 0.05


def test_a_pooled_variance_gives_the_density_with_the_pooled_covariance(draw_coins, make_design):
    coins = draw_coins("paired", 12, 400)
    rng = np.random.default_rng(1)
    values = rng.multivariate_normal(np.zeros(2), [[2.0, 1.0], [1.0, 1.0]], size=coins.shape)
    (result,) = Lira(queries="augmented", variance="pooled").run(with_views(make_design(coins), values), targets=[0])
    shadows = np.arange(2, 12)
    inside = coins[shadows, 7] == 1
    means = [values[shadows, 7][inside].mean(axis=0), values[shadows, 7][~inside].mean(axis=0)]
    # both sides have the same law here, so their pooled covariances differ by chance only
    expected = [multivariate_normal([0, 0], [[2.0, 1.0], [1.0, 1.0]]).logpdf(values[0, 7] - mean) for mean in means]
    assert result.scores[7] == pytest.approx(expected[0] - expected[1], abs=0.35)


def test_the_target_and_its_complement_do_not_turn_the_views(draw_coins, make_design):
    coins = draw_coins("paired", 8, 50)
    values = np.random.default_rng(0).standard_normal((8, 50, 3))
    changed, flipped = values.copy(), coins.copy()
    changed[1] = 1e6
    flipped[:2] = coins[1::-1]
    for mode in ("online", "offline"):
        attack = Lira(queries="augmented", mode=mode)
        before = attack.run(with_views(make_design(coins), values), targets=[0])[0].scores
        after = attack.run(with_views(make_design(flipped), changed), targets=[0])[0].scores
        np.testing.assert_array_equal(before, after)


def test_signals_and_mistakes(draw_coins, make_design, make_inputs):
    assert Lira().signals == {"logit_margin"}
    assert Lira(queries="augmented").signals == {"augmented_logit_margin"}
    coins = draw_coins("paired", 8, 50)
    inputs = make_inputs(make_design(coins), np.zeros(coins.shape))
    with pytest.raises(MissingSignalError, match="augmented_logit_margin"):
        Lira(queries="augmented").run(inputs, targets=[0])
    for params in ({"mode": "of"}, {"centre": "mode"}, {"queries": 18}):
        with pytest.raises(ConfigError, match=next(iter(params))):
            Lira(**params)
