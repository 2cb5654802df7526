"""An anytime-valid lower bound on epsilon: look after every round, stop whenever you like."""

import copy
import math
import numbers
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.estimators.betting_wealth import (
    FLAWLESS,
    Direction,
    check_grid,
    default_grid,
    log_factors,
    mean_log_wealth,
    stakes_of,
)
from privaudit.types import EpsilonEstimate, EstimateKind, Neighbouring, Validity
from privaudit.types.frozen import set_array
from privaudit.validate import check_delta, check_probability

ASSUMPTIONS = (
    "every round trains anew and independently of all other rounds",
    "a canary's two trainings of a round differ in that canary only, or in others by fair coins of one law in both",
    "the canaries were fixed before the first round, and the rule that guesses before each round",
    "it holds at every round at once, so also at whichever round the audit stops",
)
ROUND_OFF = 1e-9
"""What the log wealth must exceed its threshold by; rounding errors of a million rounds are smaller."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BettingSequence:
    """A lower confidence sequence for epsilon, from rounds of one training in each world.

    For every epsilon of the grid a gambler bets against (epsilon, delta)-DP. Were it true, the wealth would reach
    1 / (1 - confidence) at any time with probability at most 1 - confidence; so a wealth that does rejects it, once
    and for all. The bound is the epsilon up to which all values of the grid have been rejected, each at some time. With
    several canaries their wealths are averaged, which keeps the guarantee although canaries of a model are dependent.

    Inserting all canaries in one world and none in the other is no round of several canaries: these two data sets are
    not neighbours. Draw the canaries by fair coins and train the two complements, then each canary was present in one.

    Attributes:
        delta: the delta at which epsilon is bounded, in [0, 1).
        confidence: probability that the bound holds at every round at once, in (0, 1).
        n_canaries: canaries scored in each round, fixed beforehand.
        bet: share of what can be lost that is put at stake, in [0, 1), or ``mixture`` = average of the wealths of the
            shares .05, .10, ..., .95.
        direction: ``both`` also bets on "absent" and averages; ``present`` bets on "present" only.
        grid: ``(n_grid,)`` increasing from 0, fixed before the data; by default `default_grid`. The bound is a value of
            it. Put the claim on it.
        neighbouring: the relation of the two worlds, ``None`` = not stated.
        n_rounds: rounds so far.

    Raises:
        ConfigError: if an argument is out of range.

    Source: Ville 1939 (the inequality); Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
        betting", JRSS B 2024 (the bets); Gonzalez, Dulce-Rubio, Ramdas and Ribero, arXiv 2509.07055, 2025 (sequential
        audits of differential privacy).

    >>> sequence = BettingSequence(delta=1e-5, confidence=0.95)
    >>> for _ in range(100):
    ...     sequence = sequence.update(True, False)
    >>> sequence.lower, sequence.rejects(1.0), sequence.rejects(8.0)
    (3.06, True, False)
    """

    delta: float
    confidence: float
    n_canaries: int = 1
    bet: float | Literal["mixture"] = "mixture"
    direction: Direction = "both"
    grid: NDArray[np.float64] = field(default_factory=default_grid)
    neighbouring: Neighbouring | None = None
    n_rounds: int = field(init=False, default=0)
    _counts: NDArray[np.int64] = field(init=False, repr=False)
    _rejected: NDArray[np.bool_] = field(init=False, repr=False)
    _factors: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse bad arguments and lay out the bets."""
        check_delta(self.delta)
        check_probability("confidence", self.confidence)
        if not isinstance(self.n_canaries, numbers.Integral) or self.n_canaries < 1:
            raise ConfigError(f"n_canaries must be a whole number from 1; got {self.n_canaries}.", key="n_canaries")
        grid, stakes = check_grid(set_array(self, "grid", self.grid, np.float64)), stakes_of(self.bet)
        set_array(self, "_counts", np.zeros((self.n_canaries, 4)), np.int64)
        set_array(self, "_rejected", np.zeros(len(grid)), np.bool_)
        factors = log_factors(grid, delta=self.delta, stakes=stakes, direction=self.direction)
        set_array(self, "_factors", factors, np.float64)

    def update(self, x: ArrayLike, y: ArrayLike) -> "BettingSequence":
        """Return the sequence after one or more further rounds.

        Args:
            x: guess "present" about each canary in its training in world 1: ``(n_canaries,)`` for one round,
                ``(n_rounds, n_canaries)`` for several in their order, or one value if there is one canary.
            y: the same for the trainings in world 0.

        Raises:
            ShapeError: if the shapes differ or do not fit ``n_canaries``.
            DataError: if a guess is neither 0 nor 1.
        """
        counts, rejected, n_rounds = self._counts.copy(), self._rejected.copy(), self.n_rounds
        canaries = np.arange(self.n_canaries)
        for outcome in _outcomes(x, y, self.n_canaries):
            counts[canaries, outcome] += 1
            n_rounds += 1
            self._mark(rejected, counts, n_rounds)
        after = copy.copy(self)
        object.__setattr__(after, "n_rounds", n_rounds)
        set_array(after, "_counts", counts, np.int64)
        set_array(after, "_rejected", rejected, np.bool_)
        return after

    @property
    def lower(self) -> float:
        """The bound: the largest epsilon of the grid up to which all have been rejected, 0 if none was."""
        return self._bound(self._rejected)

    @property
    def log_wealth(self) -> NDArray[np.float64]:
        """``(n_grid,)`` log of the wealth now, averaged over bets, directions and canaries."""
        return mean_log_wealth(self._counts, self._factors)

    def rejects(self, epsilon: float) -> bool:
        """Return whether (epsilon, delta)-DP has been rejected in some round so far.

        Off the grid it asks for the next value above, which (epsilon, delta)-DP implies; above the whole grid nothing is
        rejected. The confidence holds for one epsilon fixed beforehand; for all at once use ``lower``.

        Args:
            epsilon: at least 0.

        Raises:
            ConfigError: if epsilon is negative or NaN.
        """
        if not epsilon >= 0.0:
            raise ConfigError(f"epsilon must be at least 0; got {epsilon}.", key="epsilon")
        where = int(np.searchsorted(self.grid, epsilon, side="left"))
        return where < len(self.grid) and bool(self._rejected[where])

    def ceiling_after(self, n_rounds: int) -> float:
        """Return the largest bound that this sequence can still reach.

        Args:
            n_rounds: rounds in all, those so far included; all others are taken to be flawless.

        Raises:
            ConfigError: if more rounds were played already.
        """
        if n_rounds < self.n_rounds:
            raise ConfigError(
                f"n_rounds counts the rounds so far too and must be at least {self.n_rounds}; got {n_rounds}.",
                key="n_rounds",
            )
        counts, rejected = self._counts.copy(), self._rejected.copy()
        counts[:, FLAWLESS] += n_rounds - self.n_rounds
        self._mark(rejected, counts, n_rounds)  # flawless rounds only add wealth: the last one has the most
        return self._bound(rejected)

    def estimate(self) -> EpsilonEstimate:
        """Return the bound with all it takes to read it; its ceiling is the bound had every round been flawless."""
        flawless = np.zeros((1, 4), dtype=np.int64)
        flawless[0, FLAWLESS] = self.n_rounds
        reached = np.zeros(len(self.grid), dtype=np.bool_)
        self._mark(reached, flawless, self.n_rounds)
        both_no, only_y, only_x, both_yes = self._counts.sum(axis=0).tolist()
        return EpsilonEstimate(
            method="betting",
            kind=EstimateKind.LOWER_BOUND,
            lower=self.lower,
            delta=self.delta,
            confidence=self.confidence,
            neighbouring=self.neighbouring,
            n_in=self.n_rounds,
            n_out=self.n_rounds,
            ceiling=self._bound(reached),
            validity=Validity.VALID,
            assumptions=ASSUMPTIONS,
            diagnostics={
                "n_rounds": self.n_rounds,
                "n_canaries": self.n_canaries,
                "tp": only_x + both_yes,
                "fn": only_y + both_no,
                "fp": only_y + both_yes,
                "tn": only_x + both_no,
            },
        )

    def _mark(self, rejected: NDArray[np.bool_], counts: NDArray[np.int64], n_rounds: int) -> None:
        """Mark what the wealth rejects now; only values above the bound that so many rounds could reject are tried."""
        threshold = ROUND_OFF - math.log1p(-self.confidence)
        most = n_rounds * self._factors[FLAWLESS].max(axis=1)  # falls with epsilon; no average exceeds it
        tried = slice(_n_leading(rejected), int((most >= threshold).sum()))
        if tried.start < tried.stop:
            rejected[tried] |= mean_log_wealth(counts, self._factors[:, tried]) >= threshold

    def _bound(self, rejected: NDArray[np.bool_]) -> float:
        n_rejected = _n_leading(rejected)
        return float(self.grid[n_rejected - 1]) if n_rejected else 0.0


def _n_leading(rejected: NDArray[np.bool_]) -> int:
    """Return how many values from the start have been rejected without a gap."""
    return int(rejected.argmin()) if not rejected.all() else len(rejected)


def _outcomes(x: ArrayLike, y: ArrayLike, n_canaries: int) -> NDArray[np.int64]:
    """Return ``(n_rounds, n_canaries)`` outcomes 2 x + y."""
    present, absent = _guesses("x", x, n_canaries), _guesses("y", y, n_canaries)
    if present.shape != absent.shape:
        raise ShapeError(f"x and y must have the same shape; got {present.shape} and {absent.shape}.")
    return 2 * present + absent


def _guesses(name: str, guesses: ArrayLike, n_canaries: int) -> NDArray[np.int64]:
    given = np.asarray(guesses)
    if given.dtype.kind not in "biuf" or not np.isin(given, (0, 1)).all():
        raise DataError(f"{name} must hold guesses, 1 (present) or 0; got other values. Fix the rule, not the scores.")
    rounds = given.reshape(1, -1) if given.ndim < 2 else given
    if rounds.ndim != 2 or rounds.shape[1] != n_canaries:
        raise ShapeError(
            f"{name} must have shape ({n_canaries},) for one round or (n_rounds, {n_canaries}) for several; got "
            f"{given.shape}."
        )
    return rounds.astype(np.int64)
