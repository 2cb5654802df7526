"""LiRA on a grid: its scores by the definition, and what must not reach them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from privaudit.attacks import Lira
from privaudit.attacks.grid_lira import grid_lira_scores
from privaudit.attacks.hyperparameter_selection import choose_candidate, selection_divergence
from privaudit.errors import ConfigError, DataError, ShapeError, UnsupportedError
from privaudit.estimators import auc

PROFILE = settings(max_examples=15, deadline=None, derandomize=True)


def a_grid(draw_coins, seed, n_datasets=8, n_candidates=3, n_records=20, gain=1.0):
    """Candidates a level and a spread apart; target t was trained with candidate t modulo their number."""
    rng = np.random.default_rng(seed)
    is_in = draw_coins("paired", n_datasets, n_records, seed).astype(bool)
    noise = rng.standard_normal((n_datasets, n_candidates, n_records))
    candidate = np.arange(n_candidates)[:, None]
    grid = rng.normal(0, 1, n_records) + 2.0 * candidate + (1 + candidate) * (0.5 * noise + gain * is_in[:, None])
    true = np.arange(n_datasets) % n_candidates
    return grid[np.arange(n_datasets), true], grid, is_in, np.arange(n_datasets) ^ 1, true


def naive_scores(targets, own, grid, is_in, pair, columns):
    """The definition, one target and record after the other; two shadows or more on every side."""
    found = np.empty(targets.shape)
    for t, dataset in enumerate(own):
        for record in range(targets.shape[1]):
            sides = ([], [])
            for k in range(len(grid)):
                if k not in (dataset, pair[dataset]):
                    sides[0 if is_in[k, record] else 1].append(grid[k, columns[t, k], record])
            inside, outside = (norm.logpdf(targets[t, record], np.mean(side), np.std(side)) for side in sides)
            found[t, record] = inside - outside
    return found


@PROFILE
@given(st.integers(0, 10**6), st.integers(3, 5), st.integers(1, 4))
def test_scores_are_those_of_the_definition(draw_coins, seed, n_pairs, n_candidates):
    targets, grid, is_in, pair, _ = a_grid(draw_coins, seed, 2 * n_pairs, n_candidates)
    rng = np.random.default_rng(seed)
    own = rng.permutation(2 * n_pairs)[:3]
    columns = rng.integers(0, n_candidates, (3, 2 * n_pairs))
    found = grid_lira_scores(targets[own], own, grid, is_in, pair, columns)
    np.testing.assert_allclose(found, naive_scores(targets[own], own, grid, is_in, pair, columns), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("variance", ["per_record", "pooled"])
@pytest.mark.parametrize("n_datasets", [4, 6, 16])
def test_with_one_candidate_it_is_lira(draw_coins, make_design, make_inputs, n_datasets, variance):
    """At 4 data sets without any spread, at 6 with variances that are pooled where two shadows say the same."""
    _, grid, is_in, pair, _ = a_grid(draw_coins, 5, n_datasets, 1, 200)
    grid[:, :, 3] = 1.0
    margin, every = grid[:, 0], np.arange(n_datasets)
    found = grid_lira_scores(margin, every, grid, is_in, pair, np.zeros((n_datasets, n_datasets)), variance=variance)
    inputs = make_inputs(make_design(is_in.astype(np.uint8)), margin)
    for result in Lira(variance=variance).run(inputs, targets=every):
        np.testing.assert_allclose(found[result.target], result.scores, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("is_constant", [False, True])
def test_own_data_set_and_complement_do_not_reach_the_scores(draw_coins, is_constant):
    """Not their coins, nor their heads, nor their columns: to the last digit."""
    targets, grid, is_in, pair, _ = a_grid(draw_coins, 2)
    if is_constant:
        targets, grid = np.full_like(targets, 0.1), np.full_like(grid, 0.1)
    columns = np.random.default_rng(0).integers(0, 3, (1, 8))
    before = grid_lira_scores(targets[[4]], [4], grid, is_in, pair, columns)
    assert is_constant == (np.ptp(before) == 0)
    changed, coins, others = grid.copy(), is_in.copy(), columns.copy()
    changed[4:6] = 1e5 - changed[4:6]
    coins[4:6] = ~coins[4:6]
    others[:, 4:6] = -9
    np.testing.assert_array_equal(before, grid_lira_scores(targets[[4]], [4], changed, coins, pair, others))


def test_the_choice_by_divergence_does_as_well_as_the_oracle_and_random_columns_worse(draw_coins):
    targets, grid, is_in, pair, true = a_grid(draw_coins, 7, 16, 4, 600, gain=0.5)
    every, usable = np.arange(16), np.ones((16, 16), dtype=bool)
    usable[every, every] = usable[every, pair] = False
    chosen = choose_candidate(selection_divergence(targets, grid, is_in, usable), np.ones((16, 4), dtype=bool))
    assert chosen.tolist() == true.tolist()
    random = np.random.default_rng(0).integers(0, 4, (16, 16))
    areas = []
    for columns in (np.repeat(chosen[:, None], 16, axis=1), random):
        scores = grid_lira_scores(targets, every, grid, is_in, pair, columns)
        areas.append(np.mean([auc(*one) for one in zip(scores, is_in, strict=True)]))
    assert areas[0] > areas[1] + 0.1


def test_hostile_input_is_refused(draw_coins):
    targets, grid, is_in, pair, _ = a_grid(draw_coins, 0)
    own, columns = np.arange(8), np.zeros((8, 8), dtype=int)
    good = {"target_values": targets, "target_dataset": own, "grid": grid, "is_in": is_in, "pair": pair}
    good["columns"] = columns
    for name, value, error in (
        ("target_values", np.where(targets == targets.max(), np.nan, targets), DataError),
        ("grid", np.where(grid == grid.min(), -np.inf, grid), DataError),
        ("is_in", is_in * 3, DataError),
        ("is_in", is_in | (np.arange(20) == 2), UnsupportedError),
        ("is_in", is_in & (np.arange(20) != 2), UnsupportedError),
        ("target_values", targets[:, :5], ShapeError),
        ("target_dataset", own[:4], ShapeError),
        ("grid", grid[:, 0], ShapeError),
        ("pair", pair[:3], ShapeError),
        ("columns", columns[:, :3], ShapeError),
        ("columns", columns + 3, ConfigError),
        ("columns", columns - 1, ConfigError),
        ("target_dataset", own + 1, ConfigError),
        ("target_dataset", own - 1, ConfigError),
        ("pair", pair + 1, ConfigError),
    ):
        with pytest.raises(error) as caught:
            grid_lira_scores(**{**good, name: value})
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="variance"):
        grid_lira_scores(**good, variance="poled")
