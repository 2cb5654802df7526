"""From the wins of many plays to an advantage with its limits."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, xlogy

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.games.game import Game


def win_limits(won: float, n: int, *, level: float, is_counted: bool = True) -> tuple[float, float]:
    """Return limits of a mean win from ``n`` independent plays, each wrong with probability ``level`` at most.

    Args:
        won: sum of the wins.
        n: number of plays.
        level: error probability of each limit.
        is_counted: whether every win is 0 or 1: Clopper-Pearson; else by Chernoff's bound, which holds for wins in between.

    Raises:
        ConfigError: if there is no play, more wins than plays, or no level.

    >>> [round(limit, 4) for limit in win_limits(8, 10, level=0.025)]
    [0.4439, 0.9748]
    >>> [round(limit, 4) for limit in win_limits(8, 10, level=0.025, is_counted=False)]
    [0.3802, 0.9863]
    """
    if not (n >= 1 and 0 <= won <= n and 0 < level < 1):
        raise ConfigError(f"won must lie in 0..n and level in 0..1; got {won} of {n} at {level}.")
    if is_counted:
        lower = 0.0 if won == 0 else float(betaincinv(won, n - won + 1, level))
        return lower, 1.0 if won == n else float(betaincinv(won + 1, n - won, 1.0 - level))
    return _chernoff_lower(won / n, n, level), 1.0 - _chernoff_lower(1.0 - won / n, n, level)


def _chernoff_lower(mean: float, n: int, level: float) -> float:
    """The mean below which so large an average would be rarer than ``level``: exp(-n KL(average || mean))."""
    if mean <= 0.0:
        return 0.0

    def excess(p: float) -> float:
        kl = xlogy(mean, mean / p) + xlogy(1.0 - mean, (1.0 - mean) / (1.0 - p))
        return float(n * kl + math.log(level))

    low, high = 1e-300, min(mean, 1.0 - 1e-16)
    return float(brentq(excess, low, high)) if excess(low) > 0 > excess(high) else low


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Wins and plays of a game, by world where it has two.

    Attributes:
        game: the game.
        wins: sum of the wins in each world.
        plays: number of plays in each world.
        is_counted: whether every win was 0 or 1.
        confidence: of the interval of the advantage; each of its limits is wrong with half the error probability at most.
    """

    game: Game
    wins: tuple[float, ...]
    plays: tuple[int, ...]
    is_counted: bool = True
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Refuse worlds that were not played."""
        if len(self.wins) != self.game.n_worlds or len(self.plays) != self.game.n_worlds:
            raise ConfigError(f"{self.game.id} has {self.game.n_worlds} worlds to count in; got {self.plays} plays.")
        if not all(self.plays):
            raise UnsupportedError(f"no play of {self.game.id} in world {self.plays.index(0)}. Play more.")
        if not 0.0 < self.confidence < 1.0:
            raise ConfigError(f"confidence must lie between 0 and 1; got {self.confidence}.", key="confidence")

    @property
    def success(self) -> float:
        """Mean win over all plays."""
        return sum(self.wins) / sum(self.plays)

    @property
    def baseline(self) -> float:
        """Mean win of the best guess without the model, as far as the game knows the prior."""
        return self.game.baseline(self.game.secret)

    @property
    def rates(self) -> tuple[float, ...]:
        """Mean win in each world."""
        return tuple(won / n for won, n in zip(self.wins, self.plays, strict=True))

    @property
    def advantage(self) -> float:
        """The game's advantage at the observed rates."""
        return self.game.advantage(self.rates, self.baseline)

    @property
    def interval(self) -> tuple[float, float]:
        """Limits of the advantage, which is monotone in every rate: at the corners of the rates' limits."""
        level = (1.0 - self.confidence) / 2 / len(self.plays)
        limits = [
            win_limits(won, n, level=level, is_counted=self.is_counted)
            for won, n in zip(self.wins, self.plays, strict=True)
        ]
        corners = [self.game.advantage(corner, self.baseline) for corner in itertools.product(*limits)]
        return float(np.min(corners)), float(np.max(corners))
