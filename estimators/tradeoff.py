"""The attacks that a guarantee allows: the largest true positive rate at every false positive rate."""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from privaudit.errors import ConfigError
from privaudit.estimators.composed_loss import ComposedLoss, LossTail
from privaudit.estimators.poisson_run import LEAST_NOISE, add_remove_unless, chance_of_any_draw, gaussian_mu_of_run
from privaudit.estimators.privacy_loss import loss_of_run
from privaudit.types import DpSgdParams, Neighbouring
from privaudit.validate import check_delta

Null = Literal["out", "in", "either"]


def tradeoff_bound(
    fpr: ArrayLike,
    *,
    params: DpSgdParams | None = None,
    mu: float | None = None,
    epsilon: float | None = None,
    delta: float | None = None,
    neighbouring: Neighbouring | None = None,
    null: Null = "either",
) -> NDArray[np.float64]:
    """Return the largest true positive rate that a guarantee allows at each false positive rate.

    The guarantee is exactly one of ``params``, ``mu``, or ``epsilon`` with ``delta``.

    Args:
        fpr: ``(k,)`` false positive rates in [0, 1].
        params: of a DP-SGD run with Poisson sampling; bounded by its privacy loss distribution, exactly at sample
            rate 1.
        mu: of Gaussian differential privacy, at least 0.
        epsilon: at least 0.
        delta: in [0, 1).
        neighbouring: ``ADD_REMOVE``, which ``None`` stands for, or ``REPLACE_ONE``; matters with ``params`` only.
        null: the world in which the false positive rate is measured: ``out`` = without the record, ``in`` = with it,
            ``either`` = the larger bound. Only ``params`` under ``ADD_REMOVE`` tell them apart.

    Returns:
        ``(k,)`` true positive rates, an upper bound up to rounding. Without noise (below 1e-6) it
        is the false positive rate plus the chance that the record is ever drawn, 1 - (1 - q)^T.

    Raises:
        ConfigError: if there is not exactly one guarantee, or a value is out of range.
        ClaimError: if the sampling is not ``poisson``.
        UnsupportedError: for other relations.

    Source: Dong, Roth, Su, "Gaussian Differential Privacy", JRSS B 2022, equation 6 and proposition 2.5; Kairouz, Oh,
    Viswanath, ICML 2015, theorem 2.1. For runs TPR <= min over e >= 0 of e^e FPR + delta_remove(e) and of
    1 - e^-e (1 - delta_add(e) - FPR), by the corners of both piecewise linear profiles.

    >>> tradeoff_bound([0.01, 0.1], mu=1.0).round(4).tolist()
    [0.0924, 0.3891]
    >>> tradeoff_bound([0.01, 0.1], epsilon=2.0, delta=1e-5).round(4).tolist()
    [0.0739, 0.7389]
    """
    rate = _check_rates(fpr)
    if null not in ("out", "in", "either"):
        raise ConfigError(f"null must be 'out', 'in' or 'either'; got {null!r}.", key="null")
    _check_one_source(params, mu, epsilon, delta)
    if params is not None:
        return tpr_of_run(rate, params, add_remove_unless(neighbouring), null=null)
    if epsilon is not None and delta is not None:
        return _of_epsilon(rate, _check_positive("epsilon", epsilon), check_delta(delta))
    return _of_gaussian(rate, _check_positive("mu", math.nan if mu is None else mu))


def advantage_bound(
    *,
    params: DpSgdParams | None = None,
    mu: float | None = None,
    epsilon: float | None = None,
    delta: float | None = None,
    neighbouring: Neighbouring | None = None,
) -> float:
    """Return the largest TPR - FPR that a guarantee allows at any threshold.

    Args:
        params: of a DP-SGD run; or
        mu: of Gaussian differential privacy; or
        epsilon: at least 0, with
        delta: in [0, 1).
        neighbouring: ``ADD_REMOVE``, which ``None`` stands for, or ``REPLACE_ONE``; matters with ``params`` only.

    Returns:
        The advantage, in [0, 1]: delta at epsilon 0. Without noise (below 1e-6) it is the chance that the record is
        ever drawn, 1 - (1 - q)^T.

    Raises:
        ConfigError: if there is not exactly one guarantee, or a value is out of range.
        ClaimError: if the sampling is not ``poisson``.
        UnsupportedError: for other relations.

    Source: see `tradeoff_bound`.

    >>> round(advantage_bound(epsilon=2.0, delta=1e-5), 6), round(advantage_bound(mu=1.0), 6)
    (0.761597, 0.382925)
    """
    _check_one_source(params, mu, epsilon, delta)
    if epsilon is not None and delta is not None:
        # (e^epsilon - 1 + 2 delta) / (e^epsilon + 1), without forming e^epsilon
        small = math.exp(-_check_positive("epsilon", epsilon))
        return min(1.0, (1.0 - small + 2.0 * check_delta(delta) * small) / (1.0 + small))
    if params is not None:
        return advantage_of_run(params, add_remove_unless(neighbouring))
    return math.erf(_check_positive("mu", math.nan if mu is None else mu) / math.sqrt(8.0))


def tpr_of_run(
    rate: NDArray[np.float64],
    params: DpSgdParams,
    neighbouring: Neighbouring,
    *,
    null: Null = "either",
    coarser: float = 1.0,
) -> NDArray[np.float64]:
    """Return `tradeoff_bound` of a run, on a grid that is ``coarser`` times as coarse: looser, and faster."""
    mu = gaussian_mu_of_run(params, neighbouring)
    some_draw = np.minimum(rate + chance_of_any_draw(params), 1.0)
    if params.noise_multiplier < LEAST_NOISE:
        return some_draw
    if mu is not None:
        return _of_gaussian(rate, mu)
    return np.minimum(_of_loss(rate, loss_of_run(params, neighbouring, coarser=coarser), null), some_draw)


def advantage_of_run(params: DpSgdParams, neighbouring: Neighbouring, *, coarser: float = 1.0) -> float:
    """Return `advantage_bound` of a run, on a grid that is ``coarser`` times as coarse: looser, and faster."""
    mu = gaussian_mu_of_run(params, neighbouring)
    if params.noise_multiplier < LEAST_NOISE:
        return chance_of_any_draw(params)
    if mu is not None:
        return math.erf(mu / math.sqrt(8.0))
    return min(
        chance_of_any_draw(params), float(loss_of_run(params, neighbouring, coarser=coarser).get_delta_for_epsilon(0.0))
    )


def _check_rates(fpr: ArrayLike) -> NDArray[np.float64]:
    rates = np.atleast_1d(np.asarray(fpr, dtype=np.float64))
    if rates.ndim != 1 or not ((rates >= 0.0) & (rates <= 1.0)).all():
        got = f"{rates.min()} to {rates.max()}" if rates.ndim == 1 else f"shape {rates.shape}"
        raise ConfigError(f"fpr must be (k,) rates in [0, 1]; got {got}.", key="fpr")
    return rates


def _check_one_source(params: DpSgdParams | None, mu: float | None, epsilon: float | None, delta: float | None) -> None:
    sources = {"params": params is not None, "mu": mu is not None, "epsilon and delta": epsilon is not None}
    given = [name for name, is_given in sources.items() if is_given]
    if (epsilon is None) != (delta is None):
        raise ConfigError("epsilon and delta go together; got only one of them. State both.", key="delta")
    if len(given) != 1:
        raise ConfigError(
            f"state exactly one guarantee: params, mu, or epsilon and delta; got {' and '.join(given) or 'none'}."
        )


def _check_positive(name: str, value: float) -> float:
    if not value >= 0.0:
        raise ConfigError(f"{name} must be at least 0; got {value}.", key=name)
    return float(value)


def _of_gaussian(rate: NDArray[np.float64], mu: float) -> NDArray[np.float64]:
    if mu == math.inf:
        return np.ones_like(rate)
    return np.asarray(ndtr(ndtri(rate) + mu), dtype=np.float64)


def _of_epsilon(rate: NDArray[np.float64], epsilon: float, delta: float) -> NDArray[np.float64]:
    if epsilon == math.inf:
        return np.ones_like(rate)
    if epsilon < 700.0:
        steep = math.exp(epsilon) * rate + delta
    else:
        with np.errstate(divide="ignore", over="ignore"):
            steep = np.exp(epsilon + np.log(rate)) + delta
    # 1 - e^-epsilon (1 - delta - rate), without cancellation
    flat = math.exp(-epsilon) * (delta + rate) - math.expm1(-epsilon)
    return np.clip(np.minimum(steep, flat), rate, 1.0)


def _of_loss(rate: NDArray[np.float64], loss: ComposedLoss, null: Null) -> NDArray[np.float64]:
    out = _one_orientation(rate, loss.remove, loss.add) if null != "in" else np.zeros_like(rate)
    if null == "out" or (null == "either" and loss.add is loss.remove):
        return out
    return np.maximum(out, _one_orientation(rate, loss.add, loss.remove))


def _one_orientation(rate: NDArray[np.float64], towards: LossTail, back: LossTail) -> NDArray[np.float64]:
    """Bound the hits by the loss drawn in the other world, and the misses by the loss drawn in the null world."""
    return np.minimum(towards.highest_rate(rate), 1.0 - back.lowest_rate(1.0 - rate))
