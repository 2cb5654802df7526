"""Noise robustness: a member's label stands under more noise, a cheap stand-in for its distance to the boundary.

How much noise tells members from others best depends on data and network, and decides whether the attack beats the gap
attack at all. It is chosen on shadow models: on the target it would be chosen with the answer in hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.label_only.constant_labels import constant_note
from privaudit.attacks.offline_tuning import concordance
from privaudit.attacks.results import check_targets, coin_result, finite_queries, finite_signal
from privaudit.attacks.shadow_fit import left_out
from privaudit.errors import ConfigError, DataError, ShapeError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

Floats = NDArray[np.float64]

# standard deviation of Gaussian noise in units of each feature's own, and probability that a binary feature flips
NOISE_LEVELS = ((0.05, 0.01), (0.1, 0.02), (0.2, 0.04), (0.4, 0.08), (0.8, 0.16))
NOISE_COPIES = (1, 3, 7, 15, 31)  # noisy copies after which the share of right labels is noted, at each level
MOST_PLAYED = 16  # shadow models that play the target when a level is chosen


def shares_by_level(values: Floats, n_copies: int) -> Floats:
    """Return the shares of right labels after a number of copies, at each level.

    Args:
        values: ``(..., n_levels * n_checkpoints)`` the signal, in the order (level, checkpoint).
        n_copies: one of ``NOISE_COPIES``.

    Returns:
        ``(..., n_levels)``.

    >>> shares_by_level(np.arange(25.0), 31).tolist()
    [4.0, 9.0, 14.0, 19.0, 24.0]
    """
    split = values.reshape(*values.shape[:-1], len(NOISE_LEVELS), len(NOISE_COPIES))
    return np.asarray(split[..., NOISE_COPIES.index(n_copies)])


def best_level(areas: Floats) -> int:
    """Return the level with the largest mean AUC, the smaller one of equals.

    Args:
        areas: ``(n_shadows, n_levels)`` AUCs of shadow models in the role of the target.

    >>> best_level(np.array([[0.5, 0.7, 0.6], [0.5, 0.6, 0.7]]))
    1
    """
    # rounded, so that equal means do not differ in their last bits
    return int(np.argmax(np.round(areas.mean(axis=0), 10)))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseRobustness:
    """Share of noisy copies that get the right label, 0 for a record that is misclassified without noise.

    Attributes:
        level: place in ``NOISE_LEVELS``, 0 (least noise) to 4; ``None`` (default) takes for each target the one that
            attacks the other models best, its pair left out.
        n_queries: labels asked per record, the record itself and 1, 3, 7, 15 or 31 copies; ``None`` (default) = 32.

    Source: Choquette-Choo, Tramer, Carlini, Papernot, "Label-Only Membership Inference Attacks", ICML 2021, section 3
    (robustness to random noise: Gaussian, and flips of binary features).
    """

    name: ClassVar[str] = "noise"
    signals: ClassVar[frozenset[str]] = frozenset({"noisy_correct_share", "correct"})
    record_fields: ClassVar[frozenset[str]] = frozenset({"label"})
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "label"
    query_ladder: ClassVar[tuple[int, ...]] = tuple(1 + n_copies for n_copies in NOISE_COPIES)
    level: int | None = None
    n_queries: int | None = None

    def __post_init__(self) -> None:
        """Refuse levels that there are not, and numbers of queries that are not on the ladder."""
        legal = {"level": range(len(NOISE_LEVELS)), "n_queries": self.query_ladder}
        for key, values in legal.items():
            value = getattr(self, key)
            if value is not None and (isinstance(value, bool) or value not in values):
                raise ConfigError(f"{key} must be one of {', '.join(map(str, values))}; got {value!r}.", key=key)

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design, labels and signals; where a level is chosen, usable models but the target and its pair serve
                as shadows.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if a level is to be chosen and there is no shadow apart from the target and its pair.
            ShapeError: if the signal has another number of columns.
            DataError: if it holds anything but shares.
        """
        check_targets(inputs, targets)
        n_copies = (self.n_queries or self.query_ladder[-1]) - 1
        values, correct = _shares(inputs), finite_signal(inputs, "correct")
        shares = shares_by_level(values, n_copies)
        levels = [self.level] * len(targets) if self.level is not None else chosen_levels(inputs, shares, targets)
        return tuple(
            coin_result(
                self,
                inputs,
                int(target),
                shares[target, :, level],
                params=_params(level, n_copies),
                left_out=() if self.level is not None else left_out(inputs.design.pair, int(target), "pair"),
                notes=constant_note(correct[target], inputs.labels),
            )
            for target, level in zip(targets, levels, strict=True)
        )


def chosen_levels(inputs: AuditInputs, shares: Floats, targets: Sequence[int]) -> list[int]:
    """Choose a level for each target on the first ``MOST_PLAYED`` shadow models that are neither it nor its pair.

    Args:
        inputs: design and usable models.
        shares: ``(n_models, n_records, n_levels)``.
        targets: numbers of the models to attack.

    Raises:
        UnsupportedError: if a target has no such shadow.
    """
    design = inputs.design
    trained = inputs.usable[design.is_trained[inputs.usable]]
    areas: dict[int, Floats] = {}
    levels = []
    for target in map(int, targets):
        played = np.setdiff1d(trained, left_out(design.pair, target, "pair"))[:MOST_PLAYED].tolist()
        if not played:
            raise UnsupportedError(
                f"the noise level is chosen on shadow models, and there is none apart from target {target} and its pair. "
                f"Set level (0 to {len(NOISE_LEVELS) - 1}) in the attack's params, or train at least 4 models "
                "(design.n_models)."
            )
        for model in played:
            if model not in areas:
                areas[model] = _areas(inputs, shares, model)
        levels.append(best_level(np.stack([areas[model] for model in played])))
    return levels


def _areas(inputs: AuditInputs, shares: Floats, model: int) -> Floats:
    records = inputs.design.coin_records
    is_member = inputs.design.is_in[model, records] == 1
    return np.array([concordance(of_level, is_member) for of_level in shares[model, records].T])


def _params(level: int, n_copies: int) -> Mapping[str, Any]:
    sigma, p = NOISE_LEVELS[level]
    return {"level": level, "sigma": sigma, "p": p, "n_copies": n_copies}


def _shares(inputs: AuditInputs) -> Floats:
    values = finite_queries(inputs, "noisy_correct_share")
    remedy, n_columns = "Measure it with read_noisy_correct_share.", len(NOISE_LEVELS) * len(NOISE_COPIES)
    if values.shape[2] != n_columns:
        raise ShapeError(f"signal noisy_correct_share must have {n_columns} columns; got {values.shape[2]}. {remedy}")
    used = values[inputs.usable]
    if used.size and (used.min() < 0 or used.max() > 1):
        raise DataError(f"signal noisy_correct_share must lie in 0..1; got {used.min():g}..{used.max():g}. {remedy}")
    return values
