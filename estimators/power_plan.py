"""What a planned audit could show: the record of a plan, and the searches that its numbers come from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from scipy.special import expit

from privaudit.errors import ConfigError
from privaudit.types import Validity
from privaudit.validate import check_delta, check_probability

Leak = Literal["gaussian", "randomised_response"]
LEAKS: tuple[Leak, ...] = ("gaussian", "randomised_response")
LARGEST_NUMBER = 1_000_000
LARGEST_EPSILON = 1e4
RESOLUTION = 1e-6
LEAK_WORDS = {
    "gaussian": "leak gaussian: scores are N(mu, 1) with the record and N(0, 1) without, with the mu of the true epsilon at delta",
    "randomised_response": "leak randomised_response: each answer is wrong with probability (1 - delta) / (1 + e^epsilon), the least that the true "
    "epsilon at delta allows",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerPlan:
    """What an audit of stated size could show about a leak of stated shape.

    Attributes:
        game: ``one_run`` (many canaries with coins in one training) or ``many_runs`` (one canary, many trainings).
        estimator: the bound that is planned with.
        leak: the assumed shape of the leak, ``gaussian`` or ``randomised_response``.
        delta: the delta of every epsilon here.
        confidence: of the bound.
        claim: the epsilon that the bound is to exceed; 0 asks for any leak at all.
        wanted_power: the probability of exceeding it that `detectable_epsilon` and the searches for numbers ask for.
        epsilon: the assumed true epsilon, ``None`` where none was stated.
        n_trainings: trainings in all; ``None`` where no number suffices, as for the next fields.
        n_canaries: canaries with coins.
        share: share of the canaries to guess about; ``None`` in the game ``many_runs``.
        n_guesses: guesses (``one_run``) or answers (``many_runs``, one per training).
        fpr: share of the answers without the canary that the threshold makes wrong, fixed beforehand; every number of
            the plan holds at it. ``None`` without a threshold: in the game ``one_run``, for ``randomised_response``, or
            where no number suffices.
        power: probability that the bound exceeds the claim if the true epsilon is `epsilon`.
        typical: the bound at the median outcome, if the true epsilon is `epsilon`.
        ceiling: the largest bound that the audit could return.
        detectable_epsilon: the smallest true epsilon at which the power is `wanted_power`; ``None`` if none up to 1e4.
        validity: of the bound.
        assumptions: what must hold for the numbers above.
        reason: why a number is missing.
    """

    game: Literal["one_run", "many_runs"]
    estimator: str
    leak: Leak
    delta: float
    confidence: float
    claim: float
    wanted_power: float
    epsilon: float | None = None
    n_trainings: int | None = None
    n_canaries: int | None = None
    share: float | None = None
    n_guesses: int | None = None
    fpr: float | None = None
    power: float | None = None
    typical: float | None = None
    ceiling: float | None = None
    detectable_epsilon: float | None = None
    validity: Validity
    assumptions: tuple[str, ...]
    reason: str | None = None


def check_question(
    *, epsilon: float | None, delta: float, confidence: float, claim: float, wanted_power: float, leak: str
) -> None:
    """Refuse a question that no plan answers.

    Raises:
        ConfigError: names the argument that is out of range.
    """
    check_delta(delta)
    check_probability("confidence", confidence)
    check_probability("power", wanted_power)
    if not 0.0 <= claim < LARGEST_EPSILON:
        raise ConfigError(f"claim must be at least 0 and below {LARGEST_EPSILON:g}; got {claim}.", key="claim")
    if epsilon is not None and not claim < epsilon <= LARGEST_EPSILON:
        raise ConfigError(
            f"epsilon must be above the claim of {claim:g} (no valid bound exceeds the true epsilon) and at most "
            f"{LARGEST_EPSILON:g}; got {epsilon}.",
            key="epsilon",
        )
    if leak not in LEAKS:
        raise ConfigError(f"leak must be one of {', '.join(LEAKS)}; got {leak!r}.", key="leak")
    if leak == "gaussian" and delta == 0.0:
        raise ConfigError(
            "a Gaussian mechanism has no finite epsilon at delta 0; state a delta above 0 or use the leak "
            "randomised_response.",
            key="delta",
        )


def response_error(epsilon: float, delta: float) -> float:
    """Return how often randomised response with this exact epsilon at delta answers wrongly.

    Source: Kairouz, Oh, Viswanath, "The Composition Theorem for Differential Privacy", ICML 2015, theorem 2.1.

    >>> response_error(0.0, 0.0)
    0.5
    """
    return (1.0 - delta) * float(expit(-epsilon))


def round_numbers(first: int) -> Iterator[int]:
    """Yield the whole numbers with two significant digits from ``first`` to 1e6.

    >>> [n for n in round_numbers(98) if n < 130]
    [98, 99, 100, 110, 120]
    """
    for unit in (1, 10, 100, 1000, 10_000):
        yield from (n for n in range(unit if unit == 1 else 10 * unit, 100 * unit, unit) if n >= first)
    yield LARGEST_NUMBER


def least_epsilon(passes: Callable[[float], bool]) -> float | None:
    """Return the smallest epsilon that passes, rounded up by at most 1e-6 of it; ``None`` if 1e4 does not pass.

    Args:
        passes: false below some epsilon and true above.

    >>> round(least_epsilon(lambda epsilon: epsilon >= 2.5), 4)
    2.5
    """
    low, high = 0.0, 1.0
    while not passes(high):
        if high >= LARGEST_EPSILON:
            return None
        low, high = high, min(2.0 * high, LARGEST_EPSILON)
    while high - low > RESOLUTION * max(1.0, low):
        middle = (low + high) / 2.0
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high
