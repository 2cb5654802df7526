"""The Bayesian posterior of the epsilon that one attack shows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar, cast

import numpy as np

from privaudit.errors import ConfigError
from privaudit.estimators.posterior_integral import Floats, tail_and_density
from privaudit.estimators.posterior_quantile import ROUNDING, check_mass, round_down, tail_quantile
from privaudit.estimators.posterior_shortest import shortest_interval
from privaudit.estimators.rate_rectangle import count_diagnostics, flawless, lower_end
from privaudit.estimators.rates import upper_rate
from privaudit.types import ConfusionCounts, EpsilonEstimate, EstimateKind, Neighbouring, Validity
from privaudit.validate import check_delta, check_probability

CredibleKind = Literal["equal_tailed", "hpd", "lower", "upper"]
Values = TypeVar("Values", float, Floats)

ASSUMPTIONS = (
    "each outcome comes from an independent training",
    "the threshold was fixed before these outcomes were seen",
    "both error rates have Jeffreys priors, Beta(1/2, 1/2); even without data the lower end is above 0",
    "a credible statement, not one about repeated audits: where both error rates are alike it misses more often",
    "epsilon is what this attack shows; the upper end does not bound the mechanism",
)
INFORMATION_TAIL = 0.025  # per rate: a Clopper-Pearson lower bound at 95 %


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceedanceProbability:
    """The posterior probability that an attack's epsilon exceeds a value, beside what the prior alone says.

    Attributes:
        epsilon: the value.
        probability: given the counts; ``None`` where these cannot tell epsilon from 0.
        without_data: the same under the prior alone.
    """

    epsilon: float
    probability: float | None
    without_data: float

    @property
    def is_informative(self) -> bool:
        """Whether the counts say anything: the Clopper-Pearson lower bound at 95 % is above 0."""
        return self.probability is not None

    @property
    def text(self) -> str:
        """One sentence with both numbers, or "no information"."""
        if self.probability is None:
            return (
                f"no information on whether the attack's epsilon exceeds {self.epsilon:g}: the Clopper-Pearson lower "
                f"bound at 95 % is 0 (without data the probability is {_shown(self.without_data)})"
            )
        return (
            f"the attack's epsilon exceeds {self.epsilon:g} with posterior probability {_shown(self.probability)}; "
            f"without data the probability is {_shown(self.without_data)}"
        )


@dataclass(frozen=True, slots=True)
class EpsilonPosterior:
    """The posterior law of the smallest epsilon that allows an attack's two error rates.

    The false negative and false positive rates are independent Beta variables with parameters count + 1/2; epsilon is 0
    in a band of width delta about the diagonal, where the law has an atom. The joint Dirichlet(1/2, 1/2, 1/2, 1/2)
    model of the four cells gives the same law.

    Over repeated audits a lower end misses more often than stated where both error rates are alike, because epsilon is
    then the larger of two noisy numbers: at a stated 5 % it misses in 11 % to 28 % of audits of randomized response, and
    always at a true epsilon of 0. Under rates drawn from the prior it misses exactly as often as stated.

    Attributes:
        counts: outcomes of independent trainings, by a rule fixed beforehand.
        delta: the delta of the definition, in [0, 1).
        neighbouring: the relation of the two worlds, ``None`` = not stated.

    Raises:
        ConfigError: if delta is not legal.

    Source: Zanella-Béguelin et al., "Bayesian Estimation of Differential Privacy", ICML 2023. Their density lacks a
        factor of the slope of the region's edge; this one is the derivative of `cdf`.

    >>> posterior = EpsilonPosterior(ConfusionCounts(tp=1000, fn=0, fp=0, tn=1000), delta=1e-5)
    >>> round(posterior.ppf(0.05), 4), round(posterior.cdf(10.0), 4)
    (7.2072, 0.5825)
    """

    counts: ConfusionCounts
    delta: float = field(kw_only=True)
    neighbouring: Neighbouring | None = field(kw_only=True, default=None)

    def __post_init__(self) -> None:
        """Refuse a delta outside its range."""
        check_delta(self.delta)

    def cdf(self, epsilon: Values) -> Values:
        """Return the probability of at most ``epsilon``, the atom at 0 included.

        Args:
            epsilon: a number or an array of them; below 0 the probability is 0.

        Raises:
            ConfigError: if one is NaN.
        """
        return _each(epsilon, "epsilon", lambda values: 1.0 - self._tail_and_density(values)[0])

    def sf(self, epsilon: Values) -> Values:
        """Return the probability of more than ``epsilon``; small ones are not differences from 1.

        Args:
            epsilon: a number or an array of them.

        Raises:
            ConfigError: if one is NaN.
        """
        return _each(epsilon, "epsilon", lambda values: self._tail_and_density(values)[0])

    def pdf(self, epsilon: Values) -> Values:
        """Return the density at ``epsilon``; the atom at 0 has none.

        Args:
            epsilon: a number or an array of them; below 0 the density is 0.

        Raises:
            ConfigError: if one is NaN.
        """
        return _each(epsilon, "epsilon", lambda values: self._tail_and_density(values)[1])

    def ppf(self, q: Values) -> Values:
        """Return the smallest epsilon that is not exceeded with probability ``q``, known to 1e-9 or so.

        Args:
            q: a probability in [0, 1], or an array of them; 1 gives ``math.inf``.

        Raises:
            ConfigError: if one is no probability.
        """
        return _each(q, "q", self._quantile)

    def interval(self, confidence: float, kind: CredibleKind = "equal_tailed") -> EpsilonEstimate:
        """Return a credible interval or a credible lower end.

        Args:
            confidence: posterior probability of the interval, in (0, 1).
            kind: ``equal_tailed``; ``hpd``, the shortest; ``lower``, one-sided, without an upper end; ``upper``, from 0.

        Returns:
            the estimate; its ceiling is the same end had there been no error, the lower one but for ``upper``.

        Raises:
            ConfigError: if the confidence or the kind is not legal.

        >>> posterior = EpsilonPosterior(ConfusionCounts(tp=50, fn=450, fp=20, tn=480), delta=1e-5)
        >>> estimate = posterior.interval(0.95)
        >>> round(estimate.lower, 4), round(estimate.upper, 4)
        (0.427, 1.435)
        """
        check_mass(confidence)
        if kind not in ("equal_tailed", "hpd", "lower", "upper"):
            raise ConfigError(f"kind must be equal_tailed, hpd, lower or upper; got {kind!r}.", key="kind")
        low, high = _ends(_row(self.counts), self.delta, confidence, kind)
        best_low, best_high = _ends(_row(flawless(self.counts)), self.delta, confidence, kind)
        return EpsilonEstimate(
            method="posterior",
            kind=EstimateKind.LOWER_BOUND if kind == "lower" else EstimateKind.INTERVAL,
            lower=float(round_down(np.asarray(low))),
            upper=None if kind == "lower" else high + ROUNDING * (1.0 + high),
            delta=self.delta,
            confidence=confidence,
            neighbouring=self.neighbouring,
            n_in=self.counts.n_in,
            n_out=self.counts.n_out,
            ceiling=best_high if kind == "upper" else float(round_down(np.asarray(best_low))),
            validity=Validity.CREDIBLE,
            assumptions=ASSUMPTIONS,
            diagnostics=count_diagnostics(self.counts),
        )

    def prob_exceeds(self, epsilon: float) -> ExceedanceProbability:
        """Return the probability that the attack's epsilon exceeds a value, beside that without data.

        It is shown to people and never decides a gate: it leans on the prior, and has no error rate over audits.

        Args:
            epsilon: the value, such as a claimed budget; at least 0.

        Raises:
            ConfigError: if epsilon is negative or NaN.

        >>> posterior = EpsilonPosterior(ConfusionCounts(tp=200, fn=12, fp=58, tn=200), delta=1e-5)
        >>> answer = posterior.prob_exceeds(2.0)
        >>> round(answer.probability, 3), round(answer.without_data, 3)
        (0.992, 0.496)
        """
        if not epsilon >= 0.0:
            raise ConfigError(f"epsilon must be at least 0; got {epsilon}.", key="epsilon")
        shown = lower_end(self.counts, upper_rate, delta=self.delta, tail=INFORMATION_TAIL)
        without, _ = tail_and_density(np.zeros((1, 4)), self.delta, np.array([epsilon]))
        return ExceedanceProbability(
            epsilon=float(epsilon),
            probability=self.sf(float(epsilon)) if shown > 0.0 else None,
            without_data=float(without[0]),
        )

    def _tail_and_density(self, epsilon: Floats) -> tuple[Floats, Floats]:
        counts = np.tile(_row(self.counts), (len(epsilon), 1))
        tail, density = tail_and_density(counts, self.delta, np.maximum(epsilon, 0.0))
        return np.where(epsilon < 0.0, 1.0, tail), np.where(epsilon < 0.0, 0.0, density)

    def _quantile(self, q: Floats) -> Floats:
        for share in (q.min(initial=0.0), q.max(initial=0.0)):
            check_probability("q", float(share), open_ends=False)
        return tail_quantile(np.tile(_row(self.counts), (len(q), 1)), self.delta, 1.0 - q)


def _shown(probability: float) -> str:
    """Return three digits, and no certainty by rounding."""
    return "above 0.999" if probability > 0.999 else "below 0.001" if probability < 0.001 else f"{probability:.3g}"


def _row(counts: ConfusionCounts) -> Floats:
    return np.array([counts.fn, counts.tp, counts.fp, counts.tn], dtype=np.float64)


def _each(given: Values, name: str, function: Callable[[Floats], Floats]) -> Values:
    """Apply a function of ``(m,)`` values to a number or an array of any shape, and return the like."""
    values = np.asarray(given, dtype=np.float64)
    if np.isnan(values).any():
        raise ConfigError(f"{name} must not be NaN; got {given}.", key=name)
    result = function(values.ravel()).reshape(values.shape)
    return cast(Values, result if values.ndim else float(result))


def _ends(row: Floats, delta: float, confidence: float, kind: CredibleKind) -> tuple[float, float]:
    """Return both ends of an interval; 0 or infinity where it is open."""
    if kind == "hpd":
        return shortest_interval(row, delta, confidence)
    missed = 1.0 - confidence
    tails = {
        "equal_tailed": (1.0 - 0.5 * missed, 0.5 * missed),
        "lower": (confidence, 0.0),
        "upper": (1.0, missed),
    }[kind]
    low, high = tail_quantile(np.tile(row, (2, 1)), delta, np.array(tails))
    return float(low), float(high)
