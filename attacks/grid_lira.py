"""LiRA on a grid of shadow models: every data set trained with every candidate of hyperparameters.

Which column each data set's shadow is taken from makes the attack: the target's true hyperparameters (the oracle), the
candidate chosen by divergence (KL-LiRA), each data set's own most accurate one (ACC-LiRA), or one at random.

Source: Pradhan, Jälkö, Tobaben, Honkela, SaTML 2025 (arXiv 2502.06374): the three attacks. LiRA: Carlini et al., S&P 2022.
The complement of the target's data set is left out as well, and densities are centred at the mean.
"""

from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privaudit.attacks.hyperparameter_selection import checked_coins, checked_signals
from privaudit.attacks.lira import Variance, log_likelihood_ratio, total_of
from privaudit.attacks.shadow_fit import Bools, Floats, SideFit, fit_side, left_out
from privaudit.errors import ConfigError, ShapeError

Integers = NDArray[np.int64]


def grid_lira_scores(
    target_values: ArrayLike,
    target_dataset: ArrayLike,
    grid: ArrayLike,
    is_in: ArrayLike,
    pair: ArrayLike,
    columns: ArrayLike,
    *,
    variance: Variance = "per_record",
) -> Floats:
    """Score every record of every target by online LiRA.

    Args:
        target_values: ``(n_targets, n_records)`` the targets' signals, e.g. logit margins.
        target_dataset: ``(n_targets,)`` the data set that each was trained on.
        grid: ``(n_datasets, n_candidates, n_records)`` signals of every data set trained with every candidate.
        is_in: ``(n_datasets, n_records)`` 1 or True for members.
        pair: ``(n_datasets,)`` the complement of each data set, -1 = none; without one the numbers of IN and OUT shadows
            may tell the target's coins.
        columns: ``(n_targets, n_datasets)`` which candidate the shadow of each data set is of; those of the target's own
            data set and of its complement are not looked at.
        variance: ``per_record`` (default) or ``pooled``, see `lira.side_variance`.

    Returns:
        ``(n_targets, n_records)`` scores, higher = more member-like.

    Raises:
        ShapeError: if the arrays do not fit together.
        DataError: if a signal is NaN or beyond ``LARGEST_SIGNAL``.
        ConfigError: if an index is not one, or the variance unknown.
        UnsupportedError: if a record has no shadow on a side.

    Source: Pradhan et al., SaTML 2025; Carlini et al., S&P 2022, equation 4.

    >>> is_in, pair = [[1], [0], [1], [0], [1], [0]], [1, 0, 3, 2, 5, 4]
    >>> grid = np.reshape([9.0, 9.0, 3.0, 0.0, 5.0, 2.0], (6, 1, 1))  # one candidate, one record
    >>> grid_lira_scores([[4.0], [1.0]], [0, 1], grid, is_in, pair, np.zeros((2, 6))).tolist()
    [[4.5], [-4.5]]
    """
    targets, shadows, inside = (
        checked_signals(target_values, "target_values", 2),
        checked_signals(grid, "grid", 3),
        checked_coins(is_in),
    )
    own, partner, column = (np.asarray(part, dtype=np.int64) for part in (target_dataset, pair, columns))
    _check_shapes(targets, shadows, inside, own, partner, column)
    if variance not in get_args(Variance):
        raise ConfigError(f"variance must be per_record or pooled; got {variance!r}.", key="variance")
    scores = np.empty(targets.shape)
    for target, dataset in enumerate(own.tolist()):
        others = np.setdiff1d(np.arange(len(shadows)), left_out(partner, dataset, "pair"))
        chosen = column[target, others]
        if not ((chosen >= 0) & (chosen < shadows.shape[1])).all():
            raise ConfigError(
                f"columns must be candidates, 0 to {shadows.shape[1] - 1}; those of target {target} are not."
            )
        values = shadows[others, chosen]
        with_it, without = _on_side(values, inside[others]), _on_side(values, ~inside[others])
        totals = (total_of(with_it), total_of(without))
        scores[target] = log_likelihood_ratio(targets[[target]], with_it, without, totals, variance=variance)[0]
    return scores


def _on_side(values: Floats, on_side: Bools) -> SideFit:
    """Fit one side for one target: arrays ``(1, n_records)``."""
    return SideFit(*(part[None] for part in fit_side(values, on_side)))


def _check_shapes(
    targets: Floats, grid: Floats, is_in: Bools, own: Integers, pair: Integers, columns: Integers
) -> None:
    n_datasets, _, n_records = grid.shape
    n_targets = len(targets)
    for name, array, shape in (
        ("target_values", targets, (n_targets, n_records)),
        ("target_dataset", own, (n_targets,)),
        ("is_in", is_in, (n_datasets, n_records)),
        ("pair", pair, (n_datasets,)),
        ("columns", columns, (n_targets, n_datasets)),
    ):
        if array.shape != shape:
            raise ShapeError(f"{name} must have shape {shape} beside a grid of shape {grid.shape}; got {array.shape}.")
    if not ((own >= 0) & (own < n_datasets)).all() or not ((pair >= -1) & (pair < n_datasets)).all():
        raise ConfigError(f"target_dataset and pair must be data sets, 0 to {n_datasets - 1}; some are not.")
