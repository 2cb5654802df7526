"""The test of a claimed mechanism by guesses about many canaries of one training run.

Let h0 and h1 be the largest true positive rates by false positive rate with either world as null. A guess about one
canary, together with any event that the other coins decide, is right with probability (h0(a) + h1(b)) / 2 at most where
it is wrong with probability (a + b) / 2. The concave envelope of all such pairs has as its profile the mean of the two
directions' deltas, and its inverse takes the place of the Gaussian one in the recursion of `fdp_one_run`.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from privaudit.errors import ConfigError
from privaudit.estimators.claimed_curve import check_known_relation, check_one_claim
from privaudit.estimators.guesses import GUESS_ASSUMPTIONS, check_guess_counts
from privaudit.estimators.poisson_run import LEAST_NOISE, chance_of_any_draw, gaussian_mu_of_run
from privaudit.estimators.privacy_loss import composed_privacy_loss
from privaudit.types import DpSgdParams, Neighbouring
from privaudit.validate import check_probability

LeastWrong = Callable[[float], float]
"""From the probability of a right guess to the least probability of a wrong one."""

ROUNDING = 1e-10  # relative; the least probability of a wrong guess is lowered by it
N_LINES = 4000  # tangents of the curve, per side
LEAST_DELTA = 1e-12  # tangents at smaller delta touch the curve where nothing is measured
STEEPEST = 700.0  # the exponential of more is no number
LARGEST_FLAT = 10.0  # beyond it 1 - e^epsilon (1 - right) has fewer digits than `ROUNDING`


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRunCurveTest:
    """Whether more guesses were right than the claimed mechanism allows.

    Attributes:
        is_refuted: they were, in at most a share ``1 - confidence`` of audits of a mechanism that is as claimed.
        confidence: of the test.
        n_canaries: canaries with a fair coin of their own.
        n_guesses: canaries about which a guess was made.
        n_correct: guesses that were right.
        least_refuting: the least number of right guesses that refutes; ``n_guesses + 1`` where none does.
        neighbouring: the relation that the coins realise.
        assumptions: what must hold for the refutation to concern the mechanism.
        diagnostics: the numbers it was made from.
    """

    is_refuted: bool
    confidence: float
    n_canaries: int
    n_guesses: int
    n_correct: int
    least_refuting: int
    neighbouring: Neighbouring
    assumptions: tuple[str, ...] = GUESS_ASSUMPTIONS
    diagnostics: Mapping[str, float] = field(default_factory=dict)


def curve_one_run_test(
    n_canaries: int,
    n_guesses: int,
    n_correct: int,
    *,
    params: DpSgdParams | None = None,
    mu: float | None = None,
    confidence: float,
    neighbouring: Neighbouring = Neighbouring.ADD_REMOVE,
) -> OneRunCurveTest:
    """Test a claimed mechanism by the guesses that came true in one training run.

    A refutation says that training is not the claimed mechanism, nor any that leaks less. The claim is exactly one of
    ``params`` and ``mu``.

    Args:
        n_canaries: canaries whose membership was drawn by independent fair coins, guessed about or not.
        n_guesses: canaries about which a guess was made; the number is fixed beforehand.
        n_correct: guesses that were right.
        params: of the claimed DP-SGD run with Poisson sampling.
        mu: of a claimed Gaussian mechanism, at least 0.
        confidence: of the test, in (0, 1).
        neighbouring: the relation that the coins realise; with ``params`` ``ADD_REMOVE`` or ``REPLACE_ONE``.

    Returns:
        the test.

    Raises:
        ConfigError: if there is not exactly one claim, the counts do not nest, or a value is out of range.
        ClaimError: if the sampling of ``params`` is not ``poisson``.
        UnsupportedError: for relations that no curve of ``params`` is known for.

    Source: Mahloujifar, Melis, Chaudhuri, "Auditing f-Differential Privacy in One Run", 2024: its recursion, for the
        trade-off curve of the claimed mechanism.

    >>> test = curve_one_run_test(1000, 200, 170, mu=0.5, confidence=0.95)
    >>> test.is_refuted, test.least_refuting
    (True, 166)
    """
    check_guess_counts("curve_one_run_test", n_canaries, n_guesses, n_correct)
    check_one_claim(params, mu)
    check_known_relation(neighbouring)
    alpha = 1.0 - check_probability("confidence", confidence)
    least_wrong = _of_run(params, neighbouring) if params is not None else _of_gaussian(_check_mu(mu))
    least = _least_refuting(int(n_canaries), int(n_guesses), alpha, least_wrong)
    return OneRunCurveTest(
        is_refuted=int(n_correct) >= least,
        confidence=confidence,
        n_canaries=int(n_canaries),
        n_guesses=int(n_guesses),
        n_correct=int(n_correct),
        least_refuting=least,
        neighbouring=neighbouring,
        diagnostics={"n_abstained": int(n_canaries - n_guesses)},
    )


def _least_refuting(m: int, r: int, alpha: float, least_wrong: LeastWrong) -> int:
    """Return a number of right guesses that has chance below ``alpha``, by bisection the least one."""
    if not _is_rejected(m, r, r, alpha, least_wrong):
        return r + 1
    low, high = 0, r
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _is_rejected(m, r, middle, alpha, least_wrong) else (middle, high)
    return high


def _is_rejected(m: int, r: int, v: int, alpha: float, least_wrong: LeastWrong) -> bool:
    """Return whether v of r right guesses about m canaries have chance below ``alpha`` under the claim.

    See `privaudit.estimators.fdp_one_run_bound.is_rejected`: whatever is least for more right guesses stays a lower limit
    where ``least_wrong`` is lowered, so that rounding it down never rejects.
    """
    right, wrong, limit = alpha * v / m, alpha * (r - v) / m, r / m * (1.0 + ROUNDING)
    for i in range(v - 1, -1, -1):
        share = least_wrong(min(right, 1.0))
        if share <= wrong:
            return False
        right += i / (r - i) * (share - wrong)
        wrong = share
        if right + wrong > limit:
            return True
    return False


def _check_mu(mu: float | None) -> float:
    if mu is None or not mu >= 0.0:
        raise ConfigError(f"mu must be at least 0; got {mu}.", key="mu")
    return float(mu)


def _of_gaussian(mu: float) -> LeastWrong:
    if math.isinf(mu):
        return lambda right: 0.0
    return lambda right: float(ndtr(ndtri(right) - mu)) * (1.0 - ROUNDING)


@lru_cache(maxsize=4)
def _of_run(params: DpSgdParams, neighbouring: Neighbouring) -> LeastWrong:
    """Return the least probability of a wrong guess by tangents of the run's curve; any of them is a lower bound."""
    mu, chance = gaussian_mu_of_run(params, neighbouring), chance_of_any_draw(params)
    if params.noise_multiplier < LEAST_NOISE:
        return lambda right: max(right * (1.0 - ROUNDING) - chance, 0.0)
    if mu is not None:
        return _of_gaussian(mu)
    loss = composed_privacy_loss(params, neighbouring)
    steep = np.linspace(0.0, min(loss.get_epsilon_for_delta(LEAST_DELTA), STEEPEST), N_LINES)
    flat = np.linspace(0.0, min(float(steep[-1]), LARGEST_FLAT), N_LINES)[1:]
    delta_steep, delta_flat = (
        np.minimum((loss.remove.delta(epsilon) + loss.add.delta(epsilon)) / 2.0, chance) for epsilon in (steep, flat)
    )
    slopes = np.concatenate([np.exp(-steep[::-1]), np.exp(flat)])
    intercepts = np.concatenate([-(np.exp(-steep) * delta_steep)[::-1], -np.expm1(flat) - delta_flat - ROUNDING])
    return _highest_line(slopes, intercepts)


def _highest_line(slopes: NDArray[np.float64], intercepts: NDArray[np.float64]) -> LeastWrong:
    """Return the upper envelope of lines of ascending slopes, or below it where they do not take turns in order."""
    crossings = np.maximum.accumulate(-np.diff(intercepts) / np.diff(slopes)).tolist()
    by_slope, by_intercept = slopes.tolist(), intercepts.tolist()

    def least_wrong(right: float) -> float:
        row = bisect_right(crossings, right)
        wrong: float = by_intercept[row] + by_slope[row] * right
        return max(0.0, wrong * (1.0 - ROUNDING))

    return least_wrong
