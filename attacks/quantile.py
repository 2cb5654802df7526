"""The quantile-regression attack: no shadow models, only records that the target has not seen (Bertran et al. 2023)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.quantile_scores import FEWEST_POPULATION, ConformalScores, quantile_scores
from privaudit.attacks.results import check_targets, coin_result, finite_queries
from privaudit.errors import UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

NOTED_LEVELS = (0.01, 0.05, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileRegression:
    """How far a record's logit margin lies above what is usual for non-members like it.

    Needs no shadow model: its attacker has the target's scores of records that are known to be no members. The halves of
    the population are drawn by the design's seed.

    Source: Bertran et al., "Scalable Membership Inference Attacks via Quantile Regression", NeurIPS 2023.
    """

    name: ClassVar[str] = "quantile"
    signals: ClassVar[frozenset[str]] = frozenset({"logit_margin"})
    record_fields: ClassVar[frozenset[str]] = frozenset({"is_population", "features", "label"})
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    fewest_population: ClassVar[int] = FEWEST_POPULATION

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design, signals and features.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if there are too few population records, or no features.
            DataError: if a feature is not finite, or there are not as many as records.
        """
        check_targets(inputs, targets)
        return tuple(self._result(inputs, int(target)) for target in targets)

    def scores(self, inputs: AuditInputs, target: int) -> ConformalScores:
        """Return scores and calibration of one target, from which thresholds at any level are read."""
        if inputs.features is None:
            raise UnsupportedError("quantile regression looks at the records' features; these inputs hold none.")
        margin = finite_queries(inputs, "logit_margin")[target].mean(axis=1)
        design = inputs.design
        return quantile_scores(margin, inputs.features, inputs.labels, design.is_population, seed=design.seed)

    def _result(self, inputs: AuditInputs, target: int) -> AttackResult:
        found = self.scores(inputs, target)
        note = (
            f"thresholds at {_percents()} false positives, by {len(found.calibration)} population records: "
            f"{', '.join(_shown(found.threshold(level)) for level in NOTED_LEVELS)}; they hold for non-members that are "
            "exchangeable with the population"
        )
        return coin_result(self, inputs, target, found.scores, params={}, notes=(note,))


def _shown(threshold: float) -> str:
    return f"{threshold:.3g}" if np.isfinite(threshold) else "none (too few records)"


def _percents() -> str:
    return ", ".join(f"{100 * level:g} %" for level in NOTED_LEVELS)


def achieved_rates(
    found: ConformalScores, is_non_member: NDArray[np.bool_], levels: Sequence[float] = NOTED_LEVELS
) -> tuple[int, tuple[int, ...]]:
    """Return the number of non-members and how many of them each level's threshold flags.

    Args:
        found: scores and calibration.
        is_non_member: ``(n_records,)`` non-members that the regression has not seen.
        levels: nominal false positive rates.

    >>> achieved_rates(ConformalScores(np.arange(10.0), np.arange(9.0)), np.ones(10, dtype=bool), (0.5,))
    (10, (5,))
    """
    tested = found.scores[is_non_member]
    return len(tested), tuple(int((tested > found.threshold(level)).sum()) for level in levels)
