"""Several views of each record, turned into coordinates that are uncorrelated on average over the records."""

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.shadow_fit import Bools, Floats

SMALLEST_SHARE = 1e-10  # of the largest eigenvalue: below it a view repeats the others


def within_covariance(values: Floats, is_in: Bools) -> Floats:
    """Return the covariance of the views within records and sides.

    Args:
        values: ``(n_shadows, n_records, n_queries)`` the signal of each view.
        is_in: ``(n_shadows, n_records)`` the coins; the two sides of a record have means of their own.

    Returns:
        ``(n_queries, n_queries)``, zeros where no side of any record has two shadows.
    """
    total, freedom = np.zeros((values.shape[2],) * 2), 0
    for on_side in (is_in, ~is_in):
        weight = on_side[:, :, None]
        n = on_side.sum(axis=0)
        mean = (values * weight).sum(axis=0) / np.maximum(n, 1)[:, None]
        deviation = ((values - mean) * weight).reshape(-1, values.shape[2])
        total += deviation.T @ deviation
        freedom += int(np.maximum(n - 1, 0).sum())
    return np.asarray(total / max(freedom, 1))


def whitened(values: Floats, is_in: Bools, shadows: NDArray[np.int64]) -> list[Floats]:
    """Rotate and scale the views so that their covariance over the shadows of all records is the identity.

    Args:
        values: ``(n_models, n_records, n_queries)`` the signal of each view.
        is_in: ``(n_models, n_records)`` the coins.
        shadows: models whose covariance is taken: neither the target nor its complement.

    Returns:
        one ``(n_models, n_records)`` array per direction that has spread; the mean of all views if none has.

    >>> rng = np.random.default_rng(0)
    >>> views = rng.standard_normal((8, 500, 1)) * np.ones(3) + 0.1 * rng.standard_normal((8, 500, 3))
    >>> coordinates = whitened(views, rng.random((8, 500)) < 0.5, np.arange(8))
    >>> len(coordinates), [round(float(np.var(one)), 1) for one in coordinates]
    (3, [1.0, 1.0, 1.0])
    """
    covariance = within_covariance(values[shadows], is_in[shadows])
    spread, axes = np.linalg.eigh(covariance)
    kept = spread > SMALLEST_SHARE * spread[-1]
    if not kept.any():
        return [values.mean(axis=2)]
    turned = values @ (axes[:, kept] / np.sqrt(spread[kept]))
    return [np.ascontiguousarray(turned[:, :, direction]) for direction in range(turned.shape[2])]
