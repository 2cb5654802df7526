"""Audits of scores by guesses about the canaries of one training."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError
from privaudit.estimators.fdp_one_run_bound import fdp_one_run
from privaudit.estimators.guesses import default_share, two_sided_guesses
from privaudit.estimators.one_run_bound import one_run
from privaudit.estimators.score_thresholds import Scores
from privaudit.estimators.thresholds import Bonferroni, Explicit, Split, ThresholdRule, TwoSidedGuesses
from privaudit.types import EpsilonEstimate

# From n_canaries, n_guesses, n_correct and a confidence to an estimate.
BoundOfGuesses = Callable[..., EpsilonEstimate]

GUESS_METHODS: dict[str, BoundOfGuesses] = {"one_run": one_run, "fdp_one_run": fdp_one_run}
SMALLEST_SHARE = 0.02  # of a grid that is given as a number
SPLIT_SHARES = (0.05, 0.1, 0.2, 0.4)


def audit_by_guesses(
    bound: BoundOfGuesses, scores_in: Scores, scores_out: Scores, rule: ThresholdRule, confidence: float
) -> EpsilonEstimate:
    """Bound epsilon by how many guesses about canaries come true.

    The scores are shuffled first, see `shuffled`, so that a tie at a cut is broken without looking at the coins.

    Args:
        bound: from n_canaries, n_guesses, n_correct, by keyword ``confidence``, to an estimate.
        scores_in: ``(n_in,)`` scores of the canaries that were in.
        scores_out: ``(n_out,)`` scores of those that were not.
        rule: which canaries are guessed about.
        confidence: of the whole statement.

    Raises:
        ConfigError: if the rule does not fit, or too few canaries are left.
    """
    scores, is_in = shuffled(scores_in, scores_out, seed=getattr(rule, "seed", 0))
    match rule:
        case TwoSidedGuesses(share):
            used = default_share(len(scores)) if share is None else share
            return _by_share(bound, scores, is_in, used, confidence, _fixed(used))
        case Explicit(value):
            n_correct = int(((scores >= value) == is_in).sum())
            said = f"a score of at least {value:g}, fixed beforehand, is guessed a member, any other a non-member"
            return _estimate(bound, is_in, len(scores), n_correct, confidence, said, {"threshold": value})
        case Split(share):
            n_chosen = round(share * len(scores))
            return _by_split(bound, scores, is_in, n_chosen, confidence)
        case Bonferroni():
            return _by_bonferroni(bound, scores, is_in, rule, confidence)
    raise ConfigError(
        f"one_run and fdp_one_run take TwoSidedGuesses, Explicit, Split or Bonferroni; got {rule!r}.", key="threshold"
    )


def shuffled(scores_in: Scores, scores_out: Scores, *, seed: int = 0) -> tuple[Scores, NDArray[np.bool_]]:
    """Put the scores of both worlds in one random order.

    Members stand first in the joined list, and one permutation for all data would pick the same places of a block of
    ties every time: more members than non-members, or fewer. The permutation is therefore drawn anew for every outcome,
    from a digest of all ranks; the ranks alone, so that an increasing transform of the scores changes nothing.

    Args:
        scores_in: ``(n_in,)`` scores of the canaries that were in.
        scores_out: ``(n_out,)`` scores of those that were not.
        seed: for another order of the same data.

    Returns:
        ``(n_in + n_out,)`` scores, and which of them were in.
    """
    joined = np.concatenate([scores_in, scores_out])
    ranks = np.unique(joined, return_inverse=True)[1].astype("<i8")
    content = hashlib.sha256(f"{len(scores_in)} {len(scores_out)} ".encode() + ranks.tobytes()).digest()
    order = np.random.default_rng([seed, int.from_bytes(content, "little")]).permutation(len(joined))
    return joined[order], order < len(scores_in)


def _fixed(share: float) -> str:
    return f"a share of {share:g} of the canaries is guessed about, half on each side, fixed beforehand"


def _estimate(
    bound: BoundOfGuesses,
    is_in: NDArray[np.bool_],
    n_guesses: int,
    n_correct: int,
    confidence: float,
    said: str,
    facts: dict[str, float],
) -> EpsilonEstimate:
    estimate = bound(len(is_in), n_guesses, n_correct, confidence=confidence)
    return replace(
        estimate,
        n_in=int(is_in.sum()),
        n_out=int((~is_in).sum()),
        assumptions=(*estimate.assumptions, said),
        diagnostics={**estimate.diagnostics, **facts},
    )


def _by_share(
    bound: BoundOfGuesses,
    scores: Scores,
    is_in: NDArray[np.bool_],
    share: float,
    confidence: float,
    said: str,
    facts: dict[str, float] | None = None,
) -> EpsilonEstimate:
    guess = two_sided_guesses(scores, share)
    n_correct = int((guess == np.where(is_in, 1, -1)).sum())
    if scores.min() == scores.max():
        # Nothing tells the canaries apart: no guess is made, which the bound for up to n_guesses guesses covers.
        n_correct, said = 0, f"{said}; all scores are equal, so that no guess was made"
    facts = {"share": share, **(facts or {})}
    return _estimate(bound, is_in, int(np.count_nonzero(guess)), n_correct, confidence, said, facts)


def _by_split(
    bound: BoundOfGuesses, scores: Scores, is_in: NDArray[np.bool_], n_chosen: int, confidence: float
) -> EpsilonEstimate:
    if min(n_chosen, len(scores) - n_chosen) < 2:
        raise ConfigError(
            f"Split needs 2 canaries in either part; got {n_chosen} that choose of {len(scores)}. Use TwoSidedGuesses.",
            key="threshold",
        )
    first, rest = slice(None, n_chosen), slice(n_chosen, None)
    tried = [_by_share(bound, scores[first], is_in[first], share, confidence, "") for share in SPLIT_SHARES]
    # Where none shows anything the default share is kept.
    best = max(range(len(tried)), key=lambda place: tried[place].lower)
    share = SPLIT_SHARES[best] if tried[best].lower > 0.0 else default_share(len(scores) - n_chosen)
    said = (
        f"the share {share:g} of guesses was chosen on {n_chosen} canaries drawn without their coins, which take no part "
        "in the bound"
    )
    return _by_share(bound, scores[rest], is_in[rest], share, confidence, said, {"n_chosen_on": n_chosen})


def _by_bonferroni(
    bound: BoundOfGuesses, scores: Scores, is_in: NDArray[np.bool_], rule: Bonferroni, confidence: float
) -> EpsilonEstimate:
    grid = rule.grid
    shares = np.geomspace(SMALLEST_SHARE, 1.0, grid).tolist() if isinstance(grid, int) else list(grid)
    if not all(0.0 < share <= 1.0 for share in shares):
        raise ConfigError(
            f"for guesses grid holds shares of canaries in (0, 1]; got {min(shares):g} to {max(shares):g}.",
            key="threshold.grid",
        )
    each = 1.0 - (1.0 - confidence) / len(shares)
    said = f"the best of {len(shares)} shares of guesses fixed beforehand, each at confidence {each:.6g} (Bonferroni)"
    facts = {"n_candidates": float(len(shares)), "confidence_each": each}
    found = [_by_share(bound, scores, is_in, share, each, said, facts) for share in shares]
    best = max(found, key=lambda estimate: estimate.lower)
    return replace(best, confidence=confidence, ceiling=max(estimate.ceiling for estimate in found))
