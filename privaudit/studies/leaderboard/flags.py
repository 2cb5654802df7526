"""Whether quantile regression flags as many non-members as its level says."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from privaudit.attacks.quantile import NOTED_LEVELS, QuantileRegression, achieved_rates
from privaudit.estimators import conformal_region
from privaudit.interfaces import AuditInputs
from privaudit.studies.study import Check

if TYPE_CHECKING:
    from privaudit.studies.leaderboard.leaderboard_study import Played

FAMILY_CONFIDENCE = 0.999


class FlagCounts(NamedTuple):
    """Flags on the non-members of one target.

    Attributes:
        n_calibration: population records that the thresholds come from.
        n_test: non-members tested.
        flagged: how many of them each level flags.
    """

    n_calibration: int
    n_test: int
    flagged: tuple[int, ...]


def flag_counts(inputs: AuditInputs, *, target: int = 0) -> FlagCounts:
    """Count flags on one target of a seed: targets that share records are not independent.

    Args:
        inputs: of all models.
        target: the model attacked.
    """
    found = QuantileRegression().scores(inputs, target)
    is_tested = ~inputs.design.is_population & ~inputs.design.is_in[target].astype(bool)
    n_test, flagged = achieved_rates(found, is_tested)
    return FlagCounts(len(found.calibration), n_test, flagged)


def flag_check(by_task: Mapping[str, Sequence["Played"]]) -> Check:
    """Hold every count against its beta-binomial region, at a family level over seeds, levels and tasks.

    Args:
        by_task: task -> its seeds.
    """
    counts = [one.flags for played in by_task.values() for one in played]
    n_looks = len(counts) * len(NOTED_LEVELS)
    confidence = 1 - (1 - FAMILY_CONFIDENCE) / n_looks
    inside, rates = 0, [0.0] * len(NOTED_LEVELS)
    for one in counts:
        for place, (level, flagged) in enumerate(zip(NOTED_LEVELS, one.flagged, strict=True)):
            low, high = conformal_region(one.n_calibration, one.n_test, level, confidence=confidence)
            inside += low <= flagged <= high
            rates[place] += flagged / one.n_test / len(counts)
    means = ", ".join(f"{rate:.3f} at {level:g}" for rate, level in zip(rates, NOTED_LEVELS, strict=True))
    return Check(
        name="quantile regression: achieved false positive rates",
        wanted=f"all inside the beta-binomial region, family level {FAMILY_CONFIDENCE:.1%} over {n_looks} looks",
        measured=f"{inside} of {n_looks} inside; mean {means}",
        is_met=inside == n_looks,
    )
