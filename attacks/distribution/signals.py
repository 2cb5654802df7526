"""What the attacks on the distribution read off a model's answers."""

import numpy as np

from privaudit.attacks.distribution.checks import Bools, Floats, Integers

CLIP = 1e-4  # the published one: probabilities nearer to 0 or 1 count as this


def share_right(labels: Integers, truth: Integers, queries: Bools) -> Floats:
    """Return each model's accuracy on some of the queries.

    Args:
        labels: ``(n_models, n_queries)`` class that each model gives.
        truth: ``(n_queries,)`` true classes.
        queries: ``(n_queries,)`` which of them count; one at least.

    Returns:
        ``(n_models,)``, a count divided by a count: equal shares are equal numbers.

    >>> share_right(np.array([[0, 1, 1]]), np.array([0, 0, 1]), np.array([True, True, False])).tolist()
    [0.5]
    """
    right = (labels[:, queries] == truth[queries]).sum(axis=1)
    return np.asarray(right / int(queries.sum()), dtype=np.float64)


def true_class_log_odds(probabilities: Floats, truth: Integers, clip: float = CLIP) -> Floats:
    """Return log(p / (1 - p)) of the true class's probability, which is clipped first.

    Args:
        probabilities: ``(n_models, n_queries, n_classes)``; 0 and 1 are legal.
        truth: ``(n_queries,)`` true classes.
        clip: p is moved into [clip, 1 - clip].

    Returns:
        ``(n_models, n_queries)``, higher = more confident in the true class.

    >>> true_class_log_odds(np.array([[[0.5, 0.5], [0.0, 1.0]]]), np.array([0, 1]), 0.1).round(6).tolist()
    [[0.0, 2.197225]]
    """
    own = np.clip(probabilities[:, np.arange(len(truth)), truth], clip, 1.0 - clip)
    return np.asarray(np.log(own) - np.log1p(-own))
