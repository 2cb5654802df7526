"""Bayes security of DP-SGD: one minus the largest advantage that any attack can have over guessing.

1 means that the output tells nothing, 0 that some secret is always found. Of the three ways to compute it only the
privacy loss distribution is a guarantee: the closed form may stand on either side of the truth (noise 0.5, rate 0.001,
10,000 steps: advantage 0.159 where the truth is 0.342).
"""

import math
from dataclasses import dataclass
from typing import Literal

from scipy.special import erfc, erfcinv

from privaudit.errors import ConfigError
from privaudit.estimators.poisson_run import check_poisson, check_relation, gaussian_mu_of_run
from privaudit.estimators.privacy_loss import composed_privacy_loss
from privaudit.types import DpSgdParams, Neighbouring
from privaudit.validate import check_delta, check_probability

SecurityMethod = Literal["pld", "sinh", "closed_form"]

STANDING = {
    "pld": "guaranteed for Poisson batches: no attack of this relation does better, whatever it knows",
    "sinh": "an approximation for many steps, by the central limit theorem of the exact pair; on the safe side in every "
    "setting it was compared in, which is no proof",
    "closed_form": "an approximation that can overstate security, most of all for noise below 1; no guarantee",
}
WITHOUT_NOISE = "nothing is promised without noise"

SURE_NOISE = 1.0 / 32.0  # below it a drawn record is told apart with an error below 1e-200
LARGEST_EXPONENT = 700.0


def security_from_mu_squared(mu_squared: float) -> float:
    """Return the Bayes security of two unit normals at distance mu.

    Args:
        mu_squared: their squared distance, at least 0; infinity is legal.

    Raises:
        ConfigError: if it is negative or NaN.

    Source: total variation of N(0, 1) and N(mu, 1) is erf(mu / (2 sqrt 2)).

    >>> round(security_from_mu_squared(1.0), 4)
    0.6171
    """
    if not mu_squared >= 0.0:
        raise ConfigError(f"mu_squared must be at least 0; got {mu_squared}.", key="mu_squared")
    return float(erfc(math.sqrt(mu_squared) / (2.0 * math.sqrt(2.0))))


def sample_rate_to_noise(security: float, steps: int) -> float:
    """Return the ratio of sample rate to noise multiplier at which the closed form has a given value.

    It inverts an approximation that can overstate security, so it is no calibration: take the noise from
    `privaudit.estimators.calibrate` and use this only to compare with published parameters.

    Args:
        security: Bayes security under replace-one, in [0, 1].
        steps: number of noisy steps, at least 1.

    Returns:
        sample rate / noise multiplier; ``math.inf`` at security 0.

    Raises:
        ConfigError: if an argument is out of range.

    Source: Cherubin et al., USENIX Security 2024, equation 4.

    >>> round(sample_rate_to_noise(0.98, 5000), 8)
    0.00035453
    """
    check_probability("security", security, open_ends=False)
    if not steps >= 1:
        raise ConfigError(f"steps must be at least 1; got {steps}.", key="steps")
    return float(erfcinv(security)) * math.sqrt(2.0 / steps)


def closed_form_remainder(params: DpSgdParams, neighbouring: Neighbouring) -> float:
    """Return the most by which the closed form can overstate security: often above 1, where it says nothing.

    Each secret that takes part in the batches costs sqrt(T p (1 - p)) / (2 sigma), by Pinsker's inequality between its
    two-component mixture and the normal that stands in for it: two secrets under replace-one, one under add/remove.

    Args:
        params: noise multiplier, sample rate, steps.
        neighbouring: ``REPLACE_ONE`` or ``ADD_REMOVE``.

    Source: Cherubin et al., USENIX Security 2024, theorem 6, its O(sqrt(p T) / sigma) made explicit.
    """
    if params.noise_multiplier == 0.0:
        return math.inf
    one = math.sqrt(params.steps * params.sample_rate * (1.0 - params.sample_rate)) / (2.0 * params.noise_multiplier)
    return 2.0 * one if neighbouring == Neighbouring.REPLACE_ONE else one


def _by_closed_form(params: DpSgdParams, neighbouring: Neighbouring) -> float:
    distance = 2.0 if neighbouring == Neighbouring.REPLACE_ONE else 1.0
    mu = distance * params.sample_rate * math.sqrt(params.steps) / params.noise_multiplier
    return security_from_mu_squared(mu * mu)


def _by_sinh(params: DpSgdParams, neighbouring: Neighbouring) -> float:
    inverse = 1.0 / params.noise_multiplier
    square = inverse * inverse
    if square > LARGEST_EXPONENT:
        return 0.0
    growth = 4.0 * math.sinh(square) if neighbouring == Neighbouring.REPLACE_ONE else math.expm1(square)
    return security_from_mu_squared(params.steps * params.sample_rate * params.sample_rate * growth)


def _by_privacy_loss(params: DpSgdParams, neighbouring: Neighbouring) -> float:
    mu = gaussian_mu_of_run(params, neighbouring)
    if params.sample_rate == 1.0 and mu is not None:
        return security_from_mu_squared(mu * mu)
    never = math.exp(params.steps * math.log1p(-params.sample_rate))
    if params.noise_multiplier < SURE_NOISE:
        return never  # what was never drawn cannot show, and the rest does
    advantage = float(composed_privacy_loss(params, neighbouring).get_delta_for_epsilon(0.0))
    return min(1.0, max(1.0 - advantage, never))


@dataclass(frozen=True, slots=True, kw_only=True)
class BayesSecurity:
    """Bayes security, what it rests on, and what it means in other units.

    Attributes:
        value: 1 minus the largest advantage, in [0, 1]; 1 = no leak.
        method: ``pld``, ``sinh`` or ``closed_form``.
        neighbouring: the relation of the two secrets.
        is_guarantee: True for ``pld`` alone; then the rates and accuracies below bound every attack.
        guarantee: in words, what ``value`` promises.
        params: what it was computed from.
        remainder: for ``closed_form``, the most by which it can overstate security; above 1 it says nothing.
    """

    value: float
    method: SecurityMethod
    neighbouring: Neighbouring
    is_guarantee: bool
    guarantee: str
    params: DpSgdParams
    remainder: float | None = None

    def __post_init__(self) -> None:
        """Refuse a value that is no security."""
        check_probability("value", self.value, open_ends=False)

    @property
    def advantage(self) -> float:
        """The largest TPR - FPR of any attack."""
        return 1.0 - self.value

    def accuracy(self, prior: float = 0.5) -> float:
        """Return the largest chance of guessing which of two secrets was used.

        Args:
            prior: the chance of the first secret, in [0, 1].
        """
        check_probability("prior", prior, open_ends=False)
        return 1.0 - self.value * min(prior, 1.0 - prior)

    def accuracy_many(self, largest_prior: float) -> float:
        """Return the largest chance of guessing which of many secrets was used.

        Args:
            largest_prior: the chance of the likeliest secret, in [0, 1].
        """
        check_probability("largest_prior", largest_prior, open_ends=False)
        return 1.0 - self.value * (1.0 - largest_prior)

    def tpr(self, fpr: float) -> float:
        """Return the largest true positive rate at a false positive rate, under every prior.

        It is tight at one false positive rate only; `privaudit.estimators.tradeoff.tradeoff_bound` is at all.

        Args:
            fpr: in [0, 1].
        """
        check_probability("fpr", fpr, open_ends=False)
        return min(1.0, fpr + self.advantage)

    def implied_epsilon(self, delta: float) -> float:
        """Return the least epsilon that allows this advantage: a lower bound on epsilon, never a guarantee.

        The true epsilon can be far larger (0.264 where this gives 0.044); and it bounds the true one from below only
        where ``value`` is exact, because a pessimistic value overstates the advantage.

        Args:
            delta: in [0, 1).
        """
        check_delta(delta)
        if self.value == 0.0:
            return math.inf
        allowed = 2.0 - 2.0 * delta - self.value
        return max(0.0, math.log(allowed / self.value)) if allowed > 0.0 else 0.0


def bayes_security(
    params: DpSgdParams, *, neighbouring: Neighbouring | None = None, method: SecurityMethod = "pld"
) -> BayesSecurity:
    """Compute the Bayes security of DP-SGD against membership inference.

    Args:
        params: noise multiplier, sample rate, steps; the sampling must be ``poisson``.
        neighbouring: ``REPLACE_ONE`` (was it this record or that one: the metric's own game, meant by ``None`` as
            well) or ``ADD_REMOVE``.
        method: ``pld`` (guaranteed), ``sinh`` (central limit theorem) or ``closed_form`` (as published).

    Returns:
        The value with its relation and its standing. Without noise the approximations are 0, and ``pld`` is the chance
        that the record is never drawn, (1 - q)^T.

    Raises:
        ClaimError: if the sampling is not ``poisson``.
        UnsupportedError: for other relations.
        ConfigError: if the method is unknown.

    Source: Cherubin, Kopf, Paverd, Tople, Wutschitz, Zanella-Beguelin, "Closed-Form Bounds for DP-SGD against
    Record-level Inference", USENIX Security 2024, theorem 6 and corollary 7. ``sinh``: the central limit theorem of
    Bu, Dong, Long, Su, Harvard Data Science Review 2020, for the mixtures at +1 and -1 (replace-one, 4 sinh(1/sigma^2)
    per step) and for one mixture (add/remove, exp(1/sigma^2) - 1).

    >>> params = DpSgdParams(noise_multiplier=2.0, sample_rate=0.01, steps=2000)
    >>> [round(bayes_security(params, method=method).value, 4) for method in ("sinh", "closed_form")]
    [0.8222, 0.8231]
    """
    check_poisson(params)
    relation = Neighbouring.REPLACE_ONE if neighbouring is None else neighbouring
    check_relation(relation)
    compute = {"pld": _by_privacy_loss, "sinh": _by_sinh, "closed_form": _by_closed_form}.get(method)
    if compute is None:
        raise ConfigError(f"method must be pld, sinh or closed_form; got {method!r}.", key="method")
    is_known = params.noise_multiplier > 0.0 or method == "pld"
    return BayesSecurity(
        value=compute(params, relation) if is_known else 0.0,
        method=method,
        neighbouring=relation,
        is_guarantee=method == "pld",
        guarantee=STANDING[method] if is_known else WITHOUT_NOISE,
        params=params,
        remainder=closed_form_remainder(params, relation) if method == "closed_form" else None,
    )
