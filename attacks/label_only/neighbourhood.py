"""Which varied copies of a record tell its membership as the record itself does, judged on unpoisoned shadow models.

For the record and for each candidate, normal distributions are fitted to the logit margins of the models that hold the
record, and to those of the models that do not. A candidate is kept where neither is far from the record's own. The margin
is formed without probabilities and does not saturate; the published code clips it at about 16.1, which counts two models
that are both certain as equal.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, DataError, ShapeError, UnsupportedError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FEWEST = 2  # models a side: a standard deviation needs two


class NormalFit(NamedTuple):
    """Normal distributions, one per record and candidate.

    Attributes:
        mean: ``(n, n_queries)``.
        sigma: ``(n, n_queries)`` standard deviation, above 0.
    """

    mean: Floats
    sigma: Floats


def normal_fit(margin: Floats, is_used: Bools, *, sigma_floor: float) -> NormalFit:
    """Fit a normal distribution to the margins of some models, for every record and candidate.

    Args:
        margin: ``(n_models, n, n_queries)`` logit margins.
        is_used: ``(n_models, n)`` the models that count, at least two for each record.
        sigma_floor: smallest deviation; the sample deviation has n - 1 below the line.

    >>> normal_fit(np.array([[[1.0]], [[3.0]], [[9.0]]]), np.array([[True], [True], [False]]), sigma_floor=0.1).mean.item()
    2.0
    """
    weight = is_used.astype(np.float64)[:, :, None]
    n_used = weight.sum(axis=0)
    mean = (margin * weight).sum(axis=0) / n_used
    variance = ((margin - mean) ** 2 * weight).sum(axis=0) / (n_used - 1)
    return NormalFit(mean, np.maximum(np.sqrt(variance), sigma_floor))


def normal_divergence(first: NormalFit, second: NormalFit) -> Floats:
    """Return the Kullback-Leibler divergence of the second normal distribution from the first, in nats.

    Args:
        first: where the record is drawn from.
        second: what it is compared with; shapes broadcast.

    Returns:
        0 or more; infinite where it is beyond double precision.

    >>> one, other = NormalFit(np.array(0.0), np.array(1.0)), NormalFit(np.array(1.0), np.array(2.0))
    >>> normal_divergence(one, one).item(), round(normal_divergence(one, other).item(), 6)
    (0.0, 0.443147)
    """
    ratio = first.sigma / second.sigma
    with np.errstate(over="ignore"):
        distance = (first.mean - second.mean) / second.sigma
        return np.asarray(np.maximum(-np.log(ratio) + (ratio**2 + distance**2 - 1) / 2, 0.0))


def kept_neighbours(
    margin: ArrayLike, is_in: ArrayLike, *, threshold: float, sigma_floor: float, forced: int = 0
) -> Bools:
    """Return which queries belong to each record's membership neighbourhood; the record itself always does.

    Args:
        margin: ``(n_models, n, n_queries)`` finite logit margins of the unpoisoned models.
        is_in: ``(n_models, n)`` 1 where the model was trained on the record; two models at least on either side.
        threshold: largest divergence, in nats, of a kept candidate on either side.
        sigma_floor: smallest standard deviation of a fit.
        forced: column of the record itself.

    Returns:
        ``(n, n_queries)`` bool.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: if a margin is not finite.
        ConfigError: if threshold or floor are not above 0.
        UnsupportedError: if a record has fewer than two models on a side.

    Source: Chaudhari et al., ICLR 2024, membership neighbourhood. Floor and forced record are ours: few saturated models
    have deviations near 0, and a record without any neighbour could not be asked for.

    >>> margin = np.array([[[5.0, 5.1, 0.0]], [[6.0, 6.1, 1.0]], [[1.0, 1.1, 9.0]], [[2.0, 2.1, 8.0]]])
    >>> kept_neighbours(margin, [[1], [1], [0], [0]], threshold=0.75, sigma_floor=0.1).tolist()
    [[True, True, False]]
    """
    values, members = np.asarray(margin, dtype=np.float64), np.asarray(is_in).astype(np.bool_)
    if values.ndim != 3 or values.shape[:2] != members.shape:
        raise ShapeError(
            f"margin must have shape (n_models, n, n_queries) and is_in (n_models, n); got {values.shape}, {members.shape}."
        )
    if not np.isfinite(values).all():
        raise DataError(f"margins must be finite; {int((~np.isfinite(values)).sum())} are not. Look at the training.")
    for name, value in (("threshold", threshold), ("sigma_floor", sigma_floor)):
        if not value > 0:
            raise ConfigError(f"{name} must be above 0; got {value}.", key=name)
    fewest = np.minimum(members.sum(axis=0), (~members).sum(axis=0)).min(initial=FEWEST)
    if fewest < FEWEST:
        raise UnsupportedError(
            f"every challenge record needs {FEWEST} shadow models with it and {FEWEST} without; one has {fewest}. "
            "Train more pairs."
        )
    is_kept = np.ones(values.shape[1:], dtype=np.bool_)
    for side in (members, ~members):
        fit = normal_fit(values, side, sigma_floor=sigma_floor)
        own = NormalFit(*(part[:, forced : forced + 1] for part in fit))
        is_kept &= normal_divergence(own, fit) <= threshold
    is_kept[:, forced] = True
    return is_kept
