"""Epsilon from the two error rates of an attack on independently trained models.

Any attack on an (epsilon, delta) mechanism has 1 - FNR <= e^epsilon FPR + delta and 1 - FPR <= e^epsilon FNR + delta.
Upper ends of both rates, together at the stated confidence, turn that into a lower bound on epsilon.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators.rate_rectangle import Interval, rectangle_estimate
from privaudit.estimators.rates import lower_rate, upper_rate
from privaudit.types import AttackResult, AuditDesign, ConfusionCounts, EpsilonEstimate, Neighbouring, Validity


def clopper_pearson(
    counts: ConfusionCounts,
    *,
    delta: float,
    confidence: float,
    interval: Interval = "lower",
    neighbouring: Neighbouring | None = None,
) -> EpsilonEstimate:
    """Bound epsilon from the outcomes of one attack on independently trained models.

    Args:
        counts: outcomes in both worlds, one per training.
        delta: the delta of the claim, in [0, 1).
        confidence: chance that the statement holds, at every sample size.
        interval: ``lower`` (a bound, half the error per rate) or ``two_sided`` (a quarter per end; the upper end is
            about this attack, not about the mechanism, and ``math.inf`` where an error was never seen).
        neighbouring: the relation of the two worlds, ``None`` = not stated.

    Raises:
        ConfigError: if delta, the confidence or the interval is not legal.

    Source: Clopper and Pearson, Biometrika 1934, with the union bound of Nasr et al., S&P 2021, section IV.

    >>> counts = ConfusionCounts(tp=1000, fn=0, fp=0, tn=1000)
    >>> round(clopper_pearson(counts, delta=1e-5, confidence=0.95).lower, 4)
    5.6006
    """
    return rectangle_estimate(
        counts,
        method="clopper_pearson",
        lower_rate=lower_rate,
        upper_rate=upper_rate,
        validity=Validity.VALID,
        delta=delta,
        confidence=confidence,
        interval=interval,
        neighbouring=neighbouring,
    )


def counts_at(scores: NDArray[np.float64], label: NDArray[np.uint8], threshold: float) -> ConfusionCounts:
    """Count outcomes where ``score >= threshold`` guesses world 1.

    Args:
        scores: ``(n,)`` scores, higher = world 1.
        label: ``(n,)`` the truth.
        threshold: fixed beforehand.
    """
    guess, world = scores >= threshold, label.astype(bool)
    tp, fp = int((guess & world).sum()), int((guess & ~world).sum())
    return ConfusionCounts(tp=tp, fn=int(world.sum()) - tp, fp=fp, tn=int((~world).sum()) - fp)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClopperPearson:
    """Bound from independent trainings at a threshold fixed beforehand.

    Attributes:
        threshold: ``score >= threshold`` guesses world 1; choose it without looking at these outcomes.
        neighbouring: the relation of the two worlds, ``None`` = not stated.

    Source: see `clopper_pearson`.
    """

    name: ClassVar[str] = "clopper_pearson"
    threshold: float = 0.0
    neighbouring: Neighbouring | None = None

    def __post_init__(self) -> None:
        """Refuse a threshold that is not a number."""
        if math.isnan(self.threshold):
            raise ConfigError("threshold must be a number; got NaN.", key="threshold")

    def check(self, design: AuditDesign) -> None:
        """Refuse designs with several canaries in one model.

        Args:
            design: the audit's design.

        Raises:
            UnsupportedError: if one model answers for more than one record.
        """
        if len(design.coin_records) > 1:
            raise UnsupportedError(_refusal(f"{len(design.coin_records)} records of one model"))

    def estimate(self, result: AttackResult, *, delta: float, confidence: float) -> EpsilonEstimate:
        """Bound epsilon from one outcome per model.

        Args:
            result: scores of models, with the world each was trained in.
            delta: the delta of the claim.
            confidence: chance that the bound holds.

        Raises:
            UnsupportedError: if the unit is not a model.
        """
        if result.unit != "model":
            raise UnsupportedError(_refusal(f"unit {result.unit!r}"))
        counts = counts_at(result.scores, result.label, self.threshold)
        return clopper_pearson(counts, delta=delta, confidence=confidence, neighbouring=self.neighbouring)


def _refusal(got: str) -> str:
    return (
        f"clopper_pearson needs one outcome per independent training (one canary, many models); got {got}, whose "
        "outcomes are not independent trials. Use the estimator one_run."
    )
