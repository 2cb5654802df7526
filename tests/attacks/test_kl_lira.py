"""LiRA with the variant most like the target: its choice, its scores, and what must not reach either."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import norm

from privaudit.attacks import KlLira, Lira
from privaudit.errors import ConfigError, DataError, MissingSignalError, UnsupportedError
from privaudit.estimators import auc, auc_null_variance

LEVEL, SLOPE = np.array([0.0, 2.0, -2.0]), np.array([1.0, 4.0, 0.2])
SPREAD, GAIN = np.array([1.0, 2.0, 0.5]), np.array([1.0, 3.0, 0.3])


def with_variants(design, variant):
    return dataclasses.replace(design, variant=np.asarray(variant))


def margins(rng, is_in, variant):
    """Variants differ in level, spread, gain of members, and in how much the records' difficulties matter."""
    n = is_in.shape[1]
    noise = SPREAD[variant][:, None] * rng.standard_normal(is_in.shape)
    difficulty = rng.normal(0, 1, n) * SLOPE[variant][:, None]
    return difficulty + LEVEL[variant][:, None] + noise + GAIN[variant][:, None] * is_in


@pytest.fixture
def world(draw_coins, make_design, make_inputs):
    """24 models of three variants, pair by pair in turn."""
    coins = draw_coins("paired", 24, 300, seed=3)
    variant = np.arange(24) // 2 % 3
    margin = margins(np.random.default_rng(0), coins, variant)
    return make_inputs(with_variants(make_design(coins), variant), margin)


def test_the_targets_variant_is_found_and_its_shadows_alone_serve(world):
    variant = world.design.variant
    for result in KlLira().run(world, targets=range(24)):
        own = int(variant[result.target])
        assert result.notes == (f"hyperparameters chosen by divergence: variant {own} of the recipe, among 3",)
        assert result.params == {"selection": "kl", "variance": "per_record"} and not result.depends_on_coins
        assert KlLira().signals == {"logit_margin"}
        (wanted,) = Lira().run(world.restricted_to(np.flatnonzero(variant == own)), targets=[result.target])
        np.testing.assert_allclose(result.scores, wanted.scores, rtol=1e-12)


def test_the_stated_variant_serves_whatever_the_targets_look_like(world):
    """For targets of that variant and of others, which are part of no shadow then."""
    variant = world.design.variant
    attack = KlLira(selection="oracle", variant=1, variance="pooled")
    for result in attack.run(world, targets=[2, 0, 8, 5]):
        assert result.notes[0] == "hyperparameters stated: variant 1 of the recipe, among 3"
        assert result.params == {"selection": "oracle", "variant": 1, "variance": "pooled"}
        own = [result.target, result.target ^ 1]
        served = world.restricted_to(np.union1d(own, np.flatnonzero(variant == 1)))
        (wanted,) = Lira(variance="pooled").run(served, targets=[result.target])
        np.testing.assert_allclose(result.scores, wanted.scores, rtol=1e-12)
    chosen, stated = (one.run(world, targets=[2])[0] for one in (KlLira(variance="pooled"), attack))
    np.testing.assert_array_equal(chosen.scores, stated.scores)


def test_the_most_accurate_variant_serves_for_all_targets(world):
    """Right where the margin is above 0: most often for variant 1, whose level is the highest."""
    attack = KlLira(selection="accuracy")
    assert attack.signals == {"logit_margin", "correct"}
    (stated,) = KlLira(selection="oracle", variant=1).run(world, targets=[0])
    found = attack.run(world, targets=range(24))
    assert {result.notes[0] for result in found} == {
        "hyperparameters chosen by accuracy: variant 1 of the recipe, among 3"
    }
    np.testing.assert_array_equal(found[0].scores, stated.scores)
    without = dataclasses.replace(world, signals={"logit_margin": world.signals["logit_margin"]})
    with pytest.raises(MissingSignalError, match="correct"):
        attack.run(without, targets=[0])


def test_it_beats_shadows_of_all_variants(world):
    areas = [
        np.mean([auc(result.scores, result.label) for result in attack.run(world, targets=range(24))])
        for attack in (KlLira(variance="pooled"), Lira(variance="pooled"))
    ]
    assert areas[0] > areas[1] + 0.03


def test_a_target_that_no_shadow_is_like_takes_the_nearest(world, make_inputs):
    """Its own variant is of no other model: it and its complement are nobody's shadows, and are not a candidate."""
    variant = world.design.variant.copy()
    variant[:2] = 7
    margin = world.dense("logit_margin").copy()
    inputs = make_inputs(with_variants(world.design, variant), margin)
    (result,) = KlLira().run(inputs, targets=[0])
    assert result.notes == ("hyperparameters chosen by divergence: variant 0 of the recipe, among 3",)
    (wanted,) = Lira().run(world.restricted_to([0, 1, *np.flatnonzero(variant == 0)]), targets=[0])
    np.testing.assert_array_equal(result.scores, wanted.scores)
    with pytest.raises(UnsupportedError, match="variant 7 has 2 for target 2"):
        KlLira().run(inputs, targets=[0, 2])


def test_the_targets_own_variant_is_not_looked_at(world):
    """Nor that of its complement, whatever it says."""
    (before,) = KlLira().run(world, targets=[5])
    for other in ((1, 1), (0, 2), (8, 9)):
        variant = world.design.variant.copy()
        variant[[4, 5]] = other
        changed = dataclasses.replace(world, design=with_variants(world.design, variant))
        (after,) = KlLira().run(changed, targets=[5])
        np.testing.assert_allclose(after.scores, before.scores, rtol=1e-12)
        assert after.notes == before.notes


def test_a_released_model_is_attacked_by_the_variant_it_is_like_and_is_no_shadow(world, make_inputs):
    old, margin, rng = world.design, world.dense("logit_margin"), np.random.default_rng(9)
    design = dataclasses.replace(
        old,
        is_in=np.vstack([old.is_in, rng.integers(0, 2, (1, 300), dtype=np.uint8)]),
        pair=np.append(old.pair, -1),
        role=np.append(old.role, "target"),
        variant=np.append(old.variant, -1),
    )
    like = margin[2] + 0.1 * rng.standard_normal(300)  # of variant 1
    inputs = make_inputs(design, np.vstack([margin, like]))
    (result,) = KlLira().run(inputs, targets=[24])
    assert "variant 1 of the recipe, among 3" in result.notes[0] and not result.has_fair_coins
    (wanted,) = Lira().run(inputs.restricted_to([24, *np.flatnonzero(design.variant == 1)]), targets=[24])
    np.testing.assert_array_equal(result.scores, wanted.scores)
    (before,), (after,) = (KlLira().run(one, targets=[0]) for one in (world, inputs))
    np.testing.assert_array_equal(before.scores, after.scores)
    with pytest.raises(UnsupportedError, match="needs shadow models; none"):
        KlLira().run(inputs.restricted_to([24]), targets=[24])


def test_targets_may_be_attacked_together_or_alone(world):
    together = KlLira().run(world, targets=[9, 2, 3])
    assert [result.target for result in together] == [9, 2, 3]
    for result in together:
        (alone,) = KlLira().run(world, targets=[result.target])
        np.testing.assert_array_equal(alone.scores, result.scores)
    assert KlLira().run(world, targets=[]) == ()


@pytest.mark.parametrize("n_models", [4, 8, 16])
def test_with_one_variant_it_is_lira(draw_coins, make_design, make_inputs, n_models):
    coins = draw_coins("paired", n_models, 100, seed=1)
    inputs = make_inputs(make_design(coins), np.random.default_rng(1).normal(size=(n_models, 100)) + coins)
    for variance in ("per_record", "pooled"):
        ours, lira = (attack(variance=variance).run(inputs, targets=[0, 3]) for attack in (KlLira, Lira))
        for mine, theirs in zip(ours, lira, strict=True):
            np.testing.assert_array_equal(mine.scores, theirs.scores)
            assert mine.notes[0].endswith("this is lira") and mine.notes[1:] == theirs.notes
    for options, end in (({"variant": 0}, "this is lira"), ({"variant": 3}, "variant 3 was stated, theirs is 0")):
        (stated,) = KlLira(selection="oracle", variance="pooled", **options).run(inputs, targets=[0])
        np.testing.assert_array_equal(stated.scores, ours[0].scores)
        assert stated.notes[0].endswith(end)


@pytest.mark.parametrize("options", [{}, {"selection": "accuracy"}, {"selection": "oracle", "variant": 0}])
@pytest.mark.parametrize("is_constant", [False, True])
def test_coins_reach_the_scores_through_the_target_alone(world, make_inputs, is_constant, options):
    """Target's and complement's coins and the complement's signals: the same scores to the last digit."""
    margin = np.full((24, 300), 0.1) if is_constant else world.dense("logit_margin").copy()
    (before,) = KlLira(**options).run(make_inputs(world.design, margin), targets=[8])
    is_in = world.design.is_in.copy()
    is_in[8:10] = 1 - is_in[8:10]
    changed = margin.copy()
    if not is_constant:
        changed[9] = 1e4 * changed[9]
    (after,) = KlLira(**options).run(make_inputs(dataclasses.replace(world.design, is_in=is_in), changed), targets=[8])
    np.testing.assert_array_equal(before.scores, after.scores)
    assert before.notes == after.notes and is_constant == (np.ptp(before.scores) == 0)


@pytest.mark.statistical
@pytest.mark.parametrize("options", [{}, {"selection": "accuracy"}, {"selection": "oracle", "variant": 1}])
@pytest.mark.parametrize(("n_models", "n_variants"), [(12, 2), (16, 2), (64, 3)])
def test_redrawn_coins_leave_it_at_chance(draw_coins, make_design, make_inputs, n_models, n_variants, options):
    """Margins that never saw a coin, of several variants: no AUC of twenty, nor their mean, leaves its band, which a
    correct attack does with probability 2e-6 for each choice and size.
    """
    variant = np.arange(n_models) // 2 % n_variants
    margin = margins(np.random.default_rng(4), np.zeros((n_models, 1000)), variant)
    areas, variances = [], []
    for redraw in range(20):
        coins = draw_coins("paired", n_models, 1000, seed=100 * n_models + redraw)
        inputs = make_inputs(with_variants(make_design(coins), variant), margin)
        (result,) = KlLira(**options).run(inputs, targets=[redraw % n_models])
        n_in = int(result.label.sum())
        areas.append(auc(result.scores, result.label))
        variances.append(auc_null_variance(result.scores, n_in, 1000 - n_in))
    deviations = np.array(areas) - 0.5
    assert (np.abs(deviations) <= norm.isf(0.5e-6 / 20) * np.sqrt(variances)).all()
    assert abs(deviations.sum()) <= norm.isf(0.5e-6) * math.sqrt(sum(variances))


def test_too_few_shadows_of_a_variant_are_refused(draw_coins, make_design, make_inputs):
    coins = draw_coins("paired", 10, 50)
    inputs = make_inputs(
        with_variants(make_design(coins), [0, 0, 0, 0, 0, 0, 3, 3, 3, 3]),
        np.random.default_rng(0).normal(size=(10, 50)),
    )
    KlLira().run(inputs, targets=[0])
    with pytest.raises(UnsupportedError, match="variant 3 has 2 for target 6") as caught:
        KlLira().run(inputs, targets=[0, 6])
    assert "\n" not in str(caught.value)
    for variant in (0, 3):  # a stated variant needs shadows, the others do not
        attack = KlLira(selection="oracle", variant=variant)
        if variant == 0:
            attack.run(inputs, targets=[6])
        else:
            with pytest.raises(UnsupportedError, match="variant 3 has 2 for target 6"):
                attack.run(inputs, targets=[6])
    with pytest.raises(UnsupportedError, match="variant 3 has 3"):
        KlLira().run(inputs.restricted_to(range(9)), targets=[0])


def test_hostile_input_is_refused(world, make_inputs):
    wrong = ({"selection": "random"}, {"variance": "poled"}, {"variant": 1}, {"variant": 0, "selection": "accuracy"})
    stated = [{"variant": bad, "selection": "oracle"} for bad in (None, -1, True, 1.0, "0")]
    for options in (*wrong, *stated):
        with pytest.raises(ConfigError, match=next(iter(options))) as caught:
            KlLira(**options)
        assert caught.value.key == next(iter(options)) and "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"variant must be one of the shadows', \[0, 1, 2\]; got 7"):
        KlLira(selection="oracle", variant=7).run(world, targets=[0])
    with pytest.raises(UnsupportedError, match="measured"):
        KlLira().run(world, targets=[99])
    margin = world.dense("logit_margin").copy()
    margin[3, 4] = np.inf
    with pytest.raises(DataError, match="finite"):
        KlLira().run(make_inputs(world.design, margin), targets=[0])
    never_in = world.design.is_in.copy()
    never_in[:, 0] = 0
    lonely = dataclasses.replace(world.design, kind="balanced", is_in=never_in, pair=np.full(24, -1))
    with pytest.raises(UnsupportedError, match="1 records lack"):
        KlLira().run(dataclasses.replace(world, design=lonely), targets=[0])
