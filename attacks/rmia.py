"""RMIA, the robust pairwise attack, online, by sorted search (Zarifzadeh, Liu, Shokri, ICML 2024).

With r_x = P(x | target) / mean over reference models of P(x | reference), RMIA's score of a record is the share of
population records z with r_x / r_z > gamma. That is one lookup in the sorted r_z instead of all pairs. For one target
it is a monotone function of r_x, quantised to the number of population records; the log-ratio itself is therefore the
primary score, and the share a calibrated one that can be pooled over targets.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.lira import left_out
from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.numerics import log_mean_exp
from privaudit.types import AttackResult
from privaudit.types.design import Access
from privaudit.validate import check_scores

Floats = NDArray[np.float64]


def log_ratio(log_p_target: Floats, log_p_references: Floats) -> Floats:
    """Return log r: the target's log-probability over the references' mean probability.

    Args:
        log_p_target: ``(n_records,)`` log-probability of the true label under the target.
        log_p_references: ``(n_references, n_records)`` the same under the reference models.

    Returns:
        ``(n_records,)``; the mean is taken of probabilities, in log space.

    >>> log_ratio(np.log([0.5]), np.log([[0.125], [0.375]])).round(6).tolist()
    [0.693147]
    """
    return log_p_target - log_mean_exp(log_p_references, axis=0)


def population_share(log_ratios: Floats, population: Floats, *, gamma: float = 1.0) -> Floats:
    """Return the share of population records that each record beats by a factor ``gamma``.

    Compares ``log r_z < log r_x - log gamma``, computed once in float64, so that ties fall the same way as in the
    pairwise definition.

    Args:
        log_ratios: ``(n,)`` log r_x of the records.
        population: ``(n_population,)`` log r_z of records held out of every model.
        gamma: the factor.

    Returns:
        ``(n,)`` shares in [0, 1], in steps of ``1 / n_population``.

    Raises:
        UnsupportedError: if there is no population record.
        DegenerateScoresError: if a ratio is NaN.

    >>> population_share(np.array([0.0, 1.0]), np.array([-1.0, 0.0, 0.5, 2.0])).tolist()
    [0.25, 0.75]
    """
    if not len(population):
        raise UnsupportedError("the population share needs population records; set design.population above 0.")
    ordered = np.sort(check_scores(population, name="population log-ratios"))
    wanted = check_scores(log_ratios, name="log-ratios") - math.log(gamma)
    # sorted needles make neighbouring lookups hit the same cache lines: several times faster than in record order
    order = np.argsort(wanted)
    shares = np.empty(len(wanted))
    shares[order] = np.searchsorted(ordered, wanted[order], side="left") / len(ordered)
    return shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Rmia:
    """Online RMIA on log-probabilities.

    Attributes:
        score: ``log_ratio`` (default) or ``population_share``, comparable over targets but in steps of one over the
            number of population records.
        gamma: factor by which a record must beat a population record.

    Source: Zarifzadeh, Liu, Shokri, "Low-Cost High-Power Membership Inference Attacks", ICML 2024, section 3.
    """

    name: ClassVar[str] = "rmia"
    signals: ClassVar[frozenset[str]] = frozenset({"negative_loss"})
    record_fields: ClassVar[frozenset[str]] = frozenset({"is_population"})
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    score: Literal["log_ratio", "population_share"] = "log_ratio"
    gamma: float = 1.0

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        if self.score not in ("log_ratio", "population_share"):
            raise ConfigError(f"score must be log_ratio or population_share; got {self.score!r}.", key="score")
        if not isinstance(self.gamma, int | float) or not 0 < self.gamma < math.inf:
            raise ConfigError(f"gamma must be a number above 0 and finite; got {self.gamma!r}.", key="gamma")

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals; all usable models but the target and its pair serve as references.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if no reference model is left.
        """
        check_targets(inputs, targets)
        values = finite_signal(inputs, "negative_loss")
        population = np.flatnonzero(inputs.design.is_population)
        results = []
        for target in targets:
            out = left_out(inputs.design.pair, target, "pair")
            references = np.setdiff1d(inputs.usable, out)
            if not len(references):
                raise UnsupportedError(
                    "RMIA needs a reference model beside the target's pair; train at least 4 models."
                )
            scores = log_ratio(values[target], values[references])
            if self.score == "population_share":
                scores = population_share(scores, scores[population], gamma=self.gamma)
            params = {"score": self.score, "gamma": self.gamma}
            results.append(coin_result(self, inputs, target, scores, params=params, left_out=out))
        return tuple(results)
