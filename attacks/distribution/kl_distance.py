"""Mean Kullback-Leibler divergences of all shadow models from all victims, by one matrix product.

With clipped probabilities P of a shadow model and V of a victim, the mean over queries of sum_c P log(P / V) is
h - (P . log V) / n_queries, where h is the mean of sum_c P log P: the product of all shadow models with all victims is a
matrix product over queries and classes.
"""

import numpy as np

from privaudit.attacks.distribution.checks import Floats, check_clip
from privaudit.attacks.distribution.signals import CLIP
from privaudit.errors import ShapeError


def mean_divergences(shadows: Floats, victims: Floats, clip: float = CLIP) -> Floats:
    """Return the mean over queries of KL(shadow model || victim), of all pairs.

    Args:
        shadows: ``(n_shadows, n_queries, n_classes)`` probabilities.
        victims: ``(n_victims, n_queries, n_classes)`` probabilities.
        clip: both are moved into [clip, 1 - clip], class by class; they are not made to sum to 1 again, so that with
            several classes a divergence may be a little below 0.

    Returns:
        ``(n_victims, n_shadows)`` in nats; the classes are summed up, both of them where there are two.

    Raises:
        ShapeError: if the arrays do not fit together or there is no query.
        ConfigError: if the clip is not in (0, 0.5).

    Source: Suri, Lu, Chen, Evans, "Dissecting Distribution Inference", SaTML 2023 (shadow model first, victim second); the
    matrix product is ours.

    >>> half, sure = np.array([[[0.5, 0.5]]]), np.array([[[0.25, 0.75]]])
    >>> mean_divergences(half, np.concatenate([half, sure])).round(6).tolist()
    [[0.0], [0.143841]]
    """
    check_clip(clip)
    if shadows.ndim != 3 or shadows.shape[1:] != victims.shape[1:] or not shadows.shape[1]:
        raise ShapeError(
            f"shadows {shadows.shape} and victims {victims.shape} must fit: (n, n_queries, n_classes), with a query."
        )
    n_queries = shadows.shape[1]
    ours, theirs = (
        np.clip(table, clip, 1.0 - clip).reshape(len(table), n_queries * table.shape[2]) for table in (shadows, victims)
    )
    own = (ours * np.log(ours)).sum(axis=1)
    return np.asarray((own - np.log(theirs) @ ours.T) / n_queries)
