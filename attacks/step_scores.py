"""Scores from what a white-box auditor sees of every step: projections of the noisy sum on the canary's direction.

A projection, counted in clips and with the other records' sum subtracted, is N(0, s^2) in a step without the canary and
N(1, s^2) in one that holds it, for the noise multiplier s.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, DataError, ShapeError


def trajectory_scores(projections: ArrayLike, *, sample_rate: float, noise_multiplier: float) -> NDArray[np.float64]:
    """Score each canary by the log-likelihood ratio of all its steps: at sample rate 1 by their sum, which orders alike.

    With sampled batches the sum wastes what the steps show, since only some of them hold the canary.

    Args:
        projections: ``(n_steps, n_canaries)``, in clips; or one column per run.
        sample_rate: claimed probability with which a step holds a canary that is in.
        noise_multiplier: the claimed one, above 0; not used at sample rate 1.

    Returns:
        ``(n_canaries,)`` scores, higher = more member-like.

    Raises:
        ShapeError: if the projections are no table with a step.
        DataError: if one is not finite.
        ConfigError: if the sample rate is outside (0, 1], or sampled steps are to be scored without noise.

    Source: Neyman and Pearson; the steps of Nasr et al., "Tight Auditing of Differentially Private Machine Learning",
        USENIX Security 2023.

    >>> trajectory_scores([[1.0, 0.0], [2.0, 0.5]], sample_rate=1.0, noise_multiplier=1.0).tolist()
    [3.0, 0.5]
    >>> trajectory_scores([[1.0, 0.0], [2.0, 0.5]], sample_rate=0.5, noise_multiplier=1.0).round(4).tolist()
    [1.2892, -0.2191]
    """
    steps = _check_projections(projections)
    if not 0.0 < sample_rate <= 1.0:
        raise ConfigError(f"sample_rate must lie in (0, 1]; got {sample_rate}.", key="sample_rate")
    if sample_rate == 1.0:
        return np.asarray(steps.sum(axis=0))
    if not 0.0 < noise_multiplier < math.inf:
        raise ConfigError(
            f"noise_multiplier must be above 0 and finite at a sample rate below 1; got {noise_multiplier}. Score a "
            "control without noise by the claimed noise multiplier.",
            key="noise_multiplier",
        )
    log_ratio = (steps - 0.5) / noise_multiplier**2
    return np.asarray(np.logaddexp(math.log1p(-sample_rate), math.log(sample_rate) + log_ratio).sum(axis=0))


def nearest_score(projections: ArrayLike) -> NDArray[np.float64]:
    """Score each canary by the step that comes nearest to a clipped canary: for noise that is missing in some steps.

    Args:
        projections: ``(n_steps, n_canaries)``, in clips; or one column per run.

    Returns:
        ``(n_canaries,)`` minus the least distance to 1.

    Raises:
        ShapeError: if the projections are no table with a step.
        DataError: if one is not finite.

    >>> nearest_score([[3.0, -1.0], [0.75, -2.0]]).tolist()
    [-0.25, -2.0]
    """
    return np.asarray(-np.abs(_check_projections(projections) - 1.0).min(axis=0))


def energy_score(projections: ArrayLike) -> NDArray[np.float64]:
    """Score each column by its squared length: for canaries that change how much noise there is.

    Args:
        projections: ``(n_numbers, n_runs)`` all that is seen of each run, such as the sum on many coordinates; negate
            the score where a canary makes the noise smaller.

    Returns:
        ``(n_runs,)`` sums of squares.

    Raises:
        ShapeError: if the projections are no table with a row.
        DataError: if one is not finite.

    >>> energy_score([[3.0, 1.0], [4.0, 0.0]]).tolist()
    [25.0, 1.0]
    """
    return np.asarray(np.square(_check_projections(projections)).sum(axis=0))


def _check_projections(projections: ArrayLike) -> NDArray[np.float64]:
    try:
        steps = np.asarray(projections, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("projections must be (n_steps, n_canaries) numbers; got something else.") from None
    if steps.ndim != 2 or not len(steps):
        raise ShapeError(f"projections must have shape (n_steps, n_canaries), at least one step; got {steps.shape}.")
    bad = np.argwhere(~np.isfinite(steps))
    if len(bad):
        raise DataError(
            f"projections must be finite; {len(bad)} are not (first: step {bad[0, 0]}, column {bad[0, 1]}). Look for a "
            "training that diverged."
        )
    return steps
