"""When a many-runs game may end: bets after every pair of runs, which stay valid wherever the game is stopped.

The first pairs only choose the threshold and never count. After each group of pairs the game is decided where the bound
exceeds the claim, or where the rest of the budget could not make it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.config import AuditConfig
from privaudit.config.canaries import CanaryConfig
from privaudit.errors import ConfigError
from privaudit.estimators import BettingSequence, pld_claim
from privaudit.estimators.betting_wealth import default_grid
from privaudit.estimators.score_thresholds import best_threshold, epsilon_merit
from privaudit.training.recipe import Recipe
from privaudit.types import Neighbouring

CHOOSING_SHARE = 0.1  # of the budget's pairs
LEAST_CHOOSING = 20
JUST_ABOVE = 1e-6


class Stopped(NamedTuple):
    """Where a game stands.

    Attributes:
        sequence: the bets so far.
        threshold: ``score >= threshold`` guesses "present".
        n_played: pairs that count.
        is_decided: whether more pairs can change nothing.
    """

    sequence: BettingSequence
    threshold: float
    n_played: int
    is_decided: bool


def choosing_pairs(n_runs: int) -> int:
    """Return how many pairs of a budget only choose the threshold.

    >>> choosing_pairs(1000), choosing_pairs(100)
    (50, 20)
    """
    return max(LEAST_CHOOSING, int(CHOOSING_SHARE * n_runs / 2))


def betting(claim: float, *, delta: float, confidence: float) -> BettingSequence:
    """Return a sequence without rounds whose grid holds a value just above the claim: rejecting it exceeds the claim."""
    grid = np.unique(np.append(default_grid(), claim + JUST_ABOVE)) if np.isfinite(claim) else default_grid()
    return BettingSequence(delta=delta, confidence=confidence, grid=grid, neighbouring=Neighbouring.ADD_REMOVE)


def check_budget(config: AuditConfig, canaries: CanaryConfig, recipe: Recipe) -> None:
    """Refuse a game to be stopped when decided that its whole budget cannot decide.

    Raises:
        ConfigError: says how far the budget reaches, and what does.
    """
    if canaries.stop_when is None:
        return
    params = recipe.dp_sgd_params()
    assert params is not None and recipe.dp is not None
    delta = recipe.dp.delta
    claim = pld_claim(params, delta=delta, neighbouring=Neighbouring.ADD_REMOVE).epsilon
    sequence = betting(claim, delta=delta, confidence=config.confidence)
    n_pairs = canaries.n_runs // 2 - choosing_pairs(canaries.n_runs)
    ceiling = sequence.ceiling_after(max(n_pairs, 0))
    if ceiling <= claim:
        needed = _runs_needed(sequence, claim)
        advice = f"about {needed:,} runs reach it" if needed else "no affordable number of runs reaches it"
        raise ConfigError(
            f"canaries.n_runs: {canaries.n_runs} runs show at most epsilon {ceiling:.2f}, below the claim of {claim:.2f}, "
            f"so stop_when would end the game at once; {advice}. Leave stop_when out: then the claimed curve is tested, "
            "which takes fewer runs.",
            key="canaries.n_runs",
        )


def _runs_needed(sequence: BettingSequence, claim: float) -> int | None:
    for n_pairs in np.unique(np.geomspace(20, 500_000, 60).astype(int)).tolist():
        if sequence.ceiling_after(n_pairs) > claim:
            n_runs = 2 * int(n_pairs / (1 - CHOOSING_SHARE) + LEAST_CHOOSING)
            unit = 10 ** (len(str(n_runs)) - 2)
            return int(-(-n_runs // unit) * unit)
    return None


def play_until_decided(
    scores_in: NDArray[np.float64],
    scores_out: NDArray[np.float64],
    *,
    claim: float,
    delta: float,
    confidence: float,
    n_runs: int,
    group: int,
) -> Stopped:
    """Return where the game stops on the pairs so far; a function of their order, never of who played them.

    Args:
        scores_in: ``(n_pairs,)`` of the runs with the canary.
        scores_out: ``(n_pairs,)`` of those without.
        claim: the claimed epsilon.
        delta: its delta.
        confidence: of the bound, at every stopping time.
        n_runs: the budget.
        group: pairs between two looks.
    """
    n_choosing = choosing_pairs(n_runs)
    budget = n_runs // 2 - n_choosing
    merit = epsilon_merit(delta, (1.0 - confidence) / 2)
    threshold = best_threshold(scores_in[:n_choosing], scores_out[:n_choosing], merit)
    sequence = betting(claim, delta=delta, confidence=confidence)
    present, absent = scores_in[n_choosing:] >= threshold, scores_out[n_choosing:] >= threshold
    for start in range(0, len(present), group):
        part = slice(start, start + group)
        sequence = sequence.update(present[part][:, None], absent[part][:, None])
        if is_decided(sequence, claim, budget):
            return Stopped(sequence, threshold, sequence.n_rounds, True)
    return Stopped(sequence, threshold, sequence.n_rounds, is_decided(sequence, claim, budget))


def play_control(
    scores_in: NDArray[np.float64],
    scores_out: NDArray[np.float64],
    *,
    n_choosing: int,
    n_pairs: int,
    claim: float,
    delta: float,
    confidence: float,
) -> Stopped:
    """Return the bets on a game's control: a threshold of its own, and as many pairs as counted in the game.

    Without noise the scores are others than with it, so that the game's threshold would show nothing.

    Args:
        scores_in: ``(n_pairs,)`` of the runs with the canary.
        scores_out: ``(n_pairs,)`` of those without.
        n_choosing: first pairs, which only choose the threshold.
        n_pairs: pairs after them that count.
        claim: the claimed epsilon.
        delta: its delta.
        confidence: of the bound.
    """
    merit = epsilon_merit(delta, (1.0 - confidence) / 2)
    threshold = best_threshold(scores_in[:n_choosing], scores_out[:n_choosing], merit)
    rest = slice(n_choosing, n_choosing + n_pairs)
    sequence = betting(claim, delta=delta, confidence=confidence)
    sequence = sequence.update((scores_in[rest] >= threshold)[:, None], (scores_out[rest] >= threshold)[:, None])
    return Stopped(sequence, threshold, sequence.n_rounds, True)


def is_decided(sequence: BettingSequence, claim: float, budget: int) -> bool:
    """Whether the claim is exceeded, or the rest of the budget could not exceed it."""
    return sequence.lower > claim or sequence.ceiling_after(max(budget, sequence.n_rounds)) <= claim
