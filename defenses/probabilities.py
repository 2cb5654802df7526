"""What every output filter checks before it changes an answer."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, DataError, ShapeError

EXACT = 1e-300  # the smallest probability that an answer given to full precision is read as
SLACK = 1e-5  # sums of float32 probabilities


def checked_probabilities(probabilities: ArrayLike, *, slack: float = SLACK) -> NDArray[np.float64]:
    """Return probabilities as float64, refusing what is no distribution.

    Args:
        probabilities: ``(n_queries, n_classes)``.
        slack: how far the sum of a row may lie from 1.

    Returns:
        ``(n_queries, n_classes)`` float64.

    Raises:
        ShapeError: if there are not two classes at least.
        DataError: if a row is no distribution.

    >>> checked_probabilities([[0.25, 0.75]]).tolist()
    [[0.25, 0.75]]
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] < 2:
        raise ShapeError(
            f"probabilities must have shape (n_queries, n_classes), two classes at least; got {values.shape}."
        )
    if not ((values >= 0.0).all() and (np.abs(values.sum(axis=1) - 1.0) <= slack).all()):
        raise DataError("probabilities must be at least 0 and sum to 1 in each row; some do not, or are NaN.")
    return values


def check_whole_number(name: str, value: int, *, least: int, most: int) -> None:
    """Refuse what is no whole number of a range.

    Raises:
        ConfigError: names the parameter.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigError(f"{name} must be a whole number in {least}..{most}; got {value!r}.", key=name)
