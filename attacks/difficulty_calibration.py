"""Difficulty calibration: how much better the target knows a record than models that never saw it (Watson et al. 2022).

A record that every model finds easy has a small loss whether it was trained on or not; the mean over reference models
takes that away. It is a mean of losses, in the logarithm of the probability, where RMIA's is one of probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.attacks.shadow_fit import Floats, ShadowFits, left_out, shadow_fits
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access


def calibrated_scores(fits: ShadowFits) -> Floats:
    """Return the signal of every target minus the mean over the shadows that were not trained on the record.

    Args:
        fits: the shadows.

    Returns:
        ``(n_targets, n_records)``.

    Raises:
        UnsupportedError: if a record lacks such a shadow.
    """
    scores = np.empty((len(fits.targets), fits.values.shape[1]))
    for block in fits.blocks():
        scores[:, block.records] = block.outside.distance(block.observed)
    return scores


@dataclass(frozen=True, slots=True, kw_only=True)
class DifficultyCalibration:
    """Negative loss minus its mean over the reference models that were not trained on the record.

    Source: Watson, Guo, Cormode, Sablayrolles, "On the Importance of Difficulty Calibration in Membership Inference
    Attacks", ICLR 2022, section 3.
    """

    name: ClassVar[str] = "difficulty"
    signals: ClassVar[frozenset[str]] = frozenset({"negative_loss"})
    record_fields: ClassVar[frozenset[str]] = frozenset()
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals; usable models but the target and its pair serve as references.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if a canary lacks a reference that was not trained on it.
        """
        check_targets(inputs, targets)
        pair = inputs.design.pair
        values = finite_signal(inputs, "negative_loss")[:, inputs.design.coin_records]
        scores = calibrated_scores(shadow_fits(inputs, values, targets, sides="out"))
        return tuple(
            coin_result(self, inputs, int(target), row, params={}, left_out=left_out(pair, int(target), "pair"))
            for target, row in zip(targets, scores, strict=True)
        )
