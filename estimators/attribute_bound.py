"""Bayes security against attribute inference, from how far apart a record's gradients are for each attribute value.

The attacker knows a training record but for one attribute. What a step can tell is at most the distance between the
record's clipped gradients under two values, so the gradients of one run give that run's own value, which is often far
better than membership's. Two forms: the published one, from distances alone, and the central limit theorem's, which
needs norms as well and does not understate the risk where the noise is small.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import pdist
from scipy.special import erfc

from privaudit.errors import ConfigError, DataError, ShapeError, UnsupportedError
from privaudit.estimators.bayes_security_bound import BayesSecurity, closed_form_remainder
from privaudit.estimators.privacy_loss import check_poisson
from privaudit.types import DpSgdParams, Neighbouring

RecordRule = Literal["batch", "tracked", "all"]

RULES = {
    "batch": "the largest distance in each batch: the published rule, and no bound for any one record, because it "
    "counts the sampling twice",
    "tracked": "the worst of the tracked records, each followed through every step",
    "all": "the worst training record, each followed through every step",
}
STANDING = "an approximation of the closed form's kind, known only after training and for these weights; no guarantee"
MEMBERSHIP = "publishing it can tell who was in the training set (not the attribute)"

LARGEST_EXPONENT = 700.0


def gradient_diameter(gradients: ArrayLike, *, exact: bool) -> float:
    """Return the largest distance between a record's gradients, one per attribute value.

    Args:
        gradients: ``(n_values, n_weights)`` clipped gradients.
        exact: compare all pairs; else return twice the largest distance from the mean, which is at least the diameter
            (at most twice) and linear in the number of values.

    Raises:
        ShapeError: if there is no gradient.
        DataError: if one is not finite.

    Source: Cherubin et al., USENIX Security 2024, algorithm 4 (where the second form is called a lower bound; by the
    triangle inequality it is an upper one).

    >>> corners = [[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]
    >>> gradient_diameter(corners, exact=True), round(gradient_diameter(corners, exact=False), 4)
    (5.0, 5.696)
    """
    rows = np.asarray(gradients, dtype=np.float64)
    if rows.ndim != 2 or not len(rows):
        raise ShapeError(f"gradients must have shape (n_values, n_weights) with a value at least; got {rows.shape}.")
    if not np.isfinite(rows).all():
        raise DataError("gradients must be finite; got NaN or infinity. Did training diverge?")
    if exact:
        return float(pdist(rows).max(initial=0.0))
    return 2.0 * float(np.linalg.norm(rows - rows.mean(axis=0), axis=1).max())


def clt_mu_squared_of_pair(
    norm_squared: ArrayLike, other_norm_squared: ArrayLike, distance_squared: ArrayLike, *, params: DpSgdParams
) -> NDArray[np.float64]:
    """Return what one step adds to the squared distance mu^2 of the limiting normals, for two values of the attribute.

    For clipped gradients g and h it is p^2 (exp(g.g / s) + exp(h.h / s) - 2 exp(g.h / s)) with s = (sigma C)^2,
    computed from norms and distance, because inner products of near gradients cancel.

    Args:
        norm_squared: squared norms of g, any shape.
        other_norm_squared: squared norms of h.
        distance_squared: squared norms of g - h.
        params: noise multiplier, sample rate and clipping norm.

    Returns:
        float64, 0 where g = h; ``math.inf`` where it overflows or there is no noise.

    Source: central limit theorem of Bu, Dong, Long, Su, Harvard Data Science Review 2020, for the mixtures of N(0) with
    N(g) and of N(0) with N(h).

    >>> params = DpSgdParams(noise_multiplier=1.0, sample_rate=1.0, steps=1)
    >>> [round(float(clt_mu_squared_of_pair(1.0, b, 0.25, params=params)), 3) for b in (1.0, 0.25)]
    [0.639, 0.705]
    """
    distance = np.asarray(distance_squared, dtype=np.float64)
    scale = params.noise_multiplier * params.max_grad_norm
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        x, y = (np.asarray(a, dtype=np.float64) / scale / scale for a in (norm_squared, other_norm_squared))
        half, skew = distance / scale / scale / 2.0, (x - y) / 2.0
        middle = (x + y) / 2.0 - half
        near = 2.0 * np.exp(middle) * (np.expm1(half) * np.cosh(skew) + 2.0 * np.sinh(skew / 2.0) ** 2)
        far = np.exp(x) + np.exp(y) - 2.0 * np.exp(middle)
    is_near = half + np.abs(skew) < 1.0
    terms = np.where(np.maximum(x, y) > LARGEST_EXPONENT, math.inf, np.where(is_near, near, far))
    return np.asarray(np.where(distance > 0.0, params.sample_rate**2 * terms, 0.0), dtype=np.float64)


def attribute_clt_mu_squared(inner_products: ArrayLike, *, params: DpSgdParams) -> NDArray[np.float64]:
    """Return what one step adds to mu^2 for the two attribute values that are told apart best.

    Args:
        inner_products: ``(..., n_values, n_values)`` inner products of a record's clipped gradients.
        params: noise multiplier, sample rate and clipping norm.

    Returns:
        ``(...)`` float64; sum it over the steps and take `security_from_mu_squared`.

    Raises:
        ShapeError: if the last two axes are not square.

    Source: see `clt_mu_squared_of_pair`.

    >>> params = DpSgdParams(noise_multiplier=1.0, sample_rate=0.1, steps=1)
    >>> round(float(attribute_clt_mu_squared([[1.0, -1.0], [-1.0, 1.0]], params=params)), 4)
    0.047
    """
    gram = np.asarray(inner_products, dtype=np.float64)
    if gram.ndim < 2 or gram.shape[-1] != gram.shape[-2] or not gram.shape[-1]:
        raise ShapeError(f"inner products must have shape (..., n_values, n_values); got {gram.shape}.")
    norms = np.diagonal(gram, axis1=-2, axis2=-1)
    x, y = norms[..., :, None], norms[..., None, :]
    pairs = clt_mu_squared_of_pair(x, y, np.maximum(x + y - 2.0 * gram, 0.0), params=params)
    return np.asarray(pairs.max(axis=(-2, -1)), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeSecurity(BayesSecurity):
    """Bayes security of the records of one run against inference of one attribute; conversions as for membership.

    Attributes:
        per_record: ``(n_records,)`` the value of each record; one entry where distances were not told apart by record.
        value_by_clt: the smallest value by the central limit theorem, ``None`` without its terms; prefer it where the
            noise is below 2.
        records: which records stand behind the distances, ``None`` = not stated.
        n_steps: how many steps were seen.
        notes: what a reader must know.
    """

    per_record: NDArray[np.float64] = field(compare=False)
    value_by_clt: float | None
    records: RecordRule | None
    n_steps: int
    notes: tuple[str, ...]


def attribute_bayes_security(
    distances: ArrayLike,
    *,
    params: DpSgdParams,
    neighbouring: Neighbouring | None = None,
    clt_mu_squared: ArrayLike | None = None,
    records: RecordRule | None = None,
) -> AttributeSecurity:
    """Compute Bayes security against attribute inference from the gradient distances of a run.

    Args:
        distances: ``(n_steps,)`` or ``(n_steps, n_records)`` largest distance between a record's clipped gradients
            under two attribute values, in the unit of ``params.max_grad_norm``. Only their root sum of squares counts.
            An empty batch has distance 0. A distance above twice the clipping norm (a loose bound) is taken as it is.
        params: noise multiplier, sample rate, steps, clipping norm; the sampling must be ``poisson``.
        neighbouring: ``REPLACE_ONE`` or ``None``: another attribute value makes another record.
        clt_mu_squared: terms of `attribute_clt_mu_squared`, shaped like ``distances``.
        records: which records they are of: ``batch``, ``tracked`` or ``all``.

    Returns:
        The smallest value over the records.

    Raises:
        ClaimError: if the sampling is not ``poisson``.
        UnsupportedError: for other relations.
        ShapeError: if there is no step or record, or the two arrays differ in shape.
        DataError: if a distance is negative or not finite.

    Source: Cherubin et al., USENIX Security 2024, corollary 10; that a record's own value needs its distances at all
    steps, sampled or not, follows from the factor p, which stands for the sampling already.

    >>> params = DpSgdParams(noise_multiplier=2.0, sample_rate=0.05, steps=3, max_grad_norm=2.0)
    >>> round(attribute_bayes_security([1.2, 0.0, 3.1], params=params).value, 4)
    0.9834
    """
    _check(params, neighbouring, records)
    rows = _rows("distances", distances)
    scale = params.noise_multiplier * params.max_grad_norm
    per_record = _security(params.sample_rate * np.sqrt((rows**2).sum(axis=0)), scale)
    by_clt = None
    if clt_mu_squared is not None:
        terms = _rows("clt_mu_squared", clt_mu_squared, infinite=True)
        if terms.shape != rows.shape:
            raise ShapeError(f"clt_mu_squared must be shaped like distances; got {terms.shape} and {rows.shape}.")
        by_clt = float(_security(np.sqrt(terms.sum(axis=0)), 1.0).min())
    return AttributeSecurity(
        value=float(per_record.min()),
        method="closed_form",
        neighbouring=Neighbouring.REPLACE_ONE,
        is_guarantee=False,
        guarantee=STANDING,
        params=params,
        remainder=closed_form_remainder(replace(params, steps=len(rows)), Neighbouring.REPLACE_ONE),
        per_record=per_record,
        value_by_clt=by_clt,
        records=records,
        n_steps=len(rows),
        notes=_notes(params, rows, records),
    )


def _check(params: DpSgdParams, neighbouring: Neighbouring | None, records: str | None) -> None:
    if neighbouring not in (None, Neighbouring.REPLACE_ONE):
        raise UnsupportedError(f"another attribute value makes another record: replace_one; got {neighbouring!s}.")
    check_poisson(params)
    if records is not None and records not in RULES:
        raise ConfigError(f"records must be batch, tracked or all; got {records!r}.", key="records")


def _rows(name: str, values: ArrayLike, *, infinite: bool = False) -> NDArray[np.float64]:
    """Return ``(n_steps, n_records)``."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim not in (1, 2) or not array.size:
        raise ShapeError(f"{name} must have shape (n_steps,) or (n_steps, n_records), none 0; got {array.shape}.")
    is_legal = (array >= 0.0) & (np.isfinite(array) | infinite)
    if not is_legal.all():
        bad = array[~is_legal].flat[0]
        raise DataError(f"{name} must be finite and at least 0; got {bad}. Did training diverge?")
    return array[:, None] if array.ndim == 1 else array


def _security(distance: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Return one minus the total variation of normals of deviation ``scale``; no distance, no leak, even without noise."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mu = np.where(distance > 0.0, distance / scale, 0.0)
    return np.asarray(erfc(mu / (2.0 * math.sqrt(2.0))), dtype=np.float64)


def _notes(params: DpSgdParams, rows: NDArray[np.float64], records: RecordRule | None) -> tuple[str, ...]:
    notes = [
        f"records: {RULES[records]}" if records else "which records the distances are of was not stated",
        MEMBERSHIP,
    ]
    if len(rows) != params.steps:
        notes.append(f"distances of {len(rows)} steps, where training has {params.steps}")
    if rows.max() > 2.0 * params.max_grad_norm * (1.0 + 1e-6):
        notes.append("some distances exceed twice the clipping norm, which no two clipped gradients do")
    return tuple(notes)
