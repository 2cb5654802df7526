"""Epsilon from the two error rates of an attack on independently trained models.

Any attack on an (epsilon, delta) mechanism has 1 - FNR <= e^epsilon FPR + delta and 1 - FPR <= e^epsilon FNR + delta.
Upper ends of both rates, together at the stated confidence, turn that into a lower bound on epsilon.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError, UnsupportedError
from privaudit.estimators.rates import lower_rate, upper_rate
from privaudit.types import (
    AttackResult,
    AuditDesign,
    ConfusionCounts,
    EpsilonEstimate,
    EstimateKind,
    Neighbouring,
    Validity,
)
from privaudit.validate import check_delta, check_probability

Interval = Literal["lower", "two_sided"]

ASSUMPTIONS = (
    "each outcome comes from an independent training",
    "the threshold was fixed before these outcomes were seen",
)


def rates_to_epsilon(fnr: float, fpr: float, delta: float) -> float:
    """Return the smallest epsilon >= 0 that allows two error rates.

    Args:
        fnr: false negative rate.
        fpr: false positive rate.
        delta: the delta of the definition.

    Source: Kairouz, Oh, Viswanath, "The Composition Theorem for Differential Privacy", ICML 2015, theorem 2.1.

    >>> round(rates_to_epsilon(0.1, 0.1, 0.0), 4)
    2.1972
    """
    return max(0.0, _log_ratio(1.0 - fnr - delta, fpr), _log_ratio(1.0 - fpr - delta, fnr))


def _log_ratio(above: float, below: float) -> float:
    if above <= 0.0:
        return -math.inf
    return math.log(above) - math.log(below) if below > 0.0 else math.inf


def lower_end(counts: ConfusionCounts, *, delta: float, tail: float) -> float:
    """Return epsilon at the upper ends of both error rates, each missed with chance ``tail``."""
    fnr = upper_rate(counts.fn, counts.n_in, tail)
    return rates_to_epsilon(fnr, upper_rate(counts.fp, counts.n_out, tail), delta)


def upper_end(counts: ConfusionCounts, *, delta: float, tail: float) -> float:
    """Return the largest epsilon in the rectangle of both rates, each end missed with chance ``tail``.

    The far corner (both rates high) is the same attack with its answer negated.
    """
    fnr, fpr = lower_rate(counts.fn, counts.n_in, tail), lower_rate(counts.fp, counts.n_out, tail)
    tpr, tnr = lower_rate(counts.tp, counts.n_in, tail), lower_rate(counts.tn, counts.n_out, tail)
    return max(rates_to_epsilon(fnr, fpr, delta), rates_to_epsilon(tpr, tnr, delta))


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
    check_delta(delta)
    if interval not in ("lower", "two_sided"):
        raise ConfigError(f"interval must be lower or two_sided; got {interval!r}.", key="interval")
    two_sided = interval == "two_sided"
    tail = (1.0 - check_probability("confidence", confidence)) / (4 if two_sided else 2)
    flawless = ConfusionCounts(tp=counts.n_in, fn=0, fp=0, tn=counts.n_out)
    return EpsilonEstimate(
        method="clopper_pearson",
        kind=EstimateKind.INTERVAL if two_sided else EstimateKind.LOWER_BOUND,
        lower=lower_end(counts, delta=delta, tail=tail),
        upper=upper_end(counts, delta=delta, tail=tail) if two_sided else None,
        delta=delta,
        confidence=confidence,
        neighbouring=neighbouring,
        n_in=counts.n_in,
        n_out=counts.n_out,
        ceiling=lower_end(flawless, delta=delta, tail=tail),
        validity=Validity.VALID,
        assumptions=ASSUMPTIONS,
        diagnostics={"tp": counts.tp, "fn": counts.fn, "fp": counts.fp, "tn": counts.tn},
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
