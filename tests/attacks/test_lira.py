"""LiRA: golden numbers, the trap of counts, a naive twin in exact arithmetic, and what must not change a score."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from privaudit.attacks import Lira
from privaudit.errors import ConfigError, DataError, UnsupportedError
from privaudit.estimators import auc

PROFILE = settings(max_examples=40, deadline=None, derandomize=True)

# kind, exclude, models, records, targets per design, designs, AUC with a variance per record, AUC with a pooled variance
GOLDEN = [
    ("balanced", "target", 8, 50_000, 4, 4, 0.582, 0.691),
    ("balanced", "target", 16, 50_000, 4, 2, 0.696, 0.733),
    ("balanced", "target", 64, 50_000, 4, 1, 0.750, 0.755),
    ("balanced", "target", 256, 25_000, 8, 1, 0.758, 0.759),
    ("paired", "pair", 8, 50_000, 4, 4, 0.629, 0.695),
    ("paired", "pair", 16, 50_000, 4, 2, 0.701, 0.733),
    ("paired", "pair", 64, 50_000, 4, 1, 0.750, 0.756),
    ("paired", "pair", 256, 25_000, 8, 1, 0.759, 0.759),
]


def mean_auc(attack, inputs, targets):
    return float(np.mean([auc(result.scores, result.label) for result in attack.run(inputs, targets=targets)]))


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("kind", "exclude", "n_models", "n_records", "n_targets", "n_designs", "own", "pooled"), GOLDEN
)
def test_golden_numbers(
    draw_coins, make_design, make_inputs, kind, exclude, n_models, n_records, n_targets, n_designs, own, pooled
):
    """Signals N(is_in, 1). One AUC of 50,000 records has a standard deviation of .0026 at most, and the mean over
    four targets of one design measured .0010 to .0016 (they share shadows), over four designs half of that. Fixed seeds.
    """
    areas = {"per_record": [], "pooled": []}
    for seed in range(n_designs):
        coins = draw_coins(kind, n_models, n_records, seed=seed)
        margin = np.random.default_rng(100 + seed).standard_normal((n_models, n_records)) + coins
        inputs = make_inputs(make_design(coins, kind=kind), margin, leave_out=("negative_loss", "correct"))
        for variance, found in areas.items():
            attack = Lira(variance=variance, exclude=exclude)
            found.append(mean_auc(attack, inputs, range(n_models)[:: n_models // n_targets]))
    assert np.mean(areas["per_record"]) == pytest.approx(own, abs=0.004)
    assert np.mean(areas["pooled"]) == pytest.approx(pooled, abs=0.004)


@pytest.mark.statistical
@pytest.mark.parametrize("variance", ["per_record", "pooled"])
def test_four_paired_models_use_unit_variances_and_say_so(draw_coins, make_design, make_inputs, variance):
    """The mean over 2 targets of each of 4 designs has a standard deviation of .0011. Fixed seeds."""
    areas = []
    for seed in range(4):
        coins = draw_coins("paired", 4, 50_000, seed=seed)
        margin = np.random.default_rng(seed).standard_normal(coins.shape) + coins
        results = Lira(variance=variance).run(make_inputs(make_design(coins), margin), targets=[0, 2])
        areas += [auc(result.scores, result.label) for result in results]
        assert all("variance used: unit" in result.notes[0] for result in results)
    assert np.mean(areas) == pytest.approx(0.623, abs=0.004)


@pytest.mark.statistical
def test_counts_betray_membership_unless_the_pair_is_left_out(draw_coins, make_design, make_inputs):
    """No signal at all. The mean over the targets has a standard deviation of at most .0026. Fixed seed."""
    margin = np.random.default_rng(1).standard_normal((8, 50_000))
    balanced = make_inputs(make_design(draw_coins("balanced", 8, 50_000), kind="balanced"), margin)
    paired = make_inputs(make_design(draw_coins("paired", 8, 50_000)), margin)
    assert mean_auc(Lira(exclude="target"), balanced, range(8)) == pytest.approx(0.435, abs=0.006)
    assert mean_auc(Lira(), paired, range(0, 8, 2)) == pytest.approx(0.5, abs=0.006)


@pytest.mark.parametrize("exclude", ["pair", "target"])
def test_a_design_whose_counts_betray_membership_says_so(draw_coins, make_design, make_inputs, exclude):
    margin = np.random.default_rng(1).standard_normal((8, 50))
    for kind in ("balanced", "paired"):
        inputs = make_inputs(make_design(draw_coins(kind, 8, 50), kind=kind), margin)
        (result,) = Lira(exclude=exclude).run(inputs, targets=[0])
        assert any("depend on membership" in note for note in result.notes) == ((kind, exclude) != ("paired", "pair"))


def exact_side(side, observed, rounding):
    """Return distance to the mean, residual and number of one record's shadows, in rational arithmetic."""
    values = [Fraction(value) for value in side]
    mean = sum(values) / len(values)
    residual = float(sum((value - mean) ** 2 for value in values))
    return float(Fraction(observed) - mean), residual if residual > len(values) * rounding**2 else 0.0, len(values)


def naive_lira(margin, is_in, target, out, variance):
    """Score record by record from explicit lists; also the size of the two log-densities, for the tolerance."""
    shadows = [model for model in range(len(margin)) if model not in out]
    fits = {0: [], 1: []}
    for record in range(margin.shape[1]):
        for side in (0, 1):
            values = [float(margin[m, record]) for m in shadows if is_in[m, record] == side]
            rounding = max(4 * 2.0**-52 * abs(values[0]), 1e-50)
            fits[side].append(exact_side(values, float(margin[target, record]), rounding))
    spread = {side: sum(residual for _, residual, _ in fits[side]) for side in fits}
    scores, sizes = [], []
    for record in range(margin.shape[1]):
        logs = {}
        for side in (0, 1):
            distance, residual, n = fits[side][record]
            pooled = spread[side] / sum(n - 1 for _, _, n in fits[side]) if spread[side] else 0.0
            own = residual / n if variance == "per_record" and residual else pooled
            sd = math.sqrt(own) if spread[0] and spread[1] else 1.0
            logs[side] = float(norm.logpdf(distance, 0.0, sd))
        scores.append(logs[1] - logs[0])
        sizes.append(abs(logs[0]) + abs(logs[1]))
    return np.array(scores), np.array(sizes)


def hostile_margins(rng, n_models, n_records):
    """Per record an offset and a scale; some records are saturated, constant, or hold one wild model."""
    scale = rng.choice([1e-3, 1.0, 30.0], n_records)
    offset = rng.choice([0.0, 0.0, 5.0, 1e8, -1e8], n_records)
    margin = offset + scale * rng.standard_normal((n_models, n_records))
    margin[:, 0] = 0.1  # the same under every model
    margin[:, 1] = np.minimum(margin[:, 1] - offset[1], 0.3)  # many models at the end of the scale
    margin[:, 2] = rng.choice([0.1, 0.7], n_models)
    margin[rng.integers(n_models), 3] = 1e8
    margin[rng.integers(n_models), 4] = -1e30
    return margin


@PROFILE
@given(st.integers(0, 10**6), st.sampled_from([4, 6, 8]), st.sampled_from(["per_record", "pooled"]), st.booleans())
def test_equals_a_naive_twin(draw_coins, make_design, make_inputs, seed, n_models, variance, is_paired):
    rng = np.random.default_rng(seed)
    kind = "paired" if is_paired else "balanced"
    is_in = draw_coins(kind, n_models, 14, seed=seed)
    is_in[:, 5] = is_in[::-1, 5]
    if not is_paired:  # as unequal as a usable design can be: one shadow is left on one side
        is_in[:, 6:9] = (np.arange(n_models) < 2)[:, None]
    margin = hostile_margins(rng, n_models, 14)
    if rng.random() < 0.2:
        margin[:] = margin[0]  # no spread anywhere
    design = make_design(is_in if not is_paired else draw_coins("paired", n_models, 14, seed=seed), kind=kind)
    inputs = make_inputs(design, margin, leave_out=("negative_loss", "correct"))
    for result in Lira(variance=variance).run(inputs, targets=range(n_models)):
        out = {result.target, result.target ^ 1} if is_paired else {result.target}
        expected, size = naive_lira(margin, design.is_in, result.target, out, variance)
        assert np.isfinite(result.scores).all()
        assert (np.abs(result.scores - expected) <= 1e-6 * (1.0 + size)).all()


@PROFILE
@given(st.integers(0, 10**6), st.sampled_from([6, 8, 20]))
def test_scores_do_not_depend_on_the_secret_coins_or_the_complement(
    draw_coins, make_design, make_inputs, seed, n_models
):
    """Bit for bit: sums from which the target was subtracted would show its coins in the last digits."""
    rng = np.random.default_rng(seed)
    coins = draw_coins("paired", n_models, 40, seed=seed)
    margin = hostile_margins(rng, n_models, 40)
    changed_coins, changed_margin = coins.copy(), margin.copy()
    changed_coins[0] = rng.integers(0, 2, 40)
    changed_coins[1] = 1 - changed_coins[0]
    changed_margin[1] = 1e6 * rng.standard_normal(40)
    for variance in ("per_record", "pooled"):
        (before,) = Lira(variance=variance).run(make_inputs(make_design(coins), margin), targets=[0])
        (after,) = Lira(variance=variance).run(make_inputs(make_design(changed_coins), changed_margin), targets=[0])
        np.testing.assert_array_equal(before.scores, after.scores)
        assert before.notes == after.notes


@pytest.mark.statistical
def test_a_diverged_target_is_not_told_apart_by_rounding(draw_coins, make_design, make_inputs):
    """No signal, but the target's outputs are huge; sums over all models gave an AUC of .05 here.

    The standard deviation of the AUC is .013, so that .08 is missed with probability 1e-9.
    """
    coins = draw_coins("paired", 32, 2000)
    margin = 0.01 * np.random.default_rng(0).standard_normal(coins.shape)
    margin[0] += 1e5
    assert mean_auc(Lira(), make_inputs(make_design(coins), margin), [0]) == pytest.approx(0.5, abs=0.08)


@PROFILE
@given(st.integers(0, 10**6), st.sampled_from(["per_record", "pooled"]))
def test_a_constant_per_record_changes_nothing(draw_coins, make_design, make_inputs, seed, variance):
    rng = np.random.default_rng(seed)
    design = make_design(draw_coins("paired", 10, 30, seed=seed))
    margin = np.round(rng.standard_normal((10, 30)) * 2**16) / 2**16  # the sums below are exact
    shifted = margin + rng.integers(-(10**7), 10**7, 30)
    plain, moved = (Lira(variance=variance).run(make_inputs(design, x), targets=[0, 5]) for x in (margin, shifted))
    for one, other in zip(plain, moved, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-6, atol=1e-6)


@PROFILE
@given(st.integers(0, 10**6))
def test_the_scale_of_a_record_does_not_matter_with_its_own_variance(draw_coins, make_design, make_inputs, seed):
    rng = np.random.default_rng(seed)
    design = make_design(draw_coins("paired", 10, 30, seed=seed))
    margin = rng.standard_normal((10, 30)) + rng.standard_normal(30)
    scaled = margin * np.exp(rng.uniform(-20.0, 20.0, 30))
    plain, moved = (Lira().run(make_inputs(design, x), targets=[0, 5]) for x in (margin, scaled))
    for one, other in zip(plain, moved, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-7, atol=1e-7)


def test_the_variance_used_is_stated(make_design, make_inputs):
    is_in = np.zeros((8, 6), dtype=np.uint8)
    is_in[:4, 1::2] = is_in[4:, 0::2] = 1
    is_in[:, 0] = [1, 1, 0, 0, 0, 0, 0, 0]  # without target 0 one shadow is left inside
    design = make_design(is_in, kind="balanced")
    margin = np.random.default_rng(0).standard_normal((8, 6))
    assert "pooled where a record" in Lira().run(make_inputs(design, margin), targets=[0])[0].notes[0]
    assert not any("variance used" in n for n in Lira().run(make_inputs(design, margin), targets=[7])[0].notes)
    no_spread_inside = np.where(is_in == 1, 3.0, margin)
    (result,) = Lira().run(make_inputs(design, no_spread_inside), targets=[7])
    assert "unit" in result.notes[0]  # on both sides, so that they stay comparable
    expected = 0.5 * ((margin[7, 1] - margin[4:7, 1].mean()) ** 2 - (margin[7, 1] - 3.0) ** 2)
    assert result.scores[1] == pytest.approx(expected)


def test_population_is_not_scored_nor_pooled(draw_coins, make_design, make_inputs):
    coins = draw_coins("paired", 8, 30)
    margin = np.random.default_rng(0).standard_normal((8, 50))
    margin[:, 30:] *= 1e6
    (whole,) = Lira(variance="pooled").run(make_inputs(make_design(coins, n_population=20), margin), targets=[2])
    (alone,) = Lira(variance="pooled").run(make_inputs(make_design(coins), margin[:, :30]), targets=[2])
    np.testing.assert_array_equal(whole.scores, alone.scores)
    np.testing.assert_array_equal(whole.unit_ids, np.arange(30))
    np.testing.assert_array_equal(whole.label, coins[2])


def test_what_cannot_be_scored_is_refused(draw_coins, make_design, make_inputs):
    coins = draw_coins("paired", 4, 20)
    margin = np.random.default_rng(0).standard_normal((4, 20))
    with pytest.raises(UnsupportedError, match="20 records lack one"):
        Lira().run(make_inputs(make_design(coins), margin, models=[0, 1]), targets=[0])
    with pytest.raises(UnsupportedError, match=r"\[3\]"):
        Lira().run(make_inputs(make_design(coins), margin, models=[0, 1, 2]), targets=[0, 3])
    for wild in (math.inf, -math.inf, 1e61):
        margin[2, 7] = wild
        with pytest.raises(DataError, match="model 2, record 7"):
            Lira().run(make_inputs(make_design(coins), margin), targets=[0])
    for params in ({"variance": "shared"}, {"exclude": "both"}):
        with pytest.raises(ConfigError, match=next(iter(params))):
            Lira(**params)
