"""Fits of all targets at once equal fits one by one, and know nothing of the pair that was left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privaudit.attacks.shadow_fit import (
    ShadowFits,
    fit_side,
    fits_without_each,
    medians_without_each,
    sums_without_each,
)
from privaudit.attacks.whiten import whitened, within_covariance
from privaudit.errors import UnsupportedError

PROFILE = settings(max_examples=40, deadline=None, derandomize=True)


def all_blocks(fits):
    blocks = list(fits)
    observed = np.hstack([block.observed for block in blocks])
    sides = []
    for side in range(len(blocks[0].sides)):
        parts = [block.sides[side] for block in blocks]
        width = [block.observed.shape for block in blocks]
        sides.append(
            type(parts[0])(
                *(
                    np.hstack([np.broadcast_to(part[place], shape) for part, shape in zip(parts, width, strict=True)])
                    for place in range(4)
                )
            )
        )
    return observed, *sides


@PROFILE
@given(st.integers(0, 10**6), st.sampled_from([4, 6, 8, 14]), st.sampled_from(["mean", "median"]))
def test_all_targets_at_once_equal_one_side_at_a_time(draw_coins, seed, n_models, centre):
    rng = np.random.default_rng(seed)
    is_in = draw_coins("paired", n_models, 300, seed=seed).astype(bool)
    scale = rng.choice([1e-3, 1.0, 1e4], 300)
    values = rng.choice([0.0, 7.0, 1e8], 300) + scale * rng.standard_normal((n_models, 300))
    values[:, :20] = np.round(values[:, :20])  # ties
    values[:, 20] = 0.1
    values[rng.integers(n_models), 21] = -1e30
    pair, every = np.arange(n_models) ^ 1, np.arange(n_models)
    targets = rng.permutation(n_models)
    fits = ShadowFits(values=values, is_in=is_in, pair=pair, usable=every, targets=targets, centre=centre)
    observed, inside, outside = all_blocks(fits)
    np.testing.assert_array_equal(observed, values[targets])
    for place, target in enumerate(targets):
        shadows = np.setdiff1d(every, [target, target ^ 1])
        for together, on_side in ((inside, is_in[shadows]), (outside, ~is_in[shadows])):
            alone = fit_side(values[shadows], on_side, centre=centre)
            own = type(alone)(*(part[place] for part in together))
            np.testing.assert_array_equal(own.n, alone.n)
            tolerance = 1e-9 * (1.0 + np.abs(alone.distance(observed[place])) + np.sqrt(alone.residual))
            assert (np.abs(own.distance(observed[place]) - alone.distance(observed[place])) <= tolerance).all()
            np.testing.assert_allclose(own.residual, alone.residual, rtol=1e-9)


@PROFILE
@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(1, 4))
def test_sums_and_medians_without_one_row_equal_their_definition(seed, n_rows, n_columns):
    rng = np.random.default_rng(seed)
    values = rng.integers(-3, 4, (n_rows, n_columns)) + rng.choice([0.0, 0.25])
    wanted = rng.integers(0, n_rows, rng.integers(1, 6))
    rest = [np.delete(values, row, axis=0) for row in wanted]
    np.testing.assert_array_equal(sums_without_each(values, wanted), [one.sum(axis=0) for one in rest])
    np.testing.assert_array_equal(medians_without_each(values, wanted), [np.median(one, axis=0) for one in rest])


@PROFILE
@given(st.integers(0, 10**6), st.integers(0, 4))
def test_the_row_left_out_changes_no_bit(seed, row):
    """Whatever the pair left out says, huge or small: the others' fit stays the same."""
    rng = np.random.default_rng(seed)
    side = rng.standard_normal((5, 40))
    changed = side.copy()
    changed[row] = rng.choice([1e30, -1e8, 0.0], 40)
    for centre in ("mean", "median"):
        before, after = (fits_without_each(values, np.array([row]), centre=centre) for values in (side, changed))
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)


def test_blocks_cover_every_record_once(draw_coins, monkeypatch):
    monkeypatch.setattr("privaudit.attacks.shadow_fit.BLOCK_NUMBERS", 300)
    is_in = draw_coins("paired", 6, 1000).astype(bool)
    values = np.random.default_rng(0).standard_normal((6, 1000))
    fits = ShadowFits(values=values, is_in=is_in, pair=np.arange(6) ^ 1, usable=np.arange(6), targets=[0, 5])
    seen = [block.records for block in fits]
    assert len(seen) > 5
    np.testing.assert_array_equal(np.concatenate([np.arange(1000)[part] for part in seen]), np.arange(1000))


@pytest.mark.parametrize("kind", ["paired", "balanced"])
@pytest.mark.parametrize("centre", ["mean", "median"])
def test_out_alone_is_the_out_side_of_both(draw_coins, kind, centre):
    is_in = draw_coins(kind, 8, 200).astype(bool)
    values = np.random.default_rng(0).standard_normal((8, 200))
    pair = np.arange(8) ^ 1 if kind == "paired" else np.full(8, -1)
    given_both = {"values": values, "is_in": is_in, "pair": pair, "usable": np.arange(8), "targets": [0, 5]}
    _, _, outside = all_blocks(ShadowFits(**given_both, centre=centre))
    _, alone = all_blocks(ShadowFits(**given_both, centre=centre, sides="out"))
    for one, other in zip(outside, alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_out_alone_needs_no_in_shadow(draw_coins):
    is_in = draw_coins("balanced", 6, 50).astype(bool)
    is_in[1:, :7] = False
    values = np.random.default_rng(0).standard_normal((6, 50))
    fits = {"values": values, "is_in": is_in, "pair": np.full(6, -1), "usable": np.arange(6), "targets": [0]}
    with pytest.raises(UnsupportedError, match="7 records lack one"):
        list(ShadowFits(**fits))
    (block,) = ShadowFits(**fits, sides="out")
    np.testing.assert_array_equal(block.outside.n[0, :7], 5)
    is_in[1:, 9] = True
    with pytest.raises(UnsupportedError, match="1 records lack one"):
        list(ShadowFits(**fits, sides="out"))
    two = {"values": values[:2], "is_in": np.stack([is_in[0], ~is_in[0]]), "pair": np.array([1, 0])}
    own_pair = ShadowFits(**two, usable=np.arange(2), targets=[0], sides="out")
    with pytest.raises(UnsupportedError, match="50 records lack one"):
        list(own_pair)


def test_too_few_shadows_are_refused():
    with pytest.raises(UnsupportedError, match="1 records lack one"):
        fit_side(np.zeros((2, 2)), np.array([[True, False], [True, False]]))


def test_within_covariance_is_that_of_views_around_their_side(draw_coins):
    rng = np.random.default_rng(0)
    is_in = draw_coins("paired", 40, 400).astype(bool)
    mix = rng.standard_normal((3, 3))
    values = rng.standard_normal((40, 400, 3)) @ mix + 5.0 * is_in[:, :, None] + rng.normal(0.0, 9.0, (400, 3))
    found = within_covariance(values, is_in)
    # 40 x 400 draws less 800 means: a relative error of .01 per entry at one standard deviation
    np.testing.assert_allclose(found, mix.T @ mix, atol=0.06 * np.abs(mix.T @ mix).max())


def test_a_repeated_view_counts_once():
    rng = np.random.default_rng(0)
    view = rng.standard_normal((6, 50))
    coordinates = whitened(np.repeat(view[:, :, None], 4, axis=2), rng.random((6, 50)) < 0.5, np.arange(6))
    assert len(coordinates) == 1
    constant = whitened(np.ones((6, 50, 2)), rng.random((6, 50)) < 0.5, np.arange(6))
    np.testing.assert_array_equal(constant, np.ones((1, 6, 50)))
