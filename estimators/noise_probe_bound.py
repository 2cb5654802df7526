"""How much noise a run adds, from coordinates of the noisy sum that nothing but noise moves.

On an idle coordinate (no record's gradient and no canary has a part in it, or the known sum is subtracted) the noisy sum
of every step is N(0, (s C)^2) with the noise multiplier s and the clip C, independent of all others. One run shows
thousands of them, so that less noise than claimed is seen at once, and noise that is missing in one step, or drawn once
for several, as well.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainc, gammaincinv

from privaudit.errors import ConfigError, DataError, ShapeError
from privaudit.estimators.gaussian_tradeoff import check_gaussian_delta
from privaudit.estimators.subsampled_step_bound import check_steps, epsilon_below
from privaudit.types import EpsilonEstimate, EstimateKind, Neighbouring, Validity
from privaudit.validate import check_probability

ASSUMPTIONS = (
    "conditional: the sample rate and the clip are as stated; the probe looks at the noise alone",
    "nothing but noise moves the probed coordinates, and every coordinate gets noise of one deviation",
    "every step of the run adds Gaussian noise of one deviation, independent of the other steps",
)
NO_NOISE = "no noise was seen at all: the infinite bound says that, not how large epsilon is"
CheckName = Literal["pooled", "worst_step", "step_differences"]
ROUNDING = 1e-9  # relative, of a limit on the noise


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseCheck:
    """One test of the claimed noise.

    Attributes:
        name: ``pooled`` (all steps together), ``worst_step`` (the one with the least noise) or ``step_differences``
            (what changes from one step to the next, for noise that is drawn again and again by one seed).
        p_value: chance of so little noise, or less, under the claim.
        alpha: this check's share of the error.
        is_refuted: the noise is smaller than claimed.
        noise_multiplier_upper: upper limit on the noise multiplier that it measures, at its share of the error.
    """

    name: CheckName
    p_value: float
    alpha: float
    is_refuted: bool
    noise_multiplier_upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseProbe:
    """What idle coordinates say about the noise.

    Attributes:
        checks: ``pooled``, ``worst_step``, ``step_differences``; together they refute claimed noise that is there with
            at most a chance of 1 - confidence.
        estimate: a bound on epsilon from the pooled upper limit, composed over all steps; conditional on sample rate and
            clip.
        n_steps: probed steps.
        n_coordinates: probed coordinates.
    """

    checks: tuple[NoiseCheck, ...]
    estimate: EpsilonEstimate
    n_steps: int
    n_coordinates: int

    @property
    def is_refuted(self) -> bool:
        """Whether any check found less noise than claimed."""
        return any(check.is_refuted for check in self.checks)

    @property
    def p_value(self) -> float:
        """Chance of what the most striking check saw, or less, under the claim, corrected for the number of checks."""
        return min(1.0, len(self.checks) * min(check.p_value for check in self.checks))

    def check(self, name: CheckName) -> NoiseCheck:
        """Return the check of that name."""
        return next(check for check in self.checks if check.name == name)


def noise_probe(
    noise: ArrayLike,
    *,
    noise_multiplier: float,
    max_grad_norm: float,
    confidence: float,
    sample_rate: float,
    delta: float,
) -> NoiseProbe:
    """Test the claimed noise by idle coordinates of the noisy sum, and bound the epsilon of a run with that noise.

    Args:
        noise: ``(n_steps, n_coordinates)`` noisy sum of gradients on idle coordinates, all steps of the run, in the units
            of ``max_grad_norm``.
        noise_multiplier: the claimed one, above 0.
        max_grad_norm: the clipping norm.
        confidence: of all checks together and of the bound, in (0, 1); a third of the error per check.
        sample_rate: probability with which a step holds a record, assumed by the bound.
        delta: the delta of the bound, in (0, 1).

    Returns:
        the probe; its estimate is ``in_family`` and infinite where no noise was seen at all.

    Raises:
        ShapeError: if the noise is no table with a step and a coordinate.
        DataError: if a value is not finite.
        ConfigError: if an argument is out of range.

    Source: the chi-square law of a sum of squares; composition as in Nasr et al., "Tight Auditing of Differentially
        Private Machine Learning", USENIX Security 2023.

    >>> drawn = np.random.default_rng(0).normal(0.0, 1.0, (100, 200))
    >>> probe = noise_probe(
    ...     drawn, noise_multiplier=1.0, max_grad_norm=1.0, confidence=0.95, sample_rate=0.1, delta=1e-5
    ... )
    >>> probe.is_refuted, round(probe.check("pooled").noise_multiplier_upper, 3), round(probe.estimate.lower, 2)
    (False, 1.007, 6.96)
    """
    for name, value in (("noise_multiplier", noise_multiplier), ("max_grad_norm", max_grad_norm)):
        if not 0.0 < value < math.inf:
            raise ConfigError(f"{name} must be above 0 and finite; got {value}.", key=name)
    alpha = (1.0 - check_probability("confidence", confidence)) / 3
    seen = _check_noise(noise)
    check_steps(sample_rate, len(seen))
    check_gaussian_delta(delta)
    standard = seen / (noise_multiplier * max_grad_norm)
    checks = _checks(standard, alpha, noise_multiplier)
    return NoiseProbe(
        checks=checks,
        estimate=_estimate(checks[0], seen.shape, sample_rate, delta, confidence),
        n_steps=seen.shape[0],
        n_coordinates=seen.shape[1],
    )


def _check_noise(noise: ArrayLike) -> NDArray[np.float64]:
    try:
        seen = np.asarray(noise, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("noise must be (n_steps, n_coordinates) numbers; got something else.") from None
    if seen.ndim != 2 or not seen.size:
        raise ShapeError(
            f"noise must have shape (n_steps, n_coordinates), at least one of each; got {seen.shape}. Choose coordinates "
            "that no canary uses."
        )
    bad = np.argwhere(~np.isfinite(seen))
    if len(bad):
        raise DataError(
            f"noise must be finite; {len(bad)} values are not (first: step {bad[0, 0]}, coordinate {bad[0, 1]}). Look for "
            "a training that diverged."
        )
    return seen


def _checks(standard: NDArray[np.float64], alpha: float, claimed: float) -> tuple[NoiseCheck, ...]:
    """Test noise in units of the claimed deviation."""
    n_steps, n_coordinates = standard.shape
    n_pairs = n_steps // 2
    differences = standard[1 : 2 * n_pairs : 2] - standard[: 2 * n_pairs : 2]
    with np.errstate(over="ignore"):  # an infinite sum is a lot of noise
        by_step = np.square(standard).sum(axis=1)
        between = float(np.square(differences).sum()) / 2.0
    return (
        _check("pooled", float(by_step.sum()), n_steps * n_coordinates, 1, alpha, claimed),
        _check("worst_step", float(by_step.min()), n_coordinates, n_steps, alpha, claimed),
        _check("step_differences", between, n_pairs * n_coordinates, 1, alpha, claimed),
    )


def _check(name: CheckName, squares: float, n: int, n_tests: int, alpha: float, claimed: float) -> NoiseCheck:
    """Test the least of ``n_tests`` sums of ``n`` squares, each chi-square under the claim."""
    if n == 0:
        return NoiseCheck(name=name, p_value=1.0, alpha=alpha, is_refuted=False, noise_multiplier_upper=math.inf)
    p_value = min(1.0, n_tests * float(gammainc(n / 2, squares / 2)))
    least = 2.0 * float(gammaincinv(n / 2, alpha / n_tests))
    upper = claimed * math.sqrt(squares / least) * (1.0 + ROUNDING) if least > 0.0 else math.inf
    return NoiseCheck(name=name, p_value=p_value, alpha=alpha, is_refuted=p_value < alpha, noise_multiplier_upper=upper)


def _estimate(
    pooled: NoiseCheck, shape: tuple[int, ...], sample_rate: float, delta: float, confidence: float
) -> EpsilonEstimate:
    upper = pooled.noise_multiplier_upper
    inverse = math.inf if upper == 0.0 else 1.0 / upper
    return EpsilonEstimate(
        method="noise_probe",
        kind=EstimateKind.LOWER_BOUND,
        lower=epsilon_below(inverse, sample_rate, shape[0], delta),
        delta=delta,
        confidence=confidence,
        neighbouring=Neighbouring.ADD_REMOVE,
        validity=Validity.IN_FAMILY,
        assumptions=(*ASSUMPTIONS, NO_NOISE) if upper == 0.0 else ASSUMPTIONS,
        diagnostics={
            "noise_multiplier_upper": upper,
            "sample_rate": sample_rate,
            "steps": shape[0],
            "n_coordinates": shape[1],
        },
    )
