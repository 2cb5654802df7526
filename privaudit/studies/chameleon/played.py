"""What one seed gave."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.collect.chameleon_rounds import PoisonPlan
from privaudit.studies.chameleon.arms import Figures


class Shadows(NamedTuple):
    """What the rounds on shadow models came to.

    Attributes:
        n_rounds: rounds of training, the unpoisoned one among them.
        mean_copies: of a challenge record.
        share_of_one: challenge records with a single copy.
        correlation: of copies and unpoisoned confidence without the record, over records; NaN where one does not vary.
        above_threshold: share of the records whose last confidence is still above the threshold.
        kept: queries in a neighbourhood, median.
    """

    n_rounds: int
    mean_copies: float
    share_of_one: float
    correlation: float
    above_threshold: float
    kept: float


class Played(NamedTuple):
    """What one seed gave.

    Attributes:
        seed: of everything random.
        arms: poisoned arm -> figures.
        baselines: plain label-only attack -> figures, on unpoisoned targets.
        curve: most queries per record -> figures without and with the tie-break.
        accuracy: arm -> accuracy of its targets on test images.
        shadows: what the rounds came to.
    """

    seed: int
    arms: Mapping[str, Figures]
    baselines: Mapping[str, Figures]
    curve: Mapping[int, tuple[Figures, Figures]]
    accuracy: Mapping[str, float]
    shadows: Shadows


def shadows_of(plan: PoisonPlan, *, threshold: float) -> Shadows:
    """Sum up what the rounds decided.

    Args:
        plan: copies, confidences and neighbourhoods.
        threshold: of the confidence.
    """
    return Shadows(
        n_rounds=plan.n_rounds,
        mean_copies=float(plan.copies.mean()),
        share_of_one=float((plan.copies == 1).mean()),
        correlation=correlation(plan.copies.astype(np.float64), plan.history[0]),
        above_threshold=float((plan.out_confidence > threshold).mean()),
        kept=float(np.median(plan.kept.sum(axis=1))),
    )


def correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return Pearson's correlation; NaN where one of them does not vary.

    >>> round(correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])), 6)
    1.0
    """
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
