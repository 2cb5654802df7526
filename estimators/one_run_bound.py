"""A bound on epsilon from one training run, by guesses about independent fair coins."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betainc, betaincc, betaln, expit

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators.guesses import GUESS_ASSUMPTIONS, check_guess_counts, default_share, two_sided_guesses
from privaudit.types import AttackResult, AuditDesign, EpsilonEstimate, EstimateKind, Neighbouring, Validity
from privaudit.validate import check_delta, check_probability

ROOT_TOLERANCE = 1e-9


def one_run_p_value(n_canaries: int, n_guesses: int, n_correct: int, epsilon: float, delta: float) -> float:
    """Return the largest probability of so many correct guesses under (epsilon, delta)-DP.

    With W ~ Binomial(n_guesses, e^epsilon / (1 + e^epsilon)) and v correct guesses it is P[W >= v] + 2 m delta A, where
    A is the largest P[v - i <= W < v] / i over i = 1..v and m counts all canaries, also those without a guess (Steinke,
    Nasr & Jagielski 2023, Theorem 5.2). W is kept in log-odds, so a large epsilon does not round to certainty.

    Args:
        n_canaries: canaries whose membership was drawn by independent fair coins.
        n_guesses: canaries about which a guess was made.
        n_correct: guesses that were right.
        epsilon: the epsilon put to the test, at least 0.
        delta: the delta put to the test, in [0, 1).

    Returns:
        the p-value, in [0, 1].

    Raises:
        ConfigError: if the counts do not nest, or ``epsilon`` or ``delta`` is out of range.

    >>> f"{one_run_p_value(1000, 1000, 600, 0.0, 0.0):.4e}"
    '1.3642e-10'
    """
    check_guess_counts("one_run", n_canaries, n_guesses, n_correct)
    if not epsilon >= 0.0:
        raise ConfigError(f"epsilon must be at least 0; got {epsilon}.", key="epsilon")
    return min(1.0, _p_value(n_canaries, n_guesses, n_correct, check_delta(delta))(epsilon))


def one_run(
    n_canaries: int,
    n_guesses: int,
    n_correct: int,
    *,
    delta: float,
    confidence: float,
    neighbouring: Neighbouring | None = None,
) -> EpsilonEstimate:
    """Bound epsilon from below by the guesses that came true in one training run.

    The bound is the epsilon up to which every smaller one has a p-value of at most ``1 - confidence`` (Steinke, Nasr &
    Jagielski 2023).

    Args:
        n_canaries: canaries whose membership was drawn by independent fair coins, guessed about or not.
        n_guesses: canaries about which a guess was made; the number is fixed beforehand.
        n_correct: guesses that were right.
        delta: the delta at which epsilon is bounded, in [0, 1).
        confidence: probability with which the bound holds, in (0, 1).
        neighbouring: the relation that the coins realise, ``None`` = not stated.

    Returns:
        the estimate; its ceiling is the bound had every guess been right, with the delta term in it.

    Raises:
        ConfigError: if the counts do not nest, or ``delta`` or ``confidence`` is out of range.

    >>> round(one_run(1000, 100, 95, delta=1e-5, confidence=0.95).lower, 5)
    2.16518
    """
    check_guess_counts("one_run", n_canaries, n_guesses, n_correct)
    check_delta(delta)
    alpha = 1.0 - check_probability("confidence", confidence)
    return EpsilonEstimate(
        method="one_run",
        kind=EstimateKind.LOWER_BOUND,
        lower=_largest_rejected(n_canaries, n_guesses, n_correct, delta, alpha),
        delta=delta,
        confidence=confidence,
        neighbouring=neighbouring,
        ceiling=_largest_rejected(n_canaries, n_guesses, n_guesses, delta, alpha),
        validity=Validity.VALID,
        assumptions=GUESS_ASSUMPTIONS,
        diagnostics={
            "n_canaries": n_canaries,
            "n_guesses": n_guesses,
            "n_correct": n_correct,
            "n_abstained": n_canaries - n_guesses,
        },
    )


@lru_cache(maxsize=4096)  # the ceiling of many audits of one size is one number
def _largest_rejected(n_canaries: int, n_guesses: int, n_correct: int, delta: float, alpha: float) -> float:
    """Return the epsilon up to which all p-values are at most ``alpha``, rounded down."""
    p_value = _p_value(n_canaries, n_guesses, n_correct, delta, is_monotone=True)
    if p_value(0.0) > alpha or alpha >= 1.0:  # a confidence so small that 1 - confidence is 1
        return 0.0
    high = 1.0
    while p_value(high) <= alpha:
        high *= 2.0
    root = float(brentq(lambda epsilon: p_value(epsilon) - alpha, 0.0, high, xtol=ROOT_TOLERANCE))
    return max(0.0, root - 2.0 * ROOT_TOLERANCE)


def _p_value(m: int, r: int, v: int, delta: float, *, is_monotone: bool = False) -> Callable[[float], float]:
    """Return the p-value as a function of epsilon, or on request the least bound on it that we know to be monotone.

    Let c = 2 m delta and let i attain A. Then, with b the probabilities of Binomial(r - 1, q), dp/dq is
    r b(v-1) (1 - c/i) + c r b(v-i-1) / i. For c <= 1 this is never negative and the p-value itself is monotone. For
    c > 1 it need not be; there each window's share is held at its peak once epsilon is past it.
    """
    if v == 0:
        return lambda epsilon: 1.0
    weight = 2.0 * m * delta
    if weight == 0.0:
        return lambda epsilon: _tail(r, v, epsilon)
    log_choose = _log_choose(r, np.arange(v))
    if weight <= 1.0 or not is_monotone:
        return lambda epsilon: _tail(r, v, epsilon) + weight * float(_windows(log_choose, r, epsilon).max())
    where, peak = _window_peaks(r, v)

    def monotone(epsilon: float) -> float:
        held = np.where(epsilon < where, _windows(log_choose, r, epsilon), peak)
        return _tail(r, v, epsilon) + weight * float(held.max())

    return monotone


def _tail(r: int, v: int, epsilon: float) -> float:
    """Return P[W >= v] from the small probability 1 - q, which does not round to 0 for a large epsilon."""
    return float(betaincc(r - v + 1, v, expit(-epsilon)))


def _windows(log_choose: NDArray[np.float64], r: int, epsilon: float) -> NDArray[np.float64]:
    """Return ``(v,)`` P[v - i <= W < v] / i for i = 1..v, from ``log_choose`` of r over 0..v-1."""
    n_wrong = r - np.arange(len(log_choose))
    log_pmf = log_choose - n_wrong * epsilon - r * math.log1p(math.exp(-epsilon))
    return np.asarray(np.cumsum(np.exp(log_pmf)[::-1]) / np.arange(1, len(log_choose) + 1))


def _window_peaks(r: int, v: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ``(v,)`` the epsilon >= 0 from which each window's share falls, and the share there.

    Its derivative in q has the sign of b(v-i-1) - b(v-1), whose ratio is C(r-1, v-i-1) / C(r-1, v-1) e^(-i epsilon).
    """
    i = np.arange(1, v + 1)
    log_ratio = np.full(v, -np.inf)
    log_ratio[:-1] = _log_choose(r - 1, v - 1 - i[:-1]) - _log_choose(r - 1, np.array([v - 1]))
    where = np.maximum(0.0, log_ratio / i)
    wrong = expit(-where)
    below = np.zeros(v)  # P[W < v - i]; nothing lies below the widest window
    below[:-1] = betainc(r - v + 1 + i[:-1], v - i[:-1], wrong[:-1])
    return where, (betainc(r - v + 1, v, wrong) - below) / i


def _log_choose(n: int, k: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(-math.log1p(n) - betaln(n - k + 1.0, k + 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRun:
    """The one-run bound as an estimator, for the records of one model and its own fair coins.

    Attributes:
        share: share of the canaries to guess about, in (0, 1]; ``None`` = `default_share`.
    """

    name: ClassVar[str] = "one_run"
    share: float | None = None

    def __post_init__(self) -> None:
        """Refuse a share outside its range."""
        if self.share is not None and not 0.0 < self.share <= 1.0:
            raise ConfigError(f"share must lie in (0, 1]; got {self.share}. The default is 0.2.", key="share")

    def check(self, design: AuditDesign) -> None:
        """Refuse designs whose memberships are not independent fair coins.

        Raises:
            UnsupportedError: if the design is not paired.
        """
        if design.kind != "paired":
            raise UnsupportedError(
                f"one_run needs independent fair coins (design.kind: paired); got {design.kind!r}, whose set sizes tie "
                "the coins together. Train a paired design."
            )

    def estimate(self, result: AttackResult, *, delta: float, confidence: float) -> EpsilonEstimate:
        """Guess about the share of canaries with the most extreme scores, and bound epsilon.

        Args:
            result: the attack's scores on all canaries of one target, with their truth.
            delta: the delta at which epsilon is bounded, in [0, 1).
            confidence: probability with which the bound holds, in (0, 1).

        Returns:
            the estimate for the add/remove relation.

        Raises:
            UnsupportedError: if the unit is not a record, the members were drawn by no coins of the audit, or the scores
                depend on the coins by another way.
            ConfigError: if ``delta`` or ``confidence`` is out of range.
        """
        if result.unit != "record":
            raise UnsupportedError(
                f"one_run needs the records of one model; got unit {result.unit!r}. For many independent trainings use "
                "clopper_pearson."
            )
        if not result.has_fair_coins:
            raise UnsupportedError(
                "one_run needs members that were drawn by the audit's fair coins; those of a released model were not. Train "
                "a target (remove model.checkpoint)."
            )
        if result.depends_on_coins:
            raise UnsupportedError(
                f"one_run needs scores that depend on the target's coins through the target alone; shadows of {result.attack} "
                "betray them. Use the paired design and leave out the target's pair (exclude: pair)."
            )
        n_canaries = len(result.scores)
        share = default_share(n_canaries) if self.share is None else self.share
        guess = two_sided_guesses(result.scores, share)
        n_in = int(np.count_nonzero(result.label))
        bound = one_run(
            n_canaries,
            int(np.count_nonzero(guess)),
            int(np.count_nonzero(guess == np.where(result.label == 1, 1, -1))),
            delta=delta,
            confidence=confidence,
            neighbouring=Neighbouring.ADD_REMOVE,
        )
        fixed = f"a share of {share:g} of the canaries is guessed about, fixed beforehand"
        return replace(bound, n_in=n_in, n_out=n_canaries - n_in, assumptions=(*bound.assumptions, fixed))
