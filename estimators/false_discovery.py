"""Many tests at once: how large a share of what is called a discovery is none."""

import numpy as np
from numpy.typing import ArrayLike

from privaudit.errors import ConfigError
from privaudit.estimators.played_models import Floats
from privaudit.validate import check_scores


def benjamini_yekutieli(p_values: ArrayLike) -> Floats:
    """Return adjusted p-values: calling all those at or below q a discovery keeps the false discovery rate at q.

    This holds under every dependence, for which each p-value is multiplied by 1 + 1/2 + ... + 1/n beyond Benjamini and
    Hochberg's factor. Theirs asks for independent or positively dependent tests; tests on records, or groups of records, of
    the same models are dependent in a way that nobody has shown to be positive.

    Args:
        p_values: ``(n,)`` in [0, 1].

    Returns:
        ``(n,)`` adjusted p-values, at most 1.

    Raises:
        DegenerateScoresError: if one is NaN.
        ConfigError: if one is no probability.

    Source: Benjamini and Yekutieli, Annals of Statistics 2001, theorem 1.3.

    >>> benjamini_yekutieli([0.01, 0.02, 0.9]).round(4).tolist()
    [0.055, 0.055, 1.0]
    """
    p = check_scores(p_values, name="p_values")
    if ((p < 0) | (p > 1)).any():
        raise ConfigError("p_values must lie in [0, 1]; some do not.", key="p_values")
    n = len(p)
    if not n:
        return p
    order = np.argsort(p, kind="stable")
    scaled = p[order] * n * (1.0 / np.arange(1, n + 1)).sum() / np.arange(1, n + 1)
    adjusted = np.empty(n)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted
