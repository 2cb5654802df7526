"""What training promises (a claim) and what an audit found (an estimate)."""

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from privaudit.errors import ClaimError, ConfigError
from privaudit.validate import check_delta, check_probability


class Neighbouring(StrEnum):
    """Which data sets count as neighbours; numbers of different relations are never compared."""

    ADD_REMOVE = "add_remove"
    REPLACE_ONE = "replace_one"
    ZERO_OUT = "zero_out"


class EstimateKind(StrEnum):
    """What the number is."""

    LOWER_BOUND = "lower_bound"
    UPPER_BOUND = "upper_bound"
    INTERVAL = "interval"
    POINT = "point"


class Validity(StrEnum):
    """How far the number can be trusted.

    ``valid``: coverage at every sample size; ``asymptotic``: for large samples; ``credible``: a Bayesian interval;
    ``in_family``: only if the mechanism is of the named family; ``heuristic``: no statement.
    """

    VALID = "valid"
    ASYMPTOTIC = "asymptotic"
    CREDIBLE = "credible"
    IN_FAMILY = "in_family"
    HEURISTIC = "heuristic"


@dataclass(frozen=True, slots=True, kw_only=True)
class DpSgdParams:
    """The parameters of DP-SGD that decide its guarantee.

    Attributes:
        noise_multiplier: standard deviation of the noise in units of ``max_grad_norm``.
        sample_rate: probability with which each record is in a batch.
        steps: number of noisy gradient steps.
        max_grad_norm: the clipping norm.
        sampling: how batches are drawn; only ``poisson`` carries the claim.
    """

    noise_multiplier: float
    sample_rate: float
    steps: int
    max_grad_norm: float = 1.0
    sampling: str = "poisson"

    def __post_init__(self) -> None:
        """Refuse parameters outside their range."""
        for name in ("noise_multiplier", "sample_rate", "steps", "max_grad_norm"):
            if isinstance(getattr(self, name), bool) or not isinstance(getattr(self, name), numbers.Real):
                raise ConfigError(f"{name} must be a number; got {getattr(self, name)!r}.", key=name)
        if not self.noise_multiplier >= 0:
            raise ConfigError(f"noise_multiplier must be at least 0; got {self.noise_multiplier}.")
        if not 0 < self.sample_rate <= 1:
            raise ConfigError(f"sample_rate must lie in (0, 1]; got {self.sample_rate}.")
        if self.steps < 1 or self.steps != int(self.steps):
            raise ConfigError(f"steps must be a whole number of at least 1; got {self.steps}.")
        if not self.max_grad_norm > 0:
            raise ConfigError(f"max_grad_norm must be above 0; got {self.max_grad_norm}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyClaim:
    """The guarantee that training promises.

    Attributes:
        epsilon: the promised epsilon, ``math.inf`` for none.
        delta: the delta it holds at.
        neighbouring: the relation it holds for.
        accountant: what computed it, e.g. ``pld``.
        mechanism: the parameters it was computed from, if any.
    """

    epsilon: float
    delta: float
    neighbouring: Neighbouring
    accountant: str
    mechanism: DpSgdParams | None = None

    def __post_init__(self) -> None:
        """Refuse a claim outside its range."""
        if not self.epsilon >= 0:
            raise ClaimError(f"a claimed epsilon must be at least 0; got {self.epsilon}.")
        check_delta(self.delta)


@dataclass(frozen=True, slots=True)
class ConfusionCounts:
    """Outcomes of a yes/no attack in two worlds.

    Attributes:
        tp: world 1 (member) called member.
        fn: world 1 called non-member.
        fp: world 0 (non-member) called member.
        tn: world 0 called non-member.

    >>> ConfusionCounts(tp=76, fn=923, fp=19, tn=982).n_in
    999
    """

    tp: int
    fn: int
    fp: int
    tn: int

    def __post_init__(self) -> None:
        """Refuse negative counts and empty worlds."""
        for name in ("tp", "fn", "fp", "tn"):
            count = getattr(self, name)
            if not (isinstance(count, numbers.Real) and math.isfinite(count) and float(count).is_integer()):
                raise ConfigError(f"counts must be whole numbers; got {name}={count!r}.", key=name)
            if count < 0:
                raise ConfigError(f"counts must be at least 0; got {self}.", key=name)
            object.__setattr__(self, name, int(float(count)))
        if not self.n_in or not self.n_out:
            raise ConfigError(f"both worlds need at least one outcome; got {self.n_in} members, {self.n_out} others.")

    @property
    def n_in(self) -> int:
        """Outcomes in world 1."""
        return self.tp + self.fn

    @property
    def n_out(self) -> int:
        """Outcomes in world 0."""
        return self.fp + self.tn


@dataclass(frozen=True, slots=True, kw_only=True)
class EpsilonEstimate:
    """A statement about epsilon that carries all it takes to read it.

    Attributes:
        method: the estimator's registered name.
        kind: what the number is.
        lower: lower end (0 where nothing was shown), ``math.inf`` for none of an upper bound.
        upper: upper end, or ``None`` where the method makes no statement.
        delta: the delta it holds at.
        confidence: the confidence this estimate was given (1 for a computed guarantee).
        neighbouring: the relation, ``None`` = not stated.
        n_in: outcomes in world 1, ``None`` where the method does not split by world.
        n_out: outcomes in world 0, ``None`` likewise.
        ceiling: the largest ``lower`` these sample sizes could have returned; ``math.inf`` for upper bounds.
        validity: how far the number can be trusted.
        assumptions: what must hold.
        diagnostics: the numbers it was made from.
    """

    method: str
    kind: EstimateKind
    lower: float
    upper: float | None = None
    delta: float
    confidence: float
    neighbouring: Neighbouring | None = None
    n_in: int | None = None
    n_out: int | None = None
    ceiling: float = math.inf
    validity: Validity
    assumptions: tuple[str, ...] = ()
    diagnostics: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an estimate whose ends are crossed or not numbers, and relations that there are not."""
        if self.neighbouring is not None and self.neighbouring not in list(Neighbouring):
            known = ", ".join(Neighbouring)
            raise ConfigError(
                f"neighbouring must be one of {known}, or None; got {self.neighbouring!r}.", key="neighbouring"
            )
        if math.isnan(self.lower) or (self.upper is not None and not self.upper >= self.lower):
            raise ConfigError(f"an estimate needs lower <= upper; got [{self.lower}, {self.upper}] from {self.method}.")
        check_delta(self.delta)
        if self.confidence != 1.0:
            check_probability("confidence", self.confidence)
