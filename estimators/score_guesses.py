"""Audits of scores by guesses about the canaries of one training."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from privaudit.errors import ConfigError
from privaudit.estimators.fdp_one_run_bound import fdp_one_run
from privaudit.estimators.guesses import default_share
from privaudit.estimators.one_run_bound import one_run
from privaudit.estimators.score_thresholds import Scores
from privaudit.estimators.thresholds import Bonferroni, Explicit, Split, ThresholdRule, TwoSidedGuesses
from privaudit.estimators.tied_guesses import Ties, count_two_sided
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

    Nobody knows in which order the canaries stood before their coins were thrown, so none is used to break ties.

    Args:
        bound: from n_canaries, n_guesses, n_correct, by keyword ``confidence``, to an estimate.
        scores_in: ``(n_in,)`` scores of the canaries that were in.
        scores_out: ``(n_out,)`` scores of those that were not.
        rule: which canaries are guessed about.
        confidence: of the whole statement.

    Raises:
        ConfigError: if the rule does not fit, or too few canaries are left.
    """
    scores, is_in = (
        np.concatenate([scores_in, scores_out]),
        np.arange(len(scores_in) + len(scores_out)) < len(scores_in),
    )
    match rule:
        case TwoSidedGuesses(share, ties):
            used = default_share(len(scores)) if share is None else share
            return _by_share(bound, scores, is_in, used, confidence, _fixed(used), ties=ties)
        case Explicit(value):
            n_correct = int(((scores >= value) == is_in).sum())
            said = f"a score of at least {value:g}, fixed beforehand, is guessed a member, any other a non-member"
            return _estimate(bound, is_in, len(scores), n_correct, confidence, said, {"threshold": value})
        case Split(share, seed):
            scores = np.concatenate(
                [np.sort(scores_in), np.sort(scores_out)]
            )  # no order of rows has a part in the draw
            order = _random_order(scores, len(scores_in), seed=seed)
            return _by_split(bound, scores[order], is_in[order], round(share * len(scores)), confidence)
        case Bonferroni():
            return _by_bonferroni(bound, scores, is_in, rule, confidence)
    raise ConfigError(
        f"one_run and fdp_one_run take TwoSidedGuesses, Explicit, Split or Bonferroni; got {rule!r}.", key="threshold"
    )


def _random_order(scores: Scores, n_in: int, *, seed: int) -> NDArray[np.int64]:
    """Draw which canaries choose and which certify.

    The joined list names members first and sorts either side, and one permutation for all data would take the same
    places each time: more members than not, or fewer, and the same ranks. It is therefore drawn anew for every outcome,
    from the seed and a digest of all ranks; the ranks alone, so that an increasing transform of the scores changes
    nothing. Where nearly all scores are equal few draws are left, but guesses among equal scores count as wrong.
    """
    ranks = np.unique(scores, return_inverse=True)[1].astype("<i8")
    content = hashlib.sha256(f"{n_in} {len(scores) - n_in} ".encode() + ranks.tobytes()).digest()
    return np.random.default_rng([seed, int.from_bytes(content, "little")]).permutation(len(scores))


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
    *,
    ties: Ties = "wrong",
) -> EpsilonEstimate:
    count = count_two_sided(scores, is_in, share, ties=ties)
    facts = {"share": share, "n_tied": count.n_tied, **(facts or {})}
    level, told = confidence, f"{count.n_tied} guesses among equal scores at a cut count as wrong where they could be"
    if ties == "median":
        level, told = (1.0 + confidence) / 2, "equal scores at a cut: the median over all orders, at half the error"
        facts = {**facts, "n_candidates": 2.0, "confidence_each": level}
    said = f"{said}; {told}" if count.n_tied or ties == "median" else said
    estimate = _estimate(bound, is_in, count.n_guesses, count.n_correct, level, said, facts)
    return replace(estimate, confidence=confidence)


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
