"""RMIA, the robust pairwise attack, online and offline, by sorted search (Zarifzadeh, Liu, Shokri, ICML 2024).

With r_x = P(x | target) / P(x), RMIA's score of a record is the share of population records z with r_x / r_z > gamma.
That is one lookup in the sorted r_z instead of all pairs. For one target it is a monotone function of r_x, quantised to
the number of population records; the log-ratio itself is therefore the primary score, and the share a calibrated one
that can be pooled over targets. P(x) is the mean over reference models, half of which were trained on x; offline it is
estimated from those that were not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.mean_probability import log_mean_probability, log_offline_probability
from privaudit.attacks.offline_tuning import References, split_references, tuned, tuning_note
from privaudit.attacks.results import check_targets, coin_result, finite_signal
from privaudit.attacks.shadow_fit import left_out
from privaudit.errors import ConfigError, UnsupportedError
from privaudit.interfaces import AuditInputs
from privaudit.types import AttackResult
from privaudit.types.design import Access
from privaudit.validate import check_scores

Floats = NDArray[np.float64]

UNTUNED = 0.3  # of the method's published code


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
    return log_p_target - log_mean_probability(log_p_references)


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
    """RMIA on log-probabilities.

    Attributes:
        mode: ``online`` (default): P(x) is the mean over all references. ``offline``: P(x) = ((1 + a) P_out(x) + 1 - a) / 2
            from the references that were not trained on x, for an attacker who cannot train on the attacked records.
        a: offline only, from 0 to 1; ``None`` (default) tunes it on a pair that is neither the target's nor a reference
            (see `split_references`), and takes 0.3 where there is no such pair.
        score: ``log_ratio`` (default) or ``population_share``, comparable over targets but in steps of one over the
            number of population records.
        gamma: factor by which a record must beat a population record.
        n_references: number of reference models, taken pair by pair; ``None`` (default) = all. Two are one pair: one
            model with and one without each record.

    Source: Zarifzadeh, Liu, Shokri, "Low-Cost High-Power Membership Inference Attacks", ICML 2024, section 3.
    """

    name: ClassVar[str] = "rmia"
    signals: ClassVar[frozenset[str]] = frozenset({"negative_loss"})
    record_fields: ClassVar[frozenset[str]] = frozenset({"is_population"})
    game: ClassVar[str] = "membership"
    access: ClassVar[Access] = "score"
    mode: Literal["online", "offline"] = "online"
    a: float | None = None
    score: Literal["log_ratio", "population_share"] = "log_ratio"
    gamma: float = 1.0
    n_references: int | None = None

    def __post_init__(self) -> None:
        """Refuse unknown options."""
        if self.score not in ("log_ratio", "population_share"):
            raise ConfigError(f"score must be log_ratio or population_share; got {self.score!r}.", key="score")
        check_mode(self.mode)
        if not isinstance(self.gamma, int | float) or not 0 < self.gamma < math.inf:
            raise ConfigError(f"gamma must be a number above 0 and finite; got {self.gamma!r}.", key="gamma")
        check_share("a", self.a, self.mode)
        check_n_references(self.n_references)

    @property
    def fewest_population(self) -> int:
        """Population records without which there is no score; asked for before training."""
        return 1 if self.score == "population_share" else 0

    def run(self, inputs: AuditInputs, *, targets: Sequence[int]) -> tuple[AttackResult, ...]:
        """Score every canary of every target.

        Args:
            inputs: design and signals; usable models but the target and its pair serve as references.
            targets: numbers of the models to attack.

        Raises:
            UnsupportedError: if too few reference models are left, or, offline, none that was not trained on a record.
        """
        check_targets(inputs, targets)
        values = finite_signal(inputs, "negative_loss")
        return tuple(self._attack(inputs, values, int(target)) for target in targets)

    def _attack(self, inputs: AuditInputs, values: Floats, target: int) -> AttackResult:
        design = inputs.design
        is_tuned = self.mode == "offline" and self.a is None
        references = split_references(
            design.pair, inputs.usable, target, n_references=self.n_references, is_tuned=is_tuned
        )
        log_p, params, notes = self._denominator(inputs, values, references)
        scores = values[target] - log_p
        if self.score == "population_share":
            scores = population_share(scores, scores[design.is_population], gamma=self.gamma)
        params = {"mode": self.mode, "score": self.score, "gamma": self.gamma, **params}
        out = left_out(design.pair, target, "pair")
        return coin_result(self, inputs, target, scores, params=params, left_out=out, notes=notes)

    def _denominator(
        self, inputs: AuditInputs, values: Floats, references: References
    ) -> tuple[Floats, dict[str, Any], tuple[str, ...]]:
        """Return log P(x) of all records, and what to say of it."""
        params: dict[str, Any] = {} if self.n_references is None else {"n_references": self.n_references}
        if self.mode == "online":
            return log_mean_probability(values, models=references.models), params, ()
        is_in = inputs.design.is_in.astype(bool)
        log_p_out = log_mean_probability(values, models=references.models, is_used=~is_in)
        a, notes = UNTUNED if self.a is None else float(self.a), tuple[str, ...]()
        if len(references.tuning):
            canaries = inputs.design.coin_records
            cells = np.ix_(references.tuning, canaries)
            a = tuned(values[cells], is_in[cells], lambda a: log_offline_probability(log_p_out[canaries], a))
        if self.a is None:
            notes = (tuning_note("a", a, references.tuning),)
        return log_offline_probability(log_p_out, a), {**params, "a": a}, notes


def check_share(name: str, value: float | None, mode: str) -> None:
    """Refuse an offline parameter that is no number from 0 to 1, or was given to an online attack."""
    is_share = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    if value is not None and not is_share:
        raise ConfigError(f"{name} must be a number from 0 to 1, or null to tune it; got {value!r}.", key=name)
    if value is not None and mode == "online":
        raise ConfigError(f"{name} is a parameter of mode offline; leave it out, or set mode: offline.", key=name)


def check_mode(mode: str) -> None:
    """Refuse a mode that is neither online nor offline."""
    if mode not in ("online", "offline"):
        raise ConfigError(f"mode must be online or offline; got {mode!r}.", key="mode")


def check_n_references(n_references: int | None) -> None:
    """Refuse a number of references that is no whole number of at least 1."""
    is_whole = isinstance(n_references, int) and not isinstance(n_references, bool) and n_references >= 1
    if n_references is not None and not is_whole:
        raise ConfigError(
            f"n_references must be a whole number of at least 1; got {n_references!r}.", key="n_references"
        )
