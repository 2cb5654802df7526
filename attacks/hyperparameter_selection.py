"""Which hyperparameters was a model trained with? Those whose shadow models spread their signal over their members alike.

The attacker has shadow models of many candidates. On the members of each shadow's data set it fits one normal distribution
to the target's signals and one to the shadow's own; the candidate whose shadows diverge least from the target is taken.
Only data sets of other pairs may be looked at: on its own members a target tells its coins.

The choice is no consistent estimate: half of a shadow's members are none of the target's, so what training adds to a member
shows in full in the shadow's signals and by half in the target's. Candidates that differ in that alone are not told apart.

Divergences of all targets come from matrix products of signals and coins: O(M^2 n) for M data sets of n records instead of
O(M^3 n). Signals are taken relative to each model's median before they are squared, so that neither a common offset nor a
few outliers cost the others their digits.

Source: Pradhan, Jälkö, Tobaben, Honkela, "Hyperparameters in Score-Based Membership Inference Attacks", SaTML 2025
(arXiv 2502.06374): the selection. The products, and the least variance, are ours.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.attacks.results import LARGEST_SIGNAL
from privaudit.attacks.shadow_fit import Bools, Floats
from privaudit.errors import DataError, ShapeError, UnsupportedError

SMALLEST_VARIANCE = 1e-6  # heads that learnt nothing say the same of all records: keeps their divergence finite


def gaussian_kl(mean_p: ArrayLike, variance_p: ArrayLike, mean_q: ArrayLike, variance_q: ArrayLike) -> Floats:
    """Return the Kullback-Leibler divergence of N(mean_p, variance_p) from N(mean_q, variance_q), in nats, elementwise.

    Args:
        mean_p: of the first distribution, over which is averaged.
        variance_p: its variance, positive.
        mean_q: of the second; all four are broadcast.
        variance_q: its variance, positive.

    Returns:
        numbers of at least 0.

    Raises:
        DataError: if a variance is not positive.

    Source: Kullback and Leibler, Annals of Mathematical Statistics 1951, for two normal distributions.

    >>> gaussian_kl(1.0, 1.0, [0.0, 1.0], [1.0, 1.0]).tolist()
    [0.5, 0.0]
    """
    p, q = np.asarray(variance_p, dtype=np.float64), np.asarray(variance_q, dtype=np.float64)
    if not ((p > 0).all() and (q > 0).all()):
        raise DataError("variances must be positive; some are not. Raise them to a least variance first.")
    distance = np.asarray(mean_p, dtype=np.float64) - np.asarray(mean_q, dtype=np.float64)
    excess = (p - q) / q
    is_near = np.abs(excess) < 0.5  # log1p: no digits are lost where both are nearly the same
    log_ratio = np.where(is_near, np.log1p(np.where(is_near, excess, 0.0)), np.log(p) - np.log(q))
    return np.asarray(np.maximum(0.5 * (excess - log_ratio + distance**2 / q), 0.0))


def member_moments(values: ArrayLike, is_in: ArrayLike) -> tuple[Floats, Floats]:
    """Return mean and variance of every model's signals over the members of every data set.

    Args:
        values: ``(k, n_records)`` signals of k models.
        is_in: ``(n_datasets, n_records)`` 1 or True for members.

    Returns:
        means and variances (divided by the number of members), both ``(k, n_datasets)``.

    Raises:
        ShapeError: if they are not about the same records.
        DataError: if a signal is NaN or beyond ``LARGEST_SIGNAL``, or a coin is neither 0 nor 1.
        UnsupportedError: if a data set has no member.

    >>> means, variances = member_moments([[1.0, 3.0, 8.0]], [[1, 1, 0], [0, 0, 1]])
    >>> means.tolist(), variances.tolist()
    ([[2.0, 8.0]], [[1.0, 0.0]])
    """
    signal, inside = checked_signals(values, "values", 2), checked_coins(is_in)
    if signal.shape[1] != inside.shape[1]:
        raise ShapeError(f"values and is_in must have as many records; got {signal.shape[1]} and {inside.shape[1]}.")
    n = inside.sum(axis=1)
    if not n.all():
        raise UnsupportedError("every data set needs a member; some have none. Use more records.")
    centre = np.median(signal, axis=1, keepdims=True)
    around, weight = signal - centre, inside.T.astype(np.float64)
    offset = around @ weight / n
    variance = (around * around) @ weight / n - offset**2
    return centre + offset, np.maximum(variance, 0.0)


def selection_divergence(target_values: ArrayLike, grid: ArrayLike, is_in: ArrayLike, usable: ArrayLike) -> Floats:
    """Return how far the shadows of every candidate are from every target, on the shadows' own members.

    Args:
        target_values: ``(n_targets, n_records)`` the targets' signals.
        grid: ``(n_datasets, n_candidates, n_records)`` signals of every data set trained with every candidate.
        is_in: ``(n_datasets, n_records)`` 1 or True for members.
        usable: ``(n_targets, n_datasets)`` True for the data sets to look at: neither the target's own nor its complement.

    Returns:
        ``(n_targets, n_candidates)`` mean over the usable data sets of KL(target || shadow), finite; deviations under 1e-3
        count as 1e-3.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: as `member_moments`.
        UnsupportedError: if a data set has no member, or a target has no data set to look at.

    Source: Pradhan et al., SaTML 2025 (KL-LiRA).

    >>> grid = [[[0.0, 2.0, 0.0], [5.0, 9.0, 0.0]]]
    >>> selection_divergence([[0.0, 2.0, 7.0]], grid, [[1, 1, 0]], [[True]]).round(3).tolist()
    [[0.0, 4.818]]
    """
    targets, shadows, inside = (
        checked_signals(target_values, "target_values", 2),
        checked_signals(grid, "grid", 3),
        checked_coins(is_in),
    )
    use = np.asarray(usable, dtype=bool)
    n_datasets, n_candidates, n_records = shadows.shape
    if (inside.shape, use.shape) != ((n_datasets, n_records), (len(targets), n_datasets)):
        raise ShapeError(
            f"is_in must have shape {(n_datasets, n_records)} and usable {(len(targets), n_datasets)}; "
            f"got {inside.shape} and {use.shape}."
        )
    if not use.any(axis=1).all():
        raise UnsupportedError("every target needs the data set of another pair to be compared on; some have none.")
    means, variances = member_moments(targets, inside)
    total = np.zeros((len(targets), n_candidates))
    for dataset in range(n_datasets):
        mean, variance = member_moments(shadows[dataset], inside[[dataset]])
        divergence = member_divergence(means[:, [dataset]], variances[:, [dataset]], mean.T, variance.T)
        total += np.where(use[:, [dataset]], divergence, 0.0)
    return np.asarray(total / use.sum(axis=1, keepdims=True))


def member_divergence(means: Floats, variances: Floats, shadow_means: Floats, shadow_variances: Floats) -> Floats:
    """Return KL(target || shadow) of moments over the same members, variances raised to the least one.

    Args:
        means: of the targets; all four are broadcast.
        variances: of the targets.
        shadow_means: of the shadows.
        shadow_variances: of the shadows.
    """
    least = SMALLEST_VARIANCE
    return gaussian_kl(means, np.maximum(variances, least), shadow_means, np.maximum(shadow_variances, least))


def choose_candidate(divergence: ArrayLike, allowed: ArrayLike) -> NDArray[np.int64]:
    """Return each target's nearest candidate, the first of equals.

    Args:
        divergence: ``(n_targets, n_candidates)`` as of `selection_divergence`.
        allowed: the same shape, True for the candidates that the attacker has; never those that the target's own coins
            decided.

    Returns:
        ``(n_targets,)`` columns.

    Raises:
        ShapeError: if the shapes differ.
        DataError: if a divergence is NaN or infinite.
        UnsupportedError: if a target has no candidate.

    >>> choose_candidate([[0.0, 2.0, 1.0, 1.0]], [[False, True, True, True]]).tolist()
    [2]
    """
    distance, may = np.asarray(divergence, dtype=np.float64), np.asarray(allowed, dtype=bool)
    if distance.ndim != 2 or may.shape != distance.shape:
        raise ShapeError(f"divergence and allowed must have one shape; got {distance.shape} and {may.shape}.")
    if not np.isfinite(distance).all():
        raise DataError("divergences must be finite; some are not. Look at the signals that they come from.")
    if not may.any(axis=1).all():
        raise UnsupportedError("every target needs a candidate of hyperparameters; some have none. Train more of them.")
    return np.asarray(np.where(may, distance, np.inf).argmin(axis=1))


def checked_signals(values: ArrayLike, name: str, n_axes: int) -> Floats:
    """Return signals as float64.

    Args:
        values: numbers.
        name: what they are, for the message.
        n_axes: how many axes they must have.

    Raises:
        ShapeError: if they have another number of axes.
        DataError: if one is NaN or beyond ``LARGEST_SIGNAL``.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != n_axes:
        raise ShapeError(f"{name} must have {n_axes} axes; got shape {array.shape}.")
    if not (np.abs(array) <= LARGEST_SIGNAL).all():
        raise DataError(f"{name} must be finite, up to {LARGEST_SIGNAL:g}; some are not. Look at the models' training.")
    return array


def checked_coins(is_in: ArrayLike) -> Bools:
    """Return coins as booleans.

    Args:
        is_in: ``(n_datasets, n_records)`` 1 or True for members.

    Raises:
        ShapeError: if they have not two axes.
        DataError: if one is neither 0 nor 1.
    """
    array = np.asarray(is_in)
    if array.ndim != 2:
        raise ShapeError(f"is_in must have shape (n_datasets, n_records); got {array.shape}.")
    if not ((array == 0) | (array == 1)).all():
        raise DataError("is_in must hold 0 and 1, or False and True; it does not.")
    return array.astype(bool)
