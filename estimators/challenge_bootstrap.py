"""Epsilon from several challenges per trained model, by drawing whole models anew."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from privaudit.errors import ConfigError, DegenerateScoresError
from privaudit.estimators.challenge_clusters import ChallengeOutcomes, require_models
from privaudit.estimators.rate_rectangle import count_diagnostics
from privaudit.types import EpsilonEstimate, EstimateKind, Neighbouring, Validity
from privaudit.validate import check_delta, check_probability

ASSUMPTIONS = (
    "the models were trained independently; their own challenges may depend on each other",
    "the guess rule was fixed before these outcomes were seen",
    "there are many models, and errors in many of them",
)
LEAST_WRONG_MODELS = 5
LEAST_RATE = 1e-12  # of right guesses beyond delta, so that its log is finite; its epsilon is far below 0
BLOCK = 2**20  # weights of resamples held at once


def cluster_bootstrap(
    outcomes: ChallengeOutcomes,
    *,
    delta: float,
    confidence: float,
    n_resamples: int = 2000,
    seed: int = 0,
    neighbouring: Neighbouring | None = None,
) -> EpsilonEstimate:
    """Estimate a lower end for epsilon from resamples of whole models.

    With error rates (e + 1/2) / (n + 1), ln((1 - FNR - delta) / FPR) and ln((1 - FPR - delta) / FNR) are each bounded at
    half the error by the studentised bootstrap: their standard errors come from the sums over models, and the quantile
    from resamples of models (apart for models with challenges in both worlds and in one only), at least Student's. The
    end is the larger of the two. Percentiles of resamples miss far too often here and are not used.

    Args:
        outcomes: challenges; several per model need 20 models.
        delta: the delta at which epsilon is bounded, in [0, 1).
        confidence: chance that the end holds, for many models with errors, in (0, 1).
        n_resamples: how often models are drawn anew.
        seed: of the draws.
        neighbouring: the relation of the two worlds, ``None`` = not stated.

    Returns:
        the estimate; its ceiling is the end had there been one error in 5 models of each world, the fewest allowed.

    Raises:
        UnsupportedError: if a model has several challenges and there are fewer than 20 models.
        DegenerateScoresError: if fewer than 5 models have an error in one of the worlds.
        ConfigError: if delta, the confidence or the number of resamples is out of range.

    Source: Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 5.2.1 (studentised) and 3.8
        (whole groups).

    >>> rng = np.random.default_rng(0)
    >>> model, world = np.repeat(np.arange(40), 20), np.tile([0, 1], 400)
    >>> guess = np.where(rng.random(800) < 0.9, world, 1 - world)
    >>> estimate = cluster_bootstrap(ChallengeOutcomes(model, world, guess), delta=1e-5, confidence=0.95)
    >>> 1.5 < estimate.lower < 2.2, estimate.validity
    (True, <Validity.ASYMPTOTIC: 'asymptotic'>)
    """
    check_delta(delta)
    tail = (1.0 - check_probability("confidence", confidence)) / 2.0
    if n_resamples < 1:
        raise ConfigError(f"n_resamples must be at least 1; got {n_resamples}.", key="n_resamples")
    require_models(outcomes)
    table = _table(outcomes)
    n_wrong_in, n_wrong_out = _wrong_models(table)
    lower, fewest = (
        studentised_end(of_models, delta=delta, tail=tail, n_resamples=n_resamples, seed=seed)
        for of_models in (table, _with_fewest_errors(table))
    )
    counts = outcomes.counts
    return EpsilonEstimate(
        method="cluster_bootstrap",
        kind=EstimateKind.LOWER_BOUND,
        lower=lower,
        delta=delta,
        confidence=confidence,
        neighbouring=neighbouring,
        n_in=counts.n_in,
        n_out=counts.n_out,
        ceiling=max(lower, fewest),
        validity=Validity.ASYMPTOTIC,
        assumptions=ASSUMPTIONS,
        diagnostics={
            **count_diagnostics(counts),
            "n_models": len(table),
            "n_models_wrong_in": n_wrong_in,
            "n_models_wrong_out": n_wrong_out,
        },
    )


def studentised_end(table: NDArray[np.int64], *, delta: float, tail: float, n_resamples: int, seed: int) -> float:
    """Return the larger of the lower ends of both log ratios of rates, 0 if both are below.

    Args:
        table: ``(n_models, 4)`` challenges in world 1, errors among them, challenges in world 0, errors among them.
        delta: the delta of the definition.
        tail: error of each of the two ends, in (0, 1/2).
        n_resamples: how often models are drawn anew.
        seed: of the draws.
    """
    rows = table.astype(np.float64)
    moments = np.hstack([rows, (rows[:, :, None] * rows[:, None, :]).reshape(-1, 16)])
    point, error = _log_ratios(moments.sum(axis=0, keepdims=True), delta)
    drawn, drawn_error = _log_ratios(_resampled(moments, n_resamples, np.random.default_rng(seed)), delta)
    quantile = np.quantile((drawn - point) / drawn_error, 1.0 - tail, axis=0, method="higher")
    student = stdtrit(max(1, len(table) - 1), 1.0 - tail)
    return max(0.0, float((point[0] - np.maximum(quantile, student) * error[0]).max()))


def _resampled(moments: NDArray[np.float64], n_resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return ``(n_resamples, 20)`` sums over models drawn anew within those that serve the same worlds."""
    kind = 2 * (moments[:, 0] > 0) + (moments[:, 2] > 0)
    strata = [moments[kind == one] for one in np.unique(kind)]
    at_once, sums = max(1, BLOCK // len(moments)), np.zeros((n_resamples, moments.shape[1]))
    for start in range(0, n_resamples, at_once):
        part = sums[start : start + at_once]
        for stratum in strata:
            k = len(stratum)
            part += rng.multinomial(k, np.full(k, 1.0 / k), size=len(part)) @ stratum
    return sums


def _log_ratios(sums: NDArray[np.float64], delta: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both log ratios of rates and their standard errors over models, each ``(n, 2)``.

    A model with e errors of n challenges moves the log of a rate r by (e - r n) / (N r); the variance is the sum of the
    squares over models, at least that of independent challenges.
    """
    totals, squares = sums[:, :4] + [1.0, 0.5, 1.0, 0.5], sums[:, 4:].reshape(-1, 4, 4)
    n, rate = totals[:, [0, 2]], totals[:, [1, 3]] / totals[:, [0, 2]]
    right = np.maximum(1.0 - rate - delta, LEAST_RATE)
    ratios = np.log(right) - np.log(rate[:, ::-1])
    errors = np.empty_like(ratios)
    for own, other in ((0, 1), (1, 0)):
        slopes = np.zeros((len(sums), 4))
        for world, slope in ((own, 1.0 / (n * right)[:, own]), (other, 1.0 / (n * rate)[:, other])):
            slopes[:, 2 * world + 1], slopes[:, 2 * world] = slope, -slope * rate[:, world]
        clustered = np.einsum("ni,nij,nj->n", slopes, squares, slopes)
        independent = (slopes[:, [1, 3]] ** 2 * n * rate * (1.0 - rate)).sum(axis=1)
        errors[:, own] = np.sqrt(np.maximum(clustered, independent))
    return ratios, errors


def _table(outcomes: ChallengeOutcomes) -> NDArray[np.int64]:
    _, number = np.unique(outcomes.model, return_inverse=True)
    wrong = outcomes.guess != outcomes.world
    kinds = (outcomes.world, outcomes.world & wrong, ~outcomes.world, ~outcomes.world & wrong)
    return np.stack([np.bincount(number[kind], minlength=outcomes.n_models) for kind in kinds], axis=1)


def _wrong_models(table: NDArray[np.int64]) -> tuple[int, int]:
    """Return in how many models there are errors in world 1 and in world 0, refusing too few."""
    n_in, n_out = int((table[:, 1] > 0).sum()), int((table[:, 3] > 0).sum())
    if min(n_in, n_out) < LEAST_WRONG_MODELS:
        raise DegenerateScoresError(
            f"the bootstrap needs errors in at least {LEAST_WRONG_MODELS} models of each world, or its resamples cannot "
            f"show how rare they are; got {n_in} models with errors in world 1 and {n_out} in world 0. Use "
            "clopper_pearson on effective_counts."
        )
    return n_in, n_out


def _with_fewest_errors(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the table of an attack with one error in each of the fewest models allowed, different ones by world."""
    best = table.copy()
    best[:, [1, 3]] = 0
    best[np.flatnonzero(table[:, 0])[:LEAST_WRONG_MODELS], 1] = 1
    best[np.flatnonzero(table[:, 2])[-LEAST_WRONG_MODELS:], 3] = 1
    return best
