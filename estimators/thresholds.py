"""Rules by which a threshold, or a share of guesses, is chosen without spending the data that certify it."""

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass

from privaudit.errors import ConfigError
from privaudit.estimators.tied_guesses import Ties
from privaudit.validate import check_probability


@dataclass(frozen=True, slots=True)
class Explicit:
    """A threshold fixed before any score was seen: ``score >= value`` guesses "member".

    Attributes:
        value: the threshold.

    Source: none; pre-registration.

    >>> Explicit(0.5).value
    0.5
    """

    value: float

    def __post_init__(self) -> None:
        """Refuse a threshold that is not a number."""
        if math.isnan(self.value):
            raise ConfigError("threshold must be a number; got NaN. State the value fixed beforehand.", key="threshold")


@dataclass(frozen=True, slots=True)
class Split:
    """A random part of the scores chooses, the rest certifies; neither sees the other.

    Attributes:
        share: the part that chooses, in (0, 1).
        seed: of the random split.

    Source: sample splitting (Cox, "A note on data-splitting", Biometrika 1975).

    >>> Split().share
    0.5
    """

    share: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a part that leaves nothing to one side, and seeds that are none."""
        check_probability("share", self.share)
        if not isinstance(self.seed, numbers.Integral) or self.seed < 0:
            raise ConfigError(f"seed must be a whole number of at least 0; got {self.seed!r}.", key="threshold.seed")


@dataclass(frozen=True, slots=True)
class Bonferroni:
    """Every candidate of a grid is certified at its share of the error, and the best one is kept.

    Attributes:
        grid: the candidates, all of them counted. A sequence states the thresholds themselves (for the guess methods:
            the shares of canaries to guess about). A whole number k stands for k ranks of the scores of the world
            without the record, spread evenly over its false positive rates and their logarithms: the ranks are fixed,
            whatever the scores are.

    Source: Bonferroni; for ranks see `privaudit.estimators.score_thresholds.rank_thresholds`.

    >>> Bonferroni(50).n_candidates
    50
    """

    grid: int | Sequence[float] = 50

    def __post_init__(self) -> None:
        """Refuse an empty grid and candidates that are not numbers."""
        grid = self.grid
        if isinstance(grid, numbers.Integral) and not isinstance(grid, bool):
            if grid < 1:
                raise ConfigError(f"grid must have at least 1 candidate; got {grid}.", key="threshold.grid")
            object.__setattr__(self, "grid", int(grid))
            return
        try:
            candidates = tuple(float(value) for value in grid)  # type: ignore[union-attr]
        except (TypeError, ValueError):
            candidates = ()
        if not candidates or any(math.isnan(value) for value in candidates):
            raise ConfigError(
                f"grid must be a whole number or a sequence of numbers; got {grid!r}.", key="threshold.grid"
            )
        object.__setattr__(self, "grid", candidates)

    @property
    def n_candidates(self) -> int:
        """Number of candidates, by which the error is divided."""
        return self.grid if isinstance(self.grid, int) else len(self.grid)


@dataclass(frozen=True, slots=True)
class TwoSidedGuesses:
    """The highest scores are guessed "member", as many of the lowest "non-member", the rest abstain.

    Attributes:
        share: share of the canaries to guess about, in (0, 1], fixed beforehand; ``None`` = 20 % of up to 2,000
            canaries, 10 % of more.
        ties: equal scores at a cut count as ``wrong`` guesses, or the ``median`` over all orders of the canaries is
            taken, at half the error; fix it beforehand. Take ``median`` for scores of few distinct values.

    Source: Steinke, Nasr, Jagielski, NeurIPS 2023, algorithm 1.

    >>> TwoSidedGuesses().share is None
    True
    """

    share: float | None = None
    ties: Ties = "wrong"

    def __post_init__(self) -> None:
        """Refuse a share outside its range and a rule for ties that there is not."""
        if self.ties not in ("wrong", "median"):
            raise ConfigError(f"ties must be wrong or median; got {self.ties!r}.", key="threshold.ties")
        if self.share is not None and not 0.0 < self.share <= 1.0:
            raise ConfigError(f"share must lie in (0, 1]; got {self.share}. The default is 0.2.", key="threshold.share")


ThresholdRule = Explicit | Split | Bonferroni | TwoSidedGuesses
