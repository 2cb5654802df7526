"""The attacks of one repeat: means over all data sets in the role of the target."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privaudit.attacks.grid_lira import grid_lira_scores
from privaudit.attacks.hyperparameter_selection import choose_candidate, selection_divergence
from privaudit.estimators import auc, tpr_at_fpr
from privaudit.studies.hyperparameters.trained import Grid

ORACLE, CHOSEN, ACCURATE, DRAWN, LOSS = "known", "KL", "accuracy", "random", "loss"
ATTACKS = (ORACLE, CHOSEN, ACCURATE, DRAWN, LOSS)
LEVEL = 0.01


class Figures(NamedTuple):
    """What an attack reached: AUC, and the true positive rate at 1 % FPR (floor rule), each a mean over the targets."""

    auc: float
    tpr: float


class Targets(NamedTuple):
    """The attacked heads, one for each data set.

    Attributes:
        margin: ``(M, n_records)`` their logit margins.
        own: ``(M, M, n_records)`` column t: every data set trained with target t's hyperparameters.
        forbidden: ``(M,)`` the column of the grid that belongs to target t, which its attacker does not have.
    """

    margin: NDArray[np.float64]
    own: NDArray[np.float64]
    forbidden: NDArray[np.int64]


def diagonal(margin: NDArray[np.float64], forbidden: NDArray[np.int64]) -> Targets:
    """Return targets whose own columns are given.

    Args:
        margin: ``(M, M, n_records)``; target t is at (t, t).
        forbidden: see `Targets`.
    """
    every = np.arange(len(margin))
    return Targets(margin[every, every], margin, forbidden)


def contest(grid: Grid, targets: Targets) -> Mapping[str, Figures]:
    """Attack all targets: LiRA with shadows of their own hyperparameters, and of others.

    Args:
        grid: of the shadows.
        targets: one for each data set.

    Returns:
        attack -> figures.
    """
    n = len(grid.is_in)
    each = np.arange(n)
    column = {
        CHOSEN: np.broadcast_to(chosen_columns(grid, targets)[:, None], (n, n)),
        ACCURATE: np.broadcast_to(each, (n, n)),
        DRAWN: np.broadcast_to(n + each, (n, n)),
    }
    scores = {name: _lira(grid, targets, grid.margin, columns) for name, columns in column.items()}
    scores[ORACLE] = _lira(grid, targets, targets.own, np.broadcast_to(each[:, None], (n, n)))
    scores[LOSS] = targets.margin  # the loss falls as the margin rises
    return {name: figures(scores[name], grid.is_in) for name in ATTACKS}


def chosen_columns(grid: Grid, targets: Targets) -> NDArray[np.int64]:
    """Return the candidate whose heads are most like each target on their own members.

    A target's own column is not there, nor those that were tuned on its data set or on the complement, which tell its
    coins.

    Args:
        grid: of the shadows.
        targets: one for each data set.
    """
    n, each = len(grid.is_in), np.arange(len(grid.is_in))
    usable = np.ones((n, n), dtype=bool)
    allowed = np.ones((n, grid.margin.shape[1]), dtype=bool)
    usable[each, each] = usable[each, grid.pair] = False
    allowed[each, each] = allowed[each, grid.pair] = allowed[each, targets.forbidden] = False
    divergence = selection_divergence(targets.margin, grid.margin, grid.is_in, usable)
    return choose_candidate(divergence, allowed)


def _lira(grid: Grid, targets: Targets, margin: NDArray[np.float64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    each = np.arange(len(grid.is_in))
    return grid_lira_scores(targets.margin, each, margin, grid.is_in, grid.pair, columns)


def figures(scores: NDArray[np.float64], is_in: NDArray[np.bool_]) -> Figures:
    """Average over targets.

    Args:
        scores: ``(n_targets, n_records)``.
        is_in: the same shape, True for members.
    """
    areas = [auc(*one) for one in zip(scores, is_in, strict=True)]
    rates = [tpr_at_fpr(*one, LEVEL, confidence=0.95).value for one in zip(scores, is_in, strict=True)]
    return Figures(float(np.mean(areas)), float(np.mean(np.array(rates, dtype=np.float64))))
