"""Tail-TNR: one number per model that says how exposed its members are, from losses alone and without shadow models.

Training moves the members at risk out of the region of high losses; records that were not trained on stay there. How many
of the others lie above all but a small share of the members foretells how many members a strong attack finds. So, in
practice, does the gap between training and test accuracy, which costs nothing either and is shown beside it.

Written from the paper's definition; the order statistic that stands for the quantile is chosen here, so that ties count as
blocks.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.errors import ConfigError, DegenerateScoresError, ShapeError
from privaudit.types.frozen import set_array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TailCurve:
    """True negative rates of a plain loss threshold that misses few members.

    Attributes:
        beta: ``(k,)`` shares of members that the threshold may miss.
        tnr: ``(k,)`` shares of non-members above the threshold; NaN where ``beta`` is less than one member.
        achieved_fnr: ``(k,)`` shares of members above the threshold, at most ``beta``; NaN likewise.
        n_in: number of members.
        n_out: number of non-members.
    """

    beta: NDArray[np.float64]
    tnr: NDArray[np.float64]
    achieved_fnr: NDArray[np.float64]
    n_in: int
    n_out: int

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        for name in ("beta", "tnr", "achieved_fnr"):
            set_array(self, name, getattr(self, name), np.float64)


def tail_tnr(losses_in: ArrayLike, losses_out: ArrayLike, beta: ArrayLike) -> TailCurve:
    """Return how many non-members lie above the (1 - beta)-quantile of the members' losses.

    The quantile is the smallest loss of a member that at most a share ``beta`` of the members exceed (floor rule). Equal
    losses are on one side of it together; infinite ones are ordered like others. A model without memory has a TNR of
    about ``beta``.

    Args:
        losses_in: ``(n_in,)`` the model's losses on its members.
        losses_out: ``(n_out,)`` its losses on other records of the same distribution.
        beta: ``(k,)`` or one number, in (0, 1).

    Raises:
        ConfigError: if a beta is outside its range.
        ShapeError: if losses are no vectors.
        DegenerateScoresError: if a loss is NaN, or members or others are missing.

    Source: Dodd, Krčo, Shilov, de Montjoye, "The Tail Tells All: Estimating Model-Level Membership Inference
    Vulnerability Without Reference Models", arXiv 2510.19773.

    >>> curve = tail_tnr([0.1, 0.2, 0.3, 0.9], [0.2, 0.4, 0.8, 2.0], [0.25, 0.1])
    >>> curve.tnr.tolist(), curve.achieved_fnr.tolist()
    ([0.75, nan], [0.25, nan])
    """
    inside, outside = _checked(losses_in, "losses_in"), _checked(losses_out, "losses_out")
    betas = np.atleast_1d(np.asarray(beta, dtype=np.float64))
    if betas.ndim != 1 or not ((betas > 0) & (betas < 1)).all():
        raise ConfigError(f"beta must lie in (0, 1); got {betas.tolist()}.", key="beta")
    n_in, n_out = len(inside), len(outside)
    missed = (betas * n_in + 1e-9).astype(np.int64)  # members that may lie above; rounding up 0.29 * 100 is no error
    threshold = inside[n_in - 1 - missed]
    tnr = 1 - np.searchsorted(outside, threshold, side="right") / n_out
    fnr = 1 - np.searchsorted(inside, threshold, side="right") / n_in
    is_measured = missed > 0
    return TailCurve(
        beta=betas,
        tnr=np.where(is_measured, tnr, np.nan),
        achieved_fnr=np.where(is_measured, fnr, np.nan),
        n_in=n_in,
        n_out=n_out,
    )


def _checked(losses: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return losses in ascending order."""
    values = np.asarray(losses, dtype=np.float64)
    if values.ndim != 1:
        raise ShapeError(f"{name} must be a vector, one loss per record; got shape {values.shape}.")
    if not len(values) or np.isnan(values).any():
        raise DegenerateScoresError(f"{name} must hold a loss of every record, at least one, and no NaN.")
    return np.sort(values)
