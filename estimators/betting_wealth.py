"""The wealth of bets against (epsilon, delta), in log space.

In one round a canary has x = 1 if its training in world 1 was called "present", and y = 1 if that in world 0 was. Under
(epsilon, delta)-DP the mean of x - e^epsilon y - delta is at most 0, whatever happened in earlier rounds. A gambler who
stakes the share c of what can be lost multiplies wealth by 1 + c (x - e^epsilon y - delta) / (e^epsilon + delta), whose
mean is at most 1. Everything is written with u = e^-epsilon, which does not overflow.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError
from privaudit.numerics import log_mean_exp

Direction = Literal["both", "present"]

MIXTURE = np.arange(1, 20) / 20.0
"""The stakes c = .05, .10, ..., .95 of the mixture."""
MIXTURE.flags.writeable = False
PRESENT, ABSENT = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])  # x and y of outcome 2 x + y
FLAWLESS = 2
"""The outcome x = 1, y = 0."""
FOR_ABSENT = np.array([3, 1, 2, 0])  # an outcome as "absent" sees it: x becomes 1 - y and y becomes 1 - x
BLOCK = 2**19  # wealths held at once


def default_grid() -> NDArray[np.float64]:
    """Return the epsilons of the confidence sequence: 0 to 10 by 0.02, and to 20 by 0.1.

    Even flawless rounds reach an epsilon of 20 only after some 10^9 of them.

    >>> grid = default_grid()
    >>> len(grid), float(grid[0]), float(grid[3]), float(grid[-1])
    (601, 0.0, 0.06, 20.0)
    """
    return np.concatenate([np.arange(501) / 50.0, np.arange(101, 201) / 10.0])


def check_grid(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the grid if it starts at 0 and increases.

    Raises:
        ConfigError: if it does not.
    """
    increases = grid.ndim == 1 and grid.size and grid[0] == 0.0 and bool((np.diff(grid) > 0.0).all())
    if not increases or not np.isfinite(grid).all():
        raise ConfigError("grid must be (n_grid,) finite epsilons that start at 0 and increase.", key="grid")
    return grid


def stakes_of(bet: float | str) -> NDArray[np.float64]:
    """Return the stakes that a bet names: those of the mixture, or its own one.

    Raises:
        ConfigError: if it is neither ``mixture`` nor a share that leaves something in hand.
    """
    if isinstance(bet, str):
        if bet != "mixture":
            raise ConfigError(f"bet must be mixture or a number in [0, 1); got {bet!r}.", key="bet")
        return MIXTURE
    if not 0.0 <= bet < 1.0:
        raise ConfigError(f"bet must lie in [0, 1); got {bet}. All of the stake can be lost in one round.", key="bet")
    return np.array([bet], dtype=np.float64)


def log_factors(
    epsilon: NDArray[np.float64], *, delta: float, stakes: NDArray[np.float64], direction: Direction
) -> NDArray[np.float64]:
    """Return the logs of the factors by which each outcome of a round multiplies each bet's wealth.

    Args:
        epsilon: ``(n_epsilons,)`` the epsilons put to the test, each at least 0.
        delta: the delta put to the test, in [0, 1).
        stakes: ``(n_stakes,)`` shares c of what can be lost, each in [0, 1).
        direction: ``present`` bets on x against y; ``both`` also on 1 - y against 1 - x.

    Returns:
        ``(4, n_epsilons, n_bets)`` for the outcomes 2 x + y = 0..3; ``n_bets`` is ``n_stakes`` per direction.

    Raises:
        ConfigError: if the direction is not known.

    Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2024, section 4,
        with the definition of differential privacy as the constraint on the mean.

    >>> factors = log_factors(np.array([1.0]), delta=0.0, stakes=np.array([0.5]), direction="present")
    >>> np.exp(factors[:, 0, 0]).round(4).tolist()
    [1.0, 0.5, 1.1839, 0.6839]
    """
    if direction not in ("both", "present"):
        raise ConfigError(f"direction must be both or present; got {direction!r}.", key="direction")
    u = np.exp(-np.asarray(epsilon, dtype=np.float64))
    per_stake = (np.outer(PRESENT, u) - ABSENT[:, None] - delta * u) / (1.0 + delta * u)
    per_stake = np.maximum(per_stake, -1.0)  # rounding must not lose more than the stake
    present = np.log1p(per_stake[:, :, None] * stakes)
    if direction == "present":
        return np.asarray(present)
    return np.concatenate([present, present[FOR_ABSENT]], axis=2)


def canary_log_wealth(counts: NDArray[np.int64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log of each canary's wealth, averaged over the bets.

    Args:
        counts: ``(n_canaries, 4)`` how often each outcome 2 x + y was seen.
        factors: ``(4, n_epsilons, n_bets)`` from `log_factors`.

    Returns:
        ``(n_canaries, n_epsilons)``; a new gambler has 0.

    >>> factors = log_factors(np.array([0.0]), delta=0.0, stakes=np.array([0.5]), direction="present")
    >>> canary_log_wealth(np.array([[0, 0, 2, 0]]), factors).round(4).tolist()
    [[0.8109]]
    """
    _, n_epsilons, n_bets = factors.shape
    flat, seen = factors.reshape(4, -1), counts.astype(np.float64)
    wealth = np.empty((len(counts), n_epsilons))
    rows = max(1, BLOCK // max(1, n_epsilons * n_bets))
    for start in range(0, len(counts), rows):
        part = seen[start : start + rows] @ flat
        wealth[start : start + rows] = log_mean_exp(part.reshape(-1, n_epsilons, n_bets), axis=2)
    return wealth


def mean_log_wealth(counts: NDArray[np.int64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log of the wealth averaged over the bets and the canaries.

    Each canary's wealth has a mean of at most 1 in the next round given all rounds before, and the mean of an average
    is the average of the means: canaries of one model may depend on each other in any way.

    Args:
        counts: ``(n_canaries, 4)`` how often each outcome 2 x + y was seen.
        factors: ``(4, n_epsilons, n_bets)`` from `log_factors`.

    Returns:
        ``(n_epsilons,)``.

    >>> factors = log_factors(np.array([0.0, 9.0]), delta=0.0, stakes=MIXTURE, direction="both")
    >>> mean_log_wealth(np.array([[0, 0, 9, 0], [3, 3, 3, 0]]), factors).round(3).tolist()
    [3.862, -0.526]
    """
    return np.asarray(log_mean_exp(canary_log_wealth(counts, factors), axis=0))
