"""The strongest attack of an arm, with an interval that holds although it was chosen on the target."""

from collections.abc import Sequence
from dataclasses import dataclass

from privaudit.estimators import accuracy_interval, auc_interval
from privaudit.estimators.rate_difference import square_and_add
from privaudit.types import ConfusionCounts, Finding, Metric

COUNTS = ("tp", "fn", "fp", "tn")  # right and wrong answers about each of two worlds


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A difference with its interval.

    Attributes:
        value: the difference.
        lower: lower end.
        upper: upper end.
    """

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """What the strongest attack reaches.

    Attributes:
        value: its AUC, or accuracy in telling worlds apart.
        lower: the largest of the lower ends of all attacks' intervals, which hold together.
        upper: the largest of the upper ends.
        unit: ``record`` or ``model``.
    """

    value: float
    lower: float
    upper: float
    unit: str

    def less(self, other: "Strength") -> Change:
        """Return this one less another, with an interval as if both were independent."""
        lower, upper = square_and_add(self.value, (self.lower, self.upper), other.value, (other.lower, other.upper))
        return Change(value=self.value - other.value, lower=lower, upper=upper)


def strength_of(findings: Sequence[Finding], *, confidence: float) -> Strength | None:
    """Return what the strongest of some attacks reaches; the largest true value lies in the interval.

    Args:
        findings: attacks on one model, or on the models of worlds.
        confidence: with which the intervals of all attacks hold together.
    """
    measured = [(found, metric) for found in findings if (metric := _headline(found)) is not None]
    if not measured:
        return None
    share = 1 - (1 - confidence) / len(measured)
    ends = [_interval(found, metric, share) for found, metric in measured]
    best, metric = max(measured, key=lambda pair: pair[1].value or 0.0)
    return Strength(
        value=float(metric.value or 0.0),
        lower=max(low for low, _ in ends),
        upper=max(high for _, high in ends),
        unit=best.unit,
    )


def _headline(found: Finding) -> Metric | None:
    name = "accuracy" if found.unit == "model" else "auc"
    return next((m for m in found.metrics if m.name == name and m.value is not None and m.lower is not None), None)


def _interval(found: Finding, metric: Metric, confidence: float) -> tuple[float, float]:
    if metric.name == "auc" and found.n_in and found.n_out:
        return auc_interval(float(metric.value or 0.0), found.n_in, found.n_out, confidence=confidence)
    if metric.name == "accuracy" and all(name in found.params for name in COUNTS):
        counts = ConfusionCounts(**{name: int(found.params[name]) for name in COUNTS})
        return accuracy_interval(counts, confidence=confidence)
    return float(metric.lower or 0.0), float(metric.upper or 0.0)


def change_of(arm: str, findings: Sequence[Finding], *, confidence: float, access: str | None = None) -> Change | None:
    """Return how far the strongest attack on an arm is from the strongest one without a defense.

    Args:
        arm: its id.
        findings: of the whole comparison.
        confidence: of the interval.
        access: only of attacks with this access, or ``None`` for all. Attacks that were run on one of both alone do not count:
            what is attacked by fewer would look better for it.
    """
    if not findings:
        return None
    ours, theirs = (
        [f for f in findings if f.params.get("arm") == one and f.access is not None and access in (None, f.access)]
        for one in (arm, findings[0].params.get("arm"))
    )
    shared = {f.method for f in ours} & {f.method for f in theirs}
    after, before = (
        strength_of([f for f in some if f.method in shared], confidence=confidence) for some in (ours, theirs)
    )
    return None if after is None or before is None else after.less(before)
