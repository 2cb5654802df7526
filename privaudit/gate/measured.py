"""Intervals that were looked at together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAt:
    """One quantity of one finding.

    Attributes:
        finding: id of the finding.
        value: the measured value.
        lower: lower end.
        upper: upper end.
        n: outcomes behind it, in words.
        upper_at: the upper end with so many times as many outcomes; ``None`` where that is not known.
        smaller_n: the smaller number of outcomes of both worlds, 0 where not known.
    """

    finding: str
    value: float
    lower: float
    upper: float
    n: str = ""
    upper_at: Callable[[float], float] | None = None
    smaller_n: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An interval over all attacks and targets.

    Attributes:
        lower: the largest lower end, ``None`` where something is missing.
        upper: the largest upper end.
        n_looked_at: how many intervals hold together.
        worst: id of the finding with the largest upper end.
        problem: why there is no interval, or "".
        looked_at: the intervals.
        confidence: of each of them.
    """

    lower: float | None = None
    upper: float | None = None
    n_looked_at: int = 0
    worst: str = ""
    problem: str = ""
    looked_at: tuple[LookedAt, ...] = ()
    confidence: float | None = None


def widest(looked_at: Sequence[LookedAt], confidence: float) -> Measured:
    """Return the largest ends of several intervals.

    Args:
        looked_at: at least one.
        confidence: of each.
    """
    worst = max(looked_at, key=lambda one: one.upper)
    return Measured(
        lower=max(one.lower for one in looked_at),
        upper=worst.upper,
        n_looked_at=len(looked_at),
        worst=worst.finding,
        looked_at=tuple(looked_at),
        confidence=confidence,
    )
