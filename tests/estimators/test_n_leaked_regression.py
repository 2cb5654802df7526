import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from privaudit.errors import ConfigError
from privaudit.estimators import bayes_squared_error, n_leaked_bayes, n_leaked_cramer_rao

ENTRIES = json.loads((Path(__file__).parent.parent / "reference" / "distribution.json").read_text())["entries"]
CRAMER_RAO = [entry for entry in ENTRIES if entry["id"].startswith("regression_cramer_rao")]
GRID = [ratio / 10 for ratio in range(11)]


@pytest.mark.parametrize("entry", CRAMER_RAO, ids=[entry["id"] for entry in CRAMER_RAO])
def test_the_sample_proportion_is_worth_its_draws(entry):
    expected = entry["expected"]
    assert n_leaked_cramer_rao(entry["inputs"]["alpha"], expected["mse"]) == pytest.approx(
        expected["n_leaked"], rel=1e-9
    )


def test_ratios_at_the_ends_have_no_number_and_no_error_is_infinite():
    assert n_leaked_cramer_rao(0.0, 0.01) is None
    assert n_leaked_cramer_rao(1.0, 0.0) is None
    assert n_leaked_cramer_rao(0.5, 0.0) == n_leaked_bayes(0.0) == n_leaked_bayes(0.0, GRID) == math.inf


def test_a_constant_beats_one_number_and_not_the_other():
    """Always .5: no error at .5, but an error of 1/12 over all ratios, and of the grid's variance over a grid."""
    assert n_leaked_cramer_rao(0.5, 0.0) == math.inf
    assert n_leaked_bayes(1 / 12) == 0.0
    assert n_leaked_bayes(float(np.var(GRID)), GRID) == 0.0
    assert n_leaked_bayes(0.3) == 0.0


@pytest.mark.parametrize("n", [0, 1, 8, 100])
def test_uniform_ratios_by_an_independent_sum(n):
    """The error of (k + 1) / (n + 2), integrated over ratios on a fine grid."""
    ratios = (np.arange(4000) + 0.5) / 4000
    counts = np.arange(n + 1)[:, None]
    error = float((binom.pmf(counts, n, ratios) * ((counts + 1) / (n + 2) - ratios) ** 2).sum(axis=0).mean())
    assert n_leaked_bayes(error) == pytest.approx(n, abs=1e-3)
    assert bayes_squared_error(n, ratios) == pytest.approx(1 / (6 * (n + 2)), rel=1e-5)


def test_the_grids_error_by_simulation():
    """2e5 draws: the standard error of the mean is below 1.5e-5; a correct sum is off by 5 of it with chance 6e-7."""
    rng, grid, n = np.random.default_rng(3), np.array(GRID), 12
    truth = rng.integers(0, 11, 200_000)
    counts = rng.binomial(n, grid[truth])
    posterior = binom.pmf(np.arange(n + 1)[:, None], n, grid)
    estimate = (posterior * grid).sum(axis=1) / posterior.sum(axis=1)
    errors = (estimate[counts] - grid[truth]) ** 2
    assert abs(errors.mean() - bayes_squared_error(n, grid)) < 5 * errors.std() / math.sqrt(len(errors))


@pytest.mark.parametrize("grid", [GRID, [0.2, 0.7], [0.0, 1.0, 0.5]])
@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_the_grids_error_is_inverted(grid, n):
    error = bayes_squared_error(n, grid)
    if error > 1e-12:
        assert n_leaked_bayes(error, grid) == pytest.approx(n, abs=1e-6)
        between = (bayes_squared_error(n - 1, grid) + error) / 2
        assert n_leaked_bayes(between, grid) == pytest.approx(n - 0.5, abs=1e-6)


def test_two_ends_are_told_by_one_draw():
    assert n_leaked_bayes(1e-9, [0.0, 1.0]) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("error", [-0.1, math.nan, math.inf])
def test_what_is_no_error_is_refused(error):
    for call in (lambda: n_leaked_bayes(error), lambda: n_leaked_cramer_rao(0.5, error)):
        with pytest.raises(ConfigError, match="mean_squared_error"):
            call()


@pytest.mark.parametrize("ratios", [[], [0.5], [0.5, 0.5], [0.5, 13.0], [0.5, math.nan]])
def test_what_is_no_grid_is_refused(ratios):
    with pytest.raises(ConfigError):
        n_leaked_bayes(0.01, ratios)
    with pytest.raises(ConfigError):
        n_leaked_cramer_rao(13.0, 0.01)
