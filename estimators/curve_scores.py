"""The test of a claimed mechanism from scores: a part of them chooses the threshold, the rest certifies."""

import math
from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from privaudit.errors import ConfigError, DegenerateScoresError
from privaudit.estimators.claimed_curve import CurveTest, check_known_relation, check_one_claim, curve_test
from privaudit.estimators.score_counts import BoundOfCounts, audit_by_counts
from privaudit.estimators.score_thresholds import Merit, balance_merit, upper_rates
from privaudit.estimators.thresholds import Explicit, Split
from privaudit.estimators.tradeoff import tradeoff_bound
from privaudit.types import ConfusionCounts, DpSgdParams, Neighbouring
from privaudit.validate import check_probability, check_scores

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # from false to the largest true positive rates

HEAD_START = 3.0  # standard errors by which another threshold must surpass the balanced one
LEAST = -100.0  # where the claim allows every rate, the balanced threshold is still preferred


def audit_curve(
    scores_in: ArrayLike,
    scores_out: ArrayLike,
    *,
    params: DpSgdParams | None = None,
    mu: float | None = None,
    confidence: float,
    threshold: Split | Explicit | None = None,
    neighbouring: Neighbouring = Neighbouring.ADD_REMOVE,
) -> CurveTest:
    """Test a claimed mechanism by scores of independent trials with and without the canary.

    The claim is exactly one of ``params`` and ``mu``. A split takes the threshold with equal error rates, which tells
    most about a Gaussian mechanism, unless the rates at another are clearly further beyond the claimed curve.

    Args:
        scores_in: ``(n_in,)`` scores with the canary, higher = more member-like; infinities are legal.
        scores_out: ``(n_out,)`` scores without it.
        params: of the claimed DP-SGD run with Poisson sampling.
        mu: of a claimed Gaussian mechanism, at least 0.
        confidence: of the test, in (0, 1), at every sample size.
        threshold: `Split`, ``None`` = ``Split(share=0.2)``: that share chooses, the rest certifies; or `Explicit`.
        neighbouring: the relation of the two worlds.

    Returns:
        the test, with ``threshold`` and ``n_chosen_on`` in its diagnostics.

    Raises:
        ConfigError: if there is not exactly one claim, the rule is another one, or a split leaves a world empty.
        DegenerateScoresError: if a score is NaN or a world has none.
        ClaimError: if the sampling of ``params`` is not ``poisson``.
        UnsupportedError: for relations that no curve of ``params`` is known for.

    Source: see `curve_test`; sample splitting (Cox, Biometrika 1975).

    >>> rng = np.random.default_rng(0)
    >>> test = audit_curve(rng.normal(2.0, 1.0, 500), rng.normal(size=500), mu=1.0, confidence=0.95)
    >>> test.is_refuted, test.n_in, test.n_out
    (True, 400, 400)
    """
    check_one_claim(params, mu)
    check_known_relation(neighbouring)
    rule = Split(share=0.2) if threshold is None else threshold
    if not isinstance(rule, Split | Explicit):
        raise ConfigError(f"the claimed curve takes Split or Explicit; got {rule!r}.", key="threshold")
    worlds = check_scores(scores_in, name="scores_in"), check_scores(scores_out, name="scores_out")
    if not len(worlds[0]) or not len(worlds[1]):
        raise DegenerateScoresError(
            f"both worlds need scores; got {len(worlds[0])} with the canary and {len(worlds[1])} without."
        )
    tail = (1.0 - check_probability("confidence", confidence)) / 2

    def test(counts: ConfusionCounts, *, confidence: float) -> CurveTest:
        return curve_test(counts, params=params, mu=mu, confidence=confidence, neighbouring=neighbouring)

    def allowed(rates: NDArray[np.float64]) -> NDArray[np.float64]:
        return tradeoff_bound(rates, params=params, mu=mu, neighbouring=neighbouring)

    # What is done with counts is the same for tests as for bounds, and both carry assumptions and diagnostics.
    found = audit_by_counts(cast(BoundOfCounts, test), *worlds, rule, confidence, _curve_merit(allowed, tail))
    return cast(CurveTest, found)


def _curve_merit(allowed: Curve, tail: float) -> Merit:
    """Return how far upper ends of both error rates lie beyond a curve, in standard deviations of a Gaussian score.

    For a Gaussian mechanism it is the distance of two values of mu. Every threshold measures the same mu there, so the
    largest distance is mostly chance; where one is larger by more than that, the leak has another shape.
    """

    def merit(fp: NDArray[np.int64], fn: NDArray[np.int64], n_out: int, n_in: int) -> NDArray[np.float64]:
        fpr, fnr = upper_rates(fp, n_out, tail), upper_rates(fn, n_in, tail)
        # The true negative rates tell the same, so that one of the two orders will do to choose.
        beyond = np.maximum(-ndtri(fnr) - ndtri(allowed(fpr)), LEAST)
        balance = balance_merit(fp, fn, n_out, n_in)
        head_start = np.where(balance >= balance.max(), HEAD_START * math.sqrt(1.0 / n_in + 1.0 / n_out), 0.0)
        return np.asarray(beyond + head_start, dtype=np.float64)

    return merit
