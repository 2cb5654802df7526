"""What poison does to the log-odds of records with the property, by Bayes' rule.

A share p of a training set is poison: records with the property of class v, drawn from p(x | property, v), that carry the
planted class instead. Among the other records a share t has the property, and of these a share pi_v the class v. At a record x
with the property the mixture holds the planted class with weight (1 - p) t p(x, planted | property) + p p(x | property, v), and
class v with weight (1 - p) t p(x, v | property). Their ratio is e^phi + c with phi the log-odds of planted against v without
poison and c = p / ((1 - p) t pi_v). So the shift is the larger the smaller t is, and the surer a model was of v.

Were the poison drawn from p(x | property), whatever its classes, c' = p / ((1 - p) t) would be added for either of two classes:
the ratio would be e^phi (1 + c') + c'. That form is for another adversary.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import DataError


def poisoned_log_odds(
    log_odds: ArrayLike, share: ArrayLike, ratio: ArrayLike, true_class_share: ArrayLike
) -> NDArray[np.float64]:
    """Return the log-odds ln(e^phi + c) of the planted class against the true one after poisoning.

    Args:
        log_odds: phi, without poison, of records with the property; any shape, like all that follows.
        share: of the poisoned training set that is poison, in [0, 1).
        ratio: share of the other records that has the property, in (0, 1].
        true_class_share: share of the records with the property that has the true class, in (0, 1].

    Returns:
        float64 of the broadcast shape: what the Bayes-optimal classifier says.

    Raises:
        DataError: if a share is out of its range, or log-odds are NaN.

    Source: this project, after Chaudhari et al., "SNAP: Efficient Extraction of Private Properties with Poisoning", IEEE
    S&P 2023 (poison drawn with the label condition).

    >>> round(float(poisoned_log_odds(0.0, 0.5, 0.5, 1.0)), 12) == round(float(np.log(3.0)), 12)
    True
    >>> poisoned_log_odds(-2.0, 0.02, [0.1, 0.5], 0.75).round(3).tolist()
    [-0.898, -1.662]
    """
    phi = np.asarray(log_odds, dtype=np.float64)
    if np.isnan(phi).any():
        raise DataError(f"log_odds must not be NaN; {int(np.isnan(phi).sum())} of {phi.size} are.")
    p = _shares("share", share, 0.0, has_one=False)
    t, pi = _shares("ratio", ratio, None), _shares("true_class_share", true_class_share, None)
    with np.errstate(divide="ignore"):  # no poison: the logarithm of 0 adds nothing
        return np.asarray(np.logaddexp(phi, np.log(p) - np.log1p(-p) - np.log(t) - np.log(pi)))


def _shares(name: str, values: ArrayLike, least: float | None, *, has_one: bool = True) -> NDArray[np.float64]:
    """Return shares of (0, 1], or of [0, 1) where 0 is the least and 1 is none."""
    array = np.asarray(values, dtype=np.float64)
    is_legal = (array > 0.0 if least is None else array >= least) & (array <= 1.0 if has_one else array < 1.0)
    if not is_legal.all():
        limits = f"{'(0' if least is None else '[0'}, 1{']' if has_one else ')'}"
        raise DataError(f"{name} must lie in {limits}; got {array[~is_legal].ravel()[0]:g}.")
    return array
