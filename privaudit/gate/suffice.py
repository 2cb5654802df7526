"""How much larger an audit must be before an open verdict would close, if what it measures stays as it is."""

import math
from collections.abc import Callable
from functools import cache

from privaudit.estimators import one_run_p_value
from privaudit.gate.bounds import is_proof, shared_confidence
from privaudit.types import AuditReport

MOST_TIMES, MOST_COINS = 1024.0, 1_000_000


def times_needed(upper_at: Callable[[float], float], limit: float) -> float | None:
    """Return how many times as many outcomes bring an upper end down to a limit, to about 2 %.

    Args:
        upper_at: from a factor on the numbers of outcomes to the upper end, which falls.
        limit: the limit.

    Returns:
        The factor; ``None`` if none up to `MOST_TIMES` does.

    >>> 3.95 < times_needed(lambda times: 0.5 + 0.1 / times**0.5, 0.55) < 4.1
    True
    """
    low, high = 1.0, 1.0
    while upper_at(high) > limit:
        low, high = high, 2.0 * high
        if high > MOST_TIMES:
            return None
    while high > 1.02 * low:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if upper_at(middle) > limit else (low, middle)
    return high


def rounded_up(number: float) -> int:
    """Return a number of records as one says it: rounded up to two digits.

    >>> rounded_up(6329)
    6400
    """
    unit = 10 ** max(int(math.log10(max(number, 1.0))) - 1, 0)
    return int(math.ceil(number / unit) * unit)


def ceiling_words(report: AuditReport, epsilon: float, confidence: float) -> str:
    """Say how many records with coins, or canaries, lift the ceiling of the primary bound above an epsilon."""
    estimates = [estimate for _, estimate in report.primary_estimates() if is_proof(estimate)]
    counts = [estimate.diagnostics for estimate in estimates if estimate.method == "one_run"]
    if (
        not counts
        or len(counts) < len(estimates)
        or not all(c.get("n_canaries") and c.get("n_guesses") for c in counts)
    ):
        return "More independent trainings would lift it."
    share = max(c["n_guesses"] / c["n_canaries"] for c in counts)
    n_now = int(min(c["n_canaries"] for c in counts))
    each = shared_confidence(shared_confidence(confidence, len(counts)), int(counts[0].get("n_candidates", 1)))
    needed = coins_for_ceiling(epsilon, estimates[0].delta, each, share, n_now)
    if needed is None:
        return "More coins alone do not lift it: a larger share of guesses, a smaller delta or fewer targets may."
    return f"About {needed:,} records with coins, or canaries, would lift it (there are {n_now:,})."


@cache
def coins_for_ceiling(epsilon: float, delta: float, confidence: float, share: float, n_now: int) -> int | None:
    """Return roughly with how many coins a one-run audit that guesses all right rejects an epsilon.

    Args:
        epsilon: what the ceiling must pass.
        delta: of the audit.
        confidence: of the bound.
        share: of the coins that are guessed.
        n_now: where the search begins.

    Returns:
        The number, rounded up to two digits; ``None`` if none up to `MOST_COINS` suffices.

    Source: Steinke, Nasr and Jagielski, NeurIPS 2023, theorem 5.2.
    """
    n = max(n_now, 100)
    while n <= MOST_COINS and math.isfinite(epsilon):
        guesses = max(2 * int(share * n / 2), 1)
        if one_run_p_value(n, guesses, guesses, epsilon, delta) <= 1 - confidence:
            return rounded_up(n)
        n = int(n * 1.1) + 1
    return None
