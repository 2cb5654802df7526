"""The modified entropy: how sure the target is of the right answer, all classes counted (Song and Mittal 2021).

The entropy of a model's output is small also where it is sure of a wrong answer; the modified one is not. How small is
small for a member differs from class to class, so every class gets a threshold of its own, learned on shadow models.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.attacks.shadow_fit import left_out
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SIGNAL = "negative_log_modified_entropy"


def best_threshold(signal: Floats, is_member: Bools) -> float:
    """Return the threshold at which true minus false positive rate is largest; members lie at or above it.

    Args:
        signal: ``(n,)`` finite.
        is_member: ``(n,)``; without members or non-members there is nothing to tell apart.

    Returns:
        The largest of the best thresholds, one of the values.

    Raises:
        UnsupportedError: if there are only members or only others.

    >>> best_threshold(np.array([0.0, 1.0, 2.0, 3.0]), np.array([False, True, False, True]))
    3.0
    """
    n_in = int(is_member.sum())
    if not 0 < n_in < len(is_member):
        raise UnsupportedError(
            "a threshold per class needs shadow models with and without records of each class; use thresholds: global, or "
            "train more models (design.n_models)."
        )
    order = np.argsort(-signal, kind="stable")
    ordered, member = signal[order], is_member[order]
    hits, alarms = np.cumsum(member), np.cumsum(~member)
    is_last = np.append(ordered[1:] < ordered[:-1], True)  # ties stand or fall together
    merit = np.where(is_last, hits * (len(member) - n_in) - alarms * n_in, -np.inf)  # whole numbers: ties are ties
    return float(ordered[int(np.argmax(merit))])


def class_thresholds(signal: Floats, is_in: Bools, labels: NDArray[np.int64]) -> Floats:
    """Return the threshold of each record's class, learned over all shadows and records of the class.

    Args:
        signal: ``(n_shadows, n_records)``.
        is_in: ``(n_shadows, n_records)`` the shadows' coins.
        labels: ``(n_records,)`` classes.

    Returns:
        ``(n_records,)``.

    Raises:
        UnsupportedError: if the shadows of a class are all trained on its records, or all not.
    """
    thresholds = np.empty(len(labels))
    for label in np.unique(labels):
        of_class = labels == label
        thresholds[of_class] = best_threshold(signal[:, of_class].ravel(), is_in[:, of_class].ravel())
    return thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifiedEntropy:
    """Minus the log of the modified entropy, less the threshold of the record's class.

    Attributes:
        thresholds: ``class`` (default), or ``global``: the signal itself, which needs no shadow models.

    Source: Song, Mittal, "Systematic Evaluation of Privacy Risks of Machine Learning Models", USENIX Security 2021,
    sections 3.1 and 3.2. The logarithm orders records as the entropy does; differences from a threshold are ratios.
    """

    name: ClassVar[str] = "modified_entropy"
    signals: ClassVar[frozenset[str]] = frozenset({SIGNAL})
    record_fields: ClassVar[frozenset[str]] = frozenset({"label"})
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    thresholds: Literal["class", "global"] = "class"

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        if self.thresholds not in ("class", "global"):
            raise ConfigError(f"thresholds must be class or global; got {self.thresholds!r}.", key="thresholds")

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design, labels and signals; usable models but the target and its pair serve as shadows.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if a class has no shadow with or without its records.
        """
        check_targets(inputs, targets)
        values, design = finite_signal(inputs, SIGNAL), inputs.design
        params, results = {"thresholds": self.thresholds}, []
        for target in targets:
            scores, out = values[target].copy(), left_out(design.pair, int(target), "pair")
            if self.thresholds == "class":
                shadows, canaries = np.setdiff1d(inputs.usable, out), design.coin_records
                cells = np.ix_(shadows, canaries)
                is_in = design.is_in[cells].astype(bool)
                scores[canaries] -= class_thresholds(values[cells], is_in, inputs.labels[canaries])
            used = out if self.thresholds == "class" else []
            results.append(coin_result(self, inputs, int(target), scores, params=params, left_out=used))
        return tuple(results)
