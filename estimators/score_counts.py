"""Audits of scores by counting errors at one threshold: independent trials, one training each."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from privaudit.errors import ConfigError
from privaudit.estimators.clopper_pearson_bound import clopper_pearson
from privaudit.estimators.gaussian_dp_bound import gaussian_dp
from privaudit.estimators.jeffreys_bound import jeffreys
from privaudit.estimators.katz_log_bound import katz_log
from privaudit.estimators.posterior import EpsilonPosterior
from privaudit.estimators.score_thresholds import (
    Merit,
    Scores,
    balance_merit,
    best_threshold,
    counts_at_threshold,
    epsilon_merit,
    rank_thresholds,
)
from privaudit.estimators.thresholds import Bonferroni, Explicit, Split, ThresholdRule
from privaudit.types import ConfusionCounts, EpsilonEstimate, Neighbouring

# From counts and a confidence to an estimate.
BoundOfCounts = Callable[..., EpsilonEstimate]

_BOUNDS: dict[str, BoundOfCounts] = {
    "clopper_pearson": clopper_pearson,
    "jeffreys": jeffreys,
    "katz_log": katz_log,
    "gaussian_dp": gaussian_dp,
}
COUNT_METHODS = (*_BOUNDS, "posterior")


def bound_of_counts(
    method: str, counts: ConfusionCounts, *, delta: float, confidence: float, neighbouring: Neighbouring | None
) -> EpsilonEstimate:
    """Return the lower bound of a count method by its name."""
    if method == "posterior":
        return EpsilonPosterior(counts, delta=delta, neighbouring=neighbouring).interval(confidence, kind="lower")
    return _BOUNDS[method](counts, delta=delta, confidence=confidence, neighbouring=neighbouring)


def merit_of(method: str, delta: float, confidence: float) -> Merit:
    """Return what a split makes large on the part that chooses."""
    return balance_merit if method == "gaussian_dp" else epsilon_merit(delta, (1.0 - confidence) / 2)


def audit_by_counts(
    bound: BoundOfCounts, scores_in: Scores, scores_out: Scores, rule: ThresholdRule, confidence: float, merit: Merit
) -> EpsilonEstimate:
    """Bound epsilon by the errors at a threshold.

    Args:
        bound: from counts, by keyword ``confidence``, to an estimate.
        scores_in: ``(n_in,)`` scores of world 1.
        scores_out: ``(n_out,)`` scores of world 0.
        rule: how the threshold is had.
        confidence: of the whole statement.
        merit: what a split makes large.

    Raises:
        ConfigError: if the rule is one for guesses, or a split leaves a world empty.
    """
    match rule:
        case Explicit(value):
            said = f"the threshold {value:g} was fixed before these scores were seen"
            return _certified(bound, scores_in, scores_out, value, confidence, said, {})
        case Split():
            return _by_split(bound, scores_in, scores_out, rule, confidence, merit)
        case Bonferroni():
            return _by_bonferroni(bound, scores_in, scores_out, rule, confidence)
    raise ConfigError(
        f"count methods take Explicit, Split or Bonferroni; got {rule!r}. TwoSidedGuesses is for one_run.",
        key="threshold",
    )


def _certified(
    bound: BoundOfCounts,
    scores_in: Scores,
    scores_out: Scores,
    threshold: float,
    confidence: float,
    said: str,
    facts: dict[str, float],
) -> EpsilonEstimate:
    estimate = bound(counts_at_threshold(scores_in, scores_out, threshold), confidence=confidence)
    facts = {**estimate.diagnostics, "threshold": threshold, **facts}
    return replace(estimate, assumptions=(*estimate.assumptions, said), diagnostics=facts)


def _by_split(
    bound: BoundOfCounts, scores_in: Scores, scores_out: Scores, rule: Split, confidence: float, merit: Merit
) -> EpsilonEstimate:
    chosen, kept = [], []
    for world, scores in enumerate((scores_in, scores_out)):
        n = len(scores)
        if n < 2:
            raise ConfigError(
                f"Split needs at least 2 scores in each world; got {len(scores_in)} in and {len(scores_out)} out. "
                "State a threshold fixed beforehand with Explicit.",
                key="threshold",
            )
        order = np.random.default_rng([rule.seed, world]).permutation(n)
        n_chosen = min(max(round(rule.share * n), 1), n - 1)
        chosen.append(scores[order[:n_chosen]])
        kept.append(scores[order[n_chosen:]])
    threshold = best_threshold(chosen[0], chosen[1], merit)
    n_chosen = len(chosen[0]) + len(chosen[1])
    said = (
        f"the threshold was chosen on {n_chosen} scores (a share of {rule.share:g} of each world, drawn by seed "
        f"{rule.seed}) that take no part in the bound"
    )
    return _certified(bound, kept[0], kept[1], threshold, confidence, said, {"n_chosen_on": n_chosen})


def _by_bonferroni(
    bound: BoundOfCounts, scores_in: Scores, scores_out: Scores, rule: Bonferroni, confidence: float
) -> EpsilonEstimate:
    is_ranks = isinstance(rule.grid, int)
    candidates = rank_thresholds(scores_out, rule.grid) if isinstance(rule.grid, int) else np.asarray(rule.grid)
    each = 1.0 - (1.0 - confidence) / len(candidates)
    what = "ranks of the scores of world 0" if is_ranks else "thresholds"
    said = f"the best of {len(candidates)} {what} fixed beforehand, each at confidence {each:.6g} (Bonferroni)"
    facts = {"n_candidates": float(len(candidates)), "confidence_each": each}
    found = [_certified(bound, scores_in, scores_out, float(t), each, said, facts) for t in candidates]
    return replace(max(found, key=lambda estimate: estimate.lower), confidence=confidence)
