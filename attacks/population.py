"""The population attack: where a record stands among records that the target never saw (attack P of Ye et al. 2022).

The threshold at a false positive rate alpha is a quantile of the target's own signal over population records. Said for
all alpha at once it is a p-value, which means the same under every target, however sure of itself a model is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access
from privaudit.validate import check_scores

Floats = NDArray[np.float64]

FEWEST = 20  # population records of a class; the smallest p-value is one over one more


def log_p_values(signal: Floats, population: Floats) -> Floats:
    """Return the log of (1 + number of population records with at least this signal) / (1 + number of them).

    If record and population are exchangeable, such a p-value is at most alpha with probability at most alpha.

    Args:
        signal: ``(n,)`` signal of the records.
        population: ``(n_population,)`` the same of population records.

    Raises:
        UnsupportedError: if there is no population record.
        DegenerateScoresError: if a value is NaN.

    >>> np.exp(log_p_values(np.array([0.0, 2.0, 9.0]), np.array([1.0, 2.0, 3.0]))).round(6).tolist()
    [1.0, 0.75, 0.25]
    """
    if not len(population):
        raise UnsupportedError("the population attack needs population records; set design.population above 0.")
    ordered = np.sort(check_scores(population, name="population signals"))
    below = np.searchsorted(ordered, check_scores(signal, name="signals"), side="left")
    return np.asarray(np.log1p(len(ordered) - below) - np.log1p(len(ordered)))


def log_p_values_by_class(
    signal: Floats, labels: NDArray[np.int64], is_population: NDArray[np.bool_]
) -> tuple[Floats, list[int]]:
    """Return log p-values of all records, each among the population records of its own class.

    Args:
        signal: ``(n_records,)`` signal of all records.
        labels: ``(n_records,)`` their classes.
        is_population: ``(n_records,)`` True for population records.

    Returns:
        ``(n_records,)`` log p-values, and the classes with fewer than ``FEWEST`` population records, whose records are
        compared with the whole population.
    """
    result, small = log_p_values(signal, signal[is_population]), []
    for label in np.unique(labels):
        of_class = labels == label
        alike = of_class & is_population
        if alike.sum() < FEWEST:
            small.append(int(label))
            continue
        result[of_class] = log_p_values(signal[of_class], signal[alike])
    return result, small


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationAttack:
    """Minus the log p-value of a record's loss among population records; needs no shadow models.

    Attributes:
        compared_with: ``global`` (default): with all population records; ``class``: with those of the record's class.

    Source: Ye, Maddi, Murakonda, Bindschaedler, Shokri, "Enhanced Membership Inference Attacks against Machine Learning
    Models", CCS 2022, section 4 (attack P; the finite-sample p-value is standard).
    """

    name: ClassVar[str] = "population"
    signals: ClassVar[frozenset[str]] = frozenset({"negative_loss"})
    record_fields: ClassVar[frozenset[str]] = frozenset({"is_population", "label"})
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    fewest_population: ClassVar[int] = 1
    compared_with: Literal["global", "class"] = "global"

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        if self.compared_with not in ("global", "class"):
            raise ConfigError(
                f"compared_with must be global or class; got {self.compared_with!r}.", key="compared_with"
            )

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design, labels and signals.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if there is no population record.
        """
        check_targets(inputs, targets)
        values = finite_signal(inputs, "negative_loss")
        is_population = inputs.design.is_population
        params, results = {"compared_with": self.compared_with}, []
        for target in targets:
            log_p, small = log_p_values(values[target], values[target, is_population]), list[int]()
            if self.compared_with == "class":
                log_p, small = log_p_values_by_class(values[target], inputs.labels, is_population)
            notes = (_small_note(small),) if small else ()
            results.append(coin_result(self, inputs, int(target), -log_p, params=params, notes=notes))
        return tuple(results)


def _small_note(classes: list[int]) -> str:
    return (
        f"{len(classes)} classes have fewer than {FEWEST} population records (first: class {classes[0]}); their records "
        "are compared with the whole population"
    )
