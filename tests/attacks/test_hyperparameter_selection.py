"""Which hyperparameters a target was trained with: divergences by their definition, and what must not reach them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from privaudit.attacks.hyperparameter_selection import (
    choose_candidate,
    gaussian_kl,
    member_moments,
    selection_divergence,
)
from privaudit.errors import DataError, ShapeError, UnsupportedError

PROFILE = settings(max_examples=40, deadline=None, derandomize=True)


def naive_divergence(targets, grid, is_in, usable):
    """The definition, one target, candidate and data set after the other."""
    found = np.empty((len(targets), grid.shape[1]))
    for t, target in enumerate(targets):
        for j in range(grid.shape[1]):
            parts = []
            for k in np.flatnonzero(usable[t]):
                p, q = target[is_in[k]], grid[k, j][is_in[k]]
                variance_p, variance_q = max(np.var(p), 1e-6), max(np.var(q), 1e-6)
                squared = variance_p + (np.mean(p) - np.mean(q)) ** 2
                parts.append(0.5 * (squared / variance_q - np.log(variance_p / variance_q) - 1))
            found[t, j] = np.mean(parts)
    return found


def a_grid(seed, n_datasets=6, n_candidates=4, n_records=30, offset=0.0):
    """Every candidate has a level, a spread and a gain of members of its own; target t has candidate t's."""
    rng = np.random.default_rng(seed)
    is_in = rng.random((n_datasets, n_records)) < 0.5
    is_in[:, 0] = True
    level, spread, gain = (
        rng.normal(0, 2, n_candidates),
        rng.lognormal(0, 1, n_candidates),
        rng.normal(2, 1, n_candidates),
    )
    noise = rng.standard_normal((n_datasets, n_candidates, n_records))
    grid = offset + level[:, None] + spread[:, None] * noise + gain[:, None] * is_in[:, None]
    return grid, is_in


@PROFILE
@given(st.floats(-50, 50), st.floats(1e-3, 50), st.floats(-50, 50), st.floats(1e-3, 50))
def test_divergence_of_normals_is_never_negative_and_0_for_equal_ones(mean_p, variance_p, mean_q, variance_q):
    assert gaussian_kl(mean_p, variance_p, mean_q, variance_q) >= 0
    assert gaussian_kl(mean_p, variance_p, mean_p, variance_p) == 0


@pytest.mark.parametrize("at", [(0.0, 1.0, 0.0, 4.0), (1.0, 2.0, -1.0, 0.5), (0.3, 0.2, 0.1, 0.25)])
def test_divergence_of_normals_is_the_integral(at):
    mean_p, variance_p, mean_q, variance_q = at
    p, q = norm(mean_p, variance_p**0.5), norm(mean_q, variance_q**0.5)
    wanted, _ = quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), mean_p - 30, mean_p + 30, points=[mean_p])
    assert gaussian_kl(*at) == pytest.approx(wanted, abs=1e-8)


def test_variances_that_are_none_are_refused():
    for bad in (0.0, -1.0, np.nan):
        with pytest.raises(DataError, match="positive"):
            gaussian_kl(0.0, bad, 0.0, 1.0)
        with pytest.raises(DataError, match="positive"):
            gaussian_kl(0.0, 1.0, 0.0, [1.0, bad])


@PROFILE
@given(st.integers(0, 10**6), st.sampled_from([0.0, 1e6, -1e9]))
def test_moments_are_those_of_the_members(seed, offset):
    grid, is_in = a_grid(seed, offset=offset)
    means, variances = member_moments(grid[:, 0], is_in)
    for row, values in enumerate(grid[:, 0]):
        for dataset, members in enumerate(is_in):
            assert means[row, dataset] == pytest.approx(values[members].mean(), rel=1e-12, abs=1e-9)
            assert variances[row, dataset] == pytest.approx(np.var(values[members]), rel=1e-9, abs=1e-9)


def test_an_outlier_costs_the_data_sets_without_it_no_digits():
    values = np.array([[1.0, 2.0, 4.0, 1e30]])
    means, variances = member_moments(values, [[1, 1, 1, 0], [1, 1, 1, 1]])
    assert means[0, 0] == pytest.approx(7 / 3, abs=1e-12) and variances[0, 0] == pytest.approx(14 / 9, abs=1e-12)
    assert variances[0, 1] == pytest.approx(np.var(values), rel=1e-12)


@PROFILE
@given(st.integers(0, 10**6), st.integers(2, 7), st.integers(1, 5), st.integers(1, 5))
def test_divergences_are_those_of_the_definition(seed, n_datasets, n_candidates, n_targets):
    grid, is_in = a_grid(seed, n_datasets, n_candidates)
    rng = np.random.default_rng(seed)
    targets = rng.normal(0, 2, (n_targets, 1)) + rng.lognormal(0, 1, (n_targets, 1)) * rng.normal(size=(n_targets, 30))
    usable = rng.random((n_targets, n_datasets)) < 0.6
    usable[:, 0] = True
    np.testing.assert_allclose(
        selection_divergence(targets, grid, is_in, usable), naive_divergence(targets, grid, is_in, usable), rtol=1e-9
    )


def test_heads_that_learnt_nothing_have_finite_divergences():
    """Constant signals, of a target or a shadow: the least variance stands in, and the definition's twin agrees."""
    grid, is_in = a_grid(1)
    grid[:, 0] = -np.log(9.0)
    targets = np.stack([np.full(30, -np.log(9.0)), grid[0, 1], np.full(30, 1e60)])
    usable = np.ones((3, 6), dtype=bool)
    found = selection_divergence(targets, grid, is_in, usable)
    assert np.isfinite(found).all() and found[0, 0] == 0 and found[1, 0] > 1e5
    np.testing.assert_allclose(found, naive_divergence(targets, grid, is_in, usable), rtol=1e-9)


def test_the_right_column_is_chosen():
    """Ten grids with the same four candidates: a level or a spread apart from each other.

    A gain alone does not tell candidates apart: half of a shadow's members are none of the target's, so a target that
    gains is as far below the shadows of its own candidate as it is above those of one without a gain.
    """
    level, spread, gain = np.array([0.0, 0.0, 2.0, 2.0]), np.array([1.0, 2.0, 1.0, 2.0]), np.full(4, 0.5)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        first = rng.random((4, 300)) < 0.5
        is_in = np.stack([first, ~first], axis=1).reshape(8, 300)
        difficulty = rng.normal(0, 0.5, 300)
        made = level[:, None] + spread[:, None] * rng.standard_normal((8, 4, 300)) + gain[:, None] * is_in[:, None]
        grid = difficulty + made
        true = np.arange(8) % 4
        usable = ~np.eye(8, dtype=bool) & ~np.eye(8, dtype=bool)[np.arange(8) ^ 1]
        divergence = selection_divergence(grid[np.arange(8), true], grid, is_in, usable)
        assert choose_candidate(divergence, np.ones((8, 4), dtype=bool)).tolist() == true.tolist()


def test_a_gain_alone_is_not_told_from_none():
    """40,000 records, a divergence of .138 of both candidates in the limit; deviations of .025 are five standard errors."""
    rng, gain = np.random.default_rng(0), np.array([0.0, 1.0])
    is_in = rng.random((2, 40_000)) < 0.5
    grid = rng.standard_normal((2, 2, 40_000)) + gain[:, None] * is_in[:, None]
    found = selection_divergence(grid[:1, 1], grid, is_in, [[False, True]])[0]
    assert found == pytest.approx(0.25 - 0.5 * np.log(1.25), abs=0.025)


@pytest.mark.parametrize("is_constant", [False, True])
def test_data_sets_left_out_do_not_reach_the_divergence(is_constant):
    """Not their coins, nor their heads: to the last digit."""
    grid, is_in = a_grid(3)
    targets = np.full((1, 30), 0.3) if is_constant else grid[:1, 2].copy()
    usable = np.array([[False, False, True, True, True, True]])
    before = selection_divergence(targets, grid, is_in, usable)
    changed, coins = grid.copy(), is_in.copy()
    changed[:2] = 7.0 - 1e6 * changed[:2]
    coins[:2] = ~coins[:2]
    coins[:2, 0] = True
    np.testing.assert_array_equal(before, selection_divergence(targets, changed, coins, usable))


def test_the_first_of_equals_and_only_what_is_allowed():
    allowed = np.array([[True, True, True], [False, True, True], [False, False, True]])
    assert choose_candidate([[1.0, 1.0, 2.0], [0.0, 3.0, 3.0], [0.0, 0.0, 9.0]], allowed).tolist() == [0, 1, 2]


def test_hostile_input_is_refused():
    grid, is_in = a_grid(0)
    targets, usable = grid[:, 0], np.ones((6, 6), dtype=bool)
    bad = targets.copy()
    for value in (np.nan, np.inf, -np.inf, 1e61):
        bad[2, 3] = value
        with pytest.raises(DataError, match="target_values must be finite"):
            selection_divergence(bad, grid, is_in, usable)
        with pytest.raises(DataError, match="grid must be finite"):
            selection_divergence(targets, np.where(grid == grid.max(), value, grid), is_in, usable)
    empty = is_in & (np.arange(6) != 4)[:, None]
    with pytest.raises(UnsupportedError, match="needs a member"):
        selection_divergence(targets, grid, empty, usable)
    with pytest.raises(UnsupportedError, match="another pair"):
        selection_divergence(targets, grid, is_in, usable & (np.arange(6) != 4)[:, None])
    with pytest.raises(DataError, match="0 and 1"):
        selection_divergence(targets, grid, is_in * 2, usable)
    for wrong in (
        (targets[0], grid, is_in, usable),
        (targets, grid[0], is_in, usable),
        (targets, grid, is_in[0], usable),
    ):
        with pytest.raises(ShapeError):
            selection_divergence(*wrong)
    with pytest.raises(ShapeError, match="usable"):
        selection_divergence(targets, grid, is_in, usable[:, :5])
    with pytest.raises(ShapeError):
        selection_divergence(targets[:, :20], grid, is_in, usable)


def test_no_choice_is_made_without_candidates_or_of_no_numbers():
    with pytest.raises(UnsupportedError, match="candidate"):
        choose_candidate([[1.0, 2.0], [1.0, 2.0]], [[True, True], [False, False]])
    for bad in (np.nan, np.inf):
        with pytest.raises(DataError, match="finite"):
            choose_candidate([[1.0, bad]], [[True, True]])
    with pytest.raises(ShapeError):
        choose_candidate([[1.0, 2.0]], [[True]])
