"""An inverse-gamma prior for the variances of many records, fitted to their spread (empirical Bayes).

With d degrees of freedom and a scaled inverse chi-squared prior of strength nu and scale tau^2 a record's sample variance
is tau^2 times an F variable of d and nu degrees of freedom. Its logarithm has the mean log tau^2 + psi(d/2) - log(d/2) -
psi(nu/2) + log(nu/2) and the variance psi'(d/2) + psi'(nu/2), so nu and tau^2 follow from two moments.

Source: Smyth, "Linear Models and Empirical Bayes Methods for Assessing Differential Expression in Microarray
Experiments", Statistical Applications in Genetics and Molecular Biology 2004, section 6.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import digamma, polygamma

from privaudit.attacks.shadow_fit import Floats, SideFit

STRONGEST = 1e6  # prior strength where the records' variances differ no more than chance allows
WEAKEST = 0.1
MIN_RECORDS = 10  # to fit a prior to


class LogVariances(NamedTuple):
    """Sums over records with at least two shadows that differ, each ``(n_targets,)``.

    Attributes:
        n_records: number of these records.
        total: of log variance - psi(d/2) + log(d/2), which has the mean log tau^2 - psi(nu/2) + log(nu/2).
        squares: of the squares of the same.
        expected: of psi'(d/2), the part of their variance that comes from d being small.
    """

    n_records: Floats
    total: Floats
    squares: Floats
    expected: Floats

    def plus(self, other: "LogVariances") -> "LogVariances":
        """Add the sums of other records."""
        return LogVariances(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class VariancePrior(NamedTuple):
    """Scaled inverse chi-squared priors, each ``(n_targets,)``.

    Attributes:
        strength: nu, in shadows' worth.
        scale: tau^2, a variance.
    """

    strength: Floats
    scale: Floats


def log_variances(fit: SideFit) -> LogVariances:
    """Sum up the log variances of a block's records.

    Args:
        fit: one side, ``(n_targets, n_records)``.
    """
    freedom = np.broadcast_to(fit.n - 1.0, fit.residual.shape)
    counted = (fit.residual > 0) & (freedom > 0)
    half = np.maximum(freedom, 1.0) / 2
    constant = np.unique(half, return_inverse=True)  # few distinct numbers of shadows, many records
    psi, curve = (
        values[constant[1]].reshape(half.shape) for values in (digamma(constant[0]), polygamma(1, constant[0]))
    )
    logs = np.log(np.where(counted, fit.residual, 1.0) / (2 * half)) - psi + np.log(half)
    logs = np.where(counted, logs, 0.0)
    return LogVariances(
        counted.sum(axis=-1).astype(np.float64),
        logs.sum(axis=-1),
        np.square(logs).sum(axis=-1),
        np.where(counted, curve, 0.0).sum(axis=-1),
    )


def fit_prior(sums: LogVariances) -> VariancePrior:
    """Fit strength and scale to the records' log variances.

    Args:
        sums: over at least `MIN_RECORDS` records; with fewer the strength is NaN.

    >>> rng = np.random.default_rng(0)
    >>> variance = 0.5 * 6 / rng.chisquare(6, 40_000)
    >>> side = SideFit(np.full((1, 1), 8.0), *np.zeros((2, 1, 40_000)), (variance * rng.chisquare(7, 40_000))[None])
    >>> prior = fit_prior(log_variances(side))
    >>> round(float(prior.strength[0])), round(float(prior.scale[0]), 2)
    (6, 0.5)
    """
    enough = sums.n_records >= MIN_RECORDS
    n = np.where(enough, sums.n_records, np.nan)
    mean = sums.total / n
    spread = (sums.squares - n * mean**2) / (n - 1) - sums.expected / n
    strength = 2 * inverse_trigamma(np.clip(spread, polygamma(1, STRONGEST / 2), polygamma(1, WEAKEST / 2)))
    return VariancePrior(strength, np.exp(mean + digamma(strength / 2) - np.log(strength / 2)))


def inverse_trigamma(values: Floats) -> Floats:
    """Return x with psi'(x) = value, by Newton steps on 1 / psi', which is nearly straight and convex.

    Args:
        values: positive numbers.

    >>> inverse_trigamma(polygamma(1, np.array([0.05, 3.0, 1e5]))).round(9).tolist()
    [0.05, 3.0, 100000.0]
    """
    x = 0.5 + 1.0 / np.asarray(values)
    moving = np.isfinite(x)
    while moving.any():  # each by itself: the last bits of one must not depend on how many steps another one takes
        curve = polygamma(1, x)
        step = np.where(moving, curve * (1.0 - curve / values) / polygamma(2, x), 0.0)
        moving = np.abs(step) > 1e-12 * x  # Newton's next step would be far below rounding
        x = x + step
    return x
