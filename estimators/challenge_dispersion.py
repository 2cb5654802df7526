"""Do the models of an audit share one rate of right guesses? If not, their challenges are no independent trials."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from privaudit.estimators.challenge_clusters import ChallengeOutcomes, correlation_of, right_by_model

LEAST_CELL = 5.0  # the rule of Cochran 1954 for trusting the chi-square distribution
N_PERMUTATIONS = 1999
BLOCK = 2**20  # counts of permutations held at once
ROUND_OFF = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldDispersion:
    """Whether outcomes of one world vary more between models than independent ones would.

    Attributes:
        correlation: the intraclass correlation, ``None`` where the outcomes cannot tell it.
        p_value: chance of so much variation between models if all outcomes were exchangeable.
        test: how it was computed; ``none`` (p-value 1) where all outcomes agree or no model has two.
    """

    correlation: float | None
    p_value: float
    test: Literal["chi_square", "permutation", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverDispersion:
    """The test of both worlds; a small p-value refutes independence, a large one does not prove it.

    Attributes:
        world_in: challenges whose point was in the training set.
        world_out: the others.
    """

    world_in: WorldDispersion
    world_out: WorldDispersion


def over_dispersion_test(outcomes: ChallengeOutcomes, *, seed: int = 0) -> OverDispersion:
    """Test in each world whether the models share one rate of right guesses.

    The statistic is Pearson's chi-square of homogeneity over models. Its p-value comes from the chi-square distribution
    if every model expects at least 5 right and 5 wrong outcomes, else from 1,999 random permutations of the outcomes
    over the models, at which the test has its level exactly.

    Args:
        outcomes: challenges of at least one model.
        seed: of the permutations.

    Source: Pearson 1900; Phipson and Smyth, SAGMB 2010 (the p-value of random permutations counts the data too).

    >>> model, world = np.repeat(np.arange(30), 40), np.tile([0, 1], 600)
    >>> test = over_dispersion_test(ChallengeOutcomes(model, world, model % 2))
    >>> test.world_in.test, test.world_in.p_value < 1e-9, round(test.world_in.correlation, 3)
    ('chi_square', True, 1.0)
    """
    rng = np.random.default_rng(seed)
    tests = [_dispersion(*right_by_model(outcomes, inside=inside), rng) for inside in (True, False)]
    return OverDispersion(world_in=tests[0], world_out=tests[1])


def _dispersion(sizes: NDArray[np.int64], right: NDArray[np.int64], rng: np.random.Generator) -> WorldDispersion:
    n, k, total = int(sizes.sum()), len(sizes), int(right.sum())
    correlation = correlation_of(sizes, right)
    if correlation is None:
        return WorldDispersion(correlation=None, p_value=1.0, test="none")
    rate = total / n
    statistic = float(((right - sizes * rate) ** 2 / sizes).sum()) / (rate * (1.0 - rate))
    if int(sizes.min()) * min(rate, 1.0 - rate) >= LEAST_CELL:
        return WorldDispersion(correlation=correlation, p_value=float(chdtrc(k - 1, statistic)), test="chi_square")
    p_value = _permutation_p_value(sizes, right, rng)
    return WorldDispersion(correlation=correlation, p_value=p_value, test="permutation")


def _permutation_p_value(sizes: NDArray[np.int64], right: NDArray[np.int64], rng: np.random.Generator) -> float:
    """Return the share of permutations, the data included, whose chi-square is at least that of the data."""
    observed = float((right**2 / sizes).sum())  # with the total fixed, chi-square grows with this sum
    rows, n_above = max(1, BLOCK // len(sizes)), 0
    for start in range(0, N_PERMUTATIONS, rows):
        n_drawn = min(rows, N_PERMUTATIONS - start)
        drawn = rng.multivariate_hypergeometric(sizes, int(right.sum()), size=n_drawn, method="marginals")
        n_above += int(((drawn**2 / sizes).sum(axis=1) >= observed * (1.0 - ROUND_OFF)).sum())
    return (1 + n_above) / (1 + N_PERMUTATIONS)
